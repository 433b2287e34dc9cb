// SPDX-License-Identifier: MIT
/*
 * T_put_: what writes a record, which is a head, ENDs and tails.
 * emit_encode.c tells of all that is made to encode.
 */
#include "gen.h"

#include "names.h"

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

static void put_whole_words(struct gen *gen,
			    const struct fastipc_schema_table *table,
			    const char *indent)
{
	for (uint32_t i = 0; i < gen_words(table); i++)
		put(gen, "%sfastipc_put_word(at + %u, head.word%u);\n", indent,
		    gen_end_width(table) + 8 * i, i);
}

/* Whole words if they fit: tails overwrite what is behind the last byte. */
static void put_words(struct gen *gen, const struct fastipc_schema_table *table,
		      const char *wide)
{
	const uint32_t words = gen_words(table);

	if (!gen_in_registers(table)) {
		put(gen,
		    "\tfastipc_put_words(at + %u, head.words, head.fixed);\n",
		    gen_end_width(table));
		return;
	}
	put(gen, "\tif (FASTIPC_LIKELY((size_t)(limit - at) >= %u)) {\n",
	    gen_end_width(table) + 8 * words);
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

/* What records there are in this one, as a condition. */
static void put_parts(struct gen *gen, const struct fastipc_schema_table *table,
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
			gen_tail(table, names, i, &field_names);

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
			gen_tail(table, names, i, &field_names);

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
		field = gen_tail(table, names, i, &field_names);
		if (field)
			put(gen, "\tend += %s;\n",
			    plain_size(gen, field, field_names));
		put(gen, "\tfastipc_store_end(ends + %u, end, %s);\n",
		    i * gen_end_width(table), wide);
	}
	for (uint32_t i = 0; i < table->variables; i++) {
		field = gen_tail(table, names, i, &field_names);
		if (field)
			put_plain(gen, field, field_names, true);
		if (i + 1 < table->variables)
			put(gen, "\tif (head.count <= %u)\n\t\treturn at;\n",
			    i + 1);
	}
}

/* ---- records ---- */

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
	if (gen_has_parts(table)) {
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
	if (!table->variables || !gen_in_registers(table))
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
	    8 * gen_words(table) +
		    gen_end_width(table) * (table->variables + 1u),
	    tight, wide);
	put_whole_words(gen, table, "\t");
	if (table->variables > 1)
		put(gen, "\tends = at + fastipc_width(%s) + head.fixed;\n",
		    wide);
	put(gen, "\tat += end;\n");
	put_flat_tails(gen, table, names, wide);
	put(gen, "\treturn at;\n}\n\n");
}

void emit_put(struct gen *gen, uint16_t index)
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
