// SPDX-License-Identifier: MIT
/*
 * The two measurements of a peer.  The content of every answer is checked by
 * the stamps at its ends, and all of it now and then, with the clock stopped.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/histogram.h"
#include "bench/payload.h"
#include "bench/ticks.h"

#include "measure.h"

/* Round trips that are timed in a row, before they are recorded. */
#define BATCH 1024
/* Posts in a row, before the clock is read: so many, or so many bytes. */
#define POSTS 64
#define POST_BYTES 65536
#define WARM_UP_LEAST 20

static struct histogram latency;
static unsigned char *payload;
static uint64_t sequence;

void measure_clear(struct figures *figures)
{
	*figures = (struct figures){
		.p50_ns = NAN,
		.p90_ns = NAN,
		.p99_ns = NAN,
		.p999_ns = NAN,
		.max_ns = NAN,
		.client_cpu_ns = NAN,
		.server_cpu_ns = NAN,
		.server_rss_kib = NAN,
		.server_pss_kib = NAN,
		.broker_rss_kib = NAN,
		.cacheline_ns = NAN,
		.cacheline_after_ns = NAN,
	};
}

static int call(const struct peer_config *config, const void **reply)
{
	int error;

	payload_stamp(payload, config->size, ++sequence);
	error = peer_ops.call(payload, config->size, config->size, reply);
	if (!error && !payload_is_stamped(*reply, config->size, sequence))
		return peer_fail(EILSEQ, "an answer differs");
	return error;
}

static int round_trips(const struct peer_config *config, uint64_t length,
		       uint64_t least, uint64_t *elapsed)
{
	static uint64_t samples[BATCH];
	uint64_t done = 0;

	*elapsed = 0;
	while (*elapsed < length || done < least) {
		const void *reply = NULL;
		uint64_t start = ticks_now();
		uint64_t end = start + (length - *elapsed);
		size_t count = 0;

		do {
			uint64_t now;
			int error = call(config, &reply);

			if (error)
				return error;
			now = ticks_now();
			samples[count++] = now - start;
			start = now;
		} while (count < BATCH &&
			 (start < end || done + count < least));
		if (!payload_is_intact(reply, config->size, sequence))
			return peer_fail(EILSEQ, "an answer differs");
		for (size_t i = 0; i < count; i++) {
			histogram_record(&latency, ticks_spread(samples[i]));
			*elapsed += samples[i];
		}
		done += count;
	}
	return 0;
}

static int confirm(const struct peer_config *config)
{
	struct peer_count count;
	const void *reply;
	int error;

	payload_stamp(payload, config->size, PEER_CONFIRM);
	error = peer_ops.call(payload, config->size, sizeof(count), &reply);
	if (error)
		return error;
	memcpy(&count, reply, sizeof(count));
	if (count.count == sequence && !count.wrong)
		return 0;
	fprintf(stderr,
		"of %" PRIu64 " messages %" PRIu64 " came, %" PRIu64
		" of them wrong\n",
		sequence, count.count, count.wrong);
	return peer_fail(EILSEQ, "messages were lost");
}

static int one_way(const struct peer_config *config, uint64_t length,
		   uint64_t *elapsed)
{
	size_t batch = config->size < POST_BYTES / POSTS ? POSTS
		       : config->size < POST_BYTES ? POST_BYTES / config->size
						   : 1;
	uint64_t start = ticks_now();
	int error = 0;

	while (!error && ticks_now() - start < length) {
		for (size_t left = batch; !error && left; left--) {
			payload_stamp(payload, config->size, ++sequence);
			error = peer_ops.post(payload, config->size, left == 1);
		}
	}
	if (!error)
		error = confirm(config);
	*elapsed = ticks_now() - start;
	return error;
}

static int run(const struct peer_config *config, double seconds, uint64_t least,
	       uint64_t *elapsed)
{
	uint64_t length = ticks_from_ns(seconds * 1e9);

	histogram_reset(&latency);
	if (config->test == PEER_ONE_WAY)
		return one_way(config, length, elapsed);
	return round_trips(config, length, least, elapsed);
}

int measure_warm_up(const struct peer_config *config, double seconds)
{
	uint64_t elapsed;

	payload = mmap(NULL, config->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (payload == MAP_FAILED)
		return peer_fail(errno, "cannot map a message");
	payload_fill(payload, config->size);
	return run(config, seconds, WARM_UP_LEAST, &elapsed);
}

static double percentile(double percent)
{
	return ticks_to_ns((double)histogram_percentile(&latency, percent));
}

int measure_run(const struct peer_config *config, double seconds,
		struct figures *figures)
{
	uint64_t before = sequence;
	uint64_t elapsed;
	int error = run(config, seconds, 1, &elapsed);

	if (error)
		return error;
	figures->count = sequence - before;
	figures->seconds = ticks_to_ns((double)elapsed) / 1e9;
	if (config->test == PEER_ONE_WAY)
		return 0;
	figures->p50_ns = percentile(50);
	figures->p90_ns = percentile(90);
	figures->p99_ns = percentile(99);
	figures->p999_ns = percentile(99.9);
	figures->max_ns = percentile(100);
	return 0;
}

static void print_figure(const char *name, double value)
{
	if (isnan(value))
		printf(", \"%s\": null", name);
	else
		printf(", \"%s\": %.6g", name, value);
}

void measure_print(const struct figures *figures)
{
	printf(", \"count\": %" PRIu64, figures->count);
	print_figure("seconds", figures->seconds);
	print_figure("msgs_per_s", (double)figures->count / figures->seconds);
	print_figure("p50_ns", figures->p50_ns);
	print_figure("p90_ns", figures->p90_ns);
	print_figure("p99_ns", figures->p99_ns);
	print_figure("p999_ns", figures->p999_ns);
	print_figure("max_ns", figures->max_ns);
	print_figure("client_cpu_ns", figures->client_cpu_ns);
	print_figure("server_cpu_ns", figures->server_cpu_ns);
	print_figure("server_rss_kib", figures->server_rss_kib);
	print_figure("server_pss_kib", figures->server_pss_kib);
	print_figure("broker_rss_kib", figures->broker_rss_kib);
	print_figure("cacheline_ns", figures->cacheline_ns);
	print_figure("cacheline_after_ns", figures->cacheline_after_ns);
}
