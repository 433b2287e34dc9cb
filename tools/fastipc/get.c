/* SPDX-License-Identifier: MIT */
/* fastipc get: fetch files from a server; write them, compare them. */
#include <argp.h>
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fastipc/fastipc.h>

#include "arguments.h"
#include "client.h"
#include "commands.h"
#include "fetch.h"
#include "listing.h"
#include "originals.h"
#include "print.h"
#include "report.h"
#include "store.h"
#include "tally.h"

struct get_arguments {
	const char *name;
	char **paths;
	size_t path_count;
	const char *output; /* directory to write to; NULL: do not */
	const char *verify;
	struct fastipc_client_options options;
	unsigned int calls_in_flight;
	uint64_t timeout_ns;
	bool recursive;
	bool to_stdout;
	bool force;
	bool json;
	bool quiet;
};

enum {
	KEY_STDOUT = KEY_OWN,
	KEY_VERIFY,
	KEY_FORCE,
	KEY_TIMEOUT,
};

static const struct argp_option options[] = {
	{ "output", 'o', "DIR", 0,
	  "Write the files beneath DIR, with their paths (default: ., unless "
	  "--verify is given); - is --stdout",
	  0 },
	{ "stdout", KEY_STDOUT, NULL, 0,
	  "Write the files' bytes to standard output", 0 },
	{ "recursive", 'r', NULL, 0, "Fetch all files beneath a directory", 0 },
	{ "verify", KEY_VERIFY, "DIR", 0,
	  "Compare every byte with the files beneath DIR; fail on any that is "
	  "different, missing or extra",
	  0 },
	{ "force", KEY_FORCE, NULL, 0, "Replace files that exist", 0 },
	{ "in-flight", 'j', "N", 0,
	  "Calls in flight at a time (default: 8); with 1, a round trip's time "
	  "has no waiting in it",
	  0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0,
	  "Of one call (default: 30); of connecting, too", 0 },
	{ "json", KEY_JSON, NULL, 0, "Report as one JSON object", 0 },
	{ "quiet", 'q', NULL, 0, "No report and no progress bar", 0 },
	{ 0 },
};

static const char description[] =
	"Fetch files from the server NAME (see 'fastipc serve').\v"
	"A PATH is relative to the directory served.  A file appears under its "
	"name only when it is whole.  Symbolic links to files beneath the "
	"served directory are fetched as files.  Beneath a PATH links to "
	"directories, links that lead nowhere or outside, and special files "
	"are skipped and counted.\n\n"
	"The report counts one call and its reply as one message; its time "
	"includes writing and comparing.\n\n"
	"Examples:\n"
	"  fastipc get headers stdio.h --stdout\n"
	"  fastipc get headers -r linux sys -o /tmp/copy\n"
	"  fastipc get headers -r . --verify /usr/include\n"
	"  fastipc get headers -r . --verify /usr/include -j 1 --json";

static error_t parse_option(int key, char *word, struct argp_state *state)
{
	struct get_arguments *arguments = state->input;

	switch (key) {
	case KEY_VERIFY:
		arguments->verify = word;
		break;
	case KEY_FORCE:
		arguments->force = true;
		break;
	case KEY_JSON:
		arguments->json = true;
		break;
	case KEY_TIMEOUT:
		arguments->timeout_ns =
			argument_seconds(state, "--timeout", word);
		break;
	case 'j':
		arguments->calls_in_flight = (unsigned int)argument_number(
			state, "-j", word, 1, 1024);
		break;
	case 'q':
		arguments->quiet = true;
		break;
	case 'r':
		arguments->recursive = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct get_arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->options;
		break;
	case 'o':
		if (!strcmp(word, "-"))
			arguments->to_stdout = true;
		else
			arguments->output = word;
		break;
	case KEY_STDOUT:
		arguments->to_stdout = true;
		break;
	case ARGP_KEY_ARG:
		if (!arguments->name)
			arguments->name = word;
		else
			arguments->paths[arguments->path_count++] = word;
		break;
	case ARGP_KEY_END:
		if (!arguments->name)
			argp_error(state, "the NAME of a server is missing "
					  "('fastipc ls' lists them)");
		if (!arguments->path_count)
			argp_error(state, "a PATH to fetch is missing "
					  "(-r . fetches everything)");
		if (arguments->to_stdout && arguments->output)
			argp_error(state, "--stdout and -o DIR exclude each "
					  "other");
		break;
	default:
		return parse_option(key, word, state);
	}
	return 0;
}

static const struct argp argp = { options,     parse,		"NAME PATH...",
				  description, client_children, NULL,
				  NULL };

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static int list(const struct get_arguments *arguments,
		struct fastipc_client *client, struct listing *listing,
		struct tally *tally)
{
	int error = 0;

	for (size_t i = 0; i < arguments->path_count && !error; i++)
		error = listing_add(listing, client, arguments->paths[i],
				    arguments->recursive, arguments->timeout_ns,
				    tally);
	listing_sort(listing);
	return error;
}

/* What the server may not even look into: nor may we, or is that trouble? */
static void judge_unreadable(struct fetch *fetch)
{
	const struct listing *listing = fetch->listing;

	for (size_t i = 0; i < listing->unreadable_count; i++) {
		const char *name = listing->unreadable[i];
		bool known = fetch->originals &&
			     !originals_is_readable(fetch->originals, name);

		tally_trouble(fetch->tally,
			      known ? TROUBLE_UNREADABLE : TROUBLE_FAILED, name,
			      "Permission denied");
	}
}

static int find_missing(const struct get_arguments *arguments,
			struct fetch *fetch)
{
	int error = 0;

	if (!fetch->originals || !arguments->recursive)
		return 0;
	for (size_t i = 0; i < arguments->path_count && !error; i++)
		error = originals_find_missing(fetch->originals,
					       arguments->paths[i],
					       fetch->listing, fetch->tally);
	if (error)
		complain("get", "cannot walk '%s': %s", arguments->verify,
			 strerror(-error));
	return error;
}

/* Ask the server about itself; no matter if it is not 'fastipc serve'. */
static void ask_information(struct report *report,
			    struct fastipc_client *client)
{
	struct server_information wire;
	struct fastipc_buffer reply = { .data = &wire,
					.capacity = sizeof(wire),
					.fixed = true };

	report->stats.size = sizeof(report->stats);
	fastipc_client_get_stats(client, &report->stats);
	if (fastipc_client_call(client, TYPE_INFO, NULL, 0, &reply,
				fastipc_after_ns(1000000000)) ||
	    reply.size != sizeof(wire))
		return;
	report->server.pid = le32toh(wire.pid);
	report->server.threads = le32toh(wire.threads);
	report->server.connections = le64toh(wire.connections);
	report->server.requests = le64toh(wire.requests);
	report->server.rss_kib = le64toh(wire.rss_kib);
	report->server.pss_kib = le64toh(wire.pss_kib);
	report->server.peak_rss_kib = le64toh(wire.peak_rss_kib);
}

static void print_report(const struct get_arguments *arguments,
			 const struct report *report)
{
	/* Standard output may be the files' own. */
	FILE *out = arguments->to_stdout ? stderr : stdout;

	if (arguments->json)
		report_print_json(report, out);
	else if (!arguments->quiet && !arguments->to_stdout)
		report_print(report, out);
}

static int transfer(const struct get_arguments *arguments, struct fetch *fetch)
{
	struct listing listing = { 0 };
	struct report report = { .name = arguments->name,
				 .verify = arguments->verify,
				 .wait = arguments->options.wait,
				 .fetch = fetch };
	uint64_t started_ns = fastipc_now_ns();
	int error;

	fetch->listing = &listing;
	error = list(arguments, fetch->client, &listing, fetch->tally);
	report.list_ns = fastipc_now_ns() - started_ns;
	if (!error) {
		judge_unreadable(fetch);
		error = fetch_run(fetch);
	}
	if (!error) {
		ask_information(&report, fetch->client);
		error = find_missing(arguments, fetch);
	}
	if (!error)
		print_report(arguments, &report);
	if (error == -EINTR)
		complain("get", "interrupted; files that were whole are kept");
	listing_free(&listing);
	return error;
}

/* Open what the files are written to and compared with. */
static int open_ends(const struct get_arguments *arguments, struct fetch *fetch,
		     struct store *store, struct originals *originals)
{
	const char *directory = arguments->output;
	int error;

	if (!directory && !arguments->to_stdout && !arguments->verify)
		directory = ".";
	if (arguments->verify) {
		error = originals_open(originals, arguments->verify);
		if (error) {
			complain("get", "cannot compare with '%s': %s",
				 arguments->verify, strerror(-error));
			return error;
		}
		fetch->originals = originals;
	}
	if (!directory)
		return 0;
	error = store_open(store, directory, arguments->force);
	if (error)
		complain("get", "cannot write to '%s': %s", directory,
			 strerror(-error));
	else
		fetch->store = store;
	return error;
}

static int get(const struct get_arguments *arguments,
	       struct fastipc_client *client)
{
	struct originals originals;
	struct tally tally = { 0 };
	struct store store;
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	int error = -ENOMEM;

	if (!fetch)
		goto close_client;
	fetch->client = client;
	fetch->tally = &tally;
	fetch->to_stdout = arguments->to_stdout;
	fetch->calls_in_flight =
		arguments->to_stdout ? 1 : arguments->calls_in_flight;
	fetch->timeout_ns = arguments->timeout_ns;
	fetch->interrupted = &interrupted;
	fetch->progress = isatty(STDERR_FILENO) && !arguments->quiet;
	error = open_ends(arguments, fetch, &store, &originals);
	if (!error)
		error = transfer(arguments, fetch);
	client = fetch->client; /* NULL once closed */
	if (fetch->store)
		store_close(&store);
	if (fetch->originals)
		originals_close(&originals);
	free(fetch);
close_client:
	fastipc_client_close(client);
	if (!error && !tally_is_clean(&tally))
		error = -EIO;
	if (fflush(stdout) || ferror(stdout)) {
		complain("get", "cannot write to standard output");
		error = -EIO;
	}
	tally_free(&tally);
	return error;
}

int command_get(int argc, char **argv)
{
	struct get_arguments arguments = {
		.calls_in_flight = 8,
		.timeout_ns = 30000000000,
	};
	struct sigaction action = { .sa_handler = interrupt,
				    .sa_flags = (int)SA_RESETHAND };
	struct fastipc_client *client;
	int error;

	fastipc_client_options_init(&arguments.options);
	arguments.paths = calloc((size_t)argc, sizeof(*arguments.paths));
	if (!arguments.paths)
		return EXIT_FAILED;
	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	arguments.options.connect_timeout_ns = arguments.timeout_ns;
	/* Paths are short, and the server has all of it in its memory, too. */
	arguments.options.ring_size = 64u << 10;
	error = client_connect("get", arguments.name, &arguments.options,
			       &client);
	if (!error)
		error = get(&arguments, client);
	free(arguments.paths);
	return error ? EXIT_FAILED : EXIT_OK;
}
