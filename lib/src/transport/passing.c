// SPDX-License-Identifier: MIT
/*
 * Descriptors beside messages, on a pair of sockets.
 */
#include "transport/passing.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

/* What a datagram says. */
struct label {
	uint64_t position;
	uint32_t count;
	uint32_t zero;
};

_Static_assert(sizeof(struct label) == 16, "label size");

static int wrap(struct fastipc_passing **passing, int fd)
{
	*passing = calloc(1, sizeof(**passing));
	if (!*passing)
		return fastipc_fail(-ENOMEM, "no memory for a connection");
	(*passing)->fd = fd;
	return 0;
}

int fastipc_passing_create(struct fastipc_passing **passing, int *fd)
{
	int socks[2], ret;

	*passing = NULL;
	*fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0, socks))
		return fastipc_fail(-errno,
				    "cannot make a socket pair (%s): raise "
				    "RLIMIT_NOFILE",
				    strerrordesc_np(errno));
	ret = wrap(passing, socks[0]);
	if (ret) {
		close(socks[0]);
		close(socks[1]);
		return ret;
	}
	*fd = socks[1];
	return 0;
}

static bool has_option(int fd, int option, int wanted)
{
	int value;
	socklen_t length = sizeof(value);

	return !getsockopt(fd, SOL_SOCKET, option, &value, &length) &&
	       value == wanted;
}

int fastipc_passing_attach(struct fastipc_passing **passing, int fd)
{
	*passing = NULL;
	if (!has_option(fd, SO_DOMAIN, AF_UNIX) ||
	    !has_option(fd, SO_TYPE, SOCK_SEQPACKET))
		return fastipc_fail(-EBADFD, "the peer sent for descriptors "
					     "what is no such socket: is it a "
					     "fastipc peer?");
	return wrap(passing, fd);
}

void fastipc_passing_free(struct fastipc_passing *passing)
{
	if (!passing)
		return;
	close(passing->fd);
	free(passing);
}

/* ---- sending ---- */

static int send_label(int sock, uint64_t position, const int *fds,
		      uint32_t count)
{
	struct label label = { .position = htole64(position),
			       .count = htole32(count) };
	struct iovec iov = { .iov_base = &label, .iov_len = sizeof(label) };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(
		FASTIPC_DESCRIPTORS_MAX * sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen =
				      CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	return sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno
								    : 0;
}

int fastipc_passing_send(struct fastipc_passing *passing, uint64_t position,
			 uint64_t head, const int *fds, uint32_t count,
			 uint64_t *enough)
{
	int error = -EAGAIN;

	while (passing->count &&
	       (int64_t)(head - passing->positions[passing->first]) > 0) {
		passing->first = (passing->first + 1) % FASTIPC_PASSING_MOST;
		passing->count--;
	}
	if (passing->count < FASTIPC_PASSING_MOST)
		error = send_label(passing->fd, position, fds, count);
	/* There is less room than that for datagrams here. */
	if (error == -EAGAIN && passing->count) {
		*enough = passing->positions[passing->first] + 1;
		return error;
	}
	if (error == -EPIPE || error == -ECONNRESET)
		return fastipc_fail(-EPIPE, "the peer is gone");
	if (error == -EAGAIN)
		error = -ENOBUFS;
	if (error)
		return fastipc_fail(error,
				    "cannot send descriptors (%s): do fewer "
				    "at once, or raise RLIMIT_NOFILE",
				    strerrordesc_np(-error));
	passing->positions[(passing->first + passing->count++) %
			   FASTIPC_PASSING_MOST] = position;
	return 0;
}

/* ---- receiving ---- */

/* Keep up to @most of what came; returns how many came. */
static uint32_t take_descriptors(struct msghdr *msg, int *fds, uint32_t most)
{
	uint32_t count = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t n;

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++, count++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			       sizeof(int));
			if (count < most)
				fds[count] = fd;
			else
				close(fd);
		}
	}
	return count;
}

int fastipc_passing_receive(struct fastipc_passing *passing, uint64_t position,
			    int *fds, uint32_t count)
{
	struct label label = { 0 };
	struct iovec iov = { .iov_base = &label, .iov_len = sizeof(label) };
	/* One more than there may be, so that it shows; the kernel drops the
	 * others. */
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(
		(FASTIPC_DESCRIPTORS_MAX + 1) * sizeof(int))];
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	const int flags = MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC;
	ssize_t length = recvmsg(passing->fd, &msg, flags);
	uint32_t came;
	bool right;

	/* Of a peer that died Linux says so first, once. */
	if (length < 0 && errno == ECONNRESET)
		length = recvmsg(passing->fd, &msg, flags);
	came = length < 0 ? 0 : take_descriptors(&msg, fds, count);
	right = length == sizeof(label) &&
		le64toh(label.position) == position &&
		le32toh(label.count) == count;
	if (right && came == count)
		return 0;
	for (uint32_t i = 0; i < came && i < count; i++)
		close(fds[i]);
	if (right && came < count && msg.msg_flags & MSG_CTRUNC)
		return fastipc_fail(-EMFILE,
				    "no room for the %u descriptors that a "
				    "message brought: raise RLIMIT_NOFILE",
				    count);
	return fastipc_fail(-EPROTO, "the peer did not send the descriptors "
				     "that its message announced");
}

int fastipc_passing_check(const struct fastipc_passing *passing, uint64_t head)
{
	struct label label = { 0 };
	/* Without room for descriptors, so none comes. */
	ssize_t length = recv(passing->fd, &label, sizeof(label),
			      MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);

	if (length < 0 || (length == sizeof(label) &&
			   (int64_t)(le64toh(label.position) - head) >= 0))
		return 0;
	if (!length) /* it has closed: see the channel */
		return 0;
	return fastipc_fail(-EPROTO, "the peer sent descriptors that belong "
				     "to no message");
}
