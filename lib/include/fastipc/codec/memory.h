/* SPDX-License-Identifier: MIT */
/*
 * Kinds of memory, strings and vectors: what a program uses itself.
 *
 * How bytes may be read follows from who can change them, so each kind of
 * memory is a type of its own, and the wrong use does not compile:
 * - a snapshot nobody changes while it is read: a reply, a request, a copy;
 * - sealed memory nobody can change any more: fastipc_sealed_map() checks;
 * - shared memory may change at any time, under the reader's feet.
 * The first two are checked once and then read by plain pointers (NAME_read());
 * of shared memory, each access is bounded by itself (NAME_view_of()), and what
 * is not a number is copied out.
 */
#ifndef FASTIPC_CODEC_MEMORY_H
#define FASTIPC_CODEC_MEMORY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fastipc/channel.h>
#include <fastipc/server.h>
#include <fastipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- kinds of memory ---- */

/* Bytes that do not change as long as they are read. */
struct fastipc_snapshot {
	const void *data;
	size_t size;
};

/* Bytes that nobody can change any more. */
struct fastipc_sealed {
	const void *data;
	size_t size;
};

/* Bytes that somebody else may be changing. */
struct fastipc_shared {
	const volatile void *data;
	size_t size;
};

/* You promise that they do not change as long as readers of them are used. */
static inline struct fastipc_snapshot fastipc_snapshot_of(const void *data,
							  size_t size)
{
	struct fastipc_snapshot snapshot;

	snapshot.data = data;
	snapshot.size = size;
	return snapshot;
}

/* A reply's bytes, until the buffer is used again. */
static inline struct fastipc_snapshot
fastipc_buffer_snapshot(const struct fastipc_buffer *buffer)
{
	return fastipc_snapshot_of(buffer->data, buffer->size);
}

/* A request's bytes, until the handler returns or, deferred, until it is
 * answered. */
static inline struct fastipc_snapshot
fastipc_request_snapshot(const struct fastipc_request *request)
{
	return fastipc_snapshot_of(fastipc_request_data(request),
				   fastipc_request_size(request));
}

static inline struct fastipc_shared fastipc_shared_of(const volatile void *data,
						      size_t size)
{
	struct fastipc_shared shared;

	shared.data = data;
	shared.size = size;
	return shared;
}

/* A record in the peer's ring, until it is released. */
static inline struct fastipc_shared
fastipc_record_shared(const struct fastipc_record *record)
{
	return fastipc_shared_of(record->data, record->size);
}

/*
 * Copy the first @capacity bytes at most.  Returns how many bytes there are:
 * more than @capacity tells that some are missing.
 */
static inline size_t fastipc_shared_copy(struct fastipc_shared shared,
					 void *buffer, size_t capacity)
{
	const void *from = (const void *)shared.data;
	const size_t size = shared.size < capacity ? shared.size : capacity;

	/* The bytes are taken here and now, and never again from there. */
	__asm__ volatile("" : "+r"(from) : : "memory");
	if (size)
		memcpy(buffer, from, size);
	__asm__ volatile("" : : : "memory");
	return shared.size;
}

/* Copy all into a buffer of yours, to read that.  -EMSGSIZE too small. */
static inline int fastipc_shared_snapshot(struct fastipc_shared shared,
					  void *buffer, size_t capacity,
					  struct fastipc_snapshot *snapshot)
{
	if (shared.size > capacity)
		return -EMSGSIZE;
	fastipc_shared_copy(shared, buffer, capacity);
	*snapshot = fastipc_snapshot_of(buffer, shared.size);
	return 0;
}

/*
 * Map a memfd that its writer has sealed (F_SEAL_WRITE and F_SEAL_SHRINK), to
 * read it.  The descriptor is not needed afterwards, and stays the caller's.
 * -EBADFD no memfd, or a seal is missing; -EMSGSIZE more than @max bytes;
 * -EINVAL; -EBADF; -ENOMEM.
 */
int fastipc_sealed_map(int fd, size_t max, struct fastipc_sealed *sealed);
/* Give it back, and make it empty.  Readers of it must not be used then. */
void fastipc_sealed_unmap(struct fastipc_sealed *sealed);

/* ---- strings and vectors ---- */

/* UTF-8, not terminated.  Absent: data is NULL, and size 0. */
struct fastipc_string {
	const char *data;
	size_t size;
};

/* A vector of ubyte.  Absent: data is NULL, and size 0. */
struct fastipc_bytes {
	const uint8_t *data;
	size_t size;
};

/* Of a terminated string; NULL is absent. */
static inline struct fastipc_string fastipc_string_of(const char *text)
{
	struct fastipc_string string;

	string.data = text;
	string.size = text ? strlen(text) : 0;
	return string;
}

static inline struct fastipc_string fastipc_string_from(const char *data,
							size_t size)
{
	struct fastipc_string string;

	string.data = data;
	string.size = size;
	return string;
}

static inline struct fastipc_bytes fastipc_bytes_from(const void *data,
						      size_t size)
{
	struct fastipc_bytes bytes;

	bytes.data = (const uint8_t *)data;
	bytes.size = size;
	return bytes;
}

static inline bool fastipc_string_is(struct fastipc_string string,
				     const char *text)
{
	return string.data && string.size == strlen(text) &&
	       !memcmp(string.data, text, string.size);
}

/* Is it UTF-8, by the Unicode standard's table 3-7? */
bool fastipc_utf8_valid(const void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
