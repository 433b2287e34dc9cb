// SPDX-License-Identifier: MIT
/*
 * Streams between two processes: in each direction and in both, their ends,
 * and what a slow, cancelled or dead peer does to them.
 */
#include <poll.h>

#include "stream_service.h"

static struct server_process server;
static struct fastipc_client *client;

static void begin(void)
{
	server_start(&server, NULL, &stream_service);
	client = connect_with(server.address, NULL);
}

/* Nothing is left of any stream. */
static void end(void)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	uint64_t until = soon();

	while (state_of(client).threads) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.streams, 0);
	fastipc_client_close(client);
	server_stop(&server);
}

static void assert_message(struct fastipc_stream *stream, const void *data,
			   size_t size)
{
	struct fastipc_buffer buffer = { 0 };

	assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
	assert_int_equal(buffer.size, size);
	if (size)
		assert_memory_equal(buffer.data, data, size);
	fastipc_buffer_free(&buffer);
}

static void read_counted(struct fastipc_stream *stream, uint32_t count,
			 uint32_t size)
{
	unsigned char *data = malloc(size + 1ul);
	struct fastipc_buffer buffer = { 0 };

	assert_non_null(data);
	for (uint32_t i = 0; i < count; i++) {
		assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
		assert_int_equal(buffer.size, size);
		fill(data, size, i);
		if (size)
			assert_memory_equal(buffer.data, data, size);
	}
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -ENODATA);
	fastipc_buffer_free(&buffer);
	free(data);
}

static void server_streams(void **state)
{
	const struct count_up orders[] = { { 1000, 20 },   { 0, 0 },
					   { 300, 16352 }, { 3, 0 },
					   { 200, 16353 }, { 100, 100000 } };

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct fastipc_stream *stream = open_stream(
			client, COUNT_UP, &orders[i], sizeof(orders[i]));

		assert_result(fastipc_stream_finish(stream, 0, NULL, NULL, 0),
			      0);
		read_counted(stream, orders[i].count, orders[i].size);
		fastipc_stream_close(stream);
	}
	end();
}

static void client_streams(void **state)
{
	const struct count_up orders[] = { { 1000, 20 },
					   { 0, 0 },
					   { 300, 16352 },
					   { 3, 0 },
					   { 100, 100000 } };

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct fastipc_stream *stream =
			open_stream(client, SUM, NULL, 0);
		unsigned char *data = malloc(orders[i].size + 1ul);
		struct fastipc_buffer buffer = { 0 };
		struct fastipc_stream_end stream_end;
		struct sum expected = { 0 }, got;

		assert_non_null(data);
		assert_result(fastipc_stream_status(stream, &stream_end),
			      -EAGAIN);
		for (uint32_t n = 0; n < orders[i].count; n++) {
			fill(data, orders[i].size, n);
			for (uint32_t j = 0; j < orders[i].size; j++)
				expected.sum = expected.sum * 31 + data[j];
			expected.messages++;
			expected.bytes += orders[i].size;
			assert_result(fastipc_stream_write(
					      stream, data, orders[i].size,
					      n % 3 ? FASTIPC_MORE : 0, soon()),
				      0);
		}
		assert_result(fastipc_stream_finish(stream, 0, NULL, NULL, 0),
			      0);
		assert_result(fastipc_stream_write(stream, "x", 1, 0, soon()),
			      -EALREADY);
		assert_result(fastipc_stream_read(stream, &buffer, soon()),
			      -ENODATA);
		assert_result(fastipc_stream_status(stream, &stream_end), 0);
		assert_int_equal(stream_end.status, 0);
		assert_string_equal(stream_end.text, "summed");
		assert_int_equal(stream_end.size, sizeof(got));
		memcpy(&got, stream_end.trailers, sizeof(got));
		assert_memory_equal(&got, &expected, sizeof(got));
		fastipc_stream_close(stream);
		free(data);
	}
	end();
}

static void mirror(uint16_t type)
{
	struct fastipc_stream *stream = open_stream(client, type, NULL, 0);
	unsigned char data[5000];

	for (uint32_t i = 0; i < 500; i++) {
		uint32_t size = i * 97 % sizeof(data);

		fill(data, size, i);
		assert_result(
			fastipc_stream_write(stream, data, size, 0, soon()), 0);
		assert_message(stream, data, size);
	}
	/* Many under way. */
	for (uint32_t i = 0; i < 100; i++) {
		fill(data, 1000, i);
		assert_result(
			fastipc_stream_write(stream, data, 1000, 0, soon()), 0);
	}
	assert_result(fastipc_stream_finish(stream, 0, NULL, NULL, 0), 0);
	read_counted(stream, 100, 1000);
	fastipc_stream_close(stream);
}

static void both_ways(void **state)
{
	(void)state;
	begin();
	mirror(MIRROR);
	mirror(MIRROR_THREAD);
	end();
}

static void typed_errors(void **state)
{
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_stream_end stream_end;
	struct fastipc_stream *stream;

	(void)state;
	begin();
	stream = open_stream(client, TYPED_ERROR, NULL, 0);
	assert_message(stream, "one", 3);
	assert_message(stream, "two", 3);
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -EDOM);
	assert_non_null(strstr(fastipc_error_detail(), "out of range"));
	assert_result(fastipc_stream_status(stream, &stream_end), 0);
	assert_int_equal(stream_end.status, -EDOM);
	assert_string_equal(stream_end.text, "out of range");
	assert_int_equal(stream_end.size, 3);
	assert_memory_equal(stream_end.trailers, "\1\2\3", 3);
	assert_result(fastipc_stream_write(stream, "x", 1, 0, soon()), -EDOM);
	fastipc_stream_close(stream);

	stream = open_stream(client, FAILED, NULL, 0);
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -EXDEV);
	fastipc_stream_close(stream);
	stream = open_stream(client, 4711, NULL, 0);
	assert_result(fastipc_stream_read(stream, &buffer, soon()),
		      -EOPNOTSUPP);
	fastipc_stream_close(stream);
	stream = open_stream(client, ANSWERED, "hello", 5);
	assert_message(stream, "hello", 5);
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -ENODATA);
	fastipc_stream_close(stream);
	fastipc_buffer_free(&buffer);
	end();
}

/* ---- many, and slow ones ---- */

#define MANY 150

static void many_streams(void **state)
{
	const struct count_up order = { 60, 8000 };
	struct fastipc_stream *streams[MANY];
	struct fastipc_buffer buffer = { 0 };
	unsigned char data[8000];

	(void)state;
	begin();
	for (int i = 0; i < MANY; i++)
		streams[i] =
			open_stream(client, COUNT_UP, &order, sizeof(order));
	for (uint32_t n = 0; n < order.count; n++)
		for (int i = 0; i < MANY; i++) {
			assert_result(fastipc_stream_read(streams[i], &buffer,
							  soon()),
				      0);
			fill(data, sizeof(data), n);
			assert_int_equal(buffer.size, sizeof(data));
			assert_memory_equal(buffer.data, data, sizeof(data));
		}
	for (int i = 0; i < MANY; i++) {
		assert_result(fastipc_stream_read(streams[i], &buffer, soon()),
			      -ENODATA);
		fastipc_stream_close(streams[i]);
	}
	fastipc_buffer_free(&buffer);
	end();
}

/* As many as the server allows, and again when they have ended. */
static void no_more_than_allowed(void **state)
{
	struct fastipc_server_options options;
	struct fastipc_stream *streams[5], *more;

	(void)state;
	fastipc_server_options_init(&options);
	options.max_streams = 5;
	server_start(&server, &options, &stream_service);
	client = connect_with(server.address, NULL);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5; i++)
			streams[i] = open_stream(client, SUM, NULL, 0);
		assert_result(fastipc_stream_open(client, SUM, NULL, 0, NULL,
						  &more),
			      -EUSERS);
		for (int i = 0; i < 5; i++) {
			struct fastipc_buffer buffer = { 0 };

			fastipc_stream_finish(streams[i], 0, NULL, NULL, 0);
			assert_result(fastipc_stream_read(streams[i], &buffer,
							  soon()),
				      -ENODATA);
			fastipc_stream_close(streams[i]);
		}
	}
	end();
}

/* Twenty readers that do not read: the others notice nothing. */
static void slow_readers_stall_themselves(void **state)
{
	const struct count_up endless = { 1000000, 10000 };
	const struct count_up order = { 300, 10000 };
	struct fastipc_stream *slow[20];

	(void)state;
	begin();
	for (int i = 0; i < 20; i++)
		slow[i] = open_stream(client, COUNT_UP, &endless,
				      sizeof(endless));
	for (int round = 0; round < 3; round++) {
		struct fastipc_stream *stream =
			open_stream(client, COUNT_UP, &order, sizeof(order));

		read_counted(stream, order.count, order.size);
		fastipc_stream_close(stream);
		assert_int_equal(state_of(client).threads >= 20, 1);
	}
	for (int i = 0; i < 20; i++)
		fastipc_stream_close(slow[i]);
	end();
}

/* A writer whose peer does not read waits until its deadline, no longer. */
static void writers_wait_for_credit(void **state)
{
	static const unsigned char data[60000];
	struct fastipc_stream *stream;
	uint64_t sent = 0;
	int error;

	(void)state;
	begin();
	/* Nobody reads what it sends. */
	stream = open_stream(client, COUNT_UP,
			     (struct count_up[]){ { 1u << 30, 100 } },
			     sizeof(struct count_up));
	while (!(error = fastipc_stream_write(stream, data, sizeof(data), 0,
					      fastipc_after_ns(2 * SECOND))))
		sent += sizeof(data);
	assert_int_equal(error, -ETIMEDOUT);
	assert_in_range(sent, 100000, 256 << 10);
	assert_result(
		fastipc_stream_write(stream, data,
				     fastipc_stream_message_max(stream) + 1, 0,
				     soon()),
		-EMSGSIZE);
	fastipc_stream_close(stream);
	end();
}

/* ---- other threads ---- */

static void *use_streams(void *argument)
{
	const struct count_up order = { 100, 3000 };
	int *errors = argument;

	for (int i = 0; i < 10; i++) {
		struct fastipc_buffer buffer = { 0 };
		struct fastipc_stream *stream;
		uint32_t count = 0;
		int error;

		error = fastipc_stream_open(client, COUNT_UP, &order,
					    sizeof(order), NULL, &stream);
		while (!error &&
		       !(error = fastipc_stream_read(stream, &buffer, soon())))
			count++;
		if (error != -ENODATA || count != order.count)
			__atomic_fetch_add(errors, 1, __ATOMIC_RELAXED);
		fastipc_buffer_free(&buffer);
		fastipc_stream_close(stream);
		error = fastipc_stream_open(client, SUM, NULL, 0, NULL,
					    &stream);
		for (int n = 0; n < 100 && !error; n++)
			error = fastipc_stream_write(stream, &order,
						     sizeof(order), 0, soon());
		if (error || fastipc_stream_finish(stream, 0, NULL, NULL, 0) ||
		    fastipc_stream_read(stream, &buffer, soon()) != -ENODATA)
			__atomic_fetch_add(errors, 1, __ATOMIC_RELAXED);
		fastipc_stream_close(stream);
	}
	return NULL;
}

static void threads_share_a_connection(void **state)
{
	pthread_t threads[8];
	int errors = 0;

	(void)state;
	begin();
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_streams,
						&errors),
				 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(errors, 0);
	end();
}

/* Large messages each way in one thread, small calls in this one. */
static void *call_large(void *argument)
{
	const uint32_t size = 10u << 20;
	unsigned char *data = malloc(size);
	struct fastipc_buffer reply = { 0 };
	int *done = argument;

	for (int i = 0; i < 4; i++) {
		int error;

		fill(data, size, size);
		error = i % 2 ? fastipc_client_call(client, LARGE, &size,
						    sizeof(size), &reply,
						    soon())
			      : fastipc_client_call(client, UNARY_ECHO, data,
						    size, &reply, soon());
		if (error || reply.size != size ||
		    memcmp(reply.data, data, size) != 0) {
			__atomic_store_n(done, -1, __ATOMIC_RELEASE);
			break;
		}
	}
	fastipc_buffer_free(&reply);
	free(data);
	__atomic_fetch_add(done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void small_calls_between_large(void **state)
{
	struct fastipc_buffer reply = { 0 };
	pthread_t thread;
	unsigned int calls = 0;
	int done = 0;

	(void)state;
	begin();
	assert_int_equal(pthread_create(&thread, NULL, call_large, &done), 0);
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		unsigned char data[64];

		fill(data, sizeof(data), calls++);
		assert_result(fastipc_client_call(client, UNARY_ECHO, data,
						  sizeof(data), &reply, soon()),
			      0);
		assert_int_equal(reply.size, sizeof(data));
		assert_memory_equal(reply.data, data, sizeof(data));
	}
	pthread_join(thread, NULL);
	assert_int_equal(done, 1);
	fastipc_buffer_free(&reply);
	end();
}

/* ---- deadlines, cancelling, dying ---- */

static void deadlines_shrink(void **state)
{
	struct fastipc_stream_options options;
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_stream *stream;
	uint64_t left = 0, before = fastipc_now_ns();
	struct fastipc_buffer reply = { .data = &left,
					.capacity = sizeof(left),
					.fixed = true };

	(void)state;
	begin();
	assert_result(fastipc_client_call(client, DEADLINE, NULL, 0, &reply,
					  before + PATIENCE),
		      0);
	assert_in_range(left, 1, PATIENCE);
	assert_true(left >= PATIENCE - (fastipc_now_ns() - before));
	assert_result(fastipc_client_call(client, DEADLINE, NULL, 0, &reply,
					  FASTIPC_NO_DEADLINE),
		      0);
	assert_int_equal(left, 0);
	fastipc_stream_options_init(&options);
	options.deadline = fastipc_after_ns(PATIENCE);
	assert_result(fastipc_stream_open(client, DEADLINE, NULL, 0, &options,
					  &stream),
		      0);
	assert_result(fastipc_stream_read(stream, &reply, soon()), 0);
	assert_in_range(left, 1, PATIENCE);
	fastipc_stream_close(stream);
	/* It passes: the stream ends on both sides. */
	options.deadline = fastipc_after_ns(20 * MS);
	assert_result(fastipc_stream_open(client, HANG, NULL, 0, &options,
					  &stream),
		      0);
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -ETIMEDOUT);
	assert_result(fastipc_stream_write(stream, "x", 1, 0, soon()),
		      -ETIMEDOUT);
	fastipc_stream_close(stream);
	end();
}

static void cancel_reaches_the_handler(void **state)
{
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_stream *streams[3];
	struct fastipc_stream_end stream_end;
	uint64_t until = soon();

	(void)state;
	begin();
	for (int i = 0; i < 3; i++)
		streams[i] = open_stream(client, HANG, NULL, 0);
	while (state_of(client).threads != 3)
		assert_true(fastipc_now_ns() < until);
	fastipc_stream_cancel(streams[0]);
	assert_true(fastipc_stream_is_cancelled(streams[0]));
	assert_result(fastipc_stream_read(streams[0], &buffer, soon()),
		      -ECANCELED);
	assert_result(fastipc_stream_write(streams[0], "x", 1, 0, soon()),
		      -ECANCELED);
	assert_result(fastipc_stream_status(streams[0], &stream_end), 0);
	assert_int_equal(stream_end.status, -ECANCELED);
	/* Half-closed, and then given up. */
	fastipc_stream_finish(streams[1], 0, NULL, NULL, 0);
	fastipc_stream_cancel(streams[1]);
	/* To close is to cancel. */
	for (int i = 0; i < 3; i++)
		fastipc_stream_close(streams[i]);
	while (state_of(client).cancelled != 3)
		assert_true(fastipc_now_ns() < until);
	end();
}

static void crashed_server(void **state)
{
	const struct count_up order = { 5, 100 };
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_stream *idle, *counting;
	struct fastipc_stream_end stream_end;
	uint64_t until = soon();
	int status;

	(void)state;
	begin();
	idle = open_stream(client, HANG, NULL, 0);
	counting = open_stream(client, COUNT_UP, &order, sizeof(order));
	/* All of the second is sent when its thread has ended, and has come
	 * when what was asked for later is answered. */
	while (state_of(client).threads != 1)
		assert_true(fastipc_now_ns() < until);
	for (int i = 0; i < 5; i++)
		state_of(client);
	kill(server.pid, SIGKILL);
	assert_int_equal(waitpid(server.pid, &status, 0), server.pid);
	assert_result(fastipc_stream_read(idle, &buffer, soon()), -EPIPE);
	assert_result(fastipc_stream_write(idle, "x", 1, 0, soon()), -EPIPE);
	assert_result(fastipc_stream_status(idle, &stream_end), 0);
	assert_int_equal(stream_end.status, -EPIPE);
	/* What had come can be read. */
	read_counted(counting, order.count, order.size);
	fastipc_stream_close(idle);
	/* After the client, too. */
	fastipc_client_close(client);
	assert_result(fastipc_stream_read(counting, &buffer, soon()), -ENODATA);
	fastipc_stream_close(counting);
	fastipc_buffer_free(&buffer);
}

static void crashed_client(void **state)
{
	uint64_t until = soon();
	pid_t pid;

	(void)state;
	begin();
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		const struct count_up endless = { 1000000, 10000 };
		struct fastipc_client *own;
		struct fastipc_stream *stream;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		check(!fastipc_client_connect(server.address, NULL, &own));
		for (int i = 0; i < 20; i++)
			check(!fastipc_stream_open(own, i % 2 ? HANG : COUNT_UP,
						   &endless, sizeof(endless),
						   NULL, &stream));
		check(!fastipc_client_ping(own, soon(), NULL));
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (state_of(client).gone != 10 || state_of(client).threads)
		assert_true(fastipc_now_ns() < until);
	end();
}

/* ---- an event loop ---- */

struct looped {
	struct fastipc_stream *stream;
	uint32_t sent, received, size;
	bool ended;
	int wrong;
};

#define LOOPED 2000

static void send_some(void *context, struct fastipc_stream *stream)
{
	struct looped *looped = context;
	unsigned char data[1000];

	while (looped->sent < LOOPED) {
		int error;

		fill(data, sizeof(data), looped->sent);
		error = fastipc_stream_write(stream, data, sizeof(data), 0, 1);
		if (error == -EAGAIN || error == -ETIMEDOUT)
			return;
		looped->wrong += error != 0;
		looped->sent++;
	}
	fastipc_stream_finish(stream, 0, NULL, NULL, 0);
}

static void receive_one(void *context, struct fastipc_stream *stream,
			const void *data, size_t size)
{
	struct looped *looped = context;
	unsigned char expected[1000];
	struct fastipc_buffer buffer = { 0 };

	fill(expected, sizeof(expected), looped->received++);
	if (size != sizeof(expected) || memcmp(data, expected, size) != 0 ||
	    fastipc_stream_read(stream, &buffer, soon()) == -EDEADLK)
		looped->wrong++;
}

static void on_over(void *context, struct fastipc_stream *stream)
{
	struct looped *looped = context;
	struct fastipc_stream_end stream_end;

	if (looped->ended || fastipc_stream_status(stream, &stream_end) ||
	    stream_end.status)
		looped->wrong++;
	looped->ended = true;
}

static void event_loop(void **state)
{
	struct fastipc_stream_options options;
	struct looped looped = { 0 };
	struct pollfd pollfd;

	(void)state;
	begin();
	fastipc_stream_options_init(&options);
	options.message = receive_one;
	options.end = on_over;
	options.writable = send_some;
	options.context = &looped;
	options.deadline = soon();
	assert_result(fastipc_stream_open(client, MIRROR, NULL, 0, &options,
					  &looped.stream),
		      0);
	pollfd = (struct pollfd){ .fd = fastipc_client_fd(client),
				  .events = POLLIN };
	while (!looped.ended) {
		assert_true(fastipc_now_ns() < options.deadline);
		if (looped.sent < LOOPED)
			send_some(&looped, looped.stream);
		assert_true(fastipc_client_dispatch(client) >= 0);
		if (!looped.ended)
			poll(&pollfd, 1, 100);
	}
	assert_int_equal(looped.wrong, 0);
	assert_int_equal(looped.received, LOOPED);
	fastipc_stream_close(looped.stream);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_streams),
		cmocka_unit_test(no_more_than_allowed),
		cmocka_unit_test(slow_readers_stall_themselves),
		cmocka_unit_test(writers_wait_for_credit),
		cmocka_unit_test(threads_share_a_connection),
		cmocka_unit_test(small_calls_between_large),
		cmocka_unit_test(deadlines_shrink),
		cmocka_unit_test(cancel_reaches_the_handler),
		cmocka_unit_test(crashed_server),
		cmocka_unit_test(crashed_client),
		cmocka_unit_test(event_loop),
		cmocka_unit_test(server_streams),
		cmocka_unit_test(client_streams),
		cmocka_unit_test(both_ways),
		cmocka_unit_test(typed_errors),
	};

	return cmocka_run_group_tests_name("streams", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
