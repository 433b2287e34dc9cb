/* SPDX-License-Identifier: MIT */
/* fastipc top: what each channel does in a second, the busiest first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "commands.h"
#include "pools.h"
#include "print.h"
#include "sampling.h"
#include "screen.h"
#include "show.h"

/* The first rates come soon, of a short time. */
#define FIRST_INTERVAL_NS 250000000u
/* Lines of the screen that are not channels'. */
#define OTHER_ROWS 7

struct top {
	struct sampling sampling;
	bool batch;
	char order; /* a key of orders[] */
};

struct row {
	const struct channel *channel;
	struct rates rates;
};

static const struct argp_option options[] = {
	{ "batch", 'b', NULL, 0,
	  "Print one table after the other, for a file or a script", 0 },
	{ "sort", 's', "KEY", 0,
	  "m messages, b bytes, w wakes, a age, i id (default: m)", 0 },
	{ 0 },
};

static const char description[] =
	"Show what each channel does in a second, the busiest first: those of "
	"the kernel module and of this user's servers, or of the server "
	"NAME; and each pool of this user's processes.\v"
	"Keys: m, b, w, a, i sort by messages, bytes, wakes, age, id; q ends "
	"it.  The default interval is 1 second.  An end that spins seldom "
	"writes its counters down.\n\n"
	"Examples:\n"
	"  fastipc top\n"
	"  fastipc top headers --sort b\n"
	"  fastipc top --batch -n 3 -i 0.5\n"
	"  fastipc top --json -n 1";

/* ---- orders ---- */

static int compare_doubles(double a, double b)
{
	return (a > b) - (a < b);
}

/* The largest first; who is alike stays where it was. */
static int by_messages(const struct row *a, const struct row *b)
{
	return compare_doubles(b->rates.messages, a->rates.messages);
}

static int by_bytes(const struct row *a, const struct row *b)
{
	return compare_doubles(b->rates.bytes, a->rates.bytes);
}

static int by_wakes(const struct row *a, const struct row *b)
{
	return compare_doubles(b->rates.wakes, a->rates.wakes);
}

/* The youngest first: the others were seen before. */
static int by_age(const struct row *a, const struct row *b)
{
	return (a->channel->age_ns > b->channel->age_ns) -
	       (a->channel->age_ns < b->channel->age_ns);
}

static int by_id(const struct row *a, const struct row *b)
{
	return channel_compare(a->channel, b->channel);
}

static const struct order {
	char key;
	const char *name;
	int (*compare)(const struct row *a, const struct row *b);
} orders[] = {
	{ 'm', "messages", by_messages },
	{ 'b', "bytes", by_bytes },
	{ 'w', "wakes", by_wakes },
	{ 'a', "age", by_age },
	{ 'i', "id", by_id },
};

#define ORDERS (sizeof(orders) / sizeof(orders[0]))

static const struct order *find_order(char key)
{
	for (size_t i = 0; i < ORDERS; i++)
		if (orders[i].key == key)
			return &orders[i];
	return NULL;
}

static int compare_rows(const void *a, const void *b, void *order)
{
	int result = ((const struct order *)order)->compare(a, b);

	return result ? result : by_id(a, b);
}

/* ---- the table ---- */

static const struct column columns[] = {
	{ "ID", false },       { "TRANSPORT", true }, { "SERVER", true },
	{ "PROCESSES", true }, { "MSGS/s", false },   { "BYTES/s", false },
	{ "SLEEPS/s", false }, { "WAKES/s", false },  { "AGE", false },
	{ "STATE", true },     { NULL, false },
};

static void add_number(struct table *table, double number)
{
	fprintf(table->out, number < 100 ? "%.1f" : "%.0f", number);
	table_end_cell(table);
}

static void add_row(struct table *table, const struct row *row)
{
	char text[16];

	show_identity(table, row->channel);
	add_number(table, row->rates.messages);
	fputs(bytes_text((uint64_t)row->rates.bytes, text), table->out);
	table_end_cell(table);
	add_number(table, row->rates.sleeps);
	add_number(table, row->rates.wakes);
	fputs(age_text(row->channel->age_ns, text), table->out);
	table_end_cell(table);
	fputs(show_state(row->channel), table->out);
	table_end_cell(table);
}

static int print_table(const struct top *top,
		       const struct observation *observation,
		       const struct rates *rates, FILE *out,
		       const struct table_style *style)
{
	const struct channel_list *list = &observation->list;
	struct row *rows = calloc(list->count + 1, sizeof(*rows));
	struct table table;
	int error = rows ? table_begin(&table, columns) : -ENOMEM;

	if (error) {
		free(rows);
		return error;
	}
	for (size_t i = 0; i < list->count; i++)
		rows[i] = (struct row){ &list->channels[i], rates[i] };
	qsort_r(rows, list->count, sizeof(*rows), compare_rows,
		(void *)find_order(top->order));
	for (size_t i = 0; i < list->count; i++)
		add_row(&table, &rows[i]);
	table_end(&table, out, style);
	free(rows);
	return 0;
}

static void print_sum(const struct observation *observation,
		      const struct rates *rates, FILE *out, const char *end)
{
	struct rates sum = rates_sum(rates, observation->list.count);
	time_t now = time(NULL);
	struct tm local;
	char bytes[16];

	localtime_r(&now, &local);
	fprintf(out,
		"fastipc top - %02d:%02d:%02d, %.0f messages/s, %s/s, "
		"%.0f sleeps/s, %.0f wakes/s%s",
		local.tm_hour, local.tm_min, local.tm_sec, sum.messages,
		bytes_text((uint64_t)sum.bytes, bytes), sum.sleeps, sum.wakes,
		end);
	show_totals(out, observation, end);
}

/* ---- batch ---- */

static int print_batch(const struct top *top, const struct observation *before,
		       const struct observation *observation,
		       const struct rates *rates)
{
	int error;

	if (top->sampling.json) {
		sampling_print_json(before, observation, rates);
		return 0;
	}
	print_sum(observation, rates, stdout, "\n");
	error = print_table(top, observation, rates, stdout, &table_plain);
	if (!error)
		error = pools_print(before, observation, stdout, &table_plain);
	putchar('\n');
	fflush(stdout);
	return error;
}

static void sleep_until(uint64_t deadline)
{
	struct timespec until = { .tv_sec = (time_t)(deadline / 1000000000),
				  .tv_nsec = (long)(deadline % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) ==
	       EINTR)
		;
}

static int run_batch(struct top *top, struct observation *before)
{
	struct sampling *sampling = &top->sampling;
	uint64_t done = 0;
	int error;

	do {
		struct observation now;
		struct rates *rates;

		sleep_until(before->at_ns + sampling->interval_ns);
		error = observe(&sampling->observer, &now);
		if (error)
			return error;
		rates = rates_between(before, &now);
		error = rates ? print_batch(top, before, &now, rates) : -ENOMEM;
		free(rates);
		observation_free(before);
		*before = now;
	} while (!error && !ferror(stdout) && ++done != sampling->count);
	return error;
}

/* ---- live ---- */

/* The lines that the table of pools has: at most a third of the screen. */
static size_t rows_of_pools(const struct observation *observation, size_t rows)
{
	size_t most = rows / 3;

	if (!observation->pool_count || most < 3)
		return 0;
	return observation->pool_count + 2 < most ? observation->pool_count + 2
						  : most;
}

static int draw(const struct top *top, const struct observation *before,
		const struct observation *observation,
		const struct rates *rates)
{
	struct table_style style = { .before = SCREEN_REVERSE,
				     .after = SCREEN_PLAIN,
				     .end = SCREEN_LINE_END };
	size_t rows, pools, size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);
	int error;

	if (!out)
		return -ENOMEM;
	screen_size(&rows, &style.width);
	pools = rows_of_pools(observation, rows);
	rows -= pools;
	style.rows = rows > OTHER_ROWS ? rows - OTHER_ROWS : 1;
	print_sum(observation, rates, out, SCREEN_LINE_END);
	fprintf(out, "sorted by " SCREEN_BOLD "%s" SCREEN_PLAIN,
		find_order(top->order)->name);
	fputs(": m messages, b bytes, w wakes, a age, i id; q quits", out);
	/* Mostly an empty line. */
	fprintf(out, SCREEN_LINE_END "%s" SCREEN_LINE_END,
		observation->trouble);
	error = print_table(top, observation, rates, out, &style);
	if (!error && pools) {
		style.rows = pools - 2;
		error = pools_print(before, observation, out, &style);
	}
	if (fclose(out))
		error = -ENOMEM;
	if (!error)
		screen_draw(text, size);
	free(text);
	return error;
}

/* Show one sample until the next is due.  Whether to go on; or -errno. */
static int show(struct top *top, const struct observation *before,
		const struct observation *now, uint64_t deadline)
{
	struct rates *rates = rates_between(before, now);
	int key, error = rates ? 0 : -ENOMEM;

	do {
		if (!error)
			error = draw(top, before, now, rates);
		if (error)
			break;
		key = screen_wait(deadline);
		if (key > 0 && find_order((char)key))
			top->order = (char)key;
	} while (key != SCREEN_TIMEOUT && key != SCREEN_END && key != 'q');
	free(rates);
	if (error)
		return error;
	return key == SCREEN_TIMEOUT;
}

static int run_live(struct top *top, struct observation *before)
{
	struct sampling *sampling = &top->sampling;
	uint64_t interval_ns = sampling->interval_ns < FIRST_INTERVAL_NS
				       ? sampling->interval_ns
				       : FIRST_INTERVAL_NS;
	uint64_t done = 0;
	int more;

	sleep_until(before->at_ns + interval_ns);
	do {
		struct observation now;
		int error = observe(&sampling->observer, &now);

		if (error)
			return error;
		more = show(top, before, &now,
			    now.at_ns + sampling->interval_ns);
		observation_free(before);
		*before = now;
	} while (more > 0 && ++done != sampling->count);
	return more;
}

/* ---- the command ---- */

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct top *top = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &top->sampling;
		break;
	case 'b':
		top->batch = true;
		break;
	case 's':
		if (!find_order(word[0]) || word[1])
			argp_error(state,
				   "--sort takes m, b, w, a or i, "
				   "not '%s'",
				   word);
		top->order = word[0];
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "[NAME]", description, sampling_children, NULL, NULL
};

static int run(struct top *top)
{
	struct observer *observer = &top->sampling.observer;
	struct observation last;
	int error = observe(observer, &last);

	if (!error && (top->batch || top->sampling.json)) {
		error = run_batch(top, &last);
	} else if (!error && screen_begin()) {
		complain("top", "standard output is no terminal: use --batch");
		observation_free(&last);
		return -ENOTTY;
	} else if (!error) {
		error = run_live(top, &last);
		screen_end();
	}
	error = observe_complain("top", observer, &last, error);
	observation_free(&last);
	return error;
}

int command_top(int argc, char **argv)
{
	struct top top = {
		.sampling = { .interval_ns = 1000000000 },
		.order = 'm',
	};
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &top);
	error = run(&top);
	observer_end(&top.sampling.observer);
	return error ? EXIT_FAILED : EXIT_OK;
}
