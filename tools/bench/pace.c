// SPDX-License-Identifier: MIT
/*
 * A schedule of sends: sleeps until shortly before the time, then spins, as
 * the kernel's timers are some 50 us late on a virtual machine.
 */
#include <time.h>

#include "pace.h"
#include "ticks.h"
#include "watchdog.h"

#define SPIN_NS 100000.0

void pace_start(struct pace *pace, double rate)
{
	pace->period = (double)ticks_from_ns(1e9) / rate;
	pace->next = 0;
	pace->spun = 0;
	pace->start = ticks_now();
}

uint64_t pace_intended(const struct pace *pace)
{
	return pace->start + (uint64_t)((double)pace->next * pace->period);
}

static void sleep_until_near(uint64_t intended, uint64_t now)
{
	double gap;

	while (now < intended && !watchdog_interrupted()) {
		struct timespec time;

		gap = ticks_to_ns((double)(intended - now)) - SPIN_NS;
		if (gap < SPIN_NS)
			break;
		time.tv_sec = (time_t)(gap / 1e9);
		time.tv_nsec = (long)(gap - (double)time.tv_sec * 1e9);
		nanosleep(&time, NULL);
		watchdog_beat();
		now = ticks_now();
	}
}

uint64_t pace_wait(struct pace *pace)
{
	uint64_t intended = pace_intended(pace);
	uint64_t now = ticks_now();
	uint64_t from;

	pace->next++;
	if (now >= intended)
		return intended;
	sleep_until_near(intended, now);
	from = ticks_now();
	for (now = from; now < intended && !watchdog_interrupted();)
		now = ticks_now();
	pace->spun += now - from;
	return intended;
}
