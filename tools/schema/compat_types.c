// SPDX-License-Identifier: MIT
/*
 * Pairs of types: what of the new one breaks what of the old one.
 */
#include <inttypes.h>
#include <string.h>

#include "schema/comparison.h"
#include "schema/schema.h"

/* ---- fields ---- */

/* The kind of what a field refers to; SCHEMA_KINDS if it is nothing. */
static enum schema_kind kind_of(const struct fastipc_schema_field *field)
{
	switch (field->type) {
	case FASTIPC_TYPE_STRUCT:
		return SCHEMA_STRUCT;
	case FASTIPC_TYPE_TABLE:
		return SCHEMA_TABLE;
	case FASTIPC_TYPE_UNION:
		return SCHEMA_UNION;
	default:
		return field->ref == FASTIPC_SCHEMA_NONE ? SCHEMA_KINDS
							 : SCHEMA_ENUM;
	}
}

/* "[a.b.Item]" */
static const char *describe(struct comparison *comparison,
			    const struct fastipc_schema *schema,
			    const struct fastipc_schema_field *field)
{
	enum schema_kind kind = kind_of(field);
	const char *name = kind == SCHEMA_KINDS
				   ? schema_type_name(field->type)
				   : compat_name_of(schema, kind, field->ref);
	char text[SCHEMA_NAME_MAX + 8];
	int length = snprintf(
		text, sizeof(text),
		field->flags & FASTIPC_FIELD_VECTOR ? "[%s]" : "%s", name);

	return schema_take_text(&comparison->arena, text, (size_t)length);
}

static bool same_class(const struct fastipc_schema_field *before,
		       const struct fastipc_schema_field *now)
{
	/* Enums of one name are told apart where they are declared. */
	return (before->type == now->type || (kind_of(before) == SCHEMA_ENUM &&
					      kind_of(now) == SCHEMA_ENUM)) &&
	       !((before->flags ^ now->flags) & FASTIPC_FIELD_VECTOR);
}

static void compare_types(struct comparison *comparison, const char *owner,
			  const struct fastipc_schema_field *before,
			  const struct fastipc_schema_field *now)
{
	const char *was =
		describe(comparison, comparison->before.schema, before);
	const char *is = describe(comparison, comparison->now.schema, now);
	enum schema_kind kind = kind_of(now);

	if (!same_class(before, now)) {
		compat_find(comparison, SCHEMA_LEVEL_WIRE, before->line,
			    now->line, "the type of '%s.%s' was %s, and is %s",
			    owner, now->name, was, is);
		return;
	}
	if (kind_of(before) != kind) {
		compat_find(
			comparison, SCHEMA_LEVEL_JSON, before->line, now->line,
			"the type of '%s.%s' was %s, and is %s: the same bytes",
			owner, now->name, was, is);
		return;
	}
	if (kind == SCHEMA_KINDS)
		return;
	/* That a type has another name is told where it is declared. */
	if (strcmp(was, is) != 0 &&
	    compat_find_type(comparison->now.schema, kind,
			     compat_name_of(comparison->before.schema, kind,
					    before->ref)) !=
		    FASTIPC_SCHEMA_NONE)
		compat_find(comparison, SCHEMA_LEVEL_SOURCE, before->line,
			    now->line, "the type of '%s.%s' was %s, and is %s",
			    owner, now->name, was, is);
	compat_add_pair(comparison, kind, before->ref, now->ref);
}

static void compare_flags(struct comparison *comparison, const char *owner,
			  const struct fastipc_schema_field *before,
			  const struct fastipc_schema_field *now)
{
	uint8_t changed = before->flags ^ now->flags;

	if (changed & FASTIPC_FIELD_OPTIONAL)
		compat_find(comparison, SCHEMA_LEVEL_WIRE, before->line,
			    now->line, "'%s.%s' %s = null", owner, now->name,
			    now->flags & FASTIPC_FIELD_OPTIONAL ? "was not"
								: "was");
	if (changed & FASTIPC_FIELD_REQUIRED)
		compat_find(
			comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
			now->flags & FASTIPC_FIELD_REQUIRED
				? "'%s.%s' is required now: messages that have "
				  "it not are refused"
				: "'%s.%s' is not required now: old readers "
				  "refuse messages without it",
			owner, now->name);
	if ((changed & FASTIPC_FIELD_DEPRECATED) &&
	    (now->flags & FASTIPC_FIELD_DEPRECATED))
		compat_find(comparison, SCHEMA_LEVEL_SOURCE, before->line,
			    now->line,
			    "'%s.%s' is deprecated now: it has no accessors",
			    owner, now->name);
}

static const struct fastipc_schema_field *
find_field(const struct fastipc_schema_field *fields, uint16_t count,
	   const char *name)
{
	for (uint16_t i = 0; i < count; i++) {
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	}
	return NULL;
}

static void compare_field(struct comparison *comparison, const char *owner,
			  const struct fastipc_schema_field *before,
			  const struct fastipc_schema_field *now)
{
	bool has_default =
		now->type <= FASTIPC_TYPE_F64 &&
		!(now->flags & (FASTIPC_FIELD_OPTIONAL | FASTIPC_FIELD_VECTOR));

	compare_types(comparison, owner, before, now);
	compare_flags(comparison, owner, before, now);
	if (has_default && before->type == now->type &&
	    before->flags == now->flags &&
	    before->default_bits != now->default_bits)
		compat_find(comparison, SCHEMA_LEVEL_WIRE, before->line,
			    now->line,
			    "the default of '%s.%s' was 0x%" PRIx64
			    ", and is 0x%" PRIx64
			    ": it is part of what is sent",
			    owner, now->name, before->default_bits,
			    now->default_bits);
}

/* A name that is not where it was: renamed, or another field altogether. */
static void compare_names(struct comparison *comparison, const char *owner,
			  const struct fastipc_schema_field *before,
			  const struct fastipc_schema_field *now,
			  const struct fastipc_schema_field *moved)
{
	if (!strcmp(before->name, now->name))
		return;
	if (moved)
		compat_find(comparison, SCHEMA_LEVEL_WIRE, before->line,
			    moved->line, "'%s.%s' has moved from %u to %u",
			    owner, before->name, before->id, moved->id);
	else
		compat_find(comparison, SCHEMA_LEVEL_JSON, before->line,
			    now->line, "'%s.%s' is called '%s' now", owner,
			    before->name, now->name);
}

/* ---- types ---- */

static void compare_renamed(struct comparison *comparison,
			    const struct pair *pair, uint32_t old_line,
			    uint32_t new_line)
{
	const char *was = compat_name_of(comparison->before.schema, pair->kind,
					 pair->before);
	const char *is =
		compat_name_of(comparison->now.schema, pair->kind, pair->now);

	/* If there is still one of that name, the use of another is told. */
	if (strcmp(was, is) != 0 &&
	    compat_find_type(comparison->now.schema, pair->kind, was) ==
		    FASTIPC_SCHEMA_NONE)
		compat_find(comparison, SCHEMA_LEVEL_SOURCE, old_line, new_line,
			    "the %s '%s' is called '%s' now",
			    schema_kind_name(pair->kind), was, is);
}

static void compare_tables(struct comparison *comparison,
			   const struct pair *pair)
{
	const struct fastipc_schema_table *before =
		&comparison->before.schema->tables[pair->before];
	const struct fastipc_schema_table *now =
		&comparison->now.schema->tables[pair->now];
	uint16_t i = 0, j = 0;

	compat_look_at(comparison, before, now);
	compare_renamed(comparison, pair, before->line, now->line);
	if ((before->flags ^ now->flags) & FASTIPC_TABLE_LARGE)
		compat_find(comparison, SCHEMA_LEVEL_WIRE, before->line,
			    now->line, "'%s' %s large", now->name,
			    now->flags & FASTIPC_TABLE_LARGE ? "was not"
							     : "was");
	while (i < before->field_count || j < now->field_count) {
		const struct fastipc_schema_field *old_field =
			i < before->field_count ? &before->fields[i] : NULL;
		const struct fastipc_schema_field *new_field =
			j < now->field_count ? &now->fields[j] : NULL;
		const struct fastipc_schema_field *moved;

		if (old_field && new_field && old_field->id == new_field->id) {
			moved = find_field(now->fields, now->field_count,
					   old_field->name);
			compare_names(comparison, now->name, old_field,
				      new_field, moved);
			compare_field(comparison, now->name, old_field,
				      new_field);
			i++;
			j++;
		} else if (!new_field ||
			   (old_field && old_field->id < new_field->id)) {
			moved = find_field(now->fields, now->field_count,
					   old_field->name);
			compat_find(
				comparison, SCHEMA_LEVEL_WIRE, old_field->line,
				moved ? moved->line : now->line,
				moved ? "'%s.%s' has another id: it was %u"
				      : "'%s.%s' is gone, which had the id %u: "
					"deprecate it instead",
				now->name, old_field->name, old_field->id);
			i++;
		} else {
			if (new_field->flags & FASTIPC_FIELD_REQUIRED)
				compat_find(comparison, SCHEMA_LEVEL_WIRE,
					    before->line, new_field->line,
					    "'%s.%s' is new and required: old "
					    "messages are refused",
					    now->name, new_field->name);
			j++;
		}
	}
}

static void compare_structs(struct comparison *comparison,
			    const struct pair *pair)
{
	const struct fastipc_schema_struct *before =
		&comparison->before.schema->structs[pair->before];
	const struct fastipc_schema_struct *now =
		&comparison->now.schema->structs[pair->now];

	compat_look_at(comparison, before, now);
	compare_renamed(comparison, pair, before->line, now->line);
	if (before->field_count != now->field_count)
		compat_find(
			comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
			"the struct '%s' had %u fields, and has %u: a struct "
			"cannot grow",
			now->name, before->field_count, now->field_count);
	for (uint16_t i = 0; i < before->field_count && i < now->field_count;
	     i++) {
		const struct fastipc_schema_field *moved = find_field(
			now->fields, now->field_count, before->fields[i].name);

		compare_names(comparison, now->name, &before->fields[i],
			      &now->fields[i], moved);
		compare_field(comparison, now->name, &before->fields[i],
			      &now->fields[i]);
	}
}

static void compare_value(struct comparison *comparison,
			  const struct fastipc_schema_enum *now,
			  const struct fastipc_schema_value *value)
{
	const struct fastipc_schema_value *named = NULL;
	const struct fastipc_schema_value *numbered = NULL;

	for (uint16_t i = 0; i < now->value_count; i++) {
		if (!strcmp(now->values[i].name, value->name))
			named = &now->values[i];
		if (now->values[i].bits == value->bits)
			numbered = &now->values[i];
	}
	if (named && named == numbered)
		return;
	if (named)
		compat_find(comparison, SCHEMA_LEVEL_WIRE, value->line,
			    named->line,
			    "'%s.%s' is another number: it was 0x%" PRIx64
			    ", and is 0x%" PRIx64,
			    now->name, value->name, value->bits, named->bits);
	else if (numbered)
		compat_find(comparison, SCHEMA_LEVEL_JSON, value->line,
			    numbered->line, "'%s.%s' is called '%s' now",
			    now->name, value->name, numbered->name);
	else
		compat_find(comparison, SCHEMA_LEVEL_JSON, value->line,
			    now->line, "'%s.%s' is gone", now->name,
			    value->name);
}

static void compare_enums(struct comparison *comparison,
			  const struct pair *pair)
{
	const struct fastipc_schema_enum *before =
		&comparison->before.schema->enums[pair->before];
	const struct fastipc_schema_enum *now =
		&comparison->now.schema->enums[pair->now];

	compat_look_at(comparison, before, now);
	compare_renamed(comparison, pair, before->line, now->line);
	if (before->type != now->type)
		compat_find(comparison, SCHEMA_LEVEL_WIRE, before->line,
			    now->line,
			    "the enum '%s' was of type %s, and is of type %s",
			    now->name, schema_type_name((uint8_t)before->type),
			    schema_type_name((uint8_t)now->type));
	if (before->flags != now->flags)
		compat_find(comparison, SCHEMA_LEVEL_JSON, before->line,
			    now->line, "the enum '%s' %s bit_flags", now->name,
			    now->flags & FASTIPC_ENUM_FLAGS ? "was not"
							    : "was");
	for (uint16_t i = 0; i < before->value_count; i++)
		compare_value(comparison, now, &before->values[i]);
}

static void compare_member(struct comparison *comparison,
			   const struct fastipc_schema_union *now,
			   const struct fastipc_schema_member *member)
{
	const struct fastipc_schema_member *named = NULL;
	const struct fastipc_schema_member *numbered = NULL;

	for (uint32_t i = 0; i < now->member_count; i++) {
		if (!strcmp(now->members[i].name, member->name))
			named = &now->members[i];
		if (now->members[i].value == member->value)
			numbered = &now->members[i];
	}
	if (named && named != numbered) {
		compat_find(comparison, SCHEMA_LEVEL_WIRE, member->line,
			    named->line, "'%s.%s' has moved from %u to %u",
			    now->name, member->name, member->value,
			    named->value);
		return;
	}
	if (!numbered) {
		compat_find(comparison, SCHEMA_LEVEL_WIRE, member->line,
			    now->line,
			    "'%s.%s' is gone, which had the value %u",
			    now->name, member->name, member->value);
		return;
	}
	if (!named)
		compat_find(comparison, SCHEMA_LEVEL_JSON, member->line,
			    numbered->line, "'%s.%s' is called '%s' now",
			    now->name, member->name, numbered->name);
	compat_add_pair(comparison, SCHEMA_TABLE, member->table,
			numbered->table);
}

static void compare_unions(struct comparison *comparison,
			   const struct pair *pair)
{
	const struct fastipc_schema_union *before =
		&comparison->before.schema->unions[pair->before];
	const struct fastipc_schema_union *now =
		&comparison->now.schema->unions[pair->now];

	compat_look_at(comparison, before, now);
	compare_renamed(comparison, pair, before->line, now->line);
	for (uint32_t i = 0; i < before->member_count; i++)
		compare_member(comparison, now, &before->members[i]);
}

void compat_compare_pending(struct comparison *comparison)
{
	while (comparison->first) {
		const struct pair *pair = comparison->first;

		comparison->first = pair->next;
		if (!comparison->first)
			comparison->last = &comparison->first;
		switch (pair->kind) {
		case SCHEMA_TABLE:
			compare_tables(comparison, pair);
			break;
		case SCHEMA_STRUCT:
			compare_structs(comparison, pair);
			break;
		case SCHEMA_ENUM:
			compare_enums(comparison, pair);
			break;
		default:
			compare_unions(comparison, pair);
		}
	}
}
