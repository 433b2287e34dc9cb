// SPDX-License-Identifier: MIT
/*
 * CRC-32C: each variant this CPU can run, and the chosen one, against RFC 3720
 * and against a bit at a time; and that no byte outside is read or written.
 */
#include <endian.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "frame/crc32c.h"

#define LARGEST (100u << 10)
#define ROUNDS 2000

/* A bit at a time, straight from the polynomial. */
static uint32_t reference(uint32_t crc, const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
	}
	return crc;
}

/* A seed that is always the same (splitmix64), so that a failure comes back. */
static uint64_t state;

static uint64_t random_below(uint64_t limit)
{
	uint64_t z = state += 0x9E3779B97F4A7C15;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return (z ^ z >> 31) % limit;
}

/* @size bytes that end where a page that must not be touched begins. */
struct guarded {
	unsigned char *end;
	void *mapping;
	size_t length;
};

static struct guarded guarded_make(size_t size)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	struct guarded guarded = { .length = (size + page - 1) / page * page +
					     2 * page };

	guarded.mapping = mmap(NULL, guarded.length, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(guarded.mapping, MAP_FAILED);
	guarded.end = (unsigned char *)guarded.mapping + guarded.length - page;
	assert_int_equal(mprotect(guarded.end, page, PROT_NONE), 0);
	for (unsigned char *p = guarded.mapping; p < guarded.end; p++)
		*p = random_below(256);
	return guarded;
}

static void guarded_free(struct guarded *guarded)
{
	assert_int_equal(munmap(guarded->mapping, guarded->length), 0);
}

/* The chosen one is a case of its own: its pointers change at the first call. */
static const struct fastipc_crc32c_variant chosen = {
	.name = "chosen",
	.crc = fastipc_crc32c,
	.copy = fastipc_crc32c_copy,
	.copy_in = fastipc_crc32c_copy_in,
	.frame = fastipc_crc32c_frame,
};

static const struct fastipc_crc32c_variant *
next_usable(const struct fastipc_crc32c_variant *variant)
{
	if (variant == &chosen)
		variant = fastipc_crc32c_variants;
	else
		variant++;
	while (variant->name && !variant->usable())
		variant++;
	return variant;
}

static void test_known_answers(void **unused)
{
	static const unsigned char read_command[48] = {
		0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00,
		0x00, 0x18, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	};
	unsigned char zeros[32], ones[32], up[32], down[32];
	const struct {
		const void *data;
		size_t size;
		uint32_t crc;
	} answers[] = {
		{ zeros, 32, 0x8A9136AA }, /* RFC 3720, B.4 */
		{ ones, 32, 0x62A8AB43 },
		{ up, 32, 0x46DD794E },
		{ down, 32, 0x113FDB5C },
		{ read_command, 48, 0xD9963A56 },
		{ "123456789", 9, 0xE3069283 }, /* the usual check value */
		{ "", 0, 0 },
		{ NULL, 0, 0 },
	};
	const struct fastipc_crc32c_variant *variant;
	unsigned char copy[48];

	(void)unused;
	memset(zeros, 0, sizeof(zeros));
	memset(ones, 0xff, sizeof(ones));
	for (int i = 0; i < 32; i++)
		up[i] = i, down[i] = 31 - i;

	for (variant = &chosen; variant->name; variant = next_usable(variant)) {
		for (size_t i = 0; i < sizeof(answers) / sizeof(*answers);
		     i++) {
			const void *data = answers[i].data;
			const size_t size = answers[i].size;

			assert_int_equal(~variant->crc(~0u, data, size),
					 answers[i].crc);
			assert_int_equal(~variant->copy(~0u, copy, data, size),
					 answers[i].crc);
			if (size)
				assert_memory_equal(copy, data, size);
			memset(copy, 0xA5, sizeof(copy));
			assert_int_equal(~variant->copy_in(~0u, copy, data,
							   size),
					 answers[i].crc);
			if (size)
				assert_memory_equal(copy, data, size);
		}
	}
}

/* A header's three words, then the bytes: the same as in one piece. */
static void check_frame(const struct fastipc_crc32c_variant *variant,
			unsigned char *to, const unsigned char *from,
			size_t size)
{
	const uint64_t w[] = { 0x0001000143504946u, size * 0x9e3779b97f4a7c15u,
			       size };
	const uint64_t words[] = { htole64(w[0]), htole64(w[1]),
				   htole64(w[2]) };
	uint32_t expected = fastipc_crc32c(~0u, words, sizeof(words));

	expected = fastipc_crc32c(expected, from, size);
	memset(to, 0xA5, size);
	assert_int_equal(variant->frame(w[0], w[1], w[2], to, from, size),
			 expected);
	assert_memory_equal(to, from, size);
}

/*
 * All calls on the @size bytes at @from, @to; the bytes around the copy must
 * keep their values.
 */
static void check(const struct fastipc_crc32c_variant *variant, uint32_t seed,
		  unsigned char *to, const unsigned char *from, size_t size,
		  uint32_t expected)
{
	unsigned char before[64];

	memcpy(before, to - sizeof(before), sizeof(before));
	memset(to, 0xA5, size);
	assert_int_equal(variant->crc(seed, from, size), expected);
	assert_int_equal(variant->copy(seed, to, from, size), expected);
	assert_memory_equal(to, from, size);
	memset(to, 0xA5, size);
	assert_int_equal(variant->copy_in(seed, to, from, size), expected);
	assert_memory_equal(to, from, size);
	check_frame(variant, to, from, size);
	assert_memory_equal(to - sizeof(before), before, sizeof(before));
}

/* Every size to 1024, ending right before an unreadable page. */
static void test_every_small_size(void **unused)
{
	struct guarded source = guarded_make(1024);
	struct guarded destination = guarded_make(1024);
	const struct fastipc_crc32c_variant *variant;

	(void)unused;
	for (size_t size = 0; size <= 1024; size++) {
		const unsigned char *from = source.end - size;
		const uint32_t seed = random_below(1ull << 32);
		const uint32_t expected = reference(seed, from, size);

		for (variant = &chosen; variant->name;
		     variant = next_usable(variant))
			check(variant, seed, destination.end - size, from, size,
			      expected);
	}
	guarded_free(&destination);
	guarded_free(&source);
}

/*
 * Sizes that end at each round and stream of the long methods: where one gives
 * way to the next, and where a chunk is the largest that the tables allow.
 */
static void test_every_size_between(void **unused)
{
	struct guarded source = guarded_make(24 << 10);
	struct guarded destination = guarded_make(24 << 10);
	const struct fastipc_crc32c_variant *variant;
	const unsigned char *start = source.end - (24 << 10);
	uint32_t expected = ~0u;

	(void)unused;
	for (size_t size = 0; size <= 24 << 10; size += 8) {
		for (variant = &chosen; variant->name;
		     variant = next_usable(variant)) {
			assert_int_equal(variant->crc(~0u, start, size),
					 expected);
			assert_int_equal(variant->copy(~0u, destination.mapping,
						       start, size),
					 expected);
			memset(destination.mapping, 0xA5, size);
			assert_int_equal(variant->copy_in(~0u,
							  destination.mapping,
							  start, size),
					 expected);
			assert_memory_equal(destination.mapping, start, size);
		}
		if (size < 24 << 10)
			expected = reference(expected, start + size, 8);
	}
	guarded_free(&destination);
	guarded_free(&source);
}

/* Random sizes and alignments; bytes after the copy are looked at as well. */
static void test_random_pieces(void **unused)
{
	struct guarded source = guarded_make(LARGEST + 64);
	struct guarded destination = guarded_make(LARGEST + 64);
	const struct fastipc_crc32c_variant *variant;

	(void)unused;
	for (int round = 0; round < ROUNDS; round++) {
		/* Mostly a few KiB: the reference is slow. */
		const size_t limit = round % 50 ? 4096 : LARGEST + 1;
		const size_t size = random_below(limit);
		const size_t behind_from = random_below(64);
		const size_t behind_to = random_below(64);
		const unsigned char *from = source.end - size - behind_from;
		unsigned char *to = destination.end - size - behind_to;
		const uint32_t seed = random_below(1ull << 32);
		const uint32_t expected = reference(seed, from, size);
		unsigned char after[64];

		memcpy(after, to + size, behind_to);
		for (variant = &chosen; variant->name;
		     variant = next_usable(variant))
			check(variant, seed, to, from, size, expected);
		assert_memory_equal(after, to + size, behind_to);
	}
	guarded_free(&destination);
	guarded_free(&source);
}

/* By one of the three ways. */
static uint32_t take(const struct fastipc_crc32c_variant *variant, uint32_t crc,
		     unsigned char *to, const unsigned char *from, size_t size)
{
	switch (random_below(3)) {
	case 0:
		memcpy(to, from, size);
		return variant->crc(crc, from, size);
	case 1:
		return variant->copy(crc, to, from, size);
	default:
		return variant->copy_in(crc, to, from, size);
	}
}

/* One piece or many, in one variant or in several: the same CRC. */
static void test_carry_across_splits(void **unused)
{
	struct guarded source = guarded_make(LARGEST);
	struct guarded destination = guarded_make(LARGEST);
	const unsigned char *from = source.end - LARGEST;
	unsigned char *to = destination.end - LARGEST;
	const uint32_t expected = reference(~0u, from, LARGEST);
	const struct fastipc_crc32c_variant *variant;
	uint32_t mixed = ~0u;

	(void)unused;
	for (variant = &chosen; variant->name; variant = next_usable(variant))
		for (size_t limit = 3; limit <= LARGEST; limit *= 7) {
			uint32_t crc = ~0u;

			memset(to, 0, LARGEST);
			for (size_t at = 0, size; at < LARGEST; at += size) {
				size = random_below(limit) + 1;
				if (size > LARGEST - at)
					size = LARGEST - at;
				crc = take(variant, crc, to + at, from + at,
					   size);
			}
			assert_int_equal(crc, expected);
			assert_memory_equal(to, from, LARGEST);
		}

	variant = &chosen;
	for (size_t at = 0; at < LARGEST; at += 2048) {
		mixed = variant->crc(mixed, from + at, 2048);
		variant = next_usable(variant);
		if (!variant->name)
			variant = &chosen;
	}
	assert_int_equal(mixed, expected);
	guarded_free(&destination);
	guarded_free(&source);
}

/*
 * Another process writes the source all the time (a process, because between
 * threads it would be a data race): the CRC is still that of the copy.
 */
static void test_source_changes_meanwhile(void **unused)
{
	enum { SIZE = 4096 };
	static unsigned char copy[SIZE];
	const struct fastipc_crc32c_variant *variant;
	volatile unsigned char *shared;
	pid_t pid;

	(void)unused;
	shared = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(60);
		for (unsigned int i = 0;; i++)
			shared[i % SIZE]++;
	}
	for (variant = &chosen; variant->name; variant = next_usable(variant))
		for (int round = 0; round < 1000; round++) {
			const size_t size = random_below(SIZE + 1);
			const void *from = (const void *)shared;
			const uint32_t crc =
				round % 2 ? variant->copy(~0u, copy, from, size)
					  : variant->copy_in(~0u, copy, from,
							     size);

			assert_int_equal(crc, reference(~0u, copy, size));
		}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(munmap((void *)shared, SIZE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_every_small_size),
		cmocka_unit_test(test_every_size_between),
		cmocka_unit_test(test_random_pieces),
		cmocka_unit_test(test_carry_across_splits),
		cmocka_unit_test(test_source_changes_meanwhile),
	};

	return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
