// SPDX-License-Identifier: MIT
/*
 * `fastipc bench loan`: what it takes to hand over memory that is lent, small
 * and large.
 *
 * A handing over is: take a loan, write its first and its last byte, call, the
 * server reads these where they are and answers with them, and gives the loan
 * back.  Small and large ones alternate in batches, so that both meet the same
 * states of the machine; the medians of each are compared.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fastipc/loan.h>

#include "bench.h"
#include "fastipc/arguments.h"
#include "fastipc/commands.h"
#include "series.h"

#define HAND_OVER 1
#define BATCH 50
#define SAMPLES_MOST (1u << 20)
#define READY_NS 10000000000ull

struct loan_options {
	size_t sizes[2]; /* small and large */
	const char *transport;
	enum fastipc_checksum checksum;
	enum fastipc_wait wait;
	double duration;
	unsigned int runs;
	bool json;
};

/* One connection, and how long each handing over took. */
struct loans {
	struct fastipc_client *client;
	uint64_t area;
	uint64_t count;
	struct series times[2]; /* ns */
};

enum {
	KEY_DURATION = KEY_OWN,
	KEY_SMALL,
	KEY_RUNS,
};

static const struct argp_option option_list[] = {
	{ "size", 's', "N", 0, "bytes of a large loan, K or M after it; 64M",
	  0 },
	{ "small", KEY_SMALL, "N", 0, "bytes of a small one; 4K", 0 },
	{ "transport", KEY_TRANSPORT, "T", 0, "auto (default), memfd or kmod",
	  0 },
	{ "checksum", KEY_CHECKSUM, "C", 0, "off, header or full (default)",
	  0 },
	{ "wait", KEY_WAIT, "W", 0,
	  "how both ends wait: adaptive (default), spin, block or sleep", 0 },
	{ "duration", KEY_DURATION, "S", 0, "seconds of each run; 1", 0 },
	{ "runs", KEY_RUNS, "N", 0, "repeat all of it N times; 1", 0 },
	{ "json", KEY_JSON, NULL, 0, "one JSON object on one line, each run",
	  0 },
	{ 0 },
};

static const char description[] =
	"Measure what it takes to hand over memory that is lent, small and "
	"large.\v"
	"Each is taken from the client's area, its first and last byte are "
	"written, and the server reads them in place, answers with them, and "
	"gives it back.\n";

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct loan_options *options = state->input;

	switch (key) {
	case 's':
		options->sizes[1] = argument_size(state, "--size", word, 1,
						  FASTIPC_BULK_MAX / 2);
		break;
	case KEY_SMALL:
		options->sizes[0] = argument_size(state, "--small", word, 1,
						  FASTIPC_BULK_MAX / 2);
		break;
	case KEY_TRANSPORT:
		options->transport = argument_transport(state, word);
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
	default:
		return argument_end(state, key, word, &options->checksum,
				    &options->wait);
	}
	return 0;
}

static const struct argp argp = { option_list, parse, NULL, description,
				  NULL,	       NULL,  NULL };

/* ---- the server ---- */

static struct fastipc_server *server;

static void stop(int signal)
{
	(void)signal;
	/* Its documentation says that it may. */
	fastipc_server_stop(server); /* NOLINT(bugprone-signal-handler) */
}

static int look(struct fastipc_request *request, void *context)
{
	struct fastipc_shared lent = fastipc_request_lent(request);
	const volatile unsigned char *bytes = lent.data;
	unsigned char ends[2];

	(void)context;
	if (!bytes)
		return -EBADMSG;
	ends[0] = bytes[0];
	ends[1] = bytes[lent.size - 1];
	return fastipc_request_reply(request, ends, sizeof(ends));
}

static int serve(const char *address, const struct loan_options *options,
		 uint64_t area)
{
	struct fastipc_server_options server_options;
	int error;

	fastipc_server_options_init(&server_options);
	server_options.wait = options->wait;
	server_options.checksum = options->checksum;
	server_options.bulk_max = area;
	error = fastipc_server_create(address, &server_options, &server);
	if (!error)
		error = fastipc_server_add_handler(server, HAND_OVER, look,
						   NULL);
	if (!error)
		signal(SIGTERM, stop);
	if (!error)
		error = fastipc_server_run(server);
	if (error)
		complain_error("bench", error, "the server failed");
	fastipc_server_destroy(server);
	return error ? 1 : 0;
}

static pid_t start(const char *address, const struct loan_options *options,
		   uint64_t area)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(serve(address, options, area));
	}
	return pid;
}

/* ---- the client ---- */

static int connect_loans(struct loans *loans, const char *address,
			 const struct loan_options *options, pid_t pid)
{
	const struct timespec moment = { .tv_nsec = 500000 };
	uint64_t until = fastipc_after_ns(READY_NS);
	struct fastipc_client_options client_options;
	int error;

	fastipc_client_options_init(&client_options);
	client_options.wait = options->wait;
	client_options.checksum = options->checksum;
	client_options.bulk_size = loans->area;
	do {
		error = fastipc_client_connect(address, &client_options,
					       &loans->client);
		if (!error)
			return 0;
		nanosleep(&moment, NULL);
	} while ((error == -ENOENT || error == -ECONNREFUSED) &&
		 !waitpid(pid, NULL, WNOHANG) && fastipc_now_ns() < until);
	loans->client = NULL;
	complain_error("bench", error, "cannot connect");
	return error;
}

static int hand_over(struct loans *loans, size_t size, uint64_t *took)
{
	struct fastipc_attachment attachment = { 0 };
	unsigned char first = (unsigned char)++loans->count;
	unsigned char last = (unsigned char)(loans->count >> 8 ^ 0x55);
	unsigned char ends[2] = { 0 };
	struct fastipc_buffer reply = { .data = ends,
					.capacity = sizeof(ends),
					.fixed = true };
	uint64_t start = fastipc_now_ns();
	unsigned char *bytes;
	int error;

	error = fastipc_client_loan(loans->client, size,
				    fastipc_after_ns(READY_NS),
				    &attachment.loan);
	if (!error) {
		bytes = fastipc_loan_data(attachment.loan);
		bytes[0] = first;
		if (size > 1)
			bytes[size - 1] = last;
		error = fastipc_client_call_with(loans->client, HAND_OVER, NULL,
						 0, &attachment, &reply, NULL,
						 fastipc_after_ns(READY_NS));
	}
	*took = fastipc_now_ns() - start;
	if (error) {
		complain_error("bench", error, "cannot lend");
		return error;
	}
	if (reply.size == sizeof(ends) && ends[0] == first &&
	    ends[1] == (size > 1 ? last : first))
		return 0;
	complain("bench", "the server saw other bytes than were written");
	return -EILSEQ;
}

static int batch(struct loans *loans, int which, size_t size, bool counts)
{
	int error = 0;

	for (int i = 0; !error && i < BATCH; i++) {
		uint64_t took;

		error = hand_over(loans, size, &took);
		if (!error && counts &&
		    loans->times[which].count < SAMPLES_MOST)
			series_add(&loans->times[which], (double)took);
	}
	return error;
}

static int measure(struct loans *loans, const struct loan_options *options)
{
	uint64_t until = 0;
	int error = 0;

	/* At first pages are made and mapped. */
	for (unsigned int round = 0;
	     !error && (round < 4 || fastipc_now_ns() < until); round++) {
		if (round == 2)
			until = fastipc_after_ns(
				(uint64_t)(options->duration * 1e9));
		for (int i = 0; !error && i < 2; i++)
			error = batch(loans, i, options->sizes[i], round >= 2);
	}
	return error;
}

/* ---- reporting ---- */

static void report(struct loans *loans, const struct loan_options *options)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	double medians[2];

	fastipc_client_get_stats(loans->client, &stats);
	for (int i = 0; i < 2; i++)
		medians[i] = series_median(&loans->times[i]);
	if (options->json)
		printf("{\"test\":\"loan\",\"transport\":\"%s\","
		       "\"checksum\":\"%s\",\"wait\":\"%s\",\"small\":%zu,"
		       "\"large\":%zu,\"count\":%zu,\"small_ns\":%.0f,"
		       "\"large_ns\":%.0f,\"ratio\":%.3f}\n",
		       stats.transport, checksum_name(options->checksum),
		       wait_name(options->wait), options->sizes[0],
		       options->sizes[1],
		       loans->times[0].count + loans->times[1].count,
		       medians[0], medians[1], medians[1] / medians[0]);
	else
		printf("loan, %s, checksum %s, wait %s: time to hand over\n"
		       "  %zu bytes %.0f ns   %zu bytes %.0f ns   ratio %.2f "
		       "(medians of %zu each)\n",
		       stats.transport, checksum_name(options->checksum),
		       wait_name(options->wait), options->sizes[0], medians[0],
		       options->sizes[1], medians[1], medians[1] / medians[0],
		       loans->times[0].count);
	fflush(stdout);
}

/* Two of the larger, so that one may still be on its way back. */
static uint64_t area_of(const struct loan_options *options)
{
	uint64_t most = options->sizes[0] > options->sizes[1]
				? options->sizes[0]
				: options->sizes[1];
	uint64_t area = FASTIPC_BULK_MIN;

	while (area < 2 * most)
		area *= 2;
	return area;
}

static int run(struct loans *loans, const struct loan_options *options)
{
	char address[FASTIPC_NAME_MAX + 8];
	pid_t pid;
	int error;

	snprintf(address, sizeof(address), "%s%sbench-loan-%d",
		 strcmp(options->transport, "auto") ? options->transport : "",
		 strcmp(options->transport, "auto") ? ":" : "", (int)getpid());
	loans->area = area_of(options);
	loans->times[0].count = loans->times[1].count = 0;
	pid = start(address, options, loans->area);
	if (pid < 0) {
		complain_error("bench", -errno, "cannot start a server");
		return -EAGAIN;
	}
	error = connect_loans(loans, address, options, pid);
	if (!error)
		error = measure(loans, options);
	if (!error)
		report(loans, options);
	fastipc_client_close(loans->client);
	loans->client = NULL;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return error;
}

int bench_loan(int argc, char **argv)
{
	struct loan_options options = {
		.sizes = { 4096, 64u << 20 },
		.transport = "auto",
		.checksum = FASTIPC_CHECKSUM_FULL,
		.duration = 1,
		.runs = 1,
	};
	struct loans loans = { 0 };
	int error = 0;

	argv[0] = (char *)"fastipc bench loan";
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	for (unsigned int i = 0; !error && i < options.runs; i++)
		error = run(&loans, &options);
	series_free(&loans.times[0]);
	series_free(&loans.times[1]);
	return error ? EXIT_FAILED : EXIT_OK;
}
