// SPDX-License-Identifier: MIT
/*
 * Requests of one frame that a server has no memory for: each fails alone, says
 * why, and is served when there is some again.
 */
#include <endian.h>

#include "failing_memory.h"
#include "hostile/peer.h"

#define SCARCE 1 /* u32: the allocation from here on that fails; one-way */
#define SIZE 2	 /* u32: of what came */
#define AREA FASTIPC_BULK_MIN
/* More than a worker has room for from the beginning on. */
#define LARGE 66000u
#define STEPS_MOST 20

static struct server_process server;
static const unsigned char zeros[300000];

static int on_scarce(struct fastipc_request *request, void *context)
{
	uint32_t step;

	(void)context;
	memcpy(&step, fastipc_request_data(request), sizeof(step));
	until_failure = step;
	return 0;
}

static int on_size(struct fastipc_request *request, void *context)
{
	uint32_t size = (uint32_t)(fastipc_request_size(request) +
				   fastipc_request_lent(request).size +
				   fastipc_request_descriptors(request));

	(void)context;
	return fastipc_request_reply(request, &size, sizeof(size));
}

static void add_all(struct fastipc_server *made)
{
	check(!fastipc_server_add_handler(made, SCARCE, on_scarce, NULL));
	check(!fastipc_server_add_handler(made, SIZE, on_size, NULL));
}

static const struct service service = { .add = add_all };

static void begin(void)
{
	struct fastipc_server_options options;

	if (!MEMORY_FAILS)
		skip();
	fastipc_server_options_init(&options);
	options.bulk_max = AREA;
	options.max_descriptors = 1;
	server_start(&server, &options, &service);
}

/* ---- requests as the library sends them ---- */

static int call(struct fastipc_client *client, size_t size, bool laden)
{
	struct fastipc_attachment attachment = { 0 };
	uint32_t got = 0;
	struct fastipc_buffer reply = { .data = &got,
					.capacity = sizeof(got),
					.fixed = true };
	int fd = 0;
	int error;

	if (laden) {
		attachment.descriptors = &fd;
		attachment.descriptor_count = 1;
		assert_result(fastipc_client_loan(client, AREA, soon(),
						  &attachment.loan),
			      0);
	}
	error = fastipc_client_call_with(client, SIZE, zeros, size,
					 laden ? &attachment : NULL, &reply,
					 NULL, soon());
	if (!error)
		assert_int_equal(got, size + (laden ? AREA + 1 : 0));
	return error;
}

/* Each allocation that the request needs fails once. */
static void assert_each_fails(struct fastipc_client *client, size_t size,
			      bool laden)
{
	uint32_t step = 0;
	int error;

	do {
		assert_true(++step < STEPS_MOST);
		assert_result(fastipc_client_post(client, SCARCE, &step,
						  sizeof(step), 0, soon()),
			      0);
		error = call(client, size, laden);
		if (error) {
			assert_result(error, -ENOMEM);
			assert_non_null(strstr(fastipc_error_detail(),
					       laden ? "no room for"
						     : "no memory for"));
		}
	} while (error);
	assert_true(step > 1);
	step = 0;
	assert_result(fastipc_client_post(client, SCARCE, &step, sizeof(step),
					  0, soon()),
		      0);
	assert_result(call(client, size, laden), 0);
}

static void compressed(void **state)
{
	struct fastipc_client_options options;
	struct fastipc_client *client;

	(void)state;
	begin();
	fastipc_client_options_init(&options);
	options.compression = FASTIPC_COMPRESSION_LZ4;
	client = connect_with(server.address, &options);
	assert_each_fails(client, sizeof(zeros), false);
	fastipc_client_close(client);
	server_stop(&server);
}

/* What was lent is back, or the next loan would wait for ever. */
static void laden(void **state)
{
	struct fastipc_client_options options;
	struct fastipc_client *client;

	(void)state;
	begin();
	fastipc_client_options_init(&options);
	options.bulk_size = AREA;
	options.max_descriptors = 1;
	client = connect_with(server.address, &options);
	assert_each_fails(client, 100, true);
	fastipc_client_close(client);
	server_stop(&server);
}

/* ---- a frame that is larger than the library's ---- */

/* The first word of what comes next: the answer, or its error. */
static int32_t next_answer(struct fastipc_channel *channel, uint64_t id,
			   uint8_t flags)
{
	unsigned char bytes[200];
	struct fastipc_frame frame;
	uint64_t until = soon();
	uint32_t word;

	while (fastipc_frame_peek(channel, &frame) == -EAGAIN) {
		assert_true(fastipc_now_ns() < until);
		fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL, 0,
				      false, fastipc_after_ns(10 * MS));
	}
	assert_int_equal(frame.id, id);
	assert_int_equal(frame.flags, flags);
	assert_in_range(frame.length, sizeof(word), sizeof(bytes));
	assert_int_equal(fastipc_frame_take(channel, &frame, bytes), 0);
	fastipc_frame_release(channel, &frame);
	memcpy(&word, bytes, sizeof(word));
	return (int32_t)le32toh(word);
}

static void by_hand(void **state)
{
	struct fastipc_proposal proposal = hostile_proposal;
	struct fastipc_channel channel;
	uint32_t step = 1;

	(void)state;
	begin();
	proposal.ring_size = 1u << 20;
	hostile_connect_with(server.address, &proposal, &channel);
	put_whole(&channel, SCARCE, 0, 0, &step, sizeof(step));
	put_whole(&channel, SIZE, 0, 1, zeros, LARGE);
	assert_int_equal(next_answer(&channel, 1, FASTIPC_FRAME_ERROR),
			 -ENOMEM);
	/* The allocation was tried. */
	put_whole(&channel, SIZE, 0, 2, zeros, LARGE);
	assert_int_equal(next_answer(&channel, 2, 0), LARGE);
	put_whole(&channel, SIZE, 0, 3, zeros, 10);
	assert_int_equal(next_answer(&channel, 3, 0), 10);
	fastipc_channel_fini(&channel);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compressed),
		cmocka_unit_test(laden),
		cmocka_unit_test(by_hand),
	};

	return cmocka_run_group_tests_name("scarce_requests", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
