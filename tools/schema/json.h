/* SPDX-License-Identifier: MIT */
/*
 * Messages as JSON, and back, in the names that flatc uses too.
 *
 * A table and a struct are objects; what is absent, and scalars that have
 * their default, are left out.  An enum's value is its name, or a number if it
 * has none; (bit_flags) are names with spaces between.  A union "x" is two
 * keys, "x_type" and "x".  Integers are exact.  Floating-point numbers have
 * the fewest digits that give the same bits; those that JSON has no number for
 * are the strings "Infinity", "-Infinity", "NaN", and with other bits than the
 * usual ones "NaN:0x7ff8000000000001".
 *
 * So a message in the form that a writer makes, of a schema that knows all of
 * it, gives the same bytes again.
 */
#ifndef FASTIPC_SCHEMA_JSON_H
#define FASTIPC_SCHEMA_JSON_H

#include <stdio.h>

#include "schema/reflect.h"

#define SCHEMA_JSON_DEFAULTS 1u /* write scalars also if at their default */
#define SCHEMA_JSON_COMPACT 2u	/* on one line, without spaces */

/*
 * Print a tree, without a newline at its end: 0, or -EINVAL if it has what
 * JSON cannot hold, a union of a type that the schema does not know.
 */
int schema_json_print(FILE *out, const struct fastipc_schema *schema,
		      const struct reflect_record *record, unsigned int flags,
		      struct reflect_error *error);

/*
 * Make a tree of a text: 0, -EINVAL it is no JSON or does not fit the schema,
 * or -ENOMEM.  @error names the place: "items[3].kind: ..." and the line.
 */
int schema_json_parse(const struct fastipc_schema *schema, uint16_t table,
		      const char *text, size_t size,
		      struct reflect_arena *arena,
		      const struct reflect_record **record,
		      struct reflect_error *error);

/* Message to text: check, read and print. */
int schema_json_decode(FILE *out, const struct fastipc_schema *schema,
		       uint16_t table, const void *data, size_t size,
		       unsigned int flags, struct reflect_error *error);

/* Text to message: parse and write, into the arena. */
int schema_json_encode(const struct fastipc_schema *schema, uint16_t table,
		       const char *text, size_t text_size,
		       struct reflect_arena *arena, const uint8_t **data,
		       size_t *size, struct reflect_error *error);

#endif
