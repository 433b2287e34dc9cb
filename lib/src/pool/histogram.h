/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram of times: 8 buckets for each power of two, so each
 * is within 12.5 % of what was measured.  No lock: one writer, or relaxed
 * adds.
 */
#ifndef FASTIPC_POOL_HISTOGRAM_H
#define FASTIPC_POOL_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

/* Up to 2^38 ns: 275 s. */
#define FASTIPC_HISTOGRAM_BUCKETS 288u

struct fastipc_histogram {
	uint64_t sum;
	uint64_t counts[FASTIPC_HISTOGRAM_BUCKETS];
};

static inline uint32_t fastipc_histogram_bucket(uint64_t ns)
{
	uint32_t power, bucket;

	if (ns < 8)
		return (uint32_t)ns;
	power = 63 - (uint32_t)__builtin_clzll(ns);
	bucket = (power - 2) * 8 + (uint32_t)((ns >> (power - 3)) & 7);
	return bucket < FASTIPC_HISTOGRAM_BUCKETS
		       ? bucket
		       : FASTIPC_HISTOGRAM_BUCKETS - 1;
}

/* The first time that is over the bucket. */
static inline uint64_t fastipc_histogram_end(uint32_t bucket)
{
	if (bucket < 8)
		return bucket + 1;
	return (8ull + bucket % 8 + 1) << (bucket / 8 - 1);
}

static inline void fastipc_histogram_add(struct fastipc_histogram *histogram,
					 uint64_t ns, bool alone)
{
	uint64_t *count = &histogram->counts[fastipc_histogram_bucket(ns)];

	if (alone) {
		__atomic_store_n(&histogram->sum, histogram->sum + ns,
				 __ATOMIC_RELAXED);
		__atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_add(&histogram->sum, ns, __ATOMIC_RELAXED);
		__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
	}
}

/* Add all of @from, which others may be writing, to @to, which is ours. */
static inline void fastipc_histogram_merge(struct fastipc_histogram *to,
					   const struct fastipc_histogram *from)
{
	to->sum += __atomic_load_n(&from->sum, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < FASTIPC_HISTOGRAM_BUCKETS; i++)
		to->counts[i] +=
			__atomic_load_n(&from->counts[i], __ATOMIC_RELAXED);
}

#endif
