/* SPDX-License-Identifier: MIT */
/*
 * Messages of any schema, by its descriptors alone: to check bytes, to read
 * them into a tree of values, and to write such a tree.  fastipc_codec(7) is
 * what this follows, and nothing here is shared with the code that
 * fastipc-gen makes, so that each can be used to test the other.
 *
 * This is for tools and tests.  It takes memory from an arena, and its time,
 * where generated code takes neither.
 */
#ifndef FASTIPC_SCHEMA_REFLECT_H
#define FASTIPC_SCHEMA_REFLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/schema.h>

/* Records in each other, the root being the first. */
#define REFLECT_DEPTH_MAX 64u

/* ---- memory ---- */

struct reflect_chunk;

/* Memory that is given back all at once.  All zeros is an empty one. */
struct reflect_arena {
	struct reflect_chunk *chunks;
};

/* Zeroed and aligned for anything; NULL if there is none. */
void *reflect_alloc(struct reflect_arena *arena, size_t size);
/* The same for @count of @size bytes. */
void *reflect_array(struct reflect_arena *arena, size_t count, size_t size);
void reflect_free(struct reflect_arena *arena);

/* ---- what is wrong, and where ---- */

/* Where one is in a message, on the stack of who walks through it. */
struct reflect_path {
	const struct reflect_path *up; /* NULL: the root */
	const char *name;	       /* of a field; NULL: an element */
	size_t index;
};

struct reflect_error {
	char text[512]; /* "items[3].label: the string is not UTF-8" */
	uint32_t line;	/* of a JSON text, from 1; 0 of bytes */
};

/* Write the text, unless @error is NULL.  Returns @code. */
int reflect_fail(struct reflect_error *error, int code,
		 const struct reflect_path *path, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- values ---- */

struct reflect_record;

/* An element of a vector of strings or of tables. */
struct reflect_item {
	const uint8_t *data; /* a string's bytes */
	size_t size;
	const struct reflect_record *record;
};

/* A field that is there. */
struct reflect_value {
	const struct fastipc_schema_field *field;
	uint64_t bits;	/* a scalar's, zero-extended */
	uint8_t member; /* of a union: its type, never 0 */
	/*
	 * Of a string, a struct, a vector of scalars or structs: the bytes as
	 * they are in a message.  Of a union of unknown type: what it has.
	 */
	const uint8_t *data;
	size_t size;
	const struct reflect_record *record; /* a table's or a union's */
	const struct reflect_item *items;
	size_t count; /* of items */
};

/*
 * A table's fields that are there, in any order.  Scalars that are not there
 * have their default; reflect_read() leaves those out that have it.
 */
struct reflect_record {
	const struct fastipc_schema_table *table;
	const struct reflect_value *values;
	size_t count;
};

/* The value of a field, or NULL. */
const struct reflect_value *
reflect_find(const struct reflect_record *record,
	     const struct fastipc_schema_field *field);

/* What a variable field is of. */
enum reflect_tail {
	REFLECT_NONE, /* it is in the fixed section */
	REFLECT_STRING,
	REFLECT_TABLE,
	REFLECT_UNION,
	REFLECT_ELEMENTS, /* a vector of scalars or structs */
	REFLECT_STRINGS,
	REFLECT_TABLES,
};

enum reflect_tail reflect_tail(const struct fastipc_schema_field *field);

/* Bytes of a scalar or a struct; 0 of other types. */
size_t reflect_size(const struct fastipc_schema *schema,
		    const struct fastipc_schema_field *field);

/* A table's or a struct's field by its name, or NULL. */
const struct fastipc_schema_field *
reflect_field(const struct fastipc_schema_field *fields, size_t count,
	      const char *name);

/* The alternative of a union with this type, or NULL. */
const struct fastipc_schema_member *
reflect_member(const struct fastipc_schema_union *any, unsigned int type);

/* Where UTF-8 ends: @size if all of it is. */
size_t reflect_utf8(const uint8_t *data, size_t size);

/* Little-endian bytes of a scalar of 1, 2, 4 or 8. */
uint64_t reflect_load(const uint8_t *from, size_t width);
void reflect_store(uint8_t *to, size_t width, uint64_t bits);

/* ---- messages ---- */

/* Take any bytes for strings. */
#define REFLECT_ANY_STRINGS 1u
/* Check deprecated fields, but leave them out, as generated code does. */
#define REFLECT_NO_DEPRECATED 2u

/*
 * Check that the bytes are a message of a table: 0, or -EBADMSG and @error
 * says where.  @error may be NULL.
 */
int reflect_check(const struct fastipc_schema *schema, uint16_t table,
		  const void *data, size_t size, unsigned int flags,
		  struct reflect_error *error);

/*
 * Check the bytes and make a tree of them, which points into them: 0,
 * -EBADMSG or -ENOMEM.
 */
int reflect_read(const struct fastipc_schema *schema, uint16_t table,
		 const void *data, size_t size, unsigned int flags,
		 struct reflect_arena *arena,
		 const struct reflect_record **record,
		 struct reflect_error *error);

/*
 * Write a tree as the one message that has its values, into the arena.
 * 0; -EINVAL a required field is missing or a union's type unknown; -ELOOP
 * deeper than REFLECT_DEPTH_MAX; -EOVERFLOW longer than a record may be;
 * -ENOMEM.  Strings are not checked.
 */
int reflect_write(const struct fastipc_schema *schema,
		  const struct reflect_record *record,
		  struct reflect_arena *arena, const uint8_t **data,
		  size_t *size, struct reflect_error *error);

/* ---- descriptors ---- */

/*
 * Check that descriptors keep the promises of <fastipc/schema.h>, and that
 * the layout in them is that of fastipc_codec(7), which is worked out here
 * once more: 0, or -EINVAL.
 */
int reflect_check_schema(const struct fastipc_schema *schema,
			 struct reflect_error *error);

#endif
