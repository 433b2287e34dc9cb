// SPDX-License-Identifier: MIT
/*
 * Encoders.  Of each table T:
 *
 *	T_head_		the fixed section, in words, and how much of it and how
 *			many variable fields are written
 *	T_empty_	has it no bytes at all?
 *	T_put_		write a record; NULL if something is wrong
 *	T_measure_	how long it is, or what is wrong: only if T_put_ failed
 *
 * The fixed section is put together in registers, where its zeros can be
 * trimmed without looking at what was just stored.
 */
#include "gen.h"

#include <inttypes.h>

#include "names.h"

/* ---- what is shared by all files ---- */

void emit_declarations(struct gen *gen)
{
	put(gen, "#define INTERNAL __attribute__((visibility(\"hidden\")))\n"
		 "\n");
	for (uint16_t i = 0; i < gen->schema->table_count; i++) {
		const char *name = gen->tables[i].name;

		put(gen,
		    "INTERNAL bool %s_empty_(const struct %s *value);\n"
		    "INTERNAL uint8_t *%s_put_(const struct %s *value, uint8_t "
		    "*at,\n\t\tconst uint8_t *limit, unsigned int depth);\n"
		    "INTERNAL int64_t %s_measure_(const struct %s *value,\n"
		    "\t\tunsigned int depth);\n"
		    "INTERNAL bool %s_check_(const uint8_t *floor, const "
		    "uint8_t *data,\n\t\tsize_t size, unsigned int depth);\n",
		    name, name, name, name, name, name, name);
	}
	put(gen, "\n");
}

/* ---- the head ---- */

/* Words of a table's fixed section: at least one, for an array's sake. */
static uint32_t words_of(const struct fastipc_schema_table *table)
{
	return table->fixed_size ? (table->fixed_size + 7u) / 8 : 1;
}

/* Put a value of some width at a byte of the section. */
static void put_bits(struct gen *gen, const char *indent, const char *bits,
		     uint32_t offset, uint32_t width)
{
	const uint32_t word = offset / 8, shift = offset % 8 * 8;

	if (shift)
		put(gen, "%swords[%u] |= (%s) << %u;\n", indent, word, bits,
		    shift);
	else
		put(gen, "%swords[%u] |= %s;\n", indent, word, bits);
	if (offset % 8 + width > 8)
		put(gen, "%swords[%u] |= (%s) >> %u;\n", indent, word + 1, bits,
		    64 - shift);
}

static void put_bit(struct gen *gen, const char *indent, const char *bits,
		    uint32_t bit)
{
	if (bit % 64)
		put(gen, "%swords[%u] |= (uint64_t)(%s) << %u;\n", indent,
		    bit / 64, bits, bit % 64);
	else
		put(gen, "%swords[%u] |= (uint64_t)(%s);\n", indent, bit / 64,
		    bits);
}

static void put_scalar(struct gen *gen,
		       const struct fastipc_schema_field *field,
		       const struct gen_field *names)
{
	const bool optional = gen_is_optional(field);
	const char *indent = optional ? "\t\t" : "\t";
	const char *bits = names_format(gen->arena,
					"fastipc_bits_%s(value->%s)",
					gen_short(field->type), names->member);

	if (optional) {
		put(gen, "\tif (value->%s) {\n", names->has);
		put_bit(gen, indent, "1", field->presence);
	} else if (field->default_bits) {
		bits = names_format(gen->arena, "%s ^ UINT64_C(0x%" PRIx64 ")",
				    bits, field->default_bits);
	}
	if (field->type == FASTIPC_TYPE_BOOL)
		put_bit(gen, indent, bits, field->bit);
	else
		put_bits(gen, indent, bits, field->offset,
			 gen_width(field->type));
	if (optional)
		put(gen, "\t}\n");
}

static void put_struct(struct gen *gen, uint16_t index, const char *path,
		       uint32_t offset)
{
	const struct fastipc_schema_struct *type = &gen->schema->structs[index];

	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];
		const char *member = gen->structs[index].fields[i].member;

		if (field->type == FASTIPC_TYPE_STRUCT)
			put_struct(gen, field->ref,
				   names_format(gen->arena, "%s%s.", path,
						member),
				   offset + field->offset);
		else
			put_bits(gen, "\t\t",
				 names_format(
					 gen->arena, "fastipc_bits_%s(%s%s)",
					 gen_short(field->type), path, member),
				 offset + field->offset,
				 gen_width(field->type));
	}
}

/* A tail's bytes make it one of those that are written. */
static void put_count(struct gen *gen, const struct fastipc_schema_field *field)
{
	put(gen, "\t\thead->count = %u;\n", field->variable + 1u);
}

static void put_required(struct gen *gen,
			 const struct fastipc_schema_field *field,
			 const char *absent)
{
	if (gen_is_required(field))
		put(gen, "\tif (%s)\n\t\treturn false;\n", absent);
}

static void put_tail_head(struct gen *gen,
			  const struct fastipc_schema_field *field,
			  const struct gen_field *names)
{
	const enum gen_kind kind = gen_kind(field);
	const char *member = names->member;
	const char *count = kind == GEN_STRING || gen_is_bytes(field) ? "size"
								      : "count";

	if (kind == GEN_TABLE) {
		put_required(gen, field,
			     names_format(gen->arena, "!value->%s", member));
		put(gen, "\tif (value->%s && !%s_empty_(value->%s))\n", member,
		    gen->tables[field->ref].name, member);
		put_count(gen, field);
		put(gen, "\telse if (value->%s)\n\t", member);
		put_bit(gen, "\t", "1", field->presence);
		return;
	}
	put_required(gen, field,
		     names_format(gen->arena, "!value->%s.data", member));
	put(gen, "\tif (value->%s.data && value->%s.%s)\n", member, member,
	    count);
	put_count(gen, field);
	put(gen, "\telse if (value->%s.data)\n\t", member);
	put_bit(gen, "\t", "1", field->presence);
}

static void put_union_head(struct gen *gen,
			   const struct fastipc_schema_field *field,
			   const struct gen_field *names)
{
	const struct fastipc_schema_union *any =
		&gen->schema->unions[field->ref];

	put_bits(gen, "\t",
		 names_format(gen->arena, "(uint64_t)value->%s",
			      names->union_of),
		 field->offset, 1);
	put(gen,
	    "\tif (value->%s && !value->%s)\n"
	    "\t\treturn false;\n"
	    "\tswitch (value->%s) {\n"
	    "\tcase %s_NONE:\n",
	    names->union_of, names->member, names->union_of,
	    gen->unions[field->ref]);
	put(gen,
	    gen_is_required(field) ? "\t\treturn false;\n" : "\t\tbreak;\n");
	for (uint32_t i = 0; i < any->member_count; i++) {
		const char *name = gen->tables[any->members[i].table].name;

		put(gen,
		    "\tcase %s_%s:\n"
		    "\t\tif (!%s_empty_((const struct %s *)value->%s))\n\t",
		    gen->unions[field->ref], any->members[i].name, name, name,
		    names->member);
		put_count(gen, field);
		put(gen, "\t\tbreak;\n");
	}
	put(gen, "\tdefault:\n\t\treturn false;\n\t}\n");
}

/* How many bytes the words have, up to the last that is not 0. */
static void put_trim(struct gen *gen, uint32_t words)
{
	if (words > 8) {
		put(gen,
		    "\thead->fixed = 0;\n"
		    "\tfor (uint32_t i = %u; i && !head->fixed; i--)\n"
		    "\t\tif (words[i - 1])\n"
		    "\t\t\thead->fixed = 8 * (i - 1) +\n"
		    "\t\t\t\tfastipc_word_size(words[i - 1]);\n",
		    words);
		return;
	}
	for (uint32_t i = words - 1; i; i--)
		put(gen,
		    "\t%sif (words[%u])\n"
		    "\t\thead->fixed = %u + fastipc_word_size(words[%u]);\n",
		    i + 1 == words ? "" : "else ", i, 8 * i, i);
	put(gen, "%shead->fixed = fastipc_word_size(words[0]);\n",
	    words > 1 ? "\telse\n\t\t" : "\t");
}

static void emit_head(struct gen *gen, const struct fastipc_schema_table *table,
		      const struct gen_table *names)
{
	const uint32_t words = words_of(table);

	put(gen,
	    "struct %s_head_ {\n"
	    "\tuint64_t words[%u];\n"
	    "\tuint32_t fixed;\n"
	    "\tuint32_t count;\n"
	    "};\n\n"
	    "FASTIPC_CODEC bool %s_fields_(const struct %s *restrict value,\n"
	    "\tstruct %s_head_ *head)\n"
	    "{\n"
	    "\tuint64_t *const words = head->words;\n\n"
	    "\t(void)value;\n",
	    names->name, words, names->name, names->name, names->name);
	if (words > 8)
		put(gen, "\tmemset(words, 0, %u);\n", words * 8);
	for (uint32_t i = 0; words <= 8 && i < words; i++)
		put(gen, "\twords[%u] = 0;\n", i);
	put(gen, "\thead->count = 0;\n");
	for (uint16_t i = 0; i < table->field_count; i++) {
		const struct fastipc_schema_field *field = &table->fields[i];
		const struct gen_field *field_names = &names->fields[i];

		if (gen_is_deprecated(field)) {
			/* Nothing can be written that has it. */
			if (gen_is_required(field))
				put(gen, "\treturn false;\n");
			continue;
		}
		switch (gen_kind(field)) {
		case GEN_SCALAR:
			put_scalar(gen, field, field_names);
			break;
		case GEN_STRUCT:
			put(gen, "\tif (value->%s) {\n", field_names->member);
			put_bit(gen, "\t\t", "1", field->presence);
			put_struct(gen, field->ref,
				   names_format(gen->arena, "value->%s->",
						field_names->member),
				   field->offset);
			put(gen, "\t}\n");
			break;
		case GEN_UNION:
			put_union_head(gen, field, field_names);
			break;
		default:
			put_tail_head(gen, field, field_names);
			break;
		}
	}
	put_trim(gen, words);
	put(gen, "\treturn true;\n}\n\n");
}

/* ---- empty? ---- */

static void emit_empty(struct gen *gen,
		       const struct fastipc_schema_table *table,
		       const struct gen_table *names)
{
	put(gen,
	    "bool %s_empty_(const struct %s *value)\n"
	    "{\n"
	    "\t(void)value;\n"
	    "\treturn true",
	    names->name, names->name);
	for (uint16_t i = 0; i < table->field_count; i++) {
		const struct fastipc_schema_field *field = &table->fields[i];
		const struct gen_field *field_names = &names->fields[i];

		if (gen_is_deprecated(field))
			continue;
		put(gen, " &&\n\t       ");
		switch (gen_kind(field)) {
		case GEN_SCALAR:
			if (gen_is_optional(field))
				put(gen, "!value->%s", field_names->has);
			else if (field->default_bits)
				put(gen,
				    "fastipc_bits_%s(value->%s) == "
				    "UINT64_C(0x%" PRIx64 ")",
				    gen_short(field->type), field_names->member,
				    field->default_bits);
			else
				put(gen, "!fastipc_bits_%s(value->%s)",
				    gen_short(field->type),
				    field_names->member);
			break;
		case GEN_STRUCT:
		case GEN_TABLE:
			put(gen, "!value->%s", field_names->member);
			break;
		case GEN_UNION:
			put(gen, "!value->%s", field_names->union_of);
			break;
		default:
			put(gen, "!value->%s.data", field_names->member);
			break;
		}
	}
	put(gen, ";\n}\n\n");
}

/* ---- tails ---- */

static void put_vector_of_tables(struct gen *gen,
				 const struct fastipc_schema_field *field,
				 const char *member, const char *wide)
{
	put(gen,
	    "\tif (value->%s.data && value->%s.count) {\n"
	    "\t\tuint8_t *const vector = at;\n"
	    "\t\tconst size_t elements = value->%s.count;\n\n"
	    "\t\tif ((size_t)(limit - at) / fastipc_width(%s) < elements)\n"
	    "\t\t\treturn NULL;\n"
	    "\t\tfastipc_store_end(at, elements, %s);\n"
	    "\t\tat += elements * fastipc_width(%s);\n",
	    member, member, member, wide, wide, wide);
	put(gen,
	    "\t\tfor (size_t i = 0;;) {\n"
	    "\t\t\tat = %s_put_(&value->%s.data[i], at, limit,\n"
	    "\t\t\t\tdepth + 1);\n"
	    "\t\t\tif (FASTIPC_UNLIKELY(!at))\n"
	    "\t\t\t\treturn NULL;\n"
	    "\t\t\tif (++i == elements)\n"
	    "\t\t\t\tbreak;\n"
	    "\t\t\tfastipc_store_end(vector + i * fastipc_width(%s),\n"
	    "\t\t\t\t(size_t)(at - vector), %s);\n"
	    "\t\t}\n"
	    "\t}\n",
	    gen->tables[field->ref].name, member, wide, wide);
}

static void put_union_tail(struct gen *gen,
			   const struct fastipc_schema_field *field,
			   const struct gen_field *names)
{
	const struct fastipc_schema_union *any =
		&gen->schema->unions[field->ref];

	put(gen, "\tswitch (value->%s) {\n", names->union_of);
	for (uint32_t i = 0; i < any->member_count; i++) {
		const char *name = gen->tables[any->members[i].table].name;

		put(gen,
		    "\tcase %s_%s:\n"
		    "\t\tat = %s_put_((const struct %s *)value->%s, at, limit,\n"
		    "\t\t\tdepth + 1);\n"
		    "\t\tif (FASTIPC_UNLIKELY(!at))\n"
		    "\t\t\treturn NULL;\n"
		    "\t\tbreak;\n",
		    gen->unions[field->ref], any->members[i].name, name, name,
		    names->member);
	}
	put(gen, "\tdefault:\n\t\tbreak;\n\t}\n");
}

static void put_tail(struct gen *gen, const struct fastipc_schema_field *field,
		     const struct gen_field *names, const char *wide)
{
	const char *member = names->member;
	const char *type;

	switch (gen_kind(field)) {
	case GEN_STRING:
	case GEN_SCALARS:
	case GEN_STRUCTS:
		if (gen_kind(field) == GEN_STRING || gen_is_bytes(field)) {
			put(gen,
			    "\tif (value->%s.data) {\n"
			    "\t\tif (FASTIPC_UNLIKELY((size_t)(limit - at) <\n"
			    "\t\t\t\tvalue->%s.size))\n"
			    "\t\t\treturn NULL;\n"
			    "\t\tat = fastipc_put(at, value->%s.data, "
			    "value->%s.size);\n"
			    "\t}\n",
			    member, member, member, member);
			break;
		}
		put(gen,
		    "\tif (value->%s.data && value->%s.count) {\n"
		    "\t\tif (FASTIPC_UNLIKELY((size_t)(limit - at) /\n",
		    member, member);
		if (field->type == FASTIPC_TYPE_STRUCT) {
			type = gen->structs[field->ref].name;
			put(gen,
			    "\t\t\t\t%s_SIZE < value->%s.count))\n"
			    "\t\t\treturn NULL;\n"
			    "\t\tat = %s_put_array_(at, value->%s);\n",
			    type, member, type, member);
		} else {
			put(gen,
			    "\t\t\t\t%u < value->%s.count))\n"
			    "\t\t\treturn NULL;\n"
			    "\t\tat = fastipc_put_%s_array(at, value->%s);\n",
			    gen_width(field->type), member,
			    gen_short(field->type), member);
		}
		put(gen, "\t}\n");
		break;
	case GEN_TABLE:
		put(gen,
		    "\tif (value->%s) {\n"
		    "\t\tat = %s_put_(value->%s, at, limit, depth + 1);\n"
		    "\t\tif (FASTIPC_UNLIKELY(!at))\n"
		    "\t\t\treturn NULL;\n"
		    "\t}\n",
		    member, gen->tables[field->ref].name, member);
		break;
	case GEN_UNION:
		put_union_tail(gen, field, names);
		break;
	case GEN_STRINGS:
		put(gen,
		    "\tif (value->%s.data && value->%s.count) {\n"
		    "\t\tat = fastipc_put_strings(at, limit, value->%s, %s);\n"
		    "\t\tif (FASTIPC_UNLIKELY(!at))\n"
		    "\t\t\treturn NULL;\n"
		    "\t}\n",
		    member, member, member, wide);
		break;
	case GEN_TABLES:
		put_vector_of_tables(gen, field, member, wide);
		break;
	default:
		break;
	}
}

/* Field of a variable number, and its names; its tail is absent if old. */
static const struct fastipc_schema_field *
tail_of(const struct fastipc_schema_table *table, const struct gen_table *names,
	uint32_t variable, const struct gen_field **field_names)
{
	const struct fastipc_schema_field *field =
		gen_variable(table, variable);

	if (!field || gen_is_deprecated(field))
		return NULL;
	*field_names = &names->fields[field - table->fields];
	return field;
}

static void emit_put(struct gen *gen, const struct fastipc_schema_table *table,
		     const struct gen_table *names)
{
	const char *wide = gen_bool(gen_is_large(table));

	put(gen,
	    "uint8_t *%s_put_(const struct %s *restrict value, uint8_t *at,\n"
	    "\t\tconst uint8_t *limit, unsigned int depth)\n"
	    "{\n"
	    "\tuint8_t *const start = at;\n"
	    "\tstruct %s_head_ head;\n"
	    "%s"
	    "\tsize_t rest;\n\n"
	    "\tif (FASTIPC_UNLIKELY(depth > FASTIPC_CODEC_DEPTH ||\n"
	    "\t\t\t     !%s_fields_(value, &head)))\n"
	    "\t\treturn NULL;\n"
	    "\tif (!(head.fixed | head.count))\n"
	    "\t\treturn at;\n",
	    names->name, names->name, names->name,
	    table->variables > 1 ? "\tuint8_t *ends;\n" : "", names->name);
	put(gen,
	    "\trest = fastipc_head_size(head.fixed, head.count, %s);\n"
	    "\tif (FASTIPC_UNLIKELY((size_t)(limit - at) < rest))\n"
	    "\t\treturn NULL;\n"
	    "\tfastipc_put_head(at, limit, head.words, %u, head.fixed,\n"
	    "\t\thead.count, %s);\n",
	    wide, words_of(table), wide);
	if (table->variables > 1)
		put(gen, "\tends = at + fastipc_width(%s) + head.fixed;\n",
		    wide);
	put(gen, "\tat += rest;\n");
	for (uint32_t i = 0; i < table->variables; i++) {
		const struct gen_field *field_names = NULL;
		const struct fastipc_schema_field *field =
			tail_of(table, names, i, &field_names);

		if (field)
			put_tail(gen, field, field_names, wide);
		if (i + 1 < table->variables)
			put(gen,
			    "\tif (%u < head.count)\n"
			    "\t\tfastipc_store_end(ends + %u, (size_t)(at - "
			    "start), %s);\n",
			    i + 1, i * (gen_is_large(table) ? 4 : 2), wide);
	}
	put(gen,
	    "\tif (FASTIPC_UNLIKELY((size_t)(at - start) > %s))\n"
	    "\t\treturn NULL;\n"
	    "\treturn at;\n"
	    "}\n\n",
	    gen_is_large(table) ? "UINT32_MAX" : "FASTIPC_RECORD_SMALL");
}

/* ---- how long? ---- */

static void put_part(struct gen *gen, const char *indent, const char *call)
{
	put(gen,
	    "%spart = %s;\n"
	    "%sif (part < 0)\n"
	    "%s\treturn part;\n"
	    "%ssize = fastipc_size_add(size, (uint64_t)part);\n",
	    indent, call, indent, indent, indent);
}

static void put_measure(struct gen *gen,
			const struct fastipc_schema_field *field,
			const struct gen_field *names, const char *wide)
{
	const char *member = names->member;
	const struct fastipc_schema_union *any;

	switch (gen_kind(field)) {
	case GEN_TABLE:
		put(gen, "\tif (value->%s) {\n", member);
		put_part(gen, "\t\t",
			 names_format(gen->arena,
				      "%s_measure_(value->%s, depth + 1)",
				      gen->tables[field->ref].name, member));
		put(gen, "\t}\n");
		break;
	case GEN_UNION:
		any = &gen->schema->unions[field->ref];
		put(gen, "\tswitch (value->%s) {\n", names->union_of);
		for (uint32_t i = 0; i < any->member_count; i++) {
			const char *name =
				gen->tables[any->members[i].table].name;

			put(gen, "\tcase %s_%s:\n", gen->unions[field->ref],
			    any->members[i].name);
			put_part(gen, "\t\t",
				 names_format(gen->arena,
					      "%s_measure_((const struct %s *)"
					      "value->%s, depth + 1)",
					      name, name, member));
			put(gen, "\t\tbreak;\n");
		}
		put(gen, "\tdefault:\n\t\tbreak;\n\t}\n");
		break;
	case GEN_STRINGS:
		put(gen,
		    "\tif (value->%s.data && value->%s.count)\n"
		    "\t\tsize = fastipc_size_add(size,\n"
		    "\t\t\tfastipc_size_strings(value->%s, %s));\n",
		    member, member, member, wide);
		break;
	case GEN_TABLES:
		put(gen,
		    "\tif (value->%s.data) {\n"
		    "\t\tsize = fastipc_size_add(size, fastipc_size_of(\n"
		    "\t\t\tvalue->%s.count, fastipc_width(%s)));\n"
		    "\t\tfor (size_t i = 0; i < value->%s.count; i++) {\n",
		    member, member, wide, member);
		put_part(gen, "\t\t\t",
			 names_format(gen->arena,
				      "%s_measure_(&value->%s.data[i], "
				      "depth + 1)",
				      gen->tables[field->ref].name, member));
		put(gen, "\t\t}\n\t}\n");
		break;
	default:
		put(gen, "\tif (value->%s.data)\n", member);
		if (gen_kind(field) == GEN_STRING || gen_is_bytes(field))
			put(gen,
			    "\t\tsize = fastipc_size_add(size, "
			    "value->%s.size);\n",
			    member);
		else if (gen_kind(field) == GEN_STRUCTS)
			put(gen,
			    "\t\tsize = fastipc_size_add(size, "
			    "fastipc_size_of(\n"
			    "\t\t\tvalue->%s.count, %s_SIZE));\n",
			    member, gen->structs[field->ref].name);
		else
			put(gen,
			    "\t\tsize = fastipc_size_add(size, "
			    "fastipc_size_of(\n"
			    "\t\t\tvalue->%s.count, %u));\n",
			    member, gen_width(field->type));
		break;
	}
}

static bool has_parts(const struct fastipc_schema_table *table)
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

static void emit_measure(struct gen *gen,
			 const struct fastipc_schema_table *table,
			 const struct gen_table *names)
{
	const char *wide = gen_bool(gen_is_large(table));

	put(gen,
	    "int64_t %s_measure_(const struct %s *value, unsigned int depth)\n"
	    "{\n"
	    "\tstruct %s_head_ head;\n"
	    "\tuint64_t size;\n"
	    "%s\n"
	    "\tif (depth > FASTIPC_CODEC_DEPTH)\n"
	    "\t\treturn -ELOOP;\n"
	    "\tif (!%s_fields_(value, &head))\n"
	    "\t\treturn -EINVAL;\n",
	    names->name, names->name, names->name,
	    has_parts(table) ? "\tint64_t part;\n" : "", names->name);
	put(gen,
	    "\tsize = head.fixed | head.count ?\n"
	    "\t\tfastipc_head_size(head.fixed, head.count, %s) : 0;\n",
	    wide);
	for (uint32_t i = 0; i < table->variables; i++) {
		const struct gen_field *field_names = NULL;
		const struct fastipc_schema_field *field =
			tail_of(table, names, i, &field_names);

		if (field)
			put_measure(gen, field, field_names, wide);
	}
	put(gen,
	    "\treturn size > %s ? -EOVERFLOW : (int64_t)size;\n"
	    "}\n\n",
	    gen_is_large(table) ? "UINT32_MAX" : "FASTIPC_RECORD_SMALL");
}

/* ---- what is called ---- */

static void emit_encode(struct gen *gen, const struct gen_table *names)
{
	const char *name = names->name;

	put(gen,
	    "int %s_encode(const struct %s *value, void *data, size_t capacity,"
	    "\n\t\tsize_t *size)\n"
	    "{\n"
	    "\tuint8_t none[1];\n"
	    "\tuint8_t *const start = data ? (uint8_t *)data : none;\n"
	    "\tconst uint8_t *const end =\n"
	    "\t\t%s_put_(value, start, start + (data ? capacity : 0), 1);\n"
	    "\tint64_t needed;\n\n"
	    "\tif (FASTIPC_LIKELY(end != NULL)) {\n"
	    "\t\t*size = (size_t)(end - start);\n"
	    "\t\treturn 0;\n"
	    "\t}\n"
	    "\tneeded = %s_measure_(value, 1);\n"
	    "\tif (needed < 0)\n"
	    "\t\treturn (int)needed;\n"
	    "\t*size = (size_t)needed;\n"
	    "\treturn -EMSGSIZE;\n"
	    "}\n\n",
	    name, name, name, name);
	put(gen,
	    "size_t %s_size(const struct %s *value)\n"
	    "{\n"
	    "\tconst int64_t size = %s_measure_(value, 1);\n\n"
	    "\treturn size < 0 ? 0 : (size_t)size;\n"
	    "}\n\n",
	    name, name, name);
}

void emit_encoders(struct gen *gen)
{
	const struct fastipc_schema *schema = gen->schema;

	/* Those that others ask come first, to be inlined there. */
	for (uint16_t i = 0; i < schema->table_count; i++) {
		if (!gen_is_own(gen, &schema->tables[i]))
			continue;
		emit_empty(gen, &schema->tables[i], &gen->tables[i]);
	}
	for (uint16_t i = 0; i < schema->table_count; i++) {
		if (!gen_is_own(gen, &schema->tables[i]))
			continue;
		emit_head(gen, &schema->tables[i], &gen->tables[i]);
		emit_put(gen, &schema->tables[i], &gen->tables[i]);
		emit_measure(gen, &schema->tables[i], &gen->tables[i]);
		emit_encode(gen, &gen->tables[i]);
	}
}
