/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of fastipc: each is one file with one function, which gets
 * the arguments from its own name on (argv[0] is "fastipc NAME").
 */
#ifndef FASTIPC_COMMANDS_H
#define FASTIPC_COMMANDS_H

/* What a command exits with; a script may rely on these. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

int command_serve(int argc, char **argv);
int command_get(int argc, char **argv);
int command_call(int argc, char **argv);
int command_ping(int argc, char **argv);
int command_publish(int argc, char **argv);
int command_subscribe(int argc, char **argv);
int command_ls(int argc, char **argv);
int command_stat(int argc, char **argv);
int command_top(int argc, char **argv);
int command_monitor(int argc, char **argv);
int command_disconnect(int argc, char **argv);
int command_decode(int argc, char **argv);
int command_encode(int argc, char **argv);
int command_bench(int argc, char **argv);

#endif
