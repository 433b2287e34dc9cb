// SPDX-License-Identifier: MIT
/*
 * One-way messages, in batches: a child process posts numbers to its parent,
 * then asks by a call for their sum.  Messages and calls of one connection
 * arrive in the order in which they were sent.
 */
#include <errno.h>
#include <fastipc/fastipc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADDRESS "one_way"
#define COUNT 100000u
#define BATCH 64u

enum { TYPE_ADD = 1, TYPE_SUM = 2 };

static struct fastipc_server *server;

/* ---- the server: one worker, so the handlers need no lock ---- */

static int add(struct fastipc_request *request, void *context)
{
	uint64_t *sum = context;
	uint32_t number;

	if (fastipc_request_size(request) != sizeof(number))
		return -EINVAL;
	memcpy(&number, fastipc_request_data(request), sizeof(number));
	*sum += number;
	return 0; /* nobody waits for a reply */
}

static int tell_sum(struct fastipc_request *request, void *context)
{
	return fastipc_request_reply(request, context, sizeof(uint64_t));
}

static void child_ended(int signal)
{
	(void)signal;
	/* Async-signal-safe. */
	fastipc_server_stop(server); /* NOLINT(bugprone-signal-handler) */
}

/* ---- the client ---- */

static int post_all(struct fastipc_client *client)
{
	for (uint32_t number = 1; number <= COUNT; number++) {
		/* All but the last of a batch stay unpublished. */
		unsigned int flags = number % BATCH ? FASTIPC_MORE : 0;
		int error = fastipc_client_post(client, TYPE_ADD, &number,
						sizeof(number), flags,
						fastipc_after_ns(1000000000));

		if (error)
			return error;
	}
	return fastipc_client_flush(client);
}

static int run_client(struct fastipc_client *client)
{
	uint64_t sum = 0;
	struct fastipc_buffer reply = { .data = &sum,
					.capacity = sizeof(sum),
					.fixed = true };
	int error = post_all(client);

	if (!error)
		error = fastipc_client_call(client, TYPE_SUM, NULL, 0, &reply,
					    fastipc_after_ns(1000000000));
	if (error)
		return error;
	printf("the sum of %u numbers is %llu\n", COUNT,
	       (unsigned long long)sum);
	return sum == (uint64_t)COUNT * (COUNT + 1) / 2 ? 0 : -EBADMSG;
}

static int client_main(void)
{
	struct fastipc_client *client;
	int error = fastipc_client_connect(ADDRESS, NULL, &client);

	if (!error)
		error = run_client(client);
	if (error)
		fprintf(stderr, "one_way: client: %s\n",
			fastipc_error_detail());
	else
		fastipc_client_close(client);
	fflush(stdout);
	return error ? 1 : 0;
}

int main(void)
{
	uint64_t sum = 0;
	int status = 1;
	pid_t child;

	/* From here on clients can connect; run() serves them. */
	if (fastipc_server_create(ADDRESS, NULL, &server) ||
	    fastipc_server_add_handler(server, TYPE_ADD, add, &sum) ||
	    fastipc_server_add_handler(server, TYPE_SUM, tell_sum, &sum)) {
		fprintf(stderr, "one_way: %s\n", fastipc_error_detail());
		return 1;
	}
	signal(SIGCHLD, child_ended);
	child = fork();
	if (child == 0)
		_exit(client_main()); /* the server is the parent's */
	if (child < 0)
		perror("one_way: fork");
	else if (fastipc_server_run(server))
		fprintf(stderr, "one_way: %s\n", fastipc_error_detail());
	fastipc_server_destroy(server);
	if (child > 0)
		waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
