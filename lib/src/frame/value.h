/* SPDX-License-Identifier: MIT */
/*
 * Messages that are made of values in memory, since they do not fit into one
 * frame; in memory that is kept for the next one.
 */
#ifndef FASTIPC_VALUE_H
#define FASTIPC_VALUE_H

#include "frame/frame.h"
#include "frame/gather.h"

/* Zeroed is none.  Thread-safe: who finds it taken has memory of its own. */
struct fastipc_spare {
	struct fastipc_spare_block *block;
};

/*
 * Make @data, of @size bytes, of @value by @encode, for fastipc_frame_push();
 * it is given to fastipc_value_free() with the same @spare, which may be NULL.
 * *@data may be NULL if *@size is 0.  -ENOMEM; -EMSGSIZE no message may be so
 * long; -EINVAL @encode says that it wrote more than there was room for; or its
 * own error.
 */
int fastipc_value_make(struct fastipc_spare *spare, fastipc_encode_fn encode,
		       const void *value, void **data, size_t *size);
/*
 * The same for a message that is sent, or copied, before the value is gone: its
 * data, size and gather are set.  @gather->data is what is to be freed then.
 */
int fastipc_value_gather(struct fastipc_spare *spare, fastipc_encode_fn encode,
			 const void *value, struct fastipc_gather *gather,
			 struct fastipc_outgoing *message);
/* NULL is allowed. */
void fastipc_value_free(struct fastipc_spare *spare, void *data);

/* Give back what is kept. */
void fastipc_spare_free(struct fastipc_spare *spare);

#endif
