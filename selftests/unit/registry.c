// SPDX-License-Identifier: MIT
/*
 * The registry of handlers: types that share a chain are told apart, come and
 * go at each place of it, and caches notice.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rpc/registry.h"

#define IN_CHAIN 5u /* of types that share one */

static int contexts[IN_CHAIN];

static int never_called(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	return -EFAULT;
}

static uint16_t type_of(unsigned int i)
{
	return (uint16_t)(7 + i * REGISTRY_CHAINS);
}

static int add(struct registry *registry, unsigned int i)
{
	return fastipc_registry_add(registry, type_of(i), never_called,
				    &contexts[i]);
}

/* Its context, or NULL. */
static void *found(struct registry *registry, uint16_t type,
		   struct handler_cache *cache)
{
	bool there;

	fastipc_registry_read_begin();
	there = fastipc_registry_find(registry, type, cache);
	fastipc_registry_read_end();
	return there ? cache->context : NULL;
}

static void *looked_up(struct registry *registry, uint16_t type)
{
	struct handler_cache cache = { .type = UINT32_MAX };

	return found(registry, type, &cache);
}

static struct registry *full(void)
{
	struct registry *registry = fastipc_registry_create();

	assert_non_null(registry);
	for (unsigned int i = 0; i < IN_CHAIN; i++)
		assert_int_equal(add(registry, i), 0);
	return registry;
}

static void types_that_share_a_chain(void **state)
{
	struct registry *registry = full();

	(void)state;
	for (unsigned int i = 0; i < IN_CHAIN; i++) {
		assert_ptr_equal(looked_up(registry, type_of(i)), &contexts[i]);
		assert_int_equal(add(registry, i), -EEXIST);
	}
	assert_null(looked_up(registry, type_of(IN_CHAIN)));
	assert_null(looked_up(registry, 8));
	fastipc_registry_destroy(registry);
}

/* At the head of the chain, at its end, and in between. */
static void removed_from_each_place(void **state)
{
	(void)state;
	for (unsigned int gone = 0; gone < IN_CHAIN; gone++) {
		struct registry *registry = full();

		assert_int_equal(
			fastipc_registry_remove(registry, type_of(gone)), 0);
		assert_int_equal(fastipc_registry_remove(registry,
							 type_of(gone)),
				 -ENOENT);
		for (unsigned int i = 0; i < IN_CHAIN; i++)
			assert_ptr_equal(looked_up(registry, type_of(i)),
					 i == gone ? NULL : &contexts[i]);
		assert_int_equal(add(registry, gone), 0);
		assert_ptr_equal(looked_up(registry, type_of(gone)),
				 &contexts[gone]);
		fastipc_registry_destroy(registry);
	}
}

static void caches_notice_changes(void **state)
{
	struct handler_cache cache = { .type = UINT32_MAX };
	struct registry *registry = fastipc_registry_create();

	(void)state;
	assert_null(found(registry, type_of(0), &cache));
	assert_int_equal(add(registry, 0), 0);
	assert_ptr_equal(found(registry, type_of(0), &cache), &contexts[0]);
	assert_int_equal(fastipc_registry_remove(registry, type_of(0)), 0);
	assert_null(found(registry, type_of(0), &cache));
	assert_int_equal(fastipc_registry_add(registry, type_of(0),
					      never_called, &contexts[1]),
			 0);
	assert_ptr_equal(found(registry, type_of(0), &cache), &contexts[1]);
	fastipc_registry_destroy(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_that_share_a_chain),
		cmocka_unit_test(removed_from_each_place),
		cmocka_unit_test(caches_notice_changes),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
