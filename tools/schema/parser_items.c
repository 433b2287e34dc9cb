// SPDX-License-Identifier: MIT
/*
 * Items of declarations: fields, methods, values of enums, members of unions.
 */
#include <string.h>

#include "schema/parser.h"

static bool parse_attribute(struct parser *parser,
			    struct schema_attribute **list)
{
	struct schema_tree *tree = parser->tree;
	struct schema_attribute *attribute =
		schema_take(tree->arena, sizeof(*attribute));

	if (!parser_expect_name(parser, &attribute->name,
				"the name of an attribute"))
		return false;
	attribute->declared =
		schema_map_get(&tree->attributes, attribute->name.text) != NULL;
	if (parser_accept(parser, ':')) {
		if (!parser_is(parser, SCHEMA_TOKEN_NUMBER) &&
		    !parser_is(parser, SCHEMA_TOKEN_STRING)) {
			parser_unexpected(parser, "a number or a string");
			if (parser_is(parser, SCHEMA_TOKEN_NAME))
				schema_hint(tree->reports,
					    "write \"%s\", in quotes",
					    parser_token(parser)->text);
			return false;
		}
		attribute->value = *parser_token(parser);
		parser_next(parser);
	}
	while (*list)
		list = &(*list)->next;
	*list = attribute;
	return true;
}

/* An attribute that nobody has is cheap; many are not meant. */
#define ATTRIBUTES_MAX 64u

bool parser_attributes(struct parser *parser, struct schema_attribute **list)
{
	struct schema_place place = parser_token(parser)->place;
	unsigned int count = 0;

	if (!parser_accept(parser, '('))
		return true;
	do {
		if (!parse_attribute(parser, list))
			return false;
		if (++count > ATTRIBUTES_MAX) {
			schema_report(parser->tree->reports, place,
				      "more than %u attributes",
				      ATTRIBUTES_MAX);
			schema_hint(parser->tree->reports, "remove some");
			return false;
		}
	} while (parser_accept(parser, ','));
	return parser_expect(parser, ')', "',' or ')'");
}

bool parser_type_name(struct parser *parser, struct schema_type *type,
		      const char *what)
{
	if (!parser_expect_path(parser, &type->name, what))
		return false;
	type->builtin = schema_builtin_type(type->name.text);
	return true;
}

static bool parse_type(struct parser *parser, struct schema_type *type)
{
	struct schema_reports *reports = parser->tree->reports;
	struct schema_place place = parser_token(parser)->place;

	if (!parser_accept(parser, '['))
		return parser_type_name(parser, type, "a type");
	type->is_vector = true;
	if (parser_is(parser, '[')) {
		schema_report(reports, place, "a vector of vectors");
		schema_hint(reports, "expected a type: put the inner vector "
				     "into a table, and use a vector of these");
		return false;
	}
	if (!parser_type_name(parser, type, "a type"))
		return false;
	if (parser_is(parser, ':')) {
		schema_report(reports, parser_token(parser)->place,
			      "an array of a fixed length");
		schema_hint(reports, "expected ']': use fields of their own, "
				     "or in a table a vector");
		return false;
	}
	return parser_expect(parser, ']', "']'");
}

/* What may follow '=': looked at later, when its type is known. */
static bool parse_value(struct parser *parser, struct schema_token *value)
{
	if (parser_is(parser, '[') || parser_is(parser, '{')) {
		schema_report(parser->tree->reports,
			      parser_token(parser)->place,
			      "only scalars have defaults");
		schema_hint(parser->tree->reports,
			    "remove it: what is absent can be told from what "
			    "is empty");
		return false;
	}
	if (!parser_is(parser, SCHEMA_TOKEN_NAME) &&
	    !parser_is(parser, SCHEMA_TOKEN_NUMBER) &&
	    !parser_is(parser, SCHEMA_TOKEN_STRING))
		return parser_unexpected(parser, "a value");
	*value = *parser_token(parser);
	parser_next(parser);
	if (parser_is(parser, '.')) {
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
	return parser_expect(parser, ';', what) ||
	       (parser_is(parser, SCHEMA_TOKEN_NAME) &&
		parser_first_on_line(parser)) ||
	       parser_is(parser, '}');
}

static bool parse_field(struct parser *parser, struct schema_item *item)
{
	bool good =
		parser_expect(parser, ':', "':' and the type of the field") &&
		parse_type(parser, &item->type) &&
		(!parser_accept(parser, '=') ||
		 parse_value(parser, &item->value)) &&
		parser_attributes(parser, &item->attributes);

	if (!good)
		return false;
	return expect_end(parser, "';' behind the field");
}

static bool parse_method(struct parser *parser, struct schema_item *item)
{
	return parser_expect(parser, '(', "'(' and the table that it takes") &&
	       parser_type_name(parser, &item->type, "the name of a table") &&
	       parser_expect(parser, ')', "')'") &&
	       parser_expect(parser, ':',
			     "':' and the table that it returns") &&
	       parser_type_name(parser, &item->response,
				"the name of a table") &&
	       parser_attributes(parser, &item->attributes) &&
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
	if (!parser_accept(parser, ':')) {
		if (!parser_expect_path_rest(parser, &item->type.name))
			return false;
		item->name.text = member_name(parser, item->type.name.text);
	} else if (!parser_expect_path(parser, &item->type.name,
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
	if (parser_accept(parser, '=')) {
		if (!parser_is(parser, SCHEMA_TOKEN_NUMBER))
			return parser_unexpected(parser, "a number");
		item->value = *parser_token(parser);
		parser_next(parser);
	}
	if (parser_is(parser, '}') || parser_accept(parser, ','))
		return true;
	return parser_unexpected(parser, "',' or '}'");
}

bool parser_item(struct parser *parser, struct schema_decl *decl,
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
