// SPDX-License-Identifier: MIT
/*
 * One run of a benchmark: starts the server process, connects, runs the test,
 * and leaves nothing behind.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "payload.h"
#include "process.h"
#include "ticks.h"
#include "watchdog.h"

/* The deadline of a call that has one, from now. */
#define CALL_NS 60000000000ull

/* To connect: less than the watchdog gives. */
#define CONNECT_NS 20000000000ull

void run_client_options(const struct bench_options *options,
			struct fastipc_client_options *client)
{
	fastipc_client_options_init(client);
	/* A machine that is slow for a while is no reason to end. */
	client->connect_timeout_ns = CONNECT_NS;
	client->wait = options->wait;
	client->checksum = options->checksum;
	if (options->ring_size)
		client->ring_size = options->ring_size;
	if (options->size > client->max_message)
		client->max_message = (uint32_t)options->size;
}

int run_failed(const struct bench_run *run, const char *what, int error)
{
	(void)run;
	if (watchdog_interrupted())
		return -EINTR;
	complain_error("bench", error, "%s", what);
	if (watchdog_expired())
		complain("bench", "there was no progress for 30 s, so the "
				  "server was killed");
	return error;
}

int run_corrupted(const struct bench_run *run, const char *what)
{
	complain("bench", "%s differs from what was sent (message %" PRIu64 ")",
		 what, run->sequence);
	return -EILSEQ;
}

int run_call(struct bench_run *run, struct fastipc_client *client,
	     struct fastipc_buffer *reply)
{
	size_t size = run->options->size;
	uint64_t deadline = FASTIPC_NO_DEADLINE;
	int error;

	if (run->options->deadline)
		deadline = fastipc_after_ns(CALL_NS);
	payload_stamp(run->payload, size, ++run->sequence);
	error = fastipc_client_call(client, PEER_ECHO, run->payload, size,
				    reply, deadline);
	if (error)
		return run_failed(run, "a call failed", error);
	if (reply->size != size ||
	    !payload_is_stamped(reply->data, size, run->sequence))
		return run_corrupted(run, "a reply");
	return 0;
}

/* Mapped, not from malloc(): unmapped before a later run forks its server,
 * it cannot count as memory of that server. */
static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int allocate(struct bench_run *run)
{
	size_t size = run->options->size + 1; /* not 0 */

	run->payload = map(size);
	run->copies = map(2 * size);
	if (!run->payload || !run->copies) {
		complain("bench", "not enough memory for messages of %zu bytes",
			 run->options->size);
		return -ENOMEM;
	}
	payload_fill(run->payload, run->options->size);
	memset(run->copies, 1, 2 * size);
	return 0;
}

static void release(struct bench_run *run)
{
	size_t size = run->options->size + 1;

	if (run->payload)
		munmap(run->payload, size);
	if (run->copies)
		munmap(run->copies, 2 * size);
	fastipc_buffer_free(&run->reply);
	probe_area_destroy(run->probe);
}

static int connect_to_peer(struct bench_run *run)
{
	struct fastipc_client_options options;
	int error;

	run_client_options(run->options, &options);
	error = fastipc_client_connect(run->peer.address, &options,
				       &run->client);
	if (error) {
		run->client = NULL;
		return run_failed(run, "cannot connect", error);
	}
	return 0;
}

static void note_connection(struct bench_run *run)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };

	if (!fastipc_client_get_stats(run->client, &stats))
		snprintf(run->result->transport, sizeof(run->result->transport),
			 "%s", stats.transport);
}

static int run_test(struct bench_run *run)
{
	static const slice_fn slices[] = {
		[BENCH_RTT] = rtt_slice,
		[BENCH_STREAM] = stream_slice,
		[BENCH_CONNECT] = connect_slice,
	};
	struct process_memory memory;
	int error;

	if (run->options->test == BENCH_IDLE)
		return idle_measure(run);
	if (run->options->test == BENCH_POOL)
		return pool_measure(run);
	if (run->options->test == BENCH_STREAMS)
		return streams_measure(run);
	error = slices_measure(run, slices[run->options->test]);
	process_memory_read(run->peer.pid, &memory);
	run->result->server_rss_kib = memory.rss;
	return error;
}

static int start_and_test(struct bench_run *run)
{
	struct placement_cpus *cpus = &run->result->cpus;
	int error = placement_choose(run->options->placement, cpus);

	if (error) {
		complain("bench",
			 "placement %s needs two CPUs, and this process may "
			 "use one: try --placement same or free",
			 bench_placement_name(run->options->placement));
		return error;
	}
	run->probe = probe_area_create();
	if (!run->probe)
		return run_failed(run, "cannot map shared memory", -errno);
	error = peer_start(&run->peer, run->options, cpus->server, run->probe);
	if (error)
		return error;
	error = placement_pin(cpus->client);
	if (error)
		return run_failed(run, "cannot pin the client", error);
	error = allocate(run);
	if (!error)
		error = connect_to_peer(run);
	if (error)
		return error;
	note_connection(run);
	return run_test(run);
}

static void clear(struct bench_result *result)
{
	*result = (struct bench_result){
		.p50_ns = NAN,
		.p90_ns = NAN,
		.p99_ns = NAN,
		.p999_ns = NAN,
		.max_ns = NAN,
		.msgs_per_s = NAN,
		.bytes_per_s = NAN,
		.cacheline_rtt_ns = NAN,
		.memcpy_bytes_per_s = NAN,
		.futex_rtt_ns = NAN,
		.cpu_ns_per_msg = NAN,
		.server_rss_kib = NAN,
		.stream_bytes_per_s = NAN,
		.streams_bytes_per_s = NAN,
		.streams_ratio = NAN,
		.streams_jain = NAN,
		.call_p99_ns = NAN,
		.call_beside_large_p99_ns = NAN,
		.large_bytes_per_s = NAN,
		.pool_reuse_percent = NAN,
		.pool_connections = NAN,
		.pool_take_ns = NAN,
		.pool_take_8_ns = NAN,
		.recovery_p50_ns = NAN,
		.recovery_p99_ns = NAN,
		.reconnect_p50_ns = NAN,
		.reconnect_p99_ns = NAN,
		.p50_cacheline = NAN,
		.p50_futex = NAN,
		.idle_cpu_percent = NAN,
		.connection_rss_kib = NAN,
		.connection_pss_kib = NAN,
		.connection_page_tables_kib = NAN,
		.connection_descriptors = NAN,
	};
}

static double percentile_ns(const struct histogram *latency, double percent)
{
	return ticks_to_ns((double)histogram_percentile(latency, percent));
}

void run_note_latency(struct bench_run *run, const struct histogram *latency)
{
	struct bench_result *result = run->result;

	if (!latency->count)
		return;
	result->p50_ns = percentile_ns(latency, 50);
	result->p90_ns = percentile_ns(latency, 90);
	result->p99_ns = percentile_ns(latency, 99);
	result->p999_ns = percentile_ns(latency, 99.9);
	result->max_ns = percentile_ns(latency, 100);
}

int run_bench(const struct bench_options *options, struct bench_result *result)
{
	struct bench_run run = { .options = options, .result = result };
	int error;
	int end;

	clear(result);
	watchdog_start();
	error = start_and_test(&run);
	fastipc_client_close(run.client);
	end = peer_stop(&run.peer);
	release(&run);
	placement_unpin();
	if (watchdog_interrupted())
		error = -EINTR;
	watchdog_stop();
	return error ? error : end;
}
