/* SPDX-License-Identifier: MIT */
/*
 * Medians, and a growing series of numbers to take one of: what a probe gave
 * each time, or what each of several runs gave.
 */
#ifndef FASTIPC_BENCH_SERIES_H
#define FASTIPC_BENCH_SERIES_H

#include <stddef.h>

struct series {
	double *values;
	size_t count;
	size_t capacity;
};

/* NAN (meaningless) is not added.  Without memory, the value is dropped. */
void series_add(struct series *series, double value);
/* Sorts them.  NAN if there are none. */
double median_of(double *values, size_t count);
/* NAN if the series is empty.  Sorts it. */
double series_median(struct series *series);
void series_free(struct series *series);

#endif
