// SPDX-License-Identifier: MIT
/*
 * Generated code with every kind of field: what is written is read, by readers
 * and by views; the tables of tools/schema write the same bytes; and encoders
 * keep within what they are given.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "everything.fastipc.h"
#include "schema/reflect.h"
#include "schema/schema.h"

#define ROUNDS 300
#define ELEMENTS 5

static uint64_t seed = 1;

/* xorshift64*: the same values each time. */
static uint64_t random_bits(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned int below(unsigned int limit)
{
	return (unsigned int)(random_bits() >> 32) % limit;
}

/* ---- random values ---- */

/* What a value points to. */
struct memory {
	struct codec_test_Plain plains[ELEMENTS];
	struct codec_test_Mixed mixeds[ELEMENTS];
	struct codec_shared_Point point;
	struct fastipc_string texts[ELEMENTS];
	struct codec_test_Leaf leaves[ELEMENTS];
	struct codec_shared_Note notes[ELEMENTS];
	struct codec_test_Empty empty;
	struct codec_test_All alls[2];
	bool bools[ELEMENTS];
	uint64_t numbers[ELEMENTS];
	float floats[ELEMENTS];
	double doubles[ELEMENTS];
};

/* Characters of one to four bytes. */
static const char letters[] = "plain text, much of it, as it mostly is: "
			      "\xc3\xa4\xc3\xb6 \xe2\x82\xac "
			      "\xf0\x9f\x98\x80 and so on, up to a line of "
			      "more than a hundred bytes, to be sure.";

static struct fastipc_string random_text(void)
{
	/* Where characters begin. */
	static const size_t cuts[] = { 0,  1,  2,  3,  4,  7,	8,  9,
				       15, 16, 17, 31, 32, 33,	41, 43,
				       45, 46, 49, 50, 54, 100, 120 };
	const size_t count = sizeof(cuts) / sizeof(cuts[0]);

	switch (below(4)) {
	case 0:
		return fastipc_string_of(NULL);
	case 1:
		return fastipc_string_of("");
	default:
		return fastipc_string_from(letters, cuts[below(count)]);
	}
}

/* A number of any length in bytes: sections are cut anywhere. */
static uint64_t random_number(void)
{
	return random_bits() >> 8 * below(8);
}

static void fill_leaf(struct codec_test_Leaf *leaf)
{
	codec_test_Leaf_init(leaf);
	if (below(2))
		leaf->number = (int32_t)random_number();
	leaf->name = random_text();
}

static void fill_note(struct codec_shared_Note *note)
{
	codec_shared_Note_init(note);
	if (below(2))
		note->colour = (uint8_t)below(5);
	note->text = random_text();
}

static void fill_memory(struct memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	for (size_t i = 0; i < ELEMENTS; i++) {
		memory->plains[i].a = (uint32_t)random_number();
		memory->plains[i].b = (float)below(100);
		memory->mixeds[i].yes = below(2);
		memory->mixeds[i].inner.small = (uint8_t)random_number();
		memory->mixeds[i].inner.big = random_number();
		memory->mixeds[i].half = (int16_t)random_number();
		memory->mixeds[i].bits = (uint16_t)random_number();
		memory->mixeds[i].value = below(3);
		memory->texts[i] = random_text();
		memory->bools[i] = below(2);
		memory->numbers[i] = random_bits();
		memory->floats[i] = (float)below(1000) / 7;
		memory->doubles[i] = (double)below(1000) / 7;
		fill_leaf(&memory->leaves[i]);
		fill_note(&memory->notes[i]);
	}
	memory->point.x = (int32_t)random_number();
	codec_test_Empty_init(&memory->empty);
	codec_test_All_init(&memory->alls[0]);
	codec_test_All_init(&memory->alls[1]);
	memory->alls[1].text = random_text();
	memory->alls[1].f64 = below(2);
}

#define ELEMENT_VECTOR(member, array) \
	if (below(3)) { \
		value->member.data = (const void *)memory->array; \
		value->member.count = below(ELEMENTS + 1); \
	}

static void fill_numbers(struct codec_test_All *value)
{
	value->yes = below(2);
	value->no = below(2);
	value->i8 = (int8_t)random_number();
	value->u8 = (uint8_t)random_number();
	value->i16 = (int16_t)random_number();
	value->u16 = (uint16_t)random_number();
	value->i32 = (int32_t)random_number();
	value->u32 = (uint32_t)random_number();
	value->i64 = (int64_t)random_number();
	value->u64 = random_number();
	value->f32 = (float)below(9);
	value->f64 = below(9);
	value->small = (int8_t)random_number();
	value->wide = random_number();
	value->signed_ = (int64_t)random_number();
	value->bits = (uint16_t)random_number();
}

static void fill_optionals(struct codec_test_All *value)
{
	value->has_maybe_bool = below(2);
	value->maybe_bool = value->has_maybe_bool && below(2);
	value->has_maybe_i8 = below(2);
	if (value->has_maybe_i8)
		value->maybe_i8 = (int8_t)random_number();
	value->has_maybe_u32 = below(2);
	if (value->has_maybe_u32)
		value->maybe_u32 = (uint32_t)random_number();
	value->has_maybe_f64 = below(2);
	if (value->has_maybe_f64)
		value->maybe_f64 = below(9);
	value->has_maybe_small = below(2);
	if (value->has_maybe_small)
		value->maybe_small = (int8_t)random_number();
}

static void fill_records(struct codec_test_All *value,
			 const struct memory *memory)
{
	value->plain = below(2) ? &memory->plains[0] : NULL;
	value->mixed = below(2) ? &memory->mixeds[0] : NULL;
	value->point = below(2) ? &memory->point : NULL;
	value->leaf = below(2) ? &memory->leaves[0] : NULL;
	value->empty = below(2) ? &memory->empty : NULL;
	value->note = below(2) ? &memory->notes[0] : NULL;
	value->all = below(2) ? &memory->alls[below(2)] : NULL;
	switch (below(4)) {
	case 1:
		codec_test_All_set_any_Leaf(value, &memory->leaves[1]);
		break;
	case 2:
		codec_test_All_set_any_Empty(value, &memory->empty);
		break;
	case 3:
		codec_test_All_set_any_All(value, &memory->alls[1]);
		break;
	default:
		break;
	}
}

static void fill_vectors(struct codec_test_All *value,
			 const struct memory *memory)
{
	value->bytes = fastipc_bytes_from(memory->numbers,
					  below(sizeof(memory->numbers)));
	ELEMENT_VECTOR(bools, bools)
	ELEMENT_VECTOR(i8s, numbers)
	ELEMENT_VECTOR(i16s, numbers)
	ELEMENT_VECTOR(u16s, numbers)
	ELEMENT_VECTOR(i32s, numbers)
	ELEMENT_VECTOR(u32s, numbers)
	ELEMENT_VECTOR(i64s, numbers)
	ELEMENT_VECTOR(u64s, numbers)
	ELEMENT_VECTOR(f32s, floats)
	ELEMENT_VECTOR(f64s, doubles)
	ELEMENT_VECTOR(smalls, numbers)
	ELEMENT_VECTOR(colours, numbers)
	ELEMENT_VECTOR(plains, plains)
	ELEMENT_VECTOR(mixeds, mixeds)
	ELEMENT_VECTOR(texts, texts)
	ELEMENT_VECTOR(leaves, leaves)
	ELEMENT_VECTOR(notes, notes)
}

/* Some fields, so that records end in all places. */
static void fill(struct codec_test_All *value, struct memory *memory)
{
	fill_memory(memory);
	codec_test_All_init(value);
	if (below(2))
		fill_numbers(value);
	if (below(2))
		fill_optionals(value);
	value->text = random_text();
	if (below(2))
		fill_records(value, memory);
	if (below(2))
		fill_vectors(value, memory);
	if (below(4) == 0)
		value->more = random_text();
	if (below(8) == 0)
		value->last = random_text();
}

/* ---- comparing ---- */

static void same_text(struct fastipc_string read, struct fastipc_string written)
{
	assert_int_equal(!read.data, !written.data);
	assert_int_equal(read.size, written.size);
	if (read.size)
		assert_memory_equal(read.data, written.data, read.size);
}

/* The same of a view: copied out. */
static void same_shared(struct fastipc_shared shared,
			struct fastipc_string written)
{
	char buffer[256];

	assert_int_equal(fastipc_shared_copy(shared, buffer, sizeof(buffer)),
			 written.size);
	same_text(fastipc_string_from(shared.data ? buffer : NULL, shared.size),
		  written);
}

static void same_element(struct fastipc_string read,
			 struct fastipc_string written)
{
	assert_int_equal(read.size, written.size);
	if (read.size)
		assert_memory_equal(read.data, written.data, read.size);
}

static void same_mixed(struct codec_test_Mixed read,
		       const struct codec_test_Mixed *written)
{
	assert_int_equal(read.yes, written->yes);
	assert_int_equal(read.inner.small, written->inner.small);
	assert_true(read.inner.big == written->inner.big);
	assert_int_equal(read.half, written->half);
	assert_int_equal(read.bits, written->bits);
	assert_true(read.value == written->value);
}

static void same_leaf(struct codec_test_Leaf_reader read,
		      const struct codec_test_Leaf *written)
{
	assert_int_equal(codec_test_Leaf_number(read), written->number);
	same_text(codec_test_Leaf_name(read), written->name);
}

static void same_leaf_view(struct codec_test_Leaf_view read,
			   const struct codec_test_Leaf *written)
{
	assert_int_equal(codec_test_Leaf_view_number(read), written->number);
	same_shared(codec_test_Leaf_view_name(read), written->name);
}

static void same_note(struct codec_shared_Note_reader read,
		      const struct codec_shared_Note *written)
{
	assert_int_equal(codec_shared_Note_colour(read), written->colour);
	same_text(codec_shared_Note_text(read), written->text);
}

/* Of a reader and a view: GET is All_ or All_view_. */
#define EACH_SCALAR(X) \
	X(yes) \
	X(no) \
	X(i8) \
	X(u8) \
	X(i16) \
	X(u16) \
	X(i32) \
	X(u32) \
	X(i64) \
	X(u64) \
	X(f32) \
	X(f64) \
	X(small) \
	X(wide) \
	X(bits) \
	X(maybe_bool) \
	X(maybe_i8) \
	X(maybe_u32) \
	X(maybe_f64) \
	X(maybe_small)
#define EACH_OPTIONAL(X) \
	X(maybe_bool) \
	X(maybe_i8) \
	X(maybe_u32) \
	X(maybe_f64) \
	X(maybe_small)
#define EACH_VECTOR(X) \
	X(bools, bool) \
	X(i8s, i8) \
	X(i16s, i16) \
	X(u16s, u16) \
	X(i32s, i32) \
	X(u32s, u32) \
	X(i64s, i64) \
	X(u64s, u64) \
	X(f32s, f32) \
	X(f64s, f64) \
	X(smalls, i8) \
	X(colours, u8)

static void same_numbers(struct codec_test_All_reader read,
			 struct codec_test_All_view view,
			 const struct codec_test_All *written)
{
#define SCALAR(field) \
	assert_true(codec_test_All_##field(read) == written->field); \
	assert_true(codec_test_All_view_##field(view) == written->field);
	EACH_SCALAR(SCALAR)
	assert_true(codec_test_All_signed(read) == written->signed_);
#define OPTIONAL(field) \
	assert_true(codec_test_All_has_##field(read) == written->has_##field); \
	assert_true(codec_test_All_view_has_##field(view) == \
		    written->has_##field);
	EACH_OPTIONAL(OPTIONAL)
#define VECTOR(field, type) \
	assert_int_equal(codec_test_All_has_##field(read), \
			 written->field.data != NULL); \
	assert_int_equal(codec_test_All_view_has_##field(view), \
			 written->field.data != NULL); \
	assert_int_equal(codec_test_All_##field(read).count, \
			 written->field.count); \
	assert_int_equal(codec_test_All_view_##field(view).count, \
			 written->field.count); \
	for (size_t i = 0; i < written->field.count; i++) { \
		assert_true(fastipc_##type##_vector_at( \
				    codec_test_All_##field(read), i) == \
			    written->field.data[i]); \
		assert_true(fastipc_##type##_vector_view_at( \
				    codec_test_All_view_##field(view), i) == \
			    written->field.data[i]); \
	} \
	assert_true(fastipc_##type##_vector_at(codec_test_All_##field(read), \
					       written->field.count) == 0);
	EACH_VECTOR(VECTOR)
}

static void same_structs(struct codec_test_All_reader read,
			 struct codec_test_All_view view,
			 const struct codec_test_All *written)
{
	assert_int_equal(codec_test_All_has_plain(read), !!written->plain);
	assert_int_equal(codec_test_All_has_mixed(read), !!written->mixed);
	assert_int_equal(codec_test_All_view_has_mixed(view), !!written->mixed);
	assert_int_equal(codec_test_All_has_point(read), !!written->point);
	if (written->plain) {
		assert_int_equal(codec_test_All_plain(read).a,
				 written->plain->a);
		assert_true(codec_test_All_view_plain(view).b ==
			    written->plain->b);
	}
	if (written->mixed) {
		same_mixed(codec_test_All_mixed(read), written->mixed);
		same_mixed(codec_test_All_view_mixed(view), written->mixed);
	}
	if (written->point)
		assert_int_equal(codec_test_All_point(read).x,
				 written->point->x);
	assert_int_equal(codec_test_All_mixeds(read).count,
			 written->mixeds.count);
	for (size_t i = 0; i < written->mixeds.count; i++) {
		same_mixed(codec_test_Mixed_vector_at(
				   codec_test_All_mixeds(read), i),
			   &written->mixeds.data[i]);
		same_mixed(codec_test_Mixed_vector_view_at(
				   codec_test_All_view_mixeds(view), i),
			   &written->mixeds.data[i]);
	}
	for (size_t i = 0; i < written->plains.count; i++) {
		struct codec_test_Plain plain;

		assert_int_equal(codec_test_Plain_vector_copy(
					 codec_test_All_plains(read), i, &plain,
					 1),
				 1);
		assert_int_equal(plain.a, written->plains.data[i].a);
	}
}

static void same_tails(struct codec_test_All_reader read,
		       struct codec_test_All_view view,
		       const struct codec_test_All *written)
{
	struct fastipc_bytes bytes = codec_test_All_bytes(read);

	same_text(codec_test_All_text(read), written->text);
	same_text(codec_test_All_more(read), written->more);
	same_text(codec_test_All_last(read), written->last);
	same_shared(codec_test_All_view_text(view), written->text);
	same_shared(codec_test_All_view_last(view), written->last);
	same_text(fastipc_string_from((const char *)bytes.data, bytes.size),
		  fastipc_string_from((const char *)written->bytes.data,
				      written->bytes.size));
	assert_int_equal(codec_test_All_texts(read).count,
			 written->texts.count);
	for (size_t i = 0; i < written->texts.count; i++) {
		char copy[256];
		struct fastipc_shared shared = fastipc_string_vector_view_at(
			codec_test_All_view_texts(view), i);

		same_element(
			fastipc_string_vector_at(codec_test_All_texts(read), i),
			written->texts.data[i]);
		fastipc_shared_copy(shared, copy, sizeof(copy));
		same_element(fastipc_string_from(copy, shared.size),
			     written->texts.data[i]);
	}
}

static void same_records(struct codec_test_All_reader read,
			 struct codec_test_All_view view,
			 const struct codec_test_All *written)
{
	assert_int_equal(codec_test_All_has_leaf(read), !!written->leaf);
	assert_int_equal(codec_test_All_view_has_leaf(view), !!written->leaf);
	assert_int_equal(codec_test_All_has_empty(read), !!written->empty);
	assert_int_equal(codec_test_All_has_note(read), !!written->note);
	assert_int_equal(codec_test_All_has_all(read), !!written->all);
	if (written->leaf) {
		same_leaf(codec_test_All_leaf(read), written->leaf);
		same_leaf_view(codec_test_All_view_leaf(view), written->leaf);
	}
	if (written->note)
		same_note(codec_test_All_note(read), written->note);
	assert_int_equal(codec_test_All_any_type(read), written->any_type);
	assert_int_equal(codec_test_All_view_any_type(view), written->any_type);
	if (written->any_type == codec_test_Any_Leaf) {
		same_leaf(codec_test_All_any_as_Leaf(read), written->any);
		same_leaf_view(codec_test_All_view_any_as_Leaf(view),
			       written->any);
	}
	assert_int_equal(codec_test_All_leaves(read).count,
			 written->leaves.count);
	for (size_t i = 0; i < written->leaves.count; i++) {
		same_leaf(codec_test_Leaf_vector_at(codec_test_All_leaves(read),
						    i),
			  &written->leaves.data[i]);
		same_leaf_view(codec_test_Leaf_vector_view_at(
				       codec_test_All_view_leaves(view), i),
			       &written->leaves.data[i]);
	}
	for (size_t i = 0; i < written->notes.count; i++)
		same_note(codec_shared_Note_vector_at(
				  codec_test_All_notes(read), i),
			  &written->notes.data[i]);
}

static void same(struct codec_test_All_reader read,
		 struct codec_test_All_view view,
		 const struct codec_test_All *written)
{
	same_numbers(read, view, written);
	same_structs(read, view, written);
	same_tails(read, view, written);
	same_records(read, view, written);
	if (written->all)
		same(codec_test_All_all(read), codec_test_All_view_all(view),
		     written->all);
	if (written->any_type == codec_test_Any_All)
		same(codec_test_All_any_as_All(read),
		     codec_test_All_view_any_as_All(view), written->any);
}

/* ---- tests ---- */

/* In memory of its own, with its end where the message ends. */
static uint8_t *encoded(const struct codec_test_All *value, size_t *size)
{
	uint8_t *data;

	*size = codec_test_All_size(value);
	data = malloc(*size);
	assert_true(data || !*size);
	assert_int_equal(codec_test_All_encode(value, data, *size, size), 0);
	return data;
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct codec_test_All value;
		struct memory memory;
		struct codec_test_All_reader reader;
		size_t size;
		uint8_t *data;

		fill(&value, &memory);
		data = encoded(&value, &size);
		assert_int_equal(
			codec_test_All_read(fastipc_snapshot_of(data, size),
					    &reader),
			0);
		same(reader,
		     codec_test_All_view_of(fastipc_shared_of(data, size)),
		     &value);
		free(data);
	}
}

static void tables_write_the_same(void **state)
{
	const struct fastipc_schema *schema = &codec_test_everything_schema;
	const uint16_t table = schema_find_table(schema, "codec.test.All");
	struct reflect_error error = { 0 };

	(void)state;
	if (reflect_check_schema(schema, &error))
		fail_msg("%s", error.text);
	for (int i = 0; i < ROUNDS; i++) {
		struct codec_test_All value;
		struct memory memory;
		struct reflect_arena arena = { 0 };
		const struct reflect_record *record;
		const uint8_t *written;
		size_t size, again;
		uint8_t *data;

		fill(&value, &memory);
		data = encoded(&value, &size);
		if (reflect_read(schema, table, data, size, 0, &arena, &record,
				 &error))
			fail_msg("%s", error.text);
		assert_int_equal(reflect_write(schema, record, &arena, &written,
					       &again, &error),
				 0);
		assert_int_equal(again, size);
		if (size)
			assert_memory_equal(written, data, size);
		reflect_free(&arena);
		free(data);
	}
}

/* Each capacity is an allocation of its own: ASan sees what is beyond. */
static void every_capacity(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS / 10; i++) {
		struct codec_test_All value;
		struct memory memory;
		size_t size;
		uint8_t *data;

		fill(&value, &memory);
		data = encoded(&value, &size);
		for (size_t capacity = 0; capacity < size; capacity++) {
			uint8_t *small = malloc(capacity);
			size_t needed = 0;

			assert_int_equal(codec_test_All_encode(&value, small,
							       capacity,
							       &needed),
					 -EMSGSIZE);
			assert_int_equal(needed, size);
			free(small);
		}
		for (size_t more = 0; more < 70; more++) {
			uint8_t *large = malloc(size + more);
			size_t same_size = 0;

			memset(large, 0xa5, size + more);
			assert_int_equal(codec_test_All_encode(&value, large,
							       size + more,
							       &same_size),
					 0);
			assert_int_equal(same_size, size);
			assert_memory_equal(large, data, size);
			free(large);
		}
		free(data);
	}
}

/* Whatever is read of it, it is within it. */
static void every_prefix(void **state)
{
	struct codec_test_All value;
	struct memory memory;
	size_t size;
	uint8_t *data;

	(void)state;
	do {
		fill(&value, &memory);
		value.any_type = 0;
	} while (codec_test_All_size(&value) < 200);
	data = encoded(&value, &size);
	for (size_t cut = 0; cut < size; cut++) {
		struct codec_test_All_reader reader;
		struct codec_test_All_view view;
		uint8_t *prefix = malloc(cut);

		memcpy(prefix, data, cut);
		codec_test_All_read(fastipc_snapshot_of(prefix, cut), &reader);
		view = codec_test_All_view_of(fastipc_shared_of(prefix, cut));
		(void)codec_test_All_view_f64(view);
		(void)codec_test_All_view_text(view);
		free(prefix);
	}
	free(data);
}

static void defaults_are_no_bytes(void **state)
{
	struct codec_test_All value;
	struct codec_test_All_reader reader;
	size_t size = 1;

	(void)state;
	codec_test_All_init(&value);
	assert_int_equal(codec_test_All_encode(&value, NULL, 0, &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(
		codec_test_All_read(fastipc_snapshot_of(NULL, 0), &reader), 0);
	same(reader, codec_test_All_view_of(fastipc_shared_of(NULL, 0)),
	     &value);
	assert_true(codec_test_All_wide(reader) == codec_test_Wide_Top);
	assert_int_equal(codec_test_All_i32(reader), INT32_MIN);
}

/* The last scalar that is there loses its upper bytes, if they are 0. */
static void scalars_are_cut(void **state)
{
	(void)state;
	for (unsigned int shift = 0; shift < 64; shift++) {
		struct codec_test_All value;
		struct codec_test_All_reader reader;
		uint8_t *data;
		size_t size;

		codec_test_All_init(&value);
		value.u64 = UINT64_MAX ^ UINT64_C(1) << shift;
		data = encoded(&value, &size);
		assert_int_equal(
			codec_test_All_read(fastipc_snapshot_of(data, size),
					    &reader),
			0);
		assert_true(codec_test_All_u64(reader) == value.u64);
		assert_true(codec_test_All_view_u64(codec_test_All_view_of(
				    fastipc_shared_of(data, size))) ==
			    value.u64);
		free(data);
	}
}

static void required_fields(void **state)
{
	const uint32_t number = 5;
	struct codec_test_Strict value, missing;
	struct codec_test_Strict_reader reader;
	struct codec_test_Leaf leaf;
	uint8_t data[64];
	size_t size;

	(void)state;
	codec_test_Leaf_init(&leaf);
	codec_test_Strict_init(&value);
	assert_int_equal(codec_test_Strict_size(&value), 0);
	value.text = fastipc_string_of("");
	value.leaf = &leaf;
	codec_test_Strict_set_any_Leaf(&value, &leaf);
	value.numbers.data = &number;
	value.numbers.count = 1;
	assert_int_equal(
		codec_test_Strict_encode(&value, data, sizeof(data), &size), 0);
	assert_int_equal(codec_test_Strict_read(fastipc_snapshot_of(data, size),
						&reader),
			 0);
	assert_true(codec_test_Strict_has_leaf(reader));

	missing = value;
	missing.text.data = NULL;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	missing = value;
	missing.leaf = NULL;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	missing = value;
	missing.any_type = 0;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	missing = value;
	missing.any_type = 99;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	missing = value;
	missing.numbers.data = NULL;
	missing.numbers.count = 0;
	assert_int_equal(codec_test_Strict_encode(&missing, data, 64, &size),
			 -EINVAL);
	/* A record of no bytes has none of them. */
	assert_int_equal(codec_test_Strict_read(fastipc_snapshot_of("", 0),
						&reader),
			 -EBADMSG);
}

static void names(void **state)
{
	struct codec_test_Words words;
	struct codec_test_Words_reader reader;
	uint8_t data[64];
	size_t size;

	(void)state;
	codec_test_Words_init(&words);
	words.int_ = 1;
	words.class_ = fastipc_string_of("class");
	words.size = 2;
	words.has_x_ = true;
	words.x = 3;
	words.errno_ = 4;
	assert_int_equal(
		codec_test_Words_encode(&words, data, sizeof(data), &size), 0);
	assert_int_equal(codec_test_Words_read(fastipc_snapshot_of(data, size),
					       &reader),
			 0);
	assert_int_equal(codec_test_Words_int(reader), 1);
	assert_int_equal(codec_test_Words_size_(reader), 2);
	assert_true(codec_test_Words_has_x_(reader));
	assert_int_equal(codec_test_Words_x_(reader), 3);
	assert_int_equal(codec_test_Words_errno(reader), 4);
	assert_string_equal(codec_test_Small_name(codec_test_Small_Least),
			    "Least");
	assert_string_equal(codec_test_Wide_name(UINT64_MAX), "Top");
	assert_null(codec_test_Small_name(77));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(tables_write_the_same),
		cmocka_unit_test(every_capacity),
		cmocka_unit_test(every_prefix),
		cmocka_unit_test(defaults_are_no_bytes),
		cmocka_unit_test(scalars_are_cut),
		cmocka_unit_test(required_fields),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
