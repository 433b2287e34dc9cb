// SPDX-License-Identifier: MIT
/* All of a file, or of standard input. */
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

static int read_all(FILE *in, size_t most, struct fastipc_buffer *input)
{
	size_t count;

	do {
		size_t room = input->capacity - input->size;

		if (input->size > most)
			return -EMSGSIZE;
		if (!room) {
			char *more = realloc(input->data,
					     2 * input->capacity + 65536);

			if (!more)
				return -ENOMEM;
			input->data = more;
			input->capacity = 2 * input->capacity + 65536;
			room = input->capacity - input->size;
		}
		count = fread((char *)input->data + input->size, 1, room, in);
		input->size += count;
	} while (count);
	return ferror(in) ? -errno : 0;
}

int input_read(const char *command, const char *file, size_t most,
	       struct fastipc_buffer *input)
{
	bool is_stdin = !file || !strcmp(file, "-");
	FILE *in = is_stdin ? stdin : fopen(file, "re");
	int error = in ? read_all(in, most, input) : -errno;

	if (in && !is_stdin)
		fclose(in);
	if (error)
		complain(command, "cannot read '%s': %s",
			 is_stdin ? "standard input" : file, strerror(-error));
	return error;
}
