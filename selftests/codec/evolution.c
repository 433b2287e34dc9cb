// SPDX-License-Identifier: MIT
/*
 * Two versions of a schema: what the one writes, the other reads.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "new.fastipc.h"
#include "old.fastipc.h"

static bool is(struct fastipc_string text, const char *expected)
{
	return fastipc_string_is(text, expected);
}

static void new_reads_old(void **state)
{
	struct codec_v1_Part parts[2];
	struct codec_v1_Old old;
	struct codec_v2_New_reader reader;
	struct codec_v2_New_view view;
	uint8_t data[256];
	size_t size;

	(void)state;
	codec_v1_Part_init(&parts[0]);
	codec_v1_Part_init(&parts[1]);
	parts[1].name = fastipc_string_of("part");
	codec_v1_Old_init(&old);
	old.kind = codec_v1_Kind_Two;
	old.label = fastipc_string_of("label");
	old.level = 3;
	old.parts.data = parts;
	old.parts.count = 2;
	assert_int_equal(codec_v1_Old_encode(&old, data, sizeof(data), &size),
			 0);

	assert_int_equal(
		codec_v2_New_read(fastipc_snapshot_of(data, size), &reader), 0);
	view = codec_v2_New_view_of(fastipc_shared_of(data, size));
	assert_int_equal(codec_v2_New_kind(reader), codec_v2_Kind_Two);
	assert_true(is(codec_v2_New_label(reader), "label"));
	assert_int_equal(codec_v2_New_parts(reader).count, 2);
	assert_true(is(codec_v2_Part_name(codec_v2_Part_vector_at(
			       codec_v2_New_parts(reader), 1)),
		       "part"));
	/* What it did not know is absent, or has its default. */
	assert_true(codec_v2_New_on(reader));
	assert_true(codec_v2_New_view_on(view));
	assert_false(codec_v2_New_has_place(reader));
	assert_false(codec_v2_New_has_score(reader));
	assert_false(codec_v2_New_has_detail(reader));
	assert_false(codec_v2_New_view_has_detail(view));
	assert_false(codec_v2_New_has_numbers(reader));
	assert_false(codec_v2_New_has_other(reader));
	assert_int_equal(codec_v2_Other_number(codec_v2_New_other(reader)), 0);
	assert_false(codec_v2_Part_has_note(
		codec_v2_Part_vector_at(codec_v2_New_parts(reader), 1)));
	assert_true(codec_v2_Part_weight(codec_v2_Part_vector_at(
			    codec_v2_New_parts(reader), 1)) == 2.5);
}

static void old_reads_new(void **state)
{
	const struct codec_v2_Place place = { 1, 2 };
	const uint32_t numbers[] = { 4, 5, 6 };
	struct codec_v2_Other other;
	struct codec_v2_Part part;
	struct codec_v2_New new;
	struct codec_v1_Old_reader reader;
	struct codec_v1_Part_reader part_reader;
	uint8_t data[256];
	size_t size;

	(void)state;
	codec_v2_Other_init(&other);
	other.number = 7;
	codec_v2_Part_init(&part);
	part.name = fastipc_string_of("part");
	part.note = fastipc_string_of("note");
	part.weight = 1;
	codec_v2_New_init(&new);
	new.kind = codec_v2_Kind_Three;
	new.label = fastipc_string_of("label");
	new.parts.data = &part;
	new.parts.count = 1;
	new.on = false;
	new.place = &place;
	new.has_score = true;
	new.score = 1;
	new.detail = fastipc_string_of("detail");
	new.numbers.data = numbers;
	new.numbers.count = 3;
	new.other = &other;
	assert_int_equal(codec_v2_New_encode(&new, data, sizeof(data), &size),
			 0);

	assert_int_equal(
		codec_v1_Old_read(fastipc_snapshot_of(data, size), &reader), 0);
	/* An enum is open: the value is there, its name is not. */
	assert_int_equal(codec_v1_Old_kind(reader), codec_v2_Kind_Three);
	assert_null(codec_v1_Kind_name(codec_v1_Old_kind(reader)));
	assert_true(is(codec_v1_Old_label(reader), "label"));
	assert_int_equal(codec_v1_Old_level(reader), 9);
	assert_int_equal(codec_v1_Old_parts(reader).count, 1);
	part_reader = codec_v1_Part_vector_at(codec_v1_Old_parts(reader), 0);
	assert_true(is(codec_v1_Part_name(part_reader), "part"));
	/* ENDs that it does not know must make sense all the same. */
	data[2 + (data[0] | (data[1] & 3) << 8) + 4] = 0xff;
	assert_int_equal(codec_v1_Old_read(fastipc_snapshot_of(data, size),
					   &reader),
			 -EBADMSG);
}

static void unknown_alternatives(void **state)
{
	struct codec_v2_Other other;
	struct codec_v2_Holder holder;
	struct codec_v1_Holder_reader reader;
	struct codec_v2_Holder_reader new_reader;
	uint8_t data[64];
	size_t size;

	(void)state;
	codec_v2_Other_init(&other);
	other.number = 300;
	codec_v2_Holder_init(&holder);
	codec_v2_Holder_set_choice_Other(&holder, &other);
	holder.count = 2;
	holder.more = 5;
	assert_int_equal(
		codec_v2_Holder_encode(&holder, data, sizeof(data), &size), 0);
	assert_int_equal(codec_v1_Holder_read(fastipc_snapshot_of(data, size),
					      &reader),
			 0);
	assert_int_equal(codec_v1_Holder_choice_type(reader),
			 codec_v2_Choice_Other);
	assert_false(
		codec_v1_Part_has_name(codec_v1_Holder_choice_as_Part(reader)));
	assert_int_equal(codec_v1_Holder_count(reader), 2);
	assert_int_equal(codec_v2_Holder_read(fastipc_snapshot_of(data, size),
					      &new_reader),
			 0);
	assert_int_equal(codec_v2_Other_number(
				 codec_v2_Holder_choice_as_Other(new_reader)),
			 300);
	assert_int_equal(codec_v2_Holder_more(new_reader), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_reads_old),
		cmocka_unit_test(old_reads_new),
		cmocka_unit_test(unknown_alternatives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
