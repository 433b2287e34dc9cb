/* SPDX-License-Identifier: MIT */
/* fastipc call: one call, and its reply. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fastipc/fastipc.h>

#include "arguments.h"
#include "client.h"
#include "commands.h"
#include "input.h"
#include "print.h"

struct call_arguments {
	const char *name;
	const char *type_word;
	uint16_t type;
	const char *data;
	const char *file;
	const char *output;
	struct fastipc_client_options options;
	uint64_t timeout_ns;
	bool one_way;
	bool json;
};

enum {
	KEY_DATA = KEY_OWN,
	KEY_FILE,
	KEY_ONE_WAY,
	KEY_TIMEOUT,
	KEY_MAX_MESSAGE,
};

static const struct argp_option options[] = {
	{ "data", KEY_DATA, "S", 0, "The request's bytes (default: none)", 0 },
	{ "file", KEY_FILE, "F", 0,
	  "The request is F's content; - is standard input", 0 },
	{ "output", 'o', "FILE", 0,
	  "Write the reply to FILE (default: standard output)", 0 },
	{ "one-way", KEY_ONE_WAY, NULL, 0, "Send it and expect no reply", 0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0,
	  "Give up after this time (default: 30)", 0 },
	{ "max-message", KEY_MAX_MESSAGE, "SIZE", 0,
	  "Largest reply accepted (default: 16M)", 0 },
	{ "json", KEY_JSON, NULL, 0,
	  "Print one JSON object; the reply is in it as \"hex\", and as "
	  "\"text\" if it is UTF-8",
	  0 },
	{ 0 },
};

static const char description[] =
	"Call the server NAME once, with a message of TYPE (decimal or 0x...), "
	"and print the bytes of its reply.\v"
	"The types that 'fastipc serve' knows: 1 echo, 2 get a file (the "
	"request is its path), 3 its status, 4 list, 5 sink, 6 information, "
	"7 a range of a file.\n\n"
	"Examples:\n"
	"  fastipc call headers 1 --data hello\n"
	"  fastipc call headers 2 --data stdio.h -o copy.h\n"
	"  fastipc call headers 0x5 --file big.bin --one-way\n"
	"  date | fastipc call headers 1 --file - --json";

static error_t parse_position(struct call_arguments *arguments, char *word,
			      struct argp_state *state)
{
	if (!arguments->name) {
		arguments->name = word;
	} else if (!arguments->type_word) {
		arguments->type_word = word;
		arguments->type = (uint16_t)argument_number(
			state, "TYPE", word, 0, FASTIPC_TYPE_RESERVED - 1);
	} else {
		argp_error(state,
			   "'%s' is one argument too many; the "
			   "request's bytes are --data or --file",
			   word);
	}
	return 0;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct call_arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->options;
		break;
	case KEY_DATA:
		arguments->data = word;
		break;
	case KEY_FILE:
		arguments->file = word;
		break;
	case 'o':
		arguments->output = word;
		break;
	case KEY_ONE_WAY:
		arguments->one_way = true;
		break;
	case KEY_TIMEOUT:
		arguments->timeout_ns =
			argument_seconds(state, "--timeout", word);
		break;
	case KEY_MAX_MESSAGE:
		arguments->options.max_message = (uint32_t)argument_size(
			state, "--max-message", word, 1, FASTIPC_MESSAGE_MAX);
		break;
	case KEY_JSON:
		arguments->json = true;
		break;
	case ARGP_KEY_ARG:
		return parse_position(arguments, word, state);
	case ARGP_KEY_END:
		if (!arguments->type_word)
			argp_error(state, "the NAME of a server and a message "
					  "TYPE are needed");
		if (arguments->data && arguments->file)
			argp_error(state,
				   "--data and --file exclude each other");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { options,     parse,		"NAME TYPE",
				  description, client_children, NULL,
				  NULL };

static int read_request(const struct call_arguments *arguments,
			struct fastipc_buffer *request)
{
	if (arguments->file)
		return input_read("call", arguments->file, FASTIPC_MESSAGE_MAX,
				  request);
	request->data = strdup(arguments->data ? arguments->data : "");
	request->size = arguments->data ? strlen(arguments->data) : 0;
	request->capacity = request->size + 1;
	return request->data ? 0 : -ENOMEM;
}

static void print_json(const struct call_arguments *arguments, FILE *out,
		       int status, uint64_t took_ns,
		       const struct fastipc_buffer *reply)
{
	size_t size = status ? 0 : reply->size;

	fputs("{\"name\":", out);
	json_string(out, arguments->name, strlen(arguments->name));
	fprintf(out,
		",\"type\":%u,\"one_way\":%s,\"status\":%d,\"time_ns\":%" PRIu64
		",\"size\":%zu,\"error\":",
		arguments->type, arguments->one_way ? "true" : "false", status,
		took_ns, size);
	if (status) {
		const char *detail = fastipc_error_detail();

		if (!detail[0])
			detail = fastipc_strerror(status);
		json_string(out, detail, strlen(detail));
	} else {
		fputs("null", out);
	}
	fputs(",\"text\":", out);
	if (is_utf8(reply->data, size))
		json_string(out, reply->data, size);
	else
		fputs("null", out);
	fputs(",\"hex\":", out);
	json_hex(out, reply->data, size);
	fputs("}\n", out);
}

/* The beginning of a file is not left behind; a device is. */
static int close_output(FILE *out, const char *path, int error)
{
	struct stat status;
	bool is_regular = !fstat(fileno(out), &status) &&
			  S_ISREG(status.st_mode);

	if (fclose(out) && !error)
		error = errno;
	if (error && is_regular)
		unlink(path);
	return error;
}

static int write_reply(const struct call_arguments *arguments, int status,
		       uint64_t took_ns, const struct fastipc_buffer *reply)
{
	FILE *out = stdout;
	int error;

	if (arguments->output && strcmp(arguments->output, "-"))
		out = fopen(arguments->output, "we");
	if (!out) {
		complain("call", "cannot write '%s': %s", arguments->output,
			 strerror(errno));
		return -EIO;
	}
	if (arguments->json)
		print_json(arguments, out, status, took_ns, reply);
	else if (reply->size)
		fwrite(reply->data, 1, reply->size, out);
	error = ferror(out) || fflush(out) ? errno : 0;
	if (out != stdout)
		error = close_output(out, arguments->output, error);
	if (error)
		complain("call", "cannot write the reply: %s", strerror(error));
	return -error;
}

static int call(const struct call_arguments *arguments,
		const struct fastipc_buffer *request,
		struct fastipc_buffer *reply)
{
	uint64_t deadline, started_ns;
	struct fastipc_client *client;
	int status;

	status = client_connect("call", arguments->name, &arguments->options,
				&client);
	if (status) {
		if (arguments->json)
			write_reply(arguments, status, 0, reply);
		return status;
	}
	started_ns = fastipc_now_ns();
	deadline = started_ns + arguments->timeout_ns;
	if (arguments->one_way)
		status = fastipc_client_post(client, arguments->type,
					     request->data, request->size, 0,
					     deadline);
	else
		status = fastipc_client_call(client, arguments->type,
					     request->data, request->size,
					     reply, deadline);
	if (status)
		complain_error("call", status, "type %u", arguments->type);
	if ((!status && !arguments->one_way) || arguments->json)
		if (write_reply(arguments, status,
				fastipc_now_ns() - started_ns, reply))
			status = status ? status : -EIO;
	fastipc_client_close(client);
	return status;
}

int command_call(int argc, char **argv)
{
	struct call_arguments arguments = { .timeout_ns = 30000000000 };
	struct fastipc_buffer request = { 0 }, reply = { 0 };
	int error;

	fastipc_client_options_init(&arguments.options);
	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	arguments.options.connect_timeout_ns = arguments.timeout_ns;
	error = read_request(&arguments, &request);
	if (!error)
		error = call(&arguments, &request, &reply);
	free(request.data);
	fastipc_buffer_free(&reply);
	return error ? EXIT_FAILED : EXIT_OK;
}
