// SPDX-License-Identifier: MIT
/*
 * `fastipc bench publish`: what a message costs its publisher, with one
 * subscriber and with several.
 *
 * Two topics, with one subscriber and with N, are published to in turns, by
 * this process; the subscribers are processes of their own.  As a machine has
 * fewer CPUs than that, they do not spin: what is measured is the publisher's
 * CPU time, with subscribers that look in now and then (poll), that read all
 * they can and sleep when there is nothing (stream), and that all sleep when
 * each message comes (wake), where most of it is the kernel's, waking them.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fastipc/topic.h>

#include "bench.h"
#include "fastipc/arguments.h"
#include "fastipc/commands.h"
#include "series.h"
#include "ticks.h"

#define SUBSCRIBERS_MOST 64
#define SIZE_MOST (1u << 20)
#define BATCH 5000
#define BATCHES_MOST 20000
#define WAKES 400
#define WAKE_PAUSE_NS 300000
#define POLL_PAUSE_NS 1000000
#define READY_NS 10000000000ull

enum kind { KIND_POLL, KIND_STREAM, KIND_WAKE, KINDS };

static const char *const kind_names[KINDS] = { "poll", "stream", "wake" };

struct publish_options {
	size_t size;
	unsigned int subscribers;
	enum fastipc_checksum checksum;
	enum fastipc_wait wait; /* not used */
	double duration;
	unsigned int runs;
	bool json;
};

/* A topic, its subscribers, and what each batch cost. */
struct side {
	struct fastipc_topic *topic;
	char name[FASTIPC_NAME_MAX + 1];
	unsigned int subscribers;
	pid_t pids[SUBSCRIBERS_MOST];
	struct series costs; /* ns of a message */
};

enum {
	KEY_SUBSCRIBERS = KEY_OWN,
	KEY_DURATION,
	KEY_RUNS,
};

static const struct argp_option option_list[] = {
	{ "size", 's', "N", 0, "bytes of a message, K or M after it; 64", 0 },
	{ "subscribers", KEY_SUBSCRIBERS, "N", 0, "against one; 8, at most 64",
	  0 },
	{ "checksum", KEY_CHECKSUM, "C", 0, "off (default) or full", 0 },
	{ "duration", KEY_DURATION, "S", 0, "seconds of each kind, but wake; 1",
	  0 },
	{ "runs", KEY_RUNS, "N", 0, "repeat all of it N times; 1", 0 },
	{ "json", KEY_JSON, NULL, 0, "one JSON object on one line, each run",
	  0 },
	{ 0 },
};

static const char description[] =
	"Measure what a message costs the publisher of a topic, with one "
	"subscriber and with several.\v"
	"It is the CPU time of the publisher, the median of batches to the one "
	"and to the other in turns.  Subscribers\n"
	"  poll    look in each millisecond, and read the newest\n"
	"  stream  read all they can, and sleep when there is nothing\n"
	"  wake    sleep, all of them, when each message comes\n";

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct publish_options *options = state->input;

	switch (key) {
	case 's':
		options->size =
			argument_size(state, "--size", word, 0, SIZE_MOST);
		break;
	case KEY_SUBSCRIBERS:
		options->subscribers = (unsigned int)argument_number(
			state, "--subscribers", word, 1, SUBSCRIBERS_MOST);
		break;
	case KEY_DURATION:
		options->duration =
			(double)argument_seconds(state, "--duration", word) /
			1e9;
		break;
	case KEY_RUNS:
		options->runs = (unsigned int)argument_number(state, "--runs",
							      word, 1, 1000);
		break;
	case KEY_JSON:
		options->json = true;
		break;
	case KEY_WAIT:
		return ARGP_ERR_UNKNOWN;
	default:
		return argument_end(state, key, word, &options->checksum,
				    &options->wait);
	}
	return 0;
}

static const struct argp argp = { option_list, parse, NULL, description,
				  NULL,	       NULL,  NULL };

/* ---- subscribers ---- */

static int read_until_end(const char *name, enum kind kind)
{
	const struct timespec pause = { .tv_nsec = POLL_PAUSE_NS };
	struct fastipc_subscriber_options options;
	struct fastipc_buffer message = { 0 };
	struct fastipc_subscriber *subscriber;
	int error;

	fastipc_subscriber_options_init(&options);
	if (kind == KIND_WAKE)
		options.wait = FASTIPC_WAIT_BLOCK;
	if (kind == KIND_POLL)
		options.policy = FASTIPC_LATEST;
	options.connect_timeout_ns = READY_NS;
	error = fastipc_subscriber_open(name, &options, &subscriber);
	while (!error || error == -ETIMEDOUT || error == -EAGAIN) {
		if (kind == KIND_POLL)
			nanosleep(&pause, NULL);
		error = fastipc_subscriber_next(subscriber, &message, NULL,
						kind == KIND_POLL ? 1 : 0);
	}
	return error == -ENODATA ? 0 : 1;
}

static int start(struct side *side, enum kind kind,
		 const struct publish_options *options)
{
	uint64_t until = fastipc_after_ns(READY_NS);
	struct fastipc_topic_stats stats = { .size = sizeof(stats) };
	struct fastipc_topic_options topic_options;
	int error;

	fastipc_topic_options_init(&topic_options);
	topic_options.checksum = options->checksum;
	/* Messages of all sizes fit. */
	topic_options.ring_size = options->size > 65536 ? 16u << 20 : 1u << 20;
	error = fastipc_topic_create(side->name, &topic_options, &side->topic);
	if (error) {
		complain_error("bench", error, "cannot make a topic");
		return error;
	}
	fflush(NULL);
	for (unsigned int i = 0; i < side->subscribers; i++) {
		side->pids[i] = fork();
		if (side->pids[i] < 0)
			break;
		if (!side->pids[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(read_until_end(side->name, kind));
		}
	}
	do {
		const struct timespec moment = { .tv_nsec = 200000 };

		fastipc_topic_dispatch(side->topic);
		fastipc_topic_get_stats(side->topic, &stats);
		if (stats.subscribers == side->subscribers)
			return 0;
		nanosleep(&moment, NULL);
	} while (fastipc_now_ns() < until);
	complain("bench", "the subscribers did not come");
	return -ETIMEDOUT;
}

static int end(struct side *side)
{
	int error = 0;

	fastipc_topic_destroy(side->topic);
	side->topic = NULL;
	for (unsigned int i = 0; i < side->subscribers; i++) {
		int status = 0;

		if (side->pids[i] <= 0)
			continue;
		waitpid(side->pids[i], &status, 0);
		if (status) {
			complain("bench", "a subscriber failed");
			error = -EPROTO;
		}
		side->pids[i] = 0;
	}
	return error;
}

/* ---- the publisher ---- */

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The CPU time of @count messages, of each. */
static int batch(struct side *side, const unsigned char *data, size_t size,
		 unsigned int count)
{
	uint64_t start = cpu_ns();

	for (unsigned int i = 0; i < count; i++) {
		int error = fastipc_publish(side->topic, data, size, 0);

		if (error) {
			complain_error("bench", error, "cannot publish");
			return error;
		}
	}
	series_add(&side->costs, (double)(cpu_ns() - start) / count);
	return 0;
}

static int alternate(struct side sides[2], enum kind kind,
		     const struct publish_options *options,
		     const unsigned char *data)
{
	const struct timespec pause = { .tv_nsec = WAKE_PAUSE_NS };
	uint64_t until = fastipc_after_ns((uint64_t)(options->duration * 1e9));
	unsigned int count = kind == KIND_WAKE ? 1 : BATCH;
	size_t most = kind == KIND_WAKE ? WAKES : BATCHES_MOST;
	int error = 0;

	/* Some 100 us each, whatever the size. */
	if (kind != KIND_WAKE)
		count = (unsigned int)(count * 64 / (options->size + 64)) + 1;
	while (!error && sides[1].costs.count < most &&
	       (kind == KIND_WAKE || fastipc_now_ns() < until)) {
		for (int i = 0; !error && i < 2; i++) {
			if (kind == KIND_WAKE)
				nanosleep(&pause, NULL);
			error = batch(&sides[i], data, options->size, count);
		}
	}
	return error;
}

static int measure(enum kind kind, const struct publish_options *options,
		   const unsigned char *data, struct side sides[2],
		   double costs[2])
{
	int error = 0;

	for (int i = 0; i < 2; i++) {
		sides[i].subscribers = i ? options->subscribers : 1;
		sides[i].costs.count = 0;
		snprintf(sides[i].name, sizeof(sides[i].name),
			 "bench-publish-%d-%u", (int)getpid(),
			 sides[i].subscribers + (unsigned int)(i << 8));
	}
	error = start(&sides[0], kind, options);
	if (!error)
		error = start(&sides[1], kind, options);
	if (!error)
		error = alternate(sides, kind, options, data);
	for (int i = 0; i < 2; i++) {
		int failed = sides[i].topic ? end(&sides[i]) : 0;

		costs[i] = series_median(&sides[i].costs);
		error = error ? error : failed;
	}
	return error;
}

/* ---- reporting ---- */

static void report(const struct publish_options *options,
		   double costs[KINDS][2])
{
	if (!options->json) {
		printf("publish, %zu bytes, checksum %s: CPU time of the "
		       "publisher for a message\n",
		       options->size, checksum_name(options->checksum));
		for (int i = 0; i < KINDS; i++)
			printf("  %-6s  1 subscriber %8.1f ns   %u "
			       "subscribers %8.1f ns   ratio %.2f\n",
			       kind_names[i], costs[i][0], options->subscribers,
			       costs[i][1], costs[i][1] / costs[i][0]);
		return;
	}
	printf("{\"test\":\"publish\",\"size\":%zu,\"checksum\":\"%s\","
	       "\"subscribers\":%u",
	       options->size, checksum_name(options->checksum),
	       options->subscribers);
	for (int i = 0; i < KINDS; i++)
		printf(",\"%s_one_ns\":%.1f,\"%s_all_ns\":%.1f,"
		       "\"%s_ratio\":%.3f",
		       kind_names[i], costs[i][0], kind_names[i], costs[i][1],
		       kind_names[i], costs[i][1] / costs[i][0]);
	printf("}\n");
	fflush(stdout);
}

static int run(const struct publish_options *options, struct side sides[2],
	       const unsigned char *data)
{
	double costs[KINDS][2];
	int error = 0;

	for (int i = 0; !error && i < KINDS; i++)
		error = measure((enum kind)i, options, data, sides, costs[i]);
	if (!error)
		report(options, costs);
	return error;
}

int bench_publish(int argc, char **argv)
{
	struct publish_options options = {
		.size = 64,
		.subscribers = 8,
		.checksum = FASTIPC_CHECKSUM_OFF,
		.duration = 1,
		.runs = 1,
	};
	struct side sides[2] = { 0 };
	unsigned char *data;
	int error = 0;

	argv[0] = (char *)"fastipc bench publish";
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	data = malloc(options.size + 1);
	if (data)
		memset(data, 'p', options.size + 1);
	else
		error = -ENOMEM;
	for (unsigned int i = 0; !error && i < options.runs; i++)
		error = run(&options, sides, data);
	free(data);
	series_free(&sides[0].costs);
	series_free(&sides[1].costs);
	return error ? EXIT_FAILED : EXIT_OK;
}
