// SPDX-License-Identifier: MIT
/*
 * Regions: memfds that their maker writes and everybody else can only read,
 * mapped so that the ring's data appears twice in a row.
 *
 * What the seals give, and to whom:
 * - F_SEAL_SHRINK and F_SEAL_GROW protect the peer: the file always backs the
 *   whole mapping, so that no access can raise SIGBUS.
 * - F_SEAL_FUTURE_WRITE protects the maker: its own mapping, made before, stays
 *   writable; from then on write(), fallocate() and new writable mappings
 *   (also by mprotect() of a read-only one) fail, for everyone.
 * - F_SEAL_SEAL: nothing can be added, such as a seal that breaks the maker.
 */
#include "transport/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static bool is_ring_size(uint64_t size)
{
	return size >= FASTIPC_RING_MIN && size <= FASTIPC_RING_MAX &&
	       !(size & (size - 1));
}

/* mmap() says EAGAIN when locked memory runs out; callers read it as "later". */
static int map_failed(const char *what)
{
	int error = errno == EAGAIN ? ENOMEM : errno;

	return fastipc_fail(-error,
			    "cannot map %s (%s): raise RLIMIT_AS or the memory "
			    "limit, or ask for a smaller ring_size",
			    what, strerrordesc_np(error));
}

/*
 * Reserve the address range first, so that the two mappings of the data are
 * neighbours for certain; then replace it piece by piece.  Nothing is touched:
 * pages come when they are used.
 */
static int map_twice(struct fastipc_region *region, int fd, uint32_t size,
		     int prot)
{
	const int flags = MAP_SHARED | MAP_FIXED;
	size_t first = FASTIPC_CONTROL_SIZE + (size_t)size;
	size_t length = first + size;
	unsigned char *base;

	base = mmap(NULL, length, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return map_failed("address space");
	if (mmap(base, first, prot, flags, fd, 0) == MAP_FAILED ||
	    mmap(base + first, size, prot, flags, fd, FASTIPC_CONTROL_SIZE) ==
		    MAP_FAILED) {
		int ret = map_failed("a region");

		munmap(base, length);
		return ret;
	}
	/* Messages are nobody's business in a core dump.  Best effort. */
	madvise(base, length, MADV_DONTDUMP);

	region->base = base;
	region->length = length;
	region->control = (struct fastipc_control *)base;
	region->data = base + FASTIPC_CONTROL_SIZE;
	region->size = size;
	return 0;
}

int fastipc_memfd_seal(int fd)
{
	if (!fcntl(fd, F_ADD_SEALS, SEALS))
		return 0;
	return fastipc_fail(-errno,
			    "cannot seal a memfd (%s): Linux 5.1 or later is "
			    "needed",
			    strerrordesc_np(errno));
}

/* The identity is written before anyone else can have the file. */
static int initialise(struct fastipc_region *region, int fd, uint32_t size)
{
	int ret = map_twice(region, fd, size, PROT_READ | PROT_WRITE);
	if (ret)
		return ret;
	region->control->magic = FASTIPC_REGION_MAGIC;
	region->control->abi = FASTIPC_ABI_VERSION;
	region->control->data_size = size;
	ret = fastipc_memfd_seal(fd);
	if (ret)
		fastipc_region_unmap(region);
	return ret;
}

int fastipc_ring_size_check(uint32_t size)
{
	if (is_ring_size(size) && size <= FASTIPC_PEER_RING_MAX)
		return 0;
	return fastipc_fail(-EINVAL,
			    "ring_size is %u: it must be a power of two from "
			    "%u to %u",
			    size, FASTIPC_RING_MIN, FASTIPC_PEER_RING_MAX);
}

int fastipc_region_create(struct fastipc_region *region, uint32_t size, int *fd)
{
	int memfd, ret;

	memset(region, 0, sizeof(*region));
	*fd = -1;
	if (!is_ring_size(size))
		return fastipc_fail(-EINVAL,
				    "ring_size %u is not a power of two from "
				    "%u to %u",
				    size, FASTIPC_RING_MIN, FASTIPC_RING_MAX);
	if (sysconf(_SC_PAGESIZE) > FASTIPC_CONTROL_SIZE)
		return fastipc_fail(-EOPNOTSUPP,
				    "this kernel's pages are larger than %d "
				    "bytes, which regions do not support",
				    FASTIPC_CONTROL_SIZE);
	memfd = fastipc_memfd_create("fastipc",
				     FASTIPC_CONTROL_SIZE + (uint64_t)size);
	if (memfd < 0)
		return memfd;
	ret = initialise(region, memfd, size);
	if (ret) {
		close(memfd);
		return ret;
	}
	*fd = memfd;
	return 0;
}

int fastipc_memfd_check(int fd)
{
	struct statfs fs;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return fastipc_fail(-EBADFD, "the peer sent a descriptor that "
					     "is not a memfd: is it a fastipc "
					     "peer?");
	if ((seals & (F_SEAL_SHRINK | F_SEAL_GROW)) !=
		    (F_SEAL_SHRINK | F_SEAL_GROW) ||
	    !(seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE)))
		return fastipc_fail(-EBADFD,
				    "the peer's region lacks seals (it has "
				    "%#x): it must have SHRINK, GROW and "
				    "FUTURE_WRITE",
				    (unsigned int)seals);
	/*
	 * A memfd of huge pages can be sealed too, but reading its holes
	 * raises SIGBUS when the pool of huge pages is empty.
	 */
	if (fstatfs(fd, &fs) || fs.f_type != TMPFS_MAGIC)
		return fastipc_fail(-EBADFD,
				    "the peer's region is not ordinary shared "
				    "memory: it must be a memfd without "
				    "MFD_HUGETLB");
	return 0;
}

static int check_size(int fd, uint32_t *size)
{
	struct stat st;
	uint64_t bytes;

	if (fstat(fd, &st))
		return fastipc_fail(-errno, "cannot fstat a region: %s",
				    strerrordesc_np(errno));
	bytes = (uint64_t)st.st_size - FASTIPC_CONTROL_SIZE;
	if (st.st_size < FASTIPC_CONTROL_SIZE || !is_ring_size(bytes) ||
	    bytes > FASTIPC_PEER_RING_MAX)
		return fastipc_fail(-ERANGE,
				    "the peer's region has %lld bytes: it must "
				    "be %d and a power of two from %u to %u",
				    (long long)st.st_size, FASTIPC_CONTROL_SIZE,
				    FASTIPC_RING_MIN, FASTIPC_PEER_RING_MAX);
	*size = (uint32_t)bytes;
	return 0;
}

/* Each field is read once: the peer may change them while we look. */
static int check_identity(const struct fastipc_control *control, uint32_t size)
{
	uint64_t magic = __atomic_load_n(&control->magic, __ATOMIC_RELAXED);
	uint32_t abi = __atomic_load_n(&control->abi, __ATOMIC_RELAXED);
	uint32_t data_size =
		__atomic_load_n(&control->data_size, __ATOMIC_RELAXED);

	if (magic != FASTIPC_REGION_MAGIC)
		return fastipc_fail(-EBADMSG, "the peer's region does not "
					      "start with the magic of one: is "
					      "it a fastipc peer?");
	if (abi != FASTIPC_ABI_VERSION)
		return fastipc_fail(-EPROTONOSUPPORT,
				    "the peer's region has layout %u, this end "
				    "has %d: use the same libfastipc on both",
				    abi, FASTIPC_ABI_VERSION);
	if (data_size != size)
		return fastipc_fail(-ERANGE,
				    "the peer's region says it has %u bytes of "
				    "data and has %u",
				    data_size, size);
	return 0;
}

/*
 * Seals before size: a size read first could still shrink.  After these checks
 * the whole mapping is backed for as long as it exists.
 */
int fastipc_region_attach(struct fastipc_region *region, int fd)
{
	uint32_t size = 0;
	int ret;

	memset(region, 0, sizeof(*region));
	ret = fastipc_memfd_check(fd);
	if (!ret)
		ret = check_size(fd, &size);
	if (!ret)
		ret = map_twice(region, fd, size, PROT_READ);
	if (ret)
		return ret;
	ret = check_identity(region->control, size);
	if (ret)
		fastipc_region_unmap(region);
	return ret;
}

void fastipc_region_unmap(struct fastipc_region *region)
{
	if (region->base)
		munmap(region->base, region->length);
	memset(region, 0, sizeof(*region));
}
