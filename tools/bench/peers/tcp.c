// SPDX-License-Identifier: MIT
/*
 * A TCP connection over 127.0.0.1, with TCP_NODELAY.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptors.h"

static int listener;
static struct sockaddr_in address;

static int prepare(const struct peer_config *config)
{
	socklen_t length = sizeof(address);

	(void)config;
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, length) ||
	    listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		return peer_fail(errno, "listen on 127.0.0.1");
	return 0;
}

static int use(const struct peer_config *config, int fd)
{
	struct descriptors ends = { fd, fd, SIZE_MAX };
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		return peer_fail(errno, "TCP_NODELAY");
	return descriptors_use(config, &ends);
}

static int serve(const struct peer_config *config)
{
	int error;
	int fd;

	peer_ready();
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return peer_fail(errno, "accept");
	error = use(config, fd);
	return error ? error : descriptors_serve(config);
}

static int join(const struct peer_config *config)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	close(listener);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return peer_fail(errno, "connect");
	return use(config, fd);
}

const struct peer_ops peer_ops = {
	.title = "TCP over 127.0.0.1",
	.can_spin = true,
	.prepare = prepare,
	.serve = serve,
	.connect = join,
	.call = descriptors_call,
	.post = descriptors_post,
	.close = descriptors_close,
};
