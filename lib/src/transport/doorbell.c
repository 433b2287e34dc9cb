// SPDX-License-Identifier: MIT
/*
 * Doorbells: how an end sleeps until its peer rings, and how it rings.
 *
 * FUTEX mode: the sleeper waits on its *peer's* doorbell word, which is on the
 * bell page, or on the peer's control page, which it can only read; a shared
 * futex needs no more.  The word's owner bumps it and wakes.
 *
 * POLL mode: the ringer sends one byte on the rendezvous socket, which the
 * sleeper polls.  An eventfd would not do: the two ends would share its open
 * file description, so a hostile peer could clear O_NONBLOCK and fill the
 * counter, and our write() would block for ever.  MSG_DONTWAIT is ours, each
 * call, and cannot be taken away.  It also saves two descriptors for each
 * connection.
 *
 * These calls are on the latency-critical path: one system call each, and no
 * look at the clock but the one that stamps a wake-up.
 */
#include "transport/kmod.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/futex.h"

#define NS_PER_S 1000000000u

/* Of the fallback for kernels (and sandboxes) without futex_waitv(). */
#define SLICE_NS 1000000u

/* A peer cannot keep us draining: the rest waits for the next time. */
#define DRAIN_MAX 64

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_S),
				  .tv_nsec = (long)(ns % NS_PER_S) };
}

/* 0 when woken, for any reason; -ETIMEDOUT.  Not an error of the caller's. */
static int wait_result(long ret)
{
	return ret < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

static int wait_doorbell(const uint32_t *doorbell, uint32_t seen,
			 uint64_t deadline)
{
	struct timespec until;

	if (deadline)
		until = to_timespec(deadline);
	/* Unlike FUTEX_WAIT, the _BITSET form takes an absolute time. */
	return wait_result(syscall(SYS_futex, doorbell, FUTEX_WAIT_BITSET, seen,
				   deadline ? &until : NULL, NULL,
				   FUTEX_BITSET_MATCH_ANY));
}

/* Without futex_waitv(), the local word is looked at once a millisecond. */
static int wait_in_slices(const uint32_t *doorbell, uint32_t seen,
			  const uint32_t *local, uint32_t local_seen,
			  uint64_t deadline)
{
	while (__atomic_load_n(local, __ATOMIC_ACQUIRE) == local_seen) {
		uint64_t until = fastipc_now_ns() + SLICE_NS;
		bool last = deadline && deadline <= until;

		if (!wait_doorbell(doorbell, seen, last ? deadline : until))
			return 0;
		if (last)
			return -ETIMEDOUT;
	}
	return 0;
}

/* Set once and for all when the kernel or a sandbox has no futex_waitv(). */
static bool waitv_missing;

bool fastipc_can_wait_many(void)
{
	return !__atomic_load_n(&waitv_missing, __ATOMIC_RELAXED);
}

int fastipc_wait_many(const struct fastipc_doorbell *doorbells, size_t count,
		      const uint32_t *local, uint32_t local_seen,
		      uint64_t deadline)
{
	struct futex_waitv words[FASTIPC_WAIT_MOST + 1];
	struct timespec until;
	long ret;

	if (!count)
		return fastipc_futex_wait(local, local_seen, deadline);
	words[0] = (struct futex_waitv){
		.val = local_seen,
		.uaddr = (uintptr_t)local,
		.flags = FUTEX_32 | FUTEX_PRIVATE_FLAG,
	};
	for (size_t i = 0; i < count; i++)
		words[i + 1] = (struct futex_waitv){
			.val = doorbells[i].seen,
			.uaddr = (uintptr_t)doorbells[i].word,
			.flags = FUTEX_32,
		};
	if (deadline)
		until = to_timespec(deadline);
	ret = syscall(SYS_futex_waitv, words, count + 1, 0,
		      deadline ? &until : NULL, CLOCK_MONOTONIC);
	if (ret < 0 && (errno == ENOSYS || errno == EPERM)) {
		__atomic_store_n(&waitv_missing, true, __ATOMIC_RELAXED);
		return 0;
	}
	return wait_result(ret);
}

static int wait_both(const uint32_t *doorbell, uint32_t seen,
		     const uint32_t *local, uint32_t local_seen,
		     uint64_t deadline)
{
	const struct fastipc_doorbell one = { .word = doorbell, .seen = seen };

	if (fastipc_can_wait_many())
		return fastipc_wait_many(&one, 1, local, local_seen, deadline);
	return wait_in_slices(doorbell, seen, local, local_seen, deadline);
}

int fastipc_link_wait(const struct fastipc_link *link, uint32_t seen,
		      const uint32_t *local, uint32_t local_seen,
		      uint64_t deadline)
{
	const uint32_t *doorbell = link->peer_bell;

	if (link->kmod)
		return fastipc_kmod_wait(link, seen, local, local_seen,
					 deadline, false);

	if (!local)
		return wait_doorbell(doorbell, seen, deadline);
	return wait_both(doorbell, seen, local, local_seen, deadline);
}

void fastipc_link_kick(int endpoint)
{
	fastipc_kmod_wake(endpoint, FASTIPC_SIDE_OWN);
}

void fastipc_local_wake(const uint32_t *local)
{
	syscall(SYS_futex, local, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

int fastipc_link_poll(const struct fastipc_link *link, uint64_t deadline)
{
	struct pollfd pollfd = { .fd = link->sock, .events = POLLIN };
	struct timespec timeout;

	if (deadline) {
		uint64_t now = fastipc_now_ns();

		timeout = to_timespec(deadline > now ? deadline - now : 0);
	}
	if (!ppoll(&pollfd, 1, deadline ? &timeout : NULL, NULL))
		return -ETIMEDOUT;
	return 0;
}

/*
 * A zero-length datagram looks like a hang-up: an honest peer never sends one,
 * and another ends only its own connection.  Descriptors that a peer attaches
 * are dropped by the kernel, since there is no room for them.
 */
int fastipc_link_drain(const struct fastipc_link *link)
{
	char byte;

	if (link->kmod)
		return fastipc_kmod_check(link);
	for (int i = 0; i < DRAIN_MAX; i++) {
		ssize_t ret = recv(link->sock, &byte, 1, MSG_DONTWAIT);

		if (ret > 0)
			continue;
		if (ret < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		return fastipc_fail(-EPIPE, "the peer is gone: it closed the "
					    "connection or died; connect "
					    "again");
	}
	return 0;
}

/*
 * The peer reads wake_ns after it saw the doorbell move (acquire), to learn
 * what a wake-up costs: stamp first, then bump with release.
 */
static void bump(struct fastipc_link *link, uint32_t sleep)
{
	if (sleep & FASTIPC_WANT_TIME)
		__atomic_store_n(&link->own.control->wake_ns, fastipc_now_ns(),
				 __ATOMIC_RELAXED);
	__atomic_fetch_add(link->own_bell, 1, __ATOMIC_RELEASE);
}

int fastipc_link_swap(struct fastipc_link *link, uint32_t sleep, uint32_t seen,
		      const uint32_t *local, uint32_t local_seen,
		      uint64_t deadline)
{
	if (link->kmod) {
		bump(link, sleep);
		return fastipc_kmod_wait(link, seen, local, local_seen,
					 deadline, true);
	}
	fastipc_link_ring(link, sleep);
	return fastipc_link_wait(link, seen, local, local_seen, deadline);
}

void fastipc_link_shutdown(struct fastipc_link *link)
{
	if (link->kmod)
		fastipc_kmod_shutdown(link, 0);
	else
		__atomic_store_n(&link->own.control->state,
				 FASTIPC_STATE_SHUTDOWN, __ATOMIC_RELEASE);
}

void fastipc_link_hang_up(const struct fastipc_link *link)
{
	if (link->kmod)
		fastipc_kmod_shutdown(link, FASTIPC_ABORT);
	else
		shutdown(link->sock, SHUT_RDWR);
}

void fastipc_link_ring(struct fastipc_link *link, uint32_t sleep)
{
	uint32_t mode = sleep & FASTIPC_SLEEP_MODE_MASK;

	bump(link, sleep);
	if (link->kmod)
		fastipc_kmod_wake(link->endpoint, FASTIPC_SIDE_PEER);
	else if (mode == FASTIPC_SLEEP_FUTEX)
		syscall(SYS_futex, link->own_bell, FUTEX_WAKE, INT32_MAX, NULL,
			NULL, 0);
	else if (mode == FASTIPC_SLEEP_POLL)
		/* EAGAIN: the peer has bytes unread, so it is readable. */
		(void)!send(link->sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}
