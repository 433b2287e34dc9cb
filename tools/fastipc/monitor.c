/* SPDX-License-Identifier: MIT */
/* fastipc monitor: what happens to the module's channels, as it happens. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "arguments.h"
#include "commands.h"
#include "module.h"
#include "print.h"
#include "show.h"

struct monitor {
	bool json;
	uint64_t count; /* 0: without end */
	uint64_t seen;
	bool unloaded;
};

static const struct argp_option options[] = {
	{ "count", 'n', "N", 0, "Stop after N events", 0 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON object on each line", 0 },
	{ 0 },
};

static const char description[] =
	"Print what happens to the channels of the kernel module: created, "
	"hung up, a limit hit.\v"
	"It runs until SIGINT, and needs CAP_NET_ADMIN.  When events come "
	"faster than they are printed, a line says that some were lost.\n\n"
	"Examples:\n"
	"  fastipc monitor\n"
	"  fastipc monitor --json -n 10";

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct monitor *monitor = state->input;

	switch (key) {
	case 'n':
		monitor->count =
			argument_number(state, "-n", word, 1, UINT32_MAX);
		break;
	case KEY_JSON:
		monitor->json = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "monitor takes no arguments");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { options, parse, "",  description,
				  NULL,	   NULL,  NULL };

static const char *limit_name(uint32_t limit)
{
	switch (limit) {
	case FASTIPC_LIMIT_UID_CHANNELS:
		return "channels of a user";
	case FASTIPC_LIMIT_UID_BYTES:
		return "bytes of a user";
	case FASTIPC_LIMIT_BYTES:
		return "bytes of all";
	default:
		return "unknown";
	}
}

static void print_json(const struct module_event *event,
		       const struct timespec *now)
{
	static const char *const names[] = {
		[MODULE_CREATED] = "created",	[MODULE_HANGUP] = "hangup",
		[MODULE_LIMIT] = "limit",	[MODULE_LOST] = "lost",
		[MODULE_UNLOADED] = "unloaded",
	};

	printf("{\"time\":%lld.%06ld,\"event\":\"%s\"", (long long)now->tv_sec,
	       now->tv_nsec / 1000, names[event->kind]);
	if (event->kind == MODULE_LIMIT) {
		printf(",\"uid\":%u,\"limit\":\"%s\"",
		       (unsigned int)event->channel.creator,
		       limit_name(event->limit));
	} else if (event->kind == MODULE_CREATED ||
		   event->kind == MODULE_HANGUP) {
		fputc(',', stdout);
		show_channel_json(stdout, &event->channel);
	}
	fputs("}\n", stdout);
}

static void print_hangup(const struct channel *channel)
{
	char bytes[16], age[16];

	printf("hangup   channel %" PRIu64 " of ", channel->id);
	show_processes(stdout, channel);
	printf(": %s after %s, %s in %" PRIu64 " messages\n",
	       show_state(channel), age_text(channel->age_ns, age),
	       bytes_text(channel_all_bytes(channel), bytes),
	       channel_all_messages(channel));
}

static void print_line(const struct module_event *event,
		       const struct timespec *now)
{
	const struct channel *channel = &event->channel;
	struct tm local;

	localtime_r(&now->tv_sec, &local);
	printf("%02d:%02d:%02d.%06ld ", local.tm_hour, local.tm_min,
	       local.tm_sec, now->tv_nsec / 1000);
	switch (event->kind) {
	case MODULE_CREATED:
		printf("created  channel %" PRIu64 " by uid %u, rings of "
		       "%" PRIu32 "K and %" PRIu32 "K\n",
		       channel->id, (unsigned int)channel->creator,
		       channel->ends[0].ring_size >> 10,
		       channel->ends[1].ring_size >> 10);
		break;
	case MODULE_HANGUP:
		print_hangup(channel);
		break;
	case MODULE_LIMIT:
		printf("limit    uid %u: %s\n", (unsigned int)channel->creator,
		       limit_name(event->limit));
		break;
	case MODULE_LOST:
		puts("lost     some events: they came too fast");
		break;
	case MODULE_UNLOADED:
		puts("unloaded the module");
		break;
	}
}

static void happened(const struct module_event *event, void *context)
{
	struct monitor *monitor = context;
	struct timespec now;

	if (monitor->count && monitor->seen == monitor->count)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	if (monitor->json)
		print_json(event, &now);
	else
		print_line(event, &now);
	fflush(stdout);
	monitor->seen++;
	monitor->unloaded |= event->kind == MODULE_UNLOADED;
}

static int watch(struct monitor *monitor, struct module *module)
{
	struct pollfd pollfd = { .fd = module_fd(module), .events = POLLIN };
	int error = 0;

	while (!error && !monitor->unloaded && !ferror(stdout) &&
	       (!monitor->count || monitor->seen < monitor->count)) {
		poll(&pollfd, 1, -1);
		error = module_events(module, happened, monitor);
	}
	return error;
}

int command_monitor(int argc, char **argv)
{
	struct monitor monitor = { 0 };
	struct module *module;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, &monitor);
	error = module_open(&module);
	if (!error)
		error = module_subscribe(module);
	if (!error)
		error = watch(&monitor, module);
	if (error)
		module_complain("monitor", error);
	module_close(module);
	return error ? EXIT_FAILED : EXIT_OK;
}
