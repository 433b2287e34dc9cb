// SPDX-License-Identifier: MIT
/*
 * The client's threads that wait: one leads, that is, reads for all, and the
 * others follow; or an event loop has the leader's part.
 */
#include "rpc/client.h"

#include <sched.h>

#include "base/error.h"
#include "base/futex.h"

/* While something waits for space that nobody tells of. */
#define SPACE_LOOK_NS 1000000u
/* After so long, and a batch, a dispatch leaves the rest to the next. */
#define DISPATCH_NS 10000000u

static void disarm(struct fastipc_client *client)
{
	if (client->armed) {
		client->armed = false;
		fastipc_channel_disarm(&client->channel);
	}
}

void fastipc_client_begin_leading(struct fastipc_client *client)
{
	client->leading = true;
	/* With one thread, nobody is in poll() meanwhile. */
	client->unarmed |= client->armed && !__libc_single_threaded;
	disarm(client);
}

static void follow_push(struct fastipc_client *client, struct call *call)
{
	call->waited = true;
	call->next = NULL;
	call->previous = client->followers_last;
	if (client->followers_last)
		client->followers_last->next = call;
	else
		client->followers = call;
	client->followers_last = call;
}

static void follow_remove(struct fastipc_client *client, struct call *call)
{
	call->waited = false;
	if (call->previous)
		call->previous->next = call->next;
	else
		client->followers = call->next;
	if (call->next)
		call->next->previous = call->previous;
	else
		client->followers_last = call->previous;
}

void fastipc_client_promote(struct fastipc_client *client)
{
	if (client->leading)
		return;
	for (struct call *call = client->followers; call; call = call->next) {
		if (call->state == CALL_DONE)
			continue;
		__atomic_store_n(&call->state, CALL_PROMOTED, __ATOMIC_RELEASE);
		fastipc_futex_wake(&call->state, 1);
		return;
	}
}

static void end_leading(struct fastipc_client *client)
{
	client->leading = false;
	fastipc_client_promote(client);
}

void fastipc_client_add_deadline(struct fastipc_client *client,
				 uint64_t deadline)
{
	uint64_t next = fastipc_client_sooner(client->next_deadline, deadline);

	if (next == client->next_deadline)
		return;
	client->next_deadline = next;
	fastipc_client_stir(client);
}

/* End the calls with callbacks whose deadline has passed, or that could not be
 * sent. */
static unsigned int expire(struct fastipc_client *client)
{
	uint64_t now, next = 0;
	unsigned int count = 0;

	if (!client->next_deadline)
		return 0;
	now = fastipc_now_ns();
	if (now < client->next_deadline)
		return 0;
	client->next_deadline = 0;
	next = fastipc_streams_expire(&client->streams, now);
	fastipc_streams_run(&client->streams);
	for (uint32_t slot = 0; slot < client->slots; slot++) {
		struct call *call = client->calls[slot];

		if (!call || !call->done || !call->deadline)
			continue;
		if (call->deadline <= now) {
			int status = call->status ? call->status : -ETIMEDOUT;

			if (!call->status)
				fastipc_client_send_cancel(client, call->id);
			fastipc_call_complete(client, call, status, NULL, 0);
			count++;
		} else if (!next || call->deadline < next) {
			next = call->deadline;
		}
	}
	/* A callback may have started calls with deadlines of their own. */
	if (next && (!client->next_deadline || next < client->next_deadline))
		client->next_deadline = next;
	return count;
}

/* Who waits wants what was sent with FASTIPC_MORE to arrive. */
static void publish(struct fastipc_client *client)
{
	struct fastipc_channel *channel = &client->channel;

	if (channel->tx.tail != channel->tx.published) {
		fastipc_producer_publish(&channel->tx);
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	}
}

/* Put what waits into the ring; whether anything was. */
static bool send_queued(struct fastipc_client *client)
{
	bool moved = fastipc_client_push_some(client);

	fastipc_streams_run(&client->streams);
	fastipc_client_check(client);
	return moved;
}

static bool has_ended(const struct call *call)
{
	return call && call->state == CALL_DONE;
}

/*
 * A large message may keep coming, or going, for milliseconds.  Others wait
 * meanwhile for the lock, or, woken by this thread or before it, for its CPU,
 * which the scheduler does not take away from it for as long.
 */
static void give_way(struct fastipc_client *client, const struct call *call)
{
	if (__builtin_expect(fastipc_lock_is_wanted(&client->lock), 0)) {
		client->crowded = false;
		fastipc_lock_yield(&client->lock);
	} else if (__builtin_expect(client->crowded, 0) && !has_ended(call)) {
		client->crowded = false;
		if (!client->assembly.open &&
		    fastipc_outbox_is_empty(&client->outbox))
			return;
		fastipc_unlock(&client->lock);
		sched_yield();
		fastipc_lock(&client->lock);
	}
}

/* Something came, but not what is waited for: a server that never stops talking
 * keeps nobody for longer than until the deadline. */
static int look_up(struct fastipc_client *client, const struct call *call,
		   uint64_t deadline)
{
	if (has_ended(call))
		return 0;
	expire(client);
	return deadline && fastipc_now_ns() >= deadline ? -ETIMEDOUT : 0;
}

int fastipc_client_lead(struct fastipc_client *client, const struct call *call,
			uint32_t want, uint64_t deadline)
{
	struct fastipc_channel *channel = &client->channel;
	uint32_t seen = __atomic_load_n(&client->kick, __ATOMIC_ACQUIRE);
	bool imminent;
	int error;

	if (fastipc_client_drain(client, call) || expire(client)) {
		/* Also while the server never stops talking; but who has its
		 * reply leaves it to the next. */
		if (!fastipc_outbox_is_empty(&client->outbox) &&
		    !(has_ended(call) && client->followers))
			send_queued(client);
		give_way(client, call);
		return look_up(client, call, deadline);
	}
	if (fastipc_client_has_room(client)) {
		fastipc_client_use_room(client);
		return 0;
	}
	publish(client);
	if (!fastipc_outbox_is_empty(&client->outbox)) {
		bool moved = send_queued(client);

		/* Perhaps that was what the leader waits for. */
		if (moved || client->error) {
			give_way(client, call);
			return 0;
		}
		want |= FASTIPC_WANT_SPACE;
	}
	error = fastipc_client_check_passing(client);
	if (__builtin_expect(error, 0)) {
		client->stats.bad_frames++;
		fastipc_client_fail_all(client, error);
		return 0;
	}
	deadline = fastipc_client_sooner(deadline, client->next_deadline);
	client->asleep = true;
	/* In the middle of a large message, in or out, it does not take long. */
	imminent = client->assembly.open ||
		   (want & FASTIPC_WANT_SPACE && !client->outbox.small);
	fastipc_unlock(&client->lock);
	error = fastipc_channel_await(
		channel, want, __libc_single_threaded ? NULL : &client->kick,
		seen, imminent, deadline);
	fastipc_lock(&client->lock);
	client->asleep = false;
	if (error && (fastipc_client_drain(client, NULL) || expire(client)))
		return 0;
	return error;
}

/* ---- waiting for one call ---- */

static void follow(struct fastipc_client *client, struct call *call,
		   uint64_t deadline, int *error)
{
	publish(client);
	fastipc_channel_settle(&client->channel);
	follow_push(client, call);
	fastipc_unlock(&client->lock);
	*error = fastipc_futex_wait(&call->state, CALL_PENDING, deadline);
	fastipc_lock(&client->lock);
	follow_remove(client, call);
	if (call->state == CALL_PROMOTED) {
		call->state = CALL_PENDING;
		client->crowded = true;
	}
}

int fastipc_call_await(struct fastipc_client *client, struct call *call,
		       uint64_t deadline)
{
	int error = 0;

	while (__atomic_load_n(&call->state, __ATOMIC_ACQUIRE) != CALL_DONE) {
		if (error == -ETIMEDOUT && deadline &&
		    fastipc_now_ns() >= deadline)
			break;
		if (client->leading) {
			follow(client, call, deadline, &error);
			continue;
		}
		fastipc_client_begin_leading(client);
		while (call->state != CALL_DONE) {
			error = fastipc_client_lead(
				client, call, FASTIPC_WANT_DATA, deadline);
			if (error && deadline && fastipc_now_ns() >= deadline)
				break;
		}
		client->leading = false;
	}
	fastipc_client_promote(client);
	return call->state == CALL_DONE ? 0 : -ETIMEDOUT;
}

int fastipc_call_finish(struct fastipc_client *client, struct call *call)
{
	if (fastipc_client_in_own_callback(client)) {
		if (!call->kept)
			fastipc_call_leave(client, call);
		return fastipc_fail(-EDEADLK,
				    "a callback must not wait for a call");
	}
	if (fastipc_call_await(client, call, call->deadline) == 0)
		return fastipc_call_outcome(client, call, call->status);
	fastipc_client_send_cancel(client, call->id);
	client->ended++;
	if (!call->kept)
		fastipc_call_leave(client, call);
	return fastipc_fail(-ETIMEDOUT, "no reply came before the deadline");
}

/* ---- event loops ---- */

int fastipc_client_fd(const struct fastipc_client *client)
{
	return fastipc_link_fd(&client->channel.link);
}

/* Whether it was so long ago that a dispatch began, which is 0 before the
 * first question. */
static bool is_enough(uint64_t *began)
{
	uint64_t now = fastipc_now_ns();

	if (!*began)
		*began = now;
	return now - *began >= DISPATCH_NS;
}

/*
 * The peer has been told that an event loop sleeps, and rings for what it sends
 * from here on, but nobody tells of what was there already: take that, and no more.
 */
static void take_sent(struct fastipc_client *client)
{
	const struct fastipc_region *peer = &client->channel.link.peer;
	const struct fastipc_consumer *rx = &client->channel.rx;
	uint64_t tail =
		__atomic_load_n(&peer->control->tx_tail, __ATOMIC_ACQUIRE);

	/* What it may say is what the ring holds. */
	if ((int64_t)(tail - rx->head) > (int64_t)peer->size)
		tail = rx->head + peer->size;
	while (!client->error && (int64_t)(tail - rx->head) > 0 &&
	       fastipc_client_drain(client, NULL))
		;
	fastipc_client_push_outbox(client);
	fastipc_streams_run(&client->streams);
	fastipc_client_check(client);
	if (!client->error)
		fastipc_client_arm_for_space(client);
	fastipc_streams_run(&client->streams);
}

/*
 * Take what there is, or what comes in a while; then sleep on the socket, from the
 * peer's view.  @dispatch: what is left then is the next one's.
 */
static void take_and_arm(struct fastipc_client *client, bool dispatch)
{
	uint64_t began = 0;
	bool enough = false;
	uint32_t want;

	fastipc_client_begin_leading(client);
	fastipc_channel_check_peer(&client->channel);
	do {
		disarm(client);
		do {
			while (!enough && (fastipc_client_drain(client, NULL) ||
					   expire(client)))
				enough = is_enough(&began);
			if (enough)
				expire(client);
			if (fastipc_client_has_room(client))
				fastipc_client_use_room(client);
			publish(client);
			want = send_queued(client);
		} while (want && !client->error && !enough);
		if (client->error)
			break;
		want = FASTIPC_WANT_DATA;
		if (!fastipc_outbox_is_empty(&client->outbox))
			want |= FASTIPC_WANT_SPACE;
		fastipc_channel_arm(&client->channel, FASTIPC_SLEEP_POLL, want);
		client->armed = true;
	} while (!enough && fastipc_channel_ready(&client->channel, want));
	if (enough && !dispatch && !client->error)
		take_sent(client);
	client->more = enough && dispatch && !client->error;
	client->unarmed = false;
	end_leading(client);
}

void fastipc_client_arm_for_space(struct fastipc_client *client)
{
	const struct fastipc_link *link = &client->channel.link;
	uint32_t sleep =
		__atomic_load_n(&link->own.control->sleep, __ATOMIC_RELAXED);

	if (link->kmod || sleep & FASTIPC_WANT_SPACE ||
	    fastipc_outbox_is_empty(&client->outbox))
		return;
	/* From one epoch right into the next, which wants data as well. */
	fastipc_channel_arm(&client->channel, FASTIPC_SLEEP_POLL,
			    FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE);
	/* What was taken before that, nobody told of. */
	fastipc_client_push_outbox(client);
}

static bool has_pending_followers(const struct fastipc_client *client)
{
	const struct call *call = client->followers;

	while (call && call->state == CALL_DONE)
		call = call->next;
	return call != NULL;
}

void fastipc_client_arm_again(struct fastipc_client *client)
{
	char detail[FASTIPC_DETAIL_SIZE];

	/* Who leads now, or is about to, does it. */
	if (client->leading || client->error || has_pending_followers(client) ||
	    fastipc_client_in_own_callback(client))
		return;
	fastipc_detail_keep(detail);
	take_and_arm(client, false);
	fastipc_detail_restore(detail);
}

int fastipc_client_dispatch(struct fastipc_client *client)
{
	uint64_t before;
	int result;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	fastipc_lock(&client->lock);
	before = client->ended;
	/* Who leads does it when it leaves, while the caller is in poll(). */
	if (client->leading)
		client->unarmed |= !__libc_single_threaded &&
				   !fastipc_client_in_own_callback(client);
	else if (!client->error)
		take_and_arm(client, true);
	result = (int)(client->ended - before);
	if (client->error)
		result = fastipc_client_over(client);
	fastipc_unlock(&client->lock);
	return result;
}

void fastipc_client_no_loop(struct fastipc_client *client)
{
	fastipc_lock(&client->lock);
	if (!client->error)
		disarm(client);
	client->unarmed = false;
	fastipc_unlock(&client->lock);
}

uint64_t fastipc_client_next_deadline(struct fastipc_client *client)
{
	uint64_t deadline;

	fastipc_lock(&client->lock);
	deadline = client->next_deadline;
	if (fastipc_client_has_room(client) || client->more)
		deadline = 1;
	/* There poll() for POLLIN does not tell of space. */
	if (client->channel.link.kmod &&
	    !fastipc_outbox_is_empty(&client->outbox))
		deadline = fastipc_client_sooner(
			deadline, fastipc_after_ns(SPACE_LOOK_NS));
	fastipc_unlock(&client->lock);
	return deadline;
}

int fastipc_client_wait(struct fastipc_client *client, uint64_t deadline)
{
	uint64_t before;
	int result;

	if (!client)
		return fastipc_fail(-EINVAL, "client is NULL");
	fastipc_lock(&client->lock);
	before = client->ended;
	result = client->leading ? -EBUSY : 0;
	if (!result && !client->error)
		fastipc_client_begin_leading(client);
	while (!result && !client->error && client->ended == before) {
		result = fastipc_client_lead(client, NULL, FASTIPC_WANT_DATA,
					     deadline);
		if (result && !(deadline && fastipc_now_ns() >= deadline))
			result = 0; /* a call's deadline, not ours */
	}
	if (result == -EBUSY)
		fastipc_fail(result, "another thread waits on this client");
	else
		end_leading(client);
	if (client->ended != before)
		result = (int)(client->ended - before);
	else if (client->error)
		result = fastipc_client_over(client);
	fastipc_client_leave(client);
	fastipc_unlock(&client->lock);
	return result;
}
