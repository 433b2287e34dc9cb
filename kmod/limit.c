// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * How much each user, and all of them together, may have.
 *
 * The memory cgroup of the creator pays for the pages; these limits are for
 * systems that have set none.  A channel counts for the uid that created it
 * until it is freed, whoever has its ends by then.
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat.h"
#include "fastipc.h"

static unsigned int fastipc_max_uid_channels = 4096;
module_param_named(max_uid_channels, fastipc_max_uid_channels, uint, 0644);
MODULE_PARM_DESC(max_uid_channels, "Channels of one uid (default 4096)");

static unsigned long long fastipc_max_uid_bytes = 2ULL << 30;
module_param_named(max_uid_bytes, fastipc_max_uid_bytes, ullong, 0644);
MODULE_PARM_DESC(max_uid_bytes, "Bytes of the channels of one uid (default 2 GiB)");

static unsigned long long fastipc_max_bytes;
module_param_named(max_bytes, fastipc_max_bytes, ullong, 0644);
MODULE_PARM_DESC(max_bytes, "Bytes of all channels (default half of the memory)");

/**
 * struct fastipc_user - what a uid has
 * @node: in fastipc_users
 * @uid: whose
 * @channels: that it created; freed when there is none
 * @bytes: of their regions
 */
struct fastipc_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int channels;
	u64 bytes;
};

/* Protects all below and what it contains. */
static DEFINE_MUTEX(fastipc_users_lock);
static DEFINE_HASHTABLE(fastipc_users, 6);
static u64 fastipc_bytes;
static u64 fastipc_limit_hits;

static struct fastipc_user *fastipc_user_find(kuid_t uid)
{
	struct fastipc_user *user;

	lockdep_assert_held(&fastipc_users_lock);
	hash_for_each_possible(fastipc_users, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/* The user, made of @fresh, which is used up then, if there is none yet. */
static struct fastipc_user *fastipc_user_get(kuid_t uid,
					     struct fastipc_user **fresh)
{
	struct fastipc_user *user = fastipc_user_find(uid);

	if (!user && *fresh) {
		user = *fresh;
		*fresh = NULL;
		user->uid = uid;
		hash_add(fastipc_users, &user->node, __kuid_val(uid));
	}
	return user;
}

static void fastipc_user_put(struct fastipc_user *user)
{
	lockdep_assert_held(&fastipc_users_lock);
	if (user->channels)
		return;
	hash_del(&user->node);
	kfree(user);
}

/* Return: FASTIPC_LIMIT_* that one more channel would exceed, or 0. */
static u32 fastipc_limit_hit(const struct fastipc_user *user, u64 bytes)
{
	if (user->channels >= READ_ONCE(fastipc_max_uid_channels))
		return FASTIPC_LIMIT_UID_CHANNELS;
	if (user->bytes + bytes > READ_ONCE(fastipc_max_uid_bytes))
		return FASTIPC_LIMIT_UID_BYTES;
	if (fastipc_bytes + bytes > READ_ONCE(fastipc_max_bytes))
		return FASTIPC_LIMIT_BYTES;
	return 0;
}

/**
 * fastipc_limit_charge() - count a new channel
 * @channel: its uid and bytes are set
 *
 * Return: 0; -EDQUOT: a limit of the uid; -ENOSPC: that of all; -ENOMEM.
 */
int fastipc_limit_charge(struct fastipc_channel *channel)
{
	struct fastipc_user *user, *fresh = NULL;
	u32 limit;

	mutex_lock(&fastipc_users_lock);
	user = fastipc_user_get(channel->uid, &fresh);
	if (!user) {
		/*
		 * Not under the lock: a cgroup that is short of memory would
		 * have all others wait, even those that are to give some back.
		 */
		mutex_unlock(&fastipc_users_lock);
		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
		if (!fresh)
			return -ENOMEM;
		mutex_lock(&fastipc_users_lock);
		user = fastipc_user_get(channel->uid, &fresh);
	}
	limit = fastipc_limit_hit(user, channel->bytes);
	if (limit) {
		fastipc_limit_hits++;
		fastipc_user_put(user);
	} else {
		user->channels++;
		user->bytes += channel->bytes;
		fastipc_bytes += channel->bytes;
		channel->user = user;
	}
	mutex_unlock(&fastipc_users_lock);

	kfree(fresh); /* another one of this uid was faster */
	if (!limit)
		return 0;
	fastipc_netlink_limit(channel->uid, limit);
	return limit == FASTIPC_LIMIT_BYTES ? -ENOSPC : -EDQUOT;
}

/**
 * fastipc_limit_uncharge() - the channel is no more
 * @channel: that was charged
 */
void fastipc_limit_uncharge(struct fastipc_channel *channel)
{
	struct fastipc_user *user = channel->user;

	mutex_lock(&fastipc_users_lock);
	fastipc_bytes -= channel->bytes;
	user->bytes -= channel->bytes;
	user->channels--;
	fastipc_user_put(user);
	mutex_unlock(&fastipc_users_lock);
}

/**
 * fastipc_limit_query() - what a user may have, and has
 * @uid: the user
 * @query: its uid_* fields are filled in
 */
void fastipc_limit_query(kuid_t uid, struct fastipc_ioc_query *query)
{
	struct fastipc_user *user;

	query->uid_channels_max = READ_ONCE(fastipc_max_uid_channels);
	query->uid_bytes_max = READ_ONCE(fastipc_max_uid_bytes);
	mutex_lock(&fastipc_users_lock);
	user = fastipc_user_find(uid);
	if (user) {
		query->uid_channels = user->channels;
		query->uid_bytes = user->bytes;
	}
	mutex_unlock(&fastipc_users_lock);
}

/**
 * fastipc_limit_totals() - what all users have together
 * @totals: bytes and limit_hits are filled in
 */
void fastipc_limit_totals(struct fastipc_totals *totals)
{
	mutex_lock(&fastipc_users_lock);
	totals->bytes = fastipc_bytes;
	totals->limit_hits = fastipc_limit_hits;
	mutex_unlock(&fastipc_users_lock);
}

/**
 * fastipc_limit_init() - set the limit that depends on the machine
 */
void __init fastipc_limit_init(void)
{
	if (!fastipc_max_bytes)
		fastipc_max_bytes = (u64)totalram_pages() << (PAGE_SHIFT - 1);
}
