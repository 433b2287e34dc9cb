// SPDX-License-Identifier: MIT
/*
 * What the parser expects, and where it goes on if that is not there.
 */
#include <string.h>

#include "schema/parser.h"

bool schema_token_is(const struct schema_token *token, const char *word)
{
	return token->kind == SCHEMA_TOKEN_NAME && !strcmp(token->text, word);
}

bool parser_first_on_line(const struct parser *parser)
{
	return parser_token(parser)->place.line != parser->lexer.end.line ||
	       !parser_token(parser)->place.offset;
}

/* How what is expected looks; NULL: as it is said. */
static const char *example_of(const char *what)
{
	static const char *const examples[][2] = {
		{ "the name of a field or '}'",
		  "a field is written as in: x: int (id: 0);" },
		{ "the name of a value or '}'",
		  "a value is written as in: Red = 1," },
		{ "the name of a table or '}'",
		  "a union is written as in: union Any { Note, Item }" },
		{ "the name of a method or '}'",
		  "a method is written as in: Find(Query):Found (id: 0);" },
		{ "a name", "write it as in: table Note { ... }" },
		{ "a name behind '.'", "write it as in: notes.Note" },
		{ "a type",
		  "write a type there is, as int, string or [string]" },
		{ "a number or a string", "write it as in: (id: 0)" },
		{ "the name of an attribute",
		  "write it as in: (id: 0, required)" },
		{ "',' or ')'",
		  "attributes are written as in: (id: 0, required)" },
		{ "',' or '}'",
		  "values are written as in: { Red = 1, Green }" },
		{ "']'", "a vector is written as in: [int]" },
		{ "a value", "write it as in: x: int = 5 (id: 0);" },
		{ "the name of a table", "write the name of one, as in: Note" },
		{ "')'", "write it as in: Find(Query):Found (id: 0);" },
		{ "'(' and the table that it takes",
		  "write it as in: Find(Query):Found (id: 0);" },
		{ "':' and the table that it returns",
		  "write it as in: Find(Query):Found (id: 0);" },
		{ "':' and the type of the field",
		  "write it as in: x: int (id: 0);" },
		{ "the name of a file, in quotes",
		  "write it as in: include \"notes.fbs\";" },
		{ "the name of an attribute, in quotes",
		  "write it as in: attribute \"mine\";" },
		{ "a string", "write it in quotes" },
		{ "'{'", "what it has is between { and }" },
		{ "an integer type",
		  "write one, as in: enum Kind : ubyte { ... }" },
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (!strcmp(what, examples[i][0]))
			return examples[i][1];
	return NULL;
}

bool parser_unexpected(struct parser *parser, const char *what)
{
	struct schema_reports *reports = parser->tree->reports;
	const struct schema_token *found = parser_token(parser);
	struct schema_place place = found->place;
	const char *example = example_of(what);

	if (what[0] == '\'' && what[1] != '{' && parser_first_on_line(parser))
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
	if (example)
		schema_hint(reports, "%s", example);
	else if (what[0] == '\'')
		schema_hint(reports, "write %.3s there", what);
	else
		schema_hint(reports, "write it as in: table Note { ... }");
	return false;
}

bool parser_expect(struct parser *parser, int kind, const char *what)
{
	return parser_accept(parser, kind) || parser_unexpected(parser, what);
}

bool parser_expect_name(struct parser *parser, struct schema_name *name,
			const char *what)
{
	if (!parser_is(parser, SCHEMA_TOKEN_NAME))
		return parser_unexpected(parser, what);
	name->text = parser_token(parser)->text;
	name->place = parser_token(parser)->place;
	parser_next(parser);
	return true;
}

bool parser_expect_path_rest(struct parser *parser, struct schema_name *name)
{
	while (parser_accept(parser, '.')) {
		struct schema_name part = { 0 };

		if (!parser_expect_name(parser, &part, "a name behind '.'"))
			return false;
		if (strlen(name->text) + strlen(part.text) >= SCHEMA_NAME_MAX) {
			schema_report(parser->tree->reports, name->place,
				      "a name of more than %u bytes",
				      SCHEMA_NAME_MAX);
			schema_hint(parser->tree->reports,
				    "choose a shorter one");
			return false;
		}
		name->text =
			schema_join(parser->tree->arena, name->text, part.text);
	}
	return true;
}

bool parser_expect_path(struct parser *parser, struct schema_name *name,
			const char *what)
{
	return parser_expect_name(parser, name, what) &&
	       parser_expect_path_rest(parser, name);
}

/* ---- where the parser goes on after an error ---- */

const char *const parser_statements[] = {
	"table",       "struct",	  "enum",	    "union",
	"rpc_service", "namespace",	  "include",	    "attribute",
	"root_type",   "file_identifier", "file_extension", NULL,
};

bool parser_is_statement(const struct schema_token *token)
{
	for (size_t i = 0; parser_statements[i]; i++) {
		if (schema_token_is(token, parser_statements[i]))
			return true;
	}
	return false;
}

bool parser_begins_declaration(const struct parser *parser)
{
	struct parser ahead;

	if (!parser_is_statement(parser_token(parser)) ||
	    !parser_first_on_line(parser))
		return false;
	ahead = *parser;
	parser_next(&ahead);
	return ahead.lexer.token.kind == SCHEMA_TOKEN_NAME;
}

void parser_skip_item(struct parser *parser, int separator)
{
	unsigned int depth = 0;

	while (!parser_is(parser, SCHEMA_TOKEN_END)) {
		if (!depth) {
			if (parser_is(parser, '}') ||
			    parser_begins_declaration(parser))
				return;
			if (parser_accept(parser, separator))
				return;
		}
		if (parser_is(parser, '{'))
			depth++;
		else if (parser_is(parser, '}'))
			depth--;
		parser_next(parser);
	}
}

void parser_skip_statement(struct parser *parser)
{
	unsigned int depth = 0;

	while (!parser_is(parser, SCHEMA_TOKEN_END)) {
		if (!depth && (parser_accept(parser, ';') ||
			       (parser_is_statement(parser_token(parser)) &&
				parser_first_on_line(parser))))
			return;
		if (parser_is(parser, '{')) {
			depth++;
		} else if (parser_is(parser, '}') && depth-- <= 1) {
			parser_next(parser);
			return;
		}
		parser_next(parser);
	}
}
