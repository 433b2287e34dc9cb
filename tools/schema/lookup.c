// SPDX-License-Identifier: MIT
/* Ways through a schema that is there. */
#include <stdlib.h>
#include <string.h>

#include "schema/build.h"

static const struct schema_loaded *
loaded_of(const struct fastipc_schema *schema)
{
	return (const struct schema_loaded *)schema;
}

void schema_free(struct fastipc_schema *schema)
{
	struct schema_loaded *loaded = (struct schema_loaded *)schema;

	if (!schema)
		return;
	schema_arena_free(&loaded->arena);
	free(loaded);
}

const struct schema_source *schema_sources(const struct fastipc_schema *schema,
					   size_t *count)
{
	*count = loaded_of(schema)->source_count;
	return loaded_of(schema)->sources;
}

/* Is @element one of @count of @size bytes?  Then which. */
static bool index_in(const void *array, size_t count, size_t size,
		     const void *element, size_t *index)
{
	uintptr_t start = (uintptr_t)array, place = (uintptr_t)element;

	if (place < start || place >= start + count * size)
		return false;
	*index = (place - start) / size;
	return true;
}

uint16_t schema_source_of(const struct fastipc_schema *schema,
			  const void *declaration)
{
	const struct {
		const void *array;
		size_t count;
		size_t size;
	} kinds[SCHEMA_KINDS] = {
		[SCHEMA_TABLE] = { schema->tables, schema->table_count,
				   sizeof(*schema->tables) },
		[SCHEMA_STRUCT] = { schema->structs, schema->struct_count,
				    sizeof(*schema->structs) },
		[SCHEMA_ENUM] = { schema->enums, schema->enum_count,
				  sizeof(*schema->enums) },
		[SCHEMA_UNION] = { schema->unions, schema->union_count,
				   sizeof(*schema->unions) },
		[SCHEMA_SERVICE] = { schema->services, schema->service_count,
				     sizeof(*schema->services) },
	};
	size_t index;

	for (int kind = 0; kind < SCHEMA_KINDS; kind++) {
		if (index_in(kinds[kind].array, kinds[kind].count,
			     kinds[kind].size, declaration, &index))
			return loaded_of(schema)->origins[kind][index];
	}
	return 0;
}

uint16_t schema_find_table(const struct fastipc_schema *schema,
			   const char *name)
{
	uint16_t found = FASTIPC_SCHEMA_NONE;
	bool is_unique = true;

	for (uint16_t i = 0; i < schema->table_count; i++) {
		const char *full = schema->tables[i].name;
		const char *dot = strrchr(full, '.');

		if (!strcmp(full, name))
			return i;
		if (!dot || strcmp(dot + 1, name) != 0)
			continue;
		is_unique = found == FASTIPC_SCHEMA_NONE;
		found = i;
	}
	return is_unique ? found : FASTIPC_SCHEMA_NONE;
}

uint32_t schema_type_size(const struct fastipc_schema *schema, uint8_t type,
			  uint16_t ref)
{
	static const uint8_t sizes[] = { 1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8 };

	if (type <= FASTIPC_TYPE_F64)
		return sizes[type];
	return type == FASTIPC_TYPE_STRUCT ? schema->structs[ref].size : 0;
}
