// SPDX-License-Identifier: MIT
/*
 * Taking a member and giving it back: at once from the thread's own cache,
 * else by the pool's choice, else by waiting in a queue.
 */
#include "pool/pool.h"

#include <errno.h>

/* Pools of which a thread remembers its last member. */
#define CACHED_POOLS 4
/* Claims of it until the pool chooses anew, or looks at the time. */
#define CLAIMS_CACHED 64u
/* How long after a turn's end the first who waits looks whether somebody left
 * one idle: who keeps its turn hands over by itself. */
#define LOOK_FIRST_NS 100000u
#define LOOK_MOST_NS 1000000u

struct cached {
	uint64_t pool;
	uint32_t place;
	uint32_t left;
};

/* Small enough for the room that the loader leaves for libraries that come
 * later; then to find it takes no function call. */
static _Thread_local struct cached cached[CACHED_POOLS]
	__attribute__((tls_model("initial-exec")));

uint64_t fastipc_pool_thread(void)
{
	return (uintptr_t)cached;
}

static struct cached *cache_of(const struct fastipc_pool *pool)
{
	return &cached[pool->id % CACHED_POOLS];
}

static void remember(const struct fastipc_pool *pool,
		     const struct member *member)
{
	*cache_of(pool) = (struct cached){
		.pool = pool->id,
		.place = (uint32_t)(member - pool->members),
		.left = CLAIMS_CACHED,
	};
}

/*
 * Somebody has it who could give it back.  What the pool itself holds for a
 * ping is nobody's, and nobody's is with it, unless connections are shared.
 */
static bool is_out(const struct fastipc_pool *pool, const struct member *member)
{
	return fastipc_pool_read(&member->word) & MEMBER_USERS &&
	       (pool->options.sharing > 1 ||
		!__atomic_load_n(&member->held, __ATOMIC_RELAXED));
}

struct member *fastipc_pool_member_of(struct fastipc_pool *pool,
				      const struct fastipc_client *client)
{
	struct cached *cache = cache_of(pool);

	if (__builtin_expect(cache->pool == pool->id, 1)) {
		struct member *member = &pool->members[cache->place];

		if (__builtin_expect(__atomic_load_n(&member->client,
						     __ATOMIC_RELAXED) ==
					     client,
				     1))
			return is_out(pool, member) ? member : NULL;
	}
	for (uint32_t i = 0; i < pool->capacity; i++) {
		struct member *member = &pool->members[i];

		if (__atomic_load_n(&member->client, __ATOMIC_RELAXED) ==
			    client &&
		    is_out(pool, member))
			return member;
	}
	return NULL;
}

bool fastipc_pool_is_look_due(const struct fastipc_pool *pool)
{
	const struct cached *cache = cache_of(pool);

	return cache->left + 1 >= CLAIMS_CACHED;
}

void fastipc_pool_look_soon(const struct fastipc_pool *pool)
{
	cache_of(pool)->left = CLAIMS_CACHED - 1;
}

/* Others wait, but it is still this thread's turn on @member. */
static bool claim_in_turn(struct fastipc_pool *pool, struct member *member)
{
	uint64_t now;

	if (fastipc_pool_read(&member->owner) != fastipc_pool_thread())
		return false;
	now = fastipc_now_ns();
	if (now >= fastipc_pool_read(&member->turn_ends) ||
	    !fastipc_member_claim(member, pool->options.sharing))
		return false;
	fastipc_turn_returned(&member->turns,
			      now - fastipc_pool_read(&member->released_at));
	return true;
}

/* The way that most go: no lock, no line that others write. */
FASTIPC_INLINE struct member *claim_cached(struct fastipc_pool *pool)
{
	struct cached *cache = cache_of(pool);
	struct member *member;

	if (cache->pool != pool->id)
		return NULL;
	member = &pool->members[cache->place];
	if (__builtin_expect(__atomic_load_n(&pool->waiters, __ATOMIC_RELAXED),
			     0)) {
		if (!claim_in_turn(pool, member))
			return NULL;
	} else {
		if (__builtin_expect(!cache->left, 0)) {
			if (pool->endpoint_count > 1)
				return NULL;
			cache->left = CLAIMS_CACHED;
		}
		cache->left--;
		if (!fastipc_member_claim(member, pool->options.sharing))
			return NULL;
	}
	fastipc_member_count(pool, &member->hits);
	return member;
}

/* ---- choosing, with the lock ---- */

static void own(struct fastipc_pool *pool, struct member *member,
		uint64_t token, uint64_t now)
{
	fastipc_member_count(pool, &member->hits);
	__atomic_store_n(&member->owner, token, __ATOMIC_RELAXED);
	__atomic_store_n(&member->turn_ends, now + pool->options.turn_ns,
			 __ATOMIC_RELAXED);
}

/* The member of the endpoint with the fewest users, from @first on. */
static struct member *claim_of(struct fastipc_pool *pool, uint32_t endpoint,
			       uint32_t first)
{
	for (uint64_t users = 0; users < pool->options.sharing; users++)
		for (uint32_t i = 0; i < pool->capacity; i++) {
			struct member *member =
				&pool->members[(first + i) % pool->capacity];

			if (member->occupied && member->endpoint == endpoint &&
			    fastipc_member_claim(member, (uint32_t)users + 1))
				return member;
		}
	return NULL;
}

/* The same of an endpoint whose breaker lets one call through. */
static struct member *claim_probe(struct fastipc_pool *pool, uint32_t endpoint)
{
	for (uint32_t i = 0; i < pool->capacity; i++) {
		struct member *member = &pool->members[i];
		uint64_t word = MEMBER_READY | MEMBER_BARRED;

		if (member->occupied && member->endpoint == endpoint &&
		    __atomic_compare_exchange_n(&member->word, &word, word + 1,
						false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED)) {
			member->probe = true;
			return member;
		}
	}
	return NULL;
}

static void fill_choices(struct fastipc_pool *pool,
			 const struct request *request, uint64_t now,
			 struct fastipc_choice *choices)
{
	for (uint32_t i = 0; i < pool->endpoint_count; i++) {
		struct endpoint *endpoint = &pool->endpoints[i];

		choices[i] = (struct fastipc_choice){
			.weight = endpoint->weight,
			.given = endpoint->given,
			.in_use = pool->endpoint_count > 1
					  ? fastipc_endpoint_in_use(pool, i)
					  : 0,
			.admits = fastipc_endpoint_admits(pool, endpoint, now),
		};
	}
	/* Not where the last attempt failed, if there is another. */
	if (request->failed) {
		bool other = false;

		for (uint32_t i = 0; i < pool->endpoint_count; i++)
			other |= choices[i].admits && i + 1 != request->failed;
		if (other)
			choices[request->failed - 1].admits = false;
	}
	/* Those of weight 0 are for when no other is there. */
	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		if (choices[i].admits && choices[i].weight) {
			for (uint32_t j = 0; j < pool->endpoint_count; j++)
				if (!choices[j].weight)
					choices[j].admits = false;
			break;
		}
}

enum { PICK_MEMBER, PICK_CONNECT, PICK_WAIT, PICK_NONE };

struct pick {
	struct member *member;
	uint32_t endpoint;
	bool probe;
};

/* A member of the endpoint, or a connection to be made to it. */
static int pick_of(struct fastipc_pool *pool, const struct request *request,
		   uint32_t index, uint64_t now, struct pick *pick)
{
	struct endpoint *endpoint = &pool->endpoints[index];
	bool room = pool->size + pool->connecting < pool->capacity;
	uint32_t first = request->sticky
				 ? (uint32_t)(request->key % pool->capacity)
				 : pool->next_place++;

	pick->endpoint = index;
	pick->probe = endpoint->breaker.state != FASTIPC_BREAKER_CLOSED;
	if (pick->probe) {
		pick->member = claim_probe(pool, index);
		if (pick->member ||
		    (room && !endpoint->live &&
		     fastipc_endpoint_may_connect(pool, endpoint, now))) {
			fastipc_breaker_begin_probe(&endpoint->breaker,
						    &pool->breaker_settings,
						    now);
			return pick->member ? PICK_MEMBER : PICK_CONNECT;
		}
		return PICK_WAIT;
	}
	pick->member = claim_of(pool, index, first);
	if (pick->member)
		return PICK_MEMBER;
	if (room && fastipc_endpoint_may_connect(pool, endpoint, now) &&
	    ((!endpoint->live && !endpoint->connecting) ||
	     pool->size + pool->connecting < pool->target))
		return PICK_CONNECT;
	return PICK_WAIT;
}

/* What can be had now. */
static int pick(struct fastipc_pool *pool, const struct request *request,
		uint64_t now, struct pick *result)
{
	struct fastipc_choice choices[FASTIPC_POOL_ENDPOINTS_MAX];
	struct pick connect = { 0 };
	bool any = false, may_connect = false;
	int index;

	fill_choices(pool, request, now, choices);
	while ((index = request->sticky
				? fastipc_choose_sticky(choices,
							pool->endpoint_count,
							request->key)
				: fastipc_choose(choices,
						 pool->endpoint_count)) >= 0) {
		int found;

		any = true;
		found = pick_of(pool, request, (uint32_t)index, now, result);
		if (found == PICK_MEMBER || request->sticky)
			return found;
		if (found == PICK_CONNECT) {
			/* An endpoint without a connection gets one; one with
			 * some only if no other has an idle one. */
			if (!pool->endpoints[index].live)
				return found;
			if (!may_connect)
				connect = *result;
			may_connect = true;
		}
		choices[index].admits = false;
	}
	*result = connect;
	if (may_connect)
		return PICK_CONNECT;
	return any ? PICK_WAIT : PICK_NONE;
}

/* ---- the queue, with the lock ---- */

static void enqueue(struct fastipc_pool *pool, struct waiter *waiter)
{
	struct waiter *after = pool->last;

	/* Who connected in vain is where it was before. */
	while (after && after->since > waiter->since)
		after = after->previous;
	waiter->previous = after;
	waiter->next = after ? after->next : pool->first;
	if (waiter->next)
		waiter->next->previous = waiter;
	else
		pool->last = waiter;
	if (after)
		after->next = waiter;
	else
		pool->first = waiter;
	__atomic_add_fetch(&pool->waiters, 1, __ATOMIC_SEQ_CST);
	if (pool->waiters > pool->waited_peak)
		pool->waited_peak = pool->waiters;
}

static void dequeue(struct fastipc_pool *pool, struct waiter *waiter)
{
	if (waiter->previous)
		waiter->previous->next = waiter->next;
	else
		pool->first = waiter->next;
	if (waiter->next)
		waiter->next->previous = waiter->previous;
	else
		pool->last = waiter->previous;
	__atomic_sub_fetch(&pool->waiters, 1, __ATOMIC_SEQ_CST);
}

static void wake(struct waiter *waiter, uint32_t word)
{
	__atomic_store_n(&waiter->word, word, __ATOMIC_RELEASE);
	fastipc_futex_wake(&waiter->word, 1);
}

void fastipc_pool_poke(struct fastipc_pool *pool)
{
	if (pool->first && pool->first->word == WAITER_SLEEPS)
		wake(pool->first, WAITER_POKED);
}

/* The first who may have a member of this endpoint. */
static struct waiter *first_for(const struct fastipc_pool *pool,
				uint32_t endpoint)
{
	for (struct waiter *w = pool->first; w; w = w->next)
		if (w->endpoint < 0 || (uint32_t)w->endpoint == endpoint)
			return w;
	return NULL;
}

/* The claim of a member goes over to who waits; with it, the first place. */
static void hand_over(struct fastipc_pool *pool, struct waiter *waiter,
		      struct member *member, uint64_t now)
{
	bool was_first = waiter == pool->first;

	dequeue(pool, waiter);
	own(pool, member, waiter->token, now);
	waiter->member = member;
	wake(waiter, WAITER_GRANTED);
	if (was_first)
		fastipc_pool_poke(pool);
}

void fastipc_pool_grant(struct fastipc_pool *pool)
{
	uint64_t now = 0;

	for (uint32_t i = 0; pool->first && i < pool->capacity; i++) {
		struct member *member = &pool->members[i];
		struct waiter *waiter;

		if (!member->occupied || !fastipc_member_is_idle(member))
			continue;
		waiter = first_for(pool, member->endpoint);
		if (!waiter ||
		    !fastipc_member_claim(member, pool->options.sharing))
			continue;
		if (!now)
			now = fastipc_now_ns();
		hand_over(pool, waiter, member, now);
	}
}

/*
 * The first who waits takes what others left idle in their turn, if they did
 * not come back at once.
 */
static struct member *take_left(struct fastipc_pool *pool,
				const struct waiter *waiter, uint64_t now)
{
	for (uint32_t i = 0; i < pool->capacity; i++) {
		struct member *member = &pool->members[i];
		uint64_t released = fastipc_pool_read(&member->released_at);

		if (!member->occupied || !fastipc_member_is_idle(member) ||
		    (waiter->endpoint >= 0 &&
		     (uint32_t)waiter->endpoint != member->endpoint) ||
		    now < released + FASTIPC_TURN_RETURN_NS)
			continue;
		if (!fastipc_member_claim(member, pool->options.sharing))
			continue;
		fastipc_turn_returned(&member->turns, now - released);
		return member;
	}
	return NULL;
}

/* ---- taking one, the slow way ---- */

static uint64_t next_event(const struct fastipc_pool *pool, uint64_t now)
{
	uint64_t next = 0;

	for (uint32_t i = 0; i < pool->endpoint_count; i++)
		next = fastipc_policy_sooner(
			next, fastipc_endpoint_next(&pool->endpoints[i]));
	/* What was due was looked at. */
	return next && next <= now ? now + LOOK_FIRST_NS : next;
}

static int none(struct fastipc_pool *pool)
{
	return fastipc_fail(
		-EHOSTDOWN,
		"none of the pool's %u servers can be used now: %u connections, and their breakers are open or a connect failed just now",
		pool->endpoint_count, pool->size);
}

static int timed_out(struct fastipc_pool *pool, bool any)
{
	pool->counters.timeouts++;
	if (!any)
		return fastipc_fail(
			-ETIMEDOUT,
			"none of the pool's %u servers could be used before the deadline; nothing was sent",
			pool->endpoint_count);
	return fastipc_fail(
		-ETIMEDOUT,
		"no connection of the pool became free before the deadline: %u are open, %u callers wait; nothing was sent",
		pool->size, pool->waiters + 1);
}

/* To wait for the server would not help. */
static bool is_permanent(int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
	case -ETIMEDOUT:
	case -EPIPE:
	case -EUSERS:
	case -EAGAIN:
	case -EBUSY:
	case -EBADMSG:
	case -ECONNRESET:
		return false;
	default:
		return true;
	}
}

static int connect_picked(struct fastipc_pool *pool,
			  const struct request *request,
			  const struct pick *picked, struct member **member)
{
	int error;

	/* Meanwhile the next in the queue may do what else there is to do. */
	fastipc_pool_poke(pool);
	error = fastipc_member_connect(pool, picked->endpoint, pool->size,
				       request->deadline, member);
	if (!error)
		(*member)->probe = picked->probe;
	/* Whoever waits for this endpoint may have to do something else. */
	fastipc_pool_poke(pool);
	return error;
}

/* Sleep in the queue.  True: a member was granted. */
static bool sleep_queued(struct fastipc_pool *pool, struct waiter *waiter,
			 uint64_t deadline, uint64_t *look_ns)
{
	uint64_t now = fastipc_now_ns();
	uint64_t until = deadline;

	waiter->word = WAITER_SLEEPS;
	enqueue(pool, waiter);
	/* Who released before it could see us told nobody. */
	fastipc_pool_grant(pool);
	if (waiter->member)
		return true;
	if (waiter == pool->first) {
		until = fastipc_policy_sooner(until, next_event(pool, now));
		until = fastipc_policy_sooner(until, now + *look_ns);
		if (*look_ns < LOOK_MOST_NS)
			*look_ns *= 2;
	}
	fastipc_unlock(&pool->lock);
	fastipc_futex_wait(&waiter->word, WAITER_SLEEPS, until);
	fastipc_lock(&pool->lock);
	if (waiter->member)
		return true;
	dequeue(pool, waiter);
	return false;
}

static int take_slowly(struct fastipc_pool *pool, const struct request *request,
		       struct member **member)
{
	struct waiter waiter = { .token = fastipc_pool_thread(),
				 .endpoint = -1 };
	uint64_t now = fastipc_now_ns(), began = now;
	uint64_t look_ns = pool->options.turn_ns + LOOK_FIRST_NS;
	struct pick picked = { 0 };
	bool slept = false;
	int error = 0;

	waiter.since = now;
	for (;;) {
		int found = PICK_WAIT;
		/* First come, first served. */
		bool mine = !pool->first || pool->first->since > waiter.since;

		if (now >= fastipc_pool_read(&pool->next_tick))
			fastipc_pool_resize(pool, now);
		picked.member = NULL;
		if (mine && slept)
			picked.member = take_left(pool, &waiter, now);
		if (picked.member)
			found = PICK_MEMBER;
		else if (mine)
			found = pick(pool, request, now, &picked);
		if (found == PICK_MEMBER) {
			*member = picked.member;
			pool->endpoints[picked.member->endpoint].given +=
				CLAIMS_CACHED;
			own(pool, *member, waiter.token, now);
			error = 0;
			break;
		}
		if (found == PICK_CONNECT) {
			error = connect_picked(pool, request, &picked, member);
			if (!error)
				break;
			if (!pool->size && is_permanent(error))
				break;
			now = fastipc_now_ns();
			if (!request->deadline || now < request->deadline)
				continue;
		}
		if (found == PICK_NONE && pool->options.fail_fast) {
			error = none(pool);
			break;
		}
		if (request->deadline && now >= request->deadline) {
			error = timed_out(pool, found == PICK_WAIT);
			break;
		}
		waiter.endpoint = request->sticky && found == PICK_WAIT && mine
					  ? (int)picked.endpoint
					  : -1;
		if (mine && slept)
			fastipc_pool_resume_ping(pool, now);
		slept = true;
		if (sleep_queued(pool, &waiter, request->deadline, &look_ns)) {
			*member = waiter.member;
			error = 0;
			break;
		}
		now = fastipc_now_ns();
	}
	if (slept) {
		pool->counters.waits++;
		fastipc_histogram_add(&pool->wait_times,
				      fastipc_now_ns() - began, true);
		/* The next in the queue has the first's duties now. */
		fastipc_pool_poke(pool);
	}
	if (!error) {
		uint32_t in_use = fastipc_pool_in_use(pool);

		if (in_use > pool->peak)
			pool->peak = in_use;
	}
	return error;
}

int fastipc_pool_take(struct fastipc_pool *pool, const struct request *request,
		      struct member **member)
{
	int error;

	if (!request->sticky && !request->failed) {
		*member = claim_cached(pool);
		if (__builtin_expect(*member != NULL, 1))
			return 0;
	}
	fastipc_lock(&pool->lock);
	error = take_slowly(pool, request, member);
	fastipc_unlock(&pool->lock);
	if (!error)
		remember(pool, *member);
	return error;
}

/* ---- giving it back ---- */

/* Others wait: whose turn is it? */
static void give_in_turn(struct fastipc_pool *pool, struct member *member,
			 uint64_t now)
{
	struct waiter *waiter;

	if (!now)
		now = fastipc_now_ns();
	if (pool->options.sharing == 1 && !member->probe &&
	    fastipc_turn_keep(&member->turns, now,
			      fastipc_pool_read(&member->turn_ends))) {
		uint64_t word;

		__atomic_store_n(&member->released_at, now, __ATOMIC_RELAXED);
		word = MEMBER_READY | 1;
		if (__atomic_compare_exchange_n(
			    &member->word, &word, MEMBER_READY, false,
			    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return;
	}
	fastipc_lock(&pool->lock);
	fastipc_endpoint_end_probe(pool, member, now, true);
	waiter = first_for(pool, member->endpoint);
	if (waiter && !(__atomic_load_n(&member->word, __ATOMIC_RELAXED) &
			(MEMBER_BARRED | MEMBER_RETIRING))) {
		hand_over(pool, waiter, member, now);
	} else {
		fastipc_member_leave(pool, member);
		fastipc_pool_poke(pool);
	}
	fastipc_unlock(&pool->lock);
}

void fastipc_pool_give(struct fastipc_pool *pool, struct member *member,
		       uint64_t now)
{
	uint64_t word;

	if (__builtin_expect(__atomic_load_n(&pool->waiters, __ATOMIC_RELAXED),
			     0)) {
		give_in_turn(pool, member, now);
		return;
	}
	word = __atomic_load_n(&member->word, __ATOMIC_RELAXED);
	while (__builtin_expect(!(word & (MEMBER_BARRED | MEMBER_RETIRING)), 1))
		if (__atomic_compare_exchange_n(&member->word, &word, word - 1,
						true, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED)) {
			if (__builtin_expect(!__atomic_load_n(&pool->waiters,
							      __ATOMIC_SEQ_CST),
					     1))
				return;
			fastipc_lock(&pool->lock);
			fastipc_pool_grant(pool);
			fastipc_unlock(&pool->lock);
			return;
		}
	fastipc_lock(&pool->lock);
	fastipc_endpoint_end_probe(pool, member, now ? now : fastipc_now_ns(),
				   true);
	fastipc_member_leave(pool, member);
	fastipc_pool_grant(pool);
	fastipc_unlock(&pool->lock);
}
