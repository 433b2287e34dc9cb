// SPDX-License-Identifier: MIT
/*
 * The processes of the load: all begin at once; some are killed on the way, at
 * any moment, and others take their places.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "load.h"
#include "process.h"

#define READY_NS 60000000000ull
#define GRACE_NS 40000000000ull

struct family {
	const struct load_options *options;
	struct load_shared *shared;
	pid_t pids[LOAD_PROCESSES_MOST];
	uint64_t seed;
	unsigned int generation;
};

unsigned int load_first_of(const struct load_options *options,
			   unsigned int process)
{
	return (unsigned int)((uint64_t)options->connections * process /
			      options->processes);
}

uint64_t load_wait_for_start(const struct load_process *process)
{
	const struct timespec moment = { .tv_nsec = 200000 };
	uint64_t start, now;

	__atomic_fetch_add(&process->shared->ready, 1, __ATOMIC_RELEASE);
	while (!(start = __atomic_load_n(&process->shared->start_ns,
					 __ATOMIC_ACQUIRE)))
		nanosleep(&moment, NULL);
	/* Who takes another's place begins now. */
	now = fastipc_now_ns();
	return now > start ? now : start;
}

static int begin(struct family *family, unsigned int index)
{
	const struct load_options *options = family->options;
	unsigned int first = load_first_of(options, index);
	unsigned int end = load_first_of(options, index + 1);
	struct load_process process = {
		.options = options,
		.shared = family->shared,
		.result = &family->shared->results[index],
		.index = index,
		.first = first,
		.count = end - first,
		.seed = (uint64_t)family->generation++ * 1000003 + 17,
	};
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		complain("bench", "cannot start a process: %s",
			 strerror(errno));
		return -errno;
	}
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit((options->threads ? load_pool_run(&process)
					: load_client_run(&process)) != 0);
	}
	family->pids[index] = pid;
	return 0;
}

/* Who is gone, though nobody killed it, has said why. */
static int reap(struct family *family)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG);

	for (unsigned int i = 0; pid > 0 && i < family->options->processes; i++)
		if (family->pids[i] == pid)
			family->pids[i] = 0;
	if (pid > 0 && status) {
		if (WIFSIGNALED(status))
			complain("bench", "a process ended by signal %d",
				 WTERMSIG(status));
		return -ECHILD;
	}
	return pid < 0 ? 1 : 0;
}

/* One at random ends in the middle of whatever it does. */
static int replace_one(struct family *family, struct load_cost *cost)
{
	unsigned int index = (unsigned int)(load_random(&family->seed) *
					    family->options->processes) %
			     family->options->processes;
	struct load_result *result = &family->shared->results[index];
	pid_t pid = family->pids[index];

	if (!pid)
		return 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cost->killed++;
	cost->cut += result->started - result->done;
	result->done = result->started;
	return begin(family, index);
}

static double children_cpu_ns(void)
{
	struct rusage use;

	getrusage(RUSAGE_CHILDREN, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e9 +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e3;
}

static double server_cpu_ns(const struct load_options *options)
{
	clockid_t clock;

	if (!options->pid || clock_getcpuclockid(options->pid, &clock))
		return 0;
	return process_cpu_ns(clock);
}

static int wait_until_ready(struct family *family)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	uint64_t until = fastipc_after_ns(READY_NS);

	while (__atomic_load_n(&family->shared->ready, __ATOMIC_ACQUIRE) <
	       family->options->processes) {
		int error = reap(family);

		if (error < 0)
			return error;
		if (fastipc_now_ns() > until) {
			complain("bench", "the processes do not get ready");
			return -ETIMEDOUT;
		}
		nanosleep(&moment, NULL);
	}
	return 0;
}

static int watch(struct family *family, struct load_cost *cost)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	const struct load_options *options = family->options;
	uint64_t stop = family->shared->stop_ns;
	uint64_t next_kill = UINT64_MAX;
	int error = 0;

	if (options->kills > 0)
		next_kill = fastipc_after_ns((uint64_t)(5e8 / options->kills));
	while (!error) {
		uint64_t now = fastipc_now_ns();

		if (now > stop + GRACE_NS) {
			complain("bench", "the processes do not end");
			return -ETIMEDOUT;
		}
		if (now >= next_kill && now < stop) {
			error = replace_one(family, cost);
			next_kill =
				now + (uint64_t)(2e9 / options->kills *
						 load_random(&family->seed));
			continue;
		}
		error = reap(family);
		nanosleep(&moment, NULL);
	}
	return error < 0 ? error : 0;
}

int load_processes_run(const struct load_options *options,
		       struct load_shared *shared, struct load_cost *cost)
{
	struct family family = { .options = options,
				 .shared = shared,
				 .seed = 5 };
	double server = 0;
	uint64_t start;
	int error = 0;

	for (unsigned int i = 0; !error && i < options->processes; i++)
		error = begin(&family, i);
	if (!error)
		error = wait_until_ready(&family);
	if (!error) {
		server = server_cpu_ns(options);
		start = fastipc_now_ns();
		shared->stop_ns = start + (uint64_t)(options->duration * 1e9);
		__atomic_store_n(&shared->start_ns, start, __ATOMIC_RELEASE);
		error = watch(&family, cost);
	}
	for (unsigned int i = 0; i < options->processes; i++)
		if (family.pids[i]) {
			kill(family.pids[i], SIGKILL);
			waitpid(family.pids[i], NULL, 0);
		}
	cost->seconds = options->duration;
	cost->server_cpu_ns = server_cpu_ns(options) - server;
	cost->clients_cpu_ns = children_cpu_ns();
	return error;
}
