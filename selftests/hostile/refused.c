// SPDX-License-Identifier: MIT
/*
 * Requests with something along that the server cannot take: they fail, what
 * came along is closed or goes back, and their client is served as before.
 */
#include <sys/resource.h>

#include "attacked.h"
#include "cargo_by_hand.h"

#define LIMIT 1000u /* bytes of a request */
#define STINGY 10   /* no more descriptors */
#define GENEROUS 11
#define HOLD 12 /* is answered by RELEASE */
#define RELEASE 13
#define TAKEN 14 /* what came along, as struct taken */

struct taken {
	uint64_t lent;
	uint32_t descriptors;
};

static struct fastipc_request *held;

static void limit_descriptors(rlim_t most)
{
	struct rlimit limit;

	check(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = most;
	check(!setrlimit(RLIMIT_NOFILE, &limit));
}

static int on_stingy(struct fastipc_request *request, void *context)
{
	(void)context;
	limit_descriptors(3);
	return fastipc_request_reply(request, "", 0);
}

static int on_generous(struct fastipc_request *request, void *context)
{
	(void)context;
	limit_descriptors(200);
	return fastipc_request_reply(request, "", 0);
}

static int on_hold(struct fastipc_request *request, void *context)
{
	(void)context;
	check(!held);
	held = fastipc_request_defer(request);
	check(held);
	return 0;
}

static int on_release(struct fastipc_request *request, void *context)
{
	(void)context;
	check(!fastipc_request_reply(held, "", 0));
	held = NULL;
	return fastipc_request_reply(request, "", 0);
}

static int on_taken(struct fastipc_request *request, void *context)
{
	const struct taken taken = {
		.lent = fastipc_request_lent(request).size,
		.descriptors = fastipc_request_descriptors(request),
	};

	(void)context;
	return fastipc_request_reply(request, &taken, sizeof(taken));
}

static void add_all(struct fastipc_server *made)
{
	static const struct {
		uint16_t type;
		fastipc_handler_fn handler;
	} handlers[] = {
		{ STINGY, on_stingy }, { GENEROUS, on_generous },
		{ HOLD, on_hold },     { RELEASE, on_release },
		{ TAKEN, on_taken },
	};

	add_handlers(made);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		check(!fastipc_server_add_handler(made, handlers[i].type,
						  handlers[i].handler, NULL));
}

static const struct service refusing = { .add = add_all };

static void begin(void)
{
	const struct fastipc_client_options client_options = equipped_client();
	struct fastipc_server_options options;

	equip_server(&options);
	options.max_message = LIMIT;
	server_start(&server, &options, &refusing);
	good = connect_with(server.address, &client_options);
}

/* ---- larger than the server has said ---- */

/* A loan and a descriptor, with one byte more than LIMIT. */
static void put_too_large(struct fastipc_channel *channel, uint64_t id,
			  uint64_t loan)
{
	unsigned char bytes[sizeof(struct block) + LIMIT + 1] = { 0 };
	struct block block = { 0 };

	add_loan(&block, loan, 4096, 4096);
	add_descriptors(&block, 1);
	memcpy(bytes, block.words, block.words[0]);
	send_datagram(channel, here(channel), 1, 1, 16);
	put_whole(channel, TAKEN, FASTIPC_FRAME_EXT, id, bytes,
		  (uint32_t)block.words[0] + LIMIT + 1);
}

static void await_frame(struct fastipc_channel *channel,
			struct fastipc_frame *frame)
{
	uint64_t until = soon();

	while (fastipc_frame_peek(channel, frame) == -EAGAIN) {
		assert_true(fastipc_now_ns() < until);
		fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL, 0,
				      false, fastipc_after_ns(10 * MS));
	}
}

static void assert_error(struct fastipc_channel *channel, uint64_t id,
			 int32_t error)
{
	unsigned char payload[512];
	struct fastipc_frame frame;

	await_frame(channel, &frame);
	assert_int_equal(frame.id, id);
	assert_int_equal(frame.type, TAKEN);
	assert_int_equal(frame.flags, FASTIPC_FRAME_ERROR);
	assert_in_range(frame.length, sizeof(error), sizeof(payload));
	assert_int_equal(fastipc_frame_take(channel, &frame, payload), 0);
	assert_memory_equal(payload, &error, sizeof(error));
	fastipc_frame_release(channel, &frame);
}

static void assert_next(struct fastipc_channel *channel, uint16_t type,
			uint64_t id)
{
	struct fastipc_frame frame;

	await_frame(channel, &frame);
	assert_int_equal(frame.type, type);
	assert_int_equal(frame.id, id);
	assert_int_equal(frame.flags, 0);
	fastipc_frame_release(channel, &frame);
}

static void refuse_by_hand(struct fastipc_channel *channel)
{
	/* As often as there are descriptors, if they stayed open. */
	for (uint64_t i = 1; i <= 300; i++) {
		put_too_large(channel, i, 1000 + i);
		assert_error(channel, i, -EMSGSIZE);
		assert_next(channel, FASTIPC_TYPE_RETURN, 1000 + i);
		/* Nobody waits for an answer. */
		put_too_large(channel, 0, 2000 + i);
		assert_next(channel, FASTIPC_TYPE_RETURN, 2000 + i);
		put_whole(channel, ECHO, 0, i, "well", 4);
		assert_next(channel, ECHO, i);
	}
}

static void too_large(void **state)
{
	struct fastipc_channel channel;
	struct fastipc_server_stats stats;

	(void)state;
	begin();
	assert_result(
		fastipc_client_call(good, GENEROUS, NULL, 0, NULL, soon()), 0);
	hostile_connect_with(server.address, &well_equipped, &channel);
	refuse_by_hand(&channel);
	/* While other threads may answer. */
	put_whole(&channel, HOLD, 0, 7777, "", 0);
	refuse_by_hand(&channel);
	put_whole(&channel, RELEASE, 0, 7778, "", 0);
	assert_next(&channel, HOLD, 7777);
	assert_next(&channel, RELEASE, 7778);
	stats = stats_of(good);
	assert_int_equal(stats.loan_errors, 0);
	assert_int_equal(stats.bad_frames, 0);
	assert_served(good);
	fastipc_channel_fini(&channel);
	end();
}

/* ---- descriptors that there is no number for ---- */

static struct fastipc_attachment area_and_descriptor(void)
{
	static const int fds[1] = { 0 };
	struct fastipc_attachment attachment = {
		.descriptors = fds,
		.descriptor_count = 1,
	};

	/* All of it: nothing of it may be missing. */
	assert_result(fastipc_client_loan(good, AREA, soon(), &attachment.loan),
		      0);
	return attachment;
}

static int call_taken(struct taken *taken)
{
	const struct fastipc_attachment attachment = area_and_descriptor();
	struct fastipc_buffer reply = {
		.data = taken,
		.capacity = sizeof(*taken),
		.fixed = true,
	};

	return fastipc_client_call_with(good, TAKEN, "x", 1, &attachment,
					&reply, NULL, soon());
}

static void no_descriptors(void **state)
{
	struct fastipc_attachment attachment;
	struct taken taken;

	(void)state;
	begin();
	assert_result(fastipc_client_call(good, STINGY, NULL, 0, NULL, soon()),
		      0);
	for (int i = 0; i < 3; i++) {
		assert_result(call_taken(&taken), -EMFILE);
		attachment = area_and_descriptor();
		assert_result(fastipc_client_post_with(good, TAKEN, "x", 1,
						       &attachment, soon()),
			      0);
		assert_served(good);
	}
	assert_result(
		fastipc_client_call(good, GENEROUS, NULL, 0, NULL, soon()), 0);
	assert_result(call_taken(&taken), 0);
	assert_int_equal(taken.lent, AREA);
	assert_int_equal(taken.descriptors, 1);
	assert_int_equal(stats_of(good).loan_errors, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_large),
		cmocka_unit_test(no_descriptors),
	};

	seed_random();
	return cmocka_run_group_tests_name("refused", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
