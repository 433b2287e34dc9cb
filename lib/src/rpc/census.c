// SPDX-License-Identifier: MIT
/*
 * What a server tells of itself to those who only look: its totals, and its
 * connections, out of their control pages.  All by the rendezvous thread, which
 * is the first to know a connection and the first to forget it: until it posts
 * the hang-up, no worker takes the pages away.
 */
#include "rpc/server.h"
#include "transport/hello.h"

void fastipc_census_add(struct fastipc_server *server,
			struct connection *connection)
{
	connection->id = server->stats.accepted;
	connection->created_ns = fastipc_now_ns();
	connection->listed_next = NULL;
	connection->listed_previous = server->listed_last;
	if (server->listed_last)
		server->listed_last->listed_next = connection;
	else
		server->listed = connection;
	server->listed_last = connection;
}

void fastipc_census_remove(struct fastipc_server *server,
			   struct connection *connection)
{
	if (connection->listed_previous)
		connection->listed_previous->listed_next =
			connection->listed_next;
	else
		server->listed = connection->listed_next;
	if (connection->listed_next)
		connection->listed_next->listed_previous =
			connection->listed_previous;
	else
		server->listed_last = connection->listed_previous;
}

void fastipc_census_totals(void *server, struct fastipc_totals *totals)
{
	struct fastipc_server_stats stats = { .size = sizeof(stats) };

	fastipc_server_get_stats(server, &stats);
	totals->requests = stats.requests + stats.one_way;
	totals->bytes_received = stats.bytes_received;
	totals->bytes_sent = stats.bytes_sent;
	totals->sleeps = stats.sleeps;
	totals->wakes = stats.wakes;
}

/* A peer writes its page as it likes: numbers, to be shown, and no more. */
static void read_end(const struct fastipc_region *region,
		     struct fastipc_end_info *end)
{
	const struct fastipc_control *control = region->control;

#define READ(field) __atomic_load_n(&control->field, __ATOMIC_RELAXED)
	end->ring_size = region->size;
	end->state = READ(state);
	end->bytes_sent = READ(tx_tail);
	end->bytes_received = READ(rx_head);
	end->messages_sent = READ(tx_records);
	end->messages_received = READ(rx_records);
	end->sleeps = READ(sleeps);
	end->wakes = READ(wakes);
#undef READ
}

size_t fastipc_census_page(void *context, uint64_t cursor,
			   struct fastipc_connection_info *infos, size_t most)
{
	const struct fastipc_server *server = context;
	uint64_t now = fastipc_now_ns();
	size_t count = 0;

	for (const struct connection *connection = server->listed;
	     connection && count < most; connection = connection->listed_next) {
		const struct fastipc_link *link = &connection->channel.link;

		/* The module lists its own. */
		if (connection->id <= cursor || link->kmod)
			continue;
		infos[count] = (struct fastipc_connection_info){
			.id = connection->id,
			.age_ns = now - connection->created_ns,
			.pid = connection->peer.pid,
			.uid = connection->peer.uid,
			.gid = connection->peer.gid,
		};
		read_end(&link->own, &infos[count].server);
		read_end(&link->peer, &infos[count].client);
		count++;
	}
	return count;
}
