// SPDX-License-Identifier: MIT
/*
 * The handshake: what two ends agree on, and what an end does with a stranger
 * who sends anything else.
 */
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

static void make_pair(int socks[2])
{
	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_SEQPACKET | SOCK_NONBLOCK |
					    SOCK_CLOEXEC,
				    0, socks),
			 0);
}

static void wait_readable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&pollfd, 1, 5000), 1);
}

static void assert_exits_well(pid_t child)
{
	int wstatus;

	assert_int_equal(waitpid(child, &wstatus, 0), child);
	assert_true(WIFEXITED(wstatus));
	assert_int_equal(WEXITSTATUS(wstatus), 0);
}

/* ---- an end in a child process ---- */

/* Runs in the child; returns the child's exit status, 0: as expected. */
typedef int (*client_fn)(int sock, int expected);

static pid_t start(client_fn client, const int socks[2], int expected)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		close(socks[0]);
		_exit(client(socks[1], expected));
	}
	return child;
}

static int connect_client(int sock, int expected)
{
	struct fastipc_link link;
	int ret = fastipc_handshake_connect_fd(sock, &proposal, 0, &link);

	if (ret != expected || (ret && !*fastipc_error_detail()))
		return 1;
	fastipc_link_close(&link);
	return count_mappings("memfd:fastipc") ? 2 : 0;
}

/* Let the child be served as by fastipc_handshake_accept() with @mine. */
static int serve(client_fn client, const struct fastipc_proposal *mine,
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

/* ---- raw HELLOs, as a stranger sends them ---- */

static void send_raw(int sock, const void *data, size_t size, const int *fds,
		     size_t count)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), size);
}

/* A valid HELLO and the region it speaks of. */
struct offer {
	struct fastipc_hello hello;
	struct fastipc_region region;
	int fd;
};

static void make_offer(struct offer *offer, enum fastipc_hello_kind kind)
{
	fastipc_hello_init(&offer->hello, kind);
	offer->hello.ring_size = SIZE;
	offer->hello.max_message = 1000;
	assert_int_equal(
		fastipc_region_create(&offer->region, SIZE, &offer->fd), 0);
}

static void drop_offer(struct offer *offer)
{
	close(offer->fd);
	fastipc_region_unmap(&offer->region);
}

/* The REFUSE that the stranger on @sock got, or 0 for ACCEPT. */
static int read_answer(int sock)
{
	struct fastipc_hello hello;
	int fds[FASTIPC_HELLO_FDS];

	assert_int_equal(fastipc_hello_receive(sock, &hello, fds), 0);
	assert_int_equal(fds[1], -1);
	if (hello.kind == FASTIPC_HELLO_REFUSE) {
		assert_int_equal(fds[0], -1);
		return hello.error;
	}
	assert_int_equal(hello.kind, FASTIPC_HELLO_ACCEPT);
	assert_true(fds[0] >= 0);
	close(fds[0]);
	return 0;
}

/*
 * What a server makes of these bytes.  The stranger is told the same; nothing
 * is left behind.
 */
static int accept_raw(const void *data, size_t size, const int *fds,
		      size_t count)
{
	struct footprint before = footprint_now();
	struct fastipc_link link;
	int socks[2], ret;

	make_pair(socks);
	send_raw(socks[1], data, size, fds, count);
	ret = fastipc_handshake_accept(socks[0], &proposal, &status, &link);
	if (ret < 0) {
		assert_string_not_equal(fastipc_error_detail(), "");
		assert_null(link.own.base);
		assert_null(link.peer.base);
		assert_int_equal(link.sock, -1);
	}
	if (ret < 0 && ret != -EPIPE)
		assert_int_equal(read_answer(socks[1]), ret);
	if (ret == 1)
		fastipc_link_close(&link);
	else
		close(socks[0]);
	close(socks[1]);
	assert_footprint(before);
	return ret;
}

static int accept_hello(const struct fastipc_hello *hello, int fd)
{
	return accept_raw(hello, sizeof(*hello), &fd, fd >= 0);
}

/* ---- agreement ---- */

static const struct fastipc_proposal full = {
	.checksum = FASTIPC_CHECKSUM_FULL,
	.ring_size = 4 * SIZE,
	.max_message = 5555,
};

static int check_link(int sock, int expected)
{
	struct fastipc_link link;
	int descriptors = count_descriptors();

	(void)expected;
	if (fastipc_handshake_connect_fd(sock, &full, 0, &link))
		return 1;
	if (link.sock != sock || count_descriptors() != descriptors)
		return 2;
	if (link.checksum != FASTIPC_CHECKSUM_FULL ||
	    link.peer_max_message != 1000 ||
	    link.peer_fingerprint.wire != 0x1234 ||
	    link.peer_fingerprint.full != 0x5678 || link.own.size != 4 * SIZE ||
	    link.peer.size != SIZE)
		return 3;
	if (link.cred.pid != getppid() || link.cred.uid != geteuid())
		return 4;
	link.own.data[0] = 'c';
	__atomic_store_n(&link.own.control->tx_tail, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&link.peer.control->tx_tail, __ATOMIC_ACQUIRE))
		usleep(100);
	return link.peer.data[SIZE] == 's' ? 0 : 5;
}

static void both_ends_agree(void **state)
{
	struct footprint before = footprint_now();
	struct fastipc_link link;
	int socks[2];
	pid_t child;

	(void)state;
	make_pair(socks);
	child = start(check_link, socks, 0);
	close(socks[1]);
	wait_readable(socks[0]);
	assert_int_equal(fastipc_handshake_accept(socks[0], &proposal, &status,
						  &link),
			 1);
	/* One descriptor for the connection, and no more. */
	assert_int_equal(count_descriptors(), before.descriptors + 1);
	assert_int_equal(link.checksum, FASTIPC_CHECKSUM_FULL);
	assert_int_equal(link.peer_max_message, 5555);
	assert_int_equal(link.peer_fingerprint.wire, 0);
	assert_int_equal(link.own.size, SIZE);
	assert_int_equal(link.peer.size, 4 * SIZE);
	assert_non_null(link.bell);
	link.own.data[0] = 's';
	__atomic_store_n(&link.own.control->tx_tail, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&link.peer.control->tx_tail, __ATOMIC_ACQUIRE))
		usleep(100);
	assert_int_equal(link.peer.data[0], 'c');
	assert_exits_well(child);
	fastipc_link_close(&link);
	fastipc_link_close(&link);
	assert_footprint(before);
}

static void pair_is_two_ends(void **state)
{
	struct footprint before = footprint_now();
	struct fastipc_link links[2];
	int wstatus;
	pid_t child;

	(void)state;
	assert_int_equal(fastipc_link_pair(&proposal, links), 0);
	assert_int_equal(links[1].checksum, FASTIPC_CHECKSUM_HEADER);
	assert_int_equal(links[1].peer_max_message, 1000);
	assert_int_equal(links[0].cred.pid, getpid());
	links[0].own.data[5] = 'a';
	assert_int_equal(links[1].peer.data[5], 'a');
	child = fork();
	if (!child) {
		links[1].own.data[5] = 'b';
		_exit(links[1].peer.data[5] == 'a' ? 0 : 1);
	}
	waitpid(child, &wstatus, 0);
	assert_int_equal(wstatus, 0);
	assert_int_equal(links[0].peer.data[5], 'b');
	fastipc_link_close(&links[0]);
	assert_int_equal(fastipc_link_drain(&links[1]), -EPIPE);
	fastipc_link_close(&links[1]);
	assert_footprint(before);
}

/* Descriptors and ring sizes that run out half-way leave nothing. */
static void pair_fails_whole(void **state)
{
	struct fastipc_proposal bad = proposal;
	struct footprint before = footprint_now();
	struct fastipc_link links[2];

	(void)state;
	bad.ring_size = 5000;
	assert_int_equal(fastipc_link_pair(&bad, links), -EINVAL);
	bad.ring_size = 2 * FASTIPC_PEER_RING_MAX;
	assert_int_equal(fastipc_link_pair(&bad, links), -ERANGE);
	assert_footprint(before);
}

static void other_schema_is_refused(void **state)
{
	struct fastipc_proposal other = proposal;

	(void)state;
	/* Each end demands for itself: here the client, of who demands less. */
	other.fingerprint.full = 0x9999;
	other.schema_match = FASTIPC_SCHEMA_WIRE;
	assert_int_equal(serve(connect_client, &other, -ENOPROTOOPT), 1);
	other.fingerprint.wire = 0x9999;
	other.schema_match = FASTIPC_SCHEMA_ANY;
	assert_int_equal(serve(connect_client, &other, -ENOPROTOOPT), 1);
	other.schema_match = FASTIPC_SCHEMA_WIRE;
	assert_int_equal(serve(connect_client, &other, -ENOPROTOOPT),
			 -ENOPROTOOPT);
	other.fingerprint.wire = 0x1234;
	other.schema_match = FASTIPC_SCHEMA_FULL;
	assert_int_equal(serve(connect_client, &other, -ENOPROTOOPT),
			 -ENOPROTOOPT);
	other.fingerprint.wire = other.fingerprint.full = 0;
	assert_int_equal(serve(connect_client, &other, 0), 1);
}

static void large_rings_are_refused(void **state)
{
	struct fastipc_proposal large = proposal;

	(void)state;
	/* The client refuses it; the server has served by then. */
	large.ring_size = 2 * FASTIPC_PEER_RING_MAX;
	assert_int_equal(serve(connect_client, &large, -ERANGE), 1);
}

/* ---- a server and strangers ---- */

static void silence_is_not_an_error(void **state)
{
	struct fastipc_link link;
	int socks[2];

	(void)state;
	make_pair(socks);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fastipc_handshake_accept(socks[0], &proposal,
							  &status, &link),
				 -EAGAIN);
	close(socks[1]);
	assert_int_equal(fastipc_handshake_accept(socks[0], &proposal, &status,
						  &link),
			 -EPIPE);
	close(socks[0]);
}

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void random_bytes_are_refused(void **state)
{
	unsigned char bytes[1024];
	struct offer offer;
	int fds[8];

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	for (int i = 0; i < 8; i++)
		fds[i] = offer.fd;
	for (int i = 0; i < 2000; i++) {
		size_t size = next_random() % sizeof(bytes);
		size_t count = next_random() % 9;

		for (size_t j = 0; j < size; j++)
			bytes[j] = (unsigned char)next_random();
		/* Half of them get past the magic. */
		if (i & 1)
			memcpy(bytes, &offer.hello, 8);
		assert_int_equal(accept_raw(bytes, size, fds, count),
				 size ? -EBADMSG : -EPIPE);
	}
	drop_offer(&offer);
}

static void damaged_hellos_do_no_harm(void **state)
{
	struct offer offer;

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	for (int i = 0; i < 2000; i++) {
		struct fastipc_hello hello = offer.hello;
		size_t damage = 1 + next_random() % 3;

		while (damage--)
			((unsigned char *)&hello)[next_random() % sizeof(hello)] =
				(unsigned char)next_random();
		accept_hello(&hello, offer.fd);
	}
	assert_int_equal(accept_hello(&offer.hello, offer.fd), 1);
	drop_offer(&offer);
}

static void short_hellos_are_refused(void **state)
{
	struct offer offer;

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	for (uint32_t size = 1; size < sizeof(offer.hello); size++) {
		offer.hello.size = size;
		assert_int_equal(accept_raw(&offer.hello, size, &offer.fd, 1),
				 -EBADMSG);
	}
	drop_offer(&offer);
}

static void longer_hellos_are_taken(void **state)
{
	struct {
		struct fastipc_hello hello;
		unsigned char more[2000];
	} longer = { 0 };
	struct offer offer;

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	memset(longer.more, 0xff, sizeof(longer.more));
	longer.hello = offer.hello;
	longer.hello.size = sizeof(longer);
	/* From a newer version that still speaks this one, and offers more. */
	longer.hello.version = 9;
	longer.hello.features = ~0u;
	assert_int_equal(accept_raw(&longer, sizeof(longer), &offer.fd, 1), 1);
	longer.hello.size--;
	assert_int_equal(accept_raw(&longer, sizeof(longer), &offer.fd, 1),
			 -EBADMSG);
	drop_offer(&offer);
}

static void wrong_number_of_descriptors(void **state)
{
	struct offer offer;
	int fds[8];

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	for (int i = 0; i < 8; i++)
		fds[i] = offer.fd;
	for (size_t count = 0; count < 9; count++)
		assert_int_equal(accept_raw(&offer.hello, sizeof(offer.hello),
					    fds, count),
				 count == 1 ? 1 : -EBADMSG);
	offer.hello.kind = FASTIPC_HELLO_QUERY;
	assert_int_equal(accept_hello(&offer.hello, offer.fd), -EBADMSG);
	drop_offer(&offer);
}

/* What is said to be an end of a kmod channel, and is none. */
static void no_ends_of_channels(void **state)
{
	const char *const paths[] = { "/dev/null", "/dev/zero", "/dev/urandom",
				      "/proc/self/mem", "/" };
	struct offer offer;
	int pipes[2];

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	offer.hello.required = FASTIPC_HELLO_KMOD;
	assert_int_equal(accept_hello(&offer.hello, -1), -EBADMSG);
	assert_int_equal(accept_hello(&offer.hello, offer.fd), -EBADFD);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(accept_hello(&offer.hello, fd), -EBADFD);
		close(fd);
	}
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(accept_hello(&offer.hello, pipes[0]), -EBADFD);
	close(pipes[0]);
	close(pipes[1]);
	drop_offer(&offer);
}

static void other_transport_is_refused(void **state)
{
	struct fastipc_proposal mine = proposal;
	struct fastipc_link link;
	struct offer offer;
	int socks[2];

	(void)state;
	mine.transport = FASTIPC_TRANSPORT_KMOD;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	for (int i = 0; i < 2; i++) {
		make_pair(socks);
		send_raw(socks[1], &offer.hello, sizeof(offer.hello), &offer.fd,
			 1);
		assert_int_equal(fastipc_handshake_accept(socks[0], &mine,
							  &status, &link),
				 -ESOCKTNOSUPPORT);
		assert_int_equal(read_answer(socks[1]), -ESOCKTNOSUPPORT);
		close(socks[0]);
		close(socks[1]);
		mine.transport = FASTIPC_TRANSPORT_MEMFD;
		offer.hello.required = FASTIPC_HELLO_KMOD;
	}
	drop_offer(&offer);
}

static void other_versions_are_refused(void **state)
{
	struct offer offer;

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	offer.hello.version = 7;
	offer.hello.version_min = 5;
	assert_int_equal(accept_hello(&offer.hello, offer.fd),
			 -EPROTONOSUPPORT);
	/* Even if all but the first 24 bytes are different there. */
	offer.hello.size = FASTIPC_HELLO_PREFIX;
	assert_int_equal(accept_raw(&offer.hello, FASTIPC_HELLO_PREFIX,
				    &offer.fd, 1),
			 -EPROTONOSUPPORT);
	offer.hello.version = 0;
	offer.hello.version_min = 0;
	assert_int_equal(accept_raw(&offer.hello, FASTIPC_HELLO_PREFIX, NULL,
				    0),
			 -EPROTONOSUPPORT);
	drop_offer(&offer);
}

static void incompatible_hellos_are_refused(void **state)
{
	const struct {
		size_t offset;
		uint32_t value;
		int error;
	} cases[] = {
		{ offsetof(struct fastipc_hello, required), 1u << 31,
		  -EPROTONOSUPPORT },
		{ offsetof(struct fastipc_hello, abi), 99, -EPROTONOSUPPORT },
		{ offsetof(struct fastipc_hello, checksum), 3,
		  -EPROTONOSUPPORT },
		{ offsetof(struct fastipc_hello, fingerprint), 77,
		  -ENOPROTOOPT },
		{ offsetof(struct fastipc_hello, fingerprint_full), 77,
		  -ENOPROTOOPT },
		{ offsetof(struct fastipc_hello, ring_size), 2 * SIZE,
		  -ERANGE },
		{ offsetof(struct fastipc_hello, kind), FASTIPC_HELLO_ACCEPT,
		  -EBADMSG },
		{ offsetof(struct fastipc_hello, kind), FASTIPC_HELLO_REFUSE,
		  -EBADMSG },
		{ offsetof(struct fastipc_hello, kind), 0, -EBADMSG },
	};
	struct offer offer;

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fastipc_hello hello = offer.hello;

		memcpy((char *)&hello + cases[i].offset, &cases[i].value, 4);
		assert_int_equal(accept_hello(&hello, offer.fd),
				 cases[i].error);
	}
	drop_offer(&offer);
}

static void bad_regions_are_refused(void **state)
{
	struct offer offer;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int bare = memfd_create("bare", MFD_CLOEXEC);
	int small = memfd_create("small", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	assert_int_equal(accept_hello(&offer.hello, null), -EBADFD);
	assert_int_equal(ftruncate(bare, FASTIPC_CONTROL_SIZE + SIZE), 0);
	assert_int_equal(accept_hello(&offer.hello, bare), -EBADFD);
	assert_int_equal(ftruncate(small, 100), 0);
	assert_int_equal(fcntl(small, F_ADD_SEALS,
			       F_SEAL_SHRINK | F_SEAL_GROW |
				       F_SEAL_FUTURE_WRITE),
			 0);
	assert_int_equal(accept_hello(&offer.hello, small), -ERANGE);
	close(null);
	close(bare);
	close(small);
	drop_offer(&offer);
}

static void huge_limits_are_cut(void **state)
{
	struct fastipc_link link;
	struct offer offer;
	int socks[2];

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	offer.hello.max_message = ~0u;
	make_pair(socks);
	send_raw(socks[1], &offer.hello, sizeof(offer.hello), &offer.fd, 1);
	assert_int_equal(fastipc_handshake_accept(socks[0], &proposal, &status,
						  &link),
			 1);
	assert_int_equal(link.peer_max_message, FASTIPC_MESSAGE_MAX);
	fastipc_link_close(&link);
	close(socks[1]);
	drop_offer(&offer);
}

/* The client is gone before its ACCEPT can be sent. */
static void client_that_left_leaves_nothing(void **state)
{
	struct footprint before;
	struct fastipc_link link;
	struct offer offer;
	int socks[2];

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_CONNECT);
	before = footprint_now();
	make_pair(socks);
	send_raw(socks[1], &offer.hello, sizeof(offer.hello), &offer.fd, 1);
	close(socks[1]);
	assert_int_equal(fastipc_handshake_accept(socks[0], &proposal, &status,
						  &link),
			 -EPIPE);
	close(socks[0]);
	assert_footprint(before);
	drop_offer(&offer);
}

/* ---- a client and bad servers ---- */

/* What a client makes of these bytes for an answer. */
static int connect_raw(const void *data, size_t size, const int *fds,
		       size_t count)
{
	struct footprint before = footprint_now();
	struct fastipc_link link;
	int socks[2], ret;

	make_pair(socks);
	send_raw(socks[0], data, size, fds, count);
	ret = fastipc_handshake_connect_fd(socks[1], &proposal,
					   fastipc_after_ns(2000 * MS), &link);
	if (ret) {
		assert_string_not_equal(fastipc_error_detail(), "");
		assert_int_equal(link.sock, -1);
	}
	fastipc_link_close(&link);
	close(socks[0]);
	assert_footprint(before);
	return ret;
}

static int connect_answer(const struct offer *offer, int fd)
{
	return connect_raw(&offer->hello, sizeof(offer->hello), &fd, fd >= 0);
}

static void random_answers_are_refused(void **state)
{
	unsigned char bytes[300];
	struct offer offer;

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_ACCEPT);
	for (int i = 0; i < 500; i++) {
		size_t size = 1 + next_random() % (sizeof(bytes) - 1);

		for (size_t j = 0; j < size; j++)
			bytes[j] = (unsigned char)next_random();
		assert_int_equal(connect_raw(bytes, size, &offer.fd, i & 1),
				 -EBADMSG);
	}
	drop_offer(&offer);
}

static void bad_answers_are_refused(void **state)
{
	struct offer good, offer;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	make_offer(&good, FASTIPC_HELLO_ACCEPT);
	good.hello.checksum = proposal.checksum;
	assert_int_equal(connect_answer(&good, good.fd), 0);
	assert_int_equal(connect_answer(&good, -1), -EBADMSG);
	assert_int_equal(connect_answer(&good, null), -EBADFD);
	offer = good;
	offer.hello.checksum = FASTIPC_CHECKSUM_OFF;
	assert_int_equal(connect_answer(&offer, good.fd), -EBADMSG);
	offer = good;
	offer.hello.kind = FASTIPC_HELLO_STATUS;
	assert_int_equal(connect_answer(&offer, good.fd), -EBADMSG);
	offer.hello.kind = FASTIPC_HELLO_CONNECT;
	assert_int_equal(connect_answer(&offer, good.fd), -EBADMSG);
	offer = good;
	offer.hello.fingerprint = 0x4321;
	assert_int_equal(connect_answer(&offer, good.fd), -ENOPROTOOPT);
	offer = good;
	offer.hello.ring_size = 2 * SIZE;
	assert_int_equal(connect_answer(&offer, good.fd), -ERANGE);
	offer = good;
	offer.hello.version = offer.hello.version_min = 6;
	assert_int_equal(connect_answer(&offer, good.fd), -EPROTONOSUPPORT);
	assert_non_null(strstr(fastipc_error_detail(), "6 to 6"));
	assert_non_null(strstr(fastipc_error_detail(), "1 to 1"));
	close(null);
	drop_offer(&good);
}

static void refusals_are_passed_on(void **state)
{
	const struct {
		int sent, expected;
	} cases[] = {
		{ -EUSERS, -EUSERS },
		{ -ENOMEM, -ENOMEM },
		{ -EACCES, -EACCES },
		{ 0, -EBADMSG },
		{ 1, -EBADMSG },
		{ -EAGAIN, -EBADMSG },
		{ -1000000, -EBADMSG },
		{ INT32_MIN, -EBADMSG },
		{ -4000, -4000 },
		{ -EINTR, -EBADMSG },
		{ -ENOPROTOOPT, -ENOPROTOOPT },
		{ -ERANGE, -ERANGE },
	};
	struct fastipc_hello hello;

	(void)state;
	fastipc_hello_init(&hello, FASTIPC_HELLO_REFUSE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hello.error = cases[i].sent;
		assert_int_equal(connect_raw(&hello, sizeof(hello), NULL, 0),
				 cases[i].expected);
	}
}

/* A server without room hangs up with our HELLO unread, before or after. */
static void refusal_survives_the_hangup(void **state)
{
	struct fastipc_link link;
	int socks[2];
	pid_t child;

	(void)state;
	make_pair(socks);
	fastipc_rendezvous_refuse(socks[0], -EUSERS);
	close(socks[0]);
	assert_int_equal(fastipc_handshake_connect_fd(socks[1], &proposal, 0,
						      &link),
			 -EUSERS);
	make_pair(socks);
	child = start(connect_client, socks, -EUSERS);
	close(socks[1]);
	wait_readable(socks[0]);
	fastipc_rendezvous_refuse(socks[0], -EUSERS);
	close(socks[0]);
	assert_exits_well(child);
}

static void server_that_hangs_up(void **state)
{
	struct footprint before = footprint_now();
	struct fastipc_link link;
	int socks[2];

	(void)state;
	make_pair(socks);
	close(socks[0]);
	assert_int_equal(fastipc_handshake_connect_fd(socks[1], &proposal, 0,
						      &link),
			 -EPIPE);
	assert_footprint(before);
}

static void server_that_is_silent(void **state)
{
	struct footprint before = footprint_now();
	struct fastipc_link link;
	uint64_t started = fastipc_now_ns();
	int socks[2];

	(void)state;
	make_pair(socks);
	assert_int_equal(fastipc_handshake_connect_fd(socks[1], &proposal,
						      started + 50 * MS, &link),
			 -ETIMEDOUT);
	assert_true(fastipc_now_ns() - started >= 50 * MS);
	assert_true(fastipc_now_ns() - started < 2000 * MS);
	close(socks[0]);
	/* A deadline that has passed tries once. */
	make_pair(socks);
	assert_int_equal(fastipc_handshake_connect_fd(socks[1], &proposal, 1,
						      &link),
			 -ETIMEDOUT);
	close(socks[0]);
	assert_footprint(before);
}

static void doorbell_may_follow_accept_at_once(void **state)
{
	struct fastipc_link link;
	struct offer offer;
	int socks[2];

	(void)state;
	make_offer(&offer, FASTIPC_HELLO_ACCEPT);
	offer.hello.checksum = proposal.checksum;
	make_pair(socks);
	send_raw(socks[0], &offer.hello, sizeof(offer.hello), &offer.fd, 1);
	assert_int_equal(send(socks[0], "", 1, 0), 1);
	assert_int_equal(
		fastipc_handshake_connect_fd(socks[1], &proposal, 0, &link), 0);
	assert_int_equal(fastipc_link_poll(&link, 0), 0);
	assert_int_equal(fastipc_link_drain(&link), 0);
	fastipc_link_close(&link);
	close(socks[0]);
	drop_offer(&offer);
}

/* ---- exhaustion ---- */

static void leave_descriptors(int sock, unsigned int count)
{
	struct rlimit limit;

	/* From @sock on, so fill what is free below it. */
	while (dup(0) < sock)
		;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)dup(0) + count;
	setrlimit(RLIMIT_NOFILE, &limit);
	while (dup(0) >= 0)
		;
	limit.rlim_cur += count;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int connect_without_descriptors(int sock, int expected)
{
	struct fastipc_link link;

	leave_descriptors(sock, 0);
	return fastipc_handshake_connect_fd(sock, &proposal, 0, &link) !=
	       expected;
}

/* Room for its own region and the bell, none for the server's. */
static int connect_with_two_descriptors(int sock, int expected)
{
	struct fastipc_link link;

	leave_descriptors(sock, 2);
	return fastipc_handshake_connect_fd(sock, &proposal, 0, &link) !=
	       expected;
}

static void client_without_descriptors(void **state)
{
	(void)state;
	assert_int_equal(serve(connect_without_descriptors, &proposal, -EMFILE),
			 -EPIPE);
	assert_int_equal(
		serve(connect_with_two_descriptors, &proposal, -EMFILE), 1);
}

static int serve_without_descriptors(int sock, int expected)
{
	struct fastipc_link link;

	wait_readable(sock);
	leave_descriptors(sock, 0);
	return fastipc_handshake_accept(sock, &proposal, &status, &link) !=
	       expected;
}

static void server_without_descriptors(void **state)
{
	struct fastipc_link link;
	int socks[2];
	pid_t child;

	(void)state;
	make_pair(socks);
	child = start(serve_without_descriptors, socks, -EUSERS);
	close(socks[1]);
	assert_int_equal(fastipc_handshake_connect_fd(socks[0], &proposal, 0,
						      &link),
			 -EUSERS);
	assert_exits_well(child);
}

static void leave_memory(unsigned long bytes)
{
	struct rlimit limit;

	limit.rlim_cur = limit.rlim_max = address_space() + bytes;
	setrlimit(RLIMIT_AS, &limit);
}

static const struct fastipc_proposal large = {
	.ring_size = 4u << 20,
	.max_message = 1000,
};

static int connect_without_memory(int sock, int expected)
{
	struct fastipc_link link;

	leave_memory(1u << 20);
	return fastipc_handshake_connect_fd(sock, &large, 0, &link) != expected;
}

static int serve_without_memory(int sock, int expected)
{
	struct fastipc_link link;

	wait_readable(sock);
	leave_memory(1u << 20);
	return fastipc_handshake_accept(sock, &large, &status, &link) !=
	       expected;
}

static void ends_without_memory(void **state)
{
	struct fastipc_link link;
	int socks[2];
	pid_t child;

	(void)state;
	assert_int_equal(serve(connect_without_memory, &proposal, -ENOMEM),
			 -EPIPE);
	make_pair(socks);
	child = start(serve_without_memory, socks, -ENOMEM);
	close(socks[1]);
	assert_int_equal(fastipc_handshake_connect_fd(socks[0], &proposal, 0,
						      &link),
			 -ENOMEM);
	assert_exits_well(child);
}

static struct footprint noted;

static int note_footprint(void **state)
{
	(void)state;
	noted = footprint_now();
	return 0;
}

static int check_footprint(void **state)
{
	struct footprint now = footprint_now();

	(void)state;
	return now.descriptors != noted.descriptors ||
	       now.regions != noted.regions;
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, note_footprint, check_footprint)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_ends_agree),
		TEST(pair_is_two_ends),
		TEST(pair_fails_whole),
		TEST(other_schema_is_refused),
		TEST(large_rings_are_refused),
		TEST(silence_is_not_an_error),
		TEST(random_bytes_are_refused),
		TEST(damaged_hellos_do_no_harm),
		TEST(short_hellos_are_refused),
		TEST(longer_hellos_are_taken),
		TEST(wrong_number_of_descriptors),
		TEST(no_ends_of_channels),
		TEST(other_transport_is_refused),
		TEST(other_versions_are_refused),
		TEST(incompatible_hellos_are_refused),
		TEST(bad_regions_are_refused),
		TEST(huge_limits_are_cut),
		TEST(client_that_left_leaves_nothing),
		TEST(random_answers_are_refused),
		TEST(bad_answers_are_refused),
		TEST(refusals_are_passed_on),
		TEST(refusal_survives_the_hangup),
		TEST(server_that_hangs_up),
		TEST(server_that_is_silent),
		TEST(doorbell_may_follow_accept_at_once),
		TEST(client_without_descriptors),
		TEST(server_without_descriptors),
		TEST(ends_without_memory),
	};

	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
