// SPDX-License-Identifier: MIT
/*
 * Validators.  T_check_ looks at one record and at all below it: once its ENDs
 * are known not to decrease, all spans are within it.
 *
 * Strings whose tails are side by side are checked as one.
 */
#include "gen.h"

#include "names.h"

/* With more ENDs than these a loop compares them, and they are loaded again. */
#define ENDS_IN_REGISTERS 16
/* From so many on it pays to compare them side by side. */
#define ENDS_AT_ONCE 3

static bool has_required(const struct fastipc_schema_table *table)
{
	for (uint16_t i = 0; i < table->field_count; i++)
		if (gen_is_required(&table->fields[i]))
			return true;
	return false;
}

/* "end3", or where the tails begin. */
static const char *end_of(struct gen *gen, int32_t variable)
{
	if (variable < 0)
		return "rest";
	return names_format(gen->arena, "end%d", variable);
}

/* ---- ENDs ---- */

static void put_end_loads(struct gen *gen,
			  const struct fastipc_schema_table *table,
			  const char *indent, const char *wide)
{
	const uint32_t count = table->variables;
	const uint32_t width = gen_is_large(table) ? 4 : 2;

	for (uint32_t i = 0; i < count; i++)
		put(gen,
		    "%send%u = %u < count ? fastipc_load_end(ends + %u, %s) : "
		    "size;\n",
		    indent, i, i + 1, i * width, wide);
}

/* Nothing but strings, which may all be absent: as ASCII they need no ENDs. */
static bool is_text(const struct fastipc_schema_table *table)
{
	if (!table->variables || table->variables > ENDS_IN_REGISTERS ||
	    has_required(table))
		return false;
	for (uint16_t i = 0; i < table->field_count; i++) {
		const enum gen_kind kind = gen_kind(&table->fields[i]);

		if (kind != GEN_SCALAR && kind != GEN_STRUCT &&
		    kind != GEN_STRING)
			return false;
	}
	return true;
}

static void put_short_ends(struct gen *gen)
{
	put(gen, "\tif (FASTIPC_UNLIKELY(!fastipc_check_short_ends(floor, size,"
		 "\n\t\t\t\t\t\tends, count, rest)))\n"
		 "\t\treturn false;\n");
}

static void put_ends(struct gen *gen, const struct fastipc_schema_table *table,
		     const char *wide)
{
	const uint32_t count = table->variables;

	if (is_text(table) && !gen_is_large(table)) {
		put_short_ends(gen);
		return;
	}
	if (!count || count > ENDS_IN_REGISTERS || is_text(table)) {
		put(gen,
		    "\tif (count && !fastipc_check_ends(ends, 0, count, rest, "
		    "size, %s))\n"
		    "\t\treturn false;\n",
		    wide);
		return;
	}
	if (!gen_is_large(table) && count >= ENDS_AT_ONCE) {
		put_short_ends(gen);
		put_end_loads(gen, table, "\t", wide);
		return;
	}
	put_end_loads(gen, table, "\t", wide);
	put(gen, "\tif (FASTIPC_UNLIKELY(");
	for (uint32_t i = 0; i < count; i++)
		put(gen, "%s(end%u < %s)", i ? " |\n\t\t\t     " : "", i,
		    end_of(gen, (int32_t)i - 1));
	put(gen,
	    "))\n"
	    "\t\treturn false;\n"
	    "\tif (FASTIPC_UNLIKELY(count > %u) &&\n"
	    "\t    !fastipc_check_ends(ends, %u, count, end%u, size, %s))\n"
	    "\t\treturn false;\n",
	    count, count, count - 1, wide);
}

/* ---- tails ---- */

static const char *check_function(struct gen *gen, uint16_t index)
{
	return names_format(gen->arena, "%s_check_%s", gen->tables[index].name,
			    gen_is_leaf(gen, index) ? "inline_" : "");
}

/* An absent one is wrong if it is required.  @start and @end are its ENDs. */
static void put_required(struct gen *gen,
			 const struct fastipc_schema_field *field,
			 const char *start, const char *end, const char *wide)
{
	if (gen_is_required(field))
		put(gen,
		    "\tif (%s == %s && !fastipc_reader_bit(reader, %u, %s))\n"
		    "\t\treturn false;\n",
		    start, end, field->presence, wide);
}

/* As a condition: strings from @first to @last, side by side, are not right. */
static void put_wrong_strings(struct gen *gen, int32_t first, int32_t last)
{
	const char *start = end_of(gen, first - 1);
	const char *end = end_of(gen, last);

	for (int32_t i = first; i < last; i++)
		put(gen, "fastipc_splits(data + %s, data + %s) ||\n\t\t    ",
		    end_of(gen, i), end);
	put(gen, "!fastipc_utf8_valid_in(floor, data + %s, %s - %s)", start,
	    end, start);
}

static void put_strings(struct gen *gen, int32_t first, int32_t last)
{
	put(gen,
	    "\tif (FASTIPC_CODEC_UTF8 &&\n"
	    "\t    FASTIPC_UNLIKELY(!fastipc_ascii(floor, data + %s, data + %s))"
	    " &&\n"
	    "\t    (",
	    end_of(gen, first - 1), end_of(gen, last));
	put_wrong_strings(gen, first, last);
	put(gen, "))\n\t\treturn false;\n");
}

/* All tails of a table that is_text(). */
static void put_text(struct gen *gen, const struct fastipc_schema_table *table)
{
	put(gen,
	    "\tif (FASTIPC_CODEC_UTF8 &&\n"
	    "\t    FASTIPC_UNLIKELY(!fastipc_ascii(floor, data + rest, data + "
	    "size))) {\n");
	put_end_loads(gen, table, "\t\t", gen_bool(gen_is_large(table)));
	put(gen, "\t\tif (");
	put_wrong_strings(gen, 0, table->variables - 1);
	put(gen, ")\n\t\t\treturn false;\n\t}\n");
}

/* The library checks a vector of records of strings, of a leaf. */
static void put_texts(struct gen *gen, const struct fastipc_schema_field *field,
		      const char *start, const char *end, const char *wide)
{
	put(gen,
	    "\tif (%s != %s) {\n"
	    "\t\tconst struct fastipc_texts texts = {\n"
	    "\t\t\t%u, %s, FASTIPC_CODEC_UTF8\n"
	    "\t\t};\n\n"
	    "\t\tif (depth >= FASTIPC_CODEC_DEPTH ||\n"
	    "\t\t    !fastipc_check_texts(floor, data + %s, %s - %s,\n"
	    "\t\t\t\ttexts))\n"
	    "\t\t\treturn false;\n"
	    "\t}\n",
	    start, end, gen->schema->tables[field->ref].variables, wide, start,
	    end, start);
}

static void put_tables(struct gen *gen,
		       const struct fastipc_schema_field *field,
		       const char *start, const char *end, const char *wide)
{
	const struct fastipc_schema_table *table =
		&gen->schema->tables[field->ref];

	if (is_text(table) && !gen_is_large(table) &&
	    gen_is_leaf(gen, field->ref)) {
		put_texts(gen, field, start, end, wide);
		return;
	}
	put(gen,
	    "\tif (%s != %s) {\n"
	    "\t\tconst uint8_t *const vector = data + %s;\n"
	    "\t\tconst size_t length = %s - %s;\n"
	    "\t\tuint32_t elements;\n"
	    "\t\tsize_t from;\n\n"
	    "\t\tif (!fastipc_check_count(vector, length, &elements, &from, "
	    "%s))\n"
	    "\t\t\treturn false;\n",
	    start, end, start, end, start, wide);
	put(gen,
	    "\t\tfor (uint32_t i = 1; i <= elements; i++) {\n"
	    "\t\t\tconst size_t to = i == elements ? length :\n"
	    "\t\t\t\tfastipc_load_end(vector + (size_t)i *\n"
	    "\t\t\t\t\tfastipc_width(%s), %s);\n\n"
	    "\t\t\tif (FASTIPC_UNLIKELY(to < from || to > length) ||\n"
	    "\t\t\t    !%s(floor, vector + from, to - from,\n"
	    "\t\t\t\t\tdepth + 1))\n"
	    "\t\t\t\treturn false;\n"
	    "\t\t\tfrom = to;\n"
	    "\t\t}\n"
	    "\t}\n",
	    wide, wide, check_function(gen, field->ref));
}

static void put_union(struct gen *gen, const struct fastipc_schema_table *table,
		      const struct fastipc_schema_field *field,
		      const char *start, const char *end)
{
	const struct fastipc_schema_union *any =
		&gen->schema->unions[field->ref];

	put(gen,
	    "\tswitch (fastipc_reader_bits(reader, %u, 1, %s)) {\n"
	    "\tcase 0:\n",
	    field->offset, gen_bool(gen_is_large(table)));
	if (gen_is_required(field))
		put(gen, "\t\treturn false;\n");
	else
		put(gen,
		    "\t\tif (%s != %s)\n"
		    "\t\t\treturn false;\n"
		    "\t\tbreak;\n",
		    start, end);
	for (uint32_t i = 0; i < any->member_count; i++)
		put(gen,
		    "\tcase %u:\n"
		    "\t\tif (!%s(floor, data + %s, %s - %s, depth + 1))"
		    "\n\t\t\treturn false;\n"
		    "\t\tbreak;\n",
		    any->members[i].value,
		    check_function(gen, any->members[i].table), start, end,
		    start);
	put(gen, "\tdefault:\n\t\tbreak;\n\t}\n");
}

static void put_tail(struct gen *gen, const struct fastipc_schema_table *table,
		     const struct fastipc_schema_field *field)
{
	const char *wide = gen_bool(gen_is_large(table));
	const char *start = end_of(gen, (int32_t)field->variable - 1);
	const char *end = end_of(gen, field->variable);
	unsigned int width;

	if (gen_kind(field) != GEN_UNION)
		put_required(gen, field, start, end, wide);
	switch (gen_kind(field)) {
	case GEN_SCALARS:
		width = gen_width(field->type);
		if (width == 1)
			put(gen, "\t(void)%s;\n", end);
		else
			put(gen, "\tif ((%s - %s) %% %u)\n\t\treturn false;\n",
			    end, start, width);
		break;
	case GEN_STRUCTS:
		put(gen, "\tif ((%s - %s) %% %s_SIZE)\n\t\treturn false;\n",
		    end, start, gen->structs[field->ref].name);
		break;
	case GEN_STRINGS:
		put(gen,
		    "\tif (!fastipc_check_strings(floor, data + %s, %s - %s, "
		    "%s))\n"
		    "\t\treturn false;\n",
		    start, end, start, wide);
		break;
	case GEN_TABLE:
		put(gen,
		    "\tif ((%s != %s || fastipc_reader_bit(reader, %u, %s)) &&"
		    "\n\t    !%s(floor, data + %s, %s - %s, depth + 1))"
		    "\n\t\treturn false;\n",
		    start, end, field->presence, wide,
		    check_function(gen, field->ref), start, end, start);
		break;
	case GEN_TABLES:
		put_tables(gen, field, start, end, wide);
		break;
	case GEN_UNION:
		put_union(gen, table, field, start, end);
		break;
	default:
		break;
	}
}

static void put_tails(struct gen *gen, const struct fastipc_schema_table *table)
{
	for (int32_t i = 0; i < table->variables; i++) {
		const struct fastipc_schema_field *field =
			gen_variable(table, (uint32_t)i);
		int32_t first = i;

		if (gen_kind(field) != GEN_STRING) {
			put_tail(gen, table, field);
			continue;
		}
		put_tail(gen, table, field);
		while (i + 1 < table->variables &&
		       gen_kind(gen_variable(table, (uint32_t)i + 1)) ==
			       GEN_STRING) {
			i++;
			put_tail(gen, table, gen_variable(table, (uint32_t)i));
		}
		put_strings(gen, first, i);
	}
}

static bool uses_reader(const struct fastipc_schema_table *table)
{
	for (uint16_t i = 0; i < table->field_count; i++)
		if (gen_kind(&table->fields[i]) == GEN_UNION ||
		    gen_kind(&table->fields[i]) == GEN_TABLE ||
		    gen_is_required(&table->fields[i]))
			return true;
	return table->variables > ENDS_IN_REGISTERS;
}

static void emit_check(struct gen *gen, uint16_t index)
{
	const struct fastipc_schema_table *table = &gen->schema->tables[index];
	const char *name = gen->tables[index].name;
	const char *wide = gen_bool(gen_is_large(table));
	const bool loop = table->variables > ENDS_IN_REGISTERS;

	put(gen,
	    "%sbool %s(const uint8_t *floor, const uint8_t *data,\n"
	    "\t\tsize_t size, unsigned int depth)\n"
	    "{\n"
	    "\tuint32_t fixed, count;\n"
	    "\tsize_t rest;\n"
	    "\tconst uint8_t *ends;\n",
	    gen_is_leaf(gen, index) ? "FASTIPC_CODEC " : "",
	    check_function(gen, index));
	if (uses_reader(table))
		put(gen, "\tstruct fastipc_reader reader;\n");
	for (uint32_t i = 0; i < table->variables; i++)
		put(gen, "%s end%u%s", i ? "," : "\tsize_t", i,
		    i + 1 < table->variables ? "" : ";\n");
	put(gen,
	    "\n"
	    "\t(void)floor;\n"
	    "\tif (FASTIPC_UNLIKELY(depth > FASTIPC_CODEC_DEPTH))\n"
	    "\t\treturn false;\n"
	    "\tif (!size)\n"
	    "\t\treturn %s;\n"
	    "\tif (!fastipc_check_header(data, size, &fixed, &count, &rest, "
	    "%s))\n"
	    "\t\treturn false;\n"
	    "\tends = data + fastipc_width(%s) + fixed;\n",
	    gen_bool(!has_required(table)), wide, wide);
	put_ends(gen, table, wide);
	if (uses_reader(table))
		put(gen, "\treader.data = data;\n"
			 "\treader.size = (uint32_t)size;\n"
			 "\treader.fixed = (uint16_t)fixed;\n"
			 "\treader.count = (uint16_t)count;\n");
	for (uint32_t i = 0; loop && i < table->variables; i++)
		put(gen, "\tend%u = fastipc_reader_end(reader, %u, %s);\n", i,
		    i, wide);
	if (is_text(table))
		put_text(gen, table);
	else
		put_tails(gen, table);
	put(gen, "\treturn true;\n}\n\n");
	if (gen_is_leaf(gen, index))
		put(gen,
		    "bool %s_check_(const uint8_t *floor, const uint8_t *data,"
		    "\n\t\tsize_t size, unsigned int depth)\n"
		    "{\n"
		    "\treturn %s_check_inline_(floor, data, size, depth);\n"
		    "}\n\n",
		    name, name);
}

static void emit_read(struct gen *gen, uint16_t index)
{
	const char *name = gen->tables[index].name;
	const char *wide = gen_bool(gen_is_large(&gen->schema->tables[index]));

	put(gen,
	    "int %s_read(struct fastipc_snapshot snapshot, struct %s_reader "
	    "*reader)\n"
	    "{\n"
	    "\tconst uint8_t *data = (const uint8_t *)snapshot.data;\n\n"
	    "\tif (FASTIPC_UNLIKELY(!%s_check_(data, data, snapshot.size, 1)))"
	    "\n\t\treturn -EBADMSG;\n"
	    "\treader->record = snapshot.size ?\n"
	    "\t\tfastipc_reader_of(data, (uint32_t)snapshot.size, %s) :\n"
	    "\t\tfastipc_reader_none();\n"
	    "\treturn 0;\n"
	    "}\n\n",
	    name, name, name, wide);
	put(gen,
	    "int %s_read_sealed(struct fastipc_sealed sealed,\n"
	    "\t\tstruct %s_reader *reader)\n"
	    "{\n"
	    "\treturn %s_read(fastipc_snapshot_of(sealed.data, sealed.size),\n"
	    "\t\treader);\n"
	    "}\n\n",
	    name, name, name);
}

void emit_checks(struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->table_count; i++)
		if (gen_is_leaf(gen, i))
			emit_check(gen, i);
	for (uint16_t i = 0; i < gen->schema->table_count; i++) {
		if (!gen_is_own(gen, &gen->schema->tables[i]))
			continue;
		if (!gen_is_leaf(gen, i))
			emit_check(gen, i);
		emit_read(gen, i);
	}
}
