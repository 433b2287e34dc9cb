// SPDX-License-Identifier: MIT
/*
 * The client's beginning and end, its options and its statistics.
 */
#include "rpc/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "rpc/options.h"

#define CALLS_MOST 65536u

void fastipc_client_options_init(struct fastipc_client_options *options)
{
	*options = (struct fastipc_client_options){
		.size = sizeof(*options),
		.wait = FASTIPC_WAIT_ADAPTIVE,
		.checksum = FASTIPC_CHECKSUM_FULL,
		.ring_size = FASTIPC_RING_DEFAULT,
		.max_message = FASTIPC_MESSAGE_DEFAULT,
		.max_calls = 1024,
		.connect_timeout_ns = 5000000000ull,
		.compress_from = FASTIPC_COMPRESS_FROM,
		.compression_level = 1,
		.stream_window = FASTIPC_STREAM_WINDOW_DEFAULT,
	};
}

static int check_options(const struct fastipc_client_options *options)
{
	int error = fastipc_options_check_size(options->size, sizeof(*options),
					       "fastipc_client_options_init");

	if (error)
		return error;
	if (!options->max_calls || options->max_calls > CALLS_MOST)
		return fastipc_fail(-EINVAL, "max_calls must be 1 to %u",
				    CALLS_MOST);
	error = fastipc_options_check_streams(options->stream_window, 1);
	if (!error)
		error = fastipc_options_check_loans(options->bulk_size,
						    options->max_descriptors);
	if (error)
		return error;
	return fastipc_options_check(options->wait, options->checksum,
				     options->ring_size, options->schema_match,
				     options->max_message);
}

static int allocate_calls(struct fastipc_client *client, uint32_t max_calls)
{
	client->slots = 1;
	while (client->slots < max_calls) {
		client->slots *= 2;
		client->slot_bits++;
	}
	client->calls = calloc(client->slots, sizeof(*client->calls));
	client->free_slots =
		malloc(client->slots * sizeof(*client->free_slots));
	if (!client->calls || !client->free_slots)
		return fastipc_fail(-ENOMEM, "no memory for %u calls",
				    client->slots);
	for (uint32_t i = client->slots; i-- > 0;)
		client->free_slots[client->free_count++] = i;
	return 0;
}

static int configure_compression(struct fastipc_client *client,
				 const struct fastipc_client_options *options)
{
	const struct fastipc_compress_options own = {
		.compression = options->compression,
		.from = options->compress_from,
		.level = options->compression_level,
		.dictionary = options->dictionary,
		.dictionary_size = options->dictionary_size,
	};

	return fastipc_compress_configure(&own, &client->compression);
}

static void free_client(struct fastipc_client *client)
{
	while (client->pool) {
		struct call *call = client->pool;

		client->pool = call->next;
		free(call);
	}
	fastipc_outbox_clear(&client->outbox, client);
	fastipc_streams_fini(&client->streams);
	fastipc_assembly_free(&client->assembly);
	fastipc_buffer_free(&client->scratch);
	fastipc_unpacker_free(&client->unpacker);
	fastipc_compress_unref(client->compression);
	fastipc_loans_end(client->loans);
	fastipc_spare_free(&client->outbox.spare);
	free(client->calls);
	free(client->free_slots);
	free(client);
}

int fastipc_client_connect(const char *address,
			   const struct fastipc_client_options *options,
			   struct fastipc_client **result)
{
	struct fastipc_client_options defaults;
	struct fastipc_proposal proposal;
	struct fastipc_client *client;
	struct fastipc_link link;
	int error;

	if (!address || !result)
		return fastipc_fail(-EINVAL, "address and client are needed");
	fastipc_client_options_init(&defaults);
	if (!options)
		options = &defaults;
	error = check_options(options);
	if (error)
		return error;
	client = calloc(1, sizeof(*client));
	if (!client)
		return fastipc_fail(-ENOMEM, "no memory for a client");
	client->max_message = options->max_message;
	proposal = (struct fastipc_proposal){
		.checksum = options->checksum,
		.ring_size = options->ring_size,
		.max_message = options->max_message,
		.fingerprint = options->fingerprint,
		.schema_match = options->schema_match,
		.stream_window = options->stream_window,
		.bulk_size = options->bulk_size,
		.bulk_max = options->bulk_max,
		.max_descriptors = options->max_descriptors,
	};
	error = configure_compression(client, options);
	fastipc_compress_propose(client->compression, &proposal);
	if (!error)
		error = allocate_calls(client, options->max_calls);
	if (!error)
		error = fastipc_handshake_connect(
			address, &proposal,
			fastipc_after_ns(options->connect_timeout_ns), &link);
	if (!error && link.own_bulk) {
		error = fastipc_loans_create(link.own_bulk,
					     fastipc_client_tell_room, client,
					     &client->loans);
		if (error)
			fastipc_link_close(&link);
	}
	if (error) {
		free_client(client);
		return error;
	}
	fastipc_channel_init(&client->channel, &link, options->wait);
	fastipc_packing_init(&client->packing, client->compression,
			     &client->channel);
	fastipc_outbox_init(&client->outbox);
	fastipc_streams_init(&client->streams, &fastipc_client_streams_ops,
			     &client->channel, &client->outbox, client->loans,
			     false, options->stream_window, 0);
	client->references = 1;
	*result = client;
	return 0;
}

void fastipc_client_close(struct fastipc_client *client)
{
	if (!client)
		return;
	fastipc_lock(&client->lock);
	fastipc_client_fail_all(client, -ECANCELED);
	for (uint32_t slot = 0; slot < client->slots; slot++) {
		struct call *call = client->calls[slot];

		if (call && call->kept) {
			fastipc_call_leave(client, call);
			fastipc_call_free(client, call);
		}
	}
	/* Who frees a loan is not to find a link that is being closed. */
	fastipc_loans_disown(client->loans);
	fastipc_channel_fini(&client->channel);
	fastipc_unlock(&client->lock);
	fastipc_client_unref(client);
}

/* Streams that are not closed yet keep the client's memory. */
void fastipc_client_unref(struct fastipc_client *client)
{
	bool last;

	fastipc_lock(&client->lock);
	last = !--client->references;
	fastipc_unlock(&client->lock);
	if (last)
		free_client(client);
}

int fastipc_client_get_stats(struct fastipc_client *client,
			     struct fastipc_client_stats *stats)
{
	struct fastipc_client_stats now;
	const struct fastipc_link *link;

	if (!client || !stats || stats->size < sizeof(size_t))
		return fastipc_fail(-EINVAL, "set stats->size first");
	link = &client->channel.link;
	fastipc_lock(&client->lock);
	now = client->stats;
	now.size = stats->size < sizeof(now) ? stats->size : sizeof(now);
	now.sleeps = __atomic_load_n(&client->channel.sleeps, __ATOMIC_RELAXED);
	now.wakes = client->channel.wakes;
	now.checksum = link->checksum;
	now.peer_max_message = link->peer_max_message;
	now.ring_size = link->own.size;
	now.peer = link->cred;
	now.peer_fingerprint = link->peer_fingerprint;
	now.transport = fastipc_link_transport(link);
	now.draining = client->goaway;
	now.streams = client->streams.count;
	now.streams_opened = client->streams.opened;
	memcpy(stats, &now, now.size);
	fastipc_unlock(&client->lock);
	return 0;
}

void fastipc_buffer_free(struct fastipc_buffer *buffer)
{
	if (buffer->fixed)
		return;
	free(buffer->data);
	*buffer = (struct fastipc_buffer){ 0 };
}
