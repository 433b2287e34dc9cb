/* SPDX-License-Identifier: MIT */
/*
 * What the parts of streams.h know of each other: streams.c has the table,
 * streams_sending.c and streams_receiving.c a direction each, streams_events.c
 * those who are told.
 */
#ifndef FASTIPC_STREAMS_PARTS_H
#define FASTIPC_STREAMS_PARTS_H

#include "rpc/streams.h"

/* Of the payload of END: i32 status, u32 size of the text, before text and
 * trailers. */
#define FASTIPC_STREAM_END_HEAD 8u

/* Credit for a message. */
static inline uint64_t fastipc_stream_cost(uint32_t size)
{
	return (uint64_t)size + FASTIPC_STREAM_COST;
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
/* Whether a message of @cost may be written. */
bool fastipc_stream_has_room(const struct fastipc_stream *stream,
			     uint64_t cost);
/* Why nothing can be written any more; 0: it can. */
int fastipc_stream_check_writable(const struct fastipc_stream *stream);

/* ---- receiving ---- */

/* A message was read: when half of the window was, the peer may send more. */
void fastipc_stream_consumed(struct fastipc_stream *stream, uint32_t size);
/* The first message, if it is whole. */
struct arrival *
fastipc_stream_whole_arrival(const struct fastipc_stream *stream);

/* ---- who is told ---- */

void fastipc_stream_can_read(struct fastipc_stream *stream);
void fastipc_stream_can_write(struct fastipc_stream *stream);

#endif
