/* SPDX-License-Identifier: MIT */
/*
 * Compressed messages: made of plain ones before they are sent, and made plain
 * again when they have been received whole.
 *
 * The whole message is compressed, then cut into frames.  Its first frame has
 * FASTIPC_FRAME_COMPRESSED and the extension COMPRESSION: the original size
 * and the algorithm.  A message goes compressed only if that saves an eighth
 * of its bytes, extensions counted.  Messages that do not get smaller cost
 * time for nothing: after each miss in a row a connection sends twice as many
 * as before without a try, up to 255.
 *
 * What a peer sends is bounded before anything is allocated: the compressed
 * bytes are fewer than the original ones, these are at most max_message, and
 * they must come out as exactly as many as were announced.
 */
#ifndef FASTIPC_COMPRESS_H
#define FASTIPC_COMPRESS_H

#include "frame/frame.h"

/* Algorithms, as on the wire. */
#define FASTIPC_ALGORITHM_LZ4 1u
#define FASTIPC_ALGORITHM_ZSTD 2u
#define FASTIPC_ALGORITHM_ZSTD_DICTIONARY 3u

/* After N misses in a row 2^N - 1 messages go untried; N is this, at most. */
#define FASTIPC_COMPRESS_MISSES 8u

/* The options of an end, the same for client and server. */
struct fastipc_compress_options {
	enum fastipc_compression compression;
	uint32_t from;
	int level;
	const void *dictionary;
	size_t dictionary_size;
};

/*
 * What all connections of an end share: options, and digested dictionaries.
 * May be used by any number of threads.
 */
struct fastipc_compress_settings;

/*
 * *@settings with one reference; NULL if there is nothing to compress, and to
 * take.  -EINVAL, -ENOMEM.
 */
int fastipc_compress_configure(const struct fastipc_compress_options *options,
			       struct fastipc_compress_settings **settings);
struct fastipc_compress_settings *
fastipc_compress_ref(struct fastipc_compress_settings *settings);
/* NULL is allowed. */
void fastipc_compress_unref(struct fastipc_compress_settings *settings);
/* What it means for HELLO.  @settings may be NULL. */
void fastipc_compress_propose(const struct fastipc_compress_settings *settings,
			      struct fastipc_proposal *proposal);

/* ---- sending ---- */

/* What one connection compresses.  Zeroes: nothing. */
struct fastipc_packing {
	struct fastipc_compress_settings *settings; /* no reference of its own */
	uint32_t algorithm;			    /* agreed on; 0: never */
	uint32_t from;	      /* bytes of a message that is tried, at least */
	uint32_t most;	      /* the peer's max_message */
	uint32_t payload_max; /* of a frame */
	uint32_t misses;      /* in a row */
	uint32_t skip;	      /* messages that are to go untried */
};

/*
 * Decide what @channel, just made, compresses.  @settings, which may be NULL,
 * outlive the packing.
 */
void fastipc_packing_init(struct fastipc_packing *packing,
			  struct fastipc_compress_settings *settings,
			  struct fastipc_channel *channel);

/* Memory to compress in, for one thread at a time.  Zeroes: empty. */
struct fastipc_packer {
	void *state; /* of the algorithm */
	uint32_t algorithm;
	unsigned char *data;
	uint32_t capacity;
};

/*
 * One that is not in use, for threads that have none of their own: it is kept
 * with the settings between uses.  NULL: no memory.
 */
struct fastipc_packer *
fastipc_packer_borrow(struct fastipc_compress_settings *settings);
/* @packer may be NULL. */
void fastipc_packer_return(struct fastipc_compress_settings *settings,
			   struct fastipc_packer *packer);

/*
 * Whether @packing would try a message of this size.  Several threads may
 * share a packing; they may lose count of misses then.
 */
FASTIPC_INLINE bool fastipc_packing_wants(const struct fastipc_packing *packing,
					  size_t size)
{
	return packing->algorithm && size >= packing->from &&
	       size <= packing->most;
}

/*
 * Compress: true, and @message is what is to be sent instead, until the packer
 * is used again; or false, and nothing has changed.  Also if memory is short.
 */
bool fastipc_pack(struct fastipc_packing *packing,
		  struct fastipc_packer *packer,
		  struct fastipc_outgoing *message);
void fastipc_packer_free(struct fastipc_packer *packer);

/* For statistics that one thread at a time writes, and any may read. */
static inline void fastipc_compressed_add(struct fastipc_compressed *sum,
					  uint64_t before, uint64_t after)
{
	__atomic_store_n(&sum->messages, sum->messages + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&sum->bytes_before, sum->bytes_before + before,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&sum->bytes_after, sum->bytes_after + after,
			 __ATOMIC_RELAXED);
}

/* ---- receiving ---- */

/* The block of extensions before a compressed message of several frames. */
#define FASTIPC_COMPRESS_BLOCK 32u

/* Memory to decompress from and with.  Zeroes: empty. */
struct fastipc_unpacker {
	void *zstd;
	unsigned char *data;
	uint32_t capacity;
};

/* Room for @size compressed bytes in unpacker->data, not kept; -ENOMEM. */
int fastipc_unpacker_grow(struct fastipc_unpacker *unpacker, uint32_t size);

/*
 * Decompress @size bytes at @from, memory of this end's own, to @packed's
 * original size at @to.  -EPROTO what is not as announced; -ENOMEM.
 */
int fastipc_unpack(struct fastipc_unpacker *unpacker,
		   const struct fastipc_compress_settings *settings,
		   const struct fastipc_packed *packed, const void *from,
		   uint32_t size, void *to);
void fastipc_unpacker_free(struct fastipc_unpacker *unpacker);

#endif
