/* SPDX-License-Identifier: MIT */
/*
 * What fuzz targets are made of.  Each is one file with one function, which
 * libFuzzer calls with bytes of its own making; linked with replay.c, it is a
 * program that takes them from files, or from AFL++.
 *
 * What must not be ends the process: by a sanitizer, or by EXPECT().
 */
#ifndef FASTIPC_FUZZ_H
#define FASTIPC_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXPECT(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, \
				__LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* Take the first byte off, which chooses something; 0 if there is none. */
static inline unsigned int fuzz_choice(const uint8_t **data, size_t *size)
{
	if (!*size)
		return 0;
	(*size)--;
	return *(*data)++;
}

/* A copy that ends where its memory does, to be freed. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	EXPECT(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

#endif
