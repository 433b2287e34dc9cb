// SPDX-License-Identifier: MIT
/*
 * What a schema has to be beyond its syntax: enums, unions, structs, services;
 * check_table.c has the tables.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_integer(uint8_t type)
{
	return type >= FASTIPC_TYPE_I8 && type <= FASTIPC_TYPE_U64;
}

/* ---- enums and unions ---- */

void schema_check_builtin_name(struct schema_tree *tree,
			       const struct schema_decl *decl)
{
	if (schema_builtin_type(decl->name.text) == SCHEMA_TYPE_NAMED)
		return;
	schema_report(tree->reports, decl->name.place,
		      "'%s' is the name of a type already", decl->name.text);
	schema_hint(tree->reports, "choose another name");
}

void schema_check_names(struct schema_tree *tree, struct schema_decl *decl)
{
	decl->names.arena = tree->arena;
	for (struct schema_item *item = decl->items; item; item = item->next) {
		const struct schema_item *before =
			schema_map_get(&decl->names, item->name.text);

		if (!before) {
			schema_map_set(&decl->names, item->name.text, item);
			continue;
		}
		schema_report(tree->reports, item->name.place,
			      "'%s' is there twice in '%s'", item->name.text,
			      decl->name.text);
		schema_hint(tree->reports, "the first one is in line %u",
			    before->name.place.line);
	}
}

static int compare_bits(const void *left, const void *right)
{
	const struct schema_item *a = *(struct schema_item *const *)left;
	const struct schema_item *b = *(struct schema_item *const *)right;

	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return a->name.place.offset < b->name.place.offset ? -1 : 1;
}

int schema_compare_ids(const void *left, const void *right)
{
	const struct schema_item *a = *(struct schema_item *const *)left;
	const struct schema_item *b = *(struct schema_item *const *)right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->name.place.offset < b->name.place.offset ? -1 : 1;
}

void schema_sort_items(struct schema_tree *tree, struct schema_decl *decl,
		       int (*compare)(const void *, const void *))
{
	uint32_t count = 0;

	decl->sorted = schema_take(tree->arena, (decl->item_count + 1) *
							sizeof(*decl->sorted));
	for (struct schema_item *item = decl->items; item; item = item->next)
		decl->sorted[count++] = item;
	qsort(decl->sorted, count, sizeof(*decl->sorted), compare);
}

/* Of two items with one value, or id, the second is reported: none may be. */
static bool check_unique(struct schema_tree *tree,
			 const struct schema_decl *decl, bool by_id)
{
	bool is_unique = true;

	for (uint32_t i = 1; i < decl->item_count; i++) {
		const struct schema_item *item = decl->sorted[i];
		const struct schema_item *before = decl->sorted[i - 1];

		if (by_id ? item->id != before->id || item->broken ||
				    before->broken
			  : item->bits != before->bits)
			continue;
		is_unique = false;
		schema_report(tree->reports, item->name.place,
			      "'%s' has the %s of '%s', in line %u",
			      item->name.text, by_id ? "id" : "value",
			      before->name.text, before->name.place.line);
		schema_hint(tree->reports, "give it another one");
	}
	return is_unique;
}

/* The value that a name without one has: one more than the one before. */
static bool count_on(struct schema_tree *tree, const struct schema_item *item,
		     uint64_t most, uint64_t *value)
{
	if (*value == most) {
		schema_report(tree->reports, item->name.place,
			      "the value of '%s' would be above %llu",
			      item->name.text, (unsigned long long)most);
		schema_hint(tree->reports, "give it a smaller value");
		return false;
	}
	++*value;
	return true;
}

static void check_values(struct schema_tree *tree, struct schema_decl *decl,
			 int64_t least, uint64_t most, bool is_flags)
{
	/* A union's begin with 1. */
	uint64_t value = decl->kind == SCHEMA_ENUM ? UINT64_MAX : 0;

	for (struct schema_item *item = decl->items; item; item = item->next) {
		bool is_first = item == decl->items;

		if (item->value.kind != SCHEMA_TOKEN_END) {
			if (!schema_parse_integer(tree->reports, &item->value,
						  least, most, &value))
				decl->broken = true;
		} else if (is_first && decl->kind == SCHEMA_ENUM) {
			value = 0;
		} else if (!count_on(tree, item, most, &value)) {
			decl->broken = true;
		}
		item->bits = is_flags ? UINT64_C(1) << (value & 63)
			     : decl->kind == SCHEMA_ENUM
				     ? schema_cut(value, decl->type.builtin)
				     : value;
	}
	schema_sort_items(tree, decl, compare_bits);
	if (!decl->broken)
		check_unique(tree, decl, false);
	if (!decl->items && !decl->broken) {
		schema_report(tree->reports, decl->name.place,
			      "expected at least one %s in '%s'",
			      decl->kind == SCHEMA_ENUM ? "value" : "table",
			      decl->name.text);
		schema_hint(tree->reports, "write one between { and }");
	}
}

static void check_enum(struct schema_tree *tree, struct schema_decl *decl)
{
	struct schema_reports *reports = tree->reports;
	uint8_t type = decl->type.builtin;
	bool is_flags =
		schema_take_flag(reports, decl->attributes, "bit_flags");

	schema_check_builtin_name(tree, decl);
	schema_check_unused(reports, decl->attributes, "an enum");
	schema_check_names(tree, decl);
	if (!decl->type.name.text)
		return;
	if (type == SCHEMA_TYPE_NAMED || !is_integer(type)) {
		schema_report(reports, decl->type.name.place,
			      "expected an integer type, found '%s'",
			      decl->type.name.text);
		schema_hint(reports, "an enum is one of byte, ubyte, short, "
				     "ushort, int, uint, long, ulong");
		decl->type.builtin = FASTIPC_TYPE_U64;
		decl->broken = true;
		return;
	}
	decl->flags = is_flags ? FASTIPC_ENUM_FLAGS : 0;
	if (is_flags && schema_ranges[type].least) {
		schema_report(reports, decl->type.name.place,
			      "expected an unsigned type for bit_flags, found "
			      "'%s'",
			      decl->type.name.text);
		schema_hint(reports, "write 'u%s'", decl->type.name.text);
	}
	if (is_flags)
		check_values(tree, decl, 0,
			     8 * schema_type_size(NULL, type, 0) - 1, true);
	else
		check_values(tree, decl, schema_ranges[type].least,
			     schema_ranges[type].most, false);
}

static void check_union(struct schema_tree *tree, struct schema_decl *decl)
{
	struct schema_reports *reports = tree->reports;

	schema_check_builtin_name(tree, decl);
	schema_check_unused(reports, decl->attributes, "a union");
	schema_check_names(tree, decl);
	for (struct schema_item *item = decl->items; item; item = item->next) {
		const struct schema_type *type = &item->type;

		if (!strcmp(item->name.text, "NONE")) {
			schema_report(reports, item->name.place,
				      "NONE is what a union is that has none");
			schema_hint(
				reports,
				"remove it: it is there without being written");
		}
		if (item->broken ||
		    (type->decl && type->decl->kind == SCHEMA_TABLE))
			continue;
		schema_report(reports, type->name.place,
			      "expected a table, found the %s '%s'",
			      type->decl ? schema_kind_name(type->decl->kind)
					 : "type",
			      type->name.text);
		schema_hint(reports, "put it into a table of its own");
		item->broken = true;
	}
	check_values(tree, decl, 1, 255, false);
}

void schema_check_enum_default(struct schema_reports *reports,
			       const struct schema_decl *decl,
			       const struct schema_item *item, bool in_struct)
{
	uint32_t low = 0, high = decl->item_count;
	bool is_written = item->value.kind != SCHEMA_TOKEN_END;

	if (decl->broken || !decl->items || (decl->flags & FASTIPC_ENUM_FLAGS))
		return;
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (decl->sorted[middle]->bits < item->bits)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < decl->item_count && decl->sorted[low]->bits == item->bits)
		return;
	schema_report(reports,
		      is_written ? item->value.place : item->name.place,
		      "'%s' has no value %s, which is the default of '%s'",
		      decl->name.text, is_written ? item->value.text : "0",
		      item->name.text);
	if (in_struct)
		schema_hint(reports, "add a value 0");
	else if (!is_written)
		schema_hint(reports,
			    "write a default as in '= %s', or add a value 0",
			    decl->items->name.text);
	else
		schema_hint(reports, "write the name of one that it has");
}

/* ---- structs ---- */

static void check_struct_field(struct schema_tree *tree,
			       struct schema_decl *decl,
			       struct schema_item *item)
{
	struct schema_reports *reports = tree->reports;
	const struct schema_type *type = &item->type;
	const struct schema_decl *inner = type->decl;
	uint32_t size = 0;

	if (item->value.kind != SCHEMA_TOKEN_END) {
		schema_report(reports, item->value.place,
			      "a field of a struct has no default");
		schema_hint(reports, "remove it, or make '%s' a table",
			    decl->name.text);
	}
	if (type->is_vector || type->builtin == FASTIPC_TYPE_STRING ||
	    (inner &&
	     (inner->kind == SCHEMA_TABLE || inner->kind == SCHEMA_UNION))) {
		schema_report(reports, type->name.place,
			      "a struct has only scalars, enums and structs");
		schema_hint(reports, "make '%s' a table", decl->name.text);
		return;
	}
	if (!inner) {
		size = schema_type_size(NULL, type->builtin, 0);
	} else if (inner->kind == SCHEMA_ENUM) {
		size = schema_type_size(NULL, inner->type.builtin, 0);
		schema_check_enum_default(reports, inner, item, true);
	} else if (inner == decl) {
		schema_report(reports, type->name.place,
			      "'%s' would contain itself", decl->name.text);
		schema_hint(reports, "make it a table");
	} else if (inner->order > decl->order) {
		schema_report(reports, type->name.place,
			      "'%s' is used before it is declared, in line %u",
			      type->name.text, inner->name.place.line);
		schema_hint(reports, "move its declaration up");
	} else {
		size = inner->size;
		if (inner->depth >= decl->depth)
			decl->depth = inner->depth + 1;
	}
	item->offset = decl->size;
	decl->size += size;
	if (decl->size > UINT16_MAX) {
		if (!decl->flags) {
			schema_report(reports, item->name.place,
				      "the struct '%s' is larger than 65,535 "
				      "bytes from here on",
				      decl->name.text);
			schema_hint(reports,
				    "put some of it into a table, as a vector");
		}
		decl->flags = 1; /* said once */
		decl->size = UINT16_MAX;
	}
}

static void check_struct(struct schema_tree *tree, struct schema_decl *decl)
{
	uint32_t id = 0;

	schema_check_builtin_name(tree, decl);
	schema_check_unused(tree->reports, decl->attributes, "a struct");
	schema_check_names(tree, decl);
	decl->depth = 1;
	for (struct schema_item *item = decl->items; item; item = item->next) {
		schema_check_unused(tree->reports, item->attributes,
				    "a field of a struct");
		item->id = id++;
		item->bit = item->presence = item->variable =
			FASTIPC_SCHEMA_NONE;
		if (!item->broken)
			check_struct_field(tree, decl, item);
	}
	decl->flags = 0;
	if (decl->depth > SCHEMA_STRUCT_DEPTH_MAX) {
		schema_report(tree->reports, decl->name.place,
			      "structs are in each other more than %u deep",
			      SCHEMA_STRUCT_DEPTH_MAX);
		schema_hint(
			tree->reports,
			"put the fields of some of them into the struct that has them");
	}
	if (!decl->items && !decl->broken) {
		schema_report(tree->reports, decl->name.place,
			      "expected at least one field in the struct '%s'",
			      decl->name.text);
		schema_hint(tree->reports,
			    "write one between { and }, as in: x: int;");
	}
	schema_sort_items(tree, decl, schema_compare_ids);
}

/* ---- services ---- */

static void check_method_table(struct schema_tree *tree,
			       struct schema_item *item,
			       const struct schema_type *type)
{
	if (item->broken || (type->decl && type->decl->kind == SCHEMA_TABLE))
		return;
	schema_report(tree->reports, type->name.place,
		      "expected a table, found the %s '%s'",
		      type->decl ? schema_kind_name(type->decl->kind) : "type",
		      type->name.text);
	schema_hint(tree->reports, "put it into a table of its own");
}

static void check_streaming(struct schema_tree *tree, struct schema_item *item)
{
	static const struct {
		const char *value;
		uint8_t flags;
	} values[] = {
		{ "client", FASTIPC_METHOD_CLIENT_STREAM },
		{ "server", FASTIPC_METHOD_SERVER_STREAM },
		{ "bidi",
		  FASTIPC_METHOD_CLIENT_STREAM | FASTIPC_METHOD_SERVER_STREAM },
		{ "none", 0 },
	};
	const struct schema_attribute *streaming = schema_take_attribute(
		tree->reports, item->attributes, "streaming");

	if (!streaming)
		return;
	for (size_t i = 0; i < COUNT(values); i++) {
		if (streaming->value.kind == SCHEMA_TOKEN_STRING &&
		    !strcmp(streaming->value.text, values[i].value)) {
			item->flags |= values[i].flags;
			return;
		}
	}
	schema_report(tree->reports, streaming->name.place,
		      "expected \"client\", \"server\", \"bidi\" or \"none\" "
		      "for 'streaming'");
	schema_hint(tree->reports,
		    "write it as in: (id: 0, streaming: \"server\")");
}

static void check_method(struct schema_tree *tree, struct schema_decl *decl,
			 struct schema_item *item, uint32_t *free)
{
	struct schema_reports *reports = tree->reports;
	bool is_missing;

	if (item->broken) {
		decl->broken = true;
		return;
	}
	check_method_table(tree, item, &item->type);
	check_method_table(tree, item, &item->response);
	check_streaming(tree, item);
	if (schema_take_flag(reports, item->attributes, "idempotent"))
		item->flags |= FASTIPC_METHOD_IDEMPOTENT;
	if (!schema_take_id(reports, item->attributes, 255, &item->id,
			    &is_missing)) {
		if (is_missing) {
			schema_report(reports, item->name.place,
				      "expected an id for '%s'",
				      item->name.text);
			schema_hint(reports, "(id: %u) is free", *free);
			++*free;
		}
		item->broken = true;
		decl->broken = true;
	}
	schema_check_unused(reports, item->attributes, "a method");
}

static void check_service(struct schema_tree *tree, struct schema_decl *decl)
{
	struct schema_reports *reports = tree->reports;
	uint32_t free = 0;
	bool is_missing;

	schema_check_builtin_name(tree, decl);
	if (!schema_take_id(reports, decl->attributes, 254, &decl->id,
			    &is_missing)) {
		if (is_missing && !decl->is_cut) {
			schema_report(reports, decl->name.place,
				      "expected an id for '%s'",
				      decl->name.text);
			schema_hint(reports,
				    "write: rpc_service %s (id: %u) "
				    "{ ... }",
				    decl->name.text, decl->index);
		}
		decl->broken = true;
		decl->id = UINT32_MAX;
	}
	schema_check_unused(reports, decl->attributes, "an rpc_service");
	schema_check_names(tree, decl);
	/* Above all that are taken: gaps may have been used before. */
	for (struct schema_item *item = decl->items; item; item = item->next) {
		const struct schema_attribute *id =
			schema_find_attribute(item->attributes, "id");
		uint64_t value;

		if (id && id->value.kind == SCHEMA_TOKEN_NUMBER &&
		    schema_parse_plain(id->value.text, &value) && value < 255 &&
		    value >= free)
			free = (uint32_t)value + 1;
	}
	for (struct schema_item *item = decl->items; item; item = item->next)
		check_method(tree, decl, item, &free);
	if (!decl->items && !decl->broken) {
		schema_report(reports, decl->name.place,
			      "expected at least one method in '%s'",
			      decl->name.text);
		schema_hint(
			reports,
			"write one between { and }, as in: Find(Query):Found (id: 0);");
	}
	schema_sort_items(tree, decl, schema_compare_ids);
	check_unique(tree, decl, true);
}

/* Message types are made of them. */
static void check_service_ids(struct schema_tree *tree)
{
	const struct schema_decl *taken[255] = { NULL };

	for (struct schema_decl *decl = tree->first; decl; decl = decl->next) {
		if (decl->kind != SCHEMA_SERVICE || decl->id > 254)
			continue;
		if (!taken[decl->id]) {
			taken[decl->id] = decl;
			continue;
		}
		schema_report(tree->reports, decl->name.place,
			      "'%s' has the id of the rpc_service '%s'",
			      decl->qualified, taken[decl->id]->qualified);
		schema_hint(tree->reports, "it is at %s:%u",
			    taken[decl->id]->file->public.path,
			    taken[decl->id]->name.place.line);
	}
}

/* ---- all ---- */

void schema_check_all(struct schema_tree *tree)
{
	struct schema_decl *decl;

	/* Tables want to know all others, and which tables are large. */
	for (decl = tree->first; decl; decl = decl->next) {
		if (decl->kind == SCHEMA_ENUM)
			check_enum(tree, decl);
		else if (decl->kind == SCHEMA_UNION)
			check_union(tree, decl);
		else if (decl->kind == SCHEMA_TABLE)
			schema_check_large(tree, decl);
	}
	for (decl = tree->first; decl; decl = decl->next) {
		if (decl->kind == SCHEMA_STRUCT)
			check_struct(tree, decl);
		else if (decl->kind == SCHEMA_TABLE)
			schema_check_table(tree, decl);
		else if (decl->kind == SCHEMA_SERVICE)
			check_service(tree, decl);
	}
	check_service_ids(tree);
	schema_check_required(tree);
}
