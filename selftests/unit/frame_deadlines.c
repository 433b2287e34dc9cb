// SPDX-License-Identifier: MIT
/*
 * Frames that say when their calls are to have ended.
 */
#include "frame_pair.h"

static int push_deadline(struct pair *pair, uint64_t deadline,
			 struct fastipc_frame *frame)
{
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)"hello",
		.size = 5,
		.id = 1,
		.type = 1,
		.deadline = deadline,
	};

	assert_int_equal(
		fastipc_frame_push_slowly(&pair->near, &message, false), 0);
	return fastipc_frame_peek(&pair->far, frame);
}

/* Both ends say whether they share a clock. */
static uint64_t deadline_through(bool near, bool far, uint64_t deadline,
				 int expected)
{
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_FULL);
	struct fastipc_frame frame = { 0 };

	pair->near.link.same_clock = near;
	pair->far.link.same_clock = far;
	assert_int_equal(push_deadline(pair, deadline, &frame), expected);
	if (!expected) {
		assert_int_equal(frame.length, 5);
		assert_true(frame.flags & FASTIPC_FRAME_EXT);
	}
	pair_free(pair);
	return frame.deadline;
}

static void deadlines(void **state)
{
	const uint64_t hour = 3600000000000ull;
	uint64_t then = fastipc_now_ns() + hour, got;

	(void)state;
	/* With one clock it arrives as it is; without, what is left of it. */
	assert_true(deadline_through(true, true, then, 0) == then);
	assert_true(deadline_through(true, true, 1, 0) == 1);
	got = deadline_through(false, false, then, 0);
	assert_true(got >= then && got < then + hour);
	got = deadline_through(false, false, 1, 0);
	assert_true(got > 1 && got <= fastipc_now_ns());
	/* Who shares the clock understands the other way, too. */
	got = deadline_through(false, true, then, 0);
	assert_true(got >= then && got < then + hour);
	/* But when it is by another clock is no deadline. */
	deadline_through(true, false, then, -EPROTO);
}

/* The quick way makes the same bytes as the slow one, and what reads them
 * quickly notices as much. */
static void deadlines_the_quick_way(void **state)
{
	const uint32_t sizes[] = { 0, 1, 7, 8, 15, 16, 50, 64, 333 };
	const uint32_t checksums[] = { FASTIPC_CHECKSUM_FULL,
				       FASTIPC_CHECKSUM_HEADER,
				       FASTIPC_CHECKSUM_OFF };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) * 6; i++) {
		uint32_t checksum = checksums[i % 3];
		struct pair *slow = pair_make(SMALL_RING, checksum);
		struct pair *quick = pair_make(SMALL_RING, checksum);
		uint32_t size = sizes[i / 6], whole = 24 + 24 + size;
		unsigned char *data = pattern(size), got[333];
		struct fastipc_outgoing message = {
			.data = data,
			.size = size,
			.id = 0x123456789abc,
			.type = 0xfeff,
			.deadline = UINT64_MAX - 12345,
		};
		struct fastipc_frame frame;
		bool same_clock = i % 6 < 3;

		slow->near.link.same_clock = same_clock;
		quick->near.link.same_clock = same_clock;
		assert_int_equal(fastipc_frame_push_slowly(&slow->near,
							   &message, false),
				 0);
		message.offset = 0;
		assert_int_equal(fastipc_frame_push_timed(&quick->near,
							  &message, false),
				 0);
		if (same_clock)
			assert_memory_equal(bytes_of(slow) - 8,
					    bytes_of(quick) - 8, 8 + whole);
		assert_int_equal(fastipc_frame_peek(&quick->far, &frame), 0);
		assert_int_equal(frame.length, size);
		assert_true(frame.type == 0xfeff && !frame.total &&
			    !frame.opens && frame.id == 0x123456789abc);
		if (same_clock)
			assert_true(frame.deadline == UINT64_MAX - 12345);
		assert_int_equal(fastipc_frame_take(&quick->far, &frame, got),
				 0);
		assert_memory_equal(got, data, size);
		if (checksum == FASTIPC_CHECKSUM_FULL)
			flip_bits(quick, whole, whole);
		pair_free(slow);
		pair_free(quick);
		free(data);
	}
}

/* The block says more than there is. */
static void a_deadline_cut_short(void **state)
{
	(void)state;
	for (uint32_t left = 0; left < 24; left += 8) {
		struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_OFF);
		struct fastipc_outgoing message = {
			.data = (const unsigned char *)"",
			.type = 1,
			.deadline = 1,
		};
		uint64_t *words = (uint64_t *)bytes_of(pair);
		struct fastipc_frame frame;

		assert_int_equal(fastipc_frame_push_timed(&pair->near, &message,
							  false),
				 0);
		assert_int_equal(fastipc_frame_peek(&pair->far, &frame), 0);
		words[-1] -= 24 - left;
		words[2] -= 24 - left;
		assert_int_equal(fastipc_frame_peek(&pair->far, &frame),
				 -EPROTO);
		pair_free(pair);
	}
}

/* One that is too large for one frame, or has no room, is the slow one's. */
static void deadlines_of_large_messages(void **state)
{
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_FULL);
	unsigned char *data = pattern(SMALL_FRAGMENT);
	struct fastipc_outgoing message = {
		.data = data,
		.size = SMALL_FRAGMENT - 23,
		.id = 1,
		.type = 1,
		.deadline = 1234567,
	};
	struct fastipc_frame frame;
	int error;

	(void)state;
	assert_int_equal(fastipc_frame_push_timed(&pair->near, &message, false),
			 0);
	assert_int_equal(fastipc_frame_peek(&pair->far, &frame), 0);
	assert_true(frame.flags & FASTIPC_FRAME_MORE);
	assert_int_equal(frame.total, SMALL_FRAGMENT - 23);
	assert_true(frame.deadline == 1234567);
	do {
		message.offset = 0;
		message.size = 100;
		error = fastipc_frame_push_timed(&pair->near, &message, false);
	} while (!error);
	assert_int_equal(error, -EAGAIN);
	pair_free(pair);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadlines),
		cmocka_unit_test(deadlines_the_quick_way),
		cmocka_unit_test(a_deadline_cut_short),
		cmocka_unit_test(deadlines_of_large_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
