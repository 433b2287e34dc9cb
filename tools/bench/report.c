// SPDX-License-Identifier: MIT
/*
 * Prints what a benchmark found: one JSON object on one line for machines, or
 * figures and what they mean for people.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "fastipc/arguments.h"
#include "series.h"

/* A figure in terms of what the machine itself takes. */
struct ratio {
	const char *name;
	double value;
	const char *unit;
	const char *meaning;
};

#define RATIOS_MAX 8

struct ratios {
	struct ratio list[RATIOS_MAX];
	unsigned int count;
};

static void print_number(const char *key, double value, int decimals)
{
	if (isfinite(value))
		printf(",\"%s\":%.*f", key, decimals, value);
	else
		printf(",\"%s\":null", key);
}

static void print_pool(const struct bench_result *result)
{
	print_number("pool_reuse_percent", result->pool_reuse_percent, 4);
	print_number("pool_connections", result->pool_connections, 0);
	print_number("pool_take_ns", result->pool_take_ns, 1);
	print_number("pool_take_8_ns", result->pool_take_8_ns, 1);
	print_number("recovery_p50_ns", result->recovery_p50_ns, 0);
	print_number("recovery_p99_ns", result->recovery_p99_ns, 0);
	print_number("reconnect_p50_ns", result->reconnect_p50_ns, 0);
	print_number("reconnect_p99_ns", result->reconnect_p99_ns, 0);
}

static void print_streams(const struct bench_result *result)
{
	print_number("stream_bytes_per_s", result->stream_bytes_per_s, 0);
	print_number("streams_bytes_per_s", result->streams_bytes_per_s, 0);
	print_number("streams_ratio", result->streams_ratio, 3);
	print_number("streams_jain", result->streams_jain, 4);
	print_number("call_p99_ns", result->call_p99_ns, 0);
	print_number("call_beside_large_p99_ns",
		     result->call_beside_large_p99_ns, 0);
	print_number("large_bytes_per_s", result->large_bytes_per_s, 0);
}

void report_json(const struct bench_options *options,
		 const struct bench_result *result)
{
	printf("{\"test\":\"%s\"", bench_test_name(options->test));
	printf(",\"transport\":\"%s\"", result->transport);
	printf(",\"size\":%zu", options->size);
	printf(",\"checksum\":\"%s\"", checksum_name(options->checksum));
	printf(",\"wait\":\"%s\"", wait_name(options->wait));
	printf(",\"placement\":\"%s\"",
	       bench_placement_name(options->placement));
	printf(",\"count\":%" PRIu64, result->count);
	print_number("p50_ns", result->p50_ns, 1);
	print_number("p90_ns", result->p90_ns, 1);
	print_number("p99_ns", result->p99_ns, 1);
	print_number("p999_ns", result->p999_ns, 1);
	print_number("max_ns", result->max_ns, 1);
	print_number("msgs_per_s", result->msgs_per_s, 1);
	print_number("bytes_per_s", result->bytes_per_s, 0);
	print_number("cacheline_rtt_ns", result->cacheline_rtt_ns, 1);
	print_number("memcpy_bytes_per_s", result->memcpy_bytes_per_s, 0);
	print_number("futex_rtt_ns", result->futex_rtt_ns, 1);
	print_number("cpu_ns_per_msg", result->cpu_ns_per_msg, 1);
	print_number("server_rss_kib", result->server_rss_kib, 0);
	if (options->test == BENCH_POOL)
		print_pool(result);
	if (options->test == BENCH_STREAMS)
		print_streams(result);
	puts("}");
	fflush(stdout);
}

static void add_ratio(struct ratios *ratios, const char *name, double value,
		      const char *unit, const char *meaning)
{
	if (isfinite(value) && ratios->count < RATIOS_MAX)
		ratios->list[ratios->count++] =
			(struct ratio){ name, value, unit, meaning };
}

static void add_cacheline_ratios(struct ratios *ratios,
				 const struct bench_result *result)
{
	add_ratio(ratios, "p50 / cache line",
		  result->p50_ns / result->cacheline_rtt_ns, "",
		  "in raw round trips of a cache line");
	add_ratio(ratios, "p99 / cache line",
		  result->p99_ns / result->cacheline_rtt_ns, "", "");
	add_ratio(ratios, "  by slices", result->p50_cacheline, "",
		  "p50, median of the slices, each with its own probes");
}

static void add_futex_ratios(struct ratios *ratios,
			     const struct bench_result *result)
{
	add_ratio(ratios, "p50 / futex", result->p50_ns / result->futex_rtt_ns,
		  "", "in bare futex round trips");
	add_ratio(ratios, "  by slices", result->p50_futex, "",
		  "p50, median of the slices, each with its own probes");
}

static void add_latency_ratios(struct ratios *ratios,
			       const struct bench_options *options,
			       const struct bench_result *result)
{
	double copy_ns =
		(double)options->size / result->memcpy_bytes_per_s * 1e9;

	if (bench_sleeps(options) || options->test == BENCH_CONNECT)
		add_futex_ratios(ratios, result);
	else
		add_cacheline_ratios(ratios, result);
	if (options->size >= 4096)
		add_ratio(ratios, "p50 / memcpy", result->p50_ns / copy_ns, "",
			  "in copies of one message");
}

static void add_idle_ratios(struct ratios *ratios,
			    const struct bench_result *result)
{
	add_ratio(ratios, "resident", result->connection_rss_kib, " KiB",
		  "of the server, for each connection");
	add_ratio(ratios, "proportional", result->connection_pss_kib, " KiB",
		  "the same, shared pages halved");
	add_ratio(ratios, "page tables", result->connection_page_tables_kib,
		  " KiB", "in the kernel, for each connection");
	add_ratio(ratios, "descriptors", result->connection_descriptors, "",
		  "of the server, for each connection");
	add_ratio(ratios, "idle CPU", result->idle_cpu_percent, " %",
		  "of one CPU, both ends, while no call is made");
}

static void add_pool_ratios(struct ratios *ratios,
			    const struct bench_result *result)
{
	add_ratio(ratios, "not reused",
		  (100 - result->pool_reuse_percent) * 1e4, "",
		  "connections made and retries for a million calls");
	add_ratio(ratios, "connections", result->pool_connections, "",
		  "of the pool, at the end");
	add_ratio(ratios, "take", result->pool_take_ns, " ns",
		  "acquire and release, CPU time");
	add_ratio(ratios, "take, 8 threads", result->pool_take_8_ns, " ns",
		  "the same, of each of 8 threads");
	add_ratio(ratios, "recovery p99", result->recovery_p99_ns / 1e3, " us",
		  "cut to good call, with another connection");
	add_ratio(ratios, "recovery p50", result->recovery_p50_ns / 1e3, " us",
		  "");
	add_ratio(ratios, "reconnect p99", result->reconnect_p99_ns / 1e3,
		  " us", "the same with the only connection");
	add_ratio(ratios, "reconnect p50", result->reconnect_p50_ns / 1e3,
		  " us", "");
}

static void find_ratios(struct ratios *ratios,
			const struct bench_options *options,
			const struct bench_result *result)
{
	ratios->count = 0;
	if (options->test == BENCH_IDLE) {
		add_idle_ratios(ratios, result);
	} else if (options->test == BENCH_STREAMS) {
		add_ratio(ratios, "150 streams / 1", result->streams_ratio, "",
			  "throughput of all together");
		add_ratio(ratios, "Jain", result->streams_jain, "",
			  "how evenly they are served; 1: equally");
		add_ratio(ratios, "beside 10 MiB / alone",
			  result->call_beside_large_p99_ns /
				  result->call_p99_ns,
			  "", "p99 of a small call");
		add_ratio(ratios, "beside 10 MiB",
			  result->call_beside_large_p99_ns / 1e3, " us",
			  "p99 of a small call");
	} else if (options->test == BENCH_POOL) {
		add_pool_ratios(ratios, result);
	} else if (options->test != BENCH_STREAM) {
		add_latency_ratios(ratios, options, result);
	} else {
		add_ratio(ratios, "msgs / cache line",
			  result->cacheline_rtt_ns * result->msgs_per_s / 1e9,
			  "", "messages in one raw round trip");
		add_ratio(ratios, "bytes / memcpy",
			  result->bytes_per_s / result->memcpy_bytes_per_s, "",
			  "of what one copy of each message would reach");
	}
}

static void print_ratios(const struct ratios *ratios)
{
	for (unsigned int i = 0; i < ratios->count; i++) {
		const struct ratio *ratio = &ratios->list[i];

		printf("  %-18s %.3g%s%s%s%s\n", ratio->name, ratio->value,
		       ratio->unit, *ratio->meaning ? "  (" : "",
		       ratio->meaning, *ratio->meaning ? ")" : "");
	}
}

/* "1.23 us", for times that may be below 1 ns, and "-" for none. */
static const char *time_words(double ns, char text[16])
{
	if (!isfinite(ns))
		return "-";
	if (ns < 1000) {
		snprintf(text, 16, "%.0f ns", ns);
		return text;
	}
	return time_text((uint64_t)ns, text);
}

static void print_heading(const struct bench_options *options,
			  const struct bench_result *result)
{
	printf("%s: %zu bytes, %s, checksum %s, wait %s, placement %s",
	       bench_test_name(options->test), options->size, result->transport,
	       checksum_name(options->checksum), wait_name(options->wait),
	       bench_placement_name(options->placement));
	if (result->cpus.client >= 0)
		printf(" (client on CPU %d, server on CPU %d)",
		       result->cpus.client, result->cpus.server);
	putchar('\n');
}

static void print_counts(const struct bench_options *options,
			 const struct bench_result *result)
{
	if (options->test == BENCH_IDLE)
		printf("  %-18s %u open, %" PRIu64
		       " calls after %g idle seconds\n",
		       "connections", options->connections, result->count,
		       options->duration);
	else if (options->test == BENCH_POOL)
		printf("  %-18s %" PRIu64 " from %u threads\n", "calls",
		       result->count, options->threads);
	else
		printf("  %-18s %" PRIu64
		       " in %u slices; %u repeated because the machine's "
		       "speed moved, %u at another speed\n",
		       options->test == BENCH_STREAM	? "messages"
		       : options->test == BENCH_CONNECT ? "connections"
							: "round trips",
		       result->count, result->slices, result->repeats,
		       result->other_speed);
}

static void print_latencies(const struct bench_result *result)
{
	const struct {
		const char *name;
		double ns;
	} list[] = {
		{ "p50", result->p50_ns }, { "p90", result->p90_ns },
		{ "p99", result->p99_ns }, { "p99.9", result->p999_ns },
		{ "max", result->max_ns },
	};
	char text[16];

	if (!isfinite(result->p50_ns))
		return;
	printf("  %-18s", "latency");
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		printf("%s %s %s", i ? "," : "", list[i].name,
		       time_words(list[i].ns, text));
	putchar('\n');
}

static void print_costs(const struct bench_result *result)
{
	char text[16];

	if (isfinite(result->msgs_per_s))
		printf("  %-18s %.0f messages/s, %s/s\n", "throughput",
		       result->msgs_per_s,
		       bytes_text((uint64_t)result->bytes_per_s, text));
	if (isfinite(result->cpu_ns_per_msg))
		printf("  %-18s %s a message, of both ends\n", "CPU time",
		       time_words(result->cpu_ns_per_msg, text));
	if (isfinite(result->server_rss_kib))
		printf("  %-18s %.0f KiB resident\n", "server",
		       result->server_rss_kib);
}

static void print_references(const struct bench_result *result)
{
	char text[16];

	printf("  %-18s cache line %s,", "raw round trips",
	       time_words(result->cacheline_rtt_ns, text));
	printf(" futex %s", time_words(result->futex_rtt_ns, text));
	if (isfinite(result->memcpy_bytes_per_s))
		printf("; memcpy %s/s",
		       bytes_text((uint64_t)result->memcpy_bytes_per_s, text));
	putchar('\n');
}

void report_text(const struct bench_options *options,
		 const struct bench_result *result)
{
	struct ratios ratios;

	find_ratios(&ratios, options, result);
	print_heading(options, result);
	print_counts(options, result);
	print_latencies(result);
	print_costs(result);
	print_references(result);
	print_ratios(&ratios);
	fflush(stdout);
}

static double median_ratio(const struct bench_options *options,
			   const struct bench_result *results,
			   unsigned int count, const char *name)
{
	struct series series = { 0 };
	double median;

	for (unsigned int run = 0; run < count; run++) {
		struct ratios ratios;

		find_ratios(&ratios, options, &results[run]);
		for (unsigned int i = 0; i < ratios.count; i++)
			if (!strcmp(ratios.list[i].name, name))
				series_add(&series, ratios.list[i].value);
	}
	median = series_median(&series);
	series_free(&series);
	return median;
}

void report_medians(const struct bench_options *options,
		    const struct bench_result *results, unsigned int count)
{
	struct ratios ratios;

	find_ratios(&ratios, options, &results[0]);
	for (unsigned int i = 0; i < ratios.count; i++)
		ratios.list[i].value = median_ratio(options, results, count,
						    ratios.list[i].name);
	printf("medians of %u runs\n", count);
	print_ratios(&ratios);
	fflush(stdout);
}

static void warn_of_idle(const struct bench_result *result)
{
	complain("bench",
		 "each idle connection costs the server %.1f KiB resident "
		 "(%.1f KiB with shared pages halved); idle CPU of both "
		 "ends %.2f %%",
		 result->connection_rss_kib, result->connection_pss_kib,
		 result->idle_cpu_percent);
}

void report_warnings(const struct bench_options *options,
		     const struct bench_result *result)
{
	unsigned int left_out = result->repeats + result->other_speed;

	if (options->json && left_out)
		complain("bench",
			 "%u slices were repeated because the machine's speed "
			 "moved by more than 15 %%, %u because it was another "
			 "one; %u counted",
			 result->repeats, result->other_speed, result->slices);
	if (result->unsteady)
		complain("bench",
			 "the machine is not steady enough: these figures are "
			 "of %u slices only",
			 result->slices ? result->slices : left_out);
	if (options->rate > 0 && result->msgs_per_s < 0.99 * options->rate)
		complain("bench",
			 "the rate was not held: %.0f messages/s instead "
			 "of %.0f",
			 result->msgs_per_s, options->rate);
	if (options->json && options->test == BENCH_IDLE)
		warn_of_idle(result);
}
