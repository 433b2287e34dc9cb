// SPDX-License-Identifier: MIT
/*
 * iceoryx by its C binding: requests and responses, one way a publisher and a
 * subscriber who waits for nothing to be lost; messages are written into
 * chunks that are lent, and read in place.  Busy, or asleep in a wait set.
 * Its broker, iox-roudi, is started with pools for messages up to 1 MiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iceoryx_binding_c/client.h>
#include <iceoryx_binding_c/log.h>
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/server.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/user_trigger.h>
#include <iceoryx_binding_c/wait_set.h>

#include "peers.h"

#define QUEUE 256
#define QUEUE_BYTES (8u << 20)

static bool spins;
static size_t message_size;
static iox_client_storage_t client_storage;
static iox_server_storage_t server_storage;
static iox_pub_storage_t publisher_storage;
static iox_sub_storage_t subscriber_storage;
static iox_ws_storage_t waits_storage;
static iox_user_trigger_storage_t trigger_storage;
static iox_client_t client;
static iox_server_t server;
static iox_pub_t publisher;
static iox_sub_t subscriber;
static iox_ws_t waits;
static iox_user_trigger_t trigger;
static const void *held; /* the last response */

static const char pools[] = "[general]\nversion = 1\n[[segment]]\n"
			    "[[segment.mempool]]\nsize = 256\ncount = 2048\n"
			    "[[segment.mempool]]\nsize = 2048\ncount = 1024\n"
			    "[[segment.mempool]]\nsize = 66048\ncount = 512\n"
			    "[[segment.mempool]]\nsize = 1049088\ncount = 64\n";

static int write_pools(const struct peer_config *config, char *path,
		       size_t size)
{
	FILE *stream;

	snprintf(path, size, "%s/pools", config->directory);
	stream = fopen(path, "w");
	if (!stream || fputs(pools, stream) < 0 || fclose(stream))
		return peer_fail(errno, path);
	return 0;
}

/* After the runtime's own end, which talks to the broker: that began later. */
static void end_broker(void)
{
	if (peer_broker <= 0)
		return;
	kill(peer_broker, SIGTERM);
	waitpid(peer_broker, NULL, 0);
}

static void run_broker(const char *path)
{
	int null = open("/dev/null", O_WRONLY);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execlp("iox-roudi", "iox-roudi", "-l", "off", "-m", "off", "-c", path,
	       (char *)NULL);
	_exit(127);
}

static int prepare(const struct peer_config *config)
{
	char path[128];
	int error;

	spins = config->wait == PEER_SPIN;
	message_size = config->size;
	if (message_size > 1u << 20)
		return -EOPNOTSUPP; /* more than the pools have */
	error = write_pools(config, path, sizeof(path));
	if (error)
		return error;
	peer_broker = fork();
	if (!peer_broker)
		run_broker(path);
	atexit(end_broker);
	return peer_broker < 0 ? peer_fail(errno, "fork") : 0;
}

static void clean(const struct peer_config *config)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/pools", config->directory);
	remove(path);
}

static uint64_t queue(void)
{
	size_t fit = QUEUE_BYTES / message_size;

	return fit < QUEUE ? fit : QUEUE;
}

static void start(const struct peer_config *config, const char *end)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%s", config->name, end);
	iox_set_loglevel(Iceoryx_LogLevel_Error);
	iox_runtime_init(name);
	waits = iox_ws_init(&waits_storage);
}

/* ---- the server ---- */

static void open_server(const struct peer_config *config)
{
	iox_server_options_t options;
	iox_sub_options_t posts;

	iox_server_options_init(&options);
	server = iox_server_init(&server_storage, config->name, "peers", "call",
				 &options);
	iox_ws_attach_server_state(waits, server, ServerState_HAS_REQUEST, 1,
				   NULL);
	trigger = iox_user_trigger_init(&trigger_storage);
	iox_ws_attach_user_trigger_event(waits, trigger, 2, NULL);
	if (config->test != PEER_ONE_WAY)
		return;
	iox_sub_options_init(&posts);
	posts.queueCapacity = queue();
	posts.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
	subscriber = iox_sub_init(&subscriber_storage, config->name, "peers",
				  "post", &posts);
	iox_ws_attach_subscriber_state(waits, subscriber,
				       SubscriberState_HAS_DATA, 3, NULL);
}

static void take_posts(const struct peer_config *config)
{
	const void *chunk;
	const void *answer;
	size_t size;

	while (iox_sub_take_chunk(subscriber, &chunk) ==
	       ChunkReceiveResult_SUCCESS) {
		peer_take(config, chunk, message_size, &answer, &size);
		iox_sub_release_chunk(subscriber, chunk);
	}
}

/* What was published before the request is there already. */
static int answer_requests(const struct peer_config *config)
{
	const void *request;

	while (iox_server_take_request(server, &request) ==
	       ServerRequestResult_SUCCESS) {
		const void *answer;
		void *response;
		size_t size;

		if (subscriber)
			take_posts(config);
		peer_take(config, request, message_size, &answer, &size);
		if (iox_server_loan_response(server, request, &response,
					     (uint32_t)size) !=
		    AllocationResult_SUCCESS)
			return peer_fail(ENOMEM, "a response");
		memcpy(response, answer, size);
		iox_server_release_request(server, request);
		if (iox_server_send(server, response) !=
		    ServerSendResult_SUCCESS)
			return peer_fail(EPIPE, "iox_server_send");
	}
	return 0;
}

static int serve(const struct peer_config *config)
{
	iox_notification_info_t notes[3];
	uint64_t missed;
	int error = 0;

	peer_broker = 0; /* the client ends it */
	start(config, "server");
	open_server(config);
	peer_ready();
	while (!error && !peer_ended) {
		if (!spins)
			iox_ws_wait(waits, notes, 3, &missed);
		if (subscriber)
			take_posts(config);
		error = answer_requests(config);
	}
	iox_ws_deinit(waits);
	iox_user_trigger_deinit(trigger);
	if (subscriber)
		iox_sub_deinit(subscriber);
	iox_server_deinit(server);
	return error;
}

static void end(void)
{
	if (trigger)
		iox_user_trigger_trigger(trigger);
}

/* ---- the client ---- */

static int join(const struct peer_config *config)
{
	iox_client_options_t options;
	iox_pub_options_t posts;

	start(config, "client");
	iox_client_options_init(&options);
	client = iox_client_init(&client_storage, config->name, "peers", "call",
				 &options);
	iox_ws_attach_client_state(waits, client, ClientState_HAS_RESPONSE, 1,
				   NULL);
	while (iox_client_get_connection_state(client) !=
	       ConnectionState_CONNECTED)
		usleep(1000);
	if (config->test != PEER_ONE_WAY)
		return 0;
	iox_pub_options_init(&posts);
	posts.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
	publisher = iox_pub_init(&publisher_storage, config->name, "peers",
				 "post", &posts);
	while (!iox_pub_has_subscribers(publisher))
		usleep(1000);
	return 0;
}

static int call(const void *data, size_t size, size_t expected,
		const void **reply)
{
	iox_notification_info_t note;
	uint64_t missed;
	void *request;

	(void)expected; /* the binding does not tell the size of a response */
	if (held)
		iox_client_release_response(client, held);
	if (iox_client_loan_request(client, &request, (uint32_t)size) !=
	    AllocationResult_SUCCESS)
		return peer_fail(ENOMEM, "a request");
	memcpy(request, data, size);
	if (iox_client_send(client, request) != ClientSendResult_SUCCESS)
		return peer_fail(EPIPE, "iox_client_send");
	while (iox_client_take_response(client, &held) !=
	       ChunkReceiveResult_SUCCESS)
		if (!spins)
			iox_ws_wait(waits, &note, 1, &missed);
	*reply = held;
	return 0;
}

static int post(const void *data, size_t size, bool last)
{
	enum iox_AllocationResult result;
	void *chunk;

	(void)last;
	/* None is left while the subscriber has them all. */
	do
		result = iox_pub_loan_chunk(publisher, &chunk, (uint32_t)size);
	while (result == AllocationResult_RUNNING_OUT_OF_CHUNKS);
	if (result != AllocationResult_SUCCESS)
		return peer_fail(ENOMEM, "a chunk");
	memcpy(chunk, data, size);
	iox_pub_publish_chunk(publisher, chunk);
	return 0;
}

static void leave(void)
{
	if (held)
		iox_client_release_response(client, held);
	iox_ws_deinit(waits);
	iox_client_deinit(client);
	if (publisher)
		iox_pub_deinit(publisher);
}

const struct peer_ops peer_ops = {
	.title = "iceoryx 2.0.3, C binding",
	.can_spin = true,
	.prepare = prepare,
	.serve = serve,
	.end = end,
	.connect = join,
	.call = call,
	.post = post,
	.close = leave,
	.clean = clean,
};
