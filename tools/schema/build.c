// SPDX-License-Identifier: MIT
/* From declarations without errors to descriptors. */
#include "schema/build.h"

static uint16_t ref_of(const struct schema_type *type)
{
	return type->decl ? (uint16_t)type->decl->index : FASTIPC_SCHEMA_NONE;
}

static uint8_t type_of(const struct schema_type *type)
{
	if (!type->decl)
		return type->builtin;
	switch (type->decl->kind) {
	case SCHEMA_TABLE:
		return FASTIPC_TYPE_TABLE;
	case SCHEMA_STRUCT:
		return FASTIPC_TYPE_STRUCT;
	case SCHEMA_UNION:
		return FASTIPC_TYPE_UNION;
	default:
		return type->decl->type.builtin;
	}
}

static const struct fastipc_schema_field *
build_fields(struct schema_arena *arena, const struct schema_decl *decl)
{
	struct fastipc_schema_field *fields =
		schema_take(arena, decl->item_count * sizeof(*fields));

	for (uint32_t i = 0; i < decl->item_count; i++) {
		const struct schema_item *item = decl->sorted[i];

		fields[i].name = item->name.text;
		fields[i].doc = item->doc;
		fields[i].line = item->name.place.line;
		fields[i].id = (uint16_t)item->id;
		fields[i].type = type_of(&item->type);
		fields[i].flags = item->flags;
		fields[i].ref = ref_of(&item->type);
		fields[i].offset = (uint16_t)item->offset;
		fields[i].bit = (uint16_t)item->bit;
		fields[i].presence = (uint16_t)item->presence;
		fields[i].variable = (uint16_t)item->variable;
		fields[i].default_bits = item->bits;
	}
	return fields;
}

static void build_table(struct schema_arena *arena,
			const struct schema_decl *decl,
			struct fastipc_schema_table *table)
{
	table->name = decl->qualified;
	table->doc = decl->doc;
	table->line = decl->name.place.line;
	table->flags = decl->flags;
	table->fixed_size = (uint16_t)decl->size;
	table->variables = (uint16_t)decl->variables;
	table->field_count = (uint16_t)decl->item_count;
	table->fields = build_fields(arena, decl);
}

static void build_struct(struct schema_arena *arena,
			 const struct schema_decl *decl,
			 struct fastipc_schema_struct *structure)
{
	structure->name = decl->qualified;
	structure->doc = decl->doc;
	structure->line = decl->name.place.line;
	structure->size = (uint16_t)decl->size;
	structure->field_count = (uint16_t)decl->item_count;
	structure->fields = build_fields(arena, decl);
}

static void build_enum(struct schema_arena *arena,
		       const struct schema_decl *decl,
		       struct fastipc_schema_enum *enumeration)
{
	struct fastipc_schema_value *value =
		schema_take(arena, decl->item_count * sizeof(*value));

	enumeration->name = decl->qualified;
	enumeration->doc = decl->doc;
	enumeration->line = decl->name.place.line;
	enumeration->flags = decl->flags;
	enumeration->type = decl->type.builtin;
	enumeration->value_count = (uint16_t)decl->item_count;
	enumeration->values = value;
	for (const struct schema_item *item = decl->items; item;
	     item = item->next, value++) {
		value->name = item->name.text;
		value->doc = item->doc;
		value->line = item->name.place.line;
		value->bits = item->bits;
	}
}

static void build_union(struct schema_arena *arena,
			const struct schema_decl *decl,
			struct fastipc_schema_union *choice)
{
	struct fastipc_schema_member *members =
		schema_take(arena, decl->item_count * sizeof(*members));

	choice->name = decl->qualified;
	choice->doc = decl->doc;
	choice->line = decl->name.place.line;
	choice->member_count = decl->item_count;
	choice->members = members;
	for (uint32_t i = 0; i < decl->item_count; i++) {
		const struct schema_item *item = decl->sorted[i];

		members[i].name = item->name.text;
		members[i].doc = item->doc;
		members[i].line = item->name.place.line;
		members[i].table = ref_of(&item->type);
		members[i].value = (uint8_t)item->bits;
	}
}

static void build_service(struct schema_arena *arena,
			  const struct schema_decl *decl,
			  struct fastipc_schema_service *service)
{
	struct fastipc_schema_method *methods =
		schema_take(arena, decl->item_count * sizeof(*methods));

	service->name = decl->qualified;
	service->doc = decl->doc;
	service->line = decl->name.place.line;
	service->id = (uint16_t)decl->id;
	service->method_count = (uint16_t)decl->item_count;
	service->methods = methods;
	for (uint32_t i = 0; i < decl->item_count; i++) {
		const struct schema_item *item = decl->sorted[i];

		methods[i].name = item->name.text;
		methods[i].doc = item->doc;
		methods[i].line = item->name.place.line;
		methods[i].id = (uint16_t)item->id;
		methods[i].type = (uint16_t)(decl->id * 256 + item->id);
		methods[i].request = ref_of(&item->type);
		methods[i].response = ref_of(&item->response);
		methods[i].flags = item->flags;
	}
}

void schema_build(const struct schema_tree *tree, struct schema_loaded *loaded)
{
	struct schema_arena *arena = tree->arena;
	struct fastipc_schema *schema = &loaded->schema;
	struct fastipc_schema_table *tables = schema_take(
		arena, tree->counts[SCHEMA_TABLE] * sizeof(*tables));
	struct fastipc_schema_struct *structs = schema_take(
		arena, tree->counts[SCHEMA_STRUCT] * sizeof(*structs));
	struct fastipc_schema_enum *enums =
		schema_take(arena, tree->counts[SCHEMA_ENUM] * sizeof(*enums));
	struct fastipc_schema_union *unions = schema_take(
		arena, tree->counts[SCHEMA_UNION] * sizeof(*unions));
	struct fastipc_schema_service *services = schema_take(
		arena, tree->counts[SCHEMA_SERVICE] * sizeof(*services));

	for (int kind = 0; kind < SCHEMA_KINDS; kind++)
		loaded->origins[kind] = schema_take(
			arena, tree->counts[kind] * sizeof(uint16_t));
	for (const struct schema_decl *decl = tree->first; decl;
	     decl = decl->next) {
		loaded->origins[decl->kind][decl->index] = decl->file->index;
		switch (decl->kind) {
		case SCHEMA_TABLE:
			build_table(arena, decl, &tables[decl->index]);
			break;
		case SCHEMA_STRUCT:
			build_struct(arena, decl, &structs[decl->index]);
			break;
		case SCHEMA_ENUM:
			build_enum(arena, decl, &enums[decl->index]);
			break;
		case SCHEMA_UNION:
			build_union(arena, decl, &unions[decl->index]);
			break;
		default:
			build_service(arena, decl, &services[decl->index]);
		}
	}
	schema->size = sizeof(*schema);
	schema->root = tree->root_table ? (uint16_t)tree->root_table->index
					: FASTIPC_SCHEMA_NONE;
	schema->table_count = (uint16_t)tree->counts[SCHEMA_TABLE];
	schema->struct_count = (uint16_t)tree->counts[SCHEMA_STRUCT];
	schema->enum_count = (uint16_t)tree->counts[SCHEMA_ENUM];
	schema->union_count = (uint16_t)tree->counts[SCHEMA_UNION];
	schema->service_count = (uint16_t)tree->counts[SCHEMA_SERVICE];
	schema->tables = tables;
	schema->structs = structs;
	schema->enums = enums;
	schema->unions = unions;
	schema->services = services;
}
