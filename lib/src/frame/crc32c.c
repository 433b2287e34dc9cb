// SPDX-License-Identifier: MIT
/*
 * CRC-32C, alone or fused with a copy, in the fastest way the CPU offers.
 *
 * Each method is written once, as an inline function with a constant @copy,
 * and made into the plain and the copying variant by the compiler.
 *
 * Methods:
 *  - tables: M. E. Kounavis and F. L. Berry, "A Systematic Approach to
 *    Building High Performance Software-Based CRC Generators" (slicing-by-8).
 *  - crc32q takes 3 cycles but one can start in each, so three streams run
 *    side by side and a carry-less product joins them: V. Gopal et al., "Fast
 *    CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel.
 *  - folding 128-bit lanes: V. Gopal et al., "Fast CRC Computation for Generic
 *    Polynomials Using PCLMULQDQ Instruction", Intel.  The multiplier and the
 *    crc32q unit are different ones, so folding and streams run at once, as in
 *    P. Cawley's "Faster CRC32-C on x86" (corsix.org).
 */
#include <stdatomic.h>

#include "frame/crc32c.h"

#include <endian.h>
#include "frame/crc32c_tables.h"

#include "base/prefetch.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* What becomes of the bytes beside being summed: COPY_OUT to memory that is this
 * CPU's, COPY_IN to lines that another CPU has read. */
enum copying { NO_COPY, COPY_OUT, COPY_IN };

/* Words in memory, at any address and of any effective type. */
typedef uint64_t word64 __attribute__((aligned(1), may_alias));
typedef uint32_t word32 __attribute__((aligned(1), may_alias));
typedef uint16_t word16 __attribute__((aligned(1), may_alias));

/*
 * Load, and store if @copy; the value is the word.  The source may change under
 * our feet and a compiler may well load once for the store and once more for
 * the CRC, so an empty asm makes both use the one register.  (A volatile load
 * says the same, but then gcc spends an instruction on each address.)
 */
#define TAKE(type, class, from, to, copy) \
	({ \
		type taken_ = *(const type *)(from); \
\
		if (copy) { \
			__asm__("" : "+" class(taken_)); \
			*(type *)(to) = taken_; \
		} \
		taken_; \
	})
#define TAKE64(from, to, at, copy) \
	TAKE(word64, "r", (from) + (at), (to) + (at), copy)

/* ---- Everywhere: slicing-by-8 ---- */

ALWAYS_INLINE uint64_t from_little_endian(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(word);
#else
	return word;
#endif
}

ALWAYS_INLINE uint32_t tables(uint32_t crc, unsigned char *to,
			      const unsigned char *from, size_t size,
			      const enum copying copy)
{
	const uint32_t(*const slice)[256] = fastipc_crc32c_slices;
	size_t at = 0;

	for (; size - at >= 8; at += 8) {
		const uint64_t word =
			crc ^ from_little_endian(TAKE64(from, to, at, copy));

		crc = slice[7][word & 255] ^ slice[6][word >> 8 & 255] ^
		      slice[5][word >> 16 & 255] ^ slice[4][word >> 24 & 255] ^
		      slice[3][word >> 32 & 255] ^ slice[2][word >> 40 & 255] ^
		      slice[1][word >> 48 & 255] ^ slice[0][word >> 56];
	}
	for (; at < size; at++) {
		const unsigned char byte =
			TAKE(unsigned char, "r", from + at, to + at, copy);

		crc = slice[0][(crc ^ byte) & 255] ^ crc >> 8;
	}
	return crc;
}

static bool tables_usable(void)
{
	return true;
}

static uint32_t tables_crc(uint32_t crc, const void *data, size_t size)
{
	return tables(crc, NULL, data, size, NO_COPY);
}

static uint32_t tables_copy(uint32_t crc, void *destination, const void *source,
			    size_t size)
{
	return tables(crc, destination, source, size, COPY_OUT);
}

static uint32_t tables_frame(uint64_t w0, uint64_t w1, uint64_t w2,
			     void *destination, const void *source, size_t size)
{
	const uint64_t words[] = { htole64(w0), htole64(w1), htole64(w2) };

	return tables_copy(tables_crc(~0u, words, sizeof(words)), destination,
			   source, size);
}

#if defined(__x86_64__)

#include <immintrin.h>

#define TAKE128(from, to, at, copy) \
	TAKE(__m128i_u, "x", (from) + (at), (to) + (at), copy)
#define TAKE256(from, to, at, copy) \
	TAKE(__m256i_u, "x", (from) + (at), (to) + (at), copy)
#define TAKE512(from, to, at, copy) \
	TAKE(__m512i_u, "v", (from) + (at), (to) + (at), copy)

/* ---- SSE4.2 + PCLMULQDQ: crc32q in three streams ---- */

#define NEVER_INLINE __attribute__((noinline))
#define TARGET_SSE42 __attribute__((target("sse4.2,pclmul")))

/* NULL, when not copying, must stay NULL. */
ALWAYS_INLINE unsigned char *past(unsigned char *to, size_t size,
				  const enum copying copy)
{
	return copy ? to + size : NULL;
}

/* x^(64 n - 33): what moves a register past @n words. */
ALWAYS_INLINE const uint32_t *shift_by(size_t n)
{
	return &fastipc_crc32c_shifts[FASTIPC_CRC32C_SHIFT_MAX - n];
}

/* The next @n words into the register, one after the other. */
ALWAYS_INLINE TARGET_SSE42 uint64_t words_in_turn(uint64_t crc,
						  unsigned char *to,
						  const unsigned char *from,
						  unsigned int n,
						  const enum copying copy)
{
#pragma GCC unroll 8
	for (unsigned int i = 0; i < n; i++)
		crc = _mm_crc32_u64(crc, TAKE64(from, to, 8 * i, copy));
	return crc;
}

/*
 * Short pieces: no joining costs, and few branches, each on one bit of the
 * size, which a program that sends one size of message soon predicts.
 */
ALWAYS_INLINE TARGET_SSE42 uint32_t in_turn(uint64_t crc, unsigned char *to,
					    const unsigned char *from,
					    size_t size,
					    const enum copying copy)
{
	for (; size >= 64; size -= 64, from += 64, to = past(to, 64, copy))
		crc = words_in_turn(crc, to, from, 8, copy);
	if (size & 32) {
		crc = words_in_turn(crc, to, from, 4, copy);
		from += 32, to = past(to, 32, copy);
	}
	if (size & 16) {
		crc = words_in_turn(crc, to, from, 2, copy);
		from += 16, to = past(to, 16, copy);
	}
	if (size & 8) {
		crc = words_in_turn(crc, to, from, 1, copy);
		from += 8, to = past(to, 8, copy);
	}
	if (size & 4) {
		crc = _mm_crc32_u32(crc, TAKE(word32, "r", from, to, copy));
		from += 4, to = past(to, 4, copy);
	}
	if (size & 2) {
		crc = _mm_crc32_u16(crc, TAKE(word16, "r", from, to, copy));
		from += 2, to = past(to, 2, copy);
	}
	if (size & 1)
		crc = _mm_crc32_u8(crc,
				   TAKE(unsigned char, "r", from, to, copy));
	return crc;
}

/* What to XOR into a word that ends @n words after the register's bytes. */
ALWAYS_INLINE TARGET_SSE42 __m128i shifted(uint64_t crc, size_t n)
{
	return _mm_clmulepi64_si128(_mm_cvtsi64_si128(crc),
				    _mm_cvtsi32_si128(*shift_by(n)), 0);
}

/*
 * @n words in each of two streams and @n + OWN_WORDS in the third, whose last
 * word takes the other two in; the words before hide the time of the products.
 */
#define OWN_WORDS 5
ALWAYS_INLINE TARGET_SSE42 uint64_t three_streams(uint64_t crc,
						  unsigned char *to,
						  const unsigned char *from,
						  size_t n,
						  const enum copying copy)
{
	const unsigned char *b = from + 8 * n, *c = b + 8 * n;
	unsigned char *to_b = past(to, 8 * n, copy),
		      *to_c = past(to_b, 8 * n, copy);
	uint64_t crc_b = 0, crc_c = 0, word;
	size_t at;

	for (at = 0; at < 8 * n; at += 8) {
		crc = _mm_crc32_u64(crc, TAKE64(from, to, at, copy));
		crc_b = _mm_crc32_u64(crc_b, TAKE64(b, to_b, at, copy));
		crc_c = _mm_crc32_u64(crc_c, TAKE64(c, to_c, at, copy));
	}
	crc = _mm_cvtsi128_si64(_mm_xor_si128(shifted(crc, 2 * n + OWN_WORDS),
					      shifted(crc_b, n + OWN_WORDS)));
	crc_c = words_in_turn(crc_c, past(to_c, at, copy), c + at,
			      OWN_WORDS - 1, copy);
	word = TAKE64(c, to_c, at + 8 * (OWN_WORDS - 1), copy);
	return _mm_crc32_u64(crc_c, crc ^ word);
}

/* From here on the joining costs less than what the streams win. */
#define STREAMS_MIN 128
#define STREAMS_MAX ((FASTIPC_CRC32C_SHIFT_MAX - OWN_WORDS) / 2)

ALWAYS_INLINE TARGET_SSE42 uint32_t sse42_long(uint64_t crc, unsigned char *to,
					       const unsigned char *from,
					       size_t size,
					       const enum copying copy)
{
	while (size >= STREAMS_MIN) {
		size_t n = (size / 8 - OWN_WORDS) / 3, bytes;

		n = n < STREAMS_MAX ? n : STREAMS_MAX;
		bytes = 8 * (3 * n + OWN_WORDS);
		crc = three_streams(crc, to, from, n, copy);
		from += bytes, to = past(to, bytes, copy), size -= bytes;
	}
	return in_turn(crc, to, from, size, copy);
}

static bool sse42_usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("sse4.2") &&
	       __builtin_cpu_supports("pclmul");
}

static NEVER_INLINE TARGET_SSE42 uint32_t sse42_crc_long(uint32_t crc,
							 const void *data,
							 size_t size)
{
	return sse42_long(crc, NULL, data, size, NO_COPY);
}

static NEVER_INLINE TARGET_SSE42 uint32_t sse42_copy_long(uint32_t crc,
							  void *destination,
							  const void *source,
							  size_t size)
{
	return sse42_long(crc, destination, source, size, COPY_OUT);
}

static TARGET_SSE42 uint32_t sse42_crc(uint32_t crc, const void *data,
				       size_t size)
{
	if (__builtin_expect(size < STREAMS_MIN, 1))
		return in_turn(crc, NULL, data, size, NO_COPY);
	return sse42_crc_long(crc, data, size);
}

static TARGET_SSE42 uint32_t sse42_copy(uint32_t crc, void *destination,
					const void *source, size_t size)
{
	if (__builtin_expect(size < STREAMS_MIN, 1))
		return in_turn(crc, destination, source, size, COPY_OUT);
	return sse42_copy_long(crc, destination, source, size);
}

ALWAYS_INLINE TARGET_SSE42 uint32_t header_crc(uint64_t w0, uint64_t w1,
					       uint64_t w2)
{
	return (uint32_t)_mm_crc32_u64(
		_mm_crc32_u64(_mm_crc32_u64(~0u, w0), w1), w2);
}

static TARGET_SSE42 uint32_t sse42_frame(uint64_t w0, uint64_t w1, uint64_t w2,
					 void *destination, const void *source,
					 size_t size)
{
	return sse42_copy(header_crc(w0, w1, w2), destination, source, size);
}

/* ---- AVX2 + VPCLMULQDQ: folding, and crc32q in three streams, at once ---- */

#define TARGET_AVX2 __attribute__((target("avx2,vpclmulqdq,sse4.2,pclmul")))

/* The two lanes moved over the distances in @by, onto @next. */
ALWAYS_INLINE TARGET_AVX2 __m256i folded(__m256i lanes, __m256i by,
					 __m256i next)
{
	const __m256i low = _mm256_clmulepi64_epi128(lanes, by, 0x00);
	const __m256i high = _mm256_clmulepi64_epi128(lanes, by, 0x11);

	return _mm256_xor_si256(_mm256_xor_si256(low, next), high);
}

/* Four shifts in a row, for the four halves of two lanes. */
ALWAYS_INLINE TARGET_AVX2 __m256i distances(const uint32_t *shifts)
{
	return _mm256_cvtepu32_epi64(
		_mm_loadu_si128((const __m128i_u *)shifts));
}

/*
 * Per round, 128 bytes for the lanes and 3 * 32 for the streams: what keeps the
 * multiplier and the crc32q unit of Zen 3 about equally busy.
 */
#define STREAM_WORDS 4
#define ROUND (128 + 3 * 8 * STREAM_WORDS)
#define ROUNDS_MAX ((FASTIPC_CRC32C_SHIFT_MAX - 2 - 16) / (3 * STREAM_WORDS))

/* Those that are written some rounds later; of the last stream only so far that
 * hardly any are behind the piece, where somebody else's bytes may be. */
ALWAYS_INLINE void ask_for_lines(const unsigned char *to,
				 const unsigned char *a, const unsigned char *b,
				 const unsigned char *c)
{
	fastipc_prefetch_to_write(to + 1024);
	fastipc_prefetch_to_write(to + 1024 + 64);
	fastipc_prefetch_to_write(a + 512);
	fastipc_prefetch_to_write(b + 512);
	fastipc_prefetch_to_write(c + 256);
}

/*
 * @rounds times 128 bytes for the lanes, then @rounds times STREAM_WORDS words
 * for each stream, then two words that take all of them in.
 */
ALWAYS_INLINE TARGET_AVX2 uint64_t lanes_and_streams(uint64_t crc,
						     unsigned char *to,
						     const unsigned char *from,
						     size_t rounds,
						     const enum copying copy)
{
	const size_t size = 8 * STREAM_WORDS * rounds; /* of a stream */
	const unsigned char *a = from + 128 * rounds, *b = a + size,
			    *c = b + size;
	unsigned char *to_a = past(to, 128 * rounds, copy),
		      *to_b = past(to_a, size, copy),
		      *to_c = past(to_b, size, copy);
	const __m256i by = _mm256_set_epi64x(*shift_by(16), *shift_by(17),
					     *shift_by(16), *shift_by(17));
	__m256i lanes_0 = TAKE256(from, to, 0, copy);
	__m256i lanes_1 = TAKE256(from, to, 32, copy);
	__m256i lanes_2 = TAKE256(from, to, 64, copy);
	__m256i lanes_3 = TAKE256(from, to, 96, copy);
	uint64_t crc_a = 0, crc_b = 0, crc_c = 0;
	size_t at = 0;

	lanes_0 = _mm256_xor_si256(
		lanes_0, _mm256_zextsi128_si256(_mm_cvtsi64_si128(crc)));
	for (;;) {
		if (copy == COPY_IN)
			ask_for_lines(to, to_a + at, to_b + at, to_c + at);
#pragma GCC unroll 8
		for (unsigned int i = 0; i < STREAM_WORDS; i++, at += 8) {
			crc_a = _mm_crc32_u64(crc_a, TAKE64(a, to_a, at, copy));
			crc_b = _mm_crc32_u64(crc_b, TAKE64(b, to_b, at, copy));
			crc_c = _mm_crc32_u64(crc_c, TAKE64(c, to_c, at, copy));
		}
		if (at == size)
			break;
		from += 128, to = past(to, 128, copy);
		lanes_0 = folded(lanes_0, by, TAKE256(from, to, 0, copy));
		lanes_1 = folded(lanes_1, by, TAKE256(from, to, 32, copy));
		lanes_2 = folded(lanes_2, by, TAKE256(from, to, 64, copy));
		lanes_3 = folded(lanes_3, by, TAKE256(from, to, 96, copy));
	}

	/* Each lane over its own distance to the last two words. */
	const uint32_t *shifts = shift_by(3 * size / 8 + 2 + 15);
	__m256i sum = _mm256_setzero_si256();
	__m128i last = TAKE128(c, to_c, at, copy);

	sum = folded(lanes_0, distances(shifts), sum);
	sum = folded(lanes_1, distances(shifts + 4), sum);
	sum = folded(lanes_2, distances(shifts + 8), sum);
	sum = folded(lanes_3, distances(shifts + 12), sum);
	last = _mm_xor_si128(last, _mm256_castsi256_si128(sum));
	last = _mm_xor_si128(last, _mm256_extracti128_si256(sum, 1));
	crc_c = _mm_crc32_u64(crc_c, _mm_cvtsi128_si64(last));
	last = _mm_unpackhi_epi64(last, last);
	last = _mm_xor_si128(last, shifted(crc_a, 2 * size / 8 + 2));
	last = _mm_xor_si128(last, shifted(crc_b, size / 8 + 2));
	return _mm_crc32_u64(crc_c, _mm_cvtsi128_si64(last));
}

/* Below, reducing the lanes costs more than they win. */
#define LANES_MIN 512

ALWAYS_INLINE TARGET_AVX2 uint32_t avx2_long(uint64_t crc, unsigned char *to,
					     const unsigned char *from,
					     size_t size,
					     const enum copying copy)
{
	while (size >= LANES_MIN) {
		size_t rounds = (size - 16) / ROUND, bytes;

		rounds = rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX;
		bytes = rounds * ROUND + 16;
		crc = lanes_and_streams(crc, to, from, rounds, copy);
		from += bytes, to = past(to, bytes, copy), size -= bytes;
	}
	return sse42_long(crc, to, from, size, copy);
}

static bool avx2_usable(void)
{
	return sse42_usable() && __builtin_cpu_supports("avx2") &&
	       __builtin_cpu_supports("vpclmulqdq");
}

static NEVER_INLINE TARGET_AVX2 uint32_t avx2_crc_long(uint32_t crc,
						       const void *data,
						       size_t size)
{
	return avx2_long(crc, NULL, data, size, NO_COPY);
}

static NEVER_INLINE TARGET_AVX2 uint32_t avx2_copy_long(uint32_t crc,
							void *destination,
							const void *source,
							size_t size)
{
	return avx2_long(crc, destination, source, size, COPY_OUT);
}

static TARGET_AVX2 uint32_t avx2_copy_in(uint32_t crc, void *destination,
					 const void *source, size_t size)
{
	return avx2_long(crc, destination, source, size, COPY_IN);
}

static TARGET_SSE42 uint32_t avx2_crc(uint32_t crc, const void *data,
				      size_t size)
{
	if (__builtin_expect(size < STREAMS_MIN, 1))
		return in_turn(crc, NULL, data, size, NO_COPY);
	if (size < LANES_MIN)
		return sse42_crc_long(crc, data, size);
	return avx2_crc_long(crc, data, size);
}

static TARGET_SSE42 uint32_t avx2_copy(uint32_t crc, void *destination,
				       const void *source, size_t size)
{
	if (__builtin_expect(size < STREAMS_MIN, 1))
		return in_turn(crc, destination, source, size, COPY_OUT);
	if (size < LANES_MIN)
		return sse42_copy_long(crc, destination, source, size);
	return avx2_copy_long(crc, destination, source, size);
}

static TARGET_SSE42 uint32_t avx2_frame(uint64_t w0, uint64_t w1, uint64_t w2,
					void *destination, const void *source,
					size_t size)
{
	return avx2_copy(header_crc(w0, w1, w2), destination, source, size);
}

/* ---- AVX-512 + VPCLMULQDQ: folding alone, with stores of whole lines ---- */

#define TARGET_AVX512 \
	__attribute__(( \
		target("avx512f,avx512vl,avx2,vpclmulqdq,sse4.2,pclmul")))

/* The four lanes moved over @words words, onto @next. */
ALWAYS_INLINE TARGET_AVX512 __m512i folded_4(__m512i lanes, __m512i by,
					     __m512i next)
{
	return _mm512_ternarylogic_epi64(
		_mm512_clmulepi64_epi128(lanes, by, 0x00),
		_mm512_clmulepi64_epi128(lanes, by, 0x11), next, 0x96);
}

/* The same distance for all lanes, in words. */
ALWAYS_INLINE TARGET_AVX512 __m512i over(size_t words)
{
	return _mm512_broadcast_i32x4(
		_mm_set_epi64x(*shift_by(words), *shift_by(words + 1)));
}

/* One lane over @words words, onto @next. */
ALWAYS_INLINE TARGET_AVX512 __m128i folded_1(__m128i lane, size_t words,
					     __m128i next)
{
	const __m128i by =
		_mm_set_epi64x(*shift_by(words), *shift_by(words + 1));

	return _mm_ternarylogic_epi64(_mm_clmulepi64_si128(lane, by, 0x00),
				      _mm_clmulepi64_si128(lane, by, 0x11),
				      next, 0x96);
}

/* Both sides of what comes so much later, and no line behind the piece. */
#define AHEAD 1024

ALWAYS_INLINE void ask_ahead(const unsigned char *to, const unsigned char *from,
			     size_t left, const enum copying copy)
{
	if (left < AHEAD + 256)
		return;
#pragma GCC unroll 4
	for (size_t at = AHEAD; at < AHEAD + 256; at += 64) {
		if (copy == COPY_IN)
			fastipc_prefetch_to_write(to + at);
		if (copy != NO_COPY)
			__builtin_prefetch(from + at);
	}
}

/* Whole lines of a piece that has LINES_MIN bytes at least. */
ALWAYS_INLINE TARGET_AVX512 uint32_t lines(uint64_t crc, unsigned char *to,
					   const unsigned char *from,
					   size_t size, const enum copying copy)
{
	__m512i by = over(32);
	__m512i a = TAKE512(from, to, 0, copy), b = TAKE512(from, to, 64, copy);
	__m512i c = TAKE512(from, to, 128, copy);
	__m512i d = TAKE512(from, to, 192, copy);
	size_t at = 256;

	a = _mm512_xor_si512(
		a, _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)crc)));
	for (; size - at >= 256; at += 256) {
		ask_ahead(past(to, at, copy), from + at, size - at, copy);
		a = folded_4(a, by, TAKE512(from, to, at, copy));
		b = folded_4(b, by, TAKE512(from, to, at + 64, copy));
		c = folded_4(c, by, TAKE512(from, to, at + 128, copy));
		d = folded_4(d, by, TAKE512(from, to, at + 192, copy));
	}
	by = over(8);
	d = folded_4(a, over(24), folded_4(b, over(16), folded_4(c, by, d)));
	for (; size - at >= 64; at += 64)
		d = folded_4(d, by, TAKE512(from, to, at, copy));

	__m128i last = _mm512_extracti32x4_epi32(d, 3);

	last = folded_1(_mm512_castsi512_si128(d), 6, last);
	last = folded_1(_mm512_extracti32x4_epi32(d, 1), 4, last);
	last = folded_1(_mm512_extracti32x4_epi32(d, 2), 2, last);
	crc = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(last));
	crc = _mm_crc32_u64(crc, (uint64_t)_mm_extract_epi64(last, 1));
	return in_turn(crc, past(to, at, copy), from + at, size - at, copy);
}

/* Below, putting the lanes together costs more than they win. */
#define LINES_MIN 256

static bool avx512_usable(void)
{
	return avx2_usable() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512vl");
}

static NEVER_INLINE TARGET_AVX512 uint32_t avx512_crc_long(uint32_t crc,
							   const void *data,
							   size_t size)
{
	return lines(crc, NULL, data, size, NO_COPY);
}

static NEVER_INLINE TARGET_AVX512 uint32_t avx512_copy_long(uint32_t crc,
							    void *destination,
							    const void *source,
							    size_t size)
{
	return lines(crc, destination, source, size, COPY_OUT);
}

static NEVER_INLINE TARGET_AVX512 uint32_t avx512_copy_in_long(
	uint32_t crc, void *destination, const void *source, size_t size)
{
	return lines(crc, destination, source, size, COPY_IN);
}

static TARGET_SSE42 uint32_t avx512_crc(uint32_t crc, const void *data,
					size_t size)
{
	if (__builtin_expect(size < STREAMS_MIN, 1))
		return in_turn(crc, NULL, data, size, NO_COPY);
	if (size < LINES_MIN)
		return sse42_crc_long(crc, data, size);
	return avx512_crc_long(crc, data, size);
}

static TARGET_SSE42 uint32_t avx512_copy(uint32_t crc, void *destination,
					 const void *source, size_t size)
{
	if (__builtin_expect(size < STREAMS_MIN, 1))
		return in_turn(crc, destination, source, size, COPY_OUT);
	if (size < LINES_MIN)
		return sse42_copy_long(crc, destination, source, size);
	return avx512_copy_long(crc, destination, source, size);
}

static TARGET_SSE42 uint32_t avx512_copy_in(uint32_t crc, void *destination,
					    const void *source, size_t size)
{
	if (size < LINES_MIN)
		return sse42_copy_long(crc, destination, source, size);
	return avx512_copy_in_long(crc, destination, source, size);
}

static TARGET_SSE42 uint32_t avx512_frame(uint64_t w0, uint64_t w1, uint64_t w2,
					  void *destination, const void *source,
					  size_t size)
{
	return avx512_copy(header_crc(w0, w1, w2), destination, source, size);
}

#endif /* __x86_64__ */

/* ---- Which one ---- */

const struct fastipc_crc32c_variant fastipc_crc32c_variants[] = {
#if defined(__x86_64__)
	{ "avx512+vpclmulqdq", avx512_usable, avx512_crc, avx512_copy,
	  avx512_copy_in, avx512_frame },
	{ "avx2+vpclmulqdq", avx2_usable, avx2_crc, avx2_copy, avx2_copy_in,
	  avx2_frame },
	{ "sse4.2+pclmulqdq", sse42_usable, sse42_crc, sse42_copy, sse42_copy,
	  sse42_frame },
#endif
	{ "slicing-by-8", tables_usable, tables_crc, tables_copy, tables_copy,
	  tables_frame },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

static const struct fastipc_crc32c_variant *fastest(void)
{
	const struct fastipc_crc32c_variant *variant = fastipc_crc32c_variants;

	while (!variant->usable())
		variant++;
	return variant;
}

/*
 * The chosen functions, each first itself a function that chooses.  Relaxed is
 * enough: all threads choose the same, and what is pointed at is constant.
 */
typedef uint32_t (*crc_function)(uint32_t crc, const void *data, size_t size);
typedef uint32_t (*copy_function)(uint32_t crc, void *destination,
				  const void *source, size_t size);

typedef uint32_t (*frame_function)(uint64_t w0, uint64_t w1, uint64_t w2,
				   void *destination, const void *source,
				   size_t size);

static uint32_t choose_crc(uint32_t crc, const void *data, size_t size);
static uint32_t choose_copy(uint32_t crc, void *destination, const void *source,
			    size_t size);

static uint32_t choose_copy_in(uint32_t crc, void *destination,
			       const void *source, size_t size);
static uint32_t choose_frame(uint64_t w0, uint64_t w1, uint64_t w2,
			     void *destination, const void *source,
			     size_t size);

static _Atomic(crc_function) chosen_crc = choose_crc;
static _Atomic(copy_function) chosen_copy = choose_copy;
static _Atomic(copy_function) chosen_copy_in = choose_copy_in;
static _Atomic(frame_function) chosen_frame = choose_frame;

static __attribute__((cold)) uint32_t choose_crc(uint32_t crc, const void *data,
						 size_t size)
{
	const crc_function function = fastest()->crc;

	atomic_store_explicit(&chosen_crc, function, memory_order_relaxed);
	return function(crc, data, size);
}

static __attribute__((cold)) uint32_t
choose_copy(uint32_t crc, void *destination, const void *source, size_t size)
{
	const copy_function function = fastest()->copy;

	atomic_store_explicit(&chosen_copy, function, memory_order_relaxed);
	return function(crc, destination, source, size);
}

static __attribute__((cold)) uint32_t
choose_copy_in(uint32_t crc, void *destination, const void *source, size_t size)
{
	const copy_function function = fastest()->copy_in;

	atomic_store_explicit(&chosen_copy_in, function, memory_order_relaxed);
	return function(crc, destination, source, size);
}

static __attribute__((cold)) uint32_t
choose_frame(uint64_t w0, uint64_t w1, uint64_t w2, void *destination,
	     const void *source, size_t size)
{
	const frame_function function = fastest()->frame;

	atomic_store_explicit(&chosen_frame, function, memory_order_relaxed);
	return function(w0, w1, w2, destination, source, size);
}

uint32_t fastipc_crc32c_frame(uint64_t w0, uint64_t w1, uint64_t w2,
			      void *destination, const void *source,
			      size_t size)
{
	return atomic_load_explicit(&chosen_frame, memory_order_relaxed)(
		w0, w1, w2, destination, source, size);
}

uint32_t fastipc_crc32c(uint32_t crc, const void *data, size_t size)
{
	return atomic_load_explicit(&chosen_crc,
				    memory_order_relaxed)(crc, data, size);
}

uint32_t fastipc_crc32c_copy(uint32_t crc, void *destination,
			     const void *source, size_t size)
{
	return atomic_load_explicit(&chosen_copy, memory_order_relaxed)(
		crc, destination, source, size);
}

uint32_t fastipc_crc32c_copy_in(uint32_t crc, void *destination,
				const void *source, size_t size)
{
	return atomic_load_explicit(&chosen_copy_in, memory_order_relaxed)(
		crc, destination, source, size);
}
