// SPDX-License-Identifier: MIT
/*
 * A client in an event loop: a timer starts a call every 100 ms, and replies
 * arrive through callbacks, while one epoll_wait() sleeps for everything.
 * The server is hello_server.c.
 */
#include <errno.h>
#include <fastipc/fastipc.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CALLS 10
#define TIMEOUT_NS 1000000000u

struct loop {
	struct fastipc_client *client;
	int epoll;
	int timer;
	unsigned int started;
	unsigned int ended;
	unsigned int failed;
};

/* A call's end.  It must not wait, but may start other calls. */
static void done(void *context, int status, const void *data, size_t size)
{
	struct loop *loop = context;

	loop->ended++;
	if (status) {
		loop->failed++;
		printf("failed: %s\n", fastipc_strerror(status));
		return;
	}
	printf("%.*s\n", (int)size, (const char *)data);
}

static int start_call(struct loop *loop)
{
	struct fastipc_call_options options;
	char text[32];
	uint64_t id;

	snprintf(text, sizeof(text), "call %u", loop->started + 1);
	fastipc_call_options_init(&options);
	options.deadline = fastipc_after_ns(TIMEOUT_NS);
	options.done = done;
	options.context = loop;
	loop->started++;
	return fastipc_client_start(loop->client, 1, text, strlen(text),
				    &options, &id);
}

/* For epoll_wait(), from the deadlines of the calls in flight. */
static int timeout_ms(struct loop *loop)
{
	uint64_t deadline = fastipc_client_next_deadline(loop->client);
	uint64_t now = fastipc_now_ns();

	if (deadline == FASTIPC_NO_DEADLINE)
		return -1;
	return deadline > now ? (int)((deadline - now) / 1000000) + 1 : 0;
}

static int run(struct loop *loop)
{
	while (loop->ended < CALLS) {
		struct epoll_event event;
		uint64_t ticks;
		/* Before each sleep: this arms the descriptor. */
		int error = fastipc_client_dispatch(loop->client);

		if (error < 0)
			return error;
		if (loop->ended == CALLS)
			break;
		if (epoll_wait(loop->epoll, &event, 1, timeout_ms(loop)) < 1)
			continue; /* a deadline, or a signal: dispatch */
		if (event.data.fd != loop->timer ||
		    read(loop->timer, &ticks, sizeof(ticks)) < 0)
			continue;
		if (loop->started < CALLS)
			error = start_call(loop);
		if (error < 0)
			return error;
	}
	return 0;
}

static int watch(struct loop *loop, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_loop(struct loop *loop)
{
	const struct itimerspec every_100_ms = {
		.it_value.tv_nsec = 100000000,
		.it_interval.tv_nsec = 100000000,
	};

	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->timer =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->epoll < 0 || loop->timer < 0 ||
	    timerfd_settime(loop->timer, 0, &every_100_ms, NULL) ||
	    watch(loop, loop->timer) ||
	    watch(loop, fastipc_client_fd(loop->client)))
		return -errno;
	return 0;
}

int main(void)
{
	struct loop loop = { .epoll = -1, .timer = -1 };

	if (fastipc_client_connect("hello", NULL, &loop.client)) {
		fprintf(stderr, "events: %s\n", fastipc_error_detail());
		return 1;
	}
	if (open_loop(&loop)) {
		perror("events");
		return 1;
	}
	if (run(&loop)) {
		fprintf(stderr, "events: %s\n", fastipc_error_detail());
		return 1;
	}
	fastipc_client_close(loop.client);
	close(loop.timer);
	close(loop.epoll);
	return loop.failed ? 1 : 0;
}
