// SPDX-License-Identifier: MIT
/*
 * What the messages of `fastipc bench` carry: a byte that is wrong, anywhere,
 * and a message in another's place are noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/payload.h"

#define SEQUENCE 0x123456789abull

static unsigned char data[5000];

static void make(size_t size)
{
	memset(data, 0xee, sizeof(data));
	payload_fill(data, size);
	payload_stamp(data, size, SEQUENCE);
}

static void as_it_was_sent(void **state)
{
	(void)state;
	for (size_t size = 0; size < 300; size++) {
		make(size);
		assert_true(payload_is_stamped(data, size, SEQUENCE));
		assert_true(payload_is_intact(data, size, SEQUENCE));
		/* Nothing is written behind it. */
		for (size_t i = size; i < sizeof(data); i++)
			assert_int_equal(data[i], 0xee);
	}
}

static void one_bit_is_wrong(void **state)
{
	const size_t sizes[] = { 1,  2,	 7,  8,	 9,  15,  16,	17,
				 23, 24, 25, 63, 64, 100, 1000, 4099 };

	(void)state;
	for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		make(sizes[n]);
		for (size_t i = 0; i < sizes[n]; i++) {
			data[i] ^= 1u << i % 8;
			assert_false(
				payload_is_intact(data, sizes[n], SEQUENCE));
			data[i] ^= 1u << i % 8;
		}
		assert_true(payload_is_intact(data, sizes[n], SEQUENCE));
	}
}

static void another_message(void **state)
{
	(void)state;
	for (size_t size = 1; size < 100; size++) {
		make(size);
		for (uint64_t off = 1; off < 200; off++) {
			assert_false(
				payload_is_stamped(data, size, SEQUENCE + off));
			assert_false(
				payload_is_intact(data, size, SEQUENCE - off));
		}
	}
}

/* As from a ring whose reader is a word off. */
static void shifted(void **state)
{
	(void)state;
	for (size_t size = 24; size < 100; size++) {
		make(size);
		assert_false(payload_is_stamped(data + 8, size - 8, SEQUENCE));
		assert_false(payload_is_stamped(data, size - 8, SEQUENCE));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_it_was_sent),
		cmocka_unit_test(one_bit_is_wrong),
		cmocka_unit_test(another_message),
		cmocka_unit_test(shifted),
	};

	return cmocka_run_group_tests_name("bench_payload", tests, NULL, NULL);
}
