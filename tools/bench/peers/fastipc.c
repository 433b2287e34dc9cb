// SPDX-License-Identifier: MIT
/*
 * fastipc itself, through its public calls: a server with one worker and a
 * handler, a client that calls or posts.  As it comes it checks all bytes of
 * each message by a CRC-32C, which no other peer does; the variant "nosum"
 * does not.  The variant "batch" publishes up to 64 posts at once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <fastipc/fastipc.h>

#include "peers.h"

#define TYPE 1

static struct fastipc_server *server;
static struct fastipc_client *client;
static struct fastipc_buffer buffer;
static bool batches;
static char address[96];

static int complain(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, fastipc_error_detail());
	return peer_fail(error, what);
}

static const enum fastipc_wait waits[] = {
	[PEER_BLOCK] = FASTIPC_WAIT_BLOCK,
	[PEER_SPIN] = FASTIPC_WAIT_SPIN,
	[PEER_ADAPTIVE] = FASTIPC_WAIT_ADAPTIVE,
};

static enum fastipc_checksum checksum(const struct peer_config *config)
{
	return strcmp(config->variant, "nosum") ? FASTIPC_CHECKSUM_FULL
						: FASTIPC_CHECKSUM_OFF;
}

static int prepare(const struct peer_config *config)
{
	snprintf(address, sizeof(address), "%s/s", config->directory);
	batches = !strcmp(config->variant, "batch");
	return 0;
}

static int handle(struct fastipc_request *request, void *context)
{
	const void *answer;
	size_t size;

	if (!peer_take(context, fastipc_request_data(request),
		       fastipc_request_size(request), &answer, &size))
		return 0;
	return fastipc_request_reply(request, answer, size);
}

static int serve(const struct peer_config *config)
{
	struct fastipc_server_options options;
	int error;

	fastipc_server_options_init(&options);
	options.wait = waits[config->wait];
	options.checksum = checksum(config);
	error = fastipc_server_create(address, &options, &server);
	if (!error)
		error = fastipc_server_add_handler(server, TYPE, handle,
						   (void *)config);
	if (error)
		return complain("cannot serve", error);
	peer_ready();
	fastipc_server_run(server);
	fastipc_server_destroy(server);
	return 0;
}

static void end(void)
{
	if (server)
		fastipc_server_stop(server);
}

static int join(const struct peer_config *config)
{
	struct fastipc_client_options options;
	int error;

	fastipc_client_options_init(&options);
	options.wait = waits[config->wait];
	options.checksum = checksum(config);
	error = fastipc_client_connect(address, &options, &client);
	return error ? complain("cannot connect", error) : 0;
}

static int call(const void *data, size_t size, size_t expected,
		const void **reply)
{
	int error = fastipc_client_call(client, TYPE, data, size, &buffer,
					FASTIPC_NO_DEADLINE);

	if (error)
		return complain("a call failed", error);
	*reply = buffer.data;
	return buffer.size == expected ? 0 : peer_fail(EPROTO, "its size");
}

static int post(const void *data, size_t size, bool last)
{
	unsigned int flags = batches && !last ? FASTIPC_MORE : 0;
	int error = fastipc_client_post(client, TYPE, data, size, flags,
					FASTIPC_NO_DEADLINE);

	return error ? complain("a post failed", error) : 0;
}

static void leave(void)
{
	fastipc_client_close(client);
	fastipc_buffer_free(&buffer);
}

const struct peer_ops peer_ops = {
	.title = "fastipc " FASTIPC_VERSION,
	.can_spin = true,
	.prepare = prepare,
	.serve = serve,
	.end = end,
	.connect = join,
	.call = call,
	.post = post,
	.close = leave,
};
