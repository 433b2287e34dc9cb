// SPDX-License-Identifier: MIT
/*
 * Round trips of whole messages: a letter is encoded into the ring, checked and
 * read by the server, written anew into its ring, copied out, checked and read
 * by the client, which then compares every field and every byte.  Prints a JSON
 * object for each size.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fastipc/fastipc.h>

#include "bench/histogram.h"
#include "bench/placement.h"
#include "bench/probe.h"
#include "bench/series.h"
#include "bench/ticks.h"
#include "fastipc/arguments.h"
#include "parts/letter.h"
#include "parts/service.h"

#define SIZES_MAX 64
#define SIZE_MAX_BODY 10000000u /* 10 MB: the sweep's end */
#define SWEEP_EACH 4200		/* every size up to this one */
#define SLICE_NS 10e6
#define DISTURBED_NS 20e3 /* no cache line takes as long to come back */
#define HANG_SECONDS 120

struct options {
	struct service_options service;
	enum fastipc_wait wait;
	enum fastipc_checksum checksum;
	enum bench_placement placement;
	double seconds; /* for each size */
	bool sweep;
	unsigned int random; /* sizes of the sweep beside the others */
	size_t sizes[SIZES_MAX];
	unsigned int count;
};

struct trips {
	const struct options *options;
	struct service service;
	struct fastipc_client *client;
	struct fastipc_client_stats stats;
	struct probe_area *probe;
	struct letter letter;
	struct proof_Letter_received answer;
	struct fastipc_buffer raw; /* the answer to a body alone */
	uint64_t number;	   /* of the last letter */
	uint64_t bytes;		   /* of bodies, compared */
};

/* ---- the server ---- */

static struct probe_area *server_probe;

static int answer_raw(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static int answer_probe(struct fastipc_request *request, void *context)
{
	(void)context;
	probe_answer(server_probe, fastipc_request_type(request) == POST_FUTEX
					   ? PROBE_FUTEX
					   : PROBE_CACHELINE);
	return 0;
}

static int add_handlers(struct fastipc_server *server, void *context)
{
	static const struct proof_Post_handlers handlers = {
		.Echo = letter_answer,
	};
	int error = proof_Post_serve(server, &handlers);

	server_probe = context;
	if (!error)
		error = fastipc_server_add_handler(server, POST_RAW, answer_raw,
						   NULL);
	if (!error)
		error = fastipc_server_add_handler(server, POST_CACHELINE,
						   answer_probe, NULL);
	if (!error)
		error = fastipc_server_add_handler(server, POST_FUTEX,
						   answer_probe, NULL);
	return error;
}

/* ---- one round trip ---- */

static uint64_t send_letter(struct trips *trips, size_t size)
{
	uint64_t start, end;
	int error;

	letter_write(&trips->letter, ++trips->number, size);
	start = ticks_now();
	error = proof_Post_Echo(trips->client, &trips->letter.value,
				&trips->answer, FASTIPC_NO_DEADLINE);
	end = ticks_now();
	if (error)
		fail(error, "the round trip of %zu bytes", size);
	if (!letter_is_right(trips->answer.value, trips->number, size))
		fail(0, "letter %" PRIu64 " of %zu bytes came back otherwise",
		     trips->number, size);
	trips->bytes += size;
	return end - start;
}

/* The same bytes without the codec: what it adds follows. */
static uint64_t send_raw(struct trips *trips, size_t size)
{
	uint64_t start, end;
	int error;

	letter_write(&trips->letter, ++trips->number, size);
	start = ticks_now();
	error = fastipc_client_call(trips->client, POST_RAW, trips->letter.body,
				    size, &trips->raw, FASTIPC_NO_DEADLINE);
	end = ticks_now();
	if (error)
		fail(error, "the round trip of %zu raw bytes", size);
	if (trips->raw.size != size ||
	    (size &&
	     !letter_body_is_right(trips->raw.data, trips->number, size)))
		fail(0, "%zu raw bytes came back otherwise", size);
	return end - start;
}

static double probe(struct trips *trips, enum probe_kind kind)
{
	double ticks;
	int error;

	probe_prepare(trips->probe);
	error = fastipc_client_post(trips->client,
				    kind == PROBE_FUTEX ? POST_FUTEX
							: POST_CACHELINE,
				    NULL, 0, 0, FASTIPC_NO_DEADLINE);
	if (!error)
		error = probe_measure(trips->probe, kind, &ticks);
	if (error)
		fail(error, "a probe");
	return ticks_to_ns(ticks);
}

/* ---- times ---- */

struct times {
	struct histogram letters;
	struct histogram raw;
	struct series reference;
	/* The medians of a round's slices in terms of each other. */
	struct series raw_ratio;
	struct series reference_ratio;
};

/* Those of one kind in a row, and their median; the other comes after it. */
static double slice(struct trips *trips, size_t size, struct histogram *all,
		    uint64_t (*send)(struct trips *, size_t))
{
	static struct histogram histogram;
	uint64_t start = ticks_now();
	uint64_t length = ticks_from_ns(SLICE_NS);

	histogram_reset(&histogram);
	do
		histogram_record(&histogram, ticks_spread(send(trips, size)));
	while (ticks_now() - start < length);
	histogram_add(all, &histogram);
	return (double)histogram_percentile(&histogram, 50);
}

static double percentile(const struct histogram *histogram, double percent)
{
	return ticks_to_ns((double)histogram_percentile(histogram, percent));
}

static void report(const struct trips *trips, size_t size, struct times *times)
{
	const struct options *options = trips->options;
	static const char *const placements[] = { "cross", "same", "free" };
	bool sleeps = options->wait == FASTIPC_WAIT_BLOCK ||
		      options->placement == PLACEMENT_SAME;

	printf("{\"where\":\"%s\",\"transport\":\"%s\",\"wait\":\"%s\"",
	       options->service.within ? "within" : "between",
	       trips->stats.transport, wait_name(options->wait));
	printf(",\"checksum\":\"%s\",\"placement\":\"%s\",\"size\":%zu",
	       checksum_name(trips->stats.checksum),
	       placements[options->placement], size);
	printf(",\"count\":%" PRIu64, times->letters.count);
	printf(",\"p50_ns\":%.1f", percentile(&times->letters, 50));
	printf(",\"p90_ns\":%.1f", percentile(&times->letters, 90));
	printf(",\"p99_ns\":%.1f", percentile(&times->letters, 99));
	printf(",\"p999_ns\":%.1f", percentile(&times->letters, 99.9));
	printf(",\"max_ns\":%.1f", ticks_to_ns((double)times->letters.max));
	printf(",\"raw_p50_ns\":%.1f", percentile(&times->raw, 50));
	printf(",\"%s\":%.1f", sleeps ? "futex_ns" : "cacheline_ns",
	       series_median(&times->reference));
	printf(",\"to_raw\":%.4f", series_median(&times->raw_ratio));
	printf(",\"to_reference\":%.4f}\n",
	       series_median(&times->reference_ratio));
	fflush(stdout);
}

static void measure_round(struct trips *trips, size_t size,
			  enum probe_kind kind, struct times *times)
{
	double reference = probe(trips, kind);
	double letters = slice(trips, size, &times->letters, send_letter);
	double raw = slice(trips, size, &times->raw, send_raw);

	/* Somebody else had a CPU meanwhile: that says nothing of ratios. */
	if (kind == PROBE_CACHELINE && reference > DISTURBED_NS &&
	    times->reference.count)
		return;
	series_add(&times->reference, reference);
	series_add(&times->raw_ratio, letters / raw);
	series_add(&times->reference_ratio, ticks_to_ns(letters) / reference);
}

static void measure(struct trips *trips, size_t size)
{
	static struct times times;
	const struct options *options = trips->options;
	uint64_t length = ticks_from_ns(options->seconds * 1e9);
	enum probe_kind kind = options->wait == FASTIPC_WAIT_BLOCK ||
					       options->placement ==
						       PLACEMENT_SAME
				       ? PROBE_FUTEX
				       : PROBE_CACHELINE;
	uint64_t start;

	histogram_reset(&times.letters);
	histogram_reset(&times.raw);
	send_letter(trips, size);
	send_raw(trips, size);
	start = ticks_now();
	do {
		alarm(HANG_SECONDS);
		measure_round(trips, size, kind, &times);
	} while (ticks_now() - start < length);
	report(trips, size, &times);
	series_free(&times.reference);
	series_free(&times.raw_ratio);
	series_free(&times.reference_ratio);
}

/* ---- all sizes ---- */

struct sweep {
	uint64_t sizes;
	uint64_t seed;
};

static void try_size(struct trips *trips, struct sweep *sweep, size_t size)
{
	if (size > SIZE_MAX_BODY)
		return;
	send_letter(trips, size);
	sweep->sizes++;
}

/* xorshift64: the same sizes each time. */
static uint64_t next_random(struct sweep *sweep)
{
	sweep->seed ^= sweep->seed << 13;
	sweep->seed ^= sweep->seed >> 7;
	sweep->seed ^= sweep->seed << 17;
	return sweep->seed;
}

static void sweep_sizes(struct trips *trips)
{
	struct sweep sweep = { .seed = 88172645463325252u };

	for (size_t size = 0; size <= SWEEP_EACH; size++)
		try_size(trips, &sweep, size);
	/* Where frames, records and rings end, and what lies before that. */
	for (size_t power = 8192; power <= (8u << 20); power *= 2) {
		size_t near = power <= (128u << 10) ? 260 : 4;

		alarm(HANG_SECONDS);
		for (size_t size = power - near; size <= power + 4; size++)
			try_size(trips, &sweep, size);
	}
	/* As many of each order of magnitude. */
	for (unsigned int i = 0; i < trips->options->random; i++) {
		uint64_t random = next_random(&sweep);
		unsigned int bits = 12 + (unsigned int)(random % 12);

		alarm(HANG_SECONDS);
		try_size(trips, &sweep,
			 (1u << bits) + (random >> 32) % (1u << bits));
	}
	try_size(trips, &sweep, SIZE_MAX_BODY - 1);
	try_size(trips, &sweep, SIZE_MAX_BODY);
	printf("{\"where\":\"%s\",\"transport\":\"%s\",\"sizes\":%" PRIu64
	       ",\"largest\":%u,\"each_to\":%d,\"bytes\":%" PRIu64 "}\n",
	       trips->options->service.within ? "within" : "between",
	       trips->stats.transport, sweep.sizes, SIZE_MAX_BODY, SWEEP_EACH,
	       trips->bytes);
}

/* ---- the command line ---- */

enum {
	KEY_WITHIN = KEY_OWN,
	KEY_PLACEMENT,
	KEY_SECONDS,
	KEY_SWEEP,
};

static const struct argp_option option_list[] = {
	{ "within", KEY_WITHIN, NULL, 0,
	  "the server is a thread of this process, not another process", 0 },
	{ "transport", KEY_TRANSPORT, "T", 0, "auto (default), memfd or kmod",
	  0 },
	{ "checksum", KEY_CHECKSUM, "C", 0, "off, header or full (default)",
	  0 },
	{ "wait", KEY_WAIT, "W", 0, "adaptive, spin (default) or block", 0 },
	{ "placement", KEY_PLACEMENT, "P", 0,
	  "cross: two CPUs (default); same: one; free: not pinned", 0 },
	{ "seconds", KEY_SECONDS, "S", 0, "for each SIZE; 1", 0 },
	{ "sweep", KEY_SWEEP, "N", 0,
	  "all sizes to 4,200 bytes, all about each power of two, and N others, "
	  "to 10 MB, once",
	  0 },
	{ 0 },
};

static void parse_placement(struct argp_state *state, const char *word)
{
	static const char *const names[] = { "cross", "same", "free" };
	struct options *options = state->input;

	for (int i = 0; i < 3; i++) {
		if (!strcmp(word, names[i])) {
			options->placement = (enum bench_placement)i;
			return;
		}
	}
	argp_error(state, "there is no placement '%s'", word);
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_WITHIN:
		options->service.within = true;
		break;
	case KEY_TRANSPORT:
		options->service.transport = argument_transport(state, word);
		break;
	case KEY_PLACEMENT:
		parse_placement(state, word);
		break;
	case KEY_SECONDS:
		options->seconds =
			(double)argument_seconds(state, "--seconds", word) /
			1e9;
		break;
	case KEY_SWEEP:
		options->sweep = true;
		options->random = (unsigned int)argument_number(
			state, "--sweep", word, 0, 1000000);
		break;
	case ARGP_KEY_ARG:
		if (options->count == SIZES_MAX)
			argp_error(state, "too many sizes");
		options->sizes[options->count++] = argument_size(
			state, "SIZE", word, 0, FASTIPC_MESSAGE_MAX / 2);
		break;
	case ARGP_KEY_END:
		if (!options->count && !options->sweep)
			argp_error(state, "say which SIZE, or --sweep");
		break;
	default:
		return argument_end(state, key, word, &options->checksum,
				    &options->wait);
	}
	return 0;
}

static const struct argp argp = {
	option_list,
	parse,
	"SIZE...",
	"Times round trips of messages with codec and checksum, with bodies of "
	"each SIZE, and compares every byte.",
	NULL,
	NULL,
	NULL,
};

static size_t largest(const struct options *options)
{
	size_t size = options->sweep ? SIZE_MAX_BODY : 0;

	for (unsigned int i = 0; i < options->count; i++)
		if (options->sizes[i] > size)
			size = options->sizes[i];
	return size;
}

static void begin(struct trips *trips, struct options *options)
{
	struct fastipc_client_options client;
	struct placement_cpus cpus;
	uint32_t room = (uint32_t)largest(options) + 4096;
	int error;

	if (placement_choose(options->placement, &cpus))
		fail(0, "placement cross needs two CPUs");
	trips->options = options;
	trips->probe = probe_area_create();
	if (!trips->probe)
		fail(-ENOMEM, "no shared memory");
	options->service.cpu = cpus.server;
	options->service.add = add_handlers;
	options->service.context = trips->probe;
	options->service.server.wait = options->wait;
	options->service.server.checksum = options->checksum;
	options->service.server.max_message = room;
	service_start(&trips->service, &options->service);
	if (placement_pin(cpus.client))
		fail(0, "cannot run on CPU %d", cpus.client);
	fastipc_client_options_init(&client);
	client.wait = options->wait;
	client.checksum = options->checksum;
	client.max_message = room;
	error = fastipc_client_connect(trips->service.address, &client,
				       &trips->client);
	if (error)
		fail(error, "cannot connect");
	trips->stats.size = sizeof(trips->stats);
	error = fastipc_client_get_stats(trips->client, &trips->stats);
	if (error)
		fail(error, "no statistics");
	letter_alloc(&trips->letter, largest(options));
}

int main(int argc, char **argv)
{
	static struct trips trips;
	struct options options = {
		.wait = FASTIPC_WAIT_SPIN,
		.checksum = FASTIPC_CHECKSUM_FULL,
		.seconds = 1,
	};

	service_options_init(&options.service);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	ticks_start();
	begin(&trips, &options);
	alarm(HANG_SECONDS);
	if (options.sweep)
		sweep_sizes(&trips);
	for (unsigned int i = 0; i < options.count; i++)
		measure(&trips, options.sizes[i]);
	fastipc_client_close(trips.client);
	service_stop(&trips.service);
	fastipc_buffer_free(&trips.answer.buffer);
	fastipc_buffer_free(&trips.raw);
	letter_free(&trips.letter);
	probe_area_destroy(trips.probe);
	return 0;
}
