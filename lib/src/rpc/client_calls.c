// SPDX-License-Identifier: MIT
/*
 * The client's calls in flight: how they end, one by one or all at once.
 */
#include "rpc/client.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/futex.h"

/* The client whose callback this thread is in. */
static _Thread_local const struct fastipc_client *calling_back;

const struct fastipc_client *
fastipc_client_enter_callback(struct fastipc_client *client)
{
	const struct fastipc_client *outer = calling_back;

	client->in_callback++;
	calling_back = client;
	return outer;
}

void fastipc_client_leave_callback(struct fastipc_client *client,
				   const struct fastipc_client *outer)
{
	calling_back = outer;
	client->in_callback--;
}

bool fastipc_client_in_own_callback(const struct fastipc_client *client)
{
	return client->in_callback && calling_back == client;
}

struct call *fastipc_call_alloc(struct fastipc_client *client)
{
	struct call *call = client->pool;

	if (call)
		client->pool = call->next;
	else
		call = malloc(sizeof(*call));
	return call;
}

void fastipc_call_free(struct fastipc_client *client, struct call *call)
{
	call->next = client->pool;
	client->pool = call;
}

int fastipc_client_draining(void)
{
	return fastipc_fail(
		-ESHUTDOWN,
		"the server drains and has not begun this: try another server");
}

int fastipc_client_over(const struct fastipc_client *client)
{
	switch (client->error) {
	case -EPIPE:
		return fastipc_fail(-EPIPE,
				    "the server is gone: connect again");
	case -ENODATA:
		if (client->goaway)
			return fastipc_client_draining();
		return fastipc_fail(
			-EPIPE,
			"the server shut the connection down: connect again");
	case -EBADMSG:
		return fastipc_fail(
			-EBADMSG,
			"a reply's checksum did not match: the connection was given up");
	default:
		return fastipc_fail(
			client->error,
			"the server broke the protocol (%s): the connection was given up",
			fastipc_strerror(client->error));
	}
}

int fastipc_call_outcome(const struct fastipc_client *client,
			 const struct call *call, int status)
{
	if (__builtin_expect(!status, 1))
		return 0;
	if (status == client->error && status != -ECANCELED)
		return fastipc_client_over(client);
	/* What the server says is about this call; an errno may have come from
	 * its handler, where it means something else than to the library. */
	return fastipc_fail(status, "the call failed: %s",
			    call->reason[0] ? call->reason
					    : fastipc_strerror(status));
}

void fastipc_call_complete(struct fastipc_client *client, struct call *call,
			   int status, const void *data, size_t size)
{
	client->ended++;
	if (!call->kept)
		fastipc_call_leave(client, call);
	call->status = status;
	if (call->done) {
		fastipc_done_fn done = call->done;
		void *context = call->context;
		const struct fastipc_client *outer;

		fastipc_client_stir(client);
		status = fastipc_call_outcome(client, call, status);
		fastipc_call_free(client, call);
		outer = fastipc_client_enter_callback(client);
		fastipc_unlock(&client->lock);
		done(context, status, data, size);
		fastipc_lock(&client->lock);
		fastipc_client_leave_callback(client, outer);
		return;
	}
	fastipc_call_done(client, call);
}

void fastipc_call_done(struct fastipc_client *client, struct call *call)
{
	__atomic_store_n(&call->state, CALL_DONE, __ATOMIC_RELEASE);
	if (call->waited) {
		fastipc_futex_wake(&call->state, 1);
		client->crowded = true;
	} else {
		fastipc_client_stir(client);
	}
}

void fastipc_client_fail_all(struct fastipc_client *client, int error)
{
	if (client->error)
		return;
	client->error = error;
	fastipc_client_stir(client);
	fastipc_streams_fail(&client->streams);
	fastipc_client_wake_borrowers(client);
	/* Who waits there to send is woken. */
	fastipc_outbox_clear(&client->outbox, client);
	for (uint32_t slot = 0; slot < client->slots; slot++)
		if (client->calls[slot] &&
		    client->calls[slot]->state != CALL_DONE)
			fastipc_call_complete(client, client->calls[slot],
					      error, NULL, 0);
	fastipc_streams_run(&client->streams);
}
