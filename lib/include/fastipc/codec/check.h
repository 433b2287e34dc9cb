/* SPDX-License-Identifier: MIT */
/*
 * For generated code: the checks that a record passes before it is read.
 */
#ifndef FASTIPC_CODEC_CHECK_H
#define FASTIPC_CODEC_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/codec/bits.h>
#include <fastipc/codec/utf8.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A record's header, and that its ENDs fit.  @rest is where the tails begin.
 * Not of a record without bytes.
 */
FASTIPC_CODEC bool fastipc_check_header(const uint8_t *data, size_t size,
					uint32_t *fixed, uint32_t *count,
					size_t *rest, bool wide)
{
	const uint32_t width = fastipc_width(wide);
	uint32_t header;

	/* Less than a header wraps. */
	if (FASTIPC_UNLIKELY(size - width >
			     (wide ? UINT32_MAX : FASTIPC_RECORD_SMALL) -
				     width))
		return false;
	header = fastipc_load_end(data, wide);
	*fixed = wide ? header & 0xffff : header & 0x3ff;
	*count = wide ? header >> 16 : header >> 10;
	/* One END fewer than fields, and as wide as the header. */
	*rest = *fixed + (size_t)width * (*count ? *count : 1);
	return *rest <= size && (*count || *rest == size);
}

/*
 * ENDs from number @i on, of @count fields, the one before being @before: none
 * decreases, none is beyond @size.
 */
FASTIPC_CODEC bool fastipc_check_ends(const uint8_t *ends, uint32_t i,
				      uint32_t count, size_t before,
				      size_t size, bool wide)
{
	const uint32_t width = fastipc_width(wide);
	bool wrong = false;

	for (; i + 1 < count; i++) {
		const size_t end =
			fastipc_load_end(ends + (size_t)i * width, wide);

		wrong |= end < before;
		before = end;
	}
	return !(wrong | (size < before));
}

/*
 * All ENDs of a record that is not large; up to eight of them at once, loaded
 * together with what is before them in the message, which begins at @floor.
 */
FASTIPC_CODEC bool fastipc_check_short_ends(const uint8_t *floor, size_t size,
					    const uint8_t *ends, uint32_t count,
					    size_t rest)
{
#if defined(__SSE2__)
	const uint32_t bytes = 2 * (count - 1);
	const uint8_t *last;
	__m128i now, more;
	uint32_t wrong;
#endif

	if (count < 2)
		return true;
#if defined(__SSE2__)
	if (FASTIPC_LIKELY(count <= 9 &&
			   (size_t)(ends - floor) + bytes >= 16)) {
		last = ends + bytes - 16;
		now = fastipc_load_128(last);
		/* Of the first one the neighbour is no END. */
		more = _mm_subs_epu16(_mm_slli_si128(now, 2), now);
		wrong = ~(uint32_t)_mm_movemask_epi8(
			_mm_cmpeq_epi16(more, _mm_setzero_si128()));
		wrong = (wrong & 0xffff) >> (18 - bytes);
		wrong |= fastipc_load_u16(ends) < rest;
		wrong |= fastipc_load_u16(last + 14) > size;
		return !wrong;
	}
#endif
	(void)floor;
	return fastipc_check_ends(ends, 0, count, rest, size, false);
}

/*
 * The count of a vector of strings or records that has bytes: its ENDs are
 * within it.  *@rest is where the first element begins.
 */
FASTIPC_CODEC bool fastipc_check_count(const uint8_t *data, size_t size,
				       uint32_t *count, size_t *rest, bool wide)
{
	const uint32_t width = fastipc_width(wide);

	if (size < width)
		return false;
	*count = fastipc_load_end(data, wide);
	*rest = (size_t)*count * width;
	return *count && *rest <= size;
}

/* Strings side by side, from @from to @to: bytes of UTF-8. */
FASTIPC_CODEC bool fastipc_check_text(const uint8_t *floor, const uint8_t *from,
				      const uint8_t *to)
{
	return FASTIPC_LIKELY(fastipc_ascii(floor, from, to)) ||
	       fastipc_utf8_valid_in(floor, from, (size_t)(to - from));
}

/*
 * Elements that are strings.  All of them at once are UTF-8, and none begins
 * within a character: so each is.
 */
FASTIPC_CODEC bool fastipc_check_strings(const uint8_t *floor,
					 const uint8_t *data, size_t size,
					 bool wide)
{
	const uint32_t width = fastipc_width(wide);
	uint32_t count;
	size_t rest;

	if (!size)
		return true;
	if (!fastipc_check_count(data, size, &count, &rest, wide) ||
	    !fastipc_check_ends(data + width, 0, count, rest, size, wide))
		return false;
	if (!FASTIPC_CODEC_UTF8 ||
	    FASTIPC_LIKELY(fastipc_ascii(floor, data + rest, data + size)))
		return true;
	for (uint32_t i = 1; i < count; i++)
		if (fastipc_splits(data + fastipc_load_end(data + i * width,
							   wide),
				   data + size))
			return false;
	return fastipc_utf8_valid_in(floor, data + rest, size - rest);
}

/* A vector of records, of a table that has strings and no other tails. */
struct fastipc_texts {
	uint32_t strings; /* that the schema knows, at least one */
	bool wide; /* ENDs of the vector have 32 bits; those of records 16 */
	bool utf8; /* strings are checked, too */
};

/* Elements that are such records, of a message that begins at @floor. */
bool fastipc_check_texts(const uint8_t *floor, const uint8_t *data, size_t size,
			 struct fastipc_texts texts);

#ifdef __cplusplus
}
#endif

#endif
