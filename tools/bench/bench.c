// SPDX-License-Identifier: MIT
/*
 * `fastipc bench`: its command line, and its runs one after the other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <fastipc/pool.h>

#include "bench.h"
#include "fastipc/arguments.h"
#include "fastipc/commands.h"
#include "ticks.h"

#define EXIT_INTERRUPTED 130 /* as a shell says of SIGINT */
#define RUNS_MAX 1000
#define CONNECTIONS_MAX 65536
#define THREADS_MAX 4096
#define DESCRIPTORS_EACH 6 /* of a connection, at most */

enum {
	KEY_DURATION = KEY_OWN,
	KEY_PLACEMENT,
	KEY_RATE,
	KEY_CONNECTIONS,
	KEY_RUNS,
	KEY_RING,
	KEY_THREADS,
	KEY_DEADLINE,
};

static const struct argp_option option_list[] = {
	{ "transport", KEY_TRANSPORT, "T", 0, "auto (default), memfd or kmod",
	  0 },
	{ "size", 's', "N", 0, "bytes of a message, K or M after it; 64", 0 },
	{ "checksum", KEY_CHECKSUM, "C", 0, "off, header or full (default)",
	  0 },
	{ "wait", KEY_WAIT, "W", 0,
	  "how both ends wait: adaptive (default), spin, block or sleep", 0 },
	{ "duration", KEY_DURATION, "S", 0,
	  "seconds of each run, without repeated slices; 3", 0 },
	{ "placement", KEY_PLACEMENT, "P", 0,
	  "cross: two CPUs (default); same: one; free: not pinned", 0 },
	{ "rate", KEY_RATE, "R", 0,
	  "messages a second, sent on a schedule; latency counts from the "
	  "time each was to be sent",
	  0 },
	{ "connections", KEY_CONNECTIONS, "N", 0,
	  "of the idle test; 1024.  Of the pool, at most; 16", 0 },
	{ "threads", KEY_THREADS, "N", 0, "that call through the pool; 64", 0 },
	{ "ring", KEY_RING, "N", 0,
	  "bytes of each end's ring, a power of two; the library's default",
	  0 },
	{ "deadline", KEY_DEADLINE, NULL, 0,
	  "give each call a deadline, which travels with it; without, none",
	  0 },
	{ "runs", KEY_RUNS, "N", 0, "repeat all of it N times; 1", 0 },
	{ "json", KEY_JSON, NULL, 0, "one JSON object on one line, each run",
	  0 },
	{ 0 },
};

static const char description[] =
	"Measure fastipc between two processes, a server that this command "
	"forks and itself as the client.\v"
	"TEST is one of\n"
	"  rtt      call, handler, reply: each round trip is timed\n"
	"  stream   one-way messages, as many as the ring takes\n"
	"  connect  connect, one call, close\n"
	"  idle     many connections open, and nobody calls\n"
	"  streams  150 streams on one connection, and calls beside 10 MiB\n"
	"  pool     many threads call through a pool of connections\n"
	"or one of these, which have other options ('fastipc bench loan "
	"--help')\n"
	"  loan     memory that is lent instead of copied\n"
	"  publish  what a topic's messages cost the publisher\n"
	"  load     many connections of several processes to a server\n"
	"  codec    messages in fastipc's format and in others\n\n"
	"Every content is checked.  In between slices of the test the same two "
	"processes measure what the machine itself takes: a cache line's round "
	"trip, a futex round trip, a memcpy().  A slice during which that moved "
	"by more than 15 % is repeated.  Compare the ratios, not the times: "
	"virtual CPUs change their speed.\n\n"
	"Examples:\n"
	"  fastipc bench rtt --wait spin --checksum off\n"
	"  fastipc bench rtt --wait block --placement same\n"
	"  fastipc bench stream --size 1M --json\n"
	"  fastipc bench rtt --rate 10000 --duration 10\n"
	"  fastipc bench idle --connections 1024\n"
	"  fastipc bench codec --json\n";

static const char *const test_names[] = { "rtt",  "stream", "connect",
					  "idle", "pool",   "streams" };
static const char *const placement_names[] = { "cross", "same", "free" };

const char *bench_test_name(enum bench_test test)
{
	return test_names[test];
}

const char *bench_placement_name(enum bench_placement placement)
{
	return placement_names[placement];
}

static unsigned int choice(struct argp_state *state, const char *what,
			   const char *word, const char *const *names,
			   unsigned int count)
{
	char list[80];
	size_t length = 0;

	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(word, names[i]))
			return i;
	for (unsigned int i = 0; i < count; i++)
		length += (size_t)snprintf(list + length, sizeof(list) - length,
					   "%s%s",
					   !i		   ? ""
					   : i + 1 < count ? ", "
							   : " or ",
					   names[i]);
	argp_error(state, "there is no %s '%s': it is %s", what, word, list);
	return 0;
}

static double parse_rate(struct argp_state *state, const char *word)
{
	char *end;
	double rate = strtod(word, &end);

	if (end == word || *end || !(rate > 0) || rate > 1e9)
		argp_error(state,
			   "--rate takes messages a second, up to 1e9, not "
			   "'%s'",
			   word);
	return rate;
}

static error_t parse_limits(int key, char *word, struct argp_state *state)
{
	struct bench_options *options = state->input;

	switch (key) {
	case 's':
		options->size = argument_size(state, "--size", word, 0,
					      FASTIPC_MESSAGE_MAX);
		break;
	case KEY_RING:
		options->ring_size = (uint32_t)argument_size(
			state, "--ring", word, 1, UINT32_MAX);
		break;
	case KEY_CONNECTIONS:
		options->connections = (unsigned int)argument_number(
			state, "--connections", word, 1, CONNECTIONS_MAX);
		break;
	case KEY_THREADS:
		options->threads = (unsigned int)argument_number(
			state, "--threads", word, 1, THREADS_MAX);
		break;
	case KEY_RUNS:
		options->runs = (unsigned int)argument_number(
			state, "--runs", word, 1, RUNS_MAX);
		break;
	case KEY_RATE:
		options->rate = parse_rate(state, word);
		break;
	case KEY_DURATION:
		options->duration =
			(double)argument_seconds(state, "--duration", word) /
			1e9;
		if (options->duration <= 0)
			argp_error(state, "--duration must be more than 0");
		break;
	default:
		return argument_end(state, key, word, &options->checksum,
				    &options->wait);
	}
	return 0;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct bench_options *options = state->input;

	switch (key) {
	case KEY_TRANSPORT:
		options->transport = argument_transport(state, word);
		break;
	case KEY_PLACEMENT:
		options->placement = (enum bench_placement)choice(
			state, "placement", word, placement_names, 3);
		break;
	case KEY_DEADLINE:
		options->deadline = true;
		break;
	case KEY_JSON:
		options->json = true;
		break;
	case ARGP_KEY_ARG:
		if (!strcmp(word, "loan"))
			argp_error(
				state,
				"loan comes first, and its options after it");
		if (state->arg_num)
			argp_error(state, "one TEST at a time");
		if (!strcmp(word, "codec") || !strcmp(word, "publish") ||
		    !strcmp(word, "load"))
			argp_error(state,
				   "%s comes first, and its options after it",
				   word);
		options->test = (enum bench_test)choice(state, "test", word,
							test_names, 6);
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state,
			   "say which TEST: rtt, stream, connect, idle, pool, "
			   "streams, loan, publish, load or codec");
		break;
	case ARGP_KEY_END:
		if (options->rate > 0 && options->test >= BENCH_IDLE)
			argp_error(state, "--rate has no meaning for %s",
				   bench_test_name(options->test));
		if (!options->connections)
			options->connections =
				options->test == BENCH_POOL ? 16 : 1024;
		if (options->test == BENCH_POOL &&
		    options->connections > FASTIPC_POOL_SIZE_MAX)
			argp_error(state, "a pool has at most %u connections",
				   FASTIPC_POOL_SIZE_MAX);
		break;
	default:
		return parse_limits(key, word, state);
	}
	return 0;
}

static const struct argp argp = { option_list, parse, "TEST", description,
				  NULL,	       NULL,  NULL };

/* For the client and, as it inherits this, the server. */
static void raise_descriptor_limit(const struct bench_options *options)
{
	rlim_t needed = (rlim_t)options->connections * DESCRIPTORS_EACH + 64;
	struct rlimit limit;

	if (options->test < BENCH_IDLE || getrlimit(RLIMIT_NOFILE, &limit))
		return;
	if (limit.rlim_cur >= needed)
		return;
	limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void report(const struct bench_options *options,
		   const struct bench_result *result, unsigned int run)
{
	if (options->json) {
		report_json(options, result);
	} else {
		if (options->runs > 1)
			printf("%srun %u of %u\n", run ? "\n" : "", run + 1,
			       options->runs);
		report_text(options, result);
	}
	report_warnings(options, result);
}

static int run_all(const struct bench_options *options)
{
	struct bench_result *results = calloc(options->runs, sizeof(*results));
	int error = results ? 0 : -ENOMEM;

	for (unsigned int run = 0; !error && run < options->runs; run++) {
		error = run_bench(options, &results[run]);
		if (!error)
			report(options, &results[run], run);
	}
	if (!error && options->runs > 1 && !options->json) {
		putchar('\n');
		report_medians(options, results, options->runs);
	}
	free(results);
	if (!error && ferror(stdout)) {
		complain("bench", "cannot write the results");
		error = -EIO;
	}
	return error;
}

int command_bench(int argc, char **argv)
{
	struct bench_options options = {
		.transport = "auto",
		.size = 64,
		.checksum = FASTIPC_CHECKSUM_FULL,
		.wait = FASTIPC_WAIT_ADAPTIVE,
		.duration = 3,
		.threads = 64,
		.runs = 1,
	};
	int error;

	if (argc > 1 && !strcmp(argv[1], "loan"))
		return bench_loan(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "codec"))
		return bench_codec(argv + 1);
	if (argc > 1 && !strcmp(argv[1], "load"))
		return bench_load(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "publish"))
		return bench_publish(argc - 1, argv + 1);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	raise_descriptor_limit(&options);
	ticks_start();
	error = run_all(&options);
	if (error == -EINTR) {
		complain("bench", "interrupted");
		return EXIT_INTERRUPTED;
	}
	return error ? EXIT_FAILED : EXIT_OK;
}
