/* SPDX-License-Identifier: MIT */
/*
 * For generated code: are bytes ASCII, or else UTF-8?
 */
#ifndef FASTIPC_CODEC_UTF8_H
#define FASTIPC_CODEC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/codec/bits.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* fastipc_utf8_valid() of bytes in a message that begins at @floor. */
bool fastipc_utf8_valid_in(const void *floor, const void *data, size_t size);

/*
 * Are the bytes from @from to @to ASCII?  The message begins at @floor, so
 * that bytes before @from can be loaded, and shifted out.
 */
#if defined(__SSE2__)
FASTIPC_CODEC __m128i fastipc_load_128(const uint8_t *from)
{
	return _mm_loadu_si128((const __m128i *)(const void *)from);
}

/* The top bits of 32 bytes. */
FASTIPC_CODEC uint32_t fastipc_tops(const uint8_t *from)
{
#if defined(__AVX2__)
	return (uint32_t)_mm256_movemask_epi8(
		_mm256_loadu_si256((const __m256i *)(const void *)from));
#else
	return (uint32_t)_mm_movemask_epi8(fastipc_load_128(from)) |
	       (uint32_t)_mm_movemask_epi8(fastipc_load_128(from + 16)) << 16;
#endif
}
#endif

FASTIPC_CODEC bool fastipc_ascii(const uint8_t *floor, const uint8_t *from,
				 const uint8_t *to)
{
	const size_t size = (size_t)(to - from);
	uint8_t any = 0;
#if defined(__SSE2__)
	__m128i all;

	/* One way for all lengths up to here: none of it is predicted wrong. */
	if (FASTIPC_LIKELY(size <= 64 && to - floor >= 64)) {
		const uint64_t tops = fastipc_tops(to - 64) |
				      (uint64_t)fastipc_tops(to - 32) << 32;

		return !size || !(tops >> (64 - size));
	}
	if (size > 16) {
		/* The last 16 bytes, and those before them by 16 or 64. */
		all = fastipc_load_128(to -= 16);
		for (; to - from > 64; from += 64) {
			const __m128i one =
				_mm_or_si128(fastipc_load_128(from),
					     fastipc_load_128(from + 16));
			const __m128i two =
				_mm_or_si128(fastipc_load_128(from + 32),
					     fastipc_load_128(from + 48));

			all = _mm_or_si128(all, _mm_or_si128(one, two));
		}
		for (; from < to; from += 16)
			all = _mm_or_si128(all, fastipc_load_128(from));
		return !_mm_movemask_epi8(all);
	}
#else
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t all;

	if (size <= 8 && FASTIPC_LIKELY(to - floor >= 8))
		return !size ||
		       !((fastipc_load_u64(to - 8) & high) >> (64 - 8 * size));
	if (size > 8) {
		all = fastipc_load_u64(to -= 8);
		for (; from < to; from += 8)
			all |= fastipc_load_u64(from);
		return !(all & high);
	}
#endif
	while (from < to)
		any |= *from++;
	return any < 0x80;
}

/* Does the byte there continue a character?  Not if there is none. */
FASTIPC_CODEC bool fastipc_splits(const uint8_t *at, const uint8_t *end)
{
	return at < end && (*at & 0xc0) == 0x80;
}

#ifdef __cplusplus
}
#endif

#endif
