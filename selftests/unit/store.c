// SPDX-License-Identifier: MIT
/*
 * Which way long pieces are stored into a ring: the policy, on invented times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frame/store.h"

#define PIECE 16384u

/* What a piece takes, in ns. */
struct machine {
	uint64_t cached;
	uint64_t streamed;
};

static const struct machine shared_cache = { 800, 1300 };
static const struct machine no_shared_cache = { 3800, 1300 };

/* @count pieces; returns how many of them went past the caches. */
static unsigned int store(struct fastipc_store_policy *policy,
			  const struct machine *machine, unsigned int count)
{
	unsigned int past = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct fastipc_store how = fastipc_store_choose(policy, PIECE);

		past += how.past_caches;
		if (how.timed)
			fastipc_store_learn(policy, how.past_caches, PIECE,
					    how.past_caches ? machine->streamed
							    : machine->cached);
	}
	return past;
}

static void what_costs_less(void **state)
{
	struct fastipc_store_policy near = { 0 }, far = { 0 };

	(void)state;
	assert_in_range(store(&near, &shared_cache, 2560), 1, 20);
	assert_in_range(store(&far, &no_shared_cache, 2560), 2500, 2559);
}

/* Whoever sends little gets it soon, and never pays for many tries. */
static void soon(void **state)
{
	struct fastipc_store_policy near = { 0 }, far = { 0 };

	(void)state;
	assert_int_equal(store(&near, &shared_cache, 4), 0);
	store(&far, &no_shared_cache, 40);
	assert_int_equal(store(&far, &no_shared_cache, 20), 20);
}

static void machines_change(void **state)
{
	struct fastipc_store_policy policy = { 0 };

	(void)state;
	store(&policy, &shared_cache, 1000);
	for (int i = 0; i < 10; i++) {
		store(&policy, &no_shared_cache, 300);
		assert_true(policy.past_caches);
		assert_in_range(store(&policy, &no_shared_cache, 2560), 2500,
				2559);
		store(&policy, &shared_cache, 300);
		assert_false(policy.past_caches);
		assert_in_range(store(&policy, &shared_cache, 2560), 1, 20);
	}
}

/* Costs that hardly differ: what is there stays. */
static void no_dithering(void **state)
{
	const struct machine a_little_less = { 2100, 1500 };
	struct fastipc_store_policy near = { 0 }, far = { 0 };

	(void)state;
	store(&near, &shared_cache, 1000);
	assert_in_range(store(&near, &a_little_less, 2560), 1, 20);
	store(&far, &no_shared_cache, 1000);
	assert_in_range(store(&far, &a_little_less, 2560), 2500, 2559);
}

/* To hand it over costs next to nothing, but somebody has to read it. */
static void readers_count(void **state)
{
	const struct machine handed_over = { 1500, 500 };
	struct fastipc_store_policy policy = { 0 };

	(void)state;
	assert_in_range(store(&policy, &handed_over, 2560), 1, 20);
}

/* An emulated one: all is slow. */
static void slow_machine(void **state)
{
	const struct machine slow = { 90000, 80000 };
	struct fastipc_store_policy policy = { 0 };

	(void)state;
	assert_in_range(store(&policy, &slow, 2560), 1, 20);
}

/* Another process had the CPU for a while. */
static void interruptions(void **state)
{
	struct fastipc_store_policy policy = { 0 };

	(void)state;
	store(&policy, &shared_cache, 1000);
	for (int i = 0; i < 100; i++) {
		fastipc_store_learn(&policy, false, PIECE, 10000000);
		assert_in_range(store(&policy, &shared_cache, 256), 1, 2);
	}
	fastipc_store_learn(&policy, true, PIECE, UINT64_MAX >> 20);
	assert_in_range(store(&policy, &shared_cache, 2560), 1, 20);
}

/* The first time round, each page of the ring has to be made. */
static void new_pages(void **state)
{
	const struct machine making = { 9000, 9000 };
	struct fastipc_store_policy policy = { 0 };

	(void)state;
	store(&policy, &making, 16);
	assert_false(policy.past_caches);
	store(&policy, &no_shared_cache, 50);
	assert_true(policy.past_caches);
}

static void short_pieces(void **state)
{
	struct fastipc_store_policy policy = { .past_caches = true };
	struct fastipc_store how;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		how = fastipc_store_choose(&policy, FASTIPC_STORE_LONG - 1);
		assert_false(how.past_caches);
		assert_false(how.timed);
	}
	assert_int_equal(policy.pieces, 0);
	how = fastipc_store_choose(&policy, FASTIPC_STORE_LONG);
	assert_true(how.past_caches);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_costs_less),
		cmocka_unit_test(soon),
		cmocka_unit_test(machines_change),
		cmocka_unit_test(no_dithering),
		cmocka_unit_test(readers_count),
		cmocka_unit_test(slow_machine),
		cmocka_unit_test(interruptions),
		cmocka_unit_test(new_pages),
		cmocka_unit_test(short_pieces),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
