/* SPDX-License-Identifier: MIT */
/*
 * Counts the system calls that the threads of a process make, by the kernel's
 * own tracepoint: neither end is slowed by it, so that what sleeps still does.
 * It takes root, or a kernel.perf_event_paranoid of -1, and tracefs.
 */
#ifndef FASTIPC_PROOF_TRACEPOINT_H
#define FASTIPC_PROOF_TRACEPOINT_H

#include <stdint.h>
#include <sys/types.h>

#define TRACEPOINT_THREADS 16

struct tracepoint {
	int threads[TRACEPOINT_THREADS];
	unsigned int count; /* 0: it cannot count here */
};

/* Count from now on in each thread that @pid has. */
void tracepoint_open(struct tracepoint *tracepoint, pid_t pid);
/* System calls so far, those of this very reading included. */
uint64_t tracepoint_read(const struct tracepoint *tracepoint);
void tracepoint_close(struct tracepoint *tracepoint);

#endif
