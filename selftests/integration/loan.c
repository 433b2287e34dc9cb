// SPDX-License-Identifier: MIT
/*
 * Loans, between two processes: bytes are read where their sender wrote them,
 * and their place comes back.
 */
#include <pthread.h>

#include "pair.h"

#define AREA (1u << 20)

#define SUM 1	 /* of what is lent: the reply is its checksum */
#define LEND 2	 /* lends as many bytes as asked for, filled by the size */
#define LATER 3	 /* SUM, by another thread, after a while */
#define POSTED 4 /* SUM of all that was posted */
#define HOARD 5	 /* lends until there is no room, and says how often */

static struct server_process server;

/* Of bytes that the other end may write, each looked at once. */
static uint64_t sum_of(struct fastipc_shared lent)
{
	const volatile unsigned char *bytes = lent.data;
	uint64_t sum = lent.size;

	for (size_t i = 0; i < lent.size; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

static uint64_t expected_sum(size_t size, uint32_t seed)
{
	unsigned char *bytes = malloc(size);
	uint64_t sum;

	assert_non_null(bytes);
	fill(bytes, size, seed);
	sum = sum_of(fastipc_shared_of(bytes, size));
	free(bytes);
	return sum;
}

/* ---- the server ---- */

static int on_sum(struct fastipc_request *request, void *context)
{
	uint64_t sum = sum_of(fastipc_request_lent(request));

	(void)context;
	return fastipc_request_reply(request, &sum, sizeof(sum));
}

static uint64_t posted;

static int on_posted(struct fastipc_request *request, void *context)
{
	(void)context;
	if (fastipc_request_is_one_way(request))
		posted += sum_of(fastipc_request_lent(request));
	return fastipc_request_reply(request, &posted, sizeof(posted));
}

/* Threads that are not done with their requests. */
static uint32_t threads;

static void *sum_later(void *request)
{
	usleep(20000);
	on_sum(request, NULL);
	__atomic_fetch_sub(&threads, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static int on_later(struct fastipc_request *request, void *context)
{
	(void)context;
	__atomic_fetch_add(&threads, 1, __ATOMIC_SEQ_CST);
	return answer_in_thread(request, sum_later);
}

static int on_lend(struct fastipc_request *request, void *context)
{
	struct fastipc_attachment attachment = { 0 };
	uint64_t size;
	int error;

	(void)context;
	memcpy(&size, fastipc_request_data(request), sizeof(size));
	error = fastipc_request_loan(request, size, &attachment.loan);
	if (error)
		return error;
	check(fastipc_loan_size(attachment.loan) == size);
	fill(fastipc_loan_data(attachment.loan), size, (uint32_t)size);
	return fastipc_request_reply_with(request, &size, sizeof(size),
					  &attachment);
}

static int on_hoard(struct fastipc_request *request, void *context)
{
	struct fastipc_loan *loans[AREA / 65536 + 1];
	uint32_t count = 0;

	(void)context;
	while (!fastipc_request_loan(request, 65536, &loans[count]))
		count++;
	for (uint32_t i = 0; i < count; i++)
		fastipc_loan_free(loans[i]);
	return fastipc_request_reply(request, &count, sizeof(count));
}

static void add_handlers(struct fastipc_server *new_server)
{
	check(!fastipc_server_add_handler(new_server, SUM, on_sum, NULL));
	check(!fastipc_server_add_handler(new_server, LEND, on_lend, NULL));
	check(!fastipc_server_add_handler(new_server, LATER, on_later, NULL));
	check(!fastipc_server_add_handler(new_server, POSTED, on_posted, NULL));
	check(!fastipc_server_add_handler(new_server, HOARD, on_hoard, NULL));
}

static void end_threads(void)
{
	while (__atomic_load_n(&threads, __ATOMIC_SEQ_CST))
		usleep(1000);
}

static const struct service lending = { .add = add_handlers,
					.destroyed = end_threads };

static void start(uint64_t bulk_size, uint64_t bulk_max)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.bulk_size = bulk_size;
	options.bulk_max = bulk_max;
	server_start(&server, &options, &lending);
}

static struct fastipc_client *client_with(uint64_t bulk_size, uint64_t bulk_max)
{
	struct fastipc_client_options options;

	fastipc_client_options_init(&options);
	options.bulk_size = bulk_size;
	options.bulk_max = bulk_max;
	return connect_with(server.address, &options);
}

/* ---- the client lends ---- */

static struct fastipc_loan *filled(struct fastipc_client *client, size_t size,
				   uint32_t seed)
{
	struct fastipc_loan *loan;

	assert_result(fastipc_client_loan(client, size, soon(), &loan), 0);
	assert_int_equal(fastipc_loan_size(loan), size);
	assert_int_equal((uintptr_t)fastipc_loan_data(loan) % 4096, 0);
	fill(fastipc_loan_data(loan), size, seed);
	return loan;
}

static uint64_t call_sum(struct fastipc_client *client, uint16_t type,
			 struct fastipc_loan *loan)
{
	const struct fastipc_attachment attachment = { .loan = loan };
	uint64_t sum = 0;
	struct fastipc_buffer reply = { .data = &sum,
					.capacity = sizeof(sum),
					.fixed = true };
	struct fastipc_delivery *delivery = (void *)1;

	assert_result(fastipc_client_call_with(client, type, "x", 1,
					       &attachment, &reply, &delivery,
					       soon()),
		      0);
	assert_null(delivery);
	assert_int_equal(reply.size, sizeof(sum));
	return sum;
}

static void client_lends(void **state)
{
	const size_t sizes[] = { 1, 4095, 4096, 4097, 100000, AREA / 2, AREA };
	struct fastipc_client *client;

	(void)state;
	start(0, AREA);
	client = client_with(AREA, 0);
	for (uint32_t i = 0; i < 50; i++) {
		size_t size = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];

		assert_int_equal(call_sum(client, i % 3 ? SUM : LATER,
					  filled(client, size, i)),
				 expected_sum(size, i));
	}
	fastipc_client_close(client);
	server_stop(&server);
}

static void posts_lend(void **state)
{
	struct fastipc_client *client;
	uint64_t expected = 0, sum = 0;
	struct fastipc_buffer reply = { .data = &sum,
					.capacity = sizeof(sum),
					.fixed = true };

	(void)state;
	start(0, AREA);
	client = client_with(AREA, 0);
	/* Several times the area: each waits for what comes back. */
	for (uint32_t i = 0; i < 100; i++) {
		struct fastipc_attachment attachment = {
			.loan = filled(client, 50000, i),
		};

		expected += expected_sum(50000, i);
		assert_result(fastipc_client_post_with(client, POSTED, NULL, 0,
						       &attachment, soon()),
			      0);
	}
	assert_result(fastipc_client_call(client, POSTED, NULL, 0, &reply,
					  soon()),
		      0);
	assert_int_equal(sum, expected);
	fastipc_client_close(client);
	server_stop(&server);
}

static void what_cannot_be_lent(void **state)
{
	struct fastipc_attachment attachment = { 0 };
	struct fastipc_client *client, *other;
	struct fastipc_loan *all, *loan;
	static unsigned char large[20000];

	(void)state;
	start(0, AREA);
	client = client_with(AREA, 0);
	other = client_with(AREA, 0);
	assert_result(fastipc_client_loan(client, 0, 0, &loan), -EINVAL);
	assert_result(fastipc_client_loan(client, AREA + 1, 0, &loan),
		      -EMSGSIZE);
	assert_result(fastipc_client_loan(client, SIZE_MAX, 0, &loan),
		      -EMSGSIZE);
	assert_result(fastipc_client_loan(client, AREA, 0, &all), 0);
	assert_result(fastipc_client_loan(client, 1, fastipc_after_ns(MS),
					  &loan),
		      -ETIMEDOUT);
	fastipc_loan_free(all);
	assert_result(fastipc_client_loan(client, AREA, 0, &all), 0);

	/* Of another connection; it is gone all the same. */
	attachment.loan = all;
	assert_result(fastipc_client_call_with(other, SUM, NULL, 0, &attachment,
					       NULL, NULL, soon()),
		      -EINVAL);
	assert_result(fastipc_client_loan(client, AREA, 0, &all), 0);
	attachment.loan = all;
	assert_result(fastipc_client_call_with(client, SUM, large,
					       sizeof(large), &attachment, NULL,
					       NULL, soon()),
		      -EMSGSIZE);
	attachment.loan = filled(client, AREA, 1);
	assert_result(fastipc_client_post_with(client, FASTIPC_TYPE_RESERVED,
					       NULL, 0, &attachment, soon()),
		      -EINVAL);
	assert_int_equal(call_sum(client, SUM, filled(client, AREA, 1)),
			 expected_sum(AREA, 1));
	fastipc_client_close(other);
	fastipc_client_close(client);
	server_stop(&server);
}

/* An end without an area, or whose peer wants none of its size, says so. */
static void not_agreed(void **state)
{
	const struct {
		uint64_t size, most;
	} ends[] = { { 0, AREA }, { AREA, 0 }, { AREA, AREA / 2 } };
	uint64_t size = 1;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fastipc_client *client;
		struct fastipc_loan *loan;

		start(ends[i].size, ends[i].most);
		client = client_with(ends[i].size, ends[i].most);
		assert_result(fastipc_client_loan(client, 1, 0, &loan),
			      -EOPNOTSUPP);
		assert_result(fastipc_client_call(client, LEND, &size,
						  sizeof(size), NULL, soon()),
			      -EOPNOTSUPP);
		assert_result(fastipc_client_call(client, SUM, NULL, 0, NULL,
						  soon()),
			      0);
		fastipc_client_close(client);
		server_stop(&server);
	}
}

static void wrong_options(void **state)
{
	const uint64_t sizes[] = { 1, 4096, AREA + 4096, 32ull << 30 };
	struct fastipc_client_options options;
	struct fastipc_server_options server_options;
	struct fastipc_client *client;
	struct fastipc_server *none;

	(void)state;
	fastipc_client_options_init(&options);
	fastipc_server_options_init(&server_options);
	for (size_t i = 0; i < 4; i++) {
		options.bulk_size = server_options.bulk_size = sizes[i];
		assert_result(fastipc_client_connect("x", &options, &client),
			      -EINVAL);
		assert_result(fastipc_server_create("x", &server_options,
						    &none),
			      -EINVAL);
	}
	options.bulk_size = server_options.bulk_size = 0;
	options.max_descriptors = server_options.max_descriptors = 17;
	assert_result(fastipc_client_connect("x", &options, &client), -EINVAL);
	assert_result(fastipc_server_create("x", &server_options, &none),
		      -EINVAL);
}

/* ---- the server lends ---- */

static int ask(struct fastipc_client *client, uint64_t size,
	       struct fastipc_delivery **delivery)
{
	uint64_t got = 0;
	struct fastipc_buffer reply = { .data = &got,
					.capacity = sizeof(got),
					.fixed = true };
	int error = fastipc_client_call_with(client, LEND, &size, sizeof(size),
					     NULL, &reply, delivery, soon());

	if (!error)
		assert_int_equal(got, size);
	return error;
}

static uint32_t room(struct fastipc_client *client)
{
	uint32_t count;

	ask_for(client, HOARD, &count, sizeof(count));
	return count;
}

static void server_lends(void **state)
{
	struct fastipc_delivery *deliveries[4], *none;
	struct fastipc_client *client;

	(void)state;
	start(AREA, 0);
	client = client_with(0, AREA);
	assert_int_equal(room(client), 16);
	for (size_t i = 0; i < 4; i++)
		assert_result(ask(client, AREA / 4 - i, &deliveries[i]), 0);
	assert_int_equal(room(client), 0);
	assert_result(ask(client, 1, &none), -EAGAIN);
	assert_null(none);
	for (size_t i = 0; i < 4; i++) {
		struct fastipc_shared lent =
			fastipc_delivery_lent(deliveries[i]);

		assert_int_equal(lent.size, AREA / 4 - i);
		assert_int_equal(sum_of(lent),
				 expected_sum(lent.size, (uint32_t)lent.size));
		fastipc_delivery_end(deliveries[i]);
		assert_int_equal(room(client), 4 * (i + 1));
	}
	/* Who does not want it gives it back. */
	for (int i = 0; i < 20; i++)
		assert_result(ask(client, AREA / 8, NULL), 0);
	assert_int_equal(room(client), 16);
	fastipc_client_close(client);
	server_stop(&server);
}

/* What was lent can be read until it is given back, whatever happens. */
static void after_the_end(void **state)
{
	struct fastipc_delivery *delivery, *other;
	struct fastipc_client *client, *idle;
	struct fastipc_loan *loan;

	(void)state;
	start(AREA, AREA);
	client = client_with(AREA, AREA);
	idle = client_with(AREA, AREA);
	assert_result(ask(client, 5000, &delivery), 0);
	assert_result(ask(idle, 6000, &other), 0);
	assert_result(fastipc_client_loan(client, 7000, 0, &loan), 0);
	server_stop(&server);
	assert_result(ask(client, 1, NULL), -EPIPE);
	assert_int_equal(sum_of(fastipc_delivery_lent(delivery)),
			 expected_sum(5000, 5000));
	fastipc_client_close(client);
	fastipc_client_close(idle);
	assert_int_equal(sum_of(fastipc_delivery_lent(delivery)),
			 expected_sum(5000, 5000));
	assert_int_equal(sum_of(fastipc_delivery_lent(other)),
			 expected_sum(6000, 6000));
	fill(fastipc_loan_data(loan), 7000, 1);
	fastipc_loan_free(loan);
	fastipc_delivery_end(delivery);
	fastipc_delivery_end(other);
}

/* ---- many threads ---- */

#define THREADS 4
#define ROUNDS (UNDER_SANITIZER ? 200 : 1000)

static struct fastipc_client *shared_client;

static void *lend_and_borrow(void *context)
{
	uint32_t seed = (uint32_t)(uintptr_t)context;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		size_t size = 1 + (seed * 7919 + i * 104729) % 100000;
		struct fastipc_attachment attachment = { 0 };
		struct fastipc_delivery *delivery;
		struct fastipc_buffer reply = { 0 };
		uint64_t sum, asked = size;
		int error;

		error = fastipc_client_loan(shared_client, size, soon(),
					    &attachment.loan);
		check(!error);
		fill(fastipc_loan_data(attachment.loan), size, i);
		sum = sum_of(fastipc_shared_of(
			fastipc_loan_data(attachment.loan), size));
		error = fastipc_client_call_with(shared_client, SUM, NULL, 0,
						 &attachment, &reply, NULL,
						 soon());
		check(!error && reply.size == sizeof(sum));
		check(!memcmp(reply.data, &sum, sizeof(sum)));
		fastipc_buffer_free(&reply);
		do {
			error = fastipc_client_call_with(shared_client, LEND,
							 &asked, sizeof(asked),
							 NULL, NULL, &delivery,
							 soon());
		} while (error == -EAGAIN);
		check(!error && delivery);
		check(fastipc_delivery_lent(delivery).size == size);
		fastipc_delivery_end(delivery);
	}
	return NULL;
}

static void many_threads(void **state)
{
	pthread_t callers[THREADS];

	(void)state;
	start(AREA, AREA);
	shared_client = client_with(AREA, AREA);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&callers[i], NULL,
						lend_and_borrow, (void *)i),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(callers[i], NULL);
	assert_int_equal(room(shared_client), 16);
	fastipc_client_close(shared_client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(client_lends),
		footprint_test(posts_lend),
		footprint_test(what_cannot_be_lent),
		footprint_test(not_agreed),
		footprint_test(wrong_options),
		footprint_test(server_lends),
		footprint_test(after_the_end),
		footprint_test(many_threads),
	};

	return cmocka_run_group_tests_name("loan", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
