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

/* One try to write the value to @block, in the way that the caller takes it. */
static int encode_to(struct fastipc_spare_block *block,
		     fastipc_encode_fn encode, const void *value,
		     struct fastipc_gather *gather, size_t *size)
{
	unsigned char *bytes = block ? block->bytes : NULL;
	size_t capacity = block ? block->capacity : 0;

	if (!gather)
		return encode(value, bytes, capacity, size);
	gather->data = bytes;
	return fastipc_gather_encode(gather, encode, value, capacity, size);
}

/* @gather: NULL if the value is to be whole. */
static int make(struct fastipc_spare *spare, fastipc_encode_fn encode,
		const void *value, struct fastipc_gather *gather, void **data,
		size_t *size)
{
	struct fastipc_spare_block *block = take(spare);
	size_t capacity = block ? block->capacity : 0;
	int error = encode_to(block, encode, value, gather, size);

	*data = NULL;
	/* Twice only if somebody changes the value meanwhile. */
	while (error == -EMSGSIZE && *size > capacity) {
		error = grow(&block, *size);
		if (error)
			return error;
		capacity = block->capacity;
		error = encode_to(block, encode, value, gather, size);
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

int fastipc_value_make(struct fastipc_spare *spare, fastipc_encode_fn encode,
		       const void *value, void **data, size_t *size)
{
	return make(spare, encode, value, NULL, data, size);
}

int fastipc_value_gather(struct fastipc_spare *spare, fastipc_encode_fn encode,
			 const void *value, struct fastipc_gather *gather,
			 struct fastipc_outgoing *message)
{
	void *data;
	size_t size = 0;
	int error = make(spare, encode, value, gather, &data, &size);

	message->data = data ? data : (const void *)"";
	message->size = (uint32_t)size;
	message->gather = gather->count ? gather : NULL;
	/* Whoever sends one frame need not ask whether it is whole. */
	if (!error && size <= FASTIPC_FRAGMENT_PAYLOAD)
		fastipc_outgoing_fill(message);
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
