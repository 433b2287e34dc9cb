/* SPDX-License-Identifier: MIT */
/*
 * Addresses: what a name stands for, and whether the directory that it is in
 * can be trusted.
 */
#ifndef FASTIPC_ADDRESS_H
#define FASTIPC_ADDRESS_H

#include <stdbool.h>

#include <fastipc/discover.h>

/* Of sockaddr_un.sun_path. */
#define FASTIPC_PATH_SIZE 108

/*
 * What carries a connection.  An address names it: "memfd:NAME", "kmod:NAME".
 * With a plain NAME, or a path, a server takes any, and a client asks for what
 * the environment variable FASTIPC_TRANSPORT says ("memfd", "kmod"), or AUTO.
 */
enum fastipc_transport {
	/* kmod where the module is loaded and both ends take it, else memfd. */
	FASTIPC_TRANSPORT_AUTO = 0,
	/* Sealed memfds and futexes: no privileges, no module. */
	FASTIPC_TRANSPORT_MEMFD = 1,
	/* /dev/fastipc. */
	FASTIPC_TRANSPORT_KMOD = 2,
};

/* An address taken apart. */
struct fastipc_address {
	char path[FASTIPC_PATH_SIZE];
	unsigned int directory; /* length of path's directory, "/" excluded */
	bool named;		/* a NAME, so in the runtime directory */
	enum fastipc_transport transport; /* that the prefix says */
};

/* -EINVAL, -ENAMETOOLONG. */
int fastipc_address_parse(const char *address, struct fastipc_address *parsed);

/* The transport that it names, or else the environment.  -EINVAL. */
int fastipc_address_transport(const struct fastipc_address *address,
			      enum fastipc_transport *transport);

/* May @name be a NAME?  -EINVAL, -ENAMETOOLONG. */
int fastipc_name_check(const char *name);

/* This user's runtime directory.  -ENAMETOOLONG. */
int fastipc_runtime_directory(char path[FASTIPC_PATH_SIZE]);

/*
 * Open the directory that @address is in; make the runtime directory first if
 * it is missing and @create.  A runtime directory must be safe: a directory
 * (no symlink), owned by this user or root, and writable by nobody else, or
 * whoever can write there could pose as any server: -EACCES.
 * Returns a descriptor, -ENOENT, -EACCES, -EMFILE...
 */
int fastipc_address_open_directory(const struct fastipc_address *address,
				   bool create);

/* The last component of the path. */
const char *fastipc_address_base(const struct fastipc_address *address);

#endif
