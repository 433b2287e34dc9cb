// SPDX-License-Identifier: MIT
/*
 * Numbers in a schema.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schema/check.h"

enum number { NUMBER, NO_NUMBER, TOO_LARGE };

/* Decimal or 0x, the sign taken off. */
static enum number parse_magnitude(const char *text, uint64_t *value)
{
	uint64_t base = 10, sum = 0;
	bool is_large = false;

	if (text[0] == '0' && (text[1] | 32) == 'x') {
		base = 16;
		text += 2;
	} else if (text[0] == '0' && text[1]) {
		return NO_NUMBER;
	}
	if (!*text)
		return NO_NUMBER;
	for (; *text; text++) {
		char c = (char)(*text | 32);
		uint64_t digit =
			*text >= '0' && *text <= '9' ? (uint64_t)(*text - '0')
			: c >= 'a' && c <= 'f'	     ? (uint64_t)(c - 'a' + 10)
						     : 16;

		if (digit >= base)
			return NO_NUMBER;
		is_large = is_large || sum > (UINT64_MAX - digit) / base;
		sum = sum * base + digit;
	}
	*value = sum;
	return is_large ? TOO_LARGE : NUMBER;
}

bool schema_parse_plain(const char *text, uint64_t *value)
{
	return parse_magnitude(text, value) == NUMBER;
}

bool schema_parse_integer(struct schema_reports *reports,
			  const struct schema_token *token, int64_t least,
			  uint64_t most, uint64_t *value)
{
	const char *text = token->text;
	bool is_negative = *text == '-';
	enum number number;
	uint64_t magnitude;

	if (*text == '-' || *text == '+')
		text++;
	number = parse_magnitude(text, &magnitude);
	if (number == NO_NUMBER) {
		schema_report(reports, token->place,
			      "expected an integer, found '%.60s'",
			      token->text);
		schema_hint(reports, "write it in decimal, without zeros in "
				     "front, or as 0x1f");
		return false;
	}
	if (number == TOO_LARGE ||
	    (is_negative ? magnitude > 0 - (uint64_t)least
			 : magnitude > most)) {
		schema_report(reports, token->place,
			      "expected a number from %lld to %llu, found "
			      "%.60s",
			      (long long)least, (unsigned long long)most,
			      token->text);
		schema_hint(reports, "choose one of these, or a wider type");
		return false;
	}
	*value = is_negative ? 0 - magnitude : magnitude;
	return true;
}

const struct schema_range schema_ranges[] = {
	[FASTIPC_TYPE_BOOL] = { 0, 1 },
	[FASTIPC_TYPE_I8] = { INT8_MIN, INT8_MAX },
	[FASTIPC_TYPE_U8] = { 0, UINT8_MAX },
	[FASTIPC_TYPE_I16] = { INT16_MIN, INT16_MAX },
	[FASTIPC_TYPE_U16] = { 0, UINT16_MAX },
	[FASTIPC_TYPE_I32] = { INT32_MIN, INT32_MAX },
	[FASTIPC_TYPE_U32] = { 0, UINT32_MAX },
	[FASTIPC_TYPE_I64] = { INT64_MIN, INT64_MAX },
	[FASTIPC_TYPE_U64] = { 0, UINT64_MAX },
};

uint64_t schema_cut(uint64_t bits, uint8_t type)
{
	uint32_t size = schema_type_size(NULL, type, 0);

	return size < 8 ? bits & ((UINT64_C(1) << 8 * size) - 1) : bits;
}

/* [+-] digits [. digits] [e [+-] digits], inf, infinity, nan */
static bool is_float_text(const char *text)
{
	const char *digits = "0123456789";
	size_t whole, part = 0;

	text += *text == '+' || *text == '-';
	if (!strcmp(text, "inf") || !strcmp(text, "infinity") ||
	    !strcmp(text, "nan"))
		return true;
	whole = strspn(text, digits);
	text += whole;
	if (*text == '.') {
		part = strspn(++text, digits);
		if (!part)
			return false;
		text += part;
	}
	if (!whole && !part)
		return false;
	if ((*text | 32) == 'e') {
		text++;
		text += *text == '+' || *text == '-';
		if (!*text)
			return false;
		text += strspn(text, digits);
	}
	return !*text;
}

bool schema_parse_float(struct schema_reports *reports,
			const struct schema_token *token, uint8_t type,
			uint64_t *bits)
{
	bool is_large;

	if (!is_float_text(token->text)) {
		schema_report(reports, token->place,
			      "expected a number, found '%.60s'", token->text);
		schema_hint(reports, "write it as in 1.5, or 2e-3");
		return false;
	}
	/* No program here leaves the C locale; its point is '.'. */
	if (type == FASTIPC_TYPE_F32) {
		float value = strtof(token->text, NULL);
		uint32_t narrow;

		is_large = isinf(value) && !strchr(token->text, 'n');
		memcpy(&narrow, &value, sizeof(narrow));
		*bits = narrow;
	} else {
		double value = strtod(token->text, NULL);

		is_large = isinf(value) && !strchr(token->text, 'n');
		memcpy(bits, &value, sizeof(value));
	}
	if (is_large) {
		schema_report(reports, token->place,
			      "%.60s is too large for a %s", token->text,
			      schema_type_name(type));
		schema_hint(reports,
			    "choose a smaller number, or a wider type");
	}
	return !is_large;
}
