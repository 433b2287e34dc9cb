/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a bulk area are free: a buddy allocator.  An extent is cut
 * from the smallest free block that has room for it, and what is left over is
 * free again, so that it has exactly the pages that were asked for.
 *
 * All of it is private memory: what a peer writes is never looked at.  Taking
 * and giving back cost O(log n) each, whatever the size of the extent.
 *
 * Thread-safety: one thread at a time.
 */
#ifndef FASTIPC_EXTENTS_H
#define FASTIPC_EXTENTS_H

#include <stdint.h>

#define FASTIPC_EXTENTS_ORDER_MOST 31u

struct extents;

/* All of 2^@order pages are free.  NULL: no memory. */
struct extents *fastipc_extents_create(unsigned int order);
void fastipc_extents_free(struct extents *extents);

/* @pages (1 to 2^order) in a row, from *@first on.  -EAGAIN. */
int fastipc_extents_take(struct extents *extents, uint32_t pages,
			 uint32_t *first);
/* What was taken, as a whole. */
void fastipc_extents_give(struct extents *extents, uint32_t first,
			  uint32_t pages);

#endif
