// SPDX-License-Identifier: MIT
/*
 * Generated code with every kind of field: what is written is read, by readers
 * and by views; the tables of tools/schema write the same bytes; and encoders
 * keep within what they are given.
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
#include "everything_same.h"
#include "everything_values.h"
#include "schema/reflect.h"
#include "schema/schema.h"

#define ROUNDS 300

/* In memory of its own, with its end where the message ends. */
static uint8_t *encoded(const struct codec_test_All *value, size_t *size)
{
	uint8_t *data;

	*size = codec_test_All_size(value);
	data = malloc(*size);
	assert_true(data || !*size);
	assert_int_equal(codec_test_All_encode(value, data, *size, size), 0);
	return data;
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct codec_test_All value;
		struct memory memory;
		struct codec_test_All_reader reader;
		size_t size;
		uint8_t *data;

		fill(&value, &memory);
		data = encoded(&value, &size);
		assert_int_equal(
			codec_test_All_read(fastipc_snapshot_of(data, size),
					    &reader),
			0);
		same(reader,
		     codec_test_All_view_of(fastipc_shared_of(data, size)),
		     &value);
		free(data);
	}
}

static void tables_write_the_same(void **state)
{
	const struct fastipc_schema *schema = &codec_test_everything_schema;
	const uint16_t table = schema_find_table(schema, "codec.test.All");
	struct reflect_error error = { 0 };

	(void)state;
	if (reflect_check_schema(schema, &error))
		fail_msg("%s", error.text);
	for (int i = 0; i < ROUNDS; i++) {
		struct codec_test_All value;
		struct memory memory;
		struct reflect_arena arena = { 0 };
		const struct reflect_record *record;
		const uint8_t *written;
		size_t size, again;
		uint8_t *data;

		fill(&value, &memory);
		data = encoded(&value, &size);
		if (reflect_read(schema, table, data, size, 0, &arena, &record,
				 &error))
			fail_msg("%s", error.text);
		assert_int_equal(reflect_write(schema, record, &arena, &written,
					       &again, &error),
				 0);
		assert_int_equal(again, size);
		if (size)
			assert_memory_equal(written, data, size);
		reflect_free(&arena);
		free(data);
	}
}

/* Each capacity is an allocation of its own: ASan sees what is beyond. */
static void every_capacity(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS / 10; i++) {
		struct codec_test_All value;
		struct memory memory;
		size_t size;
		uint8_t *data;

		fill(&value, &memory);
		data = encoded(&value, &size);
		for (size_t capacity = 0; capacity < size; capacity++) {
			uint8_t *small = malloc(capacity);
			size_t needed = 0;

			assert_int_equal(codec_test_All_encode(&value, small,
							       capacity,
							       &needed),
					 -EMSGSIZE);
			assert_int_equal(needed, size);
			free(small);
		}
		for (size_t more = 0; more < 70; more++) {
			uint8_t *large = malloc(size + more);
			size_t same_size = 0;

			memset(large, 0xa5, size + more);
			assert_int_equal(codec_test_All_encode(&value, large,
							       size + more,
							       &same_size),
					 0);
			assert_int_equal(same_size, size);
			assert_memory_equal(large, data, size);
			free(large);
		}
		free(data);
	}
}

/* Whatever is read of it, it is within it. */
static void every_prefix(void **state)
{
	struct codec_test_All value;
	struct memory memory;
	size_t size;
	uint8_t *data;

	(void)state;
	do {
		fill(&value, &memory);
		value.any_type = 0;
	} while (codec_test_All_size(&value) < 200);
	data = encoded(&value, &size);
	for (size_t cut = 0; cut < size; cut++) {
		struct codec_test_All_reader reader;
		struct codec_test_All_view view;
		uint8_t *prefix = malloc(cut);

		memcpy(prefix, data, cut);
		codec_test_All_read(fastipc_snapshot_of(prefix, cut), &reader);
		view = codec_test_All_view_of(fastipc_shared_of(prefix, cut));
		(void)codec_test_All_view_f64(view);
		(void)codec_test_All_view_text(view);
		free(prefix);
	}
	free(data);
}

static void defaults_are_no_bytes(void **state)
{
	struct codec_test_All value;
	struct codec_test_All_reader reader;
	size_t size = 1;

	(void)state;
	codec_test_All_init(&value);
	assert_int_equal(codec_test_All_encode(&value, NULL, 0, &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(
		codec_test_All_read(fastipc_snapshot_of(NULL, 0), &reader), 0);
	same(reader, codec_test_All_view_of(fastipc_shared_of(NULL, 0)),
	     &value);
	assert_true(codec_test_All_wide(reader) == codec_test_Wide_Top);
	assert_int_equal(codec_test_All_i32(reader), INT32_MIN);
}

/* The last scalar that is there loses its upper bytes, if they are 0. */
static void scalars_are_cut(void **state)
{
	(void)state;
	for (unsigned int shift = 0; shift < 64; shift++) {
		struct codec_test_All value;
		struct codec_test_All_reader reader;
		uint8_t *data;
		size_t size;

		codec_test_All_init(&value);
		value.u64 = UINT64_MAX ^ UINT64_C(1) << shift;
		data = encoded(&value, &size);
		assert_int_equal(
			codec_test_All_read(fastipc_snapshot_of(data, size),
					    &reader),
			0);
		assert_true(codec_test_All_u64(reader) == value.u64);
		assert_true(codec_test_All_view_u64(codec_test_All_view_of(
				    fastipc_shared_of(data, size))) ==
			    value.u64);
		free(data);
	}
}

static void required_fields(void **state)
{
	const uint32_t number = 5;
	struct codec_test_Strict value, missing;
	struct codec_test_Strict_reader reader;
	struct codec_test_Leaf leaf;
	uint8_t data[64];
	size_t size;

	(void)state;
	codec_test_Leaf_init(&leaf);
	codec_test_Strict_init(&value);
	assert_int_equal(codec_test_Strict_size(&value), 0);
	value.text = fastipc_string_of("");
	value.leaf = &leaf;
	codec_test_Strict_set_any_Leaf(&value, &leaf);
	value.numbers.data = &number;
	value.numbers.count = 1;
	assert_int_equal(
		codec_test_Strict_encode(&value, data, sizeof(data), &size), 0);
	assert_int_equal(codec_test_Strict_read(fastipc_snapshot_of(data, size),
						&reader),
			 0);
	assert_true(codec_test_Strict_has_leaf(reader));

	missing = value;
	missing.text.data = NULL;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	missing = value;
	missing.leaf = NULL;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	missing = value;
	missing.any_type = 0;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	missing = value;
	missing.any_type = 99;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	missing = value;
	missing.numbers.data = NULL;
	missing.numbers.count = 0;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	/* A record of no bytes has none of them. */
	assert_int_equal(codec_test_Strict_read(fastipc_snapshot_of("", 0),
						&reader),
			 -EBADMSG);
}

static void names(void **state)
{
	struct codec_test_Words words;
	struct codec_test_Words_reader reader;
	uint8_t data[64];
	size_t size;

	(void)state;
	codec_test_Words_init(&words);
	words.int_ = 1;
	words.class_ = fastipc_string_of("class");
	words.size = 2;
	words.has_x_ = true;
	words.x = 3;
	words.errno_ = 4;
	assert_int_equal(
		codec_test_Words_encode(&words, data, sizeof(data), &size), 0);
	assert_int_equal(codec_test_Words_read(fastipc_snapshot_of(data, size),
					       &reader),
			 0);
	assert_int_equal(codec_test_Words_int(reader), 1);
	assert_int_equal(codec_test_Words_size_(reader), 2);
	assert_true(codec_test_Words_has_x_(reader));
	assert_int_equal(codec_test_Words_x_(reader), 3);
	assert_int_equal(codec_test_Words_errno(reader), 4);
	assert_string_equal(codec_test_Small_name(codec_test_Small_Least),
			    "Least");
	assert_string_equal(codec_test_Wide_name(UINT64_MAX), "Top");
	assert_null(codec_test_Small_name(77));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(tables_write_the_same),
		cmocka_unit_test(every_capacity),
		cmocka_unit_test(every_prefix),
		cmocka_unit_test(defaults_are_no_bytes),
		cmocka_unit_test(scalars_are_cut),
		cmocka_unit_test(required_fields),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
