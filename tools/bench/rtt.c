// SPDX-License-Identifier: MIT
/*
 * The round-trip test: client call, handler, reply; each one is timed.
 */
#include "bench.h"
#include "pace.h"
#include "payload.h"
#include "ticks.h"
#include "watchdog.h"

/* So many are timed in a row, each with one reading of the clock; then the
 * clock stops while they are recorded and a whole reply is compared. */
#define BATCH 1024
#define BATCH_BYTES (16u << 20)

static size_t batch_size(const struct bench_options *options)
{
	if (options->size <= BATCH_BYTES / BATCH)
		return BATCH;
	return options->size < BATCH_BYTES ? BATCH_BYTES / options->size : 1;
}

static void record(struct slice *slice, const uint64_t *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		histogram_record(&slice->latency, ticks_spread(samples[i]));
		slice->elapsed += samples[i];
	}
	slice->count += count;
}

static int check_reply(struct bench_run *run)
{
	if (!payload_is_intact(run->reply.data, run->options->size,
			       run->sequence))
		return run_corrupted(run, "a reply");
	return 0;
}

static int flat_out(struct bench_run *run, struct slice *slice)
{
	uint64_t samples[BATCH];
	size_t batch = batch_size(run->options);
	uint64_t start = ticks_now();
	uint64_t end = start + slice->length;
	int error = 0;

	while (!error && start < end && !watchdog_interrupted()) {
		size_t count = 0;

		while (count < batch && start < end) {
			uint64_t now;

			error = run_call(run, run->client, &run->reply);
			if (error)
				return error;
			now = ticks_now();
			samples[count++] = now - start;
			start = now;
		}
		record(slice, samples, count);
		error = check_reply(run);
		watchdog_beat();
		start = ticks_now();
	}
	return error;
}

static int scheduled(struct bench_run *run, struct slice *slice)
{
	struct pace pace;
	uint64_t now;
	int error = 0;

	pace_start(&pace, run->options->rate);
	now = pace.start;
	while (!error && !watchdog_interrupted() &&
	       pace_intended(&pace) - pace.start < slice->length &&
	       now - pace.start < slice->length) {
		uint64_t intended = pace_wait(&pace);

		error = run_call(run, run->client, &run->reply);
		now = ticks_now();
		histogram_record(&slice->latency, now - intended);
		slice->count++;
	}
	slice->elapsed = now - pace.start;
	if (slice->elapsed < slice->length)
		slice->elapsed = slice->length;
	slice->spun = pace.spun;
	watchdog_beat();
	return error ? error : check_reply(run);
}

int rtt_slice(struct bench_run *run, struct slice *slice)
{
	return run->options->rate > 0 ? scheduled(run, slice)
				      : flat_out(run, slice);
}
