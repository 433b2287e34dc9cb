/* SPDX-License-Identifier: MIT */
/* An observation as text in Prometheus' exposition format (0.0.4). */
#ifndef FASTIPC_TOOL_PROMETHEUS_H
#define FASTIPC_TOOL_PROMETHEUS_H

#include <stdio.h>

#include "observe.h"

/* Servers and the module; channels come and go too fast to be time series. */
void prometheus_print(FILE *out, const struct observation *observation);

#endif
