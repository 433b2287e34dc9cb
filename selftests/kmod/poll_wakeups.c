// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * poll(), select(), epoll and io_uring on an endpoint: each is woken by what
 * it waits for, and no wake-up gets lost between a producer that rings once an
 * epoch and a consumer that polls.
 */
#include "poller.h"

#include "harness.h"

#define RING (4 * PAGE)

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
FIXTURE_VARIANT_ADD(sleeper, ppoll){ .how = BY_PPOLL };
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

static void data_comes_by_swap(struct pair *p)
{
	publish(p, 1, 8);
	__atomic_fetch_add(&p->own[1]->doorbell, 1, __ATOMIC_SEQ_CST);
	swap_peer(p->fd[1], 0, in_ns(MS));
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

TEST_F(sleeper, sees_data_of_a_swap)
{
	EXPECT_EQ(POLLIN, events_when(&self->p, &self->w, variant->how, POLLIN,
				      data_comes_by_swap));
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

/* ---- two who asked to be woken one at a time ---- */

static int wait_in_thread(void *argument)
{
	return poller_wait(argument);
}

FIXTURE(exclusive)
{
	struct pair p;
	struct poller w[2];
	struct thread thread[2];
};

FIXTURE_SETUP(exclusive)
{
	ASSERT_EQ(0, pair_open(&self->p, RING));
}

FIXTURE_TEARDOWN(exclusive)
{
	for (int n = 0; n < 2; n++)
		poller_close(&self->w[n]);
	pair_close(&self->p);
}

static bool both_sleep(struct pair *p, struct poller w[2],
		       struct thread thread[2], uint32_t first, uint32_t second)
{
	for (int n = 0; n < 2; n++) {
		if (poller_open(&w[n], BY_EPOLL_EXCLUSIVE, p->fd[0],
				n ? second : first) ||
		    thread_start(&thread[n], wait_in_thread, &w[n]) ||
		    !EVENTUALLY(sleeps_in(thread[n].tid, SYS_epoll_wait) ||
				sleeps_in(thread[n].tid, SYS_epoll_pwait)))
			return false;
	}
	return true;
}

TEST_F(exclusive, one_at_least_sees_data)
{
	int first, second;

	ASSERT_TRUE(
		both_sleep(&self->p, self->w, self->thread, POLLIN, POLLIN));
	data_comes(&self->p);
	sleep_ns(100 * MS);
	/* Who was not woken by that must be by the next. */
	ring_bell(&self->p, 1);
	first = thread_join(&self->thread[0]);
	second = thread_join(&self->thread[1]);
	EXPECT_EQ(POLLIN, first | second);
}

/* What comes is not for the first in the queue: the other must hear of it. */
TEST_F(exclusive, with_different_wishes)
{
	publish(&self->p, 0, RING);
	ASSERT_TRUE(
		both_sleep(&self->p, self->w, self->thread, POLLIN, POLLOUT));
	space_comes(&self->p);
	EXPECT_EQ(POLLOUT, thread_join(&self->thread[1]));
	data_comes(&self->p);
	EXPECT_EQ(POLLIN, thread_join(&self->thread[0]));
}

TEST_F(exclusive, all_see_the_end)
{
	ASSERT_TRUE(
		both_sleep(&self->p, self->w, self->thread, POLLIN, POLLIN));
	pair_drop_end(&self->p, 1);
	EXPECT_TRUE(thread_join(&self->thread[0]) & POLLHUP);
	EXPECT_TRUE(thread_join(&self->thread[1]) & POLLHUP);
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
