// SPDX-License-Identifier: MIT
/*
 * A server that answers before it has all of the request, which is still being
 * sent, with fields that lie in the memory of the reply.
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

/* The next frame's bytes, at @to; how many. */
static uint32_t take_next(struct fastipc_channel *channel, unsigned char *to,
			  uint64_t *id)
{
	struct fastipc_frame frame;
	int error;

	while ((error = fastipc_frame_peek(channel, &frame)) == -EAGAIN)
		fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL, 0,
				      false, fastipc_after_ns(10 * MS));
	check(!error);
	check(!fastipc_frame_take(channel, &frame, to));
	fastipc_frame_release(channel, &frame);
	fastipc_channel_notify_space(channel, true);
	*id = frame.id;
	return frame.length;
}

static void answer_early(struct fastipc_channel *channel)
{
	static unsigned char request[BEFORE + FIELD], answer[FIELD];
	uint64_t id, until = soon();
	uint32_t size = take_next(channel, request, &id);

	memset(answer, 0x11, sizeof(answer));
	reply(channel, good_header(ECHO, id, FIELD), answer, FIELD);
	/* Until the client has taken it. */
	while (channel->tx.head != channel->tx.tail) {
		check(!fastipc_producer_refresh(&channel->tx));
		check(fastipc_now_ns() < until);
	}
	while (size < sizeof(request))
		size += take_next(channel, request + size, &id);
	for (uint32_t i = 0; i < FIELD; i++)
		check(request[BEFORE + i] == 0x22);
}

/* ---- the client ---- */

static void fields_in_the_reply(void **state)
{
	struct fastipc_client_options options;
	struct fastipc_buffer buffer = { .data = malloc(FIELD),
					 .capacity = FIELD };
	struct fastipc_client *client;
	pid_t pid;

	(void)state;
	assert_non_null(buffer.data);
	memset(buffer.data, 0x22, FIELD);
	by_hand.ring_size = RING;
	fastipc_client_options_init(&options);
	options.ring_size = RING;
	pid = start_scenario(answer_early, &options, &client);
	assert_result(fastipc_client_call_value(client, ECHO, encode, &buffer,
						&buffer, soon()),
		      0);
	assert_int_equal(buffer.size, FIELD);
	assert_int_equal(((unsigned char *)buffer.data)[FIELD - 1], 0x11);
	fastipc_client_close(client);
	assert_ended_well(pid);
	fastipc_buffer_free(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_in_the_reply),
	};

	return cmocka_run_group_tests_name("early_reply", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
