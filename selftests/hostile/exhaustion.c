// SPDX-License-Identifier: MIT
/*
 * When descriptors or memory run out, at either end, and clients that connect
 * and say nothing, or anything but HELLO.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include "attacked.h"
#include "transport/hello.h"

#define CLIENTS 100

/* Who takes longer than @handshake_ns to say HELLO is refused. */
static void begin_within(uint64_t handshake_ns)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.handshake_timeout_ns = handshake_ns;
	begin_with(&options, &attacked);
}

static void begin(void)
{
	begin_within(PATIENCE);
}

/* Lower a limit of the server's; returns what it was. */
static struct rlimit limit_server(__rlimit_resource_t resource, rlim_t to)
{
	struct rlimit old, new;

	assert_int_equal(prlimit(server.pid, resource, NULL, &old), 0);
	new = old;
	new.rlim_cur = to;
	assert_int_equal(prlimit(server.pid, resource, &new, NULL), 0);
	return old;
}

static int descriptors_of_server(void)
{
	char path[64];
	DIR *directory;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)server.pid);
	directory = opendir(path);
	assert_non_null(directory);
	for (struct dirent *e = readdir(directory); e; e = readdir(directory))
		count += e->d_name[0] != '.';
	closedir(directory);
	return count;
}

static void connect_again(void)
{
	uint64_t until = soon();
	struct fastipc_client *client;
	int error;

	while ((error = fastipc_client_connect(server.address, NULL,
					       &client)) == -EUSERS) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
	assert_result(error, 0);
	assert_served(client);
	fastipc_client_close(client);
}

static void server_without_descriptors(void **state)
{
	struct fastipc_client *clients[CLIENTS];
	uint64_t until = soon();
	struct rlimit old;
	int count, error = 0;

	(void)state;
	begin();
	old = limit_server(RLIMIT_NOFILE, (rlim_t)descriptors_of_server() + 10);
	for (count = 0; count < CLIENTS; count++) {
		error = fastipc_client_connect(server.address, NULL,
					       &clients[count]);
		if (error)
			break;
	}
	assert_result(error, -EUSERS);
	assert_non_null(strstr(fastipc_error_detail(), "close some, or raise"));
	assert_true(count >= 5);
	for (int i = 0; i < 20; i++)
		assert_result(fastipc_client_connect(server.address, NULL,
						     &clients[count]),
			      -EUSERS);
	assert_served(good);
	for (int i = 0; i < count; i++)
		assert_served(clients[i]);
	while (stats_of(good).refused < 21) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
	while (count--)
		fastipc_client_close(clients[count]);
	connect_again();
	prlimit(server.pid, RLIMIT_NOFILE, &old, NULL);
	connect_again();
	end();
}

static unsigned long address_space_of_server(void)
{
	char path[64];
	unsigned long pages = 0;
	FILE *statm;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)server.pid);
	statm = fopen(path, "re");
	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%lu", &pages), 1);
	fclose(statm);
	return pages * 4096;
}

static void server_without_memory(void **state)
{
	struct fastipc_client *clients[CLIENTS];
	uint64_t until = soon();
	struct rlimit old;
	int count, error = 0;

	(void)state;
	if (UNDER_SANITIZER)
		skip();
	begin();
	old = limit_server(RLIMIT_AS, address_space_of_server() + (3 << 20));
	for (count = 0; count < CLIENTS; count++) {
		error = fastipc_client_connect(server.address, NULL,
					       &clients[count]);
		if (error)
			break;
	}
	assert_result(error, -ENOMEM);
	assert_non_null(strstr(fastipc_error_detail(), "close some, or give"));
	assert_served(good);
	for (int i = 0; i < count; i++)
		assert_served(clients[i]);
	/* It refuses first and counts then, in another thread. */
	while (!stats_of(good).refused) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
	while (count--)
		fastipc_client_close(clients[count]);
	assert_alone(good);
	connect_again();
	prlimit(server.pid, RLIMIT_AS, &old, NULL);
	end();
}

static void limited_client(__rlimit_resource_t resource, rlim_t to,
			   int expected)
{
	struct footprint before;
	struct fastipc_client *client;
	struct rlimit old, new;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid) {
		assert_ended_well(pid);
		return;
	}
	/* Not the parent's: channels of the module are not inherited. */
	if (resource == RLIMIT_AS)
		to += address_space();
	before = footprint_now();
	check(!getrlimit(resource, &old));
	new = old;
	new.rlim_cur = to;
	for (int i = 0; i < 5; i++) {
		int error;

		check(!setrlimit(resource, &new));
		error = fastipc_client_connect(server.address, NULL, &client);
		check(!setrlimit(resource, &old));
		if (error != expected)
			fprintf(stderr, "# resource %d, limit %llu: %d\n",
				(int)resource, (unsigned long long)to, error);
		check(error == expected);
		check(strstr(fastipc_error_detail(), "raise RLIMIT_"));
		check(footprint_now().descriptors == before.descriptors);
		check(footprint_now().regions == before.regions);
	}
	check(!fastipc_client_connect(server.address, NULL, &client));
	check(!fastipc_client_call(client, ECHO, "a", 1, NULL, soon()));
	fastipc_client_close(client);
	_exit(0);
}

static void client_without_anything(void **state)
{
	int next;

	(void)state;
	begin();
	next = dup(0);
	close(next);
	for (int more = 0; more < 3; more++)
		limited_client(RLIMIT_NOFILE, (rlim_t)next + (rlim_t)more,
			       -EMFILE);
	/* For no region, and for its own but not for the server's. */
	if (!UNDER_SANITIZER) {
		limited_client(RLIMIT_AS, 300 << 10, -ENOMEM);
		limited_client(RLIMIT_AS, 900 << 10, -ENOMEM);
	}
	assert_served(good);
	end();
}

/* ---- those who do not say HELLO ---- */

static int hello_socket(void)
{
	int sock = fastipc_rendezvous_connect(server.address, soon());

	assert_true(sock >= 0);
	return sock;
}

/* The server refuses with @error, or hangs up if it is 0. */
static void assert_refused(int sock, int error)
{
	struct pollfd pollfd = { .fd = sock, .events = POLLIN };
	struct fastipc_hello hello;
	int fds[FASTIPC_HELLO_FDS];
	int result;

	assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
	result = fastipc_hello_receive(sock, &hello, fds);
	assert_int_equal(result, error ? 0 : -EPIPE);
	if (error) {
		assert_int_equal(hello.kind, FASTIPC_HELLO_REFUSE);
		assert_int_equal(hello.error, error);
	}
	assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
	assert_true(pollfd.revents & POLLHUP);
	close(sock);
}

static void silent_clients(void **state)
{
	int socks[CLIENTS];
	uint64_t start, until = soon();

	(void)state;
	begin_within(2 * SECOND);
	start = fastipc_now_ns();
	for (int i = 0; i < CLIENTS; i++)
		socks[i] = hello_socket();
	assert_served(good);
	connect_again();
	for (int i = 0; i < CLIENTS; i++)
		assert_refused(socks[i], -ETIMEDOUT);
	assert_true(fastipc_now_ns() - start >= 2 * SECOND);
	/* The last is counted after it was told. */
	while (stats_of(good).handshake_errors < CLIENTS)
		assert_true(fastipc_now_ns() < until);
	assert_int_equal(stats_of(good).handshake_errors, CLIENTS);
	assert_served(good);
	end();
}

/* More than the server looks at in one go. */
#define HASTY 80

static void assert_answered(int sock)
{
	struct pollfd pollfd = { .fd = sock, .events = POLLIN };
	struct fastipc_hello hello;
	int fds[FASTIPC_HELLO_FDS];

	assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
	assert_int_equal(fastipc_hello_receive(sock, &hello, fds), 0);
	assert_int_equal(hello.kind, FASTIPC_HELLO_STATUS);
}

/* False: this machine is so slow that they did not say it in time. */
static bool say_hello_to_a_stopped_server(uint64_t timeout)
{
	struct fastipc_server_options options;
	struct fastipc_hello hello;
	int socks[HASTY], before;
	uint64_t start;
	bool in_time;

	fastipc_server_options_init(&options);
	options.handshake_timeout_ns = timeout;
	begin_with(&options, &attacked);
	assert_served(good);
	before = descriptors_of_server();
	start = fastipc_now_ns();
	for (int i = 0; i < HASTY; i++)
		socks[i] = hello_socket();
	while (descriptors_of_server() < before + HASTY &&
	       fastipc_now_ns() < start + timeout)
		usleep(1000);
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid);
	fastipc_hello_init(&hello, FASTIPC_HELLO_QUERY);
	for (int i = 0; i < HASTY; i++)
		fastipc_hello_send(socks[i], &hello, NULL, 0);
	in_time = fastipc_now_ns() < start + timeout;
	if (in_time)
		usleep((useconds_t)(timeout / 1000) + 1000);
	assert_int_equal(kill(server.pid, SIGCONT), 0);
	for (int i = 0; i < HASTY; i++) {
		if (in_time)
			assert_answered(socks[i]);
		close(socks[i]);
	}
	if (in_time)
		assert_int_equal(stats_of(good).handshake_errors, 0);
	end();
	return in_time;
}

/* Who said HELLO in time is answered, also if the server looks too late. */
static void hellos_while_it_is_stopped(void **state)
{
	(void)state;
	for (uint64_t timeout = SECOND / 2;
	     !say_hello_to_a_stopped_server(timeout); timeout *= 4)
		assert_true(timeout < PATIENCE);
}

static void wrong_hellos(void **state)
{
	uint64_t seed = seed_random();
	struct fastipc_hello hello;
	int sock;

	(void)state;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	begin();
	/* Half of one; no region; a later version; none at all. */
	fastipc_hello_init(&hello, FASTIPC_HELLO_CONNECT);
	sock = hello_socket();
	assert_true(send(sock, &hello, sizeof(hello) / 2, 0) > 0);
	assert_refused(sock, -EBADMSG);
	sock = hello_socket();
	assert_int_equal(fastipc_hello_send(sock, &hello, NULL, 0), 0);
	assert_refused(sock, -EBADMSG);
	hello.version = hello.version_min = 9;
	sock = hello_socket();
	assert_int_equal(fastipc_hello_send(sock, &hello, NULL, 0), 0);
	assert_refused(sock, -EPROTONOSUPPORT);
	sock = hello_socket();
	shutdown(sock, SHUT_WR);
	assert_refused(sock, 0);
	for (int i = 0; i < 200; i++) {
		unsigned char bytes[300];

		random_bytes(bytes, sizeof(bytes));
		if (i % 2)
			memcpy(bytes, &hello, random_number() % 64);
		sock = hello_socket();
		assert_true(send(sock, bytes, 1 + random_number() % 300, 0) >
			    0);
		if (i % 20 == 0)
			assert_served(good);
		close(sock);
	}
	assert_served(good);
	connect_again();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_without_descriptors),
		cmocka_unit_test(server_without_memory),
		cmocka_unit_test(client_without_anything),
		cmocka_unit_test(silent_clients),
		cmocka_unit_test(hellos_while_it_is_stopped),
		cmocka_unit_test(wrong_hellos),
	};

	seed_random();
	return cmocka_run_group_tests_name("exhaustion", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
