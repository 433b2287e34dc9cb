/* SPDX-License-Identifier: MIT */
/*
 * Ends a benchmark that was interrupted or hangs.  The calls of a benchmark
 * have no deadlines, for a timer armed in each call would be measured with it;
 * instead, a server that gives no progress for 30 s is killed, which ends the
 * call in hand with -EPIPE.
 */
#ifndef FASTIPC_BENCH_WATCHDOG_H
#define FASTIPC_BENCH_WATCHDOG_H

#include <stdbool.h>
#include <sys/types.h>

/* Catch SIGINT, SIGTERM and SIGHUP, and watch from now on. */
void watchdog_start(void);
/* The signals' former effects are back. */
void watchdog_stop(void);
/* @server is what to kill; 0 when it is gone. */
void watchdog_guard(pid_t server);
/* There was progress. */
void watchdog_beat(void);

bool watchdog_interrupted(void);
/* It had to kill the server. */
bool watchdog_expired(void);
/* The server has ended on its own. */
bool watchdog_server_is_dead(void);

#endif
