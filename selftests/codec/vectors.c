// SPDX-License-Identifier: MIT
/*
 * The test vectors of vectors.txt, by descriptors and by generated code; and
 * each with one byte changed to any other, cut short, and made longer: both
 * refuse it, or read the same values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define FIELDS "vectors.fields.h"
#include "agree.h"
#include "schema/json.h"

#define VECTORS "selftests/codec/vectors.txt"

struct vector {
	char kind[16];
	const struct codec_table *table;
	uint8_t *data;
	size_t size;
	char *text; /* JSON, or why it is refused */
};

static struct vector *vectors;
static size_t vector_count;

static const struct codec_table *find_table(const char *name)
{
	for (size_t i = 0; i < CODEC_TABLES; i++)
		if (!strcmp(strchr(codec_name(&codec_tables[i]), '.') + 1,
			    name))
			return &codec_tables[i];
	fail_msg("no table %s", name);
	return NULL;
}

static void parse_vector(const char *line, struct vector *vector)
{
	char *table, *hex, *text;
	size_t digits;

	assert_int_equal(sscanf(line, "%15s %ms %ms %m[^\n]", vector->kind,
				&table, &hex, &text),
			 4);
	vector->table = find_table(table);
	digits = strcmp(hex, "-") ? strlen(hex) : 0;
	vector->size = digits / 2;
	vector->data = malloc(vector->size ? vector->size : 1);
	for (size_t i = 0; i < vector->size; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		vector->data[i] = (uint8_t)byte;
	}
	vector->text = text;
	free(table);
	free(hex);
}

static int load_vectors(void **state)
{
	FILE *file = fopen(VECTORS, "re");
	char *line = NULL;
	size_t room = 0;

	(void)state;
	if (!file)
		return -1;
	while (getline(&line, &room, file) > 0) {
		if (*line == '#' || *line == '\n')
			continue;
		vectors =
			realloc(vectors, (vector_count + 1) * sizeof(*vectors));
		parse_vector(line, &vectors[vector_count++]);
	}
	free(line);
	fclose(file);
	return vector_count ? 0 : -1;
}

static int free_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < vector_count; i++) {
		free(vectors[i].data);
		free(vectors[i].text);
	}
	free(vectors);
	return 0;
}

/* What decoding prints: JSON, or why not. */
static char *decoded(const struct vector *vector, int *ret)
{
	struct reflect_error error = { 0 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	*ret = schema_json_decode(out, &vectors_vectors_schema,
				  vector->table->index, vector->data,
				  vector->size, SCHEMA_JSON_COMPACT, &error);
	if (*ret)
		fputs(error.text, out);
	fclose(out);
	return text;
}

static void bytes_give_the_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < vector_count; i++) {
		const struct vector *vector = &vectors[i];
		int ret;
		char *text = decoded(vector, &ret);

		assert_string_equal(text, vector->text);
		assert_int_equal(
			ret, strcmp(vector->kind, "refused") ? 0 : -EBADMSG);
		free(text);
	}
}

static void text_gives_the_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < vector_count; i++) {
		const struct vector *vector = &vectors[i];
		struct reflect_arena arena = { 0 };
		struct reflect_error error = { 0 };
		const uint8_t *data;
		size_t size;
		bool same;
		int ret;

		if (!strcmp(vector->kind, "refused"))
			continue;
		ret = schema_json_encode(&vectors_vectors_schema,
					 vector->table->index, vector->text,
					 strlen(vector->text), &arena, &data,
					 &size, &error);
		if (ret)
			fail_msg("%s: %s", vector->text, error.text);
		same = size == vector->size &&
		       (!size || !memcmp(data, vector->data, size));
		if (same != !strcmp(vector->kind, "same"))
			fail_msg("%s", vector->text);
		reflect_free(&arena);
	}
}

/* Bytes that are told of by the vector that they were made of. */
static void check(const struct vector *vector, const uint8_t *data, size_t size)
{
	struct reflect_arena arena = { 0 };
	const char *text = codec_differ(&arena, vector->table, data, size);

	reflect_free(&arena);
	if (!text)
		return;
	fprintf(stderr, "%s, of %s:", codec_name(vector->table), vector->text);
	for (size_t i = 0; i < size; i++)
		fprintf(stderr, " %02x", data[i]);
	fail_msg("%s", text);
}

static void generated_code_agrees(void **state)
{
	(void)state;
	for (size_t i = 0; i < vector_count; i++)
		check(&vectors[i], vectors[i].data, vectors[i].size);
}

static void generated_code_writes_the_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < vector_count; i++) {
		const struct vector *vector = &vectors[i];
		struct codec_result still = { 0 }, shared = { 0 };
		struct reflect_arena arena = { 0 };

		vector->table->generated(&arena, vector->data, vector->size,
					 &still, &shared);
		if (!strcmp(vector->kind, "same")) {
			assert_int_equal(still.encode_error, 0);
			assert_int_equal(still.size, vector->size);
			assert_memory_equal(still.data, vector->data,
					    vector->size);
		}
		free(still.data);
		free(shared.data);
		reflect_free(&arena);
	}
}

static void one_byte_changed(void **state)
{
	(void)state;
	for (size_t i = 0; i < vector_count; i++) {
		const struct vector *vector = &vectors[i];

		for (size_t at = 0; at < vector->size; at++) {
			uint8_t was = vector->data[at];

			for (unsigned int edit = 1; edit < 256; edit++) {
				vector->data[at] = (uint8_t)(was ^ edit);
				check(vector, vector->data, vector->size);
			}
			vector->data[at] = was;
		}
	}
}

static void cut_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < vector_count; i++)
		for (size_t size = 0; size < vectors[i].size; size++)
			check(&vectors[i], vectors[i].data, size);
}

static void one_byte_longer(void **state)
{
	(void)state;
	for (size_t i = 0; i < vector_count; i++) {
		const struct vector *vector = &vectors[i];
		uint8_t *longer = malloc(vector->size + 1);

		memcpy(longer, vector->data, vector->size);
		for (unsigned int byte = 0; byte < 256; byte++) {
			longer[vector->size] = (uint8_t)byte;
			check(vector, longer, vector->size + 1);
		}
		free(longer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_give_the_text),
		cmocka_unit_test(text_gives_the_bytes),
		cmocka_unit_test(generated_code_agrees),
		cmocka_unit_test(generated_code_writes_the_bytes),
		cmocka_unit_test(one_byte_changed),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(one_byte_longer),
	};

	return cmocka_run_group_tests(tests, load_vectors, free_vectors);
}
