/* SPDX-License-Identifier: MIT */
/*
 * Where fetched files are written: beneath one directory, each under a
 * temporary name until it is whole, so that no reader ever sees half a file.
 */
#ifndef FASTIPC_STORE_H
#define FASTIPC_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct store {
	int root;
	bool force; /* replace files that exist */
	uint64_t count;
};

struct stored_file {
	int fd;
	char *temporary;
};

/* Use @directory, made if it is not there.  0 or -errno. */
int store_open(struct store *store, const char *directory, bool force);
void store_close(struct store *store);

/* Begin the file @name (checked by the caller).  -EEXIST without force. */
int store_begin(struct store *store, struct stored_file *file, const char *name,
		mode_t mode);
int store_write(struct stored_file *file, const void *data, size_t size,
		uint64_t offset);
/* Give it its name.  The temporary file is gone afterwards, in any case. */
int store_finish(struct store *store, struct stored_file *file,
		 const char *name);
void store_abandon(struct store *store, struct stored_file *file);

#endif
