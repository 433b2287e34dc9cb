// SPDX-License-Identifier: MIT
/*
 * Compressed messages at the frame layer: what comes out is what went in, only
 * what gets an eighth smaller is compressed, and lies are told from it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame/compress.h"
#include "transport/hello.h"

#define SMALL_RING 4096u
#define LARGE_RING (256u << 10)
#define MOST (16u << 20)
#define FROM 4096u

static const char dictionary[] =
	"{\"isIncomplete\":false,\"items\":[{\"detail\":\"int\",\"label\":\"sum\"}]}";

/* Both ends of a connection: @near sends, @far receives. */
struct pair {
	struct fastipc_channel near;
	struct fastipc_channel far;
	struct fastipc_compress_settings *near_settings;
	struct fastipc_compress_settings *far_settings;
	struct fastipc_packing packing;
	struct fastipc_packer packer;
	struct fastipc_unpacker unpacker;
};

static struct fastipc_compress_settings *
settings_of(enum fastipc_compression compression, const void *bytes,
	    size_t size)
{
	const struct fastipc_compress_options options = {
		.compression = compression,
		.from = FROM,
		.level = 1,
		.dictionary = bytes,
		.dictionary_size = size,
	};
	struct fastipc_compress_settings *settings;

	assert_int_equal(fastipc_compress_configure(&options, &settings), 0);
	return settings;
}

/* As the handshake does it. */
static void tell(struct fastipc_link *from, struct fastipc_link *to,
		 const struct fastipc_compress_settings *settings)
{
	struct fastipc_proposal proposal = { 0 };

	fastipc_compress_propose(settings, &proposal);
	from->features = proposal.features;
	to->peer_features = proposal.features;
	to->peer_dictionary = proposal.dictionary;
}

static struct pair *pair_of(uint32_t ring_size, enum fastipc_checksum checksum,
			    struct fastipc_compress_settings *near_settings,
			    struct fastipc_compress_settings *far_settings)
{
	const struct fastipc_proposal proposal = { .checksum = checksum,
						   .ring_size = ring_size,
						   .max_message = MOST };
	struct fastipc_link links[2];
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	pair->near_settings = near_settings;
	pair->far_settings = far_settings;
	assert_int_equal(fastipc_link_pair(&proposal, links), 0);
	tell(&links[0], &links[1], near_settings);
	tell(&links[1], &links[0], far_settings);
	fastipc_channel_init(&pair->near, &links[0], FASTIPC_WAIT_BLOCK);
	fastipc_channel_init(&pair->far, &links[1], FASTIPC_WAIT_BLOCK);
	fastipc_packing_init(&pair->packing, near_settings, &pair->near);
	return pair;
}

static struct pair *pair_make(uint32_t ring_size,
			      enum fastipc_checksum checksum,
			      enum fastipc_compression compression)
{
	return pair_of(ring_size, checksum, settings_of(compression, NULL, 0),
		       settings_of(FASTIPC_COMPRESSION_ACCEPT, NULL, 0));
}

static void pair_free(struct pair *pair)
{
	fastipc_packer_free(&pair->packer);
	fastipc_unpacker_free(&pair->unpacker);
	fastipc_channel_fini(&pair->near);
	fastipc_channel_fini(&pair->far);
	fastipc_compress_unref(pair->near_settings);
	fastipc_compress_unref(pair->far_settings);
	free(pair);
}

/* ---- messages ---- */

static uint32_t random_state = 1;

static unsigned char random_byte(void)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (unsigned char)(random_state >> 24);
}

/* The first @noise bytes do not compress, the others do. */
static unsigned char *message_make(uint32_t size, uint32_t noise)
{
	unsigned char *data = malloc(size + 1);

	assert_non_null(data);
	for (uint32_t i = 0; i < size; i++)
		data[i] = i < noise ? random_byte()
				    : (unsigned char)dictionary[i % 61];
	return data;
}

/* Take one frame, or a part of a message: true when it is whole. */
static bool take(struct pair *pair, struct fastipc_assembly *assembly,
		 unsigned char **data, uint32_t *size)
{
	struct fastipc_frame frame = { 0 };
	const unsigned char *from;
	uint32_t length;

	assert_int_equal(fastipc_frame_peek(&pair->far, &frame), 0);
	if (assembly->open || frame.flags & FASTIPC_FRAME_MORE) {
		assert_int_equal(fastipc_assembly_expect(assembly, &frame), 0);
	} else {
		assembly->total = frame.length;
		assembly->size = 0;
		assembly->packed.original = 0;
		if (frame.flags & FASTIPC_FRAME_COMPRESSED)
			assembly->packed = frame.packed;
	}
	if (!assembly->size)
		assert_int_equal(
			fastipc_assembly_grow(assembly, assembly->total), 0);
	assert_int_equal(fastipc_frame_take(&pair->far, &frame,
					    assembly->data + assembly->size),
			 0);
	fastipc_frame_release(&pair->far, &frame);
	assembly->size += frame.length;
	if (frame.flags & FASTIPC_FRAME_MORE)
		return false;
	from = assembly->data;
	length = assembly->total;
	*size = assembly->packed.original ? assembly->packed.original : length;
	*data = malloc(*size + 1);
	assert_non_null(*data);
	if (!length)
		assert_int_equal(*size, 0);
	else if (!assembly->packed.original)
		memcpy(*data, from, length);
	else
		assert_int_equal(
			fastipc_unpack(&pair->unpacker, pair->far_settings,
				       &assembly->packed, from, length, *data),
			0);
	return true;
}

/* Send a message and take it; returns how many bytes were sent for it. */
static uint32_t pass(struct pair *pair, const unsigned char *data,
		     uint32_t size)
{
	struct fastipc_outgoing message = {
		.data = data,
		.id = 7,
		.size = size,
		.type = 3,
	};
	struct fastipc_assembly assembly = { 0 };
	unsigned char *received = NULL;
	uint32_t received_size = 0;
	bool whole = false;
	bool packed = fastipc_pack(&pair->packing, &pair->packer, &message);
	uint32_t sent = message.size;
	int error;

	assert_true(packed == !!(message.flags & FASTIPC_FRAME_COMPRESSED));
	if (packed)
		assert_true((size - sent) * 8ull >= size);
	else
		assert_ptr_equal(message.data, data);
	do {
		error = fastipc_frame_push(&pair->near, &message, false);
		assert_true(!error || error == -EAGAIN);
		while (!whole && fastipc_consumer_poll(&pair->far.rx))
			whole = take(pair, &assembly, &received,
				     &received_size);
	} while (error);
	assert_true(whole);
	assert_int_equal(received_size, size);
	assert_memory_equal(received, data, size);
	free(received);
	fastipc_assembly_free(&assembly);
	return sent;
}

static void pass_sizes(uint32_t ring, enum fastipc_checksum checksum,
		       enum fastipc_compression compression)
{
	const uint32_t sizes[] = { 0,	  1,	    1000,   FROM - 1,
				   FROM,  FROM + 1, 16351,  16352,
				   16353, 65536,    300001, 1u << 20 };
	struct pair *pair = pair_make(ring, checksum, compression);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		/* Of one frame and of many, also when it is compressed. */
		for (uint32_t noise = 0; noise <= 4; noise++) {
			uint32_t size = sizes[i];
			unsigned char *data =
				message_make(size, size / 8 * noise);
			uint32_t sent = pass(pair, data, size);

			if (size < FROM)
				assert_int_equal(sent, size);
			else
				assert_true(sent < size);
			free(data);
		}
	pair_free(pair);
}

static void what_goes_in_comes_out(void **state)
{
	(void)state;
	for (int checksum = FASTIPC_CHECKSUM_OFF;
	     checksum <= FASTIPC_CHECKSUM_FULL; checksum++)
		for (int compression = FASTIPC_COMPRESSION_LZ4;
		     compression <= FASTIPC_COMPRESSION_ZSTD; compression++) {
			pass_sizes(SMALL_RING, (enum fastipc_checksum)checksum,
				   (enum fastipc_compression)compression);
			pass_sizes(LARGE_RING, (enum fastipc_checksum)checksum,
				   (enum fastipc_compression)compression);
		}
}

static void limits_of_a_message(void **state)
{
	(void)state;
	for (int compression = FASTIPC_COMPRESSION_LZ4;
	     compression <= FASTIPC_COMPRESSION_ZSTD; compression++) {
		struct pair *pair =
			pair_make(LARGE_RING, FASTIPC_CHECKSUM_FULL,
				  (enum fastipc_compression)compression);
		unsigned char *data = message_make(MOST + 1, 1u << 20);
		struct fastipc_outgoing message = { .data = data,
						    .size = MOST + 1 };

		assert_true(pass(pair, data, MOST) < MOST / 8);
		/* More than the peer takes is not worth a try. */
		assert_false(
			fastipc_pack(&pair->packing, &pair->packer, &message));
		message.size = FROM - 1;
		assert_false(
			fastipc_pack(&pair->packing, &pair->packer, &message));
		message.data = data + (1u << 20);
		message.size = FROM;
		assert_true(
			fastipc_pack(&pair->packing, &pair->packer, &message));
		/* What is shorter goes the quick way as it is. */
		assert_int_equal(pair->near.link.plain_max, FROM - 1);
		assert_int_equal(pair->far.link.plain_max, MOST);
		free(data);
		pair_free(pair);
	}
}

/* ---- an eighth ---- */

static bool packs(struct pair *pair, const unsigned char *data, uint32_t size,
		  uint32_t *sent)
{
	struct fastipc_outgoing message = { .data = data, .size = size };
	bool packed;

	pair->packing.skip = 0;
	packed = fastipc_pack(&pair->packing, &pair->packer, &message);
	*sent = message.size;
	return packed;
}

/* Each byte more of noise is one more to send. */
static void must_save_an_eighth(void **state)
{
	const uint32_t sizes[] = { 4096, 4097, 4103, 8000, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pair *pair = pair_make(LARGE_RING, FASTIPC_CHECKSUM_FULL,
					      FASTIPC_COMPRESSION_LZ4);
		uint32_t size = sizes[i];
		uint32_t most = size * 7ull / 8;
		unsigned char *data = message_make(size, size);
		uint32_t noise = most - 1000, sent = 0, last = 0;

		memset(data + noise, 0, size - noise);
		while (packs(pair, data, size, &sent)) {
			last = sent;
			data[noise++] = random_byte() | 1;
		}
		assert_int_equal(last, most);
		free(data);
		pair_free(pair);
	}
}

static void misses_are_tried_less_often(void **state)
{
	struct pair *pair = pair_make(LARGE_RING, FASTIPC_CHECKSUM_FULL,
				      FASTIPC_COMPRESSION_LZ4);
	unsigned char *noise = message_make(FROM, FROM);
	unsigned char *text = message_make(FROM, 0);
	struct fastipc_outgoing message;
	uint32_t untried = 1;

	(void)state;
	for (unsigned int miss = 1; miss <= FASTIPC_COMPRESS_MISSES + 2;
	     miss++) {
		assert_int_equal(pass(pair, noise, FROM), FROM);
		assert_int_equal(pair->packing.skip, untried);
		for (uint32_t i = 0; i < untried; i++)
			assert_int_equal(pass(pair, text, FROM), FROM);
		assert_int_equal(pair->packing.skip, 0);
		if (untried < 255)
			untried = 2 * untried + 1;
	}
	assert_int_equal(untried, 255);
	/* One that gets smaller, and all is tried again. */
	assert_true(pass(pair, text, FROM) < FROM);
	assert_int_equal(pass(pair, noise, FROM), FROM);
	assert_int_equal(pass(pair, text, FROM), FROM);
	assert_true(pass(pair, text, FROM) < FROM);
	/* What is too short, or too long, is no miss. */
	message = (struct fastipc_outgoing){ .data = noise, .size = FROM - 1 };
	assert_false(fastipc_pack(&pair->packing, &pair->packer, &message));
	assert_int_equal(pair->packing.misses, 0);
	free(noise);
	free(text);
	pair_free(pair);
}

/* ---- what ends have in common ---- */

static uint32_t algorithm_of(enum fastipc_compression near,
			     const char *near_dictionary,
			     enum fastipc_compression far,
			     const char *far_dictionary)
{
	struct pair *pair = pair_of(
		LARGE_RING, FASTIPC_CHECKSUM_FULL,
		settings_of(near, near_dictionary,
			    near_dictionary ? strlen(near_dictionary) : 0),
		settings_of(far, far_dictionary,
			    far_dictionary ? strlen(far_dictionary) : 0));
	uint32_t algorithm = pair->packing.algorithm;
	unsigned char *data = message_make(3 * FROM, 100);
	uint32_t sent = pass(pair, data, 3 * FROM);

	assert_true(algorithm ? sent < FROM : sent == 3 * FROM);
	free(data);
	pair_free(pair);
	return algorithm;
}

static void both_ends_must_want_it(void **state)
{
	const enum fastipc_compression off = FASTIPC_COMPRESSION_OFF,
				       lz4 = FASTIPC_COMPRESSION_LZ4,
				       zstd = FASTIPC_COMPRESSION_ZSTD,
				       accept = FASTIPC_COMPRESSION_ACCEPT;

	(void)state;
	assert_int_equal(algorithm_of(off, NULL, off, NULL), 0);
	assert_int_equal(algorithm_of(off, NULL, zstd, NULL), 0);
	assert_int_equal(algorithm_of(lz4, NULL, off, NULL), 0);
	assert_int_equal(algorithm_of(accept, NULL, lz4, NULL), 0);
	assert_int_equal(algorithm_of(lz4, NULL, zstd, NULL),
			 FASTIPC_ALGORITHM_LZ4);
	assert_int_equal(algorithm_of(zstd, NULL, accept, NULL),
			 FASTIPC_ALGORITHM_ZSTD);
	assert_int_equal(algorithm_of(zstd, dictionary, lz4, dictionary),
			 FASTIPC_ALGORITHM_ZSTD_DICTIONARY);
	/* Without the same dictionary it is not used. */
	assert_int_equal(algorithm_of(zstd, dictionary, accept, NULL),
			 FASTIPC_ALGORITHM_ZSTD);
	assert_int_equal(algorithm_of(zstd, NULL, accept, dictionary),
			 FASTIPC_ALGORITHM_ZSTD);
	assert_int_equal(algorithm_of(zstd, dictionary, accept, dictionary + 1),
			 FASTIPC_ALGORITHM_ZSTD);
}

static void a_dictionary_helps(void **state)
{
	struct pair *pair = pair_of(
		LARGE_RING, FASTIPC_CHECKSUM_FULL,
		settings_of(FASTIPC_COMPRESSION_ZSTD, dictionary, 62),
		settings_of(FASTIPC_COMPRESSION_ACCEPT, dictionary, 62));
	struct pair *without = pair_make(LARGE_RING, FASTIPC_CHECKSUM_FULL,
					 FASTIPC_COMPRESSION_ZSTD);
	unsigned char *data = message_make(200, 0);

	(void)state;
	pair->packing.from = 0;
	without->packing.from = 0;
	assert_true(pass(pair, data, 200) < pass(without, data, 200));
	free(data);
	pair_free(pair);
	pair_free(without);
}

/* A worker compresses for clients that have the dictionary, and others. */
static void one_packer_for_all(void **state)
{
	struct pair *with = pair_of(
		LARGE_RING, FASTIPC_CHECKSUM_FULL,
		settings_of(FASTIPC_COMPRESSION_ZSTD, dictionary, 62),
		settings_of(FASTIPC_COMPRESSION_ACCEPT, dictionary, 62));
	struct pair *without =
		pair_of(LARGE_RING, FASTIPC_CHECKSUM_FULL,
			fastipc_compress_ref(with->near_settings),
			settings_of(FASTIPC_COMPRESSION_ACCEPT, NULL, 0));
	unsigned char *noise = message_make(FROM, FROM);
	unsigned char *text = message_make(FROM, 0);

	(void)state;
	assert_int_equal(with->packing.algorithm,
			 FASTIPC_ALGORITHM_ZSTD_DICTIONARY);
	assert_int_equal(without->packing.algorithm, FASTIPC_ALGORITHM_ZSTD);
	for (int i = 0; i < 4; i++) {
		struct pair *first = i & 1 ? with : without;
		struct pair *second = i & 1 ? without : with;

		/* Also after one that did not get smaller. */
		first->packing.skip = 0;
		second->packing.skip = 0;
		assert_int_equal(pass(first, noise, FROM), FROM);
		second->packer = first->packer;
		assert_true(pass(second, text, FROM) < FROM / 8);
		first->packer = second->packer;
		first->packing.skip = 0;
		assert_true(pass(first, text, FROM) < FROM / 8);
		second->packer = first->packer;
	}
	without->packer = (struct fastipc_packer){ 0 };
	free(noise);
	free(text);
	pair_free(with);
	pair_free(without);
}

static void bad_options_are_refused(void **state)
{
	static const unsigned char damaged[] = { 0x37, 0xa4, 0x30, 0xec, 1, 2,
						 3,    4,    5,	   6,	 7, 8 };
	const struct fastipc_compress_options bad[] = {
		{ .compression = (enum fastipc_compression)4, .level = 1 },
		{ .compression = FASTIPC_COMPRESSION_ZSTD, .level = 0 },
		{ .compression = FASTIPC_COMPRESSION_ZSTD, .level = 20 },
		{ .compression = FASTIPC_COMPRESSION_LZ4,
		  .dictionary_size = 1 },
		{ .compression = FASTIPC_COMPRESSION_LZ4,
		  .dictionary = damaged,
		  .dictionary_size = (16u << 20) + 1 },
		/* It says that it is one of zstd's, and is not. */
		{ .compression = FASTIPC_COMPRESSION_ZSTD,
		  .level = 1,
		  .dictionary = damaged,
		  .dictionary_size = sizeof(damaged) },
	};
	struct fastipc_compress_settings *settings;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(fastipc_compress_configure(&bad[i], &settings),
				 -EINVAL);
		assert_null(settings);
	}
}

/* ---- lies ---- */

static int unpack(struct fastipc_compress_settings *settings,
		  uint32_t algorithm, uint32_t check, uint32_t original,
		  const void *from, uint32_t size)
{
	const struct fastipc_packed packed = { .original = original,
					       .algorithm = algorithm,
					       .dictionary = check };
	struct fastipc_unpacker unpacker = { 0 };
	/* Exactly as much as there must be: what is written beyond shows
	 * under AddressSanitizer.  The same for what is read. */
	unsigned char *to = malloc(original);
	unsigned char *exact = malloc(size ? size : 1);
	int error;

	assert_non_null(to);
	assert_non_null(exact);
	memcpy(exact, from, size);
	error = fastipc_unpack(&unpacker, settings, &packed, exact, size, to);
	fastipc_unpacker_free(&unpacker);
	free(exact);
	free(to);
	return error;
}

static void lie(enum fastipc_compression compression, const char *words)
{
	const uint32_t size = 3 * FROM;
	struct fastipc_compress_settings *settings =
		settings_of(compression, words, words ? strlen(words) : 0);
	struct pair *pair = pair_of(LARGE_RING, FASTIPC_CHECKSUM_FULL, settings,
				    settings_of(compression, words,
						words ? strlen(words) : 0));
	unsigned char *data = message_make(size, 50);
	struct fastipc_outgoing message = { .data = data, .size = size };
	const unsigned char *bytes;
	uint32_t algorithm, check = 0, length;

	assert_true(fastipc_pack(&pair->packing, &pair->packer, &message));
	algorithm = pair->packing.algorithm;
	bytes = message.data + 24;
	length = message.size - 24;
	memcpy(&check, bytes - 4, 4);
	assert_true(!check == !words);
	assert_int_equal(
		unpack(settings, algorithm, check, size, bytes, length), 0);
	assert_int_equal(unpack(settings, algorithm, check, size - 1, bytes,
				length),
			 -EPROTO);
	assert_int_equal(unpack(settings, algorithm, check, size + 1, bytes,
				length),
			 -EPROTO);
	assert_int_equal(unpack(settings, algorithm, check + 1, size, bytes,
				length),
			 -EPROTO);
	for (uint32_t other = 0; other < 6; other++)
		if (other != algorithm)
			assert_int_equal(unpack(settings, other, check, size,
						bytes, length),
					 -EPROTO);
	for (uint32_t i = 0; i < length; i++)
		assert_int_equal(unpack(settings, algorithm, check, size, bytes,
					i),
				 -EPROTO);
	/* A bit may be the message's: then others come out, and no more. */
	for (uint32_t i = 0; i < length * 8; i++) {
		unsigned char *copy = malloc(length);

		assert_non_null(copy);
		memcpy(copy, bytes, length);
		copy[i / 8] ^= (unsigned char)(1u << i % 8);
		unpack(settings, algorithm, check, size, copy, length);
		free(copy);
	}
	free(data);
	pair_free(pair);
}

static void lies_are_noticed(void **state)
{
	(void)state;
	lie(FASTIPC_COMPRESSION_LZ4, NULL);
	lie(FASTIPC_COMPRESSION_ZSTD, NULL);
	lie(FASTIPC_COMPRESSION_ZSTD, dictionary);
}

/* ---- frames ---- */

static void assert_frame(struct pair *pair, uint8_t flags, uint16_t type,
			 const uint64_t *words, uint32_t count, int error)
{
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)words,
		.size = count * 8,
		.id = 1,
		.type = type,
		.flags = flags,
	};
	struct fastipc_frame frame = { 0 };
	const unsigned char *place;
	uint32_t size = 0;

	assert_int_equal(fastipc_frame_push(&pair->near, &message, false), 0);
	assert_int_equal(fastipc_frame_peek(&pair->far, &frame), error);
	assert_int_equal(fastipc_consumer_peek(&pair->far.rx, &place, &size),
			 0);
	fastipc_consumer_next(&pair->far.rx, size);
	fastipc_consumer_release(&pair->far.rx);
}

static void frames_are_checked(void **state)
{
	const uint8_t packed = FASTIPC_FRAME_EXT | FASTIPC_FRAME_COMPRESSED;
	/* A block, 100 bytes of LZ4 (1), and 8 that stand for them. */
	const uint64_t good[] = { 24, 2 | 8u << 16 | 100ull << 32, 1, 5 };
	const uint64_t none[] = { 8, 5 };
	const uint64_t equal[] = { 24, 2 | 8u << 16 | 8ull << 32, 1, 5 };
	const uint64_t one_more[] = { 24, 2 | 8u << 16 | 9ull << 32, 1, 5 };
	const uint64_t cut[] = { 16, 2 | 8u << 16 | 100ull << 32, 5 };
	const uint64_t total[] = { 32, 1 | 50ull << 32,
				   2 | 8u << 16 | 51ull << 32, 1, 5 };
	const uint64_t too_much[] = { 32, 1 | 51ull << 32,
				      2 | 8u << 16 | 51ull << 32, 1, 5 };
	struct pair *pair = pair_make(LARGE_RING, FASTIPC_CHECKSUM_FULL,
				      FASTIPC_COMPRESSION_LZ4);

	(void)state;
	assert_frame(pair, packed, 3, good, 4, 0);
	assert_frame(pair, packed, 3, one_more, 4, 0);
	assert_frame(pair, packed | FASTIPC_FRAME_MORE, 3, total, 5, 0);
	/* Nobody that does not know it, but it says nothing either. */
	assert_frame(pair, FASTIPC_FRAME_EXT, 3, good, 4, 0);
	assert_frame(pair, FASTIPC_FRAME_COMPRESSED, 3, good, 4, -EPROTO);
	assert_frame(pair, packed, 3, none, 2, -EPROTO);
	assert_frame(pair, packed, 3, equal, 4, -EPROTO);
	assert_frame(pair, packed, 3, cut, 3, -EPROTO);
	assert_frame(pair, packed | FASTIPC_FRAME_MORE, 3, too_much, 5,
		     -EPROTO);
	assert_frame(pair, packed | FASTIPC_FRAME_ERROR, 3, good, 4, -EPROTO);
	assert_frame(pair, packed, FASTIPC_TYPE_PING, good, 4, -EPROTO);
	assert_frame(pair, packed, 0xffff, good, 4, -EPROTO);
	/* This end did not say that it takes any. */
	pair->far.link.features = 0;
	assert_frame(pair, packed, 3, good, 4, -EPROTO);
	pair_free(pair);
}

/* Only the first fragment says that the message is compressed. */
static void fragments_are_checked(void **state)
{
	struct pair *pair = pair_make(SMALL_RING, FASTIPC_CHECKSUM_FULL,
				      FASTIPC_COMPRESSION_LZ4);
	const uint64_t total[] = { 32, 1 | 50ull << 32,
				   2 | 8u << 16 | 100ull << 32, 1, 5 };
	const uint64_t again[] = { 24, 2 | 8u << 16 | 100ull << 32, 1, 5 };
	struct fastipc_assembly assembly = { 0 };
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)total,
		.size = sizeof(total),
		.id = 1,
		.flags = FASTIPC_FRAME_EXT | FASTIPC_FRAME_COMPRESSED |
			 FASTIPC_FRAME_MORE,
	};
	struct fastipc_frame frame = { 0 };

	(void)state;
	assert_int_equal(fastipc_frame_push(&pair->near, &message, false), 0);
	assert_int_equal(fastipc_frame_peek(&pair->far, &frame), 0);
	assert_int_equal(fastipc_assembly_expect(&assembly, &frame), 0);
	assert_int_equal(assembly.total, 50);
	assert_int_equal(assembly.packed.original, 100);
	assembly.size = frame.length;
	fastipc_frame_release(&pair->far, &frame);
	message.data = (const unsigned char *)again;
	message.size = sizeof(again);
	assert_int_equal(fastipc_frame_push(&pair->near, &message, false), 0);
	assert_int_equal(fastipc_frame_peek(&pair->far, &frame), 0);
	assert_int_equal(fastipc_assembly_expect(&assembly, &frame), -EPROTO);
	pair_free(pair);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_goes_in_comes_out), TEST(limits_of_a_message),
		TEST(must_save_an_eighth),    TEST(misses_are_tried_less_often),
		TEST(both_ends_must_want_it), TEST(a_dictionary_helps),
		TEST(one_packer_for_all),     TEST(bad_options_are_refused),
		TEST(lies_are_noticed),	      TEST(frames_are_checked),
		TEST(fragments_are_checked),
	};

	return cmocka_run_group_tests_name("compress", tests, NULL, NULL);
}
