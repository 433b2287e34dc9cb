/* SPDX-License-Identifier: MIT */
/* fastipc: finds the subcommand and runs it. */
#include <argp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fastipc/types.h>

#include "commands.h"
#include "print.h"

static const struct command commands[] = {
	{ "serve", "serve a directory's files under a name", command_serve },
	{ "get", "fetch files from a server, and compare them", command_get },
	{ "call", "call a server once and print its reply", command_call },
	{ "ping", "measure round trips to a server", command_ping },
	{ "publish", "publish lines as messages of a topic", command_publish },
	{ "subscribe", "print the messages of a topic", command_subscribe },
	{ "ls", "list the live servers of this user", command_ls },
	{ "stat", "show channels and what went through them", command_stat },
	{ "top", "show what each channel does in a second", command_top },
	{ "monitor", "print what happens to the module's channels",
	  command_monitor },
	{ "disconnect", "end a channel of the module", command_disconnect },
	{ "decode", "print a message of a schema as JSON", command_decode },
	{ "encode", "make a message of a schema from JSON", command_encode },
	{ "bench", "measure latency and throughput", command_bench },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char description[] =
	"Fast and safe messages between the processes of this machine.\v"
	"Examples:\n"
	"  fastipc serve headers --dir /usr/include &\n"
	"  fastipc ping headers -c 3\n"
	"  fastipc get headers stdio.h --stdout\n"
	"  fastipc get headers -r . --verify /usr/include\n"
	"  fastipc ls\n\n"
	"'fastipc COMMAND --help' tells about one command.  Exit codes: 0 it "
	"worked, 1 it failed (stderr says why and what to do), 2 the command "
	"line makes no sense.";

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "fastipc %s\n", fastipc_version());
}

/* The table of commands, after the description. */
static char *help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&help, &size);
	if (!out)
		return (char *)text;
	fputs("Commands:\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s  %s\n", commands[i].name,
			commands[i].summary);
	fprintf(out, "\n%s", text);
	fclose(out);
	return help;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	const struct command **command = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		for (size_t i = 0; i < COMMANDS; i++)
			if (!strcmp(word, commands[i].name))
				*command = &commands[i];
		if (!*command)
			argp_error(state, "there is no command '%s'", word);
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is missing");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { NULL,	       parse, "COMMAND [ARGUMENT...]",
				  description, NULL,  help_filter,
				  NULL };

static int run(const struct command *command, int argc, char **argv)
{
	char name[32];
	int status;

	/* argp prints argv[0] in usage errors and in --help. */
	snprintf(name, sizeof(name), "fastipc %s", command->name);
	argv[0] = name;
	program_invocation_name = name;
	program_invocation_short_name = name;
	status = command->run(argc, argv);
	if (status == EXIT_OK && (fflush(stdout) || ferror(stdout))) {
		complain(command->name, "cannot write to standard output");
		status = EXIT_FAILED;
	}
	return status;
}

/*
 * What is closed of standard input, output and error would be the number of the
 * next descriptor that is opened, a connection's say, and what is printed would
 * go there.  These can be neither read nor written, as the closed ones.
 */
static void hold_closed(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_PATH);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct command *command = NULL;
	int first = 1;

	hold_closed();
	/* What processes say at the same time is not mixed up in a line. */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	/* A file that may not grow is a failed write, with an error, and its
	 * beginning is not left behind. */
	signal(SIGXFSZ, SIG_IGN);
	argp_err_exit_status = EXIT_USAGE;
	argp_program_version_hook = print_version;
	while (first < argc && argv[first][0] == '-')
		first++;
	argv[0] = (char *)"fastipc";
	/* Up to the command's name; the rest is the command's to parse. */
	argp_parse(&argp, first < argc ? first + 1 : argc, argv, ARGP_IN_ORDER,
		   NULL, &command);
	return run(command, argc - first, argv + first);
}
