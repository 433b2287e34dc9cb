/* SPDX-License-Identifier: MIT */
/* Where fetched files are written. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

int store_open(struct store *store, const char *directory, bool force)
{
	if (mkdir(directory, 0777) < 0 && errno != EEXIST)
		return -errno;
	store->root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	store->force = force;
	store->count = 0;
	return store->root < 0 ? -errno : 0;
}

void store_close(struct store *store)
{
	close(store->root);
}

/* Make each directory on the way to @path's last component. */
static int make_parents(struct store *store, char *path)
{
	for (char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
		int error = 0;

		*at = '\0';
		if (mkdirat(store->root, path, 0777) < 0 && errno != EEXIST)
			error = -errno;
		*at = '/';
		if (error)
			return error;
	}
	return 0;
}

/* Beside the file itself: a rename needs the same file system. */
static char *temporary_name(struct store *store, const char *name)
{
	const char *slash = strrchr(name, '/');
	int parent = slash ? (int)(slash - name) + 1 : 0;
	char *temporary;

	if (asprintf(&temporary, "%.*s.fastipc-%d-%llu", parent, name,
		     (int)getpid(), (unsigned long long)store->count++) < 0)
		return NULL;
	return temporary;
}

int store_begin(struct store *store, struct stored_file *file, const char *name,
		mode_t mode)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	struct stat status;
	int error = 0;

	if (!store->force &&
	    !fstatat(store->root, name, &status, AT_SYMLINK_NOFOLLOW))
		return -EEXIST;
	file->temporary = temporary_name(store, name);
	if (!file->temporary)
		return -ENOMEM;
	file->fd = openat(store->root, file->temporary, flags, mode & 0777);
	if (file->fd < 0 && errno == ENOENT) {
		error = make_parents(store, file->temporary);
		if (!error)
			file->fd = openat(store->root, file->temporary, flags,
					  mode & 0777);
	}
	if (file->fd < 0) {
		error = error ? error : -errno;
		free(file->temporary);
	}
	return error;
}

int store_write(struct stored_file *file, const void *data, size_t size,
		uint64_t offset)
{
	const char *from = data;

	while (size) {
		ssize_t count = pwrite(file->fd, from, size, (off_t)offset);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		from += count;
		size -= (size_t)count;
		offset += (uint64_t)count;
	}
	return 0;
}

static int rename_into_place(struct store *store, const char *from,
			     const char *to)
{
	unsigned int flags = store->force ? 0 : RENAME_NOREPLACE;
	int root = store->root;

	if (!renameat2(root, from, root, to, flags))
		return 0;
	/* Not every file system knows RENAME_NOREPLACE; store_begin() looked. */
	if (errno != EINVAL || !flags || renameat(root, from, root, to) < 0)
		return -errno;
	return 0;
}

int store_finish(struct store *store, struct stored_file *file,
		 const char *name)
{
	/* Errors of a delayed write show here. */
	int error = close(file->fd) < 0 ? -errno : 0;

	if (!error)
		error = rename_into_place(store, file->temporary, name);
	if (error)
		unlinkat(store->root, file->temporary, 0);
	free(file->temporary);
	return error;
}

void store_abandon(struct store *store, struct stored_file *file)
{
	close(file->fd);
	unlinkat(store->root, file->temporary, 0);
	free(file->temporary);
}
