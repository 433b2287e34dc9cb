// SPDX-License-Identifier: MIT
/*
 * Schemas at the limits and one past them, and schemas of several files.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "schema_texts.h"

/* ---- limits: at each, and one past it ---- */

/* HEAD, COUNT times ITEM with the number in it, TAIL; 0 or -EINVAL. */
static int load_many(const char *head, const char *item, unsigned int first,
		     unsigned int count, const char *tail,
		     struct schema_errors *errors)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	int error;

	assert_non_null(stream);
	fputs(head, stream);
	for (unsigned int i = first; i < first + count; i++) {
		for (const char *c = item; *c; c++) {
			if (*c == '#')
				fprintf(stream, "%u", i);
			else
				fputc(*c, stream);
		}
	}
	fputs(tail, stream);
	fclose(stream);
	error = judge(text, size, errors);
	free(text);
	return error;
}

static void assert_limit(const char *head, const char *item, unsigned int limit,
			 const char *tail, const char *message)
{
	struct schema_errors errors = { 0 };

	assert_int_equal(load_many(head, item, 0, limit, tail, &errors), 0);
	assert_int_equal(load_many(head, item, 0, limit + 1, tail, &errors),
			 -EINVAL);
	assert_int_equal(errors.errors, 1);
	assert_string_equal(errors.list[0].message, message);
	schema_errors_free(&errors);
}

static void limits_are_where_they_are_said_to_be(void **state)
{
	(void)state;
	assert_limit("table A {", "f#: string (id: #);", 63, "}",
		     "'f63' is variable field 64 of 'A': at most 63 are "
		     "allowed");
	assert_limit("table A {", "f#: ubyte (id: #);", 1023, "}",
		     "with 'f1023' the scalars and structs of 'A' have 1024 "
		     "bytes: at most 1023 are allowed");
	assert_limit("attribute \"large\"; table A (large) {",
		     "f#: string (id: #);", 4096, "}",
		     "'f4096' is variable field 4097 of 'A': at most 4096 are "
		     "allowed");
	assert_limit(
		"attribute \"large\"; struct S {", "f#: ubyte;", 65533,
		"} table A (large) { s: S (id: 0); t: ubyte (id: 1); }",
		"with 't' the scalars and structs of 'A' have 65536 bytes: "
		"at most 65535 are allowed");
	assert_limit("struct S {", "f#: ubyte;", 65530,
		     "} struct T { s: S; a: int; b: byte; }",
		     "the struct 'T' is larger than 65,535 bytes from here on");
	assert_limit("enum E : int {", "v#,", SCHEMA_COUNT_MAX, "}",
		     "more than 65534 entries in 'E'");
	assert_limit("", "table T# { }", SCHEMA_COUNT_MAX, "",
		     "more than 65534 of kind table");
	assert_limit("table A { } union U {", "m#: A,", 255, "}",
		     "the value of 'm255' would be above 255");
}

/* Their numbers have 16 bits in the descriptors. */
static void bits_have_a_place_in_front(void **state)
{
	static const char head[] = "attribute \"large\"; struct S {";
	static const char tail[] =
		"} table A (large) { s: S (id: 0); "
		"b1: bool (id: 1); b2: bool (id: 2); b3: bool (id: 3); "
		"b4: bool (id: 4); b5: bool (id: 5); b6: bool (id: 6); "
		"b7: bool (id: 7); b8: bool (id: 8); b9: bool (id: 9); "
		"b10: bool (id: 10); b11: bool (id: 11); b12: bool (id: 12); "
		"b13: bool (id: 13); b14: bool (id: 14); %s}";
	struct schema_errors errors = { 0 };
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), tail, "");
	assert_int_equal(load_many(head, "f#: ubyte;", 0, 8190, text, &errors),
			 0);
	snprintf(text, sizeof(text), tail, "b15: bool (id: 15); ");
	assert_int_equal(load_many(head, "f#: ubyte;", 0, 8190, text, &errors),
			 -EINVAL);
	assert_int_equal(errors.errors, 1);
	assert_string_equal(errors.list[0].message,
			    "the bit of 'b15' would be number 65535 of 'A': at "
			    "most 65534 are allowed");
	schema_errors_free(&errors);
}

static void structs_are_64_deep(void **state)
{
	(void)state;
	for (int depth = 64; depth <= 65; depth++) {
		struct schema_errors errors = { 0 };
		char *text = NULL;
		size_t size;
		FILE *stream = open_memstream(&text, &size);

		assert_non_null(stream);
		fputs("struct S1 { x: byte; }\n", stream);
		for (int i = 2; i <= depth; i++)
			fprintf(stream, "struct S%d { x: S%d; }\n", i, i - 1);
		fclose(stream);
		assert_int_equal(judge(text, size, &errors),
				 depth == 64 ? 0 : -EINVAL);
		assert_int_equal(errors.errors, depth - 64);
		free(text);
		schema_errors_free(&errors);
	}
}

static void names_are_of_255_bytes(void **state)
{
	char name[257];

	(void)state;
	memset(name, 'n', 256);
	name[256] = '\0';
	for (int length = 253; length <= 254; length++) {
		struct schema_errors errors = { 0 };
		char text[400];
		int size = snprintf(text, sizeof(text),
				    "namespace a; table %.*s { }", length,
				    name);

		assert_int_equal(judge(text, (size_t)size, &errors),
				 length == 253 ? 0 : -EINVAL);
		schema_errors_free(&errors);
		size = snprintf(text, sizeof(text), "table %.*s { }",
				length + 2, name);
		assert_int_equal(judge(text, (size_t)size, &errors),
				 length == 253 ? 0 : -EINVAL);
		schema_errors_free(&errors);
	}
}

static void sources_are_of_4_mib(void **state)
{
	struct schema_errors errors = { 0 };
	char *text = malloc(SCHEMA_FILE_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', SCHEMA_FILE_MAX + 1);
	memcpy(text, "table A { }", 11);
	assert_int_equal(judge(text, SCHEMA_FILE_MAX, &errors), 0);
	assert_int_equal(judge(text, SCHEMA_FILE_MAX + 1, &errors), -EFBIG);
	assert_int_equal(errors.errors, 1);
	assert_int_equal(errors.list[0].line, 0);
	assert_string_equal(errors.list[0].message,
			    "'t' is larger than 4194304 bytes");
	schema_errors_free(&errors);
	/* Much of the same costs no more than its size. */
	memset(text, '/', SCHEMA_FILE_MAX);
	for (size_t i = 3; i < SCHEMA_FILE_MAX; i += 4)
		text[i] = '\n';
	memcpy(text + SCHEMA_FILE_MAX - 12, "\ntable A { }", 12);
	assert_int_equal(judge(text, SCHEMA_FILE_MAX, &errors), 0);
	for (size_t i = 0; i < SCHEMA_FILE_MAX; i++)
		text[i] = "a."[i % 2];
	assert_int_equal(judge(text, SCHEMA_FILE_MAX, &errors), -EINVAL);
	memset(text, '[', SCHEMA_FILE_MAX);
	assert_int_equal(judge(text, SCHEMA_FILE_MAX, &errors), -EINVAL);
	memset(text, '{', SCHEMA_FILE_MAX);
	memcpy(text, "table A ", 8);
	assert_int_equal(judge(text, SCHEMA_FILE_MAX, &errors), -EINVAL);
	memset(text, '"', SCHEMA_FILE_MAX);
	assert_int_equal(judge(text, SCHEMA_FILE_MAX, &errors), -EINVAL);
	schema_errors_free(&errors);
	free(text);
}

/* ---- files ---- */

static char directory[] = "/tmp/schema.XXXXXX";

static int make_directory(void **state)
{
	(void)state;
	return !mkdtemp(directory) || chdir(directory) || mkdir("a", 0700) ||
	       mkdir("b", 0700);
}

static int remove_directory(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return chdir("/") || system(command);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void includes_are_found(void **state)
{
	const char *const directories[] = { "b", NULL };
	struct schema_errors errors = { 0 };
	struct fastipc_schema *schema;
	const struct schema_source *sources;
	size_t count;

	(void)state;
	put("a/main.fbs", "include \"near.fbs\"; include \"far.fbs\";\n"
			  "include \"../b/far.fbs\";\n"
			  "table A { n: Near (id: 0); f: far.Far (id: 1); }");
	put("a/near.fbs", "include \"main.fbs\"; table Near { }");
	put("b/near.fbs", "table Wrong { }");
	put("b/far.fbs", "namespace far; table Far { }");
	assert_int_equal(
		schema_load("a/main.fbs", directories, &errors, &schema), 0);
	assert_int_equal(schema->table_count, 3);
	sources = schema_sources(schema, &count);
	assert_int_equal(count, 3);
	assert_string_equal(sources[0].path, "a/main.fbs");
	assert_int_equal(sources[0].include_count, 2);
	assert_int_equal(sources[0].includes[1], 2);
	assert_string_equal(sources[1].name, "near.fbs");
	assert_string_equal(sources[2].path, "b/far.fbs");
	assert_int_equal(
		schema_source_of(
			schema,
			&schema->tables[schema_find_table(schema, "far.Far")]),
		2);
	assert_int_equal(
		schema_source_of(
			schema,
			&schema->tables[schema_find_table(schema, "A")]),
		0);
	schema_free(schema);
}

static void errors_of_includes_have_their_file(void **state)
{
	struct schema_errors errors = { 0 };
	struct fastipc_schema *schema;

	(void)state;
	put("a/main.fbs", "include \"bad.fbs\"; include \"none.fbs\";\n"
			  "include \"../b\"; table A { x: unit (id: 0); }");
	put("a/bad.fbs", "table B { x: unit (id: 0); }");
	assert_int_equal(schema_load("a/main.fbs", NULL, &errors, &schema),
			 -EINVAL);
	assert_null(schema);
	assert_int_equal(errors.count, 4);
	assert_string_equal(errors.list[0].message,
			    "there is no file 'none.fbs'");
	assert_string_equal(errors.list[1].message,
			    "cannot read '../b': Is a directory");
	assert_string_equal(errors.list[2].file, "a/main.fbs");
	assert_int_equal(errors.list[2].line, 2);
	assert_string_equal(errors.list[3].file, "a/bad.fbs");
	schema_errors_free(&errors);
	assert_int_equal(schema_load("a/nothing.fbs", NULL, &errors, &schema),
			 -ENOENT);
	assert_int_equal(errors.list[0].line, 0);
	schema_errors_free(&errors);
}

static void includes_are_32_deep(void **state)
{
	(void)state;
	for (int depth = 32; depth <= 33; depth++) {
		struct schema_errors errors = { 0 };
		struct fastipc_schema *schema;

		for (int i = 1; i <= depth; i++) {
			char path[32], text[64];

			snprintf(path, sizeof(path), "a/f%d.fbs", i);
			snprintf(text, sizeof(text), "include \"f%d.fbs\";",
				 i + 1);
			put(path, i < depth ? text : "table A { }");
		}
		assert_int_equal(schema_load("a/f1.fbs", NULL, &errors,
					     &schema),
				 depth == 32 ? 0 : -EINVAL);
		schema_errors_free(&errors);
		schema_free(schema);
	}
}

static void files_are_256(void **state)
{
	(void)state;
	for (unsigned int count = 256; count <= 257; count++) {
		struct schema_errors errors = { 0 };
		struct fastipc_schema *schema;
		FILE *file = fopen("a/all.fbs", "w");

		assert_non_null(file);
		/* It is the first itself. */
		for (unsigned int i = 1; i < count; i++) {
			char path[32], text[32];

			snprintf(path, sizeof(path), "a/one%u.fbs", i);
			snprintf(text, sizeof(text), "table One%u { }", i);
			put(path, text);
			fprintf(file, "include \"one%u.fbs\";\n", i);
		}
		fputs("table A { }", file);
		fclose(file);
		assert_int_equal(schema_load("a/all.fbs", NULL, &errors,
					     &schema),
				 count == 256 ? 0 : -EINVAL);
		assert_int_equal(errors.errors, count - 256);
		if (count > 256)
			assert_string_equal(errors.list[0].message,
					    "more than 256 files");
		schema_errors_free(&errors);
		schema_free(schema);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_where_they_are_said_to_be),
		cmocka_unit_test(bits_have_a_place_in_front),
		cmocka_unit_test(structs_are_64_deep),
		cmocka_unit_test(names_are_of_255_bytes),
		cmocka_unit_test(sources_are_of_4_mib),
		cmocka_unit_test(includes_are_found),
		cmocka_unit_test(errors_of_includes_have_their_file),
		cmocka_unit_test(includes_are_32_deep),
		cmocka_unit_test(files_are_256),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
