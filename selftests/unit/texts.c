// SPDX-License-Identifier: MIT
/*
 * Each way to check a vector of records of strings that this CPU has, against
 * one that goes byte by byte, where the page before and the one behind cannot be
 * read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "codec/texts.h"

#define PAGE 4096u
#define PAGES 16u
#define ROOM (PAGES * PAGE)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint8_t *memory; /* of so much room, between pages of none */
static uint64_t seed = 1;

static uint32_t any(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static int get_memory(void **state)
{
	uint8_t *all = mmap(NULL, ROOM + 2 * PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (all == MAP_FAILED ||
	    mprotect(all + PAGE, ROOM, PROT_READ | PROT_WRITE))
		return -1;
	memory = all + PAGE;
	return 0;
}

static int put_memory(void **state)
{
	(void)state;
	return munmap(memory - PAGE, ROOM + 2 * PAGE);
}

/* ---- as fastipc_codec(7) has it ---- */

static size_t load(const uint8_t *at, size_t width)
{
	size_t value = 0;

	for (size_t i = 0; i < width; i++)
		value |= (size_t)at[i] << 8 * i;
	return value;
}

static bool is_record(const uint8_t *data, size_t size,
		      struct fastipc_texts texts)
{
	size_t fixed, count, start;

	if (!size)
		return true;
	if (size < 2 || size > 65535)
		return false;
	fixed = load(data, 2) & 0x3ff;
	count = load(data, 2) >> 10;
	start = 2 + fixed + (count ? 2 * (count - 1) : 0);
	if (start > size || (!count && start != size))
		return false;
	for (size_t i = 0; i < count; i++) {
		const size_t end = i + 1 < count
					   ? load(data + 2 + fixed + 2 * i, 2)
					   : size;

		if (end < start || end > size)
			return false;
		if (texts.utf8 && i < texts.strings &&
		    !fastipc_utf8_valid(data + start, end - start))
			return false;
		start = end;
	}
	return true;
}

static bool is_vector(const uint8_t *data, size_t size,
		      struct fastipc_texts texts)
{
	const size_t width = texts.wide ? 4 : 2;
	size_t count, start;

	if (size < width)
		return false;
	count = load(data, width);
	start = count * width;
	if (!count || start > size)
		return false;
	for (size_t i = 1; i <= count; i++) {
		const size_t end = i < count ? load(data + i * width, width)
					     : size;

		if (end < start || end > size ||
		    !is_record(data + start, end - start, texts))
			return false;
		start = end;
	}
	return true;
}

/* ---- vectors ---- */

static void store(uint8_t *at, size_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static size_t put_string(uint8_t *at)
{
	static const char *const characters[] = { "\xc3\xa9", "\xe2\x82\xac",
						  "\xf0\x9f\x87\xa6",
						  "\xdf\xbf" };
	static const uint32_t most[] = { 1, 4, 9, 30, 70 };
	const size_t letters = any(most[any(COUNT(most))]);
	const bool ascii = any(3);
	size_t size = 0;

	for (size_t i = 0; i < letters; i++) {
		const char *one = characters[any(COUNT(characters))];

		if (ascii || any(4))
			one = "x";
		memcpy(at + size, one, strlen(one));
		size += strlen(one);
	}
	return size;
}

static size_t put_record(uint8_t *at)
{
	const size_t fixed = any(3) ? 0 : any(5);
	const size_t count = any(20) ? any(6) : any(14);
	uint8_t *ends = at + 2 + fixed;
	size_t size = 2 + fixed + (count ? 2 * (count - 1) : 0);

	if (!any(10))
		return 0;
	store(at, fixed | count << 10, 2);
	memset(at + 2, 0xfe, fixed);
	for (size_t i = 0; i < count; i++) {
		size += any(4) ? put_string(at + size) : 0;
		if (i + 1 < count)
			store(ends + 2 * i, size, 2);
	}
	return size;
}

static size_t put_vector(uint8_t *at, size_t width)
{
	/* Also more of them than are noted at once. */
	const size_t count = 1 + any(any(8) ? 4 : 300);
	size_t size = count * width;

	store(at, count, width);
	for (size_t i = 0; i < count && size < ROOM / 2; i++) {
		size += put_record(at + size);
		if (i + 1 < count)
			store(at + (i + 1) * width, size, width);
		else
			return size;
	}
	store(at, 1, width); /* which is wrong, mostly */
	return size;
}

static bool check(const uint8_t *data, size_t size, struct fastipc_texts texts)
{
	const bool expected = is_vector(data, size, texts);
	uint8_t *const places[] = { memory, memory + ROOM - size };

	for (size_t place = 0; place < COUNT(places); place++) {
		uint8_t *const at = places[place];

		memcpy(at, data, size);
		assert_int_equal(fastipc_check_texts(at, at, size, texts),
				 expected);
		for (size_t i = 0; fastipc_texts_variants[i].name; i++)
			if (fastipc_texts_variants[i].usable() &&
			    fastipc_texts_variants[i].check(at, at, size,
							    texts) != expected)
				fail_msg("%s: not %d, of %zu bytes, %u strings",
					 fastipc_texts_variants[i].name,
					 expected, size, texts.strings);
	}
	return expected;
}

/* Vectors that are right, and those with a byte or an END changed, or cut. */
static void edits(void **state)
{
	static uint8_t data[ROOM];
	unsigned int right = 0, wrong = 0;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		const struct fastipc_texts texts = { 1 + any(6), any(2),
						     any(8) };
		size_t size = put_vector(data, texts.wide ? 4 : 2);

		right += check(data, size, texts);
		for (unsigned int edit = 0; edit < 8; edit++) {
			const size_t at = any((uint32_t)size);
			const uint8_t was = data[at];

			data[at] = any(2) ? (uint8_t)any(256)
					  : (uint8_t)(was + any(5) - 2);
			wrong += !check(data, size, texts);
			data[at] = was;
		}
		wrong += !check(data, any((uint32_t)size), texts);
	}
	assert_true(right > 10000 && wrong > 10000);
}

/* Every END at every place of a text of two strings. */
static void splits(void **state)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x87\xa6z";
	const struct fastipc_texts texts = { 2, false, true };
	const size_t length = sizeof(text) - 1;
	uint8_t data[100];

	(void)state;
	for (size_t before = 0; before < 60; before++) {
		const size_t size = 6 + before + length;

		memset(data, 'x', sizeof(data));
		store(data, 1, 2);
		store(data + 2, 2 << 10, 2);
		memcpy(data + 6 + before, text, length);
		for (size_t end = 4; end <= size - 2; end++) {
			store(data + 4, end, 2);
			assert_int_equal(check(data, size, texts),
					 end + 2 == size || (data[2 + end] &
							     0xc0) != 0x80);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits),
		cmocka_unit_test(splits),
	};

	return cmocka_run_group_tests(tests, get_memory, put_memory);
}
