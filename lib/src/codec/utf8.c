// SPDX-License-Identifier: MIT
/*
 * Is it UTF-8?  In the fastest way the CPU offers.
 *
 * The vector methods are J. Keiser and D. Lemire, "Validating UTF-8 In Less
 * Than One Instruction Per Byte", Software: Practice and Experience 51 (2021):
 * three table lookups, by the two halves of a byte and the upper half of the
 * next, tell all errors that two bytes show; what is left is whether bytes two
 * and three behind a lead byte continue it.
 */
#include <stdatomic.h>

#include <fastipc/codec.h>

#include "codec/utf8.h"
#include "codec/utf8_tables.h"

/* ---- Everywhere ---- */

static bool portable_usable(void)
{
	return true;
}

static inline bool continues(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Length of the character at @at, 0 if there is none: Unicode, table 3-7. */
static size_t character(const unsigned char *at, size_t left)
{
	const unsigned char lead = at[0];

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4 || left < 2 || !continues(at[1]))
		return 0;
	if (lead < 0xe0)
		return 2;
	if (left < 3 || !continues(at[2]) || (lead == 0xe0 && at[1] < 0xa0) ||
	    (lead == 0xed && at[1] > 0x9f))
		return 0;
	if (lead < 0xf0)
		return 3;
	if (left < 4 || !continues(at[3]) || (lead == 0xf0 && at[1] < 0x90) ||
	    (lead == 0xf4 && at[1] > 0x8f))
		return 0;
	return 4;
}

static bool portable(const unsigned char *floor, const unsigned char *data,
		     size_t size)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	size_t i = 0;

	(void)floor;
	while (i < size) {
		size_t length;

		if (size - i >= 8 && !(fastipc_load_u64(data + i) & high)) {
			i += 8;
			continue;
		}
		length = character(data + i, size - i);
		if (!length)
			return false;
		i += length;
	}
	return true;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* ---- 16 bytes at a time ---- */

#define TARGET_SSSE3 __attribute__((target("ssse3")))
#define TARGET_AVX2 __attribute__((target("avx2")))

#define ONES UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX

/* From byte n on: 32 bytes, all 0 but the last n. */
static const uint64_t last_kept[8]
	__attribute__((aligned(64))) = { 0, 0, 0, 0, ONES };

INLINE const unsigned char *kept_from(size_t byte)
{
	return (const unsigned char *)last_kept + byte;
}

static bool ssse3_usable(void)
{
	return __builtin_cpu_supports("ssse3");
}

INLINE TARGET_SSSE3 __m128i upper_128(__m128i bytes)
{
	return _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
}

/* Not 0 where these bytes, and those before them, are wrong. */
INLINE TARGET_SSSE3 __m128i errors_128(__m128i bytes, __m128i before)
{
	const __m128i one = _mm_alignr_epi8(bytes, before, 15);
	const __m128i two = _mm_alignr_epi8(bytes, before, 14);
	const __m128i three = _mm_alignr_epi8(bytes, before, 13);
	const __m128i pairs = _mm_and_si128(
		_mm_and_si128(_mm_shuffle_epi8(_mm_setr_epi8(BYTE_1_HIGH),
					       upper_128(one)),
			      _mm_shuffle_epi8(
				      _mm_setr_epi8(BYTE_1_LOW),
				      _mm_and_si128(one, _mm_set1_epi8(0x0f)))),
		_mm_shuffle_epi8(_mm_setr_epi8(BYTE_2_HIGH), upper_128(bytes)));
	/* The top bit is set where this must continue a lead byte. */
	const __m128i must = _mm_or_si128(
		_mm_subs_epu8(two, _mm_set1_epi8((char)(0xe0 - 0x80))),
		_mm_subs_epu8(three, _mm_set1_epi8((char)(0xf0 - 0x80))));

	return _mm_xor_si128(_mm_and_si128(must, _mm_set1_epi8((char)0x80)),
			     pairs);
}

/* Not 0 if the last character goes on behind these bytes. */
INLINE TARGET_SSSE3 __m128i open_128(__m128i bytes)
{
	return _mm_subs_epu8(bytes,
			     _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1,
					   -1, -1, -1, -1, (char)(0xf0 - 1),
					   (char)(0xe0 - 1), (char)(0xc0 - 1)));
}

INLINE TARGET_SSSE3 bool no_errors_128(__m128i wrong)
{
	return _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) ==
	       0xffff;
}

/* 16 bytes, of which the last @size count; those before become ASCII. */
INLINE TARGET_SSSE3 bool short_128(const unsigned char *from, size_t size)
{
	const __m128i bytes = _mm_and_si128(
		_mm_loadu_si128((const __m128i *)from),
		_mm_loadu_si128((const __m128i *)(kept_from(16 + size))));

	return no_errors_128(_mm_or_si128(
		errors_128(bytes, _mm_setzero_si128()), open_128(bytes)));
}

static TARGET_SSSE3 bool ssse3(const unsigned char *floor,
			       const unsigned char *data, size_t size)
{
	__m128i wrong = _mm_setzero_si128();
	__m128i before = _mm_setzero_si128();
	__m128i open = _mm_setzero_si128();
	size_t i = 0;

	if (size <= 16 && data + size - floor >= 16)
		return short_128(data + size - 16, size);
	while (i < size) {
		unsigned char last[16] = { 0 };
		__m128i bytes;

		if (size - i >= 16) {
			bytes = _mm_loadu_si128((const __m128i *)(data + i));
		} else {
			fastipc_put(last, data + i, size - i);
			bytes = _mm_loadu_si128((const __m128i *)last);
		}
		if (!_mm_movemask_epi8(bytes)) {
			wrong = _mm_or_si128(wrong, open);
			open = _mm_setzero_si128();
		} else {
			wrong = _mm_or_si128(wrong, errors_128(bytes, before));
			open = open_128(bytes);
		}
		before = bytes;
		i += 16;
	}
	return no_errors_128(_mm_or_si128(wrong, open));
}

/* ---- 32 bytes at a time ---- */

static bool avx2_usable(void)
{
	return __builtin_cpu_supports("avx2");
}

INLINE TARGET_AVX2 __m256i upper_256(__m256i bytes)
{
	return _mm256_and_si256(_mm256_srli_epi16(bytes, 4),
				_mm256_set1_epi8(0x0f));
}

/* @one, @two and @three: the bytes so many before each. */
INLINE TARGET_AVX2 __m256i errors_by_256(__m256i bytes, __m256i one,
					 __m256i two, __m256i three)
{
	const __m256i pairs = _mm256_and_si256(
		_mm256_and_si256(
			_mm256_shuffle_epi8(_mm256_setr_epi8(BYTE_1_HIGH,
							     BYTE_1_HIGH),
					    upper_256(one)),
			_mm256_shuffle_epi8(
				_mm256_setr_epi8(BYTE_1_LOW, BYTE_1_LOW),
				_mm256_and_si256(one, _mm256_set1_epi8(0x0f)))),
		_mm256_shuffle_epi8(_mm256_setr_epi8(BYTE_2_HIGH, BYTE_2_HIGH),
				    upper_256(bytes)));
	const __m256i must = _mm256_or_si256(
		_mm256_subs_epu8(two, _mm256_set1_epi8((char)(0xe0 - 0x80))),
		_mm256_subs_epu8(three, _mm256_set1_epi8((char)(0xf0 - 0x80))));

	return _mm256_xor_si256(
		_mm256_and_si256(must, _mm256_set1_epi8((char)0x80)), pairs);
}

INLINE TARGET_AVX2 __m256i errors_256(__m256i bytes, __m256i before)
{
	const __m256i across = _mm256_permute2x128_si256(before, bytes, 0x21);

	return errors_by_256(bytes, _mm256_alignr_epi8(bytes, across, 15),
			     _mm256_alignr_epi8(bytes, across, 14),
			     _mm256_alignr_epi8(bytes, across, 13));
}

INLINE TARGET_AVX2 __m256i load_256(const unsigned char *from)
{
	return _mm256_loadu_si256((const __m256i *)from);
}

INLINE TARGET_AVX2 __m256i open_256(__m256i bytes)
{
	return _mm256_subs_epu8(
		bytes,
		_mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
				 -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
				 -1, -1, -1, -1, -1, (char)(0xf0 - 1),
				 (char)(0xe0 - 1), (char)(0xc0 - 1)));
}

/* 32 bytes, of which the last @size count; those before become ASCII. */
INLINE TARGET_AVX2 __m256i short_256(const unsigned char *from, size_t size)
{
	const __m256i bytes =
		_mm256_and_si256(load_256(from), load_256(kept_from(size)));

	return _mm256_or_si256(errors_256(bytes, _mm256_setzero_si256()),
			       open_256(bytes));
}

/* 32 bytes behind at least three others of the same text. */
INLINE TARGET_AVX2 __m256i last_256(const unsigned char *from)
{
	const __m256i bytes = load_256(from);

	return _mm256_or_si256(errors_by_256(bytes, load_256(from - 1),
					     load_256(from - 2),
					     load_256(from - 3)),
			       open_256(bytes));
}

static TARGET_AVX2 bool avx2(const unsigned char *floor,
			     const unsigned char *data, size_t size)
{
	const unsigned char *const end = data + size;
	__m256i wrong = _mm256_setzero_si256();
	__m256i before = _mm256_setzero_si256();
	__m256i open = _mm256_setzero_si256();

	if (size < 35) {
		if (size > 32 || end - floor < 32)
			return ssse3(floor, data, size);
		wrong = short_256(end - 32, size);
		return _mm256_testz_si256(wrong, wrong);
	}
	for (; end - data >= 32; data += 32) {
		const __m256i bytes = load_256(data);

		if (!_mm256_movemask_epi8(bytes)) {
			wrong = _mm256_or_si256(wrong, open);
			open = _mm256_setzero_si256();
		} else {
			wrong = _mm256_or_si256(wrong,
						errors_256(bytes, before));
			open = open_256(bytes);
		}
		before = bytes;
	}
	/* The rest with what comes before it: some of it is seen again. */
	wrong = _mm256_or_si256(wrong, data < end ? last_256(end - 32) : open);
	return _mm256_testz_si256(wrong, wrong);
}

#endif /* __x86_64__ */

/* ---- Which one ---- */

const struct fastipc_utf8_variant fastipc_utf8_variants[] = {
#if defined(__x86_64__)
	{ "avx2", avx2_usable, avx2 },
	{ "ssse3", ssse3_usable, ssse3 },
#endif
	{ "portable", portable_usable, portable },
	{ NULL, NULL, NULL },
};

/*
 * The chosen function, first itself one that chooses.  Relaxed is enough: all
 * threads choose the same, and what is pointed at is constant.
 */
static bool choose(const unsigned char *floor, const unsigned char *data,
		   size_t size);

static _Atomic(fastipc_utf8_function) chosen = choose;

static __attribute__((cold)) bool choose(const unsigned char *floor,
					 const unsigned char *data, size_t size)
{
	const struct fastipc_utf8_variant *variant = fastipc_utf8_variants;

	while (!variant->usable())
		variant++;
	atomic_store_explicit(&chosen, variant->valid, memory_order_relaxed);
	return variant->valid(floor, data, size);
}

bool fastipc_utf8_valid(const void *data, size_t size)
{
	return fastipc_utf8_valid_in(data, data, size);
}

bool fastipc_utf8_valid_in(const void *floor, const void *data, size_t size)
{
	if (!size)
		return true;
	return atomic_load_explicit(&chosen, memory_order_relaxed)(floor, data,
								   size);
}
