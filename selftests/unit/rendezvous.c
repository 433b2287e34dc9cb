// SPDX-License-Identifier: MIT
/*
 * Rendezvous: addresses, the runtime directory, who may own a name, and
 * finding servers.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "footprint.h"
#include "runtime_directory.h"
#include "transport/transport.h"

#define MS 1000000ull

static const struct fastipc_proposal proposal = {
	.ring_size = FASTIPC_RING_MIN,
	.max_message = 4096,
};

static void path_of(char path[108], const char *name)
{
	snprintf(path, 108, "%s/%s", runtime_directory, name);
}

static const char *socket_path(const char *name)
{
	static char path[108];

	assert_int_equal(fastipc_address_path(name, path), 0);
	return path;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void assert_connects(const char *address, int expected)
{
	int sock =
		fastipc_rendezvous_connect(address, fastipc_after_ns(50 * MS));

	if (sock >= 0)
		close(sock);
	assert_int_equal(sock >= 0 ? 0 : sock, expected);
}

static int try_listen(const char *address)
{
	struct fastipc_rendezvous rendezvous;
	int ret = fastipc_rendezvous_listen(&rendezvous, address, 0600);

	if (!ret) {
		fastipc_rendezvous_close(&rendezvous);
		return 0;
	}
	assert_int_equal(rendezvous.fd, -1);
	assert_int_equal(rendezvous.reserve_fd, -1);
	assert_string_not_equal(fastipc_error_detail(), "");
	return ret;
}

/* A server that answers queries and nothing else, until it is killed. */
static pid_t start_server(const char *address)
{
	const struct fastipc_status status = { .connections = 3,
					       .threads = 2,
					       .uptime_ns = 1 };
	int ready[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		struct fastipc_rendezvous rendezvous;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fastipc_rendezvous_listen(&rendezvous, address, 0600) ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;) {
			struct pollfd pollfd = { rendezvous.fd, POLLIN, 0 };
			struct fastipc_link link;

			poll(&pollfd, 1, -1);
			pollfd.fd = fastipc_rendezvous_accept(&rendezvous);
			poll(&pollfd, 1, -1);
			fastipc_handshake_accept(pollfd.fd, &proposal, &status,
						 &link);
			close(pollfd.fd);
		}
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

static void kill_server(pid_t child)
{
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void make_stale(const char *address)
{
	kill_server(start_server(address));
	assert_int_equal(access(socket_path(address), F_OK), 0);
}

static void addresses_become_paths(void **state)
{
	char path[108], expected[108];

	(void)state;
	snprintf(expected, sizeof(expected), "%s/fastipc/a.b_c-9",
		 runtime_directory);
	assert_int_equal(fastipc_address_path("a.b_c-9", path), 0);
	assert_string_equal(path, expected);
	assert_int_equal(fastipc_address_path("memfd:a.b_c-9", path), 0);
	assert_string_equal(path, expected);
	assert_int_equal(fastipc_address_path("/run/../x y", path), 0);
	assert_string_equal(path, "/run/../x y");
	assert_int_equal(fastipc_address_path("./x", path), 0);
	assert_string_equal(path, "./x");
}

static void runtime_directory_depends_on_the_user(void **state)
{
	const char *values[] = { NULL, "", "relative" };
	char path[108], expected[108];

	(void)state;
	if (geteuid() == 0)
		snprintf(expected, sizeof(expected), "/run/fastipc/x");
	else
		snprintf(expected, sizeof(expected), "/tmp/fastipc-%u/x",
			 (unsigned int)geteuid());
	for (size_t i = 0; i < 3; i++) {
		if (values[i])
			setenv("XDG_RUNTIME_DIR", values[i], 1);
		else
			unsetenv("XDG_RUNTIME_DIR");
		assert_int_equal(fastipc_address_path("x", path), 0);
		assert_string_equal(path, expected);
	}
	setenv("XDG_RUNTIME_DIR", runtime_directory, 1);
}

static void bad_addresses_are_refused(void **state)
{
	const struct {
		const char *address;
		int error;
	} cases[] = {
		{ NULL, -EINVAL },
		{ "", -EINVAL },
		{ "memfd:", -EINVAL },
		{ ".", -EINVAL },
		{ "..", -EINVAL },
		{ ".hidden", -EINVAL },
		{ "memfd:..", -EINVAL },
		{ "memfd:/", -EINVAL },
		{ "kmod:memfd:a", -EINVAL },
		{ "memfd:memfd:a", -EINVAL },
		{ "tcp:host", -EINVAL },
		{ "a b", -EINVAL },
		{ "a\nb", -EINVAL },
		{ "na\xc3\xafve", -EINVAL },
		{ "/", -EINVAL },
		{ "/tmp/", -EINVAL },
		{ "/tmp/.", -EINVAL },
		{ "/tmp/..", -EINVAL },
		{ "kmod:.", -EINVAL },
		{ "kmod:", -EINVAL },
	};
	struct fastipc_server_info info;
	char path[108];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *address = cases[i].address;

		assert_int_equal(fastipc_address_path(address, path),
				 cases[i].error);
		assert_int_equal(try_listen(address), cases[i].error);
		assert_connects(address, cases[i].error);
		assert_int_equal(fastipc_query(address, 0, &info),
				 cases[i].error);
	}
}

static void long_addresses_are_refused(void **state)
{
	char name[FASTIPC_NAME_MAX + 2], path[109], out[108];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[FASTIPC_NAME_MAX + 1] = '\0';
	assert_int_equal(try_listen(name), -ENAMETOOLONG);
	assert_connects(name, -ENAMETOOLONG);
	name[FASTIPC_NAME_MAX] = '\0';
	assert_int_equal(fastipc_address_path(name, out), 0);

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[108] = '\0';
	assert_int_equal(try_listen(path), -ENAMETOOLONG);
	path[107] = '\0';
	assert_int_equal(fastipc_address_path(path, out), 0);
	assert_string_equal(out, path);

	/* A directory too long for even the shortest name. */
	setenv("XDG_RUNTIME_DIR", path, 1);
	assert_int_equal(fastipc_address_path("x", out), -ENAMETOOLONG);
	path[99] = '\0';
	setenv("XDG_RUNTIME_DIR", path, 1);
	assert_int_equal(fastipc_address_path("x", out), -ENAMETOOLONG);
	setenv("XDG_RUNTIME_DIR", runtime_directory, 1);
}

static void runtime_directory_is_private(void **state)
{
	char path[108];

	(void)state;
	assert_int_equal(try_listen("x"), 0);
	path_of(path, "fastipc");
	assert_int_equal(mode_of(path), 0700);
}

static void assert_unsafe(const char *what)
{
	if (try_listen("x") != -EACCES || access(socket_path("x"), F_OK) == 0)
		fail_msg("listening in %s was not refused", what);
	assert_connects("x", -EACCES);
	assert_int_equal(fastipc_list(NULL, NULL), -EACCES);
}

static void unsafe_runtime_directories_are_refused(void **state)
{
	char directory[108], other[108];

	(void)state;
	path_of(directory, "fastipc");
	path_of(other, "other");
	rmdir(directory);

	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(symlink(other, directory), 0);
	assert_unsafe("a symlink");
	unlink(directory);

	close(open(directory, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_unsafe("a file");
	unlink(directory);

	assert_int_equal(mkdir(directory, 0700), 0);
	assert_int_equal(chmod(directory, 0770), 0);
	assert_unsafe("a directory that a group can write");
	assert_int_equal(chmod(directory, 0702), 0);
	assert_unsafe("a directory that others can write");
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(try_listen("x"), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(directory, 4321, 4321), 0);
		assert_unsafe("somebody else's directory");
	}
	rmdir(directory);
}

static void missing_directories_are_told(void **state)
{
	(void)state;
	setenv("XDG_RUNTIME_DIR", "/nonexistent/deep", 1);
	assert_int_equal(try_listen("x"), -ENOENT);
	assert_connects("x", -ENOENT);
	assert_int_equal(fastipc_list(NULL, NULL), 0);
	setenv("XDG_RUNTIME_DIR", runtime_directory, 1);
	assert_int_equal(try_listen("/nonexistent/x"), -ENOENT);
	assert_int_equal(try_listen("/dev/null/x"), -ENOTDIR);
}

static void file_has_exactly_the_mode(void **state)
{
	const mode_t modes[] = { 0600, 0660, 0666, 0700, 0777 };
	const mode_t masks[] = { 0, 022, 077, 0777 };
	struct fastipc_rendezvous rendezvous;

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		mode_t old = umask(masks[i % 4]);
		int ret = fastipc_rendezvous_listen(&rendezvous, "./mode.sock",
						    modes[i / 4]);

		assert_int_equal(umask(old), masks[i % 4]);
		assert_int_equal(ret, 0);
		assert_int_equal(mode_of("./mode.sock"), modes[i / 4]);
		fastipc_rendezvous_close(&rendezvous);
	}
	assert_int_equal(fastipc_rendezvous_listen(&rendezvous, "m", 04600),
			 -EINVAL);
	assert_int_equal(fastipc_rendezvous_listen(&rendezvous, "m",
						   S_IFREG | 0600),
			 -EINVAL);
}

static void other_users_need_permission(void **state)
{
	struct fastipc_rendezvous rendezvous;
	char path[108];
	int status;
	pid_t child;

	(void)state;
	if (geteuid() != 0)
		skip();
	path_of(path, "theirs");
	chmod(runtime_directory, 0755);
	assert_int_equal(fastipc_rendezvous_listen(&rendezvous, path, 0600), 0);
	child = fork();
	if (!child) {
		int closed, open;

		if (setresuid(65534, 65534, 65534))
			_exit(2);
		closed = fastipc_rendezvous_connect(path, 0);
		open = try_listen(path);
		_exit(closed == -EACCES && open == -EACCES ? 0 : 1);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	fastipc_rendezvous_close(&rendezvous);
	chmod(runtime_directory, 0700);
}

static void nobody_there(void **state)
{
	struct fastipc_server_info info;

	(void)state;
	assert_connects("nobody", -ENOENT);
	assert_int_equal(fastipc_query("nobody", 0, &info), -ENOENT);
	make_stale("dead");
	assert_connects("dead", -ECONNREFUSED);
	assert_int_equal(fastipc_query("dead", 0, &info), -ECONNREFUSED);
	unlink(socket_path("dead"));
}

static void live_name_is_refused(void **state)
{
	struct fastipc_rendezvous rendezvous;

	(void)state;
	assert_int_equal(fastipc_rendezvous_listen(&rendezvous, "live", 0600),
			 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(try_listen("live"), -EADDRINUSE);
	assert_connects("live", 0);
	fastipc_rendezvous_close(&rendezvous);
	assert_int_equal(access(socket_path("live"), F_OK), -1);
	assert_int_equal(try_listen("live"), 0);
}

/* A live server whose backlog is full refuses no connection: it is alive. */
static void busy_name_is_refused(void **state)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int listener, client;

	(void)state;
	path_of(name.sun_path, "busy");
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (void *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(connect(client, (void *)&name, sizeof(name)), 0);
	assert_int_equal(try_listen(name.sun_path), -EADDRINUSE);
	assert_connects(name.sun_path, -ETIMEDOUT);
	/* A deadline that has passed is not "for ever". */
	assert_int_equal(fastipc_rendezvous_connect(name.sun_path, 1),
			 -ETIMEDOUT);
	close(client);
	close(accept(listener, NULL, NULL));
	assert_connects(name.sun_path, 0);
	close(listener);
	unlink(name.sun_path);
}

static void sockets_of_another_kind_are_told(void **state)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	path_of(name.sun_path, "stream");
	assert_int_equal(bind(listener, (void *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_connects(name.sun_path, -EPROTOTYPE);
	assert_int_equal(try_listen(name.sun_path), -EADDRINUSE);
	close(listener);
	unlink(name.sun_path);
}

static void stale_socket_is_replaced(void **state)
{
	struct fastipc_rendezvous rendezvous;

	(void)state;
	make_stale("stale");
	assert_int_equal(fastipc_rendezvous_listen(&rendezvous, "stale", 0600),
			 0);
	assert_connects("stale", 0);
	fastipc_rendezvous_close(&rendezvous);
}

static void other_files_are_left_alone(void **state)
{
	char path[108], link[108];
	int fd;

	(void)state;
	path_of(path, "precious");
	path_of(link, "link");
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "data", 4), 4);
	close(fd);
	assert_int_equal(try_listen(path), -ENOTSOCK);
	assert_connects(path, -ENOTSOCK);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(try_listen(link), -ENOTSOCK);
	assert_int_equal(access(path, F_OK), 0);
	unlink(link);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(try_listen(path), -ENOTSOCK);
	assert_connects(path, -ENOTSOCK);
	rmdir(path);
}

/* A starter: wait for the word, listen, tell how it went, live on. */
static pid_t start_racer(const int go[2], int result)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		struct fastipc_rendezvous rendezvous;
		char byte;
		int ret;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		if (read(go[0], &byte, 1)) /* until all have closed it */
			_exit(1);
		ret = fastipc_rendezvous_listen(&rendezvous, "race", 0600);
		if (write(result, &ret, sizeof(ret)) == sizeof(ret))
			pause();
		_exit(1);
	}
	return child;
}

static void one_of_many_starters_wins(void **state)
{
	(void)state;
	for (int round = 0; round < 25; round++) {
		int go[2], results[2], winners = 0;
		pid_t children[4];

		/* Each round finds the socket of the last one's dead winner. */
		assert_int_equal(pipe2(go, O_CLOEXEC), 0);
		assert_int_equal(pipe2(results, O_CLOEXEC), 0);
		for (int i = 0; i < 4; i++)
			children[i] = start_racer(go, results[1]);
		close(go[0]);
		close(go[1]);
		for (int i = 0; i < 4; i++) {
			int ret = 1;

			assert_int_equal(read(results[0], &ret, sizeof(ret)),
					 sizeof(ret));
			assert_true(ret == 0 || ret == -EADDRINUSE);
			winners += ret == 0;
		}
		assert_int_equal(winners, 1);
		assert_connects("race", 0);
		for (int i = 0; i < 4; i++)
			kill_server(children[i]);
		close(results[0]);
		close(results[1]);
	}
	unlink(socket_path("race"));
}

static void locked_directory_does_not_block(void **state)
{
	int lock = open(runtime_directory, O_RDONLY | O_CLOEXEC);
	char path[108];

	(void)state;
	path_of(path, "locked");
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(try_listen(path), -EBUSY);
	close(lock);
	assert_int_equal(try_listen(path), 0);
}

static void close_removes_only_its_own_file(void **state)
{
	struct fastipc_rendezvous first, second;

	(void)state;
	assert_int_equal(fastipc_rendezvous_listen(&first, "mine", 0600), 0);
	unlink(socket_path("mine"));
	assert_int_equal(fastipc_rendezvous_listen(&second, "mine", 0600), 0);
	fastipc_rendezvous_close(&first);
	assert_connects("mine", 0);
	fastipc_rendezvous_close(&second);
	assert_int_equal(access(socket_path("mine"), F_OK), -1);
	fastipc_rendezvous_close(&second);
}

static void accept_without_clients(void **state)
{
	struct fastipc_rendezvous rendezvous;
	int flags;

	(void)state;
	assert_int_equal(fastipc_rendezvous_listen(&rendezvous, "idle", 0600),
			 0);
	assert_int_equal(fastipc_rendezvous_accept(&rendezvous), -EAGAIN);
	assert_connects("idle", 0);
	flags = fastipc_rendezvous_accept(&rendezvous);
	assert_true(flags >= 0);
	assert_true(fcntl(flags, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(flags, F_GETFD) & FD_CLOEXEC);
	close(flags);
	fastipc_rendezvous_close(&rendezvous);
}

static pid_t start_client(const char *address, int expected)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		struct fastipc_link link;
		int ret =
			fastipc_handshake_connect(address, &proposal, 0, &link);

		fastipc_link_close(&link);
		_exit(ret == expected ? 0 : 1);
	}
	return child;
}

static void assert_exits_well(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void wait_readable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&pollfd, 1, 60000), 1);
}

/* RLIMIT_NOFILE reached: each client is told, none is left waiting. */
static void out_of_descriptors_is_told(void **state)
{
	struct fastipc_rendezvous rendezvous;
	struct fastipc_status status = { 0 };
	struct rlimit old, limit;
	struct fastipc_link link;
	pid_t client;
	int sock;

	(void)state;
	assert_int_equal(fastipc_rendezvous_listen(&rendezvous, "full", 0600),
			 0);
	getrlimit(RLIMIT_NOFILE, &old);
	for (int i = 0; i < 3; i++) {
		client = start_client("full", -EUSERS);
		wait_readable(rendezvous.fd);
		limit = (struct rlimit){ .rlim_cur = 0,
					 .rlim_max = old.rlim_max };
		/* Below the lowest: only what is closed is free again. */
		limit.rlim_cur = (rlim_t)rendezvous.reserve_fd + 1;
		setrlimit(RLIMIT_NOFILE, &limit);
		sock = fastipc_rendezvous_accept(&rendezvous);
		setrlimit(RLIMIT_NOFILE, &old);
		assert_int_equal(sock, -EUSERS);
		assert_true(rendezvous.reserve_fd >= 0);
		assert_exits_well(client);
	}
	client = start_client("full", 0);
	wait_readable(rendezvous.fd);
	sock = fastipc_rendezvous_accept(&rendezvous);
	assert_true(sock >= 0);
	wait_readable(sock);
	assert_int_equal(
		fastipc_handshake_accept(sock, &proposal, &status, &link), 1);
	assert_exits_well(client);
	if (link.kmod)
		close(sock);
	fastipc_link_close(&link);
	fastipc_rendezvous_close(&rendezvous);
}

static void query_tells_about_a_server(void **state)
{
	struct fastipc_server_info info;
	pid_t server = start_server("asked");

	(void)state;
	assert_int_equal(fastipc_query("memfd:asked", 0, &info), 0);
	assert_string_equal(info.name, "asked");
	assert_string_equal(info.path, socket_path("asked"));
	assert_int_equal(info.pid, server);
	assert_int_equal(info.uid, geteuid());
	assert_int_equal(info.connections, 3);
	assert_int_equal(info.threads, 2);
	assert_int_equal(info.uptime_ns, 1);
	assert_string_equal(info.transport, "auto");
	assert_int_equal(fastipc_query(info.path, 0, &info), 0);
	assert_string_equal(info.name, "asked");
	kill_server(server);
	unlink(socket_path("asked"));
}

struct names {
	char text[256];
	int stop_after;
};

static int append_name(const struct fastipc_server_info *info, void *context)
{
	struct names *names = context;

	size_t length = strlen(names->text);

	snprintf(names->text + length, sizeof(names->text) - length, "%s ",
		 info->name);
	return --names->stop_after ? 0 : 77;
}

/*
 * The list, as far as @stop_after, has @names: a server that takes long to answer
 * is missing in it.
 */
static void assert_lists(const char *names, int stop_after)
{
	uint64_t until = fastipc_after_ns(60000 * MS);
	struct names found;
	int result;

	do {
		assert_true(fastipc_now_ns() < until);
		found = (struct names){ .stop_after = stop_after };
		result = fastipc_list(append_name, &found);
		assert_null(strstr(found.text, "a"));
	} while (strcmp(found.text, names) != 0);
	assert_int_equal(result, stop_after ? 77 : 0);
}

static void list_has_the_live_in_order(void **state)
{
	struct fastipc_rendezvous silent;
	pid_t b, a;

	(void)state;
	assert_lists("", 0);
	b = start_server("bb");
	a = start_server("Z");
	make_stale("aa");
	assert_int_equal(fastipc_rendezvous_listen(&silent, "ab", 0600), 0);
	close(open(socket_path("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_lists("Z bb ", 0);
	assert_lists("Z ", 1);
	kill_server(a);
	kill_server(b);
	fastipc_rendezvous_close(&silent);
}

static int setup(void **state)
{
	return runtime_directory_make(state) || chdir(runtime_directory);
}

static int teardown(void **state)
{
	return chdir("/") || runtime_directory_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(addresses_become_paths),
		footprint_test(runtime_directory_depends_on_the_user),
		footprint_test(bad_addresses_are_refused),
		footprint_test(long_addresses_are_refused),
		footprint_test(runtime_directory_is_private),
		footprint_test(unsafe_runtime_directories_are_refused),
		footprint_test(missing_directories_are_told),
		footprint_test(file_has_exactly_the_mode),
		footprint_test(other_users_need_permission),
		footprint_test(nobody_there),
		footprint_test(live_name_is_refused),
		footprint_test(busy_name_is_refused),
		footprint_test(sockets_of_another_kind_are_told),
		footprint_test(stale_socket_is_replaced),
		footprint_test(other_files_are_left_alone),
		footprint_test(one_of_many_starters_wins),
		footprint_test(locked_directory_does_not_block),
		footprint_test(close_removes_only_its_own_file),
		footprint_test(accept_without_clients),
		footprint_test(out_of_descriptors_is_told),
		footprint_test(query_tells_about_a_server),
		footprint_test(list_has_the_live_in_order),
	};

	return cmocka_run_group_tests_name("rendezvous", tests, setup,
					   teardown);
}
