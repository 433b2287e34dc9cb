/* SPDX-License-Identifier: MIT */
/*
 * A peer that speaks the wire by hand: it shakes hands as it should, then
 * writes into its region what it likes.
 */
#ifndef SELFTESTS_HOSTILE_PEER_H
#define SELFTESTS_HOSTILE_PEER_H

#include <poll.h>

#include "frame/crc32c.h"
#include "frame/frame.h"
#include "integration/pair.h"

#define HOSTILE_RING 65536u

#define ECHO 1
#define STATS 2

/* ---- randomness that can be had again ---- */

static uint64_t random_state;

static inline uint64_t seed_random(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : fastipc_now_ns();

	random_state = seed | 1;
	return seed;
}

static inline uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1dull;
}

static inline void random_bytes(void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((unsigned char *)data)[i] =
			(unsigned char)(random_number() >> 56);
}

/* ---- frames by hand ---- */

struct header {
	uint32_t magic;
	uint8_t version;
	uint8_t flags;
	uint16_t type;
	uint64_t id;
	uint32_t length;
	uint32_t crc;
};

_Static_assert(sizeof(struct header) == FASTIPC_FRAME_HEADER, "header");

struct total {
	uint32_t block;
	uint32_t zero;
	uint16_t kind;
	uint16_t length;
	uint32_t value;
};

static inline struct header good_header(uint16_t type, uint64_t id,
					uint32_t length)
{
	return (struct header){
		.magic = FASTIPC_FRAME_MAGIC,
		.version = FASTIPC_FRAME_VERSION,
		.type = type,
		.id = id,
		.length = length,
	};
}

static inline struct total good_total(uint32_t value)
{
	return (struct total){
		.block = sizeof(struct total),
		.kind = FASTIPC_EXT_TOTAL,
		.value = value,
	};
}

static inline uint32_t crc_of(struct header header, const void *payload,
			      size_t size)
{
	uint32_t sum;

	header.crc = 0;
	sum = fastipc_crc32c(~0u, &header, sizeof(header));
	return ~fastipc_crc32c(sum, payload, size);
}

/* A record with any word; it is not published if there is no room. */
static inline bool put_record(struct fastipc_channel *channel,
			      const void *bytes, uint32_t size, uint64_t word)
{
	unsigned char *place;

	if (fastipc_producer_reserve(&channel->tx, size, &place))
		return false;
	memcpy(place, bytes, size);
	fastipc_producer_commit(&channel->tx, size);
	channel->tx.word = word;
	fastipc_producer_publish(&channel->tx);
	fastipc_channel_notify(channel, FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE);
	return true;
}

static inline bool put_frame(struct fastipc_channel *channel,
			     struct header header, const void *payload,
			     uint32_t size)
{
	unsigned char bytes[70000];

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), payload, size);
	size += (uint32_t)sizeof(header);
	return put_record(channel, bytes, size,
			  (uint64_t)FASTIPC_RECORD_DATA << 32 | size);
}

/* The same, as soon as there is room; nothing once the peer is gone. */
static inline void put_whole(struct fastipc_channel *channel, uint16_t type,
			     uint8_t flags, uint64_t id, const void *payload,
			     uint32_t size)
{
	struct header header = good_header(type, id, size);
	uint64_t until = soon();

	header.flags = flags;
	header.crc = crc_of(header, payload, size);
	while (!put_frame(channel, header, payload, size)) {
		fastipc_channel_check_peer(channel);
		if (channel->hungup)
			return;
		check(fastipc_now_ns() < until);
	}
}

/* ---- a hostile client ---- */

static inline void hostile_connect_with(const char *address,
					const struct fastipc_proposal *proposal,
					struct fastipc_channel *channel)
{
	struct fastipc_link link;

	assert_result(
		fastipc_handshake_connect(address, proposal, soon(), &link), 0);
	fastipc_channel_init(channel, &link, FASTIPC_WAIT_BLOCK);
}

static const struct fastipc_proposal hostile_proposal = {
	/* With kmod, of both rings. */
	.ring_size = HOSTILE_RING,
	.max_message = FASTIPC_MESSAGE_DEFAULT,
	.stream_window = 256u << 10,
};

static inline void hostile_connect(const char *address,
				   struct fastipc_channel *channel)
{
	hostile_connect_with(address, &hostile_proposal, channel);
}

/* The server ends the connection. */
static inline void assert_dropped(struct fastipc_channel *channel)
{
	struct pollfd pollfd = { .fd = fastipc_link_fd(&channel->link),
				 .events = POLLIN };

	while (!channel->hungup) {
		assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
		fastipc_channel_check_peer(channel);
	}
	fastipc_channel_fini(channel);
}

/*
 * The server takes all that was sent, and rings who sleeps since @seen until
 * there is space.
 */
static inline void assert_told_of_space(const struct fastipc_channel *channel,
					uint32_t seen)
{
	const struct fastipc_link *link = &channel->link;
	uint64_t until = soon();

	while (__atomic_load_n(&link->peer.control->rx_head,
			       __ATOMIC_ACQUIRE) != channel->tx.tail) {
		assert_true(fastipc_now_ns() < until);
		usleep(100);
	}
	while (__atomic_load_n(link->peer_bell, __ATOMIC_ACQUIRE) == seen) {
		assert_true(fastipc_now_ns() < until);
		usleep(100);
	}
}

/* ---- the server under attack ---- */

static inline int on_echo(struct fastipc_request *request, void *context)
{
	(void)context;
	fastipc_request_reply(request, fastipc_request_data(request),
			      fastipc_request_size(request));
	return 0;
}

static inline int on_stats(struct fastipc_request *request, void *context)
{
	struct fastipc_server_stats stats = { .size = sizeof(stats) };

	(void)context;
	check(!fastipc_server_get_stats(this_server, &stats));
	fastipc_request_reply(request, &stats, sizeof(stats));
	return 0;
}

static inline void add_handlers(struct fastipc_server *server)
{
	check(!fastipc_server_add_handler(server, ECHO, on_echo, NULL));
	check(!fastipc_server_add_handler(server, STATS, on_stats, NULL));
}

static const struct service attacked = { .add = add_handlers };

static inline struct fastipc_server_stats
stats_of(struct fastipc_client *client)
{
	struct fastipc_server_stats stats;

	ask_for(client, STATS, &stats, sizeof(stats));
	return stats;
}

/* A client that behaves is served as though nothing had happened. */
static inline void assert_served(struct fastipc_client *client)
{
	unsigned char data[300], got[300];
	struct fastipc_buffer reply = {
		.data = got,
		.capacity = sizeof(got),
		.fixed = true,
	};

	fill(data, sizeof(data), (uint32_t)random_number());
	assert_result(fastipc_client_call(client, ECHO, data, sizeof(data),
					  &reply, soon()),
		      0);
	assert_int_equal(reply.size, sizeof(data));
	assert_memory_equal(got, data, sizeof(data));
}

/* All connections but the one of @client end. */
static inline void assert_alone(struct fastipc_client *client)
{
	uint64_t until = soon();

	while (stats_of(client).connections != 1) {
		assert_true(fastipc_now_ns() < until);
		usleep(1000);
	}
}

#endif
