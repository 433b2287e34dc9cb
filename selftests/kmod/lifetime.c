// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * How long an end lives, whoever holds it and in whatever order it is let go:
 * descriptors, mappings, processes, messages in flight, the module itself.
 */
#include <sys/epoll.h>

#include "device.h"

#include "harness.h"

#define RING (4 * PAGE)

/* Run as `lifetime --holds FD`: whether that is an endpoint after exec(). */
static void __attribute__((constructor)) holds(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--holds")) {
		struct fastipc_ioc_info i;
		int fd = atoi(argv[2]);

		if (info(fd, &i))
			_exit(errno == EBADF ? 2 : 1);
		_exit(map_own(fd, i.own_ring_size) == MAP_FAILED);
	}
}

static void exec_holds(int fd)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", fd);
	execl("/proc/self/exe", "lifetime", "--holds", text, NULL);
	_exit(3);
}

FIXTURE(life)
{
	struct pair p;
	uint32_t channels; /* of this user without the pair */
	uint64_t bytes;
};

FIXTURE_SETUP(life)
{
	int control = device_open();

	self->channels = uid_channels(control);
	self->bytes = uid_bytes(control);
	close(control);
	ASSERT_EQ(0, pair_open(&self->p, RING));
}

/* What is closed by a task that was killed may take a moment. */
#define ALL_GONE(self) \
	EVENTUALLY(uid_channels((self)->p.control) == (self)->channels && \
		   uid_bytes((self)->p.control) == (self)->bytes)

FIXTURE_TEARDOWN(life)
{
	pair_drop_end(&self->p, 0);
	pair_drop_end(&self->p, 1);
	EXPECT_TRUE(ALL_GONE(self));
	pair_close(&self->p);
}

/* ---- one process, all orders ---- */

/* An end is held by its descriptor and by two mappings: six things. */
static void drop(struct pair *p, int which)
{
	int end = which / 3;

	switch (which % 3) {
	case 0:
		close(p->fd[end]);
		p->fd[end] = -1;
		break;
	case 1:
		unmap(p->own[end], p->ring);
		p->own[end] = NULL;
		break;
	case 2:
		unmap(p->peer[end], p->ring);
		p->peer[end] = NULL;
		break;
	}
}

static bool holds_end(const struct pair *p, int end)
{
	return p->fd[end] >= 0 || p->own[end] || p->peer[end];
}

/* What each end still sees of the other. */
static bool as_expected(const struct pair *p, uint32_t channels)
{
	bool open[2] = { holds_end(p, 0), holds_end(p, 1) };

	for (int end = 0; end < 2; end++) {
		uint32_t dead = open[!end] ? FASTIPC_STATE_OPEN
					   : FASTIPC_STATE_DEAD;
		bool gone;

		if (p->peer[end] && p->peer[end]->state != dead)
			return false;
		if (p->own[end] && p->own[end]->state != FASTIPC_STATE_OPEN)
			return false;
		if (p->fd[end] < 0)
			continue;
		gone = info_flags(p->fd[end]) & FASTIPC_INFO_PEER_GONE;
		if (gone == open[!end] ||
		    wait_peer(p->fd[end], 0, 1) != (gone ? -EPIPE : -ETIMEDOUT))
			return false;
	}
	return uid_channels(p->control) == channels + (open[0] || open[1]);
}

TEST_F(life, let_go_in_all_orders)
{
	int control = self->p.control;

	pair_drop_end(&self->p, 0);
	pair_drop_end(&self->p, 1);
	/* The permutations of 6, by their number. */
	for (int number = 0; number < 720; number++) {
		int left[6] = { 0, 1, 2, 3, 4, 5 };
		int rest = number;
		struct pair p = { .control = control, .ring = RING };

		ASSERT_EQ(0, create(control, RING, RING, p.fd));
		ASSERT_EQ(0, pair_map_end(&p, 0) || pair_map_end(&p, 1));
		for (int n = 6; n > 0; n--) {
			int pick = rest % n;

			rest /= n;
			drop(&p, left[pick]);
			left[pick] = left[n - 1];
			ASSERT_TRUE(as_expected(&p, self->channels))
			{
				TH_LOG("order %d, step %d", number, 6 - n);
			}
		}
	}
}

/* ---- two processes, killed ---- */

enum held {
	FD_ONLY,
	MAPPINGS_ONLY,
	BOTH,
	NR_HELD,
};

/* A process that holds end @end alone, and that way. */
static pid_t spawn_holder(struct pair *p, int end, enum held held)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		return -1;
	pid = spawn();
	if (!pid) {
		close(p->fd[!end]);
		if (held != FD_ONLY)
			CHECK(!pair_map_end(p, end));
		if (held == MAPPINGS_ONLY)
			close(p->fd[end]);
		CHECK(write(ready[1], "", 1) == 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

TEST_F(life, killed_in_all_states)
{
	for (int first = 0; first < NR_HELD; first++) {
		for (int second = 0; second < NR_HELD; second++) {
			struct pair p;
			pid_t pid[2];

			ASSERT_EQ(0, pair_create(&p, RING));
			pid[0] = spawn_holder(&p, 0, first);
			pid[1] = spawn_holder(&p, 1, second);
			ASSERT_GT(pid[0], 0);
			ASSERT_GT(pid[1], 0);
			/* Look on from end 1. */
			close(p.fd[0]);
			p.fd[0] = -1;
			EXPECT_FALSE(info_flags(p.fd[1]) &
				     FASTIPC_INFO_PEER_GONE);
			kill_and_reap(pid[0]);
			EXPECT_TRUE(EVENTUALLY(info_flags(p.fd[1]) &
					       FASTIPC_INFO_PEER_GONE));
			close(p.fd[1]);
			p.fd[1] = -1;
			EXPECT_EQ(self->channels + 2,
				  uid_channels(self->p.control));
			kill_and_reap(pid[1]);
			EXPECT_TRUE(EVENTUALLY(uid_channels(self->p.control) ==
					       self->channels + 1));
			pair_close(&p);
		}
	}
}

TEST_F(life, both_killed_at_once)
{
	for (int n = 0; n < 20; n++) {
		struct pair p;
		pid_t pid[2];

		ASSERT_EQ(0, pair_create(&p, RING));
		for (int end = 0; end < 2; end++) {
			pid[end] = spawn_holder(&p, end, BOTH);
			ASSERT_GT(pid[end], 0);
		}
		pair_close(&p);
		kill(pid[0], SIGKILL);
		kill(pid[1], SIGKILL);
		reap(pid[0]);
		reap(pid[1]);
	}
	EXPECT_TRUE(EVENTUALLY(uid_channels(self->p.control) ==
			       self->channels + 1));
}

/* Whatever a process was doing: making channels, mapping, sleeping. */
TEST_F(life, killed_at_any_time)
{
	for (uint64_t n = 0; n < 60; n++) {
		pid_t pid = spawn();

		if (!pid) {
			for (;;) {
				struct pair p;

				if (pair_open(&p, 64 * PAGE))
					continue;
				wait_peer(p.fd[0], 0, in_ns(MS / 10));
				pair_close(&p);
			}
		}
		sleep_ns(n * n * 10000);
		EXPECT_EQ(128 + SIGKILL, kill_and_reap(pid));
	}
	pair_drop_end(&self->p, 0);
	pair_drop_end(&self->p, 1);
	EXPECT_TRUE(ALL_GONE(self));
}

/* ---- several holders of one end ---- */

TEST_F(life, an_end_with_two_processes)
{
	pid_t pid = spawn_holder(&self->p, 1, BOTH);
	pid_t other = spawn_holder(&self->p, 1, FD_ONLY);

	ASSERT_GT(pid, 0);
	ASSERT_GT(other, 0);
	pair_drop_end(&self->p, 1);
	EXPECT_FALSE(info_flags(self->p.fd[0]) & FASTIPC_INFO_PEER_GONE);
	kill_and_reap(pid);
	EXPECT_FALSE(info_flags(self->p.fd[0]) & FASTIPC_INFO_PEER_GONE);
	EXPECT_EQ(-ETIMEDOUT, wait_peer(self->p.fd[0], 0, in_ns(MS)));
	kill_and_reap(other);
	EXPECT_TRUE(
		EVENTUALLY(info_flags(self->p.fd[0]) & FASTIPC_INFO_PEER_GONE));
	EXPECT_EQ(-EPIPE, wait_peer(self->p.fd[0], 0, 0));
}

TEST_F(life, sleepers_of_two_processes)
{
	pid_t pid[2];

	for (int n = 0; n < 2; n++) {
		pid[n] = spawn();
		if (!pid[n]) {
			CHECK(!wait_peer(self->p.fd[0], 0, 0));
			_exit(0);
		}
		ASSERT_TRUE(ASLEEP(pid[n], SYS_ioctl));
	}
	ASSERT_EQ(0, ring_bell(&self->p, 1));
	EXPECT_EQ(0, reap(pid[0]));
	EXPECT_EQ(0, reap(pid[1]));
}

TEST_F(life, duplicates_are_one_end)
{
	int copy = dup(self->p.fd[1]);

	ASSERT_GE(copy, 0);
	pair_drop_end(&self->p, 1);
	EXPECT_FALSE(info_flags(self->p.fd[0]) & FASTIPC_INFO_PEER_GONE);
	EXPECT_EQ(0, wake(copy, FASTIPC_SIDE_PEER));
	close(copy);
	EXPECT_TRUE(info_flags(self->p.fd[0]) & FASTIPC_INFO_PEER_GONE);
}

/* ---- fork and exec ---- */

TEST_F(life, exec_closes_it)
{
	pid_t pid = spawn();

	if (!pid)
		exec_holds(self->p.fd[1]);
	EXPECT_EQ(2, reap(pid));
}

TEST_F(life, exec_keeps_it_if_told_so)
{
	pid_t pid = spawn();

	if (!pid) {
		fcntl(self->p.fd[1], F_SETFD, 0);
		exec_holds(self->p.fd[1]);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_FALSE(info_flags(self->p.fd[0]) & FASTIPC_INFO_PEER_GONE);
}

/* exec() lets go of descriptors and mappings: the peer hears of it. */
TEST_F(life, exec_is_an_end)
{
	struct pair p;
	pid_t pid;

	ASSERT_EQ(0, pair_create(&p, RING));
	pid = spawn();
	if (!pid) {
		close(p.fd[0]);
		CHECK(!pair_map_end(&p, 1));
		execl("/proc/self/exe", "lifetime", "--holds", "1000", NULL);
		_exit(3);
	}
	close(p.fd[1]);
	p.fd[1] = -1;
	EXPECT_EQ(-EPIPE, wait_peer(p.fd[0], 0, in_ns(60 * SECOND)));
	EXPECT_EQ(2, reap(pid));
	pair_close(&p);
}

/* ---- over sockets ---- */

TEST_F(life, passed_to_another_process)
{
	int s[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	pid = spawn();
	if (!pid) {
		struct pair p = { .control = -1, .ring = RING };

		close(self->p.fd[0]);
		close(self->p.fd[1]);
		p.fd[1] = receive_fd(s[1]);
		CHECK(p.fd[1] >= 0);
		CHECK(!pair_map_end(&p, 1));
		CHECK(!ring_bell(&p, 1));
		pause();
	}
	ASSERT_EQ(0, send_fd(s[0], self->p.fd[1]));
	pair_drop_end(&self->p, 1);
	EXPECT_EQ(0, wait_peer(self->p.fd[0], 0, in_ns(60 * SECOND)));
	kill_and_reap(pid);
	EXPECT_EQ(-EPIPE, wait_peer(self->p.fd[0], 1, 0));
}

TEST_F(life, in_flight_it_lives)
{
	int s[2];
	int fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	ASSERT_EQ(0, send_fd(s[0], self->p.fd[1]));
	ASSERT_EQ(0, send_fd(s[0], self->p.fd[0]));
	pair_drop_end(&self->p, 0);
	pair_drop_end(&self->p, 1);
	EXPECT_EQ(self->channels + 1, uid_channels(self->p.control));
	fd = receive_fd(s[1]);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, info_flags(fd) & FASTIPC_INFO_PEER_GONE);
	close(s[0]);
	close(s[1]);
	EXPECT_TRUE(EVENTUALLY(info_flags(fd) & FASTIPC_INFO_PEER_GONE));
	close(fd);
}

TEST_F(life, in_flight_when_the_receiver_dies)
{
	int s[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	pid = spawn();
	if (!pid) {
		close(s[0]);
		close(self->p.fd[0]);
		close(self->p.fd[1]);
		pause();
	}
	close(s[1]);
	ASSERT_EQ(0, send_fd(s[0], self->p.fd[1]));
	pair_drop_end(&self->p, 1);
	EXPECT_EQ(-ETIMEDOUT, wait_peer(self->p.fd[0], 0, in_ns(20 * MS)));
	kill(pid, SIGKILL);
	EXPECT_EQ(-EPIPE, wait_peer(self->p.fd[0], 0, in_ns(60 * SECOND)));
	reap(pid);
	close(s[0]);
}

/* Sockets that only messages in themselves refer to, and an end in one. */
TEST_F(life, in_a_cycle_it_is_collected)
{
	for (int n = 0; n < 10; n++) {
		int s[2], fd[2];

		ASSERT_EQ(0, create(self->p.control, RING, RING, fd));
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
		ASSERT_EQ(0, send_fd(s[0], fd[0]));
		ASSERT_EQ(0, send_fd(s[1], fd[1]));
		ASSERT_EQ(0, send_fd(s[0], s[0]));
		ASSERT_EQ(0, send_fd(s[1], s[1]));
		ASSERT_EQ(0, send_fd(s[0], s[1]));
		close(fd[0]);
		close(fd[1]);
		close(s[0]);
		close(s[1]);
	}
	/* The collector runs when some socket is closed. */
	for (int n = 0; n < 3; n++) {
		int s[2];

		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, s));
		close(s[0]);
		close(s[1]);
	}
	EXPECT_TRUE(EVENTUALLY(uid_channels(self->p.control) ==
			       self->channels + 1));
}

/* ---- the module ---- */

static int unload(void)
{
	return syscall(SYS_delete_module, "fastipc", O_NONBLOCK) ? -errno : 0;
}

TEST_F(life, the_module_stays_while_it_is_used)
{
	if (geteuid() || access("/sys/module/fastipc/refcnt", F_OK))
		SKIP(return, "no module that this user could unload");
	/* An endpoint and its mappings. */
	pair_drop_end(&self->p, 0);
	close(self->p.control);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	/* Mappings only, and in the end a single one. */
	close(self->p.fd[1]);
	self->p.fd[1] = -1;
	EXPECT_EQ(-EWOULDBLOCK, unload());
	unmap(self->p.own[1], RING);
	self->p.own[1] = NULL;
	EXPECT_EQ(-EWOULDBLOCK, unload());
	/* The control file only. */
	self->p.control = device_open();
	ASSERT_GE(self->p.control, 0);
	unmap(self->p.peer[1], RING);
	self->p.peer[1] = NULL;
	EXPECT_EQ(-EWOULDBLOCK, unload());
}

/* ---- many ---- */

#define CLIENTS 16
#define CHANNELS 64 /* of each client */
#define MANY (CLIENTS * CHANNELS)

/* The client makes its channels and sends the server's ends. */
static void be_client(int socket)
{
	static struct pair p[CHANNELS];

	for (int n = 0; n < CHANNELS; n++) {
		CHECK(!pair_create(&p[n], RING));
		CHECK(!pair_map_end(&p[n], 0));
		CHECK(!send_fd(socket, p[n].fd[1]));
		close(p[n].fd[1]);
		close(p[n].control);
		p[n].own[0]->tx_tail = 8;
		CHECK(!ring_bell(&p[n], 0));
	}
	pause();
}

/* All clients connect, each says something, all are killed: 0, or a line. */
static int serve_and_kill(void)
{
	static struct fastipc_control *own[MANY], *peer[MANY];
	static int fd[MANY];
	struct epoll_event events[64];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	pid_t pid[CLIENTS];
	int heard = 0, gone = 0;

	for (int c = 0; c < CLIENTS; c++) {
		int s[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s))
			return __LINE__;
		pid[c] = spawn();
		if (!pid[c]) {
			close(s[0]);
			/* Not the ends that others have sent. */
			for (int n = 0; n < c * CHANNELS; n++)
				close(fd[n]);
			be_client(s[1]);
		}
		close(s[1]);
		for (int n = c * CHANNELS; n < (c + 1) * CHANNELS; n++) {
			struct epoll_event e = { .events = EPOLLIN | EPOLLET,
						 .data.u32 = (uint32_t)n };

			fd[n] = receive_fd(s[0]);
			if (fd[n] < 0)
				return __LINE__;
			own[n] = map_own(fd[n], RING);
			peer[n] = map_peer(fd[n], RING);
			if (own[n] == MAP_FAILED || peer[n] == MAP_FAILED ||
			    epoll_ctl(epoll, EPOLL_CTL_ADD, fd[n], &e))
				return __LINE__;
		}
		close(s[0]);
	}
	while (gone < MANY) {
		int count = epoll_wait(epoll, events, 64, 60000);

		if (count <= 0)
			return __LINE__;
		for (int n = 0; n < count; n++) {
			uint32_t i = events[n].data.u32;

			if (peer[i]->tx_tail != own[i]->rx_head) {
				own[i]->rx_head = peer[i]->tx_tail;
				heard++;
			}
			if (!(events[n].events & EPOLLHUP))
				continue;
			unmap(own[i], RING);
			unmap(peer[i], RING);
			close(fd[i]);
			gone++;
		}
		if (heard == MANY && !gone) {
			for (int c = 0; c < CLIENTS; c++)
				kill(pid[c], SIGKILL);
		}
	}
	for (int c = 0; c < CLIENTS; c++)
		if (reap(pid[c]) != 128 + SIGKILL)
			return __LINE__;
	close(epoll);
	return heard == MANY ? 0 : __LINE__;
}

static long meminfo(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	long kib = 0;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			kib = strtol(line + strlen(name) + 1, NULL, 10);
	if (file)
		fclose(file);
	return kib;
}

TEST_F_TIMEOUT(life, many_channels_and_then_none, 240)
{
	struct rlimit limit = { .rlim_cur = MANY + 128,
				.rlim_max = MANY + 128 };
	int fds = count_fds();
	int left = 0;
	long used = 0, slab = 0;
	long page_kib = MANY * 2 * (RING + PAGE) / 1024;

	if (setrlimit(RLIMIT_NOFILE, &limit))
		SKIP(return, "not so many descriptors");
	/* What the first rounds leave in caches does not count. */
	for (int round = 0; round < 4; round++) {
		EXPECT_EQ(0, serve_and_kill());
		left = count_fds() - fds;
		EXPECT_EQ(0, left);
		EXPECT_EQ(self->channels + 1, uid_channels(self->p.control));
		if (round == 1) {
			used = meminfo("MemAvailable");
			slab = meminfo("SUnreclaim");
		}
	}
	used -= meminfo("MemAvailable");
	slab = meminfo("SUnreclaim") - slab;
	TH_LOG("after 2 rounds of %d channels: %d fds, %ld KiB, in slabs %ld KiB",
	       MANY, left, used, slab);
	/* The pages of one round would be too much. */
	EXPECT_LT(used, page_kib);
	/* kmemleak keeps notes of its own, and finds more than this. */
	if (access("/sys/kernel/debug/kmemleak", F_OK)) {
		EXPECT_LT(slab, 2 * MANY); /* 1 KiB for each channel made */
	}
}

TEST_HARNESS_MAIN
