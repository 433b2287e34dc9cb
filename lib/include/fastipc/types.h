/* SPDX-License-Identifier: MIT */
/*
 * What every fastipc call shares: error reporting, time, buffers, and the
 * choices that connections are made with.
 *
 * Conventions, for the whole library:
 * - A call returns 0 (or a count) when it worked and a negative errno when it
 *   did not.  fastipc_error_detail() then tells, in a sentence, what to do.
 * - Deadlines are absolute times of CLOCK_MONOTONIC in nanoseconds
 *   (fastipc_now_ns()); FASTIPC_NO_DEADLINE waits for ever; a time that has
 *   passed tries once and does not sleep.
 * - Options structs start with their size; call their init function, then set
 *   what you need.  The struct may grow: the size tells which fields you know.
 * - The library never prints, never aborts, installs no signal handler, and
 *   every descriptor it opens is close-on-exec.
 */
#ifndef FASTIPC_TYPES_H
#define FASTIPC_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FASTIPC_NO_DEADLINE 0

/* Longest NAME of an address, in bytes, without "memfd:" or "kmod:". */
#define FASTIPC_NAME_MAX 64

/* Message types below this are the application's. */
#define FASTIPC_TYPE_RESERVED 0xFF00u
/* What fastipc_client_start() takes of the others: a ping. */
#define FASTIPC_TYPE_PING 0xFF00u

/* Default and greatest limit for one message, in bytes. */
#define FASTIPC_MESSAGE_DEFAULT (16u << 20)
#define FASTIPC_MESSAGE_MAX (1u << 30)

/* Least and greatest bulk area, bytes: <fastipc/loan.h>. */
#define FASTIPC_BULK_MIN (64u << 10)
#define FASTIPC_BULK_MAX (16ull << 30)

/* Descriptors of one message, at most. */
#define FASTIPC_DESCRIPTORS_MAX 16u

/*
 * What the CRC-32C of each frame covers.  The two ends propose one each and
 * the stronger is used.
 */
enum fastipc_checksum {
	FASTIPC_CHECKSUM_OFF = 0,
	FASTIPC_CHECKSUM_HEADER = 1,
	FASTIPC_CHECKSUM_FULL = 2,
};

/*
 * What compresses the messages that an end sends.  What it takes is all or
 * nothing: either end must have said other than OFF for any to be compressed.
 */
enum fastipc_compression {
	FASTIPC_COMPRESSION_OFF = 0,	/* and the peer's are not taken */
	FASTIPC_COMPRESSION_LZ4 = 1,	/* the faster */
	FASTIPC_COMPRESSION_ZSTD = 2,	/* the smaller */
	FASTIPC_COMPRESSION_ACCEPT = 3, /* nothing, and the peer's are taken */
};

/* Messages that went, or came, compressed. */
struct fastipc_compressed {
	uint64_t messages;
	uint64_t bytes_before; /* as the application has them */
	uint64_t bytes_after;  /* as they went through the ring */
};

/* How an end waits.  Each end chooses for itself. */
enum fastipc_wait {
	/* Spin while that pays and another CPU runs the peer, or give way to the
	 * peer on this one; then sleep. */
	FASTIPC_WAIT_ADAPTIVE = 0,
	/* Never sleep: lowest latency, a whole CPU. */
	FASTIPC_WAIT_SPIN = 1,
	/* Never spin: give way to the peer on this CPU while that pays, or sleep
	 * at once.  Lowest CPU use. */
	FASTIPC_WAIT_BLOCK = 2,
	/* Sleep at once, wherever the peer runs. */
	FASTIPC_WAIT_SLEEP = 3,
};

/*
 * A reply's bytes.  Zero-initialise it to let the library grow it (realloc)
 * as needed and reuse it from call to call; free it with
 * fastipc_buffer_free().  Or set data, capacity and fixed = true to receive
 * into memory of your own: a reply that does not fit gives -EMSGSIZE and
 * leaves the needed size in `size`.
 */
struct fastipc_buffer {
	void *data;
	size_t size;	 /* bytes of the reply */
	size_t capacity; /* bytes that data can hold */
	bool fixed;	 /* never reallocated, never freed by the library */
};

/*
 * What schema an end speaks, as generated code has it; 0: it does not say.
 * `wire` is of what decides about bytes, `full` of all names, too.
 */
struct fastipc_fingerprint {
	uint64_t wire;
	uint64_t full;
};

/*
 * What an end demands of a peer that says what it speaks.  Schemas that grow by
 * their rules go together, and have other fingerprints all the same.
 */
enum fastipc_schema_match {
	FASTIPC_SCHEMA_ANY = 0,	 /* nothing */
	FASTIPC_SCHEMA_WIRE = 1, /* the same bytes */
	FASTIPC_SCHEMA_FULL = 2, /* the same schema */
};

/*
 * Writes @value as a message of at most @capacity bytes to @data, and its size
 * into *@size.  0; -EMSGSIZE it has *@size bytes and does not fit (data may be
 * NULL if capacity is 0); another negative errno.  Generated code has one for
 * each table, NAME_encoder().  It may be called several times for a message,
 * with the connection locked: it must not call the library.
 */
typedef int (*fastipc_encode_fn)(const void *value, void *data, size_t capacity,
				 size_t *size);

/* Who is at the other end, as the kernel says (SO_PEERCRED). */
struct fastipc_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/* The library's version: "MAJOR.MINOR.PATCH".  Thread-safe. */
const char *fastipc_version(void);

/* CLOCK_MONOTONIC in nanoseconds.  Thread-safe. */
uint64_t fastipc_now_ns(void);

/* The deadline that is @ns nanoseconds from now.  Thread-safe. */
static inline uint64_t fastipc_after_ns(uint64_t ns)
{
	return fastipc_now_ns() + ns;
}

/*
 * What a negative errno of this library means, in the library's own terms
 * ("the peer is gone").  A static string; thread-safe.
 */
const char *fastipc_strerror(int error);

/*
 * The last failure of a fastipc call in this thread: what failed, and what to
 * do about it.  Valid until the thread's next fastipc call; "" if none.
 */
const char *fastipc_error_detail(void);

/* Free a growing buffer's memory and make it empty.  Keeps a fixed one's. */
void fastipc_buffer_free(struct fastipc_buffer *buffer);

#ifdef __cplusplus
}
#endif

#endif
