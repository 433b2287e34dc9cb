/* SPDX-License-Identifier: MIT */
/*
 * Handshakes with an end in a child process; each test leaves nothing behind.
 */
#ifndef SELFTESTS_UNIT_HANDSHAKE_H
#define SELFTESTS_UNIT_HANDSHAKE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "footprint.h"
#include "transport/hello.h"
#include "transport/transport.h"

#define MS 1000000ull
#define SIZE 16384u

static const struct fastipc_proposal proposal = {
	.checksum = FASTIPC_CHECKSUM_HEADER,
	.ring_size = SIZE,
	.max_message = 1000,
	.fingerprint = { 0x1234, 0x5678 },
	.schema_match = FASTIPC_SCHEMA_FULL,
};
static const struct fastipc_status status = { .connections = 1,
					      .threads = 2,
					      .uptime_ns = 3 };

static inline void make_pair(int socks[2])
{
	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_SEQPACKET | SOCK_NONBLOCK |
					    SOCK_CLOEXEC,
				    0, socks),
			 0);
}

static inline void wait_readable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&pollfd, 1, 60000), 1);
}

static inline void assert_exits_well(pid_t child)
{
	int wstatus;

	assert_int_equal(waitpid(child, &wstatus, 0), child);
	assert_true(WIFEXITED(wstatus));
	assert_int_equal(WEXITSTATUS(wstatus), 0);
}

/* ---- an end in a child process ---- */

/* Runs in the child; returns the child's exit status, 0: as expected. */
typedef int (*client_fn)(int sock, int expected);

static inline pid_t start(client_fn client, const int socks[2], int expected)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		close(socks[0]);
		_exit(client(socks[1], expected));
	}
	return child;
}

static inline int connect_client(int sock, int expected)
{
	struct fastipc_link link;
	int ret = fastipc_handshake_connect_fd(sock, &proposal, 0, &link);

	if (ret != expected || (ret && !*fastipc_error_detail()))
		return 1;
	fastipc_link_close(&link);
	return count_mappings("memfd:fastipc") ? 2 : 0;
}

/* Let the child be served as by fastipc_handshake_accept() with @mine. */
static inline int serve(client_fn client, const struct fastipc_proposal *mine,
			int client_result)
{
	struct fastipc_link link;
	int socks[2], ret;
	pid_t child;

	make_pair(socks);
	child = start(client, socks, client_result);
	close(socks[1]);
	wait_readable(socks[0]);
	ret = fastipc_handshake_accept(socks[0], mine, &status, &link);
	if (ret == 1)
		fastipc_link_close(&link);
	else
		close(socks[0]);
	assert_exits_well(child);
	return ret;
}

#endif
