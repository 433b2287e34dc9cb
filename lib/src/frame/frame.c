// SPDX-License-Identifier: MIT
/*
 * Frames to and from a channel's rings.
 */
#include "frame/frame.h"

#include <stdlib.h>

#include "base/error.h"
#include "frame/cargo.h"
#include "frame/gather.h"
#include "transport/hello.h"

/* The extensions that this end sends, at most: the block's head, and three. */
struct extensions {
	uint64_t words[6];
	uint32_t size; /* in bytes; 0: none */
};

/*
 * A peer that says "in ten thousand years" means no deadline.  Who shares our
 * clock says when, not how long: then nobody has to read it.
 */
static int take_deadline(struct fastipc_frame *frame, uint32_t kind,
			 uint64_t value, const struct fastipc_link *link)
{
	uint64_t now;

	if (kind == FASTIPC_EXT_DEADLINE_AT) {
		/* 0 is long ago, and not "none". */
		frame->deadline = value ? value : 1;
		return link->same_clock ? 0 : -EPROTO;
	}
	now = fastipc_now_ns();
	frame->deadline = value < UINT64_MAX - now ? now + value
						   : FASTIPC_NO_DEADLINE;
	return 0;
}

/* Once each; what it says is checked by who takes it. */
static int parse_cargo(struct fastipc_frame *frame, uint64_t entry,
		       const uint64_t *words, uint32_t length)
{
	if (!(frame->flags & FASTIPC_FRAME_LADEN)) {
		frame->flags |= FASTIPC_FRAME_LADEN;
		frame->lends = false;
		frame->descriptors = 0;
	}
	if ((entry & 0xffff) == FASTIPC_EXT_DESCRIPTORS) {
		if (length || frame->descriptors)
			return -EPROTO;
		frame->descriptors = (uint32_t)(entry >> 32);
		return frame->descriptors ? 0 : -EPROTO;
	}
	if (length != 24 || frame->lends)
		return -EPROTO;
	frame->lends = true;
	frame->piece.id = le64toh(words[0]);
	frame->piece.offset = le64toh(words[1]);
	frame->piece.length = le64toh(words[2]);
	return 0;
}

/* Take the extensions off the payload; each word is loaded once. */
static int parse_extensions(struct fastipc_frame *frame,
			    const struct fastipc_link *link)
{
	uint64_t words[FASTIPC_EXT_MAX / 8];
	uint32_t size;

	if (frame->length < 8)
		return -EPROTO;
	words[0] = htole64(fastipc_frame_load(frame->payload, 0));
	memcpy(&size, words, 4);
	size = le32toh(size);
	if (size < 8 || size % 8 || size > FASTIPC_EXT_MAX ||
	    size > frame->length)
		return -EPROTO;
	for (unsigned int i = 1; i < size / 8; i++)
		words[i] = htole64(fastipc_frame_load(frame->payload, i));
	if (link->checksum == FASTIPC_CHECKSUM_FULL)
		frame->sum = fastipc_crc32c(frame->sum, words, size);
	for (unsigned int i = 1; i < size / 8;) {
		uint64_t entry = le64toh(words[i]);
		uint32_t length = (uint32_t)(entry >> 16) & 0xffff;
		unsigned int next = i + 1 + (length + 7) / 8;
		uint64_t how;

		if (next > size / 8)
			return -EPROTO;
		switch (entry & 0xffff) {
		case FASTIPC_EXT_TOTAL:
			frame->total = (uint32_t)(entry >> 32);
			break;
		case FASTIPC_EXT_COMPRESSION:
			how = length == 8 ? le64toh(words[i + 1]) : 0;
			frame->packed.original = (uint32_t)(entry >> 32);
			frame->packed.algorithm = (uint32_t)how;
			frame->packed.dictionary = (uint32_t)(how >> 32);
			break;
		case FASTIPC_EXT_DEADLINE:
		case FASTIPC_EXT_DEADLINE_AT:
			if (length != 8 ||
			    take_deadline(frame, entry & 0xffff,
					  le64toh(words[i + 1]), link))
				return -EPROTO;
			break;
		case FASTIPC_EXT_STREAM:
			frame->opens = true;
			frame->stream = (uint32_t)(entry >> 32);
			break;
		case FASTIPC_EXT_LOAN:
		case FASTIPC_EXT_DESCRIPTORS:
			if (parse_cargo(frame, entry, words + i + 1, length))
				return -EPROTO;
			break;
		default:
			break;
		}
		i = next;
	}
	frame->payload += size;
	frame->length -= size;
	return 0;
}

/* Only what was agreed on, and only messages of the application's. */
static int check_compressed(const struct fastipc_channel *channel,
			    const struct fastipc_frame *frame)
{
	uint32_t size = frame->flags & FASTIPC_FRAME_MORE ? frame->total
							  : frame->length;

	/* Compression has made it smaller, or it would not be compressed: so
	 * whoever bounds the original size bounds both. */
	if (!(channel->link.features & FASTIPC_HELLO_COMPRESSION) ||
	    frame->flags & FASTIPC_FRAME_ERROR ||
	    frame->type >= FASTIPC_TYPE_RESERVED ||
	    size >= frame->packed.original)
		return -EPROTO;
	return 0;
}

/* Header words 0 and 1 say it all but the length and the CRC (word 2). */
static int check_header(uint64_t w0, uint64_t w2, uint32_t size)
{
	uint32_t flags = (uint32_t)(w0 >> 40) & 0xff;

	if ((uint32_t)w0 != FASTIPC_FRAME_MAGIC)
		return -EPROTO;
	if ((w0 >> 32 & 0xff) != FASTIPC_FRAME_VERSION)
		return -EPROTONOSUPPORT;
	if (flags & ~FASTIPC_FRAME_KNOWN)
		return -EPROTO;
	if (flags & FASTIPC_FRAME_STREAM ? flags & FASTIPC_FRAME_ERROR
					 : flags & FASTIPC_FRAME_END)
		return -EPROTO;
	if (flags & FASTIPC_FRAME_END && flags & FASTIPC_FRAME_MORE)
		return -EPROTO;
	return (uint32_t)w2 == size - FASTIPC_FRAME_HEADER ? 0 : -EPROTO;
}

uint32_t fastipc_frame_header_sum(uint64_t w0, uint64_t w1, uint64_t w2)
{
	uint64_t words[3] = { htole64(w0), htole64(w1),
			      htole64(w2 & 0xffffffffu) };

	return fastipc_crc32c(~0u, words, sizeof(words));
}

int fastipc_frame_peek_slowly(const struct fastipc_channel *channel,
			      struct fastipc_frame *frame)
{
	const unsigned char *place;
	uint64_t w0, w1, w2;
	uint32_t size;
	int error = fastipc_consumer_peek(&channel->rx, &place, &size);

	if (error)
		return error;
	if (size < FASTIPC_FRAME_HEADER)
		return -EPROTO;
	w0 = fastipc_frame_load(place, 0);
	w1 = fastipc_frame_load(place, 1);
	w2 = fastipc_frame_load(place, 2);
	if (fastipc_frame_peek_timed(channel, frame, place, size, w0, w1, w2))
		return 0;
	error = check_header(w0, w2, size);
	if (__builtin_expect(error, 0))
		return error;
	fastipc_frame_set_header(frame, place, size, w0, w1, w2);
	frame->deadline = FASTIPC_NO_DEADLINE;
	if (channel->link.checksum != FASTIPC_CHECKSUM_OFF) {
		frame->sum = fastipc_frame_header_sum(w0, w1, w2);
		if (channel->link.checksum == FASTIPC_CHECKSUM_HEADER &&
		    ~frame->sum != frame->crc)
			return -EBADMSG;
	}
	if (__builtin_expect(frame->flags & FASTIPC_FRAME_EXT, 0))
		error = parse_extensions(frame, &channel->link);
	if (!error && frame->flags & FASTIPC_FRAME_COMPRESSED)
		error = check_compressed(channel, frame);
	return error;
}

static void add_extension(struct extensions *block, uint16_t kind,
			  uint32_t value)
{
	if (!block->size)
		block->size = 8;
	block->words[block->size / 8] = htole64(kind | (uint64_t)value << 32);
	block->size += 8;
}

uint32_t fastipc_frame_deadline(const struct fastipc_link *link,
				uint64_t deadline, uint64_t *value)
{
	uint64_t now;

	if (link->same_clock) {
		*value = deadline;
		return FASTIPC_EXT_DEADLINE_AT;
	}
	now = fastipc_now_ns();
	*value = deadline > now ? deadline - now : 0;
	return FASTIPC_EXT_DEADLINE;
}

static void add_deadline(struct extensions *block, uint64_t deadline,
			 const struct fastipc_link *link)
{
	uint64_t value;
	uint32_t kind;

	if (!deadline)
		return;
	kind = fastipc_frame_deadline(link, deadline, &value);
	add_extension(block, (uint16_t)kind, 0);
	block->words[block->size / 8 - 1] |= htole64(8ull << 16);
	block->words[block->size / 8] = htole64(value);
	block->size += 8;
	block->words[0] = htole64(block->size);
}

/* Those of the first frame of @message, which is one of several if @more. */
static void make_extensions(struct extensions *block,
			    const struct fastipc_outgoing *message, bool more,
			    const struct fastipc_link *link)
{
	block->size = 0;
	if (more)
		add_extension(block, FASTIPC_EXT_TOTAL, message->size);
	if (message->opens)
		add_extension(block, FASTIPC_EXT_STREAM, message->stream);
	block->words[0] = htole64(block->size);
	add_deadline(block, message->deadline, link);
}

/* Copy @length bytes into the ring; returns @sum with them, if they are summed. */
static uint32_t store(struct fastipc_channel *channel, uint32_t sum,
		      unsigned char *to, const unsigned char *from,
		      uint32_t length)
{
	const struct fastipc_store how =
		fastipc_store_choose(&channel->store, length);
	bool summed = channel->link.checksum == FASTIPC_CHECKSUM_FULL;
	uint64_t start = how.timed ? fastipc_now_ns() : 0;

	if (how.past_caches) {
		fastipc_frame_stream_in(to, from, length);
		/* Who sends them does not change them meanwhile. */
		if (summed)
			sum = fastipc_crc32c(sum, from, length);
	} else if (summed) {
		sum = fastipc_crc32c_copy_in(sum, to, from, length);
	} else {
		fastipc_frame_copy_in(to, from, length);
	}
	if (how.timed)
		fastipc_store_learn(&channel->store, how.past_caches, length,
				    fastipc_now_ns() - start);
	return sum;
}

/* Those that are next of a message whose fields are here and there. */
static uint32_t store_gathered(struct fastipc_channel *channel, uint32_t sum,
			       unsigned char *to,
			       const struct fastipc_outgoing *message,
			       uint32_t length)
{
	for (uint32_t done = 0, piece; done < length; done += piece) {
		const unsigned char *from;

		piece = length - done;
		from = fastipc_gather_find(message->gather,
					   message->offset + done, &piece);
		sum = store(channel, sum, to + done, from, piece);
	}
	return sum;
}

void fastipc_frame_write(struct fastipc_channel *channel, unsigned char *place,
			 const struct fastipc_outgoing *message, uint32_t flags,
			 const struct fastipc_extensions *block,
			 uint32_t length)
{
	uint32_t extra = block->size;
	uint64_t *words = (uint64_t *)place;
	uint64_t w0 = FASTIPC_FRAME_MAGIC |
		      (uint64_t)FASTIPC_FRAME_VERSION << 32 |
		      (uint64_t)flags << 40 | (uint64_t)message->type << 48;
	uint64_t w2 = length + extra;
	unsigned char *to = place + FASTIPC_FRAME_HEADER;
	uint32_t sum = 0;

	if (extra)
		memcpy(to, block->words, extra);
	words[0] = htole64(w0);
	words[1] = htole64(message->id);
	if (channel->link.checksum != FASTIPC_CHECKSUM_OFF)
		sum = fastipc_frame_header_sum(w0, message->id, w2);
	if (channel->link.checksum == FASTIPC_CHECKSUM_FULL && extra)
		sum = fastipc_crc32c(sum, block->words, extra);
	if (message->gather)
		sum = store_gathered(channel, sum, to + extra, message, length);
	else if (length)
		sum = store(channel, sum, to + extra,
			    message->data + message->offset, length);
	if (channel->link.checksum != FASTIPC_CHECKSUM_OFF)
		w2 |= (uint64_t)~sum << 32;
	words[2] = htole64(w2);
}

static void write_frame(struct fastipc_channel *channel, unsigned char *place,
			const struct fastipc_outgoing *message, uint32_t flags,
			struct extensions *block, uint32_t length)
{
	const struct fastipc_extensions written = { .words = block->words,
						    .size = block->size };

	fastipc_frame_write(channel, place, message, flags, &written, length);
}

/* How many bytes bulk may leave unread now. */
static uint64_t bulk_most(struct fastipc_channel *channel)
{
	const struct fastipc_producer *tx = &channel->tx;
	uint64_t others = tx->records - channel->bulk;

	if (others != channel->others) {
		channel->others = others;
		channel->shared = tx->tail;
	} else if (tx->tail - channel->shared > FASTIPC_BULK_ALONE) {
		channel->shared = 0;
	}
	if (!channel->shared)
		return tx->size - tx->size / 8;
	return tx->size / 2 < FASTIPC_BULK_MOST ? tx->size / 2
						: FASTIPC_BULK_MOST;
}

/* Whether bulk of @size bytes in a record leaves the rest of the ring free. */
static int reserve_bulk(struct fastipc_channel *channel, uint32_t size)
{
	struct fastipc_producer *tx = &channel->tx;
	uint64_t after =
		tx->tail + FASTIPC_RECORD_SPACE(size) - bulk_most(channel);
	int error;

	if ((int64_t)(tx->head - after) >= 0)
		return 0;
	error = fastipc_producer_refresh(tx);
	if (!error && (int64_t)(tx->head - after) < 0) {
		fastipc_channel_need_head(channel, after);
		error = -EAGAIN;
	}
	return error;
}

int fastipc_frame_reserve(struct fastipc_channel *channel, uint32_t size,
			  bool bulk, unsigned char **place)
{
	int error = bulk ? reserve_bulk(channel, size) : 0;

	if (error)
		return error;
	error = fastipc_producer_reserve(&channel->tx, size, place);
	if (error == -EAGAIN)
		fastipc_channel_need(channel, size);
	return error;
}

/*
 * The same for a compressed message, which begins with its extensions: as many
 * frames as whoever made it counted with, and the deadline beside them.
 */
static int push_made(struct fastipc_channel *channel,
		     struct fastipc_outgoing *message, uint32_t most, bool bulk)
{
	uint32_t room = fastipc_frame_payload_max(channel);
	uint32_t left = message->size - message->offset;
	uint32_t flags = message->flags;
	struct extensions block = { .size = 0 };
	unsigned char *place;
	uint32_t length, size, skip = 0;
	int error;

	if (message->offset) {
		flags &= ~(FASTIPC_FRAME_EXT | FASTIPC_FRAME_COMPRESSED);
		if (most < room)
			room = most;
	} else {
		room -= FASTIPC_DEADLINE_ENTRY;
		memcpy(&skip, message->data, sizeof(skip));
		skip = le32toh(skip);
		memcpy(block.words, message->data, skip);
		block.size = skip;
		add_deadline(&block, message->deadline, &channel->link);
	}
	length = left < room ? left : room;
	if (length < left)
		flags |= FASTIPC_FRAME_MORE;
	length -= skip;
	size = FASTIPC_FRAME_HEADER + block.size + length;
	error = fastipc_frame_reserve(channel, size, bulk, &place);
	if (error)
		return error;
	message->offset += skip;
	write_frame(channel, place, message, flags, &block, length);
	fastipc_producer_commit(&channel->tx, size);
	channel->bulk += bulk;
	message->offset += length;
	return message->offset < message->size ? -EINPROGRESS : 0;
}

int fastipc_frame_push_part(struct fastipc_channel *channel,
			    struct fastipc_outgoing *message, uint32_t most,
			    bool bulk)
{
	uint32_t room = fastipc_frame_payload_max(channel);
	uint32_t left = message->size - message->offset;
	uint32_t flags = message->flags;
	struct extensions block = { .size = 0 };
	unsigned char *place;
	uint32_t length, size;
	int error;

	if (flags & FASTIPC_FRAME_COMPRESSED)
		return push_made(channel, message, most, bulk);
	if (__builtin_expect(message->cargo != NULL, 0))
		return fastipc_cargo_push(channel, message, bulk);
	if (most < room)
		room = most;
	if (!message->offset) {
		make_extensions(&block, message, false, &channel->link);
		/* In several frames, it says so in the first. */
		if (block.size + left > fastipc_frame_payload_max(channel) ||
		    left > room)
			make_extensions(&block, message, true, &channel->link);
	}
	if (block.size)
		flags |= FASTIPC_FRAME_EXT;
	length = fastipc_frame_payload_max(channel) - block.size;
	if (length > room)
		length = room;
	if (length > left)
		length = left;
	if (length < left)
		flags |= FASTIPC_FRAME_MORE;
	size = FASTIPC_FRAME_HEADER + block.size + length;
	error = fastipc_frame_reserve(channel, size, bulk, &place);
	if (error)
		return error;
	write_frame(channel, place, message, flags, &block, length);
	fastipc_producer_commit(&channel->tx, size);
	channel->bulk += bulk;
	message->offset += length;
	return length < left ? -EINPROGRESS : 0;
}

int fastipc_frame_push_slowly(struct fastipc_channel *channel,
			      struct fastipc_outgoing *message, bool more)
{
	bool large = message->size > fastipc_frame_payload_max(channel);
	int error;

	do {
		error = fastipc_frame_push_part(channel, message, UINT32_MAX,
						large);
		if (large || !more)
			fastipc_producer_publish(&channel->tx);
		if (error == -EINPROGRESS)
			fastipc_channel_hint(channel, FASTIPC_WANT_DATA);
	} while (error == -EINPROGRESS);
	/* Who waits for room now waits for who reads. */
	if (error == -EAGAIN && large)
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	return error;
}

/* ---- messages that are made in place ---- */

/*
 * The bytes are this end's own: the peer cannot write them, and what is summed
 * is what was encoded.
 */
int fastipc_frame_push_value(struct fastipc_channel *channel,
			     struct fastipc_outgoing *message,
			     fastipc_encode_fn encode, const void *value,
			     bool more)
{
	struct fastipc_producer *tx = &channel->tx;
	unsigned char *place = fastipc_producer_place(tx);
	uint64_t *words = (uint64_t *)place;
	struct extensions block = { .size = 0 };
	uint64_t w0 =
		FASTIPC_FRAME_MAGIC | (uint64_t)FASTIPC_FRAME_VERSION << 32 |
		(uint64_t)message->flags << 40 | (uint64_t)message->type << 48;
	uint64_t w2;
	uint32_t room;
	size_t size;
	int error = fastipc_producer_room(
		tx, FASTIPC_FRAME_HEADER + fastipc_frame_payload_max(channel),
		&room);

	if (error)
		return error;
	if (__builtin_expect(message->deadline != FASTIPC_NO_DEADLINE, 0)) {
		make_extensions(&block, message, false, &channel->link);
		w0 |= (uint64_t)FASTIPC_FRAME_EXT << 40;
	}
	if (room < FASTIPC_FRAME_HEADER + block.size)
		return -EAGAIN;
	room -= FASTIPC_FRAME_HEADER + block.size;
	if (room > channel->link.plain_max)
		room = channel->link.plain_max;
	error = encode(value, place + FASTIPC_FRAME_HEADER + block.size, room,
		       &size);
	if (error)
		return error == -EMSGSIZE ? -EAGAIN : error;
	if (size > room)
		return fastipc_fail(-EINVAL,
				    "the encoder wrote %zu bytes where %u are",
				    size, room);
	message->size = (uint32_t)size;
	if (block.size)
		memcpy(place + FASTIPC_FRAME_HEADER, block.words, block.size);
	size += block.size;
	w2 = size;
	if (channel->link.checksum != FASTIPC_CHECKSUM_OFF) {
		uint32_t sum = fastipc_frame_header_sum(w0, message->id, w2);

		if (channel->link.checksum == FASTIPC_CHECKSUM_FULL)
			sum = fastipc_crc32c(sum, place + FASTIPC_FRAME_HEADER,
					     size);
		w2 |= (uint64_t)~sum << 32;
	}
	words[0] = htole64(w0);
	words[1] = htole64(message->id);
	words[2] = htole64(w2);
	size += FASTIPC_FRAME_HEADER;
	fastipc_producer_zero(tx, tx->tail + FASTIPC_RECORD_SPACE(size));
	fastipc_producer_commit(tx, (uint32_t)size);
	if (!more)
		fastipc_producer_publish(tx);
	return 0;
}

int fastipc_assembly_expect(struct fastipc_assembly *assembly,
			    const struct fastipc_frame *frame)
{
	bool more = frame->flags & FASTIPC_FRAME_MORE;

	if (!assembly->open) {
		if (!more || !frame->total || frame->length >= frame->total)
			return -EPROTO;
		assembly->open = true;
		assembly->discard = false;
		assembly->id = frame->id;
		assembly->type = frame->type;
		assembly->total = frame->total;
		assembly->packed.original = 0;
		if (frame->flags & FASTIPC_FRAME_COMPRESSED)
			assembly->packed = frame->packed;
		assembly->deadline = frame->deadline;
		assembly->size = 0;
		return 0;
	}
	if (frame->id != assembly->id || frame->type != assembly->type ||
	    frame->flags & FASTIPC_FRAME_COMPRESSED || frame->total ||
	    !frame->length || frame->length > assembly->total - assembly->size)
		return -EPROTO;
	/* The last fragment, and only it, completes the message. */
	return more == (frame->length < assembly->total - assembly->size)
		       ? 0
		       : -EPROTO;
}

int fastipc_assembly_grow(struct fastipc_assembly *assembly, uint32_t size)
{
	unsigned char *data;

	if (size <= assembly->capacity)
		return 0;
	/* Nothing to keep: a new message begins. */
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	free(assembly->data);
	assembly->data = data;
	assembly->capacity = size;
	return 0;
}

void fastipc_assembly_free(struct fastipc_assembly *assembly)
{
	free(assembly->data);
	*assembly = (struct fastipc_assembly){ 0 };
}
