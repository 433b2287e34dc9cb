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

/* ---- empty? ---- */

static bool has_required(const struct fastipc_schema_table *table)
{
	for (uint16_t i = 0; i < table->field_count; i++)
		if (gen_is_required(&table->fields[i]))
			return true;
	return false;
}

/*
 * What has required fields is not empty, though none may be set: T_put_ is to
 * see that they are missing.
 */
static void emit_empty(struct gen *gen,
		       const struct fastipc_schema_table *table,
		       const struct gen_table *names)
{
	const bool never = has_required(table);

	put(gen,
	    "bool %s_empty_(const struct %s *value)\n"
	    "{\n"
	    "\t(void)value;\n"
	    "\treturn %s",
	    names->name, names->name, gen_bool(!never));
	for (uint16_t i = 0; !never && i < table->field_count; i++) {
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
	    gen_has_parts(table) ? "\tint64_t part;\n" : "", names->name);
	put(gen,
	    "\tsize = head.fixed | head.count ?\n"
	    "\t\tfastipc_head_size(head.fixed, head.count, %s) : 0;\n",
	    wide);
	for (uint32_t i = 0; i < table->variables; i++) {
		const struct gen_field *field_names = NULL;
		const struct fastipc_schema_field *field =
			gen_tail(table, names, i, &field_names);

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
