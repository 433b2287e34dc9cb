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

bool parser_unexpected(struct parser *parser, const char *what)
{
	struct schema_reports *reports = parser->tree->reports;
	const struct schema_token *found = parser_token(parser);
	struct schema_place place = found->place;

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
