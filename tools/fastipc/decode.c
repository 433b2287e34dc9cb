// SPDX-License-Identifier: MIT
/* fastipc decode: a message of a schema, as JSON. */
#include <argp.h>
#include <stdio.h>

#include <fastipc/fastipc.h>

#include "arguments.h"
#include "commands.h"
#include "message.h"
#include "schema/json.h"

struct decode_arguments {
	struct message_arguments message;
	unsigned int flags;
	bool hex;
};

enum { KEY_HEX = KEY_OWN };

static const struct argp_option options[] = {
	{ "include", 'I', "DIR", 0,
	  "Look there too for what the schema includes; may be repeated", 0 },
	{ "hex", KEY_HEX, NULL, 0,
	  "The message is in hexadecimal digits, with or without spaces", 0 },
	{ "all", 'a', NULL, 0, "Print scalars that have their default, too",
	  0 },
	{ "compact", 'c', NULL, 0, "Print one line, without spaces", 0 },
	{ 0 },
};

static const char description[] =
	"Check a message, and print it as JSON.  SCHEMA is a .fbs file as of "
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
	struct decode_arguments *arguments = state->input;

	switch (key) {
	case KEY_HEX:
		arguments->hex = true;
		return 0;
	case 'a':
		arguments->flags |= SCHEMA_JSON_DEFAULTS;
		return 0;
	case 'c':
		arguments->flags |= SCHEMA_JSON_COMPACT;
		return 0;
	default:
		return message_argument(&arguments->message, key, word, state);
	}
}

static const struct argp argp = { options,     parse, "SCHEMA TYPE [FILE]",
				  description, NULL,  NULL,
				  NULL };

static int decode(const struct decode_arguments *arguments,
		  const struct fastipc_schema *schema, uint16_t table)
{
	const struct message_arguments *message = &arguments->message;
	struct reflect_error reason = { .text = "no memory is left" };
	struct fastipc_buffer input = { 0 };
	int error = message_input(message, &input);

	if (!error && arguments->hex)
		error = message_from_hex(message, &input);
	if (!error) {
		error = schema_json_decode(stdout, schema, table, input.data,
					   input.size, arguments->flags,
					   &reason);
		if (error)
			message_complain(message, &reason);
	}
	if (!error) {
		putchar('\n');
		error = message_flush(message);
	}
	fastipc_buffer_free(&input);
	return error;
}

int command_decode(int argc, char **argv)
{
	struct decode_arguments arguments = { .message.command = "decode" };
	struct fastipc_schema *schema;
	uint16_t table;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	error = message_schema(&arguments.message, &schema, &table);
	if (error)
		return EXIT_FAILED;
	error = decode(&arguments, schema, table);
	schema_free(schema);
	return error ? EXIT_FAILED : EXIT_OK;
}
