// SPDX-License-Identifier: MIT
/*
 * A server that answers before it has all of the request, which is still being
 * sent out of the memory that the reply would go to.
 */
#include "by_hand.h"

#include <fastipc/codec/gather.h>

#define RING (64u << 10)
#define BEFORE (2 * RING) /* bytes that are sent before the field */
#define FIELD 16000u	  /* and its own; as many as the reply has */

static unsigned char filler[BEFORE];

/* As generated encoders do: bytes, and then those of a struct fastipc_buffer. */
static int encode(const void *value, void *data, size_t capacity, size_t *size)
{
	const struct fastipc_buffer *field = value;
	unsigned char *at = data;

	*size = BEFORE + FIELD;
	if (capacity < *size)
		return -EMSGSIZE;
	fastipc_gather_begin(encode, data);
	fastipc_gather_put(at, filler, BEFORE);
	fastipc_gather_put(at + BEFORE, field->data, FIELD);
	fastipc_gather_end();
	return 0;
}

/* ---- the server ---- */

static void look_for_end(struct fastipc_channel *channel)
{
	fastipc_channel_check_peer(channel);
	if (channel->hungup)
		_exit(0);
}

/* The next frame's bytes; how many. */
static uint32_t take_next(struct fastipc_channel *channel, uint64_t *id)
{
	static unsigned char bytes[RING];
	struct fastipc_frame frame;
	int error;

	while ((error = fastipc_frame_peek(channel, &frame)) == -EAGAIN) {
		fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL, 0,
				      false, fastipc_after_ns(10 * MS));
		look_for_end(channel);
	}
	check(!error);
	check(!fastipc_frame_take(channel, &frame, bytes));
	fastipc_frame_release(channel, &frame);
	fastipc_channel_notify_space(channel, true);
	*id = frame.id;
	return frame.length;
}

/* After the first fragment, and then take the others. */
static void answer_with(struct fastipc_channel *channel, uint8_t flags,
			const void *answer, uint32_t length)
{
	uint64_t id, until = soon();
	uint32_t size = take_next(channel, &id);
	struct header header = good_header(ECHO, id, length);

	header.flags = flags;
	reply(channel, header, answer, length);
	/* Until the client has taken it. */
	while (channel->tx.head != channel->tx.tail) {
		check(!fastipc_producer_refresh(&channel->tx));
		check(fastipc_now_ns() < until);
		look_for_end(channel);
	}
	while (size < BEFORE + FIELD)
		size += take_next(channel, &id);
}

static void answer_early(struct fastipc_channel *channel)
{
	static unsigned char answer[FIELD];

	answer_with(channel, 0, answer, sizeof(answer));
}

static void fail_early(struct fastipc_channel *channel)
{
	const uint32_t error = htole32((uint32_t)-EDQUOT);

	answer_with(channel, FASTIPC_FRAME_ERROR, &error, sizeof(error));
}

/* ---- the client ---- */

static pid_t start(scenario_fn scenario, struct fastipc_client **client)
{
	struct fastipc_client_options options;

	by_hand.ring_size = RING;
	fastipc_client_options_init(&options);
	options.ring_size = RING;
	return start_scenario(scenario, &options, client);
}

static struct fastipc_buffer buffer_of(uint32_t size)
{
	struct fastipc_buffer buffer = { .data = malloc(size),
					 .capacity = size };

	assert_non_null(buffer.data);
	memset(buffer.data, 0x22, size);
	return buffer;
}

static void assert_untouched(const struct fastipc_buffer *buffer)
{
	const unsigned char *bytes = buffer->data;

	for (uint32_t i = 0; i < buffer->capacity; i++)
		assert_int_equal(bytes[i], 0x22);
}

static void fields_in_the_reply(void **state)
{
	struct fastipc_buffer buffer = buffer_of(FIELD);
	struct fastipc_client *client;
	pid_t pid = start(answer_early, &client);

	(void)state;
	assert_result(fastipc_client_call_value(client, ECHO, encode, &buffer,
						&buffer, soon()),
		      -EPROTO);
	assert_untouched(&buffer);
	fastipc_client_close(client);
	assert_ended_well(pid);
	fastipc_buffer_free(&buffer);
}

static void bytes_in_the_reply(void **state)
{
	struct fastipc_buffer buffer = buffer_of(BEFORE + FIELD);
	struct fastipc_client *client;
	pid_t pid = start(answer_early, &client);

	(void)state;
	assert_result(fastipc_client_call(client, ECHO, buffer.data,
					  buffer.capacity, &buffer, soon()),
		      -EPROTO);
	assert_untouched(&buffer);
	fastipc_client_close(client);
	assert_ended_well(pid);
	fastipc_buffer_free(&buffer);
}

/* That it may: the rest is sent, and the connection goes on. */
static void failures(void **state)
{
	struct fastipc_buffer buffer = buffer_of(BEFORE + FIELD);
	struct fastipc_client *client;
	pid_t pid = start(fail_early, &client);

	(void)state;
	assert_result(fastipc_client_call(client, ECHO, buffer.data,
					  buffer.capacity, &buffer, soon()),
		      -EDQUOT);
	assert_untouched(&buffer);
	assert_result(fastipc_client_post(client, ECHO, "", 0, 0, soon()), 0);
	fastipc_client_close(client);
	assert_ended_well(pid);
	fastipc_buffer_free(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_in_the_reply),
		cmocka_unit_test(bytes_in_the_reply),
		cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests_name("early_reply", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
