/* SPDX-License-Identifier: MIT */
/* What each channel does in a second, from two observations. */
#ifndef FASTIPC_TOOL_RATES_H
#define FASTIPC_TOOL_RATES_H

#include "observe.h"

/* Of both ends together, a second. */
struct rates {
	double messages;
	double bytes;
	double sleeps;
	double wakes;
};

/*
 * Of each channel of @now's list, in its order; the caller frees it.  NULL
 * without memory.  A channel that @before does not have began at 0.
 */
struct rates *rates_between(const struct observation *before,
			    const struct observation *now);

/* Their sum. */
struct rates rates_sum(const struct rates *rates, size_t count);

#endif
