// SPDX-License-Identifier: MIT
/*
 * Bulk areas, made, checked and mapped.  The seals are those of regions, and
 * for the same reasons.
 */
#include "transport/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fastipc/types.h>

#include "base/error.h"
#include "transport/memfd.h"

static bool is_area(uint64_t size)
{
	return size >= FASTIPC_BULK_MIN && size <= FASTIPC_BULK_MAX &&
	       !(size & (size - 1));
}

int fastipc_bulk_check(uint64_t size)
{
	if (!size || is_area(size))
		return 0;
	return fastipc_fail(-EINVAL,
			    "bulk_size is %llu: it must be 0, or a power of "
			    "two from %u to %llu",
			    (unsigned long long)size, FASTIPC_BULK_MIN,
			    (unsigned long long)FASTIPC_BULK_MAX);
}

static int map_area(int fd, uint64_t size, int prot, struct fastipc_bulk **bulk)
{
	struct fastipc_bulk *made = malloc(sizeof(*made));
	void *base;

	*bulk = NULL;
	if (!made)
		return fastipc_fail(-ENOMEM, "no memory for a bulk area");
	base = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		int error = errno == EAGAIN ? ENOMEM : errno;

		free(made);
		return fastipc_fail(-error,
				    "cannot map a bulk area of %llu bytes "
				    "(%s): raise RLIMIT_AS, or use a smaller "
				    "bulk_size",
				    (unsigned long long)size,
				    strerrordesc_np(error));
	}
	/* As rings: nobody's business in a core dump. */
	madvise(base, size, MADV_DONTDUMP);
	*made = (struct fastipc_bulk){ .base = base,
				       .size = size,
				       .references = 1 };
	*bulk = made;
	return 0;
}

int fastipc_bulk_create(uint64_t size, struct fastipc_bulk **bulk, int *fd)
{
	int memfd = fastipc_memfd_create("fastipc", size);
	int ret;

	*bulk = NULL;
	*fd = -1;
	if (memfd < 0)
		return memfd;
	ret = map_area(memfd, size, PROT_READ | PROT_WRITE, bulk);
	if (!ret)
		ret = fastipc_memfd_seal(memfd);
	if (ret) {
		fastipc_bulk_unref(*bulk);
		*bulk = NULL;
		close(memfd);
		return ret;
	}
	*fd = memfd;
	return 0;
}

/* Seals before size, as for a region. */
int fastipc_bulk_attach(int fd, uint64_t most, struct fastipc_bulk **bulk)
{
	struct stat st;
	int ret = fastipc_memfd_check(fd);

	*bulk = NULL;
	if (ret)
		return ret;
	if (fstat(fd, &st) || st.st_size < 0 || !is_area((uint64_t)st.st_size))
		return fastipc_fail(-ERANGE,
				    "the peer's bulk area has no size that one "
				    "can have: is it a fastipc peer?");
	if ((uint64_t)st.st_size > most)
		return 0;
	return map_area(fd, (uint64_t)st.st_size, PROT_READ, bulk);
}

struct fastipc_bulk *fastipc_bulk_ref(struct fastipc_bulk *bulk)
{
	__atomic_fetch_add(&bulk->references, 1, __ATOMIC_RELAXED);
	return bulk;
}

void fastipc_bulk_unref(struct fastipc_bulk *bulk)
{
	if (!bulk || __atomic_sub_fetch(&bulk->references, 1, __ATOMIC_ACQ_REL))
		return;
	munmap(bulk->base, bulk->size);
	free(bulk);
}
