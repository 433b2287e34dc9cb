/* SPDX-License-Identifier: MIT */
/*
 * The file service.  Files are read with pread(2), not mapped: a file that is
 * cut short meanwhile must not kill the server with SIGBUS.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "memory.h"
#include "tree.h"

static int refuse(struct fastipc_request *request, int error)
{
	return fastipc_request_fail(request, error, tree_error_text(error));
}

/* The path that follows the first @skip bytes of the request. */
static int request_path(const struct fastipc_request *request, size_t skip,
			char path[PATH_MAX])
{
	size_t size = fastipc_request_size(request);
	const char *data = fastipc_request_data(request);

	if (size < skip)
		return -EINVAL;
	size -= skip;
	if (size >= PATH_MAX)
		return -ENAMETOOLONG;
	if (size && memchr(data + skip, '\0', size))
		return -EINVAL;
	if (size)
		memcpy(path, data + skip, size);
	path[size] = '\0';
	return 0;
}

char *file_service_buffer(struct file_service *service)
{
	char *buffer = pthread_getspecific(service->buffer);

	if (buffer)
		return buffer;
	buffer = malloc(RANGE_MAX);
	if (buffer && pthread_setspecific(service->buffer, buffer)) {
		free(buffer);
		return NULL;
	}
	return buffer;
}

ssize_t files_read(int fd, char *data, size_t size, off_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t count = pread(fd, data + done, size - done,
				      offset + (off_t)done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (count == 0)
			break;
		done += (size_t)count;
	}
	return (ssize_t)done;
}

static int reply_with_bytes(struct fastipc_request *request, int fd, char *data,
			    size_t size, off_t offset)
{
	ssize_t count = files_read(fd, data, size, offset);

	if (count < 0)
		return refuse(request, (int)count);
	return fastipc_request_reply(request, data, (size_t)count);
}

/* A file of more than a worker's buffer: memory of its own, for this once. */
static int reply_with_large_file(struct fastipc_request *request, int fd,
				 size_t size)
{
	char *data;
	int error;

	if (size > GET_MAX)
		return refuse(request, -EFBIG);
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	error = reply_with_bytes(request, fd, data, size, 0);
	free(data);
	return error;
}

static int handle_get(struct fastipc_request *request, void *context)
{
	struct file_service *service = context;
	char *buffer = file_service_buffer(service);
	char path[PATH_MAX];
	struct stat status;
	size_t size;
	int fd, error;

	if (!buffer)
		return -ENOMEM;
	error = request_path(request, 0, path);
	if (error)
		return refuse(request, error);
	fd = tree_open_file(service->root, path, &status);
	if (fd < 0)
		return refuse(request, fd);
	size = (size_t)status.st_size;
	if (size > RANGE_MAX)
		error = reply_with_large_file(request, fd, size);
	else /* files of /proc and /sys have size 0, but bytes */
		error = reply_with_bytes(request, fd, buffer,
					 size ? size : RANGE_MAX, 0);
	close(fd);
	return error;
}

static int handle_get_range(struct fastipc_request *request, void *context)
{
	struct file_service *service = context;
	char *buffer = file_service_buffer(service);
	struct range_request range;
	char path[PATH_MAX];
	struct stat status;
	uint64_t offset;
	size_t length;
	int fd, error;

	if (!buffer)
		return -ENOMEM;
	error = request_path(request, sizeof(range), path);
	if (error)
		return refuse(request, error);
	memcpy(&range, fastipc_request_data(request), sizeof(range));
	offset = le64toh(range.offset);
	length = le32toh(range.length);
	if (offset > INT64_MAX - RANGE_MAX)
		return refuse(request, -EINVAL);
	if (length > RANGE_MAX)
		length = RANGE_MAX;
	fd = tree_open_file(service->root, path, &status);
	if (fd < 0)
		return refuse(request, fd);
	error = reply_with_bytes(request, fd, buffer, length, (off_t)offset);
	close(fd);
	return error;
}

static int handle_stream(struct fastipc_request *request, void *context)
{
	struct file_service *service = context;
	struct range_request range;
	char path[PATH_MAX];
	struct stat status;
	uint64_t offset;
	int fd, error;

	if (!file_service_buffer(service))
		return -ENOMEM;
	error = request_path(request, sizeof(range), path);
	if (error)
		return refuse(request, error);
	memcpy(&range, fastipc_request_data(request), sizeof(range));
	offset = le64toh(range.offset);
	if (offset > INT64_MAX - UINT32_MAX)
		return refuse(request, -EINVAL);
	fd = tree_open_file(service->root, path, &status);
	if (fd < 0)
		return refuse(request, fd);
	return files_stream(request, service, fd, offset,
			    le32toh(range.length));
}

static void status_to_wire(struct file_status *wire, enum file_kind kind,
			   const struct stat *status)
{
	uint64_t mtime = (uint64_t)status->st_mtim.tv_sec * 1000000000u +
			 (uint64_t)status->st_mtim.tv_nsec;

	wire->size = htole64((uint64_t)status->st_size);
	wire->mtime_ns = htole64(mtime);
	wire->mode = htole32(status->st_mode);
	wire->kind = htole32(kind);
}

static int handle_stat(struct fastipc_request *request, void *context)
{
	struct file_service *service = context;
	struct file_status wire;
	char path[PATH_MAX];
	enum file_kind kind;
	struct stat status;
	int error;

	error = request_path(request, 0, path);
	if (!error)
		error = tree_kind(service->root, path, &kind, &status);
	if (error)
		return refuse(request, error);
	status_to_wire(&wire, kind, &status);
	return fastipc_request_reply(request, &wire, sizeof(wire));
}

/* One page of a listing, while it is filled. */
struct page {
	struct file_service *service;
	char *directory; /* PATH_MAX, to join names to */
	size_t directory_length;
	char *data;
	size_t size;
	struct list_reply head;
};

/* False when the page has no room for this name. */
static bool page_add(struct page *page, const char *name)
{
	size_t length = strlen(name);
	size_t room = PATH_MAX - page->directory_length;
	enum file_kind kind = KIND_UNREADABLE;
	struct list_entry entry;
	struct stat status = { 0 };
	int error = -ENAMETOOLONG;

	if (page->size + sizeof(entry) + length > LIST_MAX)
		return false;
	if (length < room) {
		memcpy(page->directory + page->directory_length, name,
		       length + 1);
		error = tree_kind(page->service->root, page->directory, &kind,
				  &status);
	}
	if (error == -ENOENT)
		return true; /* removed meanwhile */
	if (error)
		kind = KIND_UNREADABLE;
	status_to_wire(&entry.status, kind, &status);
	entry.name_length = htole16((uint16_t)length);
	memcpy(page->data + page->size, &entry, sizeof(entry));
	memcpy(page->data + page->size + sizeof(entry), name, length);
	page->size += sizeof(entry) + length;
	page->head.entries++;
	return true;
}

/* Add the names of @fd from @cursor on; stop when the page is full. */
static int page_fill(struct page *page, int fd, uint64_t cursor)
{
	_Alignas(struct dirent64) char names[4096];
	ssize_t count;

	if (lseek(fd, (off_t)cursor, SEEK_SET) < 0)
		return -errno;
	while ((count = getdents64(fd, names, sizeof(names))) > 0) {
		for (ssize_t at = 0; at < count;) {
			const struct dirent64 *next = (void *)(names + at);
			const char *name = next->d_name;

			if (strcmp(name, ".") && strcmp(name, "..") &&
			    !page_add(page, name)) {
				page->head.cursor = cursor;
				return 0;
			}
			cursor = (uint64_t)next->d_off;
			at += next->d_reclen;
		}
	}
	page->head.cursor = LIST_END;
	return count < 0 ? -errno : 0;
}

static int list_directory(struct fastipc_request *request, struct page *page,
			  uint64_t cursor)
{
	int fd, error;

	fd = tree_open(page->service->root, page->directory,
		       O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return refuse(request, fd);
	page->directory_length = strlen(page->directory);
	if (page->directory_length && page->directory_length < PATH_MAX - 1)
		page->directory[page->directory_length++] = '/';
	error = page_fill(page, fd, cursor);
	close(fd);
	if (error)
		return refuse(request, error);
	page->head.cursor = htole64(page->head.cursor);
	page->head.entries = htole32(page->head.entries);
	memcpy(page->data, &page->head, sizeof(page->head));
	return fastipc_request_reply(request, page->data, page->size);
}

static int handle_list(struct fastipc_request *request, void *context)
{
	struct page page = { .service = context };
	struct list_request from;
	char path[PATH_MAX];
	int error;

	page.data = file_service_buffer(page.service);
	if (!page.data)
		return -ENOMEM;
	error = request_path(request, sizeof(from), path);
	if (error)
		return refuse(request, error);
	memcpy(&from, fastipc_request_data(request), sizeof(from));
	page.directory = path;
	page.size = sizeof(page.head);
	return list_directory(request, &page, le64toh(from.cursor));
}

static int handle_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	return fastipc_request_reply(request, fastipc_request_data(request),
				     fastipc_request_size(request));
}

static int handle_sink(struct fastipc_request *request, void *context)
{
	(void)request;
	(void)context;
	return 0;
}

static int handle_info(struct fastipc_request *request, void *context)
{
	struct file_service *service = context;
	struct fastipc_server_stats stats = { .size = sizeof(stats) };
	struct server_information wire = { 0 };
	struct memory_use use;

	fastipc_server_get_stats(service->server, &stats);
	memory_use_read(&use);
	wire.uptime_ns = htole64(fastipc_now_ns() - service->started_ns);
	wire.connections = htole64(stats.connections);
	wire.accepted = htole64(stats.accepted);
	wire.requests = htole64(stats.requests);
	wire.bytes_sent = htole64(stats.bytes_sent);
	wire.rss_kib = htole64(use.rss_kib);
	wire.pss_kib = htole64(use.pss_kib);
	wire.peak_rss_kib = htole64(use.peak_kib);
	wire.pid = htole32((uint32_t)getpid());
	wire.threads = htole32(service->threads);
	return fastipc_request_reply(request, &wire, sizeof(wire));
}

static const struct {
	uint16_t type;
	fastipc_handler_fn handler;
} handlers[] = {
	{ TYPE_ECHO, handle_echo },	      { TYPE_GET, handle_get },
	{ TYPE_STAT, handle_stat },	      { TYPE_LIST, handle_list },
	{ TYPE_SINK, handle_sink },	      { TYPE_INFO, handle_info },
	{ TYPE_GET_RANGE, handle_get_range }, { TYPE_STREAM, handle_stream },
};

int file_service_start(struct file_service *service,
		       struct fastipc_server *server, const char *directory)
{
	int error;

	service->server = server;
	service->started_ns = fastipc_now_ns();
	service->root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (service->root < 0)
		return -errno;
	/* To open it like that takes no permission of its own. */
	if (faccessat(service->root, ".", X_OK, AT_EACCESS)) {
		error = -errno;
		close(service->root);
		return error;
	}
	error = -pthread_key_create(&service->buffer, free);
	for (size_t i = 0; !error && i < sizeof(handlers) / sizeof(handlers[0]);
	     i++)
		error = fastipc_server_add_handler(
			server, handlers[i].type, handlers[i].handler, service);
	return error;
}

void file_service_end(struct file_service *service)
{
	close(service->root);
	pthread_key_delete(service->buffer);
}
