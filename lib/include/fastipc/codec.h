/* SPDX-License-Identifier: MIT */
/*
 * What the code that fastipc-gen makes is built on: kinds of memory, strings
 * and vectors, and the loads, stores and checks beneath them.
 * fastipc-gen(1) tells what is generated, fastipc_codec(7) what the bytes are.
 *
 * A program uses the first half.  The second half, below "for generated code",
 * may change with fastipc-gen: generate again when you update the library.
 *
 * How bytes may be read follows from who can change them, so each kind of
 * memory is a type of its own, and the wrong use does not compile:
 * - a snapshot nobody changes while it is read: a reply, a request, a copy;
 * - sealed memory nobody can change any more: fastipc_sealed_map() checks;
 * - shared memory may change at any time, under the reader's feet.
 * The first two are checked once and then read by plain pointers (NAME_read());
 * of shared memory, each access is bounded by itself (NAME_view_of()), and what
 * is not a number is copied out.
 */
#ifndef FASTIPC_CODEC_H
#define FASTIPC_CODEC_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fastipc/channel.h>
#include <fastipc/schema.h>
#include <fastipc/server.h>
#include <fastipc/types.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Records in each other, the root being the first. */
#define FASTIPC_CODEC_DEPTH 64u

/* The most bytes of a record of a table that is not large. */
#define FASTIPC_RECORD_SMALL 65535u

/* ---- kinds of memory ---- */

/* Bytes that do not change as long as they are read. */
struct fastipc_snapshot {
	const void *data;
	size_t size;
};

/* Bytes that nobody can change any more. */
struct fastipc_sealed {
	const void *data;
	size_t size;
};

/* Bytes that somebody else may be changing. */
struct fastipc_shared {
	const volatile void *data;
	size_t size;
};

/* You promise that they do not change as long as readers of them are used. */
static inline struct fastipc_snapshot fastipc_snapshot_of(const void *data,
							  size_t size)
{
	struct fastipc_snapshot snapshot;

	snapshot.data = data;
	snapshot.size = size;
	return snapshot;
}

/* A reply's bytes, until the buffer is used again. */
static inline struct fastipc_snapshot
fastipc_buffer_snapshot(const struct fastipc_buffer *buffer)
{
	return fastipc_snapshot_of(buffer->data, buffer->size);
}

/* A request's bytes, until the handler returns or, deferred, until it is
 * answered. */
static inline struct fastipc_snapshot
fastipc_request_snapshot(const struct fastipc_request *request)
{
	return fastipc_snapshot_of(fastipc_request_data(request),
				   fastipc_request_size(request));
}

static inline struct fastipc_shared fastipc_shared_of(const volatile void *data,
						      size_t size)
{
	struct fastipc_shared shared;

	shared.data = data;
	shared.size = size;
	return shared;
}

/* A record in the peer's ring, until it is released. */
static inline struct fastipc_shared
fastipc_record_shared(const struct fastipc_record *record)
{
	return fastipc_shared_of(record->data, record->size);
}

/*
 * Copy the first @capacity bytes at most.  Returns how many bytes there are:
 * more than @capacity tells that some are missing.
 */
static inline size_t fastipc_shared_copy(struct fastipc_shared shared,
					 void *buffer, size_t capacity)
{
	const void *from = (const void *)shared.data;
	const size_t size = shared.size < capacity ? shared.size : capacity;

	/* The bytes are taken here and now, and never again from there. */
	__asm__ volatile("" : "+r"(from) : : "memory");
	if (size)
		memcpy(buffer, from, size);
	__asm__ volatile("" : : : "memory");
	return shared.size;
}

/* Copy all into a buffer of yours, to read that.  -EMSGSIZE too small. */
static inline int fastipc_shared_snapshot(struct fastipc_shared shared,
					  void *buffer, size_t capacity,
					  struct fastipc_snapshot *snapshot)
{
	if (shared.size > capacity)
		return -EMSGSIZE;
	fastipc_shared_copy(shared, buffer, capacity);
	*snapshot = fastipc_snapshot_of(buffer, shared.size);
	return 0;
}

/*
 * Map a memfd that its writer has sealed (F_SEAL_WRITE and F_SEAL_SHRINK), to
 * read it.  The descriptor is not needed afterwards, and stays the caller's.
 * -EBADFD no memfd, or a seal is missing; -EMSGSIZE more than @max bytes;
 * -EINVAL; -EBADF; -ENOMEM.
 */
int fastipc_sealed_map(int fd, size_t max, struct fastipc_sealed *sealed);
/* Give it back, and make it empty.  Readers of it must not be used then. */
void fastipc_sealed_unmap(struct fastipc_sealed *sealed);

/* ---- strings and vectors ---- */

/* UTF-8, not terminated.  Absent: data is NULL, and size 0. */
struct fastipc_string {
	const char *data;
	size_t size;
};

/* A vector of ubyte.  Absent: data is NULL, and size 0. */
struct fastipc_bytes {
	const uint8_t *data;
	size_t size;
};

/* Of a terminated string; NULL is absent. */
static inline struct fastipc_string fastipc_string_of(const char *text)
{
	struct fastipc_string string;

	string.data = text;
	string.size = text ? strlen(text) : 0;
	return string;
}

static inline struct fastipc_string fastipc_string_from(const char *data,
							size_t size)
{
	struct fastipc_string string;

	string.data = data;
	string.size = size;
	return string;
}

static inline struct fastipc_bytes fastipc_bytes_from(const void *data,
						      size_t size)
{
	struct fastipc_bytes bytes;

	bytes.data = (const uint8_t *)data;
	bytes.size = size;
	return bytes;
}

static inline bool fastipc_string_is(struct fastipc_string string,
				     const char *text)
{
	return string.data && string.size == strlen(text) &&
	       !memcmp(string.data, text, string.size);
}

/* Is it UTF-8, by the Unicode standard's table 3-7? */
bool fastipc_utf8_valid(const void *data, size_t size);

/* ==================== for generated code ==================== */

#define FASTIPC_CODEC static inline __attribute__((always_inline, unused))
#define FASTIPC_CODEC_COLD static __attribute__((noinline, cold, unused))
#define FASTIPC_LIKELY(x) __builtin_expect(!!(x), 1)
#define FASTIPC_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Build generated code with 0 to take any bytes for strings. */
#ifndef FASTIPC_CODEC_UTF8
#define FASTIPC_CODEC_UTF8 1
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FASTIPC_LE16(x) (x)
#define FASTIPC_LE32(x) (x)
#define FASTIPC_LE64(x) (x)
#define FASTIPC_CODEC_NATIVE 1 /* arrays are in memory as on the wire */
#else
#define FASTIPC_LE16(x) __builtin_bswap16(x)
#define FASTIPC_LE32(x) __builtin_bswap32(x)
#define FASTIPC_LE64(x) __builtin_bswap64(x)
#define FASTIPC_CODEC_NATIVE 0
#endif

/* ---- loads and stores, at any address ---- */

FASTIPC_CODEC uint8_t fastipc_load_u8(const void *from)
{
	return *(const uint8_t *)from;
}

FASTIPC_CODEC uint16_t fastipc_load_u16(const void *from)
{
	uint16_t bits;

	memcpy(&bits, from, sizeof(bits));
	return FASTIPC_LE16(bits);
}

FASTIPC_CODEC uint32_t fastipc_load_u32(const void *from)
{
	uint32_t bits;

	memcpy(&bits, from, sizeof(bits));
	return FASTIPC_LE32(bits);
}

FASTIPC_CODEC uint64_t fastipc_load_u64(const void *from)
{
	uint64_t bits;

	memcpy(&bits, from, sizeof(bits));
	return FASTIPC_LE64(bits);
}

FASTIPC_CODEC void fastipc_store_u8(void *to, uint8_t bits)
{
	*(uint8_t *)to = bits;
}

FASTIPC_CODEC void fastipc_store_u16(void *to, uint16_t bits)
{
	bits = FASTIPC_LE16(bits);
	memcpy(to, &bits, sizeof(bits));
}

FASTIPC_CODEC void fastipc_store_u32(void *to, uint32_t bits)
{
	bits = FASTIPC_LE32(bits);
	memcpy(to, &bits, sizeof(bits));
}

FASTIPC_CODEC void fastipc_store_u64(void *to, uint64_t bits)
{
	bits = FASTIPC_LE64(bits);
	memcpy(to, &bits, sizeof(bits));
}

/* The bits of each scalar type, zero-extended, and back. */
#define FASTIPC_SCALAR(name, type, unsigned_type, width) \
	FASTIPC_CODEC uint64_t fastipc_bits_##name(type value) \
	{ \
		return (unsigned_type)value; \
	} \
	FASTIPC_CODEC type fastipc_##name##_of(uint64_t bits) \
	{ \
		return (type)(unsigned_type)bits; \
	}
FASTIPC_SCALAR(i8, int8_t, uint8_t, 1)
FASTIPC_SCALAR(u8, uint8_t, uint8_t, 1)
FASTIPC_SCALAR(i16, int16_t, uint16_t, 2)
FASTIPC_SCALAR(u16, uint16_t, uint16_t, 2)
FASTIPC_SCALAR(i32, int32_t, uint32_t, 4)
FASTIPC_SCALAR(u32, uint32_t, uint32_t, 4)
FASTIPC_SCALAR(i64, int64_t, uint64_t, 8)
FASTIPC_SCALAR(u64, uint64_t, uint64_t, 8)
#undef FASTIPC_SCALAR

FASTIPC_CODEC uint64_t fastipc_bits_bool(bool value)
{
	return value ? 1u : 0u;
}

FASTIPC_CODEC bool fastipc_bool_of(uint64_t bits)
{
	return bits != 0;
}

FASTIPC_CODEC uint64_t fastipc_bits_f32(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

FASTIPC_CODEC float fastipc_f32_of(uint64_t bits)
{
	const uint32_t narrow = (uint32_t)bits;
	float value;

	memcpy(&value, &narrow, sizeof(value));
	return value;
}

FASTIPC_CODEC uint64_t fastipc_bits_f64(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

FASTIPC_CODEC double fastipc_f64_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* @width is a constant: 1, 2, 4 or 8. */
FASTIPC_CODEC uint64_t fastipc_load(const uint8_t *from, unsigned int width)
{
	switch (width) {
	case 1:
		return fastipc_load_u8(from);
	case 2:
		return fastipc_load_u16(from);
	case 4:
		return fastipc_load_u32(from);
	default:
		return fastipc_load_u64(from);
	}
}

FASTIPC_CODEC void fastipc_store(uint8_t *to, unsigned int width, uint64_t bits)
{
	switch (width) {
	case 1:
		fastipc_store_u8(to, (uint8_t)bits);
		break;
	case 2:
		fastipc_store_u16(to, (uint16_t)bits);
		break;
	case 4:
		fastipc_store_u32(to, (uint32_t)bits);
		break;
	default:
		fastipc_store_u64(to, bits);
		break;
	}
}

/* An END, a count, or a header: 32 bits in a large table, else 16. */
FASTIPC_CODEC uint32_t fastipc_load_end(const uint8_t *from, bool wide)
{
	return wide ? fastipc_load_u32(from) : fastipc_load_u16(from);
}

FASTIPC_CODEC void fastipc_store_end(uint8_t *to, size_t end, bool wide)
{
	if (wide)
		fastipc_store_u32(to, (uint32_t)end);
	else
		fastipc_store_u16(to, (uint16_t)end);
}

/*
 * One load each from memory that may change: what comes from it is used, or
 * checked and used, and not loaded again.
 */
typedef uint16_t fastipc_any_u16 __attribute__((aligned(1), may_alias));
typedef uint32_t fastipc_any_u32 __attribute__((aligned(1), may_alias));
typedef uint64_t fastipc_any_u64 __attribute__((aligned(1), may_alias));

FASTIPC_CODEC uint64_t fastipc_peek(const volatile uint8_t *from,
				    unsigned int width)
{
	switch (width) {
	case 1:
		return *from;
	case 2:
		return FASTIPC_LE16(*(const volatile fastipc_any_u16 *)from);
	case 4:
		return FASTIPC_LE32(*(const volatile fastipc_any_u32 *)from);
	default:
		return FASTIPC_LE64(*(const volatile fastipc_any_u64 *)from);
	}
}

FASTIPC_CODEC uint32_t fastipc_peek_end(const volatile uint8_t *from, bool wide)
{
	return (uint32_t)fastipc_peek(from, wide ? 4 : 2);
}

/* Copy @size bytes of a struct, a constant, out of memory that may change. */
FASTIPC_CODEC void fastipc_peek_bytes(uint8_t *to, const volatile uint8_t *from,
				      size_t size)
{
	fastipc_shared_copy(fastipc_shared_of(from, size), to, size);
}

/* ---- copying ---- */

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
	} else {
		memcpy(to, from, size);
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
	/* None of nowhere is taken from somewhere. */
	const void *some = size ? from : fastipc_kept;
	const void *kept;

	if (FASTIPC_LIKELY(size <= 16 &&
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
#endif
	return fastipc_put(to, from, size);
}

/* ---- UTF-8 ---- */

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

/* ---- readers: of a record that was checked ---- */

struct fastipc_reader {
	const uint8_t *data;
	uint32_t size;
	uint16_t fixed; /* bytes of the fixed section */
	uint16_t count; /* variable fields */
};

/* Bytes of a header, of an END, of a count. */
FASTIPC_CODEC uint32_t fastipc_width(bool wide)
{
	return wide ? 4 : 2;
}

FASTIPC_CODEC struct fastipc_reader fastipc_reader_of(const uint8_t *data,
						      uint32_t size, bool wide)
{
	struct fastipc_reader reader;
	uint32_t header = 0;

	if (size)
		header = fastipc_load_end(data, wide);
	reader.data = data;
	reader.size = size;
	reader.fixed = (uint16_t)(wide ? header & 0xffff : header & 0x3ff);
	reader.count = (uint16_t)(wide ? header >> 16 : header >> 10);
	return reader;
}

/* One without fields. */
FASTIPC_CODEC struct fastipc_reader fastipc_reader_none(void)
{
	struct fastipc_reader reader;

	reader.data = (const uint8_t *)"";
	reader.size = 0;
	reader.fixed = 0;
	reader.count = 0;
	return reader;
}

/* Where tail @i ends; @i is a constant. */
FASTIPC_CODEC uint32_t fastipc_reader_end(struct fastipc_reader reader,
					  uint32_t i, bool wide)
{
	const uint32_t width = fastipc_width(wide);

	if (i + 1 < reader.count)
		return fastipc_load_end(reader.data + width + reader.fixed +
						(size_t)i * width,
					wide);
	return reader.size;
}

FASTIPC_CODEC uint32_t fastipc_reader_start(struct fastipc_reader reader,
					    uint32_t i, bool wide)
{
	const uint32_t width = fastipc_width(wide);

	if (i)
		return fastipc_reader_end(reader, i - 1, wide);
	if (reader.count)
		return reader.fixed + width * reader.count;
	return reader.size;
}

/* The first bytes of a scalar of which the section has only some. */
FASTIPC_CODEC uint64_t fastipc_reader_part(struct fastipc_reader reader,
					   uint32_t offset, unsigned int width,
					   bool wide)
{
	const uint32_t header = fastipc_width(wide);
	const uint32_t end = header + reader.fixed;
	const uint32_t have = reader.fixed - offset;
	uint64_t bits = 0;

	/* The load ends where the section does; what was before goes out. */
	if (FASTIPC_LIKELY(end >= width))
		return fastipc_load(reader.data + end - width, width) >>
		       8 * (width - have);
	for (uint32_t i = 0; i < have; i++)
		bits |= (uint64_t)reader.data[header + offset + i] << 8 * i;
	return bits;
}

/* A scalar of the fixed section as it is stored; 0 where there is none. */
FASTIPC_CODEC uint64_t fastipc_reader_bits(struct fastipc_reader reader,
					   uint32_t offset, unsigned int width,
					   bool wide)
{
	if (FASTIPC_LIKELY(reader.fixed >= offset + width))
		return fastipc_load(reader.data + fastipc_width(wide) + offset,
				    width);
	if (reader.fixed > offset)
		return fastipc_reader_part(reader, offset, width, wide);
	return 0;
}

FASTIPC_CODEC bool fastipc_reader_bit(struct fastipc_reader reader,
				      uint32_t bit, bool wide)
{
	return reader.fixed > bit / 8 &&
	       reader.data[fastipc_width(wide) + bit / 8] >> bit % 8 & 1;
}

/* Tail @i; data is NULL if it is absent. */
FASTIPC_CODEC struct fastipc_bytes
fastipc_reader_tail(struct fastipc_reader reader, uint32_t i, uint32_t presence,
		    bool wide)
{
	const uint32_t start = fastipc_reader_start(reader, i, wide);
	const uint32_t end = fastipc_reader_end(reader, i, wide);
	struct fastipc_bytes tail;

	tail.data = reader.data + start;
	tail.size = end - start;
	if (!tail.size && !fastipc_reader_bit(reader, presence, wide))
		tail.data = NULL;
	return tail;
}

FASTIPC_CODEC bool fastipc_reader_has(struct fastipc_reader reader, uint32_t i,
				      uint32_t presence, bool wide)
{
	return fastipc_reader_tail(reader, i, presence, wide).data;
}

FASTIPC_CODEC struct fastipc_string
fastipc_reader_string(struct fastipc_reader reader, uint32_t i,
		      uint32_t presence, bool wide)
{
	const struct fastipc_bytes tail =
		fastipc_reader_tail(reader, i, presence, wide);

	return fastipc_string_from((const char *)tail.data, tail.size);
}

/* The record in tail @i, of a table that is @large. */
FASTIPC_CODEC struct fastipc_reader
fastipc_reader_record(struct fastipc_reader reader, uint32_t i, bool wide,
		      bool large)
{
	const uint32_t start = fastipc_reader_start(reader, i, wide);
	const uint32_t end = fastipc_reader_end(reader, i, wide);

	return fastipc_reader_of(reader.data + start, end - start, large);
}

/* ---- vectors of strings or records ---- */

/* Their bytes; ENDs are of 32 bits if @wide. */
struct fastipc_elements {
	const uint8_t *data;
	uint32_t size;
	uint32_t count;
	bool wide;
};

FASTIPC_CODEC struct fastipc_elements
fastipc_reader_elements(struct fastipc_reader reader, uint32_t i, bool wide)
{
	const uint32_t start = fastipc_reader_start(reader, i, wide);
	const uint32_t end = fastipc_reader_end(reader, i, wide);
	struct fastipc_elements elements;

	elements.data = reader.data + start;
	elements.size = end - start;
	elements.count = elements.size ? fastipc_load_end(elements.data, wide)
				       : 0;
	elements.wide = wide;
	return elements;
}

/* Element @i: no bytes if there is no such element. */
FASTIPC_CODEC struct fastipc_bytes
fastipc_elements_at(struct fastipc_elements elements, size_t i)
{
	const uint32_t width = fastipc_width(elements.wide);
	uint32_t start, end;

	if (FASTIPC_UNLIKELY(i >= elements.count))
		return fastipc_bytes_from("", 0);
	start = i ? fastipc_load_end(elements.data + i * width, elements.wide)
		  : width * elements.count;
	end = i + 1 < elements.count
		      ? fastipc_load_end(elements.data + (i + 1) * width,
					 elements.wide)
		      : elements.size;
	return fastipc_bytes_from(elements.data + start, end - start);
}

struct fastipc_string_array {
	const struct fastipc_string *data;
	size_t count;
};

struct fastipc_string_vector {
	uint32_t count;
	struct fastipc_elements elements;
};

FASTIPC_CODEC struct fastipc_string_vector
fastipc_reader_strings(struct fastipc_reader reader, uint32_t i, bool wide)
{
	struct fastipc_string_vector vector;

	vector.elements = fastipc_reader_elements(reader, i, wide);
	vector.count = vector.elements.count;
	return vector;
}

/* ---- views: of a record that may change ---- */

/* What is here was loaded once, and checked; it bounds all that is loaded. */
struct fastipc_view {
	const volatile uint8_t *data;
	uint32_t size;
	uint16_t fixed;
	uint16_t count;
};

/* What does not hold together is a record of no bytes. */
FASTIPC_CODEC struct fastipc_view fastipc_view_of(struct fastipc_shared shared,
						  bool wide)
{
	const volatile uint8_t *data = (const volatile uint8_t *)shared.data;
	const uint32_t width = fastipc_width(wide);
	struct fastipc_view view;
	uint32_t header, fixed, count;

	view.data = (const volatile uint8_t *)"";
	view.size = 0;
	view.fixed = 0;
	view.count = 0;
	if (shared.size < width ||
	    shared.size > (wide ? UINT32_MAX : FASTIPC_RECORD_SMALL))
		return view;
	header = fastipc_peek_end(data, wide);
	fixed = wide ? header & 0xffff : header & 0x3ff;
	count = wide ? header >> 16 : header >> 10;
	if (shared.size < width + fixed + (count ? count - 1 : 0) * width)
		return view;
	view.data = data;
	view.size = (uint32_t)shared.size;
	view.fixed = (uint16_t)fixed;
	view.count = (uint16_t)count;
	return view;
}

FASTIPC_CODEC struct fastipc_view fastipc_view_none(void)
{
	return fastipc_view_of(fastipc_shared_of("", 0), false);
}

/* Where the tails begin; the ENDs before it are within the record. */
FASTIPC_CODEC uint32_t fastipc_view_rest(struct fastipc_view view, bool wide)
{
	if (view.count)
		return view.fixed + fastipc_width(wide) * view.count;
	return view.size;
}

/* Tail @i, between bounds that only this end knows. */
FASTIPC_CODEC struct fastipc_shared fastipc_view_span(struct fastipc_view view,
						      uint32_t i, bool wide)
{
	const uint32_t width = fastipc_width(wide);
	const size_t ends = (size_t)width + view.fixed;
	uint32_t start = fastipc_view_rest(view, wide);
	uint32_t end = view.size;

	if (i && i < view.count) {
		const uint32_t before = fastipc_peek_end(
			view.data + ends + (size_t)(i - 1) * width, wide);

		start = before < start	     ? start
			: before > view.size ? view.size
					     : before;
	} else if (i) {
		start = view.size;
	}
	if (i + 1 < view.count) {
		end = fastipc_peek_end(view.data + ends + (size_t)i * width,
				       wide);
		end = end < start ? start : end > view.size ? view.size : end;
	}
	return fastipc_shared_of(view.data + start, end - start);
}

FASTIPC_CODEC uint64_t fastipc_view_bits(struct fastipc_view view,
					 uint32_t offset, unsigned int width,
					 bool wide)
{
	const uint32_t at = fastipc_width(wide) + offset;
	uint64_t bits = 0;

	if (FASTIPC_LIKELY(view.fixed >= offset + width))
		return fastipc_peek(view.data + at, width);
	for (uint32_t i = 0; view.fixed > offset + i; i++)
		bits |= (uint64_t)view.data[at + i] << 8 * i;
	return bits;
}

FASTIPC_CODEC bool fastipc_view_bit(struct fastipc_view view, uint32_t bit,
				    bool wide)
{
	return view.fixed > bit / 8 &&
	       view.data[fastipc_width(wide) + bit / 8] >> bit % 8 & 1;
}

FASTIPC_CODEC struct fastipc_shared fastipc_view_tail(struct fastipc_view view,
						      uint32_t i,
						      uint32_t presence,
						      bool wide)
{
	struct fastipc_shared tail = fastipc_view_span(view, i, wide);

	if (!tail.size && !fastipc_view_bit(view, presence, wide))
		tail.data = NULL;
	return tail;
}

struct fastipc_elements_view {
	const volatile uint8_t *data;
	uint32_t size;
	uint32_t count;
	bool wide;
};

FASTIPC_CODEC struct fastipc_elements_view
fastipc_view_elements(struct fastipc_view view, uint32_t i, bool wide)
{
	const struct fastipc_shared tail = fastipc_view_span(view, i, wide);
	const uint32_t width = fastipc_width(wide);
	struct fastipc_elements_view elements;

	elements.data = (const volatile uint8_t *)tail.data;
	elements.size = (uint32_t)tail.size;
	elements.count = 0;
	elements.wide = wide;
	if (tail.size >= width) {
		elements.count = fastipc_peek_end(elements.data, wide);
		if (elements.count > elements.size / width)
			elements.count = elements.size / width;
	}
	return elements;
}

FASTIPC_CODEC struct fastipc_shared
fastipc_elements_view_at(struct fastipc_elements_view elements, size_t i)
{
	const uint32_t width = fastipc_width(elements.wide);
	uint32_t start = width * elements.count;
	uint32_t end = elements.size;

	if (i >= elements.count)
		return fastipc_shared_of(elements.data, 0);
	if (i) {
		const uint32_t before = fastipc_peek_end(
			elements.data + i * width, elements.wide);

		start = before < start		 ? start
			: before > elements.size ? elements.size
						 : before;
	}
	if (i + 1 < elements.count) {
		end = fastipc_peek_end(elements.data + (i + 1) * width,
				       elements.wide);
		end = end < start	    ? start
		      : end > elements.size ? elements.size
					    : end;
	}
	return fastipc_shared_of(elements.data + start, end - start);
}

struct fastipc_string_vector_view {
	uint32_t count;
	struct fastipc_elements_view elements;
};

FASTIPC_CODEC struct fastipc_string_vector_view
fastipc_view_strings(struct fastipc_view view, uint32_t i, bool wide)
{
	struct fastipc_string_vector_view vector;

	vector.elements = fastipc_view_elements(view, i, wide);
	vector.count = vector.elements.count;
	return vector;
}

/* String @i, to be copied out. */
static inline struct fastipc_shared
fastipc_string_vector_view_at(struct fastipc_string_vector_view vector,
			      size_t i)
{
	return fastipc_elements_view_at(vector.elements, i);
}

/* String @i; an empty one if there is no such string. */
static inline struct fastipc_string
fastipc_string_vector_at(struct fastipc_string_vector vector, size_t i)
{
	const struct fastipc_bytes bytes =
		fastipc_elements_at(vector.elements, i);

	return fastipc_string_from((const char *)bytes.data, bytes.size);
}

/* ---- vectors of scalars ---- */

/*
 * For each scalar type: what is written (_array), what is read (_vector, its
 * elements by _at, 0 if there is no such element, or many by _copy, which
 * returns how many), and the same of memory that may change (_vector_view).
 */
#define FASTIPC_SCALAR_VECTOR(name, type, width) \
	struct fastipc_##name##_array { \
		const type *data; \
		size_t count; \
	}; \
	struct fastipc_##name##_vector { \
		const uint8_t *data; \
		size_t count; \
	}; \
	struct fastipc_##name##_vector_view { \
		const volatile uint8_t *data; \
		size_t count; \
	}; \
	static inline type fastipc_##name##_vector_at( \
		struct fastipc_##name##_vector vector, size_t i) \
	{ \
		if (FASTIPC_UNLIKELY(i >= vector.count)) \
			return 0; \
		return fastipc_##name##_of( \
			fastipc_load(vector.data + i * width, width)); \
	} \
	static inline size_t fastipc_##name##_vector_copy( \
		struct fastipc_##name##_vector vector, size_t first, type *to, \
		size_t count) \
	{ \
		size_t n = first < vector.count ? vector.count - first : 0; \
\
		n = n < count ? n : count; \
		for (size_t i = 0; i < n; i++) \
			to[i] = fastipc_##name##_of(fastipc_load( \
				vector.data + (first + i) * width, width)); \
		return n; \
	} \
	static inline type fastipc_##name##_vector_view_at( \
		struct fastipc_##name##_vector_view vector, size_t i) \
	{ \
		if (FASTIPC_UNLIKELY(i >= vector.count)) \
			return 0; \
		return fastipc_##name##_of( \
			fastipc_peek(vector.data + i * width, width)); \
	} \
	FASTIPC_CODEC struct fastipc_##name##_vector \
		fastipc_reader_##name##_vector(struct fastipc_reader reader, \
					       uint32_t i, uint32_t presence, \
					       bool wide) \
	{ \
		const struct fastipc_bytes tail = \
			fastipc_reader_tail(reader, i, presence, wide); \
		struct fastipc_##name##_vector vector; \
\
		vector.data = tail.data; \
		vector.count = tail.size / width; \
		return vector; \
	} \
	FASTIPC_CODEC struct fastipc_##name##_vector_view \
		fastipc_view_##name##_vector(struct fastipc_view view, \
					     uint32_t i, uint32_t presence, \
					     bool wide) \
	{ \
		const struct fastipc_shared tail = \
			fastipc_view_tail(view, i, presence, wide); \
		struct fastipc_##name##_vector_view vector; \
\
		vector.data = (const volatile uint8_t *)tail.data; \
		vector.count = tail.size / width; \
		return vector; \
	} \
	FASTIPC_CODEC uint8_t *fastipc_put_##name##_array( \
		uint8_t *at, struct fastipc_##name##_array array) \
	{ \
		if (FASTIPC_CODEC_NATIVE && sizeof(type) == width) \
			return fastipc_put(at, array.data, \
					   array.count * width); \
		for (size_t i = 0; i < array.count; i++, at += width) \
			fastipc_store(at, width, \
				      fastipc_bits_##name(array.data[i])); \
		return at; \
	}
FASTIPC_SCALAR_VECTOR(bool, bool, 1)
FASTIPC_SCALAR_VECTOR(i8, int8_t, 1)
FASTIPC_SCALAR_VECTOR(u8, uint8_t, 1)
FASTIPC_SCALAR_VECTOR(i16, int16_t, 2)
FASTIPC_SCALAR_VECTOR(u16, uint16_t, 2)
FASTIPC_SCALAR_VECTOR(i32, int32_t, 4)
FASTIPC_SCALAR_VECTOR(u32, uint32_t, 4)
FASTIPC_SCALAR_VECTOR(i64, int64_t, 8)
FASTIPC_SCALAR_VECTOR(u64, uint64_t, 8)
FASTIPC_SCALAR_VECTOR(f32, float, 4)
FASTIPC_SCALAR_VECTOR(f64, double, 8)
#undef FASTIPC_SCALAR_VECTOR

/* ---- checks ---- */

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

	if (size < width || size > (wide ? UINT32_MAX : FASTIPC_RECORD_SMALL))
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

/* ---- encoding ---- */

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
