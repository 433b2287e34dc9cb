// SPDX-License-Identifier: MIT
/*
 * Requests: what a handler sees, and how it is answered, now or later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "frame/cargo.h"
#include "rpc/server.h"

/* Answers of another thread that are copied before the lock is taken. */
#define COPIED_FIRST 65536u

_Thread_local const struct connection *fastipc_request_handling;

uint64_t fastipc_request_deadline(const struct fastipc_request *request)
{
	return request->deadline;
}

const void *fastipc_request_data(const struct fastipc_request *request)
{
	return request->data;
}

size_t fastipc_request_size(const struct fastipc_request *request)
{
	return request->size;
}

uint16_t fastipc_request_type(const struct fastipc_request *request)
{
	return request->type;
}

bool fastipc_request_is_one_way(const struct fastipc_request *request)
{
	return request->id == 0;
}

bool fastipc_request_is_cancelled(const struct fastipc_request *request)
{
	if (request->stream && fastipc_stream_is_cancelled(request->stream))
		return true;
	return __atomic_load_n(&request->cancelled, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&request->connection->dead, __ATOMIC_RELAXED);
}

void fastipc_request_peer(const struct fastipc_request *request,
			  struct fastipc_peer *peer)
{
	*peer = request->connection->peer;
}

void fastipc_request_fingerprint(const struct fastipc_request *request,
				 struct fastipc_fingerprint *fingerprint)
{
	*fingerprint = request->connection->fingerprint;
}

/* ---- answering ---- */

/* One that cannot go with what is to go along fails. */
static int send_laden(struct fastipc_request *request,
		      struct fastipc_outgoing *message, bool from_worker)
{
	struct connection *connection = request->connection;
	int error = fastipc_connection_send_slowly(connection, message,
						   from_worker);

	if (error && message->cargo)
		fastipc_connection_send_error(connection, request->type,
					      request->id, error,
					      FASTIPC_CARGO_FAILED,
					      from_worker);
	return error;
}

static int send_reply(struct fastipc_request *request,
		      struct fastipc_outgoing *message, size_t size,
		      bool from_worker)
{
	struct connection *connection = request->connection;
	uint32_t most = connection->channel.link.peer_max_message;

	if (__builtin_expect(size > most, 0)) {
		fastipc_connection_send_error(
			connection, request->type, request->id, -EMSGSIZE,
			"the reply is over the client's limit: raise the client's max_message",
			from_worker);
		return fastipc_fail(
			-EMSGSIZE,
			"the reply has %zu bytes, the client's limit is %u",
			size, most);
	}
	if (__builtin_expect(message->cargo != NULL, 0))
		return send_laden(request, message, from_worker);
	return fastipc_connection_send(connection, message, from_worker);
}

/* A stream that is answered like a call; not compressed. */
static int answer_stream(struct fastipc_request *request,
			 struct fastipc_outgoing *message, size_t size,
			 int failure, const char *text)
{
	struct fastipc_cargo *cargo = message->cargo;
	size_t most = fastipc_stream_message_max(request->stream);

	fastipc_outgoing_fill(message);
	message->cargo = NULL; /* the stream has it */
	if (!failure && size > most) {
		fastipc_streams_answer(
			request->stream, NULL, 0, cargo, -EMSGSIZE,
			"the reply is over the client's limit: raise the client's max_message");
		return fastipc_fail(
			-EMSGSIZE,
			"the reply has %zu bytes, the client's limit is %zu",
			size, most);
	}
	return fastipc_streams_answer(request->stream, message->data,
				      (uint32_t)size, cargo, failure, text);
}

/* @message: the reply, compressed or not; it had @size bytes. */
static int answer(struct fastipc_request *request,
		  struct fastipc_outgoing *message, size_t size, int failure,
		  const char *text, bool from_worker)
{
	if (!request->id)
		return 0; /* one-way: nobody waits */
	if (request->stream)
		return answer_stream(request, message, size, failure, text);
	if (failure)
		return fastipc_connection_send_error(request->connection,
						     request->type, request->id,
						     failure, text,
						     from_worker);
	return send_reply(request, message, size, from_worker);
}

static struct fastipc_outgoing make_reply(const struct fastipc_request *request,
					  const void *data, size_t size)
{
	return (struct fastipc_outgoing){
		.data = data ? data : (const void *)"",
		.size = (uint32_t)size,
		.id = request->id,
		.type = request->type,
		.cargo = request->cargo,
	};
}

/* Whether a reply of this size is to be compressed, or a try is due. */
static bool wants_packing(const struct fastipc_request *request, size_t size,
			  int failure)
{
	return !failure && request->id && !request->stream && !request->cargo &&
	       fastipc_packing_wants(&request->connection->packing, size);
}

/* Several threads may, each for a connection of its own. */
static void count_deferred(struct fastipc_server *server, size_t size,
			   const struct fastipc_outgoing *message)
{
	struct fastipc_compressed *sum = &server->deferred_compressed;

	__atomic_fetch_add(&server->deferred_bytes, size, __ATOMIC_RELAXED);
	if (!(message->flags & FASTIPC_FRAME_COMPRESSED))
		return;
	__atomic_fetch_add(&sum->messages, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum->bytes_before, size, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum->bytes_after, message->size, __ATOMIC_RELAXED);
}

static void unlink_deferred(struct fastipc_request *request)
{
	if (request->previous)
		request->previous->next = request->next;
	else
		request->connection->requests = request->next;
	if (request->next)
		request->next->previous = request->previous;
}

/*
 * A large message has to be copied, since it does not fit the ring: not while
 * the worker waits for the lock.  NULL: it is not, or there is no memory.
 */
static struct parcel *copy_large(const struct fastipc_outgoing *message)
{
	return message->size > COPIED_FIRST ? fastipc_parcel_make(message)
					    : NULL;
}

static int send_copy(struct connection *connection, struct parcel **parcel)
{
	fastipc_outbox_add(&connection->outbox, &connection->outbox.large,
			   *parcel);
	*parcel = NULL;
	fastipc_connection_flush_backlog(connection);
	if (fastipc_connection_has_backlog(connection))
		fastipc_connection_queued(connection, false);
	return 0;
}

/* From any thread: the sending half is locked while requests are deferred. */
static int answer_deferred(struct fastipc_request *request,
			   struct fastipc_outgoing *message, size_t size,
			   int failure, const char *text)
{
	struct connection *connection = request->connection;
	struct fastipc_packer *packer = NULL;
	struct parcel *parcel = NULL;
	int error;

	/* Before the lock, for which the worker may wait. */
	if (wants_packing(request, size, failure))
		packer = fastipc_packer_borrow(connection->packing.settings);
	if (packer)
		fastipc_pack(&connection->packing, packer, message);
	if (!failure && !request->stream && request->id)
		parcel = copy_large(message);
	pthread_mutex_lock(&connection->lock);
	/* Of a dead connection, the link and the server may be gone. */
	if (connection->dead)
		error = fastipc_fail(-EPIPE, "the client is gone");
	else if (parcel &&
		 message->size <= connection->channel.link.peer_max_message)
		error = send_copy(connection, &parcel);
	else
		error = answer(request, message, size, failure, text, false);
	if (!error && !failure)
		count_deferred(connection->server, size, message);
	fastipc_cargo_drop(message->cargo);
	fastipc_request_end_delivery(request, false);
	unlink_deferred(request);
	if (request->stream)
		fastipc_streams_unref(request->stream);
	/* Pairs with fastipc_connection_is_shared(): the worker sees all we sent. */
	__atomic_fetch_sub(&connection->deferred, 1, __ATOMIC_RELEASE);
	fastipc_connection_check_drain(connection);
	fastipc_connection_check_callbacks(connection);
	pthread_mutex_unlock(&connection->lock);
	if (packer)
		fastipc_packer_return(connection->packing.settings, packer);
	fastipc_connection_unref(connection);
	free(parcel);
	free(request);
	return error;
}

/* In the handler, by the worker. */
static int answer_now(struct fastipc_request *request,
		      struct fastipc_outgoing *message, size_t size,
		      int failure, const char *text)
{
	struct connection *connection = request->connection;
	struct worker *worker = connection->worker;
	bool shared = fastipc_connection_is_shared(connection);
	int error;

	if (request->kept)
		return fastipc_fail(
			-EALREADY,
			"the request was deferred: answer what fastipc_request_defer() returned");
	if (request->answered)
		return fastipc_fail(-EALREADY,
				    "the request was answered before");
	request->answered = true;
	if (wants_packing(request, size, failure))
		fastipc_pack(&connection->packing, &worker->packer, message);
	if (shared)
		pthread_mutex_lock(&connection->lock);
	error = answer(request, message, size, failure, text, true);
	if (shared)
		pthread_mutex_unlock(&connection->lock);
	fastipc_cargo_drop(message->cargo);
	/* One-way: nothing was sent. */
	if (!request->id)
		return error;
	if (!error)
		count(&worker->stats.bytes_sent, size);
	if (!error && message->flags & FASTIPC_FRAME_COMPRESSED)
		fastipc_compressed_add(&worker->stats.compressed_sent, size,
				       message->size);
	return error;
}

/* @message: what make_reply() made of so many bytes. */
static int answer_any(struct fastipc_request *request,
		      struct fastipc_outgoing *message, size_t size,
		      int failure, const char *text)
{
	return request->is_deferred
		       ? answer_deferred(request, message, size, failure, text)
		       : answer_now(request, message, size, failure, text);
}

static int answer_bytes(struct fastipc_request *request, const void *data,
			size_t size, int failure, const char *text)
{
	struct fastipc_outgoing message = make_reply(request, data, size);

	return answer_any(request, &message, size, failure, text);
}

/* A reply in the handler, nothing deferred, nothing in the way. */
static inline bool is_plain(const struct fastipc_request *request, size_t size)
{
	const struct connection *connection = request->connection;

	return !(request->is_deferred | request->answered) && !request->kept &&
	       request->id && !request->stream &&
	       !fastipc_connection_is_shared(connection) &&
	       size <= connection->channel.link.plain_max;
}

/* One that is_plain(), in one frame, with nothing in its way. */
FASTIPC_INLINE bool reply_quickly(const struct fastipc_request *request,
				  const void *data, uint32_t size)
{
	const struct fastipc_outgoing message = {
		.data = data,
		.size = size,
		.id = request->id,
		.type = request->type,
	};
	struct connection *connection = request->connection;

	if (__builtin_expect(
		    connection->dead || connection->outbox.count ||
			    fastipc_frame_push_plain(&connection->channel,
						     &message, false),
		    0))
		return false;
	fastipc_channel_notify(&connection->channel, FASTIPC_WANT_DATA);
	count(&connection->worker->stats.bytes_sent, size);
	return true;
}

int fastipc_request_reply(struct fastipc_request *request, const void *data,
			  size_t size)
{
	if (__builtin_expect(request && data && is_plain(request, size), 1) &&
	    __builtin_expect(reply_quickly(request, data, (uint32_t)size), 1)) {
		request->answered = true;
		return 0;
	}
	if (!request || (!data && size))
		return fastipc_fail(-EINVAL, "%s is NULL",
				    request ? "data" : "request");
	return answer_bytes(request, data, size, 0, NULL);
}

int fastipc_request_reply_value(struct fastipc_request *request,
				fastipc_encode_fn encode, const void *value)
{
	struct fastipc_outgoing message;
	struct fastipc_gather gather;
	struct fastipc_spare *spare;
	int error;

	if (!request || !encode)
		return fastipc_fail(-EINVAL, "%s is NULL",
				    request ? "encode" : "request");
	/* A connection may end with the answer to what was deferred. */
	spare = request->is_deferred ? NULL
				     : &request->connection->outbox.spare;
	if (__builtin_expect(is_plain(request, 0), 1)) {
		struct connection *connection = request->connection;

		message = (struct fastipc_outgoing){
			.id = request->id,
			.type = request->type,
		};
		if (!connection->dead && !connection->outbox.count &&
		    !fastipc_frame_push_value(&connection->channel, &message,
					      encode, value, false)) {
			request->answered = true;
			fastipc_channel_notify(&connection->channel,
					       FASTIPC_WANT_DATA);
			count(&connection->worker->stats.bytes_sent,
			      message.size);
			return 0;
		}
	}
	message = make_reply(request, NULL, 0);
	error = fastipc_value_gather(spare, encode, value, &gather, &message);
	if (error)
		return error;
	error = answer_any(request, &message, message.size, 0, NULL);
	fastipc_value_free(spare, gather.data);
	return error;
}

/* The loan is gone on error. */
static int attach(struct fastipc_request *request, size_t size,
		  const struct fastipc_attachment *attachment)
{
	struct connection *connection = request->connection;
	const struct fastipc_channel *channel = &connection->channel;
	int error;

	if (request->stream)
		return fastipc_streams_attach(request->stream, size, attachment,
					      &request->cargo);
	if (size > fastipc_cargo_message_max(channel))
		error = fastipc_fail(-EMSGSIZE,
				     "a reply with something along has %u "
				     "bytes at most: lend the rest",
				     fastipc_cargo_message_max(channel));
	else
		return fastipc_loans_attach(connection->loans, channel,
					    attachment, &request->cargo);
	fastipc_loan_free(attachment->loan);
	return error;
}

int fastipc_request_reply_with(struct fastipc_request *request,
			       const void *data, size_t size,
			       const struct fastipc_attachment *attachment)
{
	struct connection *connection;
	int error = 0;

	if (!attachment)
		return fastipc_request_reply(request, data, size);
	if (!request || (!data && size) || request->kept || request->answered) {
		fastipc_loan_free(attachment->loan);
		return request && (data || !size)
			       ? answer_bytes(request, data, size, 0, NULL)
			       : fastipc_fail(-EINVAL, "%s is NULL",
					      request ? "data" : "request");
	}
	connection = request->connection;
	/* Of a dead connection the link is gone, and answering tells. */
	pthread_mutex_lock(&connection->lock);
	if (connection->dead)
		fastipc_loan_free(attachment->loan);
	else
		error = attach(request, size, attachment);
	pthread_mutex_unlock(&connection->lock);
	if (error) {
		fastipc_request_fail(request, error, FASTIPC_CARGO_FAILED);
		return error;
	}
	return answer_bytes(request, data, size, 0, NULL);
}

int fastipc_request_fail(struct fastipc_request *request, int error,
			 const char *text)
{
	if (!request || error >= 0 || error < -4095)
		return fastipc_fail(
			-EINVAL, "a request and a negative errno are needed");
	return answer_bytes(request, NULL, 0, error, text);
}

/* ---- answering later ---- */

struct fastipc_request *fastipc_request_defer(struct fastipc_request *request)
{
	struct connection *connection = request->connection;
	struct fastipc_request *kept;

	if (request->answered || request->kept || request->is_deferred) {
		fastipc_fail(-EALREADY,
			     "the request was answered or deferred before");
		return NULL;
	}
	kept = malloc(sizeof(*kept) + request->size);
	if (!kept) {
		fastipc_fail(-ENOMEM, "no memory to defer a request");
		return NULL;
	}
	*kept = *request;
	memcpy(kept->bytes, request->data, request->size);
	kept->data = kept->bytes;
	kept->is_deferred = true;
	/* From now on others may send, and are not to find rings put off. */
	fastipc_channel_unhold(&connection->channel);
	fastipc_channel_settle(&connection->channel);
	__atomic_fetch_add(&connection->references, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&connection->deferred, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&connection->lock);
	if (kept->stream)
		fastipc_streams_ref(kept->stream);
	kept->previous = NULL;
	kept->next = connection->requests;
	if (kept->next)
		kept->next->previous = kept;
	connection->requests = kept;
	pthread_mutex_unlock(&connection->lock);
	request->kept = kept;
	return kept;
}

bool fastipc_request_cancel(struct connection *connection, uint64_t id)
{
	bool found = false;

	pthread_mutex_lock(&connection->lock);
	for (struct fastipc_request *request = connection->requests; request;
	     request = request->next)
		if (request->id == id) {
			__atomic_store_n(&request->cancelled, 1,
					 __ATOMIC_RELAXED);
			found = true;
		}
	pthread_mutex_unlock(&connection->lock);
	return found;
}

/* ---- running the handler ---- */

void fastipc_request_turn_away(struct fastipc_request *request)
{
	struct connection *connection = request->connection;
	char text[64];

	/* There may be a handler by now: that is not draining. */
	if (connection->draining &&
	    fastipc_registry_find(connection->server->registry, request->type,
				  &connection->handlers)) {
		answer_bytes(request, NULL, 0, -ESHUTDOWN, "the server drains");
		return;
	}
	count(&connection->worker->stats.unknown_types, 1);
	snprintf(text, sizeof(text), "no handler for message type %u",
		 request->type);
	answer_bytes(request, NULL, 0, -EOPNOTSUPP, text);
}

void fastipc_request_answer_for(struct fastipc_request *request, int result)
{
	if (result < 0 && result >= -4095)
		answer_bytes(request, NULL, 0, result, NULL);
	else
		answer_bytes(request, NULL, 0, 0, NULL);
}
