// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Each thing that may fail on the way through a call fails once: allocations
 * and copies from and to the user, by /proc/self/fail-nth.  The call says so,
 * or does without; nothing is left behind, and the device works afterwards.
 */
#include <poll.h>
#include <sys/epoll.h>

#include "genl.h"

#include "harness.h"

#define RING (4 * PAGE)
#define DEBUGFS "/sys/kernel/debug/"
#define POINTS_MAX 5000

/* What an operation works with, new for each attempt. */
struct context {
	struct pair p;
	struct genl g;
	uint64_t id;
	uint64_t deadline; /* clock_gettime() may fail, as a system call */
	int epoll;
	int unmapped[2]; /* another channel */
	int fd[2];
	void *at;
};

static int op_open(struct context *c)
{
	c->fd[0] = device_open();
	return c->fd[0] < 0 ? -errno : 0;
}

static int op_query(struct context *c)
{
	struct fastipc_ioc_query q;

	return query(c->p.control, &q);
}

static int op_create(struct context *c)
{
	int fd[2];
	int error = create(c->p.control, RING, RING, fd);

	if (!error)
		memcpy(c->fd, fd, sizeof(fd));
	return error;
}

static int op_info(struct context *c)
{
	struct fastipc_ioc_info i;

	return info(c->p.fd[0], &i);
}

static int op_wait(struct context *c)
{
	uint32_t local = 0;
	struct fastipc_ioc_wait w = IOC_STRUCT(wait, .clock = CLOCK_MONOTONIC,
					       .deadline = c->deadline,
					       .local = (uintptr_t)&local);
	int error = call(c->p.fd[0], FASTIPC_IOC_WAIT, &w);

	return error == -ETIMEDOUT ? 0 : error;
}

static int op_swap(struct context *c)
{
	int error = swap_peer(c->p.fd[0], 0, c->deadline);

	return error == -ETIMEDOUT ? 0 : error;
}

static int op_wake(struct context *c)
{
	return wake(c->p.fd[0], FASTIPC_SIDE_PEER);
}

static int op_shutdown(struct context *c)
{
	return shut_down(c->p.fd[0], 0);
}

static int op_abort(struct context *c)
{
	return shut_down(c->p.fd[0], FASTIPC_ABORT);
}

/*
 * Far from all else, so that page tables of each level are made.  That there is
 * no memory for one is no fault of an address.
 */
static int map_far_away(struct context *c, int protection, uint64_t offset)
{
	c->at = mmap((void *)(1ull << 45), FASTIPC_MAP_SIZE(RING), protection,
		     MAP_SHARED | MAP_FIXED_NOREPLACE, c->p.fd[0],
		     (off_t)offset);
	return c->at != MAP_FAILED ? 0 : errno == EFAULT ? -EIO : -errno;
}

static int op_map_own(struct context *c)
{
	return map_far_away(c, PROT_READ | PROT_WRITE, FASTIPC_MAP_OWN);
}

static int op_map_peer(struct context *c)
{
	return map_far_away(c, PROT_READ, FASTIPC_MAP_PEER);
}

static int op_poll(struct context *c)
{
	struct pollfd p = { .fd = c->p.fd[0], .events = POLLIN };

	return poll(&p, 1, 1) < 0 ? -errno : 0;
}

static int op_epoll(struct context *c)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->p.fd[0], &e) ? -errno : 0;
}

/* The pages that were thrown out come back one by one. */
static int op_fault(struct context *c)
{
	if (madvise(c->p.own[0], FASTIPC_MAP_SIZE(RING), MADV_DONTNEED))
		return -errno;
	for (size_t at = 0; at < FASTIPC_MAP_SIZE(RING); at += PAGE)
		((volatile unsigned char *)c->p.own[0])[at] = 1;
	return 0;
}

/* The mapping is undone as a whole: that must not fail half way. */
static int op_unmap(struct context *c)
{
	if (munmap(c->p.own[0], FASTIPC_MAP_SIZE(RING)))
		return -errno;
	c->p.own[0] = NULL;
	return 0;
}

static int op_close(struct context *c)
{
	for (int n = 0; n < 2; n++) {
		close(c->unmapped[n]);
		c->unmapped[n] = -1;
	}
	return 0;
}

static int op_get(struct context *c)
{
	struct seen s;

	return genl_channel(&c->g, c->id, &s);
}

static int op_dump(struct context *c)
{
	return genl_dump(&c->g, NULL, NULL);
}

static int op_totals(struct context *c)
{
	struct seen s;

	return genl_totals(&c->g, &s);
}

static int op_disconnect(struct context *c)
{
	return genl_disconnect(&c->g, c->id);
}

FIXTURE(failing)
{
	int control;
	uint32_t channels;
	int fds;
	struct genl listener;
	bool able;
};

FIXTURE_VARIANT(failing)
{
	int (*run)(struct context * c);
	int at_least; /* points where it can fail */
};

#define OPERATION(name, points) \
	FIXTURE_VARIANT_ADD(failing, name) \
	{ \
		.run = op_##name, .at_least = (points) \
	}

OPERATION(open, 1);
OPERATION(query, 1);
OPERATION(create, 10);
OPERATION(info, 1);
OPERATION(wait, 1);
OPERATION(swap, 1);
OPERATION(wake, 1);
OPERATION(shutdown, 1);
OPERATION(abort, 1);
OPERATION(map_own, 1);
OPERATION(map_peer, 1);
OPERATION(poll, 0);
OPERATION(epoll, 1);
OPERATION(fault, 0);
OPERATION(unmap, 0);
OPERATION(close, 0);
OPERATION(get, 1);
OPERATION(dump, 1);
OPERATION(totals, 1);
OPERATION(disconnect, 1);

/* All allocations count, not only those that may not wait; and in silence. */
static void let_all_fail(void)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc",
					     "fail_usercopy" };
	static const char *const settings[][2] = { { "ignore-gfp-wait", "N" },
						   { "min-order", "0" },
						   { "verbose", "0" } };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (size_t s = 0; s < ARRAY_SIZE(settings); s++) {
			char path[128];

			snprintf(path, sizeof(path), DEBUGFS "%s/%s", kinds[k],
				 settings[s][0]);
			write_file(path, settings[s][1]);
		}
	}
}

FIXTURE_SETUP(failing)
{
	self->able = false;
	if (access("/proc/thread-self/fail-nth", W_OK))
		SKIP(return, "the kernel injects no faults");
	let_all_fail();
	self->able = true;
	self->control = device_open();
	ASSERT_GE(self->control, 0);
	/* With a listener, events are made, too. */
	ASSERT_EQ(0, genl_open(&self->listener));
	nl_socket_add_membership(self->listener.socket,
				 genl_ctrl_resolve_grp(self->listener.socket,
						       FASTIPC_GENL_NAME,
						       FASTIPC_GENL_EVENTS));
	self->channels = uid_channels(self->control);
	self->fds = count_fds();
}

FIXTURE_TEARDOWN(failing)
{
	if (!self->able)
		return;
	EXPECT_EQ(self->channels, uid_channels(self->control));
	genl_close(&self->listener);
	close(self->control);
}

static int context_open(struct context *c)
{
	struct timeval patience = { .tv_sec = 5 };
	struct fastipc_ioc_info i;
	int error;

	*c = (struct context){ .unmapped = { -1, -1 },
			       .fd = { -1, -1 },
			       .at = MAP_FAILED };
	error = pair_open(&c->p, RING);
	if (!error)
		error = create(c->p.control, RING, RING, c->unmapped);
	if (!error)
		error = genl_open(&c->g);
	if (!error)
		error = info(c->p.fd[0], &i);
	if (error)
		return error;
	setsockopt(nl_socket_get_fd(c->g.socket), SOL_SOCKET, SO_RCVTIMEO,
		   &patience, sizeof(patience));
	c->id = i.id;
	c->deadline = in_ns(20 * MS);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	return c->epoll < 0 ? -errno : 0;
}

static void context_close(struct context *c)
{
	unmap(c->at, RING);
	for (int n = 0; n < 2; n++) {
		if (c->unmapped[n] >= 0)
			close(c->unmapped[n]);
		if (c->fd[n] >= 0)
			close(c->fd[n]);
	}
	close(c->epoll);
	genl_close(&c->g);
	pair_close(&c->p);
}

/*
 * Let the @n-th point fail, once: 1 if it was reached, 0 if the operation has
 * fewer.  *@result is what the operation returned.
 */
static int with_failure(int nth, int n, int (*run)(struct context *),
			struct context *c, int *result)
{
	char text[16] = "";
	ssize_t length;
	int reached;

	snprintf(text, sizeof(text), "%d", n);
	if (pwrite(nth, text, strlen(text), 0) < 0)
		return -errno;
	*result = run(c);
	/* Reading it copies to the user, and may be what fails. */
	length = pread(nth, text, sizeof(text) - 1, 0);
	reached = length > 0 && text[0] == '0';
	while (pwrite(nth, "0", 1, 0) < 0)
		;
	return reached;
}

/* The device works, after whatever has happened. */
static bool works(void)
{
	struct pair p;
	bool good = !pair_open(&p, RING) && !ring_bell(&p, 0) &&
		    !wait_peer(p.fd[1], 0, in_ns(SECOND));

	pair_close(&p);
	return good;
}

TEST_F_TIMEOUT(failing, at_each_point, 300)
{
	int nth = -1;
	int points = 0;

	if (!self->able)
		return;
	nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_GE(nth, 0);
	for (int n = 1; n < POINTS_MAX; n++) {
		struct context c;
		int result = 0;
		int reached;

		ASSERT_EQ(0, context_open(&c));
		reached = with_failure(nth, n, variant->run, &c, &result);
		context_close(&c);
		ASSERT_GE(reached, 0);
		points += reached;
		EXPECT_TRUE(
			result == 0 ||
			(reached && (result == -ENOMEM || result == -EFAULT ||
				     result == -ENOBUFS || result == -EPROTO)))
		{
			TH_LOG("point %d: %d", n, result);
		}
		EXPECT_EQ(self->fds + 1, count_fds());
		EXPECT_EQ(self->channels, uid_channels(self->control));
		if (!reached)
			break;
	}
	close(nth);
	TH_LOG("%d points of failure", points);
	EXPECT_GE(points, variant->at_least);
	EXPECT_LT(points, POINTS_MAX - 1);
	EXPECT_TRUE(works());
}

TEST_HARNESS_MAIN
