// SPDX-License-Identifier: MIT
/*
 * Who holds a lock for long lets others have it in between: the lock itself,
 * and the thread that reads many answers for all.
 *
 * Turns are counted, not timed: to give way takes 0.1 ms at most, in which a
 * loaded machine may not run who waits, so it is tried again.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/lock.h"
#include "integration/pair.h"
#include "rpc/client.h"

#define TURNS 20

#define ASK 1
#define CALLS 256
#define ANSWER 16000u
#define ANSWER_RECORD 16384u

/* Another thread that wants the lock again and again. */
struct rival {
	struct fastipc_lock *lock;
	pthread_t thread;
	atomic_uint turns;
	atomic_bool stop;
};

static void *take_turns(void *argument)
{
	struct rival *rival = argument;

	while (!atomic_load(&rival->stop)) {
		fastipc_lock(rival->lock);
		atomic_fetch_add(&rival->turns, 1);
		fastipc_unlock(rival->lock);
	}
	return NULL;
}

/* Returns with the lock held, and the rival waiting for it. */
static void begin(struct rival *rival, struct fastipc_lock *lock)
{
	*rival = (struct rival){ .lock = lock };
	fastipc_lock(lock);
	assert_int_equal(
		pthread_create(&rival->thread, NULL, take_turns, rival), 0);
	while (!fastipc_lock_is_wanted(lock))
		usleep(100);
}

static void end(struct rival *rival)
{
	atomic_store(&rival->stop, true);
	pthread_join(rival->thread, NULL);
}

static void who_holds_it_gives_way(void **state)
{
	static struct fastipc_lock lock;
	uint64_t until = soon();
	unsigned int turns = 0;
	struct rival rival;

	(void)state;
	begin(&rival, &lock);
	while (turns < TURNS && fastipc_now_ns() < until) {
		unsigned int before = atomic_load(&rival.turns);

		fastipc_lock_yield(&lock);
		turns += atomic_load(&rival.turns) != before;
		/* It is this thread's again. */
		before = atomic_load(&rival.turns);
		sched_yield();
		assert_int_equal(atomic_load(&rival.turns), before);
	}
	fastipc_unlock(&lock);
	end(&rival);
	assert_int_equal(turns, TURNS);
}

/* ---- a thread that reads for all ---- */

static int on_ask(struct fastipc_request *request, void *context)
{
	static const unsigned char answer[ANSWER];

	(void)context;
	return fastipc_request_reply(request, answer, sizeof(answer));
}

static void add_ask(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ASK, on_ask, NULL));
}

/* Bytes that the server has sent. */
static uint64_t sent_to(const struct fastipc_client *client)
{
	return __atomic_load_n(&client->channel.link.peer.control->tx_tail,
			       __ATOMIC_ACQUIRE);
}

/* How often another thread got the lock while the answers were read. */
static unsigned int turns_while_read(struct fastipc_client *client)
{
	uint64_t all = sent_to(client) + (uint64_t)CALLS * ANSWER;
	struct fastipc_call_options options;
	uint64_t ids[CALLS], until = soon();
	struct rival rival;
	unsigned int turns;

	fastipc_call_options_init(&options);
	for (int i = 0; i < CALLS; i++)
		assert_result(fastipc_client_start(client, ASK, NULL, 0,
						   &options, &ids[i]),
			      0);
	/* When nothing is missing nobody sleeps, which frees the lock, too. */
	while (sent_to(client) < all) {
		assert_true(fastipc_now_ns() < until);
		usleep(100);
	}
	begin(&rival, &client->lock);
	assert_int_equal(
		fastipc_call_finish(client,
				    fastipc_call_find(client, ids[CALLS - 1])),
		0);
	turns = atomic_load(&rival.turns);
	fastipc_unlock(&client->lock);
	end(&rival);
	for (int i = 0; i < CALLS; i++)
		assert_result(fastipc_client_finish(client, ids[i]), 0);
	return turns;
}

static void who_reads_for_all_gives_way(void **state)
{
	static const struct service service = { .add = add_ask };
	struct fastipc_server_options options;
	struct server_process server;
	struct fastipc_client *client;
	uint64_t until = soon();
	unsigned int turns = 0;

	(void)state;
	fastipc_server_options_init(&options);
	options.ring_size = 2 * CALLS * ANSWER_RECORD;
	server_start(&server, &options, &service);
	client = connect_with(server.address, NULL);
	while (!turns && fastipc_now_ns() < until)
		turns = turns_while_read(client);
	assert_true(turns > 0);
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: the process must not have threads when it forks. */
		cmocka_unit_test(who_reads_for_all_gives_way),
		cmocka_unit_test(who_holds_it_gives_way),
	};

	return cmocka_run_group_tests_name("lock", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
