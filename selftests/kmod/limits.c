// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * How much there may be: for a uid, for all, for a memory cgroup, and for a
 * process; at each limit, and one beyond it.
 */
#include "device.h"

#include "harness.h"

#define RING (4 * PAGE)
#define BYTES (2ull * (FASTIPC_CONTROL_SIZE + RING)) /* of a channel */
#define PARAMETER(name) "/sys/module/fastipc/parameters/" name
#define FILE_MAX "/proc/sys/fs/file-max"

static const char *const parameters[] = {
	PARAMETER("max_uid_channels"),
	PARAMETER("max_uid_bytes"),
	PARAMETER("max_bytes"),
};

FIXTURE(limit)
{
	int control;
	int fds;
	uint32_t channels;
	uint64_t bytes;
	char saved[ARRAY_SIZE(parameters)][64];
};

FIXTURE_SETUP(limit)
{
	if (geteuid())
		SKIP(return, "needs root");
	self->control = device_open();
	ASSERT_GE(self->control, 0);
	self->fds = count_fds();
	self->channels = uid_channels(self->control);
	self->bytes = uid_bytes(self->control);
	for (size_t n = 0; n < ARRAY_SIZE(parameters); n++) {
		ASSERT_EQ(0, read_file(parameters[n], self->saved[n],
				       sizeof(self->saved[n])));
	}
}

FIXTURE_TEARDOWN(limit)
{
	if (geteuid())
		return;
	for (size_t n = 0; n < ARRAY_SIZE(parameters); n++) {
		EXPECT_EQ(0, write_file(parameters[n], self->saved[n]));
	}
	EXPECT_TRUE(EVENTUALLY(uid_channels(self->control) == self->channels));
	EXPECT_EQ(self->bytes, uid_bytes(self->control));
	EXPECT_EQ(self->fds, count_fds());
	close(self->control);
}

static int make(int control, int fd[2])
{
	return create(control, RING, RING, fd);
}

static void close_both(const int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

/* ---- of a uid ---- */

#define SOME 5

TEST_F(limit, channels_of_a_uid)
{
	struct fastipc_ioc_query q;
	int fd[SOME + 1][2];

	ASSERT_EQ(0, write_number(parameters[0], self->channels + SOME));
	ASSERT_EQ(0, query(self->control, &q));
	EXPECT_EQ(self->channels + SOME, q.uid_channels_max);
	for (int n = 0; n < SOME; n++) {
		ASSERT_EQ(0, make(self->control, fd[n]));
	}
	EXPECT_EQ(-EDQUOT, make(self->control, fd[SOME]));
	EXPECT_EQ(-EDQUOT, make(self->control, fd[SOME]));
	EXPECT_EQ(self->channels + SOME, uid_channels(self->control));
	EXPECT_EQ(self->bytes + SOME * BYTES, uid_bytes(self->control));
	/* It is the channel that counts, not one of its ends. */
	close(fd[0][0]);
	EXPECT_EQ(-EDQUOT, make(self->control, fd[SOME]));
	close(fd[0][1]);
	EXPECT_EQ(0, make(self->control, fd[SOME]));
	for (int n = 1; n <= SOME; n++)
		close_both(fd[n]);
}

TEST_F(limit, bytes_of_a_uid)
{
	struct fastipc_ioc_query q;
	uint64_t most = self->bytes + SOME * BYTES;
	int fd[SOME + 1][2];

	ASSERT_EQ(0, write_number(parameters[1], (long long)most));
	ASSERT_EQ(0, query(self->control, &q));
	EXPECT_EQ(most, q.uid_bytes_max);
	for (int n = 0; n < SOME; n++) {
		ASSERT_EQ(0, make(self->control, fd[n]));
	}
	EXPECT_EQ(most, uid_bytes(self->control));
	EXPECT_EQ(-EDQUOT, create(self->control, PAGE, PAGE, fd[SOME]));
	close_both(fd[0]);
	/* What was given back is just enough; a byte less is not. */
	EXPECT_EQ(-EDQUOT, create(self->control, 2 * RING, RING, fd[0]));
	ASSERT_EQ(0, write_number(parameters[1], (long long)most - 1));
	EXPECT_EQ(-EDQUOT, make(self->control, fd[0]));
	ASSERT_EQ(0, write_number(parameters[1], (long long)most));
	EXPECT_EQ(0, make(self->control, fd[0]));
	for (int n = 0; n < SOME; n++)
		close_both(fd[n]);
}

TEST_F(limit, lowered_below_what_is_there)
{
	int fd[2], other[2];
	void *own;

	ASSERT_EQ(0, make(self->control, fd));
	ASSERT_EQ(0, write_number(parameters[0], 0));
	EXPECT_EQ(-EDQUOT, make(self->control, other));
	/* Who has a channel keeps it. */
	EXPECT_EQ(0, wake(fd[0], FASTIPC_SIDE_PEER));
	own = map_own(fd[1], RING);
	EXPECT_NE(MAP_FAILED, own);
	unmap(own, RING);
	close_both(fd);
	EXPECT_EQ(-EDQUOT, make(self->control, other));
}

/* An ordinary user in a child: what it makes is its own. */
TEST_F(limit, an_ordinary_user_has_its_own)
{
	pid_t pid;

	ASSERT_EQ(0, write_number(parameters[0], self->channels + SOME));
	pid = spawn();
	if (!pid) {
		uint32_t n = 0;
		int fd[2];

		CHECK(!setresgid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID) &&
		      !setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID));
		CHECK(uid_channels(self->control) == 0);
		CHECK(uid_bytes(self->control) == 0);
		while (!make(self->control, fd))
			n++;
		CHECK(errno == EDQUOT);
		CHECK(n == self->channels + SOME);
		CHECK(uid_channels(self->control) == n);
		CHECK(uid_bytes(self->control) == n * BYTES);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(self->channels, uid_channels(self->control));
}

static uint32_t channels_of(uid_t uid, int control)
{
	pid_t pid = spawn();

	if (!pid) {
		if (setresuid(uid, uid, uid))
			_exit(255);
		_exit((int)uid_channels(control));
	}
	return (uint32_t)reap(pid);
}

/* Who made it pays, whoever has it then, until it is gone. */
TEST_F(limit, counts_for_who_made_it)
{
	int s[2], fd[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	pid = spawn();
	if (!pid) {
		CHECK(!setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID));
		CHECK(!make(self->control, fd));
		CHECK(!send_fd(s[1], fd[0]));
		CHECK(!send_fd(s[1], fd[1]));
		_exit(0);
	}
	fd[0] = receive_fd(s[0]);
	fd[1] = receive_fd(s[0]);
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(self->channels, uid_channels(self->control));
	EXPECT_EQ(1, channels_of(ORDINARY_UID, self->control));
	close(fd[0]);
	EXPECT_EQ(1, channels_of(ORDINARY_UID, self->control));
	close(fd[1]);
	EXPECT_EQ(0, channels_of(ORDINARY_UID, self->control));
	close(s[0]);
	close(s[1]);
}

/* Many at once never have more than one alone. */
TEST_F(limit, holds_when_many_try)
{
	uint32_t most = self->channels + SOME;
	pid_t pid[8];

	ASSERT_EQ(0, write_number(parameters[0], most));
	for (size_t n = 0; n < ARRAY_SIZE(pid); n++) {
		pid[n] = spawn();
		if (pid[n])
			continue;
		for (int i = 0; i < 300; i++) {
			int fd[2];
			int error = make(self->control, fd);

			CHECK(uid_channels(self->control) <= most);
			CHECK(error == 0 || error == -EDQUOT);
			if (!error)
				close_both(fd);
		}
		_exit(0);
	}
	for (size_t n = 0; n < ARRAY_SIZE(pid); n++) {
		EXPECT_EQ(0, reap(pid[n]));
	}
}

/* ---- of all ---- */

TEST_F(limit, bytes_of_all)
{
	/* As far as others have none: those of root and of a user. */
	uint64_t most = self->bytes + 2 * BYTES;
	int fd[2], other[2];
	pid_t pid;

	ASSERT_EQ(0, write_number(parameters[2], (long long)most));
	ASSERT_EQ(0, make(self->control, fd));
	pid = spawn();
	if (!pid) {
		CHECK(!setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID));
		CHECK(create(self->control, 2 * RING, RING, other) == -ENOSPC);
		CHECK(!make(self->control, other));
		CHECK(create(self->control, PAGE, PAGE, other) == -ENOSPC);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_TRUE(EVENTUALLY(!make(self->control, other)));
	close_both(other);
	close_both(fd);
}

/* ---- of the device ---- */

TEST_F(limit, who_may_open_the_device)
{
	struct stat status;
	pid_t pid;

	ASSERT_EQ(0, stat(FASTIPC_DEVICE, &status));
	EXPECT_TRUE(S_ISCHR(status.st_mode));
	EXPECT_EQ(read_number(PARAMETER("mode")), status.st_mode & 0777);
	ASSERT_EQ(0, chmod(FASTIPC_DEVICE, 0600));
	pid = spawn();
	if (!pid) {
		if (setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID) ||
		    device_open() >= 0 || errno != EACCES)
			_exit(1);
		/* Who has an end needs no permission any more. */
		_exit(uid_channels(self->control) != 0);
	}
	EXPECT_EQ(0, reap(pid));
	ASSERT_EQ(0, chmod(FASTIPC_DEVICE, status.st_mode & 0777));
}

/* ---- of the process and of the system ---- */

TEST_F(limit, files_of_the_system)
{
	long long most = read_number(FILE_MAX);
	int files[256];
	int status;
	pid_t pid;

	ASSERT_GT(most, 0);
	/* The kernel's count is exact only when there are some. */
	for (size_t n = 0; n < ARRAY_SIZE(files); n++) {
		files[n] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		ASSERT_GE(files[n], 0);
	}
	ASSERT_EQ(0, write_number(FILE_MAX, 1));
	pid = spawn();
	if (!pid) {
		int fd[2];

		/* No file may be opened to complain, either. */
		if (setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID) ||
		    make(self->control, fd) != -ENFILE ||
		    uid_channels(self->control))
			_exit(1);
		_exit(0);
	}
	status = reap(pid);
	ASSERT_EQ(0, write_number(FILE_MAX, most));
	EXPECT_EQ(0, status);
	for (size_t n = 0; n < ARRAY_SIZE(files); n++)
		close(files[n]);
}

/* ---- of a memory cgroup ---- */

FIXTURE(memcg)
{
	int control;
	uint32_t channels;
	char path[128];
	bool here;
};

#define MIB (1 << 20)
#define BIG (8u << 20)

static const char *in_group(char path[256], const char *group, const char *file)
{
	snprintf(path, 256, "%s/%s", group, file);
	return path;
}

FIXTURE_SETUP(memcg)
{
	char path[256];

	self->here = false;
	self->control = device_open();
	ASSERT_GE(self->control, 0);
	self->channels = uid_channels(self->control);
	snprintf(self->path, sizeof(self->path),
		 "/sys/fs/cgroup/fastipc-test-%d", getpid());
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(self->path, 0755))
		SKIP(return, "no cgroup2");
	self->here = true;
	if (access(in_group(path, self->path, "memory.current"), F_OK)) {
		rmdir(self->path);
		self->here = false;
		SKIP(return, "no memory cgroups");
	}
}

FIXTURE_TEARDOWN(memcg)
{
	if (self->here) {
		EXPECT_TRUE(EVENTUALLY(rmdir(self->path) == 0));
	}
	EXPECT_TRUE(EVENTUALLY(uid_channels(self->control) == self->channels));
	close(self->control);
}

static void enter(const char *group)
{
	char path[256];

	CHECK(!write_file(in_group(path, group, "cgroup.procs"), "0"));
}

TEST_F(memcg, its_creator_s_pays)
{
	struct fastipc_control *own;
	char current[256];
	long long charged;
	int s[2], fd[2];
	pid_t pid;

	if (!self->here)
		return;
	in_group(current, self->path, "memory.current");
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	pid = spawn();
	if (!pid) {
		enter(self->path);
		CHECK(!create(self->control, BIG, BIG, fd));
		CHECK(!send_fd(s[1], fd[0]) && !send_fd(s[1], fd[1]));
		_exit(0);
	}
	fd[0] = receive_fd(s[0]);
	fd[1] = receive_fd(s[0]);
	EXPECT_EQ(0, reap(pid));
	charged = read_number(current);
	EXPECT_GE(charged, 2ll * BIG);
	EXPECT_LE(charged, 2ll * BIG + 4 * MIB);
	/* Mapping it elsewhere moves nothing, and keeps it. */
	own = map_own(fd[0], BIG);
	ASSERT_NE(MAP_FAILED, own);
	memset(data_of(own), 1, BIG);
	close(fd[0]);
	close(fd[1]);
	EXPECT_GE(read_number(current), 2ll * BIG);
	unmap(own, BIG);
	EXPECT_TRUE(EVENTUALLY(read_number(current) < 2 * MIB));
}

TEST_F(memcg, gets_it_all_back)
{
	char current[256];
	pid_t pid;

	if (!self->here)
		return;
	in_group(current, self->path, "memory.current");
	pid = spawn();
	if (!pid) {
		struct pair p;

		enter(self->path);
		CHECK(!pair_open(&p, BIG));
		memset(data_of(p.own[0]), 1, BIG);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_TRUE(EVENTUALLY(read_number(current) < 2 * MIB))
	{
		TH_LOG("%lld KiB are left", read_number(current) / 1024);
	}
}

static bool killed_none(const char *group)
{
	char path[256];
	char events[512];

	return !read_file(in_group(path, group, "memory.events"), events,
			  sizeof(events)) &&
	       strstr(events, "oom_kill 0\n");
}

/* Too much is an error to who asks, and the end of nobody. */
TEST_F(memcg, its_limit)
{
	char path[256];
	pid_t pid;

	if (!self->here)
		return;
	in_group(path, self->path, "memory.max");
	ASSERT_EQ(0, write_number(path, 40 * MIB));
	pid = spawn();
	if (!pid) {
		int fds = count_fds();
		struct pair p;
		int fd[16][2];

		enter(self->path);
		CHECK(create(self->control, 32u << 20, 32u << 20, fd[0]) ==
		      -ENOMEM);
		CHECK(count_fds() == fds);
		CHECK(uid_channels(self->control) == self->channels);
		/* As many as fit, and again after they are closed. */
		for (int round = 0; round < 3; round++) {
			int n = 0;

			while (n < 16 &&
			       !create(self->control, 2 * MIB, 2 * MIB, fd[n]))
				n++;
			CHECK(n >= 7 && n <= 9);
			CHECK(errno == ENOMEM);
			while (n--)
				close_both(fd[n]);
			CHECK(count_fds() == fds);
			CHECK(uid_channels(self->control) == self->channels);
		}
		CHECK(!pair_open(&p, RING));
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_TRUE(killed_none(self->path));
}

/* So is too long a list of pages, before there is one of them. */
TEST_F(memcg, its_limit_for_the_list_of_pages)
{
	char path[256];
	pid_t pid;

	if (!self->here)
		return;
	in_group(path, self->path, "memory.max");
	ASSERT_EQ(0, write_number(path, MIB));
	pid = spawn();
	if (!pid) {
		int fd[2];

		enter(self->path);
		CHECK(create(self->control, 512u << 20, PAGE, fd) == -ENOMEM);
		CHECK(uid_channels(self->control) == self->channels);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_TRUE(killed_none(self->path));
}

TEST_F(memcg, a_kill_ends_a_large_request)
{
	uint64_t start;
	pid_t pid;

	if (!self->here)
		return;
	pid = spawn();
	if (!pid) {
		int fd[2];

		enter(self->path);
		for (;;)
			if (!create(self->control, 64u << 20, 64u << 20, fd))
				close_both(fd);
	}
	sleep_ns(50 * MS);
	start = now_ns();
	EXPECT_EQ(128 + SIGKILL, kill_and_reap(pid));
	EXPECT_LT(now_ns() - start, 60 * SECOND);
}

TEST_HARNESS_MAIN
