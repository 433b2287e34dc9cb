// SPDX-License-Identifier: MIT
/*
 * The scheduler of what waits to be sent: exact byte counts, no rings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rpc/outbox.h"

#define MOST 16352u
#define FLOWS 150

static void add(struct outbox *outbox, struct flow *flow, uint32_t size)
{
	unsigned char *bytes = calloc(1, size + 1ul);
	struct fastipc_outgoing message = { .data = bytes,
					    .size = size,
					    .id = 1 };
	struct parcel *parcel;

	assert_non_null(bytes);
	parcel = fastipc_parcel_make(&message);
	assert_non_null(parcel);
	free(bytes);
	fastipc_outbox_add(outbox, flow, parcel);
}

/* Send one frame: its flow and length. */
static struct flow *step(struct outbox *outbox, uint32_t *length)
{
	struct parcel *parcel = fastipc_outbox_next(outbox, MOST, length);
	struct flow *flow;
	bool last;

	assert_non_null(parcel);
	flow = parcel->flow;
	parcel->message.offset += *length;
	last = parcel->message.offset == parcel->message.size;
	fastipc_outbox_sent(outbox, parcel, *length, last);
	if (last)
		free(parcel);
	return flow;
}

static void small_messages_first(void **state)
{
	struct flow flow = { .weight = 16 };
	struct outbox outbox;
	uint32_t length;

	(void)state;
	fastipc_outbox_init(&outbox);
	assert_true(fastipc_outbox_is_empty(&outbox));
	add(&outbox, &flow, 100000);
	assert_false(fastipc_outbox_is_clogged(&outbox));
	add(&outbox, &outbox.large, 50000);
	assert_ptr_equal(step(&outbox, &length), &flow);
	assert_int_equal(length, 16352);
	for (uint32_t i = 0; i < 5; i++)
		add(&outbox, NULL, i);
	assert_true(fastipc_outbox_is_clogged(&outbox));
	for (uint32_t i = 0; i < 5; i++) {
		assert_null(step(&outbox, &length));
		assert_int_equal(length, i);
	}
	assert_false(fastipc_outbox_is_clogged(&outbox));
	assert_ptr_equal(step(&outbox, &length), &outbox.large);
	fastipc_outbox_clear(&outbox, NULL);
	assert_true(fastipc_outbox_is_empty(&outbox));
	assert_int_equal(flow.bytes, 0);
}

/* After each round all have sent the same, to the byte. */
static void equal_flows_are_equal(void **state)
{
	static struct flow flows[FLOWS];
	uint64_t sent[FLOWS] = { 0 };
	struct outbox outbox;

	(void)state;
	fastipc_outbox_init(&outbox);
	for (int i = 0; i < FLOWS; i++) {
		flows[i] = (struct flow){ .weight = 16 };
		for (int j = 0; j < 10; j++)
			add(&outbox, &flows[i], MOST);
	}
	for (int round = 1; round <= 10; round++) {
		for (int i = 0; i < FLOWS; i++) {
			uint32_t length;
			struct flow *flow = step(&outbox, &length);

			sent[flow - flows] += length;
		}
		for (int i = 0; i < FLOWS; i++)
			assert_int_equal(sent[i], round * MOST);
	}
	assert_true(fastipc_outbox_is_empty(&outbox));
}

/* Bytes and frames' cost go by the weights, whatever the sizes. */
static void weights_share(void **state)
{
	const uint32_t weights[] = { 1, 3, 16, 64, 255 };
	const uint32_t sizes[] = { 100000, 100, 16352, 3000, 65536 };
	struct flow flows[5];
	uint64_t cost[5] = { 0 };
	uint64_t total = 0;
	struct outbox outbox;
	uint32_t weight = 0;

	(void)state;
	fastipc_outbox_init(&outbox);
	for (int i = 0; i < 5; i++) {
		flows[i] = (struct flow){ .weight = weights[i] };
		weight += weights[i];
		for (uint32_t n = 0; n < 40000000 / sizes[i]; n++)
			add(&outbox, &flows[i], sizes[i]);
	}
	while (total < 30000000) {
		uint32_t length;
		struct flow *flow = step(&outbox, &length);

		cost[flow - flows] += length + FASTIPC_OUTBOX_COST;
		total += length + FASTIPC_OUTBOX_COST;
	}
	for (int i = 0; i < 5; i++) {
		int64_t share = (int64_t)(total * weights[i] / weight);
		/* A round, and a message that waits for the next. */
		int64_t most = (int64_t)weights[i] * 1024 + MOST + 32;

		assert_true((int64_t)cost[i] - share <= most);
		assert_true(share - (int64_t)cost[i] <= most);
	}
	fastipc_outbox_clear(&outbox, NULL);
}

static void urgent_flows_go_first(void **state)
{
	struct flow usual = { .weight = 255 };
	struct flow urgent[2] = { { .weight = 1, .urgent = true },
				  { .weight = 1, .urgent = true } };
	uint64_t sent[2] = { 0 };
	struct outbox outbox;
	uint32_t length;

	(void)state;
	fastipc_outbox_init(&outbox);
	add(&outbox, &usual, 1000000);
	assert_ptr_equal(step(&outbox, &length), &usual);
	add(&outbox, &urgent[0], 20000);
	add(&outbox, &urgent[1], 20000);
	while (urgent[0].first || urgent[1].first) {
		struct flow *flow = step(&outbox, &length);

		assert_ptr_not_equal(flow, &usual);
		sent[flow - urgent] += length;
		assert_true(
			urgent[0].first == NULL || urgent[1].first == NULL ||
			(sent[0] < sent[1] + 1024 && sent[1] < sent[0] + 1024));
	}
	assert_ptr_equal(step(&outbox, &length), &usual);
	fastipc_outbox_clear(&outbox, NULL);
}

/* Who has nothing to send saves nothing up; whole messages stay whole. */
static void deficits_end_with_the_queue(void **state)
{
	struct flow idle = { .weight = 16 }, busy = { .weight = 16 };
	struct flow low = { .weight = 1 };
	struct outbox outbox;
	uint64_t sent = 0;
	uint32_t length;

	(void)state;
	fastipc_outbox_init(&outbox);
	add(&outbox, &busy, 10000000);
	add(&outbox, &idle, 10);
	for (int i = 0; i < 100; i++)
		step(&outbox, &length);
	add(&outbox, &idle, 1000000);
	for (int i = 0; i < 3; i++)
		if (step(&outbox, &length) == &idle)
			sent += length;
	assert_in_range(sent, 16352, 2 * 16352);
	fastipc_outbox_clear(&outbox, NULL);
	add(&outbox, &low, 4360);
	low.first->whole = true;
	add(&outbox, &busy, 100000);
	do {
		length = 0;
	} while (step(&outbox, &length) != &low);
	assert_int_equal(length, 4360);
	fastipc_outbox_clear(&outbox, NULL);
}

static void parcels_can_be_taken_back(void **state)
{
	struct flow flow = { .weight = 16 };
	struct outbox outbox;
	struct parcel *second;
	uint32_t length;

	(void)state;
	fastipc_outbox_init(&outbox);
	add(&outbox, &flow, 10);
	add(&outbox, &flow, 20);
	add(&outbox, &flow, 30);
	second = flow.first->next;
	fastipc_outbox_remove(&outbox, second);
	free(second);
	assert_int_equal(flow.bytes, 40);
	step(&outbox, &length);
	assert_int_equal(length, 10);
	step(&outbox, &length);
	assert_int_equal(length, 30);
	assert_true(fastipc_outbox_is_empty(&outbox));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_messages_first),
		cmocka_unit_test(equal_flows_are_equal),
		cmocka_unit_test(weights_share),
		cmocka_unit_test(urgent_flows_go_first),
		cmocka_unit_test(deficits_end_with_the_queue),
		cmocka_unit_test(parcels_can_be_taken_back),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
