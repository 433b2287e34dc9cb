/* SPDX-License-Identifier: MIT */
/*
 * A service of streams: handlers that write and read from threads of their own,
 * and by callbacks.
 */
#ifndef SELFTESTS_INTEGRATION_STREAM_SERVICE_H
#define SELFTESTS_INTEGRATION_STREAM_SERVICE_H

#include <pthread.h>

#include "pair.h"

#define UNARY_ECHO 1
#define COUNT_UP 2	/* struct count_up: so many messages, from a thread */
#define SUM 3		/* reads to the end; trailers: struct sum */
#define MIRROR 4	/* each message comes back, by callbacks */
#define MIRROR_THREAD 5 /* the same, from a thread */
#define TYPED_ERROR 6	/* two messages, then -EDOM with text and trailers */
#define ANSWERED 7	/* by fastipc_request_reply() */
#define DEADLINE 8	/* u64: ns left */
#define HANG 9		/* a thread that reads until it is over; never ends */
#define STATE 10	/* struct state */
#define LARGE 11	/* u32: a reply of so many bytes, from a thread */
#define FAILED 12	/* returns -EXDEV */

struct count_up {
	uint32_t count;
	uint32_t size;
};

struct sum {
	uint64_t messages;
	uint64_t bytes;
	uint64_t sum;
};

struct state {
	uint64_t threads;   /* that serve streams */
	uint64_t cancelled; /* HANG ended with -ECANCELED */
	uint64_t gone;	    /* ... with -EPIPE */
	struct fastipc_server_stats stats;
};

static struct state service_state;

static inline void add(uint64_t *counter, int64_t by)
{
	__atomic_fetch_add(counter, (uint64_t)by, __ATOMIC_SEQ_CST);
}

struct job {
	struct fastipc_stream *stream;
	struct fastipc_request *request;
	struct count_up order;
	void *(*run)(struct job *job);
};

static inline void *run_job(void *argument)
{
	struct job *job = argument;

	job->run(job);
	fastipc_stream_close(job->stream);
	free(job);
	add(&service_state.threads, -1);
	return NULL;
}

static inline int in_thread(struct fastipc_request *request,
			    void *(*run)(struct job *job))
{
	struct job *job = calloc(1, sizeof(*job));
	pthread_attr_t attributes;
	pthread_t thread;

	check(job);
	job->run = run;
	if (fastipc_request_size(request) >= sizeof(job->order))
		memcpy(&job->order, fastipc_request_data(request),
		       sizeof(job->order));
	job->stream = fastipc_request_stream(request, NULL);
	check(job->stream);
	add(&service_state.threads, 1);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 512u << 10);
	check(!pthread_create(&thread, &attributes, run_job, job));
	pthread_attr_destroy(&attributes);
	return 0;
}

static inline void *count_up(struct job *job)
{
	unsigned char *data = malloc(job->order.size + 1ul);
	int error = 0;

	check(data);
	for (uint32_t i = 0; i < job->order.count && !error; i++) {
		fill(data, job->order.size, i);
		error = fastipc_stream_write(job->stream, data, job->order.size,
					     0, FASTIPC_NO_DEADLINE);
	}
	free(data);
	if (!error)
		fastipc_stream_finish(job->stream, 0, NULL, NULL, 0);
	return NULL;
}

static inline int on_count_up(struct fastipc_request *request, void *context)
{
	(void)context;
	return in_thread(request, count_up);
}

static inline void *sum(struct job *job)
{
	struct fastipc_buffer buffer = { 0 };
	struct sum result = { 0 };
	int error;

	while (!(error = fastipc_stream_read(job->stream, &buffer,
					     FASTIPC_NO_DEADLINE))) {
		const unsigned char *bytes = buffer.data;

		result.messages++;
		result.bytes += buffer.size;
		for (size_t i = 0; i < buffer.size; i++)
			result.sum = result.sum * 31 + bytes[i];
	}
	fastipc_buffer_free(&buffer);
	if (error == -ENODATA)
		check(!fastipc_stream_finish(job->stream, 0, "summed", &result,
					     sizeof(result)));
	return NULL;
}

static inline int on_sum(struct fastipc_request *request, void *context)
{
	(void)context;
	return in_thread(request, sum);
}

static inline void *mirror_thread(struct job *job)
{
	struct fastipc_buffer buffer = { 0 };
	int error;

	while (!(error = fastipc_stream_read(job->stream, &buffer,
					     FASTIPC_NO_DEADLINE)) &&
	       !(error = fastipc_stream_write(job->stream, buffer.data,
					      buffer.size, 0,
					      FASTIPC_NO_DEADLINE)))
		;
	fastipc_buffer_free(&buffer);
	if (error == -ENODATA)
		fastipc_stream_finish(job->stream, 0, NULL, NULL, 0);
	return NULL;
}

static inline int on_mirror_thread(struct fastipc_request *request,
				   void *context)
{
	(void)context;
	return in_thread(request, mirror_thread);
}

/* ---- by callbacks: what could not be written yet is kept ---- */

struct mirror {
	unsigned char *kept;
	size_t size, capacity; /* of kept messages: u32 size, bytes */
	bool ended;
};

static inline void mirror_end(struct mirror *mirror,
			      struct fastipc_stream *stream)
{
	fastipc_stream_finish(stream, 0, NULL, NULL, 0);
	fastipc_stream_close(stream);
	free(mirror->kept);
	free(mirror);
	add(&service_state.threads, -1);
}

static inline void mirror_writable(void *context, struct fastipc_stream *stream)
{
	struct mirror *mirror = context;

	while (mirror->size) {
		uint32_t size;
		int error;

		memcpy(&size, mirror->kept, 4);
		error = fastipc_stream_write(stream, mirror->kept + 4, size, 0,
					     0);
		if (error == -EAGAIN)
			return;
		mirror->size -= 4 + size;
		memmove(mirror->kept, mirror->kept + 4 + size, mirror->size);
	}
	if (mirror->ended)
		mirror_end(mirror, stream);
}

static inline void mirror_message(void *context, struct fastipc_stream *stream,
				  const void *data, size_t size)
{
	struct mirror *mirror = context;
	uint32_t length = (uint32_t)size;

	if (!mirror->size &&
	    fastipc_stream_write(stream, data, size, 0, 0) != -EAGAIN)
		return;
	if (mirror->size + size + 4 > mirror->capacity) {
		mirror->capacity = 2 * (mirror->size + size + 4);
		mirror->kept = realloc(mirror->kept, mirror->capacity);
		check(mirror->kept);
	}
	memcpy(mirror->kept + mirror->size, &length, 4);
	memcpy(mirror->kept + mirror->size + 4, data, size);
	mirror->size += size + 4;
	if (mirror->size == size + 4)
		mirror_writable(mirror, stream);
}

static inline void mirror_over(void *context, struct fastipc_stream *stream)
{
	struct mirror *mirror = context;
	struct fastipc_stream_end end;

	check(!fastipc_stream_status(stream, &end));
	if (end.status)
		mirror->size = 0;
	mirror->ended = true;
	if (!mirror->size)
		mirror_end(mirror, stream);
}

static inline int on_mirror(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;
	struct mirror *mirror = calloc(1, sizeof(*mirror));

	(void)context;
	check(mirror);
	fastipc_stream_options_init(&options);
	options.message = mirror_message;
	options.writable = mirror_writable;
	options.end = mirror_over;
	options.context = mirror;
	check(fastipc_request_stream(request, &options));
	add(&service_state.threads, 1);
	return 0;
}

static inline int on_typed_error(struct fastipc_request *request, void *context)
{
	struct fastipc_stream *stream = fastipc_request_stream(request, NULL);

	(void)context;
	check(stream);
	check(!fastipc_stream_write(stream, "one", 3, 0, 0));
	check(!fastipc_stream_write(stream, "two", 3, 0, 0));
	check(!fastipc_stream_finish(stream, -EDOM, "out of range", "\1\2\3",
				     3));
	check(fastipc_stream_finish(stream, 0, NULL, NULL, 0) == -EALREADY);
	check(fastipc_stream_write(stream, "x", 1, 0, 0) == -EALREADY);
	fastipc_stream_close(stream);
	return 0;
}

static inline int on_answered(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, fastipc_request_data(request),
			      fastipc_request_size(request));
	check(!fastipc_request_stream(request, NULL) && errno == EALREADY);
	return 0;
}

static inline int on_failed(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	return -EXDEV;
}

static inline int on_deadline(struct fastipc_request *request, void *context)
{
	uint64_t deadline = fastipc_request_deadline(request);
	uint64_t left = 0;

	(void)context;
	if (deadline)
		left = deadline - fastipc_now_ns();
	fastipc_request_reply(request, &left, sizeof(left));
	return 0;
}

static inline void *hang(struct job *job)
{
	struct fastipc_buffer buffer = { 0 };
	int error;

	while (!(error = fastipc_stream_read(job->stream, &buffer,
					     FASTIPC_NO_DEADLINE)))
		;
	fastipc_buffer_free(&buffer);
	/* Half-closed: it may still be cancelled. */
	while (error == -ENODATA && !fastipc_stream_is_cancelled(job->stream))
		usleep(1000);
	if (error == -ECANCELED || error == -ENODATA)
		add(&service_state.cancelled, 1);
	else if (error == -EPIPE)
		add(&service_state.gone, 1);
	return NULL;
}

static inline int on_hang(struct fastipc_request *request, void *context)
{
	(void)context;
	return in_thread(request, hang);
}

static inline int on_state(struct fastipc_request *request, void *context)
{
	struct state state = { 0 };

	(void)context;
	state.stats.size = sizeof(state.stats);
	fastipc_server_get_stats(this_server, &state.stats);
	state.threads =
		__atomic_load_n(&service_state.threads, __ATOMIC_SEQ_CST);
	state.cancelled =
		__atomic_load_n(&service_state.cancelled, __ATOMIC_SEQ_CST);
	state.gone = __atomic_load_n(&service_state.gone, __ATOMIC_SEQ_CST);
	fastipc_request_reply(request, &state, sizeof(state));
	return 0;
}

static inline void *large(void *argument)
{
	struct fastipc_request *request = argument;
	unsigned char *data;
	uint32_t size;

	memcpy(&size, fastipc_request_data(request), sizeof(size));
	data = malloc(size);
	check(data);
	fill(data, size, size);
	fastipc_request_reply(request, data, size);
	free(data);
	add(&service_state.threads, -1);
	return NULL;
}

static inline int on_large(struct fastipc_request *request, void *context)
{
	(void)context;
	add(&service_state.threads, 1);
	return answer_in_thread(request, large);
}

static inline int on_unary_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	check(!fastipc_request_stream(request, NULL) && errno == EPROTOTYPE);
	fastipc_request_reply(request, fastipc_request_data(request),
			      fastipc_request_size(request));
	return 0;
}

static inline void add_stream_handlers(struct fastipc_server *server)
{
	static const struct {
		uint16_t type;
		fastipc_handler_fn handler;
	} handlers[] = {
		{ UNARY_ECHO, on_unary_echo },
		{ COUNT_UP, on_count_up },
		{ SUM, on_sum },
		{ MIRROR, on_mirror },
		{ MIRROR_THREAD, on_mirror_thread },
		{ TYPED_ERROR, on_typed_error },
		{ ANSWERED, on_answered },
		{ DEADLINE, on_deadline },
		{ HANG, on_hang },
		{ STATE, on_state },
		{ LARGE, on_large },
		{ FAILED, on_failed },
	};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		check(!fastipc_server_add_handler(server, handlers[i].type,
						  handlers[i].handler, NULL));
}

/* All streams have ended: so do their threads. */
static inline void end_streams(void)
{
	uint64_t until = soon();

	while (__atomic_load_n(&service_state.threads, __ATOMIC_SEQ_CST)) {
		check(fastipc_now_ns() < until);
		usleep(10000);
	}
}

static const struct service stream_service = {
	.add = add_stream_handlers,
	.destroyed = end_streams,
};

static inline struct state state_of(struct fastipc_client *client)
{
	struct state state;

	ask_for(client, STATE, &state, sizeof(state));
	return state;
}

static inline struct fastipc_stream *open_stream(struct fastipc_client *client,
						 uint16_t type,
						 const void *data, size_t size)
{
	struct fastipc_stream_options options;
	struct fastipc_stream *stream = NULL;

	fastipc_stream_options_init(&options);
	options.deadline = soon();
	assert_result(fastipc_stream_open(client, type, data, size, &options,
					  &stream),
		      0);
	return stream;
}

#endif
