/* SPDX-License-Identifier: MIT */
/*
 * Futexes on words of this process alone.
 */
#ifndef FASTIPC_FUTEX_H
#define FASTIPC_FUTEX_H

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * Sleep while *@word == @value, until @deadline (CLOCK_MONOTONIC ns, 0: for
 * ever).  0 on any wake-up, also a spurious one; -ETIMEDOUT.
 */
static inline int fastipc_futex_wait(const uint32_t *word, uint32_t value,
				     uint64_t deadline)
{
	struct timespec at = { .tv_sec = (time_t)(deadline / 1000000000u),
			       .tv_nsec = (long)(deadline % 1000000000u) };

	if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
		    value, deadline ? &at : NULL, NULL,
		    FUTEX_BITSET_MATCH_ANY) < 0 &&
	    errno == ETIMEDOUT)
		return -ETIMEDOUT;
	return 0;
}

/* Wake up to @count sleepers. */
static inline void fastipc_futex_wake(const uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL,
		NULL, 0);
}

#endif
