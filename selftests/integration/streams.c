// SPDX-License-Identifier: MIT
/*
 * Streams between two processes: in each direction and in both, their ends,
 * and what a slow, cancelled or dead peer does to them.
 */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_streams),
		cmocka_unit_test(client_streams),
		cmocka_unit_test(both_ways),
		cmocka_unit_test(typed_errors),
	};

	return cmocka_run_group_tests_name("streams", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
