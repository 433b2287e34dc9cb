/* SPDX-License-Identifier: MIT */
/*
 * What the pool decides, as pure code: the time, the measurements and the
 * randomness come in, a decision comes out, and nothing here waits, locks or
 * calls the system.  So a test can run hours of it on a virtual clock.
 *
 * Thread-safety: none; the pool's lock is held.
 */
#ifndef FASTIPC_POOL_POLICY_H
#define FASTIPC_POOL_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/* The next of a sequence of pseudo-random numbers (SplitMix64). */
uint64_t fastipc_policy_random(uint64_t *state);
/* The sooner of two times, of which 0 means never. */
uint64_t fastipc_policy_sooner(uint64_t a, uint64_t b);

/* ---- reconnecting: exponential backoff with full jitter ---- */

/*
 * "Full jitter" of the AWS Architecture Blog (Brooker, "Exponential Backoff
 * And Jitter", 2015): a delay anywhere between 0 and the bound, which doubles
 * with each failure, spreads clients that failed together best.
 */
struct fastipc_backoff {
	uint32_t failures; /* in a row */
	uint64_t retry_at; /* not before that; 0: any time */
};

uint64_t fastipc_backoff_delay(uint64_t base_ns, uint64_t most_ns,
			       uint32_t failures, uint64_t random);
void fastipc_backoff_failed(struct fastipc_backoff *backoff, uint64_t now,
			    uint64_t base_ns, uint64_t most_ns,
			    uint64_t random);

/*
 * How long a connect may take while other connections are there, if connects
 * took @mean_ns and so many failed in a row: four times as long, 20 ms at least,
 * and up to four times that after failures.  A server that does not answer must
 * not hold up its callers, and one that is slow must not stay without any.
 */
uint64_t fastipc_connect_limit(uint64_t mean_ns, uint32_t failures);

/* ---- the retry budget: a token bucket that calls fill ---- */

struct fastipc_budget_settings {
	uint32_t percent;    /* of calls that may be retries */
	uint32_t per_second; /* retries allowed besides */
	uint32_t burst;	     /* that may have been saved up */
};

struct fastipc_budget {
	uint64_t thousandths; /* of tokens */
	uint64_t calls;	      /* as of the last look */
	uint64_t at;
};

void fastipc_budget_init(struct fastipc_budget *budget,
			 const struct fastipc_budget_settings *settings,
			 uint64_t now);
/* Take one token; @calls were made ever.  False: there is none. */
bool fastipc_budget_take(struct fastipc_budget *budget,
			 const struct fastipc_budget_settings *settings,
			 uint64_t now, uint64_t calls);

/* ---- the circuit breaker of an endpoint ---- */

enum fastipc_breaker_state {
	FASTIPC_BREAKER_CLOSED = 0,
	FASTIPC_BREAKER_OPEN = 1,
	FASTIPC_BREAKER_HALF_OPEN = 2,
};

struct fastipc_breaker_settings {
	uint32_t percent;      /* of calls that failed, to open it; 0: never */
	uint32_t least;	       /* failures, to open it */
	uint64_t window_ns;    /* that it looks back */
	uint64_t open_ns;      /* how long it stays open first */
	uint64_t open_most_ns; /* ... and after many probes that failed */
	uint32_t probes;       /* good ones in a row that close it */
};

#define FASTIPC_BREAKER_BUCKETS 8

struct fastipc_breaker {
	enum fastipc_breaker_state state;
	struct {
		uint64_t good, failed;
	} buckets[FASTIPC_BREAKER_BUCKETS];
	uint64_t slice;	     /* number of the newest bucket's time */
	uint64_t until;	     /* open until then */
	uint32_t times_open; /* in a row */
	uint32_t good;	     /* probes */
	bool probing;	     /* one is under way */
	uint64_t probe_ends; /* or is taken for lost */
};

/* Calls ended.  True: the breaker opened because of it. */
bool fastipc_breaker_note(struct fastipc_breaker *breaker,
			  const struct fastipc_breaker_settings *settings,
			  uint64_t now, uint64_t good, uint64_t failed,
			  uint64_t random);
/* Whether a call may go there now.  An open one becomes half-open here. */
bool fastipc_breaker_admits(struct fastipc_breaker *breaker, uint64_t now);
/* A half-open breaker's one call begins. */
void fastipc_breaker_begin_probe(struct fastipc_breaker *breaker,
				 const struct fastipc_breaker_settings *settings,
				 uint64_t now);
/* ... and ended.  True: the breaker is closed now. */
bool fastipc_breaker_end_probe(struct fastipc_breaker *breaker,
			       const struct fastipc_breaker_settings *settings,
			       uint64_t now, bool good, uint64_t random);
/* ... without having told anything. */
void fastipc_breaker_void_probe(struct fastipc_breaker *breaker);
/* When fastipc_breaker_admits() may change its mind; 0: not by itself. */
uint64_t fastipc_breaker_next(const struct fastipc_breaker *breaker);

/* ---- how many connections ---- */

struct fastipc_sizer_settings {
	uint32_t min, max;
	uint64_t idle_ns;  /* too many for that long: one fewer; 0: never */
	uint64_t trial_ns; /* how long one more or one fewer is tried */
};

/* What was measured since the last tick. */
struct fastipc_sizer_sample {
	uint32_t size;	     /* connections that are up */
	uint32_t peak;	     /* of them in use at once */
	uint32_t waiters;    /* callers that waited at once, at most */
	uint64_t calls;	     /* ever */
	uint64_t connect_ns; /* what one more connection costs */
};

/*
 * One connection more than were in use at once is kept, so that there is one
 * before a caller has to wait.  If callers wait all the same, and a call takes
 * longer than a connect, each gets a connection.  If they wait for short calls
 * it is tried out how many are best, twice or half as many at a time: for what
 * bounds the throughput may be the server or the CPUs, and then connections
 * only cost.  More are kept if they bring a quarter of what they could at best;
 * fewer are kept if no more than that is lost.
 */
struct fastipc_sizer {
	uint32_t ceiling;    /* not more, until hold_until */
	uint64_t hold_until; /* 0: no ceiling */
	uint64_t hold_ns;    /* the last one's length */
	uint64_t fewer_at;   /* when one fewer is tried next */
	uint64_t fewer_ns;   /* the last wait for that */
	/* A trial: from so many to so many; 0: none. */
	uint32_t trial_from, trial_to;
	double trial_before; /* calls/s before it */
	uint64_t trial_calls, trial_at;
	uint64_t base_calls, base_at; /* when callers began to wait */
	uint64_t idle_since;	      /* too many since then; 0: not so */
	uint32_t idle_peak;	      /* most in use since then */
};

void fastipc_sizer_init(struct fastipc_sizer *sizer,
			const struct fastipc_sizer_settings *settings);
/* How many there should be now. */
uint32_t fastipc_sizer_tick(struct fastipc_sizer *sizer,
			    const struct fastipc_sizer_settings *settings,
			    uint64_t now,
			    const struct fastipc_sizer_sample *sample);
/* How many there may be now, at most. */
uint32_t fastipc_sizer_most(const struct fastipc_sizer *sizer,
			    const struct fastipc_sizer_settings *settings,
			    uint64_t now);

/* ---- whose turn it is on a connection ---- */

/*
 * Handing a connection to the first who waits costs a switch of threads for
 * each call.  So a thread that comes back for it at once may have it again
 * until its turn ends, and then the first in the queue has its turn: fair by
 * turns rather than by calls.  Who is trusted to come back, and does not,
 * leaves it idle for a while: trust goes down, and without trust connections
 * are handed over at once.
 */
struct fastipc_turns {
	int32_t trust;
	uint32_t handed; /* over without trust, since it was tried last */
};

#define FASTIPC_TURN_TRUST_MOST 8
/* Later than this a thread did not come back at once. */
#define FASTIPC_TURN_RETURN_NS 10000u

void fastipc_turns_init(struct fastipc_turns *turns);
/* A connection is released, and others wait: may its user keep the claim? */
bool fastipc_turn_keep(struct fastipc_turns *turns, uint64_t now,
		       uint64_t turn_ends);
/* It came back, or somebody else took the connection, after @idle_ns. */
void fastipc_turn_returned(struct fastipc_turns *turns, uint64_t idle_ns);

/* ---- which endpoint ---- */

struct fastipc_choice {
	uint32_t weight; /* 0: only if no other is there */
	uint64_t given;	 /* calls given to it, in its weight's units */
	uint32_t in_use; /* calls under way */
	bool admits;
};

/*
 * The next endpoint for a call: the one with the fewest calls under way for
 * its weight, of those the one that got least for its weight.  -1: none.
 */
int fastipc_choose(const struct fastipc_choice *choices, uint32_t count);
/* The endpoint for a key: weighted rendezvous hashing, so that only the keys
 * of an endpoint that goes away move. */
int fastipc_choose_sticky(const struct fastipc_choice *choices, uint32_t count,
			  uint64_t key);

#endif
