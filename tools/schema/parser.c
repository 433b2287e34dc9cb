// SPDX-License-Identifier: MIT
/*
 * Sources to declarations.
 *
 * After an error the parser goes on behind the next ';' or '}', so all errors
 * are found in one run.  What flatc knows, but is not in the subset, is named.
 */
#include <string.h>

#include "schema/syntax.h"

struct parser {
	struct schema_tree *tree;
	struct schema_lexer lexer;
	const char *space;    /* the namespace */
	bool has_declaration; /* no include may follow */
	bool has_root;
};

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

/* ---- tokens ---- */

static const struct schema_token *token(const struct parser *parser)
{
	return &parser->lexer.token;
}

static void next(struct parser *parser)
{
	schema_lexer_next(&parser->lexer);
}

static bool is(const struct parser *parser, int kind)
{
	return token(parser)->kind == kind;
}

static bool accept(struct parser *parser, int kind)
{
	if (!is(parser, kind))
		return false;
	next(parser);
	return true;
}

static bool is_word(const struct schema_token *token, const char *word)
{
	return token->kind == SCHEMA_TOKEN_NAME && !strcmp(token->text, word);
}

static bool first_on_line(const struct parser *parser)
{
	return token(parser)->place.line != parser->lexer.end.line ||
	       !token(parser)->place.offset;
}

/*
 * "expected WHAT, found ...".  What should have ended a line is missed at its
 * end, and not where the next line begins.  Returns false.
 */
static bool unexpected(struct parser *parser, const char *what)
{
	struct schema_reports *reports = parser->tree->reports;
	const struct schema_token *found = token(parser);
	struct schema_place place = found->place;

	if (what[0] == '\'' && what[1] != '{' && first_on_line(parser))
		place = parser->lexer.end;
	if (found->kind == SCHEMA_TOKEN_END)
		schema_report(reports, place,
			      "expected %s, found the end of the file", what);
	else if (found->kind == SCHEMA_TOKEN_STRING)
		schema_report(reports, place, "expected %s, found a string",
			      what);
	else
		schema_report(reports, place, "expected %s, found '%.*s'", what,
			      found->length < 60 ? (int)found->length : 60,
			      found->start);
	return false;
}

static bool expect(struct parser *parser, int kind, const char *what)
{
	return accept(parser, kind) || unexpected(parser, what);
}

static bool expect_name(struct parser *parser, struct schema_name *name,
			const char *what)
{
	if (!is(parser, SCHEMA_TOKEN_NAME))
		return unexpected(parser, what);
	name->text = token(parser)->text;
	name->place = token(parser)->place;
	next(parser);
	return true;
}

/* ".b.Item" behind "a" */
static bool expect_path_rest(struct parser *parser, struct schema_name *name)
{
	while (accept(parser, '.')) {
		struct schema_name part = { 0 };

		if (!expect_name(parser, &part, "a name behind '.'"))
			return false;
		if (strlen(name->text) + strlen(part.text) >= SCHEMA_NAME_MAX) {
			schema_report(parser->tree->reports, name->place,
				      "a name of more than %u bytes",
				      SCHEMA_NAME_MAX);
			return false;
		}
		name->text =
			schema_join(parser->tree->arena, name->text, part.text);
	}
	return true;
}

/* "a.b.Item" */
static bool expect_path(struct parser *parser, struct schema_name *name,
			const char *what)
{
	return expect_name(parser, name, what) &&
	       expect_path_rest(parser, name);
}

/* ---- where the parser goes on after an error ---- */

static const char *const statements[] = {
	"table",       "struct",	  "enum",	    "union",
	"rpc_service", "namespace",	  "include",	    "attribute",
	"root_type",   "file_identifier", "file_extension",
};

static bool is_statement(const struct schema_token *token)
{
	for (size_t i = 0; i < COUNT(statements); i++) {
		if (is_word(token, statements[i]))
			return true;
	}
	return false;
}

/* A declaration where a field or the like should be: a '}' is missing. */
static bool begins_declaration(const struct parser *parser)
{
	struct parser ahead;

	if (!is_statement(token(parser)) || !first_on_line(parser))
		return false;
	ahead = *parser;
	next(&ahead);
	return ahead.lexer.token.kind == SCHEMA_TOKEN_NAME;
}

/* Behind @separator, or to '}' or the end. */
static void skip_item(struct parser *parser, int separator)
{
	unsigned int depth = 0;

	while (!is(parser, SCHEMA_TOKEN_END)) {
		if (!depth) {
			if (is(parser, '}') || begins_declaration(parser))
				return;
			if (accept(parser, separator))
				return;
		}
		if (is(parser, '{'))
			depth++;
		else if (is(parser, '}'))
			depth--;
		next(parser);
	}
}

/* Behind a ';', behind a block, or to the next statement. */
static void skip_statement(struct parser *parser)
{
	unsigned int depth = 0;

	while (!is(parser, SCHEMA_TOKEN_END)) {
		if (!depth &&
		    (accept(parser, ';') ||
		     (is_statement(token(parser)) && first_on_line(parser))))
			return;
		if (is(parser, '{')) {
			depth++;
		} else if (is(parser, '}') && depth-- <= 1) {
			next(parser);
			return;
		}
		next(parser);
	}
}

/* ---- parts of declarations ---- */

static bool parse_attribute(struct parser *parser,
			    struct schema_attribute **list)
{
	struct schema_tree *tree = parser->tree;
	struct schema_attribute *attribute =
		schema_take(tree->arena, sizeof(*attribute));

	if (!expect_name(parser, &attribute->name, "the name of an attribute"))
		return false;
	attribute->declared =
		schema_map_get(&tree->attributes, attribute->name.text) != NULL;
	if (accept(parser, ':')) {
		if (!is(parser, SCHEMA_TOKEN_NUMBER) &&
		    !is(parser, SCHEMA_TOKEN_STRING)) {
			unexpected(parser, "a number or a string");
			if (is(parser, SCHEMA_TOKEN_NAME))
				schema_hint(tree->reports,
					    "write \"%s\", in quotes",
					    token(parser)->text);
			return false;
		}
		attribute->value = *token(parser);
		next(parser);
	}
	while (*list)
		list = &(*list)->next;
	*list = attribute;
	return true;
}

/* An attribute that nobody has is cheap; many are not meant. */
#define ATTRIBUTES_MAX 64u

static bool parse_attributes(struct parser *parser,
			     struct schema_attribute **list)
{
	struct schema_place place = token(parser)->place;
	unsigned int count = 0;

	if (!accept(parser, '('))
		return true;
	do {
		if (!parse_attribute(parser, list))
			return false;
		if (++count > ATTRIBUTES_MAX) {
			schema_report(parser->tree->reports, place,
				      "more than %u attributes",
				      ATTRIBUTES_MAX);
			return false;
		}
	} while (accept(parser, ','));
	return expect(parser, ')', "',' or ')'");
}

static bool parse_type_name(struct parser *parser, struct schema_type *type,
			    const char *what)
{
	if (!expect_path(parser, &type->name, what))
		return false;
	type->builtin = schema_builtin_type(type->name.text);
	return true;
}

static bool parse_type(struct parser *parser, struct schema_type *type)
{
	struct schema_reports *reports = parser->tree->reports;
	struct schema_place place = token(parser)->place;

	if (!accept(parser, '['))
		return parse_type_name(parser, type, "a type");
	type->is_vector = true;
	if (is(parser, '[')) {
		schema_report(reports, place, "a vector of vectors");
		schema_hint(reports, "expected a type: put the inner vector "
				     "into a table, and use a vector of these");
		return false;
	}
	if (!parse_type_name(parser, type, "a type"))
		return false;
	if (is(parser, ':')) {
		schema_report(reports, token(parser)->place,
			      "an array of a fixed length");
		schema_hint(reports, "expected ']': use fields of their own, "
				     "or in a table a vector");
		return false;
	}
	return expect(parser, ']', "']'");
}

/* What may follow '=': looked at later, when its type is known. */
static bool parse_value(struct parser *parser, struct schema_token *value)
{
	if (is(parser, '[') || is(parser, '{')) {
		schema_report(parser->tree->reports, token(parser)->place,
			      "only scalars have defaults");
		schema_hint(parser->tree->reports,
			    "remove it: what is absent can be told from what "
			    "is empty");
		return false;
	}
	if (!is(parser, SCHEMA_TOKEN_NAME) &&
	    !is(parser, SCHEMA_TOKEN_NUMBER) &&
	    !is(parser, SCHEMA_TOKEN_STRING))
		return unexpected(parser, "a value");
	*value = *token(parser);
	next(parser);
	if (is(parser, '.')) {
		schema_report(parser->tree->reports, value->place,
			      "expected the name of a value, found a path");
		schema_hint(parser->tree->reports,
			    "write only the last part of it");
		return false;
	}
	return true;
}

/* A ';' that is missing at the end of a line hides nothing of the next. */
static bool expect_end(struct parser *parser, const char *what)
{
	return expect(parser, ';', what) ||
	       (is(parser, SCHEMA_TOKEN_NAME) && first_on_line(parser)) ||
	       is(parser, '}');
}

static bool parse_field(struct parser *parser, struct schema_item *item)
{
	bool good =
		expect(parser, ':', "':' and the type of the field") &&
		parse_type(parser, &item->type) &&
		(!accept(parser, '=') || parse_value(parser, &item->value)) &&
		parse_attributes(parser, &item->attributes);

	if (!good)
		return false;
	return expect_end(parser, "';' behind the field");
}

static bool parse_method(struct parser *parser, struct schema_item *item)
{
	return expect(parser, '(', "'(' and the table that it takes") &&
	       parse_type_name(parser, &item->type, "the name of a table") &&
	       expect(parser, ')', "')'") &&
	       expect(parser, ':', "':' and the table that it returns") &&
	       parse_type_name(parser, &item->response,
			       "the name of a table") &&
	       parse_attributes(parser, &item->attributes) &&
	       expect_end(parser, "';' behind the method");
}

/* What a union's member is named if only its type is told, as in JSON. */
static const char *member_name(struct parser *parser, const char *path)
{
	char *name = schema_take_text(parser->tree->arena, path, strlen(path));

	for (char *c = name; *c; c++)
		*c = *c == '.' ? '_' : *c;
	return name;
}

/* "Item", "a.b.Item", or "name: a.b.Item" */
static bool parse_member(struct parser *parser, struct schema_item *item)
{
	item->type.name = item->name;
	if (!accept(parser, ':')) {
		if (!expect_path_rest(parser, &item->type.name))
			return false;
		item->name.text = member_name(parser, item->type.name.text);
	} else if (!expect_path(parser, &item->type.name,
				"the name of a table")) {
		return false;
	}
	item->type.builtin = schema_builtin_type(item->type.name.text);
	return true;
}

/* A value of an enum, or a member of a union, up to the ','. */
static bool parse_alternative(struct parser *parser, struct schema_decl *decl,
			      struct schema_item *item)
{
	if (decl->kind == SCHEMA_UNION && !parse_member(parser, item))
		return false;
	if (accept(parser, '=')) {
		if (!is(parser, SCHEMA_TOKEN_NUMBER))
			return unexpected(parser, "a number");
		item->value = *token(parser);
		next(parser);
	}
	if (is(parser, '}') || accept(parser, ','))
		return true;
	return unexpected(parser, "',' or '}'");
}

/* ---- declarations ---- */

static struct schema_item *add_item(struct parser *parser,
				    struct schema_decl *decl,
				    struct schema_item ***last)
{
	struct schema_item *item =
		schema_take(parser->tree->arena, sizeof(*item));

	item->name.text = token(parser)->text;
	item->name.place = token(parser)->place;
	item->doc = token(parser)->doc;
	**last = item;
	*last = &item->next;
	decl->item_count++;
	return item;
}

static bool parse_item(struct parser *parser, struct schema_decl *decl,
		       struct schema_item *item)
{
	switch (decl->kind) {
	case SCHEMA_TABLE:
	case SCHEMA_STRUCT:
		return parse_field(parser, item);
	case SCHEMA_SERVICE:
		return parse_method(parser, item);
	default:
		return parse_alternative(parser, decl, item);
	}
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

	while (!accept(parser, '}')) {
		struct schema_item *item;

		if (is(parser, SCHEMA_TOKEN_END) ||
		    begins_declaration(parser)) {
			unexpected(parser, "'}'");
			schema_hint(reports,
				    "the %s '%s' of line %u has no end",
				    schema_kind_name(decl->kind),
				    decl->name.text, decl->name.place.line);
			decl->broken = true;
			return;
		}
		if (!is(parser, SCHEMA_TOKEN_NAME)) {
			unexpected(parser, what[decl->kind]);
			decl->broken = true;
			/* It may be what the item should have been. */
			if (!accept(parser, separator))
				next(parser);
			skip_item(parser, separator);
			continue;
		}
		if (decl->item_count == SCHEMA_COUNT_MAX) {
			schema_report(reports, token(parser)->place,
				      "more than %u entries in '%s'",
				      SCHEMA_COUNT_MAX, decl->name.text);
			decl->broken = true;
			while (!is(parser, '}') &&
			       !is(parser, SCHEMA_TOKEN_END))
				next(parser);
			continue;
		}
		item = add_item(parser, decl, &last);
		next(parser);
		if (!parse_item(parser, decl, item)) {
			item->broken = true;
			decl->broken = true;
			skip_item(parser, separator);
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
	if (decl->index == SCHEMA_COUNT_MAX)
		schema_report(tree->reports, token(parser)->place,
			      "more than %u of kind %s", SCHEMA_COUNT_MAX,
			      schema_kind_name(kind));
	return decl;
}

static bool parse_underlying_type(struct parser *parser,
				  struct schema_decl *decl)
{
	bool good;

	if (decl->kind != SCHEMA_ENUM)
		return true;
	good = expect(parser, ':', "':' and an integer type behind the name") &&
	       parse_type_name(parser, &decl->type, "an integer type");
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

	decl->doc = token(parser)->doc;
	next(parser);
	if (!expect_name(parser, &decl->name, "a name")) {
		tree->counts[kind]--;
		return false;
	}
	decl->qualified =
		schema_join(tree->arena, decl->space, decl->name.text);
	*tree->last = decl;
	tree->last = &decl->next;
	if (strlen(decl->qualified) > SCHEMA_NAME_MAX)
		schema_report(tree->reports, decl->name.place,
			      "a name, with its namespace, of more than %u "
			      "bytes",
			      SCHEMA_NAME_MAX);
	if (!parse_underlying_type(parser, decl) ||
	    !parse_attributes(parser, &decl->attributes) ||
	    !expect(parser, '{', "'{'")) {
		decl->broken = true;
		decl->is_cut = true;
		/* Its items are looked at all the same. */
		while (!is(parser, '{') && !is(parser, ';') &&
		       !is(parser, '}') && !is(parser, SCHEMA_TOKEN_END) &&
		       !is_statement(token(parser)))
			next(parser);
		if (!accept(parser, '{'))
			return false;
	}
	parse_items(parser, decl);
	return true;
}

/* ---- other statements ---- */

static bool parse_namespace(struct parser *parser)
{
	struct schema_name name = { 0 };

	next(parser);
	if (accept(parser, ';')) {
		parser->space = "";
		return true;
	}
	if (!expect_path(parser, &name, "a namespace"))
		return false;
	parser->space = name.text;
	return expect(parser, ';', "';' behind the namespace");
}

static bool parse_include(struct parser *parser)
{
	struct schema_token name;

	next(parser);
	name = *token(parser);
	if (!is(parser, SCHEMA_TOKEN_STRING))
		return unexpected(parser, "the name of a file, in quotes");
	next(parser);
	if (parser->has_declaration)
		schema_report(parser->tree->reports, name.place,
			      "an include behind other statements: includes "
			      "come first");
	parser->tree->include(parser->tree, parser->lexer.file, &name);
	return expect(parser, ';', "';' behind the include");
}

static bool parse_attribute_statement(struct parser *parser)
{
	next(parser);
	if (!is(parser, SCHEMA_TOKEN_STRING) && !is(parser, SCHEMA_TOKEN_NAME))
		return unexpected(parser,
				  "the name of an attribute, in quotes");
	schema_map_set(&parser->tree->attributes, token(parser)->text,
		       (void *)token(parser)->text);
	next(parser);
	return expect(parser, ';', "';' behind the attribute");
}

static bool parse_root_type(struct parser *parser)
{
	struct schema_tree *tree = parser->tree;
	struct schema_root root = { .space = parser->space,
				    .order = tree->order };

	next(parser);
	if (!expect_path(parser, &root.name, "the name of a table"))
		return false;
	if (parser->has_root)
		schema_report(tree->reports, root.name.place,
			      "a second root_type");
	parser->has_root = true;
	tree->root = root;
	return expect(parser, ';', "';' behind the root_type");
}

/* file_identifier and file_extension, which mean nothing here. */
static bool parse_file_statement(struct parser *parser)
{
	struct schema_reports *reports = parser->tree->reports;
	struct schema_token keyword = *token(parser);

	next(parser);
	if (!is(parser, SCHEMA_TOKEN_STRING))
		return unexpected(parser, "a string");
	if (is_word(&keyword, "file_identifier") &&
	    strlen(token(parser)->text) != 4)
		schema_report(reports, token(parser)->place,
			      "a file_identifier has 4 characters");
	else
		schema_note(reports, keyword.place,
			    "%s has no effect: a message has no file header",
			    keyword.text);
	next(parser);
	return expect(parser, ';', "';' behind it");
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
	const struct schema_token *found = token(parser);
	struct schema_guess guess;

	if (is(parser, ';') || is(parser, '}')) {
		schema_report(reports, found->place,
			      "expected a declaration, found '%c'",
			      found->kind);
		schema_hint(reports, "remove it");
		next(parser);
		return true;
	}
	if (is(parser, '{')) {
		schema_report(reports, found->place,
			      "expected a declaration, found data");
		schema_hint(reports, "remove it: a schema has none");
		return false;
	}
	if (is_word(found, "native_include")) {
		schema_report(reports, found->place,
			      "native_include is not in the subset");
		schema_hint(reports, "remove it: it is about generated C++");
		return false;
	}
	unexpected(parser, "a declaration (as table, struct, enum, union, "
			   "rpc_service)");
	if (!is(parser, SCHEMA_TOKEN_NAME))
		return false;
	schema_guess_start(&guess, found->text);
	for (size_t i = 0; i < COUNT(statements); i++)
		schema_guess_try(&guess, statements[i]);
	for (size_t i = 0; i < COUNT(foreign_statements); i++) {
		if (is_word(found, foreign_statements[i].word))
			guess.best = foreign_statements[i].here;
	}
	if (guess.best)
		schema_hint(reports, "did you mean '%s'?", guess.best);
	return false;
}

static bool parse_statement(struct parser *parser)
{
	const struct schema_token *word = token(parser);

	if (is_word(word, "include"))
		return parse_include(parser);
	parser->has_declaration = true;
	for (int kind = 0; kind < SCHEMA_KINDS; kind++) {
		if (is_word(word, schema_kind_name((enum schema_kind)kind)))
			return parse_declaration(parser,
						 (enum schema_kind)kind);
	}
	if (is_word(word, "namespace"))
		return parse_namespace(parser);
	if (is_word(word, "attribute"))
		return parse_attribute_statement(parser);
	if (is_word(word, "root_type"))
		return parse_root_type(parser);
	if (is_word(word, "file_identifier") || is_word(word, "file_extension"))
		return parse_file_statement(parser);
	return unknown_statement(parser);
}

void schema_parse(struct schema_tree *tree, const struct schema_file *file)
{
	struct parser parser = { .tree = tree, .space = "" };
	size_t before = tree->reports->errors;

	schema_lexer_start(&parser.lexer, file, tree->arena, tree->reports);
	/* flatc says so, too. */
	if (is(&parser, SCHEMA_TOKEN_END) && tree->reports->errors == before)
		unexpected(&parser, "a declaration");
	while (!is(&parser, SCHEMA_TOKEN_END)) {
		if (!parse_statement(&parser))
			skip_statement(&parser);
	}
}
