/* SPDX-License-Identifier: MIT */
/*
 * A server's connections on the wire: pages of records, each of which answers
 * a LIST of its own, so that a server keeps nothing in mind between them and
 * never has to wait for who asks.
 */
#ifndef FASTIPC_LISTING_H
#define FASTIPC_LISTING_H

#include "transport/handshake.h"

/* Records of a page, at most: two pages of memory, with the HELLO. */
#define FASTIPC_LISTING_MOST 56

/*
 * Answer LIST on @sock with the connections above @cursor.  Never blocks.
 * -EACCES the client may not ask; others as fastipc_hello_send().
 */
int fastipc_listing_answer(int sock, const struct fastipc_status *status,
			   uint64_t cursor);

#endif
