// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The calls of a 32-bit program, on a 64-bit kernel.  The structs are the same
 * for both, and so this is the program's own entry to the kernel, from here.
 */
#include "device.h"

#include "harness.h"

#define RING (4 * PAGE)
#define NR_GETPID_32 20
#define NR_IOCTL_32 54

#ifdef __x86_64__
static int system_call_32(int number, int fd, unsigned int request,
			  uint32_t argument)
{
	int ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(number), "b"(fd), "c"(request), "d"(argument)
			 : "memory", "r8", "r9", "r10", "r11");
	return ret;
}
#else
static int system_call_32(int number, int fd, unsigned int request,
			  uint32_t argument)
{
	(void)number, (void)fd, (void)request, (void)argument;
	_exit(1);
}
#endif

/* A kernel without it sends a signal. */
static bool has_32_bit_calls(void)
{
	pid_t pid = spawn();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		_exit(system_call_32(NR_GETPID_32, 0, 0, 0) != getpid());
	}
	return !reap(pid);
}

FIXTURE(compat)
{
	struct pair p;
	void *low; /* a page that a 32-bit pointer reaches */
};

FIXTURE_SETUP(compat)
{
#ifndef MAP_32BIT
	SKIP(return, "another architecture");
#else
	if (!has_32_bit_calls())
		SKIP(return, "no calls of 32-bit programs");
	self->low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, self->low);
	ASSERT_EQ(0, pair_open(&self->p, RING));
#endif
}

FIXTURE_TEARDOWN(compat)
{
	pair_close(&self->p);
}

static int call_32(FIXTURE_DATA(compat) * self, int fd, unsigned long request,
		   const void *argument, size_t size)
{
	memcpy(self->low, argument, size);
	return system_call_32(NR_IOCTL_32, fd, (unsigned int)request,
			      (uint32_t)(uintptr_t)self->low);
}

#define CALL_32(fd, request, argument) \
	call_32(self, fd, FASTIPC_IOC_##request, &(argument), sizeof(argument))

TEST_F(compat, makes_a_channel)
{
	struct fastipc_ioc_create c =
		IOC_STRUCT(create, .ring_size = { PAGE, 2 * PAGE });
	struct fastipc_ioc_create *made = self->low;
	struct fastipc_ioc_info i = IOC_STRUCT(info), *told = self->low;
	int fd[2];

	ASSERT_EQ(0, CALL_32(self->p.control, CREATE, c));
	fd[0] = made->fd[0];
	fd[1] = made->fd[1];
	ASSERT_EQ(0, CALL_32(fd[1], INFO, i));
	EXPECT_EQ(1, told->end);
	EXPECT_EQ(2 * PAGE, told->own_ring_size);
	EXPECT_EQ(PAGE, told->peer_ring_size);
	close(fd[0]);
	close(fd[1]);
}

TEST_F(compat, asks_the_control_file)
{
	struct fastipc_ioc_query q = IOC_STRUCT(query), *told = self->low;

	ASSERT_EQ(0, CALL_32(self->p.control, QUERY, q));
	EXPECT_EQ(FASTIPC_ABI_VERSION, told->abi);
	EXPECT_EQ(uid_bytes(self->p.control), told->uid_bytes);
	q.size--;
	EXPECT_EQ(-EINVAL, CALL_32(self->p.control, QUERY, q));
	EXPECT_EQ(-ENOTTY, CALL_32(self->p.control, WAIT, q));
}

TEST_F(compat, waits_and_wakes)
{
	uint32_t *local = (uint32_t *)self->low + 64;
	struct fastipc_ioc_wait w = IOC_STRUCT(wait, .side = FASTIPC_SIDE_PEER,
					       .clock = CLOCK_MONOTONIC,
					       .local = (uintptr_t)local,
					       .local_seen = 7);
	struct fastipc_ioc_wake k = IOC_STRUCT(wake);
	struct fastipc_ioc_shutdown s = IOC_STRUCT(shutdown);
	int fd = self->p.fd[0];

	*local = 7;
	w.deadline = in_ns(MS);
	EXPECT_EQ(-ETIMEDOUT, CALL_32(fd, WAIT, w));
	EXPECT_EQ(-ETIMEDOUT, CALL_32(fd, SWAP, w));
	*local = 8;
	w.deadline = 0;
	EXPECT_EQ(0, CALL_32(fd, WAIT, w));
	/* Its pointers are 64 bits, too, and go wherever they point to. */
	w.local = 1ull << 63;
	EXPECT_EQ(-EFAULT, CALL_32(fd, WAIT, w));
	EXPECT_EQ(0, CALL_32(fd, WAKE, k));
	ASSERT_EQ(0, CALL_32(fd, SHUTDOWN, s));
	EXPECT_EQ(-ESHUTDOWN, wait_peer(self->p.fd[1], 0, 0));
}

TEST_HARNESS_MAIN
