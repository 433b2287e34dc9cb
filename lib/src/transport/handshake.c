// SPDX-License-Identifier: MIT
/*
 * The handshake: two ends exchange HELLO and regions, and have a link, or one
 * tells the other why not.
 */
#include "transport/handshake.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/address.h"
#include "transport/bulk.h"
#include "transport/hello.h"
#include "transport/kmod.h"
#include "transport/listing.h"
#include "transport/memfd.h"
#include "transport/passing.h"

static void link_init(struct fastipc_link *link)
{
	memset(link, 0, sizeof(*link));
	link->sock = -1;
	link->endpoint = -1;
}

void fastipc_link_close(struct fastipc_link *link)
{
	fastipc_region_unmap(&link->own);
	fastipc_region_unmap(&link->peer);
	fastipc_bell_unmap(link);
	fastipc_bulk_unref(link->own_bulk);
	fastipc_bulk_unref(link->peer_bulk);
	fastipc_passing_free(link->passing);
	if (link->sock >= 0)
		close(link->sock);
	if (link->kmod)
		close(link->endpoint);
	link_init(link);
}

int fastipc_hello_cred(int sock, struct fastipc_peer *cred)
{
	struct ucred ucred;
	socklen_t length = sizeof(ucred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &ucred, &length))
		return fastipc_fail(-errno, "cannot tell who the peer is: %s",
				    strerrordesc_np(errno));
	cred->pid = ucred.pid;
	cred->uid = ucred.uid;
	cred->gid = ucred.gid;
	return 0;
}

/*
 * Who has the same reads the same of CLOCK_MONOTONIC: a time namespace of this
 * kernel has an inode of its own.  0: it does not say.  Looked up each time, as
 * a child of this process may be in another one.
 */
static uint32_t clock_id(void)
{
	struct stat status;

	return stat("/proc/self/ns/time", &status) ? 0
						   : (uint32_t)status.st_ino;
}

void fastipc_hello_propose(struct fastipc_hello *hello,
			   const struct fastipc_proposal *mine)
{
	hello->checksum = mine->checksum;
	hello->ring_size = mine->ring_size;
	hello->max_message = mine->max_message;
	hello->fingerprint = mine->fingerprint.wire;
	hello->fingerprint_full = mine->fingerprint.full;
	hello->features |= mine->features;
	hello->dictionary = mine->dictionary;
	hello->stream_window = mine->stream_window;
	hello->max_streams = mine->max_streams;
	hello->bulk_max = mine->bulk_max;
	hello->max_descriptors = mine->max_descriptors;
	hello->clock = clock_id();
}

/* Who does not say is taken. */
static int check_schema(uint64_t theirs, uint64_t mine)
{
	if (!theirs || !mine || theirs == mine)
		return 0;
	return fastipc_fail(-ENOPROTOOPT,
			    "the peer speaks schema %#llx, this end %#llx: "
			    "generate both from one schema, or do not demand "
			    "that (schema_match)",
			    (unsigned long long)theirs,
			    (unsigned long long)mine);
}

/* What must agree, in CONNECT and in ACCEPT alike. */
int fastipc_hello_check(const struct fastipc_hello *hello,
			const struct fastipc_proposal *mine)
{
	if (hello->abi != FASTIPC_ABI_VERSION)
		return fastipc_fail(-EPROTONOSUPPORT,
				    "the peer's regions have layout %u, this "
				    "end's %d: use the same libfastipc on both",
				    hello->abi, FASTIPC_ABI_VERSION);
	if (hello->checksum > FASTIPC_CHECKSUM_FULL)
		return fastipc_fail(-EPROTONOSUPPORT,
				    "the peer wants checksum %u, which this "
				    "end does not know: update libfastipc",
				    hello->checksum);
	if (mine->schema_match >= FASTIPC_SCHEMA_WIRE) {
		int ret = check_schema(hello->fingerprint,
				       mine->fingerprint.wire);

		if (ret)
			return ret;
	}
	if (mine->schema_match >= FASTIPC_SCHEMA_FULL)
		return check_schema(hello->fingerprint_full,
				    mine->fingerprint.full);
	return 0;
}

/* Take over what the peer says. */
static int take_proposal(struct fastipc_link *link,
			 const struct fastipc_proposal *mine,
			 const struct fastipc_hello *hello)
{
	if (hello->ring_size != link->peer.size)
		return fastipc_fail(-ERANGE,
				    "the peer's HELLO says %u bytes of ring "
				    "and its region has %u",
				    hello->ring_size, link->peer.size);
	link->peer_max_message = hello->max_message < FASTIPC_MESSAGE_MAX
					 ? hello->max_message
					 : FASTIPC_MESSAGE_MAX;
	link->peer_fingerprint.wire = hello->fingerprint;
	link->peer_fingerprint.full = hello->fingerprint_full;
	link->features = mine->features;
	link->peer_features = hello->features;
	link->peer_dictionary = hello->dictionary;
	link->peer_stream_window = hello->stream_window;
	link->peer_max_streams = hello->max_streams;
	link->same_clock = hello->clock && hello->clock == clock_id();
	if (link->passing) {
		link->passing->most = mine->max_descriptors;
		link->passing->peer_most =
			hello->max_descriptors < FASTIPC_DESCRIPTORS_MAX
				? hello->max_descriptors
				: FASTIPC_DESCRIPTORS_MAX;
	}
	return 0;
}

static int take_region(struct fastipc_link *link, int fd)
{
	if (fd < 0)
		return fastipc_fail(-EBADMSG, "the peer's HELLO came without "
					      "its region: is it a fastipc "
					      "peer?");
	return fastipc_region_attach(&link->peer, fd);
}

/* ---- the server's side ---- */

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
		ret = take_region(link, fds[0]);
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
		ret = take_proposal(link, mine, hello);
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

	link_init(link);
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

/* ---- the client's side ---- */

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
					   "another connection");
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

/* @bell: the descriptor of the page that was offered. */
static int take_accept(struct fastipc_link *link,
		       const struct fastipc_proposal *mine,
		       const struct fastipc_hello *answer,
		       const int fds[FASTIPC_HELLO_FDS], int bell)
{
	int ret = take_agreement(link, mine, answer);

	if (!ret)
		ret = take_region(link, fds[0]);
	if (!ret)
		ret = take_bulk(link, mine, answer, fds[1]);
	if (!ret)
		ret = take_proposal(link, mine, answer);
	if (ret)
		return ret;
	if (answer->features & FASTIPC_HELLO_BELL)
		return fastipc_bell_check(bell);
	fastipc_bell_unmap(link);
	fastipc_bell_default(link);
	return 0;
}

/* What CONNECT has beside regions, behind the first *@count of @fds. */
static int make_offers(struct fastipc_link *link,
		       const struct fastipc_proposal *mine,
		       struct fastipc_hello *hello, int fds[FASTIPC_HELLO_FDS],
		       size_t *count)
{
	int ret = 0;

	if (mine->bulk_size) {
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

static int connect_memfd(struct fastipc_link *link,
			 const struct fastipc_proposal *mine, uint64_t deadline)
{
	int fds[FASTIPC_HELLO_FDS] = { -1, -1, -1, -1 };
	int answer_fds[FASTIPC_HELLO_FDS] = { -1, -1, -1, -1 };
	struct fastipc_hello hello, answer;
	size_t count = 2;
	int ret = fastipc_region_create(&link->own, mine->ring_size, &fds[0]);

	fastipc_hello_init(&hello, FASTIPC_HELLO_CONNECT);
	fastipc_hello_propose(&hello, mine);
	hello.features |= FASTIPC_HELLO_BELL;
	if (!ret)
		ret = fastipc_bell_create(link, &fds[1]);
	if (!ret)
		ret = make_offers(link, mine, &hello, fds, &count);
	if (!ret)
		ret = fastipc_hello_exchange(link->sock, &hello, fds, count,
					     FASTIPC_HELLO_ACCEPT, deadline,
					     &answer, answer_fds);
	if (!ret)
		ret = take_accept(link, mine, &answer, answer_fds, fds[1]);
	fastipc_hello_close(answer_fds);
	fastipc_hello_close(fds);
	return ret;
}

static int connect_kmod(struct fastipc_link *link,
			const struct fastipc_proposal *mine, uint64_t deadline)
{
	int fds[FASTIPC_HELLO_FDS] = { -1, -1, -1, -1 };
	int answer_fds[FASTIPC_HELLO_FDS] = { -1, -1, -1, -1 };
	struct fastipc_hello hello, answer;
	size_t count = 1;
	int ret = fastipc_kmod_create(link, mine->ring_size, &fds[0]);

	fastipc_hello_init(&hello, FASTIPC_HELLO_CONNECT);
	fastipc_hello_propose(&hello, mine);
	hello.required |= FASTIPC_HELLO_KMOD;
	if (!ret)
		ret = make_offers(link, mine, &hello, fds, &count);
	if (!ret)
		ret = fastipc_hello_exchange(link->sock, &hello, fds, count,
					     FASTIPC_HELLO_ACCEPT, deadline,
					     &answer, answer_fds);
	fastipc_hello_close(fds);
	if (!ret)
		ret = take_agreement(link, mine, &answer);
	if (!ret)
		ret = take_bulk(link, mine, &answer, answer_fds[0]);
	if (!ret)
		ret = take_proposal(link, mine, &answer);
	fastipc_hello_close(answer_fds);
	if (!ret) {
		close(link->sock);
		link->sock = -1;
	}
	return ret;
}

/* Over link->sock, which is closed on error. */
static int connect_link(struct fastipc_link *link,
			const struct fastipc_proposal *mine,
			enum fastipc_transport transport, uint64_t deadline)
{
	int ret = fastipc_hello_cred(link->sock, &link->cred);

	if (!ret && transport == FASTIPC_TRANSPORT_KMOD)
		ret = connect_kmod(link, mine, deadline);
	else if (!ret)
		ret = connect_memfd(link, mine, deadline);
	if (ret)
		fastipc_link_close(link);
	return ret;
}

int fastipc_handshake_connect_fd(int sock, const struct fastipc_proposal *mine,
				 uint64_t deadline, struct fastipc_link *link)
{
	link_init(link);
	link->sock = sock;
	return connect_link(link, mine, mine->transport, deadline);
}

static int connect_by(const char *address, const struct fastipc_proposal *mine,
		      enum fastipc_transport transport, uint64_t deadline,
		      struct fastipc_link *link)
{
	int sock;

	link_init(link);
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

	link_init(link);
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

/* ---- both sides at once ---- */

/* A bell for both. */
static int share_bell(struct fastipc_link links[2])
{
	int fd;
	int ret = fastipc_bell_create(&links[0], &fd);

	if (ret)
		return ret;
	ret = fastipc_bell_attach(&links[1], fd);
	close(fd);
	return ret;
}

/* Make @end's own region and give it to @other. */
static int share_region(struct fastipc_link *end, struct fastipc_link *other,
			const struct fastipc_proposal *mine)
{
	int fd;
	int ret = fastipc_region_create(&end->own, mine->ring_size, &fd);

	if (ret)
		return ret;
	ret = fastipc_region_attach(&other->peer, fd);
	close(fd);
	end->checksum = mine->checksum;
	end->peer_max_message = mine->max_message;
	end->peer_fingerprint = mine->fingerprint;
	return ret ? ret : fastipc_hello_cred(end->sock, &end->cred);
}

int fastipc_link_pair(const struct fastipc_proposal *mine,
		      struct fastipc_link links[2])
{
	int socks[2], ret;

	link_init(&links[0]);
	link_init(&links[1]);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0, socks))
		return fastipc_fail(-errno,
				    "cannot make a socket pair (%s): raise "
				    "RLIMIT_NOFILE",
				    strerrordesc_np(errno));
	links[0].sock = socks[0];
	links[1].sock = socks[1];
	links[0].same_clock = links[1].same_clock = true;
	ret = share_region(&links[0], &links[1], mine);
	if (!ret)
		ret = share_region(&links[1], &links[0], mine);
	if (!ret)
		ret = share_bell(links);
	if (ret) {
		fastipc_link_close(&links[0]);
		fastipc_link_close(&links[1]);
	}
	return ret;
}
