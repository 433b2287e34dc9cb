// SPDX-License-Identifier: MIT
/*
 * nng over ipc://, which is a Unix socket: req and rep, one way pair.  Its
 * threads sleep in epoll whatever the application does.
 */
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>

#include "peers.h"

static nng_socket sock = NNG_SOCKET_INITIALIZER;
static nng_msg *answer;
static char address[128];

static int failed(const char *what, int error)
{
	fprintf(stderr, "%s\n", nng_strerror(error));
	return peer_fail(EIO, what);
}

static int prepare(const struct peer_config *config)
{
	snprintf(address, sizeof(address), "ipc://%s/s", config->directory);
	return 0;
}

static int open_socket(const struct peer_config *config, bool serves)
{
	int error;

	if (config->test == PEER_ONE_WAY)
		error = nng_pair0_open(&sock);
	else
		error = serves ? nng_rep0_open(&sock) : nng_req0_open(&sock);
	if (!error)
		error = nng_socket_set_size(sock, NNG_OPT_RECVMAXSZ, 0);
	return error ? failed("a socket", error) : 0;
}

/* @message is the library's then. */
static int send_message(nng_msg *message)
{
	int error = nng_sendmsg(sock, message, 0);

	if (!error)
		return 0;
	nng_msg_free(message);
	return failed("nng_sendmsg", error);
}

static int send_bytes(const void *data, size_t size)
{
	nng_msg *message;
	int error = nng_msg_alloc(&message, 0);

	if (!error)
		error = nng_msg_append(message, data, size);
	return error ? failed("nng_msg_append", error) : send_message(message);
}

static int answer_one(const struct peer_config *config)
{
	const void *bytes;
	nng_msg *message;
	size_t size;
	int error = nng_recvmsg(sock, &message, 0);

	if (error)
		return failed("nng_recvmsg", error);
	if (!peer_take(config, nng_msg_body(message), nng_msg_len(message),
		       &bytes, &size)) {
		nng_msg_free(message);
		return 0;
	}
	if (bytes == nng_msg_body(message))
		return send_message(message);
	nng_msg_free(message);
	return send_bytes(bytes, size);
}

static int serve(const struct peer_config *config)
{
	int error = open_socket(config, true);

	if (error)
		return error;
	error = nng_listen(sock, address, NULL, 0);
	if (error)
		return failed("nng_listen", error);
	peer_ready();
	while (!error)
		error = answer_one(config);
	return error;
}

static int join(const struct peer_config *config)
{
	int error = open_socket(config, false);

	if (error)
		return error;
	error = nng_dial(sock, address, NULL, 0);
	return error ? failed("nng_dial", error) : 0;
}

static int call(const void *data, size_t size, size_t expected,
		const void **reply)
{
	int error = send_bytes(data, size);

	if (error)
		return error;
	if (answer)
		nng_msg_free(answer);
	answer = NULL;
	error = nng_recvmsg(sock, &answer, 0);
	if (error)
		return failed("nng_recvmsg", error);
	*reply = nng_msg_body(answer);
	return nng_msg_len(answer) == expected ? 0
					       : peer_fail(EPROTO, "its size");
}

static int post(const void *data, size_t size, bool last)
{
	(void)last;
	return send_bytes(data, size);
}

static void leave(void)
{
	if (answer)
		nng_msg_free(answer);
	nng_close(sock);
}

static void clean(const struct peer_config *config)
{
	(void)config;
	remove(address + sizeof("ipc://") - 1);
}

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

const struct peer_ops peer_ops = {
	.title = "nng " TEXT(NNG_MAJOR_VERSION) "." TEXT(
		NNG_MINOR_VERSION) "." TEXT(NNG_PATCH_VERSION) ", ipc://",
	.prepare = prepare,
	.serve = serve,
	.connect = join,
	.call = call,
	.post = post,
	.close = leave,
	.clean = clean,
};
