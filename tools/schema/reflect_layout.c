// SPDX-License-Identifier: MIT
/* Works out once more what descriptors say of a schema. */
#include "schema/reflect.h"

#include <errno.h>

/* ---- descriptors ---- */

/* The places of a table's fields, taken one after the other. */
struct layout {
	uint32_t size;
	uint32_t bits;	/* the byte that bits are taken of */
	uint32_t taken; /* of its bits */
	uint32_t variables;
};

static uint32_t take_bit(struct layout *layout)
{
	if (!layout->taken || layout->taken == 8) {
		layout->bits = layout->size++;
		layout->taken = 0;
	}
	return layout->bits * 8 + layout->taken++;
}

static uint32_t take_bytes(struct layout *layout, size_t size)
{
	uint32_t offset = layout->size;

	layout->size += (uint32_t)size;
	return offset;
}

static bool is_place(const struct fastipc_schema *schema,
		     const struct fastipc_schema_field *field,
		     struct layout *layout)
{
	uint32_t presence = FASTIPC_SCHEMA_NONE, bit = FASTIPC_SCHEMA_NONE;
	uint32_t offset = FASTIPC_SCHEMA_NONE, variable = FASTIPC_SCHEMA_NONE;
	enum reflect_tail tail = reflect_tail(field);

	if (tail == REFLECT_UNION)
		offset = take_bytes(layout, 1);
	else if (tail != REFLECT_NONE || field->type == FASTIPC_TYPE_STRUCT ||
		 field->flags & FASTIPC_FIELD_OPTIONAL)
		presence = take_bit(layout);
	if (tail != REFLECT_NONE)
		variable = layout->variables++;
	else if (field->type == FASTIPC_TYPE_BOOL)
		bit = take_bit(layout);
	else
		offset = take_bytes(layout, reflect_size(schema, field));
	return field->presence == presence && field->bit == bit &&
	       field->offset == offset && field->variable == variable;
}

/* Its ref is that of something that is there, its flags fit its type. */
static bool is_field(const struct fastipc_schema *schema,
		     const struct fastipc_schema_field *field)
{
	unsigned int allowed = FASTIPC_FIELD_DEPRECATED;
	uint64_t bits = field->default_bits;
	unsigned int width;

	if (!field->name || !field->name[0])
		return false;
	if (reflect_tail(field) != REFLECT_NONE)
		allowed |= FASTIPC_FIELD_REQUIRED;
	else if (field->type < FASTIPC_TYPE_STRING)
		allowed |= FASTIPC_FIELD_OPTIONAL;
	if (field->type != FASTIPC_TYPE_UNION)
		allowed |= FASTIPC_FIELD_VECTOR;
	if (field->flags & ~allowed)
		return false;
	switch (field->type) {
	case FASTIPC_TYPE_STRING:
		return field->ref == FASTIPC_SCHEMA_NONE && !bits;
	case FASTIPC_TYPE_STRUCT:
		return field->ref < schema->struct_count && !bits;
	case FASTIPC_TYPE_TABLE:
		return field->ref < schema->table_count && !bits;
	case FASTIPC_TYPE_UNION:
		return field->ref < schema->union_count && !bits;
	default:
		if (field->type > FASTIPC_TYPE_UNION)
			return false;
	}
	width = field->type == FASTIPC_TYPE_BOOL
			? 1
			: 8 * (unsigned int)reflect_size(schema, field);
	if (width < 64 && bits >> width)
		return false;
	return field->ref == FASTIPC_SCHEMA_NONE ||
	       (field->ref < schema->enum_count &&
		schema->enums[field->ref].type == field->type);
}

static int check_table(const struct fastipc_schema *schema,
		       const struct fastipc_schema_table *table,
		       struct reflect_error *error)
{
	bool large = table->flags & FASTIPC_TABLE_LARGE;
	struct layout layout = { 0 };

	for (uint16_t i = 0; i < table->field_count; i++) {
		const struct fastipc_schema_field *field = &table->fields[i];

		if (!is_field(schema, field))
			return reflect_fail(error, -EINVAL, NULL,
					    "%s.%s has a type or flags that "
					    "make no sense",
					    table->name, field->name);
		if (!is_place(schema, field, &layout))
			return reflect_fail(error, -EINVAL, NULL,
					    "%s.%s is in another place than "
					    "its id gives it",
					    table->name, field->name);
		if (i && field->id <= table->fields[i - 1].id)
			return reflect_fail(error, -EINVAL, NULL,
					    "%s.%s is not in order of ids",
					    table->name, field->name);
	}
	if (layout.size != table->fixed_size ||
	    layout.variables != table->variables ||
	    layout.size > (large ? 65535u : 1023u) ||
	    layout.variables > (large ? 4096u : 63u))
		return reflect_fail(error, -EINVAL, NULL,
				    "%s has %u bytes fixed and %u tails, and "
				    "says %u and %u",
				    table->name, layout.size, layout.variables,
				    table->fixed_size, table->variables);
	return 0;
}

static int check_struct(const struct fastipc_schema *schema,
			const struct fastipc_schema_struct *type,
			struct reflect_error *error)
{
	uint32_t size = 0;

	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];

		bool valid = is_field(schema, field);

		if (!valid || field->flags ||
		    reflect_tail(field) != REFLECT_NONE ||
		    (field->type == FASTIPC_TYPE_STRUCT &&
		     &schema->structs[field->ref] == type) ||
		    field->offset != size || field->default_bits ||
		    field->bit != FASTIPC_SCHEMA_NONE ||
		    field->presence != FASTIPC_SCHEMA_NONE ||
		    field->variable != FASTIPC_SCHEMA_NONE)
			return reflect_fail(error, -EINVAL, NULL,
					    "%s.%s makes no sense in a struct",
					    type->name, field->name);
		size += (uint32_t)reflect_size(schema, field);
	}
	return size && size == type->size
		       ? 0
		       : reflect_fail(error, -EINVAL, NULL,
				      "%s has %u bytes, and says %u",
				      type->name, size, type->size);
}

static int check_union(const struct fastipc_schema *schema,
		       const struct fastipc_schema_union *any,
		       struct reflect_error *error)
{
	for (uint32_t i = 0; i < any->member_count; i++)
		if (any->members[i].table >= schema->table_count ||
		    !any->members[i].value ||
		    (i && any->members[i].value <= any->members[i - 1].value))
			return reflect_fail(error, -EINVAL, NULL,
					    "%s.%s makes no sense", any->name,
					    any->members[i].name);
	return 0;
}

static bool is_large(const struct fastipc_schema *schema, uint16_t table)
{
	return schema->tables[table].flags & FASTIPC_TABLE_LARGE;
}

static bool holds_large(const struct fastipc_schema *schema,
			const struct fastipc_schema_field *field)
{
	const struct fastipc_schema_union *any;

	if (field->type == FASTIPC_TYPE_TABLE)
		return is_large(schema, field->ref);
	if (field->type != FASTIPC_TYPE_UNION)
		return false;
	any = &schema->unions[field->ref];
	for (uint32_t i = 0; i < any->member_count; i++)
		if (is_large(schema, any->members[i].table))
			return true;
	return false;
}

/* A table that is not large must not hold one that is. */
static int check_large(const struct fastipc_schema *schema,
		       const struct fastipc_schema_table *table,
		       struct reflect_error *error)
{
	if (table->flags & FASTIPC_TABLE_LARGE)
		return 0;
	for (uint16_t i = 0; i < table->field_count; i++)
		if (holds_large(schema, &table->fields[i]))
			return reflect_fail(error, -EINVAL, NULL,
					    "%s.%s is large, and its table is "
					    "not",
					    table->name, table->fields[i].name);
	return 0;
}

int reflect_check_schema(const struct fastipc_schema *schema,
			 struct reflect_error *error)
{
	int ret = 0;

	for (uint16_t i = 0; i < schema->struct_count && !ret; i++)
		ret = check_struct(schema, &schema->structs[i], error);
	for (uint16_t i = 0; i < schema->union_count && !ret; i++)
		ret = check_union(schema, &schema->unions[i], error);
	for (uint16_t i = 0; i < schema->table_count && !ret; i++)
		ret = check_table(schema, &schema->tables[i], error);
	for (uint16_t i = 0; i < schema->table_count && !ret; i++)
		ret = check_large(schema, &schema->tables[i], error);
	if (!ret && schema->root != FASTIPC_SCHEMA_NONE &&
	    schema->root >= schema->table_count)
		ret = reflect_fail(error, -EINVAL, NULL,
				   "the root type does not exist");
	return ret;
}
