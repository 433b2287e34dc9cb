/* SPDX-License-Identifier: MIT */
/*
 * A machine made up for the parts of `fastipc bench`: its clock goes on only as
 * far as it is told to, and a little whenever somebody looks.  A tick is a
 * nanosecond.  These stand before the functions that the parts would call.
 */
#ifndef SELFTESTS_UNIT_BENCH_TIME_H
#define SELFTESTS_UNIT_BENCH_TIME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bench/bench.h"
#include "bench/ticks.h"
#include "bench/watchdog.h"

#define US 1000ull
#define MS 1000000ull
#define LOOK 10 /* ns that a look at the clock takes */

static uint64_t made_up_ns = 1000 * MS;

static struct bench_options options;
static struct bench_result result;
static struct bench_run run = { .options = &options, .result = &result };

bool ticks_are_tsc; /* false: ticks_now() is fastipc_now_ns() */

uint64_t fastipc_now_ns(void)
{
	return made_up_ns += LOOK;
}

uint64_t ticks_spread(uint64_t ticks)
{
	return ticks;
}

double ticks_to_ns(double ticks)
{
	return ticks;
}

uint64_t ticks_from_ns(double ns)
{
	return (uint64_t)ns;
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	made_up_ns += (uint64_t)time->tv_sec * 1000000000ull +
		      (uint64_t)time->tv_nsec;
	return 0;
}

void watchdog_beat(void)
{
}

bool watchdog_interrupted(void)
{
	return false;
}

int run_failed(const struct bench_run *failed, const char *what, int error)
{
	(void)failed;
	fail_msg("%s: %d", what, error);
	return error;
}

int run_corrupted(const struct bench_run *failed, const char *what)
{
	return run_failed(failed, what, -1);
}

#endif
