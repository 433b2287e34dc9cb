// SPDX-License-Identifier: MIT
/*
 * What is at /dev/fastipc may be a module of another release, another driver's
 * device, or closed to this user: each is told apart, and an address that leaves
 * the choice of the transport is served without it.
 *
 * There is no such device here.  What the library asks of the system goes
 * through the functions below, which stand before those of the C library.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <fastipc/fastipc.h>

#include "footprint.h"
#include "runtime_directory.h"
#include "transport/kmod.h"

/* What is there. */
static struct {
	int open_error;	 /* of the device */
	int ioctl_error; /* of QUERY and INFO */
	uint32_t abi;
	uint32_t ring_size;
} device;

/* The descriptor that is the device, or an end. */
static int opened = -1;

int access(const char *path, int mode)
{
	if (!strcmp(path, FASTIPC_DEVICE)) {
		errno = device.open_error;
		return device.open_error ? -1 : 0;
	}
	return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list arguments;

	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_start(arguments, flags);
		mode = va_arg(arguments, mode_t);
		va_end(arguments);
	}
	if (strcmp(path, FASTIPC_DEVICE) != 0)
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (device.open_error) {
		errno = device.open_error;
		return -1;
	}
	opened = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", flags);
	return opened;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (fd != opened)
		return (int)syscall(SYS_ioctl, fd, request, argument);
	if (device.ioctl_error) {
		errno = device.ioctl_error;
		return -1;
	}
	if (request == FASTIPC_IOC_QUERY) {
		((struct fastipc_ioc_query *)argument)->abi = device.abi;
		return 0;
	}
	if (request == FASTIPC_IOC_INFO) {
		struct fastipc_ioc_info *info = argument;

		info->abi = device.abi;
		info->own_ring_size = info->peer_ring_size = device.ring_size;
		return 0;
	}
	/* It has gone too far: nothing is to be made of such a device. */
	errno = ENOSYS;
	return -1;
}

static void assert_says(int error, int expected, const char *why)
{
	assert_int_equal(error, expected);
	if (!strstr(fastipc_error_detail(), why))
		fail_msg("'%s' does not say '%s'", fastipc_error_detail(), why);
}

/* ---- what is found there ---- */

static const struct {
	int open_error;
	int ioctl_error;
	uint32_t abi;
	int expected;
	const char *why;
} others[] = {
	{ 0, 0, FASTIPC_ABI_VERSION + 1, -EPROTONOSUPPORT,
	  "install both from one release" },
	{ 0, 0, 0, -EPROTONOSUPPORT, "install both from one release" },
	{ 0, ENOTTY, 0, -EPROTONOSUPPORT, "does not answer QUERY" },
	{ 0, E2BIG, 0, -EPROTONOSUPPORT, "does not answer QUERY" },
	{ ENOENT, 0, 0, -ENODEV, "modprobe fastipc" },
	{ ENXIO, 0, 0, -ENODEV, "modprobe fastipc" },
	{ EACCES, 0, 0, -EACCES, "no permission" },
	{ EIO, 0, 0, -EIO, "cannot open " FASTIPC_DEVICE },
	{ EMFILE, 0, 0, -EMFILE, "raise RLIMIT_NOFILE" },
	{ ENFILE, 0, 0, -ENFILE, "raise fs.file-max" },
};

#define OTHERS (sizeof(others) / sizeof(others[0]))

static void be_other(size_t n)
{
	device.open_error = others[n].open_error;
	device.ioctl_error = others[n].ioctl_error;
	device.abi = others[n].abi;
}

static void other_modules_are_refused(void **state)
{
	struct fastipc_server *server = NULL;

	(void)state;
	for (size_t n = 0; n < OTHERS; n++) {
		int descriptors = count_descriptors();

		be_other(n);
		assert_says(fastipc_kmod_probe(), others[n].expected,
			    others[n].why);
		assert_says(fastipc_server_create("kmod:other", NULL, &server),
			    others[n].expected, others[n].why);
		assert_null(server);
		assert_int_equal(count_descriptors(), descriptors);
	}
}

static int echo(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static pid_t serve(int ready)
{
	struct fastipc_server *server;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fastipc_server_create("served", NULL, &server) ||
	    fastipc_server_add_handler(server, 1, echo, NULL) ||
	    write(ready, "r", 1) != 1)
		_exit(1);
	fastipc_server_run(server);
	_exit(0);
}

static void assert_answers(struct fastipc_client *client)
{
	struct fastipc_buffer reply = { 0 };

	assert_int_equal(fastipc_client_call(client, 1, "ping", 4, &reply,
					     fastipc_after_ns(60000000000u)),
			 0);
	assert_int_equal(reply.size, 4);
	assert_memory_equal(reply.data, "ping", 4);
	fastipc_buffer_free(&reply);
}

/* Without a word; only who asks for kmod is told. */
static void auto_does_without(void **state)
{
	int ready[2], wstatus;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = serve(ready[1]);
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	for (size_t n = 0; n < OTHERS; n++) {
		struct fastipc_client *client = NULL;

		be_other(n);
		assert_says(fastipc_client_connect("kmod:served", NULL,
						   &client),
			    others[n].expected, others[n].why);
		assert_null(client);
		assert_int_equal(count_mappings("memfd:fastipc"), 0);
		assert_int_equal(
			fastipc_client_connect("served", NULL, &client), 0);
		assert_true(count_mappings("memfd:fastipc") > 0);
		assert_answers(client);
		fastipc_client_close(client);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

/* ---- what a peer sends ---- */

static void other_ends_are_refused(void **state)
{
	static const struct {
		int ioctl_error;
		uint32_t abi;
		uint32_t ring_size;
		int expected;
	} ends[] = {
		{ ENOTTY, 0, 0, -EBADFD },
		{ 0, FASTIPC_ABI_VERSION + 1, 65536, -EPROTONOSUPPORT },
		{ 0, FASTIPC_ABI_VERSION, 65535, -ERANGE },
		{ 0, FASTIPC_ABI_VERSION, 0, -ERANGE },
		{ 0, FASTIPC_ABI_VERSION, 1u << 31, -ERANGE },
	};

	(void)state;
	device.open_error = 0;
	for (size_t n = 0; n < sizeof(ends) / sizeof(ends[0]); n++) {
		struct fastipc_link link = { .sock = -1 };
		int fd = open(FASTIPC_DEVICE, O_RDWR | O_CLOEXEC);
		int mappings = count_mappings("");

		assert_true(fd >= 0);
		device.ioctl_error = ends[n].ioctl_error;
		device.abi = ends[n].abi;
		device.ring_size = ends[n].ring_size;
		assert_int_equal(fastipc_kmod_attach(&link, fd),
				 ends[n].expected);
		assert_int_equal(count_mappings(""), mappings);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(other_modules_are_refused,
						runtime_directory_make,
						runtime_directory_remove),
		cmocka_unit_test_setup_teardown(auto_does_without,
						runtime_directory_make,
						runtime_directory_remove),
		cmocka_unit_test(other_ends_are_refused),
	};

	unsetenv("FASTIPC_TRANSPORT");
	return cmocka_run_group_tests_name("other_module", tests, NULL, NULL);
}
