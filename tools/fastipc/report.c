/* SPDX-License-Identifier: MIT */
/* What fastipc get says at the end. */
#include <inttypes.h>
#include <string.h>

#include "arguments.h"
#include "print.h"
#include "report.h"

static const struct {
	enum file_kind kind;
	const char *key;
	const char *one;
	const char *many;
} skipped_kinds[] = {
	{ KIND_DIRECTORY_LINK, "directory_links", "link to a directory",
	  "links to directories" },
	{ KIND_DANGLING, "dangling", "dangling link", "dangling links" },
	{ KIND_OUTSIDE, "outside", "link that points outside",
	  "links that point outside" },
	{ KIND_SPECIAL, "special", "special file", "special files" },
};

#define SKIPPED_KINDS (sizeof(skipped_kinds) / sizeof(skipped_kinds[0]))

static double per_second(uint64_t amount, uint64_t ns)
{
	return ns ? (double)amount * 1e9 / (double)ns : 0;
}

static void print_skipped(const struct report *report, FILE *out)
{
	const struct fetch *fetch = report->fetch;
	uint64_t unreadable = fetch->tally->troubles[TROUBLE_UNREADABLE];
	const char *comma = "  skipped     ";

	for (size_t i = 0; i < SKIPPED_KINDS; i++) {
		uint64_t count = fetch->listing->skipped[skipped_kinds[i].kind];

		if (!count)
			continue;
		fprintf(out, "%s%" PRIu64 " %s", comma, count,
			count == 1 ? skipped_kinds[i].one
				   : skipped_kinds[i].many);
		comma = ", ";
	}
	if (unreadable) {
		fprintf(out, "%s%" PRIu64 " unreadable", comma, unreadable);
		comma = ", ";
	}
	if (comma[0] == ',')
		fputc('\n', out);
}

static void print_verdict(const struct report *report, FILE *out)
{
	const struct tally *tally = report->fetch->tally;

	if (tally_is_clean(tally)) {
		if (report->verify)
			fprintf(out,
				"  compared    every byte with %s: "
				"no difference\n",
				report->verify);
		return;
	}
	fputs("  NOT CLEAN  ", out);
	for (unsigned int i = 0; i < TROUBLE_UNREADABLE; i++)
		if (tally->troubles[i])
			fprintf(out, " %" PRIu64 " %s", tally->troubles[i],
				trouble_name((enum trouble)i));
	fputc('\n', out);
}

void report_print(const struct report *report, FILE *out)
{
	const struct fetch *fetch = report->fetch;
	const struct histogram *trips = &fetch->round_trips;
	const struct tally *tally = fetch->tally;
	char bytes[16], took[16], listed[16], p50[16], p99[16], p999[16],
		max[16];

	fprintf(out,
		"fetched %" PRIu64 " files, %s, in %s (listed in %s) from %s\n",
		tally->files, bytes_text(tally->bytes, bytes),
		time_text(fetch->elapsed_ns, took),
		time_text(report->list_ns, listed), report->name);
	print_verdict(report, out);
	print_skipped(report, out);
	fprintf(out, "  transport   %s, checksum %s, wait %s, %u in flight\n",
		report->stats.transport ? report->stats.transport : "unknown",
		checksum_name(report->stats.checksum), wait_name(report->wait),
		fetch->calls_in_flight);
	fprintf(out, "  throughput  %.0f msgs/s, %.3f GB/s\n",
		per_second(tally->calls, fetch->elapsed_ns),
		per_second(tally->bytes, fetch->elapsed_ns) / 1e9);
	fprintf(out, "  round trip  p50 %s, p99 %s, p99.9 %s, max %s\n",
		time_text(histogram_percentile(trips, 50), p50),
		time_text(histogram_percentile(trips, 99), p99),
		time_text(histogram_percentile(trips, 99.9), p999),
		time_text(trips->max, max));
	if (report->server.pid)
		fprintf(out,
			"  server      pid %" PRIu32 ", RSS %" PRIu64
			" KiB, PSS %" PRIu64 " KiB, peak %" PRIu64 " KiB\n",
			report->server.pid, report->server.rss_kib,
			report->server.pss_kib, report->server.peak_rss_kib);
}

static void print_json_counts(const struct report *report, FILE *out)
{
	const struct listing *listing = report->fetch->listing;
	const struct tally *tally = report->fetch->tally;

	for (unsigned int i = 0; i < TROUBLES; i++)
		fprintf(out, ",\"%s\":%" PRIu64, trouble_name((enum trouble)i),
			tally->troubles[i]);
	fputs(",\"skipped\":{", out);
	for (size_t i = 0; i < SKIPPED_KINDS; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "",
			skipped_kinds[i].key,
			listing->skipped[skipped_kinds[i].kind]);
	fputs("},\"troubles\":", out);
	tally_print_json(tally, out);
}

static void print_json_times(const struct report *report, FILE *out)
{
	const struct fetch *fetch = report->fetch;
	const struct histogram *trips = &fetch->round_trips;
	uint64_t compare_ns = fetch->originals ? fetch->originals->compare_ns
					       : 0;

	fprintf(out,
		",\"seconds\":%.6f,\"list_seconds\":%.6f"
		",\"compare_seconds\":%.6f,\"msgs_per_s\":%.1f"
		",\"bytes_per_s\":%.1f",
		(double)fetch->elapsed_ns / 1e9, (double)report->list_ns / 1e9,
		(double)compare_ns / 1e9,
		per_second(fetch->tally->calls, fetch->elapsed_ns),
		per_second(fetch->tally->bytes, fetch->elapsed_ns));
	fprintf(out,
		",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64
		",\"p999_ns\":%" PRIu64 ",\"max_ns\":%" PRIu64,
		histogram_percentile(trips, 50),
		histogram_percentile(trips, 99),
		histogram_percentile(trips, 99.9), trips->max);
}

static void print_json_server(const struct report *report, FILE *out)
{
	const struct server_information *server = &report->server;

	if (!server->pid) {
		fputs(",\"server\":null", out);
		return;
	}
	fprintf(out,
		",\"server\":{\"pid\":%" PRIu32 ",\"threads\":%" PRIu32
		",\"connections\":%" PRIu64 ",\"requests\":%" PRIu64
		",\"rss_kib\":%" PRIu64 ",\"pss_kib\":%" PRIu64
		",\"peak_rss_kib\":%" PRIu64 "}",
		server->pid, server->threads, server->connections,
		server->requests, server->rss_kib, server->pss_kib,
		server->peak_rss_kib);
}

void report_print_json(const struct report *report, FILE *out)
{
	const struct fetch *fetch = report->fetch;
	const struct tally *tally = fetch->tally;

	fputs("{\"name\":", out);
	json_string(out, report->name, strlen(report->name));
	fprintf(out,
		",\"transport\":\"%s\",\"checksum\":\"%s\",\"wait\":\"%s\""
		",\"in_flight\":%u",
		report->stats.transport ? report->stats.transport : "unknown",
		checksum_name(report->stats.checksum), wait_name(report->wait),
		fetch->calls_in_flight);
	fprintf(out,
		",\"clean\":%s,\"compared\":%s,\"files\":%" PRIu64
		",\"directories\":%" PRIu64 ",\"bytes\":%" PRIu64
		",\"calls\":%" PRIu64,
		tally_is_clean(tally) && !fetch->error ? "true" : "false",
		report->verify ? "true" : "false", tally->files,
		fetch->listing->directories, tally->bytes, tally->calls);
	print_json_times(report, out);
	print_json_counts(report, out);
	print_json_server(report, out);
	fputs("}\n", out);
}
