/* SPDX-License-Identifier: MIT */
/*
 * The streams of one connection, the same for both ends.
 *
 * On the wire a stream is there from the frame that opens it until both ends
 * have sent END; an end that gives a stream up sends END and CANCEL, and the
 * other answers CANCEL with its own END if it has not sent it.  So both know
 * exactly which streams there are: a frame for any other breaks the rules.
 *
 * Credit: each message costs its bytes and FASTIPC_STREAM_COST, for what the
 * reader needs to keep it; one with something along FASTIPC_STREAM_LADEN_COST
 * more, and for each descriptor 1 / FASTIPC_STREAM_DESCRIPTORS of the reader's
 * window.  What is lent costs nothing: its memory is the sender's.  Both ends
 * count; the reader says up to which sum the sender may go, and never lets more
 * than its window be unread.
 *
 * All functions want the owner's lock, unless they say otherwise.
 */
#ifndef FASTIPC_STREAMS_H
#define FASTIPC_STREAMS_H

#include <fastipc/stream.h>

#include "rpc/delivery.h"
#include "rpc/loans.h"
#include "rpc/outbox.h"

#define FASTIPC_STREAM_COST 64u
#define FASTIPC_STREAM_LADEN_COST 192u
#define FASTIPC_STREAM_DESCRIPTORS 64u
/* Unread ones of all streams of a connection. */
#define FASTIPC_STREAMS_DESCRIPTORS_MOST 256u
#define FASTIPC_STREAM_WINDOW_LEAST 4096u
#define FASTIPC_STREAM_WINDOW_MOST (64u << 20)
#define FASTIPC_STREAM_WINDOW_DEFAULT (256u << 10)
#define FASTIPC_STREAMS_DEFAULT 256u
#define FASTIPC_STREAMS_MOST 65536u
/* Bytes that a writer may queue beyond what the ring takes. */
#define FASTIPC_STREAM_AHEAD (64u << 10)
/* Controls that are good for nothing, before the peer counts as a flood. */
#define FASTIPC_USELESS_MOST 65536u

struct streams;

/* A thread that waits for something of a stream; on its stack. */
struct stream_waiter {
	struct stream_waiter *next;
	void *owner; /* of ops->wait */
	bool woken;
};

/* What a client and a server's connection do differently. */
struct streams_ops {
	void (*lock)(struct streams *streams);
	void (*unlock)(struct streams *streams);
	/* Whether this thread may wait here. */
	bool (*may_wait)(const struct streams *streams);
	/* Wait until woken or *@deadline; the lock is dropped meanwhile. */
	int (*wait)(struct streams *streams, struct stream_waiter *waiter,
		    uint64_t deadline);
	void (*wake)(struct streams *streams, struct stream_waiter *waiter);
	/* Something was queued: see that it moves on. */
	void (*push)(struct streams *streams);
	/* Memory is short, or the peer lied: the connection is to end. */
	void (*abandon)(struct streams *streams, int error);
	/* Why the connection is over, with its detail; 0: it is not. */
	int (*over)(const struct streams *streams);
	/* An application's handle: the owner must stay.  @drop without lock. */
	void (*hold)(struct streams *streams);
	void (*drop)(struct streams *streams);
	/* A client has no worker: who writes sees that it gets into the ring. */
	bool writer_pushes;
	/* Around callbacks, with the lock; what @enter returns is for @leave. */
	const void *(*enter)(struct streams *streams);
	void (*leave)(struct streams *streams, const void *outer);
};

struct streams {
	const struct streams_ops *ops;
	struct fastipc_channel *channel;
	struct outbox *outbox;
	struct loans *loans; /* NULL: this end cannot lend */
	bool server;
	struct fastipc_stream **table; /* by the low bits of the id */
	uint32_t mask;
	uint32_t count; /* in the table */
	uint32_t most;
	uint32_t window;      /* of this end */
	uint32_t peer_window; /* and of the other */
	uint64_t last_id;     /* of the newest stream */
	uint32_t useless;     /* see FASTIPC_USELESS_MOST */
	bool failed;	      /* the connection is over */
	bool loans_wanted;    /* by some stream */
	bool loan_error;      /* what the peer broke were rules of loans */
	uint32_t descriptors; /* that came with messages, unread */
	struct fastipc_stream *events, *events_last;
	uint32_t running; /* threads in fastipc_streams_run() */
	/* Counters. */
	uint64_t opened;
	uint64_t bytes_sent;
	uint64_t bytes_received;
};

/* A message that comes; `filled` of its bytes did. */
struct arrival {
	struct arrival *next;
	struct fastipc_delivery *delivery; /* that came along, or NULL */
	uint32_t size;
	uint32_t filled;
	uint32_t cost; /* of credit */
	unsigned char bytes[];
};

struct fastipc_stream {
	struct streams *streams;
	uint64_t id;
	uint32_t references; /* table, application, who runs callbacks */
	uint16_t type;
	struct fastipc_stream *table_next;
	uint64_t deadline;
	struct fastipc_stream_options options;

	/* Sending. */
	struct flow flow;
	uint64_t sent;	 /* costs, with what is queued */
	uint64_t credit; /* up to which */
	bool finished;	 /* END is queued, or sent */
	bool out_ended;	 /* END is sent */
	int finish_status;
	int lost;	 /* why a queued message could not be sent; 0: none */
	uint64_t wanted; /* cost of a message that found no room */
	bool wants_loan; /* somebody found no room for one, ... */
	bool loan_back;	 /* ... and is to be told that there may be some */

	/* Receiving. */
	uint64_t received, consumed, granted;
	struct arrival *first, *last; /* whole messages */
	struct arrival *partial;      /* that is not whole yet */
	struct arrival *told;	      /* that the callback is told of, now */
	bool filling;		      /* fragments are missing, ... */
	uint32_t missing;	      /* ... so many bytes */
	bool in_ended;		      /* END came */
	bool discard;		      /* nobody will read */
	int end_status;		      /* of that END */
	char *end_text;		      /* behind it, the trailers */
	uint32_t end_text_size, end_size;
	struct parcel *grant; /* a CREDIT that is queued */

	/* Both. */
	int stopped; /* why it was given up, by either end; 0: it was not */
	bool in_table;
	bool held;   /* by the application */
	bool closed; /* by the application */
	bool cancel_told;
	bool want_writable;
	bool end_told;
	bool queued, running; /* for callbacks */
	struct fastipc_stream *event_next;
	struct stream_waiter *readers, *writers;
};

void fastipc_streams_init(struct streams *streams,
			  const struct streams_ops *ops,
			  struct fastipc_channel *channel,
			  struct outbox *outbox, struct loans *loans,
			  bool server, uint32_t window, uint32_t most);
/* Nothing is left in it but what the application holds. */
void fastipc_streams_fini(struct streams *streams);

/*
 * A frame with FASTIPC_FRAME_STREAM; it is released.  *@opened: the stream that
 * it opened, its first message in @scratch (room for a frame), its size in
 * *@size.  0, or why the peer is to be given up.
 */
int fastipc_streams_take(struct streams *streams,
			 const struct fastipc_frame *frame, void *scratch,
			 struct fastipc_stream **opened);
/* CREDIT or CANCEL, its payload in @data.  The same result. */
int fastipc_streams_control(struct streams *streams, uint16_t type, uint64_t id,
			    const void *data, uint32_t size);
/* Another control that may be good for nothing: -EPROTO it is a flood. */
int fastipc_streams_useless(struct streams *streams);
/* Run what callbacks are due.  The lock is dropped meanwhile. */
void fastipc_streams_run(struct streams *streams);
/* The connection is over. */
void fastipc_streams_fail(struct streams *streams);
/* The peer gave a piece back: who waits for room looks. */
void fastipc_streams_loan_returned(struct streams *streams);
/* Give the piece @loan back to the peer, if the connection is not over. */
void fastipc_streams_give_back(struct streams *streams, uint64_t loan);
/* Whether streams are under way: for who drains. */
static inline bool fastipc_streams_busy(const struct streams *streams)
{
	return streams->count != 0;
}

/* A stream of this end's: in the table, and its opening frame under way. */
int fastipc_streams_open(struct streams *streams, uint16_t type,
			 const void *data, uint32_t size,
			 const struct fastipc_stream_options *options,
			 struct fastipc_stream **stream);
/* The handler takes it. */
void fastipc_streams_hold(struct fastipc_stream *stream,
			  const struct fastipc_stream_options *options);
/* It is answered like a call: one message or an error, and the end.  @cargo is
 * gone in any case. */
int fastipc_streams_answer(struct fastipc_stream *stream, const void *data,
			   uint32_t size, struct fastipc_cargo *cargo,
			   int failure, const char *text);
/* The application's functions, as far as they need not wait.  @cargo (may be
 * NULL) is gone if it works. */
int fastipc_streams_write(struct fastipc_stream *stream, const void *data,
			  uint32_t size, struct fastipc_cargo *cargo,
			  bool more);
/* What such a message costs. */
uint64_t fastipc_stream_write_cost(const struct fastipc_stream *stream,
				   uint32_t size,
				   const struct fastipc_cargo *cargo);
/*
 * The cargo of a message of @size bytes, or none (NULL).  Has the attachment's
 * loan if it works.  Errors of fastipc_loans_attach(); -EMSGSIZE; or why nothing
 * can be written any more.
 */
int fastipc_streams_attach(struct fastipc_stream *stream, size_t size,
			   const struct fastipc_attachment *attachment,
			   struct fastipc_cargo **cargo);
/* -EAGAIN: no room, and fastipc_stream_can_write() when there may be. */
int fastipc_streams_loan(struct fastipc_stream *stream, size_t size,
			 struct fastipc_loan **loan);
int fastipc_streams_finish(struct fastipc_stream *stream, int status,
			   const char *text, const void *trailers,
			   uint32_t size);
/* This end gives the stream up, with @text for the peer, or NULL. */
void fastipc_streams_give_up(struct fastipc_stream *stream, int error,
			     const char *text);
void fastipc_streams_close(struct fastipc_stream *stream);
bool fastipc_streams_has_ended(const struct fastipc_stream *stream);
/* The next message that came, or why there is none (-EAGAIN: not yet). */
int fastipc_streams_peek(struct fastipc_stream *stream,
			 struct arrival **arrival);
/* It was read; what came along is *@delivery, if the reader wants it. */
void fastipc_streams_consume(struct fastipc_stream *stream,
			     struct fastipc_delivery **delivery);
/* What came along with @arrival is the application's; NULL: nothing. */
struct fastipc_delivery *fastipc_streams_deliver(struct streams *streams,
						 struct arrival *arrival);

/* Keep it although it may end; and not any more. */
void fastipc_streams_ref(struct fastipc_stream *stream);
void fastipc_streams_unref(struct fastipc_stream *stream);
/* -EINVAL */
int fastipc_stream_options_check(const struct fastipc_stream_options *options);
/* Make room in @buffer, up to its capacity if it is fixed: -EMSGSIZE; -ENOMEM;
 * its size is set. */
int fastipc_buffer_fit(struct fastipc_buffer *buffer, size_t size);
/* End those whose deadline passed; the next deadline, or 0. */
uint64_t fastipc_streams_expire(struct streams *streams, uint64_t now);

#endif
