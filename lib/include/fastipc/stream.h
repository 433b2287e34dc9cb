/* SPDX-License-Identifier: MIT */
/*
 * Streams: calls with many messages, in either direction or both, and an end
 * with a status and trailers.  Man page: fastipc_stream(3).  With loans and
 * descriptors along: fastipc/loan.h.
 *
 * A client opens a stream with its first message; the handler of its type
 * takes it by fastipc_request_stream().  From then on both ends have the same
 * functions.  Each direction is flow-controlled by itself: who does not read
 * stalls the writer of this stream, and nobody else.
 *
 * Thread-safety: any function from any thread at any time, except that
 * fastipc_stream_close() must be the last with this stream.
 *
 * Blocking: read and write wait until their deadline, or the stream's.  But
 * nothing waits in a handler, in a callback, or on a server that has no threads
 * of its own: there they give -EAGAIN at once, and callbacks tell when to try
 * again.  What finds no room in a client's ring is queued, the end of a stream
 * included; it moves on while a thread waits in a call of that client or
 * dispatches, and with what it sends next, or fastipc_client_flush().
 */
#ifndef FASTIPC_STREAM_H
#define FASTIPC_STREAM_H

#include <fastipc/client.h>
#include <fastipc/server.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fastipc_stream;

/* Text and trailers of an end, bytes at most. */
#define FASTIPC_STREAM_TEXT_MAX 256u
#define FASTIPC_STREAM_TRAILERS_MAX 4096u

/*
 * Callbacks run in the thread that serves the connection: a worker of the
 * server, or who waits or dispatches for the client.  While one runs nothing
 * else of that worker's does.  They may call any function of streams, close
 * included.
 */
typedef void (*fastipc_stream_message_fn)(void *context,
					  struct fastipc_stream *stream,
					  const void *data, size_t size);
typedef void (*fastipc_stream_event_fn)(void *context,
					struct fastipc_stream *stream);

struct fastipc_stream_options {
	size_t size;
	/* Client: of the stream as a whole; the server is told. */
	uint64_t deadline;
	/* Share of what is sent when there is more than fits: 1 to 255.
	 * 0: 16; on the server, for what it sends, what the client asked. */
	unsigned int weight;
	/* Before all that is not; on the server, as the client asked, too. */
	bool urgent;
	/* Each message that came, instead of fastipc_stream_read(). */
	fastipc_stream_message_fn message;
	/* Nothing more will come: see fastipc_stream_status().  Once. */
	fastipc_stream_event_fn end;
	/* There is room again after a write that gave -EAGAIN, or there may be
	 * after a fastipc_stream_loan() that did. */
	fastipc_stream_event_fn writable;
	void *context;
};

void fastipc_stream_options_init(struct fastipc_stream_options *options);

/*
 * Open a stream on @client: its handler gets the @size bytes at @data, which
 * must fit one frame (16 KiB less 64 bytes, or a quarter of the ring), as the
 * request.  @options may be NULL.
 * -EUSERS as many streams are open as the server allows; -EMSGSIZE; -ESHUTDOWN
 * the server drains; -EINVAL; -ENOMEM; -EPIPE, -EPROTO, -EBADMSG the connection
 * is over.
 */
int fastipc_stream_open(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size,
			const struct fastipc_stream_options *options,
			struct fastipc_stream **stream);

/*
 * In the handler: take the stream that @request opened; close it some time,
 * from any thread.  The request needs no answer then.  NULL, and errno says
 * why: EPROTOTYPE it is a plain call (answer it), EALREADY, EINVAL, ENOMEM.
 * A handler that answers instead sends one message, or an error, and the end.
 */
struct fastipc_stream *
fastipc_request_stream(struct fastipc_request *request,
		       const struct fastipc_stream_options *options);

/*
 * Send a message.  The bytes are copied before it returns.  @flags:
 * FASTIPC_MORE.
 * -EAGAIN, -ETIMEDOUT nothing was sent: the peer has not read enough;
 * -EMSGSIZE over fastipc_stream_message_max(); -EALREADY after
 * fastipc_stream_finish(); -ECANCELED; the error that the peer ended the stream
 * with; -EPIPE the peer is gone; -EINVAL; -ENOMEM.
 */
int fastipc_stream_write(struct fastipc_stream *stream, const void *data,
			 size_t size, unsigned int flags, uint64_t deadline);
/* The same with what @encode makes of @value; or the error of @encode. */
int fastipc_stream_write_value(struct fastipc_stream *stream,
			       fastipc_encode_fn encode, const void *value,
			       unsigned int flags, uint64_t deadline);

/*
 * Receive the next message into @buffer, as a reply.
 * -ENODATA the peer finished with status 0, and all was read; a status that it
 * finished with, but -ECANCELED for -EAGAIN; -ECANCELED; -ETIMEDOUT, -EAGAIN
 * nothing came; -EMSGSIZE @buffer is fixed and too small (the message stays);
 * -EPIPE the peer is gone, and all that came was read; -ENOMEM.
 */
int fastipc_stream_read(struct fastipc_stream *stream,
			struct fastipc_buffer *buffer, uint64_t deadline);

/*
 * End this direction, after what was written: with 0, or a negative errno,
 * which ends the other direction, too; a @text (may be NULL) that says why, and
 * trailers (may be NULL) of @size bytes.  Does not wait.
 * -EALREADY; -EMSGSIZE the trailers are too long; -EINVAL; -ENOMEM.
 */
int fastipc_stream_finish(struct fastipc_stream *stream, int status,
			  const char *text, const void *trailers, size_t size);

/*
 * Give the stream up: both directions end with -ECANCELED, what was not read
 * or sent yet is dropped, and the peer is told.
 */
void fastipc_stream_cancel(struct fastipc_stream *stream);

struct fastipc_stream_end {
	int status;	  /* 0, or a negative errno */
	const char *text; /* "" if none; valid until close, as trailers are */
	const void *trailers;
	size_t size;
};

/* How the peer ended, or what ended the stream.  -EAGAIN it has not ended. */
int fastipc_stream_status(struct fastipc_stream *stream,
			  struct fastipc_stream_end *end);
/* By this end's clock; FASTIPC_NO_DEADLINE. */
uint64_t fastipc_stream_deadline(const struct fastipc_stream *stream);
/* It was cancelled, by either end, or the connection is over. */
bool fastipc_stream_is_cancelled(const struct fastipc_stream *stream);
/* The longest message that can be written: half of the peer's window, less 64
 * bytes. */
size_t fastipc_stream_message_max(const struct fastipc_stream *stream);

/*
 * Have done with it.  What was written and finished is still sent; a direction
 * that has not ended is cancelled.  No callback begins after it.  NULL is
 * allowed.
 */
void fastipc_stream_close(struct fastipc_stream *stream);

/* Of a call or stream: when its client stops waiting, by this end's clock; or
 * FASTIPC_NO_DEADLINE.  Pass it to calls on its behalf. */
uint64_t fastipc_request_deadline(const struct fastipc_request *request);

#ifdef __cplusplus
}
#endif

#endif
