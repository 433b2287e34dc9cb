/* SPDX-License-Identifier: MIT */
/*
 * A pool: many connections to one or several servers behind one handle.
 * Connections are made, kept and replaced as they are needed; calls go where
 * there is room, and those that may are tried again elsewhere.
 *
 * What is promised about a call, by its options:
 * - not `idempotent`: at most once.  It is sent once; it is tried again only
 *   if surely nothing of it reached a handler (no connection, a connection
 *   found over before the request was sent, a server that goes away:
 *   -ESHUTDOWN, with which no handler of a server that may drain should fail,
 *   since it would be taken for that).  If the connection ends later it fails
 *   with -EPIPE (or -EPROTO, -EBADMSG), and the handler may have run, or may
 *   not.
 * - `idempotent`: at least once, if it returns 0.  It is sent again, perhaps
 *   to another server, until a reply comes, its deadline passes, or the retry
 *   budget is used up; so the handler may run several times.  If it fails, it
 *   ran any number of times, also none.
 *
 * The library has no threads of its own.  What a pool has to do besides (to
 * open a connection before it is needed, close idle ones, ping) is done a
 * little at a time in its callers' calls, after their own work, and in
 * fastipc_pool_maintain(), for those who have a thread or an event loop.
 *
 * Thread-safety: every call may be made by any thread at any time, except
 * that fastipc_pool_destroy() must be the last.
 */
#ifndef FASTIPC_POOL_H
#define FASTIPC_POOL_H

#include <fastipc/client.h>
#include <fastipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fastipc_pool;

/* Servers of the same thing, at most. */
#define FASTIPC_POOL_ENDPOINTS_MAX 64u
#define FASTIPC_POOL_SIZE_MAX 4096u
/* Of an address, with the NUL. */
#define FASTIPC_POOL_ADDRESS_SIZE 120u

struct fastipc_pool_address {
	const char *address; /* copied */
	/* Its share of the calls, at most 2^20; 0: only when no other can be
	 * used. */
	uint32_t weight;
};

struct fastipc_pool_options {
	size_t size;
	/* For statistics; copied; "pool".  With "" no other process sees them:
	 * see fastipc_list_pools(). */
	const char *name;
	/* How to connect; copied, but not what it points to; NULL: defaults.
	 * Its connect_timeout_ns is not used. */
	const struct fastipc_client_options *client;

	uint32_t min_size; /* connections that are kept; 1 */
	uint32_t max_size; /* connections, at most; 16 */
	uint32_t warm_up;  /* connections that create makes, if it can; 1 */
	/* Callers that may use one connection at once; 1.  More suits handlers
	 * that take long and defer their requests. */
	uint32_t sharing;
	uint64_t idle_timeout_ns; /* one that is not needed is closed; 10 s */
	uint64_t max_age_ns;	  /* one is replaced; 0: never (default) */
	uint64_t connect_timeout_ns; /* 1 s */
	/* While callers wait, the one whose turn it is may go on with its
	 * connection so long, call after call; 200 us.  0: strictly in turn. */
	uint64_t turn_ns;

	uint64_t ping_interval_ns; /* an idle connection is asked; 5 s; 0: no */
	uint64_t ping_timeout_ns;  /* then it is given up; 1 s */

	/* Reconnecting: a random time up to a bound ("full jitter"), which
	 * doubles from the first to the second with each failure. */
	uint64_t backoff_ns;	  /* 1 ms */
	uint64_t backoff_most_ns; /* 1 s */

	/* Retries of idempotent calls: a bucket of tokens. */
	uint32_t retry_percent;	   /* tokens for 100 calls; 20 */
	uint32_t retry_per_second; /* tokens besides; 10 */
	uint32_t retry_burst;	   /* tokens that it holds, full first; 100 */
	/* An idempotent call without a reply after this is tried elsewhere,
	 * if the budget allows; 0: it waits until its deadline (default). */
	uint64_t attempt_timeout_ns;

	/* The circuit breaker of each server: so many percent of the calls of
	 * the window failed (the connection ended, or no reply came in time;
	 * not what a handler fails with), and so many in all. */
	uint32_t breaker_percent;      /* 50; 0: no breaker */
	uint32_t breaker_least;	       /* 5 */
	uint64_t breaker_window_ns;    /* 1 s */
	uint64_t breaker_open_ns;      /* then no calls for this; 100 ms */
	uint64_t breaker_open_most_ns; /* ... doubling up to this; 5 s */
	uint32_t breaker_probes;       /* good calls that close it; 3 */

	/* When no server can be used, fail with -EHOSTDOWN at once; otherwise
	 * (default) calls wait for one until their deadline. */
	bool fail_fast;
};

void fastipc_pool_options_init(struct fastipc_pool_options *options);

/*
 * Make a pool for the servers at @addresses.  They need not be there: a
 * warm-up that fails is no error.  @options may be NULL.
 * -EINVAL; -ENAMETOOLONG; -ENOMEM.
 */
int fastipc_pool_create(const struct fastipc_pool_address *addresses,
			size_t count,
			const struct fastipc_pool_options *options,
			struct fastipc_pool **pool);
/* No call may be under way, and no client out.  NULL is allowed. */
void fastipc_pool_destroy(struct fastipc_pool *pool);

struct fastipc_pool_call_options {
	size_t size;
	uint64_t deadline; /* also for waiting, and of all attempts together */
	bool idempotent;   /* may run more than once: see above */
	/* Calls of one key go to the same server while that can be used, and
	 * to the same connection if that is free. */
	bool sticky;
	uint64_t sticky_key;
	/* Descriptors that go along with each attempt, and where to put what
	 * comes with the reply (see <fastipc/loan.h>); not those of
	 * fastipc_pool_acquire().  A loan is of one connection: it goes with
	 * calls of one that was acquired, and is -EINVAL here. */
	const struct fastipc_attachment *attachment;
	struct fastipc_delivery **delivery;
};

void fastipc_pool_call_options_init(struct fastipc_pool_call_options *options);

/*
 * fastipc_client_call() on one of the pool's connections.  @options may be
 * NULL: at most once, no deadline.
 *
 * -ETIMEDOUT no connection became free, no server could be reached, or no
 * reply came before the deadline (fastipc_error_detail() says which); -EPIPE,
 * -EPROTO, -EBADMSG the connection ended after the request was sent, and it
 * was not to be sent again; -EHOSTDOWN (fail_fast) no server can be used;
 * -EINVAL; -ENOMEM; or what fastipc_client_call() returns of a call that
 * reached the server: -EMSGSIZE, -EOPNOTSUPP, the error of the handler.
 */
int fastipc_pool_call(struct fastipc_pool *pool, uint16_t type,
		      const void *data, size_t size,
		      struct fastipc_buffer *reply,
		      const struct fastipc_pool_call_options *options);
/* The same with what @encode makes of @value (for each attempt anew). */
int fastipc_pool_call_value(struct fastipc_pool *pool, uint16_t type,
			    fastipc_encode_fn encode, const void *value,
			    struct fastipc_buffer *reply,
			    const struct fastipc_pool_call_options *options);

/*
 * Take a connection for several calls, posts or streams, and give it back.
 * Waits like fastipc_pool_call(), first come, first served; nothing is tried
 * again for its user.  A client whose connection is over is dropped when it is
 * given back.  Errors: -ETIMEDOUT, -EHOSTDOWN, -EINVAL, -ENOMEM.
 * Release: -EINVAL it is not of this pool, or not out.
 */
int fastipc_pool_acquire(struct fastipc_pool *pool,
			 const struct fastipc_pool_call_options *options,
			 struct fastipc_client **client);
int fastipc_pool_release(struct fastipc_pool *pool,
			 struct fastipc_client *client);

/*
 * Do what is due: connect, close, ping; it may wait for a server that is slow
 * to accept, but holds up no caller.  Returns the time to call it again at the
 * latest.  While somebody calls it in time, callers leave all of this to it.
 */
uint64_t fastipc_pool_maintain(struct fastipc_pool *pool);

/* Of a histogram, in nanoseconds; each within 12.5 %. */
struct fastipc_pool_times {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
};

struct fastipc_pool_stats {
	size_t size;
	uint32_t connections; /* open now */
	uint32_t in_use;      /* now; at most `connections` x sharing */
	uint32_t waiting;     /* callers, now */
	uint32_t endpoints;
	uint32_t endpoints_up; /* that calls may go to now */
	uint64_t hits;	       /* times that an open one was there */
	uint64_t waits;	       /* times that a caller slept for one */
	uint64_t timeouts;     /* ... and got none */
	uint64_t connects;     /* made, ever */
	uint64_t reconnects;   /* of these, for one that was lost */
	uint64_t connect_failures;
	uint64_t lost;	   /* connections that ended by themselves */
	uint64_t hung;	   /* ... that answered no ping */
	uint64_t drained;  /* ... whose server is going away */
	uint64_t reaped;   /* ... that were idle or one too many */
	uint64_t aged;	   /* ... that were too old */
	uint64_t calls;	   /* that got a reply */
	uint64_t failures; /* attempts that failed for the connection */
	uint64_t retries;
	uint64_t retries_refused; /* by the budget */
	uint64_t ejections;	  /* of endpoints */
	uint64_t readmissions;
	struct fastipc_pool_times latency; /* of attempts that got a reply */
	struct fastipc_pool_times wait;	   /* of callers that slept */
};
/* Set stats->size first; later fields are left alone. */
int fastipc_pool_get_stats(struct fastipc_pool *pool,
			   struct fastipc_pool_stats *stats);

/*
 * The same, and each endpoint's, as text in Prometheus' exposition format
 * (0.0.4), into @text (see struct fastipc_buffer); no NUL ends it.
 * -EMSGSIZE a fixed buffer is too small; -ENOMEM.
 */
int fastipc_pool_prometheus(struct fastipc_pool *pool,
			    struct fastipc_buffer *text);

/* ---- pools of other processes ---- */

/* A server of a pool. */
struct fastipc_pool_endpoint_info {
	char address[FASTIPC_POOL_ADDRESS_SIZE];
	uint32_t weight;
	uint32_t connections; /* open */
	uint32_t breaker;     /* 0 closed, 1 open, 2 half-open */
	uint32_t reserved;
	uint64_t calls; /* that got a reply from it */
	uint64_t failures;
	uint64_t connects;
	uint64_t connect_failures;
	uint64_t ejections;
};

struct fastipc_pool_info {
	char name[FASTIPC_NAME_MAX + 1];
	pid_t pid;
	uid_t uid;
	uint64_t id;	 /* of this pool in its process */
	uint64_t age_ns; /* of the pool */
	/* How old the figures are.  A pool writes them down in a call, if it
	 * has not done so for 10 ms (a large pool for up to 100), and in
	 * fastipc_pool_maintain(): while nobody does either, they stay as they
	 * were. */
	uint64_t written_ns;
	struct fastipc_pool_stats stats;
	/* stats.endpoints of them; valid until @found returns. */
	const struct fastipc_pool_endpoint_info *endpoints;
};

/*
 * Call @found for each pool of a live process that this one may look at (its
 * user's; root: all) by way of /proc, in the order of processes; with
 * @address only for those that have it among their servers.  Stop when @found
 * returns other than 0 and return that.  -ENOENT, -EACCES /proc cannot be
 * read; -ENOMEM.  Thread-safe.
 */
int fastipc_list_pools(const char *address,
		       int (*found)(const struct fastipc_pool_info *info,
				    void *context),
		       void *context);
/*
 * The metrics of these pools as of fastipc_pool_prometheus(), with the labels
 * `pid` and `id` more.  Errors as of both.
 */
int fastipc_pools_prometheus(const char *address, struct fastipc_buffer *text);

#ifdef __cplusplus
}
#endif

#endif
