/* SPDX-License-Identifier: MIT */
/*
 * HELLO: the one message of the rendezvous, a datagram in each direction on an
 * AF_UNIX SOCK_SEQPACKET socket.
 *
 *	client				server
 *	CONNECT + its region's fd
 *		+ a bell page's fd
 *		+ a bulk area's fd, + a socket for descriptors ->
 *				   <-	ACCEPT + its region's fd
 *						+ a bulk area's fd, or REFUSE
 *	QUERY			   ->
 *				   <-	STATUS, or REFUSE
 *	LIST			   ->
 *				   <-	PAGE, and its records if there are
 *					any as a second datagram; or REFUSE
 *
 *	subscriber			publisher of a topic
 *	SUBSCRIBE + its page's fd  ->
 *				   <-	PUBLISH + its ring's fd, or REFUSE
 *
 * After ACCEPT the socket carries doorbells, which are one byte each, and its
 * hang-up says that the peer is gone.  With kmod the client sends the server
 * its end of a channel instead of a region and a bell, and both close the
 * socket after ACCEPT.  Bulk areas and the socket for descriptors are there if
 * the sender has them, in this order.
 *
 * All integers are little-endian.  The first 24 bytes are the same in every
 * version, so that ends of different versions can tell each other so.  A
 * version only ever appends fields: a HELLO that is longer than known is
 * accepted and the excess ignored; reserved bytes are sent as 0 and ignored.
 */
#ifndef FASTIPC_HELLO_H
#define FASTIPC_HELLO_H

#include <stddef.h>
#include <stdint.h>

#define FASTIPC_HELLO_MAGIC 0x4f4c454843504946ULL /* "FIPCHELO" */
#define FASTIPC_HELLO_VERSION 1
#define FASTIPC_HELLO_VERSION_MIN 1

/* Feature bits that this end knows. */
#define FASTIPC_HELLO_FEATURES \
	(FASTIPC_HELLO_BELL | FASTIPC_HELLO_KMOD | FASTIPC_HELLO_COMPRESSION | \
	 FASTIPC_HELLO_BULK | FASTIPC_HELLO_BULK_TAKEN | \
	 FASTIPC_HELLO_PASSING)
/* CONNECT: a second descriptor, of a bell page; ACCEPT: it is taken. */
#define FASTIPC_HELLO_BELL 1u
/* CONNECT, required: the descriptor is the server's end of a kmod channel, and
 * ACCEPT comes without one. */
#define FASTIPC_HELLO_KMOD 2u
/* CONNECT, ACCEPT: the sender takes messages that are compressed by these. */
#define FASTIPC_HELLO_LZ4 4u
#define FASTIPC_HELLO_ZSTD 8u
#define FASTIPC_HELLO_COMPRESSION (FASTIPC_HELLO_LZ4 | FASTIPC_HELLO_ZSTD)

/* CONNECT, ACCEPT: a descriptor of the sender's bulk area. */
#define FASTIPC_HELLO_BULK 16u
/* ACCEPT: the client's bulk area is taken. */
#define FASTIPC_HELLO_BULK_TAKEN 32u
/* CONNECT: a socket for descriptors; ACCEPT: it is taken. */
#define FASTIPC_HELLO_PASSING 64u

/* Descriptors of one HELLO, at most. */
#define FASTIPC_HELLO_FDS 4

enum fastipc_hello_kind {
	FASTIPC_HELLO_CONNECT = 1,
	FASTIPC_HELLO_ACCEPT = 2,
	FASTIPC_HELLO_REFUSE = 3,
	FASTIPC_HELLO_QUERY = 4,
	FASTIPC_HELLO_STATUS = 5,
	FASTIPC_HELLO_LIST = 6,
	FASTIPC_HELLO_PAGE = 7,
	FASTIPC_HELLO_SUBSCRIBE = 8,
	FASTIPC_HELLO_PUBLISH = 9,
};

/* What a server has done since it began. */
struct fastipc_totals {
	uint64_t requests;
	uint64_t bytes_received; /* of payload */
	uint64_t bytes_sent;
	uint64_t sleeps;
	uint64_t wakes;
};

struct fastipc_hello {
	/* offset: the same in every version */
	/*   0 */ uint64_t magic;
	/*   8 */ uint32_t size;	/* of the whole datagram, in bytes */
	/*  12 */ uint16_t version;	/* the newest that the sender speaks */
	/*  14 */ uint16_t version_min; /* and the oldest */
	/*  16 */ uint32_t kind;	/* enum fastipc_hello_kind */
	/*  20 */ int32_t error;	/* REFUSE: a negative errno */
					/* version 1 */
	/*  24 */ uint32_t abi;		/* of regions: FASTIPC_ABI_VERSION */
	/*  28 */ uint32_t features;	/* offered; unknown bits are ignored */
	/*  32 */ uint32_t required;	/* unknown bits: -EPROTONOSUPPORT */
	/*  36 */ uint32_t checksum;	/* CONNECT: at least; ACCEPT: agreed */
	/*  40 */ uint32_t ring_size;	/* of the sender's region */
	/*  44 */ uint32_t max_message; /* largest the sender accepts */
	/*  48 */ uint64_t fingerprint; /* of the schema, wire; 0: none */
	/*  56 */ uint64_t uptime_ns;	/* STATUS: of the server */
	/*  64 */ uint32_t connections; /* STATUS: open now; PAGE: records */
	/*  68 */ uint32_t threads;	/* STATUS: workers */
	/*  72 */ struct fastipc_totals totals; /* STATUS */
	/* 112 */ uint64_t cursor; /* LIST: connections with ids above it;
				    * PUBLISH: where to begin in the ring */
	/* 120 */ uint64_t fingerprint_full; /* with names; 0: none */
	/* 128 */ uint64_t dictionary;	  /* zstd: size << 32 | CRC; 0: none */
	/* 136 */ uint64_t sequence;	  /* PUBLISH: of the next message */
	/* 144 */ uint32_t stream_window; /* first credit of each stream */
	/* 148 */ uint32_t max_streams;	  /* ACCEPT: open at once */
	/* 152 */ uint64_t bulk_max; /* largest area that the sender takes */
	/* 160 */ uint32_t max_descriptors; /* ... and so many a message */
	/* 164 */ uint32_t clock; /* time namespace: its inode; 0: not known */
};

_Static_assert(sizeof(struct fastipc_hello) == 168, "HELLO size");
_Static_assert(offsetof(struct fastipc_hello, error) == 20, "HELLO prefix");
_Static_assert(offsetof(struct fastipc_hello, fingerprint) == 48,
	       "HELLO has no padding");
_Static_assert(offsetof(struct fastipc_hello, dictionary) == 128,
	       "HELLO has no padding");

/* The part that every version has. */
#define FASTIPC_HELLO_PREFIX offsetof(struct fastipc_hello, abi)
/* The shortest of version 1; what it has not is 0. */
#define FASTIPC_HELLO_LEAST offsetof(struct fastipc_hello, dictionary)

/* Zero it and fill in what every HELLO of this end says; no features. */
void fastipc_hello_init(struct fastipc_hello *hello,
			enum fastipc_hello_kind kind);

/*
 * Send, with the first @count of @fds attached.  Never blocks.
 * -EPIPE the peer is gone; another errno.
 */
int fastipc_hello_send(int sock, const struct fastipc_hello *hello,
		       const int *fds, size_t count);

/*
 * Receive, without blocking.  @fds are the descriptors that came with it, -1
 * behind the last; on failure all that came are closed.
 *
 * -EAGAIN nothing there; -EPIPE the peer is gone; -EBADMSG no HELLO, or too
 * many descriptors; -EPROTONOSUPPORT no version in common; -EUSERS a
 * descriptor was lost because this process has no room for it.
 */
int fastipc_hello_receive(int sock, struct fastipc_hello *hello,
			  int fds[FASTIPC_HELLO_FDS]);
/* Close those that are none of -1, and make them so. */
void fastipc_hello_close(int fds[FASTIPC_HELLO_FDS]);

#endif
