// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The requests of /dev/fastipc: what they answer, and each error that the
 * header promises.
 */
#include "device.h"

#include "harness.h"

#define TAIL 64

/* A struct as a newer user space would have it: longer by TAIL bytes. */
#define LONGER(type) \
	struct { \
		struct fastipc_ioc_##type s; \
		unsigned char tail[TAIL]; \
	}

static bool only(const void *bytes, size_t count, unsigned char value)
{
	const unsigned char *b = bytes;

	for (size_t i = 0; i < count; i++)
		if (b[i] != value)
			return false;
	return true;
}

/* The last bytes before a page that is not there. */
static void *before_hole(size_t size)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || munmap(pages + PAGE, PAGE))
		return NULL;
	return pages + PAGE - size;
}

FIXTURE(device)
{
	struct pair p;
	uint32_t channels; /* of this user, the pair included */
};

FIXTURE_SETUP(device)
{
	ASSERT_EQ(0, pair_open(&self->p, FASTIPC_RING_MIN));
	self->channels = uid_channels(self->p.control);
}

FIXTURE_TEARDOWN(device)
{
	pair_close(&self->p);
}

/* ---- QUERY ---- */

TEST_F(device, query_tells_abi_and_limits)
{
	int fds[] = { self->p.control, self->p.fd[0], self->p.fd[1] };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct fastipc_ioc_query q;

		ASSERT_EQ(0, query(fds[i], &q));
		EXPECT_EQ(FASTIPC_ABI_VERSION, q.abi);
		EXPECT_TRUE(q.features & FASTIPC_FEATURE_SWAP);
		EXPECT_EQ(FASTIPC_RING_MIN, q.ring_min);
		EXPECT_GE(q.ring_max, FASTIPC_RING_DEFAULT);
		EXPECT_LE(q.ring_max, FASTIPC_RING_MAX);
		EXPECT_EQ(0, q.ring_max & (q.ring_max - 1));
		EXPECT_GE(q.uid_channels_max, 1);
		EXPECT_EQ(self->channels, q.uid_channels);
		EXPECT_GE(q.uid_bytes,
			  2 * (FASTIPC_CONTROL_SIZE + FASTIPC_RING_MIN));
		EXPECT_LE(q.uid_bytes, q.uid_bytes_max);
	}
}

TEST_F(device, query_counts_what_the_user_has)
{
	uint32_t channels = uid_channels(self->p.control);
	uint64_t bytes = uid_bytes(self->p.control);
	uint64_t one = 2 * (FASTIPC_CONTROL_SIZE + FASTIPC_RING_MIN);
	int fd[2];

	ASSERT_EQ(0, create(self->p.control, FASTIPC_RING_MIN, FASTIPC_RING_MIN,
			    fd));
	EXPECT_EQ(channels + 1, uid_channels(self->p.control));
	EXPECT_EQ(bytes + one, uid_bytes(self->p.control));
	close(fd[0]);
	EXPECT_EQ(channels + 1, uid_channels(self->p.control));
	close(fd[1]);
	EXPECT_EQ(channels, uid_channels(self->p.control));
	EXPECT_EQ(bytes, uid_bytes(self->p.control));
}

TEST_F(device, query_of_a_longer_struct)
{
	LONGER(query) q = { .s.size = sizeof(q) };

	ASSERT_EQ(0, call(self->p.control, FASTIPC_IOC_QUERY, &q));
	EXPECT_EQ(FASTIPC_ABI_VERSION, q.s.abi);
	EXPECT_TRUE(only(q.tail, TAIL, 0));
	q.s.size = sizeof(q);
	q.tail[TAIL - 1] = 1;
	EXPECT_EQ(-E2BIG, call(self->p.control, FASTIPC_IOC_QUERY, &q));
}

/* ---- which file has which request ---- */

TEST_F(device, requests_of_the_other_file)
{
	struct fastipc_ioc_create c =
		IOC_STRUCT(create, .ring_size = { PAGE, PAGE });
	struct fastipc_ioc_info i = IOC_STRUCT(info);
	struct fastipc_ioc_wait w = IOC_STRUCT(wait);
	struct fastipc_ioc_wake k = IOC_STRUCT(wake);
	struct fastipc_ioc_shutdown s = IOC_STRUCT(shutdown);
	int control = self->p.control;

	EXPECT_EQ(-ENOTTY, call(self->p.fd[0], FASTIPC_IOC_CREATE, &c));
	EXPECT_EQ(-ENOTTY, call(self->p.fd[1], FASTIPC_IOC_CREATE, &c));
	EXPECT_EQ(-ENOTTY, call(control, FASTIPC_IOC_INFO, &i));
	EXPECT_EQ(-ENOTTY, call(control, FASTIPC_IOC_WAIT, &w));
	EXPECT_EQ(-ENOTTY, call(control, FASTIPC_IOC_SWAP, &w));
	EXPECT_EQ(-ENOTTY, call(control, FASTIPC_IOC_WAKE, &k));
	EXPECT_EQ(-ENOTTY, call(control, FASTIPC_IOC_SHUTDOWN, &s));
}

TEST_F(device, unknown_requests)
{
	unsigned long requests[] = {
		_IO(FASTIPC_IOC_TYPE, 0x0f),
		_IO(FASTIPC_IOC_TYPE, 0x17),
		_IOWR(FASTIPC_IOC_TYPE, 0xff, struct fastipc_ioc_query),
		_IOWR('T', 0x10, struct fastipc_ioc_query),
		0x5401, /* TCGETS: what isatty() asks */
	};
	struct fastipc_ioc_query q = IOC_STRUCT(query);

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		EXPECT_EQ(-ENOTTY, call(self->p.control, requests[i], &q));
		EXPECT_EQ(-ENOTTY, call(self->p.fd[0], requests[i], &q));
	}
}

TEST_F(device, the_size_in_the_request_does_not_matter)
{
	LONGER(query) q = { .s.size = sizeof(q.s) };

	EXPECT_EQ(0,
		  call(self->p.control, _IOWR(FASTIPC_IOC_TYPE, 0x10, q), &q));
	EXPECT_EQ(FASTIPC_ABI_VERSION, q.s.abi);
}

TEST_F(device, read_write_and_seek_are_refused)
{
	int fds[] = { self->p.control, self->p.fd[0] };
	char byte = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(-1, read(fds[i], &byte, 1));
		EXPECT_EQ(-1, write(fds[i], &byte, 1));
		EXPECT_EQ(-1, ftruncate(fds[i], 0));
	}
}

/* ---- sizes, addresses, reserved fields: all requests alike ---- */

struct request {
	unsigned long number;
	int on; /* -1: the control file; else which end */
	size_t size;
};

static const struct request requests[] = {
	{ FASTIPC_IOC_QUERY, -1, sizeof(struct fastipc_ioc_query) },
	{ FASTIPC_IOC_QUERY, 0, sizeof(struct fastipc_ioc_query) },
	{ FASTIPC_IOC_CREATE, -1, sizeof(struct fastipc_ioc_create) },
	{ FASTIPC_IOC_INFO, 0, sizeof(struct fastipc_ioc_info) },
	{ FASTIPC_IOC_WAIT, 0, sizeof(struct fastipc_ioc_wait) },
	{ FASTIPC_IOC_WAKE, 0, sizeof(struct fastipc_ioc_wake) },
	{ FASTIPC_IOC_SWAP, 0, sizeof(struct fastipc_ioc_wait) },
	{ FASTIPC_IOC_SHUTDOWN, 1, sizeof(struct fastipc_ioc_shutdown) },
};

/* A good argument of @r, that does not sleep, into @to. */
static void fill(const struct request *r, void *to)
{
	memset(to, 0, r->size);
	switch (r->number) {
	case FASTIPC_IOC_CREATE: {
		struct fastipc_ioc_create *c = to;

		c->ring_size[0] = c->ring_size[1] = FASTIPC_RING_MIN;
		break;
	}
	case FASTIPC_IOC_WAIT:
	case FASTIPC_IOC_SWAP: {
		struct fastipc_ioc_wait *w = to;

		w->seen = 1; /* the doorbell is 0 */
		w->clock = CLOCK_MONOTONIC;
		break;
	}
	default:
		break;
	}
	*(uint32_t *)to = (uint32_t)r->size;
}

/* Close what CREATE made. */
static int close_created(const struct request *r, const void *argument)
{
	const struct fastipc_ioc_create *c = argument;

	if (r->number != FASTIPC_IOC_CREATE)
		return 0;
	return close(c->fd[0]) || close(c->fd[1]) ? -errno : 0;
}

FIXTURE(each)
{
	struct pair p;
	int fd;
	int fds;
	uint32_t channels;
};

FIXTURE_VARIANT(each)
{
	int request;
};

FIXTURE_VARIANT_ADD(each, query){ .request = 0 };
FIXTURE_VARIANT_ADD(each, query_of_an_endpoint){ .request = 1 };
FIXTURE_VARIANT_ADD(each, create){ .request = 2 };
FIXTURE_VARIANT_ADD(each, info){ .request = 3 };
FIXTURE_VARIANT_ADD(each, wait){ .request = 4 };
FIXTURE_VARIANT_ADD(each, wake){ .request = 5 };
FIXTURE_VARIANT_ADD(each, swap){ .request = 6 };
FIXTURE_VARIANT_ADD(each, shutdown){ .request = 7 };

FIXTURE_SETUP(each)
{
	int on = requests[variant->request].on;

	ASSERT_EQ(0, pair_open(&self->p, FASTIPC_RING_MIN));
	self->fd = on < 0 ? self->p.control : self->p.fd[on];
	self->fds = count_fds();
	self->channels = uid_channels(self->p.control);
}

FIXTURE_TEARDOWN(each)
{
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_EQ(self->channels, uid_channels(self->p.control));
	pair_close(&self->p);
}

TEST_F(each, good)
{
	const struct request *r = &requests[variant->request];
	unsigned char argument[256];

	fill(r, argument);
	EXPECT_EQ(0, call(self->fd, r->number, argument));
	EXPECT_EQ(0, close_created(r, argument));
}

TEST_F(each, longer_with_a_zero_tail)
{
	const struct request *r = &requests[variant->request];
	unsigned char *argument = calloc(1, 16 * PAGE);
	size_t sizes[] = { r->size + 1, r->size + 8, PAGE };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(r, argument);
		*(uint32_t *)argument = (uint32_t)sizes[i];
		EXPECT_EQ(0, call(self->fd, r->number, argument));
		EXPECT_TRUE(only(argument + r->size, sizes[i] - r->size, 0));
		EXPECT_EQ(0, close_created(r, argument));
	}
	free(argument);
}

TEST_F(each, longer_with_something_in_the_tail)
{
	const struct request *r = &requests[variant->request];
	unsigned char argument[512];

	for (size_t at = r->size; at < r->size + TAIL; at++) {
		memset(argument, 0, sizeof(argument));
		fill(r, argument);
		*(uint32_t *)argument = (uint32_t)r->size + TAIL;
		argument[at] = 0x80;
		EXPECT_EQ(-E2BIG, call(self->fd, r->number, argument));
	}
}

TEST_F(each, too_long_for_its_page)
{
	const struct request *r = &requests[variant->request];
	unsigned char *argument = before_hole(r->size);
	uint32_t sizes[] = { (uint32_t)r->size + 1, PAGE, 1u << 30,
			     UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int error;

		fill(r, argument);
		*(uint32_t *)argument = sizes[i];
		error = call(self->fd, r->number, argument);
		/* A kernel may say that this is longer than any struct. */
		EXPECT_TRUE(error == -EFAULT ||
			    (error == -E2BIG && sizes[i] > PAGE))
		{
			TH_LOG("size %u: %d", sizes[i], error);
		}
	}
}

/* No caller knows less than the first version had. */
TEST_F(each, too_short)
{
	const struct request *r = &requests[variant->request];
	unsigned char argument[256];

	for (uint32_t size = 0; size < r->size; size++) {
		fill(r, argument);
		*(uint32_t *)argument = size;
		EXPECT_EQ(-EINVAL, call(self->fd, r->number, argument));
	}
}

TEST_F(each, bad_address)
{
	const struct request *r = &requests[variant->request];
	unsigned char *argument = before_hole(r->size);
	void *none =
		mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(-EFAULT, call(self->fd, r->number, NULL));
	EXPECT_EQ(-EFAULT, call(self->fd, r->number, none));
	EXPECT_EQ(-EFAULT, call(self->fd, r->number, (void *)-PAGE));
	EXPECT_EQ(-EFAULT, call(self->fd, r->number, (void *)(1ul << 63)));
	/* Exactly up to the hole is good; one byte further is not. */
	fill(r, argument);
	EXPECT_EQ(0, call(self->fd, r->number, argument));
	EXPECT_EQ(0, close_created(r, argument));
	memmove(argument + 4, argument, r->size - 4);
	EXPECT_EQ(-EFAULT, call(self->fd, r->number, argument + 4));
}

TEST_F(each, address_that_cannot_be_written)
{
	const struct request *r = &requests[variant->request];
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool answers = r->number == FASTIPC_IOC_QUERY ||
		       r->number == FASTIPC_IOC_CREATE ||
		       r->number == FASTIPC_IOC_INFO;

	fill(r, page);
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ));
	EXPECT_EQ(answers ? -EFAULT : 0, call(self->fd, r->number, page));
}

/* ---- CREATE ---- */

TEST_F(device, create_ring_sizes)
{
	struct fastipc_ioc_query q;
	struct fastipc_ioc_info i;
	int fd[2];

	ASSERT_EQ(0, query(self->p.control, &q));
	for (uint32_t size = q.ring_min; size <= 1u << 20; size *= 2) {
		ASSERT_EQ(0, create(self->p.control, size, q.ring_min, fd));
		ASSERT_EQ(0, info(fd[0], &i));
		EXPECT_EQ(size, i.own_ring_size);
		EXPECT_EQ(q.ring_min, i.peer_ring_size);
		ASSERT_EQ(0, info(fd[1], &i));
		EXPECT_EQ(q.ring_min, i.own_ring_size);
		EXPECT_EQ(size, i.peer_ring_size);
		close(fd[0]);
		close(fd[1]);
	}
}

TEST_F(device, create_bad_ring_sizes)
{
	struct fastipc_ioc_query q;
	int fds = count_fds();
	int fd[2];

	ASSERT_EQ(0, query(self->p.control, &q));
	uint32_t bad[] = { 0,
			   1,
			   8,
			   PAGE / 2,
			   PAGE - 1,
			   PAGE + 1,
			   3 * PAGE,
			   (1u << 20) + PAGE,
			   q.ring_max * 2,
			   q.ring_max - 1,
			   1u << 31,
			   UINT32_MAX };
	for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
		EXPECT_EQ(-EINVAL,
			  create(self->p.control, bad[n], q.ring_min, fd));
		EXPECT_EQ(-EINVAL,
			  create(self->p.control, q.ring_min, bad[n], fd));
	}
	EXPECT_EQ(fds, count_fds());
	EXPECT_EQ(self->channels, uid_channels(self->p.control));
}

TEST_F(device, create_flags)
{
	struct fastipc_ioc_create c =
		IOC_STRUCT(create, .ring_size = { PAGE, PAGE });

	for (int bit = 0; bit < 32; bit++) {
		c.flags = 1u << bit;
		EXPECT_EQ(-EINVAL,
			  call(self->p.control, FASTIPC_IOC_CREATE, &c));
	}
}

TEST_F(device, create_fds_are_close_on_exec)
{
	for (int end = 0; end < 2; end++) {
		int flags = fcntl(self->p.fd[end], F_GETFL);

		EXPECT_EQ(FD_CLOEXEC, fcntl(self->p.fd[end], F_GETFD));
		EXPECT_EQ(O_RDWR, flags & O_ACCMODE);
	}
}

TEST_F(device, create_without_room_for_two_fds)
{
	struct rlimit limit, low;
	int fds = count_fds();
	int last = dup(self->p.control);
	int fd[2];

	ASSERT_GE(last, 0);
	close(last);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	low = limit;
	for (int room = 0; room < 2; room++) {
		low.rlim_cur = (rlim_t)(last + room);
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
		EXPECT_EQ(-EMFILE, create(self->p.control, PAGE, PAGE, fd));
	}
	low.rlim_cur = (rlim_t)last + 2;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	EXPECT_EQ(0, create(self->p.control, PAGE, PAGE, fd));
	close(fd[0]);
	close(fd[1]);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(fds, count_fds());
	EXPECT_EQ(self->channels, uid_channels(self->p.control));
}

/* ---- INFO ---- */

TEST_F(device, info_of_both_ends)
{
	struct fastipc_ioc_info i[2], other;
	uint64_t before = now_ns();
	int fd[2];

	ASSERT_EQ(0, create(self->p.control, PAGE, 4 * PAGE, fd));
	for (int end = 0; end < 2; end++) {
		ASSERT_EQ(0, info(fd[end], &i[end]));
		EXPECT_EQ(FASTIPC_ABI_VERSION, i[end].abi);
		EXPECT_EQ(end, i[end].end);
		EXPECT_EQ(0, i[end].flags);
		EXPECT_EQ(end ? 4 * PAGE : PAGE, i[end].own_ring_size);
		EXPECT_EQ(end ? PAGE : 4 * PAGE, i[end].peer_ring_size);
		EXPECT_EQ(0, i[end].peer_pid);
		EXPECT_EQ(OVERFLOW_ID, i[end].peer_uid);
		EXPECT_EQ(OVERFLOW_ID, i[end].peer_gid);
		EXPECT_EQ(0, i[end].reserved);
		EXPECT_GE(i[end].created_ns, before);
		EXPECT_LE(i[end].created_ns, now_ns());
		EXPECT_EQ(0, i[end].waits);
		EXPECT_EQ(0, i[end].wakes);
	}
	EXPECT_EQ(i[0].id, i[1].id);
	EXPECT_EQ(i[0].created_ns, i[1].created_ns);
	ASSERT_EQ(0, info(self->p.fd[0], &other));
	EXPECT_NE(other.id, i[0].id);
	close(fd[0]);
	close(fd[1]);
}

TEST_F(device, info_ids_are_not_used_again)
{
	uint64_t last = 0;

	for (int n = 0; n < 100; n++) {
		struct fastipc_ioc_info i;
		int fd[2];

		ASSERT_EQ(0, create(self->p.control, PAGE, PAGE, fd));
		ASSERT_EQ(0, info(fd[1], &i));
		EXPECT_GT(i.id, last);
		last = i.id;
		close(fd[0]);
		close(fd[1]);
	}
}

TEST_F(device, info_counts_waits_and_wakes)
{
	struct fastipc_ioc_info i;

	for (int n = 0; n < 3; n++) {
		ASSERT_EQ(0, wake(self->p.fd[0], FASTIPC_SIDE_PEER));
	}
	ASSERT_EQ(-ETIMEDOUT, wait_peer(self->p.fd[0], 0, in_ns(MS)));
	ASSERT_EQ(-ETIMEDOUT, swap_peer(self->p.fd[0], 0, in_ns(MS)));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	EXPECT_EQ(4, i.wakes);
	EXPECT_EQ(2, i.waits);
	ASSERT_EQ(0, info(self->p.fd[1], &i));
	EXPECT_EQ(0, i.wakes);
	EXPECT_EQ(0, i.waits);
}

/* ---- SHUTDOWN ---- */

TEST_F(device, shutdown_flags)
{
	for (int bit = 1; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, shut_down(self->p.fd[0], 1u << bit));
		EXPECT_EQ(-EINVAL,
			  shut_down(self->p.fd[0], FASTIPC_ABORT | 1u << bit));
	}
	EXPECT_EQ(0, info_flags(self->p.fd[1]) & ~FASTIPC_INFO_PEER_OWNED);
	EXPECT_EQ(FASTIPC_STATE_OPEN, self->p.own[0]->state);
}

TEST_F(device, shutdown_is_seen_by_the_peer)
{
	for (int n = 0; n < 2; n++) {
		EXPECT_EQ(0, shut_down(self->p.fd[0], 0));
		EXPECT_EQ(FASTIPC_INFO_PEER_OWNED | FASTIPC_INFO_PEER_SHUTDOWN,
			  info_flags(self->p.fd[1]));
		EXPECT_EQ(FASTIPC_INFO_PEER_OWNED, info_flags(self->p.fd[0]));
		EXPECT_EQ(FASTIPC_STATE_SHUTDOWN, self->p.peer[1]->state);
		EXPECT_EQ(FASTIPC_STATE_OPEN, self->p.peer[0]->state);
	}
	EXPECT_EQ(0, shut_down(self->p.fd[1], 0));
	EXPECT_EQ(FASTIPC_STATE_SHUTDOWN, self->p.peer[0]->state);
}

TEST_F(device, abort_is_seen_by_both)
{
	EXPECT_EQ(0, shut_down(self->p.fd[0], 0));
	for (int n = 0; n < 2; n++) {
		EXPECT_EQ(0, shut_down(self->p.fd[0], FASTIPC_ABORT));
		for (int end = 0; end < 2; end++) {
			EXPECT_TRUE(info_flags(self->p.fd[end]) &
				    FASTIPC_INFO_ABORTED);
		}
		/* An orderly end stays one. */
		EXPECT_EQ(FASTIPC_STATE_SHUTDOWN, self->p.peer[1]->state);
		EXPECT_EQ(FASTIPC_STATE_DEAD, self->p.peer[0]->state);
	}
	EXPECT_EQ(0, shut_down(self->p.fd[1], FASTIPC_ABORT));
	EXPECT_EQ(0, shut_down(self->p.fd[1], 0));
}

TEST_F(device, close_is_seen_by_the_peer)
{
	pair_drop_end(&self->p, 0);
	EXPECT_TRUE(info_flags(self->p.fd[1]) & FASTIPC_INFO_PEER_GONE);
	EXPECT_FALSE(info_flags(self->p.fd[1]) & FASTIPC_INFO_ABORTED);
	EXPECT_EQ(FASTIPC_STATE_DEAD, self->p.peer[1]->state);
	EXPECT_EQ(FASTIPC_STATE_OPEN, self->p.own[1]->state);
}

TEST_F(device, close_after_shutdown_is_orderly)
{
	EXPECT_EQ(0, shut_down(self->p.fd[0], 0));
	pair_drop_end(&self->p, 0);
	EXPECT_TRUE(info_flags(self->p.fd[1]) & FASTIPC_INFO_PEER_GONE);
	EXPECT_TRUE(info_flags(self->p.fd[1]) & FASTIPC_INFO_PEER_SHUTDOWN);
	EXPECT_EQ(FASTIPC_STATE_SHUTDOWN, self->p.peer[1]->state);
}

/* ---- the rest of what reserved fields and unknown values give ---- */

TEST_F(device, wake_sides)
{
	EXPECT_EQ(0, wake(self->p.fd[0], FASTIPC_SIDE_PEER));
	EXPECT_EQ(0, wake(self->p.fd[0], FASTIPC_SIDE_OWN));
	EXPECT_EQ(-EINVAL, wake(self->p.fd[0], 2));
	EXPECT_EQ(-EINVAL, wake(self->p.fd[0], UINT32_MAX));
}

TEST_F(device, wake_after_the_end_is_no_error)
{
	pair_drop_end(&self->p, 0);
	EXPECT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_PEER));
	EXPECT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_OWN));
	EXPECT_EQ(0, shut_down(self->p.fd[1], 0));
}

TEST_HARNESS_MAIN
