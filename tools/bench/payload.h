/* SPDX-License-Identifier: MIT */
/*
 * What the messages carry, so that their content can be checked: a pattern
 * that either end computes, with the message's sequence number stamped over
 * both of its ends.  The stamps are checked in each message, the pattern in
 * samples.
 */
#ifndef FASTIPC_BENCH_PAYLOAD_H
#define FASTIPC_BENCH_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The last stamp differs from the first: a shifted message is noticed. */
static inline uint64_t payload_last_stamp(uint64_t sequence)
{
	return sequence ^ 0x5DEECE66DB0CAFE5u;
}

static inline void payload_stamp(void *data, size_t size, uint64_t sequence)
{
	uint64_t last = payload_last_stamp(sequence);

	if (size >= 8)
		memcpy(data, &sequence, 8);
	else
		memcpy(data, &sequence, size);
	if (size >= 16)
		memcpy((char *)data + size - 8, &last, 8);
}

static inline bool payload_is_stamped(const void *data, size_t size,
				      uint64_t sequence)
{
	uint64_t last = payload_last_stamp(sequence);

	if (size >= 16)
		return !memcmp(data, &sequence, 8) &&
		       !memcmp((const char *)data + size - 8, &last, 8);
	return !size || !memcmp(data, &sequence, size < 8 ? size : 8);
}

/* The pattern over all of @data. */
void payload_fill(void *data, size_t size);
/* Every byte: the pattern, and the stamps of @sequence. */
bool payload_is_intact(const void *data, size_t size, uint64_t sequence);

#endif
