/* SPDX-License-Identifier: MIT */
/*
 * The channel layer: one connection's two rings, and waiting on them.
 *
 * Sleeping and ringing, by the sleep word of each control page:
 *
 *	the one who sleeps		the one who rings
 *	(S1) load the peer's doorbell	(R1) publish, or release space
 *	(S2) store own sleep word	(R2) full barrier
 *	(S3) full barrier		(R3) load the peer's sleep word
 *	(S4) look at the rings again	(R4) if it wants that, and was not
 *	(S5) sleep while the doorbell	     rung in this epoch: bump the
 *	     has the value of S1	     own doorbell, wake
 *
 * S3 pairs with R2: either R3 sees the sleep word, or S4 sees what R1 did.
 * S1 comes first because an epoch is rung once: a ring after S2 ends the
 * sleep, also if S4 finds that it was not enough (space, but too little).
 * selftests/model/sleep.pml checks it.
 *
 * Thread-safety: one thread at a time for each struct, except where a
 * function says otherwise.
 */
#ifndef FASTIPC_CHANNEL_INTERNAL_H
#define FASTIPC_CHANNEL_INTERNAL_H

#include <fastipc/channel.h>

#include "ring/ring.h"
#include "transport/transport.h"

/* When to spin, learned from what waits and wake-ups cost here (wait.c). */
struct fastipc_wait_policy {
	enum fastipc_wait mode;
	uint32_t wake_ns; /* mean cost of being woken */
	uint32_t wait_ns; /* mean length of recent waits */
	uint32_t skipped; /* waits that did not spin since the last */
	uint32_t way_ns;  /* mean time of giving way, where that helped */
	uint32_t stay;	  /* waits that are not to give way */
};

void fastipc_wait_policy_init(struct fastipc_wait_policy *policy,
			      enum fastipc_wait mode);
/* How long a spin may last, ns. */
uint64_t fastipc_wait_budget(const struct fastipc_wait_policy *policy);
/* Whether the next wait should start with a spin. */
bool fastipc_wait_should_spin(struct fastipc_wait_policy *policy);
/* Whether to give way before the next sleep, on the peer's CPU. */
bool fastipc_wait_should_give_way(struct fastipc_wait_policy *policy);
/* After @ns this thread ran again, and what it waits for was there or not. */
void fastipc_wait_learn_way(struct fastipc_wait_policy *policy, bool found,
			    uint64_t ns);
/* A wait took @ns. */
void fastipc_wait_learn(struct fastipc_wait_policy *policy, uint64_t ns);
/* A sleeper was rung at @rung_ns (by the ringer's stamp) and runs now. */
void fastipc_wait_learn_wake(struct fastipc_wait_policy *policy,
			     uint64_t rung_ns, uint64_t now);

/* How to store long pieces, learned from what that costs here (frame/store.h).
 * Costs are in ns for a MiB; 0: not known. */
struct fastipc_store_policy {
	uint32_t cached;   /* through the caches */
	uint32_t streamed; /* past them */
	uint32_t pieces;
	bool past_caches; /* what costs less now */
};

struct fastipc_channel {
	struct fastipc_producer tx;
	struct fastipc_consumer rx;
	uint32_t rung;	  /* the peer's sleep word that was rung last */
	uint32_t epoch;	  /* of the own sleep word */
	uint32_t cpu;	  /* as in the own control page */
	uint64_t room_at; /* the peer's head that a sleeper for space waits for */
	uint64_t rx_told; /* rx.released when the peer was last told */
	uint64_t bulk;	  /* records sent of large messages and streams */
	uint64_t others;  /* other records, when bulk was sent last ... */
	uint64_t shared;  /* ... and tx.tail when these had last grown, or 0 */
	bool hungup;	  /* the transport says that the peer is gone */
	int reserved;	  /* public API: size of the open reservation, or -1 */
	uint64_t peeked;  /* public API: end of what was shown */
	struct fastipc_wait_policy wait;
	struct fastipc_store_policy store;
	uint64_t sleeps; /* times that this end was armed */
	uint64_t wakes;	 /* times that it rang the peer */
	/* Rings may be put off (kmod): whoever holds them sleeps or stops
	 * holding soon, and to ring and sleep is one system call then. */
	bool holding;
	uint32_t due;		/* the sleep word to be rung for, or 0 */
	uint64_t *wakes_of_all; /* a counter of many channels, or NULL */
	struct fastipc_link link;
};

/* Takes @link over. */
void fastipc_channel_init(struct fastipc_channel *channel,
			  const struct fastipc_link *link,
			  enum fastipc_wait wait);
void fastipc_channel_fini(struct fastipc_channel *channel);

static inline void fastipc_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

/* The full barrier of S3 and R2; cheaper than mfence, as strong for this. */
static inline void fastipc_full_barrier(void)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	__asm__ volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* From here on rings are put off, where that saves anything. */
static inline void fastipc_channel_hold(struct fastipc_channel *channel)
{
	channel->holding = channel->link.kmod;
}

/* No more.  Nothing is written if it is not held: who answers a request that
 * was deferred may look at it, then. */
static inline void fastipc_channel_unhold(struct fastipc_channel *channel)
{
	if (channel->holding)
		channel->holding = false;
}

void fastipc_channel_ring_due(struct fastipc_channel *channel);

/* Ring now, if that was put off. */
static inline void fastipc_channel_settle(struct fastipc_channel *channel)
{
	if (__builtin_expect(__atomic_load_n(&channel->due, __ATOMIC_RELAXED),
			     0))
		fastipc_channel_ring_due(channel);
}

/* R4's slow half: the peer sleeps and its sleep word is @sleep. */
void fastipc_channel_ring(struct fastipc_channel *channel, uint32_t sleep);

/*
 * Part of it, where fastipc_channel_notify() itself follows soon: without R2, a
 * sleeper may be overlooked now, and is woken then.  (The barrier waits for all
 * that was stored; after each fragment of a MiB that is a twentieth of the time.)
 */
static inline void fastipc_channel_hint(struct fastipc_channel *channel,
					uint32_t what)
{
	uint32_t sleep = __atomic_load_n(&channel->link.peer.control->sleep,
					 __ATOMIC_RELAXED);

	if (__builtin_expect((sleep & what) && sleep != channel->rung, 0))
		fastipc_channel_ring(channel, sleep);
}

/*
 * R2 to R4, after something was done for the peer: @what, FASTIPC_WANT_*.
 * Belongs to the sending half of the channel.
 */
static inline void fastipc_channel_notify(struct fastipc_channel *channel,
					  uint32_t what)
{
	fastipc_full_barrier();
	fastipc_channel_hint(channel, what);
}

/*
 * Tell the peer of released space only when that is a quarter of its ring or
 * more, or @empty says that there is nothing left to take: a sleeper that is
 * woken for each small record would fill the space and sleep again.
 */
static inline void fastipc_channel_notify_space(struct fastipc_channel *channel,
						bool empty)
{
	uint64_t untold = channel->rx.released - channel->rx_told;

	if (untold && (empty || untold > channel->rx.mask / 4)) {
		channel->rx_told = channel->rx.released;
		fastipc_channel_notify(channel, FASTIPC_WANT_SPACE);
	}
}

/* Data was sent, and space released on the way: one barrier for both. */
static inline void fastipc_channel_notify_both(struct fastipc_channel *channel)
{
	channel->rx_told = channel->rx.released;
	fastipc_channel_notify(channel, FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE);
}

/* From here on FASTIPC_WANT_SPACE means that the peer has read up to @head. */
static inline void fastipc_channel_need_head(struct fastipc_channel *channel,
					     uint64_t head)
{
	__atomic_store_n(&channel->room_at, head, __ATOMIC_RELAXED);
}

/*
 * A record of @size bytes does not fit: from here on FASTIPC_WANT_SPACE means
 * room for it.  Another thread may be waiting for that meanwhile.
 */
static inline void fastipc_channel_need(struct fastipc_channel *channel,
					uint32_t size)
{
	const struct fastipc_producer *tx = &channel->tx;

	fastipc_channel_need_head(channel,
				  tx->tail + FASTIPC_RECORD_SPACE(size) +
					  FASTIPC_RECORD_WORD - tx->size);
}

/* Whether a wait for @want (FASTIPC_WANT_*) is over. */
bool fastipc_channel_ready(const struct fastipc_channel *channel,
			   uint32_t want);

/* Whether the peer has ended and nothing is left to take. */
bool fastipc_channel_is_finished(const struct fastipc_channel *channel);

/* S1 to S3: returns the doorbell's value to sleep on; look again, then. */
uint32_t fastipc_channel_arm(struct fastipc_channel *channel, uint32_t mode,
			     uint32_t want);
/* Awake again. */
void fastipc_channel_disarm(struct fastipc_channel *channel);

/* Publish on which CPU this thread runs; returns it + 1. */
uint32_t fastipc_channel_stamp_cpu(struct fastipc_channel *channel);
/* Whether the peer last ran on another CPU than this thread does. */
bool fastipc_channel_peer_elsewhere(struct fastipc_channel *channel);

/*
 * Wait as the policy says until ready (@want), *@local != @local_seen (NULL:
 * none), or the peer hangs up (channel->hungup): 0; or -ETIMEDOUT.  May return
 * 0 early.  @imminent: the peer is in the middle of a message, so that a
 * short spin pays even for one who blocks.
 */
int fastipc_channel_await(struct fastipc_channel *channel, uint32_t want,
			  const uint32_t *local, uint32_t local_seen,
			  bool imminent, uint64_t deadline);

/*
 * S5 for one channel: sleep until rung, and ring before that what is due.
 * 0, -ETIMEDOUT; notices a hang-up with kmod.
 */
int fastipc_channel_sleep(struct fastipc_channel *channel, uint32_t seen,
			  const uint32_t *local, uint32_t local_seen,
			  uint64_t deadline);

/* Look at the socket: take doorbells off it, notice a hang-up. */
void fastipc_channel_check_peer(struct fastipc_channel *channel);

/*
 * What an empty ring means: -EAGAIN (nothing yet), -ENODATA (orderly end),
 * -EPIPE (hung up and drained), or 0: look again, something came meanwhile.
 */
int fastipc_channel_end(const struct fastipc_channel *channel);

#endif
