/* SPDX-License-Identifier: MIT */
/*
 * Finding servers: which names are served, by whom.
 */
#ifndef FASTIPC_DISCOVER_H
#define FASTIPC_DISCOVER_H

#include <fastipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fastipc_server_info {
	char name[FASTIPC_NAME_MAX + 1];
	char path[108]; /* of the socket */
	pid_t pid;
	uid_t uid;
	uint32_t connections;
	uint32_t threads;
	uint64_t uptime_ns;
	const char *transport; /* that it takes: "auto", "memfd" or "kmod" */
};

/*
 * Ask the server at @address about itself, without opening a connection.
 * Errors as fastipc_channel_connect().  Thread-safe.
 */
int fastipc_query(const char *address, uint64_t deadline,
		  struct fastipc_server_info *info);

/*
 * Call @found for each live server in this user's runtime directory, in the
 * order of names; stop when it returns other than 0 and return that.  Servers
 * that may not be asked, have no descriptor left, or do not answer in 200 ms,
 * are passed over; one with all its max_connections still answers.
 * Thread-safe.
 */
int fastipc_list(int (*found)(const struct fastipc_server_info *info,
			      void *context),
		 void *context);

/*
 * The path of the socket that @address stands for, into @path[108]:
 * $XDG_RUNTIME_DIR/fastipc/NAME; without an XDG_RUNTIME_DIR, root has
 * /run/fastipc/NAME and any other user /tmp/fastipc-UID/NAME.
 * -EINVAL no address; -ENAMETOOLONG;
 * Thread-safe.
 */
int fastipc_address_path(const char *address, char path[108]);

#ifdef __cplusplus
}
#endif

#endif
