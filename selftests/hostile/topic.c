// SPDX-License-Identifier: MIT
/*
 * Subscribers and publishers that speak the wire by hand: who lies is dropped
 * and counted, and nobody else notices.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "topic_by_hand.h"

/* ---- lies about the cursor ---- */

static void lie(uint64_t first, uint64_t then)
{
	struct scene scene;
	struct hand liar;

	scene_make(&scene);
	go_on(&scene, 3);
	hand_join(&scene, &liar, FASTIPC_BLOCK, FASTIPC_SEAT_SLEEP);
	assert_int_equal(liar.error, 0);
	go_on(&scene, 10);
	__atomic_store_n(&liar.words->consumed, first, __ATOMIC_RELEASE);
	fastipc_topic_dispatch(scene.topic);
	if (then != first)
		assert_int_equal(stats_of(&scene).protocol_errors, 0);
	__atomic_store_n(&liar.words->consumed, then, __ATOMIC_RELEASE);
	fastipc_topic_dispatch(scene.topic);
	assert_int_equal(stats_of(&scene).protocol_errors, 1);
	assert_dropped(&liar);
	hand_free(&liar);
	assert_int_equal(stats_of(&scene).waits, 0);
	scene_end(&scene);
}

static void lies_about_its_cursor(void **state)
{
	const uint64_t space = fastipc_broadcast_space(80);

	(void)state;
	lie(10 * space + 8, 10 * space + 8); /* beyond the tail */
	lie(UINT64_MAX, UINT64_MAX);	     /* before where it began */
	lie(1ull << 63, 1ull << 63);
	lie(5 * space, 4 * space); /* back */
	lie(5 * space, 0);
}

/* It is found out in publishing, too, without a dispatch; one that is in the
 * middle of a record holds up nobody, and gets nothing. */
static void lies_while_the_publisher_waits(void **state)
{
	struct scene scene;
	struct hand liar;

	(void)state;
	scene_make(&scene);
	hand_join(&scene, &liar, FASTIPC_BLOCK, FASTIPC_SEAT_SLEEP);
	go_on(&scene, 100);
	__atomic_store_n(&liar.words->consumed, 1ull << 40, __ATOMIC_RELEASE);
	go_on(&scene, 500);
	assert_int_equal(stats_of(&scene).protocol_errors, 1);
	hand_free(&liar);

	hand_join(&scene, &liar, FASTIPC_BLOCK, FASTIPC_SEAT_SLEEP);
	go_on(&scene, 100);
	__atomic_store_n(&liar.words->consumed, 50 * 96 + 13, __ATOMIC_RELEASE);
	go_on(&scene, 90);
	__atomic_store_n(&liar.words->consumed, 190 * 96 - 1, __ATOMIC_RELEASE);
	go_on(&scene, 100);
	assert_int_equal(stats_of(&scene).protocol_errors, 1);
	hand_free(&liar);
	fastipc_topic_dispatch(scene.topic);
	scene_end(&scene);
}

/* ---- floods ---- */

static void flood(enum fastipc_policy policy)
{
	struct scene scene;
	struct hand liar;

	scene_make(&scene);
	hand_join(&scene, &liar, policy, FASTIPC_SEAT_SLEEP);
	for (int i = 0; i < 10; i++)
		(void)!send(liar.sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	fastipc_topic_dispatch(scene.topic);
	assert_int_equal(stats_of(&scene).protocol_errors, 1);
	assert_dropped(&liar);
	hand_free(&liar);
	scene_end(&scene);
}

static void floods_doorbells(void **state)
{
	(void)state;
	flood(FASTIPC_BLOCK);
	flood(FASTIPC_DROP_OLDEST);
}

/* Says all the time that it sleeps, in all ways, and reads no byte. */
static void sleeps_all_the_time(void **state)
{
	struct scene scene;
	struct hand liar;
	uint32_t *sleep;

	(void)state;
	scene_make(&scene);
	hand_join(&scene, &liar, FASTIPC_LATEST, FASTIPC_CONTROL_SIZE - 4);
	assert_int_equal(liar.error, 0);
	sleep = (uint32_t *)((char *)liar.own.control + FASTIPC_CONTROL_SIZE -
			     4);
	for (uint32_t i = 0; i < 3000; i++) {
		__atomic_store_n(sleep, i * 0x9e3779b9u, __ATOMIC_RELEASE);
		go_on(&scene, 1);
	}
	assert_int_equal(stats_of(&scene).subscribers, 2);
	hand_free(&liar);
	fastipc_topic_dispatch(scene.topic);
	scene_end(&scene);
}

/* ---- pages that are none ---- */

static void bad_wishes(void **state)
{
	const uint32_t wrong[][3] = {
		{ 3, FASTIPC_SEAT_SLEEP },
		{ UINT32_MAX, FASTIPC_SEAT_SLEEP },
		{ FASTIPC_BLOCK, 0 },
		{ FASTIPC_BLOCK, FASTIPC_SEAT_SLEEP - 4 },
		{ FASTIPC_BLOCK, FASTIPC_SEAT_SLEEP + 2 },
		{ FASTIPC_BLOCK, FASTIPC_CONTROL_SIZE - 3 },
		{ FASTIPC_BLOCK, FASTIPC_CONTROL_SIZE },
		{ FASTIPC_BLOCK, UINT32_MAX & ~3u },
		{ FASTIPC_BLOCK, FASTIPC_SEAT_SLEEP, 3 },
		{ FASTIPC_BLOCK, FASTIPC_SEAT_SLEEP, UINT32_MAX },
	};
	struct scene scene;
	struct hand hand;

	(void)state;
	scene_make(&scene);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		hand_join_as(&scene, &hand, wrong[i][0], wrong[i][1],
			     wrong[i][2]);
		assert_int_equal(hand.error, -EBADMSG);
		assert_int_equal(stats_of(&scene).handshake_errors, i + 1);
		hand_free(&hand);
	}
	scene_end(&scene);
}

static int unsealed(void)
{
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, 8192), 0);
	return fd;
}

static void bad_regions(void **state)
{
	struct fastipc_hello hello;
	struct scene scene;
	struct hand hand = { 0 };
	int fd;

	(void)state;
	scene_make(&scene);
	fastipc_hello_init(&hello, FASTIPC_HELLO_SUBSCRIBE);

	hand.sock = connect_hand();
	exchange(&scene, &hand, &hello, -1);
	assert_int_equal(hand.error, -EBADMSG);
	hand_free(&hand);

	hand.sock = connect_hand();
	fd = unsealed();
	exchange(&scene, &hand, &hello, fd);
	assert_int_equal(hand.error, -EBADFD);
	close(fd);
	hand_free(&hand);

	/* Another size than a page and the least ring. */
	hand.sock = connect_hand();
	assert_int_equal(fastipc_region_create(&hand.own, 1 << 16, &fd), 0);
	exchange(&scene, &hand, &hello, fd);
	assert_int_equal(hand.error, -ERANGE);
	close(fd);
	hand_free(&hand);

	hand = (struct hand){ .sock = connect_hand() };
	hello.abi++;
	exchange(&scene, &hand, &hello, -1);
	assert_int_equal(hand.error, -EPROTONOSUPPORT);
	hand_free(&hand);

	assert_int_equal(stats_of(&scene).handshake_errors, 4);
	scene_end(&scene);
}

/* Connects and says nothing, many times over. */
static void silence(void **state)
{
	struct scene scene;
	struct hand hands[80] = { 0 };
	uint64_t until = soon();

	(void)state;
	scene_make(&scene);
	hurry_handshakes(&scene, 2 * SECOND);
	for (int i = 0; i < 80; i++)
		hands[i].sock = connect_hand();
	fastipc_topic_dispatch(scene.topic);
	go_on(&scene, 300);
	while (stats_of(&scene).handshake_errors + stats_of(&scene).refused <
	       80) {
		assert_true(fastipc_now_ns() < until);
		fastipc_topic_dispatch(scene.topic);
		usleep(1000);
	}
	for (int i = 0; i < 80; i++) {
		assert_dropped(&hands[i]);
		hand_free(&hands[i]);
	}
	scene_end(&scene);
}

/* As many as may shake hands at once: with one more that connects, more events
 * than the publisher looks at in one go. */
#define HASTY 64

static void assert_answered(int sock)
{
	struct fastipc_hello hello;
	int fds[FASTIPC_HELLO_FDS];

	assert_int_equal(fastipc_hello_receive(sock, &hello, fds), 0);
	assert_int_equal(hello.kind, FASTIPC_HELLO_STATUS);
}

/* False: this machine is so slow that they did not say it in time. */
static bool say_hello_to_a_busy_publisher(uint64_t timeout)
{
	struct hand hands[HASTY + 1] = { 0 };
	struct fastipc_hello hello;
	struct scene scene;
	uint64_t start;
	bool in_time;

	scene_make(&scene);
	hurry_handshakes(&scene, timeout);
	start = fastipc_now_ns();
	for (int i = 0; i < HASTY; i++)
		hands[i].sock = connect_hand();
	while (fastipc_topic_dispatch(scene.topic) > 0)
		;
	hands[HASTY].sock = connect_hand();
	fastipc_hello_init(&hello, FASTIPC_HELLO_QUERY);
	for (int i = 0; i < HASTY; i++)
		fastipc_hello_send(hands[i].sock, &hello, NULL, 0);
	in_time = fastipc_now_ns() < start + timeout;
	if (in_time) {
		usleep((useconds_t)(timeout / 1000) + 1000);
		fastipc_topic_dispatch(scene.topic);
		for (int i = 0; i < HASTY; i++)
			assert_answered(hands[i].sock);
		assert_int_equal(stats_of(&scene).handshake_errors, 0);
	}
	for (int i = 0; i <= HASTY; i++)
		hand_free(&hands[i]);
	scene_end(&scene);
	return in_time;
}

/* Who said HELLO in time is answered, also if the publisher looks too late. */
static void hellos_while_it_is_busy(void **state)
{
	(void)state;
	for (uint64_t timeout = SECOND / 2;
	     !say_hello_to_a_busy_publisher(timeout); timeout *= 4)
		assert_true(timeout < PATIENCE);
}

/* The ring cannot be written by who got it. */
static void ring_is_read_only(void **state)
{
	struct fastipc_hello hello;
	int fds[FASTIPC_HELLO_FDS];
	struct scene scene;
	struct hand hand = { 0 };
	int fd, page;

	(void)state;
	scene_make(&scene);
	assert_int_equal(
		fastipc_region_create(&hand.own, FASTIPC_SEAT_RING, &page), 0);
	fastipc_seat_words(&hand.own)->sleep_at = FASTIPC_SEAT_SLEEP;
	hand.sock = connect_hand();
	fastipc_hello_init(&hello, FASTIPC_HELLO_SUBSCRIBE);
	assert_int_equal(fastipc_hello_send(hand.sock, &hello, &page, 1), 0);
	fastipc_topic_dispatch(scene.topic);
	fastipc_topic_dispatch(scene.topic);
	assert_int_equal(fastipc_hello_receive(hand.sock, &hello, fds), 0);
	fd = fds[0];
	assert_true(fd >= 0);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, 0),
			 MAP_FAILED);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(fallocate(fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, 4096),
			 -1);
	close(fd);
	close(page);
	hand_free(&hand);
	fastipc_topic_dispatch(scene.topic);
	scene_end(&scene);
}

/* ---- a publisher by hand ---- */

typedef void (*play_fn)(struct fastipc_broadcast *ring, int sock);

static struct fastipc_rendezvous rendezvous;

/* Play before the subscriber has an answer. */
static bool is_early;

/* In a process of its own; @play runs once somebody subscribed. */
static pid_t publish_by_hand(play_fn play, uint64_t cursor, uint64_t sequence)
{
	pid_t pid;

	assert_int_equal(
		fastipc_rendezvous_listen(&rendezvous, "by-hand", 0600), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct fastipc_broadcast ring;
		struct fastipc_region region;
		struct fastipc_hello hello;
		int fds[FASTIPC_HELLO_FDS];
		int sock, fd, error;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while ((sock = fastipc_rendezvous_accept(&rendezvous)) < 0)
			usleep(1000);
		while ((error = fastipc_hello_receive(sock, &hello, fds)) ==
		       -EAGAIN)
			usleep(1000);
		check(!error && hello.kind == FASTIPC_HELLO_SUBSCRIBE);
		check(!fastipc_region_create(&region, RING, &fd));
		fastipc_broadcast_init(&ring, &region, 0, 0);
		for (uint64_t n = 0; n < 10; n++)
			fastipc_broadcast_write(&ring, &n, sizeof(n));
		if (is_early)
			play(&ring, sock);
		fastipc_hello_init(&hello, FASTIPC_HELLO_PUBLISH);
		hello.ring_size = RING;
		hello.cursor = cursor;
		hello.sequence = sequence;
		check(!fastipc_hello_send(sock, &hello, &fd, 1));
		if (!is_early)
			play(&ring, sock);
		/* Until the subscriber goes. */
		while (recv(sock, &error, 1, 0) != 0)
			usleep(1000);
		_exit(0);
	}
	return pid;
}

static void play_nothing(struct fastipc_broadcast *ring, int sock)
{
	(void)ring;
	(void)sock;
}

static void play_tail_far(struct fastipc_broadcast *ring, int sock)
{
	(void)sock;
	__atomic_store_n(&ring->words->tail, 1ull << 50, __ATOMIC_RELEASE);
}

static void play_size(struct fastipc_broadcast *ring, int sock)
{
	(void)sock;
	((struct fastipc_broadcast_header *)ring->data)->size = 0x7ffffff0;
}

static void play_wake(struct fastipc_broadcast *ring, int sock)
{
	(void)ring;
	for (int i = 0; i < 5000; i++)
		(void)!send(sock, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* All words change all the time, until the end. */
static void play_noise(struct fastipc_broadcast *ring, int sock)
{
	uint64_t *const words[] = { &ring->words->head, &ring->words->latest,
				    &ring->words->tail };
	uint64_t x = fastipc_now_ns() | 1;
	char byte;

	while (recv(sock, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) {
		uint64_t *word = words[x % 3];

		for (int i = 0; i < 100; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			__atomic_store_n(word, x % 3 ? x >> x % 64 & ~7ull : x,
					 __ATOMIC_RELEASE);
			__atomic_store_n((uint64_t *)ring->data + x % 100,
					 x >> x % 64, __ATOMIC_RELEASE);
		}
	}
	_exit(0);
}

/* The subscriber's last result; it never takes longer than asked. */
static int listen_to(play_fn play, uint64_t cursor, uint64_t sequence,
		     enum fastipc_policy policy, uint64_t history)
{
	struct fastipc_subscriber_options options;
	struct fastipc_subscriber *subscriber = NULL;
	struct fastipc_buffer message = { 0 };
	pid_t pid = publish_by_hand(play, cursor, sequence);
	int error;

	fastipc_subscriber_options_init(&options);
	options.policy = policy;
	options.history = history;
	error = fastipc_subscriber_open("by-hand", &options, &subscriber);
	for (int i = 0; !error && i < 2000; i++) {
		uint64_t start = fastipc_now_ns(), lost;

		error = fastipc_subscriber_next(subscriber, &message, &lost,
						start + 20 * MS);
		assert_true(fastipc_now_ns() - start < PATIENCE / 4);
		if (!error)
			assert_true(message.size <= RING / 4);
		if (error == -EAGAIN)
			error = 0;
	}
	fastipc_subscriber_close(subscriber);
	fastipc_buffer_free(&message);
	fastipc_rendezvous_close(&rendezvous);
	assert_ended_well(pid);
	return error;
}

static void publisher_lies(void **state)
{
	const enum fastipc_policy drop = FASTIPC_DROP_OLDEST;

	(void)state;
	/* It means well, but for 10 messages that are all. */
	assert_int_equal(listen_to(play_nothing, 0, 0, drop, 0), -ETIMEDOUT);
	assert_int_equal(listen_to(play_nothing, 240, 10, drop, 0), -ETIMEDOUT);
	assert_int_equal(listen_to(play_nothing, 0, 10, FASTIPC_BLOCK, 5),
			 -ETIMEDOUT);
	/* Where it says to begin there is nothing, or something else. */
	assert_int_equal(listen_to(play_nothing, 1 << 20, 10, drop, 0),
			 -EPROTO);
	assert_int_equal(listen_to(play_nothing, 3, 0, drop, 0), -EPROTO);
	assert_int_equal(listen_to(play_nothing, 24, 0, drop, 0), -EPROTO);
	assert_int_equal(listen_to(play_nothing, 0, 5, drop, 0), -EPROTO);
	assert_int_equal(listen_to(play_nothing, 1 << 20, 10, drop, 5),
			 -EPROTO);
	/* It changes what it wrote. */
	is_early = true;
	assert_int_equal(listen_to(play_size, 0, 0, drop, 0), -EPROTO);
	assert_int_equal(listen_to(play_tail_far, 240, 10, drop, 0), -EPROTO);
	assert_int_equal(listen_to(play_tail_far, 240, 10, drop, 5), -EPROTO);
	is_early = false;
}

static void publisher_rings_for_nothing(void **state)
{
	(void)state;
	assert_int_equal(listen_to(play_wake, 240, 10, FASTIPC_LATEST, 0),
			 -ETIMEDOUT);
}

static void publisher_makes_noise(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++)
		listen_to(play_noise, 0, 0, (enum fastipc_policy)(i % 3),
			  (uint64_t)(i % 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(lies_about_its_cursor),
		footprint_test(lies_while_the_publisher_waits),
		footprint_test(floods_doorbells),
		footprint_test(sleeps_all_the_time),
		footprint_test(bad_wishes),
		footprint_test(bad_regions),
		footprint_test(silence),
		footprint_test(hellos_while_it_is_busy),
		footprint_test(ring_is_read_only),
		footprint_test(publisher_lies),
		footprint_test(publisher_rings_for_nothing),
		footprint_test(publisher_makes_noise),
	};

	return cmocka_run_group_tests(tests, runtime_directory_make,
				      runtime_directory_remove);
}
