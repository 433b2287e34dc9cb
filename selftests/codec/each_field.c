// SPDX-License-Identifier: MIT
/*
 * Every field of every table of every schema here: without it, at the limits
 * of what it may be, beyond them, and with what cannot be in it; and each
 * message in every room that is too small for it.
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
#include "copy.h"
#include "random.h"

#define MESSAGES 10 /* of each table */
#define ROOM (1u << 20)
/* Of some tables, not all of these are called. */
#define CALLED static __attribute__((unused))
#define MUCH 70000u /* too much for a table that is not large */

static uint8_t message[ROOM];
static char much[MUCH]; /* of zeros, which are right in all types */

static bool is_large(const struct fastipc_schema_table *type)
{
	return type->flags & FASTIPC_TABLE_LARGE;
}

/* What is written of a table in which a field is not. */
static int without(const struct fastipc_schema_table *type, const char *name)
{
	const struct fastipc_schema_field *field =
		reflect_field(type->fields, type->field_count, name);

	return field && field->flags & FASTIPC_FIELD_REQUIRED ? -EINVAL : 0;
}

static struct fastipc_string text_of(const char *text, size_t size)
{
	return fastipc_string_from(text, size);
}

/* ---- values ---- */

/*
 * of_T: some value of a table; at DEPTH, with no field that need not be there.
 * type_T: what the schema says of it.
 * wrote_T: @value is written, or not, with @expected; then what is read.
 * read_T: the same, of what can be written but not read.
 */
#define FUNCTIONS(schema, table, index) \
	static const struct fastipc_schema_table *type_##table(void) \
	{ \
		return &schema.tables[index]; \
	} \
	CALLED struct table *of_##table(struct reflect_arena *arena, \
					unsigned int depth) \
	{ \
		struct table *value = COPY_NEW(arena, struct table); \
		struct table##_reader reader; \
		const uint8_t *data; \
		size_t size; \
\
		assert_int_equal(reflect_write(&schema, \
					       random_record(arena, &schema, \
							     index, depth), \
					       arena, &data, &size, NULL), \
				 0); \
		assert_int_equal(table##_read(fastipc_snapshot_of(data, size), \
					      &reader), \
				 0); \
		copy_##table(arena, reader, value); \
		return value; \
	} \
	CALLED int code_##table(const struct table *value, \
				struct table##_reader *reader, size_t *size) \
	{ \
		int ret = table##_encode(value, message, ROOM, size); \
\
		if (ret) { \
			assert_int_equal(table##_size(value), 0); \
			assert_int_equal(table##_encode(value, NULL, 0, size), \
					 ret); \
			return ret; \
		} \
		assert_int_equal(table##_size(value), *size); \
		return table##_read(fastipc_snapshot_of(message, *size), \
				    reader); \
	} \
	CALLED struct table##_reader wrote_##table(const struct table *value, \
						   int expected) \
	{ \
		struct table##_reader reader = { fastipc_reader_none() }; \
		size_t size; \
\
		assert_int_equal(code_##table(value, &reader, &size), \
				 expected); \
		return reader; \
	} \
	CALLED struct table##_view seen_##table(const struct table *value) \
	{ \
		struct table##_reader reader; \
		size_t size; \
\
		assert_int_equal(code_##table(value, &reader, &size), 0); \
		return table##_view_of(fastipc_shared_of(message, size)); \
	}
FIELDS_TABLES(FUNCTIONS)

/* ---- what is too long ---- */

/* swell_T: give it more than 64 KiB; false if it has nothing that can be. */
#define BEGIN(table) \
	CALLED bool swell_##table(struct table *value) \
	{ \
		(void)value;
#define END(table) \
	return false; \
	}
#define SWELL(member, pointer, length) \
	value->member.data = (const void *)(pointer); \
	value->member.length = MUCH; \
	return true;
#define SCALAR(table, member, accessor)
#define OPTIONAL(table, member, accessor, has)
#define STRUCT(table, member, accessor, type)
#define STRING(table, member, accessor) SWELL(member, much, size)
#define BYTES(table, member, accessor) SWELL(member, much, size)
#define STRINGS(table, member, accessor)
#define SCALARS(table, member, accessor, ctype, type)
#define STRUCTS(table, member, accessor, type)
#define TABLE(table, member, accessor, type)
#define TABLES(table, member, accessor, type)
#define UNION(table, member, accessor, of)
#define MEMBER(table, member, accessor, any, name, type)
#define END_UNION(table, member)
#include FIELDS
#undef SWELL

/* ---- each field ---- */

/* try_T: each field of @base in turn is what it may or may not be. */
#define BEGIN(table) \
	static void try_##table(struct reflect_arena *arena, \
				const struct table *base) \
	{ \
		const struct fastipc_schema_table *type_ = type_##table(); \
		const int overflow = is_large(type_) ? 0 : -EOVERFLOW; \
		struct table value; \
\
		(void)arena; \
		(void)overflow; \
		(void)value; \
		wrote_##table(base, 0);
#define END(table) }

#define SCALAR(table, member, accessor) \
	value = *base; \
	value.member = 0; \
	assert_true(table##_##accessor(wrote_##table(&value, 0)) == 0); \
	assert_true(table##_view_##accessor(seen_##table(&value)) == 0); \
	value.member = 1; \
	assert_true(table##_##accessor(wrote_##table(&value, 0)) == 1); \
	assert_true(table##_view_##accessor(seen_##table(&value)) == 1);
#define OPTIONAL(table, member, accessor, has) \
	value = *base; \
	value.has = false; \
	assert_false(table##_has_##accessor(wrote_##table(&value, 0))); \
	assert_false(table##_view_has_##accessor(seen_##table(&value))); \
	value.has = true; \
	value.member = 0; \
	assert_true(table##_has_##accessor(wrote_##table(&value, 0))); \
	assert_true(table##_##accessor(wrote_##table(&value, 0)) == 0); \
	value.member = 1; \
	assert_true(table##_view_has_##accessor(seen_##table(&value))); \
	assert_true(table##_view_##accessor(seen_##table(&value)) == 1);

/* Without its padding. */
#define IS_ZERO(type, got) \
	(type##_store_(message, &(got)), !memcmp(message, much, type##_SIZE))

/* Zeros, which are not written if nothing follows them. */
#define STRUCT(table, member, accessor, type) \
	do { \
		struct type *some = COPY_NEW(arena, struct type), got; \
\
		value = *base; \
		value.member = NULL; \
		assert_false( \
			table##_has_##accessor(wrote_##table(&value, 0))); \
		value.member = some; \
		assert_true(table##_has_##accessor(wrote_##table(&value, 0))); \
		got = table##_##accessor(wrote_##table(&value, 0)); \
		assert_true(IS_ZERO(type, got)); \
		got = table##_view_##accessor(seen_##table(&value)); \
		assert_true(IS_ZERO(type, got)); \
	} while (0);

/* Not there; empty, which is not the same; as long as it may be. */
#define ONE_TEXT(table, member, accessor, from) \
	value = *base; \
	value.member = from(NULL, 0); \
	assert_false(table##_has_##accessor( \
		wrote_##table(&value, without(type_, #accessor)))); \
	value.member = from(much, 0); \
	assert_true(table##_has_##accessor(wrote_##table(&value, 0))); \
	assert_true(table##_view_has_##accessor(seen_##table(&value))); \
	value.member = from(much, 1000); \
	value.member.size += FASTIPC_RECORD_SMALL - table##_size(&value); \
	assert_int_equal(table##_##accessor(wrote_##table(&value, 0)).size, \
			 value.member.size); \
	assert_int_equal(table##_size(&value), FASTIPC_RECORD_SMALL); \
	value.member.size++; \
	wrote_##table(&value, overflow); \
	value.member.size = MUCH; \
	wrote_##table(&value, overflow);
#define BYTES(table, member, accessor) \
	ONE_TEXT(table, member, accessor, fastipc_bytes_from)
/* And what is not UTF-8. */
#define STRING(table, member, accessor) \
	ONE_TEXT(table, member, accessor, text_of) \
	value.member = fastipc_string_of("\xe2\x82\xac"); \
	assert_true(fastipc_string_is( \
		table##_##accessor(wrote_##table(&value, 0)), \
		"\xe2\x82\xac")); \
	value.member.size--; \
	wrote_##table(&value, -EBADMSG); \
	value.member = fastipc_string_of("a long text that ends with \xff"); \
	wrote_##table(&value, -EBADMSG);

/* No vector, and an empty one. */
#define NONE(table, member, accessor) \
	value = *base; \
	value.member.data = NULL; \
	value.member.count = 0; \
	assert_false(table##_has_##accessor( \
		wrote_##table(&value, without(type_, #accessor)))); \
	value.member.data = (const void *)much; \
	assert_true(table##_has_##accessor(wrote_##table(&value, 0))); \
	assert_true(table##_view_has_##accessor(seen_##table(&value))); \
	assert_int_equal(table##_##accessor(wrote_##table(&value, 0)).count, 0);
/* Two halves of a character are none, though they are side by side. */
#define STRINGS(table, member, accessor) \
	NONE(table, member, accessor) \
	do { \
		struct fastipc_string texts[] = { \
			text_of(much, MUCH / 2), \
			text_of(much, MUCH / 2), \
		}; \
\
		value.member.data = texts; \
		value.member.count = 2; \
		wrote_##table(&value, overflow); \
		texts[0] = fastipc_string_of("\xe2\x82\xac"); \
		texts[1] = fastipc_string_of("b"); \
		assert_true(fastipc_string_is( \
			fastipc_string_vector_at( \
				table##_##accessor(wrote_##table(&value, 0)), \
				1), \
			"b")); \
		texts[0].size = 1; \
		texts[1] = fastipc_string_of("\x82\xac"); \
		wrote_##table(&value, -EBADMSG); \
		texts[1] = fastipc_string_of("b"); \
		wrote_##table(&value, -EBADMSG); \
	} while (0);
/* As many as there may be; behind the last one are zeros. */
#define SCALARS(table, member, accessor, ctype, type) \
	NONE(table, member, accessor) \
	do { \
		struct fastipc_##type##_vector vector; \
		struct fastipc_##type##_vector_view view; \
		ctype end = 1; \
\
		value.member.count = 3; \
		vector = table##_##accessor(wrote_##table(&value, 0)); \
		view = table##_view_##accessor(seen_##table(&value)); \
		assert_int_equal(vector.count, 3); \
		assert_int_equal(view.count, 3); \
		assert_true(!fastipc_##type##_vector_at(vector, 3)); \
		assert_true(!fastipc_##type##_vector_view_at(view, 3)); \
		assert_int_equal( \
			fastipc_##type##_vector_copy(vector, 3, &end, 1), 0); \
		assert_true(end == 1); \
		value.member.count = MUCH / sizeof(ctype); \
		wrote_##table(&value, overflow); \
	} while (0);
#define STRUCTS(table, member, accessor, type) \
	NONE(table, member, accessor) \
	do { \
		const size_t count = FASTIPC_RECORD_SMALL / type##_SIZE + 1; \
		struct type *some = \
			copy_alloc(arena, count, sizeof(struct type)); \
		struct type got; \
		struct type##_vector vector; \
		struct type##_vector_view view; \
\
		value.member.data = some; \
		value.member.count = 3; \
		vector = table##_##accessor(wrote_##table(&value, 0)); \
		view = table##_view_##accessor(seen_##table(&value)); \
		assert_int_equal(vector.count, 3); \
		got = type##_vector_at(vector, 3); \
		assert_true(IS_ZERO(type, got)); \
		got = type##_vector_view_at(view, 3); \
		assert_true(IS_ZERO(type, got)); \
		assert_int_equal(type##_vector_copy(vector, 4, &got, 1), 0); \
		assert_int_equal(type##_vector_copy(vector, 1, &got, 1), 1); \
		value.member.count = count; \
		wrote_##table(&value, overflow); \
	} while (0);

/*
 * What is wrong in a table is wrong around it: too long; without what is
 * required; too deep, of tables in themselves.  @put puts @some into @value.
 */
#define NESTED(table, type, put) \
	do { \
		struct type *inner = of_##type(arena, DEPTH); \
		const void *some = inner; \
		struct type##_reader reader; \
		size_t size; \
\
		put; \
		wrote_##table(&value, 0); \
		if (swell_##type(inner)) \
			wrote_##table(&value, is_large(type_##type()) \
						      ? overflow \
						      : -EOVERFLOW); \
		type##_init(inner); \
		wrote_##table(&value, code_##type(inner, &reader, &size)); \
		if (strcmp(#table, #type) != 0) \
			break; \
		some = NULL; \
		for (size_t i = 0; i <= FASTIPC_CODEC_DEPTH; i++) { \
			struct table *outer = of_##table(arena, DEPTH); \
\
			value = *outer; \
			if (some) { \
				put; \
			} \
			*outer = value; \
			some = outer; \
			if (i + 1 == FASTIPC_CODEC_DEPTH) \
				wrote_##table(outer, 0); \
		} \
		wrote_##table(some, -ELOOP); \
	} while (0);
#define TABLE(table, member, accessor, type) \
	value = *base; \
	value.member = NULL; \
	assert_false(table##_has_##accessor( \
		wrote_##table(&value, without(type_, #accessor)))); \
	NESTED(table, type, value.member = some)
/* One; many, of which the last one cannot be written; and far too many. */
#define TABLES(table, member, accessor, type) \
	NONE(table, member, accessor) \
	NESTED(table, type, \
	       (value.member.data = some, value.member.count = 1)) \
	value = *base; \
	do { \
		const struct type *least = of_##type(arena, DEPTH); \
		const size_t count = \
			FASTIPC_RECORD_SMALL / (type##_size(least) + 2) + 1; \
		struct type *some = \
			copy_alloc(arena, count, sizeof(struct type)); \
		struct type##_vector vector; \
\
		for (size_t i = 0; i < count; i++) \
			some[i] = *least; \
		value.member.data = some; \
		value.member.count = 3; \
		vector = table##_##accessor(wrote_##table(&value, 0)); \
		assert_int_equal(vector.count, 3); \
		assert_int_equal( \
			type##_vector_at(vector, 3).record.fixed + \
				type##_vector_at(vector, 3).record.count, \
			0); \
		if (swell_##type(&some[2]) && !is_large(type_##type())) \
			wrote_##table(&value, -EOVERFLOW); \
		some[2] = some[1]; \
		value.member.count = count; \
		wrote_##table(&value, overflow); \
	} while (0);
/* No type that there is; a type, and nothing of it. */
#define UNION(table, member, accessor, of) \
	value = *base; \
	value.of = 0; \
	value.member = NULL; \
	assert_int_equal(table##_##accessor##_type(wrote_##table( \
				 &value, without(type_, #accessor))), \
			 0); \
	value.of = 255; \
	value.member = base; \
	wrote_##table(&value, -EINVAL); \
	value.of = 1; \
	value.member = NULL; \
	wrote_##table(&value, -EINVAL);
#define MEMBER(table, member, accessor, any, name, type) \
	NESTED(table, type, table##_set_##accessor##_##name(&value, some)) \
	table##_set_##accessor##_##name(&value, of_##type(arena, DEPTH)); \
	assert_int_equal(table##_##accessor##_type(wrote_##table(&value, 0)), \
			 any##_##name); \
	assert_int_equal(table##_view_##accessor##_type(seen_##table(&value)), \
			 any##_##name);
#define END_UNION(table, member)
#include FIELDS

#define EACH(schema, table, index) \
	static void each_of_##table(struct reflect_arena *arena) \
	{ \
		try_##table(arena, of_##table(arena, 0)); \
		try_##table(arena, of_##table(arena, DEPTH)); \
	}
FIELDS_TABLES(EACH)

static void each_field(void **state)
{
	static void (*const each[])(struct reflect_arena * arena) = {
#define NAMED(schema, table, index) each_of_##table,
		FIELDS_TABLES(NAMED)
#undef NAMED
	};

	(void)state;
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		struct reflect_arena arena = { 0 };

		each[i](&arena);
		reflect_free(&arena);
	}
}

/* ---- nothing ---- */

/*
 * An element that is not there has no fields, and scalars their defaults: so
 * what is copied of it is written like what was never set, in no bytes.
 */
#define ABSENT(schema, table, index) \
	static void absent_##table(struct reflect_arena *arena) \
	{ \
		struct table##_vector_view no_views = { 0 }; \
		struct table##_vector none = { 0 }; \
		struct table##_reader reader; \
		struct table unset, got; \
		int code; \
		size_t size = 0; \
\
		table##_init(&unset); \
		code = code_##table(&unset, &reader, &size); \
		assert_int_equal(size, 0); \
		copy_##table(arena, table##_vector_at(none, 0), &got); \
		assert_int_equal(code_##table(&got, &reader, &size), code); \
		assert_int_equal(size, 0); \
		view_budget = view_budget_of(0); \
		view_##table(arena, table##_vector_view_at(no_views, 0), &got, \
			     0); \
		assert_int_equal(code_##table(&got, &reader, &size), code); \
		assert_int_equal(size, 0); \
	}
FIELDS_TABLES(ABSENT)

static void each_absent(void **state)
{
	struct reflect_arena arena = { 0 };

	(void)state;
#define CALL(schema, table, index) absent_##table(&arena);
	FIELDS_TABLES(CALL)
#undef CALL
	reflect_free(&arena);
}

/* ---- each room ---- */

/* In every room that is too small, all are told how much it takes. */
#define SQUEEZE(schema, table, index) \
	static void squeeze_##table(struct reflect_arena *arena) \
	{ \
		const struct table *value = of_##table(arena, 0); \
		const size_t needed = table##_size(value); \
		size_t size; \
\
		for (size_t room = 0; room < needed; room++) { \
			uint8_t *bytes = malloc(room + 1); /* for ASan */ \
\
			assert_non_null(bytes); \
			size = 0; \
			assert_int_equal(table##_encode(value, bytes + 1, \
							room, &size), \
					 -EMSGSIZE); \
			assert_int_equal(size, needed); \
			free(bytes); \
		} \
		assert_int_equal( \
			table##_encode(value, message, needed, &size), 0); \
		assert_int_equal(size, needed); \
	}
FIELDS_TABLES(SQUEEZE)

static void each_room(void **state)
{
	static void (*const squeeze[])(struct reflect_arena * arena) = {
#define NAMED(schema, table, index) squeeze_##table,
		FIELDS_TABLES(NAMED)
#undef NAMED
	};

	(void)state;
	for (size_t i = 0; i < sizeof(squeeze) / sizeof(squeeze[0]); i++) {
		for (unsigned int n = 0; n < MESSAGES; n++) {
			struct reflect_arena arena = { 0 };

			squeeze[i](&arena);
			reflect_free(&arena);
		}
	}
}

/* ---- enums ---- */

#define NO_VALUE 77 /* is none of any of them */

#define ENUM(type) \
	static void names_of_##type(void) \
	{
#define VALUE(type, name) \
	assert_string_equal(type##_name(type##_##name), #name);
#define END_ENUM(type) \
	assert_null(type##_name(NO_VALUE)); \
	}
#include FIELDS

static void each_name(void **state)
{
	(void)state;
#define ENUM(type) names_of_##type();
#define VALUE(type, name)
#define END_ENUM(type)
#include FIELDS
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field),
		cmocka_unit_test(each_absent),
		cmocka_unit_test(each_room),
		cmocka_unit_test(each_name),
	};

	return cmocka_run_group_tests_name("each_field", tests, NULL, NULL);
}
