/* SPDX-License-Identifier: MIT */
/*
 * Memory that is given back all at once: a schema, and what it is made from.
 *
 * Who takes memory need not look whether there was any: if there is none, the
 * arena jumps to the one place that ends the work.
 */
#ifndef FASTIPC_SCHEMA_ARENA_H
#define FASTIPC_SCHEMA_ARENA_H

#include <setjmp.h>
#include <stddef.h>

struct schema_chunk;

struct schema_arena {
	struct schema_chunk *chunks;
	size_t room;  /* bytes left in the newest chunk */
	jmp_buf none; /* set by the owner before anything is taken */
};

/* @size bytes of zeros, aligned for any type. */
void *schema_take(struct schema_arena *arena, size_t size);

/* A copy with a terminator. */
char *schema_take_text(struct schema_arena *arena, const char *text,
		       size_t length);

void schema_arena_free(struct schema_arena *arena);

#endif
