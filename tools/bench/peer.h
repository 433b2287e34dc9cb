/* SPDX-License-Identifier: MIT */
/*
 * The server of a benchmark: a process of its own, with one worker, that the
 * benchmark forks while it still is a process with one thread.
 */
#ifndef FASTIPC_BENCH_PEER_H
#define FASTIPC_BENCH_PEER_H

#include <stdint.h>
#include <time.h>
#include <sys/types.h>

#include "probe.h"

struct bench_options;

/* Message types.  Probes are one-way; the type says which. */
enum peer_type {
	PEER_ECHO = 1,	/* answers with the request's bytes */
	PEER_STREAM,	/* one way, checked and counted */
	PEER_CONFIRM,	/* answers with struct peer_confirm */
	PEER_CACHELINE, /* one way, runs probe_answer() */
	PEER_FUTEX,
	PEER_SOURCE, /* a stream that is written as fast as it is read */
	PEER_SINK,   /* answers with nothing */
	PEER_LARGE,  /* answers with 10 MiB, from another thread */
};

/* What became of the stream's messages since the server began. */
struct peer_confirm {
	uint64_t count;
	uint64_t wrong;
};

/* How often the server compares all bytes of a streamed message. */
#define PEER_FULL_CHECK 256

struct peer {
	pid_t pid;
	clockid_t cpu_clock; /* of all its threads */
	char directory[64];  /* its runtime directory; removed at the end */
	char address[96];
};

/*
 * Start it on CPU @cpu (-1: any) and wait until it listens.  The runtime
 * directory of this process is the server's, too, from then on.  It ends with
 * this process, at the latest.
 */
int peer_start(struct peer *peer, const struct bench_options *options, int cpu,
	       struct probe_area *area);
/* End and reap it, remove its directory.  -EPIPE it had died before. */
int peer_stop(struct peer *peer);

#endif
