/* SPDX-License-Identifier: MIT */
/*
 * What `decode` and `encode` share: words of the command line, a schema and a
 * table of it, and the input.  Each complains itself when it fails.
 */
#ifndef FASTIPC_MESSAGE_H
#define FASTIPC_MESSAGE_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/types.h>

#include "arguments.h"
#include "schema/reflect.h"
#include "schema/schema.h"

/* Directories of -I, at most. */
#define MESSAGE_INCLUDES 32u

struct message_arguments {
	const char *command;
	const char *schema;
	const char *type;
	const char *file; /* NULL: standard input */
	const char *includes[MESSAGE_INCLUDES + 1];
	unsigned int include_count;
	bool hex;
	unsigned int flags; /* SCHEMA_JSON_*, of decode */
};

enum { MESSAGE_KEY_HEX = KEY_OWN };

/* -I, --hex, SCHEMA TYPE [FILE]: 0, or ARGP_ERR_UNKNOWN. */
error_t message_argument(struct message_arguments *arguments, int key,
			 char *word, struct argp_state *state);

/* What is done with the whole input: 0 or -errno, which it has told of. */
typedef int (*message_work_fn)(const struct message_arguments *arguments,
			       const struct fastipc_schema *schema,
			       uint16_t table, struct fastipc_buffer *input);

/* The command, from its words on: its exit status. */
int message_command(int argc, char **argv, const struct argp *argp,
		    struct message_arguments *arguments, message_work_fn work);

/* Digits, two for each byte, with white space between: in place.  0 or
 * -EINVAL. */
int message_from_hex(const struct message_arguments *arguments,
		     struct fastipc_buffer *input);

/* "file:line: what is wrong". */
void message_complain(const struct message_arguments *arguments,
		      const struct reflect_error *error);

/* Standard output is written: 0 or -EIO. */
int message_flush(const struct message_arguments *arguments);

#endif
