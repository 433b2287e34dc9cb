/* SPDX-License-Identifier: MIT */
/* fastipc ls: the live servers of this user. */
#include <argp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fastipc/discover.h>

#include "arguments.h"
#include "commands.h"
#include "print.h"

struct ls {
	bool json;
	bool is_long;
	unsigned int count;
};

static const struct argp_option options[] = {
	{ "long", 'l', NULL, 0, "Also uid, threads, transport and path", 0 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON array", 0 },
	{ 0 },
};

static const char description[] =
	"List the live servers of this user: name, process, open connections, "
	"and how long each has been up.\v"
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

static void print_json(const struct fastipc_server_info *info, bool is_first)
{
	fputs(is_first ? "{\"name\":" : ",{\"name\":", stdout);
	json_string(stdout, info->name, strlen(info->name));
	printf(",\"pid\":%d,\"uid\":%u,\"connections\":%" PRIu32
	       ",\"threads\":%" PRIu32 ",\"uptime_seconds\":%.3f"
	       ",\"transport\":\"%s\",\"path\":",
	       (int)info->pid, (unsigned int)info->uid, info->connections,
	       info->threads, (double)info->uptime_ns / 1e9, info->transport);
	json_string(stdout, info->path, strlen(info->path));
	fputc('}', stdout);
}

static void uptime_text(uint64_t ns, char text[16])
{
	unsigned int seconds = (unsigned int)(ns / 1000000000);

	if (seconds < 3600)
		snprintf(text, 16, "%um%02us", seconds / 60, seconds % 60);
	else if (seconds < 86400)
		snprintf(text, 16, "%uh%02um", seconds / 3600,
			 seconds / 60 % 60);
	else
		snprintf(text, 16, "%ud%02uh", seconds / 86400,
			 seconds / 3600 % 24);
}

static void print_line(const struct fastipc_server_info *info, bool is_long,
		       bool is_first)
{
	char uptime[16];

	if (is_first)
		printf("%-20s %8s %12s %8s%s\n", "NAME", "PID", "CONNECTIONS",
		       "UPTIME",
		       is_long ? "    UID THREADS TRANSPORT PATH" : "");
	uptime_text(info->uptime_ns, uptime);
	print_name(stdout, info->name);
	printf("%*s %8d %12" PRIu32 " %8s",
	       strlen(info->name) < 20 ? 20 - (int)strlen(info->name) : 0, "",
	       (int)info->pid, info->connections, uptime);
	if (is_long) {
		printf(" %6u %7" PRIu32 " %-9s ", (unsigned int)info->uid,
		       info->threads, info->transport);
		print_name(stdout, info->path);
	}
	fputc('\n', stdout);
}

static int found(const struct fastipc_server_info *info, void *context)
{
	struct ls *ls = context;

	if (ls->json)
		print_json(info, !ls->count);
	else
		print_line(info, ls->is_long, !ls->count);
	ls->count++;
	return 0;
}

int command_ls(int argc, char **argv)
{
	struct ls ls = { 0 };
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &ls);
	if (ls.json)
		fputc('[', stdout);
	error = fastipc_list(found, &ls);
	if (ls.json)
		fputs("]\n", stdout);
	if (error)
		complain_error("ls", error, "cannot list the servers");
	else if (!ls.json && !ls.count)
		fputs("fastipc ls: no server is running; start one with "
		      "'fastipc serve NAME'\n",
		      stderr);
	return error ? EXIT_FAILED : EXIT_OK;
}
