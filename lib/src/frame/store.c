// SPDX-License-Identifier: MIT
/*
 * Which way long pieces are stored into a ring: the policy.
 */
#include "frame/store.h"

/* The clock is read for each so many pieces, after these more seldom, ... */
#define TIME_EVERY 8u
#define TIME_FIRST 512u
#define TIME_LATER 32u
/* ... and each so many are stored the other way, to see what that costs now:
 * more often at first, when the ring's pages are still to be made. */
#define TRY_EVERY 256u
#define TRY_FIRST 4u

/*
 * For a MiB.  The writer only hands over what goes past the caches (26 to 50
 * GB/s, if it is no more than some ten KiB), but the reader has to wait for it:
 * one CPU reads 8 to 20 GB/s from most memories.  What costs less through the
 * caches stays there.  Here that costs 20,000 to 60,000 where the CPUs share
 * one, and 150,000 to 340,000 where they do not.
 */
#define READ_NS 100000u

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
	store.timed = piece % (piece < TIME_FIRST ? TIME_EVERY : TIME_LATER) ==
			      0 ||
		      piece == TRY_FIRST;
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
	if (policy->past_caches)
		policy->past_caches = policy->cached > READ_NS - READ_NS / 5 &&
				      4ull * policy->cached >
					      5ull * policy->streamed;
	else
		policy->past_caches = policy->cached > READ_NS &&
				      4ull * policy->cached >
					      6ull * policy->streamed;
}
