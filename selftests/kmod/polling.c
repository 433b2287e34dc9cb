// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What poll() reports of an endpoint, and the sleep word that the kernel
 * writes for who sleeps there.
 */
#include "poller.h"

#include "harness.h"

#define RING (4 * PAGE)

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

TEST_HARNESS_MAIN
