// SPDX-License-Identifier: MIT
/*
 * Sources to declarations.
 *
 * After an error the parser goes on behind the next ';' or '}', so all errors
 * are found in one run.  What flatc knows, but is not in the subset, is named.
 */
#include <string.h>

#include "schema/parser.h"
#include "schema/syntax.h"

static const struct {
	const char *name;
	uint8_t type;
} builtin[] = {
	{ "bool", FASTIPC_TYPE_BOOL },	 { "byte", FASTIPC_TYPE_I8 },
	{ "ubyte", FASTIPC_TYPE_U8 },	 { "short", FASTIPC_TYPE_I16 },
	{ "ushort", FASTIPC_TYPE_U16 },	 { "int", FASTIPC_TYPE_I32 },
	{ "uint", FASTIPC_TYPE_U32 },	 { "long", FASTIPC_TYPE_I64 },
	{ "ulong", FASTIPC_TYPE_U64 },	 { "float", FASTIPC_TYPE_F32 },
	{ "double", FASTIPC_TYPE_F64 },	 { "string", FASTIPC_TYPE_STRING },
	{ "int8", FASTIPC_TYPE_I8 },	 { "uint8", FASTIPC_TYPE_U8 },
	{ "int16", FASTIPC_TYPE_I16 },	 { "uint16", FASTIPC_TYPE_U16 },
	{ "int32", FASTIPC_TYPE_I32 },	 { "uint32", FASTIPC_TYPE_U32 },
	{ "int64", FASTIPC_TYPE_I64 },	 { "uint64", FASTIPC_TYPE_U64 },
	{ "float32", FASTIPC_TYPE_F32 }, { "float64", FASTIPC_TYPE_F64 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint8_t schema_builtin_type(const char *name)
{
	for (size_t i = 0; i < COUNT(builtin); i++) {
		if (!strcmp(builtin[i].name, name))
			return builtin[i].type;
	}
	return SCHEMA_TYPE_NAMED;
}

const char *schema_type_name(uint8_t type)
{
	for (size_t i = 0; i < COUNT(builtin); i++) {
		if (builtin[i].type == type)
			return builtin[i].name;
	}
	return NULL;
}

const char *schema_kind_name(enum schema_kind kind)
{
	static const char *const names[] = { "table", "struct", "enum", "union",
					     "rpc_service" };

	return names[kind];
}

char *schema_join(struct schema_arena *arena, const char *space,
		  const char *name)
{
	size_t size = strlen(space) + strlen(name) + 2;
	char *joined = schema_take(arena, size);

	snprintf(joined, size, "%s%s%s", space, *space ? "." : "", name);
	return joined;
}

/* ---- declarations ---- */

static struct schema_item *add_item(struct parser *parser,
				    struct schema_decl *decl,
				    struct schema_item ***last)
{
	struct schema_item *item =
		schema_take(parser->tree->arena, sizeof(*item));

	item->name.text = parser_token(parser)->text;
	item->name.place = parser_token(parser)->place;
	item->doc = parser_token(parser)->doc;
	**last = item;
	*last = &item->next;
	decl->item_count++;
	return item;
}

static void parse_items(struct parser *parser, struct schema_decl *decl)
{
	static const char *const what[] = { "the name of a field or '}'",
					    "the name of a field or '}'",
					    "the name of a value or '}'",
					    "the name of a table or '}'",
					    "the name of a method or '}'" };
	int separator = decl->kind == SCHEMA_ENUM || decl->kind == SCHEMA_UNION
				? ','
				: ';';
	struct schema_reports *reports = parser->tree->reports;
	struct schema_item **last = &decl->items;

	while (!parser_accept(parser, '}')) {
		struct schema_item *item;

		if (parser_is(parser, SCHEMA_TOKEN_END) ||
		    parser_begins_declaration(parser)) {
			parser_unexpected(parser, "'}'");
			schema_hint(reports,
				    "the %s '%s' of line %u has no end",
				    schema_kind_name(decl->kind),
				    decl->name.text, decl->name.place.line);
			decl->broken = true;
			return;
		}
		if (!parser_is(parser, SCHEMA_TOKEN_NAME)) {
			parser_unexpected(parser, what[decl->kind]);
			decl->broken = true;
			/* It may be what the item should have been. */
			if (!parser_accept(parser, separator))
				parser_next(parser);
			parser_skip_item(parser, separator);
			continue;
		}
		if (decl->item_count == SCHEMA_COUNT_MAX) {
			schema_report(reports, parser_token(parser)->place,
				      "more than %u entries in '%s'",
				      SCHEMA_COUNT_MAX, decl->name.text);
			schema_hint(
				reports,
				"move some of them to a declaration of their own");
			decl->broken = true;
			while (!parser_is(parser, '}') &&
			       !parser_is(parser, SCHEMA_TOKEN_END))
				parser_next(parser);
			continue;
		}
		item = add_item(parser, decl, &last);
		parser_next(parser);
		if (!parser_item(parser, decl, item)) {
			item->broken = true;
			decl->broken = true;
			parser_skip_item(parser, separator);
		}
	}
}

static struct schema_decl *add_decl(struct parser *parser,
				    enum schema_kind kind)
{
	struct schema_tree *tree = parser->tree;
	struct schema_decl *decl = schema_take(tree->arena, sizeof(*decl));

	decl->kind = kind;
	decl->order = ++tree->order;
	decl->index = tree->counts[kind]++;
	decl->file = parser->lexer.file;
	decl->space = parser->space;
	if (decl->index == SCHEMA_COUNT_MAX) {
		schema_report(tree->reports, parser_token(parser)->place,
			      "more than %u of kind %s", SCHEMA_COUNT_MAX,
			      schema_kind_name(kind));
		schema_hint(tree->reports, "remove some, or divide the schema");
	}
	return decl;
}

static bool parse_underlying_type(struct parser *parser,
				  struct schema_decl *decl)
{
	bool good;

	if (decl->kind != SCHEMA_ENUM)
		return true;
	good = parser_expect(parser, ':',
			     "':' and an integer type behind the name") &&
	       parser_type_name(parser, &decl->type, "an integer type");
	if (!good)
		schema_hint(parser->tree->reports,
			    "write it as in: enum %s : ubyte { ... }",
			    decl->name.text);
	return good;
}

static bool parse_declaration(struct parser *parser, enum schema_kind kind)
{
	struct schema_tree *tree = parser->tree;
	struct schema_decl *decl = add_decl(parser, kind);

	decl->doc = parser_token(parser)->doc;
	parser_next(parser);
	if (!parser_expect_name(parser, &decl->name, "a name")) {
		tree->counts[kind]--;
		return false;
	}
	decl->qualified =
		schema_join(tree->arena, decl->space, decl->name.text);
	*tree->last = decl;
	tree->last = &decl->next;
	if (strlen(decl->qualified) > SCHEMA_NAME_MAX) {
		schema_report(tree->reports, decl->name.place,
			      "a name, with its namespace, of more than %u "
			      "bytes",
			      SCHEMA_NAME_MAX);
		schema_hint(tree->reports, "choose a shorter one");
	}
	if (!parse_underlying_type(parser, decl) ||
	    !parser_attributes(parser, &decl->attributes) ||
	    !parser_expect(parser, '{', "'{'")) {
		decl->broken = true;
		decl->is_cut = true;
		/* Its items are looked at all the same. */
		while (!parser_is(parser, '{') && !parser_is(parser, ';') &&
		       !parser_is(parser, '}') &&
		       !parser_is(parser, SCHEMA_TOKEN_END) &&
		       !parser_is_statement(parser_token(parser)))
			parser_next(parser);
		if (!parser_accept(parser, '{'))
			return false;
	}
	parse_items(parser, decl);
	return true;
}

/* ---- other statements ---- */

static bool parse_namespace(struct parser *parser)
{
	struct schema_name name = { 0 };

	parser_next(parser);
	if (parser_accept(parser, ';')) {
		parser->space = "";
		return true;
	}
	if (!parser_expect_path(parser, &name, "a namespace"))
		return false;
	parser->space = name.text;
	return parser_expect(parser, ';', "';' behind the namespace");
}

static bool parse_include(struct parser *parser)
{
	struct schema_token name;

	parser_next(parser);
	name = *parser_token(parser);
	if (!parser_is(parser, SCHEMA_TOKEN_STRING))
		return parser_unexpected(parser,
					 "the name of a file, in quotes");
	parser_next(parser);
	if (parser->has_declaration) {
		schema_report(parser->tree->reports, name.place,
			      "an include behind other statements: includes "
			      "come first");
		schema_hint(parser->tree->reports,
			    "move it up, to the first lines");
	}
	parser->tree->include(parser->tree, parser->lexer.file, &name);
	return parser_expect(parser, ';', "';' behind the include");
}

static bool parse_attribute_statement(struct parser *parser)
{
	parser_next(parser);
	if (!parser_is(parser, SCHEMA_TOKEN_STRING) &&
	    !parser_is(parser, SCHEMA_TOKEN_NAME))
		return parser_unexpected(parser,
					 "the name of an attribute, in quotes");
	schema_map_set(&parser->tree->attributes, parser_token(parser)->text,
		       (void *)parser_token(parser)->text);
	parser_next(parser);
	return parser_expect(parser, ';', "';' behind the attribute");
}

static bool parse_root_type(struct parser *parser)
{
	struct schema_tree *tree = parser->tree;
	struct schema_root root = { .space = parser->space,
				    .order = tree->order };

	parser_next(parser);
	if (!parser_expect_path(parser, &root.name, "the name of a table"))
		return false;
	if (parser->has_root) {
		schema_report(tree->reports, root.name.place,
			      "a second root_type");
		schema_hint(tree->reports, "remove one of them");
	}
	parser->has_root = true;
	tree->root = root;
	return parser_expect(parser, ';', "';' behind the root_type");
}

/* file_identifier and file_extension, which mean nothing here. */
static bool parse_file_statement(struct parser *parser)
{
	struct schema_reports *reports = parser->tree->reports;
	struct schema_token keyword = *parser_token(parser);

	parser_next(parser);
	if (!parser_is(parser, SCHEMA_TOKEN_STRING))
		return parser_unexpected(parser, "a string");
	if (schema_token_is(&keyword, "file_identifier") &&
	    strlen(parser_token(parser)->text) != 4) {
		schema_report(reports, parser_token(parser)->place,
			      "a file_identifier has 4 characters");
		schema_hint(reports, "remove it: it has no effect");
	} else
		schema_note(reports, keyword.place,
			    "%s has no effect: a message has no file header",
			    keyword.text);
	parser_next(parser);
	return parser_expect(parser, ';', "';' behind it");
}

/* Words of other languages, and what they are here. */
static const struct {
	const char *word;
	const char *here;
} foreign_statements[] = {
	{ "message", "table" },		{ "service", "rpc_service" },
	{ "interface", "rpc_service" }, { "import", "include" },
	{ "package", "namespace" },	{ "oneof", "union" },
	{ "record", "table" },		{ "class", "table" },
};

static bool unknown_statement(struct parser *parser)
{
	struct schema_reports *reports = parser->tree->reports;
	const struct schema_token *found = parser_token(parser);
	struct schema_guess guess;

	if (parser_is(parser, ';') || parser_is(parser, '}')) {
		schema_report(reports, found->place,
			      "expected a declaration, found '%c'",
			      found->kind);
		schema_hint(reports, "remove it");
		parser_next(parser);
		return true;
	}
	if (parser_is(parser, '{')) {
		schema_report(reports, found->place,
			      "expected a declaration, found data");
		schema_hint(reports, "remove it: a schema has none");
		return false;
	}
	if (schema_token_is(found, "native_include")) {
		schema_report(reports, found->place,
			      "native_include is not in the subset");
		schema_hint(reports, "remove it: it is about generated C++");
		return false;
	}
	parser_unexpected(parser,
			  "a declaration (as table, struct, enum, union, "
			  "rpc_service)");
	if (!parser_is(parser, SCHEMA_TOKEN_NAME))
		return false;
	schema_guess_start(&guess, found->text);
	for (size_t i = 0; parser_statements[i]; i++)
		schema_guess_try(&guess, parser_statements[i]);
	for (size_t i = 0; i < COUNT(foreign_statements); i++) {
		if (schema_token_is(found, foreign_statements[i].word))
			guess.best = foreign_statements[i].here;
	}
	if (guess.best)
		schema_hint(reports, "did you mean '%s'?", guess.best);
	return false;
}

static bool parse_statement(struct parser *parser)
{
	const struct schema_token *word = parser_token(parser);

	if (schema_token_is(word, "include"))
		return parse_include(parser);
	parser->has_declaration = true;
	for (int kind = 0; kind < SCHEMA_KINDS; kind++) {
		if (schema_token_is(word,
				    schema_kind_name((enum schema_kind)kind)))
			return parse_declaration(parser,
						 (enum schema_kind)kind);
	}
	if (schema_token_is(word, "namespace"))
		return parse_namespace(parser);
	if (schema_token_is(word, "attribute"))
		return parse_attribute_statement(parser);
	if (schema_token_is(word, "root_type"))
		return parse_root_type(parser);
	if (schema_token_is(word, "file_identifier") ||
	    schema_token_is(word, "file_extension"))
		return parse_file_statement(parser);
	return unknown_statement(parser);
}

void schema_parse(struct schema_tree *tree, const struct schema_file *file)
{
	struct parser parser = { .tree = tree, .space = "" };
	size_t before = tree->reports->errors;

	schema_lexer_start(&parser.lexer, file, tree->arena, tree->reports);
	/* flatc says so, too. */
	if (parser_is(&parser, SCHEMA_TOKEN_END) &&
	    tree->reports->errors == before)
		parser_unexpected(&parser, "a declaration");
	while (!parser_is(&parser, SCHEMA_TOKEN_END)) {
		if (!parse_statement(&parser))
			parser_skip_statement(&parser);
	}
}
