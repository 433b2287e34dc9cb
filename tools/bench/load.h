/* SPDX-License-Identifier: MIT */
/*
 * `fastipc bench load`: many connections of several client processes put load
 * on a `fastipc serve` that runs already.  load.c reads the command line,
 * load_processes.c starts the processes, kills some, and waits for the end;
 * load_client.c is one process with its connections in an event loop,
 * load_pool.c one with a pool, load_report.c prints.
 */
#ifndef FASTIPC_BENCH_LOAD_H
#define FASTIPC_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "histogram.h"

#define LOAD_PROCESSES_MOST 64u
#define LOAD_CONNECTIONS_MOST 16384u
#define LOAD_ERRORS 256u /* errnos that are told apart */
#define LOAD_LEAST_BYTES 100u
#define LOAD_MOST_BYTES (10u << 20)

/* By the bytes of a message, at most; the last are responses in streams. */
enum load_class {
	LOAD_1K,
	LOAD_16K,
	LOAD_256K,
	LOAD_1M,
	LOAD_10M,
	LOAD_STREAM,
	LOAD_CLASSES,
};

struct load_options {
	const char *server;
	const char *file; /* NAME, and its bytes: */
	const unsigned char *bytes;
	size_t size;
	const char *path; /* as the server knows it */
	pid_t pid;	  /* of the server; 0: unknown */
	unsigned int connections;
	unsigned int processes;
	unsigned int threads; /* of each process, with a pool; 0: no pool */
	double rate;	      /* calls a second, of all; 0: all they can */
	double duration;      /* seconds */
	size_t fixed;	      /* bytes of each message; 0: mixed */
	double streams;	      /* percent of all that is asked for */
	double churn;	      /* percent of calls after which it reconnects */
	double kills;	      /* a second */
	bool bursts;
	bool json;
};

/* What one process found; it survives the process. */
struct load_result {
	struct histogram latency[LOAD_CLASSES]; /* ns, from the intended time */
	struct histogram connect;
	uint64_t started, done;
	uint64_t bytes;	  /* of payload, both ways */
	uint64_t corrupt; /* replies that differ */
	uint64_t connects, lost;
	uint64_t due; /* by the schedule */
	uint64_t errors[LOAD_ERRORS];
	/* Of the pool. */
	uint64_t hits, waits, retries;
	uint64_t wait_p99_ns;
};

/* Shared by all processes. */
struct load_shared {
	uint32_t ready;	   /* processes that are connected */
	uint64_t start_ns; /* 0: wait */
	uint64_t stop_ns;
	struct load_result results[LOAD_PROCESSES_MOST];
	uint64_t counts[LOAD_CONNECTIONS_MOST]; /* calls of each connection */
};

/* One process: which of all. */
struct load_process {
	const struct load_options *options;
	struct load_shared *shared;
	struct load_result *result;
	unsigned int index;
	unsigned int first, count; /* connections */
	uint64_t seed;
};

/* What it costs and takes, of the measured time only. */
struct load_cost {
	double seconds;
	double clients_cpu_ns, server_cpu_ns;
	unsigned int killed;
	uint64_t cut; /* calls that were under way then */
};

/* What is to be asked for next: bytes [offset, offset + size) of the file. */
struct load_ask {
	uint32_t offset, size;
	bool stream;
};

struct load_ask load_choose(const struct load_options *options, uint64_t *seed);
enum load_class load_class_of(const struct load_ask *ask);
/* 0 to 1. */
double load_random(uint64_t *seed);
/* Not the same for all processes. */
uint64_t load_first_due(const struct load_process *process, uint64_t start,
			uint64_t *seed);
/* After the call that was due at @due, of one of @options->processes. */
uint64_t load_next_due(const struct load_process *process, uint64_t due);
/* The first connection of @process, counted over all of them. */
unsigned int load_first_of(const struct load_options *options,
			   unsigned int process);
/* Say that it is there, and wait for the start; the time of it. */
uint64_t load_wait_for_start(const struct load_process *process);
void load_count_error(struct load_result *result, int error);

/* The body of a process: 0, or a negative errno that it has told. */
int load_client_run(const struct load_process *process);
int load_pool_run(const struct load_process *process);

int load_processes_run(const struct load_options *options,
		       struct load_shared *shared, struct load_cost *cost);
void load_report(const struct load_options *options, struct load_shared *shared,
		 const struct load_cost *cost);

#endif
