/* SPDX-License-Identifier: MIT */
/* All of a file, or of standard input. */
#ifndef FASTIPC_INPUT_H
#define FASTIPC_INPUT_H

#include <fastipc/types.h>

/*
 * Append it to @input, which is freed as a buffer is.  @file NULL or "-":
 * standard input.  0 or -errno, which it has told of in @command's name;
 * -EMSGSIZE it has more than @most bytes.
 */
int input_read(const char *command, const char *file, size_t most,
	       struct fastipc_buffer *input);

#endif
