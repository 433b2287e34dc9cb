// SPDX-License-Identifier: MIT
/*
 * What pools count, as text in Prometheus' exposition format (0.0.4): each
 * metric once, with a line for each pool.
 */
#include "pool/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
	struct fastipc_buffer *buffer;
	size_t size; /* that it has, or would have */
	bool no_memory;
	struct fastipc_pool_source *const *sources;
	size_t count;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *text, const char *format, ...)
{
	struct fastipc_buffer *buffer = text->buffer;
	char line[1024];
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

static void add_buckets(struct text *text, const char *labels, const char *name,
			const struct fastipc_histogram *histogram)
{
	uint64_t count = 0;
	uint32_t bucket = 0;

	/* The ends of every fourth power of two: 256 ns to 69 s. */
	for (unsigned int power = 8; power <= 36; power += 2) {
		while (bucket < FASTIPC_HISTOGRAM_BUCKETS &&
		       fastipc_histogram_end(bucket) <= 1ull << power)
			count += histogram->counts[bucket++];
		add(text,
		    "fastipc_pool_%s_bucket{%s,le=\"%.9g\"} %" PRIu64 "\n",
		    name, labels, (double)(1ull << power) / 1e9, count);
	}
	while (bucket < FASTIPC_HISTOGRAM_BUCKETS)
		count += histogram->counts[bucket++];
	add(text,
	    "fastipc_pool_%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n"
	    "fastipc_pool_%s_sum{%s} %.9f\n",
	    name, labels, count, name, labels, (double)histogram->sum / 1e9);
	add(text, "fastipc_pool_%s_count{%s} %" PRIu64 "\n", name, labels,
	    count);
}

static void add_histogram(struct text *text, const char *name, const char *help,
			  size_t offset)
{
	head(text, name, "histogram", help);
	for (size_t i = 0; i < text->count; i++) {
		const struct fastipc_pool_source *source = text->sources[i];

		add_buckets(text, source->labels, name,
			    (const void *)((const char *)&source->figures +
					   offset));
	}
}

/* A member of a struct, and how it is called. */
struct metric {
	const char *name, *type, *help;
	size_t offset;
	bool is_short; /* a uint32_t */
};

static uint64_t value_of(const void *from, const struct metric *metric)
{
	uint32_t number;
	uint64_t value;

	if (!metric->is_short) {
		memcpy(&value, (const char *)from + metric->offset,
		       sizeof(value));
		return value;
	}
	memcpy(&number, (const char *)from + metric->offset, sizeof(number));
	return number;
}

#define FIELD(field) \
	offsetof(struct fastipc_pool_stats, field), \
		sizeof(((struct fastipc_pool_stats *)0)->field) == 4

static void add_numbers(struct text *text)
{
	static const struct metric metrics[] = {
		{ "connections", "gauge", "Connections open.",
		  FIELD(connections) },
		{ "in_use", "gauge", "Users of connections.", FIELD(in_use) },
		{ "waiting", "gauge", "Callers that wait for a connection.",
		  FIELD(waiting) },
		{ "endpoints_up", "gauge", "Servers that calls may go to.",
		  FIELD(endpoints_up) },
		{ "hits_total", "counter",
		  "Times that an open connection was there.", FIELD(hits) },
		{ "waits_total", "counter",
		  "Times that a caller slept for a connection.", FIELD(waits) },
		{ "timeouts_total", "counter",
		  "Times that a caller got no connection in time.",
		  FIELD(timeouts) },
		{ "connects_total", "counter", "Connections made.",
		  FIELD(connects) },
		{ "reconnects_total", "counter",
		  "Connections made for ones that were lost.",
		  FIELD(reconnects) },
		{ "connect_failures_total", "counter",
		  "Connections that could not be made.",
		  FIELD(connect_failures) },
		{ "lost_total", "counter", "Connections that ended.",
		  FIELD(lost) },
		{ "hung_total", "counter",
		  "Connections given up without an answer to pings.",
		  FIELD(hung) },
		{ "drained_total", "counter",
		  "Connections given up because the server goes away.",
		  FIELD(drained) },
		{ "reaped_total", "counter",
		  "Connections closed as one too many.", FIELD(reaped) },
		{ "aged_total", "counter", "Connections closed for their age.",
		  FIELD(aged) },
		{ "calls_total", "counter", "Calls that got a reply.",
		  FIELD(calls) },
		{ "failures_total", "counter",
		  "Attempts that failed for the connection.", FIELD(failures) },
		{ "retries_total", "counter", "Attempts after the first.",
		  FIELD(retries) },
		{ "retries_refused_total", "counter",
		  "Retries that the budget did not allow.",
		  FIELD(retries_refused) },
		{ "ejections_total", "counter",
		  "Times that a server was taken out.", FIELD(ejections) },
		{ "readmissions_total", "counter",
		  "Times that a server was taken in again.",
		  FIELD(readmissions) },
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		head(text, metrics[i].name, metrics[i].type, metrics[i].help);
		for (size_t j = 0; j < text->count; j++)
			add(text, "fastipc_pool_%s{%s} %" PRIu64 "\n",
			    metrics[i].name, text->sources[j]->labels,
			    value_of(&text->sources[j]->figures.stats,
				     &metrics[i]));
	}
}

#undef FIELD
#define FIELD(field) \
	offsetof(struct fastipc_pool_endpoint_info, field), \
		sizeof(((struct fastipc_pool_endpoint_info *)0)->field) == 4

static void add_endpoints_of(struct text *text,
			     const struct fastipc_pool_source *source,
			     const struct metric *metric)
{
	for (uint32_t i = 0; i < source->figures.stats.endpoints; i++) {
		const struct fastipc_pool_endpoint_info *info =
			&source->figures.endpoints[i];
		char address[256];

		add(text, "fastipc_pool_%s{%s,endpoint=\"%s\"} %" PRIu64 "\n",
		    metric->name, source->labels,
		    escape(info->address, address), value_of(info, metric));
	}
}

static void add_endpoints(struct text *text)
{
	static const struct metric metrics[] = {
		{ "endpoint_connections", "gauge", "Connections to a server.",
		  FIELD(connections) },
		{ "endpoint_breaker", "gauge",
		  "Its circuit breaker: 0 closed, 1 open, 2 half-open.",
		  FIELD(breaker) },
		{ "endpoint_calls_total", "counter",
		  "Calls that got a reply from it.", FIELD(calls) },
		{ "endpoint_failures_total", "counter",
		  "Attempts that failed on it.", FIELD(failures) },
		{ "endpoint_connects_total", "counter",
		  "Connections made to it.", FIELD(connects) },
		{ "endpoint_connect_failures_total", "counter",
		  "Connections to it that could not be made.",
		  FIELD(connect_failures) },
		{ "endpoint_ejections_total", "counter",
		  "Times that it was taken out.", FIELD(ejections) },
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		head(text, metrics[i].name, metrics[i].type, metrics[i].help);
		for (size_t j = 0; j < text->count; j++)
			add_endpoints_of(text, text->sources[j], &metrics[i]);
	}
}

void fastipc_pool_label(struct fastipc_pool_source *source, const char *name,
			uint64_t pid, uint64_t id)
{
	char escaped[256];
	int length = snprintf(source->labels, sizeof(source->labels),
			      "pool=\"%s\"", escape(name, escaped));

	if (pid)
		snprintf(source->labels + length,
			 sizeof(source->labels) - (size_t)length,
			 ",pid=\"%" PRIu64 "\",id=\"%" PRIu64 "\"", pid, id);
}

int fastipc_pool_write_text(struct fastipc_pool_source *const *sources,
			    size_t count, struct fastipc_buffer *buffer)
{
	struct text text = { .buffer = buffer,
			     .sources = sources,
			     .count = count };

	add_numbers(&text);
	add_endpoints(&text);
	add_histogram(&text, "call_seconds",
		      "Time of an attempt that got a reply.",
		      offsetof(struct fastipc_pool_figures, latency));
	add_histogram(&text, "wait_seconds",
		      "Time of a caller that slept for a connection.",
		      offsetof(struct fastipc_pool_figures, wait));
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

int fastipc_pool_prometheus(struct fastipc_pool *pool,
			    struct fastipc_buffer *buffer)
{
	struct fastipc_pool_source *source;
	int error;

	if (!pool || !buffer)
		return fastipc_fail(-EINVAL, "pool and text are needed");
	source = malloc(sizeof(*source));
	if (!source)
		return fastipc_fail(-ENOMEM, "no memory for the text");
	fastipc_pool_label(source, pool->name, 0, 0);
	fastipc_lock(&pool->lock);
	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		fastipc_endpoint_note(pool, i, fastipc_now_ns(), 0);
	fastipc_pool_collect(pool, &source->figures);
	fastipc_unlock(&pool->lock);
	error = fastipc_pool_write_text(&source, 1, buffer);
	free(source);
	return error;
}
