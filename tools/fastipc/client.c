/* SPDX-License-Identifier: MIT */
/* What the commands that are clients of one server share. */
#include "client.h"
#include "arguments.h"
#include "print.h"

static const struct argp_option options[] = {
	{ "checksum", KEY_CHECKSUM, "C", 0,
	  "off, header or full (default: full)", 0 },
	{ "wait", KEY_WAIT, "W", 0,
	  "adaptive, spin, block or sleep (default: adaptive)", 0 },
	{ "compress", KEY_COMPRESS, "ALGORITHM", OPTION_ARG_OPTIONAL,
	  "Compress large messages, and take compressed replies, where the "
	  "server does so, too: lz4 (the default without =), zstd, accept "
	  "(take only), or off (the default)",
	  0 },
	{ 0 },
};

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct fastipc_client_options *values = state->input;

	if (key == KEY_COMPRESS) {
		values->compression = argument_compression(state, word);
		return 0;
	}
	return argument_end(state, key, word, &values->checksum, &values->wait);
}

static const struct argp argp = { options, parse, NULL, NULL, NULL, NULL, NULL };

const struct argp_child client_children[] = {
	{ &argp, 0, NULL, 0 },
	{ 0 },
};

int client_connect(const char *command, const char *name,
		   const struct fastipc_client_options *values,
		   struct fastipc_client **client)
{
	int error = fastipc_client_connect(name, values, client);

	if (error)
		complain_error(command, error, "cannot connect to '%s'", name);
	return error;
}
