// SPDX-License-Identifier: MIT
/*
 * SIGKILL in the middle of a call, at either end, in each way of waiting: the
 * other end learns of it at once, and goes on.
 */
#include "peer.h"

#define HOLD 3
#define SLOW 4

static int on_hold(struct fastipc_request *request, void *context)
{
	(void)context;
	/* For ever; the server of this test is killed. */
	check(fastipc_request_defer(request));
	return 0;
}

static int on_slow(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	usleep(100000);
	return 0;
}

static void add_slow_handlers(struct fastipc_server *server)
{
	add_handlers(server);
	check(!fastipc_server_add_handler(server, HOLD, on_hold, NULL));
	check(!fastipc_server_add_handler(server, SLOW, on_slow, NULL));
}

static const struct service service = { .add = add_slow_handlers };

static void start_server(struct server_process *server, enum fastipc_wait wait)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.wait = wait;
	server_start(server, &options, &service);
}

static void reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* ---- clients that die ---- */

static pid_t call_for_ever(const char *address, uint16_t type, size_t size,
			   enum fastipc_wait wait)
{
	struct fastipc_client_options options;
	struct fastipc_client *client;
	unsigned char *data;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	data = calloc(1, size + 1);
	check(data);
	fastipc_client_options_init(&options);
	options.wait = wait;
	check(!fastipc_client_connect(address, &options, &client));
	for (;;)
		check(!fastipc_client_call(client, type, data, size, NULL,
					   soon()));
}

static void wait_for_requests(struct fastipc_client *good, uint64_t bytes)
{
	uint64_t until = soon();

	while (stats_of(good).bytes_received < bytes ||
	       stats_of(good).connections < 2) {
		assert_true(fastipc_now_ns() < until);
		usleep(500);
	}
}

static void clients_die(enum fastipc_wait wait)
{
	struct server_process server;
	struct fastipc_client *good;
	pid_t pid;

	start_server(&server, wait);
	good = connect_with(server.address, NULL);
	/* While the server handles its call. */
	pid = call_for_ever(server.address, SLOW, 100, wait);
	wait_for_requests(good, 100);
	kill(pid, SIGKILL);
	reap(pid);
	assert_served(good);
	assert_alone(good);
	/* At any point of a transfer. */
	for (useconds_t delay = 500; delay < 40000; delay *= 3) {
		pid = call_for_ever(server.address, ECHO, 10000000, wait);
		wait_for_requests(good, 0);
		usleep(delay);
		kill(pid, SIGKILL);
		reap(pid);
		assert_served(good);
		assert_alone(good);
	}
	fastipc_client_close(good);
	server_stop(&server);
}

static void clients_die_in_each_mode(void **state)
{
	(void)state;
	clients_die(FASTIPC_WAIT_ADAPTIVE);
	clients_die(FASTIPC_WAIT_SPIN);
	clients_die(FASTIPC_WAIT_BLOCK);
}

/* ---- servers that die ---- */

/* Kills @pid after @delay; the pipe tells when it did. */
static pid_t kill_later(pid_t pid, useconds_t delay, int done)
{
	pid_t killer = fork();

	assert_true(killer >= 0);
	if (!killer) {
		uint64_t now;

		usleep(delay);
		kill(pid, SIGKILL);
		now = fastipc_now_ns();
		check(write(done, &now, sizeof(now)) == sizeof(now));
		_exit(0);
	}
	return killer;
}

static void assert_name_is_free(const char *address)
{
	struct fastipc_server *server;

	/* The dead one's socket is still there, and is replaced. */
	assert_result(fastipc_server_create(address, NULL, &server), 0);
	fastipc_server_destroy(server);
}

static void server_dies(enum fastipc_wait wait, uint16_t type, size_t size,
			useconds_t delay)
{
	struct footprint before = footprint_now();
	unsigned char *data = calloc(1, size + 1);
	struct fastipc_client_options options;
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;
	uint64_t killed, learned;
	int done[2], error;
	pid_t killer;

	assert_non_null(data);
	assert_int_equal(pipe(done), 0);
	start_server(&server, wait);
	fastipc_client_options_init(&options);
	options.wait = wait;
	client = connect_with(server.address, &options);
	killer = kill_later(server.pid, delay, done[1]);
	do {
		error = fastipc_client_call(client, type, data, size, &reply,
					    soon());
	} while (!error);
	learned = fastipc_now_ns();
	assert_result(error, -EPIPE);
	assert_int_equal(read(done[0], &killed, sizeof(killed)),
			 sizeof(killed));
	assert_true(learned < killed + PATIENCE / 4);
	assert_result(fastipc_client_call(client, ECHO, "", 0, NULL, soon()),
		      -EPIPE);
	assert_result(fastipc_client_ping(client, soon(), NULL), -EPIPE);
	fastipc_client_close(client);
	fastipc_buffer_free(&reply);
	free(data);
	close(done[0]);
	close(done[1]);
	assert_ended_well(killer);
	reap(server.pid);
	assert_result(fastipc_client_connect(server.address, NULL, &client),
		      -ECONNREFUSED);
	assert_name_is_free(server.address);
	assert_footprint(before);
}

static void servers_die_while_a_client_waits(void **state)
{
	(void)state;
	server_dies(FASTIPC_WAIT_ADAPTIVE, HOLD, 10, 30000);
	server_dies(FASTIPC_WAIT_SPIN, HOLD, 10, 30000);
	server_dies(FASTIPC_WAIT_BLOCK, HOLD, 10, 30000);
	/* While the client sleeps on its futex, and while it polls. */
	server_dies(FASTIPC_WAIT_BLOCK, HOLD, 10, 3000);
	server_dies(FASTIPC_WAIT_BLOCK, HOLD, 10, 200000);
}

static void servers_die_in_a_transfer(void **state)
{
	(void)state;
	for (useconds_t delay = 10000; delay < 60000; delay += 20000) {
		server_dies(FASTIPC_WAIT_ADAPTIVE, ECHO, 10000000, delay);
		server_dies(FASTIPC_WAIT_SPIN, ECHO, 10000000, delay);
		server_dies(FASTIPC_WAIT_BLOCK, ECHO, 10000000, delay);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_die_in_each_mode),
		cmocka_unit_test(servers_die_while_a_client_waits),
		cmocka_unit_test(servers_die_in_a_transfer),
	};

	seed_random();
	return cmocka_run_group_tests_name("death", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
