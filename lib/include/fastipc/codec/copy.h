/* SPDX-License-Identifier: MIT */
/*
 * For generated code: copying, of a few bytes mostly.
 */
#ifndef FASTIPC_CODEC_COPY_H
#define FASTIPC_CODEC_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fastipc/codec/bits.h>
#include <fastipc/codec/gather.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Copy a few bytes by moves that overlap: a call to memcpy() and its choice of
 * a way take longer than that.  Returns where the copy ends.
 */
FASTIPC_CODEC uint8_t *fastipc_put(uint8_t *to, const void *from_, size_t size)
{
	const uint8_t *from = (const uint8_t *)from_;
	uint64_t first[4], last[4];

	if (size <= 16) {
		if (size >= 8) {
			memcpy(first, from, 8);
			memcpy(last, from + size - 8, 8);
			memcpy(to, first, 8);
			memcpy(to + size - 8, last, 8);
		} else if (size >= 4) {
			memcpy(first, from, 4);
			memcpy(last, from + size - 4, 4);
			memcpy(to, first, 4);
			memcpy(to + size - 4, last, 4);
		} else if (size) {
			const uint8_t middle = from[size / 2];
			const uint8_t end = from[size - 1];

			to[0] = from[0];
			to[size / 2] = middle;
			to[size - 1] = end;
		}
	} else if (size <= 32) {
		memcpy(first, from, 16);
		memcpy(last, from + size - 16, 16);
		memcpy(to, first, 16);
		memcpy(to + size - 16, last, 16);
	} else if (size <= 64) {
		memcpy(first, from, 32);
		memcpy(last, from + size - 32, 32);
		memcpy(to, first, 32);
		memcpy(to + size - 32, last, 32);
	} else if (size < FASTIPC_GATHER_LEAST) {
		memcpy(to, from, size);
	} else {
		fastipc_gather_put(to, from, size);
	}
	return to + size;
}

/*
 * Short strings are copied 16 bytes at a time wherever that many can be loaded,
 * and what is not of the string is cleared first: a choice of a way by the
 * length would be mispredicted again and again.  What is loaded beyond the
 * string is on the same page as its first byte, so it is there; a tool that
 * minds is told otherwise with -DFASTIPC_CODEC_WIDE=0, as sanitizers are.
 */
#if !defined(FASTIPC_CODEC_WIDE)
#if !defined(__SSE2__) || defined(__SANITIZE_ADDRESS__) || \
	defined(__SANITIZE_THREAD__)
#define FASTIPC_CODEC_WIDE 0
#elif defined(__has_feature)
#define FASTIPC_CODEC_WIDE \
	!(__has_feature(address_sanitizer) || \
	  __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer))
#else
#define FASTIPC_CODEC_WIDE 1
#endif
#endif

/* Room behind a string, for what is cleared there. */
#define FASTIPC_PUT_SLACK 16u

#if FASTIPC_CODEC_WIDE
/* From byte 16 - n on: n bytes that are kept, and others that are not. */
static const uint8_t fastipc_kept[32]
	__attribute__((aligned(32), unused)) = { 255, 255, 255, 255, 255, 255,
						 255, 255, 255, 255, 255, 255,
						 255, 255, 255, 255 };
#endif

/* The same as fastipc_put(); there are FASTIPC_PUT_SLACK bytes of room more. */
FASTIPC_CODEC uint8_t *fastipc_put_short(uint8_t *to, const void *from,
					 size_t size)
{
#if FASTIPC_CODEC_WIDE
	const void *some = from;
	const void *kept;

	/* What has no bytes may be nowhere. */
	if (FASTIPC_LIKELY(size - 1 < 16 &&
			   ((uintptr_t)some & 4095) <= 4096 - 16)) {
		kept = fastipc_kept + 16 - size;
		/* The compiler need not know how long what is there is. */
		__asm__("" : "+r"(some));
		_mm_storeu_si128(
			(__m128i *)(void *)to,
			_mm_and_si128(_mm_loadu_si128((const __m128i *)some),
				      _mm_loadu_si128((const __m128i *)kept)));
		return to + size;
	}
	if (!size)
		return to;
#endif
	return fastipc_put(to, from, size);
}

#ifdef __cplusplus
}
#endif

#endif
