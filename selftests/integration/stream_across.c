// SPDX-License-Identifier: MIT
/*
 * What handles one client's messages writes to another client's stream, more
 * than the ring takes: all of it arrives, although that client does nothing but
 * read, and its worker sleeps.
 */
#include "stream_service.h"

#define SUBSCRIBE 20
#define PUBLISH 21 /* a call */
#define RELAY 22   /* a stream, whose messages are told to a callback */

/* Less than half a window, after which the reader would ring to say so. */
#define MESSAGES 60
#define MESSAGE_SIZE 500
/* More than a worker sleeps on by futex: the others are idle then. */
#define OTHERS 40

/* ---- the server's process ---- */

static struct fastipc_stream *subscriber;

static int on_subscribe(struct fastipc_request *request, void *context)
{
	struct fastipc_stream *stream = fastipc_request_stream(request, NULL);

	(void)context;
	check(stream);
	__atomic_store_n(&subscriber, stream, __ATOMIC_RELEASE);
	check(!fastipc_stream_write(stream, "subscribed", 10, 0, 0));
	return 0;
}

static void publish(void)
{
	struct fastipc_stream *stream =
		__atomic_exchange_n(&subscriber, NULL, __ATOMIC_ACQUIRE);
	unsigned char data[MESSAGE_SIZE];

	check(stream);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		fill(data, sizeof(data), i);
		check(!fastipc_stream_write(stream, data, sizeof(data), 0, 0));
	}
	check(!fastipc_stream_finish(stream, 0, NULL, NULL, 0));
	fastipc_stream_close(stream);
}

static int on_publish(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	publish();
	return 0;
}

static void relay_message(void *context, struct fastipc_stream *stream,
			  const void *data, size_t size)
{
	(void)context;
	(void)stream;
	(void)data;
	(void)size;
	publish();
}

static void relay_end(void *context, struct fastipc_stream *stream)
{
	(void)context;
	fastipc_stream_finish(stream, 0, NULL, NULL, 0);
	fastipc_stream_close(stream);
}

static int on_relay(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;

	(void)context;
	fastipc_stream_options_init(&options);
	options.message = relay_message;
	options.end = relay_end;
	check(fastipc_request_stream(request, &options));
	return 0;
}

static void add_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, SUBSCRIBE, on_subscribe,
					  NULL));
	check(!fastipc_server_add_handler(server, PUBLISH, on_publish, NULL));
	check(!fastipc_server_add_handler(server, RELAY, on_relay, NULL));
	check(!fastipc_server_add_handler(server, UNARY_ECHO, on_unary_echo,
					  NULL));
}

/* ---- the clients ---- */

static const struct service across_service = { .add = add_handlers };

static void start(struct server_process *server, uint32_t threads)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.threads = threads;
	options.ring_size = 4096;
	server_start(server, &options, &across_service);
}

static void call(struct fastipc_client *client, uint16_t type)
{
	assert_result(fastipc_client_call(client, type, NULL, 0, NULL, soon()),
		      0);
}

static struct fastipc_stream *subscribe(struct fastipc_client *client)
{
	struct fastipc_stream *stream = open_stream(client, SUBSCRIBE, NULL, 0);
	struct fastipc_buffer buffer = { 0 };

	assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
	assert_int_equal(buffer.size, 10);
	fastipc_buffer_free(&buffer);
	return stream;
}

static void read_published(struct fastipc_stream *stream)
{
	struct fastipc_buffer buffer = { 0 };
	unsigned char expected[MESSAGE_SIZE];

	for (uint32_t i = 0; i < MESSAGES; i++) {
		assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
		fill(expected, sizeof(expected), i);
		assert_int_equal(buffer.size, sizeof(expected));
		assert_memory_equal(buffer.data, expected, sizeof(expected));
	}
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -ENODATA);
	fastipc_buffer_free(&buffer);
	fastipc_stream_close(stream);
}

/* Both clients' connections; and so many that only call before. */
static void across(uint32_t threads, unsigned int others)
{
	struct fastipc_client *reader, *writer, *idle[OTHERS];
	struct server_process server;
	struct fastipc_stream *stream, *relay;

	start(&server, threads);
	/* One after the other: two workers have one each. */
	reader = connect_with(server.address, NULL);
	writer = connect_with(server.address, NULL);
	for (unsigned int i = 0; i < others; i++)
		idle[i] = connect_with(server.address, NULL);
	for (int round = 0; round < 4; round++) {
		relay = round % 2 ? open_stream(writer, RELAY, NULL, 0) : NULL;
		stream = subscribe(reader);
		for (unsigned int i = 0; i < 2 * others; i++)
			call(idle[i % others], UNARY_ECHO);
		/* The workers go to sleep. */
		usleep(50000);
		if (relay)
			assert_result(fastipc_stream_write(relay, "now", 3, 0,
							   soon()),
				      0);
		else
			call(writer, PUBLISH);
		usleep(20000);
		read_published(stream);
		if (relay)
			assert_result(fastipc_stream_finish(relay, 0, NULL,
							    NULL, 0),
				      0);
		fastipc_stream_close(relay);
	}
	for (unsigned int i = 0; i < others; i++)
		fastipc_client_close(idle[i]);
	fastipc_client_close(writer);
	fastipc_client_close(reader);
	server_stop(&server);
}

static void another_worker(void **state)
{
	(void)state;
	across(2, 0);
}

static void the_same_worker(void **state)
{
	(void)state;
	across(1, OTHERS);
}

static void a_loop_of_its_own(void **state)
{
	(void)state;
	across(0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_worker),
		cmocka_unit_test(the_same_worker),
		cmocka_unit_test(a_loop_of_its_own),
	};

	return cmocka_run_group_tests_name("stream_across", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
