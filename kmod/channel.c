// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The life of a channel: its pages, its two files, and how it ends.
 *
 * An end lives as long as its file, and the channel, with the pages of both
 * ends, as long as one of the two.  No file but these is ever held.
 */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>

#include "compat.h"
#include "fastipc.h"
#include "trace.h"

/* Protects the list of channels, and the counts below it. */
DEFINE_MUTEX(fastipc_channels_lock);
LIST_HEAD(fastipc_channels);
static u64 fastipc_last_id;
static u64 fastipc_nr_channels;
static u64 fastipc_gone_waits; /* of the channels that are freed */
static u64 fastipc_gone_wakes;

static atomic64_t fastipc_hangups = ATOMIC64_INIT(0);

static void fastipc_region_free(struct fastipc_region *region)
{
	unsigned int i;

	if (!region->pages)
		return;
	for (i = 0; i < region->nr_pages; i++) {
		/* The page itself lives on while somebody has it pinned. */
		__free_page(region->pages[i]);
		if (!(i % SZ_1K))
			cond_resched();
	}
	kvfree(region->pages);
}

/*
 * The sizes come from user space and may be large: whoever gets killed is to
 * stop at once, and when there is no memory, that is -ENOMEM for this caller,
 * not the end of another process (__GFP_RETRY_MAYFAIL), nor worth a warning.
 * The pages are zero, and never in high memory, so that they can be read and
 * written without being mapped first.
 */
static int fastipc_region_alloc(struct fastipc_region *region, u32 data_size)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN |
			  __GFP_RETRY_MAYFAIL;
	unsigned int nr = 1 + (data_size >> PAGE_SHIFT);
	struct fastipc_control *control;
	struct page *page;

	region->data_size = data_size;
	region->pages = kvmalloc_array(nr, sizeof(*region->pages), gfp);
	if (!region->pages)
		return -ENOMEM;

	while (region->nr_pages < nr) {
		if (fatal_signal_pending(current))
			return -EINTR;
		page = alloc_page(gfp | __GFP_ZERO);
		if (!page)
			return -ENOMEM;
		region->pages[region->nr_pages++] = page;
		cond_resched();
	}

	/* All of it is there before anybody can map it. */
	control = page_address(region->pages[0]);
	control->magic = FASTIPC_REGION_MAGIC;
	control->abi = FASTIPC_ABI_VERSION;
	control->data_size = data_size;
	region->control = control;
	return 0;
}

static void fastipc_channel_free(struct fastipc_channel *channel)
{
	int i;

	for (i = 0; i < 2; i++) {
		fastipc_region_free(&channel->end[i].region);
		put_pid(channel->end[i].owner);
	}
	fastipc_limit_uncharge(channel);
	kfree(channel);
}

/**
 * fastipc_channel_create() - make a channel that nobody knows yet
 * @ring_size: bytes that end 0, and end 1, produces into; valid
 *
 * Return: the channel, with one reference; or -EDQUOT, -ENOSPC: a limit;
 * -ENOMEM; -EINTR: the caller is being killed.
 */
struct fastipc_channel *fastipc_channel_create(const u32 ring_size[2])
{
	struct fastipc_channel *channel;
	int i, ret;

	channel = kzalloc(sizeof(*channel), GFP_KERNEL_ACCOUNT);
	if (!channel)
		return ERR_PTR(-ENOMEM);

	kref_init(&channel->kref);
	spin_lock_init(&channel->lock);
	INIT_LIST_HEAD(&channel->link);
	channel->created_ns = ktime_get_ns();
	channel->uid = current_uid();
	for (i = 0; i < 2; i++) {
		struct fastipc_end *end = &channel->end[i];

		end->channel = channel;
		end->peer = &channel->end[!i];
		end->index = i;
		spin_lock_init(&end->sleep_lock);
		INIT_HLIST_HEAD(&end->sleepers);
		init_waitqueue_head(&end->pollers);
		channel->bytes += FASTIPC_CONTROL_SIZE + ring_size[i];
	}

	/* Before the pages: the limits are to keep them from being taken. */
	ret = fastipc_limit_charge(channel);
	if (ret) {
		kfree(channel);
		return ERR_PTR(ret);
	}
	for (i = 0; i < 2; i++) {
		ret = fastipc_region_alloc(&channel->end[i].region,
					   ring_size[i]);
		if (ret) {
			fastipc_channel_free(channel);
			return ERR_PTR(ret);
		}
	}
	return channel;
}

/**
 * fastipc_channel_publish() - give a channel its id, and show it to netlink
 * @channel: complete, with both files
 */
void fastipc_channel_publish(struct fastipc_channel *channel)
{
	mutex_lock(&fastipc_channels_lock);
	channel->id = ++fastipc_last_id;
	list_add_tail(&channel->link, &fastipc_channels);
	fastipc_nr_channels++;
	mutex_unlock(&fastipc_channels_lock);

	fastipc_netlink_event(channel, FASTIPC_CMD_EVENT_CREATED);
}

static void fastipc_channel_release(struct kref *kref)
{
	struct fastipc_channel *channel =
		container_of(kref, struct fastipc_channel, kref);
	int i;

	if (channel->id) {
		mutex_lock(&fastipc_channels_lock);
		list_del(&channel->link);
		fastipc_nr_channels--;
		for (i = 0; i < 2; i++) {
			struct fastipc_end *end = &channel->end[i];

			fastipc_gone_waits += atomic64_read(&end->waits);
			fastipc_gone_wakes += atomic64_read(&end->wakes);
		}
		mutex_unlock(&fastipc_channels_lock);
	}
	fastipc_channel_free(channel);
}

/**
 * fastipc_channel_put() - drop a reference
 * @channel: freed with the last one; may sleep
 */
void fastipc_channel_put(struct fastipc_channel *channel)
{
	kref_put(&channel->kref, fastipc_channel_release);
}

/**
 * fastipc_channel_totals() - add up what all channels did
 * @totals: filled in, but for what limit.c counts
 */
void fastipc_channel_totals(struct fastipc_totals *totals)
{
	struct fastipc_channel *channel;
	int i;

	mutex_lock(&fastipc_channels_lock);
	totals->channels = fastipc_nr_channels;
	totals->created = fastipc_last_id;
	totals->hangups = atomic64_read(&fastipc_hangups);
	totals->waits = fastipc_gone_waits;
	totals->wakes = fastipc_gone_wakes;
	list_for_each_entry(channel, &fastipc_channels, link) {
		for (i = 0; i < 2; i++) {
			struct fastipc_end *end = &channel->end[i];

			totals->waits += atomic64_read(&end->waits);
			totals->wakes += atomic64_read(&end->wakes);
		}
	}
	mutex_unlock(&fastipc_channels_lock);
}

static void fastipc_end_set_state(struct fastipc_end *end, u32 state)
{
	lockdep_assert_held(&end->channel->lock);

	/* How it ended first is how it ended: orderly, or not. */
	if (end->state != FASTIPC_STATE_OPEN)
		return;
	WRITE_ONCE(end->state, state);
	/* What the owner published is in place when its peer sees this. */
	smp_store_release(&end->region.control->state, state);
}

/* Tell an end what its peer did. */
static void fastipc_end_set_flag(struct fastipc_end *end, u32 flag)
{
	lockdep_assert_held(&end->channel->lock);
	/* Pairs with the acquires in wait.c. */
	smp_store_release(&end->flags, end->flags | flag);
	trace_fastipc_hangup(end->peer, flag);
}

static void fastipc_channel_hangup(struct fastipc_channel *channel)
{
	bool first;

	spin_lock(&channel->lock);
	first = !channel->hung_up;
	channel->hung_up = true;
	spin_unlock(&channel->lock);

	/* Without an id, CREATE failed: nobody ever knew of it. */
	if (!first || !channel->id)
		return;
	atomic64_inc(&fastipc_hangups);
	fastipc_netlink_event(channel, FASTIPC_CMD_EVENT_HANGUP);
}

/**
 * fastipc_channel_abort() - end a channel for both sides, as if each had died
 * @channel: may be aborted already
 */
void fastipc_channel_abort(struct fastipc_channel *channel)
{
	int i;

	spin_lock(&channel->lock);
	for (i = 0; i < 2; i++) {
		fastipc_end_set_state(&channel->end[i], FASTIPC_STATE_DEAD);
		fastipc_end_set_flag(&channel->end[i], FASTIPC_INFO_ABORTED);
	}
	spin_unlock(&channel->lock);

	for (i = 0; i < 2; i++)
		fastipc_end_wake_all(&channel->end[i]);
	fastipc_channel_hangup(channel);
}

static void fastipc_end_shutdown(struct fastipc_end *end)
{
	spin_lock(&end->channel->lock);
	fastipc_end_set_state(end, FASTIPC_STATE_SHUTDOWN);
	if (end->state == FASTIPC_STATE_SHUTDOWN)
		fastipc_end_set_flag(end->peer, FASTIPC_INFO_PEER_SHUTDOWN);
	spin_unlock(&end->channel->lock);

	fastipc_end_wake_all(end->peer);
}

/* This one and the next have frames that WAIT and SWAP are to do without. */
static noinline_for_stack long
fastipc_end_ioc_shutdown(struct fastipc_end *end, void __user *uarg)
{
	struct fastipc_ioc_shutdown arg;
	u32 size;
	int ret;

	ret = fastipc_copy_in(&arg, sizeof(arg), uarg, &size);
	if (ret)
		return ret;
	if (arg.flags & ~FASTIPC_ABORT)
		return -EINVAL;

	if (arg.flags & FASTIPC_ABORT)
		fastipc_channel_abort(end->channel);
	else
		fastipc_end_shutdown(end);
	return 0;
}

/* As the caller's clock says: a time namespace may have set it apart. */
static u64 fastipc_channel_created_ns(const struct fastipc_channel *channel)
{
	struct timespec64 created = ns_to_timespec64(channel->created_ns);

	timens_add_monotonic(&created);
	return timespec64_to_ns(&created);
}

static noinline_for_stack long
fastipc_end_info(struct fastipc_end *end, void __user *uarg)
{
	struct fastipc_channel *channel = end->channel;
	struct fastipc_end *peer = end->peer;
	struct fastipc_ioc_info arg;
	kuid_t uid = INVALID_UID;
	kgid_t gid = INVALID_GID;
	u32 size;
	int ret;

	ret = fastipc_copy_in(&arg, sizeof(arg), uarg, &size);
	if (ret)
		return ret;

	arg = (struct fastipc_ioc_info){
		.size = size,
		.abi = FASTIPC_ABI_VERSION,
		.id = channel->id,
		.end = end->index,
		.own_ring_size = end->region.data_size,
		.peer_ring_size = peer->region.data_size,
		.created_ns = fastipc_channel_created_ns(channel),
		.waits = atomic64_read(&end->waits),
		.wakes = atomic64_read(&end->wakes),
	};
	spin_lock(&channel->lock);
	arg.flags = end->flags;
	if (peer->owner) {
		arg.peer_pid = pid_nr_ns(peer->owner,
					 task_active_pid_ns(current));
		uid = peer->owner_uid;
		gid = peer->owner_gid;
	}
	spin_unlock(&channel->lock);
	arg.peer_uid = from_kuid_munged(current_user_ns(), uid);
	arg.peer_gid = from_kgid_munged(current_user_ns(), gid);
	return copy_to_user(uarg, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long fastipc_end_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	struct fastipc_end *end = file->private_data;
	void __user *uarg = (void __user *)arg;

	if (_IOC_TYPE(cmd) != FASTIPC_IOC_TYPE)
		return -ENOTTY;

	switch (_IOC_NR(cmd)) {
	case _IOC_NR(FASTIPC_IOC_SWAP):
		return fastipc_end_swap(end, uarg);
	case _IOC_NR(FASTIPC_IOC_WAIT):
		return fastipc_end_wait(end, uarg);
	case _IOC_NR(FASTIPC_IOC_WAKE):
		return fastipc_end_wake(end, uarg);
	case _IOC_NR(FASTIPC_IOC_QUERY):
		return fastipc_query(uarg);
	case _IOC_NR(FASTIPC_IOC_INFO):
		return fastipc_end_info(end, uarg);
	case _IOC_NR(FASTIPC_IOC_SHUTDOWN):
		return fastipc_end_ioc_shutdown(end, uarg);
	default:
		return -ENOTTY;
	}
}

/*
 * The last descriptor and the last mapping of this end are gone.  No call on
 * the file is under way, since each of them holds the file.
 */
static int fastipc_end_release(struct inode *inode, struct file *file)
{
	struct fastipc_end *end = file->private_data;
	struct fastipc_channel *channel = end->channel;

	spin_lock(&channel->lock);
	fastipc_end_set_state(end, FASTIPC_STATE_DEAD);
	fastipc_end_set_flag(end->peer, FASTIPC_INFO_PEER_GONE);
	spin_unlock(&channel->lock);

	fastipc_end_wake_all(end->peer);
	fastipc_channel_hangup(channel);
	fastipc_channel_put(channel);
	return 0;
}

static const struct file_operations fastipc_end_fops = {
	.owner = THIS_MODULE,
	.release = fastipc_end_release,
	.unlocked_ioctl = fastipc_end_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = fastipc_end_mmap,
	.poll = fastipc_end_poll,
};

/**
 * fastipc_end_open() - make the file of an end
 * @end: that has none yet
 *
 * Return: the file, which has a reference to the channel; or an ERR_PTR().
 */
struct file *fastipc_end_open(struct fastipc_end *end)
{
	struct file *file;

	file = anon_inode_getfile("[fastipc]", &fastipc_end_fops, end, O_RDWR);
	if (!IS_ERR(file))
		kref_get(&end->channel->kref);
	return file;
}
