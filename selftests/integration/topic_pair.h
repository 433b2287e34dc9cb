/* SPDX-License-Identifier: MIT */
/*
 * A topic and its subscribers as processes, and messages that show what is
 * missing in them.
 */
#ifndef SELFTESTS_INTEGRATION_TOPIC_PAIR_H
#define SELFTESTS_INTEGRATION_TOPIC_PAIR_H

#include <poll.h>
#include <pthread.h>

#include "pair.h"

/* ---- messages ---- */

struct numbered {
	uint64_t number;
	uint64_t size;
};

static unsigned char bytes[1 << 20], expected[1 << 20];

static inline size_t make(uint64_t number, size_t size)
{
	struct numbered head = { number, size };

	memcpy(bytes, &head, sizeof(head));
	fill(bytes + sizeof(head), size - sizeof(head), (uint32_t)number);
	return size;
}

/* Whole; its number. */
static inline uint64_t number_of(const struct fastipc_buffer *message)
{
	struct numbered head;

	check(message->size >= sizeof(head));
	memcpy(&head, message->data, sizeof(head));
	check(head.size == message->size);
	fill(expected, head.size - sizeof(head), (uint32_t)head.number);
	check(!memcmp((char *)message->data + sizeof(head), expected,
		      head.size - sizeof(head)));
	return head.number;
}

static inline size_t some_size(uint64_t number)
{
	return sizeof(struct numbered) + number * 131 % 700;
}

static inline void publish(struct fastipc_topic *topic, uint64_t number)
{
	assert_result(fastipc_publish(topic, bytes,
				      make(number, some_size(number)), soon()),
		      0);
}

/* ---- both ends ---- */

static inline struct fastipc_topic *topic_make(const char *name,
					       uint32_t ring_size)
{
	struct fastipc_topic_options options;
	struct fastipc_topic *topic = NULL;

	fastipc_topic_options_init(&options);
	options.ring_size = ring_size;
	/* Also under a sanitizer, on a machine with other things to do. */
	options.patience_ns = PATIENCE;
	assert_result(fastipc_topic_create(name, &options, &topic), 0);
	return topic;
}

static inline struct fastipc_topic_stats
stats_of(const struct fastipc_topic *topic)
{
	struct fastipc_topic_stats stats = { .size = sizeof(stats) };

	assert_result(fastipc_topic_get_stats(topic, &stats), 0);
	return stats;
}

/* Dispatch until there are @count subscribers. */
static inline void await_subscribers(struct fastipc_topic *topic,
				     uint64_t count)
{
	uint64_t until = soon();

	while (stats_of(topic).subscribers != count) {
		struct pollfd pollfd = { .fd = fastipc_topic_fd(topic),
					 .events = POLLIN };

		assert_true(fastipc_now_ns() < until);
		poll(&pollfd, 1, 100);
		assert_true(fastipc_topic_dispatch(topic) >= 0);
	}
}

typedef void (*subscriber_fn)(struct fastipc_subscriber *subscriber,
			      const void *argument);

static inline pid_t subscribe(const char *name,
			      const struct fastipc_subscriber_options *options,
			      subscriber_fn run, const void *argument)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct fastipc_subscriber *subscriber;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		check(!fastipc_subscriber_open(name, options, &subscriber));
		run(subscriber, argument);
		fastipc_subscriber_close(subscriber);
		_exit(0);
	}
	return pid;
}

/* In this process; the handshake needs the publisher's help. */
struct opening {
	const char *name;
	const struct fastipc_subscriber_options *options;
	struct fastipc_subscriber *subscriber;
	int error;
};

static inline void *open_one(void *argument)
{
	struct opening *opening = argument;

	opening->error = fastipc_subscriber_open(
		opening->name, opening->options, &opening->subscriber);
	return NULL;
}

static inline struct fastipc_subscriber *
open_here(struct fastipc_topic *topic, const char *name,
	  const struct fastipc_subscriber_options *options)
{
	struct opening opening = { .name = name, .options = options };
	uint64_t joined = stats_of(topic).joined, until = soon();
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, open_one, &opening), 0);
	while (stats_of(topic).joined == joined) {
		assert_true(fastipc_now_ns() < until);
		assert_true(fastipc_topic_dispatch(topic) >= 0);
		usleep(200);
	}
	pthread_join(thread, NULL);
	assert_result(opening.error, 0);
	return opening.subscriber;
}

static inline struct fastipc_subscriber_options
options_of(enum fastipc_policy policy)
{
	struct fastipc_subscriber_options options;

	fastipc_subscriber_options_init(&options);
	options.policy = policy;
	options.patience_ns = PATIENCE;
	return options;
}

/* ---- what comes next ---- */

static inline void assert_next(struct fastipc_subscriber *subscriber,
			       uint64_t number, uint64_t missed)
{
	struct fastipc_buffer message = { 0 };
	uint64_t lost;

	assert_result(fastipc_subscriber_next(subscriber, &message, &lost,
					      soon()),
		      0);
	assert_int_equal(number_of(&message), number);
	assert_int_equal(lost, missed);
	fastipc_buffer_free(&message);
}

static inline void assert_no_next(struct fastipc_subscriber *subscriber,
				  int error)
{
	struct fastipc_buffer message = { 0 };

	assert_result(fastipc_subscriber_next(subscriber, &message, NULL, 1),
		      error);
	fastipc_buffer_free(&message);
}

#define COUNT 20000u

/* A subscriber that gets all of COUNT messages. */
static inline void read_all(struct fastipc_subscriber *subscriber,
			    const void *argument)
{
	struct fastipc_buffer message = { 0 };
	uint64_t lost = 1, next = 0;
	int error;

	(void)argument;
	while (!(error = fastipc_subscriber_next(subscriber, &message, &lost,
						 soon()))) {
		check(!lost);
		check(number_of(&message) == next++);
	}
	check(error == -ENODATA);
	check(next == COUNT);
	fastipc_buffer_free(&message);
}

#endif
