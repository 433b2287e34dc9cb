// SPDX-License-Identifier: MIT
/*
 * The view in place, of bytes that another thread rewrites at random all the
 * while: whatever is read, it is within them.  A page that cannot be touched
 * follows the last byte, and another is before the first, if the message is as
 * long as its pages are.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "fuzz.h"

#define FIELDS "vectors.fields.h"
#include "agree.h"

#define PAGE 4096u
#define PAGES 16u /* for a message */

/* What the other thread rewrites. */
struct writer {
	volatile uint8_t *bytes;
	size_t size;
	const uint8_t *original;
	uint64_t seed;
	atomic_bool stop;
};

/* Values that ENDs, counts and headers change at. */
static const uint8_t edges[] = { 0, 1, 2, 4, 0x7f, 0x80, 0xff, 0xfc };

static void *rewrite(void *argument)
{
	struct writer *writer = argument;
	uint64_t random = writer->seed | 1;

	while (!atomic_load_explicit(&writer->stop, memory_order_relaxed)) {
		size_t at;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		at = (size_t)(random >> 16) % writer->size;
		/* As it was most times, so that much of it makes sense. */
		if (random & 1)
			writer->bytes[at] = writer->original[at];
		else if (random & 2)
			writer->bytes[at] = (uint8_t)(random >> 8);
		else
			writer->bytes[at] = edges[random >> 8 & 7];
	}
	return NULL;
}

/* Pages that may be touched, between two that may not. */
static uint8_t *guarded(void)
{
	static uint8_t *pages;

	if (pages)
		return pages;
	pages = mmap(NULL, (PAGES + 2) * PAGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(pages != MAP_FAILED);
	pages += PAGE;
	EXPECT(!mprotect(pages, PAGES * PAGE, PROT_READ | PROT_WRITE));
	return pages;
}

#define VIEW(schema, table, index) \
	static void look_at_##table(struct reflect_arena *arena, \
				    struct fastipc_shared shared) \
	{ \
		struct table value; \
\
		view_##table(arena, table##_view_of(shared), &value, 0); \
	}
FIELDS_TABLES(VIEW)

static void (*const looks[])(struct reflect_arena *arena,
			     struct fastipc_shared shared) = {
#define LOOK(schema, table, index) look_at_##table,
	FIELDS_TABLES(LOOK)
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int choice = fuzz_choice(&data, &size);
	struct writer writer = { .size = size, .original = data };
	uint8_t *bytes;
	pthread_t thread;

	if (!size || size > PAGES * PAGE)
		return 0;
	bytes = guarded() + PAGES * PAGE - size;
	memcpy(bytes, data, size);
	writer.bytes = bytes;
	writer.seed = (uint64_t)data[0] << 32 ^ size * 0x9e3779b97f4a7c15;
	EXPECT(!pthread_create(&thread, NULL, rewrite, &writer));
	for (unsigned int i = 0; i < 16; i++) {
		struct reflect_arena arena = { 0 };

		view_budget = view_budget_of(size);
		looks[choice % CODEC_TABLES](&arena,
					     fastipc_shared_of(bytes, size));
		reflect_free(&arena);
	}
	atomic_store(&writer.stop, true);
	pthread_join(thread, NULL);
	return 0;
}
