// SPDX-License-Identifier: MIT
/*
 * The broadcast ring: writing, overwriting, and reading what may be
 * overwritten meanwhile.
 */
#include "topic/broadcast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/prefetch.h"
#include "frame/crc32c.h"
#include "transport/transport.h"

/* Head moves by this part of the ring at least: its line is the readers', and
 * a reader that was overtaken has so much time to copy the oldest. */
#define STRIDE 32
/* From this size on memcpy() may use stores that pass earlier ones. */
#define LARGE 4096u
/* Bytes of ring between a message and the lines that are fetched meanwhile. */
#define AHEAD 1024u

static struct fastipc_broadcast_words *
words_of(const struct fastipc_region *region)
{
	return (struct fastipc_broadcast_words *)((unsigned char *)
							  region->control +
						  FASTIPC_BROADCAST_AT);
}

/* ---- the writer ---- */

void fastipc_broadcast_init(struct fastipc_broadcast *ring,
			    const struct fastipc_region *region, uint64_t start,
			    uint64_t sequence)
{
	*ring = (struct fastipc_broadcast){
		.data = region->data,
		.size = region->size,
		.mask = region->size - 1,
		.head = start,
		.tail = start,
		.sequence = sequence,
		.message_max = fastipc_broadcast_max(region->size),
		.words = words_of(region),
	};
	ring->words->head = start;
	ring->words->tail = start;
	ring->words->latest = start - FASTIPC_BROADCAST_HEADER; /* none */
}

static struct fastipc_broadcast_header *
header_at(const struct fastipc_broadcast *ring, uint64_t position)
{
	return (struct fastipc_broadcast_header *)(ring->data +
						   (position & ring->mask));
}

void fastipc_broadcast_make_room(struct fastipc_broadcast *ring, uint32_t size,
				 uint64_t limit)
{
	uint64_t need = fastipc_broadcast_need(ring, size);
	uint64_t goal = need + ring->size / STRIDE;
	uint64_t head = ring->head;

	/* Two largest messages and a stride are less than the ring: the
	 * newest record always stays. */
	while ((int64_t)(goal - head) > 0) {
		uint32_t bytes = header_at(ring, head)->size &
				 ~FASTIPC_BROADCAST_SUMMED;
		uint64_t next = head + fastipc_broadcast_space(bytes);

		if ((int64_t)(head - need) >= 0 && (int64_t)(limit - next) < 0)
			break;
		head = next;
	}
	ring->head = head;
	__atomic_store_n(&ring->words->head, head, __ATOMIC_RELEASE); /* W1 */
}

void fastipc_broadcast_begin(const struct fastipc_broadcast *ring,
			     uint32_t size)
{
	(void)ring;
	if (size < LARGE)
		__atomic_thread_fence(__ATOMIC_RELEASE); /* W2 */
	else
		fastipc_full_barrier();
}

/* The three words that the CRC begins with. */
static uint32_t crc_of_header(uint64_t sequence, uint32_t size,
			      uint64_t position)
{
	const uint64_t words[3] = { sequence, size, position };

	return fastipc_crc32c(~0u, words, sizeof(words));
}

/* The readers' caches have the lines of messages to come, from the last time
 * round: have them on their way. */
static inline void prepare(const struct fastipc_broadcast *ring)
{
	const unsigned char *ahead =
		ring->data + ((ring->tail + AHEAD) & ring->mask);

	fastipc_prefetch_to_write(ahead);
	fastipc_prefetch_to_write(ahead + 64);
}

static void show(struct fastipc_broadcast *ring, uint32_t size, uint32_t crc)
{
	struct fastipc_broadcast_header *header = header_at(ring, ring->tail);
	uint64_t position = ring->tail;

	if (ring->summed)
		__atomic_store_n(&header->crc, crc, __ATOMIC_RELAXED);
	__atomic_store_n(&header->size,
			 ring->summed ? size | FASTIPC_BROADCAST_SUMMED : size,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&header->sequence, ring->sequence, __ATOMIC_RELAXED);
	ring->sequence++;
	ring->tail += fastipc_broadcast_space(size);
	__atomic_store_n(&ring->words->latest, position, __ATOMIC_RELEASE);
	__atomic_store_n(&ring->words->tail, ring->tail,
			 __ATOMIC_RELEASE); /* W4 */
	prepare(ring);
}

void fastipc_broadcast_write(struct fastipc_broadcast *ring, const void *data,
			     uint32_t size)
{
	unsigned char *place = fastipc_broadcast_place(ring);
	uint32_t crc = 0;

	fastipc_broadcast_begin(ring, size);
	if (ring->summed)
		crc = ~fastipc_crc32c_frame(ring->sequence, size, ring->tail,
					    place, data, size);
	else if (size)
		memcpy(place, data, size); /* W3 */
	show(ring, size, crc);
}

void fastipc_broadcast_commit(struct fastipc_broadcast *ring, uint32_t size)
{
	uint32_t crc = 0;

	if (ring->summed)
		crc = ~fastipc_crc32c(crc_of_header(ring->sequence, size,
						    ring->tail),
				      fastipc_broadcast_place(ring), size);
	show(ring, size, crc);
}

/* ---- a reader ---- */

void fastipc_follower_init(struct fastipc_follower *reader,
			   const struct fastipc_region *region, uint64_t cursor,
			   uint64_t sequence)
{
	*reader = (struct fastipc_follower){
		.data = region->data,
		.size = region->size,
		.mask = region->size - 1,
		.cursor = cursor,
		.tail = cursor,
		.sequence = sequence,
		.message_max = fastipc_broadcast_max(region->size),
		.words = words_of(region),
	};
}

/* R3, R4: whether what was read at @position until now was the record. */
static bool is_there(const struct fastipc_follower *reader, uint64_t position,
		     uint64_t *head)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	*head = __atomic_load_n(&reader->words->head, __ATOMIC_ACQUIRE);
	return (int64_t)(position - *head) >= 0;
}

static int overtaken(struct fastipc_follower *reader, uint64_t head)
{
	/* Who reads the newest only looks for that anew. */
	if (!reader->latest) {
		reader->cursor = head;
		reader->jumped = true;
	}
	return -ESTALE;
}

/* A record as found: each field is loaded once. */
struct found {
	uint64_t position;
	uint64_t sequence;
	uint32_t size;
	uint32_t crc;
	bool summed;
	const unsigned char *bytes;
};

static int wrong(const char *what)
{
	return fastipc_fail(-EPROTO, "the publisher broke the protocol: %s",
			    what);
}

/*
 * The position to read, and how many bytes are known to be there.  The tail is
 * loaded only when all before the last one is read: a reader that is behind
 * would otherwise take its line from the writer once for each message.
 */
static int find(struct fastipc_follower *reader, uint64_t *position,
		uint64_t *left)
{
	if (reader->latest) {
		*position = __atomic_load_n(&reader->words->latest,
					    __ATOMIC_ACQUIRE); /* R1 */
		*left = reader->size;
		return (int64_t)(*position - reader->cursor) < 0 ? -EAGAIN : 0;
	}
	*position = reader->cursor;
	if ((int64_t)(reader->tail - reader->cursor) <= 0) {
		reader->tail = __atomic_load_n(&reader->words->tail,
					       __ATOMIC_ACQUIRE); /* R1 */
		reader->run = 0;
	}
	*left = reader->tail - reader->cursor;
	if (!*left)
		return -EAGAIN;
	if ((int64_t)*left < 0)
		return wrong("its tail went back");
	return 0;
}

/* The header of the next record, and that it is one. */
static int look(struct fastipc_follower *reader, struct found *found)
{
	const struct fastipc_broadcast_header *header;
	uint64_t left, head;
	uint32_t word;
	int error = find(reader, &found->position, &left);

	if (error)
		return error;
	if (found->position % 8)
		return wrong("a record is where none can be");
	header = (const struct fastipc_broadcast_header *)(reader->data +
							   (found->position &
							    reader->mask));
	word = __atomic_load_n(&header->size, __ATOMIC_RELAXED);
	found->crc = __atomic_load_n(&header->crc, __ATOMIC_RELAXED);
	found->sequence = __atomic_load_n(&header->sequence, __ATOMIC_RELAXED);
	found->summed = word & FASTIPC_BROADCAST_SUMMED;
	found->size = word & ~FASTIPC_BROADCAST_SUMMED;
	found->bytes = (const unsigned char *)(header + 1);
	if (!is_there(reader, found->position, &head))
		return overtaken(reader, head);
	if (left > reader->size)
		return wrong("its head is more than a ring behind its tail");
	if (found->size > reader->message_max ||
	    fastipc_broadcast_space(found->size) > left)
		return wrong("a message is longer than may be");
	if ((int64_t)(found->sequence - reader->sequence) < 0 ||
	    (found->sequence != reader->sequence && !reader->jumped &&
	     !reader->latest))
		return wrong("a sequence number is not the next");
	return 0;
}

static void step(struct fastipc_follower *reader, const struct found *found)
{
	reader->cursor = found->position + fastipc_broadcast_space(found->size);
	reader->sequence = found->sequence + 1;
	reader->run++;
	reader->jumped = false;
}

/* As the ring has records at most, so many steps are enough. */
int fastipc_follower_rewind(struct fastipc_follower *reader, uint64_t sequence,
			    uint64_t count)
{
	uint64_t most = reader->size / FASTIPC_BROADCAST_HEADER;
	bool latest = reader->latest;
	int error = 0;

	if (count > reader->size)
		count = reader->size;
	/* What is there from the head on is not known yet. */
	reader->latest = false;
	reader->sequence = sequence - reader->size;
	reader->jumped = true;
	while (most--) {
		struct found found = { 0 };

		error = look(reader, &found);
		if (error && error != -ESTALE)
			break;
		if (error)
			continue;
		if ((int64_t)(found.sequence + count - sequence) >= 0 ||
		    (int64_t)(found.sequence + 1 - sequence) >= 0) {
			reader->sequence = found.sequence;
			reader->jumped = false;
			break;
		}
		step(reader, &found);
	}
	if (error == -EAGAIN)
		reader->sequence = sequence;
	if (error == -EAGAIN || error == -ESTALE)
		error = 0;
	reader->latest = latest;
	return error;
}

static int make_fit(struct fastipc_buffer *message, uint32_t size)
{
	void *data;

	if (size <= message->capacity)
		return 0;
	message->size = size;
	if (message->fixed)
		return fastipc_fail(-EMSGSIZE,
				    "the message has %u bytes, there is room "
				    "for %zu",
				    size, message->capacity);
	data = realloc(message->data, size);
	if (!data)
		return fastipc_fail(-ENOMEM, "no memory for a message");
	message->data = data;
	message->capacity = size;
	return 0;
}

int fastipc_follower_take(struct fastipc_follower *reader,
			  struct fastipc_buffer *message, uint64_t *lost)
{
	struct found found = { 0 };
	uint32_t crc = 0;
	uint64_t head;
	int error = look(reader, &found);

	if (!error)
		error = make_fit(message, found.size);
	if (error)
		return error;
	if (found.summed)
		crc = ~fastipc_crc32c_frame(found.sequence, found.size,
					    found.position, message->data,
					    found.bytes, found.size);
	else if (found.size)
		memcpy(message->data, found.bytes, found.size); /* R2 */
	if (!is_there(reader, found.position, &head))
		return overtaken(reader, head);
	if (found.summed
		    ? crc != found.crc
		    : reader->must_sum && (int64_t)(found.sequence -
						    reader->summed_from) >= 0)
		return fastipc_fail(-EBADMSG, "the checksum of a message does "
					      "not match");
	message->size = found.size;
	*lost = found.sequence - reader->sequence;
	step(reader, &found);
	return 0;
}
