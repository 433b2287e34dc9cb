// SPDX-License-Identifier: MIT
/*
 * The library's one clock.
 */
#include <time.h>

#include <fastipc/types.h>

uint64_t fastipc_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
