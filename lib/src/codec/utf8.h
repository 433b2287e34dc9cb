/* SPDX-License-Identifier: MIT */
/*
 * The ways to check UTF-8 that there are, for the tests.
 */
#ifndef FASTIPC_UTF8_H
#define FASTIPC_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* What is from @floor on can be loaded, too. */
typedef bool (*fastipc_utf8_function)(const unsigned char *floor,
				      const unsigned char *data, size_t size);

struct fastipc_utf8_variant {
	const char *name;
	bool (*usable)(void); /* on this CPU */
	fastipc_utf8_function valid;
};

/* Fastest first; ends with a name of NULL; one is always usable. */
extern const struct fastipc_utf8_variant fastipc_utf8_variants[];

#endif
