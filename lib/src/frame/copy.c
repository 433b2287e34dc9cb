// SPDX-License-Identifier: MIT
/*
 * Copying between a ring and other memory.
 *
 * glibc's memcpy() uses `rep movsb` for these sizes on current CPUs, which is
 * fastest when both sides are in this core's caches.  One side of these copies
 * is in the other core's: plain loads and stores, with the ring's lines fetched
 * ahead, to be read or to be written, move 1.1 to 2 times as much (measured
 * between two CPUs, 256 KiB ring).
 */
#include "frame/frame.h"

#include "base/prefetch.h"

#if defined(__x86_64__)
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

FASTIPC_INLINE void copy(char *to, const char *from, size_t size, bool in)
{
	size_t i = 0;

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
