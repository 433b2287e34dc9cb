/* SPDX-License-Identifier: MIT */
/*
 * What the kernel module tells over generic netlink (family "fastipc" of
 * <linux/fastipc.h>): its channels, its totals, and what happens.
 */
#ifndef FASTIPC_TOOL_MODULE_H
#define FASTIPC_TOOL_MODULE_H

#include "channel.h"

struct module;

struct module_totals {
	uint64_t channels; /* open now */
	uint64_t bytes;	   /* of their regions */
	uint64_t created;  /* ever; so are those below */
	uint64_t hangups;
	uint64_t limit_hits;
	uint64_t waits;
	uint64_t wakes;
};

enum module_event_kind {
	MODULE_CREATED,
	MODULE_HANGUP, /* the first end is gone */
	MODULE_LIMIT,
	MODULE_LOST,	 /* we read too slowly: events are missing here */
	MODULE_UNLOADED, /* there will be no more */
};

struct module_event {
	enum module_event_kind kind;
	struct channel channel; /* LIMIT: only `creator` has a meaning */
	uint32_t limit;		/* LIMIT: FASTIPC_LIMIT_* */
};

/*
 * 0 or -errno: -ENODEV the module is not loaded.  module_error() says more
 * about the last error of any of these.
 */
int module_open(struct module **module);
void module_close(struct module *module); /* NULL is allowed */
const char *module_error(void);
/* On stderr: why @command cannot do what only the module can do. */
void module_complain(const char *command, int error);

/* Add the channels that we may see. */
int module_channels(struct module *module, struct channel_list *list);
int module_totals(struct module *module, struct module_totals *totals);
/* -EPERM; -ENOENT no such channel. */
int module_disconnect(struct module *module, uint64_t id);

/* Have events sent to this socket.  -EPERM without CAP_NET_ADMIN. */
int module_subscribe(struct module *module);
/* Readable when there are events. */
int module_fd(const struct module *module);
/* Hand over those that have come; does not wait. */
int module_events(struct module *module,
		  void (*happened)(const struct module_event *event,
				   void *context),
		  void *context);

#endif
