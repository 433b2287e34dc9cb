// SPDX-License-Identifier: MIT
/*
 * Measures one peer: starts its server as a process of its own, connects,
 * warms up, measures for a while, and prints one JSON object.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/payload.h"
#include "bench/placement.h"
#include "bench/probe.h"
#include "bench/process.h"
#include "bench/ticks.h"
#include "bench/watchdog.h"

#include "measure.h"
#include "peers.h"

#define END_SECONDS 3 /* for an orderly end, before SIGKILL */

struct driver {
	struct peer_config config;
	enum bench_placement placement;
	double seconds;
	struct placement_cpus cpus;
	struct probe_area *probe;
	pid_t server;
	clockid_t server_clock;
	char directory[64];
	char name[32];
};

volatile bool peer_ended;
pid_t peer_broker;

/* In the server's process. */
static int ready_fd = -1;
static struct peer_count taken;

int peer_fail(int error, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		strerror(error < 0 ? -error : error));
	return error < 0 ? error : -error;
}

void peer_ready(void)
{
	if (write(ready_fd, "", 1) != 1)
		_exit(1);
	close(ready_fd);
}

/* Each message's stamps, and all bytes of one in so many. */
#define FULL_CHECK 256

bool peer_take(const struct peer_config *config, const void *data, size_t size,
	       const void **answer, size_t *answer_size)
{
	uint64_t sequence;
	bool right = size == config->size;

	*answer = data;
	*answer_size = size;
	if (config->test == PEER_ROUND_TRIP)
		return true;
	memcpy(&sequence, data, sizeof(sequence));
	if (sequence == PEER_CONFIRM) {
		*answer = &taken;
		*answer_size = sizeof(taken);
		return true;
	}
	taken.count++;
	if (right && taken.count % FULL_CHECK == 1)
		right = payload_is_intact(data, size, taken.count);
	else if (right)
		right = payload_is_stamped(data, size, taken.count);
	taken.wrong += !right;
	return false;
}

static void on_term(int number)
{
	(void)number;
	if (!peer_ops.end)
		_exit(0);
	peer_ended = true;
	alarm(END_SECONDS);
	peer_ops.end();
}

static int serve(struct driver *driver, int fd)
{
	struct sigaction term = { .sa_handler = on_term };
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGTERM, &term, NULL);
	error = placement_pin(driver->cpus.server);
	if (error)
		return peer_fail(error, "cannot pin the server");
	probe_answer(driver->probe, PROBE_CACHELINE);
	ready_fd = fd;
	return peer_ops.serve(&driver->config);
}

static int start_server(struct driver *driver, double *cacheline)
{
	double ticks = NAN;
	int fds[2];
	int error;
	char byte;

	if (pipe(fds))
		return peer_fail(errno, "pipe");
	probe_prepare(driver->probe);
	fflush(NULL);
	driver->server = fork();
	if (driver->server < 0)
		return peer_fail(errno, "fork");
	if (!driver->server) {
		close(fds[0]);
		exit(serve(driver, fds[1]) ? 1 : 0);
	}
	close(fds[1]);
	watchdog_guard(driver->server);
	error = placement_pin(driver->cpus.client);
	if (!error)
		error = -clock_getcpuclockid(driver->server,
					     &driver->server_clock);
	if (!error)
		error = probe_measure(driver->probe, PROBE_CACHELINE, &ticks);
	*cacheline = ticks_to_ns(ticks);
	if (!error && read(fds[0], &byte, 1) != 1)
		error = -EPIPE;
	close(fds[0]);
	return error ? peer_fail(error, "the server did not start") : 0;
}

static int stop_server(struct driver *driver)
{
	int status = 0;

	if (driver->server <= 0)
		return 0;
	kill(driver->server, SIGTERM);
	if (waitpid(driver->server, &status, 0) < 0 || status)
		return peer_fail(EPIPE, "the server did not end in order");
	return 0;
}

static double cpu_now(const struct driver *driver, double *server)
{
	*server = process_cpu_ns(driver->server_clock);
	return process_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static int measure(struct driver *driver, struct figures *figures)
{
	const struct peer_config *config = &driver->config;
	struct process_memory memory;
	double client, server, client_end, server_end;
	int error = measure_warm_up(config, driver->seconds / 4);

	if (error)
		return error;
	client = cpu_now(driver, &server);
	error = measure_run(config, driver->seconds, figures);
	client_end = cpu_now(driver, &server_end);
	if (error || !figures->count)
		return error ? error : peer_fail(EIO, "nothing was measured");
	figures->client_cpu_ns = (client_end - client) / (double)figures->count;
	figures->server_cpu_ns = (server_end - server) / (double)figures->count;
	process_memory_read(driver->server, &memory);
	figures->server_rss_kib = memory.rss;
	figures->server_pss_kib = memory.pss;
	if (peer_broker) {
		process_memory_read(peer_broker, &memory);
		figures->broker_rss_kib = memory.rss;
	}
	return 0;
}

/* The same again, by a process on the server's CPU. */
static int probe_again(struct driver *driver, double *cacheline)
{
	double ticks = NAN;
	int error, status;
	pid_t child;

	probe_prepare(driver->probe);
	fflush(NULL);
	child = fork();
	if (child < 0)
		return peer_fail(errno, "fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (placement_pin(driver->cpus.server))
			_exit(1);
		probe_answer(driver->probe, PROBE_CACHELINE);
		_exit(0);
	}
	watchdog_guard(child);
	error = probe_measure(driver->probe, PROBE_CACHELINE, &ticks);
	*cacheline = ticks_to_ns(ticks);
	if (waitpid(child, &status, 0) < 0 || status || error)
		return peer_fail(error ? error : EPIPE, "the probe failed");
	return 0;
}

static int run(struct driver *driver, struct figures *figures)
{
	const struct peer_config *config = &driver->config;
	int error = peer_ops.prepare ? peer_ops.prepare(config) : 0;
	int end;

	if (!error)
		error = start_server(driver, &figures->cacheline_ns);
	if (!error)
		error = peer_ops.connect(config);
	if (!error) {
		error = measure(driver, figures);
		peer_ops.close();
	}
	end = stop_server(driver);
	if (!error && !end)
		error = probe_again(driver, &figures->cacheline_after_ns);
	if (peer_ops.clean)
		peer_ops.clean(config);
	return error ? error : end;
}

static int prepare(struct driver *driver)
{
	const char *temporary = getenv("TMPDIR");
	int error = placement_choose(driver->placement, &driver->cpus);

	if (error)
		return peer_fail(error, "not enough CPUs for this placement");
	/* A longer one would leave no room in a socket's path. */
	if (!temporary || *temporary != '/' || strlen(temporary) > 40)
		temporary = "/tmp";
	snprintf(driver->directory, sizeof(driver->directory),
		 "%s/peers-XXXXXX", temporary);
	if (!mkdtemp(driver->directory))
		return peer_fail(errno, driver->directory);
	snprintf(driver->name, sizeof(driver->name), "fastipc-peers-%d",
		 (int)getpid());
	driver->config.directory = driver->directory;
	driver->config.name = driver->name;
	driver->probe = probe_area_create();
	if (!driver->probe)
		return peer_fail(errno, "cannot map shared memory");
	ticks_start();
	return 0;
}

static const char *const waits[] = { "block", "spin", "adaptive" };
static const char *const tests[] = { "rtt", "oneway" };
static const char *const placements[] = { "cross", "same", "free" };

static int choose(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	fprintf(stderr, "%s: '%s' is none of the choices, such as %s\n",
		program_invocation_short_name, name, names[0]);
	exit(2);
}

#define CHOOSE(names) choose(names, sizeof(names) / sizeof(*(names)), optarg)

static void parse(int argc, char **argv, struct driver *driver)
{
	static const struct option options[] = {
		{ "wait", required_argument, NULL, 'w' },
		{ "test", required_argument, NULL, 't' },
		{ "size", required_argument, NULL, 's' },
		{ "seconds", required_argument, NULL, 'd' },
		{ "variant", required_argument, NULL, 'v' },
		{ "placement", required_argument, NULL, 'p' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'w')
			driver->config.wait = (enum peer_wait)CHOOSE(waits);
		else if (option == 't')
			driver->config.test = (enum peer_test)CHOOSE(tests);
		else if (option == 's')
			driver->config.size = strtoul(optarg, NULL, 10);
		else if (option == 'd')
			driver->seconds = strtod(optarg, NULL);
		else if (option == 'v')
			driver->config.variant = optarg;
		else if (option == 'p')
			driver->placement =
				(enum bench_placement)CHOOSE(placements);
		else
			exit(2);
	}
	if (optind == argc && driver->config.size >= 64 &&
	    driver->config.size <= 1u << 30 && driver->seconds > 0)
		return;
	fprintf(stderr,
		"usage: %s [--wait block|spin|adaptive] [--test rtt|oneway]\n"
		"  [--size BYTES (64 and up)] [--seconds S] [--variant NAME]\n"
		"  [--placement cross|same|free]\n",
		program_invocation_short_name);
	exit(2);
}

static void print(const struct driver *driver, const struct figures *figures)
{
	const struct peer_config *config = &driver->config;

	printf("{\"title\": \"%s\", \"variant\": \"%s\", \"wait\": \"%s\", "
	       "\"test\": \"%s\", \"size\": %zu, \"placement\": \"%s\"",
	       peer_ops.title, config->variant, waits[config->wait],
	       tests[config->test], config->size,
	       placements[driver->placement]);
	if (figures)
		measure_print(figures);
	else
		printf(", \"unsupported\": true");
	printf("}\n");
}

int main(int argc, char **argv)
{
	struct driver driver = {
		.config = { .size = 64, .variant = "" },
		.seconds = 1,
	};
	struct figures figures;
	int error;

	parse(argc, argv, &driver);
	if (driver.config.wait == PEER_SPIN && !peer_ops.can_spin) {
		print(&driver, NULL);
		return 0;
	}
	measure_clear(&figures);
	error = prepare(&driver);
	if (!error)
		error = run(&driver, &figures);
	rmdir(driver.directory);
	if (error && error != -EOPNOTSUPP)
		return 1;
	print(&driver, error ? NULL : &figures);
	return 0;
}
