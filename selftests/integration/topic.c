// SPDX-License-Identifier: MIT
/*
 * Topics between processes: one publisher, and subscribers that keep up, that
 * do not, and that come late.
 */
#include "topic_pair.h"

#define SUBSCRIBERS 8

/* ---- eight that get everything ---- */

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
	for (uint64_t n = 0; n < 100 || fastipc_now_ns() < until; n++) {
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

static void beginnings(void **state)
{
	struct fastipc_topic *topic = topic_make("begin", 1 << 12), *other;
	struct fastipc_topic_options options;
	struct fastipc_subscriber *subscriber;
	struct fastipc_client *client;
	struct fastipc_server_info info;
	struct footprint before = footprint_now();
	int status;
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
	while (!waitpid(pid, &status, WNOHANG))
		fastipc_topic_dispatch(topic);
	assert_int_equal(status, 0);
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
		footprint_test(beginnings),
		footprint_test(server_is_no_topic),
		footprint_test(full),
	};

	return cmocka_run_group_tests(tests, runtime_directory_make,
				      runtime_directory_remove);
}
