/* SPDX-License-Identifier: MIT */
/* A thread that looks once a second whether clients have gone. */
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "trim.h"

#define LOOK_SECONDS 1
/* Nothing is urgent here: the kernel may join this with other wake-ups. */
#define SLACK_NS 200000000ul
/*
 * Bytes that malloc() may keep at the end of an arena: its own default, but
 * fixed.  It would take the first large message that is freed for a sign that
 * it should keep twice its size from then on.
 */
#define KEEP (128 << 10)

/* Whether to go on; false at once when it is told to stop. */
static bool wait_a_while(struct trimmer *trimmer)
{
	struct timespec until;
	int error = 0;
	bool stop;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LOOK_SECONDS;
	pthread_mutex_lock(&trimmer->lock);
	while (!trimmer->stop && !error)
		error = pthread_cond_timedwait(&trimmer->wake, &trimmer->lock,
					       &until);
	stop = trimmer->stop;
	pthread_mutex_unlock(&trimmer->lock);
	return !stop;
}

static void *look_on(void *argument)
{
	struct trimmer *trimmer = argument;
	uint64_t gone = 0;

	prctl(PR_SET_TIMERSLACK, SLACK_NS);
	while (wait_a_while(trimmer)) {
		struct fastipc_server_stats stats = { .size = sizeof(stats) };
		uint64_t gone_now;

		fastipc_server_get_stats(trimmer->server, &stats);
		gone_now = stats.accepted - stats.connections;
		if (gone_now != gone)
			malloc_trim(0);
		gone = gone_now;
	}
	return NULL;
}

void trimmer_start(struct trimmer *trimmer, const struct fastipc_server *server)
{
	sigset_t all, former;

	mallopt(M_TRIM_THRESHOLD, KEEP);
	*trimmer = (struct trimmer){
		.server = server,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.wake = PTHREAD_COND_INITIALIZER,
	};
	/* Signals are for the thread that runs the server. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	trimmer->running =
		!pthread_create(&trimmer->thread, NULL, look_on, trimmer);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
}

void trimmer_end(struct trimmer *trimmer)
{
	if (!trimmer->running)
		return;
	pthread_mutex_lock(&trimmer->lock);
	trimmer->stop = true;
	pthread_cond_signal(&trimmer->wake);
	pthread_mutex_unlock(&trimmer->lock);
	pthread_join(trimmer->thread, NULL);
}
