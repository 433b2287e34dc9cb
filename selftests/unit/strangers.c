// SPDX-License-Identifier: MIT
/*
 * The handshake with strangers: what an end does with one who sends anything
 * else than it should.
 */
#include "handshake.h"

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
	for (uint32_t size = 1; size < FASTIPC_HELLO_LEAST; size++) {
		offer.hello.size = size;
		assert_int_equal(accept_raw(&offer.hello, size, &offer.fd, 1),
				 -EBADMSG);
	}
	/* The first of version 1 had fewer fields: those are 0. */
	for (uint32_t size = FASTIPC_HELLO_LEAST; size <= sizeof(offer.hello);
	     size++) {
		offer.hello.size = size;
		assert_int_equal(accept_raw(&offer.hello, size, &offer.fd, 1),
				 1);
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
					   fastipc_after_ns(60000 * MS), &link);
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
	assert_true(fastipc_now_ns() - started < 60000 * MS);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(silence_is_not_an_error),
		footprint_test(random_bytes_are_refused),
		footprint_test(damaged_hellos_do_no_harm),
		footprint_test(short_hellos_are_refused),
		footprint_test(longer_hellos_are_taken),
		footprint_test(wrong_number_of_descriptors),
		footprint_test(no_ends_of_channels),
		footprint_test(other_transport_is_refused),
		footprint_test(other_versions_are_refused),
		footprint_test(incompatible_hellos_are_refused),
		footprint_test(bad_regions_are_refused),
		footprint_test(huge_limits_are_cut),
		footprint_test(client_that_left_leaves_nothing),
		footprint_test(random_answers_are_refused),
		footprint_test(bad_answers_are_refused),
		footprint_test(refusals_are_passed_on),
		footprint_test(refusal_survives_the_hangup),
		footprint_test(server_that_hangs_up),
		footprint_test(server_that_is_silent),
		footprint_test(doorbell_may_follow_accept_at_once),
	};

	return cmocka_run_group_tests_name("strangers", tests, NULL, NULL);
}
