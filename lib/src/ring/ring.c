// SPDX-License-Identifier: MIT
/*
 * The ring's slow path: setting it up, and reading the other end's cursor.
 */
#include "ring/ring.h"

/* Some dozens of small records; of a small ring, what nobody waits for. */
#define STEP_MOST 4096u

void fastipc_producer_init(struct fastipc_producer *producer, void *data,
			   uint32_t size, struct fastipc_control *own,
			   const struct fastipc_control *peer, uint64_t start)
{
	*producer = (struct fastipc_producer){
		.data = data,
		.size = size,
		.mask = size - 1,
		.tail = start,
		.published = start,
		.head = start,
		.zeroed = start,
		.record_max = FASTIPC_RECORD_MAX(size),
		.own = own,
		.peer = peer,
	};
}

void fastipc_consumer_init(struct fastipc_consumer *consumer, const void *data,
			   uint32_t size, struct fastipc_control *own,
			   uint64_t start)
{
	*consumer = (struct fastipc_consumer){
		.data = data,
		.mask = size - 1,
		.head = start,
		.released = start,
		.step = size / 16 < STEP_MOST ? size / 16 : STEP_MOST,
		.record_max = FASTIPC_RECORD_MAX(size),
		.own = own,
	};
}

int fastipc_producer_refresh(struct fastipc_producer *producer)
{
	/* P4: pairs with C3, the consumer's release. */
	uint64_t head =
		__atomic_load_n(&producer->peer->rx_head, __ATOMIC_ACQUIRE);

	/* Once a lap or so: for monitors. */
	__atomic_store_n(&producer->own->tx_records, producer->records,
			 __ATOMIC_RELAXED);
	/*
	 * A head beyond what was published, or before what was released
	 * earlier, is a lie.  Believing it could only spoil this connection's
	 * own bytes, but an error is the better answer.
	 */
	if (head - producer->head > producer->published - producer->head)
		return -EPROTO;
	producer->head = head;
	return 0;
}
