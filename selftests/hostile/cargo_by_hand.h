/* SPDX-License-Identifier: MIT */
/*
 * Messages with something along, loans that are given back, and descriptors, by
 * hand.
 */
#ifndef SELFTESTS_HOSTILE_CARGO_BY_HAND_H
#define SELFTESTS_HOSTILE_CARGO_BY_HAND_H

#include <sys/socket.h>

#include "by_hand.h"
#include "transport/passing.h"

#define AREA (1u << 20)
#define MOST 2u /* descriptors of a message */

static const struct fastipc_proposal well_equipped = {
	.ring_size = HOSTILE_RING,
	.max_message = FASTIPC_MESSAGE_DEFAULT,
	.stream_window = 256u << 10,
	.bulk_size = AREA,
	.bulk_max = AREA,
	.max_descriptors = MOST,
};

static inline void equip_server(struct fastipc_server_options *options)
{
	fastipc_server_options_init(options);
	options->bulk_size = AREA;
	options->bulk_max = AREA;
	options->max_descriptors = MOST;
}

static inline struct fastipc_client_options equipped_client(void)
{
	struct fastipc_client_options options;

	fastipc_client_options_init(&options);
	options.bulk_size = AREA;
	options.bulk_max = AREA;
	options.max_descriptors = MOST;
	return options;
}

struct block {
	uint64_t words[16];
	uint32_t count;
};

static inline void add_word(struct block *block, uint64_t word)
{
	block->words[++block->count] = word;
	block->words[0] = 8 * (block->count + 1ull);
}

static inline void add_loan(struct block *block, uint64_t id, uint64_t offset,
			    uint64_t length)
{
	add_word(block, FASTIPC_EXT_LOAN | 24u << 16);
	add_word(block, id);
	add_word(block, offset);
	add_word(block, length);
}

static inline void add_descriptors(struct block *block, uint32_t count)
{
	add_word(block, FASTIPC_EXT_DESCRIPTORS | (uint64_t)count << 32);
}

static inline void put_block(struct fastipc_channel *channel, uint16_t type,
			     uint8_t flags, const struct block *block)
{
	put_whole(channel, type, flags | FASTIPC_FRAME_EXT, 1, block->words,
		  (uint32_t)block->words[0]);
}

static inline void give_back(struct fastipc_channel *channel, uint64_t id)
{
	put_whole(channel, FASTIPC_TYPE_RETURN, 0, id, "", 0);
}

/* A datagram of @size bytes (16 are right) with @sent descriptors. */
static inline void send_datagram(struct fastipc_channel *channel,
				 uint64_t position, uint32_t says,
				 uint32_t sent, size_t size)
{
	struct {
		uint64_t position;
		uint32_t count;
		uint32_t zero[3];
	} label = { .position = position, .count = says };
	struct iovec iov = { .iov_base = &label, .iov_len = size };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(200 * sizeof(int))] = {
		0
	};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (sent) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sent * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sent * sizeof(int));
		/* All of them are descriptor 0. */
	}
	for (uint64_t until = soon();;) {
		if (sendmsg(channel->link.passing->fd, &msg, MSG_NOSIGNAL) >= 0)
			return;
		/* Of several, the first may have ended the connection. */
		if (errno == EPIPE || errno == ECONNRESET)
			return;
		/* The server has to take some first. */
		check(errno == EAGAIN && fastipc_now_ns() < until);
		usleep(1000);
	}
}

static inline uint64_t here(const struct fastipc_channel *channel)
{
	return channel->tx.tail;
}

/* The extensions of the next frame, which must be a message. */
static inline uint64_t next_loan(struct fastipc_channel *channel)
{
	struct fastipc_frame frame;
	uint64_t until = soon();
	int error;

	while ((error = fastipc_frame_peek(channel, &frame)) == -EAGAIN) {
		check(fastipc_now_ns() < until);
		fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL, 0,
				      false, fastipc_after_ns(10 * MS));
	}
	check(!error);
	fastipc_frame_release(channel, &frame);
	fastipc_channel_notify_space(channel, true);
	if (!(frame.flags & FASTIPC_FRAME_LADEN))
		return 0;
	check(frame.lends && frame.piece.id);
	return frame.piece.id;
}

#endif
