// SPDX-License-Identifier: MIT
/*
 * The pool test: many threads call through one pool; what taking a connection
 * and giving it back costs; and how soon the next call works after a
 * connection was cut.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <fastipc/pool.h>

#include "bench.h"
#include "payload.h"
#include "process.h"
#include "series.h"
#include "ticks.h"
#include "watchdog.h"

#define TAKERS 8
#define TAKES 100000 /* of a batch that is timed as a whole */
#define BATCHES 15
#define CUTS 500
#define PAUSE_NS 2000000
#define CALL_NS 20000000000ull

/* Of one thread, in a mapping of its own. */
struct caller {
	pthread_t thread;
	struct bench_run *run;
	struct fastipc_pool *pool;
	bool *stop;
	uint64_t seed;
	double *batches;
	int error;
	bool corrupted;
	struct histogram latency; /* ticks */
};

static int open_pool(struct bench_run *run, uint32_t least, uint32_t most,
		     struct fastipc_pool **pool)
{
	const struct fastipc_pool_address one = { .address = run->peer.address,
						  .weight = 1 };
	struct fastipc_client_options client;
	struct fastipc_pool_options options;
	int error;

	run_client_options(run->options, &client);
	fastipc_pool_options_init(&options);
	options.client = &client;
	options.min_size = least;
	options.warm_up = least;
	options.max_size = most;
	/* The server does not come back; but it may be slow to answer. */
	options.fail_fast = true;
	options.connect_timeout_ns = CALL_NS;
	error = fastipc_pool_create(&one, 1, &options, pool);
	return error ? run_failed(run, "cannot make a pool", error) : 0;
}

static int call_once(struct caller *caller, struct fastipc_buffer *reply,
		     unsigned char *payload, size_t size)
{
	struct fastipc_pool_call_options options;
	uint64_t start;

	fastipc_pool_call_options_init(&options);
	options.idempotent = true;
	options.deadline = fastipc_after_ns(CALL_NS);
	payload_stamp(payload, size, ++caller->seed);
	start = ticks_now();
	caller->error = fastipc_pool_call(caller->pool, PEER_ECHO, payload,
					  size, reply, &options);
	if (caller->error)
		return caller->error;
	histogram_record(&caller->latency, ticks_now() - start);
	caller->corrupted =
		reply->size != size ||
		!payload_is_stamped(reply->data, size, caller->seed);
	return caller->corrupted ? -EILSEQ : 0;
}

static void *call_on_and_on(void *argument)
{
	struct caller *caller = argument;
	size_t size = caller->run->options->size;
	unsigned char *payload = malloc(size + 1);
	struct fastipc_buffer reply = { 0 };

	if (payload)
		memcpy(payload, caller->run->payload, size);
	else
		caller->error = -ENOMEM;
	while (!caller->error &&
	       !__atomic_load_n(caller->stop, __ATOMIC_RELAXED) &&
	       !call_once(caller, &reply, payload, size))
		watchdog_beat();
	free(payload);
	fastipc_buffer_free(&reply);
	return NULL;
}

static double thread_cpu_ns(void)
{
	return process_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void *take_on_and_on(void *argument)
{
	struct caller *caller = argument;
	struct fastipc_client *client;

	for (unsigned int i = 0; i < BATCHES && !caller->error; i++) {
		double before = thread_cpu_ns();

		for (unsigned int j = 0; j < TAKES && !caller->error; j++) {
			caller->error = fastipc_pool_acquire(caller->pool, NULL,
							     &client);
			if (!caller->error)
				fastipc_pool_release(caller->pool, client);
		}
		caller->batches[i] = (thread_cpu_ns() - before) / TAKES;
		watchdog_beat();
	}
	return NULL;
}

static void pause_for(uint64_t ns)
{
	struct timespec pause = { .tv_nsec = (long)ns };

	nanosleep(&pause, NULL);
}

/* Run @count threads; until the duration is over if @stop is theirs. */
static int run_threads(struct bench_run *run, struct caller *callers,
		       unsigned int count, void *(*function)(void *),
		       bool *stop)
{
	uint64_t end =
		fastipc_after_ns((uint64_t)(run->options->duration * 1e9));
	unsigned int started = 0;
	int error = 0;

	while (!error && started < count) {
		error = -pthread_create(&callers[started].thread, NULL,
					function, &callers[started]);
		started += !error;
	}
	while (stop && !error && fastipc_now_ns() < end &&
	       !watchdog_interrupted() && !watchdog_server_is_dead())
		pause_for(PAUSE_NS);
	if (stop)
		__atomic_store_n(stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(callers[i].thread, NULL);
	if (error)
		return run_failed(run, "cannot start a thread", error);
	for (unsigned int i = 0; i < count; i++) {
		if (callers[i].corrupted)
			return run_corrupted(run, "a reply");
		if (callers[i].error)
			return run_failed(run, "a call failed",
					  callers[i].error);
	}
	return watchdog_interrupted() ? -EINTR : 0;
}

static struct caller *make_callers(struct bench_run *run,
				   struct fastipc_pool *pool,
				   unsigned int count, bool *stop)
{
	struct caller *callers = calloc(count, sizeof(*callers));

	for (unsigned int i = 0; callers && i < count; i++) {
		callers[i].run = run;
		callers[i].pool = pool;
		callers[i].stop = stop;
		callers[i].seed = (uint64_t)i << 32;
		histogram_reset(&callers[i].latency);
	}
	return callers;
}

/* ---- calls ---- */

static void note_calls(struct bench_run *run, const struct histogram *latency,
		       double elapsed_ns, double cpu_ns)
{
	struct bench_result *result = run->result;

	run_note_latency(run, latency);
	result->count = latency->count;
	result->msgs_per_s = (double)latency->count * 1e9 / elapsed_ns;
	result->bytes_per_s = result->msgs_per_s * (double)run->options->size;
	if (latency->count)
		result->cpu_ns_per_msg = cpu_ns / (double)latency->count;
}

static double cpu_of_both(const struct bench_run *run)
{
	return process_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) +
	       process_cpu_ns(run->peer.cpu_clock);
}

static int measure_calls(struct bench_run *run, struct fastipc_pool *pool)
{
	unsigned int threads = run->options->threads;
	struct fastipc_pool_stats stats = { .size = sizeof(stats) };
	struct histogram *all = calloc(1, sizeof(*all));
	bool stop = false;
	struct caller *callers = make_callers(run, pool, threads, &stop);
	double from = (double)fastipc_now_ns(), cpu = cpu_of_both(run);
	int error = -ENOMEM;

	if (!all || !callers)
		run_failed(run, "no memory", error);
	else
		error = run_threads(run, callers, threads, call_on_and_on,
				    &stop);
	if (!error) {
		double elapsed = (double)fastipc_now_ns() - from;

		histogram_reset(all);
		for (unsigned int i = 0; i < threads; i++)
			histogram_add(all, &callers[i].latency);
		note_calls(run, all, elapsed, cpu_of_both(run) - cpu);
		fastipc_pool_get_stats(pool, &stats);
		run->result->pool_reuse_percent =
			100 * (1 - (double)(stats.connects + stats.retries) /
					   (double)stats.calls);
		run->result->pool_connections = stats.connections;
	}
	free(callers);
	free(all);
	return error;
}

/* ---- taking and giving back ---- */

/* The median of the batches' mean, in ns of the threads' CPU time. */
static int measure_takes(struct bench_run *run, struct fastipc_pool *pool,
			 unsigned int threads, double *ns)
{
	double batches[TAKERS * BATCHES];
	struct caller *callers = make_callers(run, pool, threads, NULL);
	int error = -ENOMEM;

	for (unsigned int i = 0; callers && i < threads; i++)
		callers[i].batches = batches + i * (size_t)BATCHES;
	if (callers)
		error = run_threads(run, callers, threads, take_on_and_on,
				    NULL);
	else
		run_failed(run, "no memory", error);
	if (!error)
		*ns = median_of(batches, threads * (size_t)BATCHES);
	free(callers);
	return error;
}

static int measure_all_takes(struct bench_run *run)
{
	struct fastipc_pool *pool;
	int error = open_pool(run, TAKERS, TAKERS, &pool);

	if (error)
		return error;
	error = measure_takes(run, pool, 1, &run->result->pool_take_ns);
	/* On all CPUs, or they would not meet. */
	placement_unpin();
	if (!error)
		error = measure_takes(run, pool, TAKERS,
				      &run->result->pool_take_8_ns);
	placement_pin(run->result->cpus.client);
	fastipc_pool_destroy(pool);
	return error;
}

/* ---- a connection is cut ---- */

static int cut(struct fastipc_pool *pool)
{
	struct fastipc_client *client;
	int error = fastipc_pool_acquire(pool, NULL, &client);

	if (error)
		return error;
	shutdown(fastipc_client_fd(client), SHUT_RDWR);
	return fastipc_pool_release(pool, client);
}

/* With @size connections: from the cut to the end of the next good call. */
static int measure_recovery(struct bench_run *run, uint32_t size, double *p50,
			    double *p99)
{
	struct histogram *recovery = calloc(1, sizeof(*recovery));
	struct fastipc_pool *pool = NULL;
	struct caller *caller;
	int error = open_pool(run, size, size, &pool);

	caller = make_callers(run, pool, 1, NULL);
	if (recovery)
		histogram_reset(recovery);
	for (unsigned int i = 0; recovery && caller && !error && i < CUTS;
	     i++) {
		uint64_t start;

		/* The place of the last one is filled beside this. */
		fastipc_pool_maintain(pool);
		pause_for(PAUSE_NS / 2);
		error = call_once(caller, &run->reply, run->payload,
				  run->options->size);
		start = ticks_now();
		if (!error)
			error = cut(pool);
		if (!error)
			error = call_once(caller, &run->reply, run->payload,
					  run->options->size);
		histogram_record(recovery, ticks_now() - start);
		watchdog_beat();
		if (watchdog_interrupted())
			error = -EINTR;
	}
	if (!caller || !recovery)
		error = -ENOMEM;
	if (error) {
		run_failed(run, "a call after a cut failed", error);
	} else {
		*p50 = ticks_to_ns((double)histogram_percentile(recovery, 50));
		*p99 = ticks_to_ns((double)histogram_percentile(recovery, 99));
	}
	free(recovery);
	free(caller);
	fastipc_pool_destroy(pool);
	return error;
}

int pool_measure(struct bench_run *run)
{
	struct bench_result *result = run->result;
	struct process_memory memory;
	struct fastipc_pool *pool;
	int error = slices_probe(run);

	if (!error)
		error = open_pool(run, 1, run->options->connections, &pool);
	if (error)
		return error;
	error = measure_calls(run, pool);
	fastipc_pool_destroy(pool);
	if (!error)
		error = measure_all_takes(run);
	/* From here nobody can cut a connection of the module's. */
	if (!error && !strcmp(result->transport, "memfd"))
		error = measure_recovery(run, 2, &result->recovery_p50_ns,
					 &result->recovery_p99_ns);
	if (!error && !strcmp(result->transport, "memfd"))
		error = measure_recovery(run, 1, &result->reconnect_p50_ns,
					 &result->reconnect_p99_ns);
	process_memory_read(run->peer.pid, &memory);
	result->server_rss_kib = memory.rss;
	return error;
}
