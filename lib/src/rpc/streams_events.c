// SPDX-License-Identifier: MIT
/*
 * Who is told of what happens to a stream: threads that wait, and callbacks.
 */
#include "rpc/streams_parts.h"

#include <stdlib.h>

/* ---- who is to be told ---- */

static void wake_all(struct streams *streams, struct stream_waiter **list)
{
	while (*list) {
		struct stream_waiter *waiter = *list;

		*list = waiter->next;
		waiter->woken = true;
		streams->ops->wake(streams, waiter);
	}
}

static void event(struct fastipc_stream *stream)
{
	const struct fastipc_stream_options *options = &stream->options;
	struct streams *streams = stream->streams;

	if (stream->queued || stream->closed ||
	    !(options->message || options->end || options->writable))
		return;
	stream->queued = true;
	stream->references++;
	stream->event_next = NULL;
	if (streams->events)
		streams->events_last->event_next = stream;
	else
		streams->events = stream;
	streams->events_last = stream;
}

void fastipc_stream_can_read(struct fastipc_stream *stream)
{
	wake_all(stream->streams, &stream->readers);
	event(stream);
}

void fastipc_stream_can_write(struct fastipc_stream *stream)
{
	wake_all(stream->streams, &stream->writers);
	if (stream->want_writable || stream->loan_back)
		event(stream);
}

/* ---- callbacks ---- */

/* Without the lock: @fn, and with it again. */
static void call_event(struct fastipc_stream *stream,
		       fastipc_stream_event_fn function)
{
	struct streams *streams = stream->streams;
	const void *outer = streams->ops->enter(streams);

	streams->ops->unlock(streams);
	function(stream->options.context, stream);
	streams->ops->lock(streams);
	streams->ops->leave(streams, outer);
}

static void deliver(struct fastipc_stream *stream, struct arrival *arrival)
{
	struct streams *streams = stream->streams;
	const void *outer = streams->ops->enter(streams);

	stream->first = arrival->next;
	stream->told = arrival;
	streams->ops->unlock(streams);
	stream->options.message(stream->options.context, stream, arrival->bytes,
				arrival->size);
	streams->ops->lock(streams);
	streams->ops->leave(streams, outer);
	stream->told = NULL;
	fastipc_stream_consumed(stream, arrival->cost);
	fastipc_stream_drop_arrival(stream, arrival);
}

/* Any of its callbacks that is due.  False: there is none. */
static bool run_one(struct fastipc_stream *stream)
{
	const struct fastipc_stream_options *options = &stream->options;
	struct arrival *arrival = stream->first;

	if (stream->closed)
		return false;
	if (options->message && arrival) {
		deliver(stream, arrival);
		return true;
	}
	if (options->writable &&
	    (stream->loan_back ||
	     (stream->want_writable &&
	      (fastipc_stream_has_room(stream, stream->wanted) ||
	       fastipc_stream_check_writable(stream))))) {
		stream->want_writable = false;
		stream->loan_back = false;
		call_event(stream, options->writable);
		return true;
	}
	if (options->end && !stream->end_told &&
	    fastipc_streams_has_ended(stream) &&
	    (!arrival || !options->message)) {
		stream->end_told = true;
		call_event(stream, options->end);
		return true;
	}
	return false;
}

void fastipc_streams_run(struct streams *streams)
{
	streams->running++;
	while (streams->events) {
		struct fastipc_stream *stream = streams->events;

		streams->events = stream->event_next;
		stream->queued = false;
		/* Who runs it already looks again. */
		if (!stream->running) {
			stream->running = true;
			while (run_one(stream))
				;
			stream->running = false;
		}
		fastipc_streams_unref(stream);
	}
	streams->running--;
}
