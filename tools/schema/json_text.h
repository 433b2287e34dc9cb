/* SPDX-License-Identifier: MIT */
/*
 * The text of JSON (RFC 8259) as a tree.  Numbers stay as they are written, so
 * that whoever knows their type converts them, once and exactly; and each
 * value knows its line.
 */
#ifndef FASTIPC_SCHEMA_JSON_TEXT_H
#define FASTIPC_SCHEMA_JSON_TEXT_H

#include "schema/reflect.h"

/* Arrays and objects in each other. */
#define JSON_DEPTH_MAX 256u

enum json_kind {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json {
	enum json_kind kind;
	uint32_t line;
	/* A string's characters, or a number as it is written; and a 0. */
	const char *text;
	size_t size;
	const char *key;    /* of an object's member; without a 0 within */
	struct json *first; /* of an array or object */
	struct json *next;
	size_t count; /* of elements or members */
};

/*
 * 0; -EINVAL and @error tells what is wrong in which line: also strings that
 * are not UTF-8; -ENOMEM.
 */
int json_parse_text(const char *text, size_t size, struct reflect_arena *arena,
		    struct json **json, struct reflect_error *error);

/* A member of an object, or NULL. */
const struct json *json_member(const struct json *object, const char *key);

/* "an object" and so on. */
const char *json_kind_name(enum json_kind kind);

#endif
