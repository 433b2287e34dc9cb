// SPDX-License-Identifier: MIT
/*
 * Large blocks that are kept for a while.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fastipc/types.h>

#include "rpc/stash.h"

#define MIB ((size_t)1 << 20)

static void *take(struct fastipc_stash *stash, size_t size, size_t expected)
{
	size_t capacity = 0;
	void *block = fastipc_stash_take(stash, size, &capacity);

	assert_non_null(block);
	assert_int_equal(capacity, expected);
	memset(block, 1, size);
	return block;
}

static void two_are_kept(void **state)
{
	struct fastipc_stash stash = { 0 };
	void *request = take(&stash, 3 * MIB, 3 * MIB);
	void *answer = take(&stash, 2 * MIB, 2 * MIB);

	(void)state;
	assert_true(fastipc_stash_is_empty(&stash));
	for (int i = 0; i < 3; i++) {
		fastipc_stash_put(&stash, answer, 2 * MIB);
		fastipc_stash_put(&stash, request, 3 * MIB);
		assert_false(fastipc_stash_is_empty(&stash));
		assert_ptr_equal(take(&stash, 3 * MIB, 3 * MIB), request);
		assert_false(fastipc_stash_is_empty(&stash));
		assert_ptr_equal(take(&stash, 2 * MIB - 5, 2 * MIB), answer);
		assert_true(fastipc_stash_is_empty(&stash));
	}
	free(request);
	free(answer);
}

/* Neither one that is too small, nor one of which most would be left over. */
static void what_does_not_fit_stays(void **state)
{
	struct fastipc_stash stash = { 0 };
	void *block = take(&stash, 4 * MIB, 4 * MIB);
	size_t others[] = { 4 * MIB + 1, 2 * MIB - 1 };

	(void)state;
	fastipc_stash_put(&stash, block, 4 * MIB);
	for (int i = 0; i < 2; i++) {
		void *other = take(&stash, others[i], others[i]);

		assert_ptr_not_equal(other, block);
		free(other);
	}
	assert_ptr_equal(take(&stash, 2 * MIB, 4 * MIB), block);
	free(block);
}

static void the_oldest_goes(void **state)
{
	struct fastipc_stash stash = { 0 };
	void *blocks[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		blocks[i] = take(&stash, (2 + i) * MIB, (2 + i) * MIB);
	for (size_t i = 0; i < 3; i++)
		fastipc_stash_put(&stash, blocks[i], (2 + i) * MIB);
	assert_ptr_equal(take(&stash, 4 * MIB, 4 * MIB), blocks[2]);
	assert_ptr_equal(take(&stash, 3 * MIB, 3 * MIB), blocks[1]);
	assert_true(fastipc_stash_is_empty(&stash));
	free(blocks[1]);
	free(blocks[2]);
}

static void after_a_while_all_go(void **state)
{
	struct fastipc_stash stash = { 0 };
	uint64_t now;

	(void)state;
	fastipc_stash_put(&stash, take(&stash, MIB, MIB), MIB);
	fastipc_stash_put(&stash, take(&stash, 3 * MIB, 3 * MIB), 3 * MIB);
	now = fastipc_now_ns();
	fastipc_stash_tidy(&stash, now);
	assert_false(fastipc_stash_is_empty(&stash));
	fastipc_stash_tidy(&stash, now + FASTIPC_STASH_NS);
	assert_true(fastipc_stash_is_empty(&stash));
	fastipc_stash_clear(&stash);
}

static void no_memory(void **state)
{
	struct fastipc_stash stash = { 0 };
	size_t capacity;

	(void)state;
	assert_null(fastipc_stash_take(&stash, SIZE_MAX / 2, &capacity));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_are_kept),
		cmocka_unit_test(what_does_not_fit_stays),
		cmocka_unit_test(the_oldest_goes),
		cmocka_unit_test(after_a_while_all_go),
		cmocka_unit_test(no_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("stash", tests, NULL, NULL);
}
