// SPDX-License-Identifier: MIT
/*
 * One server of a pool: whether calls may go to it, and connections be tried.
 */
#include "pool/pool.h"

#include <poll.h>

#define POLLED_MOST 64

static void set_barred(struct fastipc_pool *pool, uint32_t index, bool barred)
{
	for (uint32_t i = 0; i < pool->capacity; i++) {
		struct member *member = &pool->members[i];

		/* A place without a connection has no user to mislead: it is
		 * set as a whole when one begins. */
		if (!member->occupied || member->endpoint != index)
			continue;
		if (barred)
			__atomic_fetch_or(&member->word, MEMBER_BARRED,
					  __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_and(&member->word, ~MEMBER_BARRED,
					   __ATOMIC_SEQ_CST);
	}
}

static void eject(struct fastipc_pool *pool, struct endpoint *endpoint)
{
	if (endpoint->ejected)
		return;
	endpoint->ejected = true;
	endpoint->ejections++;
	pool->counters.ejections++;
}

static void readmit(struct fastipc_pool *pool, struct endpoint *endpoint)
{
	if (!endpoint->ejected)
		return;
	endpoint->ejected = false;
	pool->counters.readmissions++;
}

bool fastipc_endpoint_may_connect(const struct fastipc_pool *pool,
				  const struct endpoint *endpoint, uint64_t now)
{
	/* After a failure, one at a time. */
	if (endpoint->backoff.failures && endpoint->connecting)
		return false;
	/* It may only be slow, and now there is time to find out. */
	if (endpoint->hurried && !pool->size)
		return true;
	return now >= endpoint->backoff.retry_at;
}

bool fastipc_endpoint_admits(struct fastipc_pool *pool,
			     struct endpoint *endpoint, uint64_t now)
{
	return fastipc_breaker_admits(&endpoint->breaker, now) &&
	       (endpoint->live || endpoint->connecting ||
		fastipc_endpoint_may_connect(pool, endpoint, now));
}

uint64_t fastipc_endpoint_next(const struct endpoint *endpoint)
{
	uint64_t next = fastipc_breaker_next(&endpoint->breaker);

	if (!endpoint->connecting)
		next = fastipc_policy_sooner(next, endpoint->backoff.retry_at);
	return next;
}

void fastipc_endpoint_note(struct fastipc_pool *pool, uint32_t index,
			   uint64_t now, uint64_t failed)
{
	struct endpoint *endpoint = &pool->endpoints[index];
	uint64_t good = 0;

	for (uint32_t i = 0; i < pool->capacity; i++) {
		struct member *member = &pool->members[i];
		uint64_t calls;

		if (!member->occupied || member->endpoint != index)
			continue;
		calls = fastipc_pool_read(&member->calls);
		good += calls - member->noted_calls;
		member->noted_calls = calls;
	}
	endpoint->calls += good;
	endpoint->failures += failed;
	pool->counters.failures += failed;
	if (fastipc_breaker_note(&endpoint->breaker, &pool->breaker_settings,
				 now, good, failed,
				 fastipc_policy_random(&pool->random))) {
		eject(pool, endpoint);
		set_barred(pool, index, true);
	}
}

void fastipc_endpoint_connected(struct fastipc_pool *pool, uint32_t index,
				uint64_t took_ns)
{
	struct endpoint *endpoint = &pool->endpoints[index];

	endpoint->connect_ns =
		endpoint->connect_ns ? (endpoint->connect_ns * 7 + took_ns) / 8
				     : took_ns;
	endpoint->connects++;
	pool->counters.connects++;
	if (endpoint->lost) {
		endpoint->lost--;
		pool->counters.reconnects++;
	}
	endpoint->backoff = (struct fastipc_backoff){ 0 };
	endpoint->hurried = false;
	if (endpoint->breaker.state == FASTIPC_BREAKER_CLOSED)
		readmit(pool, endpoint);
	else
		set_barred(pool, index, true);
}

void fastipc_endpoint_refused(struct fastipc_pool *pool, uint32_t index,
			      uint64_t now, bool hurried)
{
	struct endpoint *endpoint = &pool->endpoints[index];

	endpoint->hurried = hurried;
	endpoint->connect_failures++;
	pool->counters.connect_failures++;
	fastipc_backoff_failed(&endpoint->backoff, now,
			       pool->options.backoff_ns,
			       pool->options.backoff_most_ns,
			       fastipc_policy_random(&pool->random));
	if (!endpoint->live)
		eject(pool, endpoint);
	if (endpoint->breaker.state == FASTIPC_BREAKER_HALF_OPEN)
		fastipc_breaker_end_probe(&endpoint->breaker,
					  &pool->breaker_settings, now, false,
					  fastipc_policy_random(&pool->random));
}

void fastipc_endpoint_end_probe(struct fastipc_pool *pool,
				struct member *member, uint64_t now, bool good)
{
	struct endpoint *endpoint = &pool->endpoints[member->endpoint];

	if (!member->probe)
		return;
	member->probe = false;
	if (fastipc_breaker_end_probe(&endpoint->breaker,
				      &pool->breaker_settings, now, good,
				      fastipc_policy_random(&pool->random))) {
		set_barred(pool, member->endpoint, false);
		readmit(pool, endpoint);
	}
}

void fastipc_endpoint_void_probe(struct fastipc_pool *pool,
				 struct member *member)
{
	if (member->probe)
		fastipc_breaker_void_probe(
			&pool->endpoints[member->endpoint].breaker);
	member->probe = false;
}

void fastipc_endpoint_check(struct fastipc_pool *pool, uint32_t index)
{
	struct pollfd pollfds[POLLED_MOST];
	struct member *members[POLLED_MOST];
	nfds_t count = 0;

	for (uint32_t i = 0; i < pool->capacity && count < POLLED_MOST; i++) {
		struct member *member = &pool->members[i];

		if (!member->occupied || member->endpoint != index ||
		    !member->client)
			continue;
		members[count] = member;
		pollfds[count].fd = fastipc_client_fd(member->client);
		pollfds[count++].events = POLLRDHUP;
	}
	if (!count || poll(pollfds, count, 0) <= 0)
		return;
	for (nfds_t i = 0; i < count; i++)
		if (pollfds[i].revents)
			fastipc_member_retire(pool, members[i], FATE_LOST);
}

uint32_t fastipc_endpoint_in_use(const struct fastipc_pool *pool,
				 uint32_t index)
{
	uint32_t in_use = 0;

	for (uint32_t i = 0; i < pool->capacity; i++) {
		const struct member *member = &pool->members[i];

		if (member->occupied && member->endpoint == index)
			in_use += (uint32_t)(fastipc_pool_read(&member->word) &
					     MEMBER_USERS);
	}
	return in_use;
}
