/* SPDX-License-Identifier: MIT */
/* All that can be seen at one time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe.h"
#include "print.h"

/* For a server to list its connections: one that is stopped holds us up. */
#define LIST_TIMEOUT_NS 500000000u

/* ---- servers ---- */

int observation_add(struct observation *observation,
		    const struct fastipc_server_info *info)
{
	struct fastipc_server_info *servers = observation->servers;
	size_t capacity = observation->server_capacity;

	if (observation->server_count == capacity) {
		capacity = capacity ? 2 * capacity : 16;
		servers = realloc(servers, capacity * sizeof(*servers));
		if (!servers)
			return -ENOMEM;
		observation->servers = servers;
		observation->server_capacity = capacity;
	}
	servers[observation->server_count++] = *info;
	return 0;
}

static int add_server(const struct fastipc_server_info *info, void *context)
{
	return observation_add(context, info);
}

static int find_servers(const char *name, struct observation *observation)
{
	struct fastipc_server_info info;
	int error;

	if (!name)
		return fastipc_list(add_server, observation);
	error = fastipc_query(name, FASTIPC_NO_DEADLINE, &info);
	return error ? error : observation_add(observation, &info);
}

static void note_trouble(struct observation *observation, const char *text)
{
	snprintf(observation->trouble, sizeof(observation->trouble), "%s",
		 text);
}

/* ---- the servers' own connections ---- */

struct listing_context {
	const struct fastipc_server_info *server;
	struct channel_list *list;
};

static void copy_end(struct channel_end *end,
		     const struct fastipc_end_info *info)
{
	end->ring_size = info->ring_size;
	end->state = info->state;
	end->bytes_sent = info->bytes_sent;
	end->bytes_received = info->bytes_received;
	end->messages_sent = info->messages_sent;
	end->messages_received = info->messages_received;
	end->sleeps = info->sleeps;
	end->wakes = info->wakes;
}

static int add_connection(const struct fastipc_connection_info *info,
			  void *context)
{
	const struct listing_context *listing = context;
	struct channel channel = {
		.transport = CHANNEL_MEMFD,
		.id = info->id,
		.creator = info->uid,
		.age_ns = info->age_ns,
	};

	snprintf(channel.server, sizeof(channel.server), "%s",
		 listing->server->name);
	channel.ends[0].pid = listing->server->pid;
	channel.ends[0].uid = listing->server->uid;
	channel.ends[1].pid = info->pid;
	channel.ends[1].uid = info->uid;
	copy_end(&channel.ends[0], &info->server);
	copy_end(&channel.ends[1], &info->client);
	return channel_list_add(listing->list, &channel);
}

static void list_connections(const struct observer *observer,
			     struct observation *observation)
{
	for (size_t i = 0; i < observation->server_count; i++) {
		struct listing_context context = {
			.server = &observation->servers[i],
			.list = &observation->list,
		};
		int error = fastipc_query_connections(
			context.server->path, fastipc_after_ns(LIST_TIMEOUT_NS),
			add_connection, &context);

		/* Of all servers, some may just be going. */
		if (error && observer->name)
			note_trouble(observation, fastipc_error_detail());
	}
}

/* ---- the module's channels ---- */

static void swap_ends(struct channel *channel)
{
	struct channel_end end = channel->ends[0];

	channel->ends[0] = channel->ends[1];
	channel->ends[1] = end;
}

static const struct fastipc_server_info *
find_server(const struct observation *observation, pid_t pid)
{
	for (size_t i = 0; i < observation->server_count; i++)
		if (observation->servers[i].pid == pid)
			return &observation->servers[i];
	return NULL;
}

/*
 * The module knows processes, and we which of them are servers.  The client
 * makes a channel and keeps end 0: of two servers the other one serves.
 */
static bool name_server(const struct observation *observation,
			struct channel *channel)
{
	const struct fastipc_server_info *server =
		find_server(observation, channel->ends[1].pid);

	if (server)
		swap_ends(channel);
	else
		server = find_server(observation, channel->ends[0].pid);
	if (server)
		snprintf(channel->server, sizeof(channel->server), "%s",
			 server->name);
	return server != NULL;
}

static void name_servers(struct observation *observation, size_t first,
			 bool only_named)
{
	struct channel_list *list = &observation->list;
	size_t kept = first;

	for (size_t i = first; i < list->count; i++) {
		struct channel channel = list->channels[i];

		if (name_server(observation, &channel) || !only_named)
			list->channels[kept++] = channel;
	}
	list->count = kept;
}

static int read_module(struct observer *observer,
		       struct observation *observation)
{
	size_t first = observation->list.count;
	int error = 0;

	/* It may have been loaded since. */
	if (!observer->module)
		error = module_open(&observer->module);
	if (error)
		return error;
	error = module_totals(observer->module, &observation->totals);
	if (!error)
		error = module_channels(observer->module, &observation->list);
	if (error) {
		observation->list.count = first;
		/* Or loaded anew. */
		module_close(observer->module);
		observer->module = NULL;
		return error;
	}
	observation->has_module = true;
	name_servers(observation, first, observer->name != NULL);
	return 0;
}

/* ---- processes ---- */

static void read_comm(pid_t pid, char comm[16])
{
	char path[40];
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return;
	length = fread(comm, 1, 15, file);
	fclose(file);
	comm[length] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
}

static void name_processes(struct channel_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		for (int j = 0; j < 2; j++) {
			struct channel_end *end = &list->channels[i].ends[j];

			if (end->pid && !end->comm[0])
				read_comm(end->pid, end->comm);
		}
}

/* ---- pools ---- */

static int add_pool(const struct fastipc_pool_info *info, void *context)
{
	struct observation *observation = context;
	size_t size = info->stats.endpoints * sizeof(*info->endpoints);
	struct pool *pools =
		realloc(observation->pools,
			(observation->pool_count + 1) * sizeof(*pools));
	struct pool *pool;

	if (!pools)
		return -ENOMEM;
	observation->pools = pools;
	pool = &pools[observation->pool_count];
	memset(pool, 0, sizeof(*pool));
	pool->info = *info;
	pool->endpoints = malloc(size + 1);
	if (!pool->endpoints)
		return -ENOMEM;
	memcpy(pool->endpoints, info->endpoints, size);
	pool->info.endpoints = NULL;
	read_comm(info->pid, pool->comm);
	observation->pool_count++;
	return 0;
}

int observe(struct observer *observer, struct observation *observation)
{
	int error;

	memset(observation, 0, sizeof(*observation));
	error = find_servers(observer->name, observation);
	if (error) {
		observation_free(observation);
		return error;
	}
	observation->at_ns = fastipc_now_ns();
	if (!observer->servers_only)
		list_connections(observer, observation);
	error = read_module(observer, observation);
	observation->module_failed = error && error != -ENODEV;
	if (observation->module_failed)
		note_trouble(observation, module_error());
	channel_list_sort(&observation->list);
	name_processes(&observation->list);
	if (!observer->servers_only &&
	    fastipc_list_pools(observer->name, add_pool, observation))
		note_trouble(observation, fastipc_error_detail());
	return 0;
}

int observe_complain(const char *command, const struct observer *observer,
		     const struct observation *observation, int error)
{
	if (error && observer->name)
		complain_error(command, error, "cannot ask '%s'",
			       observer->name);
	else if (error)
		complain_error(command, error, "cannot list the servers");
	if (error || !observation->trouble[0])
		return error;
	complain(command, "%s", observation->trouble);
	return -EIO;
}

void observation_free(struct observation *observation)
{
	channel_list_free(&observation->list);
	for (size_t i = 0; i < observation->pool_count; i++)
		free(observation->pools[i].endpoints);
	free(observation->pools);
	free(observation->servers);
	memset(observation, 0, sizeof(*observation));
}

void observer_end(struct observer *observer)
{
	module_close(observer->module);
	observer->module = NULL;
}
