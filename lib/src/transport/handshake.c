// SPDX-License-Identifier: MIT
/*
 * The handshake: two ends exchange HELLO and regions, and have a link, or one
 * tells the other why not.  Here is what both sides do, and both at once.
 */
#include "transport/handshake.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/bulk.h"
#include "transport/hello.h"
#include "transport/memfd.h"
#include "transport/passing.h"

void fastipc_link_init(struct fastipc_link *link)
{
	memset(link, 0, sizeof(*link));
	link->sock = -1;
	link->endpoint = -1;
}

void fastipc_link_close(struct fastipc_link *link)
{
	fastipc_region_unmap(&link->own);
	fastipc_region_unmap(&link->peer);
	fastipc_bell_unmap(link);
	fastipc_bulk_unref(link->own_bulk);
	fastipc_bulk_unref(link->peer_bulk);
	fastipc_passing_free(link->passing);
	if (link->sock >= 0)
		close(link->sock);
	if (link->kmod)
		close(link->endpoint);
	fastipc_link_init(link);
}

int fastipc_hello_cred(int sock, struct fastipc_peer *cred)
{
	struct ucred ucred;
	socklen_t length = sizeof(ucred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &ucred, &length))
		return fastipc_fail(-errno, "cannot tell who the peer is: %s",
				    strerrordesc_np(errno));
	cred->pid = ucred.pid;
	cred->uid = ucred.uid;
	cred->gid = ucred.gid;
	return 0;
}

/*
 * Who has the same reads the same of CLOCK_MONOTONIC: a time namespace of this
 * kernel has an inode of its own.  0: it does not say.  Looked up each time, as
 * a child of this process may be in another one.
 */
static uint32_t clock_id(void)
{
	struct stat status;

	return stat("/proc/self/ns/time", &status) ? 0
						   : (uint32_t)status.st_ino;
}

void fastipc_hello_propose(struct fastipc_hello *hello,
			   const struct fastipc_proposal *mine)
{
	hello->checksum = mine->checksum;
	hello->ring_size = mine->ring_size;
	hello->max_message = mine->max_message;
	hello->fingerprint = mine->fingerprint.wire;
	hello->fingerprint_full = mine->fingerprint.full;
	hello->features |= mine->features;
	hello->dictionary = mine->dictionary;
	hello->stream_window = mine->stream_window;
	hello->max_streams = mine->max_streams;
	hello->bulk_max = mine->bulk_max;
	hello->max_descriptors = mine->max_descriptors;
	hello->clock = clock_id();
}

/* Who does not say is taken. */
static int check_schema(uint64_t theirs, uint64_t mine)
{
	if (!theirs || !mine || theirs == mine)
		return 0;
	return fastipc_fail(-ENOPROTOOPT,
			    "the peer speaks schema %#llx, this end %#llx: "
			    "generate both from one schema, or do not demand "
			    "that (schema_match)",
			    (unsigned long long)theirs,
			    (unsigned long long)mine);
}

/* What must agree, in CONNECT and in ACCEPT alike. */
int fastipc_hello_check(const struct fastipc_hello *hello,
			const struct fastipc_proposal *mine)
{
	if (hello->abi != FASTIPC_ABI_VERSION)
		return fastipc_fail(-EPROTONOSUPPORT,
				    "the peer's regions have layout %u, this "
				    "end's %d: use the same libfastipc on both",
				    hello->abi, FASTIPC_ABI_VERSION);
	if (hello->checksum > FASTIPC_CHECKSUM_FULL)
		return fastipc_fail(-EPROTONOSUPPORT,
				    "the peer wants checksum %u, which this "
				    "end does not know: update libfastipc",
				    hello->checksum);
	if (mine->schema_match >= FASTIPC_SCHEMA_WIRE) {
		int ret = check_schema(hello->fingerprint,
				       mine->fingerprint.wire);

		if (ret)
			return ret;
	}
	if (mine->schema_match >= FASTIPC_SCHEMA_FULL)
		return check_schema(hello->fingerprint_full,
				    mine->fingerprint.full);
	return 0;
}

int fastipc_handshake_take(struct fastipc_link *link,
			   const struct fastipc_proposal *mine,
			   const struct fastipc_hello *hello)
{
	if (hello->ring_size != link->peer.size)
		return fastipc_fail(-ERANGE,
				    "the peer's HELLO says %u bytes of ring "
				    "and its region has %u",
				    hello->ring_size, link->peer.size);
	link->peer_max_message = hello->max_message < FASTIPC_MESSAGE_MAX
					 ? hello->max_message
					 : FASTIPC_MESSAGE_MAX;
	link->peer_fingerprint.wire = hello->fingerprint;
	link->peer_fingerprint.full = hello->fingerprint_full;
	link->features = mine->features;
	link->peer_features = hello->features;
	link->peer_dictionary = hello->dictionary;
	link->peer_stream_window = hello->stream_window;
	link->peer_max_streams = hello->max_streams;
	link->same_clock = hello->clock && hello->clock == clock_id();
	if (link->passing) {
		link->passing->most = mine->max_descriptors;
		link->passing->peer_most =
			hello->max_descriptors < FASTIPC_DESCRIPTORS_MAX
				? hello->max_descriptors
				: FASTIPC_DESCRIPTORS_MAX;
	}
	return 0;
}

int fastipc_handshake_take_region(struct fastipc_link *link, int fd)
{
	if (fd < 0)
		return fastipc_fail(-EBADMSG, "the peer's HELLO came without "
					      "its region: is it a fastipc "
					      "peer?");
	return fastipc_region_attach(&link->peer, fd);
}

/* ---- both sides at once ---- */

/* A bell for both. */
static int share_bell(struct fastipc_link links[2])
{
	int fd;
	int ret = fastipc_bell_create(&links[0], &fd);

	if (ret)
		return ret;
	ret = fastipc_bell_attach(&links[1], fd);
	close(fd);
	return ret;
}

/* Make @end's own region and give it to @other. */
static int share_region(struct fastipc_link *end, struct fastipc_link *other,
			const struct fastipc_proposal *mine)
{
	int fd;
	int ret = fastipc_region_create(&end->own, mine->ring_size, &fd);

	if (ret)
		return ret;
	ret = fastipc_region_attach(&other->peer, fd);
	close(fd);
	end->checksum = mine->checksum;
	end->peer_max_message = mine->max_message;
	end->peer_fingerprint = mine->fingerprint;
	return ret ? ret : fastipc_hello_cred(end->sock, &end->cred);
}

int fastipc_link_pair(const struct fastipc_proposal *mine,
		      struct fastipc_link links[2])
{
	int socks[2], ret;

	fastipc_link_init(&links[0]);
	fastipc_link_init(&links[1]);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0, socks))
		return fastipc_fail(-errno,
				    "cannot make a socket pair (%s): raise "
				    "RLIMIT_NOFILE",
				    strerrordesc_np(errno));
	links[0].sock = socks[0];
	links[1].sock = socks[1];
	links[0].same_clock = links[1].same_clock = true;
	ret = share_region(&links[0], &links[1], mine);
	if (!ret)
		ret = share_region(&links[1], &links[0], mine);
	if (!ret)
		ret = share_bell(links);
	if (ret) {
		fastipc_link_close(&links[0]);
		fastipc_link_close(&links[1]);
	}
	return ret;
}
