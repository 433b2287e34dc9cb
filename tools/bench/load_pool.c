// SPDX-License-Identifier: MIT
/*
 * A process of the load that has its connections in a pool: threads call
 * through it, each the next call of one schedule.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <fastipc/pool.h>

#include "bench.h"
#include "fastipc/protocol.h"
#include "load.h"

#define CALL_NS 30000000000ull
#define WARM_NS 20000000000ull

struct crew {
	const struct load_process *process;
	struct fastipc_pool *pool;
	pthread_mutex_t lock; /* of all below, and of the result */
	uint64_t due;
	uint64_t seed;
};

static void sleep_until(uint64_t at)
{
	struct timespec when = { .tv_sec = (time_t)(at / 1000000000),
				 .tv_nsec = (long)(at % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) ==
	       EINTR)
		;
}

/* The next of the schedule, and what it asks for. */
static uint64_t take(struct crew *crew, struct load_ask *ask)
{
	const struct load_options *options = crew->process->options;
	uint64_t due;

	pthread_mutex_lock(&crew->lock);
	due = options->rate > 0 ? crew->due : fastipc_now_ns();
	if (options->rate > 0)
		crew->due = load_next_due(crew->process, due);
	*ask = load_choose(options, &crew->seed);
	crew->process->result->due++;
	pthread_mutex_unlock(&crew->lock);
	return due;
}

static void note(struct crew *crew, const struct load_ask *ask, uint64_t due,
		 int error, bool right)
{
	struct load_result *result = crew->process->result;

	pthread_mutex_lock(&crew->lock);
	result->done++;
	if (error)
		load_count_error(result, error);
	else if (!right)
		result->corrupt++;
	else
		histogram_record(&result->latency[load_class_of(ask)],
				 fastipc_now_ns() - due);
	if (!error && right)
		result->bytes += 2ull * ask->size;
	pthread_mutex_unlock(&crew->lock);
}

static void *call_on_and_on(void *argument)
{
	struct crew *crew = argument;
	const struct load_process *process = crew->process;
	struct fastipc_pool_call_options options;
	struct fastipc_buffer reply = { 0 };
	struct load_ask ask;

	fastipc_pool_call_options_init(&options);
	options.idempotent = true;
	for (;;) {
		uint64_t due = take(crew, &ask);
		const unsigned char *bytes =
			process->options->bytes + ask.offset;
		int error;

		if (due >= process->shared->stop_ns)
			break;
		if (process->options->rate > 0)
			sleep_until(due);
		options.deadline = fastipc_after_ns(CALL_NS);
		__atomic_fetch_add(&process->result->started, 1,
				   __ATOMIC_RELAXED);
		error = fastipc_pool_call(crew->pool, TYPE_ECHO, bytes,
					  ask.size, &reply, &options);
		note(crew, &ask, due, error,
		     !error && reply.size == ask.size &&
			     !memcmp(reply.data, bytes, ask.size));
	}
	fastipc_buffer_free(&reply);
	return NULL;
}

static int run_threads(struct crew *crew)
{
	unsigned int count = crew->process->options->threads, started = 0;
	pthread_t *threads = calloc(count, sizeof(*threads));
	int error = threads ? 0 : -ENOMEM;

	crew->due = load_first_due(
		crew->process, load_wait_for_start(crew->process), &crew->seed);
	while (!error && started < count) {
		error = -pthread_create(&threads[started], NULL, call_on_and_on,
					crew);
		started += !error;
	}
	for (unsigned int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return error;
}

static void note_pool(const struct crew *crew)
{
	struct load_result *result = crew->process->result;
	struct fastipc_pool_stats stats = { .size = sizeof(stats) };

	fastipc_pool_get_stats(crew->pool, &stats);
	result->hits = stats.hits;
	result->waits = stats.waits;
	result->retries = stats.retries;
	result->connects = stats.connects;
	result->lost = stats.lost;
	result->wait_p99_ns = stats.wait.p99_ns;
}

static int open_pool(struct crew *crew)
{
	const struct load_process *process = crew->process;
	const struct fastipc_pool_address one = {
		.address = process->options->server,
		.weight = 1,
	};
	struct fastipc_pool_options options;

	fastipc_pool_options_init(&options);
	options.min_size = process->count;
	options.max_size = process->count;
	options.warm_up = process->count;
	options.connect_timeout_ns = WARM_NS;
	options.fail_fast = true;
	return fastipc_pool_create(&one, 1, &options, &crew->pool);
}

int load_pool_run(const struct load_process *process)
{
	struct crew crew = {
		.process = process,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.seed = process->seed,
	};
	int error = open_pool(&crew);

	if (!error)
		error = run_threads(&crew);
	if (error)
		complain_error("bench", error, "process %u has no pool",
			       process->index);
	else
		note_pool(&crew);
	fastipc_pool_destroy(crew.pool);
	return error;
}
