// SPDX-License-Identifier: MIT
/*
 * The client's loans and descriptors: what goes along with its requests, and
 * what comes with replies.
 */
#include <stdlib.h>

#include "base/error.h"
#include "rpc/client.h"
#include "rpc/delivery.h"
#include "transport/passing.h"

/* A thread that waits for room in the area, as for a call. */
struct loan_waiter {
	struct call call;
	struct loan_waiter *next;
};

static void unlock(struct fastipc_client *client)
{
	fastipc_client_check(client);
	/* The channel of a client that was closed has no link any more. */
	if (!client->error)
		fastipc_channel_settle(&client->channel);
	fastipc_client_promote(client);
	fastipc_client_leave(client);
	fastipc_unlock(&client->lock);
}

/* ---- lending ---- */

void fastipc_client_wake_borrowers(struct fastipc_client *client)
{
	struct loan_waiter *waiter = client->loan_waiters;

	client->loan_waiters = NULL;
	while (waiter) {
		struct loan_waiter *next = waiter->next;

		fastipc_call_done(client, &waiter->call);
		waiter = next;
	}
}

int fastipc_client_take_return(struct fastipc_client *client, uint64_t id)
{
	int error = fastipc_loans_returned(client->loans, id);

	if (!error) {
		fastipc_client_wake_borrowers(client);
		fastipc_streams_loan_returned(&client->streams);
	}
	return error;
}

/* The leader looks, or who becomes it. */
void fastipc_client_tell_room(void *context)
{
	struct fastipc_client *client = context;

	__atomic_store_n(&client->room, true, __ATOMIC_RELAXED);
	fastipc_client_wake_leader(client);
}

void fastipc_client_use_room(struct fastipc_client *client)
{
	__atomic_store_n(&client->room, false, __ATOMIC_RELAXED);
	fastipc_client_wake_borrowers(client);
	fastipc_streams_loan_returned(&client->streams);
	fastipc_streams_run(&client->streams);
}

static int wait_for_room(struct fastipc_client *client, uint64_t deadline)
{
	struct loan_waiter waiter = {
		.call = { .state = CALL_PENDING },
		.next = client->loan_waiters,
	};
	struct loan_waiter **link = &client->loan_waiters;
	int error;

	client->loan_waiters = &waiter;
	error = fastipc_call_await(client, &waiter.call, deadline);
	if (!error)
		return 0;
	while (*link != &waiter)
		link = &(*link)->next;
	*link = waiter.next;
	return fastipc_fail(error, "the server gave nothing back in time");
}

int fastipc_client_loan(struct fastipc_client *client, size_t size,
			uint64_t deadline, struct fastipc_loan **loan)
{
	int error;

	if (!client || !loan)
		return fastipc_fail(-EINVAL, "client and loan are needed");
	fastipc_lock(&client->lock);
	do {
		error = client->error
				? fastipc_client_over(client)
				: fastipc_loans_take(client->loans, size, loan);
		if (error != -EAGAIN || fastipc_client_in_own_callback(client))
			break;
		error = wait_for_room(client, deadline);
	} while (!error);
	unlock(client);
	return error;
}

/* ---- sending ---- */

int fastipc_client_attach(struct fastipc_client *client,
			  const struct fastipc_attachment *attachment,
			  struct fastipc_outgoing *message)
{
	uint32_t most;

	if (!attachment)
		return 0;
	most = fastipc_cargo_message_max(&client->channel);
	if (message->size <= most)
		return fastipc_loans_attach(client->loans, &client->channel,
					    attachment, &message->cargo);
	fastipc_loan_free(attachment->loan);
	return fastipc_fail(-EMSGSIZE,
			    "a message with something along has %u bytes at "
			    "most: lend the rest",
			    most);
}

/* On error the attachment's loan is gone. */
static int make_message(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size,
			const struct fastipc_attachment *attachment,
			struct fastipc_outgoing *message)
{
	int error = fastipc_client_check_message(client, type, data, size);

	*message = (struct fastipc_outgoing){
		.data = data ? data : (const void *)"",
		.size = (uint32_t)size,
		.type = type,
	};
	if (!error)
		return fastipc_client_attach(client, attachment, message);
	if (attachment)
		fastipc_loan_free(attachment->loan);
	return error;
}

int fastipc_client_call_with(struct fastipc_client *client, uint16_t type,
			     const void *data, size_t size,
			     const struct fastipc_attachment *attachment,
			     struct fastipc_buffer *reply,
			     struct fastipc_delivery **delivery,
			     uint64_t deadline)
{
	struct call call = {
		.reply = reply,
		.delivery = delivery,
		.deadline = deadline,
		.state = CALL_PENDING,
	};
	struct fastipc_outgoing message;
	int error;

	if (delivery)
		*delivery = NULL;
	error = make_message(client, type, data, size, attachment, &message);
	if (error)
		return error;
	fastipc_lock(&client->lock);
	error = fastipc_call_launch(client, &call, &message, 0, deadline);
	if (!error)
		error = fastipc_call_finish(client, &call);
	unlock(client);
	return error;
}

int fastipc_client_post_with(struct fastipc_client *client, uint16_t type,
			     const void *data, size_t size,
			     const struct fastipc_attachment *attachment,
			     uint64_t deadline)
{
	struct fastipc_outgoing message;
	int error =
		make_message(client, type, data, size, attachment, &message);

	if (error)
		return error;
	fastipc_lock(&client->lock);
	error = fastipc_client_send(client, &message, 0, deadline);
	fastipc_cargo_drop(message.cargo);
	fastipc_client_move_on(client);
	unlock(client);
	return error;
}

/* ---- receiving ---- */

int fastipc_client_check_passing(const struct fastipc_client *client)
{
	const struct fastipc_channel *channel = &client->channel;

	if (__builtin_expect(!channel->link.passing, 1))
		return 0;
	return fastipc_passing_check(channel->link.passing, channel->rx.head);
}

/* Whose it is: the call's, or nobody's, and then it goes back. */
static void deliver(struct fastipc_client *client, struct call *call,
		    const struct fastipc_frame *frame,
		    struct fastipc_delivery *delivery, int status)
{
	if (!status && delivery && call && call->delivery) {
		delivery->streams = &client->streams;
		client->references++;
		*call->delivery = delivery;
		return;
	}
	fastipc_delivery_free(delivery);
	if (frame->lends)
		fastipc_streams_give_back(&client->streams, frame->piece.id);
}

/* The reply's bytes, to where its call wants them. */
static int take_bytes(struct fastipc_client *client,
		      const struct fastipc_frame *frame,
		      struct fastipc_buffer *to, int *status)
{
	if (frame->length > client->max_message)
		*status = -EMSGSIZE;
	else if (!*status)
		*status = fastipc_buffer_fit(to, frame->length);
	return *status ? 0
		       : fastipc_frame_take(&client->channel, frame, to->data);
}

int fastipc_client_take_laden(struct fastipc_client *client,
			      const struct fastipc_frame *frame)
{
	struct call *call = fastipc_call_find_pending(client, frame->id);
	struct fastipc_buffer *to = call && call->reply ? call->reply
							: &client->scratch;
	struct fastipc_delivery *delivery;
	int status =
		fastipc_delivery_receive(&client->channel, frame, &delivery);
	int error = 0;

	if (status == -EPROTO || fastipc_call_is_early(call, frame) ||
	    (client->assembly.open && frame->id == client->assembly.id)) {
		fastipc_delivery_free(delivery);
		return -EPROTO;
	}
	if (call)
		error = take_bytes(client, frame, to, &status);
	fastipc_frame_release(&client->channel, frame);
	if (error) {
		fastipc_delivery_free(delivery);
		return error;
	}
	deliver(client, call, frame, delivery, status);
	if (!call) {
		client->stats.late_replies++;
		return 0;
	}
	client->stats.replies++;
	client->stats.bytes_received += frame->length;
	fastipc_call_complete(client, call, status, status ? NULL : to->data,
			      status ? 0 : frame->length);
	return 0;
}
