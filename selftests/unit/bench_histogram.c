// SPDX-License-Identifier: MIT
/*
 * The histogram that every latency of `fastipc bench` and ping comes from: its
 * percentiles are those of the values, to a thousandth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/histogram.h"

#define COUNT 20000u

static struct histogram histogram;
static uint64_t values[COUNT];
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* At least @exact, and not more than a thousandth above it. */
static void assert_near(uint64_t got, uint64_t exact)
{
	assert_in_range(got, exact, exact + exact / 1000);
}

static void nothing_recorded(void **unused)
{
	(void)unused;
	histogram_reset(&histogram);
	assert_int_equal(histogram.count, 0);
	assert_int_equal(histogram_percentile(&histogram, 50), 0);
}

/* Below the largest, which is kept as it is. */
static void one_value_of_each_size(void **unused)
{
	(void)unused;
	for (unsigned int bit = 0; bit < 40; bit++) {
		const uint64_t power = 1ull << bit;
		const uint64_t near[] = { power - 1, power, power + 1,
					  power + power / 3,
					  power + next_random() % power };

		for (size_t i = 0; i < 5; i++) {
			histogram_reset(&histogram);
			histogram_record(&histogram, near[i]);
			assert_int_equal(histogram_percentile(&histogram, 50),
					 near[i]);
			histogram_record(&histogram, 1ull << 41);
			assert_near(histogram_percentile(&histogram, 50),
				    near[i]);
			assert_int_equal(histogram_percentile(&histogram, 100),
					 1ull << 41);
		}
	}
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* From 100 ns to some ms, as round trips are: most short, few long. */
static void record_many(void)
{
	histogram_reset(&histogram);
	for (uint32_t i = 0; i < COUNT; i++) {
		values[i] = 100 + (next_random() % 50 << next_random() % 17);
		histogram_record(&histogram, values[i]);
	}
	qsort(values, COUNT, sizeof(values[0]), compare);
}

static void percentiles_are_those_of_the_values(void **unused)
{
	const double percents[] = { 0.01, 1, 10, 25, 50, 90, 99, 99.9, 99.99 };
	uint64_t sum = 0;

	(void)unused;
	record_many();
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		double rank = percents[i] / 100 * COUNT;

		assert_near(histogram_percentile(&histogram, percents[i]),
			    values[(uint32_t)(rank + 0.5) - 1]);
	}
	for (uint32_t i = 0; i < COUNT; i++)
		sum += values[i];
	assert_int_equal(histogram.count, COUNT);
	assert_int_equal(histogram.sum, sum);
	assert_int_equal(histogram.min, values[0]);
	assert_int_equal(histogram.max, values[COUNT - 1]);
	assert_int_equal(histogram_percentile(&histogram, 100),
			 values[COUNT - 1]);
}

static void two_are_added(void **unused)
{
	static struct histogram parts[2], all;

	(void)unused;
	record_many();
	for (int i = 0; i < 2; i++)
		histogram_reset(&parts[i]);
	histogram_reset(&all);
	for (uint32_t i = 0; i < COUNT; i++)
		histogram_record(&parts[i % 3 == 0], values[i]);
	histogram_add(&all, &parts[0]);
	histogram_add(&all, &parts[1]);
	assert_memory_equal(&all, &histogram, sizeof(all));
}

/* What took longer than there are buckets for is not lost. */
static void beyond_the_range(void **unused)
{
	(void)unused;
	histogram_reset(&histogram);
	histogram_record(&histogram, 5);
	histogram_record(&histogram, 1ull << 50);
	histogram_record(&histogram, UINT64_MAX);
	assert_int_equal(histogram.count, 3);
	assert_int_equal(histogram_percentile(&histogram, 10), 5);
	assert_true(histogram_percentile(&histogram, 60) >= 1ull << 40);
	assert_int_equal(histogram_percentile(&histogram, 100), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_recorded),
		cmocka_unit_test(one_value_of_each_size),
		cmocka_unit_test(percentiles_are_those_of_the_values),
		cmocka_unit_test(two_are_added),
		cmocka_unit_test(beyond_the_range),
	};

	return cmocka_run_group_tests_name("bench_histogram", tests, NULL,
					   NULL);
}
