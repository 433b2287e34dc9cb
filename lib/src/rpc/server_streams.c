// SPDX-License-Identifier: MIT
/*
 * A server's streams: its worker reads and pushes for them, and never waits.
 */
#include <errno.h>

#include "base/error.h"
#include "base/futex.h"
#include "rpc/server.h"

static struct connection *of_streams(const struct streams *streams)
{
	return (struct connection *)((const char *)streams -
				     offsetof(struct connection, streams));
}

static void lock(struct streams *streams)
{
	pthread_mutex_lock(&of_streams(streams)->lock);
}

static void unlock(struct streams *streams)
{
	struct connection *connection = of_streams(streams);

	fastipc_connection_check_callbacks(connection);
	pthread_mutex_unlock(&connection->lock);
}

static bool may_wait(const struct streams *streams)
{
	const struct connection *connection = of_streams(streams);

	return !fastipc_request_in_handler() && !connection->dead &&
	       connection->server->options.threads;
}

static int wait(struct streams *streams, struct stream_waiter *waiter,
		uint64_t deadline)
{
	uint32_t word = 0;
	int error;

	waiter->owner = &word;
	unlock(streams);
	error = fastipc_futex_wait(&word, 0, deadline);
	lock(streams);
	return error;
}

static void wake(struct streams *streams, struct stream_waiter *waiter)
{
	uint32_t *word = waiter->owner;

	(void)streams;
	__atomic_store_n(word, 1, __ATOMIC_RELEASE);
	fastipc_futex_wake(word, 1);
}

static void push(struct streams *streams)
{
	struct connection *connection = of_streams(streams);

	if (connection->dead)
		return;
	fastipc_connection_flush_backlog(connection);
	/* Who handles another client's message is perhaps not its worker, and
	 * that may sleep without a look at this connection. */
	if (!fastipc_outbox_is_empty(&connection->outbox))
		fastipc_connection_queued(
			connection, fastipc_request_in_handler_of(connection));
}

static void abandon(struct streams *streams, int error)
{
	if (!of_streams(streams)->dead)
		fastipc_connection_abandon(of_streams(streams), error);
}

static int over(const struct streams *streams)
{
	(void)streams;
	return fastipc_fail(-EPIPE, "the client is gone");
}

static void hold(struct streams *streams)
{
	struct connection *connection = of_streams(streams);

	__atomic_fetch_add(&connection->references, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&connection->deferred, 1, __ATOMIC_RELAXED);
}

static void drop(struct streams *streams)
{
	struct connection *connection = of_streams(streams);

	/* Pairs with fastipc_connection_is_shared(). */
	__atomic_fetch_sub(&connection->deferred, 1, __ATOMIC_RELEASE);
	lock(streams);
	fastipc_connection_check_drain(connection);
	unlock(streams);
	fastipc_connection_unref(connection);
}

static const void *enter(struct streams *streams)
{
	return fastipc_request_enter(of_streams(streams));
}

static void leave(struct streams *streams, const void *outer)
{
	(void)streams;
	fastipc_request_leave(outer);
}

const struct streams_ops fastipc_server_streams_ops = {
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
	.enter = enter,
	.leave = leave,
};

struct fastipc_stream *
fastipc_request_stream(struct fastipc_request *request,
		       const struct fastipc_stream_options *options)
{
	struct fastipc_stream_options defaults;
	struct connection *connection;
	int error = 0;

	fastipc_stream_options_init(&defaults);
	if (!options)
		options = &defaults;
	if (!request)
		error = fastipc_fail(-EINVAL, "request is NULL");
	else if (!request->stream)
		error = fastipc_fail(-EPROTOTYPE,
				     "the client made a call, not a stream");
	else if (request->answered || request->kept || request->is_deferred)
		error = fastipc_fail(
			-EALREADY,
			"the request was answered, deferred, or is a stream");
	else
		error = fastipc_stream_options_check(options);
	if (error) {
		errno = -error;
		return NULL;
	}
	connection = request->connection;
	/* From now on others may send, and are not to find rings put off. */
	fastipc_channel_unhold(&connection->channel);
	fastipc_channel_settle(&connection->channel);
	pthread_mutex_lock(&connection->lock);
	fastipc_streams_hold(request->stream, options);
	pthread_mutex_unlock(&connection->lock);
	request->answered = true;
	return request->stream;
}
