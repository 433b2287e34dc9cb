/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR MIT */
/*
 * The mapped layout of a fastipc channel: the one definition that the
 * library and the kernel module share.
 *
 * A channel is two regions, one for each end.  A region is written by its
 * owner only; the peer maps it read-only:
 *
 *	[ control page ][ data, a power of two, mapped twice in a row ]
 *
 * The data area holds records that the owner produces and the peer consumes
 * (single producer, single consumer).  All integers are in the byte order of
 * the machine, which a region never leaves; all cursors count bytes since the
 * channel was made and never wrap in practice (they are u64, and arithmetic on
 * them is modulo 2^64).
 */
#ifndef _UAPI_LINUX_FASTIPC_H
#define _UAPI_LINUX_FASTIPC_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define FASTIPC_ABI_VERSION 1

/* "FIPCRGN1", the first bytes of the identity line of a control page. */
#define FASTIPC_REGION_MAGIC 0x314e475243504946ULL

/*
 * Lines that different writers touch are this far apart: two cache lines,
 * because the adjacent-line prefetchers of current CPUs move them in pairs.
 */
#define FASTIPC_LINE_SIZE 128
#define FASTIPC_CONTROL_SIZE 4096

#define FASTIPC_RING_MIN 4096u
#define FASTIPC_RING_MAX (1u << 30)
#define FASTIPC_RING_DEFAULT (256u << 10)

/*
 * The sleep word of a control page.  Its owner writes it before it sleeps and
 * when it is awake again; the peer reads it after each publication and each
 * release of space, behind a full barrier.
 *
 *	bits 0-1   how the owner sleeps (FASTIPC_SLEEP_*); 0: awake
 *	bit  2     it waits for data (a record in the peer's region)
 *	bit  3     it waits for space (the peer's head to move)
 *	bit  4     it learns what a wake-up costs: who rings stamps wake_ns
 *	bits 5-31  epoch, one more for each sleep: the peer rings once an epoch
 */
#define FASTIPC_SLEEP_AWAKE 0u
#define FASTIPC_SLEEP_FUTEX 1u /* ring: bump doorbell, wake futex */
#define FASTIPC_SLEEP_POLL 2u  /* ring: make the endpoint readable */
/*
 * /dev/fastipc only: poll(), select() or epoll sleeps on the endpoint; the
 * kernel wrote the word, with epochs of its own.  Ring: bump doorbell, WAKE.
 */
#define FASTIPC_SLEEP_KERNEL 3u
#define FASTIPC_SLEEP_MODE_MASK 3u
#define FASTIPC_WANT_DATA 4u
#define FASTIPC_WANT_SPACE 8u
#define FASTIPC_WANT_TIME 16u
#define FASTIPC_SLEEP_EPOCH 32u

/* fastipc_control.state */
#define FASTIPC_STATE_OPEN 0u	  /* the owner may still publish */
#define FASTIPC_STATE_SHUTDOWN 1u /* orderly end: drain, then EOF */
/*
 * Written by the module when the owner's last descriptor is closed and its last
 * mapping is gone, or the channel was aborted, without SHUTDOWN before.
 */
#define FASTIPC_STATE_DEAD 2u

struct fastipc_control {
	/* Line 0: what the owner produced. */
	__u64 tx_tail; /* bytes published; for sleepers and monitors */
	__u64 wake_ns; /* CLOCK_MONOTONIC when the owner last rang, if asked */
	__u32 doorbell; /* bumped by the owner to ring, unless a bell page is used */
	__u8 pad0[FASTIPC_LINE_SIZE - 20];

	/* Line 1: what the owner consumed of the peer's data. */
	__u64 rx_head; /* bytes released */
	__u8 pad1[FASTIPC_LINE_SIZE - 8];

	/* Line 2: seldom written, looked at by the peer for each message. */
	__u32 sleep; /* whether, how and for what the owner sleeps */
	__u32 cpu;   /* where it last ran: CPU number + 1; 0: not known */
	__u32 state; /* FASTIPC_STATE_* */
	__u8 pad2[FASTIPC_LINE_SIZE - 12];

	/* Line 3: identity (written once) and counters, for monitors. */
	__u64 magic;	 /* FASTIPC_REGION_MAGIC */
	__u32 abi;	 /* FASTIPC_ABI_VERSION */
	__u32 data_size; /* bytes, a power of two */
	__u64 tx_records;
	__u64 rx_records;
	__u64 sleeps;
	__u64 wakes;
	__u8 pad3[FASTIPC_LINE_SIZE - 48];
};

/*
 * A record: one word, then its bytes, padded to 8.  The word is stored last,
 * with release, and is 0 while there is no record: the consumer polls it.
 *
 *	bits 0-31   length in bytes of what follows the word (before padding)
 *	bits 32-63  FASTIPC_RECORD_DATA
 *
 * Before it stores the word, the producer stores 0 in the place of the next
 * record's word, so bytes of an earlier lap are never taken for a record.
 */
#define FASTIPC_RECORD_WORD 8u
#define FASTIPC_RECORD_ALIGN 8u
#define FASTIPC_RECORD_DATA 1u

/* Bytes of ring that a record of @len bytes takes. */
#define FASTIPC_RECORD_SPACE(len) \
	(FASTIPC_RECORD_WORD + (((__u64)(len) + FASTIPC_RECORD_ALIGN - 1) & \
				~(__u64)(FASTIPC_RECORD_ALIGN - 1)))

/*
 * The largest record of a ring: a quarter, so that a producer and a consumer
 * of large records can work at the same time.
 */
#define FASTIPC_RECORD_MAX(ring_size) ((ring_size) / 4 - FASTIPC_RECORD_WORD)

/*
 * ---- /dev/fastipc ----
 *
 * open("/dev/fastipc") gives a control file, which has QUERY and CREATE only.
 * CREATE makes a channel and returns its two endpoints, one file descriptor
 * each (close-on-exec), of which one is passed to the peer (SCM_RIGHTS, or
 * fork).  The channel lives as long as one of the two files.
 *
 * mmap() of an endpoint, always MAP_SHARED, never PROT_EXEC, and always the
 * whole of a region, FASTIPC_MAP_SIZE(ring_size) bytes:
 *
 *	FASTIPC_MAP_OWN		the end's own region, readable and writable
 *	FASTIPC_MAP_PEER	the peer's region, readable only, for good
 *
 * The first who maps an end's own region writable is its owner, the one whom
 * INFO shows to the other end.  A mapping, which a fork does not inherit, holds
 * its endpoint open as a descriptor does; what it mapped read-only, mprotect()
 * does not make writable.
 *
 * All structs start with their size, as the caller knows them.  A kernel that
 * knows a shorter one fails with E2BIG if what it does not know is not 0; one
 * that knows a longer one takes 0 for what is missing, but a struct shorter than
 * in the first version is EINVAL.  Reserved fields that go in, and unknown
 * flags, must be 0 (EINVAL).  A request that the file does not have is ENOTTY.
 */
#define FASTIPC_DEVICE "/dev/fastipc"

#define FASTIPC_MAP_OWN 0ULL
#define FASTIPC_MAP_PEER (1ULL << 40)
#define FASTIPC_MAP_SIZE(ring_size) \
	(FASTIPC_CONTROL_SIZE + 2 * (__u64)(ring_size))

#define FASTIPC_IOC_TYPE 0xF1

/* QUERY: what this module is and allows.  Control file and endpoints. */
struct fastipc_ioc_query {
	__u32 size;
	__u32 abi;	/* out: FASTIPC_ABI_VERSION */
	__u64 features; /* out: FASTIPC_FEATURE_* */
	__u32 ring_min; /* out: bytes, powers of two */
	__u32 ring_max;
	__u32 uid_channels_max; /* out: channels that one user may have made */
	__u32 uid_channels;	/* out: and has now */
	__u64 uid_bytes_max;	/* out: bytes of their regions */
	__u64 uid_bytes;
};

#define FASTIPC_FEATURE_SWAP 1ULL

/*
 * CREATE: a channel.  Control file only.  The pages are allocated at once and
 * charged to the caller's memory cgroup and uid.
 *
 * EINVAL a ring size that is no power of two in ring_min..ring_max; EDQUOT a
 * limit of this uid; ENOSPC the module's limit for all; ENOMEM; EMFILE, ENFILE.
 */
struct fastipc_ioc_create {
	__u32 size;
	__u32 flags;	    /* 0 */
	__u32 ring_size[2]; /* in: that end 0, and end 1, produces into */
	__s32 fd[2];	    /* out: end 0, end 1 */
};

/*
 * INFO: one channel as this end sees it.  Endpoints only.
 *
 * The id of a channel is never used again until the module is loaded anew.
 * The peer's pid, uid and gid are in the caller's namespaces: where they are
 * not in them, and while nobody owns the peer's region, 0 and the overflow ids.
 * They stay when the peer is gone, when its pid may be another process's.
 */
struct fastipc_ioc_info {
	__u32 size;
	__u32 abi;	     /* out */
	__u64 id;	     /* out */
	__u32 end;	     /* out: 0 or 1 */
	__u32 flags;	     /* out: FASTIPC_INFO_* */
	__u32 own_ring_size; /* out: bytes */
	__u32 peer_ring_size;
	__u32 peer_pid;	  /* out */
	__u32 peer_uid;	  /* out */
	__u32 peer_gid;	  /* out */
	__u32 reserved;	  /* out: 0 */
	__u64 created_ns; /* out: CLOCK_MONOTONIC */
	__u64 waits;	  /* out: sleeps of this end (WAIT, SWAP) */
	__u64 wakes;	  /* out: WAKE and SWAP of this end */
};

#define FASTIPC_INFO_PEER_OWNED 1u    /* the peer has mapped its region */
#define FASTIPC_INFO_PEER_SHUTDOWN 2u /* it did SHUTDOWN */
#define FASTIPC_INFO_PEER_GONE 4u     /* no descriptor, no mapping left */
#define FASTIPC_INFO_ABORTED 8u	      /* by ABORT, or an administrator */

/*
 * WAIT: sleep while the doorbell word of @side's control page is @seen, and
 * the u32 at @local (an address of the caller's; 0: none) is @local_seen.
 * SWAP: WAKE the peer, then WAIT, in one call; the scheduler is told that the
 * caller is about to sleep, so that the peer may have its CPU.
 *
 * 0 the doorbell or the local word differs, or someone called WAKE; ETIMEDOUT
 * @deadline is over; EPIPE the peer is gone, or the channel aborted; ESHUTDOWN
 * the peer did SHUTDOWN; EINTR a signal (the call is restarted after a handler
 * with SA_RESTART: the deadline is absolute); EFAULT a bad @local; EINVAL.
 * What differs comes first: a wait whose doorbell has moved is 0 even if the
 * peer is gone; and EPIPE comes before ESHUTDOWN.
 */
struct fastipc_ioc_wait {
	__u32 size;
	__u32 side;  /* whose doorbell: FASTIPC_SIDE_*; SWAP: PEER */
	__u32 seen;  /* the value to sleep on */
	__u32 clock; /* of @deadline: CLOCK_MONOTONIC, _REALTIME, _BOOTTIME */
	__u64 deadline; /* absolute, ns; 0: none */
	__u64 local;	/* address of a u32, aligned; 0: none */
	__u32 local_seen;
	__u32 reserved;
};

#define FASTIPC_SIDE_PEER 0u
#define FASTIPC_SIDE_OWN 1u

/*
 * WAKE: who sleeps on the other end (FASTIPC_SIDE_PEER): all in WAIT and SWAP,
 * and in poll() and its kin.  FASTIPC_SIDE_OWN: the WAITs and SWAPs of this
 * end itself, whatever they wait for, so that they look at @local.  Does not
 * touch the doorbell: the caller bumps that before.  Never blocks.  0.
 */
struct fastipc_ioc_wake {
	__u32 size;
	__u32 side;
};

/*
 * SHUTDOWN: this end publishes nothing more: state is FASTIPC_STATE_SHUTDOWN,
 * and the peer, which may drain the ring, is woken (POLLIN | POLLRDHUP).
 * With FASTIPC_ABORT the channel is over for both ends at once, as though each
 * one's peer had died: state is FASTIPC_STATE_DEAD unless it was SHUTDOWN, all
 * sleepers get EPIPE, and poll says POLLHUP.  Repeating it is no error.
 */
struct fastipc_ioc_shutdown {
	__u32 size;
	__u32 flags; /* 0 or FASTIPC_ABORT */
};

#define FASTIPC_ABORT 1u

/*
 * The number says what is asked; sizes are in the structs (see above), so the
 * module does not compare the size that _IOWR puts into the command.
 */
#define FASTIPC_IOC_QUERY \
	_IOWR(FASTIPC_IOC_TYPE, 0x10, struct fastipc_ioc_query)
#define FASTIPC_IOC_CREATE \
	_IOWR(FASTIPC_IOC_TYPE, 0x11, struct fastipc_ioc_create)
#define FASTIPC_IOC_INFO _IOWR(FASTIPC_IOC_TYPE, 0x12, struct fastipc_ioc_info)
#define FASTIPC_IOC_WAIT _IOWR(FASTIPC_IOC_TYPE, 0x13, struct fastipc_ioc_wait)
#define FASTIPC_IOC_WAKE _IOWR(FASTIPC_IOC_TYPE, 0x14, struct fastipc_ioc_wake)
#define FASTIPC_IOC_SWAP _IOWR(FASTIPC_IOC_TYPE, 0x15, struct fastipc_ioc_wait)
#define FASTIPC_IOC_SHUTDOWN \
	_IOWR(FASTIPC_IOC_TYPE, 0x16, struct fastipc_ioc_shutdown)

/*
 * ---- generic netlink family "fastipc", version 1 ----
 *
 * GET_CHANNEL (dump, or do with FASTIPC_A_ID) and GET_TOTALS (do) are for
 * everyone; who lacks CAP_NET_ADMIN in the initial user namespace sees only
 * channels that the own uid created or owns an end of.  DISCONNECT (do,
 * FASTIPC_A_ID) aborts a channel: CAP_NET_ADMIN, or the uid that created it.
 * A request without an address (write()) takes both of who opened the socket.
 * An id is EINVAL where it chooses nothing: in a dump, in GET_TOTALS.
 * The multicast group "events", for CAP_NET_ADMIN, carries EVENT_*, in the
 * initial network namespace only.
 */
#define FASTIPC_GENL_NAME "fastipc"
#define FASTIPC_GENL_VERSION 1
#define FASTIPC_GENL_EVENTS "events"

enum fastipc_genl_cmd {
	FASTIPC_CMD_UNSPEC,
	FASTIPC_CMD_GET_CHANNEL,
	FASTIPC_CMD_GET_TOTALS,
	FASTIPC_CMD_DISCONNECT,
	FASTIPC_CMD_EVENT_CREATED, /* a channel's attributes */
	FASTIPC_CMD_EVENT_HANGUP,  /* the same, when the first end goes */
	FASTIPC_CMD_EVENT_LIMIT,   /* UID, LIMIT */
	__FASTIPC_CMD_MAX
};

#define FASTIPC_CMD_MAX (__FASTIPC_CMD_MAX - 1)

enum fastipc_genl_attr {
	FASTIPC_A_UNSPEC,
	FASTIPC_A_PAD,
	FASTIPC_A_ID,	      /* u64: of the channel */
	FASTIPC_A_UID,	      /* u32: who created it */
	FASTIPC_A_AGE,	      /* u64: ns since then */
	FASTIPC_A_END,	      /* nest, twice: FASTIPC_END_* */
	FASTIPC_A_ABORTED,    /* flag */
	FASTIPC_A_CHANNELS,   /* u64: totals: open now */
	FASTIPC_A_BYTES,      /* u64: of their regions */
	FASTIPC_A_CREATED,    /* u64: ever */
	FASTIPC_A_HANGUPS,    /* u64: ever */
	FASTIPC_A_LIMIT_HITS, /* u64: ever */
	FASTIPC_A_WAITS,      /* u64: ever */
	FASTIPC_A_WAKES,      /* u64: ever */
	FASTIPC_A_LIMIT,      /* u32: FASTIPC_LIMIT_* that was hit */
	__FASTIPC_A_MAX
};

#define FASTIPC_A_MAX (__FASTIPC_A_MAX - 1)

enum fastipc_genl_end {
	FASTIPC_END_UNSPEC,
	FASTIPC_END_PAD,
	FASTIPC_END_INDEX, /* u32: 0 or 1 */
	FASTIPC_END_PID,   /* u32: of its owner, in the reader's namespace */
	FASTIPC_END_UID,   /* u32 */
	FASTIPC_END_COMM,  /* string: the owner's name when it mapped */
	FASTIPC_END_RING_SIZE,	/* u32: bytes */
	FASTIPC_END_STATE,	/* u32: FASTIPC_STATE_* */
	FASTIPC_END_TX_TAIL,	/* u64: bytes published, as the end says */
	FASTIPC_END_RX_HEAD,	/* u64: bytes consumed, as the end says */
	FASTIPC_END_TX_RECORDS, /* u64: as the end says, now and then */
	FASTIPC_END_RX_RECORDS, /* u64: the same */
	FASTIPC_END_WAITS,	/* u64: counted by the module */
	FASTIPC_END_WAKES,	/* u64: counted by the module */
	__FASTIPC_END_MAX
};

#define FASTIPC_END_MAX (__FASTIPC_END_MAX - 1)

#define FASTIPC_LIMIT_UID_CHANNELS 1u
#define FASTIPC_LIMIT_UID_BYTES 2u
#define FASTIPC_LIMIT_BYTES 3u

#ifdef __cplusplus
#define __FASTIPC_ASSERT(c, m) static_assert(c, m)
#else
#define __FASTIPC_ASSERT(c, m) _Static_assert(c, m)
#endif

__FASTIPC_ASSERT(sizeof(struct fastipc_control) == 4 * FASTIPC_LINE_SIZE,
		 "control page layout");
__FASTIPC_ASSERT(sizeof(struct fastipc_control) <= FASTIPC_CONTROL_SIZE,
		 "control page size");
#define __FASTIPC_AT(field, off) \
	__FASTIPC_ASSERT(__builtin_offsetof(struct fastipc_control, field) == \
				 (off), \
			 #field)
__FASTIPC_AT(tx_tail, 0);
__FASTIPC_AT(wake_ns, 8);
__FASTIPC_AT(doorbell, 16);
__FASTIPC_AT(rx_head, 128);
__FASTIPC_AT(sleep, 256);
__FASTIPC_AT(cpu, 260);
__FASTIPC_AT(state, 264);
__FASTIPC_AT(magic, 384);
__FASTIPC_AT(abi, 392);
__FASTIPC_AT(data_size, 396);
__FASTIPC_AT(tx_records, 400);
__FASTIPC_AT(wakes, 424);
__FASTIPC_ASSERT(sizeof(struct fastipc_ioc_query) == 48, "QUERY layout");
__FASTIPC_ASSERT(sizeof(struct fastipc_ioc_create) == 24, "CREATE layout");
__FASTIPC_ASSERT(sizeof(struct fastipc_ioc_info) == 72, "INFO layout");
__FASTIPC_ASSERT(sizeof(struct fastipc_ioc_wait) == 40, "WAIT layout");
__FASTIPC_ASSERT(sizeof(struct fastipc_ioc_wake) == 8, "WAKE layout");
__FASTIPC_ASSERT(sizeof(struct fastipc_ioc_shutdown) == 8, "SHUTDOWN layout");
__FASTIPC_ASSERT((FASTIPC_RING_MIN & (FASTIPC_RING_MIN - 1)) == 0,
		 "ring sizes are powers of two");
#undef __FASTIPC_AT
#undef __FASTIPC_ASSERT

#endif /* _UAPI_LINUX_FASTIPC_H */
