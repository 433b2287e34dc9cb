// SPDX-License-Identifier: MIT
/* Writes trees of values as messages. */
#include "schema/reflect.h"

#include <errno.h>
#include <string.h>

/* ---- writing ---- */

struct bytes {
	const uint8_t *data;
	size_t size;
};

struct writing {
	const struct fastipc_schema *schema;
	struct reflect_arena *arena;
	struct reflect_error *error;
};

static int write_record(const struct writing *writing,
			const struct reflect_record *record, unsigned int depth,
			const struct reflect_path *path, struct bytes *bytes);

/*
 * Put @head, the ENDs of all @spans but the last, and the spans one behind
 * the other.  @room is for what the whole may be.
 */
static int join(const struct writing *writing, struct bytes head,
		const struct bytes *spans, size_t count, size_t width,
		const struct reflect_path *path, struct bytes *bytes)
{
	size_t max = width == 2 ? 65535 : UINT32_MAX;
	size_t size = head.size + (count ? (count - 1) * width : 0);
	size_t end = size;
	uint8_t *to, *ends;

	for (size_t i = 0; i < count; i++)
		size = spans[i].size > max - (size < max ? size : max)
			       ? max + 1
			       : size + spans[i].size;
	if (size > max)
		return reflect_fail(writing->error, -EOVERFLOW, path,
				    "it has more than %zu bytes%s", max,
				    width == 2 ? "; a table with the attribute "
						 "(large) may have more"
					       : "");
	to = reflect_alloc(writing->arena, size);
	if (!to)
		return -ENOMEM;
	bytes->data = to;
	bytes->size = size;
	memcpy(to, head.data, head.size);
	ends = to + head.size;
	for (size_t i = 0; i < count; i++) {
		if (spans[i].size)
			memcpy(to + end, spans[i].data, spans[i].size);
		end += spans[i].size;
		if (i + 1 < count)
			reflect_store(ends + i * width, width, end);
	}
	return 0;
}

static int write_items(const struct writing *writing,
		       const struct reflect_value *value, size_t width,
		       unsigned int depth, const struct reflect_path *path,
		       struct bytes *bytes)
{
	bool strings = value->field->type == FASTIPC_TYPE_STRING;
	struct bytes *spans;
	uint8_t count[4];
	int error = 0;

	if (!value->count)
		return 0;
	spans = reflect_array(writing->arena, value->count, sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	for (size_t i = 0; i < value->count && !error; i++) {
		struct reflect_path at = { .up = path, .index = i };

		if (strings)
			spans[i] = (struct bytes){ value->items[i].data,
						   value->items[i].size };
		else
			error = write_record(writing, value->items[i].record,
					     depth + 1, &at, &spans[i]);
	}
	if (error)
		return error;
	reflect_store(count, width, value->count);
	return join(writing, (struct bytes){ count, width }, spans,
		    value->count, width, path, bytes);
}

static int write_tail(const struct writing *writing,
		      const struct reflect_value *value, size_t width,
		      unsigned int depth, const struct reflect_path *path,
		      struct bytes *bytes)
{
	switch (reflect_tail(value->field)) {
	case REFLECT_UNION:
		if (!value->record)
			return reflect_fail(writing->error, -EINVAL, path,
					    "the union's type, %u, is unknown",
					    value->member);
		/* fall through */
	case REFLECT_TABLE:
		return write_record(writing, value->record, depth + 1, path,
				    bytes);
	case REFLECT_STRINGS:
	case REFLECT_TABLES:
		return write_items(writing, value, width, depth, path, bytes);
	default:
		*bytes = (struct bytes){ value->data, value->size };
		return 0;
	}
}

static void set_bit(uint8_t *fixed, size_t bit)
{
	fixed[bit / 8] |= (uint8_t)(1u << bit % 8);
}

/* What a value has in the fixed section, but for the bit of an empty tail. */
static void write_fixed(const struct writing *writing,
			const struct reflect_value *value, uint8_t *fixed)
{
	const struct fastipc_schema_field *field = value->field;
	uint64_t bits = value->bits;

	switch (reflect_tail(field)) {
	case REFLECT_NONE:
		break;
	case REFLECT_UNION:
		fixed[field->offset] = value->member;
		return;
	default:
		return;
	}
	if (field->presence != FASTIPC_SCHEMA_NONE)
		set_bit(fixed, field->presence);
	else
		bits ^= field->default_bits;
	if (field->type == FASTIPC_TYPE_STRUCT)
		memcpy(fixed + field->offset, value->data, value->size);
	else if (field->bit == FASTIPC_SCHEMA_NONE)
		reflect_store(fixed + field->offset,
			      reflect_size(writing->schema, field), bits);
	else if (bits)
		set_bit(fixed, field->bit);
}

static int check_required(const struct writing *writing,
			  const struct reflect_record *record,
			  const struct reflect_path *up)
{
	for (uint16_t i = 0; i < record->table->field_count; i++) {
		const struct fastipc_schema_field *field =
			&record->table->fields[i];
		struct reflect_path path = { .up = up, .name = field->name };

		if (field->flags & FASTIPC_FIELD_REQUIRED &&
		    !reflect_find(record, field))
			return reflect_fail(writing->error, -EINVAL, &path,
					    "the field is required, and "
					    "missing");
	}
	return 0;
}

static int write_record(const struct writing *writing,
			const struct reflect_record *record, unsigned int depth,
			const struct reflect_path *path, struct bytes *bytes)
{
	const struct fastipc_schema_table *table = record->table;
	size_t width = table->flags & FASTIPC_TABLE_LARGE ? 4 : 2;
	size_t fixed_size = table->fixed_size, count = 0;
	struct bytes *tails;
	uint8_t *head, *fixed;
	int error;

	if (depth > REFLECT_DEPTH_MAX)
		return reflect_fail(writing->error, -ELOOP, path,
				    "records are in each other more than %u "
				    "deep",
				    REFLECT_DEPTH_MAX);
	error = check_required(writing, record, path);
	if (error)
		return error;
	head = reflect_alloc(writing->arena, width + fixed_size);
	tails = reflect_array(writing->arena, table->variables, sizeof(*tails));
	if (!head || !tails)
		return -ENOMEM;
	fixed = head + width;
	for (size_t i = 0; i < record->count; i++) {
		const struct reflect_value *value = &record->values[i];
		const struct fastipc_schema_field *field = value->field;
		struct reflect_path at = { .up = path, .name = field->name };
		struct bytes tail = { 0 };

		write_fixed(writing, value, fixed);
		if (reflect_tail(field) == REFLECT_NONE)
			continue;
		error = write_tail(writing, value, width, depth, &at, &tail);
		if (error)
			return error;
		tails[field->variable] = tail;
		if (tail.size && count <= field->variable)
			count = field->variable + 1u;
		if (!tail.size && field->presence != FASTIPC_SCHEMA_NONE)
			set_bit(fixed, field->presence);
	}
	while (fixed_size && !fixed[fixed_size - 1])
		fixed_size--;
	if (!fixed_size && !count) {
		*bytes = (struct bytes){ 0 };
		return 0;
	}
	reflect_store(head, width,
		      fixed_size | count << (width == 2 ? 10 : 16));
	return join(writing, (struct bytes){ head, width + fixed_size }, tails,
		    count, width, path, bytes);
}

int reflect_write(const struct fastipc_schema *schema,
		  const struct reflect_record *record,
		  struct reflect_arena *arena, const uint8_t **data,
		  size_t *size, struct reflect_error *error)
{
	const struct writing writing = { .schema = schema,
					 .arena = arena,
					 .error = error };
	struct reflect_path path = { 0 };
	struct bytes bytes = { 0 };
	int ret = write_record(&writing, record, 1, &path, &bytes);

	*data = bytes.data;
	*size = bytes.size;
	return ret;
}
