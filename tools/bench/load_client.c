// SPDX-License-Identifier: MIT
/*
 * A process of the load: its connections in one event loop, each with one call
 * or stream at a time.  What is due while all are busy waits, and its time
 * counts from when it was due.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <fastipc/stream.h>

#include "bench.h"
#include "fastipc/protocol.h"
#include "load.h"

#define EVENTS 64
#define CALL_NS 30000000000ull
/* All are looked at this often, for their deadlines. */
#define LOOK_NS 1000000000ull

struct slot {
	struct loop *loop;
	struct fastipc_client *client;
	struct fastipc_stream *stream;
	struct slot *next; /* free */
	struct load_ask ask;
	uint32_t received; /* of a stream */
	uint64_t due;
	unsigned int index;
	bool busy;
	bool over; /* to be connected anew */
};

struct loop {
	const struct load_process *process;
	struct load_result *result;
	struct slot *slots;
	struct slot *free, *free_last; /* who has rested longest is first */
	struct fastipc_client_options options;
	uint64_t seed;
	uint64_t due;
	int epoll, timer;
	bool ending; /* what is under way does not count */
};

static void let_go(struct slot *slot)
{
	struct loop *loop = slot->loop;

	slot->busy = false;
	slot->next = NULL;
	if (loop->free)
		loop->free_last->next = slot;
	else
		loop->free = slot;
	loop->free_last = slot;
}

static void finished(struct slot *slot, int status, bool right)
{
	struct loop *loop = slot->loop;
	struct load_result *result = loop->result;
	const struct load_process *process = loop->process;

	if (loop->ending)
		return;
	if (status) {
		load_count_error(result, status);
	} else if (!right) {
		result->corrupt++;
	} else {
		histogram_record(&result->latency[load_class_of(&slot->ask)],
				 fastipc_now_ns() - slot->due);
		result->bytes +=
			(slot->ask.stream ? 1u : 2u) * (uint64_t)slot->ask.size;
		process->shared->counts[process->first + slot->index]++;
	}
	result->done++;
	if (load_random(&loop->seed) * 100 < process->options->churn)
		slot->over = true;
	let_go(slot);
}

static const unsigned char *expected(const struct slot *slot)
{
	return slot->loop->process->options->bytes + slot->ask.offset;
}

static void on_reply(void *context, int status, const void *data, size_t size)
{
	struct slot *slot = context;

	finished(slot, status,
		 !status && size == slot->ask.size &&
			 !memcmp(data, expected(slot), size));
}

static void on_message(void *context, struct fastipc_stream *stream,
		       const void *data, size_t size)
{
	struct slot *slot = context;

	if (size > slot->ask.size - slot->received ||
	    memcmp(data, expected(slot) + slot->received, size)) {
		fastipc_stream_cancel(stream);
		slot->received = UINT32_MAX;
		return;
	}
	slot->received += (uint32_t)size;
}

static void on_end(void *context, struct fastipc_stream *stream)
{
	struct slot *slot = context;
	struct fastipc_stream_end end = { 0 };
	bool wrong = slot->received == UINT32_MAX;

	fastipc_stream_status(stream, &end);
	finished(slot, wrong ? 0 : end.status,
		 slot->received == slot->ask.size);
	slot->stream = NULL;
	fastipc_stream_close(stream);
}

static int begin_stream(struct slot *slot)
{
	const struct load_options *load = slot->loop->process->options;
	unsigned char request[sizeof(struct range_request) + 256];
	struct range_request range = {
		.offset = htole64(slot->ask.offset),
		.length = htole32(slot->ask.size),
	};
	struct fastipc_stream_options options;
	size_t length = strnlen(load->path, 256);

	memcpy(request, &range, sizeof(range));
	memcpy(request + sizeof(range), load->path, length);
	fastipc_stream_options_init(&options);
	options.deadline = fastipc_after_ns(CALL_NS);
	options.message = on_message;
	options.end = on_end;
	options.context = slot;
	slot->received = 0;
	return fastipc_stream_open(slot->client, TYPE_STREAM, request,
				   sizeof(range) + length, &options,
				   &slot->stream);
}

static int begin_call(struct slot *slot)
{
	struct fastipc_call_options options;
	uint64_t id;

	fastipc_call_options_init(&options);
	options.deadline = fastipc_after_ns(CALL_NS);
	options.done = on_reply;
	options.context = slot;
	options.flags = FASTIPC_NOWAIT;
	return fastipc_client_start(slot->client, TYPE_ECHO, expected(slot),
				    slot->ask.size, &options, &id);
}

/* ---- connections ---- */

static int open_slot(struct slot *slot)
{
	struct loop *loop = slot->loop;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = slot };
	uint64_t start = fastipc_now_ns();
	int error = fastipc_client_connect(loop->process->options->server,
					   &loop->options, &slot->client);

	if (error) {
		slot->client = NULL;
		return error;
	}
	histogram_record(&loop->result->connect, fastipc_now_ns() - start);
	loop->result->connects++;
	slot->over = false;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD,
		      fastipc_client_fd(slot->client), &event))
		return -errno;
	return 0;
}

static void shut(struct slot *slot)
{
	fastipc_stream_close(slot->stream);
	slot->stream = NULL;
	fastipc_client_close(slot->client);
	slot->client = NULL;
}

/* Callbacks of what was under way run, and the slot is free. */
static int reopen(struct slot *slot)
{
	int error;

	shut(slot);
	if (slot->busy)
		let_go(slot);
	error = open_slot(slot);
	if (error)
		load_count_error(slot->loop->result, error);
	slot->over = error != 0;
	return error;
}

/* Dispatch, which also arms it for the next sleep, all that there is. */
static void dispatch(struct slot *slot)
{
	uint64_t again;
	int error;

	do {
		error = fastipc_client_dispatch(slot->client);
		again = fastipc_client_next_deadline(slot->client);
	} while (error >= 0 && again && again < fastipc_now_ns());
	if (error < 0) {
		load_count_error(slot->loop->result, error);
		slot->loop->result->lost++;
		slot->over = true;
	}
}

/* ---- what is due ---- */

static int begin(struct slot *slot, uint64_t due)
{
	struct loop *loop = slot->loop;
	int error;

	slot->ask = load_choose(loop->process->options, &loop->seed);
	slot->due = due;
	slot->busy = true;
	loop->result->started++;
	error = slot->ask.stream ? begin_stream(slot) : begin_call(slot);
	if (error) {
		finished(slot, error, false);
		slot->over = true;
	}
	return error;
}

/* Begin what is due, but not so much that those under way have to wait. */
static void begin_some(struct loop *loop)
{
	bool scheduled = loop->process->options->rate > 0;
	uint64_t now = fastipc_now_ns();

	for (unsigned int i = 0; i < EVENTS && loop->free; i++) {
		struct slot *slot = loop->free;

		if (scheduled && loop->due > now)
			return;
		loop->free = slot->next;
		if (slot->over && reopen(slot)) {
			/* Not at once again: the server is being slow. */
			let_go(slot);
			return;
		}
		begin(slot, scheduled ? loop->due : fastipc_now_ns());
		if (!slot->over)
			dispatch(slot);
		if (scheduled) {
			loop->result->due++;
			loop->due = load_next_due(loop->process, loop->due);
		}
	}
}

/* When there is something to do, whatever the connections say. */
static void set_timer(const struct loop *loop, uint64_t stop)
{
	bool scheduled = loop->process->options->rate > 0;
	uint64_t at = fastipc_after_ns(LOOK_NS);
	struct itimerspec when = { 0 };

	if (loop->free && !scheduled)
		at = 1;
	else if (loop->free && loop->due < at)
		at = loop->due;
	if (stop < at)
		at = stop;
	when.it_value.tv_sec = (time_t)(at / 1000000000);
	when.it_value.tv_nsec = (long)(at % 1000000000);
	timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void look_at_all(struct loop *loop)
{
	for (unsigned int i = 0; i < loop->process->count; i++)
		if (loop->slots[i].client && !loop->slots[i].over)
			dispatch(&loop->slots[i]);
}

static void take_events(struct loop *loop, uint64_t stop)
{
	struct epoll_event events[EVENTS];
	int count;

	set_timer(loop, stop);
	count = epoll_wait(loop->epoll, events, EVENTS, -1);
	for (int i = 0; i < count; i++) {
		struct slot *slot = events[i].data.ptr;

		if (slot && slot->client && !slot->over)
			dispatch(slot);
	}
}

static int run(struct loop *loop)
{
	uint64_t start = load_wait_for_start(loop->process);
	uint64_t stop = loop->process->shared->stop_ns;
	uint64_t look = start + LOOK_NS, now;

	loop->due = load_first_due(loop->process, start, &loop->seed);
	while ((now = fastipc_now_ns()) < stop) {
		begin_some(loop);
		for (unsigned int i = 0; i < loop->process->count; i++)
			if (loop->slots[i].over && loop->slots[i].busy)
				reopen(&loop->slots[i]);
		take_events(loop, stop);
		if (now >= look) {
			look_at_all(loop);
			look = now + LOOK_NS;
		}
	}
	return 0;
}

static int open_all(struct loop *loop)
{
	struct epoll_event event = { .events = EPOLLIN };
	int error = 0;

	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (loop->epoll < 0 || loop->timer < 0 ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->timer, &event))
		return -errno;
	for (unsigned int i = 0; !error && i < loop->process->count; i++) {
		struct slot *slot = &loop->slots[i];

		slot->loop = loop;
		slot->index = i;
		error = open_slot(slot);
		if (error)
			break;
		dispatch(slot);
		let_go(slot);
	}
	return error;
}

int load_client_run(const struct load_process *process)
{
	struct loop loop = {
		.process = process,
		.result = process->result,
		.seed = process->seed,
		.slots = calloc(process->count, sizeof(struct slot)),
	};
	int error = loop.slots ? 0 : -ENOMEM;

	fastipc_client_options_init(&loop.options);
	if (!error)
		error = open_all(&loop);
	if (error)
		complain_error("bench", error, "process %u cannot connect",
			       process->index);
	else
		error = run(&loop);
	loop.ending = true;
	for (unsigned int i = 0; loop.slots && i < process->count; i++)
		shut(&loop.slots[i]);
	free(loop.slots);
	return error;
}
