// SPDX-License-Identifier: MIT
/*
 * `fastipc bench --rate`: messages are sent on a schedule, and each one's latency
 * counts from when it was to be sent, so that a stall shows in all that it held
 * up.
 */
#include "bench_time.h"

#define PERIOD MS
#define CALL (5 * US)
#define STALL (20 * PERIOD)
#define MESSAGES 100u

static unsigned int calls;
static unsigned int stalled; /* the number of the call that is; 0: none */
static uint64_t began[MESSAGES + 1];

static int call(void)
{
	assert_true(calls < MESSAGES + 1);
	began[calls++] = made_up_ns;
	made_up_ns += calls == stalled ? STALL : CALL;
	return 0;
}

int run_call(struct bench_run *called, struct fastipc_client *client,
	     struct fastipc_buffer *reply)
{
	(void)called, (void)client, (void)reply;
	return call();
}

void run_client_options(const struct bench_options *bench,
			struct fastipc_client_options *client)
{
	(void)bench, (void)client;
}

int fastipc_client_connect(const char *address,
			   const struct fastipc_client_options *client_options,
			   struct fastipc_client **client)
{
	(void)address, (void)client_options;
	*client = NULL;
	return 0;
}

void fastipc_client_close(struct fastipc_client *client)
{
	(void)client;
}

static struct slice slice;

static void run_slice(slice_fn test, unsigned int stall)
{
	options.rate = 1e9 / PERIOD;
	slice = (struct slice){ .length = MESSAGES * PERIOD };
	histogram_reset(&slice.latency);
	calls = 0;
	stalled = stall;
	assert_int_equal(test(&run, &slice), 0);
	assert_int_equal(slice.count, calls);
	assert_int_equal(slice.latency.count, calls);
}

/* Latencies of @least at least. */
static unsigned int as_long_as(uint64_t least)
{
	unsigned int count = 0;

	for (unsigned int permille = 1; permille <= 1000; permille++)
		count += histogram_percentile(&slice.latency,
					      permille / 10.0) >= least;
	return count * calls / 1000;
}

/* At its time, and neither before nor much later. */
static void on_time(slice_fn test)
{
	run_slice(test, 0);
	assert_int_equal(calls, MESSAGES);
	for (unsigned int i = 1; i < MESSAGES; i++) {
		uint64_t after = began[i] - began[0];

		assert_in_range(after, i * PERIOD - US, i * PERIOD + US);
	}
	assert_in_range(slice.latency.max, CALL, CALL + US);
	assert_in_range(slice.elapsed, slice.length, slice.length + US);
	/* What it waits is not the messages' CPU time. */
	assert_true(slice.spun > 0);
}

/* Twenty were to be sent meanwhile: one is 20 ms late, the next 19, ... */
static void held_up(slice_fn test)
{
	run_slice(test, 10);
	assert_in_range(calls, MESSAGES - 1, MESSAGES);
	assert_in_range(slice.latency.max, STALL, STALL + US);
	assert_in_range(as_long_as(STALL / 2), 9, 12);
	assert_in_range(as_long_as(PERIOD / 2), 19, 22);
	/* None of them is left out to catch up. */
	assert_true(began[10] - began[9] < STALL + US);
	assert_true(began[20] - began[10] < 11 * CALL);
}

static void round_trips_on_time(void **state)
{
	(void)state;
	on_time(rtt_slice);
}

static void round_trips_held_up(void **state)
{
	(void)state;
	held_up(rtt_slice);
}

static void connections_on_time(void **state)
{
	(void)state;
	on_time(connect_slice);
}

static void connections_held_up(void **state)
{
	(void)state;
	held_up(connect_slice);
}

/* A slice ends when its time is over; what was not sent by then is missing in
 * its rate, which is what tells that it was not held. */
static void rate_that_cannot_be_held(void **state)
{
	(void)state;
	options.rate = 2e9 / CALL;
	slice = (struct slice){ .length = MESSAGES * CALL };
	histogram_reset(&slice.latency);
	calls = 0;
	stalled = 0;
	assert_int_equal(rtt_slice(&run, &slice), 0);
	assert_in_range(calls, MESSAGES - 2, MESSAGES);
	assert_true((double)slice.count / (double)slice.elapsed * 1e9 <
		    0.6 * options.rate);
	/* The last was to be sent at half of it. */
	assert_in_range(slice.latency.max, slice.length * 4 / 10,
			slice.length * 6 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips_on_time),
		cmocka_unit_test(round_trips_held_up),
		cmocka_unit_test(connections_on_time),
		cmocka_unit_test(connections_held_up),
		cmocka_unit_test(rate_that_cannot_be_held),
	};

	return cmocka_run_group_tests_name("bench_schedule", tests, NULL, NULL);
}
