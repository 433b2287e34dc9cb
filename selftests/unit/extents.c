// SPDX-License-Identifier: MIT
/*
 * The allocator of bulk areas: against a model that knows each page, in random
 * orders of taking and giving back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rpc/extents.h"

#define ORDER 9u
#define PAGES (1u << ORDER)
#define HELD_MOST 200u

struct extent {
	uint32_t first, pages;
};

static bool used[PAGES]; /* the model */
static struct extent held[HELD_MOST];
static unsigned int held_count;

static uint64_t random_state;

static uint32_t below(uint32_t most)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dull) >> 33) % most;
}

/* Whether a block that is aligned to its size is free, with room for @pages. */
static bool model_has_room(uint32_t pages)
{
	uint32_t block = 1;

	while (block < pages)
		block *= 2;
	for (uint32_t i = 0; i < PAGES; i += block) {
		uint32_t j = 0;

		while (j < block && !used[i + j])
			j++;
		if (j == block)
			return true;
	}
	return false;
}

static void take(struct extents *extents, uint32_t pages)
{
	uint32_t first = 0;
	int error = fastipc_extents_take(extents, pages, &first);

	assert_int_equal(error, model_has_room(pages) ? 0 : -EAGAIN);
	if (error)
		return;
	assert_true(first < PAGES && pages <= PAGES - first);
	for (uint32_t i = 0; i < pages; i++) {
		assert_false(used[first + i]);
		used[first + i] = true;
	}
	held[held_count++] = (struct extent){ first, pages };
}

static void give(struct extents *extents, unsigned int index)
{
	struct extent extent = held[index];

	held[index] = held[--held_count];
	memset(used + extent.first, 0, extent.pages);
	fastipc_extents_give(extents, extent.first, extent.pages);
}

static void as_the_model(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	struct extents *extents = fastipc_extents_create(ORDER);

	(void)state;
	random_state = seed | 1;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	assert_non_null(extents);
	for (uint32_t i = 0; i < 200000; i++) {
		/* Mostly small ones; sometimes all that there is. */
		uint32_t most = 1u << below(ORDER + 1);

		/* There are times of plenty and times of want. */
		if (held_count < HELD_MOST && below(100) < 40 + i / 2000 % 30)
			take(extents, 1 + below(most));
		else if (held_count)
			give(extents, below(held_count));
	}
	while (held_count)
		give(extents, held_count - 1);
	take(extents, PAGES);
	assert_int_equal(held_count, 1);
	assert_int_equal(held[0].first, 0);
	give(extents, 0);
	fastipc_extents_free(extents);
}

/* Nothing is lost to rounding: what is left over can be had. */
static void all_pages_can_be_had(void **state)
{
	struct extents *extents = fastipc_extents_create(4);
	uint32_t first;

	(void)state;
	assert_non_null(extents);
	assert_int_equal(fastipc_extents_take(extents, 9, &first), 0);
	assert_int_equal(first, 0);
	assert_int_equal(fastipc_extents_take(extents, 4, &first), 0);
	assert_int_equal(first, 12);
	assert_int_equal(fastipc_extents_take(extents, 2, &first), 0);
	assert_int_equal(first, 10);
	assert_int_equal(fastipc_extents_take(extents, 2, &first), -EAGAIN);
	assert_int_equal(fastipc_extents_take(extents, 1, &first), 0);
	assert_int_equal(first, 9);
	assert_int_equal(fastipc_extents_take(extents, 1, &first), -EAGAIN);
	fastipc_extents_free(extents);
}

static void one_page(void **state)
{
	struct extents *extents = fastipc_extents_create(0);
	uint32_t first;

	(void)state;
	assert_non_null(extents);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fastipc_extents_take(extents, 1, &first), 0);
		assert_int_equal(first, 0);
		assert_int_equal(fastipc_extents_take(extents, 1, &first),
				 -EAGAIN);
		fastipc_extents_give(extents, 0, 1);
	}
	fastipc_extents_free(extents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_model),
		cmocka_unit_test(all_pages_can_be_had),
		cmocka_unit_test(one_page),
	};

	return cmocka_run_group_tests_name("extents", tests, NULL, NULL);
}
