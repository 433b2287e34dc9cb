// SPDX-License-Identifier: MIT
/*
 * The client's outgoing messages: one at a time, waiting for room if need be.
 */
#include "rpc/client.h"

#include "base/error.h"
#include "base/futex.h"

void fastipc_client_push_control(struct fastipc_client *client, uint16_t type,
				 uint64_t id)
{
	struct fastipc_outgoing message = {
		.data = (const unsigned char *)"",
		.type = type,
		.id = id,
	};

	/* Best effort: without room the server finds out by itself. */
	if (!client->error &&
	    fastipc_frame_push(&client->channel, &message, false) == 0)
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
}

/* The leader sleeps or spins without our wish: make it look again. */
static void kick_leader(struct fastipc_client *client)
{
	__atomic_store_n(&client->kick, client->kick + 1, __ATOMIC_RELEASE);
	fastipc_local_wake(&client->kick);
}

/* Wait until there may be room to send, reading replies meanwhile. */
static int await_space(struct fastipc_client *client, uint64_t deadline)
{
	uint32_t seen = client->space_word;
	int error;

	if (fastipc_client_in_own_callback(client))
		return fastipc_fail(
			-EAGAIN,
			"no room to send now, and a callback must not wait");
	if (!client->leading) {
		fastipc_client_begin_leading(client);
		error = fastipc_client_lead(
			client, NULL, FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE,
			deadline);
		client->leading = false;
		return error;
	}
	client->space_wanted = true;
	kick_leader(client);
	fastipc_unlock(&client->lock);
	error = fastipc_futex_wait(&client->space_word, seen, deadline);
	fastipc_lock(&client->lock);
	return error;
}

/* The turn to send: nobody else is in the middle of a message. */
static int begin_sending(struct fastipc_client *client, uint64_t deadline)
{
	while (client->sending) {
		int error = await_space(client, deadline);

		if (error)
			return error;
	}
	if (client->error)
		return fastipc_client_over(client);
	if (client->aborting) {
		struct fastipc_outgoing message = {
			.data = (const unsigned char *)"",
			.type = FASTIPC_TYPE_CANCEL,
			.id = client->abort_id,
		};
		int error =
			fastipc_frame_push(&client->channel, &message, true);

		if (error)
			return error;
		client->aborting = false;
	}
	return 0;
}

static void end_sending(struct fastipc_client *client)
{
	client->sending = false;
	client->space_word++;
	fastipc_futex_wake(&client->space_word, INT_MAX);
}

/* The ring is full: make what is there visible, and wait for room. */
static int send_slowly(struct fastipc_client *client,
		       struct fastipc_outgoing *message, bool more,
		       uint64_t deadline)
{
	int error = -EAGAIN;

	client->sending = true;
	while (error == -EAGAIN && !client->error) {
		fastipc_producer_publish(&client->channel.tx);
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
		error = await_space(client, deadline);
		if (!error && !client->error)
			error = fastipc_frame_push(&client->channel, message,
						   more);
		else if (error == -EAGAIN)
			break;
	}
	if (client->error) {
		error = fastipc_client_over(client);
	} else if (error && message->offset) {
		client->aborting = true;
		client->abort_id = message->id;
	}
	end_sending(client);
	return error;
}

struct fastipc_packer *fastipc_client_pack(struct fastipc_client *client,
					   struct fastipc_outgoing *message)
{
	struct fastipc_packer *packer;

	if (!fastipc_packing_wants(&client->packing, message->size))
		return NULL;
	/* It may take long, and is nobody else's business. */
	fastipc_unlock(&client->lock);
	packer = fastipc_packer_borrow(client->compression);
	if (packer && !fastipc_pack(&client->packing, packer, message)) {
		fastipc_packer_return(client->compression, packer);
		packer = NULL;
	}
	fastipc_lock(&client->lock);
	return packer;
}

void fastipc_client_packed(struct fastipc_client *client,
			   struct fastipc_packer *packer,
			   const struct fastipc_outgoing *message,
			   uint32_t size, int error)
{
	struct fastipc_client_stats *stats = &client->stats;

	if (!packer)
		return;
	if (!error) {
		stats->bytes_sent += size - message->size;
		fastipc_compressed_add(&stats->compressed_sent, size,
				       message->size);
	}
	fastipc_packer_return(client->compression, packer);
}

int fastipc_client_send(struct fastipc_client *client,
			struct fastipc_outgoing *message, bool more,
			uint64_t deadline)
{
	int error = 0;

	if (__builtin_expect(
		    message->size > client->channel.link.peer_max_message, 0))
		return fastipc_fail(
			-EMSGSIZE,
			"the message has %u bytes, the server's limit is %u",
			message->size, client->channel.link.peer_max_message);
	if (__builtin_expect(
		    client->sending || client->aborting || client->error, 0)) {
		do {
			error = begin_sending(client, deadline);
		} while (error == -EAGAIN &&
			 (error = await_space(client, deadline)) == 0);
		if (error)
			return error;
	}
	error = fastipc_frame_push(&client->channel, message, more);
	if (error == -EAGAIN)
		error = send_slowly(client, message, more, deadline);
	if (error == -ETIMEDOUT)
		return fastipc_fail(
			-ETIMEDOUT,
			"the server did not take the message in time");
	if (error == -EPROTO) {
		fastipc_client_fail_all(client, error);
		return fastipc_client_over(client);
	}
	if (error)
		return error;
	client->stats.bytes_sent += message->size;
	if (!more)
		fastipc_channel_notify(&client->channel, FASTIPC_WANT_DATA);
	return 0;
}
