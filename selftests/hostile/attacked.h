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

#endif
