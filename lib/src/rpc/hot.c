// SPDX-License-Identifier: MIT
/*
 * The connections that a worker polls.
 */
#include "rpc/hot.h"

/*
 * A connection is weeded out when nothing has come on it for so many turns in
 * which something came on others.  To look at it costs each of them up to 20
 * ns, and a call that has to ring some 100 us once: by then it has cost about
 * as much.
 */
#define WEED_TURNS 4096
/* The warm are forgotten after so many such turns, and two for each of the hot,
 * in which nothing came on any of them: those that call in turn are hot then. */
#define WARM_TURNS 64

/* ---- the warm ---- */

/* Forget that it was hot lately: it is armed, and rings. */
static void chill(struct worker *worker, struct connection *connection)
{
	struct connection *last;

	if (!connection->warm)
		return;
	last = worker->warm[--worker->warm_count];
	worker->warm[connection->warm - 1] = last;
	last->warm = connection->warm;
	connection->warm = 0;
}

static void keep_warm(struct worker *worker, struct connection *connection)
{
	worker->warm[worker->warm_count++] = connection;
	connection->warm = worker->warm_count;
	worker->warm_turn = worker->work_turn;
}

static void chill_all(struct worker *worker)
{
	while (worker->warm_count)
		chill(worker, worker->warm[worker->warm_count - 1]);
}

/* ---- the hot ---- */

static void heat(struct worker *worker, struct connection *connection)
{
	chill(worker, connection);
	if (connection->hot || connection->closing)
		return;
	connection->hot = true;
	worker->hot[worker->hot_count++] = connection;
	fastipc_channel_disarm(&connection->channel);
}

/*
 * It was just heated, because it called: the next sleep is to be on its futex.
 * One that was so favoured as many calls ago gives its place up.
 */
static void favour(struct worker *worker, struct connection *connection)
{
	uint32_t last = worker->hot_count - 1;
	uint32_t place;

	if (worker->wait.mode != FASTIPC_WAIT_ADAPTIVE ||
	    worker->hot_count <= FASTIPC_HOT_FUTEX_MOST ||
	    worker->hot[last] != connection)
		return;
	place = worker->favoured++ % FASTIPC_HOT_FUTEX_MOST;
	worker->hot[last] = worker->hot[place];
	worker->hot[place] = connection;
}

void fastipc_hot_add(struct worker *worker, struct connection *connection)
{
	connection->last_turn = worker->work_turn;
	if (connection->warm)
		worker->warm_turn = worker->work_turn;
	heat(worker, connection);
	favour(worker, connection);
}

/* Nobody has told the rendezvous thread to look away. */
static void heat_unrung(struct worker *worker, struct connection *connection)
{
	if (connection->channel.link.kmod)
		fastipc_connection_watch(connection, false);
	heat(worker, connection);
}

void fastipc_hot_look(struct worker *worker)
{
	bool found = false;

	for (uint32_t i = worker->warm_count; i-- > 0;) {
		struct connection *connection = worker->warm[i];

		if (!fastipc_consumer_ready(&connection->channel.rx))
			continue;
		connection->last_turn = worker->work_turn;
		heat_unrung(worker, connection);
		favour(worker, connection);
		found = true;
	}
	if (__builtin_expect(!found, 1)) {
		if (worker->work_turn - worker->warm_turn >
		    WARM_TURNS + 2ull * worker->hot_count)
			chill_all(worker);
		return;
	}
	worker->warm_turn = worker->work_turn;
	/* Others call, too, it seems: spare some of them the ring.  Twice as
	 * many each time, until they sleep again. */
	worker->kindled = worker->kindled ? 2 * worker->kindled : 1;
	for (uint32_t i = worker->kindled; i-- > 0 && worker->warm_count;)
		heat_unrung(worker, worker->warm[worker->warm_count - 1]);
}

void fastipc_hot_cool(struct worker *worker, uint32_t index)
{
	struct connection *connection = worker->hot[index];

	connection->hot = false;
	worker->hot[index] = worker->hot[--worker->hot_count];
	fastipc_connection_rest(connection);
}

void fastipc_hot_forget(struct worker *worker, struct connection *connection)
{
	chill(worker, connection);
	for (uint32_t i = 0; connection->hot && i < worker->hot_count; i++)
		if (worker->hot[i] == connection)
			fastipc_hot_cool(worker, i);
}

static uint32_t arm(struct connection *connection, uint32_t mode)
{
	/* There the kernel arms, in epoll. */
	if (mode == FASTIPC_SLEEP_POLL && connection->channel.link.kmod) {
		fastipc_connection_watch(connection, true);
		return 0;
	}
	return fastipc_channel_arm(&connection->channel, mode,
				   fastipc_connection_wants(connection));
}

static bool is_stale(const struct worker *worker,
		     const struct connection *connection)
{
	return worker->work_turn - connection->last_turn >= WEED_TURNS;
}

void fastipc_hot_weed(struct worker *worker)
{
	for (uint32_t i = worker->warm_count; i-- > 0;)
		if (is_stale(worker, worker->warm[i]))
			chill(worker, worker->warm[i]);
	for (uint32_t i = worker->hot_count; i-- > 0;) {
		struct connection *connection = worker->hot[i];

		if (!is_stale(worker, connection) ||
		    fastipc_connection_is_busy(connection))
			continue;
		arm(connection, FASTIPC_SLEEP_POLL);
		if (fastipc_connection_is_ready(connection))
			fastipc_channel_disarm(&connection->channel);
		else
			fastipc_hot_cool(worker, i);
	}
}

size_t
fastipc_hot_arm(struct worker *worker,
		struct fastipc_doorbell doorbells[FASTIPC_HOT_FUTEX_MOST],
		bool *ready)
{
	bool futex = fastipc_can_wait_many() && doorbells;
	size_t slept_on = 0;

	worker->kindled = 0;
	for (uint32_t i = 0; i < worker->hot_count; i++) {
		struct connection *connection = worker->hot[i];

		fastipc_channel_settle(&connection->channel);
		connection->slept_on = futex &&
				       slept_on < FASTIPC_HOT_FUTEX_MOST &&
				       !connection->channel.link.kmod;
		if (connection->slept_on) {
			connection->bell_seen =
				arm(connection, FASTIPC_SLEEP_FUTEX);
			doorbells[slept_on].word =
				connection->channel.link.peer_bell;
			doorbells[slept_on++].seen = connection->bell_seen;
		} else {
			arm(connection, FASTIPC_SLEEP_POLL);
		}
		*ready |= fastipc_connection_is_ready(connection);
	}
	*ready |= __atomic_load_n(&worker->inbox_word, __ATOMIC_ACQUIRE) !=
		  worker->inbox_seen;
	return slept_on;
}

void fastipc_hot_disarm(struct worker *worker, bool keep_all)
{
	for (uint32_t i = worker->hot_count; i-- > 0;) {
		struct connection *connection = worker->hot[i];

		if (connection->slept_on || keep_all ||
		    fastipc_connection_has_backlog(connection) ||
		    fastipc_connection_is_ready(connection)) {
			fastipc_channel_disarm(&connection->channel);
			continue;
		}
		fastipc_hot_cool(worker, i);
		if (worker->wait.mode == FASTIPC_WAIT_ADAPTIVE)
			keep_warm(worker, connection);
	}
}

void fastipc_hot_rest(struct worker *worker)
{
	for (uint32_t i = worker->hot_count; i-- > 0;)
		if (!fastipc_connection_has_backlog(worker->hot[i]))
			fastipc_hot_cool(worker, i);
}
