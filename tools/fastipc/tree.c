/* SPDX-License-Identifier: MIT */
/* Names beneath a directory, confined by openat2(2). */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tree.h"

int tree_open(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	/* -EAGAIN: a rename elsewhere raced with a ".." in a link. */
	for (int attempt = 0; attempt < 8; attempt++) {
		fd = syscall(SYS_openat2, root, path[0] ? path : ".", &how,
			     sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int tree_open_file(int root, const char *path, struct stat *status)
{
	/* O_NONBLOCK: a named pipe must not keep us waiting. */
	int fd = tree_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	int error = 0;

	if (fd == -ENXIO || fd == -ENODEV)
		return -EMEDIUMTYPE; /* a socket, or a device of nothing */
	if (fd < 0)
		return fd;
	if (fstat(fd, status) < 0)
		error = -errno;
	else if (S_ISDIR(status->st_mode))
		error = -EISDIR;
	else if (!S_ISREG(status->st_mode))
		error = -EMEDIUMTYPE;
	if (!error)
		return fd;
	close(fd);
	return error;
}

static enum file_kind kind_of_mode(mode_t mode)
{
	if (S_ISREG(mode))
		return KIND_FILE;
	return S_ISDIR(mode) ? KIND_DIRECTORY : KIND_SPECIAL;
}

static enum file_kind kind_of_link(int root, const char *path,
				   struct stat *status)
{
	int fd = tree_open(root, path, O_PATH);
	enum file_kind kind;

	if (fd == -EXDEV)
		return KIND_OUTSIDE;
	if (fd == -EACCES)
		return KIND_UNREADABLE;
	if (fd < 0)
		return KIND_DANGLING;
	kind = fstat(fd, status) ? KIND_UNREADABLE
				 : kind_of_mode(status->st_mode);
	close(fd);
	return kind == KIND_DIRECTORY ? KIND_DIRECTORY_LINK : kind;
}

int tree_kind(int root, const char *path, enum file_kind *kind,
	      struct stat *status)
{
	int fd = tree_open(root, path, O_PATH | O_NOFOLLOW);
	int error = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, status) < 0)
		error = -errno;
	else if (S_ISLNK(status->st_mode))
		*kind = kind_of_link(root, path, status);
	else
		*kind = kind_of_mode(status->st_mode);
	close(fd);
	return error;
}

bool tree_name_is_safe(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (!length || (length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[length])
			return true;
		path += length + 1;
	}
}

const char *tree_error_text(int error)
{
	switch (error) {
	case -EXDEV:
		return "the path leaves the served directory; only what is "
		       "beneath it is served";
	case -EMEDIUMTYPE:
		return "not a regular file";
	case -EISDIR:
		return "a directory: 'fastipc get -r' gets what is in it";
	case -EFBIG:
		return "larger than one message; get it in ranges "
		       "(fastipc get does)";
	default:
		return strerror(-error);
	}
}
