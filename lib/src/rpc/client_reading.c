// SPDX-License-Identifier: MIT
/*
 * The client's incoming frames: each is taken, and its call completed.
 */
#include "rpc/client.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Frames that are taken in one go before waiting threads get a turn. */
#define DRAIN_BATCH 64
/* Such batches between two looks at what the server says that it has sent. */
#define FULL_BATCHES 16
#define ERROR_PAYLOAD_MAX 512u

int fastipc_buffer_fit(struct fastipc_buffer *reply, size_t size)
{
	void *data;

	reply->size = size;
	if (size <= reply->capacity)
		return 0;
	if (reply->fixed)
		return fastipc_fail(
			-EMSGSIZE,
			"the reply has %zu bytes, the buffer room for %zu",
			size, reply->capacity);
	data = realloc(reply->data, size);
	if (!data)
		return fastipc_fail(-ENOMEM,
				    "no memory for a reply of %zu bytes", size);
	reply->data = data;
	reply->capacity = size;
	return 0;
}

/* An ERROR frame: the handler's (or dispatcher's) errno, and perhaps why. */
static int take_error(struct fastipc_client *client, struct call *call,
		      const struct fastipc_frame *frame, int *status)
{
	unsigned char payload[ERROR_PAYLOAD_MAX];
	int32_t code;
	int error;

	if (frame->length < sizeof(code) || frame->length > sizeof(payload))
		return -EPROTO;
	error = fastipc_frame_take(&client->channel, frame, payload);
	if (error)
		return error;
	memcpy(&code, payload, sizeof(code));
	code = (int32_t)le32toh((uint32_t)code);
	if (code >= 0 || code < -4095)
		return -EPROTO;
	*status = code;
	snprintf(call->reason, sizeof(call->reason), "%.*s",
		 (int)(frame->length - sizeof(code)),
		 (const char *)payload + sizeof(code));
	return 0;
}

/*
 * A compressed reply, whole at @from.  @sent: bytes that it
 * had with its extensions.  Negative: the connection is over.
 */
static int finish_compressed(struct fastipc_client *client, struct call *call,
			     const struct fastipc_packed *packed,
			     const void *from, uint32_t size, uint32_t sent)
{
	struct fastipc_buffer *to = call->reply ? call->reply
						: &client->scratch;
	int status = fastipc_buffer_fit(to, packed->original);

	if (!status)
		status = fastipc_unpack(&client->unpacker, client->compression,
					packed, from, size, to->data);
	if (status == -EPROTO)
		return status;
	client->stats.replies++;
	client->stats.bytes_received += packed->original;
	fastipc_compressed_add(&client->stats.compressed_received,
			       packed->original, sent);
	fastipc_call_complete(client, call, status, status ? NULL : to->data,
			      status ? 0 : packed->original);
	return 0;
}

/* The same in one frame. */
static int take_compressed(struct fastipc_client *client, struct call *call,
			   const struct fastipc_frame *frame)
{
	int status = 0, error = 0;

	if (frame->packed.original > client->max_message)
		status = -EMSGSIZE;
	else
		status =
			fastipc_unpacker_grow(&client->unpacker, frame->length);
	if (!status)
		error = fastipc_frame_take(&client->channel, frame,
					   client->unpacker.data);
	fastipc_frame_release(&client->channel, frame);
	if (error)
		return error;
	if (!status)
		return finish_compressed(client, call, &frame->packed,
					 client->unpacker.data, frame->length,
					 frame->record - FASTIPC_FRAME_HEADER);
	client->stats.replies++;
	fastipc_call_complete(client, call, status, NULL, 0);
	return 0;
}

/* A reply in one frame.  Negative: the connection is over. */
static int take_reply(struct fastipc_client *client, struct call *call,
		      const struct fastipc_frame *frame)
{
	struct fastipc_buffer *to = call->reply ? call->reply
						: &client->scratch;
	int status = 0;
	int error;

	if (frame->flags & FASTIPC_FRAME_COMPRESSED)
		return take_compressed(client, call, frame);
	if (frame->flags & FASTIPC_FRAME_ERROR) {
		error = take_error(client, call, frame, &status);
	} else if (frame->length > client->max_message) {
		error = 0;
		status = -EMSGSIZE;
	} else {
		status = fastipc_buffer_fit(to, frame->length);
		error = status ? 0
			       : fastipc_frame_take(&client->channel, frame,
						    to->data);
	}
	fastipc_frame_release(&client->channel, frame);
	if (error)
		return error;
	client->stats.replies++;
	client->stats.bytes_received += frame->length;
	fastipc_call_complete(client, call, status, status ? NULL : to->data,
			      status ? 0 : frame->length);
	return 0;
}

/* The first fragment: where do the bytes go? */
static int open_assembly(struct fastipc_client *client, struct call *call)
{
	struct fastipc_assembly *assembly = &client->assembly;
	uint32_t size = assembly->packed.original ? assembly->packed.original
						  : assembly->total;
	int status = 0;

	if (!call) {
		client->stats.late_replies++;
		assembly->discard = true;
		return 0;
	}
	if (size > client->max_message)
		status = fastipc_fail(
			-EMSGSIZE,
			"the reply has %u bytes, the limit is %u: raise the client's max_message",
			size, client->max_message);
	else if (call->reply)
		status = fastipc_buffer_fit(call->reply, size);
	/* Not into the scratch: other replies come in between. */
	if (!status && (assembly->packed.original || !call->reply) &&
	    fastipc_assembly_grow(assembly, assembly->total))
		status = fastipc_fail(-ENOMEM,
				      "no memory for a reply of %u bytes",
				      assembly->total);
	if (status) {
		assembly->discard = true;
		fastipc_call_complete(client, call, status, NULL, 0);
	}
	return 0;
}

static int take_fragment(struct fastipc_client *client, struct call *call,
			 const struct fastipc_frame *frame)
{
	struct fastipc_assembly *assembly = &client->assembly;
	bool first = !assembly->open;
	int error = fastipc_assembly_expect(assembly, frame);

	if (error)
		return error;
	if (first) {
		open_assembly(client, call);
		call = fastipc_call_find_pending(client, frame->id);
	}
	if (!call)
		assembly->discard = true; /* given up meanwhile */
	if (!assembly->discard) {
		unsigned char *to = call->reply ? call->reply->data
						: assembly->data;

		if (assembly->packed.original)
			to = assembly->data;
		error = fastipc_frame_take(&client->channel, frame,
					   to + assembly->size);
	}
	fastipc_frame_release(&client->channel, frame);
	if (error)
		return error;
	fastipc_channel_notify_space(&client->channel, false);
	assembly->size += frame->length;
	if (frame->flags & FASTIPC_FRAME_MORE)
		return 0;
	assembly->open = false;
	if (assembly->discard)
		return 0;
	if (assembly->packed.original)
		return finish_compressed(client, call, &assembly->packed,
					 assembly->data, assembly->total,
					 assembly->total +
						 FASTIPC_COMPRESS_BLOCK);
	client->stats.replies++;
	client->stats.bytes_received += assembly->total;
	fastipc_call_complete(client, call, 0,
			      call->reply ? call->reply->data : assembly->data,
			      assembly->total);
	return 0;
}

/* What the server says of a stream, or of itself. */
static int take_control(struct fastipc_client *client,
			const struct fastipc_frame *frame)
{
	unsigned char data[16];
	int error = 0;

	if (frame->flags & ~FASTIPC_FRAME_EXT || frame->length > sizeof(data))
		return -EPROTO;
	error = fastipc_frame_take(&client->channel, frame, data);
	fastipc_frame_release(&client->channel, frame);
	if (error)
		return error;
	if (frame->type == FASTIPC_TYPE_GOAWAY)
		client->goaway = true;
	else if (frame->type == FASTIPC_TYPE_RETURN)
		error = fastipc_client_take_return(client, frame->id);
	else if (frame->type == FASTIPC_TYPE_CREDIT ||
		 frame->type == FASTIPC_TYPE_CANCEL)
		error = fastipc_streams_control(&client->streams, frame->type,
						frame->id, data, frame->length);
	return error;
}

static int take_stream(struct fastipc_client *client,
		       const struct fastipc_frame *frame)
{
	struct fastipc_stream *opened = NULL;
	int error =
		fastipc_streams_take(&client->streams, frame, NULL, &opened);

	fastipc_channel_notify_space(&client->channel, false);
	return error;
}

/* Take one frame.  -EAGAIN: none; other errors: the connection is over. */
static int take_frame(struct fastipc_client *client)
{
	struct fastipc_frame frame;
	struct call *call;
	int error = fastipc_frame_peek(&client->channel, &frame);

	if (error)
		return error;
	if (__builtin_expect(frame.flags & (FASTIPC_FRAME_STREAM |
					    FASTIPC_FRAME_LADEN),
			     0)) {
		if (frame.flags & FASTIPC_FRAME_STREAM)
			return take_stream(client, &frame);
		return fastipc_client_take_laden(client, &frame);
	}
	if (__builtin_expect(frame.type > FASTIPC_TYPE_PONG, 0))
		return take_control(client, &frame);
	call = fastipc_call_find_pending(client, frame.id);
	if (__builtin_expect(fastipc_call_is_early(call, &frame), 0))
		return -EPROTO;
	if (frame.flags & FASTIPC_FRAME_MORE ||
	    (client->assembly.open && frame.id == client->assembly.id))
		return take_fragment(client, call, &frame);
	if (call)
		return take_reply(client, call, &frame);
	client->stats.late_replies++;
	fastipc_frame_release(&client->channel, &frame);
	return 0;
}

/*
 * Whether the ring has more than the server says that it has put there, or says
 * more than there is room for: what it does not take away comes again, for ever,
 * also when it is dead.  It tells of a batch after that can be seen.
 */
static bool is_endless(const struct fastipc_client *client)
{
	const struct fastipc_region *peer = &client->channel.link.peer;
	uint64_t size = peer->size;
	uint64_t tail =
		__atomic_load_n(&peer->control->tx_tail, __ATOMIC_ACQUIRE);

	return client->channel.rx.head - tail + size > 2 * size;
}

static void check_tail(struct fastipc_client *client)
{
	if (client->error || ++client->batches % FULL_BATCHES ||
	    !is_endless(client))
		return;
	client->stats.bad_frames++;
	fastipc_client_fail_all(client, -EPROTO);
}

unsigned int fastipc_client_drain(struct fastipc_client *client,
				  const struct call *call)
{
	unsigned int count = 0;

	while (count < DRAIN_BATCH && !client->error &&
	       !(call && call->state == CALL_DONE) &&
	       !(count && (fastipc_lock_is_wanted(&client->lock) ||
			   (client->crowded && client->assembly.open)))) {
		int error = take_frame(client);

		if (client->streams.events)
			fastipc_streams_run(&client->streams);
		if (!error && client->broken)
			error = client->broken;
		if (!error) {
			count++;
			continue;
		}
		if (error == -EAGAIN) {
			fastipc_consumer_release(&client->channel.rx);
			fastipc_channel_notify_space(&client->channel, true);
			error = fastipc_channel_end(&client->channel);
			if (!error)
				continue;
			if (error == -EAGAIN)
				break;
		} else {
			client->stats.bad_frames++;
		}
		fastipc_client_fail_all(client, error);
		count++;
	}
	fastipc_consumer_release(&client->channel.rx);
	if (__builtin_expect(count == DRAIN_BATCH, 0))
		check_tail(client);
	return count;
}
