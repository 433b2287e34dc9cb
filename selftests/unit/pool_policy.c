// SPDX-License-Identifier: MIT
/*
 * What the pool decides, simulated on a virtual clock: nothing here sleeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool/histogram.h"
#include "pool/policy.h"

#define US 1000ull
#define MS 1000000ull
#define SECOND 1000000000ull

static uint64_t random_state;

static uint64_t draw(void)
{
	return fastipc_policy_random(&random_state);
}

static int reset(void **state)
{
	(void)state;
	random_state = 42;
	return 0;
}

/* ---- backoff ---- */

static void jitter_is_full_and_bounded(void **state)
{
	(void)state;
	for (uint32_t failures = 1; failures <= 40; failures++) {
		uint64_t bound = MS, least = UINT64_MAX, most = 0, sum = 0;

		for (uint32_t i = 1; i < failures && bound < SECOND; i++)
			bound = 2 * bound < SECOND ? 2 * bound : SECOND;
		for (int i = 0; i < 2000; i++) {
			uint64_t delay = fastipc_backoff_delay(
				MS, SECOND, failures, draw());

			assert_true(delay <= bound);
			least = delay < least ? delay : least;
			most = delay > most ? delay : most;
			sum += delay;
		}
		/* All of the range is used, evenly. */
		assert_true(least < bound / 50);
		assert_true(most > bound - bound / 50);
		assert_in_range(sum / 2000, bound * 45 / 100, bound * 55 / 100);
	}
	assert_int_equal(fastipc_backoff_delay(0, 0, 5, draw()), 0);
}

/* A server is away for 10 s: how often is it asked, and when is it found? */
static void backoff_of_a_dead_endpoint(void **state)
{
	struct fastipc_backoff backoff = { 0 };
	uint64_t now = SECOND, back = 11 * SECOND;
	unsigned int attempts = 0;

	(void)state;
	while (now < back) {
		attempts++;
		fastipc_backoff_failed(&backoff, now, MS, SECOND, draw());
		assert_true(backoff.retry_at >= now);
		now = backoff.retry_at + 1;
	}
	assert_in_range(attempts, 15, 60);
	assert_true(now - back <= SECOND);
}

static void slow_connects_get_time(void **state)
{
	(void)state;
	assert_int_equal(fastipc_connect_limit(0, 0), 20 * MS);
	assert_int_equal(fastipc_connect_limit(MS, 0), 20 * MS);
	assert_int_equal(fastipc_connect_limit(5 * MS + 1, 0), 20 * MS + 4);
	assert_int_equal(fastipc_connect_limit(100 * MS, 0), 400 * MS);
	assert_int_equal(fastipc_connect_limit(0, 1), 40 * MS);
	assert_int_equal(fastipc_connect_limit(0, 2), 80 * MS);
	assert_int_equal(fastipc_connect_limit(0, UINT32_MAX), 80 * MS);
}

/* 100 clients that failed together do not come back together. */
static void backoffs_spread(void **state)
{
	unsigned int most = 0, slots[100] = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct fastipc_backoff backoff = { .failures = 7 };

		fastipc_backoff_failed(&backoff, 0, MS, 100 * MS, draw());
		slots[backoff.retry_at / MS % 100]++;
	}
	for (int i = 0; i < 100; i++)
		most = slots[i] > most ? slots[i] : most;
	assert_true(most <= 8);
}

/* ---- the retry budget ---- */

static const struct fastipc_budget_settings budget_settings = {
	.percent = 20,
	.per_second = 10,
	.burst = 100,
};

static unsigned int take_all(struct fastipc_budget *budget, uint64_t now,
			     uint64_t calls)
{
	unsigned int taken = 0;

	while (taken < 100000 &&
	       fastipc_budget_take(budget, &budget_settings, now, calls))
		taken++;
	return taken;
}

static void the_budget_runs_out(void **state)
{
	struct fastipc_budget budget;
	uint64_t now = SECOND;

	(void)state;
	fastipc_budget_init(&budget, &budget_settings, now);
	/* The burst, then nothing. */
	assert_int_equal(take_all(&budget, now, 0), 100);
	assert_int_equal(take_all(&budget, now, 0), 0);
	/* 10 a second, also in small steps. */
	assert_int_equal(take_all(&budget, now += SECOND, 0), 10);
	for (int i = 0, taken = 0; i < 1000; i++) {
		taken += (int)take_all(&budget, now += MS, 0);
		if (i == 999)
			assert_in_range(taken, 9, 11);
	}
	/* A fifth of the calls. */
	assert_int_equal(take_all(&budget, now, 200), 40);
	/* Never more than the burst. */
	assert_int_equal(take_all(&budget, now + 1000 * SECOND, 1000000), 100);
	/* A clock or a counter that goes back gives nothing. */
	assert_int_equal(take_all(&budget, now, 5), 0);
}

/* All calls fail: not more than a fifth more load on what is broken. */
static void the_budget_bounds_a_storm(void **state)
{
	struct fastipc_budget budget;
	uint64_t now = SECOND, retries = 0;

	(void)state;
	fastipc_budget_init(&budget, &budget_settings, now);
	for (uint64_t calls = 1; calls <= 100000; calls++) {
		now += 10 * US;
		retries += fastipc_budget_take(&budget, &budget_settings, now,
					       calls);
	}
	assert_in_range(retries, 19000, 20200);
}

/* ---- the breaker ---- */

static const struct fastipc_breaker_settings breaker_settings = {
	.percent = 50,
	.least = 5,
	.window_ns = SECOND,
	.open_ns = 100 * MS,
	.open_most_ns = 5 * SECOND,
	.probes = 3,
};

static bool fail_once(struct fastipc_breaker *breaker, uint64_t now)
{
	return fastipc_breaker_note(breaker, &breaker_settings, now, 0, 1,
				    draw());
}

static void succeed(struct fastipc_breaker *breaker, uint64_t now,
		    uint64_t count)
{
	assert_false(fastipc_breaker_note(breaker, &breaker_settings, now,
					  count, 0, draw()));
}

static bool probe(struct fastipc_breaker *breaker, uint64_t now, bool good)
{
	assert_true(fastipc_breaker_admits(breaker, now));
	fastipc_breaker_begin_probe(breaker, &breaker_settings, now);
	/* One at a time. */
	assert_false(fastipc_breaker_admits(breaker, now));
	return fastipc_breaker_end_probe(breaker, &breaker_settings, now, good,
					 draw());
}

static void a_breaker_opens_and_closes(void **state)
{
	struct fastipc_breaker breaker = { 0 };
	uint64_t now = 100 * SECOND;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_false(fail_once(&breaker, now));
	assert_true(fastipc_breaker_admits(&breaker, now));
	assert_int_equal(fastipc_breaker_next(&breaker), 0);
	assert_true(fail_once(&breaker, now));
	assert_int_equal(breaker.state, FASTIPC_BREAKER_OPEN);
	assert_false(fastipc_breaker_admits(&breaker, now));
	assert_in_range(fastipc_breaker_next(&breaker) - now, 50 * MS,
			100 * MS);
	/* Calls that were under way end: nothing changes. */
	succeed(&breaker, now, 100);
	assert_false(fail_once(&breaker, now));
	assert_false(fastipc_breaker_admits(&breaker, now));
	now = fastipc_breaker_next(&breaker);
	assert_false(probe(&breaker, now, true));
	assert_int_equal(breaker.state, FASTIPC_BREAKER_HALF_OPEN);
	assert_false(probe(&breaker, now, true));
	assert_true(probe(&breaker, now, true));
	assert_int_equal(breaker.state, FASTIPC_BREAKER_CLOSED);
	/* What was before is forgotten. */
	for (int i = 0; i < 4; i++)
		assert_false(fail_once(&breaker, now));
}

static void a_breaker_looks_at_the_rate(void **state)
{
	struct fastipc_breaker breaker = { 0 };
	uint64_t now = 100 * SECOND;

	(void)state;
	/* 10 % of failures, for a long time. */
	for (int i = 0; i < 10000; i++) {
		now += MS;
		succeed(&breaker, now, 9);
		assert_false(fail_once(&breaker, now));
	}
	/* Few failures, far apart. */
	breaker = (struct fastipc_breaker){ 0 };
	for (int i = 0; i < 100; i++)
		assert_false(fail_once(&breaker, now += SECOND / 3));
	/* Then all fail: open soon, although the past was good. */
	breaker = (struct fastipc_breaker){ 0 };
	for (int i = 0; i < 1000; i++)
		succeed(&breaker, now += MS, 1);
	for (int i = 0;; i++) {
		assert_true(i < 1001);
		if (fail_once(&breaker, now += MS))
			break;
	}
	/* And none without a percentage. */
	breaker = (struct fastipc_breaker){ 0 };
	for (int i = 0; i < 100; i++)
		assert_false(fastipc_breaker_note(
			&breaker, &(struct fastipc_breaker_settings){ 0 }, now,
			0, 1, draw()));
}

static void a_flapping_endpoint_is_asked_less_and_less(void **state)
{
	struct fastipc_breaker breaker = { 0 };
	uint64_t now = 100 * SECOND, bound = 100 * MS;
	unsigned int probes = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		fail_once(&breaker, now);
	while (now < 160 * SECOND) {
		uint64_t next = fastipc_breaker_next(&breaker);

		assert_in_range(next - now, bound / 2, bound);
		now = next;
		bound = 2 * bound < 5 * SECOND ? 2 * bound : 5 * SECOND;
		/* One good answer, then none: not enough to close it. */
		if (probes++ % 2)
			probe(&breaker, now, true);
		probe(&breaker, now, false);
		assert_int_equal(breaker.state, FASTIPC_BREAKER_OPEN);
	}
	assert_in_range(probes, 12, 30);
}

static void a_probe_that_never_ends_is_given_up(void **state)
{
	struct fastipc_breaker breaker = { 0 };
	uint64_t now = SECOND;

	(void)state;
	for (int i = 0; i < 5; i++)
		fail_once(&breaker, now);
	now = fastipc_breaker_next(&breaker);
	assert_true(fastipc_breaker_admits(&breaker, now));
	fastipc_breaker_begin_probe(&breaker, &breaker_settings, now);
	assert_false(fastipc_breaker_admits(&breaker, now + SECOND));
	now = fastipc_breaker_next(&breaker);
	assert_true(fastipc_breaker_admits(&breaker, now));
	fastipc_breaker_begin_probe(&breaker, &breaker_settings, now);
	fastipc_breaker_void_probe(&breaker);
	assert_true(fastipc_breaker_admits(&breaker, now));
}

/* ---- how many connections: a model of a service ---- */

static const struct fastipc_sizer_settings sizer_settings = {
	.min = 1,
	.max = 16,
	.idle_ns = SECOND,
	.trial_ns = 20 * MS,
};

/*
 * `demand` callers in a closed loop.  A call takes call_ns on a connection of
 * its own, as long as no more than `parallel` run at once: with more, all are
 * slower.
 */
struct world {
	struct fastipc_sizer sizer;
	uint64_t now, call_ns, parallel, waited_ticks;
	uint32_t size, demand;
	double calls;
	uint32_t largest;
	unsigned int noise; /* percent that a tick may be slower */
};

static void world_begin(struct world *world)
{
	*world = (struct world){ .now = 100 * SECOND, .size = 1 };
	fastipc_sizer_init(&world->sizer, &sizer_settings);
}

static void world_run(struct world *world, uint64_t ns)
{
	uint64_t end = world->now + ns;

	while (world->now < end) {
		bool waiting = world->demand > world->size;
		uint64_t tick = waiting ? MS : 10 * MS;
		double busy = waiting ? world->size : world->demand;
		struct fastipc_sizer_sample sample = {
			.size = world->size,
			.peak = (uint32_t)busy,
			.waiters = waiting ? world->demand - world->size : 0,
			.connect_ns = 200 * US,
		};
		uint32_t wanted;

		if (busy > (double)world->parallel)
			busy = (double)world->parallel;
		world->now += tick;
		busy *= 1 - (double)(draw() % (world->noise + 1)) / 100;
		world->calls += busy * (double)tick / (double)world->call_ns;
		sample.calls = (uint64_t)world->calls;
		world->waited_ticks += waiting;
		wanted = fastipc_sizer_tick(&world->sizer, &sizer_settings,
					    world->now, &sample);
		assert_in_range(wanted, sizer_settings.min, sizer_settings.max);
		if (wanted > world->size)
			world->size = wanted;
		else if (wanted < world->size)
			world->size--;
		if (world->size > world->largest)
			world->largest = world->size;
	}
}

static void it_grows_before_callers_wait(void **state)
{
	struct world world;

	(void)state;
	world_begin(&world);
	world.call_ns = 5 * US;
	world.parallel = 16;
	for (world.demand = 1; world.demand <= 12; world.demand++)
		world_run(&world, 100 * MS);
	assert_int_equal(world.waited_ticks, 0);
	assert_in_range(world.size, 13, 14);
}

static void a_burst_of_slow_calls_gets_connections_at_once(void **state)
{
	struct world world;

	(void)state;
	world_begin(&world);
	world.call_ns = 20 * MS;
	world.parallel = 16;
	world.demand = 10;
	world_run(&world, 50 * MS);
	assert_true(world.size >= 10);
	assert_true(world.waited_ticks <= 11);
	/* It goes when the burst is over: after idle_ns, not before. */
	world.demand = 1;
	world_run(&world, 900 * MS);
	assert_true(world.size >= 10);
	world_run(&world, 6 * SECOND);
	assert_int_equal(world.size, 2);
}

static void a_connection_that_does_not_pay_is_taken_back(void **state)
{
	struct world world;
	uint64_t at_one = 0, all = 0;

	(void)state;
	world_begin(&world);
	/* 64 callers of a server with one CPU: more connections do not help. */
	world.call_ns = 2 * US;
	world.parallel = 1;
	world.demand = 64;
	for (int i = 0; i < 120000; i++) {
		world_run(&world, MS);
		all++;
		at_one += world.size == 1;
	}
	assert_true(world.largest <= 2);
	/* Trials: ever fewer of 20 ms. */
	assert_true(at_one * 100 > all * 99);
}

/* Also on a machine that is busy with other things. */
static void noise_is_not_taken_for_a_gain(void **state)
{
	struct world world;
	uint64_t few = 0, all = 0;

	(void)state;
	world_begin(&world);
	world.call_ns = 10 * US;
	world.parallel = 1;
	world.demand = 64;
	world.noise = 90;
	for (int i = 0; i < 60000; i++) {
		world_run(&world, MS);
		all++;
		few += world.size <= 2;
	}
	assert_true(few * 100 > all * 90);
}

static void connections_that_pay_are_kept(void **state)
{
	struct world world;

	(void)state;
	world_begin(&world);
	world.call_ns = 2 * US;
	world.parallel = 4;
	world.demand = 64;
	world_run(&world, 2 * SECOND);
	assert_in_range(world.size, 4, 5);
	/* The server gets more CPUs: that is found out. */
	world.parallel = 8;
	world_run(&world, 130 * SECOND);
	assert_in_range(world.size, 8, 9);
}

static void it_shrinks_to_the_minimum(void **state)
{
	struct world world;

	(void)state;
	world_begin(&world);
	world.call_ns = 10 * MS;
	world.parallel = 16;
	world.demand = 16;
	world_run(&world, 100 * MS);
	assert_int_equal(world.size, 16);
	world.demand = 0;
	world_run(&world, 10 * SECOND);
	assert_int_equal(world.size, 1);
	/* Now and then a peak: what it needs is kept. */
	for (int i = 0; i < 30; i++) {
		world.demand = 6;
		world_run(&world, 50 * MS);
		world.demand = 1;
		world_run(&world, 450 * MS);
		if (i > 2)
			assert_in_range(world.size, 6, 7);
	}
}

/* ---- turns: threads in a queue for one connection ---- */

#define TURN (200 * US)
#define CALL (2 * US)
#define SWITCH (10 * US) /* to wake another thread */

struct queue {
	struct fastipc_turns turns;
	uint64_t now;
	uint64_t think[16]; /* of each thread, between its calls */
	uint64_t calls[16], since[16], longest[16];
	uint32_t threads, handed;
};

/*
 * Threads that always want to call again, after they have thought; one has the
 * connection.  Who keeps its turn while it thinks leaves the connection idle.
 */
static void queue_run(struct queue *queue, uint64_t ns)
{
	uint64_t end = queue->now + ns;
	uint32_t user = 0;

	while (queue->now < end) {
		uint64_t turn_ends = queue->now + TURN;

		for (;;) {
			queue->now += CALL;
			queue->calls[user]++;
			if (!fastipc_turn_keep(&queue->turns, queue->now,
					       turn_ends))
				break;
			/* The first in the queue looks now and then. */
			if (queue->think[user] > 100 * US) {
				queue->now += 100 * US;
				fastipc_turn_returned(&queue->turns, 100 * US);
				break;
			}
			queue->now += queue->think[user];
			fastipc_turn_returned(&queue->turns,
					      queue->think[user]);
			if (queue->now >= turn_ends)
				break;
		}
		queue->since[user] = queue->now;
		user = (user + 1) % queue->threads;
		queue->now += SWITCH;
		queue->handed++;
		if (queue->now - queue->since[user] > queue->longest[user])
			queue->longest[user] = queue->now - queue->since[user];
	}
}

static void turns_are_fair_and_few(void **state)
{
	struct queue queue = { .threads = 16, .now = SECOND };
	uint64_t all = 0, least = UINT64_MAX, most = 0;

	(void)state;
	fastipc_turns_init(&queue.turns);
	for (int i = 0; i < 16; i++) {
		queue.since[i] = queue.now;
		queue.think[i] = US / 10;
	}
	queue_run(&queue, SECOND);
	for (int i = 0; i < 16; i++) {
		uint64_t calls = queue.calls[i];

		all += calls;
		least = calls < least ? calls : least;
		most = calls > most ? calls : most;
		/* Nobody waits for more than everybody's turn. */
		assert_true(queue.longest[i] <=
			    16 * (TURN + CALL + SWITCH + US));
	}
	assert_true(most - least <= most / 20);
	/* The connection is used, not handed around. */
	assert_true(all * CALL > SECOND * 80 / 100);
	assert_true(queue.handed < all / 50);
}

/* Threads that think for long must not keep the connection meanwhile. */
static void nobody_keeps_what_it_does_not_use(void **state)
{
	struct queue queue = { .threads = 16, .now = SECOND };
	uint64_t all = 0;

	(void)state;
	fastipc_turns_init(&queue.turns);
	for (int i = 0; i < 16; i++) {
		queue.since[i] = queue.now;
		queue.think[i] = 50 * US;
	}
	queue_run(&queue, SECOND);
	for (int i = 0; i < 16; i++)
		all += queue.calls[i];
	/* Handed over at once, it would be 1 in 12 us. */
	assert_true(all * (CALL + SWITCH) > SECOND * 80 / 100);
	assert_true(queue.turns.trust <= 1);
}

static void a_turn_ends(void **state)
{
	struct fastipc_turns turns;

	(void)state;
	fastipc_turns_init(&turns);
	assert_true(fastipc_turn_keep(&turns, 99, 100));
	assert_false(fastipc_turn_keep(&turns, 100, 100));
	assert_false(fastipc_turn_keep(&turns, 200, 0));
}

/* ---- which endpoint ---- */

static void calls_follow_the_weights(void **state)
{
	struct fastipc_choice choices[4] = {
		{ .weight = 1, .admits = true },
		{ .weight = 3, .admits = true },
		{ .weight = 6, .admits = true },
		{ .weight = 0, .admits = true },
	};

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int chosen = fastipc_choose(choices, 4);

		assert_in_range(chosen, 0, 2);
		choices[chosen].given++;
	}
	assert_in_range(choices[0].given, 990, 1010);
	assert_in_range(choices[1].given, 2990, 3010);
	assert_in_range(choices[2].given, 5990, 6010);
	/* Fewer under way comes before the weights' shares. */
	choices[2].in_use = 6;
	choices[1].in_use = 1;
	choices[0].in_use = 1;
	assert_int_equal(fastipc_choose(choices, 4), 1);
	/* Failover; the one without weight is the last resort. */
	choices[0].admits = choices[1].admits = choices[2].admits = false;
	assert_int_equal(fastipc_choose(choices, 4), 3);
	choices[0].admits = true;
	assert_int_equal(fastipc_choose(choices, 4), 0);
	choices[0].admits = choices[3].admits = false;
	assert_int_equal(fastipc_choose(choices, 4), -1);
}

static void keys_stay_where_they_are(void **state)
{
	struct fastipc_choice choices[4] = {
		{ .weight = 1, .admits = true },
		{ .weight = 1, .admits = true },
		{ .weight = 2, .admits = true },
		{ .weight = 0, .admits = true },
	};
	unsigned int counts[4] = { 0 }, moved = 0;

	(void)state;
	for (uint64_t key = 0; key < 20000; key++) {
		int before = fastipc_choose_sticky(choices, 4, key), after;

		counts[before]++;
		choices[1].admits = false;
		after = fastipc_choose_sticky(choices, 4, key);
		choices[1].admits = true;
		assert_int_not_equal(after, 1);
		if (before != 1)
			assert_int_equal(after, before);
		moved += before != after;
	}
	assert_int_equal(counts[3], 0);
	assert_int_equal(moved, counts[1]);
	assert_in_range(counts[0], 4600, 5400);
	assert_in_range(counts[1], 4600, 5400);
	assert_in_range(counts[2], 9400, 10600);
}

/* ---- histograms ---- */

static void buckets_are_within_an_eighth(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint64_t ns = 0; ns < 1ull << 38; ns += 1 + ns / 100) {
		uint32_t bucket = fastipc_histogram_bucket(ns);
		uint64_t end = fastipc_histogram_end(bucket);

		assert_true(bucket >= last && bucket < 288);
		assert_true(ns < end && end - ns <= 1 + ns / 8);
		last = bucket;
	}
	assert_int_equal(fastipc_histogram_bucket(UINT64_MAX), 287);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(jitter_is_full_and_bounded, reset),
		cmocka_unit_test_setup(backoff_of_a_dead_endpoint, reset),
		cmocka_unit_test(slow_connects_get_time),
		cmocka_unit_test_setup(backoffs_spread, reset),
		cmocka_unit_test_setup(the_budget_runs_out, reset),
		cmocka_unit_test_setup(the_budget_bounds_a_storm, reset),
		cmocka_unit_test_setup(a_breaker_opens_and_closes, reset),
		cmocka_unit_test_setup(a_breaker_looks_at_the_rate, reset),
		cmocka_unit_test_setup(
			a_flapping_endpoint_is_asked_less_and_less, reset),
		cmocka_unit_test_setup(a_probe_that_never_ends_is_given_up,
				       reset),
		cmocka_unit_test(it_grows_before_callers_wait),
		cmocka_unit_test(
			a_burst_of_slow_calls_gets_connections_at_once),
		cmocka_unit_test(a_connection_that_does_not_pay_is_taken_back),
		cmocka_unit_test_setup(noise_is_not_taken_for_a_gain, reset),
		cmocka_unit_test(connections_that_pay_are_kept),
		cmocka_unit_test(it_shrinks_to_the_minimum),
		cmocka_unit_test(turns_are_fair_and_few),
		cmocka_unit_test(nobody_keeps_what_it_does_not_use),
		cmocka_unit_test(a_turn_ends),
		cmocka_unit_test(calls_follow_the_weights),
		cmocka_unit_test(keys_stay_where_they_are),
		cmocka_unit_test(buckets_are_within_an_eighth),
	};

	return cmocka_run_group_tests_name("pool_policy", tests, NULL, NULL);
}
