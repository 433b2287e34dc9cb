// SPDX-License-Identifier: MIT
/*
 * Peers that lie about compressed messages: how large they are, what they are
 * made by, and whether they may be there at all.  Each lie ends its own
 * connection, and costs no more memory than a message may have.
 */
#include <lz4.h>
#include <zstd.h>

#include "attacked.h"
#include "by_hand.h"
#include "frame/compress.h"

#define MOST (1u << 20)

#define PACKED (FASTIPC_FRAME_EXT | FASTIPC_FRAME_COMPRESSED)

/* ---- compressed messages by hand ---- */

/* What is announced; kind 0: without the extension. */
struct lie {
	uint8_t flags;
	uint16_t type;
	uint16_t kind;
	uint16_t length;
	uint32_t original;
	uint32_t algorithm;
	uint32_t check;
	uint32_t total; /* 0: none */
};

static struct lie honest(uint32_t algorithm, uint32_t original)
{
	return (struct lie){
		.flags = PACKED,
		.type = ECHO,
		.kind = FASTIPC_EXT_COMPRESSION,
		.length = 8,
		.original = original,
		.algorithm = algorithm,
	};
}

static uint32_t put_block(unsigned char *to, const struct lie *lie)
{
	uint32_t block[8] = { 8 }, words = 2;

	if (!(lie->flags & FASTIPC_FRAME_EXT))
		return 0;
	if (lie->total) {
		block[words++] = FASTIPC_EXT_TOTAL;
		block[words++] = lie->total;
	}
	if (lie->kind) {
		block[words++] = lie->kind | (uint32_t)lie->length << 16;
		block[words++] = lie->original;
		if (lie->length) {
			block[words++] = lie->algorithm;
			block[words++] = lie->check;
		}
	}
	block[0] = words * 4;
	memcpy(to, block, block[0]);
	return block[0];
}

static void put_packed(struct fastipc_channel *channel, uint64_t id,
		       const struct lie *lie, const void *data, uint32_t size)
{
	unsigned char bytes[16384];
	uint32_t block = put_block(bytes, lie);
	struct header header = good_header(lie->type, id, block + size);

	check(block + size <= sizeof(bytes));
	if (size)
		memcpy(bytes + block, data, size);
	header.flags = lie->flags;
	header.crc = crc_of(header, bytes, block + size);
	check(put_frame(channel, header, bytes, block + size));
}

static unsigned char packed[16384];

/* @size zeros, in few bytes. */
static uint32_t pack_zeros(uint32_t algorithm, uint32_t size)
{
	char *zeros = calloc(1, size);
	size_t length;

	check(zeros);
	if (algorithm == FASTIPC_ALGORITHM_LZ4)
		length = (size_t)LZ4_compress_default(
			zeros, (char *)packed, (int)size, sizeof(packed));
	else
		length = ZSTD_compress(packed, sizeof(packed), zeros, size, 3);
	check(length && length <= sizeof(packed));
	free(zeros);
	return (uint32_t)length;
}

/* ---- against a server ---- */

static void begin(enum fastipc_compression compression)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.compression = compression;
	options.max_message = MOST;
	begin_with(&options, &attacked);
}

static void assert_dropped_for(const struct lie *lie, const void *data,
			       uint32_t size)
{
	struct fastipc_server_stats before = stats_of(good), after;
	struct fastipc_channel channel;

	hostile_connect(server.address, &channel);
	put_packed(&channel, 1, lie, data, size);
	assert_dropped(&channel);
	assert_served(good);
	after = stats_of(good);
	assert_int_equal(after.bad_frames, before.bad_frames + 1);
	assert_int_equal(after.protocol_errors, before.protocol_errors);
	assert_int_equal(after.compressed_received.messages,
			 before.compressed_received.messages);
}

/* The next frame of the server, an answer to @id. */
static struct fastipc_frame next_frame(struct fastipc_channel *channel,
				       uint64_t id)
{
	struct fastipc_frame frame = { 0 };
	int error;

	while ((error = fastipc_frame_peek(channel, &frame)) == -EAGAIN)
		fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL, 0,
				      false, fastipc_after_ns(10 * MS));
	assert_int_equal(error, 0);
	assert_true(frame.id == id);
	return frame;
}

/* It is refused, and the next message of the same client is not. */
static void assert_refused(uint32_t original)
{
	uint32_t size = pack_zeros(FASTIPC_ALGORITHM_LZ4, MOST);
	struct lie lie = honest(FASTIPC_ALGORITHM_LZ4, original);
	struct fastipc_server_stats before = stats_of(good), after;
	struct fastipc_channel channel;
	struct fastipc_frame frame;
	unsigned char bytes[512];
	int32_t code;

	hostile_connect(server.address, &channel);
	put_packed(&channel, 9, &lie, packed, size);
	frame = next_frame(&channel, 9);
	assert_int_equal(frame.flags, FASTIPC_FRAME_ERROR);
	assert_true(frame.length >= 4 && frame.length <= sizeof(bytes));
	assert_int_equal(fastipc_frame_take(&channel, &frame, bytes), 0);
	memcpy(&code, bytes, 4);
	assert_int_equal(code, -EMSGSIZE);
	fastipc_frame_release(&channel, &frame);
	lie = honest(FASTIPC_ALGORITHM_LZ4, MOST);
	lie.type = STATS;
	put_packed(&channel, 10, &lie, packed, size);
	frame = next_frame(&channel, 10);
	assert_int_equal(frame.length, sizeof(struct fastipc_server_stats));
	fastipc_frame_release(&channel, &frame);
	fastipc_link_hang_up(&channel.link);
	fastipc_channel_fini(&channel);
	after = stats_of(good);
	assert_int_equal(after.bad_frames, before.bad_frames);
	assert_int_equal(after.compressed_received.messages,
			 before.compressed_received.messages + 1);
}

static void lies_about_the_size(void **state)
{
	(void)state;
	begin(FASTIPC_COMPRESSION_ACCEPT);
	for (uint32_t algorithm = FASTIPC_ALGORITHM_LZ4;
	     algorithm <= FASTIPC_ALGORITHM_ZSTD; algorithm++) {
		uint32_t size = pack_zeros(algorithm, 100000);
		struct lie lie = honest(algorithm, 100001);

		assert_dropped_for(&lie, packed, size);
		lie.original = 99999;
		assert_dropped_for(&lie, packed, size);
		lie.original = size + 1;
		assert_dropped_for(&lie, packed, size);
		/* Nothing would have been saved. */
		lie.original = size;
		assert_dropped_for(&lie, packed, size);
		lie.original = 0;
		assert_dropped_for(&lie, packed, size);
		/* A bomb: more comes out than may, and than was said. */
		size = pack_zeros(algorithm, MOST + 1);
		lie.original = MOST;
		assert_dropped_for(&lie, packed, size);
		lie.original = 1000000;
		assert_dropped_for(&lie, packed, size);
	}
	end();
}

static void too_large_is_refused(void **state)
{
	(void)state;
	begin(FASTIPC_COMPRESSION_ACCEPT);
	assert_refused(MOST + 1);
	assert_refused(INT32_MAX);
	assert_refused(INT32_MAX + 1u);
	assert_refused(UINT32_MAX);
	end();
}

static void wrong_algorithms(void **state)
{
	uint32_t size = pack_zeros(FASTIPC_ALGORITHM_ZSTD, 100000);

	(void)state;
	begin(FASTIPC_COMPRESSION_ZSTD);
	for (uint32_t algorithm = 0; algorithm < 6; algorithm++) {
		struct lie lie = honest(algorithm, 100000);

		if (algorithm != FASTIPC_ALGORITHM_ZSTD)
			assert_dropped_for(&lie, packed, size);
		lie.check = 1;
		assert_dropped_for(&lie, packed, size);
		lie.algorithm |= 1u << 31;
		assert_dropped_for(&lie, packed, size);
	}
	end();
}

static void broken_bytes(void **state)
{
	(void)state;
	begin(FASTIPC_COMPRESSION_LZ4);
	for (uint32_t algorithm = FASTIPC_ALGORITHM_LZ4;
	     algorithm <= FASTIPC_ALGORITHM_ZSTD; algorithm++) {
		uint32_t size = pack_zeros(algorithm, 100000);
		struct lie lie = honest(algorithm, 100000);

		assert_dropped_for(&lie, packed, size - 1);
		assert_dropped_for(&lie, packed, size / 2);
		assert_dropped_for(&lie, packed, 0);
		packed[size] = 0;
		assert_dropped_for(&lie, packed, size + 1);
		for (int i = 0; i < 50; i++) {
			random_bytes(packed, 5000);
			assert_dropped_for(&lie, packed,
					   (uint32_t)(random_number() % 5000));
		}
	}
	end();
}

static void wrong_places(void **state)
{
	static const uint16_t control[] = { FASTIPC_TYPE_PING,
					    FASTIPC_TYPE_PONG,
					    FASTIPC_TYPE_CANCEL, 0xffff };
	uint32_t size = pack_zeros(FASTIPC_ALGORITHM_LZ4, 100000);
	struct lie lie;

	(void)state;
	begin(FASTIPC_COMPRESSION_LZ4);
	for (size_t i = 0; i < sizeof(control) / sizeof(control[0]); i++) {
		lie = honest(FASTIPC_ALGORITHM_LZ4, 100000);
		lie.type = control[i];
		assert_dropped_for(&lie, packed, size);
	}
	lie = honest(FASTIPC_ALGORITHM_LZ4, 100000);
	lie.flags |= FASTIPC_FRAME_ERROR;
	assert_dropped_for(&lie, packed, size);
	/* It does not say how. */
	lie = honest(FASTIPC_ALGORITHM_LZ4, 100000);
	lie.flags = FASTIPC_FRAME_COMPRESSED;
	assert_dropped_for(&lie, packed, size);
	lie = honest(FASTIPC_ALGORITHM_LZ4, 100000);
	lie.kind = 0;
	assert_dropped_for(&lie, packed, size);
	lie = honest(FASTIPC_ALGORITHM_LZ4, 100000);
	lie.length = 0;
	assert_dropped_for(&lie, packed, size);
	/* Fragments, of which the first says how many bytes are to come. */
	lie = honest(FASTIPC_ALGORITHM_LZ4, 100000);
	lie.flags |= FASTIPC_FRAME_MORE;
	assert_dropped_for(&lie, packed, size);
	lie.total = 100000;
	assert_dropped_for(&lie, packed, size);
	lie.total = size;
	assert_dropped_for(&lie, packed, size);
	end();
}

static void not_agreed_on(void **state)
{
	uint32_t size = pack_zeros(FASTIPC_ALGORITHM_LZ4, 100000);
	struct lie lie = honest(FASTIPC_ALGORITHM_LZ4, 100000);

	(void)state;
	begin(FASTIPC_COMPRESSION_OFF);
	assert_dropped_for(&lie, packed, size);
	end();
}

/* A message in two frames, of which the second is @flags and @spoilt. */
/* It gives space back, and nothing else tells the client of that. */
static void space_is_told_of(void **state)
{
	uint32_t size = pack_zeros(FASTIPC_ALGORITHM_LZ4, MOST);
	struct lie lie = honest(FASTIPC_ALGORITHM_LZ4, MOST);
	struct fastipc_channel channel;
	uint32_t seen;

	(void)state;
	begin(FASTIPC_COMPRESSION_ACCEPT);
	hostile_connect(server.address, &channel);
	seen = fastipc_channel_arm(&channel, FASTIPC_SLEEP_FUTEX,
				   FASTIPC_WANT_SPACE);
	put_packed(&channel, 0, &lie, packed, size);
	assert_told_of_space(&channel, seen);
	fastipc_channel_fini(&channel);
	end();
}

static void in_two(struct fastipc_channel *channel, uint8_t flags, bool spoilt)
{
	uint32_t size = pack_zeros(FASTIPC_ALGORITHM_LZ4, MOST);
	struct lie first = honest(FASTIPC_ALGORITHM_LZ4, MOST);
	struct lie second = { .flags = flags, .type = STATS };

	first.type = STATS;
	first.flags |= FASTIPC_FRAME_MORE;
	first.total = size;
	put_packed(channel, 1, &first, packed, 2000);
	packed[2000] ^= spoilt;
	packed[size - 1] ^= spoilt;
	put_packed(channel, 1, &second, packed + 2000, size - 2000);
}

static void fragments(void **state)
{
	struct fastipc_channel channel;
	struct fastipc_frame frame;

	(void)state;
	begin(FASTIPC_COMPRESSION_LZ4);
	hostile_connect(server.address, &channel);
	in_two(&channel, 0, false);
	frame = next_frame(&channel, 1);
	assert_int_equal(frame.length, sizeof(struct fastipc_server_stats));
	fastipc_frame_release(&channel, &frame);
	in_two(&channel, FASTIPC_FRAME_COMPRESSED, false);
	assert_dropped(&channel);
	hostile_connect(server.address, &channel);
	in_two(&channel, 0, true);
	assert_dropped(&channel);
	assert_served(good);
	assert_int_equal(stats_of(good).bad_frames, 2);
	assert_int_equal(stats_of(good).compressed_received.messages, 1);
	end();
}

/* Small messages that cost much: whoever else is there has a turn, too. */
static void bombs_hold_nobody_up(void **state)
{
	uint32_t size = pack_zeros(FASTIPC_ALGORITHM_ZSTD, MOST);
	struct lie lie = honest(FASTIPC_ALGORITHM_ZSTD, MOST);
	struct fastipc_channel channel;

	(void)state;
	begin(FASTIPC_COMPRESSION_ACCEPT);
	hostile_connect(server.address, &channel);
	for (uint64_t i = 0; i < 200; i++) {
		put_packed(&channel, 0, &lie, packed, size);
		if (i % 50 == 0)
			assert_served(good);
	}
	while (stats_of(good).one_way < 200)
		usleep(1000);
	assert_int_equal(stats_of(good).bad_frames, 0);
	fastipc_link_hang_up(&channel.link);
	fastipc_channel_fini(&channel);
	end();
}

/* ---- against a client ---- */

static struct lie answer;
static uint32_t answer_size;

static void reply_packed(struct fastipc_channel *channel)
{
	/* The first to come is the call. */
	uint64_t id = next_id(channel);

	put_packed(channel, id, &answer, packed, answer_size);
	reply_well(channel, next_id(channel));
}

static void assert_call(enum fastipc_compression compression,
			const struct lie *lie, uint32_t size, int expected,
			bool over)
{
	struct footprint before = footprint_now();
	struct fastipc_client_options options;
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_client *client;
	pid_t pid;

	answer = *lie;
	answer_size = size;
	fastipc_client_options_init(&options);
	options.compression = compression;
	options.max_message = MOST;
	pid = start_scenario(reply_packed, &options, &client);
	assert_result(fastipc_client_call(client, ECHO, "abcd", 4, &buffer,
					  soon()),
		      expected);
	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.bad_frames, over);
	assert_int_equal(stats.compressed_received.messages, !expected);
	assert_result(fastipc_client_call(client, ECHO, "abcd", 4, &buffer,
					  soon()),
		      over ? expected : 0);
	fastipc_buffer_free(&buffer);
	fastipc_client_close(client);
	assert_ended_well(pid);
	assert_footprint(before);
}

static void clients_notice(void **state)
{
	const enum fastipc_compression accept = FASTIPC_COMPRESSION_ACCEPT;
	uint32_t size = pack_zeros(FASTIPC_ALGORITHM_ZSTD, MOST);
	struct lie lie = honest(FASTIPC_ALGORITHM_ZSTD, MOST);

	(void)state;
	assert_call(accept, &lie, size, 0, false);
	assert_call(FASTIPC_COMPRESSION_OFF, &lie, size, -EPROTO, true);
	assert_call(accept, &lie, size - 1, -EPROTO, true);
	assert_call(accept, &lie, 0, -EPROTO, true);
	lie.original = MOST - 1;
	assert_call(accept, &lie, size, -EPROTO, true);
	lie.original = MOST + 1;
	assert_call(accept, &lie, size, -EMSGSIZE, false);
	lie.original = UINT32_MAX;
	assert_call(accept, &lie, size, -EMSGSIZE, false);
	lie.original = MOST;
	lie.algorithm = FASTIPC_ALGORITHM_LZ4;
	assert_call(accept, &lie, size, -EPROTO, true);
	lie.algorithm = FASTIPC_ALGORITHM_ZSTD_DICTIONARY;
	assert_call(accept, &lie, size, -EPROTO, true);
	lie.algorithm = 77;
	assert_call(accept, &lie, size, -EPROTO, true);
	lie = honest(FASTIPC_ALGORITHM_ZSTD, MOST);
	lie.flags |= FASTIPC_FRAME_ERROR;
	assert_call(accept, &lie, size, -EPROTO, true);
	lie = honest(FASTIPC_ALGORITHM_ZSTD, MOST);
	lie.type = FASTIPC_TYPE_PONG;
	assert_call(accept, &lie, size, -EPROTO, true);
	random_bytes(packed, 4000);
	lie = honest(FASTIPC_ALGORITHM_ZSTD, MOST);
	assert_call(accept, &lie, 4000, -EPROTO, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_about_the_size),
		cmocka_unit_test(too_large_is_refused),
		cmocka_unit_test(wrong_algorithms),
		cmocka_unit_test(broken_bytes),
		cmocka_unit_test(wrong_places),
		cmocka_unit_test(not_agreed_on),
		cmocka_unit_test(space_is_told_of),
		cmocka_unit_test(fragments),
		cmocka_unit_test(bombs_hold_nobody_up),
		cmocka_unit_test(clients_notice),
	};

	print_message("# SEED=%llu\n", (unsigned long long)seed_random());
	return cmocka_run_group_tests_name("compression", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
