// SPDX-License-Identifier: MIT
/* Memory that is given back all at once. */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "schema/arena.h"

#define CHUNK 16384u
#define ALIGN alignof(max_align_t)

struct schema_chunk {
	struct schema_chunk *next;
	size_t size; /* of the data */
	alignas(max_align_t) char data[];
};

void *schema_take(struct schema_arena *arena, size_t size)
{
	struct schema_chunk *chunk = arena->chunks;
	size_t want = (size + ALIGN - 1) / ALIGN * ALIGN;

	if (!chunk || want > arena->room) {
		size_t data = want > CHUNK ? want : CHUNK;

		chunk = want < size ? NULL : calloc(1, sizeof(*chunk) + data);
		if (!chunk)
			longjmp(arena->none, 1);
		chunk->next = arena->chunks;
		chunk->size = data;
		arena->chunks = chunk;
		arena->room = data;
	}
	arena->room -= want;
	return chunk->data + arena->room;
}

char *schema_take_text(struct schema_arena *arena, const char *text,
		       size_t length)
{
	char *copy = schema_take(arena, length + 1);

	memcpy(copy, text, length);
	return copy;
}

void schema_arena_free(struct schema_arena *arena)
{
	while (arena->chunks) {
		struct schema_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	arena->room = 0;
}
