// SPDX-License-Identifier: MIT
/*
 * The server's side of the handshake.
 */
#include "transport/handshake.h"

#include <errno.h>

#include "base/error.h"
#include "transport/bulk.h"
#include "transport/hello.h"
#include "transport/kmod.h"
#include "transport/listing.h"
#include "transport/memfd.h"
#include "transport/passing.h"

static bool is_allowed(const struct fastipc_proposal *mine,
		       enum fastipc_transport transport)
{
	return mine->transport == FASTIPC_TRANSPORT_AUTO ||
	       mine->transport == transport;
}

static int answer_query(int sock, const struct fastipc_proposal *mine,
			const struct fastipc_status *status)
{
	struct fastipc_hello hello;

	fastipc_hello_init(&hello, FASTIPC_HELLO_STATUS);
	fastipc_hello_propose(&hello, mine);
	hello.connections = status->connections;
	hello.threads = status->threads;
	hello.uptime_ns = status->uptime_ns;
	if (status->read_totals)
		status->read_totals(status->context, &hello.totals);
	if (is_allowed(mine, FASTIPC_TRANSPORT_MEMFD))
		hello.features |= FASTIPC_HELLO_BELL;
	if (is_allowed(mine, FASTIPC_TRANSPORT_KMOD))
		hello.features |= FASTIPC_HELLO_KMOD;
	return fastipc_hello_send(sock, &hello, NULL, 0);
}

/* What of the client's is taken, and what comes with ACCEPT. */
static uint32_t agreed_features(const struct fastipc_link *link)
{
	return (link->bell ? FASTIPC_HELLO_BELL : 0) |
	       (link->peer_bulk ? FASTIPC_HELLO_BULK_TAKEN : 0) |
	       (link->own_bulk ? FASTIPC_HELLO_BULK : 0) |
	       (link->passing ? FASTIPC_HELLO_PASSING : 0);
}

/* @bulk: the client takes an area of this end's size. */
static int send_accept(int sock, const struct fastipc_proposal *mine,
		       struct fastipc_link *link, bool bulk)
{
	int fds[FASTIPC_HELLO_FDS] = { -1, -1, -1, -1 };
	struct fastipc_hello hello;
	size_t count = 0;
	int ret = 0;

	if (!link->kmod)
		ret = fastipc_region_create(&link->own, mine->ring_size,
					    &fds[count++]);
	if (!ret && bulk)
		ret = fastipc_bulk_create(mine->bulk_size, &link->own_bulk,
					  &fds[count++]);
	if (!ret) {
		fastipc_hello_init(&hello, FASTIPC_HELLO_ACCEPT);
		fastipc_hello_propose(&hello, mine);
		hello.checksum = link->checksum;
		hello.ring_size = link->own.size;
		hello.features |= agreed_features(link);
		ret = fastipc_hello_send(sock, &hello, fds, count);
	}
	fastipc_hello_close(fds);
	return ret;
}

/* What else the client offered, from fds[1] on: bell, bulk area, socket. */
static int take_offers(struct fastipc_link *link,
		       const struct fastipc_proposal *mine,
		       const struct fastipc_hello *hello,
		       int fds[FASTIPC_HELLO_FDS])
{
	int i = 1;
	int ret = 0;

	if (hello->features & FASTIPC_HELLO_BELL && !link->kmod && fds[i] >= 0)
		ret = fastipc_bell_attach(link, fds[i++]);
	if (!ret && hello->features & FASTIPC_HELLO_BULK && fds[i] >= 0)
		ret = fastipc_bulk_attach(fds[i++], mine->bulk_max,
					  &link->peer_bulk);
	if (!ret && hello->features & FASTIPC_HELLO_PASSING && fds[i] >= 0) {
		if (mine->max_descriptors)
			ret = fastipc_passing_attach(&link->passing, fds[i]);
		if (!ret && link->passing)
			fds[i] = -1;
		i++;
	}
	if (ret || i == FASTIPC_HELLO_FDS || fds[i] < 0)
		return ret;
	return fastipc_fail(-EBADMSG, "the peer's HELLO came with a "
				      "descriptor too many: is it a fastipc "
				      "peer?");
}

/* What the client sent with CONNECT.  Takes @fds that it keeps out of them. */
static int take_client(struct fastipc_link *link,
		       const struct fastipc_proposal *mine,
		       const struct fastipc_hello *hello,
		       int fds[FASTIPC_HELLO_FDS])
{
	bool kmod = hello->required & FASTIPC_HELLO_KMOD;
	int ret;

	if (!is_allowed(mine, kmod ? FASTIPC_TRANSPORT_KMOD
				   : FASTIPC_TRANSPORT_MEMFD))
		return fastipc_fail(-ESOCKTNOSUPPORT,
				    "a client wants the transport %s, and the "
				    "address here is of the other",
				    kmod ? "kmod" : "memfd");
	if (kmod) {
		if (fds[0] < 0)
			return fastipc_fail(-EBADMSG,
					    "the peer's HELLO came without its "
					    "channel: is it a fastipc peer?");
		ret = fastipc_kmod_attach(link, fds[0]);
		if (!ret)
			fds[0] = -1;
	} else {
		ret = fastipc_handshake_take_region(link, fds[0]);
	}
	return ret ? ret : take_offers(link, mine, hello, fds);
}

/* The client's regions first: their descriptors are closed before ours is
 * made.  Closes @fds. */
static int accept_client(int sock, const struct fastipc_proposal *mine,
			 const struct fastipc_hello *hello,
			 int fds[FASTIPC_HELLO_FDS], struct fastipc_link *link)
{
	int ret = fastipc_hello_check(hello, mine);

	if (!ret)
		ret = take_client(link, mine, hello, fds);
	fastipc_hello_close(fds);
	if (!ret)
		ret = fastipc_handshake_take(link, mine, hello);
	if (!ret)
		ret = fastipc_hello_cred(sock, &link->cred);
	if (ret)
		return ret;
	link->checksum = hello->checksum > (uint32_t)mine->checksum
				 ? (enum fastipc_checksum)hello->checksum
				 : mine->checksum;
	ret = send_accept(sock, mine, link,
			  mine->bulk_size &&
				  mine->bulk_size <= hello->bulk_max);
	if (!ret && !link->bell)
		fastipc_bell_default(link);
	return ret;
}

static int serve_hello(int sock, const struct fastipc_proposal *mine,
		       const struct fastipc_status *status,
		       const struct fastipc_hello *hello,
		       int fds[FASTIPC_HELLO_FDS], struct fastipc_link *link)
{
	bool bare = fds[0] < 0;

	if (hello->kind == FASTIPC_HELLO_CONNECT && !status->full)
		return accept_client(sock, mine, hello, fds, link);
	fastipc_hello_close(fds);
	if (hello->kind == FASTIPC_HELLO_QUERY && bare)
		return answer_query(sock, mine, status);
	if (hello->kind == FASTIPC_HELLO_LIST && bare)
		return fastipc_listing_answer(sock, status, hello->cursor);
	if (hello->kind == FASTIPC_HELLO_SUBSCRIBE)
		return fastipc_fail(-EPROTOTYPE, "a client asked this server "
						 "for a topic");
	if (hello->kind == FASTIPC_HELLO_CONNECT)
		return fastipc_fail(-EUSERS,
				    "there is no room for another connection");
	return fastipc_fail(-EBADMSG,
			    "a client sent HELLO of kind %u, which is not for "
			    "a server",
			    hello->kind);
}

int fastipc_handshake_accept(int sock, const struct fastipc_proposal *mine,
			     const struct fastipc_status *status,
			     struct fastipc_link *link)
{
	struct fastipc_hello hello;
	int fds[FASTIPC_HELLO_FDS];
	int ret;

	fastipc_link_init(link);
	ret = fastipc_hello_receive(sock, &hello, fds);
	if (ret == -EAGAIN)
		return ret;
	if (!ret)
		ret = serve_hello(sock, mine, status, &hello, fds, link);
	if (!ret && link->own.base) {
		link->sock = link->kmod ? -1 : sock;
		return 1;
	}
	if (!ret)
		return 0;
	fastipc_link_close(link);
	if (ret == -EMFILE || ret == -ENFILE)
		ret = -EUSERS;
	if (ret != -EPIPE)
		fastipc_rendezvous_refuse(sock, ret);
	return ret;
}
