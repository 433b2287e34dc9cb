// SPDX-License-Identifier: MIT
/*
 * libqb's IPC over shared memory, with its own loop in the server, as
 * corosync and pacemaker use it.  The server learns of each request by a byte
 * through a socket, so neither end can do without the kernel.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <qb/qbdefs.h>
#include <qb/qbipcc.h>
#include <qb/qbipcs.h>
#include <qb/qbloop.h>

#include "peers.h"

#define ID (QB_IPC_MSG_USER_START + 1)

static const struct peer_config *served;
static qb_loop_t *loop;
static qb_ipcc_connection_t *connection;
static unsigned char *buffer;
static size_t capacity;

static int32_t add_job(enum qb_loop_priority priority, void *data,
		       qb_loop_job_dispatch_fn dispatch)
{
	return qb_loop_job_add(loop, priority, data, dispatch);
}

static int32_t add_dispatch(enum qb_loop_priority priority, int32_t fd,
			    int32_t events, void *data,
			    qb_ipcs_dispatch_fn_t dispatch)
{
	return qb_loop_poll_add(loop, priority, fd, events, data, dispatch);
}

static int32_t change_dispatch(enum qb_loop_priority priority, int32_t fd,
			       int32_t events, void *data,
			       qb_ipcs_dispatch_fn_t dispatch)
{
	return qb_loop_poll_mod(loop, priority, fd, events, data, dispatch);
}

static int32_t remove_dispatch(int32_t fd)
{
	return qb_loop_poll_del(loop, fd);
}

static int32_t accept_client(qb_ipcs_connection_t *client, uid_t uid, gid_t gid)
{
	(void)client, (void)uid, (void)gid;
	return 0;
}

static int32_t handle(qb_ipcs_connection_t *client, void *data, size_t size)
{
	struct qb_ipc_request_header *request = data;
	struct qb_ipc_response_header response = { .id = ID };
	struct iovec parts[2];
	const void *bytes;
	ssize_t sent;

	(void)size;
	if (!peer_take(served, request + 1,
		       (size_t)request->size - sizeof(*request), &bytes,
		       &parts[1].iov_len))
		return 0;
	response.size = (int32_t)(sizeof(response) + parts[1].iov_len);
	parts[0].iov_base = &response;
	parts[0].iov_len = sizeof(response);
	parts[1].iov_base = (void *)bytes;
	sent = qb_ipcs_response_sendv(client, parts, 2);
	return sent < 0 ? peer_fail((int)sent, "qb_ipcs_response_sendv") : 0;
}

static int32_t on_end(int32_t number, void *data)
{
	(void)number, (void)data;
	qb_loop_stop(loop);
	return 0;
}

static int serve(const struct peer_config *config)
{
	struct qb_ipcs_service_handlers handlers = {
		.connection_accept = accept_client,
		.msg_process = handle,
	};
	struct qb_ipcs_poll_handlers poll = {
		.job_add = add_job,
		.dispatch_add = add_dispatch,
		.dispatch_mod = change_dispatch,
		.dispatch_del = remove_dispatch,
	};
	qb_loop_signal_handle signal_handle;
	qb_ipcs_service_t *service;
	int error;

	served = config;
	loop = qb_loop_create();
	qb_loop_signal_add(loop, QB_LOOP_HIGH, SIGTERM, NULL, on_end,
			   &signal_handle);
	service = qb_ipcs_create(config->name, 0, QB_IPC_SHM, &handlers);
	if (!service)
		return peer_fail(errno, "qb_ipcs_create");
	qb_ipcs_poll_handlers_set(service, &poll);
	qb_ipcs_request_rate_limit(service, QB_IPCS_RATE_FAST);
	error = qb_ipcs_run(service);
	if (error)
		return peer_fail(error, "qb_ipcs_run");
	peer_ready();
	qb_loop_run(loop);
	qb_ipcs_destroy(service);
	return 0;
}

static int join(const struct peer_config *config)
{
	capacity = config->size + sizeof(struct qb_ipc_response_header);
	buffer = malloc(capacity);
	/* Twice what the largest message needs, for the ring's own words. */
	connection = qb_ipcc_connect(config->name, 2 * capacity);
	return buffer && connection ? 0 : peer_fail(errno, "qb_ipcc_connect");
}

static int post(const void *data, size_t size, bool last)
{
	struct qb_ipc_request_header header = {
		.id = ID,
		.size = (int32_t)(sizeof(header) + size),
	};
	struct iovec parts[2] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)data, .iov_len = size },
	};
	ssize_t sent;

	(void)last;
	do
		sent = qb_ipcc_sendv(connection, parts, 2);
	while (sent == -EAGAIN);
	return sent < 0 ? peer_fail((int)sent, "qb_ipcc_sendv") : 0;
}

static int call(const void *data, size_t size, size_t expected,
		const void **reply)
{
	int error = post(data, size, true);
	ssize_t got;

	if (error)
		return error;
	got = qb_ipcc_recv(connection, buffer, capacity, -1);
	if (got < 0)
		return peer_fail((int)got, "qb_ipcc_recv");
	*reply = buffer + sizeof(struct qb_ipc_response_header);
	expected += sizeof(struct qb_ipc_response_header);
	return (size_t)got == expected ? 0 : peer_fail(EPROTO, "its size");
}

static void leave(void)
{
	qb_ipcc_disconnect(connection);
	free(buffer);
}

const struct peer_ops peer_ops = {
	.title = "libqb, shared memory",
	.serve = serve,
	.connect = join,
	.call = call,
	.post = post,
	.close = leave,
};
