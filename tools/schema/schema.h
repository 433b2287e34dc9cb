/* SPDX-License-Identifier: MIT */
/*
 * From a .fbs file to the descriptors of <fastipc/schema.h>.
 * fastipc_schema(5) is the language.
 *
 * All that is wrong in a schema and in what it includes is reported at once,
 * in the order of the sources; a schema with errors gives no descriptors.
 * Nothing here prints by itself, ends the process, or keeps global state.
 *
 *	struct schema_errors errors = { 0 };
 *	struct fastipc_schema *schema;
 *
 *	if (schema_load("chat.fbs", include_dirs, &errors, &schema) < 0)
 *		...
 *	schema_errors_print(&errors, stderr);
 *	schema_errors_free(&errors);
 *	schema_free(schema);
 */
#ifndef FASTIPC_SCHEMA_LOAD_H
#define FASTIPC_SCHEMA_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <fastipc/schema.h>

/* ---- what is wrong ---- */

enum schema_severity {
	SCHEMA_ERROR, /* there is no schema */
	SCHEMA_NOTE,  /* the schema is good; something in it has no effect */
};

struct schema_error {
	char *file;
	uint32_t line;	 /* from 1; 0: the file as a whole */
	uint32_t column; /* in bytes, from 1, a tab is one */
	enum schema_severity severity;
	char *message; /* one sentence without a full stop */
	char *source; /* the line of the source, or the part around it; or NULL */
	char *hint;   /* what to do about it, or NULL */
	uint32_t caret; /* where in `source` it is: bytes before it */
};

/* As many errors as are told; those behind them are only counted. */
#define SCHEMA_ERRORS_MAX 50u

/* All zeros is none. */
struct schema_errors {
	struct schema_error *list; /* by file (as included), line, column */
	size_t count;		   /* in the list: errors and notes */
	size_t errors;		   /* errors, those not in the list too */
};

/* file:line:column: error: message, the source line, a caret, the hint. */
void schema_errors_print(const struct schema_errors *errors, FILE *stream);

void schema_errors_free(struct schema_errors *errors);

/* ---- schemas ---- */

/* What is larger or deeper is refused with an error that says so. */
#define SCHEMA_FILE_MAX (4u << 20) /* bytes of one source */
#define SCHEMA_FILES_MAX 256u	   /* sources: a file and what it includes */
#define SCHEMA_INCLUDE_MAX 32u	   /* files that include each other */
#define SCHEMA_COUNT_MAX 65534u	   /* tables, structs, enums, values... */
#define SCHEMA_STRUCT_DEPTH_MAX 64u
#define SCHEMA_NAME_MAX 255u /* bytes of a name with its namespace */

/*
 * Read @path and what it includes: looked for from the directory of the file
 * that includes, then in @include_dirs (ends with NULL; may be NULL).
 *
 * 0; -EINVAL the schema is wrong, or a file that it includes cannot be read;
 * -errno @path cannot be read (@errors tells more in both cases); -ENOMEM.  *schema is NULL unless 0 is returned.
 */
int schema_load(const char *path, const char *const *include_dirs,
		struct schema_errors *errors, struct fastipc_schema **schema);

/*
 * The same for a text in memory, which may contain any bytes, and cannot
 * include anything.  @name stands for the file in errors.
 */
int schema_load_text(const char *name, const char *text, size_t size,
		     struct schema_errors *errors,
		     struct fastipc_schema **schema);

/* NULL is allowed.  Only what schema_load() made. */
void schema_free(struct fastipc_schema *schema);

/* ---- what the descriptors do not tell: only of a loaded schema ---- */

struct schema_source {
	const char *path; /* as it was opened */
	const char *name; /* as the include statement writes it; or the path */
	/* Sources that it includes itself: indexes, in order. */
	const uint16_t *includes;
	uint16_t include_count;
};

/*
 * The files that a schema was read from.  0 is the one that was asked for;
 * a file that is included twice is there once.
 */
const struct schema_source *schema_sources(const struct fastipc_schema *schema,
					   size_t *count);

/*
 * Index of the source that declares a table, struct, enum, union or service
 * of the schema: @declaration points into one of its arrays.
 */
uint16_t schema_source_of(const struct fastipc_schema *schema,
			  const void *declaration);

/* ---- to find one's way in any schema ---- */

/*
 * Index of the table with a name: the qualified one ("a.b.Item"), or its last
 * part if no other table has it too.  FASTIPC_SCHEMA_NONE if there is none.
 */
uint16_t schema_find_table(const struct fastipc_schema *schema,
			   const char *name);

/* Bytes of a scalar, of a FASTIPC_TYPE_STRUCT its size; else 0. */
uint32_t schema_type_size(const struct fastipc_schema *schema, uint8_t type,
			  uint16_t ref);

/* "uint" and so on, as the language names a scalar or string; else NULL. */
const char *schema_type_name(uint8_t type);

#endif
