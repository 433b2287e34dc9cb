/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says of a process: its memory and its CPU time.
 */
#ifndef FASTIPC_BENCH_PROCESS_H
#define FASTIPC_BENCH_PROCESS_H

#include <time.h>
#include <sys/types.h>

/* In KiB; NAN where the kernel does not say. */
struct process_memory {
	double rss;	    /* resident pages, shared ones in full */
	double pss;	    /* resident pages, shared ones in proportion */
	double page_tables; /* the kernel's, for the mappings */
	double descriptors; /* open ones: a count, not KiB */
};

void process_memory_read(pid_t pid, struct process_memory *memory);

/* CPU time of all the threads of @clock's process, in ns. */
double process_cpu_ns(clockid_t clock);

#endif
