// SPDX-License-Identifier: MIT
/*
 * Two versions of a schema: what one writes, the other reads, and the fields
 * that both have are the same; those that only one has are absent.  Generated
 * code takes what the tables take.
 */
#include <errno.h>

#include "fuzz.h"

#include "evolve_v1.fastipc.h"
#include "evolve_v2.fastipc.h"
#include "schema/reflect.h"

/* A version, and its table Root. */
struct version {
	const struct fastipc_schema *schema;
	int (*read)(const void *data, size_t size);
};

static int read_v1(const void *data, size_t size)
{
	struct evolve1_Root_reader reader;

	return evolve1_Root_read(fastipc_snapshot_of(data, size), &reader);
}

static int read_v2(const void *data, size_t size)
{
	struct evolve2_Root_reader reader;

	return evolve2_Root_read(fastipc_snapshot_of(data, size), &reader);
}

static const struct version versions[] = {
	{ &evolve1_evolve_v1_schema, read_v1 },
	{ &evolve2_evolve_v2_schema, read_v2 },
};

static void compare(const struct reflect_record *a,
		    const struct reflect_record *b);

static void compare_values(const struct reflect_value *a,
			   const struct reflect_value *b)
{
	EXPECT(a->bits == b->bits && a->member == b->member);
	EXPECT(a->count == b->count);
	/* Of an unknown type, only one has bytes. */
	if (a->field->type == FASTIPC_TYPE_UNION) {
		if (a->record && b->record)
			compare(a->record, b->record);
		return;
	}
	EXPECT(a->size == b->size);
	EXPECT(!a->size || !memcmp(a->data, b->data, a->size));
	EXPECT(!a->record == !b->record);
	if (a->record)
		compare(a->record, b->record);
	for (size_t i = 0; i < a->count; i++) {
		if (a->items[i].record)
			compare(a->items[i].record, b->items[i].record);
		else
			EXPECT(a->items[i].size == b->items[i].size);
	}
}

/* The fields that both tables have by a name. */
static void compare(const struct reflect_record *a,
		    const struct reflect_record *b)
{
	for (uint16_t i = 0; i < a->table->field_count; i++) {
		const struct fastipc_schema_field *mine = &a->table->fields[i];
		const struct fastipc_schema_field *yours = reflect_field(
			b->table->fields, b->table->field_count, mine->name);
		const struct reflect_value *value = reflect_find(a, mine);

		if (!yours)
			continue;
		EXPECT(!value == !reflect_find(b, yours));
		if (value)
			compare_values(value, reflect_find(b, yours));
	}
}

/* Nothing is there that the writer's version does not have. */
static void expect_absent(const struct reflect_record *read,
			  const struct reflect_record *written)
{
	for (size_t i = 0; i < read->count; i++)
		EXPECT(reflect_field(written->table->fields,
				     written->table->field_count,
				     read->values[i].field->name));
}

static int root_of(const struct version *version, const uint8_t *data,
		   size_t size, struct reflect_arena *arena,
		   const struct reflect_record **record)
{
	uint8_t *copy = fuzz_copy(data, size);
	int ret = reflect_check(version->schema, version->schema->root, copy,
				size, 0, NULL);

	EXPECT(version->read(copy, size) == ret);
	free(copy);
	return ret ? ret
		   : reflect_read(version->schema, version->schema->root, data,
				  size, 0, arena, record, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int choice = fuzz_choice(&data, &size);
	const struct version *writer = &versions[choice & 1];
	const struct version *reader = &versions[~choice & 1];
	const struct reflect_record *written, *read;
	struct reflect_arena arena = { 0 };
	const uint8_t *bytes;
	size_t count;

	if (!root_of(writer, data, size, &arena, &written) &&
	    !reflect_write(writer->schema, written, &arena, &bytes, &count,
			   NULL)) {
		EXPECT(!root_of(reader, bytes, count, &arena, &read));
		compare(written, read);
		expect_absent(read, written);
	}
	reflect_free(&arena);
	return 0;
}
