// SPDX-License-Identifier: MIT
/*
 * Checks long lists of records that have strings and nothing below them, in the
 * fastest way the CPU offers.
 *
 * AVX-512 loads only those bytes that a mask names, so that a record needs
 * neither a way for each length nor room beside it.  What the mask does not name
 * is not there as far as the CPU is concerned: it may be on no page.
 */
#include <stdatomic.h>

#include <fastipc/codec.h>

#include "codec/texts.h"
#include "codec/utf8_tables.h"

#define INLINE static inline __attribute__((always_inline))

/* A record that has tails. */
struct record {
	const uint8_t *data, *ends;
	size_t size, rest;
	uint32_t count; /* of tails */
};

/* Its header is there, and may be wrong. */
INLINE struct record record_of(const uint8_t *data, size_t size)
{
	const uint32_t header = fastipc_load_u16(data);
	const uint32_t fixed = header & 0x3ff;
	struct record record;

	record.data = data;
	record.size = size;
	record.count = header >> 10;
	record.ends = data + fastipc_width(false) + fixed;
	record.rest = fastipc_width(false) * (size_t)record.count + fixed;
	return record;
}

/* Where the last string ends that the reader's schema knows. */
INLINE const uint8_t *strings_end(const struct record *record, uint32_t strings)
{
	if (FASTIPC_LIKELY(record->count <= strings))
		return record->data + record->size;
	return record->data +
	       fastipc_load_u16(record->ends + 2 * (size_t)(strings - 1));
}

/* How many of its strings are followed by another one. */
INLINE uint32_t strings_followed(const struct record *record, uint32_t strings)
{
	return (record->count < strings ? record->count : strings) - 1;
}

/*
 * Of a record that has tails and is right so far: all strings at once are
 * UTF-8, and none begins within a character.
 */
static __attribute__((noinline)) bool is_utf8(const uint8_t *floor,
					      const uint8_t *data, size_t size,
					      uint32_t strings)
{
	const struct record record = record_of(data, size);
	const uint8_t *const from = data + record.rest;
	const uint8_t *const end = strings_end(&record, strings);
	const uint32_t followed = strings_followed(&record, strings);

	for (uint32_t i = 0; i < followed; i++)
		if (fastipc_splits(data + fastipc_load_u16(record.ends +
							   2 * (size_t)i),
				   end))
			return false;
	return fastipc_utf8_valid_in(floor, from, (size_t)(end - from));
}

/* Where element @i of @count ends, its number from 1 on. */
INLINE size_t element_end(const uint8_t *data, size_t size, uint32_t i,
			  uint32_t count, bool wide)
{
	if (i == count)
		return size;
	return fastipc_load_end(data + (size_t)i * fastipc_width(wide), wide);
}

/* ---- Everywhere ---- */

static bool portable_usable(void)
{
	return true;
}

INLINE bool portable_record(const uint8_t *floor, const uint8_t *data,
			    size_t size, uint32_t strings, bool utf8)
{
	struct record record;

	if (FASTIPC_UNLIKELY(size < 2 || size > FASTIPC_RECORD_SMALL))
		return !size;
	record = record_of(data, size);
	if (FASTIPC_UNLIKELY(!record.count))
		return record.ends == data + size;
	if (FASTIPC_UNLIKELY(record.rest > size ||
			     !fastipc_check_short_ends(floor, size, record.ends,
						       record.count,
						       record.rest)))
		return false;
	return !utf8 ||
	       FASTIPC_LIKELY(
		       fastipc_ascii(floor, data + record.rest, data + size)) ||
	       is_utf8(floor, data, size, strings);
}

INLINE bool portable_records(const uint8_t *floor, const uint8_t *data,
			     size_t size, struct fastipc_texts texts, bool wide)
{
	uint32_t count;
	size_t from, to;

	if (!fastipc_check_count(data, size, &count, &from, wide))
		return false;
	for (uint32_t i = 1; i <= count; i++, from = to) {
		to = element_end(data, size, i, count, wide);
		if (FASTIPC_UNLIKELY(to < from || to > size) ||
		    !portable_record(floor, data + from, to - from,
				     texts.strings, texts.utf8))
			return false;
	}
	return true;
}

static bool portable(const uint8_t *floor, const uint8_t *data, size_t size,
		     struct fastipc_texts texts)
{
	return texts.wide ? portable_records(floor, data, size, texts, true)
			  : portable_records(floor, data, size, texts, false);
}

#if defined(__x86_64__)

#include <immintrin.h>

/* ---- By AVX-512 ---- */

#define TARGET __attribute__((target("avx512bw,avx512vl,bmi2")))

/* So many ENDs fit into a vector of 16 bytes. */
#define ENDS_AT_ONCE 8

/* Bytes of text that leave room for three more in a vector. */
#define TEXT_AT_ONCE 61

static bool avx512_usable(void)
{
	return __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("bmi2");
}

INLINE TARGET __mmask8 first_ends(uint32_t count)
{
	return (__mmask8)_bzhi_u32(0xff, count);
}

INLINE TARGET uint64_t first_bytes(size_t count)
{
	return _bzhi_u64(UINT64_MAX, (unsigned int)count);
}

/* None decreases, the first is not below the tails, the last within @size. */
INLINE TARGET bool ends_right(const struct record *record, __mmask8 which)
{
	const __m128i ends = _mm_maskz_loadu_epi16(which, record->ends);
	const __m128i before =
		_mm_insert_epi16(_mm_slli_si128(ends, 2), (int)record->rest, 0);
	const __m128i most = _mm_set1_epi16((short)record->size);
	const __m128i wrong =
		_mm_or_si128(_mm_maskz_subs_epu16(which, before, ends),
			     _mm_subs_epu16(ends, most));

	return _mm_testz_si128(wrong, wrong);
}

/* Does one of @which strings end where a character goes on? */
INLINE TARGET bool ends_split(const struct record *record, __mmask8 which,
			      __m512i text)
{
	/* Bytes 0x80 to 0xbf, less than all others if they have signs. */
	const uint64_t continued =
		_mm512_cmplt_epi8_mask(text, _mm512_set1_epi8(-0x40));
	const __m512i places =
		_mm512_sub_epi64(_mm512_cvtepu16_epi64(_mm_maskz_loadu_epi16(
					 which, record->ends)),
				 _mm512_set1_epi64((long long)record->rest));
	const __m512i bits = _mm512_sllv_epi64(_mm512_set1_epi64(1), places);

	return _mm512_mask_test_epi64_mask(
		which, bits, _mm512_set1_epi64((long long)continued));
}

INLINE TARGET __m512i table_of(__m128i table)
{
	return _mm512_broadcast_i32x4(table);
}

INLINE TARGET __m512i upper(__m512i bytes)
{
	return _mm512_and_si512(_mm512_srli_epi16(bytes, 4),
				_mm512_set1_epi8(0x0f));
}

/*
 * Is a text UTF-8?  Behind it are at least three bytes of 0, with which a
 * character that is cut short is one that has errors.
 */
INLINE TARGET bool text_valid(__m512i text)
{
	const __m512i across =
		_mm512_alignr_epi32(text, _mm512_setzero_si512(), 12);
	const __m512i one = _mm512_alignr_epi8(text, across, 15);
	const __m512i two = _mm512_alignr_epi8(text, across, 14);
	const __m512i three = _mm512_alignr_epi8(text, across, 13);
	const __m512i pairs = _mm512_and_si512(
		_mm512_and_si512(
			_mm512_shuffle_epi8(table_of(_mm_setr_epi8(BYTE_1_HIGH)),
					    upper(one)),
			_mm512_shuffle_epi8(
				table_of(_mm_setr_epi8(BYTE_1_LOW)),
				_mm512_and_si512(one, _mm512_set1_epi8(0x0f)))),
		_mm512_shuffle_epi8(table_of(_mm_setr_epi8(BYTE_2_HIGH)),
				    upper(text)));
	/* The top bit is set where this must continue a lead byte. */
	const __m512i must = _mm512_or_si512(
		_mm512_subs_epu8(two, _mm512_set1_epi8((char)(0xe0 - 0x80))),
		_mm512_subs_epu8(three, _mm512_set1_epi8((char)(0xf0 - 0x80))));
	const __m512i wrong = _mm512_xor_si512(
		_mm512_and_si512(must, _mm512_set1_epi8((char)0x80)), pairs);

	return !_mm512_test_epi8_mask(wrong, wrong);
}

/* A record that was not looked at to the end. */
struct noted {
	const uint8_t *data;
	size_t size;
};

/*
 * So many records with bytes that are not ASCII are noted, and looked at one
 * after the other: it could not be predicted which they are.
 */
#define NOTED 64

static TARGET __attribute__((noinline)) bool
noted_are_utf8(const uint8_t *floor, struct noted *noted, size_t count,
	       uint32_t strings)
{
	size_t rest = 0;

	for (size_t i = 0; i < count; i++) {
		const struct record record =
			record_of(noted[i].data, noted[i].size);
		const uint8_t *const from = record.data + record.rest;
		const size_t size =
			(size_t)(strings_end(&record, strings) - from);
		__m512i text;

		if (FASTIPC_UNLIKELY(size > TEXT_AT_ONCE)) {
			noted[rest++] = noted[i];
			continue;
		}
		text = _mm512_maskz_loadu_epi8(first_bytes(size), from);
		if (ends_split(&record,
			       first_ends(strings_followed(&record, strings)),
			       text) ||
		    !text_valid(text))
			return false;
	}
	for (size_t i = 0; i < rest; i++) {
		const struct record record =
			record_of(noted[i].data, noted[i].size);

		if (!fastipc_ascii(floor, record.data + record.rest,
				   record.data + record.size) &&
		    !is_utf8(floor, record.data, record.size, strings))
			return false;
	}
	return true;
}

/* Are there bytes that are not ASCII, or more than a vector has? */
INLINE TARGET bool is_long_or_not_ascii(const uint8_t *text, size_t size)
{
	const __m512i bytes = _mm512_maskz_loadu_epi8(first_bytes(size), text);

	return (size > 64) | !!_mm512_movepi8_mask(bytes);
}

INLINE TARGET bool avx512_records(const uint8_t *floor, const uint8_t *data,
				  size_t size, struct fastipc_texts texts,
				  bool wide)
{
	struct noted noted[NOTED], *next = noted;
	uint32_t count;
	size_t from, to;

	if (!fastipc_check_count(data, size, &count, &from, wide))
		return false;
	for (uint32_t i = 1; i <= count; i++, from = to) {
		struct record record;

		to = element_end(data, size, i, count, wide);
		if (FASTIPC_UNLIKELY(to > size || to - from < 2 ||
				     to - from > FASTIPC_RECORD_SMALL))
			goto unusual;
		record = record_of(data + from, to - from);
		if (FASTIPC_UNLIKELY(record.count - 1 > ENDS_AT_ONCE ||
				     record.rest > record.size))
			goto unusual;
		if (FASTIPC_UNLIKELY(
			    !ends_right(&record, first_ends(record.count - 1))))
			return false;
		next->data = record.data;
		next->size = record.size;
		next += texts.utf8 &
			is_long_or_not_ascii(record.data + record.rest,
					     record.size - record.rest);
		if (FASTIPC_UNLIKELY(next == noted + NOTED)) {
			if (!noted_are_utf8(floor, noted, NOTED, texts.strings))
				return false;
			next = noted;
		}
		continue;
unusual:
		if (to < from || to > size ||
		    !portable_record(floor, data + from, to - from,
				     texts.strings, texts.utf8))
			return false;
	}
	return noted_are_utf8(floor, noted, (size_t)(next - noted),
			      texts.strings);
}

static TARGET bool avx512(const uint8_t *floor, const uint8_t *data,
			  size_t size, struct fastipc_texts texts)
{
	return texts.wide ? avx512_records(floor, data, size, texts, true)
			  : avx512_records(floor, data, size, texts, false);
}

#endif /* __x86_64__ */

/* ---- Which one ---- */

const struct fastipc_texts_variant fastipc_texts_variants[] = {
#if defined(__x86_64__)
	{ "avx512", avx512_usable, avx512 },
#endif
	{ "portable", portable_usable, portable },
	{ NULL, NULL, NULL },
};

/* The chosen function, first itself one that chooses, as in utf8.c. */
static bool choose(const uint8_t *floor, const uint8_t *data, size_t size,
		   struct fastipc_texts texts);

static _Atomic(fastipc_texts_function) chosen = choose;

static __attribute__((cold)) bool choose(const uint8_t *floor,
					 const uint8_t *data, size_t size,
					 struct fastipc_texts texts)
{
	const struct fastipc_texts_variant *variant = fastipc_texts_variants;

	while (!variant->usable())
		variant++;
	atomic_store_explicit(&chosen, variant->check, memory_order_relaxed);
	return variant->check(floor, data, size, texts);
}

bool fastipc_check_texts(const uint8_t *floor, const uint8_t *data, size_t size,
			 struct fastipc_texts texts)
{
	return atomic_load_explicit(&chosen, memory_order_relaxed)(floor, data,
								   size, texts);
}
