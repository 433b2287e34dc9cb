/* SPDX-License-Identifier: MIT */
/*
 * A runtime directory of a test's own, so that it meets no other server.
 */
#ifndef SELFTESTS_RUNTIME_DIRECTORY_H
#define SELFTESTS_RUNTIME_DIRECTORY_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char runtime_directory[64];

static inline int remove_entry(const char *path, const struct stat *st,
			       int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int runtime_directory_remove(void **state)
{
	(void)state;
	return nftw(runtime_directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int runtime_directory_make(void **state)
{
	(void)state;
	memcpy(runtime_directory, "/tmp/fastipc-test-XXXXXX",
	       sizeof("/tmp/fastipc-test-XXXXXX"));
	if (!mkdtemp(runtime_directory))
		return -1;
	return setenv("XDG_RUNTIME_DIR", runtime_directory, 1);
}

#endif
