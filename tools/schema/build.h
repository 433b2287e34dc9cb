/* SPDX-License-Identifier: MIT */
/*
 * From declarations without errors to descriptors.
 */
#ifndef FASTIPC_SCHEMA_BUILD_H
#define FASTIPC_SCHEMA_BUILD_H

#include "schema/syntax.h"

/* A schema that schema_load() made; the descriptors are the first member. */
struct schema_loaded {
	struct fastipc_schema schema;
	struct schema_arena arena;
	struct schema_source *sources; /* includes: see load.c */
	size_t source_count;
	uint16_t *origins[SCHEMA_KINDS]; /* by kind and index: a source */
};

/* All but the fingerprints, the arena, and the sources. */
void schema_build(const struct schema_tree *tree, struct schema_loaded *loaded);

/* Fingerprints of tables, services and the schema, which are not constant. */
void schema_fingerprint(struct schema_arena *arena,
			struct fastipc_schema *schema);

#endif
