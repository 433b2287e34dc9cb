/* SPDX-License-Identifier: MIT */
/*
 * The server end of the rpc layer: a name that clients connect to, handlers
 * by message type, and the threads that run them.
 *
 * A server of N threads has N workers, each with its share of the
 * connections, and the thread that calls fastipc_server_run(): it accepts,
 * watches idle connections, and never runs a handler.  With no threads at
 * all (options.threads = 0) everything happens in fastipc_server_dispatch(),
 * from your own event loop.
 */
#ifndef FASTIPC_SERVER_H
#define FASTIPC_SERVER_H

#include <fastipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fastipc_server;
struct fastipc_request;

struct fastipc_server_options {
	size_t size;
	unsigned int threads;		/* workers; default 1, at most 256 */
	enum fastipc_wait wait;		/* default adaptive */
	enum fastipc_checksum checksum; /* the least this end accepts; off */
	/* Own tx ring of each connection, bytes: a power of two, 4 KiB to
	 * 16 MiB; 256 KiB. */
	uint32_t ring_size;
	uint32_t max_message;	  /* largest request accepted, bytes; 16 MiB */
	uint32_t max_connections; /* default 8192 */
	/* A client that does not read its replies is dropped after this. */
	uint64_t stall_timeout_ns; /* 30 s */
	/* A client that connects and says nothing is dropped after this. */
	uint64_t handshake_timeout_ns; /* 2 s */
	mode_t mode; /* of the socket: who may connect; 0600 */
	struct fastipc_fingerprint fingerprint; /* told to the peer; none */
	enum fastipc_schema_match schema_match; /* demanded of it; any */
	/* Of messages from compress_from bytes on (4096), where that saves an
	 * eighth, and if the peer takes it; default off. */
	enum fastipc_compression compression;
	uint32_t compress_from;
	int compression_level; /* zstd: 1 (the default) to 19 */
	/* zstd: of the same bytes at both ends, or it is not used; copied. */
	const void *dictionary;
	size_t dictionary_size;
	/* Bytes that a stream's client may send before they are read, and
	 * streams that one client may have open: their product is what one
	 * client can make the server keep.  256 KiB; 256. */
	uint32_t stream_window;
	uint32_t max_streams;
	/* Memory of this end, for each client, that it can lend instead of
	 * copying: 0 (none), or a power of two from 64 KiB to 16 GiB; only what
	 * is used of it costs memory.  See <fastipc/loan.h>. */
	uint64_t bulk_size;
	/* The largest such area of a client that is mapped; 0: no loans are
	 * taken. */
	uint64_t bulk_max;
	/* Descriptors that a message may bring, up to 16; 0: none go along,
	 * in either direction. */
	uint32_t max_descriptors;
};

void fastipc_server_options_init(struct fastipc_server_options *options);

/*
 * Make a server that listens on @address: NAME, or a path with a '/'; "memfd:"
 * or "kmod:" before it makes it refuse the other transport.  Clients can
 * connect at once; they are served from fastipc_server_run() or _dispatch() on.
 * A dead server's socket file is replaced.  @options may be NULL.
 * -EADDRINUSE a live server has the name; -EACCES; -ENAMETOOLONG; -EINVAL;
 * -EBUSY another process keeps the directory locked; -ENOTSOCK something else
 * is in the socket's place; -ENOENT, -ENOTDIR no such directory; -ENODEV
 * (kmod:) no module; -EPROTONOSUPPORT (kmod:) one of another ABI; -ENOMEM;
 * -EMFILE, -ENFILE.
 */
int fastipc_server_create(const char *address,
			  const struct fastipc_server_options *options,
			  struct fastipc_server **server);

/*
 * A handler.  It may read the request's bytes (a private copy: the client
 * cannot change them) until it returns, and answers by
 * - fastipc_request_reply(), or
 * - returning a negative errno: the client's call ends with it, or
 * - returning 0 without a reply: the client gets an empty one, or
 * - fastipc_request_defer(), and a reply later, from any thread.
 * It runs in a worker thread: while it runs, that worker's other connections
 * wait.
 */
typedef int (*fastipc_handler_fn)(struct fastipc_request *request,
				  void *context);

/*
 * Add or remove the handler of @type, any time, from any thread; lookups take
 * no lock.  Add: -EEXIST, -EINVAL (a reserved type), -ENOMEM.  Remove waits
 * until no thread runs the handler: -ENOENT; -EDEADLK called from a handler.
 */
int fastipc_server_add_handler(struct fastipc_server *server, uint16_t type,
			       fastipc_handler_fn handler, void *context);
int fastipc_server_remove_handler(struct fastipc_server *server, uint16_t type);

/*
 * Serve until fastipc_server_stop().  Starts the workers (with all signals
 * blocked in them) and joins them before it returns 0.
 * -EINVAL options.threads is 0; -EALREADY it ran before; -EAGAIN a thread
 * cannot be started; -ENOMEM.
 */
int fastipc_server_run(struct fastipc_server *server);
/* End fastipc_server_run().  Any thread; async-signal-safe. */
void fastipc_server_stop(struct fastipc_server *server);

/*
 * End gracefully, with no failed call: the name is given up at once, so that
 * another server can take it; clients are told (GOAWAY), and what they call
 * from then on is refused with -ESHUTDOWN, not begun, and safe to send
 * elsewhere; calls, deferred ones too, and streams that are under way are
 * finished.  Each connection is closed when nothing is under way on it; when
 * all are, or at @deadline (-ETIMEDOUT), the server stops as with
 * fastipc_server_stop().  Waits; with options.threads = 0 it dispatches, too.
 * -EDEADLK in a handler or callback; -EINVAL.
 */
int fastipc_server_drain(struct fastipc_server *server, uint64_t deadline);

/*
 * For an event loop, with options.threads = 0: poll the descriptor for
 * POLLIN; when it is readable, call dispatch: it serves what waits and
 * returns the number of messages handled.  What is left after 10 ms is the next
 * one's: the descriptor is readable then.  -ENOMEM the first time in a thread; it
 * can be called again.  -EDEADLK in a handler or callback of this server's.
 */
int fastipc_server_fd(const struct fastipc_server *server);
int fastipc_server_dispatch(struct fastipc_server *server);

/*
 * Close every connection, remove the socket file, free everything.  Not while
 * fastipc_server_run() runs.  Deferred requests must still be answered: that
 * fails with -EPIPE.  NULL is allowed.
 */
void fastipc_server_destroy(struct fastipc_server *server);

/* The request's bytes, valid until the handler returns or, deferred, until
 * it is answered.  8-byte aligned. */
const void *fastipc_request_data(const struct fastipc_request *request);
size_t fastipc_request_size(const struct fastipc_request *request);
uint16_t fastipc_request_type(const struct fastipc_request *request);
/* The client wants no reply; replying to it is harmless. */
bool fastipc_request_is_one_way(const struct fastipc_request *request);
/*
 * The client gave the call up (cancel, deadline, or gone).  What the client
 * says is read by the worker that runs the handler: so before a handler has
 * deferred its request this is true only if the connection was found broken
 * already, and neither a cancel nor the client's death shows.  Long work that
 * should end early must be deferred, and done in another thread.
 */
bool fastipc_request_is_cancelled(const struct fastipc_request *request);
void fastipc_request_peer(const struct fastipc_request *request,
			  struct fastipc_peer *peer);
/* What schema the client said it speaks, when it connected. */
void fastipc_request_fingerprint(const struct fastipc_request *request,
				 struct fastipc_fingerprint *fingerprint);

/*
 * Answer, once.  The bytes are copied before the call returns; it never
 * waits for the client.  Afterwards a deferred request is freed, unless the
 * result is -EINVAL.
 * -EALREADY answered before; -EMSGSIZE over the client's limit (the call
 * fails with it there too); -EPIPE the client is gone; -ENOMEM.
 */
int fastipc_request_reply(struct fastipc_request *request, const void *data,
			  size_t size);
/* The same with what @encode makes of @value; or the error of @encode, after
 * which the request is still to be answered. */
int fastipc_request_reply_value(struct fastipc_request *request,
				fastipc_encode_fn encode, const void *value);
/* Fail it: @error is a negative errno, @text (may be NULL) tells why. */
int fastipc_request_fail(struct fastipc_request *request, int error,
			 const char *text);

/*
 * Keep the request beyond the handler's return, for an answer later, from
 * any thread.  Returns the request to use from then on, NULL without memory.
 * Each deferred request must be answered (reply or fail) exactly once.
 */
struct fastipc_request *fastipc_request_defer(struct fastipc_request *request);

struct fastipc_server_stats {
	size_t size;
	uint64_t connections;	   /* open now */
	uint64_t accepted;	   /* ever */
	uint64_t refused;	   /* no room, no descriptors, no memory */
	uint64_t handshake_errors; /* bad or missing HELLO, bad regions */
	uint64_t requests;	   /* with a reply */
	uint64_t one_way;
	uint64_t unknown_types;
	/* Connections ended for what came: magic, version, length, checksum,
	 * fragments out of order, or compressed otherwise than announced. */
	uint64_t bad_frames;
	/* Connections ended for a lie about what the client has read. */
	uint64_t protocol_errors;
	uint64_t stalled;	 /* connections dropped for not reading */
	uint64_t hangups;	 /* connections that ended, any reason */
	uint64_t bytes_received; /* of payload */
	uint64_t bytes_sent;
	uint64_t sleeps; /* of workers */
	uint64_t wakes;	 /* times that a sleeping client was rung */
	struct fastipc_compressed compressed_sent;
	struct fastipc_compressed compressed_received;
	/* Connections ended for breaking the rules of streams: more than the
	 * credit, unknown or ended streams, floods of controls. */
	uint64_t stream_errors;
	/* Connections ended for breaking the rules of loans and descriptors:
	 * outside the area, given back twice, more than agreed on, or without a
	 * message. */
	uint64_t loan_errors;
};
/* Any thread.  Set stats->size first; later fields are left alone. */
int fastipc_server_get_stats(const struct fastipc_server *server,
			     struct fastipc_server_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
