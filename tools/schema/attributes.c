// SPDX-License-Identifier: MIT
/*
 * Attributes: those that a declaration or an item may have are taken; what is
 * left is an error.
 */
#include <string.h>

#include "schema/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What flatc knows and the subset has not, and what to do instead. */
static const struct {
	const char *name;
	const char *instead;
} foreign_attributes[] = {
	{ "key", "remove it: sort and search in the program" },
	{ "nested_flatbuffer", "use the table itself as the type, or remove it "
			       "to keep the bytes" },
	{ "flexbuffer", "remove it to keep the bytes" },
	{ "force_align", "remove it: nothing is aligned in a message" },
	{ "original_order", "remove it: fields are always in order of id" },
	{ "hash", "remove it: hash in the program" },
	{ "shared", "remove it: a string is stored where it is used" },
	{ "private", "remove it" },
	{ "csharp_partial", "remove it: it is about generated C#" },
	{ "native_inline", "remove it: it is about generated C++" },
	{ "native_default", "remove it: it is about generated C++" },
	{ "native_custom_alloc", "remove it: it is about generated C++" },
	{ "native_type", "remove it: it is about generated C++" },
	{ "native_type_pack_name", "remove it: it is about generated C++" },
	{ "cpp_type", "remove it: it is about generated C++" },
	{ "cpp_ptr_type", "remove it: it is about generated C++" },
	{ "cpp_ptr_type_get", "remove it: it is about generated C++" },
	{ "cpp_str_type", "remove it: it is about generated C++" },
	{ "cpp_str_flex_ctor", "remove it: it is about generated C++" },
};

/* Ours; flatc wants those to be declared that it does not know. */
static const struct {
	const char *name;
	const char *on;
	bool declared;
} attributes[] = {
	{ "id", "a field of a table, an rpc_service, or a method", true },
	{ "required", "a field of a table", true },
	{ "deprecated", "a field of a table", true },
	{ "bit_flags", "an enum", true },
	{ "large", "a table", false },
	{ "streaming", "a method", true },
	{ "idempotent", "a method", true },
};

static void unknown_attribute(struct schema_reports *reports,
			      const struct schema_attribute *attribute)
{
	const char *name = attribute->name.text;
	struct schema_guess guess;

	for (size_t i = 0; i < COUNT(foreign_attributes); i++) {
		if (strcmp(foreign_attributes[i].name, name) != 0)
			continue;
		schema_report(reports, attribute->name.place,
			      "the attribute '%s' is not in the subset", name);
		schema_hint(reports, "%s", foreign_attributes[i].instead);
		return;
	}
	if (attribute->declared) {
		schema_note(reports, attribute->name.place,
			    "the attribute '%s' has no effect", name);
		return;
	}
	schema_report(reports, attribute->name.place,
		      "there is no attribute '%s'", name);
	schema_guess_start(&guess, name);
	for (size_t i = 0; i < COUNT(attributes); i++)
		schema_guess_try(&guess, attributes[i].name);
	if (guess.best)
		schema_hint(reports, "did you mean '%s'?", guess.best);
	else
		schema_hint(reports,
			    "if it is one of yours, declare it before:"
			    " attribute \"%s\";",
			    name);
}

void schema_check_unused(struct schema_reports *reports,
			 const struct schema_attribute *attribute,
			 const char *owner)
{
	for (; attribute; attribute = attribute->next) {
		const char *on = NULL;

		if (attribute->used)
			continue;
		for (size_t i = 0; i < COUNT(attributes); i++) {
			if (!strcmp(attributes[i].name, attribute->name.text))
				on = attributes[i].on;
		}
		if (!on) {
			unknown_attribute(reports, attribute);
			continue;
		}
		schema_report(reports, attribute->name.place,
			      "the attribute '%s' cannot be on %s",
			      attribute->name.text, owner);
		schema_hint(reports, "it is for %s", on);
	}
}

const struct schema_attribute *
schema_find_attribute(const struct schema_attribute *list, const char *name)
{
	while (list && strcmp(list->name.text, name) != 0)
		list = list->next;
	return list;
}

const struct schema_attribute *
schema_take_attribute(struct schema_reports *reports,
		      struct schema_attribute *list, const char *name)
{
	const struct schema_attribute *found = NULL;

	for (; list; list = list->next) {
		if (strcmp(list->name.text, name) != 0)
			continue;
		if (found) {
			schema_report(reports, list->name.place,
				      "a second '%s'", name);
			schema_hint(reports, "remove one of them");
		}
		list->used = true;
		found = list;
	}
	return found;
}

bool schema_take_flag(struct schema_reports *reports,
		      struct schema_attribute *list, const char *name)
{
	const struct schema_attribute *found =
		schema_take_attribute(reports, list, name);

	if (found && found->value.kind != SCHEMA_TOKEN_END) {
		schema_report(reports, found->value.place,
			      "'%s' has no value: expected ',' or ')'", name);
		schema_hint(reports, "remove ':' and what follows");
	}
	return found != NULL;
}

bool schema_take_id(struct schema_reports *reports,
		    struct schema_attribute *list, uint32_t most, uint32_t *id,
		    bool *is_missing)
{
	const struct schema_attribute *found =
		schema_take_attribute(reports, list, "id");
	uint64_t value;

	*is_missing = !found;
	if (!found)
		return false;
	if (found->value.kind != SCHEMA_TOKEN_NUMBER) {
		schema_report(reports, found->name.place,
			      "expected a number for 'id', as in (id: 0)");
		schema_hint(reports, "write a number, without quotes");
		return false;
	}
	if (!schema_parse_integer(reports, &found->value, 0, most, &value))
		return false;
	*id = (uint32_t)value;
	return true;
}
