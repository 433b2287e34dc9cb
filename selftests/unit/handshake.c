// SPDX-License-Identifier: MIT
/*
 * The handshake: what two ends agree on, and what is left when one of them runs
 * out of descriptors or memory.
 */
#include "handshake.h"

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
	/* FULL demands what WIRE does, too. */
	other.fingerprint.wire = 0x9999;
	other.fingerprint.full = 0x5678;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(both_ends_agree),
		footprint_test(pair_is_two_ends),
		footprint_test(pair_fails_whole),
		footprint_test(other_schema_is_refused),
		footprint_test(large_rings_are_refused),
		footprint_test(client_without_descriptors),
		footprint_test(server_without_descriptors),
		footprint_test(ends_without_memory),
	};

	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
