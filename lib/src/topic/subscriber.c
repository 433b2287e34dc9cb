// SPDX-License-Identifier: MIT
/*
 * A subscriber: joining a topic, reading its ring, sleeping until there is
 * something to read.
 */
#include "topic/topic.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/handshake.h"

/* Polls between two looks at the clock. */
#define SPIN_BATCH 128
/* A spinner looks at the socket for a hang-up this often. */
#define SPIN_CHECK_NS 2000000u
/*
 * Nobody wakes who sleeps on a futex when the publisher dies: look for that in
 * growing slices.  Sleeping in poll() instead would cost the publisher a
 * system call for each subscriber, where now it is one for all.
 */
#define SLICE_NS 10000000u
#define SLICE_MOST_NS 100000000u
/* Times that the CPU is left to others before sleeping. */
#define YIELDS 4
/* Times in a row that a message was overwritten while it was copied. */
#define TRIES 256

struct fastipc_subscriber {
	struct fastipc_follower reader;
	struct fastipc_link link; /* own: the seat; peer: the ring */
	enum fastipc_policy policy;
	uint64_t start;	 /* that PUBLISH said */
	uint32_t *sleep; /* the own sleep word */
	uint32_t epoch;	 /* of it */
	uint32_t relay;	 /* the bit that it sleeps with */
	uint32_t rung;	 /* the publisher's `want` that was answered last */
	bool hungup;
	int over; /* the error that ended it, or 0 */
	struct fastipc_wait_policy wait;
	enum fastipc_checksum checksum;
	uint64_t messages, bytes, lost, sleeps;
};

void fastipc_subscriber_options_init(struct fastipc_subscriber_options *options)
{
	*options = (struct fastipc_subscriber_options){
		.size = sizeof(*options),
		.policy = FASTIPC_DROP_OLDEST,
		.wait = FASTIPC_WAIT_ADAPTIVE,
		.checksum = FASTIPC_CHECKSUM_OFF,
		.patience_ns = 100000000,
		.connect_timeout_ns = FASTIPC_CONNECT_TIMEOUT_NS,
	};
}

static int take_options(const struct fastipc_subscriber_options *given,
			struct fastipc_subscriber_options *options)
{
	fastipc_subscriber_options_init(options);
	if (!given)
		return 0;
	if (given->size < sizeof(*given))
		return fastipc_fail(-EINVAL,
				    "options->size is %zu: use "
				    "fastipc_subscriber_options_init()",
				    given->size);
	*options = *given;
	if (options->policy > FASTIPC_BLOCK ||
	    options->wait > FASTIPC_WAIT_SLEEP ||
	    options->checksum > FASTIPC_CHECKSUM_FULL ||
	    options->schema_match > FASTIPC_SCHEMA_FULL)
		return fastipc_fail(-EINVAL,
				    "policy, wait, checksum or schema_match is "
				    "none of its enum");
	if (options->checksum == FASTIPC_CHECKSUM_HEADER)
		options->checksum = FASTIPC_CHECKSUM_FULL;
	return 0;
}

static void tell_cursor(struct fastipc_subscriber *subscriber);

/* ---- joining ---- */

/* Any line and any bit will do, if others mostly have another. */
static void choose(struct fastipc_seat_words *words)
{
	const uint32_t lines = (FASTIPC_CONTROL_SIZE - FASTIPC_SEAT_SLEEP) / 64;
	uint64_t mix = fastipc_now_ns() * 0x9e3779b97f4a7c15ull;

	words->sleep_at =
		FASTIPC_SEAT_SLEEP + 64 * (uint32_t)((mix >> 32) % lines);
	words->relay = 1u << (mix >> 59);
}

static void write_wishes(struct fastipc_subscriber *subscriber,
			 const struct fastipc_subscriber_options *options)
{
	struct fastipc_region *own = &subscriber->link.own;
	struct fastipc_seat_words *words = fastipc_seat_words(own);

	words->policy = options->policy;
	words->history = options->history;
	words->patience_ns = options->patience_ns;
	choose(words);
	subscriber->relay = words->relay;
	subscriber->sleep =
		(uint32_t *)((unsigned char *)own->control + words->sleep_at);
}

static int take_answer(struct fastipc_subscriber *subscriber,
		       const struct fastipc_proposal *mine,
		       const struct fastipc_subscriber_options *options,
		       const struct fastipc_hello *answer, int fd)
{
	struct fastipc_link *link = &subscriber->link;
	int error = fastipc_hello_check(answer, mine);

	if (!error && answer->checksum < (uint32_t)mine->checksum)
		error = fastipc_fail(-EBADMSG,
				     "the publisher agreed to no checksum");
	if (!error && fd < 0)
		error = fastipc_fail(-EBADMSG, "the publisher's HELLO came "
					       "without its ring");
	if (!error)
		error = fastipc_region_attach(&link->peer, fd);
	if (error)
		return error;
	link->peer_fingerprint.wire = answer->fingerprint;
	link->peer_fingerprint.full = answer->fingerprint_full;
	subscriber->checksum = answer->checksum ? FASTIPC_CHECKSUM_FULL
						: FASTIPC_CHECKSUM_OFF;
	subscriber->start = answer->cursor;
	fastipc_follower_init(&subscriber->reader, &link->peer, answer->cursor,
			      answer->sequence);
	subscriber->reader.latest = options->policy == FASTIPC_LATEST;
	subscriber->reader.must_sum = answer->checksum;
	subscriber->reader.summed_from = answer->sequence;
	if (!options->history)
		return 0;
	return fastipc_follower_rewind(
		&subscriber->reader, answer->sequence,
		options->policy == FASTIPC_LATEST ? 1 : options->history);
}

static int join(struct fastipc_subscriber *subscriber, const char *address,
		const struct fastipc_subscriber_options *options)
{
	const struct fastipc_proposal mine = {
		.checksum = options->checksum,
		.ring_size = FASTIPC_SEAT_RING,
		.fingerprint = options->fingerprint,
		.schema_match = options->schema_match,
	};
	uint64_t deadline = fastipc_after_ns(options->connect_timeout_ns);
	struct fastipc_link *link = &subscriber->link;
	int answer_fds[FASTIPC_HELLO_FDS];
	struct fastipc_hello hello, answer;
	int fd, error;

	link->sock = fastipc_rendezvous_connect(address, deadline);
	if (link->sock < 0)
		return link->sock;
	error = fastipc_hello_cred(link->sock, &link->cred);
	if (!error)
		error = fastipc_region_create(&link->own, FASTIPC_SEAT_RING,
					      &fd);
	if (error)
		return error;
	write_wishes(subscriber, options);
	fastipc_hello_init(&hello, FASTIPC_HELLO_SUBSCRIBE);
	fastipc_hello_propose(&hello, &mine);
	error = fastipc_hello_exchange(link->sock, &hello, &fd, 1,
				       FASTIPC_HELLO_PUBLISH, deadline, &answer,
				       answer_fds);
	close(fd);
	if (error)
		return error;
	error = take_answer(subscriber, &mine, options, &answer, answer_fds[0]);
	fastipc_hello_close(answer_fds);
	/* What of the ring is older than what it asked for. */
	if (!error && subscriber->policy == FASTIPC_BLOCK)
		tell_cursor(subscriber);
	return error;
}

int fastipc_subscriber_open(const char *address,
			    const struct fastipc_subscriber_options *given,
			    struct fastipc_subscriber **result)
{
	struct fastipc_subscriber_options options;
	struct fastipc_subscriber *subscriber;
	int error;

	if (!address || !result)
		return fastipc_fail(-EINVAL,
				    "address and subscriber are needed");
	error = take_options(given, &options);
	if (error)
		return error;
	subscriber = calloc(1, sizeof(*subscriber));
	if (!subscriber)
		return fastipc_fail(-ENOMEM, "no memory for a subscriber");
	subscriber->policy = options.policy;
	subscriber->link.sock = subscriber->link.endpoint = -1;
	fastipc_wait_policy_init(&subscriber->wait, options.wait);
	error = join(subscriber, address, &options);
	if (error)
		fastipc_subscriber_close(subscriber);
	else
		*result = subscriber;
	return error;
}

void fastipc_subscriber_close(struct fastipc_subscriber *subscriber)
{
	if (!subscriber)
		return;
	fastipc_link_close(&subscriber->link);
	free(subscriber);
}

/* ---- waiting ---- */

static uint32_t state_of(const struct fastipc_subscriber *subscriber)
{
	return __atomic_load_n(&subscriber->link.peer.control->state,
			       __ATOMIC_ACQUIRE);
}

static bool is_ready(const struct fastipc_subscriber *subscriber)
{
	return fastipc_follower_ready(&subscriber->reader) ||
	       state_of(subscriber) != FASTIPC_STATE_OPEN;
}

static void check_publisher(struct fastipc_subscriber *subscriber)
{
	if (!subscriber->hungup &&
	    fastipc_link_drain(&subscriber->link) == -EPIPE)
		subscriber->hungup = true;
}

/* The publisher runs on another CPU, as far as it has told. */
static bool is_elsewhere(const struct fastipc_subscriber *subscriber)
{
	uint32_t cpu = __atomic_load_n(&subscriber->link.peer.control->cpu,
				       __ATOMIC_RELAXED);

	return cpu && cpu != (uint32_t)(sched_getcpu() + 1);
}

static bool spin_batch(const struct fastipc_subscriber *subscriber)
{
	for (int i = 0; i < SPIN_BATCH; i++) {
		if (fastipc_follower_ready(&subscriber->reader))
			return true;
		fastipc_cpu_relax();
	}
	return is_ready(subscriber);
}

/* 0 ready or hung up; -ETIMEDOUT; -EAGAIN it is time to sleep. */
static int spin(struct fastipc_subscriber *subscriber, uint64_t start,
		uint64_t deadline)
{
	bool forever = subscriber->wait.mode == FASTIPC_WAIT_SPIN;
	uint64_t budget = fastipc_wait_budget(&subscriber->wait);
	uint64_t checked = start;

	while (!spin_batch(subscriber)) {
		uint64_t now = fastipc_now_ns();

		if (deadline && now >= deadline)
			return -ETIMEDOUT;
		if (!forever &&
		    (now - start > budget || !is_elsewhere(subscriber)))
			return -EAGAIN;
		if (now - checked > SPIN_CHECK_NS) {
			checked = now;
			check_publisher(subscriber);
			if (subscriber->hungup)
				return 0;
		}
	}
	return 0;
}

static uint32_t arm(struct fastipc_subscriber *subscriber, uint32_t mode)
{
	uint32_t seen =
		__atomic_load_n(&subscriber->link.peer.control->doorbell,
				__ATOMIC_ACQUIRE); /* S1 */

	subscriber->epoch += FASTIPC_SLEEP_EPOCH;
	subscriber->sleeps++;
	__atomic_store_n(subscriber->sleep,
			 subscriber->epoch | FASTIPC_WANT_DATA | mode,
			 __ATOMIC_RELAXED); /* S2 */
	fastipc_full_barrier();		    /* S3 */
	return seen;
}

static void disarm(struct fastipc_subscriber *subscriber)
{
	__atomic_store_n(subscriber->sleep, subscriber->epoch,
			 __ATOMIC_RELAXED);
}

/*
 * The doorbell was rung while this one slept.  Who is to pass that on wakes all
 * others that sleep; and who missed a later ring, as its bit may have been in
 * one before.  (topic.h)
 */
static void pass_on(const struct fastipc_subscriber *subscriber, uint32_t seen)
{
	uint64_t relays = __atomic_load_n(&subscriber->reader.words->relays,
					  __ATOMIC_RELAXED);

	if ((uint32_t)(relays >> 32) == seen + 1 &&
	    !((uint32_t)relays & subscriber->relay))
		return;
	syscall(SYS_futex, &subscriber->link.peer.control->doorbell, FUTEX_WAKE,
		INT_MAX, NULL, NULL, 0);
}

static void sleep_once(struct fastipc_subscriber *subscriber, uint64_t until)
{
	const struct fastipc_control *peer = subscriber->link.peer.control;
	uint32_t seen = arm(subscriber, FASTIPC_SLEEP_FUTEX);
	struct timespec at = { .tv_sec = (time_t)(until / 1000000000u),
			       .tv_nsec = (long)(until % 1000000000u) };

	if (!is_ready(subscriber)) /* S4 */
		syscall(SYS_futex, &peer->doorbell, FUTEX_WAIT_BITSET, seen,
			&at, NULL, subscriber->relay); /* S5 */
	disarm(subscriber);
	if (__atomic_load_n(&peer->doorbell, __ATOMIC_ACQUIRE) == seen)
		return;
	fastipc_wait_learn_wake(&subscriber->wait,
				__atomic_load_n(&peer->wake_ns,
						__ATOMIC_RELAXED),
				fastipc_now_ns());
	pass_on(subscriber, seen);
}

static int sleep_until(struct fastipc_subscriber *subscriber, uint64_t deadline)
{
	uint64_t slice = SLICE_NS;

	for (;;) {
		uint64_t now = fastipc_now_ns();

		if (deadline && now >= deadline)
			return -ETIMEDOUT;
		sleep_once(subscriber, deadline && deadline < now + slice
					       ? deadline
					       : now + slice);
		if (is_ready(subscriber))
			return 0;
		check_publisher(subscriber);
		if (subscriber->hungup)
			return 0;
		if (slice < SLICE_MOST_NS)
			slice = 2 * slice < SLICE_MOST_NS ? 2 * slice
							  : SLICE_MOST_NS;
	}
}

/*
 * Where the publisher would run on this CPU, spinning is for nothing.  But to
 * let it run, and to look again, spares it a wake-up, which costs it more than
 * publishing.
 */
static int yield_some(const struct fastipc_subscriber *subscriber)
{
	for (int i = 0; i < YIELDS; i++) {
		sched_yield();
		if (is_ready(subscriber))
			return 0;
	}
	return -EAGAIN;
}

/* Until there may be something to read, or the publisher is gone. */
static int await(struct fastipc_subscriber *subscriber, uint64_t deadline)
{
	struct fastipc_wait_policy *policy = &subscriber->wait;
	uint64_t start = fastipc_now_ns();
	int error = -EAGAIN;

	if (deadline && start >= deadline)
		error = -ETIMEDOUT;
	else if (policy->mode == FASTIPC_WAIT_SPIN)
		error = spin(subscriber, start, deadline);
	else if (fastipc_wait_should_spin(policy))
		error = is_elsewhere(subscriber)
				? spin(subscriber, start, deadline)
				: yield_some(subscriber);
	if (error == -EAGAIN)
		error = sleep_until(subscriber, deadline);
	if (policy->mode == FASTIPC_WAIT_ADAPTIVE)
		fastipc_wait_learn(policy, fastipc_now_ns() - start);
	if (error)
		return fastipc_fail(error, "no message came before the "
					   "deadline");
	return 0;
}

/* ---- reading ---- */

/* Tell the publisher what was read, and ring it if it waits for that. */
static void tell_cursor(struct fastipc_subscriber *subscriber)
{
	const struct fastipc_broadcast_words *words = subscriber->reader.words;
	uint64_t cursor = subscriber->reader.cursor;
	uint32_t want;

	__atomic_store_n(&fastipc_seat_words(&subscriber->link.own)->consumed,
			 cursor - subscriber->start, __ATOMIC_RELEASE);
	fastipc_full_barrier();
	want = __atomic_load_n(&words->want, __ATOMIC_ACQUIRE);
	if (!want || want == subscriber->rung ||
	    (int64_t)(cursor -
		      __atomic_load_n(&words->wanted, __ATOMIC_RELAXED)) < 0)
		return;
	subscriber->rung = want;
	(void)!send(subscriber->link.sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int take(struct fastipc_subscriber *subscriber,
		struct fastipc_buffer *message, uint64_t *lost)
{
	int error = -ESTALE;

	for (uint32_t i = fastipc_follower_pause(&subscriber->reader); i; i--)
		fastipc_cpu_relax();
	for (int i = 0; i < TRIES && error == -ESTALE; i++)
		error = fastipc_follower_take(&subscriber->reader, message,
					      lost);
	if (error == -EPROTO || error == -EBADMSG)
		subscriber->over = error;
	if (error)
		return error;
	subscriber->messages++;
	subscriber->bytes += message->size;
	subscriber->lost += *lost;
	if (subscriber->policy == FASTIPC_BLOCK)
		tell_cursor(subscriber);
	return 0;
}

static int is_over(const struct fastipc_subscriber *subscriber)
{
	return fastipc_fail(subscriber->over,
			    "this subscription ended: the publisher broke the "
			    "protocol");
}

/* What it means that there is nothing to read; -EAGAIN: wait. */
static int at_end(struct fastipc_subscriber *subscriber)
{
	bool shutdown = state_of(subscriber) != FASTIPC_STATE_OPEN;

	if (!shutdown && !subscriber->hungup)
		return -EAGAIN;
	/* What it published came before its end: look once more. */
	if (fastipc_follower_ready(&subscriber->reader))
		return 0;
	if (shutdown)
		return fastipc_fail(-ENODATA, "the topic has ended");
	return fastipc_fail(-EPIPE, "the publisher is gone, or it ended this "
				    "subscription");
}

int fastipc_subscriber_next(struct fastipc_subscriber *subscriber,
			    struct fastipc_buffer *message, uint64_t *lost,
			    uint64_t deadline)
{
	uint64_t missed = 0;
	int error;

	if (!subscriber || !message)
		return fastipc_fail(-EINVAL,
				    "subscriber and message are needed");
	if (subscriber->over)
		return is_over(subscriber);
	for (;;) {
		error = take(subscriber, message, lost ? lost : &missed);
		if (error == -ESTALE)
			return fastipc_fail(-EAGAIN,
					    "messages are overwritten faster "
					    "than they can be copied: the "
					    "topic needs a larger ring_size");
		if (error != -EAGAIN)
			return error;
		error = at_end(subscriber);
		if (error == -EAGAIN)
			error = await(subscriber, deadline);
		if (error)
			return error;
	}
}

/* ---- event loops ---- */

int fastipc_subscriber_fd(const struct fastipc_subscriber *subscriber)
{
	return subscriber->link.sock;
}

int fastipc_subscriber_dispatch(struct fastipc_subscriber *subscriber)
{
	int error;

	if (!subscriber)
		return fastipc_fail(-EINVAL, "subscriber is NULL");
	if (subscriber->over)
		return is_over(subscriber);
	disarm(subscriber);
	check_publisher(subscriber);
	if (fastipc_follower_ready(&subscriber->reader))
		return 1;
	error = at_end(subscriber);
	if (error != -EAGAIN)
		return error ? error : 1;
	arm(subscriber, FASTIPC_SLEEP_POLL);
	if (!is_ready(subscriber))
		return 0;
	disarm(subscriber);
	return 1;
}

int fastipc_subscriber_get_stats(const struct fastipc_subscriber *subscriber,
				 struct fastipc_subscriber_stats *stats)
{
	struct fastipc_subscriber_stats copy;
	size_t size;

	if (!subscriber || !stats || stats->size < sizeof(stats->size))
		return fastipc_fail(-EINVAL, "set stats->size to its size");
	size = stats->size < sizeof(copy) ? stats->size : sizeof(copy);
	copy = (struct fastipc_subscriber_stats){
		.size = stats->size,
		.messages = subscriber->messages,
		.bytes = subscriber->bytes,
		.lost = subscriber->lost,
		.sleeps = subscriber->sleeps,
		.checksum = subscriber->checksum,
		.max_message = subscriber->reader.message_max,
		.peer = subscriber->link.cred,
		.peer_fingerprint = subscriber->link.peer_fingerprint,
	};
	memcpy(stats, &copy, size);
	return 0;
}
