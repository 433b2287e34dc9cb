// SPDX-License-Identifier: MIT
/*
 * Giving way to others who want a lock.
 */
#include "base/lock.h"

#include <sched.h>

#include <fastipc/types.h>

/* Who was woken on an idle virtual CPU comes within this, ns. */
#define YIELD_MOST 100000u

void fastipc_lock_yield(struct fastipc_lock *lock)
{
	uint32_t seen = __atomic_load_n(&lock->turns, __ATOMIC_RELAXED);
	uint64_t end;

	if (!fastipc_lock_is_wanted(lock))
		return;
	fastipc_unlock(lock);
	end = fastipc_after_ns(YIELD_MOST);
	while (__atomic_load_n(&lock->turns, __ATOMIC_RELAXED) == seen &&
	       fastipc_now_ns() < end)
		sched_yield();
	fastipc_lock(lock);
}
