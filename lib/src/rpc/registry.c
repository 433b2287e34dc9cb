// SPDX-License-Identifier: MIT
/*
 * Handlers in a hash table with chains that are read under RCU.
 *
 * The "bulletproof" flavour of RCU is used: reader threads need not end their
 * registration, so a program may dispatch from any thread of its own.
 *
 * liburcu's own hash table ends the process when it finds no memory, to be made
 * or to grow.  This one has a fixed number of chains: nothing of it is
 * allocated but the handlers.
 */
#include "rpc/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <urcu/urcu-bp.h>

#include "base/error.h"

/* What liburcu maps at once for threads, at most; for some 300 of them. */
#define READERS_MOST 65536u

struct handler {
	struct handler *next; /* in its chain; readers load it at any time */
	uint16_t type;
	fastipc_handler_fn handler;
	void *context;
};

/* Types are small and dense: few of them share a chain. */
static struct handler **chain_of(struct registry *registry, uint16_t type)
{
	return &registry->chains[type % REGISTRY_CHAINS];
}

/* Pairs with the release that linked it: what is found has all its fields. */
static struct handler *load(struct handler *const *link)
{
	return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}

/* In a read section, or with the lock held. */
static struct handler *find(struct registry *registry, uint16_t type)
{
	struct handler *handler = load(chain_of(registry, type));

	while (handler && handler->type != type)
		handler = load(&handler->next);
	return handler;
}

struct registry *fastipc_registry_create(void)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return NULL;
	registry->generation = 1;
	pthread_mutex_init(&registry->lock, NULL);
	return registry;
}

/* No reader is left: the server is being destroyed. */
void fastipc_registry_destroy(struct registry *registry)
{
	if (!registry)
		return;
	for (unsigned int i = 0; i < REGISTRY_CHAINS; i++) {
		while (registry->chains[i]) {
			struct handler *handler = registry->chains[i];

			registry->chains[i] = handler->next;
			free(handler);
		}
	}
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
	struct handler **chain = chain_of(registry, type);

	if (!handler)
		return fastipc_fail(-ENOMEM, "no memory for a handler");
	handler->type = type;
	handler->handler = function;
	handler->context = context;
	pthread_mutex_lock(&registry->lock);
	if (find(registry, type)) {
		pthread_mutex_unlock(&registry->lock);
		free(handler);
		return fastipc_fail(
			-EEXIST,
			"message type %u has a handler: remove it first", type);
	}
	handler->next = *chain;
	__atomic_store_n(chain, handler, __ATOMIC_RELEASE);
	changed(registry);
	pthread_mutex_unlock(&registry->lock);
	return 0;
}

int fastipc_registry_remove(struct registry *registry, uint16_t type)
{
	struct handler **link = chain_of(registry, type);
	struct handler *handler;

	pthread_mutex_lock(&registry->lock);
	while ((handler = *link) && handler->type != type)
		link = &handler->next;
	if (handler) {
		/* A reader that is at this handler goes on behind it. */
		__atomic_store_n(link, handler->next, __ATOMIC_RELEASE);
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

/*
 * liburcu, too, maps memory for readers, and ends the process when there is
 * none.  So look before, one thread at a time, whether there is: only what else
 * the process maps in this moment can still take it away.
 */
int fastipc_registry_add_reader(void)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	static _Thread_local bool added;
	void *room;

	if (__builtin_expect(added, 1))
		return 0;
	pthread_mutex_lock(&one_at_a_time);
	room = mmap(NULL, READERS_MOST, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room != MAP_FAILED) {
		munmap(room, READERS_MOST);
		urcu_bp_register_thread();
		added = true;
	}
	pthread_mutex_unlock(&one_at_a_time);
	return added ? 0
		     : fastipc_fail(-ENOMEM,
				    "no memory for a thread that serves");
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
