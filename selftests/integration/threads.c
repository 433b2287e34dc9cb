// SPDX-License-Identifier: MIT
/*
 * Threads: both ends in one process, many threads on one client, many clients
 * on many workers, and handlers that change while calls run.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "pair.h"
#include "channel/channel.h"
#include "rpc/registry.h"

#define ECHO 1
#define LARGE 2	 /* u32 size: a reply of so many bytes */
#define REMOVE 3 /* a handler that tries to remove itself */
#define SLOW 4
#define CHANGING 100
#define STOPS 1000
#define BLOCKS 256u /* with the number of threads */

static struct fastipc_server *server;

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, fastipc_request_data(request),
			      fastipc_request_size(request));
	return 0;
}

static int on_remove(struct fastipc_request *request, void *context)
{
	int result = fastipc_server_remove_handler(server, REMOVE);

	(void)context;
	fastipc_request_reply(request, &result, sizeof(result));
	return 0;
}

static atomic_int in_slow;

static int on_slow(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	atomic_store(&in_slow, 1);
	usleep(50000);
	atomic_store(&in_slow, 2);
	return 0;
}

static void *run(void *argument)
{
	return fastipc_server_run(argument) ? "failed" : NULL;
}

static pthread_t begin(const char *name, unsigned int threads)
{
	struct fastipc_server_options options;
	pthread_t thread;

	fastipc_server_options_init(&options);
	options.threads = threads & ~BLOCKS;
	if (threads & BLOCKS)
		options.wait = FASTIPC_WAIT_BLOCK;
	assert_result(fastipc_server_create(name, &options, &server), 0);
	assert_int_equal(
		fastipc_server_add_handler(server, ECHO, on_echo, NULL), 0);
	assert_int_equal(
		fastipc_server_add_handler(server, REMOVE, on_remove, NULL), 0);
	assert_int_equal(
		fastipc_server_add_handler(server, SLOW, on_slow, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, run, server), 0);
	return thread;
}

static void end(pthread_t thread)
{
	void *failed;

	fastipc_server_stop(server);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	fastipc_server_destroy(server);
}

/* ---- both ends in one process ---- */

static void round_trips(const char *name, enum fastipc_wait wait,
			enum fastipc_checksum checksum)
{
	static unsigned char data[1 << 20];
	const size_t sizes[] = { 0,	1,     7,     8,     9,
				 64,	4095,  4096,  16351, 16352,
				 16353, 65536, 65537, 99999, 1 << 20 };
	struct fastipc_client_options options;
	struct fastipc_buffer reply = { 0 };
	struct fastipc_client *client;

	fastipc_client_options_init(&options);
	options.wait = wait;
	options.checksum = checksum;
	client = connect_with(name, &options);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fill(data, sizes[i], (uint32_t)i);
		assert_result(fastipc_client_call(client, ECHO, data, sizes[i],
						  &reply, soon()),
			      0);
		assert_int_equal(reply.size, sizes[i]);
		if (sizes[i])
			assert_memory_equal(reply.data, data, sizes[i]);
	}
	for (int i = 0; i < 300; i++)
		assert_result(fastipc_client_call(client, ECHO, &i, sizeof(i),
						  &reply, soon()),
			      0);
	fastipc_buffer_free(&reply);
	fastipc_client_close(client);
}

static void both_ends_in_one_process(void **state)
{
	struct footprint before = footprint_now();
	pthread_t thread = begin("both", 1);

	(void)state;
	for (int wait = FASTIPC_WAIT_ADAPTIVE; wait <= FASTIPC_WAIT_SLEEP;
	     wait++)
		for (int checksum = FASTIPC_CHECKSUM_OFF;
		     checksum <= FASTIPC_CHECKSUM_FULL; checksum++)
			round_trips("both", (enum fastipc_wait)wait,
				    (enum fastipc_checksum)checksum);
	end(thread);
	assert_footprint(before);
}

/* ---- one client, many threads ---- */

struct caller {
	pthread_t thread;
	struct fastipc_client *client;
	unsigned int number;
	unsigned int calls;
	size_t largest;
	unsigned int wrong;
	atomic_bool *stop;
	unsigned int missing;
};

static void *call_often(void *argument)
{
	struct caller *caller = argument;
	unsigned char *data = malloc(caller->largest + 1);
	struct fastipc_buffer reply = { 0 };

	for (unsigned int i = 0; data && i < caller->calls; i++) {
		size_t size =
			(i * 7919 + caller->number) % (caller->largest + 1);

		fill(data, size, i * 64 + caller->number);
		if (fastipc_client_call(caller->client, ECHO, data, size,
					&reply, soon()) ||
		    reply.size != size ||
		    (size && memcmp(reply.data, data, size) != 0)) {
			fprintf(stderr, "# %s\n", fastipc_error_detail());
			caller->wrong++;
			break;
		}
	}
	fastipc_buffer_free(&reply);
	free(data);
	return NULL;
}

static void call_from_threads(struct fastipc_client *client, unsigned int calls,
			      size_t largest)
{
	struct caller callers[8];

	for (unsigned int i = 0; i < 8; i++) {
		callers[i] = (struct caller){
			.client = client,
			.number = i,
			.calls = calls,
			.largest = largest,
		};
		assert_int_equal(pthread_create(&callers[i].thread, NULL,
						call_often, &callers[i]),
				 0);
	}
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_int_equal(callers[i].wrong, 0);
	}
}

static void add_echo(struct fastipc_server *added)
{
	check(!fastipc_server_add_handler(added, ECHO, on_echo, NULL));
}

static const struct service echo_service = { .add = add_echo };

static void eight_threads_on_a_client(void **state)
{
	struct server_process process;
	struct fastipc_client_options options;

	(void)state;
	server_start(&process, NULL, &echo_service);
	fastipc_client_options_init(&options);
	for (int wait = FASTIPC_WAIT_ADAPTIVE; wait <= FASTIPC_WAIT_SLEEP;
	     wait++) {
		struct fastipc_client *client;

		/* Eight spinning threads would only wait for each other. */
		if (wait == FASTIPC_WAIT_SPIN)
			continue;
		options.wait = (enum fastipc_wait)wait;
		client = connect_with(process.address, &options);
		call_from_threads(client, 300, 200);
		call_from_threads(client, 20, 600000);
		fastipc_client_close(client);
	}
	options.ring_size = 4096;
	options.wait = FASTIPC_WAIT_ADAPTIVE;
	{
		struct fastipc_client *client =
			connect_with(process.address, &options);

		call_from_threads(client, 100, 5000);
		fastipc_client_close(client);
	}
	server_stop(&process);
}

/* ---- four workers, 64 clients ---- */

static void many_clients(void **state)
{
	struct fastipc_server_options options;
	struct fastipc_client *clients[64];
	struct caller callers[4][16];
	struct server_process process;

	(void)state;
	fastipc_server_options_init(&options);
	options.threads = 4;
	server_start(&process, &options, &echo_service);
	for (int i = 0; i < 64; i++)
		clients[i] = connect_with(process.address, NULL);
	for (int turn = 0; turn < 4; turn++) {
		for (int i = 0; i < 16; i++) {
			struct caller *caller = &callers[turn][i];

			*caller = (struct caller){
				.client = clients[turn * 16 + i],
				.number = (unsigned int)i,
				.calls = 60,
				.largest = turn == 3 ? 100000 : 1000,
			};
			assert_int_equal(pthread_create(&caller->thread, NULL,
							call_often, caller),
					 0);
		}
		for (int i = 0; i < 16; i++) {
			pthread_join(callers[turn][i].thread, NULL);
			assert_int_equal(callers[turn][i].wrong, 0);
		}
	}
	/* All in flight at once, from one thread. */
	for (int i = 0; i < 64; i++) {
		uint64_t id;
		struct fastipc_call_options call;

		fastipc_call_options_init(&call);
		assert_result(fastipc_client_start(clients[i], ECHO, "x", 1,
						   &call, &id),
			      0);
	}
	for (int i = 0; i < 64; i++)
		fastipc_client_close(clients[i]);
	server_stop(&process);
}

/* ---- handlers that come and go ---- */

static atomic_int handler_contexts[16];

/* Types that the server has in one chain, so that each is behind others. */
static uint16_t changing_type(unsigned int i)
{
	return (uint16_t)(CHANGING + i % 16 * REGISTRY_CHAINS);
}

/* Runs only while its context is 1: between add and the end of remove. */
static int on_changing(struct fastipc_request *request, void *context)
{
	(void)request;
	return atomic_load((atomic_int *)context) == 1 ? -EXDEV : -EFAULT;
}

static void *call_changing(void *argument)
{
	struct caller *caller = argument;

	for (unsigned int i = 0; !atomic_load(caller->stop); i++) {
		int result = fastipc_client_call(caller->client,
						 changing_type(i), NULL, 0,
						 NULL, soon());

		if (result == -EXDEV)
			caller->calls++;
		else if (result == -EOPNOTSUPP)
			caller->missing++;
		else
			caller->wrong++;
	}
	return NULL;
}

static void change_handlers(void)
{
	for (unsigned int round = 0; round < 1500; round++) {
		atomic_int *context = &handler_contexts[round % 16];
		uint16_t type = changing_type(round);

		if (round % 32 < 16) {
			atomic_store(context, 1);
			assert_result(fastipc_server_add_handler(server, type,
								 on_changing,
								 context),
				      0);
		} else {
			assert_result(
				fastipc_server_remove_handler(server, type), 0);
			/* Nobody runs it from here on. */
			atomic_store(context, 0);
		}
		if (round % 16 == 0)
			usleep(300);
	}
}

static void handlers_change_under_load(void **state)
{
	pthread_t thread = begin("changing", 2);
	struct caller callers[3];
	atomic_bool stop = false;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		callers[i] = (struct caller){
			.client = connect_with("changing", NULL),
			.stop = &stop,
		};
		assert_int_equal(pthread_create(&callers[i].thread, NULL,
						call_changing, &callers[i]),
				 0);
	}
	change_handlers();
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < 3; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].wrong, 0);
		assert_true(callers[i].calls + callers[i].missing > 0);
		fastipc_client_close(callers[i].client);
	}
	end(thread);
}

static void *call_slow(void *client)
{
	fastipc_client_call(client, SLOW, NULL, 0, NULL, soon());
	return NULL;
}

static void removing_waits(void **state)
{
	pthread_t thread = begin("removing", 1), caller;
	struct fastipc_client *client = connect_with("removing", NULL);
	struct fastipc_buffer reply = { 0 };
	int result;

	(void)state;
	assert_result(fastipc_client_call(client, REMOVE, NULL, 0, &reply,
					  soon()),
		      0);
	memcpy(&result, reply.data, sizeof(result));
	assert_int_equal(result, -EDEADLK);
	fastipc_buffer_free(&reply);
	assert_int_equal(pthread_create(&caller, NULL, call_slow, client), 0);
	while (!atomic_load(&in_slow))
		usleep(100);
	assert_result(fastipc_server_remove_handler(server, SLOW), 0);
	assert_int_equal(atomic_load(&in_slow), 2);
	assert_result(fastipc_server_remove_handler(server, SLOW), -ENOENT);
	pthread_join(caller, NULL);
	assert_result(fastipc_client_call(client, SLOW, NULL, 0, NULL, soon()),
		      -EOPNOTSUPP);
	fastipc_client_close(client);
	end(thread);
}

/* ---- both directions full at once ---- */

static void *call_large(void *argument)
{
	struct caller *caller = argument;

	caller->largest = 4 << 20;
	return call_often(argument);
}

static void large_messages_both_ways(void **state)
{
	static unsigned char data[4 << 20];
	struct fastipc_buffer replies[6] = { 0 };
	struct fastipc_call_options call;
	struct server_process process;
	struct fastipc_client *client;
	struct caller callers[3];
	uint64_t ids[6];

	(void)state;
	server_start(&process, NULL, &echo_service);
	client = connect_with(process.address, NULL);
	fill(data, sizeof(data), 4);
	fastipc_call_options_init(&call);
	call.deadline = soon();
	/* While the second goes out, the first comes back. */
	for (int i = 0; i < 6; i++) {
		call.reply = &replies[i];
		assert_result(fastipc_client_start(client, ECHO, data,
						   sizeof(data), &call,
						   &ids[i]),
			      0);
	}
	for (int i = 0; i < 6; i++) {
		assert_result(fastipc_client_finish(client, ids[i]), 0);
		assert_int_equal(replies[i].size, sizeof(data));
		assert_memory_equal(replies[i].data, data, sizeof(data));
		fastipc_buffer_free(&replies[i]);
	}
	for (unsigned int i = 0; i < 3; i++) {
		callers[i] = (struct caller){
			.client = client,
			.number = i,
			.calls = 4,
		};
		assert_int_equal(pthread_create(&callers[i].thread, NULL,
						call_large, &callers[i]),
				 0);
	}
	for (unsigned int i = 0; i < 3; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].wrong, 0);
	}
	fastipc_client_close(client);
	server_stop(&process);
}

/*
 * A server that is told to stop as its worker looks what else there is: it must
 * not sleep over it.  The moment is found by trying.
 */
static void stopped_at_any_moment(void **state)
{
	struct footprint before = footprint_now();

	(void)state;
	for (unsigned int i = 0; i < STOPS; i++) {
		struct fastipc_client_options options;
		pthread_t thread = begin("stopped", 1 | BLOCKS);
		struct fastipc_client *client;

		fastipc_client_options_init(&options);
		options.wait = FASTIPC_WAIT_BLOCK;
		client = connect_with("stopped", &options);
		assert_result(fastipc_client_call(client, ECHO, &i, sizeof(i),
						  NULL, soon()),
			      0);
		fastipc_client_close(client);
		for (unsigned int wait = i * 7 % 2048; wait; wait--)
			fastipc_cpu_relax();
		end(thread);
	}
	assert_footprint(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_in_one_process),
		cmocka_unit_test(eight_threads_on_a_client),
		cmocka_unit_test(many_clients),
		cmocka_unit_test(handlers_change_under_load),
		cmocka_unit_test(removing_waits),
		cmocka_unit_test(large_messages_both_ways),
		cmocka_unit_test(stopped_at_any_moment),
	};

	return cmocka_run_group_tests_name("threads", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
