// SPDX-License-Identifier: MIT
/*
 * The rendezvous thread: accepts, shakes hands, and turns what happens on
 * sockets into events for the workers.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/error.h"
#include "base/futex.h"
#include "rpc/server.h"

#define EVENTS 64
/* Connections accepted in one go, so that doorbells get their turn. */
#define ACCEPT_BATCH 64
/* Handshakes beyond max_connections: queries are answered when full, too. */
#define SPARE_HANDSHAKES 64
/* After running out of something, the listener rests. */
#define PAUSE_NS 20000000u

int fastipc_acceptor_watch(struct fastipc_server *server, int fd,
			   struct watch *watch)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = watch };

	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return fastipc_fail(-errno, "cannot watch a descriptor");
	return 0;
}

static void unwatch(struct fastipc_server *server, int fd)
{
	epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- handshakes ---- */

static void handshake_push(struct fastipc_server *server,
			   struct handshake *handshake)
{
	handshake->next = NULL;
	handshake->previous = server->handshakes_last;
	if (server->handshakes_last)
		server->handshakes_last->next = handshake;
	else
		server->handshakes = handshake;
	server->handshakes_last = handshake;
	server->handshake_count++;
}

static void handshake_free(struct fastipc_server *server,
			   struct handshake *handshake)
{
	if (handshake->previous)
		handshake->previous->next = handshake->next;
	else
		server->handshakes = handshake->next;
	if (handshake->next)
		handshake->next->previous = handshake->previous;
	else
		server->handshakes_last = handshake->previous;
	server->handshake_count--;
	free(handshake);
}

static void handshake_drop(struct fastipc_server *server,
			   struct handshake *handshake)
{
	unwatch(server, handshake->sock);
	close(handshake->sock);
	handshake_free(server, handshake);
}

void fastipc_acceptor_close_handshakes(struct fastipc_server *server)
{
	while (server->handshakes)
		handshake_drop(server, server->handshakes);
}

static uint64_t open_connections(const struct fastipc_server *server)
{
	return __atomic_load_n(&server->connections, __ATOMIC_RELAXED);
}

/* Workers take turns. */
static struct worker *next_worker(struct fastipc_server *server)
{
	return &server->workers[server->stats.accepted % server->worker_count];
}

/* Whether every worker can take one more without allocating later. */
static bool has_room(const struct fastipc_server *server)
{
	return open_connections(server) < server->options.max_connections;
}

static bool may_shake_hands(const struct fastipc_server *server)
{
	return open_connections(server) + server->handshake_count <
	       server->options.max_connections + SPARE_HANDSHAKES;
}

/* In the epoll set: the socket, which is there; or the end, for hang-ups. */
static int watch_link(struct fastipc_server *server,
		      struct connection *connection)
{
	const struct fastipc_link *link = &connection->channel.link;
	struct epoll_event event = {
		.events = link->kmod ? EPOLLRDHUP : EPOLLIN | EPOLLRDHUP,
		.data.ptr = &connection->watch,
	};

	return epoll_ctl(server->epoll_fd,
			 link->kmod ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
			 fastipc_link_fd(link), &event);
}

/* It was a success; a link of kmod does not keep the socket. */
static void handshake_end(struct fastipc_server *server,
			  struct handshake *handshake, bool kmod)
{
	if (kmod)
		handshake_drop(server, handshake);
	else
		handshake_free(server, handshake);
}

static void connect_link(struct fastipc_server *server,
			 struct handshake *handshake,
			 const struct fastipc_link *link)
{
	struct worker *worker = next_worker(server);
	struct connection *connection;

	connection = fastipc_connection_create(server, worker, link);
	if (!connection) {
		count(&server->stats.refused, 1);
		handshake_end(server, handshake, link->kmod);
		return;
	}
	connection->channel.wakes_of_all = &worker->stats.wakes;
	if (watch_link(server, connection)) {
		count(&server->stats.refused, 1);
		handshake_end(server, handshake, link->kmod);
		fastipc_connection_close(connection);
		return;
	}
	handshake_end(server, handshake, link->kmod);
	count(&server->stats.accepted, 1);
	fastipc_census_add(server, connection);
	__atomic_fetch_add(&server->connections, 1, __ATOMIC_RELAXED);
	fastipc_worker_post(worker, connection, EVENT_NEW);
}

/* True: it has said nothing yet. */
static bool on_hello(struct fastipc_server *server, struct handshake *handshake)
{
	const struct fastipc_server_options *options = &server->options;
	struct fastipc_proposal proposal = {
		.checksum = options->checksum,
		.ring_size = options->ring_size,
		.max_message = options->max_message,
		.fingerprint = options->fingerprint,
		.schema_match = options->schema_match,
		.transport = server->rendezvous.transport,
		.stream_window = options->stream_window,
		.max_streams = options->max_streams,
		.bulk_size = options->bulk_size,
		.bulk_max = options->bulk_max,
		.max_descriptors = options->max_descriptors,
	};
	struct fastipc_status status = {
		.connections = (uint32_t)open_connections(server),
		.threads = server->worker_count,
		.uptime_ns = fastipc_now_ns() - server->started_ns,
		.full = !has_room(server),
		.read_totals = fastipc_census_totals,
		.list = fastipc_census_page,
		.context = server,
	};
	struct fastipc_link link;
	int result;

	fastipc_compress_propose(server->compression, &proposal);
	result = fastipc_handshake_accept(handshake->sock, &proposal, &status,
					  &link);

	if (result == 1) {
		connect_link(server, handshake, &link);
		return false;
	}
	if (result == -EAGAIN)
		return true;
	if (result == -ENOMEM || result == -EUSERS)
		count(&server->stats.refused, 1);
	else if (result < 0)
		count(&server->stats.handshake_errors, 1);
	handshake_drop(server, handshake);
	return false;
}

/* ---- accepting ---- */

static void begin_handshake(struct fastipc_server *server, int sock)
{
	struct handshake *handshake = NULL;
	int error = -EUSERS;

	if (may_shake_hands(server)) {
		handshake = calloc(1, sizeof(*handshake));
		error = -ENOMEM;
	}
	if (!handshake) {
		fastipc_rendezvous_refuse(sock, error);
		close(sock);
		count(&server->stats.refused, 1);
		return;
	}
	handshake->watch.kind = WATCH_HANDSHAKE;
	handshake->sock = sock;
	handshake->deadline =
		fastipc_after_ns(server->options.handshake_timeout_ns);
	handshake_push(server, handshake);
	if (fastipc_acceptor_watch(server, sock, &handshake->watch)) {
		count(&server->stats.refused, 1);
		fastipc_rendezvous_refuse(sock, -ENOMEM);
		handshake_drop(server, handshake);
	}
}

static void watch_listener(struct fastipc_server *server, uint32_t events)
{
	struct epoll_event event = { .events = events,
				     .data.ptr = &server->listener_watch };

	epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, server->rendezvous.fd,
		  &event);
}

/* Out of something: do not turn on the same spot. */
static void pause_accepting(struct fastipc_server *server)
{
	watch_listener(server, 0);
	server->paused_until = fastipc_after_ns(PAUSE_NS);
}

static void resume_accepting(struct fastipc_server *server)
{
	if (!server->paused_until || fastipc_now_ns() < server->paused_until)
		return;
	watch_listener(server, EPOLLIN);
	server->paused_until = 0;
}

static void on_connect(struct fastipc_server *server)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int sock = fastipc_rendezvous_accept(&server->rendezvous);

		if (sock >= 0) {
			begin_handshake(server, sock);
			continue;
		}
		if (sock == -EUSERS)
			count(&server->stats.refused, 1);
		if (sock != -EAGAIN && sock != -ECONNABORTED)
			pause_accepting(server);
		return;
	}
}

static void on_socket(struct fastipc_server *server,
		      struct connection *connection, uint32_t events)
{
	struct fastipc_link *link = &connection->channel.link;
	bool gone = fastipc_link_drain(link) == -EPIPE;

	if (gone || (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR))) {
		/* From here on the connection is the worker's alone. */
		unwatch(server, fastipc_link_fd(link));
		fastipc_census_remove(server, connection);
		fastipc_worker_post(connection->worker, connection,
				    EVENT_HANGUP);
		return;
	}
	if (link->kmod)
		fastipc_connection_watch(connection, false);
	fastipc_worker_post(connection->worker, connection, EVENT_DOORBELL);
}

/* ---- the loop ---- */

static void expire_handshakes(struct fastipc_server *server)
{
	uint64_t now;

	if (!server->handshakes)
		return;
	now = fastipc_now_ns();
	for (int i = 0; i < ACCEPT_BATCH && server->handshakes &&
			server->handshakes->deadline <= now;
	     i++) {
		struct handshake *handshake = server->handshakes;

		/* What it said while this thread was busy counts. */
		if (!on_hello(server, handshake))
			continue;
		count(&server->stats.handshake_errors, 1);
		fastipc_rendezvous_refuse(handshake->sock, -ETIMEDOUT);
		handshake_drop(server, handshake);
	}
}

int fastipc_acceptor_timeout(const struct fastipc_server *server)
{
	uint64_t until = server->paused_until;
	uint64_t now;

	if (server->handshakes &&
	    (!until || server->handshakes->deadline < until))
		until = server->handshakes->deadline;
	if (!until)
		return -1;
	now = fastipc_now_ns();
	return until > now ? (int)((until - now) / 1000000u) + 1 : 0;
}

static bool on_event(struct fastipc_server *server, struct epoll_event *event)
{
	struct watch *watch = event->data.ptr;
	uint64_t value;

	switch (watch->kind) {
	case WATCH_LISTENER:
		on_connect(server);
		return false;
	case WATCH_STOP:
		if (read(server->stop_fd, &value, sizeof(value)) < 0)
			value = 0;
		return (uint32_t)value != 0;
	case WATCH_HANDSHAKE:
		on_hello(server, (struct handshake *)watch);
		return false;
	case WATCH_CONNECTION:
		on_socket(server, (struct connection *)watch, event->events);
		return false;
	}
	return false;
}

/* The name is another server's from here on, and nobody new comes. */
static void begin_drain(struct fastipc_server *server)
{
	server->paused_until = 0;
	fastipc_rendezvous_close(&server->rendezvous);
	fastipc_acceptor_close_handshakes(server);
	for (struct connection *connection = server->listed; connection;
	     connection = connection->listed_next)
		fastipc_worker_post(connection->worker, connection,
				    EVENT_DRAIN);
	__atomic_store_n(&server->told, true, __ATOMIC_RELEASE);
	__atomic_fetch_add(&server->parted, 1, __ATOMIC_SEQ_CST);
	fastipc_futex_wake(&server->parted, INT_MAX);
}

bool fastipc_acceptor_step(struct fastipc_server *server, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	bool stop = false;
	int n;

	n = epoll_wait(server->epoll_fd, events, EVENTS, timeout_ms);
	for (int i = 0; i < n; i++)
		stop |= on_event(server, &events[i]);
	if (__builtin_expect(__atomic_load_n(&server->draining,
					     __ATOMIC_ACQUIRE) &&
				     !server->told,
			     0))
		begin_drain(server);
	expire_handshakes(server);
	resume_accepting(server);
	return stop;
}
