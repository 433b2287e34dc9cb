/* SPDX-License-Identifier: MIT */
/*
 * Messages over a pair of descriptors, for the peers that are the kernel's
 * own.  Both ends know how long a message is, so none carries its length.
 * To spin is to try again without sleeping until it works (O_NONBLOCK).
 */
#ifndef FASTIPC_PEERS_DESCRIPTORS_H
#define FASTIPC_PEERS_DESCRIPTORS_H

#include "peers.h"

struct descriptors {
	int in;
	int out;
	size_t most; /* bytes at once */
};

/* Before the rest, in each process: its ends. */
int descriptors_use(const struct peer_config *config,
		    const struct descriptors *descriptors);
int descriptors_serve(const struct peer_config *config);
int descriptors_call(const void *data, size_t size, size_t expected,
		     const void **reply);
int descriptors_post(const void *data, size_t size, bool last);
void descriptors_close(void);

#endif
