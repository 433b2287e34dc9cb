/* SPDX-License-Identifier: MIT */
/*
 * What the parts of streams.h know of each other: streams.c has the table,
 * streams_sending.c and streams_receiving.c a direction each, streams_cargo.c
 * what goes along with messages, streams_events.c those who are told.
 */
#ifndef FASTIPC_STREAMS_PARTS_H
#define FASTIPC_STREAMS_PARTS_H

#include "rpc/streams.h"

/* Of the payload of END: i32 status, u32 size of the text, before text and
 * trailers. */
#define FASTIPC_STREAM_END_HEAD 8u

/* Credit for a message, in the @window of who receives it. */
static inline uint64_t fastipc_stream_cost(uint32_t window, uint32_t size,
					   bool laden, uint32_t descriptors)
{
	uint64_t cost = (uint64_t)size + FASTIPC_STREAM_COST;

	if (laden)
		cost += FASTIPC_STREAM_LADEN_COST +
			(uint64_t)descriptors *
				(window / FASTIPC_STREAM_DESCRIPTORS);
	return cost;
}

/* ---- the table ---- */

struct fastipc_stream *fastipc_streams_find(const struct streams *streams,
					    uint64_t id);
/* NULL: no memory. */
struct fastipc_stream *fastipc_streams_add(struct streams *streams, uint64_t id,
					   uint16_t type);
void fastipc_streams_forget(struct fastipc_stream *stream);
/* If both directions have ended: it is no more. */
void fastipc_streams_forget_ended(struct fastipc_stream *stream);
void fastipc_stream_drop_arrivals(struct fastipc_stream *stream);

/* ---- sending ---- */

/* End this direction at once, as far as that has not been done. */
void fastipc_stream_end_sending(struct fastipc_stream *stream, int status,
				const char *text);
/* Neither end will read or write any more, because of @error. */
void fastipc_stream_stop(struct fastipc_stream *stream, int error);
/* A control frame, ahead of what is queued in flows. */
void fastipc_streams_send_control(struct streams *streams,
				  struct fastipc_outgoing *message);
/* Whether a message of @cost may be written. */
bool fastipc_stream_has_room(const struct fastipc_stream *stream,
			     uint64_t cost);
/* Why nothing can be written any more; 0: it can. */
int fastipc_stream_check_writable(const struct fastipc_stream *stream);

/* ---- receiving ---- */

/* A message of @cost was read: when half of the window was, the peer may send
 * more. */
void fastipc_stream_consumed(struct fastipc_stream *stream, uint32_t cost);

/* The error that the peer ended it with, in words.  -EAGAIN, which is "not yet"
 * to whoever reads or writes, is -ECANCELED. */
int fastipc_stream_ended(const struct fastipc_stream *stream);

/* ---- what goes along ---- */

/* Take what came along with @frame, which is the partial message's, or of no use.
 * 0, or why the peer is to be given up. */
int fastipc_stream_take_cargo(struct fastipc_stream *stream,
			      const struct fastipc_frame *frame);
/* It was read, or nobody will read it: what still came along goes back. */
void fastipc_stream_drop_arrival(struct fastipc_stream *stream,
				 struct arrival *arrival);

/* ---- who is told ---- */

void fastipc_stream_can_read(struct fastipc_stream *stream);
void fastipc_stream_can_write(struct fastipc_stream *stream);

#endif
