/* SPDX-License-Identifier: MIT */
/* The memory this process uses, as the kernel counts it. */
#ifndef FASTIPC_MEMORY_H
#define FASTIPC_MEMORY_H

#include <stdint.h>

struct memory_use {
	uint64_t rss_kib;  /* resident; pages shared with others count whole */
	uint64_t pss_kib;  /* resident; shared pages divided by their users */
	uint64_t peak_kib; /* the most that rss_kib ever was */
};

/* What cannot be read is 0. */
void memory_use_read(struct memory_use *use);

#endif
