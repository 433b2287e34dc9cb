/* SPDX-License-Identifier: MIT */
/*
 * On which CPU the client and the server run.
 */
#ifndef FASTIPC_BENCH_PLACEMENT_H
#define FASTIPC_BENCH_PLACEMENT_H

enum bench_placement {
	PLACEMENT_CROSS, /* two CPUs */
	PLACEMENT_SAME,	 /* both on one */
	PLACEMENT_FREE,	 /* as the scheduler likes */
};

struct placement_cpus {
	int client; /* -1: not pinned */
	int server;
};

/*
 * The first CPUs that this process may use.  -ENODEV fewer than @placement
 * needs.
 */
int placement_choose(enum bench_placement placement,
		     struct placement_cpus *cpus);
/* Pin the calling process, before it has threads.  @cpu -1: leave it. */
int placement_pin(int cpu);
/* Undo placement_pin(): back to the CPUs that placement_choose() saw. */
void placement_unpin(void);

#endif
