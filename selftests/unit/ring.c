// SPDX-License-Identifier: MIT
/*
 * The ring: what fits, what is visible when, and what a hostile other end
 * gets.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel/channel.h"
#include "ring/ring.h"

#define SIZE 4096u
#define MOST FASTIPC_RECORD_MAX(SIZE)

/* A word that a producer could have written. */
#define WORD(size) ((uint64_t)FASTIPC_RECORD_DATA << 32 | (size))

struct ring {
	struct fastipc_region region;
	struct fastipc_control other; /* the consumer's */
	struct fastipc_producer tx;
	struct fastipc_consumer rx;
};

static struct ring *ring_make(uint64_t start)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	int fd;

	assert_non_null(ring);
	assert_int_equal(fastipc_region_create(&ring->region, SIZE, &fd), 0);
	close(fd);
	fastipc_producer_init(&ring->tx, ring->region.data, SIZE,
			      ring->region.control, &ring->other, start);
	fastipc_consumer_init(&ring->rx, ring->region.data, SIZE, &ring->other,
			      start);
	ring->region.control->tx_tail = start;
	ring->other.rx_head = start;
	return ring;
}

static void ring_free(struct ring *ring)
{
	fastipc_region_unmap(&ring->region);
	free(ring);
}

/* Byte @i of a record: all records differ, also one from its neighbour. */
static unsigned char byte_of(uint32_t id, uint32_t i)
{
	return (unsigned char)(id * 31 + i * 7 + (i >> 8));
}

/* A record of @size bytes, committed; or the error of reserve. */
static int put(struct ring *ring, uint32_t id, uint32_t size)
{
	unsigned char *place;
	int error = fastipc_producer_reserve(&ring->tx, size, &place);

	if (error)
		return error;
	for (uint32_t i = 0; i < size; i++)
		place[i] = byte_of(id, i);
	fastipc_producer_commit(&ring->tx, size);
	return 0;
}

static int send(struct ring *ring, uint32_t id, uint32_t size)
{
	int error = put(ring, id, size);

	fastipc_producer_publish(&ring->tx);
	return error;
}

/* The next record is @id, of @size bytes; step over it. */
static void assert_next(struct ring *ring, uint32_t id, uint32_t size)
{
	const unsigned char *place = NULL;
	uint32_t got = 0;

	assert_true(fastipc_consumer_ready(&ring->rx));
	assert_int_equal(fastipc_consumer_peek(&ring->rx, &place, &got), 0);
	assert_int_equal(got, size);
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(place[i], byte_of(id, i));
	fastipc_consumer_next(&ring->rx, size);
}

static void assert_received(struct ring *ring, uint32_t id, uint32_t size)
{
	assert_next(ring, id, size);
	fastipc_consumer_release(&ring->rx);
}

static void assert_empty(struct ring *ring)
{
	const unsigned char *place = (const unsigned char *)1;
	uint32_t size = 77;

	assert_false(fastipc_consumer_ready(&ring->rx));
	assert_int_equal(fastipc_consumer_peek(&ring->rx, &place, &size),
			 -EAGAIN);
	assert_int_equal(size, 77);
}

/* ---- what fits ---- */

static void new_ring_is_empty(void **state)
{
	struct ring *ring = ring_make(0);

	(void)state;
	assert_empty(ring);
	fastipc_producer_publish(&ring->tx);
	assert_empty(ring);
	assert_int_equal(ring->region.control->tx_tail, 0);
	ring_free(ring);
}

static void records_of_every_size_pass(void **state)
{
	const uint32_t sizes[] = { 0,	     1,	       7,   8,	  9,
				   15,	     16,       17,  1000, MOST - 8,
				   MOST - 7, MOST - 1, MOST };
	struct ring *ring = ring_make(0);
	uint64_t tail = 0;

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(send(ring, i, sizes[i]), 0);
		tail += 8 + (sizes[i] + 7) / 8 * 8;
		assert_int_equal(ring->region.control->tx_tail, tail);
		assert_received(ring, i, sizes[i]);
		assert_int_equal(ring->other.rx_head, tail);
		assert_empty(ring);
	}
	assert_int_equal(ring->tx.records, sizeof(sizes) / sizeof(sizes[0]));
	assert_int_equal(ring->rx.records, ring->tx.records);
	ring_free(ring);
}

/* The last word of a full ring is the 0 behind its last record. */
static void full_to_the_last_byte(void **state)
{
	const uint32_t fits = SIZE - 3 * (MOST + 8) - 16;

	(void)state;
	for (uint32_t start = 0; start < SIZE; start += 1000) {
		struct ring *ring = ring_make(start);
		unsigned char *place;

		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(send(ring, i, MOST), 0);
		assert_int_equal(fastipc_producer_reserve(&ring->tx, fits + 1,
							  &place),
				 -EAGAIN);
		assert_int_equal(send(ring, 3, fits), 0);
		assert_int_equal(fastipc_producer_reserve(&ring->tx, 0, &place),
				 -EAGAIN);
		for (uint32_t i = 0; i < 3; i++)
			assert_next(ring, i, MOST);
		assert_next(ring, 3, fits);
		assert_empty(ring);
		fastipc_consumer_release(&ring->rx);
		assert_int_equal(send(ring, 4, MOST), 0);
		assert_received(ring, 4, MOST);
		ring_free(ring);
	}
}

static void full_of_empty_records(void **state)
{
	struct ring *ring = ring_make(0);
	uint32_t count = 0;

	(void)state;
	while (send(ring, count, 0) == 0)
		count++;
	assert_int_equal(count, SIZE / 8 - 1);
	assert_received(ring, 0, 0);
	assert_int_equal(send(ring, 0, 0), 0);
	assert_int_equal(send(ring, 0, 0), -EAGAIN);
	while (count--)
		assert_received(ring, 0, 0);
	assert_empty(ring);
	ring_free(ring);
}

static void reserve_changes_nothing(void **state)
{
	struct ring *ring = ring_make(SIZE - 16);
	unsigned char *place, *again;

	(void)state;
	assert_int_equal(fastipc_producer_reserve(&ring->tx, MOST, &place), 0);
	memset(place, 0xff, MOST);
	assert_empty(ring);
	fastipc_producer_publish(&ring->tx);
	assert_empty(ring);
	assert_int_equal(fastipc_producer_reserve(&ring->tx, 5, &again), 0);
	assert_ptr_equal(again, place);
	/* Less than was reserved: what is behind it must not show. */
	fastipc_producer_commit(&ring->tx, 0);
	fastipc_producer_publish(&ring->tx);
	assert_received(ring, 0, 0);
	assert_empty(ring);
	ring_free(ring);
}

/* What is open while a batch is published: bytes of its own, no record. */
static void publish_leaves_a_reservation_alone(void **state)
{
	struct ring *ring = ring_make(SIZE - 64);

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		unsigned char *place = NULL;

		assert_int_equal(put(ring, i, i), 0);
		assert_int_equal(
			fastipc_producer_reserve(&ring->tx, MOST, &place), 0);
		memset(place, 0xff, MOST);
		fastipc_producer_publish(&ring->tx);
		assert_received(ring, i, i);
		assert_empty(ring);
		if (i % 2)
			continue; /* given up */
		fastipc_producer_commit(&ring->tx, i % 16);
		fastipc_producer_publish(&ring->tx);
		assert_true(fastipc_consumer_ready(&ring->rx));
		fastipc_consumer_next(&ring->rx, i % 16);
		assert_empty(ring);
		fastipc_consumer_release(&ring->rx);
	}
	ring_free(ring);
}

static void larger_than_a_record_is_refused_above(void **state)
{
	struct fastipc_channel_options options;
	struct fastipc_channel *channels[2];
	void *place;

	(void)state;
	fastipc_channel_options_init(&options);
	options.ring_size = SIZE;
	assert_int_equal(fastipc_channel_pair(&options, channels), 0);
	assert_int_equal(fastipc_channel_record_max(channels[0]), MOST);
	assert_int_equal(fastipc_channel_reserve(channels[0], MOST + 1, &place),
			 -EMSGSIZE);
	assert_int_equal(fastipc_channel_reserve(channels[0], (size_t)1 << 32,
						 &place),
			 -EMSGSIZE);
	assert_int_equal(fastipc_channel_reserve(channels[0], MOST, &place), 0);
	fastipc_channel_close(channels[0]);
	fastipc_channel_close(channels[1]);
}

/* ---- what is visible when ---- */

static void batch_shows_at_once(void **state)
{
	struct ring *ring = ring_make(SIZE - 40);

	(void)state;
	for (uint32_t lap = 0; lap < 500; lap++) {
		for (uint32_t i = 0; i < 7; i++) {
			assert_int_equal(put(ring, i, i * 5), 0);
			assert_empty(ring);
			assert_int_equal(ring->region.control->tx_tail,
					 ring->rx.head);
		}
		fastipc_producer_publish(&ring->tx);
		assert_int_equal(ring->region.control->tx_tail, ring->tx.tail);
		for (uint32_t i = 0; i < 7; i++)
			assert_next(ring, i, i * 5);
		assert_empty(ring);
		fastipc_consumer_release(&ring->rx);
	}
	ring_free(ring);
}

/* A batch as large as the ring: the 0 behind it is before the first word. */
static void batch_fills_the_ring(void **state)
{
	struct ring *ring = ring_make(24);

	(void)state;
	for (uint32_t lap = 0; lap < 20; lap++) {
		uint32_t count = 0;

		while (put(ring, count, 56) == 0)
			count++;
		assert_int_equal(count, 63);
		assert_empty(ring);
		fastipc_producer_publish(&ring->tx);
		for (uint32_t i = 0; i < count; i++)
			assert_next(ring, i, 56);
		assert_empty(ring);
		fastipc_consumer_release(&ring->rx);
	}
	ring_free(ring);
}

static void space_is_free_when_released(void **state)
{
	struct ring *ring = ring_make(0);
	uint64_t first;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(send(ring, i, MOST), 0);
	assert_next(ring, 0, MOST);
	first = ring->rx.head;
	assert_next(ring, 1, MOST);
	assert_next(ring, 2, MOST);
	assert_int_equal(ring->other.rx_head, 0);
	assert_int_equal(send(ring, 3, MOST), -EAGAIN);
	fastipc_consumer_release_to(&ring->rx, first);
	assert_int_equal(ring->other.rx_head, first);
	assert_int_equal(send(ring, 3, MOST), 0);
	assert_int_equal(send(ring, 4, MOST), -EAGAIN);
	fastipc_consumer_release(&ring->rx);
	assert_int_equal(send(ring, 4, MOST), 0);
	assert_next(ring, 3, MOST);
	assert_next(ring, 4, MOST);
	assert_empty(ring);
	ring_free(ring);
}

/* By steps the other's line is written when it is worth it, and at the end. */
static void space_is_told_of_in_steps(void **state)
{
	struct ring *ring = ring_make(0);
	const uint64_t step = SIZE / 16, space = FASTIPC_RECORD_SPACE(56);
	uint64_t told = 0;

	(void)state;
	assert_true(space < step);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(send(ring, i, 56), 0);
	for (uint32_t i = 0; i < 10; i++) {
		assert_next(ring, i, 56);
		fastipc_consumer_release_step(&ring->rx);
		if ((i + 1) * space - told >= step)
			told = (i + 1) * space;
		assert_int_equal(ring->other.rx_head, told);
		assert_int_equal(ring->rx.released, told);
	}
	assert_true(told > 0);
	assert_true(told < ring->rx.head);
	fastipc_consumer_release(&ring->rx);
	assert_int_equal(ring->other.rx_head, 10 * space);
	/* What nobody was told of never keeps a record out. */
	assert_true(step + FASTIPC_RECORD_SPACE(MOST) + FASTIPC_RECORD_WORD <=
		    SIZE);
	ring_free(ring);
}

/* While there is room by what is known, the other's line is left alone. */
static void head_is_read_only_when_full(void **state)
{
	struct ring *ring = ring_make(0);

	(void)state;
	ring->other.rx_head = 12345; /* a lie, which nobody sees yet */
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(send(ring, i, MOST), 0);
	assert_int_equal(ring->tx.head, 0);
	assert_int_equal(send(ring, 3, MOST), -EPROTO);
	assert_int_equal(ring->tx.head, 0);
	ring->other.rx_head = MOST + 8;
	assert_int_equal(send(ring, 3, MOST), 0);
	assert_int_equal(ring->tx.head, MOST + 8);
	ring_free(ring);
}

/*
 * Payloads of nothing but record words: wherever the next word is, bytes of
 * earlier laps there look like a record.
 */
static void stale_bytes_are_no_records(void **state)
{
	struct ring *ring = ring_make(0);
	uint32_t size = 0;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t batch = 1 + round % 4;
		uint32_t sizes[4];
		const unsigned char *place;
		uint32_t got;

		for (uint32_t i = 0; i < batch; i++) {
			unsigned char *to = NULL;

			sizes[i] = size = (size * 5 + 13 + round % 8) % 200;
			assert_int_equal(fastipc_producer_reserve(
						 &ring->tx, sizes[i], &to),
					 0);
			for (uint32_t at = 0; at < (sizes[i] + 7) / 8; at++) {
				uint64_t word = WORD(at);

				memcpy(to + 8 * (size_t)at, &word, 8);
			}
			fastipc_producer_commit(&ring->tx, sizes[i]);
			assert_empty(ring);
		}
		fastipc_producer_publish(&ring->tx);
		for (uint32_t i = 0; i < batch; i++) {
			assert_int_equal(fastipc_consumer_peek(&ring->rx,
							       &place, &got),
					 0);
			assert_int_equal(got, sizes[i]);
			fastipc_consumer_next(&ring->rx, got);
		}
		assert_empty(ring);
		fastipc_consumer_release(&ring->rx);
	}
	ring_free(ring);
}

static void cursors_start_and_wrap_anywhere(void **state)
{
	const uint64_t starts[] = { 0, (1ull << 32) - 64, (1ull << 63) - 64,
				    0ull - 64, 0ull - 8 };

	(void)state;
	for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
		struct ring *ring = ring_make(starts[s]);
		uint32_t taken = 0;

		/* Kept as full as it gets, over several laps. */
		for (uint32_t made = 0; made < 300; made++) {
			int error;

			while ((error = send(ring, made, made * 3)) ==
			       -EAGAIN) {
				assert_received(ring, taken, taken * 3);
				taken++;
			}
			assert_int_equal(error, 0);
		}
		for (; taken < 300; taken++)
			assert_received(ring, taken, taken * 3);
		assert_empty(ring);
		assert_true(ring->tx.tail - starts[s] > 10 * (uint64_t)SIZE);
		assert_int_equal(ring->other.rx_head, ring->tx.tail);
		ring_free(ring);
	}
}

/* ---- hostile ends ---- */

static void hostile_words_are_refused(void **state)
{
	const uint64_t words[] = {
		1,
		MOST,
		0xffffffff,
		WORD(MOST + 1),
		WORD(0x80000000u),
		WORD(0xffffffffu),
		2ull << 32,
		3ull << 32 | 8,
		0x8000000100000000ull,
		1ull << 63,
		~0ull,
	};
	struct ring *ring = ring_make(SIZE - 8);
	const unsigned char *place = NULL;
	uint32_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		memcpy(ring->region.data + SIZE - 8, &words[i], 8);
		assert_true(fastipc_consumer_ready(&ring->rx));
		assert_int_equal(fastipc_consumer_peek(&ring->rx, &place,
						       &size),
				 -EPROTO);
	}
	/* The largest that is believed is all mapped, over the edge, too. */
	memcpy(ring->region.data + SIZE - 8, &(uint64_t){ WORD(MOST) }, 8);
	assert_int_equal(fastipc_consumer_peek(&ring->rx, &place, &size), 0);
	assert_int_equal(size, MOST);
	assert_true(place + size <= ring->region.data + 2 * SIZE);
	ring_free(ring);
}

static void hostile_heads_are_refused(void **state)
{
	(void)state;
	for (int start = 0; start < 2; start++) {
		struct ring *ring = ring_make(start ? 0ull - 2048 : 0);
		uint64_t first = ring->tx.tail, released, published;

		assert_int_equal(send(ring, 0, MOST), 0);
		assert_received(ring, 0, MOST);
		assert_int_equal(fastipc_producer_refresh(&ring->tx), 0);
		released = ring->tx.head;
		assert_int_equal(released, first + MOST + 8);
		assert_int_equal(send(ring, 1, MOST), 0);
		published = ring->tx.tail;
		assert_int_equal(put(ring, 2, MOST), 0); /* not published */

		const uint64_t lies[] = { published + 8,
					  ring->tx.tail,
					  ring->tx.tail + 8,
					  released - 8,
					  first,
					  released + (1ull << 63),
					  published - SIZE,
					  published + SIZE };

		for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
			ring->other.rx_head = lies[i];
			assert_int_equal(fastipc_producer_refresh(&ring->tx),
					 -EPROTO);
			assert_int_equal(ring->tx.head, released);
		}
		ring->other.rx_head = published;
		assert_int_equal(fastipc_producer_refresh(&ring->tx), 0);
		assert_int_equal(ring->tx.head, published);
		ring_free(ring);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_ring_is_empty),
		cmocka_unit_test(records_of_every_size_pass),
		cmocka_unit_test(full_to_the_last_byte),
		cmocka_unit_test(full_of_empty_records),
		cmocka_unit_test(reserve_changes_nothing),
		cmocka_unit_test(publish_leaves_a_reservation_alone),
		cmocka_unit_test(larger_than_a_record_is_refused_above),
		cmocka_unit_test(batch_shows_at_once),
		cmocka_unit_test(batch_fills_the_ring),
		cmocka_unit_test(space_is_free_when_released),
		cmocka_unit_test(space_is_told_of_in_steps),
		cmocka_unit_test(head_is_read_only_when_full),
		cmocka_unit_test(stale_bytes_are_no_records),
		cmocka_unit_test(cursors_start_and_wrap_anywhere),
		cmocka_unit_test(hostile_words_are_refused),
		cmocka_unit_test(hostile_heads_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
