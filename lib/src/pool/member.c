// SPDX-License-Identifier: MIT
/*
 * One connection of a pool: made, looked after, retired, closed.
 */
#include "pool/pool.h"

#include <errno.h>
#include <poll.h>

#include "rpc/client.h"

/*
 * With one user at a time, that user alone changes client->error, and reads
 * it for nothing; otherwise it is the client's lock's.
 */
bool fastipc_member_is_over(const struct fastipc_pool *pool,
			    const struct member *member)
{
	struct fastipc_client *client = member->client;
	bool over;

	if (pool->options.sharing == 1)
		return client->error;
	fastipc_lock(&client->lock);
	over = client->error;
	fastipc_unlock(&client->lock);
	return over;
}

bool fastipc_member_is_draining(const struct fastipc_pool *pool,
				const struct member *member)
{
	struct fastipc_client *client = member->client;
	bool draining;

	if (pool->options.sharing == 1)
		return client->goaway;
	fastipc_lock(&client->lock);
	draining = client->goaway;
	fastipc_unlock(&client->lock);
	return draining;
}

/* The kernel says that the other end is gone. */
static bool is_hung_up(const struct fastipc_client *client)
{
	struct pollfd pollfd = { .fd = fastipc_client_fd(client),
				 .events = POLLRDHUP };

	return poll(&pollfd, 1, 0) > 0;
}

void fastipc_member_look(struct fastipc_pool *pool, struct member *member)
{
	struct fastipc_client *client = member->client;
	bool news = is_hung_up(client);

	/* An idle connection that gets something gets news about itself. */
	if (!news && pool->options.sharing == 1)
		news = fastipc_consumer_ready(&client->channel.rx);
	if (!news)
		return;
	fastipc_client_dispatch(client);
	fastipc_client_no_loop(client);
}

static struct member *free_member(struct fastipc_pool *pool)
{
	for (uint32_t i = 0; i < pool->capacity; i++)
		if (!pool->members[i].occupied)
			return &pool->members[i];
	return NULL;
}

/* It is connected; this thread is its user. */
static void begin(struct fastipc_pool *pool, struct member *member,
		  struct fastipc_client *client, uint64_t now)
{
	uint64_t age = pool->options.max_age_ns;
	uint64_t token = fastipc_pool_thread();

	member->probe = false;
	member->suspect = false;
	__atomic_store_n(&member->held, false, __ATOMIC_RELAXED);
	member->ping_since = 0;
	member->proven_at = now;
	member->made_at = now;
	member->seen_hits = fastipc_pool_read(&member->hits) + 1;
	member->seen_at = now;
	member->noted_calls = fastipc_pool_read(&member->calls);
	/* Not all at once, if they were made all at once. */
	member->expires = age ? now + age -
					  fastipc_policy_random(&pool->random) %
						  (age / 10 + 1)
			      : 0;
	fastipc_turns_init(&member->turns);
	__atomic_store_n(&member->last_used, now, __ATOMIC_RELAXED);
	__atomic_store_n(&member->owner, token, __ATOMIC_RELAXED);
	__atomic_store_n(&member->turn_ends, now + pool->options.turn_ns,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&member->client, client, __ATOMIC_RELAXED);
	fastipc_member_count(pool, &member->hits);
	__atomic_store_n(&member->word, MEMBER_READY | 1, __ATOMIC_RELEASE);
	pool->size++;
}

int fastipc_member_connect(struct fastipc_pool *pool, uint32_t index,
			   bool beside, uint64_t deadline,
			   struct member **result)
{
	struct endpoint *endpoint = &pool->endpoints[index];
	struct fastipc_client_options options = pool->client;
	struct member *member = free_member(pool);
	uint64_t before = fastipc_now_ns(), after;
	uint64_t until = before + pool->options.connect_timeout_ns;
	uint64_t limit = fastipc_connect_limit(fastipc_pool_mean_connect(pool),
					       endpoint->backoff.failures);
	struct fastipc_client *client = NULL;
	bool blame, hurried;
	int error;

	if (!member)
		return fastipc_fail(-EBUSY, "the pool has no more room");
	hurried = beside && before + limit < until;
	if (hurried)
		until = before + limit;
	blame = !deadline || deadline >= until;
	if (!blame)
		until = deadline > before ? deadline : before;
	options.connect_timeout_ns = until - before;
	member->occupied = true;
	member->endpoint = index;
	endpoint->connecting++;
	pool->connecting++;
	fastipc_unlock(&pool->lock);
	error = fastipc_client_connect(endpoint->address, &options, &client);
	after = fastipc_now_ns();
	fastipc_lock(&pool->lock);
	endpoint->connecting--;
	pool->connecting--;
	if (error) {
		member->occupied = false;
		if (blame || error != -ETIMEDOUT)
			fastipc_endpoint_refused(pool, index, after,
						 error == -ETIMEDOUT &&
							 hurried);
		else
			fastipc_breaker_void_probe(&endpoint->breaker);
		return error;
	}
	endpoint->live++;
	begin(pool, member, client, after);
	fastipc_endpoint_connected(pool, index, after - before);
	*result = member;
	return 0;
}

/* The last user has left. */
static void detach(struct fastipc_pool *pool, struct member *member)
{
	struct endpoint *endpoint = &pool->endpoints[member->endpoint];

	if (pool->grave_count < pool->capacity)
		pool->graves[pool->grave_count++] = member->client;
	else
		fastipc_client_close(member->client); /* hardly ever */
	__atomic_store_n(&member->client, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&member->word, 0, __ATOMIC_RELEASE);
	endpoint->calls +=
		fastipc_pool_read(&member->calls) - member->noted_calls;
	member->occupied = false;
}

void fastipc_member_retire(struct fastipc_pool *pool, struct member *member,
			   enum member_fate fate)
{
	struct endpoint *endpoint = &pool->endpoints[member->endpoint];
	uint64_t word = __atomic_fetch_or(&member->word, MEMBER_RETIRING,
					  __ATOMIC_SEQ_CST);

	if (word & MEMBER_RETIRING)
		return;
	pool->counters.fates[fate]++;
	endpoint->live--;
	pool->size--;
	if (fate == FATE_LOST || fate == FATE_HUNG)
		endpoint->lost++;
	if (!(word & MEMBER_USERS))
		detach(pool, member);
}

void fastipc_member_leave(struct fastipc_pool *pool, struct member *member)
{
	uint64_t word = __atomic_sub_fetch(&member->word, 1, __ATOMIC_SEQ_CST);

	if ((word & MEMBER_RETIRING) && !(word & MEMBER_USERS))
		detach(pool, member);
}

void fastipc_pool_bury(struct fastipc_pool *pool)
{
	struct fastipc_client *client;

	do {
		fastipc_lock(&pool->lock);
		client = pool->grave_count ? pool->graves[--pool->grave_count]
					   : NULL;
		fastipc_unlock(&pool->lock);
		fastipc_client_close(client);
	} while (client);
}
