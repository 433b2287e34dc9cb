/* SPDX-License-Identifier: MIT */
/*
 * The two implementations of the codec, side by side, on messages of the
 * tables in the list FIELDS: the code of fastipc-gen, and the descriptors with
 * tools/schema.
 */
#ifndef FASTIPC_AGREE_H
#define FASTIPC_AGREE_H

#include <errno.h>
#include <stdio.h>

#include "copy.h"

/* What an implementation makes of bytes. */
struct codec_result {
	int error;	  /* of the check: 0 or -EBADMSG */
	int encode_error; /* of writing the values again */
	uint8_t *data;	  /* what was written: to be freed, if anything was */
	size_t size;
};

/*
 * Check, read every field, and write the values again; of memory that stands
 * still, and as though it changed.  They are written into as many bytes as
 * there were, and if those are too few, into as many as the encoder says.
 */
#define GENERATED(schema, table, index) \
	static inline void encode_##table(const struct table *value, \
					  size_t size, \
					  struct codec_result *result) \
	{ \
		result->data = malloc(size); \
		result->encode_error = table##_encode(value, result->data, \
						      size, &result->size); \
		if (result->encode_error != -EMSGSIZE) \
			return; \
		if (result->size <= size) \
			abort(); \
		free(result->data); \
		result->data = malloc(result->size); \
		result->encode_error = table##_encode( \
			value, result->data, result->size, &result->size); \
	} \
	static inline void generated_##table(struct reflect_arena *arena, \
					     const void *data, size_t size, \
					     struct codec_result *still, \
					     struct codec_result *shared) \
	{ \
		struct table *value = COPY_NEW(arena, struct table); \
		struct table##_reader reader; \
\
		still->error = table##_read(fastipc_snapshot_of(data, size), \
					    &reader); \
		/* Also of what is no message, to see it stay within it. */ \
		view_budget = view_budget_of(size); \
		view_##table(arena, \
			     table##_view_of(fastipc_shared_of(data, size)), \
			     value, 0); \
		if (still->error) \
			return; \
		encode_##table(value, size, shared); \
		copy_##table(arena, reader, value); \
		encode_##table(value, size, still); \
	}
FIELDS_TABLES(GENERATED)
#undef GENERATED

struct codec_table {
	const struct fastipc_schema *schema;
	uint16_t index; /* of the table in it */
	void (*generated)(struct reflect_arena *arena, const void *data,
			  size_t size, struct codec_result *still,
			  struct codec_result *shared);
};

static const struct codec_table codec_tables[] = {
#define NAMED(schema, table, index) { &schema, index, generated_##table },
	FIELDS_TABLES(NAMED)
#undef NAMED
};

#define CODEC_TABLES (sizeof(codec_tables) / sizeof(codec_tables[0]))

static inline const char *codec_name(const struct codec_table *table)
{
	return table->schema->tables[table->index].name;
}

static inline void codec_reflected(struct reflect_arena *arena,
				   const struct codec_table *table,
				   const void *data, size_t size,
				   struct codec_result *result)
{
	const struct fastipc_schema *schema = table->schema;
	const struct reflect_record *record;
	const uint8_t *written;

	result->error = reflect_read(schema, table->index, data, size,
				     REFLECT_NO_DEPRECATED, arena, &record,
				     NULL);
	if (result->error)
		return;
	result->encode_error = reflect_write(schema, record, arena, &written,
					     &result->size, NULL);
	if (result->encode_error)
		return;
	result->data = malloc(result->size);
	if (result->size)
		memcpy(result->data, written, result->size);
}

static inline bool codec_same(const struct codec_result *a,
			      const struct codec_result *b)
{
	if (a->error || a->encode_error)
		return a->error == b->error &&
		       a->encode_error == b->encode_error;
	return !b->error && !b->encode_error && a->size == b->size &&
	       !memcmp(a->data, b->data, a->size);
}

/*
 * NULL if both take the bytes for the same; else what is different.  The
 * arena grows by a multiple of @size.
 */
static inline const char *codec_differ(struct reflect_arena *arena,
				       const struct codec_table *table,
				       const uint8_t *data, size_t size)
{
	struct codec_result still = { 0 }, shared = { 0 }, reflected = { 0 };
	uint8_t *copy = malloc(size ? size : 1);
	const char *text = NULL;

	if (!copy)
		return "no memory";
	if (size)
		memcpy(copy, data, size);
	codec_reflected(arena, table, copy, size, &reflected);
	table->generated(arena, copy, size, &still, &shared);
	if (still.error != reflected.error)
		text = still.error ? "generated code alone refuses it"
				   : "the tables alone refuse it";
	else if (!codec_same(&still, &reflected))
		text = "the values are different";
	else if (!still.error && !codec_same(&still, &shared))
		text = "the view has other values than the reader";
	free(still.data);
	free(shared.data);
	free(reflected.data);
	free(copy);
	return text;
}

#endif
