// SPDX-License-Identifier: MIT
/*
 * Streams on the wire: what an end sends, as far as credit goes, and how it ends
 * its direction.
 */
#include "rpc/streams_parts.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- sending ---- */

static struct fastipc_stream *of_flow(struct flow *flow)
{
	return (struct fastipc_stream *)((char *)flow -
					 offsetof(struct fastipc_stream, flow));
}

static void give_up(struct fastipc_stream *stream, int error, int status,
		    const char *text);

/* A message of a stream has gone, or was dropped. */
static void parcel_done(struct parcel *parcel, void *context)
{
	struct fastipc_stream *stream = of_flow(parcel->flow);
	bool end = parcel->message.flags & FASTIPC_FRAME_END;
	int error = parcel->error;

	(void)context;
	free(parcel);
	if (error) {
		/* Without it, nothing that comes after it may be sent. */
		stream->lost = error;
		give_up(stream, error, error,
			"what was to go along with a message could not be sent");
		return;
	}
	if (end)
		stream->out_ended = true;
	fastipc_stream_can_write(stream);
	fastipc_streams_forget_ended(stream);
}

static void small_done(struct parcel *parcel, void *context)
{
	(void)context;
	free(parcel);
}

/* Into the ring, as far as nothing is before it and it fits; else -EAGAIN. */
static int send_now(struct streams *streams, struct fastipc_outgoing *message,
		    bool bulk, bool more)
{
	struct fastipc_channel *channel = streams->channel;
	int error;

	do {
		error = fastipc_frame_push_part(channel, message, UINT32_MAX,
						bulk);
	} while (error == -EINPROGRESS);
	if (error || !more) {
		fastipc_producer_publish(&channel->tx);
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	}
	return error;
}

/* @cost: of credit, beside its bytes. */
static int enqueue(struct streams *streams, struct flow *flow,
		   struct fastipc_outgoing *message, uint64_t cost)
{
	struct parcel *parcel = fastipc_parcel_make(message);

	if (!parcel)
		return fastipc_fail(-ENOMEM, "no memory to send %u bytes later",
				    message->size);
	message->cargo = NULL; /* the parcel has it */
	parcel->done = flow ? parcel_done : small_done;
	parcel->cost = (uint32_t)cost;
	parcel->whole = message->flags & FASTIPC_FRAME_END ||
			message->type >= FASTIPC_TYPE_RESERVED ||
			parcel->message.cargo;
	fastipc_outbox_add(streams->outbox, flow, parcel);
	streams->ops->push(streams);
	return 0;
}

void fastipc_streams_send_control(struct streams *streams,
				  struct fastipc_outgoing *message)
{
	int error = -EAGAIN;

	if (!streams->outbox->small)
		error = send_now(streams, message, false, false);
	if (error == -EAGAIN)
		error = enqueue(streams, NULL, message, 0);
	if (error)
		streams->ops->abandon(streams, error);
}

/* In the order of the stream's messages. */
static int send_in_order(struct fastipc_stream *stream,
			 struct fastipc_outgoing *message, uint64_t cost,
			 bool more)
{
	struct streams *streams = stream->streams;
	int error = -EAGAIN;

	if (fastipc_outbox_is_empty(streams->outbox))
		error = send_now(streams, message, !stream->flow.urgent, more);
	if (error == -EAGAIN)
		return enqueue(streams, &stream->flow, message, cost);
	/* Descriptors that cannot be sent are no reason: nothing was. */
	if (error && (!message->cargo || error == -EPROTO))
		streams->ops->abandon(streams, error);
	return error;
}

static int send_end(struct fastipc_stream *stream, int status, const char *text,
		    const void *trailers, uint32_t size)
{
	uint32_t length =
		text ? (uint32_t)strnlen(text, FASTIPC_STREAM_TEXT_MAX) : 0;
	uint32_t words[FASTIPC_STREAM_END_HEAD / 4] = {
		htole32((uint32_t)status), htole32(length)
	};
	unsigned char payload[FASTIPC_STREAM_END_HEAD + FASTIPC_STREAM_TEXT_MAX +
			      FASTIPC_STREAM_TRAILERS_MAX];
	struct fastipc_outgoing message = {
		.data = payload,
		.id = stream->id,
		.size = FASTIPC_STREAM_END_HEAD + length + size,
		.type = stream->type,
		.flags = FASTIPC_FRAME_STREAM | FASTIPC_FRAME_END,
	};
	int error;

	if (message.size > fastipc_frame_payload_max(stream->streams->channel))
		return fastipc_fail(-EMSGSIZE,
				    "text and trailers of %u bytes do not fit "
				    "one frame: give the ring more",
				    length + size);
	memcpy(payload, words, FASTIPC_STREAM_END_HEAD);
	if (length)
		memcpy(payload + FASTIPC_STREAM_END_HEAD, text, length);
	if (size)
		memcpy(payload + FASTIPC_STREAM_END_HEAD + length, trailers,
		       size);
	stream->finished = true;
	error = send_in_order(stream, &message, 0, false);
	if (error) {
		stream->finished = false;
		return error;
	}
	stream->finish_status = status;
	if (message.offset == message.size)
		stream->out_ended = true;
	return 0;
}

/* Behind what is queued, END included: the peer is to end its direction. */
static int send_cancel(struct fastipc_stream *stream)
{
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)"",
		.id = stream->id,
		.type = FASTIPC_TYPE_CANCEL,
	};

	if (stream->cancel_told)
		return 0;
	stream->cancel_told = true;
	return send_in_order(stream, &message, 0, false);
}

/*
 * What is queued is of no use any more.  An END stays the end, unless something
 * is missing before it: it would say that all was sent, perhaps in the middle of
 * a message.  Then a CANCEL behind it goes, too, for another END is to come first.
 */
static void drop_queued(struct fastipc_stream *stream)
{
	struct outbox *outbox = stream->streams->outbox;
	struct parcel *parcel = stream->flow.first;
	bool dropped = stream->lost;

	while (parcel) {
		struct parcel *next = parcel->next;
		bool end = parcel->message.flags & FASTIPC_FRAME_END;
		bool cancel = parcel->message.type == FASTIPC_TYPE_CANCEL;

		if (!parcel->whole || parcel->message.cargo ||
		    ((end || cancel) && dropped)) {
			fastipc_outbox_remove(outbox, parcel);
			fastipc_parcel_drop(parcel);
			dropped = true;
			if (end)
				stream->finished = false;
			if (cancel)
				stream->cancel_told = false;
		}
		parcel = next;
	}
}

void fastipc_stream_end_sending(struct fastipc_stream *stream, int status,
				const char *text)
{
	drop_queued(stream);
	if (!stream->finished && send_end(stream, status, text, NULL, 0))
		stream->streams->ops->abandon(stream->streams, -ENOMEM);
}

void fastipc_stream_stop(struct fastipc_stream *stream, int error)
{
	if (!stream->stopped)
		__atomic_store_n(&stream->stopped, error, __ATOMIC_RELAXED);
	stream->discard = true;
	fastipc_stream_drop_arrivals(stream);
	fastipc_stream_can_read(stream);
	fastipc_stream_can_write(stream);
}

/* @status: for the peer. */
static void give_up(struct fastipc_stream *stream, int error, int status,
		    const char *text)
{
	if (stream->stopped || stream->streams->failed)
		return;
	fastipc_streams_ref(stream);
	fastipc_stream_stop(stream, error);
	if (stream->in_table) {
		fastipc_stream_end_sending(stream, status, text);
		if (!stream->in_ended && send_cancel(stream))
			stream->streams->ops->abandon(stream->streams, -ENOMEM);
		fastipc_streams_forget_ended(stream);
	}
	fastipc_streams_unref(stream);
}

void fastipc_streams_give_up(struct fastipc_stream *stream, int error,
			     const char *text)
{
	give_up(stream, error, error == -ETIMEDOUT ? error : -ECANCELED, text);
}

/* ---- what the ends of a stream do ---- */

int fastipc_streams_open(struct streams *streams, uint16_t type,
			 const void *data, uint32_t size,
			 const struct fastipc_stream_options *options,
			 struct fastipc_stream **result)
{
	uint64_t id = streams->last_id ? streams->last_id + 1
				       : FASTIPC_STREAM_OPENS + 1;
	struct fastipc_outgoing message = {
		.data = data,
		.id = id,
		.size = size,
		.type = type,
		.flags = FASTIPC_FRAME_STREAM,
		.opens = true,
		.stream = options->weight |
			  (options->urgent ? FASTIPC_STREAM_URGENT : 0),
		.deadline = options->deadline,
	};
	struct fastipc_stream *stream;
	int error = -EAGAIN;

	if (streams->count >= streams->most)
		return fastipc_fail(-EUSERS,
				    "%u streams are open, the server's limit",
				    streams->count);
	stream = fastipc_streams_add(streams, id, type);
	if (!stream)
		return fastipc_fail(-ENOMEM, "no memory for a stream");
	/* Small, so that streams are opened in the order of their ids. */
	if (!streams->outbox->small)
		error = send_now(streams, &message, false, false);
	if (error == -EAGAIN)
		error = enqueue(streams, NULL, &message, 0);
	if (error) {
		streams->last_id--;
		fastipc_streams_forget(stream);
		return error;
	}
	stream->deadline = options->deadline;
	fastipc_streams_hold(stream, options);
	*result = stream;
	return 0;
}

void fastipc_streams_hold(struct fastipc_stream *stream,
			  const struct fastipc_stream_options *options)
{
	stream->options = *options;
	if (options->weight)
		stream->flow.weight = options->weight;
	stream->flow.urgent |= options->urgent;
	stream->held = true;
	fastipc_streams_ref(stream);
	stream->streams->ops->hold(stream->streams);
}

bool fastipc_stream_has_room(const struct fastipc_stream *stream, uint64_t cost)
{
	return stream->credit - stream->sent >= cost &&
	       (!stream->flow.first ||
		stream->flow.bytes + stream->flow.costs + cost <=
			FASTIPC_STREAM_AHEAD);
}

int fastipc_stream_check_writable(const struct fastipc_stream *stream)
{
	if (stream->stopped)
		return fastipc_fail(stream->stopped,
				    "the stream was given up: %s",
				    fastipc_strerror(stream->stopped));
	if (stream->in_ended && stream->end_status)
		return fastipc_stream_ended(stream);
	if (stream->finished)
		return fastipc_fail(-EALREADY,
				    "the stream was finished before");
	if (stream->streams->failed)
		return stream->streams->ops->over(stream->streams);
	return 0;
}

uint64_t fastipc_stream_write_cost(const struct fastipc_stream *stream,
				   uint32_t size,
				   const struct fastipc_cargo *cargo)
{
	return fastipc_stream_cost(stream->streams->peer_window, size, cargo,
				   cargo ? cargo->count : 0);
}

int fastipc_streams_write(struct fastipc_stream *stream, const void *data,
			  uint32_t size, struct fastipc_cargo *cargo, bool more)
{
	uint64_t cost = fastipc_stream_write_cost(stream, size, cargo);
	struct fastipc_outgoing message = {
		.data = data,
		.id = stream->id,
		.size = size,
		.type = stream->type,
		.flags = FASTIPC_FRAME_STREAM,
		.cargo = cargo,
	};
	int error = fastipc_stream_check_writable(stream);

	if (error)
		return error;
	if (!fastipc_stream_has_room(stream, cost))
		return -EAGAIN;
	error = send_in_order(stream, &message, cost - size, more);
	/* Some of it is there already, and what comes next is to be the rest. */
	if (error == -ENOMEM && message.offset)
		fastipc_streams_give_up(stream, error,
					"no memory for the rest of a message");
	if (error)
		return error;
	stream->sent += cost;
	stream->streams->bytes_sent += size;
	return 0;
}

int fastipc_streams_finish(struct fastipc_stream *stream, int status,
			   const char *text, const void *trailers,
			   uint32_t size)
{
	int error = fastipc_stream_check_writable(stream);

	if (error)
		return error;
	fastipc_streams_ref(stream);
	error = send_end(stream, status, text, trailers, size);
	if (!error && status) {
		stream->discard = true;
		fastipc_stream_drop_arrivals(stream);
	}
	if (!error)
		fastipc_streams_forget_ended(stream);
	fastipc_streams_unref(stream);
	return error;
}

void fastipc_streams_close(struct fastipc_stream *stream)
{
	struct streams *streams = stream->streams;

	stream->closed = true;
	if (!stream->in_table) {
		fastipc_stream_drop_arrivals(stream);
		return;
	}
	if (!stream->finished) {
		fastipc_streams_give_up(stream, -ECANCELED, NULL);
		return;
	}
	stream->discard = true;
	fastipc_stream_drop_arrivals(stream);
	if (!stream->in_ended && !stream->finish_status && send_cancel(stream))
		streams->ops->abandon(streams, -ENOMEM);
}

int fastipc_streams_answer(struct fastipc_stream *stream, const void *data,
			   uint32_t size, struct fastipc_cargo *cargo,
			   int failure, const char *text)
{
	int written = 0;
	int error;

	/* Its client gave it up: there is nobody to answer. */
	if (stream->finished) {
		fastipc_cargo_drop(cargo);
		return 0;
	}
	if (!failure && (size || cargo)) {
		written =
			fastipc_streams_write(stream, data, size, cargo, true);
		/* The client is not to wait for what does not come. */
		failure = written;
	}
	if (failure)
		fastipc_cargo_drop(cargo);
	fastipc_streams_ref(stream);
	error = fastipc_streams_finish(stream, failure, text, NULL, 0);
	fastipc_streams_close(stream);
	fastipc_streams_unref(stream);
	return written ? written : error;
}
