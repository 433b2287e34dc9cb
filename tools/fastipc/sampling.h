/* SPDX-License-Identifier: MIT */
/* What stat and top share: whom they look at, how often, and for whom. */
#ifndef FASTIPC_TOOL_SAMPLING_H
#define FASTIPC_TOOL_SAMPLING_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "observe.h"
#include "rates.h"

struct sampling {
	struct observer observer;
	uint64_t interval_ns;
	uint64_t count; /* of samples; 0: until a signal */
	bool json;
};

/*
 * The children of such a command's argp: NAME, --interval, --count and --json.
 * At ARGP_KEY_INIT: state->child_inputs[0] = a struct sampling.
 */
extern const struct argp_child sampling_children[];

/* One JSON object on one line; with what was @before and the @rates since, or
 * both are NULL. */
void sampling_print_json(const struct observation *before,
			 const struct observation *observation,
			 const struct rates *rates);

#endif
