// SPDX-License-Identifier: MIT
/*
 * T_head_, and T_fields_, which fills it from the values of a record.
 * emit_encode.c tells of all that is made to encode.
 */
#include "gen.h"

#include <inttypes.h>

#include "names.h"

/* What word @index is called, of a table that has as many as @head. */
static const char *
word(struct gen *gen, const struct fastipc_schema_table *table, uint32_t index)
{
	return names_format(gen->arena,
			    gen_in_registers(table) ? "word%u" : "words[%u]",
			    index);
}

/* Put a value of some width at a byte of the section. */
static void put_bits(struct gen *gen, const struct fastipc_schema_table *table,
		     const char *indent, const char *bits, uint32_t offset,
		     uint32_t width)
{
	const uint32_t index = offset / 8, shift = offset % 8 * 8;
	const char *to = word(gen, table, index);

	if (shift)
		put(gen, "%shead->%s |= (%s) << %u;\n", indent, to, bits,
		    shift);
	else
		put(gen, "%shead->%s |= %s;\n", indent, to, bits);
	if (offset % 8 + width > 8)
		put(gen, "%shead->%s |= (%s) >> %u;\n", indent,
		    word(gen, table, index + 1), bits, 64 - shift);
}

static void put_bit(struct gen *gen, const struct fastipc_schema_table *table,
		    const char *indent, const char *bits, uint32_t bit)
{
	put(gen, "%shead->%s |= (uint64_t)(%s) << %u;\n", indent,
	    word(gen, table, bit / 64), bits, bit % 64);
}

static void put_scalar(struct gen *gen,
		       const struct fastipc_schema_table *table,
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
		put_bit(gen, table, indent, "1", field->presence);
	} else if (field->default_bits) {
		bits = names_format(gen->arena, "%s ^ UINT64_C(0x%" PRIx64 ")",
				    bits, field->default_bits);
	}
	if (field->type == FASTIPC_TYPE_BOOL)
		put_bit(gen, table, indent, bits, field->bit);
	else
		put_bits(gen, table, indent, bits, field->offset,
			 gen_width(field->type));
	if (optional)
		put(gen, "\t}\n");
}

static void put_struct(struct gen *gen,
		       const struct fastipc_schema_table *table, uint16_t index,
		       const char *path, uint32_t offset)
{
	const struct fastipc_schema_struct *type = &gen->schema->structs[index];

	for (uint16_t i = 0; i < type->field_count; i++) {
		const struct fastipc_schema_field *field = &type->fields[i];
		const char *member = gen->structs[index].fields[i].member;

		if (field->type == FASTIPC_TYPE_STRUCT)
			put_struct(gen, table, field->ref,
				   names_format(gen->arena, "%s%s.", path,
						member),
				   offset + field->offset);
		else
			put_bits(gen, table, "\t\t",
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
			  const struct fastipc_schema_table *table,
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
		put_bit(gen, table, "\t", "1", field->presence);
		return;
	}
	put_required(gen, field,
		     names_format(gen->arena, "!value->%s.data", member));
	put(gen, "\tif (value->%s.%s)\n", member, count);
	put_count(gen, field);
	put(gen, "\telse if (value->%s.data)\n\t", member);
	put_bit(gen, table, "\t", "1", field->presence);
}

static void put_union_head(struct gen *gen,
			   const struct fastipc_schema_table *table,
			   const struct fastipc_schema_field *field,
			   const struct gen_field *names)
{
	const struct fastipc_schema_union *any =
		&gen->schema->unions[field->ref];

	put_bits(gen, table, "\t",
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
static void put_trim(struct gen *gen, const struct fastipc_schema_table *table)
{
	const uint32_t last = gen_words(table) - 1;

	if (!gen_in_registers(table)) {
		put(gen,
		    "\tbase = %u;\n"
		    "\twhile (base && !head->words[base])\n"
		    "\t\tbase--;\n"
		    "\thead->fixed = fastipc_trimmed(head->words[base], "
		    "8 * base);\n",
		    last);
		return;
	}
	put(gen, "\ttop = head->word%u;\n\tbase = %u;\n", last, 8 * last);
	for (uint32_t i = last; i--;)
		put(gen,
		    "\tbase = top ? base : %u;\n"
		    "\ttop = top ? top : head->word%u;\n",
		    8 * i, i);
	put(gen, "\thead->fixed = fastipc_trimmed(top, base);\n");
}

void emit_head(struct gen *gen, const struct fastipc_schema_table *table,
	       const struct gen_table *names)
{
	const uint32_t words = gen_words(table);

	put(gen, "struct %s_head_ {\n", names->name);
	for (uint32_t i = 0; gen_in_registers(table) && i < words; i++)
		put(gen, "\tuint64_t word%u;\n", i);
	if (!gen_in_registers(table))
		put(gen, "\tuint64_t words[%u];\n", words);
	put(gen,
	    "\tuint32_t fixed;\n"
	    "\tuint32_t count;\n"
	    "};\n\n"
	    "FASTIPC_CODEC bool %s_fields_(const struct %s *restrict value,\n"
	    "\tstruct %s_head_ *head)\n"
	    "{\n"
	    "%s"
	    "\tuint32_t base;\n\n"
	    "\t(void)value;\n",
	    names->name, names->name, names->name,
	    gen_in_registers(table) ? "\tuint64_t top;\n" : "");
	if (!gen_in_registers(table))
		put(gen, "\tmemset(head->words, 0, sizeof(head->words));\n");
	for (uint32_t i = 0; gen_in_registers(table) && i < words; i++)
		put(gen, "\thead->word%u = 0;\n", i);
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
			put_scalar(gen, table, field, field_names);
			break;
		case GEN_STRUCT:
			put(gen, "\tif (value->%s) {\n", field_names->member);
			put_bit(gen, table, "\t\t", "1", field->presence);
			put_struct(gen, table, field->ref,
				   names_format(gen->arena, "value->%s->",
						field_names->member),
				   field->offset);
			put(gen, "\t}\n");
			break;
		case GEN_UNION:
			put_union_head(gen, table, field, field_names);
			break;
		default:
			put_tail_head(gen, table, field, field_names);
			break;
		}
	}
	put_trim(gen, table);
	put(gen, "\treturn true;\n}\n\n");
}
