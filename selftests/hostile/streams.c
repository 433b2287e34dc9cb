// SPDX-License-Identifier: MIT
/*
 * A client that breaks the rules of streams: its own connection ends, and is
 * counted; nobody else notices.
 */
#include "attacked.h"
#include "streams_by_hand.h"

#define SOURCE 12 /* a stream that writes as long as it may */

static void write_more(void *context, struct fastipc_stream *stream)
{
	static const unsigned char data[10000];

	(void)context;
	while (!fastipc_stream_write(stream, data, sizeof(data), 0, 0))
		;
}

static int on_source(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;

	(void)context;
	fastipc_stream_options_init(&options);
	options.end = close_it;
	options.writable = write_more;
	stream = fastipc_request_stream(request, &options);
	check(stream);
	write_more(NULL, stream);
	return 0;
}

static void add_all(struct fastipc_server *attacked_server)
{
	add_streams(attacked_server);
	check(!fastipc_server_add_handler(attacked_server, SOURCE, on_source,
					  NULL));
}

static const struct service streams = { .add = add_all };

#define WINDOW 16384u
#define STREAMS 8u

/* Who reads nothing for @stall_ns is dropped for that. */
static void begin_within(uint64_t stall_ns)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.stream_window = WINDOW;
	options.max_streams = STREAMS;
	options.stall_timeout_ns = stall_ns;
	begin_with(&options, &streams);
}

static void begin(void)
{
	begin_within(PATIENCE);
}

/* ---- frames of streams by hand ---- */

static void data(struct fastipc_channel *channel, uint64_t id, uint32_t size)
{
	static const unsigned char bytes[WINDOW];

	put_whole(channel, HELD, FASTIPC_FRAME_STREAM, id, bytes, size);
}

static void credit(struct fastipc_channel *channel, uint64_t id, uint64_t value)
{
	put_whole(channel, FASTIPC_TYPE_CREDIT, 0, id, &value, 8);
}

static void attack_dropped(attack_fn attack, int line)
{
	struct fastipc_server_stats before = stats_of(good), after;

	attack_and_be_dropped(&hostile_proposal, attack);
	after = stats_of(good);
	if (after.stream_errors != before.stream_errors + 1 ||
	    after.bad_frames != before.bad_frames)
		print_message("# line %d\n", line);
	assert_int_equal(after.stream_errors, before.stream_errors + 1);
	assert_int_equal(after.bad_frames, before.bad_frames);
}

#define ATTACK(attack) attack_dropped(attack, __LINE__)

/* ---- which streams there are ---- */

static void unknown_stream(struct fastipc_channel *channel)
{
	data(channel, ID(1), 10);
}

static void end_of_unknown(struct fastipc_channel *channel)
{
	put_end(channel, HELD, ID(1), 0, 0, 8);
}

static void id_of_a_call(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, 1, 0);
}

static void id_reused(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(5), 0);
	open_by_hand(channel, HELD, ID(5), 0);
}

static void id_reused_after_the_end(struct fastipc_channel *channel)
{
	open_by_hand(channel, DONE, ID(5), 0);
	put_end(channel, DONE, ID(5), 0, 0, 8);
	open_by_hand(channel, DONE, ID(5), 0);
}

static void id_goes_back(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(5), 0);
	open_by_hand(channel, HELD, ID(4), 0);
}

static void data_after_end(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	put_end(channel, HELD, ID(1), 0, 0, 8);
	data(channel, ID(1), 10);
}

static void data_after_both_ends(struct fastipc_channel *channel)
{
	open_by_hand(channel, DONE, ID(1), 0);
	put_end(channel, DONE, ID(1), 0, 0, 8);
	put_whole(channel, DONE, FASTIPC_FRAME_STREAM, ID(1), "x", 1);
}

static void two_ends(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	put_end(channel, HELD, ID(1), 0, 0, 8);
	put_end(channel, HELD, ID(1), 0, 0, 8);
}

static void other_type(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	put_whole(channel, SOURCE, FASTIPC_FRAME_STREAM, ID(1), "x", 1);
}

static void reserved_type(struct fastipc_channel *channel)
{
	open_by_hand(channel, FASTIPC_TYPE_PING, ID(1), 0);
}

static void opening_in_fragments(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), FASTIPC_FRAME_MORE);
}

static void opening_that_ends(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), FASTIPC_FRAME_END);
}

static void too_many_streams(struct fastipc_channel *channel)
{
	for (uint64_t i = 1; i <= STREAMS + 1; i++)
		open_by_hand(channel, HELD, ID(i), 0);
}

#define LIMIT 1000u

/* An opening of so many bytes behind its extension. */
static void open_with(struct fastipc_channel *channel, uint64_t id,
		      uint32_t size)
{
	unsigned char bytes[sizeof(struct total) + LIMIT + 1] = { 0 };
	struct total block = good_total(16);

	block.kind = FASTIPC_EXT_STREAM;
	memcpy(bytes, &block, sizeof(block));
	put_whole(channel, HELD, FASTIPC_FRAME_STREAM | FASTIPC_FRAME_EXT, id,
		  bytes, (uint32_t)sizeof(block) + size);
}

static void opening_over_the_limit(struct fastipc_channel *channel)
{
	open_with(channel, ID(1), LIMIT);
	open_with(channel, ID(2), LIMIT + 1);
}

static void large_openings(void **state)
{
	struct fastipc_server_options options;
	uint64_t before;

	(void)state;
	fastipc_server_options_init(&options);
	options.max_message = LIMIT;
	begin_with(&options, &streams);
	before = stats_of(good).requests;
	ATTACK(opening_over_the_limit);
	/* The first of them, what is served, and who asks, twice. */
	assert_int_equal(stats_of(good).requests, before + 5);
	end();
}

static void wrong_streams(void **state)
{
	(void)state;
	begin();
	ATTACK(unknown_stream);
	ATTACK(end_of_unknown);
	ATTACK(id_of_a_call);
	ATTACK(id_reused);
	ATTACK(id_reused_after_the_end);
	ATTACK(id_goes_back);
	ATTACK(data_after_end);
	ATTACK(data_after_both_ends);
	ATTACK(two_ends);
	ATTACK(other_type);
	ATTACK(reserved_type);
	ATTACK(opening_in_fragments);
	ATTACK(opening_that_ends);
	ATTACK(too_many_streams);
	end();
}

/* ---- credit ---- */

static void overrun_at_once(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	data(channel, ID(1), 10000);
	data(channel, ID(1), WINDOW - 10000 - 2 * 64 + 1);
}

/* Messages without bytes cost, too. */
static void overrun_by_nothing(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	for (uint32_t i = 0; i <= WINDOW / 64; i++)
		data(channel, ID(1), 0);
}

static void overrun_by_announcing(struct fastipc_channel *channel)
{
	struct total block = good_total(WINDOW);

	open_by_hand(channel, HELD, ID(1), 0);
	put_whole(channel, HELD,
		  FASTIPC_FRAME_STREAM | FASTIPC_FRAME_EXT | FASTIPC_FRAME_MORE,
		  ID(1), &block, sizeof(block));
}

static void credit_of_unknown(struct fastipc_channel *channel)
{
	credit(channel, ID(7), 1u << 20);
}

static void credit_for_nothing(struct fastipc_channel *channel)
{
	credit(channel, 0, 1u << 20);
}

static void credit_that_shrinks(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	credit(channel, ID(1), 1u << 20);
	credit(channel, ID(1), 1u << 19);
}

static void credit_without_end(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	credit(channel, ID(1), UINT64_MAX);
}

static void short_credit(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	put_whole(channel, FASTIPC_TYPE_CREDIT, 0, ID(1), "1234", 4);
}

static void wrong_credit(void **state)
{
	(void)state;
	begin();
	ATTACK(overrun_at_once);
	ATTACK(overrun_by_nothing);
	ATTACK(overrun_by_announcing);
	ATTACK(credit_of_unknown);
	ATTACK(credit_for_nothing);
	ATTACK(credit_that_shrinks);
	ATTACK(credit_without_end);
	ATTACK(short_credit);
	end();
}

/* ---- fragments and ends ---- */

static uint8_t next_flags;
static uint32_t next_size;

static void wrong_fragment(struct fastipc_channel *channel)
{
	unsigned char first[16 + 100] = { 0 };
	struct total block = good_total(1000);

	memcpy(first, &block, sizeof(block));
	open_by_hand(channel, HELD, ID(1), 0);
	put_whole(channel, HELD,
		  FASTIPC_FRAME_STREAM | FASTIPC_FRAME_EXT | FASTIPC_FRAME_MORE,
		  ID(1), first, sizeof(first));
	if (next_flags & FASTIPC_FRAME_END)
		put_end(channel, HELD, ID(1), 0, 0, next_size);
	else
		put_whole(channel, HELD, next_flags, ID(1),
			  (unsigned char[1000]){ 0 }, next_size);
}

static int32_t end_status;
static uint32_t end_text, end_size;

static void wrong_end(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	put_end(channel, HELD, ID(1), end_status, end_text, end_size);
}

static void no_total(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	put_whole(channel, HELD, FASTIPC_FRAME_STREAM | FASTIPC_FRAME_MORE,
		  ID(1), "x", 1);
}

static void wrong_lengths(void **state)
{
	const struct {
		uint8_t flags;
		uint32_t size;
	} fragments[] = {
		{ FASTIPC_FRAME_STREAM, 899 },
		{ FASTIPC_FRAME_STREAM, 901 },
		{ FASTIPC_FRAME_STREAM, 0 },
		{ FASTIPC_FRAME_STREAM | FASTIPC_FRAME_MORE, 900 },
		{ FASTIPC_FRAME_STREAM | FASTIPC_FRAME_MORE, 0 },
		{ FASTIPC_FRAME_STREAM | FASTIPC_FRAME_END, 8 },
	};
	const struct {
		int32_t status;
		uint32_t text, size;
	} ends[] = {
		{ 0, 0, 0 },	 { 0, 0, 7 },	       { 1, 0, 8 },
		{ -4096, 0, 8 }, { INT32_MIN, 0, 8 },  { 0, 1, 8 },
		{ 0, 257, 300 }, { 0, UINT32_MAX, 8 }, { 0, 0, 8 + 4097 },
		{ 0, 0, 5000 },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(fragments) / sizeof(fragments[0]); i++) {
		next_flags = fragments[i].flags;
		next_size = fragments[i].size;
		ATTACK(wrong_fragment);
	}
	ATTACK(no_total);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		end_status = ends[i].status;
		end_text = ends[i].text;
		end_size = ends[i].size;
		ATTACK(wrong_end);
	}
	end();
}

/* ---- floods ---- */

static void flood_of_cancels(struct fastipc_channel *channel)
{
	open_by_hand(channel, DONE, ID(1), 0);
	for (uint64_t i = 0; i < 200000 && !channel->hungup; i++)
		put_whole(channel, FASTIPC_TYPE_CANCEL, 0, i % 2 ? i : ID(1),
			  "", 0);
}

static void flood_of_credits(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	for (uint64_t i = 1; i < 200000 && !channel->hungup; i++)
		credit(channel, ID(1), (256u << 20) + i);
}

static void floods(void **state)
{
	(void)state;
	begin();
	ATTACK(flood_of_cancels);
	ATTACK(flood_of_credits);
	end();
}

/* Who sends PINGs and reads no PONG is dropped for it, as are those who open
 * streams and read nothing. */
static void readers_of_nothing(void **state)
{
	struct fastipc_server_stats before, after;
	struct fastipc_channel pinging, streaming;
	uint64_t until = soon();

	(void)state;
	begin_within(500 * MS);
	before = stats_of(good);
	hostile_connect(server.address, &pinging);
	hostile_connect(server.address, &streaming);
	for (uint64_t i = 1; i <= STREAMS; i++) {
		open_by_hand(&streaming, SOURCE, ID(i), 0);
		credit(&streaming, ID(i), 1u << 30);
	}
	/* More than both rings take. */
	for (uint64_t i = 1; i <= 20000; i++)
		put_whole(&pinging, FASTIPC_TYPE_PING, 0, i, "", 0);
	do {
		assert_true(fastipc_now_ns() < until);
		assert_served(good);
		after = stats_of(good);
	} while (after.stalled < before.stalled + 2);
	assert_dropped(&pinging);
	assert_dropped(&streaming);
	end();
}

/* What may cross the end of a stream is no offence. */
static void late_controls(void **state)
{
	struct fastipc_server_stats before;
	struct fastipc_channel channel;
	uint64_t until = soon();

	(void)state;
	begin();
	before = stats_of(good);
	hostile_connect(server.address, &channel);
	open_by_hand(&channel, DONE, ID(1), 0);
	put_end(&channel, DONE, ID(1), 0, 0, 8);
	credit(&channel, ID(1), 1u << 20);
	put_whole(&channel, FASTIPC_TYPE_CANCEL, 0, ID(1), "", 0);
	put_whole(&channel, FASTIPC_TYPE_CANCEL, 0, 77, "", 0);
	open_by_hand(&channel, HELD, ID(2), 0);
	data(&channel, ID(2), 10);
	while (fastipc_producer_refresh(&channel.tx) ||
	       channel.tx.head != channel.tx.tail)
		assert_true(fastipc_now_ns() < until);
	assert_served(good);
	fastipc_channel_check_peer(&channel);
	assert_false(channel.hungup);
	assert_int_equal(stats_of(good).stream_errors, before.stream_errors);
	fastipc_channel_fini(&channel);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_streams),
		cmocka_unit_test(large_openings),
		cmocka_unit_test(wrong_credit),
		cmocka_unit_test(wrong_lengths),
		cmocka_unit_test(floods),
		cmocka_unit_test(readers_of_nothing),
		cmocka_unit_test(late_controls),
	};

	seed_random();
	return cmocka_run_group_tests_name("streams", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
