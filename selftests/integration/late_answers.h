/* SPDX-License-Identifier: MIT */
/*
 * A service whose handlers answer later: from another thread, in the reverse
 * order, or never.
 */
#ifndef SELFTESTS_INTEGRATION_LATE_ANSWERS_H
#define SELFTESTS_INTEGRATION_LATE_ANSWERS_H

#include <pthread.h>

#include "pair.h"

#define ECHO 1
#define LATER 2	    /* the same, from another thread */
#define HOLD 3	    /* never answered, but by RELEASE */
#define CANCELLED 4 /* u32: of the held, how many are cancelled */
#define RELEASE 5   /* answer all held: u32, how many could be */
#define NOTE 6	    /* one-way: add up */
#define NOTED 7	    /* struct notes */

#define LATER_MOST 4096
#define HELD_MOST 64

struct notes {
	uint64_t count;
	uint64_t bytes;
	uint64_t sum;
};

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	struct fastipc_request *later[LATER_MOST];
	unsigned int count;
	bool stop;
	struct fastipc_request *held[HELD_MOST];
	unsigned int held_count;
	struct notes notes;
} answers = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, fastipc_request_data(request),
			      fastipc_request_size(request));
	return 0;
}

static inline int on_later(struct fastipc_request *request, void *context)
{
	struct fastipc_request *kept = fastipc_request_defer(request);

	(void)context;
	check(kept);
	check(fastipc_request_reply(request, "", 0) == -EALREADY);
	pthread_mutex_lock(&answers.lock);
	check(answers.count < LATER_MOST);
	answers.later[answers.count++] = kept;
	pthread_mutex_unlock(&answers.lock);
	return 0;
}

/* Takes all that came in a millisecond, and answers the last one first. */
static inline void *answer_later(void *argument)
{
	struct fastipc_request *taken[LATER_MOST];

	(void)argument;
	for (;;) {
		unsigned int count;
		bool stop;

		usleep(1000);
		pthread_mutex_lock(&answers.lock);
		count = answers.count;
		memcpy(taken, answers.later, count * sizeof(taken[0]));
		answers.count = 0;
		stop = answers.stop;
		pthread_mutex_unlock(&answers.lock);
		while (count--)
			on_echo(taken[count], NULL);
		if (stop)
			return NULL;
	}
}

static inline int on_hold(struct fastipc_request *request, void *context)
{
	(void)context;
	check(answers.held_count < HELD_MOST);
	answers.held[answers.held_count++] = fastipc_request_defer(request);
	check(answers.held[answers.held_count - 1]);
	return 0;
}

static inline int on_cancelled(struct fastipc_request *request, void *context)
{
	uint32_t count = 0;

	(void)context;
	for (unsigned int i = 0; i < answers.held_count; i++)
		count += fastipc_request_is_cancelled(answers.held[i]);
	fastipc_request_reply(request, &count, sizeof(count));
	return 0;
}

static inline uint32_t release_held(void)
{
	uint32_t count = 0;

	while (answers.held_count)
		count += !fastipc_request_reply(
			answers.held[--answers.held_count], "late", 4);
	return count;
}

static inline int on_release(struct fastipc_request *request, void *context)
{
	uint32_t count = release_held();

	(void)context;
	fastipc_request_reply(request, &count, sizeof(count));
	return 0;
}

static inline int on_note(struct fastipc_request *request, void *context)
{
	const unsigned char *data = fastipc_request_data(request);
	size_t size = fastipc_request_size(request);

	(void)context;
	check(fastipc_request_is_one_way(request));
	answers.notes.count++;
	answers.notes.bytes += size;
	for (size_t i = 0; i < size; i++)
		answers.notes.sum = answers.notes.sum * 31 + data[i];
	/* Harmless: nobody waits for it. */
	check(!fastipc_request_reply(request, data, size));
	return 0;
}

static inline int on_noted(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, &answers.notes, sizeof(answers.notes));
	return 0;
}

static inline void add_late_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
	check(!fastipc_server_add_handler(server, LATER, on_later, NULL));
	check(!fastipc_server_add_handler(server, HOLD, on_hold, NULL));
	check(!fastipc_server_add_handler(server, CANCELLED, on_cancelled,
					  NULL));
	check(!fastipc_server_add_handler(server, RELEASE, on_release, NULL));
	check(!fastipc_server_add_handler(server, NOTE, on_note, NULL));
	check(!fastipc_server_add_handler(server, NOTED, on_noted, NULL));
	check(!pthread_create(&answers.thread, NULL, answer_later, NULL));
}

static inline void end_late_answers(void)
{
	pthread_mutex_lock(&answers.lock);
	answers.stop = true;
	pthread_mutex_unlock(&answers.lock);
	pthread_join(answers.thread, NULL);
}

/* Deferred requests may be answered when all else is gone. */
static inline void release_at_the_end(void)
{
	unsigned int held = answers.held_count;

	for (unsigned int i = 0; i < held; i++)
		check(fastipc_request_is_cancelled(answers.held[i]));
	check(release_held() == 0);
}

static const struct service late_service = {
	.add = add_late_handlers,
	.stopped = end_late_answers,
	.destroyed = release_at_the_end,
};

/* A call whose reply is a number. */
static inline uint32_t ask(struct fastipc_client *client, uint16_t type)
{
	uint32_t number;

	ask_for(client, type, &number, sizeof(number));
	return number;
}

#endif
