/* SPDX-License-Identifier: MIT */
/*
 * Topics inside: the publisher's ring and its subscribers.
 *
 * Each subscriber has a page of its own, which the publisher maps read-only:
 * what it asks for, whether it sleeps, and, if it blocks, what it has read.
 *
 * Sleeping and ringing:
 *
 *	subscriber			publisher
 *	(S1) load the doorbell		(R1) publish
 *	(S2) store own sleep word	(R2) full barrier
 *	(S3) full barrier		(R3) load each sleep word
 *	(S4) look at the ring again	(R4) if one has a new epoch: bump the
 *	(S5) sleep while the doorbell	     doorbell, one FUTEX_WAKE for all
 *	     has the value of S1
 *
 * which is the protocol of channel.h with many sleepers: S3 pairs with R2, for
 * each of them, and the doorbell is one, in the publisher's page, which is
 * enough to sleep on, though it is mapped read-only.  R3 is one load of a line
 * that nobody writes while nobody goes to sleep.  Who sleeps in poll() gets a
 * byte on its socket instead.
 *
 * To wake one costs the kernel as much as to publish a hundred messages.  So
 * when many are to be woken the publisher wakes two of them, which wake all
 * others, before they read; each sleeps with a bit of its own choice, for
 * FUTEX_WAKE_BITSET, and `relays` says which bits are to pass on.  The two are
 * taken at random, so one that hangs or is hostile does no harm: the other
 * does it.  If fewer than two were there to be woken, the publisher wakes all.
 * If somebody still sleeps in the futex when the publisher looks, some
 * milliseconds later, it wakes them, and trusts nobody to pass on any more.
 * Should it not look, they look themselves, by the end of their slice of sleep.
 *
 * Waiting for room is the same the other way around: the publisher stores
 * `wanted` and a new `want`, has a full barrier, and looks at the cursors; a
 * subscriber that blocks stores its cursor, has a full barrier, and looks at
 * `want`.
 */
#ifndef FASTIPC_TOPIC_INTERNAL_H
#define FASTIPC_TOPIC_INTERNAL_H

#include <time.h>

#include <fastipc/topic.h>

#include "base/lock.h"
#include "topic/broadcast.h"
#include "transport/transport.h"

/* The data of a subscriber's region is not used. */
#define FASTIPC_SEAT_RING FASTIPC_RING_MIN
/* Where in its control page these words are. */
#define FASTIPC_SEAT_AT 1024u
/* Its sleep word is from here on, in a line that it chooses: were it always
 * the same, the words of many would compete for a few places in the cache. */
#define FASTIPC_SEAT_SLEEP 2048u

struct fastipc_seat_words {
	/* Line 0: written once, before SUBSCRIBE. */
	uint32_t policy;
	uint32_t sleep_at; /* offset of its sleep word in the page */
	uint64_t history;
	uint64_t patience_ns;
	uint32_t relay; /* the bit that it sleeps with; 0: it passes on nothing */
	uint8_t pad0[FASTIPC_LINE_SIZE - 28];

	/* Line 1: of one that blocks: bytes of the ring that it has read,
	 * from where PUBLISH let it begin. */
	uint64_t consumed;
	uint8_t pad1[FASTIPC_LINE_SIZE - 8];
};

_Static_assert(sizeof(struct fastipc_seat_words) == 2 * FASTIPC_LINE_SIZE,
	       "words of a subscriber");
_Static_assert(FASTIPC_SEAT_AT + sizeof(struct fastipc_seat_words) <=
		       FASTIPC_SEAT_SLEEP,
	       "sleep words are behind the others");

static inline struct fastipc_seat_words *
fastipc_seat_words(const struct fastipc_region *region)
{
	return (struct fastipc_seat_words *)((unsigned char *)region->control +
					     FASTIPC_SEAT_AT);
}

/* ---- the publisher ---- */

/* A socket that connected, and, once it said SUBSCRIBE, a subscriber. */
struct fastipc_seat {
	int sock;
	bool subscribed;
	bool blocks;
	uint32_t index;	   /* in topic->seats */
	uint64_t deadline; /* of the handshake */
	struct fastipc_region region;
	const struct fastipc_seat_words *words;
	uint32_t relay;	   /* the bit that it sleeps with */
	uint64_t start;	   /* where it began */
	uint64_t consumed; /* as last read */
	uint64_t patience_ns;
	uint64_t stalled_ns; /* since when it has been in the way; 0: not */
	uint64_t stalled_at; /* ... of a head that far */
	uint64_t bytes;	     /* of doorbell that it may still send */
	struct fastipc_seat *next; /* before it is subscribed */
};

struct fastipc_topic {
	struct fastipc_lock lock; /* of all but the counters */
	struct fastipc_broadcast ring;
	/* What R3 looks at, dense, as it is done for each message: the sleep
	 * words; those that were rung last; and the bits to sleep with. */
	const uint32_t **sleeps;
	uint32_t *rung;
	uint32_t *relays;
	uint32_t count;	      /* of subscribers */
	uint32_t blocking;    /* of these */
	struct timespec tick; /* when sockets were looked at last, coarsely */
	uint64_t limit;	      /* blocking ones have read up to here, at least */
	struct fastipc_seat **seats; /* as sleeps */
	uint32_t capacity;	     /* of the four */
	uint32_t want;
	bool relayed;	/* whether all were woken is still to be seen */
	bool direct;	/* wake all without others' help */
	uint32_t guess; /* size of the last encoded message */
	struct fastipc_seat *greeted; /* not subscribed yet */
	uint32_t greeted_count;
	int epoll_fd;
	int ring_fd; /* for new subscribers */
	uint64_t started_ns;
	struct fastipc_region region;
	struct fastipc_rendezvous rendezvous;
	struct fastipc_topic_options options;
	struct fastipc_topic_stats stats; /* written with the lock held */
};

/* Counters are read without the lock. */
static inline void fastipc_topic_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Let in who waits, drop who is gone, without waiting (timeout_ms 0) or until
 * something happened.  Returns the number of events.  (audience.c) */
int fastipc_topic_look(struct fastipc_topic *topic, int timeout_ms);
/* Watch the listener. */
int fastipc_topic_watch(struct fastipc_topic *topic);
void fastipc_topic_drop(struct fastipc_topic *topic, struct fastipc_seat *seat);
void fastipc_topic_drop_all(struct fastipc_topic *topic);
/* Read the cursors of all that block; drop who lies. */
void fastipc_topic_read_cursors(struct fastipc_topic *topic);
/* Wait until all that block have read up to @need, or do so no more. */
int fastipc_topic_await_room(struct fastipc_topic *topic, uint64_t need,
			     uint64_t deadline);
/* R2 to R4. */
void fastipc_topic_ring(struct fastipc_topic *topic);
/* Whether those that were to be woken by others are awake; if it is time. */
void fastipc_topic_check_relays(struct fastipc_topic *topic);

/* Where it reads, as last seen. */
static inline uint64_t fastipc_seat_cursor(const struct fastipc_seat *seat)
{
	return seat->start + seat->consumed;
}

#endif
