/* SPDX-License-Identifier: MIT */
/*
 * Descriptors on their way with messages: a pair of sockets of their own, that
 * the client makes where both ends want it, whatever the transport.
 *
 * Each message that has some is a datagram here, which is sent before the
 * message's frame is published, and says at which position of the ring that
 * frame is.  So whoever takes the frame finds the datagram there: nothing
 * polls this socket, no thread but the reader touches it, and descriptors that
 * belong to no message never become this process's.
 *
 * At most FASTIPC_PASSING_MOST datagrams are on their way: the peer's head in
 * the ring tells which were taken.
 *
 * Thread-safety: as the channel's, for each direction.  Nothing here waits.
 */
#ifndef FASTIPC_PASSING_H
#define FASTIPC_PASSING_H

#include <stdint.h>

#include <fastipc/types.h>

#define FASTIPC_PASSING_MOST 16u

struct fastipc_passing {
	int fd;
	uint32_t most;	    /* descriptors of a message that this end takes */
	uint32_t peer_most; /* ... and the peer */
	/* Of datagrams that the peer may not have taken, oldest first. */
	uint32_t first, count;
	uint64_t positions[FASTIPC_PASSING_MOST];
};

/* The client's: a pair of sockets; *@fd is to be sent and closed.
 * -EMFILE, -ENFILE; -ENOMEM. */
int fastipc_passing_create(struct fastipc_passing **passing, int *fd);
/* The server's: takes @fd over, but not on error.
 * -EBADFD it is no such socket; -ENOMEM. */
int fastipc_passing_attach(struct fastipc_passing **passing, int fd);
/* NULL is allowed. */
void fastipc_passing_free(struct fastipc_passing *passing);

/*
 * Send @count of @fds for the frame at @position of the ring, of which the peer
 * has read all up to @head.
 * -EAGAIN too many are on their way: *@enough is the head to wait for; another
 * errno: they cannot be sent.
 */
int fastipc_passing_send(struct fastipc_passing *passing, uint64_t position,
			 uint64_t head, const int *fds, uint32_t count,
			 uint64_t *enough);
/*
 * Take the @count that belong to the frame at @position into @fds,
 * close-on-exec.
 * -EPROTO the peer did not send these; -EMFILE there is no room for them in
 * this process, and they are lost.
 */
int fastipc_passing_receive(struct fastipc_passing *passing, uint64_t position,
			    int *fds, uint32_t count);
/* -EPROTO if there are any of a frame before @head, which had none. */
int fastipc_passing_check(const struct fastipc_passing *passing, uint64_t head);

#endif
