/* SPDX-License-Identifier: MIT */
/*
 * A schedule of sends (--rate): latency counts from the time a message was to
 * be sent, so that a stall shows in all the messages it delayed.
 */
#ifndef FASTIPC_BENCH_PACE_H
#define FASTIPC_BENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint64_t start;
	double period; /* ticks */
	uint64_t next; /* the number of the next message */
	uint64_t spun; /* ticks spent spinning for the time to send */
};

void pace_start(struct pace *pace, double rate);
/* When message @pace->next is to be sent, in ticks. */
uint64_t pace_intended(const struct pace *pace);
/* Wait for that time and return it; the message after it is next then. */
uint64_t pace_wait(struct pace *pace);

#endif
