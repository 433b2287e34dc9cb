// SPDX-License-Identifier: MIT
/*
 * Streams on the wire: the frames that come, what is kept of them until it is
 * read, and the credit for more.
 */
#include "rpc/streams_parts.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- credit ---- */

/* It holds its stream, which may have ended: then it does no harm. */
static void grant_done(struct parcel *parcel, void *context)
{
	struct fastipc_stream *stream;

	(void)context;
	memcpy(&stream, parcel->bytes + 8, sizeof(stream));
	stream->grant = NULL;
	free(parcel);
	fastipc_streams_unref(stream);
}

static void grant(struct fastipc_stream *stream)
{
	struct streams *streams = stream->streams;
	uint64_t word = htole64(stream->granted);
	unsigned char bytes[8 + sizeof(stream)];
	struct fastipc_outgoing message = {
		.data = bytes,
		.id = stream->id,
		.size = 8,
		.type = FASTIPC_TYPE_CREDIT,
	};
	struct parcel *parcel;
	int error = -EAGAIN;

	if (stream->grant) {
		memcpy(stream->grant->bytes, &word, 8);
		return;
	}
	memcpy(bytes, &word, 8);
	if (!streams->outbox->small)
		error = fastipc_frame_push(streams->channel, &message, false);
	if (!error) {
		fastipc_channel_notify(streams->channel, FASTIPC_WANT_DATA);
		return;
	}
	if (error != -EAGAIN) {
		streams->ops->abandon(streams, error);
		return;
	}
	/* The stream's address goes with it, but not onto the wire. */
	memcpy(bytes + 8, &stream, sizeof(stream));
	message.size = sizeof(bytes);
	parcel = fastipc_parcel_make(&message);
	if (!parcel) {
		streams->ops->abandon(streams, -ENOMEM);
		return;
	}
	parcel->message.size = 8;
	parcel->done = grant_done;
	stream->grant = parcel;
	fastipc_streams_ref(stream);
	fastipc_outbox_add(streams->outbox, NULL, parcel);
	streams->ops->push(streams);
}

void fastipc_stream_consumed(struct fastipc_stream *stream, uint32_t cost)
{
	uint64_t window = stream->streams->window;

	stream->consumed += cost;
	if (stream->in_ended || stream->discard || stream->streams->failed ||
	    stream->consumed + window - stream->granted < window / 2)
		return;
	stream->granted = stream->consumed + window;
	grant(stream);
}

/* ---- frames that come ---- */

static int open_stream(struct streams *streams,
		       const struct fastipc_frame *frame, void *scratch,
		       struct fastipc_stream **opened)
{
	uint32_t flags =
		frame->flags &
		(FASTIPC_FRAME_MORE | FASTIPC_FRAME_END | FASTIPC_FRAME_LADEN);
	struct fastipc_stream *stream;
	int error;

	/* Only clients open, each with a new id, no more than they may. */
	if (!streams->server || flags || frame->id <= streams->last_id ||
	    streams->count >= streams->most)
		return -EPROTO;
	error = fastipc_frame_take(streams->channel, frame, scratch);
	if (error)
		return error;
	stream = fastipc_streams_add(streams, frame->id, frame->type);
	if (!stream)
		return -ENOMEM;
	if (frame->stream & FASTIPC_STREAM_WEIGHT)
		stream->flow.weight = frame->stream & FASTIPC_STREAM_WEIGHT;
	stream->flow.urgent = frame->stream & FASTIPC_STREAM_URGENT;
	stream->deadline = frame->deadline;
	*opened = stream;
	return 0;
}

/* The peer ends the stream before its time. */
static void end_early(struct fastipc_stream *stream, int status)
{
	if (status != -ECANCELED && status != -ETIMEDOUT) {
		/* An error that is to be read after what came before it. */
		fastipc_stream_end_sending(stream, -ECANCELED, NULL);
		fastipc_stream_can_write(stream);
		return;
	}
	fastipc_stream_stop(stream, status);
	fastipc_stream_end_sending(stream, -ECANCELED, NULL);
}

static int take_end(struct fastipc_stream *stream,
		    const struct fastipc_frame *frame)
{
	unsigned char payload[FASTIPC_STREAM_END_HEAD + FASTIPC_STREAM_TEXT_MAX +
			      FASTIPC_STREAM_TRAILERS_MAX];
	uint32_t words[FASTIPC_STREAM_END_HEAD / 4];
	int32_t status;
	uint32_t length, size;
	int error;

	if (frame->length < FASTIPC_STREAM_END_HEAD ||
	    frame->length > sizeof(payload) || frame->total ||
	    frame->flags & FASTIPC_FRAME_LADEN)
		return -EPROTO;
	error = fastipc_frame_take(stream->streams->channel, frame, payload);
	if (error)
		return error;
	memcpy(words, payload, sizeof(words));
	status = (int32_t)le32toh(words[0]);
	length = le32toh(words[1]);
	if (status > 0 || status < -4095 || length > FASTIPC_STREAM_TEXT_MAX ||
	    length > frame->length - FASTIPC_STREAM_END_HEAD)
		return -EPROTO;
	size = frame->length - FASTIPC_STREAM_END_HEAD - length;
	if (size > FASTIPC_STREAM_TRAILERS_MAX || (stream->filling && !status))
		return -EPROTO;
	stream->end_text = malloc(length + 1ul + size);
	if (!stream->end_text)
		return -ENOMEM;
	memcpy(stream->end_text, payload + FASTIPC_STREAM_END_HEAD, length);
	stream->end_text[length] = '\0';
	memcpy(stream->end_text + length + 1,
	       payload + FASTIPC_STREAM_END_HEAD + length, size);
	stream->end_text_size = length;
	stream->end_size = size;
	stream->end_status = status;
	stream->in_ended = true;
	stream->filling = false;
	if (status)
		end_early(stream, status);
	fastipc_stream_can_read(stream);
	return 0;
}

/* Room for a message of @size bytes, that begins with @frame; -EPROTO: the
 * credit is overrun. */
static int begin_message(struct fastipc_stream *stream, uint32_t size,
			 const struct fastipc_frame *frame)
{
	bool laden = frame->flags & FASTIPC_FRAME_LADEN;
	struct arrival *arrival;
	uint64_t cost = fastipc_stream_cost(stream->streams->window, size,
					    laden,
					    laden ? frame->descriptors : 0);

	if (cost > stream->granted - stream->received)
		return -EPROTO;
	stream->received += cost;
	if (stream->discard)
		return 0;
	arrival = malloc(sizeof(*arrival) + size);
	if (!arrival) {
		fastipc_streams_give_up(stream, -ENOMEM,
					"no memory for a message");
		return 0;
	}
	*arrival = (struct arrival){ .size = size, .cost = (uint32_t)cost };
	stream->partial = arrival;
	return 0;
}

/* It is whole, and can be read. */
static void end_message(struct fastipc_stream *stream)
{
	struct arrival *arrival = stream->partial;

	stream->partial = NULL;
	if (stream->first)
		stream->last->next = arrival;
	else
		stream->first = arrival;
	stream->last = arrival;
	fastipc_stream_can_read(stream);
}

static int take_data(struct fastipc_stream *stream,
		     const struct fastipc_frame *frame)
{
	struct streams *streams = stream->streams;
	bool more = frame->flags & FASTIPC_FRAME_MORE;
	bool laden = frame->flags & FASTIPC_FRAME_LADEN;
	int error;

	/* What something goes along with is in one frame. */
	if (laden && (more || stream->filling))
		return -EPROTO;
	if (stream->filling) {
		if (frame->total || !frame->length ||
		    frame->length > stream->missing ||
		    more != (frame->length < stream->missing))
			return -EPROTO;
	} else {
		if (more ? frame->length >= frame->total : frame->total != 0)
			return -EPROTO;
		stream->missing = more ? frame->total : frame->length;
		error = begin_message(stream, stream->missing, frame);
		if (error)
			return error;
		stream->filling = true;
	}
	if (!stream->discard) {
		struct arrival *arrival = stream->partial;

		error = fastipc_frame_take(streams->channel, frame,
					   arrival->bytes + arrival->filled);
		if (error)
			return error;
		arrival->filled += frame->length;
	}
	if (laden) {
		error = fastipc_stream_take_cargo(stream, frame);
		if (error)
			return error;
	}
	stream->missing -= frame->length;
	stream->filling = more;
	streams->bytes_received += frame->length;
	if (!more && !stream->discard)
		end_message(stream);
	return 0;
}

static int take(struct streams *streams, const struct fastipc_frame *frame,
		void *scratch, struct fastipc_stream **opened)
{
	struct fastipc_stream *stream;
	int error;

	if (frame->type >= FASTIPC_TYPE_RESERVED ||
	    frame->flags & FASTIPC_FRAME_COMPRESSED ||
	    !(frame->id & FASTIPC_STREAM_OPENS))
		return -EPROTO;
	streams->useless = 0;
	if (frame->flags & FASTIPC_FRAME_EXT && frame->opens)
		return open_stream(streams, frame, scratch, opened);
	stream = fastipc_streams_find(streams, frame->id);
	if (!stream || stream->in_ended || stream->type != frame->type)
		return -EPROTO;
	fastipc_streams_ref(stream);
	error = frame->flags & FASTIPC_FRAME_END ? take_end(stream, frame)
						 : take_data(stream, frame);
	fastipc_streams_forget_ended(stream);
	fastipc_streams_unref(stream);
	return error;
}

int fastipc_streams_take(struct streams *streams,
			 const struct fastipc_frame *frame, void *scratch,
			 struct fastipc_stream **opened)
{
	int error = take(streams, frame, scratch, opened);

	fastipc_frame_release(streams->channel, frame);
	return error;
}

int fastipc_streams_useless(struct streams *streams)
{
	return ++streams->useless > FASTIPC_USELESS_MOST ? -EPROTO : 0;
}

static int take_credit(struct fastipc_stream *stream, const void *data,
		       uint32_t size)
{
	uint64_t credit;

	memcpy(&credit, data, sizeof(credit));
	credit = le64toh(credit);
	/* It only grows, and never beyond what has been sent and a window. */
	if (size != sizeof(credit) || credit <= stream->credit ||
	    credit - stream->sent > (uint64_t)UINT32_MAX)
		return -EPROTO;
	/* Who reads gives half a window at a time, 2 KiB or more. */
	if (credit - stream->credit < FASTIPC_STREAM_WINDOW_LEAST / 4 &&
	    fastipc_streams_useless(stream->streams))
		return -EPROTO;
	stream->credit = credit;
	fastipc_stream_can_write(stream);
	return 0;
}

static void take_cancel(struct fastipc_stream *stream)
{
	fastipc_streams_ref(stream);
	/* What it sent before its own end is still to be read. */
	if (!stream->in_ended) {
		fastipc_stream_stop(stream, -ECANCELED);
	} else if (!stream->stopped) {
		__atomic_store_n(&stream->stopped, -ECANCELED,
				 __ATOMIC_RELAXED);
		fastipc_stream_can_write(stream);
	}
	fastipc_stream_end_sending(stream, -ECANCELED, NULL);
	fastipc_streams_forget_ended(stream);
	fastipc_streams_unref(stream);
}

int fastipc_streams_control(struct streams *streams, uint16_t type, uint64_t id,
			    const void *data, uint32_t size)
{
	struct fastipc_stream *stream = fastipc_streams_find(streams, id);

	if (type == FASTIPC_TYPE_CREDIT && size != 8)
		return -EPROTO;
	if (!stream) {
		/* They may cross the end of a stream, not its beginning. */
		if (!(id & FASTIPC_STREAM_OPENS) || id > streams->last_id)
			return -EPROTO;
		return fastipc_streams_useless(streams);
	}
	if (type == FASTIPC_TYPE_CREDIT)
		return take_credit(stream, data, size);
	take_cancel(stream);
	return 0;
}

int fastipc_stream_ended(const struct fastipc_stream *stream)
{
	int status = stream->end_status;

	return fastipc_fail(status == -EAGAIN ? -ECANCELED : status,
			    "the peer ended the stream: %s%s%s",
			    fastipc_strerror(status),
			    stream->end_text_size ? ": " : "",
			    stream->end_text);
}

bool fastipc_streams_has_ended(const struct fastipc_stream *stream)
{
	return stream->stopped || stream->in_ended || stream->streams->failed;
}

int fastipc_streams_peek(struct fastipc_stream *stream,
			 struct arrival **arrival)
{
	*arrival = stream->first;
	if (*arrival)
		return 0;
	if (stream->in_ended && !stream->end_status)
		return fastipc_fail(-ENODATA, "the stream has ended");
	if (stream->in_ended)
		return fastipc_stream_ended(stream);
	if (stream->stopped)
		return fastipc_fail(stream->stopped,
				    "the stream was given up: %s",
				    fastipc_strerror(stream->stopped));
	if (stream->streams->failed)
		return stream->streams->ops->over(stream->streams);
	return -EAGAIN;
}

void fastipc_streams_consume(struct fastipc_stream *stream,
			     struct fastipc_delivery **delivery)
{
	struct arrival *arrival = stream->first;

	stream->first = arrival->next;
	if (delivery)
		*delivery = fastipc_streams_deliver(stream->streams, arrival);
	fastipc_stream_consumed(stream, arrival->cost);
	fastipc_stream_drop_arrival(stream, arrival);
}
