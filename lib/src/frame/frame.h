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
 * Kind 2 (COMPRESSION) is in the first frame of each compressed message: value
 * is its size before, then come u32 algorithm and u32 CRC of the dictionary.
 * Kind 3 (DEADLINE): u64 nanoseconds that are left when the frame is sent.
 * Kind 4 (STREAM) opens a stream: bits 0-7 of value are its weight, bit 8 says
 * that it is urgent.
 * Kinds 5 (LOAN) and 6 (DESCRIPTORS): see frame/cargo.h.
 * Kind 7 (DEADLINE_AT): u64 CLOCK_MONOTONIC at which it ends, where both ends
 * have that clock.
 *
 * Frames with FASTIPC_FRAME_STREAM belong to the stream of their id, which has
 * its highest bit set.  Of each stream, and of calls, one message at most is in
 * fragments at a time; frames of others, and whole messages, come between them.
 *
 * Thread-safety: as the channel's.  Nothing here waits.
 */
#ifndef FASTIPC_FRAME_H
#define FASTIPC_FRAME_H

#include <endian.h>
#include <string.h>

#include "base/inline.h"
#include "channel/channel.h"
#include "frame/crc32c.h"
#include "frame/store.h"

#define FASTIPC_FRAME_MAGIC 0x43504946u
#define FASTIPC_FRAME_VERSION 1u
#define FASTIPC_FRAME_HEADER 24u

#define FASTIPC_FRAME_MORE 0x01u   /* not the last fragment */
#define FASTIPC_FRAME_STREAM 0x02u /* of the stream of this id */
#define FASTIPC_FRAME_END 0x04u	  /* with STREAM: its sender's direction ends */
#define FASTIPC_FRAME_ERROR 0x08u /* payload: i32 errno (negative), text */
#define FASTIPC_FRAME_COMPRESSED 0x10u /* the message is; in its first frame */
#define FASTIPC_FRAME_EXT 0x20u	       /* a block of extensions comes first */
/* Never on the wire: there are extensions LOAN or DESCRIPTORS. */
#define FASTIPC_FRAME_LADEN 0x40u
#define FASTIPC_FRAME_KNOWN \
	(FASTIPC_FRAME_MORE | FASTIPC_FRAME_STREAM | FASTIPC_FRAME_END | \
	 FASTIPC_FRAME_ERROR | FASTIPC_FRAME_COMPRESSED | FASTIPC_FRAME_EXT)

/* FASTIPC_TYPE_PING is answered with it, and the same id and bytes. */
#define FASTIPC_TYPE_PONG 0xFF01u
#define FASTIPC_TYPE_CANCEL 0xFF02u /* the call of this id was given up */
#define FASTIPC_TYPE_CREDIT 0xFF03u /* what may be sent on the stream: u64 */
#define FASTIPC_TYPE_GOAWAY 0xFF04u /* the server drains: call another */
#define FASTIPC_TYPE_RETURN 0xFF05u /* the loan of this id is given back */

#define FASTIPC_EXT_MAX 256u
#define FASTIPC_EXT_TOTAL 1u
#define FASTIPC_EXT_COMPRESSION 2u

struct fastipc_cargo;  /* of frame/cargo.h */
struct fastipc_gather; /* of frame/gather.h */

/* Of a compressed message, as announced. */
struct fastipc_packed {
	uint32_t original; /* bytes; 0: it is not compressed */
	uint32_t algorithm;
	uint32_t dictionary; /* its CRC-32C */
};
#define FASTIPC_EXT_DEADLINE 3u
#define FASTIPC_DEADLINE_BLOCK 24u /* bytes of a block with it alone, ... */
#define FASTIPC_DEADLINE_ENTRY 16u /* ... and in a block with others */
#define FASTIPC_EXT_STREAM 4u
#define FASTIPC_EXT_LOAN 5u
#define FASTIPC_EXT_DESCRIPTORS 6u
/* A deadline by the clock of both: where link.same_clock says so. */
#define FASTIPC_EXT_DEADLINE_AT 7u

/* A piece of the sender's bulk area, that it lends. */
struct fastipc_piece {
	uint64_t id; /* the sender's name for it */
	uint64_t offset;
	uint64_t length;
};

#define FASTIPC_STREAM_OPENS 0x8000000000000000ull /* bit of a stream's id */
#define FASTIPC_STREAM_URGENT 0x100u		   /* bits of EXT_STREAM */
#define FASTIPC_STREAM_WEIGHT 0xFFu

/* A frame that was received: header in private memory, payload in place. */
struct fastipc_frame {
	const unsigned char *payload;
	uint64_t id;
	uint32_t length; /* of the payload, extensions taken off */
	uint32_t total;	 /* EXT_TOTAL, 0 if absent */
	uint32_t record; /* bytes of the record */
	uint32_t crc;	 /* as sent */
	uint32_t sum;	 /* with flags: over header and extensions */
	uint16_t type;
	uint8_t flags;
	struct fastipc_packed packed; /* with FASTIPC_FRAME_COMPRESSED */
	/* With FASTIPC_FRAME_EXT alone: */
	bool opens;	   /* EXT_STREAM is there, ... */
	uint32_t stream;   /* ... and its value */
	uint64_t deadline; /* by this clock, or FASTIPC_NO_DEADLINE */
	/* With FASTIPC_FRAME_LADEN alone, and as the peer says: */
	bool lends;
	struct fastipc_piece piece;
	uint32_t descriptors;
};

/* A word of the peer's memory, loaded once. */
FASTIPC_INLINE uint64_t fastipc_frame_load(const unsigned char *place,
					   unsigned int word)
{
	return le64toh(__atomic_load_n((const uint64_t *)place + word,
				       __ATOMIC_RELAXED));
}

/* Words 0 to 2 of a header, the checksum's place taken as 0. */
uint32_t fastipc_frame_header_sum(uint64_t w0, uint64_t w1, uint64_t w2);

/* What the header of a record of @size bytes at @place says, in words 0 to 2. */
static inline void fastipc_frame_set_header(struct fastipc_frame *frame,
					    const unsigned char *place,
					    uint32_t size, uint64_t w0,
					    uint64_t w1, uint64_t w2)
{
	frame->record = size;
	frame->flags = (uint8_t)(w0 >> 40);
	frame->type = (uint16_t)(w0 >> 48);
	frame->id = w1;
	frame->length = (uint32_t)w2;
	frame->crc = (uint32_t)(w2 >> 32);
	frame->total = 0;
	frame->opens = false;
	frame->packed = (struct fastipc_packed){ 0 };
	frame->payload = place + FASTIPC_FRAME_HEADER;
}

/* Whether it is one with a deadline and no other extension, as most that have
 * extensions are: @frame is set then. */
bool fastipc_frame_peek_timed(const struct fastipc_channel *channel,
			      struct fastipc_frame *frame,
			      const unsigned char *place, uint32_t size,
			      uint64_t w0, uint64_t w1, uint64_t w2);
/* All headers but the plainest: flags, header checksums, and errors. */
int fastipc_frame_peek_slowly(const struct fastipc_channel *channel,
			      struct fastipc_frame *frame);

/* fastipc_frame_peek() of the plainest; 1: it may be another. */
FASTIPC_INLINE int
fastipc_frame_peek_plain(const struct fastipc_channel *channel,
			 struct fastipc_frame *frame)
{
	const unsigned char *place;
	uint64_t w0, w1, w2;
	uint32_t size;
	int error = fastipc_consumer_peek(&channel->rx, &place, &size);

	if (error)
		return error;
	/* The smallest ring has room behind any record for a header. */
	w0 = fastipc_frame_load(place, 0);
	w1 = fastipc_frame_load(place, 1);
	w2 = fastipc_frame_load(place, 2);
	if (__builtin_expect(
		    (w0 & 0xffffffffffffu) !=
				    (FASTIPC_FRAME_MAGIC |
				     (uint64_t)FASTIPC_FRAME_VERSION << 32) ||
			    size < FASTIPC_FRAME_HEADER ||
			    (uint32_t)w2 != size - FASTIPC_FRAME_HEADER ||
			    channel->link.checksum == FASTIPC_CHECKSUM_HEADER,
		    0))
		return 1;
	frame->record = size;
	frame->flags = 0;
	frame->type = (uint16_t)(w0 >> 48);
	frame->id = w1;
	frame->length = (uint32_t)w2;
	frame->crc = (uint32_t)(w2 >> 32);
	frame->total = 0;
	frame->payload = place + FASTIPC_FRAME_HEADER;
	/* Its sum is made with the payload's, by take. */
	return 0;
}

/*
 * Look at the next frame: 0; -EAGAIN no record; -EPROTO or -EPROTONOSUPPORT
 * no frame of ours; -EBADMSG the header's checksum does not match.
 */
FASTIPC_INLINE int fastipc_frame_peek(const struct fastipc_channel *channel,
				      struct fastipc_frame *frame)
{
	int error = fastipc_frame_peek_plain(channel, frame);

	return error > 0 ? fastipc_frame_peek_slowly(channel, frame) : error;
}

/* Longer copies out of a ring, and into one. */
void fastipc_frame_copy_out(void *to, const void *from, size_t size);
void fastipc_frame_copy_in(void *to, const void *from, size_t size);
/* The same past the caches (frame/store.h); whatever is stored next is visible
 * later. */
void fastipc_frame_stream_in(void *to, const void *from, size_t size);

FASTIPC_INLINE void fastipc_frame_copy_word(void *to, const void *from,
					    size_t at)
{
	uint64_t word;

	memcpy(&word, (const char *)from + at, 8);
	/* Keeps the compiler from making vectors of it. */
	__asm__ volatile("" : "+r"(word));
	memcpy((char *)to + at, &word, 8);
}

/*
 * memcpy() into a ring, without the call for what most messages are: two cache
 * lines at most.  In words of 8 bytes, not in vectors: a vector load from where
 * the application has just stored a field or two cannot be forwarded from these
 * stores, and waits for all earlier ones, also those to lines that have to come
 * from the other CPU.  The last word is copied whole, over bytes that are there
 * already.
 */
FASTIPC_INLINE void fastipc_frame_put(void *to, const void *from, size_t size)
{
	size_t i = 0, last = size - 8;

	if (__builtin_expect(last > 120, 0)) { /* also if size < 8 */
		fastipc_frame_copy_in(to, from, size);
		return;
	}
	for (; i + 24 <= last; i += 32) {
		fastipc_frame_copy_word(to, from, i);
		fastipc_frame_copy_word(to, from, i + 8);
		fastipc_frame_copy_word(to, from, i + 16);
		fastipc_frame_copy_word(to, from, i + 24);
	}
	for (; i < last; i += 8)
		fastipc_frame_copy_word(to, from, i);
	fastipc_frame_copy_word(to, from, last);
}

/* The same out of a ring, whose bytes were stored by another CPU. */
FASTIPC_INLINE void fastipc_frame_get(void *to, const void *from, size_t size)
{
	size_t last = size - 16;

	if (__builtin_expect(last > 112, 0)) { /* also if size < 16 */
		fastipc_frame_copy_out(to, from, size);
		return;
	}
	for (size_t i = 0; i < last; i += 16)
		memcpy((char *)to + i, (const char *)from + i, 16);
	memcpy((char *)to + last, (const char *)from + last, 16);
}

/*
 * Copy the payload to @to (frame->length bytes) and check it: 0 or -EBADMSG.
 * What was checked is what is in @to, whatever the peer writes meanwhile.
 */
FASTIPC_INLINE int fastipc_frame_take(const struct fastipc_channel *channel,
				      const struct fastipc_frame *frame,
				      void *to)
{
	uint32_t sum;

	if (channel->link.checksum != FASTIPC_CHECKSUM_FULL) {
		fastipc_frame_get(to, frame->payload, frame->length);
		return 0;
	}
	if (__builtin_expect(!frame->flags, 1))
		sum = fastipc_crc32c_frame(
			FASTIPC_FRAME_MAGIC |
				(uint64_t)FASTIPC_FRAME_VERSION << 32 |
				(uint64_t)frame->type << 48,
			frame->id, frame->length, to, frame->payload,
			frame->length);
	else
		sum = fastipc_crc32c_copy(frame->sum, to, frame->payload,
					  frame->length);
	return ~sum == frame->crc ? 0 : -EBADMSG;
}

/*
 * The frame is done with: its space goes back to the peer, at the latest by the
 * fastipc_consumer_release() of whoever takes frames until there are no more.
 */
static inline void fastipc_frame_release(struct fastipc_channel *channel,
					 const struct fastipc_frame *frame)
{
	fastipc_consumer_next(&channel->rx, frame->record);
	fastipc_consumer_release_step(&channel->rx);
}

/*
 * A message on its way out; `offset` bytes of it are in the ring already.  With
 * FASTIPC_FRAME_EXT in flags its data begin with the block of extensions.  One
 * with a deadline, with cargo, or that opens a stream, is for
 * fastipc_frame_push_slowly().
 */
struct fastipc_outgoing {
	const unsigned char *data;
	uint64_t id;
	uint32_t size;
	uint32_t offset;
	uint16_t type;
	uint8_t flags;
	bool opens; /* a stream: `stream` is the value of EXT_STREAM */
	uint32_t stream;
	uint64_t deadline;
	/* Whoever has the message has its cargo; fastipc_frame_push() alone
	 * does not look at it. */
	struct fastipc_cargo *cargo;
	/* NULL, or where fields are that are not at data: of a message that is
	 * longer than a fragment alone. */
	const struct fastipc_gather *gather;
};

/* What is left of it, to @to. */
void fastipc_outgoing_copy(void *to, const struct fastipc_outgoing *message);
/* See to it that all of it is at data. */
void fastipc_outgoing_fill(struct fastipc_outgoing *message);

/* A block of extensions: its size in bytes, and its words. */
struct fastipc_extensions {
	uint64_t *words;
	uint32_t size; /* 0: none */
};

/* fastipc_frame_push_slowly() of a message with a deadline: quickly, if it is
 * nothing but that and a few bytes. */
int fastipc_frame_push_timed(struct fastipc_channel *channel,
			     struct fastipc_outgoing *message, bool more);
/* Room for a record, as @bulk (see below) only where there is some for that;
 * -EAGAIN: from here on FASTIPC_WANT_SPACE means that. */
int fastipc_frame_reserve(struct fastipc_channel *channel, uint32_t size,
			  bool bulk, unsigned char **place);
/* Header, extensions and payload of one frame into the reserved @place. */
void fastipc_frame_write(struct fastipc_channel *channel, unsigned char *place,
			 const struct fastipc_outgoing *message, uint32_t flags,
			 const struct fastipc_extensions *block,
			 uint32_t length);

/*
 * Payload bytes of one fragment, at most.  Small enough that the receiver
 * copies one out while the sender copies the next one in; large enough that a
 * header and a look at the peer's sleep word are lost in it.
 */
#define FASTIPC_FRAGMENT_PAYLOAD (16384u - 32u)

static inline uint32_t
fastipc_frame_payload_max(const struct fastipc_channel *channel)
{
	uint32_t most = channel->tx.record_max - FASTIPC_FRAME_HEADER;

	return most < FASTIPC_FRAGMENT_PAYLOAD ? most
					       : FASTIPC_FRAGMENT_PAYLOAD;
}

/*
 * Unread bytes that large messages and streams may leave in the ring while
 * small messages go beside them: what a small one finds before it there, at
 * most.  While none has gone for so many bytes, the ring is theirs but for an
 * eighth: with less, whoever sleeps is woken for each few fragments.
 */
#define FASTIPC_BULK_MOST (64u << 10)
#define FASTIPC_BULK_ALONE (64u << 20)

/*
 * The next frame of the message, with @most bytes of it at most; as @bulk only
 * into the part of the ring that there is for it.  0: the message is sent;
 * -EINPROGRESS: more of it is left; -EAGAIN no room; -EPROTO.  Publishes and
 * notifies nobody.
 */
int fastipc_frame_push_part(struct fastipc_channel *channel,
			    struct fastipc_outgoing *message, uint32_t most,
			    bool bulk);

/*
 * How @deadline, not 0, goes to the peer: the extension's kind, and its *@value.
 * By the clock of both, or else what is left of it.
 */
uint32_t fastipc_frame_deadline(const struct fastipc_link *link,
				uint64_t deadline, uint64_t *value);

/* Longer messages than one frame takes, extensions, and full rings. */
int fastipc_frame_push_slowly(struct fastipc_channel *channel,
			      struct fastipc_outgoing *message, bool more);

/* Of a lap of the ring, where all long messages are stored as it is best now. */
#define FASTIPC_STORE_ASKED (4 * FASTIPC_STORE_LONG)

/* Whether @size bytes are so many that it is to be asked how to store them; or
 * do not fit one record. */
static inline bool fastipc_frame_is_long(const struct fastipc_channel *channel,
					 uint64_t size)
{
	const struct fastipc_producer *tx = &channel->tx;
	uint32_t most = tx->record_max - FASTIPC_FRAME_HEADER;

	if (__builtin_expect(size <= FASTIPC_STORE_LONG, 1))
		return size > most;
	return size > 2 * FASTIPC_STORE_LONG || size > most ||
	       channel->store.past_caches ||
	       (tx->tail & tx->mask) < FASTIPC_STORE_ASKED;
}

/* From here on it pays to ask for the ring's lines ahead (2 to 8 KiB: 0.83 to 0.9
 * of the time). */
#define FASTIPC_COPY_IN_LONG 1024u

/* Copy @size bytes into the ring; returns the sum of the header and them. */
FASTIPC_INLINE uint32_t fastipc_frame_put_summed(uint64_t w0, uint64_t w1,
						 uint64_t w2, void *to,
						 const void *from,
						 uint32_t size)
{
	if (__builtin_expect(size <= FASTIPC_COPY_IN_LONG, 1))
		return fastipc_crc32c_frame(w0, w1, w2, to, from, size);
	return fastipc_crc32c_copy_in(fastipc_frame_header_sum(w0, w1, w2), to,
				      from, size);
}

/* A message that is one short frame without extensions, if there is room: 0.  1:
 * it is not, or there is none. */
FASTIPC_INLINE int
fastipc_frame_push_plain(struct fastipc_channel *channel,
			 const struct fastipc_outgoing *message, bool more)
{
	uint32_t size = FASTIPC_FRAME_HEADER + message->size;
	uint64_t w0 =
		FASTIPC_FRAME_MAGIC | (uint64_t)FASTIPC_FRAME_VERSION << 32 |
		(uint64_t)message->flags << 40 | (uint64_t)message->type << 48;
	uint64_t w2 = message->size;
	unsigned char *place;

	if (__builtin_expect(fastipc_frame_is_long(channel, message->size) ||
				     fastipc_producer_reserve(&channel->tx,
							      size, &place),
			     0))
		return 1;
	if (channel->link.checksum == FASTIPC_CHECKSUM_OFF) {
		fastipc_frame_put(place + FASTIPC_FRAME_HEADER, message->data,
				  message->size);
	} else {
		uint32_t sum;

		if (channel->link.checksum == FASTIPC_CHECKSUM_FULL) {
			sum = fastipc_frame_put_summed(
				w0, message->id, w2,
				place + FASTIPC_FRAME_HEADER, message->data,
				message->size);
		} else {
			sum = fastipc_frame_header_sum(w0, message->id, w2);
			fastipc_frame_put(place + FASTIPC_FRAME_HEADER,
					  message->data, message->size);
		}
		w2 |= (uint64_t)~sum << 32;
	}
	((uint64_t *)place)[0] = htole64(w0);
	((uint64_t *)place)[1] = htole64(message->id);
	((uint64_t *)place)[2] = htole64(w2);
	fastipc_producer_commit(&channel->tx, size);
	if (!more)
		fastipc_producer_publish(&channel->tx);
	return 0;
}

/*
 * Put as much of the message into the ring as fits now: 0 all of it; -EAGAIN
 * wait for FASTIPC_WANT_SPACE and call again; -EPROTO.  All but a
 * message that fits one frame is published as it goes; that one only if not
 * @more, so that a batch becomes visible at once.  The caller notifies.
 */
FASTIPC_INLINE int fastipc_frame_push(struct fastipc_channel *channel,
				      struct fastipc_outgoing *message,
				      bool more)
{
	if (__builtin_expect(!fastipc_frame_push_plain(channel, message, more),
			     1))
		return 0;
	return fastipc_frame_push_slowly(channel, message, more);
}

/*
 * A message of one frame, that @encode makes of @value right in the ring.
 * message->size is set.  0; -EAGAIN there is no room for it now, or it is
 * larger than a fragment: make it elsewhere; -EPROTO; or @encode's error.
 */
int fastipc_frame_push_value(struct fastipc_channel *channel,
			     struct fastipc_outgoing *message,
			     fastipc_encode_fn encode, const void *value,
			     bool more);

/* A message being put together from fragments, in a buffer that is reused. */
struct fastipc_assembly {
	unsigned char *data;
	uint64_t id;
	uint32_t capacity;
	uint32_t size;	/* received */
	uint32_t total; /* announced */
	uint64_t deadline;
	uint16_t type;
	struct fastipc_packed packed;
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

/* More than this is not kept for the next message of a connection. */
#define FASTIPC_KEPT_MOST (1u << 20)

#endif
