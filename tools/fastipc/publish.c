// SPDX-License-Identifier: MIT
/* fastipc publish: the lines of standard input, as messages of a topic. */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fastipc/topic.h>

#include "arguments.h"
#include "commands.h"
#include "print.h"

enum { KEY_RING = KEY_OWN };

struct publish {
	const char *name;
	struct fastipc_topic_options options;
	enum fastipc_wait wait; /* not used */
	uint64_t subscribers;	/* to wait for */
	struct fastipc_topic *topic;
	char *line; /* what has come of it; max_message + 1 bytes */
	size_t size;
	size_t most;
};

static const struct argp_option options[] = {
	{ "subscribers", 'n', "N", 0,
	  "Wait for N subscribers before the first line", 0 },
	{ "ring", KEY_RING, "SIZE", 0,
	  "Of the ring, a power of two; a line is a quarter at most "
	  "(default: 1M)",
	  0 },
	{ "mode", 'm', "MODE", 0, "Of the socket (default: 0600)", 0 },
	{ "checksum", KEY_CHECKSUM, "C", 0, "off (default) or full", 0 },
	{ 0 },
};

static const char description[] =
	"Publish the lines of standard input as messages of the topic NAME.\v"
	"It ends with its input.  Subscribers come and go meanwhile.\n\n"
	"Examples:\n"
	"  tail -f /var/log/syslog | fastipc publish log\n"
	"  seq 1000 | fastipc publish numbers -n 2";

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct publish *publish = state->input;

	switch (key) {
	case 'n':
		publish->subscribers =
			argument_number(state, "-n", word, 0, 65536);
		break;
	case KEY_RING:
		publish->options.ring_size = (uint32_t)argument_size(
			state, "--ring", word, 1, UINT32_MAX);
		break;
	case 'm':
		publish->options.mode = argument_mode(state, word);
		break;
	case KEY_CHECKSUM:
		return argument_end(state, key, word,
				    &publish->options.checksum, &publish->wait);
	case ARGP_KEY_ARG:
		if (publish->name)
			argp_error(state, "one NAME only");
		publish->name = word;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the NAME of the topic is missing");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { options, parse, "NAME", description,
				  NULL,	   NULL,  NULL };

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static int publish_line(struct publish *publish, const char *line, size_t size)
{
	int error = fastipc_publish(publish->topic, line, size,
				    FASTIPC_NO_DEADLINE);

	if (error)
		complain_error("publish", error, "cannot publish a line");
	return error;
}

/* All whole lines of what has come; the rest is kept. */
static int publish_lines(struct publish *publish)
{
	const char *line = publish->line;
	const char *end = publish->line + publish->size;
	const char *newline;
	int error = 0;

	while (!error && (newline = memchr(line, '\n', (size_t)(end - line)))) {
		error = publish_line(publish, line, (size_t)(newline - line));
		line = newline + 1;
	}
	publish->size = (size_t)(end - line);
	memmove(publish->line, line, publish->size);
	if (!error && publish->size > publish->most) {
		complain("publish",
			 "a line is longer than %zu bytes: use a larger --ring",
			 publish->most);
		error = -EMSGSIZE;
	}
	return error;
}

/* 1: there is no more. */
static int read_some(struct publish *publish)
{
	ssize_t size = read(STDIN_FILENO, publish->line + publish->size,
			    publish->most + 1 - publish->size);

	if (size < 0 && errno != EINTR) {
		complain("publish", "cannot read the input: %s",
			 strerror(errno));
		return -EIO;
	}
	if (!size && publish->size)
		publish_line(publish, publish->line, publish->size);
	if (!size)
		return 1;
	publish->size += size > 0 ? (size_t)size : 0;
	return publish_lines(publish);
}

static int publish_all(struct publish *publish)
{
	struct fastipc_topic_stats stats = { .size = sizeof(stats) };
	struct pollfd fds[2] = {
		{ .fd = fastipc_topic_fd(publish->topic), .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	int error = 0;

	while (!error && !interrupted) {
		fastipc_topic_get_stats(publish->topic, &stats);
		if (stats.joined >= publish->subscribers)
			publish->subscribers = 0;
		if (poll(fds, publish->subscribers ? 1 : 2, -1) < 0)
			continue;
		fastipc_topic_dispatch(publish->topic);
		if (!publish->subscribers && fds[1].revents)
			error = read_some(publish);
	}
	return error < 0 ? error : 0;
}

int command_publish(int argc, char **argv)
{
	struct fastipc_topic_stats stats = { .size = sizeof(stats) };
	struct sigaction action = { .sa_handler = interrupt,
				    .sa_flags = (int)SA_RESETHAND };
	struct publish publish = { 0 };
	int error;

	fastipc_topic_options_init(&publish.options);
	argp_parse(&argp, argc, argv, 0, NULL, &publish);
	error = fastipc_topic_create(publish.name, &publish.options,
				     &publish.topic);
	if (error) {
		complain_error("publish", error, "cannot publish as '%s'",
			       publish.name);
		return EXIT_FAILED;
	}
	fastipc_topic_get_stats(publish.topic, &stats);
	publish.most = stats.max_message;
	publish.line = malloc(publish.most + 1);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	error = publish.line ? publish_all(&publish) : -ENOMEM;
	fastipc_topic_destroy(publish.topic);
	free(publish.line);
	return error ? EXIT_FAILED : EXIT_OK;
}
