// SPDX-License-Identifier: MIT
/*
 * A stream as JavaScript has it: a promise for each message that is read or
 * written.  What cannot be done at once is tried again after each dispatch, so
 * that a message stays in the library, and the server waits, until it is asked
 * for.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A time that has passed: try, and do not wait. */
#define AT_ONCE 1u

struct node_stream {
	struct node_stream *next, **link; /* of the client's */
	struct node_client *client;
	struct fastipc_stream *stream; /* NULL: closed */
	napi_ref self;		       /* strong while something waits */
	napi_deferred reader;	       /* NULL: nobody reads */
	napi_deferred writer;
	void *unsent; /* the writer's message, a copy */
	size_t unsent_size;
};

/* ---- one try ---- */

/* -EAGAIN: not now.  The deadline of a try is not the stream's. */
static int outcome(struct node_stream *stream, int error)
{
	uint64_t deadline = fastipc_stream_deadline(stream->stream);
	struct fastipc_stream_end end;

	/* The server cancels what it is told has timed out. */
	if (error == -ECANCELED && deadline && fastipc_now_ns() >= deadline)
		return -ETIMEDOUT;
	if (error == -ETIMEDOUT &&
	    fastipc_stream_status(stream->stream, &end) == -EAGAIN)
		return -EAGAIN;
	return error;
}

static int try_read(struct node_stream *stream)
{
	return outcome(stream,
		       fastipc_stream_read(stream->stream,
					   &stream->client->reply, AT_ONCE));
}

/* What was read, by that result: a Buffer, or null at the end. */
static int take_value(struct node_stream *stream, int error, napi_value *value)
{
	struct node_client *client = stream->client;
	struct fastipc_buffer *buffer = &client->reply;
	napi_status status = napi_ok;

	*value = NULL;
	if (!error)
		status = napi_create_buffer_copy(client->env, buffer->size,
						 buffer->data, NULL, value);
	else if (error == -ENODATA)
		status = napi_get_null(client->env, value);
	if (status)
		return -ENOMEM;
	return error == -ENODATA ? 0 : error;
}

static int try_write(struct node_stream *stream, const void *data, size_t size)
{
	return outcome(stream, fastipc_stream_write(stream->stream, data, size,
						    0, AT_ONCE));
}

/* What the server said of it, or the library. */
static const char *reason(struct node_stream *stream, int error)
{
	struct fastipc_stream_end end;

	if (!stream->stream)
		return "the stream was closed";
	if (error == -ETIMEDOUT)
		return "the stream's deadline passed";
	if (!fastipc_stream_status(stream->stream, &end) &&
	    end.status == error && end.text[0])
		return end.text;
	return fastipc_strerror(error);
}

/* ---- waiting ---- */

static void begin_waiting(struct node_stream *stream)
{
	uint32_t count;

	node_loop_begin(stream->client);
	if (napi_reference_ref(stream->client->env, stream->self, &count))
		stream->client->ending = true;
}

/* With the result of its try. */
static void end_waiting(struct node_stream *stream, napi_deferred *waiter,
			int error)
{
	struct node_client *client = stream->client;
	bool reads = waiter == &stream->reader;
	napi_deferred deferred = *waiter;
	napi_handle_scope scope;
	napi_value value;
	uint32_t count;

	*waiter = NULL;
	node_loop_enter(client);
	if (!client->ending && napi_open_handle_scope(client->env, &scope))
		client->ending = true;
	if (!client->ending) {
		if (reads)
			error = take_value(stream, error, &value);
		else if (napi_get_undefined(client->env, &value))
			error = -ENOMEM;
		node_settle(client, deferred, error, reason(stream, error),
			    value);
		if (napi_reference_unref(client->env, stream->self, &count) ||
		    napi_close_handle_scope(client->env, scope))
			client->ending = true;
	}
	node_loop_end(client);
}

static bool serve_reader(struct node_stream *stream)
{
	int error = try_read(stream);

	if (error == -EAGAIN)
		return false;
	end_waiting(stream, &stream->reader, error);
	/* The server may send more. */
	node_loop_touch(stream->client);
	return true;
}

static bool serve_writer(struct node_stream *stream)
{
	int error = try_write(stream, stream->unsent, stream->unsent_size);

	if (error == -EAGAIN)
		return false;
	free(stream->unsent);
	stream->unsent = NULL;
	end_waiting(stream, &stream->writer, error);
	node_loop_touch(stream->client);
	return true;
}

bool node_streams_serve(struct node_client *client)
{
	struct node_stream *stream, *next;
	bool served = false;

	for (stream = client->streams; stream; stream = next) {
		next = stream->next;
		if (stream->reader && !client->ending)
			served |= serve_reader(stream);
		if (stream->writer && !client->ending)
			served |= serve_writer(stream);
	}
	return served;
}

/* ---- methods ---- */

static struct node_stream *this_stream(napi_env env, napi_callback_info info,
				       napi_value *argument)
{
	struct node_stream *stream = NULL;
	size_t count = 1;
	napi_value self;

	if (napi_get_cb_info(env, info, &count, argument, &self, NULL) ||
	    napi_unwrap(env, self, (void **)&stream)) {
		node_throw_napi(env);
	} else if (!stream->stream) {
		node_throw(env, -ECANCELED, "the stream is closed");
		stream = NULL;
	}
	return stream;
}

/* A Buffer, null at the end, or a promise of these. */
static napi_value read_message(napi_env env, napi_callback_info info)
{
	napi_value argument, value;
	struct node_stream *stream = this_stream(env, info, &argument);
	int error;

	if (!stream)
		return NULL;
	if (stream->reader)
		return node_throw(env, -EBUSY, "the stream is being read");
	error = try_read(stream);
	node_loop_touch(stream->client);
	if (error == -EAGAIN) {
		NODE_TRY(env,
			 napi_create_promise(env, &stream->reader, &value));
		begin_waiting(stream);
		return value;
	}
	error = take_value(stream, error, &value);
	if (error)
		return node_throw(env, error, reason(stream, error));
	return value;
}

/* Nothing, or a promise. */
static napi_value write_message(napi_env env, napi_callback_info info)
{
	napi_value argument, promise;
	struct node_stream *stream = this_stream(env, info, &argument);
	const void *data;
	size_t size;
	int error;

	if (!stream || !node_bytes(env, argument, &data, &size))
		return NULL;
	if (stream->writer)
		return node_throw(env, -EBUSY, "the stream is being written");
	error = try_write(stream, data, size);
	node_loop_touch(stream->client);
	if (!error)
		return NULL;
	if (error != -EAGAIN)
		return node_throw(env, error, reason(stream, error));
	stream->unsent = malloc(size ? size : 1);
	if (!stream->unsent)
		return node_throw(env, -ENOMEM, "no memory for a message");
	memcpy(stream->unsent, data, size);
	stream->unsent_size = size;
	if (napi_create_promise(env, &stream->writer, &promise)) {
		free(stream->unsent);
		stream->unsent = NULL;
		return node_throw_napi(env);
	}
	begin_waiting(stream);
	return promise;
}

static napi_value finish(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct node_stream *stream = this_stream(env, info, &argument);
	int error;

	if (!stream)
		return NULL;
	error = fastipc_stream_finish(stream->stream, 0, NULL, NULL, 0);
	node_loop_touch(stream->client);
	if (error)
		return node_throw(env, error, fastipc_error_detail());
	return NULL;
}

/* What the server sent with its end: a Buffer; undefined before. */
static napi_value trailers(napi_env env, napi_callback_info info)
{
	napi_value argument, value;
	struct node_stream *stream = this_stream(env, info, &argument);
	struct fastipc_stream_end end;

	if (!stream || fastipc_stream_status(stream->stream, &end))
		return NULL;
	NODE_TRY(env, napi_create_buffer_copy(env, end.size, end.trailers, NULL,
					      &value));
	return value;
}

static void close_stream(struct node_stream *stream)
{
	struct fastipc_stream *closed = stream->stream;

	if (!closed)
		return;
	stream->stream = NULL;
	*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
	fastipc_stream_close(closed);
	free(stream->unsent);
	stream->unsent = NULL;
	if (stream->reader)
		end_waiting(stream, &stream->reader, -ECANCELED);
	if (stream->writer)
		end_waiting(stream, &stream->writer, -ECANCELED);
}

static napi_value close_method(napi_env env, napi_callback_info info)
{
	struct node_stream *stream;
	napi_value self;

	NODE_TRY(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL));
	NODE_TRY(env, napi_unwrap(env, self, (void **)&stream));
	if (stream->stream)
		node_loop_touch(stream->client);
	close_stream(stream);
	return NULL;
}

void node_streams_close(struct node_client *client)
{
	while (client->streams)
		close_stream(client->streams);
}

/* ---- beginning and end ---- */

static void finalize(napi_env env, void *data, void *hint)
{
	struct node_stream *stream = data;
	struct node_client *client = stream->client;

	(void)hint;
	if (stream->self && napi_delete_reference(env, stream->self))
		client->ending = true;
	if (stream->stream && client->client)
		node_loop_touch(client);
	close_stream(stream);
	free(stream);
	node_client_unref(client);
}

/* (type, data, deadlineMs, weight, urgent) of a client. */
struct opening {
	struct node_client *client;
	uint32_t type;
	const void *data;
	size_t size;
	struct fastipc_stream_options options;
};

static bool get_opening(napi_env env, napi_callback_info info,
			struct opening *opening)
{
	struct fastipc_stream_options *options = &opening->options;
	napi_value self, arguments[5];
	size_t count = 5;
	uint32_t weight;

	fastipc_stream_options_init(options);
	if (napi_get_cb_info(env, info, &count, arguments, &self, NULL))
		return node_throw_napi(env);
	opening->client = node_client_of(env, self);
	if (!opening->client)
		return false;
	if (napi_get_value_uint32(env, arguments[0], &opening->type) ||
	    napi_get_value_uint32(env, arguments[3], &weight) ||
	    napi_get_value_bool(env, arguments[4], &options->urgent))
		return node_throw_napi(env);
	options->weight = weight;
	if (opening->type >= FASTIPC_TYPE_RESERVED)
		return node_throw(env, -EINVAL,
				  "a message's type is 0 to 65279");
	return node_bytes(env, arguments[1], &opening->data, &opening->size) &&
	       node_deadline(env, arguments[2], &options->deadline);
}

napi_value node_stream_open(napi_env env, napi_callback_info info)
{
	struct node_client *client;
	struct node_stream *stream;
	struct opening opening;
	struct addon *addon;
	napi_value object;
	int error;

	if (!get_opening(env, info, &opening))
		return NULL;
	NODE_TRY(env, napi_get_instance_data(env, (void **)&addon));
	client = opening.client;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return node_throw(env, -ENOMEM, "no memory for a stream");
	error = fastipc_stream_open(client->client, (uint16_t)opening.type,
				    opening.data, opening.size,
				    &opening.options, &stream->stream);
	node_loop_touch(client);
	if (error) {
		free(stream);
		return node_throw(env, error, fastipc_error_detail());
	}
	stream->client = client;
	client->references++;
	stream->next = client->streams;
	stream->link = &client->streams;
	if (stream->next)
		stream->next->link = &stream->next;
	client->streams = stream;
	if (!node_new(env, addon->stream_class, stream, finalize, &object,
		      &stream->self)) {
		close_stream(stream);
		free(stream);
		node_client_unref(client);
		return NULL;
	}
	return object;
}

bool node_stream_class(napi_env env, struct addon *addon)
{
	static const struct method methods[] = {
		{ "read", read_message },  { "write", write_message },
		{ "finish", finish },	   { "trailers", trailers },
		{ "close", close_method },
	};

	return node_define_class(env, "Stream", methods,
				 sizeof(methods) / sizeof(*methods),
				 &addon->stream_class);
}
