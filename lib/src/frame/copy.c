// SPDX-License-Identifier: MIT
/*
 * Copying between a ring and other memory.
 *
 * glibc's memcpy() uses `rep movsb` for these sizes on current CPUs, which is
 * fastest when both sides are in this core's caches.  One side of these copies
 * is in the other core's: plain loads and stores, with the lines of both sides
 * fetched ahead, to be read or to be written, move 1.1 to 2 times as much
 * (measured between two CPUs, 256 KiB ring).  Not so from Zen 5 on: there long
 * pieces take 0.8 to 0.95 of the time if both ends use `rep movsb`, and more if
 * one of them does.
 */
#include "frame/frame.h"

#include "base/prefetch.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#define LINE 64
/* Far enough to cover a transfer from another core's cache. */
#define AHEAD 1024

static inline void copy_line(char *to, const char *from)
{
	memcpy(to, from, 16);
	memcpy(to + 16, from + 16, 16);
	memcpy(to + 32, from + 32, 16);
	memcpy(to + 48, from + 48, 16);
}

#if defined(__x86_64__)

/* The fragments of messages that are longer than one. */
#define STRING_MIN (FASTIPC_FRAGMENT_PAYLOAD - 64u)

#define ZEN_5 0x1au

/* AMD's family: what is in the word of CPUID 1, with the extension. */
static bool is_zen_5(void)
{
	unsigned int version, features, c, d;

	if (!__builtin_cpu_is("amd") ||
	    !__get_cpuid(1, &version, &features, &c, &d))
		return false;
	return (version >> 8 & 15) + (version >> 20 & 255) >= ZEN_5;
}

static bool likes_strings(void)
{
	static uint32_t known; /* CPUID may take long: 1 no, 2 yes */
	uint32_t answer = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (__builtin_expect(!answer, 0)) {
		answer = is_zen_5() ? 2 : 1;
		__atomic_store_n(&known, answer, __ATOMIC_RELAXED);
	}
	return answer == 2;
}

/* By whole lines of what is written; at least a line. */
static inline void copy_string(char *to, const char *from, size_t size)
{
	size_t head = -(uintptr_t)to & (LINE - 1);

	copy_line(to, from);
	to += head;
	from += head;
	size -= head;
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(size)::"memory");
}

#define TARGET_AVX __attribute__((target("avx")))
/* Shorter ones are over before this is faster. */
#define WIDE_MIN (AHEAD + 4 * LINE)

static inline TARGET_AVX void copy_line_by_32(char *to, const char *from)
{
	__m256i low = _mm256_loadu_si256((const __m256i *)from);
	__m256i high = _mm256_loadu_si256((const __m256i *)(from + 32));

	_mm256_storeu_si256((__m256i *)to, low);
	_mm256_storeu_si256((__m256i *)(to + 32), high);
}

/*
 * The first part of at least WIDE_MIN bytes, by whole lines of the ring; returns
 * how much.  Two to four loads and stores in flight for a line instead of four
 * to eight: 1.1 times as fast; vectors of 64 bytes win nothing over it.
 */
static TARGET_AVX size_t copy_by_32(char *to, const char *from, size_t size,
				    bool in)
{
	size_t i = -(uintptr_t)(in ? to : from) & (LINE - 1);

	copy_line_by_32(to, from);
	for (; i + AHEAD + 2 * LINE <= size; i += 2 * LINE) {
		if (in) {
			fastipc_prefetch_to_write(to + i + AHEAD);
			fastipc_prefetch_to_write(to + i + AHEAD + LINE);
		}
		__builtin_prefetch(from + i + AHEAD);
		__builtin_prefetch(from + i + AHEAD + LINE);
		copy_line_by_32(to + i, from + i);
		copy_line_by_32(to + i + LINE, from + i + LINE);
	}
	for (; i + LINE <= size; i += LINE)
		copy_line_by_32(to + i, from + i);
	return i;
}

#endif

FASTIPC_INLINE void copy(char *to, const char *from, size_t size, bool in)
{
	size_t i = 0;

#if defined(__x86_64__)
	if (size >= STRING_MIN && likes_strings()) {
		copy_string(to, from, size);
		return;
	}
	if (size >= WIDE_MIN && __builtin_cpu_supports("avx"))
		i = copy_by_32(to, from, size, in);
#endif
	/* Not beyond the end: those lines are the producer's to write, or the
	 * consumer may still read them. */
	for (; i + AHEAD + LINE <= size; i += LINE) {
		if (in)
			fastipc_prefetch_to_write(to + i + AHEAD);
		else
			__builtin_prefetch(from + i + AHEAD);
		copy_line(to + i, from + i);
	}
	for (; i + LINE <= size; i += LINE)
		copy_line(to + i, from + i);
	if (i < size)
		memcpy(to + i, from + i, size - i);
}

void fastipc_frame_copy_out(void *to, const void *from, size_t size)
{
	if (size - 8 <= 8) {
		fastipc_frame_copy_word(to, from, 0);
		fastipc_frame_copy_word(to, from, size - 8);
		return;
	}
	copy(to, from, size, false);
}

void fastipc_frame_copy_in(void *to, const void *from, size_t size)
{
	copy(to, from, size, true);
}

#if defined(__x86_64__)

static size_t stream_by_16(char *to, const char *from, size_t size)
{
	size_t i = 0;

	for (; i + 16 <= size; i += 16)
		_mm_stream_si128((__m128i *)(to + i),
				 _mm_loadu_si128((const __m128i *)(from + i)));
	return i;
}

/* Two for each cache line, not four: up to 1.4 times as fast. */
static __attribute__((target("avx"))) size_t
stream_by_32(char *to, const char *from, size_t size)
{
	size_t i = 0;

	for (; i + 32 <= size; i += 32)
		_mm256_stream_si256(
			(__m256i *)(to + i),
			_mm256_loadu_si256((const __m256i *)(from + i)));
	return i;
}

void fastipc_frame_stream_in(void *to, const void *from, size_t size)
{
	char *place = to;
	const char *bytes = from;
	size_t i = -(uintptr_t)to & (LINE - 1);

	if (i > size)
		i = size;
	memcpy(place, bytes, i);
	if (__builtin_cpu_supports("avx"))
		i += stream_by_32(place + i, bytes + i, size - i);
	else
		i += stream_by_16(place + i, bytes + i, size - i);
	memcpy(place + i, bytes + i, size - i);
	_mm_sfence();
}

#else

void fastipc_frame_stream_in(void *to, const void *from, size_t size)
{
	fastipc_frame_copy_in(to, from, size);
}

#endif
