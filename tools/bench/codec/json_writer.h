/* SPDX-License-Identifier: MIT */
/*
 * JSON written by hand, as fast as we know: keys are constants with the comma
 * before them, strings are copied 32 (or 16) bytes at a time while nothing in
 * them needs a backslash, also beyond their ends as long as that is on the same
 * page; numbers go two digits at a time.  Room is looked for only at strings and
 * elements, for all that may follow up to the next.  Strings are not checked to
 * be UTF-8.
 */
#ifndef CODEC_JSON_WRITER_H
#define CODEC_JSON_WRITER_H

#include <charconv>
#include <immintrin.h>

#include "codec_bench.h"

#define put_literal(at, text) \
	((char *)memcpy(at, text, sizeof(text) - 1) + sizeof(text) - 1)

/* What is between them begins with a comma, which becomes @open. */
static inline char *put_end(char *start, char *at, char open, char close)
{
	if (at == start)
		at++;
	*start = open;
	*at = close;
	return at + 1;
}

static inline char *put_escaped(char *at, uint8_t byte)
{
	static const char hex[] = "0123456789abcdef";
	char letter = 0;

	switch (byte) {
	case '"':
	case '\\':
		letter = (char)byte;
		break;
	case '\n':
		letter = 'n';
		break;
	case '\t':
		letter = 't';
		break;
	case '\r':
		letter = 'r';
		break;
	case '\b':
		letter = 'b';
		break;
	case '\f':
		letter = 'f';
		break;
	}
	*at++ = '\\';
	if (letter) {
		*at++ = letter;
		return at;
	}
	at = put_literal(at, "u00");
	*at++ = hex[byte >> 4];
	*at++ = hex[byte & 15];
	return at;
}

#ifdef __AVX2__
#define BLOCK 32

/* Copy a block; bits of what in it is escaped. */
static inline uint32_t put_block(char *at, const char *from)
{
	const __m256i block = _mm256_loadu_si256((const __m256i *)from);
	const __m256i control = _mm256_cmpeq_epi8(
		_mm256_min_epu8(block, _mm256_set1_epi8(0x1f)), block);
	const __m256i marks = _mm256_or_si256(
		_mm256_cmpeq_epi8(block, _mm256_set1_epi8('"')),
		_mm256_cmpeq_epi8(block, _mm256_set1_epi8('\\')));

	_mm256_storeu_si256((__m256i *)at, block);
	return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(control, marks));
}
#else
#define BLOCK 16

static inline uint32_t put_block(char *at, const char *from)
{
	const __m128i block = _mm_loadu_si128((const __m128i *)from);
	const __m128i control =
		_mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
	const __m128i marks =
		_mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
			     _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));

	_mm_storeu_si128((__m128i *)at, block);
	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(control, marks));
}
#endif

/* More than is written between two looks for room, but for strings. */
#define SLACK 4096

static inline void need_room(const char *at, size_t size)
{
	const char *const end = (const char *)codec_out + CODEC_OUT_SIZE;

	if (__builtin_expect(size > (size_t)(end - at) - SLACK, 0))
		abort();
}

/* Less than a block; what is behind it is read only if there is a page. */
static inline uint32_t put_rest(char *at, const char *from, size_t size)
{
	char copy[BLOCK] = {};

	if (__builtin_expect(((uintptr_t)from & 4095) <= 4096 - BLOCK, 1))
		return put_block(at, from);
	memcpy(copy, from, size);
	return put_block(at, copy);
}

static inline char *put_text(char *at, const char *text, size_t size)
{
	need_room(at, size * 6);
	*at++ = '"';
	while (size) {
		const uint32_t escaped = size < BLOCK ? put_rest(at, text, size)
						      : put_block(at, text);
		size_t plain = escaped ? (size_t)__builtin_ctz(escaped) : BLOCK;

		if (plain >= size) {
			at += size;
			break;
		}
		at += plain;
		text += plain;
		size -= plain;
		if (escaped) {
			at = put_escaped(at, (uint8_t)*text++);
			size--;
		}
	}
	*at++ = '"';
	return at;
}

static inline char *put_name(char *at, const char *name)
{
	const size_t size = strlen(name);

	*at++ = '"';
	memcpy(at, name, size);
	at += size;
	*at++ = '"';
	return at;
}

static const char digit_pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233"
	"34353637383940414243444546474849505152535455565758596061626364656667"
	"6869707172737475767778798081828384858687888990919293949596979899";

static inline char *put_unsigned(char *at, uint64_t value)
{
	char digits[20], *first = digits + sizeof(digits);

	if (value < 10) {
		*at++ = (char)('0' + value);
		return at;
	}
	while (value >= 100) {
		first -= 2;
		memcpy(first, digit_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		first -= 2;
		memcpy(first, digit_pairs + value * 2, 2);
	} else {
		*--first = (char)('0' + value);
	}
	memcpy(at, first, (size_t)(digits + sizeof(digits) - first));
	return at + (digits + sizeof(digits) - first);
}

static inline char *put_signed(char *at, int64_t value)
{
	if (value >= 0)
		return put_unsigned(at, (uint64_t)value);
	*at++ = '-';
	return put_unsigned(at, -(uint64_t)value);
}

static inline char *put_digits(char *at, uint64_t value)
{
	*at++ = '"';
	*at++ = (char)('0' + value / 100);
	memcpy(at, digit_pairs + value % 100 * 2, 2);
	at += 2;
	*at++ = '"';
	return at;
}

static inline char *put_bool(char *at, bool value)
{
	return value ? put_literal(at, "true") : put_literal(at, "false");
}

/* The shortest digits that give the same number. */
static inline char *put_double(char *at, double value)
{
	return std::to_chars(at, at + 32, value).ptr;
}

static inline char *put_float(char *at, float value)
{
	return std::to_chars(at, at + 32, value).ptr;
}

#endif
