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
 * (single producer, single consumer).  All integers are little-endian; all
 * cursors count bytes since the channel was made and never wrap in practice
 * (they are u64, and arithmetic on them is modulo 2^64).
 */
#ifndef _UAPI_LINUX_FASTIPC_H
#define _UAPI_LINUX_FASTIPC_H

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
 *	bits 4-31  epoch, one more for each sleep: the peer rings once an epoch
 */
#define FASTIPC_SLEEP_AWAKE 0u
#define FASTIPC_SLEEP_FUTEX 1u /* ring: bump doorbell, wake futex */
#define FASTIPC_SLEEP_POLL 2u  /* ring: make the endpoint readable */
#define FASTIPC_SLEEP_MODE_MASK 3u
#define FASTIPC_WANT_DATA 4u
#define FASTIPC_WANT_SPACE 8u
#define FASTIPC_SLEEP_EPOCH 16u

/* fastipc_control.state */
#define FASTIPC_STATE_OPEN 0u	  /* the owner may still publish */
#define FASTIPC_STATE_SHUTDOWN 1u /* orderly end: drain, then EOF */

struct fastipc_control {
	/* Line 0: what the owner produced. */
	__u64 tx_tail;	/* bytes published; for sleepers and monitors */
	__u64 wake_ns;	/* CLOCK_MONOTONIC when the owner last rang */
	__u32 doorbell; /* futex word: bumped by the owner to ring */
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
__FASTIPC_ASSERT((FASTIPC_RING_MIN & (FASTIPC_RING_MIN - 1)) == 0,
		 "ring sizes are powers of two");
#undef __FASTIPC_AT
#undef __FASTIPC_ASSERT

#endif /* _UAPI_LINUX_FASTIPC_H */
