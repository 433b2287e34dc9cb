// SPDX-License-Identifier: MIT
/*
 * Regions: what a maker gives away cannot be written by others, and what it
 * gets is checked before it is mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "footprint.h"
#include "transport/transport.h"

#define SIZE 65536u
#define ALL_SEALS \
	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

/* What a peer may send: a memfd of any length, with any identity and seals. */
static int make_file(off_t length, uint64_t magic, uint32_t abi,
		     uint32_t data_size, int seals)
{
	struct fastipc_control control = { .magic = magic,
					   .abi = abi,
					   .data_size = data_size };
	int fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &control, sizeof(control), 0),
			 sizeof(control));
	assert_int_equal(ftruncate(fd, length), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int make_sized(off_t length)
{
	return make_file(length, FASTIPC_REGION_MAGIC, FASTIPC_ABI_VERSION,
			 (uint32_t)(length - FASTIPC_CONTROL_SIZE), ALL_SEALS);
}

/* Attaching @fd fails with @error, says why, and leaves nothing; closes it. */
static void assert_refused(int fd, int error)
{
	struct footprint before = footprint_now();
	struct fastipc_region region;

	assert_true(fd >= 0);
	assert_int_equal(fastipc_region_attach(&region, fd), error);
	assert_null(region.base);
	assert_string_not_equal(fastipc_error_detail(), "");
	assert_footprint(before);
	close(fd);
}

static void data_is_mapped_twice_in_a_row(void **state)
{
	struct fastipc_region region;
	int fd;

	(void)state;
	assert_int_equal(fastipc_region_create(&region, SIZE, &fd), 0);
	assert_int_equal(region.size, SIZE);
	assert_ptr_equal(region.data,
			 (unsigned char *)region.base + FASTIPC_CONTROL_SIZE);
	memcpy(region.data + SIZE - 4, "wrapping", 8);
	assert_memory_equal(region.data, "ping", 4);
	assert_memory_equal(region.data + 2 * SIZE - 4, "wrap", 4);
	close(fd);
	fastipc_region_unmap(&region);
	assert_null(region.base);
	fastipc_region_unmap(&region);
}

static void new_region_takes_one_page(void **state)
{
	struct fastipc_region region;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(fastipc_region_create(&region, 1u << 20, &fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks * 512, FASTIPC_CONTROL_SIZE);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	fastipc_region_unmap(&region);
}

static void impossible_sizes_are_not_made(void **state)
{
	const uint32_t sizes[] = { 0,	 1,	    FASTIPC_RING_MIN / 2,
				   4097, 3 * 4096u, FASTIPC_RING_MAX * 2,
				   ~0u };
	struct fastipc_region region;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(fastipc_region_create(&region, sizes[i], &fd),
				 -EINVAL);
		assert_int_equal(fd, -1);
	}
}

static void peer_sees_what_the_maker_writes(void **state)
{
	struct footprint before = footprint_now();
	struct fastipc_region own, peer;
	int fd;

	(void)state;
	assert_int_equal(fastipc_region_create(&own, SIZE, &fd), 0);
	assert_int_equal(fastipc_region_attach(&peer, fd), 0);
	close(fd);
	assert_int_equal(peer.size, SIZE);
	own.control->tx_tail = 42;
	own.data[7] = 'x';
	assert_int_equal(peer.control->tx_tail, 42);
	assert_int_equal(peer.data[7], 'x');
	assert_int_equal(peer.data[SIZE + 7], 'x');
	fastipc_region_unmap(&own);
	assert_int_equal(peer.data[7], 'x');
	fastipc_region_unmap(&peer);
	assert_footprint(before);
}

static void peer_cannot_write(void **state)
{
	struct fastipc_region own, peer;
	char path[64];
	int fd, again;

	(void)state;
	assert_int_equal(fastipc_region_create(&own, SIZE, &fd), 0);
	assert_int_equal(fastipc_region_attach(&peer, fd), 0);

	assert_int_equal(
		mprotect(peer.base, peer.length, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(errno, EACCES);
	assert_ptr_equal(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, 0),
			 MAP_FAILED);
	assert_int_equal(errno, EPERM);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 1 << 24), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, FASTIPC_CONTROL_SIZE),
			 -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(madvise(peer.base, 4096, MADV_REMOVE), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(errno, EPERM);

	/* Nor through a description of its own. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again >= 0) {
		assert_int_equal(pwrite(again, "x", 1, 0), -1);
		assert_ptr_equal(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, again,
				      0),
				 MAP_FAILED);
		close(again);
	}
	close(fd);
	fastipc_region_unmap(&peer);
	fastipc_region_unmap(&own);
}

static void missing_seals_are_refused(void **state)
{
	const int seals[] = { 0,
			      F_SEAL_SEAL,
			      F_SEAL_GROW | F_SEAL_FUTURE_WRITE,
			      F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE,
			      F_SEAL_SHRINK | F_SEAL_GROW,
			      F_SEAL_SHRINK,
			      F_SEAL_GROW,
			      F_SEAL_FUTURE_WRITE };

	(void)state;
	for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++)
		assert_refused(make_file(FASTIPC_CONTROL_SIZE + SIZE,
					 FASTIPC_REGION_MAGIC,
					 FASTIPC_ABI_VERSION, SIZE, seals[i]),
			       -EBADFD);
}

static void wrong_sizes_are_refused(void **state)
{
	const off_t sizes[] = {
		0,
		1,
		FASTIPC_CONTROL_SIZE - 1,
		FASTIPC_CONTROL_SIZE,
		FASTIPC_CONTROL_SIZE + 2048,
		FASTIPC_CONTROL_SIZE + SIZE - 1,
		FASTIPC_CONTROL_SIZE + SIZE + 1,
		FASTIPC_CONTROL_SIZE + SIZE + 4096,
		FASTIPC_CONTROL_SIZE + 3 * 4096,
		FASTIPC_CONTROL_SIZE + 2 * (off_t)FASTIPC_PEER_RING_MAX,
		FASTIPC_CONTROL_SIZE + 2 * (off_t)FASTIPC_RING_MAX,
		(off_t)1 << 40
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_refused(make_sized(sizes[i]), -ERANGE);
}

static void largest_and_smallest_sizes_are_taken(void **state)
{
	const uint32_t sizes[] = { FASTIPC_RING_MIN, FASTIPC_PEER_RING_MAX };
	struct fastipc_region region;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int fd = make_sized(FASTIPC_CONTROL_SIZE + (off_t)sizes[i]);

		assert_int_equal(fastipc_region_attach(&region, fd), 0);
		assert_int_equal(region.size, sizes[i]);
		close(fd);
		fastipc_region_unmap(&region);
	}
}

static void other_descriptors_are_refused(void **state)
{
	char path[] = "/tmp/fastipc-region-XXXXXX";
	int file = mkstemp(path);
	int pipes[2], socks[2];
	int huge;

	(void)state;
	assert_int_equal(ftruncate(file, FASTIPC_CONTROL_SIZE + SIZE), 0);
	unlink(path);
	assert_refused(file, -EBADFD);
	assert_refused(open("/dev/zero", O_RDWR | O_CLOEXEC), -EBADFD);
	assert_refused(open("/", O_RDONLY | O_CLOEXEC), -EBADFD);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_refused(pipes[0], -EBADFD);
	close(pipes[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	assert_refused(socks[0], -EBADFD);
	close(socks[1]);
	huge = memfd_create("huge",
			    MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	if (huge >= 0) {
		assert_int_equal(fcntl(huge, F_ADD_SEALS, ALL_SEALS), 0);
		assert_refused(huge, -EBADFD);
	}
}

static void wrong_identities_are_refused(void **state)
{
	const off_t length = FASTIPC_CONTROL_SIZE + SIZE;

	(void)state;
	assert_refused(make_file(length, 0, FASTIPC_ABI_VERSION, SIZE,
				 ALL_SEALS),
		       -EBADMSG);
	assert_refused(make_file(length, FASTIPC_REGION_MAGIC,
				 FASTIPC_ABI_VERSION + 1, SIZE, ALL_SEALS),
		       -EPROTONOSUPPORT);
	assert_refused(make_file(length, FASTIPC_REGION_MAGIC,
				 FASTIPC_ABI_VERSION, 2 * SIZE, ALL_SEALS),
		       -ERANGE);
}

/* Run @test in a child, so that its limits stay there. */
static void assert_in_child(int (*test)(void), int expected)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child)
		_exit(test() == expected ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int create_with_limit(int resource, rlim_t limit)
{
	struct rlimit rlimit = { .rlim_cur = limit, .rlim_max = limit };
	struct footprint before = footprint_now();
	struct fastipc_region region;
	int fd, ret;

	if (setrlimit(resource, &rlimit))
		return -1;
	ret = fastipc_region_create(&region, 1u << 20, &fd);
	if (resource == RLIMIT_NOFILE) /* cannot count */
		return ret;
	return count_mappings("memfd:fastipc") == before.regions ? ret : -1;
}

/* Room for the file's first mapping's address, but not for all of it. */
static int create_without_memory(void)
{
	return create_with_limit(RLIMIT_AS, address_space() + (1u << 20));
}

static int create_without_file_size(void)
{
	return create_with_limit(RLIMIT_FSIZE, 4096);
}

static int create_without_descriptors(void)
{
	return create_with_limit(RLIMIT_NOFILE, 0);
}

static int attach_without_memory(void)
{
	struct fastipc_region own, peer;
	struct rlimit limit;
	int fd;

	if (fastipc_region_create(&own, 1u << 20, &fd))
		return -1;
	limit.rlim_cur = limit.rlim_max = address_space() + (1u << 20);
	setrlimit(RLIMIT_AS, &limit);
	return fastipc_region_attach(&peer, fd);
}

static void exhaustion_is_an_error(void **state)
{
	(void)state;
	assert_in_child(create_without_memory, -ENOMEM);
	assert_in_child(attach_without_memory, -ENOMEM);
	assert_in_child(create_without_file_size, -EFBIG);
	assert_in_child(create_without_descriptors, -EMFILE);
}

static void nothing_leaks(void **state)
{
	unsigned long space = 0;
	int mappings = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct fastipc_region own, peer;
		int fd;

		/* The first rounds let stdio have its buffers. */
		if (i == 10) {
			mappings = count_mappings("");
			space = address_space();
		}
		assert_int_equal(fastipc_region_create(&own, SIZE, &fd), 0);
		assert_int_equal(fastipc_region_attach(&peer, fd), 0);
		close(fd);
		fastipc_region_unmap(&peer);
		fastipc_region_unmap(&own);
	}
	assert_int_equal(count_mappings(""), mappings);
	assert_int_equal(address_space(), space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_is_mapped_twice_in_a_row),
		cmocka_unit_test(new_region_takes_one_page),
		cmocka_unit_test(impossible_sizes_are_not_made),
		cmocka_unit_test(peer_sees_what_the_maker_writes),
		cmocka_unit_test(peer_cannot_write),
		cmocka_unit_test(missing_seals_are_refused),
		cmocka_unit_test(wrong_sizes_are_refused),
		cmocka_unit_test(largest_and_smallest_sizes_are_taken),
		cmocka_unit_test(other_descriptors_are_refused),
		cmocka_unit_test(wrong_identities_are_refused),
		cmocka_unit_test(exhaustion_is_an_error),
		cmocka_unit_test(nothing_leaks),
	};

	return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
