// SPDX-License-Identifier: MIT
/*
 * Schemas that are right: where their fields are, by hand from
 * fastipc_codec(7), and what else their descriptors tell.
 */
#include <math.h>

#include "schema_texts.h"

#define NONE FASTIPC_SCHEMA_NONE

static const struct fastipc_schema_table *
table(const struct fastipc_schema *schema, const char *name)
{
	uint16_t index = schema_find_table(schema, name);

	assert_int_not_equal(index, NONE);
	return &schema->tables[index];
}

struct place {
	uint16_t id;
	uint16_t offset;
	uint16_t bit;
	uint16_t presence;
	uint16_t variable;
};

static void assert_places(const struct fastipc_schema_table *table,
			  const struct place *places, size_t count,
			  uint16_t fixed_size, uint16_t variables)
{
	assert_int_equal(table->field_count, count);
	for (size_t i = 0; i < count; i++) {
		const struct fastipc_schema_field *field = &table->fields[i];

		assert_int_equal(field->id, places[i].id);
		assert_int_equal(field->offset, places[i].offset);
		assert_int_equal(field->bit, places[i].bit);
		assert_int_equal(field->presence, places[i].presence);
		assert_int_equal(field->variable, places[i].variable);
	}
	assert_int_equal(table->fixed_size, fixed_size);
	assert_int_equal(table->variables, variables);
}

static void each_kind_of_field_has_its_place(void **state)
{
	static const struct place places[] = {
		{ 0, NONE, NONE, 0, 0 },    /* a byte of bits at 0 */
		{ 1, 1, NONE, NONE, NONE }, /* an enum of 1 byte */
		{ 2, 2, NONE, 1, NONE },    /* = null: a bit, 8 bytes */
		{ 3, 10, NONE, 2, NONE },   /* a struct: a bit, 7 bytes */
		{ 5, 17, NONE, NONE, 1 },   /* a union's type */
		{ 6, NONE, NONE, 3, 2 },       { 7, NONE, NONE, 4, 3 },
		{ 8, NONE, NONE, 5, 4 },       { 9, NONE, NONE, 6, 5 },
		{ 10, NONE, 7, NONE, NONE },   /* the last bit of byte 0 */
		{ 11, 18, NONE, NONE, NONE },  /* a float */
		{ 12, NONE, 176, NONE, NONE }, /* bit 0 of byte 22 */
		{ 13, NONE, 178, 177, NONE },  /* presence comes first */
		{ 14, 23, NONE, NONE, NONE },  /* deprecated, in its place */
		{ 15, NONE, NONE, 179, 6 },    /* back to byte 22 */
		{ 16, 25, NONE, NONE, NONE },
	};
	struct fastipc_schema *schema = load(
		"t", "enum Kind : ubyte { Text, Code = 4 }"
		     "struct Pos { line: uint; character: ushort; b: bool; }"
		     "table Sub { }"
		     "union Any { Sub }"
		     /* not in order of id */
		     "table Item { last: ulong (id: 16);"
		     "label: string (id: 0); kind: Kind (id: 1);"
		     "score: double = null (id: 2); pos: Pos (id: 3);"
		     "any: Any (id: 5); sub: Sub (id: 6);"
		     "children: [Item] (id: 7); tags: [string] (id: 8);"
		     "numbers: [uint] (id: 9); flag: bool (id: 10);"
		     "f: float (id: 11); g: bool (id: 12);"
		     "h: bool = null (id: 13); old: short (id: 14, deprecated);"
		     "places: [Pos] (id: 15); }");

	(void)state;
	assert_places(table(schema, "Item"), places, 16, 33, 7);
	assert_places(table(schema, "Sub"), NULL, 0, 0, 0);
	schema_free(schema);
}

static void bits_fill_their_byte(void **state)
{
	static const struct place places[] = {
		{ 0, NONE, 0, NONE, NONE }, { 1, NONE, 1, NONE, NONE },
		{ 2, 1, NONE, NONE, NONE }, { 3, NONE, 2, NONE, NONE },
		{ 4, NONE, 3, NONE, NONE }, { 5, NONE, 4, NONE, NONE },
		{ 6, NONE, 5, NONE, NONE }, { 7, NONE, 6, NONE, NONE },
		{ 8, NONE, 7, NONE, NONE }, { 9, NONE, 72, NONE, NONE },
	};
	struct fastipc_schema *schema =
		load("t", "table T { a: bool (id: 0); b: bool (id: 1); "
			  "c: long (id: 2); d: bool (id: 3); e: bool (id: 4); "
			  "f: bool (id: 5); g: bool (id: 6); h: bool (id: 7); "
			  "i: bool (id: 8); j: bool (id: 9); }");

	(void)state;
	assert_places(table(schema, "T"), places, 10, 10, 0);
	schema_free(schema);
}

static void structs_have_no_padding(void **state)
{
	struct fastipc_schema *schema =
		load("t", "enum E : short { Z }"
			  "struct A { x: byte; y: long; e: E; b: bool; }"
			  "struct B { a: A; f: float; b: A; }");
	const struct fastipc_schema_struct *a = &schema->structs[0];
	const struct fastipc_schema_struct *b = &schema->structs[1];

	(void)state;
	assert_int_equal(a->size, 12);
	assert_int_equal(a->fields[1].offset, 1);
	assert_int_equal(a->fields[2].offset, 9);
	assert_int_equal(a->fields[2].type, FASTIPC_TYPE_I16);
	assert_int_equal(a->fields[2].ref, 0);
	assert_int_equal(a->fields[3].offset, 11);
	assert_int_equal(a->fields[3].bit, NONE);
	assert_int_equal(b->size, 28);
	assert_int_equal(b->fields[1].offset, 12);
	assert_int_equal(b->fields[2].offset, 16);
	assert_int_equal(b->fields[2].type, FASTIPC_TYPE_STRUCT);
	assert_int_equal(b->fields[2].ref, 0);
	assert_int_equal(schema_type_size(schema, FASTIPC_TYPE_STRUCT, 1), 28);
	schema_free(schema);
}

static uint64_t double_bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static void defaults_are_bits(void **state)
{
	static const struct {
		const char *type;
		const char *value;
		uint64_t bits;
	} defaults[] = {
		{ "byte", "-1", 0xff },
		{ "byte", "-128", 0x80 },
		{ "short", "-0x10", 0xfff0 },
		{ "int", "+7", 7 },
		{ "long", "-9223372036854775808", UINT64_C(1) << 63 },
		{ "ulong", "18446744073709551615", UINT64_MAX },
		{ "uint32", "0xffffffff", 0xffffffff },
		{ "bool", "true", 1 },
		{ "bool", "0", 0 },
		{ "float", "1.5", 0x3fc00000 },
		{ "float", "-0.0", 0x80000000 },
		{ "float", "inf", 0x7f800000 },
		/* Rounded once: by way of a double it would be 0x3f800000. */
		{ "float", "1.00000005960464477540", 0x3f800001 },
		{ "double", "-1e-3", UINT64_C(0xbf50624dd2f1a9fc) },
		{ "double", ".5", UINT64_C(0x3fe0000000000000) },
		{ "Kind", "Code", 0xfc },
		{ "Kind", "-4", 0xfc },
		{ "Set", "\"A C\"", 5 },
		{ "Set", "6", 6 },
		{ "Set", "C", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		struct fastipc_schema *schema;
		char text[256];

		snprintf(text, sizeof(text),
			 "enum Kind : byte { Text, Code = -4 }"
			 "enum Set : ubyte (bit_flags) { A, B, C }"
			 "table T { x: %s = %s (id: 0); }",
			 defaults[i].type, defaults[i].value);
		schema = load("t", text);
		assert_true(schema->tables[0].fields[0].default_bits ==
			    defaults[i].bits);
		schema_free(schema);
	}
	assert_true(double_bits(-1e-3) == UINT64_C(0xbf50624dd2f1a9fc));
}

static void values_count_on(void **state)
{
	struct fastipc_schema *schema =
		load("t", "enum E : short { A = 5, B, C = -2, D, E = 0x7fff }"
			  "enum F : ulong (bit_flags) { A, B, C = 63, }"
			  "table X { } table Y { }"
			  "union U { X = 9, Y, other: X = 1 }");
	const struct fastipc_schema_value *e = schema->enums[0].values;
	const struct fastipc_schema_value *f = schema->enums[1].values;
	const struct fastipc_schema_member *u = schema->unions[0].members;

	(void)state;
	assert_int_equal(schema->enums[0].flags, 0);
	assert_int_equal(schema->enums[0].type, FASTIPC_TYPE_I16);
	assert_int_equal(e[0].bits, 5);
	assert_int_equal(e[1].bits, 6);
	assert_int_equal(e[2].bits, 0xfffe);
	assert_int_equal(e[3].bits, 0xffff);
	assert_int_equal(e[4].bits, 0x7fff);
	assert_int_equal(schema->enums[1].flags, FASTIPC_ENUM_FLAGS);
	assert_true(f[0].bits == 1 && f[1].bits == 2);
	assert_true(f[2].bits == UINT64_C(1) << 63);
	/* in order of value */
	assert_int_equal(schema->unions[0].member_count, 3);
	assert_string_equal(u[0].name, "other");
	assert_int_equal(u[0].value, 1);
	assert_int_equal(u[0].table, 0);
	assert_int_equal(u[1].value, 9);
	assert_string_equal(u[2].name, "Y");
	assert_int_equal(u[2].value, 10);
	assert_int_equal(u[2].table, 1);
	schema_free(schema);
}

static void names_are_found_outwards(void **state)
{
	struct fastipc_schema *schema =
		load("t", "table Top { } table Item { }\n"
			  "namespace a; table Item { } table Only { }\n"
			  "namespace a.b; table Item { }\n"
			  "table T { own: Item (id: 0); around: Only (id: 1);"
			  "  top: Top (id: 2); whole: a.Item (id: 3);"
			  "  later: Late (id: 4); self: [T] (id: 5);"
			  "  far: a.c.Far (id: 6); }\n"
			  "table Late { }\n"
			  "union U { Item, a.Item }\n"
			  "namespace a.c; table Far { }\n"
			  "namespace ; table End { x: a.b.Item (id: 0); }");
	const struct fastipc_schema_table *t = table(schema, "a.b.T");
	static const char *const expected[] = { "a.b.Item", "a.Only",	"Top",
						"a.Item",   "a.b.Late", "a.b.T",
						"a.c.Far" };

	(void)state;
	for (int i = 0; i < 7; i++)
		assert_string_equal(schema->tables[t->fields[i].ref].name,
				    expected[i]);
	assert_string_equal(
		schema->tables[table(schema, "End")->fields[0].ref].name,
		"a.b.Item");
	assert_string_equal(schema->unions[0].members[0].name, "Item");
	assert_string_equal(schema->unions[0].members[1].name, "a_Item");
	/* The last part is enough if it is the only one. */
	assert_int_not_equal(schema_find_table(schema, "Far"), NONE);
	assert_string_equal(
		schema->tables[schema_find_table(schema, "Item")].name, "Item");
	assert_int_equal(schema_find_table(schema, "Nothing"), NONE);
	schema_free(schema);
	schema = load("t", "namespace a; table X { } namespace b; table X { }");
	assert_int_equal(schema_find_table(schema, "X"), NONE);
	assert_int_equal(schema_find_table(schema, "b.X"), 1);
	schema_free(schema);
}

static void comments_are_carried(void **state)
{
	struct fastipc_schema *schema = load("t", "/// About the file,\n"
						  "namespace a;\n"
						  "/// A table\n"
						  "///   of two lines.\n"
						  "// not this\n"
						  "/* nor this */\n"
						  "table T {\n"
						  "  /// One.\r\n"
						  "  x: int (id: 0);\n"
						  "  y: int (id: 1); // no\n"
						  "  ///\n"
						  "}\n"
						  "/// E\n"
						  "enum E : byte {\n"
						  "  /// V\n"
						  "  V }\n");

	(void)state;
	assert_string_equal(schema->tables[0].doc, "A table\n  of two lines.");
	assert_int_equal(schema->tables[0].line, 7);
	assert_string_equal(schema->tables[0].fields[0].doc, "One.");
	assert_int_equal(schema->tables[0].fields[0].line, 9);
	assert_null(schema->tables[0].fields[1].doc);
	assert_string_equal(schema->enums[0].doc, "E");
	assert_string_equal(schema->enums[0].values[0].doc, "V");
	schema_free(schema);
}

static void services_have_types_of_messages(void **state)
{
	struct fastipc_schema *schema = load(
		"t", "rpc_service S (id: 254) {\n"
		     "  B(Q):R (id: 255, streaming: \"bidi\");\n"
		     "  A(Q):Q (id: 0, idempotent, streaming: \"server\");\n"
		     "  C(R):Q (id: 2, streaming: \"client\");\n"
		     "  D(R):Q (id: 3, streaming: \"none\"); }\n"
		     "table Q { } table R { }\n"
		     "root_type R;");
	const struct fastipc_schema_service *service = &schema->services[0];

	(void)state;
	assert_int_equal(service->id, 254);
	assert_int_equal(service->method_count, 4);
	assert_string_equal(service->methods[0].name, "A");
	assert_int_equal(service->methods[0].type, 0xfe00);
	assert_int_equal(service->methods[0].flags,
			 FASTIPC_METHOD_IDEMPOTENT |
				 FASTIPC_METHOD_SERVER_STREAM);
	assert_int_equal(service->methods[1].flags,
			 FASTIPC_METHOD_CLIENT_STREAM);
	assert_int_equal(service->methods[2].flags, 0);
	assert_int_equal(service->methods[3].type, 0xfeff);
	assert_int_equal(service->methods[3].flags,
			 FASTIPC_METHOD_CLIENT_STREAM |
				 FASTIPC_METHOD_SERVER_STREAM);
	assert_int_equal(service->methods[3].request, 0);
	assert_int_equal(service->methods[3].response, 1);
	assert_int_equal(schema->root, 1);
	schema_free(schema);
}

static void flags_of_fields_are_told(void **state)
{
	struct fastipc_schema *schema = load(
		"t", "\xef\xbb\xbf"
		     "attribute \"large\";"
		     "table T (large) { a: string (id: 0, required);"
		     "b: [ubyte] (id: 1, deprecated); c: int = null (id: 2); }"
		     "table table { union: int (id: 0); }");
	const struct fastipc_schema_field *fields = schema->tables[0].fields;

	(void)state;
	assert_int_equal(schema->tables[0].flags, FASTIPC_TABLE_LARGE);
	assert_int_equal(fields[0].flags, FASTIPC_FIELD_REQUIRED);
	assert_int_equal(fields[1].flags,
			 FASTIPC_FIELD_VECTOR | FASTIPC_FIELD_DEPRECATED);
	assert_int_equal(fields[2].flags, FASTIPC_FIELD_OPTIONAL);
	assert_int_equal(schema->root, NONE);
	schema_free(schema);
	schema_free(load("t", "namespace a;"));
	schema_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_field_has_its_place),
		cmocka_unit_test(bits_fill_their_byte),
		cmocka_unit_test(structs_have_no_padding),
		cmocka_unit_test(defaults_are_bits),
		cmocka_unit_test(values_count_on),
		cmocka_unit_test(names_are_found_outwards),
		cmocka_unit_test(comments_are_carried),
		cmocka_unit_test(services_have_types_of_messages),
		cmocka_unit_test(flags_of_fields_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
