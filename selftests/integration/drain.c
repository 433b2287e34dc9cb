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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(no_call_fails) };

	return cmocka_run_group_tests_name("drain", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
