// SPDX-License-Identifier: MIT
/*
 * Links through the kernel module.
 *
 * A descriptor from a peer is asked for INFO before it is mapped: the module
 * answers with an ABI and sizes that cannot change any more, and whatever else
 * a peer may send does not know the request.
 */
#include "transport/kmod.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

static int open_failed(void)
{
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return fastipc_fail(-ENODEV,
				    "there is no " FASTIPC_DEVICE
				    ": load the module (modprobe fastipc), or "
				    "use the transport memfd");
	case EACCES:
	case EPERM:
		return fastipc_fail(-EACCES,
				    "no permission to open " FASTIPC_DEVICE
				    ": change its mode (the module's "
				    "parameter), or use the transport memfd");
	default:
		return fastipc_fail(-errno,
				    "cannot open " FASTIPC_DEVICE ": %s",
				    fastipc_system_error(errno));
	}
}

static int check_abi(uint32_t abi)
{
	if (abi == FASTIPC_ABI_VERSION)
		return 0;
	return fastipc_fail(-EPROTONOSUPPORT,
			    "the module has ABI %u, this library %d: install "
			    "both from one release, or use the transport memfd",
			    abi, FASTIPC_ABI_VERSION);
}

/* What is there may be another driver's, or a module from the future. */
static int check_module(int device)
{
	struct fastipc_ioc_query query = { .size = sizeof(query) };

	if (ioctl(device, FASTIPC_IOC_QUERY, &query))
		return fastipc_fail(-EPROTONOSUPPORT,
				    FASTIPC_DEVICE
				    " does not answer QUERY (%s): is it the "
				    "module of this library?",
				    strerrordesc_np(errno));
	return check_abi(query.abi);
}

static int create_failed(uint32_t ring_size)
{
	switch (errno) {
	case EDQUOT:
		return fastipc_fail(-EDQUOT,
				    "this user has as many channels, or as "
				    "much memory in them, as the module "
				    "allows: close some, or raise its "
				    "max_uid_channels or max_uid_bytes");
	case ENOSPC:
		return fastipc_fail(-ENOSPC,
				    "the module's channels have all the memory "
				    "that it may use: raise its max_bytes");
	case ENOMEM:
		return fastipc_fail(-ENOMEM,
				    "no memory for two rings of %u bytes: "
				    "raise the memory limit, or use a smaller "
				    "ring_size",
				    ring_size);
	default:
		return fastipc_fail(-errno, "cannot make a channel: %s",
				    fastipc_system_error(errno));
	}
}

/* The device, or an error. */
static int open_device(void)
{
	int device = open(FASTIPC_DEVICE, O_RDWR | O_CLOEXEC);
	int ret;

	if (device < 0)
		return open_failed();
	ret = check_module(device);
	if (!ret)
		return device;
	close(device);
	return ret;
}

int fastipc_kmod_probe(void)
{
	int device = open_device();

	if (device < 0)
		return device;
	close(device);
	return 0;
}

static int create_channel(uint32_t ring_size, int ends[2])
{
	struct fastipc_ioc_create create = {
		.size = sizeof(create),
		.ring_size = { ring_size, ring_size },
	};
	int device = open_device();
	int ret = 0;

	if (device < 0)
		return device;
	if (ioctl(device, FASTIPC_IOC_CREATE, &create))
		ret = create_failed(ring_size);
	close(device);
	ends[0] = create.fd[0];
	ends[1] = create.fd[1];
	return ret;
}

static int map_region(struct fastipc_region *region, int fd, uint32_t size,
		      uint64_t offset, int prot)
{
	size_t length = FASTIPC_MAP_SIZE(size);
	unsigned char *base =
		mmap(NULL, length, prot, MAP_SHARED, fd, (off_t)offset);

	if (base == MAP_FAILED) {
		int error = errno == EAGAIN ? ENOMEM : errno;

		return fastipc_fail(-error,
				    "cannot map a region (%s): raise "
				    "RLIMIT_AS or the memory limit",
				    strerrordesc_np(error));
	}
	region->base = base;
	region->length = length;
	region->control = (struct fastipc_control *)base;
	region->data = base + FASTIPC_CONTROL_SIZE;
	region->size = size;
	return 0;
}

static bool is_size(uint32_t size)
{
	return size >= FASTIPC_RING_MIN && size <= FASTIPC_PEER_RING_MAX &&
	       !(size & (size - 1));
}

int fastipc_kmod_attach(struct fastipc_link *link, int fd)
{
	struct fastipc_ioc_info info = { .size = sizeof(info) };
	int ret;

	if (ioctl(fd, FASTIPC_IOC_INFO, &info))
		return fastipc_fail(-EBADFD, "the peer sent a descriptor that "
					     "is no end of a channel: is it a "
					     "fastipc peer?");
	ret = check_abi(info.abi);
	if (ret)
		return ret;
	if (!is_size(info.own_ring_size) || !is_size(info.peer_ring_size))
		return fastipc_fail(-ERANGE,
				    "the peer's channel has rings of %u and %u "
				    "bytes: they must be powers of two from %u "
				    "to %u",
				    info.own_ring_size, info.peer_ring_size,
				    FASTIPC_RING_MIN, FASTIPC_PEER_RING_MAX);
	ret = map_region(&link->own, fd, info.own_ring_size, FASTIPC_MAP_OWN,
			 PROT_READ | PROT_WRITE);
	if (!ret)
		ret = map_region(&link->peer, fd, info.peer_ring_size,
				 FASTIPC_MAP_PEER, PROT_READ);
	if (ret) {
		fastipc_region_unmap(&link->own);
		return ret;
	}
	link->own_bell = &link->own.control->doorbell;
	link->peer_bell = &link->peer.control->doorbell;
	link->endpoint = fd;
	link->kmod = true;
	return 0;
}

int fastipc_kmod_create(struct fastipc_link *link, uint32_t ring_size,
			int *peer_fd)
{
	int ends[2] = { -1, -1 };
	int ret = create_channel(ring_size, ends);

	*peer_fd = -1;
	if (ret)
		return ret;
	ret = fastipc_kmod_attach(link, ends[0]);
	if (ret) {
		close(ends[0]);
		close(ends[1]);
		return ret;
	}
	*peer_fd = ends[1];
	return 0;
}

/* ---- sleeping and ringing ---- */

/* Until the peer has closed its end, or the deadline is over. */
static int wait_hangup(int endpoint, uint64_t deadline)
{
	struct pollfd pollfd = { .fd = endpoint };
	struct timespec timeout;
	uint64_t now = fastipc_now_ns();
	uint64_t left = deadline > now ? deadline - now : 0;

	timeout.tv_sec = (time_t)(left / 1000000000u);
	timeout.tv_nsec = (long)(left % 1000000000u);
	if (!ppoll(&pollfd, 1, deadline ? &timeout : NULL, NULL))
		return -ETIMEDOUT;
	return pollfd.revents & POLLHUP ? -EPIPE : 0;
}

int fastipc_kmod_wait(const struct fastipc_link *link, uint32_t seen,
		      const uint32_t *local, uint32_t local_seen,
		      uint64_t deadline, bool swap)
{
	struct fastipc_ioc_wait wait = {
		.size = sizeof(wait),
		.side = FASTIPC_SIDE_PEER,
		.seen = seen,
		.clock = CLOCK_MONOTONIC,
		.deadline = deadline,
		.local = (uintptr_t)local,
		.local_seen = local_seen,
	};

	if (!ioctl(link->endpoint, swap ? FASTIPC_IOC_SWAP : FASTIPC_IOC_WAIT,
		   &wait))
		return 0;
	switch (errno) {
	case ETIMEDOUT:
		return -ETIMEDOUT;
	case EPIPE:
		return -EPIPE;
	case ESHUTDOWN:
		/* Whoever waits for data sees that for himself; who waits for
		 * space that a living peer does not give must not turn. */
		return local ? 0 : wait_hangup(link->endpoint, deadline);
	default:
		return 0; /* a signal */
	}
}

void fastipc_kmod_wake(int endpoint, uint32_t side)
{
	struct fastipc_ioc_wake wake = { .size = sizeof(wake), .side = side };

	(void)ioctl(endpoint, FASTIPC_IOC_WAKE, &wake);
}

int fastipc_kmod_check(const struct fastipc_link *link)
{
	struct pollfd pollfd = { .fd = link->endpoint };
	uint32_t state =
		__atomic_load_n(&link->peer.control->state, __ATOMIC_ACQUIRE);

	/* The module says so there when an end dies; it keeps SHUTDOWN. */
	if (state == FASTIPC_STATE_OPEN)
		return 0;
	if (state == FASTIPC_STATE_SHUTDOWN &&
	    (poll(&pollfd, 1, 0) <= 0 || !(pollfd.revents & POLLHUP)))
		return 0;
	return fastipc_fail(-EPIPE, "the peer is gone: it closed the "
				    "connection or died; connect again");
}

void fastipc_kmod_shutdown(const struct fastipc_link *link, uint32_t flags)
{
	struct fastipc_ioc_shutdown shutdown = { .size = sizeof(shutdown),
						 .flags = flags };

	(void)ioctl(link->endpoint, FASTIPC_IOC_SHUTDOWN, &shutdown);
}
