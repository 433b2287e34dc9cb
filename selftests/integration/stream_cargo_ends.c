// SPDX-License-Identifier: MIT
/*
 * What goes along with messages of streams that end before it was read, or that
 * nobody reads: it goes back, and there is never much of it.
 */
#include <sys/resource.h>

#include "laden_pair.h"

static const struct order both = { .size = 10000, .descriptors = 2 };

/* Until the server has all of it, and has not read it. */
static void write_many(struct fastipc_stream *stream, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_result(write_laden(stream, &both, i, NULL, soon()), 0);
	state_now();
}

/* ---- ends of streams ---- */

static void cancel(struct fastipc_stream *stream)
{
	fastipc_stream_cancel(stream);
}

static void end_with_error(struct fastipc_stream *stream)
{
	assert_result(fastipc_stream_finish(stream, -EDOM, NULL, NULL, 0), 0);
}

static void finish(struct fastipc_stream *stream)
{
	assert_result(fastipc_stream_finish(stream, 0, NULL, NULL, 0), 0);
}

static void just_close(struct fastipc_stream *stream)
{
	(void)stream;
}

static void (*const endings[])(struct fastipc_stream *stream) = {
	cancel, end_with_error, finish, just_close
};

static void unread_by_the_server(void **state)
{
	uint64_t descriptors;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct fastipc_stream *stream = open_laden(HOLD, NULL);

		write_many(stream, 20);
		assert_int_equal(state_now().descriptors, descriptors + 40);
		endings[i](stream);
		fastipc_stream_close(stream);
		assert_all_is_back(descriptors);
	}
	end();
}

static void unread_by_the_client(void **state)
{
	const struct order order = { .count = 1000,
				     .size = 10000,
				     .descriptors = 2 };
	uint64_t descriptors;
	int before;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	before = count_descriptors();
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct fastipc_stream *stream = open_laden(SCATTER, &order);
		uint64_t until = soon();

		/* Calls take what comes for streams. */
		while (count_descriptors() < before + 40) {
			assert_true(fastipc_now_ns() < until);
			assert_int_equal(state_now().streams, 1);
		}
		endings[i](stream);
		fastipc_stream_close(stream);
		assert_int_equal(count_descriptors(), before);
		assert_all_is_back(descriptors);
	}
	end();
}

/* More than the ring takes is queued, and is dropped with its stream. */
static void still_queued(void **state)
{
	uint64_t descriptors;
	struct fastipc_client *other;
	struct fastipc_stream *stream;
	struct fastipc_loan *all;
	uint32_t count = 0;
	int before, error;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	before = count_descriptors();
	stream = open_laden(HOLD, NULL);
	stall(client);
	do {
		error = write_laden(stream, &both, count++, NULL,
				    fastipc_after_ns(50 * MS));
	} while (!error);
	assert_int_equal(error, -ETIMEDOUT);
	assert_true(count > 16);
	assert_true(count_descriptors() > before);
	fastipc_stream_cancel(stream);
	assert_int_equal(count_descriptors(), before);
	fastipc_stream_close(stream);
	go_on();
	assert_all_is_back(descriptors);
	/* The same when the connection ends. */
	other = client;
	client = another_client();
	stream = open_laden(HOLD, NULL);
	stall(client);
	while (!write_laden(stream, &both, 0, NULL, fastipc_after_ns(50 * MS)))
		;
	fastipc_client_close(client);
	assert_result(fastipc_stream_loan(stream, 1, soon(), &all), -ECANCELED);
	fastipc_stream_close(stream);
	client = other;
	assert_int_equal(count_descriptors(), before);
	go_on();
	assert_all_is_back(descriptors);
	end();
}

/* ---- ends of connections ---- */

static void read_after_the_end(void **state)
{
	const struct order order = { .count = 20,
				     .size = 10000,
				     .descriptors = 2 };
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_delivery *deliveries[3];
	struct fastipc_stream *stream;
	struct fastipc_loan *loan;
	int before;

	(void)state;
	begin();
	before = count_descriptors();
	stream = open_laden(SCATTER, &order);
	assert_result(fastipc_stream_loan(stream, 5000, soon(), &loan), 0);
	while (count_descriptors() < before + 40)
		state_now();
	assert_result(fastipc_stream_read_with(stream, &buffer, &deliveries[0],
					       soon()),
		      0);
	server_stop(&server);
	assert_result(fastipc_client_call(client, STATE, NULL, 0, NULL, soon()),
		      -EPIPE);
	assert_result(fastipc_stream_read_with(stream, &buffer, &deliveries[1],
					       soon()),
		      0);
	fastipc_client_close(client);
	assert_result(fastipc_stream_read_with(stream, &buffer, &deliveries[2],
					       soon()),
		      0);
	/* The others are not read. */
	fastipc_stream_close(stream);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(sum_of(fastipc_delivery_lent(deliveries[i])),
				 expected_sum(order.size, i));
		assert_int_equal(look(0, deliveries[i]).offset, i + 1);
	}
	fill(fastipc_loan_data(loan), 5000, 1);
	fastipc_loan_free(loan);
	fastipc_buffer_free(&buffer);
}

/* The client dies: the server has nothing left of it, also of what is read
 * there just then. */
static void client_killed(void **state)
{
	const struct order order = { .count = 100000, .size = 100 };
	uint64_t descriptors, until = soon();
	struct server_state now;
	pid_t pid;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct fastipc_stream *streams[3];

		client = another_client();
		streams[0] = open_laden(HOLD, NULL);
		streams[1] = open_laden(GATHER, NULL);
		streams[2] = open_laden(SCATTER, &order);
		check(streams[2]);
		for (uint32_t i = 0; i < 1000000; i++)
			check(!write_laden(streams[i > 15], &both, i, NULL,
					   soon()));
		_exit(1);
	}
	while (state_now().streams < 3)
		assert_true(fastipc_now_ns() < until);
	usleep(100000);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	do {
		assert_true(fastipc_now_ns() < until);
		now = state_now();
	} while (now.streams || now.descriptors != descriptors);
	end();
}

/* ---- how much there may be ---- */

/* A 64th of the window for each descriptor, 256 bytes for the message; what is
 * lent costs nothing. */
static void credit(void **state)
{
	const struct {
		struct order order;
		uint64_t fit;
	} cases[] = {
		{ { .descriptors = 1 }, (256u << 10) / (4096 + 256 + 4) },
		{ { .descriptors = 7 }, (256u << 10) / (7 * 4096 + 256 + 4) },
		{ { .size = 100, .descriptors = 3 },
		  (256u << 10) / (3 * 4096 + 256 + 4) },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t descriptors = state_now().descriptors, count;
		struct fastipc_buffer buffer = { 0 };
		struct fastipc_stream_end stream_end;
		struct fastipc_stream *stream =
			open_laden(FLOOD, &cases[i].order);
		uint32_t read = 0;
		int error;

		while (!(error = fastipc_stream_read(stream, &buffer, soon())))
			read++;
		assert_result(error, -ENODATA);
		assert_result(fastipc_stream_status(stream, &stream_end), 0);
		assert_int_equal(stream_end.size, sizeof(count));
		memcpy(&count, stream_end.trailers, sizeof(count));
		assert_int_equal(count, read);
		/* It may have queued less than there is credit for. */
		assert_true(count > 1 && count <= cases[i].fit);
		fastipc_buffer_free(&buffer);
		fastipc_stream_close(stream);
		assert_all_is_back(descriptors);
	}
	end();
}

static void stalled_reader(void **state)
{
	const struct order one = { .descriptors = 1 };
	const uint32_t fit = (256u << 10) / (4096 + 256 + 4);
	struct fastipc_stream *stream;
	uint64_t descriptors;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	stream = open_laden(HOLD, NULL);
	for (uint32_t i = 0; i < fit; i++)
		assert_result(write_laden(stream, &one, i, NULL, soon()), 0);
	assert_result(write_laden(stream, &one, 0, NULL,
				  fastipc_after_ns(20 * MS)),
		      -ETIMEDOUT);
	assert_int_equal(state_now().descriptors, descriptors + fit);
	fastipc_stream_close(stream);
	assert_all_is_back(descriptors);
	end();
}

/* Of all streams of a connection: the one that is too much ends. */
static void too_many_unread(void **state)
{
	const struct order one = { .descriptors = 1 };
	struct fastipc_stream *streams[6];
	struct fastipc_stream_end stream_end;
	uint64_t descriptors, until = soon();

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	for (uint32_t i = 0; i < 6; i++)
		streams[i] = open_laden(HOLD, NULL);
	for (uint32_t i = 0; i < 256; i++)
		assert_result(
			write_laden(streams[i / 52], &one, i, NULL, soon()), 0);
	assert_int_equal(state_now().descriptors, descriptors + 256);
	assert_result(write_laden(streams[5], &one, 0, NULL, soon()), 0);
	while (!fastipc_stream_is_cancelled(streams[5])) {
		assert_true(fastipc_now_ns() < until);
		assert_true(state_now().descriptors <= descriptors + 256);
	}
	assert_result(fastipc_stream_status(streams[5], &stream_end), 0);
	assert_int_equal(stream_end.status, -ECANCELED);
	assert_string_equal(stream_end.text,
			    "no room for what came along with a message");
	/* When others end, there is room again. */
	fastipc_stream_close(streams[5]);
	fastipc_stream_close(streams[4]);
	streams[4] = open_laden(HOLD, NULL);
	assert_result(write_laden(streams[4], &both, 0, NULL, soon()), 0);
	state_now();
	for (uint32_t i = 0; i < 5; i++) {
		assert_false(fastipc_stream_is_cancelled(streams[i]));
		fastipc_stream_close(streams[i]);
	}
	assert_all_is_back(descriptors);
	end();
}

/* What cannot come any more ends its stream, and the connection goes on. */
static void no_room_here(void **state)
{
	const struct order order = { .count = 20,
				     .size = 1000,
				     .descriptors = 4 };
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_stream *stream;
	struct rlimit before, limit;
	uint64_t descriptors;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)dup(0) + 2;
	close((int)limit.rlim_cur - 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	stream = open_laden(SCATTER, &order);
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -EMFILE);
	fastipc_stream_close(stream);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_all_is_back(descriptors);
	stream = open_laden(SCATTER, &order);
	for (uint32_t i = 0; i < order.count; i++)
		assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
	fastipc_stream_close(stream);
	fastipc_buffer_free(&buffer);
	assert_all_is_back(descriptors);
	end();
}

/* Half of a small window is little. */
static void small_window(void **state)
{
	struct fastipc_server_options options;
	struct fastipc_client_options client_options;
	static const char text[2048];
	int fds[FASTIPC_DESCRIPTORS_MAX] = { 0 };
	const struct fastipc_attachment attachment = {
		.descriptors = fds,
		.descriptor_count = FASTIPC_DESCRIPTORS_MAX,
	};
	struct fastipc_stream *stream;

	(void)state;
	fastipc_server_options_init(&options);
	options.stream_window = 4096;
	options.max_descriptors = FASTIPC_DESCRIPTORS_MAX;
	server_start(&server, &options, &laden_service);
	fastipc_client_options_init(&client_options);
	client_options.max_descriptors = 1;
	client = connect_with(server.address, &client_options);
	stream = open_laden(GATHER, NULL);
	for (int i = 0; i < 100; i++) {
		struct seen seen;
		struct fastipc_buffer buffer = { .data = &seen,
						 .capacity = sizeof(seen),
						 .fixed = true };

		assert_result(fastipc_stream_write_with(
				      stream, text, 2048 - 256 - 16 * 64 + 1,
				      &attachment, 0, soon()),
			      -EMSGSIZE);
		assert_result(fastipc_stream_write_with(stream, text,
							2048 - 256 - 16 * 64,
							&attachment, 0, soon()),
			      0);
		assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
		assert_int_equal(seen.descriptors, FASTIPC_DESCRIPTORS_MAX);
	}
	fastipc_stream_close(stream);
	end();
}

/* ---- who waits for room ---- */

static uint32_t begun;

static void *wait_for_room(void *stream)
{
	struct fastipc_loan *loan;
	int error;

	__atomic_store_n(&begun, 1, __ATOMIC_SEQ_CST);
	error = fastipc_stream_loan(stream, AREA, FASTIPC_NO_DEADLINE, &loan);
	return (void *)(intptr_t)error;
}

static void waiting_for_room(void **state)
{
	struct fastipc_stream *stream;
	struct fastipc_loan *loan;
	pthread_t thread;
	void *result;

	(void)state;
	begin();
	assert_result(fastipc_client_loan(client, 1, soon(), &loan), 0);
	for (size_t i = 0; i < 3; i++) {
		uint64_t until = soon();

		stream = open_laden(HOLD, NULL);
		__atomic_store_n(&begun, 0, __ATOMIC_SEQ_CST);
		assert_int_equal(pthread_create(&thread, NULL, wait_for_room,
						stream),
				 0);
		while (!__atomic_load_n(&begun, __ATOMIC_SEQ_CST))
			assert_true(fastipc_now_ns() < until);
		usleep(50000);
		if (i == 2)
			assert_int_equal(kill(server.pid, SIGKILL), 0);
		else
			endings[i](stream);
		assert_int_equal(pthread_join(thread, &result), 0);
		/* Who asks when it has ended is told that. */
		if (i != 1 || (intptr_t)result != -EALREADY)
			assert_int_equal((intptr_t)result,
					 i < 2 ? -ECANCELED : -EPIPE);
		fastipc_stream_close(stream);
	}
	fastipc_loan_free(loan);
	fastipc_client_close(client);
	assert_int_equal(waitpid(server.pid, NULL, 0), server.pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(unread_by_the_server),
		footprint_test(unread_by_the_client),
		footprint_test(still_queued),
		footprint_test(read_after_the_end),
		footprint_test(client_killed),
		footprint_test(credit),
		footprint_test(stalled_reader),
		footprint_test(too_many_unread),
		footprint_test(no_room_here),
		footprint_test(small_window),
		footprint_test(waiting_for_room),
	};

	return cmocka_run_group_tests_name("stream_cargo_ends", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
