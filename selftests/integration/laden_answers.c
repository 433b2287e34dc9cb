// SPDX-License-Identifier: MIT
/*
 * Answers with something along that cannot be given: whoever tries is told why,
 * the loan is free again, and the client has another answer.
 */
#include "pair.h"

#define AREA FASTIPC_BULK_MIN
#define TWICE 1	   /* answered before */
#define DEFERRED 2 /* deferred before */
#define NO_DATA 3
#define LONG 4 /* more bytes than may go along */
#define MANY 5 /* more descriptors */
#define HOLD 6 /* answered when the client is gone */

static struct fastipc_request *held;

/* All of the area: what was lent before is free. */
static struct fastipc_attachment whole(struct fastipc_request *request)
{
	struct fastipc_attachment attachment = { 0 };

	check(!fastipc_request_loan(request, AREA, &attachment.loan));
	return attachment;
}

static int on_twice(struct fastipc_request *request, void *context)
{
	struct fastipc_attachment attachment;

	(void)context;
	check(!fastipc_request_reply(request, "once", 4));
	for (int i = 0; i < 3; i++) {
		attachment = whole(request);
		check(fastipc_request_reply_with(request, "x", 1,
						 &attachment) == -EALREADY);
	}
	return 0;
}

static int on_deferred(struct fastipc_request *request, void *context)
{
	struct fastipc_request *kept = fastipc_request_defer(request);
	struct fastipc_attachment attachment;

	(void)context;
	check(kept);
	for (int i = 0; i < 3; i++) {
		attachment = whole(kept);
		check(fastipc_request_reply_with(request, "x", 1,
						 &attachment) == -EALREADY);
	}
	check(!fastipc_request_reply(kept, "late", 4));
	return 0;
}

static int on_no_data(struct fastipc_request *request, void *context)
{
	struct fastipc_attachment attachment;

	(void)context;
	for (int i = 0; i < 3; i++) {
		attachment = whole(request);
		check(fastipc_request_reply_with(request, NULL, 1,
						 &attachment) == -EINVAL);
		attachment = whole(request);
		check(fastipc_request_reply_with(NULL, "x", 1, &attachment) ==
		      -EINVAL);
	}
	check(fastipc_request_reply_with(request, "none", 4, NULL) == 0);
	return 0;
}

static int on_long(struct fastipc_request *request, void *context)
{
	static const char data[20000];
	struct fastipc_attachment attachment = whole(request);

	(void)context;
	check(fastipc_request_reply_with(request, data, sizeof(data),
					 &attachment) == -EMSGSIZE);
	fastipc_loan_free(whole(request).loan);
	return 0;
}

static int on_many(struct fastipc_request *request, void *context)
{
	static const int fds[3];
	struct fastipc_attachment attachment = whole(request);

	(void)context;
	attachment.descriptors = fds;
	attachment.descriptor_count = 3;
	check(fastipc_request_reply_with(request, "x", 1, &attachment) ==
	      -EOPNOTSUPP);
	fastipc_loan_free(whole(request).loan);
	return 0;
}

static int on_hold(struct fastipc_request *request, void *context)
{
	(void)context;
	held = fastipc_request_defer(request);
	check(held);
	return 0;
}

static void add_all(struct fastipc_server *server)
{
	static const struct {
		uint16_t type;
		fastipc_handler_fn handler;
	} handlers[] = {
		{ TWICE, on_twice },	 { DEFERRED, on_deferred },
		{ NO_DATA, on_no_data }, { LONG, on_long },
		{ MANY, on_many },	 { HOLD, on_hold },
	};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		check(!fastipc_server_add_handler(server, handlers[i].type,
						  handlers[i].handler, NULL));
}

/* Its client is gone, and the server: the area goes with the last of it. */
static void answer_held(void)
{
	struct fastipc_attachment attachment;

	check(held);
	check(fastipc_request_is_cancelled(held));
	attachment = whole(held);
	memset(fastipc_loan_data(attachment.loan), 1, AREA);
	check(fastipc_request_reply_with(held, "x", 1, &attachment) == -EPIPE);
}

static const struct service service = {
	.add = add_all,
	.destroyed = answer_held,
};

static void assert_answer(struct fastipc_client *client, uint16_t type,
			  int error, const char *answer)
{
	struct fastipc_buffer reply = { 0 };
	struct fastipc_delivery *delivery;

	assert_result(fastipc_client_call_with(client, type, "", 0, NULL,
					       &reply, &delivery, soon()),
		      error);
	assert_null(delivery);
	if (!error) {
		assert_int_equal(reply.size, strlen(answer));
		assert_memory_equal(reply.data, answer, reply.size);
	}
	fastipc_buffer_free(&reply);
}

static void answers_fail(void **state)
{
	struct fastipc_client_options client_options;
	struct fastipc_call_options call;
	struct fastipc_server_options options;
	struct server_process server;
	struct fastipc_client *client;
	uint64_t id;

	(void)state;
	fastipc_server_options_init(&options);
	options.bulk_size = AREA;
	options.max_descriptors = 2;
	fastipc_client_options_init(&client_options);
	client_options.bulk_max = AREA;
	client_options.max_descriptors = 2;
	server_start(&server, &options, &service);
	client = connect_with(server.address, &client_options);
	for (int i = 0; i < 3; i++) {
		assert_answer(client, TWICE, 0, "once");
		assert_answer(client, DEFERRED, 0, "late");
		assert_answer(client, NO_DATA, 0, "none");
		assert_answer(client, LONG, -EMSGSIZE, NULL);
		assert_answer(client, MANY, -EOPNOTSUPP, NULL);
	}
	fastipc_call_options_init(&call);
	assert_result(fastipc_client_start(client, HOLD, "", 0, &call, &id), 0);
	assert_result(fastipc_client_ping(client, soon(), NULL), 0);
	fastipc_client_close(client);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_fail),
	};

	return cmocka_run_group_tests_name("laden_answers", tests,
					   runtime_directory_make,
					   runtime_directory_remove);
}
