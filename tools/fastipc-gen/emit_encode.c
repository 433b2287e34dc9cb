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

/* With more words than these they are in an array, not in registers. */
#define WORDS_IN_REGISTERS 8

/* Words of a table's fixed section: at least one, for an array's sake. */
static uint32_t words_of(const struct fastipc_schema_table *table)
{
	return table->fixed_size ? (table->fixed_size + 7u) / 8 : 1;
}

/* Bytes of its header, and of an END. */
static uint32_t width_of(const struct fastipc_schema_table *table)
{
	return gen_is_large(table) ? 4 : 2;
}

static bool in_registers(const struct fastipc_schema_table *table)
{
	return words_of(table) <= WORDS_IN_REGISTERS;
}

/* What word @index is called, of a table that has as many as @head. */
static const char *
word(struct gen *gen, const struct fastipc_schema_table *table, uint32_t index)
{
	return names_format(gen->arena,
			    in_registers(table) ? "word%u" : "words[%u]",
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
	const uint32_t last = words_of(table) - 1;

	if (!in_registers(table)) {
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

static void emit_head(struct gen *gen, const struct fastipc_schema_table *table,
		      const struct gen_table *names)
{
	const uint32_t words = words_of(table);

	put(gen, "struct %s_head_ {\n", names->name);
	for (uint32_t i = 0; in_registers(table) && i < words; i++)
		put(gen, "\tuint64_t word%u;\n", i);
	if (!in_registers(table))
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
	    in_registers(table) ? "\tuint64_t top;\n" : "");
	if (!in_registers(table))
		put(gen, "\tmemset(head->words, 0, sizeof(head->words));\n");
	for (uint32_t i = 0; in_registers(table) && i < words; i++)
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

/* A function for a leaf of this file is there to be inlined. */
static const char *put_function(struct gen *gen, uint16_t index)
{
	return names_format(gen->arena, "%s_put_%s", gen->tables[index].name,
			    gen_is_leaf(gen, index) ? "inline_" : "");
}

static void put_vector_of_tables(struct gen *gen,
				 const struct fastipc_schema_field *field,
				 const char *member, const char *wide)
{
	put(gen,
	    "\tif (value->%s.count) {\n"
	    "\t\tuint8_t *const vector = at;\n"
	    "\t\tconst size_t elements = value->%s.count;\n\n"
	    "\t\tif ((size_t)(limit - at) / fastipc_width(%s) < elements)\n"
	    "\t\t\treturn NULL;\n"
	    "\t\tfastipc_store_end(at, elements, %s);\n"
	    "\t\tat += elements * fastipc_width(%s);\n",
	    member, member, wide, wide, wide);
	put(gen,
	    "\t\tfor (size_t i = 0;;) {\n"
	    "\t\t\tat = %s(&value->%s.data[i], at, limit,\n"
	    "\t\t\t\tdepth + 1);\n"
	    "\t\t\tif (FASTIPC_UNLIKELY(!at))\n"
	    "\t\t\t\treturn NULL;\n"
	    "\t\t\tif (++i == elements)\n"
	    "\t\t\t\tbreak;\n"
	    "\t\t\tfastipc_store_end(vector + i * fastipc_width(%s),\n"
	    "\t\t\t\t(size_t)(at - vector), %s);\n"
	    "\t\t}\n"
	    "\t}\n",
	    put_function(gen, field->ref), member, wide, wide);
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
		    "\t\tat = %s((const struct %s *)value->%s, at, limit,\n"
		    "\t\t\tdepth + 1);\n"
		    "\t\tif (FASTIPC_UNLIKELY(!at))\n"
		    "\t\t\treturn NULL;\n"
		    "\t\tbreak;\n",
		    gen->unions[field->ref], any->members[i].name,
		    put_function(gen, any->members[i].table), name,
		    names->member);
	}
	put(gen, "\tdefault:\n\t\tbreak;\n\t}\n");
}

/* A tail whose length is known beforehand, and which is copied. */
static bool is_plain(const struct fastipc_schema_field *field)
{
	switch (gen_kind(field)) {
	case GEN_STRING:
	case GEN_SCALARS:
	case GEN_STRUCTS:
		return true;
	default:
		return false;
	}
}

/* How many bytes that are. */
static const char *plain_size(struct gen *gen,
			      const struct fastipc_schema_field *field,
			      const struct gen_field *names)
{
	if (gen_kind(field) == GEN_STRING || gen_is_bytes(field))
		return names_format(gen->arena, "value->%s.size",
				    names->member);
	if (gen_kind(field) == GEN_STRUCTS)
		return names_format(gen->arena, "value->%s.count * %s_SIZE",
				    names->member,
				    gen->structs[field->ref].name);
	return names_format(gen->arena, "value->%s.count * %u", names->member,
			    gen_width(field->type));
}

/* @slack: there is more room than that. */
static void put_plain(struct gen *gen, const struct fastipc_schema_field *field,
		      const struct gen_field *names, bool slack)
{
	const char *member = names->member;

	if (gen_kind(field) == GEN_STRING || gen_is_bytes(field))
		put(gen,
		    "\tat = fastipc_put%s(at, value->%s.data, value->%s.size);\n",
		    slack ? "_short" : "", member, member);
	else if (gen_kind(field) == GEN_STRUCTS)
		put(gen, "\tat = %s_put_array_(at, value->%s);\n",
		    gen->structs[field->ref].name, member);
	else
		put(gen, "\tat = fastipc_put_%s_array(at, value->%s);\n",
		    gen_short(field->type), member);
}

static void put_tail(struct gen *gen, const struct fastipc_schema_field *field,
		     const struct gen_field *names, const char *wide)
{
	const char *member = names->member;

	switch (gen_kind(field)) {
	case GEN_TABLE:
		put(gen,
		    "\tif (value->%s) {\n"
		    "\t\tat = %s(value->%s, at, limit, depth + 1);\n"
		    "\t\tif (FASTIPC_UNLIKELY(!at))\n"
		    "\t\t\treturn NULL;\n"
		    "\t}\n",
		    member, put_function(gen, field->ref), member);
		break;
	case GEN_UNION:
		put_union_tail(gen, field, names);
		break;
	case GEN_STRINGS:
		put(gen,
		    "\tif (value->%s.count) {\n"
		    "\t\tat = fastipc_put_strings(at, limit, value->%s, %s);\n"
		    "\t\tif (FASTIPC_UNLIKELY(!at))\n"
		    "\t\t\treturn NULL;\n"
		    "\t}\n",
		    member, member, wide);
		break;
	case GEN_TABLES:
		put_vector_of_tables(gen, field, member, wide);
		break;
	default:
		put_plain(gen, field, names, false);
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

static void put_whole_words(struct gen *gen,
			    const struct fastipc_schema_table *table,
			    const char *indent)
{
	for (uint32_t i = 0; i < words_of(table); i++)
		put(gen, "%sfastipc_put_word(at + %u, head.word%u);\n", indent,
		    width_of(table) + 8 * i, i);
}

/* Whole words if they fit: tails overwrite what is behind the last byte. */
static void put_words(struct gen *gen, const struct fastipc_schema_table *table,
		      const char *wide)
{
	const uint32_t words = words_of(table);

	if (!in_registers(table)) {
		put(gen,
		    "\tfastipc_put_words(at + %u, head.words, head.fixed);\n",
		    width_of(table));
		return;
	}
	put(gen, "\tif (FASTIPC_LIKELY((size_t)(limit - at) >= %u)) {\n",
	    width_of(table) + 8 * words);
	put_whole_words(gen, table, "\t\t");
	put(gen, "\t} else {\n\t\tconst uint64_t words[] = {");
	for (uint32_t i = 0; i < words; i++)
		put(gen, "%shead.word%u", i ? ", " : " ", i);
	put(gen,
	    " };\n\n"
	    "\t\tfastipc_put_words(at + fastipc_width(%s), words, "
	    "head.fixed);\n"
	    "\t}\n",
	    wide);
}

/* What records there are in this one, as a condition; false if it has none. */
static bool put_parts(struct gen *gen, const struct fastipc_schema_table *table,
		      const struct gen_table *names)
{
	bool any = false;

	for (uint16_t i = 0; i < table->field_count; i++) {
		const struct fastipc_schema_field *field = &table->fields[i];
		const char * or = any ? " || " : "";

		if (gen_is_deprecated(field))
			continue;
		if (gen_kind(field) == GEN_TABLE)
			put(gen, "%svalue->%s", or, names->fields[i].member);
		else if (gen_kind(field) == GEN_UNION)
			put(gen, "%svalue->%s", or, names->fields[i].union_of);
		else if (gen_kind(field) == GEN_TABLES)
			put(gen, "%svalue->%s.count", or,
			    names->fields[i].member);
		else
			continue;
		any = true;
	}
	return any;
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

/*
 * Sizes of the tails from @first on that are copied, up to one that is not:
 * there is room for all of them, or not.  (Their sum is that of objects in
 * memory; it does not wrap.)
 */
static void put_room(struct gen *gen, const struct fastipc_schema_table *table,
		     const struct gen_table *names, uint32_t first)
{
	for (uint32_t i = first; i < table->variables; i++) {
		const struct gen_field *field_names = NULL;
		const struct fastipc_schema_field *field =
			tail_of(table, names, i, &field_names);

		if (field && !is_plain(field))
			break;
		if (field)
			put(gen, " +\n\t\t\t     %s",
			    plain_size(gen, field, field_names));
	}
}

static void put_tails(struct gen *gen, const struct fastipc_schema_table *table,
		      const struct gen_table *names, const char *wide)
{
	bool room = true; /* is known to be there */

	for (uint32_t i = 0; i < table->variables; i++) {
		const struct gen_field *field_names = NULL;
		const struct fastipc_schema_field *field =
			tail_of(table, names, i, &field_names);

		if (field && is_plain(field) && !room) {
			put(gen,
			    "\tif (FASTIPC_UNLIKELY((uint64_t)(limit - at) "
			    "< UINT64_C(0)");
			put_room(gen, table, names, i);
			put(gen, "))\n\t\treturn NULL;\n");
			room = true;
		}
		if (field) {
			put_tail(gen, field, field_names, wide);
			room &= is_plain(field);
		}
		if (i + 1 < table->variables)
			put(gen,
			    "\tif (head.count <= %u)\n"
			    "\t\tgoto done;\n"
			    "\tfastipc_store_end(ends + %u, (size_t)(at - "
			    "start), %s);\n",
			    i + 1, i * (gen_is_large(table) ? 4 : 2), wide);
	}
	if (table->variables > 1)
		put(gen, "done:\n");
}

/* ENDs from the sizes, and then the tails, which need not wait for them. */
static void put_flat_tails(struct gen *gen,
			   const struct fastipc_schema_table *table,
			   const struct gen_table *names, const char *wide)
{
	const struct gen_field *field_names = NULL;
	const struct fastipc_schema_field *field;

	for (uint32_t i = 0; i + 1 < table->variables; i++) {
		field = tail_of(table, names, i, &field_names);
		if (field)
			put(gen, "\tend += %s;\n",
			    plain_size(gen, field, field_names));
		put(gen, "\tfastipc_store_end(ends + %u, end, %s);\n",
		    i * width_of(table), wide);
	}
	for (uint32_t i = 0; i < table->variables; i++) {
		field = tail_of(table, names, i, &field_names);
		if (field)
			put_plain(gen, field, field_names, true);
		if (i + 1 < table->variables)
			put(gen, "\tif (head.count <= %u)\n\t\treturn at;\n",
			    i + 1);
	}
}

/* The beginning of a function that writes a record. */
static void put_put(struct gen *gen, const struct gen_table *names,
		    const char *linkage, const char *function)
{
	put(gen,
	    "%suint8_t *%s(const struct %s *restrict value,\n"
	    "\t\tuint8_t *at, const uint8_t *limit, unsigned int depth)\n"
	    "{\n",
	    linkage, function, names->name);
}

static const char *linkage_of(struct gen *gen, uint16_t index)
{
	return gen_is_leaf(gen, index) ? "FASTIPC_CODEC " : "";
}

/* Byte by byte where that must be. */
static void emit_put_any(struct gen *gen, uint16_t index, const char *linkage,
			 const char *function)
{
	const struct fastipc_schema_table *table = &gen->schema->tables[index];
	const struct gen_table *names = &gen->tables[index];
	const char *wide = gen_bool(gen_is_large(table));

	put_put(gen, names, linkage, function);
	put(gen,
	    "\tuint8_t *const start = at;\n"
	    "\tstruct %s_head_ head;\n"
	    "%s"
	    "\tsize_t rest;\n\n",
	    names->name, table->variables > 1 ? "\tuint8_t *ends;\n" : "");
	/* Whose record is in another one was asked there. */
	if (has_parts(table)) {
		put(gen, "\tif (FASTIPC_UNLIKELY(depth >= FASTIPC_CODEC_DEPTH) "
			 "&&\n\t    (depth > FASTIPC_CODEC_DEPTH || ");
		put_parts(gen, table, names);
		put(gen, "))\n\t\treturn NULL;\n");
	} else {
		put(gen, "\t(void)depth;\n");
	}
	put(gen,
	    "\tif (FASTIPC_UNLIKELY(!%s_fields_(value, &head)))\n"
	    "\t\treturn NULL;\n"
	    "\tif (!(head.fixed | head.count))\n"
	    "\t\treturn at;\n"
	    "\trest = fastipc_head_size(head.fixed, head.count, %s);\n"
	    "\tif (FASTIPC_UNLIKELY((uint64_t)(limit - at) < (uint64_t)rest",
	    names->name, wide);
	put_room(gen, table, names, 0);
	put(gen,
	    "))\n"
	    "\t\treturn NULL;\n"
	    "\tfastipc_put_header(at, head.fixed, head.count, %s);\n",
	    wide);
	put_words(gen, table, wide);
	if (table->variables > 1)
		put(gen, "\tends = at + fastipc_width(%s) + head.fixed;\n",
		    wide);
	put(gen, "\tat += rest;\n");
	put_tails(gen, table, names, wide);
	put(gen,
	    "\tif (FASTIPC_UNLIKELY((size_t)(at - start) > %s))\n"
	    "\t\treturn NULL;\n"
	    "\treturn at;\n"
	    "}\n\n",
	    gen_is_large(table) ? "UINT32_MAX" : "FASTIPC_RECORD_SMALL");
}

/* Are all its tails such as are copied, so that where each ends is known? */
static bool is_flat(const struct fastipc_schema_table *table)
{
	if (!table->variables || !in_registers(table))
		return false;
	for (uint32_t i = 0; i < table->variables; i++) {
		const struct fastipc_schema_field *field =
			gen_variable(table, i);

		if (field && !gen_is_deprecated(field) && !is_plain(field))
			return false;
	}
	return true;
}

/*
 * Where there is more room than the record needs, all of its head is written,
 * ENDs of absent fields too, and then the tails over what is too much of it.
 */
static void emit_put_flat(struct gen *gen, uint16_t index)
{
	const struct fastipc_schema_table *table = &gen->schema->tables[index];
	const struct gen_table *names = &gen->tables[index];
	const char *wide = gen_bool(gen_is_large(table));
	const char *tight =
		names_format(gen->arena, "%s_put_tight_", names->name);

	emit_put_any(gen, index, "FASTIPC_CODEC_COLD ", tight);
	put_put(gen, names, linkage_of(gen, index), put_function(gen, index));
	put(gen,
	    "\tstruct %s_head_ head;\n"
	    "\tuint64_t needed;\n"
	    "%s"
	    "\tsize_t end;\n\n"
	    "\tif (FASTIPC_UNLIKELY(!%s_fields_(value, &head)))\n"
	    "\t\treturn NULL;\n"
	    "\tif (!(head.fixed | head.count))\n"
	    "\t\treturn at;\n"
	    "\tend = fastipc_head_size(head.fixed, head.count, %s);\n"
	    "\tneeded = end",
	    names->name, table->variables > 1 ? "\tuint8_t *ends;\n" : "",
	    names->name, wide);
	put_room(gen, table, names, 0);
	put(gen,
	    ";\n"
	    "\tif (FASTIPC_UNLIKELY(needed > %s ||\n"
	    "\t    (uint64_t)(limit - at) < needed + %u + "
	    "FASTIPC_PUT_SLACK))\n"
	    "\t\treturn %s(value, at, limit, depth);\n"
	    "\tfastipc_put_header(at, head.fixed, head.count, %s);\n",
	    gen_is_large(table) ? "UINT32_MAX" : "FASTIPC_RECORD_SMALL",
	    8 * words_of(table) + width_of(table) * (table->variables + 1u),
	    tight, wide);
	put_whole_words(gen, table, "\t");
	if (table->variables > 1)
		put(gen, "\tends = at + fastipc_width(%s) + head.fixed;\n",
		    wide);
	put(gen, "\tat += end;\n");
	put_flat_tails(gen, table, names, wide);
	put(gen, "\treturn at;\n}\n\n");
}

static void emit_put(struct gen *gen, uint16_t index)
{
	const struct gen_table *names = &gen->tables[index];

	if (is_flat(&gen->schema->tables[index]))
		emit_put_flat(gen, index);
	else
		emit_put_any(gen, index, linkage_of(gen, index),
			     put_function(gen, index));
	if (gen_is_leaf(gen, index))
		put(gen,
		    "uint8_t *%s_put_(const struct %s *value, uint8_t *at,\n"
		    "\t\tconst uint8_t *limit, unsigned int depth)\n"
		    "{\n"
		    "\treturn %s_put_inline_(value, at, limit, depth);\n"
		    "}\n\n",
		    names->name, names->name, names->name);
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
		    "\tif (value->%s.count)\n"
		    "\t\tsize = fastipc_size_add(size,\n"
		    "\t\t\tfastipc_size_strings(value->%s, %s));\n",
		    member, member, wide);
		break;
	case GEN_TABLES:
		put(gen,
		    "\tif (value->%s.count) {\n"
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
		if (gen_kind(field) == GEN_STRING || gen_is_bytes(field))
			put(gen,
			    "\tsize = fastipc_size_add(size, "
			    "value->%s.size);\n",
			    member);
		else if (gen_kind(field) == GEN_STRUCTS)
			put(gen,
			    "\tsize = fastipc_size_add(size, "
			    "fastipc_size_of(\n"
			    "\t\t\tvalue->%s.count, %s_SIZE));\n",
			    member, gen->structs[field->ref].name);
		else
			put(gen,
			    "\tsize = fastipc_size_add(size, "
			    "fastipc_size_of(\n"
			    "\t\t\tvalue->%s.count, %u));\n",
			    member, gen_width(field->type));
		break;
	}
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
		if (gen_is_leaf(gen, i))
			emit_put(gen, i);
	}
	for (uint16_t i = 0; i < schema->table_count; i++) {
		if (!gen_is_own(gen, &schema->tables[i]))
			continue;
		if (!gen_is_leaf(gen, i))
			emit_put(gen, i);
		emit_measure(gen, &schema->tables[i], &gen->tables[i]);
		emit_encode(gen, &gen->tables[i]);
	}
}
