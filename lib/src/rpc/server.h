/* SPDX-License-Identifier: MIT */
/*
 * The server's state, and which thread owns which part.
 *
 * The rendezvous thread (in fastipc_server_run()) owns the listener, the
 * handshakes, the list of connections that it tells to who asks, and the epoll
 * set, in which each connection's socket is: it turns POLL doorbells and
 * hang-ups into events in the inbox of the connection's worker.  It is the
 * first to know of a connection and the first to forget it: after the HANGUP
 * event it never touches the connection again.
 *
 * A worker owns its connections: their rings, their assembly, their place
 * among the hot and the warm.  It polls the hot ones in memory, and sleeps on
 * all their doorbells and its inbox at once (futex_waitv).  Idle connections
 * are armed for POLL and cost it nothing.
 *
 * Of kmod, the end of the channel itself is in the epoll set: for hang-ups
 * while it is hot, for data too while it is idle.  A worker with one hot
 * connection, of kmod, sleeps in WAIT or SWAP; with more, these are idle.
 *
 * The sending half of a connection is the worker's alone while no request of
 * it is deferred; else it is protected by connection->lock.  Only the worker
 * makes `deferred` larger, in a handler, so it knows when it is 0.
 *
 * Counters have one writer each, but for the wakes of a worker, which answers
 * from other threads add to; they are read with relaxed loads.
 */
#ifndef FASTIPC_SERVER_INTERNAL_H
#define FASTIPC_SERVER_INTERNAL_H

#include <pthread.h>

#include <fastipc/server.h>

#include "frame/compress.h"
#include "frame/frame.h"
#include "rpc/delivery.h"
#include "rpc/loans.h"
#include "rpc/outbox.h"
#include "rpc/registry.h"
#include "rpc/stash.h"
#include "rpc/streams.h"

/* What a descriptor in the epoll set is; first member of its owner. */
enum watch_kind {
	WATCH_LISTENER,
	WATCH_STOP,
	WATCH_HANDSHAKE,
	WATCH_CONNECTION,
};

struct watch {
	enum watch_kind kind;
};

/* Added to the eventfd server->stop_fd, which 1 stops the server with. */
#define FASTIPC_STOP_DRAIN (1ull << 32)

/* A socket whose HELLO has not come yet. */
struct handshake {
	struct watch watch;
	int sock;
	uint64_t deadline;
	struct handshake *next, *previous;
};

/* connection->events */
#define EVENT_NEW 1u	  /* made: the worker takes it over */
#define EVENT_DOORBELL 2u /* the client rang the socket */
#define EVENT_HANGUP 4u	  /* the socket is closed: drain, then forget */
#define EVENT_BACKLOG 8u  /* another thread left something to send */
#define EVENT_DRAIN 16u	  /* the server drains */
/* Look at the streams: a loan was freed, and one may wait for room; or callbacks
 * are due. */
#define EVENT_STREAMS 32u

struct connection {
	struct watch watch;
	struct fastipc_channel channel;
	struct fastipc_server *server;
	struct worker *worker;
	/* The worker's, each deferred request's, each held stream's. */
	uint32_t references;
	uint32_t deferred; /* requests to be answered later, streams held */
	bool dead;	   /* nothing can be sent any more */
	bool lied;	   /* about what it has read */
	struct fastipc_peer peer;		/* outlives the link, ... */
	struct fastipc_fingerprint fingerprint; /* ... as this does */
	pthread_mutex_t lock;
	struct fastipc_request *requests; /* deferred; under lock */
	struct outbox outbox;	/* what the ring has no room for yet */
	struct parcel *spare;	/* kept from the last one; may be NULL */
	uint64_t backlog_since; /* when it last moved, ns */
	struct streams streams;
	struct loans *loans; /* NULL: it cannot lend */

	/* The worker's. */
	struct fastipc_assembly assembly;
	struct handler_cache handlers;
	struct fastipc_packing packing; /* with a reference to its settings */
	bool hot;
	bool closing;		/* broken: waits for its HANGUP */
	bool draining;		/* GOAWAY was sent; any thread may look */
	bool stream_error;	/* what it broke were rules of streams, ... */
	bool loan_error;	/* ... or of loans and descriptors */
	uint64_t requests_seen; /* when a control was useless last */
	bool slept_on;		/* by the worker, last time, ... */
	uint32_t bell_seen;	/* ... and the doorbell's value then */
	uint32_t warm;		/* its place among the warm + 1, or 0 */
	uint64_t last_turn;	/* work_turn when something came */
	struct connection *next, *previous;
	struct connection *leaving_next; /* while its HANGUP is handled */

	/* Under worker->inbox_lock. */
	uint32_t events;
	struct connection *inbox_next;

	/* The rendezvous thread's. */
	uint64_t id; /* counted up as they are accepted */
	uint64_t created_ns;
	struct connection *listed_next, *listed_previous;
};

struct fastipc_request {
	struct connection *connection;
	uint64_t id;
	const void *data;
	uint32_t size;
	uint16_t type;
	bool answered;
	bool is_deferred;
	uint32_t cancelled;
	uint64_t deadline;
	struct fastipc_stream *stream;		 /* that it opened, or NULL */
	struct fastipc_delivery *delivery;	 /* that came along, or NULL */
	struct fastipc_cargo *cargo;		 /* that goes with the answer */
	struct fastipc_request *kept;		 /* what defer returned */
	struct fastipc_request *next, *previous; /* deferred ones */
	uint64_t bytes[];
};

struct worker {
	struct fastipc_server *server;
	pthread_t thread;
	uint32_t index;

	/* The inbox. */
	uint32_t inbox_word; /* futex word, bumped with each event */
	int endpoint;	     /* kmod: that it sleeps on, alone; or -1 */
	bool stop;
	pthread_mutex_t inbox_lock;
	struct connection *inbox_first, *inbox_last;

	/* Polled connections, and those that are polled only while it spins
	 * (hot.h); room for all. */
	struct connection **hot, **warm;
	uint32_t hot_count, warm_count;
	uint32_t kindled;   /* made hot with the last that was found there */
	uint32_t favoured;  /* counted up: whose place is next */
	uint64_t warm_turn; /* work_turn of that, or of the last sleep */
	struct connection *connections;
	uint64_t turn;
	uint64_t work_turn;  /* turns in which something came */
	uint64_t idle_since; /* when it ran out of work, ns; 0: it has not */
	uint64_t idle_turn;  /* the turn of that */
	bool idle_spin;	     /* decided then */
	uint64_t way_since; /* when it gave way after that, ns; 0: it has not */
	uint64_t looked_at; /* last, at who does not take its replies, ns */
	uint32_t inbox_seen;
	struct fastipc_wait_policy wait;
	unsigned char *scratch; /* the request in hand */
	uint32_t scratch_size;
	struct fastipc_stash stash;
	int error;			  /* why the thread could not begin */
	bool stepping;			  /* in fastipc_server_dispatch() */
	struct fastipc_packer packer;	  /* replies in handlers */
	struct fastipc_unpacker unpacker; /* and requests */
	struct fastipc_server_stats stats;
} __attribute__((aligned(FASTIPC_LINE_SIZE)));

struct fastipc_server {
	struct fastipc_server_options options;
	struct fastipc_rendezvous rendezvous;
	struct fastipc_compress_settings *compression; /* NULL: off */
	struct registry *registry;
	struct worker *workers;
	uint32_t worker_count;
	int epoll_fd;
	int stop_fd;
	struct watch listener_watch, stop_watch;
	struct handshake *handshakes, *handshakes_last; /* oldest first */
	uint32_t handshake_count;
	struct connection *listed, *listed_last; /* by id */
	uint64_t started_ns;
	uint64_t connections;	 /* open; rendezvous thread and workers */
	uint64_t deferred_bytes; /* sent by answers from other threads */
	struct fastipc_compressed deferred_compressed; /* likewise */
	uint32_t parted; /* futex word: a connection is gone */
	bool draining;
	bool told; /* the workers, that it drains */
	bool running;
	uint64_t paused_until; /* no accepting before; 0: not paused */
	struct fastipc_server_stats stats; /* the rendezvous thread's */
};

static inline void count(uint64_t *counter, uint64_t amount)
{
	__atomic_store_n(counter, *counter + amount, __ATOMIC_RELAXED);
}

/* ---- connection.c ---- */

/* Takes the link over, also on error. */
struct connection *fastipc_connection_create(struct fastipc_server *server,
					     struct worker *worker,
					     const struct fastipc_link *link);
void fastipc_connection_unref(struct connection *connection);
/*
 * Handle what waits, a bounded number of messages.  Returns how many; the
 * connection may be `closing` afterwards.
 */
unsigned int fastipc_connection_serve(struct connection *connection);
/* The end: deferred requests are cancelled, memory and socket given back. */
void fastipc_connection_close(struct connection *connection);
/* It has become idle: give back the memory that it keeps to be quick. */
void fastipc_connection_rest(struct connection *connection);
/* What its worker waits for: FASTIPC_WANT_*. */
uint32_t fastipc_connection_wants(const struct connection *connection);
/* Whether it has come. */
static inline bool
fastipc_connection_is_ready(const struct connection *connection)
{
	return fastipc_channel_ready(&connection->channel,
				     fastipc_connection_wants(connection));
}
/*
 * kmod: whether the rendezvous thread is to be told of data (or of space, if
 * there is a backlog), or of a hang-up only.  Any thread.
 */
void fastipc_connection_watch(struct connection *connection, bool idle);
/* Tell the client that the server drains. */
void fastipc_connection_drain(struct connection *connection);
/* Whether it drains, and nothing is under way any more. */
bool fastipc_connection_is_drained(struct connection *connection);
/* Say goodbye: nothing more is sent, and the rendezvous thread sees the end. */
void fastipc_connection_shut(struct connection *connection);
/* The client is in the middle of a message, or takes one. */
bool fastipc_connection_is_busy(const struct connection *connection);

/*
 * The client broke a rule that no frame of its shows: before the worker sleeps.
 * Whether its connection has ended for that.
 */
bool fastipc_connection_check_passing(struct connection *connection);
/* An ERROR, if @id is a call's.  0. */
int fastipc_connection_refuse(struct connection *connection, uint16_t type,
			      uint64_t id, int error, const char *text);
/* Room for @size bytes in the worker's scratch; -ENOMEM. */
int fastipc_worker_scratch_grow(struct worker *worker, uint32_t size);

/* ---- server_loans.c ---- */

/* Take a frame that is FASTIPC_FRAME_LADEN, and dispatch it: 0, or the reason
 * to give the client up. */
int fastipc_connection_take_laden(struct connection *connection,
				  const struct fastipc_frame *frame);
/* A loan was freed while somebody waits for room, in any thread. */
void fastipc_connection_tell_room(void *connection);
/* There is room: streams that want it look, and callbacks that are due run. */
void fastipc_connection_use_room(struct connection *connection);
/* The client gives a loan back.  -EPROTO. */
int fastipc_connection_take_return(struct connection *connection, uint64_t id);
/* What came with a request that is answered goes back.  The sending half is the
 * caller's. */
void fastipc_request_end_delivery(struct fastipc_request *request,
				  bool from_worker);

/* ---- sending.c ---- */

/* Whether the sending half must be locked now. */
static inline bool
fastipc_connection_is_shared(const struct connection *connection)
{
	return __atomic_load_n(&connection->deferred, __ATOMIC_ACQUIRE) != 0;
}

/*
 * Whether there is more to send than the ring took.  The worker may ask
 * without the lock: who leaves something in the backlog posts EVENT_BACKLOG.
 */
static inline bool
fastipc_connection_has_backlog(const struct connection *connection)
{
	return !fastipc_outbox_is_empty(&connection->outbox);
}

/* The same, and the client gets no further requests handled until then. */
static inline bool
fastipc_connection_is_clogged(const struct connection *connection)
{
	return fastipc_outbox_is_clogged(&connection->outbox);
}

int fastipc_connection_send_slowly(struct connection *connection,
				   struct fastipc_outgoing *message,
				   bool from_worker);

/*
 * Send @message, as much as possible now and the rest from the backlog.
 * Never waits for long.  The sending half is the caller's (see above).
 */
FASTIPC_INLINE int fastipc_connection_send(struct connection *connection,
					   struct fastipc_outgoing *message,
					   bool from_worker)
{
	if (__builtin_expect(
		    connection->dead || connection->outbox.count ||
			    fastipc_frame_push_plain(&connection->channel,
						     message, false),
		    0))
		return fastipc_connection_send_slowly(connection, message,
						      from_worker);
	fastipc_channel_notify(&connection->channel, FASTIPC_WANT_DATA);
	return 0;
}

/* What the client is told then. */
#define FASTIPC_CARGO_FAILED "the server could not send what was to go along"

/* An ERROR frame; @text may be NULL. */
int fastipc_connection_send_error(struct connection *connection, uint16_t type,
				  uint64_t id, int error, const char *text,
				  bool from_worker);
/* Push the backlog on, a turn's bytes at most.  Returns whether anything moved:
 * then there is perhaps room for more. */
bool fastipc_connection_flush_backlog(struct connection *connection);
/* Something was put into the outbox. */
void fastipc_connection_queued(struct connection *connection, bool from_worker);
/* It cannot go on as it should: its end, which the rendezvous thread sees.
 * Returns @error. */
int fastipc_connection_abandon(struct connection *connection, int error);

/* ---- request.c ---- */

/* The connection whose handler, or callback, this thread is in; or NULL. */
extern _Thread_local const struct connection *fastipc_request_handling
	__attribute__((visibility("hidden")));

/* This thread is in a handler, or a callback, of @connection's from here on;
 * what that returns is for leaving it. */
static inline const struct connection *
fastipc_request_enter(const struct connection *connection)
{
	const struct connection *outer = fastipc_request_handling;

	fastipc_request_handling = connection;
	return outer;
}

static inline void fastipc_request_leave(const struct connection *outer)
{
	fastipc_request_handling = outer;
}

/* Whether this thread is in a handler. */
static inline bool fastipc_request_in_handler(void)
{
	return fastipc_request_handling != NULL;
}

/* ... of @connection's: then it is its worker, which looks at it afterwards. */
static inline bool
fastipc_request_in_handler_of(const struct connection *connection)
{
	return fastipc_request_handling == connection;
}

/* There is no handler for it, or the server drains. */
void fastipc_request_turn_away(struct fastipc_request *request);
/* What a handler that returned @result has left to do. */
void fastipc_request_answer_for(struct fastipc_request *request, int result);

/* Run the handler of @request and see that it is answered. */
FASTIPC_INLINE void fastipc_request_dispatch(struct fastipc_request *request)
{
	struct connection *connection = request->connection;
	struct handler_cache *cache = &connection->handlers;
	struct fastipc_server_stats *stats = &connection->worker->stats;
	const struct connection *outer;
	int result;

	count(request->id ? &stats->requests : &stats->one_way, 1);
	count(&stats->bytes_received, request->size);
	if (__builtin_expect(!fastipc_registry_find(connection->server->registry,
						    request->type, cache) ||
				     (connection->draining && request->id),
			     0)) {
		fastipc_request_turn_away(request);
		return;
	}
	outer = fastipc_request_enter(connection);
	result = cache->handler(request, cache->context);
	fastipc_request_leave(outer);
	if (!request->answered && !request->kept && request->id)
		fastipc_request_answer_for(request, result);
}

/* The client gave up @id. */
bool fastipc_request_cancel(struct connection *connection, uint64_t id);

/* ---- server_streams.c ---- */

extern const struct streams_ops fastipc_server_streams_ops;

/* ---- worker.c ---- */

int fastipc_worker_init(struct worker *worker, struct fastipc_server *server,
			uint32_t index);
void fastipc_worker_fini(struct worker *worker);
/* The thread: serves until fastipc_worker_stop(); then closes its connections. */
void *fastipc_worker_run(void *worker);
void fastipc_worker_stop(struct worker *worker);
/* Tell the worker about a connection.  Any thread. */
void fastipc_worker_post(struct worker *worker, struct connection *connection,
			 uint32_t event);
/* Something of it ended: if the server drains, the worker is to look.  Under
 * connection->lock. */
static inline void fastipc_connection_check_drain(struct connection *connection)
{
	if (__builtin_expect(__atomic_load_n(&connection->draining,
					     __ATOMIC_RELAXED),
			     0) &&
	    !connection->dead)
		fastipc_worker_post(connection->worker, connection,
				    EVENT_DRAIN);
}
/*
 * What another thread did, or a handler that is not a stream's, may be a reason
 * for callbacks, which the worker runs: what was queued has gone, and no frame
 * need come that would make it look.  Under connection->lock.
 */
static inline void
fastipc_connection_check_callbacks(struct connection *connection)
{
	const struct streams *streams = &connection->streams;

	if (__builtin_expect(streams->events && !streams->running, 0) &&
	    !connection->dead)
		fastipc_worker_post(connection->worker, connection,
				    EVENT_STREAMS);
}
/* Drop its events: nobody posts any more, and it is about to be freed. */
void fastipc_worker_unpost(struct worker *worker,
			   struct connection *connection);
/* For dispatch: serve all that waits, arm everything for POLL; or what comes in
 * 10 ms, and make the loop come back.  Returns the number of messages. */
unsigned int fastipc_worker_step(struct worker *worker);
void fastipc_worker_close_all(struct worker *worker);

/* ---- census.c ---- */

/* From its EVENT_NEW to its EVENT_HANGUP, by the rendezvous thread. */
void fastipc_census_add(struct fastipc_server *server,
			struct connection *connection);
void fastipc_census_remove(struct fastipc_server *server,
			   struct connection *connection);
/* struct fastipc_status: read_totals and list; @server is the context. */
void fastipc_census_totals(void *server, struct fastipc_totals *totals);
size_t fastipc_census_page(void *server, uint64_t cursor,
			   struct fastipc_connection_info *infos, size_t most);

/* ---- acceptor.c ---- */

/* One round of the rendezvous thread.  @timeout_ms as epoll_wait(2)'s.
 * Returns whether it was told to stop. */
bool fastipc_acceptor_step(struct fastipc_server *server, int timeout_ms);
/* When it must look at handshakes again, for epoll_wait(2). */
int fastipc_acceptor_timeout(const struct fastipc_server *server);
int fastipc_acceptor_watch(struct fastipc_server *server, int fd,
			   struct watch *watch);
void fastipc_acceptor_close_handshakes(struct fastipc_server *server);

#endif
