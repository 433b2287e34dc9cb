// SPDX-License-Identifier: MIT
/*
 * Two versions of a schema: what is incompatible, at which level, where; and
 * what may be changed.
 */
#include "schema/compat.h"
#include "schema_texts.h"

/* What is printed; the caller frees it. */
static char *check(const char *before, const char *now, enum schema_level level,
		   int *count)
{
	struct fastipc_schema *old_schema = load("old", before);
	struct fastipc_schema *new_schema = load("new", now);
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	*count = schema_check(old_schema, new_schema, level, stream);
	fclose(stream);
	schema_free(old_schema);
	schema_free(new_schema);
	return text;
}

static const char base[] = "namespace a;\n"
			   "attribute \"large\";\n"
			   "enum E : ubyte { A, B, C }\n"
			   "struct P { x: int; y: int; }\n"
			   "table Leaf { v: int = 1 (id: 0); }\n"
			   "table Other { v: int = 1 (id: 0); }\n"
			   "union U { Leaf, Other }\n"
			   "table Item {\n"
			   "  name: string (id: 0, required);\n"
			   "  size: uint (id: 1);\n"
			   "  p: P (id: 2);\n"
			   "  e: E = B (id: 3);\n"
			   "  u: U (id: 5);\n"
			   "  leaf: Leaf (id: 6);\n"
			   "  tags: [string] (id: 7);\n"
			   "  last: int (id: 8);\n"
			   "}\n"
			   "rpc_service S (id: 1) {\n"
			   "  M(Item):Leaf (id: 0, idempotent);\n"
			   "  N(Item):Leaf (id: 1);\n"
			   "}\n"
			   "root_type Item;\n";

/* One word of it for another, and the line that tells what that breaks. */
static const struct {
	const char *before;
	const char *after;
	const char *line; /* NULL: nothing */
} changes[] = {
	/* tables */
	{ "last: int (id: 8);", "last: int (id: 8); more: string (id: 9);",
	  NULL },
	{ "last: int (id: 8);",
	  "last: int (id: 8); more: string (id: 9, required);",
	  "new:16: WIRE: 'a.Item.more' is new and required: old messages are "
	  "refused (old:8)" },
	{ "  last: int (id: 8);\n", "",
	  "new:8: WIRE: 'a.Item.last' is gone, which had the id 8: deprecate "
	  "it instead (old:16)" },
	{ "size: uint", "size: int",
	  "new:10: WIRE: the type of 'a.Item.size' was uint, and is int "
	  "(old:10)" },
	{ "size: uint", "size: [uint]",
	  "new:10: WIRE: the type of 'a.Item.size' was uint, and is [uint] "
	  "(old:10)" },
	{ "size: uint", "size: uint = 5",
	  "new:10: WIRE: the default of 'a.Item.size' was 0x0, and is 0x5: it "
	  "is part of what is sent (old:10)" },
	{ "size: uint", "size: uint = null",
	  "new:10: WIRE: 'a.Item.size' was not = null (old:10)" },
	{ "name: string (id: 0, required)", "name: string (id: 0)",
	  "new:9: WIRE: 'a.Item.name' is not required now: old readers refuse "
	  "messages without it (old:9)" },
	{ "tags: [string] (id: 7)", "tags: [string] (id: 7, required)",
	  "new:15: WIRE: 'a.Item.tags' is required now: messages that have it "
	  "not are refused (old:15)" },
	{ "tags: [string]", "tags: [ubyte]",
	  "new:15: WIRE: the type of 'a.Item.tags' was [string], and is "
	  "[ubyte] (old:15)" },
	{ "size: uint", "length: uint",
	  "new:10: JSON: 'a.Item.size' is called 'length' now (old:10)" },
	{ "size: uint (id: 1)", "size: uint (id: 1, deprecated)",
	  "new:10: SOURCE: 'a.Item.size' is deprecated now: it has no "
	  "accessors (old:10)" },
	{ "table Item {", "table Item (large) {",
	  "new:8: WIRE: 'a.Item' was not large (old:8)" },
	{ "leaf: Leaf", "leaf: Other",
	  "new:14: SOURCE: the type of 'a.Item.leaf' was a.Leaf, and is "
	  "a.Other (old:14)" },
	{ "leaf: Leaf", "leaf: Item",
	  "new:9: WIRE: the type of 'a.Item.name' was int, and is string "
	  "(old:5)" },
	{ "e: E = B", "e: ubyte = 1",
	  "new:12: JSON: the type of 'a.Item.e' was a.E, and is ubyte: the "
	  "same bytes (old:12)" },
	{ "p: P (id: 2)", "p: Leaf (id: 2)",
	  "new:11: WIRE: the type of 'a.Item.p' was a.P, and is a.Leaf "
	  "(old:11)" },
	{ "\n  tags: [string] (id: 7);\n  last: int (id: 8);",
	  "\n  tags: [string] (id: 8);\n  last: int (id: 7);",
	  "new:15: WIRE: 'a.Item.tags' has moved from 7 to 8 (old:15)" },
	{ "table Leaf { v: int = 1 (id: 0); }",
	  "table Leaf { v: int = 2 (id: 0); }",
	  "new:5: WIRE: the default of 'a.Leaf.v' was 0x1, and is 0x2: it is "
	  "part of what is sent (old:5)" },
	/* enums */
	{ "A, B, C", "A, B, C, D", NULL },
	{ "A, B, C", "C = 2, B = 1, A = 0", NULL },
	{ "A, B, C", "A, B", "new:3: JSON: 'a.E.C' is gone (old:3)" },
	{ "A, B, C", "A, B, D",
	  "new:3: JSON: 'a.E.C' is called 'D' now (old:3)" },
	{ "A, B, C", "A, B, C = 5",
	  "new:3: WIRE: 'a.E.C' is another number: it was 0x2, and is 0x5 "
	  "(old:3)" },
	{ "enum E : ubyte", "enum E : byte",
	  "new:3: WIRE: the enum 'a.E' was of type ubyte, and is of type byte "
	  "(old:3)" },
	{ "enum E : ubyte", "enum E : ubyte (bit_flags)",
	  "new:3: JSON: the enum 'a.E' was not bit_flags (old:3)" },
	/* structs */
	{ "x: int; y: int;", "x: int; y: int; z: int;",
	  "new:4: WIRE: the struct 'a.P' had 2 fields, and has 3: a struct "
	  "cannot grow (old:4)" },
	{ "x: int; y: int;", "x: int; y: uint;",
	  "new:4: WIRE: the type of 'a.P.y' was int, and is uint (old:4)" },
	{ "x: int; y: int;", "y: int; x: int;",
	  "new:4: WIRE: 'a.P.x' has moved from 0 to 1 (old:4)" },
	{ "x: int; y: int;", "x: int; z: int;",
	  "new:4: JSON: 'a.P.y' is called 'z' now (old:4)" },
	/* unions */
	{ "{ Leaf, Other }", "{ Leaf, Other, Item }", NULL },
	{ "{ Leaf, Other }", "{ Other = 2, Leaf = 1 }", NULL },
	{ "{ Leaf, Other }", "{ Other, Leaf }",
	  "new:7: WIRE: 'a.U.Leaf' has moved from 1 to 2 (old:7)" },
	{ "{ Leaf, Other }", "{ Leaf }",
	  "new:7: WIRE: 'a.U.Other' is gone, which had the value 2 (old:7)" },
	{ "{ Leaf, Other }", "{ Leaf, other: Other }",
	  "new:7: JSON: 'a.U.Other' is called 'other' now (old:7)" },
	{ "{ Leaf, Other }", "{ Leaf, Other: Item }",
	  "new:9: WIRE: the type of 'a.Item.name' was int, and is string "
	  "(old:6)" },
	/* services */
	{ "rpc_service S (id: 1)", "rpc_service S (id: 2)",
	  "new:18: WIRE: the rpc_service 'a.S' has the id 2 now, and had 1 "
	  "(old:18)" },
	{ "rpc_service S (id: 1)", "rpc_service T (id: 1)",
	  "new:18: SOURCE: the rpc_service 'a.S' is called 'a.T' now "
	  "(old:18)" },
	{ "rpc_service S (id: 1)", "rpc_service T (id: 2)",
	  "new: WIRE: the rpc_service 'a.S' is gone, which had the id 1 "
	  "(old:18)" },
	{ "  N(Item):Leaf (id: 1);\n", "",
	  "new:18: WIRE: 'a.S.N' is gone, which had the id 1 (old:20)" },
	{ "N(Item):Leaf (id: 1)", "N(Item):Leaf (id: 2)",
	  "new:20: WIRE: 'a.S.N' has the id 2 now, and had 1 (old:20)" },
	{ "N(Item):Leaf (id: 1)", "O(Item):Leaf (id: 1)",
	  "new:20: SOURCE: 'a.S.N' is called 'O' now (old:20)" },
	{ "N(Item):Leaf (id: 1)", "N(Item):Leaf (id: 1); O(Item):Leaf (id: 9)",
	  NULL },
	{ "N(Item):Leaf (id: 1)", "N(Item):Other (id: 1)",
	  "new:20: SOURCE: 'a.S.N' was (a.Item):a.Leaf, and is "
	  "(a.Item):a.Other (old:20)" },
	{ "N(Item):Leaf (id: 1)", "N(Item):Leaf (id: 1, streaming: \"server\")",
	  "new:20: WIRE: 'a.S.N' streams in another way (old:20)" },
	{ "(id: 0, idempotent)", "(id: 0)",
	  "new:19: WIRE: 'a.S.M' is not idempotent now: old clients may call "
	  "it twice (old:19)" },
	{ "N(Item):Leaf (id: 1)", "N(Item):Leaf (id: 1, idempotent)", NULL },
	{ "root_type Item;", "",
	  "new: JSON: there is no root_type any more (old:8)" },
	/* of the text only */
	{ "table Item", "/// About\ntable Item", NULL },
};

static char *change(const char *before, const char *after)
{
	const char *place = strstr(base, before);
	char *text = NULL;

	assert_non_null(place);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(place - base), base,
			     after, place + strlen(before)) > 0);
	return text;
}

static enum schema_level level_in(const char *line)
{
	return strstr(line, ": WIRE: ")	  ? SCHEMA_LEVEL_WIRE
	       : strstr(line, ": JSON: ") ? SCHEMA_LEVEL_JSON
					  : SCHEMA_LEVEL_SOURCE;
}

static void each_change_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *now = change(changes[i].before, changes[i].after);
		const char *line = changes[i].line;
		int count;
		char *text = check(base, now, SCHEMA_LEVEL_SOURCE, &count);

		if (line ? !strstr(text, line) || count < 1
			 : *text != '\0' || count)
			fail_msg("'%s' to '%s': %s", changes[i].before,
				 changes[i].after, text);
		free(text);
		/* At the levels below its own it is not. */
		if (line && level_in(line) > SCHEMA_LEVEL_WIRE) {
			text = check(base, now, level_in(line) - 1, &count);
			assert_null(strstr(text, line));
			free(text);
		}
		free(now);
	}
}

static void nothing_is_said_of_the_same(void **state)
{
	int count;
	char *text = check(base, base, SCHEMA_LEVEL_SOURCE, &count);

	(void)state;
	assert_string_equal(text, "");
	assert_int_equal(count, 0);
	free(text);
}

/* Names of types are not in bytes: what refers to them is followed. */
static void renamed_types_are_compared(void **state)
{
	static const char before[] =
		"namespace a;\n"
		"enum E : ubyte { A }\n"
		"struct P { x: int; }\n"
		"table Leaf { v: int (id: 0); }\n"
		"union U { it: Leaf }\n"
		"table Item { p: P (id: 0); e: E (id: 1);\n"
		" u: U (id: 3); l: [Leaf] (id: 4);\n"
		" i: Item (id: 5); }\n"
		"table Alone { i: Item (id: 0); }\n";
	static const char now[] =
		"namespace b;\n"
		"enum E2 : ubyte { A }\n"
		"struct P2 { x: int; }\n"
		"table Leaf2 { v: int (id: 0); }\n"
		"union U2 { it: Leaf2 }\n"
		"table Item2 { p: P2 (id: 0); e: E2 (id: 1);\n"
		" u: U2 (id: 3); l: [Leaf2] (id: 4);\n"
		" i: Item2 (id: 5); }\n"
		"table Alone { i: Item2 (id: 0); }\n";
	int count;
	char *text = check(before, now, SCHEMA_LEVEL_SOURCE, &count);

	(void)state;
	assert_string_equal(
		text,
		"new:2: SOURCE: the enum 'a.E' is called 'b.E2' now (old:2)\n"
		"new:3: SOURCE: the struct 'a.P' is called 'b.P2' now (old:3)\n"
		"new:4: SOURCE: the table 'a.Leaf' is called 'b.Leaf2' now "
		"(old:4)\n"
		"new:5: SOURCE: the union 'a.U' is called 'b.U2' now (old:5)\n"
		"new:6: SOURCE: the table 'a.Item' is called 'b.Item2' now "
		"(old:6)\n"
		"new:9: SOURCE: the table 'a.Alone' is called 'b.Alone' now "
		"(old:9)\n"
		"6 incompatible changes: 6 SOURCE\n");
	assert_int_equal(count, 6);
	free(text);
	text = check(before, now, SCHEMA_LEVEL_JSON, &count);
	assert_int_equal(count, 0);
	free(text);
}

static void what_is_gone_is_told(void **state)
{
	int count;
	/* One of the same bytes that was there before is another. */
	char *text = check("table A { x: int (id: 0); }"
			   "table B { x: int (id: 0); }",
			   "table B { x: int (id: 0); }", SCHEMA_LEVEL_SOURCE,
			   &count);

	(void)state;
	assert_string_equal(text, "new: SOURCE: the table 'A' is gone (old:1)\n"
				  "1 incompatible change: 1 SOURCE\n");
	free(text);
	/* A new one takes its place. */
	text = check("table A { x: int (id: 0); } table B { }",
		     "table B { } table C { x: int (id: 0); }",
		     SCHEMA_LEVEL_SOURCE, &count);
	assert_string_equal(
		text, "new:1: SOURCE: the table 'A' is called 'C' now (old:1)\n"
		      "1 incompatible change: 1 SOURCE\n");
	free(text);
}

static void levels_have_names(void **state)
{
	(void)state;
	assert_int_equal(schema_level_of("wire"), SCHEMA_LEVEL_WIRE);
	assert_int_equal(schema_level_of("json"), SCHEMA_LEVEL_JSON);
	assert_int_equal(schema_level_of("source"), SCHEMA_LEVEL_SOURCE);
	assert_int_equal(schema_level_of("WIRE"), -EINVAL);
	assert_int_equal(schema_level_of(""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_is_told),
		cmocka_unit_test(nothing_is_said_of_the_same),
		cmocka_unit_test(renamed_types_are_compared),
		cmocka_unit_test(what_is_gone_is_told),
		cmocka_unit_test(levels_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
