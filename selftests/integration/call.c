// SPDX-License-Identifier: MIT
/*
 * Calls between two processes: messages of all sizes, with each checksum, each
 * way of waiting and small rings, arrive byte for byte; and each limit.
 */
#include "pair.h"

#include <sys/resource.h>

#define INVERT 1
#define GENERATE 2 /* u32 size: a reply of so many bytes */
#define LAST 3	   /* i32: what the last GENERATE's reply returned */
#define FAIL 4	   /* i32 error: fail with it, and the text that follows */
#define RETURN 5   /* i32: return it */
#define EMPTY 6	   /* return 0 without a reply */
#define TWICE 7	   /* reply twice; the second time is the reply */
#define PEER 8	   /* pid of the client, as the server sees it */
#define SENT 9	   /* u64: bytes that the server has sent */
#define NOTHING 999

#define MIB (1u << 20)

static unsigned char *buffer_of(size_t size)
{
	static unsigned char *buffer;
	static size_t capacity;

	if (size > capacity) {
		free(buffer);
		buffer = malloc(size);
		check(buffer);
		capacity = size;
	}
	if (!size) {
		free(buffer);
		buffer = NULL;
		capacity = 0;
	}
	return buffer;
}

static int on_invert(struct fastipc_request *request, void *context)
{
	size_t size = fastipc_request_size(request);
	unsigned char *reply = buffer_of(size + 1);

	(void)context;
	check((uintptr_t)fastipc_request_data(request) % 8 == 0);
	check(!fastipc_request_is_one_way(request));
	invert(reply, fastipc_request_data(request), size);
	check(!fastipc_request_reply(request, reply, size));
	return 0;
}

static int last_result;

static int on_generate(struct fastipc_request *request, void *context)
{
	unsigned char *reply;
	uint32_t size;

	(void)context;
	memcpy(&size, fastipc_request_data(request), sizeof(size));
	reply = buffer_of(size + 1);
	fill(reply, size, size);
	last_result = fastipc_request_reply(request, reply, size);
	return 0;
}

static int on_last(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, &last_result, sizeof(last_result));
	return 0;
}

static int on_fail(struct fastipc_request *request, void *context)
{
	const char *data = fastipc_request_data(request);
	int32_t error;

	(void)context;
	memcpy(&error, data, sizeof(error));
	fastipc_request_fail(request, error, data + sizeof(error));
	return 0;
}

static int on_return(struct fastipc_request *request, void *context)
{
	int32_t result;

	(void)context;
	memcpy(&result, fastipc_request_data(request), sizeof(result));
	return result;
}

static int on_empty(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	return 0;
}

static int on_twice(struct fastipc_request *request, void *context)
{
	(void)context;
	check(!fastipc_request_reply(request, "first", 5));
	check(fastipc_request_reply(request, "second", 6) == -EALREADY);
	check(fastipc_request_fail(request, -EIO, NULL) == -EALREADY);
	check(!fastipc_request_defer(request));
	return 0;
}

static int on_peer(struct fastipc_request *request, void *context)
{
	struct fastipc_peer peer;

	(void)context;
	fastipc_request_peer(request, &peer);
	check(peer.uid == getuid() && peer.gid == getgid());
	fastipc_request_reply(request, &peer.pid, sizeof(peer.pid));
	return 0;
}

static int on_sent(struct fastipc_request *request, void *context)
{
	struct fastipc_server_stats stats = { .size = sizeof(stats) };

	(void)context;
	check(!fastipc_server_get_stats(this_server, &stats));
	return fastipc_request_reply(request, &stats.bytes_sent,
				     sizeof(stats.bytes_sent));
}

static void add_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, INVERT, on_invert, NULL));
	check(!fastipc_server_add_handler(server, GENERATE, on_generate, NULL));
	check(!fastipc_server_add_handler(server, LAST, on_last, NULL));
	check(!fastipc_server_add_handler(server, FAIL, on_fail, NULL));
	check(!fastipc_server_add_handler(server, RETURN, on_return, NULL));
	check(!fastipc_server_add_handler(server, EMPTY, on_empty, NULL));
	check(!fastipc_server_add_handler(server, TWICE, on_twice, NULL));
	check(!fastipc_server_add_handler(server, PEER, on_peer, NULL));
	check(!fastipc_server_add_handler(server, SENT, on_sent, NULL));
	check(fastipc_server_add_handler(server, PEER, on_peer, NULL) ==
	      -EEXIST);
	check(fastipc_server_add_handler(server, FASTIPC_TYPE_RESERVED, on_peer,
					 NULL) == -EINVAL);
}

static void forget_buffer(void)
{
	buffer_of(0);
}

static const struct service service = {
	.add = add_handlers,
	.destroyed = forget_buffer,
};

/* One call there and back, compared. */
static void call_inverted(struct fastipc_client *client, size_t size,
			  struct fastipc_buffer *reply)
{
	unsigned char *sent = malloc(size + 1);
	unsigned char *expected = malloc(size + 1);

	assert_non_null(sent);
	assert_non_null(expected);
	fill(sent, size, (uint32_t)size);
	invert(expected, sent, size);
	if (reply->data)
		memset(reply->data, 0, reply->capacity);
	assert_result(fastipc_client_call(client, INVERT, sent, size, reply,
					  soon()),
		      0);
	assert_int_equal(reply->size, size);
	if (size)
		assert_memory_equal(reply->data, expected, size);
	free(sent);
	free(expected);
}

/* ---- sizes ---- */

static void call_sizes(enum fastipc_checksum checksum, enum fastipc_wait wait,
		       uint32_t ring, size_t most)
{
	const size_t around[] = { 64,	 4096,		16352,	  16352 - 16,
				  16384, ring / 4 - 32, ring / 2, ring - 32,
				  ring,	 3 * ring,	MIB };
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;

	fastipc_server_options_init(&server_options);
	server_options.wait = wait;
	server_options.ring_size = ring;
	server_start(&server, &server_options, &service);
	fastipc_client_options_init(&options);
	options.wait = wait;
	options.checksum = checksum;
	options.ring_size = ring;
	client = connect_with(server.address, &options);
	for (size_t size = 0; size < 10; size++)
		call_inverted(client, size, &reply);
	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++)
		for (size_t size = around[i] - 1; size <= around[i] + 1; size++)
			if (size <= most)
				call_inverted(client, size, &reply);
	assert_int_equal(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.checksum, checksum);
	assert_int_equal(stats.calls, stats.replies);
	assert_int_equal(stats.bytes_sent, stats.bytes_received);
	assert_int_equal(stats.bad_frames, 0);
	assert_int_equal(stats.peer.pid, server.pid);
	fastipc_buffer_free(&reply);
	fastipc_client_close(client);
	server_stop(&server);
}

static void sizes_with_each_checksum(void **state)
{
	(void)state;
	call_sizes(FASTIPC_CHECKSUM_OFF, FASTIPC_WAIT_ADAPTIVE, 256 << 10,
		   2 * MIB);
	call_sizes(FASTIPC_CHECKSUM_HEADER, FASTIPC_WAIT_ADAPTIVE, 256 << 10,
		   2 * MIB);
	call_sizes(FASTIPC_CHECKSUM_FULL, FASTIPC_WAIT_ADAPTIVE, 256 << 10,
		   2 * MIB);
}

static void sizes_with_each_wait(void **state)
{
	(void)state;
	call_sizes(FASTIPC_CHECKSUM_FULL, FASTIPC_WAIT_SPIN, 256 << 10, 300000);
	call_sizes(FASTIPC_CHECKSUM_FULL, FASTIPC_WAIT_BLOCK, 256 << 10,
		   2 * MIB);
}

static void sizes_in_small_rings(void **state)
{
	(void)state;
	call_sizes(FASTIPC_CHECKSUM_FULL, FASTIPC_WAIT_BLOCK, 4096, 70000);
	call_sizes(FASTIPC_CHECKSUM_HEADER, FASTIPC_WAIT_ADAPTIVE, 4096, 70000);
	call_sizes(FASTIPC_CHECKSUM_OFF, FASTIPC_WAIT_BLOCK, 8192, 70000);
	call_sizes(FASTIPC_CHECKSUM_OFF, FASTIPC_WAIT_SPIN, 4096, 9000);
}

static void large_messages(void **state)
{
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
	call_inverted(client, 10000000, &reply);
	call_inverted(client, FASTIPC_MESSAGE_DEFAULT - 1, &reply);
	call_inverted(client, FASTIPC_MESSAGE_DEFAULT, &reply);
	call_inverted(client, 3, &reply);
	fastipc_buffer_free(&reply);
	fastipc_client_close(client);
	server_stop(&server);
}

/* What is answered to a one-way message goes nowhere. */
static void only_what_is_sent_counts(void **state)
{
	uint64_t before, after;
	uint32_t size = 100;
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
	ask_for(client, SENT, &before, sizeof(before));
	assert_result(fastipc_client_post(client, GENERATE, &size, sizeof(size),
					  0, soon()),
		      0);
	ask_for(client, SENT, &after, sizeof(after));
	assert_int_equal(after - before, sizeof(before));
	fastipc_client_close(client);
	server_stop(&server);
}

/* ---- limits ---- */

static void requests_over_the_servers_limit(void **state)
{
	static const char data[5001];
	struct fastipc_server_options options;
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;
	uint64_t id;
	struct fastipc_call_options call;

	(void)state;
	fastipc_server_options_init(&options);
	options.max_message = 5000;
	server_start(&server, &options, &service);
	client = connect_with(server.address, NULL);
	call_inverted(client, 5000, &reply);
	assert_result(fastipc_client_call(client, INVERT, data, 5001, NULL,
					  soon()),
		      -EMSGSIZE);
	assert_result(fastipc_client_post(client, INVERT, data, 5001, 0,
					  soon()),
		      -EMSGSIZE);
	fastipc_call_options_init(&call);
	assert_result(fastipc_client_start(client, INVERT, data, 5001, &call,
					   &id),
		      -EMSGSIZE);
	assert_result(fastipc_client_call(client, INVERT, data, SIZE_MAX, NULL,
					  soon()),
		      -EMSGSIZE);
	call_inverted(client, 4999, &reply);
	fastipc_buffer_free(&reply);
	fastipc_client_close(client);
	server_stop(&server);
}

static int generate(struct fastipc_client *client, uint32_t size,
		    struct fastipc_buffer *reply)
{
	return fastipc_client_call(client, GENERATE, &size, sizeof(size), reply,
				   soon());
}

static int last(struct fastipc_client *client)
{
	int result;

	ask_for(client, LAST, &result, sizeof(result));
	return result;
}

static void replies_over_the_clients_limit(void **state)
{
	const uint32_t limits[] = { 0, 1000, 100000 };
	struct fastipc_client_options options;
	struct fastipc_buffer reply = { 0 };
	struct server_process server;

	(void)state;
	server_start(&server, NULL, &service);
	fastipc_client_options_init(&options);
	for (size_t i = 0; i < 3; i++) {
		struct fastipc_client *client;

		options.max_message = limits[i];
		client = connect_with(server.address, &options);
		assert_result(generate(client, limits[i], &reply), 0);
		assert_int_equal(reply.size, limits[i]);
		assert_result(generate(client, limits[i] + 1, &reply),
			      -EMSGSIZE);
		assert_result(generate(client, 10 * limits[i] + 1, NULL),
			      -EMSGSIZE);
		if (limits[i] >= sizeof(int))
			assert_int_equal(last(client), -EMSGSIZE);
		assert_result(generate(client, limits[i], &reply), 0);
		fastipc_client_close(client);
	}
	fastipc_buffer_free(&reply);
	server_stop(&server);
}

static void replies_into_fixed_memory(void **state)
{
	unsigned char memory[20000], expected[20000];
	struct fastipc_buffer reply = {
		.data = memory,
		.capacity = 19000,
		.fixed = true,
	};
	const uint32_t sizes[] = { 10, 19000, 19001, 20000, 400000 };
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
	for (size_t i = 0; i < 5; i++) {
		bool fits = sizes[i] <= 19000;

		memset(memory, 0x77, sizeof(memory));
		assert_result(generate(client, sizes[i], &reply),
			      fits ? 0 : -EMSGSIZE);
		assert_int_equal(reply.size, sizes[i]);
		assert_ptr_equal(reply.data, memory);
		fill(expected, 19000, sizes[i]);
		if (fits)
			assert_memory_equal(memory, expected, sizes[i]);
		for (size_t at = 19000; at < sizeof(memory); at++)
			assert_int_equal(memory[at], 0x77);
	}
	fastipc_buffer_free(&reply);
	assert_ptr_equal(reply.data, memory);
	fastipc_client_close(client);
	server_stop(&server);
}

/* ---- a handler's errors ---- */

static void note_failure(void *context, int status, const void *data,
			 size_t size)
{
	(void)data;
	(void)size;
	assert_non_null(strstr(fastipc_error_detail(), "out of cheese"));
	*(int *)context = status;
}

/* A callback is told the reason, too. */
static void fail_with_callback(struct fastipc_client *client, int code,
			       const void *request, size_t size)
{
	struct fastipc_call_options call;
	int status = 0;
	uint64_t id;

	fastipc_call_options_init(&call);
	call.done = note_failure;
	call.context = &status;
	call.deadline = soon();
	assert_result(fastipc_client_start(client, FAIL, request, size, &call,
					   &id),
		      0);
	while (!status)
		assert_true(fastipc_client_wait(client, soon()) >= 0);
	assert_int_equal(status, code);
}

static void errors_reach_the_client(void **state)
{
	static const int32_t codes[] = { -1, -EPIPE, -ETIMEDOUT, -EPROTO,
					 -4095 };
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
	for (size_t i = 0; i < 5; i++) {
		struct {
			int32_t code;
			char text[16];
		} request = { codes[i], "out of cheese" };

		assert_result(fastipc_client_call(client, FAIL, &request,
						  sizeof(request), NULL,
						  soon()),
			      codes[i]);
		assert_non_null(
			strstr(fastipc_error_detail(), "out of cheese"));
		fail_with_callback(client, codes[i], &request, sizeof(request));
		assert_result(fastipc_client_call(client, RETURN, &codes[i], 4,
						  NULL, soon()),
			      codes[i]);
		assert_null(strstr(fastipc_error_detail(), "out of cheese"));
	}
	assert_result(fastipc_client_call(client, NOTHING, "x", 1, NULL,
					  soon()),
		      -EOPNOTSUPP);
	assert_non_null(strstr(fastipc_error_detail(), "999"));
	assert_result(fastipc_client_ping(client, soon(), NULL), 0);
	fastipc_client_close(client);
	server_stop(&server);
}

static void handlers_answer_once(void **state)
{
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;
	pid_t pid = getpid();

	(void)state;
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
	assert_result(
		fastipc_client_call(client, TWICE, NULL, 0, &reply, soon()), 0);
	assert_int_equal(reply.size, 5);
	assert_memory_equal(reply.data, "first", 5);
	assert_result(
		fastipc_client_call(client, EMPTY, "ab", 2, &reply, soon()), 0);
	assert_int_equal(reply.size, 0);
	assert_result(
		fastipc_client_call(client, PEER, NULL, 0, &reply, soon()), 0);
	assert_int_equal(reply.size, sizeof(pid));
	assert_memory_equal(reply.data, &pid, sizeof(pid));
	fastipc_buffer_free(&reply);
	fastipc_client_close(client);
	server_stop(&server);
}

static void wrong_arguments(void **state)
{
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
	assert_result(fastipc_client_call(client, 0xFF00, "", 0, NULL, soon()),
		      -EINVAL);
	assert_result(fastipc_client_call(client, INVERT, NULL, 1, NULL,
					  soon()),
		      -EINVAL);
	assert_result(fastipc_client_call(NULL, INVERT, NULL, 0, NULL, soon()),
		      -EINVAL);
	assert_result(fastipc_client_post(client, INVERT, "", 0, 4, soon()),
		      -EINVAL);
	assert_result(fastipc_client_finish(client, 77), -ENOENT);
	assert_result(fastipc_client_cancel(client, 77), -ENOENT);
	fastipc_client_close(client);
	fastipc_client_close(NULL);
	server_stop(&server);
}

static void pings(void **state)
{
	struct server_process server;
	struct fastipc_client *client;
	uint64_t rtt;

	(void)state;
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
	for (int i = 0; i < 100; i++) {
		rtt = 0;
		assert_result(fastipc_client_ping(client, soon(), &rtt), 0);
		assert_true(rtt > 0 && rtt < PATIENCE);
	}
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_with_each_checksum),
		cmocka_unit_test(sizes_with_each_wait),
		cmocka_unit_test(sizes_in_small_rings),
		cmocka_unit_test(large_messages),
		cmocka_unit_test(requests_over_the_servers_limit),
		cmocka_unit_test(replies_over_the_clients_limit),
		cmocka_unit_test(replies_into_fixed_memory),
		cmocka_unit_test(errors_reach_the_client),
		cmocka_unit_test(handlers_answer_once),
		cmocka_unit_test(wrong_arguments),
		cmocka_unit_test(pings),
		cmocka_unit_test(only_what_is_sent_counts),
	};

	return cmocka_run_group_tests_name("call", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
