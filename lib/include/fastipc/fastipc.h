/* SPDX-License-Identifier: MIT */
/*
 * fastipc: fast and safe messages between the processes of one Linux machine.
 * This header has everything; man page: fastipc(7).
 */
#ifndef FASTIPC_FASTIPC_H
#define FASTIPC_FASTIPC_H

#include <fastipc/channel.h>
#include <fastipc/client.h>
#include <fastipc/codec.h>
#include <fastipc/discover.h>
#include <fastipc/loan.h>
#include <fastipc/pool.h>
#include <fastipc/server.h>
#include <fastipc/stream.h>
#include <fastipc/topic.h>
#include <fastipc/types.h>

#endif
