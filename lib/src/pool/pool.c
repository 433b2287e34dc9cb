// SPDX-License-Identifier: MIT
/*
 * A pool's beginning and end, and its options.
 */
#include "pool/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <fastipc/discover.h>

#include "rpc/options.h"

#define MS 1000000ull
#define SECOND 1000000000ull
#define TRIAL_NS (20 * MS)
#define SHARING_MOST 1024u

void fastipc_pool_options_init(struct fastipc_pool_options *options)
{
	*options = (struct fastipc_pool_options){
		.size = sizeof(*options),
		.name = "pool",
		.min_size = 1,
		.max_size = 16,
		.warm_up = 1,
		.sharing = 1,
		.idle_timeout_ns = 10 * SECOND,
		.connect_timeout_ns = SECOND,
		.turn_ns = MS / 5,
		.ping_interval_ns = 5 * SECOND,
		.ping_timeout_ns = SECOND,
		.backoff_ns = MS,
		.backoff_most_ns = SECOND,
		.retry_percent = 20,
		.retry_per_second = 10,
		.retry_burst = 100,
		.breaker_percent = 50,
		.breaker_least = 5,
		.breaker_window_ns = SECOND,
		.breaker_open_ns = 100 * MS,
		.breaker_open_most_ns = 5 * SECOND,
		.breaker_probes = 3,
	};
}

static int check_sizes(const struct fastipc_pool_options *options)
{
	if (!options->max_size || options->max_size > FASTIPC_POOL_SIZE_MAX)
		return fastipc_fail(-EINVAL, "max_size must be 1 to %u",
				    FASTIPC_POOL_SIZE_MAX);
	if (options->min_size > options->max_size ||
	    options->warm_up > options->max_size)
		return fastipc_fail(
			-EINVAL,
			"min_size and warm_up must not be more than max_size");
	if (!options->sharing || options->sharing > SHARING_MOST)
		return fastipc_fail(-EINVAL, "sharing must be 1 to %u",
				    SHARING_MOST);
	return 0;
}

static int check_options(const struct fastipc_pool_options *options)
{
	int error = fastipc_options_check_size(options->size, sizeof(*options),
					       "fastipc_pool_options_init");

	if (!error)
		error = check_sizes(options);
	if (error)
		return error;
	if (options->breaker_percent > 100 || options->retry_percent > 100)
		return fastipc_fail(-EINVAL,
				    "a percentage must be at most 100");
	if (!options->connect_timeout_ns ||
	    (options->ping_interval_ns && !options->ping_timeout_ns) ||
	    options->backoff_ns > options->backoff_most_ns ||
	    options->breaker_open_ns > options->breaker_open_most_ns ||
	    (options->breaker_percent &&
	     (!options->breaker_window_ns || !options->breaker_open_ns ||
	      !options->breaker_probes)))
		return fastipc_fail(
			-EINVAL,
			"a time must not be 0, or be more than the most it may grow to");
	if (!options->name || strlen(options->name) > FASTIPC_NAME_MAX)
		return fastipc_fail(-EINVAL, "name must have 0 to %u bytes",
				    FASTIPC_NAME_MAX);
	return 0;
}

static int check_addresses(const struct fastipc_pool_address *addresses,
			   size_t count)
{
	char path[108];

	if (!addresses || !count || count > FASTIPC_POOL_ENDPOINTS_MAX)
		return fastipc_fail(-EINVAL, "a pool has 1 to %u addresses",
				    FASTIPC_POOL_ENDPOINTS_MAX);
	for (size_t i = 0; i < count; i++) {
		int error;

		if (!addresses[i].address)
			return fastipc_fail(-EINVAL, "address %zu is NULL", i);
		if (addresses[i].weight > 1u << 20)
			return fastipc_fail(-EINVAL,
					    "a weight must be at most 2^20");
		error = fastipc_address_path(addresses[i].address, path);
		if (error)
			return error;
	}
	return 0;
}

static void take_settings(struct fastipc_pool *pool)
{
	const struct fastipc_pool_options *options = &pool->options;

	pool->budget_settings = (struct fastipc_budget_settings){
		.percent = options->retry_percent,
		.per_second = options->retry_per_second,
		.burst = options->retry_burst,
	};
	pool->breaker_settings = (struct fastipc_breaker_settings){
		.percent = options->breaker_percent,
		.least = options->breaker_least,
		.window_ns = options->breaker_window_ns,
		.open_ns = options->breaker_open_ns,
		.open_most_ns = options->breaker_open_most_ns,
		.probes = options->breaker_probes,
	};
	pool->sizer_settings = (struct fastipc_sizer_settings){
		.min = options->min_size,
		.max = options->max_size,
		.idle_ns = options->idle_timeout_ns,
		.trial_ns = TRIAL_NS,
	};
	pool->capacity = options->max_size;
	if (options->client)
		pool->client = *options->client;
	else
		fastipc_client_options_init(&pool->client);
	pool->options.client = NULL;
	pool->options.name = NULL;
}

static int allocate(struct fastipc_pool *pool,
		    const struct fastipc_pool_address *addresses, size_t count,
		    const char *name)
{
	size_t size = pool->capacity * sizeof(*pool->members);

	pool->members = aligned_alloc(CACHE_LINE, size);
	if (pool->members)
		memset(pool->members, 0, size); /* destroy() reads them */
	pool->endpoints = calloc(count, sizeof(*pool->endpoints));
	pool->graves = calloc(pool->capacity, sizeof(struct fastipc_client *));
	pool->name = strdup(name);
	if (!pool->members || !pool->endpoints || !pool->graves || !pool->name)
		return fastipc_fail(-ENOMEM, "no memory for a pool");
	for (size_t i = 0; i < count; i++) {
		pool->endpoints[i].weight = addresses[i].weight;
		pool->endpoints[i].address = strdup(addresses[i].address);
		if (!pool->endpoints[i].address)
			return fastipc_fail(-ENOMEM, "no memory for a pool");
		pool->endpoint_count++;
	}
	return 0;
}

/* Backoffs of many processes must differ. */
static uint64_t seed(const struct fastipc_pool *pool, uint64_t now)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = now ^ (uintptr_t)pool;
	return random;
}

static void warm_up(struct fastipc_pool *pool)
{
	fastipc_lock(&pool->lock);
	while (fastipc_pool_grow(pool, pool->options.warm_up, false))
		;
	fastipc_unlock(&pool->lock);
}

static void destroy(struct fastipc_pool *pool)
{
	for (uint32_t i = 0; pool->members && i < pool->capacity; i++)
		fastipc_client_close(pool->members[i].client);
	for (uint32_t i = 0; i < pool->grave_count; i++)
		fastipc_client_close(pool->graves[i]);
	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		free(pool->endpoints[i].address);
	fastipc_pool_unpublish(pool);
	free(pool->members);
	free(pool->endpoints);
	free(pool->graves);
	free(pool->name);
	free(pool);
}

int fastipc_pool_create(const struct fastipc_pool_address *addresses,
			size_t count,
			const struct fastipc_pool_options *options,
			struct fastipc_pool **result)
{
	static uint64_t last_id;
	struct fastipc_pool_options defaults;
	struct fastipc_pool *pool;
	uint64_t now = fastipc_now_ns();
	int error;

	fastipc_pool_options_init(&defaults);
	if (!options)
		options = &defaults;
	if (!result)
		return fastipc_fail(-EINVAL, "pool is NULL");
	error = check_options(options);
	if (!error)
		error = check_addresses(addresses, count);
	if (error)
		return error;
	pool = aligned_alloc(CACHE_LINE, sizeof(*pool));
	if (!pool)
		return fastipc_fail(-ENOMEM, "no memory for a pool");
	memset(pool, 0, sizeof(*pool));
	pool->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	pool->options = *options;
	take_settings(pool);
	error = allocate(pool, addresses, count, options->name);
	if (error) {
		destroy(pool);
		return error;
	}
	pool->random = seed(pool, now);
	pool->next_tick = now;
	pool->target = options->min_size ? options->min_size : 1;
	fastipc_sizer_init(&pool->sizer, &pool->sizer_settings);
	fastipc_budget_init(&pool->budget, &pool->budget_settings, now);
	warm_up(pool);
	if (*options->name)
		fastipc_pool_publish(pool);
	*result = pool;
	return 0;
}

void fastipc_pool_destroy(struct fastipc_pool *pool)
{
	if (pool)
		destroy(pool);
}
