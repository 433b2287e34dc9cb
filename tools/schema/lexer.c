// SPDX-License-Identifier: MIT
/*
 * The words of a schema.
 *
 * What cannot be part of one is reported, and skipped.
 */
#include <string.h>

#include "schema/lexer.h"

/* Not isalpha(): a schema means the same in each locale. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex_digit(char c)
{
	return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

uint32_t schema_utf8_length(const unsigned char *text, uint32_t size)
{
	uint32_t length = text[0] < 0x80   ? 1
			  : text[0] < 0xc2 ? 0
			  : text[0] < 0xe0 ? 2
			  : text[0] < 0xf0 ? 3
			  : text[0] < 0xf5 ? 4
					   : 0;

	if (!length || length > size)
		return 0;
	for (uint32_t i = 1; i < length; i++) {
		if (!is_continuation(text[i]))
			return 0;
	}
	/* Too long, surrogates, above U+10FFFF. */
	if ((text[0] == 0xe0 && text[1] < 0xa0) ||
	    (text[0] == 0xed && text[1] >= 0xa0) ||
	    (text[0] == 0xf0 && text[1] < 0x90) ||
	    (text[0] == 0xf4 && text[1] >= 0x90))
		return 0;
	return length;
}

/* The first one in a line stands for all others there. */
static void check_utf8(const struct schema_file *file,
		       struct schema_reports *reports)
{
	uint32_t line = 1, reported = 0;

	for (uint32_t i = 0; i < file->size;) {
		const unsigned char *c = (const unsigned char *)file->text + i;
		uint32_t length = schema_utf8_length(c, file->size - i);
		struct schema_place place = { file, i, line };

		if (!length && reported != line) {
			schema_report(reports, place,
				      "the byte 0x%02x is not UTF-8", *c);
			schema_hint(reports, "save the file as UTF-8");
			reported = line;
		}
		line += *c == '\n';
		i += length ? length : 1;
	}
}

static char at(const struct schema_lexer *lexer, uint32_t distance)
{
	uint32_t offset = lexer->offset + distance;

	return offset < lexer->file->size ? lexer->file->text[offset] : '\0';
}

static bool at_end(const struct schema_lexer *lexer)
{
	return lexer->offset >= lexer->file->size;
}

static struct schema_place here(const struct schema_lexer *lexer)
{
	struct schema_place place = { lexer->file, lexer->offset, lexer->line };

	return place;
}

static void advance(struct schema_lexer *lexer)
{
	if (at(lexer, 0) == '\n')
		lexer->line++;
	lexer->offset++;
}

/* Add a line of /// to the comment. */
static void add_doc(struct schema_lexer *lexer, const char *line, size_t length)
{
	if (length && line[0] == ' ') {
		line++;
		length--;
	}
	while (length && strchr(" \t\r", line[length - 1]))
		length--;
	if (lexer->doc_size + length + 1 > lexer->doc_room) {
		char *before = lexer->doc;

		lexer->doc_room = 2 * (lexer->doc_size + length + 1);
		lexer->doc = schema_take(lexer->arena, lexer->doc_room);
		if (before)
			memcpy(lexer->doc, before, lexer->doc_size);
	}
	memcpy(lexer->doc + lexer->doc_size, line, length);
	lexer->doc[lexer->doc_size + length] = '\n';
	lexer->doc_size += length + 1;
}

static void skip_line(struct schema_lexer *lexer)
{
	struct schema_place place = here(lexer);
	const char *start = lexer->file->text + lexer->offset;
	uint32_t before = lexer->offset;

	while (!at_end(lexer) && at(lexer, 0) != '\n')
		lexer->offset++;
	if (start[2] != '/')
		return;
	while (before > lexer->begin &&
	       strchr(" \t", lexer->file->text[before - 1]))
		before--;
	if (before == lexer->begin || lexer->file->text[before - 1] == '\n') {
		add_doc(lexer, start + 3, lexer->offset - place.offset - 3);
		return;
	}
	schema_report(lexer->reports, place,
		      "a comment with /// has to be on a line of its own");
	schema_hint(lexer->reports,
		    "move it above what it describes, or write // here");
}

static void skip_comment(struct schema_lexer *lexer)
{
	struct schema_place place = here(lexer);

	lexer->offset += 2;
	while (!at_end(lexer)) {
		if (at(lexer, 0) == '*' && at(lexer, 1) == '/') {
			lexer->offset += 2;
			return;
		}
		advance(lexer);
	}
	schema_report(lexer->reports, place, "this comment has no end");
	schema_hint(lexer->reports, "expected '*/'");
}

/* Hex digits of \x and \u, as UTF-8 in @to: how many bytes, or 0. */
static uint32_t read_escape(struct schema_lexer *lexer, uint32_t digits,
			    char *to)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < digits; i++) {
		char c = at(lexer, i);

		if (!is_hex_digit(c))
			return 0;
		value = value * 16 +
			(uint32_t)(is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
	}
	lexer->offset += digits;
	if (value < 0x80) {
		to[0] = (char)value;
		return value ? 1 : 0;
	}
	if (value < 0x800) {
		to[0] = (char)(0xc0 | value >> 6);
		to[1] = (char)(0x80 | (value & 0x3f));
		return digits == 2 ? 0 : 2;
	}
	to[0] = (char)(0xe0 | value >> 12);
	to[1] = (char)(0x80 | (value >> 6 & 0x3f));
	to[2] = (char)(0x80 | (value & 0x3f));
	return value >= 0xd800 && value < 0xe000 ? 0 : 3;
}

static uint32_t unescape(struct schema_lexer *lexer, char *to)
{
	static const char names[] = "ntrbf\"'\\/";
	static const char values[] = "\n\t\r\b\f\"'\\/";
	char c = at(lexer, 0);
	const char *name = c ? strchr(names, c) : NULL;

	if (c == 'x' || c == 'u') {
		lexer->offset++;
		return read_escape(lexer, c == 'x' ? 2 : 4, to);
	}
	if (!name)
		return 0;
	lexer->offset++;
	to[0] = values[name - names];
	return 1;
}

static void read_string(struct schema_lexer *lexer)
{
	struct schema_token *token = &lexer->token;
	char quote = at(lexer, 0);
	const char *source = lexer->file->text;
	uint32_t end = lexer->offset + 1, length = 0;
	char *text;

	/* What it means is not longer than how it is written. */
	while (end < lexer->file->size && source[end] != quote &&
	       source[end] != '\n')
		end += source[end] == '\\' && source[end + 1] != '\n' ? 2 : 1;
	text = schema_take(lexer->arena, end - lexer->offset + 4);
	token->kind = SCHEMA_TOKEN_STRING;
	token->text = text;
	lexer->offset++;
	while (at(lexer, 0) != quote) {
		struct schema_place place = here(lexer);
		unsigned char c = (unsigned char)at(lexer, 0);

		if (c < ' ') {
			schema_report(lexer->reports, token->place,
				      "this string has no end on its line");
			schema_hint(lexer->reports, "expected %c", quote);
			return;
		}
		lexer->offset++;
		if (c != '\\') {
			text[length++] = (char)c;
			continue;
		}
		c = (unsigned char)unescape(lexer, text + length);
		length += c;
		if (!c) {
			schema_report(lexer->reports, place,
				      "this escape in a string means nothing");
			schema_hint(lexer->reports,
				    "write \\\\ for a backslash");
		}
	}
	lexer->offset++;
}

/* A sign, and what may be in numbers: what it says is looked at later. */
static void read_number(struct schema_lexer *lexer)
{
	const char *start = lexer->file->text + lexer->offset;
	const char *c = start + (*start == '+' || *start == '-');
	bool is_hex = c[0] == '0' && (c[1] | 32) == 'x';

	while (is_letter(*c) || is_digit(*c) || *c == '.' ||
	       ((*c == '+' || *c == '-') && c > start && !is_hex &&
		(c[-1] | 32) == 'e'))
		c++;
	lexer->offset += (uint32_t)(c - start);
	lexer->token.kind = SCHEMA_TOKEN_NUMBER;
	lexer->token.text =
		schema_take_text(lexer->arena, start, (size_t)(c - start));
}

static void read_name(struct schema_lexer *lexer)
{
	uint32_t start = lexer->offset, length;

	while (is_letter(at(lexer, 0)) || is_digit(at(lexer, 0)))
		lexer->offset++;
	length = lexer->offset - start;
	lexer->token.kind = SCHEMA_TOKEN_NAME;
	if (length > SCHEMA_NAME_MAX) {
		schema_report(lexer->reports, lexer->token.place,
			      "a name of %u bytes; at most %u are allowed",
			      length, SCHEMA_NAME_MAX);
		schema_hint(lexer->reports, "choose a shorter one");
		length = SCHEMA_NAME_MAX;
	}
	lexer->token.text = schema_take_text(lexer->arena,
					     lexer->file->text + start, length);
}

/* Bytes that begin no token: one report for all of them. */
static void skip_illegal(struct schema_lexer *lexer)
{
	struct schema_place place = here(lexer);
	unsigned char c = (unsigned char)at(lexer, 0);

	if (c >= 0x80 &&
	    schema_utf8_length((const unsigned char *)lexer->file->text +
				       lexer->offset,
			       lexer->file->size - lexer->offset)) {
		schema_report(lexer->reports, place,
			      "names are of the letters a to z and A to Z, "
			      "digits, and '_'");
		schema_hint(lexer->reports, "choose another name");
	} else if (c < ' ' || c == 0x7f) {
		schema_report(lexer->reports, place,
			      "the byte 0x%02x has no meaning here", c);
		schema_hint(lexer->reports, "remove it");
	} else if (c < 0x80) {
		schema_report(lexer->reports, place,
			      "the character '%c' has no meaning here", c);
		schema_hint(lexer->reports,
			    "remove it: a comment begins with //");
	}
	do {
		advance(lexer);
		c = (unsigned char)at(lexer, 0);
	} while (!at_end(lexer) && (c >= 0x80 || !c));
}

/* Up to the next token; tells if there is one. */
static bool skip_space(struct schema_lexer *lexer)
{
	while (!at_end(lexer)) {
		char c = at(lexer, 0);

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			advance(lexer);
		else if (c == '/' && at(lexer, 1) == '/')
			skip_line(lexer);
		else if (c == '/' && at(lexer, 1) == '*')
			skip_comment(lexer);
		else if (is_letter(c) || is_digit(c) ||
			 (c && strchr("+-.\"'{}()[],:;=", c)))
			return true;
		else
			skip_illegal(lexer);
	}
	return false;
}

void schema_lexer_next(struct schema_lexer *lexer)
{
	struct schema_token *token = &lexer->token;
	bool more;
	char c;

	lexer->end = here(lexer);
	lexer->doc_size = 0;
	memset(token, 0, sizeof(*token));
	more = skip_space(lexer);
	if (lexer->doc_size)
		token->doc = schema_take_text(lexer->arena, lexer->doc,
					      lexer->doc_size - 1);
	if (!more) {
		token->kind = SCHEMA_TOKEN_END;
		token->place = here(lexer);
		token->start = lexer->file->text + lexer->file->size;
		return;
	}
	c = at(lexer, 0);
	token->place = here(lexer);
	token->start = lexer->file->text + lexer->offset;
	if (is_letter(c)) {
		read_name(lexer);
	} else if (is_digit(c) || c == '+' || c == '-' ||
		   (c == '.' && is_digit(at(lexer, 1)))) {
		read_number(lexer);
	} else if (c == '"' || c == '\'') {
		read_string(lexer);
	} else {
		token->kind = (unsigned char)c;
		lexer->offset++;
	}
	token->length = lexer->offset - token->place.offset;
}

void schema_lexer_start(struct schema_lexer *lexer,
			const struct schema_file *file,
			struct schema_arena *arena,
			struct schema_reports *reports)
{
	memset(lexer, 0, sizeof(*lexer));
	lexer->file = file;
	lexer->arena = arena;
	lexer->reports = reports;
	lexer->line = 1;
	check_utf8(file, reports);
	if (file->size >= 3 && !memcmp(file->text, "\xef\xbb\xbf", 3))
		lexer->begin = lexer->offset = 3;
	schema_lexer_next(lexer);
}
