/* SPDX-License-Identifier: MIT */
/*
 * What the formats of `fastipc bench codec` have in common: how main.cc calls
 * each, the memory they may use, and the sums that prove they read the same.
 */
#ifndef CODEC_BENCH_H
#define CODEC_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Readable bytes behind a message, as simdjson wants. */
#define CODEC_PADDING 64u

struct span {
	const uint8_t *data; /* NULL: it failed */
	size_t size;
};

struct codec_ops {
	const char *kind; /* NULL ends the list */
	/* What encode() takes, made of a value once; NULL: the value itself. */
	const void *(*prepare)(const void *value);
	/* Into memory that is valid until the next call. */
	struct span (*encode)(const void *value);
	/* Check the bytes, and read every field of them. */
	bool (*decode)(const uint8_t *data, size_t size, uint64_t *sum);
	bool (*validate)(const uint8_t *data, size_t size); /* or NULL */
};

/* Each format may use these as long as one call takes. */
#define CODEC_OUT_SIZE (4u << 20)
#define CODEC_POOL_SIZE (32u << 20)
extern uint8_t codec_out[CODEC_OUT_SIZE];
extern uint8_t codec_pool[CODEC_POOL_SIZE];

/* protobuf-c's memory: all is free again when codec_pool_used is set to 0. */
extern size_t codec_pool_used;
void *codec_pool_alloc(void *context, size_t size);
void codec_pool_free(void *context, void *memory);

static inline uint64_t sum_text(const char *text, size_t size)
{
	if (!size)
		return 0;
	return size + ((uint64_t)(uint8_t)text[0] << 8) +
	       ((uint64_t)(uint8_t)text[size - 1] << 16);
}

static inline uint64_t sum_f32(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static inline uint64_t sum_f64(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static inline uint64_t number_of_digits(const char *text, size_t size)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number * 10 + (uint64_t)(text[i] - '0');
	return number;
}

#ifdef __cplusplus
}
#endif

#endif
