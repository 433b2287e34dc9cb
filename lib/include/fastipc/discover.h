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
	/* Since it began, as of fastipc_server_get_stats(). */
	uint64_t requests; /* one-way ones, too */
	uint64_t bytes_received;
	uint64_t bytes_sent;
	uint64_t sleeps;
	uint64_t wakes;
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
 * One end of a connection.  Messages are those that the end has written down:
 * it does so when it sleeps, wakes the other end, or has filled its ring.
 */
struct fastipc_end_info {
	uint32_t ring_size;  /* of what it sends, bytes */
	uint32_t state;	     /* FASTIPC_STATE_* of <linux/fastipc.h> */
	uint64_t bytes_sent; /* of ring, with headers and padding */
	uint64_t bytes_received;
	uint64_t messages_sent;
	uint64_t messages_received;
	uint64_t sleeps; /* times that it was armed for a sleep */
	uint64_t wakes;	 /* times that it rang the other end */
};

struct fastipc_connection_info {
	uint64_t id; /* of this server's connections, in their order */
	uint64_t age_ns;
	pid_t pid; /* of the client, as the server sees it */
	uid_t uid;
	gid_t gid;
	uint32_t reserved;
	struct fastipc_end_info server;
	struct fastipc_end_info client;
};

/*
 * Call @found for each connection of the server at @address, in the order of
 * ids; stop when it returns other than 0 and return that.  Connections that
 * come or go meanwhile may be left out.  Those of the kernel module are: it
 * lists them itself.
 * -EACCES unless this process is root's, or of the server's user; -EBADMSG
 * also from a server that is too old; others as fastipc_query().  Thread-safe.
 */
int fastipc_query_connections(
	const char *address, uint64_t deadline,
	int (*found)(const struct fastipc_connection_info *info, void *context),
	void *context);

/*
 * The path of the socket that @address stands for, into @path[108]:
 * $XDG_RUNTIME_DIR/fastipc/NAME; without an XDG_RUNTIME_DIR, root has
 * /run/fastipc/NAME and any other user /tmp/fastipc-UID/NAME.
 * -EINVAL no address, or none that can be; -ENAMETOOLONG.  Thread-safe.
 */
int fastipc_address_path(const char *address, char path[108]);

#ifdef __cplusplus
}
#endif

#endif
