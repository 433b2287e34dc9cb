/* SPDX-License-Identifier: MIT */
/* fastipc serve: a server of one directory's files, by name. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fastipc/fastipc.h>

#include "arguments.h"
#include "commands.h"
#include "files.h"
#include "memory.h"
#include "print.h"
#include "trim.h"

struct serve_arguments {
	const char *name;
	const char *directory;
	const char *transport;
	struct fastipc_server_options options;
	int cpu; /* -1: any */
	bool json;
	bool quiet;
};

enum {
	KEY_RING = KEY_OWN,
	KEY_MAX_MESSAGE,
	KEY_MAX_CONNECTIONS,
	KEY_MODE,
	KEY_CPU,
};

static const struct argp_option options[] = {
	{ "dir", 'd', "DIR", 0, "Serve the files beneath DIR (default: .)", 0 },
	{ "threads", 't', "N", 0,
	  "Worker threads; connections are shared out among them "
	  "(default: 1)",
	  0 },
	{ "transport", KEY_TRANSPORT, "T", 0,
	  "auto, memfd, or kmod (default: auto)", 0 },
	{ "checksum", KEY_CHECKSUM, "C", 0,
	  "The least checksum accepted of clients: off, header, or full "
	  "(default: off; the stronger of the two ends is used)",
	  0 },
	{ "wait", KEY_WAIT, "W", 0,
	  "adaptive: spin while that pays, then sleep; spin: never sleep; "
	  "block: never spin; sleep: nor give way (default: adaptive)",
	  0 },
	{ "compress", KEY_COMPRESS, "ALGORITHM", 0,
	  "Compress large replies for clients that take it, and take "
	  "compressed requests: lz4, zstd, accept (take only), or off (the "
	  "default)",
	  0 },
	{ "ring", KEY_RING, "SIZE", 0,
	  "Ring of each connection, a power of two up to 16M (default: 256K)",
	  0 },
	{ "max-message", KEY_MAX_MESSAGE, "SIZE", 0,
	  "Largest request accepted (default: 16M)", 0 },
	{ "max-connections", KEY_MAX_CONNECTIONS, "N", 0,
	  "Refuse clients beyond N, up to 1000000 (default: 8192)", 0 },
	{ "mode", KEY_MODE, "OCTAL", 0,
	  "Permissions of the socket: who may connect (default: 0600); for "
	  "other users NAME must be a path in a directory that they can reach",
	  0 },
	{ "cpu", KEY_CPU, "N", 0, "Run on CPU N only", 0 },
	{ "json", KEY_JSON, NULL, 0,
	  "One JSON object on a line when ready, and one at the end", 0 },
	{ "quiet", 'q', NULL, 0, "Print errors only", 0 },
	{ 0 },
};

static const char description[] =
	"Serve the files beneath a directory to the processes of this machine, "
	"under NAME.\v"
	"NAME is a short name (a-z, 0-9, ...), found by clients of the same "
	"user, or a path with a '/' for the socket.  The server runs until "
	"SIGINT or SIGTERM; then it prints what it did.\n\n"
	"It also answers type 1 (echo), 5 (sink), and 6 (information on "
	"itself), to try things with 'fastipc call' and 'fastipc ping'.\n\n"
	"Examples:\n"
	"  fastipc serve headers --dir /usr/include\n"
	"  fastipc serve headers -d /usr/include -t 2\n"
	"  fastipc serve /srv/app/files.sock --mode 0660\n"
	"  fastipc serve /tmp/my.sock --checksum full --json\n"
	"and then, from another process:\n"
	"  fastipc get headers stdio.h";

static error_t parse_limit(int key, char *word, struct argp_state *state)
{
	struct serve_arguments *arguments = state->input;
	struct fastipc_server_options *limits = &arguments->options;

	switch (key) {
	case 't':
		limits->threads = (unsigned int)argument_number(
			state, "--threads", word, 1, 256);
		break;
	case KEY_RING:
		limits->ring_size = (uint32_t)argument_size(
			state, "--ring", word, 4096, 16u << 20);
		if (limits->ring_size & (limits->ring_size - 1))
			argp_error(state, "--ring takes a power of two, "
					  "such as 256K");
		break;
	case KEY_MAX_MESSAGE:
		limits->max_message = (uint32_t)argument_size(
			state, "--max-message", word, 1, FASTIPC_MESSAGE_MAX);
		break;
	case KEY_MAX_CONNECTIONS:
		limits->max_connections = (uint32_t)argument_number(
			state, "--max-connections", word, 1, 1000000);
		break;
	case KEY_CPU:
		arguments->cpu = (int)argument_number(state, "--cpu", word, 0,
						      CPU_SETSIZE - 1);
		break;
	default:
		return argument_end(state, key, word, &limits->checksum,
				    &limits->wait);
	}
	return 0;
}

/* A NAME may say what --transport does. */
static void take_prefix(struct serve_arguments *arguments,
			struct argp_state *state)
{
	const char *transport = !strncmp(arguments->name, "memfd:", 6) ? "memfd"
				: !strncmp(arguments->name, "kmod:", 5) ? "kmod"
									: NULL;

	if (!transport)
		return;
	if (strcmp(arguments->transport, "auto") != 0 &&
	    strcmp(arguments->transport, transport) != 0)
		argp_error(state,
			   "--transport %s and a NAME of %s exclude each other",
			   arguments->transport, transport);
	arguments->transport = transport;
	arguments->name += strlen(transport) + 1;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct serve_arguments *arguments = state->input;

	switch (key) {
	case 'd':
		arguments->directory = word;
		break;
	case 'q':
		arguments->quiet = true;
		break;
	case KEY_JSON:
		arguments->json = true;
		break;
	case KEY_TRANSPORT:
		arguments->transport = argument_transport(state, word);
		break;
	case KEY_COMPRESS:
		arguments->options.compression =
			argument_compression(state, word);
		break;
	case KEY_MODE:
		arguments->options.mode = argument_mode(state, word);
		break;
	case ARGP_KEY_ARG:
		if (arguments->name)
			argp_error(state, "one NAME only; the directory is "
					  "--dir DIR");
		arguments->name = word;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a NAME to serve under is missing");
		break;
	case ARGP_KEY_SUCCESS:
		take_prefix(arguments, state);
		break;
	default:
		return parse_limit(key, word, state);
	}
	return 0;
}

static const struct argp argp = { options, parse, "NAME", description,
				  NULL,	   NULL,  NULL };

/* For the signal handler: the one server of this process. */
static struct fastipc_server *volatile running;

static void stop(int signal)
{
	(void)signal;
	fastipc_server_stop(running);
}

static void stop_on_signals(struct fastipc_server *server)
{
	struct sigaction action = { .sa_handler = stop,
				    .sa_flags = SA_RESTART };

	running = server;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Each connection costs descriptors: allow as many as we may. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int run_on_cpu(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0) {
		complain("serve",
			 "cannot run on CPU %d (%s): 'nproc' tells how many "
			 "there are",
			 cpu, strerror(errno));
		return -errno;
	}
	return 0;
}

static void announce(const struct serve_arguments *arguments,
		     const char *transport)
{
	if (arguments->json) {
		fputs("{\"event\":\"ready\",\"name\":", stdout);
		json_string(stdout, arguments->name, strlen(arguments->name));
		fputs(",\"dir\":", stdout);
		json_string(stdout, arguments->directory,
			    strlen(arguments->directory));
		printf(",\"transport\":\"%s\",\"pid\":%d}\n", transport,
		       (int)getpid());
	} else if (!arguments->quiet) {
		printf("serving %s (dir %s, transport %s, pid %d)\n",
		       arguments->name, arguments->directory, transport,
		       (int)getpid());
	}
	fflush(stdout);
}

static void print_json_compressed(const char *which,
				  const struct fastipc_compressed *sum)
{
	printf(",\"compressed_%s\":{\"messages\":%" PRIu64
	       ",\"bytes_before\":%" PRIu64 ",\"bytes_after\":%" PRIu64 "}",
	       which, sum->messages, sum->bytes_before, sum->bytes_after);
}

static void print_compressed(const char *which,
			     const struct fastipc_compressed *sum)
{
	char before[16], after[16];

	if (sum->messages)
		printf("%s %" PRIu64 " compressed messages, %s of %s\n", which,
		       sum->messages, bytes_text(sum->bytes_after, after),
		       bytes_text(sum->bytes_before, before));
}

static void print_json_summary(const struct fastipc_server_stats *stats,
			       const struct memory_use *use, double seconds)
{
	printf("{\"event\":\"summary\",\"seconds\":%.3f,\"connections\":%" PRIu64
	       ",\"refused\":%" PRIu64 ",\"requests\":%" PRIu64
	       ",\"one_way\":%" PRIu64 ",\"bytes_received\":%" PRIu64
	       ",\"bytes_sent\":%" PRIu64,
	       seconds, stats->accepted, stats->refused, stats->requests,
	       stats->one_way, stats->bytes_received, stats->bytes_sent);
	printf(",\"handshake_errors\":%" PRIu64 ",\"protocol_errors\":%" PRIu64
	       ",\"bad_frames\":%" PRIu64 ",\"peak_rss_kib\":%" PRIu64,
	       stats->handshake_errors, stats->protocol_errors,
	       stats->bad_frames, use->peak_kib);
	print_json_compressed("sent", &stats->compressed_sent);
	print_json_compressed("received", &stats->compressed_received);
	fputs("}\n", stdout);
}

static void summarise(const struct serve_arguments *arguments,
		      const struct fastipc_server *server, uint64_t started_ns)
{
	struct fastipc_server_stats stats = { .size = sizeof(stats) };
	double seconds = (double)(fastipc_now_ns() - started_ns) / 1e9;
	struct memory_use use;
	char sent[16], received[16];

	fastipc_server_get_stats(server, &stats);
	memory_use_read(&use);
	if (arguments->json) {
		print_json_summary(&stats, &use, seconds);
		return;
	}
	if (arguments->quiet)
		return;
	printf("served %" PRIu64 " requests and %" PRIu64
	       " one-way messages on %" PRIu64 " connections in %.1f s\n",
	       stats.requests, stats.one_way, stats.accepted, seconds);
	printf("received %s, sent %s, peak memory %" PRIu64 " KiB\n",
	       bytes_text(stats.bytes_received, received),
	       bytes_text(stats.bytes_sent, sent), use.peak_kib);
	print_compressed("sent", &stats.compressed_sent);
	print_compressed("received", &stats.compressed_received);
	if (stats.refused || stats.handshake_errors || stats.protocol_errors ||
	    stats.bad_frames)
		printf("refused %" PRIu64 " connections, ended %" PRIu64
		       " for bad handshakes, %" PRIu64
		       " for breaking the protocol\n",
		       stats.refused, stats.handshake_errors,
		       stats.protocol_errors + stats.bad_frames);
}

static int run(const struct serve_arguments *arguments,
	       struct fastipc_server *server)
{
	struct file_service service = { .threads = arguments->options.threads };
	struct trimmer trimmer;
	int error;

	error = file_service_start(&service, server, arguments->directory);
	if (error) {
		complain("serve",
			 "cannot serve '%s' (%s): --dir is to name a directory "
			 "that you can enter",
			 arguments->directory, strerror(-error));
		return error;
	}
	trimmer_start(&trimmer, server);
	stop_on_signals(server);
	/* With auto each client has what is best for both. */
	announce(arguments, arguments->transport);
	error = fastipc_server_run(server);
	if (error)
		complain_error("serve", error, "the server failed");
	trimmer_end(&trimmer);
	summarise(arguments, server, service.started_ns);
	file_service_end(&service);
	return error;
}

static void make_address(const struct serve_arguments *arguments, char *address,
			 size_t size)
{
	bool is_plain = !strcmp(arguments->transport, "auto");

	snprintf(address, size, "%s%s%s", is_plain ? "" : arguments->transport,
		 is_plain ? "" : ":", arguments->name);
}

int command_serve(int argc, char **argv)
{
	struct serve_arguments arguments = {
		.directory = ".",
		.transport = "auto",
		.cpu = -1,
	};
	struct fastipc_server *server;
	char address[4096 + 8];
	int error;

	fastipc_server_options_init(&arguments.options);
	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (run_on_cpu(arguments.cpu))
		return EXIT_FAILED;
	raise_descriptor_limit();
	make_address(&arguments, address, sizeof(address));
	error = fastipc_server_create(address, &arguments.options, &server);
	if (error) {
		complain_error("serve", error, "cannot serve under '%s'",
			       arguments.name);
		return EXIT_FAILED;
	}
	error = run(&arguments, server);
	/* The handler must not touch a server that is gone. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	fastipc_server_destroy(server);
	return error ? EXIT_FAILED : EXIT_OK;
}
