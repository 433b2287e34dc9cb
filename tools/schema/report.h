/* SPDX-License-Identifier: MIT */
/*
 * Errors as they are found: a place in a source, a sentence, a hint.
 */
#ifndef FASTIPC_SCHEMA_REPORT_H
#define FASTIPC_SCHEMA_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/schema.h"

struct schema_file {
	struct schema_source public;
	const char *text; /* ends with a 0 that is not part of it */
	uint32_t size;
	uint16_t index;
};

struct schema_place {
	const struct schema_file *file;
	uint32_t offset;
	uint32_t line; /* 0: the file as a whole */
};

struct schema_report {
	struct schema_place place;
	enum schema_severity severity;
	size_t order; /* in which they were found */
	char *message;
	char *hint;
};

struct schema_reports {
	struct schema_report list[SCHEMA_ERRORS_MAX];
	size_t count;
	size_t errors;
	bool stored; /* the newest one is in the list */
};

/* Also tells if it is told: else there is no use in looking for a hint. */
bool schema_report(struct schema_reports *reports, struct schema_place place,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void schema_note(struct schema_reports *reports, struct schema_place place,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* For the report before. */
void schema_hint(struct schema_reports *reports, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Sort them, and move them to @errors. */
void schema_reports_move(struct schema_reports *reports,
			 struct schema_errors *errors);

#endif
