/* SPDX-License-Identifier: MIT */
/*
 * The files that a server has beneath some paths, as it lists them.  What the
 * server says is checked: a name that could lead out of the directory it is
 * written to is refused.
 */
#ifndef FASTIPC_LISTING_H
#define FASTIPC_LISTING_H

#include <stdbool.h>

#include <fastipc/client.h>

#include "protocol.h"
#include "tally.h"

struct listed_file {
	char *name; /* relative to the served directory */
	uint64_t size;
	uint32_t mode;
};

struct listing {
	struct listed_file *files;
	size_t count;
	size_t capacity;
	uint64_t bytes;
	uint64_t directories;
	uint64_t skipped[KIND_UNREADABLE + 1]; /* by enum file_kind */
	/* Directories that the server may not read, to be looked at. */
	char **unreadable;
	size_t unreadable_count;
};

/*
 * Add the file @path, or with @recursive all files beneath it.  0, or -errno
 * of the connection or of memory: then the listing is of no use, and why has
 * been said.  A path that cannot be had is counted in @tally.
 */
int listing_add(struct listing *listing, struct fastipc_client *client,
		const char *path, bool recursive, uint64_t timeout_ns,
		struct tally *tally);
/* Sort by name; drop what was asked for twice. */
void listing_sort(struct listing *listing);
/* Of a sorted listing. */
bool listing_has(const struct listing *listing, const char *name);
void listing_free(struct listing *listing);

#endif
