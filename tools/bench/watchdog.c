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

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t expired;
static volatile sig_atomic_t seconds; /* without progress */
static volatile pid_t guarded;

static void on_second(void)
{
	if (++seconds < (interrupted ? INTERRUPT_SECONDS : HANG_SECONDS))
		return;
	if (guarded > 0) {
		expired = 1;
		kill(guarded, SIGKILL);
	}
}

static void on_signal(int number)
{
	if (number == SIGALRM) {
		on_second();
	} else {
		interrupted = 1;
		seconds = 0;
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

	interrupted = 0;
	expired = 0;
	seconds = 0;
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
	seconds = 0;
	guarded = server;
}

void watchdog_beat(void)
{
	if (!interrupted)
		seconds = 0;
}

bool watchdog_interrupted(void)
{
	return interrupted;
}

bool watchdog_expired(void)
{
	return expired;
}

bool watchdog_server_is_dead(void)
{
	siginfo_t info = { 0 };

	return guarded > 0 &&
	       !waitid(P_PID, (id_t)guarded, &info,
		       WEXITED | WNOHANG | WNOWAIT) &&
	       info.si_pid != 0;
}
