/* SPDX-License-Identifier: MIT */
/* fastipc disconnect: an administrator ends a channel of the module. */
#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "arguments.h"
#include "commands.h"
#include "module.h"

struct disconnect {
	uint64_t id;
	bool has_id;
};

static const char description[] =
	"End the channel ID of the kernel module for both of its processes, as "
	"though each had lost the other.\v"
	"It needs CAP_NET_ADMIN, or to be the user who created the channel.\n\n"
	"Examples:\n"
	"  fastipc stat\n"
	"  fastipc disconnect 12";

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct disconnect *disconnect = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (disconnect->has_id)
			argp_error(state, "one ID only");
		disconnect->id =
			argument_number(state, "ID", word, 0, UINT64_MAX);
		disconnect->has_id = true;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the ID of a channel is missing "
				  "('fastipc stat' shows them)");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { NULL, parse, "ID", description,
				  NULL, NULL,  NULL };

int command_disconnect(int argc, char **argv)
{
	struct disconnect disconnect = { 0 };
	struct module *module;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &disconnect);
	error = module_open(&module);
	if (!error)
		error = module_disconnect(module, disconnect.id);
	if (error)
		module_complain("disconnect", error);
	module_close(module);
	return error ? EXIT_FAILED : EXIT_OK;
}
