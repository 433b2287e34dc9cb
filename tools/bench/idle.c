// SPDX-License-Identifier: MIT
/*
 * The idle test: many connections are opened, each makes calls, then nobody
 * calls; what do they cost the server, and are they well afterwards?
 */
#include <errno.h>
#include <stdlib.h>

#include "bench.h"
#include "payload.h"
#include "process.h"
#include "ticks.h"
#include "watchdog.h"

struct crowd {
	struct fastipc_client **clients;
	struct fastipc_buffer *replies;
	uint64_t *calls; /* ids of those in flight */
	unsigned int count;
	struct histogram latency; /* ticks */
};

static int allocate(struct crowd *crowd, unsigned int count)
{
	crowd->clients = calloc(count, sizeof(struct fastipc_client *));
	crowd->replies = calloc(count, sizeof(*crowd->replies));
	crowd->calls = calloc(count, sizeof(*crowd->calls));
	crowd->count = count;
	histogram_reset(&crowd->latency);
	return crowd->clients && crowd->replies && crowd->calls ? 0 : -ENOMEM;
}

static void disperse(struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->count; i++) {
		if (crowd->clients)
			fastipc_client_close(crowd->clients[i]);
		if (crowd->replies)
			fastipc_buffer_free(&crowd->replies[i]);
		watchdog_beat();
	}
	free(crowd->clients);
	free(crowd->replies);
	free(crowd->calls);
	free(crowd);
}

static int open_all(struct bench_run *run, struct crowd *crowd)
{
	struct fastipc_client_options options;
	int error = 0;

	run_client_options(run->options, &options);
	for (unsigned int i = 0; !error && i < crowd->count; i++) {
		error = fastipc_client_connect(run->peer.address, &options,
					       &crowd->clients[i]);
		if (error) {
			crowd->clients[i] = NULL;
			complain("bench", "%u connections are open", i);
			return run_failed(run, "cannot connect one more",
					  error);
		}
		error = run_call(run, crowd->clients[i], &crowd->replies[i]);
		watchdog_beat();
		if (watchdog_interrupted())
			return -EINTR;
	}
	return error;
}

/* Each has a call in flight at the same time. */
static int call_at_once(struct bench_run *run, struct crowd *crowd)
{
	struct fastipc_call_options options;
	size_t size = run->options->size;
	int error;

	fastipc_call_options_init(&options);
	payload_stamp(run->payload, size, ++run->sequence);
	for (unsigned int i = 0; i < crowd->count; i++) {
		options.reply = &crowd->replies[i];
		error = fastipc_client_start(crowd->clients[i], PEER_ECHO,
					     run->payload, size, &options,
					     &crowd->calls[i]);
		if (error)
			return run_failed(run, "cannot start a call", error);
	}
	for (unsigned int i = 0; i < crowd->count; i++) {
		error = fastipc_client_finish(crowd->clients[i],
					      crowd->calls[i]);
		if (error)
			return run_failed(run, "a call failed", error);
		if (crowd->replies[i].size != size ||
		    !payload_is_intact(crowd->replies[i].data, size,
				       run->sequence))
			return run_corrupted(run, "a reply");
		watchdog_beat();
	}
	return 0;
}

static int call_in_turn(struct bench_run *run, struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->count; i++) {
		uint64_t start = ticks_now();
		int error =
			run_call(run, crowd->clients[i], &crowd->replies[i]);

		if (error)
			return error;
		histogram_record(&crowd->latency, ticks_now() - start);
		watchdog_beat();
		if (watchdog_interrupted())
			return -EINTR;
	}
	return 0;
}

static double cpu_of_both(const struct bench_run *run)
{
	return process_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) +
	       process_cpu_ns(run->peer.cpu_clock);
}

static void sleep_for(double seconds)
{
	uint64_t end = fastipc_after_ns((uint64_t)(seconds * 1e9));

	for (;;) {
		uint64_t now = fastipc_now_ns();
		struct timespec pause = { 0 };

		if (now >= end || watchdog_interrupted() ||
		    watchdog_server_is_dead())
			return;
		pause.tv_sec = (time_t)((end - now) / 1000000000);
		pause.tv_nsec = (long)((end - now) % 1000000000);
		nanosleep(&pause, NULL);
		watchdog_beat();
	}
}

static void stay_idle(struct bench_run *run)
{
	double cpu;
	double from;

	sleep_for(0.1); /* until what the calls set in motion has settled */
	cpu = cpu_of_both(run);
	from = (double)fastipc_now_ns();
	sleep_for(run->options->duration);
	run->result->idle_cpu_percent = 100 * (cpu_of_both(run) - cpu) /
					((double)fastipc_now_ns() - from);
}

static void note_memory(struct bench_run *run,
			const struct process_memory *before)
{
	struct bench_result *result = run->result;
	double count = run->options->connections;
	struct process_memory memory;

	process_memory_read(run->peer.pid, &memory);
	result->server_rss_kib = memory.rss;
	result->connection_rss_kib = (memory.rss - before->rss) / count;
	result->connection_pss_kib = (memory.pss - before->pss) / count;
	result->connection_page_tables_kib =
		(memory.page_tables - before->page_tables) / count;
	result->connection_descriptors =
		(memory.descriptors - before->descriptors) / count;
}

static void note_calls(struct bench_run *run, const struct crowd *crowd,
		       double cpu_ns)
{
	const struct histogram *latency = &crowd->latency;

	run_note_latency(run, latency);
	run->result->count = latency->count;
	if (latency->count)
		run->result->cpu_ns_per_msg = cpu_ns / (double)latency->count;
}

static int measure(struct bench_run *run, struct crowd *crowd)
{
	struct process_memory before;
	double cpu;
	int error = slices_probe(run);

	if (!error)
		error = run_call(run, run->client, &run->reply);
	if (error)
		return error;
	process_memory_read(run->peer.pid, &before);
	error = open_all(run, crowd);
	if (!error)
		error = call_at_once(run, crowd);
	if (error)
		return error;
	stay_idle(run);
	note_memory(run, &before);
	cpu = cpu_of_both(run);
	error = call_in_turn(run, crowd);
	if (!error)
		note_calls(run, crowd, cpu_of_both(run) - cpu);
	return error;
}

int idle_measure(struct bench_run *run)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	int error = -ENOMEM;

	if (!crowd)
		return run_failed(run, "no memory", error);
	if (!allocate(crowd, run->options->connections))
		error = measure(run, crowd);
	else
		run_failed(run, "no memory for so many connections", error);
	disperse(crowd);
	return error;
}
