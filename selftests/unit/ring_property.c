// SPDX-License-Identifier: MIT
/*
 * The ring under random operations: against a simple queue, between two
 * threads, and between two processes.  SEED=N repeats a failure.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ring/ring.h"
#include "transport/transport.h"

#define OPERATIONS 100000 /* of each ring size */
#define RECORDS 20000	  /* from one thread, or process, to the other */
#define QUEUE (65536 / 8) /* more than any ring here can hold */

static const uint32_t ring_sizes[] = { 4096, 16384, 65536 };

/* splitmix64: the next of @random. */
static uint64_t next(uint64_t *random)
{
	uint64_t z = *random += 0x9E3779B97F4A7C15;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return z ^ z >> 31;
}

/* Small records most of the time, up to @most. */
static uint32_t random_size(uint64_t *random, uint32_t most)
{
	uint64_t dice = next(random);

	if (dice % 16 == 0)
		return most - (uint32_t)(dice >> 32) % 16;
	return (uint32_t)(dice >> 32) % (dice % 4 ? 64 : most + 1);
}

static uint64_t seed(void)
{
	const char *given = getenv("SEED");

	return given ? strtoull(given, NULL, 0) : 20240601;
}

#define check(condition) \
	do { \
		if (!(condition)) \
			fail_msg("%s:%d: SEED=%" PRIu64 ": %s", __FILE__, \
				 __LINE__, seed(), #condition); \
	} while (0)

/*
 * A record's content follows from its number.  Every other one is made of
 * words that look like a producer's.
 */
static uint64_t content(uint64_t number, uint32_t word)
{
	uint64_t random = number << 20 | word;

	if (number & 1)
		return (uint64_t)FASTIPC_RECORD_DATA << 32 | (word & 127);
	return next(&random);
}

static void fill(unsigned char *place, uint64_t number, uint32_t size)
{
	for (uint32_t i = 0; i < size; i += 8) {
		uint64_t word = content(number, i / 8);

		memcpy(place + i, &word, size - i < 8 ? size - i : 8);
	}
}

static bool is_content(const unsigned char *place, uint64_t number,
		       uint32_t size)
{
	for (uint32_t i = 0; i < size; i += 8) {
		uint64_t word = content(number, i / 8);

		if (memcmp(place + i, &word, size - i < 8 ? size - i : 8))
			return false;
	}
	return true;
}

/* ---- against a queue ---- */

struct model {
	uint32_t sizes[QUEUE];
	uint64_t made, published; /* of the producer */
	uint64_t taken;		  /* of the consumer */
	uint64_t used;		  /* bytes that are not released */
	uint64_t untold;	  /* of them, bytes that are taken */
};

static void operate(struct model *model, struct fastipc_producer *tx,
		    struct fastipc_consumer *rx, uint64_t *random)
{
	const unsigned char *place = NULL;
	unsigned char *to = NULL;
	uint32_t size = 0;
	bool fits;
	int error;

	switch (next(random) % 8) {
	case 0:
	case 1:
	case 2: /* commit, if it fits: neither sooner nor later */
		size = random_size(random, tx->record_max);
		error = fastipc_producer_reserve(tx, size, &to);
		fits = model->used + FASTIPC_RECORD_SPACE(size) + 8 <= tx->size;
		check(error == (fits ? 0 : -EAGAIN));
		if (error)
			break;
		fill(to, model->made, size);
		fastipc_producer_commit(tx, size);
		model->sizes[model->made++ % QUEUE] = size;
		model->used += FASTIPC_RECORD_SPACE(size);
		break;
	case 3:
		fastipc_producer_publish(tx);
		model->published = model->made;
		break;
	case 4:
		fastipc_consumer_release(rx);
		model->used -= model->untold;
		model->untold = 0;
		break;
	default: /* take */
		error = fastipc_consumer_peek(rx, &place, &size);
		check(fastipc_consumer_ready(rx) == !error);
		if (model->taken == model->published) {
			check(error == -EAGAIN);
			break;
		}
		check(error == 0);
		check(size == model->sizes[model->taken % QUEUE]);
		check(is_content(place, model->taken, size));
		fastipc_consumer_next(rx, size);
		model->taken++;
		model->untold += FASTIPC_RECORD_SPACE(size);
	}
}

static void behaves_as_a_queue(void **state)
{
	uint64_t random = seed();

	(void)state;
	for (size_t i = 0; i < sizeof(ring_sizes) / sizeof(uint32_t); i++) {
		uint64_t start = next(&random) % (1u << 20) * 8 - (4u << 20);
		struct fastipc_control other = { .rx_head = start };
		struct fastipc_region region;
		struct fastipc_producer tx;
		struct fastipc_consumer rx;
		struct model *model = calloc(1, sizeof(*model));
		int fd;

		assert_non_null(model);
		assert_int_equal(
			fastipc_region_create(&region, ring_sizes[i], &fd), 0);
		close(fd);
		fastipc_producer_init(&tx, region.data, region.size,
				      region.control, &other, start);
		fastipc_consumer_init(&rx, region.data, region.size, &other,
				      start);
		for (int n = 0; n < OPERATIONS; n++)
			operate(model, &tx, &rx, &random);
		check(model->taken > OPERATIONS / 10);
		fastipc_region_unmap(&region);
		free(model);
	}
}

/* ---- between two ---- */

struct ends {
	struct fastipc_region maker; /* the producer's, with the data */
	struct fastipc_region taker; /* the consumer's, for rx_head */
	uint64_t seed;
};

static void ends_make(struct ends *ends, uint32_t size, uint64_t number)
{
	int fd;

	assert_int_equal(fastipc_region_create(&ends->maker, size, &fd), 0);
	close(fd);
	assert_int_equal(fastipc_region_create(&ends->taker, 4096, &fd), 0);
	close(fd);
	ends->seed = number;
}

static void ends_free(struct ends *ends)
{
	fastipc_region_unmap(&ends->maker);
	fastipc_region_unmap(&ends->taker);
}

/* Sizes from one sequence, batches from another: only the sizes are shared. */
static int produce(const struct ends *ends)
{
	uint64_t sizes = ends->seed, batches = ~ends->seed;
	struct fastipc_producer tx;
	unsigned char *place;

	fastipc_producer_init(&tx, ends->maker.data, ends->maker.size,
			      ends->maker.control, ends->taker.control, 0);
	for (uint64_t n = 0; n < RECORDS; n++) {
		uint32_t size = random_size(&sizes, tx.record_max);
		int error;

		while ((error = fastipc_producer_reserve(&tx, size, &place)) ==
		       -EAGAIN) {
			fastipc_producer_publish(&tx);
			sched_yield();
		}
		if (error)
			return __LINE__;
		fill(place, n, size);
		fastipc_producer_commit(&tx, size);
		if (next(&batches) % 4 == 0)
			fastipc_producer_publish(&tx);
	}
	fastipc_producer_publish(&tx);
	return 0;
}

/* Returns 0, or the line that failed. */
static int consume(const struct ends *ends)
{
	uint64_t sizes = ends->seed, batches = ~ends->seed + 1;
	struct fastipc_consumer rx;

	fastipc_consumer_init(&rx, ends->maker.data, ends->maker.size,
			      ends->taker.control, 0);
	for (uint64_t n = 0; n < RECORDS; n++) {
		const unsigned char *place;
		uint32_t size;
		int error;

		while ((error = fastipc_consumer_peek(&rx, &place, &size)) ==
		       -EAGAIN) {
			fastipc_consumer_release(&rx);
			sched_yield();
		}
		if (error)
			return __LINE__;
		if (size != random_size(&sizes, rx.record_max))
			return __LINE__;
		if (!is_content(place, n, size))
			return __LINE__;
		fastipc_consumer_next(&rx, size);
		if (next(&batches) % 4 == 0)
			fastipc_consumer_release(&rx);
	}
	fastipc_consumer_release(&rx);
	return fastipc_consumer_ready(&rx) ? __LINE__ : 0;
}

static void *produce_in_thread(void *ends)
{
	return (void *)(intptr_t)produce(ends);
}

/* A failing consumer would leave the producer waiting for room. */
static void assert_line(int line, const char *what)
{
	if (line) {
		printf("# %s failed in line %d: SEED=%" PRIu64 "\n", what, line,
		       seed());
		fflush(stdout);
		abort();
	}
}

static void between_two_threads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ring_sizes) / sizeof(uint32_t); i++) {
		struct ends ends;
		pthread_t producer;
		void *line;

		ends_make(&ends, ring_sizes[i], seed() + i);
		assert_int_equal(pthread_create(&producer, NULL,
						produce_in_thread, &ends),
				 0);
		assert_line(consume(&ends), "the consumer");
		assert_int_equal(pthread_join(producer, &line), 0);
		assert_line((int)(intptr_t)line, "the producer");
		ends_free(&ends);
	}
}

static void between_two_processes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ring_sizes) / sizeof(uint32_t); i++) {
		struct ends ends;
		int status;
		pid_t child;

		ends_make(&ends, ring_sizes[i], seed() + 100 + i);
		child = fork();
		assert_true(child >= 0);
		if (!child) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(produce(&ends) ? 1 : 0);
		}
		assert_line(consume(&ends), "the consumer");
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_int_equal(ends.maker.control->tx_tail,
				 ends.taker.control->rx_head);
		ends_free(&ends);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behaves_as_a_queue),
		cmocka_unit_test(between_two_threads),
		cmocka_unit_test(between_two_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
