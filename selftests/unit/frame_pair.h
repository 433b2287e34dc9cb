/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a connection in one process, and the bytes between them.
 */
#ifndef SELFTESTS_UNIT_FRAME_PAIR_H
#define SELFTESTS_UNIT_FRAME_PAIR_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame/frame.h"

#define SMALL_RING 4096u
#define LARGE_RING (256u << 10)

/* Payload of a frame in these: by the record size, and by frame.c. */
#define SMALL_FRAGMENT (SMALL_RING / 4 - 8 - 24)
#define LARGE_FRAGMENT (16384u - 32)

/* Both ends of a connection: @near sends, @far receives. */
struct pair {
	struct fastipc_channel near;
	struct fastipc_channel far;
};

static inline struct pair *pair_make(uint32_t ring_size,
				     enum fastipc_checksum checksum)
{
	const struct fastipc_proposal proposal = { .checksum = checksum,
						   .ring_size = ring_size,
						   .max_message = 1u << 20 };
	struct fastipc_link links[2];
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	assert_int_equal(fastipc_link_pair(&proposal, links), 0);
	fastipc_channel_init(&pair->near, &links[0], FASTIPC_WAIT_BLOCK);
	fastipc_channel_init(&pair->far, &links[1], FASTIPC_WAIT_BLOCK);
	return pair;
}

static inline void pair_free(struct pair *pair)
{
	fastipc_channel_fini(&pair->near);
	fastipc_channel_fini(&pair->far);
	free(pair);
}

/* The bytes that @near published last, to look at and to spoil. */
static inline unsigned char *bytes_of(struct pair *pair)
{
	const struct fastipc_consumer *rx = &pair->far.rx;

	return pair->near.link.own.data + (rx->head & rx->mask) +
	       FASTIPC_RECORD_WORD;
}

static inline unsigned char *pattern(uint32_t size)
{
	unsigned char *data = malloc(size + 1);

	assert_non_null(data);
	for (uint32_t i = 0; i < size; i++)
		data[i] = (unsigned char)(i * 7 + (i >> 8) * 13);
	return data;
}

/* Whether the receiver notices what is wrong with the frame. */
static inline bool is_noticed(struct pair *pair)
{
	unsigned char payload[SMALL_RING];
	struct fastipc_frame frame = { 0 };

	return fastipc_frame_peek(&pair->far, &frame) ||
	       fastipc_frame_take(&pair->far, &frame, payload);
}

/* Flip each bit of the frame; those before byte @covered must be noticed. */
static inline void flip_bits(struct pair *pair, uint32_t size, uint32_t covered)
{
	unsigned char *bytes = bytes_of(pair);

	assert_false(is_noticed(pair));
	for (uint32_t bit = 0; bit < 8 * size; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		if (bit / 8 < covered)
			assert_true(is_noticed(pair));
		else if (covered)
			assert_false(is_noticed(pair));
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	assert_false(is_noticed(pair));
}

#endif
