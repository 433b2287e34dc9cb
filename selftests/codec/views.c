// SPDX-License-Identifier: MIT
/*
 * Memory that others can change: views of it while it is rewritten, snapshots
 * of it, and memfds whose seals rule that out.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "everything.fastipc.h"

#define PAGE 4096u
#define ROUNDS 20000

/* TSan would tell of the races that this is about. */
#if defined(__SANITIZE_THREAD__)
#define RACES 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACES 0
#endif
#endif
#ifndef RACES
#define RACES 1
#endif

static uint64_t sum; /* of all that was read */

static void touch(struct fastipc_shared shared)
{
	uint8_t bytes[PAGE];

	if (fastipc_shared_copy(shared, bytes, sizeof(bytes)) && shared.data)
		sum += bytes[0];
}

static void touch_leaf(struct codec_test_Leaf_view leaf)
{
	sum += (uint64_t)codec_test_Leaf_view_number(leaf);
	touch(codec_test_Leaf_view_name(leaf));
}

/* Every field, however absurd. */
static void touch_all(struct codec_test_All_view all, unsigned int depth)
{
	struct fastipc_string_vector_view texts =
		codec_test_All_view_texts(all);
	struct codec_test_Leaf_vector_view leaves =
		codec_test_All_view_leaves(all);
	struct codec_test_Mixed_vector_view mixeds =
		codec_test_All_view_mixeds(all);
	struct fastipc_u64_vector_view u64s = codec_test_All_view_u64s(all);

	sum += codec_test_All_view_yes(all) + codec_test_All_view_u64(all) +
	       codec_test_All_view_has_maybe_f64(all) +
	       (uint64_t)codec_test_All_view_i64(all) +
	       codec_test_All_view_mixed(all).inner.big +
	       (uint64_t)codec_test_All_view_point(all).x;
	touch(codec_test_All_view_text(all));
	touch(codec_test_All_view_bytes(all));
	touch(codec_test_All_view_last(all));
	touch_leaf(codec_test_All_view_leaf(all));
	for (size_t i = 0; i < texts.count; i++)
		touch(fastipc_string_vector_view_at(texts, i));
	for (size_t i = 0; i < leaves.count; i++)
		touch_leaf(codec_test_Leaf_vector_view_at(leaves, i));
	for (size_t i = 0; i < mixeds.count; i++)
		sum += codec_test_Mixed_vector_view_at(mixeds, i).inner.big;
	for (size_t i = 0; i < u64s.count; i++)
		sum += fastipc_u64_vector_view_at(u64s, i);
	touch_leaf(codec_test_All_view_any_as_Leaf(all));
	if (depth < 3) {
		touch_all(codec_test_All_view_all(all), depth + 1);
		touch_all(codec_test_All_view_any_as_All(all), depth + 1);
	}
}

/* A message with much in it. */
static size_t message(uint8_t *data, size_t capacity)
{
	static const uint64_t numbers[] = { 1, 2, 3 };
	const struct fastipc_string texts[] = { fastipc_string_of("one"),
						fastipc_string_of(""),
						fastipc_string_of("three") };
	struct codec_test_Mixed mixeds[2];
	struct codec_test_Leaf leaves[2];
	struct codec_test_All all, inner;
	size_t size;

	memset(mixeds, 1, sizeof(mixeds));
	codec_test_Leaf_init(&leaves[0]);
	leaves[0].name = fastipc_string_of("leaf");
	leaves[1] = leaves[0];
	codec_test_All_init(&inner);
	inner.text = fastipc_string_of("inner");
	inner.leaf = leaves;
	codec_test_All_init(&all);
	all.text = fastipc_string_of("text");
	all.bytes = fastipc_bytes_from("bytes", 5);
	all.leaf = leaves;
	all.mixed = mixeds;
	all.all = &inner;
	codec_test_All_set_any_All(&all, &inner);
	all.u64s.data = numbers;
	all.u64s.count = 3;
	all.mixeds.data = mixeds;
	all.mixeds.count = 2;
	all.texts.data = texts;
	all.texts.count = 3;
	all.leaves.data = leaves;
	all.leaves.count = 2;
	all.last = fastipc_string_of("last");
	assert_int_equal(codec_test_All_encode(&all, data, capacity, &size), 0);
	return size;
}

/* Two pages that nobody may touch, and one between them. */
static uint8_t *guarded(void)
{
	uint8_t *pages = mmap(NULL, (size_t)3 * PAGE, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE),
			 0);
	return pages + PAGE;
}

struct rewriter {
	volatile uint8_t *data;
	const uint8_t *right;
	size_t size;
	int stop;
};

/* Change bytes at random, and put the right ones back now and then. */
static void *rewrite(void *argument)
{
	struct rewriter *rewriter = argument;
	uint64_t bits = 88172645463325252u;

	while (!__atomic_load_n(&rewriter->stop, __ATOMIC_RELAXED)) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		rewriter->data[bits % rewriter->size] = (uint8_t)(bits >> 32);
		if (!(bits >> 40 & 15))
			for (size_t i = 0; i < rewriter->size; i++)
				rewriter->data[i] = rewriter->right[i];
	}
	return NULL;
}

static void memory_is_rewritten(void **state)
{
	uint8_t *page = guarded();
	uint8_t right[PAGE];
	struct rewriter rewriter = { .right = right };
	pthread_t thread;
	uint8_t *data;

	(void)state;
	if (!RACES)
		skip();
	rewriter.size = message(right, sizeof(right));
	/* One byte more is not there. */
	data = page + PAGE - rewriter.size;
	memcpy(data, right, rewriter.size);
	rewriter.data = data;
	assert_int_equal(pthread_create(&thread, NULL, rewrite, &rewriter), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct codec_test_All_reader reader;
		struct fastipc_snapshot snapshot;
		uint8_t copy[PAGE];
		struct fastipc_shared shared =
			fastipc_shared_of(data, rewriter.size);

		touch_all(codec_test_All_view_of(shared), 0);
		/* A copy stands still: it is right, or refused. */
		assert_int_equal(fastipc_shared_snapshot(
					 shared, copy, sizeof(copy), &snapshot),
				 0);
		if (!codec_test_All_read(snapshot, &reader))
			sum += codec_test_All_text(reader).size;
	}
	__atomic_store_n(&rewriter.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	munmap(page - PAGE, (size_t)3 * PAGE);
}

/* Bytes that never were a message. */
static void memory_is_random(void **state)
{
	uint8_t *page = guarded();
	uint64_t bits = 42;

	(void)state;
	for (size_t size = 0; size < 600; size++) {
		uint8_t *data = page + PAGE - size;

		for (int round = 0; round < 50; round++) {
			struct codec_test_All_reader reader;
			struct fastipc_shared shared =
				fastipc_shared_of(data, size);

			for (size_t i = 0; i < size; i++) {
				bits = bits * 6364136223846793005u + 1;
				/* Small headers let more be reached. */
				data[i] = (uint8_t)((bits >> 56) >>
						    (bits >> 40 & 7));
			}
			touch_all(codec_test_All_view_of(shared), 0);
			codec_test_All_read(fastipc_snapshot_of(data, size),
					    &reader);
		}
	}
	munmap(page - PAGE, (size_t)3 * PAGE);
}

static int memfd(size_t size, int seals)
{
	int fd = memfd_create("codec", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void sealed_memory(void **state)
{
	const int all = F_SEAL_WRITE | F_SEAL_SHRINK;
	uint8_t data[PAGE];
	struct fastipc_sealed sealed;
	struct codec_test_All_reader reader;
	size_t size = message(data, sizeof(data));
	int fd = memfd(0, 0);

	(void)state;
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	assert_int_equal(fastipc_sealed_map(fd, PAGE, &sealed), -EBADFD);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(fastipc_sealed_map(fd, PAGE, &sealed), -EBADFD);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(fastipc_sealed_map(fd, size - 1, &sealed), -EMSGSIZE);
	assert_int_equal(fastipc_sealed_map(fd, size, &sealed), 0);
	close(fd);
	assert_int_equal(codec_test_All_read_sealed(sealed, &reader), 0);
	assert_true(fastipc_string_is(codec_test_All_text(reader), "text"));
	fastipc_sealed_unmap(&sealed);
	assert_null(sealed.data);
	fastipc_sealed_unmap(&sealed);

	fd = memfd(0, all);
	assert_int_equal(fastipc_sealed_map(fd, PAGE, &sealed), 0);
	assert_int_equal(codec_test_All_read_sealed(sealed, &reader), 0);
	close(fd);
	assert_int_equal(fastipc_sealed_map(fd, PAGE, &sealed), -EBADF);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fastipc_sealed_map(fd, PAGE, &sealed), -EBADFD);
	close(fd);
	/* The writer's old mapping could still be written. */
	fd = memfd(PAGE, F_SEAL_SHRINK | F_SEAL_GROW | 0x10);
	assert_int_equal(fastipc_sealed_map(fd, PAGE, &sealed), -EBADFD);
	assert_int_equal(fastipc_sealed_map(fd, PAGE, NULL), -EINVAL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_rewritten),
		cmocka_unit_test(memory_is_random),
		cmocka_unit_test(sealed_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
