// SPDX-License-Identifier: MIT
/*
 * A pair of AF_UNIX sockets: SOCK_STREAM, or the variant "seqpacket".  A
 * packet must fit into the socket's buffer, so longer messages go in several.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptors.h"

#define PACKET 65536

static int pair[2];
static size_t most = SIZE_MAX;

static int prepare(const struct peer_config *config)
{
	int type = SOCK_STREAM;

	if (!strcmp(config->variant, "seqpacket")) {
		type = SOCK_SEQPACKET;
		most = PACKET;
	}
	if (socketpair(AF_UNIX, type, 0, pair))
		return peer_fail(errno, "socketpair");
	return 0;
}

static int serve(const struct peer_config *config)
{
	struct descriptors ends = { pair[1], pair[1], most };
	int error = descriptors_use(config, &ends);

	close(pair[0]);
	if (error)
		return error;
	peer_ready();
	return descriptors_serve(config);
}

static int join(const struct peer_config *config)
{
	struct descriptors ends = { pair[0], pair[0], most };

	close(pair[1]);
	return descriptors_use(config, &ends);
}

const struct peer_ops peer_ops = {
	.title = "AF_UNIX socket pair",
	.can_spin = true,
	.prepare = prepare,
	.serve = serve,
	.connect = join,
	.call = descriptors_call,
	.post = descriptors_post,
	.close = descriptors_close,
};
