// SPDX-License-Identifier: MIT
/*
 * A client in the libuv loop of its environment.
 *
 * The library wants to be dispatched before each poll that follows a call, and
 * after each wake-up of its descriptor: a prepare handle does the one (and is
 * stopped when nothing was called), a poll handle the other, and a timer is
 * for deadlines.  Only the poll handle keeps a process alive, and only as long
 * as something is pending.
 */
#include "addon.h"

#include <errno.h>

#define NS_PER_MS 1000000u

static struct node_client *of(void *handle)
{
	return ((uv_handle_t *)handle)->data;
}

/* ---- JavaScript that follows ---- */

void node_loop_enter(struct node_client *client)
{
	napi_value resource;

	if (!client->in_turn || client->scoped || client->ending)
		return;
	if (napi_open_handle_scope(client->env, &client->values))
		return;
	if (!napi_create_object(client->env, &resource) &&
	    !napi_open_callback_scope(client->env, resource, client->context,
				      &client->scope))
		client->scoped = true;
	else if (napi_close_handle_scope(client->env, client->values))
		client->ending = true;
}

/* Here JavaScript runs, which may close the client. */
static void leave(struct node_client *client)
{
	napi_env env = client->env;
	napi_value exception;
	bool pending = false;

	client->in_turn = false;
	if (!client->scoped)
		return;
	client->scoped = false;
	if (napi_close_callback_scope(env, client->scope) &&
	    !napi_is_exception_pending(env, &pending) && pending &&
	    !napi_get_and_clear_last_exception(env, &exception) &&
	    napi_fatal_exception(env, exception))
		client->ending = true;
	if (napi_close_handle_scope(env, client->values))
		client->ending = true;
}

/* ---- turns ---- */

static void on_timer(uv_timer_t *timer);

static void set_timer(struct node_client *client)
{
	uint64_t deadline = fastipc_client_next_deadline(client->client);
	uint64_t now, ms;

	/* One that is set for an earlier time finds out by itself. */
	if (!deadline || client->over ||
	    (client->timer_at && client->timer_at <= deadline))
		return;
	now = fastipc_now_ns();
	ms = deadline > now ? (deadline - now) / NS_PER_MS + 1 : 0;
	if (uv_timer_start(&client->timer, on_timer, ms, 0) == 0)
		client->timer_at = deadline;
}

static void on_over(struct node_client *client)
{
	client->over = true;
	client->timer_at = 0;
	/* It would be readable for ever. */
	uv_poll_stop(&client->poll);
	uv_timer_stop(&client->timer);
}

/* Wait a moment for an answer rather than be woken up for it. */
static int spin(struct node_client *client)
{
	uint64_t until = fastipc_after_ns(client->spin_ns);
	int result;

	do
		result = fastipc_client_dispatch(client->client);
	while (!result && !node_streams_serve(client) &&
	       fastipc_now_ns() < until);
	return result;
}

static void turn(struct node_client *client, bool may_spin)
{
	int result;

	client->references++;
	client->dirty = false;
	client->in_turn = true;
	result = fastipc_client_dispatch(client->client);
	if (!result && may_spin && client->spin_ns && client->pending)
		result = spin(client);
	node_streams_serve(client);
	if (result < 0)
		on_over(client);
	set_timer(client);
	leave(client);
	node_client_unref(client);
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* it is there so that the loop does not sleep */
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct node_client *client = of(prepare);

	client->references++;
	turn(client, true);
	if (!client->client) {
		node_client_unref(client);
		return;
	}
	/* What followed called again: look again before the loop sleeps. */
	if (client->dirty) {
		uv_idle_start(&client->idle, on_idle);
	} else {
		uv_idle_stop(&client->idle);
		uv_prepare_stop(&client->prepare);
	}
	node_client_unref(client);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status; /* dispatching finds out */
	(void)events;
	turn(of(poll), false);
}

static void on_timer(uv_timer_t *timer)
{
	of(timer)->timer_at = 0;
	turn(of(timer), false);
}

void node_loop_touch(struct node_client *client)
{
	if (client->dirty || client->over)
		return;
	client->dirty = true;
	uv_prepare_start(&client->prepare, on_prepare);
}

/* ---- what keeps the process, and the object, alive ---- */

/* Only an environment that ends refuses to. */
void node_loop_begin(struct node_client *client)
{
	uint32_t count;

	if (client->pending++)
		return;
	uv_ref((uv_handle_t *)&client->poll);
	if (napi_reference_ref(client->env, client->self, &count))
		client->ending = true;
}

void node_loop_end(struct node_client *client)
{
	uint32_t count;

	if (--client->pending)
		return;
	uv_unref((uv_handle_t *)&client->poll);
	if (!client->ending &&
	    napi_reference_unref(client->env, client->self, &count))
		client->ending = true;
}

/* ---- beginning and end ---- */

static void on_closed(uv_handle_t *handle)
{
	struct node_client *client = of(handle);

	/* The environment waits for that, if it ends. */
	if (!--client->handles && client->hook &&
	    napi_remove_async_cleanup_hook(client->hook))
		client->ending = true;
	node_client_unref(client);
}

static void keep(struct node_client *client, void *handle)
{
	((uv_handle_t *)handle)->data = client;
	uv_unref(handle);
	client->handles++;
	client->references++;
}

int node_loop_start(struct node_client *client)
{
	struct uv_loop_s *loop;
	int error;

	if (napi_get_uv_event_loop(client->env, &loop))
		return -EINVAL;
	/* The only one that can fail is first. */
	error = uv_poll_init(loop, &client->poll,
			     fastipc_client_fd(client->client));
	if (error)
		return error;
	keep(client, &client->poll);
	uv_prepare_init(loop, &client->prepare);
	keep(client, &client->prepare);
	uv_idle_init(loop, &client->idle);
	keep(client, &client->idle);
	uv_timer_init(loop, &client->timer);
	keep(client, &client->timer);
	error = uv_poll_start(&client->poll, UV_READABLE, on_poll);
	if (error) {
		node_loop_close(client);
		return error;
	}
	node_loop_touch(client);
	return 0;
}

void node_loop_close(struct node_client *client)
{
	uv_close((uv_handle_t *)&client->poll, on_closed);
	uv_close((uv_handle_t *)&client->prepare, on_closed);
	uv_close((uv_handle_t *)&client->idle, on_closed);
	uv_close((uv_handle_t *)&client->timer, on_closed);
}
