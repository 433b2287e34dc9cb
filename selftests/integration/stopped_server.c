// SPDX-License-Identifier: MIT
/*
 * A server that stands still for a while, as by SIGSTOP or a debugger: that is not
 * the fault of a client that has not taken its reply.
 */
#include "pair.h"

#define LARGE (4u << 20)
enum { GIVE = 1 };

#define STALL (3 * SECOND)
/* So long it stands still, in seconds. */
#define STILL 5

static int on_give(struct fastipc_request *request, void *context)
{
	static unsigned char bytes[LARGE];

	(void)context;
	fill(bytes, sizeof(bytes), 1);
	return fastipc_request_reply(request, bytes, sizeof(bytes));
}

static void add_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, GIVE, on_give, NULL));
}

static const struct service service = { .add = add_handlers };

static void start(struct server_process *server, struct fastipc_client **client,
		  uint64_t *id, struct fastipc_buffer *reply)
{
	struct fastipc_call_options call;
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.stall_timeout_ns = STALL;
	server_start(server, &options, &service);
	assert_result(fastipc_client_connect(server->address, NULL, client), 0);
	fastipc_call_options_init(&call);
	call.deadline = soon();
	call.reply = reply;
	assert_result(fastipc_client_start(*client, GIVE, "", 0, &call, id), 0);
	/* It answers, and keeps what does not fit the ring. */
	usleep(300000);
}

static void clients_are_not_dropped_for_it(void **state)
{
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;
	unsigned char *expected = malloc(LARGE);
	uint64_t id;

	(void)state;
	assert_non_null(expected);
	start(&server, &client, &id, &reply);
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	sleep(STILL);
	assert_int_equal(kill(server.pid, SIGCONT), 0);
	usleep(300000);
	assert_result(fastipc_client_finish(client, id), 0);
	fill(expected, LARGE, 1);
	assert_int_equal(reply.size, LARGE);
	assert_memory_equal(reply.data, expected, LARGE);
	free(expected);
	fastipc_buffer_free(&reply);
	fastipc_client_close(client);
	server_stop(&server);
}

/* But for as long a time of their own. */
static void otherwise_they_are(void **state)
{
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;
	uint64_t id;

	(void)state;
	start(&server, &client, &id, &reply);
	sleep(STILL);
	assert_result(fastipc_client_finish(client, id), -EPIPE);
	fastipc_buffer_free(&reply);
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_are_not_dropped_for_it),
		cmocka_unit_test(otherwise_they_are),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("stopped server", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
