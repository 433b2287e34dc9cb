// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * WAIT, WAKE and SWAP: when they return and with what.
 */
#include <sys/time.h>

#include "device.h"

#include "harness.h"

#define RING FASTIPC_RING_MIN

/* How late a sleeper may be on a slow and busy machine, ns. */
#define LATE (60 * SECOND)

FIXTURE(wait)
{
	struct pair p;
	struct fastipc_ioc_wait w; /* what a test has not to change */
};

FIXTURE_VARIANT(wait)
{
	unsigned long request;
};

FIXTURE_VARIANT_ADD(wait, wait){ .request = FASTIPC_IOC_WAIT };
FIXTURE_VARIANT_ADD(wait, swap){ .request = FASTIPC_IOC_SWAP };

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, pair_open(&self->p, RING));
	self->w = IOC_STRUCT(wait, .clock = CLOCK_MONOTONIC);
}

FIXTURE_TEARDOWN(wait)
{
	pair_close(&self->p);
}

/* End 0 in a thread. */
struct sleeper {
	struct thread thread;
	unsigned long request;
	int fd;
	struct fastipc_ioc_wait w;
	uint64_t done; /* when it returned */
};

static int sleep_there(void *argument)
{
	struct sleeper *s = argument;
	int result = call(s->fd, s->request, &s->w);

	__atomic_store_n(&s->done, now_ns(), __ATOMIC_RELEASE);
	return result;
}

static bool fall_asleep(struct sleeper *s, int fd, unsigned long request,
			const struct fastipc_ioc_wait *w)
{
	s->fd = fd;
	s->request = request;
	s->w = *w;
	s->done = 0;
	return !thread_start(&s->thread, sleep_there, s) &&
	       ASLEEP(s->thread.tid, SYS_ioctl);
}

static int awake(struct sleeper *s)
{
	return thread_join(&s->thread);
}

/* ---- returns at once ---- */

TEST_F(wait, doorbell_differs)
{
	self->p.own[1]->doorbell = 7;
	self->w.seen = 6;
	EXPECT_EQ(0, call(self->p.fd[0], variant->request, &self->w));
	self->w.seen = 7;
	self->w.deadline = in_ns(MS);
	EXPECT_EQ(-ETIMEDOUT, call(self->p.fd[0], variant->request, &self->w));
	/* Differing is enough, being less or more is the same. */
	self->w.seen = UINT32_MAX;
	EXPECT_EQ(0, call(self->p.fd[0], variant->request, &self->w));
}

TEST_F(wait, local_word_differs)
{
	uint32_t local = 3;

	self->w.local = (uintptr_t)&local;
	self->w.local_seen = 4;
	EXPECT_EQ(0, call(self->p.fd[0], variant->request, &self->w));
	self->w.local_seen = 3;
	self->w.deadline = in_ns(MS);
	EXPECT_EQ(-ETIMEDOUT, call(self->p.fd[0], variant->request, &self->w));
}

/* What differs comes before all that may have happened to the peer. */
TEST_F(wait, differing_comes_first)
{
	int fd = self->p.fd[0];

	self->w.deadline = 1;
	self->p.own[1]->doorbell = 1;
	EXPECT_EQ(0, call(fd, variant->request, &self->w));
	ASSERT_EQ(0, shut_down(self->p.fd[1], 0));
	EXPECT_EQ(0, call(fd, variant->request, &self->w));
	ASSERT_EQ(0, shut_down(self->p.fd[1], FASTIPC_ABORT));
	EXPECT_EQ(0, call(fd, variant->request, &self->w));
	pair_drop_end(&self->p, 1);
	EXPECT_EQ(0, call(fd, variant->request, &self->w));
	self->w.seen = 1;
	self->w.deadline = 0;
	EXPECT_EQ(-EPIPE, call(fd, variant->request, &self->w));
}

TEST_F(wait, after_the_peer_s_end)
{
	int fd = self->p.fd[0];

	ASSERT_EQ(0, shut_down(self->p.fd[1], 0));
	EXPECT_EQ(-ESHUTDOWN, call(fd, variant->request, &self->w));
	/* It was not this end's. */
	self->w.deadline = in_ns(MS);
	EXPECT_EQ(-ETIMEDOUT, call(self->p.fd[1], variant->request, &self->w));
	self->w.deadline = 0;
	pair_drop_end(&self->p, 1);
	EXPECT_EQ(-EPIPE, call(fd, variant->request, &self->w));
}

TEST_F(wait, after_an_abort)
{
	ASSERT_EQ(0, shut_down(self->p.fd[1], FASTIPC_ABORT));
	for (int end = 0; end < 2; end++) {
		EXPECT_EQ(-EPIPE,
			  call(self->p.fd[end], variant->request, &self->w));
	}
}

/* ---- arguments ---- */

TEST_F(wait, bad_arguments)
{
	struct fastipc_ioc_wait w = self->w;
	int fd = self->p.fd[0];

	w.seen = 1; /* so that a kernel that takes it does not sleep */
	w.side = 2;
	EXPECT_EQ(-EINVAL, call(fd, variant->request, &w));
	w.side = UINT32_MAX;
	EXPECT_EQ(-EINVAL, call(fd, variant->request, &w));
	w.side = FASTIPC_SIDE_PEER;
	w.reserved = 1;
	EXPECT_EQ(-EINVAL, call(fd, variant->request, &w));
	w.reserved = 0;
	w.deadline = in_ns(SECOND);
	for (uint32_t clock = 0; clock < 20; clock++) {
		bool good = clock == CLOCK_MONOTONIC ||
			    clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME;

		w.clock = clock;
		EXPECT_EQ(good ? 0 : -EINVAL, call(fd, variant->request, &w));
	}
	w.clock = UINT32_MAX;
	EXPECT_EQ(-EINVAL, call(fd, variant->request, &w));
	w.clock = CLOCK_MONOTONIC;
	EXPECT_EQ(0, call(fd, variant->request, &w));
}

TEST_F(wait, of_the_own_side)
{
	self->w.side = FASTIPC_SIDE_OWN;
	self->w.seen = 1;
	EXPECT_EQ(variant->request == FASTIPC_IOC_SWAP ? -EINVAL : 0,
		  call(self->p.fd[0], variant->request, &self->w));
}

TEST_F(wait, bad_local_word)
{
	uint32_t words[2] = { 0 };
	void *none =
		mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t bad[] = { (uintptr_t)none, PAGE,	4,
			   (uint64_t)-PAGE, 1ull << 63, 1ull << 56 };
	int fd = self->p.fd[0];

	self->w.deadline = in_ns(60 * SECOND);
	for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
		self->w.local = bad[n];
		EXPECT_EQ(-EFAULT, call(fd, variant->request, &self->w));
	}
	for (int by = 1; by < 4; by++) {
		self->w.local = (uintptr_t)words + by;
		EXPECT_EQ(-EINVAL, call(fd, variant->request, &self->w));
	}
}

/* ---- deadlines ---- */

static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME,
				    CLOCK_BOOTTIME };

TEST_F(wait, deadline_that_is_over)
{
	for (size_t n = 0; n < ARRAY_SIZE(clocks); n++) {
		uint64_t start = now_ns();

		self->w.clock = (uint32_t)clocks[n];
		self->w.deadline = 1;
		EXPECT_EQ(-ETIMEDOUT,
			  call(self->p.fd[0], variant->request, &self->w));
		self->w.deadline = clock_ns(clocks[n]) - 1;
		EXPECT_EQ(-ETIMEDOUT,
			  call(self->p.fd[0], variant->request, &self->w));
		EXPECT_LT(now_ns() - start, LATE);
	}
}

TEST_F(wait, deadline_that_comes)
{
	for (size_t n = 0; n < ARRAY_SIZE(clocks); n++) {
		uint64_t start = clock_ns(clocks[n]);
		uint64_t end;

		self->w.clock = (uint32_t)clocks[n];
		self->w.deadline = start + 40 * MS;
		EXPECT_EQ(-ETIMEDOUT,
			  call(self->p.fd[0], variant->request, &self->w));
		end = clock_ns(clocks[n]);
		EXPECT_GE(end, self->w.deadline);
		EXPECT_LT(end - start, 40 * MS + LATE);
	}
}

TEST_F(wait, deadline_that_never_comes)
{
	uint64_t far[] = { 0, UINT64_MAX, INT64_MAX, 1ull << 63,
			   in_ns(3600 * SECOND) };

	for (size_t n = 0; n < ARRAY_SIZE(far); n++) {
		struct sleeper s;

		self->w.deadline = far[n];
		ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request,
					&self->w))
		{
			TH_LOG("deadline %llx", (unsigned long long)far[n]);
		}
		ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_PEER));
		EXPECT_EQ(0, awake(&s));
	}
}

/* The clock is the caller's own: it may run ahead in a time namespace. */
TEST_F(wait, deadline_in_a_time_namespace)
{
	pid_t pid;

	if (unshare(CLONE_NEWTIME) ||
	    write_file("/proc/self/timens_offsets",
		       "monotonic 5000 0\nboottime 5000 0\n"))
		SKIP(return, "no new time namespace");
	pid = spawn();
	if (!pid) {
		clockid_t both[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME };

		for (size_t n = 0; n < ARRAY_SIZE(both); n++) {
			struct sleeper s;

			self->w.clock = (uint32_t)both[n];
			self->w.deadline = clock_ns(both[n]) + 20 * MS;
			s.request = variant->request;
			s.fd = self->p.fd[0];
			s.w = self->w;
			s.done = 0;
			CHECK(!thread_start(&s.thread, sleep_there, &s));
			CHECK(EVENTUALLY(
				__atomic_load_n(&s.done, __ATOMIC_ACQUIRE)));
			wake(self->p.fd[0], FASTIPC_SIDE_OWN);
			CHECK(awake(&s) == -ETIMEDOUT);
			CHECK(clock_ns(both[n]) >= self->w.deadline);
		}
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

/* ---- being woken ---- */

TEST_F(wait, until_the_peer_rings)
{
	struct sleeper s;

	ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request, &self->w));
	ASSERT_EQ(0, ring_bell(&self->p, 1));
	EXPECT_EQ(0, awake(&s));
}

TEST_F(wait, until_a_wake_without_a_ring)
{
	struct sleeper s;

	ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request, &self->w));
	ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_PEER));
	EXPECT_EQ(0, awake(&s));
}

TEST_F(wait, until_the_peer_swaps)
{
	struct sleeper s;

	ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request, &self->w));
	self->p.own[1]->doorbell = 1;
	EXPECT_EQ(-ETIMEDOUT, swap_peer(self->p.fd[1], 0, in_ns(MS)));
	EXPECT_EQ(0, awake(&s));
}

/* Wakes of the wrong side or channel are not for this sleeper. */
TEST_F(wait, not_by_others)
{
	struct sleeper s;
	struct pair other;

	ASSERT_EQ(0, pair_open(&other, RING));
	ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request, &self->w));
	ASSERT_EQ(0, wake(self->p.fd[0], FASTIPC_SIDE_PEER));
	ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_OWN));
	ASSERT_EQ(0, ring_bell(&other, 1));
	ASSERT_EQ(0, shut_down(other.fd[1], FASTIPC_ABORT));
	pair_close(&other);
	ASSERT_EQ(0, shut_down(self->p.fd[0], 0));
	sleep_ns(50 * MS);
	EXPECT_EQ(0, s.done);
	EXPECT_TRUE(ASLEEP(s.thread.tid, SYS_ioctl));
	ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_PEER));
	EXPECT_EQ(0, awake(&s));
}

/* A store alone wakes nobody: that is what WAKE is for. */
TEST_F(wait, not_by_a_store)
{
	struct sleeper s;

	ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request, &self->w));
	self->p.own[1]->doorbell = 1;
	sleep_ns(50 * MS);
	EXPECT_EQ(0, s.done);
	ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_PEER));
	EXPECT_EQ(0, awake(&s));
}

TEST_F(wait, local_word_and_wake_own)
{
	uint32_t *local = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sleeper s;

	/* The page is not there yet: the kernel has to fault it in. */
	self->w.local = (uintptr_t)local;
	ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request, &self->w));
	__atomic_store_n(local, 1, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, wake(self->p.fd[0], FASTIPC_SIDE_OWN));
	EXPECT_EQ(0, awake(&s));
}

TEST_F(wait, local_word_that_vanishes)
{
	uint32_t *local = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sleeper s;
	int result;

	self->w.local = (uintptr_t)local;
	ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request, &self->w));
	ASSERT_EQ(0, munmap(local, PAGE));
	ASSERT_EQ(0, wake(self->p.fd[0], FASTIPC_SIDE_OWN));
	result = awake(&s);
	EXPECT_TRUE(result == 0 || result == -EFAULT);
}

TEST(wait_of_the_own_doorbell)
{
	struct sleeper s;
	struct pair p;
	struct fastipc_ioc_wait w = IOC_STRUCT(wait, .side = FASTIPC_SIDE_OWN,
					       .clock = CLOCK_MONOTONIC);

	ASSERT_EQ(0, pair_open(&p, RING));
	ASSERT_TRUE(fall_asleep(&s, p.fd[0], FASTIPC_IOC_WAIT, &w));
	p.own[0]->doorbell = 1;
	ASSERT_EQ(0, wake(p.fd[0], FASTIPC_SIDE_OWN));
	EXPECT_EQ(0, awake(&s));
	EXPECT_EQ(0, call(p.fd[0], FASTIPC_IOC_WAIT, &w));
	/* It ends with the peer, too. */
	w.seen = 1;
	ASSERT_TRUE(fall_asleep(&s, p.fd[0], FASTIPC_IOC_WAIT, &w));
	pair_drop_end(&p, 1);
	EXPECT_EQ(-EPIPE, awake(&s));
	pair_close(&p);
}

TEST_F(wait, many_sleepers)
{
	static struct sleeper s[64];

	for (size_t n = 0; n < ARRAY_SIZE(s); n++) {
		ASSERT_TRUE(fall_asleep(&s[n], self->p.fd[0], variant->request,
					&self->w));
	}
	ASSERT_EQ(0, ring_bell(&self->p, 1));
	for (size_t n = 0; n < ARRAY_SIZE(s); n++) {
		EXPECT_EQ(0, awake(&s[n]));
	}
}

/* End 0 in a thread that sleeps again and again, each time for a moment. */
struct passer {
	struct thread thread;
	unsigned long request;
	int fd;
	uint64_t until;
};

static int come_and_go(void *argument)
{
	const struct passer *passer = argument;
	int result = 0;

	while (now_ns() < passer->until && (!result || result == -ETIMEDOUT)) {
		struct fastipc_ioc_wait w =
			IOC_STRUCT(wait, .clock = CLOCK_MONOTONIC,
				   .deadline = in_ns(MS / 20));

		result = call(passer->fd, passer->request, &w);
	}
	return result == -ETIMEDOUT ? 0 : result;
}

/* Whose time is over leaves the list, also while others on it are woken. */
TEST_F(wait, leaving_while_others_are_woken)
{
	static struct passer passers[8];
	uint64_t until = in_ns(SECOND / 2);

	for (size_t n = 0; n < ARRAY_SIZE(passers); n++) {
		passers[n] = (struct passer){ .request = variant->request,
					      .fd = self->p.fd[0],
					      .until = until };
		ASSERT_EQ(0, thread_start(&passers[n].thread, come_and_go,
					  &passers[n]));
	}
	while (now_ns() < until)
		ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_PEER));
	for (size_t n = 0; n < ARRAY_SIZE(passers); n++) {
		EXPECT_EQ(0, thread_join(&passers[n].thread));
	}
}

/* ---- what the scheduler is told ---- */

static int schedstats(char want)
{
	int fd = open("/proc/sys/kernel/sched_schedstats", O_RDWR | O_CLOEXEC);
	char had = '0';
	bool done;

	if (fd < 0)
		return -errno;
	done = pread(fd, &had, 1, 0) == 1 && pwrite(fd, &want, 1, 0) == 1;
	close(fd);
	return done ? had : -EIO;
}

/* How often a thread was woken by somebody about to sleep; -1: not counted. */
static int sync_wakeups(pid_t tid)
{
	char path[64], line[128];
	int count = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/sched", tid);
	file = fopen(path, "re");
	while (file && count < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "nr_wakeups_sync : %d", &count) != 1)
			count = -1;
	if (file)
		fclose(file);
	return count;
}

/* Until the doorbell has been rung twice. */
static int sleep_twice(void *argument)
{
	const int *fd = argument;
	int result = wait_peer(*fd, 0, 0);

	return result ? result : wait_peer(*fd, 1, 0);
}

static bool sleeps_again(const struct pair *p, const struct thread *t)
{
	struct fastipc_ioc_info i;

	return !info(p->fd[0], &i) && i.waits == 2 &&
	       sleeps_in(t->tid, SYS_ioctl);
}

FIXTURE(sync)
{
	struct pair p;
	struct thread thread;
	int had; /* '0' or '1' */
};

FIXTURE_SETUP(sync)
{
	self->had = schedstats('1');
	ASSERT_EQ(0, pair_open(&self->p, RING));
	ASSERT_EQ(0, thread_start(&self->thread, sleep_twice, &self->p.fd[0]));
	ASSERT_TRUE(ASLEEP(self->thread.tid, SYS_ioctl));
}

FIXTURE_TEARDOWN(sync)
{
	ASSERT_EQ(0, shut_down(self->p.fd[0], FASTIPC_ABORT));
	thread_join(&self->thread);
	pair_close(&self->p);
	if (self->had >= 0)
		schedstats((char)self->had);
}

TEST_F(sync, swap_says_that_it_sleeps)
{
	if (sync_wakeups(self->thread.tid) < 0)
		SKIP(return, "no sched_schedstats");
	ASSERT_EQ(0, sync_wakeups(self->thread.tid));
	self->p.own[1]->doorbell = 1;
	EXPECT_EQ(-ETIMEDOUT, swap_peer(self->p.fd[1], 0, in_ns(MS)));
	ASSERT_TRUE(EVENTUALLY(sleeps_again(&self->p, &self->thread)));
	EXPECT_EQ(1, sync_wakeups(self->thread.tid));
}

TEST_F(sync, wake_does_not)
{
	if (sync_wakeups(self->thread.tid) < 0)
		SKIP(return, "no sched_schedstats");
	ASSERT_EQ(0, ring_bell(&self->p, 1));
	ASSERT_TRUE(EVENTUALLY(sleeps_again(&self->p, &self->thread)));
	EXPECT_EQ(0, sync_wakeups(self->thread.tid));
}

/* ---- the peer's end while asleep ---- */

TEST_F(wait, until_the_peer_closes)
{
	struct sleeper s;

	ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request, &self->w));
	pair_drop_end(&self->p, 1);
	EXPECT_EQ(-EPIPE, awake(&s));
}

TEST_F(wait, until_the_peer_shuts_down)
{
	struct sleeper s;

	ASSERT_TRUE(fall_asleep(&s, self->p.fd[0], variant->request, &self->w));
	ASSERT_EQ(0, shut_down(self->p.fd[1], 0));
	EXPECT_EQ(-ESHUTDOWN, awake(&s));
}

TEST_F(wait, until_either_end_aborts)
{
	struct sleeper s[2];

	for (int end = 0; end < 2; end++) {
		ASSERT_TRUE(fall_asleep(&s[end], self->p.fd[end],
					variant->request, &self->w));
	}
	/* The other one's SWAP woke it; it may not have looked yet. */
	if (variant->request == FASTIPC_IOC_SWAP) {
		EXPECT_EQ(0, awake(&s[0]));
	}
	ASSERT_EQ(0, shut_down(self->p.fd[0], FASTIPC_ABORT));
	if (variant->request == FASTIPC_IOC_WAIT) {
		EXPECT_EQ(-EPIPE, awake(&s[0]));
	}
	EXPECT_EQ(-EPIPE, awake(&s[1]));
}

TEST_F(wait, until_the_peer_is_killed)
{
	struct pair *p = &self->p;
	struct sleeper s;
	pid_t pid = spawn();

	if (!pid) {
		CHECK(!pair_map_end(p, 1));
		close(p->fd[0]);
		pause();
		_exit(0);
	}
	pair_drop_end(p, 1);
	ASSERT_TRUE(EVENTUALLY(info_flags(p->fd[0]) & FASTIPC_INFO_PEER_OWNED));
	ASSERT_TRUE(fall_asleep(&s, p->fd[0], variant->request, &self->w));
	EXPECT_EQ(128 + SIGKILL, kill_and_reap(pid));
	EXPECT_EQ(-EPIPE, awake(&s));
	EXPECT_EQ(FASTIPC_STATE_DEAD, p->peer[0]->state);
}

TEST_HARNESS_MAIN
