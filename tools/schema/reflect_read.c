// SPDX-License-Identifier: MIT
/* Checks messages by descriptors, and makes trees of them. */
#include "schema/reflect.h"

#include <errno.h>
#include <string.h>

/* ---- reading: bytes that follow each other ---- */

/* Elements of a vector, or tails of a record, each up to its END. */
struct spans {
	const uint8_t *data;
	size_t size;
	size_t ends;  /* where END 0 is */
	size_t start; /* where span 0 is */
	size_t count;
	size_t width; /* of an END */
};

static size_t end_of(const struct spans *spans, size_t index)
{
	if (index + 1 == spans->count)
		return spans->size;
	return reflect_load(spans->data + spans->ends + index * spans->width,
			    spans->width);
}

static bool spans_open(struct spans *spans, const uint8_t *data, size_t size,
		       size_t ends, size_t count, size_t width)
{
	size_t last;

	*spans = (struct spans){ .data = data,
				 .size = size,
				 .ends = ends,
				 .count = count,
				 .width = width };
	if (!count)
		return ends == size;
	if (ends > size || (size - ends) / width < count - 1)
		return false;
	spans->start = ends + (count - 1) * width;
	last = spans->start;
	for (size_t i = 0; i < count; i++) {
		size_t end = end_of(spans, i);

		if (end < last || end > size)
			return false;
		last = end;
	}
	return true;
}

static const uint8_t *span_at(const struct spans *spans, size_t index,
			      size_t *size)
{
	size_t start = index ? end_of(spans, index - 1) : spans->start;

	*size = end_of(spans, index) - start;
	return spans->data + start;
}

/* ---- reading: records ---- */

struct view {
	const uint8_t *fixed;
	size_t fixed_size;
	struct spans tails;
};

static bool view_open(struct view *view,
		      const struct fastipc_schema_table *table,
		      const uint8_t *data, size_t size)
{
	size_t width = table->flags & FASTIPC_TABLE_LARGE ? 4 : 2;
	unsigned int shift = width == 4 ? 16 : 10;
	uint64_t header;

	memset(view, 0, sizeof(*view));
	if (!size)
		return true;
	if (size < width || size > (width == 4 ? UINT32_MAX : 65535))
		return false;
	header = reflect_load(data, width);
	view->fixed = data + width;
	view->fixed_size = header & ((1u << shift) - 1);
	return spans_open(&view->tails, data, size, width + view->fixed_size,
			  header >> shift, width);
}

/* Bytes of the fixed section; 0 where it was trimmed. */
static void fixed_copy(const struct view *view, size_t offset, uint8_t *to,
		       size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = offset + i < view->fixed_size ? view->fixed[offset + i]
						      : 0;
}

static uint64_t fixed_load(const struct view *view, size_t offset, size_t width)
{
	uint8_t bytes[8];

	fixed_copy(view, offset, bytes, width);
	return reflect_load(bytes, width);
}

static bool fixed_bit(const struct view *view, size_t bit)
{
	return fixed_load(view, bit / 8, 1) >> bit % 8 & 1;
}

static const uint8_t *tail_at(const struct view *view, size_t variable,
			      size_t *size)
{
	*size = 0;
	if (variable >= view->tails.count)
		return NULL;
	return span_at(&view->tails, variable, size);
}

/* What is the same for all of one message. */
struct reading {
	const struct fastipc_schema *schema;
	unsigned int flags;
	struct reflect_arena *arena; /* NULL: only check */
	struct reflect_error *error;
};

static int refuse(const struct reading *reading,
		  const struct reflect_path *path, const char *what)
{
	return reflect_fail(reading->error, -EBADMSG, path, "%s", what);
}

static int read_record(const struct reading *reading,
		       const struct fastipc_schema_table *table,
		       const uint8_t *data, size_t size, unsigned int depth,
		       const struct reflect_path *path,
		       const struct reflect_record **record);

static int read_string(const struct reading *reading, const uint8_t *data,
		       size_t size, const struct reflect_path *path)
{
	size_t valid = size;

	if (!(reading->flags & REFLECT_ANY_STRINGS))
		valid = reflect_utf8(data, size);
	if (valid == size)
		return 0;
	return reflect_fail(reading->error, -EBADMSG, path,
			    "the string is not UTF-8 at byte %zu", valid);
}

/* Any byte but 0 is true, and what is written for it is 1. */
static void one_for_true(const struct fastipc_schema *schema,
			 const struct fastipc_schema_field *field,
			 uint8_t *data)
{
	const struct fastipc_schema_struct *type;

	if (field->type == FASTIPC_TYPE_BOOL)
		*data = !!*data;
	if (field->type != FASTIPC_TYPE_STRUCT)
		return;
	type = &schema->structs[field->ref];
	for (uint16_t i = 0; i < type->field_count; i++)
		one_for_true(schema, &type->fields[i],
			     data + type->fields[i].offset);
}

static int read_elements(const struct reading *reading, const uint8_t *data,
			 size_t size, const struct reflect_path *path,
			 struct reflect_value *value)
{
	size_t step = reflect_size(reading->schema, value->field);
	uint8_t *copy;

	if (size % step)
		return reflect_fail(reading->error, -EBADMSG, path,
				    "%zu bytes are no whole number of "
				    "elements of %zu",
				    size, step);
	if (!reading->arena)
		return 0;
	copy = reflect_alloc(reading->arena, size);
	if (!copy)
		return -ENOMEM;
	if (size)
		memcpy(copy, data, size);
	for (size_t i = 0; i < size; i += step)
		one_for_true(reading->schema, value->field, copy + i);
	value->data = copy;
	value->size = size;
	return 0;
}

static int read_items(const struct reading *reading, const uint8_t *data,
		      size_t size, size_t width, unsigned int depth,
		      const struct reflect_path *path,
		      struct reflect_value *value)
{
	bool strings = value->field->type == FASTIPC_TYPE_STRING;
	struct reflect_item *items = NULL;
	struct spans spans;
	int error = 0;

	if (!size)
		return 0;
	if (size < width || !reflect_load(data, width))
		return refuse(reading, path,
			      "the vector has bytes, but no "
			      "count of its elements");
	if (!spans_open(&spans, data, size, width, reflect_load(data, width),
			width))
		return refuse(reading, path,
			      "where the vector's elements end "
			      "makes no sense");
	if (reading->arena) {
		items = reflect_array(reading->arena, spans.count,
				      sizeof(*items));
		if (!items)
			return -ENOMEM;
		value->items = items;
		value->count = spans.count;
	}
	for (size_t i = 0; i < spans.count && !error; i++) {
		struct reflect_path at = { .up = path, .index = i };
		struct reflect_item item = { 0 };

		item.data = span_at(&spans, i, &item.size);
		if (strings)
			error = read_string(reading, item.data, item.size, &at);
		else
			error = read_record(
				reading,
				&reading->schema->tables[value->field->ref],
				item.data, item.size, depth + 1, &at,
				&item.record);
		if (items)
			items[i] = item;
	}
	return error;
}

static int read_tail(const struct reading *reading, const struct view *view,
		     unsigned int depth, const struct reflect_path *path,
		     struct reflect_value *value)
{
	const struct fastipc_schema *schema = reading->schema;
	const struct fastipc_schema_field *field = value->field;
	const struct fastipc_schema_member *member;
	uint16_t table = field->ref;
	const uint8_t *data;
	size_t size;

	data = tail_at(view, field->variable, &size);
	switch (reflect_tail(field)) {
	case REFLECT_STRING:
		value->data = data;
		value->size = size;
		return read_string(reading, data, size, path);
	case REFLECT_ELEMENTS:
		return read_elements(reading, data, size, path, value);
	case REFLECT_UNION:
		value->member = (uint8_t)fixed_load(view, field->offset, 1);
		value->data = data;
		value->size = size;
		member = reflect_member(&schema->unions[table], value->member);
		if (!member)
			return 0;
		table = member->table;
		break;
	case REFLECT_TABLE:
		break;
	default:
		return read_items(reading, data, size, view->tails.width, depth,
				  path, value);
	}
	return read_record(reading, &schema->tables[table], data, size,
			   depth + 1, path, &value->record);
}

static int read_struct(const struct reading *reading, const struct view *view,
		       struct reflect_value *value)
{
	size_t size = reflect_size(reading->schema, value->field);
	uint8_t *copy;

	if (!reading->arena)
		return 0;
	copy = reflect_alloc(reading->arena, size);
	if (!copy)
		return -ENOMEM;
	fixed_copy(view, value->field->offset, copy, size);
	one_for_true(reading->schema, value->field, copy);
	value->data = copy;
	value->size = size;
	return 0;
}

/* What is stored of a scalar: a bit, or bytes. */
static uint64_t scalar_load(const struct reading *reading,
			    const struct view *view,
			    const struct fastipc_schema_field *field)
{
	if (field->bit != FASTIPC_SCHEMA_NONE)
		return fixed_bit(view, field->bit);
	return fixed_load(view, field->offset,
			  reflect_size(reading->schema, field));
}

static bool is_present(const struct reading *reading, const struct view *view,
		       const struct fastipc_schema_field *field)
{
	size_t size;

	switch (reflect_tail(field)) {
	case REFLECT_NONE:
		if (field->presence != FASTIPC_SCHEMA_NONE)
			return fixed_bit(view, field->presence);
		return scalar_load(reading, view, field);
	case REFLECT_UNION:
		return fixed_load(view, field->offset, 1);
	default:
		tail_at(view, field->variable, &size);
		return size || fixed_bit(view, field->presence);
	}
}

static bool is_wanted(const struct reading *reading,
		      const struct fastipc_schema_field *field)
{
	return !(reading->flags & REFLECT_NO_DEPRECATED &&
		 field->flags & FASTIPC_FIELD_DEPRECATED);
}

static int read_field(const struct reading *reading, const struct view *view,
		      unsigned int depth, const struct reflect_path *up,
		      struct reflect_value *value)
{
	const struct fastipc_schema_field *field = value->field;
	struct reflect_path path = { .up = up, .name = field->name };

	if (reflect_tail(field) != REFLECT_NONE)
		return read_tail(reading, view, depth, &path, value);
	if (field->type == FASTIPC_TYPE_STRUCT)
		return read_struct(reading, view, value);
	value->bits = scalar_load(reading, view, field);
	if (!(field->flags & FASTIPC_FIELD_OPTIONAL))
		value->bits ^= field->default_bits;
	return 0;
}

static int check_absent(const struct reading *reading, const struct view *view,
			const struct fastipc_schema_field *field,
			const struct reflect_path *up)
{
	struct reflect_path path = { .up = up, .name = field->name };
	size_t size;

	if (field->flags & FASTIPC_FIELD_REQUIRED)
		return refuse(reading, &path,
			      "the field is required, and absent");
	if (field->type != FASTIPC_TYPE_UNION)
		return 0;
	tail_at(view, field->variable, &size);
	return size ? refuse(reading, &path, "the union has bytes, but no type")
		    : 0;
}

static int read_record(const struct reading *reading,
		       const struct fastipc_schema_table *table,
		       const uint8_t *data, size_t size, unsigned int depth,
		       const struct reflect_path *path,
		       const struct reflect_record **result)
{
	struct reflect_value *values = NULL;
	struct reflect_record *record = NULL;
	struct view view;
	size_t count = 0;
	int error = 0;

	if (depth > REFLECT_DEPTH_MAX)
		return reflect_fail(reading->error, -EBADMSG, path,
				    "records are in each other more than %u "
				    "deep",
				    REFLECT_DEPTH_MAX);
	if (!view_open(&view, table, data, size))
		return reflect_fail(reading->error, -EBADMSG, path,
				    "the %zu bytes are no record of %s: its "
				    "header and ENDs make no sense",
				    size, table->name);
	/* The tree gets room for what is there, not for what could be. */
	for (uint16_t i = 0; reading->arena && i < table->field_count; i++)
		count += is_wanted(reading, &table->fields[i]) &&
			 is_present(reading, &view, &table->fields[i]);
	if (reading->arena) {
		record = reflect_alloc(reading->arena, sizeof(*record));
		values = reflect_array(reading->arena, count, sizeof(*values));
		if (!record || !values)
			return -ENOMEM;
		*record = (struct reflect_record){ .table = table,
						   .values = values };
	}
	for (uint16_t i = 0; i < table->field_count && !error; i++) {
		struct reflect_value value = { .field = &table->fields[i] };

		if (!is_present(reading, &view, value.field)) {
			error = check_absent(reading, &view, value.field, path);
			continue;
		}
		error = read_field(reading, &view, depth, path, &value);
		if (record && is_wanted(reading, value.field))
			values[record->count++] = value;
	}
	*result = record;
	return error;
}

static int read_root(const struct reading *reading, uint16_t table,
		     const void *data, size_t size,
		     const struct reflect_record **record)
{
	struct reflect_path path = { 0 };

	return read_record(reading, &reading->schema->tables[table], data, size,
			   1, &path, record);
}

int reflect_check(const struct fastipc_schema *schema, uint16_t table,
		  const void *data, size_t size, unsigned int flags,
		  struct reflect_error *error)
{
	const struct reading reading = { .schema = schema,
					 .flags = flags,
					 .error = error };
	const struct reflect_record *record;

	return read_root(&reading, table, data, size, &record);
}

int reflect_read(const struct fastipc_schema *schema, uint16_t table,
		 const void *data, size_t size, unsigned int flags,
		 struct reflect_arena *arena,
		 const struct reflect_record **record,
		 struct reflect_error *error)
{
	const struct reading reading = {
		.schema = schema, .flags = flags, .arena = arena, .error = error
	};

	return read_root(&reading, table, data, size, record);
}
