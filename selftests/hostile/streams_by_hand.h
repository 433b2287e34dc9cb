/* SPDX-License-Identifier: MIT */
/*
 * Streams that a server under attack takes, and frames of streams by hand.
 */
#ifndef SELFTESTS_HOSTILE_STREAMS_BY_HAND_H
#define SELFTESTS_HOSTILE_STREAMS_BY_HAND_H

#include "peer.h"

#define HELD 10 /* a stream that is never read */
#define DONE 11 /* a stream that ends at once */

#define ID(n) (FASTIPC_STREAM_OPENS | (n))

static inline void close_it(void *context, struct fastipc_stream *stream)
{
	(void)context;
	fastipc_stream_close(stream);
}

/* Holds what it is given, until the end of it. */
static inline int on_held(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;

	(void)context;
	fastipc_stream_options_init(&options);
	options.end = close_it;
	check(fastipc_request_stream(request, &options));
	return 0;
}

static inline int on_done(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	return 0;
}

static inline void add_streams(struct fastipc_server *server)
{
	add_handlers(server);
	check(!fastipc_server_add_handler(server, HELD, on_held, NULL));
	check(!fastipc_server_add_handler(server, DONE, on_done, NULL));
}

static inline void open_by_hand(struct fastipc_channel *channel, uint16_t type,
				uint64_t id, uint8_t flags)
{
	struct total block = good_total(16);

	block.kind = FASTIPC_EXT_STREAM;
	put_whole(channel, type,
		  FASTIPC_FRAME_STREAM | FASTIPC_FRAME_EXT | flags, id, &block,
		  sizeof(block));
}

/* An END of @size bytes, which says that it has @text bytes of text. */
static inline void put_end(struct fastipc_channel *channel, uint16_t type,
			   uint64_t id, int32_t status, uint32_t text,
			   uint32_t size)
{
	unsigned char payload[9000] = { 0 };

	memcpy(payload, &status, 4);
	memcpy(payload + 4, &text, 4);
	put_whole(channel, type, FASTIPC_FRAME_STREAM | FASTIPC_FRAME_END, id,
		  payload, size);
}

#endif
