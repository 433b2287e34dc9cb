// SPDX-License-Identifier: MIT
/*
 * The broadcast ring: what is read is what was written, in order, or it is
 * known how much is missing; wherever positions and sequences begin, and
 * whatever a writer does.
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

#include <fastipc/fastipc.h>

#include "topic/broadcast.h"
#include "transport/transport.h"

#define RING 4096u

/* A ring with a writer and a reader of it, which maps it read-only. */
struct pair {
	struct fastipc_region own, peer;
	struct fastipc_broadcast writer;
	struct fastipc_follower reader;
	struct fastipc_buffer message;
	uint64_t lost;
};

static void pair_make_at(struct pair *pair, uint64_t start, uint64_t sequence)
{
	int fd;

	memset(pair, 0, sizeof(*pair));
	assert_int_equal(fastipc_region_create(&pair->own, RING, &fd), 0);
	assert_int_equal(fastipc_region_attach(&pair->peer, fd), 0);
	close(fd);
	fastipc_broadcast_init(&pair->writer, &pair->own, start, sequence);
	fastipc_follower_init(&pair->reader, &pair->peer, start, sequence);
}

static void pair_make(struct pair *pair)
{
	pair_make_at(pair, 0, 0);
}

static void pair_free(struct pair *pair)
{
	fastipc_region_unmap(&pair->own);
	fastipc_region_unmap(&pair->peer);
	fastipc_buffer_free(&pair->message);
}

static void put(struct pair *pair, const void *data, uint32_t size)
{
	struct fastipc_broadcast *ring = &pair->writer;

	if (!fastipc_broadcast_fits(ring, size))
		fastipc_broadcast_make_room(ring, size, ring->tail);
	assert_true(fastipc_broadcast_fits(ring, size));
	fastipc_broadcast_write(ring, data, size);
}

/* Message @n: its length and its bytes follow from the number. */
static uint32_t numbered(uint64_t n, unsigned char *bytes)
{
	uint32_t size = (uint32_t)(8 + n * 37 % 300);

	memset(bytes, (int)(n & 0xff), size);
	memcpy(bytes, &n, sizeof(n));
	return size;
}

static void put_number(struct pair *pair, uint64_t n)
{
	unsigned char bytes[512];

	put(pair, bytes, numbered(n, bytes));
}

static int take(struct pair *pair)
{
	int error;

	do {
		error = fastipc_follower_take(&pair->reader, &pair->message,
					      &pair->lost);
	} while (error == -ESTALE);
	return error;
}

/* Whole, and which one. */
static uint64_t taken(const struct pair *pair)
{
	unsigned char bytes[512];
	uint64_t n;

	assert_true(pair->message.size >= sizeof(n));
	memcpy(&n, pair->message.data, sizeof(n));
	assert_int_equal(pair->message.size, numbered(n, bytes));
	assert_memory_equal(pair->message.data, bytes, pair->message.size);
	return n;
}

static uint64_t take_number(struct pair *pair)
{
	assert_int_equal(take(pair), 0);
	return taken(pair);
}

/* ---- what is written is read ---- */

static void empty(void **state)
{
	struct pair pair;

	(void)state;
	pair_make(&pair);
	assert_false(fastipc_follower_ready(&pair.reader));
	assert_int_equal(take(&pair), -EAGAIN);
	pair.reader.latest = true;
	assert_false(fastipc_follower_ready(&pair.reader));
	assert_int_equal(take(&pair), -EAGAIN);
	pair_free(&pair);
}

static void follow_from(uint64_t start, uint64_t sequence, bool summed)
{
	struct pair pair;

	pair_make_at(&pair, start, sequence);
	pair.writer.summed = pair.reader.must_sum = summed;
	pair.reader.summed_from = sequence;
	for (uint64_t n = 0; n < 2000; n++) {
		put_number(&pair, n);
		assert_true(fastipc_follower_ready(&pair.reader));
		assert_int_equal(take_number(&pair), n);
		assert_int_equal(pair.lost, 0);
		assert_int_equal(take(&pair), -EAGAIN);
	}
	pair_free(&pair);
}

static void wraps(void **state)
{
	(void)state;
	follow_from(0, 0, false);
	follow_from(0, 0, true);
}

static void numbers_at_their_ends(void **state)
{
	const uint64_t ends[] = { 1ull << 31, 1ull << 32, 1ull << 63, 0 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		follow_from(ends[i] - 8000, ends[i] - 1000, false);
		follow_from(ends[i] - 8000, ends[i] - 1000, true);
	}
}

static void all_sizes(void **state)
{
	static unsigned char bytes[RING];
	struct pair pair;

	(void)state;
	pair_make(&pair);
	for (uint32_t size = 0; size <= pair.writer.message_max; size++) {
		memset(bytes, (int)size, size);
		put(&pair, bytes, size);
		assert_int_equal(take(&pair), 0);
		assert_int_equal(pair.message.size, size);
		if (size)
			assert_memory_equal(pair.message.data, bytes, size);
	}
	pair_free(&pair);
}

/* ---- overtaken ---- */

static void loses_the_oldest(uint64_t start, uint64_t sequence)
{
	uint64_t next = 0, lost = 0, read = 0, got;
	struct pair pair;

	pair_make_at(&pair, start, sequence);
	for (uint64_t n = 0; n < 5000; n++) {
		put_number(&pair, n);
		/* In turns: keeps up, and does not. */
		if (n / 500 % 2 || n % 7)
			continue;
		got = take_number(&pair);
		assert_int_equal(got, next + pair.lost);
		next += pair.lost + 1;
		lost += pair.lost;
		read++;
	}
	while (!take(&pair)) {
		assert_int_equal(taken(&pair), next + pair.lost);
		next += pair.lost + 1;
		lost += pair.lost;
		read++;
	}
	assert_int_equal(next, 5000);
	assert_int_equal(lost + read, 5000);
	assert_true(lost > 1000);
	pair_free(&pair);
}

static void told_how_many(void **state)
{
	(void)state;
	loses_the_oldest(0, 0);
	loses_the_oldest((1ull << 32) - 80000, (1ull << 32) - 2000);
	loses_the_oldest((1ull << 63) - 80000, (1ull << 63) - 2000);
	loses_the_oldest(0ull - 80000, 0ull - 2000);
}

/* It goes on with the oldest: most of the ring is there. */
static void goes_on_with_the_oldest(void **state)
{
	struct pair pair;
	uint64_t bytes = 0;

	(void)state;
	pair_make(&pair);
	for (uint64_t n = 0; n < 1000; n++)
		put_number(&pair, n);
	while (!take(&pair))
		bytes += fastipc_broadcast_space((uint32_t)pair.message.size);
	assert_true(bytes > RING * 3 / 4);
	pair_free(&pair);
}

static void newest_only(void **state)
{
	struct pair pair;

	(void)state;
	pair_make(&pair);
	pair.reader.latest = true;
	for (uint64_t n = 0; n < 5000; n++) {
		put_number(&pair, n);
		if (n % 13)
			continue;
		assert_int_equal(take_number(&pair), n);
		assert_int_equal(pair.lost, n ? 12 : 0);
		assert_int_equal(take(&pair), -EAGAIN);
	}
	pair_free(&pair);
}

/* Overwritten between the look and the copy: what was copied is not used. */
static void overwritten_meanwhile(void **state)
{
	struct pair pair;
	uint64_t head;

	(void)state;
	pair_make(&pair);
	for (uint64_t n = 0; n < 5; n++)
		put_number(&pair, n);
	/* The writer has begun with the next lap, and written nothing yet. */
	head = pair.writer.head +
	       fastipc_broadcast_space(
		       ((struct fastipc_broadcast_header *)pair.own.data)->size);
	__atomic_store_n(&pair.writer.words->head, head, __ATOMIC_RELEASE);
	memset(pair.own.data, 0xff, 24);
	assert_int_equal(fastipc_follower_take(&pair.reader, &pair.message,
					       &pair.lost),
			 -ESTALE);
	assert_int_equal(take_number(&pair), 1);
	assert_int_equal(pair.lost, 1);
	pair_free(&pair);
}

/* All that is known to be there is read before the tail is looked at. */
static void behind(void **state)
{
	struct pair pair;

	(void)state;
	pair_make(&pair);
	for (uint64_t n = 0; n < 5; n++)
		put_number(&pair, n);
	assert_int_equal(take_number(&pair), 0);
	__atomic_store_n(&pair.writer.words->tail, 0, __ATOMIC_RELEASE);
	for (uint64_t n = 1; n < 5; n++)
		assert_int_equal(take_number(&pair), n);
	assert_int_equal(take(&pair), -EPROTO);
	pair_free(&pair);
}

/* @count come, and are read; how long to leave the tail alone then. */
static uint32_t burst(struct pair *pair, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		put(pair, "12345678", 8);
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(take(pair), 0);
		if (i + 1 < count)
			assert_int_equal(fastipc_follower_pause(&pair->reader),
					 0);
	}
	return fastipc_follower_pause(&pair->reader);
}

/* Who keeps up with many messages at a time looks at the tail less often. */
static void pauses(void **state)
{
	struct pair pair;
	uint32_t last = 0;

	(void)state;
	pair_make(&pair);
	assert_int_equal(fastipc_follower_pause(&pair.reader), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(burst(&pair, 1), 0);
	for (int i = 0; i < 20; i++) {
		uint32_t next = burst(&pair, 2 + (unsigned int)i);

		assert_true(next > last || next == FASTIPC_FOLLOWER_PAUSE);
		last = next;
	}
	assert_int_equal(last, FASTIPC_FOLLOWER_PAUSE);
	assert_int_equal(burst(&pair, FASTIPC_FOLLOWER_RUN), last / 2);
	assert_int_equal(burst(&pair, FASTIPC_FOLLOWER_RUN), last / 4);
	/* One at a time, or none: at once again. */
	assert_int_equal(burst(&pair, 1), 0);
	assert_int_equal(burst(&pair, 10), 1);
	assert_int_equal(burst(&pair, 10), 3);
	assert_int_equal(take(&pair), -EAGAIN);
	assert_int_equal(fastipc_follower_pause(&pair.reader), 0);
	pair.reader.latest = true;
	assert_int_equal(burst(&pair, 1), 0);
	pair_free(&pair);
}

static void respects_the_limit(void **state)
{
	struct pair pair;
	struct fastipc_broadcast *ring = &pair.writer;

	(void)state;
	pair_make(&pair);
	for (uint64_t n = 0; n < 3000; n++) {
		unsigned char bytes[512];
		uint32_t size = numbered(n, bytes);

		if (!fastipc_broadcast_fits(ring, size)) {
			/* Read just as much as is needed. */
			while ((int64_t)(pair.reader.cursor -
					 fastipc_broadcast_need(ring, size)) <
			       0) {
				take_number(&pair);
				assert_int_equal(pair.lost, 0);
			}
			fastipc_broadcast_make_room(ring, size,
						    pair.reader.cursor);
			assert_true((int64_t)(pair.reader.cursor -
					      ring->head) >= 0);
		}
		assert_true(fastipc_broadcast_fits(ring, size));
		fastipc_broadcast_write(ring, bytes, size);
	}
	pair_free(&pair);
}

/* ---- history ---- */

static void rewind_finds(uint64_t written, uint64_t count, uint64_t start)
{
	struct pair pair;
	uint64_t first, there;

	pair_make_at(&pair, start, start);
	for (uint64_t n = 0; n < written; n++)
		put_number(&pair, n);
	/* How many are there. */
	fastipc_follower_init(&pair.reader, &pair.peer, pair.writer.head,
			      pair.writer.sequence);
	assert_int_equal(fastipc_follower_rewind(&pair.reader,
						 pair.writer.sequence,
						 UINT64_MAX),
			 0);
	for (there = 0; !take(&pair); there++)
		assert_int_equal(pair.lost, 0);
	fastipc_follower_init(&pair.reader, &pair.peer, pair.writer.head,
			      pair.writer.sequence);
	assert_int_equal(fastipc_follower_rewind(&pair.reader,
						 pair.writer.sequence, count),
			 0);
	first = written - (count < there ? count : there);
	for (uint64_t n = first; n < written; n++) {
		assert_int_equal(take_number(&pair), n);
		assert_int_equal(pair.lost, 0);
	}
	assert_int_equal(take(&pair), -EAGAIN);
	pair_free(&pair);
}

static void history(void **state)
{
	const uint64_t starts[] = { 0, (1ull << 32) - 800, (1ull << 63) - 800,
				    0ull - 800 };

	(void)state;
	for (int i = 0; i < 4; i++)
		for (uint64_t written = 0; written < 200; written += 19) {
			rewind_finds(written, 1, starts[i]);
			rewind_finds(written, 5, starts[i]);
			rewind_finds(written, 100, starts[i]);
			rewind_finds(written, UINT64_MAX, starts[i]);
		}
}

/* ---- checksums and buffers ---- */

static void checksum(void **state)
{
	struct pair pair;

	(void)state;
	pair_make(&pair);
	pair.reader.must_sum = true;
	pair.reader.summed_from = 1;
	put_number(&pair, 0); /* from before it was agreed */
	pair.writer.summed = true;
	put_number(&pair, 1);
	assert_int_equal(take_number(&pair), 0);
	assert_int_equal(take_number(&pair), 1);
	put_number(&pair, 2);
	pair.own.data[(pair.writer.tail - 9) & (RING - 1)] ^= 1;
	assert_int_equal(take(&pair), -EBADMSG);
	pair_free(&pair);
	/* One without, where there must be one. */
	pair_make(&pair);
	pair.reader.must_sum = true;
	put_number(&pair, 0);
	assert_int_equal(take(&pair), -EBADMSG);
	pair_free(&pair);
}

static void fixed_buffer(void **state)
{
	unsigned char bytes[100], got[100] = { 0 };
	struct fastipc_buffer fixed = { .data = got,
					.capacity = 50,
					.fixed = true };
	struct pair pair;

	(void)state;
	pair_make(&pair);
	memset(bytes, 'x', sizeof(bytes));
	put(&pair, bytes, 100);
	assert_int_equal(fastipc_follower_take(&pair.reader, &fixed,
					       &pair.lost),
			 -EMSGSIZE);
	assert_int_equal(fixed.size, 100);
	fixed.capacity = 100;
	assert_int_equal(
		fastipc_follower_take(&pair.reader, &fixed, &pair.lost), 0);
	assert_memory_equal(got, bytes, 100);
	pair_free(&pair);
}

/* ---- a writer that lies ---- */

static void lie(void (*tell)(struct pair *pair), int expected)
{
	struct pair pair;

	pair_make(&pair);
	for (uint64_t n = 0; n < 5; n++)
		put_number(&pair, n);
	take_number(&pair);
	tell(&pair);
	pair.reader.tail = pair.reader.cursor; /* look at it again */
	assert_int_equal(take(&pair), expected);
	pair_free(&pair);
}

static struct fastipc_broadcast_header *next_header(struct pair *pair)
{
	return (struct fastipc_broadcast_header *)(pair->own.data +
						   pair->reader.cursor);
}

static void tail_back(struct pair *pair)
{
	pair->writer.words->tail = 0;
}

static void tail_far(struct pair *pair)
{
	pair->writer.words->tail = 1ull << 40;
}

static void head_far(struct pair *pair)
{
	pair->writer.words->head = 1ull << 40;
}

static void size_huge(struct pair *pair)
{
	next_header(pair)->size = 0x7fffffff;
}

static void size_over_the_limit(struct pair *pair)
{
	pair->writer.words->tail = pair->reader.cursor + 2048;
	next_header(pair)->size = pair->writer.message_max + 1;
}

static void size_beyond_tail(struct pair *pair)
{
	pair->writer.words->tail = pair->reader.cursor + 24;
	next_header(pair)->size = 9;
}

static void sequence_back(struct pair *pair)
{
	next_header(pair)->sequence = 0;
}

static void sequence_forth(struct pair *pair)
{
	next_header(pair)->sequence = 7;
}

static void latest_odd(struct pair *pair)
{
	pair->reader.latest = true;
	pair->writer.words->latest = 4093;
}

static void lies(void **state)
{
	(void)state;
	lie(tail_back, -EPROTO);
	lie(tail_far, -EPROTO);
	lie(head_far, -EPROTO);
	lie(size_huge, -EPROTO);
	lie(size_over_the_limit, -EPROTO);
	lie(size_beyond_tail, -EPROTO);
	lie(sequence_back, -EPROTO);
	lie(sequence_forth, -EPROTO);
	lie(latest_odd, -EPROTO);
}

/* Any words at all: no read beyond the mapping, and each call returns. */
static void noise(void **state)
{
	uint64_t x = fastipc_now_ns() | 1;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)x);
	for (int round = 0; round < 3000; round++) {
		struct pair pair;

		pair_make(&pair);
		pair.reader.latest = round % 2;
		for (int step = 0; step < 20; step++) {
			struct fastipc_broadcast_words *words =
				pair.writer.words;
			uint64_t *const each[] = { &words->head, &words->latest,
						   &words->tail };

			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			if (step % 2)
				*each[step % 3] = x >> (x % 64);
			else
				memcpy(pair.own.data + x % (RING - 8), &x,
				       step % 4 ? 8 : 2);
			put_number(&pair, (uint64_t)step);
			fastipc_follower_take(&pair.reader, &pair.message,
					      &pair.lost);
			fastipc_follower_rewind(&pair.reader, x, x % 100);
		}
		pair_free(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(wraps),
		cmocka_unit_test(numbers_at_their_ends),
		cmocka_unit_test(all_sizes),
		cmocka_unit_test(told_how_many),
		cmocka_unit_test(goes_on_with_the_oldest),
		cmocka_unit_test(newest_only),
		cmocka_unit_test(overwritten_meanwhile),
		cmocka_unit_test(behind),
		cmocka_unit_test(pauses),
		cmocka_unit_test(respects_the_limit),
		cmocka_unit_test(history),
		cmocka_unit_test(checksum),
		cmocka_unit_test(fixed_buffer),
		cmocka_unit_test(lies),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
