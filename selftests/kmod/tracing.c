// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The tracepoints: that each call leaves the line that tells of it.
 */
#include "device.h"

#include "harness.h"

#define RING FASTIPC_RING_MIN
#define INSTANCES "/sys/kernel/tracing/instances"

FIXTURE(trace)
{
	struct pair p;
	unsigned long long id; /* of the pair */
	char instance[96];     /* a trace of our own; "": there is none */
};

static bool set(const char *instance, const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", instance, name);
	return !write_file(path, text);
}

FIXTURE_SETUP(trace)
{
	struct fastipc_ioc_info i;
	char pid[16];

	ASSERT_EQ(0, pair_open(&self->p, RING));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	self->id = i.id;
	snprintf(self->instance, sizeof(self->instance),
		 INSTANCES "/fastipc-test-%d", getpid());
	if (mkdir(self->instance, 0700)) {
		self->instance[0] = '\0';
		SKIP(return, "no tracefs, or not for this user");
	}
	snprintf(pid, sizeof(pid), "%d", getpid());
	ASSERT_TRUE(set(self->instance, "set_event_pid", pid));
	ASSERT_TRUE(set(self->instance, "events/fastipc/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	pair_close(&self->p);
	if (self->instance[0]) {
		set(self->instance, "events/fastipc/enable", "0");
		EXPECT_EQ(0, rmdir(self->instance));
	}
}

/* How many lines of the trace end with the text that is made of @format. */
static int __attribute__((format(printf, 2, 3)))
lines(const char *instance, const char *format, ...)
{
	char path[160], line[512], text[256];
	va_list arguments;
	size_t length;
	FILE *trace;
	int count = 0;

	va_start(arguments, format);
	length = (size_t)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	snprintf(path, sizeof(path), "%s/trace", instance);
	trace = fopen(path, "re");
	while (trace && fgets(line, sizeof(line), trace)) {
		size_t end = strcspn(line, "\n");

		line[end] = '\0';
		count += end >= length && !strcmp(line + end - length, text);
	}
	if (trace)
		fclose(trace);
	return count;
}

#define EXPECT_LINES(count, ...) \
	EXPECT_EQ(count, lines(self->instance, __VA_ARGS__))

TEST_F(trace, of_create)
{
	struct rlimit limit = { .rlim_cur = 0, .rlim_max = 4096 };
	struct fastipc_ioc_info i;
	int fd[2];

	if (!self->instance[0])
		return;
	ASSERT_EQ(0, create(self->p.control, RING, 2 * RING, fd));
	ASSERT_EQ(0, info(fd[0], &i));
	EXPECT_LINES(1,
		     "fastipc_create: channel=%llu ring_size=4096,8192 ret=0",
		     (unsigned long long)i.id);
	close(fd[0]);
	close(fd[1]);
	/* One that came to nothing has no id. */
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, create(self->p.control, RING, RING, fd));
	limit.rlim_cur = 1024;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_LINES(1, "fastipc_create: channel=0 ring_size=4096,4096 ret=%d",
		     -EMFILE);
}

TEST_F(trace, of_wait)
{
	struct fastipc_ioc_wait w = IOC_STRUCT(wait, .side = FASTIPC_SIDE_OWN,
					       .seen = 5,
					       .clock = CLOCK_MONOTONIC);

	if (!self->instance[0])
		return;
	ASSERT_EQ(0, call(self->p.fd[1], FASTIPC_IOC_WAIT, &w));
	EXPECT_LINES(
		1,
		"fastipc_wait: channel=%llu end=1 side=%u seen=5 deadline=0 ret=0",
		self->id, FASTIPC_SIDE_OWN);
	EXPECT_EQ(-ETIMEDOUT, wait_peer(self->p.fd[0], 0, 7));
	EXPECT_LINES(
		1,
		"fastipc_wait: channel=%llu end=0 side=%u seen=0 deadline=7 ret=%d",
		self->id, FASTIPC_SIDE_PEER, -ETIMEDOUT);
}

TEST_F(trace, of_swap)
{
	if (!self->instance[0])
		return;
	EXPECT_EQ(-ETIMEDOUT, swap_peer(self->p.fd[1], 0, 7));
	EXPECT_LINES(
		1,
		"fastipc_swap: channel=%llu end=1 side=%u seen=0 deadline=7 ret=%d",
		self->id, FASTIPC_SIDE_PEER, -ETIMEDOUT);
}

TEST_F(trace, of_wake)
{
	if (!self->instance[0])
		return;
	ASSERT_EQ(0, wake(self->p.fd[0], FASTIPC_SIDE_PEER));
	ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_OWN));
	EXPECT_LINES(1, "fastipc_wake: channel=%llu end=0 side=%u", self->id,
		     FASTIPC_SIDE_PEER);
	EXPECT_LINES(1, "fastipc_wake: channel=%llu end=1 side=%u", self->id,
		     FASTIPC_SIDE_OWN);
}

TEST_F(trace, of_hangup)
{
	if (!self->instance[0])
		return;
	ASSERT_EQ(0, shut_down(self->p.fd[1], 0));
	EXPECT_LINES(1, "fastipc_hangup: channel=%llu end=1 why=SHUTDOWN",
		     self->id);
	pair_drop_end(&self->p, 1);
	EXPECT_LINES(1, "fastipc_hangup: channel=%llu end=1 why=GONE",
		     self->id);
	ASSERT_EQ(0, shut_down(self->p.fd[0], FASTIPC_ABORT));
	for (int end = 0; end < 2; end++)
		EXPECT_LINES(1,
			     "fastipc_hangup: channel=%llu end=%d why=ABORTED",
			     self->id, end);
}

TEST_HARNESS_MAIN
