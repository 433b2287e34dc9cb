/* SPDX-License-Identifier: MIT */
/*
 * The addon that makes a fastipc client of Node.js: what its parts share.
 *
 * All of it runs in the thread of one environment (the main thread, or a
 * worker) and its libuv loop, but for the wait for a server's answer to
 * connect(), which is in libuv's pool.  No state is shared by environments:
 * each client belongs to one.
 *
 * While the library dispatches, no JavaScript runs: promises are settled, and
 * what they lead to runs when the callback scope is closed, after that.
 */
#ifndef FASTIPC_NODE_ADDON_H
#define FASTIPC_NODE_ADDON_H

#define NAPI_VERSION 8

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include <fastipc/fastipc.h>

/* ---- addon.c ---- */

/* Of an environment. */
struct addon {
	napi_ref client_class;
	napi_ref stream_class;
};

struct method {
	const char *name;
	napi_callback call;
};

/* Throw what Node-API says of its own last error; NULL.  */
napi_value node_throw_napi(napi_env env);
/* Throw, or make, an Error whose code is the errno's name; NULL if that
 * fails. */
napi_value node_throw(napi_env env, int error, const char *message);
napi_value node_error(napi_env env, int error, const char *message);

#define NODE_TRY(env, call) \
	do { \
		if ((call) != napi_ok) \
			return node_throw_napi(env); \
	} while (0)

/* Make a class whose instances come from C; and one of them, owner of
 * @wrapped, with a weak @reference.  false: an exception is pending. */
bool node_define_class(napi_env env, const char *name,
		       const struct method *methods, size_t count,
		       napi_ref *class);
bool node_new(napi_env env, napi_ref class, void *wrapped,
	      napi_finalize finalize, napi_value *object, napi_ref *reference);

/* The bytes of a Buffer or any Uint8Array; undefined is none. */
bool node_bytes(napi_env env, napi_value value, const void **data,
		size_t *size);
/* From milliseconds, of which Infinity and undefined are for ever. */
bool node_deadline(napi_env env, napi_value value, uint64_t *deadline);
/* A property that is a number; @value stays if it is not there. */
bool node_option(napi_env env, napi_value object, const char *name,
		 uint32_t *value);
/* A string, to free(); NULL: an exception is pending. */
char *node_string(napi_env env, napi_value value);

/* ---- client.c, loop.c ---- */

struct node_call;
struct node_stream;

struct node_client {
	napi_env env;
	struct fastipc_client *client; /* NULL: closed */
	napi_ref self;		       /* strong while something is pending */
	napi_async_context context;
	napi_async_cleanup_hook_handle hook;
	unsigned int references; /* the object, handles, streams, a turn */
	unsigned int handles;	 /* of libuv, that are not closed yet */
	unsigned int pending;	 /* calls, and streams that wait */
	bool ending;		 /* the environment: no JavaScript any more */
	bool dirty;		 /* dispatch before the loop polls */
	bool over;		 /* the connection */
	bool in_turn;		 /* of the loop: settling opens the scope */
	bool scoped;
	napi_handle_scope values;
	napi_callback_scope scope;
	uint64_t spin_ns;  /* before it sleeps while calls are pending */
	uint64_t timer_at; /* deadline that the timer is set for; 0: none */
	uv_prepare_t prepare;
	uv_idle_t idle;
	uv_timer_t timer;
	uv_poll_t poll;
	struct fastipc_buffer reply; /* of calls that are waited for */
	struct node_call *free_calls;
	struct node_stream *streams; /* all that are open */
};

bool node_client_class(napi_env env, struct addon *addon);
/* The object for a client that is connected, and now the object's. */
bool node_client_new(napi_env env, struct addon *addon,
		     struct fastipc_client *connected, uint32_t spin_us,
		     napi_value *object);
/* Of a method's receiver.  NULL: an exception is pending. */
struct node_client *node_client_of(napi_env env, napi_value self);

/* Begin to watch a client; nothing keeps the loop alive. */
int node_loop_start(struct node_client *client);
/* Something was done that dispatching has to follow. */
void node_loop_touch(struct node_client *client);
/* One thing more, or less, that the process waits for. */
void node_loop_begin(struct node_client *client);
void node_loop_end(struct node_client *client);
/* Before a promise is settled: its reactions run when the turn ends. */
void node_loop_enter(struct node_client *client);
/* End the client: what is pending fails with -ECANCELED. */
void node_client_close(struct node_client *client);
/* Close the handles; they hold references until that is done. */
void node_loop_close(struct node_client *client);
void node_client_unref(struct node_client *client);

/* Settle, with @error or with @value if that is 0.  Takes the deferred. */
void node_settle(struct node_client *client, napi_deferred deferred, int error,
		 const char *message, napi_value value);

/* ---- stream.c ---- */

bool node_stream_class(napi_env env, struct addon *addon);
napi_value node_stream_open(napi_env env, napi_callback_info info);
/* Try again what streams of the client wait for; whether any got it. */
bool node_streams_serve(struct node_client *client);
/* Their client is closed. */
void node_streams_close(struct node_client *client);

/* ---- connect.c ---- */

napi_value node_connect(napi_env env, napi_callback_info info);

/* ---- schema.c ---- */

napi_value node_load_schema(napi_env env, napi_callback_info info);

#endif
