// SPDX-License-Identifier: MIT
/*
 * Cuts a test into slices, with a probe of the machine before and after each.
 * The speed of virtual CPUs moves: a slice during which the probe moved says
 * nothing and is repeated.  Slices at different speeds are kept apart, for the
 * p99 of one speed in terms of another's cache line says nothing either; the
 * speed that reaches the wanted number of slices first is reported.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bench.h"
#include "process.h"
#include "series.h"
#include "ticks.h"
#include "watchdog.h"

#define MOVED 1.15
#define OTHER_SPEED 1.3
#define SPEEDS_MAX 8
#define PATIENCE 3 /* times the duration, at most, in all */
#define SPIN_SLICE_S 0.05
#define BLOCK_SLICE_S 0.3 /* a futex round trip may take 100 us */
#define WARM_UP_S 0.02
#define COPIED_SIZE 65536    /* from here on, memcpy() is most of the work */
#define LONG_SIZE (4u << 20) /* from here on, a message takes milliseconds */

/* What the probes found; in ticks, and bytes a tick. */
struct probes {
	double cacheline;
	double futex;
	double memcpy;
};

/* The sum of slices that share a fate: at one speed, or of no use. */
struct tally {
	double reference; /* what the probes of its first slice gave */
	struct histogram latency;
	struct series cacheline, futex, memcpy;
	struct series p50_cacheline, p50_futex;
	uint64_t elapsed;
	uint64_t count;
	double cpu_ns;
	unsigned int slices;
};

struct measurement {
	struct slice slice;
	struct tally speeds[SPEEDS_MAX];
	struct tally repeated;
	double cpu_ns; /* of both ends, in the slice in hand */
	unsigned int slices;
	unsigned int wanted;
};

bool bench_sleeps(const struct bench_options *options)
{
	return options->wait == FASTIPC_WAIT_BLOCK ||
	       options->wait == FASTIPC_WAIT_SLEEP ||
	       options->placement == PLACEMENT_SAME;
}

static int probe(struct bench_run *run, enum probe_kind kind, double *ticks)
{
	uint16_t type = kind == PROBE_FUTEX ? PEER_FUTEX : PEER_CACHELINE;
	int error;

	probe_prepare(run->probe);
	error = fastipc_client_post(run->client, type, NULL, 0, 0,
				    FASTIPC_NO_DEADLINE);
	if (!error)
		error = probe_measure(run->probe, kind, ticks);
	if (error)
		return run_failed(run, "a probe failed", error);
	return 0;
}

static double probe_copy(struct bench_run *run)
{
	size_t size = run->options->size;

	return size ? probe_memcpy(run->copies, run->copies + size, size) : NAN;
}

/* Those that a slice is compared with. */
static int probe_around(struct bench_run *run, struct probes *probes)
{
	*probes = (struct probes){ NAN, NAN, NAN };
	probes->memcpy = probe_copy(run);
	watchdog_beat();
	if (watchdog_interrupted())
		return -EINTR;
	if (bench_sleeps(run->options))
		return probe(run, PROBE_FUTEX, &probes->futex);
	return probe(run, PROBE_CACHELINE, &probes->cacheline);
}

int slices_probe(struct bench_run *run)
{
	struct bench_result *result = run->result;
	double ticks = NAN;
	int error = 0;

	if (isnan(result->futex_rtt_ns)) {
		error = probe(run, PROBE_FUTEX, &ticks);
		if (error)
			return error;
		result->futex_rtt_ns = ticks_to_ns(ticks);
	}
	if (isnan(result->cacheline_rtt_ns) &&
	    run->options->placement != PLACEMENT_SAME) {
		error = probe(run, PROBE_CACHELINE, &ticks);
		if (error)
			return error;
		result->cacheline_rtt_ns = ticks_to_ns(ticks);
	}
	if (isnan(result->memcpy_bytes_per_s))
		result->memcpy_bytes_per_s =
			probe_copy(run) / ticks_to_ns(1) * 1e9;
	return 0;
}

static bool differ(double before, double after, double factor)
{
	return before > after * factor || after > before * factor;
}

static bool moved(const struct bench_options *options,
		  const struct probes *before, const struct probes *after)
{
	if (bench_sleeps(options))
		return differ(before->futex, after->futex, MOVED);
	return differ(before->cacheline, after->cacheline, MOVED) ||
	       (options->size >= COPIED_SIZE &&
		differ(before->memcpy, after->memcpy, MOVED));
}

static double slice_length(const struct bench_options *options)
{
	double length = SPIN_SLICE_S;

	if (bench_sleeps(options) || options->test == BENCH_CONNECT ||
	    options->size >= LONG_SIZE)
		length = BLOCK_SLICE_S;
	if (options->rate > 0 && length < 10 / options->rate)
		length = 10 / options->rate;
	return length < options->duration ? length : options->duration;
}

static int run_slice(struct bench_run *run, slice_fn test,
		     struct measurement *all, double seconds)
{
	struct slice *slice = &all->slice;
	double before;
	int error;

	histogram_reset(&slice->latency);
	slice->length = ticks_from_ns(seconds * 1e9);
	slice->elapsed = 0;
	slice->spun = 0;
	slice->count = 0;
	before = process_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) +
		 process_cpu_ns(run->peer.cpu_clock);
	error = test(run, slice);
	all->cpu_ns = process_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) +
		      process_cpu_ns(run->peer.cpu_clock) - before -
		      ticks_to_ns((double)slice->spun);
	return error;
}

/* What a slice's speed is told by. */
static double reference(const struct bench_options *options,
			const struct probes *before, const struct probes *after)
{
	return bench_sleeps(options)
		       ? (before->futex + after->futex) / 2
		       : (before->cacheline + after->cacheline) / 2;
}

/* The tally for slices of this speed; NULL: too many speeds. */
static struct tally *find_speed(struct measurement *all, double reference)
{
	for (unsigned int i = 0; i < SPEEDS_MAX; i++) {
		struct tally *tally = &all->speeds[i];

		if (!tally->slices)
			tally->reference = reference;
		if (!differ(tally->reference, reference, OTHER_SPEED))
			return tally;
	}
	return NULL;
}

static struct tally *most_common_speed(struct measurement *all)
{
	struct tally *most = &all->speeds[0];

	for (unsigned int i = 1; i < SPEEDS_MAX; i++)
		if (all->speeds[i].slices > most->slices)
			most = &all->speeds[i];
	return most;
}

static void add_probes(struct tally *tally, const struct probes *probes)
{
	series_add(&tally->cacheline, probes->cacheline);
	series_add(&tally->futex, probes->futex);
	series_add(&tally->memcpy, probes->memcpy);
}

static void add_slice(struct tally *tally, const struct measurement *all,
		      const struct probes *before, const struct probes *after)
{
	double p50 = NAN;

	if (!tally->slices)
		histogram_reset(&tally->latency);
	if (all->slice.latency.count)
		p50 = (double)histogram_percentile(&all->slice.latency, 50);
	histogram_add(&tally->latency, &all->slice.latency);
	tally->elapsed += all->slice.elapsed;
	tally->count += all->slice.count;
	tally->cpu_ns += all->cpu_ns;
	tally->slices++;
	add_probes(tally, before);
	add_probes(tally, after);
	series_add(&tally->p50_cacheline,
		   2 * p50 / (before->cacheline + after->cacheline));
	series_add(&tally->p50_futex, 2 * p50 / (before->futex + after->futex));
}

static void tally_slice(struct bench_run *run, struct measurement *all,
			const struct probes *before, const struct probes *after)
{
	struct tally *tally = NULL;

	if (!moved(run->options, before, after))
		tally = find_speed(all, reference(run->options, before, after));
	add_slice(tally ? tally : &all->repeated, all, before, after);
	all->slices++;
}

static int measure(struct bench_run *run, slice_fn test,
		   struct measurement *all)
{
	const struct bench_options *options = run->options;
	double length = slice_length(options);
	uint64_t limit =
		ticks_now() + ticks_from_ns(PATIENCE * options->duration * 1e9);
	struct probes before;
	struct probes after;
	int error = run_slice(run, test, all, WARM_UP_S);

	all->wanted = (unsigned int)ceil(options->duration / length);
	if (!error)
		error = probe_around(run, &before);
	while (!error && most_common_speed(all)->slices < all->wanted) {
		if (all->slices && ticks_now() >= limit)
			break;
		error = run_slice(run, test, all, length);
		if (!error)
			error = probe_around(run, &after);
		if (error)
			break;
		tally_slice(run, all, &before, &after);
		before = after;
	}
	return error;
}

static void conclude(struct bench_run *run, struct tally *tally)
{
	struct bench_result *result = run->result;
	double seconds = ticks_to_ns((double)tally->elapsed) / 1e9;

	result->count = tally->count;
	run_note_latency(run, &tally->latency);
	if (tally->count && seconds > 0) {
		double count = (double)tally->count;

		result->msgs_per_s = count / seconds;
		result->bytes_per_s =
			result->msgs_per_s * (double)run->options->size;
		result->cpu_ns_per_msg = tally->cpu_ns / count;
	}
	result->cacheline_rtt_ns =
		ticks_to_ns(series_median(&tally->cacheline));
	result->futex_rtt_ns = ticks_to_ns(series_median(&tally->futex));
	result->memcpy_bytes_per_s =
		series_median(&tally->memcpy) / ticks_to_ns(1) * 1e9;
	result->p50_cacheline = series_median(&tally->p50_cacheline);
	result->p50_futex = series_median(&tally->p50_futex);
}

static void free_tally(struct tally *tally)
{
	series_free(&tally->cacheline);
	series_free(&tally->futex);
	series_free(&tally->memcpy);
	series_free(&tally->p50_cacheline);
	series_free(&tally->p50_futex);
}

static void conclude_all(struct bench_run *run, struct measurement *all)
{
	struct tally *counted = most_common_speed(all);
	struct bench_result *result = run->result;

	result->unsteady = counted->slices < all->wanted;
	result->slices = counted->slices;
	result->repeats = all->repeated.slices;
	result->other_speed =
		all->slices - counted->slices - all->repeated.slices;
	conclude(run, counted->slices ? counted : &all->repeated);
}

int slices_measure(struct bench_run *run, slice_fn test)
{
	/* Zeroed memory, and no page of the tallies that are not needed. */
	struct measurement *all = mmap(NULL, sizeof(*all),
				       PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error;

	if (all == MAP_FAILED)
		return run_failed(run, "cannot map memory", -errno);
	error = measure(run, test, all);
	if (!error) {
		conclude_all(run, all);
		error = slices_probe(run);
	}
	for (unsigned int i = 0; i < SPEEDS_MAX; i++)
		free_tally(&all->speeds[i]);
	free_tally(&all->repeated);
	munmap(all, sizeof(*all));
	return error;
}
