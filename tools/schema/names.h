/* SPDX-License-Identifier: MIT */
/*
 * Names: a map from them, and what a wrong one was meant to be.
 */
#ifndef FASTIPC_SCHEMA_NAMES_H
#define FASTIPC_SCHEMA_NAMES_H

#include "schema/arena.h"

#include <stdint.h>

struct schema_entry {
	const char *key;
	void *value;
};

/* All zeros but for the arena is an empty one. */
struct schema_map {
	struct schema_arena *arena;
	struct schema_entry *entries;
	uint32_t count;
	uint32_t room; /* a power of two, or 0 */
};

/* NULL: not there.  The map keeps the key, not a copy of it. */
void *schema_map_get(const struct schema_map *map, const char *key);
void schema_map_set(struct schema_map *map, const char *key, void *value);

/* The nearest of some words to one that is none of them. */
struct schema_guess {
	const char *word;
	const char *best; /* NULL: none is near */
	uint32_t distance;
};

void schema_guess_start(struct schema_guess *guess, const char *word);
void schema_guess_try(struct schema_guess *guess, const char *candidate);

#endif
