/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli), reflected, as in RFC 3720: fastest at hand on this
 * CPU (VPCLMULQDQ with AVX-512 or AVX2, SSE4.2 + PCLMULQDQ), else slicing-by-8
 * tables.
 *
 * Values are the plain register: start with ~0, finish with ~crc; so a CRC
 * can be carried from one piece of the bytes to the next.  Every call takes
 * any alignment and any size, touches no byte outside of its ranges, and may
 * be made from any thread.
 */
#ifndef FASTIPC_CRC32C_H
#define FASTIPC_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t fastipc_crc32c(uint32_t crc, const void *data, size_t size);

/*
 * Copy @size bytes and return the CRC of the bytes that were *stored*: each
 * source byte is loaded exactly once, so a source that changes meanwhile can
 * not make the copy and the CRC disagree.  The ranges must not overlap.
 */
uint32_t fastipc_crc32c_copy(uint32_t crc, void *destination,
			     const void *source, size_t size);

/* The same for long pieces that go into a ring, whose lines the reader's CPU has:
 * they are asked for ahead. */
uint32_t fastipc_crc32c_copy_in(uint32_t crc, void *destination,
				const void *source, size_t size);

/*
 * The CRC, from ~0, of three little-endian words and then of @size bytes that
 * are copied as above: a frame's header and payload, in one call.
 */
uint32_t fastipc_crc32c_frame(uint64_t w0, uint64_t w1, uint64_t w2,
			      void *destination, const void *source,
			      size_t size);

/* One implementation; the calls above use the first usable one. */
struct fastipc_crc32c_variant {
	const char *name; /* NULL ends the list */
	bool (*usable)(void);
	uint32_t (*crc)(uint32_t crc, const void *data, size_t size);
	uint32_t (*copy)(uint32_t crc, void *destination, const void *source,
			 size_t size);
	uint32_t (*copy_in)(uint32_t crc, void *destination, const void *source,
			    size_t size);
	uint32_t (*frame)(uint64_t w0, uint64_t w1, uint64_t w2,
			  void *destination, const void *source, size_t size);
};

/* Fastest first; the last needs nothing of the CPU. */
extern const struct fastipc_crc32c_variant fastipc_crc32c_variants[];

#endif
