// SPDX-License-Identifier: MIT
/*
 * fields SCHEMA.fbs...: prints every enum, table and field of schemas, for
 * tests that do something with each of them.  Who includes the list defines
 * these macros before, ENUM and those with it, or BEGIN and those with it; the
 * list takes them back.  What is between BEGIN and END is a function's body.
 *
 *	ENUM(enum) VALUE(enum, name)... END_ENUM(enum)
 *	BEGIN(table)
 *	SCALAR(table, member, accessor)
 *	OPTIONAL(table, member, accessor, member that tells if it is there)
 *	STRUCT(table, member, accessor, struct)
 *	STRING(table, member, accessor)
 *	BYTES(table, member, accessor)
 *	STRINGS(table, member, accessor)
 *	SCALARS(table, member, accessor, type of C, type of fastipc)
 *	STRUCTS(table, member, accessor, struct)
 *	TABLE(table, member, accessor, of table)
 *	TABLES(table, member, accessor, of table)
 *	UNION(table, member, accessor, member with the type)
 *		MEMBER(table, member, accessor, union, name, of table)...
 *	END_UNION(table, member)
 *	END(table)
 *
 * And it defines FIELDS_TABLES(X): X(descriptors, table, index) of each table.
 * Deprecated fields have no accessors, and are not there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastipc-gen/gen.h"
#include "schema/schema.h"

static void print_enum(const struct gen *gen, uint16_t index)
{
	const struct fastipc_schema_enum *type = &gen->schema->enums[index];
	const char *name = gen->enums[index];

	printf("ENUM(%s)\n", name);
	for (uint32_t i = 0; i < type->value_count; i++)
		printf("VALUE(%s, %s)\n", name, type->values[i].name);
	printf("END_ENUM(%s)\n\n", name);
}

static void print_union(const struct gen *gen, const char *table,
			const struct gen_field *named, uint16_t index)
{
	const struct fastipc_schema_union *type = &gen->schema->unions[index];

	printf("UNION(%s, %s, %s, %s)\n", table, named->member, named->accessor,
	       named->union_of);
	for (uint32_t i = 0; i < type->member_count; i++)
		printf("MEMBER(%s, %s, %s, %s, %s, %s)\n", table, named->member,
		       named->accessor, gen->unions[index],
		       type->members[i].name,
		       gen->tables[type->members[i].table].name);
	printf("END_UNION(%s, %s)\n", table, named->member);
}

static void print_field(const struct gen *gen, const char *table,
			const struct fastipc_schema_field *field,
			const struct gen_field *named)
{
	const char *kind, *type = NULL, *more = NULL;

	switch (gen_kind(field)) {
	case GEN_SCALAR:
		kind = gen_is_optional(field) ? "OPTIONAL" : "SCALAR";
		type = named->has;
		break;
	case GEN_SCALARS:
		kind = gen_is_bytes(field) ? "BYTES" : "SCALARS";
		if (gen_is_bytes(field))
			break;
		type = gen_scalar(gen, field);
		more = gen_short(field->type);
		break;
	case GEN_STRUCT:
	case GEN_STRUCTS:
		kind = gen_kind(field) == GEN_STRUCT ? "STRUCT" : "STRUCTS";
		type = gen->structs[field->ref].name;
		break;
	case GEN_TABLE:
	case GEN_TABLES:
		kind = gen_kind(field) == GEN_TABLE ? "TABLE" : "TABLES";
		type = gen->tables[field->ref].name;
		break;
	case GEN_UNION:
		print_union(gen, table, named, field->ref);
		return;
	default:
		kind = gen_kind(field) == GEN_STRING ? "STRING" : "STRINGS";
	}
	printf("%s(%s, %s, %s%s%s%s%s)\n", kind, table, named->member,
	       named->accessor, type ? ", " : "", type ? type : "",
	       more ? ", " : "", more ? more : "");
}

static void print_enums(const struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->enum_count; i++)
		if (gen_is_own(gen, &gen->schema->enums[i]))
			print_enum(gen, i);
}

static void print_fields(const struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;

	for (uint16_t i = 0; i < schema->table_count; i++) {
		const struct fastipc_schema_table *type = &schema->tables[i];
		const struct gen_table *table = &gen->tables[i];

		if (!gen_is_own(gen, type))
			continue;
		printf("BEGIN(%s)\n", table->name);
		for (uint16_t j = 0; j < type->field_count; j++)
			if (!gen_is_deprecated(&type->fields[j]))
				print_field(gen, table->name, &type->fields[j],
					    &table->fields[j]);
		printf("END(%s)\n\n", table->name);
	}
}

static void print_tables(const struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->table_count; i++)
		if (gen_is_own(gen, &gen->schema->tables[i]))
			printf(" \\\n\tX(%s, %s, %u)", gen->symbol,
			       gen->tables[i].name, i);
}

static void load(const char *path, struct schema_arena *arena, struct gen *gen)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	struct schema_errors errors = { 0 };
	struct fastipc_schema *schema;

	if (schema_load(path, NULL, &errors, &schema)) {
		schema_errors_print(&errors, stderr);
		exit(EXIT_FAILURE);
	}
	schema_errors_free(&errors);
	gen->arena = arena;
	gen->schema = schema;
	gen_names(gen, schema_take_text(arena, name, strcspn(name, ".")));
}

static void print_all(const struct gen *gens, size_t count,
		      void (*print)(const struct gen *gen))
{
	for (size_t i = 0; i < count; i++)
		print(&gens[i]);
}

static void print_include(const struct gen *gen)
{
	printf("#include \"%s.fastipc.h\"\n", gen->stem);
}

static void print_list(const struct gen *gens, size_t count)
{
	static const char *const macros[] = {
		"BEGIN",  "END",    "SCALAR",  "OPTIONAL", "STRUCT",
		"STRING", "BYTES",  "STRINGS", "SCALARS",  "STRUCTS",
		"TABLE",  "TABLES", "UNION",   "MEMBER",   "END_UNION",
		"ENUM",	  "VALUE",  "END_ENUM"
	};

	print_all(gens, count, print_include);
	printf("\n#define FIELDS_TABLES(X)");
	print_all(gens, count, print_tables);
	printf("\n\n#ifdef ENUM\n");
	print_all(gens, count, print_enums);
	printf("#endif\n\n#ifdef BEGIN\n");
	print_all(gens, count, print_fields);
	printf("#endif\n\n");
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
		printf("#undef %s\n", macros[i]);
}

int main(int argc, char **argv)
{
	const size_t count = (size_t)argc - 1;
	struct gen *gens = calloc((size_t)argc, sizeof(*gens));
	struct schema_arena arena = { 0 };

	if (!gens || setjmp(arena.none))
		return EXIT_FAILURE;
	for (size_t i = 0; i < count; i++)
		load(argv[i + 1], &arena, &gens[i]);
	print_list(gens, count);
	for (size_t i = 0; i < count; i++)
		schema_free((struct fastipc_schema *)gens[i].schema);
	schema_arena_free(&arena);
	free(gens);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
