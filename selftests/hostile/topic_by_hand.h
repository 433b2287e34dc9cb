/* SPDX-License-Identifier: MIT */
/*
 * A topic under attack, one who behaves, and subscribers that speak the wire
 * by hand.
 */
#ifndef SELFTESTS_HOSTILE_TOPIC_BY_HAND_H
#define SELFTESTS_HOSTILE_TOPIC_BY_HAND_H

#include <poll.h>
#include <pthread.h>

#include "integration/pair.h"
#include "topic/topic.h"
#include "transport/handshake.h"

#define RING 16384u

/* ---- the topic under attack, and one who behaves ---- */

struct scene {
	struct fastipc_topic *topic;
	struct fastipc_subscriber *good; /* blocks, and misses nothing */
	uint64_t published, read;
};

struct opening {
	const struct fastipc_subscriber_options *options;
	struct fastipc_subscriber *subscriber;
	int error;
};

static inline void *open_one(void *argument)
{
	struct opening *opening = argument;

	opening->error = fastipc_subscriber_open("attacked", opening->options,
						 &opening->subscriber);
	return NULL;
}

static inline struct fastipc_topic_stats stats_of(const struct scene *scene)
{
	struct fastipc_topic_stats stats = { .size = sizeof(stats) };

	assert_result(fastipc_topic_get_stats(scene->topic, &stats), 0);
	return stats;
}

static inline void scene_make_as(struct scene *scene, bool wake_all)
{
	struct fastipc_subscriber_options options;
	struct fastipc_topic_options topic_options;
	struct opening opening = { .options = &options };
	uint64_t until = soon();
	pthread_t thread;

	memset(scene, 0, sizeof(*scene));
	fastipc_topic_options_init(&topic_options);
	topic_options.ring_size = RING;
	topic_options.wake_all = wake_all;
	topic_options.patience_ns = PATIENCE;
	topic_options.handshake_timeout_ns = PATIENCE;
	assert_result(fastipc_topic_create("attacked", &topic_options,
					   &scene->topic),
		      0);
	fastipc_subscriber_options_init(&options);
	options.policy = FASTIPC_BLOCK;
	options.patience_ns = PATIENCE;
	options.checksum = FASTIPC_CHECKSUM_FULL;
	assert_int_equal(pthread_create(&thread, NULL, open_one, &opening), 0);
	while (!stats_of(scene).joined) {
		assert_true(fastipc_now_ns() < until);
		assert_true(fastipc_topic_dispatch(scene->topic) >= 0);
	}
	pthread_join(thread, NULL);
	assert_result(opening.error, 0);
	scene->good = opening.subscriber;
}

static inline void scene_make(struct scene *scene)
{
	scene_make_as(scene, false);
}

/* From here on; the one who behaves is in, however long that took. */
static inline void hurry_handshakes(struct scene *scene, uint64_t timeout)
{
	scene->topic->options.handshake_timeout_ns = timeout;
}

/* As though nothing had happened: @count messages, more than the ring holds. */
static inline void go_on(struct scene *scene, int count)
{
	struct fastipc_buffer message = { 0 };

	for (int i = 0; i < count; i++) {
		uint64_t data[10] = { scene->published };
		uint64_t lost = 1;

		assert_result(fastipc_publish(scene->topic, data, sizeof(data),
					      soon()),
			      0);
		scene->published++;
		assert_result(fastipc_subscriber_next(scene->good, &message,
						      &lost, soon()),
			      0);
		assert_int_equal(lost, 0);
		assert_int_equal(message.size, sizeof(data));
		memcpy(data, message.data, sizeof(data));
		assert_int_equal(data[0], scene->read++);
	}
	fastipc_buffer_free(&message);
}

static inline void scene_end(struct scene *scene)
{
	go_on(scene, 500);
	assert_int_equal(stats_of(scene).subscribers, 1);
	fastipc_topic_destroy(scene->topic);
	fastipc_subscriber_close(scene->good);
}

/* ---- a subscriber by hand ---- */

struct hand {
	int sock;
	struct fastipc_region own, ring;
	struct fastipc_seat_words *words;
	struct fastipc_hello answer;
	int error; /* that the publisher refused with */
};

static inline int connect_hand(void)
{
	int sock = fastipc_rendezvous_connect("attacked", soon());

	assert_true(sock >= 0);
	return sock;
}

/* Send @hello with @fd, dispatch, and look at the answer. */
static inline void exchange(struct scene *scene, struct hand *hand,
			    const struct fastipc_hello *hello, int fd)
{
	int fds[FASTIPC_HELLO_FDS];
	uint64_t until = soon();
	int error;

	assert_int_equal(fastipc_hello_send(hand->sock, hello, &fd, fd >= 0),
			 0);
	do {
		fastipc_topic_dispatch(scene->topic);
		error = fastipc_hello_receive(hand->sock, &hand->answer, fds);
		assert_true(fastipc_now_ns() < until);
	} while (error == -EAGAIN);
	/* A reset first, if it refused without having read it all. */
	if (error == -EPIPE)
		error = fastipc_hello_receive(hand->sock, &hand->answer, fds);
	assert_int_equal(error, 0);
	hand->error = hand->answer.error;
	if (fds[0] >= 0)
		assert_int_equal(fastipc_region_attach(&hand->ring, fds[0]), 0);
	fastipc_hello_close(fds);
}

static inline void hand_join_as(struct scene *scene, struct hand *hand,
				uint32_t policy, uint32_t sleep_at,
				uint32_t relay)
{
	struct fastipc_hello hello;
	int fd;

	memset(hand, 0, sizeof(*hand));
	hand->sock = connect_hand();
	assert_int_equal(
		fastipc_region_create(&hand->own, FASTIPC_SEAT_RING, &fd), 0);
	hand->words = fastipc_seat_words(&hand->own);
	hand->words->policy = policy;
	hand->words->sleep_at = sleep_at;
	hand->words->relay = relay;
	hand->words->patience_ns = UINT64_MAX;
	fastipc_hello_init(&hello, FASTIPC_HELLO_SUBSCRIBE);
	hello.ring_size = FASTIPC_SEAT_RING;
	exchange(scene, hand, &hello, fd);
	close(fd);
}

static inline void hand_join(struct scene *scene, struct hand *hand,
			     uint32_t policy, uint32_t sleep_at)
{
	hand_join_as(scene, hand, policy, sleep_at, 0);
}

static inline void hand_free(struct hand *hand)
{
	fastipc_region_unmap(&hand->own);
	fastipc_region_unmap(&hand->ring);
	if (hand->sock >= 0)
		close(hand->sock);
}

/* The publisher has hung up on it. */
static inline void assert_dropped(struct hand *hand)
{
	struct pollfd pollfd = { .fd = hand->sock, .events = POLLIN };

	assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
	assert_true(pollfd.revents & POLLHUP);
}

#endif
