/* SPDX-License-Identifier: MIT */
/*
 * Reads every field of a message by generated code, of memory that stands
 * still (copy_TABLE) and of memory that may change (view_TABLE), into the
 * value that one would encode.  So the encoder tells whether the accessors
 * found what the descriptors find: in the bytes that it makes.
 *
 * FIELDS is a list of selftests/fields.c: it tells of which tables.
 */
#ifndef FASTIPC_COPY_H
#define FASTIPC_COPY_H

#include <stdlib.h>
#include <string.h>

#include FIELDS
#include "schema/reflect.h"

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

#define DECLARE(schema, table, index) \
	static inline void copy_##table(struct reflect_arena *arena, \
					struct table##_reader from, \
					struct table *to); \
	static inline void view_##table(struct reflect_arena *arena, \
					struct table##_view from, \
					struct table *to, unsigned int depth);
FIELDS_TABLES(DECLARE)
#undef DECLARE

/* ---- memory that stands still ---- */

/* Of a vector, one half one by one and the other at once. */
#define COPY_HALVES(to, type, vector, at, copy) \
	do { \
		type *elements_ = \
			copy_alloc(arena, (vector).count, sizeof(type)); \
		const size_t half_ = (vector).count / 2; \
\
		for (size_t i_ = 0; i_ < half_; i_++) \
			elements_[i_] = at((vector), i_); \
		if (copy((vector), half_, elements_ + half_, SIZE_MAX) != \
		    (vector).count - half_) \
			abort(); \
		(to).data = elements_; \
		(to).count = (vector).count; \
	} while (0)

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

#define GET(table, accessor) table##_##accessor(from)
#define HAS(table, accessor) table##_has_##accessor(from)

#define BEGIN(table) \
	static inline void copy_##table(struct reflect_arena *arena, \
					struct table##_reader from, \
					struct table *to) \
	{ \
		(void)arena; \
		(void)from; \
		table##_init(to);
#define END(table) }
/* Not by GET: "errno" would be the macro there. */
#define SCALAR(table, member, accessor) to->member = table##_##accessor(from);
#define OPTIONAL(table, member, accessor, has) \
	to->has = HAS(table, accessor); \
	to->member = GET(table, accessor);
#define STRUCT(table, member, accessor, type) \
	if (HAS(table, accessor)) { \
		struct type *copy_ = COPY_NEW(arena, struct type); \
		*copy_ = GET(table, accessor); \
		to->member = copy_; \
	}
/* What is not there is NULL. */
#define STRING(table, member, accessor) \
	to->member = GET(table, accessor); \
	if (HAS(table, accessor) != (to->member.data != NULL)) \
		abort();
#define BYTES(table, member, accessor) STRING(table, member, accessor)
#define STRINGS(table, member, accessor) \
	if (HAS(table, accessor)) \
		COPY_VECTOR(to->member, struct fastipc_string, \
			    GET(table, accessor), fastipc_string_vector_at);
#define SCALARS(table, member, accessor, ctype, type) \
	if (HAS(table, accessor)) \
		COPY_HALVES(to->member, ctype, GET(table, accessor), \
			    fastipc_##type##_vector_at, \
			    fastipc_##type##_vector_copy);
#define STRUCTS(table, member, accessor, type) \
	if (HAS(table, accessor)) \
		COPY_HALVES(to->member, struct type, GET(table, accessor), \
			    type##_vector_at, type##_vector_copy);
#define TABLE(table, member, accessor, type) \
	if (HAS(table, accessor)) { \
		struct type *copy_ = COPY_NEW(arena, struct type); \
		copy_##type(arena, GET(table, accessor), copy_); \
		to->member = copy_; \
	}
#define TABLES(table, member, accessor, type) \
	if (HAS(table, accessor)) { \
		struct type##_vector vector_ = GET(table, accessor); \
		struct type *copy_ = \
			copy_alloc(arena, vector_.count, sizeof(struct type)); \
		for (size_t i_ = 0; i_ < vector_.count; i_++) \
			copy_##type(arena, type##_vector_at(vector_, i_), \
				    &copy_[i_]); \
		to->member.data = copy_; \
		to->member.count = vector_.count; \
	}
/* The type may be one that only a newer schema knows. */
#define UNION(table, member, accessor, of) to->of = GET(table, accessor##_type);
#define MEMBER(table, member, accessor, any, name, type) \
	if (GET(table, accessor##_type) == any##_##name) { \
		struct type *copy_ = COPY_NEW(arena, struct type); \
		copy_##type(arena, GET(table, accessor##_as_##name), copy_); \
		table##_set_##accessor##_##name(to, copy_); \
	} else if (GET(table, accessor##_as_##name).record.fixed || \
		   GET(table, accessor##_as_##name).record.count) { \
		abort(); \
	}
#define END_UNION(table, member)

#include FIELDS

#undef GET
#undef HAS

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

#define GET(table, accessor) table##_view_##accessor(from)
#define HAS(table, accessor) table##_view_has_##accessor(from)

/* Nothing but the copy ends this, if the bytes are wrong or change. */
#define BEGIN(table) \
	static inline void view_##table(struct reflect_arena *arena, \
					struct table##_view from, \
					struct table *to, unsigned int depth) \
	{ \
		(void)arena; \
		(void)from; \
		table##_init(to); \
		if (depth++ > FASTIPC_CODEC_DEPTH || !view_spend(1, 0)) \
			return;
#define END(table) }
#define SCALAR(table, member, accessor) \
	to->member = table##_view_##accessor(from);
#define OPTIONAL(table, member, accessor, has) \
	to->has = HAS(table, accessor); \
	to->member = GET(table, accessor);
#define STRUCT(table, member, accessor, type) \
	if (HAS(table, accessor)) { \
		struct type *copy_ = COPY_NEW(arena, struct type); \
		*copy_ = GET(table, accessor); \
		to->member = copy_; \
	}
#define STRING(table, member, accessor) \
	if (HAS(table, accessor)) \
		to->member = view_string(arena, GET(table, accessor));
#define BYTES(table, member, accessor) \
	if (HAS(table, accessor)) \
		to->member.data = view_bytes(arena, GET(table, accessor), \
					     &to->member.size);
#define VIEW_STRING_AT(vector, i) \
	view_string(arena, fastipc_string_vector_view_at(vector, i))
#define STRINGS(table, member, accessor) \
	if (HAS(table, accessor)) { \
		struct fastipc_string_vector_view vector_ = \
			GET(table, accessor); \
		if (view_spend(vector_.count, 16)) \
			COPY_VECTOR(to->member, struct fastipc_string, \
				    vector_, VIEW_STRING_AT); \
	}
#define SCALARS(table, member, accessor, ctype, type) \
	if (HAS(table, accessor)) { \
		struct fastipc_##type##_vector_view vector_ = \
			GET(table, accessor); \
		if (view_spend(vector_.count, 16)) \
			COPY_VECTOR(to->member, ctype, vector_, \
				    fastipc_##type##_vector_view_at); \
	}
#define STRUCTS(table, member, accessor, type) \
	if (HAS(table, accessor)) { \
		struct type##_vector_view vector_ = GET(table, accessor); \
		if (view_spend(vector_.count, 16)) \
			COPY_VECTOR(to->member, struct type, vector_, \
				    type##_vector_view_at); \
	}
#define TABLE(table, member, accessor, type) \
	if (HAS(table, accessor)) { \
		struct type *copy_ = COPY_NEW(arena, struct type); \
		view_##type(arena, GET(table, accessor), copy_, depth); \
		to->member = copy_; \
	}
#define TABLES(table, member, accessor, type) \
	if (HAS(table, accessor)) { \
		struct type##_vector_view vector_ = GET(table, accessor); \
		size_t count_ = view_spend(vector_.count, 16) ? vector_.count \
							      : 0; \
		struct type *copy_ = \
			copy_alloc(arena, count_, sizeof(struct type)); \
		for (size_t i_ = 0; i_ < count_; i_++) \
			view_##type(arena, type##_vector_view_at(vector_, i_), \
				    &copy_[i_], depth); \
		to->member.data = copy_; \
		to->member.count = count_; \
	}
#define UNION(table, member, accessor, of) to->of = GET(table, accessor##_type);
#define MEMBER(table, member, accessor, any, name, type) \
	if (GET(table, accessor##_type) == any##_##name) { \
		struct type *copy_ = COPY_NEW(arena, struct type); \
		view_##type(arena, GET(table, accessor##_as_##name), copy_, \
			    depth); \
		table##_set_##accessor##_##name(to, copy_); \
	}
#define END_UNION(table, member)

#include FIELDS

#undef GET
#undef HAS
#undef VIEW_STRING_AT

#endif
