/* SPDX-License-Identifier: MIT */
/* The tree that fetched files are compared with. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "originals.h"
#include "tree.h"

int originals_open(struct originals *originals, const char *directory)
{
	originals->compare_ns = 0;
	originals->root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (originals->root < 0)
		return -errno;
	originals->buffer = malloc(RANGE_MAX);
	if (originals->buffer)
		return 0;
	close(originals->root);
	return -ENOMEM;
}

void originals_close(struct originals *originals)
{
	free(originals->buffer);
	close(originals->root);
}

static size_t first_difference(const char *a, const char *b, size_t size)
{
	size_t at = 0;

	while (at < size && a[at] == b[at])
		at++;
	return at;
}

static int compare(struct originals *originals, int fd, const char *data,
		   size_t size, uint64_t offset, uint64_t *where)
{
	while (size) {
		size_t part = size < RANGE_MAX ? size : RANGE_MAX;
		ssize_t count =
			pread(fd, originals->buffer, part, (off_t)offset);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (!count || memcmp(originals->buffer, data, (size_t)count)) {
			*where = offset + first_difference(originals->buffer,
							   data, (size_t)count);
			return 1;
		}
		data += count;
		size -= (size_t)count;
		offset += (uint64_t)count;
	}
	return 0;
}

int originals_compare(struct originals *originals, int fd, const char *data,
		      size_t size, uint64_t offset, uint64_t *where)
{
	uint64_t started_ns = fastipc_now_ns();
	int result = compare(originals, fd, data, size, offset, where);

	originals->compare_ns += fastipc_now_ns() - started_ns;
	return result;
}

int originals_is_readable(const struct originals *originals, const char *name)
{
	int fd = tree_open(originals->root, name, O_RDONLY | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A walk in progress: the path is one buffer that names are put onto. */
struct search {
	struct originals *originals;
	const struct listing *listing;
	struct tally *tally;
	char path[PATH_MAX];
};

static int search_directory(struct search *search, size_t length);

static int search_name(struct search *search, size_t length, const char *name)
{
	size_t after = length + (length > 0) + strlen(name);
	enum file_kind kind;
	struct stat status;

	if (after >= sizeof(search->path))
		return 0; /* too long for the server as well */
	if (length)
		search->path[length++] = '/';
	memcpy(search->path + length, name, after - length + 1);
	if (tree_kind(search->originals->root, search->path, &kind, &status))
		return 0;
	if (kind == KIND_DIRECTORY)
		return search_directory(search, after);
	if (kind == KIND_FILE && !listing_has(search->listing, search->path))
		tally_trouble(search->tally, TROUBLE_MISSING, search->path,
			      "the server does not have it");
	return 0;
}

static int search_directory(struct search *search, size_t length)
{
	const struct dirent *entry;
	int error = 0;
	DIR *names;
	int fd;

	fd = tree_open(search->originals->root, search->path,
		       O_RDONLY | O_DIRECTORY);
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return fd;
	if (fd < 0)
		return 0; /* what the server has beneath it shows as extra */
	names = fdopendir(fd);
	if (!names) {
		close(fd);
		return -ENOMEM;
	}
	while (!error && (entry = readdir(names))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") && strcmp(name, ".."))
			error = search_name(search, length, name);
		search->path[length] = '\0';
	}
	closedir(names);
	return error;
}

int originals_find_missing(struct originals *originals, const char *path,
			   const struct listing *listing, struct tally *tally)
{
	struct search *search = calloc(1, sizeof(*search));
	enum file_kind kind;
	struct stat status;
	int error = 0;

	if (!search)
		return -ENOMEM;
	search->originals = originals;
	search->listing = listing;
	search->tally = tally;
	/* "." and "./" are the tree itself. */
	while (path[0] == '.' && (!path[1] || path[1] == '/'))
		path += 1 + strspn(path + 1, "/");
	snprintf(search->path, sizeof(search->path), "%s", path);
	for (size_t end = strlen(search->path);
	     end && search->path[end - 1] == '/'; end--)
		search->path[end - 1] = '\0';
	if (!tree_kind(originals->root, search->path, &kind, &status) &&
	    (kind == KIND_DIRECTORY || kind == KIND_DIRECTORY_LINK))
		error = search_directory(search, strlen(search->path));
	free(search);
	return error;
}
