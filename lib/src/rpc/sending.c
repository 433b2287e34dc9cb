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
/* A larger backlog is not kept for the next one. */
#define SPARE_MOST (1u << 20)

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

static void set_backlog(struct connection *connection, struct backlog *first)
{
	__atomic_store_n(&connection->backlog, first, __ATOMIC_RELAXED);
}

/* From here on the client has stall_timeout_ns to make room. */
static void stamp_backlog(struct connection *connection)
{
	__atomic_store_n(&connection->backlog_since, fastipc_now_ns(),
			 __ATOMIC_RELAXED);
}

/* The next backlog does not allocate again, unless it is larger. */
static void retire(struct connection *connection, struct backlog *backlog)
{
	if (backlog->capacity > SPARE_MOST ||
	    (connection->spare &&
	     connection->spare->capacity >= backlog->capacity)) {
		free(backlog);
		return;
	}
	free(connection->spare);
	connection->spare = backlog;
}

static struct backlog *take_backlog(struct connection *connection,
				    uint32_t size)
{
	struct backlog *backlog = connection->spare;

	if (backlog && backlog->capacity >= size) {
		connection->spare = NULL;
		return backlog;
	}
	backlog = malloc(sizeof(*backlog) + size);
	if (backlog)
		backlog->capacity = size;
	return backlog;
}

/* Keep what is left of @message until there is room. */
static int put_aside(struct connection *connection,
		     const struct fastipc_outgoing *message, bool from_worker)
{
	uint32_t left = message->size - message->offset;
	/* Room for the whole: the next of its size may have more left. */
	struct backlog *backlog = take_backlog(connection, message->size);

	if (!backlog)
		return fastipc_fail(
			-ENOMEM, "no memory to keep a reply of %u bytes", left);
	memcpy(backlog->bytes, message->data + message->offset, left);
	backlog->message = *message;
	/* The bytes already sent are not kept: data - offset is their place. */
	backlog->message.data = backlog->bytes - message->offset;
	backlog->next = NULL;
	if (connection->backlog) {
		connection->backlog_last->next = backlog;
	} else {
		stamp_backlog(connection);
		set_backlog(connection, backlog);
	}
	connection->backlog_last = backlog;
	if (!from_worker)
		fastipc_worker_post(connection->worker, connection,
				    EVENT_BACKLOG);
	return 0;
}

/*
 * A message cannot be sent, or not to its end: the client lies about what it
 * has read, or memory is short.  Better no connection than a wrong one, or a
 * client that waits for ever.  The rendezvous thread sees the hang-up.
 */
static int abandon(struct connection *connection, int error)
{
	if (error == -EPROTO)
		__atomic_store_n(&connection->lied, true, __ATOMIC_RELAXED);
	fastipc_link_hang_up(&connection->channel.link);
	return error;
}

int fastipc_connection_send_slowly(struct connection *connection,
				   struct fastipc_outgoing *message,
				   bool from_worker)
{
	struct fastipc_channel *channel = &connection->channel;
	int error = -EAGAIN;

	if (__builtin_expect(connection->dead, 0))
		return fastipc_fail(-EPIPE, "the client is gone");
	if (__builtin_expect(!connection->backlog, 1))
		error = fastipc_frame_push(channel, message, false);
	if (__builtin_expect(error == -EAGAIN, 0)) {
		while (error == -EAGAIN && from_worker &&
		       !connection->backlog && message->offset &&
		       spin_for_space(connection))
			error = fastipc_frame_push(channel, message, false);
		if (error == -EAGAIN)
			error = put_aside(connection, message, from_worker);
	}
	if (__builtin_expect(error, 0))
		return abandon(connection, error);
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
	bool moved = false;

	while (connection->backlog) {
		struct backlog *backlog = connection->backlog;
		uint32_t before = backlog->message.offset;
		int error =
			fastipc_frame_push(channel, &backlog->message, false);

		moved |= !error || backlog->message.offset != before;
		if (error && error != -EAGAIN)
			abandon(connection, error);
		if (error)
			break;
		set_backlog(connection, backlog->next);
		retire(connection, backlog);
	}
	if (moved) {
		stamp_backlog(connection);
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	}
	return moved;
}

void fastipc_connection_drop_backlog(struct connection *connection)
{
	while (connection->backlog) {
		struct backlog *backlog = connection->backlog;

		set_backlog(connection, backlog->next);
		free(backlog);
	}
}
