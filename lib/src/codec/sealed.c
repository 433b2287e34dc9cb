// SPDX-License-Identifier: MIT
/*
 * Memory that nobody can change any more: a memfd whose seals say so.
 */
#include <fastipc/codec.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"

/* Not F_SEAL_FUTURE_WRITE: mappings made before it can still be written. */
static int check_seals(int fd)
{
	const int needed = F_SEAL_WRITE | F_SEAL_SHRINK;
	const int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 && errno == EBADF)
		return fastipc_fail(-EBADF, "descriptor %d is not open", fd);
	if (seals < 0)
		return fastipc_fail(-EBADFD,
				    "descriptor %d is no memfd: its "
				    "memory can be changed",
				    fd);
	if ((seals & needed) != needed)
		return fastipc_fail(-EBADFD,
				    "the memfd lacks a seal: its writer must "
				    "add F_SEAL_WRITE and F_SEAL_SHRINK before "
				    "it is sent");
	return 0;
}

int fastipc_sealed_map(int fd, size_t max, struct fastipc_sealed *sealed)
{
	struct stat status;
	void *data;
	int ret;

	if (!sealed)
		return fastipc_fail(-EINVAL, "sealed is NULL");
	ret = check_seals(fd);
	if (ret)
		return ret;
	if (fstat(fd, &status))
		return fastipc_fail(-errno, "cannot stat a memfd: %s",
				    strerrordesc_np(errno));
	if ((uintmax_t)status.st_size > max)
		return fastipc_fail(-EMSGSIZE,
				    "the memfd has %lld bytes; %zu are allowed",
				    (long long)status.st_size, max);
	sealed->data = NULL;
	sealed->size = 0;
	if (!status.st_size)
		return 0;
	data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return fastipc_fail(-errno, "cannot map a memfd: %s",
				    strerrordesc_np(errno));
	sealed->data = data;
	sealed->size = (size_t)status.st_size;
	return 0;
}

void fastipc_sealed_unmap(struct fastipc_sealed *sealed)
{
	if (!sealed || !sealed->data)
		return;
	munmap((void *)sealed->data, sealed->size);
	sealed->data = NULL;
	sealed->size = 0;
}
