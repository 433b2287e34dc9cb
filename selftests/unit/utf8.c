// SPDX-License-Identifier: MIT
/*
 * Each way to check UTF-8 that this CPU has, against one that decodes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fastipc/codec.h>

#include "codec/utf8.h"

static const char *const right[] = {
	"",
	"a",
	"\x7f",
	"\xc2\x80",
	"\xdf\xbf",
	"\xe0\xa0\x80",
	"\xec\xbf\xbf",
	"\xed\x80\x80",
	"\xed\x9f\xbf",
	"\xee\x80\x80",
	"\xef\xbf\xbf",
	"\xf0\x90\x80\x80",
	"\xf1\x80\x80\x80",
	"\xf3\xbf\xbf\xbf",
	"\xf4\x8f\xbf\xbf",
};

static const char *const wrong[] = {
	"\x80",
	"\xbf",
	"\xc0\x80",
	"\xc1\xbf",
	"\xc2",
	"\xc2\x41",
	"\xc2\xc2",
	"\xc2\x80\x80",
	"\xe0\x80\x80",
	"\xe0\x9f\xbf",
	"\xe1\x80",
	"\xe1\x80\x41",
	"\xe1\x80\xc2",
	"\xed\xa0\x80",
	"\xed\xbf\xbf",
	"\xef\xbf\xbf\x80",
	"\xf0\x80\x80\x80",
	"\xf0\x8f\xbf\xbf",
	"\xf1\x80\x80",
	"\xf1\x80\x80\x41",
	"\xf1\x41",
	"\xf4\x90\x80\x80",
	"\xf5\x80\x80\x80",
	"\xf7\xbf\xbf\xbf",
	"\xf8\x88\x80\x80\x80",
	"\xfe",
	"\xff",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* By what the bytes stand for. */
static bool decodes(const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size;) {
		const unsigned char lead = data[i++];
		const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
		unsigned int more = lead < 0x80	  ? 0
				    : lead < 0xc0 ? 4
				    : lead < 0xe0 ? 1
				    : lead < 0xf0 ? 2
				    : lead < 0xf8 ? 3
						  : 4;
		uint32_t code = lead & (0x7fu >> (more + !!more));

		if (more == 4)
			return false;
		for (unsigned int j = 0; j < more; j++, i++) {
			if (i >= size || data[i] >> 6 != 2)
				return false;
			code = code << 6 | (data[i] & 0x3f);
		}
		if (code < least[more] || code > 0x10ffff ||
		    code >> 11 == 0xd800 >> 11)
			return false;
	}
	return true;
}

/*
 * By all variants, in memory that ends where the bytes do, and begins so much
 * before them: that is a character cut short, and no part of them.
 */
static void check_behind(const void *bytes, size_t size, size_t before,
			 bool expected)
{
	unsigned char *floor = malloc(before + size);
	unsigned char *data = floor + before;

	memset(floor, 0xf0, before);
	if (size)
		memcpy(data, bytes, size);
	assert_int_equal(fastipc_utf8_valid_in(floor, data, size), expected);
	for (size_t i = 0; fastipc_utf8_variants[i].name; i++)
		if (fastipc_utf8_variants[i].usable() &&
		    fastipc_utf8_variants[i].valid(floor, data, size) !=
			    expected)
			fail_msg("%s: %zu bytes behind %zu",
				 fastipc_utf8_variants[i].name, size, before);
	free(floor);
}

static void check(const void *bytes, size_t size, bool expected)
{
	assert_int_equal(decodes(bytes, size), expected);
	assert_int_equal(fastipc_utf8_valid(bytes, size), expected);
	check_behind(bytes, size, 0, expected);
	check_behind(bytes, size, 15, expected);
	check_behind(bytes, size, 32, expected);
}

/* At each place of text that is long enough for all loops. */
static void check_everywhere(const char *sample, bool expected)
{
	const size_t length = strlen(sample);
	unsigned char text[100 + 8];

	for (size_t size = length; size < 100; size++) {
		for (size_t at = 0; at + length <= size;
		     at += size < 70 || at > size - 40 ? 1 : 7) {
			memset(text, 'x', sizeof(text));
			memcpy(text + at, sample, length);
			check(text, size, expected);
		}
	}
}

static void samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		check_everywhere(right[i], true);
	for (size_t i = 0; i < COUNT(wrong); i++)
		check_everywhere(wrong[i], false);
}

/* All of three bytes, and what is beside them. */
static void all_pairs(void **state)
{
	unsigned char text[40];

	(void)state;
	for (unsigned int pair = 0; pair < 0x10000; pair++) {
		for (unsigned int end = 0; end < 3; end++) {
			static const unsigned char last[] = { 'x', 0x80, 0xc3 };

			memset(text, 'x', sizeof(text));
			text[30] = (unsigned char)(pair >> 8);
			text[31] = (unsigned char)pair;
			text[32] = last[end];
			check(text, sizeof(text), decodes(text, sizeof(text)));
		}
	}
}

/* Characters of all lengths, and one byte of them changed. */
static void edits(void **state)
{
	uint64_t bits = 1;

	(void)state;
	for (unsigned int round = 0; round < 3000; round++) {
		unsigned char text[256];
		size_t size = 0;

		while (size < 40 + round % 150) {
			const char *sample;

			bits = bits * 6364136223846793005u +
			       1442695040888963407u;
			sample = right[(bits >> 33) % COUNT(right)];
			memcpy(text + size, sample, strlen(sample));
			size += strlen(sample);
		}
		check(text, size, true);
		for (unsigned int edit = 0; edit < 10; edit++) {
			unsigned char was;
			size_t at;

			bits = bits * 6364136223846793005u +
			       1442695040888963407u;
			at = (bits >> 33) % size;
			was = text[at];
			text[at] = (unsigned char)(bits >> 20);
			check(text, size, decodes(text, size));
			text[at] = was;
		}
		for (size_t cut = size - 4; cut < size; cut++)
			check(text, cut, decodes(text, cut));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples),
		cmocka_unit_test(all_pairs),
		cmocka_unit_test(edits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
