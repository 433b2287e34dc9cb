/* SPDX-License-Identifier: MIT */
/* What stat and top share. */
#include <stdio.h>

#include "arguments.h"
#include "pools.h"
#include "print.h"
#include "sampling.h"
#include "show.h"

static const struct argp_option options[] = {
	{ "interval", 'i', "SECONDS", 0, "Between two samples", 0 },
	{ "count", 'n', "N", 0, "Stop after N samples", 0 },
	{ "json", KEY_JSON, NULL, 0,
	  "Print one JSON object on one line for each sample", 0 },
	{ 0 },
};

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct sampling *sampling = state->input;

	switch (key) {
	case 'i':
		sampling->interval_ns = argument_seconds(state, "-i", word);
		if (sampling->interval_ns < 1000000)
			argp_error(state, "-i takes at least 0.001 seconds");
		break;
	case 'n':
		sampling->count =
			argument_number(state, "-n", word, 1, UINT32_MAX);
		break;
	case KEY_JSON:
		sampling->json = true;
		break;
	case ARGP_KEY_ARG:
		if (sampling->observer.name)
			argp_error(state, "one NAME at most");
		sampling->observer.name = word;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { options, parse, NULL, NULL, NULL, NULL, NULL };

const struct argp_child sampling_children[] = {
	{ &argp, 0, NULL, 0 },
	{ 0 },
};

void sampling_print_json(const struct observation *before,
			 const struct observation *observation,
			 const struct rates *rates)
{
	const struct channel_list *list = &observation->list;

	fputs("{\"channels\":[", stdout);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i ? ",{" : "{", stdout);
		show_channel_json(stdout, &list->channels[i]);
		if (rates)
			printf(",\"messages_per_s\":%.1f,\"bytes_per_s\":%.1f"
			       ",\"sleeps_per_s\":%.1f,\"wakes_per_s\":%.1f",
			       rates[i].messages, rates[i].bytes,
			       rates[i].sleeps, rates[i].wakes);
		fputc('}', stdout);
	}
	fputs("],", stdout);
	pools_print_json(stdout, before, observation);
	fputc(',', stdout);
	show_totals_json(stdout, observation);
	fputs("}\n", stdout);
	fflush(stdout);
}
