// SPDX-License-Identifier: MIT
/*
 * Where the fields of a table are: "The fixed section" of fastipc_codec(7).
 */
#include "schema/check.h"

#define SMALL_FIXED 1023u
#define SMALL_VARIABLES 63u
#define LARGE_FIXED 65535u
#define LARGE_VARIABLES 4096u

struct section {
	uint32_t size;
	uint32_t bit; /* the next one of the newest byte of bits */
	uint32_t variables;
};

static uint32_t take_bit(struct section *section)
{
	if (section->bit % 8 == 0)
		section->bit = 8 * section->size++;
	return section->bit++;
}

static uint32_t take_bytes(struct section *section, uint32_t size)
{
	uint32_t offset = section->size;

	section->size += size;
	return offset;
}

static void place_field(struct section *section, struct schema_item *item)
{
	const struct schema_decl *decl = item->type.decl;
	uint8_t type = schema_scalar_type(&item->type);

	item->offset = FASTIPC_SCHEMA_NONE;
	item->bit = FASTIPC_SCHEMA_NONE;
	item->presence = FASTIPC_SCHEMA_NONE;
	item->variable = FASTIPC_SCHEMA_NONE;
	if (item->flags & FASTIPC_FIELD_OPTIONAL)
		item->presence = take_bit(section);
	if (type == FASTIPC_TYPE_BOOL) {
		item->bit = take_bit(section);
	} else if (type != SCHEMA_TYPE_NAMED) {
		item->offset =
			take_bytes(section, schema_type_size(NULL, type, 0));
	} else if (item->type.is_vector || !decl ||
		   decl->kind == SCHEMA_TABLE) {
		item->presence = take_bit(section);
		item->variable = section->variables++;
	} else if (decl->kind == SCHEMA_STRUCT) {
		item->presence = take_bit(section);
		item->offset = take_bytes(section, decl->size);
	} else {
		item->offset = take_bytes(section, 1);
		item->variable = section->variables++;
	}
}

/* A field that does not fit any more; the first one is told. */
static bool does_not_fit(struct schema_tree *tree,
			 const struct schema_decl *decl,
			 const struct schema_item *item,
			 const struct section *section)
{
	bool is_large = decl->flags & FASTIPC_TABLE_LARGE;
	uint32_t size = is_large ? LARGE_FIXED : SMALL_FIXED;
	uint32_t variables = is_large ? LARGE_VARIABLES : SMALL_VARIABLES;

	if (section->size > size) {
		schema_report(tree->reports, item->name.place,
			      "with '%s' the scalars and structs of '%s' have "
			      "%u bytes: at most %u are allowed",
			      item->name.text, decl->name.text, section->size,
			      size);
		schema_hint(tree->reports,
			    "put some of them into a table of their own");
	} else if (section->variables > variables) {
		schema_report(tree->reports, item->name.place,
			      "'%s' is variable field %u of '%s': at most %u "
			      "are allowed",
			      item->name.text, section->variables,
			      decl->name.text, variables);
		schema_hint(tree->reports,
			    "put some of them into a table of their own");
	} else if (section->bit > FASTIPC_SCHEMA_NONE)
		schema_report(tree->reports, item->name.place,
			      "the bit of '%s' would be number %u of '%s': at "
			      "most %u are allowed",
			      item->name.text, section->bit - 1,
			      decl->name.text, FASTIPC_SCHEMA_NONE - 1);
	else
		return false;
	schema_hint(tree->reports,
		    section->size > size || section->variables > variables
			    ? "move fields to a table of their own%s"
			    : "give bools, optional and variable fields lower "
			      "ids than structs%s",
		    is_large ? "" : ", or make the table (large)");
	return true;
}

static void place_table(struct schema_tree *tree, struct schema_decl *decl)
{
	struct section section = { 0 };

	for (uint32_t i = 0; i < decl->item_count; i++) {
		struct schema_item *item = decl->sorted[i];

		if (item->broken)
			return;
		place_field(&section, item);
		if (does_not_fit(tree, decl, item, &section))
			return;
	}
	decl->size = section.size;
	decl->variables = section.variables;
}

void schema_layout(struct schema_tree *tree)
{
	for (struct schema_decl *decl = tree->first; decl; decl = decl->next) {
		if (decl->kind == SCHEMA_TABLE && !decl->broken)
			place_table(tree, decl);
	}
}
