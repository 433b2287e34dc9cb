// SPDX-License-Identifier: MIT
/*
 * What the server sends: replies straight into the ring, and what does not
 * fit from a backlog, so that a client that does not read holds nobody up.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "rpc/server.h"

#define ERROR_TEXT_MAX 256u

/*
 * The ring is full in the middle of a message: a client that reads makes room
 * at memory speed.  Worth a short spin if it runs on another CPU (it may have
 * to be woken first); never more than the cost of a few wake-ups.
 */
static bool spin_for_space(struct connection *connection)
{
	struct fastipc_channel *channel = &connection->channel;
	uint64_t budget = fastipc_wait_budget(&connection->worker->wait);
	uint64_t start = 0;

	if (!fastipc_channel_peer_elsewhere(channel))
		return false;
	for (;;) {
		for (int i = 0; i < 256; i++) {
			if (fastipc_channel_ready(channel, FASTIPC_WANT_SPACE))
				return true;
			fastipc_cpu_relax();
		}
		if (!start)
			start = fastipc_now_ns();
		else if (fastipc_now_ns() - start > budget)
			return false;
	}
}

/* From here on the client has stall_timeout_ns to make room. */
static void stamp_backlog(struct connection *connection)
{
	__atomic_store_n(&connection->backlog_since, fastipc_now_ns(),
			 __ATOMIC_RELAXED);
}

/* The next one does not allocate again, unless it is larger. */
static void keep(struct connection *connection, struct parcel *parcel)
{
	if (parcel->capacity > FASTIPC_KEPT_MOST) {
		fastipc_stash_put(&connection->worker->stash, parcel,
				  sizeof(*parcel) + parcel->capacity);
	} else if (connection->spare &&
		   connection->spare->capacity >= parcel->capacity) {
		free(parcel);
	} else {
		free(connection->spare);
		connection->spare = parcel;
	}
}

static struct parcel *make_large(struct connection *connection,
				 const struct fastipc_outgoing *message)
{
	size_t size = sizeof(struct parcel) + message->size, capacity;
	struct parcel *parcel =
		fastipc_stash_take(&connection->worker->stash, size, &capacity);

	if (parcel)
		fastipc_parcel_fill(parcel,
				    (uint32_t)(capacity - sizeof(*parcel)),
				    message);
	return parcel;
}

/* An answer that could not go with its cargo is another answer. */
static void retire(struct parcel *parcel, void *context)
{
	struct connection *connection = context;
	const struct fastipc_outgoing message = parcel->message;
	int error = parcel->error;

	keep(connection, parcel);
	if (error)
		fastipc_connection_send_error(connection, message.type,
					      message.id, error,
					      FASTIPC_CARGO_FAILED, false);
}

static struct parcel *make_parcel(struct connection *connection,
				  const struct fastipc_outgoing *message)
{
	uint32_t left = message->size - message->offset;
	struct parcel *spare = connection->spare;

	if (left > FASTIPC_KEPT_MOST)
		return make_large(connection, message);
	if (!spare || spare->capacity < left)
		return fastipc_parcel_make(message);
	connection->spare = NULL;
	fastipc_parcel_fill(spare, spare->capacity, message);
	return spare;
}

void fastipc_connection_queued(struct connection *connection, bool from_worker)
{
	if (connection->outbox.count == 1)
		stamp_backlog(connection);
	if (!from_worker)
		fastipc_worker_post(connection->worker, connection,
				    EVENT_BACKLOG);
}

/* Keep what is left of @message until there is room. */
static int put_aside(struct connection *connection,
		     struct fastipc_outgoing *message, bool from_worker)
{
	bool large = message->size >
		     fastipc_frame_payload_max(&connection->channel);
	struct parcel *parcel = make_parcel(connection, message);

	if (!parcel)
		return fastipc_fail(-ENOMEM,
				    "no memory to keep a reply of %u bytes",
				    message->size - message->offset);
	message->cargo = NULL; /* the parcel has it */
	parcel->done = retire;
	fastipc_outbox_add(&connection->outbox,
			   large ? &connection->outbox.large : NULL, parcel);
	fastipc_connection_queued(connection, from_worker);
	return 0;
}

/*
 * A message cannot be sent, or not to its end: the client lies about what it
 * has read, or memory is short.  Better no connection than a wrong one, or a
 * client that waits for ever.  The rendezvous thread sees the hang-up.
 */
int fastipc_connection_abandon(struct connection *connection, int error)
{
	if (error == -EPROTO)
		__atomic_store_n(&connection->lied, true, __ATOMIC_RELAXED);
	fastipc_link_hang_up(&connection->channel.link);
	return error;
}

/* Whether @message may go now, before what is in the outbox. */
static bool may_go(const struct connection *connection,
		   const struct fastipc_outgoing *message)
{
	if (message->size > fastipc_frame_payload_max(&connection->channel))
		return fastipc_outbox_is_empty(&connection->outbox);
	return fastipc_outbox_lets_by(&connection->outbox, message);
}

int fastipc_connection_send_slowly(struct connection *connection,
				   struct fastipc_outgoing *message,
				   bool from_worker)
{
	struct fastipc_channel *channel = &connection->channel;
	int error = -EAGAIN;

	if (__builtin_expect(connection->dead, 0))
		return fastipc_fail(-EPIPE, "the client is gone");
	if (__builtin_expect(may_go(connection, message), 1))
		error = message->cargo
				? fastipc_frame_push_slowly(channel, message,
							    false)
				: fastipc_frame_push(channel, message, false);
	if (__builtin_expect(error == -EAGAIN, 0)) {
		while (error == -EAGAIN && from_worker && message->offset &&
		       spin_for_space(connection))
			error = fastipc_frame_push(channel, message, false);
		if (error == -EAGAIN)
			error = put_aside(connection, message, from_worker);
	}
	/* What cannot go along is no reason: nothing was sent. */
	if (__builtin_expect(error && message->cargo && error != -EPROTO, 0))
		return error;
	if (__builtin_expect(error, 0))
		return fastipc_connection_abandon(connection, error);
	fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	return 0;
}

int fastipc_connection_send_error(struct connection *connection, uint16_t type,
				  uint64_t id, int error, const char *text,
				  bool from_worker)
{
	unsigned char payload[sizeof(int32_t) + ERROR_TEXT_MAX];
	uint32_t code = htole32((uint32_t)error);
	size_t length = text ? strnlen(text, ERROR_TEXT_MAX) : 0;
	struct fastipc_outgoing message = {
		.data = payload,
		.size = (uint32_t)(sizeof(code) + length),
		.id = id,
		.type = type,
		.flags = FASTIPC_FRAME_ERROR,
	};

	memcpy(payload, &code, sizeof(code));
	if (length)
		memcpy(payload + sizeof(code), text, length);
	return fastipc_connection_send(connection, &message, from_worker);
}

bool fastipc_connection_flush_backlog(struct connection *connection)
{
	struct fastipc_channel *channel = &connection->channel;
	bool moved;
	int error;

	if (connection->dead)
		return false;
	error = fastipc_outbox_push(&connection->outbox, channel, connection,
				    &moved);
	if (error && error != -EAGAIN && error != -EINPROGRESS)
		fastipc_connection_abandon(connection, error);
	if (moved) {
		stamp_backlog(connection);
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	}
	return moved;
}
