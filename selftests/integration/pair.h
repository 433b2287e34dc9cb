/* SPDX-License-Identifier: MIT */
/*
 * A client and a server as two processes: the test is the client, a child of
 * it is the server.
 *
 * In the child, check() takes the place of cmocka's assertions, which would
 * jump back into the copy of the test runner.
 */
#ifndef SELFTESTS_INTEGRATION_PAIR_H
#define SELFTESTS_INTEGRATION_PAIR_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <fastipc/fastipc.h>

#include "footprint.h"
#include "runtime_directory.h"

#define MS 1000000ull
#define SECOND 1000000000ull

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#else
#define UNDER_ASAN 0
#endif

#define UNDER_SANITIZER (UNDER_TSAN + UNDER_ASAN)

/* Long enough for a slow and loaded machine and a sanitizer, and one that stands
 * still for a while; a hang still fails. */
#define PATIENCE (60 * SECOND * patience_times())
#define PATIENCE_MS (60000 * (int)patience_times())

/* More where all is slower, as virtual machines are: $PATIENCE. */
static inline uint64_t patience_times(void)
{
	const char *given = getenv("PATIENCE");
	uint64_t times = given ? strtoull(given, NULL, 10) : 1;

	return times ? times : 1;
}

static inline uint64_t soon(void)
{
	return fastipc_after_ns(PATIENCE);
}

#define check(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "# %s:%d: %s (%s)\n", __FILE__, \
				__LINE__, #condition, fastipc_error_detail()); \
			_exit(1); \
		} \
	} while (0)

/* What a failed call of the library left to say. */
#define assert_detail() assert_true(fastipc_error_detail()[0] != '\0')

/* The result of a call, and what the library says of it if it is another. */
#define assert_result(call, expected) \
	do { \
		long long result_ = (call); \
\
		if (result_ != (expected)) \
			print_message("# %s: %s\n", #call, \
				      fastipc_error_detail()); \
		assert_int_equal(result_, (expected)); \
		if (result_ < 0) \
			assert_detail(); \
	} while (0)

/* ---- bytes that differ from place to place and from seed to seed ---- */

/* Unwatched by TSan: these are the bytes of the test alone. */

__attribute__((no_sanitize("thread"))) static inline void
fill(void *data, size_t size, uint32_t seed)
{
	unsigned char *bytes = data;
	uint32_t state = seed * 2654435761u + 1;

	for (size_t i = 0; i < size; i++) {
		state = state * 1664525u + 1013904223u;
		bytes[i] = (unsigned char)(state >> 24);
	}
}

__attribute__((no_sanitize("thread"))) static inline void
invert(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((unsigned char *)to)[i] = ~((const unsigned char *)from)[i];
}

/* ---- the server's process ---- */

/* What a server does; each member but add may be NULL. */
struct service {
	void (*add)(struct fastipc_server *server); /* handlers */
	void (*stopped)(void);			    /* before it is destroyed */
	void (*destroyed)(void);
};

struct server_process {
	pid_t pid;
	char address[FASTIPC_NAME_MAX + 1];
};

static struct fastipc_server *this_server;
static volatile sig_atomic_t stop_told;
/* How late it looks at what there is, without threads. */
static unsigned int dispatched_late_us;

static inline void stop_this_server(int signal)
{
	(void)signal;
	stop_told = 1;
	/* Its documentation says that it may. */
	fastipc_server_stop(this_server); /* NOLINT(bugprone-signal-handler) */
}

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static inline void check_leaks(void)
{
	if (__lsan_do_recoverable_leak_check)
		check(!__lsan_do_recoverable_leak_check());
}

/* In a handler: let @answer answer @request in a thread of its own. */
static inline int answer_in_thread(struct fastipc_request *request,
				   void *(*answer)(void *request))
{
	struct fastipc_request *kept = fastipc_request_defer(request);
	pthread_t thread;

	check(kept);
	check(!pthread_create(&thread, NULL, answer, kept));
	pthread_detach(thread);
	return 0;
}

/* In a loop of the application's, if the server has no threads. */
static inline void run_this_server(bool threads)
{
	struct pollfd pollfd = { .events = POLLIN };

	if (threads) {
		check(!fastipc_server_run(this_server));
		return;
	}
	pollfd.fd = fastipc_server_fd(this_server);
	while (!stop_told) {
		check(poll(&pollfd, 1, -1) == 1 || errno == EINTR);
		if (dispatched_late_us)
			usleep(dispatched_late_us);
		check(fastipc_server_dispatch(this_server) >= 0);
	}
}

static inline void serve(const char *address,
			 const struct fastipc_server_options *options,
			 const struct service *service, int ready)
{
	struct footprint before, after;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	before = footprint_now();
	check(!fastipc_server_create(address, options, &this_server));
	service->add(this_server);
	signal(SIGTERM, stop_this_server);
	check(write(ready, "r", 1) == 1);
	run_this_server(!options || options->threads);
	if (service->stopped)
		service->stopped();
	fastipc_server_destroy(this_server);
	this_server = NULL;
	if (service->destroyed)
		service->destroyed();
	after = footprint_now();
	check(after.descriptors == before.descriptors);
	check(after.regions == before.regions);
	check_leaks();
	_exit(0);
}

static inline void server_start(struct server_process *server,
				const struct fastipc_server_options *options,
				const struct service *service)
{
	static unsigned int number;
	int ready[2];
	char byte;

	snprintf(server->address, sizeof(server->address), "server-%d-%u",
		 (int)getpid(), ++number);
	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (!server->pid) {
		close(ready[0]);
		serve(server->address, options, service, ready[1]);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static inline void assert_ended_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* It ends, holds nothing that it did not before, and its socket is gone. */
static inline void server_stop(struct server_process *server)
{
	struct fastipc_client *client;

	assert_int_equal(kill(server->pid, SIGTERM), 0);
	assert_ended_well(server->pid);
	assert_result(fastipc_client_connect(server->address, NULL, &client),
		      -ENOENT);
}

/* ---- the client ---- */

static inline struct fastipc_client *
connect_with(const char *address, const struct fastipc_client_options *options)
{
	struct fastipc_client *client = NULL;

	assert_result(fastipc_client_connect(address, options, &client), 0);
	return client;
}

/* What the server answers to a call without bytes: @size of them. */
static inline void ask_for(struct fastipc_client *client, uint16_t type,
			   void *answer, size_t size)
{
	struct fastipc_buffer reply = {
		.data = answer,
		.capacity = size,
		.fixed = true,
	};

	assert_result(
		fastipc_client_call(client, type, NULL, 0, &reply, soon()), 0);
	assert_int_equal(reply.size, size);
}

#endif
