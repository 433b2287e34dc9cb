// SPDX-License-Identifier: MIT
/*
 * The test of streams: many on one connection against one, how evenly they are
 * served, and what small calls wait for while large messages cross.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <fastipc/stream.h>

#include "bench.h"
#include "payload.h"
#include "process.h"
#include "series.h"
#include "ticks.h"
#include "watchdog.h"

#define STREAMS 150
#define ROUNDS 5
#define LARGE (10u << 20)
#define SMALL_CALLS 256 /* between two looks at the clock */

struct received {
	uint64_t bytes;
};

static void on_message(void *context, struct fastipc_stream *stream,
		       const void *data, size_t size)
{
	struct received *received = context;

	(void)stream;
	(void)data;
	received->bytes += size;
}

/* Read from @count streams for @seconds: bytes a second, and Jain's index. */
static int read_streams(struct bench_run *run, unsigned int count,
			double seconds, double *rate, double *jain)
{
	struct fastipc_stream *streams[STREAMS] = { NULL };
	struct received received[STREAMS] = { { 0 } };
	struct fastipc_stream_options options;
	uint64_t start = 0, until;
	double sum = 0, squares = 0;
	int error = 0;

	fastipc_stream_options_init(&options);
	options.message = on_message;
	for (unsigned int i = 0; !error && i < count; i++) {
		options.context = &received[i];
		error = fastipc_stream_open(run->client, PEER_SOURCE, NULL, 0,
					    &options, &streams[i]);
	}
	/* The first tenth is not counted: they do not begin together. */
	until = fastipc_after_ns((uint64_t)(seconds * 1e8));
	for (int part = 0; part < 2 && error >= 0; part++) {
		while (error >= 0 && fastipc_now_ns() < until)
			error = fastipc_client_wait(run->client, until);
		if (error == -ETIMEDOUT)
			error = 0;
		watchdog_beat();
		if (watchdog_interrupted())
			error = -EINTR;
		if (part)
			break;
		memset(received, 0, sizeof(received));
		start = fastipc_now_ns();
		until = start + (uint64_t)(seconds * 9e8);
	}
	*rate = 0;
	for (unsigned int i = 0; i < count; i++) {
		double bytes = (double)received[i].bytes;

		sum += bytes;
		squares += bytes * bytes;
	}
	*rate = sum * 1e9 / (double)(fastipc_now_ns() - start);
	*jain = squares > 0 ? sum * sum / (count * squares) : 0;
	for (unsigned int i = 0; i < count; i++)
		fastipc_stream_close(streams[i]);
	return error < 0 ? run_failed(run, "streams failed", error) : 0;
}

/* ---- small calls ---- */

struct crossing {
	struct bench_run *run;
	bool stop;
	int error;
	uint64_t bytes;
};

/* Large messages to the server, and from it, in turn. */
static void *cross(void *argument)
{
	struct crossing *crossing = argument;
	unsigned char *data = calloc(1, LARGE);
	struct fastipc_buffer reply = { 0 };
	int error = data ? 0 : -ENOMEM;

	while (!error && !__atomic_load_n(&crossing->stop, __ATOMIC_RELAXED)) {
		error = fastipc_client_call(crossing->run->client, PEER_SINK,
					    data, LARGE, &reply, 0);
		if (!error)
			error = fastipc_client_call(crossing->run->client,
						    PEER_LARGE, NULL, 0, &reply,
						    0);
		crossing->bytes += 2ull * LARGE;
	}
	crossing->error = error;
	fastipc_buffer_free(&reply);
	free(data);
	return NULL;
}

static int call_small(struct bench_run *run, double seconds,
		      struct histogram *histogram)
{
	uint64_t until = fastipc_after_ns((uint64_t)(seconds * 1e9));
	int error = 0;

	while (!error && fastipc_now_ns() < until && !watchdog_interrupted()) {
		for (int i = 0; !error && i < SMALL_CALLS; i++) {
			uint64_t start = ticks_now();

			error = run_call(run, run->client, &run->reply);
			histogram_record(histogram, ticks_now() - start);
		}
		watchdog_beat();
	}
	return error;
}

static int call_beside_large(struct bench_run *run, double seconds,
			     struct histogram *histogram, double *bytes_per_s)
{
	struct crossing crossing = { .run = run };
	uint64_t start = fastipc_now_ns();
	pthread_t thread;
	int error = pthread_create(&thread, NULL, cross, &crossing);

	if (error)
		return run_failed(run, "cannot start a thread", -error);
	error = call_small(run, seconds, histogram);
	__atomic_store_n(&crossing.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	if (!error && crossing.error)
		error = run_failed(run, "a large call failed", crossing.error);
	*bytes_per_s = (double)crossing.bytes * 1e9 /
		       (double)(fastipc_now_ns() - start);
	return error;
}

static double p99_of(const struct histogram *histogram)
{
	return ticks_to_ns((double)histogram_percentile(histogram, 99));
}

int streams_measure(struct bench_run *run)
{
	struct bench_result *result = run->result;
	struct histogram *histogram = malloc(sizeof(*histogram));
	double one[ROUNDS], many[ROUNDS], ratio[ROUNDS], jain[ROUNDS];
	double idle[ROUNDS], busy[ROUNDS], large[ROUNDS], alone;
	double seconds = run->options->duration / (4 * ROUNDS);
	struct process_memory memory;
	int error = histogram ? slices_probe(run) : -ENOMEM;

	/* All of a round see about the same machine. */
	for (int i = 0; !error && i < ROUNDS; i++) {
		error = read_streams(run, 1, seconds, &one[i], &alone);
		if (!error)
			error = read_streams(run, STREAMS, seconds, &many[i],
					     &jain[i]);
		ratio[i] = many[i] / one[i];
		histogram_reset(histogram);
		if (!error)
			error = call_small(run, seconds, histogram);
		idle[i] = p99_of(histogram);
		histogram_reset(histogram);
		if (!error)
			error = call_beside_large(run, seconds, histogram,
						  &large[i]);
		busy[i] = p99_of(histogram);
	}
	free(histogram);
	if (error)
		return error;
	result->stream_bytes_per_s = median_of(one, ROUNDS);
	result->streams_bytes_per_s = median_of(many, ROUNDS);
	result->streams_ratio = median_of(ratio, ROUNDS);
	result->streams_jain = median_of(jain, ROUNDS);
	result->call_p99_ns = median_of(idle, ROUNDS);
	result->call_beside_large_p99_ns = median_of(busy, ROUNDS);
	result->large_bytes_per_s = median_of(large, ROUNDS);
	process_memory_read(run->peer.pid, &memory);
	result->server_rss_kib = memory.rss;
	return 0;
}
