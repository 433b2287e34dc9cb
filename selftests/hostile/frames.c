// SPDX-License-Identifier: MIT
/*
 * A client that sends what no client sends: each broken frame ends its own
 * connection, and nothing else.
 */
#include "attacked.h"

static void attack_dropped(attack_fn attack)
{
	struct fastipc_server_stats before = stats_of(good), after;

	attack_and_be_dropped(&hostile_proposal, attack);
	after = stats_of(good);
	assert_int_equal(after.bad_frames, before.bad_frames + 1);
	assert_int_equal(after.protocol_errors, before.protocol_errors);
}

/* ---- headers ---- */

static void bad_header(struct fastipc_channel *channel, struct header header,
		       const void *payload, uint32_t size)
{
	header.crc = crc_of(header, payload, size);
	assert_true(put_frame(channel, header, payload, size));
}

static void wrong_magic(struct fastipc_channel *channel)
{
	struct header header = good_header(ECHO, 1, 3);

	header.magic ^= 1;
	bad_header(channel, header, "abc", 3);
}

static void wrong_version(struct fastipc_channel *channel)
{
	struct header header = good_header(ECHO, 1, 3);

	header.version = 2;
	bad_header(channel, header, "abc", 3);
}

static void unknown_flags(struct fastipc_channel *channel)
{
	struct header header = good_header(ECHO, 1, 3);

	header.flags = 0x80;
	bad_header(channel, header, "abc", 3);
}

static void long_length(struct fastipc_channel *channel)
{
	bad_header(channel, good_header(ECHO, 1, 4), "abc", 3);
}

static void huge_length(struct fastipc_channel *channel)
{
	bad_header(channel, good_header(ECHO, 1, UINT32_MAX), "abc", 3);
}

static void short_length(struct fastipc_channel *channel)
{
	bad_header(channel, good_header(ECHO, 1, 2), "abc", 3);
}

static void no_header(struct fastipc_channel *channel)
{
	assert_true(put_record(channel, "12345678", 8,
			       (uint64_t)FASTIPC_RECORD_DATA << 32 | 8));
}

static void empty_record(struct fastipc_channel *channel)
{
	assert_true(put_record(channel, "", 0,
			       (uint64_t)FASTIPC_RECORD_DATA << 32));
}

/* True to form, but for a record larger than any. */
static void large_record(struct fastipc_channel *channel)
{
	uint32_t size =
		FASTIPC_RECORD_MAX(HOSTILE_RING) + 8 - FASTIPC_FRAME_HEADER;

	bad_header(channel, good_header(ECHO, 1, size),
		   (unsigned char[HOSTILE_RING]){ 0 }, size);
}

static void broken_headers(void **state)
{
	(void)state;
	begin_with(NULL, &attacked);
	attack_dropped(wrong_magic);
	attack_dropped(wrong_version);
	attack_dropped(unknown_flags);
	attack_dropped(long_length);
	attack_dropped(huge_length);
	attack_dropped(short_length);
	attack_dropped(no_header);
	attack_dropped(empty_record);
	attack_dropped(large_record);
	end();
}

/* ---- record words ---- */

static uint64_t word_to_put;

static void wrong_word(struct fastipc_channel *channel)
{
	assert_true(put_record(channel, "12345678", 8, word_to_put));
}

static void broken_record_words(void **state)
{
	const uint64_t words[] = {
		8,
		2ull << 32 | 8,
		1ull << 32 | 0xffffffff,
		1ull << 32 | HOSTILE_RING,
		1ull << 32 | (FASTIPC_RECORD_MAX(HOSTILE_RING) + 1),
		0xdeadbeefdeadbeef,
		1ull << 63,
		UINT64_MAX,
	};

	(void)state;
	begin_with(NULL, &attacked);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		word_to_put = words[i];
		attack_dropped(wrong_word);
	}
	end();
}

/* ---- extensions ---- */

static void put_extension(struct fastipc_channel *channel,
			  const uint32_t *words, uint32_t size)
{
	struct header header = good_header(ECHO, 1, size);

	header.flags = FASTIPC_FRAME_EXT;
	bad_header(channel, header, words, size);
}

static uint32_t block_size;
static uint32_t block_length;

static void wrong_block(struct fastipc_channel *channel)
{
	uint32_t words[100] = { block_size, 0, 9, 0 };

	put_extension(channel, words, block_length);
}

static void entry_overrun(struct fastipc_channel *channel)
{
	uint32_t words[6] = { 24, 0, 9 | 100u << 16, 0, 0, 0 };

	put_extension(channel, words, sizeof(words));
}

static void broken_extensions(void **state)
{
	const uint32_t blocks[][2] = { { 0, 16 },	{ 7, 16 },
				       { 12, 16 },	{ 24, 16 },
				       { 264, 400 },	{ 16, 4 },
				       { 1u << 31, 16 } };

	(void)state;
	begin_with(NULL, &attacked);
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		block_size = blocks[i][0];
		block_length = blocks[i][1];
		attack_dropped(wrong_block);
	}
	attack_dropped(entry_overrun);
	end();
}

/* ---- fragments ---- */

static const unsigned char payload[30000];

static void put_first(struct fastipc_channel *channel, uint64_t id,
		      uint32_t total, uint32_t length)
{
	unsigned char bytes[20000] = { 0 };
	struct total ext = good_total(total);
	struct header header =
		good_header(ECHO, id, (uint32_t)sizeof(ext) + length);

	memcpy(bytes, &ext, sizeof(ext));
	header.flags = FASTIPC_FRAME_EXT | FASTIPC_FRAME_MORE;
	bad_header(channel, header, bytes, header.length);
}

static void put_next(struct fastipc_channel *channel, uint64_t id,
		     uint16_t type, uint32_t length, bool more)
{
	struct header header = good_header(type, id, length);

	header.flags = more ? FASTIPC_FRAME_MORE : 0;
	bad_header(channel, header, payload, length);
}

static void no_total(struct fastipc_channel *channel)
{
	put_next(channel, 1, ECHO, 100, true);
}

static void whole_in_first(struct fastipc_channel *channel)
{
	put_first(channel, 1, 100, 100);
}

static void more_than_total_in_first(struct fastipc_channel *channel)
{
	put_first(channel, 1, 99, 100);
}

static void total_of_zero(struct fastipc_channel *channel)
{
	put_first(channel, 1, 0, 100);
}

static void two_firsts(struct fastipc_channel *channel)
{
	put_first(channel, 1, 1000, 100);
	put_first(channel, 1, 1000, 100);
}

static void wrong_id(struct fastipc_channel *channel)
{
	put_first(channel, 1, 1000, 100);
	put_next(channel, 2, ECHO, 900, true);
}

static void wrong_type(struct fastipc_channel *channel)
{
	put_first(channel, 1, 1000, 100);
	put_next(channel, 1, STATS, 900, false);
}

static void overrun(struct fastipc_channel *channel)
{
	put_first(channel, 1, 1000, 100);
	put_next(channel, 1, ECHO, 901, false);
}

static void overrun_with_more(struct fastipc_channel *channel)
{
	put_first(channel, 1, 1000, 100);
	put_next(channel, 1, ECHO, 901, true);
}

static void ends_early(struct fastipc_channel *channel)
{
	put_first(channel, 1, 1000, 100);
	put_next(channel, 1, ECHO, 899, false);
}

static void never_ends(struct fastipc_channel *channel)
{
	put_first(channel, 1, 1000, 100);
	put_next(channel, 1, ECHO, 900, true);
}

static void empty_fragment(struct fastipc_channel *channel)
{
	put_first(channel, 1, 1000, 100);
	put_next(channel, 1, ECHO, 0, true);
}

static void fragmented_control(struct fastipc_channel *channel)
{
	put_next(channel, 1, FASTIPC_TYPE_PING, 100, true);
}

static void broken_fragments(void **state)
{
	const attack_fn attacks[] = {
		no_total,	    whole_in_first, more_than_total_in_first,
		total_of_zero,	    two_firsts,	    wrong_id,
		wrong_type,	    overrun,	    overrun_with_more,
		ends_early,	    never_ends,	    empty_fragment,
		fragmented_control,
	};

	(void)state;
	begin_with(NULL, &attacked);
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		attack_dropped(attacks[i]);
	end();
}

/* The next frame from the server, or fail. */
static void take_reply(struct fastipc_channel *channel,
		       struct fastipc_frame *frame, unsigned char *bytes)
{
	uint64_t until = soon();
	int error;

	while ((error = fastipc_frame_peek(channel, frame)) == -EAGAIN) {
		assert_true(fastipc_now_ns() < until);
		fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL, 0,
				      false, fastipc_after_ns(10 * MS));
	}
	assert_int_equal(error, 0);
	assert_true(frame->length < 300);
	assert_int_equal(fastipc_frame_take(channel, frame, bytes), 0);
	fastipc_frame_release(channel, frame);
	fastipc_channel_notify_space(channel, true);
}

/* Announced sizes cost nothing; the message is counted out and refused. */
static void huge_totals(void **state)
{
	const uint32_t totals[] = { FASTIPC_MESSAGE_DEFAULT + 1, 1u << 31,
				    UINT32_MAX };
	struct fastipc_channel channel;
	struct fastipc_frame frame;
	unsigned char bytes[300];
	int32_t code;

	(void)state;
	begin_with(NULL, &attacked);
	hostile_connect(server.address, &channel);
	for (uint64_t id = 1; id <= 3; id++) {
		put_first(&channel, id, totals[id - 1], 100);
		take_reply(&channel, &frame, bytes);
		assert_int_equal(frame.id, id);
		assert_int_equal(frame.flags, FASTIPC_FRAME_ERROR);
		memcpy(&code, bytes, sizeof(code));
		assert_int_equal(code, -EMSGSIZE);
		/* It may be given up, and the connection goes on. */
		put_next(&channel, id, ECHO, 1000, true);
		put_next(&channel, id, FASTIPC_TYPE_CANCEL, 0, false);
	}
	put_next(&channel, 77, ECHO, 10, false);
	take_reply(&channel, &frame, bytes);
	assert_int_equal(frame.id, 77);
	assert_int_equal(frame.flags, 0);
	assert_served(good);
	fastipc_channel_fini(&channel);
	end();
}

/* The limit holds for a message in one frame, too. */
static void small_limit(void **state)
{
	struct fastipc_server_options options;
	struct fastipc_channel channel;
	struct fastipc_frame frame;
	unsigned char bytes[300];
	int32_t code;

	(void)state;
	fastipc_server_options_init(&options);
	options.max_message = 300;
	begin_with(&options, &attacked);
	hostile_connect(server.address, &channel);
	put_next(&channel, 5, ECHO, 301, false);
	take_reply(&channel, &frame, bytes);
	assert_int_equal(frame.flags, FASTIPC_FRAME_ERROR);
	memcpy(&code, bytes, sizeof(code));
	assert_int_equal(code, -EMSGSIZE);
	put_next(&channel, 6, ECHO, 299, false);
	take_reply(&channel, &frame, bytes);
	assert_int_equal(frame.flags, 0);
	assert_int_equal(frame.length, 299);
	fastipc_channel_fini(&channel);
	end();
}

/* ---- checksums ---- */

static void bad_sums(void **state)
{
	struct fastipc_server_options options;

	(void)state;
	fastipc_server_options_init(&options);
	for (int checksum = FASTIPC_CHECKSUM_HEADER;
	     checksum <= FASTIPC_CHECKSUM_FULL; checksum++) {
		struct fastipc_channel channel;
		struct header header = good_header(ECHO, 1, 8);

		options.checksum = (enum fastipc_checksum)checksum;
		server_start(&server, &options, &attacked);
		good = connect_with(server.address, NULL);
		for (int bit = 0; bit < 32; bit += 7) {
			hostile_connect(server.address, &channel);
			assert_int_equal(channel.link.checksum, checksum);
			header.crc = crc_of(header, "abcdefgh",
					    checksum == FASTIPC_CHECKSUM_FULL
						    ? 8
						    : 0) ^
				     1u << bit;
			assert_true(put_frame(&channel, header, "abcdefgh", 8));
			assert_dropped(&channel);
			assert_served(good);
		}
		assert_int_equal(stats_of(good).bad_frames, 5);
		assert_int_equal(stats_of(good).protocol_errors, 0);
		end();
	}
}

/* ---- random ---- */

static void put_random(struct fastipc_channel *channel)
{
	unsigned char bytes[200];
	uint32_t size = (uint32_t)random_number() % sizeof(bytes);
	struct header header = good_header(ECHO, random_number(), size);

	random_bytes(bytes, sizeof(bytes));
	switch (random_number() % 4) {
	case 0: /* bytes for words */
		put_record(channel, bytes, size, random_number());
		break;
	case 1: /* a record of garbage */
		put_record(channel, bytes, size,
			   (uint64_t)FASTIPC_RECORD_DATA << 32 | size);
		break;
	case 2: /* a header with one byte changed */
		((unsigned char *)&header)[random_number() % sizeof(header)] =
			(unsigned char)random_number();
		put_frame(channel, header, bytes, size);
		break;
	default: /* any flags and type, true to form */
		header.flags = random_number() & FASTIPC_FRAME_KNOWN;
		header.type = (uint16_t)(random_number() % 4 ? ECHO
							     : random_number());
		header.crc = crc_of(header, bytes, size);
		put_frame(channel, header, bytes, size);
	}
}

static void random_frames(void **state)
{
	uint64_t seed = seed_random();

	(void)state;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	begin_with(NULL, &attacked);
	for (int round = 0; round < 150; round++) {
		struct fastipc_channel channel;

		hostile_connect(server.address, &channel);
		for (int i = 0; i < 20; i++)
			put_random(&channel);
		if (round % 8 == 0) {
			/* The whole ring. */
			random_bytes(channel.link.own.data, HOSTILE_RING);
			fastipc_channel_ring(&channel, FASTIPC_SLEEP_POLL);
		}
		assert_served(good);
		fastipc_channel_fini(&channel);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_headers),
		cmocka_unit_test(broken_record_words),
		cmocka_unit_test(broken_extensions),
		cmocka_unit_test(broken_fragments),
		cmocka_unit_test(huge_totals),
		cmocka_unit_test(small_limit),
		cmocka_unit_test(bad_sums),
		cmocka_unit_test(random_frames),
	};

	seed_random();
	return cmocka_run_group_tests_name("frames", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
