// SPDX-License-Identifier: MIT
/*
 * A server's connections on the wire, and asking for them.
 */
#include "transport/listing.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

/* The record on the wire is the struct, in little-endian. */
_Static_assert(sizeof(struct fastipc_end_info) == 56, "record layout");
_Static_assert(sizeof(struct fastipc_connection_info) == 144, "record layout");
_Static_assert(offsetof(struct fastipc_connection_info, pid) == 16,
	       "record layout");
_Static_assert(offsetof(struct fastipc_connection_info, server) == 32,
	       "record layout");

static void swap_end(struct fastipc_end_info *end)
{
	end->ring_size = htole32(end->ring_size);
	end->state = htole32(end->state);
	end->bytes_sent = htole64(end->bytes_sent);
	end->bytes_received = htole64(end->bytes_received);
	end->messages_sent = htole64(end->messages_sent);
	end->messages_received = htole64(end->messages_received);
	end->sleeps = htole64(end->sleeps);
	end->wakes = htole64(end->wakes);
}

/* Host order to wire order; the same function goes back. */
static void swap_records(struct fastipc_connection_info *records, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct fastipc_connection_info *record = &records[i];

		record->id = htole64(record->id);
		record->age_ns = htole64(record->age_ns);
		record->pid = (pid_t)htole32((uint32_t)record->pid);
		record->uid = htole32(record->uid);
		record->gid = htole32(record->gid);
		swap_end(&record->server);
		swap_end(&record->client);
	}
}

/* ---- the server's side ---- */

/* Who is connected is nobody's business but the user's own, and root's. */
static int check_asker(int sock)
{
	struct ucred ucred;
	socklen_t length = sizeof(ucred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &ucred, &length))
		return fastipc_fail(-errno, "cannot tell who asks: %s",
				    strerrordesc_np(errno));
	if (ucred.uid && ucred.uid != geteuid())
		return fastipc_fail(-EACCES,
				    "user %u may not ask for the "
				    "connections",
				    (unsigned int)ucred.uid);
	return 0;
}

int fastipc_listing_answer(int sock, const struct fastipc_status *status,
			   uint64_t cursor)
{
	struct fastipc_connection_info records[FASTIPC_LISTING_MOST];
	struct fastipc_hello hello;
	size_t count = 0;
	int ret = check_asker(sock);

	if (ret)
		return ret;
	if (status->list)
		count = status->list(status->context, cursor, records,
				     FASTIPC_LISTING_MOST);
	fastipc_hello_init(&hello, FASTIPC_HELLO_PAGE);
	hello.connections = (uint32_t)count;
	ret = fastipc_hello_send(sock, &hello, NULL, 0);
	if (ret || !count)
		return ret;
	swap_records(records, count);
	/* The asker goes without if there is no room for so little. */
	(void)!send(sock, records, count * sizeof(*records),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	return 0;
}

/* ---- the client's side ---- */

static int bad_page(void)
{
	return fastipc_fail(-EBADMSG, "the server's list of connections makes "
				      "no sense: is it a fastipc server?");
}

/* They come right behind the PAGE, or the server hangs up. */
static int receive_records(int sock, uint64_t deadline,
			   struct fastipc_connection_info *records,
			   size_t count)
{
	size_t size = count * sizeof(*records);
	ssize_t length;

	do {
		int ret = fastipc_hello_await(sock, deadline);

		if (ret)
			return ret;
		length = recv(sock, records, size, MSG_DONTWAIT | MSG_TRUNC);
	} while (length < 0 && (errno == EAGAIN || errno == EINTR));
	if (length != (ssize_t)size)
		return bad_page();
	swap_records(records, count);
	return 0;
}

static int ask_page(int sock, uint64_t cursor, uint64_t deadline,
		    struct fastipc_connection_info *records, size_t *count)
{
	struct fastipc_hello list, page;
	int fds[FASTIPC_HELLO_FDS];
	int ret;

	fastipc_hello_init(&list, FASTIPC_HELLO_LIST);
	list.cursor = cursor;
	ret = fastipc_hello_exchange(sock, &list, NULL, 0, FASTIPC_HELLO_PAGE,
				     deadline, &page, fds);
	if (ret)
		return ret;
	fastipc_hello_close(fds); /* none belongs here; harmless */
	*count = page.connections;
	if (!*count)
		return 0;
	return *count > FASTIPC_LISTING_MOST
		       ? bad_page()
		       : receive_records(sock, deadline, records, *count);
}

int fastipc_query_connections(
	const char *address, uint64_t deadline,
	int (*found)(const struct fastipc_connection_info *info, void *context),
	void *context)
{
	struct fastipc_connection_info records[FASTIPC_LISTING_MOST];
	uint64_t cursor = 0;
	size_t count;
	int ret;

	if (!deadline)
		deadline = fastipc_after_ns(FASTIPC_CONNECT_TIMEOUT_NS);
	do {
		int sock = fastipc_rendezvous_connect(address, deadline);

		if (sock < 0)
			return sock;
		ret = ask_page(sock, cursor, deadline, records, &count);
		close(sock);
		for (size_t i = 0; !ret && i < count; i++) {
			/* Or a server could keep us busy for ever. */
			if (records[i].id <= cursor)
				return bad_page();
			cursor = records[i].id;
			ret = found(&records[i], context);
		}
		if (!ret && count && fastipc_now_ns() >= deadline)
			ret = fastipc_fail(-ETIMEDOUT,
					   "the list of connections is longer "
					   "than the time for it");
		/* Clients that come meanwhile would keep us here with more. */
	} while (!ret && count == FASTIPC_LISTING_MOST);
	return ret;
}
