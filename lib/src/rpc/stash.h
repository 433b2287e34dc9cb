/* SPDX-License-Identifier: MIT */
/*
 * Large blocks of memory that a worker keeps for its next message.
 *
 * The C library gives what is very large (glibc: from 32 MiB on) back to the
 * kernel with each free(), which then has to find and clear every page of the
 * next block; that takes several times as long as to copy the message.  So the
 * two last used, one of a request and one of an answer, are kept for a while.
 *
 * Thread-safety: any thread may take and put.
 */
#ifndef FASTIPC_RPC_STASH_H
#define FASTIPC_RPC_STASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FASTIPC_STASH_BLOCKS 2
/* What was not taken for so long is freed. */
#define FASTIPC_STASH_NS 100000000u

struct fastipc_stashed;

struct fastipc_stash {
	struct fastipc_stashed *blocks[FASTIPC_STASH_BLOCKS];
	uint64_t since; /* when one was put here last, ns */
};

/*
 * A block of @size bytes or more, up to twice as many: *@capacity.  It is put
 * back, or freed by free().  NULL: no memory.
 */
void *fastipc_stash_take(struct fastipc_stash *stash, size_t size,
			 size_t *capacity);
/* @memory is from malloc(), and has @capacity bytes, which are not few. */
void fastipc_stash_put(struct fastipc_stash *stash, void *memory,
		       size_t capacity);

static inline bool fastipc_stash_is_empty(const struct fastipc_stash *stash)
{
	return !__atomic_load_n(&stash->blocks[0], __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&stash->blocks[1], __ATOMIC_RELAXED);
}

/* Free all, if nothing was put here in the FASTIPC_STASH_NS before @now. */
void fastipc_stash_tidy(struct fastipc_stash *stash, uint64_t now);
void fastipc_stash_clear(struct fastipc_stash *stash);

#endif
