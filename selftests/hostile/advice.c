// SPDX-License-Identifier: MIT
/*
 * What may go wrong between a client and a server: each is an error of its own,
 * and the sentence beside it says what to do.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "peer.h"
#include "transport/hello.h"

#define LIMIT 1000u

static void assert_advice(int error, int expected, const char *advice)
{
	assert_int_equal(error, expected);
	if (!strstr(fastipc_error_detail(), advice))
		fail_msg("'%s' does not say '%s'", fastipc_error_detail(),
			 advice);
}

static void assert_connect(const char *address, int expected,
			   const char *advice)
{
	struct fastipc_client_options options;
	struct fastipc_client *client = NULL;

	fastipc_client_options_init(&options);
	if (expected == -ETIMEDOUT)
		options.connect_timeout_ns = 100 * MS;
	assert_advice(fastipc_client_connect(address, &options, &client),
		      expected, advice);
	assert_null(client);
}

static void assert_create(const char *address, int expected, const char *advice)
{
	struct fastipc_server *server = NULL;

	assert_advice(fastipc_server_create(address, NULL, &server), expected,
		      advice);
	assert_null(server);
}

/* ---- names ---- */

static void nobody_is_there(void **state)
{
	(void)state;
	assert_connect("nobody", -ENOENT, "start it, or check the name");
}

static void name_is_in_use(void **state)
{
	struct server_process server;

	(void)state;
	server_start(&server, NULL, &attacked);
	assert_create(server.address, -EADDRINUSE, "choose another name");
	server_stop(&server);
}

static void name_is_too_long(void **state)
{
	char name[FASTIPC_NAME_MAX + 2], path[300];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_connect(name, -ENAMETOOLONG, "choose a shorter one");
	assert_create(name, -ENAMETOOLONG, "choose a shorter one");
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_connect(path, -ENAMETOOLONG, "choose a shorter");
	assert_create(path, -ENAMETOOLONG, "choose a shorter");
}

static void no_permission(void **state)
{
	struct server_process server;
	char path[200];
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	server_start(&server, NULL, &attacked);
	assert_int_equal(chmod(runtime_directory, 0755), 0);
	snprintf(path, sizeof(path), "%s/fastipc", runtime_directory);
	assert_int_equal(chmod(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/fastipc/%s", runtime_directory,
		 server.address);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct fastipc_client *client;

		check(!setresuid(65534, 65534, 65534));
		check(fastipc_client_connect(path, NULL, &client) == -EACCES);
		check(strstr(fastipc_error_detail(), "must set another mode"));
		_exit(0);
	}
	assert_ended_well(pid);
	server_stop(&server);
}

/* ---- a server that is none ---- */

enum answer {
	SILENCE,
	NOISE,
	OTHER_VERSION,
	NO_SEALS,
	WRONG_SIZE,
};

/* A region as it should be, but for one thing. */
static int make_region(enum answer answer)
{
	off_t length = FASTIPC_CONTROL_SIZE + HOSTILE_RING;
	int fd = memfd_create("fastipc", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	check(fd >= 0);
	check(!ftruncate(fd, answer == WRONG_SIZE ? length - 1 : length));
	if (answer != NO_SEALS)
		check(!fcntl(fd, F_ADD_SEALS,
			     F_SEAL_SHRINK | F_SEAL_GROW |
				     F_SEAL_FUTURE_WRITE));
	return fd;
}

static void answer_hello(int sock, enum answer answer)
{
	struct fastipc_hello hello;
	int fd = -1;

	fastipc_hello_init(&hello, FASTIPC_HELLO_ACCEPT);
	hello.checksum = FASTIPC_CHECKSUM_FULL;
	hello.ring_size = HOSTILE_RING;
	hello.max_message = LIMIT;
	switch (answer) {
	case SILENCE:
		return;
	case NOISE:
		random_bytes(&hello, sizeof(hello));
		break;
	case OTHER_VERSION:
		hello.version = hello.version_min = 9;
		break;
	default:
		fd = make_region(answer);
		break;
	}
	check(!fastipc_hello_send(sock, &hello, &fd, fd >= 0));
}

static pid_t start_impostor(struct fastipc_rendezvous *rendezvous,
			    enum answer answer)
{
	pid_t pid;

	assert_result(fastipc_rendezvous_listen(rendezvous, "impostor", 0600),
		      0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct pollfd pollfd = { .fd = rendezvous->fd,
					 .events = POLLIN };
		int sock;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		check(poll(&pollfd, 1, PATIENCE_MS) == 1);
		sock = fastipc_rendezvous_accept(rendezvous);
		check(sock >= 0);
		answer_hello(sock, answer);
		pollfd.fd = sock;
		pollfd.events = 0; /* until it hangs up */
		poll(&pollfd, 1, PATIENCE_MS);
		_exit(0);
	}
	return pid;
}

static void impostors(void **state)
{
	static const struct {
		enum answer answer;
		int expected;
		const char *advice;
	} cases[] = {
		{ SILENCE, -ETIMEDOUT, "is it stopped or overloaded?" },
		{ NOISE, -EBADMSG, "is it a fastipc peer?" },
		{ OTHER_VERSION, -EPROTONOSUPPORT,
		  "use the same libfastipc on both" },
		{ NO_SEALS, -EBADFD, "must have SHRINK, GROW and FUTURE" },
		{ WRONG_SIZE, -ERANGE, "must be 4096 and a power of two" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fastipc_rendezvous rendezvous;
		pid_t pid = start_impostor(&rendezvous, cases[i].answer);

		assert_connect("memfd:impostor", cases[i].expected,
			       cases[i].advice);
		assert_ended_well(pid);
		fastipc_rendezvous_close(&rendezvous);
	}
}

/* ---- calls ---- */

static void message_is_too_long(void **state)
{
	static const char data[LIMIT + 1];
	struct fastipc_server_options options;
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	fastipc_server_options_init(&options);
	options.max_message = LIMIT;
	server_start(&server, &options, &attacked);
	client = connect_with(server.address, NULL);
	assert_advice(fastipc_client_call(client, ECHO, data, sizeof(data),
					  NULL, soon()),
		      -EMSGSIZE, "raise the server's max_message");
	assert_served(client);
	fastipc_client_close(client);
	server_stop(&server);
}

static void reply_is_too_long(void **state)
{
	static const char data[LIMIT + 1];
	struct fastipc_client_options options;
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &attacked);
	fastipc_client_options_init(&options);
	options.max_message = LIMIT;
	client = connect_with(server.address, &options);
	assert_advice(fastipc_client_call(client, ECHO, data, sizeof(data),
					  NULL, soon()),
		      -EMSGSIZE, "raise the client's max_message");
	assert_served(client);
	fastipc_client_close(client);
	server_stop(&server);
}

static void server_is_killed(void **state)
{
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &attacked);
	client = connect_with(server.address, NULL);
	assert_served(client);
	kill(server.pid, SIGKILL);
	assert_int_equal(waitpid(server.pid, NULL, 0), server.pid);
	assert_advice(fastipc_client_call(client, ECHO, "", 0, NULL, soon()),
		      -EPIPE, "connect again");
	fastipc_client_close(client);
	assert_connect(server.address, -ECONNREFUSED, "start it again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(nobody_is_there),
		footprint_test(name_is_in_use),
		footprint_test(name_is_too_long),
		footprint_test(no_permission),
		footprint_test(impostors),
		footprint_test(message_is_too_long),
		footprint_test(reply_is_too_long),
		footprint_test(server_is_killed),
	};

	seed_random();
	return cmocka_run_group_tests_name("advice", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
