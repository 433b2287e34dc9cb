// SPDX-License-Identifier: MIT
/*
 * Both ends in event loops: a server without threads, and a client that polls.
 */
#include <poll.h>
#include <sys/epoll.h>

#include "late_answers.h"

#define STOP 20
#define NEST 21 /* tries to dispatch, and echoes */

/* ---- a server in a loop of its own ---- */

static bool stop_asked;

static int on_stop(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	stop_asked = true;
	return 0;
}

/* What it has in hand stays so. */
static int on_nest(struct fastipc_request *request, void *server)
{
	check(fastipc_server_dispatch(server) == -EDEADLK);
	check(fastipc_error_detail()[0]);
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static void serve_from_loop(const char *address, int ready)
{
	struct fastipc_server_options options;
	struct epoll_event event = { .events = EPOLLIN };
	struct footprint before = footprint_now(), after;
	struct fastipc_server *server;
	int loop;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fastipc_server_options_init(&options);
	options.threads = 0;
	check(!fastipc_server_create(address, &options, &server));
	check(fastipc_server_run(server) == -EINVAL);
	add_late_handlers(server);
	check(!fastipc_server_add_handler(server, STOP, on_stop, NULL));
	check(!fastipc_server_add_handler(server, NEST, on_nest, server));
	loop = epoll_create1(EPOLL_CLOEXEC);
	check(loop >= 0);
	check(!epoll_ctl(loop, EPOLL_CTL_ADD, fastipc_server_fd(server),
			 &event));
	check(write(ready, "r", 1) == 1);
	while (!stop_asked) {
		/* To be stopped and continued interrupts it, too. */
		check(epoll_wait(loop, &event, 1, -1) == 1 || errno == EINTR);
		check(fastipc_server_dispatch(server) >= 0);
	}
	end_late_answers();
	fastipc_server_destroy(server);
	release_at_the_end();
	close(loop);
	after = footprint_now();
	check(after.descriptors == before.descriptors);
	check(after.regions == before.regions);
	check_leaks();
	_exit(0);
}

static pid_t loop_start(const char *address)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(ready[0]);
		serve_from_loop(address, ready[1]);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void loop_stop(const char *address, pid_t pid)
{
	struct fastipc_client *client = connect_with(address, NULL);

	assert_result(fastipc_client_call(client, STOP, NULL, 0, NULL, soon()),
		      0);
	fastipc_client_close(client);
	assert_ended_well(pid);
}

static void call_all_sizes(struct fastipc_client *client, uint16_t type)
{
	static unsigned char data[2000000];
	const size_t sizes[] = { 0, 64, 16000, 262144, sizeof(data), 1 };
	struct fastipc_buffer reply = { 0 };

	for (int i = 0; i < 6; i++) {
		fill(data, sizes[i], 10);
		assert_result(fastipc_client_call(client, type, data, sizes[i],
						  &reply, soon()),
			      0);
		assert_int_equal(reply.size, sizes[i]);
		if (sizes[i])
			assert_memory_equal(reply.data, data, sizes[i]);
	}
	fastipc_buffer_free(&reply);
}

static void server_in_a_loop(void **state)
{
	pid_t pid = loop_start("loop");
	struct fastipc_client *client, *other;

	(void)state;
	client = connect_with("loop", NULL);
	other = connect_with("loop", NULL);
	for (int i = 0; i < 500; i++)
		assert_result(fastipc_client_call(i % 2 ? client : other, ECHO,
						  "hello", 5, NULL, soon()),
			      0);
	call_all_sizes(client, ECHO);
	/* From a thread beside the loop, also more than the ring holds. */
	call_all_sizes(other, LATER);
	call_all_sizes(client, LATER);
	assert_result(fastipc_client_ping(client, soon(), NULL), 0);
	fastipc_client_close(client);
	fastipc_client_close(other);
	loop_stop("loop", pid);
}

/* ---- a client in a loop of its own ---- */

static unsigned int done_count, done_wrong, done_late;

static void handlers_do_not_dispatch(void **state)
{
	pid_t pid = loop_start("loop-nest");
	struct fastipc_client *client = connect_with("loop-nest", NULL);

	(void)state;
	call_all_sizes(client, NEST);
	fastipc_client_close(client);
	loop_stop("loop-nest", pid);
}

static void on_done(void *context, int status, const void *data, size_t size)
{
	size_t expected = (uintptr_t)context;

	done_count++;
	if (status == -ETIMEDOUT)
		done_late++;
	else if (status || size != expected ||
		 (size && ((const unsigned char *)data)[size - 1] != 'x'))
		done_wrong++;
}

/* One turn of the loop; its result. */
static int turn(struct fastipc_client *client)
{
	struct pollfd pollfd = {
		.fd = fastipc_client_fd(client),
		.events = POLLIN,
	};
	int result = fastipc_client_dispatch(client);
	uint64_t deadline = fastipc_client_next_deadline(client);
	uint64_t now = fastipc_now_ns();
	int timeout = PATIENCE_MS;
	int ready;

	if (result)
		return result;
	if (deadline)
		timeout = deadline > now ? (int)((deadline - now) / MS) + 1 : 0;
	ready = poll(&pollfd, 1, timeout);
	/* What ends a wait without a deadline is the server's doorbell. */
	assert_true(deadline ? ready >= 0 : ready == 1);
	return 0;
}

static void start(struct fastipc_client *client, uint16_t type, size_t size,
		  uint64_t deadline)
{
	static unsigned char data[1 << 20];
	struct fastipc_call_options call;
	uint64_t id;

	memset(data, 'x', size);
	fastipc_call_options_init(&call);
	call.done = on_done;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	call.context = (void *)(uintptr_t)size;
	call.deadline = deadline;
	assert_result(
		fastipc_client_start(client, type, data, size, &call, &id), 0);
}

static void client_in_a_loop(void **state)
{
	struct server_process server;
	struct fastipc_client *client;
	int result;

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	assert_int_equal(fastipc_client_dispatch(client), 0);
	for (int i = 0; i < 200; i++) {
		start(client, i % 2 ? ECHO : LATER, 100, 0);
		if (i % 20 == 0)
			start(client, LATER, 500000, 0);
		if (i % 50 == 0)
			start(client, HOLD, 0, fastipc_after_ns(20 * MS));
	}
	/* Some may have ended already, while room was made for another. */
	for (uint64_t until = soon(); done_count < 200 + 10 + 4;) {
		assert_true(fastipc_now_ns() < until);
		assert_true(turn(client) >= 0);
	}
	assert_int_equal(done_count, 214);
	assert_int_equal(done_late, 4);
	assert_int_equal(done_wrong, 0);
	assert_int_equal(fastipc_client_next_deadline(client), 0);
	/* It may also wait in between. */
	assert_result(fastipc_client_call(client, ECHO, "abc", 3, NULL, soon()),
		      0);
	assert_int_equal(fastipc_client_dispatch(client), 0);
	start(client, ECHO, 8, 0);
	while (!(result = turn(client)))
		;
	assert_int_equal(result, 1);
	fastipc_client_close(client);
	server_stop(&server);
}

/* A server that takes nothing: who must not wait does not. */
static void client_that_does_not_wait(void **state)
{
	static unsigned char data[1 << 20];
	struct fastipc_call_options call;
	struct server_process server;
	struct fastipc_client *client;
	uint64_t id;
	int error = 0;

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	done_count = done_wrong = done_late = 0;
	memset(data, 'x', sizeof(data));
	fastipc_call_options_init(&call);
	call.done = on_done;
	call.flags = FASTIPC_NOWAIT;
	assert_result(fastipc_client_start(client, FASTIPC_TYPE_PING, data, 1,
					   &call, &id),
		      -EINVAL);
	assert_result(fastipc_client_start(client, FASTIPC_TYPE_PING, NULL, 0,
					   &call, &id),
		      0);
	while (!done_count)
		assert_true(turn(client) >= 0);
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid);
	/* No deadline: were one to wait, it would do so for ever. */
	for (int i = 0; i < 300; i++) {
		size_t size = i % 100 ? 10000 : sizeof(data);

		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		call.context = (void *)(uintptr_t)size;
		assert_result(fastipc_client_start(client, ECHO, data, size,
						   &call, &id),
			      0);
	}
	assert_result(fastipc_client_post(client, NOTE, data, 8, FASTIPC_NOWAIT,
					  0),
		      -EAGAIN);
	assert_result(fastipc_client_post(client, NOTE, data, sizeof(data),
					  FASTIPC_NOWAIT, 0),
		      -EAGAIN);
	assert_int_equal(kill(server.pid, SIGCONT), 0);
	for (uint64_t until = soon(); done_count < 301;) {
		assert_true(fastipc_now_ns() < until);
		assert_true(turn(client) >= 0);
	}
	assert_int_equal(done_wrong + done_late, 0);
	assert_result(fastipc_client_post(client, NOTE, data, sizeof(data),
					  FASTIPC_NOWAIT, 0),
		      0);
	assert_result(fastipc_client_call(client, ECHO, "abc", 3, NULL, soon()),
		      0);
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid);
	while (!error)
		error = fastipc_client_post(client, NOTE, data, 1000,
					    FASTIPC_NOWAIT, 0);
	assert_result(error, -EAGAIN);
	assert_int_equal(kill(server.pid, SIGCONT), 0);
	fastipc_client_close(client);
	server_stop(&server);
}

static void server_leaves_a_polling_client(void **state)
{
	struct server_process server;
	struct fastipc_client *client;
	int result = 0;

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	start(client, HOLD, 0, 0);
	assert_int_equal(fastipc_client_dispatch(client), 0);
	done_count = done_wrong = 0;
	server_stop(&server);
	while (!result)
		result = turn(client);
	assert_result(fastipc_client_dispatch(client), -EPIPE);
	/* Its callback has run, with -EPIPE. */
	assert_int_equal(done_count, 1);
	assert_int_equal(done_wrong, 1);
	assert_result(fastipc_client_call(client, ECHO, "", 0, NULL, soon()),
		      -EPIPE);
	assert_result(fastipc_client_post(client, ECHO, "", 0, 0, soon()),
		      -EPIPE);
	assert_result(fastipc_client_flush(client), -EPIPE);
	assert_result(fastipc_client_wait(client, soon()), -EPIPE);
	fastipc_client_close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_in_a_loop),
		cmocka_unit_test(handlers_do_not_dispatch),
		cmocka_unit_test(client_in_a_loop),
		cmocka_unit_test(client_that_does_not_wait),
		cmocka_unit_test(server_leaves_a_polling_client),
	};

	return cmocka_run_group_tests_name("events", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
