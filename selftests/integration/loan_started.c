// SPDX-License-Identifier: MIT
/*
 * Loans and descriptors along with calls that are started, and are finished,
 * told by callbacks, or given up; and with calls of a pool.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "pair.h"

#define AREA (1u << 20)

#define SWAP 1	/* lends what was lent, inverted; u64: offset of the file */
#define LATER 2 /* the same, by another thread, after a while */

#define LEND 3 /* lends LENT bytes */

#define STARTED 4 /* u32: threads that have not answered yet */

#define LENT 5000

static struct server_process server;

static int swap(struct fastipc_request *request)
{
	struct fastipc_shared lent = fastipc_request_lent(request);
	int fd = fastipc_request_take(request, 0);
	struct fastipc_attachment attachment = { .descriptors = &fd,
						 .descriptor_count = fd >= 0 };
	uint64_t offset = fd >= 0 ? (uint64_t)lseek(fd, 0, SEEK_CUR) : 0;
	int error = 0;

	if (lent.size) {
		error = fastipc_request_loan(request, lent.size,
					     &attachment.loan);
		if (!error) {
			void *data = fastipc_loan_data(attachment.loan);

			fastipc_shared_copy(lent, data, lent.size);
			invert(data, data, lent.size);
		}
	}
	if (error)
		fastipc_request_fail(request, error, NULL);
	else
		fastipc_request_reply_with(request, &offset, sizeof(offset),
					   &attachment);
	if (fd >= 0)
		close(fd);
	return 0;
}

static int on_swap(struct fastipc_request *request, void *context)
{
	(void)context;
	return swap(request);
}

static uint32_t threads;

static void *swap_later(void *request)
{
	usleep(20000);
	swap(request);
	__atomic_fetch_sub(&threads, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static int on_later(struct fastipc_request *request, void *context)
{
	(void)context;
	__atomic_fetch_add(&threads, 1, __ATOMIC_SEQ_CST);
	return answer_in_thread(request, swap_later);
}

static int on_lend(struct fastipc_request *request, void *context)
{
	struct fastipc_attachment attachment = { 0 };
	int error = fastipc_request_loan(request, LENT, &attachment.loan);

	(void)context;
	if (error)
		return error;
	fill(fastipc_loan_data(attachment.loan), LENT, LENT);
	return fastipc_request_reply_with(request, "", 0, &attachment);
}

static int on_started(struct fastipc_request *request, void *context)
{
	uint32_t count = __atomic_load_n(&threads, __ATOMIC_SEQ_CST);

	(void)context;
	return fastipc_request_reply(request, &count, sizeof(count));
}

static void add_handlers(struct fastipc_server *new_server)
{
	check(!fastipc_server_add_handler(new_server, SWAP, on_swap, NULL));
	check(!fastipc_server_add_handler(new_server, LATER, on_later, NULL));
	check(!fastipc_server_add_handler(new_server, LEND, on_lend, NULL));
	check(!fastipc_server_add_handler(new_server, STARTED, on_started,
					  NULL));
}

static void end_threads(void)
{
	while (__atomic_load_n(&threads, __ATOMIC_SEQ_CST))
		usleep(1000);
}

static const struct service swapping = { .add = add_handlers,
					 .destroyed = end_threads };

static void start(void)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.bulk_size = AREA;
	options.bulk_max = AREA;
	options.max_descriptors = 1;
	server_start(&server, &options, &swapping);
}

static struct fastipc_client_options equipped(void)
{
	struct fastipc_client_options options;

	fastipc_client_options_init(&options);
	options.bulk_size = AREA;
	options.bulk_max = AREA;
	options.max_descriptors = 1;
	return options;
}

static struct fastipc_client *client;

static void begin(void)
{
	const struct fastipc_client_options options = equipped();

	start();
	client = connect_with(server.address, &options);
}

static void end(void)
{
	struct fastipc_loan *all;

	/* All of the area is back. */
	assert_result(fastipc_client_loan(client, AREA, soon(), &all), 0);
	fastipc_loan_free(all);
	fastipc_client_close(client);
	server_stop(&server);
}

/* ---- one call ---- */

struct swapped {
	uint32_t seed;
	size_t size;
	uint64_t offset; /* of the reply */
	struct fastipc_delivery *delivery;
	uint64_t id;
	int status;
	bool ended;
};

static int make_file(uint64_t offset)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(lseek(fd, (off_t)offset, SEEK_SET) >= 0);
	return fd;
}

/* Starts it; the rest of @options is the caller's. */
static int start_swap(struct swapped *swapped, uint16_t type, uint32_t seed,
		      struct fastipc_call_options *options)
{
	int fd = make_file(seed + 1), error;
	struct fastipc_attachment attachment = { .descriptors = &fd,
						 .descriptor_count = 1 };

	*swapped = (struct swapped){
		.seed = seed,
		.size = 1 + seed * 7919 % 30000,
		.delivery = (void *)1,
	};
	assert_result(fastipc_client_loan(client, swapped->size, soon(),
					  &attachment.loan),
		      0);
	fill(fastipc_loan_data(attachment.loan), swapped->size, seed);
	options->attachment = &attachment;
	options->delivery = &swapped->delivery;
	error = fastipc_client_start(client, type, "x", 1, options,
				     &swapped->id);
	options->attachment = NULL;
	close(fd);
	return error;
}

static void check_swapped(struct swapped *swapped)
{
	static unsigned char sent[30000], expected[30000], got[30000];
	struct fastipc_shared lent;
	int fd;

	assert_non_null(swapped->delivery);
	lent = fastipc_delivery_lent(swapped->delivery);
	assert_int_equal(lent.size, swapped->size);
	fill(sent, swapped->size, swapped->seed);
	invert(expected, sent, swapped->size);
	assert_int_equal(fastipc_shared_copy(lent, got, sizeof(got)),
			 swapped->size);
	assert_memory_equal(got, expected, swapped->size);
	assert_int_equal(swapped->offset, swapped->seed + 1);
	fd = fastipc_delivery_take(swapped->delivery, 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), swapped->seed + 1);
	close(fd);
	fastipc_delivery_end(swapped->delivery);
}

/* ---- started ---- */

#define AT_ONCE 8

static void finished(void **state)
{
	struct swapped swapped[AT_ONCE];
	struct fastipc_buffer replies[AT_ONCE];

	(void)state;
	begin();
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < AT_ONCE; i++) {
			struct fastipc_call_options options;

			fastipc_call_options_init(&options);
			replies[i] = (struct fastipc_buffer){
				.data = &swapped[i].offset,
				.capacity = sizeof(swapped[i].offset),
				.fixed = true,
			};
			options.reply = &replies[i];
			options.deadline = soon();
			assert_result(start_swap(&swapped[i],
						 i % 2 ? SWAP : LATER,
						 round * AT_ONCE + i, &options),
				      0);
		}
		for (uint32_t i = 0; i < AT_ONCE; i++) {
			assert_result(fastipc_client_finish(client,
							    swapped[i].id),
				      0);
			check_swapped(&swapped[i]);
		}
	}
	end();
}

static void done(void *context, int status, const void *data, size_t size)
{
	struct swapped *swapped = context;

	swapped->status = status;
	swapped->ended = true;
	if (status) {
		assert_null(swapped->delivery);
		return;
	}
	assert_int_equal(size, sizeof(swapped->offset));
	memcpy(&swapped->offset, data, size);
	/* It is there already, and may be ended here. */
	check_swapped(swapped);
}

static void told(void **state)
{
	struct swapped swapped[AT_ONCE];

	(void)state;
	begin();
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < AT_ONCE; i++) {
			struct fastipc_call_options options;

			fastipc_call_options_init(&options);
			options.done = done;
			options.context = &swapped[i];
			options.deadline = soon();
			options.flags = i % 4 ? 0 : FASTIPC_NOWAIT;
			assert_result(start_swap(&swapped[i],
						 i % 2 ? SWAP : LATER,
						 round * AT_ONCE + i, &options),
				      0);
		}
		for (uint32_t i = 0; i < AT_ONCE; i++) {
			while (!swapped[i].ended)
				assert_true(fastipc_client_wait(client,
								soon()) >= 0);
			assert_int_equal(swapped[i].status, 0);
		}
	}
	end();
}

/* All that LATER was asked for has come, if only to go back. */
static void await_answers(void)
{
	uint64_t until = soon();
	uint32_t count = 0;
	struct fastipc_buffer reply = { .data = &count,
					.capacity = sizeof(count),
					.fixed = true };

	do {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
		assert_result(fastipc_client_call(client, STARTED, NULL, 0,
						  &reply, soon()),
			      0);
	} while (count);
}

/* What comes for a call that was given up goes back. */
static void given_up(void **state)
{
	struct swapped swapped;
	struct fastipc_call_options options;

	(void)state;
	begin();
	fastipc_call_options_init(&options);
	options.done = done;
	options.context = &swapped;
	for (uint32_t i = 0; i < 60; i++) {
		assert_result(start_swap(&swapped, LATER, i * 3, &options), 0);
		assert_null(swapped.delivery);
		assert_result(fastipc_client_cancel(client, swapped.id), 0);
		assert_true(swapped.ended);
		assert_int_equal(swapped.status, -ECANCELED);
		if (i % 20 == 19)
			await_answers();
	}
	/* The server's area is back, too: this takes most of it. */
	fastipc_call_options_init(&options);
	for (uint32_t i = 0; i < 60; i++) {
		struct fastipc_buffer reply = {
			.data = &swapped.offset,
			.capacity = sizeof(swapped.offset),
			.fixed = true,
		};

		options.reply = &reply;
		assert_result(start_swap(&swapped, SWAP, i, &options), 0);
		assert_result(fastipc_client_finish(client, swapped.id), 0);
		check_swapped(&swapped);
	}
	end();
}

static void not_started(void **state)
{
	static unsigned char large[20000];
	struct fastipc_attachment attachment = { 0 };
	struct fastipc_delivery *delivery = (void *)1;
	struct fastipc_call_options options;
	uint64_t id;

	(void)state;
	begin();
	fastipc_call_options_init(&options);
	options.attachment = &attachment;
	options.delivery = &delivery;
	/* Each has the loan. */
	for (int i = 0; i < 4; i++) {
		assert_result(fastipc_client_loan(client, AREA, soon(),
						  &attachment.loan),
			      0);
		assert_result(fastipc_client_start(
				      client,
				      i == 1   ? FASTIPC_TYPE_PING
				      : i == 2 ? FASTIPC_TYPE_RESERVED + 7
					       : SWAP,
				      large, i ? 0 : sizeof(large), &options,
				      i == 3 ? NULL : &id),
			      i ? -EINVAL : -EMSGSIZE);
		assert_null(delivery);
	}
	end();
}

/* ---- of a pool ---- */

static struct fastipc_pool *make_pool(uint64_t attempt_timeout)
{
	const struct fastipc_client_options client_options = equipped();
	const struct fastipc_pool_address address = { .address =
							      server.address };
	struct fastipc_pool_options options;
	struct fastipc_pool *pool;

	fastipc_pool_options_init(&options);
	options.client = &client_options;
	options.attempt_timeout_ns = attempt_timeout;
	assert_result(fastipc_pool_create(&address, 1, &options, &pool), 0);
	return pool;
}

static int encode_nothing(const void *value, void *to, size_t room,
			  size_t *size)
{
	(void)value;
	(void)to;
	(void)room;
	*size = 0;
	return 0;
}

/* By bytes, or by a value. */
static int call_pool(struct fastipc_pool *pool, uint16_t type, bool by_value,
		     struct fastipc_buffer *reply,
		     const struct fastipc_pool_call_options *options)
{
	return by_value
		       ? fastipc_pool_call_value(pool, type, encode_nothing, "",
						 reply, options)
		       : fastipc_pool_call(pool, type, NULL, 0, reply, options);
}

static void pooled(void **state)
{
	unsigned char got[LENT], expected[LENT];
	struct fastipc_pool_call_options options;
	struct fastipc_delivery *delivery;
	struct fastipc_pool *pool;
	uint64_t offset;
	struct fastipc_buffer reply = { .data = &offset,
					.capacity = sizeof(offset),
					.fixed = true };

	(void)state;
	begin();
	pool = make_pool(0);
	fill(expected, LENT, LENT);
	fastipc_pool_call_options_init(&options);
	options.delivery = &delivery;
	options.deadline = soon();
	for (uint32_t i = 0; i < 300; i++) {
		int fd = make_file(i + 1), came;
		const struct fastipc_attachment attachment = {
			.descriptors = &fd,
			.descriptor_count = 1,
		};

		options.attachment = &attachment;
		assert_result(call_pool(pool, SWAP, i % 2, &reply, &options),
			      0);
		assert_int_equal(offset, i + 1);
		came = fastipc_delivery_take(delivery, 0);
		assert_int_equal(lseek(came, 0, SEEK_CUR), i + 1);
		fastipc_delivery_end(delivery);
		close(came);
		close(fd);
		options.attachment = NULL;
		assert_result(call_pool(pool, LEND, i % 2, &reply, &options),
			      0);
		assert_int_equal(
			fastipc_shared_copy(fastipc_delivery_lent(delivery),
					    got, sizeof(got)),
			LENT);
		assert_memory_equal(got, expected, LENT);
		if (i < 299)
			fastipc_delivery_end(delivery);
	}
	/* The last one outlives the pool. */
	fastipc_pool_destroy(pool);
	assert_int_equal(fastipc_shared_copy(fastipc_delivery_lent(delivery),
					     got, sizeof(got)),
			 LENT);
	assert_memory_equal(got, expected, LENT);
	fastipc_delivery_end(delivery);
	end();
}

/* Each attempt has them, and what comes for one that was given up is closed. */
static void pool_tries_again(void **state)
{
	const int fd = 0;
	struct fastipc_attachment attachment = { .descriptors = &fd,
						 .descriptor_count = 1 };
	struct fastipc_pool_call_options options;
	struct fastipc_delivery *delivery;
	struct fastipc_pool *pool;

	(void)state;
	begin();
	pool = make_pool(MS);
	fastipc_pool_call_options_init(&options);
	options.attachment = &attachment;
	options.delivery = &delivery;
	options.idempotent = true;
	for (uint32_t i = 0; i < 20; i++) {
		int error;

		options.deadline = fastipc_after_ns(10 * MS);
		error = fastipc_pool_call(pool, LATER, NULL, 0, NULL, &options);
		/* It may be late itself. */
		assert_true(error == -ETIMEDOUT || !error);
		assert_true(!error == !!delivery);
		fastipc_delivery_end(delivery);
	}
	/* A loan is of one connection. */
	delivery = (void *)1;
	assert_result(
		fastipc_client_loan(client, AREA, soon(), &attachment.loan), 0);
	assert_result(fastipc_pool_call(pool, SWAP, NULL, 0, NULL, &options),
		      -EINVAL);
	assert_null(delivery);
	fastipc_pool_destroy(pool);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(finished), footprint_test(told),
		footprint_test(given_up), footprint_test(not_started),
		footprint_test(pooled),	  footprint_test(pool_tries_again),
	};

	return cmocka_run_group_tests_name("loan_started", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
