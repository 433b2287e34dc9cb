// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * poll(), select(), epoll and io_uring on an endpoint: what they report, the
 * sleep word that the kernel writes for them, and that no wake-up gets lost
 * between a producer that rings once an epoch and a consumer that polls.
 */
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "device.h"

#include "kselftest_harness.h"

#define RING (4 * PAGE)
#define PATIENCE 10000 /* ms until a wake-up counts as lost */

#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE (1u << 28)
#endif

FIXTURE(poll)
{
	struct pair p;
};

FIXTURE_SETUP(poll)
{
	ASSERT_EQ(0, pair_open(&self->p, RING));
}

FIXTURE_TEARDOWN(poll)
{
	pair_close(&self->p);
}

/* What poll() says of @events now, or after @timeout ms at most. */
static int poll_for(int fd, int events, int timeout)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	int n = poll(&p, 1, timeout);

	return n < 0 ? -errno : p.revents;
}

static uint32_t load(__u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static uint64_t load64(__u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/*
 * What a producer does after it published, or a consumer after it released
 * space: ring the one at the other end if the word says so, once an epoch.
 */
static void notify(struct pair *p, int end, uint32_t want, uint32_t *rung)
{
	uint32_t sleep;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	sleep = load(&p->peer[end]->sleep);
	if ((sleep & want) && sleep != *rung) {
		*rung = sleep;
		ring_bell(p, end);
	}
}

static void publish(struct pair *p, int end, uint64_t bytes)
{
	__atomic_fetch_add(&p->own[end]->tx_tail, bytes, __ATOMIC_SEQ_CST);
}

static void consume(struct pair *p, int end, uint64_t bytes)
{
	__atomic_fetch_add(&p->own[end]->rx_head, bytes, __ATOMIC_SEQ_CST);
}

/* ---- what is reported ---- */

TEST_F(poll, a_new_channel_is_writable_only)
{
	for (int end = 0; end < 2; end++) {
		int all = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

		EXPECT_EQ(POLLOUT, poll_for(self->p.fd[end], all, 0));
		EXPECT_EQ(0, poll_for(self->p.fd[end], POLLIN, 0));
		EXPECT_EQ(0, poll_for(self->p.fd[end], 0, 0));
	}
}

TEST_F(poll, readable_while_there_is_data)
{
	int fd = self->p.fd[0];

	publish(&self->p, 1, 24);
	EXPECT_EQ(POLLIN, poll_for(fd, POLLIN, 0));
	EXPECT_EQ(POLLIN, poll_for(fd, POLLIN, PATIENCE));
	EXPECT_EQ(0, poll_for(self->p.fd[1], POLLIN, 0));
	consume(&self->p, 0, 16);
	EXPECT_EQ(POLLIN, poll_for(fd, POLLIN, 0));
	consume(&self->p, 0, 8);
	EXPECT_EQ(0, poll_for(fd, POLLIN, 0));
}

TEST_F(poll, writable_while_half_is_free)
{
	int fd = self->p.fd[0];

	publish(&self->p, 0, RING / 2);
	EXPECT_EQ(POLLOUT, poll_for(fd, POLLOUT, 0));
	publish(&self->p, 0, 8);
	EXPECT_EQ(0, poll_for(fd, POLLOUT, 0));
	publish(&self->p, 0, RING / 2 - 8);
	EXPECT_EQ(0, poll_for(fd, POLLOUT, 0));
	consume(&self->p, 1, RING / 2 - 8);
	EXPECT_EQ(0, poll_for(fd, POLLOUT, 0));
	consume(&self->p, 1, 8);
	EXPECT_EQ(POLLOUT, poll_for(fd, POLLOUT, 0));
}

/* Cursors that make no sense are the peer's fault, and not the kernel's. */
TEST_F(poll, cursors_out_of_range)
{
	uint64_t values[] = {
		0,	    1,		RING,	    RING + 8,
		1ull << 32, 1ull << 63, UINT64_MAX, UINT64_MAX - 7
	};
	int all = POLLIN | POLLOUT | POLLRDHUP;

	for (size_t n = 0; n < ARRAY_SIZE(values); n++) {
		for (size_t m = 0; m < ARRAY_SIZE(values); m++) {
			self->p.own[1]->tx_tail = values[n];
			self->p.own[1]->rx_head = values[m];
			EXPECT_EQ(0, poll_for(self->p.fd[0], all, 0) & ~all);
			EXPECT_EQ(0, poll_for(self->p.fd[1], all, 0) & ~all);
		}
	}
	/* They count modulo 2^64. */
	self->p.own[0]->rx_head = UINT64_MAX - 7;
	self->p.own[1]->tx_tail = UINT64_MAX - 7;
	EXPECT_EQ(0, poll_for(self->p.fd[0], POLLIN, 0));
	self->p.own[1]->tx_tail += 16;
	EXPECT_EQ(POLLIN, poll_for(self->p.fd[0], POLLIN, 0));
}

TEST_F(poll, after_shutdown)
{
	int all = POLLIN | POLLOUT | POLLRDHUP;

	ASSERT_EQ(0, shut_down(self->p.fd[1], 0));
	EXPECT_EQ(POLLIN | POLLRDHUP,
		  poll_for(self->p.fd[0], POLLIN | POLLRDHUP, 0));
	EXPECT_EQ(0, poll_for(self->p.fd[0], 0, 0));
	EXPECT_EQ(POLLOUT, poll_for(self->p.fd[1], all, 0));
}

TEST_F(poll, after_abort)
{
	ASSERT_EQ(0, shut_down(self->p.fd[1], FASTIPC_ABORT));
	for (int end = 0; end < 2; end++) {
		EXPECT_EQ(POLLHUP, poll_for(self->p.fd[end], 0, PATIENCE));
		EXPECT_TRUE(POLLIN & poll_for(self->p.fd[end], POLLIN, 0));
	}
}

TEST_F(poll, after_close)
{
	pair_drop_end(&self->p, 1);
	EXPECT_EQ(POLLHUP, poll_for(self->p.fd[0], 0, PATIENCE));
	EXPECT_TRUE(POLLIN & poll_for(self->p.fd[0], POLLIN, PATIENCE));
	EXPECT_TRUE(POLLRDHUP & poll_for(self->p.fd[0], POLLRDHUP, PATIENCE));
}

TEST_F(poll, of_the_control_file_and_of_one_never_mapped)
{
	int fd[2];

	EXPECT_EQ(0, poll_for(self->p.control, POLLIN, 0) & POLLHUP);
	ASSERT_EQ(0, create(self->p.control, RING, RING, fd));
	EXPECT_EQ(0, poll_for(fd[0], POLLIN, 0));
	close(fd[1]);
	EXPECT_EQ(POLLHUP, poll_for(fd[0], 0, PATIENCE));
	close(fd[0]);
}

/* ---- the sleep word ---- */

TEST_F(poll, asleep_the_word_says_so)
{
	struct {
		int events;
		uint32_t want;
	} cases[] = {
		{ POLLIN, FASTIPC_WANT_DATA },
		{ POLLRDNORM, FASTIPC_WANT_DATA },
		{ POLLOUT, FASTIPC_WANT_SPACE },
		{ POLLIN | POLLOUT, FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE },
	};
	uint32_t wants = FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE;
	uint32_t last = 0;

	publish(&self->p, 0, RING); /* full: neither comes at once */
	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		uint32_t word;

		EXPECT_EQ(0, poll_for(self->p.fd[0], cases[n].events, 1));
		word = load(&self->p.peer[1]->sleep);
		EXPECT_EQ(FASTIPC_SLEEP_KERNEL, word & FASTIPC_SLEEP_MODE_MASK);
		EXPECT_EQ(cases[n].want, word & wants);
		EXPECT_NE(last / FASTIPC_SLEEP_EPOCH,
			  word / FASTIPC_SLEEP_EPOCH);
		last = word;
		/* Else this stays asked for: another may sleep still. */
		ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_PEER));
	}
	/* The other end's is its own. */
	EXPECT_EQ(0, load(&self->p.own[1]->sleep));
}

TEST_F(poll, epochs_differ)
{
	static uint32_t seen[200];

	for (size_t n = 0; n < ARRAY_SIZE(seen); n++) {
		EXPECT_EQ(0, poll_for(self->p.fd[0], POLLIN, 1));
		seen[n] = load(&self->p.own[0]->sleep);
		for (size_t m = 0; m < n; m++) {
			ASSERT_NE(seen[m], seen[n]);
		}
	}
}

TEST_F(poll, no_events_arm_nothing)
{
	EXPECT_EQ(0, poll_for(self->p.fd[0], 0, 1));
	EXPECT_EQ(0, load(&self->p.own[0]->sleep));
	EXPECT_EQ(0, poll_for(self->p.fd[0], POLLPRI, 1));
	EXPECT_EQ(0, load(&self->p.own[0]->sleep));
	EXPECT_EQ(0, poll_for(self->p.fd[0], POLLRDHUP, 1));
	EXPECT_EQ(0, load(&self->p.own[0]->sleep) & FASTIPC_WANT_SPACE);
}

/* ---- being woken, in each of the ways to sleep ---- */

enum how {
	BY_POLL,
	BY_SELECT,
	BY_EPOLL,
	BY_EPOLL_ET,
	BY_EPOLL_ONESHOT,
	BY_EPOLL_EXCLUSIVE,
	BY_EPOLL_NESTED,
	BY_URING,
	BY_URING_MULTISHOT,
};

/* A minimal io_uring: one request at a time. */
struct uring {
	int fd;
	struct io_uring_params params;
	unsigned char *sq;
	unsigned char *cq;
	struct io_uring_sqe *sqes;
};

static int uring_open(struct uring *u)
{
	size_t size;

	memset(u, 0, sizeof(*u));
	u->fd = (int)syscall(SYS_io_uring_setup, 4, &u->params);
	if (u->fd < 0)
		return -errno;
	size = u->params.sq_off.array + u->params.sq_entries * 4;
	u->sq = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		     IORING_OFF_SQ_RING);
	size = u->params.cq_off.cqes +
	       u->params.cq_entries * sizeof(struct io_uring_cqe);
	u->cq = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		     IORING_OFF_CQ_RING);
	size = u->params.sq_entries * sizeof(struct io_uring_sqe);
	u->sqes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		       IORING_OFF_SQES);
	if (u->sq == MAP_FAILED || u->cq == MAP_FAILED || u->sqes == MAP_FAILED)
		return -errno;
	return 0;
}

static uint32_t *uring_word(unsigned char *ring, uint32_t offset)
{
	return (uint32_t *)(ring + offset);
}

static int uring_poll_add(struct uring *u, int fd, uint32_t events,
			  uint32_t flags)
{
	uint32_t *tail = uring_word(u->sq, u->params.sq_off.tail);
	uint32_t mask = *uring_word(u->sq, u->params.sq_off.ring_mask);
	uint32_t index = *tail & mask;
	struct io_uring_sqe *sqe = &u->sqes[index];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = fd;
	sqe->poll32_events = events;
	sqe->len = flags;
	uring_word(u->sq, u->params.sq_off.array)[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, u->fd, 1, 0, 0, NULL, 0) == 1
		       ? 0
		       : -errno;
}

/* The result of the next completion, which is waited for. */
static int uring_next(struct uring *u, uint32_t *flags)
{
	uint32_t *head = uring_word(u->cq, u->params.cq_off.head);
	uint32_t *tail = uring_word(u->cq, u->params.cq_off.tail);
	uint32_t mask = *uring_word(u->cq, u->params.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(u->cq + u->params.cq_off.cqes);
	struct pollfd p = { .fd = u->fd, .events = POLLIN };
	int result;

	if (__atomic_load_n(tail, __ATOMIC_ACQUIRE) == *head &&
	    poll(&p, 1, PATIENCE) <= 0)
		return 0;
	/* Task work puts completions there when the task enters the kernel. */
	syscall(SYS_io_uring_enter, u->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL,
		0);
	if (__atomic_load_n(tail, __ATOMIC_ACQUIRE) == *head)
		return 0;
	result = cqes[*head & mask].res;
	*flags = cqes[*head & mask].flags;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

/* Something to sleep with. */
struct poller {
	enum how how;
	int fd;
	uint32_t events; /* POLLIN or POLLOUT; EPOLL* are the same */
	int epoll;
	int outer;
	struct uring uring;
	bool armed;
};

static int poller_open(struct poller *w, enum how how, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	*w = (struct poller){
		.how = how, .fd = fd, .events = events, .epoll = -1, .outer = -1
	};
	switch (how) {
	case BY_POLL:
	case BY_SELECT:
		return 0;
	case BY_URING:
	case BY_URING_MULTISHOT:
		return uring_open(&w->uring);
	case BY_EPOLL_ET:
		e.events |= EPOLLET;
		break;
	case BY_EPOLL_ONESHOT:
		e.events |= EPOLLONESHOT;
		break;
	case BY_EPOLL_EXCLUSIVE:
		e.events |= EPOLLEXCLUSIVE;
		break;
	default:
		break;
	}
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e))
		return -errno;
	if (how != BY_EPOLL_NESTED)
		return 0;
	w->outer = epoll_create1(EPOLL_CLOEXEC);
	e.events = EPOLLIN;
	return epoll_ctl(w->outer, EPOLL_CTL_ADD, w->epoll, &e) ? -errno : 0;
}

static void poller_close(struct poller *w)
{
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->outer >= 0)
		close(w->outer);
	if (w->uring.fd > 0)
		close(w->uring.fd);
}

static int poller_select(struct poller *w)
{
	struct timeval patience = { .tv_sec = PATIENCE / 1000 };
	fd_set in, out;
	int n;

	FD_ZERO(&in);
	FD_ZERO(&out);
	if (w->events & POLLIN)
		FD_SET(w->fd, &in);
	if (w->events & POLLOUT)
		FD_SET(w->fd, &out);
	n = select(w->fd + 1, &in, &out, NULL, &patience);
	if (n <= 0)
		return n;
	return (FD_ISSET(w->fd, &in) ? POLLIN : 0) |
	       (FD_ISSET(w->fd, &out) ? POLLOUT : 0);
}

/* Sleeps until there is an event: the events, 0 after PATIENCE, or -1. */
static int poller_wait(struct poller *w)
{
	bool multishot = w->how == BY_URING_MULTISHOT;
	struct epoll_event e = { .events = 0 };
	uint32_t flags = 0;
	int n;

	switch (w->how) {
	case BY_POLL:
		return poll_for(w->fd, (int)w->events, PATIENCE);
	case BY_SELECT:
		return poller_select(w);
	case BY_URING:
	case BY_URING_MULTISHOT:
		if (!w->armed &&
		    uring_poll_add(&w->uring, w->fd, w->events,
				   multishot ? IORING_POLL_ADD_MULTI : 0))
			return -1;
		n = uring_next(&w->uring, &flags);
		w->armed = flags & IORING_CQE_F_MORE;
		return n;
	case BY_EPOLL_ONESHOT:
		e.events = w->events | EPOLLONESHOT;
		if (w->armed && epoll_ctl(w->epoll, EPOLL_CTL_MOD, w->fd, &e))
			return -1;
		w->armed = true;
		break;
	case BY_EPOLL_NESTED:
		n = epoll_wait(w->outer, &e, 1, PATIENCE);
		if (n <= 0)
			return n;
		break;
	default:
		break;
	}
	n = epoll_wait(w->epoll, &e, 1, PATIENCE);
	return n <= 0 ? n : (int)e.events;
}

FIXTURE(sleeper)
{
	struct pair p;
	struct poller w;
};

FIXTURE_VARIANT(sleeper)
{
	enum how how;
};

FIXTURE_VARIANT_ADD(sleeper, poll){ .how = BY_POLL };
FIXTURE_VARIANT_ADD(sleeper, select){ .how = BY_SELECT };
FIXTURE_VARIANT_ADD(sleeper, epoll){ .how = BY_EPOLL };
FIXTURE_VARIANT_ADD(sleeper, epoll_et){ .how = BY_EPOLL_ET };
FIXTURE_VARIANT_ADD(sleeper, epoll_oneshot){ .how = BY_EPOLL_ONESHOT };
FIXTURE_VARIANT_ADD(sleeper, epoll_exclusive){ .how = BY_EPOLL_EXCLUSIVE };
FIXTURE_VARIANT_ADD(sleeper, epoll_nested){ .how = BY_EPOLL_NESTED };
FIXTURE_VARIANT_ADD(sleeper, uring){ .how = BY_URING };
FIXTURE_VARIANT_ADD(sleeper, uring_multishot){ .how = BY_URING_MULTISHOT };

FIXTURE_SETUP(sleeper)
{
	struct uring u;

	ASSERT_EQ(0, pair_open(&self->p, RING));
	self->w = (struct poller){ .epoll = -1, .outer = -1 };
	if (variant->how < BY_URING)
		return;
	if (uring_open(&u))
		SKIP(return, "the kernel has no io_uring");
	close(u.fd);
}

FIXTURE_TEARDOWN(sleeper)
{
	poller_close(&self->w);
	pair_close(&self->p);
}

/* After @delay ns something happens at end 1, in a thread. */
struct happening {
	struct thread thread;
	struct pair *p;
	void (*what)(struct pair *p);
};

static int happen(void *argument)
{
	struct happening *h = argument;

	sleep_ns(30 * MS);
	h->what(h->p);
	return 0;
}

static void data_comes(struct pair *p)
{
	publish(p, 1, 8);
	ring_bell(p, 1);
}

static void space_comes(struct pair *p)
{
	consume(p, 1, RING);
	ring_bell(p, 1);
}

static void shutdown_comes(struct pair *p)
{
	shut_down(p->fd[1], 0);
}

static void abort_comes(struct pair *p)
{
	shut_down(p->fd[1], FASTIPC_ABORT);
}

static void close_comes(struct pair *p)
{
	pair_drop_end(p, 1);
}

/* What a sleeper at end 0 gets when @what happens at the other end. */
static int events_when(struct pair *p, struct poller *w, enum how how,
		       uint32_t events, void (*what)(struct pair *p))
{
	struct happening h = { .p = p, .what = what };
	int result = poller_open(w, how, p->fd[0], events);

	if (result)
		return result;
	if (thread_start(&h.thread, happen, &h))
		return -EAGAIN;
	result = poller_wait(w);
	thread_join(&h.thread);
	return result;
}

TEST_F(sleeper, sees_data)
{
	EXPECT_EQ(POLLIN, events_when(&self->p, &self->w, variant->how, POLLIN,
				      data_comes));
}

TEST_F(sleeper, sees_space)
{
	publish(&self->p, 0, RING);
	EXPECT_EQ(POLLOUT, events_when(&self->p, &self->w, variant->how,
				       POLLOUT, space_comes));
}

TEST_F(sleeper, sees_shutdown)
{
	int events = events_when(&self->p, &self->w, variant->how, POLLIN,
				 shutdown_comes);

	/* io_uring asks for POLLRDHUP always. */
	EXPECT_EQ(POLLIN, events & ~POLLRDHUP);
}

TEST_F(sleeper, sees_abort)
{
	int events = events_when(&self->p, &self->w, variant->how, POLLIN,
				 abort_comes);

	EXPECT_TRUE(events > 0 && events & POLLIN);
	EXPECT_TRUE(variant->how == BY_SELECT || events & POLLHUP);
}

TEST_F(sleeper, sees_close)
{
	int events = events_when(&self->p, &self->w, variant->how, POLLIN,
				 close_comes);

	EXPECT_TRUE(events > 0 && events & POLLIN);
	EXPECT_TRUE(variant->how == BY_SELECT || events & POLLHUP);
}

/* ---- no wake-up is lost ---- */

#define MESSAGES 3000u

/* Pauses of all lengths, to meet the other side at each point of its loop. */
static void dawdle(uint32_t n)
{
	uint32_t kind = n * 2654435761u >> 28;

	if (kind < 4)
		sched_yield();
	else if (kind < 5)
		sleep_ns(100000);
	else
		for (uint32_t i = 0; i < kind * 200; i++)
			__asm__ volatile("" ::: "memory");
}

static int produce_all(void *argument)
{
	struct pair *p = argument;
	uint32_t rung = 0;

	for (uint32_t n = 0; n < MESSAGES; n++) {
		publish(p, 1, 8);
		notify(p, 1, FASTIPC_WANT_DATA, &rung);
		dawdle(n);
	}
	return 0;
}

TEST_F(sleeper, gets_each_message)
{
	struct pair *p = &self->p;
	struct thread producer;
	uint32_t got = 0;

	ASSERT_EQ(0, poller_open(&self->w, variant->how, p->fd[0], POLLIN));
	ASSERT_EQ(0, thread_start(&producer, produce_all, p));
	while (got < MESSAGES) {
		int events = poller_wait(&self->w);

		ASSERT_GT(events, 0)
		{
			TH_LOG("%u of %llu messages; sleep word %x", got,
			       (unsigned long long)p->peer[0]->tx_tail / 8,
			       p->own[0]->sleep);
		}
		/* As an edge wants it: until there is nothing left. */
		while (load64(&p->peer[0]->tx_tail) >
		       load64(&p->own[0]->rx_head)) {
			consume(p, 0, 8);
			got++;
		}
	}
	EXPECT_EQ(0, thread_join(&producer));
}

static int consume_all(void *argument)
{
	struct pair *p = argument;
	uint32_t rung = 0;

	for (uint32_t n = 0; n < MESSAGES / 4; n++) {
		while (load64(&p->peer[1]->tx_tail) ==
		       load64(&p->own[1]->rx_head))
			sched_yield();
		consume(p, 1,
			load64(&p->peer[1]->tx_tail) -
				load64(&p->own[1]->rx_head));
		notify(p, 1, FASTIPC_WANT_SPACE, &rung);
		dawdle(n);
	}
	return 0;
}

TEST_F(sleeper, gets_space_each_time)
{
	struct pair *p = &self->p;
	struct thread consumer;

	ASSERT_EQ(0, poller_open(&self->w, variant->how, p->fd[0], POLLOUT));
	ASSERT_EQ(0, thread_start(&consumer, consume_all, p));
	for (uint32_t n = 0; n < MESSAGES / 4; n++) {
		while (load64(&p->peer[0]->rx_head) !=
		       load64(&p->own[0]->tx_tail)) {
			ASSERT_GT(poller_wait(&self->w), 0)
			{
				TH_LOG("at %u", n);
			}
		}
		publish(p, 0, RING);
	}
	EXPECT_EQ(0, thread_join(&consumer));
}

TEST_HARNESS_MAIN
