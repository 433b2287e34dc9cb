/* SPDX-License-Identifier: MIT */
/*
 * The frame layer: a 24-byte header and a checksum around each record, and
 * messages of any size as a run of fragments.
 *
 * Header, little-endian:
 *
 *	 0 u32 magic 0x43504946 ("FIPC")
 *	 4 u8  version (1)
 *	 5 u8  flags (FASTIPC_FRAME_*)
 *	 6 u16 message type; 0xFF00 and up are control frames
 *	 8 u64 message id; 0: one-way
 *	16 u32 bytes that follow the header
 *	20 u32 CRC-32C: of the header with this field 0, then of what follows
 *
 * With FASTIPC_FRAME_EXT a block of extensions comes first: u32 size of the
 * block (with these 8 bytes, a multiple of 8, at most 256), u32 0; then
 * entries of u16 kind, u16 length, u32 value, and `length` bytes, padded to 8.
 * Readers skip kinds that they do not know.  Kind 1 (TOTAL) is in the first
 * fragment of each fragmented message: value is the whole message's size.
 *
 * Fragments of one message are not interleaved with other messages of the
 * same direction; control frames may come between them.
 *
 * Thread-safety: as the channel's.  Nothing here waits.
 */
#ifndef FASTIPC_FRAME_H
#define FASTIPC_FRAME_H

#include "channel/channel.h"
#include "frame/crc32c.h"

#define FASTIPC_FRAME_MAGIC 0x43504946u
#define FASTIPC_FRAME_VERSION 1u
#define FASTIPC_FRAME_HEADER 24u

#define FASTIPC_FRAME_MORE 0x01u  /* not the last fragment */
#define FASTIPC_FRAME_ERROR 0x08u /* payload: i32 errno (negative), text */
#define FASTIPC_FRAME_EXT 0x20u	  /* a block of extensions comes first */
#define FASTIPC_FRAME_KNOWN \
	(FASTIPC_FRAME_MORE | FASTIPC_FRAME_ERROR | FASTIPC_FRAME_EXT)

#define FASTIPC_TYPE_PING 0xFF00u /* answered with PONG, same id, same bytes */
#define FASTIPC_TYPE_PONG 0xFF01u
#define FASTIPC_TYPE_CANCEL 0xFF02u /* the call of this id was given up */

#define FASTIPC_EXT_MAX 256u
#define FASTIPC_EXT_TOTAL 1u

/* A frame that was received: header in private memory, payload in place. */
struct fastipc_frame {
	const unsigned char *payload;
	uint64_t id;
	uint32_t length; /* of the payload, extensions taken off */
	uint32_t total;	 /* EXT_TOTAL, 0 if absent */
	uint32_t record; /* bytes of the record */
	uint32_t crc;	 /* as sent */
	uint32_t sum;	 /* running, over header and extensions */
	uint16_t type;
	uint8_t flags;
};

/*
 * Look at the next frame: 0; -EAGAIN no record; -EPROTO or -EPROTONOSUPPORT
 * no frame of ours; -EBADMSG the header's checksum does not match.
 */
int fastipc_frame_peek(const struct fastipc_channel *channel,
		       struct fastipc_frame *frame);

/*
 * Copy the payload to @to (frame->length bytes) and check it: 0 or -EBADMSG.
 * Each byte is loaded once, so what was checked is what is in @to.
 */
int fastipc_frame_take(const struct fastipc_channel *channel,
		       const struct fastipc_frame *frame, void *to);

/* The frame is done with: its space goes back to the peer. */
static inline void fastipc_frame_release(struct fastipc_channel *channel,
					 const struct fastipc_frame *frame)
{
	fastipc_consumer_next(&channel->rx, frame->record);
	fastipc_consumer_release(&channel->rx);
}

/* A message on its way out; `offset` bytes of it are in the ring already. */
struct fastipc_outgoing {
	const unsigned char *data;
	uint64_t id;
	uint32_t size;
	uint32_t offset;
	uint16_t type;
	uint8_t flags;
};

/*
 * Put as much of the message into the ring as fits now: 0 all of it; -EAGAIN
 * wait for channel->need bytes of space and call again; -EPROTO.  All but a
 * message that fits one frame is published as it goes; that one only if not
 * @more, so that a batch becomes visible at once.  The caller notifies.
 */
int fastipc_frame_push(struct fastipc_channel *channel,
		       struct fastipc_outgoing *message, bool more);

/* A message being put together from fragments, in a buffer that is reused. */
struct fastipc_assembly {
	unsigned char *data;
	uint64_t id;
	uint32_t capacity;
	uint32_t size;	/* received */
	uint32_t total; /* announced */
	uint16_t type;
	bool open;
	bool discard; /* over the limit or not wanted: count, do not keep */
};

/*
 * Check that @frame is the fragment that comes next: 0, or -EPROTO.  Opens
 * the assembly for a first one (the caller then looks at total and sees to
 * data or discard).
 */
int fastipc_assembly_expect(struct fastipc_assembly *assembly,
			    const struct fastipc_frame *frame);
/* Room for @size bytes; -ENOMEM. */
int fastipc_assembly_grow(struct fastipc_assembly *assembly, uint32_t size);
void fastipc_assembly_free(struct fastipc_assembly *assembly);

#endif
