// SPDX-License-Identifier: MIT
/*
 * Signals whose handlers return, one after the other, at both ends: whoever
 * waits in the library goes on until it has what it waits for, or its deadline
 * comes, in each way of waiting.
 */
#include <sys/time.h>

#include "pair.h"

#define ECHO 1
#define SLOW 2
#define HOLD 3
#define TOOK_NS (50 * MS)

static volatile sig_atomic_t handled;

static void on_alarm(int number)
{
	(void)number;
	handled++;
}

/* Each millisecond, without SA_RESTART: system calls end with EINTR. */
static void signals_come(bool come)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { { 0, come ? 1000 : 0 },
				   { 0, come ? 1000 : 0 } };

	check(!sigaction(SIGALRM, &action, NULL));
	check(!setitimer(ITIMER_REAL, &timer, NULL));
}

/* ---- the server ---- */

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static int on_slow(struct fastipc_request *request, void *context)
{
	uint64_t until = fastipc_after_ns(TOOK_NS);

	(void)context;
	while (fastipc_now_ns() < until)
		usleep(1000);
	return fastipc_request_reply(request, "slow", 4);
}

static int on_hold(struct fastipc_request *request, void *context)
{
	(void)context;
	check(fastipc_request_defer(request));
	return 0;
}

static void add_all(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
	check(!fastipc_server_add_handler(server, SLOW, on_slow, NULL));
	check(!fastipc_server_add_handler(server, HOLD, on_hold, NULL));
	signals_come(true);
}

static const struct service service = { .add = add_all };

static struct server_process server;

static struct fastipc_client *begin(enum fastipc_wait wait)
{
	struct fastipc_client_options client_options;
	struct fastipc_server_options options;
	struct fastipc_client *client;

	fastipc_server_options_init(&options);
	options.wait = wait;
	server_start(&server, &options, &service);
	fastipc_client_options_init(&client_options);
	client_options.wait = wait;
	signals_come(true);
	client = connect_with(server.address, &client_options);
	handled = 0;
	return client;
}

static void end(struct fastipc_client *client)
{
	signals_come(false);
	assert_true(handled > 0);
	fastipc_client_close(client);
	server_stop(&server);
}

/* ---- the client ---- */

static void call_slow(struct fastipc_client *client)
{
	struct fastipc_buffer reply = { 0 };
	uint64_t start = fastipc_now_ns();

	assert_result(fastipc_client_call(client, SLOW, "", 0, &reply, soon()),
		      0);
	assert_true(fastipc_now_ns() - start >= TOOK_NS);
	assert_int_equal(reply.size, 4);
	fastipc_buffer_free(&reply);
}

/* Larger than the ring: there is room to wait for, as well. */
static void call_large(struct fastipc_client *client)
{
	static unsigned char data[4 << 20];
	struct fastipc_buffer reply = { 0 };

	fill(data, sizeof(data), 7);
	assert_result(fastipc_client_call(client, ECHO, data, sizeof(data),
					  &reply, soon()),
		      0);
	assert_int_equal(reply.size, sizeof(data));
	assert_memory_equal(reply.data, data, sizeof(data));
	fastipc_buffer_free(&reply);
}

static void miss_the_deadline(struct fastipc_client *client)
{
	uint64_t start = fastipc_now_ns();

	assert_result(fastipc_client_call(client, HOLD, "", 0, NULL,
					  start + TOOK_NS),
		      -ETIMEDOUT);
	assert_in_range(fastipc_now_ns() - start, TOOK_NS, PATIENCE);
}

static void finish_and_wait(struct fastipc_client *client)
{
	struct fastipc_call_options options;
	uint64_t id, start = fastipc_now_ns();

	fastipc_call_options_init(&options);
	assert_result(fastipc_client_start(client, HOLD, "", 0, &options, &id),
		      0);
	assert_result(fastipc_client_wait(client, start + TOOK_NS), -ETIMEDOUT);
	assert_true(fastipc_now_ns() - start >= TOOK_NS);
	assert_result(fastipc_client_cancel(client, id), 0);
	start = fastipc_now_ns();
	assert_result(fastipc_client_start(client, SLOW, "", 0, &options, &id),
		      0);
	assert_result(fastipc_client_finish(client, id), 0);
	assert_true(fastipc_now_ns() - start >= TOOK_NS);
	assert_result(fastipc_client_ping(client, soon(), NULL), 0);
}

static void all_waits(enum fastipc_wait wait)
{
	struct fastipc_client *client = begin(wait);

	call_slow(client);
	call_large(client);
	miss_the_deadline(client);
	finish_and_wait(client);
	end(client);
}

static void waits_go_on(void **state)
{
	(void)state;
	all_waits(FASTIPC_WAIT_ADAPTIVE);
	all_waits(FASTIPC_WAIT_BLOCK);
	all_waits(FASTIPC_WAIT_SPIN);
	all_waits(FASTIPC_WAIT_SLEEP);
}

static void connecting_goes_on(void **state)
{
	struct fastipc_client *clients[20];
	struct fastipc_client_options options;
	struct fastipc_client *client = begin(FASTIPC_WAIT_BLOCK);
	uint64_t start;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		clients[i] = connect_with(server.address, NULL);
	for (size_t i = 0; i < 20; i++)
		fastipc_client_close(clients[i]);
	/* A server that does not answer. */
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	fastipc_client_options_init(&options);
	options.connect_timeout_ns = TOOK_NS;
	start = fastipc_now_ns();
	assert_result(fastipc_client_connect(server.address, &options,
					     &clients[0]),
		      -ETIMEDOUT);
	assert_in_range(fastipc_now_ns() - start, TOOK_NS, PATIENCE);
	assert_int_equal(kill(server.pid, SIGCONT), 0);
	end(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(waits_go_on),
		footprint_test(connecting_goes_on),
	};

	return cmocka_run_group_tests_name("signals", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
