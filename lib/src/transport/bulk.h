/* SPDX-License-Identifier: MIT */
/*
 * Bulk areas: memory of an end, beside its ring, out of which it lends pieces
 * to its peer.  One sealed memfd, mapped RW by its owner and read-only by the
 * peer, whatever the transport.
 *
 * Who reads what was lent may go on after the connection has ended, so the
 * mapping is counted.
 *
 * Thread-safety: reference counts, any thread; what is in it is the user's.
 */
#ifndef FASTIPC_BULK_H
#define FASTIPC_BULK_H

#include <stdint.h>

struct fastipc_bulk {
	unsigned char *base; /* read-only memory if a peer's */
	uint64_t size;	     /* a power of two */
	uint32_t references;
};

/* 0 is no area, and good; -EINVAL what no area can have. */
int fastipc_bulk_check(uint64_t size);
/*
 * Make, map, seal; *@fd is to be sent and closed.  No page is touched.
 * -EMFILE, -ENFILE; -ENOMEM; -EFBIG over RLIMIT_FSIZE.
 */
int fastipc_bulk_create(uint64_t size, struct fastipc_bulk **bulk, int *fd);
/*
 * Check a received fd, and map it.  Does not close it.  If it is over @most,
 * *@bulk is NULL, and nothing wrong.
 * -EBADFD seals missing or not a memfd; -ERANGE no size of an area; -ENOMEM.
 */
int fastipc_bulk_attach(int fd, uint64_t most, struct fastipc_bulk **bulk);

struct fastipc_bulk *fastipc_bulk_ref(struct fastipc_bulk *bulk);
/* NULL is allowed. */
void fastipc_bulk_unref(struct fastipc_bulk *bulk);

#endif
