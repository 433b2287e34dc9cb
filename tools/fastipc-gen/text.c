// SPDX-License-Identifier: MIT
/*
 * Pieces of text of generated code: comments, strings, numbers.
 */
#include "gen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void put(struct gen *gen, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(gen->out, format, arguments);
	va_end(arguments);
}

/* One line of a comment, which must not end it, nor seem to begin another. */
static void put_doc_line(struct gen *gen, const char *line, size_t length)
{
	while (length && line[length - 1] == ' ')
		length--;
	for (size_t i = 0; i < length; i++) {
		putc(line[i], gen->out);
		if (i + 1 < length && ((line[i] == '*' && line[i + 1] == '/') ||
				       (line[i] == '/' && line[i + 1] == '*')))
			putc(' ', gen->out);
	}
}

void put_doc(struct gen *gen, const char *indent, const char *doc)
{
	size_t length;

	if (!doc || !*doc)
		return;
	while (*doc == ' ')
		doc++;
	length = strcspn(doc, "\n");
	if (!doc[length] && length + 8 * strlen(indent) + 6 <= 80) {
		put(gen, "%s/* ", indent);
		put_doc_line(gen, doc, length);
		put(gen, " */\n");
		return;
	}
	put(gen, "%s/*\n", indent);
	while (*doc) {
		while (*doc == ' ')
			doc++;
		length = strcspn(doc, "\n");
		put(gen, "%s *%s", indent, length ? " " : "");
		put_doc_line(gen, doc, length);
		put(gen, "\n");
		doc += length + (doc[length] == '\n');
	}
	put(gen, "%s */\n", indent);
}

void put_string(struct gen *gen, const char *text)
{
	if (!text) {
		put(gen, "NULL");
		return;
	}
	putc('"', gen->out);
	for (; *text; text++) {
		const unsigned char byte = (unsigned char)*text;

		if (byte == '\n')
			put(gen, "\\n");
		else if (byte == '"' || byte == '\\' || byte == '?')
			put(gen, "\\%c", byte); /* no trigraphs */
		else if (byte < ' ' || byte == 0x7f)
			put(gen, "\\%03o", byte);
		else
			putc(byte, gen->out);
	}
	putc('"', gen->out);
}

static void put_signed(struct gen *gen, int64_t value, unsigned int width)
{
	if (width == 8 && value == INT64_MIN)
		put(gen, "INT64_MIN");
	else if (width == 8)
		put(gen, "INT64_C(%" PRId64 ")", value);
	else if (width == 4 && value == INT32_MIN)
		put(gen, "INT32_MIN");
	else
		put(gen, "%" PRId64, value);
}

void put_value(struct gen *gen, const struct fastipc_schema_field *field)
{
	const uint64_t bits = field->default_bits;

	switch (field->type) {
	case FASTIPC_TYPE_BOOL:
		put(gen, "%s", gen_bool(bits));
		break;
	case FASTIPC_TYPE_I8:
		put_signed(gen, (int8_t)bits, 1);
		break;
	case FASTIPC_TYPE_I16:
		put_signed(gen, (int16_t)bits, 2);
		break;
	case FASTIPC_TYPE_I32:
		put_signed(gen, (int32_t)bits, 4);
		break;
	case FASTIPC_TYPE_I64:
		put_signed(gen, (int64_t)bits, 8);
		break;
	case FASTIPC_TYPE_F32:
		put(gen, "fastipc_f32_of(UINT64_C(0x%" PRIx64 "))", bits);
		break;
	case FASTIPC_TYPE_F64:
		put(gen, "fastipc_f64_of(UINT64_C(0x%" PRIx64 "))", bits);
		break;
	case FASTIPC_TYPE_U64:
		put(gen, "UINT64_C(%" PRIu64 ")", bits);
		break;
	default:
		put(gen, "%" PRIu64 "u", bits);
		break;
	}
}
