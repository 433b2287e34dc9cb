// SPDX-License-Identifier: MIT
/*
 * Many calls in flight on one connection: their replies in any order, by
 * waiting or by callback; cancelling, deadlines, one-way messages.
 */
#include "late_answers.h"

#define CALLS 500

static void start_many(struct fastipc_client *client, uint16_t type,
		       size_t largest)
{
	static struct fastipc_buffer replies[CALLS];
	static unsigned char data[300000];
	uint64_t ids[CALLS];
	struct fastipc_call_options call;

	fastipc_call_options_init(&call);
	call.deadline = soon();
	for (unsigned int i = 0; i < CALLS; i++) {
		size_t size = i * 7919 % (largest + 1);

		fill(data, size, i);
		call.reply = &replies[i];
		call.flags = i % 3 ? FASTIPC_MORE : 0;
		assert_result(fastipc_client_start(client, type, data, size,
						   &call, &ids[i]),
			      0);
	}
	for (unsigned int n = 0; n < CALLS; n++) {
		unsigned int i = n * 7 % CALLS;
		size_t size = i * 7919 % (largest + 1);

		assert_result(fastipc_client_finish(client, ids[i]), 0);
		assert_result(fastipc_client_finish(client, ids[i]), -ENOENT);
		fill(data, size, i);
		assert_int_equal(replies[i].size, size);
		if (size)
			assert_memory_equal(replies[i].data, data, size);
		fastipc_buffer_free(&replies[i]);
	}
}

static void calls_started_and_finished(void **state)
{
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	start_many(client, ECHO, 100);
	start_many(client, LATER, 100);
	start_many(client, ECHO, 40000);
	start_many(client, LATER, 40000);
	fastipc_client_close(client);
	server_stop(&server);
}

static void small_rings_in_flight(void **state)
{
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	fastipc_server_options_init(&server_options);
	server_options.ring_size = 4096;
	server_start(&server, &server_options, &late_service);
	fastipc_client_options_init(&options);
	options.ring_size = 4096;
	client = connect_with(server.address, &options);
	start_many(client, ECHO, 3000);
	start_many(client, LATER, 3000);
	fastipc_client_close(client);
	server_stop(&server);
}

/* ---- callbacks ---- */

struct round {
	struct fastipc_client *client;
	unsigned int left; /* calls to start from callbacks */
	unsigned int done;
	unsigned int wrong;
	int last;
};

static void again(struct round *round);

static void on_done(void *context, int status, const void *data, size_t size)
{
	struct round *round = context;

	round->last = status;
	round->done++;
	if (status || size != 5 || memcmp(data, "hello", 5) != 0)
		round->wrong++;
	/* It must not wait: the library says so, and goes on. */
	if (fastipc_client_call(round->client, ECHO, "x", 1, NULL, soon()) !=
	    -EDEADLK)
		round->wrong++;
	if (round->left) {
		round->left--;
		again(round);
	}
}

static void again(struct round *round)
{
	struct fastipc_call_options call;
	uint64_t id;

	fastipc_call_options_init(&call);
	call.done = on_done;
	call.context = round;
	call.deadline = soon();
	if (fastipc_client_start(round->client, LATER, "hello", 5, &call, &id))
		round->wrong++;
}

static void callbacks_start_calls(void **state)
{
	struct round round = { .left = 300 };
	struct server_process server;

	(void)state;
	server_start(&server, NULL, &late_service);
	round.client = connect_with(server.address, NULL);
	for (int i = 0; i < 50; i++)
		again(&round);
	while (round.done < 350)
		assert_true(fastipc_client_wait(round.client, soon()) > 0);
	assert_int_equal(round.done, 350);
	assert_int_equal(round.wrong, 0);
	assert_result(fastipc_client_wait(round.client,
					  fastipc_after_ns(5 * MS)),
		      -ETIMEDOUT);
	fastipc_client_close(round.client);
	server_stop(&server);
}

static void note_status(void *context, int status, const void *data,
			size_t size)
{
	int **next = context;

	(void)data;
	(void)size;
	*(*next)++ = status;
}

static void closing_cancels(void **state)
{
	int statuses[20], *next = statuses;
	struct fastipc_call_options call;
	struct server_process server;
	struct fastipc_client *client;
	uint64_t id, until = soon();

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	fastipc_call_options_init(&call);
	/* Ten with a callback, ten that nobody finishes. */
	for (int i = 0; i < 20; i++) {
		call.done = i % 2 ? note_status : NULL;
		call.context = &next;
		assert_result(fastipc_client_start(client, HOLD, "", 0, &call,
						   &id),
			      0);
	}
	assert_int_equal(ask(client, CANCELLED), 0);
	fastipc_client_close(client);
	assert_int_equal(next - statuses, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(statuses[i], -ECANCELED);
	/* The server learns of it, too. */
	client = connect_with(server.address, NULL);
	while (ask(client, CANCELLED) != 20) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
	fastipc_client_close(client);
	server_stop(&server);
}

/* ---- giving up ---- */

static void cancelled_calls(void **state)
{
	int status = 1, *next = &status;
	struct fastipc_call_options call;
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct server_process server;
	struct fastipc_client *client;
	uint64_t waited, called_back;

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	fastipc_call_options_init(&call);
	assert_result(fastipc_client_start(client, HOLD, "", 0, &call, &waited),
		      0);
	call.done = note_status;
	call.context = &next;
	assert_result(fastipc_client_start(client, HOLD, "", 0, &call,
					   &called_back),
		      0);
	assert_int_equal(ask(client, CANCELLED), 0);
	assert_result(fastipc_client_cancel(client, waited), 0);
	assert_result(fastipc_client_cancel(client, waited), -ENOENT);
	assert_int_equal(ask(client, CANCELLED), 1);
	assert_result(fastipc_client_cancel(client, called_back), 0);
	assert_int_equal(status, -ECANCELED);
	assert_result(fastipc_client_cancel(client, called_back), -ENOENT);
	assert_result(fastipc_client_finish(client, called_back), -ENOENT);
	assert_result(fastipc_client_finish(client, waited), -ECANCELED);
	assert_int_equal(ask(client, CANCELLED), 2);
	/* Their replies come all the same, and meet nobody. */
	assert_int_equal(ask(client, RELEASE), 2);
	assert_int_equal(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.late_replies, 2);
	fastipc_client_close(client);
	server_stop(&server);
}

static void deadlines_end_calls(void **state)
{
	int status = 1, *next = &status;
	struct fastipc_call_options call;
	struct server_process server;
	struct fastipc_client *client;
	uint64_t start, id;

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	start = fastipc_now_ns();
	assert_result(fastipc_client_call(client, HOLD, "a", 1, NULL,
					  start + 30 * MS),
		      -ETIMEDOUT);
	assert_true(fastipc_now_ns() >= start + 30 * MS);
	assert_true(fastipc_now_ns() < start + PATIENCE);
	assert_int_equal(ask(client, CANCELLED), 1);
	/* One that has passed before. */
	assert_result(fastipc_client_call(client, HOLD, "a", 1, NULL, 1),
		      -ETIMEDOUT);
	/* By a callback, and by finish. */
	fastipc_call_options_init(&call);
	call.deadline = fastipc_after_ns(20 * MS);
	call.done = note_status;
	call.context = &next;
	assert_result(fastipc_client_start(client, HOLD, "", 0, &call, &id), 0);
	assert_int_equal(fastipc_client_next_deadline(client), call.deadline);
	assert_int_equal(fastipc_client_wait(client, soon()), 1);
	assert_int_equal(status, -ETIMEDOUT);
	assert_int_equal(fastipc_client_next_deadline(client), 0);
	call.done = NULL;
	call.deadline = fastipc_after_ns(20 * MS);
	assert_result(fastipc_client_start(client, HOLD, "", 0, &call, &id), 0);
	assert_result(fastipc_client_finish(client, id), -ETIMEDOUT);
	assert_result(fastipc_client_finish(client, id), -ENOENT);
	assert_int_equal(ask(client, CANCELLED), 4);
	assert_int_equal(ask(client, RELEASE), 4);
	assert_result(fastipc_client_call(client, ECHO, "a", 1, NULL, soon()),
		      0);
	fastipc_client_close(client);
	server_stop(&server);
}

static void too_many_calls(void **state)
{
	struct fastipc_client_options options;
	struct fastipc_call_options call;
	struct server_process server;
	struct fastipc_client *client;
	uint64_t ids[8], id;

	(void)state;
	server_start(&server, NULL, &late_service);
	fastipc_client_options_init(&options);
	options.max_calls = 8;
	client = connect_with(server.address, &options);
	fastipc_call_options_init(&call);
	for (int i = 0; i < 8; i++)
		assert_result(fastipc_client_start(client, HOLD, "", 0, &call,
						   &ids[i]),
			      0);
	assert_result(fastipc_client_start(client, HOLD, "", 0, &call, &id),
		      -EBUSY);
	assert_result(fastipc_client_call(client, ECHO, "", 0, NULL, soon()),
		      -EBUSY);
	assert_result(fastipc_client_cancel(client, ids[3]), 0);
	/* It keeps its place until it is finished. */
	assert_result(fastipc_client_call(client, ECHO, "", 0, NULL, soon()),
		      -EBUSY);
	assert_result(fastipc_client_finish(client, ids[3]), -ECANCELED);
	assert_result(fastipc_client_call(client, ECHO, "", 0, NULL, soon()),
		      0);
	assert_int_equal(ask(client, RELEASE), 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(fastipc_client_finish(client, ids[i]),
				 i == 3 ? -ENOENT : 0);
	fastipc_client_close(client);
	server_stop(&server);
}

/* ---- one way ---- */

static struct notes noted(struct fastipc_client *client)
{
	struct notes notes;

	ask_for(client, NOTED, &notes, sizeof(notes));
	return notes;
}

static void one_way_messages(void **state)
{
	static unsigned char data[600000];
	const size_t sizes[] = { 0, 1, 64, 5000, 17000, 300000, 600000 };
	struct notes expected = { 0 }, notes;
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	for (unsigned int i = 0; i < 2000; i++) {
		size_t size = sizes[i % 100 < 93 ? i % 3 : i % 7];

		fill(data, size, i);
		assert_result(fastipc_client_post(client, NOTE, data, size,
						  i % 4 ? FASTIPC_MORE : 0,
						  soon()),
			      0);
		expected.count++;
		expected.bytes += size;
		for (size_t at = 0; at < size; at++)
			expected.sum = expected.sum * 31 + data[at];
	}
	/* A call comes after what was posted before it. */
	notes = noted(client);
	assert_int_equal(notes.count, expected.count);
	assert_int_equal(notes.bytes, expected.bytes);
	assert_int_equal(notes.sum, expected.sum);
	fastipc_client_close(client);
	server_stop(&server);
}

/* Nobody waits for what a thread answers to those, and nothing is sent. */
static void answers_to_one_way_messages(void **state)
{
	static unsigned char data[600000];
	const size_t sizes[] = { 1, 17000, 70000, 600000 };
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_result(fastipc_client_post(client, LATER, data, sizes[i],
						  0, soon()),
			      0);
	/* As large: behind what is sent before. */
	for (int i = 0; i < 5; i++)
		assert_result(fastipc_client_call(client, LATER, data,
						  sizeof(data), NULL, soon()),
			      0);
	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.replies, 5);
	assert_int_equal(stats.late_replies, 0);
	fastipc_client_close(client);
	server_stop(&server);
}

static void unpublished_until_flushed(void **state)
{
	struct server_process server;
	struct fastipc_client *client, *other;
	uint64_t until = soon();

	(void)state;
	server_start(&server, NULL, &late_service);
	client = connect_with(server.address, NULL);
	other = connect_with(server.address, NULL);
	for (int i = 0; i < 10; i++)
		assert_result(fastipc_client_post(client, NOTE, "a", 1,
						  FASTIPC_MORE, soon()),
			      0);
	usleep(2000);
	assert_int_equal(noted(other).count, 0);
	assert_result(fastipc_client_flush(client), 0);
	while (noted(other).count != 10 && fastipc_now_ns() < until)
		usleep(1000);
	assert_int_equal(noted(other).count, 10);
	fastipc_client_close(client);
	fastipc_client_close(other);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_started_and_finished),
		cmocka_unit_test(small_rings_in_flight),
		cmocka_unit_test(callbacks_start_calls),
		cmocka_unit_test(closing_cancels),
		cmocka_unit_test(cancelled_calls),
		cmocka_unit_test(deadlines_end_calls),
		cmocka_unit_test(too_many_calls),
		cmocka_unit_test(one_way_messages),
		cmocka_unit_test(answers_to_one_way_messages),
		cmocka_unit_test(unpublished_until_flushed),
	};

	return cmocka_run_group_tests_name("inflight", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
