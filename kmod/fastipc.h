/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the files of the module share: a channel, its two ends, and the calls
 * from one file to another.
 *
 * What may sleep while it is held comes first, and what is right of it may be
 * taken inside:
 *
 *	mmap_lock -> fastipc_channel.lock
 *	fastipc_channels_lock -> fastipc_channel.lock
 *	fastipc_users_lock (limit.c)
 *
 * WAIT, WAKE and SWAP take none of these, only fastipc_end.sleep_lock, and the
 * lock of the pollers' wait queue.
 */
#ifndef _FASTIPC_FASTIPC_H
#define _FASTIPC_FASTIPC_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/fastipc.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/uidgid.h>
#include <linux/wait.h>

struct fastipc_user;
struct pid;

/**
 * struct fastipc_region - the memory that one end writes and the other reads
 * @pages: the control page, then the ring; each is a page of order 0, so that
 *	whoever still maps or pins one keeps that one only
 * @nr_pages: how many @pages there are
 * @data_size: bytes of the ring; the copy in the control page is for user
 *	space, which may overwrite it
 * @control: where the kernel sees the control page.  The owner writes there
 *	whenever it likes: read each word once, and believe none.
 *
 * Nothing here changes between creation and the end of the channel.
 */
struct fastipc_region {
	struct page **pages;
	unsigned int nr_pages;
	u32 data_size;
	struct fastipc_control *control;
};

/**
 * struct fastipc_end - one end of a channel, what an endpoint's file refers to
 * @channel: it is embedded there
 * @peer: the other end
 * @index: 0 or 1
 * @flags: FASTIPC_INFO_*: what this end is to know about its peer.  Written
 *	under @channel->lock with release, read without it with acquire: who
 *	sees that the peer is gone also sees all that it wrote.
 * @sleep_lock: of @sleepers; nothing else is taken inside
 * @sleepers: who sleeps in WAIT and SWAP on this end
 * @pollers: who sleeps in poll() and its kin on this end
 * @armed: FASTIPC_WANT_* that pollers asked for since @pollers was last woken;
 *	set under @pollers.lock, taken by the peer's WAKE without it
 * @epoch: of the sleep word, one more each time it is armed; under
 *	@pollers.lock
 * @waits: how often a WAIT or SWAP of this end went to sleep
 * @wakes: WAKEs and SWAPs that this end did
 * @region: that this end writes
 * @state: FASTIPC_STATE_*, as in the control page; under @channel->lock
 * @owner: thread group that first mapped @region writable, or NULL; set once,
 *	under @channel->lock, as are the three below
 * @owner_uid: its uid
 * @owner_gid: its gid
 * @owner_comm: its name
 */
struct fastipc_end {
	struct fastipc_channel *channel;
	struct fastipc_end *peer;
	u32 index;
	u32 flags;
	spinlock_t sleep_lock; /* of sleepers */
	struct hlist_head sleepers;
	wait_queue_head_t pollers;
	atomic_t armed;
	u32 epoch;
	atomic64_t waits;
	atomic64_t wakes;
	struct fastipc_region region;
	u32 state;
	struct pid *owner;
	kuid_t owner_uid;
	kgid_t owner_gid;
	char owner_comm[TASK_COMM_LEN];
} ____cacheline_aligned_in_smp;

/**
 * struct fastipc_channel - two ends, and what they have in common
 * @end: the two
 * @kref: one for each end's file, one for CREATE while it makes them, and one
 *	for each netlink request that is about it.  A mapping holds the file,
 *	and by it the channel.
 * @lock: of what changes when an end is mapped, shut down or closed
 * @link: in fastipc_channels, under fastipc_channels_lock
 * @id: from 1, never used again; set when it is published
 * @created_ns: CLOCK_MONOTONIC
 * @uid: who created it
 * @user: the account that pays for it
 * @bytes: of both regions, as counted in that account
 * @hung_up: the first end has gone; under @lock
 */
struct fastipc_channel {
	struct fastipc_end end[2];
	struct kref kref;
	spinlock_t lock; /* of how the ends are owned, and how they ended */
	struct list_head link;
	u64 id;
	u64 created_ns;
	kuid_t uid;
	struct fastipc_user *user;
	u64 bytes;
	bool hung_up;
};

/**
 * struct fastipc_totals - counts of the whole module, since it was loaded
 * @channels: that are open now
 * @bytes: of their regions
 * @created: channels ever
 * @hangups: channels whose first end went
 * @limit_hits: CREATEs that a limit refused
 * @waits: sum over all ends, of those that are gone as well
 * @wakes: the same
 */
struct fastipc_totals {
	u64 channels;
	u64 bytes;
	u64 created;
	u64 hangups;
	u64 limit_hits;
	u64 waits;
	u64 wakes;
};

/* channel.c */
extern struct list_head fastipc_channels; /* in the order of their ids */
extern struct mutex fastipc_channels_lock;

struct fastipc_channel *fastipc_channel_create(const u32 ring_size[2]);
void fastipc_channel_publish(struct fastipc_channel *channel);
void fastipc_channel_put(struct fastipc_channel *channel);
void fastipc_channel_abort(struct fastipc_channel *channel);
void fastipc_channel_totals(struct fastipc_totals *totals);
struct file *fastipc_end_open(struct fastipc_end *end);

/* main.c */
int fastipc_copy_in_sized(void *arg, size_t known, const void __user *uarg,
			  u32 *size);
long fastipc_query(void __user *uarg);

/* map.c */
int fastipc_end_mmap(struct file *file, struct vm_area_struct *vma);

/* wait.c */
long fastipc_end_wait(struct fastipc_end *end, void __user *uarg);
long fastipc_end_wake(struct fastipc_end *end, void __user *uarg);
long fastipc_end_swap(struct fastipc_end *end, void __user *uarg);
__poll_t fastipc_end_poll(struct file *file, struct poll_table_struct *table);
void fastipc_end_wake_all(struct fastipc_end *end);
void fastipc_wait_init(void);

/* limit.c */
int fastipc_limit_charge(struct fastipc_channel *channel);
void fastipc_limit_uncharge(struct fastipc_channel *channel);
void fastipc_limit_query(kuid_t uid, struct fastipc_ioc_query *query);
void fastipc_limit_totals(struct fastipc_totals *totals);
void fastipc_limit_init(void);

/* netlink.c */
void fastipc_netlink_event(struct fastipc_channel *channel, u8 cmd);
void fastipc_netlink_limit(kuid_t uid, u32 limit);
int fastipc_netlink_init(void);
void fastipc_netlink_exit(void);

/**
 * fastipc_copy_in() - take an argument that starts with its size
 * @arg: where to
 * @known: bytes of @arg, all of which the first version had
 * @uarg: the caller's
 * @size: how many bytes the caller says it has
 *
 * Inline, since for the size that everybody uses it becomes one copy of a
 * constant length, and WAIT and SWAP are to be quick.
 *
 * Return: 0; -EINVAL: shorter than the first version; -E2BIG: what is not known
 * here is not 0; -EFAULT.
 */
static __always_inline int fastipc_copy_in(void *arg, size_t known,
					   const void __user *uarg, u32 *size)
{
	if (likely(!copy_from_user(arg, uarg, known) && *(u32 *)arg == known)) {
		*size = known;
		return 0;
	}
	return fastipc_copy_in_sized(arg, known, uarg, size);
}

#endif /* _FASTIPC_FASTIPC_H */
