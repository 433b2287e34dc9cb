// SPDX-License-Identifier: MIT
/*
 * fastipc itself, through its public calls: a server with one worker and a
 * handler, a client that calls or posts.  As it comes it checks all bytes of
 * each message by a CRC-32C, which no other peer does; the variants "nosum",
 * "queue" and "loan" do not.  "queue" has rings of 8 MiB, which is what the
 * queues of iceoryx and boost::interprocess have room for; "loan" hands over
 * memory of an area of that size, as iceoryx does, instead of copying.  "batch"
 * publishes up to 64 posts at once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <fastipc/fastipc.h>

#include "peers.h"

#define TYPE 1
#define ROOM (8u << 20)

static struct fastipc_server *server;
static struct fastipc_client *client;
static struct fastipc_buffer buffer;
static struct fastipc_delivery *delivery;
static bool batches, lends;
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

static bool is(const struct peer_config *config, const char *variant)
{
	return !strcmp(config->variant, variant);
}

static enum fastipc_checksum checksum(const struct peer_config *config)
{
	return is(config, "") || is(config, "batch") ? FASTIPC_CHECKSUM_FULL
						     : FASTIPC_CHECKSUM_OFF;
}

static int prepare(const struct peer_config *config)
{
	snprintf(address, sizeof(address), "%s/s", config->directory);
	batches = is(config, "batch");
	lends = is(config, "loan");
	return 0;
}

/* The answer in memory that is lent. */
static int lend_answer(struct fastipc_request *request, const void *answer,
		       size_t size)
{
	struct fastipc_attachment along = { 0 };
	int error = fastipc_request_loan(request, size, &along.loan);

	if (error)
		return error;
	memcpy(fastipc_loan_data(along.loan), answer, size);
	return fastipc_request_reply_with(request, NULL, 0, &along);
}

static int handle(struct fastipc_request *request, void *context)
{
	struct fastipc_shared lent = fastipc_request_lent(request);
	const void *data = fastipc_request_data(request), *answer;
	size_t size = fastipc_request_size(request);

	if (lent.data) {
		data = (const void *)lent.data;
		size = lent.size;
	}
	if (!peer_take(context, data, size, &answer, &size))
		return 0;
	return lent.data ? lend_answer(request, answer, size)
			 : fastipc_request_reply(request, answer, size);
}

static int serve(const struct peer_config *config)
{
	struct fastipc_server_options options;
	int error;

	fastipc_server_options_init(&options);
	options.wait = waits[config->wait];
	options.checksum = checksum(config);
	if (is(config, "queue"))
		options.ring_size = ROOM;
	if (lends)
		options.bulk_size = options.bulk_max = ROOM;
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
	if (is(config, "queue"))
		options.ring_size = ROOM;
	if (lends)
		options.bulk_size = options.bulk_max = ROOM;
	error = fastipc_client_connect(address, &options, &client);
	return error ? complain("cannot connect", error) : 0;
}

/* A message in memory that is to be lent. */
static int fill(struct fastipc_attachment *along, const void *data, size_t size)
{
	int error = fastipc_client_loan(client, size, FASTIPC_NO_DEADLINE,
					&along->loan);

	if (!error)
		memcpy(fastipc_loan_data(along->loan), data, size);
	return error;
}

static int call_lending(const void *data, size_t size, size_t expected,
			const void **reply)
{
	struct fastipc_attachment along = { 0 };
	struct fastipc_shared lent;
	int error;

	fastipc_delivery_end(delivery);
	delivery = NULL;
	error = fill(&along, data, size);
	if (!error)
		error = fastipc_client_call_with(client, TYPE, NULL, 0, &along,
						 &buffer, &delivery,
						 FASTIPC_NO_DEADLINE);
	if (error)
		return complain("a call failed", error);
	lent = fastipc_delivery_lent(delivery);
	*reply = (const void *)lent.data;
	return lent.size == expected ? 0 : peer_fail(EPROTO, "its size");
}

static int call(const void *data, size_t size, size_t expected,
		const void **reply)
{
	int error;

	if (lends)
		return call_lending(data, size, expected, reply);
	error = fastipc_client_call(client, TYPE, data, size, &buffer,
				    FASTIPC_NO_DEADLINE);

	if (error)
		return complain("a call failed", error);
	*reply = buffer.data;
	return buffer.size == expected ? 0 : peer_fail(EPROTO, "its size");
}

static int post(const void *data, size_t size, bool last)
{
	unsigned int flags = batches && !last ? FASTIPC_MORE : 0;
	struct fastipc_attachment along = { 0 };
	int error;

	if (lends) {
		error = fill(&along, data, size);
		if (!error)
			error = fastipc_client_post_with(client, TYPE, NULL, 0,
							 &along,
							 FASTIPC_NO_DEADLINE);
	} else {
		error = fastipc_client_post(client, TYPE, data, size, flags,
					    FASTIPC_NO_DEADLINE);
	}
	return error ? complain("a post failed", error) : 0;
}

static void leave(void)
{
	fastipc_delivery_end(delivery);
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
