// SPDX-License-Identifier: MIT
/*
 * The copies into a ring and out of one: exactly the bytes that are meant, for
 * each size and alignment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "frame/frame.h"

#define MARGIN 64u
#define SIZE_MOST FASTIPC_FRAGMENT_PAYLOAD
#define SIZE_EACH 4500u /* longer than what is fetched ahead */

typedef void (*copy_fn)(void *to, const void *from, size_t size);

static void put(void *to, const void *from, size_t size)
{
	fastipc_frame_put(to, from, size);
}

static void get(void *to, const void *from, size_t size)
{
	fastipc_frame_get(to, from, size);
}

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 167 + i / 251 + 1);
}

static void try_size(copy_fn copy, size_t size, size_t from_offset,
		     size_t to_offset)
{
	static unsigned char from[SIZE_MOST + 2 * MARGIN];
	static unsigned char to[SIZE_MOST + 2 * MARGIN];
	unsigned char *begin = to + MARGIN + to_offset;

	memset(from, 0xee, sizeof(from));
	memset(to, 0xaa, sizeof(to));
	for (size_t i = 0; i < size; i++)
		from[MARGIN + from_offset + i] = byte_at(i);
	copy(begin, from + MARGIN + from_offset, size);
	for (unsigned char *p = to; p < to + sizeof(to); p++) {
		size_t i = (size_t)(p - begin);

		/* Before it, i is larger than any size. */
		assert_int_equal(*p, i < size ? byte_at(i) : 0xaa);
	}
}

static void try_all(copy_fn copy)
{
	for (size_t size = 0; size < 300; size++) {
		try_size(copy, size, 0, 0);
		try_size(copy, size, size % 8, 3);
	}
	for (size_t size = 300; size < SIZE_EACH; size += 61)
		try_size(copy, size, 5, size % 64);
	for (size_t size = SIZE_MOST - 70; size <= SIZE_MOST; size += 7)
		try_size(copy, size, size % 64, 24);
}

static void into_a_ring(void **state)
{
	(void)state;
	try_all(put);
}

static void past_the_caches(void **state)
{
	(void)state;
	try_all(fastipc_frame_stream_in);
}

static void out_of_a_ring(void **state)
{
	(void)state;
	try_all(get);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(into_a_ring),
		cmocka_unit_test(past_the_caches),
		cmocka_unit_test(out_of_a_ring),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
