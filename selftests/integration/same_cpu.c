// SPDX-License-Identifier: MIT
/*
 * Both ends on one CPU: who waits adaptively, or blocks, gives way to the other,
 * so that neither has to sleep; and not where that takes long.
 */
#include <sched.h>

#include "integration/pair.h"

enum { ECHO = 1 };
enum { CALLS = 1000 };
/* Where even the fastest call takes so many ns, that is not asked for. */
#define TOO_SLOW 20000u

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static void add_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
}

static const struct service service = { .add = add_handlers };

/* This process, and those that it starts from now on. */
static int stay_on_one_cpu(void **state)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned int)sched_getcpu(), &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
	return runtime_directory_make(state);
}

static uint64_t sleeps_and_rings(struct fastipc_client *client)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };

	assert_int_equal(fastipc_client_get_stats(client, &stats), 0);
	return stats.sleeps + stats.wakes;
}

/* How often the client slept, or woke the server, during so many calls;
 * *@fastest is what the fastest of them took, ns. */
static uint64_t call_often(struct fastipc_client *client, uint64_t *fastest)
{
	uint64_t before = sleeps_and_rings(client);

	*fastest = UINT64_MAX;
	for (uint64_t i = 0; i < CALLS; i++) {
		struct fastipc_buffer reply = {
			.data = &(uint64_t){ 0 },
			.capacity = sizeof(i),
			.fixed = true,
		};
		uint64_t start = fastipc_now_ns(), took;

		assert_result(fastipc_client_call(client, ECHO, &i, sizeof(i),
						  &reply, soon()),
			      0);
		took = fastipc_now_ns() - start;
		if (took < *fastest)
			*fastest = took;
		assert_memory_equal(reply.data, &i, sizeof(i));
	}
	return sleeps_and_rings(client) - before;
}

static struct fastipc_client *start(struct server_process *server,
				    enum fastipc_wait wait)
{
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;

	fastipc_server_options_init(&server_options);
	server_options.wait = wait;
	server_start(server, &server_options, &service);
	fastipc_client_options_init(&options);
	options.wait = wait;
	return connect_with(server->address, &options);
}

/*
 * Something else may have taken the CPU for a while: then another round.  On an
 * emulated machine schedulers decide otherwise.
 */
static bool comes_down_to(struct fastipc_client *client, uint64_t most)
{
	uint64_t until = soon(), fastest;

	do {
		if (call_often(client, &fastest) <= most)
			return true;
		if (fastest > TOO_SLOW) {
			print_message("# the fastest call takes %u us\n",
				      (unsigned int)(fastest / 1000));
			return true;
		}
	} while (fastipc_now_ns() < until);
	return false;
}

static void give_way(enum fastipc_wait wait)
{
	struct server_process server;
	struct fastipc_client *client = start(&server, wait);

	assert_true(comes_down_to(client, CALLS / 5));
	fastipc_client_close(client);
	server_stop(&server);
}

static void adaptive_ends_give_way(void **state)
{
	(void)state;
	give_way(FASTIPC_WAIT_ADAPTIVE);
}

static void blocking_ends_give_way(void **state)
{
	(void)state;
	give_way(FASTIPC_WAIT_BLOCK);
}

/* That is asked of them; and what is counted above, happens. */
static void ends_sleep_if_told_so(void **state)
{
	struct server_process server;
	struct fastipc_client *client = start(&server, FASTIPC_WAIT_SLEEP);
	uint64_t fastest;

	(void)state;
	assert_true(call_often(client, &fastest) >= CALLS / 2);
	fastipc_client_close(client);
	server_stop(&server);
}

/* One process that is always ready to run gets the CPU for milliseconds, if it
 * is given way to: after some of that the ends sleep again. */
static void not_to_who_keeps_the_cpu(void **state)
{
	struct server_process server;
	struct fastipc_client *client = start(&server, FASTIPC_WAIT_ADAPTIVE);
	uint64_t until = soon(), fastest;
	pid_t busy;

	(void)state;
	assert_true(comes_down_to(client, CALLS / 5));
	busy = fork();
	assert_true(busy >= 0);
	if (!busy) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			__asm__ volatile("" ::: "memory");
	}
	while (call_often(client, &fastest) < CALLS / 2)
		assert_true(fastipc_now_ns() < until);
	assert_int_equal(kill(busy, SIGKILL), 0);
	assert_int_equal(waitpid(busy, NULL, 0), busy);
	/* And when that has gone, they do not. */
	assert_true(comes_down_to(client, CALLS / 5));
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adaptive_ends_give_way),
		cmocka_unit_test(blocking_ends_give_way),
		cmocka_unit_test(ends_sleep_if_told_so),
		cmocka_unit_test(not_to_who_keeps_the_cpu),
	};

	return cmocka_run_group_tests_name("same_cpu", tests, stay_on_one_cpu,
					   runtime_directory_remove);
}
