// SPDX-License-Identifier: MIT
/*
 * What a pool counts, in numbers.
 */
#include "pool/pool.h"

#include <errno.h>
#include <string.h>

uint64_t fastipc_pool_hits(const struct fastipc_pool *pool)
{
	uint64_t hits = 0;

	for (uint32_t i = 0; i < pool->capacity; i++)
		hits += fastipc_pool_read(&pool->members[i].hits);
	return hits;
}

/* The end of the bucket that has the @permille-th of the values. */
static uint64_t quantile(const struct fastipc_histogram *histogram,
			 uint64_t count, uint64_t permille)
{
	uint64_t rank = (count * permille + 999) / 1000, seen = 0;

	for (uint32_t i = 0; count && i < FASTIPC_HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen >= rank)
			return fastipc_histogram_end(i) - 1;
	}
	return 0;
}

static void summarise(const struct fastipc_histogram *histogram,
		      struct fastipc_pool_times *times)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < FASTIPC_HISTOGRAM_BUCKETS; i++)
		count += histogram->counts[i];
	*times = (struct fastipc_pool_times){
		.count = count,
		.sum_ns = histogram->sum,
		.p50_ns = quantile(histogram, count, 500),
		.p90_ns = quantile(histogram, count, 900),
		.p99_ns = quantile(histogram, count, 990),
		.p999_ns = quantile(histogram, count, 999),
		.max_ns = quantile(histogram, count, 1000),
	};
}

/* With the lock. */
static void collect(struct fastipc_pool *pool, struct fastipc_pool_stats *stats,
		    struct fastipc_histogram *latency)
{
	const struct counters *counters = &pool->counters;
	uint64_t now = fastipc_now_ns();
	uint64_t hits = fastipc_pool_hits(pool);

	*stats = (struct fastipc_pool_stats){
		.size = sizeof(*stats),
		.connections = pool->size,
		.in_use = fastipc_pool_in_use(pool),
		.waiting = pool->waiters,
		.endpoints = pool->endpoint_count,
		.hits = hits -
			(counters->connects < hits ? counters->connects : hits),
		.waits = counters->waits,
		.timeouts = counters->timeouts,
		.connects = counters->connects,
		.reconnects = counters->reconnects,
		.connect_failures = counters->connect_failures,
		.lost = counters->fates[FATE_LOST],
		.hung = counters->fates[FATE_HUNG],
		.drained = counters->fates[FATE_DRAINED],
		.reaped = counters->fates[FATE_REAPED],
		.aged = counters->fates[FATE_AGED],
		.failures = counters->failures,
		.retries = counters->retries,
		.retries_refused = counters->retries_refused,
		.ejections = counters->ejections,
		.readmissions = counters->readmissions,
	};
	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		stats->endpoints_up +=
			fastipc_endpoint_admits(pool, &pool->endpoints[i], now);
	*latency = (struct fastipc_histogram){ 0 };
	for (uint32_t i = 0; i < pool->capacity; i++) {
		const struct member *member = &pool->members[i];
		uint64_t calls = fastipc_pool_read(&member->calls);

		stats->calls += calls;
		if (calls)
			fastipc_histogram_merge(latency, &member->latency);
	}
	summarise(latency, &stats->latency);
	summarise(&pool->wait_times, &stats->wait);
}

void fastipc_pool_collect(struct fastipc_pool *pool,
			  struct fastipc_pool_figures *figures)
{
	collect(pool, &figures->stats, &figures->latency);
	figures->wait = pool->wait_times;
	for (uint32_t i = 0; i < pool->endpoint_count; i++) {
		const struct endpoint *endpoint = &pool->endpoints[i];
		struct fastipc_pool_endpoint_info *info =
			&figures->endpoints[i];

		*info = (struct fastipc_pool_endpoint_info){
			.weight = endpoint->weight,
			.connections = endpoint->live,
			.breaker = endpoint->breaker.state,
			.calls = endpoint->calls,
			.failures = endpoint->failures,
			.connects = endpoint->connects,
			.connect_failures = endpoint->connect_failures,
			.ejections = endpoint->ejections,
		};
		memcpy(info->address, endpoint->address,
		       strnlen(endpoint->address, sizeof(info->address) - 1));
	}
}

int fastipc_pool_get_stats(struct fastipc_pool *pool,
			   struct fastipc_pool_stats *stats)
{
	struct fastipc_histogram latency;
	struct fastipc_pool_stats now;

	if (!pool || !stats || stats->size < sizeof(size_t))
		return fastipc_fail(-EINVAL, "set stats->size first");
	fastipc_lock(&pool->lock);
	collect(pool, &now, &latency);
	fastipc_unlock(&pool->lock);
	now.size = stats->size < sizeof(now) ? stats->size : sizeof(now);
	memcpy(stats, &now, now.size);
	return 0;
}
