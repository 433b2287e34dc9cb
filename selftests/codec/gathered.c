// SPDX-License-Identifier: MIT
/*
 * Values with long fields, which are put into the frames from where they are:
 * they arrive as those do that are encoded first, and nothing of them is looked
 * at once the library has returned.
 */
#include "integration/pair.h"

#include "freight.fastipc.h"

#define POST 1	 /* one-way: a value of its number */
#define POSTED 2 /* u64: how many were what they should be */
#define HOLD 3	 /* one-way: i32 us in which the server does nothing */
#define BROKEN 4 /* an answer that cannot be encoded, then an error */

#define POOL (256u << 10)
#define NAMES 9
#define CRATES 7

/* A value and its memory: of a number it is the same everywhere. */
struct load {
	struct haul_Freight freight;
	struct haul_Crate crates[CRATES];
	struct haul_Crate last;
	struct fastipc_string names[NAMES];
	char *pool;
};

static struct fastipc_string text_at(const struct load *load, size_t at,
				     size_t size)
{
	return fastipc_string_from(load->pool + at, size);
}

static char text[POOL];

static int write_text(void **state)
{
	for (uint32_t i = 0; i < POOL; i++)
		text[i] = (char)('!' + (i * 7 + (i >> 9) * 11) % 90);
	return runtime_directory_make(state);
}

static void load_make(struct load *load, uint32_t number)
{
	struct haul_Freight *freight = &load->freight;

	load->pool = aligned_alloc(64, POOL);
	if (!load->pool)
		abort();
	memcpy(load->pool, text, POOL);
	haul_Freight_init(freight);
	freight->number = number;
	freight->title = text_at(load, number, number * 1237 % 4000);
	freight->weights.data = (const double *)(void *)load->pool;
	freight->weights.count = number * 997 % 5000;
	freight->goods = fastipc_bytes_from(load->pool + number % 100,
					    number * 7919 % 90000);
	for (uint32_t i = 0; i < NAMES; i++)
		load->names[i] =
			text_at(load, 50 * i, (number + i) * 1013 % 6000);
	freight->names.data = load->names;
	freight->names.count = number % (NAMES + 1);
	for (uint32_t i = 0; i < CRATES; i++) {
		haul_Crate_init(&load->crates[i]);
		load->crates[i].label = text_at(load, i, 10 + i);
		load->crates[i].goods = fastipc_bytes_from(
			load->pool + 1000 * i, (number + i) * 3001 % 30000);
	}
	freight->crates.data = load->crates;
	freight->crates.count = number % (CRATES + 1);
	haul_Crate_init(&load->last);
	load->last.label = text_at(load, 3, 5);
	load->last.goods = fastipc_bytes_from(load->pool + 9, 40000);
	if (number % 3)
		freight->last = &load->last;
}

/* Nobody is to look at it any more. */
static void load_spoil(struct load *load)
{
	memset(load->pool, 0x7e, POOL);
	free(load->pool);
}

/* Whether @data are the bytes of the value of @number. */
static bool is_load(uint32_t number, const void *data, size_t size)
{
	struct load load;
	size_t needed, made = 0;
	void *all;
	bool same;

	load_make(&load, number);
	needed = haul_Freight_size(&load.freight);
	all = malloc(needed);
	same = all && needed == size &&
	       haul_Freight_encode(&load.freight, all, needed, &made) == 0 &&
	       made == size && memcmp(all, data, size) == 0;
	free(all);
	load_spoil(&load);
	return same;
}

/* ---- the server ---- */

static uint64_t posted;

static void reply_with(struct fastipc_request *request, uint32_t number)
{
	struct load load;
	int error;

	load_make(&load, number);
	error = fastipc_request_reply_value(request, haul_Freight_encoder,
					    &load.freight);
	check(!error || error == -EMSGSIZE || error == -EPIPE);
	load_spoil(&load);
}

static uint32_t take(struct fastipc_request *request)
{
	struct haul_Freight_reader reader;
	uint32_t number;

	check(!haul_Freight_read(fastipc_request_snapshot(request), &reader));
	number = (uint32_t)haul_Freight_number(reader);
	check(is_load(number, fastipc_request_data(request),
		      fastipc_request_size(request)));
	return number;
}

static int on_next(struct fastipc_request *request,
		   struct haul_Freight_reader freight, void *context)
{
	(void)freight;
	(void)context;
	reply_with(request, take(request) + 1);
	return 0;
}

static void *answer_later(void *context)
{
	struct fastipc_request *request = context;

	reply_with(request, take(request) + 1);
	return NULL;
}

static int on_later(struct fastipc_request *request,
		    struct haul_Freight_reader freight, void *context)
{
	(void)freight;
	(void)context;
	return answer_in_thread(request, answer_later);
}

static int on_fetch(struct fastipc_request *request,
		    struct haul_Freight_reader freight, void *context)
{
	(void)context;
	reply_with(request, (uint32_t)haul_Freight_number(freight));
	return 0;
}

static int on_post(struct fastipc_request *request, void *context)
{
	(void)context;
	take(request);
	posted++;
	return 0;
}

static int on_posted(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, &posted, sizeof(posted));
}

static int on_hold(struct fastipc_request *request, void *context)
{
	int32_t time;

	(void)context;
	memcpy(&time, fastipc_request_data(request), sizeof(time));
	usleep((useconds_t)time);
	return 0;
}

static int on_broken(struct fastipc_request *request, void *context)
{
	struct load load;

	(void)context;
	load_make(&load, 5);
	haul_Crate_init(&load.last); /* without what is required */
	check(fastipc_request_reply_value(request, haul_Freight_encoder,
					  &load.freight) == -EINVAL);
	load_spoil(&load);
	return -ENOANO;
}

static void add_handlers(struct fastipc_server *server)
{
	static const struct haul_Road_handlers handlers = {
		.Next = on_next,
		.Later = on_later,
		.Fetch = on_fetch,
	};

	check(!haul_Road_serve(server, &handlers));
	check(!fastipc_server_add_handler(server, POST, on_post, NULL));
	check(!fastipc_server_add_handler(server, POSTED, on_posted, NULL));
	check(!fastipc_server_add_handler(server, HOLD, on_hold, NULL));
	check(!fastipc_server_add_handler(server, BROKEN, on_broken, NULL));
}

static const struct service service = { .add = add_handlers };

static struct fastipc_client *
start_with(struct server_process *server, uint32_t ring,
	   struct fastipc_server_options *server_options,
	   struct fastipc_client_options *options)
{
	server_options->ring_size = ring;
	options->ring_size = ring;
	server_start(server, server_options, &service);
	return connect_with(server->address, options);
}

static struct fastipc_client *start(struct server_process *server,
				    uint32_t ring)
{
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;

	fastipc_server_options_init(&server_options);
	fastipc_client_options_init(&options);
	return start_with(server, ring, &server_options, &options);
}

static void finish(struct server_process *server, struct fastipc_client *client)
{
	fastipc_client_close(client);
	server_stop(server);
}

/* ---- calls ---- */

typedef int (*method_fn)(struct fastipc_client *client,
			 const struct haul_Freight *request,
			 struct haul_Freight_received *response,
			 uint64_t deadline);

static void call(struct fastipc_client *client, method_fn method,
		 uint32_t number, uint64_t deadline)
{
	struct haul_Freight_received answer = { 0 };
	struct load load;

	load_make(&load, number);
	assert_result(method(client, &load.freight, &answer, deadline), 0);
	load_spoil(&load);
	assert_true(
		is_load(number + 1, answer.buffer.data, answer.buffer.size));
	fastipc_buffer_free(&answer.buffer);
}

static void calls_in_rings(enum fastipc_checksum checksum)
{
	static const uint32_t rings[] = { 4096, 16384, 256u << 10 };

	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		struct fastipc_server_options server_options;
		struct fastipc_client_options options;
		struct fastipc_client *client;
		struct server_process server;

		fastipc_server_options_init(&server_options);
		fastipc_client_options_init(&options);
		options.checksum = checksum;
		client = start_with(&server, rings[i], &server_options,
				    &options);
		for (uint32_t number = 0; number < 30; number++) {
			call(client, haul_Road_Next, number, soon());
			call(client, haul_Road_Later, number,
			     number % 2 ? soon() : FASTIPC_NO_DEADLINE);
		}
		finish(&server, client);
	}
}

static void calls(void **state)
{
	(void)state;
	calls_in_rings(FASTIPC_CHECKSUM_OFF);
	calls_in_rings(FASTIPC_CHECKSUM_HEADER);
	calls_in_rings(FASTIPC_CHECKSUM_FULL);
}

/* Replies for which the client makes no room are kept, without their fields. */
static void answers_that_wait(void **state)
{
	struct fastipc_call_options options;
	struct fastipc_buffer replies[8] = { 0 };
	struct server_process server;
	struct fastipc_client *client = start(&server, 16384);
	uint64_t ids[8];

	(void)state;
	fastipc_call_options_init(&options);
	for (uint32_t i = 0; i < 8; i++) {
		struct load load;
		void *data = malloc(1u << 20);
		size_t size = 0;

		assert_non_null(data);
		load_make(&load, 20 + i);
		assert_int_equal(haul_Freight_encode(&load.freight, data,
						     1u << 20, &size),
				 0);
		options.reply = &replies[i];
		assert_result(fastipc_client_start(client, haul_Road_Next_TYPE,
						   data, size, &options,
						   &ids[i]),
			      0);
		free(data);
		load_spoil(&load);
	}
	usleep(100000);
	for (uint32_t i = 0; i < 8; i++) {
		assert_result(fastipc_client_finish(client, ids[i]), 0);
		assert_true(is_load(21 + i, replies[i].data, replies[i].size));
		fastipc_buffer_free(&replies[i]);
	}
	finish(&server, client);
}

static void compressed(void **state)
{
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_client *client;
	struct server_process server;

	(void)state;
	fastipc_server_options_init(&server_options);
	fastipc_client_options_init(&options);
	server_options.compression = FASTIPC_COMPRESSION_LZ4;
	options.compression = FASTIPC_COMPRESSION_LZ4;
	client = start_with(&server, 256u << 10, &server_options, &options);
	for (uint32_t number = 0; number < 20; number++) {
		call(client, haul_Road_Next, number, soon());
		call(client, haul_Road_Later, number, soon());
	}
	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_true(stats.compressed_sent.messages > 20);
	assert_true(stats.compressed_received.messages > 20);
	finish(&server, client);
}

/* ---- in between ---- */

static struct fastipc_client *shared;

static void *call_small(void *context)
{
	uint64_t *done = context;
	uint64_t count;

	for (; !__atomic_load_n(done, __ATOMIC_RELAXED); usleep(100))
		ask_for(shared, POSTED, &count, sizeof(count));
	return NULL;
}

/* A message of a stream comes with each call, and small calls all the time. */
static void between_others(void **state)
{
	struct haul_Freight_received received = { 0 };
	struct server_process server;
	struct haul_Freight wanted;
	pthread_t thread;
	uint64_t done = 0;

	(void)state;
	shared = start(&server, 64u << 10);
	assert_int_equal(pthread_create(&thread, NULL, call_small, &done), 0);
	for (uint32_t number = 0; number < 20; number++) {
		struct fastipc_stream *stream;

		/* The first one is in one frame, others are too long. */
		haul_Freight_init(&wanted);
		wanted.number = number % 2;
		assert_result(haul_Road_Fetch_open(shared, &wanted, NULL,
						   &stream),
			      0);
		call(shared, haul_Road_Next, number, soon());
		assert_result(haul_Road_Fetch_receive_response(
				      stream, &received, soon()),
			      0);
		assert_true(is_load(number % 2, received.buffer.data,
				    received.buffer.size));
		fastipc_stream_close(stream);
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	fastipc_buffer_free(&received.buffer);
	finish(&server, shared);
}

/* ---- one-way messages ---- */

static void post(struct fastipc_client *client, uint32_t number,
		 unsigned int flags)
{
	struct load load;

	load_make(&load, number);
	assert_result(fastipc_client_post_value(client, POST,
						haul_Freight_encoder,
						&load.freight, flags, soon()),
		      0);
	load_spoil(&load);
}

static void post_in_callback(void *context, int status, const void *data,
			     size_t size)
{
	(void)data;
	(void)size;
	assert_int_equal(status, 0);
	post(context, 22, 0);
}

/* Calls may go before a long one. */
static void await_posted(struct fastipc_client *client, uint64_t all)
{
	uint64_t limit = soon();
	uint64_t count = 0;

	while (count < all && fastipc_now_ns() < limit)
		ask_for(client, POSTED, &count, sizeof(count));
	assert_int_equal(count, all);
}

/* What is not sent at once is copied, if nobody waits for it. */
static void posts(void **state)
{
	struct fastipc_call_options options;
	struct server_process server;
	struct fastipc_client *client = start(&server, 16384);
	uint64_t id, count;

	(void)state;
	for (uint32_t number = 0; number < 30; number++)
		post(client, number, number % 3 ? 0 : FASTIPC_MORE);
	ask_for(client, POSTED, &count, sizeof(count));
	assert_int_equal(count, 30);
	post(client, 23, FASTIPC_NOWAIT);
	await_posted(client, 31);
	fastipc_call_options_init(&options);
	options.done = post_in_callback;
	options.context = client;
	assert_result(fastipc_client_start(client, POSTED, NULL, 0, &options,
					   &id),
		      0);
	await_posted(client, 32);
	finish(&server, client);
}

/* ---- what fails ---- */

static void no_room_in_time(void **state)
{
	struct haul_Freight_received answer = { 0 };
	struct server_process server;
	struct fastipc_client *client = start(&server, 16384);
	const int32_t time = 300000;
	struct load load;

	(void)state;
	for (uint32_t number = 10; number < 13; number++) {
		assert_result(fastipc_client_post(client, HOLD, &time,
						  sizeof(time), 0, soon()),
			      0);
		load_make(&load, number);
		assert_result(haul_Road_Next(client, &load.freight, &answer,
					     fastipc_after_ns(20 * MS)),
			      -ETIMEDOUT);
		load_spoil(&load);
		call(client, haul_Road_Next, number, soon());
	}
	fastipc_buffer_free(&answer.buffer);
	finish(&server, client);
}

static void what_cannot_be_encoded(void **state)
{
	struct haul_Freight_received answer = { 0 };
	struct server_process server;
	struct fastipc_client *client = start(&server, 16384);
	struct load load;

	(void)state;
	for (uint32_t number = 1; number < 6; number++) {
		load_make(&load, number);
		/* The last of all lacks what is required. */
		haul_Crate_init(&load.last);
		load.freight.last = &load.last;
		assert_int_equal(haul_Road_Next(client, &load.freight, &answer,
						soon()),
				 -EINVAL);
		assert_int_equal(fastipc_client_post_value(
					 client, POST, haul_Freight_encoder,
					 &load.freight, 0, soon()),
				 -EINVAL);
		load_spoil(&load);
		assert_result(fastipc_client_call(client, BROKEN, NULL, 0, NULL,
						  soon()),
			      -ENOANO);
		call(client, haul_Road_Next, number, soon());
	}
	fastipc_buffer_free(&answer.buffer);
	finish(&server, client);
}

/* Over the server's limit, and over the client's. */
static void limits(void **state)
{
	struct haul_Freight_received answer = { 0 };
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;
	struct fastipc_client *client;
	struct server_process server;
	struct load load;
	uint32_t size;

	(void)state;
	load_make(&load, 5);
	size = (uint32_t)haul_Freight_size(&load.freight);
	fastipc_server_options_init(&server_options);
	fastipc_client_options_init(&options);
	server_options.max_message = size - 1;
	options.max_message = size - 1;
	client = start_with(&server, 64u << 10, &server_options, &options);
	assert_result(haul_Road_Next(client, &load.freight, &answer, soon()),
		      -EMSGSIZE);
	load_spoil(&load);
	/* Its answer is the one that is too long. */
	load_make(&load, 4);
	assert_true(haul_Freight_size(&load.freight) < size);
	assert_result(haul_Road_Next(client, &load.freight, &answer, soon()),
		      -EMSGSIZE);
	assert_result(haul_Road_Later(client, &load.freight, &answer, soon()),
		      -EMSGSIZE);
	load_spoil(&load);
	call(client, haul_Road_Next, 0, soon());
	fastipc_buffer_free(&answer.buffer);
	finish(&server, client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls),
		cmocka_unit_test(answers_that_wait),
		cmocka_unit_test(compressed),
		cmocka_unit_test(between_others),
		cmocka_unit_test(posts),
		cmocka_unit_test(no_room_in_time),
		cmocka_unit_test(what_cannot_be_encoded),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests_name("gathered", tests, write_text,
					   runtime_directory_remove);
}
