// SPDX-License-Identifier: MIT
/* Names: a map from them, and what a wrong one was meant to be. */
#include <string.h>

#include "schema/names.h"

static struct schema_entry *find(const struct schema_map *map, const char *key)
{
	uint32_t hash = 2166136261u;

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	hash ^= hash >> 15;
	for (;; hash++) {
		struct schema_entry *entry =
			&map->entries[hash & (map->room - 1)];

		if (!entry->key || !strcmp(entry->key, key))
			return entry;
	}
}

void *schema_map_get(const struct schema_map *map, const char *key)
{
	return map->room ? find(map, key)->value : NULL;
}

static void grow(struct schema_map *map)
{
	struct schema_map larger = { .arena = map->arena,
				     .count = map->count,
				     .room = map->room ? 2 * map->room : 64 };

	larger.entries =
		schema_take(map->arena, larger.room * sizeof(*larger.entries));
	for (uint32_t i = 0; i < map->room; i++) {
		if (map->entries[i].key)
			*find(&larger, map->entries[i].key) = map->entries[i];
	}
	*map = larger;
}

void schema_map_set(struct schema_map *map, const char *key, void *value)
{
	struct schema_entry *entry;

	if (2 * map->count >= map->room)
		grow(map);
	entry = find(map, key);
	if (!entry->key) {
		entry->key = key;
		map->count++;
	}
	entry->value = value;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

/* Longer words are not guessed. */
#define LONGEST 48u

/*
 * How many characters to insert, remove, replace, or swap with the next one;
 * a letter of the other case costs nothing.
 */
static uint32_t distance(const char *a, const char *b)
{
	uint32_t rows[3][LONGEST + 1];
	uint32_t *before = rows[0], *row = rows[1], *next = rows[2];
	uint32_t size = (uint32_t)strlen(b);

	for (uint32_t j = 0; j <= size; j++)
		row[j] = j;
	for (uint32_t i = 1; a[i - 1]; i++) {
		uint32_t *free_row = before;

		next[0] = i;
		for (uint32_t j = 1; j <= size; j++) {
			uint32_t cost = lower(a[i - 1]) != lower(b[j - 1]);
			uint32_t best = row[j - 1] + cost;

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (next[j - 1] + 1 < best)
				best = next[j - 1] + 1;
			if (i > 1 && j > 1 &&
			    lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			next[j] = best;
		}
		before = row;
		row = next;
		next = free_row;
	}
	return row[size];
}

void schema_guess_start(struct schema_guess *guess, const char *word)
{
	size_t length = strlen(word);

	guess->word = word;
	guess->best = NULL;
	/* A quarter of the letters may be wrong, and one in any case. */
	guess->distance = length > LONGEST ? 0 : (uint32_t)(length + 3) / 4;
	if (guess->distance >= length)
		guess->distance = length > 1 ? (uint32_t)length - 1 : 0;
	guess->distance += length <= LONGEST;
}

void schema_guess_try(struct schema_guess *guess, const char *candidate)
{
	size_t length = strlen(candidate), size = strlen(guess->word);
	size_t least = length > size ? length - size : size - length;
	uint32_t found;

	if (length > LONGEST || least >= guess->distance)
		return;
	found = distance(guess->word, candidate);
	if (found < guess->distance) {
		guess->distance = found;
		guess->best = candidate;
	}
}
