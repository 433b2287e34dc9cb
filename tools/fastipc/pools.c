/* SPDX-License-Identifier: MIT */
/* How the pools of all processes are shown. */
#include <inttypes.h>
#include <string.h>

#include "pools.h"
#include "print.h"

static const struct column stat_columns[] = {
	{ "POOL", true },     { "PROCESS", true },  { "OPEN", false },
	{ "IN USE", false },  { "WAITING", false }, { "UP", false },
	{ "HITS", false },    { "WAITS", false },   { "RECONNECTS", false },
	{ "EJECTED", false }, { "CALLS", false },   { "FAILED", false },
	{ "P50", false },     { "P99", false },	    { "WRITTEN", false },
	{ NULL, false },
};

static const struct column top_columns[] = {
	{ "POOL", true },	 { "PROCESS", true },  { "OPEN", false },
	{ "IN USE", false },	 { "WAITING", false }, { "UP", false },
	{ "CALLS/s", false },	 { "WAITS/s", false }, { "FAILED/s", false },
	{ "CONNECTS/s", false }, { "EJECTED", false }, { "P50", false },
	{ "P99", false },	 { NULL, false },
};

/* The same pool as it was; NULL: it was not there. */
static const struct pool *find(const struct observation *before,
			       const struct pool *pool)
{
	for (size_t i = 0; before && i < before->pool_count; i++) {
		const struct fastipc_pool_info *info = &before->pools[i].info;

		if (info->pid == pool->info.pid && info->id == pool->info.id)
			return &before->pools[i];
	}
	return NULL;
}

struct pool_rates {
	double calls, waits, failures, connects;
};

static double rate(uint64_t before, uint64_t now, double seconds)
{
	return now > before && seconds > 0 ? (double)(now - before) / seconds
					   : 0;
}

static struct pool_rates rates_of(const struct observation *before,
				  const struct observation *now,
				  const struct pool *pool)
{
	static const struct pool nothing;
	const struct pool *old = find(before, pool);
	const struct fastipc_pool_stats *from =
		&(old ? old : &nothing)->info.stats;
	const struct fastipc_pool_stats *to = &pool->info.stats;
	double seconds = (double)(now->at_ns - before->at_ns) / 1e9;

	return (struct pool_rates){
		.calls = rate(from->calls, to->calls, seconds),
		.waits = rate(from->waits, to->waits, seconds),
		.failures = rate(from->failures, to->failures, seconds),
		.connects = rate(from->connects, to->connects, seconds),
	};
}

/* ---- a table ---- */

static void add_count(struct table *table, uint64_t count)
{
	fprintf(table->out, "%" PRIu64, count);
	table_end_cell(table);
}

static void add_rate(struct table *table, double number)
{
	fprintf(table->out, number < 100 ? "%.1f" : "%.0f", number);
	table_end_cell(table);
}

static void add_time(struct table *table, uint64_t count, uint64_t ns)
{
	char text[16];

	fputs(count ? time_text(ns, text) : "-", table->out);
	table_end_cell(table);
}

/* What both tables begin with. */
static void add_state(struct table *table, const struct pool *pool)
{
	const struct fastipc_pool_stats *stats = &pool->info.stats;

	print_name(table->out, pool->info.name);
	table_end_cell(table);
	fprintf(table->out, "%d", (int)pool->info.pid);
	if (pool->comm[0])
		fputc(' ', table->out);
	print_name(table->out, pool->comm);
	table_end_cell(table);
	add_count(table, stats->connections);
	add_count(table, stats->in_use);
	add_count(table, stats->waiting);
	fprintf(table->out, "%" PRIu32 "/%" PRIu32, stats->endpoints_up,
		stats->endpoints);
	table_end_cell(table);
}

static void add_totals(struct table *table, const struct pool *pool)
{
	const struct fastipc_pool_stats *stats = &pool->info.stats;

	add_count(table, stats->hits);
	add_count(table, stats->waits);
	add_count(table, stats->reconnects);
	add_count(table, stats->ejections);
	add_count(table, stats->calls);
	add_count(table, stats->failures);
	add_time(table, stats->latency.count, stats->latency.p50_ns);
	add_time(table, stats->latency.count, stats->latency.p99_ns);
	add_time(table, 1, pool->info.written_ns);
}

static void add_rates(struct table *table, const struct pool *pool,
		      const struct pool_rates *rates)
{
	const struct fastipc_pool_stats *stats = &pool->info.stats;

	add_rate(table, rates->calls);
	add_rate(table, rates->waits);
	add_rate(table, rates->failures);
	add_rate(table, rates->connects);
	add_count(table, stats->ejections);
	add_time(table, stats->latency.count, stats->latency.p50_ns);
	add_time(table, stats->latency.count, stats->latency.p99_ns);
}

int pools_print(const struct observation *before, const struct observation *now,
		FILE *out, const struct table_style *style)
{
	struct table table;
	int error;

	if (!now->pool_count)
		return 0;
	error = table_begin(&table, before ? top_columns : stat_columns);
	if (error)
		return error;
	for (size_t i = 0; i < now->pool_count; i++) {
		const struct pool *pool = &now->pools[i];

		add_state(&table, pool);
		if (before) {
			struct pool_rates rates = rates_of(before, now, pool);

			add_rates(&table, pool, &rates);
		} else {
			add_totals(&table, pool);
		}
	}
	fputs(style->end, out);
	table_end(&table, out, style);
	return 0;
}

/* ---- JSON ---- */

static void print_times(FILE *out, const char *name,
			const struct fastipc_pool_times *times)
{
	fprintf(out,
		",\"%s\":{\"count\":%" PRIu64 ",\"sum_ns\":%" PRIu64
		",\"p50_ns\":%" PRIu64 ",\"p90_ns\":%" PRIu64,
		name, times->count, times->sum_ns, times->p50_ns,
		times->p90_ns);
	fprintf(out,
		",\"p99_ns\":%" PRIu64 ",\"p999_ns\":%" PRIu64
		",\"max_ns\":%" PRIu64 "}",
		times->p99_ns, times->p999_ns, times->max_ns);
}

static void print_endpoints(FILE *out, const struct pool *pool)
{
	fputs(",\"servers\":[", out);
	for (uint32_t i = 0; i < pool->info.stats.endpoints; i++) {
		const struct fastipc_pool_endpoint_info *info =
			&pool->endpoints[i];

		fputs(i ? ",{\"address\":" : "{\"address\":", out);
		json_string(out, info->address, strlen(info->address));
		fprintf(out,
			",\"weight\":%" PRIu32 ",\"connections\":%" PRIu32
			",\"breaker\":%" PRIu32 ",\"calls\":%" PRIu64
			",\"failures\":%" PRIu64,
			info->weight, info->connections, info->breaker,
			info->calls, info->failures);
		fprintf(out,
			",\"connects\":%" PRIu64
			",\"connect_failures\":%" PRIu64
			",\"ejections\":%" PRIu64 "}",
			info->connects, info->connect_failures,
			info->ejections);
	}
	fputc(']', out);
}

static void print_counters(FILE *out, const struct fastipc_pool_stats *stats)
{
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{ "connections", stats->connections },
		{ "in_use", stats->in_use },
		{ "waiting", stats->waiting },
		{ "endpoints", stats->endpoints },
		{ "endpoints_up", stats->endpoints_up },
		{ "hits", stats->hits },
		{ "waits", stats->waits },
		{ "timeouts", stats->timeouts },
		{ "connects", stats->connects },
		{ "reconnects", stats->reconnects },
		{ "connect_failures", stats->connect_failures },
		{ "lost", stats->lost },
		{ "hung", stats->hung },
		{ "drained", stats->drained },
		{ "reaped", stats->reaped },
		{ "aged", stats->aged },
		{ "calls", stats->calls },
		{ "failures", stats->failures },
		{ "retries", stats->retries },
		{ "retries_refused", stats->retries_refused },
		{ "ejections", stats->ejections },
		{ "readmissions", stats->readmissions },
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		fprintf(out, ",\"%s\":%" PRIu64, counters[i].name,
			counters[i].value);
}

static void print_pool(FILE *out, const struct pool *pool)
{
	const struct fastipc_pool_info *info = &pool->info;

	fputs("{\"name\":", out);
	json_string(out, info->name, strlen(info->name));
	fprintf(out, ",\"pid\":%d,\"comm\":", (int)info->pid);
	json_string(out, pool->comm, strlen(pool->comm));
	fprintf(out,
		",\"uid\":%u,\"id\":%" PRIu64
		",\"age_seconds\":%.3f,\"written_seconds\":%.3f",
		(unsigned int)info->uid, info->id, (double)info->age_ns / 1e9,
		(double)info->written_ns / 1e9);
	print_counters(out, &info->stats);
	print_times(out, "latency", &info->stats.latency);
	print_times(out, "wait", &info->stats.wait);
	print_endpoints(out, pool);
}

void pools_print_json(FILE *out, const struct observation *before,
		      const struct observation *now)
{
	fputs("\"pools\":[", out);
	for (size_t i = 0; i < now->pool_count; i++) {
		if (i)
			fputc(',', out);
		print_pool(out, &now->pools[i]);
		if (before) {
			struct pool_rates rates =
				rates_of(before, now, &now->pools[i]);

			fprintf(out,
				",\"calls_per_s\":%.1f,\"waits_per_s\":%.1f"
				",\"failures_per_s\":%.1f"
				",\"connects_per_s\":%.1f",
				rates.calls, rates.waits, rates.failures,
				rates.connects);
		}
		fputc('}', out);
	}
	fputc(']', out);
}
