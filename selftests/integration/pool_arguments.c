// SPDX-License-Identifier: MIT
/*
 * What may be passed to a pool, and what it tells: values, options, and the text
 * for Prometheus.
 */
#include "pool_servers.h"

/* ---- what may be passed in ---- */

static int encode_word(const void *value, void *data, size_t capacity,
		       size_t *size)
{
	*size = strlen(value);
	if (*size > capacity)
		return -EMSGSIZE;
	memcpy(data, value, *size);
	return 0;
}

static void values_and_clients(void **state)
{
	struct standby server = server_begin("values", 1);
	struct fastipc_pool *pool = pool_of("values", NULL);
	struct fastipc_buffer reply = { 0 };
	struct fastipc_client *one, *two, *stranger;

	(void)state;
	assert_result(fastipc_pool_call_value(pool, ECHO, encode_word, "words",
					      &reply, NULL),
		      0);
	assert_int_equal(reply.size, 5);
	assert_memory_equal(reply.data, "words", 5);
	assert_result(fastipc_pool_call_value(pool, ECHO, NULL, "words", &reply,
					      NULL),
		      -EINVAL);
	/* Two at once, by one thread. */
	assert_result(fastipc_pool_acquire(pool, NULL, &one), 0);
	assert_result(fastipc_pool_acquire(pool, NULL, &two), 0);
	assert_ptr_not_equal(one, two);
	assert_result(fastipc_client_call(one, ECHO, "1", 1, &reply, soon()),
		      0);
	assert_result(fastipc_client_call(two, ECHO, "2", 1, &reply, soon()),
		      0);
	assert_int_equal(stats_of(pool).in_use, 2);
	assert_result(fastipc_pool_release(pool, one), 0);
	assert_result(fastipc_pool_release(pool, one), -EINVAL);
	assert_result(fastipc_pool_release(pool, two), 0);
	assert_result(fastipc_pool_release(pool, two), -EINVAL);
	stranger = connect_with("values", NULL);
	assert_result(fastipc_pool_release(pool, stranger), -EINVAL);
	fastipc_client_close(stranger);
	assert_int_equal(stats_of(pool).in_use, 0);
	fastipc_buffer_free(&reply);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

/* While the pool itself waits for a ping's answer nobody can give it back. */
static void held_for_a_ping(void **state)
{
	struct standby server = server_begin("pinged", 1);
	struct fastipc_pool_options options = usual();
	struct fastipc_pool_call_options call;
	struct fastipc_client *client, *again;
	uint64_t deadline = soon();
	struct fastipc_pool *pool;
	int error;

	(void)state;
	options.max_size = 1;
	options.ping_interval_ns = MS;
	options.ping_timeout_ns = 1000 * SECOND;
	pool = pool_of("pinged", &options);
	assert_result(fastipc_pool_acquire(pool, NULL, &client), 0);
	kill(server.pid, SIGSTOP);
	assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid);
	do {
		assert_true(fastipc_now_ns() < deadline);
		assert_result(fastipc_pool_release(pool, client), 0);
		usleep(2000);
		fastipc_pool_maintain(pool);
		call = within(10 * MS, false);
		error = fastipc_pool_acquire(pool, &call, &again);
	} while (!error);
	assert_int_equal(error, -ETIMEDOUT);
	assert_int_equal(stats_of(pool).in_use, 0);
	assert_result(fastipc_pool_release(pool, client), -EINVAL);
	kill(server.pid, SIGCONT);
	fastipc_pool_maintain(pool);
	assert_result(echo(pool, 20 * SECOND, false), 0);
	assert_int_equal(stats_of(pool).lost, 0);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

static void assert_refused(const struct fastipc_pool_options *options)
{
	const struct fastipc_pool_address one = { "wrong", 1 };
	struct fastipc_pool *pool;

	assert_result(fastipc_pool_create(&one, 1, options, &pool), -EINVAL);
}

#define assert_option_refused(field, value) \
	do { \
		struct fastipc_pool_options options_ = usual(); \
\
		options_.field = value; \
		assert_refused(&options_); \
	} while (0)

static void wrong_arguments(void **state)
{
	struct fastipc_pool_address addresses[2] = { { "wrong", 1 },
						     { NULL, 1 } };
	struct fastipc_pool_call_options bad = { .size = 1 };
	struct fastipc_pool_stats stats = { .size = 0 };
	struct fastipc_client *client;
	struct fastipc_pool *pool;

	(void)state;
	assert_result(fastipc_pool_create(NULL, 1, NULL, &pool), -EINVAL);
	assert_result(fastipc_pool_create(addresses, 0, NULL, &pool), -EINVAL);
	assert_result(fastipc_pool_create(addresses, 65, NULL, &pool), -EINVAL);
	assert_result(fastipc_pool_create(addresses, 2, NULL, &pool), -EINVAL);
	assert_result(fastipc_pool_create(addresses, 1, NULL, NULL), -EINVAL);
	addresses[0].address = "";
	assert_result(fastipc_pool_create(addresses, 1, NULL, &pool), -EINVAL);
	addresses[0].address = "wrong";
	addresses[0].weight = 1u << 21;
	assert_result(fastipc_pool_create(addresses, 1, NULL, &pool), -EINVAL);
	assert_option_refused(size, 8);
	assert_option_refused(max_size, 0);
	assert_option_refused(max_size, 4097);
	assert_option_refused(min_size, 17);
	assert_option_refused(warm_up, 17);
	assert_option_refused(sharing, 0);
	assert_option_refused(sharing, 1025);
	assert_option_refused(retry_percent, 101);
	assert_option_refused(breaker_percent, 101);
	assert_option_refused(connect_timeout_ns, 0);
	assert_option_refused(ping_timeout_ns, 0);
	assert_option_refused(backoff_ns, 2 * SECOND);
	assert_option_refused(breaker_open_ns, 0);
	assert_option_refused(name, NULL);
	pool = pool_of("wrong", NULL);
	assert_result(fastipc_pool_call(NULL, ECHO, NULL, 0, NULL, NULL),
		      -EINVAL);
	assert_result(fastipc_pool_call(pool, ECHO, NULL, 1, NULL, NULL),
		      -EINVAL);
	assert_result(fastipc_pool_call(pool, 0xFF00, NULL, 0, NULL, NULL),
		      -EINVAL);
	assert_result(fastipc_pool_call(pool, ECHO, NULL, 0, NULL, &bad),
		      -EINVAL);
	assert_result(fastipc_pool_acquire(pool, &bad, &client), -EINVAL);
	assert_result(fastipc_pool_acquire(pool, NULL, NULL), -EINVAL);
	assert_result(fastipc_pool_release(pool, NULL), -EINVAL);
	assert_result(fastipc_pool_get_stats(pool, &stats), -EINVAL);
	assert_result(fastipc_pool_prometheus(pool, NULL), -EINVAL);
	fastipc_pool_destroy(pool);
	fastipc_pool_destroy(NULL);
}

/* Each line is a comment or `name{labels} value`; each name has a type. */
static void check_exposition(const char *text, size_t size)
{
	const char *end = text + size;
	size_t lines = 0;

	assert_true(size && end[-1] == '\n');
	for (const char *line = text; line < end; lines++) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		if (*line == '#') {
			assert_true(
				!strncmp(line, "# HELP fastipc_pool_", 20) ||
				!strncmp(line, "# TYPE fastipc_pool_", 20));
		} else {
			const char *value = stop;
			char *parsed;

			assert_int_equal(strncmp(line, "fastipc_pool_", 13), 0);
			while (value > line && *value != ' ')
				value--;
			assert_int_equal(value[-1], '}');
			strtod(value + 1, &parsed);
			assert_ptr_equal(parsed, stop);
		}
		line = stop + 1;
	}
	assert_true(lines > 60);
}

static void prometheus_text(void **state)
{
	struct standby server = server_begin("metrics", 1);
	struct fastipc_pool_options options = usual();
	struct fastipc_buffer text = { 0 }, fixed = { .fixed = true };
	struct fastipc_pool *pool;
	char *copy;

	(void)state;
	options.name = "a \"b\"\\\n";
	pool = pool_of("metrics", &options);
	for (int i = 0; i < 100; i++)
		assert_result(echo(pool, PATIENCE, false), 0);
	assert_result(fastipc_pool_prometheus(pool, &text), 0);
	check_exposition(text.data, text.size);
	copy = strndup(text.data, text.size);
	assert_non_null(strstr(
		copy,
		"\nfastipc_pool_calls_total{pool=\"a \\\"b\\\"\\\\\\n\"} 100\n"));
	assert_non_null(strstr(copy, "endpoint=\"metrics\"} 100\n"));
	assert_non_null(strstr(copy, "le=\"+Inf\"} 100\n"));
	free(copy);
	assert_result(fastipc_pool_prometheus(pool, &fixed), -EMSGSIZE);
	assert_in_range(fixed.size, text.size - 50, text.size + 50);
	fastipc_buffer_free(&text);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_clients),
		cmocka_unit_test(held_for_a_ping),
		cmocka_unit_test(wrong_arguments),
		cmocka_unit_test(prometheus_text),
	};

	return cmocka_run_group_tests_name("pool_arguments", tests,
					   pool_test_make,
					   runtime_directory_remove);
}
