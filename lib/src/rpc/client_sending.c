// SPDX-License-Identifier: MIT
/*
 * The client's outgoing messages: into the ring at once if nothing is before
 * them, or from the outbox, by whoever leads.
 */
#include "rpc/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/futex.h"

/* A deadline that has passed. */
#define DUE 1u

/* A message of a thread that waits until it is sent. */
struct sending {
	struct call waiter;
	struct parcel parcel;
};

static void mark(struct fastipc_client *client, uint64_t id, bool sending)
{
	struct call *call = id ? fastipc_call_find_pending(client, id) : NULL;

	if (call)
		call->sending = sending;
}

static void sent(struct parcel *parcel, void *context)
{
	struct sending *sending =
		(struct sending *)((char *)parcel -
				   offsetof(struct sending, parcel));

	/* From here on it may be answered, perhaps before its thread runs. */
	mark(context, parcel->message.id, false);
	fastipc_call_done(context, &sending->waiter);
}

static const char cargo_failed[] = "what was to go along could not be sent";

/*
 * Callbacks run where all deadlines are looked at, without the lock: here others
 * are in the middle of something.
 */
static void fail_call(struct fastipc_client *client, uint64_t id, int error)
{
	struct call *call = fastipc_call_find_pending(client, id);

	if (!call)
		return;
	snprintf(call->reason, sizeof(call->reason), "%s: %s", cargo_failed,
		 fastipc_strerror(error));
	if (!call->done) {
		fastipc_call_complete(client, call, error, NULL, 0);
		return;
	}
	call->status = error;
	call->deadline = DUE;
	fastipc_client_add_deadline(client, DUE);
	client->unarmed |= client->armed && !__libc_single_threaded;
}

/* A message that nobody waits for. */
static void gone(struct parcel *parcel, void *context)
{
	if (parcel->error)
		fail_call(context, parcel->message.id, parcel->error);
	free(parcel);
}

/* -EINPROGRESS: there is more, and perhaps room. */
static int push(struct fastipc_client *client, bool *moved)
{
	int error;

	*moved = false;
	if (fastipc_outbox_is_empty(&client->outbox) || client->error)
		return 0;
	error = fastipc_outbox_push(&client->outbox, &client->channel, client,
				    moved);
	if (*moved)
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
	if (error && error != -EAGAIN && error != -EINPROGRESS &&
	    !client->broken)
		client->broken = error;
	return error;
}

bool fastipc_client_push_some(struct fastipc_client *client)
{
	bool moved;

	push(client, &moved);
	return moved;
}

bool fastipc_client_push_outbox(struct fastipc_client *client)
{
	uint64_t size = client->channel.tx.size;
	bool moved, any = false;
	int error = -EINPROGRESS;

	for (uint64_t done = 0; error == -EINPROGRESS && done < size;
	     done += FASTIPC_OUTBOX_TURN) {
		error = push(client, &moved);
		any |= moved;
	}
	return any;
}

void fastipc_client_wake_leader(struct fastipc_client *client)
{
	__atomic_fetch_add(&client->kick, 1, __ATOMIC_RELEASE);
	/* Over kmod it sleeps in the module, which does not watch the word. */
	if (client->channel.link.kmod)
		fastipc_link_kick(client->channel.link.endpoint);
	else
		fastipc_local_wake(&client->kick);
}

void fastipc_client_kick(struct fastipc_client *client)
{
	if (client->leading)
		fastipc_client_wake_leader(client);
	else if (client->armed)
		fastipc_client_arm_for_space(client);
}

void fastipc_client_send_cancel(struct fastipc_client *client, uint64_t id)
{
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)"",
		.type = FASTIPC_TYPE_CANCEL,
		.id = id,
	};

	/* Best effort: without room the server finds out by itself. */
	if (!client->error && !client->outbox.small &&
	    fastipc_frame_push(&client->channel, &message, false) == 0)
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
}

/* A message half sent is given up: the server must know before the next. */
static int abort_message(struct fastipc_client *client, uint64_t id)
{
	const struct fastipc_outgoing message = {
		.data = (const unsigned char *)"",
		.type = FASTIPC_TYPE_CANCEL,
		.id = id,
	};
	struct parcel *parcel = fastipc_parcel_make(&message);

	if (!parcel)
		return -ENOMEM;
	fastipc_outbox_add(&client->outbox, NULL, parcel);
	fastipc_client_push_outbox(client);
	return 0;
}

/* Wait in the outbox. */
static int send_later(struct fastipc_client *client,
		      struct fastipc_outgoing *message, bool small,
		      uint64_t deadline)
{
	struct sending sending = {
		.parcel = { .message = *message, .done = sent },
	};
	int error;

	message->cargo = NULL; /* the parcel has it */
	fastipc_producer_publish(&client->channel.tx);
	fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
	mark(client, message->id, true);
	fastipc_outbox_add(&client->outbox,
			   small ? NULL : &client->outbox.large,
			   &sending.parcel);
	fastipc_client_push_some(client);
	fastipc_client_kick(client);
	error = fastipc_call_await(client, &sending.waiter, deadline);
	if (!error && client->error)
		return fastipc_client_over(client);
	if (!error && sending.parcel.error)
		return fastipc_fail(sending.parcel.error, "%s: %s",
				    cargo_failed,
				    fastipc_strerror(sending.parcel.error));
	if (!error)
		return 0;
	fastipc_outbox_remove(&client->outbox, &sending.parcel);
	fastipc_cargo_drop(sending.parcel.message.cargo);
	if (sending.parcel.message.offset &&
	    abort_message(client, message->id)) {
		fastipc_client_fail_all(client, -ENOMEM);
		return fastipc_client_over(client);
	}
	return error;
}

/* In a callback, or as told: a large one goes on by itself, and a call of
 * those that are told not to wait, of which max_calls is the limit. */
static int send_without_waiting(struct fastipc_client *client,
				struct fastipc_outgoing *message, bool small,
				bool told)
{
	struct parcel *parcel;

	if ((small || !fastipc_outbox_is_empty(&client->outbox)) &&
	    !(told && message->id))
		return fastipc_fail(-EAGAIN, "no room to send now, and %s",
				    told ? "the caller does not wait"
					 : "a callback must not wait");
	parcel = fastipc_parcel_make(message);
	if (!parcel)
		return fastipc_fail(-ENOMEM, "no memory to send %u bytes later",
				    message->size);
	message->cargo = NULL; /* the parcel has it */
	parcel->done = gone;
	fastipc_outbox_add(&client->outbox,
			   small ? NULL : &client->outbox.large, parcel);
	fastipc_client_push_outbox(client);
	fastipc_client_kick(client);
	return 0;
}

static int send_now(struct fastipc_client *client,
		    struct fastipc_outgoing *message, bool small, bool more)
{
	if (!small || !fastipc_outbox_lets_by(&client->outbox, message))
		return -EAGAIN;
	if (message->deadline || message->cargo)
		return fastipc_frame_push_timed(&client->channel, message,
						more);
	return fastipc_frame_push(&client->channel, message, more);
}

struct fastipc_packer *fastipc_client_pack(struct fastipc_client *client,
					   struct fastipc_outgoing *message)
{
	struct fastipc_packer *packer;

	if (!fastipc_packing_wants(&client->packing, message->size) ||
	    message->cargo)
		return NULL;
	/* It may take long, and is nobody else's business. */
	fastipc_unlock(&client->lock);
	packer = fastipc_packer_borrow(client->compression);
	if (packer && !fastipc_pack(&client->packing, packer, message)) {
		fastipc_packer_return(client->compression, packer);
		packer = NULL;
	}
	fastipc_lock(&client->lock);
	return packer;
}

void fastipc_client_packed(struct fastipc_client *client,
			   struct fastipc_packer *packer,
			   const struct fastipc_outgoing *message,
			   uint32_t size, int error)
{
	struct fastipc_client_stats *stats = &client->stats;

	if (!packer)
		return;
	if (!error) {
		stats->bytes_sent += size - message->size;
		fastipc_compressed_add(&stats->compressed_sent, size,
				       message->size);
	}
	fastipc_packer_return(client->compression, packer);
}

int fastipc_client_send(struct fastipc_client *client,
			struct fastipc_outgoing *message, unsigned int flags,
			uint64_t deadline)
{
	bool more = flags & FASTIPC_MORE, told = flags & FASTIPC_NOWAIT;
	bool small = message->size +
			     (message->deadline ? FASTIPC_DEADLINE_BLOCK : 0) <=
		     fastipc_frame_payload_max(&client->channel);
	int error;

	if (__builtin_expect(
		    message->size > client->channel.link.peer_max_message, 0))
		return fastipc_fail(
			-EMSGSIZE,
			"the message has %u bytes, the server's limit is %u: send less, or raise the server's max_message",
			message->size, client->channel.link.peer_max_message);
	if (__builtin_expect(client->error, 0))
		return fastipc_client_over(client);
	if (__builtin_expect(client->goaway, 0))
		return fastipc_client_draining();
	error = send_now(client, message, small, more);
	if (error == -EAGAIN &&
	    (told || fastipc_client_in_own_callback(client)))
		error = send_without_waiting(client, message, small, told);
	else if (error == -EAGAIN)
		error = send_later(client, message, small, deadline);
	if (error == -ETIMEDOUT)
		return fastipc_fail(
			-ETIMEDOUT,
			"the server did not take the message in time");
	if (error == -EPROTO) {
		fastipc_client_fail_all(client, error);
		return fastipc_client_over(client);
	}
	if (error)
		return error;
	client->stats.bytes_sent += message->size;
	if (!more)
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
	return 0;
}
