/* SPDX-License-Identifier: MIT */
/* How the channels are shown: what stat and top have in common. */
#ifndef FASTIPC_TOOL_SHOW_H
#define FASTIPC_TOOL_SHOW_H

#include <stdio.h>

#include "observe.h"
#include "table.h"

/* The cells ID, TRANSPORT, SERVER and PROCESSES of a channel's row. */
void show_identity(struct table *table, const struct channel *channel);

/* The two processes: "4711 fastipc, 4712 ping"; - for one not known. */
void show_processes(FILE *out, const struct channel *channel);

/* "open", or how it ended. */
const char *show_state(const struct channel *channel);

/* The members of a channel's JSON object, without its braces. */
void show_channel_json(FILE *out, const struct channel *channel);
/* "totals" and "module", members of an object. */
void show_totals_json(FILE *out, const struct observation *observation);

/* What all channels have done, and what the module says: lines for people,
 * each ended by @end. */
void show_totals(FILE *out, const struct observation *observation,
		 const char *end);

#endif
