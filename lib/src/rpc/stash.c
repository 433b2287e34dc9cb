// SPDX-License-Identifier: MIT
/*
 * Large blocks of memory that are kept for a while.
 */
#include <stdlib.h>

#include <fastipc/types.h>

#include "rpc/stash.h"

/* What a block begins with while it is here. */
struct fastipc_stashed {
	size_t capacity;
};

void *fastipc_stash_take(struct fastipc_stash *stash, size_t size,
			 size_t *capacity)
{
	for (int i = 0; i < FASTIPC_STASH_BLOCKS; i++) {
		struct fastipc_stashed *block = __atomic_exchange_n(
			&stash->blocks[i], NULL, __ATOMIC_ACQUIRE);

		if (!block)
			continue;
		/* A small message that waits must not hold very much. */
		if (block->capacity >= size && block->capacity / 2 <= size) {
			*capacity = block->capacity;
			return block;
		}
		free(__atomic_exchange_n(&stash->blocks[i], block,
					 __ATOMIC_ACQ_REL));
	}
	*capacity = size;
	return malloc(size);
}

void fastipc_stash_put(struct fastipc_stash *stash, void *memory,
		       size_t capacity)
{
	struct fastipc_stashed *block = memory;

	block->capacity = capacity;
	/* In place of the oldest, which is the last. */
	for (int i = 0; i < FASTIPC_STASH_BLOCKS && block; i++)
		block = __atomic_exchange_n(&stash->blocks[i], block,
					    __ATOMIC_ACQ_REL);
	free(block);
	__atomic_store_n(&stash->since, fastipc_now_ns(), __ATOMIC_RELAXED);
}

void fastipc_stash_tidy(struct fastipc_stash *stash, uint64_t now)
{
	uint64_t since = __atomic_load_n(&stash->since, __ATOMIC_RELAXED);

	if ((int64_t)(now - since) >= (int64_t)FASTIPC_STASH_NS)
		fastipc_stash_clear(stash);
}

void fastipc_stash_clear(struct fastipc_stash *stash)
{
	for (int i = 0; i < FASTIPC_STASH_BLOCKS; i++)
		free(__atomic_exchange_n(&stash->blocks[i], NULL,
					 __ATOMIC_ACQUIRE));
}
