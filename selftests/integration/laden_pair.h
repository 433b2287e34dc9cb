/* SPDX-License-Identifier: MIT */
/*
 * A client of laden_service.h: both ends lend an area to each other, and take
 * descriptors.
 */
#ifndef SELFTESTS_INTEGRATION_LADEN_PAIR_H
#define SELFTESTS_INTEGRATION_LADEN_PAIR_H

#include "laden_service.h"

static struct server_process server;
static struct fastipc_client *client;

static inline struct fastipc_client *another_client(void)
{
	struct fastipc_client_options options;

	fastipc_client_options_init(&options);
	options.bulk_size = AREA;
	options.bulk_max = AREA;
	options.max_descriptors = FASTIPC_DESCRIPTORS_MAX;
	return connect_with(server.address, &options);
}

static inline void begin(void)
{
	struct fastipc_server_options options;

	if (!stalled)
		stalled = mmap(NULL, sizeof(*stalled), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(stalled, MAP_FAILED);
	fastipc_server_options_init(&options);
	options.bulk_size = AREA;
	options.bulk_max = AREA;
	options.max_descriptors = FASTIPC_DESCRIPTORS_MAX;
	server_start(&server, &options, &laden_service);
	client = another_client();
}

static inline void end(void)
{
	fastipc_client_close(client);
	server_stop(&server);
}

/* The server does nothing for this client from here on. */
static inline void stall(struct fastipc_client *of)
{
	uint64_t until = soon();

	__atomic_store_n(stalled, 1, __ATOMIC_SEQ_CST);
	assert_result(fastipc_client_post(of, STALL, NULL, 0, 0, soon()), 0);
	while (__atomic_load_n(stalled, __ATOMIC_SEQ_CST) == 1)
		assert_true(fastipc_now_ns() < until);
}

static inline void go_on(void)
{
	__atomic_store_n(stalled, 0, __ATOMIC_SEQ_CST);
}

static inline struct fastipc_stream *open_laden(uint16_t type,
						const struct order *order)
{
	struct fastipc_stream_options options;
	struct fastipc_stream *stream = NULL;

	fastipc_stream_options_init(&options);
	options.deadline = soon();
	assert_result(fastipc_stream_open(client, type, order,
					  order ? sizeof(*order) : 0, &options,
					  &stream),
		      0);
	return stream;
}

static inline struct server_state state_now(void)
{
	struct server_state state;

	ask_for(client, STATE, &state, sizeof(state));
	return state;
}

/* Nothing of streams is under way: all that was lent is back, and all that came
 * is closed, at both ends. */
static inline void assert_all_is_back(uint64_t descriptors)
{
	uint64_t until = soon();
	struct server_state state;
	struct fastipc_loan *all;

	do {
		assert_true(fastipc_now_ns() < until);
		state = state_now();
	} while (state.streams || state.room < 16 ||
		 state.descriptors != descriptors);
	assert_result(fastipc_client_loan(client, AREA, soon(), &all), 0);
	fastipc_loan_free(all);
}

static inline uint64_t expected_sum(size_t size, uint32_t seed)
{
	unsigned char *bytes = malloc(size + 1);
	uint64_t sum;

	assert_non_null(bytes);
	fill(bytes, size, seed);
	sum = sum_of(fastipc_shared_of(bytes, size));
	free(bytes);
	return sum;
}

#endif
