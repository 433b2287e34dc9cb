// SPDX-License-Identifier: MIT
/*
 * A server tells who asks what it has done and who is connected, and goes on
 * with its work meanwhile; others than its own user and root are not told.
 */
#include <linux/fastipc.h>
#include <pthread.h>
#include <sched.h>

#include "pair.h"

#define CONNECTIONS 200 /* several pages */
#define CALLS 5
#define ECHO 1

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	if (!fastipc_request_is_one_way(request))
		fastipc_request_reply(request, fastipc_request_data(request),
				      fastipc_request_size(request));
	return 0;
}

static void add_echo(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
}

static const struct service service = { .add = add_echo };

/* The module lists its own channels: these are to be of memfd. */
static void start(struct server_process *server, unsigned int threads)
{
	struct fastipc_server_options options;

	setenv("FASTIPC_TRANSPORT", "memfd", 1);
	fastipc_server_options_init(&options);
	options.threads = threads;
	options.ring_size = 8192;
	server_start(server, &options, &service);
}

static struct fastipc_client *connect_small(const struct server_process *server)
{
	struct fastipc_client_options options;

	fastipc_client_options_init(&options);
	options.ring_size = 4096;
	options.wait = FASTIPC_WAIT_BLOCK;
	return connect_with(server->address, &options);
}

static void call(struct fastipc_client *client)
{
	assert_result(fastipc_client_call(client, ECHO, "0123456789", 10, NULL,
					  soon()),
		      0);
}

struct census {
	struct fastipc_connection_info infos[CONNECTIONS + 1];
	size_t count;
	size_t most;
};

static int found(const struct fastipc_connection_info *info, void *context)
{
	struct census *census = context;

	if (census->count == census->most)
		return 77;
	census->infos[census->count++] = *info;
	return 0;
}

static void take(const struct server_process *server, struct census *census)
{
	census->count = 0;
	census->most = CONNECTIONS + 1;
	assert_result(fastipc_query_connections(server->address, soon(), found,
						census),
		      0);
}

/* A server learns of a hang-up a little later. */
static void take_eventually(const struct server_process *server,
			    struct census *census, size_t count)
{
	uint64_t until = soon();

	do {
		take(server, census);
	} while (census->count != count && fastipc_now_ns() < until);
	assert_int_equal(census->count, count);
}

static void totals_are_told(void **state)
{
	struct fastipc_server_info info;
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	start(&server, 2);
	assert_result(fastipc_query(server.address, soon(), &info), 0);
	assert_int_equal(info.requests, 0);
	assert_string_equal(info.transport, "auto");
	client = connect_small(&server);
	for (int i = 0; i < CALLS; i++)
		call(client);
	assert_result(fastipc_client_post(client, ECHO, "x", 1, 0, soon()), 0);
	call(client);
	/* What is sent is counted just after it was. */
	for (uint64_t until = soon(); fastipc_now_ns() < until;) {
		assert_result(fastipc_query(server.address, soon(), &info), 0);
		if (info.bytes_sent == (CALLS + 1) * 10)
			break;
	}
	assert_int_equal(info.requests, CALLS + 2);
	assert_int_equal(info.bytes_received, (CALLS + 1) * 10 + 1);
	assert_int_equal(info.bytes_sent, (CALLS + 1) * 10);
	/* On a busy machine an answer may be there before anyone sleeps. */
	for (uint64_t until = soon();
	     !(info.sleeps && info.wakes) && fastipc_now_ns() < until;) {
		usleep(1000);
		call(client);
		assert_result(fastipc_query(server.address, soon(), &info), 0);
	}
	assert_true(info.sleeps > 0);
	assert_true(info.wakes > 0);
	fastipc_client_close(client);
	server_stop(&server);
}

static void one_is_told_in_full(void **state)
{
	const struct fastipc_connection_info *info;
	static struct census census;
	uint64_t started = fastipc_now_ns(), until = soon(), calls = 0;
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	start(&server, 1);
	take(&server, &census);
	assert_int_equal(census.count, 0);
	client = connect_small(&server);
	/* Who falls asleep writes down what it counted. */
	do {
		assert_true(fastipc_now_ns() < until);
		call(client);
		calls++;
		usleep(10000);
		take(&server, &census);
		assert_int_equal(census.count, 1);
		info = census.infos;
	} while (info->server.messages_received < calls ||
		 !info->client.sleeps || !info->server.wakes);
	assert_int_equal(info->id, 1);
	assert_true(info->age_ns > 0);
	assert_true(info->age_ns < fastipc_now_ns() - started);
	assert_int_equal(info->pid, getpid());
	assert_int_equal(info->uid, getuid());
	assert_int_equal(info->gid, getgid());
	assert_int_equal(info->server.ring_size, 8192);
	assert_int_equal(info->client.ring_size, 4096);
	assert_int_equal(info->server.state, FASTIPC_STATE_OPEN);
	assert_true(info->client.bytes_sent >= calls * 34);
	assert_int_equal(info->server.bytes_received, info->client.bytes_sent);
	assert_int_equal(info->client.bytes_received, info->server.bytes_sent);
	assert_int_equal(info->server.messages_received, calls);
	fastipc_client_close(client);
	take_eventually(&server, &census, 0);
	server_stop(&server);
}

static void all_are_told_in_order(void **state)
{
	static struct fastipc_client *clients[CONNECTIONS];
	static struct census census;
	struct server_process server;

	(void)state;
	start(&server, 3);
	for (int i = 0; i < CONNECTIONS; i++)
		clients[i] = connect_small(&server);
	take(&server, &census);
	assert_int_equal(census.count, CONNECTIONS);
	for (size_t i = 0; i < CONNECTIONS; i++)
		assert_int_equal(census.infos[i].id, i + 1);
	/* As many as are wanted. */
	census.count = 0;
	census.most = 60;
	assert_result(fastipc_query_connections(server.address, soon(), found,
						&census),
		      77);
	assert_int_equal(census.count, 60);
	/* First, last, and every second in between. */
	for (int i = 0; i < CONNECTIONS; i += 2)
		fastipc_client_close(clients[i]);
	fastipc_client_close(clients[CONNECTIONS - 1]);
	take_eventually(&server, &census, CONNECTIONS / 2 - 1);
	for (size_t i = 0; i < census.count; i++)
		assert_int_equal(census.infos[i].id, 2 * i + 2);
	for (int i = 1; i < CONNECTIONS - 1; i += 2)
		fastipc_client_close(clients[i]);
	take_eventually(&server, &census, 0);
	/* An id is never used again. */
	clients[0] = connect_small(&server);
	take_eventually(&server, &census, 1);
	assert_int_equal(census.infos[0].id, CONNECTIONS + 1);
	fastipc_client_close(clients[0]);
	server_stop(&server);
}

static bool churning;

static void *churn(void *context)
{
	const struct server_process *server = context;

	while (__atomic_load_n(&churning, __ATOMIC_RELAXED)) {
		struct fastipc_client *client = NULL;

		if (fastipc_client_connect(server->address, NULL, &client))
			continue;
		fastipc_client_call(client, ECHO, "x", 1, NULL, soon());
		fastipc_client_close(client);
	}
	return NULL;
}

static void they_come_and_go_meanwhile(void **state)
{
	static struct census census;
	struct fastipc_client *staying[60];
	struct server_process server;
	pthread_t threads[2];

	(void)state;
	start(&server, 2);
	for (int i = 0; i < 60; i++)
		staying[i] = connect_small(&server);
	__atomic_store_n(&churning, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, churn, &server), 0);
	for (int i = 0; i < 200; i++) {
		size_t there = 0;

		take(&server, &census);
		for (size_t j = 0; j < census.count; j++) {
			assert_int_equal(census.infos[j].pid, getpid());
			there += census.infos[j].id <= 60;
		}
		assert_int_equal(there, 60);
		call(staying[i % 60]);
	}
	__atomic_store_n(&churning, false, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 60; i++)
		fastipc_client_close(staying[i]);
	server_stop(&server);
}

/* From a process of another user, over a socket that all may connect to. */
static int ask_as_another(const char *address)
{
	static struct census census = { .most = 1 };
	struct fastipc_server_info info;

	if (setgid(65534) || setuid(65534) ||
	    fastipc_query(address, soon(), &info))
		return 1;
	return fastipc_query_connections(address, soon(), found, &census) !=
	       -EACCES;
}

static void others_are_not_told(void **state)
{
	char address[] = "/tmp/fastipc-census.XXXXXX/socket";
	struct fastipc_server_options options;
	struct fastipc_server *server;
	int status;
	pid_t child;

	(void)state;
	if (getuid())
		skip();
	*strrchr(address, '/') = '\0';
	assert_non_null(mkdtemp(address));
	assert_int_equal(chmod(address, 0755), 0);
	address[strlen(address)] = '/';
	fastipc_server_options_init(&options);
	options.threads = 0;
	options.mode = 0666;
	assert_result(fastipc_server_create(address, &options, &server), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(ask_as_another(address));
	while (!waitpid(child, &status, WNOHANG)) {
		fastipc_server_dispatch(server);
		sched_yield();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	fastipc_server_destroy(server);
	*strrchr(address, '/') = '\0';
	assert_int_equal(rmdir(address), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_are_told),
		cmocka_unit_test(one_is_told_in_full),
		cmocka_unit_test(all_are_told_in_order),
		cmocka_unit_test(they_come_and_go_meanwhile),
		cmocka_unit_test(others_are_not_told),
	};

	return cmocka_run_group_tests_name("census", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
