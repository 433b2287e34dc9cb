// SPDX-License-Identifier: MIT
/*
 * The one-way test: the client posts as fast as the ring's flow control lets
 * it; the server's handler checks and counts; the time ends when the server
 * confirms that it has handled the last message.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bench.h"
#include "pace.h"
#include "payload.h"
#include "ticks.h"
#include "watchdog.h"

/* Small messages are published together. */
#define BATCH 64
#define BATCH_BYTES 65536

static size_t batch_size(const struct bench_options *options)
{
	if (options->size <= BATCH_BYTES / BATCH)
		return BATCH;
	return options->size < BATCH_BYTES ? BATCH_BYTES / options->size : 1;
}

static inline int post(struct bench_run *run, unsigned int flags)
{
	size_t size = run->options->size;
	int error;

	payload_stamp(run->payload, size, ++run->sequence);
	error = fastipc_client_post(run->client, PEER_STREAM, run->payload,
				    size, flags, FASTIPC_NO_DEADLINE);
	return error ? run_failed(run, "a post failed", error) : 0;
}

static int flat_out(struct bench_run *run, const struct slice *slice,
		    uint64_t start)
{
	size_t batch = batch_size(run->options);
	int error = 0;

	while (!error && ticks_now() - start < slice->length) {
		for (size_t left = batch; !error && left; left--)
			error = post(run, left > 1 ? FASTIPC_MORE : 0);
	}
	return error;
}

/* What is late already is published with what follows it. */
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
		pace_wait(&pace);
		now = ticks_now();
		error = post(run,
			     pace_intended(&pace) <= now ? FASTIPC_MORE : 0);
	}
	slice->spun = pace.spun;
	return error ? error : fastipc_client_flush(run->client);
}

static int confirm(struct bench_run *run)
{
	struct peer_confirm confirmed = { 0 };
	int error = fastipc_client_call(run->client, PEER_CONFIRM, NULL, 0,
					&run->reply, FASTIPC_NO_DEADLINE);

	if (error)
		return run_failed(run, "the server did not confirm", error);
	if (run->reply.size == sizeof(confirmed))
		memcpy(&confirmed, run->reply.data, sizeof(confirmed));
	if (confirmed.count == run->sequence && !confirmed.wrong)
		return 0;
	complain("bench",
		 "%" PRIu64 " messages were sent, %" PRIu64 " arrived, %" PRIu64
		 " of them wrong",
		 run->sequence, confirmed.count, confirmed.wrong);
	return -EILSEQ;
}

int stream_slice(struct bench_run *run, struct slice *slice)
{
	uint64_t before = run->sequence;
	uint64_t start = ticks_now();
	int error;

	if (run->options->rate > 0)
		error = scheduled(run, slice);
	else
		error = flat_out(run, slice, start);
	if (!error)
		error = confirm(run);
	slice->elapsed = ticks_now() - start;
	slice->count = run->sequence - before;
	watchdog_beat();
	return error;
}
