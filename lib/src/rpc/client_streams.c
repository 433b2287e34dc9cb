// SPDX-License-Identifier: MIT
/*
 * The client's streams: who reads for all reads for them, too.
 */
#include "rpc/client.h"

#include <stdlib.h>

#include "base/error.h"
#include "rpc/options.h"

static struct fastipc_client *of_streams(const struct streams *streams)
{
	return (struct fastipc_client *)((const char *)streams -
					 offsetof(struct fastipc_client,
						  streams));
}

static void lock(struct streams *streams)
{
	fastipc_lock(&of_streams(streams)->lock);
}

static void unlock(struct streams *streams)
{
	struct fastipc_client *client = of_streams(streams);

	fastipc_client_check(client);
	fastipc_client_leave(client);
	/* Callbacks are due, and the leader runs them. */
	if (streams->events)
		fastipc_client_stir(client);
	/* The channel of a client that was closed has no link any more. */
	if (!client->error)
		fastipc_channel_settle(&client->channel);
	fastipc_unlock(&client->lock);
}

static bool may_wait(const struct streams *streams)
{
	return !fastipc_client_in_own_callback(of_streams(streams));
}

static int wait(struct streams *streams, struct stream_waiter *waiter,
		uint64_t deadline)
{
	struct fastipc_client *client = of_streams(streams);
	struct call call = { .state = CALL_PENDING };

	waiter->owner = &call;
	return fastipc_call_await(client, &call, deadline);
}

static void wake(struct streams *streams, struct stream_waiter *waiter)
{
	fastipc_call_done(of_streams(streams), waiter->owner);
}

static void push(struct streams *streams)
{
	struct fastipc_client *client = of_streams(streams);

	fastipc_client_push_outbox(client);
	if (!fastipc_outbox_is_empty(&client->outbox))
		fastipc_client_kick(client);
}

static void abandon(struct streams *streams, int error)
{
	struct fastipc_client *client = of_streams(streams);

	if (!client->broken)
		client->broken = error;
}

static int over(const struct streams *streams)
{
	return fastipc_client_over(of_streams(streams));
}

static void hold(struct streams *streams)
{
	of_streams(streams)->references++;
}

static void drop(struct streams *streams)
{
	fastipc_client_unref(of_streams(streams));
}

static const void *enter(struct streams *streams)
{
	return fastipc_client_enter_callback(of_streams(streams));
}

static void leave(struct streams *streams, const void *outer)
{
	struct fastipc_client *client = of_streams(streams);

	client->ended++; /* fastipc_client_wait() counts it */
	fastipc_client_leave_callback(client, outer);
}

const struct streams_ops fastipc_client_streams_ops = {
	.lock = lock,
	.unlock = unlock,
	.may_wait = may_wait,
	.wait = wait,
	.wake = wake,
	.push = push,
	.abandon = abandon,
	.over = over,
	.hold = hold,
	.drop = drop,
	.writer_pushes = true,
	.enter = enter,
	.leave = leave,
};

int fastipc_stream_open(struct fastipc_client *client, uint16_t type,
			const void *data, size_t size,
			const struct fastipc_stream_options *options,
			struct fastipc_stream **stream)
{
	struct fastipc_stream_options defaults;
	uint32_t most;
	int error;

	fastipc_stream_options_init(&defaults);
	if (!options)
		options = &defaults;
	if (!client || !stream || (!data && size))
		return fastipc_fail(-EINVAL,
				    "client, stream and data are needed");
	if (type >= FASTIPC_TYPE_RESERVED)
		return fastipc_fail(
			-EINVAL, "message types from 0xFF00 on are reserved");
	error = fastipc_stream_options_check(options);
	if (error)
		return error;
	/* With its extensions, it is one frame. */
	most = fastipc_frame_payload_max(&client->channel) - 32;
	if (size > most || size > client->channel.link.peer_max_message)
		return fastipc_fail(
			-EMSGSIZE,
			"a stream begins with %u bytes at most: write the rest",
			most);
	fastipc_lock(&client->lock);
	if (client->error)
		error = fastipc_client_over(client);
	else if (client->goaway)
		error = fastipc_client_draining();
	else
		error = fastipc_streams_open(&client->streams, type,
					     data ? data : "", (uint32_t)size,
					     options, stream);
	if (!error)
		fastipc_client_add_deadline(client, options->deadline);
	unlock(&client->streams);
	return error;
}
