// SPDX-License-Identifier: MIT
/*
 * What other processes see of a pool, and that they are not led astray by who
 * pretends to have one.
 */
#include "pool_servers.h"

#include "pool/published.h"

struct seen {
	struct fastipc_pool_info info;
	struct fastipc_pool_endpoint_info endpoints[2];
	pid_t pid; /* that is looked for */
	unsigned int count;
};

static int see(const struct fastipc_pool_info *info, void *context)
{
	struct seen *seen = context;

	if (info->pid != seen->pid)
		return 0;
	seen->count++;
	seen->info = *info;
	assert_in_range(info->stats.endpoints, 0, 2);
	memcpy(seen->endpoints, info->endpoints,
	       info->stats.endpoints * sizeof(*info->endpoints));
	return 0;
}

static struct seen look(const char *address, pid_t pid)
{
	struct seen seen = { .pid = pid };

	assert_result(fastipc_list_pools(address, see, &seen), 0);
	return seen;
}

static unsigned int pools_of(pid_t pid)
{
	return look(NULL, pid).count;
}

/* Of the pool that was made last; as it is now. */
static struct seen written(struct fastipc_pool *pool)
{
	uint64_t start = fastipc_now_ns(), until = soon(), before;
	struct seen seen;

	do {
		assert_true(fastipc_now_ns() < until);
		usleep(10000);
		fastipc_pool_maintain(pool);
		/* To look may take long. */
		before = fastipc_now_ns();
		seen = look(NULL, getpid());
	} while (before - seen.info.written_ns < start + MS);
	return seen;
}

static void call_100_times(struct fastipc_pool *pool)
{
	for (int i = 0; i < 100; i++)
		assert_result(echo(pool, PATIENCE, false), 0);
	written(pool);
}

static void figures_are_those_of_the_pool(void **state)
{
	const struct fastipc_pool_address addresses[] = { { "seen", 1 },
							  { "not-there", 0 } };
	struct standby server = server_begin("seen", 1);
	struct footprint before = footprint_now();
	struct fastipc_pool_options options = usual();
	struct fastipc_client *client;
	struct fastipc_pool_stats stats;
	struct fastipc_pool *pool;
	struct seen seen;

	(void)state;
	assert_int_equal(pools_of(getpid()), 0);
	options.name = "w\xc3\xa4re";
	pool = pool_for(addresses, 2, &options);
	/* At once, although nothing was called. */
	seen = look(NULL, getpid());
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.info.stats.connections, 1);
	assert_int_equal(seen.info.stats.calls, 0);
	call_100_times(pool);
	assert_result(fastipc_pool_acquire(pool, NULL, &client), 0);
	seen = written(pool);
	assert_int_equal(seen.info.stats.in_use, 1);
	assert_result(fastipc_pool_release(pool, client), 0);
	seen = written(pool);
	stats = stats_of(pool);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.info.name, options.name);
	assert_int_equal(seen.info.uid, geteuid());
	assert_int_equal(seen.info.stats.size, sizeof(stats));
	assert_int_equal(seen.info.stats.connections, stats.connections);
	assert_int_equal(seen.info.stats.endpoints_up, stats.endpoints_up);
	/* What is before has a gap, in which there may be anything. */
	assert_memory_equal(&seen.info.stats.hits, &stats.hits,
			    sizeof(stats) -
				    offsetof(struct fastipc_pool_stats, hits));
	assert_int_equal(seen.info.stats.calls, 100);
	assert_int_equal(seen.info.stats.latency.count, 100);
	assert_true(seen.info.stats.latency.p99_ns > 0);
	assert_true(seen.info.age_ns >= 10 * MS);
	assert_true(seen.info.written_ns < seen.info.age_ns);
	assert_int_equal(seen.info.stats.endpoints, 2);
	assert_string_equal(seen.endpoints[0].address, "seen");
	assert_int_equal(seen.endpoints[0].calls, 100);
	assert_int_equal(seen.endpoints[0].connections, stats.connections);
	assert_string_equal(seen.endpoints[1].address, "not-there");
	assert_int_equal(seen.endpoints[1].calls, 0);
	/* By a server of its own, in whatever way that is written. */
	assert_int_equal(look("seen", getpid()).count, 1);
	assert_int_equal(look("memfd:not-there", getpid()).count, 1);
	assert_int_equal(look("other", getpid()).count, 0);
	assert_result(fastipc_list_pools("a b", see, &seen), -EINVAL);
	assert_result(fastipc_list_pools(NULL, NULL, NULL), -EINVAL);
	fastipc_pool_destroy(pool);
	assert_int_equal(pools_of(getpid()), 0);
	assert_footprint(before);
	server_end(&server);
}

/* Without maintenance, too: a call that is a while after the last. */
static void calls_write_them_down(void **state)
{
	struct standby server = server_begin("written", 1);
	struct fastipc_pool *pool = pool_of("written", NULL);
	uint64_t until = soon();

	(void)state;
	do {
		assert_true(fastipc_now_ns() < until);
		assert_result(echo(pool, PATIENCE, false), 0);
		usleep(11000);
	} while (look(NULL, getpid()).info.stats.calls < 3);
	fastipc_pool_destroy(pool);
	server_end(&server);
}

static void unnamed_ones_are_not_seen(void **state)
{
	struct footprint before = footprint_now();
	struct fastipc_pool_options options = usual();
	struct fastipc_pool *pool;

	(void)state;
	options.name = "";
	pool = pool_of("nobody", &options);
	assert_int_equal(pools_of(getpid()), 0);
	assert_int_equal(footprint_now().descriptors, before.descriptors);
	fastipc_pool_destroy(pool);
}

/* Who has the descriptor from its parent has no pool. */
static void children_have_none(void **state)
{
	struct fastipc_pool *pool = pool_of("nobody", NULL);
	int ends[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char byte;

		close(ends[1]);
		fastipc_pool_maintain(pool);
		_exit((int)read(ends[0], &byte, 1));
	}
	close(ends[0]);
	assert_int_equal(pools_of(pid), 0);
	assert_int_equal(pools_of(getpid()), 1);
	close(ends[1]);
	assert_ended_well(pid);
	fastipc_pool_destroy(pool);
}

/* The same text as each has for itself, but for one more head or two. */
static void text_of_all(void **state)
{
	struct standby server = server_begin("text", 1);
	struct fastipc_pool_options options = usual();
	struct fastipc_buffer text = { 0 }, fixed = { .fixed = true };
	struct fastipc_pool *pools[2];
	char line[200], *copy, *head;

	(void)state;
	options.name = "a \"b\"";
	for (int i = 0; i < 2; i++) {
		pools[i] = pool_of("text", &options);
		call_100_times(pools[i]);
	}
	assert_result(fastipc_pools_prometheus("text", &text), 0);
	copy = strndup(text.data, text.size);
	assert_non_null(copy);
	for (int i = 0; i < 2; i++) {
		struct seen seen = look("text", getpid());

		snprintf(line, sizeof(line),
			 "\nfastipc_pool_calls_total{pool=\"a \\\"b\\\"\","
			 "pid=\"%d\",id=\"%llu\"} 100\n",
			 (int)getpid(),
			 (unsigned long long)seen.info.id + (unsigned int)i -
				 1);
		assert_non_null(strstr(copy, line));
	}
	head = strstr(copy, "# TYPE fastipc_pool_call_seconds histogram\n");
	assert_non_null(head);
	assert_null(strstr(head + 1, "# TYPE fastipc_pool_call_seconds "));
	assert_non_null(strstr(head, "le=\"+Inf\"} 100\n"));
	free(copy);
	assert_result(fastipc_pools_prometheus("text", &fixed), -EMSGSIZE);
	assert_true(fixed.size > text.size / 2);
	assert_result(fastipc_pools_prometheus(NULL, NULL), -EINVAL);
	fastipc_buffer_free(&text);
	for (int i = 0; i < 2; i++)
		fastipc_pool_destroy(pools[i]);
	server_end(&server);
}

/* ---- who pretends ---- */

static int pretend(const void *page, size_t size)
{
	int fd = memfd_create(FASTIPC_POOL_MEMFD, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, page, size), (ssize_t)size);
	return fd;
}

static struct fastipc_pool_page *good_page(void)
{
	struct fastipc_pool_page *page = calloc(1, sizeof(*page));

	assert_non_null(page);
	page->magic = FASTIPC_POOL_MAGIC;
	page->size = sizeof(*page);
	page->pid = (uint64_t)getpid();
	page->figures.stats.endpoints = 1;
	return page;
}

static void assert_seen(const struct fastipc_pool_page *page, size_t size,
			unsigned int count)
{
	int fd = pretend(page, size);

	assert_int_equal(pools_of(getpid()), count);
	close(fd);
}

static void wrong_pages_are_passed_over(void **state)
{
	struct fastipc_pool_page *page = good_page();
	const size_t whole = sizeof(*page);

	(void)state;
	assert_seen(page, whole, 1);
	assert_seen(page, whole - 1, 0);
	assert_seen(page, 0, 0);
	page->magic++;
	assert_seen(page, whole, 0);
	page->magic--;
	page->size++;
	assert_seen(page, whole, 0);
	page->size--;
	page->pid++;
	assert_seen(page, whole, 0);
	page->pid--;
	page->figures.stats.endpoints = FASTIPC_POOL_ENDPOINTS_MAX + 1;
	assert_seen(page, whole, 0);
	page->figures.stats.endpoints = 1;
	/* For ever in the middle of it. */
	page->sequence = 7;
	assert_seen(page, whole, 0);
	free(page);
}

static void names_without_an_end(void **state)
{
	struct fastipc_pool_page *page = good_page();
	struct fastipc_buffer text = { 0 };
	struct seen seen;
	int fd;

	(void)state;
	memset(page->name, 0xff, sizeof(page->name));
	memset(page->figures.endpoints, '"', sizeof(page->figures.endpoints));
	memset(&page->figures.latency, 0xff, sizeof(page->figures.latency));
	fd = pretend(page, sizeof(*page));
	seen = look(NULL, getpid());
	assert_int_equal(seen.count, 1);
	assert_int_equal(strlen(seen.info.name), FASTIPC_NAME_MAX);
	assert_true(fastipc_utf8_valid(seen.info.name, FASTIPC_NAME_MAX));
	assert_int_equal(strlen(seen.endpoints[0].address),
			 FASTIPC_POOL_ADDRESS_SIZE - 1);
	assert_result(fastipc_pools_prometheus(NULL, &text), 0);
	assert_true(fastipc_utf8_valid(text.data, text.size));
	fastipc_buffer_free(&text);
	close(fd);
	free(page);
}

/* Who prints them does so on a terminal. */
static void names_have_no_control_characters(void **state)
{
	struct fastipc_pool_page *page = good_page();
	struct seen seen;
	int fd;

	(void)state;
	strcpy(page->name, "a\x1b[2Jb\xc2\x9b"
			   "c\x7f\n\xc3\xa4\xc2\xa0");
	fd = pretend(page, sizeof(*page));
	seen = look(NULL, getpid());
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.info.name, "a?[2Jb??c??\xc3\xa4\xc2\xa0");
	close(fd);
	free(page);
}

static void __attribute__((noreturn)) scribble(int fd, size_t words)
{
	for (uint64_t i = 0;; i++) {
		uint64_t noise = i * 0x9e3779b97f4a7c15ull;

		check(pwrite(fd, &noise, sizeof(noise),
			     (off_t)(i % words * sizeof(noise))) > 0);
	}
}

/* A file that changes all the time: something, or nothing, and no end. */
static void scribblers_hold_nobody_up(void **state)
{
	struct fastipc_pool_page *page = good_page();
	uint64_t start = fastipc_now_ns();
	int fd = pretend(page, sizeof(*page));
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		scribble(fd, sizeof(*page) / sizeof(uint64_t));
	for (int i = 0; i < 200; i++)
		pools_of(getpid());
	assert_true(fastipc_now_ns() - start < PATIENCE);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_those_of_the_pool),
		cmocka_unit_test(calls_write_them_down),
		cmocka_unit_test(unnamed_ones_are_not_seen),
		cmocka_unit_test(children_have_none),
		cmocka_unit_test(text_of_all),
		cmocka_unit_test(wrong_pages_are_passed_over),
		cmocka_unit_test(names_without_an_end),
		cmocka_unit_test(names_have_no_control_characters),
		cmocka_unit_test(scribblers_hold_nobody_up),
	};

	return cmocka_run_group_tests_name("pool_published", tests,
					   pool_test_make,
					   runtime_directory_remove);
}
