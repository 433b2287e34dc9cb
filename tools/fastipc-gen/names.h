/* SPDX-License-Identifier: MIT */
/*
 * The identifiers of generated code: which they are, and that none is there
 * twice.  fastipc-gen(1) tells the rules.
 */
#ifndef FASTIPC_GEN_NAMES_H
#define FASTIPC_GEN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/arena.h"

/* Identifiers of one scope. */
struct names {
	struct schema_arena *arena;
	const char **slots; /* a hash table with room left */
	size_t size;
	size_t count;
};

/* A string in the arena. */
char *names_format(struct schema_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Keywords of C and C++, and macros of their headers, get a trailing '_'. */
const char *names_escape(struct schema_arena *arena, const char *name);

bool names_taken(const struct names *names, const char *name);
void names_take(struct names *names, const char *name);

#endif
