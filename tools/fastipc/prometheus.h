/* SPDX-License-Identifier: MIT */
/* An observation as text in Prometheus' exposition format (0.0.4). */
#ifndef FASTIPC_TOOL_PROMETHEUS_H
#define FASTIPC_TOOL_PROMETHEUS_H

#include <stdio.h>

#include "observe.h"

/*
 * Servers, the module and pools (of the server @name, if that is not NULL);
 * channels come and go too fast to be time series.  0 or -errno.
 */
int prometheus_print(FILE *out, const char *name,
		     const struct observation *observation);

#endif
