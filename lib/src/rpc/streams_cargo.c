// SPDX-License-Identifier: MIT
/*
 * What goes along with messages of streams: it comes, is read or not, and goes
 * back.
 */
#include "rpc/streams_parts.h"

#include <stdlib.h>

#include "base/error.h"
#include "transport/bulk.h"

/* Bytes: an area has so many pieces as it has pages, and no more. */
#define PIECE_LEAST 4096u

/* ---- sending ---- */

int fastipc_streams_attach(struct fastipc_stream *stream, size_t size,
			   const struct fastipc_attachment *attachment,
			   struct fastipc_cargo **cargo)
{
	struct streams *streams = stream->streams;
	uint32_t most;
	int error = fastipc_stream_check_writable(stream);

	*cargo = NULL;
	/* From here on there is a link to ask. */
	most = error ? 0 : fastipc_cargo_message_max(streams->channel);
	if (!error && size > most)
		error = fastipc_fail(-EMSGSIZE,
				     "a message with something along has %u "
				     "bytes at most: lend the rest",
				     most);
	if (error) {
		fastipc_loan_free(attachment->loan);
		return error;
	}
	error = fastipc_loans_attach(streams->loans, streams->channel,
				     attachment, cargo);
	if (!*cargo ||
	    fastipc_stream_write_cost(stream, (uint32_t)size, *cargo) <=
		    streams->peer_window / 2)
		return error;
	fastipc_cargo_drop(*cargo);
	*cargo = NULL;
	return fastipc_fail(-EMSGSIZE,
			    "the message, with what goes along, costs more "
			    "than half of the peer's stream_window of %u",
			    streams->peer_window);
}

int fastipc_streams_loan(struct fastipc_stream *stream, size_t size,
			 struct fastipc_loan **loan)
{
	struct streams *streams = stream->streams;
	int error = fastipc_stream_check_writable(stream);

	if (!error)
		error = fastipc_loans_take(streams->loans, size, loan);
	if (error == -EAGAIN)
		stream->wants_loan = streams->loans_wanted = true;
	return error;
}

void fastipc_streams_loan_returned(struct streams *streams)
{
	if (!streams->loans_wanted)
		return;
	streams->loans_wanted = false;
	for (uint32_t i = 0; streams->table && i <= streams->mask; i++) {
		struct fastipc_stream *stream = streams->table[i];

		for (; stream; stream = stream->table_next) {
			if (!stream->wants_loan)
				continue;
			stream->wants_loan = false;
			stream->loan_back = stream->options.writable != NULL;
			fastipc_stream_can_write(stream);
		}
	}
}

/* ---- receiving ---- */

/* More wait for room than the peer can have lent, by the protocol: it lends,
 * and takes nothing back. */
static bool is_flooded(const struct streams *streams)
{
	const struct fastipc_bulk *bulk = streams->channel->link.peer_bulk;

	return streams->outbox->returns > bulk->size / PIECE_LEAST;
}

void fastipc_streams_give_back(struct streams *streams, uint64_t loan)
{
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)"",
		.type = FASTIPC_TYPE_RETURN,
		.id = loan,
	};

	if (streams->failed)
		return;
	if (is_flooded(streams))
		streams->ops->abandon(streams, -EPROTO);
	else
		fastipc_streams_send_control(streams, &message);
}

/* There is no room for it: the stream ends, and nothing else does. */
static int check_room(const struct streams *streams,
		      const struct fastipc_delivery *delivery)
{
	if (streams->descriptors + delivery->count <=
	    FASTIPC_STREAMS_DESCRIPTORS_MOST)
		return 0;
	return fastipc_fail(-EMFILE,
			    "%u descriptors of streams are unread on this "
			    "connection, and no more are taken",
			    streams->descriptors);
}

int fastipc_stream_take_cargo(struct fastipc_stream *stream,
			      const struct fastipc_frame *frame)
{
	struct streams *streams = stream->streams;
	struct fastipc_delivery *delivery;
	int error =
		fastipc_delivery_receive(streams->channel, frame, &delivery);

	if (error == -EPROTO) {
		streams->loan_error = true;
		return error;
	}
	if (!error && !stream->discard) {
		error = check_room(streams, delivery);
		if (!error) {
			stream->partial->delivery = delivery;
			streams->descriptors += delivery->count;
			return 0;
		}
	}
	fastipc_delivery_free(delivery);
	if (frame->lends)
		fastipc_streams_give_back(streams, frame->piece.id);
	if (error)
		fastipc_streams_give_up(stream, error,
					"no room for what came along with a "
					"message");
	return 0;
}

struct fastipc_delivery *fastipc_streams_deliver(struct streams *streams,
						 struct arrival *arrival)
{
	struct fastipc_delivery *delivery = arrival->delivery;

	if (!delivery)
		return NULL;
	arrival->delivery = NULL;
	streams->descriptors -= delivery->count;
	delivery->streams = streams;
	streams->ops->hold(streams);
	return delivery;
}

void fastipc_stream_drop_arrival(struct fastipc_stream *stream,
				 struct arrival *arrival)
{
	struct streams *streams = stream->streams;
	struct fastipc_delivery *delivery = arrival->delivery;

	free(arrival);
	if (!delivery)
		return;
	streams->descriptors -= delivery->count;
	if (delivery->bulk)
		fastipc_streams_give_back(streams, delivery->loan);
	fastipc_delivery_free(delivery);
}

void fastipc_delivery_end(struct fastipc_delivery *delivery)
{
	struct streams *streams;

	if (!delivery)
		return;
	streams = delivery->streams;
	if (delivery->bulk) {
		streams->ops->lock(streams);
		fastipc_streams_give_back(streams, delivery->loan);
		streams->ops->unlock(streams);
	}
	/* To close what a stranger has sent may take long: not with the lock. */
	fastipc_delivery_free(delivery);
	streams->ops->drop(streams);
}
