// SPDX-License-Identifier: MIT
/*
 * The bell page: what a server accepts as one, what it makes of it, and that
 * neither end can take it away from the other.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fastipc/types.h>

#include "footprint.h"
#include "transport/memfd.h"

#define PAGE 4096
#define ALL (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static void both_ring_and_see_it(void **state)
{
	struct footprint before = footprint_now();
	struct fastipc_link client = { 0 }, server = { 0 };
	int fd;

	(void)state;
	assert_int_equal(fastipc_bell_create(&client, &fd), 0);
	assert_int_equal(fastipc_bell_attach(&server, fd), 0);
	assert_int_equal(fastipc_bell_check(fd), 0);
	*client.own_bell = 11;
	*server.own_bell = 22;
	assert_int_equal(*server.peer_bell, 11);
	assert_int_equal(*client.peer_bell, 22);
	close(fd);
	fastipc_bell_unmap(&client);
	fastipc_bell_unmap(&client);
	fastipc_bell_unmap(&server);
	assert_null(server.own_bell);
	assert_footprint(before);
}

/* From the answer on, no call of either end removes what the other touches. */
static void memory_stays(void **state)
{
	struct fastipc_link client = { 0 }, server = { 0 };
	int fd;

	(void)state;
	assert_int_equal(fastipc_bell_create(&client, &fd), 0);
	assert_int_equal(fastipc_bell_attach(&server, fd), 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & ALL, ALL);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 2 * PAGE), -1);
	assert_int_equal(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, PAGE),
			 -1);
	assert_int_equal(madvise(client.bell, PAGE, MADV_REMOVE), -1);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0),
			 MAP_FAILED);
	close(fd);
	fastipc_bell_unmap(&client);
	fastipc_bell_unmap(&server);
}

static void server_that_did_not_seal(void **state)
{
	struct fastipc_link client = { 0 };
	int fd;

	(void)state;
	assert_int_equal(fastipc_bell_create(&client, &fd), 0);
	assert_int_equal(fastipc_bell_check(fd), -EBADFD);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW),
			 0);
	assert_int_equal(fastipc_bell_check(fd), -EBADFD);
	assert_string_not_equal(fastipc_error_detail(), "");
	assert_int_equal(fastipc_bell_check(-1), -EBADFD);
	close(fd);
	fastipc_bell_unmap(&client);
}

static int attach(int fd)
{
	struct fastipc_link link = { 0 };
	int ret = fastipc_bell_attach(&link, fd);

	if (ret)
		assert_null(link.bell);
	fastipc_bell_unmap(&link);
	close(fd);
	return ret;
}

static int memfd(off_t length, unsigned int flags, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | flags);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, length), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void no_bells(void **state)
{
	struct footprint before = footprint_now();
	int pipes[2];

	(void)state;
	assert_int_equal(attach(memfd(PAGE, MFD_ALLOW_SEALING, 0)), 0);
	assert_int_equal(attach(memfd(0, MFD_ALLOW_SEALING, 0)), -ERANGE);
	assert_int_equal(attach(memfd(PAGE - 1, MFD_ALLOW_SEALING, 0)),
			 -ERANGE);
	assert_int_equal(attach(memfd(2 * PAGE, MFD_ALLOW_SEALING, 0)),
			 -ERANGE);
	assert_int_equal(attach(memfd(PAGE, 0, 0)), -EBADFD);
	assert_int_equal(attach(memfd(PAGE, MFD_ALLOW_SEALING, F_SEAL_SEAL)),
			 -EBADFD);
	assert_int_equal(attach(memfd(PAGE, MFD_ALLOW_SEALING, F_SEAL_WRITE)),
			 -EBADFD);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(attach(pipes[0]), -EBADFD);
	close(pipes[1]);
	assert_int_equal(attach(open("/dev/null", O_RDWR)), -EBADFD);
	assert_int_equal(attach(open("/dev/zero", O_RDWR)), -EBADFD);
	assert_footprint(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ring_and_see_it),
		cmocka_unit_test(memory_stays),
		cmocka_unit_test(server_that_did_not_seal),
		cmocka_unit_test(no_bells),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bell", tests, NULL, NULL);
}
