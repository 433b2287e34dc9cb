/* SPDX-License-Identifier: MIT */
/*
 * `fastipc bench`: what its parts share.  bench.c reads the command line,
 * run.c makes one run (server process, connection, clean-up), slices.c cuts
 * a test into slices between probes of the machine, rtt.c, stream.c, connect.c,
 * idle.c, pool.c and streams.c are the tests, report.c prints.
 */
#ifndef FASTIPC_BENCH_H
#define FASTIPC_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/client.h>

#include "fastipc/print.h"
#include "histogram.h"
#include "peer.h"
#include "placement.h"

enum bench_test {
	BENCH_RTT,
	BENCH_STREAM,
	BENCH_CONNECT,
	BENCH_IDLE,
	BENCH_POOL,
	BENCH_STREAMS,
};

struct bench_options {
	enum bench_test test;
	enum bench_placement placement;
	enum fastipc_checksum checksum;
	enum fastipc_wait wait;
	const char *transport;	  /* "auto", "memfd", "kmod" */
	size_t size;		  /* of a message, bytes */
	uint32_t ring_size;	  /* 0: the library's default */
	double duration;	  /* seconds */
	double rate;		  /* messages a second; 0: as many as it can */
	unsigned int connections; /* 0: the test's own default */
	unsigned int threads;	  /* of the pool test */
	unsigned int runs;
	bool deadline; /* of each call, a minute ahead */
	bool json;
};

/* What one run found.  NAN where a figure is meaningless. */
struct bench_result {
	char transport[16];
	uint64_t count;
	double p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
	double msgs_per_s;
	double bytes_per_s; /* of payload, in one direction */
	double cacheline_rtt_ns;
	double memcpy_bytes_per_s;
	double futex_rtt_ns;
	double cpu_ns_per_msg; /* of both ends */
	double server_rss_kib;

	/* Of the test of streams only. */
	double stream_bytes_per_s;  /* of one stream */
	double streams_bytes_per_s; /* of many, together */
	double streams_ratio;	    /* many / one, median of the rounds */
	double streams_jain;	    /* how evenly they are served; 1: equally */
	double call_p99_ns;	    /* of a small call, alone, ... */
	double call_beside_large_p99_ns; /* ... and beside 10 MiB messages */
	double large_bytes_per_s;	 /* of these, both ways together */

	/* Of the pool test only. */
	double pool_reuse_percent; /* calls on a connection that was there */
	double pool_connections;   /* at its end */
	double pool_take_ns;	   /* acquire and release, CPU time */
	double pool_take_8_ns;	   /* ... in 8 threads at once, of each */
	/* From a cut connection to the end of the next good call: with another
	 * connection there, and without. */
	double recovery_p50_ns, recovery_p99_ns;
	double reconnect_p50_ns, reconnect_p99_ns;

	/* For people only. */
	struct placement_cpus cpus;
	unsigned int slices;	  /* counted */
	unsigned int repeats;	  /* not counted: the machine's speed moved */
	unsigned int other_speed; /* ... or was not the most common one */
	bool unsteady; /* fewer slices were counted than the duration needs */
	double p50_cacheline; /* medians of the slices' own ratios */
	double p50_futex;
	double idle_cpu_percent; /* of both ends, while no call is made */
	double connection_rss_kib;
	double connection_pss_kib;
	double connection_page_tables_kib;
	double connection_descriptors;
};

/* One run, while it runs. */
struct bench_run {
	const struct bench_options *options;
	struct bench_result *result;
	struct probe_area *probe;
	struct peer peer;
	/* The connection that is measured; connect and idle make their own,
	 * and then this one only starts the probes. */
	struct fastipc_client *client;
	struct fastipc_buffer reply;
	unsigned char *payload; /* options->size bytes */
	unsigned char *copies;	/* twice as many, for the memcpy probe */
	uint64_t sequence;	/* of the last message; the first is 1 */
};

/* A part of a test, between two probes.  Times are in ticks. */
struct slice {
	uint64_t length;  /* how long it is to take */
	uint64_t elapsed; /* how long it took */
	uint64_t spun;	  /* thereof spinning for the schedule of --rate */
	uint64_t count;	  /* messages */
	struct histogram latency;
};

typedef int (*slice_fn)(struct bench_run *run, struct slice *slice);

/*
 * Each returns 0 or a negative errno, and has told on standard error what
 * went wrong (but for -EINTR, which is the user's wish).
 */
int run_bench(const struct bench_options *options, struct bench_result *result);
int slices_measure(struct bench_run *run, slice_fn slice);
/* Both reference figures that no slice is compared with, and -EINTR. */
int slices_probe(struct bench_run *run);
int rtt_slice(struct bench_run *run, struct slice *slice);
int stream_slice(struct bench_run *run, struct slice *slice);
int connect_slice(struct bench_run *run, struct slice *slice);
int idle_measure(struct bench_run *run);
int pool_measure(struct bench_run *run);
int streams_measure(struct bench_run *run);

/* Client options as the command line wants them. */
void run_client_options(const struct bench_options *options,
			struct fastipc_client_options *client);
/* How long calls took, in ticks; NAN stays if there were none. */
void run_note_latency(struct bench_run *run, const struct histogram *latency);
/* Say that @what failed with @error, and return it (quietly if -EINTR). */
int run_failed(const struct bench_run *run, const char *what, int error);
/* A message's content is wrong. */
int run_corrupted(const struct bench_run *run, const char *what);
/* One call on @client, stamped with the next sequence number, checked. */
int run_call(struct bench_run *run, struct fastipc_client *client,
	     struct fastipc_buffer *reply);

/* It is a test of sleeping and waking, not of spinning. */
bool bench_sleeps(const struct bench_options *options);
const char *bench_test_name(enum bench_test test);
const char *bench_placement_name(enum bench_placement placement);

void report_json(const struct bench_options *options,
		 const struct bench_result *result);
void report_text(const struct bench_options *options,
		 const struct bench_result *result);
/* The ratios of several runs and their medians. */
void report_medians(const struct bench_options *options,
		    const struct bench_result *results, unsigned int count);
/* What is not a figure: on standard error, also with --json. */
void report_warnings(const struct bench_options *options,
		     const struct bench_result *result);

/* Measures loans, with options of its own. */
int bench_loan(int argc, char **argv);
/* Becomes the program that measures the codec; returns if it cannot. */
int bench_codec(char **argv);
/* Puts load on a server that runs, with options of its own. */
int bench_load(int argc, char **argv);
/* Measures topics, with options of its own. */
int bench_publish(int argc, char **argv);

#endif
