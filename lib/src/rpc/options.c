// SPDX-License-Identifier: MIT
/*
 * Checks of what a client's and a server's options have in common.
 */
#include "rpc/options.h"

#include <errno.h>

#include "base/error.h"
#include "rpc/streams.h"
#include "transport/bulk.h"
#include "transport/transport.h"

int fastipc_options_check_size(size_t size, size_t known, const char *init)
{
	if (size < known)
		return fastipc_fail(-EINVAL, "options->size is %zu: use %s()",
				    size, init);
	return 0;
}

int fastipc_options_check_streams(uint32_t window, uint32_t most)
{
	if (window < FASTIPC_STREAM_WINDOW_LEAST ||
	    window > FASTIPC_STREAM_WINDOW_MOST)
		return fastipc_fail(-EINVAL, "stream_window must be %u to %u",
				    FASTIPC_STREAM_WINDOW_LEAST,
				    FASTIPC_STREAM_WINDOW_MOST);
	if (!most || most > FASTIPC_STREAMS_MOST)
		return fastipc_fail(-EINVAL, "max_streams must be 1 to %u",
				    FASTIPC_STREAMS_MOST);
	return 0;
}

int fastipc_options_check_loans(uint64_t bulk_size, uint32_t max_descriptors)
{
	if (max_descriptors > FASTIPC_DESCRIPTORS_MAX)
		return fastipc_fail(-EINVAL,
				    "max_descriptors must be at most %u",
				    FASTIPC_DESCRIPTORS_MAX);
	return fastipc_bulk_check(bulk_size);
}

int fastipc_options_check(enum fastipc_wait wait,
			  enum fastipc_checksum checksum, uint32_t ring_size,
			  enum fastipc_schema_match match, uint32_t max_message)
{
	if (max_message > FASTIPC_MESSAGE_MAX)
		return fastipc_fail(-EINVAL, "max_message must be at most %u",
				    FASTIPC_MESSAGE_MAX);
	if (wait > FASTIPC_WAIT_SLEEP || checksum > FASTIPC_CHECKSUM_FULL ||
	    match > FASTIPC_SCHEMA_FULL)
		return fastipc_fail(
			-EINVAL,
			"wait, checksum or schema_match is none of its enum");
	return fastipc_ring_size_check(ring_size);
}
