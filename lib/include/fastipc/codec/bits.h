/* SPDX-License-Identifier: MIT */
/*
 * For generated code: loads and stores of scalars, at any address, and of
 * memory that may change.
 */
#ifndef FASTIPC_CODEC_BITS_H
#define FASTIPC_CODEC_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fastipc/codec/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* Records in each other, the root being the first. */
#define FASTIPC_CODEC_DEPTH 64u

/* The most bytes of a record of a table that is not large. */
#define FASTIPC_RECORD_SMALL 65535u

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

/* Bytes of a header, of an END, of a count. */
FASTIPC_CODEC uint32_t fastipc_width(bool wide)
{
	return wide ? 4 : 2;
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

#ifdef __cplusplus
}
#endif

#endif
