/* SPDX-License-Identifier: MIT */
/*
 * The two measurements of a peer, made by the client: round trips, each of
 * which is timed, and messages one way until the server has confirmed them.
 */
#ifndef FASTIPC_PEERS_MEASURE_H
#define FASTIPC_PEERS_MEASURE_H

#include "peers.h"

/* NAN where a figure is not measured. */
struct figures {
	uint64_t count;
	double seconds;
	double p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
	double client_cpu_ns, server_cpu_ns; /* of each message */
	double server_rss_kib, server_pss_kib, broker_rss_kib;
	double cacheline_ns; /* a cache line's round trip, just before ... */
	double cacheline_after_ns; /* ... and after */
};

void measure_clear(struct figures *figures);
/* For @seconds and a few messages at least; nothing of it counts. */
int measure_warm_up(const struct peer_config *config, double seconds);
int measure_run(const struct peer_config *config, double seconds,
		struct figures *figures);
/* As members of a JSON object, each with a comma before it. */
void measure_print(const struct figures *figures);

#endif
