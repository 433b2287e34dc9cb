// SPDX-License-Identifier: MIT
/*
 * What a client could not send at once: who moves it on when the server has made
 * room, and nobody waits for that.
 */
#include <endian.h>
#include <sys/mman.h>

#include "hostile/by_hand.h"

#define BLOCK 20   /* one-way: the worker stands still until it may go on */
#define NOTE 21	   /* one-way: counted */
#define ENDING 22  /* a stream: that the client's END came */
#define TALKING 23 /* a stream, of which READ messages are read */

#define READ 10

static struct server_process server;
static struct fastipc_client *client;
static struct fastipc_stream *stream;
static uint32_t sent;
/* In memory that both processes have. */
static struct {
	uint32_t blocked, go_on;
	uint32_t noted;
	uint32_t ended;
} * both;

static uint32_t look(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void bump(uint32_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_RELEASE);
}

/* Without a call of the library's. */
static bool comes_to(const uint32_t *word, uint32_t value)
{
	uint64_t until = soon();

	while (look(word) < value && fastipc_now_ns() < until)
		usleep(1000);
	return look(word) == value;
}

/* ---- the service ---- */

static int on_block(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	bump(&both->blocked);
	check(comes_to(&both->go_on, 1));
	return 0;
}

static int on_note(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	bump(&both->noted);
	return 0;
}

static void on_end(void *context, struct fastipc_stream *ended)
{
	bool whole = !fastipc_stream_finish(ended, 0, NULL, NULL, 0);

	(void)context;
	fastipc_stream_close(ended);
	if (whole)
		bump(&both->ended);
}

static int on_ending(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;

	(void)context;
	fastipc_stream_options_init(&options);
	options.end = on_end;
	check(fastipc_request_stream(request, &options));
	return 0;
}

static void add_all(struct fastipc_server *added)
{
	check(!fastipc_server_add_handler(added, BLOCK, on_block, NULL));
	check(!fastipc_server_add_handler(added, NOTE, on_note, NULL));
	check(!fastipc_server_add_handler(added, ENDING, on_ending, NULL));
}

static const struct service service = { .add = add_all };

/* ---- a ring without room ---- */

static void share(void)
{
	both = mmap(NULL, sizeof(*both), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(both != MAP_FAILED);
	sent = 0;
}

static void end_sharing(void)
{
	munmap(both, sizeof(*both));
}

static void begin(void)
{
	share();
	server_start(&server, NULL, &service);
	client = connect_with(server.address, NULL);
	assert_result(
		fastipc_stream_open(client, ENDING, NULL, 0, NULL, &stream), 0);
	assert_result(fastipc_client_ping(client, soon(), NULL), 0);
}

static void end(void)
{
	fastipc_stream_close(stream);
	fastipc_client_close(client);
	server_stop(&server);
	end_sharing();
}

static void block_the_server(void)
{
	assert_result(fastipc_client_post(client, BLOCK, NULL, 0, 0, soon()),
		      0);
	assert_true(comes_to(&both->blocked, 1));
}

/* Down to the last bytes, into which no frame fits. */
static void fill_the_ring(void)
{
	static const unsigned char bytes[1000];

	size_t size = sizeof(bytes);
	int error;

	do {
		error = fastipc_client_post(client, NOTE, bytes, size,
					    FASTIPC_NOWAIT, 0);
		sent += !error;
		if (error == -EAGAIN && size) {
			size = 0;
			error = 0;
		}
	} while (!error);
	assert_result(error, -EAGAIN);
}

static void finish_the_stream(void)
{
	assert_result(fastipc_stream_finish(stream, 0, NULL, NULL, 0), 0);
}

/* The stream's END is queued, and the server has made room since. */
static void leave_the_end_behind(void)
{
	begin();
	block_the_server();
	fill_the_ring();
	finish_the_stream();
	bump(&both->go_on);
	assert_true(comes_to(&both->noted, sent));
	assert_int_equal(look(&both->ended), 0);
}

/* ---- a client that never waits ---- */

static void moved_by_a_post(void **state)
{
	(void)state;
	leave_the_end_behind();
	assert_result(fastipc_client_post(client, NOTE, NULL, 0, FASTIPC_NOWAIT,
					  0),
		      0);
	assert_true(comes_to(&both->ended, 1));
	end();
}

static void moved_by_a_flush(void **state)
{
	(void)state;
	leave_the_end_behind();
	assert_result(fastipc_client_flush(client), 0);
	assert_true(comes_to(&both->ended, 1));
	end();
}

/* ---- an event loop that sleeps while another thread queues ---- */

static uint32_t answered;

/* With kmod it is not told of space, and looks from time to time.  (What it waits
 * for may be set a little after it was told of something for the last time.) */
static void *loop(void *argument)
{
	struct pollfd pollfd = { .fd = fastipc_client_fd(client),
				 .events = POLLIN };
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	bool told = true;
	bool kmod;

	fastipc_client_get_stats(client, &stats);
	kmod = !strcmp(stats.transport, "kmod");
	for (uint64_t until = soon(); fastipc_now_ns() < until;) {
		if (told || kmod)
			fastipc_client_dispatch(client);
		if (look(argument))
			break;
		told = poll(&pollfd, 1, 10) == 1;
	}
	return NULL;
}

/* What @queue queues moves on, until *@done is set. */
static void assert_loop_moves(void (*queue)(void), uint32_t *done)
{
	pthread_t thread;

	block_the_server();
	assert_int_equal(pthread_create(&thread, NULL, loop, done), 0);
	/* It sleeps by then; if not, nothing is shown. */
	usleep(200000);
	fill_the_ring();
	queue();
	bump(&both->go_on);
	assert_true(comes_to(done, 1));
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void loop_is_told_of_an_end(void **state)
{
	(void)state;
	begin();
	assert_loop_moves(finish_the_stream, &both->ended);
	end();
}

static void on_answer(void *context, int status, const void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	if (!status)
		bump(&answered);
}

static void start_a_ping(void)
{
	struct fastipc_call_options options;
	uint64_t id;

	fastipc_call_options_init(&options);
	options.done = on_answer;
	options.flags = FASTIPC_NOWAIT;
	assert_result(fastipc_client_start(client, FASTIPC_TYPE_PING, NULL, 0,
					   &options, &id),
		      0);
}

static void loop_is_told_of_a_call(void **state)
{
	(void)state;
	begin();
	answered = 0;
	assert_loop_moves(start_a_ping, &answered);
	end();
}

/* ---- a server that has always something to say ---- */

/* Messages of the first stream come before anything is taken, and more than are
 * read. */
static void talk(struct fastipc_channel *channel)
{
	uint64_t talking = next_id(channel);
	uint64_t ending = next_id(channel);

	for (int i = 0; i < 10 * READ; i++)
		put_whole(channel, TALKING, FASTIPC_FRAME_STREAM, talking, "x",
			  1);
	bump(&both->blocked);
	check(comes_to(&both->go_on, 1));
	while (next_id(channel) != ending)
		bump(&both->noted);
	bump(&both->ended);
}

static void moved_by_a_busy_reader(void **state)
{
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_stream *talking;
	pid_t pid;

	(void)state;
	share();
	by_hand.stream_window = 65536;
	by_hand.max_streams = 2;
	pid = start_scenario(talk, NULL, &client);
	assert_result(fastipc_stream_open(client, TALKING, NULL, 0, NULL,
					  &talking),
		      0);
	assert_result(
		fastipc_stream_open(client, ENDING, NULL, 0, NULL, &stream), 0);
	assert_true(comes_to(&both->blocked, 1));
	fill_the_ring();
	finish_the_stream();
	bump(&both->go_on);
	assert_true(comes_to(&both->noted, sent));
	assert_int_equal(look(&both->ended), 0);
	for (int i = 0; i < READ; i++)
		assert_result(fastipc_stream_read(talking, &buffer, soon()), 0);
	assert_true(comes_to(&both->ended, 1));
	fastipc_stream_close(talking);
	fastipc_stream_close(stream);
	fastipc_client_close(client);
	fastipc_buffer_free(&buffer);
	assert_ended_well(pid);
	end_sharing();
}

/* ---- credit that finds no room ---- */

/* The least; an empty message costs 64 of it. */
#define WINDOW 4096u
#define MESSAGES (WINDOW / 64)

/* The value of the CREDIT that is next but for notes. */
static uint64_t next_credit(struct fastipc_channel *channel, uint64_t id)
{
	struct fastipc_frame frame;
	uint64_t value = 0;
	int error;

	while ((error = fastipc_frame_peek(channel, &frame)) == -EAGAIN)
		fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL, 0,
				      false, fastipc_after_ns(10 * MS));
	check(!error);
	if (frame.type == NOTE) {
		bump(&both->noted);
	} else {
		check(frame.type == FASTIPC_TYPE_CREDIT && frame.id == id &&
		      frame.length == sizeof(value));
		check(!fastipc_frame_take(channel, &frame, &value));
	}
	fastipc_frame_release(channel, &frame);
	fastipc_channel_notify_space(channel, true);
	return value;
}

/* All that it has credit for, then nothing until it has more. */
static void talk_to_the_limit(struct fastipc_channel *channel)
{
	uint64_t talking = next_id(channel);
	uint64_t credit;

	for (uint32_t i = 0; i < MESSAGES; i++)
		put_whole(channel, TALKING, FASTIPC_FRAME_STREAM, talking, "",
			  0);
	bump(&both->blocked);
	check(comes_to(&both->go_on, 1));
	while (!(credit = next_credit(channel, talking)))
		;
	/* One for both halves of the window: the last sum counts. */
	check(le64toh(credit) == 2 * WINDOW);
	bump(&both->ended);
}

static void credit_is_queued(void **state)
{
	struct fastipc_client_options options;
	struct fastipc_buffer buffer = { 0 };
	pid_t pid;

	(void)state;
	share();
	by_hand.stream_window = 65536;
	by_hand.max_streams = 2;
	fastipc_client_options_init(&options);
	options.stream_window = WINDOW;
	pid = start_scenario(talk_to_the_limit, &options, &client);
	assert_result(fastipc_stream_open(client, TALKING, NULL, 0, NULL,
					  &stream),
		      0);
	assert_true(comes_to(&both->blocked, 1));
	fill_the_ring();
	for (uint32_t i = 0; i < MESSAGES; i++)
		assert_result(fastipc_stream_read(stream, &buffer, soon()), 0);
	bump(&both->go_on);
	assert_true(comes_to(&both->noted, sent));
	assert_int_equal(look(&both->ended), 0);
	assert_result(fastipc_client_flush(client), 0);
	assert_true(comes_to(&both->ended, 1));
	fastipc_stream_close(stream);
	fastipc_client_close(client);
	fastipc_buffer_free(&buffer);
	assert_ended_well(pid);
	end_sharing();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moved_by_a_post),
		cmocka_unit_test(moved_by_a_flush),
		cmocka_unit_test(loop_is_told_of_an_end),
		cmocka_unit_test(loop_is_told_of_a_call),
		cmocka_unit_test(moved_by_a_busy_reader),
		cmocka_unit_test(credit_is_queued),
	};

	return cmocka_run_group_tests_name("queued", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
