// SPDX-License-Identifier: MIT
/*
 * What a pool counts, in numbers and as Prometheus' text.
 */
#include "pool/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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
		stats->calls += fastipc_pool_read(&pool->members[i].calls);
		fastipc_histogram_merge(latency, &pool->members[i].latency);
	}
	summarise(latency, &stats->latency);
	summarise(&pool->wait_times, &stats->wait);
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

/* ---- Prometheus' text ---- */

struct text {
	struct fastipc_buffer *buffer;
	size_t size; /* that it has, or would have */
	bool no_memory;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *text, const char *format, ...)
{
	struct fastipc_buffer *buffer = text->buffer;
	char line[512];
	va_list arguments;
	size_t length;

	va_start(arguments, format);
	length = (size_t)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length >= sizeof(line))
		length = sizeof(line) - 1;
	if (text->size + length > buffer->capacity && !buffer->fixed) {
		size_t capacity = 2 * (text->size + length) + 4096;
		void *data = realloc(buffer->data, capacity);

		if (data) {
			buffer->data = data;
			buffer->capacity = capacity;
		} else {
			text->no_memory = true;
		}
	}
	if (text->size + length <= buffer->capacity)
		memcpy((char *)buffer->data + text->size, line, length);
	text->size += length;
}

/* A label's value: \, " and line ends are escaped. */
static const char *escape(const char *from, char to[256])
{
	size_t n = 0;

	for (; *from && n < 253; from++) {
		if (*from == '\\' || *from == '"' || *from == '\n')
			to[n++] = '\\';
		to[n++] = *from == '\n' ? 'n' : *from;
	}
	to[n] = '\0';
	return to;
}

static void head(struct text *text, const char *name, const char *type,
		 const char *help)
{
	add(text, "# HELP fastipc_pool_%s %s\n# TYPE fastipc_pool_%s %s\n",
	    name, help, name, type);
}

static void add_histogram(struct text *text, const char *pool, const char *name,
			  const char *help,
			  const struct fastipc_histogram *histogram)
{
	uint64_t count = 0;
	uint32_t bucket = 0;

	head(text, name, "histogram", help);
	/* The ends of every fourth power of two: 256 ns to 69 s. */
	for (unsigned int power = 8; power <= 36; power += 2) {
		while (bucket < FASTIPC_HISTOGRAM_BUCKETS &&
		       fastipc_histogram_end(bucket) <= 1ull << power)
			count += histogram->counts[bucket++];
		add(text,
		    "fastipc_pool_%s_bucket{pool=\"%s\",le=\"%.9g\"} %" PRIu64
		    "\n",
		    name, pool, (double)(1ull << power) / 1e9, count);
	}
	while (bucket < FASTIPC_HISTOGRAM_BUCKETS)
		count += histogram->counts[bucket++];
	add(text,
	    "fastipc_pool_%s_bucket{pool=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
	    "fastipc_pool_%s_sum{pool=\"%s\"} %.9f\n"
	    "fastipc_pool_%s_count{pool=\"%s\"} %" PRIu64 "\n",
	    name, pool, count, name, pool, (double)histogram->sum / 1e9, name,
	    pool, count);
}

static void add_numbers(struct text *text, const char *pool,
			const struct fastipc_pool_stats *stats)
{
	const struct {
		const char *name, *type, *help;
		uint64_t value;
	} metrics[] = {
		{ "connections", "gauge", "Connections open.",
		  stats->connections },
		{ "in_use", "gauge", "Users of connections.", stats->in_use },
		{ "waiting", "gauge", "Callers that wait for a connection.",
		  stats->waiting },
		{ "endpoints_up", "gauge", "Servers that calls may go to.",
		  stats->endpoints_up },
		{ "hits_total", "counter",
		  "Times that an open connection was there.", stats->hits },
		{ "waits_total", "counter",
		  "Times that a caller slept for a connection.", stats->waits },
		{ "timeouts_total", "counter",
		  "Times that a caller got no connection in time.",
		  stats->timeouts },
		{ "connects_total", "counter", "Connections made.",
		  stats->connects },
		{ "reconnects_total", "counter",
		  "Connections made for ones that were lost.",
		  stats->reconnects },
		{ "connect_failures_total", "counter",
		  "Connections that could not be made.",
		  stats->connect_failures },
		{ "lost_total", "counter", "Connections that ended.",
		  stats->lost },
		{ "hung_total", "counter",
		  "Connections given up without an answer to pings.",
		  stats->hung },
		{ "drained_total", "counter",
		  "Connections given up because the server goes away.",
		  stats->drained },
		{ "reaped_total", "counter",
		  "Connections closed as one too many.", stats->reaped },
		{ "aged_total", "counter", "Connections closed for their age.",
		  stats->aged },
		{ "calls_total", "counter", "Calls that got a reply.",
		  stats->calls },
		{ "failures_total", "counter",
		  "Attempts that failed for the connection.", stats->failures },
		{ "retries_total", "counter", "Attempts after the first.",
		  stats->retries },
		{ "retries_refused_total", "counter",
		  "Retries that the budget did not allow.",
		  stats->retries_refused },
		{ "ejections_total", "counter",
		  "Times that a server was taken out.", stats->ejections },
		{ "readmissions_total", "counter",
		  "Times that a server was taken in again.",
		  stats->readmissions },
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		head(text, metrics[i].name, metrics[i].type, metrics[i].help);
		add(text, "fastipc_pool_%s{pool=\"%s\"} %" PRIu64 "\n",
		    metrics[i].name, pool, metrics[i].value);
	}
}

/* With the lock. */
static void add_endpoints(struct text *text, struct fastipc_pool *pool,
			  const char *name)
{
	static const struct {
		const char *name, *type, *help;
	} metrics[] = {
		{ "endpoint_connections", "gauge", "Connections to a server." },
		{ "endpoint_breaker", "gauge",
		  "Its circuit breaker: 0 closed, 1 open, 2 half-open." },
		{ "endpoint_calls_total", "counter",
		  "Calls that got a reply from it." },
		{ "endpoint_failures_total", "counter",
		  "Attempts that failed on it." },
		{ "endpoint_connects_total", "counter",
		  "Connections made to it." },
		{ "endpoint_connect_failures_total", "counter",
		  "Connections to it that could not be made." },
		{ "endpoint_ejections_total", "counter",
		  "Times that it was taken out." },
	};
	char address[256];

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		head(text, metrics[i].name, metrics[i].type, metrics[i].help);
		for (uint32_t j = 0; j < pool->endpoint_count; j++) {
			const struct endpoint *endpoint = &pool->endpoints[j];
			const uint64_t values[] = {
				endpoint->live,	     endpoint->breaker.state,
				endpoint->calls,     endpoint->failures,
				endpoint->connects,  endpoint->connect_failures,
				endpoint->ejections,
			};

			add(text,
			    "fastipc_pool_%s{pool=\"%s\",endpoint=\"%s\"} "
			    "%" PRIu64 "\n",
			    metrics[i].name, name,
			    escape(endpoint->address, address), values[i]);
		}
	}
}

int fastipc_pool_prometheus(struct fastipc_pool *pool,
			    struct fastipc_buffer *buffer)
{
	struct fastipc_histogram latency;
	struct fastipc_pool_stats stats;
	struct text text = { .buffer = buffer };
	char name[256];

	if (!pool || !buffer)
		return fastipc_fail(-EINVAL, "pool and text are needed");
	escape(pool->name, name);
	fastipc_lock(&pool->lock);
	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		fastipc_endpoint_note(pool, i, fastipc_now_ns(), 0);
	collect(pool, &stats, &latency);
	add_numbers(&text, name, &stats);
	add_endpoints(&text, pool, name);
	add_histogram(&text, name, "call_seconds",
		      "Time of an attempt that got a reply.", &latency);
	add_histogram(&text, name, "wait_seconds",
		      "Time of a caller that slept for a connection.",
		      &pool->wait_times);
	fastipc_unlock(&pool->lock);
	buffer->size = text.size;
	if (text.no_memory)
		return fastipc_fail(-ENOMEM, "no memory for the text");
	if (text.size > buffer->capacity)
		return fastipc_fail(
			-EMSGSIZE,
			"the text has %zu bytes, the buffer room for %zu",
			text.size, buffer->capacity);
	return 0;
}
