/* SPDX-License-Identifier: MIT */
/*
 * Is what was read, by a reader and by a view, what was written?
 */
#ifndef SELFTESTS_EVERYTHING_SAME_H
#define SELFTESTS_EVERYTHING_SAME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "everything.fastipc.h"

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

#endif
