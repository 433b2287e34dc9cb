// SPDX-License-Identifier: MIT
/*
 * The pool and servers that are killed, hang, go away and come back: who may
 * have run what how often, and who is called instead.
 */
#include <sys/socket.h>

#include "pool_servers.h"

/* ---- servers that die ---- */

struct caller {
	pthread_t thread;
	struct fastipc_pool *pool;
	unsigned int good, wrong;
	bool idempotent;
	atomic_bool *stop;
	atomic_uint *next_id;
	unsigned char *results; /* by id: 1 good, 2 failed */
};

static void *call_until_stopped(void *argument)
{
	struct caller *caller = argument;

	while (!atomic_load(caller->stop)) {
		struct fastipc_pool_call_options options =
			within(PATIENCE, caller->idempotent);
		uint64_t id = atomic_fetch_add(caller->next_id, 1);
		int error;

		if (id >= IDS)
			break;
		error = fastipc_pool_call(caller->pool, RECORD, &id, sizeof(id),
					  NULL, &options);
		caller->results[id] = error ? 2 : 1;
		if (!error) {
			caller->good++;
		} else if (caller->idempotent || error != -EPIPE) {
			fprintf(stderr, "# %d %s\n", error,
				fastipc_error_detail());
			caller->wrong++;
		}
	}
	return NULL;
}

struct load {
	struct caller callers[16];
	unsigned int count;
	atomic_bool stop;
	atomic_uint next_id;
	unsigned char *results;
};

static void load_begin(struct load *load, struct fastipc_pool *pool,
		       unsigned int threads, bool idempotent)
{
	memset(shared->runs, 0, sizeof(shared->runs));
	load->count = threads;
	load->results = calloc(1, IDS);
	assert_non_null(load->results);
	atomic_store(&load->stop, false);
	atomic_store(&load->next_id, 0);
	for (unsigned int i = 0; i < threads; i++) {
		struct caller *caller = &load->callers[i];

		*caller = (struct caller){
			.pool = pool,
			.idempotent = idempotent,
			.stop = &load->stop,
			.next_id = &load->next_id,
			.results = load->results,
		};
		assert_int_equal(pthread_create(&caller->thread, NULL,
						call_until_stopped, caller),
				 0);
	}
}

static void load_end(struct load *load)
{
	atomic_store(&load->stop, true);
	for (unsigned int i = 0; i < load->count; i++)
		pthread_join(load->callers[i].thread, NULL);
	for (unsigned int i = 0; i < load->count; i++)
		assert_int_equal(load->callers[i].wrong, 0);
}

static void wait_for_calls(struct load *load, unsigned int more)
{
	unsigned int until = atomic_load(&load->next_id) + more;
	uint64_t deadline = soon();

	while (atomic_load(&load->next_id) < until) {
		assert_true(fastipc_now_ns() < deadline);
		usleep(1000);
	}
}

/* None of the good ones is lost; returns how many failed. */
static unsigned int check_runs(struct load *load, unsigned int *twice)
{
	unsigned int ids = atomic_load(&load->next_id), failed = 0;

	*twice = 0;
	for (unsigned int id = 0; id < ids && id < IDS; id++) {
		unsigned int runs = atomic_load(&shared->runs[id]);

		if (load->results[id] == 1)
			assert_true(runs >= 1); /* none lost */
		failed += load->results[id] == 2;
		*twice += runs > 1;
	}
	free(load->results);
	return failed;
}

static void killed_and_restarted(bool idempotent)
{
	struct fastipc_pool_options options = usual();
	struct standby servers[4];
	struct fastipc_pool_stats stats;
	struct fastipc_pool *pool;
	unsigned int failed, twice;
	static struct load load;

	options.max_size = 8;
	for (uint32_t i = 0; i < 4; i++)
		servers[i] = standby_make("restarted", i);
	standby_begin(&servers[0]);
	pool = pool_of("restarted", &options);
	load_begin(&load, pool, 8, idempotent);
	for (unsigned int i = 1; i < 4; i++) {
		wait_for_calls(&load, 200);
		server_kill(&servers[i - 1]);
		if (i % 2)
			usleep(30000); /* nobody serves for a while */
		standby_begin(&servers[i]);
	}
	wait_for_calls(&load, 200);
	load_end(&load);
	stats = stats_of(pool);
	failed = check_runs(&load, &twice);
	print_message("# %s: %u calls, %u failed, %u ran twice, %u retries\n",
		      idempotent ? "idempotent" : "at most once",
		      atomic_load(&load.next_id), failed, twice,
		      (unsigned int)stats.retries);
	if (idempotent) {
		assert_int_equal(failed, 0);
	} else {
		assert_int_equal(twice, 0);
		assert_int_equal(stats.retries, 0);
	}
	assert_true(stats.lost >= 1);
	assert_true(stats.reconnects >= 1);
	fastipc_pool_destroy(pool);
	for (unsigned int i = 0; i < 3; i++)
		standby_forget(&servers[i]);
	server_end(&servers[3]);
}

static void idempotent_calls_survive_a_restart(void **state)
{
	(void)state;
	killed_and_restarted(true);
}

static void other_calls_run_once_at_most(void **state)
{
	(void)state;
	killed_and_restarted(false);
}

static void name_is_free(const char *address)
{
	uint64_t deadline = soon();
	char path[108];

	assert_result(fastipc_address_path(address, path), 0);
	while (!access(path, F_OK)) {
		assert_true(fastipc_now_ns() < deadline);
		usleep(500);
	}
}

/* One server takes over from the other: no call fails, none runs twice. */
static void replaced_under_load(void **state)
{
	struct fastipc_pool_options options = usual();
	struct standby servers[6];
	struct fastipc_pool_stats stats;
	struct fastipc_pool *pool;
	unsigned int failed, twice;
	static struct load load;

	(void)state;
	options.max_size = 8;
	for (uint32_t i = 0; i < 6; i++)
		servers[i] = standby_make("replaced", i);
	standby_begin(&servers[0]);
	pool = pool_of("replaced", &options);
	load_begin(&load, pool, 8, false);
	for (unsigned int i = 1; i < 6; i++) {
		wait_for_calls(&load, 300);
		assert_int_equal(kill(servers[i - 1].pid, SIGUSR1), 0);
		name_is_free("replaced");
		if (i % 2)
			usleep(20000); /* nobody serves for a while */
		standby_begin(&servers[i]);
		assert_ended_well(servers[i - 1].pid);
		standby_forget(&servers[i - 1]);
	}
	wait_for_calls(&load, 300);
	load_end(&load);
	stats = stats_of(pool);
	failed = check_runs(&load, &twice);
	print_message("# replaced: %u calls, %u failed, %u ran twice, %u "
		      "drained, %u lost\n",
		      atomic_load(&load.next_id), failed, twice,
		      (unsigned int)stats.drained, (unsigned int)stats.lost);
	assert_int_equal(failed, 0);
	assert_int_equal(twice, 0);
	assert_int_equal(stats.failures, 0);
	assert_int_equal(stats.retries, 0);
	assert_true(stats.drained + stats.lost >= 5);
	fastipc_pool_destroy(pool);
	server_end(&servers[5]);
}

/* The connection ends; the server does not know why. */
static void cut(struct fastipc_pool *pool)
{
	struct fastipc_client *client;

	assert_result(fastipc_pool_acquire(pool, NULL, &client), 0);
	shutdown(fastipc_client_fd(client), SHUT_RDWR);
	assert_result(fastipc_pool_release(pool, client), 0);
}

static void a_cut_connection_is_replaced(void **state)
{
	struct standby server = server_begin("cut", 1);
	struct footprint before = footprint_now();
	struct fastipc_pool_options options = usual();
	struct fastipc_pool_stats stats;
	struct fastipc_pool *pool;

	(void)state;
	if (access("/dev/fastipc", F_OK) == 0) {
		server_end(&server);
		skip(); /* nothing that can be shut down from here */
	}
	options.max_size = 1;
	options.retry_burst = 0;
	options.retry_percent = 0;
	options.retry_per_second = 0;
	pool = pool_of("cut", &options);
	for (unsigned int i = 0; i < 50; i++) {
		assert_result(echo(pool, PATIENCE, false), 0);
		cut(pool);
		usleep(100);
		/* Found before anything is sent: no retry, no error. */
		assert_result(echo(pool, PATIENCE, false), 0);
	}
	/* Who takes it for a while gets none that is over, either. */
	for (unsigned int i = 0; i < 10; i++) {
		struct fastipc_client *client;

		cut(pool);
		usleep(20000);
		assert_result(fastipc_pool_acquire(pool, NULL, &client), 0);
		assert_result(fastipc_client_call(client, ECHO, "x", 1, NULL,
						  soon()),
			      0);
		assert_result(fastipc_pool_release(pool, client), 0);
	}
	stats = stats_of(pool);
	assert_int_equal(stats.lost, 60);
	assert_int_equal(stats.reconnects, 60);
	assert_int_equal(stats.failures, 0);
	assert_int_equal(stats.connections, 1);
	fastipc_pool_destroy(pool);
	assert_footprint(before);
	server_end(&server);
}

/* Which socket that is, if it is one still. */
static ino_t socket_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) ? 0 : status.st_ino;
}

/* The connection that this thread used last, and uses next, ends. */
static int cut_last(struct fastipc_pool *pool)
{
	struct fastipc_client *client;
	int fd;

	assert_result(fastipc_pool_acquire(pool, NULL, &client), 0);
	fd = fastipc_client_fd(client);
	assert_result(fastipc_pool_release(pool, client), 0);
	shutdown(fd, SHUT_RDWR);
	return fd;
}

/* Longer than a pool waits before it looks after itself. */
static void call_for_a_while(struct fastipc_pool *pool)
{
	uint32_t us = 20000;

	assert_result(
		fastipc_pool_call(pool, SLEEP, &us, sizeof(us), NULL, NULL), 0);
}

/* All that it should have: a connect that is given little time beside another
 * connection may fail, and is tried again. */
static void maintain_until_whole(struct fastipc_pool *pool)
{
	uint64_t until = soon();

	do {
		assert_true(fastipc_now_ns() < until);
		fastipc_pool_maintain(pool);
	} while (stats_of(pool).connections < 2);
}

/* A connection that ended is closed neither by the call that found out, nor by
 * any while fastipc_pool_maintain() does that. */
static void who_closes_what_ended(void **state)
{
	struct standby server = server_begin("closing", 1);
	struct fastipc_pool_options options = usual();
	uint64_t before, until, deadline = soon();
	struct fastipc_pool *pool;
	bool open;
	ino_t cut;
	int fd;

	(void)state;
	if (access("/dev/fastipc", F_OK) == 0) {
		server_end(&server);
		skip(); /* as above */
	}
	options.min_size = options.warm_up = options.max_size = 2;
	options.ping_interval_ns = 0;
	pool = pool_of("closing", &options);
	fd = cut_last(pool);
	cut = socket_of(fd);
	call_for_a_while(pool);
	assert_int_equal(stats_of(pool).lost, 1);
	assert_int_equal(socket_of(fd), cut);
	call_for_a_while(pool);
	assert_int_not_equal(socket_of(fd), cut);

	do {
		assert_true(fastipc_now_ns() < deadline);
		maintain_until_whole(pool);
		before = fastipc_now_ns();
		until = fastipc_pool_maintain(pool);
		/* Nobody called: the next is due in 100 ms. */
		assert_true(until >= before + 100000000);
		fd = cut_last(pool);
		cut = socket_of(fd);
		assert_result(echo(pool, PATIENCE, false), 0);
		call_for_a_while(pool);
		open = socket_of(fd) == cut;
	} while (!open && fastipc_now_ns() >= until);
	assert_true(open);
	fastipc_pool_maintain(pool);
	assert_int_not_equal(socket_of(fd), cut);
	maintain_until_whole(pool);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

/*
 * A server that was too slow for a connect beside another connection is asked
 * again when that is gone, although others of its kind would have to wait.
 */
static void slow_is_not_down(void **state)
{
	struct standby server = server_begin("slow", 1);
	struct fastipc_pool_options options = usual();
	uint64_t until = soon();
	struct fastipc_pool *pool;

	(void)state;
	if (access("/dev/fastipc", F_OK) == 0) {
		server_end(&server);
		skip(); /* nothing that can be shut down from here */
	}
	options.min_size = 2;
	options.warm_up = 1;
	options.backoff_ns = PATIENCE;
	options.backoff_most_ns = PATIENCE;
	options.connect_timeout_ns = PATIENCE;
	options.fail_fast = true;
	pool = pool_of("slow", &options);
	assert_int_equal(stats_of(pool).connections, 1);
	kill(server.pid, SIGSTOP);
	assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid);
	while (!stats_of(pool).connect_failures) {
		assert_true(fastipc_now_ns() < until);
		fastipc_pool_maintain(pool);
		usleep(1000);
	}
	kill(server.pid, SIGCONT);
	cut(pool);
	assert_result(echo(pool, PATIENCE, false), 0);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

static void lost_in_flight(void **state)
{
	struct standby server = server_begin("flight", 1);
	struct fastipc_pool_options options = usual();
	struct fastipc_pool_call_options call;
	struct fastipc_pool *pool;

	(void)state;
	options.retry_burst = 0;
	options.retry_percent = 0;
	options.retry_per_second = 0;
	pool = pool_of("flight", &options);
	/* It is connected, and there is time enough to send. */
	assert_result(echo(pool, PATIENCE, false), 0);
	call = within(SECOND, false);
	assert_result(fastipc_pool_call(pool, SILENT, NULL, 0, NULL, &call),
		      -ETIMEDOUT);
	assert_non_null(strstr(fastipc_error_detail(), "may have run"));
	server_kill(&server);
	/* Nothing is there to send to: not sent, and waited for. */
	assert_result(echo(pool, 50 * MS, false), -ETIMEDOUT);
	assert_non_null(strstr(fastipc_error_detail(), "nothing was sent"));
	assert_true(stats_of(pool).timeouts >= 1);
	assert_int_equal(stats_of(pool).connections, 0);
	fastipc_pool_destroy(pool);
	standby_forget(&server);
}

/* ---- several servers ---- */

static void failover(void **state)
{
	const struct fastipc_pool_address addresses[] = { { "over-a", 1 },
							  { "over-b", 1 },
							  { "over-c", 0 } };
	struct standby a = server_begin("over-a", 1),
		       b = server_begin("over-b", 2),
		       c = server_begin("over-c", 3),
		       again = standby_make("over-a", 4);
	struct fastipc_pool_options options = usual();
	struct fastipc_pool_call_options call = within(PATIENCE, true);
	struct fastipc_pool_stats stats;
	struct fastipc_pool *pool;
	unsigned int counts[5] = { 0 };
	uint64_t deadline;

	(void)state;
	options.backoff_most_ns = 20 * MS;
	pool = pool_for(addresses, 3, &options);
	for (int i = 0; i < 1000; i++)
		counts[who(pool, &call)]++;
	assert_in_range(counts[1], 400, 600);
	assert_in_range(counts[2], 400, 600);
	assert_int_equal(counts[3], 0);
	server_kill(&a);
	for (int i = 0; i < 500; i++)
		assert_int_equal(who(pool, &call), 2);
	/* The last resort. */
	server_kill(&b);
	for (int i = 0; i < 500; i++)
		assert_int_equal(who(pool, &call), 3);
	stats = stats_of(pool);
	assert_true(stats.ejections >= 2);
	assert_int_equal(stats.readmissions, 0);
	/* And back. */
	standby_begin(&again);
	deadline = soon();
	while (who(pool, &call) != 4)
		assert_true(fastipc_now_ns() < deadline);
	for (int i = 0; i < 500; i++)
		assert_int_equal(who(pool, &call), 4);
	stats = stats_of(pool);
	assert_int_equal(stats.readmissions, 1);
	fastipc_pool_destroy(pool);
	standby_forget(&a);
	standby_forget(&b);
	server_end(&c);
	server_end(&again);
}

static void weights_and_keys(void **state)
{
	const struct fastipc_pool_address addresses[] = { { "weight-a", 1 },
							  { "weight-b", 3 } };
	struct standby a = server_begin("weight-a", 0),
		       b = server_begin("weight-b", 1);
	struct fastipc_pool_call_options call = within(PATIENCE, true);
	struct fastipc_pool *pool = pool_for(addresses, 2, NULL);
	uint32_t first[64];
	unsigned int counts[2] = { 0 }, of_keys[2] = { 0 };

	(void)state;
	for (int i = 0; i < 4000; i++)
		counts[who(pool, &call)]++;
	assert_in_range(counts[0], 800, 1200);
	assert_in_range(counts[1], 2800, 3200);
	call.sticky = true;
	for (int turn = 0; turn < 3; turn++)
		for (uint32_t key = 0; key < 64; key++) {
			uint32_t number;

			call.sticky_key = key;
			number = who(pool, &call);
			if (turn)
				assert_int_equal(number, first[key]);
			first[key] = number;
			of_keys[number]++;
		}
	assert_true(of_keys[0] > 0 && of_keys[1] > of_keys[0]);
	server_kill(&a);
	for (uint32_t key = 0; key < 64; key++) {
		call.sticky_key = key;
		assert_int_equal(who(pool, &call), 1);
	}
	fastipc_pool_destroy(pool);
	standby_forget(&a);
	server_end(&b);
}

static void a_hung_server_holds_nobody_up(void **state)
{
	const struct fastipc_pool_address addresses[] = { { "hung-a", 1 },
							  { "hung-b", 1 } };
	struct standby a = server_begin("hung-a", 1),
		       b = server_begin("hung-b", 2);
	struct fastipc_pool_call_options call = within(PATIENCE, true);
	struct fastipc_pool_options options = usual();
	struct fastipc_pool *pool;
	uint64_t longest = 0, deadline;

	(void)state;
	options.connect_timeout_ns = PATIENCE;
	options.attempt_timeout_ns = 500 * MS;
	options.ping_interval_ns = 20 * MS;
	options.ping_timeout_ns = 500 * MS;
	pool = pool_for(addresses, 2, &options);
	for (int i = 0; i < 200; i++)
		who(pool, &call);
	kill(a.pid, SIGSTOP);
	assert_int_equal(waitpid(a.pid, NULL, WUNTRACED), a.pid);
	for (int i = 0; i < 300; i++) {
		uint64_t start = fastipc_now_ns(), took;

		assert_int_equal(who(pool, &call), 2);
		took = fastipc_now_ns() - start;
		longest = took > longest ? took : longest;
	}
	/* Attempts of 0.5 s, connects beside others: never all the patience. */
	assert_true(longest < PATIENCE / 2);
	/* It is found out by pings, too, without a call's help. */
	deadline = soon();
	while (!stats_of(pool).hung) {
		assert_true(fastipc_now_ns() < deadline);
		fastipc_pool_maintain(pool);
		usleep(5000);
	}
	kill(a.pid, SIGCONT);
	fastipc_pool_destroy(pool);
	server_end(&a);
	server_end(&b);
}

static void the_breaker_opens_and_closes(void **state)
{
	struct standby server = server_begin("breaker", 1);
	struct fastipc_pool_options options = usual();
	struct fastipc_pool *pool;
	struct fastipc_pool_stats stats;
	uint64_t deadline;
	int error = 0;

	(void)state;
	/* Longer than this process is kept from the next call. */
	options.breaker_open_ns = 2 * SECOND;
	options.breaker_open_most_ns = 2 * SECOND;
	options.breaker_window_ns = PATIENCE;
	options.fail_fast = true;
	pool = pool_of("breaker", &options);
	atomic_store(&shared->muted, true);
	deadline = soon();
	while (error != -EHOSTDOWN) {
		struct fastipc_pool_call_options call = within(10 * MS, false);

		assert_true(fastipc_now_ns() < deadline);
		error = fastipc_pool_call(pool, BUSY, NULL, 0, NULL, &call);
		assert_true(error == -ETIMEDOUT || error == -EHOSTDOWN);
	}
	assert_detail();
	stats = stats_of(pool);
	assert_int_equal(stats.ejections, 1);
	assert_int_equal(stats.failures, 5);
	assert_int_equal(stats.endpoints_up, 0);
	/* Calls that fail as the handler says are none of its business. */
	atomic_store(&shared->muted, false);
	deadline = soon();
	while (stats_of(pool).readmissions == 0) {
		struct fastipc_pool_call_options call = within(SECOND, false);

		assert_true(fastipc_now_ns() < deadline);
		fastipc_pool_call(pool, BUSY, NULL, 0, NULL, &call);
		usleep(1000);
	}
	for (int i = 0; i < 100; i++) {
		int32_t wish = -EXDEV;

		assert_result(fastipc_pool_call(pool, FAIL, &wish, sizeof(wish),
						NULL, NULL),
			      -EXDEV);
	}
	assert_non_null(strstr(fastipc_error_detail(), "as was asked"));
	assert_int_equal(stats_of(pool).endpoints_up, 1);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idempotent_calls_survive_a_restart),
		cmocka_unit_test(other_calls_run_once_at_most),
		cmocka_unit_test(replaced_under_load),
		cmocka_unit_test(a_cut_connection_is_replaced),
		cmocka_unit_test(who_closes_what_ended),
		cmocka_unit_test(slow_is_not_down),
		cmocka_unit_test(lost_in_flight),
		cmocka_unit_test(failover),
		cmocka_unit_test(weights_and_keys),
		cmocka_unit_test(a_hung_server_holds_nobody_up),
		cmocka_unit_test(the_breaker_opens_and_closes),
	};

	return cmocka_run_group_tests_name("pool_failures", tests,
					   pool_test_make,
					   runtime_directory_remove);
}
