/* SPDX-License-Identifier: MIT */
/*
 * The registry of handlers: a lock-free hash table (liburcu's) by message
 * type, which may change while worker threads look things up.
 */
#ifndef FASTIPC_REGISTRY_H
#define FASTIPC_REGISTRY_H

#include <fastipc/server.h>

struct registry;

/* What a reader found last, so that most lookups need none. */
struct handler_cache {
	uint64_t generation;
	uint32_t type; /* UINT32_MAX: empty */
	fastipc_handler_fn handler;
	void *context;
};

struct registry *registry_create(void);
void registry_destroy(struct registry *registry);

/* Any thread.  -EEXIST, -ENOMEM. */
int registry_add(struct registry *registry, uint16_t type,
		 fastipc_handler_fn handler, void *context);
/* Any thread outside of a read section; waits for all of them.  -ENOENT. */
int registry_remove(struct registry *registry, uint16_t type);

/* What was looked up may be called until the read section ends. */
void registry_read_begin(void);
void registry_read_end(void);
/* False: no handler of this type.  In a read section. */
bool registry_find(struct registry *registry, uint16_t type,
		   struct handler_cache *cache);

#endif
