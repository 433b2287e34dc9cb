/* SPDX-License-Identifier: MIT */
/* fastipc ls: who can be connected to, and who is connected without a name. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "commands.h"
#include "observe.h"
#include "print.h"
#include "table.h"

struct ls {
	bool json;
	bool is_long;
};

/*
 * A process that has channels of the module but is no server that we know,
 * told in the same words: connections are the channels that it is listed for.
 */
struct owner {
	struct fastipc_server_info info; /* without a name */
	uint32_t ends;			 /* that it has */
};

static const struct argp_option options[] = {
	{ "long", 'l', NULL, 0,
	  "Also uid, threads, transport, what was served, and path", 0 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON array", 0 },
	{ 0 },
};

static const char description[] =
	"List the live servers of this user: name, process, open connections, "
	"and how long each has been up.  Channels of the kernel module that "
	"belong to none of them follow, by process, without a name.\v"
	"Servers that listen on a path of their own are not found.\n\n"
	"Examples:\n"
	"  fastipc ls\n"
	"  fastipc ls -l\n"
	"  fastipc ls --json";

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct ls *ls = state->input;

	(void)word;
	switch (key) {
	case 'l':
		ls->is_long = true;
		break;
	case KEY_JSON:
		ls->json = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "ls takes no arguments");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { options, parse, "",  description,
				  NULL,	   NULL,  NULL };

/* ---- owners ---- */

/* Its entry; there is room for all. */
static struct owner *find_owner(struct owner *owners, size_t *count,
				const struct channel_end *end)
{
	struct owner *owner = owners;

	while (owner < owners + *count && owner->info.pid != end->pid)
		owner++;
	if (owner == owners + *count) {
		++*count;
		owner->info.pid = end->pid;
		owner->info.uid = end->uid;
		owner->info.transport = "kmod";
		strcpy(owner->info.path, FASTIPC_DEVICE);
	}
	return owner;
}

/* Of a channel's two processes that one counts it which has more of them. */
static void list_for_owner(struct owner *owners, size_t *count,
			   const struct channel *channel)
{
	struct owner *owner = find_owner(owners, count, &channel->ends[0]);
	struct owner *other = find_owner(owners, count, &channel->ends[1]);

	if (!owner->info.pid || (other->info.pid && other->ends > owner->ends))
		owner = other;
	owner->info.connections++;
	if (channel->age_ns > owner->info.uptime_ns)
		owner->info.uptime_ns = channel->age_ns;
}

static bool is_nameless(const struct channel *channel)
{
	return channel->transport == CHANNEL_KMOD && !channel->server[0];
}

/* NULL without memory. */
static struct owner *find_owners(const struct channel_list *list, size_t *count)
{
	struct owner *owners = calloc(2 * list->count + 1, sizeof(*owners));

	*count = 0;
	for (size_t i = 0; owners && i < list->count; i++)
		for (int j = 0; j < 2 && is_nameless(&list->channels[i]); j++)
			find_owner(owners, count, &list->channels[i].ends[j])
				->ends++;
	for (size_t i = 0; owners && i < list->count; i++)
		if (is_nameless(&list->channels[i]))
			list_for_owner(owners, count, &list->channels[i]);
	return owners;
}

/* ---- printing ---- */

static void print_json(const struct fastipc_server_info *info)
{
	fputs("{\"name\":", stdout);
	if (info->name[0])
		json_string(stdout, info->name, strlen(info->name));
	else
		fputs("null", stdout);
	printf(",\"pid\":%d,\"uid\":%u,\"connections\":%" PRIu32
	       ",\"threads\":%" PRIu32 ",\"uptime_seconds\":%.3f"
	       ",\"transport\":\"%s\",\"path\":",
	       (int)info->pid, (unsigned int)info->uid, info->connections,
	       info->threads, (double)info->uptime_ns / 1e9, info->transport);
	json_string(stdout, info->path, strlen(info->path));
	printf(",\"requests\":%" PRIu64 ",\"bytes_received\":%" PRIu64
	       ",\"bytes_sent\":%" PRIu64 ",\"sleeps\":%" PRIu64
	       ",\"wakes\":%" PRIu64 "}",
	       info->requests, info->bytes_received, info->bytes_sent,
	       info->sleeps, info->wakes);
}

static const struct column short_columns[] = {
	{ "NAME", true },    { "PID", false }, { "CONNECTIONS", false },
	{ "UPTIME", false }, { NULL, false },
};

static const struct column long_columns[] = {
	{ "NAME", true },      { "PID", false },      { "CONNECTIONS", false },
	{ "UPTIME", false },   { "UID", false },      { "THREADS", false },
	{ "TRANSPORT", true }, { "REQUESTS", false }, { "RECEIVED", false },
	{ "SENT", false },     { "PATH", true },      { NULL, false },
};

static void add_row(struct table *table, const struct fastipc_server_info *info,
		    bool is_long)
{
	char text[16];

	print_name(table->out, info->name[0] ? info->name : "-");
	table_end_cell(table);
	fprintf(table->out, "%d", (int)info->pid);
	table_end_cell(table);
	fprintf(table->out, "%" PRIu32, info->connections);
	table_end_cell(table);
	fputs(age_text(info->uptime_ns, text), table->out);
	table_end_cell(table);
	if (!is_long)
		return;
	fprintf(table->out, "%u", (unsigned int)info->uid);
	table_end_cell(table);
	fprintf(table->out, "%" PRIu32, info->threads);
	table_end_cell(table);
	fputs(info->transport, table->out);
	table_end_cell(table);
	fprintf(table->out, "%" PRIu64, info->requests);
	table_end_cell(table);
	fputs(bytes_text(info->bytes_received, text), table->out);
	table_end_cell(table);
	fputs(bytes_text(info->bytes_sent, text), table->out);
	table_end_cell(table);
	print_name(table->out, info->path);
	table_end_cell(table);
}

/* Those of the list are all that we show, from here on. */
static int list_owners(struct observation *observation)
{
	size_t count;
	struct owner *owners = find_owners(&observation->list, &count);
	int error = owners ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < count; i++)
		if (owners[i].info.connections)
			error = observation_add(observation, &owners[i].info);
	free(owners);
	return error;
}

static int print_table(const struct observation *observation, bool is_long)
{
	struct table table;
	int error;

	if (!observation->server_count) {
		fputs("fastipc ls: no server answers; start one with "
		      "'fastipc serve NAME'\n",
		      stderr);
		return 0;
	}
	error = table_begin(&table, is_long ? long_columns : short_columns);
	if (error)
		return error;
	for (size_t i = 0; i < observation->server_count; i++)
		add_row(&table, &observation->servers[i], is_long);
	table_end(&table, stdout, &table_plain);
	return 0;
}

static void print_all_json(const struct observation *observation)
{
	fputc('[', stdout);
	for (size_t i = 0; i < observation->server_count; i++) {
		if (i)
			fputc(',', stdout);
		print_json(&observation->servers[i]);
	}
	fputs("]\n", stdout);
}

int command_ls(int argc, char **argv)
{
	struct observer observer = { .servers_only = true };
	struct observation observation;
	struct ls ls = { 0 };
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &ls);
	error = observe(&observer, &observation);
	if (!error)
		error = list_owners(&observation);
	if (!error && ls.json)
		print_all_json(&observation);
	else if (!error)
		error = print_table(&observation, ls.is_long);
	error = observe_complain("ls", &observer, &observation, error);
	observation_free(&observation);
	observer_end(&observer);
	return error ? EXIT_FAILED : EXIT_OK;
}
