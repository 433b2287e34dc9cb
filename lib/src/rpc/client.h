/* SPDX-License-Identifier: MIT */
/*
 * The client's state: calls in flight, who sends, who reads.
 *
 * client->lock protects everything here but the channel's receiving half,
 * which belongs to the leader: of all threads that wait for something, one
 * (client->leading) reads frames and completes everybody's calls; the others
 * sleep on a word of their own call.  A leader whose own call has ended
 * promotes the next (the leader/followers pattern, Schmidt et al., 2000).
 *
 */
#ifndef FASTIPC_CLIENT_INTERNAL_H
#define FASTIPC_CLIENT_INTERNAL_H

#include <pthread.h>

#include <fastipc/client.h>

#include "base/lock.h"
#include "frame/frame.h"

enum call_state {
	CALL_PENDING = 0,
	CALL_DONE = 1,
	CALL_PROMOTED = 2, /* pending, and its thread should lead */
};

struct call {
	uint64_t id;
	struct fastipc_buffer *reply; /* NULL: not wanted, or a callback */
	fastipc_done_fn done;
	void *context;
	uint64_t deadline;
	uint32_t state; /* enum call_state; futex word of its waiter */
	int status;
	bool waited; /* on the list of followers */
	bool kept;   /* keeps its slot until fastipc_client_finish() */
	struct call *next, *previous;
	char reason[96]; /* why the server failed it */
};

struct fastipc_client {
	struct fastipc_channel channel;
	struct fastipc_lock lock;
	struct call **calls; /* by the low bits of the id; NULL: free */
	uint32_t *free_slots;
	uint32_t free_count;
	uint32_t slots; /* a power of two */
	unsigned int slot_bits;
	uint64_t sequence; /* the high bits of the next id */
	uint32_t max_message;
	int error; /* the connection is over */

	bool leading;
	bool armed;	      /* for poll(), by dispatch */
	uint32_t in_callback; /* threads that are */
	uint32_t kick;	      /* bumped to make the leader look up */
	struct call *followers, *followers_last;

	bool sending;	     /* a thread is in the middle of a message */
	bool space_wanted;   /* ... and sleeps for space */
	uint32_t space_word; /* bumped when there may be room to send */
	bool aborting;	     /* a message half sent was given up: abort_id */
	uint64_t abort_id;   /* 0 if that is one-way */

	struct fastipc_assembly assembly;
	struct fastipc_buffer scratch; /* replies of callbacks; the leader's */
	struct call *pool;	       /* structs of finished started calls */
	uint64_t next_deadline;	       /* of calls with callbacks; 0: none */
	uint64_t ended;		       /* calls, ever */
	struct fastipc_client_stats stats;
};

#endif
