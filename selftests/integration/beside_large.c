// SPDX-License-Identifier: MIT
/*
 * Small calls beside a large message on the same connection, where the other
 * end reads, or writes, as fast as this one does: nothing ever ends the turn of
 * who moves the large message but itself.
 *
 * What is counted are the large message's bytes, not time.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "hostile/by_hand.h"
#include "rpc/client.h"

#define LARGE (8u << 20)
#define FRAGMENT 16000u
#define ROUNDS 10

/* Of the large request; in memory that both processes have. */
static uint32_t *taken;

static unsigned char bytes[LARGE];

static void share(void)
{
	taken = mmap(NULL, sizeof(*taken), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(taken != MAP_FAILED);
}

static uint32_t look(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void note(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Without sleeping: that would leave the other end's ring full.  False: it has
 * gone. */
static bool next_frame(struct fastipc_channel *channel,
		       struct fastipc_frame *frame)
{
	uint64_t until = soon();
	int error;

	while ((error = fastipc_frame_peek(channel, frame)) == -EAGAIN) {
		fastipc_channel_check_peer(channel);
		if (channel->hungup)
			return false;
		check(fastipc_now_ns() < until);
	}
	check(!error);
	return true;
}

static void release(struct fastipc_channel *channel,
		    const struct fastipc_frame *frame)
{
	fastipc_frame_release(channel, frame);
	fastipc_channel_notify_space(channel, true);
}

static void pong(struct fastipc_channel *channel, uint64_t id)
{
	reply(channel, good_header(FASTIPC_TYPE_PONG, id, 0), "", 0);
}

/* ---- a large request ---- */

static void take_all(struct fastipc_channel *channel)
{
	struct fastipc_frame frame;

	while (next_frame(channel, &frame)) {
		release(channel, &frame);
		if (frame.type == FASTIPC_TYPE_PING) {
			pong(channel, frame.id);
			continue;
		}
		note(taken, *taken + frame.length);
		if (!(frame.flags & FASTIPC_FRAME_MORE))
			reply_well(channel, frame.id);
	}
}

/* The one thread moves both, and has its reply long before all is moved. */
static void beside_a_request(void **state)
{
	struct fastipc_call_options call;
	struct fastipc_client *client;
	uint64_t id;
	pid_t pid;

	(void)state;
	share();
	pid = start_scenario(take_all, NULL, &client);
	fastipc_call_options_init(&call);
	call.deadline = soon();
	call.flags = FASTIPC_NOWAIT;
	for (int i = 0; i < ROUNDS; i++) {
		note(taken, 0);
		assert_result(fastipc_client_start(client, ECHO, bytes, LARGE,
						   &call, &id),
			      0);
		assert_result(fastipc_client_ping(client, soon(), NULL), 0);
		assert_true(look(taken) < LARGE / 2);
		assert_result(fastipc_client_finish(client, id), 0);
		assert_int_equal(look(taken), LARGE);
	}
	fastipc_client_close(client);
	assert_ended_well(pid);
	munmap(taken, sizeof(*taken));
}

/* ---- a large reply ---- */

static void *answer(void *request)
{
	fastipc_request_reply(request, bytes, LARGE);
	return NULL;
}

static int on_large(struct fastipc_request *request, void *context)
{
	pthread_t thread;

	(void)context;
	check(!pthread_create(&thread, NULL, answer,
			      fastipc_request_defer(request)));
	check(!pthread_detach(thread));
	return 0;
}

static void add_large(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ECHO, on_large, NULL));
}

static const struct service large_service = { .add = add_large };

/* What of the reply comes before the answer to a call that follows its begin. */
static uint32_t take_reply(struct fastipc_channel *channel, uint64_t id)
{
	struct fastipc_frame frame;
	uint32_t got = 0, before = 0;
	bool answered = false;

	put_whole(channel, ECHO, 0, id, "", 0);
	while (got < LARGE || !answered) {
		check(next_frame(channel, &frame));
		if (!got)
			put_whole(channel, FASTIPC_TYPE_PING, 0, id + 1, "", 0);
		if (frame.type == FASTIPC_TYPE_PONG) {
			answered = true;
			before = got;
		} else {
			got += frame.length;
		}
		release(channel, &frame);
	}
	assert_int_equal(got, LARGE);
	return before;
}

/* The worker moves it, and answers others long before all is moved. */
static void beside_a_reply(void **state)
{
	struct server_process server;
	struct fastipc_channel channel;

	(void)state;
	server_start(&server, NULL, &large_service);
	hostile_connect(server.address, &channel);
	for (uint64_t i = 0; i < ROUNDS; i++)
		assert_true(take_reply(&channel, 2 * i + 1) < LARGE / 2);
	fastipc_channel_fini(&channel);
	server_stop(&server);
}

/* ---- a CPU for all of the client's threads ---- */

static uint32_t yields;

/* The library's, too. */
int sched_yield(void)
{
	__atomic_fetch_add(&yields, 1, __ATOMIC_RELAXED);
	return (int)syscall(SYS_sched_yield);
}

static void put_fragment(struct fastipc_channel *channel, uint64_t id,
			 uint32_t offset)
{
	struct {
		struct total total;
		unsigned char bytes[FRAGMENT];
	} payload = { .total = good_total(LARGE) };
	uint32_t extra = offset ? 0 : sizeof(payload.total);
	uint32_t left = LARGE - offset;
	uint32_t size = extra + (left < FRAGMENT ? left : FRAGMENT);
	const void *from = offset ? payload.bytes : (void *)&payload;
	uint8_t flags = left > FRAGMENT ? FASTIPC_FRAME_MORE : 0;

	put_whole(channel, ECHO, extra ? flags | FASTIPC_FRAME_EXT : flags, id,
		  from, size);
}

static void answer_large(struct fastipc_channel *channel)
{
	for (;;) {
		uint64_t id = next_id(channel);

		for (uint32_t offset = 0; offset < LARGE; offset += FRAGMENT)
			put_fragment(channel, id, offset);
	}
}

/* As who leads does for another thread; the one here wakes nobody. */
static void wake_another(struct fastipc_client *client)
{
	struct call other = { .state = CALL_PENDING, .waited = true };

	fastipc_lock(&client->lock);
	fastipc_call_done(client, &other);
	fastipc_unlock(&client->lock);
}

/* The leader has more to take than it will sleep for: whom it has woken may need
 * its CPU. */
static void leader_gives_way(void **state)
{
	struct fastipc_client_options options;
	struct fastipc_buffer got = { 0 };
	struct fastipc_call_options call;
	struct fastipc_client *client;
	pid_t pid;

	(void)state;
	by_hand.ring_size = 256u << 10;
	fastipc_client_options_init(&options);
	/* Others give way before they sleep, too. */
	options.wait = FASTIPC_WAIT_SLEEP;
	pid = start_scenario(answer_large, &options, &client);
	fastipc_call_options_init(&call);
	call.deadline = soon();
	call.reply = &got;
	for (int i = 0; i < 2; i++) {
		uint64_t id;

		assert_result(fastipc_client_start(client, ECHO, "", 0, &call,
						   &id),
			      0);
		yields = 0;
		if (i)
			wake_another(client);
		assert_result(fastipc_client_finish(client, id), 0);
		assert_int_equal(got.size, LARGE);
		assert_int_equal(yields, i);
	}
	fastipc_buffer_free(&got);
	fastipc_client_close(client);
	assert_ended_well(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_a_request),
		cmocka_unit_test(beside_a_reply),
		cmocka_unit_test(leader_gives_way),
	};

	return cmocka_run_group_tests_name("beside_large", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
