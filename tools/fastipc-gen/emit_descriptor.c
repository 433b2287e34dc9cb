// SPDX-License-Identifier: MIT
/*
 * The schema as data, in the terms of <fastipc/schema.h>: with all that it
 * includes, so that indexes hold.
 */
#include "gen.h"

#include <inttypes.h>

#define NONE FASTIPC_SCHEMA_NONE

/* A declaration's name, comment and line, which all begin with. */
#define PUT_BEGIN(gen, declaration) \
	do { \
		put(gen, "\t{ .name = "); \
		put_string(gen, (declaration)->name); \
		if ((declaration)->doc) { \
			put(gen, ",\n\t  .doc = "); \
			put_string(gen, (declaration)->doc); \
		} \
		put(gen, ",\n\t  .line = %u", (declaration)->line); \
	} while (0)

static void put_fields(struct gen *gen, const char *what, unsigned int index,
		       const struct fastipc_schema_field *fields,
		       unsigned int count)
{
	if (!count)
		return;
	put(gen, "static const struct fastipc_schema_field %s%u_fields[] = {\n",
	    what, index);
	for (unsigned int i = 0; i < count; i++) {
		const struct fastipc_schema_field *field = &fields[i];

		PUT_BEGIN(gen, field);
		put(gen,
		    ",\n\t  .id = %u, .type = %u, .flags = %u, .ref = %u,\n"
		    "\t  .offset = %u, .bit = %u, .presence = %u, .variable = "
		    "%u",
		    field->id, field->type, field->flags, field->ref,
		    field->offset, field->bit, field->presence,
		    field->variable);
		if (field->default_bits)
			put(gen,
			    ",\n\t  .default_bits = UINT64_C(0x%" PRIx64 ")",
			    field->default_bits);
		put(gen, " },\n");
	}
	put(gen, "};\n\n");
}

/* "NAME3_parts", or NULL if there are none. */
static void put_array(struct gen *gen, const char *member, const char *what,
		      unsigned int index, unsigned int count)
{
	if (count)
		put(gen, ",\n\t  .%s = %s%u_%s", member, what, index, member);
}

static void put_tables(struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;

	for (unsigned int i = 0; i < schema->table_count; i++)
		put_fields(gen, "table", i, schema->tables[i].fields,
			   schema->tables[i].field_count);
	if (!schema->table_count)
		return;
	put(gen, "static const struct fastipc_schema_table tables[] = {\n");
	for (unsigned int i = 0; i < schema->table_count; i++) {
		const struct fastipc_schema_table *table = &schema->tables[i];

		PUT_BEGIN(gen, table);
		put(gen,
		    ",\n\t  .flags = %u, .fixed_size = %u, .variables = %u,\n"
		    "\t  .field_count = %u",
		    table->flags, table->fixed_size, table->variables,
		    table->field_count);
		put_array(gen, "fields", "table", i, table->field_count);
		put(gen,
		    ",\n\t  .wire = UINT64_C(0x%016" PRIx64 "),\n"
		    "\t  .full = UINT64_C(0x%016" PRIx64 ") },\n",
		    table->wire, table->full);
	}
	put(gen, "};\n\n");
}

static void put_structs(struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;

	for (unsigned int i = 0; i < schema->struct_count; i++)
		put_fields(gen, "struct", i, schema->structs[i].fields,
			   schema->structs[i].field_count);
	if (!schema->struct_count)
		return;
	put(gen, "static const struct fastipc_schema_struct structs[] = {\n");
	for (unsigned int i = 0; i < schema->struct_count; i++) {
		const struct fastipc_schema_struct *type = &schema->structs[i];

		PUT_BEGIN(gen, type);
		put(gen, ",\n\t  .size = %u, .field_count = %u", type->size,
		    type->field_count);
		put_array(gen, "fields", "struct", i, type->field_count);
		put(gen, " },\n");
	}
	put(gen, "};\n\n");
}

static void put_enums(struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;

	for (unsigned int i = 0; i < schema->enum_count; i++) {
		const struct fastipc_schema_enum *type = &schema->enums[i];

		if (!type->value_count)
			continue;
		put(gen,
		    "static const struct fastipc_schema_value enum%u_values[] "
		    "= {\n",
		    i);
		for (unsigned int j = 0; j < type->value_count; j++) {
			PUT_BEGIN(gen, &type->values[j]);
			put(gen, ",\n\t  .bits = UINT64_C(0x%" PRIx64 ") },\n",
			    type->values[j].bits);
		}
		put(gen, "};\n\n");
	}
	if (!schema->enum_count)
		return;
	put(gen, "static const struct fastipc_schema_enum enums[] = {\n");
	for (unsigned int i = 0; i < schema->enum_count; i++) {
		const struct fastipc_schema_enum *type = &schema->enums[i];

		PUT_BEGIN(gen, type);
		put(gen, ",\n\t  .flags = %u, .type = %u, .value_count = %u",
		    type->flags, type->type, type->value_count);
		put_array(gen, "values", "enum", i, type->value_count);
		put(gen, " },\n");
	}
	put(gen, "};\n\n");
}

static void put_unions(struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;

	for (unsigned int i = 0; i < schema->union_count; i++) {
		const struct fastipc_schema_union *type = &schema->unions[i];

		if (!type->member_count)
			continue;
		put(gen,
		    "static const struct fastipc_schema_member "
		    "union%u_members[] = {\n",
		    i);
		for (unsigned int j = 0; j < type->member_count; j++) {
			PUT_BEGIN(gen, &type->members[j]);
			put(gen, ",\n\t  .table = %u, .value = %u },\n",
			    type->members[j].table, type->members[j].value);
		}
		put(gen, "};\n\n");
	}
	if (!schema->union_count)
		return;
	put(gen, "static const struct fastipc_schema_union unions[] = {\n");
	for (unsigned int i = 0; i < schema->union_count; i++) {
		const struct fastipc_schema_union *type = &schema->unions[i];

		PUT_BEGIN(gen, type);
		put(gen, ",\n\t  .member_count = %u", type->member_count);
		put_array(gen, "members", "union", i, type->member_count);
		put(gen, " },\n");
	}
	put(gen, "};\n\n");
}

static void put_services(struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;

	for (unsigned int i = 0; i < schema->service_count; i++) {
		const struct fastipc_schema_service *service =
			&schema->services[i];

		if (!service->method_count)
			continue;
		put(gen,
		    "static const struct fastipc_schema_method "
		    "service%u_methods[] = {\n",
		    i);
		for (unsigned int j = 0; j < service->method_count; j++) {
			const struct fastipc_schema_method *method =
				&service->methods[j];

			PUT_BEGIN(gen, method);
			put(gen,
			    ",\n\t  .id = %u, .type = %u, .request = %u, "
			    ".response = %u, .flags = %u },\n",
			    method->id, method->type, method->request,
			    method->response, method->flags);
		}
		put(gen, "};\n\n");
	}
	if (!schema->service_count)
		return;
	put(gen, "static const struct fastipc_schema_service services[] = {\n");
	for (unsigned int i = 0; i < schema->service_count; i++) {
		const struct fastipc_schema_service *service =
			&schema->services[i];

		PUT_BEGIN(gen, service);
		put(gen, ",\n\t  .id = %u, .method_count = %u", service->id,
		    service->method_count);
		put_array(gen, "methods", "service", i, service->method_count);
		put(gen,
		    ",\n\t  .wire = UINT64_C(0x%016" PRIx64 "),\n"
		    "\t  .full = UINT64_C(0x%016" PRIx64 ") },\n",
		    service->wire, service->full);
	}
	put(gen, "};\n\n");
}

void emit_descriptors(struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;

	put_tables(gen);
	put_structs(gen);
	put_enums(gen);
	put_unions(gen);
	put_services(gen);
	put(gen,
	    "const struct fastipc_schema %s = {\n"
	    "\t.size = sizeof(struct fastipc_schema),\n"
	    "\t.root = %u,\n",
	    gen->symbol, schema->root);
#define PUT(count, array) \
	if (schema->count) \
	put(gen, "\t." #count " = %u,\n\t." #array " = " #array ",\n", \
	    schema->count)
	PUT(table_count, tables);
	PUT(struct_count, structs);
	PUT(enum_count, enums);
	PUT(union_count, unions);
	PUT(service_count, services);
#undef PUT
	put(gen,
	    "\t.wire = UINT64_C(0x%016" PRIx64 "),\n"
	    "\t.full = UINT64_C(0x%016" PRIx64 "),\n"
	    "};\n",
	    schema->wire, schema->full);
}
