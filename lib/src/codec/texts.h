/* SPDX-License-Identifier: MIT */
/*
 * The ways to check a vector of records of strings that there are, for the
 * tests.
 */
#ifndef FASTIPC_TEXTS_H
#define FASTIPC_TEXTS_H

#include <stdbool.h>

#include <fastipc/codec.h>

typedef bool (*fastipc_texts_function)(const uint8_t *floor,
				       const uint8_t *data, size_t size,
				       struct fastipc_texts texts);

struct fastipc_texts_variant {
	const char *name;
	bool (*usable)(void); /* on this CPU */
	fastipc_texts_function check;
};

/* Fastest first; ends with a name of NULL; one is always usable. */
extern const struct fastipc_texts_variant fastipc_texts_variants[];

#endif
