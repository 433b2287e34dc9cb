/* SPDX-License-Identifier: MIT */
/*
 * Reads every field of a message of vectors.fbs by generated code, of memory
 * that stands still (copy_TABLE) and of memory that may change (view_TABLE),
 * into the value that one would encode.  So the encoder tells whether the
 * accessors found what the descriptors find: in the bytes that it makes.
 */
#ifndef FASTIPC_VECTORS_COPY_H
#define FASTIPC_VECTORS_COPY_H

#include <stdlib.h>
#include <string.h>

#include "schema/reflect.h"
#include "vectors.fastipc.h"

/* Memory for a copy: there is always enough in a test. */
static inline void *copy_alloc(struct reflect_arena *arena, size_t count,
			       size_t size)
{
	void *memory = reflect_array(arena, count, size);

	if (!memory)
		abort();
	return memory;
}

#define COPY_NEW(arena, type) ((type *)copy_alloc(arena, 1, sizeof(type)))

/* The elements of a vector, one by one, by the function that gives one. */
#define COPY_VECTOR(to, type, vector, get) \
	do { \
		type *elements_ = \
			copy_alloc(arena, (vector).count, sizeof(type)); \
		for (size_t i_ = 0; i_ < (vector).count; i_++) \
			elements_[i_] = get((vector), i_); \
		(to).data = elements_; \
		(to).count = (vector).count; \
	} while (0)

/* Each table is the value of another. */
#define COPY_TABLES(X) \
	X(Scalars) \
	X(Bits) \
	X(Optionals) \
	X(Strings) \
	X(Vectors) \
	X(Node) \
	X(Empty) \
	X(Unions) \
	X(Required) \
	X(Old) \
	X(Blob) \
	X(Message)

#define DECLARE(table) \
	static inline void copy_##table(struct reflect_arena *arena, \
					struct vectors_##table##_reader from, \
					struct vectors_##table *to); \
	static inline void view_##table(struct reflect_arena *arena, \
					struct vectors_##table##_view from, \
					struct vectors_##table *to, \
					unsigned int depth);
COPY_TABLES(DECLARE)
#undef DECLARE

/* ---- memory that stands still ---- */

#define GET(table, field) vectors_##table##_##field(from)
#define HAS(table, field) vectors_##table##_has_##field(from)

#define BEGIN(table) \
	static inline void copy_##table(struct reflect_arena *arena, \
					struct vectors_##table##_reader from, \
					struct vectors_##table *to) \
	{ \
		(void)arena; \
		(void)from; \
		vectors_##table##_init(to);
#define END(table) }
#define SCALAR(table, field) to->field = GET(table, field);
#define OPTIONAL(table, field) \
	to->has_##field = HAS(table, field); \
	to->field = GET(table, field);
#define STRUCT(table, field, type) \
	if (HAS(table, field)) { \
		struct vectors_##type *copy_ = \
			COPY_NEW(arena, struct vectors_##type); \
		*copy_ = GET(table, field); \
		to->field = copy_; \
	}
#define STRING(table, field) SCALAR(table, field)
#define BYTES(table, field) SCALAR(table, field)
#define STRINGS(table, field) \
	if (HAS(table, field)) \
		COPY_VECTOR(to->field, struct fastipc_string, \
			    GET(table, field), fastipc_string_vector_at);
#define SCALARS(table, field, ctype, type) \
	if (HAS(table, field)) \
		COPY_VECTOR(to->field, ctype, GET(table, field), \
			    fastipc_##type##_vector_at);
#define STRUCTS(table, field, type) \
	if (HAS(table, field)) \
		COPY_VECTOR(to->field, struct vectors_##type, \
			    GET(table, field), vectors_##type##_vector_at);
#define TABLE(table, field, type) \
	if (HAS(table, field)) { \
		struct vectors_##type *copy_ = \
			COPY_NEW(arena, struct vectors_##type); \
		copy_##type(arena, GET(table, field), copy_); \
		to->field = copy_; \
	}
#define TABLES(table, field, type) \
	if (HAS(table, field)) { \
		struct vectors_##type##_vector vector_ = GET(table, field); \
		struct vectors_##type *copy_ = copy_alloc( \
			arena, vector_.count, sizeof(struct vectors_##type)); \
		for (size_t i_ = 0; i_ < vector_.count; i_++) \
			copy_##type(arena, \
				    vectors_##type##_vector_at(vector_, i_), \
				    &copy_[i_]); \
		to->field.data = copy_; \
		to->field.count = vector_.count; \
	}
#define MEMBER(table, field, type) \
	case vectors_Any_##type: { \
		struct vectors_##type *copy_ = \
			COPY_NEW(arena, struct vectors_##type); \
		copy_##type(arena, GET(table, field##_as_##type), copy_); \
		to->field = copy_; \
		break; \
	}
#define UNION(table, field) \
	to->field##_type = GET(table, field##_type); \
	switch (to->field##_type) { \
		MEMBER(table, field, Strings) \
		MEMBER(table, field, Node) \
		MEMBER(table, field, Empty) \
	default: \
		break; \
	}

#include "vectors_fields.h"

#undef GET
#undef HAS
#undef BEGIN
#undef STRING
#undef BYTES
#undef STRINGS
#undef SCALARS
#undef STRUCTS
#undef TABLE
#undef TABLES
#undef MEMBER

/* ---- memory that may change ---- */

/*
 * Elements of a vector in such memory may overlap, and so may what is in them:
 * who walks through all of it bounds that himself.  Bytes and records that are
 * still to be looked at; each is once in each record around it.
 */
static _Thread_local size_t view_budget;

static inline size_t view_budget_of(size_t size)
{
	return (size + 16) * (FASTIPC_CODEC_DEPTH + 1) * 4;
}

/* @count of @size bytes may be looked at. */
static inline bool view_spend(size_t count, size_t size)
{
	if (count > view_budget / (size + 1))
		return false;
	view_budget -= count * (size + 1);
	return true;
}

static inline const void *view_bytes(struct reflect_arena *arena,
				     struct fastipc_shared shared, size_t *size)
{
	uint8_t *copy;

	*size = 0;
	if (!shared.data || !view_spend(1, shared.size))
		return NULL;
	copy = copy_alloc(arena, 1, shared.size);
	*size = fastipc_shared_copy(shared, copy, shared.size);
	return copy;
}

static inline struct fastipc_string view_string(struct reflect_arena *arena,
						struct fastipc_shared shared)
{
	struct fastipc_string string;

	string.data = view_bytes(arena, shared, &string.size);
	return string;
}

#define GET(table, field) vectors_##table##_view_##field(from)
#define HAS(table, field) vectors_##table##_view_has_##field(from)

/* Nothing but the copy ends this, if the bytes are wrong or change. */
#define BEGIN(table) \
	static inline void view_##table(struct reflect_arena *arena, \
					struct vectors_##table##_view from, \
					struct vectors_##table *to, \
					unsigned int depth) \
	{ \
		(void)arena; \
		(void)from; \
		vectors_##table##_init(to); \
		if (depth++ > FASTIPC_CODEC_DEPTH || !view_spend(1, 0)) \
			return;
#define STRING(table, field) to->field = view_string(arena, GET(table, field));
#define BYTES(table, field) \
	to->field.data = view_bytes(arena, GET(table, field), &to->field.size);
#define VIEW_STRING_AT(vector, i) \
	view_string(arena, fastipc_string_vector_view_at(vector, i))
#define STRINGS(table, field) \
	if (HAS(table, field)) { \
		struct fastipc_string_vector_view vector_ = GET(table, field); \
		if (view_spend(vector_.count, 16)) \
			COPY_VECTOR(to->field, struct fastipc_string, vector_, \
				    VIEW_STRING_AT); \
	}
#define SCALARS(table, field, ctype, type) \
	if (HAS(table, field)) { \
		struct fastipc_##type##_vector_view vector_ = \
			GET(table, field); \
		if (view_spend(vector_.count, 16)) \
			COPY_VECTOR(to->field, ctype, vector_, \
				    fastipc_##type##_vector_view_at); \
	}
#define STRUCTS(table, field, type) \
	if (HAS(table, field)) { \
		struct vectors_##type##_vector_view vector_ = \
			GET(table, field); \
		if (view_spend(vector_.count, 16)) \
			COPY_VECTOR(to->field, struct vectors_##type, vector_, \
				    vectors_##type##_vector_view_at); \
	}
#define TABLE(table, field, type) \
	if (HAS(table, field)) { \
		struct vectors_##type *copy_ = \
			COPY_NEW(arena, struct vectors_##type); \
		view_##type(arena, GET(table, field), copy_, depth); \
		to->field = copy_; \
	}
#define TABLES(table, field, type) \
	if (HAS(table, field)) { \
		struct vectors_##type##_vector_view vector_ = \
			GET(table, field); \
		size_t count_ = view_spend(vector_.count, 16) ? vector_.count \
							      : 0; \
		struct vectors_##type *copy_ = copy_alloc( \
			arena, count_, sizeof(struct vectors_##type)); \
		for (size_t i_ = 0; i_ < count_; i_++) \
			view_##type(arena, \
				    vectors_##type##_vector_view_at(vector_, \
								    i_), \
				    &copy_[i_], depth); \
		to->field.data = copy_; \
		to->field.count = count_; \
	}
#define MEMBER(table, field, type) \
	case vectors_Any_##type: { \
		struct vectors_##type *copy_ = \
			COPY_NEW(arena, struct vectors_##type); \
		view_##type(arena, GET(table, field##_as_##type), copy_, \
			    depth); \
		to->field = copy_; \
		break; \
	}

#include "vectors_fields.h"

#undef GET
#undef HAS
#undef BEGIN
#undef END
#undef SCALAR
#undef OPTIONAL
#undef STRUCT
#undef STRING
#undef BYTES
#undef VIEW_STRING_AT
#undef STRINGS
#undef SCALARS
#undef STRUCTS
#undef TABLE
#undef TABLES
#undef MEMBER
#undef UNION

#endif
