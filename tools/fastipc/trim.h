/* SPDX-License-Identifier: MIT */
/*
 * Gives memory back to the kernel after clients have gone: malloc() itself
 * keeps what lies below anything that is still in use.
 */
#ifndef FASTIPC_TRIM_H
#define FASTIPC_TRIM_H

#include <pthread.h>
#include <stdbool.h>

#include <fastipc/server.h>

struct trimmer {
	const struct fastipc_server *server;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop; /* under lock */
	bool running;
};

/* Without it (no memory, no thread) a server works as well. */
void trimmer_start(struct trimmer *trimmer,
		   const struct fastipc_server *server);
/* Before the server is destroyed. */
void trimmer_end(struct trimmer *trimmer);

#endif
