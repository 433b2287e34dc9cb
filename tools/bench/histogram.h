/* SPDX-License-Identifier: MIT */
/*
 * A high-dynamic-range histogram of durations: 1 ns to 2^40 ns, three
 * significant digits, fixed memory, no allocation to record.
 * After Gil Tene's HdrHistogram (Debian 12 has no package of its C form).
 */
#ifndef FASTIPC_HISTOGRAM_H
#define FASTIPC_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 11 /* 2048 linear steps, then 1024 per octave */
#define HISTOGRAM_OCTAVES 30
#define HISTOGRAM_BUCKETS \
	((1u << HISTOGRAM_SUB_BITS) + \
	 HISTOGRAM_OCTAVES * (1u << (HISTOGRAM_SUB_BITS - 1)))

struct histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t min;
	uint64_t max;
	uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_reset(struct histogram *histogram);
void histogram_record(struct histogram *histogram, uint64_t value);
/* Add all of @from's counts to @into. */
void histogram_add(struct histogram *into, const struct histogram *from);
/* The value at @percent (0..100): the highest one of its bucket, at most
 * max; 0 if nothing was recorded. */
uint64_t histogram_percentile(const struct histogram *histogram,
			      double percent);

#endif
