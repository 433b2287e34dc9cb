// SPDX-License-Identifier: MIT
/*
 * The pattern that messages carry.  It is computed, not kept: a copy in the
 * server would count as the server's memory.
 */
#include "payload.h"

static uint64_t pattern_word(size_t index)
{
	return (index + 1) * 0x9E3779B97F4A7C15u;
}

void payload_fill(void *data, size_t size)
{
	for (size_t at = 0; at < size; at += 8) {
		uint64_t word = pattern_word(at / 8);

		memcpy((char *)data + at, &word, size - at < 8 ? size - at : 8);
	}
}

bool payload_is_intact(const void *data, size_t size, uint64_t sequence)
{
	const char *bytes = data;
	size_t begin = size < 8 ? size : 8;
	size_t end = size >= 16 ? size - 8 : size;
	uint64_t wrong = 0;
	size_t at;

	if (!payload_is_stamped(data, size, sequence))
		return false;
	for (at = begin; at + 8 <= end; at += 8) {
		uint64_t word;

		memcpy(&word, bytes + at, 8);
		wrong |= word ^ pattern_word(at / 8);
	}
	if (at < end) {
		uint64_t word = pattern_word(at / 8);

		wrong |= memcmp(bytes + at, &word, end - at) != 0;
	}
	return !wrong;
}
