/* SPDX-License-Identifier: MIT */
/*
 * The ways to check UTF-8 that there are, for the tests.
 */
#ifndef FASTIPC_UTF8_H
#define FASTIPC_UTF8_H

#include <stdbool.h>
#include <stddef.h>

struct fastipc_utf8_variant {
	const char *name;
	bool (*usable)(void); /* on this CPU */
	bool (*valid)(const unsigned char *data, size_t size);
};

/* Fastest first; ends with a name of NULL; one is always usable. */
extern const struct fastipc_utf8_variant fastipc_utf8_variants[];

#endif
