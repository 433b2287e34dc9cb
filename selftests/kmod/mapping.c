// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * mmap() of an endpoint: what may be mapped and how, what is there, and that
 * nothing done to a mapping makes the peer's region writable or hurts anyone.
 */
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "fault.h"

#include "harness.h"

#define RING (4 * PAGE)
#define SIZE FASTIPC_MAP_SIZE(RING)

static int map_error(size_t size, int protection, int flags, int fd,
		     uint64_t offset)
{
	void *at = mmap(NULL, size, protection, flags, fd, (off_t)offset);

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, size);
	return 0;
}

#define RW (PROT_READ | PROT_WRITE)

FIXTURE(map)
{
	struct pair p;
};

FIXTURE_SETUP(map)
{
	ASSERT_EQ(0, pair_open(&self->p, RING));
	/* Something to recognise the regions by. */
	for (int end = 0; end < 2; end++)
		for (uint32_t at = 0; at < RING; at++)
			data_of(self->p.own[end])[at] =
				(unsigned char)(at * 7 + at / PAGE + end * 100);
}

/* Both views of both regions still show what the setup wrote. */
static bool intact(struct pair *p)
{
	for (int end = 0; end < 2; end++) {
		unsigned char *own = data_of(p->own[end]);
		unsigned char *peer = data_of(p->peer[!end]);

		for (uint32_t at = 0; at < 2 * RING; at++) {
			uint32_t i = at % RING;
			unsigned char want =
				(unsigned char)(i * 7 + i / PAGE + end * 100);

			if (own[at] != want || peer[at] != want)
				return false;
		}
	}
	return true;
}

FIXTURE_TEARDOWN(map)
{
	EXPECT_TRUE(intact(&self->p));
	pair_close(&self->p);
}

/* ---- what is there ---- */

TEST(a_new_region_is_zero_but_for_its_identity)
{
	static const unsigned char zero[FASTIPC_CONTROL_SIZE];
	struct pair p;

	ASSERT_EQ(0, pair_open(&p, RING));
	for (int end = 0; end < 2; end++) {
		struct fastipc_control *c = p.peer[end];
		unsigned char *bytes = (unsigned char *)c;
		size_t identity = offsetof(struct fastipc_control, magic);
		size_t after = offsetof(struct fastipc_control, tx_records);

		EXPECT_EQ(FASTIPC_REGION_MAGIC, c->magic);
		EXPECT_EQ(FASTIPC_ABI_VERSION, c->abi);
		EXPECT_EQ(RING, c->data_size);
		EXPECT_EQ(0, memcmp(bytes, zero, identity));
		EXPECT_EQ(0, memcmp(bytes + after, zero, PAGE - after));
		for (uint32_t at = 0; at < 2 * RING; at += PAGE) {
			EXPECT_EQ(0, memcmp(data_of(c) + at, zero, PAGE));
		}
	}
	pair_close(&p);
}

TEST(pages_used_before_come_back_zero)
{
	static const unsigned char zero[PAGE];
	struct pair p;

	for (int round = 0; round < 20; round++) {
		ASSERT_EQ(0, pair_open(&p, 16 * RING));
		for (uint32_t at = 0; at < 16 * RING; at += PAGE) {
			ASSERT_EQ(0,
				  memcmp(data_of(p.own[0]) + at, zero, PAGE));
		}
		memset(data_of(p.own[0]), 0xee, 16 * RING);
		pair_close(&p);
	}
}

TEST_F(map, data_is_there_twice_in_a_row)
{
	volatile unsigned char *own = data_of(self->p.own[0]);
	volatile unsigned char *peer = data_of(self->p.peer[1]);

	for (uint32_t at = 0; at < RING; at += 64) {
		unsigned char old = own[at];

		own[at + RING] = 0xa5;
		EXPECT_EQ(0xa5, own[at]);
		EXPECT_EQ(0xa5, peer[at]);
		EXPECT_EQ(0xa5, peer[at + RING]);
		own[at] = old;
		EXPECT_EQ(old, peer[at + RING]);
	}
	/* A record across the seam is in one piece. */
	for (uint32_t at = RING - 8; at < RING + 8; at++)
		own[at] = 0x3c;
	EXPECT_EQ(0x3c, peer[0]);
	EXPECT_EQ(0x3c, peer[2 * RING - 1]);
	for (uint32_t at = RING - 8; at < RING + 8; at++)
		own[at] = (unsigned char)(at % RING * 7 + at % RING / PAGE);
}

TEST(ends_of_different_sizes)
{
	uint32_t rings[2] = { PAGE, 8 * PAGE };
	int control = device_open();
	int fd[2];

	ASSERT_EQ(0, create(control, rings[0], rings[1], fd));
	for (int end = 0; end < 2; end++) {
		struct fastipc_control *own = map_own(fd[end], rings[end]);
		struct fastipc_control *peer = map_peer(fd[!end], rings[end]);

		ASSERT_NE(MAP_FAILED, own);
		ASSERT_NE(MAP_FAILED, peer);
		EXPECT_EQ(rings[end], peer->data_size);
		data_of(own)[rings[end] - 1] = 77;
		EXPECT_EQ(77, data_of(peer)[2 * rings[end] - 1]);
		/* The size of the other region is the wrong one. */
		EXPECT_EQ(MAP_FAILED, map_own(fd[end], rings[!end]));
		EXPECT_EQ(MAP_FAILED, map_peer(fd[end], rings[end]));
	}
}

TEST_F(map, again_shows_the_same)
{
	struct pair *p = &self->p;
	volatile struct fastipc_control *first = p->own[0];
	struct fastipc_control *own = map_own(p->fd[0], RING);
	struct fastipc_control *peer = map_peer(p->fd[1], RING);

	ASSERT_NE(MAP_FAILED, own);
	ASSERT_NE(MAP_FAILED, peer);
	EXPECT_EQ(0, memcmp(own, p->own[0], SIZE));
	EXPECT_EQ(0, memcmp(peer, p->own[0], SIZE));
	first->wakes = 9;
	EXPECT_EQ(9, ((volatile struct fastipc_control *)own)->wakes);
	EXPECT_EQ(9, ((volatile struct fastipc_control *)peer)->wakes);
	unmap(own, RING);
	unmap(peer, RING);
}

/* The two-letter flags of the mapping at @at, as smaps has them; "": it has not. */
static void flags_of(const void *at, char flags[256])
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[256], start[32];
	bool here = false;

	flags[0] = '\0';
	snprintf(start, sizeof(start), "%lx-", (unsigned long)at);
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (!strncmp(line, start, strlen(start)))
			here = true;
		if (!here || sscanf(line, "VmFlags: %255[^\n]", flags) != 1)
			continue;
		break;
	}
	if (smaps)
		fclose(smaps);
}

/* Neither copied by fork(), nor made larger, nor in a core dump. */
TEST_F(map, flags)
{
	static const char *const wanted[] = { "sh", "dc", "de", "dd" };
	static const char *const unwanted[] = { "me", "ex", "io", "pf" };

	for (int end = 0; end < 2; end++) {
		char own[256], peer[256];

		flags_of(self->p.own[end], own);
		flags_of(self->p.peer[end], peer);
		if (!own[0])
			SKIP(return, "no VmFlags in smaps");
		for (size_t n = 0; n < ARRAY_SIZE(wanted); n++) {
			EXPECT_NE(NULL, strstr(own, wanted[n]));
			EXPECT_NE(NULL, strstr(peer, wanted[n]));
			EXPECT_EQ(NULL, strstr(own, unwanted[n]));
			EXPECT_EQ(NULL, strstr(peer, unwanted[n]));
		}
		EXPECT_NE(NULL, strstr(own, "mw"));
		EXPECT_EQ(NULL, strstr(peer, "mw"));
	}
}

/* ---- what may not be mapped ---- */

TEST_F(map, wrong_sizes)
{
	uint64_t offsets[] = { FASTIPC_MAP_OWN, FASTIPC_MAP_PEER };
	size_t sizes[] = {
		1,	  PAGE,	       RING,	 PAGE + RING, SIZE - PAGE,
		SIZE + 1, SIZE + PAGE, 2 * SIZE, 1ul << 32,   SIZE + (1ul << 32)
	};

	for (size_t n = 0; n < ARRAY_SIZE(sizes); n++)
		for (size_t o = 0; o < ARRAY_SIZE(offsets); o++) {
			EXPECT_EQ(-EINVAL,
				  map_error(sizes[n], PROT_READ, MAP_SHARED,
					    self->p.fd[0], offsets[o]))
			{
				TH_LOG("size %zu at %llx", sizes[n],
				       (unsigned long long)offsets[o]);
			}
		}
}

TEST_F(map, wrong_offsets)
{
	uint64_t offsets[] = { PAGE,
			       SIZE,
			       FASTIPC_MAP_PEER / 2,
			       FASTIPC_MAP_PEER - PAGE,
			       FASTIPC_MAP_PEER + PAGE,
			       FASTIPC_MAP_PEER + SIZE,
			       FASTIPC_MAP_PEER * 2,
			       FASTIPC_MAP_PEER * 3,
			       1ull << 44,
			       1ull << 52,
			       (1ull << 63) - SIZE,
			       (uint64_t)-PAGE };

	for (size_t n = 0; n < ARRAY_SIZE(offsets); n++) {
		int error = map_error(SIZE, PROT_READ, MAP_SHARED,
				      self->p.fd[0], offsets[n]);

		/* The kernel itself refuses what would go over the end. */
		EXPECT_TRUE(
			error == -EINVAL ||
			(error == -EOVERFLOW && offsets[n] > UINT64_MAX - SIZE))
		{
			TH_LOG("offset %llx: %d",
			       (unsigned long long)offsets[n], error);
		}
	}
}

TEST_F(map, private_or_executable)
{
	uint64_t offsets[] = { FASTIPC_MAP_OWN, FASTIPC_MAP_PEER };

	for (size_t n = 0; n < ARRAY_SIZE(offsets); n++) {
		int fd = self->p.fd[0];

		EXPECT_EQ(-EINVAL, map_error(SIZE, PROT_READ, MAP_PRIVATE, fd,
					     offsets[n]));
		EXPECT_EQ(-EINVAL,
			  map_error(SIZE, RW, MAP_PRIVATE, fd, offsets[n]));
		EXPECT_EQ(-EPERM, map_error(SIZE, PROT_READ | PROT_EXEC,
					    MAP_SHARED, fd, offsets[n]));
		EXPECT_EQ(-EPERM, map_error(SIZE, PROT_EXEC, MAP_SHARED, fd,
					    offsets[n]));
		EXPECT_EQ(-EPERM, map_error(SIZE, RW | PROT_EXEC, MAP_SHARED,
					    fd, offsets[n]));
		EXPECT_EQ(0, map_error(SIZE, PROT_READ, MAP_SHARED, fd,
				       offsets[n]));
		EXPECT_EQ(0, map_error(SIZE, PROT_NONE, MAP_SHARED, fd,
				       offsets[n]));
	}
}

TEST_F(map, the_control_file_has_nothing_to_map)
{
	int control = self->p.control;

	EXPECT_EQ(-ENODEV, map_error(SIZE, PROT_READ, MAP_SHARED, control,
				     FASTIPC_MAP_OWN));
	EXPECT_EQ(-ENODEV, map_error(PAGE, PROT_READ, MAP_SHARED, control, 0));
	EXPECT_EQ(-ENODEV, map_error(PAGE, PROT_READ, MAP_PRIVATE, control, 0));
}

/* ---- read-only for good ---- */

TEST_F(map, the_peer_is_not_writable)
{
	void *peer = self->p.peer[0];

	EXPECT_EQ(-EACCES, map_error(SIZE, RW, MAP_SHARED, self->p.fd[0],
				     FASTIPC_MAP_PEER));
	EXPECT_EQ(-EACCES, map_error(SIZE, PROT_WRITE, MAP_SHARED,
				     self->p.fd[0], FASTIPC_MAP_PEER));
	EXPECT_EQ(SIGSEGV, write_fault(peer));
	EXPECT_EQ(SIGSEGV, write_fault((char *)peer + SIZE - 1));
	EXPECT_EQ(-1, mprotect(peer, SIZE, RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(peer, SIZE, PROT_WRITE));
	EXPECT_EQ(SIGSEGV, write_fault(peer));
	EXPECT_EQ(0, read_fault(peer));
}

TEST_F(map, nothing_becomes_executable)
{
	EXPECT_EQ(-1, mprotect(self->p.own[0], SIZE, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(self->p.own[0], SIZE, RW | PROT_EXEC));
	EXPECT_EQ(-1, mprotect(self->p.peer[0], SIZE, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(map, the_debugger_s_way_in_is_shut)
{
	struct fastipc_control *peer = self->p.peer[0];
	uint64_t value = 1;
	struct iovec local = { .iov_base = &value, .iov_len = sizeof(value) };
	struct iovec remote = { .iov_base = peer, .iov_len = sizeof(value) };
	int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	ASSERT_GE(memory, 0);
	EXPECT_EQ(-1, pwrite(memory, &value, sizeof(value), (off_t)(long)peer));
	EXPECT_EQ(-1, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_TRUE(errno == EFAULT || errno == ENOSYS);
	EXPECT_EQ(0, peer->tx_tail);
	/* The own region is one's own. */
	EXPECT_EQ(sizeof(value), pwrite(memory, &value, sizeof(value),
					(off_t)(long)self->p.own[0]));
	EXPECT_EQ(1, self->p.peer[1]->tx_tail);
	/* And reading is harmless: the pages are ordinary ones. */
	EXPECT_EQ(sizeof(value), pread(memory, &value, sizeof(value),
				       (off_t)(long)&peer->magic));
	EXPECT_EQ(FASTIPC_REGION_MAGIC, value);
	close(memory);
}

TEST_F(map, ptrace_does_not_write_to_the_peer)
{
	struct pair *p = &self->p;
	int address[2];
	void *at = NULL;
	pid_t pid;

	ASSERT_EQ(0, pipe(address));
	pid = spawn();
	if (!pid) {
		at = map_peer(p->fd[0], RING);
		CHECK(write(address[1], &at, sizeof(at)) == sizeof(at));
		pause();
		_exit(0);
	}
	ASSERT_EQ(sizeof(at), read(address[0], &at, sizeof(at)));
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, pid, NULL, NULL));
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(-1, ptrace(PTRACE_POKEDATA, pid, at, (void *)1));
	EXPECT_EQ(0, p->peer[0]->tx_tail);
	kill_and_reap(pid);
}

TEST_F(map, own_for_reading_only)
{
	void *own = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, self->p.fd[0],
			 (off_t)FASTIPC_MAP_OWN);

	ASSERT_NE(MAP_FAILED, own);
	EXPECT_EQ(0, read_fault(own));
	EXPECT_EQ(SIGSEGV, write_fault(own));
	EXPECT_EQ(0, munmap(own, SIZE));
}

/* The kernel writes into user memory with the user's rights. */
TEST_F(map, system_calls_cannot_fill_the_peer)
{
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(8, write(pipes[1], "12345678", 8));
	EXPECT_EQ(-1, read(pipes[0], self->p.peer[0], 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(8, read(pipes[0], self->p.own[1], 8));
	EXPECT_EQ(0, memcmp(self->p.peer[0], "12345678", 8));
}

/* ---- another one in its place ---- */

/* As with any file, this throws the old mapping away before it fails. */
TEST_F(map, remapped_as_a_whole_shows_nothing_else)
{
	struct pair *p = &self->p;

	if (!syscall(SYS_remap_file_pages, p->peer[0], SIZE, 0, 0, 0)) {
		EXPECT_EQ(SIGSEGV, write_fault(p->peer[0]));
	} else {
		int number = read_fault(p->peer[0]);

		EXPECT_TRUE(number == 0 || number == SIGSEGV);
	}
	unmap(p->peer[0], RING);
	p->peer[0] = map_peer(p->fd[0], RING);
	ASSERT_NE(MAP_FAILED, p->peer[0]);
}

/* ---- fork ---- */

TEST_F(map, a_child_has_no_mapping_but_the_fd)
{
	struct pair *p = &self->p;
	pid_t pid = spawn();

	if (!pid) {
		struct fastipc_control *own;

		for (int end = 0; end < 2; end++) {
			CHECK(read_fault(p->own[end]) == SIGSEGV);
			CHECK(read_fault(p->peer[end]) == SIGSEGV);
		}
		own = map_own(p->fd[0], RING);
		CHECK(own != MAP_FAILED);
		own->tx_tail = 4711;
		CHECK(!wake(p->fd[0], FASTIPC_SIDE_PEER));
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(4711, self->p.peer[1]->tx_tail);
}

/* Whether madvise() can win the copy back or not, nothing comes of it. */
TEST_F(map, a_child_after_dofork)
{
	struct pair *p = &self->p;
	bool copied = !madvise(p->peer[0], SIZE, MADV_DOFORK);
	pid_t pid;

	madvise(p->own[0], SIZE, MADV_DOFORK);
	pid = spawn();
	if (!pid) {
		if (copied)
			CHECK(write_fault(p->peer[0]) == SIGSEGV);
		read_fault(p->own[0]);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

/* ---- lifetime ---- */

TEST_F(map, outlives_the_descriptors)
{
	struct pair *p = &self->p;

	for (int end = 0; end < 2; end++) {
		close(p->fd[end]);
		p->fd[end] = -1;
	}
	p->own[1]->tx_tail = 99;
	EXPECT_EQ(99, p->peer[0]->tx_tail);
	EXPECT_TRUE(intact(p));
}

/* Pages that the kernel still holds are freed when it lets go of them. */
TEST(pages_in_a_pipe_outlive_the_channel)
{
	unsigned char bytes[PAGE];
	struct iovec io;
	struct pair p;
	uint32_t before;
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, pair_open(&p, RING));
	before = uid_channels(p.control);
	memset(data_of(p.own[0]), 0x77, RING);
	io.iov_base = data_of(p.peer[1]);
	io.iov_len = PAGE;
	ASSERT_EQ(PAGE, vmsplice(pipes[1], &io, 1, 0));
	pair_drop_end(&p, 0);
	pair_drop_end(&p, 1);
	EXPECT_EQ(before - 1, uid_channels(p.control));
	/* Reuse memory: were the page freed, it would be overwritten. */
	for (int n = 0; n < 16; n++) {
		int fd[2];

		ASSERT_EQ(0, create(p.control, 1 << 20, 1 << 20, fd));
		close(fd[0]);
		close(fd[1]);
	}
	ASSERT_EQ(PAGE, read(pipes[0], bytes, PAGE));
	for (uint32_t at = 0; at < PAGE; at++) {
		ASSERT_EQ(0x77, bytes[at]);
	}
	pair_close(&p);
}

/* A device reads from, or writes to, the pages of a ring: as any memory. */
TEST_F(map, direct_io_is_harmless)
{
	unsigned char *own = data_of(self->p.own[0]);
	unsigned char saved[PAGE];
	char path[] = "/tmp/fastipc-direct-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		SKIP(return, "no place for a file");
	unlink(path);
	if (fcntl(fd, F_SETFL, O_DIRECT))
		fcntl(fd, F_SETFL, 0); /* still pins pages: splice, DAX */
	memcpy(saved, own, PAGE);
	EXPECT_EQ(PAGE, pwrite(fd, own, PAGE, 0));
	memset(own, 0, PAGE);
	EXPECT_EQ(PAGE, pread(fd, own, PAGE, 0));
	EXPECT_EQ(0, memcmp(saved, own, PAGE));
	EXPECT_EQ(-1, pread(fd, data_of(self->p.peer[0]), PAGE, 0));
	close(fd);
}

TEST_F(map, many_times)
{
	uint64_t enough = in_ns(5 * SECOND);

	for (int n = 0; n < 1000 && now_ns() < enough; n++) {
		void *own = map_own(self->p.fd[0], RING);
		void *peer = map_peer(self->p.fd[0], RING);

		ASSERT_NE(MAP_FAILED, own);
		ASSERT_NE(MAP_FAILED, peer);
		unmap(own, RING);
		unmap(peer, RING);
	}
}

TEST_HARNESS_MAIN
