/* SPDX-License-Identifier: MIT */
/*
 * Somebody who writes anything into its own region, and asks the module, where
 * there is one, for anything.
 */
#ifndef SELFTESTS_HOSTILE_SCRIBBLE_H
#define SELFTESTS_HOSTILE_SCRIBBLE_H

#include <sys/ioctl.h>
#include <time.h>

#include "peer.h"

/* One that the module may take, if it sleeps at all, for a moment. */
static inline void fill_wait(struct fastipc_ioc_wait *wait)
{
	wait->size = sizeof(*wait);
	wait->side %= 3;
	wait->clock = CLOCK_MONOTONIC;
	wait->deadline = fastipc_after_ns(random_number() % MS);
	wait->local = 0;
	wait->reserved = 0;
}

static inline void ask_for_anything(int fd)
{
	static union {
		uint32_t size;
		struct fastipc_ioc_wait wait;
		struct fastipc_ioc_shutdown shutdown;
		unsigned char bytes[4096];
	} argument;
	unsigned long number = random_number() % 7;

	random_bytes(argument.bytes, 128);
	switch (random_number() % 4) {
	case 0:
		break;
	case 1:
		argument.size = 8 + 8 * (uint32_t)(random_number() % 9);
		break;
	default:
		fill_wait(&argument.wait);
		break;
	}
	/* Only now and then one that would end it all. */
	if (number == 6 && random_number() % 64)
		argument.shutdown.flags = ~0u;
	(void)ioctl(fd, _IOWR(FASTIPC_IOC_TYPE, 0x10, uint64_t) + number,
		    &argument);
}

/* The @step-th; false: the peer has ended it. */
static inline bool scribble(struct fastipc_channel *channel, unsigned int step)
{
	struct pollfd pollfd = { .fd = fastipc_link_fd(&channel->link),
				 .events = POLLIN };
	unsigned char *data = channel->link.own.data;
	unsigned char *control = (unsigned char *)channel->link.own.control;

	data[random_number() % 1024] = (unsigned char)random_number();
	if (step % 64 == 0)
		control[random_number() % sizeof(struct fastipc_control)] =
			(unsigned char)random_number();
	if (step % 100 == 0) {
		/* A frame as it should be, soon spoilt. */
		struct header header =
			good_header(ECHO, random_number() % 4096, 64);

		header.crc = crc_of(header, data, 64);
		memcpy(data + 8, &header, sizeof(header));
		__atomic_store_n((uint64_t *)data, 1ull << 32 | 88,
				 __ATOMIC_RELEASE);
	}
	if (channel->link.kmod && step % 250 == 0)
		ask_for_anything(pollfd.fd);
	if (step % 1000)
		return true;
	fastipc_link_ring(&channel->link, FASTIPC_SLEEP_FUTEX);
	fastipc_link_ring(&channel->link, FASTIPC_SLEEP_POLL);
	if (poll(&pollfd, 1, 0) == 1)
		fastipc_channel_check_peer(channel);
	return !channel->hungup;
}

/* Of such a peer, that it is one, or is gone: nothing else is known of it. */
static inline void assert_end_by_scribbles(int error)
{
	if (error != -EPROTO && error != -EPIPE && error != -EBADMSG &&
	    error != -EPROTONOSUPPORT)
		fail_msg("the connection ended with %d (%s)", error,
			 fastipc_error_detail());
	assert_detail();
}

#endif
