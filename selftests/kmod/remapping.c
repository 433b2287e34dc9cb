// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A mapping stays whole, and where it is: neither munmap() nor mprotect(),
 * mremap() or madvise() make anything else of it.
 */
#include "fault.h"

#include "harness.h"

#define RING (4 * PAGE)
#define SIZE FASTIPC_MAP_SIZE(RING)
#define RW (PROT_READ | PROT_WRITE)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

FIXTURE(whole)
{
	struct pair p;
	char *at;
	char *spare; /* a place to move it to */
};

FIXTURE_VARIANT(whole)
{
	bool peer;
};

FIXTURE_VARIANT_ADD(whole, own){ .peer = false };
FIXTURE_VARIANT_ADD(whole, peer){ .peer = true };

FIXTURE_SETUP(whole)
{
	ASSERT_EQ(0, pair_open(&self->p, RING));
	self->at = (char *)(variant->peer ? self->p.peer[0] : self->p.own[0]);
	self->spare = mmap(NULL, 4 * SIZE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->spare);
	memset(data_of(self->p.own[0]), 0x11, RING);
	memset(data_of(self->p.own[1]), 0x11, RING);
}

FIXTURE_TEARDOWN(whole)
{
	char *data = self->at + FASTIPC_CONTROL_SIZE;

	EXPECT_TRUE(readable(self->at, SIZE));
	EXPECT_EQ(0x11, data[0]);
	EXPECT_EQ(0x11, data[2 * RING - 1]);
	EXPECT_EQ(0, munmap(self->at, SIZE));
	EXPECT_EQ(SIGSEGV, read_fault(self->at));
}

TEST_F(whole, not_unmapped_in_part)
{
	EXPECT_EQ(-1, munmap(self->at, PAGE));
	EXPECT_EQ(-1, munmap(self->at + SIZE - PAGE, PAGE));
	EXPECT_EQ(-1, munmap(self->at + PAGE, RING));
}

TEST_F(whole, not_protected_in_part)
{
	EXPECT_EQ(-1, mprotect(self->at, PAGE, PROT_NONE));
	EXPECT_EQ(-1, mprotect(self->at + PAGE, RING, PROT_NONE));
	EXPECT_EQ(-1, mprotect(self->at + SIZE - PAGE, PAGE, PROT_NONE));
}

TEST_F(whole, not_covered_in_part)
{
	EXPECT_EQ(MAP_FAILED,
		  mmap(self->at + PAGE, PAGE, PROT_READ,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(MAP_FAILED,
		  mmap(self->at, PAGE, PROT_READ,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

TEST_F(whole, not_resized)
{
	EXPECT_EQ(MAP_FAILED, mremap(self->at, SIZE, SIZE + PAGE, 0));
	EXPECT_EQ(MAP_FAILED,
		  mremap(self->at, SIZE, SIZE + PAGE, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(self->at, SIZE, SIZE - PAGE, 0));
	EXPECT_EQ(MAP_FAILED, mremap(self->at, SIZE, PAGE, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED,
		  mremap(self->at, PAGE, SIZE + PAGE, MREMAP_MAYMOVE));
}

/* Also where there is room behind it. */
TEST_F(whole, not_grown_in_place)
{
	uint64_t offset = variant->peer ? FASTIPC_MAP_PEER : FASTIPC_MAP_OWN;
	char *at = self->spare;

	ASSERT_EQ(0, munmap(at, 4 * SIZE));
	ASSERT_EQ(at, mmap(at, SIZE, PROT_READ, MAP_SHARED | MAP_FIXED,
			   self->p.fd[0], (off_t)offset));
	EXPECT_EQ(MAP_FAILED, mremap(at, SIZE, SIZE + PAGE, 0));
	EXPECT_EQ(MAP_FAILED, mremap(at, SIZE, 2 * SIZE, 0));
	EXPECT_TRUE(readable(at, SIZE));
	EXPECT_EQ(SIGSEGV, read_fault(at + SIZE));
	EXPECT_EQ(0, munmap(at, SIZE));
}

TEST_F(whole, not_moved)
{
	EXPECT_EQ(MAP_FAILED,
		  mremap(self->at, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 self->spare));
	EXPECT_TRUE(readable(self->at, SIZE));
	EXPECT_EQ(MAP_FAILED,
		  mremap(self->at + PAGE, RING, RING,
			 MREMAP_MAYMOVE | MREMAP_FIXED, self->spare));
	EXPECT_EQ(MAP_FAILED, mremap(self->at, SIZE, SIZE,
				     MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	/* An old size of 0 asks for a second mapping. */
	EXPECT_EQ(MAP_FAILED, mremap(self->at, 0, SIZE, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(self->at, 0, PAGE, MREMAP_MAYMOVE));
}

TEST_F(whole, protected_as_a_whole_and_back)
{
	EXPECT_EQ(0, mprotect(self->at, SIZE, PROT_NONE));
	EXPECT_EQ(SIGSEGV, read_fault(self->at));
	EXPECT_EQ(0, mprotect(self->at, SIZE, PROT_READ));
	EXPECT_EQ(SIGSEGV, write_fault(self->at));
	EXPECT_EQ(variant->peer ? -1 : 0, mprotect(self->at, SIZE, RW));
}

TEST_F(whole, not_remapped_in_part)
{
	EXPECT_EQ(-1, syscall(SYS_remap_file_pages, self->at, PAGE, 0, 0, 0));
	EXPECT_EQ(-1, syscall(SYS_remap_file_pages, self->at + PAGE, PAGE, 0, 0,
			      0));
	EXPECT_EQ(-1, syscall(SYS_remap_file_pages, self->at + PAGE, RING, 0, 1,
			      0));
	EXPECT_EQ(variant->peer ? SIGSEGV : 0, write_fault(self->at));
}

/* In part or whole, whatever an advice does must not show other bytes. */
TEST_F(whole, advice_is_harmless)
{
	for (int advice = 0; advice <= 110; advice++) {
		if (advice == 100 || advice == 101)
			continue; /* MADV_HWPOISON, MADV_SOFT_OFFLINE */
		if (advice == MADV_DONTNEED || advice == 24)
			continue; /* tested below */
		madvise(self->at, SIZE, advice);
		madvise(self->at + PAGE, PAGE, advice);
		EXPECT_TRUE(readable(self->at, SIZE))
		{
			TH_LOG("advice %d", advice);
		}
	}
	mlock(self->at, SIZE);
	mlock(self->at + PAGE, PAGE);
	munlock(self->at, SIZE);
	msync(self->at, SIZE, MS_SYNC | MS_INVALIDATE);
}

TEST_F(whole, pages_that_are_not_needed_come_back)
{
	EXPECT_EQ(0, madvise(self->at, SIZE, MADV_DONTNEED));
	EXPECT_TRUE(readable(self->at, SIZE));
	EXPECT_EQ(variant->peer ? SIGSEGV : 0, write_fault(self->at));
	madvise(self->at + PAGE, RING, MADV_DONTNEED);
	madvise(self->at, SIZE, MADV_POPULATE_WRITE);
	EXPECT_TRUE(readable(self->at, SIZE));
	data_of(self->p.own[0])[5] = 0x12;
	__asm__ volatile("" ::: "memory");
	EXPECT_EQ(0x12, data_of(self->p.peer[1])[RING + 5]);
	EXPECT_EQ(0x12, data_of(self->p.own[0])[RING + 5]);
}

TEST_HARNESS_MAIN
