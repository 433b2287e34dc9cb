/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli), reflected, as in RFC 3720: fastest at hand on this
 * CPU (SSE4.2 + PCLMULQDQ, AVX2/VPCLMULQDQ), else slicing-by-8 tables.
 *
 * Values are the plain register: start with ~0, finish with ~crc; so a CRC
 * can be carried from one piece of the bytes to the next.
 */
#ifndef FASTIPC_CRC32C_H
#define FASTIPC_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t fastipc_crc32c(uint32_t crc, const void *data, size_t size);

/*
 * Copy @size bytes and return the CRC of the bytes that were *stored*: each
 * source byte is loaded exactly once, so a source that changes meanwhile can
 * not make the copy and the CRC disagree.
 */
uint32_t fastipc_crc32c_copy(uint32_t crc, void *destination,
			     const void *source, size_t size);

#endif
