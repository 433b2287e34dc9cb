/* SPDX-License-Identifier: MIT */
/*
 * A lock of one word that costs a process with a single thread nothing: no
 * atomic operation and no function call (glibc tells, by
 * __libc_single_threaded).  It may be taken before the second thread starts
 * and released after.  The three states are those of Drepper, "Futexes Are
 * Tricky" (2011), mutex 2.
 */
#ifndef FASTIPC_LOCK_H
#define FASTIPC_LOCK_H

#include <stdbool.h>
#include <sys/single_threaded.h>

#include "base/futex.h"

struct fastipc_lock {
	uint32_t word;	  /* 0 free, 1 held, 2 held and somebody sleeps */
	uint32_t waiting; /* threads that want it */
	uint32_t turns;	  /* how often one of these has got it */
};

static inline void fastipc_lock_slowly(struct fastipc_lock *lock)
{
	uint32_t word = 0;

	if (__atomic_compare_exchange_n(&lock->word, &word, 1, false,
					__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	__atomic_fetch_add(&lock->waiting, 1, __ATOMIC_RELAXED);
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE))
		fastipc_futex_wait(&lock->word, 2, 0);
	__atomic_fetch_sub(&lock->waiting, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&lock->turns, 1, __ATOMIC_RELAXED);
}

static inline void fastipc_lock(struct fastipc_lock *lock)
{
	if (__builtin_expect(__libc_single_threaded, 1))
		__atomic_store_n(&lock->word, 1, __ATOMIC_RELAXED);
	else
		fastipc_lock_slowly(lock);
}

static inline void fastipc_unlock(struct fastipc_lock *lock)
{
	if (__builtin_expect(__libc_single_threaded, 1))
		__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
	else if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
		fastipc_futex_wake(&lock->word, 1);
}

/* Whether somebody waits for it. */
static inline bool fastipc_lock_is_wanted(const struct fastipc_lock *lock)
{
	return __atomic_load_n(&lock->waiting, __ATOMIC_RELAXED) != 0;
}

/*
 * The caller, who holds the lock and has more to do, lets one who waits go
 * first.  To unlock is not enough: who has just been woken comes too late.
 */
void fastipc_lock_yield(struct fastipc_lock *lock);

#endif
