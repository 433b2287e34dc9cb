// SPDX-License-Identifier: MIT
/*
 * A peer whose ring has no end: it takes none of its records away, so that they
 * come again and again, also when it is dead.  A client notices, and a server has
 * time for its others.
 */
#include "attacked.h"
#include "by_hand.h"

/* Messages of this @type and @id, and a tail that says so. */
static void fill_ring_with(struct fastipc_channel *channel, uint16_t type,
			   uint64_t id, uint64_t tail)
{
	struct {
		uint64_t word;
		struct header header;
	} record = {
		.word = (uint64_t)FASTIPC_RECORD_DATA << 32 |
			sizeof(struct header),
		.header = good_header(type, id, 0),
	};
	uint64_t at = channel->tx.size;

	record.header.crc = crc_of(record.header, "", 0);
	do {
		at -= sizeof(record);
		memcpy(channel->tx.data + at, &record, sizeof(record));
	} while (at);
	__atomic_store_n(&channel->link.own.control->tx_tail, tail,
			 __ATOMIC_RELEASE);
	fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
}

static void fill_ring_to(struct fastipc_channel *channel, uint64_t id,
			 uint64_t tail)
{
	fill_ring_with(channel, ECHO, id, tail);
}

/* Replies to no call. */
static void fills_ring(struct fastipc_channel *channel)
{
	next_id(channel);
	fill_ring_to(channel, 7, channel->tx.size);
}

static void dies(struct fastipc_channel *channel)
{
	fills_ring(channel);
	_exit(0);
}

/* It says that it has sent more than there is room for. */
static void boasts(struct fastipc_channel *channel)
{
	next_id(channel);
	fill_ring_to(channel, 7, UINT64_MAX / 2);
}

static void assert_noticed(struct fastipc_client *client, pid_t pid)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };

	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.bad_frames, 1);
	assert_in_range(stats.late_replies, 1, 100000);
	fastipc_client_close(client);
	assert_ended_well(pid);
}

static void call_ends(scenario_fn scenario)
{
	struct fastipc_client *client;
	pid_t pid = start_scenario(scenario, NULL, &client);

	assert_result(fastipc_client_call(client, ECHO, "abcd", 4, NULL,
					  FASTIPC_NO_DEADLINE),
		      -EPROTO);
	assert_noticed(client, pid);
}

static void calls_end(void **state)
{
	(void)state;
	call_ends(fills_ring);
	call_ends(dies);
	call_ends(boasts);
}

static void dispatch_ends(void **state)
{
	struct fastipc_call_options options;
	struct fastipc_client *client;
	struct pollfd pollfd = { .events = POLLIN };
	uint64_t id;
	pid_t pid;
	int result;

	(void)state;
	pid = start_scenario(fills_ring, NULL, &client);
	fastipc_call_options_init(&options);
	assert_result(fastipc_client_start(client, ECHO, "abcd", 4, &options,
					   &id),
		      0);
	pollfd.fd = fastipc_client_fd(client);
	while ((result = fastipc_client_dispatch(client)) >= 0)
		if (!fastipc_client_next_deadline(client))
			assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
	assert_result(result, -EPROTO);
	assert_result(fastipc_client_finish(client, id), -EPROTO);
	assert_noticed(client, pid);
}

/* ---- a client ---- */

static void others_are_served(uint32_t threads)
{
	struct fastipc_server_options options;
	struct fastipc_channel channel;

	fastipc_server_options_init(&options);
	options.threads = threads;
	begin_with(&options, &attacked);
	hostile_connect(server.address, &channel);
	fill_ring_to(&channel, 0, channel.tx.size);
	for (int i = 0; i < 50; i++) {
		struct fastipc_client *other;

		assert_served(good);
		other = connect_with(server.address, NULL);
		assert_served(other);
		fastipc_client_close(other);
		/* Its connection is none that is looked at anyhow. */
		usleep(1000);
	}
	assert_true(stats_of(good).one_way > channel.tx.size / 32);
	fastipc_channel_fini(&channel);
	end();
}

static void servers_go_on(void **state)
{
	(void)state;
	others_are_served(1);
	others_are_served(0);
}

/* ---- a client that has gone ---- */

#define SLOW 10 /* one-way: takes a while */
#define WHILE_NS 50000u
#define RING (1u << 20)
/* Calls of another client before all of that is handled. */
#define BESIDE 20

static int on_slow(struct fastipc_request *request, void *context)
{
	uint64_t until = fastipc_now_ns() + WHILE_NS;

	(void)request;
	(void)context;
	while (fastipc_now_ns() < until)
		;
	return 0;
}

static void add_slow(struct fastipc_server *made)
{
	add_handlers(made);
	check(!fastipc_server_add_handler(made, SLOW, on_slow, NULL));
}

/* What its ring holds is handled once, and holds up nobody. */
static void leaves(uint32_t threads)
{
	static const struct service slow = { .add = add_slow };
	struct fastipc_server_options options;
	struct fastipc_proposal proposal = hostile_proposal;
	struct fastipc_channel channel;
	uint64_t until = soon();
	unsigned int beside = 0;

	fastipc_server_options_init(&options);
	options.threads = threads;
	begin_with(&options, &slow);
	proposal.ring_size = RING;
	hostile_connect_with(server.address, &proposal, &channel);
	fill_ring_with(&channel, SLOW, 0, channel.tx.size);
	fastipc_channel_fini(&channel);
	while (!stats_of(good).hangups) {
		assert_true(fastipc_now_ns() < until);
		assert_served(good);
		beside++;
	}
	assert_in_range(stats_of(good).one_way, RING / 32, 8 * RING / 32);
	assert_true(beside > BESIDE);
	end();
}

static void clients_that_have_gone(void **state)
{
	(void)state;
	leaves(1);
	leaves(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_end),
		cmocka_unit_test(dispatch_ends),
		cmocka_unit_test(servers_go_on),
		cmocka_unit_test(clients_that_have_gone),
	};

	seed_random();
	return cmocka_run_group_tests_name("endless", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
