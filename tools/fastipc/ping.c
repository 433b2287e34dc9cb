/* SPDX-License-Identifier: MIT */
/* fastipc ping: round trips to a server, one line each, and a summary. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bench/histogram.h>
#include <fastipc/fastipc.h>

#include "arguments.h"
#include "client.h"
#include "commands.h"
#include "print.h"
#include "protocol.h"

struct ping_arguments {
	const char *name;
	struct fastipc_client_options options;
	uint64_t count; /* 0: until a signal */
	uint64_t interval_ns;
	uint64_t timeout_ns;
	size_t echo_size; /* with is_echo */
	bool is_echo;
	bool flood;
	bool quiet;
	bool json;
};

struct ping {
	const struct ping_arguments *arguments;
	struct fastipc_client *client;
	pid_t server;
	void *data; /* of an echo */
	struct fastipc_buffer reply;
	uint64_t sent;
	struct histogram round_trips;
};

static const struct argp_option options[] = {
	{ "count", 'c', "N", 0, "Stop after N round trips", 0 },
	{ "interval", 'i', "SECONDS", 0, "Between two of them (default: 1)",
	  0 },
	{ "size", 's', "SIZE", 0,
	  "Send SIZE bytes for the server's echo handler (type 1), and check "
	  "what comes back; without it the server's dispatcher answers, in any "
	  "server",
	  0 },
	{ "flood", 'f', NULL, 0, "No interval, and no line for each", 0 },
	{ "timeout", 'W', "SECONDS", 0, "Of one round trip (default: 1)", 0 },
	{ "quiet", 'q', NULL, 0, "Print the summary only", 0 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON object, at the end", 0 },
	{ 0 },
};

static const char description[] =
	"Measure round trips to the server NAME, as ping(8) does to a host.\v"
	"It runs until SIGINT or until -c N are done.  It fails if no reply "
	"came at all.\n\n"
	"Examples:\n"
	"  fastipc ping headers\n"
	"  fastipc ping headers -c 3 -i 0.2\n"
	"  fastipc ping headers -f -c 100000 --wait spin\n"
	"  fastipc ping headers -c 1000 -i 0 -s 64 --json";

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct ping_arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->options;
		break;
	case 'c':
		arguments->count =
			argument_number(state, "-c", word, 1, UINT32_MAX);
		break;
	case 'i':
		arguments->interval_ns = argument_seconds(state, "-i", word);
		break;
	case 's':
		arguments->is_echo = true;
		arguments->echo_size = argument_size(state, "-s", word, 0,
						     FASTIPC_MESSAGE_MAX);
		break;
	case 'f':
		arguments->flood = true;
		break;
	case 'W':
		arguments->timeout_ns = argument_seconds(state, "-W", word);
		break;
	case 'q':
		arguments->quiet = true;
		break;
	case KEY_JSON:
		arguments->json = true;
		break;
	case ARGP_KEY_ARG:
		if (arguments->name)
			argp_error(state, "one NAME only");
		arguments->name = word;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the NAME of a server is missing "
				  "('fastipc ls' lists them)");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { options,	   parse, "NAME", description,
				  client_children, NULL,  NULL };

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* Of echo(): a reply came, with other bytes; why was said. */
#define NOT_AN_ECHO 1

static int echo(struct ping *ping, uint64_t deadline, uint64_t *took_ns)
{
	size_t size = ping->arguments->echo_size;
	uint64_t started_ns = fastipc_now_ns();
	int error;

	error = fastipc_client_call(ping->client, TYPE_ECHO, ping->data, size,
				    &ping->reply, deadline);
	*took_ns = fastipc_now_ns() - started_ns;
	if (!error && (ping->reply.size != size ||
		       (size && memcmp(ping->reply.data, ping->data, size)))) {
		complain("ping",
			 "'%s' does not answer type 1 with what was sent: "
			 "without -s any server can be pinged",
			 ping->arguments->name);
		error = NOT_AN_ECHO;
	}
	return error;
}

/* One round trip.  An error that more of them cannot mend is returned. */
static int ping_once(struct ping *ping)
{
	const struct ping_arguments *arguments = ping->arguments;
	uint64_t deadline = fastipc_after_ns(arguments->timeout_ns);
	bool lines = !arguments->quiet && !arguments->json && !arguments->flood;
	uint64_t took_ns;
	char took[16];
	int error;

	ping->sent++;
	error = arguments->is_echo
			? echo(ping, deadline, &took_ns)
			: fastipc_client_ping(ping->client, deadline, &took_ns);
	if (error == -ETIMEDOUT || error == -EINTR) {
		if (lines && !interrupted)
			printf("no reply from %s: seq=%" PRIu64 "\n",
			       arguments->name, ping->sent);
		return 0;
	}
	if (error) {
		if (error != NOT_AN_ECHO)
			complain_error("ping", error, "no reply from '%s'",
				       arguments->name);
		return error;
	}
	histogram_record(&ping->round_trips, took_ns);
	if (lines) {
		printf("reply from %s (%d): seq=%" PRIu64 " time=%s\n",
		       arguments->name, (int)ping->server, ping->sent,
		       time_text(took_ns, took));
		fflush(stdout);
	}
	return 0;
}

static double lost_percent(const struct ping *ping)
{
	uint64_t lost = ping->sent - ping->round_trips.count;

	return ping->sent ? 100.0 * (double)lost / (double)ping->sent : 0;
}

static void summarise(const struct ping *ping)
{
	const struct histogram *trips = &ping->round_trips;
	char min[16], mean[16], max[16], p50[16], p99[16];

	printf("--- %s (%d) ---\n", ping->arguments->name, (int)ping->server);
	printf("%" PRIu64 " sent, %" PRIu64 " replies, %.3g %% lost\n",
	       ping->sent, trips->count, lost_percent(ping));
	if (!trips->count)
		return;
	printf("round trip min %s, avg %s, max %s, p50 %s, p99 %s\n",
	       time_text(trips->min, min),
	       time_text(trips->sum / trips->count, mean),
	       time_text(trips->max, max),
	       time_text(histogram_percentile(trips, 50), p50),
	       time_text(histogram_percentile(trips, 99), p99));
}

static void summarise_json(const struct ping *ping)
{
	const struct histogram *trips = &ping->round_trips;

	fputs("{\"name\":", stdout);
	json_string(stdout, ping->arguments->name,
		    strlen(ping->arguments->name));
	printf(",\"pid\":%d,\"sent\":%" PRIu64 ",\"replies\":%" PRIu64
	       ",\"lost_percent\":%.3f",
	       (int)ping->server, ping->sent, trips->count, lost_percent(ping));
	printf(",\"min_ns\":%" PRIu64 ",\"avg_ns\":%" PRIu64
	       ",\"max_ns\":%" PRIu64 ",\"p50_ns\":%" PRIu64
	       ",\"p99_ns\":%" PRIu64 ",\"p999_ns\":%" PRIu64 "}\n",
	       trips->count ? trips->min : 0,
	       trips->count ? trips->sum / trips->count : 0, trips->max,
	       histogram_percentile(trips, 50), histogram_percentile(trips, 99),
	       histogram_percentile(trips, 99.9));
}

static int ping_all(struct ping *ping)
{
	const struct ping_arguments *arguments = ping->arguments;
	int error = 0;

	while (!interrupted && !error) {
		struct timespec interval = {
			.tv_sec = (time_t)(arguments->interval_ns / 1000000000),
			.tv_nsec = (long)(arguments->interval_ns % 1000000000),
		};

		error = ping_once(ping);
		if (arguments->count && ping->sent >= arguments->count)
			break;
		if (!arguments->flood && !error && !interrupted)
			nanosleep(&interval, NULL);
	}
	return error;
}

static int run(const struct ping_arguments *arguments,
	       struct fastipc_client *client)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct ping *ping = calloc(1, sizeof(*ping));
	int error = -ENOMEM;

	if (!ping)
		return error;
	ping->arguments = arguments;
	ping->client = client;
	histogram_reset(&ping->round_trips);
	fastipc_client_get_stats(client, &stats);
	ping->server = stats.peer.pid;
	ping->data = malloc(arguments->echo_size + 1);
	if (ping->data) {
		memset(ping->data, 'f', arguments->echo_size + 1);
		error = ping_all(ping);
		if (arguments->json)
			summarise_json(ping);
		else
			summarise(ping);
		if (!ping->round_trips.count)
			error = -ETIMEDOUT;
	}
	fastipc_buffer_free(&ping->reply);
	free(ping->data);
	free(ping);
	return error;
}

int command_ping(int argc, char **argv)
{
	struct ping_arguments arguments = { .interval_ns = 1000000000,
					    .timeout_ns = 1000000000 };
	/* No SA_RESTART: the interval ends at once. */
	struct sigaction action = { .sa_handler = interrupt,
				    .sa_flags = (int)SA_RESETHAND };
	struct fastipc_client *client;
	int error;

	fastipc_client_options_init(&arguments.options);
	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (arguments.echo_size > arguments.options.max_message)
		arguments.options.max_message = (uint32_t)arguments.echo_size;
	error = client_connect("ping", arguments.name, &arguments.options,
			       &client);
	if (error)
		return EXIT_FAILED;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	error = run(&arguments, client);
	fastipc_client_close(client);
	return error ? EXIT_FAILED : EXIT_OK;
}
