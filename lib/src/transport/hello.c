// SPDX-License-Identifier: MIT
/*
 * Puts a HELLO on the wire and takes one off it, with the descriptor that
 * goes with it; whatever a stranger may send instead.
 */
#include "transport/hello.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/fastipc.h>

#include "base/error.h"

static void swap_totals(struct fastipc_totals *totals)
{
	totals->requests = htole64(totals->requests);
	totals->bytes_received = htole64(totals->bytes_received);
	totals->bytes_sent = htole64(totals->bytes_sent);
	totals->sleeps = htole64(totals->sleeps);
	totals->wakes = htole64(totals->wakes);
}

/* Host order to wire order; the same function goes back. */
static void swap_fields(struct fastipc_hello *hello)
{
	hello->magic = htole64(hello->magic);
	hello->size = htole32(hello->size);
	hello->version = htole16(hello->version);
	hello->version_min = htole16(hello->version_min);
	hello->kind = htole32(hello->kind);
	hello->error = (int32_t)htole32((uint32_t)hello->error);
	hello->abi = htole32(hello->abi);
	hello->features = htole32(hello->features);
	hello->required = htole32(hello->required);
	hello->checksum = htole32(hello->checksum);
	hello->ring_size = htole32(hello->ring_size);
	hello->max_message = htole32(hello->max_message);
	hello->stream_window = htole32(hello->stream_window);
	hello->max_streams = htole32(hello->max_streams);
	hello->fingerprint = htole64(hello->fingerprint);
	hello->uptime_ns = htole64(hello->uptime_ns);
	hello->connections = htole32(hello->connections);
	hello->threads = htole32(hello->threads);
	swap_totals(&hello->totals);
	hello->cursor = htole64(hello->cursor);
	hello->fingerprint_full = htole64(hello->fingerprint_full);
	hello->dictionary = htole64(hello->dictionary);
	hello->sequence = htole64(hello->sequence);
	hello->bulk_max = htole64(hello->bulk_max);
	hello->max_descriptors = htole32(hello->max_descriptors);
	hello->clock = htole32(hello->clock);
}

void fastipc_hello_init(struct fastipc_hello *hello,
			enum fastipc_hello_kind kind)
{
	*hello = (struct fastipc_hello){
		.magic = FASTIPC_HELLO_MAGIC,
		.size = sizeof(*hello),
		.version = FASTIPC_HELLO_VERSION,
		.version_min = FASTIPC_HELLO_VERSION_MIN,
		.kind = kind,
		.abi = FASTIPC_ABI_VERSION,
	};
}

int fastipc_hello_send(int sock, const struct fastipc_hello *hello,
		       const int *fds, size_t count)
{
	struct fastipc_hello wire = *hello;
	struct iovec iov = { .iov_base = &wire, .iov_len = sizeof(wire) };
	_Alignas(struct cmsghdr) char
		control[CMSG_SPACE(FASTIPC_HELLO_FDS * sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	swap_fields(&wire);
	if (count) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	if (sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		return fastipc_fail(-EPIPE, "the peer hung up before HELLO");
	/* Nothing of ours is in the way, so it is not "later". */
	if (errno == EAGAIN)
		errno = ENOBUFS;
	return fastipc_fail(-errno, "cannot send HELLO: %s",
			    strerrordesc_np(errno));
}

void fastipc_hello_close(int fds[FASTIPC_HELLO_FDS])
{
	for (int i = 0; i < FASTIPC_HELLO_FDS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/*
 * Keep what may come and close what comes beyond that.  There is room for one
 * more, so that it shows; the kernel drops the others.
 */
static int take_descriptors(struct msghdr *msg, int fds[FASTIPC_HELLO_FDS])
{
	unsigned int count = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		unsigned int n;

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) /
				   sizeof(int));
		for (unsigned int i = 0; i < n; i++, count++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			       sizeof(int));
			if (count < FASTIPC_HELLO_FDS)
				fds[count] = fd;
			else
				close(fd);
		}
	}
	if (count > FASTIPC_HELLO_FDS)
		return fastipc_fail(-EBADMSG,
				    "HELLO came with more than %d "
				    "descriptors: is it a fastipc "
				    "peer?",
				    FASTIPC_HELLO_FDS);
	if (msg->msg_flags & MSG_CTRUNC)
		return fastipc_fail(-EUSERS, "no descriptor is free for the "
					     "peer's region: raise "
					     "RLIMIT_NOFILE");
	return 0;
}

/* @length: of the datagram, which may have been longer than the struct. */
static int check_hello(const struct fastipc_hello *hello, size_t length)
{
	if (length < FASTIPC_HELLO_PREFIX ||
	    hello->magic != FASTIPC_HELLO_MAGIC || hello->size != length ||
	    hello->version < hello->version_min)
		return fastipc_fail(-EBADMSG, "what the peer sent is no HELLO: "
					      "is it a fastipc peer?");
	if (hello->version < FASTIPC_HELLO_VERSION_MIN ||
	    hello->version_min > FASTIPC_HELLO_VERSION)
		return fastipc_fail(-EPROTONOSUPPORT,
				    "the peer speaks protocol versions %u to "
				    "%u, this end %d to %d: use the same "
				    "libfastipc on both",
				    hello->version_min, hello->version,
				    FASTIPC_HELLO_VERSION_MIN,
				    FASTIPC_HELLO_VERSION);
	if (length < FASTIPC_HELLO_LEAST)
		return fastipc_fail(-EBADMSG,
				    "the peer's HELLO has %zu bytes and must "
				    "have %zu: is it a fastipc peer?",
				    length, FASTIPC_HELLO_LEAST);
	if (hello->required & ~FASTIPC_HELLO_FEATURES)
		return fastipc_fail(-EPROTONOSUPPORT,
				    "the peer requires features %#x that this "
				    "end does not know: update libfastipc",
				    hello->required & ~FASTIPC_HELLO_FEATURES);
	return 0;
}

int fastipc_hello_receive(int sock, struct fastipc_hello *hello,
			  int fds[FASTIPC_HELLO_FDS])
{
	struct iovec iov = { .iov_base = hello, .iov_len = sizeof(*hello) };
	_Alignas(struct cmsghdr) char
		control[CMSG_SPACE((FASTIPC_HELLO_FDS + 1) * sizeof(int))];
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t length;
	int ret;

	for (int i = 0; i < FASTIPC_HELLO_FDS; i++)
		fds[i] = -1;
	memset(hello, 0, sizeof(*hello));
	/* MSG_TRUNC: the result is the datagram's length, also if cut. */
	length = recvmsg(sock, &msg,
			 MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (length < 0 && errno != ECONNRESET)
		return fastipc_fail(-errno, "cannot receive HELLO: %s",
				    strerrordesc_np(errno));
	/* An empty datagram, which counts as a hang-up, may carry some too. */
	ret = length < 0 ? 0 : take_descriptors(&msg, fds);
	swap_fields(hello);
	if (length <= 0)
		ret = fastipc_fail(-EPIPE, "the peer hung up before HELLO");
	else if (!ret)
		ret = check_hello(hello, (size_t)length);
	if (ret)
		fastipc_hello_close(fds);
	return ret;
}
