// SPDX-License-Identifier: MIT
/*
 * Two POSIX message queues, of ten messages each.  What is longer than
 * /proc/sys/fs/mqueue/msgsize_max (8 KiB), or more than RLIMIT_MSGQUEUE in
 * all, needs privileges.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "peers.h"

#define MESSAGES 10

static mqd_t to_server = -1;
static mqd_t to_client = -1;
static void *buffer;
static size_t capacity;

static int open_queue(const struct peer_config *config, const char *way,
		      mqd_t *queue)
{
	struct mq_attr attributes = {
		.mq_maxmsg = MESSAGES,
		.mq_msgsize = (long)config->size,
	};
	int spin = config->wait == PEER_SPIN ? O_NONBLOCK : 0;
	char name[64];

	snprintf(name, sizeof(name), "/%s-%s", config->name, way);
	*queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | spin, 0600,
			 &attributes);
	if (*queue != -1) {
		mq_unlink(name);
		return 0;
	}
	peer_fail(errno, "this size is over the limits of message queues");
	return -EOPNOTSUPP;
}

static int prepare(const struct peer_config *config)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int error;

	/* It has an effect for root only. */
	setrlimit(RLIMIT_MSGQUEUE, &all);
	capacity = config->size;
	buffer = malloc(capacity);
	if (!buffer)
		return peer_fail(ENOMEM, "a buffer");
	error = open_queue(config, "request", &to_server);
	return error ? error : open_queue(config, "answer", &to_client);
}

static bool try_again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static int send_to(mqd_t queue, const void *data, size_t size)
{
	while (mq_send(queue, data, size, 0))
		if (!try_again())
			return peer_fail(errno, "mq_send");
	return 0;
}

static ssize_t receive_from(mqd_t queue)
{
	ssize_t size;

	while ((size = mq_receive(queue, buffer, capacity, NULL)) < 0)
		if (!try_again())
			return peer_fail(errno, "mq_receive");
	return size;
}

static int serve(const struct peer_config *config)
{
	peer_ready();
	for (;;) {
		ssize_t got = receive_from(to_server);
		const void *answer;
		size_t size;
		int error;

		if (got < 0)
			return (int)got;
		if (!peer_take(config, buffer, (size_t)got, &answer, &size))
			continue;
		error = send_to(to_client, answer, size);
		if (error)
			return error;
	}
}

static int join(const struct peer_config *config)
{
	(void)config;
	return 0;
}

static int call(const void *data, size_t size, size_t expected,
		const void **reply)
{
	int error = send_to(to_server, data, size);
	ssize_t got;

	if (error)
		return error;
	got = receive_from(to_client);
	*reply = buffer;
	return got == (ssize_t)expected ? 0 : peer_fail(EPROTO, "its size");
}

static int post(const void *data, size_t size, bool last)
{
	(void)last;
	return send_to(to_server, data, size);
}

static void leave(void)
{
	mq_close(to_server);
	mq_close(to_client);
	free(buffer);
}

const struct peer_ops peer_ops = {
	.title = "POSIX message queue",
	.can_spin = true,
	.prepare = prepare,
	.serve = serve,
	.connect = join,
	.call = call,
	.post = post,
	.close = leave,
};
