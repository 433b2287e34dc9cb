/* SPDX-License-Identifier: MIT */
/*
 * What a way to talk between two processes offers to be measured beside
 * fastipc: each is a program of its own, of driver.c, which starts the two
 * processes and measures, and of one file that says how this peer serves,
 * connects, calls and posts.
 *
 * All messages of a run have the same size.  In a test of round trips the
 * server answers each with its own bytes; in a one-way test it only takes
 * them, until one asks how many came (PEER_CONFIRM), which it answers with
 * a struct peer_count.
 */
#ifndef FASTIPC_PEERS_H
#define FASTIPC_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum peer_wait {
	PEER_BLOCK, /* sleep in the kernel at once */
	PEER_SPIN,  /* look again and again, and never sleep */
	PEER_ADAPTIVE,
};

enum peer_test {
	PEER_ROUND_TRIP,
	PEER_ONE_WAY,
};

struct peer_config {
	enum peer_wait wait;
	enum peer_test test;
	size_t size;	       /* of each message, at least 64 */
	const char *variant;   /* of the peer; "" is its usual form */
	const char *directory; /* empty, private to this run */
	const char *name;      /* of this run, for what has no directory */
};

struct peer_count {
	uint64_t count;
	uint64_t wrong;
};

/* The sequence number of a message that asks for a struct peer_count. */
#define PEER_CONFIRM UINT64_MAX

/*
 * All return 0 or a negative errno, and peer_fail() has said why; -EOPNOTSUPP
 * says that this machine or this peer cannot do it.
 */
struct peer_ops {
	const char *title; /* its name and version, and what of it is used */
	bool can_spin;

	/* Before there are two processes; may be NULL. */
	int (*prepare)(const struct peer_config *config);
	/* In the server's process: listen, call peer_ready(), and serve until
	 * peer_ended (which is never, if there is no end()). */
	int (*serve)(const struct peer_config *config);
	/* In a signal handler of the server's process, which ends it in order;
	 * NULL: it just exits. */
	void (*end)(void);

	/* In the client's process. */
	int (*connect)(const struct peer_config *config);
	/* The @expected bytes of the answer are at *@reply until the next
	 * call. */
	int (*call)(const void *data, size_t size, size_t expected,
		    const void **reply);
	/* @last: no other follows at once. */
	int (*post)(const void *data, size_t size, bool last);
	void (*close)(void);

	/* When the server is gone: removes what it left; may be NULL. */
	void (*clean)(const struct peer_config *config);
};

/* Of the one peer that this program is. */
extern const struct peer_ops peer_ops;

/* Set by SIGTERM in a server whose peer has an end(). */
extern volatile bool peer_ended;
/* What a peer needs beside its server, such as a broker, or 0. */
extern pid_t peer_broker;

/* The server listens: clients may connect. */
void peer_ready(void);
/* Tell why on standard error, and return @error. */
int peer_fail(int error, const char *what);

/*
 * What the server does with a message: true if it wants an answer, the
 * *@answer_size bytes at *@answer, which may be the message itself.
 */
bool peer_take(const struct peer_config *config, const void *data, size_t size,
	       const void **answer, size_t *answer_size);

#ifdef __cplusplus
}
#endif

#endif
