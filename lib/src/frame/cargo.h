/* SPDX-License-Identifier: MIT */
/*
 * What goes along with a message beside its bytes: a piece of the sender's bulk
 * area, and descriptors.
 *
 * On the wire the message is one frame, not compressed, with extensions: kind 5
 * (LOAN): u64 the sender's name for it, u64 offset in its area, u64 length;
 * kind 6 (DESCRIPTORS): value is how many were sent on the socket for them,
 * before.  A control frame RETURN, whose id is that name, gives the piece back.
 */
#ifndef FASTIPC_CARGO_H
#define FASTIPC_CARGO_H

#include "frame/frame.h"

/* Of a message with cargo: head, LOAN, DESCRIPTORS, DEADLINE. */
#define FASTIPC_CARGO_BLOCK 64u

struct fastipc_cargo {
	struct fastipc_piece piece; /* length 0: none */
	/* The frame is written, or never will be; frees what holds the cargo,
	 * but not the descriptors.  Any thread that sends. */
	void (*done)(struct fastipc_cargo *cargo, bool sent);
	uint32_t count; /* of descriptors, which are the cargo's own */
	int fds[FASTIPC_DESCRIPTORS_MAX];
};

/* The longest message that may have some. */
static inline uint32_t
fastipc_cargo_message_max(const struct fastipc_channel *channel)
{
	return fastipc_frame_payload_max(channel) - FASTIPC_CARGO_BLOCK;
}

/* It is given up, unsent: descriptors are closed.  NULL is allowed. */
void fastipc_cargo_drop(struct fastipc_cargo *cargo);

/* fastipc_frame_push_part() of a message with cargo, which is gone if it works:
 * 0; -EAGAIN; -EPROTO; -EPIPE or another errno: the descriptors cannot be
 * sent. */
int fastipc_cargo_push(struct fastipc_channel *channel,
		       struct fastipc_outgoing *message, bool bulk);

#endif
