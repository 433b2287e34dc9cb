// SPDX-License-Identifier: MIT
/*
 * Streams on the wire: which there are, their credit, and how they end.
 */
#include "rpc/streams.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* i32 status, u32 size of the text, before text and trailers. */
#define END_HEAD 8u

static uint64_t cost_of(uint32_t size)
{
	return (uint64_t)size + FASTIPC_STREAM_COST;
}

/* ---- the table ---- */

int fastipc_streams_init(struct streams *streams, const struct streams_ops *ops,
			 struct fastipc_channel *channel, struct outbox *outbox,
			 bool server, uint32_t window, uint32_t most)
{
	const struct fastipc_link *link = &channel->link;
	uint32_t buckets = 16;

	while (buckets < most)
		buckets *= 2;
	*streams = (struct streams){
		.ops = ops,
		.channel = channel,
		.outbox = outbox,
		.server = server,
		.mask = buckets - 1,
		.most = server ? most : link->peer_max_streams,
		.window = window,
		/* A peer whose window is no window gets no messages. */
		.peer_window = link->peer_stream_window <
					       FASTIPC_STREAM_WINDOW_LEAST
				       ? 2 * FASTIPC_STREAM_COST
				       : link->peer_stream_window,
	};
	return 0;
}

/* Most connections have no streams: room for them comes with the first. */
static int make_table(struct streams *streams)
{
	if (!streams->table)
		streams->table =
			calloc(streams->mask + 1ul, sizeof(*streams->table));
	return streams->table ? 0 : -ENOMEM;
}

static struct fastipc_stream **bucket(const struct streams *streams,
				      uint64_t id)
{
	return &streams->table[id & streams->mask];
}

static struct fastipc_stream *find(const struct streams *streams, uint64_t id)
{
	struct fastipc_stream *stream;

	if (!streams->table)
		return NULL;
	stream = *bucket(streams, id);
	while (stream && stream->id != id)
		stream = stream->table_next;
	return stream;
}

static struct fastipc_stream *add(struct streams *streams, uint64_t id,
				  uint16_t type)
{
	struct fastipc_stream *stream;

	if (make_table(streams))
		return NULL;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NULL;
	stream->streams = streams;
	stream->id = id;
	stream->type = type;
	stream->references = 1;
	stream->in_table = true;
	stream->credit = streams->peer_window;
	stream->granted = streams->window;
	stream->flow.weight = FASTIPC_WEIGHT_DEFAULT;
	stream->table_next = *bucket(streams, id);
	*bucket(streams, id) = stream;
	streams->last_id = id;
	streams->count++;
	streams->opened++;
	return stream;
}

static void drop_arrivals(struct fastipc_stream *stream)
{
	while (stream->first) {
		struct arrival *arrival = stream->first;

		stream->first = arrival->next;
		free(arrival);
	}
}

void fastipc_streams_ref(struct fastipc_stream *stream)
{
	stream->references++;
}

/* Out of line: compilers that count references by themselves are wrong. */
static __attribute__((noinline)) void destroy(struct fastipc_stream *stream)
{
	drop_arrivals(stream);
	free(stream->end_text);
	free(stream);
}

void fastipc_streams_unref(struct fastipc_stream *stream)
{
	if (!--stream->references)
		destroy(stream);
}

static void forget(struct fastipc_stream *stream)
{
	struct streams *streams = stream->streams;
	struct fastipc_stream **link = bucket(streams, stream->id);

	while (*link != stream)
		link = &(*link)->table_next;
	*link = stream->table_next;
	stream->in_table = false;
	streams->count--;
	fastipc_streams_unref(stream);
}

/* Both directions have ended: it is no more. */
static void forget_ended(struct fastipc_stream *stream)
{
	if (stream->in_table && stream->in_ended && stream->out_ended &&
	    !stream->flow.first)
		forget(stream);
}

/* ---- who is to be told ---- */

static void wake_all(struct streams *streams, struct stream_waiter **list)
{
	while (*list) {
		struct stream_waiter *waiter = *list;

		*list = waiter->next;
		waiter->woken = true;
		streams->ops->wake(waiter);
	}
}

static void event(struct fastipc_stream *stream)
{
	const struct fastipc_stream_options *options = &stream->options;
	struct streams *streams = stream->streams;

	if (stream->queued || stream->closed ||
	    !(options->message || options->end || options->writable))
		return;
	stream->queued = true;
	stream->references++;
	stream->event_next = NULL;
	if (streams->events)
		streams->events_last->event_next = stream;
	else
		streams->events = stream;
	streams->events_last = stream;
}

static void can_read(struct fastipc_stream *stream)
{
	wake_all(stream->streams, &stream->readers);
	event(stream);
}

static void can_write(struct fastipc_stream *stream)
{
	wake_all(stream->streams, &stream->writers);
	if (stream->want_writable)
		event(stream);
}

/* ---- sending ---- */

static struct fastipc_stream *of_flow(struct flow *flow)
{
	return (struct fastipc_stream *)((char *)flow -
					 offsetof(struct fastipc_stream, flow));
}

/* A message of a stream has gone, or was dropped. */
static void parcel_done(struct parcel *parcel, void *context)
{
	struct fastipc_stream *stream = of_flow(parcel->flow);
	bool end = parcel->message.flags & FASTIPC_FRAME_END;

	(void)context;
	free(parcel);
	if (end)
		stream->out_ended = true;
	can_write(stream);
	forget_ended(stream);
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

static int enqueue(struct streams *streams, struct flow *flow,
		   const struct fastipc_outgoing *message)
{
	struct parcel *parcel = fastipc_parcel_make(message);

	if (!parcel)
		return fastipc_fail(-ENOMEM, "no memory to send %u bytes later",
				    message->size);
	parcel->done = flow ? parcel_done : small_done;
	parcel->whole = message->flags & FASTIPC_FRAME_END ||
			message->type >= FASTIPC_TYPE_RESERVED;
	fastipc_outbox_add(streams->outbox, flow, parcel);
	streams->ops->push(streams);
	return 0;
}

/* In the order of the stream's messages. */
static int send_in_order(struct fastipc_stream *stream,
			 struct fastipc_outgoing *message, bool more)
{
	struct streams *streams = stream->streams;
	int error = -EAGAIN;

	if (fastipc_outbox_is_empty(streams->outbox))
		error = send_now(streams, message, !stream->flow.urgent, more);
	if (error == -EAGAIN)
		return enqueue(streams, &stream->flow, message);
	if (error)
		streams->ops->abandon(streams, error);
	return error;
}

static int send_end(struct fastipc_stream *stream, int status, const char *text,
		    const void *trailers, uint32_t size)
{
	uint32_t length =
		text ? (uint32_t)strnlen(text, FASTIPC_STREAM_TEXT_MAX) : 0;
	uint32_t words[END_HEAD / 4] = { htole32((uint32_t)status),
					 htole32(length) };
	unsigned char payload[END_HEAD + FASTIPC_STREAM_TEXT_MAX +
			      FASTIPC_STREAM_TRAILERS_MAX];
	struct fastipc_outgoing message = {
		.data = payload,
		.id = stream->id,
		.size = END_HEAD + length + size,
		.type = stream->type,
		.flags = FASTIPC_FRAME_STREAM | FASTIPC_FRAME_END,
	};
	int error;

	if (message.size > fastipc_frame_payload_max(stream->streams->channel))
		return fastipc_fail(-EMSGSIZE,
				    "text and trailers of %u bytes do not fit "
				    "one frame: give the ring more",
				    length + size);
	memcpy(payload, words, END_HEAD);
	if (length)
		memcpy(payload + END_HEAD, text, length);
	if (size)
		memcpy(payload + END_HEAD + length, trailers, size);
	stream->finished = true;
	error = send_in_order(stream, &message, false);
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
	return send_in_order(stream, &message, false);
}

/* What is queued is of no use any more; an END stays the end. */
static void drop_queued(struct fastipc_stream *stream)
{
	struct outbox *outbox = stream->streams->outbox;
	struct parcel *parcel = stream->flow.first;

	while (parcel) {
		struct parcel *next = parcel->next;

		if (!parcel->whole) {
			fastipc_outbox_remove(outbox, parcel);
			free(parcel);
		}
		parcel = next;
	}
}

/* End this direction at once, as far as that has not been done. */
static void end_sending(struct fastipc_stream *stream, int status,
			const char *text)
{
	drop_queued(stream);
	if (!stream->finished && send_end(stream, status, text, NULL, 0))
		stream->streams->ops->abandon(stream->streams, -ENOMEM);
}

static void stop(struct fastipc_stream *stream, int error)
{
	if (!stream->stopped)
		__atomic_store_n(&stream->stopped, error, __ATOMIC_RELAXED);
	stream->discard = true;
	drop_arrivals(stream);
	can_read(stream);
	can_write(stream);
}

/* This end gives the stream up. */
static void give_up(struct fastipc_stream *stream, int error, const char *text)
{
	if (stream->stopped || stream->streams->failed)
		return;
	stop(stream, error);
	if (!stream->in_table)
		return;
	fastipc_streams_ref(stream);
	end_sending(stream, error == -ETIMEDOUT ? error : -ECANCELED, text);
	if (!stream->in_ended && send_cancel(stream))
		stream->streams->ops->abandon(stream->streams, -ENOMEM);
	forget_ended(stream);
	fastipc_streams_unref(stream);
}

/* ---- credit ---- */

/* Embedded in no stream: it may outlive it, and only says what is true. */
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

/* A message was read: when half of the window was, the peer may send more. */
static void consumed(struct fastipc_stream *stream, uint32_t size)
{
	uint64_t window = stream->streams->window;

	stream->consumed += cost_of(size);
	if (stream->in_ended || stream->discard || stream->streams->failed ||
	    stream->consumed + window - stream->granted < window / 2)
		return;
	stream->granted = stream->consumed + window;
	grant(stream);
}

static bool has_room(const struct fastipc_stream *stream, uint64_t cost)
{
	return stream->credit - stream->sent >= cost &&
	       (!stream->flow.first ||
		stream->flow.bytes + cost <= FASTIPC_STREAM_AHEAD);
}

/* ---- frames that come ---- */

static int open_stream(struct streams *streams,
		       const struct fastipc_frame *frame, void *scratch,
		       struct fastipc_stream **opened)
{
	uint32_t flags = frame->flags &
			 (FASTIPC_FRAME_MORE | FASTIPC_FRAME_END);
	struct fastipc_stream *stream;
	int error;

	/* Only clients open, each with a new id, no more than they may. */
	if (!streams->server || flags || frame->id <= streams->last_id ||
	    streams->count >= streams->most)
		return -EPROTO;
	error = fastipc_frame_take(streams->channel, frame, scratch);
	if (error)
		return error;
	stream = add(streams, frame->id, frame->type);
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
		end_sending(stream, -ECANCELED, NULL);
		can_write(stream);
		return;
	}
	stop(stream, status);
	end_sending(stream, -ECANCELED, NULL);
}

static int take_end(struct fastipc_stream *stream,
		    const struct fastipc_frame *frame)
{
	unsigned char payload[END_HEAD + FASTIPC_STREAM_TEXT_MAX +
			      FASTIPC_STREAM_TRAILERS_MAX];
	uint32_t words[END_HEAD / 4];
	int32_t status;
	uint32_t length, size;
	int error;

	if (frame->length < END_HEAD || frame->length > sizeof(payload) ||
	    frame->total)
		return -EPROTO;
	error = fastipc_frame_take(stream->streams->channel, frame, payload);
	if (error)
		return error;
	memcpy(words, payload, sizeof(words));
	status = (int32_t)le32toh(words[0]);
	length = le32toh(words[1]);
	if (status > 0 || status < -4095 || length > FASTIPC_STREAM_TEXT_MAX ||
	    length > frame->length - END_HEAD)
		return -EPROTO;
	size = frame->length - END_HEAD - length;
	if (size > FASTIPC_STREAM_TRAILERS_MAX || (stream->filling && !status))
		return -EPROTO;
	stream->end_text = malloc(length + 1ul + size);
	if (!stream->end_text)
		return -ENOMEM;
	memcpy(stream->end_text, payload + END_HEAD, length);
	stream->end_text[length] = '\0';
	memcpy(stream->end_text + length + 1, payload + END_HEAD + length,
	       size);
	stream->end_text_size = length;
	stream->end_size = size;
	stream->end_status = status;
	stream->in_ended = true;
	stream->filling = false;
	if (status)
		end_early(stream, status);
	can_read(stream);
	return 0;
}

/* Room for a message of @size bytes; -EPROTO: the credit is overrun. */
static int begin_message(struct fastipc_stream *stream, uint32_t size)
{
	struct arrival *arrival;
	uint64_t cost = cost_of(size);

	if (cost > stream->granted - stream->received)
		return -EPROTO;
	stream->received += cost;
	if (stream->discard)
		return 0;
	arrival = malloc(sizeof(*arrival) + size);
	if (!arrival) {
		give_up(stream, -ENOMEM, "no memory for a message");
		return 0;
	}
	arrival->next = NULL;
	arrival->size = size;
	arrival->filled = 0;
	if (stream->first)
		stream->last->next = arrival;
	else
		stream->first = arrival;
	stream->last = arrival;
	return 0;
}

static int take_data(struct fastipc_stream *stream,
		     const struct fastipc_frame *frame)
{
	struct streams *streams = stream->streams;
	bool more = frame->flags & FASTIPC_FRAME_MORE;
	int error;

	if (stream->filling) {
		if (frame->total || !frame->length ||
		    frame->length > stream->missing ||
		    more != (frame->length < stream->missing))
			return -EPROTO;
	} else {
		if (more ? frame->length >= frame->total : frame->total != 0)
			return -EPROTO;
		stream->missing = more ? frame->total : frame->length;
		error = begin_message(stream, stream->missing);
		if (error)
			return error;
		stream->filling = true;
	}
	if (!stream->discard) {
		struct arrival *arrival = stream->last;

		error = fastipc_frame_take(streams->channel, frame,
					   arrival->bytes + arrival->filled);
		if (error)
			return error;
		arrival->filled += frame->length;
	}
	stream->missing -= frame->length;
	stream->filling = more;
	streams->bytes_received += frame->length;
	if (!more && !stream->discard)
		can_read(stream);
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
	stream = find(streams, frame->id);
	if (!stream || stream->in_ended || stream->type != frame->type)
		return -EPROTO;
	fastipc_streams_ref(stream);
	error = frame->flags & FASTIPC_FRAME_END ? take_end(stream, frame)
						 : take_data(stream, frame);
	forget_ended(stream);
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

/* One that is good for nothing: -EPROTO, it is a flood of them. */
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
	can_write(stream);
	return 0;
}

static void take_cancel(struct fastipc_stream *stream)
{
	fastipc_streams_ref(stream);
	/* What it sent before its own end is still to be read. */
	if (!stream->in_ended) {
		stop(stream, -ECANCELED);
	} else if (!stream->stopped) {
		__atomic_store_n(&stream->stopped, -ECANCELED,
				 __ATOMIC_RELAXED);
		can_write(stream);
	}
	end_sending(stream, -ECANCELED, NULL);
	forget_ended(stream);
	fastipc_streams_unref(stream);
}

int fastipc_streams_control(struct streams *streams, uint16_t type, uint64_t id,
			    const void *data, uint32_t size)
{
	struct fastipc_stream *stream = find(streams, id);

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

void fastipc_streams_fail(struct streams *streams)
{
	if (streams->failed)
		return;
	__atomic_store_n(&streams->failed, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; streams->table && i <= streams->mask; i++) {
		while (streams->table[i]) {
			struct fastipc_stream *stream = streams->table[i];

			fastipc_streams_ref(stream);
			while (stream->flow.first) {
				struct parcel *parcel = stream->flow.first;

				fastipc_outbox_remove(streams->outbox, parcel);
				free(parcel);
			}
			can_read(stream);
			can_write(stream);
			forget(stream);
			fastipc_streams_unref(stream);
		}
	}
	free(streams->table);
	streams->table = NULL;
}

void fastipc_streams_fini(struct streams *streams)
{
	while (streams->events) {
		struct fastipc_stream *stream = streams->events;

		streams->events = stream->event_next;
		stream->queued = false;
		fastipc_streams_unref(stream);
	}
	free(streams->table);
	streams->table = NULL;
}

uint64_t fastipc_streams_expire(struct streams *streams, uint64_t now)
{
	uint64_t next = 0;

	for (uint32_t i = 0; streams->table && i <= streams->mask; i++) {
		struct fastipc_stream *stream = streams->table[i];

		while (stream) {
			struct fastipc_stream *after = stream->table_next;

			if (stream->deadline && !stream->stopped &&
			    !stream->closed) {
				if (stream->deadline <= now)
					give_up(stream, -ETIMEDOUT, NULL);
				else if (!next || stream->deadline < next)
					next = stream->deadline;
			}
			stream = after;
		}
	}
	return next;
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
	stream = add(streams, id, type);
	if (!stream)
		return fastipc_fail(-ENOMEM, "no memory for a stream");
	/* Small, so that streams are opened in the order of their ids. */
	if (!streams->outbox->small)
		error = send_now(streams, &message, false, false);
	if (error == -EAGAIN)
		error = enqueue(streams, NULL, &message);
	if (error) {
		streams->last_id--;
		forget(stream);
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

void fastipc_streams_give_up(struct fastipc_stream *stream, int error)
{
	give_up(stream, error, NULL);
}

/* Why nothing can be written any more; 0: it can. */
static int check_writable(const struct fastipc_stream *stream)
{
	if (stream->stopped)
		return fastipc_fail(stream->stopped,
				    "the stream was given up: %s",
				    fastipc_strerror(stream->stopped));
	if (stream->in_ended && stream->end_status)
		return fastipc_fail(stream->end_status,
				    "the peer ended the stream: %s%s%s",
				    fastipc_strerror(stream->end_status),
				    stream->end_text_size ? ": " : "",
				    stream->end_text);
	if (stream->finished)
		return fastipc_fail(-EALREADY,
				    "the stream was finished before");
	if (stream->streams->failed)
		return stream->streams->ops->over(stream->streams);
	return 0;
}

int fastipc_streams_write(struct fastipc_stream *stream, const void *data,
			  uint32_t size, bool more)
{
	struct fastipc_outgoing message = {
		.data = data,
		.id = stream->id,
		.size = size,
		.type = stream->type,
		.flags = FASTIPC_FRAME_STREAM,
	};
	int error = check_writable(stream);

	if (error)
		return error;
	if (!has_room(stream, cost_of(size)))
		return -EAGAIN;
	stream->sent += cost_of(size);
	error = send_in_order(stream, &message, more);
	if (!error)
		stream->streams->bytes_sent += size;
	return error;
}

int fastipc_streams_finish(struct fastipc_stream *stream, int status,
			   const char *text, const void *trailers,
			   uint32_t size)
{
	int error = check_writable(stream);

	if (error)
		return error;
	fastipc_streams_ref(stream);
	error = send_end(stream, status, text, trailers, size);
	if (!error && status) {
		stream->discard = true;
		drop_arrivals(stream);
	}
	if (!error)
		forget_ended(stream);
	fastipc_streams_unref(stream);
	return error;
}

void fastipc_streams_close(struct fastipc_stream *stream)
{
	struct streams *streams = stream->streams;

	stream->closed = true;
	if (!stream->in_table) {
		drop_arrivals(stream);
		return;
	}
	if (!stream->finished) {
		give_up(stream, -ECANCELED, NULL);
		return;
	}
	stream->discard = true;
	drop_arrivals(stream);
	if (!stream->in_ended && !stream->finish_status && send_cancel(stream))
		streams->ops->abandon(streams, -ENOMEM);
}

int fastipc_streams_answer(struct fastipc_stream *stream, const void *data,
			   uint32_t size, int failure, const char *text)
{
	int error = 0;

	/* Its client gave it up: there is nobody to answer. */
	if (stream->finished)
		return 0;
	if (!failure && size) {
		error = fastipc_streams_write(stream, data, size, true);
		if (error == -EAGAIN)
			failure = -EMSGSIZE;
		else if (error)
			return error;
	}
	fastipc_streams_ref(stream);
	error = fastipc_streams_finish(stream, failure, text, NULL, 0);
	fastipc_streams_close(stream);
	fastipc_streams_unref(stream);
	return error;
}

/* The first message, if it is whole. */
static struct arrival *whole_arrival(const struct fastipc_stream *stream)
{
	struct arrival *arrival = stream->first;

	return arrival && arrival->filled == arrival->size ? arrival : NULL;
}

bool fastipc_streams_has_ended(const struct fastipc_stream *stream)
{
	return stream->stopped || stream->in_ended || stream->streams->failed;
}

int fastipc_streams_peek(struct fastipc_stream *stream,
			 struct arrival **arrival)
{
	*arrival = whole_arrival(stream);
	if (*arrival)
		return 0;
	if (stream->in_ended && !stream->end_status)
		return fastipc_fail(-ENODATA, "the stream has ended");
	if (stream->in_ended)
		return fastipc_fail(stream->end_status,
				    "the peer ended the stream: %s%s%s",
				    fastipc_strerror(stream->end_status),
				    stream->end_text_size ? ": " : "",
				    stream->end_text);
	if (stream->stopped)
		return fastipc_fail(stream->stopped,
				    "the stream was given up: %s",
				    fastipc_strerror(stream->stopped));
	if (stream->streams->failed)
		return stream->streams->ops->over(stream->streams);
	return -EAGAIN;
}

void fastipc_streams_consume(struct fastipc_stream *stream)
{
	struct arrival *arrival = stream->first;

	stream->first = arrival->next;
	consumed(stream, arrival->size);
	free(arrival);
}

/* ---- callbacks ---- */

/* Without the lock: @fn, and with it again. */
static void call_event(struct fastipc_stream *stream,
		       fastipc_stream_event_fn function)
{
	struct streams *streams = stream->streams;
	const void *outer = streams->ops->enter(streams);

	streams->ops->unlock(streams);
	function(stream->options.context, stream);
	streams->ops->lock(streams);
	streams->ops->leave(streams, outer);
}

static void deliver(struct fastipc_stream *stream, struct arrival *arrival)
{
	struct streams *streams = stream->streams;
	const void *outer = streams->ops->enter(streams);

	stream->first = arrival->next;
	streams->ops->unlock(streams);
	stream->options.message(stream->options.context, stream, arrival->bytes,
				arrival->size);
	streams->ops->lock(streams);
	streams->ops->leave(streams, outer);
	consumed(stream, arrival->size);
	free(arrival);
}

/* Any of its callbacks that is due.  False: there is none. */
static bool run_one(struct fastipc_stream *stream)
{
	const struct fastipc_stream_options *options = &stream->options;
	struct arrival *arrival = whole_arrival(stream);

	if (stream->closed)
		return false;
	if (options->message && arrival) {
		deliver(stream, arrival);
		return true;
	}
	if (options->writable && stream->want_writable &&
	    (has_room(stream, stream->wanted) || check_writable(stream))) {
		stream->want_writable = false;
		call_event(stream, options->writable);
		return true;
	}
	if (options->end && !stream->end_told &&
	    fastipc_streams_has_ended(stream) &&
	    (!arrival || !options->message)) {
		stream->end_told = true;
		call_event(stream, options->end);
		return true;
	}
	return false;
}

void fastipc_streams_run(struct streams *streams)
{
	while (streams->events) {
		struct fastipc_stream *stream = streams->events;

		streams->events = stream->event_next;
		stream->queued = false;
		/* Who runs it already looks again. */
		if (!stream->running) {
			stream->running = true;
			while (run_one(stream))
				;
			stream->running = false;
		}
		fastipc_streams_unref(stream);
	}
}
