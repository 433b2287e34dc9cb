/* SPDX-License-Identifier: MIT */
/*
 * A page with a pool's figures, which its process writes and others read: a
 * memfd that is open in the process as long as the pool is there, so that it
 * is found in /proc/PID/fd, and is gone with the process.
 */
#ifndef FASTIPC_POOL_PUBLISHED_H
#define FASTIPC_POOL_PUBLISHED_H

#include <fastipc/pool.h>

#include "pool/histogram.h"

/* What /proc/PID/fd/N is a link to. */
#define FASTIPC_POOL_MEMFD "fastipc-pool"
#define FASTIPC_POOL_LINK "/memfd:" FASTIPC_POOL_MEMFD " (deleted)"

#define FASTIPC_POOL_MAGIC 0x4c4f4f5043504946ull /* "FIPCPOOL" */

struct fastipc_pool_figures {
	struct fastipc_pool_stats stats;
	struct fastipc_pool_endpoint_info endpoints[FASTIPC_POOL_ENDPOINTS_MAX];
	struct fastipc_histogram latency, wait;
};

struct fastipc_pool_page {
	uint64_t magic;
	uint64_t size; /* of this struct: other versions have others */
	/* Odd while the process writes what is below `began_ns`. */
	uint64_t sequence;
	uint64_t pid, id;
	uint64_t began_ns;
	uint64_t written_ns;
	char name[FASTIPC_NAME_MAX + 1];
	struct fastipc_pool_figures figures;
};

/* A pool's figures under the labels of its lines, such as pool="NAME". */
struct fastipc_pool_source {
	char labels[600];
	struct fastipc_pool_figures figures;
};

/* pool="NAME", and with a @pid that and the pool's @id, as labels. */
void fastipc_pool_label(struct fastipc_pool_source *source, const char *name,
			uint64_t pid, uint64_t id);
/* All of them as text.  -EMSGSIZE; -ENOMEM. */
int fastipc_pool_write_text(struct fastipc_pool_source *const *sources,
			    size_t count, struct fastipc_buffer *buffer);

#endif
