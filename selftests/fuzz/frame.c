// SPDX-License-Identifier: MIT
/*
 * Frames: any record in the peer's ring is refused, or is a frame whose
 * payload is within it; and what follows of a message fits what came before.
 * The first byte says what is checksummed, so that most get past that.
 */
#include <errno.h>

#include "fuzz.h"

#include "frame/frame.h"

#define RING (64u << 10)

static struct fastipc_channel near, far;
static struct fastipc_assembly assembly;

static void open_pair(void)
{
	const struct fastipc_proposal proposal = {
		.checksum = FASTIPC_CHECKSUM_OFF,
		.ring_size = RING,
		.max_message = 1u << 20,
	};
	struct fastipc_link links[2];

	EXPECT(!fastipc_link_pair(&proposal, links));
	fastipc_channel_init(&near, &links[0], FASTIPC_WAIT_BLOCK);
	fastipc_channel_init(&far, &links[1], FASTIPC_WAIT_BLOCK);
}

static void put_record(const uint8_t *data, uint32_t size)
{
	unsigned char *place;

	EXPECT(!fastipc_producer_reserve(&near.tx, size, &place));
	memcpy(place, data, size);
	fastipc_producer_commit(&near.tx, size);
	fastipc_producer_publish(&near.tx);
}

static void take_record(uint32_t size)
{
	struct fastipc_frame frame = { 0 };
	unsigned char *copy;
	int error = fastipc_frame_peek(&far, &frame);

	EXPECT(!error || error == -EPROTO || error == -EPROTONOSUPPORT ||
	       error == -EBADMSG);
	if (!error) {
		EXPECT(frame.record == size);
		EXPECT(frame.length <= size - FASTIPC_FRAME_HEADER);
		copy = malloc(frame.length + 8);
		fastipc_frame_take(&far, &frame, copy);
		free(copy);
		error = fastipc_assembly_expect(&assembly, &frame);
		EXPECT(!error || error == -EPROTO);
		if (error)
			memset(&assembly, 0, sizeof(assembly));
		else if (assembly.open)
			assembly.discard = true;
	}
	fastipc_consumer_next(&far.rx, size);
	fastipc_consumer_release(&far.rx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int choice = fuzz_choice(&data, &size);

	if (!near.tx.record_max)
		open_pair();
	far.link.checksum = (enum fastipc_checksum)(choice % 3);
	memset(&assembly, 0, sizeof(assembly));
	/* Records, each after its length in two bytes. */
	while (size >= 2) {
		uint32_t length = data[0] | (uint32_t)data[1] << 8;

		data += 2;
		size -= 2;
		if (length > size)
			length = (uint32_t)size;
		if (length > near.tx.record_max)
			length = near.tx.record_max;
		if (!length)
			continue;
		put_record(data, length);
		take_record(length);
		data += length;
		size -= length;
	}
	return 0;
}
