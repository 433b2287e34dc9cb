/* SPDX-License-Identifier: MIT */
/*
 * Schemas as texts: one that is right, and one of which it is to be seen.
 */
#ifndef SELFTESTS_UNIT_SCHEMA_TEXTS_H
#define SELFTESTS_UNIT_SCHEMA_TEXTS_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/schema.h"

/* It has no error. */
static inline struct fastipc_schema *load(const char *name, const char *text)
{
	struct schema_errors errors = { 0 };
	struct fastipc_schema *schema;
	int error =
		schema_load_text(name, text, strlen(text), &errors, &schema);

	schema_errors_print(&errors, stderr);
	schema_errors_free(&errors);
	assert_int_equal(error, 0);
	return schema;
}

/* Whether it has, and which. */
static inline int judge(const char *text, size_t size,
			struct schema_errors *errors)
{
	struct fastipc_schema *schema;
	int error = schema_load_text("t", text, size, errors, &schema);

	assert_true(!error == !!schema);
	/* Each tells what to do about it. */
	for (size_t i = 0; i < errors->count; i++)
		if (errors->list[i].severity == SCHEMA_ERROR &&
		    !errors->list[i].hint)
			fail_msg("no hint: %s", errors->list[i].message);
	schema_free(schema);
	return error;
}

#endif
