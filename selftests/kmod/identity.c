// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Whom INFO shows as the peer: the first to map its region writable, as the
 * namespaces of the reader see it.
 */
#include "device.h"

#include "harness.h"

FIXTURE(owner)
{
	struct pair p;
};

FIXTURE_SETUP(owner)
{
	ASSERT_EQ(0, pair_create(&self->p, FASTIPC_RING_MIN));
}

FIXTURE_TEARDOWN(owner)
{
	pair_close(&self->p);
}

/* A process that owns end 1, and lives until the pipe at @until closes. */
static pid_t spawn_owner(struct pair *p, uid_t uid, int until[2])
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready) || pipe(until))
		return -1;
	pid = spawn();
	if (pid) {
		close(ready[1]);
		close(until[0]);
		if (read(ready[0], &byte, 1) != 1)
			pid = -1;
		close(ready[0]);
		return pid;
	}
	close(until[1]);
	CHECK(!setresgid(uid, uid, uid) && !setresuid(uid, uid, uid));
	CHECK(map_own(p->fd[1], p->ring) != MAP_FAILED);
	CHECK(write(ready[1], "", 1) == 1);
	CHECK(read(until[0], &byte, 1) == 0);
	_exit(0);
}

TEST_F(owner, nobody_yet)
{
	struct fastipc_ioc_info i;

	ASSERT_NE(MAP_FAILED, map_peer(self->p.fd[1], self->p.ring));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	EXPECT_EQ(0, i.flags);
	EXPECT_EQ(0, i.peer_pid);
	EXPECT_EQ(OVERFLOW_ID, i.peer_uid);
	EXPECT_EQ(OVERFLOW_ID, i.peer_gid);
}

TEST_F(owner, who_maps_for_reading_is_none)
{
	ASSERT_NE(MAP_FAILED,
		  mmap(NULL, FASTIPC_MAP_SIZE(self->p.ring), PROT_READ,
		       MAP_SHARED, self->p.fd[1], (off_t)FASTIPC_MAP_OWN));
	EXPECT_EQ(0, info_flags(self->p.fd[0]));
}

TEST_F(owner, oneself)
{
	struct fastipc_ioc_info i;

	ASSERT_NE(MAP_FAILED, map_own(self->p.fd[1], self->p.ring));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	EXPECT_EQ(FASTIPC_INFO_PEER_OWNED, i.flags);
	EXPECT_EQ(getpid(), i.peer_pid);
	EXPECT_EQ(geteuid(), i.peer_uid);
	EXPECT_EQ(getegid(), i.peer_gid);
	/* The other end has no owner yet. */
	EXPECT_EQ(0, info_flags(self->p.fd[1]));
}

static int map_end_1(void *argument)
{
	return pair_map_end(argument, 1);
}

TEST_F(owner, a_thread_counts_as_its_process)
{
	struct fastipc_ioc_info i;
	struct thread thread;

	ASSERT_EQ(0, thread_start(&thread, map_end_1, &self->p));
	ASSERT_EQ(0, thread_join(&thread));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	EXPECT_EQ(getpid(), i.peer_pid);
}

TEST_F(owner, the_first_stays_it)
{
	struct fastipc_ioc_info i;
	int until[2];
	pid_t pid = spawn_owner(&self->p, geteuid(), until);

	ASSERT_GT(pid, 0);
	ASSERT_NE(MAP_FAILED, map_own(self->p.fd[1], self->p.ring));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	EXPECT_EQ(pid, i.peer_pid);
	close(until[1]);
	EXPECT_EQ(0, reap(pid));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	EXPECT_NE(getpid(), i.peer_pid);
	EXPECT_EQ(FASTIPC_INFO_PEER_OWNED, i.flags);
}

TEST_F(owner, another_user)
{
	struct fastipc_ioc_info i;
	int until[2];
	pid_t pid;

	if (geteuid())
		SKIP(return, "needs root");
	pid = spawn_owner(&self->p, ORDINARY_UID, until);
	ASSERT_GT(pid, 0);
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	EXPECT_EQ(pid, i.peer_pid);
	EXPECT_EQ(ORDINARY_UID, i.peer_uid);
	EXPECT_EQ(ORDINARY_UID, i.peer_gid);
	close(until[1]);
	EXPECT_EQ(0, reap(pid));
}

/* What the caller maps afterwards does not change whom it was. */
TEST_F(owner, is_shown_as_it_was_when_it_mapped)
{
	struct fastipc_ioc_info i;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_NE(MAP_FAILED, map_own(self->p.fd[1], self->p.ring));
	ASSERT_EQ(0, setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	EXPECT_EQ(0, i.peer_uid);
}

TEST_F(owner, seen_from_a_new_pid_namespace)
{
	pid_t outer;

	ASSERT_NE(MAP_FAILED, map_own(self->p.fd[1], self->p.ring));
	outer = spawn();
	if (!outer) {
		pid_t inner;

		new_namespaces(CLONE_NEWPID);
		inner = fork();
		if (!inner) {
			struct fastipc_ioc_info i;

			CHECK(getpid() == 1);
			/* The owner of end 1 is not in this namespace. */
			CHECK(!info(self->p.fd[0], &i));
			CHECK(i.flags & FASTIPC_INFO_PEER_OWNED);
			CHECK(i.peer_pid == 0);
			/* But this process is, and is seen outside. */
			CHECK(map_own(self->p.fd[0], self->p.ring) !=
			      MAP_FAILED);
			CHECK(!info(self->p.fd[1], &i));
			CHECK(i.peer_pid == 1);
			_exit(0);
		}
		_exit(reap(inner));
	}
	EXPECT_REAPED(outer);
}

TEST_F(owner, in_a_pid_namespace_seen_from_outside)
{
	struct fastipc_ioc_info i;
	int ready[2], until[2];
	char byte;
	pid_t outer;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(until));
	outer = spawn();
	if (!outer) {
		close(until[1]);
		new_namespaces(CLONE_NEWPID);
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			CHECK(map_own(self->p.fd[1], self->p.ring) !=
			      MAP_FAILED);
			CHECK(write(ready[1], "", 1) == 1);
			CHECK(read(until[0], &byte, 1) == 0);
			_exit(0);
		}
		_exit(reap(-1));
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		EXPECT_EQ(NO_NAMESPACE, reap(outer));
		SKIP(return, "no new pid namespace");
	}
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	/* Its id is of the reader's namespace, not the 1 that it is in its own. */
	EXPECT_GT(i.peer_pid, 1);
	EXPECT_NE(outer, i.peer_pid);
	EXPECT_EQ(0, kill((pid_t)i.peer_pid, 0));
	close(until[1]);
	EXPECT_EQ(0, reap(outer));
}

TEST_F(owner, seen_from_a_user_namespace)
{
	pid_t pid;

	ASSERT_NE(MAP_FAILED, map_own(self->p.fd[1], self->p.ring));
	pid = spawn();
	if (!pid) {
		struct fastipc_ioc_info i;
		char map[64];
		uid_t uid = geteuid();
		gid_t gid = getegid();

		new_namespaces(CLONE_NEWUSER);
		/* Nobody is mapped yet. */
		CHECK(!info(self->p.fd[0], &i));
		CHECK(i.peer_uid == OVERFLOW_ID && i.peer_gid == OVERFLOW_ID);
		snprintf(map, sizeof(map), "4711 %u 1", uid);
		CHECK(!write_file("/proc/self/uid_map", map));
		CHECK(!write_file("/proc/self/setgroups", "deny"));
		snprintf(map, sizeof(map), "4712 %u 1", gid);
		CHECK(!write_file("/proc/self/gid_map", map));
		CHECK(!info(self->p.fd[0], &i));
		CHECK(i.peer_uid == 4711 && i.peer_gid == 4712);
		_exit(0);
	}
	EXPECT_REAPED(pid);
}

TEST_F(owner, in_a_user_namespace_counts_as_who_it_is_outside)
{
	uint32_t channels = uid_channels(self->p.control);
	int until[2], ready[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(until));
	pid = spawn();
	if (!pid) {
		int fd[2];

		close(until[1]);
		new_namespaces(CLONE_NEWUSER);
		CHECK(!create(self->p.control, PAGE, PAGE, fd));
		CHECK(uid_channels(self->p.control) == channels + 1);
		CHECK(write(ready[1], "", 1) == 1);
		CHECK(read(until[0], &byte, 1) == 0);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		EXPECT_EQ(channels + 1, uid_channels(self->p.control));
	}
	close(until[1]);
	EXPECT_REAPED(pid);
}

/* Not who, but when: it is to be compared with the reader's clock. */
TEST_F(owner, created_in_the_time_of_a_time_namespace)
{
	pid_t pid;

	if (unshare(CLONE_NEWTIME) ||
	    write_file("/proc/self/timens_offsets", "monotonic 5000 0\n"))
		SKIP(return, "no new time namespace");
	pid = spawn();
	if (!pid) {
		struct fastipc_ioc_info i;

		CHECK(!info(self->p.fd[0], &i));
		CHECK(i.created_ns <= now_ns());
		CHECK(i.created_ns + 1000 * SECOND > now_ns());
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_HARNESS_MAIN
