// SPDX-License-Identifier: MIT
/*
 * Strings in schemas: what is escaped in them, and what is no escape.
 */
#include "schema_texts.h"

#include "schema/lexer.h"

struct read {
	char text[64];
	size_t errors;
	int kind; /* of the token behind it */
};

/* The string with which a source begins. */
static struct read read_first(const char *source)
{
	const struct schema_file file = { .text = source,
					  .size = (uint32_t)strlen(source) };
	struct schema_reports reports = { .count = 0 };
	struct schema_lexer lexer = { .file = NULL };
	struct schema_arena arena = { 0 };
	struct read read = { .errors = 0 };

	if (setjmp(arena.none))
		fail_msg("no memory");
	schema_lexer_start(&lexer, &file, &arena, &reports);
	assert_int_equal(lexer.token.kind, SCHEMA_TOKEN_STRING);
	snprintf(read.text, sizeof(read.text), "%s", lexer.token.text);
	schema_lexer_next(&lexer);
	read.kind = lexer.token.kind;
	read.errors = reports.errors;
	for (size_t i = 0; i < reports.count; i++) {
		free(reports.list[i].message);
		free(reports.list[i].hint);
	}
	schema_arena_free(&arena);
	return read;
}

static void escapes(void **state)
{
	static const struct {
		const char *source, *text;
	} strings[] = {
		{ "\"\"", "" },
		{ "'a \"quoted\" word'", "a \"quoted\" word" },
		{ "\"\\n\\t\\r\\b\\f\\\"\\'\\\\\\/\"", "\n\t\r\b\f\"'\\/" },
		{ "\"\\x01\\x41\\x7f\"", "\x01"
					 "A\x7f" },
		{ "\"a\\u0041b\"", "aAb" },
		{ "\"\\u0080\\u07fF\"", "\xc2\x80\xdf\xbf" },
		{ "\"\\u0800\\ud7ff\\uE000\\uffff\"",
		  "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct read read = read_first(strings[i].source);

		assert_string_equal(read.text, strings[i].text);
		assert_int_equal(read.errors, 0);
		assert_int_equal(read.kind, SCHEMA_TOKEN_END);
	}
}

/* No letter; no digits, or too few; no character; half of one. */
static void no_escapes(void **state)
{
	static const char *const strings[] = {
		"\"\\q\"",     "\"\\xg0\"",   "\"\\x4\"",    "\"\\x80\"",
		"\"\\x00\"",   "\"\\u004\"",  "\"\\u0000\"", "\"\\u00:0\"",
		"\"\\ud800\"", "\"\\udfff\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct read read = read_first(strings[i]);

		assert_int_equal(read.errors, 1);
		assert_int_equal(read.kind, SCHEMA_TOKEN_END);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(no_escapes),
	};

	return cmocka_run_group_tests_name("schema_strings", tests, NULL, NULL);
}
