/* SPDX-License-Identifier: MIT */
/* What fastipc get says at the end: for people, or as one JSON object. */
#ifndef FASTIPC_REPORT_H
#define FASTIPC_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <fastipc/client.h>

#include "fetch.h"
#include "protocol.h"

struct report {
	const char *name;
	const char *verify; /* the originals' directory, or NULL */
	const struct fetch *fetch;
	enum fastipc_wait wait;
	uint64_t list_ns;
	struct fastipc_client_stats stats;
	/* In this machine's byte order; pid 0: the server did not say. */
	struct server_information server;
};

void report_print(const struct report *report, FILE *out);
void report_print_json(const struct report *report, FILE *out);

#endif
