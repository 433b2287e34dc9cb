// SPDX-License-Identifier: MIT
/*
 * Handlers in a liburcu hash table.
 *
 * The "bulletproof" flavour of RCU is used: it registers reader threads by
 * itself, so a program may dispatch from any thread of its own.  The table is
 * resized by the thread that adds; liburcu's automatic resizing would start a
 * thread behind the application's back.
 */
#include "rpc/registry.h"

#include <errno.h>
#include <stdlib.h>

#include <urcu/urcu-bp.h>
#include <urcu/rculfhash.h>

#include "base/error.h"

#define BUCKETS_LEAST 64u
#define BUCKETS_MOST 65536u

struct handler {
	struct cds_lfht_node node;
	uint16_t type;
	fastipc_handler_fn handler;
	void *context;
};

/* Types are small and dense: spread them over the buckets' high bits. */
static unsigned long hash(uint16_t type)
{
	return type * 0x9e3779b97f4a7c15ul >> 16;
}

static int matches(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct handler, node)->type ==
	       *(const uint16_t *)key;
}

static struct handler *find(struct registry *registry, uint16_t type)
{
	struct cds_lfht_iter iterator;
	struct cds_lfht_node *node;

	cds_lfht_lookup(registry->table, hash(type), matches, &type, &iterator);
	node = cds_lfht_iter_get_node(&iterator);
	return node ? caa_container_of(node, struct handler, node) : NULL;
}

struct registry *fastipc_registry_create(void)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return NULL;
	registry->buckets = BUCKETS_LEAST;
	registry->table = cds_lfht_new_flavor(BUCKETS_LEAST, BUCKETS_LEAST,
					      BUCKETS_MOST, 0, &urcu_bp_flavor,
					      NULL);
	if (!registry->table) {
		free(registry);
		return NULL;
	}
	registry->generation = 1;
	pthread_mutex_init(&registry->lock, NULL);
	return registry;
}

void fastipc_registry_destroy(struct registry *registry)
{
	struct cds_lfht_iter iterator;
	struct handler *handler;

	if (!registry)
		return;
	urcu_bp_read_lock();
	cds_lfht_for_each_entry(registry->table, &iterator, handler, node)
	{
		cds_lfht_del(registry->table, &handler->node);
		/* No reader is left: the server is being destroyed. */
		free(handler);
	}
	urcu_bp_read_unlock();
	cds_lfht_destroy(registry->table, NULL);
	pthread_mutex_destroy(&registry->lock);
	free(registry);
}

static void changed(struct registry *registry)
{
	__atomic_fetch_add(&registry->generation, 1, __ATOMIC_SEQ_CST);
}

int fastipc_registry_add(struct registry *registry, uint16_t type,
			 fastipc_handler_fn function, void *context)
{
	struct handler *handler = malloc(sizeof(*handler));
	struct cds_lfht_node *present;

	if (!handler)
		return fastipc_fail(-ENOMEM, "no memory for a handler");
	cds_lfht_node_init(&handler->node);
	handler->type = type;
	handler->handler = function;
	handler->context = context;
	pthread_mutex_lock(&registry->lock);
	urcu_bp_read_lock();
	present = cds_lfht_add_unique(registry->table, hash(type), matches,
				      &type, &handler->node);
	urcu_bp_read_unlock();
	if (present != &handler->node) {
		pthread_mutex_unlock(&registry->lock);
		free(handler);
		return fastipc_fail(
			-EEXIST,
			"message type %u has a handler: remove it first", type);
	}
	changed(registry);
	if (++registry->size > registry->buckets) {
		registry->buckets *= 2;
		cds_lfht_resize(registry->table, registry->buckets);
	}
	pthread_mutex_unlock(&registry->lock);
	return 0;
}

int fastipc_registry_remove(struct registry *registry, uint16_t type)
{
	struct handler *handler;

	pthread_mutex_lock(&registry->lock);
	urcu_bp_read_lock();
	handler = find(registry, type);
	if (handler)
		cds_lfht_del(registry->table, &handler->node);
	urcu_bp_read_unlock();
	if (handler) {
		registry->size--;
		changed(registry);
	}
	pthread_mutex_unlock(&registry->lock);
	if (!handler)
		return fastipc_fail(-ENOENT, "message type %u has no handler",
				    type);
	/* Who found it before the change has left its read section after. */
	urcu_bp_synchronize_rcu();
	free(handler);
	return 0;
}

void fastipc_registry_read_begin(void)
{
	urcu_bp_read_lock();
}

void fastipc_registry_read_end(void)
{
	urcu_bp_read_unlock();
}

bool fastipc_registry_look_up(struct registry *registry, uint16_t type,
			      uint64_t generation, struct handler_cache *cache)
{
	struct handler *handler = find(registry, type);

	if (!handler)
		return false;
	cache->generation = generation;
	cache->type = type;
	cache->handler = handler->handler;
	cache->context = handler->context;
	return true;
}
