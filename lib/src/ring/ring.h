/* SPDX-License-Identifier: MIT */
/*
 * The ring: single-producer, single-consumer records in double-mapped
 * memory, without a system call and without trust.
 *
 * The producer and the consumer of one ring are in different processes.  Each
 * keeps its cursors here, in private memory; only record words, tx_tail and
 * rx_head are shared.  Cursors count bytes and may start anywhere: all
 * arithmetic on them is modulo 2^64.
 *
 * Publication is in the slot: a record's word, stored last, makes it (and the
 * batch that follows it) visible.  Ordering:
 *
 *	producer			consumer
 *	(P1) bytes, later words		(C1) load-acquire word
 *	(P2) 0 into the next word	(C2) read bytes
 *	(P3) store-release word		(C3) store-release rx_head
 *	(P4) load-acquire rx_head
 *
 * P2 is done before P1, when the record is reserved: the next word is mostly
 * in another cache line than this one, and stores become visible in order, so
 * waiting for that line between the bytes and the word would let the polling
 * consumer take this record's line away in the middle.
 *
 * P3 pairs with C1: whoever sees the word sees the bytes and the 0 behind
 * them.  C3 pairs with P4: bytes are overwritten only after they were read.
 *
 * The kind of record publication used here (length word in the slot, stored
 * last) is that of Aeron's log buffers; cached peer indices are from
 * FastForward (Giacomoni et al., PPoPP 2008) and B-Queue.
 *
 * Thread-safety: one thread for each struct at a time.  Nothing blocks.
 */
#ifndef FASTIPC_RING_H
#define FASTIPC_RING_H

#include <errno.h>
#include <stdint.h>

#include <linux/fastipc.h>

#include "base/prefetch.h"

struct fastipc_producer {
	unsigned char *data;
	uint64_t size;
	uint64_t mask;
	uint64_t tail;	    /* end of the last committed record */
	uint64_t published; /* end of the last visible record */
	uint64_t head;	    /* the consumer's, as last read */
	uint64_t word;	    /* of the first unpublished record */
	uint64_t zeroed;    /* where the next record's word is 0 already */
	uint64_t records;
	uint32_t record_max;
	struct fastipc_control *own;
	const struct fastipc_control *peer;
};

struct fastipc_consumer {
	const unsigned char *data;
	uint64_t mask;
	uint64_t head;	   /* the next record to look at */
	uint64_t released; /* what the producer was told */
	uint64_t step;	   /* bytes that are worth telling it of */
	uint64_t records;
	uint32_t record_max;
	uint32_t last; /* byte of the record that was polled for, in it */
	struct fastipc_control *own;
};

/*
 * @data: the ring's memory, mapped twice in a row; @size: a power of two;
 * @start: both cursors' first value, a multiple of 8 (0 but in tests).
 */
void fastipc_producer_init(struct fastipc_producer *producer, void *data,
			   uint32_t size, struct fastipc_control *own,
			   const struct fastipc_control *peer, uint64_t start);
void fastipc_consumer_init(struct fastipc_consumer *consumer, const void *data,
			   uint32_t size, struct fastipc_control *own,
			   uint64_t start);

/* Read the consumer's head.  -EPROTO: it is not within what was sent. */
int fastipc_producer_refresh(struct fastipc_producer *producer);

/* Whether a record of @size bytes fits, by the cached head. */
static inline int fastipc_producer_fits(const struct fastipc_producer *producer,
					uint32_t size)
{
	/* One word more than the record: the next word is zeroed, too. */
	return producer->tail - producer->head + FASTIPC_RECORD_SPACE(size) +
		       FASTIPC_RECORD_WORD <=
	       producer->size;
}

/* P2: no record is at @position, whatever an earlier lap left there. */
static inline void fastipc_producer_zero(struct fastipc_producer *producer,
					 uint64_t position)
{
	__atomic_store_n(
		(uint64_t *)(producer->data + (position & producer->mask)), 0,
		__ATOMIC_RELAXED);
	producer->zeroed = position;
}

/* Where the next record's bytes go. */
static inline unsigned char *
fastipc_producer_place(const struct fastipc_producer *producer)
{
	return producer->data + (producer->tail & producer->mask) +
	       FASTIPC_RECORD_WORD;
}

/*
 * Room for a record of @size bytes (<= record_max): 0 and its place, -EAGAIN
 * if there is none now, -EPROTO.  Nothing changes until the commit.
 */
FASTIPC_INLINE int fastipc_producer_reserve(struct fastipc_producer *producer,
					    uint32_t size,
					    unsigned char **place)
{
	if (__builtin_expect(!fastipc_producer_fits(producer, size), 0)) {
		int error = fastipc_producer_refresh(producer);

		if (error)
			return error;
		if (!fastipc_producer_fits(producer, size))
			return -EAGAIN;
	}
	*place = fastipc_producer_place(producer);
	fastipc_producer_zero(producer,
			      producer->tail + FASTIPC_RECORD_SPACE(size));
	return 0;
}

/*
 * The largest record that there is room for now, in bytes, of @most at most;
 * -EPROTO.  Its place is fastipc_producer_place(); what is written there before
 * a commit without a reservation is nothing to the consumer.
 */
static inline int fastipc_producer_room(struct fastipc_producer *producer,
					uint32_t most, uint32_t *room)
{
	uint64_t space;

	if (!fastipc_producer_fits(producer, most)) {
		int error = fastipc_producer_refresh(producer);

		if (error)
			return error;
	}
	space = producer->size - (producer->tail - producer->head);
	space = space > 2 * FASTIPC_RECORD_WORD
			? space - 2 * FASTIPC_RECORD_WORD
			: 0;
	*room = space < most ? (uint32_t)space : most;
	return 0;
}

/* The reserved record is whole, with @size bytes; not visible yet. */
FASTIPC_INLINE void fastipc_producer_commit(struct fastipc_producer *producer,
					    uint32_t size)
{
	uint64_t word = (uint64_t)FASTIPC_RECORD_DATA << 32 | size;

	if (producer->tail == producer->published)
		producer->word = word;
	else
		__atomic_store_n(
			(uint64_t *)(producer->data +
				     (producer->tail & producer->mask)),
			word, __ATOMIC_RELAXED);
	producer->tail += FASTIPC_RECORD_SPACE(size);
	producer->records++;
}

/* Make all committed records visible at once.  Cheap if there is none. */
FASTIPC_INLINE void fastipc_producer_publish(struct fastipc_producer *producer)
{
	unsigned char *data = producer->data;

	if (producer->tail == producer->published)
		return;
	if (__builtin_expect(producer->zeroed != producer->tail, 0))
		fastipc_producer_zero(producer, producer->tail);
	__atomic_store_n(
		(uint64_t *)(data + (producer->published & producer->mask)),
		producer->word, __ATOMIC_RELEASE); /* P3 */
	/* For sleepers and monitors: nobody spins on it. */
	__atomic_store_n(&producer->own->tx_tail, producer->tail,
			 __ATOMIC_RELEASE);
	producer->published = producer->tail;
}

/*
 * Records follow each other: have the lines of those to come on their way, which
 * the consumer's cache still has from the last time round.  Not nearer than
 * that: a consumer that waits polls the next record's word.
 */
#define FASTIPC_PRODUCER_AHEAD 1024
FASTIPC_INLINE void
fastipc_producer_prepare(const struct fastipc_producer *producer)
{
	const unsigned char *ahead =
		producer->data +
		((producer->tail + FASTIPC_PRODUCER_AHEAD) & producer->mask);

	fastipc_prefetch_to_write(ahead);
	fastipc_prefetch_to_write(ahead + 64);
}

/* Whether a record waits: the one load that a spinning consumer repeats. */
static inline int
fastipc_consumer_ready(const struct fastipc_consumer *consumer)
{
	return __atomic_load_n(
		       (const uint64_t *)(consumer->data +
					  (consumer->head & consumer->mask)),
		       __ATOMIC_ACQUIRE) != 0;
}

/* Bytes: records that are this long are many cache lines, not two or three, and
 * so many of theirs are asked for at once. */
#define FASTIPC_CONSUMER_LONG 192u
#define FASTIPC_CONSUMER_AHEAD 1024u

/*
 * The same, for who will take the record now.  It touches the record's second
 * cache line as well, and its last one if it is as long as the one before: once
 * the producer has taken them away to write them, all come back at the same
 * time, and not the second after the first has been looked at.  (A round trip of
 * 64 bytes takes 0.9 of the time where the CPUs share no cache, and the same
 * where they do; one with three lines 0.8 to 0.9, against touching two.)  The
 * lines of a longer record are all asked for when it is there, not before it, so
 * that the producer keeps them while it writes (180 bytes to 2 KiB: 0.8 to 0.9).
 */
FASTIPC_INLINE int fastipc_consumer_poll(struct fastipc_consumer *consumer)
{
	const unsigned char *record =
		consumer->data + (consumer->head & consumer->mask);
	uint64_t word;

	if (__builtin_expect(consumer->last < FASTIPC_CONSUMER_LONG, 1)) {
		__builtin_prefetch(record + 64);
		__builtin_prefetch(record + consumer->last);
	}
	word = __atomic_load_n((const uint64_t *)record, __ATOMIC_ACQUIRE);
	if (!word)
		return 0;
	/* Whatever it says: nothing is loaded from there. */
	consumer->last = (uint32_t)word + FASTIPC_RECORD_WORD - 1;
	if (__builtin_expect(consumer->last >= FASTIPC_CONSUMER_LONG, 0))
		for (uint32_t at = 64;
		     at <= FASTIPC_CONSUMER_AHEAD && at <= consumer->last;
		     at += 64)
			__builtin_prefetch(record + at);
	return 1;
}

/*
 * The next record, in place: 0, -EAGAIN when empty, -EPROTO when the word is
 * none that a producer writes.  The word is loaded once; *size is bounded by
 * record_max, so *place .. *place + *size is mapped memory, whatever the
 * producer does.
 */
FASTIPC_INLINE int
fastipc_consumer_peek(const struct fastipc_consumer *consumer,
		      const unsigned char **place, uint32_t *size)
{
	const unsigned char *record =
		consumer->data + (consumer->head & consumer->mask);
	uint64_t word = __atomic_load_n((const uint64_t *)record,
					__ATOMIC_ACQUIRE); /* C1 */

	if (!word)
		return -EAGAIN;
	if (__builtin_expect(word >> 32 != FASTIPC_RECORD_DATA ||
				     (uint32_t)word > consumer->record_max,
			     0))
		return -EPROTO;
	*place = record + FASTIPC_RECORD_WORD;
	*size = (uint32_t)word;
	return 0;
}

/* Step over the record that peek showed, of @size bytes; not released yet. */
static inline void fastipc_consumer_next(struct fastipc_consumer *consumer,
					 uint32_t size)
{
	consumer->head += FASTIPC_RECORD_SPACE(size);
	consumer->records++;
}

/* Give the space before @head back to the producer. */
static inline void
fastipc_consumer_release_to(struct fastipc_consumer *consumer, uint64_t head)
{
	consumer->released = head;
	__atomic_store_n(&consumer->own->rx_head, head,
			 __ATOMIC_RELEASE); /* C3 */
}

/* Give the space of all records stepped over back to the producer. */
static inline void fastipc_consumer_release(struct fastipc_consumer *consumer)
{
	if (consumer->released != consumer->head)
		fastipc_consumer_release_to(consumer, consumer->head);
}

/*
 * The same, once it is a step's worth.  A producer that waits for space polls
 * rx_head: telling it of each small record would cost a transfer of that line
 * each time.  Whoever uses this releases the rest when it takes no more.
 */
static inline void
fastipc_consumer_release_step(struct fastipc_consumer *consumer)
{
	if (consumer->head - consumer->released >= consumer->step)
		fastipc_consumer_release_to(consumer, consumer->head);
}

#endif
