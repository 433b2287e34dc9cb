// SPDX-License-Identifier: MIT
/*
 * The publisher: its topic, and publishing.
 */
#include "topic/topic.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/address.h"

#define RING_DEFAULT (1u << 20)
#define SUBSCRIBERS_MAX 65536u
/* From so many sleepers on two of them wake the others: for fewer the way over
 * those two is longer than it is worth. */
#define RELAY_LEAST 6
/* Who still sleeps when that much has passed was forgotten. */
#define RELAY_NS 2000000u

void fastipc_topic_options_init(struct fastipc_topic_options *options)
{
	*options = (struct fastipc_topic_options){
		.size = sizeof(*options),
		.checksum = FASTIPC_CHECKSUM_OFF,
		.ring_size = RING_DEFAULT,
		.max_subscribers = 1024,
		.patience_ns = 100000000,
		.handshake_timeout_ns = 2000000000,
		.mode = 0600,
	};
}

static int take_options(const struct fastipc_topic_options *given,
			struct fastipc_topic_options *options)
{
	fastipc_topic_options_init(options);
	if (!given)
		return 0;
	if (given->size < sizeof(*given))
		return fastipc_fail(
			-EINVAL,
			"options->size is %zu: use fastipc_topic_options_init()",
			given->size);
	*options = *given;
	if (options->schema_match > FASTIPC_SCHEMA_FULL ||
	    options->checksum > FASTIPC_CHECKSUM_FULL)
		return fastipc_fail(-EINVAL, "checksum or schema_match is none "
					     "of its enum");
	if (options->checksum == FASTIPC_CHECKSUM_HEADER)
		options->checksum = FASTIPC_CHECKSUM_FULL;
	if (!options->max_subscribers ||
	    options->max_subscribers > SUBSCRIBERS_MAX)
		return fastipc_fail(-EINVAL,
				    "max_subscribers must be from 1 to %u",
				    SUBSCRIBERS_MAX);
	return fastipc_ring_size_check(options->ring_size);
}

static int check_address(const char *address)
{
	struct fastipc_address parsed;
	int error = fastipc_address_parse(address, &parsed);

	if (!error && parsed.transport == FASTIPC_TRANSPORT_KMOD)
		error = fastipc_fail(-EOPNOTSUPP,
				     "a topic cannot be of kmod: use a NAME "
				     "without a prefix");
	return error;
}

/* Frees what is there of it. */
static void topic_free(struct fastipc_topic *topic)
{
	fastipc_rendezvous_close(&topic->rendezvous);
	if (topic->epoll_fd >= 0)
		close(topic->epoll_fd);
	if (topic->ring_fd >= 0)
		close(topic->ring_fd);
	fastipc_region_unmap(&topic->region);
	free(topic->sleeps);
	free(topic->rung);
	free(topic->relays);
	free(topic->seats);
	free(topic);
}

static int topic_open(struct fastipc_topic *topic, const char *address)
{
	const struct fastipc_topic_options *options = &topic->options;
	int error;

	error = fastipc_region_create(&topic->region, options->ring_size,
				      &topic->ring_fd);
	if (error)
		return error;
	fastipc_broadcast_init(&topic->ring, &topic->region, 0, 0);
	topic->ring.summed = options->checksum != FASTIPC_CHECKSUM_OFF;
	topic->stats.checksum = options->checksum;
	topic->stats.max_message = topic->ring.message_max;
	topic->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (topic->epoll_fd < 0)
		return fastipc_fail(-errno,
				    "cannot make an epoll set (%s): raise "
				    "RLIMIT_NOFILE",
				    strerrordesc_np(errno));
	error = fastipc_rendezvous_listen(&topic->rendezvous, address,
					  options->mode);
	return error ? error : fastipc_topic_watch(topic);
}

int fastipc_topic_create(const char *address,
			 const struct fastipc_topic_options *given,
			 struct fastipc_topic **result)
{
	struct fastipc_topic_options options;
	struct fastipc_topic *topic;
	int error;

	if (!address || !result)
		return fastipc_fail(-EINVAL, "address and topic are needed");
	error = take_options(given, &options);
	if (!error)
		error = check_address(address);
	if (error)
		return error;
	topic = calloc(1, sizeof(*topic));
	if (!topic)
		return fastipc_fail(-ENOMEM, "no memory for a topic");
	topic->options = options;
	topic->direct = options.wake_all;
	topic->rendezvous.fd = topic->rendezvous.reserve_fd = -1;
	topic->epoll_fd = topic->ring_fd = -1;
	topic->started_ns = fastipc_now_ns();
	error = topic_open(topic, address);
	if (error)
		topic_free(topic);
	else
		*result = topic;
	return error;
}

/* Returns how many slept, with one of @bits or more, and were woken. */
static long futex_wake(const struct fastipc_topic *topic, uint32_t bits)
{
	return syscall(SYS_futex, &topic->region.control->doorbell,
		       FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, bits);
}

void fastipc_topic_destroy(struct fastipc_topic *topic)
{
	if (!topic)
		return;
	__atomic_store_n(&topic->region.control->state, FASTIPC_STATE_SHUTDOWN,
			 __ATOMIC_RELEASE);
	/* Nobody will look whether this has reached all. */
	topic->direct = true;
	fastipc_topic_ring(topic);
	if (topic->relayed)
		futex_wake(topic, FUTEX_BITSET_MATCH_ANY);
	fastipc_topic_drop_all(topic);
	topic_free(topic);
}

int fastipc_topic_fd(const struct fastipc_topic *topic)
{
	return topic->epoll_fd;
}

int fastipc_topic_dispatch(struct fastipc_topic *topic)
{
	int events;

	if (!topic)
		return fastipc_fail(-EINVAL, "topic is NULL");
	fastipc_lock(&topic->lock);
	events = fastipc_topic_look(topic, 0);
	fastipc_unlock(&topic->lock);
	return events;
}

/* ---- ringing ---- */

/* EAGAIN: the subscriber has bytes unread, so it is readable. */
static void send_byte(int sock)
{
	(void)!send(sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Who sleeps in the futex, and two of them that are able to pass a ring on,
 * each as likely as any other. */
struct sleepers {
	uint32_t count;
	uint32_t able;
	uint32_t relays[2];
	uint64_t random;
};

static void add_sleeper(struct sleepers *sleepers, uint32_t relay)
{
	uint32_t place = sleepers->able;

	sleepers->count++;
	if (!relay)
		return;
	sleepers->able++;
	sleepers->random =
		sleepers->random * 6364136223846793005u + 1442695040888963407u;
	if (place >= 2)
		place = (uint32_t)(sleepers->random >> 33) % sleepers->able;
	if (place < 2)
		sleepers->relays[place] = relay;
}

/*
 * Two are enough to be told, or all must be.  Two that were about to wake up
 * by themselves have not seen this ring, and do not pass it on: then fewer
 * have been woken.
 */
static void ring_futex(struct fastipc_topic *topic,
		       const struct sleepers *sleepers)
{
	struct fastipc_control *own = topic->region.control;
	uint32_t doorbell = own->doorbell + 1;
	uint32_t relays = 0;

	if (sleepers->count >= RELAY_LEAST && sleepers->able >= 2 &&
	    !topic->direct)
		relays = sleepers->relays[0] | sleepers->relays[1];
	__atomic_store_n(&topic->ring.words->relays,
			 (uint64_t)doorbell << 32 | relays, __ATOMIC_RELAXED);
	__atomic_store_n(&own->wake_ns, fastipc_now_ns(), __ATOMIC_RELAXED);
	__atomic_store_n(&own->doorbell, doorbell, __ATOMIC_RELEASE);
	if (!relays || futex_wake(topic, relays) < 2)
		futex_wake(topic, FUTEX_BITSET_MATCH_ANY);
	else
		topic->relayed = true;
}

/* Not in the way of those that need not be rung. */
static __attribute__((noinline)) void ring_sleepers(struct fastipc_topic *topic,
						    uint32_t first)
{
	struct sleepers sleepers = { .random = fastipc_now_ns() };

	for (uint32_t i = first; i < topic->count; i++) {
		uint32_t sleep =
			__atomic_load_n(topic->sleeps[i], __ATOMIC_RELAXED);

		if (!(sleep & FASTIPC_SLEEP_MODE_MASK) ||
		    sleep == topic->rung[i])
			continue;
		topic->rung[i] = sleep;
		if ((sleep & FASTIPC_SLEEP_MODE_MASK) == FASTIPC_SLEEP_POLL)
			send_byte(topic->seats[i]->sock);
		else
			add_sleeper(&sleepers, topic->relays[i]);
		fastipc_topic_count(&topic->stats.wakes, 1);
	}
	if (sleepers.count)
		ring_futex(topic, &sleepers);
}

/* Whether somebody was rung and has not said since that it is awake. */
static bool is_asleep(const struct fastipc_topic *topic)
{
	for (uint32_t i = 0; i < topic->count; i++) {
		uint32_t sleep =
			__atomic_load_n(topic->sleeps[i], __ATOMIC_RELAXED);

		if ((sleep & FASTIPC_SLEEP_MODE_MASK) == FASTIPC_SLEEP_FUTEX &&
		    sleep == topic->rung[i])
			return true;
	}
	return false;
}

void fastipc_topic_check_relays(struct fastipc_topic *topic)
{
	uint64_t rung = topic->region.control->wake_ns;

	if (is_asleep(topic)) {
		if (fastipc_now_ns() - rung < RELAY_NS)
			return;
		/* Who is not in the futex any more is only slow. */
		if (futex_wake(topic, FUTEX_BITSET_MATCH_ANY) > 0)
			topic->direct = true;
	}
	topic->relayed = false;
}

void fastipc_topic_ring(struct fastipc_topic *topic)
{
	const uint32_t *const *sleeps = topic->sleeps;
	uint32_t count = topic->count;

	if (!count)
		return;
	fastipc_full_barrier(); /* R2 */
	for (uint32_t i = 0; i < count; i++) {
		uint32_t sleep =
			__atomic_load_n(sleeps[i], __ATOMIC_RELAXED); /* R3 */

		if (__builtin_expect(sleep & FASTIPC_SLEEP_MODE_MASK, 0) &&
		    sleep != topic->rung[i]) {
			ring_sleepers(topic, i);
			return;
		}
	}
}

/* ---- publishing ---- */

/* Now and then: this clock moves every few milliseconds, and costs little. */
static inline void look_sometimes(struct fastipc_topic *topic)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (__builtin_expect(now.tv_nsec == topic->tick.tv_nsec &&
				     now.tv_sec == topic->tick.tv_sec,
			     1))
		return;
	topic->tick = now;
	fastipc_topic_look(topic, 0);
}

static int no_room(struct fastipc_topic *topic, uint32_t size,
		   uint64_t deadline)
{
	uint64_t need = fastipc_broadcast_need(&topic->ring, size);
	int error = 0;

	if (topic->blocking && (int64_t)(topic->limit - need) < 0)
		error = fastipc_topic_await_room(topic, need, deadline);
	if (error)
		return error;
	fastipc_broadcast_make_room(&topic->ring, size,
				    topic->blocking ? topic->limit
						    : topic->ring.tail);
	return 0;
}

static inline int make_room(struct fastipc_topic *topic, uint32_t size,
			    uint64_t deadline)
{
	if (__builtin_expect(fastipc_broadcast_fits(&topic->ring, size), 1))
		return 0;
	return no_room(topic, size, deadline);
}

static void published(struct fastipc_topic *topic, uint32_t size)
{
	fastipc_topic_count(&topic->stats.messages, 1);
	fastipc_topic_count(&topic->stats.bytes, size);
	fastipc_topic_ring(topic);
}

static int too_long(const struct fastipc_topic *topic, size_t size)
{
	return fastipc_fail(-EMSGSIZE,
			    "the message has %zu bytes and may have %u: use a "
			    "larger ring_size",
			    size, topic->ring.message_max);
}

int fastipc_publish(struct fastipc_topic *topic, const void *data, size_t size,
		    uint64_t deadline)
{
	int error;

	if (!topic || (!data && size))
		return fastipc_fail(-EINVAL, "topic and data are needed");
	if (size > topic->ring.message_max)
		return too_long(topic, size);
	fastipc_lock(&topic->lock);
	look_sometimes(topic);
	error = make_room(topic, (uint32_t)size, deadline);
	if (!error) {
		fastipc_broadcast_write(&topic->ring, data, (uint32_t)size);
		published(topic, (uint32_t)size);
	}
	fastipc_unlock(&topic->lock);
	return error;
}

/*
 * As much room as the last message took is likely to be enough, and what is
 * free besides costs nothing.  To make room for the longest message that there
 * may be would cost a quarter of what can be read.
 */
static int encode_in_place(struct fastipc_topic *topic,
			   fastipc_encode_fn encode, const void *value,
			   uint64_t deadline, size_t *size)
{
	uint32_t room = topic->guess;

	for (;;) {
		int error = make_room(topic, room, deadline);

		if (error)
			return error;
		room = fastipc_broadcast_room(&topic->ring);
		fastipc_broadcast_begin(&topic->ring, room);
		error = encode(value, fastipc_broadcast_place(&topic->ring),
			       room, size);
		if (!error && *size > room)
			return fastipc_fail(-EINVAL, "the encoder wrote more "
						     "than it may");
		if (error != -EMSGSIZE || *size <= room)
			return error;
		if (*size > topic->ring.message_max)
			return too_long(topic, *size);
		room = (uint32_t)*size;
	}
}

int fastipc_publish_value(struct fastipc_topic *topic, fastipc_encode_fn encode,
			  const void *value, uint64_t deadline)
{
	size_t size = 0;
	int error;

	if (!topic || !encode)
		return fastipc_fail(-EINVAL, "topic and encode are needed");
	fastipc_lock(&topic->lock);
	look_sometimes(topic);
	error = encode_in_place(topic, encode, value, deadline, &size);
	if (!error) {
		topic->guess = (uint32_t)size;
		fastipc_broadcast_commit(&topic->ring, (uint32_t)size);
		published(topic, (uint32_t)size);
	}
	fastipc_unlock(&topic->lock);
	return error;
}

/* ---- counters ---- */

int fastipc_topic_get_stats(const struct fastipc_topic *topic,
			    struct fastipc_topic_stats *stats)
{
	const struct fastipc_topic_stats *from;
	struct fastipc_topic_stats copy;
	size_t size;

	if (!topic || !stats || stats->size < sizeof(stats->size))
		return fastipc_fail(-EINVAL, "set stats->size to its size");
	from = &topic->stats;
	size = stats->size < sizeof(copy) ? stats->size : sizeof(copy);
#define READ(field) .field = __atomic_load_n(&from->field, __ATOMIC_RELAXED)
	copy = (struct fastipc_topic_stats){
		.size = stats->size,
		READ(messages),
		READ(bytes),
		READ(subscribers),
		READ(joined),
		READ(refused),
		READ(handshake_errors),
		READ(hangups),
		READ(protocol_errors),
		READ(demoted),
		READ(dropped),
		READ(waits),
		READ(timeouts),
		READ(wakes),
		READ(checksum),
		.max_message = from->max_message,
	};
#undef READ
	memcpy(stats, &copy, size);
	return 0;
}
