// SPDX-License-Identifier: MIT
/*
 * The public channel: connecting, and records in and out.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "channel/channel.h"

#define ACCEPT_TIMEOUT_NS 5000000000ull

struct fastipc_listener {
	struct fastipc_rendezvous rendezvous;
	struct fastipc_channel_options options;
};

void fastipc_channel_options_init(struct fastipc_channel_options *options)
{
	*options = (struct fastipc_channel_options){
		.size = sizeof(*options),
		.wait = FASTIPC_WAIT_ADAPTIVE,
		.checksum = FASTIPC_CHECKSUM_OFF,
		.ring_size = FASTIPC_RING_DEFAULT,
		.max_message = FASTIPC_MESSAGE_DEFAULT,
		.mode = 0600,
	};
}

/* The options to use, with the defaults for NULL. */
static int take_options(const struct fastipc_channel_options *given,
			struct fastipc_channel_options *options)
{
	fastipc_channel_options_init(options);
	if (!given)
		return 0;
	if (given->size < sizeof(*given))
		return fastipc_fail(
			-EINVAL,
			"options->size is %zu: use fastipc_channel_options_init()",
			given->size);
	*options = *given;
	if (options->schema_match > FASTIPC_SCHEMA_FULL ||
	    options->wait > FASTIPC_WAIT_SLEEP ||
	    options->checksum > FASTIPC_CHECKSUM_FULL)
		return fastipc_fail(
			-EINVAL,
			"wait, checksum or schema_match is none of its enum");
	return fastipc_ring_size_check(options->ring_size);
}

static struct fastipc_proposal
proposal_of(const struct fastipc_channel_options *options)
{
	return (struct fastipc_proposal){
		.checksum = options->checksum,
		.ring_size = options->ring_size,
		.max_message = options->max_message,
		.fingerprint = options->fingerprint,
		.schema_match = options->schema_match,
	};
}

/* Takes the link over, also on error. */
static int wrap(struct fastipc_link *link, enum fastipc_wait wait,
		struct fastipc_channel **result)
{
	struct fastipc_channel *channel = malloc(sizeof(*channel));

	if (!channel) {
		fastipc_link_close(link);
		return fastipc_fail(-ENOMEM, "no memory for a channel");
	}
	fastipc_channel_init(channel, link, wait);
	*result = channel;
	return 0;
}

int fastipc_channel_connect(const char *address,
			    const struct fastipc_channel_options *given,
			    uint64_t deadline, struct fastipc_channel **channel)
{
	struct fastipc_channel_options options;
	struct fastipc_proposal proposal;
	struct fastipc_link link;
	int error;

	if (!address || !channel)
		return fastipc_fail(-EINVAL, "address and channel are needed");
	error = take_options(given, &options);
	if (error)
		return error;
	proposal = proposal_of(&options);
	error = fastipc_handshake_connect(address, &proposal, deadline, &link);
	if (error)
		return error;
	return wrap(&link, options.wait, channel);
}

/* ---- listening ---- */

int fastipc_listener_open(const char *address,
			  const struct fastipc_channel_options *given,
			  struct fastipc_listener **result)
{
	struct fastipc_channel_options options;
	struct fastipc_listener *listener;
	int error;

	if (!address || !result)
		return fastipc_fail(-EINVAL, "address and listener are needed");
	error = take_options(given, &options);
	if (error)
		return error;
	listener = malloc(sizeof(*listener));
	if (!listener)
		return fastipc_fail(-ENOMEM, "no memory for a listener");
	listener->options = options;
	error = fastipc_rendezvous_listen(&listener->rendezvous, address,
					  options.mode);
	if (error) {
		free(listener);
		return error;
	}
	*result = listener;
	return 0;
}

int fastipc_listener_fd(const struct fastipc_listener *listener)
{
	return listener->rendezvous.fd;
}

void fastipc_listener_close(struct fastipc_listener *listener)
{
	if (!listener)
		return;
	fastipc_rendezvous_close(&listener->rendezvous);
	free(listener);
}

/* Sleep until @fd is readable. */
static int await_readable(int fd, uint64_t deadline)
{
	struct fastipc_link link = { .sock = fd };

	if (fastipc_link_poll(&link, deadline))
		return fastipc_fail(-ETIMEDOUT,
				    "nobody connected before the deadline");
	return 0;
}

/* The HELLO of one client; 0 made, 1 a query was answered, or an error. */
static int shake_hands(struct fastipc_listener *listener, int sock,
		       uint64_t deadline, struct fastipc_link *link)
{
	struct fastipc_proposal proposal = proposal_of(&listener->options);
	struct fastipc_status status = { .threads = 1 };
	int result;

	proposal.transport = listener->rendezvous.transport;

	do {
		int error = await_readable(sock, deadline);

		if (error)
			return error;
		result = fastipc_handshake_accept(sock, &proposal, &status,
						  link);
	} while (result == -EAGAIN);
	if (result == 1) {
		if (link->kmod)
			close(sock);
		return 0;
	}
	return result == 0 ? 1 : result;
}

int fastipc_listener_accept(struct fastipc_listener *listener,
			    uint64_t deadline, struct fastipc_channel **channel)
{
	for (;;) {
		int sock = fastipc_rendezvous_accept(&listener->rendezvous);
		struct fastipc_link link;
		uint64_t until;
		int result;

		if (sock == -EAGAIN || sock == -ECONNABORTED) {
			result = await_readable(listener->rendezvous.fd,
						deadline);
			if (result)
				return result;
			continue;
		}
		if (sock < 0)
			return sock;
		until = fastipc_after_ns(ACCEPT_TIMEOUT_NS);
		if (deadline && deadline < until)
			until = deadline;
		result = shake_hands(listener, sock, until, &link);
		if (result == 0)
			return wrap(&link, listener->options.wait, channel);
		close(sock);
		if (result < 0)
			return result;
	}
}

/* ---- both ends at once ---- */

int fastipc_channel_pair(const struct fastipc_channel_options *given,
			 struct fastipc_channel *channels[2])
{
	struct fastipc_channel_options options;
	struct fastipc_proposal proposal;
	struct fastipc_link links[2];
	int error;

	if (!channels)
		return fastipc_fail(-EINVAL, "channels is NULL");
	error = take_options(given, &options);
	if (error)
		return error;
	proposal = proposal_of(&options);
	error = fastipc_link_pair(&proposal, links);
	if (error)
		return error;
	error = wrap(&links[0], options.wait, &channels[0]);
	if (error) {
		fastipc_link_close(&links[1]);
		return error;
	}
	error = wrap(&links[1], options.wait, &channels[1]);
	if (error)
		fastipc_channel_close(channels[0]);
	return error;
}

/* ---- the end ---- */

int fastipc_channel_shutdown(struct fastipc_channel *channel)
{
	if (!channel)
		return fastipc_fail(-EINVAL, "channel is NULL");
	fastipc_channel_flush(channel);
	fastipc_link_shutdown(&channel->link);
	fastipc_channel_notify(channel, FASTIPC_WANT_DATA | FASTIPC_WANT_SPACE);
	return 0;
}

void fastipc_channel_close(struct fastipc_channel *channel)
{
	if (!channel)
		return;
	fastipc_channel_fini(channel);
	free(channel);
}

/* ---- sending ---- */

int fastipc_channel_reserve(struct fastipc_channel *channel, size_t size,
			    void **data)
{
	unsigned char *place;
	int error;

	if (!channel || !data)
		return fastipc_fail(-EINVAL, "channel and data are needed");
	if (size > channel->tx.record_max)
		return fastipc_fail(
			-EMSGSIZE,
			"a record of this channel has at most %u bytes: use a larger ring",
			channel->tx.record_max);
	if (channel->hungup)
		return fastipc_fail(-EPIPE, "the peer is gone: connect again");
	error = fastipc_producer_reserve(&channel->tx, (uint32_t)size, &place);
	if (error == -EAGAIN)
		fastipc_channel_need(channel, (uint32_t)size);
	if (error == -EPROTO)
		fastipc_fail(error, "the peer claims to have read what was "
				    "not sent, or less than before");
	if (error)
		return error;
	channel->reserved = (int)size;
	*data = place;
	return 0;
}

int fastipc_channel_commit(struct fastipc_channel *channel, size_t size)
{
	if (!channel || channel->reserved < 0 ||
	    size > (size_t)channel->reserved)
		return fastipc_fail(-EINVAL,
				    "commit at most what was reserved, once");
	fastipc_producer_commit(&channel->tx, (uint32_t)size);
	channel->reserved = -1;
	return 0;
}

void fastipc_channel_abort(struct fastipc_channel *channel)
{
	channel->reserved = -1;
}

int fastipc_channel_flush(struct fastipc_channel *channel)
{
	if (!channel)
		return fastipc_fail(-EINVAL, "channel is NULL");
	if (channel->tx.tail != channel->tx.published) {
		fastipc_producer_publish(&channel->tx);
		fastipc_channel_notify(channel, FASTIPC_WANT_DATA);
	}
	return 0;
}

int fastipc_channel_send(struct fastipc_channel *channel, const void *data,
			 size_t size, uint64_t deadline)
{
	void *place;
	int error;

	while ((error = fastipc_channel_reserve(channel, size, &place)) ==
	       -EAGAIN) {
		fastipc_channel_flush(channel);
		/* The peer may wait for room, too: what it has not been told. */
		fastipc_channel_notify_space(channel, true);
		error = fastipc_channel_await(channel, FASTIPC_WANT_SPACE, NULL,
					      0, false, deadline);
		if (error)
			return fastipc_fail(error,
					    "the peer made no room in time");
	}
	if (error)
		return error;
	if (size)
		memcpy(place, data, size);
	fastipc_channel_commit(channel, size);
	return fastipc_channel_flush(channel);
}

/* ---- receiving ---- */

/* What an empty ring means, in the caller's words. */
static int at_end(struct fastipc_channel *channel)
{
	int error = fastipc_channel_end(channel);

	if (error == -EPIPE)
		fastipc_fail(error, "the peer is gone: connect again");
	else if (error == -ENODATA)
		fastipc_fail(error, "the peer shut the channel down");
	return error;
}

int fastipc_channel_peek(struct fastipc_channel *channel,
			 struct fastipc_record *records, unsigned int count)
{
	struct fastipc_consumer ahead;
	unsigned int n = 0;
	int error = 0;

	if (!channel || !records || !count)
		return fastipc_fail(-EINVAL, "room for a record is needed");
	ahead = channel->rx;
	/* Never more than the ring holds, whatever the peer writes. */
	while (n < count && ahead.head - ahead.released <= ahead.mask) {
		const unsigned char *place;
		uint32_t size;

		error = fastipc_consumer_peek(&ahead, &place, &size);
		if (error)
			break;
		records[n].data = place;
		records[n++].size = size;
		fastipc_consumer_next(&ahead, size);
	}
	if (n) {
		channel->peeked = ahead.head;
		return (int)n;
	}
	if (error == -EPROTO)
		return fastipc_fail(error, "the peer published no record");
	error = at_end(channel);
	return error ? error : fastipc_channel_peek(channel, records, count);
}

int fastipc_channel_release(struct fastipc_channel *channel, unsigned int count)
{
	struct fastipc_consumer *rx = &channel->rx;

	while (count--) {
		const unsigned char *place;
		uint32_t size;
		int error = 0;

		/* The word is the peer's: it may have changed since. */
		if (rx->head != channel->peeked)
			error = fastipc_consumer_peek(rx, &place, &size);
		if (rx->head == channel->peeked || error == -EAGAIN)
			return fastipc_fail(-EINVAL,
					    "release at most what was peeked");
		if (error)
			return fastipc_fail(error,
					    "the peer changed a record's word");
		fastipc_consumer_next(rx, size);
	}
	fastipc_consumer_release(rx);
	fastipc_channel_notify_space(channel, !fastipc_consumer_ready(rx));
	return 0;
}

int fastipc_channel_wait(struct fastipc_channel *channel, uint64_t deadline)
{
	if (!channel)
		return fastipc_fail(-EINVAL, "channel is NULL");
	for (;;) {
		int error;

		if (fastipc_consumer_ready(&channel->rx))
			return 0;
		fastipc_channel_notify_space(channel, true);
		error = at_end(channel);
		if (error != -EAGAIN)
			return error;
		error = fastipc_channel_await(channel, FASTIPC_WANT_DATA, NULL,
					      0, false, deadline);
		if (error)
			return fastipc_fail(error,
					    "nothing came before the deadline");
	}
}

ssize_t fastipc_channel_recv(struct fastipc_channel *channel, void *data,
			     size_t capacity, uint64_t deadline)
{
	const unsigned char *place;
	uint32_t size;
	int error = fastipc_channel_wait(channel, deadline);

	if (error)
		return error;
	error = fastipc_consumer_peek(&channel->rx, &place, &size);
	if (error)
		return fastipc_fail(-EPROTO, "the peer published no record");
	if (size > capacity)
		return fastipc_fail(
			-EMSGSIZE,
			"the record has %u bytes, there is room for %zu", size,
			capacity);
	if (size)
		memcpy(data, place, size);
	fastipc_consumer_next(&channel->rx, size);
	fastipc_consumer_release(&channel->rx);
	fastipc_channel_notify_space(channel, false);
	return (ssize_t)size;
}

/* ---- event loops ---- */

int fastipc_channel_fd(const struct fastipc_channel *channel)
{
	return fastipc_link_fd(&channel->link);
}

int fastipc_channel_dispatch(struct fastipc_channel *channel)
{
	if (!channel)
		return fastipc_fail(-EINVAL, "channel is NULL");
	fastipc_channel_disarm(channel);
	fastipc_channel_check_peer(channel);
	for (int i = 0; i < 2 && !fastipc_consumer_ready(&channel->rx); i++) {
		int error = at_end(channel);

		if (error && error != -EAGAIN)
			return error;
		fastipc_channel_notify_space(channel, true);
		fastipc_channel_arm(channel, FASTIPC_SLEEP_POLL,
				    FASTIPC_WANT_DATA);
		if (!fastipc_channel_ready(channel, FASTIPC_WANT_DATA))
			return 0;
		/* A record, or the peer's end: that is no record. */
		fastipc_channel_disarm(channel);
	}
	return 1;
}

size_t fastipc_channel_record_max(const struct fastipc_channel *channel)
{
	return channel->tx.record_max;
}

void fastipc_channel_peer(const struct fastipc_channel *channel,
			  struct fastipc_peer *peer)
{
	*peer = channel->link.cred;
}

void fastipc_channel_fingerprint(const struct fastipc_channel *channel,
				 struct fastipc_fingerprint *fingerprint)
{
	*fingerprint = channel->link.peer_fingerprint;
}
