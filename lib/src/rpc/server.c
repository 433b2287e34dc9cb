// SPDX-License-Identifier: MIT
/*
 * The server: its making, its threads, its end.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/futex.h"
#include "rpc/options.h"
#include "rpc/server.h"

#define THREADS_MOST 256u
/* While a loop of the application's drains. */
#define DRAIN_POLL_MS 100

/* To the eventfd that stops a server: look whether it drains. */
static const uint64_t drain_value = FASTIPC_STOP_DRAIN;

#define CONNECTIONS_MOST 1000000u

void fastipc_server_options_init(struct fastipc_server_options *options)
{
	*options = (struct fastipc_server_options){
		.size = sizeof(*options),
		.threads = 1,
		.wait = FASTIPC_WAIT_ADAPTIVE,
		.checksum = FASTIPC_CHECKSUM_OFF,
		.ring_size = FASTIPC_RING_DEFAULT,
		.max_message = FASTIPC_MESSAGE_DEFAULT,
		.max_connections = 8192,
		.stall_timeout_ns = 30000000000ull,
		.handshake_timeout_ns = 2000000000ull,
		.stream_window = FASTIPC_STREAM_WINDOW_DEFAULT,
		.max_streams = FASTIPC_STREAMS_DEFAULT,
		.mode = 0600,
		.compress_from = FASTIPC_COMPRESS_FROM,
		.compression_level = 1,
	};
}

static int check_options(const struct fastipc_server_options *options)
{
	int error = fastipc_options_check_size(options->size, sizeof(*options),
					       "fastipc_server_options_init");

	if (error)
		return error;
	if (options->threads > THREADS_MOST)
		return fastipc_fail(-EINVAL, "threads must be at most %u",
				    THREADS_MOST);
	if (!options->max_connections ||
	    options->max_connections > CONNECTIONS_MOST)
		return fastipc_fail(-EINVAL, "max_connections must be 1 to %u",
				    CONNECTIONS_MOST);
	error = fastipc_options_check_loans(options->bulk_size,
					    options->max_descriptors);
	if (error)
		return error;
	error = fastipc_options_check_streams(options->stream_window,
					      options->max_streams);
	if (error)
		return error;
	return fastipc_options_check(options->wait, options->checksum,
				     options->ring_size, options->schema_match,
				     options->max_message);
}

static int configure_compression(struct fastipc_server *server)
{
	struct fastipc_server_options *options = &server->options;
	const struct fastipc_compress_options own = {
		.compression = options->compression,
		.from = options->compress_from,
		.level = options->compression_level,
		.dictionary = options->dictionary,
		.dictionary_size = options->dictionary_size,
	};

	options->dictionary = NULL; /* the caller's; it is copied */
	return fastipc_compress_configure(&own, &server->compression);
}

static int create_workers(struct fastipc_server *server)
{
	uint32_t count = server->options.threads ? server->options.threads : 1;

	server->workers = aligned_alloc(_Alignof(struct worker),
					count * sizeof(struct worker));
	if (!server->workers)
		return fastipc_fail(-ENOMEM, "no memory for %u workers", count);
	memset(server->workers, 0, count * sizeof(struct worker));
	for (uint32_t i = 0; i < count; i++) {
		int error;

		server->worker_count++;
		error = fastipc_worker_init(&server->workers[i], server, i);
		if (error)
			return error;
	}
	return 0;
}

static int open_descriptors(struct fastipc_server *server, const char *address)
{
	int error;

	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll_fd < 0)
		return fastipc_fail(
			-errno, "no descriptor for epoll: raise RLIMIT_NOFILE");
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->stop_fd < 0)
		return fastipc_fail(
			-errno,
			"no descriptor for an eventfd: raise RLIMIT_NOFILE");
	error = fastipc_rendezvous_listen(&server->rendezvous, address,
					  server->options.mode);
	if (error)
		return error;
	server->listener_watch.kind = WATCH_LISTENER;
	server->stop_watch.kind = WATCH_STOP;
	error = fastipc_acceptor_watch(server, server->rendezvous.fd,
				       &server->listener_watch);
	if (error)
		return error;
	return fastipc_acceptor_watch(server, server->stop_fd,
				      &server->stop_watch);
}

int fastipc_server_create(const char *address,
			  const struct fastipc_server_options *options,
			  struct fastipc_server **result)
{
	struct fastipc_server_options defaults;
	struct fastipc_server *server;
	int error;

	if (!address || !result)
		return fastipc_fail(-EINVAL, "address and server are needed");
	fastipc_server_options_init(&defaults);
	if (!options)
		options = &defaults;
	error = check_options(options);
	if (error)
		return error;
	server = calloc(1, sizeof(*server));
	if (!server)
		return fastipc_fail(-ENOMEM, "no memory for a server");
	server->options = *options;
	server->epoll_fd = -1;
	server->stop_fd = -1;
	server->rendezvous.fd = -1;
	server->rendezvous.reserve_fd = -1;
	server->started_ns = fastipc_now_ns();
	server->registry = fastipc_registry_create();
	if (!server->registry)
		error = fastipc_fail(-ENOMEM, "no memory for handlers");
	if (!error)
		error = configure_compression(server);
	if (!error)
		error = create_workers(server);
	if (!error)
		error = open_descriptors(server, address);
	if (error) {
		fastipc_server_destroy(server);
		return error;
	}
	*result = server;
	return 0;
}

void fastipc_server_destroy(struct fastipc_server *server)
{
	if (!server)
		return;
	fastipc_rendezvous_close(&server->rendezvous);
	fastipc_acceptor_close_handshakes(server);
	for (uint32_t i = 0; i < server->worker_count; i++) {
		fastipc_worker_close_all(&server->workers[i]);
		fastipc_worker_fini(&server->workers[i]);
	}
	free(server->workers);
	fastipc_registry_destroy(server->registry);
	fastipc_compress_unref(server->compression);
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	if (server->stop_fd >= 0)
		close(server->stop_fd);
	free(server);
}

/* ---- handlers ---- */

int fastipc_server_add_handler(struct fastipc_server *server, uint16_t type,
			       fastipc_handler_fn handler, void *context)
{
	if (!server || !handler)
		return fastipc_fail(-EINVAL, "server and handler are needed");
	if (type >= FASTIPC_TYPE_RESERVED)
		return fastipc_fail(
			-EINVAL, "message types from 0xFF00 on are reserved");
	return fastipc_registry_add(server->registry, type, handler, context);
}

int fastipc_server_remove_handler(struct fastipc_server *server, uint16_t type)
{
	if (!server)
		return fastipc_fail(-EINVAL, "server is NULL");
	if (fastipc_request_in_handler())
		return fastipc_fail(
			-EDEADLK,
			"a handler cannot wait until no handler runs: remove it from another thread");
	return fastipc_registry_remove(server->registry, type);
}

/* ---- running ---- */

/* Their end, and why one of them could not begin. */
static int stop_workers(struct fastipc_server *server, uint32_t started)
{
	int error = 0;

	for (uint32_t i = 0; i < started; i++)
		fastipc_worker_stop(&server->workers[i]);
	for (uint32_t i = 0; i < started; i++) {
		struct worker *worker = &server->workers[i];

		pthread_join(worker->thread, NULL);
		if (worker->error)
			error = fastipc_fail(worker->error,
					     "no memory for worker thread %u",
					     i);
	}
	return error;
}

/* Signals are the application's: its own threads get them. */
static int start_workers(struct fastipc_server *server, uint32_t *started)
{
	sigset_t all, old;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!error && *started < server->worker_count) {
		struct worker *worker = &server->workers[*started];

		error = pthread_create(&worker->thread, NULL,
				       fastipc_worker_run, worker);
		if (!error)
			++*started;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error ? fastipc_fail(-error, "cannot start worker thread %u",
				    *started)
		     : 0;
}

int fastipc_server_run(struct fastipc_server *server)
{
	uint32_t started = 0;
	int error, ended;

	if (!server || !server->options.threads)
		return fastipc_fail(
			-EINVAL,
			"options.threads is 0: use fastipc_server_dispatch()");
	if (server->running)
		return fastipc_fail(-EALREADY, "a server runs once");
	server->running = true;
	error = start_workers(server, &started);
	while (!error &&
	       !fastipc_acceptor_step(server, fastipc_acceptor_timeout(server)))
		;
	/* No new clients while the old ones are told goodbye. */
	fastipc_rendezvous_close(&server->rendezvous);
	fastipc_acceptor_close_handshakes(server);
	ended = stop_workers(server, started);
	return error ? error : ended;
}

void fastipc_server_stop(struct fastipc_server *server)
{
	static const uint64_t one = 1;
	int saved = errno;

	(void)!write(server->stop_fd, &one, sizeof(one));
	errno = saved;
}

static bool is_drained(const struct fastipc_server *server)
{
	return __atomic_load_n(&server->told, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&server->connections, __ATOMIC_ACQUIRE);
}

/* One wait until something may have changed. */
static int await_drained(struct fastipc_server *server, uint64_t deadline)
{
	struct pollfd pollfd = { .fd = server->epoll_fd, .events = POLLIN };
	uint32_t seen = __atomic_load_n(&server->parted, __ATOMIC_ACQUIRE);
	uint64_t now;
	int timeout = -1;

	if (server->options.threads)
		return is_drained(server) ? 0
					  : fastipc_futex_wait(&server->parted,
							       seen, deadline);
	fastipc_server_dispatch(server);
	if (is_drained(server))
		return 0;
	now = fastipc_now_ns();
	if (deadline && now >= deadline)
		return -ETIMEDOUT;
	/* Now and then, to notice who does not take its replies. */
	timeout = DRAIN_POLL_MS;
	if (deadline && deadline - now < DRAIN_POLL_MS * 1000000ull)
		timeout = (int)((deadline - now) / 1000000u) + 1;
	poll(&pollfd, 1, timeout);
	return 0;
}

int fastipc_server_drain(struct fastipc_server *server, uint64_t deadline)
{
	int error = 0;

	if (!server)
		return fastipc_fail(-EINVAL, "server is NULL");
	if (fastipc_request_in_handler())
		return fastipc_fail(
			-EDEADLK,
			"a handler cannot wait until no handler runs: drain from another thread");
	__atomic_store_n(&server->draining, true, __ATOMIC_RELEASE);
	(void)!write(server->stop_fd, &drain_value, sizeof(drain_value));
	while (!error && !is_drained(server))
		error = await_drained(server, deadline);
	fastipc_server_stop(server);
	return error ? fastipc_fail(
			       error,
			       "calls were still under way at the deadline")
		     : 0;
}

int fastipc_server_fd(const struct fastipc_server *server)
{
	return server->epoll_fd;
}

int fastipc_server_dispatch(struct fastipc_server *server)
{
	struct worker *worker;
	unsigned int done;
	int error;

	if (!server || server->options.threads)
		return fastipc_fail(
			-EINVAL,
			"options.threads is not 0: use fastipc_server_run()");
	worker = &server->workers[0];
	if (worker->stepping)
		return fastipc_fail(-EDEADLK,
				    "a handler must not dispatch: its request "
				    "is in hand until it returns");
	error = fastipc_registry_add_reader();
	if (error)
		return error;
	fastipc_acceptor_step(server, 0);
	worker->stepping = true;
	done = fastipc_worker_step(worker);
	worker->stepping = false;
	return (int)done;
}

/* ---- counters ---- */

#define LOAD(from, field) __atomic_load_n(&(from)->field, __ATOMIC_RELAXED)
#define ADD(field) total.field += LOAD(from, field)
#define ADD_COMPRESSED(field) add_compressed(&total.field, &from->field)

static void add_compressed(struct fastipc_compressed *total,
			   const struct fastipc_compressed *from)
{
	total->messages += LOAD(from, messages);
	total->bytes_before += LOAD(from, bytes_before);
	total->bytes_after += LOAD(from, bytes_after);
}

int fastipc_server_get_stats(const struct fastipc_server *server,
			     struct fastipc_server_stats *stats)
{
	struct fastipc_server_stats total = { 0 };

	if (!server || !stats || stats->size < sizeof(size_t))
		return fastipc_fail(-EINVAL, "set stats->size first");
	for (uint32_t i = 0; i <= server->worker_count; i++) {
		const struct fastipc_server_stats *from =
			i < server->worker_count ? &server->workers[i].stats
						 : &server->stats;

		ADD(accepted);
		ADD(refused);
		ADD(handshake_errors);
		ADD(requests);
		ADD(one_way);
		ADD(unknown_types);
		ADD(bad_frames);
		ADD(protocol_errors);
		ADD(stream_errors);
		ADD(loan_errors);
		ADD(stalled);
		ADD(hangups);
		ADD(bytes_received);
		ADD(bytes_sent);
		ADD(sleeps);
		ADD(wakes);
		ADD_COMPRESSED(compressed_sent);
		ADD_COMPRESSED(compressed_received);
	}
	total.connections = LOAD(server, connections);
	total.bytes_sent += LOAD(server, deferred_bytes);
	add_compressed(&total.compressed_sent, &server->deferred_compressed);
	total.size = stats->size < sizeof(total) ? stats->size : sizeof(total);
	memcpy(stats, &total, total.size);
	return 0;
}
