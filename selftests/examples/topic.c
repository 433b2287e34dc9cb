// SPDX-License-Identifier: MIT
/* A topic: a child process counts, and its parent listens from some time on. */
#include <fastipc/fastipc.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	int n = 0;
	struct fastipc_buffer message = { &n, 0, sizeof(n), true };
	struct fastipc_subscriber *subscriber;
	struct fastipc_topic *topic;

	if (fastipc_topic_create("counting", NULL, &topic)) {
		fprintf(stderr, "topic: %s\n", fastipc_error_detail());
		return 1;
	}
	if (fork() == 0) {
		for (; n < 100; n++, usleep(1000))
			fastipc_publish(topic, &n, sizeof(n), 0);
		fastipc_topic_destroy(topic);
		return 0;
	}
	if (fastipc_subscriber_open("counting", NULL, &subscriber))
		return 1;
	while (fastipc_subscriber_next(subscriber, &message, NULL, 0) == 0)
		printf("%d\n", n);
	fastipc_subscriber_close(subscriber);
	return 0;
}
