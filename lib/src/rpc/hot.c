// SPDX-License-Identifier: MIT
/*
 * The connections that a worker polls.
 */
#include "rpc/hot.h"

/* Turns of nothing coming before a connection is weeded out. */
#define WEED_TURNS 4096

void fastipc_hot_add(struct worker *worker, struct connection *connection)
{
	connection->last_turn = worker->turn;
	if (connection->hot || connection->closing)
		return;
	connection->hot = true;
	worker->hot[worker->hot_count++] = connection;
	fastipc_channel_disarm(&connection->channel);
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

void fastipc_hot_weed(struct worker *worker)
{
	for (uint32_t i = worker->hot_count; i-- > 0;) {
		struct connection *connection = worker->hot[i];

		if (worker->turn - connection->last_turn < WEED_TURNS ||
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
		    fastipc_connection_is_ready(connection))
			fastipc_channel_disarm(&connection->channel);
		else
			fastipc_hot_cool(worker, i);
	}
}

void fastipc_hot_rest(struct worker *worker)
{
	for (uint32_t i = worker->hot_count; i-- > 0;)
		if (!fastipc_connection_has_backlog(worker->hot[i]))
			fastipc_hot_cool(worker, i);
}
