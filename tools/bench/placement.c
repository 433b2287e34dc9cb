// SPDX-License-Identifier: MIT
/*
 * On which CPU the client and the server run.
 */
#include <errno.h>
#include <sched.h>

#include "placement.h"

static cpu_set_t allowed;

static int next_allowed(int cpu)
{
	while (++cpu < CPU_SETSIZE)
		if (CPU_ISSET(cpu, &allowed))
			return cpu;
	return -1;
}

int placement_choose(enum bench_placement placement,
		     struct placement_cpus *cpus)
{
	*cpus = (struct placement_cpus){ .client = -1, .server = -1 };
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -errno;
	if (placement == PLACEMENT_FREE)
		return 0;
	cpus->client = next_allowed(-1);
	cpus->server = cpus->client;
	if (placement == PLACEMENT_CROSS)
		cpus->server = next_allowed(cpus->client);
	return cpus->server < 0 ? -ENODEV : 0;
}

int placement_pin(int cpu)
{
	cpu_set_t one;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
}

void placement_unpin(void)
{
	sched_setaffinity(0, sizeof(allowed), &allowed);
}
