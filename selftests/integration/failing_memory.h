/* SPDX-License-Identifier: MIT */
/*
 * An allocator that fails once, when a test says so, and counts what is not freed.
 */
#ifndef SELFTESTS_INTEGRATION_FAILING_MEMORY_H
#define SELFTESTS_INTEGRATION_FAILING_MEMORY_H

#include "pair.h"

/* Allocations until the one that fails; 0: none does.  And those not freed. */
static long until_failure;
static long live __attribute__((unused));

#if UNDER_SANITIZER
#define MEMORY_FAILS 0 /* the sanitizer has an allocator of its own */
#else
#define MEMORY_FAILS 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *data, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *data);

static bool fails(void)
{
	if (!until_failure || --until_failure)
		return false;
	errno = ENOMEM;
	return true;
}

static void *counted(void *data)
{
	live += data != NULL;
	return data;
}

void *malloc(size_t size)
{
	return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
	return fails() ? NULL : counted(__libc_calloc(number, size));
}

void *realloc(void *data, size_t size)
{
	void *moved = fails() ? NULL : __libc_realloc(data, size);

	live += !data && moved;
	return moved;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **data, size_t alignment, size_t size)
{
	void *made = aligned_alloc(alignment, size);

	if (made)
		*data = made;
	return made ? 0 : ENOMEM;
}

void free(void *data)
{
	live -= data != NULL;
	__libc_free(data);
}
#endif

#endif
