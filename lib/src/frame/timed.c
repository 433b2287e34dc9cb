// SPDX-License-Identifier: MIT
/*
 * Frames of the usual call that has a deadline: a small message, the deadline
 * its one extension, and a clock that both ends share.
 */
#include "frame/frame.h"

#define TIMED_HEAD \
	(FASTIPC_FRAME_MAGIC | (uint64_t)FASTIPC_FRAME_VERSION << 32 | \
	 (uint64_t)FASTIPC_FRAME_EXT << 40)
#define TIMED_ENTRY (FASTIPC_EXT_DEADLINE_AT | 8ull << 16)
#define TIMED_WORDS 6 /* the header's, and the block's */

/* Header and block, the CRC's place being 0, as they are in memory. */
static uint32_t timed_sum(uint64_t w0, uint64_t id, uint64_t length,
			  uint64_t deadline)
{
	const uint64_t words[TIMED_WORDS] = {
		htole64(w0),	      htole64(id),
		htole64(length),      htole64(FASTIPC_DEADLINE_BLOCK),
		htole64(TIMED_ENTRY), htole64(deadline),
	};

	return fastipc_crc32c(~0u, words, sizeof(words));
}

bool fastipc_frame_peek_timed(const struct fastipc_channel *channel,
			      struct fastipc_frame *frame,
			      const unsigned char *place, uint32_t size,
			      uint64_t w0, uint64_t w1, uint64_t w2)
{
	uint32_t length = (uint32_t)w2;
	uint64_t deadline;

	if ((w0 & 0xffffffffffffu) != TIMED_HEAD ||
	    length < FASTIPC_DEADLINE_BLOCK ||
	    length != size - FASTIPC_FRAME_HEADER ||
	    fastipc_frame_load(place, 3) != FASTIPC_DEADLINE_BLOCK ||
	    fastipc_frame_load(place, 4) != TIMED_ENTRY ||
	    !channel->link.same_clock ||
	    channel->link.checksum == FASTIPC_CHECKSUM_HEADER)
		return false;
	deadline = fastipc_frame_load(place, 5);
	fastipc_frame_set_header(frame, place, size, w0, w1, w2);
	if (channel->link.checksum == FASTIPC_CHECKSUM_FULL)
		frame->sum = timed_sum(w0, w1, length, deadline);
	frame->length = length - FASTIPC_DEADLINE_BLOCK;
	frame->payload += FASTIPC_DEADLINE_BLOCK;
	/* 0 is long ago, and not "none". */
	frame->deadline = deadline ? deadline : 1;
	return true;
}

int fastipc_frame_push_timed(struct fastipc_channel *channel,
			     struct fastipc_outgoing *message, bool more)
{
	uint64_t w0 = TIMED_HEAD | (uint64_t)message->type << 48;
	uint64_t w2 = (uint64_t)message->size + FASTIPC_DEADLINE_BLOCK;
	uint32_t size = FASTIPC_FRAME_HEADER + (uint32_t)w2;
	unsigned char *place, *to;
	uint64_t *words;

	if (message->flags || message->offset || message->opens ||
	    message->cargo || fastipc_frame_is_long(channel, w2) ||
	    !channel->link.same_clock ||
	    channel->link.checksum == FASTIPC_CHECKSUM_HEADER ||
	    fastipc_producer_reserve(&channel->tx, size, &place))
		return fastipc_frame_push_slowly(channel, message, more);
	words = (uint64_t *)place;
	to = place + TIMED_WORDS * sizeof(*words);
	if (channel->link.checksum == FASTIPC_CHECKSUM_FULL) {
		uint32_t sum =
			timed_sum(w0, message->id, w2, message->deadline);

		sum = message->size <= FASTIPC_COPY_IN_LONG
			      ? fastipc_crc32c_copy(sum, to, message->data,
						    message->size)
			      : fastipc_crc32c_copy_in(sum, to, message->data,
						       message->size);
		w2 |= (uint64_t)~sum << 32;
	} else {
		fastipc_frame_put(to, message->data, message->size);
	}
	words[0] = htole64(w0);
	words[1] = htole64(message->id);
	words[2] = htole64(w2);
	words[3] = htole64(FASTIPC_DEADLINE_BLOCK);
	words[4] = htole64(TIMED_ENTRY);
	words[5] = htole64(message->deadline);
	fastipc_producer_commit(&channel->tx, size);
	if (!more)
		fastipc_producer_publish(&channel->tx);
	return 0;
}
