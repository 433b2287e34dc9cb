// SPDX-License-Identifier: MIT
/* Generated code against the tables: the same values, and the same bytes. */
#include "fuzz.h"

#include "vectors_agree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int choice = fuzz_choice(&data, &size);
	struct reflect_arena arena = { 0 };
	const char *text;

	text = vectors_differ(&arena, &vectors_tables[choice % VECTORS_TABLES],
			      data, size);
	if (text)
		fprintf(stderr, "%s\n", text);
	EXPECT(!text);
	reflect_free(&arena);
	return 0;
}
