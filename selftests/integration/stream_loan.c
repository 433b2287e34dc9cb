// SPDX-License-Identifier: MIT
/*
 * Loans and descriptors along with messages of streams, in both directions, to
 * threads and to callbacks.
 */
#include "laden_pair.h"

/* ---- to the server ---- */

/* Of each kind in turn: a loan, descriptors, both, nothing, and a message in
 * fragments between them. */
static struct order kind(uint32_t i)
{
	return (struct order){
		.size = i % 2 ? 1 + i * 7919 % 200000 : 0,
		.descriptors = i % 4 / 2 ? 1 + i % 3 : 0,
	};
}

static void write_kind(struct fastipc_stream *stream, uint32_t i)
{
	static unsigned char large[50000];
	const struct order order = kind(i);

	if (i % 8 == 4)
		assert_result(fastipc_stream_write(stream, large, sizeof(large),
						   0, soon()),
			      0);
	else
		assert_result(write_laden(stream, &order, i, NULL, soon()), 0);
}

static void read_seen(struct fastipc_stream *stream, uint32_t i)
{
	const struct order order = kind(i);
	struct seen seen = { 0 };
	struct fastipc_buffer buffer = { .data = &seen,
					 .capacity = sizeof(seen),
					 .fixed = true };

	assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
	assert_int_equal(buffer.size, sizeof(seen));
	if (i % 8 == 4) {
		assert_int_equal(seen.bytes, 50000);
		assert_int_equal(seen.lent + seen.descriptors, 0);
		return;
	}
	assert_int_equal(seen.bytes, sizeof(i));
	assert_int_equal(seen.lent, order.size);
	assert_int_equal(seen.sum, expected_sum(order.size, i));
	assert_int_equal(seen.descriptors, order.descriptors);
	assert_int_equal(seen.offset, order.descriptors ? i + 1 : 0);
}

static void to_server(uint16_t type)
{
	uint64_t descriptors;
	struct fastipc_stream *stream;

	begin();
	descriptors = state_now().descriptors;
	stream = open_laden(type, NULL);
	for (uint32_t i = 0; i < 200; i++) {
		write_kind(stream, i);
		if (i >= 8)
			read_seen(stream, i - 8);
	}
	assert_result(fastipc_stream_finish(stream, 0, NULL, NULL, 0), 0);
	for (uint32_t i = 192; i < 200; i++)
		read_seen(stream, i);
	fastipc_stream_close(stream);
	assert_all_is_back(descriptors);
	end();
}

static void to_a_thread(void **state)
{
	(void)state;
	to_server(GATHER);
}

static void to_callbacks(void **state)
{
	(void)state;
	to_server(TELL);
}

/* ---- to the client ---- */

static void check_delivery(const struct order *order, uint32_t i,
			   const void *data, size_t size,
			   struct fastipc_delivery *delivery)
{
	struct fastipc_shared lent = fastipc_delivery_lent(delivery);
	uint32_t number;

	assert_int_equal(size, sizeof(number));
	memcpy(&number, data, sizeof(number));
	assert_int_equal(number, i);
	assert_int_equal(lent.size, order->size);
	assert_int_equal(sum_of(lent), expected_sum(order->size, i));
	assert_int_equal(fastipc_delivery_descriptors(delivery),
			 order->descriptors);
	for (uint32_t d = 0; d < order->descriptors; d++) {
		int fd = d % 2 ? -1 : fastipc_delivery_take(delivery, d);

		if (fd < 0)
			continue; /* closed with the delivery */
		assert_int_equal(lseek(fd, 0, SEEK_CUR), i + 1);
		close(fd);
	}
}

#define KEPT 4

/* Keeps some for a while, so that the server waits for room in its area. */
static void from_server(uint16_t type, const struct order *order)
{
	struct fastipc_delivery *kept[KEPT] = { NULL };
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_delivery *delivery;
	struct fastipc_stream *stream;
	uint64_t descriptors;

	begin();
	descriptors = state_now().descriptors;
	stream = open_laden(type, order);
	for (uint32_t i = 0; i < order->count; i++) {
		fastipc_delivery_end(kept[i % KEPT]);
		assert_result(fastipc_stream_read_with(stream, &buffer,
						       &kept[i % KEPT], soon()),
			      0);
		check_delivery(order, i, buffer.data, buffer.size,
			       kept[i % KEPT]);
	}
	delivery = (void *)1;
	assert_result(fastipc_stream_read_with(stream, &buffer, &delivery,
					       soon()),
		      -ENODATA);
	assert_null(delivery);
	fastipc_stream_close(stream);
	for (int i = 0; i < KEPT; i++)
		fastipc_delivery_end(kept[i]);
	fastipc_buffer_free(&buffer);
	assert_all_is_back(descriptors);
	end();
}

static const struct order orders[] = {
	{ .count = 100, .size = 100000, .descriptors = 2 },
	{ .count = 100, .size = AREA / 6 },
	{ .count = 300, .descriptors = 5 },
};

static void from_a_thread(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		from_server(SCATTER, &orders[i]);
}

static void from_callbacks(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		from_server(SPREAD, &orders[i]);
}

struct heard {
	const struct order *order;
	uint32_t count;
	bool ended;
};

/* Every third is not taken. */
static void hear(void *context, struct fastipc_stream *stream, const void *data,
		 size_t size)
{
	struct heard *heard = context;

	if (heard->count % 3 < 2) {
		struct fastipc_delivery *delivery =
			fastipc_stream_take_delivery(stream);

		check_delivery(heard->order, heard->count, data, size,
			       delivery);
		assert_null(fastipc_stream_take_delivery(stream));
		fastipc_delivery_end(delivery);
	}
	heard->count++;
}

static void hear_end(void *context, struct fastipc_stream *stream)
{
	struct heard *heard = context;

	assert_null(fastipc_stream_take_delivery(stream));
	heard->ended = true;
}

static void client_callbacks(void **state)
{
	struct heard heard = { .order = &orders[0] };
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;
	uint64_t descriptors;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	fastipc_stream_options_init(&options);
	options.message = hear;
	options.end = hear_end;
	options.context = &heard;
	assert_result(fastipc_stream_open(client, SCATTER, &orders[0],
					  sizeof(orders[0]), &options, &stream),
		      0);
	while (!heard.ended)
		assert_true(fastipc_client_wait(client, soon()) >= 0);
	assert_int_equal(heard.count, orders[0].count);
	fastipc_stream_close(stream);
	assert_all_is_back(descriptors);
	end();
}

/* A handler that answers instead. */
static void answers(void **state)
{
	const struct order order = { .size = 5000, .descriptors = 1 };
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_delivery *delivery;
	struct fastipc_stream *stream;
	uint64_t descriptors;
	int fd;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	stream = open_laden(ANSWER, &order);
	assert_result(fastipc_stream_read_with(stream, &buffer, &delivery,
					       soon()),
		      0);
	assert_int_equal(buffer.size, 13);
	assert_int_equal(sum_of(fastipc_delivery_lent(delivery)),
			 expected_sum(5000, 77));
	fd = fastipc_delivery_take(delivery, 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 77);
	close(fd);
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -ENODATA);
	fastipc_stream_close(stream);
	fastipc_delivery_end(delivery);
	fastipc_buffer_free(&buffer);
	assert_all_is_back(descriptors);
	end();
}

/* ---- readers that do not care ---- */

static void disregarded(void **state)
{
	const struct order order = { .count = 200,
				     .size = 50000,
				     .descriptors = 3 };
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_stream_end stream_end;
	struct fastipc_stream *stream;
	uint64_t descriptors, count;
	int before;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	before = count_descriptors();
	stream = open_laden(DISREGARD, NULL);
	for (uint32_t i = 0; i < order.count; i++)
		assert_result(write_laden(stream, &order, i, NULL, soon()), 0);
	assert_result(fastipc_stream_finish(stream, 0, NULL, NULL, 0), 0);
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -ENODATA);
	assert_result(fastipc_stream_status(stream, &stream_end), 0);
	assert_int_equal(stream_end.size, sizeof(count));
	memcpy(&count, stream_end.trailers, sizeof(count));
	assert_int_equal(count, order.count);
	fastipc_stream_close(stream);
	assert_all_is_back(descriptors);

	stream = open_laden(SCATTER, &order);
	for (uint32_t i = 0; i < order.count; i++)
		assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
	fastipc_stream_close(stream);
	assert_int_equal(count_descriptors(), before);
	assert_all_is_back(descriptors);
	fastipc_buffer_free(&buffer);
	end();
}

/* ---- what cannot go along ---- */

static void assert_loan_is_gone(void)
{
	struct fastipc_loan *all;

	assert_result(fastipc_client_loan(client, AREA, 0, &all), 0);
	fastipc_loan_free(all);
}

static void refused(void **state)
{
	static unsigned char large[20000];
	struct fastipc_attachment attachment = { 0 };
	struct fastipc_client *other;
	struct fastipc_stream *stream;
	struct fastipc_loan *loan;
	int fd = -1;

	(void)state;
	begin();
	other = another_client();
	stream = open_laden(HOLD, NULL);
	assert_result(fastipc_stream_loan(stream, 0, 0, &loan), -EINVAL);
	assert_null(loan);
	assert_result(fastipc_stream_loan(stream, AREA + 1, 0, &loan),
		      -EMSGSIZE);
	assert_result(fastipc_client_loan(other, 1, 0, &attachment.loan), 0);
	assert_result(fastipc_stream_write_with(stream, "", 0, &attachment, 0,
						soon()),
		      -EINVAL);
	assert_result(
		fastipc_stream_loan(stream, AREA, soon(), &attachment.loan), 0);
	assert_result(fastipc_stream_loan(stream, 1, fastipc_after_ns(MS),
					  &loan),
		      -ETIMEDOUT);
	assert_result(fastipc_stream_write_with(stream, large, sizeof(large),
						&attachment, 0, soon()),
		      -EMSGSIZE);
	assert_loan_is_gone();
	attachment = (struct fastipc_attachment){ .descriptors = &fd,
						  .descriptor_count = 1 };
	assert_result(
		fastipc_stream_loan(stream, AREA, soon(), &attachment.loan), 0);
	assert_result(fastipc_stream_write_with(stream, "", 0, &attachment, 0,
						soon()),
		      -EBADF);
	assert_loan_is_gone();
	attachment = (struct fastipc_attachment){ 0 };
	assert_result(
		fastipc_stream_loan(stream, AREA, soon(), &attachment.loan), 0);
	assert_result(fastipc_stream_write_with(stream, "", 0, &attachment, 99,
						soon()),
		      -EINVAL);
	assert_loan_is_gone();
	/* NULL, and one with nothing in it, are plain writes. */
	attachment.loan = NULL;
	assert_result(fastipc_stream_write_with(stream, "", 0, &attachment, 0,
						soon()),
		      0);
	assert_result(fastipc_stream_write_with(stream, large, sizeof(large),
						NULL, 0, soon()),
		      0);
	assert_result(
		fastipc_stream_loan(stream, AREA, soon(), &attachment.loan), 0);
	assert_result(fastipc_stream_finish(stream, 0, NULL, NULL, 0), 0);
	assert_result(fastipc_stream_loan(stream, 1, soon(), &loan), -EALREADY);
	assert_result(fastipc_stream_write_with(stream, "", 0, &attachment, 0,
						soon()),
		      -EALREADY);
	assert_loan_is_gone();
	assert_null(fastipc_stream_take_delivery(stream));
	fastipc_stream_close(stream);
	fastipc_client_close(other);
	end();
}

static void not_agreed(void **state)
{
	const int fd = 0;
	const struct fastipc_attachment attachment = { .descriptors = &fd,
						       .descriptor_count = 1 };
	struct fastipc_stream *stream;
	struct fastipc_loan *loan;

	(void)state;
	server_start(&server, NULL, &laden_service);
	client = connect_with(server.address, NULL);
	stream = open_laden(HOLD, NULL);
	assert_result(fastipc_stream_loan(stream, 1, soon(), &loan),
		      -EOPNOTSUPP);
	assert_result(fastipc_stream_write_with(stream, "", 0, &attachment, 0,
						soon()),
		      -EOPNOTSUPP);
	assert_result(fastipc_stream_write(stream, "", 0, 0, soon()), 0);
	fastipc_stream_close(stream);
	end();
}

/* ---- many at once ---- */

#define THREADS 4

static void *both_ways(void *context)
{
	const struct order order = { .count = UNDER_SANITIZER ? 50 : 200,
				     .size = 30000,
				     .descriptors = 1 };
	struct fastipc_stream *out = open_laden(GATHER, NULL);
	struct fastipc_stream *in = open_laden(SCATTER, &order);
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_delivery *delivery;

	(void)context;
	for (uint32_t i = 0; i < order.count; i++) {
		struct seen seen;

		check(!write_laden(out, &order, i, NULL, soon()));
		check(!fastipc_stream_read_with(in, &buffer, &delivery,
						soon()));
		check(look(buffer.size, delivery).sum ==
		      expected_sum(order.size, i));
		check(!fastipc_stream_read(out, &buffer, soon()));
		memcpy(&seen, buffer.data, sizeof(seen));
		check(seen.sum == expected_sum(order.size, i));
		check(seen.offset == i + 1);
	}
	fastipc_buffer_free(&buffer);
	fastipc_stream_close(out);
	fastipc_stream_close(in);
	return NULL;
}

static void many_threads(void **state)
{
	pthread_t threads[THREADS];
	uint64_t descriptors;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, both_ways, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_all_is_back(descriptors);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(to_a_thread),
		footprint_test(to_callbacks),
		footprint_test(from_a_thread),
		footprint_test(from_callbacks),
		footprint_test(client_callbacks),
		footprint_test(answers),
		footprint_test(disregarded),
		footprint_test(refused),
		footprint_test(not_agreed),
		footprint_test(many_threads),
	};

	return cmocka_run_group_tests_name("stream_loan", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
