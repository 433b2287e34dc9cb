/* SPDX-License-Identifier: MIT */
/*
 * Random messages of any table, as records to be written by its descriptors:
 * the same ones each time.
 */
#ifndef FASTIPC_RANDOM_H
#define FASTIPC_RANDOM_H

#include "schema/reflect.h"

#define DEPTH 4
#define ELEMENTS 3

static uint64_t seed = 1;

/* xorshift64*: the same values each time. */
static unsigned int below(unsigned int limit)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (unsigned int)(seed * UINT64_C(0x2545f4914f6cdd1d) >> 32) %
	       limit;
}

/* Zeros and ones, which are right in all types. */
static uint8_t *random_bytes(struct reflect_arena *arena, size_t size)
{
	uint8_t *data = reflect_alloc(arena, size + 1);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)below(2);
	return data;
}

/* Characters of one to four bytes, @size of them at most. */
static uint8_t *random_text(struct reflect_arena *arena, size_t *size)
{
	static const char *const characters[] = { "a", "\xc3\xa9",
						  "\xe2\x82\xac",
						  "\xf0\x9f\x90\xa7" };
	const unsigned int most = below(2) ? 4 : 1;
	const size_t room = *size;
	uint8_t *data = reflect_alloc(arena, room + 1);

	assert_non_null(data);
	for (*size = 0;;) {
		const char *character = characters[below(most)];

		if (*size + strlen(character) > room)
			return data;
		memcpy(data + *size, character, strlen(character));
		*size += strlen(character);
	}
}

/* The least, the most, and what is between. */
static uint64_t random_bits(const struct fastipc_schema *schema,
			    const struct fastipc_schema_field *field)
{
	const uint64_t most = UINT64_MAX >>
			      (64 - 8 * reflect_size(schema, field));

	if (field->type == FASTIPC_TYPE_BOOL || below(2))
		return below(2);
	return below(2) ? most : most / (1 + below(1000));
}

static const struct reflect_record *
random_record(struct reflect_arena *arena, const struct fastipc_schema *schema,
	      uint16_t table, unsigned int depth);

static void random_items(struct reflect_arena *arena,
			 const struct fastipc_schema *schema,
			 struct reflect_value *value, unsigned int depth)
{
	struct reflect_item *items =
		reflect_array(arena, ELEMENTS, sizeof(*items));

	assert_non_null(items);
	value->items = items;
	value->count = below(ELEMENTS + 1);
	for (size_t i = 0; i < value->count; i++) {
		items[i].size = below(20);
		items[i].data = random_text(arena, &items[i].size);
		if (value->field->type == FASTIPC_TYPE_TABLE)
			items[i].record = random_record(
				arena, schema, value->field->ref, depth + 1);
	}
}

static void random_member(struct reflect_arena *arena,
			  const struct fastipc_schema *schema,
			  struct reflect_value *value, unsigned int depth)
{
	const struct fastipc_schema_union *any =
		&schema->unions[value->field->ref];
	const struct fastipc_schema_member *member =
		&any->members[below(any->member_count)];

	value->member = member->value;
	value->record = random_record(arena, schema, member->table, depth + 1);
}

static void random_value(struct reflect_arena *arena,
			 const struct fastipc_schema *schema,
			 struct reflect_value *value, unsigned int depth)
{
	const struct fastipc_schema_field *field = value->field;
	struct fastipc_schema_field element = *field;

	switch (reflect_tail(field)) {
	case REFLECT_NONE:
		if (field->type != FASTIPC_TYPE_STRUCT)
			value->bits = random_bits(schema, field);
		value->size = reflect_size(schema, field);
		value->data = random_bytes(arena, value->size);
		break;
	case REFLECT_UNION:
		random_member(arena, schema, value, depth);
		break;
	case REFLECT_TABLE:
		value->record =
			random_record(arena, schema, field->ref, depth + 1);
		break;
	case REFLECT_STRINGS:
	case REFLECT_TABLES:
		random_items(arena, schema, value, depth);
		break;
	case REFLECT_ELEMENTS:
		element.flags = 0;
		value->size =
			below(ELEMENTS + 1) * reflect_size(schema, &element);
		value->data = random_bytes(arena, value->size);
		break;
	default:
		value->size = below(60);
		value->data = random_text(arena, &value->size);
	}
}

/* Half of its fields; below DEPTH, only what is required. */
static const struct reflect_record *
random_record(struct reflect_arena *arena, const struct fastipc_schema *schema,
	      uint16_t table, unsigned int depth)
{
	const struct fastipc_schema_table *type = &schema->tables[table];
	struct reflect_record *record = reflect_alloc(arena, sizeof(*record));
	struct reflect_value *values =
		reflect_array(arena, type->field_count + 1u, sizeof(*values));

	assert_non_null(record);
	assert_non_null(values);
	record->table = type;
	record->values = values;
	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];

		if (!(field->flags & FASTIPC_FIELD_REQUIRED) &&
		    (field->flags & FASTIPC_FIELD_DEPRECATED ||
		     depth >= DEPTH || below(2)))
			continue;
		values[record->count].field = field;
		random_value(arena, schema, &values[record->count++], depth);
	}
	return record;
}

#endif
