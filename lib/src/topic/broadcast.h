/* SPDX-License-Identifier: MIT */
/*
 * The broadcast ring: one writer, any number of readers that only read.
 *
 * The writer's region is laid out as that of a channel, and its control page
 * has the words below besides.  The data, mapped twice in a row, holds records:
 * 16 bytes of header, the message, padding to 8.  Positions count bytes and may
 * start anywhere: all arithmetic on them is modulo 2^64.
 *
 *	head	the oldest record; what is before it may be overwritten now
 *	latest	the newest record
 *	tail	where the next record will be
 *
 * A writer that needs room moves head on first, then writes, then moves latest
 * and tail.  A reader copies a record and then looks whether head has passed
 * it: so each record is guarded as by a sequence lock, of which head is the
 * counter (Lameter, "Effective synchronization on Linux/NUMA systems", 2005;
 * for the barriers: Boehm, "Can seqlocks get along with programming language
 * memory models?", MSPC 2012).  Aeron's broadcast buffer does the same with a
 * "tail intent"; that head is at a record lets a reader that was overtaken go
 * on with the oldest one, and not only with the newest.
 *
 *	writer				reader
 *	(W1) store-release head		(R1) load-acquire tail or latest
 *	(W2) release barrier		(R2) read header and bytes
 *	(W3) header and bytes		(R3) acquire barrier
 *	(W4) store-release latest, tail	(R4) load head: still before it?
 *
 * W4 pairs with R1: who sees the position sees the record.  If R2 read a byte
 * of a later lap's W3, then by the pair W2 and R3 R4 sees that lap's W1.
 *
 * Readers do not trust the writer: each word is loaded once, sizes are bounded
 * by what the reader itself knows of the ring.  Thread-safety: one thread for
 * each struct at a time.  Nothing blocks.
 */
#ifndef FASTIPC_BROADCAST_H
#define FASTIPC_BROADCAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/fastipc.h>
#include <fastipc/topic.h>

#include "base/inline.h"
#include "channel/channel.h"

/* Where in the control page these words are. */
#define FASTIPC_BROADCAST_AT 1024u

struct fastipc_broadcast_words {
	/* Line 0: written with each message; a reader looks at it when it has
	 * read all that it knew of. */
	uint64_t latest;
	uint64_t tail;
	uint8_t pad0[FASTIPC_LINE_SIZE - 16];

	/* Line 1: seldom written, looked at by readers for each message.  What
	 * the writer waits for: it is to be rung once for each value of want
	 * but 0, by each reader that blocks it, when that has read up to
	 * wanted. */
	uint64_t head;
	uint64_t wanted;
	uint32_t want;
	uint8_t pad1[FASTIPC_LINE_SIZE - 20];

	/* Line 2: of the last ring: the doorbell's value after it, times 2^32,
	 * and who is to pass it on; see topic.h. */
	uint64_t relays;
	uint8_t pad2[FASTIPC_LINE_SIZE - 8];
};

_Static_assert(sizeof(struct fastipc_broadcast_words) == 3 * FASTIPC_LINE_SIZE,
	       "words of a broadcast ring");

struct fastipc_broadcast_header {
	uint32_t crc;	   /* if SUMMED */
	uint32_t size;	   /* of the message; FASTIPC_BROADCAST_SUMMED */
	uint64_t sequence; /* one more than that of the record before */
};

#define FASTIPC_BROADCAST_HEADER \
	((uint32_t)sizeof(struct fastipc_broadcast_header))
#define FASTIPC_BROADCAST_SUMMED 0x80000000u

/* Bytes of ring that a message of @size bytes takes. */
static inline uint64_t fastipc_broadcast_space(uint32_t size)
{
	return FASTIPC_BROADCAST_HEADER + (((uint64_t)size + 7) & ~7ull);
}

static inline uint32_t fastipc_broadcast_max(uint32_t ring_size)
{
	return ring_size / 4 - FASTIPC_BROADCAST_HEADER;
}

struct fastipc_region;

/* ---- the writer ---- */

struct fastipc_broadcast {
	unsigned char *data;
	uint64_t size;
	uint64_t mask;
	uint64_t head;
	uint64_t tail;
	uint64_t sequence; /* of the next record */
	uint32_t message_max;
	bool summed;
	struct fastipc_broadcast_words *words;
};

/* @start, a multiple of 8, and @sequence: 0 and 0 but in tests. */
void fastipc_broadcast_init(struct fastipc_broadcast *ring,
			    const struct fastipc_region *region, uint64_t start,
			    uint64_t sequence);

/* The least value of head with which there is room for @size bytes. */
static inline uint64_t
fastipc_broadcast_need(const struct fastipc_broadcast *ring, uint32_t size)
{
	return ring->tail + fastipc_broadcast_space(size) - ring->size;
}

static inline bool fastipc_broadcast_fits(const struct fastipc_broadcast *ring,
					  uint32_t size)
{
	return (int64_t)(ring->head - fastipc_broadcast_need(ring, size)) >= 0;
}

/* The largest message that there is room for now; at least one has fitted. */
static inline uint32_t
fastipc_broadcast_room(const struct fastipc_broadcast *ring)
{
	uint64_t free = ring->size - (ring->tail - ring->head);

	free = (free - FASTIPC_BROADCAST_HEADER) & ~7ull;
	return free < ring->message_max ? (uint32_t)free : ring->message_max;
}

/*
 * Give up the oldest records until there is room for @size bytes
 * (<= message_max), and a few more so that head moves seldom; but none from
 * @limit on, which must be enough.
 */
void fastipc_broadcast_make_room(struct fastipc_broadcast *ring, uint32_t size,
				 uint64_t limit);

/* Where the next message's bytes go. */
static inline unsigned char *
fastipc_broadcast_place(const struct fastipc_broadcast *ring)
{
	return ring->data + (ring->tail & ring->mask) +
	       FASTIPC_BROADCAST_HEADER;
}

/* Write a message that there is room for, and show it. */
void fastipc_broadcast_write(struct fastipc_broadcast *ring, const void *data,
			     uint32_t size);
/* The same, its bytes are in their place. */
void fastipc_broadcast_commit(struct fastipc_broadcast *ring, uint32_t size);
/* Before bytes are written in place. */
void fastipc_broadcast_begin(const struct fastipc_broadcast *ring,
			     uint32_t size);

/* ---- a reader ---- */

/* Messages that a look at the tail should find, where they come fast; and the
 * most times that the CPU relaxes for that: 1 to 3 us. */
#define FASTIPC_FOLLOWER_RUN 64u
#define FASTIPC_FOLLOWER_PAUSE 64u

struct fastipc_follower {
	const unsigned char *data;
	uint64_t size;
	uint64_t mask;
	uint64_t cursor;      /* the next record to read */
	uint64_t tail;	      /* as last seen: records before it are there */
	uint32_t run;	      /* records read since then */
	uint32_t pause;	      /* before the next look at it; see below */
	uint64_t sequence;    /* that it should have */
	uint64_t summed_from; /* records from this one on have a CRC */
	uint32_t message_max;
	bool latest; /* read the newest only */
	bool must_sum;
	bool jumped; /* it was overtaken: the sequence may be greater */
	const struct fastipc_broadcast_words *words;
};

void fastipc_follower_init(struct fastipc_follower *reader,
			   const struct fastipc_region *region, uint64_t cursor,
			   uint64_t sequence);

/* Whether there may be something to read: what a spinning reader repeats. */
static inline bool fastipc_follower_ready(const struct fastipc_follower *reader)
{
	if (reader->latest)
		return (int64_t)(__atomic_load_n(&reader->words->latest,
						 __ATOMIC_ACQUIRE) -
				 reader->cursor) >= 0;
	return __atomic_load_n(&reader->words->tail, __ATOMIC_ACQUIRE) !=
	       reader->cursor;
}

/*
 * Each look at the tail takes its line from the writer, which then waits for
 * that as long as some ten messages take.  A reader that is as fast as the
 * writer would look for every few messages, and so slow the writer down to its
 * own pace.  So it looks less often while several have come each time: how
 * often to relax the CPU before the next look, 0 if messages come singly.
 */
static inline uint32_t fastipc_follower_pause(struct fastipc_follower *reader)
{
	if (reader->tail != reader->cursor || reader->latest)
		return 0;
	if (reader->run < 2)
		reader->pause = 0;
	else if (reader->run < FASTIPC_FOLLOWER_RUN)
		reader->pause = reader->pause < FASTIPC_FOLLOWER_PAUSE / 2
					? 2 * reader->pause + 1
					: FASTIPC_FOLLOWER_PAUSE;
	else
		reader->pause /= 2;
	return reader->pause;
}

/*
 * Skip what is older than the last @count records before @sequence.  -EPROTO.
 */
int fastipc_follower_rewind(struct fastipc_follower *reader, uint64_t sequence,
			    uint64_t count);

/*
 * Copy the next message to @message; *@lost were missed before it.  One try:
 * -EAGAIN there is none; -ESTALE it was overwritten meanwhile, try again;
 * -EPROTO the ring is none that a writer makes; -EBADMSG the checksum;
 * -EMSGSIZE, -ENOMEM as the public call.
 */
int fastipc_follower_take(struct fastipc_follower *reader,
			  struct fastipc_buffer *message, uint64_t *lost);

#endif
