/* SPDX-License-Identifier: MIT */
/* The file service: the handlers of protocol.h, for one directory. */
#ifndef FASTIPC_FILES_H
#define FASTIPC_FILES_H

#include <pthread.h>
#include <stdint.h>

#include <fastipc/server.h>

struct file_service {
	int root; /* the directory served */
	struct fastipc_server *server;
	unsigned int threads;
	uint64_t started_ns;
	pthread_key_t buffer; /* each worker's, RANGE_MAX bytes */
};

/* Add every handler to @server.  0 or -errno. */
int file_service_start(struct file_service *service,
		       struct fastipc_server *server, const char *directory);
/* After the server is destroyed. */
void file_service_end(struct file_service *service);

#endif
