// SPDX-License-Identifier: MIT
/*
 * What came along with a message: only what was agreed on, and only what is
 * within the peer's area.
 */
#include "rpc/delivery.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/bulk.h"
#include "transport/passing.h"

static int check_piece(const struct fastipc_bulk *bulk,
		       const struct fastipc_piece *piece)
{
	if (!bulk)
		return fastipc_fail(-EPROTO, "the peer lends, which was not "
					     "agreed on");
	if (!piece->length || piece->offset >= bulk->size ||
	    piece->length > bulk->size - piece->offset)
		return fastipc_fail(-EPROTO,
				    "the peer lends what is not in its area");
	return 0;
}

/* Only messages of the application's, in one frame, which may be a stream's:
 * that knows whether it is one of its messages. */
static int check_frame(const struct fastipc_frame *frame)
{
	const uint8_t allowed = FASTIPC_FRAME_EXT | FASTIPC_FRAME_LADEN |
				FASTIPC_FRAME_STREAM;

	if (frame->flags & ~allowed || frame->type >= FASTIPC_TYPE_RESERVED)
		return fastipc_fail(-EPROTO, "the peer lets something go along "
					     "with what is no message");
	return 0;
}

/* The datagram is taken in any case: the next message has the next. */
static int receive_descriptors(const struct fastipc_channel *channel,
			       uint32_t count, int *fds)
{
	struct fastipc_passing *passing = channel->link.passing;

	if (!passing || count > passing->most)
		return fastipc_fail(-EPROTO,
				    "the peer sends more descriptors than was "
				    "agreed on");
	return fastipc_passing_receive(passing, channel->rx.head, fds, count);
}

static struct fastipc_delivery *make(const struct fastipc_channel *channel,
				     const struct fastipc_frame *frame,
				     const int *fds)
{
	struct fastipc_bulk *bulk = channel->link.peer_bulk;
	struct fastipc_delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		return NULL;
	if (frame->lends) {
		delivery->bulk = fastipc_bulk_ref(bulk);
		delivery->loan = frame->piece.id;
		delivery->lent = fastipc_shared_of(
			bulk->base + frame->piece.offset, frame->piece.length);
	}
	for (uint32_t i = 0; i < frame->descriptors; i++)
		delivery->fds[delivery->count++] = fds[i];
	return delivery;
}

int fastipc_delivery_receive(const struct fastipc_channel *channel,
			     const struct fastipc_frame *frame,
			     struct fastipc_delivery **delivery)
{
	int fds[FASTIPC_DESCRIPTORS_MAX];
	int error = check_frame(frame);

	*delivery = NULL;
	if (!error && frame->lends)
		error = check_piece(channel->link.peer_bulk, &frame->piece);
	if (!error && frame->descriptors)
		error = receive_descriptors(channel, frame->descriptors, fds);
	if (error)
		return error;
	*delivery = make(channel, frame, fds);
	if (*delivery)
		return 0;
	for (uint32_t i = 0; i < frame->descriptors; i++)
		close(fds[i]);
	return fastipc_fail(-ENOMEM, "no memory for what came along");
}

void fastipc_delivery_free(struct fastipc_delivery *delivery)
{
	if (!delivery)
		return;
	for (unsigned int i = 0; i < delivery->count; i++)
		if (delivery->fds[i] >= 0)
			close(delivery->fds[i]);
	fastipc_bulk_unref(delivery->bulk);
	free(delivery);
}

struct fastipc_shared
fastipc_delivery_lent(const struct fastipc_delivery *delivery)
{
	return delivery ? delivery->lent : fastipc_shared_of(NULL, 0);
}

unsigned int
fastipc_delivery_descriptors(const struct fastipc_delivery *delivery)
{
	return delivery ? delivery->count : 0;
}

int fastipc_delivery_take(struct fastipc_delivery *delivery, unsigned int index)
{
	int fd = delivery && index < delivery->count ? delivery->fds[index]
						     : -1;

	if (fd < 0)
		return fastipc_fail(-ENOENT,
				    "no descriptor %u came along, or "
				    "it was taken before",
				    index);
	delivery->fds[index] = -1;
	return fd;
}
