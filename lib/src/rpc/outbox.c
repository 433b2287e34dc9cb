// SPDX-License-Identifier: MIT
/*
 * The scheduler of what waits to be sent.
 */
#include "rpc/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "frame/cargo.h"

/* Who has less than this left does not begin a fragment with it. */
#define FRAGMENT_LEAST 512u

void fastipc_outbox_init(struct outbox *outbox)
{
	*outbox = (struct outbox){ .large.weight = FASTIPC_WEIGHT_DEFAULT };
}

struct parcel *fastipc_parcel_make(const struct fastipc_outgoing *message)
{
	/* For all of it: what is left of the next one may be more. */
	struct parcel *parcel = malloc(sizeof(*parcel) + message->size);

	if (parcel)
		fastipc_parcel_fill(parcel, message->size, message);
	return parcel;
}

void fastipc_parcel_fill(struct parcel *parcel, uint32_t capacity,
			 const struct fastipc_outgoing *message)
{
	*parcel = (struct parcel){
		.message = *message,
		.capacity = capacity,
	};
	fastipc_outgoing_copy(parcel->bytes, message);
	/* The bytes already sent are not kept: data - offset is their place. */
	parcel->message.data = parcel->bytes - message->offset;
	parcel->message.gather = NULL;
}

static void counted(struct outbox *outbox, uint32_t change)
{
	bool clogged = outbox->small ||
		       outbox->large.bytes > FASTIPC_OUTBOX_CLOGGED;

	__atomic_store_n(&outbox->count, outbox->count + change,
			 __ATOMIC_RELAXED);
	if (clogged != outbox->clogged)
		__atomic_store_n(&outbox->clogged, clogged, __ATOMIC_RELAXED);
}

/* ---- rounds ---- */

static void join(struct outbox *outbox, struct flow *flow)
{
	struct flow **turn = &outbox->turns[!flow->urgent];

	flow->deficit = 0;
	flow->in_turn = false;
	if (!*turn) {
		flow->next = flow->previous = flow;
		*turn = flow;
		return;
	}
	/* Behind all others: before the one whose turn it is. */
	flow->next = *turn;
	flow->previous = (*turn)->previous;
	flow->previous->next = flow;
	flow->next->previous = flow;
}

static void leave(struct outbox *outbox, struct flow *flow)
{
	struct flow **turn = &outbox->turns[!flow->urgent];

	flow->previous->next = flow->next;
	flow->next->previous = flow->previous;
	if (*turn == flow)
		*turn = flow->next == flow ? NULL : flow->next;
}

static void append(struct parcel **first, struct parcel **last,
		   struct parcel *parcel)
{
	parcel->next = NULL;
	if (*first)
		(*last)->next = parcel;
	else
		*first = parcel;
	*last = parcel;
}

static bool is_return(const struct parcel *parcel)
{
	return parcel->message.type == FASTIPC_TYPE_RETURN;
}

void fastipc_outbox_add(struct outbox *outbox, struct flow *flow,
			struct parcel *parcel)
{
	parcel->flow = flow;
	if (!flow) {
		append(&outbox->small, &outbox->small_last, parcel);
		outbox->returns += is_return(parcel);
	} else {
		flow->bytes += parcel->message.size - parcel->message.offset;
		flow->costs += parcel->cost;
		if (!flow->first)
			join(outbox, flow);
		append(&flow->first, &flow->last, parcel);
	}
	counted(outbox, 1);
}

static void unlink_parcel(struct parcel **first, struct parcel **last,
			  struct parcel *parcel)
{
	struct parcel *before = NULL;

	for (struct parcel *p = *first; p != parcel; p = p->next)
		before = p;
	if (before)
		before->next = parcel->next;
	else
		*first = parcel->next;
	if (*last == parcel)
		*last = before;
}

void fastipc_outbox_remove(struct outbox *outbox, struct parcel *parcel)
{
	struct flow *flow = parcel->flow;

	if (!flow) {
		unlink_parcel(&outbox->small, &outbox->small_last, parcel);
		outbox->returns -= is_return(parcel);
	} else {
		unlink_parcel(&flow->first, &flow->last, parcel);
		flow->bytes -= parcel->message.size - parcel->message.offset;
		flow->costs -= parcel->cost;
		if (!flow->first)
			leave(outbox, flow);
	}
	counted(outbox, UINT32_MAX);
}

/* What @flow may send now of its first message, as long as it has its turn. */
static uint32_t allowance(const struct flow *flow, uint32_t most)
{
	const struct parcel *parcel = flow->first;
	uint32_t quantum = flow->weight * FASTIPC_OUTBOX_QUANTUM;
	uint32_t left = parcel->message.size - parcel->message.offset;
	uint32_t want = left < most ? left : most;
	uint32_t room = flow->deficit > FASTIPC_OUTBOX_COST
				? flow->deficit - FASTIPC_OUTBOX_COST
				: 0;

	if (want + FASTIPC_OUTBOX_COST <= flow->deficit)
		return want;
	/* Rather wait for the next turn than be cut, if that is enough. */
	if (parcel->whole || want + FASTIPC_OUTBOX_COST <= quantum ||
	    room < FRAGMENT_LEAST)
		return UINT32_MAX;
	return room;
}

static struct parcel *next_in_round(struct flow **turn, uint32_t most,
				    uint32_t *length)
{
	for (;; *turn = (*turn)->next) {
		struct flow *flow = *turn;

		if (!flow->in_turn) {
			flow->in_turn = true;
			flow->deficit += flow->weight * FASTIPC_OUTBOX_QUANTUM;
		}
		*length = allowance(flow, most);
		if (*length != UINT32_MAX)
			return flow->first;
		flow->in_turn = false;
	}
}

struct parcel *fastipc_outbox_next(struct outbox *outbox, uint32_t most,
				   uint32_t *length)
{
	if (outbox->small) {
		*length = outbox->small->message.size;
		return outbox->small;
	}
	for (int i = 0; i < 2; i++)
		if (outbox->turns[i])
			return next_in_round(&outbox->turns[i], most, length);
	return NULL;
}

void fastipc_outbox_sent(struct outbox *outbox, struct parcel *parcel,
			 uint32_t length, bool last)
{
	struct flow *flow = parcel->flow;
	uint32_t cost = length + FASTIPC_OUTBOX_COST;

	if (flow) {
		flow->bytes -= length;
		flow->deficit -= cost < flow->deficit ? cost : flow->deficit;
	}
	if (last)
		fastipc_outbox_remove(outbox, parcel);
}

void fastipc_parcel_drop(struct parcel *parcel)
{
	fastipc_cargo_drop(parcel->message.cargo);
	free(parcel);
}

static void finish(struct parcel *parcel, void *context)
{
	fastipc_cargo_drop(parcel->message.cargo);
	if (parcel->done)
		parcel->done(parcel, context);
	else
		free(parcel);
}

/*
 * Whether that concerns @parcel alone.  What has cargo is one frame, and the cargo
 * goes before it: so the ring is as it was.  (In the middle of a message only the
 * peer's lies are errors, and then there is no next frame.)
 */
static bool is_its_own(const struct parcel *parcel, int error)
{
	return parcel->message.cargo && error != -EAGAIN && error != -EPROTO;
}

/* Why somebody's cargo cannot go is not what this thread has to say. */
static int push_laden(struct fastipc_channel *channel, struct parcel *parcel,
		      bool bulk)
{
	char detail[FASTIPC_DETAIL_SIZE];
	int error;

	fastipc_detail_keep(detail);
	error = fastipc_cargo_push(channel, &parcel->message, bulk);
	fastipc_detail_restore(detail);
	return error;
}

static void fail(struct outbox *outbox, struct parcel *parcel, void *context,
		 int error)
{
	parcel->error = error;
	fastipc_outbox_remove(outbox, parcel);
	finish(parcel, context);
}

static int push(struct outbox *outbox, struct fastipc_channel *channel,
		void *context, bool *moved)
{
	uint32_t most = fastipc_frame_payload_max(channel);
	struct parcel *parcel;
	uint32_t length, done = 0;

	while ((parcel = fastipc_outbox_next(outbox, most, &length))) {
		bool bulk = parcel->flow && !parcel->flow->urgent;
		uint32_t before = parcel->message.offset;
		int error;

		if (parcel->message.cargo)
			error = push_laden(channel, parcel, bulk);
		else
			error = fastipc_frame_push_part(
				channel, &parcel->message, length, bulk);
		if (error && error != -EINPROGRESS) {
			if (!is_its_own(parcel, error))
				return error;
			fail(outbox, parcel, context, error);
			*moved = true;
			continue;
		}
		done += parcel->message.offset - before;
		fastipc_producer_publish(&channel->tx);
		*moved = true;
		/* More of it comes: let a sleeper of another CPU wake up
		 * meanwhile. */
		if (error && fastipc_channel_peer_elsewhere(channel))
			fastipc_channel_hint(channel, FASTIPC_WANT_DATA);
		fastipc_outbox_sent(outbox, parcel,
				    parcel->message.offset - before, !error);
		if (!error)
			finish(parcel, context);
		if (done >= FASTIPC_OUTBOX_TURN)
			return fastipc_outbox_is_empty(outbox) ? 0
							       : -EINPROGRESS;
	}
	return 0;
}

int fastipc_outbox_push(struct outbox *outbox, struct fastipc_channel *channel,
			void *context, bool *moved)
{
	int error;

	*moved = false;
	if (outbox->pushing)
		return 0;
	outbox->pushing = true;
	error = push(outbox, channel, context, moved);
	outbox->pushing = false;
	return error;
}

void fastipc_outbox_clear(struct outbox *outbox, void *context)
{
	struct parcel *parcel;
	uint32_t length;

	while ((parcel = fastipc_outbox_next(outbox, UINT32_MAX, &length))) {
		fastipc_outbox_remove(outbox, parcel);
		finish(parcel, context);
	}
}
