/* SPDX-License-Identifier: MIT */
/*
 * What the memfd transport makes of memfds besides regions.
 */
#ifndef FASTIPC_MEMFD_H
#define FASTIPC_MEMFD_H

#include <stdint.h>

#include "transport/transport.h"

/*
 * An unsealed memfd of @length bytes, close-on-exec; /proc shows its @name.
 * -EMFILE, -ENFILE; -ENOMEM; -EFBIG over RLIMIT_FSIZE.
 */
int fastipc_memfd_create(const char *name, uint64_t length);
/* Its owner has mapped it: nobody else ever writes it, or changes its length. */
int fastipc_memfd_seal(int fd);
/* -EBADFD unless @fd is a memfd that is sealed so. */
int fastipc_memfd_check(int fd);

/* ---- the bell (bell.c) ---- */

/*
 * A page that both ends of a connection may write, with the doorbell word of
 * each: the kernel looks a futex up twice where the sleeper's mapping is
 * read-only, which costs a tenth of a blocked round trip.  All that a hostile
 * peer can do with it is to spoil wake-ups of its own connection, which it can
 * by not ringing, too.
 *
 * The client makes it and sends it with CONNECT; the server maps it and seals
 * it before it answers, so that neither can take the memory away afterwards.
 */

/* The client's, first half: map it; *@fd is to be sent.  Errors as above. */
int fastipc_bell_create(struct fastipc_link *link, int *fd);
/* The client's, second half, after ACCEPT: -EBADFD the server did not seal. */
int fastipc_bell_check(int fd);
/* The server's: check, map, seal.  Does not close @fd.  -EBADFD; -ERANGE;
 * -ENOMEM. */
int fastipc_bell_attach(struct fastipc_link *link, int fd);
/* Without a bell page: the doorbells are those of the control pages. */
void fastipc_bell_default(struct fastipc_link *link);
void fastipc_bell_unmap(struct fastipc_link *link);

#endif
