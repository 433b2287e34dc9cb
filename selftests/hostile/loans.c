// SPDX-License-Identifier: MIT
/*
 * Peers that break the rules of loans and descriptors: their own connection
 * ends, and is counted; nobody else notices, and nothing is left behind.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "attacked.h"
#include "cargo_by_hand.h"
#include "transport/bulk.h"
#include "transport/handshake.h"
#include "transport/hello.h"

#define LEND 10	  /* lends the client 64 KiB */
#define SEND 11	  /* sends it MOST descriptors */
#define HUMBLE 12 /* the server is no privileged process any more */

static int on_lend(struct fastipc_request *request, void *context)
{
	struct fastipc_attachment attachment = { 0 };
	int error = fastipc_request_loan(request, 65536, &attachment.loan);

	(void)context;
	if (error)
		return error;
	return fastipc_request_reply_with(request, "", 0, &attachment);
}

static int on_send(struct fastipc_request *request, void *context)
{
	const int fds[MOST] = { 0 };
	const struct fastipc_attachment attachment = {
		.descriptors = fds,
		.descriptor_count = MOST,
	};

	(void)context;
	fastipc_request_reply_with(request, "", 0, &attachment);
	return 0;
}

/* As of its thread, which is its only worker. */
static int on_humble(struct fastipc_request *request, void *context)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[2] = { { 0 } };
	struct rlimit limit;

	(void)context;
	check(!getrlimit(RLIMIT_NOFILE, &limit));
	/* Under way, and as numbers of those it has, with some to spare. */
	limit.rlim_cur = MOST * 12;
	check(!setrlimit(RLIMIT_NOFILE, &limit));
	check(!syscall(SYS_capset, &header, none));
	return fastipc_request_reply(request, "", 0);
}

static void add_all(struct fastipc_server *attacked_server)
{
	add_handlers(attacked_server);
	check(!fastipc_server_add_handler(attacked_server, SEND, on_send,
					  NULL));
	check(!fastipc_server_add_handler(attacked_server, HUMBLE, on_humble,
					  NULL));
	check(!fastipc_server_add_handler(attacked_server, LEND, on_lend,
					  NULL));
}

static const struct service lending = { .add = add_all };

static void begin(void)
{
	const struct fastipc_client_options client_options = equipped_client();
	struct fastipc_server_options options;

	equip_server(&options);
	server_start(&server, &options, &lending);
	good = connect_with(server.address, &client_options);
}

/* ---- clients that do not play by the rules ---- */

static void attack_as(const struct fastipc_proposal *proposal, attack_fn attack,
		      const char *name)
{
	struct fastipc_server_stats before = stats_of(good), after;

	attack_and_be_dropped(proposal, attack);
	after = stats_of(good);
	if (after.loan_errors != before.loan_errors + 1 ||
	    after.bad_frames != before.bad_frames)
		print_message("# %s\n", name);
	assert_int_equal(after.loan_errors, before.loan_errors + 1);
	assert_int_equal(after.bad_frames, before.bad_frames);
	assert_int_equal(after.protocol_errors, before.protocol_errors);
	assert_int_equal(after.requests, before.requests + 2);
}

#define ATTACK(attack) attack_as(&well_equipped, attack, #attack)

static uint64_t piece_offset, piece_length;

static void lend_piece(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	add_loan(&block, 1, piece_offset, piece_length);
	put_block(channel, ECHO, 0, &block);
}

static void wrong_pieces(void **state)
{
	const struct {
		uint64_t offset, length;
	} pieces[] = {
		{ AREA, 1 },
		{ AREA - 1, 2 },
		{ 0, AREA + 1 },
		{ 0, 0 },
		{ AREA, 0 },
		{ 1, UINT64_MAX },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX - 10, 20 },
		{ 0, 1ull << 32 },
		{ 1ull << 63, 1ull << 63 },
		{ 4096, UINT64_MAX - 4095 },
	};
	struct fastipc_proposal without = well_equipped;

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		piece_offset = pieces[i].offset;
		piece_length = pieces[i].length;
		ATTACK(lend_piece);
	}
	/* It has none, or one that is too large to be mapped. */
	piece_offset = 0;
	piece_length = 1;
	without.bulk_size = 0;
	attack_as(&without, lend_piece, "no area");
	without.bulk_size = 2 * AREA;
	attack_as(&without, lend_piece, "a large area");
	end();
}

static void never_had(struct fastipc_channel *channel)
{
	give_back(channel, 0);
}

static void any_name(struct fastipc_channel *channel)
{
	give_back(channel, random_number());
}

static void given_back_twice(struct fastipc_channel *channel)
{
	uint64_t loan;

	put_whole(channel, LEND, 0, 1, "", 0);
	loan = next_loan(channel);
	give_back(channel, loan);
	give_back(channel, loan);
}

/* Its place is another loan's by now. */
static void given_back_late(struct fastipc_channel *channel)
{
	uint64_t first, second;

	put_whole(channel, LEND, 0, 1, "", 0);
	first = next_loan(channel);
	give_back(channel, first);
	put_whole(channel, LEND, 0, 2, "", 0);
	second = next_loan(channel);
	check((uint32_t)first == (uint32_t)second && first != second);
	give_back(channel, first);
}

static void attack_with_requests(attack_fn attack, unsigned int requests)
{
	struct fastipc_server_stats before = stats_of(good), after;
	struct fastipc_channel channel;

	hostile_connect_with(server.address, &well_equipped, &channel);
	attack(&channel);
	assert_dropped(&channel);
	after = stats_of(good);
	assert_int_equal(after.loan_errors, before.loan_errors + 1);
	assert_int_equal(after.requests, before.requests + 1 + requests);
}

static void wrong_returns(void **state)
{
	(void)state;
	begin();
	ATTACK(never_had);
	ATTACK(any_name);
	attack_with_requests(given_back_twice, 1);
	attack_with_requests(given_back_late, 2);
	end();
}

/* Who gives nothing back gets no more, and nobody else notices. */
static void never_given_back(void **state)
{
	struct fastipc_channel channel;

	(void)state;
	begin();
	hostile_connect_with(server.address, &well_equipped, &channel);
	for (uint64_t i = 1; i <= AREA / 65536; i++) {
		put_whole(&channel, LEND, 0, i, "", 0);
		assert_true(next_loan(&channel) != 0);
	}
	for (uint64_t i = 100; i < 120; i++) {
		put_whole(&channel, LEND, 0, i, "", 0);
		assert_int_equal(next_loan(&channel), 0);
		assert_result(fastipc_client_call(good, LEND, NULL, 0, NULL,
						  soon()),
			      0);
	}
	fastipc_channel_fini(&channel);
	end();
}

/* ---- descriptors ---- */

static uint32_t announced, says, sent;
static size_t label_size;

static void announce(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	if (label_size)
		send_datagram(channel, here(channel), says, sent, label_size);
	add_descriptors(&block, announced);
	put_block(channel, ECHO, 0, &block);
}

static void of_another_frame(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	send_datagram(channel, here(channel) + 8, 1, 1, 16);
	add_descriptors(&block, 1);
	put_block(channel, ECHO, 0, &block);
}

/* Before a message that has none. */
static void of_no_message(struct fastipc_channel *channel)
{
	send_datagram(channel, here(channel), 1, 1, 16);
	give_back(channel, 0);
}

static void of_a_plain_call(struct fastipc_channel *channel)
{
	send_datagram(channel, here(channel), 1, 1, 16);
	put_whole(channel, ECHO, 0, 1, "plain", 5);
}

static void of_an_earlier_one(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	put_whole(channel, ECHO, 0, 1, "plain", 5);
	check(next_id(channel) == 1);
	send_datagram(channel, 0, 1, 1, 16);
	send_datagram(channel, here(channel), 1, 1, 16);
	add_descriptors(&block, 1);
	put_block(channel, ECHO, 0, &block);
}

static void wrong_descriptors(void **state)
{
	const struct {
		uint32_t announced, says, sent;
		size_t label;
	} cases[] = {
		{ 3, 3, 3, 16 },	  /* more than allowed */
		{ UINT32_MAX, 1, 1, 16 }, /* far more */
		{ 200, 200, 200, 16 },	  /* really */
		{ 1, 0, 0, 0 },		  /* none came */
		{ 1, 1, 0, 16 },	  /* ... with it */
		{ 2, 2, 1, 16 },	  /* fewer */
		{ 1, 1, 2, 16 },	  /* more */
		{ 1, 2, 2, 16 },	  /* ... and says so */
		{ 2, 2, 200, 16 },	  /* many more */
		{ 1, 1, 1, 15 },	  /* not what it should be */
		{ 1, 1, 1, 17 },	  { 1, 1, 1, 0 },
	};
	struct fastipc_proposal without = well_equipped;

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		announced = cases[i].announced;
		says = cases[i].says;
		sent = cases[i].sent;
		label_size = cases[i].label;
		ATTACK(announce);
	}
	ATTACK(of_another_frame);
	ATTACK(of_no_message);
	attack_with_requests(of_a_plain_call, 1);
	attack_with_requests(of_an_earlier_one, 1);
	without.max_descriptors = 0;
	announced = 1;
	label_size = 0;
	attack_as(&without, announce, "not agreed on");
	end();
}

/*
 * Who takes no descriptors uses up what the server's user may have under way.
 * Then nobody gets any more, until that one goes; but nobody is dropped.
 */
static void never_taken(void **state)
{
	struct fastipc_delivery *delivery;
	struct fastipc_channel channel;
	uint64_t until = soon();
	int error;

	(void)state;
	begin();
	hostile_connect_with(server.address, &well_equipped, &channel);
	assert_result(fastipc_client_call(good, HUMBLE, NULL, 0, NULL, soon()),
		      0);
	for (uint64_t i = 1; i <= FASTIPC_PASSING_MOST; i++)
		put_whole(&channel, SEND, 0, i, "", 0);
	do {
		error = fastipc_client_call_with(good, SEND, NULL, 0, NULL,
						 NULL, &delivery, soon());
		fastipc_delivery_end(delivery);
		assert_true(fastipc_now_ns() < until);
	} while (!error);
	assert_result(error, -ETOOMANYREFS);
	assert_served(good);
	fastipc_channel_fini(&channel);
	do {
		error = fastipc_client_call_with(good, SEND, NULL, 0, NULL,
						 NULL, &delivery, soon());
		fastipc_delivery_end(delivery);
		assert_true(fastipc_now_ns() < until);
	} while (error);
	end();
}

/* ---- what they come with ---- */

static uint8_t frame_flags;
static uint16_t frame_type;

static void strange_frame(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	if (frame_flags & FASTIPC_FRAME_MORE)
		add_word(&block, FASTIPC_EXT_TOTAL | 1000ull << 32);
	add_loan(&block, 1, 0, 1);
	put_block(channel, frame_type, frame_flags, &block);
}

static void strange_frames(void **state)
{
	const struct {
		uint16_t type;
		uint8_t flags;
	} frames[] = {
		{ ECHO, FASTIPC_FRAME_MORE }, { ECHO, FASTIPC_FRAME_ERROR },
		{ FASTIPC_TYPE_PING, 0 },     { FASTIPC_TYPE_RETURN, 0 },
		{ FASTIPC_TYPE_CANCEL, 0 },   { 0xffff, 0 },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		frame_type = frames[i].type;
		frame_flags = frames[i].flags;
		ATTACK(strange_frame);
	}
	end();
}

/* Extensions that are none: no frame at all. */
static void malformed(void **state)
{
	struct fastipc_server_stats before;

	(void)state;
	begin();
	before = stats_of(good);
	for (uint64_t i = 0; i < 5; i++) {
		struct fastipc_channel channel;
		struct block block = { 0 };

		hostile_connect_with(server.address, &well_equipped, &channel);
		add_loan(&block, 1, 0, 1);
		if (i == 0)
			add_loan(&block, 2, 0, 1);
		else if (i == 1)
			block.words[1] = FASTIPC_EXT_LOAN | 16u << 16;
		else if (i == 2)
			block.words[1] = FASTIPC_EXT_LOAN | 32u << 16;
		else
			add_descriptors(&block, i == 3 ? 0 : 1);
		if (i == 4)
			add_descriptors(&block, 1);
		put_block(&channel, ECHO, 0, &block);
		assert_dropped(&channel);
	}
	assert_int_equal(stats_of(good).bad_frames, before.bad_frames + 5);
	assert_int_equal(stats_of(good).loan_errors, before.loan_errors);
	end();
}

/* ---- HELLO ---- */

static void wrong_offer(int bulk, int passing)
{
	int sock = fastipc_rendezvous_connect(server.address, soon());
	int fds[FASTIPC_HELLO_FDS] = { -1, -1, -1, -1 };
	struct fastipc_hello hello, answer;
	struct fastipc_region region;
	int answer_fds[FASTIPC_HELLO_FDS];
	size_t count = 1;

	assert_true(sock >= 0);
	assert_result(fastipc_region_create(&region, HOSTILE_RING, &fds[0]), 0);
	fastipc_hello_init(&hello, FASTIPC_HELLO_CONNECT);
	fastipc_hello_propose(&hello, &well_equipped);
	if (bulk >= 0) {
		hello.features |= FASTIPC_HELLO_BULK;
		fds[count++] = bulk;
	}
	if (passing >= 0) {
		hello.features |= FASTIPC_HELLO_PASSING;
		fds[count++] = passing;
	}
	assert_true(fastipc_hello_exchange(sock, &hello, fds, count,
					   FASTIPC_HELLO_ACCEPT, soon(),
					   &answer, answer_fds) < 0);
	close(fds[0]);
	close(sock);
	fastipc_region_unmap(&region);
}

static void wrong_offers(void **state)
{
	struct fastipc_server_stats before;
	struct fastipc_bulk *bulk;
	int open_area, small, pipes[2], stream[2], area;
	uint64_t until = soon();

	(void)state;
	begin();
	before = stats_of(good);
	open_area = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(open_area, AREA), 0);
	small = memfd_create("small", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(small, AREA + 4096), 0);
	assert_int_equal(fcntl(small, F_ADD_SEALS,
			       F_SEAL_SHRINK | F_SEAL_GROW |
				       F_SEAL_FUTURE_WRITE),
			 0);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream), 0);
	assert_result(fastipc_bulk_create(AREA, &bulk, &area), 0);
	wrong_offer(open_area, -1);
	wrong_offer(small, -1);
	wrong_offer(pipes[0], -1);
	wrong_offer(-1, pipes[0]);
	wrong_offer(-1, stream[0]);
	wrong_offer(-1, area);
	wrong_offer(area, area);
	/* The last is counted after it was told. */
	while (stats_of(good).handshake_errors < before.handshake_errors + 7)
		assert_true(fastipc_now_ns() < until);
	assert_served(good);
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(stream[i]);
	}
	close(open_area);
	close(small);
	close(area);
	fastipc_bulk_unref(bulk);
	end();
}

/* ---- servers that do not play by the rules ---- */

static attack_fn scenario;

static void answer_wrongly(struct fastipc_channel *channel)
{
	check(next_id(channel));
	scenario(channel);
}

/* As an answer to the only call there is. */
static void lend_outside(struct fastipc_channel *channel)
{
	piece_offset = AREA - 1;
	piece_length = 2;
	lend_piece(channel);
}

static void more_than_agreed(struct fastipc_channel *channel)
{
	announced = says = sent = 3;
	label_size = 16;
	announce(channel);
}

static void fewer_than_announced(struct fastipc_channel *channel)
{
	announced = says = 2;
	sent = 1;
	label_size = 16;
	announce(channel);
}

static void server_breaks_rules(attack_fn attack, const char *name)
{
	struct footprint before = footprint_now();
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_delivery *delivery;
	const struct fastipc_client_options options = equipped_client();
	struct fastipc_client *client;
	int error;
	pid_t pid;

	scenario = attack;
	by_hand = well_equipped;
	pid = start_scenario(answer_wrongly, &options, &client);
	error = fastipc_client_call_with(client, ECHO, "abcd", 4, NULL, NULL,
					 &delivery, soon());
	if (error != -EPROTO)
		print_message("# %s\n", name);
	assert_result(error, -EPROTO);
	assert_null(delivery);
	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.bad_frames, 1);
	fastipc_client_close(client);
	assert_ended_well(pid);
	assert_int_equal(footprint_now().descriptors, before.descriptors);
	assert_int_equal(footprint_now().regions, before.regions);
}

#define SCENARIO(attack) server_breaks_rules(attack, #attack)

static void of_a_pong(struct fastipc_channel *channel)
{
	send_datagram(channel, here(channel), 1, 1, 16);
	put_whole(channel, FASTIPC_TYPE_PONG, 0, 77, "", 0);
}

/* Late replies: what they lend goes back at once, to who takes nothing. */
static void lend_without_end(struct fastipc_channel *channel)
{
	struct block block = { 0 };

	add_loan(&block, 1, 0, 1);
	while (!channel->hungup)
		put_whole(channel, ECHO, FASTIPC_FRAME_EXT, 77, block.words,
			  (uint32_t)block.words[0]);
}

static void hostile_servers(void **state)
{
	(void)state;
	SCENARIO(lend_outside);
	SCENARIO(lend_without_end);
	SCENARIO(more_than_agreed);
	SCENARIO(fewer_than_announced);
	SCENARIO(of_another_frame);
	SCENARIO(of_a_pong);
	SCENARIO(never_had);
	frame_type = ECHO;
	frame_flags = FASTIPC_FRAME_MORE;
	SCENARIO(strange_frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_pieces),
		cmocka_unit_test(wrong_returns),
		cmocka_unit_test(never_given_back),
		cmocka_unit_test(wrong_descriptors),
		cmocka_unit_test(never_taken),
		cmocka_unit_test(strange_frames),
		cmocka_unit_test(malformed),
		cmocka_unit_test(wrong_offers),
		cmocka_unit_test(hostile_servers),
	};

	seed_random();
	return cmocka_run_group_tests_name("loans", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
