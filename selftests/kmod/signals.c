// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * WAIT and SWAP among signals and processes: interrupted, restarted, stopped,
 * killed; and two processes that take turns.
 */
#include "device.h"

#include "harness.h"

#define RING FASTIPC_RING_MIN
#define ROUNDS 10000u

FIXTURE(wait)
{
	struct pair p;
	struct fastipc_ioc_wait w;
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

static volatile sig_atomic_t handled;

static void on_signal(int number)
{
	(void)number;
	handled++;
}

static void handle(int flags)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = flags };

	handled = 0;
	sigaction(SIGUSR1, &action, NULL);
}

TEST_F(wait, is_interrupted_by_a_handler)
{
	pid_t pid = spawn();

	if (!pid) {
		handle(0);
		CHECK(call(self->p.fd[0], variant->request, &self->w) ==
		      -EINTR);
		CHECK(handled == 1);
		_exit(0);
	}
	ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
	ASSERT_EQ(0, kill(pid, SIGUSR1));
	EXPECT_EQ(0, reap(pid));
}

TEST_F(wait, is_restarted_after_a_handler)
{
	pid_t pid = spawn();

	if (!pid) {
		handle(SA_RESTART);
		CHECK(call(self->p.fd[0], variant->request, &self->w) == 0);
		CHECK(handled == 3);
		_exit(0);
	}
	for (int n = 0; n < 3; n++) {
		ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
		ASSERT_EQ(0, kill(pid, SIGUSR1));
		sleep_ns(20 * MS);
	}
	ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
	ASSERT_EQ(0, ring_bell(&self->p, 1));
	EXPECT_EQ(0, reap(pid));
}

/* The deadline is absolute: restarts do not move it. */
TEST_F(wait, is_restarted_until_the_deadline)
{
	uint64_t start = now_ns();
	pid_t pid;

	/* Time enough to fall asleep before. */
	self->w.deadline = start + 2 * SECOND;
	pid = spawn();
	if (!pid) {
		handle(SA_RESTART);
		CHECK(call(self->p.fd[0], variant->request, &self->w) ==
		      -ETIMEDOUT);
		CHECK(now_ns() >= self->w.deadline);
		_exit(0);
	}
	ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
	while (now_ns() < self->w.deadline + 50 * MS) {
		kill(pid, SIGUSR1);
		sleep_ns(10 * MS);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_LT(now_ns() - start, 60 * SECOND);
}

TEST_F(wait, goes_on_after_stop_and_continue)
{
	int status;
	pid_t pid = spawn();

	if (!pid) {
		CHECK(call(self->p.fd[0], variant->request, &self->w) == 0);
		_exit(0);
	}
	for (int n = 0; n < 3; n++) {
		ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
		ASSERT_EQ(0, kill(pid, SIGSTOP));
		ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		ASSERT_EQ(0, kill(pid, SIGCONT));
	}
	ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
	ASSERT_EQ(0, ring_bell(&self->p, 1));
	EXPECT_EQ(0, reap(pid));
}

/* What comes while it is stopped is there when it goes on. */
TEST_F(wait, is_rung_while_stopped)
{
	int status;
	pid_t pid = spawn();

	if (!pid) {
		CHECK(call(self->p.fd[0], variant->request, &self->w) == 0);
		_exit(0);
	}
	ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_EQ(0, ring_bell(&self->p, 1));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	EXPECT_EQ(0, reap(pid));
}

TEST_F(wait, an_ignored_signal_is_no_interruption)
{
	pid_t pid = spawn();

	if (!pid) {
		signal(SIGUSR1, SIG_IGN);
		CHECK(call(self->p.fd[0], variant->request, &self->w) == 0);
		_exit(0);
	}
	ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
	for (int n = 0; n < 10; n++) {
		ASSERT_EQ(0, kill(pid, SIGUSR1));
	}
	sleep_ns(20 * MS);
	ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
	ASSERT_EQ(0, ring_bell(&self->p, 1));
	EXPECT_EQ(0, reap(pid));
}

TEST_F(wait, killed_while_asleep)
{
	for (int n = 0; n < 20; n++) {
		pid_t pid = spawn();

		if (!pid) {
			call(self->p.fd[0], variant->request, &self->w);
			_exit(0);
		}
		ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
		EXPECT_EQ(128 + SIGKILL, kill_and_reap(pid));
	}
	/* The dead left nothing behind. */
	self->w.deadline = in_ns(MS);
	EXPECT_EQ(-ETIMEDOUT, call(self->p.fd[0], variant->request, &self->w));
	EXPECT_EQ(0, ring_bell(&self->p, 1));
}

static int idle_thread(void *unused)
{
	(void)unused;
	return pause();
}

TEST_F(wait, ended_with_all_its_threads)
{
	pid_t pid = spawn();

	if (!pid) {
		struct thread idle;

		CHECK(!thread_start(&idle, idle_thread, NULL));
		call(self->p.fd[0], variant->request, &self->w);
		_exit(0);
	}
	ASSERT_TRUE(ASLEEP(pid, SYS_ioctl));
	ASSERT_EQ(0, kill(pid, SIGTERM));
	EXPECT_EQ(128 + SIGTERM, reap(pid));
}

/* ---- taking turns ---- */

/* On a machine that is slow now, fewer rounds do. */
#define ENOUGH (10 * SECOND)
#define ROUNDS_MIN 500u

/*
 * Each bumps its doorbell and waits until the other's is as far; end 0 leads,
 * and stops some time.  Returns the rounds, or -errno.
 */
static int take_turns(struct pair *p, int end, unsigned long request)
{
	uint32_t *own = &p->own[end]->doorbell;
	uint32_t *peer = &p->peer[end]->doorbell;
	uint64_t enough = in_ns(ENOUGH);
	uint32_t n = 1;
	int error = 0;

	for (;;) {
		if (end) {
			while (!error &&
			       __atomic_load_n(peer, __ATOMIC_ACQUIRE) < n)
				error = wait_peer(p->fd[1], n - 1,
						  in_ns(60 * SECOND));
			if (error)
				return error == -EPIPE ? (int)n - 1 : error;
		}
		__atomic_store_n(own, n, __ATOMIC_SEQ_CST);
		if (request == FASTIPC_IOC_SWAP)
			error = swap_peer(p->fd[end], end ? n : n - 1,
					  in_ns(60 * SECOND));
		else
			error = wake(p->fd[end], FASTIPC_SIDE_PEER);
		if (!end) {
			while (!error &&
			       __atomic_load_n(peer, __ATOMIC_ACQUIRE) < n)
				error = wait_peer(p->fd[0], n - 1,
						  in_ns(60 * SECOND));
			if (error || n == ROUNDS ||
			    (n >= ROUNDS_MIN && now_ns() > enough))
				return error ? error : (int)n;
		}
		n++;
	}
}

TEST_F(wait, two_processes_take_turns)
{
	struct pair *p = &self->p;
	struct fastipc_ioc_info i;
	uint64_t start = now_ns();
	pid_t pid = spawn();
	int rounds;

	if (!pid) {
		CHECK(!pair_map_end(p, 1));
		close(p->fd[0]);
		rounds = take_turns(p, 1, variant->request);
		if (rounds < (int)ROUNDS_MIN)
			fprintf(stderr, "# end 1: %d, at %u\n", rounds,
				p->own[1]->doorbell);
		CHECK(rounds >= (int)ROUNDS_MIN);
		CHECK((uint32_t)rounds == p->peer[1]->doorbell);
		_exit(0);
	}
	pair_drop_end(p, 1);
	rounds = take_turns(p, 0, variant->request);
	ASSERT_GE(rounds, (int)ROUNDS_MIN);
	TH_LOG("%d round trips, each %llu us", rounds,
	       (unsigned long long)(now_ns() - start) / 1000 /
		       (unsigned int)rounds);
	EXPECT_EQ(0, info(p->fd[0], &i));
	EXPECT_GE(i.wakes, rounds);
	pair_close(p);
	EXPECT_EQ(0, reap(pid));
}

/*
 * The peer is awake, and rings at one moment after the other of a WAIT: before
 * it, while it falls asleep, after that.
 */
static int ring_at_any_moment(void *argument)
{
	struct pair *p = argument;
	uint32_t *asked = &p->peer[1]->doorbell;

	for (uint32_t n = 1;; n++) {
		uint32_t seen;

		while ((seen = __atomic_load_n(asked, __ATOMIC_ACQUIRE)) < n)
			__asm__ volatile("" ::: "memory");
		if (seen == UINT32_MAX)
			return 0;
		for (uint32_t i = n * 7 % 1200; i; i--)
			__asm__ volatile("" ::: "memory");
		ring_bell(p, 1);
	}
}

TEST_F(wait, rung_at_any_moment)
{
	struct pair *p = &self->p;
	uint64_t enough = in_ns(ENOUGH);
	struct fastipc_ioc_info i;
	struct thread thread;
	uint32_t n;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two CPUs");
	ASSERT_EQ(0, thread_start(&thread, ring_at_any_moment, p));
	for (n = 0; n < 30000 && now_ns() < enough; n++) {
		struct fastipc_ioc_wait *w = &self->w;

		w->seen = n;
		w->deadline = in_ns(60 * SECOND);
		__atomic_store_n(&p->own[0]->doorbell, n + 1, __ATOMIC_SEQ_CST);
		/* The WAKE of the round before may come late, and end it. */
		while (__atomic_load_n(&p->peer[0]->doorbell,
				       __ATOMIC_ACQUIRE) == n) {
			ASSERT_EQ(0, call(p->fd[0], variant->request, w))
			{
				TH_LOG("round %u", n);
			}
		}
	}
	ASSERT_EQ(0, info(p->fd[0], &i));
	TH_LOG("%u rounds, asleep in %llu", n, (unsigned long long)i.waits);
	__atomic_store_n(&p->own[0]->doorbell, UINT32_MAX, __ATOMIC_SEQ_CST);
	EXPECT_EQ(0, thread_join(&thread));
}

/* ---- how soon the death of the peer is known ---- */

#define DEATHS 21

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * From just before kill() in a third process to the return of who sleeps for
 * the victim: in WAIT if @p, else in a read() of a socket.  0: something else
 * went wrong.
 */
static uint64_t death_to_return(struct pair *p)
{
	static uint64_t *killed;
	int sockets[2] = { -1, -1 };
	pid_t victim, killer;
	uint64_t done;
	char byte;

	if (!killed)
		killed = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*killed = 0;
	if (p && pair_create(p, RING))
		return 0;
	if (!p && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return 0;
	victim = spawn();
	if (!victim) {
		if (p)
			CHECK(!close(p->fd[0]) && !pair_map_end(p, 1));
		else
			close(sockets[0]);
		pause();
		_exit(0);
	}
	if (p) {
		close(p->fd[1]);
		p->fd[1] = -1;
	} else {
		close(sockets[1]);
	}
	killer = spawn();
	if (!killer) {
		/* It must not be what holds the victim's end. */
		ASLEEP(getppid(), p ? SYS_ioctl : SYS_read);
		sleep_ns(2 * MS);
		*killed = now_ns();
		kill(victim, SIGKILL);
		_exit(0);
	}
	if (p ? wait_peer(p->fd[0], 0, in_ns(60 * SECOND)) != -EPIPE
	      : read(sockets[0], &byte, 1) != 0)
		return 0;
	done = now_ns();
	reap(victim);
	reap(killer);
	if (p)
		pair_close(p);
	else
		close(sockets[0]);
	return *killed && done > *killed ? done - *killed : 0;
}

TEST(a_killed_peer_is_known_at_once)
{
	uint64_t ours[DEATHS], bare[DEATHS];
	uint64_t beyond = 0;

	/*
	 * A busy machine gets more tries, and a slow one more time: it is the
	 * difference that counts.
	 */
	for (int round = 0; round < 8; round++) {
		for (int n = 0; n < DEATHS; n++) {
			struct pair p;

			ours[n] = death_to_return(&p);
			bare[n] = death_to_return(NULL);
			ASSERT_NE(0, ours[n]);
			ASSERT_NE(0, bare[n]);
		}
		qsort(ours, DEATHS, sizeof(*ours), compare);
		qsort(bare, DEATHS, sizeof(*bare), compare);
		beyond = ours[DEATHS / 2] > bare[DEATHS / 2]
				 ? ours[DEATHS / 2] - bare[DEATHS / 2]
				 : 0;
		TH_LOG("SIGKILL to return, us: %llu, of a socket %llu",
		       (unsigned long long)ours[DEATHS / 2] / 1000,
		       (unsigned long long)bare[DEATHS / 2] / 1000);
		if (beyond < MS + bare[DEATHS / 2])
			break;
	}
	EXPECT_LT(beyond, MS + bare[DEATHS / 2]);
}

TEST_HARNESS_MAIN
