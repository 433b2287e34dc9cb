/* SPDX-License-Identifier: MIT */
/*
 * What came along with a message, checked.
 *
 * Thread-safety: as fastipc/loan.h says.
 */
#ifndef FASTIPC_DELIVERY_H
#define FASTIPC_DELIVERY_H

#include <fastipc/loan.h>

#include "frame/frame.h"

struct fastipc_delivery {
	struct fastipc_shared lent; /* data NULL: nothing */
	struct fastipc_bulk *bulk;  /* a reference; NULL: nothing was lent */
	uint64_t loan;		    /* the sender's name for it */
	/* Of the connection, which is held; NULL: the library's itself. */
	struct streams *streams;
	unsigned int count;
	int fds[FASTIPC_DESCRIPTORS_MAX]; /* -1: taken */
};

/*
 * Take what belongs to @frame, the next of @channel, which is
 * FASTIPC_FRAME_LADEN and not released yet.
 * -EPROTO the peer breaks the rules; -EMFILE, -ENOMEM there is no room for it:
 * descriptors are lost, and a piece is still to be given back.
 */
int fastipc_delivery_receive(const struct fastipc_channel *channel,
			     const struct fastipc_frame *frame,
			     struct fastipc_delivery **delivery);
/* Close and free all; whoever calls has given the piece back.  NULL is
 * allowed. */
void fastipc_delivery_free(struct fastipc_delivery *delivery);

#endif
