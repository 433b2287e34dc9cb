// SPDX-License-Identifier: MIT
/*
 * The limits of the codec, at each and one past it, and tables of more than
 * 64 KiB.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "everything.fastipc.h"
#include "limits.fastipc.h"

/* Bytes of a record that has a string of @length alone: a header and it. */
#define TEXT(length) ((length) + 2)
#define TEXT_MAX (FASTIPC_RECORD_SMALL - 2)

static struct fastipc_string text_of(const char *data, size_t size)
{
	return fastipc_string_from(data, size);
}

static void small_records(void **state)
{
	char *letters = calloc(1, 70000);
	uint8_t *data = malloc(80000);
	struct codec_limits_Text text;
	struct codec_limits_Text_reader reader;
	size_t size;

	(void)state;
	memset(letters, 'x', 70000);
	codec_limits_Text_init(&text);
	text.text = text_of(letters, TEXT_MAX);
	assert_int_equal(codec_limits_Text_encode(&text, data, 80000, &size),
			 0);
	assert_int_equal(size, 65535);
	assert_int_equal(codec_limits_Text_read(fastipc_snapshot_of(data, size),
						&reader),
			 0);
	assert_int_equal(codec_limits_Text_text(reader).size, TEXT_MAX);

	text.text = text_of(letters, TEXT_MAX + 1);
	assert_int_equal(codec_limits_Text_encode(&text, data, 80000, &size),
			 -EOVERFLOW);
	/* That it is too large counts more than that there is no room. */
	assert_int_equal(codec_limits_Text_encode(&text, data, 10, &size),
			 -EOVERFLOW);
	assert_int_equal(codec_limits_Text_size(&text), 0);
	/* The last tail could be longer, if the whole were not bounded. */
	data[TEXT(TEXT_MAX)] = 'x';
	assert_int_equal(codec_limits_Text_read(
				 fastipc_snapshot_of(data, 65536), &reader),
			 -EBADMSG);
	assert_false(codec_limits_Text_view_has_text(
		codec_limits_Text_view_of(fastipc_shared_of(data, 65536))));
	free(data);
	free(letters);
}

/* A chain of records, @depth of them, the last one without bytes or with. */
static int chain(unsigned int depth, bool last_has_bytes, uint8_t *data,
		 size_t capacity, size_t *size)
{
	struct codec_limits_Node nodes[70];

	for (unsigned int i = 0; i < depth; i++) {
		codec_limits_Node_init(&nodes[i]);
		if (i + 1 < depth)
			nodes[i].next = &nodes[i + 1];
		else
			nodes[i].value = last_has_bytes;
	}
	return codec_limits_Node_encode(&nodes[0], data, capacity, size);
}

static void depth(void **state)
{
	(void)state;
	for (int bytes = 0; bytes < 2; bytes++) {
		struct codec_limits_Node_reader reader;
		struct codec_limits_Node_view view;
		uint8_t data[1024], deeper[1024];
		size_t size, more;

		assert_int_equal(chain(FASTIPC_CODEC_DEPTH, bytes, data,
				       sizeof(data), &size),
				 0);
		assert_int_equal(
			codec_limits_Node_read(fastipc_snapshot_of(data, size),
					       &reader),
			0);
		view = codec_limits_Node_view_of(fastipc_shared_of(data, size));
		for (unsigned int i = 1; i < FASTIPC_CODEC_DEPTH; i++) {
			assert_true(codec_limits_Node_has_next(reader));
			reader = codec_limits_Node_next(reader);
			view = codec_limits_Node_view_next(view);
		}
		assert_false(codec_limits_Node_has_next(reader));
		assert_int_equal(codec_limits_Node_value(reader), bytes);
		assert_int_equal(codec_limits_Node_view_value(view), bytes);

		assert_int_equal(chain(FASTIPC_CODEC_DEPTH + 1, bytes, deeper,
				       sizeof(deeper), &more),
				 -ELOOP);
		/* The same in one record more: N is 1, and no END. */
		deeper[0] = 0;
		deeper[1] = 1 << 2;
		memcpy(deeper + 2, data, size);
		assert_int_equal(codec_limits_Node_read(
					 fastipc_snapshot_of(deeper, size + 2),
					 &reader),
				 -EBADMSG);
	}
}

/* By way of a vector and of a union, too. */
static void depth_of_others(void **state)
{
	struct codec_limits_Node nodes[66];
	uint8_t data[2048];
	size_t size;

	(void)state;
	for (unsigned int count = 64; count <= 65; count++) {
		for (unsigned int way = 0; way < 2; way++) {
			for (unsigned int i = 0; i < count; i++) {
				struct codec_limits_Node *node = &nodes[i];

				codec_limits_Node_init(node);
				if (i + 1 == count)
					continue;
				if (way)
					codec_limits_Node_set_any_Node(
						node, &nodes[i + 1]);
				node->nodes.data = &nodes[i + 1];
				node->nodes.count = !way;
			}
			assert_int_equal(codec_limits_Node_encode(nodes, data,
								  sizeof(data),
								  &size),
					 count > 64 ? -ELOOP : 0);
		}
	}
}

/* clang-format off */
#define FIELDS(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) \
	X(12) X(13) X(14) X(15) X(16)
#define MORE_FIELDS(X) \
	X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) \
	X(28) X(29) X(30) X(31) X(32) X(33) X(34) X(35) X(36) X(37) X(38) \
	X(39) X(40) X(41) X(42) X(43) X(44) X(45) X(46) X(47) X(48) X(49) \
	X(50) X(51) X(52) X(53) X(54) X(55) X(56) X(57) X(58) X(59) X(60) \
	X(61) X(62)
/* clang-format on */

/* Text of field i: i % 7 bytes. */
static const char some[] = "abcdefg";

static void many_variables(void **state)
{
	struct codec_limits_Most most;
	struct codec_limits_Most_reader reader;
	struct codec_limits_Most_view view;
	struct codec_limits_Many many;
	struct codec_limits_Many_reader many_reader;
	uint8_t data[1024];
	size_t size;

	(void)state;
	codec_limits_Most_init(&most);
	codec_limits_Many_init(&many);
#define SET(i) most.f##i = text_of(some, i % 7);
	FIELDS(SET)
	MORE_FIELDS(SET)
#define SET_MANY(i) many.f##i = text_of(some, i % 7);
	FIELDS(SET_MANY)
	assert_int_equal(
		codec_limits_Most_encode(&most, data, sizeof(data), &size), 0);
	assert_int_equal(data[1] >> 2, 63);
	assert_int_equal(codec_limits_Most_read(fastipc_snapshot_of(data, size),
						&reader),
			 0);
	view = codec_limits_Most_view_of(fastipc_shared_of(data, size));
#define SAME(i) \
	assert_int_equal(codec_limits_Most_f##i(reader).size, i % 7); \
	assert_int_equal(codec_limits_Most_view_f##i(view).size, i % 7); \
	assert_true(codec_limits_Most_has_f##i(reader));
	FIELDS(SAME)
	MORE_FIELDS(SAME)
	/* A reader that knows 17 of them: the last one is not the last. */
	assert_int_equal(codec_limits_Many_read(fastipc_snapshot_of(data, size),
						&many_reader),
			 0);
	assert_int_equal(codec_limits_Many_f16(many_reader).size, 16 % 7);
	assert_int_equal(
		codec_limits_Many_encode(&many, data, sizeof(data), &size), 0);
	assert_int_equal(codec_limits_Most_read(fastipc_snapshot_of(data, size),
						&reader),
			 0);
	assert_int_equal(codec_limits_Most_f16(reader).size, 16 % 7);
	assert_false(codec_limits_Most_has_f17(reader));
	/* Any END that decreases is found, known or not. */
	codec_limits_Most_encode(&most, data, sizeof(data), &size);
	for (unsigned int i = 1; i < 62; i++) {
		/* 8 bytes of bits of presence, and the header. */
		uint8_t *end = data + 2 + (data[0] | (data[1] & 3) << 8) +
			       (size_t)2 * i;
		uint8_t was[2];

		memcpy(was, end, 2);
		memset(end, 0, 2);
		assert_int_equal(
			codec_limits_Many_read(fastipc_snapshot_of(data, size),
					       &many_reader),
			-EBADMSG);
		assert_int_equal(
			codec_limits_Most_read(fastipc_snapshot_of(data, size),
					       &reader),
			-EBADMSG);
		memset(end, 0xff, 2);
		assert_int_equal(
			codec_limits_Many_read(fastipc_snapshot_of(data, size),
					       &many_reader),
			-EBADMSG);
		memcpy(end, was, 2);
	}
}

static void the_largest_fixed_section(void **state)
{
	struct codec_limits_Sixty sixty;
	struct codec_limits_Fixed fixed, none;
	struct codec_limits_Fixed_reader reader;
	uint8_t *data = malloc(1025);
	size_t size;

	(void)state;
	memset(&sixty, 0x11, sizeof(sixty));
	codec_limits_Fixed_init(&fixed);
	fixed.a = fixed.b = &sixty;
	fixed.last = UINT32_MAX;
	assert_int_equal(codec_limits_Fixed_encode(&fixed, data, 1025, &size),
			 0);
	assert_int_equal(size, 1025);
	assert_int_equal(codec_limits_Fixed_encode(&fixed, data, 1024, &size),
			 -EMSGSIZE);
	assert_int_equal(codec_limits_Fixed_read(
				 fastipc_snapshot_of(data, size), &reader),
			 0);
	assert_int_equal(codec_limits_Fixed_last(reader), UINT32_MAX);
	assert_int_equal(codec_limits_Fixed_b(reader).h, 0x11);
	fixed.last = 0;
	fixed.b = NULL;
	assert_int_equal(codec_limits_Fixed_encode(&fixed, data, 1025, &size),
			 0);
	assert_true(size < 600);
	codec_limits_Fixed_init(&none);
	assert_int_equal(codec_limits_Fixed_encode(&none, data, 0, &size), 0);
	assert_int_equal(size, 0);
	free(data);
}

static void more_than_64_kib(void **state)
{
	const size_t count = 50000;
	uint64_t *numbers = calloc(count, sizeof(*numbers));
	struct fastipc_string *texts = calloc(count, sizeof(*texts));
	struct codec_test_All *alls = calloc(300, sizeof(*alls));
	struct codec_test_Huge huge, inner;
	struct codec_test_Huge_reader reader;
	struct codec_test_Huge_view view;
	uint8_t *data;
	size_t size;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		numbers[i] = i;
		texts[i] = text_of(some, i % 7);
	}
	for (size_t i = 0; i < 300; i++) {
		codec_test_All_init(&alls[i]);
		alls[i].u16 = (uint16_t)i;
		alls[i].u64s.data = numbers;
		alls[i].u64s.count = 100;
	}
	codec_test_Huge_init(&inner);
	codec_test_Huge_init(&huge);
	inner.numbers.data = huge.numbers.data = numbers;
	inner.numbers.count = huge.numbers.count = count;
	huge.texts.data = texts;
	huge.texts.count = count;
	huge.alls.data = alls;
	huge.alls.count = 300;
	huge.huges.data = &inner;
	huge.huges.count = 1;
	huge.number = 8;
	size = codec_test_Huge_size(&huge);
	assert_true(size > 1000000);
	data = malloc(size);
	assert_int_equal(codec_test_Huge_encode(&huge, data, size - 1, &size),
			 -EMSGSIZE);
	assert_int_equal(codec_test_Huge_encode(&huge, data, size, &size), 0);
	assert_int_equal(codec_test_Huge_read(fastipc_snapshot_of(data, size),
					      &reader),
			 0);
	view = codec_test_Huge_view_of(fastipc_shared_of(data, size));
	assert_int_equal(codec_test_Huge_number(reader), 8);
	assert_int_equal(codec_test_Huge_view_number(view), 8);
	for (size_t i = 0; i < count; i += 99) {
		assert_int_equal(fastipc_string_vector_at(
					 codec_test_Huge_texts(reader), i)
					 .size,
				 i % 7);
		assert_int_equal(fastipc_string_vector_view_at(
					 codec_test_Huge_view_texts(view), i)
					 .size,
				 i % 7);
		assert_int_equal(
			fastipc_u64_vector_at(
				codec_test_Huge_numbers(
					codec_test_Huge_vector_at(
						codec_test_Huge_huges(reader),
						0)),
				i),
			i);
	}
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(codec_test_All_u16(codec_test_All_vector_at(
					 codec_test_Huge_alls(reader), i)),
				 i);
	/* Behind the last one is nothing. */
	assert_int_equal(fastipc_string_vector_at(codec_test_Huge_texts(reader),
						  count)
				 .size,
			 0);
	assert_int_equal(codec_test_All_u16(codec_test_All_vector_at(
				 codec_test_Huge_alls(reader), SIZE_MAX)),
			 60000);
	/* A table that is not large cannot be. */
	alls[0].u64s.count = 8180;
	assert_int_equal(codec_test_Huge_size(&huge) > 0, 1);
	alls[0].u64s.count = 8192;
	assert_int_equal(codec_test_Huge_encode(&huge, data, size, &size),
			 -EOVERFLOW);
	free(data);
	free(alls);
	free(texts);
	free(numbers);
}

/* Sizes that no memory has do not wrap around. */
static void absurd_sizes(void **state)
{
	struct codec_test_Huge huge;

	(void)state;
	codec_test_Huge_init(&huge);
	huge.numbers.data = (const uint64_t *)&huge;
	huge.numbers.count = SIZE_MAX / 8;
	assert_int_equal(codec_test_Huge_size(&huge), 0);
	huge.numbers.data = NULL;
	huge.numbers.count = 0;
	huge.text = text_of((const char *)&huge, UINT32_MAX);
	assert_int_equal(codec_test_Huge_size(&huge), 0);
	huge.text = text_of((const char *)&huge, UINT32_MAX - 4);
	assert_true(codec_test_Huge_size(&huge) == UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_records),
		cmocka_unit_test(depth),
		cmocka_unit_test(depth_of_others),
		cmocka_unit_test(many_variables),
		cmocka_unit_test(the_largest_fixed_section),
		cmocka_unit_test(more_than_64_kib),
		cmocka_unit_test(absurd_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
