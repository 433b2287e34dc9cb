/* SPDX-License-Identifier: MIT */
/*
 * All that can be seen at one time: the servers of this user, their channels,
 * those of the kernel module, if it is loaded, and pools.
 */
#ifndef FASTIPC_TOOL_OBSERVE_H
#define FASTIPC_TOOL_OBSERVE_H

#include <fastipc/discover.h>
#include <fastipc/pool.h>

#include "channel.h"
#include "module.h"

struct observer {
	const char *name;  /* of the one server to look at; NULL: all */
	bool servers_only; /* not their connections */
	struct module *module;
};

/* A pool of some process. */
struct pool {
	struct fastipc_pool_info info; /* its endpoints are these: */
	struct fastipc_pool_endpoint_info *endpoints;
	char comm[16];
};

struct observation {
	uint64_t at_ns; /* CLOCK_MONOTONIC */
	struct fastipc_server_info *servers;
	size_t server_count;
	size_t server_capacity;
	struct channel_list list; /* sorted */
	struct pool *pools;	  /* by process and age */
	size_t pool_count;
	bool has_module;
	bool module_failed;	     /* it is there, but cannot be read */
	struct module_totals totals; /* if it has */
	/* Why something that is there could not be seen; "" if all could. */
	char trouble[256];
};

/*
 * Look.  0, or -errno: the servers cannot be listed, or the one with the name
 * does not answer, and fastipc_error_detail() says why.  That the module is
 * not loaded is no error.
 */
int observe(struct observer *observer, struct observation *observation);
/*
 * Say on stderr what that @error is, or, if there was none, what trouble there
 * was.  Returns 0 if there is nothing to say, else -errno.
 */
int observe_complain(const char *command, const struct observer *observer,
		     const struct observation *observation, int error);
/* One more server.  0 or -ENOMEM. */
int observation_add(struct observation *observation,
		    const struct fastipc_server_info *info);
void observation_free(struct observation *observation);
void observer_end(struct observer *observer);

#endif
