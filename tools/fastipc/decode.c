// SPDX-License-Identifier: MIT
/* fastipc decode: a message of a schema, as JSON. */
#include <argp.h>
#include <stdio.h>

#include <fastipc/fastipc.h>

#include "commands.h"
#include "message.h"
#include "schema/json.h"

static const struct argp_option options[] = {
	{ "include", 'I', "DIR", 0,
	  "Look there too for what the schema includes; may be repeated", 0 },
	{ "hex", MESSAGE_KEY_HEX, NULL, 0,
	  "The message is in hexadecimal digits, with or without spaces", 0 },
	{ "all", 'a', NULL, 0, "Print scalars that have their default, too",
	  0 },
	{ "compact", 'c', NULL, 0, "Print one line, without spaces", 0 },
	{ 0 },
};

static const char description[] =
	"Check a message, and print it as JSON.  SCHEMA is a .fbs file, as for "
	"fastipc-gen, TYPE the name of the message's table in it; the message "
	"is read from FILE, or from standard input.\v"
	"Enums are printed as names, a union \"x\" as \"x_type\" and \"x\"; "
	"what is absent is left out.  'fastipc encode' turns the text into the "
	"same bytes again.\n\n"
	"Examples:\n"
	"  fastipc decode search.fbs Reply reply.bin\n"
	"  fastipc call index 0x102 --file request.bin | \\\n"
	"    fastipc decode search.fbs search.Reply --all\n"
	"  echo '00 04 68 69' | fastipc decode search.fbs Word --hex";

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct message_arguments *arguments = state->input;

	switch (key) {
	case 'a':
		arguments->flags |= SCHEMA_JSON_DEFAULTS;
		return 0;
	case 'c':
		arguments->flags |= SCHEMA_JSON_COMPACT;
		return 0;
	default:
		return message_argument(arguments, key, word, state);
	}
}

static const struct argp argp = { options,     parse, "SCHEMA TYPE [FILE]",
				  description, NULL,  NULL,
				  NULL };

static int decode(const struct message_arguments *arguments,
		  const struct fastipc_schema *schema, uint16_t table,
		  struct fastipc_buffer *input)
{
	struct reflect_error reason = { .text = "no memory is left" };
	int error = 0;

	if (arguments->hex)
		error = message_from_hex(arguments, input);
	if (error)
		return error;
	error = schema_json_decode(stdout, schema, table, input->data,
				   input->size, arguments->flags, &reason);
	if (error) {
		message_complain(arguments, &reason);
		return error;
	}
	putchar('\n');
	return message_flush(arguments);
}

int command_decode(int argc, char **argv)
{
	struct message_arguments arguments = { .command = "decode" };

	return message_command(argc, argv, &argp, &arguments, decode);
}
