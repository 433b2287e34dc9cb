// SPDX-License-Identifier: MIT
/*
 * Which way long pieces are stored into a ring: the policy.
 */
#include "frame/store.h"

/* The clock is read for each so many pieces, ... */
#define TIME_EVERY 8u
/* ... and each so many are stored the other way, to see what that costs now:
 * more often at first, when the ring's pages are still to be made. */
#define TRY_EVERY 256u
#define TRY_FIRST 4u

static bool is_try(uint32_t piece)
{
	return piece >= TRY_FIRST &&
	       (piece % TRY_EVERY == 0 || !(piece & (piece - 1)));
}

struct fastipc_store fastipc_store_choose(struct fastipc_store_policy *policy,
					  uint32_t size)
{
	struct fastipc_store store = { .past_caches = false };
	uint32_t piece;

	if (size < FASTIPC_STORE_LONG)
		return store;
	piece = policy->pieces++;
	store.timed = piece % TIME_EVERY == 0 || piece == TRY_FIRST;
	store.past_caches = policy->past_caches != is_try(piece);
	return store;
}

/*
 * The least that was seen lately: whatever comes between, from a page that is
 * made to another process, only ever adds to it.
 */
static uint32_t least(uint32_t old, uint32_t sample)
{
	if (!old || sample < old)
		return sample;
	if (sample / 2 > old)
		sample = 2 * old;
	return old + (sample - old) / 4;
}

void fastipc_store_learn(struct fastipc_store_policy *policy, bool past_caches,
			 uint32_t size, uint64_t ns)
{
	uint64_t cost = (ns << 20) / size + 1;
	uint32_t *known = past_caches ? &policy->streamed : &policy->cached;

	*known = least(*known, cost < INT32_MAX ? (uint32_t)cost : INT32_MAX);
	if (!policy->cached || !policy->streamed)
		return;
	/* By half, and back by a quarter: whoever reads prefers the caches. */
	policy->past_caches =
		4ull * policy->cached >
		(policy->past_caches ? 5ull : 6ull) * policy->streamed;
}
