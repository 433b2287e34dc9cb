// SPDX-License-Identifier: MIT
/*
 * Every table of every schema here: generated code and descriptors take the
 * same random messages, whole and spoilt, for valid; and what has no field set
 * is written by each of the generated encoders, or refused, in the same way.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "everything.fastipc.h"
#include "evolve_v1.fastipc.h"
#include "evolve_v2.fastipc.h"
#include "limits.fastipc.h"
#include "new.fastipc.h"
#include "old.fastipc.h"
#include "schema/reflect.h"
#include "service.fastipc.h"
#include "shared.fastipc.h"
#include "vectors.fastipc.h"

#define MESSAGES 60 /* of each table */
#define SPOILT 8    /* of each message */
#define DEPTH 4
#define ELEMENTS 3
#define ROOM 512

#define TABLES(T) \
	T(codec_test, everything, Leaf) \
	T(codec_test, everything, Empty) \
	T(codec_test, everything, All) \
	T(codec_test, everything, Words) \
	T(codec_test, everything, Strict) \
	T(codec_test, everything, Huge) \
	T(vectors, vectors, Scalars) \
	T(vectors, vectors, Bits) \
	T(vectors, vectors, Optionals) \
	T(vectors, vectors, Strings) \
	T(vectors, vectors, Vectors) \
	T(vectors, vectors, Node) \
	T(vectors, vectors, Empty) \
	T(vectors, vectors, Unions) \
	T(vectors, vectors, Required) \
	T(vectors, vectors, Old) \
	T(vectors, vectors, Blob) \
	T(vectors, vectors, Message) \
	T(codec_limits, limits, Most) \
	T(codec_limits, limits, Many) \
	T(codec_limits, limits, Fixed) \
	T(codec_limits, limits, Node) \
	T(codec_limits, limits, Text) \
	T(codec_limits, limits, Texts) \
	T(chat, service, Line) \
	T(chat, service, Asked) \
	T(chat, service, Lines) \
	T(chat, service, Everything) \
	T(evolve1, evolve_v1, Part) \
	T(evolve1, evolve_v1, Root) \
	T(evolve2, evolve_v2, Part) \
	T(evolve2, evolve_v2, Thing) \
	T(evolve2, evolve_v2, Root) \
	T(codec_v2, new_, Part) \
	T(codec_v2, new_, Other) \
	T(codec_v2, new_, New) \
	T(codec_v2, new_, Holder) \
	T(codec_v1, old, Part) \
	T(codec_v1, old, Old) \
	T(codec_v1, old, Holder) \
	T(codec_shared, shared, Note) \
	T(codec_shared, shared, Deep)

/* What is generated for a table, without its types. */
struct generated {
	const char *name;
	const struct fastipc_schema *schema;
	int (*read)(const void *data, size_t size);
	int (*read_sealed)(const void *data, size_t size);
	size_t (*measure)(void);
	int (*encode)(void *data, size_t capacity, size_t *size);
	int (*encoder)(void *data, size_t capacity, size_t *size);
};

#define GENERATED(space, schema, table) \
	static int space##_##table##_reads(const void *data, size_t size) \
	{ \
		struct space##_##table##_reader reader; \
\
		return space##_##table##_read(fastipc_snapshot_of(data, size), \
					      &reader); \
	} \
	static int space##_##table##_reads_sealed(const void *data, \
						  size_t size) \
	{ \
		struct space##_##table##_reader reader; \
\
		return space##_##table##_read_sealed( \
			(struct fastipc_sealed){ data, size }, &reader); \
	} \
	static size_t space##_##table##_measures(void) \
	{ \
		struct space##_##table value; \
\
		space##_##table##_init(&value); \
		return space##_##table##_size(&value); \
	} \
	static int space##_##table##_encodes(void *data, size_t capacity, \
					     size_t *size) \
	{ \
		struct space##_##table value; \
\
		space##_##table##_init(&value); \
		return space##_##table##_encode(&value, data, capacity, size); \
	} \
	static int space##_##table##_encodes_any(void *data, size_t capacity, \
						 size_t *size) \
	{ \
		struct space##_##table value; \
\
		space##_##table##_init(&value); \
		return space##_##table##_encoder(&value, data, capacity, \
						 size); \
	}
TABLES(GENERATED)
#undef GENERATED

static const struct generated tables[] = {
#define ENTRY(space, schema, table) \
	{ #table, \
	  &space##_##schema##_schema, \
	  space##_##table##_reads, \
	  space##_##table##_reads_sealed, \
	  space##_##table##_measures, \
	  space##_##table##_encodes, \
	  space##_##table##_encodes_any },
	TABLES(ENTRY)
#undef ENTRY
};

#define COUNT (sizeof(tables) / sizeof(tables[0]))

static uint16_t index_of(const struct generated *table)
{
	for (uint16_t i = 0; i < table->schema->table_count; i++)
		if (!strcmp(strrchr(table->schema->tables[i].name, '.') + 1,
			    table->name))
			return i;
	fail_msg("no table %s", table->name);
	return 0;
}

/* ---- random messages ---- */

static uint64_t seed = 1;

/* xorshift64*: the same values each time. */
static unsigned int below(unsigned int limit)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (unsigned int)(seed * UINT64_C(0x2545f4914f6cdd1d) >> 32) %
	       limit;
}

/* Zeros and ones, which are right in all types. */
static uint8_t *random_bytes(struct reflect_arena *arena, size_t size)
{
	uint8_t *data = reflect_alloc(arena, size + 1);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)below(2);
	return data;
}

static const struct reflect_record *
random_record(struct reflect_arena *arena, const struct fastipc_schema *schema,
	      uint16_t table, unsigned int depth);

static void random_items(struct reflect_arena *arena,
			 const struct fastipc_schema *schema,
			 struct reflect_value *value, unsigned int depth)
{
	struct reflect_item *items =
		reflect_array(arena, ELEMENTS, sizeof(*items));

	assert_non_null(items);
	value->items = items;
	value->count = below(ELEMENTS + 1);
	for (size_t i = 0; i < value->count; i++) {
		items[i].size = below(20);
		items[i].data = random_bytes(arena, items[i].size);
		if (value->field->type == FASTIPC_TYPE_TABLE)
			items[i].record = random_record(
				arena, schema, value->field->ref, depth + 1);
	}
}

static void random_member(struct reflect_arena *arena,
			  const struct fastipc_schema *schema,
			  struct reflect_value *value, unsigned int depth)
{
	const struct fastipc_schema_union *any =
		&schema->unions[value->field->ref];
	const struct fastipc_schema_member *member =
		&any->members[below(any->member_count)];

	value->member = member->value;
	value->record = random_record(arena, schema, member->table, depth + 1);
}

static void random_value(struct reflect_arena *arena,
			 const struct fastipc_schema *schema,
			 struct reflect_value *value, unsigned int depth)
{
	const struct fastipc_schema_field *field = value->field;
	struct fastipc_schema_field element = *field;

	switch (reflect_tail(field)) {
	case REFLECT_NONE:
		value->bits = below(2);
		value->size = reflect_size(schema, field);
		value->data = random_bytes(arena, value->size);
		break;
	case REFLECT_UNION:
		random_member(arena, schema, value, depth);
		break;
	case REFLECT_TABLE:
		value->record =
			random_record(arena, schema, field->ref, depth + 1);
		break;
	case REFLECT_STRINGS:
	case REFLECT_TABLES:
		random_items(arena, schema, value, depth);
		break;
	case REFLECT_ELEMENTS:
		element.flags = 0;
		value->size =
			below(ELEMENTS + 1) * reflect_size(schema, &element);
		value->data = random_bytes(arena, value->size);
		break;
	default:
		value->size = below(60);
		value->data = random_bytes(arena, value->size);
	}
}

/* Half of its fields; below DEPTH, only what is required. */
static const struct reflect_record *
random_record(struct reflect_arena *arena, const struct fastipc_schema *schema,
	      uint16_t table, unsigned int depth)
{
	const struct fastipc_schema_table *type = &schema->tables[table];
	struct reflect_record *record = reflect_alloc(arena, sizeof(*record));
	struct reflect_value *values =
		reflect_array(arena, type->field_count + 1u, sizeof(*values));

	assert_non_null(record);
	assert_non_null(values);
	record->table = type;
	record->values = values;
	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];

		if (!(field->flags & FASTIPC_FIELD_REQUIRED) &&
		    (field->flags & FASTIPC_FIELD_DEPRECATED ||
		     depth >= DEPTH || below(2)))
			continue;
		values[record->count].field = field;
		random_value(arena, schema, &values[record->count++], depth);
	}
	return record;
}

/* ---- reading ---- */

/* Whether it is valid, of which both must have one opinion. */
static bool agree(const struct generated *table, uint16_t index,
		  const uint8_t *data, size_t size)
{
	struct reflect_arena arena = { 0 };
	const struct reflect_record *record;
	uint8_t *exact = malloc(size ? size : 1); /* for ASan to see its end */
	int error;

	assert_non_null(exact);
	if (size)
		memcpy(exact, data, size);
	error = reflect_read(table->schema, index, exact, size,
			     REFLECT_NO_DEPRECATED, &arena, &record, NULL);
	assert_true(!error || error == -EBADMSG);
	assert_int_equal(table->read(exact, size), error);
	assert_int_equal(table->read_sealed(exact, size), error);
	free(exact);
	reflect_free(&arena);
	return !error;
}

static void try_message(const struct generated *table, uint16_t index)
{
	struct reflect_arena arena = { 0 };
	const uint8_t *data;
	uint8_t *spoilt;
	size_t size;

	assert_int_equal(
		reflect_write(table->schema,
			      random_record(&arena, table->schema, index, 0),
			      &arena, &data, &size, NULL),
		0);
	assert_true(agree(table, index, data, size));
	spoilt = reflect_alloc(&arena, size + 1);
	assert_non_null(spoilt);
	for (unsigned int i = 0; size && i < SPOILT; i++) {
		memcpy(spoilt, data, size);
		spoilt[below((unsigned int)size)] = (uint8_t)below(256);
		agree(table, index, spoilt, size);
		agree(table, index, data, below((unsigned int)size));
	}
	reflect_free(&arena);
}

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		for (unsigned int n = 0; n < MESSAGES; n++)
			try_message(&tables[i], index_of(&tables[i]));
}

/* ---- writing ---- */

/* What has required fields cannot be written without them. */
static bool is_complete(const struct generated *table)
{
	const struct fastipc_schema_table *type =
		&table->schema->tables[index_of(table)];

	for (uint16_t i = 0; i < type->field_count; i++)
		if (type->fields[i].flags & FASTIPC_FIELD_REQUIRED)
			return false;
	return true;
}

static void write_unset(const struct generated *table)
{
	const bool complete = is_complete(table);
	const int expected = complete ? 0 : -EINVAL;
	uint8_t data[ROOM] = { 0 }, other[ROOM] = { 0 };
	size_t size = 0, other_size = 0, too_small;

	assert_int_equal(table->encode(data, sizeof(data), &size), expected);
	assert_int_equal(table->encoder(other, sizeof(other), &other_size),
			 expected);
	if (!complete) {
		assert_int_equal(table->measure(), 0);
		return;
	}
	assert_int_equal(table->measure(), size);
	assert_int_equal(other_size, size);
	assert_memory_equal(data, other, size);
	assert_true(agree(table, index_of(table), data, size));
	for (size_t room = 0; room < size; room++) {
		assert_int_equal(table->encode(other, room, &too_small),
				 -EMSGSIZE);
		assert_int_equal(too_small, size);
	}
}

static void writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		write_unset(&tables[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(writes),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
