/* SPDX-License-Identifier: MIT */
/*
 * What the commands that are clients of one server share: the options of
 * their connection, and connecting.
 */
#ifndef FASTIPC_TOOL_CLIENT_H
#define FASTIPC_TOOL_CLIENT_H

#include <argp.h>

#include <fastipc/client.h>

/*
 * The children of such a command's argp: --checksum, --wait and --compress.  At
 * ARGP_KEY_INIT the command gives them the options that they fill in:
 * state->child_inputs[0] = &arguments->options.
 */
extern const struct argp_child client_children[];

/* Connect to the server @name, or say why not.  0 or -errno. */
int client_connect(const char *command, const char *name,
		   const struct fastipc_client_options *options,
		   struct fastipc_client **client);

#endif
