// SPDX-License-Identifier: MIT
/*
 * Topics between processes: who waits for whom.  Subscribers that hang or die,
 * sleep in event loops or spin, and threads that publish at once.
 */
#include <sys/epoll.h>
#include <sys/mman.h>

#include "topic_pair.h"

/* ---- those that hang or die ---- */

static void hang(struct fastipc_subscriber *subscriber, const void *argument)
{
	(void)subscriber;
	(void)argument;
	for (;;)
		pause();
}

/* Publish @count; how long the slowest took. */
static uint64_t publish_many(struct fastipc_topic *topic, uint64_t count)
{
	uint64_t slowest = 0;

	for (uint64_t n = 0; n < count; n++) {
		uint64_t start = fastipc_now_ns(), took;

		publish(topic, n);
		took = fastipc_now_ns() - start;
		slowest = took > slowest ? took : slowest;
	}
	return slowest;
}

static void hung(bool drop)
{
	struct fastipc_subscriber_options options = options_of(FASTIPC_BLOCK);
	struct fastipc_topic_options topic_options;
	struct fastipc_topic *topic;
	uint64_t slowest, start;
	pid_t pid;

	fastipc_topic_options_init(&topic_options);
	topic_options.ring_size = 1 << 14;
	topic_options.patience_ns = 50 * MS;
	topic_options.drop_slow = drop;
	assert_result(fastipc_topic_create("hung", &topic_options, &topic), 0);
	pid = subscribe("hung", &options, hang, NULL);
	await_subscribers(topic, 1);
	start = fastipc_now_ns();
	slowest = publish_many(topic, 2000);
	/* It waits once, and not longer than it may. */
	assert_true(slowest >= 40 * MS);
	assert_true(fastipc_now_ns() - start < PATIENCE);
	assert_int_equal(stats_of(topic).waits, 1);
	assert_int_equal(stats_of(topic).demoted, !drop);
	assert_int_equal(stats_of(topic).dropped, drop);
	assert_int_equal(stats_of(topic).subscribers, !drop);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	await_subscribers(topic, 0);
	fastipc_topic_destroy(topic);
}

static void hung_is_demoted(void **state)
{
	(void)state;
	hung(false);
}

static void hung_is_dropped(void **state)
{
	(void)state;
	hung(true);
}

/* What was demoted goes on, and is told what it missed. */
static void demoted_goes_on(void **state)
{
	struct fastipc_subscriber_options options = options_of(FASTIPC_BLOCK);
	struct fastipc_topic *topic = topic_make("slow", 1 << 14);
	struct fastipc_buffer message = { 0 };
	struct fastipc_subscriber *subscriber;
	uint64_t lost;

	(void)state;
	options.patience_ns = 20 * MS;
	subscriber = open_here(topic, "slow", &options);
	for (uint64_t n = 0; n < 1000; n++)
		publish(topic, n);
	assert_int_equal(stats_of(topic).demoted, 1);
	assert_result(fastipc_subscriber_next(subscriber, &message, &lost,
					      soon()),
		      0);
	assert_true(lost > 900);
	assert_int_equal(number_of(&message), lost);
	for (uint64_t n = lost + 1; n < 1000; n++)
		assert_next(subscriber, n, 0);
	fastipc_buffer_free(&message);
	fastipc_subscriber_close(subscriber);
	fastipc_topic_destroy(topic);
}

/* Without waiting, publishing fails until patience is over. */
static void impatient_publisher(void **state)
{
	struct fastipc_subscriber_options options = options_of(FASTIPC_BLOCK);
	struct fastipc_topic *topic = topic_make("now", 1 << 14);
	struct fastipc_subscriber *subscriber;
	uint64_t n = 0, since, until = soon();
	int error;

	(void)state;
	options.patience_ns = 100 * MS;
	subscriber = open_here(topic, "now", &options);
	while (!(error = fastipc_publish(topic, bytes, make(n, 500), 1)))
		n++;
	assert_result(error, -ETIMEDOUT);
	/* One that reads on has all of its patience again. */
	usleep(60000);
	for (int i = 0; i < 10; i++)
		assert_next(subscriber, (uint64_t)i, 0);
	do {
		since = fastipc_now_ns();
		error = fastipc_publish(topic, bytes, make(n, 500), 1);
		n += !error;
	} while (!error);
	assert_result(error, -ETIMEDOUT);
	while (fastipc_publish(topic, bytes, make(n, 500), 1)) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
	assert_true(fastipc_now_ns() - since >= 90 * MS);
	assert_int_equal(stats_of(topic).demoted, 1);
	fastipc_subscriber_close(subscriber);
	fastipc_topic_destroy(topic);
}

/* A killed one holds back nobody, and the others miss nothing. */
static void killed_subscriber(void **state)
{
	struct fastipc_subscriber_options options = options_of(FASTIPC_BLOCK);
	struct fastipc_topic *topic = topic_make("killed", 1 << 14);
	pid_t good, hanging;

	(void)state;
	good = subscribe("killed", &options, read_all, NULL);
	hanging = subscribe("killed", &options, hang, NULL);
	await_subscribers(topic, 2);
	for (uint64_t n = 0; n < COUNT; n++) {
		if (n == 10)
			kill(hanging, SIGKILL);
		publish(topic, n);
	}
	assert_int_equal(stats_of(topic).hangups, 1);
	assert_int_equal(stats_of(topic).demoted, 0);
	assert_int_equal(stats_of(topic).subscribers, 1);
	fastipc_topic_destroy(topic);
	assert_ended_well(good);
	waitpid(hanging, NULL, 0);
}

/* Killed while it sleeps, publishes, or waits: all that is there is read. */
static void killed_publisher(void **state)
{
	struct fastipc_subscriber_options options =
		options_of(FASTIPC_DROP_OLDEST);

	(void)state;
	options.connect_timeout_ns = PATIENCE;
	for (int round = 0; round < 5; round++) {
		struct fastipc_buffer message = { 0 };
		struct fastipc_subscriber *subscriber = NULL;
		uint64_t lost, next = 0;
		int error, ready[2];
		char byte;
		pid_t pid;

		assert_int_equal(pipe(ready), 0);
		fflush(NULL);
		pid = fork();
		if (!pid) {
			struct fastipc_topic *topic;

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			check(!fastipc_topic_create("dying", NULL, &topic));
			check(write(ready[1], "r", 1) == 1);
			while (!stats_of(topic).joined)
				fastipc_topic_dispatch(topic);
			for (uint64_t n = 0; round != 4 || n < 100; n++)
				check(!fastipc_publish(topic, bytes,
						       make(n, some_size(n)),
						       0));
			check(write(ready[1], "d", 1) == 1);
			pause();
		}
		assert_int_equal(read(ready[0], &byte, 1), 1);
		assert_result(fastipc_subscriber_open("dying", &options,
						      &subscriber),
			      0);
		if (round == 4) { /* all of it is there, and nobody else */
			assert_int_equal(read(ready[0], &byte, 1), 1);
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			pid = 0;
		}
		for (;;) {
			error = fastipc_subscriber_next(subscriber, &message,
							&lost, soon());
			if (error == -EAGAIN)
				continue;
			if (error)
				break;
			assert_int_equal(number_of(&message), next + lost);
			next += lost + 1;
			if (next >= 50 && pid) {
				kill(pid, SIGKILL);
				waitpid(pid, NULL, 0);
				pid = 0;
			}
		}
		assert_int_equal(error, -EPIPE);
		assert_detail();
		if (round == 4)
			assert_int_equal(next, 100);
		assert_no_next(subscriber, -EPIPE);
		fastipc_subscriber_close(subscriber);
		fastipc_buffer_free(&message);
		close(ready[0]);
		close(ready[1]);
	}
}

/* ---- event loops ---- */

static void read_from_loop(struct fastipc_subscriber *subscriber,
			   const void *argument)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct fastipc_buffer message = { 0 };
	uint64_t next = 0, lost;
	int loop = epoll_create1(EPOLL_CLOEXEC);
	int result;

	(void)argument;
	check(!epoll_ctl(loop, EPOLL_CTL_ADD, fastipc_subscriber_fd(subscriber),
			 &event));
	while ((result = fastipc_subscriber_dispatch(subscriber)) >= 0) {
		if (!result) {
			/* To be stopped and continued interrupts it, too. */
			check(epoll_wait(loop, &event, 1, PATIENCE_MS) == 1 ||
			      errno == EINTR);
			continue;
		}
		while (!(result = fastipc_subscriber_next(subscriber, &message,
							  &lost, 1))) {
			check(!lost);
			check(number_of(&message) == next++);
		}
		check(result == -ETIMEDOUT || result == -ENODATA);
	}
	check(result == -ENODATA);
	check(next == 300);
	fastipc_buffer_free(&message);
	close(loop);
}

static void event_loops(void **state)
{
	struct fastipc_subscriber_options options = options_of(FASTIPC_BLOCK);
	struct fastipc_topic *topic = topic_make("loops", 1 << 12);
	pid_t pids[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		pids[i] = subscribe("loops", &options, read_from_loop, NULL);
	await_subscribers(topic, 3);
	for (uint64_t n = 0; n < 300; n++) {
		publish(topic, n);
		if (n % 10 == 0)
			usleep(1000);
	}
	fastipc_topic_destroy(topic);
	for (int i = 0; i < 3; i++)
		assert_ended_well(pids[i]);
}

/* Sleepers are woken, and the publisher knows of those that sleep only. */
static uint64_t sleeps_of(const struct fastipc_subscriber *subscriber)
{
	struct fastipc_subscriber_stats stats = { .size = sizeof(stats) };

	check(!fastipc_subscriber_get_stats(subscriber, &stats));
	return stats.sleeps;
}

/* So many that two of them wake the others. */
#define SLEEPERS 8

/* How many were told something after they had slept; of all processes. */
static unsigned int *slept;

static void sleep_and_read(struct fastipc_subscriber *subscriber,
			   const void *argument)
{
	struct fastipc_buffer message = { 0 };
	bool told = false;

	(void)argument;
	while (!fastipc_subscriber_next(subscriber, &message, NULL, soon())) {
		if (!told && sleeps_of(subscriber)) {
			told = true;
			__atomic_fetch_add(slept, 1, __ATOMIC_SEQ_CST);
		}
	}
	check(fastipc_subscriber_next(subscriber, &message, NULL, soon()) ==
	      -ENODATA);
	fastipc_buffer_free(&message);
}

static void sleepers(void **state)
{
	struct fastipc_subscriber_options options =
		options_of(FASTIPC_DROP_OLDEST);
	struct fastipc_topic *topic = topic_make("sleepers", 1 << 16);
	uint64_t until = soon();
	pid_t pids[SLEEPERS];

	(void)state;
	slept = mmap(NULL, sizeof(*slept), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(slept, MAP_FAILED);
	options.wait = FASTIPC_WAIT_BLOCK;
	for (int i = 0; i < SLEEPERS; i++)
		pids[i] = subscribe("sleepers", &options, sleep_and_read, NULL);
	await_subscribers(topic, SLEEPERS);
	/* Until each has slept, and was woken. */
	for (uint64_t n = 0;
	     __atomic_load_n(slept, __ATOMIC_SEQ_CST) < SLEEPERS ||
	     stats_of(topic).wakes < SLEEPERS;
	     n++) {
		assert_true(fastipc_now_ns() < until);
		publish(topic, n);
		usleep(500);
	}
	fastipc_topic_destroy(topic);
	for (int i = 0; i < SLEEPERS; i++)
		assert_ended_well(pids[i]);
	munmap(slept, sizeof(*slept));
}

static void spin_and_read(struct fastipc_subscriber *subscriber,
			  const void *argument)
{
	struct fastipc_buffer message = { 0 };

	(void)argument;
	for (uint64_t n = 0; n < 100; n++)
		check(!fastipc_subscriber_next(subscriber, &message, NULL,
					       soon()));
	check(fastipc_subscriber_next(subscriber, &message, NULL, soon()) ==
	      -ENODATA);
	check(!sleeps_of(subscriber));
	fastipc_buffer_free(&message);
}

static void spinner(void **state)
{
	struct fastipc_subscriber_options options =
		options_of(FASTIPC_DROP_OLDEST);
	struct fastipc_topic *topic = topic_make("spinner", 1 << 16);
	pid_t pid;

	(void)state;
	options.wait = FASTIPC_WAIT_SPIN;
	pid = subscribe("spinner", &options, spin_and_read, NULL);
	await_subscribers(topic, 1);
	for (uint64_t n = 0; n < 100; n++) {
		publish(topic, n);
		usleep(500);
	}
	assert_int_equal(stats_of(topic).wakes, 0);
	fastipc_topic_destroy(topic);
	assert_ended_well(pid);
}

/* ---- several threads publish ---- */

struct share {
	struct fastipc_topic *topic;
	uint64_t who;
};

static void *publish_share(void *argument)
{
	struct share *share = argument;

	for (uint64_t n = 0; n < 2000; n++) {
		uint64_t message[2] = { share->who, n };

		check(!fastipc_publish(share->topic, message, sizeof(message),
				       soon()));
	}
	return NULL;
}

static void read_shares(struct fastipc_subscriber *subscriber,
			const void *argument)
{
	struct fastipc_buffer message = { 0 };
	uint64_t next[4] = { 0 }, lost;
	int error;

	(void)argument;
	while (!(error = fastipc_subscriber_next(subscriber, &message, &lost,
						 soon()))) {
		uint64_t got[2];

		check(!lost && message.size == sizeof(got));
		memcpy(got, message.data, sizeof(got));
		check(got[0] < 4 && next[got[0]]++ == got[1]);
	}
	check(error == -ENODATA);
	for (int i = 0; i < 4; i++)
		check(next[i] == 2000);
	fastipc_buffer_free(&message);
}

static void threads(void **state)
{
	struct fastipc_subscriber_options options = options_of(FASTIPC_BLOCK);
	struct fastipc_topic *topic = topic_make("threads", 1 << 12);
	struct share shares[4];
	pthread_t publishers[4];
	pid_t pid;

	(void)state;
	pid = subscribe("threads", &options, read_shares, NULL);
	await_subscribers(topic, 1);
	for (uint64_t i = 0; i < 4; i++) {
		shares[i] = (struct share){ topic, i };
		assert_int_equal(pthread_create(&publishers[i], NULL,
						publish_share, &shares[i]),
				 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(publishers[i], NULL);
	fastipc_topic_destroy(topic);
	assert_ended_well(pid);
}

/* ---- names, kinds, limits ---- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(hung_is_demoted),
		footprint_test(hung_is_dropped),
		footprint_test(demoted_goes_on),
		footprint_test(impatient_publisher),
		footprint_test(killed_subscriber),
		footprint_test(killed_publisher),
		footprint_test(event_loops),
		footprint_test(sleepers),
		footprint_test(spinner),
		footprint_test(threads),
	};

	return cmocka_run_group_tests(tests, runtime_directory_make,
				      runtime_directory_remove);
}
