/* SPDX-License-Identifier: MIT */
/*
 * What a new version of a schema breaks, of programs built with the old one:
 * fastipc-gen --check OLD NEW.  fastipc_schema(5) has the rules.
 */
#ifndef FASTIPC_SCHEMA_COMPAT_H
#define FASTIPC_SCHEMA_COMPAT_H

#include <stdio.h>

#include <fastipc/schema.h>

/* Each level includes those before it. */
enum schema_level {
	SCHEMA_LEVEL_WIRE,   /* bytes would be misread, or refused */
	SCHEMA_LEVEL_JSON,   /* names in JSON are others */
	SCHEMA_LEVEL_SOURCE, /* what uses the generated code does not compile */
};

/*
 * Compare two schemas that schema_load() made, and print every change that is
 * incompatible at @level or below, one per line and sorted, then a summary:
 *
 *	new.fbs:7: WIRE: 'a.Item.size' was = null (old.fbs:9)
 *
 * How many there are; -ENOMEM.  Nothing else is printed if there are none.
 */
int schema_check(const struct fastipc_schema *old_schema,
		 const struct fastipc_schema *new_schema,
		 enum schema_level level, FILE *stream);

/* "wire", "json" or "source": the level, or -EINVAL. */
int schema_level_of(const char *name);

#endif
