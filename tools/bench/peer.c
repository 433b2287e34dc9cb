// SPDX-License-Identifier: MIT
/*
 * The server process of a benchmark: its start, its handlers and its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fastipc/discover.h>
#include <fastipc/server.h>
#include <fastipc/stream.h>

#include "bench.h"
#include "payload.h"
#include "peer.h"
#include "watchdog.h"

#define END_SECONDS 3 /* for an orderly end, before SIGKILL */

/* What the server says to the benchmark when it listens, or cannot. */
struct start_report {
	int error;
	char detail[252];
};

/* In the server process only. */
static struct fastipc_server *server;
static struct probe_area *probe;
static struct peer_confirm stream;

static int echo(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static int take_streamed(struct fastipc_request *request, void *context)
{
	const size_t *size = context;
	const void *data = fastipc_request_data(request);
	bool right = fastipc_request_size(request) == *size;

	stream.count++;
	if (right && stream.count % PEER_FULL_CHECK == 1)
		right = payload_is_intact(data, *size, stream.count);
	else if (right)
		right = payload_is_stamped(data, *size, stream.count);
	stream.wrong += !right;
	return 0;
}

static int confirm(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, &stream, sizeof(stream));
}

static int run_probe(struct fastipc_request *request, void *context)
{
	(void)context;
	probe_answer(probe, fastipc_request_type(request) == PEER_FUTEX
				    ? PROBE_FUTEX
				    : PROBE_CACHELINE);
	return 0;
}

/* ---- for the test of streams ---- */

static void write_on(void *context, struct fastipc_stream *source)
{
	static const unsigned char data[4096];

	(void)context;
	while (!fastipc_stream_write(source, data, sizeof(data), 0, 0))
		;
}

static void end_source(void *context, struct fastipc_stream *source)
{
	(void)context;
	fastipc_stream_close(source);
}

static int begin_source(struct fastipc_request *request, void *context)
{
	struct fastipc_stream_options options;
	struct fastipc_stream *source;

	(void)context;
	fastipc_stream_options_init(&options);
	options.writable = write_on;
	options.end = end_source;
	source = fastipc_request_stream(request, &options);
	if (!source)
		return -errno;
	write_on(NULL, source);
	return 0;
}

static int sink(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, "", 0);
}

static void *reply_large(void *request)
{
	static unsigned char data[10u << 20];

	fastipc_request_reply(request, data, sizeof(data));
	return NULL;
}

/* The worker must not copy it while small calls wait. */
static int large(struct fastipc_request *request, void *context)
{
	struct fastipc_request *kept = fastipc_request_defer(request);
	pthread_t thread;

	(void)context;
	if (!kept)
		return -ENOMEM;
	if (pthread_create(&thread, NULL, reply_large, kept))
		return fastipc_request_fail(kept, -EAGAIN, "no thread");
	pthread_detach(thread);
	return 0;
}

static int add_handlers(size_t *size)
{
	static const struct {
		uint16_t type;
		fastipc_handler_fn handler;
	} handlers[] = {
		{ PEER_ECHO, echo },	   { PEER_STREAM, take_streamed },
		{ PEER_CONFIRM, confirm }, { PEER_CACHELINE, run_probe },
		{ PEER_FUTEX, run_probe }, { PEER_SOURCE, begin_source },
		{ PEER_SINK, sink },	   { PEER_LARGE, large },
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		error = fastipc_server_add_handler(server, handlers[i].type,
						   handlers[i].handler, size);
		if (error)
			break;
	}
	return error;
}

static int listen_at(const char *address, const struct bench_options *bench)
{
	struct fastipc_server_options options;

	fastipc_server_options_init(&options);
	options.threads = 1;
	options.wait = bench->wait;
	options.checksum = bench->checksum;
	if (bench->ring_size)
		options.ring_size = bench->ring_size;
	if (bench->size > options.max_message)
		options.max_message = (uint32_t)bench->size;
	if (bench->connections + 16 > options.max_connections)
		options.max_connections = bench->connections + 16;
	return fastipc_server_create(address, &options, &server);
}

/* The benchmark wants an end, or has died. */
static void on_end(int number)
{
	(void)number;
	probe_stop(probe);
	if (!server)
		_exit(0); /* it has not begun yet */
	fastipc_server_stop(server);
	alarm(END_SECONDS);
}

/* SIGINT is for the benchmark, which then ends this process. */
static void handle_signals(void)
{
	struct sigaction end = { .sa_handler = on_end };
	struct sigaction usual = { .sa_handler = SIG_DFL };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGALRM, &usual, NULL);
	sigaction(SIGTERM, &end, NULL);
}

static void remove_directory(const char *directory, const char *address)
{
	char path[108];
	char inner[80];

	if (!fastipc_address_path(address, path))
		unlink(path);
	snprintf(inner, sizeof(inner), "%s/fastipc", directory);
	rmdir(inner);
	rmdir(directory);
}

static void hold_end_signal(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(how, &set, NULL);
}

static void serve(const struct peer *peer, const struct bench_options *options,
		  int cpu, struct probe_area *area, pid_t parent, int report_fd)
{
	struct start_report report = { .error = placement_pin(cpu) };
	size_t size = options->size;

	probe = area;
	if (!report.error)
		report.error = listen_at(peer->address, options);
	if (!report.error)
		report.error = add_handlers(&size);
	if (report.error)
		snprintf(report.detail, sizeof(report.detail), "%s",
			 fastipc_error_detail());
	handle_signals();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	hold_end_signal(SIG_UNBLOCK);
	if (write(report_fd, &report, sizeof(report)) == sizeof(report) &&
	    !report.error && getppid() == parent)
		fastipc_server_run(server);
	close(report_fd);
	fastipc_server_destroy(server);
	if (getppid() != parent)
		remove_directory(peer->directory, peer->address);
}

static int make_directory(struct peer *peer, const char *transport)
{
	const char *temporary = getenv("TMPDIR");
	bool prefixed = strcmp(transport, "auto") != 0;

	/* A longer one would leave no room in the socket's path. */
	if (!temporary || *temporary != '/' || strlen(temporary) > 32)
		temporary = "/tmp";
	snprintf(peer->directory, sizeof(peer->directory),
		 "%s/fastipc-bench-XXXXXX", temporary);
	if (!mkdtemp(peer->directory)) {
		int error = -errno;

		complain("bench", "cannot make %s: %s", peer->directory,
			 strerror(-error));
		return error;
	}
	setenv("XDG_RUNTIME_DIR", peer->directory, 1);
	snprintf(peer->address, sizeof(peer->address), "%s%sbench-%d",
		 prefixed ? transport : "", prefixed ? ":" : "", (int)getpid());
	return 0;
}

static int await_start(int fd)
{
	struct start_report report = { 0 };
	ssize_t size;

	do
		size = read(fd, &report, sizeof(report));
	while (size < 0 && errno == EINTR && !watchdog_interrupted());
	if (size == sizeof(report) && !report.error)
		return 0;
	if (watchdog_interrupted())
		return -EINTR;
	if (size != sizeof(report)) {
		report.error = -EPIPE;
		strcpy(report.detail, "its process ended");
	}
	complain("bench", "cannot start the server: %s",
		 *report.detail ? report.detail
				: fastipc_strerror(report.error));
	return report.error;
}

static int fork_server(struct peer *peer, const struct bench_options *options,
		       int cpu, struct probe_area *area)
{
	pid_t parent = getpid();
	int fds[2];
	int error;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	hold_end_signal(SIG_BLOCK);
	peer->pid = fork();
	error = -errno;
	if (!peer->pid) {
		close(fds[0]);
		serve(peer, options, cpu, area, parent, fds[1]);
		_exit(0);
	}
	hold_end_signal(SIG_UNBLOCK);
	close(fds[1]);
	if (peer->pid > 0) {
		watchdog_guard(peer->pid);
		error = await_start(fds[0]);
	} else {
		peer->pid = 0;
		complain("bench", "cannot fork: %s", strerror(-error));
	}
	close(fds[0]);
	return error;
}

int peer_start(struct peer *peer, const struct bench_options *options, int cpu,
	       struct probe_area *area)
{
	int error = make_directory(peer, options->transport);

	if (!error)
		error = fork_server(peer, options, cpu, area);
	if (!error && clock_getcpuclockid(peer->pid, &peer->cpu_clock))
		error = -ESRCH;
	if (error)
		peer_stop(peer);
	return error;
}

static int reap(pid_t pid)
{
	int status = 0;

	kill(pid, SIGTERM);
	for (int i = 0; i < 100 * (END_SECONDS + 1); i++) {
		struct timespec pause = { .tv_nsec = 10000000 };

		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		nanosleep(&pause, NULL);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int peer_stop(struct peer *peer)
{
	pid_t pid = peer->pid;
	int status = 0;

	watchdog_guard(0);
	peer->pid = 0;
	if (pid > 0)
		status = reap(pid);
	if (*peer->directory)
		remove_directory(peer->directory, peer->address);
	*peer->directory = '\0';
	if (WIFSIGNALED(status)) {
		complain("bench", "the server process was ended by signal %d",
			 WTERMSIG(status));
		return -EPIPE;
	}
	return 0;
}
