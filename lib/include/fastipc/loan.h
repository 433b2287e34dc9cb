/* SPDX-License-Identifier: MIT */
/*
 * What goes along with a message beside its bytes: memory that is lent instead
 * of copied, and descriptors.  Man page: fastipc_loan(3).
 *
 * An end that is to lend has a bulk area on each connection (its option
 * bulk_size), which the other end must be ready to map (its bulk_max).  A loan
 * is a piece of that area: fill it, send it with a message, and the receiver
 * reads it where it is, until it gives it back.  That costs the same whatever
 * the size.
 *
 * Trust: the sender can still write what it has lent, so the receiver has it as
 * struct fastipc_shared: copy what is looked at twice, or read it by
 * NAME_view_of().  The receiver cannot write it, but can read the whole area,
 * also what was never sent: put nothing there that it must not see.  A receiver
 * that gives nothing back uses up the area of its own connection, no more.
 *
 * Descriptors go along where both ends have set max_descriptors, which is how
 * many each takes with a message.  A descriptor from a stranger may be
 * anything: look before you read, map or wait for it (fastipc_sealed_map() does
 * for sealed memory).
 *
 * Thread-safety: of client, server, request and stream functions as elsewhere;
 * any other, any thread, one at a time for each loan and each delivery.
 */
#ifndef FASTIPC_LOAN_H
#define FASTIPC_LOAN_H

#include <fastipc/client.h>
#include <fastipc/codec.h>
#include <fastipc/server.h>
#include <fastipc/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A piece of this end's area that the peer does not have yet. */
struct fastipc_loan;

/*
 * @size bytes (from 1 on) of the client's area, at a page's beginning; what is
 * in them is undefined.  They are the caller's until the loan is sent or freed.
 * Where there is no room it waits for the server to give something back, until
 * @deadline.
 * -EOPNOTSUPP the client has no area, or the server takes none of its size;
 * -EMSGSIZE larger than the area; -ETIMEDOUT; -EAGAIN no room, and in a
 * callback; -EPIPE, -EPROTO, -EBADMSG the connection is over; -EINVAL; -ENOMEM.
 */
int fastipc_client_loan(struct fastipc_client *client, size_t size,
			uint64_t deadline, struct fastipc_loan **loan);
/*
 * The same of the server's area for the client that made @request, for its
 * answer.  Does not wait: -EAGAIN no room.
 */
int fastipc_request_loan(struct fastipc_request *request, size_t size,
			 struct fastipc_loan **loan);
void *fastipc_loan_data(const struct fastipc_loan *loan);
size_t fastipc_loan_size(const struct fastipc_loan *loan);
/* Have done with one that was not sent, any time, also after the connection has
 * ended.  Wakes who waits for room.  NULL is allowed.  Any thread. */
void fastipc_loan_free(struct fastipc_loan *loan);

/* What goes along with a message; zero-initialise it. */
struct fastipc_attachment {
	/* Whoever gets the attachment has the loan from then on, also on error
	 * (but for one of fastipc_stream_write_with()), and the caller must not
	 * use it any more.  NULL: none. */
	struct fastipc_loan *loan;
	/* Up to what the peer takes, and FASTIPC_DESCRIPTORS_MAX.  They are
	 * duplicated: the caller's stay open. */
	const int *descriptors;
	unsigned int descriptor_count;
};

/*
 * What came along with a reply, or a stream's message.  It holds what was lent,
 * and closes those descriptors that nobody has taken, when it ends.
 */
struct fastipc_delivery;

/*
 * As fastipc_client_call() and fastipc_client_post(), with @attachment (may be
 * NULL).  What comes with the reply is *@delivery, NULL if nothing did, and on
 * error; if @delivery is NULL it is given back and closed at once.
 * The message must fit one frame (16 KiB less 96 bytes, or a quarter of the
 * ring), and is not compressed.
 * Errors as there, and: -EOPNOTSUPP the server takes no descriptors, or not so
 * many; -EBADF one is none; -EMFILE, -ENFILE; -ETOOMANYREFS, -ENOBUFS too many
 * are on their way.  That may be found later, when what waited for room is sent:
 * then that call fails, and nothing else.
 */
int fastipc_client_call_with(struct fastipc_client *client, uint16_t type,
			     const void *data, size_t size,
			     const struct fastipc_attachment *attachment,
			     struct fastipc_buffer *reply,
			     struct fastipc_delivery **delivery,
			     uint64_t deadline);
int fastipc_client_post_with(struct fastipc_client *client, uint16_t type,
			     const void *data, size_t size,
			     const struct fastipc_attachment *attachment,
			     uint64_t deadline);

/* What was lent, until the delivery ends; data is NULL if nothing was. */
struct fastipc_shared
fastipc_delivery_lent(const struct fastipc_delivery *delivery);
/* How many descriptors came, those included that were taken. */
unsigned int
fastipc_delivery_descriptors(const struct fastipc_delivery *delivery);
/* Take one: it is the caller's to close, and is close-on-exec.  -ENOENT there
 * is none, or it was taken. */
int fastipc_delivery_take(struct fastipc_delivery *delivery,
			  unsigned int index);
/* Give back what was lent, also after the client or the stream was closed, or
 * the connection has ended.  NULL is allowed.  Does not wait. */
void fastipc_delivery_end(struct fastipc_delivery *delivery);

/*
 * The same of what came with a request: until its handler returns or, deferred,
 * until it is answered.
 */
struct fastipc_shared
fastipc_request_lent(const struct fastipc_request *request);
unsigned int fastipc_request_descriptors(const struct fastipc_request *request);
int fastipc_request_take(struct fastipc_request *request, unsigned int index);

/*
 * As fastipc_request_reply(), with what is in @attachment (may be NULL), and
 * with the same limits and errors as fastipc_client_call_with().  The request is
 * answered in any case: the client's call fails with what cannot be sent, also if
 * that is found later.
 */
int fastipc_request_reply_with(struct fastipc_request *request,
			       const void *data, size_t size,
			       const struct fastipc_attachment *attachment);

/* ---- along with messages of streams, at both ends ---- */

/*
 * As fastipc_client_loan(), of this end's area, for a message of @stream.
 * Waits as fastipc_stream_write() does; where that may not be it gives -EAGAIN,
 * and the callback `writable` tells when there may be room.  Errors of both.
 */
int fastipc_stream_loan(struct fastipc_stream *stream, size_t size,
			uint64_t deadline, struct fastipc_loan **loan);
/*
 * As fastipc_stream_write(), with @attachment (may be NULL), the limits of
 * fastipc_client_call_with(), and the errors of both.  Beside its bytes the
 * message uses up 256 bytes of the peer's window, and a 64th of the window for
 * each descriptor; lent memory uses up nothing.  -EMSGSIZE if that is more than
 * half of the window.  On -EAGAIN the loan is still the caller's, to try again.
 * What waits for room and then cannot be sent ends the stream, at both ends, with
 * that error.
 */
int fastipc_stream_write_with(struct fastipc_stream *stream, const void *data,
			      size_t size,
			      const struct fastipc_attachment *attachment,
			      unsigned int flags, uint64_t deadline);
/*
 * As fastipc_stream_read().  What came along with the message is *@delivery,
 * NULL if nothing did, and on error; if @delivery is NULL it is given back and
 * closed at once, as it is with messages that nobody reads.
 * -EMFILE, -ENOMEM there was no room for what came along (256 descriptors that
 * are not read yet is all that a connection takes): the stream is given up.
 */
int fastipc_stream_read_with(struct fastipc_stream *stream,
			     struct fastipc_buffer *buffer,
			     struct fastipc_delivery **delivery,
			     uint64_t deadline);
/*
 * In the callback `message`: what came along with that message, which is the
 * caller's to end then, some time.  NULL: nothing did, or it was taken.  What
 * is not taken is given back when the callback returns.
 */
struct fastipc_delivery *
fastipc_stream_take_delivery(struct fastipc_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
