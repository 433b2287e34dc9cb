/* SPDX-License-Identifier: MIT */
/*
 * Names beneath a directory: opened so that nothing outside can be reached,
 * however the names and the symbolic links are made.
 */
#ifndef FASTIPC_TREE_H
#define FASTIPC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "protocol.h"

/*
 * Open @path beneath the directory @root with @flags (O_CLOEXEC is added).
 * A descriptor or -errno: -EXDEV the path leaves @root; -ELOOP, -ENOENT,
 * -EACCES, ...  "" is @root itself.
 */
int tree_open(int root, const char *path, int flags);

/* The same for a regular file to read; its status in @status. -EISDIR,
 * -EMEDIUMTYPE it is neither file nor directory. */
int tree_open_file(int root, const char *path, struct stat *status);

/*
 * What @path beneath @root is, without opening it; symbolic links are followed
 * for @status, as far as they stay inside.  Fails for a name that is not there.
 */
int tree_kind(int root, const char *path, enum file_kind *kind,
	      struct stat *status);

/*
 * A name that may be created beneath a directory: relative, no empty, "." or
 * ".." component.
 */
bool tree_name_is_safe(const char *path);

/* What an error of these means, for a reader. */
const char *tree_error_text(int error);

#endif
