// SPDX-License-Identifier: MIT
/*
 * The names that a schema gets in C, and what its fields are.
 */
#include "gen.h"

#include <ctype.h>
#include <string.h>

#include "names.h"
#include "schema/schema.h"

bool gen_is_own(const struct gen *gen, const void *declaration)
{
	return !schema_source_of(gen->schema, declaration);
}

const char *gen_identifier(struct gen *gen, const char *qualified)
{
	char *name = schema_take_text(gen->arena, qualified, strlen(qualified));

	for (char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at))
			*at = '_';
	return names_escape(gen->arena, name);
}

/* ---- fields ---- */

enum gen_kind gen_kind(const struct fastipc_schema_field *field)
{
	const bool vector = field->flags & FASTIPC_FIELD_VECTOR;

	switch (field->type) {
	case FASTIPC_TYPE_STRING:
		return vector ? GEN_STRINGS : GEN_STRING;
	case FASTIPC_TYPE_STRUCT:
		return vector ? GEN_STRUCTS : GEN_STRUCT;
	case FASTIPC_TYPE_TABLE:
		return vector ? GEN_TABLES : GEN_TABLE;
	case FASTIPC_TYPE_UNION:
		return GEN_UNION;
	default:
		return vector ? GEN_SCALARS : GEN_SCALAR;
	}
}

bool gen_is_optional(const struct fastipc_schema_field *field)
{
	return field->flags & FASTIPC_FIELD_OPTIONAL;
}

bool gen_is_deprecated(const struct fastipc_schema_field *field)
{
	return field->flags & FASTIPC_FIELD_DEPRECATED;
}

bool gen_is_required(const struct fastipc_schema_field *field)
{
	return field->flags & FASTIPC_FIELD_REQUIRED;
}

bool gen_is_bytes(const struct fastipc_schema_field *field)
{
	return gen_kind(field) == GEN_SCALARS &&
	       field->type == FASTIPC_TYPE_U8 &&
	       field->ref == FASTIPC_SCHEMA_NONE;
}

static const struct {
	const char *name;
	const char *type;
	unsigned int width;
} scalars[] = {
	[FASTIPC_TYPE_BOOL] = { "bool", "bool", 1 },
	[FASTIPC_TYPE_I8] = { "i8", "int8_t", 1 },
	[FASTIPC_TYPE_U8] = { "u8", "uint8_t", 1 },
	[FASTIPC_TYPE_I16] = { "i16", "int16_t", 2 },
	[FASTIPC_TYPE_U16] = { "u16", "uint16_t", 2 },
	[FASTIPC_TYPE_I32] = { "i32", "int32_t", 4 },
	[FASTIPC_TYPE_U32] = { "u32", "uint32_t", 4 },
	[FASTIPC_TYPE_I64] = { "i64", "int64_t", 8 },
	[FASTIPC_TYPE_U64] = { "u64", "uint64_t", 8 },
	[FASTIPC_TYPE_F32] = { "f32", "float", 4 },
	[FASTIPC_TYPE_F64] = { "f64", "double", 8 },
};

unsigned int gen_width(unsigned int type)
{
	return scalars[type].width;
}

const char *gen_short(unsigned int type)
{
	return scalars[type].name;
}

const char *gen_scalar(const struct gen *gen,
		       const struct fastipc_schema_field *field)
{
	if (field->ref != FASTIPC_SCHEMA_NONE)
		return gen->enums[field->ref];
	return scalars[field->type].type;
}

const struct fastipc_schema_field *
gen_variable(const struct fastipc_schema_table *table, uint32_t variable)
{
	for (uint16_t i = 0; i < table->field_count; i++)
		if (table->fields[i].variable == variable)
			return &table->fields[i];
	return NULL;
}

const struct fastipc_schema_field *
gen_tail(const struct fastipc_schema_table *table,
	 const struct gen_table *names, uint32_t variable,
	 const struct gen_field **field_names)
{
	const struct fastipc_schema_field *field =
		gen_variable(table, variable);

	if (!field || gen_is_deprecated(field))
		return NULL;
	*field_names = &names->fields[field - table->fields];
	return field;
}

bool gen_has_parts(const struct fastipc_schema_table *table)
{
	for (uint16_t i = 0; i < table->field_count; i++) {
		const struct fastipc_schema_field *field = &table->fields[i];

		if (!gen_is_deprecated(field) &&
		    (field->type == FASTIPC_TYPE_TABLE ||
		     field->type == FASTIPC_TYPE_UNION))
			return true;
	}
	return false;
}

/* With more words than these they are in an array, not in registers. */
#define WORDS_IN_REGISTERS 8

uint32_t gen_words(const struct fastipc_schema_table *table)
{
	return table->fixed_size ? (table->fixed_size + 7u) / 8 : 1;
}

bool gen_in_registers(const struct fastipc_schema_table *table)
{
	return gen_words(table) <= WORDS_IN_REGISTERS;
}

uint32_t gen_end_width(const struct fastipc_schema_table *table)
{
	return gen_is_large(table) ? 4 : 2;
}

#define LEAF_FIELDS 8
#define LEAF_BYTES 64

bool gen_is_leaf(const struct gen *gen, uint16_t table)
{
	const struct fastipc_schema_table *type = &gen->schema->tables[table];

	if (!gen_is_own(gen, type) || type->field_count > LEAF_FIELDS ||
	    type->fixed_size > LEAF_BYTES)
		return false;
	for (uint16_t i = 0; i < type->field_count; i++)
		if (type->fields[i].type == FASTIPC_TYPE_TABLE ||
		    type->fields[i].type == FASTIPC_TYPE_UNION)
			return false;
	return true;
}

const char *gen_bool(bool value)
{
	return value ? "true" : "false";
}

/* ---- names ---- */

/* What a table T has besides its fields: T_init and so on. */
static const char *const table_parts[] = {
	"init",		 "encode",	"size",	    "read",	"read_sealed",
	"reader",	 "view",	"view_of",  "array",	"vector",
	"vector_at",	 "vector_view", "put_",	    "check_",	"head_",
	"empty_",	 "encoder",	"received", "measure_", "fields_",
	"vector_view_at"
};

static const char *const struct_parts[] = { "SIZE",	      "load_",
					    "store_",	      "array",
					    "vector",	      "vector_at",
					    "vector_copy",    "vector_view",
					    "vector_view_at", "put_array_" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void take_parts(struct names *names, const char *name,
		       const char *const *parts, size_t count)
{
	names_take(names, name);
	for (size_t i = 0; i < count; i++)
		names_take(names,
			   names_format(names->arena, "%s_%s", name, parts[i]));
}

/* Take a name, with as many '_' behind it as it takes to be the only one. */
static const char *take_one(struct names *names, const char *name)
{
	while (names_taken(names, name))
		name = names_format(names->arena, "%s_", name);
	names_take(names, name);
	return name;
}

/* Members of a struct of the generated code. */
static void name_members(struct gen *gen, struct gen_field *named,
			 const struct fastipc_schema_field *fields,
			 size_t count)
{
	struct names names = { .arena = gen->arena };

	for (size_t i = 0; i < count; i++)
		named[i].member = take_one(
			&names, names_escape(gen->arena, fields[i].name));
	for (size_t i = 0; i < count; i++) {
		const char *name = fields[i].name;

		if (gen_is_optional(&fields[i]))
			named[i].has =
				take_one(&names, names_format(gen->arena,
							      "has_%s", name));
		if (gen_kind(&fields[i]) == GEN_UNION)
			named[i].union_of =
				take_one(&names, names_format(gen->arena,
							      "%s_type", name));
	}
}

/* All functions that a field may have. */
static const char *const accessors[] = { "%s_%s",	    "%s_has_%s",
					 "%s_view_%s",	    "%s_view_has_%s",
					 "%s_%s_type",	    "%s_set_%s",
					 "%s_view_%s_type", "%s_%s_as",
					 "%s_view_%s_as" };

static const char *accessor_format(struct gen *gen, size_t i, const char *table,
				   const char *field)
{
	const char *mark = strstr(accessors[i], "%s") + 2;
	const char *second = strstr(mark, "%s");

	return names_format(gen->arena, "%s%.*s%s%s", table,
			    (int)(second - mark), mark, field, second + 2);
}

static bool accessor_free(struct gen *gen, const struct names *names,
			  const char *table, const char *field)
{
	for (size_t i = 0; i < COUNT(accessors); i++)
		if (names_taken(names, accessor_format(gen, i, table, field)))
			return false;
	return true;
}

static void name_accessors(struct gen *gen, struct names *names,
			   const struct gen_table *table,
			   const struct fastipc_schema_table *source)
{
	for (uint16_t i = 0; i < source->field_count; i++) {
		const char *name = source->fields[i].name;

		if (gen_is_deprecated(&source->fields[i]))
			continue;
		while (!accessor_free(gen, names, table->name, name))
			name = names_format(gen->arena, "%s_", name);
		table->fields[i].accessor = name;
		/* "T_x_type" is another field's if x is no union. */
		for (size_t j = 0; j < COUNT(accessors); j++)
			if (j < 4 || gen_kind(&source->fields[i]) == GEN_UNION)
				names_take(names,
					   accessor_format(gen, j, table->name,
							   name));
	}
}

static struct gen_table name_fields(struct gen *gen, const char *qualified,
				    const struct fastipc_schema_field *fields,
				    size_t count)
{
	struct gen_table table = {
		.name = gen_identifier(gen, qualified),
		.fields = schema_take(gen->arena,
				      count * sizeof(*table.fields) + 1),
	};

	name_members(gen, table.fields, fields, count);
	return table;
}

/* Names before the accessors, which are the ones to give way. */
static void name_types(struct gen *gen, struct names *names)
{
	const struct fastipc_schema *schema = gen->schema;

	for (uint16_t i = 0; i < schema->enum_count; i++) {
		gen->enums[i] = gen_identifier(gen, schema->enums[i].name);
		names_take(names, gen->enums[i]);
		names_take(names,
			   names_format(gen->arena, "%s_name", gen->enums[i]));
	}
	for (uint16_t i = 0; i < schema->union_count; i++) {
		gen->unions[i] = gen_identifier(gen, schema->unions[i].name);
		names_take(names,
			   names_format(gen->arena, "%s_type", gen->unions[i]));
	}
	for (uint16_t i = 0; i < schema->struct_count; i++) {
		const struct fastipc_schema_struct *type = &schema->structs[i];

		gen->structs[i] = name_fields(gen, type->name, type->fields,
					      type->field_count);
		take_parts(names, gen->structs[i].name, struct_parts,
			   COUNT(struct_parts));
	}
	for (uint16_t i = 0; i < schema->table_count; i++) {
		const struct fastipc_schema_table *type = &schema->tables[i];

		gen->tables[i] = name_fields(gen, type->name, type->fields,
					     type->field_count);
		take_parts(names, gen->tables[i].name, table_parts,
			   COUNT(table_parts));
	}
}

/* The namespace of the first declaration of the file, with '_' behind it. */
static const char *prefix_of(struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;
	const char *name = NULL, *dot;
	uint32_t line = UINT32_MAX;

#define LOOK(array, count) \
	for (uint16_t i = 0; i < schema->count; i++) \
		if (gen_is_own(gen, &schema->array[i]) && \
		    schema->array[i].line < line) { \
			name = schema->array[i].name; \
			line = schema->array[i].line; \
		}
	LOOK(tables, table_count)
	LOOK(structs, struct_count)
	LOOK(enums, enum_count)
	LOOK(unions, union_count)
	LOOK(services, service_count)
#undef LOOK
	dot = name ? strrchr(name, '.') : NULL;
	if (!dot)
		return "";
	return gen_identifier(gen, schema_take_text(gen->arena, name,
						    (size_t)(dot + 1 - name)));
}

void gen_names(struct gen *gen, const char *stem)
{
	const struct fastipc_schema *schema = gen->schema;
	struct names names = { .arena = gen->arena };

	gen->stem = stem;
	gen->tables = schema_take(gen->arena, (schema->table_count + 1u) *
						      sizeof(*gen->tables));
	gen->structs = schema_take(gen->arena, (schema->struct_count + 1u) *
						       sizeof(*gen->structs));
	gen->enums = schema_take(gen->arena, (schema->enum_count + 1u) *
						     sizeof(*gen->enums));
	gen->unions = schema_take(gen->arena, (schema->union_count + 1u) *
						      sizeof(*gen->unions));
	name_types(gen, &names);
	for (uint16_t i = 0; i < schema->table_count; i++)
		name_accessors(gen, &names, &gen->tables[i],
			       &schema->tables[i]);
	gen->symbol = names_format(gen->arena, "%s%s_schema", prefix_of(gen),
				   gen_identifier(gen, stem));
}
