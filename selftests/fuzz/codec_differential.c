// SPDX-License-Identifier: MIT
/* Generated code against the tables: the same values, and the same bytes. */
#include "fuzz.h"

#define FIELDS "vectors.fields.h"
#include "agree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int choice = fuzz_choice(&data, &size);
	struct reflect_arena arena = { 0 };
	const char *text;

	text = codec_differ(&arena, &codec_tables[choice % CODEC_TABLES], data,
			    size);
	if (text)
		fprintf(stderr, "%s\n", text);
	EXPECT(!text);
	reflect_free(&arena);
	return 0;
}
