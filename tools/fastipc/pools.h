/* SPDX-License-Identifier: MIT */
/* How the pools of all processes are shown: what stat and top have in common. */
#ifndef FASTIPC_TOOL_POOLS_H
#define FASTIPC_TOOL_POOLS_H

#include <stdio.h>

#include "observe.h"
#include "table.h"

/*
 * The pools as a table behind an empty line, or nothing if there are none.
 * With what was @before, what they did in a second since.  0 or -ENOMEM.
 */
int pools_print(const struct observation *before, const struct observation *now,
		FILE *out, const struct table_style *style);
/* "pools", a member of a JSON object. */
void pools_print_json(FILE *out, const struct observation *before,
		      const struct observation *now);

#endif
