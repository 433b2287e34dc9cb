// SPDX-License-Identifier: MIT
/*
 * Calibrates the time stamp counter: its rate, against CLOCK_MONOTONIC, and
 * its step.
 */
#include "ticks.h"

#ifdef __x86_64__
#include <cpuid.h>

bool ticks_are_tsc;

/* Ticks at one rate, whatever the frequency and sleep state of the CPU. */
static bool tsc_is_invariant(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) &&
	       (edx & (1u << 8));
}

static void choose_clock(void)
{
	ticks_are_tsc = tsc_is_invariant();
}
#else
static void choose_clock(void)
{
}
#endif

static uint64_t first_ticks;
static uint64_t first_ns;
static uint64_t step = 1;
static uint64_t spread;

static double ns_per_tick(void)
{
	uint64_t ns = fastipc_now_ns() - first_ns;
	uint64_t ticks = ticks_now() - first_ticks;

	return ticks ? (double)ns / (double)ticks : 1.0;
}

/* The least that two readings differ by, if they do. */
static void find_step(void)
{
	uint64_t last = ticks_now();

	step = UINT64_MAX;
	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t now = ticks_now();

		if (now > last && now - last < step)
			step = now - last;
		last = now;
	}
}

uint64_t ticks_spread(uint64_t ticks)
{
	/* A multiplier that visits all of the step evenly. */
	spread += 0x9E3779B97F4A7C15u;
	ticks += (spread >> 32) * step >> 32;
	return ticks > step / 2 ? ticks - step / 2 : 0;
}

void ticks_start(void)
{
	choose_clock();
	find_step();
	first_ns = fastipc_now_ns();
	first_ticks = ticks_now();
	while (fastipc_now_ns() - first_ns < 20000000)
		;
}

double ticks_to_ns(double ticks)
{
	return ticks * ns_per_tick();
}

uint64_t ticks_from_ns(double ns)
{
	return (uint64_t)(ns / ns_per_tick());
}
