// SPDX-License-Identifier: MIT
/* fastipc subscribe: the messages of a topic, as lines. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <fastipc/topic.h>

#include "arguments.h"
#include "commands.h"
#include "print.h"

enum { KEY_POLICY = KEY_OWN };

struct subscribe {
	const char *name;
	struct fastipc_subscriber_options options;
	uint64_t count; /* 0: until the topic ends */
	uint64_t timeout_ns;
	bool json;
};

static const struct argp_option options[] = {
	{ "policy", KEY_POLICY, "P", 0,
	  "When it is slower than the publisher: drop the oldest (default), "
	  "read the latest only, or block the publisher for a while",
	  0 },
	{ "history", 'H', "N", 0,
	  "Begin with the last N messages that are still there", 0 },
	{ "count", 'n', "N", 0, "Stop after N messages", 0 },
	{ "timeout", 'W', "SECONDS", 0,
	  "Fail if no message comes for so long (default: wait)", 0 },
	{ "checksum", KEY_CHECKSUM, "C", 0, "off (default) or full", 0 },
	{ "wait", KEY_WAIT, "W", 0, "adaptive (default), spin, block or sleep",
	  0 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON object on each line", 0 },
	{ 0 },
};

static const char description[] =
	"Print the messages of the topic NAME, one on each line.\v"
	"It ends with the topic.  How many messages were lost is said on "
	"standard error, where they are missing.\n\n"
	"Examples:\n"
	"  fastipc subscribe log\n"
	"  fastipc subscribe log --history 10 -n 10\n"
	"  fastipc subscribe position --policy latest --json";

static error_t parse(int key, char *word, struct argp_state *state)
{
	static const char *const policies[] = { "drop", "latest", "block" };
	struct subscribe *subscribe = state->input;
	unsigned int policy = 0;

	switch (key) {
	case KEY_POLICY:
		while (policy < 3 && strcmp(word, policies[policy]) != 0)
			policy++;
		if (policy == 3)
			argp_error(state,
				   "there is no policy '%s': it is drop, "
				   "latest or block",
				   word);
		subscribe->options.policy = (enum fastipc_policy)policy;
		break;
	case 'H':
		subscribe->options.history =
			argument_number(state, "-H", word, 0, UINT32_MAX);
		break;
	case 'n':
		subscribe->count =
			argument_number(state, "-n", word, 1, UINT64_MAX);
		break;
	case 'W':
		subscribe->timeout_ns = argument_seconds(state, "-W", word);
		break;
	case KEY_JSON:
		subscribe->json = true;
		break;
	case ARGP_KEY_ARG:
		if (subscribe->name)
			argp_error(state, "one NAME only");
		subscribe->name = word;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the NAME of a topic is missing");
		break;
	default:
		return argument_end(state, key, word,
				    &subscribe->options.checksum,
				    &subscribe->options.wait);
	}
	return 0;
}

static const struct argp argp = { options, parse, "NAME", description,
				  NULL,	   NULL,  NULL };

static void print_message(const struct subscribe *subscribe,
			  const struct fastipc_buffer *message, uint64_t lost)
{
	if (subscribe->json) {
		printf("{\"lost\":%" PRIu64 ",\"size\":%zu,\"text\":", lost,
		       message->size);
		json_string(stdout, message->data, message->size);
		fputs(",\"hex\":", stdout);
		if (is_utf8(message->data, message->size))
			fputs("null", stdout);
		else
			json_hex(stdout, message->data, message->size);
		puts("}");
	} else {
		if (lost)
			complain("subscribe", "%" PRIu64 " lost", lost);
		fwrite(message->data, 1, message->size, stdout);
		putchar('\n');
	}
	fflush(stdout);
}

static int print_all(const struct subscribe *subscribe,
		     struct fastipc_subscriber *subscriber)
{
	struct fastipc_buffer message = { 0 };
	uint64_t count = 0, lost;
	int error = 0;

	while (!error && !ferror(stdout)) {
		error = fastipc_subscriber_next(
			subscriber, &message, &lost,
			subscribe->timeout_ns
				? fastipc_after_ns(subscribe->timeout_ns)
				: FASTIPC_NO_DEADLINE);
		if (error == -EAGAIN) {
			error = 0;
			continue;
		}
		if (error)
			break;
		print_message(subscribe, &message, lost);
		if (++count == subscribe->count)
			break;
	}
	fastipc_buffer_free(&message);
	return error == -ENODATA ? 0 : error;
}

int command_subscribe(int argc, char **argv)
{
	struct fastipc_subscriber *subscriber;
	struct subscribe subscribe = { 0 };
	int error;

	fastipc_subscriber_options_init(&subscribe.options);
	argp_parse(&argp, argc, argv, 0, NULL, &subscribe);
	error = fastipc_subscriber_open(subscribe.name, &subscribe.options,
					&subscriber);
	if (error) {
		complain_error("subscribe", error, "cannot subscribe to '%s'",
			       subscribe.name);
		return EXIT_FAILED;
	}
	error = print_all(&subscribe, subscriber);
	if (error)
		complain_error("subscribe", error, "no more of '%s'",
			       subscribe.name);
	fastipc_subscriber_close(subscriber);
	return error ? EXIT_FAILED : EXIT_OK;
}
