// SPDX-License-Identifier: MIT
/*
 * Calls on whatever connection there is, tried again where they may be.
 */
#include "pool/pool.h"

#include <fastipc/loan.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "frame/value.h"

/* A connection that was not used for so long may have ended meanwhile. */
#define LOOK_AFTER_NS 1000u

struct attempt {
	uint16_t type;
	fastipc_encode_fn encode; /* NULL: the bytes at value */
	const void *value;
	size_t size;
	struct fastipc_buffer *reply;
};

enum verdict {
	VERDICT_ANSWERED, /* or refused by this end: another would do it, too */
	VERDICT_NOT_SENT, /* surely: the server goes away */
	VERDICT_OVER,	  /* the connection ended after it may have arrived */
	VERDICT_SILENT,	  /* no reply came in time */
};

void fastipc_pool_call_options_init(struct fastipc_pool_call_options *options)
{
	*options =
		(struct fastipc_pool_call_options){ .size = sizeof(*options) };
}

/* With something along, in either direction. */
static int send_laden(struct fastipc_client *client,
		      const struct attempt *attempt,
		      const struct fastipc_pool_call_options *options,
		      uint64_t deadline)
{
	const void *data = attempt->value;
	size_t size = attempt->size;
	void *made = NULL;
	int error = 0;

	if (attempt->encode) {
		error = fastipc_value_make(NULL, attempt->encode,
					   attempt->value, &made, &size);
		data = made;
	}
	if (!error)
		error = fastipc_client_call_with(client, attempt->type, data,
						 size, options->attachment,
						 attempt->reply,
						 options->delivery, deadline);
	fastipc_value_free(NULL, made);
	return error;
}

static int send_attempt(struct member *member, const struct attempt *attempt,
			const struct fastipc_pool_call_options *options,
			uint64_t deadline)
{
	if (__builtin_expect(options->attachment || options->delivery, 0))
		return send_laden(member->client, attempt, options, deadline);
	if (attempt->encode)
		return fastipc_client_call_value(member->client, attempt->type,
						 attempt->encode,
						 attempt->value, attempt->reply,
						 deadline);
	return fastipc_client_call(member->client, attempt->type,
				   attempt->value, attempt->size,
				   attempt->reply, deadline);
}

static void drop(struct fastipc_pool *pool, struct member *member,
		 enum member_fate fate, uint64_t now, uint64_t failed)
{
	uint32_t index = member->endpoint;

	fastipc_lock(&pool->lock);
	fastipc_endpoint_note(pool, index, now, failed);
	if (failed)
		fastipc_endpoint_end_probe(pool, member, now, false);
	else
		fastipc_endpoint_void_probe(pool, member);
	fastipc_member_retire(pool, member, fate);
	fastipc_member_leave(pool, member);
	/* The others, if it was the server that ended. */
	if (fate == FATE_LOST)
		fastipc_endpoint_check(pool, index);
	fastipc_pool_poke(pool);
	fastipc_unlock(&pool->lock);
}

/* A connection that is over before this, and has brought nothing, was made in
 * vain. */
#define IN_VAIN_NS 100000000u

static bool is_in_vain(const struct member *member, uint64_t now)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };

	return now < member->made_at + IN_VAIN_NS &&
	       !fastipc_client_get_stats(member->client, &stats) &&
	       !stats.replies && !stats.bytes_received && !stats.streams_opened;
}

/*
 * Its connection is over, and nothing was sent.  That is nobody's failure, unless
 * it was made in vain: to connect at once again would be, too.
 */
static void drop_unused(struct fastipc_pool *pool, struct member *member,
			uint64_t now)
{
	drop(pool, member,
	     fastipc_member_is_draining(pool, member) ? FATE_DRAINED
						      : FATE_LOST,
	     now, is_in_vain(member, now));
}

static enum verdict judge(const struct fastipc_pool *pool,
			  const struct member *member, int error, bool expired)
{
	/* Also if the connection is over by now: it ended in order. */
	if (error == -ESHUTDOWN && fastipc_member_is_draining(pool, member))
		return VERDICT_NOT_SENT;
	if (fastipc_member_is_over(pool, member))
		return VERDICT_OVER;
	/* A handler may fail with -ETIMEDOUT, too. */
	return error == -ETIMEDOUT && expired ? VERDICT_SILENT
					      : VERDICT_ANSWERED;
}

static void silent(struct fastipc_pool *pool, struct member *member,
		   uint64_t now)
{
	fastipc_lock(&pool->lock);
	member->suspect = true;
	fastipc_endpoint_note(pool, member->endpoint, now, 1);
	fastipc_endpoint_end_probe(pool, member, now, false);
	fastipc_unlock(&pool->lock);
	fastipc_pool_give(pool, member, now);
}

static void answered(struct fastipc_pool *pool, struct member *member,
		     uint64_t start, uint64_t end)
{
	fastipc_histogram_add(&member->latency, end - start,
			      pool->options.sharing == 1);
	fastipc_member_count(pool, &member->calls);
	__atomic_store_n(&member->last_used, end, __ATOMIC_RELAXED);
	fastipc_pool_give(pool, member, end);
}

/* Whether the call may be sent again; what it fails with otherwise. */
static bool may_retry(struct fastipc_pool *pool,
		      const struct fastipc_pool_call_options *options,
		      int error, unsigned int attempts, uint64_t now)
{
	bool paid;

	if (!options->idempotent) {
		fastipc_fail(
			error,
			"%s after the request was sent: the handler may have run, or may not (a call that is not idempotent is not sent again)",
			error == -ETIMEDOUT
				? "no reply came before the deadline"
				: "the connection ended");
		return false;
	}
	if (options->deadline && now >= options->deadline) {
		fastipc_fail(error, "%s; the deadline passed after %u attempts",
			     fastipc_strerror(error), attempts);
		return false;
	}
	fastipc_lock(&pool->lock);
	paid = fastipc_budget_take(&pool->budget, &pool->budget_settings, now,
				   fastipc_pool_hits(pool));
	if (paid)
		pool->counters.retries++;
	else
		pool->counters.retries_refused++;
	fastipc_unlock(&pool->lock);
	if (!paid)
		fastipc_fail(
			error,
			"%s, and the pool's retry budget is used up (%u attempts of this call)",
			fastipc_strerror(error), attempts);
	return paid;
}

/* No connection for a further attempt: also tell of those before. */
static int gave_up(int error, int last, unsigned int attempts)
{
	char why[160];

	if (!attempts)
		return error;
	snprintf(why, sizeof(why), "%s", fastipc_error_detail());
	return fastipc_fail(error, "%u attempts ended with: %s; then %s",
			    attempts, fastipc_strerror(last), why);
}

static int run(struct fastipc_pool *pool, const struct attempt *attempt,
	       const struct fastipc_pool_call_options *options)
{
	struct request request = { .deadline = options->deadline,
				   .sticky = options->sticky,
				   .key = options->sticky_key };
	unsigned int attempts = 0;
	bool dropped = false;
	int last = 0;

	for (;;) {
		uint64_t start, end, deadline = options->deadline;
		struct member *member;
		enum verdict verdict;
		uint32_t endpoint;
		int error = fastipc_pool_take(pool, &request, &member);

		if (error)
			return gave_up(error, last, attempts);
		start = fastipc_now_ns();
		endpoint = member->endpoint;
		if (start - fastipc_pool_read(&member->last_used) >
		    LOOK_AFTER_NS)
			fastipc_member_look(pool, member);
		if (fastipc_member_is_over(pool, member)) {
			/* Nothing was sent. */
			drop_unused(pool, member, start);
			dropped = true;
			continue;
		}
		if (options->idempotent && pool->options.attempt_timeout_ns)
			deadline = fastipc_policy_sooner(
				deadline,
				start + pool->options.attempt_timeout_ns);
		error = send_attempt(member, attempt, options, deadline);
		end = fastipc_now_ns();
		if (__builtin_expect(!error, 1)) {
			answered(pool, member, start, end);
			/* Who had to do with a connection that ended does not
			 * close it as well: that takes as long again. */
			if (__builtin_expect(
				    end >= fastipc_pool_read(&pool->next_tick),
				    0) &&
			    !dropped && !attempts)
				fastipc_pool_tick(pool, end);
			return 0;
		}
		verdict =
			judge(pool, member, error, deadline && end >= deadline);
		switch (verdict) {
		case VERDICT_ANSWERED:
			answered(pool, member, start, end);
			return error;
		case VERDICT_NOT_SENT:
			drop(pool, member, FATE_DRAINED, end, 0);
			dropped = true;
			continue;
		case VERDICT_OVER:
			drop(pool, member, FATE_LOST, end, 1);
			break;
		case VERDICT_SILENT:
			silent(pool, member, end);
			break;
		}
		attempts++;
		last = error;
		if (!may_retry(pool, options, error, attempts, end))
			return error;
		request.failed = endpoint + 1;
	}
}

static const struct fastipc_pool_call_options usual = {
	.size = sizeof(usual),
};

static int check(const struct fastipc_pool *pool,
		 const struct fastipc_pool_call_options **options)
{
	if (!*options)
		*options = &usual;
	if (!pool)
		return fastipc_fail(-EINVAL, "pool is NULL");
	if ((*options)->size < sizeof(usual))
		return fastipc_fail(
			-EINVAL,
			"options->size is %zu: use fastipc_pool_call_options_init()",
			(*options)->size);
	return 0;
}

/* What a client would say of a message, before one is taken. */
static int check_message(uint16_t type, const void *data, size_t size,
			 const struct fastipc_pool_call_options *options)
{
	if (options->delivery)
		*options->delivery = NULL;
	if (options->attachment && options->attachment->loan) {
		fastipc_loan_free(options->attachment->loan);
		return fastipc_fail(-EINVAL,
				    "a loan is of one connection: take it with "
				    "fastipc_pool_acquire()");
	}
	if (type >= FASTIPC_TYPE_RESERVED)
		return fastipc_fail(
			-EINVAL, "message types from 0xFF00 on are reserved");
	if (!data && size)
		return fastipc_fail(-EINVAL, "data is NULL");
	return 0;
}

int fastipc_pool_call(struct fastipc_pool *pool, uint16_t type,
		      const void *data, size_t size,
		      struct fastipc_buffer *reply,
		      const struct fastipc_pool_call_options *options)
{
	const struct attempt attempt = {
		.type = type,
		.value = data,
		.size = size,
		.reply = reply,
	};
	int error = check(pool, &options);

	if (!error)
		error = check_message(type, data, size, options);
	return error ? error : run(pool, &attempt, options);
}

int fastipc_pool_call_value(struct fastipc_pool *pool, uint16_t type,
			    fastipc_encode_fn encode, const void *value,
			    struct fastipc_buffer *reply,
			    const struct fastipc_pool_call_options *options)
{
	const struct attempt attempt = {
		.type = type,
		.encode = encode,
		.value = value,
		.reply = reply,
	};
	int error = check(pool, &options);

	if (!error)
		error = check_message(type, value, 0, options);
	if (!error && !encode)
		error = fastipc_fail(-EINVAL, "encode is NULL");
	return error ? error : run(pool, &attempt, options);
}

/* ---- a connection for a while ---- */

/*
 * Whether the member's connection is over, if it was not taken for a while: the
 * coarse clock, which ticks each 1 to 10 ms, costs next to nothing.
 */
FASTIPC_INLINE bool is_stale(struct fastipc_pool *pool, struct member *member)
{
	struct timespec coarse;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &coarse);
	now = (uint64_t)coarse.tv_sec * 1000000000u + (uint64_t)coarse.tv_nsec;
	if (__builtin_expect(now == fastipc_pool_read(&member->taken_at), 1))
		return false;
	__atomic_store_n(&member->taken_at, now, __ATOMIC_RELAXED);
	fastipc_pool_look_soon(pool);
	fastipc_member_look(pool, member);
	return fastipc_member_is_over(pool, member) ||
	       fastipc_member_is_draining(pool, member);
}

int fastipc_pool_acquire(struct fastipc_pool *pool,
			 const struct fastipc_pool_call_options *options,
			 struct fastipc_client **client)
{
	struct request request;
	struct member *member;
	int error = check(pool, &options);

	if (!error && !client)
		error = fastipc_fail(-EINVAL, "client is NULL");
	if (error)
		return error;
	request = (struct request){ .deadline = options->deadline,
				    .sticky = options->sticky,
				    .key = options->sticky_key };
	while (!(error = fastipc_pool_take(pool, &request, &member)) &&
	       is_stale(pool, member))
		drop_unused(pool, member, fastipc_now_ns());
	if (__builtin_expect(!error, 1))
		*client = member->client;
	return error;
}

int fastipc_pool_release(struct fastipc_pool *pool,
			 struct fastipc_client *client)
{
	struct member *member;

	if (!pool || !client)
		return fastipc_fail(-EINVAL, "pool and client are needed");
	member = fastipc_pool_member_of(pool, client);
	if (!member)
		return fastipc_fail(
			-EINVAL,
			"the client is not one that the pool gave out");
	if (__builtin_expect(fastipc_member_is_draining(pool, member), 0)) {
		drop(pool, member, FATE_DRAINED, fastipc_now_ns(), 0);
		fastipc_pool_bury(pool);
		return 0;
	}
	if (__builtin_expect(fastipc_member_is_over(pool, member), 0)) {
		drop(pool, member, FATE_LOST, fastipc_now_ns(), 1);
		fastipc_pool_bury(pool);
		return 0;
	}
	fastipc_pool_give(pool, member, 0);
	if (__builtin_expect(fastipc_pool_is_look_due(pool), 0)) {
		uint64_t now = fastipc_now_ns();

		if (now >= fastipc_pool_read(&pool->next_tick))
			fastipc_pool_tick(pool, now);
	}
	return 0;
}
