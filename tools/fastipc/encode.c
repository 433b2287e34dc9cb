// SPDX-License-Identifier: MIT
/* fastipc encode: JSON, as a message of a schema. */
#include <argp.h>
#include <stdio.h>

#include <fastipc/fastipc.h>

#include "commands.h"
#include "message.h"
#include "schema/json.h"

static const struct argp_option options[] = {
	{ "include", 'I', "DIR", 0,
	  "Look there too for what the schema includes; may be repeated", 0 },
	{ "hex", MESSAGE_KEY_HEX, NULL, 0, "Print hexadecimal digits", 0 },
	{ 0 },
};

static const char description[] =
	"Turn JSON into a message, and write its bytes to standard output.  "
	"SCHEMA is a .fbs file, as for fastipc-gen, TYPE the name of the "
	"message's table in it; the JSON is read from FILE, or from standard "
	"input.\v"
	"Names are those of the schema; an enum's value is its name or a "
	"number, a union \"x\" is \"x_type\" and \"x\".  What is left out is "
	"absent or has its default.  'fastipc decode' prints such JSON.\n\n"
	"Examples:\n"
	"  fastipc encode search.fbs Query query.json >query.bin\n"
	"  echo '{\"text\": \"hi\"}' | fastipc encode search.fbs Word --hex";

static error_t parse(int key, char *word, struct argp_state *state)
{
	return message_argument(state->input, key, word, state);
}

static const struct argp argp = { options,     parse, "SCHEMA TYPE [FILE]",
				  description, NULL,  NULL,
				  NULL };

static int write_message(const struct message_arguments *arguments,
			 const uint8_t *data, size_t size)
{
	if (!arguments->hex && size)
		fwrite(data, 1, size, stdout);
	for (size_t i = 0; arguments->hex && i < size; i++)
		printf("%s%02x", i ? " " : "", data[i]);
	if (arguments->hex)
		putchar('\n');
	return message_flush(arguments);
}

static int encode(const struct message_arguments *arguments,
		  const struct fastipc_schema *schema, uint16_t table,
		  struct fastipc_buffer *input)
{
	struct reflect_error reason = { .text = "no memory is left" };
	struct reflect_arena arena = { 0 };
	const uint8_t *data;
	size_t size;
	int error = schema_json_encode(schema, table, input->data, input->size,
				       &arena, &data, &size, &reason);

	if (error)
		message_complain(arguments, &reason);
	else
		error = write_message(arguments, data, size);
	reflect_free(&arena);
	return error;
}

int command_encode(int argc, char **argv)
{
	struct message_arguments arguments = { .command = "encode" };

	return message_command(argc, argv, &argp, &arguments, encode);
}
