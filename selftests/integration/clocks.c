// SPDX-License-Identifier: MIT
/*
 * A deadline reaches the server as it was meant, also from a time namespace in
 * which CLOCK_MONOTONIC is days ahead.
 */
#include <fcntl.h>
#include <sched.h>

#include "pair.h"

#define LEFT 1

#define AREA 65536u

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* How long the handler has, ns; 0: no deadline. */
static int on_left(struct fastipc_request *request, void *context)
{
	uint64_t deadline = fastipc_request_deadline(request);
	uint64_t now = fastipc_now_ns();
	uint64_t left = deadline > now ? deadline - now : 0;

	(void)context;
	check(!fastipc_request_reply(request, &left, sizeof(left)));
	return 0;
}

static void add_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, LEFT, on_left, NULL));
}

static const struct service service = { .add = add_handlers };

static void start(struct server_process *server)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.bulk_max = AREA;
	options.max_descriptors = 1;
	server_start(server, &options, &service);
}

/* The call as such, or with a loan and a descriptor along, which are written
 * into the frame elsewhere. */
static int call(struct fastipc_client *client, bool laden, uint64_t *left,
		uint64_t deadline)
{
	struct fastipc_buffer reply = { .data = left,
					.capacity = sizeof(*left),
					.fixed = true };
	const int fd = 0;
	struct fastipc_attachment attachment = { .descriptors = &fd,
						 .descriptor_count = 1 };
	int error;

	if (!laden)
		return fastipc_client_call(client, LEFT, NULL, 0, &reply,
					   deadline);
	error = fastipc_client_loan(client, 1, deadline, &attachment.loan);
	if (!error)
		error = fastipc_client_call_with(client, LEFT, NULL, 0,
						 &attachment, &reply, NULL,
						 deadline);
	return error;
}

/* Right at both ends, and by the client's clock. */
static bool deadlines_are_kept(const char *address)
{
	uint64_t left = 0, start = fastipc_now_ns();
	struct fastipc_client_options options;
	struct fastipc_client *client;
	int error;

	fastipc_client_options_init(&options);
	options.bulk_size = AREA;
	options.max_descriptors = 1;
	error = fastipc_client_connect(address, &options, &client);
	for (int i = 0; !error && i < 200; i++) {
		error = call(client, i % 2, &left, start + PATIENCE);
		if (!error && (left > PATIENCE ||
			       left + (fastipc_now_ns() - start) < PATIENCE))
			error = -ERANGE;
	}
	if (error)
		print_message("# %d: %s\n", error, fastipc_error_detail());
	fastipc_client_close(client);
	return !error;
}

static void one_clock(void **state)
{
	struct server_process server;

	(void)state;
	start(&server);
	assert_true(deadlines_are_kept(server.address));
	server_stop(&server);
}

/* Exits with 0; 1 a deadline was not kept; 2 no time namespace can be made. */
static void ahead(const char *address)
{
	static const char offset[] = "monotonic 1000000 0";
	int fd, status;
	pid_t pid;

	if (unshare(CLONE_NEWTIME))
		_exit(2);
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, offset, sizeof(offset) - 1) < 0)
		_exit(2);
	close(fd);
	/* Its children are in it. */
	pid = fork();
	if (!pid)
		_exit(deadlines_are_kept(address) ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		_exit(1);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void two_clocks(void **state)
{
	struct server_process server;
	int status;
	pid_t pid;

	(void)state;
	start(&server);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		ahead(server.address);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	server_stop(&server);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2) {
		print_message("# no time namespaces here, or no permission\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_clock),
		cmocka_unit_test(two_clocks),
	};

	return cmocka_run_group_tests_name("clocks", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
