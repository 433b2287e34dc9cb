// SPDX-License-Identifier: MIT
/*
 * What `fastipc bench load` says at the end.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "load.h"
#include "series.h"

static const char *const class_names[LOAD_CLASSES] = {
	"1K", "16K", "256K", "1M", "10M", "streams",
};

/* Of all processes together. */
struct sum {
	struct load_result all;
	struct histogram latency; /* of all classes */
};

static void add_one(struct sum *sum, const struct load_result *one)
{
	struct load_result *all = &sum->all;

	for (unsigned int i = 0; i < LOAD_CLASSES; i++) {
		histogram_add(&all->latency[i], &one->latency[i]);
		histogram_add(&sum->latency, &one->latency[i]);
	}
	histogram_add(&all->connect, &one->connect);
	for (unsigned int i = 0; i < LOAD_ERRORS; i++)
		all->errors[i] += one->errors[i];
	all->started += one->started;
	all->bytes += one->bytes;
	all->corrupt += one->corrupt;
	all->connects += one->connects;
	all->lost += one->lost;
	all->due += one->due;
	all->hits += one->hits;
	all->waits += one->waits;
	all->retries += one->retries;
	if (all->wait_p99_ns < one->wait_p99_ns)
		all->wait_p99_ns = one->wait_p99_ns;
}

/* Jain's: 1 if all have the same, 1/n if one has all. */
static double fairness(const uint64_t *counts, unsigned int count)
{
	double sum = 0, squares = 0;

	for (unsigned int i = 0; i < count; i++) {
		sum += (double)counts[i];
		squares += (double)counts[i] * (double)counts[i];
	}
	return squares > 0 ? sum * sum / (count * squares) : NAN;
}

/* Jain's between the processes: what their scheduling alone makes of it. */
static double fairness_of_processes(const struct load_options *options,
				    const uint64_t *counts)
{
	uint64_t sums[LOAD_PROCESSES_MOST] = { 0 };
	unsigned int first = 0;

	for (unsigned int i = 0; i < options->processes; i++) {
		unsigned int end = load_first_of(options, i + 1);

		while (first < end)
			sums[i] += counts[first++];
	}
	return fairness(sums, options->processes);
}

/* The fewest, and the most, beside the median: who was kept waiting, and who got
 * more than others. */
static void spread(const uint64_t *counts, unsigned int count, double *least,
		   double *most)
{
	static double values[LOAD_CONNECTIONS_MOST];
	double median;

	*least = INFINITY;
	*most = 0;
	for (unsigned int i = 0; i < count; i++) {
		values[i] = (double)counts[i];
		if (values[i] < *least)
			*least = values[i];
		if (values[i] > *most)
			*most = values[i];
	}
	median = median_of(values, count);
	*least = median > 0 ? *least / median : NAN;
	*most = median > 0 ? *most / median : NAN;
}

static void print_histogram(const char *name, const struct histogram *times)
{
	printf(",\"%s\":{\"count\":%" PRIu64, name, times->count);
	if (times->count)
		printf(",\"p50_ns\":%" PRIu64 ",\"p90_ns\":%" PRIu64
		       ",\"p99_ns\":%" PRIu64 ",\"p999_ns\":%" PRIu64
		       ",\"max_ns\":%" PRIu64,
		       histogram_percentile(times, 50),
		       histogram_percentile(times, 90),
		       histogram_percentile(times, 99),
		       histogram_percentile(times, 99.9), times->max);
	putchar('}');
}

static void print_number(const char *name, double value)
{
	if (isfinite(value))
		printf(",\"%s\":%.6g", name, value);
	else
		printf(",\"%s\":null", name);
}

static void print_errors(const uint64_t *errors)
{
	const char *comma = "";

	printf(",\"errors\":{");
	for (unsigned int i = 0; i < LOAD_ERRORS; i++)
		if (errors[i]) {
			printf("%s\"%s\":%" PRIu64, comma,
			       strerrorname_np((int)i), errors[i]);
			comma = ",";
		}
	putchar('}');
}

static void print_json(const struct load_options *options,
		       const struct load_shared *shared, const struct sum *sum,
		       const struct load_cost *cost)
{
	const struct load_result *all = &sum->all;
	double count = (double)sum->latency.count;
	double least, most;

	spread(shared->counts, options->connections, &least, &most);
	printf("{\"connections\":%u,\"processes\":%u", options->connections,
	       options->processes);
	print_number("seconds", cost->seconds);
	print_number("messages_per_s", count / cost->seconds);
	print_number("bytes_per_s", (double)all->bytes / cost->seconds);
	printf(",\"due\":%" PRIu64 ",\"done\":%" PRIu64 ",\"corrupt\":%" PRIu64
	       ",\"killed\":%u,\"cut\":%" PRIu64 ",\"connects\":%" PRIu64
	       ",\"lost\":%" PRIu64,
	       all->due, sum->latency.count, all->corrupt, cost->killed,
	       cost->cut, all->connects, all->lost);
	print_number("clients_cpu_ns_per_msg", cost->clients_cpu_ns / count);
	print_number("server_cpu_ns_per_msg", cost->server_cpu_ns / count);
	print_number("jain", options->threads ? NAN
					      : fairness(shared->counts,
							 options->connections));
	print_number("least", options->threads ? NAN : least);
	print_number("most", options->threads ? NAN : most);
	print_number("jain_processes",
		     options->threads
			     ? NAN
			     : fairness_of_processes(options, shared->counts));
	print_histogram("all", &sum->latency);
	for (unsigned int i = 0; i < LOAD_CLASSES; i++)
		print_histogram(class_names[i], &all->latency[i]);
	print_histogram("connect", &all->connect);
	if (options->threads)
		printf(",\"pool\":{\"hits\":%" PRIu64 ",\"waits\":%" PRIu64
		       ",\"retries\":%" PRIu64 ",\"wait_p99_ns\":%" PRIu64 "}",
		       all->hits, all->waits, all->retries, all->wait_p99_ns);
	print_errors(all->errors);
	puts("}");
}

static void print_times(const char *name, const struct histogram *times)
{
	char p50[16], p99[16], p999[16], max[16];

	if (times->count)
		printf("  %-10s %10" PRIu64
		       ": p50 %s, p99 %s, p99.9 %s, max %s\n",
		       name, times->count,
		       time_text(histogram_percentile(times, 50), p50),
		       time_text(histogram_percentile(times, 99), p99),
		       time_text(histogram_percentile(times, 99.9), p999),
		       time_text(times->max, max));
}

static void print_text(const struct load_options *options,
		       const struct load_shared *shared, const struct sum *sum,
		       const struct load_cost *cost)
{
	const struct load_result *all = &sum->all;
	double count = (double)sum->latency.count;
	double least, most;
	char bytes[16];

	spread(shared->counts, options->connections, &least, &most);
	printf("%u connections of %u processes, %g s: %.0f messages/s, %s/s\n",
	       options->connections, options->processes, cost->seconds,
	       count / cost->seconds,
	       bytes_text((uint64_t)((double)all->bytes / cost->seconds),
			  bytes));
	print_times("all", &sum->latency);
	for (unsigned int i = 0; i < LOAD_CLASSES; i++)
		print_times(class_names[i], &all->latency[i]);
	print_times("connect", &all->connect);
	printf("  CPU of a message: clients %.1f us, server %.1f us\n",
	       cost->clients_cpu_ns / count / 1e3,
	       cost->server_cpu_ns / count / 1e3);
	if (options->threads)
		printf("  pool: %" PRIu64 " hits, %" PRIu64 " waits, %" PRIu64
		       " retries\n",
		       all->hits, all->waits, all->retries);
	else
		printf("  Jain's fairness between connections: %.4f, between "
		       "processes: %.4f; calls of a connection: %.2f to %.2f "
		       "of the median\n",
		       fairness(shared->counts, options->connections),
		       fairness_of_processes(options, shared->counts), least,
		       most);
	printf("  %u processes killed, %" PRIu64 " calls cut by that; %" PRIu64
	       " connections lost, %" PRIu64 " wrong replies\n",
	       cost->killed, cost->cut, all->lost, all->corrupt);
	for (unsigned int i = 0; i < LOAD_ERRORS; i++)
		if (all->errors[i])
			printf("  %" PRIu64 " times %s\n", all->errors[i],
			       strerror((int)i));
}

void load_report(const struct load_options *options, struct load_shared *shared,
		 const struct load_cost *cost)
{
	struct sum *sum = calloc(1, sizeof(*sum));

	if (!sum) {
		complain("bench", "no memory for the results");
		return;
	}
	for (unsigned int i = 0; i < LOAD_CLASSES; i++)
		histogram_reset(&sum->all.latency[i]);
	histogram_reset(&sum->all.connect);
	histogram_reset(&sum->latency);
	for (unsigned int i = 0; i < options->processes; i++)
		add_one(sum, &shared->results[i]);
	if (options->json)
		print_json(options, shared, sum, cost);
	else
		print_text(options, shared, sum, cost);
	if (options->rate > 0 && !options->kills &&
	    (double)sum->latency.count < 0.99 * options->rate * cost->seconds &&
	    !options->bursts)
		complain("bench",
			 "the rate was not held: %.0f messages/s instead of "
			 "%.0f",
			 (double)sum->latency.count / cost->seconds,
			 options->rate);
	free(sum);
}
