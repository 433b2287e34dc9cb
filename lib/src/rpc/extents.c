// SPDX-License-Identifier: MIT
/*
 * The buddy allocator of bulk areas.
 *
 * A block of order k has 2^k pages and begins at a multiple of that; its buddy
 * is the other half of the block of order k + 1.  Free blocks are in a list for
 * each order; two buddies are never both free.
 */
#include "rpc/extents.h"

#include <errno.h>
#include <stdlib.h>

#define NONE UINT32_MAX

struct extents {
	unsigned int order;
	uint32_t orders; /* bit k: there is a free block of order k */
	uint32_t heads[FASTIPC_EXTENTS_ORDER_MOST + 1];
	/* By the first page of a free block: */
	uint32_t *next, *previous;
	uint8_t *free; /* its order + 1; 0: no free block begins there */
};

struct extents *fastipc_extents_create(unsigned int order)
{
	size_t pages = (size_t)1 << order;
	struct extents *extents = calloc(1, sizeof(*extents));

	if (!extents)
		return NULL;
	/* Zeroed pages that are not touched cost nothing. */
	extents->next = calloc(pages, sizeof(*extents->next));
	extents->previous = calloc(pages, sizeof(*extents->previous));
	extents->free = calloc(pages, 1);
	if (!extents->next || !extents->previous || !extents->free) {
		fastipc_extents_free(extents);
		return NULL;
	}
	extents->order = order;
	for (unsigned int k = 0; k <= FASTIPC_EXTENTS_ORDER_MOST; k++)
		extents->heads[k] = NONE;
	fastipc_extents_give(extents, 0, (uint32_t)pages);
	return extents;
}

void fastipc_extents_free(struct extents *extents)
{
	if (!extents)
		return;
	free(extents->next);
	free(extents->previous);
	free(extents->free);
	free(extents);
}

static void link_block(struct extents *extents, uint32_t page,
		       unsigned int order)
{
	uint32_t head = extents->heads[order];

	extents->free[page] = (uint8_t)(order + 1);
	extents->next[page] = head;
	extents->previous[page] = NONE;
	if (head != NONE)
		extents->previous[head] = page;
	extents->heads[order] = page;
	extents->orders |= 1u << order;
}

static void unlink_block(struct extents *extents, uint32_t page,
			 unsigned int order)
{
	uint32_t next = extents->next[page];
	uint32_t previous = extents->previous[page];

	extents->free[page] = 0;
	if (next != NONE)
		extents->previous[next] = previous;
	if (previous != NONE)
		extents->next[previous] = next;
	else
		extents->heads[order] = next;
	if (extents->heads[order] == NONE)
		extents->orders &= ~(1u << order);
}

/* A block is free, and joined with its buddy as long as that is free, too. */
static void free_block(struct extents *extents, uint32_t page,
		       unsigned int order)
{
	while (order < extents->order) {
		uint32_t buddy = page ^ (1u << order);

		if (extents->free[buddy] != order + 1)
			break;
		unlink_block(extents, buddy, order);
		page &= ~(1u << order);
		order++;
	}
	link_block(extents, page, order);
}

void fastipc_extents_give(struct extents *extents, uint32_t first,
			  uint32_t pages)
{
	/* The largest blocks that begin where they may and fit. */
	while (pages) {
		unsigned int order = 31u - (unsigned int)__builtin_clz(pages);

		if (first && (unsigned int)__builtin_ctz(first) < order)
			order = (unsigned int)__builtin_ctz(first);
		free_block(extents, first, order);
		first += 1u << order;
		pages -= 1u << order;
	}
}

int fastipc_extents_take(struct extents *extents, uint32_t pages,
			 uint32_t *first)
{
	unsigned int order =
		pages > 1 ? 32u - (unsigned int)__builtin_clz(pages - 1) : 0;
	uint32_t orders = extents->orders >> order << order;

	if (!orders)
		return -EAGAIN;
	order = (unsigned int)__builtin_ctz(orders);
	*first = extents->heads[order];
	unlink_block(extents, *first, order);
	fastipc_extents_give(extents, *first + pages, (1u << order) - pages);
	return 0;
}
