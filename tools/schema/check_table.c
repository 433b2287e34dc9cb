// SPDX-License-Identifier: MIT
/*
 * Tables: the ids, types, defaults and attributes of their fields.
 */
#include <string.h>

#include "schema/check.h"

static bool is_float(uint8_t type)
{
	return type == FASTIPC_TYPE_F32 || type == FASTIPC_TYPE_F64;
}

uint8_t schema_scalar_type(const struct schema_type *type)
{
	if (type->is_vector)
		return SCHEMA_TYPE_NAMED;
	if (type->decl)
		return type->decl->kind == SCHEMA_ENUM
			       ? type->decl->type.builtin
			       : SCHEMA_TYPE_NAMED;
	return type->builtin <= FASTIPC_TYPE_F64 ? type->builtin
						 : SCHEMA_TYPE_NAMED;
}

/* ---- defaults ---- */

static void unknown_value(struct schema_reports *reports,
			  const struct schema_decl *decl,
			  const struct schema_token *token, const char *name)
{
	struct schema_guess guess;

	if (decl->broken ||
	    !schema_report(reports, token->place, "'%s' has no value '%.60s'",
			   decl->name.text, name))
		return;
	schema_guess_start(&guess, name);
	for (const struct schema_item *item = decl->items; item;
	     item = item->next)
		schema_guess_try(&guess, item->name.text);
	if (guess.best)
		schema_hint(reports, "did you mean '%s'?", guess.best);
	else
		schema_hint(reports, "add it to '%s', or name one it has",
			    decl->name.text);
}

/* "A", or of bit_flags "A B". */
static bool parse_enum_names(struct schema_reports *reports,
			     const struct schema_decl *decl,
			     const struct schema_token *token, uint64_t *bits)
{
	const char *text = token->text;
	bool is_flags = decl->flags & FASTIPC_ENUM_FLAGS;

	*bits = 0;
	do {
		size_t length = is_flags ? strcspn(text, " ") : strlen(text);
		char name[SCHEMA_NAME_MAX + 1];
		const struct schema_item *item;

		snprintf(name, sizeof(name), "%.*s",
			 length < sizeof(name) ? (int)length
					       : (int)sizeof(name) - 1,
			 text);
		item = schema_map_get(&decl->names, name);
		if (!item) {
			unknown_value(reports, decl, token, name);
			return false;
		}
		*bits |= item->bits;
		text += length;
		text += strspn(text, " ");
	} while (*text);
	return true;
}

static bool is_optional(const struct schema_item *item)
{
	return item->value.kind == SCHEMA_TOKEN_NAME &&
	       !strcmp(item->value.text, "null");
}

static void check_default(struct schema_tree *tree, struct schema_item *item)
{
	struct schema_reports *reports = tree->reports;
	const struct schema_decl *decl = item->type.decl;
	struct schema_token *value = &item->value;
	uint8_t type = schema_scalar_type(&item->type);

	if (type == SCHEMA_TYPE_NAMED) {
		if (value->kind == SCHEMA_TOKEN_END)
			return;
		schema_report(reports, value->place,
			      "only scalars have defaults");
		schema_hint(reports,
			    is_optional(item)
				    ? "remove '= null': this may be absent "
				      "without it"
				    : "remove it: what is absent can be told "
				      "from what is empty");
		return;
	}
	if (is_optional(item)) {
		item->flags |= FASTIPC_FIELD_OPTIONAL;
		return;
	}
	if (decl && (value->kind == SCHEMA_TOKEN_NAME ||
		     value->kind == SCHEMA_TOKEN_STRING)) {
		item->broken =
			!parse_enum_names(reports, decl, value, &item->bits);
		return;
	}
	if (value->kind == SCHEMA_TOKEN_STRING) {
		schema_report(reports, value->place,
			      "expected a number, found a string");
		schema_hint(reports, "write it without quotes");
		return;
	}
	if (value->kind == SCHEMA_TOKEN_END) {
		item->bits = 0;
	} else if (type == FASTIPC_TYPE_BOOL &&
		   value->kind == SCHEMA_TOKEN_NAME &&
		   (!strcmp(value->text, "true") ||
		    !strcmp(value->text, "false"))) {
		item->bits = value->text[0] == 't';
	} else if (is_float(type)) {
		item->broken =
			!schema_parse_float(reports, value, type, &item->bits);
	} else if (value->kind == SCHEMA_TOKEN_NAME) {
		schema_report(reports, value->place,
			      "expected %s, found '%.60s'",
			      type == FASTIPC_TYPE_BOOL ? "true or false"
							: "a number",
			      value->text);
		schema_hint(reports, "names are values of enums only");
		item->broken = true;
	} else {
		item->broken = !schema_parse_integer(reports, value,
						     schema_ranges[type].least,
						     schema_ranges[type].most,
						     &item->bits);
		item->bits = schema_cut(item->bits, type);
	}
	if (decl && !item->broken)
		schema_check_enum_default(reports, decl, item, false);
}

/* ---- tables ---- */

static bool is_union(const struct schema_item *item)
{
	return item->type.decl && item->type.decl->kind == SCHEMA_UNION;
}

struct ids {
	struct schema_item **taken; /* by id; of a union two */
	uint32_t limit;		    /* ids from 0 that a table can have */
	uint32_t free;		    /* none below is */
};

/* The lowest id that is free; of a union, that of the value. */
static uint32_t free_id(struct ids *ids, const struct schema_item *item)
{
	uint32_t id = ids->free, need = is_union(item) ? 2 : 1;

	while (id < ids->limit &&
	       (ids->taken[id] ||
		(need == 2 && id + 1 < ids->limit && ids->taken[id + 1])))
		id++;
	return id + need - 1;
}

static void take_place(struct ids *ids, struct schema_item *item, uint32_t id)
{
	if (id < ids->limit)
		ids->taken[id] = item;
	while (ids->free < ids->limit && ids->taken[ids->free])
		ids->free++;
}

static void check_id(struct schema_tree *tree, struct schema_decl *decl,
		     struct ids *ids, struct schema_item *item)
{
	uint32_t first = item->id - (is_union(item) ? 1 : 0);
	const struct schema_attribute *id =
		schema_find_attribute(item->attributes, "id");

	if (is_union(item) && !item->id) {
		schema_report(tree->reports, id->value.place,
			      "a union takes the id before its own too, for "
			      "its type: its id is 1 at least");
		schema_hint(
			tree->reports,
			"raise it by one, and those of the fields behind it");
		item->broken = true;
		return;
	}
	for (uint32_t i = first; i <= item->id && i < ids->limit; i++) {
		const struct schema_item *other = ids->taken[i];

		if (!other)
			continue;
		schema_report(tree->reports, id->value.place,
			      "the id %u of '%s' is taken by '%s', in line %u",
			      i, item->name.text, other->name.text,
			      other->name.place.line);
		schema_hint(tree->reports, "(id: %u) is free",
			    free_id(ids, item));
		item->broken = true;
		decl->broken = true;
		return;
	}
	take_place(ids, item, first);
	take_place(ids, item, item->id);
}

static void missing_id(struct schema_tree *tree, struct schema_decl *decl,
		       struct ids *ids, struct schema_item *item)
{
	uint32_t id;

	item->broken = true;
	decl->broken = true;
	if (!schema_report(tree->reports, item->name.place,
			   "expected an id for '%s'", item->name.text))
		return;
	id = free_id(ids, item);
	schema_hint(tree->reports, "(id: %u) is free%s", id,
		    is_union(item)
			    ? ", and the one before it, which its type has"
			    : "");
	if (is_union(item))
		take_place(ids, item, id - 1);
	take_place(ids, item, id);
}

/* Each id from 0 to the last one has to be there. */
static void check_gaps(struct schema_tree *tree, const struct schema_decl *decl,
		       const struct ids *ids)
{
	const struct schema_item *above = NULL;

	if (decl->broken)
		return;
	for (uint32_t i = 0; i < decl->item_count && !above; i++) {
		if (decl->sorted[i]->id >= ids->free)
			above = decl->sorted[i];
	}
	if (!above)
		return;
	schema_report(tree->reports, above->name.place,
		      "'%s' has the id %u, but none has the id %u",
		      above->name.text, above->id, ids->free);
	schema_hint(tree->reports,
		    "ids count from 0 without a gap, and a union has two: keep "
		    "a field that is no longer used, and add (deprecated)");
}

static void check_table_ids(struct schema_tree *tree, struct schema_decl *decl)
{
	struct ids ids = { .limit = 2 * decl->item_count };
	bool is_missing;

	ids.taken =
		schema_take(tree->arena, (ids.limit + 1) * sizeof(*ids.taken));
	for (struct schema_item *item = decl->items; item; item = item->next) {
		bool found = schema_take_id(tree->reports, item->attributes,
					    SCHEMA_COUNT_MAX - 1, &item->id,
					    &is_missing);

		if (found && !item->broken)
			check_id(tree, decl, &ids, item);
		else if (found)
			take_place(&ids, item, item->id);
		if (item->broken || (!found && !is_missing))
			decl->broken = true;
	}
	for (struct schema_item *item = decl->items; item; item = item->next) {
		if (!item->broken &&
		    !schema_find_attribute(item->attributes, "id"))
			missing_id(tree, decl, &ids, item);
	}
	schema_sort_items(tree, decl, schema_compare_ids);
	check_gaps(tree, decl, &ids);
}

static void check_contents(struct schema_tree *tree,
			   const struct schema_decl *decl,
			   const struct schema_item *item,
			   const struct schema_decl *inner)
{
	if ((decl->flags & FASTIPC_TABLE_LARGE) || !inner ||
	    inner->kind != SCHEMA_TABLE ||
	    !(inner->flags & FASTIPC_TABLE_LARGE))
		return;
	schema_report(tree->reports, item->type.name.place,
		      "'%s' is large, so '%s' has to be large too",
		      inner->qualified, decl->qualified);
	schema_hint(tree->reports, "write: table %s (large) { ... }",
		    decl->name.text);
}

static void check_field_flags(struct schema_tree *tree,
			      struct schema_item *item)
{
	struct schema_reports *reports = tree->reports;
	struct schema_attribute *list = item->attributes;
	const struct schema_decl *inner = item->type.decl;

	if (schema_take_flag(reports, list, "deprecated"))
		item->flags |= FASTIPC_FIELD_DEPRECATED;
	if (!schema_take_flag(reports, list, "required"))
		return;
	item->flags |= FASTIPC_FIELD_REQUIRED;
	if (schema_scalar_type(&item->type) != SCHEMA_TYPE_NAMED ||
	    (!item->type.is_vector && inner && inner->kind == SCHEMA_STRUCT)) {
		schema_report(reports, item->name.place,
			      "'%s' cannot be required: it is a %s",
			      item->name.text,
			      inner && inner->kind == SCHEMA_STRUCT ? "struct"
								    : "scalar");
		schema_hint(reports,
			    "only strings, vectors, tables and unions can be");
	}
	if (item->flags & FASTIPC_FIELD_DEPRECATED) {
		schema_report(reports, item->name.place,
			      "'%s' is required and deprecated: nobody could "
			      "write it",
			      item->name.text);
		schema_hint(reports, "remove one of the two");
	}
}

static void check_field(struct schema_tree *tree, struct schema_decl *decl,
			struct schema_item *item)
{
	const struct schema_decl *inner = item->type.decl;
	const struct schema_decl *same =
		schema_visible(tree, decl->space, item->name.text);

	if (same &&
	    (same->kind == SCHEMA_TABLE || same->kind == SCHEMA_STRUCT)) {
		schema_report(tree->reports, item->name.place,
			      "a field cannot have the name of the %s '%s'",
			      schema_kind_name(same->kind), same->qualified);
		schema_hint(tree->reports, "choose another name");
	}
	if (item->type.is_vector)
		item->flags |= FASTIPC_FIELD_VECTOR;
	if (item->type.is_vector && is_union(item)) {
		schema_report(tree->reports, item->type.name.place,
			      "a vector of unions");
		schema_hint(tree->reports, "put the union into a table, and "
					   "use a vector of these");
		item->broken = true;
	}
	check_default(tree, item);
	check_field_flags(tree, item);
	if (!is_union(item)) {
		check_contents(tree, decl, item, inner);
		return;
	}
	for (const struct schema_item *member = inner->items; member;
	     member = member->next)
		check_contents(tree, decl, item, member->type.decl);
}

/* flatc, and JSON, have names of their own for parts of a field. */
static void check_suffix(struct schema_tree *tree, struct schema_decl *decl,
			 const char *suffix,
			 bool (*has)(const struct schema_item *))
{
	size_t size = strlen(suffix);

	for (struct schema_item *item = decl->items; item; item = item->next) {
		size_t length = strlen(item->name.text);
		char base[SCHEMA_NAME_MAX + 1];
		const struct schema_item *owner;

		if (length <= size ||
		    strcmp(item->name.text + length - size, suffix) != 0)
			continue;
		snprintf(base, sizeof(base), "%.*s", (int)(length - size),
			 item->name.text);
		owner = schema_map_get(&decl->names, base);
		if (!owner || owner->broken || !has(owner))
			continue;
		schema_report(tree->reports, item->name.place,
			      "'%s' is a name that '%s', in line %u, has for "
			      "itself",
			      item->name.text, base, owner->name.place.line);
		schema_hint(tree->reports, "choose another name");
	}
}

static bool is_vector(const struct schema_item *item)
{
	return item->type.is_vector;
}

static bool is_string(const struct schema_item *item)
{
	return !item->type.is_vector &&
	       item->type.builtin == FASTIPC_TYPE_STRING;
}

static void check_suffixes(struct schema_tree *tree, struct schema_decl *decl)
{
	check_suffix(tree, decl, "_type", is_union);
	check_suffix(tree, decl, "Type", is_union);
	check_suffix(tree, decl, "_length", is_vector);
	check_suffix(tree, decl, "Length", is_vector);
	check_suffix(tree, decl, "_byte_vector", is_string);
	check_suffix(tree, decl, "ByteVector", is_string);
}

void schema_check_large(struct schema_tree *tree, struct schema_decl *decl)
{
	const struct schema_attribute *attribute =
		schema_find_attribute(decl->attributes, "large");

	if (!schema_take_flag(tree->reports, decl->attributes, "large"))
		return;
	decl->flags |= FASTIPC_TABLE_LARGE;
	if (attribute->declared)
		return;
	schema_report(tree->reports, attribute->name.place,
		      "the attribute 'large' is used before it is declared");
	schema_hint(tree->reports, "write above: attribute \"large\";");
}

/* Of a broken field, that is: it might be anything. */
static void check_nothing(struct schema_attribute *attribute)
{
	for (; attribute; attribute = attribute->next)
		attribute->used = true;
}

void schema_check_table(struct schema_tree *tree, struct schema_decl *decl)
{
	schema_check_builtin_name(tree, decl);
	schema_check_unused(tree->reports, decl->attributes, "a table");
	schema_check_names(tree, decl);
	for (struct schema_item *item = decl->items; item; item = item->next) {
		if (!item->broken)
			check_field(tree, decl, item);
		else
			check_nothing(item->attributes);
	}
	check_table_ids(tree, decl);
	check_suffixes(tree, decl);
	for (struct schema_item *item = decl->items; item; item = item->next)
		schema_check_unused(tree->reports, item->attributes,
				    "a field of a table");
}

/* ---- required tables ---- */

static bool requires_table(const struct schema_item *item)
{
	return (item->flags & FASTIPC_FIELD_REQUIRED) && !item->broken &&
	       !item->type.is_vector && item->type.decl &&
	       item->type.decl->kind == SCHEMA_TABLE;
}

/* A field through which a table may require itself, NULL if none is left. */
static const struct schema_item *endless(const struct schema_decl *decl)
{
	for (const struct schema_item *item = decl->items; item;
	     item = item->next) {
		if (requires_table(item) && item->type.decl->pending)
			return item;
	}
	return NULL;
}

void schema_check_required(struct schema_tree *tree)
{
	bool changed = true;
	uint32_t rounds = 0;

	for (struct schema_decl *decl = tree->first; decl; decl = decl->next)
		decl->pending = decl->kind == SCHEMA_TABLE;
	/* A record may have 64 levels: what has more is as good as endless. */
	while (changed && rounds++ < 64) {
		changed = false;
		for (struct schema_decl *decl = tree->first; decl;
		     decl = decl->next) {
			if (decl->pending && !endless(decl)) {
				decl->pending = 0;
				changed = true;
			}
		}
	}
	for (struct schema_decl *decl = tree->first; decl; decl = decl->next) {
		if (!decl->pending)
			continue;
		schema_report(tree->reports, endless(decl)->name.place,
			      "no '%s' can be written: what it requires here "
			      "requires more without end",
			      decl->qualified);
		schema_hint(tree->reports, "remove a 'required'");
	}
}
