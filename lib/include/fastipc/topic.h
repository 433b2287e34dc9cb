/* SPDX-License-Identifier: MIT */
/*
 * Topics: one publisher, any number of subscribers.
 *
 * The publisher writes each message once, into a ring in shared memory that
 * the subscribers read, each at its own pace and by its own policy; the oldest
 * messages are overwritten.  A topic has an address like a server's, and is
 * always of memfd.
 *
 * The library has no threads of its own: subscribers are let in, and their
 * deaths noticed, in fastipc_publish() (every few milliseconds, and when it
 * waits) and in fastipc_topic_dispatch().  A publisher that publishes seldom
 * should do the latter whenever fastipc_topic_fd() is readable.
 *
 * Thread-safety: the calls of a topic may be made by any thread at any time,
 * except that fastipc_topic_destroy() must be the last; a publisher that waits
 * for a subscriber holds up the others.  A subscriber may be used by one thread
 * at a time.
 */
#ifndef FASTIPC_TOPIC_H
#define FASTIPC_TOPIC_H

#include <fastipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fastipc_topic;
struct fastipc_subscriber;

/* ---- the publisher ---- */

struct fastipc_topic_options {
	size_t size;
	/* OFF (the default) or FULL, which HEADER is taken for.  From when a
	 * subscriber asks for it, messages have one in any case. */
	enum fastipc_checksum checksum;
	/* Bytes: a power of two, 4 KiB to 16 MiB; 1 MiB.  A message is at most
	 * a quarter of it, less 16. */
	uint32_t ring_size;
	uint32_t max_subscribers; /* 1024; at most 65536 */
	/* The longest that a subscriber may hold back the publisher, whatever
	 * patience it asks for; 100 ms.  0: none may. */
	uint64_t patience_ns;
	/* End who held it back too long; otherwise (default) it goes on as
	 * with FASTIPC_DROP_OLDEST. */
	bool drop_slow;
	/* Wake each subscriber that sleeps; otherwise (default), if there are
	 * many, two of them wake the others. */
	bool wake_all;
	/* Who connects and says nothing is dropped after this; 2 s. */
	uint64_t handshake_timeout_ns;
	mode_t mode; /* of the socket: who may subscribe; 0600 */
	struct fastipc_fingerprint fingerprint; /* told to the peer; none */
	enum fastipc_schema_match schema_match; /* demanded of it; any */
};

void fastipc_topic_options_init(struct fastipc_topic_options *options);

/*
 * Make the topic @address: NAME, or a path with a '/'; "memfd:" before it
 * changes nothing.  @options may be NULL.  Does not block.
 * -EOPNOTSUPP "kmod:"; otherwise as fastipc_server_create().
 */
int fastipc_topic_create(const char *address,
			 const struct fastipc_topic_options *options,
			 struct fastipc_topic **topic);
/*
 * Remove the socket file and free everything.  Subscribers can read what is
 * in the ring, then they get -ENODATA.  NULL is allowed.
 */
void fastipc_topic_destroy(struct fastipc_topic *topic);

/*
 * Publish the @size bytes at @data.  Waits only for subscribers that block,
 * until @deadline at the latest, and no longer than they may (see above).
 * -EMSGSIZE over the limit; -ETIMEDOUT a subscriber has not read on, nothing
 * was published; -EINVAL.
 */
int fastipc_publish(struct fastipc_topic *topic, const void *data, size_t size,
		    uint64_t deadline);
/* The same with what @encode makes of @value, right in the ring; or the error
 * of @encode. */
int fastipc_publish_value(struct fastipc_topic *topic, fastipc_encode_fn encode,
			  const void *value, uint64_t deadline);

/*
 * For an event loop: poll the descriptor for POLLIN, and dispatch when it is
 * readable: it lets subscribers in and notices those that are gone, without
 * waiting.  Returns how many events there were.
 */
int fastipc_topic_fd(const struct fastipc_topic *topic);
int fastipc_topic_dispatch(struct fastipc_topic *topic);

struct fastipc_topic_stats {
	size_t size;
	uint64_t messages;    /* published */
	uint64_t bytes;	      /* of them */
	uint64_t subscribers; /* now */
	uint64_t joined;      /* ever */
	uint64_t refused;     /* no room, no descriptors, no memory */
	uint64_t handshake_errors;
	uint64_t hangups;	  /* subscribers that closed or died */
	uint64_t protocol_errors; /* ended for a lie about their cursor */
	uint64_t demoted;	  /* blocked too long, and block no more */
	uint64_t dropped;	  /* ... or were ended (drop_slow) */
	uint64_t waits;		  /* times that publishing waited for them */
	uint64_t timeouts;	  /* ... until its deadline */
	uint64_t wakes;		  /* times that sleepers were woken */
	enum fastipc_checksum checksum; /* of messages now */
	uint32_t max_message;		/* bytes */
};
/* Any thread; waits for nobody.  Set stats->size first; later fields are left
 * alone. */
int fastipc_topic_get_stats(const struct fastipc_topic *topic,
			    struct fastipc_topic_stats *stats);

/* ---- a subscriber ---- */

/* What a subscriber misses when it is slower than the publisher. */
enum fastipc_policy {
	/* It goes on from the oldest that is still there. */
	FASTIPC_DROP_OLDEST = 0,
	/* All but the newest. */
	FASTIPC_LATEST = 1,
	/* Nothing: the publisher waits, but not for ever (patience_ns). */
	FASTIPC_BLOCK = 2,
};

struct fastipc_subscriber_options {
	size_t size;
	enum fastipc_policy policy;	/* default drop oldest */
	enum fastipc_wait wait;		/* default adaptive */
	enum fastipc_checksum checksum; /* the least; default off */
	/* Begin with so many of the messages before, if they are still there;
	 * 0.  FASTIPC_LATEST: only the newest of them. */
	uint64_t history;
	/* FASTIPC_BLOCK: how long the publisher may wait for this one, if its
	 * own limit is not less; 100 ms. */
	uint64_t patience_ns;
	struct fastipc_fingerprint fingerprint; /* told to the peer; none */
	enum fastipc_schema_match schema_match; /* demanded of it; any */
	uint64_t connect_timeout_ns;		/* 5 s */
};

void fastipc_subscriber_options_init(struct fastipc_subscriber_options *options);

/*
 * Subscribe to the topic @address.  @options may be NULL.  Blocks until the
 * publisher publishes or dispatches.
 * -EPROTOTYPE a server is there, no topic; otherwise as
 * fastipc_channel_connect().
 */
int fastipc_subscriber_open(const char *address,
			    const struct fastipc_subscriber_options *options,
			    struct fastipc_subscriber **subscriber);
/* Frees everything; NULL is allowed. */
void fastipc_subscriber_close(struct fastipc_subscriber *subscriber);

/*
 * Copy the next message into @message (see struct fastipc_buffer).  Waits for
 * one until @deadline.  *@lost (may be NULL) is how many were missed just
 * before it.
 *
 * -ETIMEDOUT; -ENODATA orderly end, all was read; -EPIPE the publisher is gone,
 * or ended this subscription; -EMSGSIZE a fixed buffer is too small (the
 * message stays); -ENOMEM; -EAGAIN the publisher overwrites messages faster
 * than they can be copied: its ring is too small for that; -EPROTO,
 * -EBADMSG (a checksum) what it wrote is wrong: this subscription is over.
 */
int fastipc_subscriber_next(struct fastipc_subscriber *subscriber,
			    struct fastipc_buffer *message, uint64_t *lost,
			    uint64_t deadline);

/*
 * For an event loop: poll the descriptor for POLLIN (level-triggered), and
 * dispatch before each poll and after each wake-up.  1: a message waits, read
 * it (with a deadline that has passed, say 1) until -ETIMEDOUT; 0: it is safe
 * to poll; or -ENODATA, -EPIPE, -EPROTO, -EBADMSG.
 */
int fastipc_subscriber_fd(const struct fastipc_subscriber *subscriber);
int fastipc_subscriber_dispatch(struct fastipc_subscriber *subscriber);

struct fastipc_subscriber_stats {
	size_t size;
	uint64_t messages; /* read */
	uint64_t bytes;	   /* of them */
	uint64_t lost;	   /* missed */
	uint64_t sleeps;
	enum fastipc_checksum checksum; /* negotiated */
	uint32_t max_message;		/* bytes */
	struct fastipc_peer peer;	/* the publisher */
	struct fastipc_fingerprint peer_fingerprint;
};
/* Set stats->size first; later fields are left alone. */
int fastipc_subscriber_get_stats(const struct fastipc_subscriber *subscriber,
				 struct fastipc_subscriber_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
