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
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "schema/compat.h"
#include "schema/comparison.h"
#include "schema/schema.h"

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

void compat_find(struct comparison *comparison, enum schema_level level,
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

void compat_look_at(struct comparison *comparison, const void *before,
		    const void *now)
{
	comparison->old_path = path_of(comparison->before.schema, before);
	comparison->new_path = path_of(comparison->now.schema, now);
}

const char *compat_name_of(const struct fastipc_schema *schema,
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

uint16_t compat_find_type(const struct fastipc_schema *schema,
			  enum schema_kind kind, const char *name)
{
	for (uint16_t i = 0; i < count_of(schema, kind); i++) {
		if (!strcmp(compat_name_of(schema, kind, i), name))
			return i;
	}
	return FASTIPC_SCHEMA_NONE;
}

void compat_add_pair(struct comparison *comparison, enum schema_kind kind,
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

/* ---- services ---- */

static const char *table_name(const struct version *version, uint16_t index)
{
	return version->schema->tables[index].name;
}

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
		compat_find(comparison, SCHEMA_LEVEL_WIRE, before->line,
			    now->line, "'%s.%s' streams in another way",
			    service->name, now->name);
	if (changed & before->flags & FASTIPC_METHOD_IDEMPOTENT)
		compat_find(
			comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
			"'%s.%s' is not idempotent now: old clients may call it "
			"twice",
			service->name, now->name);
	if ((strcmp(old_request, request) != 0 &&
	     compat_find_type(comparison->now.schema, SCHEMA_TABLE,
			      old_request) != FASTIPC_SCHEMA_NONE) ||
	    (strcmp(old_response, response) != 0 &&
	     compat_find_type(comparison->now.schema, SCHEMA_TABLE,
			      old_response) != FASTIPC_SCHEMA_NONE))
		compat_find(comparison, SCHEMA_LEVEL_SOURCE, before->line,
			    now->line, "'%s.%s' was (%s):%s, and is (%s):%s",
			    service->name, now->name, old_request, old_response,
			    request, response);
	compat_add_pair(comparison, SCHEMA_TABLE, before->request,
			now->request);
	compat_add_pair(comparison, SCHEMA_TABLE, before->response,
			now->response);
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
		compat_find(comparison, SCHEMA_LEVEL_WIRE, method->line,
			    named->line,
			    "'%s.%s' has the id %u now, and had %u", now->name,
			    method->name, named->id, method->id);
		return;
	}
	if (!numbered) {
		compat_find(comparison, SCHEMA_LEVEL_WIRE, method->line,
			    now->line, "'%s.%s' is gone, which had the id %u",
			    now->name, method->name, method->id);
		return;
	}
	if (!named)
		compat_find(comparison, SCHEMA_LEVEL_SOURCE, method->line,
			    numbered->line, "'%s.%s' is called '%s' now",
			    now->name, method->name, numbered->name);
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
	compat_look_at(comparison, before, now);
	if (!now) {
		compat_find(comparison, SCHEMA_LEVEL_WIRE, before->line, 0,
			    "the rpc_service '%s' is gone, which had the id %u",
			    before->name, before->id);
		return;
	}
	if (named && named != numbered)
		compat_find(
			comparison, SCHEMA_LEVEL_WIRE, before->line, now->line,
			"the rpc_service '%s' has the id %u now, and had %u",
			now->name, now->id, before->id);
	else if (!named)
		compat_find(comparison, SCHEMA_LEVEL_SOURCE, before->line,
			    now->line,
			    "the rpc_service '%s' is called '%s' now",
			    before->name, now->name);
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
		schema_map_set(&names, compat_name_of(now, kind, i),
			       (void *)(uintptr_t)(i + 1u));
	for (uint16_t i = 0; i < count_of(before, kind); i++) {
		uintptr_t found = (uintptr_t)schema_map_get(
			&names, compat_name_of(before, kind, i));

		if (found)
			compat_add_pair(comparison, kind, i,
					(uint16_t)(found - 1));
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
			compat_add_pair(comparison, SCHEMA_TABLE, i, renamed);
			compat_compare_pending(comparison);
			continue;
		}
		compat_look_at(comparison, &before->tables[i], NULL);
		compat_find(comparison, SCHEMA_LEVEL_SOURCE,
			    before->tables[i].line, 0, "the table '%s' is gone",
			    before->tables[i].name);
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
		compat_look_at(comparison, &before->tables[before->root], NULL);
		if (now->root != FASTIPC_SCHEMA_NONE)
			compat_add_pair(comparison, SCHEMA_TABLE, before->root,
					now->root);
		else
			compat_find(comparison, SCHEMA_LEVEL_JSON,
				    before->tables[before->root].line, 0,
				    "there is no root_type any more");
	}
	compat_compare_pending(comparison);
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
