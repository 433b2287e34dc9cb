/* SPDX-License-Identifier: MIT */
/*
 * For generated code, but for _at and _copy: vectors of scalars.
 */
#ifndef FASTIPC_CODEC_SCALARS_H
#define FASTIPC_CODEC_SCALARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/codec/bits.h>
#include <fastipc/codec/copy.h>
#include <fastipc/codec/reader.h>
#include <fastipc/codec/view.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
