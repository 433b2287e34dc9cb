// SPDX-License-Identifier: MIT
/*
 * Values to bytes to JSON to bytes: the same bytes.  The values come from a
 * message, or from JSON, as the first byte says.
 */
#include "fuzz.h"

#include "schema/json.h"
#define FIELDS "vectors.fields.h"
#include "agree.h"

static const struct fastipc_schema *const schema = &vectors_vectors_schema;

/* Bytes as a writer makes them, to JSON and back. */
static void check_bytes(uint16_t table, const uint8_t *data, size_t size,
			unsigned int flags)
{
	struct reflect_arena arena = { 0 };
	struct reflect_error error = { 0 };
	const uint8_t *again;
	size_t again_size, length;
	char *text;
	FILE *out = open_memstream(&text, &length);
	int ret;

	ret = schema_json_decode(out, schema, table, data, size, flags, &error);
	fclose(out);
	EXPECT(!ret);
	ret = schema_json_encode(schema, table, text, length, &arena, &again,
				 &again_size, &error);
	if (ret)
		fprintf(stderr, "%s\n%s\n", text, error.text);
	EXPECT(!ret);
	EXPECT(again_size == size && (!size || !memcmp(again, data, size)));
	free(text);
	reflect_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int choice = fuzz_choice(&data, &size);
	uint16_t table = (uint16_t)(choice % schema->table_count);
	const struct reflect_record *record;
	struct reflect_arena arena = { 0 };
	struct reflect_error error = { 0 };
	uint8_t *copy = fuzz_copy(data, size);
	const uint8_t *written;
	size_t written_size;
	int ret;

	if (choice & 0x80)
		ret = schema_json_parse(schema, table, (const char *)copy, size,
					&arena, &record, &error);
	else
		ret = reflect_read(schema, table, copy, size, 0, &arena,
				   &record, &error);
	/* Whatever is wrong, there is a text for it. */
	EXPECT(!ret || error.text[0]);
	if (!ret)
		ret = reflect_write(schema, record, &arena, &written,
				    &written_size, &error);
	EXPECT(!ret || error.text[0]);
	if (!ret) {
		check_bytes(table, written, written_size, 0);
		check_bytes(table, written, written_size,
			    SCHEMA_JSON_COMPACT | SCHEMA_JSON_DEFAULTS);
	}
	free(copy);
	reflect_free(&arena);
	return 0;
}
