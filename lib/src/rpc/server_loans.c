// SPDX-License-Identifier: MIT
/*
 * The server's loans and descriptors: what comes along with requests, and what
 * goes with answers.
 */
#include <errno.h>

#include "base/error.h"
#include "rpc/server.h"

/* ---- lending ---- */

int fastipc_request_loan(struct fastipc_request *request, size_t size,
			 struct fastipc_loan **loan)
{
	if (!request || !loan)
		return fastipc_fail(-EINVAL, "request and loan are needed");
	return fastipc_loans_take(request->connection->loans, size, loan);
}

void fastipc_connection_use_room(struct connection *connection)
{
	/* Only who has taken a stream may wait for room. */
	if (!fastipc_connection_is_shared(connection))
		return;
	pthread_mutex_lock(&connection->lock);
	fastipc_streams_loan_returned(&connection->streams);
	fastipc_streams_run(&connection->streams);
	pthread_mutex_unlock(&connection->lock);
}

void fastipc_connection_tell_room(void *context)
{
	struct connection *connection = context;

	fastipc_worker_post(connection->worker, connection, EVENT_STREAMS);
}

int fastipc_connection_take_return(struct connection *connection, uint64_t id)
{
	if (fastipc_loans_returned(connection->loans, id)) {
		connection->loan_error = true;
		return -EPROTO;
	}
	fastipc_connection_use_room(connection);
	return 0;
}

/* ---- what came along ---- */

struct fastipc_shared
fastipc_request_lent(const struct fastipc_request *request)
{
	return fastipc_delivery_lent(request->delivery);
}

unsigned int fastipc_request_descriptors(const struct fastipc_request *request)
{
	return fastipc_delivery_descriptors(request->delivery);
}

int fastipc_request_take(struct fastipc_request *request, unsigned int index)
{
	return fastipc_delivery_take(request->delivery, index);
}

static void give_back(struct connection *connection, uint64_t loan,
		      bool from_worker)
{
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)"",
		.type = FASTIPC_TYPE_RETURN,
		.id = loan,
	};

	if (!connection->dead)
		fastipc_connection_send(connection, &message, from_worker);
}

void fastipc_request_end_delivery(struct fastipc_request *request,
				  bool from_worker)
{
	struct fastipc_delivery *delivery = request->delivery;

	if (!delivery)
		return;
	request->delivery = NULL;
	if (delivery->bulk)
		give_back(request->connection, delivery->loan, from_worker);
	fastipc_delivery_free(delivery);
}

/* The handler has returned. */
static void end_request(struct fastipc_request *request)
{
	struct connection *connection = request->connection;
	bool shared = fastipc_connection_is_shared(connection);

	if (request->kept)
		return;
	if (shared)
		pthread_mutex_lock(&connection->lock);
	fastipc_request_end_delivery(request, true);
	if (shared)
		pthread_mutex_unlock(&connection->lock);
}

/* There is no room for it: the call fails, and nothing else does. */
static void refuse(struct connection *connection,
		   const struct fastipc_frame *frame,
		   struct fastipc_delivery *delivery, int error)
{
	bool shared = fastipc_connection_is_shared(connection);

	fastipc_delivery_free(delivery);
	fastipc_connection_refuse(connection, frame->type, frame->id, error,
				  "the server has no room for the request, or "
				  "for what came along");
	if (!frame->lends)
		return;
	if (shared)
		pthread_mutex_lock(&connection->lock);
	give_back(connection, frame->piece.id, true);
	if (shared)
		pthread_mutex_unlock(&connection->lock);
}

static int broken(struct connection *connection,
		  struct fastipc_delivery *delivery)
{
	fastipc_delivery_free(delivery);
	connection->loan_error = true;
	return -EPROTO;
}

int fastipc_connection_take_laden(struct connection *connection,
				  const struct fastipc_frame *frame)
{
	struct worker *worker = connection->worker;
	const struct fastipc_assembly *assembly = &connection->assembly;
	struct fastipc_request request = {
		.connection = connection,
		.id = frame->id,
		.data = worker->scratch,
		.size = frame->length,
		.type = frame->type,
		.deadline = frame->deadline,
	};
	int status = fastipc_delivery_receive(&connection->channel, frame,
					      &request.delivery);
	int error = 0;

	if (status == -EPROTO || (assembly->open && frame->id == assembly->id))
		return broken(connection, request.delivery);
	if (frame->length > connection->server->options.max_message)
		status = -EMSGSIZE;
	else if (!status)
		status = fastipc_worker_scratch_grow(worker, frame->length);
	request.data = worker->scratch;
	if (!status)
		error = fastipc_frame_take(&connection->channel, frame,
					   worker->scratch);
	fastipc_frame_release(&connection->channel, frame);
	if (error) {
		fastipc_delivery_free(request.delivery);
		return error;
	}
	if (status) {
		refuse(connection, frame, request.delivery, status);
		return 0;
	}
	fastipc_request_dispatch(&request);
	end_request(&request);
	return 0;
}
