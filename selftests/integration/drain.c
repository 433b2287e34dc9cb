// SPDX-License-Identifier: MIT
/*
 * A server is replaced by another one of the same name, under load: no call
 * fails that is sent again where -ESHUTDOWN says that it may be.
 */
#include "stream_service.h"

static void *drain(void *argument)
{
	int *signal_pipe = argument;
	char byte;

	check(read(signal_pipe[0], &byte, 1) == 1);
	check(!fastipc_server_drain(this_server, soon()));
	return NULL;
}

/* A server that drains when a byte comes; it ends well by itself. */
static pid_t start_server(const char *address, int control[2])
{
	int ready[2];
	int error;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(control), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* As soon as the one before has left the name. */
		while ((error = fastipc_server_create(
				address, NULL, &this_server)) == -EADDRINUSE)
			usleep(500);
		check(!error);
		add_stream_handlers(this_server);
		check(!pthread_create(&thread, NULL, drain, control));
		check(write(ready[1], "r", 1) == 1);
		check(!fastipc_server_run(this_server));
		pthread_join(thread, NULL);
		fastipc_server_destroy(this_server);
		end_streams();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void tell(int control[2])
{
	assert_int_equal(write(control[1], "d", 1), 1);
	close(control[0]);
	close(control[1]);
}

/* One call, on another connection if the server drains. */
static void call_again(struct fastipc_client **client, const char *address,
		       unsigned int *moved)
{
	struct fastipc_buffer reply = { 0 };
	int error;

	for (int try = 0; try < 100; try++) {
		error = *client ? fastipc_client_call(*client, UNARY_ECHO,
						      "abc", 3, &reply, soon())
				: -ESHUTDOWN;
		if (error != -ESHUTDOWN)
			break;
		fastipc_client_close(*client);
		*client = NULL;
		++*moved;
		if (fastipc_client_connect(address, NULL, client))
			usleep(1000);
	}
	assert_result(error, 0);
	assert_int_equal(reply.size, 3);
	fastipc_buffer_free(&reply);
}

static void no_call_fails(void **state)
{
	const struct count_up order = { 2000, 5000 };
	struct fastipc_client *clients[4] = { NULL };
	struct fastipc_client *streaming;
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_stream *stream, *other;
	int control[2];
	unsigned int moved = 0;
	char address[40];
	uint32_t count = 0;
	pid_t pid, next;
	int error;

	(void)state;
	snprintf(address, sizeof(address), "drained-%d", (int)getpid());
	pid = start_server(address, control);
	for (int round = 0; round < 4; round++) {
		streaming = connect_with(address, NULL);
		stream =
			open_stream(streaming, COUNT_UP, &order, sizeof(order));
		/* It is under way, not about to begin. */
		assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
		count++;
		for (int i = 0; i < 200; i++)
			call_again(&clients[i % 4], address, &moved);
		tell(control);
		next = start_server(address, control);
		for (int i = 0; i < 100; i++)
			call_again(&clients[i % 4], address, &moved);
		/* What was under way goes on to its end; nothing new begins. */
		while (!(error = fastipc_stream_read(stream, &buffer, soon())))
			count++;
		assert_int_equal(error, -ENODATA);
		assert_result(fastipc_stream_open(streaming, COUNT_UP, &order,
						  sizeof(order), NULL, &other),
			      -ESHUTDOWN);
		assert_result(fastipc_client_get_stats(streaming, &stats), 0);
		assert_true(stats.draining);
		fastipc_stream_close(stream);
		assert_int_equal(count, (round + 1) * order.count);
		fastipc_client_close(streaming);
		assert_ended_well(pid);
		pid = next;
	}
	for (int i = 0; i < 4; i++)
		fastipc_client_close(clients[i]);
	tell(control);
	assert_ended_well(pid);
	assert_true(moved >= 4);
	fastipc_buffer_free(&buffer);
}

/* ---- a server without threads, whose application waits ---- */

#define HELD 30 /* answered later */

static struct fastipc_request *held;

static int on_held(struct fastipc_request *request, void *context)
{
	(void)context;
	check(fastipc_server_drain(this_server, soon()) == -EDEADLK);
	held = fastipc_request_defer(request);
	check(held);
	return 0;
}

static void *call_held(void *address)
{
	struct fastipc_client *caller;
	intptr_t error = fastipc_client_connect(address, NULL, &caller);

	if (error)
		return (void *)error;
	error = fastipc_client_call(caller, HELD, NULL, 0, NULL, soon());
	fastipc_client_close(caller);
	return (void *)error;
}

/* A call is under way when it returns. */
static void begin_held(pthread_t *caller, char *address, size_t size)
{
	struct fastipc_server_options options;

	snprintf(address, size, "held-%d", (int)getpid());
	fastipc_server_options_init(&options);
	options.threads = 0;
	assert_result(fastipc_server_create(address, &options, &this_server),
		      0);
	assert_result(fastipc_server_add_handler(this_server, HELD, on_held,
						 NULL),
		      0);
	held = NULL;
	assert_int_equal(pthread_create(caller, NULL, call_held, address), 0);
	for (uint64_t until = soon(); !held; usleep(1000)) {
		assert_true(fastipc_now_ns() < until);
		assert_true(fastipc_server_dispatch(this_server) >= 0);
	}
}

static void *answer_soon(void *argument)
{
	usleep(50000);
	check(!fastipc_request_reply(held, NULL, 0));
	return argument;
}

static void drained_in_a_loop(void **state)
{
	pthread_t caller, answerer;
	char address[40];
	void *result;

	(void)state;
	begin_held(&caller, address, sizeof(address));
	assert_int_equal(pthread_create(&answerer, NULL, answer_soon, NULL), 0);
	assert_result(fastipc_server_drain(this_server, soon()), 0);
	assert_int_equal(pthread_join(answerer, NULL), 0);
	assert_int_equal(pthread_join(caller, &result), 0);
	assert_int_equal((intptr_t)result, 0);
	fastipc_server_destroy(this_server);
}

static void not_drained_in_time(void **state)
{
	pthread_t caller;
	char address[40];
	void *result;

	(void)state;
	assert_result(fastipc_server_drain(NULL, 0), -EINVAL);
	begin_held(&caller, address, sizeof(address));
	assert_result(fastipc_server_drain(this_server,
					   fastipc_after_ns(20 * MS)),
		      -ETIMEDOUT);
	fastipc_server_destroy(this_server);
	assert_int_equal(pthread_join(caller, &result), 0);
	assert_int_equal((intptr_t)result, -EPIPE);
	fastipc_request_reply(held, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_call_fails),
		cmocka_unit_test(drained_in_a_loop),
		cmocka_unit_test(not_drained_in_time),
	};

	return cmocka_run_group_tests_name("drain", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
