// SPDX-License-Identifier: MIT
/*
 * Streams as the application has them: reading, writing, and waiting for that.
 */
#include <fastipc/loan.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rpc/options.h"
#include "rpc/streams.h"

void fastipc_stream_options_init(struct fastipc_stream_options *options)
{
	*options = (struct fastipc_stream_options){ .size = sizeof(*options) };
}

int fastipc_stream_options_check(const struct fastipc_stream_options *options)
{
	int error = fastipc_options_check_size(options->size, sizeof(*options),
					       "fastipc_stream_options_init");

	if (!error && options->weight > 255)
		error = fastipc_fail(-EINVAL, "weight must be 0 to 255");
	return error;
}

static void lock(struct fastipc_stream *stream)
{
	stream->streams->ops->lock(stream->streams);
}

static void unlock(struct fastipc_stream *stream)
{
	stream->streams->ops->unlock(stream->streams);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

static bool has_passed(uint64_t deadline)
{
	return deadline && fastipc_now_ns() >= deadline;
}

/* Wait on the list @waiters: 0, look again; or why not. */
static int await(struct fastipc_stream *stream, struct stream_waiter **waiters,
		 uint64_t deadline)
{
	struct streams *streams = stream->streams;
	struct stream_waiter waiter = { .next = *waiters };
	struct stream_waiter **link = waiters;

	if (!streams->ops->may_wait(streams))
		return -EAGAIN;
	if (has_passed(stream->deadline)) {
		fastipc_streams_give_up(stream, -ETIMEDOUT, NULL);
		return stream->stopped ? 0 : -ETIMEDOUT;
	}
	if (has_passed(deadline))
		return -ETIMEDOUT;
	*waiters = &waiter;
	streams->ops->wait(streams, &waiter,
			   sooner(deadline, stream->deadline));
	if (!waiter.woken) {
		while (*link != &waiter)
			link = &(*link)->next;
		*link = waiter.next;
	}
	return 0;
}

static int check_write(const struct fastipc_stream *stream, const void *data,
		       size_t size, unsigned int flags)
{
	if (!stream || (!data && size) || flags & ~FASTIPC_MORE)
		return fastipc_fail(
			-EINVAL,
			"a stream, data, and no flags but FASTIPC_MORE");
	if (size > fastipc_stream_message_max(stream))
		return fastipc_fail(
			-EMSGSIZE,
			"the message has %zu bytes, the peer's window allows %zu",
			size, fastipc_stream_message_max(stream));
	return 0;
}

/* With the lock.  *@cargo (may be NULL) is gone, and NULL, if it was queued. */
static int write_locked(struct fastipc_stream *stream, const void *data,
			uint32_t size, struct fastipc_cargo **cargo,
			unsigned int flags, uint64_t deadline)
{
	int error;

	do {
		error = fastipc_streams_write(stream, data ? data : "", size,
					      *cargo, flags & FASTIPC_MORE);
		if (error != -EAGAIN)
			break;
		error = await(stream, &stream->writers, deadline);
	} while (!error);
	if (error == -EAGAIN) {
		stream->want_writable = true;
		stream->wanted =
			fastipc_stream_write_cost(stream, size, *cargo);
		fastipc_fail(error, "the peer has not read enough: wait for "
				    "the callback writable");
	} else if (error == -ETIMEDOUT && !stream->stopped) {
		fastipc_fail(
			error,
			"the peer has not read enough before the deadline");
	}
	if (!error)
		*cargo = NULL;
	/* Where nobody else moves the queue on, who filled it does. */
	while (!error && stream->flow.first && !stream->stopped &&
	       stream->streams->ops->writer_pushes &&
	       !await(stream, &stream->writers, deadline))
		;
	if (!error && stream->lost)
		error = fastipc_fail(stream->lost,
				     "what was to go along could not be sent: "
				     "%s",
				     fastipc_strerror(stream->lost));
	return error;
}

int fastipc_stream_write(struct fastipc_stream *stream, const void *data,
			 size_t size, unsigned int flags, uint64_t deadline)
{
	struct fastipc_cargo *none = NULL;
	int error = check_write(stream, data, size, flags);

	if (error)
		return error;
	lock(stream);
	fastipc_streams_ref(stream);
	error = write_locked(stream, data, (uint32_t)size, &none, flags,
			     deadline);
	fastipc_streams_unref(stream);
	unlock(stream);
	return error;
}

int fastipc_stream_write_with(struct fastipc_stream *stream, const void *data,
			      size_t size,
			      const struct fastipc_attachment *attachment,
			      unsigned int flags, uint64_t deadline)
{
	struct fastipc_cargo *cargo;
	int error;

	if (!attachment)
		return fastipc_stream_write(stream, data, size, flags,
					    deadline);
	error = check_write(stream, data, size, flags);
	if (error) {
		fastipc_loan_free(attachment->loan);
		return error;
	}
	lock(stream);
	fastipc_streams_ref(stream);
	error = fastipc_streams_attach(stream, size, attachment, &cargo);
	if (!error) {
		error = write_locked(stream, data, (uint32_t)size, &cargo,
				     flags, deadline);
		if (error == -EAGAIN && cargo)
			fastipc_loans_detach(cargo);
		else if (error)
			fastipc_cargo_drop(cargo);
	}
	fastipc_streams_unref(stream);
	unlock(stream);
	return error;
}

int fastipc_stream_loan(struct fastipc_stream *stream, size_t size,
			uint64_t deadline, struct fastipc_loan **loan)
{
	int error;

	if (!stream || !loan)
		return fastipc_fail(-EINVAL, "stream and loan are needed");
	*loan = NULL;
	lock(stream);
	fastipc_streams_ref(stream);
	do {
		error = fastipc_streams_loan(stream, size, loan);
		if (error != -EAGAIN)
			break;
		error = await(stream, &stream->writers, deadline);
		if (error)
			fastipc_fail(error, "the peer has not given back "
					    "enough of the area");
	} while (!error);
	fastipc_streams_unref(stream);
	unlock(stream);
	return error;
}

int fastipc_stream_write_value(struct fastipc_stream *stream,
			       fastipc_encode_fn encode, const void *value,
			       unsigned int flags, uint64_t deadline)
{
	struct fastipc_spare *spare;
	void *data;
	size_t size;
	int error;

	if (!stream || !encode)
		return fastipc_fail(-EINVAL, "%s is NULL",
				    stream ? "encode" : "stream");
	spare = &stream->streams->outbox->spare;
	error = fastipc_value_make(spare, encode, value, &data, &size);
	if (!error)
		error = fastipc_stream_write(stream, data, size, flags,
					     deadline);
	fastipc_value_free(spare, data);
	return error;
}

int fastipc_stream_read(struct fastipc_stream *stream,
			struct fastipc_buffer *buffer, uint64_t deadline)
{
	return fastipc_stream_read_with(stream, buffer, NULL, deadline);
}

int fastipc_stream_read_with(struct fastipc_stream *stream,
			     struct fastipc_buffer *buffer,
			     struct fastipc_delivery **delivery,
			     uint64_t deadline)
{
	struct arrival *arrival;
	int error;

	if (delivery)
		*delivery = NULL;
	if (!stream || !buffer)
		return fastipc_fail(-EINVAL, "stream and buffer are needed");
	lock(stream);
	fastipc_streams_ref(stream);
	do {
		error = fastipc_streams_peek(stream, &arrival);
		if (error != -EAGAIN)
			break;
		error = await(stream, &stream->readers, deadline);
		if (error)
			fastipc_fail(error, "no message has come yet");
	} while (!error);
	if (!error)
		error = fastipc_buffer_fit(buffer, arrival->size);
	if (!error) {
		if (arrival->size)
			memcpy(buffer->data, arrival->bytes, arrival->size);
		fastipc_streams_consume(stream, delivery);
	}
	fastipc_streams_unref(stream);
	unlock(stream);
	return error;
}

struct fastipc_delivery *
fastipc_stream_take_delivery(struct fastipc_stream *stream)
{
	struct fastipc_delivery *delivery = NULL;

	if (!stream)
		return NULL;
	lock(stream);
	if (stream->told)
		delivery =
			fastipc_streams_deliver(stream->streams, stream->told);
	unlock(stream);
	return delivery;
}

int fastipc_stream_finish(struct fastipc_stream *stream, int status,
			  const char *text, const void *trailers, size_t size)
{
	int error;

	if (!stream || (!trailers && size) || status > 0 || status < -4095)
		return fastipc_fail(
			-EINVAL,
			"a stream, trailers, and 0 or a negative errno");
	if (size > FASTIPC_STREAM_TRAILERS_MAX)
		return fastipc_fail(-EMSGSIZE, "trailers have %u bytes at most",
				    FASTIPC_STREAM_TRAILERS_MAX);
	lock(stream);
	error = fastipc_streams_finish(stream, status, text, trailers,
				       (uint32_t)size);
	unlock(stream);
	return error;
}

void fastipc_stream_cancel(struct fastipc_stream *stream)
{
	if (!stream)
		return;
	lock(stream);
	fastipc_streams_give_up(stream, -ECANCELED, NULL);
	unlock(stream);
}

int fastipc_stream_status(struct fastipc_stream *stream,
			  struct fastipc_stream_end *end)
{
	int error = 0;

	if (!stream || !end)
		return fastipc_fail(-EINVAL, "stream and end are needed");
	*end = (struct fastipc_stream_end){ .text = "" };
	lock(stream);
	if (stream->in_ended) {
		end->status = stream->end_status;
		end->text = stream->end_text;
		end->trailers = stream->end_text + stream->end_text_size + 1;
		end->size = stream->end_size;
	} else if (stream->stopped) {
		end->status = stream->stopped;
	} else if (stream->streams->failed) {
		end->status = stream->streams->ops->over(stream->streams);
	} else {
		error = fastipc_fail(-EAGAIN, "the stream has not ended");
	}
	unlock(stream);
	return error;
}

uint64_t fastipc_stream_deadline(const struct fastipc_stream *stream)
{
	return stream->deadline;
}

bool fastipc_stream_is_cancelled(const struct fastipc_stream *stream)
{
	return __atomic_load_n(&stream->stopped, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&stream->streams->failed, __ATOMIC_RELAXED);
}

size_t fastipc_stream_message_max(const struct fastipc_stream *stream)
{
	return stream->streams->peer_window / 2 - FASTIPC_STREAM_COST;
}

void fastipc_stream_close(struct fastipc_stream *stream)
{
	struct streams *streams;

	if (!stream)
		return;
	streams = stream->streams;
	lock(stream);
	fastipc_streams_close(stream);
	stream->held = false;
	fastipc_streams_unref(stream);
	streams->ops->unlock(streams);
	streams->ops->drop(streams);
}
