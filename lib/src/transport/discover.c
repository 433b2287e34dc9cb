// SPDX-License-Identifier: MIT
/*
 * Finding servers: asking one about itself, and the names in this user's
 * runtime directory.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fastipc/discover.h>

#include "base/error.h"
#include "transport/address.h"
#include "transport/handshake.h"

/* How long fastipc_list() waits for each server. */
#define LIST_TIMEOUT_NS 200000000u

/* What the server takes. */
static const char *transport_name(uint32_t features)
{
	switch (features & (FASTIPC_HELLO_BELL | FASTIPC_HELLO_KMOD)) {
	case FASTIPC_HELLO_BELL:
		return "memfd";
	case FASTIPC_HELLO_KMOD:
		return "kmod";
	}
	return "auto";
}

static int fill_info(int sock, const struct fastipc_address *address,
		     const struct fastipc_hello *status,
		     struct fastipc_server_info *info)
{
	struct ucred ucred;
	socklen_t length = sizeof(ucred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &ucred, &length))
		return fastipc_fail(-errno, "cannot tell who the server is: %s",
				    strerrordesc_np(errno));
	memset(info, 0, sizeof(*info));
	snprintf(info->name, sizeof(info->name), "%s",
		 fastipc_address_base(address));
	memcpy(info->path, address->path, sizeof(info->path));
	info->pid = ucred.pid;
	info->uid = ucred.uid;
	info->connections = status->connections;
	info->threads = status->threads;
	info->uptime_ns = status->uptime_ns;
	info->transport = transport_name(status->features);
	info->requests = status->totals.requests;
	info->bytes_received = status->totals.bytes_received;
	info->bytes_sent = status->totals.bytes_sent;
	info->sleeps = status->totals.sleeps;
	info->wakes = status->totals.wakes;
	return 0;
}

static int ask(int sock, const struct fastipc_address *address,
	       uint64_t deadline, struct fastipc_server_info *info)
{
	struct fastipc_hello query, status;
	int fds[FASTIPC_HELLO_FDS];
	int ret;

	fastipc_hello_init(&query, FASTIPC_HELLO_QUERY);
	ret = fastipc_hello_exchange(sock, &query, NULL, 0,
				     FASTIPC_HELLO_STATUS, deadline, &status,
				     fds);
	if (ret)
		return ret;
	fastipc_hello_close(fds); /* none belongs here; harmless */
	return fill_info(sock, address, &status, info);
}

int fastipc_query(const char *address, uint64_t deadline,
		  struct fastipc_server_info *info)
{
	struct fastipc_address parsed;
	int sock, ret;

	if (!deadline)
		deadline = fastipc_after_ns(FASTIPC_CONNECT_TIMEOUT_NS);
	ret = fastipc_address_parse(address, &parsed);
	if (ret)
		return ret;
	sock = fastipc_rendezvous_connect(address, deadline);
	if (sock < 0)
		return sock;
	ret = ask(sock, &parsed, deadline, info);
	close(sock);
	return ret;
}

static int may_be_server(const struct dirent *entry)
{
	if (entry->d_type != DT_SOCK && entry->d_type != DT_UNKNOWN)
		return 0;
	return !fastipc_name_check(entry->d_name);
}

/* By bytes: alphasort() would follow the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_names(struct dirent ***entries)
{
	/* Any NAME leads to the directory. */
	struct fastipc_address address;
	int ret = fastipc_address_parse("memfd:x", &address);
	int directory, count;

	if (ret)
		return ret;
	directory = fastipc_address_open_directory(&address, false);
	if (directory == -ENOENT)
		return 0;
	if (directory < 0)
		return directory;
	count = scandirat(directory, ".", entries, may_be_server, by_name);
	if (count < 0)
		count = fastipc_fail(-errno,
				     "cannot read the directory of %s: %s",
				     address.path, strerrordesc_np(errno));
	close(directory);
	return count;
}

int fastipc_list(int (*found)(const struct fastipc_server_info *info,
			      void *context),
		 void *context)
{
	struct dirent **entries = NULL;
	int count = read_names(&entries);
	int ret = count < 0 ? count : 0;

	for (int i = 0; i < count; i++) {
		struct fastipc_server_info info;
		uint64_t deadline = fastipc_after_ns(LIST_TIMEOUT_NS);

		if (!ret && !fastipc_query(entries[i]->d_name, deadline, &info))
			ret = found(&info, context);
		free(entries[i]);
	}
	free(entries);
	return ret;
}
