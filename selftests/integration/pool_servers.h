/* SPDX-License-Identifier: MIT */
/*
 * Servers for the tests of the pool, each a process that can be killed, drained
 * and followed by another; and what all these tests do with a pool.
 */
#ifndef SELFTESTS_INTEGRATION_POOL_SERVERS_H
#define SELFTESTS_INTEGRATION_POOL_SERVERS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "pair.h"

#define ECHO 1
#define RECORD 2 /* u64 id: counted in runs[id] */
#define WHO 3	 /* the server's number */
#define SLEEP 4	 /* u32 microseconds */
#define FAIL 5	 /* i32: the handler's error */
#define SILENT 6 /* never answered */
#define BUSY 7	 /* silent while *muted */

#define IDS 2000000u

/* Shared with the servers. */
struct shared {
	atomic_uchar runs[IDS];
	atomic_bool muted;
};

static struct shared *shared;
static uint32_t server_number;

/* ---- servers ---- */

static inline int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, fastipc_request_data(request),
			      fastipc_request_size(request));
	return 0;
}

static inline int on_record(struct fastipc_request *request, void *context)
{
	uint64_t id;

	(void)context;
	memcpy(&id, fastipc_request_data(request), sizeof(id));
	atomic_fetch_add(&shared->runs[id], 1);
	return 0;
}

static inline int on_who(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, &server_number,
				     sizeof(server_number));
}

static inline int on_sleep(struct fastipc_request *request, void *context)
{
	uint32_t us;

	(void)context;
	memcpy(&us, fastipc_request_data(request), sizeof(us));
	usleep(us);
	return 0;
}

static inline int on_fail(struct fastipc_request *request, void *context)
{
	int32_t error;

	(void)context;
	memcpy(&error, fastipc_request_data(request), sizeof(error));
	return fastipc_request_fail(request, error, "as was asked");
}

static struct fastipc_request *kept[1024];
static unsigned int kept_count;

static inline int on_silent(struct fastipc_request *request, void *context)
{
	bool only_muted = context != NULL;

	if (only_muted && !atomic_load(&shared->muted))
		return 0;
	if (kept_count == 1024)
		return -ENOBUFS;
	kept[kept_count++] = fastipc_request_defer(request);
	return 0;
}

/* SIGUSR1: let another server take the name, finish, and end. */
static sem_t drain_wanted;
static atomic_bool ended;
static pthread_t drainer;

static inline void want_drain(int signal)
{
	(void)signal;
	sem_post(&drain_wanted);
}

static inline void *drain_when_wanted(void *server)
{
	while (sem_wait(&drain_wanted))
		;
	if (!atomic_load(&ended))
		check(!fastipc_server_drain(server, soon()));
	return NULL;
}

static inline void end_drainer(void)
{
	atomic_store(&ended, true);
	sem_post(&drain_wanted);
	pthread_join(drainer, NULL);
}

static inline void add_handlers(struct fastipc_server *server)
{
	check(!sem_init(&drain_wanted, 0, 0));
	signal(SIGUSR1, want_drain);
	check(!pthread_create(&drainer, NULL, drain_when_wanted, server));
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
	check(!fastipc_server_add_handler(server, RECORD, on_record, NULL));
	check(!fastipc_server_add_handler(server, WHO, on_who, NULL));
	check(!fastipc_server_add_handler(server, SLEEP, on_sleep, NULL));
	check(!fastipc_server_add_handler(server, FAIL, on_fail, NULL));
	check(!fastipc_server_add_handler(server, SILENT, on_silent, NULL));
	check(!fastipc_server_add_handler(server, BUSY, on_silent, server));
}

static inline void answer_kept(void)
{
	end_drainer();
	while (kept_count)
		fastipc_request_fail(kept[--kept_count], -ECANCELED, NULL);
}

static const struct service service = { .add = add_handlers,
					.stopped = answer_kept };

/*
 * A server's process, which begins to serve when it is told to: a process with
 * threads (the test, later) must not fork.
 */
struct standby {
	pid_t pid;
	int begin, ready;
};

static inline struct standby
standby_with(const struct fastipc_server_options *options, const char *address,
	     uint32_t number)
{
	struct standby standby;
	int begin[2], ready[2];
	char byte;

	assert_int_equal(pipe(begin), 0);
	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	standby.pid = fork();
	assert_true(standby.pid >= 0);
	if (!standby.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(begin[1]);
		close(ready[0]);
		server_number = number;
		if (read(begin[0], &byte, 1) != 1)
			_exit(0);
		serve(address, options, &service, ready[1]);
	}
	close(begin[0]);
	close(ready[1]);
	standby.begin = begin[1];
	standby.ready = ready[0];
	return standby;
}

static inline struct standby standby_make(const char *address, uint32_t number)
{
	return standby_with(NULL, address, number);
}

static inline void standby_begin(const struct standby *standby)
{
	char byte;

	assert_int_equal(write(standby->begin, "b", 1), 1);
	assert_int_equal(read(standby->ready, &byte, 1), 1);
}

static inline struct standby server_begin(const char *address, uint32_t number)
{
	struct standby standby = standby_make(address, number);

	standby_begin(&standby);
	return standby;
}

static inline void server_kill(const struct standby *standby)
{
	int status;

	assert_int_equal(kill(standby->pid, SIGKILL), 0);
	assert_int_equal(waitpid(standby->pid, &status, 0), standby->pid);
}

static inline void standby_forget(const struct standby *standby)
{
	close(standby->begin);
	close(standby->ready);
}

static inline void server_end(const struct standby *standby)
{
	assert_int_equal(kill(standby->pid, SIGTERM), 0);
	assert_ended_well(standby->pid);
	standby_forget(standby);
}

/* ---- the pool ---- */

static inline struct fastipc_pool *
pool_for(const struct fastipc_pool_address *addresses, size_t count,
	 const struct fastipc_pool_options *options)
{
	struct fastipc_pool *pool = NULL;

	assert_result(fastipc_pool_create(addresses, count, options, &pool), 0);
	return pool;
}

static inline struct fastipc_pool *
pool_of(const char *address, const struct fastipc_pool_options *options)
{
	const struct fastipc_pool_address one = { .address = address,
						  .weight = 1 };

	return pool_for(&one, 1, options);
}

static inline struct fastipc_pool_options usual(void)
{
	struct fastipc_pool_options options;

	fastipc_pool_options_init(&options);
	/* A server that is slow to accept is no failure of a test. */
	options.connect_timeout_ns = PATIENCE;
	return options;
}

static inline struct fastipc_pool_call_options within(uint64_t ns,
						      bool idempotent)
{
	struct fastipc_pool_call_options options;

	fastipc_pool_call_options_init(&options);
	options.deadline = fastipc_after_ns(ns);
	options.idempotent = idempotent;
	return options;
}

static inline struct fastipc_pool_stats stats_of(struct fastipc_pool *pool)
{
	struct fastipc_pool_stats stats = { .size = sizeof(stats) };

	assert_result(fastipc_pool_get_stats(pool, &stats), 0);
	return stats;
}

static inline int echo(struct fastipc_pool *pool, uint64_t ns, bool idempotent)
{
	struct fastipc_pool_call_options options = within(ns, idempotent);

	return fastipc_pool_call(pool, ECHO, "x", 1, NULL, &options);
}

static inline uint32_t who(struct fastipc_pool *pool,
			   const struct fastipc_pool_call_options *options)
{
	uint32_t number = 0;
	struct fastipc_buffer reply = { .data = &number,
					.capacity = sizeof(number),
					.fixed = true };

	assert_result(fastipc_pool_call(pool, WHO, NULL, 0, &reply, options),
		      0);
	return number;
}

static inline int pool_test_make(void **state)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED ? -1 : runtime_directory_make(state);
}

#endif
