/* SPDX-License-Identifier: MIT */
/*
 * The registry of handlers: a hash table by message type that is read without
 * a lock, under liburcu's RCU, and may change meanwhile.
 */
#ifndef FASTIPC_REGISTRY_H
#define FASTIPC_REGISTRY_H

#include <pthread.h>

#include <fastipc/server.h>

#define REGISTRY_CHAINS 1024u

struct handler;

struct registry {
	uint64_t generation;  /* grows with each change; caches compare it */
	pthread_mutex_t lock; /* of writers */
	struct handler *chains[REGISTRY_CHAINS];
};

/* What a reader found last, so that most lookups need none. */
struct handler_cache {
	uint64_t generation;
	uint32_t type; /* UINT32_MAX: empty */
	fastipc_handler_fn handler;
	void *context;
};

struct registry *fastipc_registry_create(void);
void fastipc_registry_destroy(struct registry *registry);

/* Any thread.  -EEXIST, -ENOMEM. */
int fastipc_registry_add(struct registry *registry, uint16_t type,
			 fastipc_handler_fn handler, void *context);
/* Any thread outside of a read section; waits for all of them.  -ENOENT. */
int fastipc_registry_remove(struct registry *registry, uint16_t type);

/* What was looked up may be called until the read section ends.  Before its
 * first one, a thread becomes a reader, until it ends: -ENOMEM. */
int fastipc_registry_add_reader(void);
void fastipc_registry_read_begin(void);
void fastipc_registry_read_end(void);
bool fastipc_registry_look_up(struct registry *registry, uint16_t type,
			      uint64_t generation, struct handler_cache *cache);

/*
 * The handler of @type, into @cache.  False: there is none.  In a read section.
 *
 * The generation is loaded in the read section, before the table: if it is the
 * cached one, no removal had got as far as its grace period when this section
 * began, and the grace period waits for the section.
 */
static inline bool fastipc_registry_find(struct registry *registry,
					 uint16_t type,
					 struct handler_cache *cache)
{
	uint64_t generation =
		__atomic_load_n(&registry->generation, __ATOMIC_ACQUIRE);

	return (generation == cache->generation && type == cache->type) ||
	       fastipc_registry_look_up(registry, type, generation, cache);
}

#endif
