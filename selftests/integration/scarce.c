// SPDX-License-Identifier: MIT
/*
 * Clients, topics, pools and servers are made while memory or descriptors run
 * out, at each step once: that fails, with the error that is documented and
 * something to read, and leaves nothing behind.  And an answer that there is no
 * memory for.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "failing_memory.h"

#define STEPS_MOST 500 /* to make anything */
#define AREA FASTIPC_BULK_MIN
#define RING 65536u
#define FILL 1	      /* a stream that is longer than the ring */
#define ANSWER 2      /* what is answered while there is no memory */
#define CUT 3	      /* a stream that there is no memory for */
#define UNCONNECTED 1 /* what was made lacks its connection */

static struct server_process server;

/* ---- maps ---- */

/* Nothing is mapped that is of no file.  (Stacks are libc's: it does not ask.) */
static bool unmappable;

#if MEMORY_FAILS
void *mmap(void *address, size_t size, int protection, int flags, int fd,
	   off_t offset)
{
	if (unmappable && flags & MAP_ANONYMOUS) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, address, size, protection, flags, fd,
			       offset);
}
#endif

/* ---- what is made, and destroyed again ---- */

static int never_called(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	return -EFAULT;
}

static int make_server(void)
{
	struct fastipc_server *made;
	int error = fastipc_server_create("scarce", NULL, &made);

	if (error)
		return error;
	for (uint16_t type = 1; !error && type <= 100; type++)
		error = fastipc_server_add_handler(made, type, never_called,
						   NULL);
	fastipc_server_destroy(made);
	return error;
}

static int make_client_with(const struct fastipc_client_options *options)
{
	struct fastipc_client *made;
	int error = fastipc_client_connect(server.address, options, &made);

	if (!error)
		fastipc_client_close(made);
	return error;
}

static int make_client(void)
{
	return make_client_with(NULL);
}

/* With areas to lend from on both sides, and a way for descriptors. */
static int make_lender(void)
{
	struct fastipc_client_options options;

	fastipc_client_options_init(&options);
	options.bulk_size = AREA;
	options.bulk_max = AREA;
	options.max_descriptors = 4;
	return make_client_with(&options);
}

static int make_topic(void)
{
	struct fastipc_topic *made;
	int error = fastipc_topic_create("scarce-topic", NULL, &made);

	if (!error)
		fastipc_topic_destroy(made);
	return error;
}

/* It is no error that a pool cannot connect yet. */
static int make_pool(void)
{
	const struct fastipc_pool_address address = { server.address, 1 };
	struct fastipc_pool_stats stats = { .size = sizeof(stats) };
	struct fastipc_pool *made;
	int error = fastipc_pool_create(&address, 1, NULL, &made);

	if (error)
		return error;
	error = fastipc_pool_get_stats(made, &stats);
	fastipc_pool_destroy(made);
	return error || stats.connections ? error : UNCONNECTED;
}

static int (*const makers[])(void) = {
	make_server, make_client, make_lender, make_topic, make_pool,
};

#define MAKERS (sizeof(makers) / sizeof(makers[0]))

static void without_memory(int (*make)(void))
{
	struct footprint before;
	long was_live, left = 0, failures = 0;

	assert_result(make(), 0); /* what is made once, is there */
	before = footprint_now();
	was_live = live;
	for (long step = 1; !left; step++) {
		int error;

		assert_true(step < STEPS_MOST);
		until_failure = step;
		error = make();
		left = until_failure;
		until_failure = 0;
		assert_int_equal(live, was_live);
		if (left || error != UNCONNECTED)
			assert_result(error, left ? 0 : -ENOMEM);
		failures += error != 0;
	}
	assert_footprint(before);
	assert_true(failures > 0);
}

static void memory_runs_out(void **state)
{
	(void)state;
	if (!MEMORY_FAILS)
		skip();
	for (size_t i = 0; i < MAKERS; i++)
		without_memory(makers[i]);
}

/*
 * A thread that is to serve cannot be told to liburcu, which would end the
 * process; and later it can.
 */
static void serve_unmappable(uint32_t threads)
{
	struct fastipc_server_options options;
	struct fastipc_server *made;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fastipc_server_options_init(&options);
	options.threads = threads;
	check(!fastipc_server_create("unmappable", &options, &made));
	unmappable = true;
	if (threads) {
		check(fastipc_server_run(made) == -ENOMEM);
		check(fastipc_error_detail()[0]);
		check(fastipc_server_run(made) == -EALREADY);
	} else {
		check(fastipc_server_dispatch(made) == -ENOMEM);
		check(fastipc_error_detail()[0]);
		unmappable = false;
		check(!fastipc_server_dispatch(made));
		/* Once is enough. */
		unmappable = true;
		check(!fastipc_server_dispatch(made));
	}
	unmappable = false;
	fastipc_server_destroy(made);
	_exit(0);
}

static void no_memory_for_threads(void **state)
{
	(void)state;
	if (!MEMORY_FAILS)
		skip();
	for (uint32_t threads = 0; threads <= 3; threads++) {
		pid_t pid;

		fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			serve_unmappable(threads);
		assert_ended_well(pid);
	}
}

/* ---- answers ---- */

static uint32_t *answered; /* of the server's process, and this one's */

/* More than goes into the ring, so that what follows has to be kept. */
static int on_fill(struct fastipc_request *request, void *context)
{
	static const unsigned char data[100000];
	struct fastipc_stream *stream = fastipc_request_stream(request, NULL);

	(void)context;
	check(stream);
	check(!fastipc_stream_write(stream, data, sizeof(data), 0, 0));
	fastipc_stream_finish(stream, 0, NULL, NULL, 0);
	fastipc_stream_close(stream);
	return 0;
}

static int on_answer(struct fastipc_request *request, void *context)
{
	int error;

	(void)context;
	until_failure = 1;
	error = fastipc_request_reply(request, "x", 1);
	until_failure = 0;
	check(error == -ENOMEM);
	__atomic_store_n(answered, 1, __ATOMIC_RELEASE);
	return 0;
}

/* A stream whose answer cannot be kept ends. */
static void no_memory_to_answer(void **state)
{
	struct fastipc_stream *streams[2];
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_client_options options;
	struct fastipc_client *client;
	uint64_t until = soon();

	(void)state;
	if (!MEMORY_FAILS)
		skip();
	fastipc_client_options_init(&options);
	options.ring_size = RING;
	client = connect_with(server.address, &options);
	for (uint16_t i = 0; i < 2; i++)
		assert_result(fastipc_stream_open(client, FILL + i, "", 0, NULL,
						  &streams[i]),
			      0);
	/* Before that, nobody makes room. */
	while (!__atomic_load_n(answered, __ATOMIC_ACQUIRE)) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
	assert_result(fastipc_stream_read(streams[1], &buffer, soon()),
		      -ENOMEM);
	assert_result(fastipc_stream_read(streams[0], &buffer, soon()), 0);
	assert_int_equal(buffer.size, 100000);
	for (uint16_t i = 0; i < 2; i++)
		fastipc_stream_close(streams[i]);
	fastipc_buffer_free(&buffer);
	fastipc_client_close(client);
}

static int on_cut(struct fastipc_request *request, void *context)
{
	static const unsigned char data[100000];
	struct fastipc_stream *stream = fastipc_request_stream(request, NULL);

	(void)context;
	check(stream);
	until_failure = 1;
	check(fastipc_stream_write(stream, data, sizeof(data), 0, 0) ==
	      -ENOMEM);
	until_failure = 0;
	check(fastipc_stream_write(stream, "x", 1, 0, 0));
	fastipc_stream_close(stream);
	__atomic_store_n(answered, 1, __ATOMIC_RELEASE);
	return 0;
}

/* A stream ends that cannot go on in the middle of a message; nothing else does. */
static void no_memory_for_the_rest(void **state)
{
	struct fastipc_stream *stream;
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_client_options options;
	struct fastipc_client *client;
	uint64_t until = soon();

	(void)state;
	if (!MEMORY_FAILS)
		skip();
	*answered = 0;
	fastipc_client_options_init(&options);
	options.ring_size = RING;
	client = connect_with(server.address, &options);
	assert_result(fastipc_stream_open(client, CUT, "", 0, NULL, &stream),
		      0);
	while (!__atomic_load_n(answered, __ATOMIC_ACQUIRE)) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
	assert_result(fastipc_stream_read(stream, &buffer, soon()), -ECANCELED);
	assert_result(fastipc_client_ping(client, soon(), NULL), 0);
	fastipc_stream_close(stream);
	fastipc_client_close(client);
}

/* ---- descriptors ---- */

static int make_within(int (*make)(void), rlim_t descriptors)
{
	struct rlimit old, limit;
	int error;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = descriptors;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	error = make();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	return error;
}

static void without_descriptors(int (*make)(void))
{
	struct footprint before = footprint_now();
	rlim_t limit = 0;
	int error;

	do {
		assert_true(limit < STEPS_MOST);
		error = make_within(make, limit++);
		if (error && error != UNCONNECTED)
			assert_result(error, -EMFILE);
		assert_footprint(before);
	} while (error);
	assert_true(limit > 1);
}

static void descriptors_run_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < MAKERS; i++)
		without_descriptors(makers[i]);
}

/* ---- */

static void add_handlers(struct fastipc_server *made)
{
	check(!fastipc_server_add_handler(made, FILL, on_fill, NULL));
	check(!fastipc_server_add_handler(made, ANSWER, on_answer, NULL));
	check(!fastipc_server_add_handler(made, CUT, on_cut, NULL));
}

static int start(void **state)
{
	static const struct service service = { .add = add_handlers };
	struct fastipc_server_options options;

	if (runtime_directory_make(state))
		return -1;
	answered = mmap(NULL, sizeof(*answered), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (answered == MAP_FAILED)
		return -1;
	fastipc_server_options_init(&options);
	options.bulk_size = AREA;
	options.bulk_max = AREA;
	options.max_descriptors = 4;
	options.ring_size = RING;
	server_start(&server, &options, &service);
	return 0;
}

static int stop(void **state)
{
	server_stop(&server);
	munmap(answered, sizeof(*answered));
	return runtime_directory_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(no_memory_for_threads),
		cmocka_unit_test(no_memory_to_answer),
		cmocka_unit_test(no_memory_for_the_rest),
		cmocka_unit_test(descriptors_run_out),
	};

	return cmocka_run_group_tests_name("scarce", tests, start, stop);
}
