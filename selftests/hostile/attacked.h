/* SPDX-License-Identifier: MIT */
/*
 * What each test begins and ends with: the server under attack, and a client
 * that behaves, which is served to the end and then is alone.
 */
#ifndef SELFTESTS_HOSTILE_ATTACKED_H
#define SELFTESTS_HOSTILE_ATTACKED_H

#include "peer.h"

static struct server_process server;
static struct fastipc_client *good;

static inline void begin_with(const struct fastipc_server_options *options,
			      const struct service *service)
{
	server_start(&server, options, service);
	good = connect_with(server.address, NULL);
}

static inline void end(void)
{
	assert_alone(good);
	fastipc_client_close(good);
	server_stop(&server);
}

/* ---- clients that do not play by the rules ---- */

typedef void (*attack_fn)(struct fastipc_channel *channel);

/*
 * The connection of the attacker ends, and who is good is served.  What the
 * server has counted of it is for the caller to look at: the difference from
 * before to after this, less the ECHO that is served.
 */
static inline void
attack_and_be_dropped(const struct fastipc_proposal *proposal, attack_fn attack)
{
	struct fastipc_channel channel;

	hostile_connect_with(server.address, proposal, &channel);
	attack(&channel);
	assert_dropped(&channel);
	assert_served(good);
}

#endif
