// SPDX-License-Identifier: MIT
/*
 * Waiting on a channel's rings, and ringing its peer.
 */
#include "channel/channel.h"

#include <sched.h>
#include <string.h>

/* Polls between two looks at the clock. */
#define SPIN_BATCH 128
/* A spinner looks at the socket for a hang-up this often. */
#define SPIN_CHECK_NS 2000000u
/*
 * A sleep on the futex ends after this, to look for a hang-up.  Longer than a
 * scheduler tick, so that its timer is not the next one to expire: programming
 * the clock for it would cost more than the sleep (a VM exit each time).
 */
#define FUTEX_SLICE_NS 10000000u
#define FUTEX_SLICE_MOST_NS 40000000u

void fastipc_channel_init(struct fastipc_channel *channel,
			  const struct fastipc_link *link,
			  enum fastipc_wait wait)
{
	memset(channel, 0, sizeof(*channel));
	channel->link = *link;
	channel->link.plain_max = link->peer_max_message;
	channel->reserved = -1;
	fastipc_producer_init(&channel->tx, link->own.data, link->own.size,
			      link->own.control, link->peer.control, 0);
	fastipc_consumer_init(&channel->rx, link->peer.data, link->peer.size,
			      link->own.control, 0);
	fastipc_wait_policy_init(&channel->wait, wait);
	fastipc_channel_stamp_cpu(channel);
}

void fastipc_channel_fini(struct fastipc_channel *channel)
{
	fastipc_link_close(&channel->link);
}

static void count_wake(struct fastipc_channel *channel)
{
	struct fastipc_control *own = channel->link.own.control;

	channel->wakes++;
	__atomic_store_n(&own->wakes, channel->wakes, __ATOMIC_RELAXED);
	if (channel->wakes_of_all)
		__atomic_fetch_add(channel->wakes_of_all, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&own->tx_records, channel->tx.records,
			 __ATOMIC_RELAXED);
}

void fastipc_channel_ring(struct fastipc_channel *channel, uint32_t sleep)
{
	channel->rung = sleep;
	if (channel->holding) {
		__atomic_store_n(&channel->due, sleep, __ATOMIC_RELAXED);
		return;
	}
	count_wake(channel);
	fastipc_link_ring(&channel->link, sleep);
}

void fastipc_channel_ring_due(struct fastipc_channel *channel)
{
	uint32_t sleep =
		__atomic_exchange_n(&channel->due, 0, __ATOMIC_RELAXED);

	if (!sleep)
		return;
	count_wake(channel);
	fastipc_link_ring(&channel->link, sleep);
}

int fastipc_channel_sleep(struct fastipc_channel *channel, uint32_t seen,
			  const uint32_t *local, uint32_t local_seen,
			  uint64_t deadline)
{
	struct fastipc_link *link = &channel->link;
	uint32_t due = 0;
	int error;

	if (__atomic_load_n(&channel->due, __ATOMIC_RELAXED))
		due = __atomic_exchange_n(&channel->due, 0, __ATOMIC_RELAXED);
	if (due) {
		count_wake(channel);
		error = fastipc_link_swap(link, due, seen, local, local_seen,
					  deadline);
	} else {
		error = fastipc_link_wait(link, seen, local, local_seen,
					  deadline);
	}
	if (error != -EPIPE)
		return error;
	channel->hungup = true;
	return 0;
}

static bool space_ready(const struct fastipc_channel *channel)
{
	const struct fastipc_producer *tx = &channel->tx;
	uint64_t head = __atomic_load_n(&tx->peer->rx_head, __ATOMIC_ACQUIRE);

	uint64_t enough = __atomic_load_n(&channel->room_at, __ATOMIC_RELAXED);

	return (int64_t)(head - enough) >= 0;
}

bool fastipc_channel_ready(const struct fastipc_channel *channel, uint32_t want)
{
	if (want & FASTIPC_WANT_DATA) {
		if (fastipc_consumer_ready(&channel->rx))
			return true;
		if (__atomic_load_n(&channel->link.peer.control->state,
				    __ATOMIC_ACQUIRE) != FASTIPC_STATE_OPEN)
			return true;
	}
	return (want & FASTIPC_WANT_SPACE) && space_ready(channel);
}

bool fastipc_channel_is_finished(const struct fastipc_channel *channel)
{
	return __atomic_load_n(&channel->link.peer.control->state,
			       __ATOMIC_ACQUIRE) != FASTIPC_STATE_OPEN &&
	       !fastipc_consumer_ready(&channel->rx);
}

uint32_t fastipc_channel_stamp_cpu(struct fastipc_channel *channel)
{
	uint32_t cpu = (uint32_t)(sched_getcpu() + 1);

	/* A thread that waits, and one that sends, may both be here. */
	if (cpu != __atomic_load_n(&channel->cpu, __ATOMIC_RELAXED)) {
		__atomic_store_n(&channel->cpu, cpu, __ATOMIC_RELAXED);
		__atomic_store_n(&channel->link.own.control->cpu, cpu,
				 __ATOMIC_RELAXED);
	}
	return cpu;
}

bool fastipc_channel_peer_elsewhere(struct fastipc_channel *channel)
{
	uint32_t peer = __atomic_load_n(&channel->link.peer.control->cpu,
					__ATOMIC_RELAXED);

	return peer && peer != fastipc_channel_stamp_cpu(channel);
}

/* Who is about to sleep has the time to keep the counters for monitors. */
static void count_sleep(struct fastipc_channel *channel)
{
	struct fastipc_control *own = channel->link.own.control;
	uint64_t sleeps = channel->sleeps + 1;

	__atomic_store_n(&channel->sleeps, sleeps, __ATOMIC_RELAXED);
	__atomic_store_n(&own->sleeps, sleeps, __ATOMIC_RELAXED);
	__atomic_store_n(&own->rx_records, channel->rx.records,
			 __ATOMIC_RELAXED);
}

uint32_t fastipc_channel_arm(struct fastipc_channel *channel, uint32_t mode,
			     uint32_t want)
{
	struct fastipc_control *own = channel->link.own.control;
	uint32_t seen = __atomic_load_n(channel->link.peer_bell,
					__ATOMIC_ACQUIRE); /* S1 */

	channel->epoch += FASTIPC_SLEEP_EPOCH;
	count_sleep(channel);
	/* To read the clock twice costs more than the sleep word. */
	if (channel->wait.mode == FASTIPC_WAIT_ADAPTIVE)
		want |= FASTIPC_WANT_TIME;
	__atomic_store_n(&own->sleep, channel->epoch | want | mode,
			 __ATOMIC_RELAXED); /* S2 */
	fastipc_full_barrier();		    /* S3 */
	return seen;
}

void fastipc_channel_disarm(struct fastipc_channel *channel)
{
	__atomic_store_n(&channel->link.own.control->sleep, channel->epoch,
			 __ATOMIC_RELAXED);
	fastipc_channel_stamp_cpu(channel);
}

void fastipc_channel_check_peer(struct fastipc_channel *channel)
{
	if (!channel->hungup && fastipc_link_drain(&channel->link) == -EPIPE)
		channel->hungup = true;
}

int fastipc_channel_end(const struct fastipc_channel *channel)
{
	uint32_t state = __atomic_load_n(&channel->link.peer.control->state,
					 __ATOMIC_ACQUIRE);
	bool shutdown = state == FASTIPC_STATE_SHUTDOWN;

	/* The module says FASTIPC_STATE_DEAD of one that did not shut down. */
	if (!channel->hungup && state == FASTIPC_STATE_OPEN)
		return -EAGAIN;
	/* Whatever it published came before its end: look once more. */
	if (fastipc_consumer_ready(&channel->rx))
		return 0;
	return shutdown ? -ENODATA : -EPIPE;
}

static bool changed(const uint32_t *local, uint32_t local_seen)
{
	return local && __atomic_load_n(local, __ATOMIC_ACQUIRE) != local_seen;
}

static bool passed(uint64_t deadline, uint64_t now)
{
	return deadline && now >= deadline;
}

/*
 * Some hundred polls.  Who waits for data alone touches nothing but the next
 * record's word, and that with pauses: without them the poller takes the line
 * away while the producer still writes to it (a round trip of 64 bytes took
 * 1.2 times as long here).
 */
static bool spin_batch(const struct fastipc_channel *channel, uint32_t want)
{
	for (int i = 0; i < SPIN_BATCH; i++) {
		if ((want & FASTIPC_WANT_DATA) &&
		    fastipc_consumer_ready(&channel->rx))
			return true;
		if ((want & FASTIPC_WANT_SPACE) && space_ready(channel))
			return true;
		fastipc_cpu_relax();
	}
	return fastipc_channel_ready(channel, want);
}

/*
 * Spin until ready (0) or until the budget is used up (-EAGAIN); a pure
 * spinner has none.
 */
static int spin(struct fastipc_channel *channel, uint32_t want,
		const uint32_t *local, uint32_t local_seen, uint64_t *start,
		uint64_t deadline)
{
	bool forever = channel->wait.mode == FASTIPC_WAIT_SPIN;
	uint64_t budget = fastipc_wait_budget(&channel->wait);
	uint64_t check = 0;

	for (;;) {
		uint64_t now;

		if (spin_batch(channel, want))
			return 0;
		now = fastipc_now_ns();
		if (!*start)
			*start = now;
		if (changed(local, local_seen))
			return 0;
		if (passed(deadline, now))
			return -ETIMEDOUT;
		if (!forever && (now - *start > budget ||
				 !fastipc_channel_peer_elsewhere(channel)))
			return -EAGAIN;
		if (!check)
			check = now;
		if (forever && now - check > SPIN_CHECK_NS) {
			check = now;
			fastipc_channel_check_peer(channel);
			if (channel->hungup)
				return 0;
		}
	}
}

/*
 * Let the peer run, on this CPU, and look again: 0, or -EAGAIN.  If it sleeps,
 * it was rung; otherwise it has given way itself, and answers now.
 */
static int give_way(struct fastipc_channel *channel, uint32_t want,
		    const uint32_t *local, uint32_t local_seen, uint64_t start)
{
	bool found;

	fastipc_channel_settle(channel);
	sched_yield();
	found = fastipc_channel_ready(channel, want) ||
		changed(local, local_seen);
	fastipc_wait_learn_way(&channel->wait, found, fastipc_now_ns() - start);
	return found ? 0 : -EAGAIN;
}

static uint64_t earlier(uint64_t deadline, uint64_t other)
{
	return deadline && deadline < other ? deadline : other;
}

/* One sleep on the doorbell, @slice long at most. */
static int sleep_futex(struct fastipc_channel *channel, uint32_t want,
		       const uint32_t *local, uint32_t local_seen,
		       uint64_t until)
{
	const struct fastipc_control *peer = channel->link.peer.control;
	uint32_t seen = fastipc_channel_arm(channel, FASTIPC_SLEEP_FUTEX, want);
	int error = 0;

	if (!fastipc_channel_ready(channel, want) &&
	    !changed(local, local_seen)) /* S4 */
		error = fastipc_channel_sleep(channel, seen, local, local_seen,
					      until); /* S5 */
	else
		fastipc_channel_settle(channel);
	fastipc_channel_disarm(channel);
	if (!error && channel->wait.mode == FASTIPC_WAIT_ADAPTIVE &&
	    __atomic_load_n(channel->link.peer_bell, __ATOMIC_ACQUIRE) != seen)
		fastipc_wait_learn_wake(&channel->wait,
					__atomic_load_n(&peer->wake_ns,
							__ATOMIC_RELAXED),
					fastipc_now_ns());
	return error;
}

/* One sleep on the socket, which a dying peer ends, too. */
static int sleep_poll(struct fastipc_channel *channel, uint32_t want,
		      uint64_t deadline)
{
	int error = 0;

	fastipc_channel_arm(channel, FASTIPC_SLEEP_POLL, want);
	if (!fastipc_channel_ready(channel, want))
		error = fastipc_link_poll(&channel->link, deadline);
	fastipc_channel_disarm(channel);
	fastipc_channel_check_peer(channel);
	return error;
}

/*
 * Sleep.  First on the futex, which is fastest.  A reply that takes longer
 * than a slice is in no such hurry: then on the socket, where also a
 * dead peer is noticed at once.  With a local word to watch, on the futexes
 * in growing slices.
 */
static int sleep_until(struct fastipc_channel *channel, uint32_t want,
		       const uint32_t *local, uint32_t local_seen,
		       uint64_t deadline)
{
	uint64_t slice = FUTEX_SLICE_NS;

	/* The module wakes whose peer dies: one sleep is enough. */
	if (channel->link.kmod)
		return sleep_futex(channel, want, local, local_seen, deadline);
	for (;;) {
		uint64_t until = earlier(deadline, fastipc_now_ns() + slice);

		if (sleep_futex(channel, want, local, local_seen, until) == 0)
			return 0;
		fastipc_channel_check_peer(channel);
		if (channel->hungup || fastipc_channel_ready(channel, want))
			return 0;
		if (passed(deadline, fastipc_now_ns()))
			return -ETIMEDOUT;
		if (!local)
			return sleep_poll(channel, want, deadline);
		if (slice < FUTEX_SLICE_MOST_NS)
			slice *= 2;
	}
}

int fastipc_channel_await(struct fastipc_channel *channel, uint32_t want,
			  const uint32_t *local, uint32_t local_seen,
			  bool imminent, uint64_t deadline)
{
	struct fastipc_wait_policy *policy = &channel->wait;
	uint64_t start = 0;
	int error = -EAGAIN;

	if (channel->hungup) {
		fastipc_channel_settle(channel);
		return 0;
	}
	if (policy->mode == FASTIPC_WAIT_SPIN) {
		fastipc_channel_settle(channel);
		return spin(channel, want, local, local_seen, &start, deadline);
	}
	if (!fastipc_channel_peer_elsewhere(channel)) {
		if (fastipc_wait_should_give_way(policy)) {
			start = fastipc_now_ns();
			error = give_way(channel, want, local, local_seen,
					 start);
		}
	} else if (imminent || fastipc_wait_should_spin(policy)) {
		fastipc_channel_settle(channel);
		error = spin(channel, want, local, local_seen, &start,
			     deadline);
	}
	if (error == -EAGAIN) {
		if (!start && policy->mode == FASTIPC_WAIT_ADAPTIVE)
			start = fastipc_now_ns();
		error = sleep_until(channel, want, local, local_seen, deadline);
	}
	if (policy->mode == FASTIPC_WAIT_ADAPTIVE)
		fastipc_wait_learn(policy,
				   start ? fastipc_now_ns() - start : 0);
	return error;
}
