/* SPDX-License-Identifier: MIT */
/* What the command writes: errors, JSON, names, quantities. */
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include <fastipc/types.h>

#include "print.h"

void complain(const char *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "fastipc %s: ", command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void complain_error(const char *command, int error, const char *format, ...)
{
	const char *detail = fastipc_error_detail();
	va_list args;

	if (!detail[0])
		detail = fastipc_strerror(error);
	fprintf(stderr, "fastipc %s: ", command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", detail);
}

static int is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the UTF-8 character at @bytes; 0 if it is not one. */
static size_t utf8_length(const unsigned char *bytes, size_t size)
{
	unsigned char first = bytes[0];
	size_t length = first < 0x80   ? 1
			: first < 0xe0 ? 2
			: first < 0xf0 ? 3
				       : 4;

	if (length == 1)
		return 1;
	if (first < 0xc2 || first > 0xf4 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (!is_continuation(bytes[i]))
			return 0;
	/* Overlong forms, surrogates, and beyond U+10FFFF. */
	if ((first == 0xe0 && bytes[1] < 0xa0) ||
	    (first == 0xed && bytes[1] >= 0xa0) ||
	    (first == 0xf0 && bytes[1] < 0x90) ||
	    (first == 0xf4 && bytes[1] >= 0x90))
		return 0;
	return length;
}

int is_utf8(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < size;) {
		size_t length = utf8_length(at + i, size - i);

		if (!length)
			return 0;
		i += length;
	}
	return 1;
}

void json_string(FILE *out, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	fputc('"', out);
	for (size_t i = 0; i < size;) {
		size_t length = utf8_length(at + i, size - i);

		if (!length) {
			fputs("\\ufffd", out);
			i++;
			continue;
		}
		if (at[i] == '"' || at[i] == '\\')
			fprintf(out, "\\%c", at[i]);
		else if (at[i] < 0x20 || at[i] == 0x7f)
			fprintf(out, "\\u%04x", at[i]);
		else
			fwrite(at + i, 1, length, out);
		i += length;
	}
	fputc('"', out);
}

void json_hex(FILE *out, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	fputc('"', out);
	for (size_t i = 0; i < size; i++)
		fprintf(out, "%02x", at[i]);
	fputc('"', out);
}

void print_name(FILE *out, const char *name)
{
	const unsigned char *at = (const unsigned char *)name;
	size_t left = strlen(name);

	while (left) {
		size_t length = utf8_length(at, left);
		/* U+0080..U+009F control a terminal as well. */
		int c1 = length == 2 && at[0] == 0xc2 && at[1] < 0xa0;

		if (*at == '\n') {
			fputs("\\n", out);
		} else if (*at == '\\') {
			fputs("\\\\", out);
		} else if (!length || c1 || iscntrl(*at)) {
			fprintf(out, "\\x%02x", *at);
			length = 1;
		} else {
			fwrite(at, 1, length, out);
		}
		at += length;
		left -= length;
	}
}

const char *bytes_text(uint64_t bytes, char text[16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1000 && unit < 4) {
		value /= 1000;
		unit++;
	}
	snprintf(text, 16, unit ? "%.3g %s" : "%.0f %s", value, units[unit]);
	return text;
}

const char *time_text(uint64_t ns, char text[16])
{
	if (ns < 10000)
		snprintf(text, 16, "%.2f us", (double)ns / 1e3);
	else if (ns < 1000000)
		snprintf(text, 16, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(text, 16, "%.2f ms", (double)ns / 1e6);
	else
		snprintf(text, 16, "%.2f s", (double)ns / 1e9);
	return text;
}

const char *age_text(uint64_t ns, char text[16])
{
	uint64_t seconds = ns / 1000000000;
	unsigned int minutes = (unsigned int)(seconds / 60 % 60);
	unsigned int hours = (unsigned int)(seconds / 3600 % 24);

	if (seconds < 3600)
		snprintf(text, 16, "%um%02us", minutes,
			 (unsigned int)(seconds % 60));
	else if (seconds < 86400)
		snprintf(text, 16, "%uh%02um", hours, minutes);
	else
		snprintf(text, 16, "%ud%02uh", (unsigned int)(seconds / 86400),
			 hours);
	return text;
}
