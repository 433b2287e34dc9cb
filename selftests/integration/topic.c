// SPDX-License-Identifier: MIT
/*
 * Topics between processes: one publisher, and subscribers that keep up, that
 * do not, that come late, hang, or die.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "pair.h"

#define SUBSCRIBERS 8

/* ---- messages that show what is missing in them ---- */

struct numbered {
	uint64_t number;
	uint64_t size;
};

static unsigned char bytes[1 << 20], expected[1 << 20];

static size_t make(uint64_t number, size_t size)
{
	struct numbered head = { number, size };

	memcpy(bytes, &head, sizeof(head));
	fill(bytes + sizeof(head), size - sizeof(head), (uint32_t)number);
	return size;
}

/* Whole; its number. */
static uint64_t number_of(const struct fastipc_buffer *message)
{
	struct numbered head;

	check(message->size >= sizeof(head));
	memcpy(&head, message->data, sizeof(head));
	check(head.size == message->size);
	fill(expected, head.size - sizeof(head), (uint32_t)head.number);
	check(!memcmp((char *)message->data + sizeof(head), expected,
		      head.size - sizeof(head)));
	return head.number;
}

static size_t some_size(uint64_t number)
{
	return sizeof(struct numbered) + number * 131 % 700;
}

static void publish(struct fastipc_topic *topic, uint64_t number)
{
	assert_result(fastipc_publish(topic, bytes,
				      make(number, some_size(number)), soon()),
		      0);
}

/* ---- both ends ---- */

static struct fastipc_topic *topic_make(const char *name, uint32_t ring_size)
{
	struct fastipc_topic_options options;
	struct fastipc_topic *topic = NULL;

	fastipc_topic_options_init(&options);
	options.ring_size = ring_size;
	/* Also under a sanitizer, on a machine with other things to do. */
	options.patience_ns = 20 * SECOND;
	assert_result(fastipc_topic_create(name, &options, &topic), 0);
	return topic;
}

static struct fastipc_topic_stats stats_of(const struct fastipc_topic *topic)
{
	struct fastipc_topic_stats stats = { .size = sizeof(stats) };

	assert_result(fastipc_topic_get_stats(topic, &stats), 0);
	return stats;
}

/* Dispatch until there are @count subscribers. */
static void await_subscribers(struct fastipc_topic *topic, uint64_t count)
{
	uint64_t until = soon();

	while (stats_of(topic).subscribers != count) {
		struct pollfd pollfd = { .fd = fastipc_topic_fd(topic),
					 .events = POLLIN };

		assert_true(fastipc_now_ns() < until);
		poll(&pollfd, 1, 100);
		assert_true(fastipc_topic_dispatch(topic) >= 0);
	}
}

typedef void (*subscriber_fn)(struct fastipc_subscriber *subscriber,
			      const void *argument);

static pid_t subscribe(const char *name,
		       const struct fastipc_subscriber_options *options,
		       subscriber_fn run, const void *argument)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct fastipc_subscriber *subscriber;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		check(!fastipc_subscriber_open(name, options, &subscriber));
		run(subscriber, argument);
		fastipc_subscriber_close(subscriber);
		_exit(0);
	}
	return pid;
}

/* In this process; the handshake needs the publisher's help. */
struct opening {
	const char *name;
	const struct fastipc_subscriber_options *options;
	struct fastipc_subscriber *subscriber;
	int error;
};

static void *open_one(void *argument)
{
	struct opening *opening = argument;

	opening->error = fastipc_subscriber_open(
		opening->name, opening->options, &opening->subscriber);
	return NULL;
}

static struct fastipc_subscriber *
open_here(struct fastipc_topic *topic, const char *name,
	  const struct fastipc_subscriber_options *options)
{
	struct opening opening = { .name = name, .options = options };
	uint64_t joined = stats_of(topic).joined;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, open_one, &opening), 0);
	while (stats_of(topic).joined == joined) {
		assert_true(fastipc_topic_dispatch(topic) >= 0);
		usleep(200);
	}
	pthread_join(thread, NULL);
	assert_result(opening.error, 0);
	return opening.subscriber;
}

static struct fastipc_subscriber_options options_of(enum fastipc_policy policy)
{
	struct fastipc_subscriber_options options;

	fastipc_subscriber_options_init(&options);
	options.policy = policy;
	options.patience_ns = 20 * SECOND;
	return options;
}

/* ---- eight that get everything ---- */

#define COUNT 20000u

static void read_all(struct fastipc_subscriber *subscriber,
		     const void *argument)
{
	struct fastipc_buffer message = { 0 };
	uint64_t lost = 1, next = 0;
	int error;

	(void)argument;
	while (!(error = fastipc_subscriber_next(subscriber, &message, &lost,
						 soon()))) {
		check(!lost);
		check(number_of(&message) == next++);
	}
	check(error == -ENODATA);
	check(next == COUNT);
	fastipc_buffer_free(&message);
}

static void eight_miss_nothing(enum fastipc_wait wait,
			       enum fastipc_checksum checksum)
{
	struct fastipc_subscriber_options options = options_of(FASTIPC_BLOCK);
	struct fastipc_topic *topic = topic_make("eight", 1 << 16);
	pid_t pids[SUBSCRIBERS];

	options.wait = wait;
	options.checksum = checksum;
	for (int i = 0; i < SUBSCRIBERS; i++)
		pids[i] = subscribe("eight", &options, read_all, NULL);
	await_subscribers(topic, SUBSCRIBERS);
	for (uint64_t n = 0; n < COUNT; n++)
		publish(topic, n);
	assert_int_equal(stats_of(topic).messages, COUNT);
	assert_int_equal(stats_of(topic).demoted, 0);
	assert_int_equal(stats_of(topic).protocol_errors, 0);
	assert_int_equal(stats_of(topic).subscribers, SUBSCRIBERS);
	assert_int_equal(stats_of(topic).checksum, checksum);
	fastipc_topic_destroy(topic);
	for (int i = 0; i < SUBSCRIBERS; i++)
		assert_ended_well(pids[i]);
}

static void eight_that_block(void **state)
{
	(void)state;
	eight_miss_nothing(FASTIPC_WAIT_ADAPTIVE, FASTIPC_CHECKSUM_OFF);
}

static void eight_with_checksums(void **state)
{
	(void)state;
	eight_miss_nothing(FASTIPC_WAIT_BLOCK, FASTIPC_CHECKSUM_FULL);
}

/* ---- eight that miss some, and know it ---- */

static void read_some(struct fastipc_subscriber *subscriber,
		      const void *argument)
{
	struct fastipc_subscriber_stats stats = { .size = sizeof(stats) };
	struct fastipc_buffer message = { 0 };
	uint64_t lost, next = 0, read = 0;
	bool latest = argument;
	int error;

	for (;;) {
		error = fastipc_subscriber_next(subscriber, &message, &lost,
						soon());
		if (error == -EAGAIN)
			continue;
		if (error)
			break;
		check(number_of(&message) == next + lost);
		next += lost + 1;
		if (++read % 100 == 0)
			usleep(1000);
	}
	check(error == -ENODATA);
	check(next == COUNT);
	check(!fastipc_subscriber_get_stats(subscriber, &stats));
	check(stats.messages == read);
	check(stats.messages + stats.lost == COUNT);
	check(!latest || read >= 1);
	fastipc_buffer_free(&message);
}

static void eight_that_miss_some(void **state)
{
	struct fastipc_subscriber_options options =
		options_of(FASTIPC_DROP_OLDEST);
	struct fastipc_topic *topic = topic_make("lossy", 1 << 14);
	pid_t pids[SUBSCRIBERS];

	(void)state;
	for (int i = 0; i < SUBSCRIBERS; i++) {
		options.policy = i % 2 ? FASTIPC_LATEST : FASTIPC_DROP_OLDEST;
		pids[i] = subscribe("lossy", &options, read_some,
				    i % 2 ? topic : NULL);
	}
	await_subscribers(topic, SUBSCRIBERS);
	for (uint64_t n = 0; n < COUNT; n++)
		publish(topic, n);
	assert_int_equal(stats_of(topic).waits, 0);
	fastipc_topic_destroy(topic);
	for (int i = 0; i < SUBSCRIBERS; i++)
		assert_ended_well(pids[i]);
}

/* ---- long messages, overwritten while they are copied ---- */

#define WORDS 2040u /* a quarter of the ring, nearly */

static void read_words(struct fastipc_subscriber *subscriber,
		       const void *argument)
{
	struct fastipc_buffer message = { 0 };
	uint64_t next = 0, lost;
	int error;

	(void)argument;
	for (;;) {
		error = fastipc_subscriber_next(subscriber, &message, &lost,
						soon());
		if (error == -EAGAIN)
			continue;
		if (error)
			break;
		next += lost;
		for (size_t i = 0; i < message.size / sizeof(next); i++)
			check(((uint64_t *)message.data)[i] == next);
		next++;
	}
	check(error == -ENODATA && next);
	fastipc_buffer_free(&message);
}

static void overwritten_while_copied(void **state)
{
	struct fastipc_subscriber_options options =
		options_of(FASTIPC_DROP_OLDEST);
	struct fastipc_topic *topic = topic_make("long-ones", 1 << 16);
	static uint64_t words[WORDS];
	uint64_t until;
	pid_t pids[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		options.policy = i ? FASTIPC_DROP_OLDEST : FASTIPC_LATEST;
		pids[i] = subscribe("long-ones", &options, read_words, NULL);
	}
	await_subscribers(topic, 3);
	until = fastipc_now_ns() + SECOND / 2;
	for (uint64_t n = 0; fastipc_now_ns() < until; n++) {
		size_t count = WORDS - n * 7 % 1000;

		for (size_t i = 0; i < count; i++)
			words[i] = n;
		assert_result(fastipc_publish(topic, words,
					      count * sizeof(words[0]), 0),
			      0);
	}
	fastipc_topic_destroy(topic);
	for (int i = 0; i < 3; i++)
		assert_ended_well(pids[i]);
}

/* ---- one by one, in this process ---- */

static void assert_next(struct fastipc_subscriber *subscriber, uint64_t number,
			uint64_t missed)
{
	struct fastipc_buffer message = { 0 };
	uint64_t lost;

	assert_result(fastipc_subscriber_next(subscriber, &message, &lost,
					      soon()),
		      0);
	assert_int_equal(number_of(&message), number);
	assert_int_equal(lost, missed);
	fastipc_buffer_free(&message);
}

static void assert_no_next(struct fastipc_subscriber *subscriber, int error)
{
	struct fastipc_buffer message = { 0 };

	assert_result(fastipc_subscriber_next(subscriber, &message, NULL, 1),
		      error);
	fastipc_buffer_free(&message);
}

static void late_joiners(void **state)
{
	struct fastipc_subscriber_options options =
		options_of(FASTIPC_DROP_OLDEST);
	struct fastipc_topic *topic = topic_make("late", 1 << 16);
	struct fastipc_subscriber *none, *five, *latest, *all, *blocking;

	(void)state;
	options.history = 5;
	none = open_here(topic, "late", NULL);
	for (uint64_t n = 0; n < 20; n++)
		publish(topic, n);
	five = open_here(topic, "late", &options);
	options.history = UINT64_MAX;
	all = open_here(topic, "late", &options);
	options.policy = FASTIPC_LATEST;
	latest = open_here(topic, "late", &options);
	options.policy = FASTIPC_BLOCK;
	options.history = 2;
	blocking = open_here(topic, "late", &options);
	for (uint64_t n = 0; n < 20; n++) {
		assert_next(none, n, 0);
		assert_next(all, n, 0);
		if (n >= 15)
			assert_next(five, n, 0);
		if (n >= 18)
			assert_next(blocking, n, 0);
	}
	assert_next(latest, 19, 0);
	publish(topic, 20);
	publish(topic, 21);
	assert_next(five, 20, 0);
	assert_next(latest, 21, 1);
	assert_next(blocking, 20, 0);
	assert_no_next(latest, -ETIMEDOUT);
	fastipc_topic_destroy(topic);
	assert_next(five, 21, 0);
	assert_no_next(five, -ENODATA);
	assert_no_next(latest, -ENODATA);
	fastipc_subscriber_close(none);
	fastipc_subscriber_close(five);
	fastipc_subscriber_close(all);
	fastipc_subscriber_close(latest);
	fastipc_subscriber_close(blocking);
}

/* History that is not there any more is not made up. */
static void long_history(void **state)
{
	struct fastipc_subscriber_options options = options_of(FASTIPC_BLOCK);
	struct fastipc_topic *topic = topic_make("long", 1 << 14);
	struct fastipc_buffer message = { 0 };
	struct fastipc_subscriber *subscriber;
	uint64_t lost, first;

	(void)state;
	for (uint64_t n = 0; n < 1000; n++)
		publish(topic, n);
	options.history = 500;
	subscriber = open_here(topic, "long", &options);
	assert_result(fastipc_subscriber_next(subscriber, &message, &lost,
					      soon()),
		      0);
	first = number_of(&message);
	assert_true(first > 900 && first < 990);
	assert_int_equal(lost, 0);
	for (uint64_t n = first + 1; n < 1000; n++)
		assert_next(subscriber, n, 0);
	assert_no_next(subscriber, -ETIMEDOUT);
	fastipc_buffer_free(&message);
	fastipc_subscriber_close(subscriber);
	fastipc_topic_destroy(topic);
}

static void sizes(void **state)
{
	struct fastipc_topic *topic = topic_make("sizes", 1 << 20);
	struct fastipc_subscriber *subscriber = open_here(topic, "sizes", NULL);
	uint32_t most = stats_of(topic).max_message;
	struct fastipc_buffer message = { 0 };

	(void)state;
	assert_int_equal(most, (1 << 18) - 16);
	assert_result(fastipc_publish(topic, bytes, most + 1, 0), -EMSGSIZE);
	for (uint64_t n = 0; n < 30; n++) {
		assert_result(fastipc_publish(topic, bytes,
					      make(n, most - n * 1001), 0),
			      0);
		assert_next(subscriber, n, 0);
	}
	assert_result(fastipc_publish(topic, NULL, 0, 0), 0);
	assert_result(fastipc_subscriber_next(subscriber, &message, NULL, 1),
		      0);
	assert_int_equal(message.size, 0);
	fastipc_subscriber_close(subscriber);
	fastipc_topic_destroy(topic);
}

/* ---- values ---- */

static int encode_numbered(const void *value, void *data, size_t capacity,
			   size_t *size)
{
	const uint64_t *number = value;

	*size = some_size(*number);
	if (*number == 13)
		return -EDOM;
	if (*size > capacity)
		return -EMSGSIZE;
	memcpy(data, bytes, make(*number, *size));
	return 0;
}

static void values(void **state)
{
	struct fastipc_subscriber_options options = options_of(FASTIPC_BLOCK);
	struct fastipc_topic *topic = topic_make("values", 1 << 12);
	struct fastipc_subscriber *subscriber;

	(void)state;
	options.checksum = FASTIPC_CHECKSUM_FULL;
	subscriber = open_here(topic, "values", &options);
	for (uint64_t n = 0; n < 5000; n++) {
		int error = fastipc_publish_value(topic, encode_numbered, &n,
						  soon());

		if (n == 13)
			assert_int_equal(error, -EDOM);
		else
			assert_result(error, 0);
		if (n != 13)
			assert_next(subscriber, n, 0);
	}
	fastipc_subscriber_close(subscriber);
	fastipc_topic_destroy(topic);
}

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
	assert_true(fastipc_now_ns() - start < 10 * SECOND);
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
	while (!(error = fastipc_publish(topic, bytes, make(n, 500), 1)))
		n++;
	since = fastipc_now_ns();
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
	options.connect_timeout_ns = 20 * SECOND;
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
			check(epoll_wait(loop, &event, 1, 20000) == 1);
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
static void read_slowly(struct fastipc_subscriber *subscriber,
			const void *argument)
{
	struct fastipc_subscriber_stats stats = { .size = sizeof(stats) };
	struct fastipc_buffer message = { 0 };

	for (uint64_t n = 0; n < 100; n++)
		check(!fastipc_subscriber_next(subscriber, &message, NULL,
					       soon()));
	check(fastipc_subscriber_next(subscriber, &message, NULL, soon()) ==
	      -ENODATA);
	check(!fastipc_subscriber_get_stats(subscriber, &stats));
	check(argument ? !stats.sleeps : stats.sleeps >= 1);
	fastipc_buffer_free(&message);
}

static void sleepers(void **state)
{
	struct fastipc_subscriber_options options =
		options_of(FASTIPC_DROP_OLDEST);
	struct fastipc_topic *topic = topic_make("sleepers", 1 << 16);
	pid_t pids[4];

	(void)state;
	options.wait = FASTIPC_WAIT_BLOCK;
	for (int i = 0; i < 4; i++)
		pids[i] = subscribe("sleepers", &options, read_slowly, NULL);
	await_subscribers(topic, 4);
	for (uint64_t n = 0; n < 100; n++) {
		publish(topic, n);
		usleep(500);
	}
	assert_true(stats_of(topic).wakes >= 4);
	fastipc_topic_destroy(topic);
	for (int i = 0; i < 4; i++)
		assert_ended_well(pids[i]);
}

static void spinner(void **state)
{
	struct fastipc_subscriber_options options =
		options_of(FASTIPC_DROP_OLDEST);
	struct fastipc_topic *topic = topic_make("spinner", 1 << 16);
	pid_t pid;

	(void)state;
	options.wait = FASTIPC_WAIT_SPIN;
	pid = subscribe("spinner", &options, read_slowly, topic);
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

static void beginnings(void **state)
{
	struct fastipc_topic *topic = topic_make("begin", 1 << 12), *other;
	struct fastipc_topic_options options;
	struct fastipc_subscriber *subscriber;
	struct fastipc_client *client;
	struct fastipc_server_info info;
	struct footprint before = footprint_now();
	pid_t pid;

	(void)state;
	assert_result(fastipc_topic_create("begin", NULL, &other), -EADDRINUSE);
	assert_result(fastipc_topic_create("kmod:x", NULL, &other),
		      -EOPNOTSUPP);
	fastipc_topic_options_init(&options);
	options.ring_size = 5000;
	assert_result(fastipc_topic_create("x", &options, &other), -EINVAL);
	assert_result(fastipc_subscriber_open("nobody", NULL, &subscriber),
		      -ENOENT);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		check(fastipc_client_connect("memfd:begin", NULL, &client) ==
		      -EPROTOTYPE);
		check(!fastipc_query("begin", soon(), &info));
		check(info.connections == 0 && info.pid == getppid());
		_exit(0);
	}
	while (!waitpid(pid, NULL, WNOHANG))
		fastipc_topic_dispatch(topic);
	fastipc_topic_dispatch(topic);
	fastipc_topic_destroy(topic);
	assert_true(footprint_now().descriptors < before.descriptors);
}

static void add_nothing(struct fastipc_server *server)
{
	(void)server;
}

static void server_is_no_topic(void **state)
{
	struct fastipc_subscriber *subscriber;
	struct server_process server;
	const struct service nothing = { .add = add_nothing };

	(void)state;
	server_start(&server, NULL, &nothing);
	assert_result(fastipc_subscriber_open(server.address, NULL,
					      &subscriber),
		      -EPROTOTYPE);
	server_stop(&server);
}

static void full(void **state)
{
	struct fastipc_topic_options options;
	struct fastipc_subscriber *one, *two = NULL;
	struct opening opening = { .name = "full" };
	struct fastipc_topic *topic;
	pthread_t thread;

	(void)state;
	fastipc_topic_options_init(&options);
	options.max_subscribers = 1;
	assert_result(fastipc_topic_create("full", &options, &topic), 0);
	one = open_here(topic, "full", NULL);
	assert_int_equal(pthread_create(&thread, NULL, open_one, &opening), 0);
	while (!stats_of(topic).refused)
		fastipc_topic_dispatch(topic);
	pthread_join(thread, NULL);
	assert_int_equal(opening.error, -EUSERS);
	fastipc_subscriber_close(one);
	await_subscribers(topic, 0);
	two = open_here(topic, "full", NULL);
	fastipc_subscriber_close(two);
	fastipc_topic_destroy(topic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(eight_that_block),
		footprint_test(eight_with_checksums),
		footprint_test(eight_that_miss_some),
		footprint_test(overwritten_while_copied),
		footprint_test(late_joiners),
		footprint_test(long_history),
		footprint_test(sizes),
		footprint_test(values),
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
		footprint_test(beginnings),
		footprint_test(server_is_no_topic),
		footprint_test(full),
	};

	return cmocka_run_group_tests(tests, runtime_directory_make,
				      runtime_directory_remove);
}
