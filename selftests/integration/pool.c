// SPDX-License-Identifier: MIT
/*
 * The pool between processes: many threads, servers that are killed, hang, go
 * away and come back, and who may have run what how often.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "pair.h"

#define ECHO 1
#define RECORD 2 /* u64 id: counted in runs[id] */
#define WHO 3	 /* the server's number */
#define SLEEP 4	 /* u32 microseconds */
#define FAIL 5	 /* i32: the handler's error */
#define SILENT 6 /* never answered */
#define BUSY 7	 /* silent while *muted */

#define IDS 2000000u

/* Shared with the servers. */
struct shared {
	atomic_uchar runs[IDS];
	atomic_bool muted;
};

static struct shared *shared;
static uint32_t server_number;

/* ---- servers ---- */

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, fastipc_request_data(request),
			      fastipc_request_size(request));
	return 0;
}

static int on_record(struct fastipc_request *request, void *context)
{
	uint64_t id;

	(void)context;
	memcpy(&id, fastipc_request_data(request), sizeof(id));
	atomic_fetch_add(&shared->runs[id], 1);
	return 0;
}

static int on_who(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, &server_number,
				     sizeof(server_number));
}

static int on_sleep(struct fastipc_request *request, void *context)
{
	uint32_t us;

	(void)context;
	memcpy(&us, fastipc_request_data(request), sizeof(us));
	usleep(us);
	return 0;
}

static int on_fail(struct fastipc_request *request, void *context)
{
	int32_t error;

	(void)context;
	memcpy(&error, fastipc_request_data(request), sizeof(error));
	return fastipc_request_fail(request, error, "as was asked");
}

static struct fastipc_request *kept[1024];
static unsigned int kept_count;

static int on_silent(struct fastipc_request *request, void *context)
{
	bool only_muted = context != NULL;

	if (only_muted && !atomic_load(&shared->muted))
		return 0;
	if (kept_count == 1024)
		return -ENOBUFS;
	kept[kept_count++] = fastipc_request_defer(request);
	return 0;
}

/* SIGUSR1: let another server take the name, finish, and end. */
static sem_t drain_wanted;
static atomic_bool ended;
static pthread_t drainer;

static void want_drain(int signal)
{
	(void)signal;
	sem_post(&drain_wanted);
}

static void *drain_when_wanted(void *server)
{
	while (sem_wait(&drain_wanted))
		;
	if (!atomic_load(&ended))
		check(!fastipc_server_drain(server, soon()));
	return NULL;
}

static void end_drainer(void)
{
	atomic_store(&ended, true);
	sem_post(&drain_wanted);
	pthread_join(drainer, NULL);
}

static void add_handlers(struct fastipc_server *server)
{
	check(!sem_init(&drain_wanted, 0, 0));
	signal(SIGUSR1, want_drain);
	check(!pthread_create(&drainer, NULL, drain_when_wanted, server));
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
	check(!fastipc_server_add_handler(server, RECORD, on_record, NULL));
	check(!fastipc_server_add_handler(server, WHO, on_who, NULL));
	check(!fastipc_server_add_handler(server, SLEEP, on_sleep, NULL));
	check(!fastipc_server_add_handler(server, FAIL, on_fail, NULL));
	check(!fastipc_server_add_handler(server, SILENT, on_silent, NULL));
	check(!fastipc_server_add_handler(server, BUSY, on_silent, server));
}

static void answer_kept(void)
{
	end_drainer();
	while (kept_count)
		fastipc_request_fail(kept[--kept_count], -ECANCELED, NULL);
}

static const struct service service = { .add = add_handlers,
					.stopped = answer_kept };

/*
 * A server's process, which begins to serve when it is told to: a process with
 * threads (the test, later) must not fork.
 */
struct standby {
	pid_t pid;
	int begin, ready;
};

static struct standby standby_make(const char *address, uint32_t number)
{
	struct standby standby;
	int begin[2], ready[2];
	char byte;

	assert_int_equal(pipe(begin), 0);
	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	standby.pid = fork();
	assert_true(standby.pid >= 0);
	if (!standby.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(begin[1]);
		close(ready[0]);
		server_number = number;
		if (read(begin[0], &byte, 1) != 1)
			_exit(0);
		serve(address, NULL, &service, ready[1]);
	}
	close(begin[0]);
	close(ready[1]);
	standby.begin = begin[1];
	standby.ready = ready[0];
	return standby;
}

static void standby_begin(const struct standby *standby)
{
	char byte;

	assert_int_equal(write(standby->begin, "b", 1), 1);
	assert_int_equal(read(standby->ready, &byte, 1), 1);
}

static struct standby server_begin(const char *address, uint32_t number)
{
	struct standby standby = standby_make(address, number);

	standby_begin(&standby);
	return standby;
}

static void server_kill(const struct standby *standby)
{
	int status;

	assert_int_equal(kill(standby->pid, SIGKILL), 0);
	assert_int_equal(waitpid(standby->pid, &status, 0), standby->pid);
}

static void standby_forget(const struct standby *standby)
{
	close(standby->begin);
	close(standby->ready);
}

static void server_end(const struct standby *standby)
{
	assert_int_equal(kill(standby->pid, SIGTERM), 0);
	assert_ended_well(standby->pid);
	standby_forget(standby);
}

/* ---- the pool ---- */

static struct fastipc_pool *
pool_for(const struct fastipc_pool_address *addresses, size_t count,
	 const struct fastipc_pool_options *options)
{
	struct fastipc_pool *pool = NULL;

	assert_result(fastipc_pool_create(addresses, count, options, &pool), 0);
	return pool;
}

static struct fastipc_pool *pool_of(const char *address,
				    const struct fastipc_pool_options *options)
{
	const struct fastipc_pool_address one = { .address = address,
						  .weight = 1 };

	return pool_for(&one, 1, options);
}

static struct fastipc_pool_options usual(void)
{
	struct fastipc_pool_options options;

	fastipc_pool_options_init(&options);
	return options;
}

static struct fastipc_pool_call_options within(uint64_t ns, bool idempotent)
{
	struct fastipc_pool_call_options options;

	fastipc_pool_call_options_init(&options);
	options.deadline = fastipc_after_ns(ns);
	options.idempotent = idempotent;
	return options;
}

static struct fastipc_pool_stats stats_of(struct fastipc_pool *pool)
{
	struct fastipc_pool_stats stats = { .size = sizeof(stats) };

	assert_result(fastipc_pool_get_stats(pool, &stats), 0);
	return stats;
}

static int echo(struct fastipc_pool *pool, uint64_t ns, bool idempotent)
{
	struct fastipc_pool_call_options options = within(ns, idempotent);

	return fastipc_pool_call(pool, ECHO, "x", 1, NULL, &options);
}

static uint32_t who(struct fastipc_pool *pool,
		    const struct fastipc_pool_call_options *options)
{
	uint32_t number = 0;
	struct fastipc_buffer reply = { .data = &number,
					.capacity = sizeof(number),
					.fixed = true };

	assert_result(fastipc_pool_call(pool, WHO, NULL, 0, &reply, options),
		      0);
	return number;
}

/* ---- many threads ---- */

struct caller {
	pthread_t thread;
	struct fastipc_pool *pool;
	unsigned int number, calls, good, wrong;
	bool idempotent;
	atomic_bool *stop;
	atomic_uint *next_id;
	unsigned char *results; /* by id: 1 good, 2 failed */
};

static void *call_many(void *argument)
{
	struct caller *caller = argument;
	struct fastipc_buffer reply = { 0 };

	for (unsigned int i = 0; i < caller->calls; i++) {
		struct fastipc_pool_call_options options =
			within(60 * SECOND, false);
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

/* ---- servers that die ---- */

static void *call_until_stopped(void *argument)
{
	struct caller *caller = argument;

	while (!atomic_load(caller->stop)) {
		struct fastipc_pool_call_options options =
			within(30 * SECOND, caller->idempotent);
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
		assert_result(echo(pool, 20 * SECOND, false), 0);
		cut(pool);
		usleep(100);
		/* Found before anything is sent: no retry, no error. */
		assert_result(echo(pool, 20 * SECOND, false), 0);
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

static void lost_in_flight(void **state)
{
	struct standby server = server_begin("flight", 1);
	struct fastipc_pool_options options = usual();
	struct fastipc_pool_call_options call = within(50 * MS, false);
	struct fastipc_pool *pool;

	(void)state;
	options.retry_burst = 0;
	options.retry_percent = 0;
	options.retry_per_second = 0;
	pool = pool_of("flight", &options);
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
	struct fastipc_pool_call_options call = within(20 * SECOND, true);
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
	struct fastipc_pool_call_options call = within(20 * SECOND, true);
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
	struct fastipc_pool_call_options call = within(60 * SECOND, true);
	struct fastipc_pool_options options = usual();
	struct fastipc_pool *pool;
	uint64_t longest = 0, deadline;

	(void)state;
	options.connect_timeout_ns = 30 * SECOND;
	options.attempt_timeout_ns = 50 * MS;
	options.ping_interval_ns = 20 * MS;
	options.ping_timeout_ns = 50 * MS;
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
	/* Attempts of 50 ms, connects beside others of 20 ms: never 30 s. */
	assert_true(longest < 5 * SECOND);
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
	options.breaker_open_ns = 20 * MS;
	options.breaker_open_most_ns = 100 * MS;
	options.breaker_window_ns = 20 * SECOND;
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
	struct fastipc_pool_call_options options = within(20 * SECOND, false);
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
	assert_result(echo(pool, 20 * MS, false), -ETIMEDOUT);
	assert_non_null(strstr(fastipc_error_detail(), "nothing was sent"));
	assert_true(stats_of(pool).connect_failures >= 1);
	assert_int_equal(stats_of(pool).ejections, 1);
	/* It comes while a call waits. */
	assert_int_equal(pthread_create(&thread, NULL, begin_later, &server),
			 0);
	assert_result(echo(pool, 20 * SECOND, false), 0);
	pthread_join(thread, NULL);
	assert_int_equal(stats_of(pool).readmissions, 1);
	fastipc_pool_destroy(pool);
	server_end(&server);

	options.fail_fast = true;
	pool = pool_of("late", &options);
	for (int i = 0; i < 5; i++) {
		int error = echo(pool, 20 * SECOND, false);

		assert_int_equal(error, -EHOSTDOWN);
		assert_detail();
	}
	fastipc_pool_destroy(pool);
}

/* ---- maintenance ---- */

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
		uint64_t next = fastipc_pool_maintain(pool);

		assert_true(next > fastipc_now_ns() - SECOND);
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
		assert_result(echo(pool, 20 * SECOND, false), 0);
		assert_true(fastipc_now_ns() < deadline);
		usleep(1000);
	}
	assert_int_equal(stats_of(pool).failures, 0);
	fastipc_pool_destroy(pool);
	assert_footprint(before);
	server_end(&server);
}

/* ---- what may be passed in ---- */

static int encode_word(const void *value, void *data, size_t capacity,
		       size_t *size)
{
	*size = strlen(value);
	if (*size > capacity)
		return -EMSGSIZE;
	memcpy(data, value, *size);
	return 0;
}

static void values_and_clients(void **state)
{
	struct standby server = server_begin("values", 1);
	struct fastipc_pool *pool = pool_of("values", NULL);
	struct fastipc_buffer reply = { 0 };
	struct fastipc_client *one, *two, *stranger;

	(void)state;
	assert_result(fastipc_pool_call_value(pool, ECHO, encode_word, "words",
					      &reply, NULL),
		      0);
	assert_int_equal(reply.size, 5);
	assert_memory_equal(reply.data, "words", 5);
	assert_result(fastipc_pool_call_value(pool, ECHO, NULL, "words", &reply,
					      NULL),
		      -EINVAL);
	/* Two at once, by one thread. */
	assert_result(fastipc_pool_acquire(pool, NULL, &one), 0);
	assert_result(fastipc_pool_acquire(pool, NULL, &two), 0);
	assert_ptr_not_equal(one, two);
	assert_result(fastipc_client_call(one, ECHO, "1", 1, &reply, soon()),
		      0);
	assert_result(fastipc_client_call(two, ECHO, "2", 1, &reply, soon()),
		      0);
	assert_int_equal(stats_of(pool).in_use, 2);
	assert_result(fastipc_pool_release(pool, one), 0);
	assert_result(fastipc_pool_release(pool, one), -EINVAL);
	assert_result(fastipc_pool_release(pool, two), 0);
	stranger = connect_with("values", NULL);
	assert_result(fastipc_pool_release(pool, stranger), -EINVAL);
	fastipc_client_close(stranger);
	assert_int_equal(stats_of(pool).in_use, 0);
	fastipc_buffer_free(&reply);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

static void assert_refused(const struct fastipc_pool_options *options)
{
	const struct fastipc_pool_address one = { "wrong", 1 };
	struct fastipc_pool *pool;

	assert_result(fastipc_pool_create(&one, 1, options, &pool), -EINVAL);
}

#define assert_option_refused(field, value) \
	do { \
		struct fastipc_pool_options options_ = usual(); \
\
		options_.field = value; \
		assert_refused(&options_); \
	} while (0)

static void wrong_arguments(void **state)
{
	struct fastipc_pool_address addresses[2] = { { "wrong", 1 },
						     { NULL, 1 } };
	struct fastipc_pool_call_options bad = { .size = 1 };
	struct fastipc_pool_stats stats = { .size = 0 };
	struct fastipc_client *client;
	struct fastipc_pool *pool;

	(void)state;
	assert_result(fastipc_pool_create(NULL, 1, NULL, &pool), -EINVAL);
	assert_result(fastipc_pool_create(addresses, 0, NULL, &pool), -EINVAL);
	assert_result(fastipc_pool_create(addresses, 65, NULL, &pool), -EINVAL);
	assert_result(fastipc_pool_create(addresses, 2, NULL, &pool), -EINVAL);
	assert_result(fastipc_pool_create(addresses, 1, NULL, NULL), -EINVAL);
	addresses[0].address = "";
	assert_result(fastipc_pool_create(addresses, 1, NULL, &pool), -EINVAL);
	addresses[0].address = "wrong";
	addresses[0].weight = 1u << 21;
	assert_result(fastipc_pool_create(addresses, 1, NULL, &pool), -EINVAL);
	assert_option_refused(size, 8);
	assert_option_refused(max_size, 0);
	assert_option_refused(max_size, 4097);
	assert_option_refused(min_size, 17);
	assert_option_refused(warm_up, 17);
	assert_option_refused(sharing, 0);
	assert_option_refused(sharing, 1025);
	assert_option_refused(retry_percent, 101);
	assert_option_refused(breaker_percent, 101);
	assert_option_refused(connect_timeout_ns, 0);
	assert_option_refused(ping_timeout_ns, 0);
	assert_option_refused(backoff_ns, 2 * SECOND);
	assert_option_refused(breaker_open_ns, 0);
	assert_option_refused(name, NULL);
	pool = pool_of("wrong", NULL);
	assert_result(fastipc_pool_call(NULL, ECHO, NULL, 0, NULL, NULL),
		      -EINVAL);
	assert_result(fastipc_pool_call(pool, ECHO, NULL, 1, NULL, NULL),
		      -EINVAL);
	assert_result(fastipc_pool_call(pool, 0xFF00, NULL, 0, NULL, NULL),
		      -EINVAL);
	assert_result(fastipc_pool_call(pool, ECHO, NULL, 0, NULL, &bad),
		      -EINVAL);
	assert_result(fastipc_pool_acquire(pool, &bad, &client), -EINVAL);
	assert_result(fastipc_pool_acquire(pool, NULL, NULL), -EINVAL);
	assert_result(fastipc_pool_release(pool, NULL), -EINVAL);
	assert_result(fastipc_pool_get_stats(pool, &stats), -EINVAL);
	assert_result(fastipc_pool_prometheus(pool, NULL), -EINVAL);
	fastipc_pool_destroy(pool);
	fastipc_pool_destroy(NULL);
}

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
		struct fastipc_pool_call_options call =
			within(20 * SECOND, true);

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
	struct fastipc_pool_call_options call = within(60 * SECOND, true);
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

/* Each line is a comment or `name{labels} value`; each name has a type. */
static void check_exposition(const char *text, size_t size)
{
	const char *end = text + size;
	size_t lines = 0;

	assert_true(size && end[-1] == '\n');
	for (const char *line = text; line < end; lines++) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		if (*line == '#') {
			assert_true(
				!strncmp(line, "# HELP fastipc_pool_", 20) ||
				!strncmp(line, "# TYPE fastipc_pool_", 20));
		} else {
			const char *value = stop;
			char *parsed;

			assert_int_equal(strncmp(line, "fastipc_pool_", 13), 0);
			while (value > line && *value != ' ')
				value--;
			assert_int_equal(value[-1], '}');
			strtod(value + 1, &parsed);
			assert_ptr_equal(parsed, stop);
		}
		line = stop + 1;
	}
	assert_true(lines > 60);
}

static void prometheus_text(void **state)
{
	struct standby server = server_begin("metrics", 1);
	struct fastipc_pool_options options = usual();
	struct fastipc_buffer text = { 0 }, fixed = { .fixed = true };
	struct fastipc_pool *pool;
	char *copy;

	(void)state;
	options.name = "a \"b\"\\\n";
	pool = pool_of("metrics", &options);
	for (int i = 0; i < 100; i++)
		assert_result(echo(pool, 20 * SECOND, false), 0);
	assert_result(fastipc_pool_prometheus(pool, &text), 0);
	check_exposition(text.data, text.size);
	copy = strndup(text.data, text.size);
	assert_non_null(strstr(
		copy,
		"\nfastipc_pool_calls_total{pool=\"a \\\"b\\\"\\\\\\n\"} 100\n"));
	assert_non_null(strstr(copy, "endpoint=\"metrics\"} 100\n"));
	assert_non_null(strstr(copy, "le=\"+Inf\"} 100\n"));
	free(copy);
	assert_result(fastipc_pool_prometheus(pool, &fixed), -EMSGSIZE);
	assert_in_range(fixed.size, text.size - 50, text.size + 50);
	fastipc_buffer_free(&text);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

static int make_all(void **state)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED ? -1 : runtime_directory_make(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_calls_from_64_threads),
		cmocka_unit_test(idempotent_calls_survive_a_restart),
		cmocka_unit_test(other_calls_run_once_at_most),
		cmocka_unit_test(replaced_under_load),
		cmocka_unit_test(a_cut_connection_is_replaced),
		cmocka_unit_test(lost_in_flight),
		cmocka_unit_test(failover),
		cmocka_unit_test(weights_and_keys),
		cmocka_unit_test(a_hung_server_holds_nobody_up),
		cmocka_unit_test(the_breaker_opens_and_closes),
		cmocka_unit_test(first_come_first_served),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(it_grows_and_shrinks),
		cmocka_unit_test(values_and_clients),
		cmocka_unit_test(wrong_arguments),
		cmocka_unit_test(a_call_of_its_own_fault),
		cmocka_unit_test(the_budget_ends_retries),
		cmocka_unit_test(prometheus_text),
	};

	return cmocka_run_group_tests_name("pool", tests, make_all,
					   runtime_directory_remove);
}
