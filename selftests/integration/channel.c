// SPDX-License-Identifier: MIT
/*
 * The public channel between two processes: records in both directions, in
 * place and in batches, its ends, its deadlines, and event loops.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "channel/channel.h"
#include "pair.h"

typedef void (*peer_fn)(struct fastipc_channel *channel);

/* A pair, one end of which goes to a child that runs @peer. */
static struct fastipc_channel *
fork_peer(peer_fn peer, const struct fastipc_channel_options *options,
	  pid_t *pid)
{
	struct fastipc_channel *ends[2];

	assert_result(fastipc_channel_pair(options, ends), 0);
	fflush(NULL);
	*pid = fork();
	assert_true(*pid >= 0);
	if (!*pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fastipc_channel_close(ends[0]);
		peer(ends[1]);
		fastipc_channel_close(ends[1]);
		check_leaks();
		_exit(0);
	}
	fastipc_channel_close(ends[1]);
	return ends[0];
}

static void options_of(struct fastipc_channel_options *options,
		       enum fastipc_wait wait, uint32_t ring)
{
	fastipc_channel_options_init(options);
	options->wait = wait;
	options->ring_size = ring;
}

/* ---- send and receive ---- */

static unsigned char memory[1 << 20];

static void invert_all(struct fastipc_channel *channel)
{
	for (;;) {
		ssize_t size = fastipc_channel_recv(channel, memory,
						    sizeof(memory), soon());

		if (size == -ENODATA)
			return;
		check(size >= 0);
		invert(memory, memory, (size_t)size);
		check(!fastipc_channel_send(channel, memory, (size_t)size,
					    soon()));
	}
}

static void exchange(enum fastipc_wait wait, uint32_t ring)
{
	static unsigned char sent[1 << 20], got[1 << 20];
	struct fastipc_channel_options options;
	struct fastipc_channel *channel;
	size_t most, step;
	pid_t pid;

	options_of(&options, wait, ring);
	channel = fork_peer(invert_all, &options, &pid);
	most = fastipc_channel_record_max(channel);
	assert_true(most >= ring / 4 - 8);
	step = most / 40 + 1;
	for (size_t size = 0; size <= most; size += size < 10 ? 1 : step) {
		if (size + step > most && size > 10)
			size = most;
		fill(sent, size, (uint32_t)size);
		assert_result(fastipc_channel_send(channel, sent, size, soon()),
			      0);
		assert_result(fastipc_channel_recv(channel, got, sizeof(got),
						   soon()),
			      (long long)size);
		invert(sent, sent, size);
		if (size)
			assert_memory_equal(sent, got, size);
	}
	assert_result(fastipc_channel_send(channel, sent, most + 1, soon()),
		      -EMSGSIZE);
	assert_result(fastipc_channel_shutdown(channel), 0);
	assert_ended_well(pid);
	assert_result(fastipc_channel_recv(channel, got, 1, soon()), -EPIPE);
	fastipc_channel_close(channel);
}

static void records_both_ways(void **state)
{
	(void)state;
	for (int wait = FASTIPC_WAIT_ADAPTIVE; wait <= FASTIPC_WAIT_SLEEP;
	     wait++) {
		exchange((enum fastipc_wait)wait, 4096);
		exchange((enum fastipc_wait)wait, 256 << 10);
	}
}

static void records_stay_until_there_is_room(void **state)
{
	struct fastipc_channel *ends[2];
	char data[8];

	(void)state;
	assert_result(fastipc_channel_pair(NULL, ends), 0);
	assert_result(fastipc_channel_send(ends[0], "1234567", 8, soon()), 0);
	assert_result(fastipc_channel_recv(ends[1], data, 7, soon()),
		      -EMSGSIZE);
	assert_result(fastipc_channel_recv(ends[1], data, 8, soon()), 8);
	assert_string_equal(data, "1234567");
	fastipc_channel_close(ends[0]);
	fastipc_channel_close(ends[1]);
}

/* ---- in place ---- */

#define BATCHES 400u
#define BATCH 25u

static void send_batches(struct fastipc_channel *channel)
{
	for (uint32_t i = 0; i < BATCHES * BATCH;) {
		uint32_t size = 4 + i % 61;
		int error;
		void *data;

		error = fastipc_channel_reserve(channel, size + 9, &data);
		if (error == -EAGAIN) {
			check(!fastipc_channel_flush(channel));
			sched_yield();
			continue;
		}
		check(!error);
		fill(data, size, i);
		if (i % 7 == 3) {
			fastipc_channel_abort(channel);
			check(fastipc_channel_commit(channel, 1) == -EINVAL);
			check(!fastipc_channel_reserve(channel, size, &data));
			fill(data, size, i);
			check(fastipc_channel_commit(channel, size + 1) ==
			      -EINVAL);
		}
		check(!fastipc_channel_commit(channel, size));
		if (++i % BATCH == 0)
			check(!fastipc_channel_flush(channel));
	}
	check(!fastipc_channel_shutdown(channel));
}

static void batches_in_place(void **state)
{
	struct fastipc_channel_options options;
	struct fastipc_record records[16];
	struct fastipc_channel *channel;
	unsigned char expected[100];
	uint32_t next = 0;
	pid_t pid;
	int n;

	(void)state;
	options_of(&options, FASTIPC_WAIT_BLOCK, 4096);
	channel = fork_peer(send_batches, &options, &pid);
	while (!fastipc_channel_wait(channel, soon())) {
		n = fastipc_channel_peek(channel, records, 16);
		assert_true(n > 0);
		for (int i = 0; i < n; i++) {
			fill(expected, records[i].size, next + (uint32_t)i);
			assert_int_equal(records[i].size,
					 4 + (next + (uint32_t)i) % 61);
			assert_memory_equal(records[i].data, expected,
					    records[i].size);
		}
		/* Some stay, and are shown again. */
		if (n > 4)
			n -= 3;
		assert_result(fastipc_channel_release(channel, (unsigned int)n),
			      0);
		next += (uint32_t)n;
	}
	assert_int_equal(next, BATCHES * BATCH);
	assert_result(fastipc_channel_release(channel, 1), -EINVAL);
	n = fastipc_channel_peek(channel, records, 1);
	assert_true(n == -ENODATA || n == -EPIPE);
	assert_ended_well(pid);
	fastipc_channel_close(channel);
}

static void committed_is_invisible_until_flushed(void **state)
{
	struct fastipc_channel *ends[2];
	struct fastipc_record record;
	void *data;

	(void)state;
	assert_result(fastipc_channel_pair(NULL, ends), 0);
	for (int i = 0; i < 3; i++) {
		assert_result(fastipc_channel_reserve(ends[0], 8, &data), 0);
		memset(data, 'a' + i, 8);
		assert_result(fastipc_channel_commit(ends[0], 8), 0);
	}
	assert_int_equal(fastipc_channel_peek(ends[1], &record, 1), -EAGAIN);
	assert_int_equal(fastipc_channel_dispatch(ends[1]), 0);
	assert_result(fastipc_channel_flush(ends[0]), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fastipc_channel_peek(ends[1], &record, 1), 1);
		assert_int_equal(*(const char *)record.data, 'a' + i);
		assert_result(fastipc_channel_release(ends[1], 1), 0);
	}
	/* A commit of less than was reserved; and of nothing. */
	assert_result(fastipc_channel_reserve(ends[0], 100, &data), 0);
	assert_result(fastipc_channel_commit(ends[0], 0), 0);
	assert_result(fastipc_channel_flush(ends[0]), 0);
	assert_result(fastipc_channel_recv(ends[1], NULL, 0, soon()), 0);
	fastipc_channel_close(ends[0]);
	fastipc_channel_close(ends[1]);
}

/* ---- the end ---- */

static void send_ten_and_die(struct fastipc_channel *channel)
{
	for (int i = 0; i < 10; i++)
		check(!fastipc_channel_send(channel, &i, sizeof(i), soon()));
	kill(getpid(), SIGKILL);
}

static void death_shows_after_draining(void **state)
{
	struct fastipc_channel_options options;
	int number, status;
	pid_t pid;

	(void)state;
	for (int wait = FASTIPC_WAIT_ADAPTIVE; wait <= FASTIPC_WAIT_SLEEP;
	     wait++) {
		struct fastipc_channel *channel;

		options_of(&options, (enum fastipc_wait)wait, 4096);
		channel = fork_peer(send_ten_and_die, &options, &pid);
		if (wait != FASTIPC_WAIT_SPIN)
			assert_int_equal(waitpid(pid, &status, 0), pid);
		for (int i = 0; i < 10; i++) {
			assert_result(fastipc_channel_recv(channel, &number,
							   sizeof(number),
							   soon()),
				      sizeof(number));
			assert_int_equal(number, i);
		}
		assert_result(fastipc_channel_recv(channel, &number,
						   sizeof(number), soon()),
			      -EPIPE);
		assert_result(fastipc_channel_wait(channel, soon()), -EPIPE);
		assert_result(fastipc_channel_dispatch(channel), -EPIPE);
		assert_result(fastipc_channel_send(channel, "", 1, soon()),
			      -EPIPE);
		if (wait == FASTIPC_WAIT_SPIN)
			assert_int_equal(waitpid(pid, &status, 0), pid);
		fastipc_channel_close(channel);
	}
}

/* How far the child has come, in memory of both; the parent waits for it. */
static unsigned int *stage;

static void reach(unsigned int number)
{
	__atomic_store_n(stage, number, __ATOMIC_RELEASE);
}

static void await_stage(unsigned int number)
{
	uint64_t until = soon();

	while (__atomic_load_n(stage, __ATOMIC_ACQUIRE) < number) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
}

static void fill_and_sleep(struct fastipc_channel *channel)
{
	char data[100] = { 0 };
	uint64_t start = fastipc_now_ns();

	for (;;) {
		int error = fastipc_channel_send(channel, data, sizeof(data),
						 fastipc_after_ns(50 * MS));

		if (error == -ETIMEDOUT)
			break;
		check(!error);
	}
	check(fastipc_error_detail()[0]);
	check(fastipc_now_ns() - start >= 50 * MS);
	check(fastipc_now_ns() - start < PATIENCE);
	/* The other end makes room, then dies. */
	reach(1);
	check(!fastipc_channel_send(channel, data, sizeof(data), soon()));
	reach(2);
	for (;;) {
		int error = fastipc_channel_send(channel, data, sizeof(data),
						 soon());

		if (!error)
			continue;
		check(error == -EPIPE);
		return;
	}
}

static void deadlines(void **state)
{
	struct fastipc_channel_options options;
	struct fastipc_channel *channel;
	char data[100];
	pid_t pid;

	(void)state;
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(stage != MAP_FAILED);
	for (int wait = FASTIPC_WAIT_ADAPTIVE; wait <= FASTIPC_WAIT_SLEEP;
	     wait++) {
		uint64_t start;

		options_of(&options, (enum fastipc_wait)wait, 4096);
		reach(0);
		channel = fork_peer(fill_and_sleep, &options, &pid);
		/* It sleeps for room in vain; then there is some. */
		await_stage(1);
		assert_result(fastipc_channel_recv(channel, data, sizeof(data),
						   soon()),
			      sizeof(data));
		for (int i = 0; i < 25; i++)
			assert_result(fastipc_channel_recv(channel, data,
							   sizeof(data),
							   soon()),
				      sizeof(data));
		await_stage(2);
		fastipc_channel_close(channel);
		assert_ended_well(pid);
		/* Nobody sends. */
		{
			struct fastipc_channel *ends[2];

			assert_result(fastipc_channel_pair(&options, ends), 0);
			start = fastipc_now_ns();
			assert_result(fastipc_channel_recv(ends[0], data, 1,
							   start + 20 * MS),
				      -ETIMEDOUT);
			assert_true(fastipc_now_ns() - start >= 20 * MS);
			assert_result(fastipc_channel_wait(ends[0], 1),
				      -ETIMEDOUT);
			fastipc_channel_close(ends[0]);
			fastipc_channel_close(ends[1]);
		}
	}
	munmap(stage, sizeof(*stage));
}

/* ---- event loops ---- */

static void trickle(struct fastipc_channel *channel)
{
	for (int i = 0; i < 300; i++) {
		check(!fastipc_channel_send(channel, &i, sizeof(i), soon()));
		if (i % 50 == 0)
			usleep(2000);
	}
	check(!fastipc_channel_shutdown(channel));
	check(fastipc_channel_recv(channel, memory, 1, soon()) == -EPIPE);
}

static void polled_channels(void **state)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct fastipc_channel *channel;
	int loop = epoll_create1(EPOLL_CLOEXEC), next = 0, number, result;
	pid_t pid;

	(void)state;
	channel = fork_peer(trickle, NULL, &pid);
	assert_int_equal(epoll_ctl(loop, EPOLL_CTL_ADD,
				   fastipc_channel_fd(channel), &event),
			 0);
	while ((result = fastipc_channel_dispatch(channel)) >= 0) {
		if (!result) {
			/* To be stopped and continued interrupts it, too. */
			assert_true(epoll_wait(loop, &event, 1, PATIENCE_MS) ==
					    1 ||
				    errno == EINTR);
			continue;
		}
		assert_result(fastipc_channel_recv(channel, &number,
						   sizeof(number), 1),
			      sizeof(number));
		assert_int_equal(number, next++);
	}
	assert_int_equal(result, -ENODATA);
	assert_int_equal(next, 300);
	fastipc_channel_close(channel);
	assert_ended_well(pid);
	close(loop);
}

/* ---- listening ---- */

static void connect_and_send(const char *address, int go)
{
	struct fastipc_channel *channel;
	struct fastipc_peer peer;
	char byte;

	check(read(go, &byte, 1) == 1);
	check(!fastipc_channel_connect(address, NULL, soon(), &channel));
	fastipc_channel_peer(channel, &peer);
	check(peer.pid == getppid());
	check(!fastipc_channel_send(channel, "hello", 5, soon()));
	check(fastipc_channel_recv(channel, memory, 8, soon()) == 3);
	check(!memcmp(memory, "you", 3));
	fastipc_channel_close(channel);
	_exit(0);
}

static void listeners(void **state)
{
	struct fastipc_listener *listener, *second;
	struct fastipc_channel *channel;
	struct fastipc_peer peer;
	struct pollfd pollfd;
	char data[8];
	int go[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (!pid)
		connect_and_send("listener", go[0]);
	assert_result(fastipc_listener_open("listener", NULL, &listener), 0);
	assert_result(fastipc_listener_open("listener", NULL, &second),
		      -EADDRINUSE);
	/* The second one's look was a connection without a HELLO. */
	assert_result(fastipc_listener_accept(listener, soon(), &channel),
		      -EPIPE);
	assert_result(fastipc_listener_accept(
			      listener, fastipc_after_ns(10 * MS), &channel),
		      -ETIMEDOUT);
	assert_int_equal(write(go[1], "g", 1), 1);
	pollfd = (struct pollfd){ .fd = fastipc_listener_fd(listener),
				  .events = POLLIN };
	assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
	assert_result(fastipc_listener_accept(listener, soon(), &channel), 0);
	fastipc_channel_peer(channel, &peer);
	assert_int_equal(peer.pid, pid);
	assert_result(fastipc_channel_recv(channel, data, 8, soon()), 5);
	assert_memory_equal(data, "hello", 5);
	assert_result(fastipc_channel_send(channel, "you", 3, soon()), 0);
	assert_result(fastipc_channel_recv(channel, data, 8, soon()), -EPIPE);
	fastipc_channel_close(channel);
	fastipc_listener_close(listener);
	assert_result(fastipc_channel_connect("listener", NULL, soon(),
					      &channel),
		      -ENOENT);
	assert_ended_well(pid);
	close(go[0]);
	close(go[1]);
}

/* ---- what is left behind ---- */

static void descriptors_close_on_exec(void **state)
{
	struct footprint before = footprint_now();
	struct fastipc_listener *listener;
	struct fastipc_channel *ends[2];
	struct fastipc_server *server;
	bool inherited[256];

	(void)state;
	for (int fd = 3; fd < 256; fd++)
		inherited[fd] = fcntl(fd, F_GETFD) >= 0;
	assert_result(fastipc_channel_pair(NULL, ends), 0);
	assert_result(fastipc_listener_open("exec", NULL, &listener), 0);
	assert_result(fastipc_server_create("exec-server", NULL, &server), 0);
	for (int fd = 3; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);
		char path[64], target[256] = "";

		if (flags < 0 || inherited[fd])
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		(void)!readlink(path, target, sizeof(target) - 1);
		if (!(flags & FD_CLOEXEC) &&
		    (strstr(target, "socket:") || strstr(target, "memfd:") ||
		     strstr(target, "anon_inode:")))
			fail_msg("fd %d (%s) outlives exec()", fd, target);
	}
	fastipc_server_destroy(server);
	fastipc_listener_close(listener);
	fastipc_channel_close(ends[0]);
	fastipc_channel_close(ends[1]);
	assert_footprint(before);
}

/* What a monitor of the control pages sees, once an end has slept. */
static void counters_for_monitors(void **state)
{
	const struct fastipc_control *first, *second;
	struct fastipc_channel *ends[2];
	unsigned char byte;

	(void)state;
	assert_result(fastipc_channel_pair(NULL, ends), 0);
	first = ends[0]->link.own.control;
	second = ends[1]->link.own.control;
	assert_result(fastipc_channel_dispatch(ends[1]), 0);
	assert_int_equal(second->sleeps, 1);
	assert_result(fastipc_channel_send(ends[0], "a", 1, soon()), 0);
	assert_int_equal(first->wakes, 1);
	assert_int_equal(first->tx_records, 1);
	assert_result(fastipc_channel_dispatch(ends[1]), 1);
	assert_int_equal(fastipc_channel_recv(ends[1], &byte, 1, soon()), 1);
	assert_result(fastipc_channel_dispatch(ends[1]), 0);
	assert_int_equal(second->rx_records, 1);
	assert_int_equal(second->sleeps, 2);
	fastipc_channel_close(ends[0]);
	fastipc_channel_close(ends[1]);
}

static void wrong_arguments(void **state)
{
	struct fastipc_channel_options options;
	struct fastipc_channel *ends[2];

	(void)state;
	fastipc_channel_options_init(&options);
	options.ring_size = 5000;
	assert_result(fastipc_channel_pair(&options, ends), -EINVAL);
	options.ring_size = 2048;
	assert_result(fastipc_channel_pair(&options, ends), -EINVAL);
	options.ring_size = 32u << 20;
	assert_result(fastipc_channel_pair(&options, ends), -EINVAL);
	options.ring_size = 16u << 20;
	assert_result(fastipc_channel_pair(&options, ends), 0);
	fastipc_channel_close(ends[0]);
	fastipc_channel_close(ends[1]);
	fastipc_channel_options_init(&options);
	options.size = 1;
	assert_result(fastipc_channel_pair(&options, ends), -EINVAL);
	fastipc_channel_options_init(&options);
	options.wait = 77;
	assert_result(fastipc_channel_pair(&options, ends), -EINVAL);
	assert_result(fastipc_channel_connect("nobody", NULL, soon(), ends),
		      -ENOENT);
	assert_result(fastipc_channel_connect("bad\nname", NULL, soon(), ends),
		      -EINVAL);
	assert_result(fastipc_channel_wait(NULL, soon()), -EINVAL);
	fastipc_channel_close(NULL);
	fastipc_listener_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_both_ways),
		cmocka_unit_test(records_stay_until_there_is_room),
		cmocka_unit_test(batches_in_place),
		cmocka_unit_test(committed_is_invisible_until_flushed),
		cmocka_unit_test(death_shows_after_draining),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(polled_channels),
		cmocka_unit_test(listeners),
		cmocka_unit_test(descriptors_close_on_exec),
		cmocka_unit_test(counters_for_monitors),
		cmocka_unit_test(wrong_arguments),
	};

	return cmocka_run_group_tests_name("channel", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
