/* SPDX-License-Identifier: MIT */
/*
 * Parts of a HELLO exchange, for both sides of it, and for what is not a
 * connection.
 */
#ifndef FASTIPC_HANDSHAKE_H
#define FASTIPC_HANDSHAKE_H

#include "transport/hello.h"
#include "transport/transport.h"

/* A link that has nothing yet. */
void fastipc_link_init(struct fastipc_link *link);
/* Map the region of the peer that came as @fd.  -EBADMSG none came. */
int fastipc_handshake_take_region(struct fastipc_link *link, int fd);
/* Take over what the peer says in @hello, once it is checked and its region is
 * mapped.  -ERANGE they do not agree. */
int fastipc_handshake_take(struct fastipc_link *link,
			   const struct fastipc_proposal *mine,
			   const struct fastipc_hello *hello);

/* Fill in what @mine proposes. */
void fastipc_hello_propose(struct fastipc_hello *hello,
			   const struct fastipc_proposal *mine);
/* What must agree in both directions: -EPROTONOSUPPORT, -ENOPROTOOPT. */
int fastipc_hello_check(const struct fastipc_hello *hello,
			const struct fastipc_proposal *mine);
/* Who is at the other end of @sock. */
int fastipc_hello_cred(int sock, struct fastipc_peer *cred);

/* Wait until @sock has something to receive, or -ETIMEDOUT at @deadline. */
int fastipc_hello_await(int sock, uint64_t deadline);

/*
 * Send @mine, with @count of @fds, over @sock and wait for the @answer, which
 * must be of @kind, until @deadline (FASTIPC_NO_DEADLINE: 5 s).  @answer_fds
 * are the descriptors that came with it, or -1.
 * -ETIMEDOUT; -EPIPE; -EBADMSG; -EPROTONOSUPPORT; -EMFILE; what the server
 * refuses with.
 */
int fastipc_hello_exchange(int sock, const struct fastipc_hello *mine,
			   const int *fds, size_t count, uint32_t kind,
			   uint64_t deadline, struct fastipc_hello *answer,
			   int answer_fds[FASTIPC_HELLO_FDS]);

#endif
