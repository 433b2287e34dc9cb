// SPDX-License-Identifier: MIT
/*
 * The connection test: connect, one call, close; the latency is of all three.
 */
#include "bench.h"
#include "pace.h"
#include "payload.h"
#include "ticks.h"
#include "watchdog.h"

static int connect_and_call(struct bench_run *run)
{
	struct fastipc_client_options options;
	struct fastipc_client *client;
	int error;

	run_client_options(run->options, &options);
	error = fastipc_client_connect(run->peer.address, &options, &client);
	if (error)
		return run_failed(run, "cannot connect", error);
	error = run_call(run, client, &run->reply);
	fastipc_client_close(client);
	return error;
}

static int check_reply(struct bench_run *run)
{
	if (!payload_is_intact(run->reply.data, run->options->size,
			       run->sequence))
		return run_corrupted(run, "a reply");
	return 0;
}

int connect_slice(struct bench_run *run, struct slice *slice)
{
	bool paced = run->options->rate > 0;
	struct pace pace;
	uint64_t now;
	int error = 0;

	pace_start(&pace, paced ? run->options->rate : 1);
	now = pace.start;
	while (!error && !watchdog_interrupted() &&
	       now - pace.start < slice->length &&
	       pace_intended(&pace) - pace.start < slice->length) {
		uint64_t from = paced ? pace_wait(&pace) : now;

		error = connect_and_call(run);
		if (!error)
			error = check_reply(run);
		now = ticks_now();
		histogram_record(&slice->latency, now - from);
		slice->count++;
		watchdog_beat();
	}
	slice->elapsed = now - pace.start;
	if (paced && slice->elapsed < slice->length)
		slice->elapsed = slice->length;
	slice->spun = pace.spun;
	return error;
}
