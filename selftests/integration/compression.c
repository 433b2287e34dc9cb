// SPDX-License-Identifier: MIT
/*
 * Messages that are compressed between two processes: they arrive as they were
 * in both directions, in all ways to send one, and the counters tell of it.
 */
#include <pthread.h>

#include "pair.h"

#define ECHO 1
#define LATER 2 /* the same, from another thread */
#define VALUE 3 /* the same, by an encoder */
#define TAKE 4	/* one-way: of @size bytes, as message_make() makes them */
#define TAKEN 5 /* u64: how many of these were right */
#define STATS 6 /* struct fastipc_server_stats */

#define FROM 4096u
#define MOST (4u << 20)

static const char words[] =
	"{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/completion\",\"id\":";

/* The first bytes do not compress, the others do. */
static void message_make(unsigned char *data, size_t size, size_t noise)
{
	fill(data, noise, (uint32_t)size);
	for (size_t i = noise; i < size; i++)
		data[i] = (unsigned char)words[i % (sizeof(words) - 1)];
}

static int encode(const void *context, void *data, size_t capacity,
		  size_t *size)
{
	const struct fastipc_buffer *value = context;

	*size = value->size;
	if (capacity < value->size)
		return -EMSGSIZE;
	if (value->size)
		memcpy(data, value->data, value->size);
	return 0;
}

/* ---- the server ---- */

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	check(!fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request)));
	return 0;
}

/* Threads that are not done with their requests. */
static uint32_t answering;

static void *answer(void *context)
{
	struct fastipc_request *later = context;
	int error = fastipc_request_reply(later, fastipc_request_data(later),
					  fastipc_request_size(later));

	/* Over the client's limit: it is told so. */
	check(!error || error == -EMSGSIZE);
	__atomic_fetch_sub(&answering, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static int on_later(struct fastipc_request *request, void *context)
{
	(void)context;
	__atomic_fetch_add(&answering, 1, __ATOMIC_SEQ_CST);
	return answer_in_thread(request, answer);
}

static int on_value(struct fastipc_request *request, void *context)
{
	struct fastipc_buffer value = {
		.data = (void *)fastipc_request_data(request),
		.size = fastipc_request_size(request),
	};

	(void)context;
	check(!fastipc_request_reply_value(request, encode, &value));
	return 0;
}

static uint64_t taken;

static int on_take(struct fastipc_request *request, void *context)
{
	size_t size = fastipc_request_size(request);
	unsigned char *expected = malloc(size + 1);

	(void)context;
	check(expected);
	message_make(expected, size, size / 4);
	taken += !memcmp(expected, fastipc_request_data(request), size);
	free(expected);
	return 0;
}

static int on_taken(struct fastipc_request *request, void *context)
{
	(void)context;
	check(!fastipc_request_reply(request, &taken, sizeof(taken)));
	return 0;
}

static int on_stats(struct fastipc_request *request, void *context)
{
	struct fastipc_server_stats stats = { .size = sizeof(stats) };

	(void)context;
	check(!fastipc_server_get_stats(this_server, &stats));
	check(!fastipc_request_reply(request, &stats, sizeof(stats)));
	return 0;
}

static void add_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
	check(!fastipc_server_add_handler(server, LATER, on_later, NULL));
	check(!fastipc_server_add_handler(server, VALUE, on_value, NULL));
	check(!fastipc_server_add_handler(server, TAKE, on_take, NULL));
	check(!fastipc_server_add_handler(server, TAKEN, on_taken, NULL));
	check(!fastipc_server_add_handler(server, STATS, on_stats, NULL));
}

static void end_threads(void)
{
	while (__atomic_load_n(&answering, __ATOMIC_SEQ_CST))
		usleep(1000);
}

static const struct service service = { .add = add_handlers,
					.destroyed = end_threads };

static struct fastipc_server_options
server_with(enum fastipc_compression compression, uint32_t ring)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.compression = compression;
	options.ring_size = ring;
	options.max_message = MOST;
	return options;
}

static struct fastipc_client_options
client_with(enum fastipc_compression compression, uint32_t ring)
{
	struct fastipc_client_options options;

	fastipc_client_options_init(&options);
	options.compression = compression;
	options.ring_size = ring;
	options.max_message = MOST;
	return options;
}

static struct fastipc_server_stats server_stats(struct fastipc_client *client)
{
	struct fastipc_server_stats stats;

	ask_for(client, STATS, &stats, sizeof(stats));
	return stats;
}

static struct fastipc_client_stats client_stats(struct fastipc_client *client)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };

	assert_result(fastipc_client_get_stats(client, &stats), 0);
	return stats;
}

/* ---- all sizes, all ways ---- */

static void call(struct fastipc_client *client, uint16_t type,
		 unsigned char *data, size_t size, bool by_value,
		 struct fastipc_buffer *reply)
{
	struct fastipc_buffer value = { .data = data, .size = size };

	assert_result(by_value
			      ? fastipc_client_call_value(client, type, encode,
							  &value, reply, soon())
			      : fastipc_client_call(client, type, data, size,
						    reply, soon()),
		      0);
	assert_int_equal(reply->size, size);
	assert_memory_equal(reply->data, data, size);
}

static void post(struct fastipc_client *client, unsigned char *data,
		 size_t size, bool by_value)
{
	struct fastipc_buffer value = { .data = data, .size = size };

	assert_result(by_value ? fastipc_client_post_value(client, TAKE, encode,
							   &value, 0, soon())
			       : fastipc_client_post(client, TAKE, data, size,
						     FASTIPC_MORE, soon()),
		      0);
}

struct done {
	const unsigned char *data;
	size_t size;
	unsigned int count;
};

static void on_done(void *context, int status, const void *data, size_t size)
{
	struct done *done = context;

	assert_int_equal(status, 0);
	assert_int_equal(size, done->size);
	assert_memory_equal(data, done->data, size);
	done->count++;
}

/* Several in flight, of which answers come in any order. */
static void start(struct fastipc_client *client, unsigned char *data,
		  size_t size)
{
	struct done done = { .data = data, .size = size };
	struct fastipc_call_options options;
	uint64_t id;

	fastipc_call_options_init(&options);
	options.deadline = soon();
	options.done = on_done;
	options.context = &done;
	for (int i = 0; i < 6; i++)
		assert_result(fastipc_client_start(client, i & 1 ? LATER : ECHO,
						   data, size, &options, &id),
			      0);
	while (done.count < 6)
		assert_true(fastipc_client_wait(client, soon()) >= 0);
}

static void assert_taken(struct fastipc_client *client, uint64_t expected)
{
	uint64_t count;

	ask_for(client, TAKEN, &count, sizeof(count));
	assert_int_equal(count, expected);
}

/* All messages of FROM bytes and more went compressed, in both directions. */
static void assert_counted(struct fastipc_client *client, uint64_t sent,
			   uint64_t received)
{
	struct fastipc_client_stats own = client_stats(client);
	struct fastipc_server_stats far = server_stats(client);

	assert_int_equal(own.compressed_sent.messages, sent);
	assert_int_equal(own.compressed_received.messages, received);
	assert_int_equal(far.compressed_received.messages, sent);
	assert_int_equal(far.compressed_sent.messages, received);
	assert_int_equal(own.compressed_sent.bytes_before,
			 far.compressed_received.bytes_before);
	assert_int_equal(own.compressed_sent.bytes_after,
			 far.compressed_received.bytes_after);
	assert_int_equal(own.compressed_received.bytes_before,
			 far.compressed_sent.bytes_before);
	assert_int_equal(own.compressed_received.bytes_after,
			 far.compressed_sent.bytes_after);
	if (sent)
		assert_true(own.compressed_sent.bytes_after <=
			    own.compressed_sent.bytes_before / 8 * 7);
}

static void all_ways(enum fastipc_compression compression,
		     enum fastipc_checksum checksum, uint32_t ring)
{
	static const size_t sizes[] = { 0,     1,	 100,	 FROM - 1,
					FROM,  FROM + 1, 16352,	 16353,
					70000, 300001,	 1000000 };
	struct fastipc_server_options server_options =
		server_with(compression, ring);
	struct fastipc_client_options options = client_with(compression, ring);
	unsigned char *data;
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;
	uint64_t sent = 0, received = 0, posted = 0, bytes = 0;

	server_start(&server, &server_options, &service);
	data = malloc(1000000);
	assert_non_null(data);
	options.checksum = checksum;
	client = connect_with(server.address, &options);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t size = sizes[i];

		message_make(data, size, size / 4);
		call(client, ECHO, data, size, false, &reply);
		call(client, ECHO, data, size, true, &reply);
		call(client, LATER, data, size, false, &reply);
		call(client, VALUE, data, size, true, &reply);
		post(client, data, size, false);
		post(client, data, size, true);
		start(client, data, size);
		posted += 2;
		bytes += 10 * size;
		if (size >= FROM) {
			sent += 12;
			received += 10;
		}
	}
	assert_taken(client, posted);
	assert_true(client_stats(client).bytes_received == bytes + 8);
	assert_counted(client, sent, received);
	assert_int_equal(client_stats(client).bad_frames, 0);
	fastipc_client_close(client);
	server_stop(&server);
	fastipc_buffer_free(&reply);
	free(data);
}

static void with_each_checksum(void **state)
{
	(void)state;
	for (int checksum = FASTIPC_CHECKSUM_OFF;
	     checksum <= FASTIPC_CHECKSUM_FULL; checksum++) {
		all_ways(FASTIPC_COMPRESSION_LZ4,
			 (enum fastipc_checksum)checksum, 256 << 10);
		all_ways(FASTIPC_COMPRESSION_ZSTD,
			 (enum fastipc_checksum)checksum, 256 << 10);
	}
}

static void in_small_rings(void **state)
{
	(void)state;
	all_ways(FASTIPC_COMPRESSION_LZ4, FASTIPC_CHECKSUM_FULL, 4096);
	all_ways(FASTIPC_COMPRESSION_ZSTD, FASTIPC_CHECKSUM_FULL, 4096);
}

/* ---- who compresses what ---- */

/* One call of 100000 bytes; whether request and reply went compressed. */
static void assert_directions(const struct fastipc_server_options *at_server,
			      const struct fastipc_client_options *at_client,
			      size_t noise, bool request, bool answer)
{
	unsigned char *data;
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;

	server_start(&server, at_server, &service);
	data = malloc(100000);
	assert_non_null(data);
	message_make(data, 100000, noise);
	client = connect_with(server.address, at_client);
	call(client, ECHO, data, 100000, false, &reply);
	assert_counted(client, request, answer);
	fastipc_client_close(client);
	server_stop(&server);
	fastipc_buffer_free(&reply);
	free(data);
}

static void each_end_chooses(void **state)
{
	static const struct {
		enum fastipc_compression server, client;
		bool request, answer;
	} cases[] = {
		{ FASTIPC_COMPRESSION_OFF, FASTIPC_COMPRESSION_OFF, false,
		  false },
		{ FASTIPC_COMPRESSION_OFF, FASTIPC_COMPRESSION_LZ4, false,
		  false },
		{ FASTIPC_COMPRESSION_ZSTD, FASTIPC_COMPRESSION_OFF, false,
		  false },
		{ FASTIPC_COMPRESSION_ZSTD, FASTIPC_COMPRESSION_ACCEPT, false,
		  true },
		{ FASTIPC_COMPRESSION_ACCEPT, FASTIPC_COMPRESSION_LZ4, true,
		  false },
		{ FASTIPC_COMPRESSION_LZ4, FASTIPC_COMPRESSION_ZSTD, true,
		  true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fastipc_server_options at_server =
			server_with(cases[i].server, 256 << 10);
		struct fastipc_client_options at_client =
			client_with(cases[i].client, 256 << 10);

		assert_directions(&at_server, &at_client, 0, cases[i].request,
				  cases[i].answer);
		/* What does not get smaller goes as it is. */
		assert_directions(&at_server, &at_client, 100000, false, false);
	}
}

static void dictionaries_of_both(void **state)
{
	struct fastipc_server_options at_server =
		server_with(FASTIPC_COMPRESSION_ZSTD, 256 << 10);
	struct fastipc_client_options at_client =
		client_with(FASTIPC_COMPRESSION_ZSTD, 256 << 10);
	char copy[sizeof(words)];

	(void)state;
	memcpy(copy, words, sizeof(copy));
	at_server.dictionary = words;
	at_server.dictionary_size = sizeof(words);
	assert_directions(&at_server, &at_client, 100, true, true);
	at_client.dictionary = copy;
	at_client.dictionary_size = sizeof(copy);
	assert_directions(&at_server, &at_client, 100, true, true);
	/* Another one is of no use, and no harm. */
	copy[0]++;
	assert_directions(&at_server, &at_client, 100, true, true);
}

/* The server has a dictionary; its clients may have it or not. */
static void clients_with_and_without_it(void **state)
{
	struct fastipc_server_options at_server =
		server_with(FASTIPC_COMPRESSION_ZSTD, 256 << 10);
	struct fastipc_client_options at_client =
		client_with(FASTIPC_COMPRESSION_ZSTD, 256 << 10);
	uint64_t after[2] = { 0 };
	struct fastipc_client *clients[2];
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	unsigned char data[200];

	(void)state;
	at_server.dictionary = words;
	at_server.dictionary_size = sizeof(words);
	at_server.compress_from = 100;
	at_client.compress_from = 100;
	server_start(&server, &at_server, &service);
	clients[0] = connect_with(server.address, &at_client);
	at_client.dictionary = words;
	at_client.dictionary_size = sizeof(words);
	clients[1] = connect_with(server.address, &at_client);
	message_make(data, sizeof(data), 0);
	for (int i = 0; i < 20; i++)
		call(clients[i % 2], ECHO, data, sizeof(data), false, &reply);
	for (int i = 0; i < 2; i++) {
		struct fastipc_client_stats stats = client_stats(clients[i]);

		assert_int_equal(stats.compressed_received.messages, 10);
		assert_int_equal(stats.compressed_sent.messages, 10);
		after[i] = stats.compressed_received.bytes_after;
		fastipc_client_close(clients[i]);
	}
	assert_true(after[1] < after[0]);
	server_stop(&server);
	fastipc_buffer_free(&reply);
}

/* ---- limits ---- */

static void limits_are_of_the_original(void **state)
{
	struct fastipc_server_options at_server =
		server_with(FASTIPC_COMPRESSION_LZ4, 64 << 10);
	struct fastipc_client_options at_client =
		client_with(FASTIPC_COMPRESSION_LZ4, 64 << 10);
	unsigned char *data;
	struct fastipc_buffer reply = { 0 };
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, &at_server, &service);
	data = malloc(MOST + 1);
	assert_non_null(data);
	message_make(data, MOST + 1, 0);
	client = connect_with(server.address, &at_client);
	call(client, ECHO, data, MOST, false, &reply);
	assert_int_equal(client_stats(client).compressed_sent.messages, 1);
	assert_int_equal(client_stats(client).compressed_received.messages, 1);
	assert_result(fastipc_client_call(client, ECHO, data, MOST + 1, &reply,
					  soon()),
		      -EMSGSIZE);
	fastipc_client_close(client);
	/* As long as the client takes it, compressed it would always fit. */
	at_client.max_message = MOST / 2;
	client = connect_with(server.address, &at_client);
	call(client, ECHO, data, MOST / 2, false, &reply);
	assert_result(fastipc_client_call(client, LATER, data, MOST / 2 + 1,
					  &reply, soon()),
		      -EMSGSIZE);
	call(client, LATER, data, MOST / 2, false, &reply);
	fastipc_client_close(client);
	server_stop(&server);
	fastipc_buffer_free(&reply);
	free(data);
}

static void fixed_buffers(void **state)
{
	struct fastipc_server_options at_server =
		server_with(FASTIPC_COMPRESSION_ZSTD, 64 << 10);
	struct fastipc_client_options at_client =
		client_with(FASTIPC_COMPRESSION_ZSTD, 64 << 10);
	static unsigned char data[200000], space[200001];
	struct fastipc_buffer reply = { .data = space, .fixed = true };
	struct server_process server;
	struct fastipc_client *client;

	(void)state;
	server_start(&server, &at_server, &service);
	client = connect_with(server.address, &at_client);
	/* In one frame, and in several. */
	for (size_t noise = 100; noise <= 100000; noise *= 1000) {
		message_make(data, sizeof(data), noise);
		space[sizeof(data)] = 0x5a;
		reply.capacity = sizeof(data) - 1;
		assert_result(fastipc_client_call(client, ECHO, data,
						  sizeof(data), &reply, soon()),
			      -EMSGSIZE);
		assert_int_equal(reply.size, sizeof(data));
		reply.capacity = sizeof(data);
		call(client, ECHO, data, sizeof(data), false, &reply);
		assert_int_equal(space[sizeof(data)], 0x5a);
		/* Nobody wants the bytes. */
		assert_result(fastipc_client_call(client, ECHO, data,
						  sizeof(data), NULL, soon()),
			      0);
	}
	fastipc_client_close(client);
	server_stop(&server);
}

static void bad_options_are_refused(void **state)
{
	struct fastipc_server_options at_server =
		server_with((enum fastipc_compression)4, 64 << 10);
	struct fastipc_client_options at_client =
		client_with(FASTIPC_COMPRESSION_ZSTD, 64 << 10);
	struct fastipc_server *server;
	struct fastipc_client *client;

	(void)state;
	assert_result(fastipc_server_create("bad-options", &at_server, &server),
		      -EINVAL);
	at_client.compression_level = 20;
	assert_result(fastipc_client_connect("bad-options", &at_client,
					     &client),
		      -EINVAL);
}

/* ---- many threads ---- */

static struct fastipc_client *shared;

static void *call_often(void *context)
{
	uint32_t seed = (uint32_t)(uintptr_t)context;
	unsigned char *data = malloc(60000);
	struct fastipc_buffer reply = { 0 };
	uintptr_t wrong = !data;

	for (uint32_t i = 0; !wrong && i < 100; i++) {
		size_t size = 1000 + (seed * 7919 + i * 104729) % 59000;

		message_make(data, size, size / 4);
		wrong |= fastipc_client_call(shared, i & 1 ? LATER : ECHO, data,
					     size, &reply, soon()) != 0;
		wrong |= !wrong && (reply.size != size ||
				    memcmp(reply.data, data, size) != 0);
	}
	fastipc_buffer_free(&reply);
	free(data);
	return (void *)wrong;
}

static void threads_share_a_client(void **state)
{
	struct fastipc_server_options at_server =
		server_with(FASTIPC_COMPRESSION_ZSTD, 16 << 10);
	struct fastipc_client_options at_client =
		client_with(FASTIPC_COMPRESSION_LZ4, 16 << 10);
	struct server_process server;
	pthread_t threads[4];

	(void)state;
	at_server.threads = 2;
	server_start(&server, &at_server, &service);
	shared = connect_with(server.address, &at_client);
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_often,
						(void *)(i + 1)),
				 0);
	for (int i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	assert_true(client_stats(shared).compressed_sent.messages > 100);
	fastipc_client_close(shared);
	server_stop(&server);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(with_each_checksum),
		TEST(in_small_rings),
		TEST(each_end_chooses),
		TEST(dictionaries_of_both),
		TEST(clients_with_and_without_it),
		TEST(limits_are_of_the_original),
		TEST(fixed_buffers),
		TEST(bad_options_are_refused),
		TEST(threads_share_a_client),
	};

	return cmocka_run_group_tests_name("compression", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
