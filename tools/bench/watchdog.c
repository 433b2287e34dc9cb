// SPDX-License-Identifier: MIT
/*
 * Ends a benchmark that was interrupted or hangs, by means of signals and a
 * timer that fires each second.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "watchdog.h"

#define HANG_SECONDS 30
#define INTERRUPT_SECONDS 2

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGALRM };
static struct sigaction former[sizeof(caught) / sizeof(caught[0])];

/* Of signal handlers, which may run in any thread, and of those that beat. */
static int interrupted;
static int expired;
static int seconds; /* without progress */
static pid_t guarded;

static int load(const int *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void store(int *word, int value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static void on_second(void)
{
	int limit = load(&interrupted) ? INTERRUPT_SECONDS : HANG_SECONDS;
	pid_t server = load(&guarded);

	if (__atomic_add_fetch(&seconds, 1, __ATOMIC_RELAXED) < limit)
		return;
	if (server > 0) {
		store(&expired, 1);
		kill(server, SIGKILL);
	}
}

static void on_signal(int number)
{
	if (number == SIGALRM) {
		on_second();
	} else {
		store(&interrupted, 1);
		store(&seconds, 0);
	}
}

static void set_timer(time_t interval)
{
	struct itimerval timer = {
		.it_interval.tv_sec = interval,
		.it_value.tv_sec = interval,
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

void watchdog_start(void)
{
	/* No SA_RESTART: a sleep must end, so that its loop looks around. */
	struct sigaction action = { .sa_handler = on_signal };

	store(&interrupted, 0);
	store(&expired, 0);
	store(&seconds, 0);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaction(caught[i], &action, &former[i]);
	set_timer(1);
}

void watchdog_stop(void)
{
	set_timer(0);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaction(caught[i], &former[i], NULL);
}

void watchdog_guard(pid_t server)
{
	store(&seconds, 0);
	store(&guarded, server);
}

void watchdog_beat(void)
{
	/* Threads that beat share the line: it is written only if it must be. */
	if (!load(&interrupted) && load(&seconds))
		store(&seconds, 0);
}

bool watchdog_interrupted(void)
{
	return load(&interrupted);
}

bool watchdog_expired(void)
{
	return load(&expired);
}

bool watchdog_server_is_dead(void)
{
	pid_t server = load(&guarded);
	siginfo_t info = { 0 };

	return server > 0 &&
	       !waitid(P_PID, (id_t)server, &info,
		       WEXITED | WNOHANG | WNOWAIT) &&
	       info.si_pid != 0;
}
