// SPDX-License-Identifier: MIT
/*
 * The schema compiler: any text gives errors that can be printed, or
 * descriptors that keep their promises, and whose layout is right.
 */
#include "fuzz.h"

#include "schema/reflect.h"
#include "schema/schema.h"

/* Messages of a new schema: the empty one, and what fits of the text. */
static void check_messages(const struct fastipc_schema *schema,
			   const uint8_t *data, size_t size)
{
	size = size < 64 ? size : 64;
	for (uint16_t i = 0; i < schema->table_count && i < 16; i++) {
		reflect_check(schema, i, NULL, 0, 0, NULL);
		reflect_check(schema, i, data, size, REFLECT_ANY_STRINGS, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schema_errors errors = { 0 };
	struct reflect_error reason = { 0 };
	struct fastipc_schema *schema = NULL;
	uint8_t *copy = fuzz_copy(data, size);
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int ret = schema_load_text("fuzz.fbs", (const char *)copy, size,
				   &errors, &schema);

	schema_errors_print(&errors, out);
	fclose(out);
	EXPECT(!ret == !errors.errors);
	EXPECT(!ret == !!schema);
	EXPECT(!ret || length);
	for (size_t i = 0; i < errors.count; i++)
		EXPECT(errors.list[i].severity != SCHEMA_ERROR ||
		       errors.list[i].hint);
	if (!ret) {
		if (reflect_check_schema(schema, &reason))
			fprintf(stderr, "%s\n", reason.text);
		EXPECT(!reason.text[0]);
		check_messages(schema, copy, size);
	}
	schema_free(schema);
	schema_errors_free(&errors);
	free(text);
	free(copy);
	return 0;
}
