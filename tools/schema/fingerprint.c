// SPDX-License-Identifier: MIT
/*
 * Fingerprints, as "Fingerprints" of fastipc_schema(5) describes them: FNV-1a
 * of a text about each type, in which other types are their fingerprints.
 *
 * Tables may refer to each other in circles, so theirs are made in 64 rounds,
 * each of those of the round before: what is deeper than that in a message is
 * not there.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "schema/build.h"

#define ROUNDS 64u
#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

struct prints {
	const struct fastipc_schema *schema;
	bool full;	 /* with names */
	uint64_t *enums; /* full only */
	uint64_t *structs;
	uint64_t *unions;
	uint64_t *tables; /* of the round before */
	uint64_t *next;	  /* of this round */
};

static void add(uint64_t *hash, const char *text)
{
	for (; *text; text++)
		*hash = (*hash ^ (unsigned char)*text) * FNV_PRIME;
}

static void add_format(uint64_t *hash, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Of numbers: names may be longer than this. */
static void add_format(uint64_t *hash, const char *format, ...)
{
	char text[96];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	add(hash, text);
}

/* "table" or in full "table a.b.Item" */
static void add_head(uint64_t *hash, const struct prints *prints,
		     const char *kind, const char *name)
{
	add(hash, kind);
	if (prints->full) {
		add(hash, " ");
		add(hash, name);
	}
	add(hash, "{");
}

static void add_type(uint64_t *hash, const struct prints *prints,
		     const struct fastipc_schema_field *field)
{
	switch (field->type) {
	case FASTIPC_TYPE_STRUCT:
		add_format(hash, "s%016" PRIx64, prints->structs[field->ref]);
		break;
	case FASTIPC_TYPE_TABLE:
		add_format(hash, "t%016" PRIx64, prints->tables[field->ref]);
		break;
	case FASTIPC_TYPE_UNION:
		add_format(hash, "u%016" PRIx64, prints->unions[field->ref]);
		break;
	default:
		add(hash, schema_type_name(field->type));
		if (prints->full && field->ref != FASTIPC_SCHEMA_NONE)
			add_format(hash, "e%016" PRIx64,
				   prints->enums[field->ref]);
	}
}

static bool has_default(const struct fastipc_schema_field *field)
{
	return field->type <= FASTIPC_TYPE_F64 &&
	       !(field->flags &
		 (FASTIPC_FIELD_VECTOR | FASTIPC_FIELD_OPTIONAL));
}

/* "3:[uint];", in full "3:name:[uint]!;" */
static void add_field(uint64_t *hash, const struct prints *prints,
		      const struct fastipc_schema_field *field, bool in_table)
{
	bool is_vector = field->flags & FASTIPC_FIELD_VECTOR;

	add_format(hash, "%u:", field->id);
	if (prints->full) {
		add(hash, field->name);
		add(hash, ":");
	}
	add(hash, is_vector ? "[" : "");
	add_type(hash, prints, field);
	add(hash, is_vector ? "]" : "");
	if (field->flags & FASTIPC_FIELD_OPTIONAL)
		add(hash, "?");
	if (in_table && has_default(field))
		add_format(hash, "=%" PRIx64, field->default_bits);
	if (prints->full && (field->flags & FASTIPC_FIELD_REQUIRED))
		add(hash, "!");
	if (prints->full && (field->flags & FASTIPC_FIELD_DEPRECATED))
		add(hash, "-");
	add(hash, ";");
}

static int compare(const void *left, const void *right)
{
	const uint64_t *a = left;
	const uint64_t *b = right;

	return *a < *b ? -1 : *a > *b;
}

static int compare_values(const void *left, const void *right)
{
	const struct fastipc_schema_value *const *a = left;
	const struct fastipc_schema_value *const *b = right;

	return (*a)->bits < (*b)->bits ? -1 : (*a)->bits > (*b)->bits;
}

/* The order of declaration of its values means nothing. */
static uint64_t print_enum(struct schema_arena *arena,
			   const struct prints *prints,
			   const struct fastipc_schema_enum *enumeration)
{
	const struct fastipc_schema_value **values =
		schema_take(arena, enumeration->value_count * sizeof(*values));
	uint64_t hash = FNV_START;

	for (uint32_t i = 0; i < enumeration->value_count; i++)
		values[i] = &enumeration->values[i];
	qsort(values, enumeration->value_count, sizeof(*values),
	      compare_values);
	add_head(&hash, prints,
		 enumeration->flags & FASTIPC_ENUM_FLAGS ? "flags" : "enum",
		 enumeration->name);
	add(&hash, schema_type_name((uint8_t)enumeration->type));
	add(&hash, ";");
	for (uint32_t i = 0; i < enumeration->value_count; i++) {
		add(&hash, values[i]->name);
		add_format(&hash, "=%" PRIx64 ";", values[i]->bits);
	}
	add(&hash, "}");
	return hash;
}

static uint64_t print_struct(const struct prints *prints,
			     const struct fastipc_schema_struct *structure)
{
	uint64_t hash = FNV_START;

	add_head(&hash, prints, "struct", structure->name);
	for (uint32_t i = 0; i < structure->field_count; i++)
		add_field(&hash, prints, &structure->fields[i], false);
	add(&hash, "}");
	return hash;
}

static uint64_t print_union(const struct prints *prints,
			    const struct fastipc_schema_union *choice)
{
	uint64_t hash = FNV_START;

	add_head(&hash, prints, "union", choice->name);
	for (uint32_t i = 0; i < choice->member_count; i++) {
		const struct fastipc_schema_member *member =
			&choice->members[i];

		add_format(&hash, "%u:", member->value);
		if (prints->full) {
			add(&hash, member->name);
			add(&hash, ":");
		}
		add_format(&hash, "t%016" PRIx64 ";",
			   prints->tables[member->table]);
	}
	add(&hash, "}");
	return hash;
}

static uint64_t print_table(const struct prints *prints,
			    const struct fastipc_schema_table *table)
{
	uint64_t hash = FNV_START;

	add_head(&hash, prints,
		 table->flags & FASTIPC_TABLE_LARGE ? "large" : "table",
		 table->name);
	for (uint32_t i = 0; i < table->field_count; i++)
		add_field(&hash, prints, &table->fields[i], true);
	add(&hash, "}");
	return hash;
}

static uint64_t print_service(const struct prints *prints,
			      const struct fastipc_schema_service *service)
{
	static const char *const streams[] = { "", "<", ">", "<>" };
	uint64_t hash = FNV_START;

	add_head(&hash, prints, "service", service->name);
	add_format(&hash, "%u;", service->id);
	for (uint32_t i = 0; i < service->method_count; i++) {
		const struct fastipc_schema_method *method =
			&service->methods[i];

		add_format(&hash, "%u:", method->id);
		if (prints->full) {
			add(&hash, method->name);
			add(&hash, ":");
		}
		add_format(&hash, "t%016" PRIx64 ":t%016" PRIx64,
			   prints->tables[method->request],
			   prints->tables[method->response]);
		add(&hash, streams[method->flags & 3]);
		if (prints->full && (method->flags & FASTIPC_METHOD_IDEMPOTENT))
			add(&hash, "*");
		add(&hash, ";");
	}
	add(&hash, "}");
	return hash;
}

/* All of one kind, in the order of their prints: that of the text is not. */
static void add_sorted(uint64_t *hash, struct schema_arena *arena, char kind,
		       const uint64_t *prints, size_t count)
{
	uint64_t *sorted = schema_take(arena, count * sizeof(*sorted));

	memcpy(sorted, prints, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	for (size_t i = 0; i < count; i++)
		add_format(hash, "%c%016" PRIx64 ";", kind, sorted[i]);
}

static uint64_t print_schema(struct schema_arena *arena,
			     const struct prints *prints,
			     const uint64_t *services)
{
	const struct fastipc_schema *schema = prints->schema;
	uint64_t hash = FNV_START;

	add(&hash, "schema{");
	if (schema->root != FASTIPC_SCHEMA_NONE)
		add_format(&hash, "root:t%016" PRIx64 ";",
			   prints->tables[schema->root]);
	if (prints->full) {
		add_sorted(&hash, arena, 'e', prints->enums,
			   schema->enum_count);
		add_sorted(&hash, arena, 's', prints->structs,
			   schema->struct_count);
		add_sorted(&hash, arena, 'u', prints->unions,
			   schema->union_count);
	}
	add_sorted(&hash, arena, 't', prints->tables, schema->table_count);
	add_sorted(&hash, arena, 'r', services, schema->service_count);
	add(&hash, "}");
	return hash;
}

static void print_types(struct schema_arena *arena, struct prints *prints)
{
	const struct fastipc_schema *schema = prints->schema;

	for (uint32_t i = 0; i < schema->enum_count && prints->full; i++)
		prints->enums[i] = print_enum(arena, prints, &schema->enums[i]);
	/* A struct has only those that are declared before it. */
	for (uint32_t i = 0; i < schema->struct_count; i++)
		prints->structs[i] = print_struct(prints, &schema->structs[i]);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t *done = prints->next;

		for (uint32_t i = 0; i < schema->union_count; i++)
			prints->unions[i] =
				print_union(prints, &schema->unions[i]);
		for (uint32_t i = 0; i < schema->table_count; i++)
			done[i] = print_table(prints, &schema->tables[i]);
		prints->next = prints->tables;
		prints->tables = done;
	}
	/* As the tables are now: for the schema. */
	for (uint32_t i = 0; i < schema->union_count; i++)
		prints->unions[i] = print_union(prints, &schema->unions[i]);
}

static void print_all(struct schema_arena *arena, struct fastipc_schema *schema,
		      bool full)
{
	struct fastipc_schema_table *tables =
		(struct fastipc_schema_table *)schema->tables;
	struct fastipc_schema_service *services =
		(struct fastipc_schema_service *)schema->services;
	struct prints prints = { .schema = schema, .full = full };
	uint64_t *service_prints =
		schema_take(arena, schema->service_count * sizeof(uint64_t));

	prints.enums =
		schema_take(arena, schema->enum_count * sizeof(uint64_t));
	prints.structs =
		schema_take(arena, schema->struct_count * sizeof(uint64_t));
	prints.unions =
		schema_take(arena, schema->union_count * sizeof(uint64_t));
	prints.tables =
		schema_take(arena, schema->table_count * sizeof(uint64_t));
	prints.next =
		schema_take(arena, schema->table_count * sizeof(uint64_t));
	print_types(arena, &prints);
	for (uint32_t i = 0; i < schema->table_count; i++)
		*(full ? &tables[i].full : &tables[i].wire) = prints.tables[i];
	for (uint32_t i = 0; i < schema->service_count; i++) {
		service_prints[i] = print_service(&prints, &services[i]);
		*(full ? &services[i].full : &services[i].wire) =
			service_prints[i];
	}
	*(full ? &schema->full : &schema->wire) =
		print_schema(arena, &prints, service_prints);
}

void schema_fingerprint(struct schema_arena *arena,
			struct fastipc_schema *schema)
{
	print_all(arena, schema, false);
	print_all(arena, schema, true);
}
