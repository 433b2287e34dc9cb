// SPDX-License-Identifier: MIT
/*
 * Weights and the class of what is urgent, between two processes: what of two
 * streams comes while both have more to send, in each direction.
 *
 * What is counted are bytes, not time.
 */
#include <sched.h>
#include <sys/mman.h>

#include "hostile/attacked.h"
#include "hostile/by_hand.h"
#include "hostile/streams_by_hand.h"

#define SOURCE 12 /* a stream that writes as long as it may */
#define MESSAGE 10000u
/* What the ring and the queues had before both were there; and what counts. */
#define BEFORE (2u << 20)
#define COUNTED (8u << 20)
/* All of it may be sent. */
#define WINDOW (64u << 20)

/* Bytes of each of the two streams. */
struct shares {
	uint64_t first, second, all;
};

static void add_share(struct shares *shares, const struct fastipc_frame *frame)
{
	if (!(frame->id & FASTIPC_STREAM_OPENS))
		return;
	shares->all += frame->length;
	if (shares->all < BEFORE)
		return;
	if (frame->id == ID(1))
		shares->first += frame->length;
	else
		shares->second += frame->length;
}

/*
 * Who reads slowly, so that there is always more to send than fits: the ring
 * takes half of what both streams may queue, and bulk gets half of it at least,
 * which is three messages.  One is taken when three are there: then who sends has
 * had the time to put another one there, however slow it is.
 */
#define RING (64u << 10)
#define THREE (5 * MESSAGE / 2)

static bool is_full(const struct fastipc_channel *channel)
{
	uint64_t tail = __atomic_load_n(&channel->link.peer.control->tx_tail,
					__ATOMIC_ACQUIRE);

	return tail - channel->link.own.control->rx_head > THREE;
}

static bool is_counted(const struct shares *shares)
{
	/* Where all is slow, some less will do. */
	return shares->all >=
	       BEFORE + (patience_times() > 1 ? COUNTED / 4 : COUNTED);
}

static void assert_shares(const struct shares *shares, unsigned int first,
			  unsigned int second)
{
	uint64_t sum = shares->first + shares->second;
	uint64_t due = sum * first / (first + second);

	print_message("# %u to %u: %llu, %llu\n", first, second,
		      (unsigned long long)shares->first,
		      (unsigned long long)shares->second);
	assert_in_range(shares->first, due - sum / 20, due + sum / 20);
}

/* ---- what the server sends ---- */

static void write_more(void *context, struct fastipc_stream *stream)
{
	static const unsigned char data[MESSAGE];

	(void)context;
	while (!fastipc_stream_write(stream, data, sizeof(data), 0, 0))
		;
}

static unsigned int own_weight; /* of the server's own second stream */
static unsigned int *full; /* streams that have no more room; in both processes */

static int on_source(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;
	static unsigned int count;

	(void)context;
	fastipc_stream_options_init(&options);
	options.end = close_it;
	options.writable = write_more;
	if (++count % 2 == 0)
		options.weight = own_weight;
	stream = fastipc_request_stream(request, &options);
	check(stream);
	/* Nobody reads yet. */
	write_more(NULL, stream);
	__atomic_fetch_add(full, 1, __ATOMIC_RELEASE);
	return 0;
}

static void add_source(struct fastipc_server *made)
{
	add_streams(made);
	check(!fastipc_server_add_handler(made, SOURCE, on_source, NULL));
}

static const struct service source = { .add = add_source };

static void open_source(struct fastipc_channel *channel, uint64_t id,
			uint32_t wish)
{
	struct total block = good_total(wish);

	block.kind = FASTIPC_EXT_STREAM;
	put_whole(channel, SOURCE, FASTIPC_FRAME_STREAM | FASTIPC_FRAME_EXT, id,
		  &block, sizeof(block));
}

static struct shares count_shares(struct fastipc_channel *channel)
{
	struct shares shares = { 0 };
	uint64_t until = soon();

	while (!is_counted(&shares)) {
		struct fastipc_frame frame;

		assert_true(fastipc_now_ns() < until);
		if (!is_full(channel)) {
			usleep(20);
			continue;
		}
		/* A server may look for room only twice in a millisecond, and
		 * then has to fill its streams up again. */
		if (patience_times() > 1)
			usleep(3000);
		assert_int_equal(fastipc_frame_peek(channel, &frame), 0);
		add_share(&shares, &frame);
		fastipc_frame_release(channel, &frame);
		fastipc_channel_notify_space(channel, true);
	}
	return shares;
}

/* What the client wishes for both, and the server for the second. */
static struct shares served(uint32_t first, uint32_t second, unsigned int own)
{
	struct fastipc_proposal proposal = hostile_proposal;
	struct fastipc_server_options options;
	struct server_process process;
	struct fastipc_channel channel;
	uint64_t until = soon();
	struct shares shares;

	proposal.stream_window = WINDOW;
	own_weight = own;
	*full = 0;
	fastipc_server_options_init(&options);
	options.ring_size = RING;
	server_start(&process, &options, &source);
	hostile_connect_with(process.address, &proposal, &channel);
	open_source(&channel, ID(1), first);
	open_source(&channel, ID(2), second);
	while (__atomic_load_n(full, __ATOMIC_ACQUIRE) < 2)
		assert_true(fastipc_now_ns() < until);
	shares = count_shares(&channel);
	fastipc_channel_fini(&channel);
	server_stop(&process);
	return shares;
}

static void servers_share_as_clients_wish(void **state)
{
	struct shares shares;

	(void)state;
	shares = served(16, 16, 0);
	assert_shares(&shares, 1, 1);
	shares = served(10, 30, 0);
	assert_shares(&shares, 1, 3);
	shares = served(0, 48, 0); /* 0: as usual, 16 */
	assert_shares(&shares, 1, 3);
	shares = served(16, 16, 80); /* the server knows better */
	assert_shares(&shares, 1, 5);
}

static void servers_send_what_is_urgent_first(void **state)
{
	struct shares shares = served(255, FASTIPC_STREAM_URGENT | 1, 0);

	(void)state;
	print_message("# urgent: %llu, %llu\n",
		      (unsigned long long)shares.first,
		      (unsigned long long)shares.second);
	assert_true(shares.first < shares.second);
}

/* ---- what the client sends ---- */

static struct result {
	struct shares shares;
	uint32_t wishes[2];
	int done;
} * result;

/* Takes what comes, a message each time when both have more to send. */
static void take_streams(struct fastipc_channel *channel)
{
	struct shares shares = { 0 };
	uint64_t until = soon();
	unsigned int opened = 0;

	while (!is_counted(&shares)) {
		struct fastipc_frame frame;

		check(fastipc_now_ns() < until);
		if (!__atomic_load_n(full, __ATOMIC_ACQUIRE)) {
			sched_yield();
			continue;
		}
		check(!fastipc_frame_peek(channel, &frame));
		if (frame.id == ID(opened + 1) && opened < 2)
			result->wishes[opened++] = frame.stream;
		add_share(&shares, &frame);
		fastipc_frame_release(channel, &frame);
		__atomic_store_n(full, 0, __ATOMIC_RELEASE);
		fastipc_channel_notify_space(channel, true);
	}
	result->shares = shares;
	__atomic_store_n(&result->done, 1, __ATOMIC_RELEASE);
}

static struct fastipc_stream *open_as(struct fastipc_client *client,
				      unsigned int weight, bool urgent)
{
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;

	fastipc_stream_options_init(&options);
	options.weight = weight;
	options.urgent = urgent;
	assert_result(fastipc_stream_open(client, HELD, NULL, 0, &options,
					  &stream),
		      0);
	return stream;
}

static void fill_up(struct fastipc_stream *stream)
{
	static const unsigned char data[MESSAGE];
	int error;

	do {
		error = fastipc_stream_write(stream, data, sizeof(data), 0, 1);
	} while (!error);
	assert_int_equal(error, -ETIMEDOUT);
}

static struct shares sent(unsigned int first, unsigned int second, bool urgent)
{
	struct fastipc_client_options options;
	struct fastipc_stream *streams[2];
	struct fastipc_client *client;
	uint64_t until = soon();
	struct shares shares;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	*full = 0;
	fastipc_client_options_init(&options);
	options.ring_size = RING;
	pid = start_scenario(take_streams, &options, &client);
	streams[0] = open_as(client, first, false);
	streams[1] = open_as(client, second, urgent);
	while (!__atomic_load_n(&result->done, __ATOMIC_ACQUIRE)) {
		assert_true(fastipc_now_ns() < until);
		if (__atomic_load_n(full, __ATOMIC_ACQUIRE)) {
			sched_yield();
			continue;
		}
		/* Nobody reads meanwhile. */
		fastipc_client_dispatch(client);
		fill_up(streams[0]);
		fill_up(streams[1]);
		__atomic_store_n(full, 1, __ATOMIC_RELEASE);
	}
	/* The server is told, for what it sends. */
	assert_int_equal(result->wishes[0], first);
	assert_int_equal(result->wishes[1],
			 second | (urgent ? FASTIPC_STREAM_URGENT : 0));
	shares = result->shares;
	fastipc_stream_close(streams[0]);
	fastipc_stream_close(streams[1]);
	fastipc_client_close(client);
	assert_ended_well(pid);
	return shares;
}

static void clients_share(void **state)
{
	struct shares shares;

	(void)state;
	shares = sent(16, 16, false);
	assert_shares(&shares, 1, 1);
	shares = sent(10, 30, false);
	assert_shares(&shares, 1, 3);
	shares = sent(0, 48, false);
	assert_shares(&shares, 1, 3);
}

static void clients_send_what_is_urgent_first(void **state)
{
	struct shares shares = sent(255, 1, true);

	(void)state;
	print_message("# urgent: %llu, %llu\n",
		      (unsigned long long)shares.first,
		      (unsigned long long)shares.second);
	assert_true(shares.first < shares.second);
}

static int start(void **state)
{
	result = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		return -1;
	full = (unsigned int *)(result + 1);
	by_hand.max_streams = 2;
	by_hand.stream_window = WINDOW;
	return runtime_directory_make(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_share_as_clients_wish),
		cmocka_unit_test(servers_send_what_is_urgent_first),
		cmocka_unit_test(clients_share),
		cmocka_unit_test(clients_send_what_is_urgent_first),
	};

	return cmocka_run_group_tests_name("stream_shares", tests, start,
					   runtime_directory_remove);
}
