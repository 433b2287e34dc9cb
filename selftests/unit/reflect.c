// SPDX-License-Identifier: MIT
/*
 * Messages by descriptors: check, read, write, JSON.  The descriptors are
 * written by hand here, of the schema in the man page fastipc_codec(7), and
 * so are the bytes: no schema compiler and no generated code has a part in it.
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

#include "schema/json.h"
#include "schema/reflect.h"

#define NONE FASTIPC_SCHEMA_NONE
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of a field that has none of the places that are not named. */
#define FIELD(field_name, field_id, field_type, ...) \
	{ \
		.name = (field_name), .id = (field_id), \
		.type = FASTIPC_TYPE_##field_type, .ref = NONE, \
		.offset = NONE, .bit = NONE, .presence = NONE, \
		.variable = NONE, __VA_ARGS__ \
	}

#pragma GCC diagnostic push
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

enum { NOTE, ITEM, LOG };

static const struct fastipc_schema_value kind_values[] = {
	{ .name = "Text", .bits = 1 },
	{ .name = "Method", .bits = 2 },
};

static const struct fastipc_schema_value style_values[] = {
	{ .name = "Bold", .bits = 1 },
	{ .name = "Wide", .bits = 8 },
};

static const struct fastipc_schema_enum enums[] = {
	{ .name = "v.Kind",
	  .type = FASTIPC_TYPE_U8,
	  .value_count = 2,
	  .values = kind_values },
	{ .name = "v.Style",
	  .type = FASTIPC_TYPE_U8,
	  .flags = FASTIPC_ENUM_FLAGS,
	  .value_count = 2,
	  .values = style_values },
};

static const struct fastipc_schema_field position_fields[] = {
	FIELD("line", 0, U32, .offset = 0),
	FIELD("character", 1, U16, .offset = 4),
};

static const struct fastipc_schema_struct structs[] = {
	{ .name = "v.Position",
	  .size = 6,
	  .field_count = 2,
	  .fields = position_fields },
};

static const struct fastipc_schema_field note_fields[] = {
	FIELD("text", 0, STRING, .presence = 0, .variable = 0),
};

static const struct fastipc_schema_field item_fields[] = {
	FIELD("done", 0, BOOL, .bit = 0),
	FIELD("count", 1, U16, .offset = 1, .default_bits = 5),
	FIELD("kind", 2, U8, .offset = 3, .default_bits = 1, .ref = 0),
	FIELD("score", 3, F32, .flags = FASTIPC_FIELD_OPTIONAL, .presence = 1,
	      .offset = 4),
	FIELD("at", 4, STRUCT, .ref = 0, .presence = 2, .offset = 8),
	FIELD("label", 5, STRING, .presence = 3, .variable = 0),
	FIELD("tags", 6, STRING, .flags = FASTIPC_FIELD_VECTOR, .presence = 4,
	      .variable = 1),
	FIELD("numbers", 7, I16, .flags = FASTIPC_FIELD_VECTOR, .presence = 5,
	      .variable = 2),
	FIELD("children", 8, TABLE, .ref = ITEM, .flags = FASTIPC_FIELD_VECTOR,
	      .presence = 6, .variable = 3),
	FIELD("any", 10, UNION, .ref = 0, .offset = 14, .variable = 4),
	/* Not in the man page, and behind what is. */
	FIELD("wide", 11, F64, .offset = 15),
	FIELD("style", 12, U8, .offset = 23, .ref = 1),
	FIELD("big", 13, U64, .offset = 24),
	FIELD("small", 14, I64, .offset = 32, .default_bits = UINT64_MAX),
};

static const struct fastipc_schema_field log_fields[] = {
	FIELD("lines", 0, STRING, .flags = FASTIPC_FIELD_VECTOR, .presence = 0,
	      .variable = 0),
};

#pragma GCC diagnostic pop

static const struct fastipc_schema_table tables[] = {
	[NOTE] = { .name = "v.Note",
		   .fixed_size = 1,
		   .variables = 1,
		   .field_count = 1,
		   .fields = note_fields },
	[ITEM] = { .name = "v.Item",
		   .fixed_size = 40,
		   .variables = 5,
		   .field_count = COUNT(item_fields),
		   .fields = item_fields },
	[LOG] = { .name = "v.Log",
		  .flags = FASTIPC_TABLE_LARGE,
		  .fixed_size = 1,
		  .variables = 1,
		  .field_count = 1,
		  .fields = log_fields },
};

static const struct fastipc_schema_member members[] = {
	{ .name = "Note", .table = NOTE, .value = 1 },
	{ .name = "Item", .table = ITEM, .value = 2 },
};

static const struct fastipc_schema_union unions[] = {
	{ .name = "v.Any", .member_count = 2, .members = members },
};

static const struct fastipc_schema schema = {
	.size = sizeof(schema),
	.root = ITEM,
	.table_count = 3,
	.struct_count = 1,
	.enum_count = 2,
	.union_count = 1,
	.tables = tables,
	.structs = structs,
	.enums = enums,
	.unions = unions,
};

/* The bytes of "01 ff", in memory that ends with the last. */
static uint8_t *bytes_of(const char *hex, size_t *size)
{
	uint8_t *bytes = malloc(strlen(hex) / 2 + 1), *copy;
	unsigned int byte;
	int used;

	for (*size = 0; sscanf(hex, "%2x%n", &byte, &used) == 1; hex += used)
		bytes[(*size)++] = (uint8_t)byte;
	copy = malloc(*size ? *size : 1);
	memcpy(copy, bytes, *size);
	free(bytes);
	return copy;
}

static char *json_of(uint16_t table, const void *data, size_t size,
		     unsigned int flags)
{
	struct reflect_error error = { 0 };
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int ret = schema_json_decode(out, &schema, table, data, size, flags,
				     &error);

	fclose(out);
	if (ret)
		print_error("%s\n", error.text);
	assert_int_equal(ret, 0);
	return text;
}

static void check_encode(uint16_t table, const char *json, const char *hex)
{
	struct reflect_arena arena = { 0 };
	struct reflect_error error = { 0 };
	const uint8_t *data;
	size_t size, expected_size;
	uint8_t *expected = bytes_of(hex, &expected_size);
	int ret = schema_json_encode(&schema, table, json, strlen(json), &arena,
				     &data, &size, &error);

	if (ret)
		print_error("%s\n", error.text);
	assert_int_equal(ret, 0);
	assert_int_equal(size, expected_size);
	if (size)
		assert_memory_equal(data, expected, size);
	reflect_free(&arena);
	free(expected);
}

static void check_decode(uint16_t table, const char *hex, const char *json)
{
	size_t size;
	uint8_t *data = bytes_of(hex, &size);
	char *text = json_of(table, data, size, SCHEMA_JSON_COMPACT);

	assert_string_equal(text, json);
	free(text);
	free(data);
}

struct example {
	uint16_t table;
	const char *json;
	const char *hex;
};

static const struct example examples[] = {
	{ ITEM, "{}", "" },
	{ ITEM, "{\"done\":true}", "01 00 01" },
	{ ITEM, "{\"count\":6}", "02 00 00 03" },
	{ ITEM, "{\"count\":0}", "02 00 00 05" },
	{ ITEM, "{\"count\":65535}", "03 00 00 fa ff" },
	{ ITEM, "{\"kind\":\"Method\"}", "04 00 00 00 00 03" },
	{ ITEM, "{\"kind\":77}", "04 00 00 00 00 4c" },
	{ ITEM, "{\"score\":1.5}", "08 00 02 00 00 00 00 00 c0 3f" },
	{ ITEM, "{\"score\":0}", "01 00 02" },
	{ ITEM, "{\"at\":{\"line\":3,\"character\":0}}",
	  "09 00 04 00 00 00 00 00 00 00 03" },
	{ ITEM, "{\"label\":\"hi\"}", "00 04 68 69" },
	{ ITEM, "{\"label\":\"\"}", "01 00 08" },
	{ ITEM, "{\"label\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u007f/\"}",
	  "00 04 22 5c 08 0c 0a 0d 09 00 7f 2f" },
	{ ITEM, "{\"label\":\"hi\",\"tags\":[\"a\",\"bc\"]}",
	  "00 08 06 00 68 69 02 00 05 00 61 62 63" },
	{ ITEM, "{\"tags\":[]}", "01 00 10" },
	{ ITEM, "{\"tags\":[\"\"]}", "00 08 04 00 01 00" },
	{ ITEM, "{\"numbers\":[-1,2]}", "00 0c 06 00 06 00 ff ff 02 00" },
	{ ITEM, "{\"children\":[{},{\"done\":true}]}",
	  "00 10 08 00 08 00 08 00 02 00 04 00 01 00 01" },
	{ ITEM, "{\"any_type\":\"Note\",\"any\":{\"text\":\"x\"}}",
	  "0f 14 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01"
	  "19 00 19 00 19 00 19 00 00 04 78" },
	{ ITEM, "{\"any_type\":\"Note\",\"any\":{}}",
	  "0f 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01" },
	{ ITEM, "{\"style\":\"Bold Wide\"}",
	  "18 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 09" },
	{ LOG, "{\"lines\":[\"a\"]}", "00 00 01 00 01 00 00 00 61" },
	{ LOG, "{\"lines\":[\"a\",\"\"]}",
	  "00 00 01 00 02 00 00 00 09 00 00 00 61" },
};

static void encode_gives_the_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++)
		check_encode(examples[i].table, examples[i].json,
			     examples[i].hex);
}

static void decode_gives_the_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++)
		check_decode(examples[i].table, examples[i].hex,
			     examples[i].json);
}

static void other_forms_are_read(void **state)
{
	static const struct example forms[] = {
		{ ITEM, "{\"done\":true}", "02 00 01 00" },
		{ ITEM, "{\"label\":\"hi\"}", "01 04 08 68 69" },
		{ ITEM, "{}", "00 00" },
		{ ITEM, "{}", "00 08 04 00" },
		/* A bit, a byte and a tail of a newer schema. */
		{ NOTE, "{\"text\":\"x\"}", "02 08 80 01 07 00 78 79 7a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++)
		check_decode(forms[i].table, forms[i].hex, forms[i].json);
}

static void wrong_bytes_are_refused(void **state)
{
	static const struct example wrong[] = {
		{ ITEM, "are no record of v.Item", "01" },
		{ ITEM, "are no record of v.Item", "01 00" },
		{ ITEM, "are no record of v.Item", "00 00 00" },
		{ ITEM, "are no record of v.Item", "00 08" },
		{ ITEM, "are no record of v.Item", "00 08 03 00" },
		{ ITEM, "are no record of v.Item", "00 08 05 00" },
		{ ITEM, "are no record of v.Item",
		  "00 0c 07 00 06 00 61 62 63" },
		{ ITEM, "label: the string is not UTF-8 at byte 1",
		  "00 04 61 ff" },
		{ ITEM, "label: the string is not UTF-8", "00 04 ed a0 80" },
		{ ITEM, "label: the string is not UTF-8", "00 04 c0 80" },
		{ ITEM, "label: the string is not UTF-8", "00 04 f4 90 80 80" },
		{ ITEM, "tags: the vector has bytes, but no count",
		  "00 08 04 00 00 00" },
		{ ITEM, "tags: the vector has bytes, but no count",
		  "00 08 04 00 01" },
		{ ITEM, "tags: where the vector's elements end",
		  "00 08 04 00 02 00" },
		{ ITEM, "tags: where the vector's elements end",
		  "00 08 04 00 02 00 03 00" },
		{ ITEM, "tags[1]: the string is not UTF-8",
		  "00 08 04 00 02 00 05 00 61 ff" },
		{ ITEM, "numbers: 1 bytes are no whole number",
		  "00 0c 06 00 06 00 ff" },
		{ ITEM, "children[0]: the 1 bytes are no record",
		  "00 10 08 00 08 00 08 00 01 00 01" },
		{ ITEM, "any: the union has bytes, but no type",
		  "00 14 0a 00 0a 00 0a 00 0a 00 78" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct reflect_error error = { 0 };
		size_t size;
		uint8_t *data = bytes_of(wrong[i].hex, &size);

		assert_int_equal(reflect_check(&schema, wrong[i].table, data,
					       size, 0, &error),
				 -EBADMSG);
		if (!strstr(error.text, wrong[i].json))
			print_error("%s: %s\n", wrong[i].hex, error.text);
		assert_non_null(strstr(error.text, wrong[i].json));
		free(data);
	}
}

static void strings_may_be_any_bytes(void **state)
{
	static const uint8_t data[] = { 0, 4, 0xff };

	(void)state;
	assert_int_equal(reflect_check(&schema, ITEM, data, 3, 0, NULL),
			 -EBADMSG);
	assert_int_equal(reflect_check(&schema, ITEM, data, 3,
				       REFLECT_ANY_STRINGS, NULL),
			 0);
}

/* A record in a record, @depth of them. */
static char *nested_json(unsigned int depth)
{
	char *text = malloc(depth * 40u + 40), *at = text;

	for (unsigned int i = 1; i < depth; i++)
		at += sprintf(at, "{\"children\":[");
	at += sprintf(at, "{}");
	for (unsigned int i = 1; i < depth; i++)
		at += sprintf(at, "]}");
	return text;
}

static void depth_is_limited(void **state)
{
	struct reflect_arena arena = { 0 };
	struct reflect_error error;
	const uint8_t *data;
	uint8_t deeper[1024] = { 0 };
	size_t size, head;
	char *text;

	(void)state;
	text = nested_json(64);
	assert_int_equal(schema_json_encode(&schema, ITEM, text, strlen(text),
					    &arena, &data, &size, &error),
			 0);
	assert_int_equal(reflect_check(&schema, ITEM, data, size, 0, NULL), 0);
	/* One more around it: N = 4, three ENDs, and a vector of one. */
	head = 10;
	deeper[1] = 4 << 2;
	deeper[2] = deeper[4] = deeper[6] = 8;
	deeper[8] = 1;
	memcpy(deeper + head, data, size);
	assert_int_equal(reflect_check(&schema, ITEM, deeper, head + size, 0,
				       &error),
			 -EBADMSG);
	assert_non_null(strstr(error.text, "more than 64 deep"));
	free(text);
	text = nested_json(65);
	assert_int_equal(schema_json_encode(&schema, ITEM, text, strlen(text),
					    &arena, &data, &size, &error),
			 -ELOOP);
	free(text);
	reflect_free(&arena);
}

/* Whatever they are to be, so many arrays in each other are read. */
static void nesting_is_limited(void **state)
{
	(void)state;
	for (size_t depth = 256; depth <= 257; depth++) {
		struct reflect_arena arena = { 0 };
		struct reflect_error error;
		char text[600];
		const uint8_t *data;
		size_t size;

		/* The object is the first. */
		memcpy(text, "{\"label\":", 9);
		memset(text + 9, '[', depth - 1);
		memset(text + 9 + depth - 1, ']', depth - 1);
		text[9 + 2 * (depth - 1)] = '}';
		assert_int_equal(schema_json_encode(&schema, ITEM, text,
						    10 + 2 * (depth - 1),
						    &arena, &data, &size,
						    &error),
				 -EINVAL);
		assert_int_equal(!strstr(error.text, "fewer arrays"),
				 depth == 256);
		reflect_free(&arena);
	}
}

/* @count times "x" as the label; what encoding it returns. */
static int encode_label(size_t count, size_t *size)
{
	struct reflect_arena arena = { 0 };
	char *text = malloc(count + 20);
	const uint8_t *data;
	int ret;

	memcpy(text, "{\"label\":\"", 10);
	memset(text + 10, 'x', count);
	memcpy(text + 10 + count, "\"}", 3);
	ret = schema_json_encode(&schema, ITEM, text, strlen(text), &arena,
				 &data, size, NULL);
	if (!ret)
		assert_int_equal(
			reflect_check(&schema, ITEM, data, *size, 0, NULL), 0);
	free(text);
	reflect_free(&arena);
	return ret;
}

static void small_records_end_at_64k(void **state)
{
	uint8_t *data = calloc(1, 65536);
	size_t size;

	(void)state;
	assert_int_equal(encode_label(65533, &size), 0);
	assert_int_equal(size, 65535);
	assert_int_equal(encode_label(65534, &size), -EOVERFLOW);
	data[1] = 4;
	assert_int_equal(reflect_check(&schema, ITEM, data, 65535, 0, NULL), 0);
	assert_int_equal(reflect_check(&schema, ITEM, data, 65536, 0, NULL),
			 -EBADMSG);
	free(data);
}

/* Bits of a double in the message, and the text of it. */
static void check_double(uint64_t bits, const char *expected)
{
	uint8_t data[2 + 23] = { 23 };
	struct reflect_arena arena = { 0 };
	size_t size = sizeof(data), again_size;
	const uint8_t *again;
	char json[64], *text;

	reflect_store(data + 2 + 15, 8, bits);
	while (size > 2 && !data[size - 1])
		size--;
	data[0] = (uint8_t)(size - 2);
	snprintf(json, sizeof(json), "{\"wide\":%s}", expected);
	text = json_of(ITEM, data, size, SCHEMA_JSON_COMPACT);
	assert_string_equal(text, json);
	free(text);
	assert_int_equal(schema_json_encode(&schema, ITEM, json, strlen(json),
					    &arena, &again, &again_size, NULL),
			 0);
	assert_int_equal(again_size, size);
	assert_memory_equal(again, data, size);
	reflect_free(&arena);
}

static void numbers_are_exact(void **state)
{
	(void)state;
	check_double(0x3fb999999999999a, "0.1");
	check_double(0x3fd3333333333334, "0.30000000000000004");
	check_double(0x4340000000000001, "9007199254740994");
	check_double(0x7fefffffffffffff, "1.7976931348623157e+308");
	check_double(1, "4.94065645841247e-324");
	check_double(0x8000000000000000, "-0");
	check_double(0x7ff0000000000000, "\"Infinity\"");
	check_double(0xfff0000000000000, "\"-Infinity\"");
	check_double(0x7ff8000000000000, "\"NaN\"");
	check_double(0xfff8000000000000, "\"NaN:0xfff8000000000000\"");
	check_double(0x7ff0000000000001, "\"NaN:0x7ff0000000000001\"");
	check_encode(ITEM, "{\"score\":\"NaN:0x7f800001\"}",
		     "08 00 02 00 00 00 01 00 80 7f");
	/* Rounded from the text; by way of a double it would be 0x3f800000. */
	check_encode(ITEM, "{\"score\":1.000000059604644775390626}",
		     "08 00 02 00 00 00 01 00 80 3f");
	check_encode(ITEM, "{\"big\":18446744073709551615,\"small\":-1}",
		     "20 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
		     "00 00 00 00 00 00 00 ff ff ff ff ff ff ff ff");
	check_encode(ITEM, "{\"small\":-9223372036854775808}",
		     "28 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
		     "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ff ff ff ff"
		     "ff ff ff 7f");
}

struct mistake {
	const char *json;
	uint32_t line;
	const char *text;
};

static const struct mistake mistakes[] = {
	{ "{\"children\":[{},\n{\"kind\":\"Foo\"}]}", 2,
	  "children[1].kind: no value 'Foo' of enum v.Kind; known: Text, "
	  "Method" },
	{ "{\"style\":\"Bold Thin\"}", 1,
	  "style: no value 'Thin' of enum v.Style; known: Bold, Wide" },
	{ "{\"style\":\"Bold \"}", 1,
	  "style: no value '' of enum v.Style; known: Bold, Wide" },
	{ "{\"count\":\n\n65536}", 3, "count: 65536 is not from 0 to 65535" },
	{ "{\"count\":-1}", 1, "count: -1 is not from 0 to 65535" },
	{ "{\"numbers\":[0,-32769]}", 1,
	  "numbers[1]: -32769 is not from -32768 to 32767" },
	{ "{\"big\":18446744073709551616}", 1,
	  "big: 18446744073709551616 is not from 0 to 18446744073709551615" },
	{ "{\"small\":-9223372036854775809}", 1,
	  "small: -9223372036854775809 is not from -9223372036854775808 to "
	  "9223372036854775807" },
	{ "{\"count\":1.5}", 1,
	  "count: a whole number is expected, and here is 1.5" },
	{ "{\"count\":null}", 1,
	  "count: a whole number is expected, and here is null" },
	{ "{\"count\":\"5\"}", 1,
	  "count: a whole number is expected, and here is a string" },
	{ "{\"done\":1}", 1,
	  "done: true or false is expected, and here is a number" },
	{ "{\"score\":1e99}", 1, "score: 1e99 is too large for a float" },
	{ "{\"score\":\"nan\"}", 1, "score: 'nan' is no number; " },
	{ "{\"score\":\"NaN:0x3f800000\"}", 1,
	  "score: 'NaN:0x3f800000' is no number; " },
	{ "{\"score\":\"NaN:0x7f800000\"}", 1,
	  "score: 'NaN:0x7f800000' is no number; " },
	{ "{\"at\":{\"line\":1}}", 1,
	  "at.character: is missing; v.Position needs all its fields" },
	{ "{\"at\":{\"line\":1,\"character\":1,\"z\":1}}", 1,
	  "at: v.Position has no field 'z'" },
	{ "{\"nope\":1}", 1, "v.Item has no field 'nope'" },
	{ "{\"label_type\":1}", 1, "v.Item has no field 'label_type'" },
	{ "{\"done\":true,\n\"done\":true}", 2, "'done' is there twice" },
	{ "{\"any\":{}}", 1, "any: needs 'any_type', which says what it is" },
	{ "{\"any_type\":\"Note\"}", 1,
	  "any: is missing, though there is 'any_type'" },
	{ "{\"any_type\":\"Nota\",\"any\":{}}", 1,
	  "any_type: no type 'Nota' of union v.Any" },
	{ "{\"any_type\":3,\"any\":{}}", 1,
	  "any_type: no type '3' of union v.Any" },
	{ "{\"label\":[]}", 1,
	  "label: a string is expected, and here is an array" },
	{ "[]", 1, "an object is expected, and here is an array" },
	{ "{\n\"done\": true\n\"count\": 1}", 3,
	  "',' or '}' is expected, and here is '\"'" },
	{ "{\"done\":", 1, "a value is expected, and the text ends" },
	{ "{} x", 1, "the end of the text is expected, and here is 'x'" },
	{ "", 1, "a value is expected, and the text ends" },
	{ "{\"score\":01}", 1, "',' or '}' is expected, and here is '1'" },
	{ "{\"score\":1.}", 1,
	  "digits are expected behind the point, and here is '}'" },
	{ "{\"score\":1e}", 1, "an exponent is expected, and here is '}'" },
	{ "{'done':true}", 1, "a name in quotes is expected" },
	{ "{\"done\":true,}", 1,
	  "a name in quotes is expected, and here is '}'" },
	{ "{\"label\":\"\n\"}", 1,
	  "the end of the string is expected, and here is the byte 0x0a" },
	{ "{\"label\":\"\xff\"}", 1, "the string before is not UTF-8" },
	{ "{\"label\":\"\\ud800\"}", 1, "the second half of a surrogate" },
	{ "{\"label\":\"\\udc00\"}", 1, "this half of a surrogate pair" },
	{ "{\"label\":\"\\u12g4\"}", 1, "\\u takes four hexadecimal digits" },
	{ "{\"label\":\"\\x\"}", 1, "a letter of \"\\/bfnrtu is expected" },
	{ "{\"la\\u0000bel\":\"\"}", 1, "names without \\u0000" },
};

static void errors_name_the_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		const struct mistake *mistake = &mistakes[i];
		struct reflect_arena arena = { 0 };
		struct reflect_error error = { 0 };
		const uint8_t *data;
		size_t size;
		int ret = schema_json_encode(&schema, ITEM, mistake->json,
					     strlen(mistake->json), &arena,
					     &data, &size, &error);

		if (ret != -EINVAL || error.line != mistake->line ||
		    strncmp(error.text, mistake->text, strlen(mistake->text)) !=
			    0)
			fail_msg("%s: %d, line %u: %s", mistake->json, ret,
				 error.line, error.text);
		reflect_free(&arena);
	}
}

static void escapes_are_read(void **state)
{
	(void)state;
	check_encode(ITEM, "{\"label\":\"\\u00e9\\u20ac\\ud83d\\ude00\\/\"}",
		     "00 04 c3 a9 e2 82 ac f0 9f 98 80 2f");
	check_encode(ITEM, " {\r\n\t\"l\\u0061bel\" : \"x\" } \n", "00 04 78");
	check_encode(ITEM, "{\"wide\":-0}",
		     "17 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
		     "00 00 00 00 00 80");
}

static void null_is_absent(void **state)
{
	(void)state;
	check_encode(ITEM, "{\"score\":null,\"label\":null,\"at\":null}", "");
	check_encode(ITEM, "{\"any_type\":\"NONE\",\"any\":null}", "");
}

static void defaults_are_printed_if_wanted(void **state)
{
	char *text = json_of(ITEM, NULL, 0,
			     SCHEMA_JSON_COMPACT | SCHEMA_JSON_DEFAULTS);

	(void)state;
	assert_string_equal(text, "{\"done\":false,\"count\":5,\"kind\":"
				  "\"Text\",\"wide\":0,\"style\":0,\"big\":0,"
				  "\"small\":-1}");
	free(text);
	text = json_of(NOTE, "\0\4x", 3, 0);
	assert_string_equal(text, "{\n  \"text\": \"x\"\n}");
	free(text);
}

static void layout_is_worked_out_again(void **state)
{
	struct fastipc_schema_table moved[COUNT(tables)];
	struct fastipc_schema_field fields[COUNT(item_fields)];
	struct fastipc_schema other = schema;
	struct reflect_error error = { 0 };

	(void)state;
	if (reflect_check_schema(&schema, &error))
		print_error("%s\n", error.text);
	assert_int_equal(reflect_check_schema(&schema, &error), 0);
	memcpy(moved, tables, sizeof(moved));
	memcpy(fields, item_fields, sizeof(fields));
	moved[ITEM].fields = fields;
	other.tables = moved;
	fields[3].presence = 2;
	assert_int_equal(reflect_check_schema(&other, &error), -EINVAL);
	assert_non_null(strstr(error.text, "v.Item.score"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encode_gives_the_bytes),
		cmocka_unit_test(decode_gives_the_text),
		cmocka_unit_test(other_forms_are_read),
		cmocka_unit_test(wrong_bytes_are_refused),
		cmocka_unit_test(strings_may_be_any_bytes),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(small_records_end_at_64k),
		cmocka_unit_test(numbers_are_exact),
		cmocka_unit_test(errors_name_the_place),
		cmocka_unit_test(escapes_are_read),
		cmocka_unit_test(null_is_absent),
		cmocka_unit_test(defaults_are_printed_if_wanted),
		cmocka_unit_test(layout_is_worked_out_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
