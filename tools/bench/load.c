// SPDX-License-Identifier: MIT
/*
 * `fastipc bench load`: its command line, and what the load is made of.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "fastipc/arguments.h"
#include "fastipc/commands.h"
#include "load.h"

#define DESCRIPTORS_EACH 6
#define STREAM_LEAST (64u << 10)
#define STREAM_MOST (1u << 20)
/* Bursts: so much of each period at so many times the rate. */
#define PERIOD_NS 2000000000ull
#define BURST_NS 200000000ull
#define BURST 50

enum {
	KEY_CONNECTIONS = KEY_OWN,
	KEY_PROCESSES,
	KEY_THREADS,
	KEY_RATE,
	KEY_DURATION,
	KEY_STREAMS,
	KEY_CHURN,
	KEY_KILLS,
	KEY_BURSTS,
	KEY_PID,
	KEY_FILE,
};

static const struct argp_option option_list[] = {
	{ "file", KEY_FILE, "FILE", 0,
	  "with the bytes to send, 10 MiB at least; the server serves its "
	  "directory",
	  0 },
	{ "connections", KEY_CONNECTIONS, "N", 0, "of all processes; 1000", 0 },
	{ "processes", KEY_PROCESSES, "N", 0, "8", 0 },
	{ "threads", KEY_THREADS, "N", 0,
	  "of each process, which call through a pool of its connections; 0: "
	  "no pool, one event loop",
	  0 },
	{ "size", 's', "N", 0, "bytes of each message; mixed", 0 },
	{ "streams", KEY_STREAMS, "PERCENT", 0,
	  "of what is asked for is answered by a stream; 0", 0 },
	{ "rate", KEY_RATE, "R", 0,
	  "calls a second, on a schedule; as many as go", 0 },
	{ "bursts", KEY_BURSTS, NULL, 0,
	  "for 0.2 s of each 2 s, 50 times the rate", 0 },
	{ "churn", KEY_CHURN, "PERCENT", 0,
	  "of calls after which the connection is made anew; 0", 0 },
	{ "kills", KEY_KILLS, "N", 0,
	  "processes a second that are killed, and replaced; 0", 0 },
	{ "duration", KEY_DURATION, "S", 0, "seconds; 3", 0 },
	{ "pid", KEY_PID, "PID", 0, "of the server, for its CPU time", 0 },
	{ "json", KEY_JSON, NULL, 0, "one JSON object on one line", 0 },
	{ 0 },
};

static const char description[] =
	"Put load on 'fastipc serve SERVER': many connections of several "
	"processes, and every byte of each reply is compared.\v"
	"Messages are echoed.  Mixed sizes: 60 % are of 100 bytes to 1 KiB, 25 % "
	"to 16 KiB, 10 % to 256 KiB, 4 % to 1 MiB, 1 % to 10 MiB; a streamed "
	"response has 64 KiB to 1 MiB.  With --rate, times count from "
	"when a call was due.\n\n"
	"Example:\n"
	"  fastipc serve load --dir /tmp/load &\n"
	"  fastipc bench load load --file /tmp/load/bytes --rate 2000\n";

static double parse_real(struct argp_state *state, const char *option,
			 const char *word, double most)
{
	char *end;
	double value = strtod(word, &end);

	if (end == word || *end || !(value >= 0) || value > most)
		argp_error(state, "%s takes a number up to %g, not '%s'",
			   option, most, word);
	return value;
}

static error_t parse_amount(int key, char *word, struct argp_state *state)
{
	struct load_options *options = state->input;

	switch (key) {
	case KEY_CONNECTIONS:
		options->connections = (unsigned int)argument_number(
			state, "--connections", word, 1, LOAD_CONNECTIONS_MOST);
		break;
	case KEY_PROCESSES:
		options->processes = (unsigned int)argument_number(
			state, "--processes", word, 1, LOAD_PROCESSES_MOST);
		break;
	case KEY_THREADS:
		options->threads = (unsigned int)argument_number(
			state, "--threads", word, 0, 1024);
		break;
	case KEY_STREAMS:
		options->streams = parse_real(state, "--streams", word, 100);
		break;
	case KEY_RATE:
		options->rate = parse_real(state, "--rate", word, 1e9);
		break;
	case KEY_CHURN:
		options->churn = parse_real(state, "--churn", word, 100);
		break;
	case KEY_KILLS:
		options->kills = parse_real(state, "--kills", word, 1000);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void check(struct argp_state *state, struct load_options *options)
{
	if (!options->server || !options->file)
		argp_error(state, "SERVER and --file are needed");
	if (options->processes > options->connections)
		options->processes = options->connections;
	if (options->bursts && !(options->rate > 0))
		argp_error(state, "--bursts needs a --rate");
	if (options->threads && (options->streams > 0 || options->churn > 0))
		argp_error(state, "--streams and --churn are of the event "
				  "loop, not of the pool (--threads)");
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct load_options *options = state->input;

	switch (key) {
	case 's':
		options->fixed = argument_size(state, "--size", word, 1,
					       LOAD_MOST_BYTES);
		break;
	case KEY_DURATION:
		options->duration =
			(double)argument_seconds(state, "--duration", word) /
			1e9;
		break;
	case KEY_PID:
		options->pid = (pid_t)argument_number(state, "--pid", word, 1,
						      INT32_MAX);
		break;
	case KEY_FILE:
		options->file = word;
		options->path = strrchr(word, '/') ? strrchr(word, '/') + 1
						   : word;
		break;
	case KEY_BURSTS:
		options->bursts = true;
		break;
	case KEY_JSON:
		options->json = true;
		break;
	case ARGP_KEY_ARG:
		if (options->server)
			argp_error(state, "one SERVER only");
		options->server = word;
		break;
	case ARGP_KEY_END:
		check(state, options);
		break;
	default:
		return parse_amount(key, word, state);
	}
	return 0;
}

static const struct argp argp = { option_list, parse, "SERVER", description,
				  NULL,	       NULL,  NULL };

/* ---- what the load is made of ---- */

double load_random(uint64_t *seed)
{
	/* Steele and others, "Fast splittable pseudorandom number generators",
	 * 2014. */
	uint64_t z = (*seed += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* As many from N to 2N as from 2N to 4N.  (No pow(): the C library's part with
 * that would be in the memory of `fastipc serve`, too.) */
static uint32_t between(uint32_t least, uint32_t most, uint64_t *seed)
{
	unsigned int octaves = 0;
	uint32_t size;

	while (least << octaves < most)
		octaves++;
	do {
		size = least << (unsigned int)(load_random(seed) * octaves);
		size += (uint32_t)(load_random(seed) * size);
	} while (size > most);
	return size;
}

static uint32_t mixed_size(uint64_t *seed)
{
	double share = load_random(seed);

	if (share < 0.60)
		return between(LOAD_LEAST_BYTES, 1u << 10, seed);
	if (share < 0.85)
		return between(1u << 10, 16u << 10, seed);
	if (share < 0.95)
		return between(16u << 10, 256u << 10, seed);
	if (share < 0.99)
		return between(256u << 10, 1u << 20, seed);
	return between(1u << 20, LOAD_MOST_BYTES, seed);
}

struct load_ask load_choose(const struct load_options *options, uint64_t *seed)
{
	struct load_ask ask = {
		.stream = load_random(seed) * 100 < options->streams,
	};

	if (ask.stream)
		ask.size = between(STREAM_LEAST, STREAM_MOST, seed);
	else
		ask.size = options->fixed ? (uint32_t)options->fixed
					  : mixed_size(seed);
	ask.offset = (uint32_t)(load_random(seed) *
				(double)(options->size - ask.size));
	return ask;
}

enum load_class load_class_of(const struct load_ask *ask)
{
	if (ask->stream)
		return LOAD_STREAM;
	if (ask->size <= 1u << 10)
		return LOAD_1K;
	if (ask->size <= 16u << 10)
		return LOAD_16K;
	if (ask->size <= 256u << 10)
		return LOAD_256K;
	return ask->size <= 1u << 20 ? LOAD_1M : LOAD_10M;
}

uint64_t load_first_due(const struct load_process *process, uint64_t start,
			uint64_t *seed)
{
	const struct load_options *options = process->options;

	if (!(options->rate > 0))
		return start;
	return start + (uint64_t)(load_random(seed) * 1e9 * options->processes /
				  options->rate);
}

uint64_t load_next_due(const struct load_process *process, uint64_t due)
{
	const struct load_options *options = process->options;
	double interval = 1e9 * options->processes / options->rate;
	uint64_t phase = (due - process->shared->start_ns) % PERIOD_NS;

	if (!options->bursts)
		return due + (uint64_t)interval;
	if (phase >= PERIOD_NS - BURST_NS)
		return due + (uint64_t)(interval / BURST);
	/* The burst begins for all at once. */
	if (phase + interval > PERIOD_NS - BURST_NS)
		return due + (PERIOD_NS - BURST_NS - phase);
	return due + (uint64_t)interval;
}

void load_count_error(struct load_result *result, int error)
{
	unsigned int number = (unsigned int)-error;

	result->errors[number < LOAD_ERRORS ? number : 0]++;
}

/* ---- all of it ---- */

static int map_file(struct load_options *options)
{
	int fd = open(options->file, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status)) {
		complain("bench", "cannot read %s: %s", options->file,
			 strerror(errno));
		return -errno;
	}
	if (status.st_size < (off_t)LOAD_MOST_BYTES ||
	    status.st_size > (off_t)UINT32_MAX) {
		complain("bench",
			 "%s has to have 10 MiB at least, and less "
			 "than 4 GiB",
			 options->file);
		close(fd);
		return -EINVAL;
	}
	options->size = (size_t)status.st_size;
	options->bytes =
		mmap(NULL, options->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return options->bytes == MAP_FAILED ? -errno : 0;
}

/* Of a process, which inherits it. */
static int raise_descriptor_limit(const struct load_options *options)
{
	rlim_t needed =
		(rlim_t)(options->connections / options->processes + 1) *
			DESCRIPTORS_EACH +
		64;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= needed)
		return 0;
	if (limit.rlim_max < needed) {
		complain("bench",
			 "%llu descriptors are needed, and the limit is %llu: "
			 "raise it (ulimit -Hn), or use more --processes",
			 (unsigned long long)needed,
			 (unsigned long long)limit.rlim_max);
		return -EMFILE;
	}
	limit.rlim_cur = needed;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

int bench_load(int argc, char **argv)
{
	struct load_options options = {
		.connections = 1000,
		.processes = 8,
		.duration = 3,
	};
	struct load_cost cost = { 0 };
	struct load_shared *shared;
	int error;

	argv[0] = (char *)"fastipc bench load";
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	error = map_file(&options);
	if (!error)
		error = raise_descriptor_limit(&options);
	if (error)
		return EXIT_FAILED;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		complain("bench", "no memory: %s", strerror(errno));
		return EXIT_FAILED;
	}
	for (unsigned int i = 0; i < options.processes; i++) {
		for (unsigned int j = 0; j < LOAD_CLASSES; j++)
			histogram_reset(&shared->results[i].latency[j]);
		histogram_reset(&shared->results[i].connect);
	}
	error = load_processes_run(&options, shared, &cost);
	if (!error)
		load_report(&options, shared, &cost);
	munmap(shared, sizeof(*shared));
	return error ? EXIT_FAILED : EXIT_OK;
}
