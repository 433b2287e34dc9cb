// SPDX-License-Identifier: MIT
/* What Prometheus scrapes, or its node exporter reads from a file. */
#include <inttypes.h>

#include "prometheus.h"

static void print_head(FILE *out, const char *name, const char *type,
		       const char *help)
{
	fprintf(out, "# HELP fastipc_%s %s\n# TYPE fastipc_%s %s\n", name, help,
		name, type);
}

/* A label's value: \, " and line ends are escaped. */
static void print_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			fputc('\\', out);
		fputc(*value == '\n' ? 'n' : *value, out);
	}
	fputc('"', out);
}

enum server_metric {
	SERVER_CONNECTIONS,
	SERVER_THREADS,
	SERVER_UPTIME,
	SERVER_REQUESTS,
	SERVER_RECEIVED,
	SERVER_SENT,
	SERVER_SLEEPS,
	SERVER_WAKES,
	SERVER_METRICS,
};

static const struct {
	const char *name, *type, *help;
} server_metrics[SERVER_METRICS] = {
	[SERVER_CONNECTIONS] = { "server_connections", "gauge",
				 "Connections open." },
	[SERVER_THREADS] = { "server_threads", "gauge", "Worker threads." },
	[SERVER_UPTIME] = { "server_uptime_seconds", "gauge",
			    "Time since the server began." },
	[SERVER_REQUESTS] = { "server_requests_total", "counter",
			      "Calls and one-way messages." },
	[SERVER_RECEIVED] = { "server_received_bytes_total", "counter",
			      "Payload received." },
	[SERVER_SENT] = { "server_sent_bytes_total", "counter",
			  "Payload sent." },
	[SERVER_SLEEPS] = { "server_sleeps_total", "counter",
			    "Times that a worker slept." },
	[SERVER_WAKES] = { "server_wakes_total", "counter",
			   "Times that a sleeping client was woken." },
};

static double server_value(const struct fastipc_server_info *info,
			   enum server_metric metric)
{
	switch (metric) {
	case SERVER_CONNECTIONS:
		return info->connections;
	case SERVER_THREADS:
		return info->threads;
	case SERVER_UPTIME:
		return (double)info->uptime_ns / 1e9;
	case SERVER_REQUESTS:
		return (double)info->requests;
	case SERVER_RECEIVED:
		return (double)info->bytes_received;
	case SERVER_SENT:
		return (double)info->bytes_sent;
	case SERVER_SLEEPS:
		return (double)info->sleeps;
	default:
		return (double)info->wakes;
	}
}

static void print_servers(FILE *out, const struct observation *observation)
{
	print_head(out, "servers", "gauge", "Live servers of this user.");
	fprintf(out, "fastipc_servers %zu\n", observation->server_count);
	for (int metric = 0; metric < SERVER_METRICS; metric++) {
		print_head(out, server_metrics[metric].name,
			   server_metrics[metric].type,
			   server_metrics[metric].help);
		for (size_t i = 0; i < observation->server_count; i++) {
			const struct fastipc_server_info *info =
				&observation->servers[i];

			fprintf(out, "fastipc_%s{",
				server_metrics[metric].name);
			print_label(out, "server", info->name);
			fprintf(out, "} %.17g\n",
				server_value(info, (enum server_metric)metric));
		}
	}
}

static void print_module(FILE *out, const struct module_totals *totals)
{
	const struct {
		const char *name, *type, *help;
		uint64_t value;
	} metrics[] = {
		{ "module_channels", "gauge", "Channels of /dev/fastipc.",
		  totals->channels },
		{ "module_region_bytes", "gauge", "Memory of their regions.",
		  totals->bytes },
		{ "module_created_total", "counter", "Channels made.",
		  totals->created },
		{ "module_hangups_total", "counter",
		  "Channels that lost an end.", totals->hangups },
		{ "module_limit_hits_total", "counter",
		  "Channels refused by a limit.", totals->limit_hits },
		{ "module_waits_total", "counter", "Sleeps in the module.",
		  totals->waits },
		{ "module_wakes_total", "counter", "Wake-ups by the module.",
		  totals->wakes },
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		print_head(out, metrics[i].name, metrics[i].type,
			   metrics[i].help);
		fprintf(out, "fastipc_%s %" PRIu64 "\n", metrics[i].name,
			metrics[i].value);
	}
}

int prometheus_print(FILE *out, const char *name,
		     const struct observation *observation)
{
	struct fastipc_buffer pools = { 0 };
	int error = 0;

	print_servers(out, observation);
	if (observation->has_module && !observation->module_failed)
		print_module(out, &observation->totals);
	/* Without any there would be but heads. */
	if (observation->pool_count)
		error = fastipc_pools_prometheus(name, &pools);
	if (!error)
		fwrite(pools.data, 1, pools.size, out);
	fastipc_buffer_free(&pools);
	fflush(out);
	return error;
}
