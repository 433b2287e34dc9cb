// SPDX-License-Identifier: MIT
/*
 * A pool's figures where other processes can read them.
 */
#include "pool/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transport/memfd.h"

/* It may take one thousandth of the time; but who was kept from the CPU
 * meanwhile does not let others wait for long. */
#define WRITING_SHARE 1000u
#define WRITTEN_LATE_NS 100000000u

/* Map it, and see to it that nobody else ever writes it or takes it away. */
static struct fastipc_pool_page *map_page(int fd)
{
	void *page = mmap(NULL, sizeof(struct fastipc_pool_page),
			  PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return NULL;
	if (!fastipc_memfd_seal(fd))
		return page;
	munmap(page, sizeof(struct fastipc_pool_page));
	return NULL;
}

void fastipc_pool_publish(struct fastipc_pool *pool)
{
	struct fastipc_pool_page *page = NULL;
	int fd = fastipc_memfd_create(FASTIPC_POOL_MEMFD, sizeof(*page));

	if (fd >= 0)
		page = map_page(fd);
	if (!page) {
		if (fd >= 0)
			close(fd);
		return;
	}
	page->size = sizeof(*page);
	page->pid = (uint64_t)getpid();
	page->id = pool->id;
	page->began_ns = fastipc_now_ns();
	memcpy(page->name, pool->name, strlen(pool->name) + 1);
	fastipc_lock(&pool->lock);
	pool->page = page;
	pool->page_fd = fd;
	fastipc_pool_write_down(pool, page->began_ns);
	fastipc_unlock(&pool->lock);
	__atomic_store_n(&page->magic, FASTIPC_POOL_MAGIC, __ATOMIC_RELEASE);
}

void fastipc_pool_write_down(struct fastipc_pool *pool, uint64_t now)
{
	struct fastipc_pool_page *page = pool->page;
	uint64_t took;

	/* A child of its process has a pool of its own, and the page, too. */
	if (!page || now < pool->publish_at || page->pid != (uint64_t)getpid())
		return;
	/* Pairs with the reads in read_page(), published.c. */
	__atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	page->written_ns = now;
	fastipc_pool_collect(pool, &page->figures);
	__atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELEASE);
	took = fastipc_now_ns() - now;
	pool->publish_at = now + (took * WRITING_SHARE < WRITTEN_LATE_NS
					  ? took * WRITING_SHARE
					  : WRITTEN_LATE_NS);
}

void fastipc_pool_unpublish(struct fastipc_pool *pool)
{
	if (!pool->page)
		return;
	munmap(pool->page, sizeof(*pool->page));
	close(pool->page_fd);
}
