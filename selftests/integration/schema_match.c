// SPDX-License-Identifier: MIT
/*
 * What an end demands of the other's schema, at both ends of each kind of
 * connection: calls, channels, and topics.
 */
#include <pthread.h>

#include "pair.h"

#define ASK 1 /* struct fastipc_fingerprint: the client's */

static const struct fastipc_fingerprint ours = { 0x1234, 0x5678 };
static const struct fastipc_fingerprint renamed = { 0x1234, 0x9999 };
static const struct fastipc_fingerprint foreign = { 0x4321, 0x8765 };
static const struct fastipc_fingerprint none;

/* Who meets whom, and how that ends. */
static const struct meeting {
	enum fastipc_schema_match demand;
	const struct fastipc_fingerprint *other;
	int error;
} meetings[] = {
	{ FASTIPC_SCHEMA_ANY, &ours, 0 },
	{ FASTIPC_SCHEMA_ANY, &foreign, 0 },
	{ FASTIPC_SCHEMA_WIRE, &ours, 0 },
	{ FASTIPC_SCHEMA_WIRE, &renamed, 0 },
	{ FASTIPC_SCHEMA_WIRE, &foreign, -ENOPROTOOPT },
	{ FASTIPC_SCHEMA_FULL, &ours, 0 },
	{ FASTIPC_SCHEMA_FULL, &renamed, -ENOPROTOOPT },
	{ FASTIPC_SCHEMA_FULL, &none, 0 },
};

/* Over memfd, whatever else there is: topics have nothing else. */
#define TOPIC "memfd:schema"

#define MEETINGS (sizeof(meetings) / sizeof(meetings[0]))

static void assert_is(const struct fastipc_fingerprint *found,
		      const struct fastipc_fingerprint *expected)
{
	assert_true(found->wire == expected->wire);
	assert_true(found->full == expected->full);
}

/* ---- calls ---- */

static int on_ask(struct fastipc_request *request, void *context)
{
	struct fastipc_fingerprint client;

	(void)context;
	fastipc_request_fingerprint(request, &client);
	return fastipc_request_reply(request, &client, sizeof(client));
}

static void add_ask(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ASK, on_ask, NULL));
}

/* Each end knows what the other speaks. */
static void assert_both_know(struct fastipc_client *client,
			     const struct fastipc_fingerprint *of_client,
			     const struct fastipc_fingerprint *of_server)
{
	struct fastipc_client_stats stats = { .size = sizeof(stats) };
	struct fastipc_fingerprint told;

	assert_result(fastipc_client_get_stats(client, &stats), 0);
	assert_is(&stats.peer_fingerprint, of_server);
	ask_for(client, ASK, &told, sizeof(told));
	assert_is(&told, of_client);
}

static void call(const struct meeting *meeting, bool server_demands)
{
	static const struct service service = { .add = add_ask };
	struct fastipc_server_options server_options;
	struct fastipc_client_options options;
	struct server_process server;
	struct fastipc_client *client;

	fastipc_server_options_init(&server_options);
	fastipc_client_options_init(&options);
	server_options.fingerprint = server_demands ? ours : *meeting->other;
	options.fingerprint = server_demands ? *meeting->other : ours;
	if (server_demands)
		server_options.schema_match = meeting->demand;
	else
		options.schema_match = meeting->demand;
	server_start(&server, &server_options, &service);
	assert_result(fastipc_client_connect(server.address, &options, &client),
		      meeting->error);
	if (!meeting->error) {
		assert_both_know(client, &options.fingerprint,
				 &server_options.fingerprint);
		fastipc_client_close(client);
	}
	server_stop(&server);
}

static void calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < MEETINGS; i++) {
		call(&meetings[i], false);
		call(&meetings[i], true);
	}
}

/* ---- channels and topics: the other end is a thread ---- */

struct other_end {
	pthread_t thread;
	struct fastipc_channel_options channel_options;
	struct fastipc_channel *channel;
	struct fastipc_subscriber_options subscriber_options;
	struct fastipc_subscriber *subscriber;
	int error;
	bool done;
};

static void *connect_other(void *argument)
{
	struct other_end *other = argument;

	other->error = fastipc_channel_connect(
		"schema", &other->channel_options, soon(), &other->channel);
	return NULL;
}

static void *subscribe_other(void *argument)
{
	struct other_end *other = argument;

	other->error = fastipc_subscriber_open(
		TOPIC, &other->subscriber_options, &other->subscriber);
	__atomic_store_n(&other->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void channel(const struct meeting *meeting, bool listener_demands)
{
	struct fastipc_channel_options options;
	struct fastipc_fingerprint told;
	struct fastipc_listener *listener;
	struct fastipc_channel *accepted = NULL;
	struct other_end other = { 0 };
	int error;

	fastipc_channel_options_init(&options);
	other.channel_options = options;
	options.fingerprint = listener_demands ? ours : *meeting->other;
	other.channel_options.fingerprint = listener_demands ? *meeting->other
							     : ours;
	if (listener_demands)
		options.schema_match = meeting->demand;
	else
		other.channel_options.schema_match = meeting->demand;
	assert_result(fastipc_listener_open("schema", &options, &listener), 0);
	assert_int_equal(
		pthread_create(&other.thread, NULL, connect_other, &other), 0);
	error = fastipc_listener_accept(listener, soon(), &accepted);
	pthread_join(other.thread, NULL);
	assert_int_equal(other.error, meeting->error);
	if (!meeting->error) {
		assert_int_equal(error, 0);
		fastipc_channel_fingerprint(accepted, &told);
		assert_is(&told, &other.channel_options.fingerprint);
		fastipc_channel_fingerprint(other.channel, &told);
		assert_is(&told, &options.fingerprint);
		fastipc_channel_close(other.channel);
	} else if (listener_demands) {
		assert_int_equal(error, meeting->error);
	}
	if (!error)
		fastipc_channel_close(accepted);
	fastipc_listener_close(listener);
}

static void channels(void **state)
{
	(void)state;
	for (size_t i = 0; i < MEETINGS; i++) {
		channel(&meetings[i], false);
		channel(&meetings[i], true);
	}
}

static void topic(const struct meeting *meeting, bool publisher_demands)
{
	struct fastipc_subscriber_stats stats = { .size = sizeof(stats) };
	struct fastipc_topic_options options;
	struct fastipc_topic *topic;
	struct other_end other = { 0 };
	uint64_t until = soon();

	fastipc_topic_options_init(&options);
	fastipc_subscriber_options_init(&other.subscriber_options);
	options.fingerprint = publisher_demands ? ours : *meeting->other;
	other.subscriber_options.fingerprint =
		publisher_demands ? *meeting->other : ours;
	if (publisher_demands)
		options.schema_match = meeting->demand;
	else
		other.subscriber_options.schema_match = meeting->demand;
	assert_result(fastipc_topic_create(TOPIC, &options, &topic), 0);
	assert_int_equal(pthread_create(&other.thread, NULL, subscribe_other,
					&other),
			 0);
	while (!__atomic_load_n(&other.done, __ATOMIC_ACQUIRE)) {
		assert_true(fastipc_now_ns() < until);
		assert_true(fastipc_topic_dispatch(topic) >= 0);
		usleep(100);
	}
	pthread_join(other.thread, NULL);
	assert_int_equal(other.error, meeting->error);
	if (!other.error) {
		assert_result(fastipc_subscriber_get_stats(other.subscriber,
							   &stats),
			      0);
		assert_is(&stats.peer_fingerprint, &options.fingerprint);
		fastipc_subscriber_close(other.subscriber);
	}
	fastipc_topic_destroy(topic);
}

static void topics(void **state)
{
	(void)state;
	for (size_t i = 0; i < MEETINGS; i++) {
		topic(&meetings[i], false);
		topic(&meetings[i], true);
	}
}

/* ---- no such demand ---- */

#define FOREIGN_WORD ((enum fastipc_schema_match)(FASTIPC_SCHEMA_FULL + 1))

static void wrong_options(void **state)
{
	struct fastipc_server_options server_options;
	struct fastipc_client_options client_options;
	struct fastipc_channel_options channel_options;
	struct fastipc_topic_options topic_options;
	struct fastipc_subscriber_options subscriber_options;
	struct fastipc_server *server;
	struct fastipc_client *client;
	struct fastipc_channel *channel;
	struct fastipc_listener *listener;
	struct fastipc_topic *topic;
	struct fastipc_subscriber *subscriber;

	(void)state;
	fastipc_server_options_init(&server_options);
	server_options.schema_match = FOREIGN_WORD;
	assert_result(fastipc_server_create("wrong", &server_options, &server),
		      -EINVAL);
	fastipc_client_options_init(&client_options);
	client_options.schema_match = FOREIGN_WORD;
	assert_result(fastipc_client_connect("wrong", &client_options, &client),
		      -EINVAL);
	fastipc_channel_options_init(&channel_options);
	channel_options.schema_match = FOREIGN_WORD;
	assert_result(fastipc_channel_connect("wrong", &channel_options, soon(),
					      &channel),
		      -EINVAL);
	assert_result(fastipc_listener_open("wrong", &channel_options,
					    &listener),
		      -EINVAL);
	fastipc_topic_options_init(&topic_options);
	topic_options.schema_match = FOREIGN_WORD;
	assert_result(fastipc_topic_create("wrong", &topic_options, &topic),
		      -EINVAL);
	fastipc_subscriber_options_init(&subscriber_options);
	subscriber_options.schema_match = FOREIGN_WORD;
	assert_result(fastipc_subscriber_open("wrong", &subscriber_options,
					      &subscriber),
		      -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: the process must not have threads when it forks. */
		footprint_test(calls),
		footprint_test(channels),
		footprint_test(topics),
		footprint_test(wrong_options),
	};

	return cmocka_run_group_tests_name("schema_match", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
