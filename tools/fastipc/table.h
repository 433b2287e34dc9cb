/* SPDX-License-Identifier: MIT */
/*
 * A table for people: all cells first, then columns as wide as their widest.
 */
#ifndef FASTIPC_TOOL_TABLE_H
#define FASTIPC_TOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct column {
	const char *title;
	bool left; /* text; numbers are flush right */
};

#define TABLE_COLUMNS_MAX 16

struct table {
	/* Write one cell after the other, row by row, and table_end_cell()
	 * behind each. */
	FILE *out;

	/* Private. */
	const struct column *columns;
	size_t column_count;
	size_t column; /* of the next cell */
	size_t rows;
	char *cells; /* each ended by NUL */
	size_t size;
};

/* @columns stay the caller's, and end with a title that is NULL.
 * 0 or -ENOMEM. */
int table_begin(struct table *table, const struct column *columns);
void table_end_cell(struct table *table);

/* How the lines are printed. */
struct table_style {
	size_t rows;	    /* at most, without the titles */
	size_t width;	    /* of a line at most; 0: any */
	const char *before; /* the titles, and ... */
	const char *after;  /* behind them */
	const char *end;    /* of each line */
};

/* For a file or a scrolling terminal. */
extern const struct table_style table_plain;

/* Print it and free it. */
void table_end(struct table *table, FILE *out, const struct table_style *style);

#endif
