/* SPDX-License-Identifier: MIT */
/*
 * The parser, between its parts.
 *
 * What expects something returns false if it is not there, and has reported
 * that.
 */
#ifndef FASTIPC_SCHEMA_PARSER_H
#define FASTIPC_SCHEMA_PARSER_H

#include <stdbool.h>

#include "schema/lexer.h"
#include "schema/syntax.h"

struct parser {
	struct schema_tree *tree;
	struct schema_lexer lexer;
	const char *space;    /* the namespace */
	bool has_declaration; /* no include may follow */
	bool has_root;
};

/* ---- tokens ---- */

static inline const struct schema_token *
parser_token(const struct parser *parser)
{
	return &parser->lexer.token;
}

static inline void parser_next(struct parser *parser)
{
	schema_lexer_next(&parser->lexer);
}

static inline bool parser_is(const struct parser *parser, int kind)
{
	return parser_token(parser)->kind == kind;
}

static inline bool parser_accept(struct parser *parser, int kind)
{
	if (!parser_is(parser, kind))
		return false;
	parser_next(parser);
	return true;
}

bool schema_token_is(const struct schema_token *token, const char *word);
/* Is the token the first one on its line? */
bool parser_first_on_line(const struct parser *parser);

/*
 * "expected WHAT, found ...".  What should have ended a line is missed at its
 * end, and not where the next line begins.  Returns false.
 */
bool parser_unexpected(struct parser *parser, const char *what);
bool parser_expect(struct parser *parser, int kind, const char *what);
bool parser_expect_name(struct parser *parser, struct schema_name *name,
			const char *what);
/* "a.b.Item" */
bool parser_expect_path(struct parser *parser, struct schema_name *name,
			const char *what);
/* ".b.Item" behind "a" */
bool parser_expect_path_rest(struct parser *parser, struct schema_name *name);

/* ---- where the parser goes on after an error ---- */

/* Words that begin statements; NULL behind them. */
extern const char *const parser_statements[];

bool parser_is_statement(const struct schema_token *token);
/* A declaration where a field or the like should be: a '}' is missing. */
bool parser_begins_declaration(const struct parser *parser);
/* Behind @separator, or to '}' or the end. */
void parser_skip_item(struct parser *parser, int separator);
/* Behind a ';', behind a block, or to the next statement. */
void parser_skip_statement(struct parser *parser);

/* ---- parts of declarations ---- */

/* "(name, name: value)", or nothing; appended to @list. */
bool parser_attributes(struct parser *parser, struct schema_attribute **list);
bool parser_type_name(struct parser *parser, struct schema_type *type,
		      const char *what);
/* What is behind the name of an item of @decl. */
bool parser_item(struct parser *parser, struct schema_decl *decl,
		 struct schema_item *item);

#endif
