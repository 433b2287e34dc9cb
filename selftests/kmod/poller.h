/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The ways to sleep on an endpoint's file, as one: poll(), select(), epoll,
 * io_uring; and the other side, which publishes, releases and rings.
 */
#ifndef SELFTESTS_KMOD_POLLER_H
#define SELFTESTS_KMOD_POLLER_H

#include <linux/io_uring.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "device.h"

#define PATIENCE 60000 /* ms until a wake-up counts as lost */

#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE (1u << 28)
#endif

/* What poll() says of @events now, or after @timeout ms at most. */
static inline int poll_for(int fd, int events, int timeout)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	int n = poll(&p, 1, timeout);

	return n < 0 ? -errno : p.revents;
}

/* The same, by the other call, with all signals blocked meanwhile. */
static inline int ppoll_for(int fd, int events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	struct timespec patience = { .tv_sec = PATIENCE / 1000 };
	sigset_t all;
	int n;

	sigfillset(&all);
	n = ppoll(&p, 1, &patience, &all);
	return n < 0 ? -errno : p.revents;
}

static inline uint32_t load(__u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static inline uint64_t load64(__u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/*
 * What a producer does after it published, or a consumer after it released
 * space: ring the one at the other end if the word says so, once an epoch.
 */
static inline void notify(struct pair *p, int end, uint32_t want,
			  uint32_t *rung)
{
	uint32_t sleep;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	sleep = load(&p->peer[end]->sleep);
	if ((sleep & want) && sleep != *rung) {
		*rung = sleep;
		ring_bell(p, end);
	}
}

static inline void publish(struct pair *p, int end, uint64_t bytes)
{
	__atomic_fetch_add(&p->own[end]->tx_tail, bytes, __ATOMIC_SEQ_CST);
}

static inline void consume(struct pair *p, int end, uint64_t bytes)
{
	__atomic_fetch_add(&p->own[end]->rx_head, bytes, __ATOMIC_SEQ_CST);
}

enum how {
	BY_POLL,
	BY_PPOLL,
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

static inline int uring_open(struct uring *u)
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

static inline uint32_t *uring_word(unsigned char *ring, uint32_t offset)
{
	return (uint32_t *)(ring + offset);
}

static inline int uring_poll_add(struct uring *u, int fd, uint32_t events,
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
static inline int uring_next(struct uring *u, uint32_t *flags)
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

static inline int poller_open(struct poller *w, enum how how, int fd,
			      uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	*w = (struct poller){
		.how = how, .fd = fd, .events = events, .epoll = -1, .outer = -1
	};
	switch (how) {
	case BY_POLL:
	case BY_PPOLL:
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

static inline void poller_close(struct poller *w)
{
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->outer >= 0)
		close(w->outer);
	if (w->uring.fd > 0)
		close(w->uring.fd);
}

static inline int poller_select(struct poller *w)
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
static inline int poller_wait(struct poller *w)
{
	bool multishot = w->how == BY_URING_MULTISHOT;
	struct epoll_event e = { .events = 0 };
	uint32_t flags = 0;
	int n;

	switch (w->how) {
	case BY_POLL:
		return poll_for(w->fd, (int)w->events, PATIENCE);
	case BY_PPOLL:
		return ppoll_for(w->fd, (int)w->events);
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

#endif
