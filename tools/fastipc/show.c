/* SPDX-License-Identifier: MIT */
/* How the channels are shown. */
#include <inttypes.h>
#include <string.h>

#include "print.h"
#include "show.h"

static void show_process(FILE *out, const struct channel_end *end)
{
	if (!end->pid) {
		fputc('-', out);
		return;
	}
	fprintf(out, "%d", (int)end->pid);
	if (end->comm[0])
		fputc(' ', out);
	print_name(out, end->comm);
}

void show_processes(FILE *out, const struct channel *channel)
{
	show_process(out, &channel->ends[0]);
	fputs(", ", out);
	show_process(out, &channel->ends[1]);
}

void show_identity(struct table *table, const struct channel *channel)
{
	fprintf(table->out, "%" PRIu64, channel->id);
	table_end_cell(table);
	fputs(channel_transport_name(channel), table->out);
	table_end_cell(table);
	print_name(table->out, channel->server[0] ? channel->server : "-");
	table_end_cell(table);
	show_processes(table->out, channel);
	table_end_cell(table);
}

static bool has_state(const struct channel *channel, uint32_t state)
{
	return channel->ends[0].state == state ||
	       channel->ends[1].state == state;
}

const char *show_state(const struct channel *channel)
{
	if (channel->aborted)
		return "aborted";
	if (has_state(channel, FASTIPC_STATE_DEAD))
		return "dead";
	if (has_state(channel, FASTIPC_STATE_SHUTDOWN))
		return "shutdown";
	return "open";
}

/* ---- JSON ---- */

static void show_end_json(FILE *out, const struct channel_end *end)
{
	static const char *const states[] = { "open", "shutdown", "dead" };

	fprintf(out, "{\"pid\":%d,\"comm\":", (int)end->pid);
	json_string(out, end->comm, strlen(end->comm));
	fprintf(out, ",\"uid\":%u,\"ring_size\":%" PRIu32 ",\"state\":\"%s\"",
		(unsigned int)end->uid, end->ring_size,
		end->state < 3 ? states[end->state] : "unknown");
	fprintf(out,
		",\"bytes_sent\":%" PRIu64 ",\"bytes_received\":%" PRIu64
		",\"messages_sent\":%" PRIu64 ",\"messages_received\":%" PRIu64,
		end->bytes_sent, end->bytes_received, end->messages_sent,
		end->messages_received);
	fprintf(out, ",\"sleeps\":%" PRIu64 ",\"wakes\":%" PRIu64 "}",
		end->sleeps, end->wakes);
}

void show_channel_json(FILE *out, const struct channel *channel)
{
	fprintf(out, "\"id\":%" PRIu64 ",\"transport\":\"%s\",\"server\":",
		channel->id, channel_transport_name(channel));
	if (channel->server[0])
		json_string(out, channel->server, strlen(channel->server));
	else
		fputs("null", out);
	fprintf(out,
		",\"uid\":%u,\"age_seconds\":%.3f,\"state\":\"%s\",\"ends\":[",
		(unsigned int)channel->creator, (double)channel->age_ns / 1e9,
		show_state(channel));
	show_end_json(out, &channel->ends[0]);
	fputc(',', out);
	show_end_json(out, &channel->ends[1]);
	fputc(']', out);
}

struct sums {
	uint64_t kmod, bytes, messages, sleeps, wakes;
};

static struct sums sum(const struct channel_list *list)
{
	struct sums sums = { 0 };

	for (size_t i = 0; i < list->count; i++) {
		const struct channel *channel = &list->channels[i];

		sums.kmod += channel->transport == CHANNEL_KMOD;
		sums.bytes += channel_all_bytes(channel);
		sums.messages += channel_all_messages(channel);
		sums.sleeps += channel_all_sleeps(channel);
		sums.wakes += channel_all_wakes(channel);
	}
	return sums;
}

void show_totals_json(FILE *out, const struct observation *observation)
{
	const struct module_totals *totals = &observation->totals;
	struct sums sums = sum(&observation->list);

	fprintf(out,
		"\"totals\":{\"channels\":%zu,\"kmod\":%" PRIu64
		",\"bytes\":%" PRIu64 ",\"messages\":%" PRIu64
		",\"sleeps\":%" PRIu64 ",\"wakes\":%" PRIu64 "},\"module\":",
		observation->list.count, sums.kmod, sums.bytes, sums.messages,
		sums.sleeps, sums.wakes);
	if (!observation->has_module) {
		fputs("null", out);
		return;
	}
	fprintf(out,
		"{\"channels\":%" PRIu64 ",\"ring_bytes\":%" PRIu64
		",\"created\":%" PRIu64 ",\"hangups\":%" PRIu64,
		totals->channels, totals->bytes, totals->created,
		totals->hangups);
	fprintf(out,
		",\"limit_hits\":%" PRIu64 ",\"waits\":%" PRIu64
		",\"wakes\":%" PRIu64 "}",
		totals->limit_hits, totals->waits, totals->wakes);
}

/* ---- for people ---- */

void show_totals(FILE *out, const struct observation *observation,
		 const char *end)
{
	const struct module_totals *totals = &observation->totals;
	struct sums sums = sum(&observation->list);
	char bytes[16];

	fprintf(out,
		"%zu servers, %zu channels (%" PRIu64 " kmod): %s, %" PRIu64
		" messages, %" PRIu64 " sleeps, %" PRIu64 " wakes%s",
		observation->server_count, observation->list.count, sums.kmod,
		bytes_text(sums.bytes, bytes), sums.messages, sums.sleeps,
		sums.wakes, end);
	if (observation->has_module)
		fprintf(out,
			"module: %" PRIu64 " channels, %s; ever: %" PRIu64
			" created, %" PRIu64 " hung up, %" PRIu64
			" limits hit, %" PRIu64 " waits, %" PRIu64 " wakes%s",
			totals->channels, bytes_text(totals->bytes, bytes),
			totals->created, totals->hangups, totals->limit_hits,
			totals->waits, totals->wakes, end);
	else
		fprintf(out, "module: %s%s",
			observation->module_failed ? "cannot be read"
						   : "not loaded",
			end);
}
