// SPDX-License-Identifier: MIT
/*
 * Frames to and from a channel's rings.
 */
#include "frame/frame.h"

#include <stdlib.h>

#include "base/error.h"
#include "transport/hello.h"

struct ext_total {
	uint32_t block; /* 16 */
	uint32_t zero;
	uint16_t kind;
	uint16_t length; /* 0 */
	uint32_t total;
};

_Static_assert(sizeof(struct ext_total) == 16, "extension block");

/* Take the extensions off the payload; each word is loaded once. */
static int parse_extensions(struct fastipc_frame *frame,
			    enum fastipc_checksum checksum)
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
	if (checksum == FASTIPC_CHECKSUM_FULL)
		frame->sum = fastipc_crc32c(frame->sum, words, size);
	for (unsigned int i = 1; i < size / 8;) {
		uint64_t entry = le64toh(words[i]);
		uint32_t length = (uint32_t)(entry >> 16) & 0xffff;

		unsigned int next = i + 1 + (length + 7) / 8;

		if (next > size / 8)
			return -EPROTO;
		if ((entry & 0xffff) == FASTIPC_EXT_TOTAL)
			frame->total = (uint32_t)(entry >> 32);
		if ((entry & 0xffff) == FASTIPC_EXT_COMPRESSION) {
			uint64_t how = length == 8 ? le64toh(words[i + 1]) : 0;

			frame->packed.original = (uint32_t)(entry >> 32);
			frame->packed.algorithm = (uint32_t)how;
			frame->packed.dictionary = (uint32_t)(how >> 32);
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
	if ((uint32_t)w0 != FASTIPC_FRAME_MAGIC)
		return -EPROTO;
	if ((w0 >> 32 & 0xff) != FASTIPC_FRAME_VERSION)
		return -EPROTONOSUPPORT;
	if ((w0 >> 40 & 0xff) & ~(uint64_t)FASTIPC_FRAME_KNOWN)
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
	error = check_header(w0, w2, size);
	if (__builtin_expect(error, 0))
		return error;
	frame->record = size;
	frame->flags = (uint8_t)(w0 >> 40);
	frame->type = (uint16_t)(w0 >> 48);
	frame->id = w1;
	frame->length = (uint32_t)w2;
	frame->crc = (uint32_t)(w2 >> 32);
	frame->total = 0;
	frame->payload = place + FASTIPC_FRAME_HEADER;
	if (channel->link.checksum != FASTIPC_CHECKSUM_OFF) {
		frame->sum = fastipc_frame_header_sum(w0, w1, w2);
		if (channel->link.checksum == FASTIPC_CHECKSUM_HEADER &&
		    ~frame->sum != frame->crc)
			return -EBADMSG;
	}
	frame->packed = (struct fastipc_packed){ 0 };
	if (__builtin_expect(frame->flags & FASTIPC_FRAME_EXT, 0))
		error = parse_extensions(frame, channel->link.checksum);
	if (!error && frame->flags & FASTIPC_FRAME_COMPRESSED)
		error = check_compressed(channel, frame);
	return error;
}

/* Header and payload of one frame into the reserved @place. */
static void write_frame(const struct fastipc_channel *channel,
			unsigned char *place,
			const struct fastipc_outgoing *message, uint32_t flags,
			const struct ext_total *ext, uint32_t length)
{
	uint32_t extra = ext ? sizeof(*ext) : 0;
	uint64_t *words = (uint64_t *)place;
	uint64_t w0 = FASTIPC_FRAME_MAGIC |
		      (uint64_t)FASTIPC_FRAME_VERSION << 32 |
		      (uint64_t)flags << 40 | (uint64_t)message->type << 48;
	uint64_t w2 = length + extra;
	const unsigned char *from = message->data + message->offset;
	unsigned char *to = place + FASTIPC_FRAME_HEADER;
	uint32_t sum = 0;

	if (ext)
		memcpy(to, ext, sizeof(*ext));
	words[0] = htole64(w0);
	words[1] = htole64(message->id);
	if (channel->link.checksum != FASTIPC_CHECKSUM_OFF)
		sum = fastipc_frame_header_sum(w0, message->id, w2);
	if (channel->link.checksum == FASTIPC_CHECKSUM_FULL) {
		if (ext)
			sum = fastipc_crc32c(sum, ext, sizeof(*ext));
		sum = fastipc_crc32c_copy(sum, to + extra, from, length);
	} else if (length) {
		memcpy(to + extra, from, length);
	}
	if (channel->link.checksum != FASTIPC_CHECKSUM_OFF)
		w2 |= (uint64_t)~sum << 32;
	words[2] = htole64(w2);
}

static int reserve(struct fastipc_channel *channel, uint32_t size,
		   unsigned char **place)
{
	int error = fastipc_producer_reserve(&channel->tx, size, place);

	if (error == -EAGAIN)
		fastipc_channel_need(channel, size);
	return error;
}

static int push_fragments(struct fastipc_channel *channel,
			  struct fastipc_outgoing *message)
{
	while (message->offset < message->size) {
		uint32_t most = fastipc_frame_payload_max(channel);
		uint32_t left = message->size - message->offset;
		uint32_t flags = message->flags;
		bool made = flags & FASTIPC_FRAME_EXT;
		struct ext_total ext;
		unsigned char *place;
		uint32_t length, extra = 0;
		int error;

		if (made && message->offset)
			flags &=
				~(FASTIPC_FRAME_EXT | FASTIPC_FRAME_COMPRESSED);
		if (!made && !message->offset) {
			ext = (struct ext_total){
				.block = htole32(sizeof(ext)),
				.kind = htole16(FASTIPC_EXT_TOTAL),
				.total = htole32(message->size),
			};
			extra = sizeof(ext);
			flags |= FASTIPC_FRAME_EXT;
		}
		length = left < most - extra ? left : most - extra;
		if (length < left)
			flags |= FASTIPC_FRAME_MORE;
		error = reserve(channel, FASTIPC_FRAME_HEADER + extra + length,
				&place);
		if (error)
			return error;
		write_frame(channel, place, message, flags, extra ? &ext : NULL,
			    length);
		fastipc_producer_commit(&channel->tx,
					FASTIPC_FRAME_HEADER + extra + length);
		fastipc_producer_publish(&channel->tx);
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
		message->offset += length;
	}
	return 0;
}

int fastipc_frame_push_slowly(struct fastipc_channel *channel,
			      struct fastipc_outgoing *message, bool more)
{
	unsigned char *place;
	int error;

	if (message->size > fastipc_frame_payload_max(channel))
		return push_fragments(channel, message);
	error = reserve(channel, FASTIPC_FRAME_HEADER + message->size, &place);
	/* Room has come just now, or it has not. */
	return error ? error : fastipc_frame_push(channel, message, more);
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
	if (room < FASTIPC_FRAME_HEADER)
		return -EAGAIN;
	room -= FASTIPC_FRAME_HEADER;
	if (room > channel->link.plain_max)
		room = channel->link.plain_max;
	error = encode(value, place + FASTIPC_FRAME_HEADER, room, &size);
	if (error)
		return error == -EMSGSIZE ? -EAGAIN : error;
	if (size > room)
		return fastipc_fail(-EINVAL,
				    "the encoder wrote %zu bytes where %u are",
				    size, room);
	message->size = (uint32_t)size;
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

int fastipc_frame_make_value(fastipc_encode_fn encode, const void *value,
			     void **data, size_t *size)
{
	size_t capacity = 0;
	int error = encode(value, NULL, 0, size);

	*data = NULL;
	/* Once more only if somebody changes the value meanwhile. */
	while (error == -EMSGSIZE && *size > capacity) {
		free(*data);
		capacity = *size;
		if (capacity > FASTIPC_MESSAGE_MAX)
			return fastipc_fail(
				-EMSGSIZE,
				"no message may be longer than %u bytes",
				FASTIPC_MESSAGE_MAX);
		*data = malloc(capacity);
		if (!*data)
			return fastipc_fail(-ENOMEM, "no memory for %zu bytes",
					    *size);
		error = encode(value, *data, capacity, size);
	}
	if (error) {
		free(*data);
		*data = NULL;
	}
	return error;
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
