// SPDX-License-Identifier: MIT
/*
 * A server that sends faster than its client takes: deadlines pass all the same,
 * and an event loop has its turn, also where another thread calls.
 */
#include "stream_service.h"

#define HOLD 20 /* answered when the server stops */
#define HELD_MOST 8
#define TIMEOUT (200 * MS)
/* Each keeps its reader for a while. */
#define MESSAGES 5000
#define WHILE_US 1000
/* Of credit, for 256 of them. */
#define WINDOW 32768u

static struct server_process server;
static struct fastipc_client *client;
static struct fastipc_stream *stream;
static uint32_t received;
static struct fastipc_request *held[HELD_MOST];
static unsigned int held_count;

static int on_hold(struct fastipc_request *request, void *context)
{
	(void)context;
	check(held_count < HELD_MOST);
	held[held_count] = fastipc_request_defer(request);
	check(held[held_count++]);
	return 0;
}

static void release(void)
{
	while (held_count)
		fastipc_request_reply(held[--held_count], "", 0);
}

static void add_all(struct fastipc_server *made)
{
	add_stream_handlers(made);
	check(!fastipc_server_add_handler(made, HOLD, on_hold, NULL));
}

static const struct service service = {
	.add = add_all,
	.stopped = release,
	.destroyed = end_streams,
};

static void take_slowly(void *context, struct fastipc_stream *from,
			const void *data, size_t size)
{
	(void)context;
	(void)from;
	(void)data;
	(void)size;
	__atomic_fetch_add(&received, 1, __ATOMIC_SEQ_CST);
	usleep(WHILE_US);
}

static void begin_with(uint32_t window, uint32_t count)
{
	const struct count_up order = { .count = count, .size = 64 };
	struct fastipc_client_options client_options;
	struct fastipc_stream_options options;

	server_start(&server, NULL, &service);
	fastipc_client_options_init(&client_options);
	client_options.stream_window = window;
	client = connect_with(server.address, &client_options);
	received = 0;
	fastipc_stream_options_init(&options);
	options.message = take_slowly;
	assert_result(fastipc_stream_open(client, COUNT_UP, &order,
					  sizeof(order), &options, &stream),
		      0);
}

static void begin(void)
{
	begin_with(256u << 10, MESSAGES);
}

static void end(void)
{
	/* There was more, all the time. */
	assert_true(received < MESSAGES);
	fastipc_stream_close(stream);
	fastipc_client_close(client);
	server_stop(&server);
}

static void calls_end(void **state)
{
	(void)state;
	begin();
	assert_result(fastipc_client_call(client, HOLD, NULL, 0, NULL,
					  fastipc_after_ns(TIMEOUT)),
		      -ETIMEDOUT);
	end();
}

static void note(void *context, int status, const void *data, size_t size)
{
	int *noted = context;

	(void)data;
	(void)size;
	*noted = status;
}

static void start_call(int *status)
{
	struct fastipc_call_options options;
	uint64_t id;

	*status = 1;
	fastipc_call_options_init(&options);
	options.done = note;
	options.context = status;
	options.deadline = fastipc_after_ns(TIMEOUT);
	assert_result(
		fastipc_client_start(client, HOLD, NULL, 0, &options, &id), 0);
}

static void callbacks_come(void **state)
{
	int status;

	(void)state;
	begin();
	start_call(&status);
	while (status == 1)
		assert_true(fastipc_client_wait(client, soon()) > 0);
	assert_int_equal(status, -ETIMEDOUT);
	end();
}

static void event_loop_turns(void **state)
{
	uint64_t next, now;
	int status;

	(void)state;
	begin();
	start_call(&status);
	while (status == 1) {
		struct pollfd pollfd = { .fd = fastipc_client_fd(client),
					 .events = POLLIN };

		assert_true(fastipc_client_dispatch(client) >= 0);
		next = fastipc_client_next_deadline(client);
		now = fastipc_now_ns();
		if (next > now)
			poll(&pollfd, 1, (int)((next - now) / MS) + 1);
	}
	assert_int_equal(status, -ETIMEDOUT);
	end();
}

/* What is left is taken by the next dispatch, which is due at once. */
static void nothing_is_left(void **state)
{
	unsigned int turns = 0;

	(void)state;
	begin();
	while (received < MESSAGES / 10) {
		struct pollfd pollfd = { .fd = fastipc_client_fd(client),
					 .events = POLLIN };
		uint64_t next;

		assert_true(fastipc_client_dispatch(client) >= 0);
		turns++;
		next = fastipc_client_next_deadline(client);
		assert_true(!next || next < fastipc_now_ns());
		if (!next)
			assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
	}
	assert_true(turns > 1);
	end();
}

/* ---- a loop in another thread ---- */

static int end_of_loop[2];
/* 1: it is to stand still; 2: it does. */
static uint32_t standstill;

static void stand_still(void)
{
	if (!__atomic_load_n(&standstill, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&standstill, 2, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&standstill, __ATOMIC_SEQ_CST))
		usleep(1000);
}

/* It comes back only when it is told. */
static void *loop(void *unused)
{
	struct pollfd pollfds[] = {
		{ .fd = fastipc_client_fd(client), .events = POLLIN },
		{ .fd = end_of_loop[0], .events = POLLIN },
	};

	(void)unused;
	while (!pollfds[1].revents) {
		check(fastipc_client_dispatch(client) >= 0);
		stand_still();
		poll(pollfds, 2,
		     fastipc_client_next_deadline(client) ? 0 : PATIENCE_MS);
	}
	return NULL;
}

static pthread_t start_loop(void)
{
	pthread_t thread;

	assert_int_equal(pipe(end_of_loop), 0);
	assert_int_equal(pthread_create(&thread, NULL, loop, NULL), 0);
	return thread;
}

static void end_loop(pthread_t thread)
{
	close(end_of_loop[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(end_of_loop[0]);
}

static uint32_t received_now(void)
{
	return __atomic_load_n(&received, __ATOMIC_SEQ_CST);
}

static void await_received(uint32_t count)
{
	uint64_t until = soon();

	while (received_now() < count) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
}

static void call_in_vain(void)
{
	assert_result(fastipc_client_call(client, HOLD, NULL, 0, NULL,
					  fastipc_after_ns(TIMEOUT)),
		      -ETIMEDOUT);
}

/* Who calls leaves to the loop what comes next. */
static void calls_leave(void **state)
{
	pthread_t thread;

	(void)state;
	begin_with(WINDOW, MESSAGES);
	thread = start_loop();
	for (int i = 0; i < 2; i++) {
		uint64_t until = soon();

		await_received(received_now() + 10);
		/* Were it quick, it would lead all the time. */
		__atomic_store_n(&standstill, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&standstill, __ATOMIC_SEQ_CST) == 1)
			assert_true(fastipc_now_ns() < until);
		call_in_vain();
		assert_true(received_now() < MESSAGES);
		__atomic_store_n(&standstill, 0, __ATOMIC_SEQ_CST);
		/* More than has been there. */
		await_received(received_now() + 2 * WINDOW / 128);
	}
	end_loop(thread);
	end();
}

/* What has been there, and of which nobody tells any more, is not forgotten. */
static void all_is_taken(void **state)
{
	const uint32_t fit = (256u << 10) / 128;
	pthread_t thread;

	(void)state;
	begin_with(256u << 10, fit);
	/* It has written all. */
	usleep(300000);
	thread = start_loop();
	call_in_vain();
	await_received(fit);
	end_loop(thread);
	fastipc_stream_close(stream);
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_end),
		cmocka_unit_test(callbacks_come),
		cmocka_unit_test(event_loop_turns),
		cmocka_unit_test(nothing_is_left),
		cmocka_unit_test(calls_leave),
		cmocka_unit_test(all_is_taken),
	};

	return cmocka_run_group_tests_name("busy_server", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
