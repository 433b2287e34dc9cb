/* SPDX-License-Identifier: MIT */
/* A table for people. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

const struct table_style table_plain = {
	.rows = SIZE_MAX, .before = "", .after = "", .end = "\n"
};

int table_begin(struct table *table, const struct column *columns)
{
	memset(table, 0, sizeof(*table));
	table->columns = columns;
	while (columns[table->column_count].title)
		table->column_count++;
	table->out = open_memstream(&table->cells, &table->size);
	return table->out ? 0 : -ENOMEM;
}

void table_end_cell(struct table *table)
{
	fputc('\0', table->out);
	if (++table->column == table->column_count) {
		table->column = 0;
		table->rows++;
	}
}

static bool begins_character(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

/* In characters of UTF-8, each of which is taken to be one column wide. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += begins_character(*text);
	return width;
}

static void measure(const struct table *table, size_t widths[])
{
	const char *cell = table->cells;

	for (size_t i = 0; i < table->column_count; i++)
		widths[i] = width_of(table->columns[i].title);
	for (size_t row = 0; row < table->rows; row++)
		for (size_t i = 0; i < table->column_count; i++) {
			if (width_of(cell) > widths[i])
				widths[i] = width_of(cell);
			cell += strlen(cell) + 1;
		}
}

/* Print as much of @text as fits; *@room is what is left of the line. */
static void print_cut(FILE *out, const char *text, size_t *room)
{
	for (; *text; text++) {
		if (begins_character(*text)) {
			if (!*room)
				return;
			--*room;
		}
		fputc(*text, out);
	}
}

static void print_spaces(FILE *out, size_t count, size_t *room)
{
	for (; count && *room; count--, --*room)
		fputc(' ', out);
}

static void print_cell(const struct table *table, size_t column,
		       const char *text, size_t width, FILE *out, size_t *room)
{
	size_t padding = width - width_of(text);
	bool is_last = column + 1 == table->column_count;

	if (!table->columns[column].left)
		print_spaces(out, padding, room);
	print_cut(out, text, room);
	if (table->columns[column].left && !is_last)
		print_spaces(out, padding, room);
	if (!is_last)
		print_spaces(out, 2, room);
}

static void print_rows(const struct table *table, FILE *out,
		       const struct table_style *style, const size_t widths[])
{
	const char *cell = table->cells;

	for (size_t row = 0; row < table->rows && row < style->rows; row++) {
		size_t room = style->width ? style->width : SIZE_MAX;

		for (size_t i = 0; i < table->column_count; i++) {
			print_cell(table, i, cell, widths[i], out, &room);
			cell += strlen(cell) + 1;
		}
		fputs(style->end, out);
	}
}

void table_end(struct table *table, FILE *out, const struct table_style *style)
{
	size_t room = style->width ? style->width : SIZE_MAX;
	size_t widths[TABLE_COLUMNS_MAX];
	bool failed = ferror(table->out);

	failed |= fclose(table->out) != 0;
	if (!failed) {
		measure(table, widths);
		fputs(style->before, out);
		for (size_t i = 0; i < table->column_count; i++)
			print_cell(table, i, table->columns[i].title, widths[i],
				   out, &room);
		fputs(style->after, out);
		fputs(style->end, out);
		print_rows(table, out, style, widths);
	}
	free(table->cells);
}
