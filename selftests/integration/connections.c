// SPDX-License-Identifier: MIT
/*
 * 1,024 connections, all calling; then none, and nothing is left.
 */
#include <sys/resource.h>

#include "pair.h"

#define CONNECTIONS 1024
#define ECHO 1
#define HANGUPS 2 /* u64: that the server has seen */
#define WHO 3	  /* pid_t: the thread that serves */

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, fastipc_request_data(request),
			      fastipc_request_size(request));
	return 0;
}

static void add_echo(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
}

static const struct service service = { .add = add_echo };

static void allow_descriptors(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < CONNECTIONS + 50)
		skip();
}

static void all_call(struct fastipc_client *clients[])
{
	static struct fastipc_buffer replies[CONNECTIONS];
	uint64_t ids[CONNECTIONS];
	struct fastipc_call_options call;

	fastipc_call_options_init(&call);
	call.deadline = soon();
	for (int i = 0; i < CONNECTIONS; i++) {
		call.reply = &replies[i];
		assert_result(fastipc_client_start(clients[i], ECHO, &i,
						   sizeof(i), &call, &ids[i]),
			      0);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		assert_result(fastipc_client_finish(clients[i], ids[i]), 0);
		assert_int_equal(replies[i].size, sizeof(i));
		assert_memory_equal(replies[i].data, &i, sizeof(i));
		fastipc_buffer_free(&replies[i]);
	}
}

static void many_connections(unsigned int threads)
{
	static struct fastipc_client *clients[CONNECTIONS];
	struct footprint before = footprint_now();
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;
	struct server_process server;

	allow_descriptors();
	fastipc_server_options_init(&server_options);
	server_options.threads = threads;
	server_options.ring_size = 16384;
	server_start(&server, &server_options, &service);
	fastipc_client_options_init(&options);
	options.ring_size = 16384;
	options.max_calls = 4;
	for (int i = 0; i < CONNECTIONS; i++)
		clients[i] = connect_with(server.address, &options);
	for (int round = 0; round < 3; round++)
		all_call(clients);
	/* Idle ones are woken as well. */
	usleep(100000);
	all_call(clients);
	for (int i = 0; i < CONNECTIONS; i++)
		fastipc_client_close(clients[i]);
	/* That the server has nothing left, it checks for itself. */
	server_stop(&server);
	assert_footprint(before);
}

static void one_worker(void **state)
{
	(void)state;
	many_connections(1);
}

static void four_workers(void **state)
{
	(void)state;
	many_connections(4);
}

/* ---- each connection is of one thread, and each thread has its share ---- */

#define SHARE 4u /* connections for each thread */
#define THREADS 4u

static int on_who(struct fastipc_request *request, void *context)
{
	pid_t tid = gettid();

	(void)context;
	return fastipc_request_reply(request, &tid, sizeof(tid));
}

static void add_who(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, WHO, on_who, NULL));
}

static void assert_shared(unsigned int threads)
{
	const struct service telling = { .add = add_who };
	struct fastipc_client *clients[SHARE * THREADS];
	pid_t of[SHARE * THREADS], tid;
	struct fastipc_server_options options;
	struct server_process server;

	fastipc_server_options_init(&options);
	options.threads = threads;
	server_start(&server, &options, &telling);
	for (unsigned int i = 0; i < SHARE * threads; i++) {
		clients[i] = connect_with(server.address, NULL);
		ask_for(clients[i], WHO, &of[i], sizeof(of[i]));
	}
	for (unsigned int i = 0; i < SHARE * threads; i++) {
		unsigned int same = 0;

		for (unsigned int j = 0; j < SHARE * threads; j++)
			same += of[j] == of[i];
		assert_int_equal(same, SHARE);
	}
	/* Whoever is busy meanwhile, it stays there. */
	for (unsigned int n = 0; n < 5 * SHARE * threads; n++) {
		unsigned int i = n * 7 % (SHARE * threads);

		ask_for(clients[i], WHO, &tid, sizeof(tid));
		assert_int_equal(tid, of[i]);
	}
	for (unsigned int i = 0; i < SHARE * threads; i++)
		fastipc_client_close(clients[i]);
	server_stop(&server);
}

static void shared_among_workers(void **state)
{
	(void)state;
	assert_shared(1);
	assert_shared(2);
	assert_shared(THREADS);
}

/* ---- who calls is served before those that left are seen off ---- */

static int on_hangups(struct fastipc_request *request, void *server)
{
	struct fastipc_server_stats stats = { .size = sizeof(stats) };

	check(!fastipc_server_get_stats(server, &stats));
	return fastipc_request_reply(request, &stats.hangups,
				     sizeof(stats.hangups));
}

static void add_hangups(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, HANGUPS, on_hangups, server));
}

static void calls_before_goodbyes(void **state)
{
	const struct service counting = { .add = add_hangups };
	struct fastipc_buffer reply = { 0 };
	struct fastipc_server_options options;
	struct fastipc_client *going, *calling;
	struct fastipc_call_options call;
	struct server_process server;
	uint64_t hangups, id;

	(void)state;
	fastipc_server_options_init(&options);
	options.threads = 0;
	server_start(&server, &options, &counting);
	going = connect_with(server.address, NULL);
	calling = connect_with(server.address, NULL);
	ask_for(calling, HANGUPS, &hangups, sizeof(hangups));
	assert_int_equal(hangups, 0);
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid);
	fastipc_client_close(going);
	fastipc_call_options_init(&call);
	call.deadline = soon();
	call.reply = &reply;
	assert_result(
		fastipc_client_start(calling, HANGUPS, NULL, 0, &call, &id), 0);
	assert_int_equal(kill(server.pid, SIGCONT), 0);
	assert_result(fastipc_client_finish(calling, id), 0);
	assert_int_equal(reply.size, sizeof(hangups));
	memcpy(&hangups, reply.data, sizeof(hangups));
	fastipc_buffer_free(&reply);
	assert_int_equal(hangups, 0);
	/* It may take what follows at once as well, but not for ever. */
	do
		ask_for(calling, HANGUPS, &hangups, sizeof(hangups));
	while (!hangups && fastipc_now_ns() < call.deadline);
	assert_int_equal(hangups, 1);
	fastipc_client_close(calling);
	server_stop(&server);
}

static void no_more_than_max_connections(void **state)
{
	struct fastipc_server_options server_options;
	struct fastipc_client *clients[4];
	struct fastipc_server_info info;
	struct server_process server;
	int error;

	(void)state;
	fastipc_server_options_init(&server_options);
	server_options.max_connections = 3;
	server_start(&server, &server_options, &service);
	for (int i = 0; i < 3; i++)
		clients[i] = connect_with(server.address, NULL);
	assert_result(fastipc_client_connect(server.address, NULL, &clients[3]),
		      -EUSERS);
	/* It still says so to who asks. */
	assert_result(fastipc_query(server.address, soon(), &info), 0);
	assert_int_equal(info.connections, 3);
	assert_result(
		fastipc_client_call(clients[0], ECHO, "a", 1, NULL, soon()), 0);
	fastipc_client_close(clients[1]);
	/* Its place is free soon. */
	for (uint64_t until = soon(); fastipc_now_ns() < until;) {
		error = fastipc_client_connect(server.address, NULL,
					       &clients[1]);
		if (!error)
			break;
		assert_int_equal(error, -EUSERS);
		usleep(1000);
	}
	assert_int_equal(error, 0);
	for (int i = 0; i < 3; i++)
		fastipc_client_close(clients[i]);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker),
		cmocka_unit_test(four_workers),
		cmocka_unit_test(shared_among_workers),
		cmocka_unit_test(calls_before_goodbyes),
		cmocka_unit_test(no_more_than_max_connections),
	};

	return cmocka_run_group_tests_name("connections", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
