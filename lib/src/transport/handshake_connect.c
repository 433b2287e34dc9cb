// SPDX-License-Identifier: MIT
/*
 * The client's side of the handshake.
 */
#include "transport/handshake.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/address.h"
#include "transport/bulk.h"
#include "transport/hello.h"
#include "transport/kmod.h"
#include "transport/memfd.h"
#include "transport/passing.h"

static int refused(int error)
{
	/* Not an errno, or one that tells our own caller something else. */
	if (error >= 0 || error < -4095 || error == -EAGAIN || error == -EINTR)
		return fastipc_fail(-EBADMSG,
				    "the server refuses with %d, which is no "
				    "error: is it a fastipc server?",
				    error);
	switch (-error) {
	case EUSERS:
		return fastipc_fail(error, "the server has no room for another "
					   "connection: close some, or raise "
					   "its max_connections or "
					   "RLIMIT_NOFILE");
	case ENOMEM:
		return fastipc_fail(error, "the server has no memory for "
					   "another connection: close some, or "
					   "give it more memory");
	case EPROTONOSUPPORT:
		return fastipc_fail(error, "the server refuses this protocol "
					   "version or layout: use the same "
					   "libfastipc on both ends");
	case ESOCKTNOSUPPORT:
		return fastipc_fail(error, "the server's address is of the "
					   "other transport: use that, or a "
					   "NAME without a prefix");
	case EPROTOTYPE:
		return fastipc_fail(error, "a server and a topic are not the "
					   "same: subscribe to a topic, "
					   "connect to a server");
	case ENOPROTOOPT:
		return fastipc_fail(error, "the server speaks another schema: "
					   "generate both ends from one");
	case ERANGE:
		return fastipc_fail(error,
				    "the server refuses a region of this "
				    "size: use a ring_size of at most %u",
				    FASTIPC_PEER_RING_MAX);
	}
	return fastipc_fail(error, "the server refuses: %s",
			    strerrordesc_np(-error) ? strerrordesc_np(-error)
						    : "unknown error");
}

int fastipc_hello_await(int sock, uint64_t deadline)
{
	struct pollfd pollfd = { .fd = sock, .events = POLLIN };
	uint64_t now = fastipc_now_ns();
	uint64_t left = deadline > now ? deadline - now : 0;
	struct timespec timeout = { .tv_sec = (time_t)(left / 1000000000u),
				    .tv_nsec = (long)(left % 1000000000u) };

	if (!ppoll(&pollfd, 1, &timeout, NULL))
		return fastipc_fail(-ETIMEDOUT,
				    "the server did not answer HELLO in time: "
				    "is it stopped or overloaded?");
	return 0;
}

static int receive_answer(int sock, uint64_t deadline,
			  struct fastipc_hello *hello,
			  int fds[FASTIPC_HELLO_FDS])
{
	int ret;

	do {
		ret = fastipc_hello_await(sock, deadline);
		if (!ret)
			ret = fastipc_hello_receive(sock, hello, fds);
	} while (ret == -EAGAIN);
	/*
	 * A server that refuses before it has read our HELLO leaves it unread
	 * when it closes.  Linux then reports a reset first, once, and the
	 * answer that it sent before is still to be had.
	 */
	if (ret == -EPIPE)
		ret = fastipc_hello_receive(sock, hello, fds);
	if (ret == -EUSERS)
		ret = -EMFILE; /* it is us who have no room */
	if (ret == -EPIPE || ret == -EAGAIN)
		ret = fastipc_fail(-EPIPE, "the server hung up without an "
					   "answer: did it crash?");
	return ret;
}

int fastipc_hello_exchange(int sock, const struct fastipc_hello *mine,
			   const int *fds, size_t count, uint32_t kind,
			   uint64_t deadline, struct fastipc_hello *answer,
			   int answer_fds[FASTIPC_HELLO_FDS])
{
	int ret;

	for (int i = 0; i < FASTIPC_HELLO_FDS; i++)
		answer_fds[i] = -1;
	if (!deadline)
		deadline = fastipc_after_ns(FASTIPC_CONNECT_TIMEOUT_NS);
	ret = fastipc_hello_send(sock, mine, fds, count);
	/* A server without room refuses and hangs up before it is asked. */
	if (ret && ret != -EPIPE)
		return ret;
	ret = receive_answer(sock, deadline, answer, answer_fds);
	if (ret)
		return ret;
	if (answer->kind == kind)
		return 0;
	fastipc_hello_close(answer_fds);
	if (answer->kind == FASTIPC_HELLO_REFUSE)
		return refused(answer->error);
	return fastipc_fail(-EBADMSG,
			    "the server answered with HELLO of kind %u: is it "
			    "a fastipc server?",
			    answer->kind);
}

static int take_agreement(struct fastipc_link *link,
			  const struct fastipc_proposal *mine,
			  const struct fastipc_hello *answer)
{
	int ret = fastipc_hello_check(answer, mine);

	if (ret)
		return ret;
	if (answer->checksum < (uint32_t)mine->checksum)
		return fastipc_fail(-EBADMSG,
				    "the server agreed to checksum %u, less "
				    "than %u",
				    answer->checksum,
				    (unsigned int)mine->checksum);
	link->checksum = (enum fastipc_checksum)answer->checksum;
	return 0;
}

/* What this end offered and the server did not take is given up; @fd: of the
 * server's own area. */
static int take_bulk(struct fastipc_link *link,
		     const struct fastipc_proposal *mine,
		     const struct fastipc_hello *answer, int fd)
{
	if (!(answer->features & FASTIPC_HELLO_BULK_TAKEN)) {
		fastipc_bulk_unref(link->own_bulk);
		link->own_bulk = NULL;
	}
	if (!(answer->features & FASTIPC_HELLO_PASSING)) {
		fastipc_passing_free(link->passing);
		link->passing = NULL;
	}
	if (!(answer->features & FASTIPC_HELLO_BULK) || fd < 0)
		return 0;
	return fastipc_bulk_attach(fd, mine->bulk_max, &link->peer_bulk);
}

/* Of memfd.  @bell: the descriptor of the page that was offered. */
static int take_accept(struct fastipc_link *link,
		       const struct fastipc_proposal *mine,
		       const struct fastipc_hello *answer,
		       const int fds[FASTIPC_HELLO_FDS], int bell)
{
	int ret = take_agreement(link, mine, answer);

	if (!ret)
		ret = fastipc_handshake_take_region(link, fds[0]);
	if (!ret)
		ret = take_bulk(link, mine, answer, fds[1]);
	if (!ret)
		ret = fastipc_handshake_take(link, mine, answer);
	if (ret)
		return ret;
	if (answer->features & FASTIPC_HELLO_BELL)
		return fastipc_bell_check(bell);
	fastipc_bell_unmap(link);
	fastipc_bell_default(link);
	return 0;
}

/* Of kmod, which does without the socket from here on. */
static int take_accept_of_kmod(struct fastipc_link *link,
			       const struct fastipc_proposal *mine,
			       const struct fastipc_hello *answer,
			       const int fds[FASTIPC_HELLO_FDS])
{
	int ret = take_agreement(link, mine, answer);

	if (!ret)
		ret = take_bulk(link, mine, answer, fds[0]);
	if (!ret)
		ret = fastipc_handshake_take(link, mine, answer);
	if (ret)
		return ret;
	close(link->sock);
	link->sock = -1;
	return 0;
}

/* What CONNECT has: a region and a bell, or an end of a channel of kmod; and
 * beside that what @mine wants.  *@count of @fds. */
static int make_offers(struct fastipc_link *link,
		       const struct fastipc_proposal *mine, bool kmod,
		       struct fastipc_hello *hello, int fds[FASTIPC_HELLO_FDS],
		       size_t *count)
{
	int ret;

	*count = 1;
	if (kmod) {
		hello->required |= FASTIPC_HELLO_KMOD;
		ret = fastipc_kmod_create(link, mine->ring_size, &fds[0]);
	} else {
		hello->features |= FASTIPC_HELLO_BELL;
		ret = fastipc_region_create(&link->own, mine->ring_size,
					    &fds[0]);
		if (!ret)
			ret = fastipc_bell_create(link, &fds[(*count)++]);
	}
	if (!ret && mine->bulk_size) {
		hello->features |= FASTIPC_HELLO_BULK;
		ret = fastipc_bulk_create(mine->bulk_size, &link->own_bulk,
					  &fds[(*count)++]);
	}
	if (!ret && mine->max_descriptors) {
		hello->features |= FASTIPC_HELLO_PASSING;
		ret = fastipc_passing_create(&link->passing, &fds[(*count)++]);
	}
	return ret;
}

static int shake_hands(struct fastipc_link *link,
		       const struct fastipc_proposal *mine, bool kmod,
		       uint64_t deadline)
{
	int fds[FASTIPC_HELLO_FDS] = { -1, -1, -1, -1 };
	int answer_fds[FASTIPC_HELLO_FDS] = { -1, -1, -1, -1 };
	struct fastipc_hello hello, answer;
	size_t count;
	int ret;

	fastipc_hello_init(&hello, FASTIPC_HELLO_CONNECT);
	fastipc_hello_propose(&hello, mine);
	ret = make_offers(link, mine, kmod, &hello, fds, &count);
	if (!ret)
		ret = fastipc_hello_exchange(link->sock, &hello, fds, count,
					     FASTIPC_HELLO_ACCEPT, deadline,
					     &answer, answer_fds);
	if (!ret && kmod)
		ret = take_accept_of_kmod(link, mine, &answer, answer_fds);
	else if (!ret)
		ret = take_accept(link, mine, &answer, answer_fds, fds[1]);
	fastipc_hello_close(answer_fds);
	fastipc_hello_close(fds);
	return ret;
}

/* Over link->sock, which is closed on error. */
static int connect_link(struct fastipc_link *link,
			const struct fastipc_proposal *mine,
			enum fastipc_transport transport, uint64_t deadline)
{
	int ret = fastipc_hello_cred(link->sock, &link->cred);

	if (!ret)
		ret = shake_hands(link, mine,
				  transport == FASTIPC_TRANSPORT_KMOD,
				  deadline);
	if (ret)
		fastipc_link_close(link);
	return ret;
}

int fastipc_handshake_connect_fd(int sock, const struct fastipc_proposal *mine,
				 uint64_t deadline, struct fastipc_link *link)
{
	fastipc_link_init(link);
	link->sock = sock;
	return connect_link(link, mine, mine->transport, deadline);
}

static int connect_by(const char *address, const struct fastipc_proposal *mine,
		      enum fastipc_transport transport, uint64_t deadline,
		      struct fastipc_link *link)
{
	int sock;

	fastipc_link_init(link);
	sock = fastipc_rendezvous_connect(address, deadline);
	if (sock < 0)
		return sock;
	link->sock = sock;
	return connect_link(link, mine, transport, deadline);
}

/* Errors after which the other transport may do. */
static bool is_of_kmod(int error)
{
	switch (-error) {
	case ENODEV:
	case EACCES:
	case EPERM:
	case EDQUOT:
	case ENOSPC:
	case EPROTONOSUPPORT:
	case ESOCKTNOSUPPORT:
		return true;
	}
	return false;
}

int fastipc_handshake_connect(const char *address,
			      const struct fastipc_proposal *mine,
			      uint64_t deadline, struct fastipc_link *link)
{
	enum fastipc_transport transport;
	struct fastipc_address parsed;
	int ret = fastipc_address_parse(address, &parsed);

	fastipc_link_init(link);
	if (!ret)
		ret = fastipc_address_transport(&parsed, &transport);
	if (ret)
		return ret;
	if (!deadline)
		deadline = fastipc_after_ns(FASTIPC_CONNECT_TIMEOUT_NS);
	if (transport != FASTIPC_TRANSPORT_AUTO)
		return connect_by(address, mine, transport, deadline, link);
	if (!access(FASTIPC_DEVICE, R_OK | W_OK)) {
		ret = connect_by(address, mine, FASTIPC_TRANSPORT_KMOD,
				 deadline, link);
		if (!is_of_kmod(ret))
			return ret;
	}
	return connect_by(address, mine, FASTIPC_TRANSPORT_MEMFD, deadline,
			  link);
}
