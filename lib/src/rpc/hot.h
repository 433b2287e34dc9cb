/* SPDX-License-Identifier: MIT */
/*
 * The connections that a worker polls, and how they are armed when it sleeps.
 *
 * A connection is hot from the moment something comes on it until the worker
 * has no more use for polling it.  Hot connections are awake from the client's
 * view: it never rings.  Before the worker sleeps it arms them: the first few
 * for FUTEX, so that one futex_waitv() covers them; the rest for POLL, which
 * makes them idle.
 *
 * To be rung by an idle one takes longer than a spin may: two threads wake up.
 * So a worker with many connections that went to sleep once would do so between
 * all calls from then on.  One that waits adaptively keeps those warm that were
 * hot before the sleep: they stay armed, and cost nothing when it sleeps again,
 * but while it spins it looks at them, too.  A call found there makes the
 * connection hot again.  The client has rung then: in vain, but once only.
 * Each such find makes others hot as well, twice as many as the one before it,
 * so that few ring of many that call.  When there are none for a while, the
 * rest are idle.
 *
 * Thread-safety: the worker's alone.
 */
#ifndef FASTIPC_HOT_H
#define FASTIPC_HOT_H

#include "rpc/server.h"

/* Connections that are slept on by futex; the others ring their socket. */
#define FASTIPC_HOT_FUTEX_MOST 32

/* Something came, or is to be looked for: poll it, unless it is closing. */
void fastipc_hot_add(struct worker *worker, struct connection *connection);
/* Poll worker->hot[@index] no more; another takes its place.  Does not arm. */
void fastipc_hot_cool(struct worker *worker, uint32_t index);
/* The same, if it is hot or warm. */
void fastipc_hot_forget(struct worker *worker, struct connection *connection);
/* Make those of the warm hot on which something came, and perhaps more. */
void fastipc_hot_look(struct worker *worker);
/* Make those idle on which nothing has come for a while. */
void fastipc_hot_weed(struct worker *worker);

/*
 * Before a sleep: arm everything that is hot; *@ready: something came
 * meanwhile.  Returns how many of @doorbells (NULL: none) are to be slept on.
 */
size_t
fastipc_hot_arm(struct worker *worker,
		struct fastipc_doorbell doorbells[FASTIPC_HOT_FUTEX_MOST],
		bool *ready);
/*
 * Awake: those slept on by futex are polled again, and those that are not
 * idle; the others stay armed for POLL until they ring, or are warm.
 * @keep_all: there was no sleep, all are polled.
 */
void fastipc_hot_disarm(struct worker *worker, bool keep_all);
/*
 * For who sleeps elsewhere: all are armed for POLL and stay so, since who is
 * disarmed would not be looked at again.  Those with a backlog stay hot.
 */
void fastipc_hot_rest(struct worker *worker);

#endif
