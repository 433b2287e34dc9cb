/* SPDX-License-Identifier: MIT */
/*
 * How long pieces are stored into a ring: through the caches, or past them.
 *
 * Where the two ends' CPUs share a cache, ordinary stores are best: the reader
 * finds the bytes there.  Where they share none, each line has to be asked back
 * from the reader's cache before it is written, and comes from the writer's when
 * it is read; stores that go past the caches to memory ("non-temporal"), which
 * the reader's hardware fetches ahead from there, moved 13 GB/s instead of 4 to
 * 5 here, and less where a cache is shared, 12 instead of 14 to 20.
 *
 * Which it is, the system does not tell (a virtual machine's topology is made
 * up, and its CPUs move), so it is measured: it is told by what a store through
 * the caches costs the writer.
 *
 * Thread-safety: as the channel's sending half.
 */
#ifndef FASTIPC_STORE_H
#define FASTIPC_STORE_H

#include "channel/channel.h"

/* Shorter ones are always stored through the caches.  One of up to twice as many
 * bytes, alone in its frame, mostly is, too, without asking, unless longer ones
 * go past them now: to ask takes 20 ns. */
#define FASTIPC_STORE_LONG 4096u

/* How one piece is to be stored, and whether to tell what that took. */
struct fastipc_store {
	bool past_caches;
	bool timed;
};

struct fastipc_store fastipc_store_choose(struct fastipc_store_policy *policy,
					  uint32_t size);
/* So stored, a piece of @size bytes took @ns. */
void fastipc_store_learn(struct fastipc_store_policy *policy, bool past_caches,
			 uint32_t size, uint64_t ns);

#endif
