/* SPDX-License-Identifier: MIT */
/*
 * Reference figures: what the machine itself takes for what a message needs.
 * They are measured by the two threads that run the test, on the same CPUs, in
 * between the slices of the test:
 * - a cache line's round trip: both threads spin, one on "ping", the other on
 *   "pong";
 * - a futex round trip: both sleep, and wake each other;
 * - one memcpy() of a message's size between two private buffers.
 */
#ifndef FASTIPC_BENCH_PROBE_H
#define FASTIPC_BENCH_PROBE_H

#include <stddef.h>
#include <stdint.h>

enum probe_kind {
	PROBE_CACHELINE = 1,
	PROBE_FUTEX = 2,
};

/* Shared between the processes, made before the fork.  The words are apart by
 * more than any prefetcher's reach. */
struct probe_area {
	_Alignas(1024) _Atomic uint32_t ping; /* client writes, server reads */
	_Alignas(1024) _Atomic uint32_t pong; /* server writes, client reads */
};

struct probe_area *probe_area_create(void);
void probe_area_destroy(struct probe_area *area);

/* The server's side: answer until the client, or probe_stop(), ends it. */
void probe_answer(struct probe_area *area, enum probe_kind kind);
/* Make probe_answer() return; async-signal-safe. */
void probe_stop(struct probe_area *area);

/*
 * The client's side, once the server is about to run probe_answer():
 * *@ticks is the median of the round trips.  -EINTR, or -EPIPE the server is
 * gone.
 */
void probe_prepare(struct probe_area *area);
int probe_measure(struct probe_area *area, enum probe_kind kind, double *ticks);

/* Bytes a tick, the median of several copies of @size bytes. */
double probe_memcpy(void *to, const void *from, size_t size);

#endif
