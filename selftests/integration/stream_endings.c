// SPDX-License-Identifier: MIT
/*
 * Streams that are given up with messages on their way, and ends that say
 * something that the library says, too: who reads is told how it ended, and the
 * connection is as good as before.
 */
#include <sys/mman.h>

#include "stream_service.h"

#define RING 65536u
#define CUT 20	 /* larger messages than the ring, and the end of them */
#define BUSY 21	 /* keeps the worker until it may go on */
#define COUNT 22 /* reads to the end; see struct count */
#define COUNTED 23
#define AGAIN 24 /* fails with -EAGAIN */
#define CUTS 25	 /* struct cuts */

struct cuts {
	uint32_t begun;
	uint32_t ended;
};

struct count {
	uint32_t messages;
	int32_t status; /* of the read that was none */
};

static struct server_process server;
static struct fastipc_client *client;
static uint32_t *may_go_on; /* shared with the server */
static struct count last_count;
static struct cuts cuts; /* the server's */

static void cut_is_over(void *context, struct fastipc_stream *stream)
{
	(void)context;
	fastipc_stream_close(stream);
	__atomic_fetch_add(&cuts.ended, 1, __ATOMIC_SEQ_CST);
}

static int on_cut(struct fastipc_request *request, void *context)
{
	static const unsigned char bytes[RING + RING / 2];
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;

	(void)context;
	fastipc_stream_options_init(&options);
	options.end = cut_is_over;
	stream = fastipc_request_stream(request, &options);
	check(stream);
	check(!fastipc_stream_write(stream, bytes, sizeof(bytes), 0, 0));
	check(!fastipc_stream_finish(stream, 0, NULL, NULL, 0));
	__atomic_fetch_add(&cuts.begun, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int on_cuts(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, &cuts, sizeof(cuts));
}

static int on_busy(struct fastipc_request *request, void *context)
{
	uint64_t until = soon();

	(void)request;
	(void)context;
	while (!__atomic_load_n(may_go_on, __ATOMIC_ACQUIRE)) {
		check(fastipc_now_ns() < until);
		usleep(1000);
	}
	return 0;
}

static void *count_messages(struct job *job)
{
	struct fastipc_buffer buffer = { 0 };
	struct count now = { 0 };

	while (!(now.status = fastipc_stream_read(job->stream, &buffer,
						  FASTIPC_NO_DEADLINE)))
		now.messages++;
	fastipc_buffer_free(&buffer);
	last_count = now;
	return NULL;
}

static int on_count(struct fastipc_request *request, void *context)
{
	(void)context;
	return in_thread(request, count_messages);
}

static int on_counted(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, &last_count, sizeof(last_count));
}

static int on_again(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	return -EAGAIN;
}

static void add_all(struct fastipc_server *made)
{
	add_stream_handlers(made);
	check(!fastipc_server_add_handler(made, CUT, on_cut, NULL));
	check(!fastipc_server_add_handler(made, CUTS, on_cuts, NULL));
	check(!fastipc_server_add_handler(made, BUSY, on_busy, NULL));
	check(!fastipc_server_add_handler(made, COUNT, on_count, NULL));
	check(!fastipc_server_add_handler(made, COUNTED, on_counted, NULL));
	check(!fastipc_server_add_handler(made, AGAIN, on_again, NULL));
}

static const struct service service = {
	.add = add_all,
	.destroyed = end_streams,
};

static void begin(void)
{
	struct fastipc_server_options options;
	struct fastipc_client_options client_options;

	fastipc_server_options_init(&options);
	options.ring_size = RING;
	fastipc_client_options_init(&client_options);
	client_options.ring_size = RING;
	options.bulk_max = FASTIPC_BULK_MIN;
	client_options.bulk_size = FASTIPC_BULK_MIN;
	server_start(&server, &options, &service);
	client = connect_with(server.address, &client_options);
}

static void end(void)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };

	assert_int_equal(state_of(client).stats.stream_errors, 0);
	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_int_equal(stats.streams, 0);
	assert_int_equal(stats.bad_frames, 0);
	fastipc_client_close(client);
	server_stop(&server);
}

static struct cuts cuts_of(struct fastipc_client *other)
{
	struct cuts now;

	ask_for(other, CUTS, &now, sizeof(now));
	return now;
}

/* ---- given up with messages on their way ---- */

/* What is half sent ends with the stream, not with the connection. */
static void reader_goes(void **state)
{
	struct fastipc_client *other;
	struct fastipc_stream *stream;
	uint64_t until = soon();

	(void)state;
	begin();
	other = connect_with(server.address, NULL);
	for (uint32_t i = 1; i <= 3; i++) {
		stream = open_stream(client, CUT, NULL, 0);
		/* The ring is full, and nobody reads. */
		while (cuts_of(other).begun != i)
			assert_true(fastipc_now_ns() < until);
		fastipc_stream_close(stream);
		while (cuts_of(other).ended != i)
			assert_true(fastipc_now_ns() < until);
		assert_result(fastipc_client_call(client, UNARY_ECHO, "x", 1,
						  NULL, soon()),
			      0);
	}
	fastipc_client_close(other);
	end();
}

static struct count counted(void)
{
	struct count count;
	uint64_t until = soon();

	while (state_of(client).threads) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
	ask_for(client, COUNTED, &count, sizeof(count));
	return count;
}

/*
 * The writer finishes, and then does not send all: who reads is not to take that
 * for the end of a stream that is whole.
 */
static void writer_goes(uint32_t size, uint64_t deadline_ns, int status)
{
	unsigned char *data = calloc(1, size);
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;
	struct fastipc_buffer none = { 0 };
	struct count count;
	uint32_t written = 0;

	assert_non_null(data);
	begin();
	*may_go_on = 0;
	fastipc_stream_options_init(&options);
	if (deadline_ns)
		options.deadline = fastipc_after_ns(deadline_ns);
	assert_result(fastipc_client_post(client, BUSY, NULL, 0, 0, soon()), 0);
	assert_result(fastipc_stream_open(client, COUNT, NULL, 0, &options,
					  &stream),
		      0);
	/* As much as goes without waiting: more than the ring takes. */
	while (!fastipc_stream_write(stream, data, size, 0, 1))
		written++;
	assert_true((written + 1) * size > RING);
	assert_result(fastipc_stream_finish(stream, 0, NULL, NULL, 0), 0);
	if (deadline_ns)
		assert_result(fastipc_stream_read(stream, &none, soon()),
			      -ETIMEDOUT);
	fastipc_stream_cancel(stream);
	fastipc_stream_close(stream);
	__atomic_store_n(may_go_on, 1, __ATOMIC_RELEASE);
	assert_result(fastipc_client_call(client, UNARY_ECHO, "x", 1, NULL,
					  soon()),
		      0);
	count = counted();
	assert_int_equal(count.status, status);
	assert_true(count.messages < written);
	free(data);
	end();
}

static void writer_of_small_messages_goes(void **state)
{
	(void)state;
	writer_goes(10000, 0, -ECANCELED);
	writer_goes(10000, 300 * MS * patience_times(), -ETIMEDOUT);
}

static void writer_of_large_messages_goes(void **state)
{
	(void)state;
	writer_goes(40000, 0, -ECANCELED);
	writer_goes(40000, 300 * MS * patience_times(), -ETIMEDOUT);
}

/* ---- what the peer says, and the library, too ---- */

/* "Not yet" is not how a stream ends: who reads or writes does not wait on, and
 * a loan that is gone is not the caller's again. */
static void ended_with_again(void **state)
{
	const uint64_t patience = fastipc_after_ns(10 * SECOND);
	struct fastipc_attachment attachment = { 0 };
	struct fastipc_stream *stream;
	struct fastipc_stream_end stream_end;
	struct fastipc_buffer buffer = { 0 };

	(void)state;
	begin();
	assert_result(
		fastipc_stream_open(client, AGAIN, NULL, 0, NULL, &stream), 0);
	assert_result(fastipc_stream_read(stream, &buffer, patience),
		      -ECANCELED);
	assert_result(fastipc_stream_write(stream, "x", 1, 0, patience),
		      -ECANCELED);
	assert_result(fastipc_stream_loan(stream, 1, patience,
					  &attachment.loan),
		      -ECANCELED);
	assert_result(
		fastipc_client_loan(client, 1, patience, &attachment.loan), 0);
	assert_result(fastipc_stream_write_with(stream, "x", 1, &attachment, 0,
						patience),
		      -ECANCELED);
	assert_result(fastipc_stream_status(stream, &stream_end), 0);
	assert_int_equal(stream_end.status, -EAGAIN);
	fastipc_stream_close(stream);
	end();
}

static int start(void **state)
{
	may_go_on = mmap(NULL, sizeof(*may_go_on), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return may_go_on == MAP_FAILED ? -1 : runtime_directory_make(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_goes),
		cmocka_unit_test(writer_of_small_messages_goes),
		cmocka_unit_test(writer_of_large_messages_goes),
		cmocka_unit_test(ended_with_again),
	};

	return cmocka_run_group_tests_name("stream_endings", tests, start,
					   runtime_directory_remove);
}
