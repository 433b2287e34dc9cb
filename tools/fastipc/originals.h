/* SPDX-License-Identifier: MIT */
/*
 * The tree that fetched files are compared with: every byte, and that neither
 * tree has a file that the other lacks.
 */
#ifndef FASTIPC_ORIGINALS_H
#define FASTIPC_ORIGINALS_H

#include <stddef.h>
#include <stdint.h>

#include "listing.h"
#include "tally.h"

struct originals {
	int root;
	char *buffer;
	uint64_t compare_ns; /* time spent comparing */
};

int originals_open(struct originals *originals, const char *directory);
void originals_close(struct originals *originals);

/*
 * Compare with the bytes of the original @fd from @offset.  0 the same;
 * 1 different, first at *@where; -errno it cannot be read.
 */
int originals_compare(struct originals *originals, int fd, const char *data,
		      size_t size, uint64_t offset, uint64_t *where);

/*
 * Count each original beneath @path that the (sorted) listing lacks as
 * missing.  The same rules as the server's: symbolic links to files that stay
 * inside count, all others and special files do not.
 */
int originals_find_missing(struct originals *originals, const char *path,
			   const struct listing *listing, struct tally *tally);

/* Of a name that the server may not read: may we? */
int originals_is_readable(const struct originals *originals, const char *name);

#endif
