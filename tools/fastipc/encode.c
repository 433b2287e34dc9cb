// SPDX-License-Identifier: MIT
/* fastipc encode: JSON, as a message of a schema. */
#include <argp.h>
#include <stdio.h>

#include <fastipc/fastipc.h>

#include "arguments.h"
#include "commands.h"
#include "message.h"
#include "schema/json.h"

struct encode_arguments {
	struct message_arguments message;
	bool hex;
};

enum { KEY_HEX = KEY_OWN };

static const struct argp_option options[] = {
	{ "include", 'I', "DIR", 0,
	  "Look there too for what the schema includes; may be repeated", 0 },
	{ "hex", KEY_HEX, NULL, 0, "Print hexadecimal digits", 0 },
	{ 0 },
};

static const char description[] =
	"Turn JSON into a message, and write its bytes to standard output.  "
	"SCHEMA is a .fbs file as of fastipc-gen, TYPE the name of the "
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
	struct encode_arguments *arguments = state->input;

	if (key != KEY_HEX)
		return message_argument(&arguments->message, key, word, state);
	arguments->hex = true;
	return 0;
}

static const struct argp argp = { options,     parse, "SCHEMA TYPE [FILE]",
				  description, NULL,  NULL,
				  NULL };

static int write_message(const struct encode_arguments *arguments,
			 const uint8_t *data, size_t size)
{
	if (!arguments->hex && size)
		fwrite(data, 1, size, stdout);
	for (size_t i = 0; arguments->hex && i < size; i++)
		printf("%s%02x", i ? " " : "", data[i]);
	if (arguments->hex)
		putchar('\n');
	return message_flush(&arguments->message);
}

static int encode(const struct encode_arguments *arguments,
		  const struct fastipc_schema *schema, uint16_t table)
{
	const struct message_arguments *message = &arguments->message;
	struct reflect_error reason = { .text = "no memory is left" };
	struct fastipc_buffer input = { 0 };
	struct reflect_arena arena = { 0 };
	const uint8_t *data;
	size_t size;
	int error = message_input(message, &input);

	if (!error) {
		error = schema_json_encode(schema, table, input.data,
					   input.size, &arena, &data, &size,
					   &reason);
		if (error)
			message_complain(message, &reason);
	}
	if (!error)
		error = write_message(arguments, data, size);
	reflect_free(&arena);
	fastipc_buffer_free(&input);
	return error;
}

int command_encode(int argc, char **argv)
{
	struct encode_arguments arguments = { .message.command = "encode" };
	struct fastipc_schema *schema;
	uint16_t table;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	error = message_schema(&arguments.message, &schema, &table);
	if (error)
		return EXIT_FAILED;
	error = encode(&arguments, schema, table);
	schema_free(schema);
	return error ? EXIT_FAILED : EXIT_OK;
}
