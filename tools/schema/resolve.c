// SPDX-License-Identifier: MIT
/*
 * Names of types to declarations.
 *
 * A name is looked for in the namespace where it is used, then in those
 * around it.  Tables and structs may be declared later.  What flatc finds is
 * found in the same way, in the order of the text, to refuse each use that
 * means something else there.
 */
#include <string.h>

#include "schema/syntax.h"

/* What flatc knows of a name: a table or struct, or one that is used before. */
struct schema_symbol {
	struct schema_decl *decl; /* NULL: not declared yet */
};

struct resolver {
	struct schema_tree *tree;
	struct schema_map symbols; /* tables and structs */
	struct schema_map enums;   /* enums and unions */
};

/* The namespace around one: false if there is none around. */
static bool leave(char *space)
{
	char *dot = strrchr(space, '.');

	if (!*space)
		return false;
	*(dot ? dot : space) = '\0';
	return true;
}

/* The first that a map has for a name, from the namespace outwards. */
static void *look_up(const struct schema_map *map, const char *space,
		     const char *name)
{
	char around[SCHEMA_NAME_MAX + 1];
	char buffer[2 * SCHEMA_NAME_MAX + 2];

	snprintf(around, sizeof(around), "%s", space);
	do {
		void *found;

		snprintf(buffer, sizeof(buffer), "%s%s%s", around,
			 *around ? "." : "", name);
		found = schema_map_get(map, buffer);
		if (found)
			return found;
	} while (leave(around));
	return NULL;
}

struct schema_decl *schema_visible(const struct schema_tree *tree,
				   const char *space, const char *name)
{
	return look_up(&tree->declared, space, name);
}

/* ---- as flatc does it ---- */

static struct schema_symbol *pending(const struct resolver *resolver,
				     const char *name)
{
	struct schema_symbol *symbol = schema_map_get(&resolver->symbols, name);

	return symbol && !symbol->decl ? symbol : NULL;
}

static void declare(struct resolver *resolver, struct schema_decl *decl)
{
	struct schema_symbol *symbol = pending(resolver, decl->name.text);

	if (decl->kind == SCHEMA_ENUM || decl->kind == SCHEMA_UNION) {
		schema_map_set(&resolver->enums, decl->qualified, decl);
		return;
	}
	if (symbol)
		schema_map_set(&resolver->symbols, decl->name.text, NULL);
	else
		symbol = pending(resolver, decl->qualified);
	if (!symbol)
		symbol = schema_take(resolver->tree->arena, sizeof(*symbol));
	symbol->decl = decl;
	schema_map_set(&resolver->symbols, decl->qualified, symbol);
}

static struct schema_symbol *refer(struct resolver *resolver, const char *space,
				   const char *name)
{
	struct schema_arena *arena = resolver->tree->arena;
	struct schema_symbol *symbol = pending(resolver, name);

	if (!symbol)
		symbol = look_up(&resolver->symbols, space, name);
	if (!symbol) {
		symbol = schema_take(arena, sizeof(*symbol));
		schema_map_set(&resolver->symbols, name, symbol);
	}
	return symbol;
}

static void use(struct resolver *resolver, const struct schema_decl *from,
		struct schema_type *type)
{
	if (!type->name.text || type->builtin != SCHEMA_TYPE_NAMED)
		return;
	if (from->kind != SCHEMA_SERVICE)
		type->decl =
			look_up(&resolver->enums, from->space, type->name.text);
	if (!type->decl)
		type->symbol = refer(resolver, from->space, type->name.text);
}

/* ---- as the language is described ---- */

/* Words of other languages, and what they are here. */
static const struct {
	const char *word;
	const char *here;
} foreign_types[] = {
	{ "i8", "byte" },	{ "u8", "ubyte" },
	{ "i16", "short" },	{ "u16", "ushort" },
	{ "i32", "int" },	{ "u32", "uint" },
	{ "i64", "long" },	{ "u64", "ulong" },
	{ "f32", "float" },	{ "f64", "double" },
	{ "int8_t", "byte" },	{ "uint8_t", "ubyte" },
	{ "int16_t", "short" }, { "uint16_t", "ushort" },
	{ "int32_t", "int" },	{ "uint32_t", "uint" },
	{ "int64_t", "long" },	{ "uint64_t", "ulong" },
	{ "size_t", "ulong" },	{ "char", "byte" },
	{ "str", "string" },	{ "text", "string" },
	{ "boolean", "bool" },	{ "bytes", "[ubyte]" },
	{ "data", "[ubyte]" },	{ "unsigned", "uint" },
	{ "real", "double" },
};

static const char *const types[] = { "bool",   "byte",	"ubyte",  "short",
				     "ushort", "int",	"uint",	  "long",
				     "ulong",  "float", "double", "string" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What may be meant by an unknown type: a hint. */
static void guess_type(const struct resolver *resolver, const char *name)
{
	struct schema_guess guess;

	schema_guess_start(&guess, name);
	for (size_t i = 0; i < COUNT(types); i++)
		schema_guess_try(&guess, types[i]);
	for (const struct schema_decl *decl = resolver->tree->first; decl;
	     decl = decl->next) {
		if (decl->kind == SCHEMA_SERVICE)
			continue;
		if (!strcmp(decl->name.text, name)) {
			guess.best = decl->qualified;
			break;
		}
		schema_guess_try(&guess, decl->name.text);
		schema_guess_try(&guess, decl->qualified);
	}
	for (size_t i = 0; i < COUNT(foreign_types); i++) {
		if (!strcmp(foreign_types[i].word, name))
			guess.best = foreign_types[i].here;
	}
	if (guess.best)
		schema_hint(resolver->tree->reports, "did you mean '%s'?",
			    guess.best);
	else
		schema_hint(resolver->tree->reports,
			    "declare it, or include the file that does");
}

static void not_found(struct resolver *resolver, const struct schema_type *type,
		      const struct schema_decl *meant)
{
	struct schema_reports *reports = resolver->tree->reports;
	const char *name = type->name.text;

	if (!meant) {
		if (schema_report(reports, type->name.place,
				  "there is no type '%s' here", name))
			guess_type(resolver, name);
	} else if (meant->kind == SCHEMA_ENUM || meant->kind == SCHEMA_UNION) {
		schema_report(reports, type->name.place,
			      "the %s '%s' is used before it is declared, in "
			      "line %u",
			      schema_kind_name(meant->kind), name,
			      meant->name.place.line);
		schema_hint(reports, "move its declaration up: only tables and "
				     "structs may come later");
	} else {
		schema_report(reports, type->name.place,
			      "'%s' is declared later, and this is not its "
			      "whole name",
			      name);
		schema_hint(reports, "write '%s'", meant->qualified);
	}
}

static void settle(struct resolver *resolver, const struct schema_decl *from,
		   struct schema_item *item, struct schema_type *type)
{
	struct schema_tree *tree = resolver->tree;
	struct schema_decl *meant, *found;

	if (!type->name.text || type->builtin != SCHEMA_TYPE_NAMED)
		return;
	meant = schema_visible(tree, from->space, type->name.text);
	found = type->symbol ? type->symbol->decl : type->decl;
	type->decl = meant == found ? found : NULL;
	if (type->decl)
		return;
	item->broken = true;
	if (!meant || !found) {
		not_found(resolver, type, meant);
		return;
	}
	schema_report(tree->reports, type->name.place,
		      "'%s' may be '%s' or '%s'", type->name.text,
		      meant->qualified, found->qualified);
	schema_hint(tree->reports,
		    "write its whole name, or declare it before");
}

/* Services have names of their own in flatc, but not in C. */
static void add(struct schema_tree *tree, struct schema_decl *decl)
{
	const struct schema_decl *before =
		schema_map_get(&tree->declared, decl->qualified);

	if (!before) {
		schema_map_set(&tree->declared, decl->qualified, decl);
		return;
	}
	decl->is_duplicate = true;
	schema_report(tree->reports, decl->name.place, "'%s' is declared twice",
		      decl->qualified);
	schema_hint(tree->reports, "the other one is a %s, at %s:%u",
		    schema_kind_name(before->kind), before->file->public.path,
		    before->name.place.line);
}

static void resolve_root(struct resolver *resolver)
{
	struct schema_tree *tree = resolver->tree;
	const struct schema_root *root = &tree->root;
	struct schema_decl *table;

	if (!root->name.text)
		return;
	table = schema_map_get(&tree->declared, root->name.text);
	if (!table)
		table = schema_map_get(&tree->declared,
				       schema_join(tree->arena, root->space,
						   root->name.text));
	if (!table) {
		if (schema_report(tree->reports, root->name.place,
				  "there is no table '%s' here",
				  root->name.text))
			guess_type(resolver, root->name.text);
	} else if (table->kind != SCHEMA_TABLE) {
		schema_report(tree->reports, root->name.place,
			      "'%s' is a %s: the root is a table",
			      root->name.text, schema_kind_name(table->kind));
		schema_hint(tree->reports, "name a table, or remove it");
	} else if (table->order > root->order) {
		schema_report(tree->reports, root->name.place,
			      "'%s' is declared later, in line %u",
			      root->name.text, table->name.place.line);
		schema_hint(tree->reports, "move the root_type behind it");
	} else {
		tree->root_table = table;
	}
}

void schema_resolve(struct schema_tree *tree)
{
	struct resolver resolver = { .tree = tree,
				     .symbols.arena = tree->arena,
				     .enums.arena = tree->arena };

	for (struct schema_decl *decl = tree->first; decl; decl = decl->next) {
		add(tree, decl);
		if (decl->kind != SCHEMA_SERVICE && !decl->is_duplicate)
			declare(&resolver, decl);
		for (struct schema_item *item = decl->items; item;
		     item = item->next) {
			use(&resolver, decl, &item->type);
			use(&resolver, decl, &item->response);
		}
	}
	for (struct schema_decl *decl = tree->first; decl; decl = decl->next) {
		for (struct schema_item *item = decl->items; item;
		     item = item->next) {
			settle(&resolver, decl, item, &item->type);
			settle(&resolver, decl, item, &item->response);
		}
	}
	resolve_root(&resolver);
}
