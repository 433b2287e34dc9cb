// SPDX-License-Identifier: MIT
/*
 * How cost grows with the number of connections, streams, handlers or threads:
 * a server with N of them and one with a single one are measured in turns, so
 * that both meet the same machine.  Prints a JSON object for each N.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fastipc/fastipc.h>

#include "bench/histogram.h"
#include "bench/placement.h"
#include "bench/process.h"
#include "bench/series.h"
#include "bench/ticks.h"
#include "fastipc/arguments.h"
#include "parts/service.h"

#define SIZE 64
#define STREAM_MESSAGE 4096
#define STREAM_WINDOW (32u << 10)
#define FLIGHT 256 /* calls at a time, at most */
#define NUMBERS_MAX 32
#define THREADS_MAX 256
#define HANG_SECONDS 120

/* Message types; those of the handlers that are many come after them. */
enum { TYPE_ECHO = 1, TYPE_QUIET, TYPE_SOURCE, TYPE_MANY };

struct kind;

/* A server with its clients: of one, or of many. */
struct side {
	const struct kind *kind;
	unsigned int n;
	struct service service;
	struct fastipc_client **clients;
	struct fastipc_buffer *replies; /* of each client, or call */
	struct fastipc_stream **streams;
	unsigned int connections;
	unsigned int turn;
	uint64_t random;
	uint64_t received; /* messages of streams */
	/* Of the slice in hand. */
	struct histogram latency;
	uint64_t count;
	uint64_t ticks;
	/* Of all slices. */
	struct histogram all;
	uint64_t all_count;
	uint64_t all_ticks;
	double cpu_ns; /* of the server */
};

struct kind {
	const char *name;
	const char *what;
	void (*measure)(struct side *side, uint64_t length);
	bool connections; /* there are N of them */
	bool handlers;
	bool threads;	  /* of the client; the server has two */
	uint16_t streams; /* the type that opens them; 0: none */
	unsigned int most;
};

static unsigned char data[SIZE];

/* ---- the server ---- */

static int echo(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static void end(void *context, struct fastipc_stream *stream)
{
	(void)context;
	fastipc_stream_close(stream);
}

static void write_on(void *context, struct fastipc_stream *stream)
{
	static const unsigned char message[STREAM_MESSAGE];

	(void)context;
	while (!fastipc_stream_write(stream, message, sizeof(message), 0, 0))
		;
}

/* One that says nothing, or one that says all it may. */
static int take_stream(struct fastipc_request *request, void *context)
{
	bool source = fastipc_request_type(request) == TYPE_SOURCE;
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;

	(void)context;
	fastipc_stream_options_init(&options);
	options.end = end;
	options.writable = source ? write_on : NULL;
	stream = fastipc_request_stream(request, &options);
	if (!stream)
		return -errno;
	if (source)
		write_on(NULL, stream);
	return 0;
}

static int add_handlers(struct fastipc_server *server, void *context)
{
	const struct side *side = context;
	unsigned int many = side->kind->handlers ? side->n : 0;
	int error = fastipc_server_add_handler(server, TYPE_ECHO, echo, NULL);

	if (!error)
		error = fastipc_server_add_handler(server, TYPE_QUIET,
						   take_stream, NULL);
	if (!error)
		error = fastipc_server_add_handler(server, TYPE_SOURCE,
						   take_stream, NULL);
	for (unsigned int i = 0; !error && i < many; i++)
		error = fastipc_server_add_handler(
			server, (uint16_t)(TYPE_MANY + i), echo, NULL);
	return error;
}

/* ---- the client ---- */

static void check(int error, const char *what)
{
	if (error)
		fail(error, "%s", what);
}

static void call(struct side *side, unsigned int connection, uint16_t type)
{
	struct fastipc_buffer *reply = &side->replies[connection];
	uint64_t start, end;

	start = ticks_now();
	check(fastipc_client_call(side->clients[connection], type, data, SIZE,
				  reply, FASTIPC_NO_DEADLINE),
	      "a call");
	end = ticks_now();
	if (reply->size != SIZE || memcmp(reply->data, data, SIZE) != 0)
		fail(0, "a reply differs from what was sent");
	histogram_record(&side->latency, ticks_spread(end - start));
	side->count++;
}

static void call_one(struct side *side, uint64_t length)
{
	uint64_t start = ticks_now();

	do
		call(side, 0, TYPE_ECHO);
	while (ticks_now() - start < length);
}

static void call_in_turn(struct side *side, uint64_t length)
{
	uint64_t start = ticks_now();

	do
		call(side, side->turn++ % side->connections, TYPE_ECHO);
	while (ticks_now() - start < length);
}

static void call_any_type(struct side *side, uint64_t length)
{
	uint64_t start = ticks_now();

	do {
		side->random = side->random * 6364136223846793005u + 1;
		call(side, 0,
		     (uint16_t)(TYPE_MANY + (side->random >> 33) % side->n));
	} while (ticks_now() - start < length);
}

/* Calls on so many connections at once; one has as many in flight. */
static void call_all(struct side *side, uint64_t length)
{
	static uint64_t ids[FLIGHT];
	struct fastipc_call_options options;
	unsigned int from = side->turn;
	uint64_t start = ticks_now();

	fastipc_call_options_init(&options);
	do {
		for (unsigned int i = 0; i < FLIGHT; i++) {
			options.reply = &side->replies[i];
			check(fastipc_client_start(
				      side->clients[(from + i) %
						    side->connections],
				      TYPE_ECHO, data, SIZE, &options, &ids[i]),
			      "a call");
		}
		for (unsigned int i = 0; i < FLIGHT; i++)
			check(fastipc_client_finish(
				      side->clients[(from + i) %
						    side->connections],
				      ids[i]),
			      "a call");
		from += FLIGHT;
		side->count += FLIGHT;
	} while (ticks_now() - start < length);
	side->turn = from;
}

static void on_message(void *context, struct fastipc_stream *stream,
		       const void *message, size_t size)
{
	struct side *side = context;

	(void)stream;
	(void)message;
	side->received += size == STREAM_MESSAGE;
}

static void read_streams(struct side *side, uint64_t length)
{
	uint64_t before = side->received;
	uint64_t start = ticks_now();

	do {
		int error = fastipc_client_wait(side->clients[0],
						fastipc_after_ns(1000000000));

		if (error < 0)
			fail(error, "streams");
	} while (ticks_now() - start < length);
	side->count += side->received - before;
}

/* ---- threads ---- */

struct caller {
	struct side *side;
	unsigned int connection;
	uint64_t until; /* ticks */
	uint64_t count;
	struct histogram latency;
};

static void *call_until(void *argument)
{
	struct caller *caller = argument;
	struct fastipc_client *client =
		caller->side->clients[caller->connection];
	struct fastipc_buffer reply = { 0 };

	do {
		uint64_t start = ticks_now();

		check(fastipc_client_call(client, TYPE_ECHO, data, SIZE, &reply,
					  FASTIPC_NO_DEADLINE),
		      "a call");
		histogram_record(&caller->latency, ticks_now() - start);
		caller->count++;
	} while (ticks_now() < caller->until);
	fastipc_buffer_free(&reply);
	return NULL;
}

static void call_from_threads(struct side *side, uint64_t length)
{
	static struct caller callers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];

	for (unsigned int i = 0; i < side->n; i++) {
		callers[i].side = side;
		callers[i].connection = i % side->connections;
		callers[i].until = ticks_now() + length;
		callers[i].count = 0;
		histogram_reset(&callers[i].latency);
		check(-pthread_create(&threads[i], NULL, call_until,
				      &callers[i]),
		      "a thread");
	}
	for (unsigned int i = 0; i < side->n; i++) {
		pthread_join(threads[i], NULL);
		histogram_add(&side->latency, &callers[i].latency);
		side->count += callers[i].count;
	}
}

static const struct kind kinds[] = {
	{ .name = "idle",
	  .what = "connections; one calls, the others are idle",
	  .measure = call_one,
	  .connections = true,
	  .most = 60000 },
	{ .name = "turn",
	  .what = "connections that call one after the other",
	  .measure = call_in_turn,
	  .connections = true,
	  .most = 60000 },
	{ .name = "flight",
	  .what = "connections, 256 calls in flight on all together",
	  .measure = call_all,
	  .connections = true,
	  .most = 60000 },
	{ .name = "quiet",
	  .what = "open streams that say nothing, beside calls",
	  .measure = call_one,
	  .streams = TYPE_QUIET,
	  .most = 60000 },
	{ .name = "sources",
	  .what = "streams that all bring 4 KiB messages",
	  .measure = read_streams,
	  .streams = TYPE_SOURCE,
	  .most = 60000 },
	{ .name = "handlers",
	  .what = "handlers, called in no order",
	  .measure = call_any_type,
	  .handlers = true,
	  .most = 60000 },
	{ .name = "threads",
	  .what = "threads that call, each on a connection of its own",
	  .measure = call_from_threads,
	  .connections = true,
	  .threads = true,
	  .most = THREADS_MAX },
	{ .name = "shared",
	  .what = "threads that call on one connection",
	  .measure = call_from_threads,
	  .threads = true,
	  .most = THREADS_MAX },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- one side, and both ---- */

struct options {
	const struct kind *kind;
	enum fastipc_wait wait;
	double seconds;
	unsigned int rounds;
	unsigned int numbers[NUMBERS_MAX];
	unsigned int count;
};

static void start(struct side *side, const struct options *options,
		  unsigned int n, const struct placement_cpus *cpus)
{
	struct service_options service;

	side->kind = options->kind;
	side->n = n;
	side->connections = side->kind->connections ? n : 1;
	service_options_init(&service);
	service.add = add_handlers;
	service.context = side;
	service.server.wait = options->wait;
	service.server.threads = side->kind->threads ? 2 : 1;
	service.server.max_connections = side->connections + 16;
	service.server.max_streams = n > 256 ? n : 256;
	service.cpu = side->kind->threads ? -1 : cpus->server;
	service_start(&side->service, &service);
}

static void *array(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		fail(-ENOMEM, "no memory");
	return memory;
}

static void join(struct side *side, const struct options *options)
{
	unsigned int streams = side->kind->streams ? side->n : 0;
	unsigned int replies = side->connections > FLIGHT ? side->connections
							  : FLIGHT;
	struct fastipc_client_options client;
	struct fastipc_stream_options stream;

	side->clients = array(side->connections, sizeof(*side->clients));
	side->replies = array(replies, sizeof(*side->replies));
	side->streams = array(streams + 1, sizeof(struct fastipc_stream *));
	fastipc_client_options_init(&client);
	client.wait = options->wait;
	client.stream_window = STREAM_WINDOW;
	for (unsigned int i = 0; i < side->connections; i++) {
		alarm(HANG_SECONDS);
		check(fastipc_client_connect(side->service.address, &client,
					     &side->clients[i]),
		      "a connection");
		call(side, i, TYPE_ECHO);
	}
	fastipc_stream_options_init(&stream);
	stream.context = side;
	stream.message = on_message;
	for (unsigned int i = 0; i < streams; i++)
		check(fastipc_stream_open(side->clients[0], side->kind->streams,
					  NULL, 0, &stream, &side->streams[i]),
		      "a stream");
}

static void leave(struct side *side)
{
	unsigned int replies = side->connections > FLIGHT ? side->connections
							  : FLIGHT;

	for (unsigned int i = 0; side->streams[i]; i++)
		fastipc_stream_close(side->streams[i]);
	for (unsigned int i = 0; i < side->connections; i++)
		fastipc_client_close(side->clients[i]);
	for (unsigned int i = 0; i < replies; i++)
		fastipc_buffer_free(&side->replies[i]);
	service_stop(&side->service);
	free(side->streams);
	free(side->clients);
	free(side->replies);
}

/* The time of a message: the median, or where there are many at once, all of
 * it divided among them. */
static double slice(struct side *side, uint64_t length)
{
	double cpu = process_cpu_ns(side->service.cpu_clock);
	uint64_t from = ticks_now();

	alarm(HANG_SECONDS);
	histogram_reset(&side->latency);
	side->count = 0;
	side->kind->measure(side, length);
	side->ticks = ticks_now() - from;
	side->cpu_ns += process_cpu_ns(side->service.cpu_clock) - cpu;
	histogram_add(&side->all, &side->latency);
	side->all_count += side->count;
	side->all_ticks += side->ticks;
	if (side->latency.count && !side->kind->threads)
		return (double)histogram_percentile(&side->latency, 50);
	return (double)side->ticks / (double)side->count;
}

static void report_side(const char *name, const struct side *side)
{
	printf(",\"%s\":{\"count\":%" PRIu64, name, side->all_count);
	if (side->all.count)
		for (int i = 0; i < 3; i++)
			printf(",\"%s\":%.1f",
			       (const char *const[]){ "p50_ns", "p99_ns",
						      "p999_ns" }[i],
			       ticks_to_ns((double)histogram_percentile(
				       &side->all,
				       (const double[]){ 50, 99, 99.9 }[i])));
	printf(",\"per_s\":%.1f", (double)side->all_count * 1e9 /
					  ticks_to_ns((double)side->all_ticks));
	printf(",\"server_cpu_ns\":%.1f}",
	       side->cpu_ns / (double)side->all_count);
}

static void measure(const struct options *options, unsigned int n,
		    const struct placement_cpus *cpus)
{
	static struct side sides[2];
	uint64_t length = ticks_from_ns(options->seconds * 1e9);
	struct series ratios = { 0 };

	memset(sides, 0, sizeof(sides));
	start(&sides[0], options, 1, cpus);
	start(&sides[1], options, n, cpus);
	for (int i = 0; i < 2; i++) {
		join(&sides[i], options);
		slice(&sides[i], length / 2); /* warms it up */
		histogram_reset(&sides[i].all);
		sides[i].all_count = 0;
		sides[i].all_ticks = 0;
		sides[i].cpu_ns = 0;
	}
	for (unsigned int i = 0; i < options->rounds; i++) {
		double one = slice(&sides[i % 2], length);
		double other = slice(&sides[1 - i % 2], length);

		series_add(&ratios, i % 2 ? one / other : other / one);
	}
	printf("{\"kind\":\"%s\",\"wait\":\"%s\",\"n\":%u,\"ratio\":%.3f",
	       options->kind->name, wait_name(options->wait), n,
	       series_median(&ratios));
	report_side("one", &sides[0]);
	report_side("many", &sides[1]);
	puts("}");
	fflush(stdout);
	series_free(&ratios);
	leave(&sides[0]);
	leave(&sides[1]);
}

/* ---- the command line ---- */

enum { KEY_SECONDS = KEY_OWN, KEY_ROUNDS };

static const struct argp_option option_list[] = {
	{ "wait", KEY_WAIT, "W", 0, "adaptive (default) or block", 0 },
	{ "seconds", KEY_SECONDS, "S", 0, "of a slice; 0.02", 0 },
	{ "rounds", KEY_ROUNDS, "N", 0, "of two slices; 15", 0 },
	{ 0 },
};

static const struct kind *kind_named(struct argp_state *state, const char *word)
{
	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].name, word))
			return &kinds[i];
	argp_error(state, "there is no kind '%s'", word);
	return NULL;
}

static void parse_number(struct argp_state *state, const char *word)
{
	struct options *options = state->input;

	if (options->count == NUMBERS_MAX)
		argp_error(state, "too many numbers");
	options->numbers[options->count++] = (unsigned int)argument_number(
		state, "N", word, 1, options->kind->most);
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct options *options = state->input;
	enum fastipc_checksum checksum; /* the library's default */

	switch (key) {
	case KEY_SECONDS:
		options->seconds =
			(double)argument_seconds(state, "--seconds", word) /
			1e9;
		break;
	case KEY_ROUNDS:
		options->rounds = (unsigned int)argument_number(
			state, "--rounds", word, 1, 10000);
		break;
	case ARGP_KEY_ARG:
		if (!options->kind)
			options->kind = kind_named(state, word);
		else
			parse_number(state, word);
		break;
	case ARGP_KEY_END:
		if (!options->count)
			argp_error(state, "say which KIND, and N");
		if (options->wait == FASTIPC_WAIT_SPIN)
			argp_error(state, "two servers that spin would share "
					  "one CPU");
		break;
	default:
		return argument_end(state, key, word, &checksum,
				    &options->wait);
	}
	return 0;
}

static char *list_kinds(int key, const char *text, void *input)
{
	size_t size;
	char *list;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&list, &size);
	if (!out)
		return (char *)text;
	fputs("KIND is one of\n", out);
	for (size_t i = 0; i < KINDS; i++)
		fprintf(out, "  %-10s %s\n", kinds[i].name, kinds[i].what);
	fclose(out);
	return list;
}

static const struct argp argp = {
	option_list,
	parse,
	"KIND N...",
	"Measures a server with N of something in turns with one that has one.\v",
	NULL,
	list_kinds,
	NULL,
};

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	static struct options options = { .seconds = 0.02, .rounds = 15 };
	struct placement_cpus cpus;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	raise_descriptor_limit();
	ticks_start();
	if (placement_choose(PLACEMENT_CROSS, &cpus))
		fail(0, "this needs two CPUs");
	if (!options.kind->threads && placement_pin(cpus.client))
		fail(0, "cannot run on CPU %d", cpus.client);
	for (unsigned int i = 0; i < options.count; i++)
		measure(&options, options.numbers[i], &cpus);
	return 0;
}
