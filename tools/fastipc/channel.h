/* SPDX-License-Identifier: MIT */
/*
 * A channel as an observer sees it, of either transport: who has its two ends,
 * and what went through it.
 */
#ifndef FASTIPC_TOOL_CHANNEL_H
#define FASTIPC_TOOL_CHANNEL_H

#include <linux/fastipc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <fastipc/types.h>

enum channel_transport {
	CHANNEL_MEMFD,
	CHANNEL_KMOD,
};

struct channel_end {
	pid_t pid; /* 0: nobody, or nobody of our pid namespace */
	uid_t uid;
	char comm[16];	     /* of the process; "" if not known */
	uint32_t ring_size;  /* bytes, of what it produces */
	uint32_t state;	     /* FASTIPC_STATE_* */
	uint64_t bytes_sent; /* of ring: headers and padding count */
	uint64_t bytes_received;
	uint64_t messages_sent; /* records; written now and then */
	uint64_t messages_received;
	uint64_t sleeps;
	uint64_t wakes; /* times that it woke the other end */
};

struct channel {
	enum channel_transport transport;
	uint64_t id; /* kmod: of all; memfd: of a server */
	char server[FASTIPC_NAME_MAX + 1]; /* "": not known */
	uid_t creator;
	uint64_t age_ns;
	bool aborted;
	struct channel_end ends[2]; /* the server's first, if it is known */
};

struct channel_list {
	struct channel *channels;
	size_t count;
	size_t capacity;
};

/* The name of the transport. */
const char *channel_transport_name(const struct channel *channel);

/* What end @from (0 or 1) has sent: the larger of what the two ends say, as
 * each writes its count down only now and then. */
uint64_t channel_messages(const struct channel *channel, unsigned int from);
/* Both ends' together. */
uint64_t channel_all_messages(const struct channel *channel);
uint64_t channel_all_bytes(const struct channel *channel);
uint64_t channel_all_sleeps(const struct channel *channel);
uint64_t channel_all_wakes(const struct channel *channel);

/* Order by what a channel is, not by what it does: <0, 0 (the same), >0. */
int channel_compare(const struct channel *a, const struct channel *b);

/* A copy of @channel at the end of the list.  0 or -ENOMEM. */
int channel_list_add(struct channel_list *list, const struct channel *channel);
void channel_list_sort(struct channel_list *list);
void channel_list_free(struct channel_list *list);

#endif
