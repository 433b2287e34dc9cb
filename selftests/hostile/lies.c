// SPDX-License-Identifier: MIT
/*
 * A client that lies in its control page: about what it has read, whether it
 * sleeps, how it is; and one that floods.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "attacked.h"
#include "scribble.h"

/* Who reads nothing for @stall_ns is dropped for that. */
static void begin_within(uint64_t stall_ns)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.stall_timeout_ns = stall_ns;
	begin_with(&options, &attacked);
}

static void begin(void)
{
	begin_within(300 * MS);
}

/* CPU time that the server has used, in ns. */
static uint64_t cpu_of_server(void)
{
	struct timespec now;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(server.pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &now), 0);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static long memory_of_server(void)
{
	char path[64];
	long size, resident = 0;
	FILE *statm;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)server.pid);
	statm = fopen(path, "re");
	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%ld %ld", &size, &resident), 2);
	fclose(statm);
	return resident * 4;
}

static void put_call(struct fastipc_channel *channel, uint16_t type,
		     uint64_t id, uint32_t size)
{
	static const unsigned char payload[16000];

	assert_true(
		put_frame(channel, good_header(type, id, size), payload, size));
}

static void set_rx_head(struct fastipc_channel *channel, uint64_t head)
{
	__atomic_store_n(&channel->link.own.control->rx_head, head,
			 __ATOMIC_RELEASE);
}

static void wait_for_reply(struct fastipc_channel *channel)
{
	uint64_t until = soon();

	while (!fastipc_consumer_ready(&channel->rx)) {
		assert_true(fastipc_now_ns() < until);
		usleep(100);
	}
}

/* ---- about what it has read ---- */

static void reads_what_was_not_sent(void **state)
{
	const uint64_t heads[] = { 8,	       1 << 20,	       1ull << 32,
				   1ull << 63, UINT64_MAX - 7, 262144 + 8 };

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct fastipc_channel channel;
		uint64_t until = soon();

		hostile_connect(server.address, &channel);
		set_rx_head(&channel, heads[i]);
		/* The server looks at it when its ring is full: 256 KiB. */
		for (uint64_t id = 1; id < 30 && !channel.hungup;) {
			id += put_frame(&channel, good_header(ECHO, id, 16000),
					(unsigned char[16000]){ 0 }, 16000);
			usleep(500);
			fastipc_channel_check_peer(&channel);
			assert_true(fastipc_now_ns() < until);
		}
		assert_dropped(&channel);
		assert_served(good);
	}
	assert_alone(good);
	/* 8 may be true when the server looks; then nothing more is read. */
	assert_int_equal(stats_of(good).protocol_errors, 5);
	assert_int_equal(stats_of(good).stalled, 1);
	end();
}

static void head_goes_back(void **state)
{
	struct fastipc_channel channel;

	(void)state;
	begin_within(PATIENCE);
	hostile_connect(server.address, &channel);
	for (uint64_t id = 1; id < 200; id++) {
		put_call(&channel, ECHO, id, 16000);
		wait_for_reply(&channel);
		/* It reads properly, and then takes it back. */
		fastipc_consumer_next(&channel.rx,
				      16000 + FASTIPC_FRAME_HEADER);
		if (id < 100)
			fastipc_consumer_release(&channel.rx);
		else
			set_rx_head(&channel, 8);
		fastipc_channel_notify(&channel, FASTIPC_WANT_SPACE);
		/* Seen when the server's ring is full; of kmod it is small. */
		if (id == (channel.link.kmod ? 100 : 110))
			break;
	}
	for (uint64_t id = 0; id < 20; id++)
		put_frame(&channel, good_header(ECHO, 1, 16000),
			  (unsigned char[16000]){ 0 }, 16000);
	assert_dropped(&channel);
	assert_served(good);
	assert_alone(good);
	assert_int_equal(stats_of(good).protocol_errors, 1);
	end();
}

/* A lie while the server waits for room must not make it turn on the spot. */
static void lies_cost_no_cpu(void **state)
{
	struct fastipc_channel channel;
	uint64_t before;

	(void)state;
	begin();
	hostile_connect(server.address, &channel);
	for (uint64_t id = 1; id < 40; id++)
		if (!put_frame(&channel, good_header(ECHO, id, 16000),
			       (unsigned char[16000]){ 0 }, 16000))
			usleep(2000);
	usleep(20000);
	before = cpu_of_server();
	/* As though it had read eight bytes more than there are. */
	set_rx_head(&channel,
		    __atomic_load_n(&channel.link.peer.control->tx_tail,
				    __ATOMIC_ACQUIRE) +
			    8);
	fastipc_channel_ring(&channel, FASTIPC_SLEEP_FUTEX);
	fastipc_channel_ring(&channel, FASTIPC_SLEEP_POLL);
	assert_dropped(&channel);
	usleep(100000);
	assert_true(cpu_of_server() - before < 150 * MS);
	assert_served(good);
	end();
}

/* Nor must an end that is told, and then does not come. */
static void end_without_an_end(void **state)
{
	struct fastipc_channel channel;
	uint64_t before;

	(void)state;
	begin();
	before = cpu_of_server();
	hostile_connect(server.address, &channel);
	__atomic_store_n(&channel.link.own.control->state,
			 FASTIPC_STATE_SHUTDOWN, __ATOMIC_RELEASE);
	put_call(&channel, ECHO, 1, 5);
	assert_dropped(&channel);
	usleep(300000);
	assert_true(cpu_of_server() - before < 150 * MS);
	assert_served(good);
	end();
}

/* ---- about how it is ---- */

static void garbage_in_the_control_page(void **state)
{
	uint64_t seed = seed_random();

	(void)state;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	begin_within(PATIENCE);
	for (int round = 0; round < 30; round++) {
		struct fastipc_channel channel;
		struct fastipc_control *own;

		hostile_connect(server.address, &channel);
		own = channel.link.own.control;
		for (int i = 0; i < 30; i++) {
			put_call(&channel, ECHO, 1, 100);
			__atomic_store_n(&own->sleep, (uint32_t)random_number(),
					 __ATOMIC_RELAXED);
			__atomic_store_n(channel.link.own_bell,
					 (uint32_t)random_number(),
					 __ATOMIC_RELAXED);
			/* The server's word, which both may write. */
			if (channel.link.bell)
				__atomic_store_n(
					(uint32_t *)channel.link.peer_bell,
					(uint32_t)random_number(),
					__ATOMIC_RELAXED);
			__atomic_store_n(&own->wake_ns, random_number(),
					 __ATOMIC_RELAXED);
			__atomic_store_n(&own->cpu, (uint32_t)random_number(),
					 __ATOMIC_RELAXED);
			__atomic_store_n(&own->tx_tail, random_number(),
					 __ATOMIC_RELAXED);
			if (i % 10 == 9)
				usleep(1000);
		}
		/* All of it: the identity as well. */
		random_bytes(own, sizeof(*own));
		fastipc_link_ring(&channel.link, FASTIPC_SLEEP_FUTEX);
		fastipc_link_ring(&channel.link, FASTIPC_SLEEP_POLL);
		assert_served(good);
		fastipc_channel_fini(&channel);
	}
	assert_served(good);
	end();
}

/* All of its region, and of the module's requests, while others are served. */
static void scribbling_client(void **state)
{
	uint64_t seed = seed_random();

	(void)state;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	begin_within(PATIENCE);
	for (int round = 0; round < 10; round++) {
		struct fastipc_channel channel;

		hostile_connect(server.address, &channel);
		for (unsigned int step = 0; step < 10000; step++) {
			if (!scribble(&channel, step))
				break;
			if (step % 2000 == 0)
				assert_served(good);
		}
		fastipc_channel_fini(&channel);
		assert_served(good);
	}
	end();
}

/* ---- not reading ---- */

static void never_reads_replies(void **state)
{
	struct fastipc_channel channels[4];
	long before;

	(void)state;
	begin();
	assert_served(good);
	before = memory_of_server();
	for (int i = 0; i < 4; i++) {
		hostile_connect(server.address, &channels[i]);
		for (int call = 0; call < 2000; call++)
			if (!put_frame(&channels[i],
				       good_header(ECHO, 1, 16000),
				       (unsigned char[16000]){ 0 }, 16000))
				usleep(20);
	}
	assert_served(good);
	/* Its ring and one reply each. */
	assert_true(memory_of_server() - before <
		    4096 * (UNDER_ASAN ? 4 : 1) * (UNDER_TSAN ? 9 : 1));
	for (int i = 0; i < 4; i++)
		assert_dropped(&channels[i]);
	assert_served(good);
	assert_int_equal(stats_of(good).stalled, 4);
	end();
}

/* ---- floods ---- */

/* However many it took at once, and with nothing to answer. */
static void space_is_told_of(void **state)
{
	const struct header header = good_header(ECHO, 0, 0);
	struct fastipc_channel channel;
	struct header whole = header;
	unsigned char *place;
	uint32_t seen;

	(void)state;
	begin_within(PATIENCE);
	hostile_connect(server.address, &channel);
	whole.crc = crc_of(header, "", 0);
	for (int count = 1; count <= 100; count++) {
		for (int i = 0; i < count; i++) {
			check(!fastipc_producer_reserve(&channel.tx,
							sizeof(whole), &place));
			memcpy(place, &whole, sizeof(whole));
			fastipc_producer_commit(&channel.tx, sizeof(whole));
		}
		seen = fastipc_channel_arm(&channel, FASTIPC_SLEEP_FUTEX,
					   FASTIPC_WANT_SPACE);
		fastipc_producer_publish(&channel.tx);
		fastipc_channel_notify(&channel, FASTIPC_WANT_DATA);
		assert_told_of_space(&channel, seen);
		fastipc_channel_disarm(&channel);
	}
	assert_served(good);
	fastipc_channel_fini(&channel);
	end();
}

static void floods_of_doorbells(void **state)
{
	struct fastipc_channel channel;
	char bytes[1000] = { 0 };

	(void)state;
	begin_within(PATIENCE);
	hostile_connect(server.address, &channel);
	for (int i = 0; i < 5000; i++) {
		if (channel.link.kmod)
			fastipc_link_ring(&channel.link, FASTIPC_SLEEP_POLL);
		else
			send(channel.link.sock, bytes, 1 + i % sizeof(bytes),
			     MSG_DONTWAIT | MSG_NOSIGNAL);
		if (i % 500 == 0)
			assert_served(good);
	}
	put_call(&channel, ECHO, 1, 5);
	wait_for_reply(&channel);
	assert_served(good);
	fastipc_channel_fini(&channel);
	end();
}

/*
 * Whoever can write a word may have the kernel move its sleepers to another
 * one, where no ring of this client's, nor of the server's own, wakes them: the
 * server has to sleep on more than that.
 */
static void moves_who_sleeps_on_its_doorbell(void **state)
{
	struct fastipc_channel channel;
	uint32_t *elsewhere;

	(void)state;
	elsewhere = mmap(NULL, sizeof(*elsewhere), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(elsewhere, MAP_FAILED);
	begin();
	hostile_connect(server.address, &channel);
	if (channel.link.kmod) {
		/* Nobody sleeps on a futex there. */
		fastipc_channel_fini(&channel);
		end();
		munmap(elsewhere, sizeof(*elsewhere));
		skip();
	}
	for (int i = 0; i < 20; i++) {
		struct fastipc_client *new;
		uint64_t until = soon();

		put_call(&channel, ECHO, 1, 5);
		fastipc_channel_notify(&channel, FASTIPC_WANT_DATA);
		wait_for_reply(&channel);
		fastipc_consumer_next(&channel.rx, 5 + FASTIPC_FRAME_HEADER);
		fastipc_consumer_release(&channel.rx);
		while (syscall(SYS_futex, channel.link.own_bell, FUTEX_REQUEUE,
			       0, INT_MAX, elsewhere, 0) < 1)
			assert_true(fastipc_now_ns() < until);
		assert_served(good);
		new = connect_with(server.address, NULL);
		assert_served(new);
		fastipc_client_close(new);
	}
	fastipc_channel_fini(&channel);
	munmap(elsewhere, sizeof(*elsewhere));
	end();
}

static void floods_of_control(void **state)
{
	const uint16_t types[] = { FASTIPC_TYPE_PING, FASTIPC_TYPE_PONG,
				   FASTIPC_TYPE_CANCEL, 0xFFFF };

	(void)state;
	begin();
	for (int t = 0; t < 4; t++) {
		struct fastipc_channel channel;
		unsigned int sent = 0;

		hostile_connect(server.address, &channel);
		for (unsigned int i = 0; i < 5000; i++) {
			sent += put_frame(&channel,
					  good_header(types[t], i, 40),
					  (unsigned char[40]){ 0 }, 40);
			if (i % 1000 == 0)
				assert_served(good);
		}
		assert_true(sent > 100);
		assert_served(good);
		fastipc_channel_fini(&channel);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_not_sent),
		cmocka_unit_test(head_goes_back),
		cmocka_unit_test(lies_cost_no_cpu),
		cmocka_unit_test(end_without_an_end),
		cmocka_unit_test(garbage_in_the_control_page),
		cmocka_unit_test(scribbling_client),
		cmocka_unit_test(never_reads_replies),
		cmocka_unit_test(space_is_told_of),
		cmocka_unit_test(floods_of_doorbells),
		cmocka_unit_test(moves_who_sleeps_on_its_doorbell),
		cmocka_unit_test(floods_of_control),
	};

	seed_random();
	return cmocka_run_group_tests_name("lies", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
