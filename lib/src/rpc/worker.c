// SPDX-License-Identifier: MIT
/*
 * A worker: polls its hot connections (hot.c), and sleeps when there is nothing.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/futex.h"
#include "rpc/hot.h"
#include "rpc/server.h"

/* With more hot connections than this, the idle among them are weeded out. */
#define HOT_FEW 16
/* Turns in which something came between two such weedings. */
#define WEED_TURNS 1024
/* Turns between two looks at who does not take its replies. */
#define STALL_TURNS 4096
/* A read section lasts so many turns: to end and begin one costs two barriers
 * where membarrier(2) is missing. */
#define READ_TURNS 64
/* Empty turns between two looks at the clock. */
#define SPIN_TURNS 4
/* Polls in such a turn. */
#define SPIN_POLLS 32
#define SCRATCH_SIZE 65536u
/* While a client owes us room, its patience is looked at this often. */
#define STALL_CHECK_NS 250000000u
/* More of a time without a look does not count. */
#define AWAY_NS 1000000000u
/* While something waits for space that nobody tells of. */
#define SPACE_LOOK_NS 500000u
/* After so long a dispatch leaves the rest to the next. */
#define STEP_NS 10000000u

int fastipc_worker_init(struct worker *worker, struct fastipc_server *server,
			uint32_t index)
{
	worker->server = server;
	worker->index = index;
	pthread_mutex_init(&worker->inbox_lock, NULL);
	worker->endpoint = -1;
	fastipc_wait_policy_init(&worker->wait, server->options.wait);
	worker->scratch = malloc(SCRATCH_SIZE);
	if (!worker->scratch)
		return fastipc_fail(-ENOMEM, "no memory for a worker");
	/* What it says is what is accepted without a further look. */
	worker->scratch_size = server->options.max_message < SCRATCH_SIZE
				       ? server->options.max_message
				       : SCRATCH_SIZE;
	/* Room for all connections: becoming hot must not fail. */
	worker->hot = malloc(2ull * server->options.max_connections *
			     sizeof(struct connection *));
	if (!worker->hot)
		return fastipc_fail(-ENOMEM, "no memory for %u connections",
				    server->options.max_connections);
	worker->warm = worker->hot + server->options.max_connections;
	return 0;
}

void fastipc_worker_fini(struct worker *worker)
{
	free(worker->hot);
	free(worker->scratch);
	fastipc_stash_clear(&worker->stash);
	fastipc_packer_free(&worker->packer);
	fastipc_unpacker_free(&worker->unpacker);
	pthread_mutex_destroy(&worker->inbox_lock);
}

/* ---- the inbox ---- */

static void ring_inbox(struct worker *worker)
{
	int endpoint;

	__atomic_fetch_add(&worker->inbox_word, 1, __ATOMIC_SEQ_CST);
	endpoint = __atomic_load_n(&worker->endpoint, __ATOMIC_SEQ_CST);
	if (endpoint >= 0)
		/* Closed meanwhile, or another's by now?  No harm then. */
		fastipc_link_kick(endpoint);
	else
		fastipc_local_wake(&worker->inbox_word);
}

void fastipc_worker_post(struct worker *worker, struct connection *connection,
			 uint32_t event)
{
	pthread_mutex_lock(&worker->inbox_lock);
	if (!connection->events) {
		connection->inbox_next = NULL;
		if (worker->inbox_first)
			worker->inbox_last->inbox_next = connection;
		else
			worker->inbox_first = connection;
		worker->inbox_last = connection;
	}
	connection->events |= event;
	pthread_mutex_unlock(&worker->inbox_lock);
	ring_inbox(worker);
	/* A loop of the application's own sleeps on descriptors. */
	if (event & (EVENT_BACKLOG | EVENT_STREAMS) &&
	    !worker->server->options.threads)
		fastipc_server_stop(worker->server);
}

void fastipc_worker_unpost(struct worker *worker, struct connection *connection)
{
	struct connection *before = NULL;

	pthread_mutex_lock(&worker->inbox_lock);
	if (connection->events) {
		for (struct connection *c = worker->inbox_first;
		     c != connection; c = c->inbox_next)
			before = c;
		if (before)
			before->inbox_next = connection->inbox_next;
		else
			worker->inbox_first = connection->inbox_next;
		if (worker->inbox_last == connection)
			worker->inbox_last = before;
		connection->events = 0;
	}
	pthread_mutex_unlock(&worker->inbox_lock);
}

void fastipc_worker_stop(struct worker *worker)
{
	__atomic_store_n(&worker->stop, true, __ATOMIC_RELEASE);
	ring_inbox(worker);
}

/* The next connection with events, or NULL. */
static struct connection *inbox_take(struct worker *worker, uint32_t *events)
{
	struct connection *connection;

	pthread_mutex_lock(&worker->inbox_lock);
	connection = worker->inbox_first;
	if (connection) {
		worker->inbox_first = connection->inbox_next;
		*events = connection->events;
		connection->events = 0;
	}
	pthread_mutex_unlock(&worker->inbox_lock);
	return connection;
}

/* ---- connections coming and going ---- */

static void adopt(struct worker *worker, struct connection *connection)
{
	connection->previous = NULL;
	connection->next = worker->connections;
	if (connection->next)
		connection->next->previous = connection;
	worker->connections = connection;
	fastipc_hot_add(worker, connection);
}

static void part(struct worker *worker, struct connection *connection)
{
	struct fastipc_server *server = worker->server;

	fastipc_hot_forget(worker, connection);
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		worker->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	count(&worker->stats.hangups, 1);
	fastipc_connection_close(connection);
	__atomic_fetch_sub(&server->connections, 1, __ATOMIC_RELEASE);
	if (__builtin_expect(
		    __atomic_load_n(&server->draining, __ATOMIC_RELAXED), 0)) {
		__atomic_fetch_add(&server->parted, 1, __ATOMIC_SEQ_CST);
		fastipc_futex_wake(&server->parted, INT_MAX);
	}
}

/* What a sender found out, and left to the connection's end to count. */
static void count_lie(struct worker *worker,
		      const struct connection *connection)
{
	if (__atomic_load_n(&connection->lied, __ATOMIC_RELAXED) &&
	    !connection->closing)
		count(&worker->stats.protocol_errors, 1);
}

/* The server drains: say so, and goodbye once nothing is under way. */
static void drain(struct worker *worker, struct connection *connection)
{
	fastipc_connection_drain(connection);
	if (!fastipc_connection_is_drained(connection))
		return;
	fastipc_connection_shut(connection);
	fastipc_hot_forget(worker, connection);
}

/* A client that owes us room for too long is dropped. */
static void check_stall(struct worker *worker, struct connection *connection,
			uint64_t now)
{
	uint64_t most = worker->server->options.stall_timeout_ns;
	uint64_t since;

	if (!fastipc_connection_has_backlog(connection) || connection->closing)
		return;
	/* Written by who answers from another thread, perhaps after @now. */
	since = __atomic_load_n(&connection->backlog_since, __ATOMIC_RELAXED);
	if (now < since || now - since < most)
		return;
	/* That may be of a backlog before this one: who leaves something there
	 * stamps it right after, with the lock. */
	pthread_mutex_lock(&connection->lock);
	since = __atomic_load_n(&connection->backlog_since, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&connection->lock);
	if (now < since || now - since < most)
		return;
	count(&worker->stats.stalled, 1);
	connection->closing = true;
	fastipc_link_hang_up(&connection->channel.link);
}

/*
 * Of a time in which this thread did not look, because a handler took long or the
 * process stood still, and the client perhaps, too, only the first second counts.
 */
static void excuse(struct connection *connection, uint64_t looked_at,
		   uint64_t now)
{
	uint64_t since =
		__atomic_load_n(&connection->backlog_since, __ATOMIC_RELAXED);
	uint64_t away = now - (since > looked_at ? since : looked_at);

	/* Something of its may move just now, and say so. */
	if (since < now && away > AWAY_NS)
		__atomic_compare_exchange_n(&connection->backlog_since, &since,
					    since + away - AWAY_NS, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Whether those who owe us room have had time enough. */
static void check_stalls(struct worker *worker)
{
	uint64_t now = fastipc_now_ns();
	bool away = now - worker->looked_at > AWAY_NS;

	for (uint32_t i = 0; i < worker->hot_count; i++) {
		if (__builtin_expect(away, 0))
			excuse(worker->hot[i], worker->looked_at, now);
		check_stall(worker, worker->hot[i], now);
	}
	worker->looked_at = now;
}

/* ---- serving ---- */

static unsigned int serve_hot(struct worker *worker)
{
	unsigned int done = 0;

	worker->turn++;
	for (uint32_t i = worker->hot_count; i-- > 0;) {
		struct connection *connection = worker->hot[i];
		unsigned int served;

		if (!fastipc_consumer_ready(&connection->channel.rx) &&
		    !fastipc_connection_has_backlog(connection))
			continue;
		served = fastipc_connection_serve(connection);
		if (served) {
			connection->last_turn = worker->work_turn;
			done += served;
		}
		/* Who sleeps for an answer does not wait for others' turns. */
		if (worker->hot_count > 1)
			fastipc_channel_settle(&connection->channel);
		if (__builtin_expect(connection->draining, 0) &&
		    fastipc_connection_is_drained(connection))
			fastipc_connection_shut(connection);
		if (__builtin_expect(connection->closing, 0))
			fastipc_hot_cool(worker, i);
	}
	return done;
}

/*
 * The client is gone: handle what it published before, which is no more than its
 * ring holds, then forget it.  Others have their turns meanwhile.  Returns what was
 * served of theirs.
 */
static unsigned int hang_up(struct worker *worker,
			    struct connection *connection)
{
	const struct fastipc_consumer *rx = &connection->channel.rx;
	uint64_t end = rx->head + connection->channel.link.peer.size;
	unsigned int others = 0;

	connection->channel.hungup = true;
	count_lie(worker, connection);
	for (;;) {
		/* Deferred requests may be answered meanwhile. */
		pthread_mutex_lock(&connection->lock);
		fastipc_outbox_clear(&connection->outbox, connection);
		pthread_mutex_unlock(&connection->lock);
		if ((int64_t)(end - rx->head) <= 0 || connection->closing ||
		    !fastipc_connection_serve(connection))
			break;
		others += serve_hot(worker);
	}
	part(worker, connection);
	return others;
}

/* Returns what was served beside. */
static unsigned int handle_inbox(struct worker *worker)
{
	struct connection *connection, *leaving = NULL;
	unsigned int done = 0;
	uint32_t events;

	worker->inbox_seen =
		__atomic_load_n(&worker->inbox_word, __ATOMIC_ACQUIRE);
	while ((connection = inbox_take(worker, &events))) {
		if (events & EVENT_NEW)
			adopt(worker, connection);
		fastipc_hot_add(worker, connection);
		if (events & EVENT_STREAMS)
			fastipc_connection_use_room(connection);
		if (events & EVENT_DRAIN)
			drain(worker, connection);
		if (events & EVENT_HANGUP) {
			connection->leaving_next = leaving;
			leaving = connection;
		}
	}
	/* To end one takes longer than what the others ask for. */
	while ((connection = leaving)) {
		leaving = connection->leaving_next;
		done += serve_hot(worker);
		done += hang_up(worker, connection);
	}
	return done;
}

/* Whether a spin may help: nobody that could write shares this CPU. */
static bool clients_elsewhere(struct worker *worker)
{
	uint32_t few = worker->hot_count < HOT_FEW ? worker->hot_count
						   : HOT_FEW;

	for (uint32_t i = 0; i < few; i++)
		if (!fastipc_channel_peer_elsewhere(&worker->hot[i]->channel))
			return false;
	return worker->hot_count != 0;
}

static bool is_busy(const struct worker *worker)
{
	for (uint32_t i = 0; i < worker->hot_count; i++)
		if (fastipc_connection_is_busy(worker->hot[i]))
			return true;
	return false;
}

static bool inbox_changed(const struct worker *worker)
{
	return __atomic_load_n(&worker->inbox_word, __ATOMIC_ACQUIRE) !=
	       worker->inbox_seen;
}

/*
 * Some polls of the hot connections' next record words and of the inbox, and
 * of nothing else, if they are few: what the loop does is what the client waits
 * for.
 */
static void poll_hot(struct worker *worker)
{
	if (worker->hot_count > HOT_FEW || worker->warm_count) {
		fastipc_cpu_relax();
		return;
	}
	if (worker->hot_count)
		fastipc_channel_settle(&worker->hot[0]->channel);
	for (int i = 0; i < SPIN_POLLS; i++) {
		for (uint32_t j = 0; j < worker->hot_count; j++)
			if (fastipc_consumer_poll(&worker->hot[j]->channel.rx))
				return;
		if (inbox_changed(worker))
			return;
		fastipc_cpu_relax();
	}
}

/*
 * Once before a sleep, if clients share this CPU: what they would write, they
 * can write now.
 */
static bool give_way(struct worker *worker)
{
	if (worker->way_since) {
		fastipc_wait_learn_way(&worker->wait, false,
				       fastipc_now_ns() - worker->way_since);
		worker->way_since = 0;
		return false;
	}
	if (!worker->hot_count || clients_elsewhere(worker) ||
	    !fastipc_wait_should_give_way(&worker->wait))
		return false;
	for (uint32_t i = 0; i < worker->hot_count; i++)
		fastipc_channel_settle(&worker->hot[i]->channel);
	fastipc_registry_read_end();
	worker->way_since = fastipc_now_ns();
	sched_yield();
	fastipc_registry_read_begin();
	return true;
}

/* Nothing came in this turn: whether to look again rather than to sleep. */
static bool keep_spinning(struct worker *worker)
{
	struct fastipc_wait_policy *policy = &worker->wait;
	uint64_t now;

	if (policy->mode == FASTIPC_WAIT_SPIN) {
		poll_hot(worker);
		return true;
	}
	if (!worker->idle_turn) {
		worker->idle_turn = worker->turn;
		worker->idle_spin =
			(fastipc_wait_should_spin(policy) || is_busy(worker)) &&
			clients_elsewhere(worker);
	}
	if (!worker->idle_spin)
		return give_way(worker);
	poll_hot(worker);
	if ((worker->turn - worker->idle_turn) % SPIN_TURNS != SPIN_TURNS - 1)
		return true;
	now = fastipc_now_ns();
	if (!worker->idle_since)
		worker->idle_since = now;
	return now - worker->idle_since <= fastipc_wait_budget(policy) &&
	       clients_elsewhere(worker);
}

/* Something came: what does that say about waiting? */
static void end_idle(struct worker *worker)
{
	if (worker->way_since)
		fastipc_wait_learn_way(&worker->wait, true,
				       fastipc_now_ns() - worker->way_since);
	worker->way_since = 0;
	if (worker->idle_turn && worker->wait.mode == FASTIPC_WAIT_ADAPTIVE)
		fastipc_wait_learn(&worker->wait,
				   worker->idle_since
					   ? fastipc_now_ns() -
						     worker->idle_since
					   : 0);
	worker->idle_turn = 0;
	worker->idle_since = 0;
}

/* ---- sleeping ---- */

/*
 * A client that has said that it sends nothing more, or has died, is never
 * waited for again: for who waits, that would count as something that came.
 */
static void end_finished(struct worker *worker)
{
	for (uint32_t i = worker->hot_count; i-- > 0;) {
		struct connection *connection = worker->hot[i];
		struct fastipc_channel *channel = &connection->channel;

		if (fastipc_connection_check_passing(connection)) {
			fastipc_hot_cool(worker, i);
			continue;
		}
		if (!fastipc_channel_is_finished(channel))
			continue;
		count_lie(worker, connection);
		connection->closing = true;
		fastipc_hot_cool(worker, i);
		/* The rendezvous thread sees that and posts it. */
		fastipc_link_hang_up(&channel->link);
	}
}

/* Who rang stamped when: that is what a wake-up costs here. */
static void learn_wake(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->hot_count; i++) {
		const struct connection *connection = worker->hot[i];
		const struct fastipc_link *link = &connection->channel.link;
		const struct fastipc_control *peer = link->peer.control;

		if (!connection->slept_on ||
		    __atomic_load_n(link->peer_bell, __ATOMIC_ACQUIRE) ==
			    connection->bell_seen)
			continue;
		fastipc_wait_learn_wake(&worker->wait,
					__atomic_load_n(&peer->wake_ns,
							__ATOMIC_RELAXED),
					fastipc_now_ns());
		return;
	}
}

/* Who owes us room has so much patience; and large blocks are kept so long. */
static uint64_t look_again_at(const struct worker *worker, bool busy)
{
	if (busy)
		return fastipc_after_ns(STALL_CHECK_NS);
	return fastipc_stash_is_empty(&worker->stash)
		       ? FASTIPC_NO_DEADLINE
		       : fastipc_after_ns(FASTIPC_STASH_NS);
}

/* One hot connection, of kmod: to ring it and sleep is one system call. */
static void sleep_on_one(struct worker *worker, bool busy)
{
	struct connection *connection = worker->hot[0];
	struct fastipc_channel *channel = &connection->channel;

	connection->slept_on = true;
	connection->bell_seen =
		fastipc_channel_arm(channel, FASTIPC_SLEEP_FUTEX,
				    fastipc_connection_wants(connection));
	__atomic_store_n(&worker->endpoint, channel->link.endpoint,
			 __ATOMIC_SEQ_CST);
	if (!fastipc_connection_is_ready(connection) &&
	    !inbox_changed(worker)) {
		count(&worker->stats.sleeps, 1);
		fastipc_channel_sleep(channel, connection->bell_seen,
				      &worker->inbox_word, worker->inbox_seen,
				      look_again_at(worker, busy));
		if (worker->wait.mode == FASTIPC_WAIT_ADAPTIVE)
			learn_wake(worker);
	} else {
		fastipc_channel_settle(channel);
	}
	__atomic_store_n(&worker->endpoint, -1, __ATOMIC_RELAXED);
	fastipc_channel_disarm(channel);
	/* The rendezvous thread sees that, too, and says when it is over. */
	if (channel->hungup)
		fastipc_hot_cool(worker, 0);
}

/*
 * How long to sleep, at most.  The module tells of space in half of a ring, not
 * in the part that is for large messages and streams: look for oneself.
 */
static uint64_t wake_up_at(const struct worker *worker, bool busy)
{
	if (!busy)
		return look_again_at(worker, busy);
	for (uint32_t i = 0; i < worker->hot_count; i++) {
		const struct connection *connection = worker->hot[i];

		if (connection->channel.link.kmod &&
		    fastipc_connection_has_backlog(connection) &&
		    !fastipc_connection_is_clogged(connection))
			return fastipc_after_ns(SPACE_LOOK_NS);
	}
	return look_again_at(worker, busy);
}

static void sleep_once(struct worker *worker)
{
	struct fastipc_doorbell doorbells[FASTIPC_HOT_FUTEX_MOST];
	bool busy = is_busy(worker);
	bool ready = false;
	size_t slept_on;

	end_finished(worker);
	if (!fastipc_stash_is_empty(&worker->stash))
		fastipc_stash_tidy(&worker->stash, fastipc_now_ns());
	if (worker->hot_count == 1 && worker->hot[0]->channel.link.kmod) {
		sleep_on_one(worker, busy);
		if (busy)
			check_stalls(worker);
		return;
	}
	slept_on = fastipc_hot_arm(worker, doorbells, &ready);
	if (!ready) {
		count(&worker->stats.sleeps, 1);
		fastipc_wait_many(doorbells, slept_on, &worker->inbox_word,
				  worker->inbox_seen, wake_up_at(worker, busy));
		if (worker->wait.mode == FASTIPC_WAIT_ADAPTIVE)
			learn_wake(worker);
	}
	fastipc_hot_disarm(worker, ready);
	if (busy)
		check_stalls(worker);
}

/* ---- the thread ---- */

/* One turn; returns whether there was anything to do. */
static bool take_turn(struct worker *worker)
{
	unsigned int done = 0;

	if (__builtin_expect(inbox_changed(worker), 0))
		done = handle_inbox(worker);
	/* Who goes to sleep at once is rung anyhow. */
	if (worker->warm_count && worker->idle_spin)
		fastipc_hot_look(worker);
	done += serve_hot(worker);
	if (__builtin_expect(worker->turn % READ_TURNS == 0, 0)) {
		fastipc_registry_read_end();
		fastipc_registry_read_begin();
	}
	if (__builtin_expect(worker->turn % STALL_TURNS == 0, 0))
		check_stalls(worker);
	if (!done)
		return false;
	if (__builtin_expect(++worker->work_turn % WEED_TURNS == 0, 0) &&
	    worker->hot_count + worker->warm_count > HOT_FEW)
		fastipc_hot_weed(worker);
	return true;
}

static bool is_to_stop(const struct worker *worker)
{
	return __atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE);
}

void *fastipc_worker_run(void *argument)
{
	struct worker *worker = argument;

	worker->error = fastipc_registry_add_reader();
	if (worker->error) {
		fastipc_server_stop(worker->server);
		return NULL;
	}
	fastipc_registry_read_begin();
	while (!is_to_stop(worker)) {
		if (take_turn(worker)) {
			end_idle(worker);
		} else if (!keep_spinning(worker) && !is_to_stop(worker)) {
			/* Asked once more: the turn may have taken the ring
			 * that came with it. */
			fastipc_registry_read_end();
			sleep_once(worker);
			fastipc_registry_read_begin();
		}
	}
	fastipc_registry_read_end();
	fastipc_worker_close_all(worker);
	return NULL;
}

/* Whether it was so long ago that a dispatch began, which is 0 before the
 * first question. */
static bool is_enough(uint64_t *began)
{
	uint64_t now = fastipc_now_ns();

	if (!*began)
		*began = now;
	return now - *began >= STEP_NS;
}

/* All that waits, or what comes in a while: whether it stopped at that. */
static bool serve_all(struct worker *worker, uint64_t *began,
		      unsigned int *total)
{
	unsigned int done;

	do {
		done = 0;
		fastipc_registry_read_begin();
		if (inbox_changed(worker))
			done = handle_inbox(worker);
		done += serve_hot(worker);
		fastipc_registry_read_end();
		*total += done;
	} while (done && !is_enough(began));
	return done;
}

unsigned int fastipc_worker_step(struct worker *worker)
{
	unsigned int total = 0;
	uint64_t began = 0;
	bool enough, ready;

	do {
		ready = false;
		enough = serve_all(worker, &began, &total);
		check_stalls(worker);
		/* Those that are hot stay so, and the loop comes back at once. */
		if (enough) {
			fastipc_server_stop(worker->server);
			break;
		}
		end_finished(worker);
		fastipc_hot_arm(worker, NULL, &ready);
		if (ready)
			fastipc_hot_disarm(worker, true);
		else
			fastipc_hot_rest(worker);
	} while (ready);
	/* Nobody asks when to come back for that. */
	fastipc_stash_clear(&worker->stash);
	return total;
}

void fastipc_worker_close_all(struct worker *worker)
{
	struct connection *connection;
	uint32_t events;

	/* Those that it was told of but has not seen yet are its, too. */
	while ((connection = inbox_take(worker, &events)))
		if (events & EVENT_NEW)
			adopt(worker, connection);
	while (worker->connections)
		part(worker, worker->connections);
}
