// SPDX-License-Identifier: MIT
/*
 * Streams on the wire: which there are, and how all end at once.
 */
#include "rpc/streams_parts.h"

#include <stdlib.h>

void fastipc_streams_init(struct streams *streams,
			  const struct streams_ops *ops,
			  struct fastipc_channel *channel,
			  struct outbox *outbox, struct loans *loans,
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
		.loans = loans,
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

struct fastipc_stream *fastipc_streams_find(const struct streams *streams,
					    uint64_t id)
{
	struct fastipc_stream *stream;

	if (!streams->table)
		return NULL;
	stream = *bucket(streams, id);
	while (stream && stream->id != id)
		stream = stream->table_next;
	return stream;
}

struct fastipc_stream *fastipc_streams_add(struct streams *streams, uint64_t id,
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

void fastipc_stream_drop_arrivals(struct fastipc_stream *stream)
{
	struct arrival *partial = stream->partial;

	stream->partial = NULL;
	if (partial)
		fastipc_stream_drop_arrival(stream, partial);
	while (stream->first) {
		struct arrival *arrival = stream->first;

		stream->first = arrival->next;
		fastipc_stream_drop_arrival(stream, arrival);
	}
}

void fastipc_streams_ref(struct fastipc_stream *stream)
{
	stream->references++;
}

/* Out of line: compilers that count references by themselves are wrong. */
static __attribute__((noinline)) void destroy(struct fastipc_stream *stream)
{
	fastipc_stream_drop_arrivals(stream);
	free(stream->end_text);
	free(stream);
}

void fastipc_streams_unref(struct fastipc_stream *stream)
{
	if (!--stream->references)
		destroy(stream);
}

void fastipc_streams_forget(struct fastipc_stream *stream)
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

void fastipc_streams_forget_ended(struct fastipc_stream *stream)
{
	if (stream->in_table && stream->in_ended && stream->out_ended &&
	    !stream->flow.first)
		fastipc_streams_forget(stream);
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
				fastipc_parcel_drop(parcel);
			}
			fastipc_stream_can_read(stream);
			fastipc_stream_can_write(stream);
			fastipc_streams_forget(stream);
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
			bool waits = stream->deadline && !stream->stopped &&
				     !stream->closed;

			if (waits && stream->deadline <= now) {
				fastipc_streams_give_up(stream, -ETIMEDOUT,
							NULL);
				/* Others may be gone with what was sent. */
				stream = streams->table ? streams->table[i]
							: NULL;
				continue;
			}
			if (waits && (!next || stream->deadline < next))
				next = stream->deadline;
			stream = stream->table_next;
		}
	}
	return next;
}
