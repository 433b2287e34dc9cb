/* SPDX-License-Identifier: MIT */
/*
 * A channel: one connection that moves records (byte strings of at most
 * fastipc_channel_record_max()) between two ends, with waiting.  Use it to
 * build a protocol of your own; use <fastipc/client.h> and <fastipc/server.h>
 * for calls, checksums, and messages of any size.
 *
 * Thread-safety: a channel may be used by one thread at a time; two channels
 * are independent, also when they are the two ends of one connection.
 *
 * Trust: the peer can read all that is sent and may change *its own* region
 * at any time, also while this end reads a record in place (peek).  Copy what
 * must not change under you; fastipc_channel_recv() does.
 */
#ifndef FASTIPC_CHANNEL_H
#define FASTIPC_CHANNEL_H

#include <fastipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fastipc_channel;
struct fastipc_listener;

struct fastipc_channel_options {
	size_t size;
	enum fastipc_wait wait;		/* default adaptive */
	enum fastipc_checksum checksum; /* proposed in HELLO; default off */
	/* Own tx ring, bytes: a power of two, 4 KiB to 16 MiB; 256 KiB. */
	uint32_t ring_size;
	uint32_t max_message; /* told to the peer in HELLO; 16 MiB */
	struct fastipc_fingerprint fingerprint; /* told to the peer; none */
	enum fastipc_schema_match schema_match; /* demanded of it; any */
	mode_t mode; /* listener: of the socket file; 0600 */
};

void fastipc_channel_options_init(struct fastipc_channel_options *options);

/*
 * Connect to the server @address: NAME, or a path with a '/'; "memfd:" or
 * "kmod:" before it asks for that transport.
 * @options may be NULL.  Blocks until the server has answered, @deadline at
 * the latest (5 s if FASTIPC_NO_DEADLINE).
 *
 * -ENOENT no such server; -ECONNREFUSED its socket is stale; -EACCES no
 * permission; -ENAMETOOLONG; -EINVAL bad option or address; -EOPNOTSUPP
 * pages over 4 KiB; -ENOTSOCK no socket is there, but something else;
 * -EPROTOTYPE a socket of another kind, or a topic's; -ESOCKTNOSUPPORT the
 * server does not take this transport; -ENODEV (kmod:) no module; -EDQUOT,
 * -ENOSPC (kmod:) the module's limits;
 * -EPROTONOSUPPORT another protocol version; -ENOPROTOOPT another schema;
 * -EBADMSG no valid HELLO came; -EBADFD the region lacks seals; -ERANGE the
 * region has the wrong size; -EUSERS the server has no room (connections or
 * descriptors); -EPIPE the server hung up without an answer; -ENOMEM; -EMFILE,
 * -ENFILE; -EFBIG a region is over RLIMIT_FSIZE; -ETIMEDOUT.
 */
int fastipc_channel_connect(const char *address,
			    const struct fastipc_channel_options *options,
			    uint64_t deadline,
			    struct fastipc_channel **channel);

/*
 * Make both ends at once, for two threads or for a fork.
 * -EINVAL; -EMFILE, -ENFILE; -ENOMEM; -EFBIG; -EOPNOTSUPP pages over 4 KiB.
 */
int fastipc_channel_pair(const struct fastipc_channel_options *options,
			 struct fastipc_channel *channels[2]);

/*
 * Listen on @address.  A dead server's socket is replaced; a live server's
 * gives -EADDRINUSE.  Close it to remove the socket file.  Errors:
 * those of fastipc_server_create().
 */
int fastipc_listener_open(const char *address,
			  const struct fastipc_channel_options *options,
			  struct fastipc_listener **listener);
/*
 * The next connection, made whole (HELLO exchanged) by @deadline.
 * -ETIMEDOUT nobody came, or who came said nothing; -EUSERS no descriptor is
 * left; -ENOMEM; -EFBIG; and, of one client, after which to accept again:
 * -EPIPE it hung up; -EBADMSG, -EPROTONOSUPPORT, -ENOPROTOOPT, -EBADFD, -ERANGE
 * as for fastipc_channel_connect().
 */
int fastipc_listener_accept(struct fastipc_listener *listener,
			    uint64_t deadline,
			    struct fastipc_channel **channel);
/* Readable when a connection waits.  Owned by the listener. */
int fastipc_listener_fd(const struct fastipc_listener *listener);
void fastipc_listener_close(struct fastipc_listener *listener);

/*
 * Orderly end: what was sent can still be received; then the peer's calls
 * give -ENODATA.  Without it, fastipc_channel_close() alone shows the peer
 * -EPIPE once it has drained.
 */
int fastipc_channel_shutdown(struct fastipc_channel *channel);
/* Frees everything; NULL is allowed. */
void fastipc_channel_close(struct fastipc_channel *channel);

/*
 * Send the @size bytes at @data as one record, and ring the peer if it
 * sleeps.  Waits for space until @deadline.
 * -EMSGSIZE longer than record_max; -ETIMEDOUT; -EPIPE the peer is gone;
 * -EPROTO the peer broke the protocol.
 */
int fastipc_channel_send(struct fastipc_channel *channel, const void *data,
			 size_t size, uint64_t deadline);

/*
 * Receive one record into @data.  Returns its length.  Waits until @deadline.
 * -EMSGSIZE longer than @capacity (the record stays: receive it again);
 * -ETIMEDOUT; -ENODATA orderly end; -EPIPE the peer died, all it published was
 * received; -EPROTO.
 */
ssize_t fastipc_channel_recv(struct fastipc_channel *channel, void *data,
			     size_t capacity, uint64_t deadline);

/*
 * Zero-copy sending: room for a record of up to @size bytes in the ring, or
 * -EAGAIN if there is none now.  Fill it, then commit @size bytes or abort.
 * One reservation at a time.  A committed record is not visible before
 * fastipc_channel_flush(): commit many, flush once (the batch form).
 */
int fastipc_channel_reserve(struct fastipc_channel *channel, size_t size,
			    void **data);
int fastipc_channel_commit(struct fastipc_channel *channel, size_t size);
void fastipc_channel_abort(struct fastipc_channel *channel);
/* Publish what was committed and ring the peer if it sleeps. */
int fastipc_channel_flush(struct fastipc_channel *channel);

struct fastipc_record {
	const void *data;
	size_t size;
};

/*
 * Zero-copy receiving: up to @count next records, in place, without waiting.
 * Returns how many (>= 1), or -EAGAIN, -ENODATA, -EPIPE, -EPROTO.  They stay
 * valid until released; release returns their space to the peer, oldest first.
 */
int fastipc_channel_peek(struct fastipc_channel *channel,
			 struct fastipc_record *records, unsigned int count);
int fastipc_channel_release(struct fastipc_channel *channel,
			    unsigned int count);

/* Sleep until there is a record to receive (0), or an error as for recv. */
int fastipc_channel_wait(struct fastipc_channel *channel, uint64_t deadline);

/*
 * For an event loop: poll this descriptor for POLLIN (level-triggered), and
 * call fastipc_channel_dispatch() before each poll and after each wake-up.
 * It drains the doorbell, says in its result whether records wait
 * (1: peek or recv now; 0: it is safe to poll), or -ENODATA, -EPIPE, -EPROTO.
 */
int fastipc_channel_fd(const struct fastipc_channel *channel);
int fastipc_channel_dispatch(struct fastipc_channel *channel);

size_t fastipc_channel_record_max(const struct fastipc_channel *channel);
void fastipc_channel_peer(const struct fastipc_channel *channel,
			  struct fastipc_peer *peer);
/* What schema the peer said it speaks. */
void fastipc_channel_fingerprint(const struct fastipc_channel *channel,
				 struct fastipc_fingerprint *fingerprint);

#ifdef __cplusplus
}
#endif

#endif
