// SPDX-License-Identifier: MIT
/*
 * Schemas that are wrong: each error with its line, its column and its hint,
 * and all of them in one run.
 */
#include "schema_texts.h"
#include "schema_wrong.h"

/* The errors as they are there; the caller frees it. */
static char *tell(const struct schema_errors *errors)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	for (size_t i = 0; i < errors->count; i++) {
		const struct schema_error *error = &errors->list[i];

		fprintf(stream, "%u:%u: %s\n", error->line, error->column,
			error->message);
		if (error->hint)
			fprintf(stream, "\t[%s]\n", error->hint);
	}
	fclose(stream);
	return text;
}

static void each_error_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct schema_errors errors = { 0 };
		const char *source = wrong[i].source;
		int error = judge(source, strlen(source), &errors);
		char *told = tell(&errors);

		assert_string_equal(told, wrong[i].errors);
		assert_int_equal(error, -EINVAL);
		assert_true(errors.errors > 0);
		free(told);
		schema_errors_free(&errors);
		assert_null(errors.list);
	}
}

/* Whatever is cut off, and whatever one byte is: no crash, and a verdict. */
static void any_text_has_an_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *source = wrong[i].source;
		size_t size = strlen(source);

		for (size_t cut = 0; cut <= size; cut++) {
			struct schema_errors errors = { 0 };
			char *part = malloc(cut + 1);

			assert_non_null(part);
			memcpy(part, source, cut);
			part[cut] = "{}();:\"\\/\0\xe2[.=,"[cut % 15];
			judge(part, cut, &errors);
			schema_errors_free(&errors);
			judge(part, cut + 1, &errors);
			schema_errors_free(&errors);
			free(part);
		}
	}
}

static void errors_are_printed_with_their_source(void **state)
{
	static const char source[] =
		"table A {\n"
		"\tx: unit (id: 0); // \033[1m\xc3\xa4 \xff\n"
		"}\n";
	struct schema_errors errors = { 0 };
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	assert_non_null(stream);
	assert_int_equal(judge(source, sizeof(source) - 1, &errors), -EINVAL);
	schema_errors_print(&errors, stream);
	fclose(stream);
	assert_string_equal(text, "t:2:5: error: there is no type 'unit' here\n"
				  "  \tx: unit (id: 0); // ?[1m\xc3\xa4 ?\n"
				  "  \t   ^\n"
				  "  hint: did you mean 'uint'?\n"
				  "t:2:29: error: the byte 0xff is not UTF-8\n"
				  "  \tx: unit (id: 0); // ?[1m\xc3\xa4 ?\n"
				  "  \t                          ^\n"
				  "  hint: save the file as UTF-8\n");
	free(text);
	schema_errors_free(&errors);
}

static void only_utf8_is_accepted(void **state)
{
	static const struct {
		const char *bytes;
		bool good;
	} texts[] = {
		{ "\x7f", true },
		{ "\xc2\x80", true },
		{ "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true },
		{ "\xed\x9f\xbf", true },
		{ "\xee\x80\x80", true },
		{ "\xf0\x90\x80\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\x80", false },
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xc2", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xe2\x82", false },
		{ "\xe2\x82x", false },
		{ "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct schema_errors errors = { 0 };
		char text[64];
		int size = snprintf(text, sizeof(text), "table A { } //%s",
				    texts[i].bytes);

		assert_int_equal(judge(text, (size_t)size, &errors),
				 texts[i].good ? 0 : -EINVAL);
		assert_int_equal(errors.errors, !texts[i].good);
		schema_errors_free(&errors);
	}
}

static void long_lines_are_cut(void **state)
{
	char source[4096];
	struct schema_errors errors = { 0 };

	(void)state;
	memset(source, ' ', sizeof(source));
	memcpy(source + 2000, "table A { x: unit (id: 0); }", 28);
	assert_int_equal(judge(source, sizeof(source), &errors), -EINVAL);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.list[0].column, 2014);
	assert_true(strlen(errors.list[0].source) < 200);
	assert_memory_equal(errors.list[0].source + errors.list[0].caret,
			    "unit", 4);
	schema_errors_free(&errors);
}

static void notes_are_not_errors(void **state)
{
	static const char source[] = "attribute \"mine\";\n"
				     "file_identifier \"ABCD\";\n"
				     "table A (mine) { }\n";
	struct schema_errors errors = { 0 };

	(void)state;
	assert_int_equal(judge(source, sizeof(source) - 1, &errors), 0);
	assert_int_equal(errors.count, 2);
	assert_int_equal(errors.errors, 0);
	assert_int_equal(errors.list[0].severity, SCHEMA_NOTE);
	assert_int_equal(errors.list[0].line, 2);
	assert_int_equal(errors.list[1].line, 3);
	schema_errors_free(&errors);
}

static void fifty_errors_are_told(void **state)
{
	struct schema_errors errors = { 0 };
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	assert_non_null(stream);
	for (int i = 0; i < 70; i++)
		fprintf(stream, "table T%d { x: nothing_%d (id: 0); }\n", i, i);
	fclose(stream);
	assert_int_equal(judge(text, size, &errors), -EINVAL);
	assert_int_equal(errors.count, SCHEMA_ERRORS_MAX);
	assert_int_equal(errors.errors, 70);
	for (uint32_t i = 0; i < SCHEMA_ERRORS_MAX; i++)
		assert_int_equal(errors.list[i].line, i + 1);
	free(text);
	stream = open_memstream(&text, &size);
	assert_non_null(stream);
	schema_errors_print(&errors, stream);
	fclose(stream);
	assert_non_null(strstr(text, "and 20 errors more\n"));
	free(text);
	schema_errors_free(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_error_is_told),
		cmocka_unit_test(any_text_has_an_end),
		cmocka_unit_test(errors_are_printed_with_their_source),
		cmocka_unit_test(only_utf8_is_accepted),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(notes_are_not_errors),
		cmocka_unit_test(fifty_errors_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
