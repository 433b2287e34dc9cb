// SPDX-License-Identifier: MIT
/*
 * Generated code: check a message, read every field of it, and write the
 * values again, in memory that ends where the message does.
 */
#include "fuzz.h"

#define FIELDS "vectors.fields.h"
#include "agree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int choice = fuzz_choice(&data, &size);
	struct codec_result still = { 0 }, shared = { 0 };
	struct reflect_arena arena = { 0 };
	uint8_t *copy = fuzz_copy(data, size);

	codec_tables[choice % CODEC_TABLES].generated(&arena, copy, size,
						      &still, &shared);
	EXPECT(!still.error || still.error == -EBADMSG);
	/* Only a type of a union that is unknown cannot be written. */
	EXPECT(!still.encode_error || still.encode_error == -EINVAL);
	free(still.data);
	free(shared.data);
	free(copy);
	reflect_free(&arena);
	return 0;
}
