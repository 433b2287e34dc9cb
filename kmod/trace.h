/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Tracepoints: fastipc:fastipc_create, _wait, _wake, _swap and _hangup.  Off,
 * each is a no-op in the instruction stream.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM fastipc

#if !defined(_FASTIPC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _FASTIPC_TRACE_H

#include <linux/tracepoint.h>

#include "fastipc.h"

/* @channel: NULL if there was none yet when it failed. */
TRACE_EVENT(fastipc_create,
	TP_PROTO(const struct fastipc_channel *channel, const u32 *ring_size,
		 int ret),
	TP_ARGS(channel, ring_size, ret),
	TP_STRUCT__entry(
		__field(u64, channel)
		__field(u32, ring_size0)
		__field(u32, ring_size1)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->channel = channel ? channel->id : 0;
		__entry->ring_size0 = ring_size[0];
		__entry->ring_size1 = ring_size[1];
		__entry->ret = ret;
	),
	TP_printk("channel=%llu ring_size=%u,%u ret=%d", __entry->channel,
		  __entry->ring_size0, __entry->ring_size1, __entry->ret)
);

DECLARE_EVENT_CLASS(fastipc_sleep,
	TP_PROTO(const struct fastipc_end *end,
		 const struct fastipc_ioc_wait *arg, int ret),
	TP_ARGS(end, arg, ret),
	TP_STRUCT__entry(
		__field(u64, channel)
		__field(u64, deadline)
		__field(u32, end)
		__field(u32, side)
		__field(u32, seen)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->channel = end->channel->id;
		__entry->deadline = arg->deadline;
		__entry->end = end->index;
		__entry->side = arg->side;
		__entry->seen = arg->seen;
		__entry->ret = ret;
	),
	TP_printk("channel=%llu end=%u side=%u seen=%u deadline=%llu ret=%d",
		  __entry->channel, __entry->end, __entry->side, __entry->seen,
		  __entry->deadline, __entry->ret)
);

/* When they return. */
DEFINE_EVENT(fastipc_sleep, fastipc_wait,
	TP_PROTO(const struct fastipc_end *end,
		 const struct fastipc_ioc_wait *arg, int ret),
	TP_ARGS(end, arg, ret)
);

DEFINE_EVENT(fastipc_sleep, fastipc_swap,
	TP_PROTO(const struct fastipc_end *end,
		 const struct fastipc_ioc_wait *arg, int ret),
	TP_ARGS(end, arg, ret)
);

/* @side: FASTIPC_SIDE_*, whose sleepers */
TRACE_EVENT(fastipc_wake,
	TP_PROTO(const struct fastipc_end *end, u32 side),
	TP_ARGS(end, side),
	TP_STRUCT__entry(
		__field(u64, channel)
		__field(u32, end)
		__field(u32, side)
	),
	TP_fast_assign(
		__entry->channel = end->channel->id;
		__entry->end = end->index;
		__entry->side = side;
	),
	TP_printk("channel=%llu end=%u side=%u", __entry->channel,
		  __entry->end, __entry->side)
);

/* @why: FASTIPC_INFO_*, as the peer of this end is told */
TRACE_EVENT(fastipc_hangup,
	TP_PROTO(const struct fastipc_end *end, u32 why),
	TP_ARGS(end, why),
	TP_STRUCT__entry(
		__field(u64, channel)
		__field(u32, end)
		__field(u32, why)
	),
	TP_fast_assign(
		__entry->channel = end->channel->id;
		__entry->end = end->index;
		__entry->why = why;
	),
	TP_printk("channel=%llu end=%u why=%s", __entry->channel,
		  __entry->end,
		  __print_symbolic(__entry->why,
				   { FASTIPC_INFO_PEER_SHUTDOWN, "SHUTDOWN" },
				   { FASTIPC_INFO_PEER_GONE, "GONE" },
				   { FASTIPC_INFO_ABORTED, "ABORTED" }))
);

#endif /* _FASTIPC_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
