// SPDX-License-Identifier: MIT
/*
 * The pool between processes: many threads, who waits for whom, and what becomes
 * of a call.
 */
#include "pool_servers.h"

#include "pool/pool.h"

/* ---- many threads ---- */

struct caller {
	pthread_t thread;
	struct fastipc_pool *pool;
	unsigned int number, calls, good, wrong;
};

static void *call_many(void *argument)
{
	struct caller *caller = argument;
	struct fastipc_buffer reply = { 0 };

	for (unsigned int i = 0; i < caller->calls; i++) {
		struct fastipc_pool_call_options options =
			within(PATIENCE, false);
		uint64_t value = (uint64_t)caller->number << 32 | i;
		int error = fastipc_pool_call(caller->pool, ECHO, &value,
					      sizeof(value), &reply, &options);

		if (error || reply.size != sizeof(value) ||
		    memcmp(reply.data, &value, sizeof(value)) != 0) {
			fprintf(stderr, "# %d %s\n", error,
				fastipc_error_detail());
			caller->wrong++;
		} else {
			caller->good++;
		}
	}
	fastipc_buffer_free(&reply);
	return NULL;
}

static void call_from(struct fastipc_pool *pool, unsigned int threads,
		      unsigned int calls)
{
	struct caller callers[64];

	for (unsigned int i = 0; i < threads; i++) {
		callers[i] = (struct caller){
			.pool = pool,
			.number = i,
			.calls = calls / threads + (i < calls % threads),
		};
		assert_int_equal(pthread_create(&callers[i].thread, NULL,
						call_many, &callers[i]),
				 0);
	}
	for (unsigned int i = 0; i < threads; i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_int_equal(callers[i].wrong, 0);
		assert_int_equal(callers[i].good, callers[i].calls);
	}
}

static void ten_thousand_calls_from_64_threads(void **state)
{
	struct standby server = server_begin("many", 1);
	struct footprint before = footprint_now();
	struct fastipc_pool_options options = usual();
	struct fastipc_pool_stats stats;
	struct fastipc_pool *pool;

	(void)state;
	for (unsigned int kind = 0; kind < 4; kind++) {
		options.max_size = kind == 1 ? 1 : 16;
		options.sharing = kind == 2 ? 8 : 1;
		options.turn_ns = kind == 3 ? 0 : 200000;
		options.min_size = options.warm_up = kind == 3 ? 16 : 1;
		pool = pool_of("many", &options);
		call_from(pool, 64, kind ? 2000 : 10000);
		stats = stats_of(pool);
		assert_int_equal(stats.calls, kind ? 2000 : 10000);
		assert_int_equal(stats.latency.count, stats.calls);
		assert_int_equal(stats.wait.count, stats.waits);
		assert_int_equal(stats.failures, 0);
		assert_int_equal(stats.in_use, 0);
		assert_int_equal(stats.waiting, 0);
		assert_true(stats.connections <= options.max_size);
		fastipc_pool_destroy(pool);
	}
	assert_footprint(before);
	server_end(&server);
}

/* ---- without the lock ---- */

struct locked_out {
	struct fastipc_pool *pool;
	atomic_uint step; /* 1: it has a connection in mind; 2: locked; 3: done */
};

static void use_once(struct fastipc_pool *pool)
{
	struct fastipc_client *client;

	check(!fastipc_pool_acquire(pool, NULL, &client));
	check(!fastipc_pool_release(pool, client));
	check(!echo(pool, PATIENCE, false));
}

static void *use_while_locked(void *argument)
{
	struct locked_out *out = argument;

	use_once(out->pool);
	atomic_store(&out->step, 1);
	while (atomic_load(&out->step) != 2)
		usleep(100);
	for (int i = 0; i < 1000; i++)
		use_once(out->pool);
	atomic_store(&out->step, 3);
	return NULL;
}

/* Who had a connection takes it again, while another thread has the lock. */
static void who_had_one_takes_no_lock(void **state)
{
	struct standby server = server_begin("lockless", 1);
	struct locked_out out = { .pool = pool_of("lockless", NULL) };
	uint64_t until;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, use_while_locked, &out),
			 0);
	while (atomic_load(&out.step) != 1)
		usleep(100);
	fastipc_lock(&out.pool->lock);
	/* But for what is done a hundred times a second. */
	__atomic_store_n(&out.pool->next_tick, UINT64_MAX, __ATOMIC_RELAXED);
	atomic_store(&out.step, 2);
	until = soon();
	while (atomic_load(&out.step) != 3 && fastipc_now_ns() < until)
		usleep(100);
	assert_int_equal(atomic_load(&out.step), 3);
	fastipc_unlock(&out.pool->lock);
	pthread_join(thread, NULL);
	fastipc_pool_destroy(out.pool);
	server_end(&server);
}

/* ---- waiting ---- */

struct waiting {
	pthread_t thread;
	struct fastipc_pool *pool;
	atomic_uint *order;
	unsigned int place;
	int error;
};

static void *acquire_once(void *argument)
{
	struct waiting *waiting = argument;
	struct fastipc_pool_call_options options = within(PATIENCE, false);
	struct fastipc_client *client;

	waiting->error = fastipc_pool_acquire(waiting->pool, &options, &client);
	if (waiting->error)
		return NULL;
	waiting->place = atomic_fetch_add(waiting->order, 1);
	fastipc_pool_release(waiting->pool, client);
	return NULL;
}

static void first_come_first_served(void **state)
{
	struct standby server = server_begin("queue", 1);
	struct fastipc_pool_call_options none;
	struct fastipc_pool_options options = usual();
	struct fastipc_client *client, *other;
	struct fastipc_pool_stats stats;
	struct waiting waiting[8];
	struct fastipc_pool *pool;
	atomic_uint order = 0;

	(void)state;
	options.max_size = 1;
	pool = pool_of("queue", &options);
	assert_result(fastipc_pool_acquire(pool, NULL, &client), 0);
	none = within(10 * MS, false);
	assert_result(fastipc_pool_acquire(pool, &none, &other), -ETIMEDOUT);
	assert_non_null(strstr(fastipc_error_detail(), "became free"));
	none.deadline = 1; /* passed */
	assert_result(fastipc_pool_acquire(pool, &none, &other), -ETIMEDOUT);
	assert_result(fastipc_pool_call(pool, ECHO, NULL, 0, NULL, &none),
		      -ETIMEDOUT);
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t deadline = soon();

		waiting[i] = (struct waiting){ .pool = pool, .order = &order };
		assert_int_equal(pthread_create(&waiting[i].thread, NULL,
						acquire_once, &waiting[i]),
				 0);
		while (stats_of(pool).waiting != i + 1) {
			assert_true(fastipc_now_ns() < deadline);
			usleep(100);
		}
	}
	assert_result(fastipc_pool_release(pool, client), 0);
	for (unsigned int i = 0; i < 8; i++) {
		pthread_join(waiting[i].thread, NULL);
		assert_int_equal(waiting[i].error, 0);
		assert_int_equal(waiting[i].place, i);
	}
	stats = stats_of(pool);
	assert_true(stats.waits >= 9);
	assert_true(stats.timeouts >= 2);
	assert_int_equal(stats.connections, 1);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

static void *begin_later(void *standby)
{
	usleep(50000);
	standby_begin(standby);
	return NULL;
}

static void nobody_is_there(void **state)
{
	struct fastipc_pool_options options = usual();
	struct standby server = standby_make("late", 1);
	struct fastipc_pool *pool = pool_of("late", &options);
	pthread_t thread;

	(void)state;
	assert_result(echo(pool, 200 * MS, false), -ETIMEDOUT);
	assert_non_null(strstr(fastipc_error_detail(), "nothing was sent"));
	assert_true(stats_of(pool).connect_failures >= 1);
	assert_int_equal(stats_of(pool).ejections, 1);
	/* It comes while a call waits. */
	assert_int_equal(pthread_create(&thread, NULL, begin_later, &server),
			 0);
	assert_result(echo(pool, PATIENCE, false), 0);
	pthread_join(thread, NULL);
	assert_int_equal(stats_of(pool).readmissions, 1);
	fastipc_pool_destroy(pool);
	server_end(&server);

	options.fail_fast = true;
	pool = pool_of("late", &options);
	for (int i = 0; i < 5; i++) {
		int error = echo(pool, PATIENCE, false);

		assert_int_equal(error, -EHOSTDOWN);
		assert_detail();
	}
	fastipc_pool_destroy(pool);
}

/* ---- maintenance ---- */

/* One that takes longer to accept than the pool waits at first. */
static void a_slow_server_gets_calls(void **state)
{
	const struct fastipc_pool_address addresses[] = { { "fast", 1 },
							  { "slow", 1 } };
	struct standby fast = server_begin("fast", 1), slow;
	struct fastipc_pool_call_options call = within(PATIENCE, true);
	struct fastipc_server_options options;
	struct fastipc_pool *pool;

	(void)state;
	fastipc_server_options_init(&options);
	options.threads = 0;
	dispatched_late_us = 30000;
	slow = standby_with(&options, "slow", 2);
	dispatched_late_us = 0;
	standby_begin(&slow);
	pool = pool_for(addresses, 2, NULL);
	while (who(pool, &call) != 2)
		assert_true(fastipc_now_ns() < call.deadline);
	fastipc_pool_destroy(pool);
	server_end(&fast);
	server_end(&slow);
}

static void *sleep_in_server(void *argument)
{
	struct waiting *waiting = argument;
	uint32_t us = 20000;

	waiting->error = fastipc_pool_call(waiting->pool, SLEEP, &us,
					   sizeof(us), NULL, NULL);
	return NULL;
}

static void it_grows_and_shrinks(void **state)
{
	struct standby server = server_begin("grow", 1);
	struct footprint before = footprint_now();
	struct fastipc_pool_options options = usual();
	struct fastipc_pool_stats stats;
	struct waiting waiting[8];
	struct fastipc_pool *pool;
	uint64_t deadline;

	(void)state;
	options.idle_timeout_ns = 200 * MS;
	options.min_size = 2;
	options.warm_up = 3;
	options.max_size = 6;
	pool = pool_of("grow", &options);
	assert_int_equal(stats_of(pool).connections, 3);
	/* On a slow machine the calls may miss each other. */
	deadline = soon();
	do {
		assert_true(fastipc_now_ns() < deadline);
		for (int i = 0; i < 8; i++) {
			waiting[i] = (struct waiting){ .pool = pool };
			pthread_create(&waiting[i].thread, NULL,
				       sleep_in_server, &waiting[i]);
		}
		for (int i = 0; i < 8; i++) {
			pthread_join(waiting[i].thread, NULL);
			assert_int_equal(waiting[i].error, 0);
		}
	} while (stats_of(pool).connections <= 3);
	/* Nobody calls: it is up to us. */
	deadline = soon();
	while (stats_of(pool).connections > 2) {
		uint64_t now = fastipc_now_ns();

		assert_true(fastipc_pool_maintain(pool) > now - SECOND);
		assert_true(fastipc_now_ns() < deadline);
		usleep(10000);
	}
	stats = stats_of(pool);
	assert_true(stats.reaped >= 2);
	fastipc_pool_destroy(pool);

	options.max_age_ns = 30 * MS;
	options.idle_timeout_ns = 0;
	pool = pool_of("grow", &options);
	deadline = soon();
	while (stats_of(pool).aged < 5) {
		fastipc_pool_maintain(pool);
		assert_result(echo(pool, PATIENCE, false), 0);
		assert_true(fastipc_now_ns() < deadline);
		usleep(1000);
	}
	assert_int_equal(stats_of(pool).failures, 0);
	fastipc_pool_destroy(pool);
	assert_footprint(before);
	server_end(&server);
}

/* ---- what becomes of a call ---- */

static void a_call_of_its_own_fault(void **state)
{
	struct standby server = server_begin("fault", 1);
	struct fastipc_pool *pool = pool_of("fault", NULL);
	char byte;
	struct fastipc_buffer small = { .data = &byte,
					.capacity = 1,
					.fixed = true };

	(void)state;
	assert_result(fastipc_pool_call(pool, 99, NULL, 0, NULL, NULL),
		      -EOPNOTSUPP);
	assert_result(fastipc_pool_call(pool, ECHO, "12", 2, &small, NULL),
		      -EMSGSIZE);
	assert_int_equal(small.size, 2);
	/* A handler's errors that look like the transport's. */
	for (int i = 0; i < 20; i++) {
		static const int32_t errors[] = { -EPIPE, -ETIMEDOUT,
						  -ESHUTDOWN, -EPROTO };
		struct fastipc_pool_call_options call = within(PATIENCE, true);

		assert_result(fastipc_pool_call(pool, FAIL, &errors[i % 4],
						sizeof(errors[0]), NULL, &call),
			      errors[i % 4]);
	}
	assert_int_equal(stats_of(pool).failures, 0);
	assert_int_equal(stats_of(pool).retries, 0);
	assert_int_equal(stats_of(pool).connects, stats_of(pool).connections);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

static void the_budget_ends_retries(void **state)
{
	struct standby server = server_begin("budget", 1);
	struct fastipc_pool_options options = usual();
	struct fastipc_pool_call_options call = within(PATIENCE, true);
	struct fastipc_pool *pool;

	(void)state;
	options.attempt_timeout_ns = 5 * MS;
	options.retry_burst = 3;
	options.retry_percent = 0;
	options.retry_per_second = 0;
	options.breaker_percent = 0;
	pool = pool_of("budget", &options);
	assert_result(fastipc_pool_call(pool, SILENT, NULL, 0, NULL, &call),
		      -ETIMEDOUT);
	assert_non_null(strstr(fastipc_error_detail(), "budget"));
	assert_int_equal(stats_of(pool).retries, 3);
	assert_int_equal(stats_of(pool).retries_refused, 1);
	assert_int_equal(stats_of(pool).failures, 4);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_calls_from_64_threads),
		cmocka_unit_test(who_had_one_takes_no_lock),
		cmocka_unit_test(first_come_first_served),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(a_slow_server_gets_calls),
		cmocka_unit_test(it_grows_and_shrinks),
		cmocka_unit_test(a_call_of_its_own_fault),
		cmocka_unit_test(the_budget_ends_retries),
	};

	return cmocka_run_group_tests_name("pool", tests, pool_test_make,
					   runtime_directory_remove);
}
