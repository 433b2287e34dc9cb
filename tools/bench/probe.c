// SPDX-License-Identifier: MIT
/*
 * The reference figures: raw ping-pong over shared words, and memcpy().
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"
#include "ticks.h"
#include "watchdog.h"

#define STOP UINT32_MAX
#define ROUNDS 4000
#define WARM_UP_SHARE 16 /* one in so many rounds is not counted */
#define LIMIT_NS 30e6
#define COPIES 7
#define MIDDLE 3
#define COPY_AT_LEAST 65536 /* bytes in what is timed as one copy */

struct probe_area *probe_area_create(void)
{
	void *area = mmap(NULL, sizeof(struct probe_area),
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);

	return area == MAP_FAILED ? NULL : area;
}

void probe_area_destroy(struct probe_area *area)
{
	if (area)
		munmap(area, sizeof(*area));
}

static void wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void sleep_while(_Atomic uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

/* The acquire pairs with the release of the other side's answer. */
static uint32_t load(_Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static void store(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

static void answer_lines(struct probe_area *area)
{
	uint32_t last = 0;

	do {
		uint32_t value;

		while ((value = load(&area->ping)) == last)
			;
		store(&area->pong, value);
		last = value;
	} while (last != STOP);
}

static void answer_futexes(struct probe_area *area)
{
	uint32_t last = 0;

	do {
		uint32_t value;

		while ((value = load(&area->ping)) == last)
			sleep_while(&area->ping, last);
		store(&area->pong, value);
		wake(&area->pong);
		last = value;
	} while (last != STOP);
}

void probe_answer(struct probe_area *area, enum probe_kind kind)
{
	if (kind == PROBE_FUTEX)
		answer_futexes(area);
	else
		answer_lines(area);
}

void probe_stop(struct probe_area *area)
{
	store(&area->ping, STOP);
	wake(&area->ping);
}

void probe_prepare(struct probe_area *area)
{
	store(&area->pong, 0);
	store(&area->ping, 0);
}

static int give_up(void)
{
	if (watchdog_interrupted())
		return -EINTR;
	return watchdog_server_is_dead() ? -EPIPE : 0;
}

static int await_line(struct probe_area *area, uint32_t value)
{
	uint32_t spins = 0;

	while (load(&area->pong) != value) {
		if (++spins % (1u << 20) == 0 && give_up())
			return give_up();
	}
	return 0;
}

static int await_futex(struct probe_area *area, uint32_t value)
{
	uint32_t seen;

	wake(&area->ping);
	while ((seen = load(&area->pong)) != value) {
		/* The watchdog's timer ends the sleep if nobody else does. */
		sleep_while(&area->pong, seen);
		if (load(&area->pong) != value && give_up())
			return give_up();
	}
	return 0;
}

static int round_trip(struct probe_area *area, enum probe_kind kind,
		      uint32_t value)
{
	store(&area->ping, value);
	return kind == PROBE_FUTEX ? await_futex(area, value)
				   : await_line(area, value);
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static double median(uint64_t *ticks, uint32_t count)
{
	uint64_t *from = ticks + count / WARM_UP_SHARE;

	count -= count / WARM_UP_SHARE;
	for (uint32_t i = 0; i < count; i++)
		from[i] = ticks_spread(from[i]);
	qsort(from, count, sizeof(*from), compare);
	count /= 2;
	return (double)from[count];
}

int probe_measure(struct probe_area *area, enum probe_kind kind, double *ticks)
{
	static uint64_t samples[ROUNDS];
	uint64_t limit = ticks_now() + ticks_from_ns(LIMIT_NS);
	uint32_t count = 0;
	uint64_t start;
	int error;

	/* The first one waits for the server to arrive. */
	error = round_trip(area, kind, 1);
	start = ticks_now();
	while (!error && count < ROUNDS && (start < limit || !count)) {
		uint64_t now;

		error = round_trip(area, kind, count + 2);
		now = ticks_now();
		samples[count++] = now - start;
		start = now;
	}
	if (!error)
		error = round_trip(area, kind, STOP);
	if (error)
		probe_stop(area);
	else
		*ticks = median(samples, count);
	return error;
}

double probe_memcpy(void *to, const void *from, size_t size)
{
	uint64_t samples[COPIES];
	size_t copies = size < COPY_AT_LEAST ? COPY_AT_LEAST / size : 1;
	double ticks;

	for (unsigned int i = 0; i < COPIES; i++) {
		uint64_t start = ticks_now();

		for (size_t copy = 0; copy < copies; copy++) {
			memcpy(to, from, size);
			/* Each copy is done: the bytes might be looked at. */
			__asm__ volatile("" ::: "memory");
		}
		samples[i] = ticks_now() - start;
	}
	qsort(samples, COPIES, sizeof(samples[0]), compare);
	ticks = (double)samples[MIDDLE];
	return (double)(copies * size) / ticks;
}
