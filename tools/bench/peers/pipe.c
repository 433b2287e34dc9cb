// SPDX-License-Identifier: MIT
/*
 * Two pipes, each with as much room as a process without privileges gets.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "descriptors.h"

#define ROOM (1 << 20) /* /proc/sys/fs/pipe-max-size, by default */

static int to_server[2];
static int to_client[2];

static int prepare(const struct peer_config *config)
{
	(void)config;
	if (pipe(to_server) || pipe(to_client))
		return peer_fail(errno, "pipe");
	if (fcntl(to_server[1], F_SETPIPE_SZ, ROOM) < 0 ||
	    fcntl(to_client[1], F_SETPIPE_SZ, ROOM) < 0)
		return peer_fail(errno, "F_SETPIPE_SZ");
	return 0;
}

static int serve(const struct peer_config *config)
{
	struct descriptors ends = { to_server[0], to_client[1], SIZE_MAX };
	int error = descriptors_use(config, &ends);

	close(to_server[1]);
	close(to_client[0]);
	if (error)
		return error;
	peer_ready();
	return descriptors_serve(config);
}

static int join(const struct peer_config *config)
{
	struct descriptors ends = { to_client[0], to_server[1], SIZE_MAX };

	close(to_client[1]);
	close(to_server[0]);
	return descriptors_use(config, &ends);
}

const struct peer_ops peer_ops = {
	.title = "pipe",
	.can_spin = true,
	.prepare = prepare,
	.serve = serve,
	.connect = join,
	.call = descriptors_call,
	.post = descriptors_post,
	.close = descriptors_close,
};
