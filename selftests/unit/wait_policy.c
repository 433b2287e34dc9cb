// SPDX-License-Identifier: MIT
/*
 * When to spin: the adaptive policy, on invented times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/channel.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

/* What wait.c promises. */
#define BUDGET_LEAST (20 * US)
#define BUDGET_MOST (200 * US)
#define RETRY_EVERY 16

static struct fastipc_wait_policy policy_of(enum fastipc_wait mode)
{
	struct fastipc_wait_policy policy;

	fastipc_wait_policy_init(&policy, mode);
	return policy;
}

/* Many waits, or wake-ups, that take @ns each. */
static void learn(struct fastipc_wait_policy *policy, uint64_t ns)
{
	for (int i = 0; i < 100; i++)
		fastipc_wait_learn(policy, ns);
}

static void learn_wake(struct fastipc_wait_policy *policy, uint64_t ns)
{
	for (int i = 0; i < 100; i++)
		fastipc_wait_learn_wake(policy, 5 * S, 5 * S + ns);
}

static void modes_that_do_not_adapt(void **state)
{
	struct fastipc_wait_policy spin = policy_of(FASTIPC_WAIT_SPIN);
	struct fastipc_wait_policy block = policy_of(FASTIPC_WAIT_BLOCK);
	struct fastipc_wait_policy sleeps = policy_of(FASTIPC_WAIT_SLEEP);

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_true(fastipc_wait_should_spin(&spin));
		assert_false(fastipc_wait_should_spin(&block));
		assert_false(fastipc_wait_should_spin(&sleeps));
		fastipc_wait_learn(&spin, 10 * S);
		fastipc_wait_learn(&block, 1);
		fastipc_wait_learn(&sleeps, 1);
	}
}

static void new_policy_spins(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);

	(void)state;
	assert_true(fastipc_wait_should_spin(&policy));
	assert_in_range(fastipc_wait_budget(&policy), BUDGET_LEAST,
			BUDGET_MOST);
}

static void budget_follows_the_cost_of_a_wake_up(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);

	(void)state;
	learn_wake(&policy, 30 * US);
	assert_in_range(fastipc_wait_budget(&policy), 59 * US, 61 * US);
	learn_wake(&policy, 60 * US);
	assert_in_range(fastipc_wait_budget(&policy), 119 * US, 121 * US);
	learn_wake(&policy, 1 * US);
	assert_int_equal(fastipc_wait_budget(&policy), BUDGET_LEAST);
	learn_wake(&policy, 900 * US);
	assert_int_equal(fastipc_wait_budget(&policy), BUDGET_MOST);
	learn_wake(&policy, 30 * US);
	assert_in_range(fastipc_wait_budget(&policy), 59 * US, 61 * US);
}

/* One strange wake-up changes little. */
static void one_wake_up_counts_an_eighth(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);

	(void)state;
	learn_wake(&policy, 24 * US);
	fastipc_wait_learn_wake(&policy, 5 * S, 5 * S + 64 * US);
	assert_in_range(fastipc_wait_budget(&policy), 57 * US, 59 * US);
}

static void short_waits_spin(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(fastipc_wait_should_spin(&policy));
		fastipc_wait_learn(&policy, i % 2 ? 500 : 5 * US);
	}
}

static void long_waits_spin_once_in_a_while(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);
	int spins = 0, last = -1;

	(void)state;
	learn(&policy, 10 * MS);
	for (int i = 0; i < 10 * RETRY_EVERY; i++) {
		if (fastipc_wait_should_spin(&policy)) {
			if (last >= 0)
				assert_int_equal(i - last, RETRY_EVERY);
			last = i;
			spins++;
		}
		fastipc_wait_learn(&policy, 10 * MS);
	}
	assert_int_equal(spins, 10);
}

/* Longer than the budget by a little is too long; as long as it is not. */
static void the_border_is_the_budget(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);
	uint64_t budget = fastipc_wait_budget(&policy);

	(void)state;
	learn(&policy, budget - US);
	assert_true(fastipc_wait_should_spin(&policy));
	learn(&policy, budget + US);
	assert_false(fastipc_wait_should_spin(&policy));
}

/* A peer that slept for an hour, and then answers at once. */
static void very_long_wait_is_soon_forgotten(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);
	int waits = 0;

	(void)state;
	learn(&policy, 1 * US);
	fastipc_wait_learn(&policy, 3600 * S);
	assert_true(fastipc_wait_should_spin(&policy));

	learn(&policy, 3600 * S);
	assert_false(fastipc_wait_should_spin(&policy));
	while (!fastipc_wait_should_spin(&policy)) {
		fastipc_wait_learn(&policy, 1 * US);
		waits++;
	}
	assert_true(waits < RETRY_EVERY);

	learn(&policy, UINT64_MAX);
	assert_false(fastipc_wait_should_spin(&policy));
}

/* The peer writes what it likes as the time when it rang. */
static void lying_stamps_are_bounded(void **state)
{
	const uint64_t now = 1000 * S;
	const uint64_t lies[] = { 0,	   1,	       now,
				  now + 1, now - MS,   now - 10 * S,
				  now + S, UINT64_MAX, 1ull << 63 };
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);

	(void)state;
	learn_wake(&policy, 30 * US);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint64_t before = fastipc_wait_budget(&policy);

		for (int n = 0; n < 100; n++)
			fastipc_wait_learn_wake(&policy, lies[i], now);
		assert_int_equal(fastipc_wait_budget(&policy), before);
	}
	/* Stamps that could be true: the budget stays within its bounds. */
	for (uint64_t cost = 1; cost < 2 * MS; cost += 999) {
		fastipc_wait_learn_wake(&policy, now - cost, now);
		assert_in_range(fastipc_wait_budget(&policy), BUDGET_LEAST,
				BUDGET_MOST);
	}
}

/* ---- giving way ---- */

/* Waits until the next that gives way. */
static int waits_to_next_way(struct fastipc_wait_policy *policy)
{
	int waits = 0;

	while (!fastipc_wait_should_give_way(policy))
		waits++;
	return waits;
}

static void the_adaptive_and_the_blocking_give_way(void **state)
{
	struct fastipc_wait_policy spin = policy_of(FASTIPC_WAIT_SPIN);
	struct fastipc_wait_policy sleeps = policy_of(FASTIPC_WAIT_SLEEP);
	struct fastipc_wait_policy block = policy_of(FASTIPC_WAIT_BLOCK);
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_false(fastipc_wait_should_give_way(&spin));
		assert_false(fastipc_wait_should_give_way(&sleeps));
		assert_true(fastipc_wait_should_give_way(&block));
		assert_true(fastipc_wait_should_give_way(&policy));
		fastipc_wait_learn_way(&block, true, 3 * US);
		fastipc_wait_learn_way(&policy, true, 3 * US);
	}
}

/* Whether that took long or not: nothing came meanwhile. */
static void a_way_in_vain_is_tried_once_in_a_while(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);

	(void)state;
	for (int i = 0; i < 10; i++) {
		fastipc_wait_learn_way(&policy, false, i % 2 ? US : S);
		assert_int_equal(waits_to_next_way(&policy), RETRY_EVERY - 1);
	}
	fastipc_wait_learn_way(&policy, true, 3 * US);
	assert_int_equal(waits_to_next_way(&policy), 0);
}

static void one_long_way_changes_nothing(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);

	(void)state;
	for (int i = 0; i < 100; i++) {
		fastipc_wait_learn_way(&policy, true,
				       i % 16 ? 30 * US : 4 * MS);
		assert_int_equal(waits_to_next_way(&policy), 0);
	}
}

/* So many that those that take long are a tenth of the time at most. */
static void long_ways_are_followed_by_many_sleeps(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);
	const uint64_t sleep_ns = 4 * US, way_ns = 4 * MS;
	int ways = 0;

	(void)state;
	while (!waits_to_next_way(&policy)) {
		fastipc_wait_learn_way(&policy, true, way_ns);
		assert_true(++ways < 10);
	}
	for (int i = 0; i < 100; i++) {
		uint64_t slept;

		fastipc_wait_learn_way(&policy, true, way_ns);
		slept = waits_to_next_way(&policy) * sleep_ns;
		assert_in_range(slept, 9 * way_ns, 11 * way_ns);
	}
	/* Soon after they are short, there is no sleep any more. */
	for (int i = 0; i < 3; i++)
		fastipc_wait_learn_way(&policy, true, 3 * US);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(waits_to_next_way(&policy), 0);
		fastipc_wait_learn_way(&policy, true, 100 * US);
	}
}

static void a_day_away_is_not_for_ever(void **state)
{
	struct fastipc_wait_policy policy = policy_of(FASTIPC_WAIT_ADAPTIVE);

	(void)state;
	for (int i = 0; i < 100; i++)
		fastipc_wait_learn_way(&policy, true, UINT64_MAX);
	assert_in_range(waits_to_next_way(&policy), 1000, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_that_do_not_adapt),
		cmocka_unit_test(new_policy_spins),
		cmocka_unit_test(budget_follows_the_cost_of_a_wake_up),
		cmocka_unit_test(one_wake_up_counts_an_eighth),
		cmocka_unit_test(short_waits_spin),
		cmocka_unit_test(long_waits_spin_once_in_a_while),
		cmocka_unit_test(the_border_is_the_budget),
		cmocka_unit_test(very_long_wait_is_soon_forgotten),
		cmocka_unit_test(lying_stamps_are_bounded),
		cmocka_unit_test(the_adaptive_and_the_blocking_give_way),
		cmocka_unit_test(a_way_in_vain_is_tried_once_in_a_while),
		cmocka_unit_test(one_long_way_changes_nothing),
		cmocka_unit_test(long_ways_are_followed_by_many_sleeps),
		cmocka_unit_test(a_day_away_is_not_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
