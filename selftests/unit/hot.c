// SPDX-License-Identifier: MIT
/*
 * What a worker looks at, before and after a sleep: without a server, and
 * without sleeping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "footprint.h"
#include "rpc/hot.h"

#define FUTEX_MOST FASTIPC_HOT_FUTEX_MOST
/* As many again are not slept on by futex. */
#define CONNECTIONS (2 * FUTEX_MOST)
/* What hot.c promises. */
#define WEED_TURNS 4096
#define WARM_TURNS 64
/* 2 + 3 + 5 + 9 + 17 are more than FUTEX_MOST. */
#define RINGS_MOST 5

static const struct fastipc_proposal proposal = {
	.ring_size = FASTIPC_RING_MIN,
	.max_message = 1000,
};

static struct fastipc_server server;
static struct worker worker;
static struct connection *connections[CONNECTIONS];
static struct fastipc_channel clients[CONNECTIONS];

static int connect_all(void **state)
{
	footprint_note(state);
	fastipc_server_options_init(&server.options);
	server.options.max_connections = CONNECTIONS;
	memset(&worker, 0, sizeof(worker));
	if (fastipc_worker_init(&worker, &server, 0))
		return -1;
	for (int i = 0; i < CONNECTIONS; i++) {
		struct fastipc_link links[2];

		if (fastipc_link_pair(&proposal, links))
			return -1;
		connections[i] =
			fastipc_connection_create(&server, &worker, &links[0]);
		fastipc_channel_init(&clients[i], &links[1],
				     FASTIPC_WAIT_BLOCK);
		if (!connections[i])
			return -1;
		fastipc_hot_add(&worker, connections[i]);
	}
	return 0;
}

static void hang_up(int i)
{
	fastipc_hot_forget(&worker, connections[i]);
	fastipc_connection_close(connections[i]);
	fastipc_channel_fini(&clients[i]);
	connections[i] = NULL;
}

static int close_all(void **state)
{
	for (int i = 0; i < CONNECTIONS; i++)
		if (connections[i])
			hang_up(i);
	fastipc_worker_fini(&worker);
	return footprint_check(state);
}

/* All but the sleep itself; how many are slept on by futex. */
static size_t sleep_once(void)
{
	struct fastipc_doorbell doorbells[FUTEX_MOST];
	bool ready = false;
	size_t slept_on = fastipc_hot_arm(&worker, doorbells, &ready);

	assert_false(ready);
	fastipc_hot_disarm(&worker, false);
	return slept_on;
}

/* A message from a client; returns whether it rang. */
static bool send_from(int i)
{
	struct fastipc_channel *client = &clients[i];
	uint64_t before = client->wakes;
	unsigned char *place = NULL;

	assert_int_equal(fastipc_producer_reserve(&client->tx, 8, &place), 0);
	memset(place, 0, 8);
	fastipc_producer_commit(&client->tx, 8);
	fastipc_producer_publish(&client->tx);
	fastipc_channel_notify(client, FASTIPC_WANT_DATA);
	return client->wakes != before;
}

/* The worker takes it. */
static void take_from(int i)
{
	struct fastipc_consumer *rx = &connections[i]->channel.rx;

	assert_true(fastipc_consumer_ready(rx));
	fastipc_consumer_next(rx, 8);
	fastipc_consumer_release(rx);
}

static unsigned int count_hot(void)
{
	unsigned int hot = 0;

	for (uint32_t i = 0; i < worker.hot_count; i++)
		assert_true(worker.hot[i]->hot);
	for (int i = 0; i < CONNECTIONS; i++)
		hot += connections[i] && connections[i]->hot;
	assert_int_equal(hot, worker.hot_count);
	return hot;
}

/* The first that is not hot, from @i on. */
static int next_idle(int i)
{
	while (i < CONNECTIONS && connections[i]->hot)
		i++;
	assert_true(i < CONNECTIONS);
	return i;
}

static void calls_after_a_sleep_are_seen(void **state)
{
	(void)state;
	assert_int_equal(count_hot(), CONNECTIONS);
	assert_int_equal(sleep_once(), FUTEX_MOST);
	assert_int_equal(count_hot(), FUTEX_MOST);
	fastipc_hot_look(&worker);
	assert_int_equal(count_hot(), FUTEX_MOST);

	/* It may sleep again instead, and must not be slept through then. */
	for (int i = 0; i < CONNECTIONS; i++)
		assert_int_equal(send_from(i), !connections[i]->hot);
	fastipc_hot_look(&worker);
	assert_int_equal(count_hot(), CONNECTIONS);
	for (int i = 0; i < CONNECTIONS; i++)
		assert_false(send_from(i));
}

/* Not all that call in turn ring, and none of them twice. */
static void few_ring(void **state)
{
	unsigned int rings = 0;

	(void)state;
	for (int sleep = 1; sleep <= 3; sleep++) {
		int first;

		sleep_once();
		first = next_idle(0);
		rings += send_from(first);
		fastipc_hot_look(&worker);
		assert_int_equal(count_hot(), FUTEX_MOST + 2);
		take_from(first);
		for (int i = 0; i < 10 * CONNECTIONS; i++) {
			rings += send_from(i % CONNECTIONS);
			fastipc_hot_look(&worker);
			assert_true(connections[i % CONNECTIONS]->hot);
			take_from(i % CONNECTIONS);
		}
		assert_in_range(rings, sleep, sleep * RINGS_MOST);
	}
}

/* Who is not heard of costs nothing when the worker sleeps again. */
static void idle_ones_are_armed_once(void **state)
{
	uint64_t sleeps;
	int idle;

	(void)state;
	sleep_once();
	idle = next_idle(0);
	sleeps = connections[idle]->channel.sleeps;
	for (int i = 0; i < 10; i++) {
		fastipc_hot_look(&worker);
		assert_int_equal(sleep_once(), FUTEX_MOST);
	}
	assert_int_equal(connections[idle]->channel.sleeps, sleeps);
	assert_true(send_from(idle));
	fastipc_hot_look(&worker);
	assert_true(connections[idle]->hot);
}

static void a_ring_makes_hot(void **state)
{
	int idle;

	(void)state;
	sleep_once();
	idle = next_idle(0);
	assert_true(send_from(idle));
	fastipc_hot_add(&worker, connections[idle]);
	assert_int_equal(count_hot(), FUTEX_MOST + 1);
	assert_false(send_from(idle));
	fastipc_hot_look(&worker);
	assert_int_equal(count_hot(), FUTEX_MOST + 1);
}

/* Who calls is not woken for by its socket time and again. */
static void the_next_sleep_is_on_who_called(void **state)
{
	bool ring = false;

	(void)state;
	for (int i = 0; i < 3 * FUTEX_MOST; i++, ring = !ring) {
		int idle;

		sleep_once();
		idle = next_idle(0);
		assert_true(send_from(idle));
		if (ring)
			fastipc_hot_add(&worker, connections[idle]);
		fastipc_hot_look(&worker);
		take_from(idle);
		for (int sleeps = 0; sleeps < 3; sleeps++) {
			assert_int_equal(sleep_once(), FUTEX_MOST);
			assert_true(connections[idle]->hot);
		}
	}
}

/* Any of them, in any place. */
static void who_hangs_up_is_forgotten(void **state)
{
	unsigned int left = CONNECTIONS;

	(void)state;
	sleep_once();
	for (int i = CONNECTIONS - 1; i >= 0; i -= 3, left--)
		hang_up(i);
	for (int i = 0; i < CONNECTIONS; i++)
		if (connections[i])
			send_from(i);
	fastipc_hot_look(&worker);
	assert_int_equal(count_hot(), left);
	assert_int_equal(worker.warm_count, 0);
}

/* Those that others' calls have waited for long enough: they still ring. */
static void silent_ones_are_weeded_out(void **state)
{
	int heard, silent;

	(void)state;
	sleep_once();
	heard = next_idle(0);
	silent = next_idle(heard + 1);
	worker.work_turn += WEED_TURNS - 1;
	fastipc_hot_weed(&worker);
	assert_int_equal(worker.warm_count, FUTEX_MOST);
	connections[heard]->last_turn = worker.work_turn;
	worker.work_turn++;
	fastipc_hot_weed(&worker);
	assert_int_equal(worker.warm_count, 1);
	assert_int_equal(count_hot(), 0);

	assert_true(send_from(silent));
	assert_true(send_from(heard));
	fastipc_hot_look(&worker);
	assert_true(connections[heard]->hot);
	assert_false(connections[silent]->hot);
}

/* No call came on one of them while there were many on the hot ones. */
static void they_do_not_stay_warm_for_ever(void **state)
{
	int idle;

	(void)state;
	sleep_once();
	worker.work_turn += WARM_TURNS + 2 * FUTEX_MOST;
	fastipc_hot_look(&worker);
	assert_int_equal(worker.warm_count, FUTEX_MOST);
	idle = next_idle(0);
	send_from(idle);
	fastipc_hot_look(&worker);
	assert_int_equal(worker.warm_count, FUTEX_MOST - 2);

	/* From then on it counts anew; from a ring, too. */
	worker.work_turn += WARM_TURNS + 2 * FUTEX_MOST;
	fastipc_hot_add(&worker, connections[next_idle(0)]);
	worker.work_turn += WARM_TURNS + 2 * FUTEX_MOST;
	fastipc_hot_look(&worker);
	assert_int_equal(worker.warm_count, FUTEX_MOST - 3);
	worker.work_turn += WARM_TURNS + 2 * FUTEX_MOST;
	fastipc_hot_look(&worker);
	assert_int_equal(worker.warm_count, 0);

	idle = next_idle(0);
	assert_true(send_from(idle));
	fastipc_hot_look(&worker);
	assert_false(connections[idle]->hot);
	fastipc_hot_add(&worker, connections[idle]);
	assert_false(send_from(idle));
}

/* Who never spins has no time to look. */
static void none_are_kept_by_who_blocks(void **state)
{
	int idle;

	(void)state;
	fastipc_wait_policy_init(&worker.wait, FASTIPC_WAIT_BLOCK);
	assert_int_equal(sleep_once(), FUTEX_MOST);
	assert_int_equal(worker.warm_count, 0);
	idle = next_idle(0);
	assert_true(send_from(idle));
	fastipc_hot_look(&worker);
	assert_false(connections[idle]->hot);
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, connect_all, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_after_a_sleep_are_seen),
		TEST(few_ring),
		TEST(idle_ones_are_armed_once),
		TEST(a_ring_makes_hot),
		TEST(the_next_sleep_is_on_who_called),
		TEST(who_hangs_up_is_forgotten),
		TEST(silent_ones_are_weeded_out),
		TEST(they_do_not_stay_warm_for_ever),
		TEST(none_are_kept_by_who_blocks),
	};

	return cmocka_run_group_tests_name("hot", tests, NULL, NULL);
}
