// SPDX-License-Identifier: MIT
/*
 * Messages over a pair of descriptors: whole ones, by read() and write().
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "descriptors.h"

static struct descriptors ends;
static unsigned char *buffer; /* of one message */

int descriptors_use(const struct peer_config *config,
		    const struct descriptors *descriptors)
{
	ends = *descriptors;
	buffer = malloc(config->size);
	if (!buffer)
		return peer_fail(ENOMEM, "a buffer");
	if (config->wait == PEER_SPIN && (fcntl(ends.in, F_SETFL, O_NONBLOCK) ||
					  fcntl(ends.out, F_SETFL, O_NONBLOCK)))
		return peer_fail(errno, "O_NONBLOCK");
	return 0;
}

static size_t piece(size_t left)
{
	return left < ends.most ? left : ends.most;
}

static bool try_again(ssize_t done)
{
	return done < 0 && (errno == EAGAIN || errno == EINTR);
}

/* The end of what comes is no failure of this end. */
static int read_all(size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t done = read(ends.in, buffer + at, piece(size - at));

		if (try_again(done))
			continue;
		if (done <= 0)
			return done ? peer_fail(errno, "read") : -EPIPE;
		at += (size_t)done;
	}
	return 0;
}

static int write_all(const unsigned char *data, size_t size)
{
	while (size) {
		ssize_t done = write(ends.out, data, piece(size));

		if (try_again(done))
			continue;
		if (done < 0)
			return peer_fail(errno, "write");
		data += done;
		size -= (size_t)done;
	}
	return 0;
}

int descriptors_serve(const struct peer_config *config)
{
	const void *answer;
	size_t size;
	int error;

	while (!(error = read_all(config->size))) {
		if (peer_take(config, buffer, config->size, &answer, &size))
			error = write_all(answer, size);
		if (error)
			break;
	}
	return error == -EPIPE ? 0 : error;
}

int descriptors_call(const void *data, size_t size, size_t expected,
		     const void **reply)
{
	int error = write_all(data, size);

	*reply = buffer;
	return error ? error : read_all(expected);
}

int descriptors_post(const void *data, size_t size, bool last)
{
	(void)last;
	return write_all(data, size);
}

void descriptors_close(void)
{
	close(ends.in);
	if (ends.out != ends.in)
		close(ends.out);
	free(buffer);
}
