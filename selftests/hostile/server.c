// SPDX-License-Identifier: MIT
/*
 * A server that answers with what no server sends: the client's call ends with
 * an error, by its deadline at the latest, and the client survives.
 */
#include "by_hand.h"
#include "scribble.h"

/* One call, whose result is @expected; the connection is then over or not. */
static void assert_call(scenario_fn scenario, int expected, bool over)
{
	struct footprint before = footprint_now();
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_client *client;
	pid_t pid = start_scenario(scenario, NULL, &client);

	assert_result(fastipc_client_call(client, ECHO, "abcd", 4, &buffer,
					  soon()),
		      expected);
	if (over)
		assert_result(fastipc_client_call(client, ECHO, "abcd", 4,
						  &buffer, soon()),
			      expected);
	fastipc_buffer_free(&buffer);
	fastipc_client_close(client);
	assert_ended_well(pid);
	assert_footprint(before);
}

/* ---- broken frames ---- */

static void reply_magic(struct fastipc_channel *channel)
{
	struct header header = good_header(ECHO, next_id(channel), 4);

	header.magic = 0;
	reply(channel, header, "abcd", 4);
}

static void reply_version(struct fastipc_channel *channel)
{
	struct header header = good_header(ECHO, next_id(channel), 4);

	header.version = 7;
	reply(channel, header, "abcd", 4);
}

static void reply_length(struct fastipc_channel *channel)
{
	reply(channel, good_header(ECHO, next_id(channel), 5), "abcd", 4);
}

static void reply_sum(struct fastipc_channel *channel)
{
	struct header header = good_header(ECHO, next_id(channel), 4);

	header.crc = crc_of(header, "abcd", 4) ^ 4;
	check(put_frame(channel, header, "abcd", 4));
}

static void reply_word(struct fastipc_channel *channel)
{
	next_id(channel);
	check(put_record(channel, "abcd", 4, 0xdeadbeefcafe));
}

static void reply_short(struct fastipc_channel *channel)
{
	next_id(channel);
	check(put_record(channel, "abcd", 4, 1ull << 32 | 4));
}

static void broken_frames(void **state)
{
	(void)state;
	assert_call(reply_magic, -EPROTO, true);
	assert_call(reply_version, -EPROTONOSUPPORT, true);
	assert_call(reply_length, -EPROTO, true);
	assert_call(reply_sum, -EBADMSG, true);
	assert_call(reply_word, -EPROTO, true);
	assert_call(reply_short, -EPROTO, true);
}

/* ---- errors that are none ---- */

static void fail_with(struct fastipc_channel *channel, int32_t code,
		      uint32_t size)
{
	struct header header = good_header(ECHO, next_id(channel), size);
	unsigned char payload[1000];

	memset(payload, '%', sizeof(payload));
	memcpy(payload, &code, sizeof(code));
	header.flags = FASTIPC_FRAME_ERROR;
	reply(channel, header, payload, size);
}

static void fail_well(struct fastipc_channel *channel)
{
	fail_with(channel, -EIO, 512);
}

static void fail_short(struct fastipc_channel *channel)
{
	fail_with(channel, -EIO, 3);
}

static void fail_long(struct fastipc_channel *channel)
{
	fail_with(channel, -EIO, 513);
}

static void fail_positive(struct fastipc_channel *channel)
{
	fail_with(channel, 5, 4);
}

static void fail_zero(struct fastipc_channel *channel)
{
	fail_with(channel, 0, 4);
}

static void fail_huge(struct fastipc_channel *channel)
{
	fail_with(channel, INT32_MIN, 4);
}

static void broken_errors(void **state)
{
	(void)state;
	assert_call(fail_well, -EIO, false);
	assert_call(fail_short, -EPROTO, true);
	assert_call(fail_long, -EPROTO, true);
	assert_call(fail_positive, -EPROTO, true);
	assert_call(fail_zero, -EPROTO, true);
	assert_call(fail_huge, -EPROTO, true);
}

/* ---- fragments ---- */

static void reply_first(struct fastipc_channel *channel, uint64_t id,
			uint32_t total, uint32_t length)
{
	unsigned char bytes[2000] = { 0 };
	struct total ext = good_total(total);
	struct header header =
		good_header(ECHO, id, (uint32_t)sizeof(ext) + length);

	memcpy(bytes, &ext, sizeof(ext));
	header.flags = FASTIPC_FRAME_EXT | FASTIPC_FRAME_MORE;
	reply(channel, header, bytes, header.length);
}

static void reply_next(struct fastipc_channel *channel, uint64_t id,
		       uint32_t length, bool more)
{
	static const unsigned char bytes[2000];
	struct header header = good_header(ECHO, id, length);

	header.flags = more ? FASTIPC_FRAME_MORE : 0;
	reply(channel, header, bytes, length);
}

static void fragment_overrun(struct fastipc_channel *channel)
{
	uint64_t id = next_id(channel);

	reply_first(channel, id, 1000, 500);
	reply_next(channel, id, 501, false);
}

static void fragment_of_other(struct fastipc_channel *channel)
{
	uint64_t id = next_id(channel);

	reply_first(channel, id, 1000, 500);
	reply_next(channel, id + 1, 500, true);
}

static void fragment_twice_first(struct fastipc_channel *channel)
{
	uint64_t id = next_id(channel);

	reply_first(channel, id, 1000, 500);
	reply_first(channel, id, 1000, 500);
}

static void fragment_without_total(struct fastipc_channel *channel)
{
	reply_next(channel, next_id(channel), 500, true);
}

static void huge_reply(struct fastipc_channel *channel)
{
	reply_first(channel, next_id(channel), UINT32_MAX, 500);
}

static void never_whole(struct fastipc_channel *channel)
{
	reply_first(channel, next_id(channel), 1000, 500);
}

static void broken_fragments(void **state)
{
	struct fastipc_client *client;
	pid_t pid;

	(void)state;
	assert_call(fragment_overrun, -EPROTO, true);
	assert_call(fragment_of_other, -EPROTO, true);
	assert_call(fragment_twice_first, -EPROTO, true);
	assert_call(fragment_without_total, -EPROTO, true);
	assert_call(huge_reply, -EMSGSIZE, false);
	pid = start_scenario(never_whole, NULL, &client);
	assert_result(fastipc_client_call(client, ECHO, "abcd", 4, NULL,
					  fastipc_after_ns(50 * MS)),
		      -ETIMEDOUT);
	fastipc_client_close(client);
	assert_ended_well(pid);
}

/* ---- replies to nobody ---- */

static void strange_ids(struct fastipc_channel *channel)
{
	uint64_t id = next_id(channel);

	for (uint64_t i = 1; i <= 1000; i++) {
		/* The slot is right, the call is not. */
		uint64_t other = i % 2 ? id + i * 65536 : random_number();

		if (i % 10 == 0) {
			reply_first(channel, other, 1000, 500);
			reply_next(channel, other, 500, false);
		} else if (i % 10 == 1) {
			reply(channel, good_header(FASTIPC_TYPE_PONG, other, 0),
			      "", 0);
		} else {
			reply_well(channel, other);
		}
		while (channel->tx.tail - channel->link.peer.control->rx_head >
		       HOSTILE_RING / 2)
			usleep(100);
	}
	reply_well(channel, id);
	/* And once more. */
	reply_well(channel, id);
	reply_well(channel, next_id(channel));
}

static void unknown_ids_are_dropped(void **state)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_client *client;
	pid_t pid = start_scenario(strange_ids, NULL, &client);

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_result(fastipc_client_call(client, ECHO, "abcd", 4, NULL,
						  soon()),
			      0);
	assert_int_equal(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.late_replies, 1001);
	assert_int_equal(stats.replies, 2);
	fastipc_client_close(client);
	assert_ended_well(pid);
}

/* ---- nothing at all ---- */

static void reads_nothing(struct fastipc_channel *channel)
{
	(void)channel;
}

static void client_does_not_hang(enum fastipc_wait wait)
{
	static const unsigned char data[1 << 20];
	struct fastipc_client_options options;
	struct fastipc_call_options call;
	struct fastipc_client *client;
	uint64_t start, id;
	pid_t pid;

	fastipc_client_options_init(&options);
	options.wait = wait;
	pid = start_scenario(reads_nothing, &options, &client);
	start = fastipc_now_ns();
	assert_result(fastipc_client_call(client, ECHO, data, sizeof(data),
					  NULL, start + 50 * MS),
		      -ETIMEDOUT);
	assert_result(fastipc_client_call(client, ECHO, data, sizeof(data),
					  NULL, fastipc_after_ns(50 * MS)),
		      -ETIMEDOUT);
	assert_result(fastipc_client_post(client, ECHO, data, sizeof(data), 0,
					  fastipc_after_ns(50 * MS)),
		      -ETIMEDOUT);
	fastipc_call_options_init(&call);
	call.deadline = fastipc_after_ns(50 * MS);
	assert_result(fastipc_client_start(client, ECHO, data, sizeof(data),
					   &call, &id),
		      -ETIMEDOUT);
	assert_result(fastipc_client_ping(client, fastipc_after_ns(50 * MS),
					  NULL),
		      -ETIMEDOUT);
	assert_true(fastipc_now_ns() - start >= 250 * MS);
	assert_true(fastipc_now_ns() - start < PATIENCE);
	fastipc_client_close(client);
	assert_ended_well(pid);
}

static void space_never_comes(void **state)
{
	(void)state;
	client_does_not_hang(FASTIPC_WAIT_ADAPTIVE);
	client_does_not_hang(FASTIPC_WAIT_SPIN);
	client_does_not_hang(FASTIPC_WAIT_BLOCK);
}

/* ---- calls that end while they are being started ---- */

static void leaves(struct fastipc_channel *channel)
{
	(void)channel;
	usleep(100000);
	_exit(0);
}

struct told {
	unsigned int times;
	int status;
};

static void tell(void *context, int status, const void *data, size_t size)
{
	struct told *told = context;

	(void)data;
	(void)size;
	told->times++;
	told->status = status;
}

/*
 * A small call, and a large one that has to wait for room: of the end of each
 * its caller is told once, by the callback or by the result.
 */
static void start_and_lose(scenario_fn scenario, uint64_t timeout, int expected)
{
	static const unsigned char data[1 << 20];
	struct fastipc_call_options options;
	struct told told[4] = { { 0 } };
	struct fastipc_client *client;
	pid_t pid = start_scenario(scenario, NULL, &client);
	uint64_t until = soon(), id;

	fastipc_call_options_init(&options);
	options.done = tell;
	for (unsigned int i = 0; i < 4; i++) {
		int error;

		options.context = &told[i];
		if (timeout)
			options.deadline = fastipc_after_ns(timeout);
		error = fastipc_client_start(client, ECHO, data,
					     i % 2 ? sizeof(data) : 1, &options,
					     &id);
		if (error)
			tell(&told[i], error, NULL, 0);
	}
	while (!told[0].times || !told[2].times) {
		assert_true(fastipc_now_ns() < until);
		(void)fastipc_client_wait(client, until);
	}
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(told[i].times, 1);
		assert_int_equal(told[i].status, expected);
	}
	fastipc_client_close(client);
	assert_ended_well(pid);
}

static void ends_while_started(void **state)
{
	(void)state;
	start_and_lose(leaves, 0, -EPIPE);
	start_and_lose(reads_nothing, 50 * MS, -ETIMEDOUT);
}

/* A one-way message is given up half sent; the next ones arrive whole. */
static int given_up[2]; /* a pipe */

static void reads_late(struct fastipc_channel *channel)
{
	struct fastipc_frame frame;
	bool cancelled = false;
	char byte;

	check(read(given_up[0], &byte, 1) == 1);
	for (;;) {
		while (fastipc_frame_peek(channel, &frame) == -EAGAIN) {
			usleep(100);
			fastipc_channel_check_peer(channel);
			check(!channel->hungup);
		}
		fastipc_frame_release(channel, &frame);
		fastipc_channel_notify_space(channel, true);
		if (frame.type == FASTIPC_TYPE_CANCEL) {
			check(frame.id == 0);
			cancelled = true;
		}
		if (frame.id)
			break;
	}
	check(cancelled);
	reply_well(channel, frame.id);
}

static void half_a_message_is_given_up(void **state)
{
	static const unsigned char data[1 << 20];
	struct fastipc_client *client;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(given_up), 0);
	pid = start_scenario(reads_late, NULL, &client);
	assert_result(fastipc_client_post(client, ECHO, data, sizeof(data), 0,
					  fastipc_after_ns(20 * MS)),
		      -ETIMEDOUT);
	assert_int_equal(write(given_up[1], "", 1), 1);
	assert_result(fastipc_client_call(client, ECHO, data, 10, NULL, soon()),
		      0);
	fastipc_client_close(client);
	assert_ended_well(pid);
	close(given_up[0]);
	close(given_up[1]);
}

static void lies_about_its_head(struct fastipc_channel *channel)
{
	__atomic_store_n(&channel->link.own.control->rx_head, 1ull << 40,
			 __ATOMIC_RELEASE);
	/* The client may have filled the ring and sleep by now, either way. */
	fastipc_link_ring(&channel->link, FASTIPC_SLEEP_FUTEX);
	fastipc_link_ring(&channel->link, FASTIPC_SLEEP_POLL);
}

static void heads_that_lie(void **state)
{
	static const unsigned char data[1 << 20];
	struct fastipc_client *client;
	pid_t pid = start_scenario(lies_about_its_head, NULL, &client);

	(void)state;
	assert_result(fastipc_client_call(client, ECHO, data, sizeof(data),
					  NULL, soon()),
		      -EPROTO);
	assert_result(fastipc_client_post(client, ECHO, data, 1, 0, soon()),
		      -EPROTO);
	fastipc_client_close(client);
	assert_ended_well(pid);
}

/* ---- scribbling ---- */

static void scribbles(struct fastipc_channel *channel)
{
	/* The client has its region by now. */
	next_id(channel);
	for (unsigned int step = 0; scribble(channel, step); step++)
		;
}

/* One that behaves, of the same client's process. */
static void scribbling_server(void **state)
{
	uint64_t seed = seed_random();
	struct server_process server;
	struct fastipc_client *good;

	(void)state;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	server_start(&server, NULL, &attacked);
	good = connect_with(server.address, NULL);
	for (int round = 0; round < 40; round++) {
		struct footprint before = footprint_now();
		struct fastipc_buffer buffer = { 0 };
		struct fastipc_client_options options;
		struct fastipc_client *client;
		uint64_t start;
		pid_t pid;
		int error;

		fastipc_client_options_init(&options);
		options.wait = (enum fastipc_wait)(round % 4);
		random_number();
		pid = start_scenario(scribbles, &options, &client);
		start = fastipc_now_ns();
		for (int i = 0; i < 10; i++) {
			error = fastipc_client_call(client, ECHO, "abcd", 4,
						    &buffer,
						    fastipc_after_ns(5 * MS));
			if (error)
				assert_detail();
			if (error && error != -ETIMEDOUT) {
				assert_end_by_scribbles(error);
				break;
			}
		}
		assert_true(fastipc_now_ns() - start < PATIENCE);
		assert_served(good);
		fastipc_buffer_free(&buffer);
		fastipc_client_close(client);
		assert_ended_well(pid);
		assert_footprint(before);
	}
	fastipc_client_close(good);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_frames),
		cmocka_unit_test(broken_errors),
		cmocka_unit_test(broken_fragments),
		cmocka_unit_test(unknown_ids_are_dropped),
		cmocka_unit_test(space_never_comes),
		cmocka_unit_test(ends_while_started),
		cmocka_unit_test(half_a_message_is_given_up),
		cmocka_unit_test(heads_that_lie),
		cmocka_unit_test(scribbling_server),
	};

	seed_random();
	return cmocka_run_group_tests_name("server", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
