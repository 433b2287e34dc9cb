// SPDX-License-Identifier: MIT
/*
 * A server that breaks the rules of streams: who waits for one of its streams,
 * and who calls, is told, and nothing else happens.
 */
#include "by_hand.h"
#include "streams_by_hand.h"

#define WINDOW 16384u

/* What it does with the stream that the client opened. */
typedef void (*attack_fn)(struct fastipc_channel *channel, uint64_t id);

static attack_fn attack;

static void misbehave(struct fastipc_channel *channel)
{
	attack(channel, next_id(channel));
}

static void data(struct fastipc_channel *channel, uint64_t id, uint32_t size)
{
	static const unsigned char bytes[16000];

	put_whole(channel, HELD, FASTIPC_FRAME_STREAM, id, bytes, size);
}

static void credit(struct fastipc_channel *channel, uint64_t id, uint64_t value)
{
	put_whole(channel, FASTIPC_TYPE_CREDIT, 0, id, &value, 8);
}

static void unknown_stream(struct fastipc_channel *channel, uint64_t id)
{
	data(channel, id + 1, 10);
}

static void no_stream(struct fastipc_channel *channel, uint64_t id)
{
	data(channel, id & ~FASTIPC_STREAM_OPENS, 10);
}

static void other_type(struct fastipc_channel *channel, uint64_t id)
{
	put_whole(channel, DONE, FASTIPC_FRAME_STREAM, id, "x", 1);
}

static void opens_one(struct fastipc_channel *channel, uint64_t id)
{
	open_by_hand(channel, HELD, id + 1, 0);
}

static void opens_it_again(struct fastipc_channel *channel, uint64_t id)
{
	open_by_hand(channel, HELD, id, 0);
}

static void end_of_unknown(struct fastipc_channel *channel, uint64_t id)
{
	put_end(channel, HELD, id + 1, 0, 0, 8);
}

static void data_after_end(struct fastipc_channel *channel, uint64_t id)
{
	put_end(channel, HELD, id, 0, 0, 8);
	data(channel, id, 10);
}

static void two_ends(struct fastipc_channel *channel, uint64_t id)
{
	put_end(channel, HELD, id, 0, 0, 8);
	put_end(channel, HELD, id, 0, 0, 8);
}

static void short_end(struct fastipc_channel *channel, uint64_t id)
{
	put_end(channel, HELD, id, 0, 0, 7);
}

static void end_with_a_good_number(struct fastipc_channel *channel, uint64_t id)
{
	put_end(channel, HELD, id, 1, 0, 8);
}

static void credit_of_unknown(struct fastipc_channel *channel, uint64_t id)
{
	credit(channel, id + 1, 1u << 20);
}

static void credit_that_shrinks(struct fastipc_channel *channel, uint64_t id)
{
	credit(channel, id, 1u << 20);
	credit(channel, id, 1u << 19);
}

static void credit_without_end(struct fastipc_channel *channel, uint64_t id)
{
	credit(channel, id, UINT64_MAX);
}

static void short_credit(struct fastipc_channel *channel, uint64_t id)
{
	put_whole(channel, FASTIPC_TYPE_CREDIT, 0, id, "1234", 4);
}

/* The client has read nothing that would give it more. */
static void overrun(struct fastipc_channel *channel, uint64_t id)
{
	data(channel, id, 10000);
	data(channel, id, WINDOW - 10000 - 2 * 64 + 1);
}

/* Messages without bytes cost, too. */
static void overrun_by_nothing(struct fastipc_channel *channel, uint64_t id)
{
	for (uint32_t i = 0; i <= WINDOW / 64; i++)
		data(channel, id, 0);
}

static void is_found_out(attack_fn by, const char *name)
{
	struct fastipc_client_options options;
	struct fastipc_stream *stream;
	struct fastipc_client *client;
	uint64_t until = soon();
	pid_t pid;
	int error;

	attack = by;
	fastipc_client_options_init(&options);
	options.stream_window = WINDOW;
	pid = start_scenario(misbehave, &options, &client);
	assert_result(fastipc_stream_open(client, HELD, NULL, 0, NULL, &stream),
		      0);
	/* It reads no message, and notices all the same. */
	while ((error = fastipc_client_dispatch(client)) >= 0) {
		assert_true(fastipc_now_ns() < until);
		usleep(100);
	}
	if (error != -EPROTO)
		print_message("# %s: %d\n", name, error);
	assert_int_equal(error, -EPROTO);
	assert_result(fastipc_client_call(client, ECHO, "", 0, NULL, soon()),
		      -EPROTO);
	assert_result(fastipc_stream_write(stream, "x", 1, 0, soon()), -EPROTO);
	fastipc_stream_close(stream);
	fastipc_client_close(client);
	assert_ended_well(pid);
}

#define FOUND_OUT(attack) is_found_out(attack, #attack)

static void wrong_streams(void **state)
{
	(void)state;
	FOUND_OUT(unknown_stream);
	FOUND_OUT(no_stream);
	FOUND_OUT(other_type);
	FOUND_OUT(opens_one);
	FOUND_OUT(opens_it_again);
	FOUND_OUT(end_of_unknown);
	FOUND_OUT(data_after_end);
	FOUND_OUT(two_ends);
	FOUND_OUT(short_end);
	FOUND_OUT(end_with_a_good_number);
}

static void wrong_credit(void **state)
{
	(void)state;
	FOUND_OUT(credit_of_unknown);
	FOUND_OUT(credit_that_shrinks);
	FOUND_OUT(credit_without_end);
	FOUND_OUT(short_credit);
	FOUND_OUT(overrun);
	FOUND_OUT(overrun_by_nothing);
}

static int start(void **state)
{
	by_hand.max_streams = 8;
	by_hand.stream_window = WINDOW;
	return runtime_directory_make(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_streams),
		cmocka_unit_test(wrong_credit),
	};

	return cmocka_run_group_tests_name("stream_servers", tests, start,
					   runtime_directory_remove);
}
