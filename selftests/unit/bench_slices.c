// SPDX-License-Identifier: MIT
/*
 * How `fastipc bench` cuts a test into slices: one during which the machine's
 * speed moved is repeated and counted as such, and only slices of one speed make
 * a figure.
 */
#include <math.h>

#include "bench_time.h"

#include "bench/process.h"

#define LENGTH_S 0.05 /* of a slice that spins */
#define SLICES 10u
#define CALLS 1000u /* of each slice */

/* What the n-th probe of a kind finds. */
typedef double (*speed_fn)(unsigned int n);

static struct {
	speed_fn cacheline, futex, copy;
	unsigned int cachelines, futexes, copies;
	unsigned int slices;
	uint64_t ordinary; /* latency, and of a slice that must not count: */
	uint64_t strange;
	uint32_t strange_slices; /* a bit each */
} machine;

/* ---- the machine ---- */

int fastipc_client_post(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size, unsigned int flags,
			uint64_t deadline)
{
	(void)client, (void)type, (void)data, (void)size, (void)flags;
	(void)deadline;
	return 0;
}

void probe_prepare(struct probe_area *area)
{
	(void)area;
}

int probe_measure(struct probe_area *area, enum probe_kind kind, double *ticks)
{
	(void)area;
	made_up_ns += 100 * US;
	*ticks = kind == PROBE_FUTEX ? machine.futex(machine.futexes++)
				     : machine.cacheline(machine.cachelines++);
	return 0;
}

double probe_memcpy(void *to, const void *from, size_t size)
{
	(void)to, (void)from, (void)size;
	return machine.copy(machine.copies++);
}

double process_cpu_ns(clockid_t clock)
{
	(void)clock;
	return (double)made_up_ns / 2;
}

void run_note_latency(struct bench_run *noted, const struct histogram *latency)
{
	noted->result->p50_ns = (double)histogram_percentile(latency, 50);
	noted->result->max_ns = (double)histogram_percentile(latency, 100);
}

static double steady(unsigned int n)
{
	(void)n;
	return 100;
}

/* The first slice warms up: nobody probes before it. */
static int a_slice(struct bench_run *sliced, struct slice *slice)
{
	uint64_t ns = machine.ordinary;

	(void)sliced;
	if (machine.slices && machine.slices <= 32 &&
	    machine.strange_slices >> (machine.slices - 1) & 1)
		ns = machine.strange;
	machine.slices++;
	for (unsigned int i = 0; i < CALLS; i++)
		histogram_record(&slice->latency, ns);
	slice->count = CALLS;
	slice->elapsed = slice->length;
	made_up_ns += slice->length;
	return 0;
}

static void measure(speed_fn cacheline, speed_fn futex, speed_fn copy)
{
	machine.cacheline = cacheline;
	machine.futex = futex;
	machine.copy = copy;
	machine.cachelines = machine.futexes = machine.copies = 0;
	machine.slices = 0;
	machine.ordinary = 1000;
	machine.strange = 77777;
	result = (struct bench_result){
		.cacheline_rtt_ns = NAN,
		.futex_rtt_ns = NAN,
		.memcpy_bytes_per_s = NAN,
	};
	if (!options.duration)
		options.duration = SLICES * LENGTH_S;
	assert_int_equal(slices_measure(&run, a_slice), 0);
}

static void reset(void)
{
	options = (struct bench_options){ .test = BENCH_RTT,
					  .placement = PLACEMENT_CROSS,
					  .wait = FASTIPC_WAIT_SPIN,
					  .size = 64 };
	machine.strange_slices = 0;
}

static void assert_slices(unsigned int counted, unsigned int repeats,
			  unsigned int other_speed)
{
	assert_int_equal(result.slices, counted);
	assert_int_equal(result.repeats, repeats);
	assert_int_equal(result.other_speed, other_speed);
	assert_int_equal(result.count, counted * CALLS);
	assert_false(result.unsteady);
	/* Nothing of what does not count. */
	assert_true(result.p50_ns == (double)machine.ordinary);
	assert_true(result.max_ns == (double)machine.ordinary);
}

/* ---- tests ---- */

static void steady_machine(void **state)
{
	(void)state;
	reset();
	measure(steady, steady, steady);
	assert_slices(SLICES, 0, 0);
	/* Before the first and after each; the warm-up is none. */
	assert_int_equal(machine.cachelines, SLICES + 1);
	assert_int_equal(machine.slices, SLICES + 1);
	assert_true(result.cacheline_rtt_ns == 100);
	assert_true(result.futex_rtt_ns == 100);
	assert_true(fabs(result.msgs_per_s - CALLS / LENGTH_S) < 1);
	assert_true(result.bytes_per_s == 64 * result.msgs_per_s);
}

/* From the fourth probe on, and not by so much that it is another speed. */
static double up_by_16_percent(unsigned int n)
{
	return n < 3 ? 100 : 116;
}

static double up_by_14_percent(unsigned int n)
{
	return n < 3 ? 100 : 114;
}

static double down_by_16_percent(unsigned int n)
{
	return n < 3 ? 116 : 100;
}

static void moved_slice_is_repeated(void **state)
{
	(void)state;
	reset();
	machine.strange_slices = 1u << 2; /* between probes 2 and 3 */
	measure(up_by_16_percent, steady, steady);
	assert_slices(SLICES, 1, 0);
	measure(down_by_16_percent, steady, steady);
	assert_slices(SLICES, 1, 0);
	machine.strange_slices = 0;
	measure(up_by_14_percent, steady, steady);
	assert_slices(SLICES, 0, 0);
}

/* Both ends that sleep are compared with a futex, and with nothing else. */
static void moved_by_what_it_is_made_of(void **state)
{
	(void)state;
	reset();
	measure(steady, up_by_16_percent, up_by_16_percent);
	assert_slices(SLICES, 0, 0);
	options.size = 1 << 20;
	machine.strange_slices = 1u << 2;
	measure(steady, steady, up_by_16_percent);
	assert_slices(SLICES, 1, 0);

	for (int i = 0; i < 2; i++) {
		reset();
		options.wait = i ? FASTIPC_WAIT_SLEEP : FASTIPC_WAIT_BLOCK;
		options.duration = SLICES * 0.3;
		measure(up_by_16_percent, steady, steady);
		assert_slices(SLICES, 0, 0);
		machine.strange_slices = 1u << 2;
		measure(steady, up_by_16_percent, steady);
		assert_slices(SLICES, 1, 0);
	}

	/* So they do on one CPU, where there is no cache line to move. */
	reset();
	options.placement = PLACEMENT_SAME;
	options.duration = SLICES * 0.3;
	machine.strange_slices = 1u << 2;
	measure(up_by_16_percent, up_by_16_percent, steady);
	assert_slices(SLICES, 1, 0);
	assert_int_equal(machine.cachelines, 0);
	assert_true(isnan(result.cacheline_rtt_ns));
}

static double another_speed_from_the_fourth(unsigned int n)
{
	return n < 3 ? 500 : 100;
}

static void speeds_are_kept_apart(void **state)
{
	(void)state;
	reset();
	/* Two at the first, one in between, the rest at the second. */
	machine.strange_slices = 7;
	measure(another_speed_from_the_fourth, steady, steady);
	assert_slices(SLICES, 1, 2);
	assert_true(result.cacheline_rtt_ns == 100);
}

static double never_the_same(unsigned int n)
{
	return n % 2 ? 100 : 200;
}

/* It ends all the same, and says so. */
static void unsteady_machine(void **state)
{
	uint64_t before = made_up_ns;

	(void)state;
	reset();
	measure(never_the_same, steady, steady);
	assert_true(result.unsteady);
	assert_int_equal(result.slices, 0);
	assert_in_range(result.repeats, 2 * SLICES, 4 * SLICES);
	assert_true(result.count > 0);
	assert_true(made_up_ns - before <
		    (uint64_t)(5 * options.duration * 1e9));
}

static void slow_rates_have_long_slices(void **state)
{
	(void)state;
	reset();
	options.rate = 10; /* ten messages take a second */
	options.duration = 5;
	measure(steady, steady, steady);
	assert_slices(5, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steady_machine),
		cmocka_unit_test(moved_slice_is_repeated),
		cmocka_unit_test(moved_by_what_it_is_made_of),
		cmocka_unit_test(speeds_are_kept_apart),
		cmocka_unit_test(unsteady_machine),
		cmocka_unit_test(slow_rates_have_long_slices),
	};

	return cmocka_run_group_tests_name("bench_slices", tests, NULL, NULL);
}
