// SPDX-License-Identifier: MIT
/*
 * Short strings are copied with what is beside them in memory: nothing of that
 * is in the buffer afterwards, it need not be there, and nothing is written
 * beyond the buffer's end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "limits.fastipc.h"

#define LONGEST 70
#define MORE 200 /* than enough for all ENDs there may be */
#define ROOM (2 * LONGEST + 2 * MORE)
#define UNTOUCHED 0xa5
#define SECRET 0xee /* more than any END here */

/* Two strings of @text, and one between that is absent or empty. */
static struct codec_limits_Most value_of(const char *text, size_t size,
					 bool between)
{
	struct codec_limits_Most value;

	codec_limits_Most_init(&value);
	value.f0 = fastipc_string_from(text, size);
	value.f1 = fastipc_string_from(between ? "" : NULL, 0);
	value.f2 = fastipc_string_from(text, size);
	return value;
}

/* Into a buffer without room for more: that way no string is padded. */
static size_t encode_tight(const struct codec_limits_Most *value, uint8_t *data)
{
	const size_t expected = codec_limits_Most_size(value);
	size_t size = 0;

	assert_int_equal(codec_limits_Most_encode(value, data, expected, &size),
			 0);
	assert_int_equal(size, expected);
	return size;
}

static void compare(const char *text, size_t length, bool between)
{
	const struct codec_limits_Most value = value_of(text, length, between);
	uint8_t tight[ROOM], data[ROOM], untouched[ROOM];
	const size_t expected = encode_tight(&value, tight);

	memset(untouched, UNTOUCHED, sizeof(untouched));
	for (size_t more = 0; more < MORE; more += 7) {
		size_t size = 0;

		memset(data, UNTOUCHED, sizeof(data));
		assert_int_equal(codec_limits_Most_encode(
					 &value, data, expected + more, &size),
				 0);
		assert_int_equal(size, expected);
		assert_memory_equal(data, tight, size);
		assert_null(memchr(data, SECRET, sizeof(data)));
		assert_memory_equal(data + expected + more, untouched,
				    sizeof(data) - expected - more);
	}
}

static void beside_a_secret(void **state)
{
	char memory[2 * 16 + LONGEST];

	(void)state;
	for (size_t at = 0; at < 16; at++) {
		for (size_t length = 0; length < LONGEST; length++) {
			memset(memory, SECRET, sizeof(memory));
			memset(memory + at, 'x', length);
			compare(memory + at, length, at % 2);
		}
	}
}

/* Pages that cannot be read are behind the text, and before it. */
static void at_the_ends_of_a_page(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 3 * page, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(mprotect(memory + page, page, PROT_READ | PROT_WRITE),
			 0);
	memset(memory + page, 'x', page);
	for (size_t length = 0; length < LONGEST; length++) {
		compare(memory + 2 * page - length, length, true);
		compare(memory + page, length, false);
	}
	assert_int_equal(munmap(memory, 3 * page), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_a_secret),
		cmocka_unit_test(at_the_ends_of_a_page),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("short_strings", tests, NULL, NULL);
}
