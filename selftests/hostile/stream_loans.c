// SPDX-License-Identifier: MIT
/*
 * Peers that break the rules of what goes along with messages of streams: their
 * own connection ends, and is counted; nobody else notices, and nothing is left
 * behind.
 */
#include "attacked.h"
#include "cargo_by_hand.h"
#include "streams_by_hand.h"

#define LEND 12 /* a stream that lends 64 KiB with its only message */
#define OPEN 13 /* u64: descriptors that the server has */

#define WINDOW 16384u

static int on_lend(struct fastipc_request *request, void *context)
{
	struct fastipc_attachment attachment = { 0 };
	struct fastipc_stream *stream = fastipc_request_stream(request, NULL);

	(void)context;
	check(stream);
	if (!fastipc_stream_loan(stream, 65536, 0, &attachment.loan))
		check(!fastipc_stream_write_with(stream, "", 0, &attachment, 0,
						 0));
	fastipc_stream_finish(stream, 0, NULL, NULL, 0);
	fastipc_stream_close(stream);
	return 0;
}

static int on_open(struct fastipc_request *request, void *context)
{
	uint64_t count = (uint64_t)count_descriptors();

	(void)context;
	return fastipc_request_reply(request, &count, sizeof(count));
}

static void add_all(struct fastipc_server *attacked_server)
{
	add_streams(attacked_server);
	check(!fastipc_server_add_handler(attacked_server, LEND, on_lend,
					  NULL));
	check(!fastipc_server_add_handler(attacked_server, OPEN, on_open,
					  NULL));
}

static const struct service lending = { .add = add_all };

static uint64_t open_before;

static uint64_t open_now(void)
{
	uint64_t count;

	ask_for(good, OPEN, &count, sizeof(count));
	return count;
}

/* The same, when those of a handshake are closed. */
static uint64_t open_settled(void)
{
	uint64_t count;

	do {
		count = open_now();
		usleep(20000);
	} while (open_now() != count);
	return count;
}

static void begin(void)
{
	struct fastipc_server_options options;

	equip_server(&options);
	options.stream_window = WINDOW;
	begin_with(&options, &lending);
	open_before = open_settled();
}

static void end_as_begun(void)
{
	uint64_t until = soon();

	assert_alone(good);
	while (open_now() > open_before)
		assert_true(fastipc_now_ns() < until);
	end();
}

/* ---- streams by hand ---- */

static void put_laden(struct fastipc_channel *channel, uint16_t type,
		      uint8_t flags, uint64_t number, const struct block *block)
{
	put_whole(channel, type,
		  flags | FASTIPC_FRAME_STREAM | FASTIPC_FRAME_EXT, ID(number),
		  block->words, (uint32_t)block->words[0]);
}

static void put_loan(struct fastipc_channel *channel, uint64_t number,
		     uint64_t id, uint64_t offset, uint64_t length)
{
	struct block block = { 0 };

	add_loan(&block, id, offset, length);
	put_laden(channel, HELD, 0, number, &block);
}

static void put_descriptors(struct fastipc_channel *channel, uint16_t type,
			    uint64_t number, uint32_t count)
{
	struct block block = { 0 };

	send_datagram(channel, here(channel), count, count, 16);
	add_descriptors(&block, count);
	put_laden(channel, type, 0, number, &block);
}

enum counter { LOANS, STREAMS };

static void attack_as(const struct fastipc_proposal *proposal, attack_fn attack,
		      enum counter counter, const char *name)
{
	struct fastipc_server_stats before = stats_of(good), after;

	attack_and_be_dropped(proposal, attack);
	after = stats_of(good);
	if (after.loan_errors != before.loan_errors + (counter == LOANS) ||
	    after.stream_errors != before.stream_errors + (counter == STREAMS))
		print_message("# %s\n", name);
	assert_int_equal(after.loan_errors,
			 before.loan_errors + (counter == LOANS));
	assert_int_equal(after.stream_errors,
			 before.stream_errors + (counter == STREAMS));
	assert_int_equal(after.bad_frames, before.bad_frames);
	assert_int_equal(after.protocol_errors, before.protocol_errors);
}

#define ATTACK(attack, counter) \
	attack_as(&well_equipped, attack, counter, #attack)

/* ---- wrong cargo ---- */

static uint64_t piece_offset, piece_length;

static void lend_piece(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	put_loan(channel, 1, 1, 0, 100);
	put_loan(channel, 1, 2, piece_offset, piece_length);
}

static void lend_at_once(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	put_loan(channel, 1, 1, 0, 1);
}

static uint32_t announced, says, sent;

static void announce(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	open_by_hand(channel, HELD, ID(1), 0);
	put_descriptors(channel, HELD, 1, 1);
	if (says)
		send_datagram(channel, here(channel), says, sent, 16);
	add_descriptors(&block, announced);
	put_laden(channel, HELD, 0, 1, &block);
}

/* To a stream that this server does not read any more. */
static void announce_to_nobody(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	open_by_hand(channel, DONE, ID(1), 0);
	add_descriptors(&block, 1);
	put_laden(channel, DONE, 0, 1, &block);
}

static void of_another_frame(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	open_by_hand(channel, HELD, ID(1), 0);
	send_datagram(channel, here(channel) + 8, 1, 1, 16);
	add_descriptors(&block, 1);
	put_laden(channel, HELD, 0, 1, &block);
}

static void of_a_plain_message(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	send_datagram(channel, here(channel), 1, 1, 16);
	put_whole(channel, HELD, FASTIPC_FRAME_STREAM, ID(1), "x", 1);
}

static void wrong_cargo(void **state)
{
	const struct {
		uint64_t offset, length;
	} pieces[] = {
		{ AREA, 1 },	   { AREA - 1, 2 },	    { 0, 0 },
		{ 1, UINT64_MAX }, { UINT64_MAX - 10, 20 },
	};
	const struct {
		uint32_t announced, says, sent;
	} counts[] = { { 1, 0, 0 }, { 1, 1, 0 }, { 2, 2, 1 },
		       { 1, 1, 2 }, { 1, 2, 2 }, { 3, 3, 3 } };
	struct fastipc_proposal without = well_equipped;

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		piece_offset = pieces[i].offset;
		piece_length = pieces[i].length;
		ATTACK(lend_piece, LOANS);
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		announced = counts[i].announced;
		says = counts[i].says;
		sent = counts[i].sent;
		ATTACK(announce, LOANS);
	}
	ATTACK(announce_to_nobody, LOANS);
	ATTACK(of_another_frame, LOANS);
	ATTACK(of_a_plain_message, LOANS);
	without.bulk_size = 0;
	attack_as(&without, lend_at_once, LOANS, "no area");
	end_as_begun();
}

static uint64_t next_laden(struct fastipc_channel *channel)
{
	uint64_t loan;

	open_by_hand(channel, LEND, ID(1), 0);
	loan = next_loan(channel);
	check(loan);
	return loan;
}

static void given_back_twice(struct fastipc_channel *channel)
{
	uint64_t loan = next_laden(channel);

	give_back(channel, loan);
	give_back(channel, loan);
}

static void given_back_wrongly(struct fastipc_channel *channel)
{
	give_back(channel, next_laden(channel) + 1);
}

static void wrong_returns(void **state)
{
	(void)state;
	begin();
	ATTACK(given_back_twice, LOANS);
	ATTACK(given_back_wrongly, LOANS);
	end_as_begun();
}

/* ---- frames that nothing may go along with ---- */

static void with_the_first(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	add_word(&block, FASTIPC_EXT_STREAM | 16ull << 32);
	add_loan(&block, 1, 0, 1);
	put_laden(channel, HELD, 0, 1, &block);
}

static void of_no_stream(struct fastipc_channel *channel)
{
	put_loan(channel, 1, 1, 0, 1);
}

static void of_another_type(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	open_by_hand(channel, HELD, ID(1), 0);
	add_loan(&block, 1, 0, 1);
	put_laden(channel, DONE, 0, 1, &block);
}

static void after_the_end(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	put_end(channel, HELD, ID(1), 0, 0, 8);
	put_loan(channel, 1, 1, 0, 1);
}

static void with_the_end(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	open_by_hand(channel, HELD, ID(1), 0);
	add_loan(&block, 1, 0, 1);
	block.words[++block.count] = 0; /* status 0, no text */
	put_whole(channel, HELD,
		  FASTIPC_FRAME_STREAM | FASTIPC_FRAME_EXT | FASTIPC_FRAME_END,
		  ID(1), block.words, (uint32_t)block.words[0] + 8);
}

static void with_a_fragment(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	open_by_hand(channel, HELD, ID(1), 0);
	add_word(&block, FASTIPC_EXT_TOTAL | 1000ull << 32);
	add_loan(&block, 1, 0, 1);
	put_laden(channel, HELD, FASTIPC_FRAME_MORE, 1, &block);
}

static void between_fragments(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	open_by_hand(channel, HELD, ID(1), 0);
	add_word(&block, FASTIPC_EXT_TOTAL | 1000ull << 32);
	put_laden(channel, HELD, FASTIPC_FRAME_MORE, 1, &block);
	put_loan(channel, 1, 1, 0, 1);
}

/* The rest of a message has something, which the beginning had not. */
static void with_the_last_fragment(struct fastipc_channel *channel)
{
	struct block block = { 0 };
	struct block last = { 0 };

	open_by_hand(channel, HELD, ID(1), 0);
	add_word(&block, FASTIPC_EXT_TOTAL | 8ull << 32);
	put_laden(channel, HELD, FASTIPC_FRAME_MORE, 1, &block);
	add_loan(&last, 1, 0, 1);
	last.words[++last.count] = 0; /* the message's eight bytes */
	put_whole(channel, HELD, FASTIPC_FRAME_STREAM | FASTIPC_FRAME_EXT,
		  ID(1), last.words, (uint32_t)last.words[0] + 8);
}

static void wrong_frames(void **state)
{
	(void)state;
	begin();
	ATTACK(with_the_first, STREAMS);
	ATTACK(of_no_stream, STREAMS);
	ATTACK(of_another_type, STREAMS);
	ATTACK(after_the_end, STREAMS);
	ATTACK(with_the_end, STREAMS);
	ATTACK(with_a_fragment, STREAMS);
	ATTACK(between_fragments, STREAMS);
	ATTACK(with_the_last_fragment, STREAMS);
	end_as_begun();
}

/* ---- too much ---- */

#define LOANS_FIT (WINDOW / 256)
#define DESCRIPTORS_FIT (WINDOW / (256 + WINDOW / 64))

static uint32_t how_many;

static void many_loans(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	for (uint32_t i = 0; i < how_many; i++)
		put_loan(channel, 1, i, 0, AREA);
}

static void many_descriptors(struct fastipc_channel *channel)
{
	open_by_hand(channel, HELD, ID(1), 0);
	for (uint32_t i = 0; i < how_many; i++)
		put_descriptors(channel, HELD, 1, 1);
}

/* As many as fit are no offence; they are closed with the connection. */
static void within_limits(attack_fn fill_up)
{
	struct fastipc_server_stats before = stats_of(good), after;
	struct fastipc_channel channel;
	uint64_t until = soon();

	hostile_connect_with(server.address, &well_equipped, &channel);
	fill_up(&channel);
	while (fastipc_producer_refresh(&channel.tx) ||
	       channel.tx.head != channel.tx.tail)
		assert_true(fastipc_now_ns() < until);
	assert_served(good);
	fastipc_channel_check_peer(&channel);
	assert_false(channel.hungup);
	after = stats_of(good);
	assert_int_equal(after.loan_errors, before.loan_errors);
	assert_int_equal(after.stream_errors, before.stream_errors);
	fastipc_channel_fini(&channel);
}

static void overruns(void **state)
{
	(void)state;
	begin();
	how_many = LOANS_FIT;
	within_limits(many_loans);
	how_many = LOANS_FIT + 1;
	ATTACK(many_loans, STREAMS);
	how_many = DESCRIPTORS_FIT;
	within_limits(many_descriptors);
	how_many = DESCRIPTORS_FIT + 1;
	ATTACK(many_descriptors, STREAMS);
	end_as_begun();
}

/* By many streams: the server keeps so many, and ends what brings more. */
static void hoarded(void **state)
{
	struct fastipc_channel channel;
	uint64_t until = soon();

	(void)state;
	begin();
	hostile_connect_with(server.address, &well_equipped, &channel);
	for (uint64_t i = 1; i <= 20; i++) {
		open_by_hand(&channel, HELD, ID(i), 0);
		for (uint32_t j = 0; j < DESCRIPTORS_FIT; j++)
			put_descriptors(&channel, HELD, i, 1);
		assert_true(open_now() < open_before + 256 + 10);
	}
	while (fastipc_producer_refresh(&channel.tx) ||
	       channel.tx.head != channel.tx.tail)
		assert_true(fastipc_now_ns() < until);
	assert_true(open_now() < open_before + 256 + 10);
	fastipc_channel_check_peer(&channel);
	assert_false(channel.hungup);
	fastipc_channel_fini(&channel);
	end_as_begun();
}

/* ---- what nobody reads goes back, as it must ---- */

/* To a stream that ended at the server, while it was on its way. */
static void crosses_the_end(void **state)
{
	struct fastipc_channel channel;
	struct block block = { 0 };
	uint64_t until = soon(), connected;
	struct fastipc_frame frame;
	bool returned = false;
	int error;

	(void)state;
	begin();
	hostile_connect_with(server.address, &well_equipped, &channel);
	open_by_hand(&channel, DONE, ID(1), 0);
	while (!fastipc_consumer_ready(&channel.rx))
		assert_true(fastipc_now_ns() < until);
	connected = open_settled();
	send_datagram(&channel, here(&channel), 1, 1, 16);
	add_loan(&block, 4711, 0, 100);
	add_descriptors(&block, 1);
	put_laden(&channel, DONE, 0, 1, &block);
	while (!returned) {
		error = fastipc_frame_peek(&channel, &frame);
		assert_true(fastipc_now_ns() < until);
		if (error == -EAGAIN)
			continue;
		assert_int_equal(error, 0);
		returned = frame.type == FASTIPC_TYPE_RETURN;
		if (returned)
			assert_int_equal(frame.id, 4711);
		fastipc_frame_release(&channel, &frame);
	}
	while (open_now() > connected)
		assert_true(fastipc_now_ns() < until);
	fastipc_channel_fini(&channel);
	end_as_begun();
}

/* ---- servers that do not play by the rules ---- */

static attack_fn scenario;

static void answer_wrongly(struct fastipc_channel *channel)
{
	check(next_id(channel) == ID(1));
	scenario(channel);
}

static void server_lends_outside(struct fastipc_channel *channel)
{
	put_loan(channel, 1, 1, 0, 100);
	put_loan(channel, 1, 2, AREA, 1);
}

static void server_sends_too_few(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	put_descriptors(channel, HELD, 1, 2);
	send_datagram(channel, here(channel), 2, 1, 16);
	add_descriptors(&block, 2);
	put_laden(channel, HELD, 0, 1, &block);
}

static void server_opens(struct fastipc_channel *channel)
{
	put_descriptors(channel, HELD, 1, 2);
	with_the_first(channel);
}

/* What came before can be read, and then the client sees it. */
static void server_breaks_rules(attack_fn attack)
{
	struct footprint before = footprint_now();
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_delivery *delivery;
	const struct fastipc_client_options options = equipped_client();
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_stream *stream;
	struct fastipc_client *client;
	pid_t pid;

	scenario = attack;
	by_hand = well_equipped;
	by_hand.max_streams = 10;
	by_hand.stream_window = WINDOW;
	pid = start_scenario(answer_wrongly, &options, &client);
	assert_result(fastipc_stream_open(client, HELD, "", 0, NULL, &stream),
		      0);
	assert_result(fastipc_stream_read_with(stream, &buffer, &delivery,
					       soon()),
		      0);
	assert_non_null(delivery);
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -EPROTO);
	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.bad_frames, 1);
	fastipc_client_close(client);
	fastipc_stream_close(stream);
	fastipc_delivery_end(delivery);
	assert_ended_well(pid);
	assert_footprint(before);
}

static void hostile_servers(void **state)
{
	(void)state;
	server_breaks_rules(server_lends_outside);
	server_breaks_rules(server_sends_too_few);
	server_breaks_rules(server_opens);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_cargo),
		cmocka_unit_test(wrong_returns),
		cmocka_unit_test(wrong_frames),
		cmocka_unit_test(overruns),
		cmocka_unit_test(hoarded),
		cmocka_unit_test(crosses_the_end),
		cmocka_unit_test(hostile_servers),
	};

	seed_random();
	return cmocka_run_group_tests_name("stream_loans", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
