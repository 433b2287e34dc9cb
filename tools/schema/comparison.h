/* SPDX-License-Identifier: MIT */
/*
 * A comparison of two versions of a schema while it is made: pairs of types
 * that are still to be compared, and what was found.
 */
#ifndef FASTIPC_SCHEMA_COMPARISON_H
#define FASTIPC_SCHEMA_COMPARISON_H

#include <stdbool.h>

#include "schema/compat.h"
#include "schema/names.h"
#include "schema/syntax.h"

struct version {
	const struct fastipc_schema *schema;
	bool *paired; /* its tables */
};

/* Two types that stand for each other; indexes. */
struct pair {
	struct pair *next;
	enum schema_kind kind;
	uint16_t before;
	uint16_t now;
};

struct comparison {
	struct schema_arena arena;
	struct version before;
	struct version now;
	struct schema_map pairs;
	struct pair *first; /* not compared yet */
	struct pair **last;
	struct finding *findings;
	size_t count;
	enum schema_level level;
	/* where the pair is that is being compared */
	const char *new_path;
	const char *old_path;
};

/* Something is not as it was, at a line of each version (0: of none). */
void compat_find(struct comparison *comparison, enum schema_level level,
		 uint32_t old_line, uint32_t new_line, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* Findings from here on are about these two declarations. */
void compat_look_at(struct comparison *comparison, const void *before,
		    const void *now);
/* Compare these two, too, if it has not been done. */
void compat_add_pair(struct comparison *comparison, enum schema_kind kind,
		     uint16_t before, uint16_t now);
/* Compare the pairs that there are, and those that this adds. */
void compat_compare_pending(struct comparison *comparison);

/* Name of a table, struct, enum or union. */
const char *compat_name_of(const struct fastipc_schema *schema,
			   enum schema_kind kind, uint16_t index);
/* The one with that name, or FASTIPC_SCHEMA_NONE. */
uint16_t compat_find_type(const struct fastipc_schema *schema,
			  enum schema_kind kind, const char *name);

#endif
