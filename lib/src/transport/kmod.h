/* SPDX-License-Identifier: MIT */
/*
 * The kmod transport: the two ends of a channel of /dev/fastipc.  The client
 * makes the channel, so that its memory cgroup and uid pay for it, and sends
 * the server its end.
 */
#ifndef FASTIPC_KMOD_H
#define FASTIPC_KMOD_H

#include "transport/transport.h"

/* Whether there is a module that this library can use; errors as below. */
int fastipc_kmod_probe(void);

/*
 * A channel whose ends both produce into @ring_size bytes; end 0 is mapped
 * into @link, *@peer_fd is end 1, to be sent and closed.
 * -ENODEV the module is not loaded; -EACCES; -EPROTONOSUPPORT another ABI;
 * -EDQUOT, -ENOSPC limits; -ENOMEM; -EMFILE, -ENFILE.
 */
int fastipc_kmod_create(struct fastipc_link *link, uint32_t ring_size,
			int *peer_fd);
/*
 * Map the end @fd, which a peer sent, into @link, which owns @fd from then on
 * (not on error).
 * -EBADFD it is none; -EPROTONOSUPPORT another ABI; -ERANGE its rings are too
 * large; -ENOMEM.
 */
int fastipc_kmod_attach(struct fastipc_link *link, int fd);

/* What doorbell.c does where a link is of this transport; as there. */
int fastipc_kmod_wait(const struct fastipc_link *link, uint32_t seen,
		      const uint32_t *local, uint32_t local_seen,
		      uint64_t deadline, bool swap);
void fastipc_kmod_wake(int endpoint, uint32_t side);
int fastipc_kmod_check(const struct fastipc_link *link);
void fastipc_kmod_shutdown(const struct fastipc_link *link, uint32_t flags);

#endif
