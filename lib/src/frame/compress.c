// SPDX-License-Identifier: MIT
/*
 * Compressing messages and decompressing them, by LZ4 and zstd.
 */
#include "frame/compress.h"

#include <lz4.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/error.h"
#include "transport/hello.h"

#define DICTIONARY_MOST (16u << 20)
/* Higher ones take hundreds of megabytes. */
#define LEVEL_MOST 19
/* Before the compressed bytes: a block with COMPRESSION, and with TOTAL. */
#define BLOCK 24u
#define BLOCK_TOTAL 32u

struct fastipc_compress_settings {
	struct fastipc_compress_options options;
	uint64_t dictionary; /* size << 32 | CRC-32C; 0: none */
	ZSTD_CDict *compress;
	ZSTD_DDict *decompress;
	struct fastipc_packer *spare;
	uint32_t references;
};

/* ---- settings ---- */

static int check_options(const struct fastipc_compress_options *options)
{
	if (options->compression > FASTIPC_COMPRESSION_ACCEPT)
		return fastipc_fail(-EINVAL, "compression is none of its enum");
	if (options->compression == FASTIPC_COMPRESSION_ZSTD &&
	    (options->level < 1 || options->level > LEVEL_MOST))
		return fastipc_fail(-EINVAL,
				    "compression_level must be 1 to %d",
				    LEVEL_MOST);
	if (options->dictionary_size > DICTIONARY_MOST ||
	    (options->dictionary_size && !options->dictionary))
		return fastipc_fail(-EINVAL,
				    "a dictionary must have 1 to %u bytes",
				    DICTIONARY_MOST);
	return 0;
}

static int digest(struct fastipc_compress_settings *settings)
{
	const struct fastipc_compress_options *options = &settings->options;
	const void *bytes = options->dictionary;
	size_t size = options->dictionary_size;

	settings->dictionary = (uint64_t)size << 32 |
			       (uint32_t)~fastipc_crc32c(~0u, bytes, size);
	settings->decompress = ZSTD_createDDict(bytes, size);
	if (options->compression == FASTIPC_COMPRESSION_ZSTD)
		settings->compress =
			ZSTD_createCDict(bytes, size, options->level);
	if (settings->decompress &&
	    (settings->compress ||
	     options->compression != FASTIPC_COMPRESSION_ZSTD))
		return 0;
	return fastipc_fail(-EINVAL, "zstd does not take the dictionary: it is "
				     "damaged, or there is no memory");
}

int fastipc_compress_configure(const struct fastipc_compress_options *options,
			       struct fastipc_compress_settings **result)
{
	struct fastipc_compress_settings *settings;
	int error = check_options(options);

	*result = NULL;
	if (error || options->compression == FASTIPC_COMPRESSION_OFF)
		return error;
	settings = calloc(1, sizeof(*settings));
	if (!settings)
		return fastipc_fail(-ENOMEM, "no memory to compress with");
	settings->references = 1;
	settings->options = *options;
	if (options->dictionary_size)
		error = digest(settings);
	/* It is the caller's, and was copied. */
	settings->options.dictionary = NULL;
	if (error) {
		fastipc_compress_unref(settings);
		return error;
	}
	*result = settings;
	return 0;
}

struct fastipc_compress_settings *
fastipc_compress_ref(struct fastipc_compress_settings *settings)
{
	if (settings)
		__atomic_fetch_add(&settings->references, 1, __ATOMIC_RELAXED);
	return settings;
}

void fastipc_compress_unref(struct fastipc_compress_settings *settings)
{
	if (!settings ||
	    __atomic_sub_fetch(&settings->references, 1, __ATOMIC_ACQ_REL))
		return;
	if (settings->spare)
		fastipc_packer_free(settings->spare);
	free(settings->spare);
	ZSTD_freeCDict(settings->compress);
	ZSTD_freeDDict(settings->decompress);
	free(settings);
}

void fastipc_compress_propose(const struct fastipc_compress_settings *settings,
			      struct fastipc_proposal *proposal)
{
	if (!settings)
		return;
	proposal->features |= FASTIPC_HELLO_COMPRESSION;
	proposal->dictionary = settings->dictionary;
}

/* ---- sending ---- */

static uint32_t agree(const struct fastipc_compress_settings *settings,
		      const struct fastipc_link *link)
{
	switch (settings->options.compression) {
	case FASTIPC_COMPRESSION_LZ4:
		return link->peer_features & FASTIPC_HELLO_LZ4
			       ? FASTIPC_ALGORITHM_LZ4
			       : 0;
	case FASTIPC_COMPRESSION_ZSTD:
		if (!(link->peer_features & FASTIPC_HELLO_ZSTD))
			return 0;
		return settings->dictionary && settings->dictionary ==
						       link->peer_dictionary
			       ? FASTIPC_ALGORITHM_ZSTD_DICTIONARY
			       : FASTIPC_ALGORITHM_ZSTD;
	default:
		return 0;
	}
}

void fastipc_packing_init(struct fastipc_packing *packing,
			  struct fastipc_compress_settings *settings,
			  struct fastipc_channel *channel)
{
	struct fastipc_link *link = &channel->link;

	*packing = (struct fastipc_packing){ .settings = settings };
	if (settings)
		packing->algorithm = agree(settings, link);
	if (!packing->algorithm)
		return;
	packing->from = settings->options.from;
	packing->most = link->peer_max_message;
	/* A deadline may be added to its extensions. */
	packing->payload_max =
		fastipc_frame_payload_max(channel) - FASTIPC_DEADLINE_ENTRY;
	/* The quick ways of sending leave the others to the slow one. */
	if (packing->from <= link->plain_max)
		link->plain_max = packing->from ? packing->from - 1 : 0;
}

static void free_state(struct fastipc_packer *packer)
{
	if (packer->algorithm == FASTIPC_ALGORITHM_LZ4)
		free(packer->state);
	else
		ZSTD_freeCCtx(packer->state);
	packer->state = NULL;
}

void fastipc_packer_free(struct fastipc_packer *packer)
{
	free_state(packer);
	free(packer->data);
	*packer = (struct fastipc_packer){ 0 };
}

struct fastipc_packer *
fastipc_packer_borrow(struct fastipc_compress_settings *settings)
{
	struct fastipc_packer *packer =
		__atomic_exchange_n(&settings->spare, NULL, __ATOMIC_ACQUIRE);

	return packer ? packer : calloc(1, sizeof(*packer));
}

void fastipc_packer_return(struct fastipc_compress_settings *settings,
			   struct fastipc_packer *packer)
{
	if (packer)
		packer = __atomic_exchange_n(&settings->spare, packer,
					     __ATOMIC_ACQ_REL);
	/* One is enough to keep. */
	if (packer)
		fastipc_packer_free(packer);
	free(packer);
}

/* Room for @capacity bytes, and what the algorithm needs. */
static bool prepare(struct fastipc_packer *packer, uint32_t algorithm,
		    uint32_t capacity)
{
	if (capacity > packer->capacity) {
		free(packer->data);
		packer->data = malloc(capacity);
		packer->capacity = packer->data ? capacity : 0;
	}
	/* A server's clients may differ in whether they have its dictionary,
	 * but not in the rest. */
	if (!packer->state) {
		packer->algorithm = algorithm;
		packer->state = algorithm == FASTIPC_ALGORITHM_LZ4
					? malloc((size_t)LZ4_sizeofState())
					: (void *)ZSTD_createCCtx();
	}
	return packer->data && packer->state;
}

/* Bytes at @to, @room at most; 0: there were more, or it failed. */
static uint32_t compress(const struct fastipc_packing *packing,
			 struct fastipc_packer *packer, const void *from,
			 uint32_t size, void *to, uint32_t room)
{
	const struct fastipc_compress_settings *settings = packing->settings;
	bool digested = packing->algorithm == FASTIPC_ALGORITHM_ZSTD_DICTIONARY;
	size_t result;

	if (packing->algorithm == FASTIPC_ALGORITHM_LZ4)
		return (uint32_t)LZ4_compress_fast_extState(
			packer->state, from, to, (int)size, (int)room, 1);
	/* A message that did not fit leaves its session open, in which neither
	 * level nor dictionary can be changed. */
	ZSTD_CCtx_reset(packer->state, ZSTD_reset_session_only);
	if (ZSTD_isError(ZSTD_CCtx_setParameter(packer->state,
						ZSTD_c_compressionLevel,
						settings->options.level)) ||
	    ZSTD_isError(ZSTD_CCtx_refCDict(
		    packer->state, digested ? settings->compress : NULL)))
		return 0;
	result = ZSTD_compress2(packer->state, to, room, from, size);
	return ZSTD_isError(result) ? 0 : (uint32_t)result;
}

static void put_word(unsigned char *to, unsigned int index, uint64_t word)
{
	word = htole64(word);
	memcpy(to + 8 * index, &word, 8);
}

/* The block of extensions that ends at @end; returns its size. */
static uint32_t put_block(const struct fastipc_packing *packing,
			  unsigned char *end, uint32_t original,
			  uint32_t compressed)
{
	bool whole = BLOCK + compressed <= packing->payload_max;
	uint32_t block = whole ? BLOCK : BLOCK_TOTAL;
	uint64_t check = 0;

	if (packing->algorithm == FASTIPC_ALGORITHM_ZSTD_DICTIONARY)
		check = (uint32_t)packing->settings->dictionary;
	put_word(end - block, 0, block);
	if (!whole)
		put_word(end - block, 1,
			 FASTIPC_EXT_TOTAL | (uint64_t)compressed << 32);
	put_word(end - 16, 0,
		 FASTIPC_EXT_COMPRESSION | 8u << 16 | (uint64_t)original << 32);
	put_word(end - 16, 1, packing->algorithm | check << 32);
	return block;
}

/* Whether it is this message's turn to go untried. */
static bool is_skipped(struct fastipc_packing *packing)
{
	uint32_t skip = __atomic_load_n(&packing->skip, __ATOMIC_RELAXED);

	if (!skip)
		return false;
	__atomic_store_n(&packing->skip, skip - 1, __ATOMIC_RELAXED);
	return true;
}

static void learn(struct fastipc_packing *packing, bool hit)
{
	uint32_t misses = 0;

	if (!hit) {
		misses = __atomic_load_n(&packing->misses, __ATOMIC_RELAXED);
		if (misses < FASTIPC_COMPRESS_MISSES)
			misses++;
	}
	__atomic_store_n(&packing->misses, misses, __ATOMIC_RELAXED);
	__atomic_store_n(&packing->skip, (1u << misses) - 1, __ATOMIC_RELAXED);
}

bool fastipc_pack(struct fastipc_packing *packing,
		  struct fastipc_packer *packer,
		  struct fastipc_outgoing *message)
{
	uint32_t size = message->size;
	uint32_t most = size - size / 8 - (size % 8 != 0);
	uint32_t compressed, block;
	unsigned char *bytes;

	if (!fastipc_packing_wants(packing, size) || most <= BLOCK ||
	    is_skipped(packing) ||
	    !prepare(packer, packing->algorithm, BLOCK_TOTAL + most - BLOCK))
		return false;
	fastipc_outgoing_fill(message);
	bytes = packer->data + BLOCK_TOTAL;
	compressed = compress(packing, packer, message->data, size, bytes,
			      most - BLOCK);
	block = put_block(packing, bytes, size, compressed);
	if (!compressed || block + compressed > most) {
		learn(packing, false);
		return false;
	}
	learn(packing, true);
	message->data = bytes - block;
	message->size = block + compressed;
	message->flags |= FASTIPC_FRAME_EXT | FASTIPC_FRAME_COMPRESSED;
	return true;
}

/* ---- receiving ---- */

int fastipc_unpacker_grow(struct fastipc_unpacker *unpacker, uint32_t size)
{
	if (size <= unpacker->capacity)
		return 0;
	free(unpacker->data);
	unpacker->data = malloc(size);
	unpacker->capacity = unpacker->data ? size : 0;
	return unpacker->data ? 0 : -ENOMEM;
}

void fastipc_unpacker_free(struct fastipc_unpacker *unpacker)
{
	ZSTD_freeDCtx(unpacker->zstd);
	free(unpacker->data);
	*unpacker = (struct fastipc_unpacker){ 0 };
}

static int unpack_zstd(struct fastipc_unpacker *unpacker,
		       const ZSTD_DDict *dictionary, const void *from,
		       uint32_t size, void *to, uint32_t original)
{
	size_t result;

	if (!unpacker->zstd)
		unpacker->zstd = ZSTD_createDCtx();
	if (!unpacker->zstd)
		return -ENOMEM;
	result = ZSTD_decompress_usingDDict(unpacker->zstd, to, original, from,
					    size, dictionary);
	return result == original ? 0 : -EPROTO;
}

int fastipc_unpack(struct fastipc_unpacker *unpacker,
		   const struct fastipc_compress_settings *settings,
		   const struct fastipc_packed *packed, const void *from,
		   uint32_t size, void *to)
{
	uint32_t own = (uint32_t)settings->dictionary;
	const ZSTD_DDict *dictionary = NULL;

	if (packed->algorithm == FASTIPC_ALGORITHM_ZSTD_DICTIONARY)
		dictionary = settings->decompress;
	if (packed->dictionary != (dictionary ? own : 0))
		return -EPROTO;
	switch (packed->algorithm) {
	case FASTIPC_ALGORITHM_LZ4:
		/* Never more than there is room for, nor than there is. */
		return LZ4_decompress_safe(from, to, (int)size,
					   (int)packed->original) ==
				       (int64_t)packed->original
			       ? 0
			       : -EPROTO;
	case FASTIPC_ALGORITHM_ZSTD_DICTIONARY:
		if (!dictionary)
			return -EPROTO;
		return unpack_zstd(unpacker, dictionary, from, size, to,
				   packed->original);
	case FASTIPC_ALGORITHM_ZSTD:
		return unpack_zstd(unpacker, NULL, from, size, to,
				   packed->original);
	default:
		return -EPROTO;
	}
}
