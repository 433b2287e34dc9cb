// SPDX-License-Identifier: MIT
/*
 * Long fields that are left where they are: what an encoder of the library's
 * own notes, who else gets them copied, and the frames that are made of it.
 */
#include "frame_pair.h"

#include <fastipc/codec/gather.h>

#include "frame/value.h"

#define FIELDS 40
#define LONG FASTIPC_GATHER_LEAST

/* Fields one after the other, with a byte before each. */
struct value {
	uint32_t count;
	uint32_t sizes[FIELDS];
	int failure; /* after all fields */
};

static unsigned char bytes[FIELDS][20000];

static size_t size_of(const struct value *value)
{
	size_t size = 0;

	for (uint32_t i = 0; i < value->count; i++)
		size += 1 + value->sizes[i];
	return size;
}

/* As fastipc_put() of generated code does. */
static int put_all(const struct value *value, unsigned char *at)
{
	for (uint32_t i = 0; i < value->count; i++) {
		*at++ = (unsigned char)i;
		if (value->sizes[i] < LONG)
			memcpy(at, bytes[i], value->sizes[i]);
		else
			fastipc_gather_put(at, bytes[i], value->sizes[i]);
		at += value->sizes[i];
	}
	return value->failure;
}

/* As the encoders that are generated are. */
static int encode(const void *context, void *data, size_t capacity,
		  size_t *size)
{
	const struct value *value = context;
	int error;

	*size = size_of(value);
	if (capacity < *size)
		return -EMSGSIZE;
	fastipc_gather_begin(encode, data);
	error = put_all(value, data);
	fastipc_gather_end();
	return error;
}

/* One that looks at what another has written. */
static int wrap(const void *value, void *data, size_t capacity, size_t *size)
{
	int error = encode(value, data, capacity, size);
	unsigned char *all = data;

	for (size_t i = 0; !error && i < *size; i++)
		all[i] ^= 0xff;
	return error;
}

static unsigned char *expected(const struct value *value, bool wrapped)
{
	unsigned char *all = malloc(size_of(value) + 1);
	size_t size = 0;

	assert_non_null(all);
	for (uint32_t i = 0; i < value->count; i++) {
		all[size++] = (unsigned char)i;
		memcpy(all + size, bytes[i], value->sizes[i]);
		size += value->sizes[i];
	}
	for (size_t i = 0; wrapped && i < size; i++)
		all[i] ^= 0xff;
	return all;
}

static int make_bytes(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FIELDS; i++)
		for (uint32_t k = 0; k < sizeof(bytes[i]); k++)
			bytes[i][k] =
				(unsigned char)(i * 31 + k * 7 + (k >> 8) * 13);
	return 0;
}

/* All sizes around what is worth it, as one message. */
static struct value make_value(uint32_t count, uint32_t seed)
{
	static const uint32_t sizes[] = { LONG,	    0,	   LONG - 1, LONG + 1,
					  20000,    1,	   5000,     LONG,
					  LONG - 1, 17000, 3 };
	struct value value = { .count = count };

	for (uint32_t i = 0; i < count; i++)
		value.sizes[i] = sizes[(i + seed) % 11];
	return value;
}

/* ---- what is noted ---- */

static void long_fields_are_noted(void **state)
{
	struct value value = make_value(11, 0);
	struct fastipc_spare spare = { 0 };
	struct fastipc_outgoing message = { 0 };
	struct fastipc_gather gather;
	unsigned char *all = expected(&value, false);

	(void)state;
	assert_int_equal(fastipc_value_gather(&spare, encode, &value, &gather,
					      &message),
			 0);
	assert_int_equal(message.size, size_of(&value));
	assert_ptr_equal(message.gather, &gather);
	assert_ptr_equal(message.data, gather.data);
	assert_int_equal(gather.count, 6);
	for (uint32_t i = 0; i < gather.count; i++)
		assert_true(gather.fields[i].size >= LONG);
	assert_ptr_equal(gather.fields[0].bytes, bytes[0]);
	assert_int_equal(gather.fields[0].at, 1);
	/* Not copied before it is told. */
	memset(gather.data + 1, 0x55, LONG);
	assert_memory_not_equal(message.data, all, message.size);
	fastipc_outgoing_fill(&message);
	assert_null(message.gather);
	assert_memory_equal(message.data, all, message.size);
	fastipc_value_free(&spare, gather.data);
	fastipc_spare_free(&spare);
	free(all);
}

static void others_get_them_copied(void **state)
{
	struct value value = make_value(11, 0);
	struct fastipc_spare spare = { 0 };
	struct fastipc_outgoing message = { 0 };
	struct fastipc_gather gather;
	unsigned char *all = expected(&value, true);
	unsigned char *plain = expected(&value, false);
	void *data;
	size_t size;

	(void)state;
	assert_int_equal(fastipc_value_gather(&spare, wrap, &value, &gather,
					      &message),
			 0);
	assert_null(message.gather);
	assert_memory_equal(message.data, all, message.size);
	fastipc_value_free(&spare, gather.data);
	/* Nor is anything noted where the value is to be whole, ... */
	assert_int_equal(
		fastipc_value_make(&spare, encode, &value, &data, &size), 0);
	assert_memory_equal(data, plain, size);
	/* ... or where the library does not ask. */
	memset(data, 0, size);
	assert_int_equal(encode(&value, data, size, &size), 0);
	assert_memory_equal(data, plain, size);
	fastipc_value_free(&spare, data);
	fastipc_spare_free(&spare);
	free(all);
	free(plain);
}

static void what_fits_a_frame_is_whole(void **state)
{
	struct value value = { .count = 1 };
	struct fastipc_outgoing message = { 0 };
	struct fastipc_gather gather;
	unsigned char *all;

	(void)state;
	for (uint32_t size = LARGE_FRAGMENT - 1; size <= LARGE_FRAGMENT;
	     size++) {
		value.sizes[0] = size;
		all = expected(&value, false);
		assert_int_equal(fastipc_value_gather(NULL, encode, &value,
						      &gather, &message),
				 0);
		assert_int_equal(message.gather != NULL,
				 message.size > LARGE_FRAGMENT);
		if (!message.gather)
			assert_memory_equal(message.data, all, message.size);
		fastipc_value_free(NULL, gather.data);
		free(all);
	}
}

static void too_many_are_copied(void **state)
{
	struct value value = { .count = FIELDS };
	struct fastipc_outgoing message = { 0 };
	struct fastipc_gather gather;
	unsigned char *all;

	(void)state;
	for (uint32_t i = 0; i < FIELDS; i++)
		value.sizes[i] = LONG;
	all = expected(&value, false);
	assert_int_equal(fastipc_value_gather(NULL, encode, &value, &gather,
					      &message),
			 0);
	assert_int_equal(gather.count, FASTIPC_GATHER_MOST);
	fastipc_outgoing_fill(&message);
	assert_memory_equal(message.data, all, message.size);
	fastipc_value_free(NULL, gather.data);
	free(all);
}

static void failures_leave_nothing(void **state)
{
	struct value value = make_value(11, 0);
	struct fastipc_spare spare = { 0 };
	struct fastipc_outgoing message = { 0 };
	struct fastipc_gather gather;
	unsigned char there[LONG] = { 0 };

	(void)state;
	value.failure = -EOVERFLOW;
	assert_int_equal(fastipc_value_gather(&spare, encode, &value, &gather,
					      &message),
			 -EOVERFLOW);
	/* What is put from now on is not of that value. */
	fastipc_gather_put(there, bytes[3], LONG);
	assert_memory_equal(there, bytes[3], LONG);
	value.failure = 0;
	assert_int_equal(fastipc_value_gather(&spare, encode, &value, &gather,
					      &message),
			 0);
	assert_int_equal(gather.count, 6);
	fastipc_value_free(&spare, gather.data);
	fastipc_spare_free(&spare);
}

/* ---- what is made of it ---- */

/* From each byte on, what is left is what there would be. */
static void what_is_left_is_copied(void **state)
{
	struct value value = make_value(11, 3);
	struct fastipc_outgoing message = { 0 };
	struct fastipc_gather gather;
	unsigned char *all = expected(&value, false);
	unsigned char *copy = malloc(size_of(&value) + 1);

	(void)state;
	assert_non_null(copy);
	assert_int_equal(fastipc_value_gather(NULL, encode, &value, &gather,
					      &message),
			 0);
	for (; message.offset < message.size; message.offset += 61) {
		fastipc_outgoing_copy(copy, &message);
		assert_memory_equal(copy, all + message.offset,
				    message.size - message.offset);
	}
	message.offset = message.size;
	fastipc_outgoing_copy(copy, &message);
	fastipc_value_free(NULL, gather.data);
	free(copy);
	free(all);
}

/* Take what has come; the message it is part of, at @to. */
static void take_frames(struct pair *pair, unsigned char *to, uint32_t *size)
{
	struct fastipc_frame frame = { 0 };

	while (fastipc_frame_peek(&pair->far, &frame) == 0) {
		assert_int_equal(
			fastipc_frame_take(&pair->far, &frame, to + *size), 0);
		*size += frame.length;
		fastipc_frame_release(&pair->far, &frame);
	}
	fastipc_consumer_release(&pair->far.rx);
}

static void send_all(uint32_t ring, enum fastipc_checksum checksum,
		     uint64_t deadline)
{
	struct pair *pair = pair_make(ring, checksum);

	/* Round the ring, full each time, to other places in it. */
	for (uint32_t seed = 0; seed < 22; seed++) {
		struct value value = make_value(11 + seed % 7, seed);
		struct fastipc_outgoing message = { .type = 1,
						    .id = seed + 1,
						    .deadline = deadline };
		struct fastipc_gather gather;
		unsigned char *all = expected(&value, false);
		unsigned char *got = malloc(size_of(&value) + 1);
		uint32_t size = 0;
		int error;

		assert_non_null(got);
		assert_int_equal(fastipc_value_gather(NULL, encode, &value,
						      &gather, &message),
				 0);
		assert_non_null(message.gather);
		while ((error = fastipc_frame_push(&pair->near, &message,
						   false)) == -EAGAIN)
			take_frames(pair, got, &size);
		assert_int_equal(error, 0);
		take_frames(pair, got, &size);
		assert_int_equal(size, message.size);
		assert_memory_equal(got, all, size);
		fastipc_value_free(NULL, gather.data);
		free(got);
		free(all);
	}
	pair_free(pair);
}

static void frames_have_all_bytes(void **state)
{
	static const enum fastipc_checksum checksums[] = {
		FASTIPC_CHECKSUM_OFF, FASTIPC_CHECKSUM_HEADER,
		FASTIPC_CHECKSUM_FULL
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		send_all(SMALL_RING, checksums[i], FASTIPC_NO_DEADLINE);
		send_all(LARGE_RING, checksums[i], FASTIPC_NO_DEADLINE);
		send_all(LARGE_RING, checksums[i],
			 fastipc_after_ns(1000000000000));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_fields_are_noted),
		cmocka_unit_test(others_get_them_copied),
		cmocka_unit_test(what_fits_a_frame_is_whole),
		cmocka_unit_test(too_many_are_copied),
		cmocka_unit_test(failures_leave_nothing),
		cmocka_unit_test(what_is_left_is_copied),
		cmocka_unit_test(frames_have_all_bytes),
	};

	return cmocka_run_group_tests_name("gather", tests, make_bytes, NULL);
}
