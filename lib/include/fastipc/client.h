/* SPDX-License-Identifier: MIT */
/*
 * The client end of the rpc layer: calls with deadlines and cancellation,
 * many in flight on one connection, and one-way messages.
 *
 * Thread-safety: every call may be made by any thread at any time, except
 * that fastipc_client_close() must be the last.  In a process with one thread
 * no atomic operation is paid for that.
 */
#ifndef FASTIPC_CLIENT_H
#define FASTIPC_CLIENT_H

#include <fastipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fastipc_client;

struct fastipc_client_options {
	size_t size;
	enum fastipc_wait wait;		/* default adaptive */
	enum fastipc_checksum checksum; /* the least this end accepts; full */
	/* Own tx ring, bytes: a power of two, 4 KiB to 16 MiB; 256 KiB. */
	uint32_t ring_size;
	uint32_t max_message; /* largest reply accepted, bytes; 16 MiB */
	uint32_t max_calls;   /* calls in flight, at most; 1024 */
	struct fastipc_fingerprint fingerprint; /* told to the peer; none */
	enum fastipc_schema_match schema_match; /* demanded of it; any */
	uint64_t connect_timeout_ns;		/* 5 s */
	/* Of messages from compress_from bytes on (4096), where that saves an
	 * eighth, and if the peer takes it; default off. */
	enum fastipc_compression compression;
	uint32_t compress_from;
	int compression_level; /* zstd: 1 (the default) to 19 */
	/* zstd: of the same bytes at both ends, or it is not used; copied. */
	const void *dictionary;
	size_t dictionary_size;
	/* Bytes that a stream's peer may send before they are read; 256 KiB. */
	uint32_t stream_window;
	/* Memory of this end that it can lend instead of copying: 0 (none), or
	 * a power of two from 64 KiB to 16 GiB; only what is used of it costs
	 * memory.  See <fastipc/loan.h>. */
	uint64_t bulk_size;
	/* The largest such area of the server that is mapped; 0: no loans are
	 * taken. */
	uint64_t bulk_max;
	/* Descriptors that a message may bring, up to 16; 0: none go along,
	 * in either direction. */
	uint32_t max_descriptors;
};

void fastipc_client_options_init(struct fastipc_client_options *options);

/* Errors: those of fastipc_channel_connect(). */
int fastipc_client_connect(const char *address,
			   const struct fastipc_client_options *options,
			   struct fastipc_client **client);
/*
 * Calls still in flight end with -ECANCELED (their callbacks run here).
 * NULL is allowed.
 */
void fastipc_client_close(struct fastipc_client *client);

/*
 * Call the handler of @type with the @size bytes at @data and wait for its
 * reply, which is put into @reply (may be NULL if the reply's bytes do not
 * matter).
 *
 * -ETIMEDOUT the deadline passed (the server is told to cancel); -EPIPE the
 * server is gone; -EMSGSIZE the message is over the server's limit, or the
 * reply over @reply's or this end's; -EOPNOTSUPP the server has no handler of
 * @type; -EBUSY max_calls are in flight; -EPROTO the server broke the
 * protocol (the connection is over); -EBADMSG a checksum did not match;
 * -ESHUTDOWN the server drains and has not begun it: call another;
 * -EINVAL; -ENOMEM; or the error that the handler failed with.
 */
int fastipc_client_call(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size,
			struct fastipc_buffer *reply, uint64_t deadline);

/*
 * The same with what @encode makes of @value, if possible right in the ring:
 * without a buffer, and without a copy.  Or the error of @encode.  What is longer
 * than a frame is made in a buffer, but for strings and vectors of 2 KiB or more
 * in what fastipc-gen has an encoder for: these go from where they are into the
 * ring, so that they must not change before the call returns.
 */
int fastipc_client_call_value(struct fastipc_client *client, uint16_t type,
			      fastipc_encode_fn encode, const void *value,
			      struct fastipc_buffer *reply, uint64_t deadline);

/* The caller sends more at once: do not publish or ring yet. */
#define FASTIPC_MORE 1u
/*
 * Do not wait for room, whatever the deadline, as an event loop must not: what
 * does not fit now is copied, and sent by who dispatches or waits later, or with
 * the next message or fastipc_client_flush().  Of one-way messages that is done
 * for one that is long and has nothing before it; others then fail with -EAGAIN.
 */
#define FASTIPC_NOWAIT 2u

/*
 * Send a one-way message.  Waits for space until @deadline.  With
 * FASTIPC_MORE in @flags it may stay unpublished until the next call without
 * it, fastipc_client_flush(), or a wait.
 */
int fastipc_client_post(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size, unsigned int flags,
			uint64_t deadline);
int fastipc_client_post_value(struct fastipc_client *client, uint16_t type,
			      fastipc_encode_fn encode, const void *value,
			      unsigned int flags, uint64_t deadline);
int fastipc_client_flush(struct fastipc_client *client);

/*
 * A call's end: @status 0 or a negative errno, as fastipc_client_call()
 * returns; the reply's bytes are valid during the callback only.  It runs in
 * the thread that dispatches or waits; it may start and cancel calls but must
 * not wait for one, nor close the client.  If @status is an error,
 * fastipc_error_detail() tells why until the callback calls the library: what
 * the handler gave fastipc_request_fail(), for one.
 */
typedef void (*fastipc_done_fn)(void *context, int status, const void *data,
				size_t size);

struct fastipc_attachment; /* of <fastipc/loan.h>, as ... */
struct fastipc_delivery;   /* ... this is */

struct fastipc_call_options {
	size_t size;
	uint64_t deadline;
	/* Either @done (and @context) ... */
	fastipc_done_fn done;
	void *context;
	/* ... or fastipc_client_finish(), which fills @reply (may be NULL). */
	struct fastipc_buffer *reply;
	unsigned int flags; /* FASTIPC_MORE, FASTIPC_NOWAIT */
	/* What goes along with the request; NULL: nothing.  Its loan is gone,
	 * also on error. */
	const struct fastipc_attachment *attachment;
	/* Where to put what comes with the reply, before @done or the end of
	 * fastipc_client_finish(): until then it must live.  NULL, and at first
	 * and on error *@delivery is, too: it is given back and closed. */
	struct fastipc_delivery **delivery;
};

void fastipc_call_options_init(struct fastipc_call_options *options);

/*
 * Start a call and return; *@id names it.  @reply must live until the call is
 * finished.  Errors as fastipc_client_call() (fastipc_client_call_with(), if
 * something goes along), nothing is in flight then.
 * A call of FASTIPC_TYPE_PING, without bytes, is a ping that does not wait.
 */
int fastipc_client_start(struct fastipc_client *client, uint16_t type,
			 const void *data, size_t size,
			 const struct fastipc_call_options *options,
			 uint64_t *id);
/* Wait for a call that was started without a callback; its result. */
int fastipc_client_finish(struct fastipc_client *client, uint64_t id);
/*
 * Give a call up: it ends with -ECANCELED (its callback runs here; a thread
 * in fastipc_client_finish() returns), the server is told, and a late reply
 * is dropped.  -ENOENT it has already ended.
 */
int fastipc_client_cancel(struct fastipc_client *client, uint64_t id);

/*
 * For an event loop: poll the descriptor for POLLIN, and dispatch before each
 * poll and after each wake-up.  Dispatch runs the callbacks of calls that
 * ended and returns how many, without waiting; -EPIPE or -EPROTO once the
 * connection is over (all callbacks have run then).
 * fastipc_client_next_deadline() is the time to call dispatch again at the
 * latest, for the deadlines of calls, and at once (it has passed) after a loan
 * was freed that others wait for, or if dispatch has left something because it
 * took 10 ms; FASTIPC_NO_DEADLINE if there is none.  That of a call which another
 * thread starts while the loop sleeps counts from its next turn on.  That thread
 * takes what comes meanwhile, callbacks included, before it returns: for 10 ms,
 * and then what the server had sent by then.
 * The descriptor also tells of room for what could not be sent at once; over kmod
 * it does not, and the deadline is near while something waits for that.
 */
int fastipc_client_fd(const struct fastipc_client *client);
int fastipc_client_dispatch(struct fastipc_client *client);
uint64_t fastipc_client_next_deadline(struct fastipc_client *client);

/*
 * The same, but waits until a call has ended, @deadline at the latest.
 * -EBUSY another thread waits on this client; -ETIMEDOUT.
 */
int fastipc_client_wait(struct fastipc_client *client, uint64_t deadline);

/*
 * A round trip answered by the server's dispatcher, not by a handler: is it
 * alive, and how long does it take?  @rtt_ns may be NULL.
 */
int fastipc_client_ping(struct fastipc_client *client, uint64_t deadline,
			uint64_t *rtt_ns);

struct fastipc_client_stats {
	size_t size;
	uint64_t calls;	       /* started */
	uint64_t replies;      /* arrived and delivered */
	uint64_t late_replies; /* of calls already given up: dropped */
	uint64_t bad_frames;   /* that ended the connection */
	uint64_t bytes_sent;   /* of payload */
	uint64_t bytes_received;
	uint64_t sleeps;		/* times this end went to sleep */
	uint64_t wakes;			/* times it rang the peer */
	enum fastipc_checksum checksum; /* negotiated */
	uint32_t peer_max_message;
	uint32_t ring_size;
	struct fastipc_peer peer;
	struct fastipc_fingerprint peer_fingerprint;
	const char *transport; /* "memfd" or "kmod" */
	struct fastipc_compressed compressed_sent;
	struct fastipc_compressed compressed_received;
	bool draining;	  /* the server takes no new calls (-ESHUTDOWN) */
	uint32_t streams; /* open now */
	uint64_t streams_opened;
};
/* Set stats->size first; later fields are left alone. */
int fastipc_client_get_stats(struct fastipc_client *client,
			     struct fastipc_client_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
