// SPDX-License-Identifier: MIT
/*
 * Errors: collected, sorted by place, printed with their source.
 *
 * If there is no memory for a text, the error is only counted.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "schema/lexer.h"
#include "schema/report.h"

/* Of a long line, this much is shown. */
#define SHOWN 160u

static void add(struct schema_reports *reports, struct schema_place place,
		enum schema_severity severity, const char *format,
		va_list arguments)
{
	struct schema_report *report = &reports->list[reports->count];

	reports->stored = false;
	if (severity == SCHEMA_ERROR)
		reports->errors++;
	if (reports->count == SCHEMA_ERRORS_MAX)
		return;
	if (vasprintf(&report->message, format, arguments) < 0)
		return;
	for (char *c = report->message; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	report->place = place;
	report->severity = severity;
	report->hint = NULL;
	report->order = reports->count++;
	reports->stored = true;
}

bool schema_report(struct schema_reports *reports, struct schema_place place,
		   const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(reports, place, SCHEMA_ERROR, format, arguments);
	va_end(arguments);
	return reports->stored;
}

void schema_note(struct schema_reports *reports, struct schema_place place,
		 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(reports, place, SCHEMA_NOTE, format, arguments);
	va_end(arguments);
}

void schema_hint(struct schema_reports *reports, const char *format, ...)
{
	struct schema_report *report;
	va_list arguments;

	if (!reports->stored)
		return;
	report = &reports->list[reports->count - 1];
	free(report->hint);
	va_start(arguments, format);
	if (vasprintf(&report->hint, format, arguments) < 0)
		report->hint = NULL;
	va_end(arguments);
}

static int compare(const void *left, const void *right)
{
	const struct schema_report *a = left;
	const struct schema_report *b = right;

	if (a->place.file->index != b->place.file->index)
		return a->place.file->index < b->place.file->index ? -1 : 1;
	if (a->place.offset != b->place.offset)
		return a->place.offset < b->place.offset ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* The line of a place, or the part of a long one around it. */
static void set_source(struct schema_error *error, struct schema_place place)
{
	const char *text = place.file->text;
	uint32_t start = place.offset;
	uint32_t end = place.offset;

	while (start && text[start - 1] != '\n')
		start--;
	error->column = place.offset - start + 1;
	if (place.offset - start > SHOWN / 2)
		start = place.offset - SHOWN / 2;
	while (start < place.offset &&
	       ((unsigned char)text[start] & 0xc0) == 0x80)
		start++;
	while (end < place.file->size && text[end] != '\n' &&
	       end - start < SHOWN)
		end++;
	error->caret = place.offset - start;
	error->source = strndup(text + start, end - start);
}

static void move(struct schema_report *report, struct schema_errors *errors)
{
	struct schema_error error = { .line = report->place.line,
				      .severity = report->severity,
				      .message = report->message,
				      .hint = report->hint };
	struct schema_error *list;

	list = realloc(errors->list, (errors->count + 1) * sizeof(*list));
	if (list) {
		errors->list = list;
		error.file = strdup(report->place.file->public.path);
	}
	if (!error.file) {
		free(report->message);
		free(report->hint);
		return;
	}
	if (error.line)
		set_source(&error, report->place);
	errors->list[errors->count++] = error;
}

void schema_reports_move(struct schema_reports *reports,
			 struct schema_errors *errors)
{
	qsort(reports->list, reports->count, sizeof(reports->list[0]), compare);
	for (size_t i = 0; i < reports->count; i++)
		move(&reports->list[i], errors);
	errors->errors += reports->errors;
	reports->count = 0;
	reports->errors = 0;
}

/*
 * A schema may be anybody's: nothing in it moves the cursor of a terminal.
 * A character of several bytes is taken to have one column.
 */
static void print_line(const char *source, uint32_t caret, FILE *stream)
{
	uint32_t size = (uint32_t)strlen(source), length;

	fputs("  ", stream);
	for (uint32_t i = 0; i < size; i += length) {
		const unsigned char *c = (const unsigned char *)source + i;

		length = schema_utf8_length(c, size - i);
		if (!length || (*c == 0xc2 && c[1] < 0xa0) || *c == 0x7f ||
		    (*c < ' ' && *c != '\t'))
			fputc('?', stream);
		else
			fwrite(c, 1, length, stream);
		length += !length;
	}
	fputs("\n  ", stream);
	for (uint32_t i = 0; i < caret && i < size; i += length) {
		const unsigned char *c = (const unsigned char *)source + i;

		length = schema_utf8_length(c, size - i);
		fputc(*c == '\t' ? '\t' : ' ', stream);
		length += !length;
	}
	fputs("^\n", stream);
}

void schema_errors_print(const struct schema_errors *errors, FILE *stream)
{
	size_t told = 0;

	for (size_t i = 0; i < errors->count; i++) {
		const struct schema_error *error = &errors->list[i];
		bool is_note = error->severity == SCHEMA_NOTE;

		told += !is_note;
		fprintf(stream, "%s:", error->file);
		if (error->line)
			fprintf(stream, "%u:%u:", error->line, error->column);
		fprintf(stream, " %s: %s\n", is_note ? "note" : "error",
			error->message);
		if (error->source)
			print_line(error->source, error->caret, stream);
		if (error->hint)
			fprintf(stream, "  hint: %s\n", error->hint);
	}
	if (errors->errors > told)
		fprintf(stream, "and %zu errors more\n", errors->errors - told);
}

void schema_errors_free(struct schema_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++) {
		free(errors->list[i].file);
		free(errors->list[i].message);
		free(errors->list[i].source);
		free(errors->list[i].hint);
	}
	free(errors->list);
	memset(errors, 0, sizeof(*errors));
}
