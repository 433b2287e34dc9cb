// SPDX-License-Identifier: MIT
/*
 * The client: sending calls, and one thread at a time reading the replies.
 */
#include "rpc/client.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/futex.h"

/* Frames that are taken in one go before waiting threads get a turn. */
#define DRAIN_BATCH 64
#define ERROR_PAYLOAD_MAX 512u
#define CALLS_MOST 65536u
/* Polls of a call's first spin: some microseconds. */
#define SPIN_FIRST 128
/* Bytes of ring that a stream of small messages is prepared ahead. */
#define POST_AHEAD 512

/* The client whose callback this thread is in. */
static _Thread_local const struct fastipc_client *calling_back;

static bool in_own_callback(const struct fastipc_client *client)
{
	return client->in_callback && calling_back == client;
}

/* ---- calls in flight ---- */

static struct call *find(const struct fastipc_client *client, uint64_t id)
{
	struct call *call = client->calls[id & (client->slots - 1)];

	return call && call->id == id ? call : NULL;
}

/* The call of this id, if it is still waiting for its reply. */
static struct call *find_pending(const struct fastipc_client *client,
				 uint64_t id)
{
	struct call *call = find(client, id);

	return call && call->state != CALL_DONE ? call : NULL;
}

FASTIPC_INLINE int enter(struct fastipc_client *client, struct call *call)
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

FASTIPC_INLINE void leave(struct fastipc_client *client, struct call *call)
{
	uint32_t slot = (uint32_t)call->id & (client->slots - 1);

	client->calls[slot] = NULL;
	client->free_slots[client->free_count++] = slot;
}

static struct call *pool_get(struct fastipc_client *client)
{
	struct call *call = client->pool;

	if (call)
		client->pool = call->next;
	else
		call = malloc(sizeof(*call));
	return call;
}

static void pool_put(struct fastipc_client *client, struct call *call)
{
	call->next = client->pool;
	client->pool = call;
}

static int over(const struct fastipc_client *client);

/* How a call ended, in words; its result. */
static int outcome(const struct fastipc_client *client, const struct call *call,
		   int status)
{
	if (__builtin_expect(!status, 1))
		return 0;
	if (status == client->error && status != -ECANCELED)
		return over(client);
	return fastipc_fail(status, "the call failed: %s%s%s",
			    fastipc_strerror(status),
			    call->reason[0] ? ": " : "", call->reason);
}

/*
 * The call is over.  A callback runs without the lock; the lock is held again
 * when this returns, and anything may have changed.
 */
static void complete(struct fastipc_client *client, struct call *call,
		     int status, const void *data, size_t size)
{
	client->ended++;
	if (!call->kept)
		leave(client, call);
	call->status = status;
	if (call->done) {
		fastipc_done_fn done = call->done;
		void *context = call->context;
		const struct fastipc_client *outer = calling_back;

		status = outcome(client, call, status);
		pool_put(client, call);
		client->in_callback++;
		calling_back = client;
		fastipc_unlock(&client->lock);
		done(context, status, data, size);
		fastipc_lock(&client->lock);
		calling_back = outer;
		client->in_callback--;
		return;
	}
	__atomic_store_n(&call->state, CALL_DONE, __ATOMIC_RELEASE);
	if (call->waited)
		fastipc_futex_wake(&call->state, 1);
}

/* End every call with @error; the connection is over. */
static void fail_all(struct fastipc_client *client, int error)
{
	if (client->error)
		return;
	client->error = error;
	client->space_word++;
	fastipc_futex_wake(&client->space_word, INT_MAX);
	for (uint32_t slot = 0; slot < client->slots; slot++)
		if (client->calls[slot] &&
		    client->calls[slot]->state != CALL_DONE)
			complete(client, client->calls[slot], error, NULL, 0);
}

static int over(const struct fastipc_client *client)
{
	switch (client->error) {
	case -EPIPE:
		return fastipc_fail(-EPIPE,
				    "the server is gone: connect again");
	case -ENODATA:
		return fastipc_fail(
			-EPIPE,
			"the server shut the connection down: connect again");
	case -EBADMSG:
		return fastipc_fail(
			-EBADMSG,
			"a reply's checksum did not match: the connection was given up");
	default:
		return fastipc_fail(
			client->error,
			"the server broke the protocol (%s): the connection was given up",
			fastipc_strerror(client->error));
	}
}

/* ---- leading: reading frames ---- */

/* Make room in @reply, at most up to its capacity if it is fixed. */
static int fit_reply(struct fastipc_buffer *reply, size_t size)
{
	void *data;

	reply->size = size;
	if (size <= reply->capacity)
		return 0;
	if (reply->fixed)
		return fastipc_fail(
			-EMSGSIZE,
			"the reply has %zu bytes, the buffer room for %zu",
			size, reply->capacity);
	data = realloc(reply->data, size);
	if (!data)
		return fastipc_fail(-ENOMEM,
				    "no memory for a reply of %zu bytes", size);
	reply->data = data;
	reply->capacity = size;
	return 0;
}

/* The bytes of a reply that no buffer of the caller's takes. */
static int fit_scratch(struct fastipc_client *client, size_t size)
{
	return fit_reply(&client->scratch, size);
}

/* An ERROR frame: the handler's (or dispatcher's) errno, and perhaps why. */
static int take_error(struct fastipc_client *client, struct call *call,
		      const struct fastipc_frame *frame, int *status)
{
	unsigned char payload[ERROR_PAYLOAD_MAX];
	int32_t code;
	int error;

	if (frame->length < sizeof(code) || frame->length > sizeof(payload))
		return -EPROTO;
	error = fastipc_frame_take(&client->channel, frame, payload);
	if (error)
		return error;
	memcpy(&code, payload, sizeof(code));
	code = (int32_t)le32toh((uint32_t)code);
	if (code >= 0 || code < -4095)
		return -EPROTO;
	*status = code;
	snprintf(call->reason, sizeof(call->reason), "%.*s",
		 (int)(frame->length - sizeof(code)),
		 (const char *)payload + sizeof(code));
	return 0;
}

/* A reply in one frame.  Negative: the connection is over. */
static int take_reply(struct fastipc_client *client, struct call *call,
		      const struct fastipc_frame *frame)
{
	struct fastipc_buffer *to = call->reply ? call->reply
						: &client->scratch;
	int status = 0;
	int error;

	if (frame->flags & FASTIPC_FRAME_ERROR) {
		error = take_error(client, call, frame, &status);
	} else if (frame->length > client->max_message) {
		error = 0;
		status = -EMSGSIZE;
	} else {
		status = fit_reply(to, frame->length);
		error = status ? 0
			       : fastipc_frame_take(&client->channel, frame,
						    to->data);
	}
	fastipc_frame_release(&client->channel, frame);
	if (error)
		return error;
	client->stats.replies++;
	client->stats.bytes_received += frame->length;
	complete(client, call, status, status ? NULL : to->data,
		 status ? 0 : frame->length);
	return 0;
}

/* The first fragment: where do the bytes go? */
static int open_assembly(struct fastipc_client *client, struct call *call)
{
	struct fastipc_assembly *assembly = &client->assembly;
	int status = 0;

	if (!call) {
		client->stats.late_replies++;
		assembly->discard = true;
		return 0;
	}
	if (assembly->total > client->max_message)
		status = fastipc_fail(
			-EMSGSIZE,
			"the reply has %u bytes, the limit is %u: raise max_message",
			assembly->total, client->max_message);
	else if (call->reply)
		status = fit_reply(call->reply, assembly->total);
	else
		status = fit_scratch(client, assembly->total);
	if (status) {
		assembly->discard = true;
		complete(client, call, status, NULL, 0);
	}
	return 0;
}

static int take_fragment(struct fastipc_client *client, struct call *call,
			 const struct fastipc_frame *frame)
{
	struct fastipc_assembly *assembly = &client->assembly;
	bool first = !assembly->open;
	int error = fastipc_assembly_expect(assembly, frame);

	if (error)
		return error;
	if (first) {
		open_assembly(client, call);
		call = find_pending(client, frame->id);
	}
	if (!call)
		assembly->discard = true; /* given up meanwhile */
	if (!assembly->discard) {
		unsigned char *to = call->reply ? call->reply->data
						: client->scratch.data;

		error = fastipc_frame_take(&client->channel, frame,
					   to + assembly->size);
	}
	fastipc_frame_release(&client->channel, frame);
	if (error)
		return error;
	fastipc_channel_notify_space(&client->channel, false);
	assembly->size += frame->length;
	if (frame->flags & FASTIPC_FRAME_MORE)
		return 0;
	assembly->open = false;
	if (assembly->discard)
		return 0;
	client->stats.replies++;
	client->stats.bytes_received += assembly->total;
	complete(client, call, 0,
		 call->reply ? call->reply->data : client->scratch.data,
		 assembly->total);
	return 0;
}

/* Take one frame.  -EAGAIN: none; other errors: the connection is over. */
static int take_frame(struct fastipc_client *client)
{
	struct fastipc_frame frame;
	struct call *call;
	int error = fastipc_frame_peek(&client->channel, &frame);

	if (error)
		return error;
	call = find_pending(client, frame.id);
	if (frame.flags & FASTIPC_FRAME_MORE ||
	    (client->assembly.open && frame.type < FASTIPC_TYPE_RESERVED))
		return take_fragment(client, call, &frame);
	if (call)
		return take_reply(client, call, &frame);
	client->stats.late_replies++;
	fastipc_frame_release(&client->channel, &frame);
	return 0;
}

/*
 * Take all frames there are, until @call (may be NULL) is done: its thread
 * has no use for a look at the next record's word, which would cost it a
 * cache miss.  Returns how many.
 */
static unsigned int drain_for(struct fastipc_client *client,
			      const struct call *call)
{
	unsigned int count = 0;

	while (count < DRAIN_BATCH && !client->error &&
	       !(call && call->state == CALL_DONE)) {
		int error = take_frame(client);

		if (!error) {
			count++;
			continue;
		}
		if (error == -EAGAIN) {
			fastipc_channel_notify_space(&client->channel, true);
			error = fastipc_channel_end(&client->channel);
			if (!error)
				continue;
			if (error == -EAGAIN)
				break;
		} else {
			client->stats.bad_frames++;
		}
		fail_all(client, error);
		count++;
	}
	return count;
}

static unsigned int drain(struct fastipc_client *client)
{
	return drain_for(client, NULL);
}

static void push_control(struct fastipc_client *client, uint16_t type,
			 uint64_t id)
{
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)"",
		.type = type,
		.id = id,
	};

	/* Best effort: without room the server finds out by itself. */
	if (!client->error &&
	    fastipc_frame_push(&client->channel, &message, false) == 0)
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
}

/* End the calls with callbacks whose deadline has passed. */
static unsigned int expire(struct fastipc_client *client)
{
	uint64_t now, next = 0;
	unsigned int count = 0;

	if (!client->next_deadline)
		return 0;
	now = fastipc_now_ns();
	if (now < client->next_deadline)
		return 0;
	client->next_deadline = 0;
	for (uint32_t slot = 0; slot < client->slots; slot++) {
		struct call *call = client->calls[slot];

		if (!call || !call->done || !call->deadline)
			continue;
		if (call->deadline <= now) {
			push_control(client, FASTIPC_TYPE_CANCEL, call->id);
			complete(client, call, -ETIMEDOUT, NULL, 0);
			count++;
		} else if (!next || call->deadline < next) {
			next = call->deadline;
		}
	}
	/* A callback may have started calls with deadlines of their own. */
	if (next && (!client->next_deadline || next < client->next_deadline))
		client->next_deadline = next;
	return count;
}

static void disarm(struct fastipc_client *client)
{
	if (client->armed) {
		client->armed = false;
		fastipc_channel_disarm(&client->channel);
	}
}

static void begin_leading(struct fastipc_client *client)
{
	client->leading = true;
	disarm(client);
}

static void follow_push(struct fastipc_client *client, struct call *call)
{
	call->waited = true;
	call->next = NULL;
	call->previous = client->followers_last;
	if (client->followers_last)
		client->followers_last->next = call;
	else
		client->followers = call;
	client->followers_last = call;
}

static void follow_remove(struct fastipc_client *client, struct call *call)
{
	call->waited = false;
	if (call->previous)
		call->previous->next = call->next;
	else
		client->followers = call->next;
	if (call->next)
		call->next->previous = call->previous;
	else
		client->followers_last = call->previous;
}

/* Nobody leads now: the oldest follower whose call is pending should. */
static void promote(struct fastipc_client *client)
{
	if (client->leading)
		return;
	for (struct call *call = client->followers; call; call = call->next) {
		if (call->state == CALL_DONE)
			continue;
		__atomic_store_n(&call->state, CALL_PROMOTED, __ATOMIC_RELEASE);
		fastipc_futex_wake(&call->state, 1);
		return;
	}
	if (client->space_wanted) {
		client->space_word++;
		fastipc_futex_wake(&client->space_word, INT_MAX);
	}
}

static void end_leading(struct fastipc_client *client)
{
	client->leading = false;
	promote(client);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

/* Who waits wants what was sent with FASTIPC_MORE to arrive. */
static void publish(struct fastipc_client *client)
{
	struct fastipc_channel *channel = &client->channel;

	if (channel->tx.tail != channel->tx.published) {
		fastipc_producer_publish(&channel->tx);
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	}
}

/*
 * One step of the leader, on behalf of @call (may be NULL): take what there
 * is, or wait for something.  0; -ETIMEDOUT: @deadline passed and nothing came.
 */
static int lead(struct fastipc_client *client, const struct call *call,
		uint32_t want, uint64_t deadline)
{
	struct fastipc_channel *channel = &client->channel;
	uint32_t seen = client->kick;
	int error;

	if (drain_for(client, call) || expire(client))
		return 0;
	publish(client);
	if (client->space_wanted)
		want |= FASTIPC_WANT_SPACE;
	deadline = sooner(deadline, client->next_deadline);
	fastipc_unlock(&client->lock);
	error = fastipc_channel_await(
		channel, want, __libc_single_threaded ? NULL : &client->kick,
		seen, client->assembly.open, deadline);
	fastipc_lock(&client->lock);
	if (client->space_wanted &&
	    fastipc_channel_ready(channel, FASTIPC_WANT_SPACE)) {
		client->space_wanted = false;
		client->space_word++;
		fastipc_futex_wake(&client->space_word, INT_MAX);
	}
	if (error && (drain(client) || expire(client)))
		return 0;
	return error;
}

/* ---- sending ---- */

/* The leader sleeps or spins without our wish: make it look again. */
static void kick_leader(struct fastipc_client *client)
{
	__atomic_store_n(&client->kick, client->kick + 1, __ATOMIC_RELEASE);
	fastipc_local_wake(&client->kick);
}

/* Wait until there may be room to send, reading replies meanwhile. */
static int await_space(struct fastipc_client *client, uint64_t deadline)
{
	uint32_t seen = client->space_word;
	int error;

	if (in_own_callback(client))
		return fastipc_fail(
			-EAGAIN,
			"no room to send now, and a callback must not wait");
	if (!client->leading) {
		begin_leading(client);
		error = lead(client, NULL,
			     FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE, deadline);
		client->leading = false;
		return error;
	}
	client->space_wanted = true;
	kick_leader(client);
	fastipc_unlock(&client->lock);
	error = fastipc_futex_wait(&client->space_word, seen, deadline);
	fastipc_lock(&client->lock);
	return error;
}

/* The turn to send: nobody else is in the middle of a message. */
static int begin_sending(struct fastipc_client *client, uint64_t deadline)
{
	while (client->sending) {
		int error = await_space(client, deadline);

		if (error)
			return error;
	}
	if (client->error)
		return over(client);
	if (client->aborting) {
		struct fastipc_outgoing message = {
			.data = (const unsigned char *)"",
			.type = FASTIPC_TYPE_CANCEL,
			.id = client->abort_id,
		};
		int error =
			fastipc_frame_push(&client->channel, &message, true);

		if (error)
			return error;
		client->aborting = false;
	}
	return 0;
}

static void end_sending(struct fastipc_client *client)
{
	client->sending = false;
	client->space_word++;
	fastipc_futex_wake(&client->space_word, INT_MAX);
}

/* The ring is full: make what is there visible, and wait for room. */
static int send_slowly(struct fastipc_client *client,
		       struct fastipc_outgoing *message, bool more,
		       uint64_t deadline)
{
	int error = -EAGAIN;

	client->sending = true;
	while (error == -EAGAIN && !client->error) {
		fastipc_producer_publish(&client->channel.tx);
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
		error = await_space(client, deadline);
		if (!error && !client->error)
			error = fastipc_frame_push(&client->channel, message,
						   more);
		else if (error == -EAGAIN)
			break;
	}
	if (client->error) {
		error = over(client);
	} else if (error && message->offset) {
		client->aborting = true;
		client->abort_id = message->id;
	}
	end_sending(client);
	return error;
}

/* Send one message; the lock is held, and may be dropped meanwhile. */
static int send_message(struct fastipc_client *client,
			struct fastipc_outgoing *message, bool more,
			uint64_t deadline)
{
	int error = 0;

	if (__builtin_expect(
		    message->size > client->channel.link.peer_max_message, 0))
		return fastipc_fail(
			-EMSGSIZE,
			"the message has %u bytes, the server's limit is %u",
			message->size, client->channel.link.peer_max_message);
	if (__builtin_expect(
		    client->sending || client->aborting || client->error, 0)) {
		do {
			error = begin_sending(client, deadline);
		} while (error == -EAGAIN &&
			 (error = await_space(client, deadline)) == 0);
		if (error)
			return error;
	}
	error = fastipc_frame_push(&client->channel, message, more);
	if (error == -EAGAIN)
		error = send_slowly(client, message, more, deadline);
	if (error == -ETIMEDOUT)
		return fastipc_fail(
			-ETIMEDOUT,
			"the server did not take the message in time");
	if (error == -EPROTO) {
		fail_all(client, error);
		return over(client);
	}
	if (error)
		return error;
	client->stats.bytes_sent += message->size;
	if (!more)
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
	return 0;
}

static int check_message(const struct fastipc_client *client, uint16_t type,
			 const void *data, size_t size)
{
	if (!client || (!data && size))
		return fastipc_fail(-EINVAL, "%s is NULL",
				    client ? "data" : "client");
	if (type >= FASTIPC_TYPE_RESERVED)
		return fastipc_fail(
			-EINVAL, "message types from 0xFF00 on are reserved");
	if (size > FASTIPC_MESSAGE_MAX)
		return fastipc_fail(-EMSGSIZE,
				    "no message may be longer than %u bytes",
				    FASTIPC_MESSAGE_MAX);
	return 0;
}

/* Enter @call and send its request.  On error nothing is in flight. */
static int launch(struct fastipc_client *client, struct call *call,
		  uint16_t type, const void *data, size_t size, bool more,
		  uint64_t deadline)
{
	struct fastipc_outgoing message = {
		.data = data ? data : (const void *)"",
		.size = (uint32_t)size,
		.type = type,
	};
	int error;

	if (client->error)
		return over(client);
	error = enter(client, call);
	if (error)
		return error;
	message.id = call->id;
	client->stats.calls++;
	error = send_message(client, &message, more, deadline);
	/* fail_all() may have ended it while it was being sent. */
	if (error && find(client, message.id))
		leave(client, call);
	return error;
}

/* ---- waiting for one call ---- */

static void follow(struct fastipc_client *client, struct call *call,
		   uint64_t deadline, int *error)
{
	publish(client);
	follow_push(client, call);
	fastipc_unlock(&client->lock);
	*error = fastipc_futex_wait(&call->state, CALL_PENDING, deadline);
	fastipc_lock(&client->lock);
	follow_remove(client, call);
	if (call->state == CALL_PROMOTED)
		call->state = CALL_PENDING;
}

/* Wait until the call is over; -ETIMEDOUT: it is not, and time is up. */
static int await_call(struct fastipc_client *client, struct call *call,
		      uint64_t deadline)
{
	int error = 0;

	while (__atomic_load_n(&call->state, __ATOMIC_ACQUIRE) != CALL_DONE) {
		if (error == -ETIMEDOUT && deadline &&
		    fastipc_now_ns() >= deadline)
			break;
		if (client->leading) {
			follow(client, call, deadline, &error);
			continue;
		}
		begin_leading(client);
		while (call->state != CALL_DONE) {
			error = lead(client, call, FASTIPC_WANT_DATA, deadline);
			if (error && deadline && fastipc_now_ns() >= deadline)
				break;
		}
		client->leading = false;
	}
	promote(client);
	return call->state == CALL_DONE ? 0 : -ETIMEDOUT;
}

/* Wait for the call, or give it up at its deadline; its result. */
static int finish(struct fastipc_client *client, struct call *call)
{
	if (in_own_callback(client)) {
		if (!call->kept)
			leave(client, call);
		return fastipc_fail(-EDEADLK,
				    "a callback must not wait for a call");
	}
	if (await_call(client, call, call->deadline) == 0)
		return outcome(client, call, call->status);
	push_control(client, FASTIPC_TYPE_CANCEL, call->id);
	client->ended++;
	if (!call->kept)
		leave(client, call);
	return fastipc_fail(-ETIMEDOUT, "no reply came before the deadline");
}

/* Nobody else is in the middle of anything, and nothing has gone wrong. */
static inline bool is_quiet(const struct fastipc_client *client)
{
	return !(client->error | client->leading | client->sending |
		 client->armed | client->assembly.open | client->aborting |
		 client->in_callback) &&
	       client->free_count;
}

/* The first spin of a wait, with nothing else to look after. */
static inline bool spin_first(struct fastipc_client *client)
{
	struct fastipc_channel *channel = &client->channel;

	/* All this is done while the request is on its way. */
	if (!fastipc_wait_should_spin(&channel->wait) ||
	    !fastipc_channel_peer_elsewhere(channel))
		return false;
	for (int i = 0; i < SPIN_FIRST; i++) {
		if (fastipc_consumer_poll(&channel->rx))
			return true;
		fastipc_cpu_relax();
	}
	return false;
}

/* If the next frame is the plain reply to @call, take it.  1; 0: it is
 * something else; -EBADMSG. */
FASTIPC_INLINE int take_own(struct fastipc_client *client, struct call *call)
{
	struct fastipc_buffer *reply = call->reply;
	struct fastipc_frame frame;
	int error;

	if (fastipc_frame_peek(&client->channel, &frame) ||
	    frame.id != call->id || frame.flags || !reply ||
	    frame.length > reply->capacity ||
	    frame.length > client->max_message)
		return 0;
	error = fastipc_frame_take(&client->channel, &frame, reply->data);
	fastipc_frame_release(&client->channel, &frame);
	if (__builtin_expect(error, 0))
		return error;
	reply->size = frame.length;
	client->stats.replies++;
	client->stats.bytes_received += frame.length;
	client->ended++;
	leave(client, call);
	return 1;
}

/*
 * The way that most calls go: nobody else uses the client now, request and
 * reply are one frame each, and the reply comes while this thread spins.
 * 1: the call is over, well; 0: nothing was done; -EINPROGRESS: it was sent,
 * the general path has to finish it.
 */
FASTIPC_INLINE int call_quickly(struct fastipc_client *client,
				struct call *call,
				struct fastipc_outgoing *message)
{
	struct fastipc_channel *channel = &client->channel;
	bool ready;
	int taken;

	if (__builtin_expect(!is_quiet(client) ||
				     message->size >
					     channel->link.peer_max_message,
			     0))
		return 0;
	enter(client, call);
	message->id = call->id;
	if (__builtin_expect(
		    message->size > fastipc_frame_payload_max(channel) ||
			    fastipc_frame_push(channel, message, false),
		    0)) {
		leave(client, call);
		return 0;
	}
	fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	client->stats.calls++;
	client->stats.bytes_sent += message->size;
	client->leading = true;
	fastipc_unlock(&client->lock);
	ready = spin_first(client);
	fastipc_lock(&client->lock);
	client->leading = false;
	/* Another thread may have found the connection over, and ended it. */
	taken = ready && !client->error ? take_own(client, call) : 0;
	if (taken < 0)
		fail_all(client, taken);
	return taken == 1 ? 1 : -EINPROGRESS;
}

static int call_and_wait(struct fastipc_client *client, uint16_t type,
			 const void *data, size_t size,
			 struct fastipc_buffer *reply, uint64_t deadline)
{
	struct fastipc_outgoing message = {
		.data = data ? data : (const void *)"",
		.size = (uint32_t)size,
		.type = type,
	};
	struct call call;
	int error;

	call.reply = reply;
	call.done = NULL;
	call.deadline = deadline;
	call.state = CALL_PENDING;
	call.status = 0;
	call.waited = false;
	call.kept = false;
	call.reason[0] = '\0';
	fastipc_lock(&client->lock);
	error = call_quickly(client, &call, &message);
	if (__builtin_expect(error != 1, 0)) {
		if (!error)
			error = launch(client, &call, type, data, size, false,
				       deadline);
		if (!error || error == -EINPROGRESS)
			error = finish(client, &call);
	} else {
		error = 0;
	}
	if (__builtin_expect(client->followers || client->space_wanted, 0))
		promote(client);
	fastipc_unlock(&client->lock);
	return error;
}

/* ---- the public calls ---- */

int fastipc_client_call(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size,
			struct fastipc_buffer *reply, uint64_t deadline)
{
	int error = check_message(client, type, data, size);

	if (__builtin_expect(error, 0))
		return error;
	return call_and_wait(client, type, data, size, reply, deadline);
}

int fastipc_client_ping(struct fastipc_client *client, uint64_t deadline,
			uint64_t *rtt_ns)
{
	uint64_t start = fastipc_now_ns();
	int error;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	error = call_and_wait(client, FASTIPC_TYPE_PING, NULL, 0, NULL,
			      deadline);
	if (!error && rtt_ns)
		*rtt_ns = fastipc_now_ns() - start;
	return error;
}

/* A one-way message in one frame, with nothing in its way. */
FASTIPC_INLINE bool post_quickly(struct fastipc_client *client,
				 struct fastipc_outgoing *message, bool more)
{
	struct fastipc_channel *channel = &client->channel;

	if (__builtin_expect(
		    client->error || client->sending || client->abort_id ||
			    message->size > channel->link.peer_max_message ||
			    message->size >
				    fastipc_frame_payload_max(channel) ||
			    fastipc_frame_push(channel, message, more),
		    0))
		return false;
	client->stats.bytes_sent += message->size;
	if (!more) {
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	} else {
		/* The lines of some messages later have to be taken away from
		 * the consumer's cache first: begin now. */
		unsigned char *ahead =
			channel->tx.data +
			((channel->tx.tail + POST_AHEAD) & channel->tx.mask);

		__builtin_prefetch(ahead, 1);
		__builtin_prefetch(ahead + 64, 1);
	}
	return true;
}

int fastipc_client_post(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size, unsigned int flags,
			uint64_t deadline)
{
	struct fastipc_outgoing message = {
		.data = data ? data : (const void *)"",
		.size = (uint32_t)size,
		.type = type,
	};
	int error = check_message(client, type, data, size);

	if (error)
		return error;
	if (flags & ~FASTIPC_MORE)
		return fastipc_fail(-EINVAL, "unknown flags 0x%x", flags);
	fastipc_lock(&client->lock);
	if (__builtin_expect(
		    post_quickly(client, &message, flags & FASTIPC_MORE), 1)) {
		fastipc_unlock(&client->lock);
		return 0;
	}
	error = send_message(client, &message, flags & FASTIPC_MORE, deadline);
	promote(client);
	fastipc_unlock(&client->lock);
	return error;
}

int fastipc_client_flush(struct fastipc_client *client)
{
	int error = 0;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	fastipc_lock(&client->lock);
	if (client->error) {
		error = over(client);
	} else {
		fastipc_producer_publish(&client->channel.tx);
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
	}
	fastipc_unlock(&client->lock);
	return error;
}

void fastipc_call_options_init(struct fastipc_call_options *options)
{
	*options = (struct fastipc_call_options){ .size = sizeof(*options) };
}

int fastipc_client_start(struct fastipc_client *client, uint16_t type,
			 const void *data, size_t size,
			 const struct fastipc_call_options *options,
			 uint64_t *id)
{
	struct call *call;
	int error = check_message(client, type, data, size);

	if (error)
		return error;
	if (!options || options->size < sizeof(*options) || !id)
		return fastipc_fail(-EINVAL,
				    "options (initialised) and id are needed");
	fastipc_lock(&client->lock);
	call = pool_get(client);
	if (!call) {
		fastipc_unlock(&client->lock);
		return fastipc_fail(-ENOMEM, "no memory for another call");
	}
	*call = (struct call){
		.reply = options->done ? NULL : options->reply,
		.done = options->done,
		.context = options->context,
		.deadline = options->deadline,
		.kept = !options->done,
	};
	error = launch(client, call, type, data, size,
		       options->flags & FASTIPC_MORE, options->deadline);
	if (error) {
		pool_put(client, call);
	} else {
		*id = call->id;
		if (call->done)
			client->next_deadline =
				sooner(client->next_deadline, call->deadline);
	}
	promote(client);
	fastipc_unlock(&client->lock);
	return error;
}

int fastipc_client_finish(struct fastipc_client *client, uint64_t id)
{
	struct call *call;
	int error;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	fastipc_lock(&client->lock);
	call = find(client, id);
	if (!call || !call->kept) {
		error = fastipc_fail(
			-ENOENT,
			"no call of this id was started without a callback");
	} else {
		error = finish(client, call);
		if (error != -EDEADLK) {
			leave(client, call);
			pool_put(client, call);
		}
	}
	fastipc_unlock(&client->lock);
	return error;
}

int fastipc_client_cancel(struct fastipc_client *client, uint64_t id)
{
	struct call *call;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	fastipc_lock(&client->lock);
	call = find_pending(client, id);
	if (call) {
		push_control(client, FASTIPC_TYPE_CANCEL, id);
		complete(client, call, -ECANCELED, NULL, 0);
	}
	fastipc_unlock(&client->lock);
	return call ? 0 : fastipc_fail(-ENOENT, "the call has ended already");
}

/* ---- event loops ---- */

int fastipc_client_fd(const struct fastipc_client *client)
{
	return client->channel.link.sock;
}

/* Take what there is; then sleep on the socket, from the peer's view. */
static void take_and_arm(struct fastipc_client *client)
{
	begin_leading(client);
	fastipc_channel_check_peer(&client->channel);
	do {
		disarm(client);
		while (drain(client) || expire(client))
			;
		if (client->error)
			break;
		publish(client);
		fastipc_channel_arm(&client->channel, FASTIPC_SLEEP_POLL,
				    FASTIPC_WANT_DATA);
		client->armed = true;
	} while (fastipc_channel_ready(&client->channel, FASTIPC_WANT_DATA));
	end_leading(client);
}

int fastipc_client_dispatch(struct fastipc_client *client)
{
	uint64_t before;
	int result;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	fastipc_lock(&client->lock);
	before = client->ended;
	if (!client->leading && !client->error)
		take_and_arm(client);
	result = (int)(client->ended - before);
	if (client->error)
		result = over(client);
	fastipc_unlock(&client->lock);
	return result;
}

uint64_t fastipc_client_next_deadline(struct fastipc_client *client)
{
	uint64_t deadline;

	fastipc_lock(&client->lock);
	deadline = client->next_deadline;
	fastipc_unlock(&client->lock);
	return deadline;
}

int fastipc_client_wait(struct fastipc_client *client, uint64_t deadline)
{
	uint64_t before;
	int result;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	fastipc_lock(&client->lock);
	before = client->ended;
	result = client->leading ? -EBUSY : 0;
	if (!result && !client->error)
		begin_leading(client);
	while (!result && !client->error && client->ended == before) {
		result = lead(client, NULL, FASTIPC_WANT_DATA, deadline);
		if (result && !(deadline && fastipc_now_ns() >= deadline))
			result = 0; /* a call's deadline, not ours */
	}
	if (result == -EBUSY)
		fastipc_fail(result, "another thread waits on this client");
	else
		end_leading(client);
	if (client->ended != before)
		result = (int)(client->ended - before);
	else if (client->error)
		result = over(client);
	fastipc_unlock(&client->lock);
	return result;
}

int fastipc_client_get_stats(struct fastipc_client *client,
			     struct fastipc_client_stats *stats)
{
	struct fastipc_client_stats now;
	const struct fastipc_link *link;

	if (!client || !stats || stats->size < sizeof(size_t))
		return fastipc_fail(-EINVAL, "set stats->size first");
	link = &client->channel.link;
	fastipc_lock(&client->lock);
	now = client->stats;
	now.size = stats->size < sizeof(now) ? stats->size : sizeof(now);
	now.sleeps = __atomic_load_n(&client->channel.sleeps, __ATOMIC_RELAXED);
	now.wakes = client->channel.wakes;
	now.checksum = link->checksum;
	now.peer_max_message = link->peer_max_message;
	now.ring_size = link->own.size;
	now.peer = link->cred;
	now.transport = "memfd";
	memcpy(stats, &now, now.size);
	fastipc_unlock(&client->lock);
	return 0;
}

/* ---- beginning and end ---- */

void fastipc_client_options_init(struct fastipc_client_options *options)
{
	*options = (struct fastipc_client_options){
		.size = sizeof(*options),
		.wait = FASTIPC_WAIT_ADAPTIVE,
		.checksum = FASTIPC_CHECKSUM_FULL,
		.ring_size = FASTIPC_RING_DEFAULT,
		.max_message = FASTIPC_MESSAGE_DEFAULT,
		.max_calls = 1024,
		.connect_timeout_ns = 5000000000ull,
	};
}

static int check_options(const struct fastipc_client_options *options)
{
	if (options->size < sizeof(*options))
		return fastipc_fail(
			-EINVAL,
			"options->size is %zu: use fastipc_client_options_init()",
			options->size);
	if (!options->max_calls || options->max_calls > CALLS_MOST)
		return fastipc_fail(-EINVAL, "max_calls must be 1 to %u",
				    CALLS_MOST);
	if (options->max_message > FASTIPC_MESSAGE_MAX)
		return fastipc_fail(-EINVAL, "max_message must be at most %u",
				    FASTIPC_MESSAGE_MAX);
	if (options->wait > FASTIPC_WAIT_BLOCK ||
	    options->checksum > FASTIPC_CHECKSUM_FULL)
		return fastipc_fail(-EINVAL,
				    "wait or checksum is none of its enum");
	return fastipc_ring_size_check(options->ring_size);
}

static int allocate_calls(struct fastipc_client *client, uint32_t max_calls)
{
	client->slots = 1;
	while (client->slots < max_calls) {
		client->slots *= 2;
		client->slot_bits++;
	}
	client->calls = calloc(client->slots, sizeof(*client->calls));
	client->free_slots =
		malloc(client->slots * sizeof(*client->free_slots));
	if (!client->calls || !client->free_slots)
		return fastipc_fail(-ENOMEM, "no memory for %u calls",
				    client->slots);
	for (uint32_t i = client->slots; i-- > 0;)
		client->free_slots[client->free_count++] = i;
	return 0;
}

static void free_client(struct fastipc_client *client)
{
	while (client->pool) {
		struct call *call = client->pool;

		client->pool = call->next;
		free(call);
	}
	fastipc_assembly_free(&client->assembly);
	fastipc_buffer_free(&client->scratch);
	free(client->calls);
	free(client->free_slots);
	free(client);
}

int fastipc_client_connect(const char *address,
			   const struct fastipc_client_options *options,
			   struct fastipc_client **result)
{
	struct fastipc_client_options defaults;
	struct fastipc_proposal proposal;
	struct fastipc_client *client;
	struct fastipc_link link;
	int error;

	if (!address || !result)
		return fastipc_fail(-EINVAL, "address and client are needed");
	fastipc_client_options_init(&defaults);
	if (!options)
		options = &defaults;
	error = check_options(options);
	if (error)
		return error;
	client = calloc(1, sizeof(*client));
	if (!client)
		return fastipc_fail(-ENOMEM, "no memory for a client");
	client->max_message = options->max_message;
	proposal = (struct fastipc_proposal){
		.checksum = options->checksum,
		.ring_size = options->ring_size,
		.max_message = options->max_message,
		.fingerprint = options->fingerprint,
	};
	error = allocate_calls(client, options->max_calls);
	if (!error)
		error = fastipc_handshake_connect(
			address, &proposal,
			fastipc_after_ns(options->connect_timeout_ns), &link);
	if (error) {
		free_client(client);
		return error;
	}
	fastipc_channel_init(&client->channel, &link, options->wait);
	*result = client;
	return 0;
}

void fastipc_client_close(struct fastipc_client *client)
{
	if (!client)
		return;
	fastipc_lock(&client->lock);
	fail_all(client, -ECANCELED);
	for (uint32_t slot = 0; slot < client->slots; slot++) {
		struct call *call = client->calls[slot];

		if (call && call->kept) {
			leave(client, call);
			pool_put(client, call);
		}
	}
	fastipc_unlock(&client->lock);
	fastipc_channel_fini(&client->channel);
	free_client(client);
}

void fastipc_buffer_free(struct fastipc_buffer *buffer)
{
	if (buffer->fixed)
		return;
	free(buffer->data);
	*buffer = (struct fastipc_buffer){ 0 };
}
