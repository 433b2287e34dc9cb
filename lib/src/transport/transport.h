/* SPDX-License-Identifier: MIT */
/*
 * The transport layer: how two processes come to share two regions, how one
 * sleeps and the other rings, and how each learns that the other is gone.
 * This header is what the layers above see of a transport.
 *
 * memfd: regions are sealed memfds; sleep is a shared futex on the peer's
 * doorbell word, or poll() on the rendezvous socket; a dead peer hangs up the
 * socket.
 *
 * kmod: regions are memory of /dev/fastipc; sleep is its WAIT or SWAP, or
 * poll() on the end of the channel, which also tells of a dead peer.
 */
#ifndef FASTIPC_TRANSPORT_H
#define FASTIPC_TRANSPORT_H

#include <linux/fastipc.h>
#include <fastipc/discover.h>
#include <fastipc/types.h>

#include "transport/address.h"

struct fastipc_bulk;	/* of bulk.h */
struct fastipc_passing; /* of passing.h */

/* A peer's data is accepted up to this size: it is our address space. */
#define FASTIPC_PEER_RING_MAX (16u << 20)

/* For a connect without a deadline. */
#define FASTIPC_CONNECT_TIMEOUT_NS 5000000000ULL

/* One mapped region: control page, then data twice in a row. */
struct fastipc_region {
	void *base;
	size_t length; /* of the whole mapping: control + 2 * size */
	struct fastipc_control *control; /* read-only memory if a peer's */
	unsigned char *data;		 /* read-only memory if a peer's */
	uint32_t size;			 /* of data, a power of two */
};

/* What an end proposes in HELLO. */
struct fastipc_proposal {
	enum fastipc_checksum checksum; /* at least this */
	uint32_t ring_size;
	uint32_t max_message;	/* largest message this end accepts */
	uint32_t stream_window; /* first credit of each stream; 0: none */
	uint32_t max_streams;	/* that the peer may open at once */
	struct fastipc_fingerprint fingerprint;
	enum fastipc_schema_match schema_match;
	enum fastipc_transport transport; /* AUTO: any */
	uint32_t features;   /* FASTIPC_HELLO_COMPRESSION's, offered */
	uint64_t dictionary; /* of zstd, as in HELLO */
	uint64_t bulk_size;  /* of this end's area; 0: none */
	uint64_t bulk_max;   /* of the peer's, at most; 0: no loans are taken */
	uint32_t max_descriptors; /* of a message; 0: none go either way */
};

/* One established connection.  Plain data; zero it, sock = -1, when empty. */
struct fastipc_link {
	struct fastipc_region own;
	struct fastipc_region peer;
	/* The doorbell words: what this end bumps, and what it sleeps on. */
	uint32_t *own_bell;
	const uint32_t *peer_bell;
	void *bell; /* the page that they are in; NULL: the control pages */
	/* memfd: rendezvous socket, non-blocking, close-on-exec.  Its
	 * readability is the POLL doorbell (a byte) or the peer's hang-up. */
	int sock;
	/* kmod: the end of the channel, and no socket any more (-1). */
	int endpoint;
	bool kmod;
	enum fastipc_checksum checksum; /* negotiated: the stronger */
	uint32_t peer_max_message;
	/* Longer messages are not to be sent as they are: over the limit, or
	 * worth compressing. */
	uint32_t plain_max;
	uint32_t peer_stream_window;
	uint32_t peer_max_streams;
	struct fastipc_fingerprint peer_fingerprint;
	struct fastipc_peer cred;
	uint32_t features;	  /* FASTIPC_HELLO_*: what this end offered, */
	uint32_t peer_features;	  /* ... and the peer */
	uint64_t peer_dictionary; /* as in HELLO */
	bool same_clock;	  /* CLOCK_MONOTONIC says the same to both */
	/* Each NULL where it was not agreed on. */
	struct fastipc_bulk *own_bulk;
	struct fastipc_bulk *peer_bulk;
	struct fastipc_passing *passing;
};

struct fastipc_totals; /* of hello.h */

/* What a server says of itself to a query. */
struct fastipc_status {
	uint32_t connections;
	uint32_t threads;
	uint64_t uptime_ns;
	bool full; /* a CONNECT is refused with -EUSERS */
	/* Asked for only when it is to be told; NULL: there is nothing. */
	void (*read_totals)(void *context, struct fastipc_totals *totals);
	/* Up to @most connections with ids above @cursor, in their order;
	 * returns how many. */
	size_t (*list)(void *context, uint64_t cursor,
		       struct fastipc_connection_info *infos, size_t most);
	void *context; /* of both */
};

/* ---- regions (region.c) ---- */

/* What an end may propose: -EINVAL what its peer would refuse. */
int fastipc_ring_size_check(uint32_t size);
/*
 * Make, map RW, initialise the control page, seal; *@fd is to be sent and
 * closed.  No page but the control page is touched.
 * -EINVAL bad @size; -EMFILE, -ENFILE; -ENOMEM; -EFBIG over RLIMIT_FSIZE.
 */
int fastipc_region_create(struct fastipc_region *region, uint32_t size,
			  int *fd);
/* Check a received fd (memfd seals, exact size, power of two, identity line)
 * and map it read-only.  Does not close @fd; the mapping outlives it.
 * -EBADFD seals missing or not a memfd; -ERANGE wrong size; -EBADMSG wrong
 * magic; -EPROTONOSUPPORT wrong ABI; -ENOMEM. */
int fastipc_region_attach(struct fastipc_region *region, int fd);
void fastipc_region_unmap(struct fastipc_region *region);

/* ---- rendezvous (rendezvous.c) ---- */

struct fastipc_rendezvous {
	int fd;		/* listening, non-blocking; -1 when closed */
	int reserve_fd; /* kept open so that EMFILE can be answered */
	enum fastipc_transport transport; /* what the address says */
	char path[108];
	dev_t dev; /* of the socket file: only ours is unlinked */
	ino_t ino;
};

/*
 * Listen on @address; @mode is the socket file's (permission bits only).  A
 * dead server's socket is replaced.
 * -EADDRINUSE a live server has it; -ENOTSOCK something that is no socket is
 * in its place; -EBUSY another process holds the directory's lock; -EACCES no
 * permission, or the runtime directory is not safe; -ENOENT no such directory;
 * -ENOTDIR; -EINVAL, -ENAMETOOLONG bad address or mode; -ENODEV (kmod) no
 * module; -EPROTONOSUPPORT (kmod) a module of another ABI;
 * -EMFILE; -ENOMEM.
 */
int fastipc_rendezvous_listen(struct fastipc_rendezvous *rendezvous,
			      const char *address, mode_t mode);
/* Remove the socket file if it is still ours, and stop to listen. */
void fastipc_rendezvous_close(struct fastipc_rendezvous *rendezvous);

/* Next pending socket (non-blocking, cloexec), or -EAGAIN, or -EUSERS: out of
 * descriptors; one waiting client was told so and closed (count it, go on). */
int fastipc_rendezvous_accept(struct fastipc_rendezvous *rendezvous);

/*
 * Client side: a connected socket (non-blocking, cloexec) of the server at
 * @address, by @deadline.
 * -ENOENT, -ECONNREFUSED (nobody listens), -EACCES, -ENOTSOCK (a file),
 * -EPROTOTYPE (not a SEQPACKET socket), -ETIMEDOUT (its backlog stays full),
 * -EMFILE, and those of a bad address.
 */
int fastipc_rendezvous_connect(const char *address, uint64_t deadline);

/* Tell the client on @sock, which has said HELLO or not yet, why it is not
 * served (@error: -EUSERS, -ENOMEM, ...).  Never blocks.  Does not close. */
void fastipc_rendezvous_refuse(int sock, int error);

/*
 * Server side of the handshake, when @sock is readable; never blocks.
 * 1: a link is made, which owns @sock from then on, unless it is of kmod: then
 * close @sock, it is not needed any more.
 * 0: it was a query, answered from @status: close @sock.
 * -EAGAIN: nothing there yet.  Any other: it failed, the client was told why
 * if possible: close @sock.
 * -EPIPE it hung up without a HELLO, as a probe for a live server does;
 * -EBADMSG no HELLO; -EPROTONOSUPPORT another version, layout, or a required
 * feature; -ENOPROTOOPT another schema; -EBADFD, -ERANGE its region; -EUSERS
 * this process is out of descriptors; -ENOMEM.
 */
int fastipc_handshake_accept(int sock, const struct fastipc_proposal *mine,
			     const struct fastipc_status *status,
			     struct fastipc_link *link);

/*
 * Client side, blocking until @deadline (FASTIPC_NO_DEADLINE: 5 s).  Errors of
 * fastipc_rendezvous_connect(); of the server's answer, as above; -EBADMSG no
 * valid answer; -EPIPE the server hung up instead; -ETIMEDOUT; -EMFILE.
 */
int fastipc_handshake_connect(const char *address,
			      const struct fastipc_proposal *mine,
			      uint64_t deadline, struct fastipc_link *link);
/* The same over a connected SEQPACKET socket; takes @sock over, also on error. */
int fastipc_handshake_connect_fd(int sock, const struct fastipc_proposal *mine,
				 uint64_t deadline, struct fastipc_link *link);

/*
 * Both ends at once, of a fresh socket pair, as though they had shaken hands
 * with @mine on both sides.
 */
int fastipc_link_pair(const struct fastipc_proposal *mine,
		      struct fastipc_link links[2]);

/* Unmap, close, and make it empty; an empty one is allowed. */
void fastipc_link_close(struct fastipc_link *link);

/* What to poll: readable when the peer rings a POLL sleeper, or hangs up. */
static inline int fastipc_link_fd(const struct fastipc_link *link)
{
	return link->kmod ? link->endpoint : link->sock;
}
/* "memfd" or "kmod". */
static inline const char *
fastipc_link_transport(const struct fastipc_link *link)
{
	return link->kmod ? "kmod" : "memfd";
}
/* Orderly: this end publishes nothing more.  The caller rings. */
void fastipc_link_shutdown(struct fastipc_link *link);
/* The end, for both; whoever polls fastipc_link_fd() sees a hang-up. */
void fastipc_link_hang_up(const struct fastipc_link *link);

/* ---- sleeping and ringing (doorbell.c) ---- */

/*
 * Sleep while the peer's doorbell equals @seen, and, when @local is not NULL,
 * while *@local (a private futex word of this process) equals @local_seen;
 * until @deadline (absolute ns, CLOCK_MONOTONIC, 0: for ever).  Returns 0 on
 * any wake-up (also a spurious one or a signal), -ETIMEDOUT.  A peer's death
 * wakes nobody here: sleep in slices and look with fastipc_link_drain(); but
 * with kmod it does: -EPIPE.
 */
int fastipc_link_wait(const struct fastipc_link *link, uint32_t seen,
		      const uint32_t *local, uint32_t local_seen,
		      uint64_t deadline);
/*
 * Ring the peer, whose sleep word is @sleep, and sleep, as the two calls do one
 * after the other; with kmod it is one system call.
 */
int fastipc_link_swap(struct fastipc_link *link, uint32_t sleep, uint32_t seen,
		      const uint32_t *local, uint32_t local_seen,
		      uint64_t deadline);
/* A doorbell word to sleep on, and the value it had. */
struct fastipc_doorbell {
	const uint32_t *word;
	uint32_t seen;
};

/* Doorbells in one wait, at most: futex_waitv() takes 128 words. */
#define FASTIPC_WAIT_MOST 127

/*
 * The same for @count doorbells at once.  Needs futex_waitv() (Linux 5.16);
 * where that is missing it returns at once and fastipc_can_wait_many() is
 * false from then on: ask to be rung by POLL instead.  A doorbell alone is not
 * to be trusted: its owner may have the kernel move who sleeps on it to some
 * other word (FUTEX_REQUEUE), but not from @local.
 */
int fastipc_wait_many(const struct fastipc_doorbell *doorbells, size_t count,
		      const uint32_t *local, uint32_t local_seen,
		      uint64_t deadline);
bool fastipc_can_wait_many(void);
/* kmod: make who sleeps on this end look at its local word. */
void fastipc_link_kick(int endpoint);
/* Wake all sleepers in fastipc_link_wait() on the private word. */
void fastipc_local_wake(const uint32_t *local);

/*
 * Sleep until the socket is readable (doorbell byte or hang-up) or @deadline.
 * 0, -ETIMEDOUT.  Drain afterwards.
 */
int fastipc_link_poll(const struct fastipc_link *link, uint64_t deadline);
/* Take doorbell bytes off the socket, a bounded number.  0, or -EPIPE when
 * the peer has hung up. */
int fastipc_link_drain(const struct fastipc_link *link);

/*
 * Ring the peer, whose sleep word is @sleep: stamps wake_ns if it wants that,
 * bumps the own doorbell, then futex wake, or one byte on the socket, or the
 * module's WAKE.  Never blocks, whatever the peer does.
 */
void fastipc_link_ring(struct fastipc_link *link, uint32_t sleep);

#endif
