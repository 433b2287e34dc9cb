// SPDX-License-Identifier: MIT
/*
 * Subscribers that are woken to wake others, and do not: one changes nothing,
 * two hold up the others once.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "topic_by_hand.h"

#define SLEEPERS 6
/* Times that it is tried to find all asleep. */
#define ROUNDS 100

/* By hand, so without an end to its sleep but a ring. */
struct sleeper {
	struct hand hand;
	uint32_t relay;
	uint32_t epoch;
	pthread_t thread;
	pid_t tid; /* once it goes to sleep */
	bool awake;
};

static uint32_t *sleep_word(const struct sleeper *sleeper)
{
	return (uint32_t *)((char *)sleeper->hand.own.control +
			    FASTIPC_SEAT_SLEEP);
}

static void *sleep_by_hand(void *argument)
{
	struct sleeper *sleeper = argument;
	const uint32_t *bell = &sleeper->hand.ring.control->doorbell;
	uint32_t seen = __atomic_load_n(bell, __ATOMIC_ACQUIRE);

	sleeper->epoch += FASTIPC_SLEEP_EPOCH;
	__atomic_store_n(sleep_word(sleeper),
			 sleeper->epoch | FASTIPC_WANT_DATA |
				 FASTIPC_SLEEP_FUTEX,
			 __ATOMIC_SEQ_CST);
	__atomic_store_n(&sleeper->tid, gettid(), __ATOMIC_SEQ_CST);
	while (__atomic_load_n(bell, __ATOMIC_ACQUIRE) == seen)
		syscall(SYS_futex, bell, FUTEX_WAIT_BITSET, seen, NULL, NULL,
			sleeper->relay ? sleeper->relay : 1u << 31);
	__atomic_store_n(sleep_word(sleeper), sleeper->epoch, __ATOMIC_SEQ_CST);
	__atomic_store_n(&sleeper->awake, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static bool is_asleep(pid_t tid)
{
	char path[64], line[256] = { 0 }, *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "re");
	assert_non_null(file);
	state = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	return state && state[1] && state[2] == 'S';
}

static void await_asleep(const pid_t *tid)
{
	uint64_t until = soon();

	while (!__atomic_load_n(tid, __ATOMIC_SEQ_CST) || !is_asleep(*tid)) {
		assert_true(fastipc_now_ns() < until);
		usleep(100);
	}
}

static void start(struct sleeper *sleepers, int count)
{
	for (int i = 0; i < count; i++) {
		sleepers[i].tid = 0;
		sleepers[i].awake = false;
		assert_int_equal(pthread_create(&sleepers[i].thread, NULL,
						sleep_by_hand, &sleepers[i]),
				 0);
	}
	for (int i = 0; i < count; i++)
		await_asleep(&sleepers[i].tid);
}

static void assert_all_wake(struct sleeper *sleepers, int count)
{
	uint64_t until = soon();

	for (int i = 0; i < count; i++) {
		while (!__atomic_load_n(&sleepers[i].awake, __ATOMIC_SEQ_CST)) {
			assert_true(fastipc_now_ns() < until);
			usleep(100);
		}
		pthread_join(sleepers[i].thread, NULL);
	}
}

static void join_all(struct scene *scene, struct sleeper *sleepers, int able)
{
	for (int i = 0; i < SLEEPERS; i++) {
		sleepers[i] =
			(struct sleeper){ .relay = i < able ? 1u << i : 0 };
		hand_join_as(scene, &sleepers[i].hand, FASTIPC_LATEST,
			     FASTIPC_SEAT_SLEEP, sleepers[i].relay);
		assert_int_equal(sleepers[i].hand.error, 0);
	}
}

static void leave_all(struct sleeper *sleepers)
{
	for (int i = 0; i < SLEEPERS; i++)
		hand_free(&sleepers[i].hand);
}

static void publish_one(struct scene *scene)
{
	assert_result(fastipc_publish(scene->topic, "x", 1, soon()), 0);
}

/* ---- one of two ---- */

struct reader {
	struct fastipc_subscriber *subscriber;
	pid_t tid;
};

static void *read_until_end(void *argument)
{
	struct reader *reader = argument;
	struct fastipc_buffer message = { 0 };

	__atomic_store_n(&reader->tid, gettid(), __ATOMIC_SEQ_CST);
	while (!fastipc_subscriber_next(reader->subscriber, &message, NULL, 0))
		;
	fastipc_buffer_free(&message);
	return NULL;
}

/* The library's subscriber does it for all. */
static void one_passes_nothing_on(void **state)
{
	struct sleeper sleepers[SLEEPERS];
	struct reader reader = { 0 };
	struct scene scene;
	pthread_t thread;
	bool relayed = false;

	(void)state;
	scene_make(&scene);
	join_all(&scene, sleepers, 1);
	reader.subscriber = scene.good;
	assert_int_equal(pthread_create(&thread, NULL, read_until_end, &reader),
			 0);
	for (int i = 0; i < ROUNDS && !relayed; i++) {
		start(sleepers, SLEEPERS);
		await_asleep(&reader.tid);
		publish_one(&scene);
		/* It may have been about to wake up by itself. */
		relayed = scene.topic->relayed;
		assert_all_wake(sleepers, SLEEPERS);
		assert_false(scene.topic->direct);
	}
	assert_true(relayed);
	fastipc_topic_dispatch(scene.topic);
	assert_int_equal(stats_of(&scene).subscribers, SLEEPERS + 1);
	fastipc_topic_destroy(scene.topic);
	pthread_join(thread, NULL);
	fastipc_subscriber_close(scene.good);
	leave_all(sleepers);
}

/* ---- both ---- */

/* After this those that are not able to pass on sleep. */
static void ring_two(struct scene *scene, struct sleeper *sleepers)
{
	start(sleepers, SLEEPERS);
	publish_one(scene);
	assert_true(scene->topic->relayed);
	assert_all_wake(sleepers, 2);
	usleep(5000);
	for (int i = 2; i < SLEEPERS; i++)
		assert_false(
			__atomic_load_n(&sleepers[i].awake, __ATOMIC_SEQ_CST));
}

static void both_pass_nothing_on(void **state)
{
	struct sleeper sleepers[SLEEPERS];
	struct scene scene;

	(void)state;
	scene_make(&scene);
	join_all(&scene, sleepers, 2);
	ring_two(&scene, sleepers);
	fastipc_topic_dispatch(scene.topic);
	assert_all_wake(sleepers + 2, SLEEPERS - 2);
	/* And never again. */
	assert_true(scene.topic->direct);
	for (int i = 0; i < 10; i++) {
		start(sleepers, SLEEPERS);
		publish_one(&scene);
		assert_false(scene.topic->relayed);
		assert_all_wake(sleepers, SLEEPERS);
	}
	leave_all(sleepers);
	fastipc_topic_destroy(scene.topic);
	fastipc_subscriber_close(scene.good);
}

/* Publishing looks after them, too, and so does the end. */
static void found_by_publishing(void **state)
{
	struct sleeper sleepers[SLEEPERS];
	struct scene scene;
	uint64_t until = soon();

	(void)state;
	scene_make(&scene);
	join_all(&scene, sleepers, 2);
	ring_two(&scene, sleepers);
	while (!scene.topic->direct) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
		publish_one(&scene);
	}
	assert_all_wake(sleepers + 2, SLEEPERS - 2);
	scene.topic->direct = false;
	ring_two(&scene, sleepers);
	fastipc_topic_destroy(scene.topic);
	assert_all_wake(sleepers + 2, SLEEPERS - 2);
	leave_all(sleepers);
	fastipc_subscriber_close(scene.good);
}

/* ---- when nobody is relied on ---- */

/* One that says that it sleeps, and does not, is missed at once. */
static void not_there(void **state)
{
	struct sleeper sleepers[SLEEPERS];
	struct scene scene;

	(void)state;
	scene_make(&scene);
	join_all(&scene, sleepers, 2);
	start(sleepers + 1, SLEEPERS - 1);
	__atomic_store_n(sleep_word(&sleepers[0]),
			 FASTIPC_SLEEP_EPOCH | FASTIPC_WANT_DATA |
				 FASTIPC_SLEEP_FUTEX,
			 __ATOMIC_SEQ_CST);
	publish_one(&scene);
	assert_false(scene.topic->relayed);
	assert_all_wake(sleepers + 1, SLEEPERS - 1);
	leave_all(sleepers);
	fastipc_topic_destroy(scene.topic);
	fastipc_subscriber_close(scene.good);
}

static void wakes_all(void **state)
{
	struct sleeper sleepers[SLEEPERS];
	struct scene scene;

	(void)state;
	scene_make_as(&scene, true);
	join_all(&scene, sleepers, 2);
	start(sleepers, SLEEPERS);
	publish_one(&scene);
	assert_false(scene.topic->relayed);
	assert_all_wake(sleepers, SLEEPERS);
	leave_all(sleepers);
	fastipc_topic_destroy(scene.topic);
	fastipc_subscriber_close(scene.good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		footprint_test(one_passes_nothing_on),
		footprint_test(both_pass_nothing_on),
		footprint_test(found_by_publishing),
		footprint_test(not_there),
		footprint_test(wakes_all),
	};

	return cmocka_run_group_tests(tests, runtime_directory_make,
				      runtime_directory_remove);
}
