// SPDX-License-Identifier: MIT
/* The schema, the table and the bytes that decode and encode work with. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "input.h"
#include "message.h"
#include "print.h"

error_t message_argument(struct message_arguments *arguments, int key,
			 char *word, struct argp_state *state)
{
	switch (key) {
	case 'I':
		if (arguments->include_count == MESSAGE_INCLUDES)
			argp_error(state, "-I may be there %u times at most",
				   MESSAGE_INCLUDES);
		arguments->includes[arguments->include_count++] = word;
		return 0;
	case MESSAGE_KEY_HEX:
		arguments->hex = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!arguments->schema)
			arguments->schema = word;
		else if (!arguments->type)
			arguments->type = word;
		else if (!arguments->file)
			arguments->file = word;
		else
			argp_error(state, "'%s' is one argument too many",
				   word);
		return 0;
	case ARGP_KEY_END:
		if (!arguments->type)
			argp_error(state, "a SCHEMA and a TYPE are needed");
		if (arguments->file && !strcmp(arguments->file, "-"))
			arguments->file = NULL;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void list_tables(const struct message_arguments *arguments,
			const struct fastipc_schema *schema)
{
	fprintf(stderr,
		"fastipc %s: the tables of '%s' are:", arguments->command,
		arguments->schema);
	for (uint16_t i = 0; i < schema->table_count; i++)
		fprintf(stderr, "%s%s", i ? ", " : " ", schema->tables[i].name);
	fputc('\n', stderr);
}

static int load_schema(const struct message_arguments *arguments,
		       struct fastipc_schema **schema, uint16_t *table)
{
	struct schema_errors errors = { 0 };
	int error = schema_load(arguments->schema, arguments->includes, &errors,
				schema);

	if (error && errors.count)
		schema_errors_print(&errors, stderr);
	else if (error)
		complain(arguments->command, "cannot read '%s': %s",
			 arguments->schema, strerror(-error));
	schema_errors_free(&errors);
	if (error)
		return error;
	*table = schema_find_table(*schema, arguments->type);
	if (*table != FASTIPC_SCHEMA_NONE)
		return 0;
	complain(arguments->command, "no single table of '%s' is named '%s'",
		 arguments->schema, arguments->type);
	list_tables(arguments, *schema);
	schema_free(*schema);
	*schema = NULL;
	return -ENOENT;
}

static int digit_of(char byte)
{
	if (isdigit((unsigned char)byte))
		return byte - '0';
	return isxdigit((unsigned char)byte) ? (byte | 0x20) - 'a' + 10 : -1;
}

int message_from_hex(const struct message_arguments *arguments,
		     struct fastipc_buffer *input)
{
	const char *from = input->data;
	unsigned char *to = input->data;
	size_t digits = 0;

	for (size_t i = 0; i < input->size; i++) {
		int digit = digit_of(from[i]);
		/* Before it is overwritten. */
		char byte = from[i];

		if (digit >= 0) {
			unsigned char *place = &to[digits / 2];

			*place = (unsigned char)(digits % 2
							 ? *place << 4 | digit
							 : digit);
			digits++;
		} else if (!isspace((unsigned char)byte) || digits % 2) {
			complain(arguments->command,
				 "the input has no pair of hexadecimal digits "
				 "at byte %zu",
				 i);
			return -EINVAL;
		}
	}
	if (digits % 2) {
		complain(arguments->command,
			 "the input ends within a pair of hexadecimal digits");
		return -EINVAL;
	}
	input->size = digits / 2;
	return 0;
}

void message_complain(const struct message_arguments *arguments,
		      const struct reflect_error *error)
{
	const char *file = arguments->file ? arguments->file : "-";

	if (error->line)
		complain(arguments->command, "%s:%u: %s", file, error->line,
			 error->text);
	else
		complain(arguments->command, "%s: %s", file, error->text);
}

int message_command(int argc, char **argv, const struct argp *argp,
		    struct message_arguments *arguments, message_work_fn work)
{
	struct fastipc_buffer input = { 0 };
	struct fastipc_schema *schema;
	uint16_t table;
	int error;

	argp_parse(argp, argc, argv, 0, NULL, arguments);
	error = load_schema(arguments, &schema, &table);
	if (error)
		return EXIT_FAILED;
	error = input_read(arguments->command, arguments->file, SIZE_MAX,
			   &input);
	if (!error)
		error = work(arguments, schema, table, &input);
	fastipc_buffer_free(&input);
	schema_free(schema);
	return error ? EXIT_FAILED : EXIT_OK;
}

int message_flush(const struct message_arguments *arguments)
{
	if (!ferror(stdout) && !fflush(stdout))
		return 0;
	complain(arguments->command, "cannot write the output: %s",
		 strerror(errno));
	return -EIO;
}
