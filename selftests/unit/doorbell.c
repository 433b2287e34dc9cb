// SPDX-License-Identifier: MIT
/*
 * Doorbells: every way to sleep ends by a ring, a deadline or a hang-up, and
 * ringing never blocks, whatever the peer does.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "footprint.h"
#include "transport/transport.h"

#define MS 1000000ull
#define PATIENCE (60000 * MS) /* for what comes for certain */

static const struct fastipc_proposal proposal = {
	.ring_size = FASTIPC_RING_MIN,
	.max_message = 1000,
};

/* The two ends, fresh for each test. */
static struct fastipc_link near, far;

static int make_ends(void **state)
{
	struct fastipc_link links[2];

	footprint_note(state);
	if (fastipc_link_pair(&proposal, links))
		return -1;
	near = links[0];
	far = links[1];
	return 0;
}

static int close_ends(void **state)
{
	fastipc_link_close(&near);
	fastipc_link_close(&far);
	return footprint_check(state);
}

static uint32_t doorbell(void)
{
	return __atomic_load_n(near.peer_bell, __ATOMIC_ACQUIRE);
}

/* A second end or thread, which acts 20 ms from now. */
enum action { RING_FUTEX, RING_POLL, WAKE_LOCAL };

static uint32_t local;

static void *act(void *argument)
{
	usleep(20000);
	switch (*(enum action *)argument) {
	case RING_FUTEX:
		fastipc_link_ring(&far,
				  FASTIPC_SLEEP_FUTEX | FASTIPC_WANT_TIME);
		break;
	case RING_POLL:
		fastipc_link_ring(&far, FASTIPC_SLEEP_POLL);
		break;
	case WAKE_LOCAL:
		__atomic_add_fetch(&local, 1, __ATOMIC_RELEASE);
		fastipc_local_wake(&local);
		break;
	}
	return NULL;
}

static pthread_t start(enum action *action)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, act, action), 0);
	return thread;
}

/* Wait as a user does: until a word has moved, since wake-ups may be false. */
static int wait_for_ring(uint32_t seen, const uint32_t *word, uint32_t value)
{
	uint64_t deadline = fastipc_after_ns(PATIENCE);
	int ret = 0;

	while (!ret && doorbell() == seen &&
	       (!word || __atomic_load_n(word, __ATOMIC_ACQUIRE) == value))
		ret = fastipc_link_wait(&near, seen, word, value, deadline);
	return ret;
}

static void ring_wakes_a_futex_sleeper(void **state)
{
	enum action action = RING_FUTEX;
	uint64_t started = fastipc_now_ns();
	uint32_t seen = doorbell();
	pthread_t thread = start(&action);

	(void)state;
	assert_int_equal(wait_for_ring(seen, NULL, 0), 0);
	assert_int_equal(doorbell(), seen + 1);
	assert_true(near.peer.control->wake_ns >= started);
	assert_true(near.peer.control->wake_ns <= fastipc_now_ns());
	pthread_join(thread, NULL);
}

static void who_does_not_ask_is_not_told_when(void **state)
{
	uint32_t rang = doorbell();

	(void)state;
	__atomic_store_n(&far.own.control->wake_ns, 1, __ATOMIC_RELAXED);
	fastipc_link_ring(&far, FASTIPC_SLEEP_FUTEX);
	assert_int_equal(doorbell(), rang + 1);
	assert_int_equal(near.peer.control->wake_ns, 1);
	fastipc_link_ring(&far, FASTIPC_SLEEP_FUTEX | FASTIPC_WANT_TIME);
	assert_int_not_equal(near.peer.control->wake_ns, 1);
}

static void ring_wakes_a_sleeper_on_two_words(void **state)
{
	enum action action = RING_FUTEX;
	uint32_t seen = doorbell();
	pthread_t thread = start(&action);

	(void)state;
	assert_int_equal(wait_for_ring(seen, &local, local), 0);
	assert_int_equal(doorbell(), seen + 1);
	pthread_join(thread, NULL);
}

static void local_word_wakes(void **state)
{
	enum action action = WAKE_LOCAL;
	uint32_t value = local;
	pthread_t thread = start(&action);

	(void)state;
	assert_int_equal(wait_for_ring(doorbell(), &local, value), 0);
	assert_int_equal(local, value + 1);
	pthread_join(thread, NULL);
}

static void moved_words_do_not_sleep(void **state)
{
	uint32_t seen = doorbell();

	(void)state;
	assert_int_equal(fastipc_link_wait(&near, seen, &local, local - 1, 0),
			 0);
	fastipc_link_ring(&far, FASTIPC_SLEEP_FUTEX);
	assert_int_equal(fastipc_link_wait(&near, seen, NULL, 0, 0), 0);
	assert_int_equal(fastipc_link_wait(&near, seen, &local, local, 0), 0);
}

/* Both forms of waiting, with 30 ms to go and with a deadline passed. */
static int wait_is_timed(const uint32_t *word)
{
	uint64_t started = fastipc_now_ns();
	int ret;

	do {
		ret = fastipc_link_wait(&near, doorbell(), word, local,
					started + 30 * MS);
	} while (!ret);
	if (ret != -ETIMEDOUT || fastipc_now_ns() - started < 30 * MS ||
	    fastipc_now_ns() - started > PATIENCE)
		return 1;
	if (fastipc_link_wait(&near, doorbell(), word, local, 1) != -ETIMEDOUT)
		return 2;
	return 0;
}

static void waits_end_at_the_deadline(void **state)
{
	(void)state;
	assert_int_equal(wait_is_timed(NULL), 0);
	assert_int_equal(wait_is_timed(&local), 0);
}

static void nothing(int signal)
{
	(void)signal;
}

/* A signal that interrupts a wait is a wake-up, not an error. */
static void signals_are_wake_ups(void **state)
{
	struct sigaction action = { .sa_handler = nothing };
	struct sigaction old;

	(void)state;
	sigaction(SIGALRM, &action, &old);
	ualarm(20000, 20000);
	assert_int_equal(fastipc_link_wait(&near, doorbell(), NULL, 0, 0), 0);
	assert_int_equal(fastipc_link_wait(&near, doorbell(), &local, local, 0),
			 0);
	assert_int_equal(fastipc_link_poll(&near, 0), 0);
	ualarm(0, 0);
	sigaction(SIGALRM, &old, NULL);
}

static void ring_reaches_another_process(void **state)
{
	uint32_t seen = doorbell();
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (!child)
		_exit(wait_for_ring(seen, NULL, 0) ||
		      wait_for_ring(seen + 1, &local, local));
	for (int i = 0; i < 2; i++) {
		usleep(20000);
		fastipc_link_ring(&far, FASTIPC_SLEEP_FUTEX);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* From here on, in this process, futex_waitv() fails with @error. */
static int forbid_futex_waitv(uint32_t error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]),
				      filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* As good as another thread: no futex wake-up comes with it. */
static void move_local(int signal)
{
	(void)signal;
	__atomic_add_fetch(&local, 1, __ATOMIC_RELEASE);
}

static int wait_without_futex_waitv(uint32_t error, uint32_t seen)
{
	uint32_t value = local;

	if (forbid_futex_waitv(error))
		return 10;
	if (wait_is_timed(&local))
		return 11;
	signal(SIGALRM, move_local);
	ualarm(20000, 0);
	if (wait_for_ring(doorbell(), &local, value) || local != value + 1)
		return 12;
	fastipc_link_ring(&near, FASTIPC_SLEEP_POLL); /* ready */
	return wait_for_ring(seen, &local, local) ? 13 : 0;
}

static void sandboxes_without_futex_waitv(void **state)
{
	const uint32_t errors[] = { ENOSYS, EPERM };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint32_t seen = doorbell();
		int status;
		pid_t child = fork();

		assert_true(child >= 0);
		if (!child)
			_exit(wait_without_futex_waitv(errors[i], seen));
		assert_int_equal(
			fastipc_link_poll(&far, fastipc_after_ns(PATIENCE)), 0);
		assert_int_equal(fastipc_link_drain(&far), 0);
		usleep(20000);
		fastipc_link_ring(&far, FASTIPC_SLEEP_FUTEX);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void ring_wakes_a_poller(void **state)
{
	enum action action = RING_POLL;
	uint32_t seen = doorbell();
	pthread_t thread;

	(void)state;
	assert_int_equal(fastipc_link_poll(&near, fastipc_after_ns(10 * MS)),
			 -ETIMEDOUT);
	assert_int_equal(fastipc_link_poll(&near, 1), -ETIMEDOUT);
	thread = start(&action);
	assert_int_equal(fastipc_link_poll(&near, fastipc_after_ns(PATIENCE)),
			 0);
	pthread_join(thread, NULL);
	assert_int_equal(doorbell(), seen + 1);
	assert_int_equal(fastipc_link_drain(&near), 0);
	assert_int_equal(fastipc_link_poll(&near, 1), -ETIMEDOUT);
	assert_int_equal(fastipc_link_drain(&near), 0);
}

/* A peer that never drains: neither blocks the ringer nor loses the ring. */
static void ringing_never_blocks(void **state)
{
	uint64_t started = fastipc_now_ns();

	(void)state;
	/* Its own flags are all that a peer can change. */
	fcntl(near.sock, F_SETFL, 0);
	for (int i = 0; i < 100000; i++)
		fastipc_link_ring(&far, FASTIPC_SLEEP_POLL);
	assert_true(fastipc_now_ns() - started < PATIENCE);
	assert_int_equal(doorbell(), 100000);
	assert_int_equal(fastipc_link_poll(&near, 1), 0);
	while (!fastipc_link_poll(&near, 1))
		assert_int_equal(fastipc_link_drain(&near), 0);
	fastipc_link_ring(&far, FASTIPC_SLEEP_POLL);
	assert_int_equal(fastipc_link_poll(&near, 1), 0);
}

/* Whatever is sent in a doorbell's place is taken off, and nothing kept. */
static void floods_are_drained(void **state)
{
	static const char junk[65536];
	struct footprint before = footprint_now();
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)junk, 10 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	(void)state;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &far.sock, sizeof(int));
	assert_int_equal(sendmsg(far.sock, &msg, MSG_DONTWAIT), 10);
	while (send(far.sock, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	for (int i = 0; i < 100 && !fastipc_link_poll(&near, 1); i++)
		assert_int_equal(fastipc_link_drain(&near), 0);
	assert_int_equal(fastipc_link_poll(&near, 1), -ETIMEDOUT);
	assert_footprint(before);
}

static void empty_datagram_is_a_hangup(void **state)
{
	(void)state;
	assert_int_equal(send(far.sock, "", 0, 0), 0);
	assert_int_equal(fastipc_link_poll(&near, 0), 0);
	assert_int_equal(fastipc_link_drain(&near), -EPIPE);
}

static void closing_hangs_up(void **state)
{
	(void)state;
	fastipc_link_close(&far);
	assert_int_equal(fastipc_link_poll(&near, 0), 0);
	assert_int_equal(fastipc_link_drain(&near), -EPIPE);
	assert_int_equal(fastipc_link_drain(&near), -EPIPE);
	assert_string_not_equal(fastipc_error_detail(), "");
	/* Ringing it is harmless: no SIGPIPE. */
	fastipc_link_ring(&near, FASTIPC_SLEEP_POLL);
	fastipc_link_ring(&near, FASTIPC_SLEEP_FUTEX);
}

/* Doorbells unread, on either side, do not hide the hang-up. */
static void hangup_shows_behind_doorbells(void **state)
{
	int ret = 0;

	(void)state;
	fastipc_link_ring(&near, FASTIPC_SLEEP_POLL);
	fastipc_link_ring(&far, FASTIPC_SLEEP_POLL);
	fastipc_link_close(&far);
	for (int i = 0; i < 3 && !ret; i++) {
		assert_int_equal(fastipc_link_poll(&near, 0), 0);
		ret = fastipc_link_drain(&near);
	}
	assert_int_equal(ret, -EPIPE);
}

static void killed_peer_hangs_up(void **state)
{
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (!child) {
		fastipc_link_close(&near);
		pause();
	}
	fastipc_link_close(&far);
	assert_int_equal(fastipc_link_poll(&near, fastipc_after_ns(20 * MS)),
			 -ETIMEDOUT);
	kill(child, SIGKILL);
	assert_int_equal(fastipc_link_poll(&near, fastipc_after_ns(PATIENCE)),
			 0);
	assert_int_equal(fastipc_link_drain(&near), -EPIPE);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_ends, close_ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ring_wakes_a_futex_sleeper),
		TEST(who_does_not_ask_is_not_told_when),
		TEST(ring_wakes_a_sleeper_on_two_words),
		TEST(local_word_wakes),
		TEST(moved_words_do_not_sleep),
		TEST(waits_end_at_the_deadline),
		TEST(signals_are_wake_ups),
		TEST(ring_reaches_another_process),
		TEST(sandboxes_without_futex_waitv),
		TEST(ring_wakes_a_poller),
		TEST(ringing_never_blocks),
		TEST(floods_are_drained),
		TEST(empty_datagram_is_a_hangup),
		TEST(closing_hangs_up),
		TEST(hangup_shows_behind_doorbells),
		TEST(killed_peer_hangs_up),
	};

	return cmocka_run_group_tests_name("doorbell", tests, NULL, NULL);
}
