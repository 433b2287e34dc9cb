/* SPDX-License-Identifier: MIT */
/*
 * What `decode` and `encode` share: a schema and a table of it, and all of a
 * file.  Each complains itself when it fails.
 */
#ifndef FASTIPC_MESSAGE_H
#define FASTIPC_MESSAGE_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fastipc/types.h>

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
};

/* SCHEMA TYPE [FILE]: the next of the words.  0, or ARGP_ERR_UNKNOWN. */
error_t message_argument(struct message_arguments *arguments, int key,
			 char *word, struct argp_state *state);

/* 0 and the schema to free, or -errno. */
int message_schema(const struct message_arguments *arguments,
		   struct fastipc_schema **schema, uint16_t *table);

/* All of the file, which is freed as a buffer is: 0 or -errno. */
int message_input(const struct message_arguments *arguments,
		  struct fastipc_buffer *input);

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
