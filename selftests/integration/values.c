// SPDX-License-Identifier: MIT
/*
 * Messages that an encoder makes in the ring itself: they arrive as those made
 * of bytes do, whatever their size and the ring's; and encoders that fail.
 */
#include "pair.h"

#define INVERT 1
#define SUM 2	   /* one-way: adds up what comes */
#define SUM_OF 3   /* u64 bytes and u64 sum of those */
#define GENERATE 4 /* i32: a reply by an encoder that fails with it */

#define RING (64u << 10)

/* Bytes, or their complements, as a value. */
struct value {
	const unsigned char *data;
	size_t size;
	bool inverted;
	int failure;
	unsigned int calls;	   /* of the encoder */
	unsigned int without_room; /* for which there was no room */
};

static int encode(const void *context, void *data, size_t capacity,
		  size_t *size)
{
	struct value *value = (struct value *)context;

	value->calls++;
	if (value->failure)
		return value->failure;
	*size = value->size;
	if (capacity < value->size) {
		value->without_room++;
		/* What does not count may be written all the same. */
		if (capacity)
			memset(data, 0xff, capacity);
		return -EMSGSIZE;
	}
	if (value->inverted)
		invert(data, value->data, value->size);
	else if (value->size)
		memcpy(data, value->data, value->size);
	/* All of the room may be used meanwhile. */
	if (capacity > value->size)
		memset((char *)data + value->size, 0xff,
		       capacity - value->size);
	return 0;
}

/* ---- the server ---- */

static uint64_t sums[2];

static int on_invert(struct fastipc_request *request, void *context)
{
	struct value value = { .data = fastipc_request_data(request),
			       .size = fastipc_request_size(request),
			       .inverted = true };

	(void)context;
	check(!fastipc_request_reply_value(request, encode, &value));
	check(fastipc_request_reply_value(request, encode, &value) ==
	      -EALREADY);
	return 0;
}

static int on_sum(struct fastipc_request *request, void *context)
{
	const unsigned char *data = fastipc_request_data(request);

	(void)context;
	check(fastipc_request_is_one_way(request));
	sums[0] += fastipc_request_size(request);
	for (size_t i = 0; i < fastipc_request_size(request); i++)
		sums[1] += data[i];
	return 0;
}

static int on_sum_of(struct fastipc_request *request, void *context)
{
	struct value value = { .data = (void *)sums, .size = sizeof(sums) };
	struct fastipc_request *later = fastipc_request_defer(request);

	(void)context;
	check(later);
	check(!fastipc_request_reply_value(later, encode, &value));
	return 0;
}

static int on_generate(struct fastipc_request *request, void *context)
{
	struct value value = { 0 };

	(void)context;
	memcpy(&value.failure, fastipc_request_data(request), sizeof(int32_t));
	check(fastipc_request_reply_value(request, encode, &value) ==
	      value.failure);
	check(fastipc_request_reply_value(request, NULL, &value) == -EINVAL);
	check(fastipc_request_reply_value(NULL, encode, &value) == -EINVAL);
	check(!fastipc_request_fail(request, -ENOANO, "as I was told"));
	return 0;
}

static void add_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, INVERT, on_invert, NULL));
	check(!fastipc_server_add_handler(server, SUM, on_sum, NULL));
	check(!fastipc_server_add_handler(server, SUM_OF, on_sum_of, NULL));
	check(!fastipc_server_add_handler(server, GENERATE, on_generate, NULL));
}

static const struct service service = { .add = add_handlers };

static struct fastipc_client *start(struct server_process *server,
				    enum fastipc_checksum checksum,
				    uint32_t ring, uint32_t most)
{
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;

	fastipc_server_options_init(&server_options);
	server_options.ring_size = ring;
	server_options.max_message = most;
	server_start(server, &server_options, &service);
	fastipc_client_options_init(&options);
	options.checksum = checksum;
	options.ring_size = ring;
	return connect_with(server->address, &options);
}

static void finish(struct server_process *server, struct fastipc_client *client)
{
	fastipc_client_close(client);
	server_stop(server);
}

/* ---- calls ---- */

static void call_value(struct fastipc_client *client, struct value *value,
		       struct fastipc_buffer *reply)
{
	assert_result(fastipc_client_call_value(client, INVERT, encode, value,
						reply, soon()),
		      0);
	assert_int_equal(reply->size, value->size);
	for (size_t i = 0; i < value->size; i++)
		assert_int_equal(((unsigned char *)reply->data)[i],
				 (unsigned char)~value->data[i]);
}

static void call_sizes(enum fastipc_checksum checksum, uint32_t ring)
{
	const size_t sizes[] = { 0,	1,     7,     8,     63,
				 64,	1000,  1100,  4096,  16351,
				 16352, 16353, 17000, 65536, 300000 };
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client =
		start(&server, checksum, ring, FASTIPC_MESSAGE_DEFAULT);
	unsigned char *bytes = malloc(300000);
	uint64_t total = 0, calls = 0;

	assert_non_null(bytes);
	fill(bytes, 300000, 5);
	/* Often enough to go round the ring, at changing places. */
	for (unsigned int round = 0; round < 50; round++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct value value = { .data = bytes,
					       .size = sizes[i] };

			if (round && sizes[i] > 17000)
				continue;
			call_value(client, &value, &reply);
			/* Right in the ring, and once, if it is one frame
			 * with its deadline. */
			if (sizes[i] <= ring / 4 - 56 && sizes[i] <= 16328) {
				assert_int_equal(value.calls, 1);
				assert_int_equal(value.without_room, 0);
			}
			total += sizes[i];
			calls++;
		}
	assert_int_equal(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.calls, calls);
	assert_int_equal(stats.replies, calls);
	assert_int_equal(stats.bytes_sent, total);
	assert_int_equal(stats.bytes_received, total);
	free(bytes);
	fastipc_buffer_free(&reply);
	finish(&server, client);
}

static void sizes_with_each_checksum(void **state)
{
	(void)state;
	call_sizes(FASTIPC_CHECKSUM_OFF, 256 << 10);
	call_sizes(FASTIPC_CHECKSUM_HEADER, 256 << 10);
	call_sizes(FASTIPC_CHECKSUM_FULL, 256 << 10);
}

static void sizes_in_small_rings(void **state)
{
	(void)state;
	call_sizes(FASTIPC_CHECKSUM_FULL, 4096);
	call_sizes(FASTIPC_CHECKSUM_OFF, 8192);
}

static void limits(void **state)
{
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client =
		start(&server, FASTIPC_CHECKSUM_FULL, RING, 1000);
	unsigned char bytes[1001];
	struct value value = { .data = bytes, .size = 1000 };

	(void)state;
	fill(bytes, sizeof(bytes), 1);
	call_value(client, &value, &reply);
	value.size = 1001;
	assert_result(fastipc_client_call_value(client, INVERT, encode, &value,
						&reply, soon()),
		      -EMSGSIZE);
	assert_result(fastipc_client_post_value(client, INVERT, encode, &value,
						0, soon()),
		      -EMSGSIZE);
	value.size = (size_t)FASTIPC_MESSAGE_MAX + 1;
	assert_result(fastipc_client_call_value(client, INVERT, encode, &value,
						&reply, soon()),
		      -EMSGSIZE);
	value.size = 1000;
	call_value(client, &value, &reply);
	fastipc_buffer_free(&reply);
	finish(&server, client);
}

/* It says that it wrote more than there was room for. */
static int boast(const void *context, void *data, size_t capacity, size_t *size)
{
	const struct value *value = context;

	(void)data;
	*size = value->size;
	if (capacity < value->size)
		return -EMSGSIZE;
	*size = capacity + 1;
	return 0;
}

static void encoders_that_fail(void **state)
{
	struct server_process server;
	struct fastipc_client *client = start(&server, FASTIPC_CHECKSUM_FULL,
					      RING, FASTIPC_MESSAGE_DEFAULT);
	struct value value = { .failure = -EOVERFLOW };
	int32_t failure = -ELOOP;

	(void)state;
	assert_int_equal(fastipc_client_call_value(client, INVERT, encode,
						   &value, NULL, soon()),
			 -EOVERFLOW);
	assert_int_equal(fastipc_client_post_value(client, INVERT, encode,
						   &value, 0, soon()),
			 -EOVERFLOW);
	assert_result(fastipc_client_call(client, GENERATE, &failure,
					  sizeof(failure), NULL, soon()),
		      -ENOANO);
	assert_result(fastipc_client_call_value(client, INVERT, NULL, &value,
						NULL, soon()),
		      -EINVAL);
	assert_result(fastipc_client_post_value(client, INVERT, NULL, &value, 0,
						soon()),
		      -EINVAL);
	assert_result(fastipc_client_post_value(client, INVERT, encode, &value,
						FASTIPC_NOWAIT << 1, soon()),
		      -EINVAL);
	assert_result(fastipc_client_call_value(NULL, INVERT, encode, &value,
						NULL, soon()),
		      -EINVAL);
	assert_result(fastipc_client_call_value(client, FASTIPC_TYPE_RESERVED,
						encode, &value, NULL, soon()),
		      -EINVAL);
	/* In the ring, and in a buffer. */
	for (value.size = 10; value.size <= 1000000; value.size *= 100000) {
		assert_result(fastipc_client_call_value(client, INVERT, boast,
							&value, NULL, soon()),
			      -EINVAL);
		assert_result(fastipc_client_post_value(client, INVERT, boast,
							&value, 0, soon()),
			      -EINVAL);
	}
	/* None of these has left anything behind. */
	value = (struct value){ .data = (const void *)"x", .size = 1 };
	assert_result(fastipc_client_call_value(client, INVERT, encode, &value,
						NULL, soon()),
		      0);
	finish(&server, client);
}

/* ---- one-way messages ---- */

/* More than the ring holds, in batches, of changing size. */
static void posts(void **state)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client = start(&server, FASTIPC_CHECKSUM_FULL,
					      4096, FASTIPC_MESSAGE_DEFAULT);
	uint64_t expected[2] = { 0 };
	struct value value = { 0 };
	unsigned char bytes[3000];

	(void)state;
	fill(bytes, sizeof(bytes), 3);
	for (unsigned int i = 0; i < 20000; i++) {
		value.data = bytes;
		value.size = i % 97 ? i % 61 : sizeof(bytes);
		for (size_t k = 0; k < value.size; k++)
			expected[1] += bytes[k];
		expected[0] += value.size;
		assert_result(fastipc_client_post_value(
				      client, SUM, encode, &value,
				      i % 7 ? FASTIPC_MORE : 0, soon()),
			      0);
	}
	assert_result(fastipc_client_call(client, SUM_OF, NULL, 0, &reply,
					  soon()),
		      0);
	assert_int_equal(reply.size, sizeof(expected));
	assert_memory_equal(reply.data, expected, sizeof(expected));
	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.bytes_sent, expected[0]);
	fastipc_buffer_free(&reply);
	finish(&server, client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_with_each_checksum),
		cmocka_unit_test(sizes_in_small_rings),
		cmocka_unit_test(limits),
		cmocka_unit_test(encoders_that_fail),
		cmocka_unit_test(posts),
	};

	return cmocka_run_group_tests_name("values", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
