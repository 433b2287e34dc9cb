// SPDX-License-Identifier: MIT
/*
 * Room for loans that comes from this end: a loan that was never sent is freed
 * while others wait for one, in other threads and by callbacks.
 */
#include "laden_pair.h"

#define TAKE 20 /* all of the server's area, and keeps it */
#define FREE 21 /* it, in the handler */
#define LATE 22 /* it, in a thread, after a while */

/* What waits is most probably there by then. */
#define A_WHILE (50 * MS)

static void pause_for(uint64_t ns)
{
	usleep((useconds_t)(ns / 1000));
}

/* ---- the server ---- */

static struct fastipc_loan *taken_all;

static int on_take(struct fastipc_request *request, void *context)
{
	(void)context;
	check(!fastipc_request_loan(request, AREA, &taken_all));
	return fastipc_request_reply(request, "", 0);
}

static int on_free(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_loan_free(taken_all);
	return fastipc_request_reply(request, "", 0);
}

/* Threads that have not freed yet what they are to free. */
static uint32_t freeing;

static void *free_later(void *argument)
{
	(void)argument;
	pause_for(A_WHILE);
	fastipc_loan_free(taken_all);
	__atomic_fetch_sub(&freeing, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static int on_late(struct fastipc_request *request, void *context)
{
	pthread_t thread;

	(void)context;
	__atomic_fetch_add(&freeing, 1, __ATOMIC_SEQ_CST);
	check(!pthread_create(&thread, NULL, free_later, NULL));
	pthread_detach(thread);
	return fastipc_request_reply(request, NULL, 0);
}

static void add_handlers(struct fastipc_server *of)
{
	add_laden_handlers(of);
	check(!fastipc_server_add_handler(of, TAKE, on_take, NULL));
	check(!fastipc_server_add_handler(of, FREE, on_free, NULL));
	check(!fastipc_server_add_handler(of, LATE, on_late, NULL));
}

static void end_threads(void)
{
	end_laden_streams();
	while (__atomic_load_n(&freeing, __ATOMIC_SEQ_CST))
		usleep(1000);
}

static const struct service service = {
	.add = add_handlers,
	.destroyed = end_threads,
};

static void begin_with(unsigned int server_threads)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.threads = server_threads;
	options.bulk_size = AREA;
	options.bulk_max = AREA;
	options.max_descriptors = FASTIPC_DESCRIPTORS_MAX;
	server_start(&server, &options, &service);
	client = another_client();
}

static void ask(uint16_t type)
{
	assert_result(fastipc_client_call(client, type, NULL, 0, NULL, soon()),
		      0);
}

/* A stream of the server's waits for what is freed where @type does. */
static void server_frees(unsigned int server_threads, uint16_t stream_type,
			 uint16_t type)
{
	const struct order order = { .count = 3, .size = 5000 };
	struct fastipc_buffer buffer = { 0 };

	begin_with(server_threads);
	for (int i = 0; i < 3; i++) {
		struct fastipc_stream *stream;

		ask(TAKE);
		stream = open_laden(stream_type, &order);
		pause_for(A_WHILE);
		ask(type);
		for (uint32_t n = 0; n < order.count; n++)
			assert_result(fastipc_stream_read(stream, &buffer,
							  soon()),
				      0);
		assert_result(fastipc_stream_read(stream, &buffer, soon()),
			      -ENODATA);
		fastipc_stream_close(stream);
	}
	fastipc_buffer_free(&buffer);
	end();
}

static void freed_in_a_handler(void **state)
{
	(void)state;
	server_frees(1, SCATTER, FREE);
	server_frees(1, SPREAD, FREE);
}

static void freed_in_a_thread_of_the_server(void **state)
{
	(void)state;
	server_frees(1, SCATTER, LATE);
	server_frees(1, SPREAD, LATE);
}

static void freed_beside_a_loop(void **state)
{
	(void)state;
	server_frees(0, SPREAD, FREE);
	server_frees(0, SPREAD, LATE);
}

/* ---- the client ---- */

static struct fastipc_loan *all_of_it(void)
{
	struct fastipc_loan *all = NULL;

	assert_result(fastipc_client_loan(client, AREA, soon(), &all), 0);
	return all;
}

static void *borrow(void *argument)
{
	struct fastipc_loan *loan = NULL;

	(void)argument;
	if (fastipc_client_loan(client, 5000, soon(), &loan))
		return "no room came";
	fastipc_loan_free(loan);
	return NULL;
}

static void *borrow_for_stream(void *stream)
{
	struct fastipc_loan *loan = NULL;

	if (fastipc_stream_loan(stream, 5000, soon(), &loan))
		return "no room came for a stream";
	fastipc_loan_free(loan);
	return NULL;
}

static void *call_slowly(void *argument)
{
	(void)argument;
	return fastipc_client_call(client, STATE, NULL, 0, NULL, soon())
		       ? "a call failed"
		       : NULL;
}

static pthread_t start(void *(*run)(void *argument), void *argument)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
	return thread;
}

static void finish(pthread_t thread)
{
	void *text;

	assert_int_equal(pthread_join(thread, &text), 0);
	if (text)
		fail_msg("%s", (const char *)text);
}

/* Two wait for room, and one of them reads for both. */
static void freed_in_another_thread(void **state)
{
	struct fastipc_stream *stream;

	(void)state;
	begin();
	stream = open_laden(HOLD, NULL);
	for (int i = 0; i < 3; i++) {
		struct fastipc_loan *all = all_of_it();
		pthread_t threads[3] = {
			start(borrow, NULL),
			start(borrow_for_stream, stream),
			start(borrow, NULL),
		};

		pause_for(A_WHILE);
		fastipc_loan_free(all);
		for (int t = 0; t < 3; t++)
			finish(threads[t]);
	}
	fastipc_stream_close(stream);
	end();
}

/* Who reads for them waits for something else. */
static void freed_beside_a_call(void **state)
{
	struct fastipc_loan *all;
	pthread_t caller, borrower;

	(void)state;
	begin();
	all = all_of_it();
	stall(client);
	caller = start(call_slowly, NULL);
	pause_for(A_WHILE);
	borrower = start(borrow, NULL);
	pause_for(A_WHILE);
	fastipc_loan_free(all);
	finish(borrower);
	go_on();
	finish(caller);
	end();
}

static void count_writable(void *count, struct fastipc_stream *stream)
{
	(void)stream;
	++*(int *)count;
}

/* An event loop's own, which is told by the time to look again. */
static void freed_beside_an_event_loop(void **state)
{
	struct fastipc_stream_options options;
	struct fastipc_loan *all, *loan;
	struct fastipc_stream *stream;
	int count = 0;

	(void)state;
	begin();
	fastipc_stream_options_init(&options);
	options.writable = count_writable;
	options.context = &count;
	assert_result(fastipc_stream_open(client, HOLD, NULL, 0, &options,
					  &stream),
		      0);
	all = all_of_it();
	assert_result(fastipc_stream_loan(stream, 5000, 1, &loan), -ETIMEDOUT);
	assert_int_equal(fastipc_client_next_deadline(client), 0);
	assert_int_equal(fastipc_client_dispatch(client), 0);
	assert_int_equal(count, 0);
	fastipc_loan_free(all);
	assert_true(fastipc_client_next_deadline(client) != 0);
	assert_true(fastipc_client_next_deadline(client) < fastipc_now_ns());
	assert_true(fastipc_client_dispatch(client) > 0);
	assert_int_equal(count, 1);
	assert_int_equal(fastipc_client_next_deadline(client), 0);
	assert_result(fastipc_stream_loan(stream, AREA, 0, &loan), 0);
	fastipc_loan_free(loan);
	fastipc_stream_close(stream);
	end();
}

/* Nobody is there any more who could be told. */
static void freed_after_the_end(void **state)
{
	struct fastipc_loan *all, *loan;
	struct fastipc_stream *stream;

	(void)state;
	begin();
	stream = open_laden(HOLD, NULL);
	all = all_of_it();
	assert_result(fastipc_client_loan(client, 1, fastipc_after_ns(MS),
					  &loan),
		      -ETIMEDOUT);
	end();
	assert_result(fastipc_stream_loan(stream, 1, soon(), &loan),
		      -ECANCELED);
	fastipc_stream_close(stream);
	fill(fastipc_loan_data(all), AREA, 1);
	fastipc_loan_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(freed_in_a_handler),
		footprint_test(freed_in_a_thread_of_the_server),
		footprint_test(freed_beside_a_loop),
		footprint_test(freed_in_another_thread),
		footprint_test(freed_beside_a_call),
		footprint_test(freed_beside_an_event_loop),
		footprint_test(freed_after_the_end),
	};

	return cmocka_run_group_tests_name("loan_room", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
