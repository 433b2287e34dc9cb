/* SPDX-License-Identifier: MIT */
/*
 * The pool's state.
 *
 * A member is a place for one connection; its `word` says whether it may be
 * used and by how many it is.  To claim it is one compare-and-swap on its own
 * cache line, and a thread tries the one that it had last: then no shared line
 * is written.  All else is under pool->lock, which is held for no system call
 * but to wake somebody, and to ask the kernel which connections are over.
 *
 * Who waits is counted in pool->waiters before it looks at the members once
 * more, and who releases a member looks at pool->waiters afterwards, all in
 * sequentially consistent order: so one of the two sees the other.
 */
#ifndef FASTIPC_POOL_INTERNAL_H
#define FASTIPC_POOL_INTERNAL_H

#include <fastipc/pool.h>

#include "base/error.h"
#include "base/inline.h"
#include "base/lock.h"
#include "pool/histogram.h"
#include "pool/policy.h"
#include "pool/published.h"

#define CACHE_LINE 64

/* member->word */
#define MEMBER_USERS 0xffffull
#define MEMBER_READY 0x10000ull
#define MEMBER_BARRED 0x20000ull   /* its endpoint's breaker is not closed */
#define MEMBER_RETIRING 0x40000ull /* the last user closes it */

enum member_fate {
	FATE_LOST,
	FATE_HUNG,
	FATE_DRAINED,
	FATE_REAPED,
	FATE_AGED,
	FATES,
};

struct member {
	/* What its user writes. */
	_Alignas(CACHE_LINE) uint64_t word;
	struct fastipc_client *client;
	uint64_t hits;	    /* claims */
	uint64_t calls;	    /* that got a reply */
	uint64_t last_used; /* by a call */
	uint64_t taken_at;  /* by fastipc_pool_acquire(); a coarse clock */
	uint64_t owner;	    /* the thread whose turn it is */
	uint64_t turn_ends;

	/* With the lock, but for what says otherwise. */
	_Alignas(CACHE_LINE) uint64_t released_at; /* its user's */
	struct fastipc_turns turns;		   /* its user's */
	uint32_t endpoint;			   /* valid if in use */
	bool occupied; /* connected, or being connected */
	bool probe;    /* its user's call is a breaker's probe */
	bool suspect;  /* a call on it was not answered */
	bool held;     /* the pool is its user: a ping is not answered yet */
	uint64_t expires;
	uint64_t made_at;
	uint64_t seen_hits, seen_at;	  /* to find out whether it is idle */
	uint64_t proven_at;		  /* the last sign of life seen */
	uint64_t ping_since;		  /* unanswered; 0: none */
	uint64_t noted_calls;		  /* told to the breaker */
	struct fastipc_histogram latency; /* its users' */
};

struct endpoint {
	char *address;
	uint32_t weight;
	uint32_t live;	     /* members connected */
	uint32_t connecting; /* ... being connected */
	uint32_t lost;	     /* ... not replaced yet */
	bool ejected;
	/* The last connect that failed had fastipc_connect_limit() only. */
	bool hurried;
	struct fastipc_backoff backoff;
	struct fastipc_breaker breaker;
	uint64_t given;	     /* calls assigned, for its weight */
	uint64_t connect_ns; /* mean time of a connect */
	uint64_t calls, failures, ejections, connects, connect_failures;
};

struct waiter {
	uint32_t word;	       /* futex; WAITER_* */
	struct member *member; /* granted */
	uint64_t token;
	uint64_t since;
	bool sticky;
	uint64_t key;
	int endpoint; /* the only one; -1: any */
	struct waiter *next, *previous;
};

enum { WAITER_SLEEPS, WAITER_GRANTED, WAITER_POKED };

/* Relaxed adds, on slow paths only. */
struct counters {
	uint64_t waits, timeouts, connects, reconnects, connect_failures;
	uint64_t fates[FATES];
	uint64_t failures, retries, retries_refused;
	uint64_t ejections, readmissions;
};

struct fastipc_pool {
	uint64_t id; /* never used again */
	struct fastipc_pool_options options;
	struct fastipc_client_options client;
	struct fastipc_budget_settings budget_settings;
	struct fastipc_breaker_settings breaker_settings;
	struct fastipc_sizer_settings sizer_settings;
	char *name;
	struct member *members;
	uint32_t capacity;
	struct endpoint *endpoints;
	uint32_t endpoint_count;

	/* Read by everybody, written when somebody waits. */
	_Alignas(CACHE_LINE) uint32_t waiters;
	/* Read by everybody, written a hundred times a second at most. */
	_Alignas(CACHE_LINE) uint64_t next_tick;
	uint64_t maintained_until;

	_Alignas(CACHE_LINE) struct fastipc_lock lock;
	struct waiter *first, *last;
	uint32_t size; /* members connected */
	uint32_t connecting;
	uint32_t target;
	uint32_t peak;	      /* in use at once, since the last tick */
	uint32_t waited_peak; /* waiting at once */
	uint32_t held;	      /* members that the pool is the user of */
	bool ticking;	      /* a thread does the blocking part */
	uint32_t next_place;  /* where to look for an idle one first */
	uint64_t quiet_hits;  /* as fastipc_pool_maintain() saw last */
	uint64_t random;
	struct fastipc_sizer sizer;
	struct fastipc_budget budget;
	struct fastipc_client **graves; /* to be closed */
	uint32_t grave_count;
	struct counters counters;
	struct fastipc_histogram wait_times;

	struct fastipc_pool_page *page; /* what others see; NULL: nothing */
	int page_fd;
	uint64_t publish_at;
};

static inline void fastipc_pool_count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static inline uint64_t fastipc_pool_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* What a member's user counts: alone, or with others. */
static inline void fastipc_member_count(const struct fastipc_pool *pool,
					uint64_t *counter)
{
	if (pool->options.sharing == 1)
		__atomic_store_n(counter, fastipc_pool_read(counter) + 1,
				 __ATOMIC_RELAXED);
	else
		fastipc_pool_count(counter);
}

/* A number that no other living thread has. */
uint64_t fastipc_pool_thread(void);

/* ---- member.c ---- */

FASTIPC_INLINE bool fastipc_member_claim(struct member *member,
					 uint32_t sharing)
{
	uint64_t word = __atomic_load_n(&member->word, __ATOMIC_RELAXED);

	while ((word & ~MEMBER_USERS) == MEMBER_READY &&
	       (word & MEMBER_USERS) < sharing)
		if (__atomic_compare_exchange_n(&member->word, &word, word + 1,
						true, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

static inline bool fastipc_member_is_idle(const struct member *member)
{
	return __atomic_load_n(&member->word, __ATOMIC_RELAXED) == MEMBER_READY;
}

/* The connection is over; the caller is the user. */
bool fastipc_member_is_over(const struct fastipc_pool *pool,
			    const struct member *member);
/* Its server takes no new calls, and began none that ended -ESHUTDOWN. */
bool fastipc_member_is_draining(const struct fastipc_pool *pool,
				const struct member *member);
/* Take what came by itself, and ask the kernel whether the peer is there. */
void fastipc_member_look(struct fastipc_pool *pool, struct member *member);

/*
 * Connect a member to the endpoint; the lock is held, and dropped meanwhile.
 * Then the caller is its user.  0 or a negative errno.  @beside others, it may
 * take less long (see fastipc_connect_limit()): who misses that is asked again
 * later, or as soon as there is no other connection.  The endpoint is not
 * blamed for missing the caller's own @deadline.
 */
int fastipc_member_connect(struct fastipc_pool *pool, uint32_t endpoint,
			   bool beside, uint64_t deadline,
			   struct member **member);
/* Nobody gets it any more; with the lock.  Closed when its last user is gone,
 * which the caller is not. */
void fastipc_member_retire(struct fastipc_pool *pool, struct member *member,
			   enum member_fate fate);
/* One user fewer; with the lock. */
void fastipc_member_leave(struct fastipc_pool *pool, struct member *member);
/* Close what was retired; without the lock. */
void fastipc_pool_bury(struct fastipc_pool *pool);

/* ---- endpoint.c: with the lock ---- */

bool fastipc_endpoint_admits(struct fastipc_pool *pool,
			     struct endpoint *endpoint, uint64_t now);
/* Whether a connection may be tried. */
bool fastipc_endpoint_may_connect(const struct fastipc_pool *pool,
				  const struct endpoint *endpoint,
				  uint64_t now);
/* When either may change by itself; 0: never. */
uint64_t fastipc_endpoint_next(const struct endpoint *endpoint);
/* Tell the breaker of the calls since the last time, and of @failed. */
void fastipc_endpoint_note(struct fastipc_pool *pool, uint32_t endpoint,
			   uint64_t now, uint64_t failed);
void fastipc_endpoint_connected(struct fastipc_pool *pool, uint32_t endpoint,
				uint64_t took_ns);
void fastipc_endpoint_refused(struct fastipc_pool *pool, uint32_t endpoint,
			      uint64_t now, bool hurried);
/* A probe's user is done with it. */
void fastipc_endpoint_end_probe(struct fastipc_pool *pool,
				struct member *member, uint64_t now, bool good);
/* ... and learned nothing. */
void fastipc_endpoint_void_probe(struct fastipc_pool *pool,
				 struct member *member);
/* A connection of it is over: ask the kernel about the others. */
void fastipc_endpoint_check(struct fastipc_pool *pool, uint32_t endpoint);
uint32_t fastipc_endpoint_in_use(const struct fastipc_pool *pool,
				 uint32_t endpoint);

/* ---- acquire.c ---- */

struct request {
	uint64_t deadline;
	bool sticky;
	uint64_t key;
	uint32_t failed; /* endpoint of the last attempt + 1; 0: none */
};

int fastipc_pool_take(struct fastipc_pool *pool, const struct request *request,
		      struct member **member);
/* @now 0: not looked at. */
void fastipc_pool_give(struct fastipc_pool *pool, struct member *member,
		       uint64_t now);
/* Whose client it is; NULL: nobody's. */
struct member *fastipc_pool_member_of(struct fastipc_pool *pool,
				      const struct fastipc_client *client);
/* This thread has claimed so often that it may look at the time. */
bool fastipc_pool_is_look_due(const struct fastipc_pool *pool);
/* ... or may do so after this use. */
void fastipc_pool_look_soon(const struct fastipc_pool *pool);
/* With the lock: idle members go to those who wait for them. */
void fastipc_pool_grant(struct fastipc_pool *pool);
/* Let the first who waits look again. */
void fastipc_pool_poke(struct fastipc_pool *pool);

/* ---- maintain.c ---- */

/* What a connect takes. */
uint64_t fastipc_pool_mean_connect(const struct fastipc_pool *pool);
/* How many users there are now, but for the pool; with the lock. */
uint32_t fastipc_pool_in_use(const struct fastipc_pool *pool);
/* How many connections there should be; with the lock. */
void fastipc_pool_resize(struct fastipc_pool *pool, uint64_t now);
/* Make one more connection for callers to come; with the lock, dropped
 * meanwhile.  False: none is wanted, or it cannot be had now. */
bool fastipc_pool_grow(struct fastipc_pool *pool, uint32_t wanted, bool beside);
/* While a caller waits, and nobody else may be there to do it: look for the
 * answer to a ping.  With the lock, dropped meanwhile. */
void fastipc_pool_resume_ping(struct fastipc_pool *pool, uint64_t now);
/* In a caller's call, when its own work is done. */
void fastipc_pool_tick(struct fastipc_pool *pool, uint64_t now);

/* ---- stats.c ---- */

uint64_t fastipc_pool_hits(const struct fastipc_pool *pool);
/* What all of it is now; with the lock. */
void fastipc_pool_collect(struct fastipc_pool *pool,
			  struct fastipc_pool_figures *figures);

/* ---- publish.c ---- */

/* Let others see the pool's figures.  If that cannot be, they do not. */
void fastipc_pool_publish(struct fastipc_pool *pool);
/* Write them down, if that is due; with the lock. */
void fastipc_pool_write_down(struct fastipc_pool *pool, uint64_t now);
void fastipc_pool_unpublish(struct fastipc_pool *pool);

#endif
