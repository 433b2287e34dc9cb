// SPDX-License-Identifier: MIT
/*
 * ZeroMQ over ipc://, which is a Unix socket: REQ and REP, or the variant
 * "dealer", DEALER and ROUTER; one way, PUSH and PULL in each direction.
 * Its I/O thread sleeps in epoll whatever the application does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "peers.h"

static void *context;
static void *in, *out; /* one and the same but for the one-way test */
static bool dealer;
static zmq_msg_t message;

static int failed(const char *what)
{
	fprintf(stderr, "%s\n", zmq_strerror(zmq_errno()));
	return peer_fail(EIO, what);
}

static void *open_socket(const struct peer_config *config, int type,
			 const char *name, bool binds)
{
	void *socket = zmq_socket(context, type);
	char address[128];
	int none = 0;

	snprintf(address, sizeof(address), "ipc://%s/%s", config->directory,
		 name);
	if (!socket || zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof(none)))
		return NULL;
	if (binds ? zmq_bind(socket, address) : zmq_connect(socket, address))
		return NULL;
	return socket;
}

static int start(const struct peer_config *config, bool serves)
{
	static const int types[2][2] = {
		{ ZMQ_REQ, ZMQ_REP },
		{ ZMQ_DEALER, ZMQ_ROUTER },
	};

	dealer = config->test == PEER_ROUND_TRIP &&
		 !strcmp(config->variant, "dealer");
	context = zmq_ctx_new();
	zmq_msg_init(&message);
	if (config->test == PEER_ONE_WAY) {
		in = open_socket(config, ZMQ_PULL, serves ? "1" : "2", serves);
		out = open_socket(config, ZMQ_PUSH, serves ? "2" : "1", serves);
	} else {
		in = open_socket(config, types[dealer][serves], "1", serves);
		out = in;
	}
	return in && out ? 0 : failed("a socket");
}

static int receive(zmq_msg_t *into)
{
	int size;

	do
		size = zmq_msg_recv(into, in, 0);
	while (size < 0 && zmq_errno() == EINTR);
	return size < 0 ? failed("zmq_msg_recv") : 0;
}

static int send_bytes(const void *data, size_t size)
{
	int sent;

	do
		sent = zmq_send(out, data, size, 0);
	while (sent < 0 && zmq_errno() == EINTR);
	return sent < 0 ? failed("zmq_send") : 0;
}

static int serve_one(const struct peer_config *config)
{
	const void *bytes;
	zmq_msg_t from;
	size_t size;
	int error = 0;

	/* The first part is who asks, and goes back as it came. */
	if (dealer) {
		zmq_msg_init(&from);
		error = receive(&from);
	}
	if (!error)
		error = receive(&message);
	if (error || !peer_take(config, zmq_msg_data(&message),
				zmq_msg_size(&message), &bytes, &size))
		return error;
	if (dealer && zmq_msg_send(&from, out, ZMQ_SNDMORE) < 0)
		return failed("zmq_msg_send");
	if (bytes != zmq_msg_data(&message))
		return send_bytes(bytes, size);
	return zmq_msg_send(&message, out, 0) < 0 ? failed("zmq_msg_send") : 0;
}

static int serve(const struct peer_config *config)
{
	int error = start(config, true);

	if (error)
		return error;
	peer_ready();
	while (!error)
		error = serve_one(config);
	return error;
}

static int join(const struct peer_config *config)
{
	return start(config, false);
}

static int call(const void *data, size_t size, size_t expected,
		const void **reply)
{
	int error = send_bytes(data, size);

	if (!error)
		error = receive(&message);
	if (error)
		return error;
	*reply = zmq_msg_data(&message);
	return zmq_msg_size(&message) == expected
		       ? 0
		       : peer_fail(EPROTO, "its size");
}

static int post(const void *data, size_t size, bool last)
{
	(void)last;
	return send_bytes(data, size);
}

static void leave(void)
{
	zmq_msg_close(&message);
	zmq_close(in);
	if (out != in)
		zmq_close(out);
	zmq_ctx_term(context);
}

static void clean(const struct peer_config *config)
{
	char path[128];

	for (int name = 1; name <= 2; name++) {
		snprintf(path, sizeof(path), "%s/%d", config->directory, name);
		remove(path);
	}
}

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number
#define VERSION \
	TEXT(ZMQ_VERSION_MAJOR) \
	"." TEXT(ZMQ_VERSION_MINOR) "." TEXT(ZMQ_VERSION_PATCH)

const struct peer_ops peer_ops = {
	.title = "ZeroMQ " VERSION ", ipc://",
	.serve = serve,
	.connect = join,
	.call = call,
	.post = post,
	.close = leave,
	.clean = clean,
};
