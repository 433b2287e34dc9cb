/* SPDX-License-Identifier: MIT */
/*
 * What waits to be sent, and whose turn it is.
 *
 * Small messages go first, in their order.  Then come large messages and
 * streams, a fragment at a time, into the part of the ring that is for them:
 * the urgent, then the others, each class by deficit round robin (Shreedhar and
 * Varghese, 1996), in which a flow gets `weight` KiB in each round.
 *
 * Thread-safety: the owner's.  Nothing here waits.
 */
#ifndef FASTIPC_OUTBOX_H
#define FASTIPC_OUTBOX_H

#include "frame/value.h"

/* Bytes that a flow of weight 1 may send in a round. */
#define FASTIPC_OUTBOX_QUANTUM 1024u
/* What a frame costs its flow beside its bytes: record word and header. */
#define FASTIPC_OUTBOX_COST 32u

#define FASTIPC_WEIGHT_DEFAULT 16u

/* Bytes of payload that are moved before who moves them has a look at what has
 * come: a small message may have been answered by then. */
#define FASTIPC_OUTBOX_TURN (4 * FASTIPC_FRAGMENT_PAYLOAD)

/* Bytes of calls' messages that clog an outbox. */
#define FASTIPC_OUTBOX_CLOGGED (16u << 20)

/* A message, or the rest of one, that waits. */
struct parcel {
	struct parcel *next;
	struct flow *flow; /* NULL: it is small */
	struct fastipc_outgoing message;
	/* It was sent, or is given up, and is in no list any more; NULL: its
	 * memory is freed.  It may queue others. */
	void (*done)(struct parcel *parcel, void *context);
	int error; /* for that: its cargo could not be sent, so it was not */
	uint32_t capacity; /* of bytes */
	uint32_t cost;	   /* beside its bytes, as its flow counts it */
	bool whole;	   /* never in fragments */
	unsigned char bytes[];
};

/* Messages that are sent one after the other. */
struct flow {
	struct flow *next, *previous; /* in the round */
	struct parcel *first, *last;
	uint64_t bytes; /* of payload, not sent yet */
	uint64_t costs; /* of parcels, beside that */
	uint32_t weight;
	uint32_t deficit; /* bytes that it may still send in its turn */
	bool in_turn;
	bool urgent;
};

struct outbox {
	struct parcel *small, *small_last;
	struct flow *turns[2]; /* urgent and not: whose turn it is */
	struct flow large;     /* messages of calls */
	uint32_t returns;      /* of the small: RETURNs */
	bool pushing;	       /* by whoever called what queues more */
	/* Any thread may look at these: */
	uint32_t count;		    /* parcels */
	bool clogged;		    /* small ones, or very much of calls */
	struct fastipc_spare spare; /* memory for the next value */
};

void fastipc_outbox_init(struct outbox *outbox);

static inline bool fastipc_outbox_is_empty(const struct outbox *outbox)
{
	return !__atomic_load_n(&outbox->count, __ATOMIC_RELAXED);
}

static inline bool fastipc_outbox_is_clogged(const struct outbox *outbox)
{
	return __atomic_load_n(&outbox->clogged, __ATOMIC_RELAXED);
}

/* Whether nothing of what is queued would be overtaken by @message, of one
 * frame: calls overtake calls, but messages of id 0 nothing. */
static inline bool
fastipc_outbox_lets_by(const struct outbox *outbox,
		       const struct fastipc_outgoing *message)
{
	return !outbox->small && (message->id || !outbox->large.first);
}

/* @message with a copy of the bytes that are left of it; has its cargo from
 * then on.  NULL: no memory. */
struct parcel *fastipc_parcel_make(const struct fastipc_outgoing *message);
/* The same in memory from malloc(), with room for @capacity bytes behind it,
 * which are enough. */
void fastipc_parcel_fill(struct parcel *parcel, uint32_t capacity,
			 const struct fastipc_outgoing *message);
/* It is not to be sent, nor is anybody to be told. */
void fastipc_parcel_drop(struct parcel *parcel);

/* At the end of @flow, or of the small messages (NULL). */
void fastipc_outbox_add(struct outbox *outbox, struct flow *flow,
			struct parcel *parcel);
/* It is not to be sent any more; it must be queued. */
void fastipc_outbox_remove(struct outbox *outbox, struct parcel *parcel);

/*
 * Which message is next, and of how many bytes its next frame may be, if
 * frames have up to @most.  NULL: there is none.
 */
struct parcel *fastipc_outbox_next(struct outbox *outbox, uint32_t most,
				   uint32_t *length);
/* @length of its bytes were sent; @last: it is removed. */
void fastipc_outbox_sent(struct outbox *outbox, struct parcel *parcel,
			 uint32_t length, bool last);

/*
 * Put into the ring what there is room for, but FASTIPC_OUTBOX_TURN bytes and
 * the rest of a frame at most: a peer that reads as fast as this writes would
 * keep the caller for all of a large message.  *@moved: something was, and the
 * peer is to be told, or something was given up: cargo that cannot be sent fails
 * its own message, which is one frame, of which nothing has gone.  @context is
 * for parcel->done().  0 nothing is left, or done() of a push has called this;
 * -EINPROGRESS there is more, and perhaps room; -EAGAIN; -EPROTO.
 */
int fastipc_outbox_push(struct outbox *outbox, struct fastipc_channel *channel,
			void *context, bool *moved);
/* Give all up. */
void fastipc_outbox_clear(struct outbox *outbox, void *context);

#endif
