// SPDX-License-Identifier: MIT
/*
 * Counts what is allocated, and lends the formats memory that is there already,
 * so that none is slow for malloc()'s sake.
 */
#include <malloc.h>

#include "bench.h"

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

uint64_t codec_allocations;
alignas(64) uint8_t codec_out[CODEC_OUT_SIZE];
alignas(64) uint8_t codec_pool[CODEC_POOL_SIZE];
size_t codec_pool_used;

void *malloc(size_t size)
{
	codec_allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	codec_allocations++;
	return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	codec_allocations++;
	return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size)
{
	codec_allocations++;
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	*memory = memalign(alignment, size);
	return *memory ? 0 : 12; /* ENOMEM */
}

void *codec_pool_alloc(void *context, size_t size)
{
	uint8_t *memory = codec_pool + codec_pool_used;

	(void)context;
	size = (size + 15) & ~(size_t)15;
	if (size > sizeof(codec_pool) - codec_pool_used)
		return NULL;
	codec_pool_used += size;
	return memory;
}

void codec_pool_free(void *context, void *memory)
{
	(void)context, (void)memory;
}
}
