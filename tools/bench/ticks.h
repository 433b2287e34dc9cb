/* SPDX-License-Identifier: MIT */
/*
 * The clock that single round trips are timed with.  clock_gettime() takes a
 * fifth of a 130 ns round trip, so this reads the invariant time stamp counter
 * where there is one.  Durations stay in ticks until they are reported.
 */
#ifndef FASTIPC_BENCH_TICKS_H
#define FASTIPC_BENCH_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include <fastipc/types.h>

#ifdef __x86_64__
#include <x86intrin.h>

extern bool ticks_are_tsc;

/* Unordered on purpose: a fence would be timed with the round trip. */
static inline uint64_t ticks_now(void)
{
	return ticks_are_tsc ? __rdtsc() : fastipc_now_ns();
}
#else
static inline uint64_t ticks_now(void)
{
	return fastipc_now_ns();
}
#endif

/* Choose the counter and measure its rate for some 20 ms. */
void ticks_start(void);
/*
 * The counter of some CPUs advances in steps of 10 ns, so a duration reads as
 * one of the two steps around it.  This spreads a duration that was read over
 * the step, evenly, and the median of many is right to a nanosecond again.
 */
uint64_t ticks_spread(uint64_t ticks);

/* The rate gets more exact, the longer ago ticks_start() was. */
double ticks_to_ns(double ticks);
uint64_t ticks_from_ns(double ns);

#endif
