// SPDX-License-Identifier: MIT
/*
 * Descriptors that the kernel does not take when a message that had to wait is
 * sent: its call fails, or its stream ends, and nothing else.
 */
#include <sys/socket.h>
#include <sys/syscall.h>

#include "laden_pair.h"
#include "rpc/client.h"

/* So many messages with descriptors may be on their way. */
#define ON_THEIR_WAY 16u
#define LATE 4u

static const struct order both = { .size = 10000, .descriptors = 1 };

/* ---- a kernel that takes no descriptors ---- */

/* In memory that both processes have. */
static struct {
	pid_t pid; /* whose; 0: it takes all */
	int error;
} * failing;

ssize_t sendmsg(int sock, const struct msghdr *msg, int flags)
{
	if (failing && msg->msg_controllen &&
	    __atomic_load_n(&failing->pid, __ATOMIC_SEQ_CST) == getpid()) {
		errno = failing->error;
		return -1;
	}
	return syscall(SYS_sendmsg, sock, msg, flags);
}

static void fail_from_here_on(pid_t pid, int error)
{
	failing->error = error;
	__atomic_store_n(&failing->pid, pid, __ATOMIC_SEQ_CST);
}

static void fail_no_more(void)
{
	__atomic_store_n(&failing->pid, 0, __ATOMIC_SEQ_CST);
}

static int share(void **state)
{
	failing = mmap(NULL, sizeof(*failing), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return failing == MAP_FAILED ? -1 : runtime_directory_make(state);
}

/* ---- from the client ---- */

static const int standard_input;

static struct fastipc_attachment one_of_each(void)
{
	struct fastipc_attachment attachment = {
		.descriptors = &standard_input,
		.descriptor_count = 1,
	};

	assert_result(fastipc_client_loan(client, both.size, soon(),
					  &attachment.loan),
		      0);
	return attachment;
}

/* What comes next has to wait, for the server does. */
static void begin_full(void)
{
	const struct fastipc_attachment attachment = {
		.descriptors = &standard_input,
		.descriptor_count = 1,
	};

	begin();
	stall(client);
	for (uint32_t i = 0; i < ON_THEIR_WAY; i++)
		assert_result(fastipc_client_post_with(client, STATE, NULL, 0,
						       &attachment, soon()),
			      0);
	assert_true(fastipc_outbox_is_empty(&client->outbox));
}

/* The connection has not noticed, and what was lent is free. */
static void end_well(uint64_t descriptors)
{
	fail_no_more();
	assert_result(fastipc_client_ping(client, soon(), NULL), 0);
	assert_all_is_back(descriptors);
	end();
}

static void await_queued(void)
{
	uint64_t until = soon();

	while (fastipc_outbox_is_empty(&client->outbox)) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
}

static void *call_laden(void *attachment)
{
	int error = fastipc_client_call_with(client, STATE, NULL, 0, attachment,
					     NULL, NULL, soon());

	check(strstr(fastipc_error_detail(), "go along"));
	return (void *)(intptr_t)error;
}

static void waiting_calls(void **state)
{
	static const int errors[] = { ETOOMANYREFS, ENOBUFS, ENOMEM };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fastipc_attachment attachment;
		uint64_t descriptors;
		pthread_t thread;
		void *result;

		begin_full();
		attachment = one_of_each();
		assert_int_equal(pthread_create(&thread, NULL, call_laden,
						&attachment),
				 0);
		await_queued();
		fail_from_here_on(getpid(), errors[i]);
		go_on();
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_int_equal((intptr_t)result, -errors[i]);
		fail_no_more();
		descriptors = state_now().descriptors;
		end_well(descriptors);
	}
}

static uint32_t told;
static int told_status;

static void tell_status(void *context, int status, const void *data,
			size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	told_status = status;
	__atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
}

static uint64_t start_laden(fastipc_done_fn done)
{
	const struct fastipc_attachment attachment = one_of_each();
	struct fastipc_call_options options;
	uint64_t id;

	fastipc_call_options_init(&options);
	options.flags = FASTIPC_NOWAIT;
	options.attachment = &attachment;
	options.done = done;
	assert_result(
		fastipc_client_start(client, STATE, NULL, 0, &options, &id), 0);
	assert_false(fastipc_outbox_is_empty(&client->outbox));
	return id;
}

/* Those that are waited for, and those with callbacks; not what is behind. */
static void started_calls(void **state)
{
	struct fastipc_call_options options;
	uint64_t ids[LATE], behind, descriptors;

	(void)state;
	begin_full();
	told = 0;
	for (uint32_t i = 0; i < LATE; i++) {
		ids[i] = start_laden(NULL);
		start_laden(tell_status);
	}
	fastipc_call_options_init(&options);
	options.flags = FASTIPC_NOWAIT;
	assert_result(fastipc_client_start(client, STATE, NULL, 0, &options,
					   &behind),
		      0);
	fail_from_here_on(getpid(), ETOOMANYREFS);
	go_on();
	for (uint32_t i = 0; i < LATE; i++) {
		assert_result(fastipc_client_finish(client, ids[i]),
			      -ETOOMANYREFS);
		assert_non_null(strstr(fastipc_error_detail(), "go along"));
	}
	while (told < LATE)
		assert_true(fastipc_client_wait(client, soon()) > 0);
	assert_int_equal(told_status, -ETOOMANYREFS);
	assert_result(fastipc_client_finish(client, behind), 0);
	assert_int_equal(told, LATE);
	fail_no_more();
	descriptors = state_now().descriptors;
	end_well(descriptors);
}

static void *flush(void *unused)
{
	(void)unused;
	check(!fastipc_client_flush(client));
	return NULL;
}

/* Whose event loop sleeps meanwhile: it need not be woken for that. */
static void found_by_another_thread(void **state)
{
	uint64_t until = soon(), descriptors;
	pthread_t thread;

	(void)state;
	begin_full();
	told = 0;
	assert_int_equal(fastipc_client_dispatch(client), 0);
	start_laden(tell_status);
	fail_from_here_on(getpid(), ENOBUFS);
	go_on();
	while (!__atomic_load_n(&told, __ATOMIC_SEQ_CST)) {
		assert_true(fastipc_now_ns() < until);
		assert_int_equal(pthread_create(&thread, NULL, flush, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		usleep(1000);
	}
	assert_int_equal(told_status, -ENOBUFS);
	fail_no_more();
	descriptors = state_now().descriptors;
	end_well(descriptors);
}

static void *write_one(void *stream)
{
	int error = write_laden(stream, &both, 0, NULL, soon());

	check(strstr(fastipc_error_detail(), "go along"));
	return (void *)(intptr_t)error;
}

static void streams_to_the_server(void **state)
{
	struct fastipc_stream *stream, *other;
	struct fastipc_stream_end stream_end;
	struct seen seen;
	struct fastipc_buffer buffer = { .data = &seen,
					 .capacity = sizeof(seen),
					 .fixed = true };
	uint64_t descriptors;
	pthread_t thread;
	void *result;

	(void)state;
	begin_full();
	stream = open_laden(GATHER, NULL);
	other = open_laden(GATHER, NULL);
	assert_int_equal(pthread_create(&thread, NULL, write_one, stream), 0);
	await_queued();
	fail_from_here_on(getpid(), ETOOMANYREFS);
	go_on();
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((intptr_t)result, -ETOOMANYREFS);
	fail_no_more();
	assert_result(write_laden(stream, &both, 0, NULL, soon()),
		      -ETOOMANYREFS);
	assert_result(fastipc_stream_status(stream, &stream_end), 0);
	assert_true(stream_end.status < 0);
	fastipc_stream_close(stream);
	assert_result(write_laden(other, &both, 0, NULL, soon()), 0);
	assert_result(fastipc_stream_read(other, &buffer, soon()), 0);
	assert_int_equal(seen.descriptors, 1);
	fastipc_stream_close(other);
	descriptors = state_now().descriptors;
	end_well(descriptors);
}

/* ---- from the server ---- */

/* It has done what this client has asked for. */
static void await_server(struct fastipc_client *other)
{
	for (int i = 0; i < 10; i++) {
		ask_for(other, STATE, &(struct server_state){ 0 },
			sizeof(struct server_state));
		usleep(10000);
	}
}

static void answers(void **state)
{
	const struct order order = { .size = 5000, .descriptors = 1 };
	struct fastipc_delivery *deliveries[ON_THEIR_WAY + LATE];
	struct fastipc_call_options options;
	uint64_t ids[ON_THEIR_WAY + LATE], descriptors;
	struct fastipc_client *other;

	(void)state;
	begin();
	descriptors = state_now().descriptors;
	other = another_client();
	fastipc_call_options_init(&options);
	for (uint32_t i = 0; i < ON_THEIR_WAY + LATE; i++) {
		options.delivery = &deliveries[i];
		assert_result(fastipc_client_start(client, ANSWER, &order,
						   sizeof(order), &options,
						   &ids[i]),
			      0);
	}
	await_server(other);
	fail_from_here_on(server.pid, ETOOMANYREFS);
	for (uint32_t i = 0; i < ON_THEIR_WAY + LATE; i++) {
		assert_result(fastipc_client_finish(client, ids[i]),
			      i < ON_THEIR_WAY ? 0 : -ETOOMANYREFS);
		if (i >= ON_THEIR_WAY) {
			assert_non_null(
				strstr(fastipc_error_detail(), "go along"));
			assert_null(deliveries[i]);
		}
		fastipc_delivery_end(deliveries[i]);
	}
	fastipc_client_close(other);
	end_well(descriptors);
}

/* What came before is read, then the error, although the end was queued, too. */
static void streams_from_the_server(void **state)
{
	static const uint32_t counts[] = { ON_THEIR_WAY + 1,
					   ON_THEIR_WAY + LATE, 1000 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct order order = { .count = counts[i],
					     .size = 100,
					     .descriptors = 1 };
		struct fastipc_buffer buffer = { 0 };
		struct fastipc_stream_end stream_end;
		struct fastipc_stream *stream;
		struct fastipc_client *other;
		uint64_t descriptors;
		uint32_t read = 0;
		int error;

		begin();
		descriptors = state_now().descriptors;
		other = another_client();
		stream = open_laden(SCATTER, &order);
		await_server(other);
		fail_from_here_on(server.pid, ETOOMANYREFS);
		while (!(error = fastipc_stream_read(stream, &buffer, soon())))
			read++;
		assert_result(error, -ETOOMANYREFS);
		assert_int_equal(read, ON_THEIR_WAY);
		assert_result(fastipc_stream_status(stream, &stream_end), 0);
		assert_int_equal(stream_end.status, -ETOOMANYREFS);
		assert_non_null(strstr(stream_end.text, "go along"));
		fastipc_stream_close(stream);
		fastipc_buffer_free(&buffer);
		fastipc_client_close(other);
		end_well(descriptors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(waiting_calls),
		footprint_test(started_calls),
		footprint_test(found_by_another_thread),
		footprint_test(streams_to_the_server),
		footprint_test(answers),
		footprint_test(streams_from_the_server),
	};

	return cmocka_run_group_tests_name("late_cargo", tests, share,
					   runtime_directory_remove);
}
