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

#include "base/error.h"
#include "base/inline.h"
#include "base/lock.h"
#include "frame/compress.h"
#include "frame/frame.h"
#include "rpc/loans.h"
#include "rpc/outbox.h"
#include "rpc/streams.h"

enum call_state {
	CALL_PENDING = 0,
	CALL_DONE = 1,
	CALL_PROMOTED = 2, /* pending, and its thread should lead */
};

struct call {
	uint64_t id;
	struct fastipc_buffer *reply; /* NULL: not wanted, or a callback */
	struct fastipc_delivery **delivery; /* NULL: not wanted */
	fastipc_done_fn done;
	void *context;
	uint64_t deadline;
	uint32_t state; /* enum call_state; futex word of its waiter */
	int status;	/* while it is pending: why it could not be sent */
	bool sending;	/* the request, out of memory that is not its own */
	bool waited;	/* on the list of followers */
	bool kept;	/* keeps its slot until fastipc_client_finish() */
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
	bool asleep;	      /* the leader, or it is about to be */
	bool armed;	      /* for poll(), by dispatch */
	bool unarmed;	      /* it should be, but somebody led instead */
	uint32_t in_callback; /* threads that are */
	bool crowded;	      /* who was woken may need the leader's CPU */
	uint32_t kick;	      /* bumped to make the leader look up */
	struct call *followers, *followers_last;

	struct outbox outbox; /* what the ring has no room for yet */
	struct streams streams;
	uint32_t references; /* the application's, and each stream's */
	int broken;	     /* why the connection is to be given up */
	bool room;	     /* for loans, and who waits does not know */
	bool goaway;	     /* the server drains */
	bool more;	     /* dispatch left something, and is to go on */
	uint32_t batches;    /* that were taken */

	struct fastipc_assembly assembly;
	struct fastipc_buffer scratch; /* replies of callbacks; the leader's */
	struct call *pool;	       /* structs of finished started calls */
	uint64_t next_deadline;	       /* of calls with callbacks; 0: none */
	uint64_t ended;		       /* calls, ever */
	struct fastipc_client_stats stats;
	struct fastipc_compress_settings *compression; /* NULL: off */
	struct fastipc_packing packing;
	struct fastipc_unpacker unpacker; /* the leader's */
	struct loans *loans;		  /* NULL: it cannot lend */
	struct loan_waiter *loan_waiters; /* for room in the area */
};

/* ---- client_calls.c ---- */

FASTIPC_INLINE struct call *
fastipc_call_find(const struct fastipc_client *client, uint64_t id)
{
	struct call *call = client->calls[id & (client->slots - 1)];

	return call && call->id == id ? call : NULL;
}

/* The call of this id, if it is still waiting for its reply. */
FASTIPC_INLINE struct call *
fastipc_call_find_pending(const struct fastipc_client *client, uint64_t id)
{
	struct call *call = fastipc_call_find(client, id);

	return call && call->state != CALL_DONE ? call : NULL;
}

/*
 * Whether the server answers what it cannot have whole, which it may do only to
 * fail it.  What is left of the request might lie where the reply would go.
 */
FASTIPC_INLINE bool fastipc_call_is_early(const struct call *call,
					  const struct fastipc_frame *frame)
{
	return call && call->sending && !(frame->flags & FASTIPC_FRAME_ERROR);
}

FASTIPC_INLINE int fastipc_call_enter(struct fastipc_client *client,
				      struct call *call)
{
	uint32_t slot;

	if (!client->free_count)
		return fastipc_fail(
			-EBUSY,
			"%u calls are in flight already: wait for some, or raise max_calls",
			client->slots);
	slot = client->free_slots[--client->free_count];
	call->id = ++client->sequence << client->slot_bits | slot;
	client->calls[slot] = call;
	return 0;
}

FASTIPC_INLINE void fastipc_call_leave(struct fastipc_client *client,
				       struct call *call)
{
	uint32_t slot = (uint32_t)call->id & (client->slots - 1);

	client->calls[slot] = NULL;
	client->free_slots[client->free_count++] = slot;
}

/* This thread runs a callback from here on; returns whose it was in before. */
const struct fastipc_client *
fastipc_client_enter_callback(struct fastipc_client *client);
void fastipc_client_leave_callback(struct fastipc_client *client,
				   const struct fastipc_client *outer);
/* Whether this thread is in a callback of this client's. */
bool fastipc_client_in_own_callback(const struct fastipc_client *client);
/* Memory for a started call; NULL: there is none. */
struct call *fastipc_call_alloc(struct fastipc_client *client);
/* Keep it for the next. */
void fastipc_call_free(struct fastipc_client *client, struct call *call);
/* How a call ended, in words; its result. */
int fastipc_call_outcome(const struct fastipc_client *client,
			 const struct call *call, int status);
/*
 * The call is over.  A callback runs without the lock; the lock is held again
 * when this returns, and anything may have changed.
 */
void fastipc_call_complete(struct fastipc_client *client, struct call *call,
			   int status, const void *data, size_t size);
/* End every call with @error; the connection is over. */
void fastipc_client_fail_all(struct fastipc_client *client, int error);
/* -ESHUTDOWN, in words. */
int fastipc_client_draining(void);
/* Why the connection is over, in words; the error of calls from now on. */
int fastipc_client_over(const struct fastipc_client *client);

/* ---- client_reading.c ---- */

/*
 * Take all frames there are, until @call (may be NULL) is done: its thread
 * has no use for a look at the next record's word, which would cost it a
 * cache miss.  Returns how many.
 */
unsigned int fastipc_client_drain(struct fastipc_client *client,
				  const struct call *call);

/* ---- client_leading.c ---- */

FASTIPC_INLINE uint64_t fastipc_client_sooner(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

/* Nobody leads: this thread does. */
void fastipc_client_begin_leading(struct fastipc_client *client);
/* Nobody leads now: the oldest follower whose call is pending should. */
void fastipc_client_promote(struct fastipc_client *client);
/* It was dispatched by who does not poll() then: calls go the quick way. */
void fastipc_client_no_loop(struct fastipc_client *client);
/*
 * A thread that may have led, for itself, is about to unlock and return: the
 * event loop, which sleeps in poll(), is to be told again, and what has come
 * for it is taken here.
 */
void fastipc_client_arm_again(struct fastipc_client *client);
static inline void fastipc_client_leave(struct fastipc_client *client)
{
	if (__builtin_expect(client->unarmed, 0))
		fastipc_client_arm_again(client);
}
/*
 * Something was queued while the event loop sleeps in poll(): it is to be woken
 * for space, too.  Over kmod nobody can.
 */
void fastipc_client_arm_for_space(struct fastipc_client *client);
/*
 * One step of the leader, on behalf of @call (may be NULL): take what there
 * is, or wait for something.  0; -ETIMEDOUT: @deadline passed, and nothing came
 * or there is no end of it.
 */
int fastipc_client_lead(struct fastipc_client *client, const struct call *call,
			uint32_t want, uint64_t deadline);
/*
 * Wait until @call, which need not be one in flight, is CALL_DONE, leading or
 * following.  -ETIMEDOUT.
 */
int fastipc_call_await(struct fastipc_client *client, struct call *call,
		       uint64_t deadline);
/* It is: wake who waits for it. */
void fastipc_call_done(struct fastipc_client *client, struct call *call);
/* A callback is due by then: also a leader that sleeps already is to know. */
void fastipc_client_add_deadline(struct fastipc_client *client,
				 uint64_t deadline);
/* Wait for the call, or give it up at its deadline; its result. */
int fastipc_call_finish(struct fastipc_client *client, struct call *call);

/* ---- client_sending.c ---- */

/*
 * Compress @message, if that is worth it: the packer that holds its bytes, or
 * NULL.  The lock is dropped meanwhile.
 */
struct fastipc_packer *fastipc_client_pack(struct fastipc_client *client,
					   struct fastipc_outgoing *message);
/* It was sent, or that failed with @error; it had @size bytes before. */
void fastipc_client_packed(struct fastipc_client *client,
			   struct fastipc_packer *packer,
			   const struct fastipc_outgoing *message,
			   uint32_t size, int error);

/* Tell the server that @id was given up, if there is room now. */
void fastipc_client_send_cancel(struct fastipc_client *client, uint64_t id);
/* Put what waits into the ring, as far as there is room, a ring of it at most:
 * whether anything was. */
bool fastipc_client_push_outbox(struct fastipc_client *client);
/* The same for who leads, or is about to: a turn's bytes at most.  Then it is to
 * look what has come, and who wants the lock. */
bool fastipc_client_push_some(struct fastipc_client *client);
/* Who sends, and perhaps never waits, moves on what was queued before.  Who
 * waits then leads, and has more to look after. */
static inline void fastipc_client_move_on(struct fastipc_client *client)
{
	if (__builtin_expect(!fastipc_outbox_is_empty(&client->outbox), 0) &&
	    !client->leading)
		fastipc_client_push_outbox(client);
}
/* The leader, or an event loop, may sleep without a wish for space: make it look
 * again. */
void fastipc_client_kick(struct fastipc_client *client);
/* The same; any thread, without the lock, as long as there is a link. */
void fastipc_client_wake_leader(struct fastipc_client *client);
/* Another thread has done what the leader may wait for. */
static inline void fastipc_client_stir(struct fastipc_client *client)
{
	if (__builtin_expect(client->asleep, 0))
		fastipc_client_wake_leader(client);
}
/* What was found to be wrong where it could not be acted on. */
static inline void fastipc_client_check(struct fastipc_client *client)
{
	if (__builtin_expect(client->broken, 0))
		fastipc_client_fail_all(client, client->broken);
}
/* Send one message, with @flags of fastipc_client_post(); the lock is held, and
 * may be dropped meanwhile. */
int fastipc_client_send(struct fastipc_client *client,
			struct fastipc_outgoing *message, unsigned int flags,
			uint64_t deadline);

/* ---- client.c ---- */

/* Why that is no message, in words. */
int fastipc_client_bad_message(const struct fastipc_client *client,
			       uint16_t type, const void *data, size_t size);
/* -EINVAL, -EMSGSIZE what no message can be. */
FASTIPC_INLINE int
fastipc_client_check_message(const struct fastipc_client *client, uint16_t type,
			     const void *data, size_t size)
{
	if (__builtin_expect(client && (data || !size) &&
				     type < FASTIPC_TYPE_RESERVED &&
				     size <= FASTIPC_MESSAGE_MAX,
			     1))
		return 0;
	return fastipc_client_bad_message(client, type, data, size);
}
/*
 * Enter @call and send its request, @message, but for its id and deadline.  On
 * error nothing is in flight.  The message's cargo is gone in any case.
 * On error a message that has an id is of a call that has ended meanwhile: if
 * it has a callback, that was told, and @call is no more.
 */
int fastipc_call_launch(struct fastipc_client *client, struct call *call,
			struct fastipc_outgoing *message, unsigned int flags,
			uint64_t deadline);

/* ---- client_loans.c ---- */

/* Take a frame that is FASTIPC_FRAME_LADEN.  Negative: the connection is
 * over. */
int fastipc_client_take_laden(struct fastipc_client *client,
			      const struct fastipc_frame *frame);
/* Give @message, of @size bytes, what is in @attachment (may be NULL), whose
 * loan is gone on error. */
int fastipc_client_attach(struct fastipc_client *client,
			  const struct fastipc_attachment *attachment,
			  struct fastipc_outgoing *message);
/* The server gives a loan back.  -EPROTO. */
int fastipc_client_take_return(struct fastipc_client *client, uint64_t id);
/* A loan was freed while somebody waits for room, in any thread. */
void fastipc_client_tell_room(void *client);
static inline bool fastipc_client_has_room(const struct fastipc_client *client)
{
	return __builtin_expect(
		__atomic_load_n(&client->room, __ATOMIC_RELAXED), 0);
}
/* It was: let those look, and run the callbacks that are due. */
void fastipc_client_use_room(struct fastipc_client *client);
/* It is over, or there is room: all who wait for that look. */
void fastipc_client_wake_borrowers(struct fastipc_client *client);
/* Before the leader sleeps: -EPROTO the server sent descriptors for nothing. */
int fastipc_client_check_passing(const struct fastipc_client *client);

/* ---- client_streams.c ---- */

extern const struct streams_ops fastipc_client_streams_ops;
void fastipc_client_unref(struct fastipc_client *client);

#endif
