// SPDX-License-Identifier: MIT
/*
 * Starts and ends the server of a proof.
 */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fastipc/discover.h>

#include "bench/placement.h"

void fail(int error, const char *format, ...)
{
	const char *detail = error ? fastipc_error_detail() : "";
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	if (error)
		fprintf(stderr, ": %s",
			*detail ? detail : fastipc_strerror(error));
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void service_options_init(struct service_options *options)
{
	*options = (struct service_options){ .cpu = -1, .transport = "auto" };
	fastipc_server_options_init(&options->server);
}

/* A path, so that there may be several with directories of their own. */
static void choose_address(struct service *service, const char *transport)
{
	bool prefixed = strcmp(transport, "auto") != 0;

	strcpy(service->directory, "/tmp/fastipc-proof-XXXXXX");
	if (!mkdtemp(service->directory))
		fail(-errno, "cannot make a directory in /tmp");
	snprintf(service->address, sizeof(service->address), "%s%s%s/socket",
		 prefixed ? transport : "", prefixed ? ":" : "",
		 service->directory);
}

static void remove_directory(const struct service *service)
{
	char path[108];

	if (!fastipc_address_path(service->address, path))
		unlink(path);
	rmdir(service->directory);
}

/* Those that run. */
static struct service *started;

static void clean_up(void)
{
	for (struct service *left = started; left; left = left->next) {
		if (left->pid > 0)
			kill(left->pid, SIGKILL);
		remove_directory(left);
	}
}

static void forget(const struct service *service)
{
	struct service **link = &started;

	while (*link && *link != service)
		link = &(*link)->next;
	if (*link)
		*link = service->next;
}

static struct fastipc_server *make_server(const struct service *service,
					  const struct service_options *options)
{
	struct fastipc_server *server;
	int error = fastipc_server_create(service->address, &options->server,
					  &server);

	if (!error)
		error = options->add(server, options->context);
	if (error)
		fail(error, "cannot start the server");
	return server;
}

/* In the server's process. */
static struct fastipc_server *forked;
static pid_t forked_by;
static char forked_socket[108];
static const char *forked_directory;

static void on_end(int number)
{
	(void)number;
	if (getppid() == forked_by) {
		fastipc_server_stop(forked);
		return;
	}
	/* An orphan: a handler may wait for its client for ever. */
	unlink(forked_socket);
	rmdir(forked_directory);
	_exit(1);
}

/* The process of the server; it ends with the one that forked it. */
static void serve(const struct service *service,
		  const struct service_options *options, pid_t parent,
		  int ready)
{
	struct sigaction end = { .sa_handler = on_end };

	if (placement_pin(options->cpu))
		fail(0, "cannot run on CPU %d", options->cpu);
	forked = make_server(service, options);
	forked_by = parent;
	forked_directory = service->directory;
	if (fastipc_address_path(service->address, forked_socket))
		fail(0, "%s is no address", service->address);
	sigaction(SIGTERM, &end, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent && write(ready, "", 1) == 1)
		fastipc_server_run(forked);
	fastipc_server_destroy(forked);
	/* The client may have been told to end, too. */
	rmdir(forked_directory);
}

static void start_process(struct service *service,
			  const struct service_options *options)
{
	pid_t parent = getpid();
	char byte;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		fail(-errno, "no pipe");
	fflush(NULL);
	service->pid = fork();
	if (service->pid < 0)
		fail(-errno, "cannot fork");
	if (!service->pid) {
		close(fds[0]);
		serve(service, options, parent, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		fail(0, "the server did not start");
	close(fds[0]);
	if (clock_getcpuclockid(service->pid, &service->cpu_clock))
		fail(0, "the server has no clock");
}

struct run {
	struct fastipc_server *server;
	int cpu;
};

/* The workers inherit the CPU. */
static void *run_server(void *argument)
{
	struct run *run = argument;

	if (placement_pin(run->cpu))
		fail(0, "cannot run on CPU %d", run->cpu);
	fastipc_server_run(run->server);
	free(run);
	return NULL;
}

static void start_thread(struct service *service,
			 const struct service_options *options)
{
	struct run *run = malloc(sizeof(*run));

	if (!run)
		fail(-ENOMEM, "no memory");
	service->server = make_server(service, options);
	service->cpu_clock = CLOCK_PROCESS_CPUTIME_ID;
	run->server = service->server;
	run->cpu = options->cpu;
	if (pthread_create(&service->thread, NULL, run_server, run))
		fail(-EAGAIN, "cannot start a thread");
}

void service_start(struct service *service,
		   const struct service_options *options)
{
	static bool registered;

	*service = (struct service){ 0 };
	choose_address(service, options->transport);
	if (options->within)
		start_thread(service, options);
	else
		start_process(service, options);
	service->next = started;
	started = service;
	if (!registered)
		atexit(clean_up);
	registered = true;
}

void service_stop(struct service *service)
{
	int status = 0;

	if (service->pid) {
		kill(service->pid, SIGTERM);
		while (waitpid(service->pid, &status, 0) < 0 && errno == EINTR)
			;
	} else {
		fastipc_server_stop(service->server);
		pthread_join(service->thread, NULL);
		fastipc_server_destroy(service->server);
	}
	remove_directory(service);
	forget(service);
	if (status)
		fail(0, "the server did not end as it should (status %#x)",
		     (unsigned int)status);
}
