/* SPDX-License-Identifier: MIT */
/*
 * Messages whose long fields are not in them, but where the application has
 * them: the frames put all together in the ring, which saves a copy.
 *
 * Generated encoders leave out what is long, if they are the ones that the
 * library calls: fastipc_gather_begin() asks.  An encoder that calls another,
 * and looks at what that wrote, finds all of it there.
 */
#ifndef FASTIPC_GATHER_H
#define FASTIPC_GATHER_H

#include <stddef.h>
#include <stdint.h>

#include <fastipc/types.h>

/* Of one message; those that are too many are copied. */
#define FASTIPC_GATHER_MOST 32u

struct fastipc_gathered {
	const unsigned char *bytes;
	uint32_t at; /* where they belong in the message */
	uint32_t size;
};

struct fastipc_gather {
	fastipc_encode_fn encode;
	/* The message, in which the bytes of these fields are undefined. */
	unsigned char *data;
	uint32_t count;
	struct fastipc_gathered fields[FASTIPC_GATHER_MOST]; /* in order */
};

/* Call @encode as it wants to be called, to write to @gather->data. */
int fastipc_gather_encode(struct fastipc_gather *gather,
			  fastipc_encode_fn encode, const void *value,
			  size_t capacity, size_t *size);

/* Where the message's byte @at is, and of *@length from there on, how many. */
const unsigned char *fastipc_gather_find(const struct fastipc_gather *gather,
					 uint32_t at, uint32_t *length);

/* Copy them after all: then the whole message is at @gather->data. */
void fastipc_gather_fill(const struct fastipc_gather *gather);

#endif
