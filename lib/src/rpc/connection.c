// SPDX-License-Identifier: MIT
/*
 * One connection of a server: its frames become requests.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/error.h"
#include "rpc/server.h"
#include "transport/passing.h"

/* Messages of one connection before the next one has its turn. */
#define SERVE_BATCH 32
/* Bytes of ring that are fetched ahead in a batch. */
#define SERVE_AHEAD 1024

struct connection *fastipc_connection_create(struct fastipc_server *server,
					     struct worker *worker,
					     const struct fastipc_link *link)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection) {
		struct fastipc_link copy = *link;

		fastipc_link_close(&copy);
		return NULL;
	}
	if (link->own_bulk &&
	    fastipc_loans_create(link->own_bulk, fastipc_connection_tell_room,
				 connection, &connection->loans)) {
		struct fastipc_link copy = *link;

		fastipc_link_close(&copy);
		free(connection);
		return NULL;
	}
	connection->watch.kind = WATCH_CONNECTION;
	connection->server = server;
	connection->worker = worker;
	connection->references = 1;
	connection->peer = link->cred;
	connection->fingerprint = link->peer_fingerprint;
	connection->handlers.type = UINT32_MAX;
	pthread_mutex_init(&connection->lock, NULL);
	fastipc_channel_init(&connection->channel, link, server->options.wait);
	fastipc_packing_init(&connection->packing,
			     fastipc_compress_ref(server->compression),
			     &connection->channel);
	fastipc_outbox_init(&connection->outbox);
	fastipc_streams_init(&connection->streams, &fastipc_server_streams_ops,
			     &connection->channel, &connection->outbox,
			     connection->loans, true,
			     server->options.stream_window,
			     server->options.max_streams);
	return connection;
}

void fastipc_connection_unref(struct connection *connection)
{
	if (__atomic_sub_fetch(&connection->references, 1, __ATOMIC_ACQ_REL))
		return;
	fastipc_outbox_clear(&connection->outbox, connection);
	fastipc_streams_fini(&connection->streams);
	pthread_mutex_destroy(&connection->lock);
	fastipc_compress_unref(connection->packing.settings);
	fastipc_loans_end(connection->loans);
	fastipc_spare_free(&connection->outbox.spare);
	free(connection->spare);
	free(connection);
}

void fastipc_connection_close(struct connection *connection)
{
	struct fastipc_channel *channel = &connection->channel;

	pthread_mutex_lock(&connection->lock);
	__atomic_store_n(&connection->dead, true, __ATOMIC_RELAXED);
	fastipc_streams_fail(&connection->streams);
	fastipc_outbox_clear(&connection->outbox, connection);
	/* Tell a client that still lives that this is an orderly end; but after
	 * GOAWAY that would say that what is not answered was not begun. */
	if (!connection->closing && !channel->hungup && !connection->draining) {
		fastipc_link_shutdown(&channel->link);
		fastipc_channel_notify(channel,
				       FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE);
	}
	fastipc_channel_fini(channel);
	fastipc_streams_run(&connection->streams);
	pthread_mutex_unlock(&connection->lock);
	fastipc_loans_disown(connection->loans);
	/* An answer from another thread may have left a backlog just before. */
	fastipc_worker_unpost(connection->worker, connection);
	fastipc_assembly_free(&connection->assembly);
	fastipc_connection_unref(connection);
}

void fastipc_connection_rest(struct connection *connection)
{
	bool shared = fastipc_connection_is_shared(connection);

	if (!connection->assembly.open)
		fastipc_assembly_free(&connection->assembly);
	fastipc_spare_free(&connection->outbox.spare);
	if (shared)
		pthread_mutex_lock(&connection->lock);
	free(connection->spare);
	connection->spare = NULL;
	if (shared)
		pthread_mutex_unlock(&connection->lock);
}

void fastipc_connection_watch(struct connection *connection, bool idle)
{
	struct epoll_event event = { .events = EPOLLRDHUP };

	if (idle)
		event.events |= fastipc_connection_is_clogged(connection)
					? EPOLLOUT
					: EPOLLIN;
	/* A loop of the application's sleeps on nothing else. */
	if (idle && !connection->server->options.threads &&
	    fastipc_connection_has_backlog(connection))
		event.events |= EPOLLOUT;
	event.data.ptr = &connection->watch;
	epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD,
		  connection->channel.link.endpoint, &event);
}

uint32_t fastipc_connection_wants(const struct connection *connection)
{
	/* Who does not take its replies gets no further requests handled. */
	if (fastipc_connection_is_clogged(connection))
		return FASTIPC_WANT_SPACE;
	return fastipc_connection_has_backlog(connection)
		       ? FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE
		       : FASTIPC_WANT_DATA;
}

bool fastipc_connection_is_busy(const struct connection *connection)
{
	return connection->assembly.open ||
	       fastipc_connection_has_backlog(connection);
}

void fastipc_connection_drain(struct connection *connection)
{
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)"",
		.type = FASTIPC_TYPE_GOAWAY,
	};

	if (connection->draining || connection->closing)
		return;
	pthread_mutex_lock(&connection->lock);
	__atomic_store_n(&connection->draining, true, __ATOMIC_RELAXED);
	fastipc_connection_send(connection, &message, true);
	pthread_mutex_unlock(&connection->lock);
}

bool fastipc_connection_is_drained(struct connection *connection)
{
	bool drained;

	/* What the client sent before it knew is answered first. */
	if (!connection->draining || connection->closing ||
	    fastipc_connection_is_shared(connection) ||
	    fastipc_connection_has_backlog(connection) ||
	    fastipc_consumer_ready(&connection->channel.rx))
		return false;
	pthread_mutex_lock(&connection->lock);
	drained = !fastipc_streams_busy(&connection->streams);
	pthread_mutex_unlock(&connection->lock);
	return drained;
}

void fastipc_connection_shut(struct connection *connection)
{
	struct fastipc_channel *channel = &connection->channel;

	connection->closing = true;
	fastipc_link_shutdown(&channel->link);
	fastipc_channel_notify(channel, FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE);
	fastipc_link_hang_up(&channel->link);
}

/* The client broke the rules: its connection ends, nothing else does. */
static void give_up(struct connection *connection)
{
	struct worker *worker = connection->worker;

	if (connection->closing)
		return;
	connection->closing = true;
	if (connection->loan_error)
		count(&worker->stats.loan_errors, 1);
	else if (connection->stream_error)
		count(&worker->stats.stream_errors, 1);
	else
		count(__atomic_load_n(&connection->lied, __ATOMIC_RELAXED)
			      ? &worker->stats.protocol_errors
			      : &worker->stats.bad_frames,
		      1);
	/* The rendezvous thread sees the hang-up and posts it. */
	fastipc_link_hang_up(&connection->channel.link);
}

bool fastipc_connection_check_passing(struct connection *connection)
{
	const struct fastipc_channel *channel = &connection->channel;

	if (__builtin_expect(!channel->link.passing, 1) ||
	    !fastipc_passing_check(channel->link.passing, channel->rx.head))
		return false;
	connection->loan_error = true;
	give_up(connection);
	return true;
}

/* ---- taking frames ---- */

int fastipc_worker_scratch_grow(struct worker *worker, uint32_t size)
{
	unsigned char *scratch;

	if (size <= worker->scratch_size)
		return 0;
	scratch = malloc(size);
	if (!scratch)
		return -ENOMEM;
	free(worker->scratch);
	worker->scratch = scratch;
	worker->scratch_size = size;
	return 0;
}

FASTIPC_INLINE void dispatch(struct connection *connection, uint16_t type,
			     uint64_t id, const void *data, uint32_t size,
			     uint64_t deadline, struct fastipc_stream *stream)
{
	struct fastipc_request request;

	request.connection = connection;
	request.id = id;
	request.data = data;
	request.size = size;
	request.type = type;
	request.answered = false;
	request.is_deferred = false;
	request.cancelled = 0;
	request.kept = NULL;
	request.deadline = deadline;
	request.stream = stream;
	request.delivery = NULL;
	request.cargo = NULL;
	fastipc_request_dispatch(&request);
}

int fastipc_connection_refuse(struct connection *connection, uint16_t type,
			      uint64_t id, int error, const char *text)
{
	bool shared = fastipc_connection_is_shared(connection);

	if (!id)
		return 0;
	if (shared)
		pthread_mutex_lock(&connection->lock);
	fastipc_connection_send_error(connection, type, id, error, text, true);
	if (shared)
		pthread_mutex_unlock(&connection->lock);
	return 0;
}

/* Of a request that is over the limit, or for which there is no memory. */
static int refuse_size(struct connection *connection, uint16_t type,
		       uint64_t id, int error)
{
	return fastipc_connection_refuse(
		connection, type, id, error,
		error == -EMSGSIZE
			? "the request is over the server's limit: send less, or raise its max_message"
			: "the server has no memory for the request: send less, or give it more");
}

static int pong(struct connection *connection, uint64_t id, uint32_t size)
{
	bool shared = fastipc_connection_is_shared(connection);
	struct fastipc_outgoing message = {
		.data = connection->worker->scratch,
		.size = size,
		.id = id,
		.type = FASTIPC_TYPE_PONG,
	};
	int error;

	if (shared)
		pthread_mutex_lock(&connection->lock);
	error = fastipc_connection_send(connection, &message, true);
	if (shared)
		pthread_mutex_unlock(&connection->lock);
	return error == -EPROTO ? error : 0;
}

/* Good for nothing; some are, since they cross what they are about. */
static int useless(struct connection *connection)
{
	uint64_t requests = connection->worker->stats.requests;

	if (connection->requests_seen != requests) {
		connection->requests_seen = requests;
		connection->streams.useless = 0;
	}
	if (!fastipc_streams_useless(&connection->streams))
		return 0;
	connection->stream_error = true;
	return -EPROTO;
}

static int stream_control(struct connection *connection,
			  const struct fastipc_frame *frame)
{
	int error;

	pthread_mutex_lock(&connection->lock);
	error = fastipc_streams_control(&connection->streams, frame->type,
					frame->id, connection->worker->scratch,
					frame->length);
	fastipc_streams_run(&connection->streams);
	pthread_mutex_unlock(&connection->lock);
	if (error == -EPROTO)
		connection->stream_error = true;
	return error;
}

static int control(struct connection *connection,
		   const struct fastipc_frame *frame)
{
	struct fastipc_assembly *assembly = &connection->assembly;

	switch (frame->type) {
	case FASTIPC_TYPE_PING:
		return pong(connection, frame->id, frame->length);
	case FASTIPC_TYPE_CANCEL:
		/* A message that was given up half sent ends here, too. */
		if (assembly->open && assembly->id == frame->id)
			assembly->open = false;
		else if (frame->id & FASTIPC_STREAM_OPENS)
			return stream_control(connection, frame);
		else if (!fastipc_request_cancel(connection, frame->id))
			return useless(connection);
		return 0;
	case FASTIPC_TYPE_CREDIT:
		return stream_control(connection, frame);
	case FASTIPC_TYPE_RETURN:
		return fastipc_connection_take_return(connection, frame->id);
	default:
		/* A later version's: not for us, and no harm. */
		count(&connection->worker->stats.unknown_types, 1);
		return 0;
	}
}

/*
 * @size compressed bytes at @data, which nobody can change any more.  @sent:
 * what they were with extensions.  1: it was much work, it is others' turn.
 */
static __attribute__((noinline)) int
dispatch_compressed(struct connection *connection, uint16_t type, uint64_t id,
		    const struct fastipc_packed *packed, const void *data,
		    uint32_t size, uint32_t sent, uint64_t deadline)
{
	struct worker *worker = connection->worker;
	int error = fastipc_worker_scratch_grow(worker, packed->original);

	if (!error)
		error = fastipc_unpack(&worker->unpacker,
				       connection->packing.settings, packed,
				       data, size, worker->scratch);
	if (error == -ENOMEM)
		return refuse_size(connection, type, id, error);
	if (error)
		return error;
	fastipc_compressed_add(&worker->stats.compressed_received,
			       packed->original, sent);
	dispatch(connection, type, id, worker->scratch, packed->original,
		 deadline, NULL);
	return 1;
}

/* What was compressed, its extensions counted but for the deadline. */
static uint32_t packed_size(const struct fastipc_frame *frame)
{
	uint32_t size = frame->record - FASTIPC_FRAME_HEADER;

	return frame->deadline ? size - FASTIPC_DEADLINE_ENTRY : size;
}

/* A compressed message in one frame.  Not inlined into what all messages need. */
static __attribute__((noinline)) int
take_compressed(struct connection *connection,
		const struct fastipc_frame *frame)
{
	struct fastipc_channel *channel = &connection->channel;
	struct fastipc_unpacker *unpacker = &connection->worker->unpacker;
	int error = 0;

	if (frame->packed.original > connection->server->options.max_message)
		error = -EMSGSIZE;
	else
		error = fastipc_unpacker_grow(unpacker, frame->length);
	if (error) {
		fastipc_frame_release(channel, frame);
		return refuse_size(connection, frame->type, frame->id, error);
	}
	error = fastipc_frame_take(channel, frame, unpacker->data);
	fastipc_frame_release(channel, frame);
	if (error)
		return error;
	return dispatch_compressed(connection, frame->type, frame->id,
				   &frame->packed, unpacker->data,
				   frame->length, packed_size(frame),
				   frame->deadline);
}

/* A message in one frame: copied out and checked, then it cannot change.  See
 * serve_one(), too. */
static int take_whole(struct connection *connection,
		      const struct fastipc_frame *frame)
{
	struct fastipc_channel *channel = &connection->channel;
	struct worker *worker = connection->worker;
	int error;

	if (__builtin_expect(frame->length > worker->scratch_size, 0)) {
		error = -EMSGSIZE;
		if (frame->length <= connection->server->options.max_message)
			error = fastipc_worker_scratch_grow(worker,
							    frame->length);
		if (error) {
			fastipc_frame_release(channel, frame);
			return refuse_size(connection, frame->type, frame->id,
					   error);
		}
	}
	error = fastipc_frame_take(channel, frame, worker->scratch);
	fastipc_frame_release(channel, frame);
	if (__builtin_expect(error, 0))
		return error;
	if (__builtin_expect(frame->type >= FASTIPC_TYPE_RESERVED, 0))
		return control(connection, frame);
	dispatch(connection, frame->type, frame->id, worker->scratch,
		 frame->length,
		 frame->flags & FASTIPC_FRAME_EXT ? frame->deadline
						  : FASTIPC_NO_DEADLINE,
		 NULL);
	return 0;
}

static int make_room(struct connection *connection, uint32_t size)
{
	struct fastipc_assembly *assembly = &connection->assembly;
	unsigned char *data;
	size_t capacity;

	if (size <= FASTIPC_KEPT_MOST || size <= assembly->capacity)
		return fastipc_assembly_grow(assembly, size);
	data = fastipc_stash_take(&connection->worker->stash, size, &capacity);
	if (!data)
		return -ENOMEM;
	free(assembly->data);
	assembly->data = data;
	assembly->capacity = (uint32_t)capacity;
	return 0;
}

/* Its message is complete, and not needed any more. */
static void end_assembly(struct connection *connection)
{
	struct fastipc_assembly *assembly = &connection->assembly;

	if (__builtin_expect(assembly->capacity <= FASTIPC_KEPT_MOST, 1))
		return;
	fastipc_stash_put(&connection->worker->stash, assembly->data,
			  assembly->capacity);
	assembly->data = NULL;
	assembly->capacity = 0;
}

/* A first fragment: room for the whole, or a reason not to keep it. */
static void open_assembly(struct connection *connection,
			  const struct fastipc_frame *frame)
{
	struct fastipc_assembly *assembly = &connection->assembly;
	uint32_t size = assembly->packed.original ? assembly->packed.original
						  : assembly->total;

	if (size > connection->server->options.max_message) {
		assembly->discard = true;
		refuse_size(connection, frame->type, frame->id, -EMSGSIZE);
	} else if (make_room(connection, assembly->total)) {
		assembly->discard = true;
		refuse_size(connection, frame->type, frame->id, -ENOMEM);
	}
}

static int take_fragment(struct connection *connection,
			 const struct fastipc_frame *frame)
{
	struct fastipc_assembly *assembly = &connection->assembly;
	struct fastipc_channel *channel = &connection->channel;
	bool first = !assembly->open;
	int error = fastipc_assembly_expect(assembly, frame);

	if (error)
		return error;
	if (first)
		open_assembly(connection, frame);
	if (!assembly->discard)
		error = fastipc_frame_take(channel, frame,
					   assembly->data + assembly->size);
	fastipc_frame_release(channel, frame);
	if (error)
		return error;
	assembly->size += frame->length;
	if (frame->flags & FASTIPC_FRAME_MORE)
		return 0;
	assembly->open = false;
	if (!assembly->discard && assembly->packed.original)
		error = dispatch_compressed(
			connection, assembly->type, assembly->id,
			&assembly->packed, assembly->data, assembly->total,
			assembly->total + FASTIPC_COMPRESS_BLOCK,
			assembly->deadline);
	else if (!assembly->discard)
		dispatch(connection, assembly->type, assembly->id,
			 assembly->data, assembly->total, assembly->deadline,
			 NULL);
	end_assembly(connection);
	return error;
}

/* A frame of a stream. */
static int take_stream(struct connection *connection,
		       const struct fastipc_frame *frame)
{
	struct worker *worker = connection->worker;
	struct fastipc_stream *opened = NULL;
	uint32_t size = frame->length;
	int error;

	/* The client knows the limit, and the scratch must not become larger:
	 * what that has room for is accepted. */
	if (frame->opens && size > connection->server->options.max_message) {
		connection->stream_error = true;
		return -EPROTO;
	}
	if (fastipc_worker_scratch_grow(worker, frame->opens ? size : 0))
		return -ENOMEM;
	pthread_mutex_lock(&connection->lock);
	error = fastipc_streams_take(&connection->streams, frame,
				     worker->scratch, &opened);
	if (opened)
		fastipc_streams_ref(opened);
	if (connection->streams.loan_error)
		connection->loan_error = true;
	fastipc_streams_run(&connection->streams);
	pthread_mutex_unlock(&connection->lock);
	if (error == -EPROTO)
		connection->stream_error = true;
	if (!opened)
		return error;
	dispatch(connection, opened->type, opened->id, worker->scratch, size,
		 opened->deadline, opened);
	pthread_mutex_lock(&connection->lock);
	fastipc_streams_unref(opened);
	fastipc_streams_run(&connection->streams);
	pthread_mutex_unlock(&connection->lock);
	return 0;
}

/* One frame: 0; 1 and it was much work; -EAGAIN (none), or the reason to give
 * the client up. */
static __attribute__((noinline)) int serve_other(struct connection *connection)
{
	struct fastipc_frame frame;
	int error = fastipc_frame_peek_slowly(&connection->channel, &frame);

	if (error)
		return error;
	if (__builtin_expect(
		    (frame.flags &
		     (FASTIPC_FRAME_MORE | FASTIPC_FRAME_STREAM |
		      FASTIPC_FRAME_COMPRESSED | FASTIPC_FRAME_LADEN)) ||
			    (connection->assembly.open &&
			     frame.id == connection->assembly.id &&
			     frame.type < FASTIPC_TYPE_RESERVED),
		    0)) {
		if (frame.flags & FASTIPC_FRAME_STREAM)
			return take_stream(connection, &frame);
		if (frame.flags & FASTIPC_FRAME_LADEN)
			return fastipc_connection_take_laden(connection,
							     &frame);
		if (frame.type >= FASTIPC_TYPE_RESERVED)
			return -EPROTO;
		if (!(frame.flags & FASTIPC_FRAME_MORE) &&
		    !(connection->assembly.open &&
		      frame.id == connection->assembly.id))
			return take_compressed(connection, &frame);
		return take_fragment(connection, &frame);
	}
	return take_whole(connection, &frame);
}

/* The next message, if it is as most are: bytes in one frame.  Its frame is
 * none that others look at, so it stays in registers. */
FASTIPC_INLINE int serve_one(struct connection *connection)
{
	struct fastipc_channel *channel = &connection->channel;
	struct worker *worker = connection->worker;
	struct fastipc_frame frame;
	int error = fastipc_frame_peek_plain(channel, &frame);

	if (__builtin_expect(error < 0, 0))
		return error;
	if (__builtin_expect(error || frame.length > worker->scratch_size ||
				     frame.type >= FASTIPC_TYPE_RESERVED ||
				     (connection->assembly.open &&
				      frame.id == connection->assembly.id),
			     0))
		return serve_other(connection);
	error = fastipc_frame_take(channel, &frame, worker->scratch);
	fastipc_frame_release(channel, &frame);
	if (__builtin_expect(error, 0))
		return error;
	dispatch(connection, frame.type, frame.id, worker->scratch,
		 frame.length, FASTIPC_NO_DEADLINE, NULL);
	return 0;
}

/* Space was released: tell a client that waits for it. */
static void tell_space(struct connection *connection, bool empty)
{
	bool shared = fastipc_connection_is_shared(connection);

	if (shared)
		pthread_mutex_lock(&connection->lock);
	fastipc_channel_notify_space(&connection->channel, empty);
	if (shared)
		pthread_mutex_unlock(&connection->lock);
}

static bool flush(struct connection *connection)
{
	bool shared = fastipc_connection_is_shared(connection);
	bool moved;

	if (shared)
		pthread_mutex_lock(&connection->lock);
	moved = fastipc_connection_flush_backlog(connection);
	if (shared)
		fastipc_streams_run(&connection->streams);
	if (shared)
		pthread_mutex_unlock(&connection->lock);
	return moved;
}

static inline void fetch_ahead(const struct connection *connection,
			       uint64_t replied)
{
	const struct fastipc_consumer *rx = &connection->channel.rx;
	const unsigned char *ahead =
		rx->data + ((rx->head + SERVE_AHEAD) & rx->mask);

	__builtin_prefetch(ahead);
	__builtin_prefetch(ahead + 64);
	/* Replies follow each other, too, if there are any. */
	if (!fastipc_connection_is_shared(connection) &&
	    connection->channel.tx.tail != replied)
		fastipc_producer_prepare(&connection->channel.tx);
}

unsigned int fastipc_connection_serve(struct connection *connection)
{
	struct fastipc_channel *channel = &connection->channel;
	unsigned int done = 0;
	uint64_t replied = 0;
	int error = 0;

	fastipc_channel_settle(channel);
	if (!fastipc_connection_is_shared(connection)) {
		fastipc_channel_hold(channel);
		replied = channel->tx.tail;
	}
	if (__builtin_expect(fastipc_connection_has_backlog(connection), 0) &&
	    flush(connection))
		done++;
	while (!fastipc_connection_is_clogged(connection) &&
	       done < SERVE_BATCH && !connection->closing) {
		/* A stream of messages: have the next lines on their way.  A
		 * single message's successor is the client's to write. */
		if (done > 1)
			fetch_ahead(connection, replied);
		error = serve_one(connection);
		if (error)
			break;
		done++;
	}
	if (__builtin_expect(error > 0, 0)) {
		done++;
		error = 0;
	}
	fastipc_consumer_release(&channel->rx);
	/* It need not have come to the end of the ring to have emptied it. */
	if (done)
		tell_space(connection,
			   error == -EAGAIN ||
				   !fastipc_consumer_ready(&channel->rx));
	fastipc_channel_unhold(channel);
	if (__builtin_expect(error && error != -EAGAIN, 0))
		give_up(connection);
	return done;
}
