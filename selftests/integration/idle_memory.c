// SPDX-License-Identifier: MIT
/*
 * What a server keeps of large messages: buffers for the next one, of those
 * connections that are busy; the largest for a moment only.
 */
#include <malloc.h>

#include "pair.h"

#define CONNECTIONS 128
/* A worker sleeps on so many by futex: these are not idle.  Each keeps a
 * request's buffer, and a reply's. */
#define BUSY 32
#define ECHO 1
#define MIB (1u << 20)

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static void add_echo(struct fastipc_server *server)
{
	/* What is freed is given back: its own choice is not the test's. */
	check(mallopt(M_MMAP_THRESHOLD, 64 << 10));
	/* And each page is one that can be counted. */
	check(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
}

static const struct service service = { .add = add_echo };

/* Bytes that are private to the server. */
static unsigned long private_bytes(const struct server_process *server)
{
	unsigned long kib = 0;
	char path[64], line[256];
	FILE *rollup;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", server->pid);
	rollup = fopen(path, "re");
	assert_non_null(rollup);
	while (fgets(line, sizeof(line), rollup))
		if (sscanf(line, "Anonymous: %lu kB", &kib) == 1)
			break;
	fclose(rollup);
	return kib << 10;
}

static void call(struct fastipc_client *client, size_t size)
{
	struct fastipc_buffer reply = { 0 };
	unsigned char *data = calloc(1, size);

	assert_non_null(data);
	assert_result(fastipc_client_call(client, ECHO, data, size, &reply,
					  soon()),
		      0);
	assert_int_equal(reply.size, size);
	fastipc_buffer_free(&reply);
	free(data);
}

/* It needs a moment to become idle; who has slept since then has gone to sleep
 * for one that calls on. */
static void assert_falls_below(const struct server_process *server,
			       struct fastipc_client *client,
			       unsigned long most)
{
	uint64_t until = soon();

	while (private_bytes(server) > most) {
		assert_true(fastipc_now_ns() < until);
		usleep(50000);
		call(client, 1);
	}
}

static void idle_connections_keep_nothing(void **state)
{
	static struct fastipc_client *clients[CONNECTIONS];
	struct server_process server;
	unsigned long before;

	(void)state;
	if (UNDER_SANITIZER)
		skip();
	server_start(&server, NULL, &service);
	for (int i = 0; i < CONNECTIONS; i++) {
		assert_result(fastipc_client_connect(server.address, NULL,
						     &clients[i]),
			      0);
		call(clients[i], 1);
	}
	before = private_bytes(&server);
	for (int i = 0; i < CONNECTIONS; i++)
		call(clients[i], MIB);
	assert_falls_below(&server, clients[0], before + (2 * BUSY + 8) * MIB);
	for (int i = 0; i < CONNECTIONS; i++)
		fastipc_client_close(clients[i]);
	server_stop(&server);
}

static unsigned long page_faults(const struct server_process *server)
{
	unsigned long faults = 0;
	char path[64], line[512], *rest;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", server->pid);
	stat = fopen(path, "re");
	assert_non_null(stat);
	assert_non_null(fgets(line, sizeof(line), stat));
	fclose(stat);
	/* The name, in parentheses, may have spaces. */
	rest = strrchr(line, ')');
	assert_non_null(rest);
	assert_int_equal(
		sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %lu", &faults), 1);
	return faults;
}

/* Request and answer each in memory that was there before. */
static void the_largest_are_used_again(void **state)
{
	struct fastipc_client *client;
	struct server_process server;
	unsigned long before, one;
	uint64_t start;

	(void)state;
	if (UNDER_SANITIZER)
		skip();
	server_start(&server, NULL, &service);
	assert_result(fastipc_client_connect(server.address, NULL, &client), 0);
	before = page_faults(&server);
	call(client, 15 * MIB);
	one = page_faults(&server) - before;
	assert_true(one > 15 * MIB / 4096);
	before = page_faults(&server);
	start = fastipc_now_ns();
	for (int i = 0; i < 10; i++)
		call(client, 15 * MIB);
	/* Somebody else may have had the CPU for longer than they are kept; and
	 * some machines take as long for a call. */
	if (fastipc_now_ns() - start < 10 * 50 * MS)
		assert_true(page_faults(&server) - before < 4 * one);
	else
		print_message("# too slow to tell\n");
	fastipc_client_close(client);
	server_stop(&server);
}

/* Though nobody calls any more. */
static void the_largest_go_by_themselves(void **state)
{
	struct fastipc_client *client;
	struct server_process server;
	uint64_t until = soon();
	unsigned long before;

	(void)state;
	if (UNDER_SANITIZER)
		skip();
	server_start(&server, NULL, &service);
	assert_result(fastipc_client_connect(server.address, NULL, &client), 0);
	call(client, 1);
	before = private_bytes(&server);
	call(client, 15 * MIB);
	while (private_bytes(&server) > before + 3 * MIB) {
		assert_true(fastipc_now_ns() < until);
		usleep(50000);
	}
	fastipc_client_close(client);
	server_stop(&server);
}

static void the_largest_are_not_kept(void **state)
{
	struct fastipc_client *client;
	struct server_process server;
	unsigned long before;

	(void)state;
	if (UNDER_SANITIZER)
		skip();
	server_start(&server, NULL, &service);
	assert_result(fastipc_client_connect(server.address, NULL, &client), 0);
	call(client, 1);
	before = private_bytes(&server);
	call(client, 15 * MIB);
	assert_falls_below(&server, client, before + 3 * MIB);
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_connections_keep_nothing),
		cmocka_unit_test(the_largest_are_not_kept),
		cmocka_unit_test(the_largest_are_used_again),
		cmocka_unit_test(the_largest_go_by_themselves),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("idle memory", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
