// SPDX-License-Identifier: MIT
/*
 * Messages whose long fields are where the application has them.
 */
#include "frame/gather.h"

#include <string.h>

#include <fastipc/codec/gather.h>

#include "frame/frame.h"

_Static_assert(FASTIPC_FRAGMENT_PAYLOAD < FASTIPC_GATHER_ROOM,
	       "one frame is made in place");

/* What the library wants to be written, and whether its encoder is at it. */
static _Thread_local struct fastipc_gather *wanted;
static _Thread_local struct fastipc_gather *begun;

void fastipc_gather_begin(fastipc_encode_fn encoder, const void *data)
{
	if (wanted && wanted->encode == encoder && wanted->data == data)
		begun = wanted;
}

void fastipc_gather_end(void)
{
	begun = NULL;
}

void fastipc_gather_put(uint8_t *to, const void *from, size_t size)
{
	struct fastipc_gather *gather = begun;

	if (!gather || gather->count == FASTIPC_GATHER_MOST) {
		memcpy(to, from, size);
		return;
	}
	gather->fields[gather->count++] = (struct fastipc_gathered){
		.bytes = from,
		.at = (uint32_t)(to - gather->data),
		.size = (uint32_t)size,
	};
}

int fastipc_gather_encode(struct fastipc_gather *gather,
			  fastipc_encode_fn encode, const void *value,
			  size_t capacity, size_t *size)
{
	int error;

	gather->encode = encode;
	gather->count = 0;
	wanted = gather;
	error = encode(value, gather->data, capacity, size);
	wanted = NULL;
	return error;
}

const unsigned char *fastipc_gather_find(const struct fastipc_gather *gather,
					 uint32_t at, uint32_t *length)
{
	for (uint32_t i = 0; i < gather->count; i++) {
		const struct fastipc_gathered *field = &gather->fields[i];
		uint32_t into = at - field->at;

		if (at < field->at) {
			if (*length > field->at - at)
				*length = field->at - at;
			break;
		}
		if (into < field->size) {
			if (*length > field->size - into)
				*length = field->size - into;
			return field->bytes + into;
		}
	}
	return gather->data + at;
}

void fastipc_gather_fill(const struct fastipc_gather *gather)
{
	for (uint32_t i = 0; i < gather->count; i++)
		memcpy(gather->data + gather->fields[i].at,
		       gather->fields[i].bytes, gather->fields[i].size);
}

/* ---- messages on their way out ---- */

void fastipc_outgoing_copy(void *to, const struct fastipc_outgoing *message)
{
	uint32_t left = message->size - message->offset;

	if (!message->gather) {
		if (left)
			memcpy(to, message->data + message->offset, left);
		return;
	}
	for (uint32_t done = 0, piece; done < left; done += piece) {
		const unsigned char *from;

		piece = left - done;
		from = fastipc_gather_find(message->gather,
					   message->offset + done, &piece);
		memcpy((unsigned char *)to + done, from, piece);
	}
}

void fastipc_outgoing_fill(struct fastipc_outgoing *message)
{
	if (message->gather)
		fastipc_gather_fill(message->gather);
	message->gather = NULL;
}
