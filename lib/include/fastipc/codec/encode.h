/* SPDX-License-Identifier: MIT */
/*
 * For generated code: encoding.
 */
#ifndef FASTIPC_CODEC_ENCODE_H
#define FASTIPC_CODEC_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/codec/bits.h>
#include <fastipc/codec/copy.h>
#include <fastipc/codec/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a header, a fixed section and ENDs. */
FASTIPC_CODEC size_t fastipc_head_size(uint32_t fixed, uint32_t count,
				       bool wide)
{
	return fixed + (size_t)fastipc_width(wide) * (count ? count : 1);
}

/*
 * The last byte of @words that is not 0 is in @top, the last word that is not,
 * or the first one; it begins at byte @base.  How many bytes are up to there?
 */
FASTIPC_CODEC uint32_t fastipc_trimmed(uint64_t top, uint32_t base)
{
	return base + 8 - (uint32_t)(__builtin_clzll(top | 1) >> 3) - !top;
}

FASTIPC_CODEC void fastipc_put_header(uint8_t *at, uint32_t fixed,
				      uint32_t count, bool wide)
{
	if (wide)
		fastipc_store_u32(at, fixed | count << 16);
	else
		fastipc_store_u16(at, (uint16_t)(fixed | count << 10));
}

/* From its register: two words are not to be one vector first. */
FASTIPC_CODEC void fastipc_put_word(uint8_t *at, uint64_t word)
{
	__asm__("" : "+r"(word));
	fastipc_store_u64(at, word);
}

/* Words where there is no room for whole ones. */
FASTIPC_CODEC_COLD void fastipc_put_words(uint8_t *at, const uint64_t *words,
					  uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		at[i] = (uint8_t)(words[i / 8] >> i % 8 * 8);
}

/* A vector of strings that has elements, or NULL. */
FASTIPC_CODEC uint8_t *fastipc_put_strings(uint8_t *at, const uint8_t *limit,
					   struct fastipc_string_array array,
					   bool wide)
{
	const uint32_t width = fastipc_width(wide);
	uint8_t *const start = at;
	uint8_t *ends = at + width;

	if ((size_t)(limit - at) / width < array.count)
		return NULL;
	fastipc_store_end(at, array.count, wide);
	at += width * array.count;
	for (size_t i = 0;; ends += width) {
		const struct fastipc_string string = array.data[i];

		if (FASTIPC_UNLIKELY((size_t)(limit - at) < string.size))
			return NULL;
		at = fastipc_put(at, string.data, string.size);
		if (++i == array.count)
			return at;
		fastipc_store_end(ends, (size_t)(at - start), wide);
	}
}

/*
 * Sizes, in 64 bits: none of these is more than a quarter of what they hold,
 * and whatever is over 32 bits fails in the end.
 */
#define FASTIPC_SIZE_MAX (UINT64_C(1) << 32)

/* @size and @more, or what is too large. */
FASTIPC_CODEC uint64_t fastipc_size_add(uint64_t size, uint64_t more)
{
	if (more > FASTIPC_SIZE_MAX)
		more = FASTIPC_SIZE_MAX;
	size += more;
	return size > FASTIPC_SIZE_MAX ? FASTIPC_SIZE_MAX : size;
}

/* Bytes of @count elements of @width, or what is too large. */
FASTIPC_CODEC uint64_t fastipc_size_of(size_t count, size_t width)
{
	return count > FASTIPC_SIZE_MAX / width ? FASTIPC_SIZE_MAX
						: (uint64_t)count * width;
}

FASTIPC_CODEC uint64_t fastipc_size_strings(struct fastipc_string_array array,
					    bool wide)
{
	uint64_t size = fastipc_size_of(array.count, fastipc_width(wide));

	for (size_t i = 0; i < array.count; i++)
		size = fastipc_size_add(size, array.data[i].size);
	return size;
}

#ifdef __cplusplus
}
#endif

#endif
