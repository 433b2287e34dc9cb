// SPDX-License-Identifier: MIT
/* Parses JSON, by recursive descent. */
#include "schema/json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	const char *at;
	const char *end;
	struct reflect_arena *arena;
	struct reflect_error *error;
	uint32_t line;
	unsigned int depth;
};

const char *json_kind_name(enum json_kind kind)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	     [JSON_FALSE] = "false",
		[JSON_TRUE] = "true",	     [JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string",  [JSON_ARRAY] = "an array",
		[JSON_OBJECT] = "an object",
	};

	return names[kind];
}

const struct json *json_member(const struct json *object, const char *key)
{
	for (const struct json *at = object->first; at; at = at->next)
		if (!strcmp(at->key, key))
			return at;
	return NULL;
}

/* @what is wrong at the place where the parser is. */
static int fail(const struct parser *parser, const char *what)
{
	unsigned char byte;

	if (parser->error)
		parser->error->line = parser->line;
	if (parser->at == parser->end)
		return reflect_fail(parser->error, -EINVAL, NULL,
				    "%s, and the text ends", what);
	byte = (unsigned char)*parser->at;
	if (byte > 0x20 && byte < 0x7f)
		return reflect_fail(parser->error, -EINVAL, NULL,
				    "%s, and here is '%c'", what, byte);
	return reflect_fail(parser->error, -EINVAL, NULL,
			    "%s, and here is the byte 0x%02x", what, byte);
}

static void skip_space(struct parser *parser)
{
	for (; parser->at < parser->end; parser->at++) {
		if (*parser->at == '\n')
			parser->line++;
		else if (*parser->at != ' ' && *parser->at != '\t' &&
			 *parser->at != '\r')
			break;
	}
}

static bool skip(struct parser *parser, char byte)
{
	if (parser->at == parser->end || *parser->at != byte)
		return false;
	parser->at++;
	return true;
}

static size_t skip_digits(struct parser *parser)
{
	const char *start = parser->at;

	while (parser->at < parser->end && *parser->at >= '0' &&
	       *parser->at <= '9')
		parser->at++;
	return (size_t)(parser->at - start);
}

/* ---- strings ---- */

static int hex_digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool parse_hex(struct parser *parser, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++, parser->at++) {
		int digit = parser->at < parser->end ? hex_digit(*parser->at)
						     : -1;

		if (digit < 0)
			return false;
		*code = *code << 4 | (uint32_t)digit;
	}
	return true;
}

static char *put_character(char *to, uint32_t code)
{
	unsigned int more = code < 0x80	     ? 0
			    : code < 0x800   ? 1
			    : code < 0x10000 ? 2
					     : 3;

	if (!more) {
		*to++ = (char)code;
		return to;
	}
	*to++ = (char)(0xff00u >> (more + 1) | code >> 6 * more);
	while (more--)
		*to++ = (char)(0x80 | (code >> 6 * more & 0x3f));
	return to;
}

/* What follows \u: one character, or the two halves of one. */
static int parse_unicode(struct parser *parser, char **to)
{
	uint32_t code, low;

	if (!parse_hex(parser, &code))
		return fail(parser, "\\u takes four hexadecimal digits");
	if (code >= 0xd800 && code < 0xdc00) {
		if (!skip(parser, '\\') || !skip(parser, 'u') ||
		    !parse_hex(parser, &low) || low < 0xdc00 || low >= 0xe000)
			return fail(parser, "the second half of a surrogate "
					    "pair is expected");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (code >= 0xdc00 && code < 0xe000) {
		return fail(parser, "this half of a surrogate pair has no "
				    "first half");
	}
	*to = put_character(*to, code);
	return 0;
}

static int parse_escape(struct parser *parser, char **to)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	if (skip(parser, 'u'))
		return parse_unicode(parser, to);
	letter = parser->at < parser->end && *parser->at
			 ? strchr(letters, *parser->at)
			 : NULL;
	if (!letter)
		return fail(parser, "a letter of \"\\/bfnrtu is expected "
				    "behind the backslash");
	parser->at++;
	*(*to)++ = meant[letter - letters];
	return 0;
}

static int parse_string(struct parser *parser, const char **text, size_t *size)
{
	const char *end = parser->at;
	char *copy, *to;
	int error = 0;

	/* An escape is longer than what it stands for. */
	while (end < parser->end && *end != '"')
		end += *end == '\\' && end + 1 < parser->end ? 2 : 1;
	copy = reflect_alloc(parser->arena, (size_t)(end - parser->at) + 1);
	if (!copy)
		return -ENOMEM;
	to = copy;
	while (!error && !skip(parser, '"')) {
		if (parser->at == parser->end ||
		    (unsigned char)*parser->at < 0x20)
			return fail(parser, "the end of the string is "
					    "expected");
		if (skip(parser, '\\'))
			error = parse_escape(parser, &to);
		else
			*to++ = *parser->at++;
	}
	*text = copy;
	*size = (size_t)(to - copy);
	if (!error && reflect_utf8((const uint8_t *)copy, *size) != *size)
		return fail(parser, "the string before is not UTF-8");
	return error;
}

/* ---- the rest ---- */

static int parse_number(struct parser *parser, struct json *json)
{
	const char *start = parser->at;
	char *copy;

	skip(parser, '-');
	if (!skip(parser, '0') && !skip_digits(parser))
		return fail(parser, "a value is expected");
	if (skip(parser, '.') && !skip_digits(parser))
		return fail(parser, "digits are expected behind the point");
	if (skip(parser, 'e') || skip(parser, 'E')) {
		if (!skip(parser, '+'))
			skip(parser, '-');
		if (!skip_digits(parser))
			return fail(parser, "an exponent is expected");
	}
	json->kind = JSON_NUMBER;
	json->size = (size_t)(parser->at - start);
	copy = reflect_alloc(parser->arena, json->size + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, start, json->size);
	json->text = copy;
	return 0;
}

static bool parse_word(struct parser *parser, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(parser->end - parser->at) < size ||
	    memcmp(parser->at, word, size) != 0)
		return false;
	parser->at += size;
	return true;
}

static int parse_value(struct parser *parser, struct json *json);

static int parse_key(struct parser *parser, struct json *member)
{
	size_t size;
	int error;

	if (!skip(parser, '"'))
		return fail(parser, "a name in quotes is expected");
	error = parse_string(parser, &member->key, &size);
	if (error)
		return error;
	if (strlen(member->key) != size)
		return fail(parser, "names without \\u0000 are expected");
	skip_space(parser);
	return skip(parser, ':') ? 0 : fail(parser, "':' is expected");
}

static int parse_members(struct parser *parser, struct json *json, char close)
{
	struct json **link = &json->first, *member;
	int error = 0;

	skip_space(parser);
	if (skip(parser, close))
		return 0;
	do {
		member = reflect_alloc(parser->arena, sizeof(*member));
		if (!member)
			return -ENOMEM;
		skip_space(parser);
		if (json->kind == JSON_OBJECT)
			error = parse_key(parser, member);
		if (!error)
			error = parse_value(parser, member);
		if (error)
			return error;
		*link = member;
		link = &member->next;
		json->count++;
		skip_space(parser);
	} while (skip(parser, ','));
	if (skip(parser, close))
		return 0;
	return fail(parser, close == '}' ? "',' or '}' is expected"
					 : "',' or ']' is expected");
}

static int parse_nested(struct parser *parser, struct json *json, char close)
{
	int error;

	json->kind = close == '}' ? JSON_OBJECT : JSON_ARRAY;
	if (++parser->depth > JSON_DEPTH_MAX)
		return fail(parser, "fewer arrays and objects in each other "
				    "are expected");
	error = parse_members(parser, json, close);
	parser->depth--;
	return error;
}

static int parse_value(struct parser *parser, struct json *json)
{
	skip_space(parser);
	json->line = parser->line;
	if (skip(parser, '{'))
		return parse_nested(parser, json, '}');
	if (skip(parser, '['))
		return parse_nested(parser, json, ']');
	if (skip(parser, '"')) {
		json->kind = JSON_STRING;
		return parse_string(parser, &json->text, &json->size);
	}
	if (parse_word(parser, "true"))
		json->kind = JSON_TRUE;
	else if (parse_word(parser, "false"))
		json->kind = JSON_FALSE;
	else if (parse_word(parser, "null"))
		json->kind = JSON_NULL;
	else
		return parse_number(parser, json);
	return 0;
}

int json_parse_text(const char *text, size_t size, struct reflect_arena *arena,
		    struct json **json, struct reflect_error *error)
{
	struct parser parser = { .at = text,
				 .end = text + size,
				 .arena = arena,
				 .error = error,
				 .line = 1 };
	int ret;

	*json = reflect_alloc(arena, sizeof(**json));
	if (!*json)
		return -ENOMEM;
	ret = parse_value(&parser, *json);
	if (ret)
		return ret;
	skip_space(&parser);
	return parser.at == parser.end
		       ? 0
		       : fail(&parser, "the end of the text is expected");
}
