// SPDX-License-Identifier: MIT
/*
 * What a new version of a schema breaks of the old one.
 *
 * Types are compared in pairs: those of one name, and those that pairs refer
 * to in the same place, whatever their names.  What is in a message is told by
 * ids and places; a name that has moved to another id means that what has its
 * id now is something else.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "schema/compat.h"
#include "schema/names.h"
#include "schema/schema.h"
#include "schema/syntax.h"

struct version {
	const struct fastipc_schema *schema;
	bool *paired; /* its tables */
};

struct finding {
	struct finding *next;
	size_t order;
	enum schema_level level;
	const char *new_path;
	const char *old_path;
	uint32_t new_line;
	uint32_t old_line;
	char *text;
};

/* Two types that stand for each other; indexes. */
struct pair {
	struct pair *next;
	enum schema_kind kind;
	uint16_t before;
	uint16_t now;
};

struct comparison {
	struct schema_arena arena;
	struct version before;
	struct version now;
	struct schema_map pairs;
	struct pair *first; /* not compared yet */
	struct pair **last;
	struct finding *findings;
	size_t count;
	enum schema_level level;
	/* where the pair is that is being compared */
	const char *new_path;
	const char *old_path;
};

static void find(struct comparison *comparison, enum schema_level level,
		 uint32_t old_line, uint32_t new_line, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static void find(struct comparison *comparison, enum schema_level level,
		 uint32_t old_line, uint32_t new_line, const char *format, ...)
{
	char text[4 * SCHEMA_NAME_MAX + 200];
	struct finding *finding;
	va_list arguments;
	int length;

	if (level > comparison->level)
		return;
	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if ((size_t)length >= sizeof(text))
		length = (int)sizeof(text) - 1;
	finding = schema_take(&comparison->arena, sizeof(*finding));
	finding->order = comparison->count++;
	finding->level = level;
	finding->new_path = comparison->new_path;
	finding->old_path = comparison->old_path;
	finding->new_line = new_line;
	finding->old_line = old_line;
	finding->text =
		schema_take_text(&comparison->arena, text, (size_t)length);
	finding->next = comparison->findings;
	comparison->findings = finding;
}

static const char *path_of(const struct fastipc_schema *schema,
			   const void *declaration)
{
	size_t count;

	return schema_sources(schema,
			      &count)[schema_source_of(schema, declaration)]
		.path;
}

/* Findings from here on are about these two. */
static void look_at(struct comparison *comparison, const void *before,
		    const void *now)
{
	comparison->old_path = path_of(comparison->before.schema, before);
	comparison->new_path = path_of(comparison->now.schema, now);
}

static const char *table_name(const struct version *version, uint16_t index)
{
	return version->schema->tables[index].name;
}

/* Name of a table, struct, enum or union. */
static const char *name_of(const struct fastipc_schema *schema,
			   enum schema_kind kind, uint16_t index)
{
	switch (kind) {
	case SCHEMA_TABLE:
		return schema->tables[index].name;
	case SCHEMA_STRUCT:
		return schema->structs[index].name;
	case SCHEMA_ENUM:
		return schema->enums[index].name;
	default:
		return schema->unions[index].name;
	}
}

static uint16_t count_of(const struct fastipc_schema *schema,
			 enum schema_kind kind)
{
	switch (kind) {
	case SCHEMA_TABLE:
		return schema->table_count;
	case SCHEMA_STRUCT:
		return schema->struct_count;
	case SCHEMA_ENUM:
		return schema->enum_count;
	default:
		return schema->union_count;
	}
}

static uint16_t find_type(const struct fastipc_schema *schema,
			  enum schema_kind kind, const char *name)
{
	for (uint16_t i = 0; i < count_of(schema, kind); i++) {
		if (!strcmp(name_of(schema, kind, i), name))
			return i;
	}
	return FASTIPC_SCHEMA_NONE;
}

/* Compare these two, too, if it has not been done. */
static void add_pair(struct comparison *comparison, enum schema_kind kind,
		     uint16_t before, uint16_t now)
{
	struct schema_arena *arena = &comparison->arena;
	struct pair *pair;
	char key[32];

	snprintf(key, sizeof(key), "%d:%u:%u", (int)kind, before, now);
	if (schema_map_get(&comparison->pairs, key))
		return;
	pair = schema_take(arena, sizeof(*pair));
	pair->kind = kind;
	pair->before = before;
	pair->now = now;
	*comparison->last = pair;
	comparison->last = &pair->next;
	schema_map_set(&comparison->pairs,
		       schema_take_text(arena, key, strlen(key)), pair);
	if (kind == SCHEMA_TABLE) {
		comparison->before.paired[before] = true;
		comparison->now.paired[now] = true;
	}
}

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
				   : name_of(schema, kind, field->ref);
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
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
		     "the type of '%s.%s' was %s, and is %s", owner, now->name,
		     was, is);
		return;
	}
	if (kind_of(before) != kind) {
		find(comparison, SCHEMA_LEVEL_JSON, before->line, now->line,
		     "the type of '%s.%s' was %s, and is %s: the same bytes",
		     owner, now->name, was, is);
		return;
	}
	if (kind == SCHEMA_KINDS)
		return;
	/* That a type has another name is told where it is declared. */
	if (strcmp(was, is) != 0 &&
	    find_type(comparison->now.schema, kind,
		      name_of(comparison->before.schema, kind, before->ref)) !=
		    FASTIPC_SCHEMA_NONE)
		find(comparison, SCHEMA_LEVEL_SOURCE, before->line, now->line,
		     "the type of '%s.%s' was %s, and is %s", owner, now->name,
		     was, is);
	add_pair(comparison, kind, before->ref, now->ref);
}

static void compare_flags(struct comparison *comparison, const char *owner,
			  const struct fastipc_schema_field *before,
			  const struct fastipc_schema_field *now)
{
	uint8_t changed = before->flags ^ now->flags;

	if (changed & FASTIPC_FIELD_OPTIONAL)
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
		     "'%s.%s' %s = null", owner, now->name,
		     now->flags & FASTIPC_FIELD_OPTIONAL ? "was not" : "was");
	if (changed & FASTIPC_FIELD_REQUIRED)
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
		     now->flags & FASTIPC_FIELD_REQUIRED
			     ? "'%s.%s' is required now: messages that have "
			       "it not are refused"
			     : "'%s.%s' is not required now: old readers "
			       "refuse messages without it",
		     owner, now->name);
	if ((changed & FASTIPC_FIELD_DEPRECATED) &&
	    (now->flags & FASTIPC_FIELD_DEPRECATED))
		find(comparison, SCHEMA_LEVEL_SOURCE, before->line, now->line,
		     "'%s.%s' is deprecated now: it has no accessors", owner,
		     now->name);
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
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
		     "the default of '%s.%s' was 0x%" PRIx64
		     ", and is 0x%" PRIx64 ": it is part of what is sent",
		     owner, now->name, before->default_bits, now->default_bits);
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
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, moved->line,
		     "'%s.%s' has moved from %u to %u", owner, before->name,
		     before->id, moved->id);
	else
		find(comparison, SCHEMA_LEVEL_JSON, before->line, now->line,
		     "'%s.%s' is called '%s' now", owner, before->name,
		     now->name);
}

/* ---- types ---- */

static void compare_renamed(struct comparison *comparison,
			    const struct pair *pair, uint32_t old_line,
			    uint32_t new_line)
{
	const char *was =
		name_of(comparison->before.schema, pair->kind, pair->before);
	const char *is = name_of(comparison->now.schema, pair->kind, pair->now);

	/* If there is still one of that name, the use of another is told. */
	if (strcmp(was, is) != 0 &&
	    find_type(comparison->now.schema, pair->kind, was) ==
		    FASTIPC_SCHEMA_NONE)
		find(comparison, SCHEMA_LEVEL_SOURCE, old_line, new_line,
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

	look_at(comparison, before, now);
	compare_renamed(comparison, pair, before->line, now->line);
	if ((before->flags ^ now->flags) & FASTIPC_TABLE_LARGE)
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
		     "'%s' %s large", now->name,
		     now->flags & FASTIPC_TABLE_LARGE ? "was not" : "was");
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
			find(comparison, SCHEMA_LEVEL_WIRE, old_field->line,
			     moved ? moved->line : now->line,
			     moved ? "'%s.%s' has another id: it was %u"
				   : "'%s.%s' is gone, which had the id %u: "
				     "deprecate it instead",
			     now->name, old_field->name, old_field->id);
			i++;
		} else {
			if (new_field->flags & FASTIPC_FIELD_REQUIRED)
				find(comparison, SCHEMA_LEVEL_WIRE,
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

	look_at(comparison, before, now);
	compare_renamed(comparison, pair, before->line, now->line);
	if (before->field_count != now->field_count)
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
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
		find(comparison, SCHEMA_LEVEL_WIRE, value->line, named->line,
		     "'%s.%s' is another number: it was 0x%" PRIx64
		     ", and is 0x%" PRIx64,
		     now->name, value->name, value->bits, named->bits);
	else if (numbered)
		find(comparison, SCHEMA_LEVEL_JSON, value->line, numbered->line,
		     "'%s.%s' is called '%s' now", now->name, value->name,
		     numbered->name);
	else
		find(comparison, SCHEMA_LEVEL_JSON, value->line, now->line,
		     "'%s.%s' is gone", now->name, value->name);
}

static void compare_enums(struct comparison *comparison,
			  const struct pair *pair)
{
	const struct fastipc_schema_enum *before =
		&comparison->before.schema->enums[pair->before];
	const struct fastipc_schema_enum *now =
		&comparison->now.schema->enums[pair->now];

	look_at(comparison, before, now);
	compare_renamed(comparison, pair, before->line, now->line);
	if (before->type != now->type)
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
		     "the enum '%s' was of type %s, and is of type %s",
		     now->name, schema_type_name((uint8_t)before->type),
		     schema_type_name((uint8_t)now->type));
	if (before->flags != now->flags)
		find(comparison, SCHEMA_LEVEL_JSON, before->line, now->line,
		     "the enum '%s' %s bit_flags", now->name,
		     now->flags & FASTIPC_ENUM_FLAGS ? "was not" : "was");
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
		find(comparison, SCHEMA_LEVEL_WIRE, member->line, named->line,
		     "'%s.%s' has moved from %u to %u", now->name, member->name,
		     member->value, named->value);
		return;
	}
	if (!numbered) {
		find(comparison, SCHEMA_LEVEL_WIRE, member->line, now->line,
		     "'%s.%s' is gone, which had the value %u", now->name,
		     member->name, member->value);
		return;
	}
	if (!named)
		find(comparison, SCHEMA_LEVEL_JSON, member->line,
		     numbered->line, "'%s.%s' is called '%s' now", now->name,
		     member->name, numbered->name);
	add_pair(comparison, SCHEMA_TABLE, member->table, numbered->table);
}

static void compare_unions(struct comparison *comparison,
			   const struct pair *pair)
{
	const struct fastipc_schema_union *before =
		&comparison->before.schema->unions[pair->before];
	const struct fastipc_schema_union *now =
		&comparison->now.schema->unions[pair->now];

	look_at(comparison, before, now);
	compare_renamed(comparison, pair, before->line, now->line);
	for (uint32_t i = 0; i < before->member_count; i++)
		compare_member(comparison, now, &before->members[i]);
}

static void compare_pending(struct comparison *comparison)
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

/* ---- services ---- */

static void compare_methods(struct comparison *comparison,
			    const struct fastipc_schema_service *service,
			    const struct fastipc_schema_method *before,
			    const struct fastipc_schema_method *now)
{
	uint32_t changed = before->flags ^ now->flags;
	const char *old_request =
		table_name(&comparison->before, before->request);
	const char *old_response =
		table_name(&comparison->before, before->response);
	const char *request = table_name(&comparison->now, now->request);
	const char *response = table_name(&comparison->now, now->response);

	if (changed &
	    (FASTIPC_METHOD_CLIENT_STREAM | FASTIPC_METHOD_SERVER_STREAM))
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
		     "'%s.%s' streams in another way", service->name,
		     now->name);
	if (changed & before->flags & FASTIPC_METHOD_IDEMPOTENT)
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
		     "'%s.%s' is not idempotent now: old clients may call it "
		     "twice",
		     service->name, now->name);
	if ((strcmp(old_request, request) != 0 &&
	     find_type(comparison->now.schema, SCHEMA_TABLE, old_request) !=
		     FASTIPC_SCHEMA_NONE) ||
	    (strcmp(old_response, response) != 0 &&
	     find_type(comparison->now.schema, SCHEMA_TABLE, old_response) !=
		     FASTIPC_SCHEMA_NONE))
		find(comparison, SCHEMA_LEVEL_SOURCE, before->line, now->line,
		     "'%s.%s' was (%s):%s, and is (%s):%s", service->name,
		     now->name, old_request, old_response, request, response);
	add_pair(comparison, SCHEMA_TABLE, before->request, now->request);
	add_pair(comparison, SCHEMA_TABLE, before->response, now->response);
}

static void compare_method(struct comparison *comparison,
			   const struct fastipc_schema_service *now,
			   const struct fastipc_schema_method *method)
{
	const struct fastipc_schema_method *named = NULL;
	const struct fastipc_schema_method *numbered = NULL;

	for (uint16_t i = 0; i < now->method_count; i++) {
		if (!strcmp(now->methods[i].name, method->name))
			named = &now->methods[i];
		if (now->methods[i].id == method->id)
			numbered = &now->methods[i];
	}
	if (named && named != numbered) {
		find(comparison, SCHEMA_LEVEL_WIRE, method->line, named->line,
		     "'%s.%s' has the id %u now, and had %u", now->name,
		     method->name, named->id, method->id);
		return;
	}
	if (!numbered) {
		find(comparison, SCHEMA_LEVEL_WIRE, method->line, now->line,
		     "'%s.%s' is gone, which had the id %u", now->name,
		     method->name, method->id);
		return;
	}
	if (!named)
		find(comparison, SCHEMA_LEVEL_SOURCE, method->line,
		     numbered->line, "'%s.%s' is called '%s' now", now->name,
		     method->name, numbered->name);
	compare_methods(comparison, now, method, numbered);
}

static void compare_service(struct comparison *comparison,
			    const struct fastipc_schema_service *before)
{
	const struct fastipc_schema *schema = comparison->now.schema;
	const struct fastipc_schema_service *named = NULL;
	const struct fastipc_schema_service *numbered = NULL;
	const struct fastipc_schema_service *now;

	for (uint16_t i = 0; i < schema->service_count; i++) {
		if (!strcmp(schema->services[i].name, before->name))
			named = &schema->services[i];
		if (schema->services[i].id == before->id)
			numbered = &schema->services[i];
	}
	now = named ? named : numbered;
	look_at(comparison, before, now);
	if (!now) {
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, 0,
		     "the rpc_service '%s' is gone, which had the id %u",
		     before->name, before->id);
		return;
	}
	if (named && named != numbered)
		find(comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
		     "the rpc_service '%s' has the id %u now, and had %u",
		     now->name, now->id, before->id);
	else if (!named)
		find(comparison, SCHEMA_LEVEL_SOURCE, before->line, now->line,
		     "the rpc_service '%s' is called '%s' now", before->name,
		     now->name);
	for (uint16_t i = 0; i < before->method_count; i++)
		compare_method(comparison, now, &before->methods[i]);
}

/* ---- all ---- */

static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

/* A table that has no pair yet, and may be one that has none any more. */
static uint16_t find_renamed(struct comparison *comparison, uint16_t index)
{
	const struct fastipc_schema *schema = comparison->now.schema;
	const struct fastipc_schema_table *table =
		&comparison->before.schema->tables[index];
	uint16_t found = FASTIPC_SCHEMA_NONE;

	for (uint16_t i = 0; i < schema->table_count; i++) {
		if (comparison->now.paired[i])
			continue;
		if (!strcmp(last_part(schema->tables[i].name),
			    last_part(table->name)))
			return i;
		if (found == FASTIPC_SCHEMA_NONE &&
		    schema->tables[i].wire == table->wire)
			found = i;
	}
	return found;
}

static void pair_types_of_kind(struct comparison *comparison,
			       enum schema_kind kind)
{
	const struct fastipc_schema *before = comparison->before.schema;
	const struct fastipc_schema *now = comparison->now.schema;
	struct schema_map names = { .arena = &comparison->arena };

	for (uint16_t i = 0; i < count_of(now, kind); i++)
		schema_map_set(&names, name_of(now, kind, i),
			       (void *)(uintptr_t)(i + 1u));
	for (uint16_t i = 0; i < count_of(before, kind); i++) {
		uintptr_t found = (uintptr_t)schema_map_get(
			&names, name_of(before, kind, i));

		if (found)
			add_pair(comparison, kind, i, (uint16_t)(found - 1));
	}
}

static void compare_rest(struct comparison *comparison)
{
	const struct fastipc_schema *before = comparison->before.schema;

	for (uint16_t i = 0; i < before->table_count; i++) {
		uint16_t renamed;

		if (comparison->before.paired[i])
			continue;
		renamed = find_renamed(comparison, i);
		if (renamed != FASTIPC_SCHEMA_NONE) {
			add_pair(comparison, SCHEMA_TABLE, i, renamed);
			compare_pending(comparison);
			continue;
		}
		look_at(comparison, &before->tables[i], NULL);
		find(comparison, SCHEMA_LEVEL_SOURCE, before->tables[i].line, 0,
		     "the table '%s' is gone", before->tables[i].name);
	}
}

static void compare_all(struct comparison *comparison)
{
	const struct fastipc_schema *before = comparison->before.schema;
	const struct fastipc_schema *now = comparison->now.schema;

	comparison->before.paired =
		schema_take(&comparison->arena, before->table_count + 1u);
	comparison->now.paired =
		schema_take(&comparison->arena, now->table_count + 1u);
	for (int kind = SCHEMA_TABLE; kind < SCHEMA_SERVICE; kind++)
		pair_types_of_kind(comparison, (enum schema_kind)kind);
	for (uint16_t i = 0; i < before->service_count; i++)
		compare_service(comparison, &before->services[i]);
	if (before->root != FASTIPC_SCHEMA_NONE) {
		look_at(comparison, &before->tables[before->root], NULL);
		if (now->root != FASTIPC_SCHEMA_NONE)
			add_pair(comparison, SCHEMA_TABLE, before->root,
				 now->root);
		else
			find(comparison, SCHEMA_LEVEL_JSON,
			     before->tables[before->root].line, 0,
			     "there is no root_type any more");
	}
	compare_pending(comparison);
	compare_rest(comparison);
}

static int by_place(const void *left, const void *right)
{
	const struct finding *a = *(struct finding *const *)left;
	const struct finding *b = *(struct finding *const *)right;
	int order = strcmp(a->new_path, b->new_path);

	if (order)
		return order;
	if (a->new_line != b->new_line)
		return a->new_line < b->new_line ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static void print(struct comparison *comparison, FILE *stream)
{
	static const char *const names[] = { "WIRE", "JSON", "SOURCE" };
	struct finding **sorted = schema_take(
		&comparison->arena, (comparison->count + 1) * sizeof(*sorted));
	size_t counts[3] = { 0 }, count = 0;

	for (struct finding *finding = comparison->findings; finding;
	     finding = finding->next)
		sorted[count++] = finding;
	qsort(sorted, count, sizeof(*sorted), by_place);
	for (size_t i = 0; i < count; i++) {
		const struct finding *finding = sorted[i];

		counts[finding->level]++;
		fputs(finding->new_path, stream);
		if (finding->new_line)
			fprintf(stream, ":%u", finding->new_line);
		fprintf(stream, ": %s: %s (%s:%u)\n", names[finding->level],
			finding->text, finding->old_path, finding->old_line);
	}
	if (!count)
		return;
	fprintf(stream, "%zu incompatible change%s:", count,
		count == 1 ? "" : "s");
	for (int level = 0; level < 3; level++) {
		if (counts[level])
			fprintf(stream, " %zu %s", counts[level], names[level]);
	}
	fputc('\n', stream);
}

/* What is behind setjmp(): has no variables of its own. */
static int run(struct comparison *comparison, FILE *stream)
{
	if (setjmp(comparison->arena.none))
		return -ENOMEM;
	compare_all(comparison);
	print(comparison, stream);
	return comparison->count > INT32_MAX ? INT32_MAX
					     : (int)comparison->count;
}

int schema_check(const struct fastipc_schema *old_schema,
		 const struct fastipc_schema *new_schema,
		 enum schema_level level, FILE *stream)
{
	struct comparison comparison = { .before.schema = old_schema,
					 .now.schema = new_schema,
					 .level = level };
	int count;

	comparison.last = &comparison.first;
	comparison.pairs.arena = &comparison.arena;
	count = run(&comparison, stream);
	schema_arena_free(&comparison.arena);
	return count;
}

int schema_level_of(const char *name)
{
	static const char *const names[] = { "wire", "json", "source" };

	for (int level = 0; level < 3; level++) {
		if (!strcmp(names[level], name))
			return level;
	}
	return -EINVAL;
}
