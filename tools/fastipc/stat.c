/* SPDX-License-Identifier: MIT */
/* fastipc stat: every channel, and what went through it. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "arguments.h"
#include "commands.h"
#include "pools.h"
#include "print.h"
#include "prometheus.h"
#include "sampling.h"
#include "show.h"

static const char description[] =
	"Show the channels of the kernel module and of this user's servers, or "
	"of the server NAME: their processes, ring sizes, and what went "
	"through them; and the pools of this user's processes.\v"
	"'>' is from the first of the two processes to the second; the first "
	"is the server, where it is known.  Bytes are those of the ring, with "
	"headers.  An end that spins seldom writes its counters down.  With "
	"-i or -n it shows them again and again (every second, until "
	"SIGINT).  --prometheus prints what a time series can be made of: the "
	"servers' counters, the module's and the pools'.\n\n"
	"Examples:\n"
	"  fastipc stat\n"
	"  fastipc stat headers --interval 5\n"
	"  fastipc stat --json\n"
	"  fastipc stat --prometheus >/var/lib/node_exporter/fastipc.prom";

enum { KEY_PROMETHEUS = KEY_OWN };

struct request {
	struct sampling sampling;
	bool prometheus;
};

static const struct argp_option options[] = {
	{ "prometheus", KEY_PROMETHEUS, NULL, 0,
	  "Print text in Prometheus' exposition format", 0 },
	{ 0 },
};

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct request *request = state->input;

	(void)word;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &request->sampling;
		break;
	case KEY_PROMETHEUS:
		request->prometheus = true;
		break;
	case ARGP_KEY_END:
		if (request->prometheus && request->sampling.json)
			argp_error(state,
				   "either --json or --prometheus, not both");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "[NAME]", description, sampling_children, NULL, NULL
};

static const struct column columns[] = {
	{ "ID", false },       { "TRANSPORT", true }, { "SERVER", true },
	{ "PROCESSES", true }, { "UIDS", true },      { "RINGS", true },
	{ "BYTES>", false },   { "MSGS>", false },    { "BYTES<", false },
	{ "MSGS<", false },    { "SLEEPS", false },   { "WAKES", false },
	{ "AGE", false },      { "STATE", true },     { NULL, false },
};

static void add_row(struct table *table, const struct channel *channel)
{
	const struct channel_end *ends = channel->ends;
	char text[16];

	show_identity(table, channel);
	fprintf(table->out, "%u, %u", (unsigned int)ends[0].uid,
		(unsigned int)ends[1].uid);
	table_end_cell(table);
	fprintf(table->out, "%" PRIu32 "K, %" PRIu32 "K",
		ends[0].ring_size >> 10, ends[1].ring_size >> 10);
	table_end_cell(table);
	for (unsigned int from = 0; from < 2; from++) {
		fputs(bytes_text(ends[from].bytes_sent, text), table->out);
		table_end_cell(table);
		fprintf(table->out, "%" PRIu64,
			channel_messages(channel, from));
		table_end_cell(table);
	}
	fprintf(table->out, "%" PRIu64, channel_all_sleeps(channel));
	table_end_cell(table);
	fprintf(table->out, "%" PRIu64, channel_all_wakes(channel));
	table_end_cell(table);
	fputs(age_text(channel->age_ns, text), table->out);
	table_end_cell(table);
	fputs(show_state(channel), table->out);
	table_end_cell(table);
}

static int print_table(const struct observation *observation)
{
	const struct channel_list *list = &observation->list;
	struct table table;
	int error;

	if (list->count) {
		error = table_begin(&table, columns);
		if (error)
			return error;
		for (size_t i = 0; i < list->count; i++)
			add_row(&table, &list->channels[i]);
		table_end(&table, stdout, &table_plain);
	}
	show_totals(stdout, observation, "\n");
	error = pools_print(NULL, observation, stdout, &table_plain);
	fflush(stdout);
	return error;
}

static int show(struct request *request, bool is_first)
{
	struct sampling *sampling = &request->sampling;
	struct observation observation;
	int error = observe(&sampling->observer, &observation);

	if (!error && request->prometheus) {
		error = prometheus_print(stdout, sampling->observer.name,
					 &observation);
	} else if (!error && sampling->json) {
		sampling_print_json(NULL, &observation, NULL);
	} else if (!error) {
		if (!is_first)
			putchar('\n');
		error = print_table(&observation);
	}
	error = observe_complain("stat", &sampling->observer, &observation,
				 error);
	observation_free(&observation);
	return error;
}

int command_stat(int argc, char **argv)
{
	struct request request = { 0 };
	struct sampling *sampling = &request.sampling;
	struct timespec interval = { .tv_sec = 1 };
	uint64_t done = 0;
	int error = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &request);
	if (!sampling->interval_ns && !sampling->count)
		sampling->count = 1;
	if (sampling->interval_ns) {
		interval.tv_sec = (time_t)(sampling->interval_ns / 1000000000);
		interval.tv_nsec = (long)(sampling->interval_ns % 1000000000);
	}
	do {
		if (done)
			nanosleep(&interval, NULL);
		error = show(&request, !done);
		done++;
	} while (!error && !ferror(stdout) && done != sampling->count);
	observer_end(&sampling->observer);
	return error ? EXIT_FAILED : EXIT_OK;
}
