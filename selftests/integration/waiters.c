// SPDX-License-Identifier: MIT
/*
 * Who waits, and what another thread does to that: it ends what is waited for,
 * has deadlines of its own, or sends what was queued.
 */
#include <poll.h>
#include <sys/mman.h>

#include "late_answers.h"

#define COUNT 20  /* a stream of MESSAGES, by callbacks */
#define NUDGE 21  /* a stream: the handler NUDGED sends a message on it */
#define NUDGED 22 /* while the worker is in the handler, from a thread */
#define READY 23  /* the stream COUNT has no room left: a number */

#define MESSAGES 40
#define SIZE 8000u

static struct server_process server;
static struct fastipc_client *client;

/* ---- the service ---- */

static struct fastipc_stream *nudge;
static uint32_t counted, stuck;
/* In memory that both processes have. */
static struct {
	uint32_t in_handler; /* NUDGED */
	uint32_t emptied;    /* the ring, by the client */
} * both;

static void count(void *context, struct fastipc_stream *stream)
{
	static const unsigned char bytes[SIZE];
	int error = 0;

	(void)context;
	while (counted < MESSAGES && !error) {
		error = fastipc_stream_write(stream, bytes, SIZE, 0, 0);
		counted += !error;
	}
	stuck += error == -EAGAIN;
	if (error)
		return;
	check(!fastipc_stream_finish(stream, 0, NULL, NULL, 0));
	fastipc_stream_close(stream);
}

static int on_count(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;

	fastipc_stream_options_init(&options);
	options.writable = count;
	stream = fastipc_request_stream(request, &options);
	check(stream);
	counted = stuck = 0;
	count(context, stream);
	return 0;
}

static int on_nudge(struct fastipc_request *request, void *context)
{
	(void)context;
	nudge = fastipc_request_stream(request, NULL);
	check(nudge);
	return 0;
}

static void *write_nudge(void *argument)
{
	check(!fastipc_stream_write(nudge, "x", 1, 0, soon()));
	return argument;
}

static int on_nudged(struct fastipc_request *request, void *context)
{
	uint64_t until = soon();
	pthread_t thread;

	(void)request;
	__atomic_store_n(&both->in_handler, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&both->emptied, __ATOMIC_ACQUIRE)) {
		check(fastipc_now_ns() < until);
		usleep(1000);
	}
	check(!pthread_create(&thread, NULL, write_nudge, context));
	check(!pthread_join(thread, NULL));
	return 0;
}

static int on_ready(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, &stuck, sizeof(stuck));
	return 0;
}

static void add_handlers(struct fastipc_server *added)
{
	add_late_handlers(added);
	check(!fastipc_server_add_handler(added, COUNT, on_count, NULL));
	check(!fastipc_server_add_handler(added, NUDGE, on_nudge, NULL));
	check(!fastipc_server_add_handler(added, NUDGED, on_nudged, NULL));
	check(!fastipc_server_add_handler(added, READY, on_ready, NULL));
}

static void stopped(void)
{
	fastipc_stream_close(nudge);
	end_late_answers();
}

static const struct service service = {
	.add = add_handlers,
	.stopped = stopped,
	.destroyed = release_at_the_end,
};

static void begin(void)
{
	both = mmap(NULL, sizeof(*both), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(both != MAP_FAILED);
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
}

static void end(void)
{
	fastipc_client_close(client);
	server_stop(&server);
	munmap(both, sizeof(*both));
}

/* ---- what is waited for ends by another thread ---- */

/* A thread that waits, until `until` at most: it is to return before. */
struct waiter {
	pthread_t thread;
	uint64_t id;
	struct fastipc_stream *stream;
	uint64_t until;
	int result;
	bool late;
};

static void begin_waiting(struct waiter *waiter, void *(*wait)(void *waiter))
{
	waiter->until = soon();
	assert_int_equal(pthread_create(&waiter->thread, NULL, wait, waiter),
			 0);
	/* It leads by then, and sleeps; if not, nothing is shown. */
	usleep(200000);
}

static void assert_woken(struct waiter *waiter, int result)
{
	assert_int_equal(pthread_join(waiter->thread, NULL), 0);
	assert_false(waiter->late);
	assert_int_equal(waiter->result, result);
}

static void *finish(void *argument)
{
	struct waiter *waiter = argument;

	waiter->result = fastipc_client_finish(client, waiter->id);
	waiter->late = fastipc_now_ns() >= waiter->until;
	return NULL;
}

static void cancelled_call(void **state)
{
	struct fastipc_call_options options;
	struct waiter waiter = { 0 };

	(void)state;
	begin();
	fastipc_call_options_init(&options);
	options.deadline = soon();
	assert_result(fastipc_client_start(client, HOLD, NULL, 0, &options,
					   &waiter.id),
		      0);
	begin_waiting(&waiter, finish);
	assert_result(fastipc_client_cancel(client, waiter.id), 0);
	assert_woken(&waiter, -ECANCELED);
	end();
}

static void *read_stream(void *argument)
{
	struct fastipc_buffer buffer = { 0 };
	struct waiter *waiter = argument;

	waiter->result =
		fastipc_stream_read(waiter->stream, &buffer, waiter->until);
	waiter->late = fastipc_now_ns() >= waiter->until;
	fastipc_buffer_free(&buffer);
	return NULL;
}

/* The server says nothing to it: it stands still. */
static void cancelled_stream(void **state)
{
	struct waiter waiter = { 0 };

	(void)state;
	begin();
	assert_result(fastipc_stream_open(client, NUDGE, NULL, 0, NULL,
					  &waiter.stream),
		      0);
	assert_result(fastipc_client_ping(client, soon(), NULL), 0);
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid);
	begin_waiting(&waiter, read_stream);
	fastipc_stream_cancel(waiter.stream);
	assert_woken(&waiter, -ECANCELED);
	assert_int_equal(kill(server.pid, SIGCONT), 0);
	fastipc_stream_close(waiter.stream);
	end();
}

/* ---- deadlines ---- */

static uint32_t told;

static void tell(void *context, int status, const void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	told = status == -ETIMEDOUT ? 1 : 2;
}

static void *wait_for_any(void *argument)
{
	struct waiter *waiter = argument;

	waiter->result = fastipc_client_wait(client, waiter->until);
	waiter->late = fastipc_now_ns() >= waiter->until;
	return NULL;
}

static void deadline_of_another(void **state)
{
	struct fastipc_call_options options;
	struct waiter waiter = { 0 };
	uint64_t id;

	(void)state;
	begin();
	told = 0;
	begin_waiting(&waiter, wait_for_any);
	fastipc_call_options_init(&options);
	options.done = tell;
	options.deadline = fastipc_after_ns(20 * MS);
	assert_result(
		fastipc_client_start(client, HOLD, NULL, 0, &options, &id), 0);
	assert_woken(&waiter, 1);
	assert_int_equal(told, 1);
	end();
}

/* ---- an event loop beside other threads ---- */

static void *loop(void *argument)
{
	struct pollfd pollfd = { .fd = fastipc_client_fd(client),
				 .events = POLLIN };
	struct waiter *waiter = argument;

	fastipc_client_dispatch(client);
	while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE) && !waiter->late) {
		poll(&pollfd, 1, PATIENCE_MS);
		fastipc_client_dispatch(client);
		waiter->late = fastipc_now_ns() >= waiter->until;
	}
	return NULL;
}

static void start_held(void (*done)(void *context, int status, const void *data,
				    size_t size),
		       uint64_t *id)
{
	struct fastipc_call_options options;

	fastipc_call_options_init(&options);
	options.done = done;
	assert_result(fastipc_client_start(client, HOLD, NULL, 0, &options, id),
		      0);
}

static void loop_and_caller(void **state)
{
	struct fastipc_client *other;
	struct waiter waiter = { 0 };
	uint64_t id;

	(void)state;
	begin();
	other = connect_with(server.address, NULL);
	told = 0;
	begin_waiting(&waiter, loop);
	start_held(tell, &id);
	/* It reads for all, as long as it lasts. */
	assert_result(fastipc_client_ping(client, soon(), NULL), 0);
	assert_int_equal(ask(other, RELEASE), 1);
	assert_woken(&waiter, 0);
	assert_int_equal(told, 2);
	fastipc_client_close(other);
	end();
}

/* It has dispatched, and goes to sleep: what comes for it wakes it. */
static void assert_loop_is_told(struct fastipc_client *other)
{
	struct pollfd pollfd = { .fd = fastipc_client_fd(client),
				 .events = POLLIN };
	struct waiter waiter = { .until = soon() };

	ask(other, RELEASE);
	assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
	loop(&waiter);
	assert_false(waiter.late);
	assert_int_equal(told, 2);
}

static void loop_begun_while_another_waits(void **state)
{
	struct fastipc_client *other;
	struct waiter waiter = { 0 };
	uint64_t id;

	(void)state;
	begin();
	other = connect_with(server.address, NULL);
	told = 0;
	start_held(tell, &id);
	start_held(NULL, &waiter.id);
	begin_waiting(&waiter, finish);
	assert_int_equal(fastipc_client_dispatch(client), 0);
	assert_result(fastipc_client_cancel(client, waiter.id), 0);
	assert_woken(&waiter, -ECANCELED);
	assert_loop_is_told(other);
	fastipc_client_close(other);
	end();
}

static uint32_t called, enough;

static void *call_until_enough(void *argument)
{
	struct waiter *waiter = argument;

	while (!waiter->result && !__atomic_load_n(&enough, __ATOMIC_ACQUIRE)) {
		char byte;
		struct fastipc_buffer reply = { .data = &byte,
						.capacity = 1,
						.fixed = true };

		waiter->result = fastipc_client_call(client, ECHO, "a", 1,
						     &reply, waiter->until);
		__atomic_fetch_add(&called, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Of its calls, some may go the quick way, and others not. */
static void loop_begun_while_another_calls(void **state)
{
	struct fastipc_client *other;

	(void)state;
	begin();
	other = connect_with(server.address, NULL);
	for (int i = 0; i < 50; i++) {
		struct waiter waiter = { .until = soon() };
		uint64_t id;

		fastipc_client_close(client);
		client = connect_with(server.address, NULL);
		told = called = enough = 0;
		start_held(tell, &id);
		assert_int_equal(pthread_create(&waiter.thread, NULL,
						call_until_enough, &waiter),
				 0);
		while (__atomic_load_n(&called, __ATOMIC_ACQUIRE) < 10)
			assert_true(fastipc_now_ns() < waiter.until);
		assert_int_equal(fastipc_client_dispatch(client), 0);
		__atomic_store_n(&enough, 1, __ATOMIC_RELEASE);
		assert_woken(&waiter, 0);
		assert_loop_is_told(other);
	}
	fastipc_client_close(other);
	end();
}

/* ---- callbacks, of which another thread sends what is queued ---- */

/* How many messages come until it has to wait longer than @patience. */
static uint32_t read_all(struct fastipc_stream *stream, uint64_t patience,
			 int expected)
{
	struct fastipc_buffer buffer = { 0 };
	uint32_t count = 0;
	int error;

	while (!(error = fastipc_stream_read(stream, &buffer,
					     fastipc_after_ns(patience))))
		count++;
	assert_int_equal(error, expected);
	fastipc_buffer_free(&buffer);
	return count;
}

static void callback_after_another_sent(void **state)
{
	struct fastipc_client_options options;
	struct fastipc_stream *stream, *nudged;
	struct fastipc_client *other;
	uint32_t count;

	(void)state;
	begin();
	/* So that no credit comes, which would make the worker look. */
	fastipc_client_close(client);
	fastipc_client_options_init(&options);
	options.stream_window = 4 * MESSAGES * SIZE;
	client = connect_with(server.address, &options);
	other = connect_with(server.address, NULL);
	assert_result(
		fastipc_stream_open(client, NUDGE, NULL, 0, NULL, &nudged), 0);
	assert_result(
		fastipc_stream_open(client, COUNT, NULL, 0, NULL, &stream), 0);
	while (!ask(other, READY))
		;
	/* The worker is in the handler when there is room in the ring. */
	assert_result(fastipc_client_post(client, NUDGED, NULL, 0, 0, soon()),
		      0);
	while (!__atomic_load_n(&both->in_handler, __ATOMIC_ACQUIRE))
		usleep(1000);
	count = read_all(stream, 100 * MS, -ETIMEDOUT);
	__atomic_store_n(&both->emptied, 1, __ATOMIC_RELEASE);
	count += read_all(stream, PATIENCE, -ENODATA);
	assert_int_equal(count, MESSAGES);
	fastipc_stream_close(stream);
	fastipc_stream_close(nudged);
	fastipc_client_close(other);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancelled_call),
		cmocka_unit_test(cancelled_stream),
		cmocka_unit_test(deadline_of_another),
		cmocka_unit_test(loop_and_caller),
		cmocka_unit_test(loop_begun_while_another_waits),
		cmocka_unit_test(loop_begun_while_another_calls),
		cmocka_unit_test(callback_after_another_sent),
	};

	return cmocka_run_group_tests_name("waiters", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
