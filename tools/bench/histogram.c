/* SPDX-License-Identifier: MIT */
/*
 * The histogram: values below 2048 have a bucket each; above, every octave
 * has 1024 buckets, so a bucket is never wider than a thousandth of its value.
 */
#include <string.h>

#include "histogram.h"

#define LINEAR (1u << HISTOGRAM_SUB_BITS)
#define PER_OCTAVE (LINEAR / 2)

void histogram_reset(struct histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
	histogram->min = UINT64_MAX;
}

static unsigned int bucket_of(uint64_t value)
{
	unsigned int octave;

	if (value < LINEAR)
		return (unsigned int)value;
	octave =
		63u - (unsigned int)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	if (octave >= HISTOGRAM_OCTAVES)
		return HISTOGRAM_BUCKETS - 1;
	/* The shift leaves the top bit and ten more: 1024..2047. */
	return LINEAR + octave * PER_OCTAVE +
	       (unsigned int)(value >> (octave + 1)) - PER_OCTAVE;
}

static uint64_t highest_value_of(unsigned int bucket)
{
	unsigned int octave, step;

	if (bucket < LINEAR)
		return bucket;
	octave = (bucket - LINEAR) / PER_OCTAVE;
	step = (bucket - LINEAR) % PER_OCTAVE;
	return ((uint64_t)(step + PER_OCTAVE + 1) << (octave + 1)) - 1;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
	uint32_t *bucket = &histogram->buckets[bucket_of(value)];

	*bucket += *bucket != UINT32_MAX; /* full rather than empty again */
	histogram->count++;
	histogram->sum += value;
	if (value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
}

void histogram_add(struct histogram *into, const struct histogram *from)
{
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint32_t room = UINT32_MAX - into->buckets[i];
		uint32_t more = from->buckets[i];

		into->buckets[i] += more < room ? more : room;
	}
	into->count += from->count;
	into->sum += from->sum;
	if (from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
	uint64_t rank, seen = 0;

	if (!histogram->count)
		return 0;
	rank = (uint64_t)(percent / 100.0 * (double)histogram->count + 0.5);
	if (rank < 1)
		rank = 1;
	if (rank >= histogram->count)
		return histogram->max;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t value;

		seen += histogram->buckets[i];
		if (seen < rank)
			continue;
		value = highest_value_of(i);
		return value < histogram->max ? value : histogram->max;
	}
	return histogram->max;
}
