/* SPDX-License-Identifier: MIT */
/*
 * A server of one client that answers by hand, in a process of its own.
 */
#ifndef SELFTESTS_HOSTILE_BY_HAND_H
#define SELFTESTS_HOSTILE_BY_HAND_H

#include "peer.h"

typedef void (*scenario_fn)(struct fastipc_channel *channel);

/* What it says in HELLO; a test may change it. */
static struct fastipc_proposal by_hand = {
	.ring_size = HOSTILE_RING,
	.max_message = FASTIPC_MESSAGE_DEFAULT,
};

static inline struct fastipc_channel *accept_by_hand(const char *address)
{
	static struct fastipc_channel channel;
	const struct fastipc_status status = { 0 };
	struct fastipc_rendezvous rendezvous;
	struct fastipc_link link;
	int sock, result;

	check(!fastipc_rendezvous_listen(&rendezvous, address, 0600));
	/* The first to connect only looks whether the server is ready. */
	for (int i = 0; i < 2; i++) {
		do {
			struct pollfd pollfd = { .fd = rendezvous.fd,
						 .events = POLLIN };

			check(poll(&pollfd, 1, PATIENCE_MS) == 1);
			sock = fastipc_rendezvous_accept(&rendezvous);
		} while (sock == -EAGAIN);
		check(sock >= 0);
		if (!i)
			close(sock);
	}
	do {
		struct pollfd pollfd = { .fd = sock, .events = POLLIN };

		check(poll(&pollfd, 1, PATIENCE_MS) == 1);
		result = fastipc_handshake_accept(sock, &by_hand, &status,
						  &link);
	} while (result == -EAGAIN);
	check(result == 1);
	fastipc_rendezvous_close(&rendezvous);
	fastipc_channel_init(&channel, &link, FASTIPC_WAIT_BLOCK);
	return &channel;
}

/* The id of the next message; its frame is taken and its space released. */
static inline uint64_t next_id(struct fastipc_channel *channel)
{
	struct fastipc_frame frame;
	int error;

	while ((error = fastipc_frame_peek(channel, &frame)) == -EAGAIN) {
		fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL, 0,
				      false, fastipc_after_ns(10 * MS));
		fastipc_channel_check_peer(channel);
		if (channel->hungup)
			_exit(0);
	}
	check(!error);
	fastipc_frame_release(channel, &frame);
	fastipc_channel_notify_space(channel, true);
	return frame.id;
}

static inline void reply(struct fastipc_channel *channel, struct header header,
			 const void *payload, uint32_t size)
{
	header.crc = crc_of(header, payload, size);
	check(put_frame(channel, header, payload, size));
}

static inline void reply_well(struct fastipc_channel *channel, uint64_t id)
{
	reply(channel, good_header(ECHO, id, 4), "well", 4);
}

/* Until the client goes. */
static inline void linger(struct fastipc_channel *channel)
{
	struct pollfd pollfd = { .fd = fastipc_link_fd(&channel->link),
				 .events = POLLIN };

	while (!channel->hungup) {
		poll(&pollfd, 1, PATIENCE_MS);
		fastipc_channel_check_peer(channel);
	}
}

static inline pid_t start_scenario(scenario_fn scenario,
				   const struct fastipc_client_options *options,
				   struct fastipc_client **client)
{
	static unsigned int number;
	char name[32];
	uint64_t until = soon();
	pid_t pid;
	int sock;

	snprintf(name, sizeof(name), "hostile-%u", ++number);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct fastipc_channel *channel;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		channel = accept_by_hand(name);
		scenario(channel);
		linger(channel);
		_exit(0);
	}
	while ((sock = fastipc_rendezvous_connect(name, soon())) < 0) {
		assert_true(fastipc_now_ns() < until);
		usleep(500);
	}
	close(sock);
	*client = connect_with(name, options);
	return pid;
}

#endif
