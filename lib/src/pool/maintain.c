// SPDX-License-Identifier: MIT
/*
 * What a pool does beside calls: as many connections as are needed, none too
 * old, and none to a server that hangs.  Part of it is arithmetic, which every
 * caller does when it is due; part may take a while, and one thread at a time
 * does one thing of it, after its own work.
 */
#include "pool/pool.h"

#include <errno.h>

#define TICK_NS 10000000u
#define TICK_WAITING_NS 1000000u
/* Between calls of fastipc_pool_maintain() while nobody calls. */
#define TICK_QUIET_NS 100000000u
/* A ping is given no longer than this at a time. */
#define PING_SLICE_NS 1000000u
/* What a connect costs, before one was measured. */
#define CONNECT_GUESS_NS 200000u

uint32_t fastipc_pool_in_use(const struct fastipc_pool *pool)
{
	uint32_t in_use = 0;

	for (uint32_t i = 0; i < pool->capacity; i++)
		in_use += (uint32_t)(fastipc_pool_read(&pool->members[i].word) &
				     MEMBER_USERS);
	return in_use - (in_use < pool->held ? in_use : pool->held);
}

uint64_t fastipc_pool_mean_connect(const struct fastipc_pool *pool)
{
	uint64_t sum = 0, count = 0;

	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		if (pool->endpoints[i].connect_ns) {
			sum += pool->endpoints[i].connect_ns;
			count++;
		}
	return count ? sum / count : CONNECT_GUESS_NS;
}

/* Which were used since the last time, and which are too old. */
static void look_at_members(struct fastipc_pool *pool, uint64_t now)
{
	bool aged = false;

	for (uint32_t i = 0; i < pool->capacity; i++) {
		struct member *member = &pool->members[i];
		uint64_t hits = fastipc_pool_read(&member->hits);

		if (!member->occupied || !member->client)
			continue;
		if (hits != member->seen_hits) {
			member->seen_hits = hits;
			member->seen_at = now;
			if (!member->suspect)
				member->proven_at = now;
		}
		/* One at a time: each has to be replaced. */
		if (member->expires && now >= member->expires && !aged) {
			aged = true;
			fastipc_member_retire(pool, member, FATE_AGED);
		}
	}
}

/* Retire one: the one that was idle for longest, or else any. */
static void shrink(struct fastipc_pool *pool)
{
	struct member *victim = NULL;

	for (uint32_t i = 0; i < pool->capacity; i++) {
		struct member *member = &pool->members[i];
		uint64_t word = fastipc_pool_read(&member->word);

		if (!member->occupied || !(word & MEMBER_READY) ||
		    word & MEMBER_RETIRING || member->held)
			continue;
		if (!victim ||
		    ((word & MEMBER_USERS) == 0 &&
		     !fastipc_member_is_idle(victim)) ||
		    ((word & MEMBER_USERS) == 0 &&
		     member->seen_at < victim->seen_at))
			victim = member;
	}
	if (victim)
		fastipc_member_retire(pool, victim, FATE_REAPED);
}

void fastipc_pool_resize(struct fastipc_pool *pool, uint64_t now)
{
	uint32_t in_use = fastipc_pool_in_use(pool);
	struct fastipc_sizer_sample sample = {
		.size = pool->size,
		.peak = in_use > pool->peak ? in_use : pool->peak,
		.waiters = pool->waited_peak,
		.calls = fastipc_pool_hits(pool),
		.connect_ns = fastipc_pool_mean_connect(pool),
	};

	/* Shared connections have room for more users each. */
	sample.peak = (sample.peak + pool->options.sharing - 1) /
		      pool->options.sharing;
	pool->target = fastipc_sizer_tick(&pool->sizer, &pool->sizer_settings,
					  now, &sample);
	pool->peak = in_use;
	pool->waited_peak = pool->waiters;
	look_at_members(pool, now);
	if (pool->size > pool->target)
		shrink(pool);
	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		fastipc_endpoint_note(pool, i, now, 0);
	fastipc_pool_write_down(pool, now);
	__atomic_store_n(&pool->next_tick,
			 now + (pool->waiters ? TICK_WAITING_NS : TICK_NS),
			 __ATOMIC_RELAXED);
}

/* The endpoint with the fewest connections for its weight. */
static int choose_to_grow(struct fastipc_pool *pool, uint64_t now)
{
	struct fastipc_choice choices[FASTIPC_POOL_ENDPOINTS_MAX];

	for (uint32_t i = 0; i < pool->endpoint_count; i++) {
		struct endpoint *endpoint = &pool->endpoints[i];

		choices[i] = (struct fastipc_choice){
			.weight = endpoint->weight,
			.in_use = endpoint->live + endpoint->connecting,
			.admits = endpoint->breaker.state ==
					  FASTIPC_BREAKER_CLOSED &&
				  fastipc_endpoint_may_connect(pool, endpoint,
							       now),
		};
	}
	return fastipc_choose(choices, pool->endpoint_count);
}

bool fastipc_pool_grow(struct fastipc_pool *pool, uint32_t wanted, bool beside)
{
	struct member *member;
	int index;

	if (pool->size + pool->connecting >= wanted)
		return false;
	index = choose_to_grow(pool, fastipc_now_ns());
	if (index < 0 ||
	    fastipc_member_connect(pool, (uint32_t)index, beside, 0, &member))
		return false;
	fastipc_member_leave(pool, member);
	fastipc_pool_grant(pool);
	return true;
}

static bool is_ping_due(const struct fastipc_pool *pool,
			const struct member *member, uint64_t now)
{
	if (!member->occupied || !pool->options.ping_interval_ns)
		return false;
	if (member->held)
		return true;
	return fastipc_member_is_idle(member) &&
	       (member->suspect ||
		now - member->proven_at >= pool->options.ping_interval_ns);
}

/* Ask one member whether its server lives.  With the lock, dropped meanwhile;
 * the pool is the member's user. */
static void ping(struct fastipc_pool *pool, struct member *member, uint64_t now)
{
	uint64_t slice = pool->options.ping_timeout_ns < PING_SLICE_NS
				 ? pool->options.ping_timeout_ns
				 : PING_SLICE_NS;
	uint32_t index = member->endpoint;
	bool over;
	int error;

	if (!member->ping_since)
		member->ping_since = now;
	fastipc_unlock(&pool->lock);
	error = fastipc_client_ping(member->client, now + slice, NULL);
	over = error && fastipc_member_is_over(pool, member);
	now = fastipc_now_ns();
	fastipc_lock(&pool->lock);
	if (error == -ETIMEDOUT && !over &&
	    now - member->ping_since < pool->options.ping_timeout_ns)
		return;
	if (error) {
		fastipc_member_retire(pool, member,
				      over ? FATE_LOST : FATE_HUNG);
		fastipc_endpoint_note(pool, index, now, 1);
	} else {
		member->proven_at = now;
		member->ping_since = 0;
		member->suspect = false;
	}
	__atomic_store_n(&member->held, false, __ATOMIC_RELAXED);
	pool->held--;
	fastipc_member_leave(pool, member);
	fastipc_pool_grant(pool);
}

/* Ping those that are due, @most of them. */
static void ping_some(struct fastipc_pool *pool, uint32_t most)
{
	for (uint32_t i = 0; most && i < pool->capacity; i++) {
		struct member *member = &pool->members[i];
		uint64_t now = fastipc_now_ns();

		if (!is_ping_due(pool, member, now))
			continue;
		if (!member->held &&
		    !fastipc_member_claim(member, pool->options.sharing))
			continue;
		pool->held += !member->held;
		__atomic_store_n(&member->held, true, __ATOMIC_RELAXED);
		ping(pool, member, now);
		most--;
	}
}

void fastipc_pool_resume_ping(struct fastipc_pool *pool, uint64_t now)
{
	uint32_t first;

	if (!pool->held || pool->ticking || now < pool->maintained_until)
		return;
	pool->ticking = true;
	first = pool->next_place++;
	for (uint32_t i = 0; i < pool->capacity; i++) {
		struct member *member =
			&pool->members[(first + i) % pool->capacity];

		if (member->occupied && member->held) {
			ping(pool, member, now);
			break;
		}
	}
	pool->ticking = false;
}

/* The part that may take a while. */
static void work(struct fastipc_pool *pool, uint32_t most)
{
	bool beside = pool->size;

	if (pool->ticking)
		return;
	pool->ticking = true;
	for (uint32_t i = 0; i < most; i++)
		if (!fastipc_pool_grow(pool, pool->target, beside))
			break;
	ping_some(pool, most);
	pool->ticking = false;
}

void fastipc_pool_tick(struct fastipc_pool *pool, uint64_t now)
{
	bool maintained;

	fastipc_lock(&pool->lock);
	maintained = now < pool->maintained_until;
	if (now >= pool->next_tick)
		fastipc_pool_resize(pool, now);
	if (!maintained)
		work(pool, 1);
	fastipc_unlock(&pool->lock);
	if (!maintained)
		fastipc_pool_bury(pool);
}

uint64_t fastipc_pool_maintain(struct fastipc_pool *pool)
{
	uint64_t now = fastipc_now_ns(), next, hits;

	if (!pool)
		return FASTIPC_NO_DEADLINE;
	fastipc_lock(&pool->lock);
	if (now >= pool->next_tick)
		fastipc_pool_resize(pool, now);
	work(pool, pool->capacity);
	now = fastipc_now_ns();
	hits = fastipc_pool_hits(pool);
	next = now + (hits == pool->quiet_hits && !pool->held ? TICK_QUIET_NS
							      : TICK_NS);
	pool->quiet_hits = hits;
	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		if (pool->endpoints[i].backoff.retry_at > now)
			next = fastipc_policy_sooner(
				next, pool->endpoints[i].backoff.retry_at);
	__atomic_store_n(&pool->maintained_until, next + 5 * TICK_NS,
			 __ATOMIC_RELAXED);
	fastipc_unlock(&pool->lock);
	fastipc_pool_bury(pool);
	return next;
}
