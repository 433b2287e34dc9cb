/* SPDX-License-Identifier: MIT */
/* The file service: the handlers of protocol.h, for one directory. */
#ifndef FASTIPC_FILES_H
#define FASTIPC_FILES_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include <fastipc/server.h>

#include "protocol.h"

struct file_service {
	int root; /* the directory served */
	struct fastipc_server *server;
	unsigned int threads;
	uint64_t started_ns;
	pthread_key_t buffer; /* each worker's, RANGE_MAX bytes */
};

/* This worker's; NULL: no memory. */
char *file_service_buffer(struct file_service *service);
/* Up to @size bytes from @offset, fewer only at the end of the file; -errno. */
ssize_t files_read(int fd, char *data, size_t size, off_t offset);

/* Answer with a stream; @fd is taken over.  Returns what a handler does. */
int files_stream(struct fastipc_request *request, struct file_service *service,
		 int fd, uint64_t offset, uint64_t length);

/* Add every handler to @server.  0 or -errno. */
int file_service_start(struct file_service *service,
		       struct fastipc_server *server, const char *directory);
/* After the server is destroyed. */
void file_service_end(struct file_service *service);

#endif
