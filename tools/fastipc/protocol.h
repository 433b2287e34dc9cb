/* SPDX-License-Identifier: MIT */
/*
 * What `fastipc serve` answers: the message types, and the bytes of their
 * requests and replies.  All integers are little-endian and unaligned; a
 * path is relative to the served directory, has no NUL, and is not ended by
 * one: the message's size tells its length.
 *
 * type        request                    reply
 * ECHO      1 any bytes                  the same bytes
 * GET       2 path                       the file's bytes (at most GET_MAX)
 * STAT      3 path                       struct file_status
 * LIST      4 struct list_request, path  struct list_reply, entries
 * SINK      5 any bytes, one-way         none (empty if it is called)
 * INFO      6 empty                      struct server_information
 * GET_RANGE 7 struct range_request, path bytes, fewer only at the file's end
 * STREAM    8 struct range_request, path a stream of the same, of any length:
 *                                        messages of up to RANGE_MAX bytes
 *
 * A path that leaves the served directory ("..", an absolute path, a symbolic
 * link that points outside) fails with -EXDEV, and nothing is opened.
 */
#ifndef FASTIPC_PROTOCOL_H
#define FASTIPC_PROTOCOL_H

#include <stdint.h>

enum {
	TYPE_ECHO = 1,
	TYPE_GET = 2,
	TYPE_STAT = 3,
	TYPE_LIST = 4,
	TYPE_SINK = 5,
	TYPE_INFO = 6,
	TYPE_GET_RANGE = 7,
	TYPE_STREAM = 8,
};

/* The largest file that GET sends whole, in one message. */
#define GET_MAX (16u << 20)

/*
 * The most that one GET_RANGE sends; larger requests are cut to it.  It is what
 * one frame holds: such a reply goes right into the ring, while a larger one is
 * kept in memory of the server's until the ring has room for the rest of it.
 * The server also holds one such buffer for each worker.
 */
#define RANGE_MAX 16352u

/* What a name stands for. */
enum file_kind {
	KIND_FILE = 1, /* also by a symbolic link that stays inside */
	KIND_DIRECTORY = 2,
	KIND_DIRECTORY_LINK = 3, /* not followed: it could lead round */
	KIND_DANGLING = 4,	 /* a symbolic link to nothing */
	KIND_OUTSIDE = 5,	 /* a symbolic link that points outside */
	KIND_SPECIAL = 6,	 /* a socket, a pipe, a device */
	KIND_UNREADABLE = 7,	 /* its status could not be had */
};

struct file_status {
	uint64_t size;
	uint64_t mtime_ns;
	uint32_t mode; /* as st_mode */
	uint32_t kind; /* enum file_kind */
} __attribute__((packed));

/*
 * One page of one directory.  A client starts at cursor 0 and asks again
 * with the cursor of each reply until that is LIST_END.
 */
#define LIST_END UINT64_MAX
#define LIST_MAX RANGE_MAX /* bytes of one reply */

struct list_request {
	uint64_t cursor;
} __attribute__((packed));

struct list_reply {
	uint64_t cursor; /* of the next page, or LIST_END */
	uint32_t entries;
	uint32_t reserved;
} __attribute__((packed));

struct list_entry {
	struct file_status status;
	uint16_t name_length;
	/* then the name: one component, no '/', no NUL */
} __attribute__((packed));

struct range_request {
	uint64_t offset;
	uint32_t length;
} __attribute__((packed));

struct server_information {
	uint64_t uptime_ns;
	uint64_t connections; /* open now */
	uint64_t accepted;    /* ever */
	uint64_t requests;
	uint64_t bytes_sent;
	uint64_t rss_kib; /* resident, with shared pages counted whole */
	uint64_t pss_kib; /* resident, shared pages divided by their users */
	uint64_t peak_rss_kib;
	uint32_t pid;
	uint32_t threads;
} __attribute__((packed));

#endif
