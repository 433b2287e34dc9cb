// SPDX-License-Identifier: MIT
/*
 * Lists of connections, when one side does what it should not: a server that
 * lies in its pages cannot keep who asks, and who asks cannot hold the server
 * up.
 */
#include <sys/socket.h>

#include "peer.h"
#include "transport/hello.h"
#include "transport/listing.h"

#define RECORD sizeof(struct fastipc_connection_info)

/* ---- a server that lies ---- */

/* What it does with the @number-th LIST, of @cursor. */
typedef void (*answer_fn)(int sock, uint64_t cursor);

static void send_page(int sock, uint32_t count)
{
	struct fastipc_hello page;

	fastipc_hello_init(&page, FASTIPC_HELLO_PAGE);
	page.connections = count;
	check(!fastipc_hello_send(sock, &page, NULL, 0));
}

static void send_records(int sock, uint64_t first_id, size_t count)
{
	struct fastipc_connection_info records[64] = { 0 };

	for (size_t i = 0; i < count; i++)
		records[i].id = first_id + i;
	check(send(sock, records, count * RECORD, MSG_NOSIGNAL) ==
	      (ssize_t)(count * RECORD));
}

static int wait_socket(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, PATIENCE_MS) == 1;
}

static void serve_lies(struct fastipc_rendezvous *rendezvous, answer_fn answer)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fds[FASTIPC_HELLO_FDS];
		struct fastipc_hello list;
		int sock;

		check(wait_socket(rendezvous->fd));
		sock = fastipc_rendezvous_accept(rendezvous);
		if (sock < 0)
			continue;
		check(wait_socket(sock));
		if (!fastipc_hello_receive(sock, &list, fds)) {
			check(list.kind == FASTIPC_HELLO_LIST);
			answer(sock, list.cursor);
		}
		close(sock);
	}
}

static int take_id(const struct fastipc_connection_info *info, void *context)
{
	uint64_t *last = context;
	bool ascends = info->id > *last;

	*last = info->id;
	return ascends ? 0 : -EILSEQ;
}

/* One query of a server that answers so, until @deadline. */
static int ask_liar(answer_fn answer, uint64_t deadline)
{
	struct fastipc_rendezvous rendezvous;
	uint64_t last = 0;
	int result;
	pid_t pid;

	assert_result(fastipc_rendezvous_listen(&rendezvous, "liar", 0600), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		serve_lies(&rendezvous, answer);
	result = fastipc_query_connections("liar", deadline, take_id, &last);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fastipc_rendezvous_close(&rendezvous);
	return result;
}

static void too_many(int sock, uint64_t cursor)
{
	(void)cursor;
	send_page(sock, FASTIPC_LISTING_MOST + 1);
	send_records(sock, 1, FASTIPC_LISTING_MOST + 1);
}

static void far_too_many(int sock, uint64_t cursor)
{
	(void)cursor;
	send_page(sock, UINT32_MAX);
}

static void no_records(int sock, uint64_t cursor)
{
	(void)cursor;
	send_page(sock, 2);
}

static void fewer_records(int sock, uint64_t cursor)
{
	send_page(sock, 3);
	send_records(sock, cursor + 1, 2);
}

static void more_records(int sock, uint64_t cursor)
{
	send_page(sock, 2);
	send_records(sock, cursor + 1, 3);
}

static void half_a_record(int sock, uint64_t cursor)
{
	unsigned char half[RECORD / 2] = { 1 };

	(void)cursor;
	send_page(sock, 1);
	check(send(sock, half, sizeof(half), MSG_NOSIGNAL) > 0);
}

static void send_full_page(int sock, uint64_t first_id)
{
	send_page(sock, FASTIPC_LISTING_MOST);
	send_records(sock, first_id, FASTIPC_LISTING_MOST);
}

static void the_same_again(int sock, uint64_t cursor)
{
	(void)cursor;
	send_full_page(sock, 1);
}

static void backwards(int sock, uint64_t cursor)
{
	send_full_page(sock, cursor ? cursor - 100 : 1000);
}

static void id_zero(int sock, uint64_t cursor)
{
	(void)cursor;
	send_page(sock, 1);
	send_records(sock, 0, 1);
}

static void another_kind(int sock, uint64_t cursor)
{
	struct fastipc_hello status;

	(void)cursor;
	fastipc_hello_init(&status, FASTIPC_HELLO_STATUS);
	check(!fastipc_hello_send(sock, &status, NULL, 0));
}

static void lies_are_found_out(void **state)
{
	static const answer_fn answers[] = {
		too_many,     far_too_many,  no_records,     fewer_records,
		more_records, half_a_record, the_same_again, backwards,
		id_zero,      another_kind,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		print_message("# answer %zu\n", i);
		assert_result(ask_liar(answers[i], soon()), -EBADMSG);
	}
}

static void without_end(int sock, uint64_t cursor)
{
	send_full_page(sock, cursor + 1);
}

/* As one to which clients come all the time. */
static void one_more(int sock, uint64_t cursor)
{
	check(cursor == 0);
	send_page(sock, 1);
	send_records(sock, 1, 1);
}

static void never(int sock, uint64_t cursor)
{
	(void)cursor;
	send_page(sock, 1);
	wait_socket(sock); /* until the other end is gone */
}

static void the_deadline_holds(void **state)
{
	uint64_t started = fastipc_now_ns();

	(void)state;
	assert_result(ask_liar(without_end, fastipc_after_ns(200 * MS)),
		      -ETIMEDOUT);
	assert_result(ask_liar(never, fastipc_after_ns(200 * MS)), -ETIMEDOUT);
	assert_true(fastipc_now_ns() - started < PATIENCE);
}

static void newcomers_do_not_hold_it_up(void **state)
{
	(void)state;
	assert_result(ask_liar(one_more, soon()), 0);
}

/* ---- those who ask ---- */

static void send_list(int sock, uint64_t cursor)
{
	struct fastipc_hello list;

	fastipc_hello_init(&list, FASTIPC_HELLO_LIST);
	list.cursor = cursor;
	assert_result(fastipc_hello_send(sock, &list, NULL, 0), 0);
}

static void askers_hold_nobody_up(void **state)
{
	struct server_process server;
	struct fastipc_client *client;
	int socks[20];

	(void)state;
	server_start(&server, NULL, &attacked);
	client = connect_with(server.address, NULL);
	/* They ask, some of them twice, and take no answer. */
	for (size_t i = 0; i < 20; i++) {
		socks[i] = fastipc_rendezvous_connect(server.address, soon());
		assert_true(socks[i] >= 0);
		send_list(socks[i], i % 2 ? UINT64_MAX : 0);
		if (i % 3 == 0)
			fastipc_rendezvous_refuse(socks[i], -EIO);
	}
	assert_result(fastipc_client_call(client, ECHO, "x", 1, NULL, soon()),
		      0);
	for (size_t i = 0; i < 20; i++)
		close(socks[i]);
	/* And some hang up at once. */
	for (size_t i = 0; i < 200; i++) {
		int sock = fastipc_rendezvous_connect(server.address, soon());

		assert_true(sock >= 0);
		send_list(sock, 0);
		close(sock);
	}
	assert_result(fastipc_client_call(client, ECHO, "x", 1, NULL, soon()),
		      0);
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_are_found_out),
		cmocka_unit_test(the_deadline_holds),
		cmocka_unit_test(newcomers_do_not_hold_it_up),
		cmocka_unit_test(askers_hold_nobody_up),
	};

	return cmocka_run_group_tests_name("census", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
