// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The generic-netlink family: who has which channels, and what happens to them.
 *
 * The family answers in each network namespace, since channels do not belong to
 * one.  Events go to the initial one only, where those who watch the machine
 * are; a group of the same name elsewhere stays silent.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "compat.h"
#include "fastipc.h"

static struct genl_family fastipc_family;

/* The namespaces that ids are told in. */
struct fastipc_reader {
	struct pid_namespace *pid_ns;
	struct user_namespace *user_ns;
};

static struct fastipc_reader fastipc_reader_current(void)
{
	return (struct fastipc_reader){
		.pid_ns = task_active_pid_ns(current),
		.user_ns = current_user_ns(),
	};
}

static const struct fastipc_reader fastipc_reader_events = {
	.pid_ns = &init_pid_ns,
	.user_ns = &init_user_ns,
};

static int fastipc_put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, FASTIPC_A_PAD);
}

static int fastipc_put_end_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, FASTIPC_END_PAD);
}

static int fastipc_put_owner(struct sk_buff *skb, struct fastipc_end *end,
			     const struct fastipc_reader *reader)
{
	char comm[TASK_COMM_LEN] = "";
	kuid_t uid = INVALID_UID;
	u32 pid = 0;

	spin_lock(&end->channel->lock);
	if (end->owner) {
		pid = pid_nr_ns(end->owner, reader->pid_ns);
		uid = end->owner_uid;
		memcpy(comm, end->owner_comm, sizeof(comm));
	}
	spin_unlock(&end->channel->lock);

	if (nla_put_u32(skb, FASTIPC_END_PID, pid) ||
	    nla_put_u32(skb, FASTIPC_END_UID,
			from_kuid_munged(reader->user_ns, uid)) ||
	    nla_put_string(skb, FASTIPC_END_COMM, comm))
		return -EMSGSIZE;
	return 0;
}

static int fastipc_put_end(struct sk_buff *skb, struct fastipc_end *end,
			   const struct fastipc_reader *reader)
{
	const struct fastipc_control *control = end->region.control;
	struct nlattr *nest;

	nest = nla_nest_start(skb, FASTIPC_A_END);
	if (!nest)
		return -EMSGSIZE;

	if (nla_put_u32(skb, FASTIPC_END_INDEX, end->index) ||
	    fastipc_put_owner(skb, end, reader) ||
	    nla_put_u32(skb, FASTIPC_END_RING_SIZE, end->region.data_size) ||
	    nla_put_u32(skb, FASTIPC_END_STATE, READ_ONCE(end->state)) ||
	    fastipc_put_end_u64(skb, FASTIPC_END_TX_TAIL,
				READ_ONCE(control->tx_tail)) ||
	    fastipc_put_end_u64(skb, FASTIPC_END_RX_HEAD,
				READ_ONCE(control->rx_head)) ||
	    fastipc_put_end_u64(skb, FASTIPC_END_TX_RECORDS,
				READ_ONCE(control->tx_records)) ||
	    fastipc_put_end_u64(skb, FASTIPC_END_RX_RECORDS,
				READ_ONCE(control->rx_records)) ||
	    fastipc_put_end_u64(skb, FASTIPC_END_WAITS,
				atomic64_read(&end->waits)) ||
	    fastipc_put_end_u64(skb, FASTIPC_END_WAKES,
				atomic64_read(&end->wakes)))
		return -EMSGSIZE;

	nla_nest_end(skb, nest);
	return 0;
}

/* Return: 0, or -EMSGSIZE with the message as it was before. */
static int fastipc_put_channel(struct sk_buff *skb, u32 portid, u32 seq,
			       int flags, u8 cmd,
			       struct fastipc_channel *channel,
			       const struct fastipc_reader *reader)
{
	u32 seen = READ_ONCE(channel->end[0].flags);
	void *header;
	int i;

	header = genlmsg_put(skb, portid, seq, &fastipc_family, flags, cmd);
	if (!header)
		return -EMSGSIZE;

	if (fastipc_put_u64(skb, FASTIPC_A_ID, channel->id) ||
	    nla_put_u32(skb, FASTIPC_A_UID,
			from_kuid_munged(reader->user_ns, channel->uid)) ||
	    fastipc_put_u64(skb, FASTIPC_A_AGE,
			    ktime_get_ns() - channel->created_ns))
		goto cancel;
	if ((seen & FASTIPC_INFO_ABORTED) &&
	    nla_put_flag(skb, FASTIPC_A_ABORTED))
		goto cancel;
	for (i = 0; i < 2; i++)
		if (fastipc_put_end(skb, &channel->end[i], reader))
			goto cancel;

	genlmsg_end(skb, header);
	return 0;
cancel:
	genlmsg_cancel(skb, header);
	return -EMSGSIZE;
}

/* What who sent a request may do: with the channels of a uid, or with all. */
struct fastipc_rights {
	kuid_t uid;
	bool admin;
};

/*
 * As with capabilities: a program that writes to a descriptor which it was given,
 * its standard output, say, lends nothing to who opened that.  Who names the
 * kernel as the receiver knows what it does.
 */
static struct fastipc_rights fastipc_rights_of(struct sk_buff *request)
{
	const struct netlink_skb_parms *parms = &NETLINK_CB(request);
	kuid_t uid = parms->creds.uid;

	if (!(parms->flags & NETLINK_SKB_DST) &&
	    !uid_eq(uid, parms->sk->sk_socket->file->f_cred->uid))
		uid = INVALID_UID;
	return (struct fastipc_rights){
		.uid = uid,
		.admin = netlink_capable(request, CAP_NET_ADMIN),
	};
}

static bool fastipc_channel_visible(struct fastipc_channel *channel,
				    const struct fastipc_rights *rights)
{
	kuid_t uid = rights->uid;
	bool visible;

	if (uid_eq(uid, channel->uid) || rights->admin)
		return true;

	spin_lock(&channel->lock);
	visible = (channel->end[0].owner &&
		   uid_eq(uid, channel->end[0].owner_uid)) ||
		  (channel->end[1].owner &&
		   uid_eq(uid, channel->end[1].owner_uid));
	spin_unlock(&channel->lock);
	return visible;
}

/* The channel, with a reference; NULL: none, or its last end is being closed. */
static struct fastipc_channel *fastipc_channel_get(u64 id)
{
	struct fastipc_channel *channel, *found = NULL;

	mutex_lock(&fastipc_channels_lock);
	list_for_each_entry(channel, &fastipc_channels, link) {
		if (channel->id != id)
			continue;
		if (kref_get_unless_zero(&channel->kref))
			found = channel;
		break;
	}
	mutex_unlock(&fastipc_channels_lock);
	return found;
}

static int fastipc_get_channel(struct sk_buff *request, struct genl_info *info)
{
	struct fastipc_reader reader = fastipc_reader_current();
	struct fastipc_rights rights = fastipc_rights_of(request);
	struct fastipc_channel *channel;
	struct sk_buff *skb;
	int ret;

	if (GENL_REQ_ATTR_CHECK(info, FASTIPC_A_ID))
		return -EINVAL;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;

	channel = fastipc_channel_get(nla_get_u64(info->attrs[FASTIPC_A_ID]));
	ret = -ENOENT;
	if (channel && fastipc_channel_visible(channel, &rights))
		ret = fastipc_put_channel(skb, info->snd_portid, info->snd_seq,
					  0, FASTIPC_CMD_GET_CHANNEL, channel,
					  &reader);
	if (channel)
		fastipc_channel_put(channel);
	if (ret) {
		nlmsg_free(skb);
		return ret;
	}
	return genlmsg_reply(skb, info);
}

/*
 * A dump goes on at the first channel that was not told yet: the list is in the
 * order of ids, and those are never used again.  What comes and goes meanwhile
 * is told or not; what stays is told once.
 */
struct fastipc_dump {
	u64 next; /* id */
	struct fastipc_rights rights;
};

/* A dump is of all: an id must not seem to choose one. */
static int fastipc_dump_start(struct netlink_callback *cb)
{
	struct fastipc_dump *dump = (struct fastipc_dump *)cb->ctx;

	BUILD_BUG_ON(sizeof(*dump) > sizeof(cb->ctx));

	if (nlmsg_len(cb->nlh) > GENL_HDRLEN)
		return -EINVAL;
	*dump = (struct fastipc_dump){ .rights = fastipc_rights_of(cb->skb) };
	return 0;
}

static int fastipc_dump_channels(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	struct fastipc_dump *dump = (struct fastipc_dump *)cb->ctx;
	struct fastipc_reader reader = fastipc_reader_current();
	struct fastipc_channel *channel;
	int ret = 0;

	mutex_lock(&fastipc_channels_lock);
	list_for_each_entry(channel, &fastipc_channels, link) {
		if (channel->id < dump->next ||
		    !fastipc_channel_visible(channel, &dump->rights))
			continue;
		ret = fastipc_put_channel(skb, NETLINK_CB(cb->skb).portid,
					  cb->nlh->nlmsg_seq, NLM_F_MULTI,
					  FASTIPC_CMD_GET_CHANNEL, channel,
					  &reader);
		if (ret)
			break;
		dump->next = channel->id + 1;
	}
	mutex_unlock(&fastipc_channels_lock);

	/* Not even one fits: fail, rather than begin for ever. */
	return skb->len ? skb->len : ret;
}

static int fastipc_get_totals(struct sk_buff *request, struct genl_info *info)
{
	struct fastipc_totals totals;
	struct sk_buff *skb;
	void *header;

	/* They are of all as well. */
	if (info->attrs[FASTIPC_A_ID])
		return -EINVAL;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	header = genlmsg_put_reply(skb, info, &fastipc_family, 0,
				   FASTIPC_CMD_GET_TOTALS);
	if (!header)
		goto free;

	fastipc_channel_totals(&totals);
	fastipc_limit_totals(&totals);
	if (fastipc_put_u64(skb, FASTIPC_A_CHANNELS, totals.channels) ||
	    fastipc_put_u64(skb, FASTIPC_A_BYTES, totals.bytes) ||
	    fastipc_put_u64(skb, FASTIPC_A_CREATED, totals.created) ||
	    fastipc_put_u64(skb, FASTIPC_A_HANGUPS, totals.hangups) ||
	    fastipc_put_u64(skb, FASTIPC_A_LIMIT_HITS, totals.limit_hits) ||
	    fastipc_put_u64(skb, FASTIPC_A_WAITS, totals.waits) ||
	    fastipc_put_u64(skb, FASTIPC_A_WAKES, totals.wakes))
		goto free;
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
free:
	nlmsg_free(skb);
	return -EMSGSIZE;
}

/* Ids are counted up, so that one exists is no secret: EPERM, not ENOENT. */
static int fastipc_disconnect(struct sk_buff *request, struct genl_info *info)
{
	struct fastipc_rights rights = fastipc_rights_of(request);
	struct fastipc_channel *channel;
	int ret = 0;

	if (GENL_REQ_ATTR_CHECK(info, FASTIPC_A_ID))
		return -EINVAL;

	channel = fastipc_channel_get(nla_get_u64(info->attrs[FASTIPC_A_ID]));
	if (!channel)
		return -ENOENT;
	if (uid_eq(rights.uid, channel->uid) || rights.admin)
		fastipc_channel_abort(channel);
	else
		ret = -EPERM;
	fastipc_channel_put(channel);
	return ret;
}

/* What a request may have; all others are refused by number. */
static const struct nla_policy fastipc_policy[FASTIPC_A_ID + 1] = {
	[FASTIPC_A_ID] = NLA_POLICY_MIN(NLA_U64, 1),
};

static const struct genl_ops fastipc_ops[] = {
	{
		.cmd = FASTIPC_CMD_GET_CHANNEL,
		.doit = fastipc_get_channel,
		.start = fastipc_dump_start,
		.dumpit = fastipc_dump_channels,
	},
	{
		.cmd = FASTIPC_CMD_GET_TOTALS,
		.doit = fastipc_get_totals,
	},
	{
		.cmd = FASTIPC_CMD_DISCONNECT,
		.doit = fastipc_disconnect,
	},
};

static const struct genl_multicast_group fastipc_groups[] = {
	{
		.name = FASTIPC_GENL_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

/* New families leave resv_start_op at 0: headers are checked for all ops. */
static struct genl_family fastipc_family __ro_after_init = {
	.name = FASTIPC_GENL_NAME,
	.version = FASTIPC_GENL_VERSION,
	.maxattr = FASTIPC_A_ID,
	.policy = fastipc_policy,
	.netnsok = true,
	.module = THIS_MODULE,
	.ops = fastipc_ops,
	.n_ops = ARRAY_SIZE(fastipc_ops),
	.mcgrps = fastipc_groups,
	.n_mcgrps = ARRAY_SIZE(fastipc_groups),
};

/* An event that cannot be told is lost: nothing may fail for want of it. */
static void fastipc_netlink_send(struct sk_buff *skb)
{
	genlmsg_multicast_netns(&fastipc_family, &init_net, skb, 0, 0,
				GFP_KERNEL);
}

static struct sk_buff *fastipc_netlink_new(void)
{
	if (!genl_has_listeners(&fastipc_family, &init_net, 0))
		return NULL;
	return genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
}

/**
 * fastipc_netlink_event() - tell who listens about a channel
 * @channel: the caller has a reference
 * @cmd: FASTIPC_CMD_EVENT_CREATED or _HANGUP
 */
void fastipc_netlink_event(struct fastipc_channel *channel, u8 cmd)
{
	struct sk_buff *skb = fastipc_netlink_new();

	if (!skb)
		return;
	if (fastipc_put_channel(skb, 0, 0, 0, cmd, channel,
				&fastipc_reader_events))
		nlmsg_free(skb);
	else
		fastipc_netlink_send(skb);
}

/**
 * fastipc_netlink_limit() - tell who listens that a limit was hit
 * @uid: who wanted more
 * @limit: FASTIPC_LIMIT_*
 */
void fastipc_netlink_limit(kuid_t uid, u32 limit)
{
	struct sk_buff *skb = fastipc_netlink_new();
	void *header;

	if (!skb)
		return;
	header = genlmsg_put(skb, 0, 0, &fastipc_family, 0,
			     FASTIPC_CMD_EVENT_LIMIT);
	if (!header ||
	    nla_put_u32(skb, FASTIPC_A_UID,
			from_kuid_munged(&init_user_ns, uid)) ||
	    nla_put_u32(skb, FASTIPC_A_LIMIT, limit)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, header);
	fastipc_netlink_send(skb);
}

int __init fastipc_netlink_init(void)
{
	return genl_register_family(&fastipc_family);
}

void fastipc_netlink_exit(void)
{
	genl_unregister_family(&fastipc_family);
}
