// SPDX-License-Identifier: MIT
/*
 * Messages with cargo, on their way into the ring.
 */
#include "frame/cargo.h"

#include <unistd.h>

#include "transport/passing.h"

static void close_all(const struct fastipc_cargo *cargo)
{
	for (uint32_t i = 0; i < cargo->count; i++)
		close(cargo->fds[i]);
}

void fastipc_cargo_drop(struct fastipc_cargo *cargo)
{
	if (!cargo)
		return;
	close_all(cargo);
	cargo->done(cargo, false);
}

static void add(struct fastipc_extensions *block, uint32_t kind,
		uint32_t length, uint32_t value)
{
	block->words[block->size / 8] =
		htole64(kind | length << 16 | (uint64_t)value << 32);
	block->size += 8;
}

static void add_word(struct fastipc_extensions *block, uint64_t word)
{
	block->words[block->size / 8] = htole64(word);
	block->size += 8;
}

static void describe(struct fastipc_extensions *block,
		     const struct fastipc_outgoing *message,
		     const struct fastipc_link *link)
{
	const struct fastipc_cargo *cargo = message->cargo;

	block->size = 8;
	if (cargo->piece.length) {
		add(block, FASTIPC_EXT_LOAN, 24, 0);
		add_word(block, cargo->piece.id);
		add_word(block, cargo->piece.offset);
		add_word(block, cargo->piece.length);
	}
	if (cargo->count)
		add(block, FASTIPC_EXT_DESCRIPTORS, 0, cargo->count);
	if (message->deadline) {
		uint64_t value;

		add(block,
		    fastipc_frame_deadline(link, message->deadline, &value), 8,
		    0);
		add_word(block, value);
	}
	block->words[0] = htole64(block->size);
}

static int send_descriptors(struct fastipc_channel *channel,
			    const struct fastipc_cargo *cargo)
{
	struct fastipc_producer *tx = &channel->tx;
	uint64_t enough = 0;
	int error = fastipc_producer_refresh(tx);

	if (error)
		return error;
	error = fastipc_passing_send(channel->link.passing, tx->tail, tx->head,
				     cargo->fds, cargo->count, &enough);
	if (error == -EAGAIN)
		fastipc_channel_need_head(channel, enough);
	return error;
}

int fastipc_cargo_push(struct fastipc_channel *channel,
		       struct fastipc_outgoing *message, bool bulk)
{
	struct fastipc_cargo *cargo = message->cargo;
	uint64_t words[FASTIPC_CARGO_BLOCK / 8];
	struct fastipc_extensions block = { .words = words };
	unsigned char *place;
	uint32_t size;
	int error;

	describe(&block, message, &channel->link);
	size = FASTIPC_FRAME_HEADER + block.size + message->size;
	error = fastipc_frame_reserve(channel, size, bulk, &place);
	/* The last that may fail: what was sent has its frame. */
	if (!error && cargo->count)
		error = send_descriptors(channel, cargo);
	if (error)
		return error;
	fastipc_frame_write(channel, place, message,
			    message->flags | FASTIPC_FRAME_EXT, &block,
			    message->size);
	/* From here on the peer may give the piece back. */
	close_all(cargo);
	cargo->done(cargo, true);
	message->cargo = NULL;
	fastipc_producer_commit(&channel->tx, size);
	channel->bulk += bulk;
	message->offset = message->size;
	return 0;
}
