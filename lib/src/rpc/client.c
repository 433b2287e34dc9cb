// SPDX-License-Identifier: MIT
/*
 * The client's calls and one-way messages, as the application makes them; most
 * go a quick way.
 */
#include "rpc/client.h"

#include <stdlib.h>

#include "base/error.h"

/* Polls of a call's first spin: some microseconds. */
#define SPIN_FIRST 128
#define SEND_FLAGS (FASTIPC_MORE | FASTIPC_NOWAIT)

int fastipc_client_bad_message(const struct fastipc_client *client,
			       uint16_t type, const void *data, size_t size)
{
	if (!client || (!data && size))
		return fastipc_fail(-EINVAL, "%s is NULL",
				    client ? "data" : "client");
	if (type >= FASTIPC_TYPE_RESERVED)
		return fastipc_fail(
			-EINVAL, "message types from 0xFF00 on are reserved");
	return fastipc_fail(-EMSGSIZE, "no message may be longer than %u bytes",
			    FASTIPC_MESSAGE_MAX);
}

int fastipc_call_launch(struct fastipc_client *client, struct call *call,
			struct fastipc_outgoing *message, unsigned int flags,
			uint64_t deadline)
{
	uint32_t size = message->size;
	struct fastipc_packer *packer = fastipc_client_pack(client, message);
	int error;

	if (client->error)
		error = fastipc_client_over(client);
	else if (client->goaway)
		error = fastipc_client_draining();
	else
		error = fastipc_call_enter(client, call);
	if (error) {
		fastipc_client_packed(client, packer, message, 0, error);
		fastipc_cargo_drop(message->cargo);
		return error;
	}
	message->id = call->id;
	message->deadline = deadline;
	client->stats.calls++;
	error = fastipc_client_send(client, message, flags, deadline);
	fastipc_client_packed(client, packer, message, size, error);
	fastipc_cargo_drop(message->cargo);
	/* Its deadline, or the connection's end, may have ended it before. */
	if (error && fastipc_call_find(client, message->id)) {
		fastipc_call_leave(client, call);
		message->id = 0;
	}
	return error;
}

static int launch(struct fastipc_client *client, struct call *call,
		  uint16_t type, const void *data, size_t size,
		  unsigned int flags, uint64_t deadline)
{
	struct fastipc_outgoing message = {
		.data = data ? data : (const void *)"",
		.size = (uint32_t)size,
		.type = type,
	};

	return fastipc_call_launch(client, call, &message, flags, deadline);
}

/* ---- calls that are waited for ---- */

/* Nobody else is in the middle of anything, and nothing has gone wrong. */
FASTIPC_INLINE bool is_quiet(const struct fastipc_client *client)
{
	return !(client->error | client->leading | client->outbox.count |
		 client->armed | client->assembly.open | client->goaway |
		 client->in_callback) &&
	       client->free_count;
}

/* The first spin of a wait, with nothing else to look after. */
FASTIPC_INLINE bool spin_first(struct fastipc_client *client)
{
	struct fastipc_channel *channel = &client->channel;

	/* All this is done while the request is on its way. */
	if (!fastipc_wait_should_spin(&channel->wait) ||
	    !fastipc_channel_peer_elsewhere(channel))
		return false;
	fastipc_channel_settle(channel);
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

	if (fastipc_frame_peek_plain(&client->channel, &frame) ||
	    frame.id != call->id || !reply || frame.length > reply->capacity ||
	    frame.length > client->max_message)
		return 0;
	error = fastipc_frame_take(&client->channel, &frame, reply->data);
	fastipc_consumer_next(&client->channel.rx, frame.record);
	fastipc_consumer_release(&client->channel.rx);
	if (__builtin_expect(error, 0))
		return error;
	reply->size = frame.length;
	client->stats.replies++;
	client->stats.bytes_received += frame.length;
	client->ended++;
	fastipc_call_leave(client, call);
	return 1;
}

/* The server is told how long this end waits. */
static int push_with_deadline(struct fastipc_channel *channel,
			      uint64_t deadline,
			      struct fastipc_outgoing *message,
			      fastipc_encode_fn encode, const void *value)
{
	message->deadline = deadline;
	if (encode)
		return fastipc_frame_push_value(channel, message, encode, value,
						false);
	if (message->size + FASTIPC_DEADLINE_BLOCK >
	    fastipc_frame_payload_max(channel))
		return -EAGAIN;
	return fastipc_frame_push_timed(channel, message, false);
}

/*
 * The way that most calls go: nobody else uses the client now, request and
 * reply are one frame each, and the reply comes while this thread spins.
 * 1: the call is over, well; 0: nothing was done; -EINPROGRESS: it was sent,
 * the general path has to finish it.
 */
FASTIPC_INLINE int call_quickly(struct fastipc_client *client,
				struct call *call,
				struct fastipc_outgoing *message,
				fastipc_encode_fn encode, const void *value)
{
	struct fastipc_channel *channel = &client->channel;
	bool ready;
	int taken, error;

	if (__builtin_expect(!is_quiet(client) ||
				     message->size > channel->link.plain_max,
			     0))
		return 0;
	fastipc_call_enter(client, call);
	message->id = call->id;
	fastipc_channel_hold(channel);
	if (__builtin_expect(call->deadline != FASTIPC_NO_DEADLINE, 0))
		error = push_with_deadline(channel, call->deadline, message,
					   encode, value);
	else if (encode)
		error = fastipc_frame_push_value(channel, message, encode,
						 value, false);
	else
		error = fastipc_frame_push_plain(channel, message, false);
	if (__builtin_expect(error, 0)) {
		fastipc_channel_unhold(channel);
		fastipc_call_leave(client, call);
		return 0;
	}
	fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	fastipc_channel_unhold(channel);
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
		fastipc_client_fail_all(client, taken);
	return taken == 1 ? 1 : -EINPROGRESS;
}

/* The value is made where nobody waits for it, then sent. */
static int launch_value(struct fastipc_client *client, struct call *call,
			uint16_t type, fastipc_encode_fn encode,
			const void *value, uint64_t deadline)
{
	struct fastipc_outgoing message = { .type = type };
	struct fastipc_gather gather;
	int error = fastipc_value_gather(&client->outbox.spare, encode, value,
					 &gather, &message);

	if (error)
		return error;
	error = fastipc_call_launch(client, call, &message, 0, deadline);
	fastipc_value_free(&client->outbox.spare, gather.data);
	return error;
}

/* @encode NULL: of @size bytes at @value. */
FASTIPC_INLINE int call_and_wait(struct fastipc_client *client, uint16_t type,
				 fastipc_encode_fn encode, const void *value,
				 size_t size, struct fastipc_buffer *reply,
				 uint64_t deadline)
{
	struct fastipc_outgoing message = {
		.data = value ? value : (const void *)"",
		.size = (uint32_t)size,
		.type = type,
	};
	struct call call;
	int error;

	call.reply = reply;
	call.delivery = NULL;
	call.done = NULL;
	call.deadline = deadline;
	call.state = CALL_PENDING;
	call.status = 0;
	call.sending = false;
	call.waited = false;
	call.kept = false;
	call.reason[0] = '\0';
	fastipc_lock(&client->lock);
	error = call_quickly(client, &call, &message, encode, value);
	if (__builtin_expect(error != 1, 0)) {
		if (!error && encode)
			error = launch_value(client, &call, type, encode, value,
					     deadline);
		else if (!error)
			error = launch(client, &call, type, value, size, 0,
				       deadline);
		if (!error || error == -EINPROGRESS)
			error = fastipc_call_finish(client, &call);
		fastipc_client_leave(client);
		fastipc_channel_settle(&client->channel);
	} else {
		error = 0;
		/* An event loop may have begun meanwhile. */
		fastipc_client_leave(client);
	}
	if (__builtin_expect(client->followers != NULL, 0))
		fastipc_client_promote(client);
	fastipc_unlock(&client->lock);
	return error;
}

int fastipc_client_call(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size,
			struct fastipc_buffer *reply, uint64_t deadline)
{
	int error = fastipc_client_check_message(client, type, data, size);

	if (__builtin_expect(error, 0))
		return error;
	return call_and_wait(client, type, NULL, data, size, reply, deadline);
}

int fastipc_client_call_value(struct fastipc_client *client, uint16_t type,
			      fastipc_encode_fn encode, const void *value,
			      struct fastipc_buffer *reply, uint64_t deadline)
{
	int error = fastipc_client_check_message(client, type, value, 0);

	if (!error && !encode)
		error = fastipc_fail(-EINVAL, "encode is NULL");
	if (__builtin_expect(error, 0))
		return error;
	return call_and_wait(client, type, encode, value, 0, reply, deadline);
}

int fastipc_client_ping(struct fastipc_client *client, uint64_t deadline,
			uint64_t *rtt_ns)
{
	uint64_t start = fastipc_now_ns();
	int error;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	error = call_and_wait(client, FASTIPC_TYPE_PING, NULL, NULL, 0, NULL,
			      deadline);
	if (!error && rtt_ns)
		*rtt_ns = fastipc_now_ns() - start;
	return error;
}

/* ---- one-way messages ---- */

/* A one-way message in one frame, with nothing in its way. */
FASTIPC_INLINE bool post_quickly(struct fastipc_client *client, uint16_t type,
				 const void *data, uint32_t size, bool more)
{
	const struct fastipc_outgoing message = {
		.data = data,
		.size = size,
		.type = type,
	};
	struct fastipc_channel *channel = &client->channel;

	if (__builtin_expect(
		    (client->error | client->goaway) || client->outbox.count ||
			    size > channel->link.plain_max ||
			    fastipc_frame_push_plain(channel, &message, more),
		    0))
		return false;
	client->stats.bytes_sent += size;
	fastipc_producer_prepare(&channel->tx);
	if (!more)
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	return true;
}

static int post_message(struct fastipc_client *client,
			struct fastipc_outgoing *message, unsigned int flags,
			uint64_t deadline)
{
	uint32_t size = message->size;
	struct fastipc_packer *packer = fastipc_client_pack(client, message);
	int error = fastipc_client_send(client, message, flags, deadline);

	fastipc_client_packed(client, packer, message, size, error);
	fastipc_client_move_on(client);
	fastipc_client_promote(client);
	fastipc_client_leave(client);
	return error;
}

static __attribute__((noinline)) int
post_slowly(struct fastipc_client *client, uint16_t type, const void *data,
	    uint32_t size, unsigned int flags, uint64_t deadline)
{
	struct fastipc_outgoing message = {
		.data = data,
		.size = size,
		.type = type,
	};

	return post_message(client, &message, flags, deadline);
}

int fastipc_client_post(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size, unsigned int flags,
			uint64_t deadline)
{
	int error = fastipc_client_check_message(client, type, data, size);

	if (__builtin_expect(error, 0))
		return error;
	if (__builtin_expect(flags & ~SEND_FLAGS, 0))
		return fastipc_fail(-EINVAL, "unknown flags 0x%x", flags);
	if (!data)
		data = "";
	fastipc_lock(&client->lock);
	if (__builtin_expect(!post_quickly(client, type, data, (uint32_t)size,
					   flags & FASTIPC_MORE),
			     0))
		error = post_slowly(client, type, data, (uint32_t)size, flags,
				    deadline);
	fastipc_unlock(&client->lock);
	return error;
}

int fastipc_client_post_value(struct fastipc_client *client, uint16_t type,
			      fastipc_encode_fn encode, const void *value,
			      unsigned int flags, uint64_t deadline)
{
	struct fastipc_outgoing message = { .type = type };
	struct fastipc_gather gather;
	int error = fastipc_client_check_message(client, type, value, 0);
	bool done;

	if (error)
		return error;
	if (!encode || flags & ~SEND_FLAGS)
		return fastipc_fail(-EINVAL,
				    "encode is NULL, or flags are unknown");
	fastipc_lock(&client->lock);
	done = !client->error && !client->goaway && !client->outbox.count &&
	       !fastipc_frame_push_value(&client->channel, &message, encode,
					 value, flags & FASTIPC_MORE);
	if (done) {
		client->stats.bytes_sent += message.size;
		if (!(flags & FASTIPC_MORE))
			fastipc_channel_notify(&client->channel,
					       FASTIPC_WANT_DATA);
	}
	fastipc_unlock(&client->lock);
	if (__builtin_expect(done, 1))
		return 0;
	error = fastipc_value_gather(&client->outbox.spare, encode, value,
				     &gather, &message);
	if (error)
		return error;
	fastipc_lock(&client->lock);
	error = post_message(client, &message, flags, deadline);
	fastipc_unlock(&client->lock);
	fastipc_value_free(&client->outbox.spare, gather.data);
	return error;
}

int fastipc_client_flush(struct fastipc_client *client)
{
	int error = 0;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	fastipc_lock(&client->lock);
	if (client->error) {
		error = fastipc_client_over(client);
	} else {
		fastipc_producer_publish(&client->channel.tx);
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
		fastipc_client_move_on(client);
		fastipc_client_leave(client);
	}
	fastipc_unlock(&client->lock);
	return error;
}

/* ---- calls that are started ---- */

void fastipc_call_options_init(struct fastipc_call_options *options)
{
	*options = (struct fastipc_call_options){ .size = sizeof(*options) };
}

/* On error the attachment's loan is gone. */
static int prepare(struct fastipc_client *client,
		   const struct fastipc_call_options *options, const void *data,
		   size_t size, const uint64_t *id,
		   struct fastipc_outgoing *message)
{
	bool ping = message->type == FASTIPC_TYPE_PING && !size;
	int error = fastipc_client_check_message(
		client, ping ? 0 : message->type, data, size);

	if (!error && !id)
		error = fastipc_fail(-EINVAL, "id is NULL");
	if (!error && ping && options->attachment)
		error = fastipc_fail(-EINVAL, "nothing goes along with a ping");
	if (!error)
		return fastipc_client_attach(client, options->attachment,
					     message);
	if (options->attachment)
		fastipc_loan_free(options->attachment->loan);
	return error;
}

int fastipc_client_start(struct fastipc_client *client, uint16_t type,
			 const void *data, size_t size,
			 const struct fastipc_call_options *options,
			 uint64_t *id)
{
	struct fastipc_outgoing message = {
		.data = data ? data : (const void *)"",
		.size = (uint32_t)size,
		.type = type,
	};
	struct call *call;
	int error;

	if (!options || options->size < sizeof(*options))
		return fastipc_fail(-EINVAL,
				    "options (initialised) are needed");
	if (options->delivery)
		*options->delivery = NULL;
	error = prepare(client, options, data, size, id, &message);
	if (error)
		return error;
	fastipc_lock(&client->lock);
	call = fastipc_call_alloc(client);
	if (!call) {
		fastipc_unlock(&client->lock);
		fastipc_cargo_drop(message.cargo);
		return fastipc_fail(-ENOMEM, "no memory for another call");
	}
	*call = (struct call){
		.reply = options->done ? NULL : options->reply,
		.delivery = options->delivery,
		.done = options->done,
		.context = options->context,
		.deadline = options->deadline,
		.kept = !options->done,
	};
	error = fastipc_call_launch(client, call, &message, options->flags,
				    options->deadline);
	/* From here on a call with a callback may have ended, and be no more. */
	if (error && !message.id) {
		fastipc_call_free(client, call);
	} else {
		*id = message.id;
		if (!error && options->done)
			fastipc_client_add_deadline(client, options->deadline);
		error = 0;
	}
	fastipc_client_move_on(client);
	fastipc_client_promote(client);
	fastipc_client_leave(client);
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
	call = fastipc_call_find(client, id);
	if (!call || !call->kept) {
		error = fastipc_fail(
			-ENOENT,
			"no call of this id was started without a callback");
	} else {
		error = fastipc_call_finish(client, call);
		if (error != -EDEADLK) {
			fastipc_call_leave(client, call);
			fastipc_call_free(client, call);
		}
		fastipc_client_leave(client);
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
	call = fastipc_call_find_pending(client, id);
	if (call) {
		fastipc_client_send_cancel(client, id);
		fastipc_call_complete(client, call, -ECANCELED, NULL, 0);
	}
	fastipc_unlock(&client->lock);
	return call ? 0 : fastipc_fail(-ENOENT, "the call has ended already");
}
