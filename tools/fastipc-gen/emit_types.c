// SPDX-License-Identifier: MIT
/*
 * Types: enums, structs, unions, and what is written of a table.
 */
#include "gen.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* ---- enums ---- */

/* C11 wants what an enum declares to be an int; what is not is a macro. */
static bool is_int(unsigned int type, uint64_t bits)
{
	switch (type) {
	case FASTIPC_TYPE_I8:
	case FASTIPC_TYPE_I16:
	case FASTIPC_TYPE_I32:
		return true;
	case FASTIPC_TYPE_I64:
		return (int64_t)bits >= INT_MIN && (int64_t)bits <= INT_MAX;
	default:
		return bits <= INT_MAX;
	}
}

static void put_enum_value(struct gen *gen, unsigned int type, uint64_t bits)
{
	const struct fastipc_schema_field value = {
		.type = (uint8_t)type,
		.default_bits = bits,
	};
	const bool wide = type == FASTIPC_TYPE_U32 || type == FASTIPC_TYPE_U64;

	if (type == FASTIPC_TYPE_U8 || type == FASTIPC_TYPE_U16 ||
	    (wide && is_int(type, bits)))
		put(gen, "%" PRIu64, bits);
	else if (type == FASTIPC_TYPE_I64 && is_int(type, bits))
		put(gen, "%" PRId64, (int64_t)bits);
	else
		put_value(gen, &value);
}

static void emit_enum(struct gen *gen, const struct fastipc_schema_enum *type,
		      const char *name)
{
	bool open = false;

	put_doc(gen, "", type->doc);
	put(gen, "typedef %s %s;\n",
	    gen_scalar(gen,
		       &(struct fastipc_schema_field){
			       .type = (uint8_t)type->type,
			       .ref = FASTIPC_SCHEMA_NONE }),
	    name);
	for (uint16_t i = 0; i < type->value_count; i++) {
		const struct fastipc_schema_value *value = &type->values[i];

		if (!is_int(type->type, value->bits))
			continue;
		if (!open)
			put(gen, "enum {\n");
		open = true;
		put_doc(gen, "\t", value->doc);
		put(gen, "\t%s_%s = ", name, value->name);
		put_enum_value(gen, type->type, value->bits);
		put(gen, ",\n");
	}
	if (open)
		put(gen, "};\n");
	for (uint16_t i = 0; i < type->value_count; i++) {
		const struct fastipc_schema_value *value = &type->values[i];

		if (is_int(type->type, value->bits))
			continue;
		put_doc(gen, "", value->doc);
		put(gen, "#define %s_%s ((%s)", name, value->name, name);
		put_enum_value(gen, type->type, value->bits);
		put(gen, ")\n");
	}
	put(gen,
	    "/* As the schema calls it; NULL if it does not. */\n"
	    "const char *%s_name(%s value);\n\n",
	    name, name);
}

void emit_enums(struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->enum_count; i++)
		if (gen_is_own(gen, &gen->schema->enums[i]))
			emit_enum(gen, &gen->schema->enums[i], gen->enums[i]);
}

/* Two names may have one value: the first is told. */
static bool is_first(const struct fastipc_schema_enum *type, uint16_t index)
{
	for (uint16_t i = 0; i < index; i++)
		if (type->values[i].bits == type->values[index].bits)
			return false;
	return true;
}

void emit_enum_names(struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->enum_count; i++) {
		const struct fastipc_schema_enum *type = &gen->schema->enums[i];
		const char *name = gen->enums[i];

		if (!gen_is_own(gen, type))
			continue;
		put(gen,
		    "const char *%s_name(%s value)\n"
		    "{\n"
		    "\tswitch (value) {\n",
		    name, name);
		for (uint16_t j = 0; j < type->value_count; j++)
			if (is_first(type, j))
				put(gen, "\tcase %s_%s:\n\t\treturn \"%s\";\n",
				    name, type->values[j].name,
				    type->values[j].name);
		put(gen, "\tdefault:\n\t\treturn NULL;\n\t}\n}\n\n");
	}
}

/* ---- structs ---- */

static bool has_bool(const struct fastipc_schema *schema,
		     const struct fastipc_schema_struct *type)
{
	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];

		if (field->type == FASTIPC_TYPE_BOOL ||
		    (field->type == FASTIPC_TYPE_STRUCT &&
		     has_bool(schema, &schema->structs[field->ref])))
			return true;
	}
	return false;
}

static void emit_struct_type(struct gen *gen, uint16_t index)
{
	const struct fastipc_schema_struct *type = &gen->schema->structs[index];
	const struct gen_table *names = &gen->structs[index];

	put_doc(gen, "", type->doc);
	put(gen, "struct %s {\n", names->name);
	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];

		put_doc(gen, "\t", field->doc);
		if (field->type == FASTIPC_TYPE_STRUCT)
			put(gen, "\tstruct %s %s;\n",
			    gen->structs[field->ref].name,
			    names->fields[i].member);
		else
			put(gen, "\t%s %s;\n", gen_scalar(gen, field),
			    names->fields[i].member);
	}
	put(gen, "};\n");
	put(gen, "/* Bytes in a message. */\nenum { %s_SIZE = %u };\n\n",
	    names->name, type->size);
}

/*
 * A struct of its scalars, each of them what @scalar makes of its offset and
 * width, each struct in it what @nested makes of its name and offset.
 */
static void put_loads(struct gen *gen, uint16_t index, const char *scalar,
		      const char *nested)
{
	const struct fastipc_schema_struct *type = &gen->schema->structs[index];
	const struct gen_table *names = &gen->structs[index];

	put(gen, "{\n\tstruct %s value;\n\n", names->name);
	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];

		put(gen, "\tvalue.%s = ", names->fields[i].member);
		if (field->type == FASTIPC_TYPE_STRUCT)
			put(gen, "%s_%s%u%s;\n", gen->structs[field->ref].name,
			    nested, field->offset,
			    strchr(nested, ',') ? ", wide)" : ")");
		else
			put(gen, "fastipc_%s_of(%s%u, %u%s));\n",
			    gen_short(field->type), scalar, field->offset,
			    gen_width(field->type),
			    strchr(nested, ',') ? ", wide" : "");
	}
	put(gen, "\treturn value;\n}\n\n");
}

static void emit_struct_moves(struct gen *gen, uint16_t index)
{
	const struct fastipc_schema_struct *type = &gen->schema->structs[index];
	const struct gen_table *names = &gen->structs[index];

	put(gen, "FASTIPC_CODEC struct %s %s_load_(const uint8_t *from)\n",
	    names->name, names->name);
	put_loads(gen, index, "fastipc_load(from + ", "load_(from + ");
	put(gen, "/* Of a section that may end within it. */\n");
	put(gen,
	    "FASTIPC_CODEC struct %s %s_reader_(struct fastipc_reader reader,"
	    "\n\t\tuint32_t offset, bool wide)\n",
	    names->name, names->name);
	put_loads(gen, index, "fastipc_reader_bits(reader, offset + ",
		  "reader_(reader, offset + ");
	put(gen,
	    "FASTIPC_CODEC struct %s %s_view_(struct fastipc_view view,\n"
	    "\t\tuint32_t offset, bool wide)\n",
	    names->name, names->name);
	put_loads(gen, index, "fastipc_view_bits(view, offset + ",
		  "view_(view, offset + ");
	put(gen,
	    "FASTIPC_CODEC void %s_store_(uint8_t *to, const struct %s *value)"
	    "\n{\n",
	    names->name, names->name);
	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];

		if (field->type == FASTIPC_TYPE_STRUCT)
			put(gen, "\t%s_store_(to + %u, &value->%s);\n",
			    gen->structs[field->ref].name, field->offset,
			    names->fields[i].member);
		else
			put(gen,
			    "\tfastipc_store(to + %u, %u, "
			    "fastipc_bits_%s(value->%s));\n",
			    field->offset, gen_width(field->type),
			    gen_short(field->type), names->fields[i].member);
	}
	put(gen, "}\n\n");
}

/* What a struct is in a vector; $ is its name. */
static const char struct_vector[] =
	"struct $_array {\n"
	"\tconst struct $ *data;\n"
	"\tsize_t count;\n"
	"};\n"
	"\n"
	"struct $_vector {\n"
	"\tconst uint8_t *data;\n"
	"\tsize_t count;\n"
	"};\n"
	"\n"
	"struct $_vector_view {\n"
	"\tconst volatile uint8_t *data;\n"
	"\tsize_t count;\n"
	"};\n"
	"\n"
	"/* Element i; zeros if there is no such element. */\n"
	"static inline struct $ $_vector_at(struct $_vector vector, size_t i)\n"
	"{\n"
	"\tstruct $ value;\n"
	"\n"
	"\tif (FASTIPC_LIKELY(i < vector.count))\n"
	"\t\treturn $_load_(vector.data + i * $_SIZE);\n"
	"\tmemset(&value, 0, sizeof(value));\n"
	"\treturn value;\n"
	"}\n"
	"\n"
	"/* Copy count elements at most, from number first on; returns how many. */\n"
	"static inline size_t $_vector_copy(struct $_vector vector, size_t first,\n"
	"\t\t\t\t   struct $ *to, size_t count)\n"
	"{\n"
	"\tsize_t n = first < vector.count ? vector.count - first : 0;\n"
	"\n"
	"\tn = n < count ? n : count;\n"
	"#copy\n"
	"\tfor (size_t i = 0; i < n; i++)\n"
	"\t\tto[i] = $_load_(vector.data + (first + i) * $_SIZE);\n"
	"\treturn n;\n"
	"}\n"
	"\n"
	"static inline struct $ $_vector_view_at(struct $_vector_view vector,\n"
	"\t\t\t\t\tsize_t i)\n"
	"{\n"
	"\tuint8_t bytes[$_SIZE] = { 0 };\n"
	"\n"
	"\tif (FASTIPC_LIKELY(i < vector.count))\n"
	"\t\tfastipc_peek_bytes(bytes, vector.data + i * $_SIZE, $_SIZE);\n"
	"\treturn $_load_(bytes);\n"
	"}\n"
	"\n"
	"FASTIPC_CODEC uint8_t *$_put_array_(uint8_t *at, struct $_array array)\n"
	"{\n"
	"\tif (FASTIPC_CODEC_NATIVE && sizeof(struct $) == $_SIZE)\n"
	"\t\treturn fastipc_put(at, array.data, array.count * $_SIZE);\n"
	"\tfor (size_t i = 0; i < array.count; i++, at += $_SIZE)\n"
	"\t\t$_store_(at, &array.data[i]);\n"
	"\treturn at;\n"
	"}\n"
	"\n";

/* Where the bytes in memory are those of the wire.  (No bool: it may be 2.) */
static const char struct_copy[] =
	"\tif (FASTIPC_CODEC_NATIVE && sizeof(struct $) == $_SIZE) {\n"
	"\t\tif (n)\n"
	"\t\t\tmemcpy(to, vector.data + first * $_SIZE, n * $_SIZE);\n"
	"\t\treturn n;\n"
	"\t}\n";

/* Write a text with a name for each $. */
static void put_named(struct gen *gen, const char *text, const char *name,
		      const char *copy)
{
	for (; *text; text++) {
		if (*text == '$') {
			put(gen, "%s", name);
		} else if (!strncmp(text, "#copy\n", 6)) {
			if (copy)
				put_named(gen, copy, name, NULL);
			text += 5;
		} else {
			putc(*text, gen->out);
		}
	}
}

/* Those that a struct has as fields come first. */
static void emit_struct(struct gen *gen, uint16_t index, bool *done)
{
	const struct fastipc_schema_struct *type = &gen->schema->structs[index];

	if (done[index])
		return;
	done[index] = true;
	for (uint16_t i = 0; i < type->field_count; i++)
		if (type->fields[i].type == FASTIPC_TYPE_STRUCT)
			emit_struct(gen, type->fields[i].ref, done);
	if (!gen_is_own(gen, type))
		return;
	emit_struct_type(gen, index);
	emit_struct_moves(gen, index);
	put_named(gen, struct_vector, gen->structs[index].name,
		  has_bool(gen->schema, type) ? NULL : struct_copy);
}

void emit_structs(struct gen *gen)
{
	bool *done = schema_take(gen->arena, gen->schema->struct_count + 1u);

	for (uint16_t i = 0; i < gen->schema->struct_count; i++)
		emit_struct(gen, i, done);
}

/* ---- unions ---- */

void emit_unions(struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->union_count; i++) {
		const struct fastipc_schema_union *type =
			&gen->schema->unions[i];
		const char *name = gen->unions[i];

		if (!gen_is_own(gen, type))
			continue;
		put_doc(gen, "", type->doc);
		put(gen,
		    "typedef uint8_t %s_type;\n"
		    "enum {\n"
		    "\t%s_NONE = 0,\n",
		    name, name);
		for (uint32_t j = 0; j < type->member_count; j++) {
			put_doc(gen, "\t", type->members[j].doc);
			put(gen, "\t%s_%s = %u, /* struct %s */\n", name,
			    type->members[j].name, type->members[j].value,
			    gen->tables[type->members[j].table].name);
		}
		put(gen, "};\n\n");
	}
}

/* ---- what is written ---- */

static void emit_member(struct gen *gen,
			const struct fastipc_schema_field *field,
			const struct gen_field *names)
{
	const char *member = names->member;

	put_doc(gen, "\t", field->doc);
	switch (gen_kind(field)) {
	case GEN_SCALAR:
		if (gen_is_optional(field))
			put(gen, "\tbool %s;\n", names->has);
		put(gen, "\t%s %s;\n", gen_scalar(gen, field), member);
		break;
	case GEN_STRUCT:
		put(gen, "\tconst struct %s *%s;\n",
		    gen->structs[field->ref].name, member);
		break;
	case GEN_STRING:
		put(gen, "\tstruct fastipc_string %s;\n", member);
		break;
	case GEN_TABLE:
		put(gen, "\tconst struct %s *%s;\n",
		    gen->tables[field->ref].name, member);
		break;
	case GEN_UNION:
		put(gen, "\t%s_type %s;\n\tconst void *%s;\n",
		    gen->unions[field->ref], names->union_of, member);
		break;
	case GEN_SCALARS:
		if (gen_is_bytes(field))
			put(gen, "\tstruct fastipc_bytes %s;\n", member);
		else
			put(gen, "\tstruct fastipc_%s_array %s;\n",
			    gen_short(field->type), member);
		break;
	case GEN_STRUCTS:
		put(gen, "\tstruct %s_array %s;\n",
		    gen->structs[field->ref].name, member);
		break;
	case GEN_STRINGS:
		put(gen, "\tstruct fastipc_string_array %s;\n", member);
		break;
	case GEN_TABLES:
		put(gen, "\tstruct %s_array %s;\n",
		    gen->tables[field->ref].name, member);
		break;
	}
}

/* C has no struct without members, and C++ another size for it. */
static bool is_empty(const struct fastipc_schema_table *type)
{
	for (uint16_t i = 0; i < type->field_count; i++)
		if (!gen_is_deprecated(&type->fields[i]))
			return false;
	return true;
}

static void emit_init(struct gen *gen, const struct fastipc_schema_table *type,
		      const struct gen_table *names)
{
	put(gen,
	    "/* All fields absent, scalars with their defaults. */\n"
	    "static inline void %s_init(struct %s *value)\n"
	    "{\n"
	    "\tmemset(value, 0, sizeof(*value));\n",
	    names->name, names->name);
	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];

		if (gen_kind(field) != GEN_SCALAR || !field->default_bits ||
		    gen_is_deprecated(field))
			continue;
		put(gen, "\tvalue->%s = ", names->fields[i].member);
		put_value(gen, field);
		put(gen, ";\n");
	}
	put(gen, "}\n\n");
}

/* A union's two members at once, of the right types. */
static void emit_setters(struct gen *gen,
			 const struct fastipc_schema_table *type,
			 const struct gen_table *names)
{
	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];
		const struct gen_field *field_names = &names->fields[i];
		const struct fastipc_schema_union *any;

		if (gen_kind(field) != GEN_UNION || gen_is_deprecated(field))
			continue;
		any = &gen->schema->unions[field->ref];
		for (uint32_t j = 0; j < any->member_count; j++)
			put(gen,
			    "static inline void %s_set_%s_%s(\n"
			    "\tstruct %s *value, const struct %s *member)\n"
			    "{\n"
			    "\tvalue->%s = %s_%s;\n"
			    "\tvalue->%s = member;\n"
			    "}\n\n",
			    names->name, field_names->accessor,
			    any->members[j].name, names->name,
			    gen->tables[any->members[j].table].name,
			    field_names->union_of, gen->unions[field->ref],
			    any->members[j].name, field_names->member);
	}
}

static void emit_value(struct gen *gen, uint16_t index)
{
	const struct fastipc_schema_table *type = &gen->schema->tables[index];
	const struct gen_table *names = &gen->tables[index];

	put_doc(gen, "", type->doc);
	put(gen, "struct %s {\n", names->name);
	for (uint16_t i = 0; i < type->field_count; i++)
		if (!gen_is_deprecated(&type->fields[i]))
			emit_member(gen, &type->fields[i], &names->fields[i]);
	if (is_empty(type))
		put(gen, "\tchar unused_; /* it has no fields */\n");
	put(gen, "};\n\n");
}

void emit_values(struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;

	for (uint16_t i = 0; i < schema->table_count; i++)
		if (gen_is_own(gen, &schema->tables[i]))
			put(gen, "struct %s;\n", gen->tables[i].name);
	put(gen, "\n");
	/* Vectors are there by value: all of them first. */
	for (uint16_t i = 0; i < schema->table_count; i++)
		if (gen_is_own(gen, &schema->tables[i]))
			put(gen,
			    "struct %s_array {\n"
			    "\tconst struct %s *data;\n"
			    "\tsize_t count;\n"
			    "};\n\n",
			    gen->tables[i].name, gen->tables[i].name);
	for (uint16_t i = 0; i < schema->table_count; i++) {
		if (!gen_is_own(gen, &schema->tables[i]))
			continue;
		emit_value(gen, i);
		emit_init(gen, &schema->tables[i], &gen->tables[i]);
		emit_setters(gen, &schema->tables[i], &gen->tables[i]);
	}
}

void emit_functions(struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->table_count; i++) {
		const char *name = gen->tables[i].name;

		if (!gen_is_own(gen, &gen->schema->tables[i]))
			continue;
		put(gen,
		    "/* 0, or -EMSGSIZE and *size is what is needed; -EINVAL, "
		    "-EOVERFLOW, -ELOOP. */\n"
		    "int %s_encode(const struct %s *value, void *data, size_t "
		    "capacity,\n\t\tsize_t *size);\n"
		    "/* Bytes that it takes; 0 if it cannot be encoded. */\n"
		    "size_t %s_size(const struct %s *value);\n",
		    name, name, name, name);
		put(gen,
		    "/* Check all of it: 0, or -EBADMSG. */\n"
		    "int %s_read(struct fastipc_snapshot snapshot,\n"
		    "\tstruct %s_reader *reader);\n"
		    "int %s_read_sealed(struct fastipc_sealed sealed,\n"
		    "\tstruct %s_reader *reader);\n\n",
		    name, name, name, name);
	}
}
