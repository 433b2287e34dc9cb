/* SPDX-License-Identifier: MIT */
/*
 * A schema with the names that generated code has for it, and what writes each
 * part of the code.
 *
 * Names end as what they are of a table T: T itself is what is written,
 * T_reader and T_view are what is read; T_field(reader) and T_view_field(view)
 * are its fields.  What ends with '_' is between generated files only.
 */
#ifndef FASTIPC_GEN_H
#define FASTIPC_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <fastipc/schema.h>

#include "schema/arena.h"

struct gen_field {
	const char *member;   /* in the struct that is written */
	const char *has;      /* the member that tells an optional's presence */
	const char *union_of; /* the member with a union's type */
	const char *accessor; /* behind T_, T_has_ and so on */
};

struct gen_table {
	const char *name;
	struct gen_field *fields;
};

struct gen {
	struct schema_arena *arena;
	const struct fastipc_schema *schema;
	const char *stem;   /* of the file: "chat" of dir/chat.fbs */
	const char *symbol; /* the descriptor: "a_b_chat_schema" */
	struct gen_table *tables;
	struct gen_table *structs;
	const char **enums;
	const char **unions;
	FILE *out;
};

/* Fill in the names.  @stem is the file's name without a suffix. */
void gen_names(struct gen *gen, const char *stem);

/* Declared in the file that code is made for, not in one it includes? */
bool gen_is_own(const struct gen *gen, const void *declaration);

/* "a.b.Item" as "a_b_Item" */
const char *gen_identifier(struct gen *gen, const char *qualified);

/* ---- fields ---- */

enum gen_kind {
	GEN_SCALAR,
	GEN_STRUCT,
	GEN_STRING,
	GEN_TABLE,
	GEN_UNION,
	GEN_SCALARS, /* vectors */
	GEN_STRUCTS,
	GEN_STRINGS,
	GEN_TABLES,
};

enum gen_kind gen_kind(const struct fastipc_schema_field *field);
bool gen_is_optional(const struct fastipc_schema_field *field);
bool gen_is_deprecated(const struct fastipc_schema_field *field);
bool gen_is_required(const struct fastipc_schema_field *field);
/* A vector of ubyte that is no enum: struct fastipc_bytes. */
bool gen_is_bytes(const struct fastipc_schema_field *field);
/* Bytes of a scalar type. */
unsigned int gen_width(unsigned int type);
/* "u32" and so on, as in fastipc_load_u32(). */
const char *gen_short(unsigned int type);
/* The C type of a scalar, an enum's if it is one. */
const char *gen_scalar(const struct gen *gen,
		       const struct fastipc_schema_field *field);
/* The field with a table's variable field number, or NULL. */
const struct fastipc_schema_field *
gen_variable(const struct fastipc_schema_table *table, uint32_t variable);
/* The same with its names in @names, or NULL if it is deprecated. */
const struct fastipc_schema_field *
gen_tail(const struct fastipc_schema_table *table,
	 const struct gen_table *names, uint32_t variable,
	 const struct gen_field **field_names);
/* May a record of this table have records in it? */
bool gen_has_parts(const struct fastipc_schema_table *table);
/* Words of a table's fixed section: at least one, for an array's sake. */
uint32_t gen_words(const struct fastipc_schema_table *table);
/* Is each a variable while they are put together, not part of an array? */
bool gen_in_registers(const struct fastipc_schema_table *table);
/* Bytes of its header, and of an END. */
uint32_t gen_end_width(const struct fastipc_schema_table *table);
/* true and false as C has them */
const char *gen_bool(bool value);
static inline bool gen_is_large(const struct fastipc_schema_table *table)
{
	return table->flags & FASTIPC_TABLE_LARGE;
}

/*
 * A table of this file with few fields and no records in it: encoders and
 * validators have it inline.
 */
bool gen_is_leaf(const struct gen *gen, uint16_t table);

/* ---- text ---- */

void put(struct gen *gen, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A comment in front of a declaration; nothing if it is NULL. */
void put_doc(struct gen *gen, const char *indent, const char *doc);
/* "text" with what C needs escaped; NULL. */
void put_string(struct gen *gen, const char *text);
/* A scalar's bits as a value of its type. */
void put_value(struct gen *gen, const struct fastipc_schema_field *field);

/* ---- parts, in the order of the files ---- */

void emit_enums(struct gen *gen);
void emit_enum_names(struct gen *gen);
void emit_structs(struct gen *gen);
void emit_unions(struct gen *gen);
void emit_handles(struct gen *gen);
void emit_values(struct gen *gen);
void emit_functions(struct gen *gen);
void emit_readers(struct gen *gen);
void emit_views(struct gen *gen);
void emit_service_types(struct gen *gen);
void emit_services(struct gen *gen);

void emit_declarations(struct gen *gen);
void emit_head(struct gen *gen, const struct fastipc_schema_table *table,
	       const struct gen_table *names);
void emit_put(struct gen *gen, uint16_t index);
void emit_encoders(struct gen *gen);
void emit_checks(struct gen *gen);
void emit_service_code(struct gen *gen);
void emit_descriptors(struct gen *gen);

#endif
