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

#define FIELDS "every.fields.h"
#include "agree.h"
#include "random.h"

#define MESSAGES 60 /* of each table */
#define SPOILT 8    /* of each message */
#define WHOLLY 2    /* messages of which each byte is spoilt */
#define ROOM 512

/* What is generated for a table, without its types. */
struct generated {
	int (*read_sealed)(const void *data, size_t size);
	size_t (*measure)(void);
	int (*encode)(void *data, size_t capacity, size_t *size);
	int (*encoder)(void *data, size_t capacity, size_t *size);
};

#define GENERATED(schema, table, index) \
	static int table##_reads_sealed(const void *data, size_t size) \
	{ \
		struct table##_reader reader; \
\
		return table##_read_sealed( \
			(struct fastipc_sealed){ data, size }, &reader); \
	} \
	static size_t table##_measures(void) \
	{ \
		struct table value; \
\
		table##_init(&value); \
		return table##_size(&value); \
	} \
	static int table##_encodes(void *data, size_t capacity, size_t *size) \
	{ \
		struct table value; \
\
		table##_init(&value); \
		return table##_encode(&value, data, capacity, size); \
	} \
	static int table##_encodes_any(void *data, size_t capacity, \
				       size_t *size) \
	{ \
		struct table value; \
\
		table##_init(&value); \
		return table##_encoder(&value, data, capacity, size); \
	}
FIELDS_TABLES(GENERATED)
#undef GENERATED

/* Of each of codec_tables. */
static const struct generated functions[] = {
#define ENTRY(schema, table, index) \
	{ table##_reads_sealed, table##_measures, table##_encodes, \
	  table##_encodes_any },
	FIELDS_TABLES(ENTRY)
#undef ENTRY
};

/* ---- reading ---- */

/* Whether it is valid, of which all must have one opinion. */
static bool agree(size_t i, const uint8_t *data, size_t size)
{
	const struct codec_table *table = &codec_tables[i];
	struct reflect_arena arena = { 0 };
	const char *differ = codec_differ(&arena, table, data, size);
	int error =
		reflect_check(table->schema, table->index, data, size, 0, NULL);

	if (differ)
		fail_msg("%s: %s", codec_name(table), differ);
	assert_true(!error || error == -EBADMSG);
	assert_int_equal(functions[i].read_sealed(data, size), error);
	reflect_free(&arena);
	return !error;
}

/* A message with each byte changed, and cut short at each. */
static void spoil_wholly(size_t i, const uint8_t *data, size_t size)
{
	static const uint8_t edges[] = { 0x01, 0x02, 0x7f, 0x80, 0xff };
	uint8_t *spoilt = malloc(size + 1);

	assert_non_null(spoilt);
	if (size)
		memcpy(spoilt, data, size);
	for (size_t at = 0; at < size; at++) {
		agree(i, data, at);
		for (size_t n = 0; n < sizeof(edges); n++) {
			spoilt[at] = data[at] ^ edges[n];
			agree(i, spoilt, size);
		}
		spoilt[at] = data[at];
	}
	free(spoilt);
}

static void try_message(size_t i, bool wholly)
{
	const struct fastipc_schema *schema = codec_tables[i].schema;
	struct reflect_arena arena = { 0 };
	const uint8_t *data;
	uint8_t *spoilt;
	size_t size;

	assert_int_equal(reflect_write(schema,
				       random_record(&arena, schema,
						     codec_tables[i].index, 0),
				       &arena, &data, &size, NULL),
			 0);
	assert_true(agree(i, data, size));
	if (wholly)
		spoil_wholly(i, data, size);
	spoilt = reflect_alloc(&arena, size + 1);
	assert_non_null(spoilt);
	for (unsigned int n = 0; size && n < SPOILT; n++) {
		memcpy(spoilt, data, size);
		spoilt[below((unsigned int)size)] = (uint8_t)below(256);
		agree(i, spoilt, size);
		agree(i, data, below((unsigned int)size));
	}
	reflect_free(&arena);
}

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < CODEC_TABLES; i++)
		for (unsigned int n = 0; n < MESSAGES; n++)
			try_message(i, n < WHOLLY);
}

/* ---- writing ---- */

/* What has required fields cannot be written without them. */
static bool is_complete(const struct codec_table *table)
{
	const struct fastipc_schema_table *type =
		&table->schema->tables[table->index];

	for (uint16_t i = 0; i < type->field_count; i++)
		if (type->fields[i].flags & FASTIPC_FIELD_REQUIRED)
			return false;
	return true;
}

static void write_unset(size_t i)
{
	const struct generated *table = &functions[i];
	const bool complete = is_complete(&codec_tables[i]);
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
	assert_true(agree(i, data, size));
	for (size_t room = 0; room < size; room++) {
		assert_int_equal(table->encode(other, room, &too_small),
				 -EMSGSIZE);
		assert_int_equal(too_small, size);
	}
}

static void writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < CODEC_TABLES; i++)
		write_unset(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(writes),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
