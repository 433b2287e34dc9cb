// SPDX-License-Identifier: MIT
/*
 * Messages that are made in memory.
 */
#include "frame/value.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/error.h"

/* So that the next one may be a little longer. */
#define STEP 4096u

struct fastipc_spare_block {
	size_t capacity;
	unsigned char bytes[];
};

static struct fastipc_spare_block *take(struct fastipc_spare *spare)
{
	return spare ? __atomic_exchange_n(&spare->block, NULL,
					   __ATOMIC_ACQUIRE)
		     : NULL;
}

static void give_back(struct fastipc_spare *spare,
		      struct fastipc_spare_block *block)
{
	struct fastipc_spare_block *none = NULL;

	if (!spare || !block || block->capacity > FASTIPC_KEPT_MOST ||
	    !__atomic_compare_exchange_n(&spare->block, &none, block, false,
					 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		free(block);
}

/* One of @size bytes instead of @*block. */
static int grow(struct fastipc_spare_block **block, size_t size)
{
	size_t capacity = (size + STEP - 1) / STEP * STEP;

	free(*block);
	*block = NULL;
	if (size > FASTIPC_MESSAGE_MAX)
		return fastipc_fail(-EMSGSIZE,
				    "no message may be longer than %u bytes",
				    FASTIPC_MESSAGE_MAX);
	*block = malloc(sizeof(**block) + capacity);
	if (!*block)
		return fastipc_fail(-ENOMEM, "no memory for %zu bytes", size);
	(*block)->capacity = capacity;
	return 0;
}

int fastipc_value_make(struct fastipc_spare *spare, fastipc_encode_fn encode,
		       const void *value, void **data, size_t *size)
{
	struct fastipc_spare_block *block = take(spare);
	size_t capacity = block ? block->capacity : 0;
	int error = encode(value, block ? block->bytes : NULL, capacity, size);

	*data = NULL;
	/* Twice only if somebody changes the value meanwhile. */
	while (error == -EMSGSIZE && *size > capacity) {
		error = grow(&block, *size);
		if (error)
			return error;
		capacity = block->capacity;
		error = encode(value, block->bytes, capacity, size);
	}
	if (!error && *size > capacity)
		error = fastipc_fail(-EINVAL,
				     "the encoder wrote %zu bytes where %zu "
				     "are",
				     *size, capacity);
	if (error)
		give_back(spare, block);
	else if (block)
		*data = block->bytes;
	return error;
}

void fastipc_value_free(struct fastipc_spare *spare, void *data)
{
	if (data)
		give_back(spare,
			  (struct fastipc_spare_block
				   *)((unsigned char *)data -
				      offsetof(struct fastipc_spare_block,
					       bytes)));
}

void fastipc_spare_free(struct fastipc_spare *spare)
{
	free(take(spare));
}
