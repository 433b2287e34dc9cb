/* SPDX-License-Identifier: MIT */
/*
 * A service of streams whose messages take something along: handlers that read
 * and write them, from threads of their own and by callbacks.
 */
#ifndef SELFTESTS_INTEGRATION_LADEN_SERVICE_H
#define SELFTESTS_INTEGRATION_LADEN_SERVICE_H

#include <pthread.h>
#include <sys/mman.h>

#include "pair.h"

#define AREA (1u << 20)

#define GATHER 1    /* struct seen of each message, from a thread */
#define TELL 2	    /* the same, by callbacks */
#define SCATTER 3   /* struct order: messages, from a thread */
#define SPREAD 4    /* the same, by callbacks */
#define DISREGARD 5 /* reads all, and not what comes along; u64 how many */
#define HOLD 6	    /* reads nothing, until it is over */
#define ANSWER 7    /* struct order: answers with one */
#define FLOOD 8	    /* u64: how many it wrote before one gave -EAGAIN */
#define STALL 9	    /* until go_on() is called */
#define STATE 10    /* struct server_state */

struct order {
	uint32_t count;
	uint32_t size;	      /* of what is lent; 0: nothing */
	uint32_t descriptors; /* with each */
};

struct seen {
	uint64_t bytes; /* of the message */
	uint64_t lent;
	uint64_t sum; /* of what was lent */
	uint64_t descriptors;
	uint64_t offset; /* of the first one's file */
};

struct server_state {
	uint64_t descriptors; /* that the server has open */
	uint64_t room;	      /* pieces of AREA / 16 that it could lend */
	uint64_t streams;     /* that it has taken, and not closed */
};

static uint64_t streams_taken;

/* Of the test and its server. */
static uint32_t *stalled;

/* Of bytes that the other end may write, each looked at once. */
static inline uint64_t sum_of(struct fastipc_shared lent)
{
	const volatile unsigned char *bytes = lent.data;
	uint64_t sum = 0;

	for (size_t i = 0; i < lent.size; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

/* A file that is at @offset: who gets it can tell it by that. */
static inline int make_file(uint64_t offset)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	if (fd >= 0)
		lseek(fd, (off_t)offset, SEEK_SET);
	return fd;
}

static inline struct seen look(size_t bytes, struct fastipc_delivery *delivery)
{
	struct fastipc_shared lent = fastipc_delivery_lent(delivery);
	struct seen seen = {
		.bytes = bytes,
		.lent = lent.size,
		.sum = sum_of(lent),
		.descriptors = fastipc_delivery_descriptors(delivery),
	};

	if (seen.descriptors) {
		int fd = fastipc_delivery_take(delivery, 0);

		seen.offset = fd < 0 ? UINT64_MAX
				     : (uint64_t)lseek(fd, 0, SEEK_CUR);
		close(fd);
	}
	fastipc_delivery_end(delivery);
	return seen;
}

/*
 * Message @i of @order: its number, and along with it a loan filled by that, and
 * files at that offset.  What fastipc_stream_write_with() says; the loan is kept
 * in *@kept (may be NULL) if it is still this end's.
 */
static inline int write_laden(struct fastipc_stream *stream,
			      const struct order *order, uint32_t i,
			      struct fastipc_loan **kept, uint64_t deadline)
{
	int fds[FASTIPC_DESCRIPTORS_MAX];
	struct fastipc_attachment attachment = {
		.loan = kept ? *kept : NULL,
		.descriptors = fds,
		.descriptor_count = order->descriptors,
	};
	int error = 0;

	if (order->size && !attachment.loan)
		error = fastipc_stream_loan(stream, order->size, deadline,
					    &attachment.loan);
	if (error)
		return error;
	if (attachment.loan)
		fill(fastipc_loan_data(attachment.loan), order->size, i);
	for (uint32_t d = 0; d < order->descriptors; d++)
		fds[d] = make_file(i + 1ull);
	error = fastipc_stream_write_with(stream, &i, sizeof(i), &attachment, 0,
					  deadline);
	for (uint32_t d = 0; d < order->descriptors; d++)
		close(fds[d]);
	if (kept)
		*kept = error == -EAGAIN ? attachment.loan : NULL;
	return error;
}

/* ---- from threads ---- */

struct job {
	struct fastipc_stream *stream;
	struct order order;
	void (*run)(struct job *job);
};

static inline void closed(struct fastipc_stream *stream)
{
	fastipc_stream_close(stream);
	__atomic_fetch_sub(&streams_taken, 1, __ATOMIC_SEQ_CST);
}

static inline void *run_job(void *argument)
{
	struct job *job = argument;

	job->run(job);
	closed(job->stream);
	free(job);
	return NULL;
}

static inline struct fastipc_stream *
taken(struct fastipc_request *request,
      const struct fastipc_stream_options *options)
{
	struct fastipc_stream *stream =
		fastipc_request_stream(request, options);

	check(stream);
	__atomic_fetch_add(&streams_taken, 1, __ATOMIC_SEQ_CST);
	return stream;
}

static inline int in_thread(struct fastipc_request *request,
			    void (*run)(struct job *job))
{
	struct job *job = calloc(1, sizeof(*job));
	pthread_t thread;

	check(job);
	job->run = run;
	if (fastipc_request_size(request) == sizeof(job->order))
		memcpy(&job->order, fastipc_request_data(request),
		       sizeof(job->order));
	job->stream = taken(request, NULL);
	check(!pthread_create(&thread, NULL, run_job, job));
	pthread_detach(thread);
	return 0;
}

static inline void gather(struct job *job)
{
	struct fastipc_buffer buffer = { 0 };
	struct fastipc_delivery *delivery;
	int error;

	while (!(error = fastipc_stream_read_with(job->stream, &buffer,
						  &delivery,
						  FASTIPC_NO_DEADLINE))) {
		struct seen seen = look(buffer.size, delivery);

		fastipc_stream_write(job->stream, &seen, sizeof(seen), 0,
				     FASTIPC_NO_DEADLINE);
	}
	fastipc_buffer_free(&buffer);
	if (error == -ENODATA)
		fastipc_stream_finish(job->stream, 0, NULL, NULL, 0);
}

static inline void scatter(struct job *job)
{
	int error = 0;

	for (uint32_t i = 0; i < job->order.count && !error; i++)
		error = write_laden(job->stream, &job->order, i, NULL,
				    FASTIPC_NO_DEADLINE);
	if (!error)
		fastipc_stream_finish(job->stream, 0, NULL, NULL, 0);
}

static inline void disregard(struct job *job)
{
	struct fastipc_buffer buffer = { 0 };
	uint64_t count = 0;
	int error;

	while (!(error = fastipc_stream_read(job->stream, &buffer,
					     FASTIPC_NO_DEADLINE)))
		count++;
	fastipc_buffer_free(&buffer);
	if (error == -ENODATA)
		fastipc_stream_finish(job->stream, 0, NULL, &count,
				      sizeof(count));
}

static inline int on_gather(struct fastipc_request *request, void *context)
{
	(void)context;
	return in_thread(request, gather);
}

static inline int on_scatter(struct fastipc_request *request, void *context)
{
	(void)context;
	return in_thread(request, scatter);
}

static inline int on_disregard(struct fastipc_request *request, void *context)
{
	(void)context;
	return in_thread(request, disregard);
}

/* ---- by callbacks ---- */

static inline void end_quietly(void *context, struct fastipc_stream *stream)
{
	(void)context;
	fastipc_stream_finish(stream, 0, NULL, NULL, 0);
	closed(stream);
}

static inline void tell(void *context, struct fastipc_stream *stream,
			const void *data, size_t size)
{
	struct fastipc_delivery *delivery =
		fastipc_stream_take_delivery(stream);
	struct seen seen = look(size, delivery);

	(void)context;
	(void)data;
	check(!fastipc_stream_take_delivery(stream));
	check(!fastipc_stream_write(stream, &seen, sizeof(seen), 0, 0));
}

static inline int on_tell(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;

	(void)context;
	fastipc_stream_options_init(&options);
	options.message = tell;
	options.end = end_quietly;
	taken(request, &options);
	return 0;
}

struct spread {
	struct order order;
	uint32_t next;
	struct fastipc_loan *kept;
};

static inline void spread_on(void *context, struct fastipc_stream *stream)
{
	struct spread *spread = context;

	while (spread->next < spread->order.count &&
	       !write_laden(stream, &spread->order, spread->next, &spread->kept,
			    0))
		spread->next++;
	if (spread->next == spread->order.count)
		fastipc_stream_finish(stream, 0, NULL, NULL, 0);
}

static inline void spread_end(void *context, struct fastipc_stream *stream)
{
	struct spread *spread = context;

	fastipc_loan_free(spread->kept);
	free(spread);
	closed(stream);
}

static inline int on_spread(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;
	struct spread *spread = calloc(1, sizeof(*spread));

	(void)context;
	check(spread && fastipc_request_size(request) == sizeof(spread->order));
	memcpy(&spread->order, fastipc_request_data(request),
	       sizeof(spread->order));
	fastipc_stream_options_init(&options);
	options.writable = spread_on;
	options.end = spread_end;
	options.context = spread;
	spread_on(spread, taken(request, &options));
	return 0;
}

static inline int on_hold(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;

	(void)context;
	fastipc_stream_options_init(&options);
	options.end = end_quietly;
	taken(request, &options);
	return 0;
}

/* ---- in handlers ---- */

static inline int on_answer(struct fastipc_request *request, void *context)
{
	struct fastipc_attachment attachment = { 0 };
	int fd = make_file(77), error;
	struct order order;

	(void)context;
	memcpy(&order, fastipc_request_data(request), sizeof(order));
	attachment.descriptors = &fd;
	attachment.descriptor_count = order.descriptors;
	error = fastipc_request_loan(request, order.size, &attachment.loan);
	if (!error) {
		fill(fastipc_loan_data(attachment.loan), order.size, 77);
		error = fastipc_request_reply_with(request, "seventy-seven", 13,
						   &attachment);
	}
	close(fd);
	return error;
}

static inline int on_flood(struct fastipc_request *request, void *context)
{
	struct order order;
	struct fastipc_stream *stream;
	struct fastipc_loan *kept = NULL;
	uint64_t count = 0;
	int error;

	(void)context;
	memcpy(&order, fastipc_request_data(request), sizeof(order));
	stream = taken(request, NULL);
	while (!(
		error = write_laden(stream, &order, (uint32_t)count, &kept, 0)))
		count++;
	check(error == -EAGAIN);
	/* It is this end's still. */
	check(!order.size || kept);
	if (kept)
		fill(fastipc_loan_data(kept), order.size, 1);
	fastipc_loan_free(kept);
	check(!fastipc_stream_finish(stream, 0, NULL, &count, sizeof(count)));
	closed(stream);
	return 0;
}

static inline int on_stall(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	__atomic_store_n(stalled, 2, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(stalled, __ATOMIC_SEQ_CST))
		usleep(1000);
	return 0;
}

static inline int on_state(struct fastipc_request *request, void *context)
{
	struct fastipc_loan *loans[16];
	struct server_state state = {
		.descriptors = (uint64_t)count_descriptors(),
		.streams = __atomic_load_n(&streams_taken, __ATOMIC_SEQ_CST),
	};

	(void)context;
	while (state.room < 16 &&
	       !fastipc_request_loan(request, AREA / 16, &loans[state.room]))
		state.room++;
	for (uint64_t i = 0; i < state.room; i++)
		fastipc_loan_free(loans[i]);
	return fastipc_request_reply(request, &state, sizeof(state));
}

static inline void add_laden_handlers(struct fastipc_server *server)
{
	static const struct {
		uint16_t type;
		fastipc_handler_fn handler;
	} handlers[] = {
		{ GATHER, on_gather },	 { TELL, on_tell },
		{ SCATTER, on_scatter }, { SPREAD, on_spread },
		{ HOLD, on_hold },	 { DISREGARD, on_disregard },
		{ ANSWER, on_answer },	 { FLOOD, on_flood },
		{ STATE, on_state },	 { STALL, on_stall },
	};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		check(!fastipc_server_add_handler(server, handlers[i].type,
						  handlers[i].handler, NULL));
}

/* All streams have ended: so do their threads. */
static inline void end_laden_streams(void)
{
	uint64_t until = soon();

	while (__atomic_load_n(&streams_taken, __ATOMIC_SEQ_CST)) {
		check(fastipc_now_ns() < until);
		usleep(10000);
	}
}

static const struct service laden_service = {
	.add = add_laden_handlers,
	.destroyed = end_laden_streams,
};

#endif
