// SPDX-License-Identifier: MIT
/* What reading, writing and JSON of messages by descriptors have in common. */
#include "schema/reflect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

struct reflect_chunk {
	struct reflect_chunk *next;
	size_t used;
	size_t size;
	_Alignas(max_align_t) unsigned char data[];
};

#define CHUNK_SIZE 16384u

void *reflect_alloc(struct reflect_arena *arena, size_t size)
{
	struct reflect_chunk *chunk = arena->chunks;
	size_t align = _Alignof(max_align_t);
	size_t room;
	void *data;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) / align * align;
	if (!chunk || chunk->size - chunk->used < size) {
		room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->size = room;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	data = chunk->data + chunk->used;
	chunk->used += size;
	return data;
}

void *reflect_array(struct reflect_arena *arena, size_t count, size_t size)
{
	return size && count > SIZE_MAX / size
		       ? NULL
		       : reflect_alloc(arena, count * size);
}

void reflect_free(struct reflect_arena *arena)
{
	while (arena->chunks) {
		struct reflect_chunk *next = arena->chunks->next;

		free(arena->chunks);
		arena->chunks = next;
	}
}

/* ---- errors ---- */

static size_t print_path(char *text, size_t room,
			 const struct reflect_path *path)
{
	size_t used = 0;
	int count;

	if (path->up)
		used = print_path(text, room, path->up);
	if (path->name)
		count = snprintf(text + used, room - used, "%s%s",
				 used ? "." : "", path->name);
	else if (path->up)
		count = snprintf(text + used, room - used, "[%zu]",
				 path->index);
	else
		return 0;
	used += (size_t)count;
	return used < room ? used : room - 1;
}

int reflect_fail(struct reflect_error *error, int code,
		 const struct reflect_path *path, const char *format, ...)
{
	size_t used = 0;
	va_list args;

	if (!error)
		return code;
	/* A deep path must leave room for what is wrong. */
	if (path)
		used = print_path(error->text, sizeof(error->text) / 2, path);
	if (used)
		used += (size_t)snprintf(error->text + used,
					 sizeof(error->text) - used, ": ");
	va_start(args, format);
	vsnprintf(error->text + used, sizeof(error->text) - used, format, args);
	va_end(args);
	return code;
}

/* ---- descriptors, and scalars ---- */

static const uint8_t scalar_sizes[] = {
	[FASTIPC_TYPE_BOOL] = 1, [FASTIPC_TYPE_I8] = 1,	 [FASTIPC_TYPE_U8] = 1,
	[FASTIPC_TYPE_I16] = 2,	 [FASTIPC_TYPE_U16] = 2, [FASTIPC_TYPE_I32] = 4,
	[FASTIPC_TYPE_U32] = 4,	 [FASTIPC_TYPE_I64] = 8, [FASTIPC_TYPE_U64] = 8,
	[FASTIPC_TYPE_F32] = 4,	 [FASTIPC_TYPE_F64] = 8,
};

size_t reflect_size(const struct fastipc_schema *schema,
		    const struct fastipc_schema_field *field)
{
	if (field->type < FASTIPC_TYPE_STRING)
		return scalar_sizes[field->type];
	return field->type == FASTIPC_TYPE_STRUCT
		       ? schema->structs[field->ref].size
		       : 0;
}

const struct fastipc_schema_field *
reflect_field(const struct fastipc_schema_field *fields, size_t count,
	      const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	return NULL;
}

const struct fastipc_schema_member *
reflect_member(const struct fastipc_schema_union *any, unsigned int type)
{
	for (uint32_t i = 0; i < any->member_count; i++)
		if (any->members[i].value == type)
			return &any->members[i];
	return NULL;
}

const struct reflect_value *
reflect_find(const struct reflect_record *record,
	     const struct fastipc_schema_field *field)
{
	for (size_t i = 0; i < record->count; i++)
		if (record->values[i].field == field)
			return &record->values[i];
	return NULL;
}

uint64_t reflect_load(const uint8_t *from, size_t width)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < width; i++)
		bits |= (uint64_t)from[i] << 8 * i;
	return bits;
}

void reflect_store(uint8_t *to, size_t width, uint64_t bits)
{
	for (size_t i = 0; i < width; i++)
		to[i] = (uint8_t)(bits >> 8 * i);
}

enum reflect_tail reflect_tail(const struct fastipc_schema_field *field)
{
	bool vector = field->flags & FASTIPC_FIELD_VECTOR;

	switch (field->type) {
	case FASTIPC_TYPE_STRING:
		return vector ? REFLECT_STRINGS : REFLECT_STRING;
	case FASTIPC_TYPE_TABLE:
		return vector ? REFLECT_TABLES : REFLECT_TABLE;
	case FASTIPC_TYPE_UNION:
		return REFLECT_UNION;
	default:
		return vector ? REFLECT_ELEMENTS : REFLECT_NONE;
	}
}

/* Bytes of the character that begins at @at; 0 if none does. */
static size_t character(const uint8_t *at, size_t left)
{
	uint32_t code;
	size_t length;

	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xf8 || at[0] < 0xc0)
		return 0;
	length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (length > left)
		return 0;
	code = at[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	/* The shortest form only; no surrogates. */
	if (code < (length == 2 ? 0x80u : length == 3 ? 0x800u : 0x10000u))
		return 0;
	return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0
								    : length;
}

size_t reflect_utf8(const uint8_t *data, size_t size)
{
	size_t at = 0, length;

	while (at < size) {
		length = character(data + at, size - at);
		if (!length)
			break;
		at += length;
	}
	return at;
}
