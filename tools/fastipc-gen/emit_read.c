// SPDX-License-Identifier: MIT
/*
 * Accessors: of readers, over what was checked, and of views, over what may
 * change.  They differ in few words, which are in struct way.
 */
#include "gen.h"

#include <inttypes.h>

#include "names.h"

/* ---- handles: what is passed around ---- */

static void emit_handle(struct gen *gen, const char *name, bool large)
{
	put(gen,
	    "struct %s_reader {\n"
	    "\tstruct fastipc_reader record;\n"
	    "};\n\n"
	    "struct %s_view {\n"
	    "\tstruct fastipc_view record;\n"
	    "};\n\n"
	    "struct %s_vector {\n"
	    "\tuint32_t count;\n"
	    "\tstruct fastipc_elements elements;\n"
	    "};\n\n"
	    "struct %s_vector_view {\n"
	    "\tuint32_t count;\n"
	    "\tstruct fastipc_elements_view elements;\n"
	    "};\n\n",
	    name, name, name, name);
	put(gen,
	    "/* Look at memory that may change.  Never fails: what makes no "
	    "sense is absent. */\n"
	    "static inline struct %s_view %s_view_of(struct fastipc_shared "
	    "shared)\n"
	    "{\n"
	    "\tstruct %s_view view;\n\n"
	    "\tview.record = fastipc_view_of(shared, %s);\n"
	    "\treturn view;\n"
	    "}\n\n",
	    name, name, name, gen_bool(large));
	put(gen,
	    "/* Element i; one without fields if there is no such element. */\n"
	    "static inline struct %s_reader %s_vector_at(struct %s_vector "
	    "vector,\n\t\t\t\t\t\tsize_t i)\n"
	    "{\n"
	    "\tconst struct fastipc_bytes bytes =\n"
	    "\t\tfastipc_elements_at(vector.elements, i);\n"
	    "\tstruct %s_reader reader;\n\n"
	    "\treader.record =\n"
	    "\t\tfastipc_reader_of(bytes.data, (uint32_t)bytes.size, %s);\n"
	    "\treturn reader;\n"
	    "}\n\n",
	    name, name, name, name, gen_bool(large));
	put(gen,
	    "static inline struct %s_view\n"
	    "%s_vector_view_at(struct %s_vector_view vector, size_t i)\n"
	    "{\n"
	    "\treturn %s_view_of(\n"
	    "\t\tfastipc_elements_view_at(vector.elements, i));\n"
	    "}\n\n",
	    name, name, name, name);
}

void emit_handles(struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->table_count; i++)
		if (gen_is_own(gen, &gen->schema->tables[i]))
			emit_handle(gen, gen->tables[i].name,
				    gen_is_large(&gen->schema->tables[i]));
}

/* ---- accessors ---- */

struct way {
	const char *type;   /* of the parameter, T before it, its name too */
	const char *prefix; /* of accessors, behind T_ */
	const char *suffix; /* of types of vectors */
	bool view;
};

static const struct way readers = { "reader", "", "", false };
static const struct way views = { "view", "view_", "_view", true };

struct place {
	const struct way *way;
	const struct fastipc_schema_field *field;
	const char *table; /* its C name */
	const char *name;  /* the field's accessor */
	const char *wide;  /* "true": the table is large */
};

/* The first lines of a function, up to its parameters. */
static void put_function(struct gen *gen, const struct place *place,
			 const char *type, const char *before,
			 const char *after)
{
	put(gen,
	    "static inline %s\n"
	    "%s_%s%s%s%s(struct %s_%s %s)\n"
	    "{\n",
	    type, place->table, place->way->prefix, before, place->name, after,
	    place->table, place->way->type, place->way->type);
}

static void put_has_bit(struct gen *gen, const struct place *place)
{
	put_function(gen, place, "bool", "has_", "");
	put(gen, "\treturn fastipc_%s_bit(%s.record, %u, %s);\n}\n\n",
	    place->way->type, place->way->type, place->field->presence,
	    place->wide);
}

static void put_has_tail(struct gen *gen, const struct place *place)
{
	put_function(gen, place, "bool", "has_", "");
	put(gen,
	    "\treturn fastipc_%s_tail(%s.record, %u, %u, %s).data != NULL;\n"
	    "}\n\n",
	    place->way->type, place->way->type, place->field->variable,
	    place->field->presence, place->wide);
}

static void put_scalar(struct gen *gen, const struct place *place)
{
	const struct fastipc_schema_field *field = place->field;
	const bool optional = gen_is_optional(field);
	const char *way = place->way->type;

	if (optional)
		put_has_bit(gen, place);
	put_doc(gen, "", field->doc);
	put_function(gen, place, gen_scalar(gen, field), "", "");
	if (field->type == FASTIPC_TYPE_BOOL) {
		put(gen, "\treturn %sfastipc_%s_bit(%s.record, %u, %s);\n}\n\n",
		    field->default_bits && !optional ? "!" : "", way, way,
		    field->bit, place->wide);
		return;
	}
	put(gen, "\treturn fastipc_%s_of(\n", gen_short(field->type));
	put(gen, "\t\tfastipc_%s_bits(%s.record, %u, %u, %s)", way, way,
	    field->offset, gen_width(field->type), place->wide);
	if (field->default_bits && !optional)
		put(gen, " ^\n\t\tUINT64_C(0x%" PRIx64 ")",
		    field->default_bits);
	put(gen, ");\n}\n\n");
}

static void put_struct(struct gen *gen, const struct place *place)
{
	const struct fastipc_schema_field *field = place->field;
	const char *name = gen->structs[field->ref].name;
	const char *way = place->way->type;

	put_has_bit(gen, place);
	put_doc(gen, "", field->doc);
	put_function(gen, place, names_format(gen->arena, "struct %s", name),
		     "", "");
	if (!place->way->view)
		put(gen,
		    "\tif (FASTIPC_LIKELY(reader.record.fixed >= %u))\n"
		    "\t\treturn %s_load_(reader.record.data + %u);\n",
		    field->offset + gen->schema->structs[field->ref].size, name,
		    field->offset + (place->wide[0] == 't' ? 4u : 2u));
	put(gen, "\treturn %s_%s_(%s.record, %u, %s);\n}\n\n", name, way, way,
	    field->offset, place->wide);
}

static void put_text(struct gen *gen, const struct place *place)
{
	const struct fastipc_schema_field *field = place->field;

	put_has_tail(gen, place);
	put_doc(gen, "", field->doc);
	put_function(gen, place,
		     place->way->view ? "struct fastipc_shared"
		     : field->type == FASTIPC_TYPE_STRING
			     ? "struct fastipc_string"
			     : "struct fastipc_bytes",
		     "", "");
	put(gen, "\treturn fastipc_%s_%s(%s.record, %u, %u, %s);\n}\n\n",
	    place->way->type,
	    !place->way->view && field->type == FASTIPC_TYPE_STRING ? "string"
								    : "tail",
	    place->way->type, field->variable, field->presence, place->wide);
}

/* The record in a tail, as a reader or a view of its table. */
static void put_record(struct gen *gen, const struct place *place,
		       uint16_t index)
{
	const char *large = gen_bool(gen_is_large(&gen->schema->tables[index]));

	if (place->way->view)
		put(gen,
		    "\tresult.record = fastipc_view_of(\n"
		    "\t\tfastipc_view_span(view.record, %u, %s), %s);\n",
		    place->field->variable, place->wide, large);
	else
		put(gen,
		    "\tresult.record = fastipc_reader_record(reader.record, "
		    "%u, %s, %s);\n",
		    place->field->variable, place->wide, large);
}

static void put_table(struct gen *gen, const struct place *place)
{
	const char *name = names_format(gen->arena, "struct %s_%s",
					gen->tables[place->field->ref].name,
					place->way->type);

	put_has_tail(gen, place);
	put_doc(gen, "", place->field->doc);
	put_function(gen, place, name, "", "");
	put(gen, "\t%s result;\n\n", name);
	put_record(gen, place, place->field->ref);
	put(gen, "\treturn result;\n}\n\n");
}

static void put_union(struct gen *gen, const struct place *place)
{
	const struct fastipc_schema_field *field = place->field;
	const struct fastipc_schema_union *any =
		&gen->schema->unions[field->ref];
	const char *way = place->way->type;

	put_doc(gen, "", field->doc);
	put_function(gen, place,
		     names_format(gen->arena, "%s_type",
				  gen->unions[field->ref]),
		     "", "_type");
	put(gen,
	    "\treturn (uint8_t)fastipc_%s_bits(%s.record, %u, 1, %s);\n"
	    "}\n\n",
	    way, way, field->offset, place->wide);
	for (uint32_t i = 0; i < any->member_count; i++) {
		const struct fastipc_schema_member *member = &any->members[i];
		const char *name = names_format(gen->arena, "struct %s_%s",
						gen->tables[member->table].name,
						way);

		put(gen, "/* One without fields if the type is another. */\n");
		put_function(gen, place, name, "",
			     names_format(gen->arena, "_as_%s", member->name));
		put(gen, "\t%s result;\n\n", name);
		if (place->way->view)
			put(gen, "\tresult.record = fastipc_view_none();\n");
		else
			put(gen, "\tresult.record = fastipc_reader_none();\n");
		put(gen,
		    "\tif (fastipc_%s_bits(%s.record, %u, 1, %s) != %s_%s)\n"
		    "\t\treturn result;\n",
		    way, way, field->offset, place->wide,
		    gen->unions[field->ref], member->name);
		put_record(gen, place, member->table);
		put(gen, "\treturn result;\n}\n\n");
	}
}

static void put_scalars(struct gen *gen, const struct place *place)
{
	const struct fastipc_schema_field *field = place->field;
	const char *type = gen_short(field->type);

	put_has_tail(gen, place);
	put_doc(gen, "", field->doc);
	put_function(gen, place,
		     names_format(gen->arena, "struct fastipc_%s_vector%s",
				  type, place->way->suffix),
		     "", "");
	put(gen,
	    "\treturn fastipc_%s_%s_vector(%s.record, %u, %u, %s);\n"
	    "}\n\n",
	    place->way->type, type, place->way->type, field->variable,
	    field->presence, place->wide);
}

static void put_structs(struct gen *gen, const struct place *place)
{
	const struct fastipc_schema_field *field = place->field;
	const char *name = gen->structs[field->ref].name;
	const char *type = names_format(gen->arena, "struct %s_vector%s", name,
					place->way->suffix);

	put_has_tail(gen, place);
	put_doc(gen, "", field->doc);
	put_function(gen, place, type, "", "");
	put(gen,
	    "\tconst struct fastipc_%s tail = fastipc_%s_tail(\n"
	    "\t\t%s.record, %u, %u, %s);\n"
	    "\t%s vector;\n\n"
	    "\tvector.data = %stail.data;\n"
	    "\tvector.count = tail.size / %s_SIZE;\n"
	    "\treturn vector;\n"
	    "}\n\n",
	    place->way->view ? "shared" : "bytes", place->way->type,
	    place->way->type, field->variable, field->presence, place->wide,
	    type, place->way->view ? "(const volatile uint8_t *)" : "", name);
}

static void put_strings(struct gen *gen, const struct place *place)
{
	put_has_tail(gen, place);
	put_doc(gen, "", place->field->doc);
	put_function(gen, place,
		     names_format(gen->arena, "struct fastipc_string_vector%s",
				  place->way->suffix),
		     "", "");
	put(gen, "\treturn fastipc_%s_strings(%s.record, %u, %s);\n}\n\n",
	    place->way->type, place->way->type, place->field->variable,
	    place->wide);
}

static void put_tables(struct gen *gen, const struct place *place)
{
	const char *type = names_format(gen->arena, "struct %s_vector%s",
					gen->tables[place->field->ref].name,
					place->way->suffix);

	put_has_tail(gen, place);
	put_doc(gen, "", place->field->doc);
	put_function(gen, place, type, "", "");
	put(gen,
	    "\t%s vector;\n\n"
	    "\tvector.elements =\n"
	    "\t\tfastipc_%s_elements(%s.record, %u, %s);\n"
	    "\tvector.count = vector.elements.count;\n"
	    "\treturn vector;\n"
	    "}\n\n",
	    type, place->way->type, place->way->type, place->field->variable,
	    place->wide);
}

static void emit_accessors(struct gen *gen, const struct way *way)
{
	static void (*const puts[])(struct gen *, const struct place *) = {
		[GEN_SCALAR] = put_scalar,   [GEN_STRUCT] = put_struct,
		[GEN_STRING] = put_text,     [GEN_TABLE] = put_table,
		[GEN_UNION] = put_union,     [GEN_SCALARS] = put_scalars,
		[GEN_STRUCTS] = put_structs, [GEN_STRINGS] = put_strings,
		[GEN_TABLES] = put_tables,
	};

	for (uint16_t i = 0; i < gen->schema->table_count; i++) {
		const struct fastipc_schema_table *table =
			&gen->schema->tables[i];

		if (!gen_is_own(gen, table))
			continue;
		for (uint16_t j = 0; j < table->field_count; j++) {
			const struct fastipc_schema_field *field =
				&table->fields[j];
			const struct place place = {
				.way = way,
				.field = field,
				.table = gen->tables[i].name,
				.name = gen->tables[i].fields[j].accessor,
				.wide = gen_bool(gen_is_large(table)),
			};

			if (gen_is_deprecated(field))
				continue;
			if (gen_is_bytes(field))
				put_text(gen, &place);
			else
				puts[gen_kind(field)](gen, &place);
		}
	}
}

void emit_readers(struct gen *gen)
{
	emit_accessors(gen, &readers);
}

void emit_views(struct gen *gen)
{
	emit_accessors(gen, &views);
}
