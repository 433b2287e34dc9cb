// SPDX-License-Identifier: MIT
/*
 * Frames: their bytes, what is refused, fragments, and what checksums detect.
 */
#include "frame_pair.h"

/* The block of extensions with TOTAL alone. */
#define TOTAL_BLOCK 16

static void push(struct pair *pair, uint16_t type, uint64_t id, uint8_t flags,
		 const void *data, uint32_t size)
{
	struct fastipc_outgoing message = {
		.data = data,
		.id = id,
		.size = size,
		.type = type,
		.flags = flags,
	};

	assert_int_equal(fastipc_frame_push(&pair->near, &message, false), 0);
}

/* A record that no fastipc_frame_push() made. */
static void push_raw(struct pair *pair, const void *data, uint32_t size)
{
	unsigned char *place = NULL;

	assert_int_equal(fastipc_producer_reserve(&pair->near.tx, size, &place),
			 0);
	memcpy(place, data, size);
	fastipc_producer_commit(&pair->near.tx, size);
	fastipc_producer_publish(&pair->near.tx);
}

/* The record that push_raw() made is seen as @error, and gone. */
static void assert_peek(struct pair *pair, int error)
{
	struct fastipc_frame frame = { 0 };
	const unsigned char *place;
	uint32_t size = 0;

	assert_int_equal(fastipc_frame_peek(&pair->far, &frame), error);
	assert_int_equal(fastipc_consumer_peek(&pair->far.rx, &place, &size),
			 0);
	fastipc_consumer_next(&pair->far.rx, size);
	fastipc_consumer_release(&pair->far.rx);
}

/* ---- bytes ---- */

static void assert_bytes(enum fastipc_checksum checksum, uint16_t type,
			 uint64_t id, uint8_t flags, const char *text,
			 const unsigned char *expected)
{
	struct pair *pair = pair_make(SMALL_RING, checksum);
	uint32_t size = (uint32_t)strlen(text);
	struct fastipc_frame frame = { 0 };
	char payload[16];

	push(pair, type, id, flags, text, size);
	assert_memory_equal(bytes_of(pair), expected, 24 + size);
	assert_int_equal(fastipc_frame_peek(&pair->far, &frame), 0);
	assert_int_equal(frame.type, type);
	assert_true(frame.id == id);
	assert_int_equal(frame.flags, flags);
	assert_int_equal(frame.length, size);
	assert_int_equal(frame.record, 24 + size);
	assert_int_equal(frame.total, 0);
	assert_int_equal(fastipc_frame_take(&pair->far, &frame, payload), 0);
	assert_memory_equal(payload, text, size);
	fastipc_frame_release(&pair->far, &frame);
	assert_int_equal(fastipc_frame_peek(&pair->far, &frame), -EAGAIN);
	pair_free(pair);
}

/* Computed apart, from the table in frame.h and the polynomial. */
static void header_is_as_documented(void **state)
{
	unsigned char hello[] = {
		0x46, 0x49, 0x50, 0x43, 0x01, 0x00, 0x34, 0x12, 0xef, 0xcd,
		0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0x05, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
	};
	const unsigned char empty[] = {
		0x46, 0x49, 0x50, 0x43, 0x01, 0x08, 0x00, 0xff,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0xc7, 0x97, 0x2e, 0x76,
	};
	const unsigned char header_crc[] = { 0x2d, 0xad, 0x44, 0xc5 };
	const unsigned char full_crc[] = { 0x1a, 0x10, 0x0b, 0x49 };
	const uint64_t id = 0x0123456789abcdef;

	(void)state;
	assert_bytes(FASTIPC_CHECKSUM_OFF, 0x1234, id, 0, "hello", hello);
	memcpy(hello + 20, header_crc, 4);
	assert_bytes(FASTIPC_CHECKSUM_HEADER, 0x1234, id, 0, "hello", hello);
	memcpy(hello + 20, full_crc, 4);
	assert_bytes(FASTIPC_CHECKSUM_FULL, 0x1234, id, 0, "hello", hello);
	assert_bytes(FASTIPC_CHECKSUM_FULL, FASTIPC_TYPE_PING, 0,
		     FASTIPC_FRAME_ERROR, "", empty);
}

static void first_fragment_is_as_documented(void **state)
{
	const unsigned char expected[] = {
		0x46, 0x49, 0x50, 0x43, 0x01, 0x21, 0x07, 0x00, 0x09, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe0, 0x03, 0x00, 0x00,
		0x43, 0x7b, 0xe0, 0x98, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xd0, 0x07, 0x00, 0x00,
		0x00, 0x07, 0x0e, 0x15, 0x1c, 0x23, 0x2a, 0x31,
	};
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_FULL);
	unsigned char data[2000];
	struct fastipc_outgoing message = {
		.data = data, .id = 9, .size = sizeof(data), .type = 7
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7);
	/* All three of its frames: nobody else wants the ring. */
	assert_int_equal(fastipc_frame_push(&pair->near, &message, false), 0);
	assert_memory_equal(bytes_of(pair), expected, sizeof(expected));
	pair_free(pair);
}

/* ---- what is refused ---- */

static void bad_headers_are_refused(void **state)
{
	const unsigned char good[32] = { 0x46, 0x49, 0x50, 0x43, 1, 0, 1,
					 0,    9,    0,	   0,	 0, 0, 0,
					 0,    0,    8,	   0,	 0, 0 };
	const struct {
		unsigned int at;
		unsigned char value;
		int error;
	} bad[] = {
		{ 0, 0x47, -EPROTO },
		{ 1, 0, -EPROTO },
		{ 2, 0x51, -EPROTO },
		{ 3, 0xc3, -EPROTO },
		{ 4, 0, -EPROTONOSUPPORT },
		{ 4, 2, -EPROTONOSUPPORT },
		{ 4, 0xff, -EPROTONOSUPPORT },
		{ 5, 0x04, -EPROTO }, /* END without STREAM */
		{ 5, 0x07, -EPROTO }, /* END, and MORE to come */
		{ 5, 0x0a, -EPROTO }, /* ERROR of a stream */
		{ 5, 0x10, -EPROTO },
		{ 5, 0x40, -EPROTO },
		{ 5, 0x80, -EPROTO },
		{ 16, 7, -EPROTO },
		{ 16, 9, -EPROTO },
		{ 16, 0, -EPROTO },
		{ 17, 1, -EPROTO },
		{ 19, 0x80, -EPROTO },
	};
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_OFF);
	unsigned char record[32];

	(void)state;
	push_raw(pair, good, sizeof(good));
	assert_peek(pair, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(record, good, sizeof(record));
		record[bad[i].at] = bad[i].value;
		push_raw(pair, record, sizeof(record));
		assert_peek(pair, bad[i].error);
	}
	for (uint32_t size = 0; size < FASTIPC_FRAME_HEADER; size++) {
		push_raw(pair, good, size);
		assert_peek(pair, -EPROTO);
	}
	pair_free(pair);
}

/* A frame whose payload is the @size bytes at @words, its checksum right. */
static void push_words(struct pair *pair, const uint32_t *words, uint32_t size)
{
	struct {
		uint32_t magic;
		uint8_t version, flags;
		uint16_t type;
		uint64_t id;
		uint32_t length, crc;
		unsigned char payload[512];
	} record = {
		FASTIPC_FRAME_MAGIC, 1, FASTIPC_FRAME_EXT, 3, 4, size, 0, { 0 }
	};

	memcpy(record.payload, words, size);
	record.crc = fastipc_crc32c(~0u, &record, 24);
	if (pair->near.link.checksum == FASTIPC_CHECKSUM_FULL)
		record.crc = fastipc_crc32c(record.crc, words, size);
	record.crc = ~record.crc;
	push_raw(pair, &record, 24 + size);
}

#define KIND(kind, length) ((uint32_t)(kind) | (uint32_t)(length) << 16)

static void good_extensions(void **state)
{
	const struct {
		uint32_t total, size;
		uint32_t words[12];
	} good[] = {
		{ 0, 8, { 8, 0 } },
		{ 0, 16, { 8, 0, 1, 2 } },
		{ 77, 16, { 16, 0, KIND(1, 0), 77 } },
		{ 77, 20, { 16, 0, KIND(1, 0), 77, 1 } },
		/* Unknown kinds, with and without bytes that look like TOTAL. */
		{ 5, 24, { 24, 0, KIND(9, 0), 1, KIND(1, 0), 5 } },
		{ 5,
		  32,
		  { 32, 0, KIND(9, 1), 0, KIND(1, 0), 99, KIND(1, 0), 5 } },
		{ 5,
		  32,
		  { 32, 0, KIND(9, 8), 0, KIND(1, 0), 99, KIND(1, 0), 5 } },
		{ 0,
		  32,
		  { 32, 0, KIND(9, 9), 0, KIND(1, 0), 99, KIND(1, 0), 5 } },
	};

	(void)state;
	for (int checksum = FASTIPC_CHECKSUM_OFF;
	     checksum <= FASTIPC_CHECKSUM_FULL; checksum++) {
		struct pair *pair =
			pair_make(SMALL_RING, (enum fastipc_checksum)checksum);

		for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
			uint32_t block = good[i].words[0];
			struct fastipc_frame frame = { 0 };
			unsigned char payload[64];

			push_words(pair, good[i].words, good[i].size);
			assert_int_equal(fastipc_frame_peek(&pair->far, &frame),
					 0);
			assert_int_equal(frame.total, good[i].total);
			assert_int_equal(frame.length, good[i].size - block);
			assert_int_equal(fastipc_frame_take(&pair->far, &frame,
							    payload),
					 0);
			assert_memory_equal(payload,
					    (const char *)good[i].words + block,
					    frame.length);
			fastipc_frame_release(&pair->far, &frame);
		}
		pair_free(pair);
	}
}

static void largest_block_of_extensions(void **state)
{
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_FULL);
	uint32_t words[66] = { FASTIPC_EXT_MAX, 0, KIND(2, 232), 0 };
	struct fastipc_frame frame = { 0 };

	(void)state;
	words[62] = KIND(FASTIPC_EXT_TOTAL, 0);
	words[63] = 1234;
	push_words(pair, words, FASTIPC_EXT_MAX);
	assert_int_equal(fastipc_frame_peek(&pair->far, &frame), 0);
	assert_int_equal(frame.total, 1234);
	assert_int_equal(frame.length, 0);
	fastipc_frame_release(&pair->far, &frame);
	words[0] = FASTIPC_EXT_MAX + 8;
	push_words(pair, words, FASTIPC_EXT_MAX + 8);
	assert_peek(pair, -EPROTO);
	pair_free(pair);
}

static void bad_extensions_are_refused(void **state)
{
	const struct {
		uint32_t size;
		uint32_t words[8];
	} bad[] = {
		{ 0, { 0 } },
		{ 7, { 8, 0 } },
		{ 16, { 0, 0 } },
		{ 16, { 4, 0 } },
		{ 16, { 12, 0 } },
		{ 16, { 15, 0 } },
		{ 16, { 24, 0 } },
		{ 16, { 0x80000000u, 0 } },
		{ 16, { ~0u, 0 } },
		{ 16, { 16, 0, KIND(9, 1), 0 } },
		{ 16, { 16, 0, KIND(1, 8), 5 } },
		{ 24, { 24, 0, KIND(9, 9), 0 } },
		{ 24, { 24, 0, KIND(9, 0xffff), 0 } },
	};
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_OFF);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		push_words(pair, bad[i].words, bad[i].size);
		assert_peek(pair, -EPROTO);
	}
	pair_free(pair);
}

/* ---- fragments ---- */

/*
 * Send @size bytes, and take a frame each time that the ring is full, until
 * all is there again.  Returns the number of frames.
 */
static uint32_t exchange(struct pair *pair, uint32_t size, uint32_t fragment)
{
	unsigned char *data = pattern(size);
	struct fastipc_outgoing message = {
		.data = data, .id = 42, .size = size, .type = 7
	};
	struct fastipc_assembly assembly = { 0 };
	uint32_t frames = 0, taken = 0;
	unsigned char *back = malloc(size + 1);
	int error;

	assert_non_null(back);
	do {
		uint32_t before = message.offset;
		struct fastipc_frame frame = { 0 };

		error = fastipc_frame_push(&pair->near, &message, false);
		assert_true(error == 0 || error == -EAGAIN);
		assert_true(message.offset >= before);
		assert_int_equal(fastipc_frame_peek(&pair->far, &frame), 0);
		while (taken < size || !frames) {
			if (fastipc_frame_peek(&pair->far, &frame))
				break;
			assert_int_equal(frame.id, 42);
			assert_int_equal(frame.type, 7);
			assert_true(frame.record <= 24 + fragment);
			assert_int_equal(frame.total,
					 size > fragment && !frames ? size : 0);
			if (size > fragment)
				assert_int_equal(fastipc_assembly_expect(
							 &assembly, &frame),
						 0);
			assert_true(frame.length <= size - taken);
			assert_int_equal(fastipc_frame_take(&pair->far, &frame,
							    back + taken),
					 0);
			taken += frame.length;
			assembly.size = taken;
			assert_int_equal(!!(frame.flags & FASTIPC_FRAME_MORE),
					 taken < size);
			fastipc_frame_release(&pair->far, &frame);
			frames++;
			if (error)
				break; /* room for one: push goes on */
		}
	} while (error || taken < size);
	assert_int_equal(taken, size);
	assert_memory_equal(back, data, size);
	free(back);
	free(data);
	return frames;
}

static void messages_around_the_fragment_size(void **state)
{
	(void)state;
	for (int large = 0; large < 2; large++) {
		uint32_t fragment = large ? LARGE_FRAGMENT : SMALL_FRAGMENT;
		uint32_t first = fragment - TOTAL_BLOCK;
		struct pair *pair = pair_make(large ? LARGE_RING : SMALL_RING,
					      FASTIPC_CHECKSUM_FULL);

		assert_int_equal(exchange(pair, 0, fragment), 1);
		assert_int_equal(exchange(pair, 1, fragment), 1);
		assert_int_equal(exchange(pair, first, fragment), 1);
		assert_int_equal(exchange(pair, fragment - 1, fragment), 1);
		assert_int_equal(exchange(pair, fragment, fragment), 1);
		assert_int_equal(exchange(pair, fragment + 1, fragment), 2);
		for (uint32_t n = 2; n < 6; n++) {
			uint32_t size = first + (n - 1) * fragment;

			assert_int_equal(exchange(pair, size - 1, fragment), n);
			assert_int_equal(exchange(pair, size, fragment), n);
			assert_int_equal(exchange(pair, size + 1, fragment),
					 n + 1);
		}
		pair_free(pair);
	}
}

static void large_message_goes_on_where_it_stopped(void **state)
{
	(void)state;
	for (int checksum = FASTIPC_CHECKSUM_OFF;
	     checksum <= FASTIPC_CHECKSUM_FULL; checksum++) {
		struct pair *pair =
			pair_make(SMALL_RING, (enum fastipc_checksum)checksum);

		exchange(pair, 100000, SMALL_FRAGMENT);
		exchange(pair, 12345, SMALL_FRAGMENT);
		pair_free(pair);
		pair = pair_make(LARGE_RING, (enum fastipc_checksum)checksum);
		exchange(pair, 3000000, LARGE_FRAGMENT);
		pair_free(pair);
	}
}

/* Of a large message, as many bytes as go in; how many of the ring these are. */
static uint64_t fill(struct pair *pair, struct fastipc_outgoing *message)
{
	const struct fastipc_producer *tx = &pair->near.tx;
	uint64_t before = tx->tail;
	int error;

	do
		error = fastipc_frame_push_part(&pair->near, message,
						UINT32_MAX, true);
	while (error == -EINPROGRESS);
	assert_int_equal(error, -EAGAIN);
	fastipc_producer_publish(&pair->near.tx);
	return tx->tail - before;
}

static void read_all(struct pair *pair)
{
	struct fastipc_frame frame;

	while (!fastipc_frame_peek(&pair->far, &frame))
		fastipc_frame_release(&pair->far, &frame);
}

/* The ring is a large message's, as long as no small ones are sent beside. */
static void bulk_makes_way_for_small_messages(void **state)
{
	const uint64_t frame = LARGE_FRAGMENT + 32;
	const uint64_t most = LARGE_RING - LARGE_RING / 8;
	unsigned char *data = pattern(FASTIPC_BULK_ALONE * 2);
	struct pair *pair = pair_make(LARGE_RING, FASTIPC_CHECKSUM_OFF);
	struct fastipc_outgoing message = {
		.data = data,
		.size = FASTIPC_BULK_ALONE * 2,
		.type = 1,
	};

	(void)state;
	assert_in_range(fill(pair, &message), most - frame, most);
	read_all(pair);
	push(pair, 1, 1, 0, data, 64);
	read_all(pair);
	for (uint64_t sent = 0; sent + FASTIPC_BULK_MOST < FASTIPC_BULK_ALONE;
	     sent += FASTIPC_BULK_MOST) {
		assert_in_range(fill(pair, &message), FASTIPC_BULK_MOST - frame,
				FASTIPC_BULK_MOST);
		read_all(pair);
	}
	for (int i = 0; i < 2; i++) {
		fill(pair, &message);
		read_all(pair);
	}
	assert_in_range(fill(pair, &message), most - frame, most);
	pair_free(pair);
	free(data);
}

/* Of so many messages of @size bytes, how many asked how to be stored. */
static uint32_t asked(uint32_t size, uint32_t count, bool past_caches)
{
	struct pair *pair = pair_make(LARGE_RING, FASTIPC_CHECKSUM_FULL);
	unsigned char *data = pattern(size);
	uint32_t pieces;

	for (uint32_t i = 0; i < count; i++) {
		pair->near.store.past_caches = past_caches;
		push(pair, i, 1, 0, data, size);
		read_all(pair);
	}
	pieces = pair->near.store.pieces;
	pair_free(pair);
	free(data);
	return pieces;
}

/* Those that are hardly long, only now and then, to learn what is best. */
static void long_messages_ask_how_to_be_stored(void **state)
{
	const uint32_t count = 1000; /* many laps */

	(void)state;
	assert_int_equal(asked(FASTIPC_STORE_LONG, count, true), 0);
	assert_int_equal(asked(FASTIPC_STORE_LONG + 1, count, true), count);
	assert_in_range(asked(FASTIPC_STORE_LONG + 1, count, false), count / 40,
			count / 8);
	assert_in_range(asked(2 * FASTIPC_STORE_LONG, count, false), count / 40,
			count / 8);
	assert_int_equal(asked(2 * FASTIPC_STORE_LONG + 1, count, false),
			 count);
}

/* A small message that does not fit changes nothing, and says what it needs. */
static void full_ring_takes_nothing(void **state)
{
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_OFF);
	unsigned char data[SMALL_FRAGMENT] = { 1 };
	struct fastipc_outgoing message = { .data = data,
					    .size = sizeof(data) };
	uint64_t tail;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			fastipc_frame_push(&pair->near, &message, false), 0);
	tail = pair->near.tx.tail;
	assert_int_equal(fastipc_frame_push(&pair->near, &message, false),
			 -EAGAIN);
	assert_int_equal(message.offset, 0);
	assert_true(pair->near.tx.tail == tail);
	pair_free(pair);
}

static void batch_shows_with_its_last(void **state)
{
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_OFF);
	struct fastipc_frame frame = { 0 };

	(void)state;
	for (uint64_t id = 1; id <= 3; id++) {
		struct fastipc_outgoing message = {
			.data = (const unsigned char *)"abc",
			.id = id,
			.size = 3
		};

		assert_int_equal(fastipc_frame_peek(&pair->far, &frame),
				 -EAGAIN);
		assert_int_equal(
			fastipc_frame_push(&pair->near, &message, id < 3), 0);
	}
	for (uint64_t id = 1; id <= 3; id++) {
		assert_int_equal(fastipc_frame_peek(&pair->far, &frame), 0);
		assert_true(frame.id == id);
		fastipc_frame_release(&pair->far, &frame);
	}
	pair_free(pair);
}

static void fragments_out_of_order_are_refused(void **state)
{
	const struct fastipc_frame first = { .id = 5,
					     .length = 10,
					     .total = 30,
					     .type = 3,
					     .flags = FASTIPC_FRAME_MORE };
	const struct fastipc_frame middle = {
		.id = 5, .length = 10, .type = 3, .flags = FASTIPC_FRAME_MORE
	};
	const struct fastipc_frame last = { .id = 5, .length = 20, .type = 3 };
	struct fastipc_assembly assembly = { 0 };
	struct fastipc_frame frame;

	(void)state;
#define refused(from, change) \
	do { \
		frame = (from); \
		frame.change; \
		assert_int_equal(fastipc_assembly_expect(&assembly, &frame), \
				 -EPROTO); \
	} while (0)
#define accepted(from, change) \
	do { \
		frame = (from); \
		frame.change; \
		assert_int_equal(fastipc_assembly_expect(&assembly, &frame), \
				 0); \
	} while (0)

	/* To open, it must be a first one, of a message that goes on. */
	refused(middle, length = 10);
	refused(last, length = 20);
	refused(first, total = 0);
	refused(first, flags = 0);
	refused(first, length = 30);
	refused(first, length = 31);
	assert_false(assembly.open);
	accepted(first, length = 0);
	assert_true(assembly.open);
	assembly = (struct fastipc_assembly){ .discard = true, .size = 99 };
	accepted(first, length = 10);
	assert_false(assembly.discard);
	assert_int_equal(assembly.size, 0);
	assert_int_equal(assembly.total, 30);
	assert_int_equal(assembly.type, 3);
	assert_int_equal(assembly.id, 5);

	/* Then only its own, not beyond its end, and with MORE until there. */
	assembly.size = 10;
	refused(middle, id = 6);
	refused(middle, type = 4);
	refused(middle, total = 30);
	refused(middle, length = 0);
	refused(middle, length = 20);
	refused(middle, length = 21);
	refused(last, length = 19);
	refused(last, length = 21);
	refused(last, length = ~0u);
	accepted(middle, length = 19);
	accepted(middle, length = 1);
	accepted(last, length = 20);
#undef refused
#undef accepted
}

static void assembly_grows(void **state)
{
	struct fastipc_assembly assembly = { 0 };
	unsigned char *data;

	(void)state;
	assert_int_equal(fastipc_assembly_grow(&assembly, 100), 0);
	memset(assembly.data, 1, 100);
	data = assembly.data;
	assert_int_equal(fastipc_assembly_grow(&assembly, 50), 0);
	assert_ptr_equal(assembly.data, data);
	assert_int_equal(fastipc_assembly_grow(&assembly, 5000), 0);
	memset(assembly.data, 1, 5000);
	fastipc_assembly_free(&assembly);
	assert_null(assembly.data);
	assert_int_equal(assembly.capacity, 0);
}

/* ---- checksums ---- */

static void flipped_bits_are_noticed(void **state)
{
	const uint32_t sizes[] = { 0, 1, 7, 8, 50, 333 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t size = 24 + sizes[i];
		unsigned char *data = pattern(sizes[i]);
		struct pair *full =
			pair_make(SMALL_RING, FASTIPC_CHECKSUM_FULL);
		struct pair *header =
			pair_make(SMALL_RING, FASTIPC_CHECKSUM_HEADER);

		push(full, 7, 8, 0, data, sizes[i]);
		flip_bits(full, size, size);
		push(header, 7, 8, 0, data, sizes[i]);
		flip_bits(header, size, 24);
		pair_free(full);
		pair_free(header);
		free(data);
	}
}

/* With a block of extensions, and the length of a whole record. */
static void flipped_bits_of_a_fragment_are_noticed(void **state)
{
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_FULL);
	unsigned char *data = pattern(1900);

	(void)state;
	push(pair, 7, 8, 0, data, 1900);
	flip_bits(pair, 24 + SMALL_FRAGMENT, 24 + SMALL_FRAGMENT);
	pair_free(pair);
	free(data);
}

static void without_checksum_payloads_are_believed(void **state)
{
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_OFF);

	(void)state;
	push(pair, 7, 8, 0, "hello", 5);
	memset(bytes_of(pair) + 20, 0xff, 4);
	bytes_of(pair)[24] ^= 1;
	assert_false(is_noticed(pair));
	pair_free(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_as_documented),
		cmocka_unit_test(first_fragment_is_as_documented),
		cmocka_unit_test(bad_headers_are_refused),
		cmocka_unit_test(good_extensions),
		cmocka_unit_test(largest_block_of_extensions),
		cmocka_unit_test(bad_extensions_are_refused),
		cmocka_unit_test(messages_around_the_fragment_size),
		cmocka_unit_test(large_message_goes_on_where_it_stopped),
		cmocka_unit_test(bulk_makes_way_for_small_messages),
		cmocka_unit_test(long_messages_ask_how_to_be_stored),
		cmocka_unit_test(full_ring_takes_nothing),
		cmocka_unit_test(batch_shows_with_its_last),
		cmocka_unit_test(fragments_out_of_order_are_refused),
		cmocka_unit_test(assembly_grows),
		cmocka_unit_test(flipped_bits_are_noticed),
		cmocka_unit_test(flipped_bits_of_a_fragment_are_noticed),
		cmocka_unit_test(without_checksum_payloads_are_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
