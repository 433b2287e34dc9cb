/* SPDX-License-Identifier: MIT */
/*
 * For generated code: long fields that need not be copied into a message that
 * is sent in several frames, since each frame can take them from where they
 * are.
 */
#ifndef FASTIPC_CODEC_GATHER_H
#define FASTIPC_CODEC_GATHER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a field for which it is worth it. */
#define FASTIPC_GATHER_LEAST 2048u

/* Where there is no room for so many bytes, the message is one frame. */
#define FASTIPC_GATHER_ROOM 16384u

/*
 * Put @size bytes at @to; or, if the encoder that has begun below is the one
 * that the library called, note where they are.  Thread-safe.
 */
void fastipc_gather_put(uint8_t *to, const void *from, size_t size);

/*
 * @encoder was called to write to @data: what follows in this thread is its own,
 * until the end.
 */
void fastipc_gather_begin(int (*encoder)(const void *value, void *data,
					 size_t capacity, size_t *size),
			  const void *data);
void fastipc_gather_end(void);

#ifdef __cplusplus
}
#endif

#endif
