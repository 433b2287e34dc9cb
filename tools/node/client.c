// SPDX-License-Identifier: MIT
/*
 * A client as JavaScript has it: calls that are promises, one-way messages,
 * pings, and its end.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>

/* A call in flight. */
struct node_call {
	struct node_call *next; /* if it is free */
	struct node_client *client;
	napi_deferred deferred;
	uint64_t pinged; /* when; 0: it is no ping */
};

/* ---- the end of a call ---- */

void node_settle(struct node_client *client, napi_deferred deferred, int error,
		 const char *message, napi_value value)
{
	napi_env env = client->env;
	napi_status status;

	node_loop_enter(client);
	if (!error && !value)
		error = -ENOMEM; /* it could not be made */
	if (error)
		value = node_error(env, error, message);
	if (!value)
		status = napi_generic_failure;
	else if (error)
		status = napi_reject_deferred(env, deferred, value);
	else
		status = napi_resolve_deferred(env, deferred, value);
	/* An environment that cannot do that ends, and nobody waits. */
	if (status)
		client->ending = true;
}

static napi_value value_of(struct node_call *call, const void *data,
			   size_t size)
{
	napi_env env = call->client->env;
	napi_value value = NULL;
	napi_status status;

	if (call->pinged)
		status = napi_create_double(
			env, (double)(fastipc_now_ns() - call->pinged), &value);
	else
		status = napi_create_buffer_copy(env, size, data, NULL, &value);
	return status ? NULL : value;
}

static void done(void *context, int status, const void *data, size_t size)
{
	struct node_call *call = context;
	struct node_client *client = call->client;
	napi_value value = NULL;
	napi_handle_scope scope;

	if (!client->ending) {
		node_loop_enter(client);
		if (napi_open_handle_scope(client->env, &scope)) {
			client->ending = true;
		} else {
			if (!status)
				value = value_of(call, data, size);
			node_settle(client, call->deferred, status,
				    fastipc_error_detail(), value);
			if (napi_close_handle_scope(client->env, scope))
				client->ending = true;
		}
	}
	call->next = client->free_calls;
	client->free_calls = call;
	node_loop_end(client);
}

/* ---- methods ---- */

struct node_client *node_client_of(napi_env env, napi_value self)
{
	struct node_client *client;

	if (napi_unwrap(env, self, (void **)&client)) {
		node_throw_napi(env);
		return NULL;
	}
	if (!client->client) {
		node_throw(env, -EBADF, "the client is closed");
		return NULL;
	}
	return client;
}

/* What calls and one-way messages have: (type, data, deadlineMs). */
struct message {
	struct node_client *client;
	uint32_t type;
	const void *data;
	size_t size;
	uint64_t deadline;
};

static bool get_message(napi_env env, napi_callback_info info,
			struct message *message)
{
	napi_value self, arguments[3];
	size_t count = 3;

	if (napi_get_cb_info(env, info, &count, arguments, &self, NULL))
		return node_throw_napi(env);
	message->client = node_client_of(env, self);
	if (!message->client)
		return false;
	if (napi_get_value_uint32(env, arguments[0], &message->type))
		return node_throw_napi(env);
	if (message->type >= FASTIPC_TYPE_RESERVED)
		return node_throw(env, -EINVAL,
				  "a message's type is 0 to 65279");
	return node_bytes(env, arguments[1], &message->data, &message->size) &&
	       node_deadline(env, arguments[2], &message->deadline);
}

static struct node_call *new_call(struct node_client *client)
{
	struct node_call *call = client->free_calls;

	if (call)
		client->free_calls = call->next;
	else
		call = malloc(sizeof(*call));
	if (call)
		*call = (struct node_call){ .client = client };
	return call;
}

/* [promise, id]; or the promise alone. */
static napi_value started(napi_env env, napi_value promise, uint64_t id,
			  bool with_id)
{
	napi_value pair, number;

	if (!with_id)
		return promise;
	NODE_TRY(env, napi_create_array_with_length(env, 2, &pair));
	NODE_TRY(env, napi_set_element(env, pair, 0, promise));
	NODE_TRY(env, napi_create_bigint_uint64(env, id, &number));
	NODE_TRY(env, napi_set_element(env, pair, 1, number));
	return pair;
}

static napi_value start(napi_env env, const struct message *message,
			bool with_id)
{
	struct node_client *client = message->client;
	struct node_call *call = new_call(client);
	struct fastipc_call_options options;
	napi_value promise;
	uint64_t id = 0;
	int error;

	if (!call)
		return node_throw(env, -ENOMEM, "no memory for a call");
	if (napi_create_promise(env, &call->deferred, &promise)) {
		free(call);
		return node_throw_napi(env);
	}
	fastipc_call_options_init(&options);
	options.deadline = message->deadline;
	options.done = done;
	options.context = call;
	options.flags = FASTIPC_NOWAIT;
	if (message->type == FASTIPC_TYPE_PING)
		call->pinged = fastipc_now_ns();
	node_loop_begin(client);
	error = fastipc_client_start(client->client, (uint16_t)message->type,
				     message->data, message->size, &options,
				     &id);
	if (error)
		done(call, error, NULL, 0);
	else
		node_loop_touch(client);
	return started(env, promise, id, with_id);
}

static napi_value call(napi_env env, napi_callback_info info)
{
	struct message message;

	if (!get_message(env, info, &message))
		return NULL;
	return start(env, &message, false);
}

/* The same, to be cancelled perhaps: [promise, id]. */
static napi_value call_with_id(napi_env env, napi_callback_info info)
{
	struct message message;

	if (!get_message(env, info, &message))
		return NULL;
	return start(env, &message, true);
}

static napi_value cancel(napi_env env, napi_callback_info info)
{
	napi_value self, argument, result;
	struct node_client *client;
	size_t count = 1;
	bool lossless;
	uint64_t id;

	NODE_TRY(env,
		 napi_get_cb_info(env, info, &count, &argument, &self, NULL));
	NODE_TRY(env,
		 napi_get_value_bigint_uint64(env, argument, &id, &lossless));
	client = node_client_of(env, self);
	if (!client)
		return NULL;
	NODE_TRY(env, napi_get_boolean(
			      env, !fastipc_client_cancel(client->client, id),
			      &result));
	node_loop_touch(client);
	return result;
}

static napi_value call_sync(napi_env env, napi_callback_info info)
{
	struct fastipc_buffer *reply;
	struct message message;
	napi_value buffer;
	int error;

	if (!get_message(env, info, &message))
		return NULL;
	reply = &message.client->reply;
	error = fastipc_client_call(message.client->client,
				    (uint16_t)message.type, message.data,
				    message.size, reply, message.deadline);
	if (error)
		node_throw(env, error, fastipc_error_detail());
	node_loop_touch(message.client);
	if (error)
		return NULL;
	NODE_TRY(env, napi_create_buffer_copy(env, reply->size, reply->data,
					      NULL, &buffer));
	return buffer;
}

static napi_value post(napi_env env, napi_callback_info info)
{
	struct message message;
	int error;

	if (!get_message(env, info, &message))
		return NULL;
	error = fastipc_client_post(message.client->client,
				    (uint16_t)message.type, message.data,
				    message.size, FASTIPC_NOWAIT, 0);
	node_loop_touch(message.client);
	if (error)
		return node_throw(env, error, fastipc_error_detail());
	return NULL;
}

static napi_value ping(napi_env env, napi_callback_info info)
{
	struct message message = { .type = FASTIPC_TYPE_PING };
	napi_value self, argument;
	size_t count = 1;

	NODE_TRY(env,
		 napi_get_cb_info(env, info, &count, &argument, &self, NULL));
	message.client = node_client_of(env, self);
	if (!message.client || !node_deadline(env, argument, &message.deadline))
		return NULL;
	return start(env, &message, false);
}

static napi_value stats(napi_env env, napi_callback_info info)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	napi_value self, object, value;
	struct node_client *client;
	int error;

	NODE_TRY(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL));
	client = node_client_of(env, self);
	if (!client)
		return NULL;
	error = fastipc_client_get_stats(client->client, &stats);
	if (error)
		return node_throw(env, error, fastipc_error_detail());
	NODE_TRY(env, napi_create_object(env, &object));
#define COUNTER(name, property) \
	NODE_TRY(env, napi_create_double(env, (double)stats.name, &value)); \
	NODE_TRY(env, napi_set_named_property(env, object, property, value))
	COUNTER(calls, "calls");
	COUNTER(replies, "replies");
	COUNTER(late_replies, "lateReplies");
	COUNTER(bytes_sent, "bytesSent");
	COUNTER(bytes_received, "bytesReceived");
	COUNTER(streams, "streams");
	COUNTER(peer.pid, "peerPid");
#undef COUNTER
	NODE_TRY(env, napi_create_string_utf8(env, stats.transport,
					      NAPI_AUTO_LENGTH, &value));
	NODE_TRY(env, napi_set_named_property(env, object, "transport", value));
	return object;
}

static napi_value close_client(napi_env env, napi_callback_info info)
{
	struct node_client *client;
	napi_value self;

	NODE_TRY(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL));
	NODE_TRY(env, napi_unwrap(env, self, (void **)&client));
	node_client_close(client);
	return NULL;
}

/* ---- beginning and end ---- */

void node_client_unref(struct node_client *client)
{
	struct node_call *call;

	if (--client->references)
		return;
	while ((call = client->free_calls)) {
		client->free_calls = call->next;
		free(call);
	}
	fastipc_buffer_free(&client->reply);
	free(client);
}

void node_client_close(struct node_client *client)
{
	struct fastipc_client *connection = client->client;

	if (!connection)
		return;
	client->references++;
	/* While its descriptor still is one. */
	node_loop_close(client);
	node_streams_close(client);
	client->client = NULL;
	fastipc_client_close(connection);
	if (client->context && napi_async_destroy(client->env, client->context))
		client->ending = true;
	client->context = NULL;
	node_client_unref(client);
}

/* The object is gone: nothing is pending, or the environment ends. */
static void finalize(napi_env env, void *data, void *hint)
{
	struct node_client *client = data;

	(void)hint;
	if (client->self && napi_delete_reference(env, client->self))
		client->ending = true;
	node_client_close(client);
	node_client_unref(client);
}

/* The environment ends; it waits until the handles are closed. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data)
{
	struct node_client *client = data;

	(void)hook;
	client->ending = true;
	node_client_close(client);
}

bool node_client_new(napi_env env, struct addon *addon,
		     struct fastipc_client *connected, uint32_t spin_us,
		     napi_value *object)
{
	struct node_client *client = calloc(1, sizeof(*client));
	napi_value name;
	int error;

	if (!client) {
		fastipc_client_close(connected);
		return node_throw(env, -ENOMEM, "no memory for a client");
	}
	client->env = env;
	client->client = connected;
	client->references = 1;
	client->spin_ns = spin_us * 1000ull;
	error = node_loop_start(client);
	if (error) {
		client->client = NULL;
		fastipc_client_close(connected);
		node_client_unref(client);
		return node_throw(env, error, uv_strerror(error));
	}
	if (!node_new(env, addon->client_class, client, finalize, object,
		      &client->self)) {
		client->ending = true;
		node_client_close(client);
		node_client_unref(client);
		return false;
	}
	if (napi_create_string_utf8(env, "fastipc", NAPI_AUTO_LENGTH, &name) ||
	    napi_async_init(env, *object, name, &client->context) ||
	    napi_add_async_cleanup_hook(env, on_cleanup, client,
					&client->hook)) {
		node_throw_napi(env);
		node_client_close(client);
		return false;
	}
	return true;
}

bool node_client_class(napi_env env, struct addon *addon)
{
	static const struct method methods[] = {
		{ "call", call },
		{ "callWithId", call_with_id },
		{ "cancel", cancel },
		{ "callSync", call_sync },
		{ "post", post },
		{ "ping", ping },
		{ "openStream", node_stream_open },
		{ "stats", stats },
		{ "close", close_client },
	};

	return node_define_class(env, "Client", methods,
				 sizeof(methods) / sizeof(*methods),
				 &addon->client_class);
}
