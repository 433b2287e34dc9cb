// SPDX-License-Identifier: MIT
/*
 * A server that hangs up on whoever has just connected: a pool does not connect
 * again and again, as fast as it can.
 */
#include <sys/mman.h>

#include "by_hand.h"

#define NAME "hangs-up"
#define WHILE (500 * MS)
/* Its breaker opens after five, and then for 0.1 s and longer. */
#define MOST 50

static uint32_t *accepted; /* in memory that both processes have */

static void hang_up_on_all(void)
{
	const struct fastipc_status status = { 0 };
	struct fastipc_rendezvous rendezvous;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	check(!fastipc_rendezvous_listen(&rendezvous, NAME, 0600));
	for (;;) {
		struct pollfd pollfd = { .fd = rendezvous.fd,
					 .events = POLLIN };
		struct fastipc_link link;
		int sock, result;

		poll(&pollfd, 1, PATIENCE_MS);
		sock = fastipc_rendezvous_accept(&rendezvous);
		if (sock < 0)
			continue;
		pollfd.fd = sock;
		do {
			poll(&pollfd, 1, PATIENCE_MS);
			result = fastipc_handshake_accept(sock, &by_hand,
							  &status, &link);
		} while (result == -EAGAIN);
		if (result == 1) {
			__atomic_fetch_add(accepted, 1, __ATOMIC_SEQ_CST);
			if (link.kmod)
				close(sock);
			fastipc_link_close(&link);
		} else {
			close(sock);
		}
	}
}

static void does_not_turn(bool acquire)
{
	const struct fastipc_pool_address address = { NAME, 1 };
	struct fastipc_pool_call_options options;
	struct fastipc_pool *pool;
	uint64_t until;

	*accepted = 0;
	assert_result(fastipc_pool_create(&address, 1, NULL, &pool), 0);
	until = fastipc_after_ns(WHILE);
	fastipc_pool_call_options_init(&options);
	options.deadline = until;
	options.idempotent = true;
	while (fastipc_now_ns() < until) {
		struct fastipc_client *client;

		if (!acquire)
			assert_true(fastipc_pool_call(pool, ECHO, "x", 1, NULL,
						      &options) < 0);
		else if (!fastipc_pool_acquire(pool, &options, &client))
			fastipc_pool_release(pool, client);
	}
	assert_in_range(*accepted, 1, MOST);
	fastipc_pool_destroy(pool);
}

static void pools_do_not_turn(void **state)
{
	uint64_t until = soon();
	pid_t pid;
	int sock;

	(void)state;
	accepted = mmap(NULL, sizeof(*accepted), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(accepted, MAP_FAILED);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		hang_up_on_all();
	while ((sock = fastipc_rendezvous_connect(NAME, soon())) < 0) {
		assert_true(fastipc_now_ns() < until);
		usleep(500);
	}
	close(sock);
	does_not_turn(false);
	does_not_turn(true);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap(accepted, sizeof(*accepted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_do_not_turn),
	};

	return cmocka_run_group_tests_name("pool", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
