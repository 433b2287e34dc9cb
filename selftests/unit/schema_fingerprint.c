// SPDX-License-Identifier: MIT
/*
 * Fingerprints: always the same, of what changes bytes or names, and of
 * nothing else.
 */
#include "schema_texts.h"

/* Made by another implementation of what fastipc_schema(5) says. */
static void fingerprints_never_change(void **state)
{
	struct fastipc_schema *schema = load(
		"t",
		"namespace g; attribute \"large\";"
		"enum Kind : ubyte { Code = 4, Text = 0 }"
		"struct Pos { line: uint; kind: Kind; }"
		"struct Range { from: Pos; on: bool; }"
		"table Leaf { x: int = -5 (id: 0); }"
		"union Any { Leaf, other: Item = 5 }"
		"table Item (large) { label: string (id: 0, required);"
		"kind: Kind = Code (id: 1); score: double = null (id: 2);"
		"range: Range (id: 3); any: Any (id: 5);"
		"children: [Item] (id: 6); numbers: [ushort] (id: 7);"
		"flag: bool = true (id: 8, deprecated); }"
		"rpc_service Search (id: 3) {"
		"Find(Leaf):Item (id: 0, streaming: \"server\", idempotent);"
		"Ping(Leaf):Leaf (id: 7); }"
		"root_type Item;");

	(void)state;
	assert_true(schema->tables[0].wire == UINT64_C(0xafcc97b84c6ef956));
	assert_true(schema->tables[0].full == UINT64_C(0xe92da0f9a74aea51));
	assert_true(schema->tables[1].wire == UINT64_C(0x5e0430e4d479ddab));
	assert_true(schema->tables[1].full == UINT64_C(0x623409a236e789bc));
	assert_true(schema->services[0].wire == UINT64_C(0xa456eb280fb610fd));
	assert_true(schema->services[0].full == UINT64_C(0x2eed92773a1a21ec));
	assert_true(schema->wire == UINT64_C(0xf4f3ac5a63aa8c6f));
	assert_true(schema->full == UINT64_C(0x1865997cf702bfc2));
	schema_free(schema);
}

enum change { NOTHING, NAMES, BYTES };

static const char base[] =
	"enum E : ubyte { A, B, C }\n"
	"struct P { x: int; y: int; }\n"
	"table Leaf { v: int = 1 (id: 0); }\n"
	"union U { Leaf, Item }\n"
	"table Item {\n"
	"  name: string (id: 0); size: uint (id: 1); p: P (id: 2);\n"
	"  e: E = B (id: 3); u: U (id: 5); more: [Item] (id: 6);\n"
	"  tags: [string] (id: 7); leaf: Leaf (id: 8); o: int (id: 9);\n"
	"}\n"
	"rpc_service S (id: 1) { M(Item):Leaf (id: 0); }\n";

/* One word of the text above for another; and what of Item that changes. */
static const struct {
	const char *before;
	const char *after;
	enum change change;
} changes[] = {
	{ "table Leaf", "// a comment\n\n  table   Leaf", NOTHING },
	{ "table Leaf", "/// doc\ntable Leaf", NOTHING },
	{ "rpc_service", "table New { x: int (id: 0); }\nrpc_service",
	  NOTHING },
	{ "A, B, C", "B = 1, C = 2, A = 0", NOTHING },
	{ "v: int = 1", "v: int = 0x1", NOTHING },
	{ "name: string", "title: string", NAMES },
	{ "A, B, C", "A, B, D", NAMES },
	{ "A, B, C", "A, B, C, D", NAMES },
	{ "x: int; y", "z: int; y", NAMES },
	{ "name: string (id: 0)", "name: string (id: 0, required)", NAMES },
	{ "size: uint (id: 1)", "size: uint (id: 1, deprecated)", NAMES },
	{ "{ Leaf, Item }", "{ leaf: Leaf, Item }", NAMES },
	{ "v: int", "w: int", NAMES },
	{ "enum E : ubyte", "enum E : ubyte (bit_flags)", BYTES }, /* = B */
	{ "size: uint", "size: int", BYTES },
	{ "size: uint", "size: ushort", BYTES },
	{ "size: uint", "size: uint = 1", BYTES },
	{ "size: uint", "size: uint = null", BYTES },
	{ "o: int (id: 9)", "o: int (id: 9); n: int (id: 10)", BYTES },
	{ "o: int (id: 9);", "", BYTES },
	{ "x: int; y: int", "x: int; y: uint", BYTES },
	{ "x: int; y: int", "x: int; y: int; z: int", BYTES },
	{ "enum E : ubyte", "enum E : byte", BYTES },
	{ "v: int = 1", "v: int = 2", BYTES },
	{ "{ Leaf, Item }", "{ Item, Leaf }", BYTES },
	{ "{ Leaf, Item }", "{ Leaf, Item, again: Leaf }", BYTES },
	{ "{ Leaf, Item }", "{ Leaf = 3, Item }", BYTES },
	{ "more: [Item]", "more: Item", BYTES },
	{ "more: [Item]", "more: [Leaf]", BYTES },
	{ "tags: [string]", "tags: [ubyte]", BYTES },
	{ "tags: [string]", "tags: string", BYTES },
	{ "enum E", "attribute \"large\"; enum E", NOTHING },
};

static struct fastipc_schema *load_changed(const char *before,
					   const char *after)
{
	const char *place = strstr(base, before);
	char text[2 * sizeof(base)];

	assert_non_null(place);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - base), base,
		 after, place + strlen(before));
	return load("t", text);
}

static void what_changes_bytes_changes_them(void **state)
{
	struct fastipc_schema *schema = load("t", base);
	const struct fastipc_schema_table *item = &schema->tables[1];

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct fastipc_schema *other =
			load_changed(changes[i].before, changes[i].after);
		const struct fastipc_schema_table *now =
			&other->tables[schema_find_table(other, "Item")];

		if ((now->wire == item->wire) != (changes[i].change < BYTES) ||
		    (now->full == item->full) != (changes[i].change < NAMES))
			fail_msg("'%s' to '%s'", changes[i].before,
				 changes[i].after);
		/* What is of a part is of the whole. */
		if (changes[i].change == BYTES)
			assert_true(other->wire != schema->wire &&
				    other->services[0].wire !=
					    schema->services[0].wire);
		schema_free(other);
	}
	schema_free(schema);
}

static void services_have_their_own(void **state)
{
	static const struct {
		const char *after;
		enum change change;
	} methods[] = {
		{ "rpc_service T (id: 1) { M(Item):Leaf (id: 0); }", NAMES },
		{ "rpc_service S (id: 1) { N(Item):Leaf (id: 0); }", NAMES },
		{ "rpc_service S (id: 1) { M(Item):Leaf (id: 0, idempotent); }",
		  NAMES },
		{ "rpc_service S (id: 2) { M(Item):Leaf (id: 0); }", BYTES },
		{ "rpc_service S (id: 1) { M(Item):Leaf (id: 1); }", BYTES },
		{ "rpc_service S (id: 1) { M(Item):Item (id: 0); }", BYTES },
		{ "rpc_service S (id: 1) { M(Item):Leaf (id: 0, streaming: "
		  "\"client\"); }",
		  BYTES },
	};
	struct fastipc_schema *schema = load("t", base);

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct fastipc_schema *other = load_changed(
			"rpc_service S (id: 1) { M(Item):Leaf (id: 0); }",
			methods[i].after);

		assert_true(
			(other->services[0].wire != schema->services[0].wire) ==
			(methods[i].change == BYTES));
		assert_true(other->services[0].full !=
			    schema->services[0].full);
		assert_true(other->tables[1].full == schema->tables[1].full);
		schema_free(other);
	}
	schema_free(schema);
}

/* Bytes do not tell how often a type is declared, nor what it is called. */
static void wire_is_about_structure(void **state)
{
	struct fastipc_schema *schema = load(
		"t", "table A { next: A (id: 0); }"
		     "table B { next: C (id: 0); } table C { next: B (id: 0); }"
		     "table D { next: [D] (id: 0); }");

	(void)state;
	assert_true(schema->tables[0].wire == schema->tables[1].wire);
	assert_true(schema->tables[1].wire == schema->tables[2].wire);
	assert_true(schema->tables[0].wire != schema->tables[3].wire);
	assert_true(schema->tables[0].full != schema->tables[1].full);
	schema_free(schema);
}

/* The order of declarations means nothing. */
static void order_means_nothing(void **state)
{
	struct fastipc_schema *schema = load(
		"t", "table A { b: B (id: 0); } table B { x: int (id: 0); }"
		     "enum E : byte { X } enum F : byte { Y }");
	struct fastipc_schema *other = load(
		"t", "enum F : byte { Y } enum E : byte { X }"
		     "table B { x: int (id: 0); } table A { b: B (id: 0); }");

	(void)state;
	assert_true(schema->wire == other->wire);
	assert_true(schema->full == other->full);
	schema_free(schema);
	schema_free(other);
	schema = load("t", "table A { } table B { }");
	other = load("t", "table A { } table B { } root_type A;");
	assert_true(schema->wire != other->wire);
	schema_free(schema);
	schema_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprints_never_change),
		cmocka_unit_test(what_changes_bytes_changes_them),
		cmocka_unit_test(services_have_their_own),
		cmocka_unit_test(wire_is_about_structure),
		cmocka_unit_test(order_means_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
