// SPDX-License-Identifier: MIT
/*
 * The file service's stream: a range of a file, in pieces of RANGE_MAX, as
 * fast as the client reads them.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <fastipc/stream.h>

#include "files.h"

struct outflow {
	struct file_service *service;
	int fd;
	uint64_t offset;
	uint64_t left;
	bool finished;
};

static void finish(struct outflow *outflow, struct fastipc_stream *stream,
		   int status)
{
	outflow->finished = true;
	fastipc_stream_finish(stream, status, NULL, NULL, 0);
}

/* What the client has no room for is read again when it has. */
static void write_on(void *context, struct fastipc_stream *stream)
{
	struct outflow *outflow = context;
	char *buffer = file_service_buffer(outflow->service);

	while (!outflow->finished) {
		size_t size = outflow->left < RANGE_MAX ? outflow->left
							: RANGE_MAX;
		ssize_t count = size ? files_read(outflow->fd, buffer, size,
						  (off_t)outflow->offset)
				     : 0;

		if (count <= 0) {
			finish(outflow, stream, (int)count);
			return;
		}
		if (fastipc_stream_write(stream, buffer, (size_t)count, 0, 0))
			return; /* full, or over: then end_outflow() comes */
		outflow->offset += (uint64_t)count;
		outflow->left -= (uint64_t)count;
	}
}

/* The client has all, or has given it up, or is gone. */
static void end_outflow(void *context, struct fastipc_stream *stream)
{
	struct outflow *outflow = context;

	fastipc_stream_close(stream);
	close(outflow->fd);
	free(outflow);
}

static int begin(struct fastipc_request *request, struct outflow *outflow)
{
	struct fastipc_stream_options options;
	struct fastipc_stream *stream;

	fastipc_stream_options_init(&options);
	options.writable = write_on;
	options.end = end_outflow;
	options.context = outflow;
	stream = fastipc_request_stream(request, &options);
	if (!stream)
		return -errno;
	write_on(outflow, stream);
	return 0;
}

int files_stream(struct fastipc_request *request, struct file_service *service,
		 int fd, uint64_t offset, uint64_t length)
{
	struct outflow *outflow = malloc(sizeof(*outflow));
	int error = -ENOMEM;

	if (outflow) {
		*outflow = (struct outflow){
			.service = service,
			.fd = fd,
			.offset = offset,
			.left = length,
		};
		error = begin(request, outflow);
	}
	if (error) {
		free(outflow);
		close(fd);
	}
	return error;
}
