// SPDX-License-Identifier: MIT
/*
 * Memfds: made, sized, not sealed yet.
 */
#include "transport/memfd.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static int make_memfd(const char *name)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(name, flags);
	if (fd < 0)
		return fastipc_fail(
			-errno,
			"cannot make a memfd (%s): raise RLIMIT_NOFILE or free "
			"memory",
			strerrordesc_np(errno));
	return fd;
}

/* Growing a file over RLIMIT_FSIZE would raise SIGXFSZ: look first. */
static int set_length(int fd, off_t length)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur < (rlim_t)length)
		return fastipc_fail(-EFBIG,
				    "a region of %lld bytes is over "
				    "RLIMIT_FSIZE: raise it",
				    (long long)length);
	if (ftruncate(fd, length))
		return fastipc_fail(-errno, "cannot size a region: %s",
				    strerrordesc_np(errno));
	return 0;
}

int fastipc_memfd_create(const char *name, uint64_t length)
{
	int fd = make_memfd(name);
	int ret;

	if (fd < 0)
		return fd;
	ret = set_length(fd, (off_t)length);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}
