// SPDX-License-Identifier: MIT
/*
 * server ADDRESS: what the client for Node.js is tried with.  It prints a line
 * when it listens, and ends with who started it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <fastipc/fastipc.h>

enum type {
	ECHO = 1,
	FAIL,	  /* with an errno and a text */
	HOLD,	  /* never answered */
	POSTED,	  /* one way */
	COUNTS,	  /* struct counts */
	TOKENS,	  /* stream: u32, so many tokens, and trailers */
	ENDLESS,  /* stream: u32, messages of this size, and no end */
	ECHOES,	  /* stream: what comes goes back */
	BREAKING, /* stream: one message, then an error */
};

/* All are the server's one worker's. */
static struct counts {
	uint32_t posted;
	uint32_t held;
	uint32_t cancelled; /* of streams */
	uint32_t sent;	    /* messages of endless streams */
} counts;

static int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static int on_fail(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_fail(request, -EDOM, "no such token");
}

static int on_hold(struct fastipc_request *request, void *context)
{
	(void)context;
	counts.held++;
	return fastipc_request_defer(request) ? 0 : -EINVAL;
}

static int on_posted(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	counts.posted++;
	return 0;
}

static int on_counts(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, &counts, sizeof(counts));
}

/* ---- streams ---- */

/* What a stream still has to send. */
struct source {
	uint32_t next;
	uint32_t count; /* 0: for ever */
	uint32_t size;
	char message[65536];
};

static void send_some(void *context, struct fastipc_stream *stream)
{
	struct source *source = context;
	size_t size = source->size;

	while (!source->count || source->next < source->count) {
		if (source->count)
			size = (size_t)snprintf(source->message, 32, "token%u ",
						source->next);
		if (fastipc_stream_write(stream, source->message, size, 0, 0))
			return; /* until there is room, or for ever */
		source->next++;
		counts.sent += !source->count;
	}
	fastipc_stream_finish(stream, 0, NULL, "the end", 7);
	fastipc_stream_close(stream);
	free(source);
}

static void on_end(void *context, struct fastipc_stream *stream)
{
	if (!fastipc_stream_is_cancelled(stream))
		return;
	counts.cancelled++;
	fastipc_stream_close(stream);
	free(context);
}

static int begin_source(struct fastipc_request *request, bool endless)
{
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;
	struct source *source;
	uint32_t number;

	if (fastipc_request_size(request) != sizeof(number))
		return -EINVAL;
	memcpy(&number, fastipc_request_data(request), sizeof(number));
	source = calloc(1, sizeof(*source));
	if (!source || number > sizeof(source->message)) {
		free(source);
		return -ENOMEM;
	}
	source->count = endless ? 0 : number;
	source->size = number;
	fastipc_stream_options_init(&options);
	options.writable = send_some;
	options.end = on_end;
	options.context = source;
	stream = fastipc_request_stream(request, &options);
	if (!stream) {
		free(source);
		return -errno;
	}
	send_some(source, stream);
	return 0;
}

static int on_tokens(struct fastipc_request *request, void *context)
{
	(void)context;
	return begin_source(request, false);
}

static int on_endless(struct fastipc_request *request, void *context)
{
	(void)context;
	return begin_source(request, true);
}

static void *echo(void *argument)
{
	struct fastipc_stream *stream = argument;
	struct fastipc_buffer buffer = { 0 };

	while (!fastipc_stream_read(stream, &buffer, FASTIPC_NO_DEADLINE) &&
	       !fastipc_stream_write(stream, buffer.data, buffer.size, 0,
				     FASTIPC_NO_DEADLINE))
		;
	fastipc_stream_finish(stream, 0, NULL, NULL, 0);
	fastipc_stream_close(stream);
	fastipc_buffer_free(&buffer);
	return NULL;
}

static int on_echoes(struct fastipc_request *request, void *context)
{
	struct fastipc_stream *stream = fastipc_request_stream(request, NULL);
	pthread_t thread;
	int error;

	(void)context;
	if (!stream)
		return -errno;
	error = pthread_create(&thread, NULL, echo, stream);
	if (error)
		fastipc_stream_close(stream);
	else
		pthread_detach(thread);
	return -error;
}

static int on_breaking(struct fastipc_request *request, void *context)
{
	struct fastipc_stream *stream = fastipc_request_stream(request, NULL);

	(void)context;
	if (!stream)
		return -errno;
	fastipc_stream_write(stream, "first", 5, 0, 0);
	fastipc_stream_finish(stream, -EDOM, "out of tokens", NULL, 0);
	fastipc_stream_close(stream);
	return 0;
}

int main(int argc, char **argv)
{
	static const fastipc_handler_fn handlers[] = {
		[ECHO] = on_echo,	  [FAIL] = on_fail,
		[HOLD] = on_hold,	  [POSTED] = on_posted,
		[COUNTS] = on_counts,	  [TOKENS] = on_tokens,
		[ENDLESS] = on_endless,	  [ECHOES] = on_echoes,
		[BREAKING] = on_breaking,
	};
	struct fastipc_server *server;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	error = argc == 2 ? fastipc_server_create(argv[1], NULL, &server)
			  : -EINVAL;
	for (uint16_t type = ECHO; !error && type <= BREAKING; type++)
		error = fastipc_server_add_handler(server, type, handlers[type],
						   NULL);
	if (!error) {
		puts("ready");
		fflush(stdout);
		error = fastipc_server_run(server);
	}
	fprintf(stderr, "server: %s\n", fastipc_error_detail());
	return error ? 1 : 0;
}
