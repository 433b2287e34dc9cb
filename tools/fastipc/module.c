/* SPDX-License-Identifier: MIT */
/* The kernel module, asked over generic netlink by libnl. */
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"
#include "print.h"

/* A dump during which channels came or went is asked for again this often. */
#define DUMP_TRIES 4
/* Room for events that come in a burst. */
#define EVENTS_BUFFER (1 << 20)

struct module {
	struct nl_sock *sock;
	int family;
};

static char error_text[160];

const char *module_error(void)
{
	return error_text;
}

/* Say what failed; the errno for libnl's error. */
static int fail(int nl_error, const char *what)
{
	snprintf(error_text, sizeof(error_text), "%s: %s", what,
		 nl_geterror(nl_error));
	switch (nl_error < 0 ? -nl_error : nl_error) {
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_AF_NOSUPPORT:
	case NLE_PROTO_MISMATCH:
		return -EAFNOSUPPORT;
	default:
		return -EIO;
	}
}

void module_complain(const char *command, int error)
{
	switch (error) {
	case -ENODEV:
		complain(command, "the module is not loaded: 'modprobe "
				  "fastipc', or 'insmod fastipc.ko' where it "
				  "was built");
		break;
	case -EPERM:
		complain(command, "%s (it needs CAP_NET_ADMIN: run it as root)",
			 error_text);
		break;
	case -ENOENT:
		complain(command,
			 "%s (there is none: 'fastipc stat' lists "
			 "those that there are)",
			 error_text);
		break;
	default:
		complain(command, "%s", error_text);
	}
}

int module_open(struct module **result)
{
	struct module *module = calloc(1, sizeof(*module));
	int error;

	*result = NULL;
	if (!module)
		return fail(-NLE_NOMEM, "cannot ask the module");
	module->sock = nl_socket_alloc();
	error = module->sock ? genl_connect(module->sock) : -NLE_NOMEM;
	if (error < 0) {
		error = fail(error, "cannot open a generic netlink socket");
		module_close(module);
		return error;
	}
	module->family = genl_ctrl_resolve(module->sock, FASTIPC_GENL_NAME);
	if (module->family < 0) {
		error = fail(module->family, "cannot find the module");
		module_close(module);
		return error == -ENOENT ? -ENODEV : error;
	}
	/* What is asked for is the answer; who wants an ACK says so. */
	nl_socket_disable_auto_ack(module->sock);
	*result = module;
	return 0;
}

void module_close(struct module *module)
{
	if (!module)
		return;
	nl_socket_free(module->sock);
	free(module);
}

/* ---- messages ---- */

static struct nla_policy policy[FASTIPC_A_MAX + 1] = {
	[FASTIPC_A_ID] = { .type = NLA_U64 },
	[FASTIPC_A_UID] = { .type = NLA_U32 },
	[FASTIPC_A_AGE] = { .type = NLA_U64 },
	[FASTIPC_A_END] = { .type = NLA_NESTED },
	[FASTIPC_A_ABORTED] = { .type = NLA_FLAG },
	[FASTIPC_A_CHANNELS] = { .type = NLA_U64 },
	[FASTIPC_A_BYTES] = { .type = NLA_U64 },
	[FASTIPC_A_CREATED] = { .type = NLA_U64 },
	[FASTIPC_A_HANGUPS] = { .type = NLA_U64 },
	[FASTIPC_A_LIMIT_HITS] = { .type = NLA_U64 },
	[FASTIPC_A_WAITS] = { .type = NLA_U64 },
	[FASTIPC_A_WAKES] = { .type = NLA_U64 },
	[FASTIPC_A_LIMIT] = { .type = NLA_U32 },
};

static struct nla_policy end_policy[FASTIPC_END_MAX + 1] = {
	[FASTIPC_END_INDEX] = { .type = NLA_U32 },
	[FASTIPC_END_PID] = { .type = NLA_U32 },
	[FASTIPC_END_UID] = { .type = NLA_U32 },
	[FASTIPC_END_COMM] = { .type = NLA_NUL_STRING },
	[FASTIPC_END_RING_SIZE] = { .type = NLA_U32 },
	[FASTIPC_END_STATE] = { .type = NLA_U32 },
	[FASTIPC_END_TX_TAIL] = { .type = NLA_U64 },
	[FASTIPC_END_RX_HEAD] = { .type = NLA_U64 },
	[FASTIPC_END_TX_RECORDS] = { .type = NLA_U64 },
	[FASTIPC_END_RX_RECORDS] = { .type = NLA_U64 },
	[FASTIPC_END_WAITS] = { .type = NLA_U64 },
	[FASTIPC_END_WAKES] = { .type = NLA_U64 },
};

/* What is not there is 0. */
static uint64_t get_u64(struct nlattr *const attributes[], int type)
{
	return attributes[type] ? nla_get_u64(attributes[type]) : 0;
}

static uint32_t get_u32(struct nlattr *const attributes[], int type)
{
	return attributes[type] ? nla_get_u32(attributes[type]) : 0;
}

static void parse_end(struct nlattr *nest, struct channel *channel)
{
	struct nlattr *attributes[FASTIPC_END_MAX + 1];
	struct channel_end *end;

	if (nla_parse_nested(attributes, FASTIPC_END_MAX, nest, end_policy) < 0)
		return;
	end = &channel->ends[get_u32(attributes, FASTIPC_END_INDEX) & 1];
	end->pid = (pid_t)get_u32(attributes, FASTIPC_END_PID);
	end->uid = get_u32(attributes, FASTIPC_END_UID);
	if (attributes[FASTIPC_END_COMM])
		snprintf(end->comm, sizeof(end->comm), "%s",
			 nla_get_string(attributes[FASTIPC_END_COMM]));
	end->ring_size = get_u32(attributes, FASTIPC_END_RING_SIZE);
	end->state = get_u32(attributes, FASTIPC_END_STATE);
	end->bytes_sent = get_u64(attributes, FASTIPC_END_TX_TAIL);
	end->bytes_received = get_u64(attributes, FASTIPC_END_RX_HEAD);
	end->messages_sent = get_u64(attributes, FASTIPC_END_TX_RECORDS);
	end->messages_received = get_u64(attributes, FASTIPC_END_RX_RECORDS);
	end->sleeps = get_u64(attributes, FASTIPC_END_WAITS);
	end->wakes = get_u64(attributes, FASTIPC_END_WAKES);
}

static int parse_attributes(struct nl_msg *message,
			    struct nlattr *attributes[FASTIPC_A_MAX + 1])
{
	return genlmsg_parse(nlmsg_hdr(message), 0, attributes, FASTIPC_A_MAX,
			     policy);
}

/* A channel's attributes, of an answer or of an event. */
static void parse_channel(struct nl_msg *message,
			  struct nlattr *const attributes[],
			  struct channel *channel)
{
	struct genlmsghdr *header = nlmsg_data(nlmsg_hdr(message));
	struct nlattr *at;
	int left;

	memset(channel, 0, sizeof(*channel));
	channel->transport = CHANNEL_KMOD;
	channel->id = get_u64(attributes, FASTIPC_A_ID);
	channel->creator = get_u32(attributes, FASTIPC_A_UID);
	channel->age_ns = get_u64(attributes, FASTIPC_A_AGE);
	channel->aborted = attributes[FASTIPC_A_ABORTED] != NULL;
	/* Of several attributes of a type, @attributes has only one. */
	left = genlmsg_attrlen(header, 0);
	for (at = genlmsg_attrdata(header, 0); nla_ok(at, left);
	     at = nla_next(at, &left))
		if (nla_type(at) == FASTIPC_A_END)
			parse_end(at, channel);
}

/*
 * Send a request, with the @id of a channel unless that is NULL, and give the
 * answers to @valid.  0 or libnl's error.
 */
static int ask(struct module *module, uint8_t command, int flags,
	       const uint64_t *id, nl_recvmsg_msg_cb_t valid, void *context)
{
	struct nl_msg *message = nlmsg_alloc();
	int error = -NLE_NOMEM;

	if (message &&
	    genlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, module->family, 0,
			flags, command, FASTIPC_GENL_VERSION) &&
	    (!id || !nla_put_u64(message, FASTIPC_A_ID, *id)))
		error = nl_send_auto(module->sock, message);
	nlmsg_free(message);
	if (error < 0)
		return error;
	if (valid)
		nl_socket_modify_cb(module->sock, NL_CB_VALID, NL_CB_CUSTOM,
				    valid, context);
	error = nl_recvmsgs_default(module->sock);
	return error < 0 ? error : 0;
}

static int take_channel(struct nl_msg *message, void *context)
{
	struct nlattr *attributes[FASTIPC_A_MAX + 1];
	struct channel_list *list = context;
	struct channel channel;

	if (parse_attributes(message, attributes) < 0)
		return NL_SKIP;
	parse_channel(message, attributes, &channel);
	return channel_list_add(list, &channel) ? -NLE_NOMEM : NL_OK;
}

int module_channels(struct module *module, struct channel_list *list)
{
	size_t before = list->count;
	int error;

	for (int i = 0; i < DUMP_TRIES; i++) {
		list->count = before;
		error = ask(module, FASTIPC_CMD_GET_CHANNEL, NLM_F_DUMP, NULL,
			    take_channel, list);
		if (error != -NLE_DUMP_INTR)
			break;
	}
	/* Always on the move: what it says is good enough. */
	if (error && error != -NLE_DUMP_INTR)
		return fail(error, "cannot list the module's channels");
	return 0;
}

static int take_totals(struct nl_msg *message, void *context)
{
	struct nlattr *attributes[FASTIPC_A_MAX + 1];
	struct module_totals *totals = context;

	if (parse_attributes(message, attributes) < 0)
		return NL_SKIP;
	totals->channels = get_u64(attributes, FASTIPC_A_CHANNELS);
	totals->bytes = get_u64(attributes, FASTIPC_A_BYTES);
	totals->created = get_u64(attributes, FASTIPC_A_CREATED);
	totals->hangups = get_u64(attributes, FASTIPC_A_HANGUPS);
	totals->limit_hits = get_u64(attributes, FASTIPC_A_LIMIT_HITS);
	totals->waits = get_u64(attributes, FASTIPC_A_WAITS);
	totals->wakes = get_u64(attributes, FASTIPC_A_WAKES);
	return NL_OK;
}

int module_totals(struct module *module, struct module_totals *totals)
{
	int error;

	memset(totals, 0, sizeof(*totals));
	error = ask(module, FASTIPC_CMD_GET_TOTALS, 0, NULL, take_totals,
		    totals);
	return error ? fail(error, "cannot read the module's totals") : 0;
}

int module_disconnect(struct module *module, uint64_t id)
{
	int error =
		ask(module, FASTIPC_CMD_DISCONNECT, NLM_F_ACK, &id, NULL, NULL);

	return error ? fail(error, "cannot disconnect that channel") : 0;
}

/* ---- events ---- */

int module_subscribe(struct module *module)
{
	int group = genl_ctrl_resolve_grp(module->sock, FASTIPC_GENL_NAME,
					  FASTIPC_GENL_EVENTS);
	int error = group < 0 ? group : 0;

	if (!error)
		error = nl_socket_add_membership(module->sock, group);
	/* The family of families tells when ours goes. */
	if (!error)
		error = nl_socket_add_membership(module->sock, GENL_ID_CTRL);
	if (error)
		return fail(error, "cannot have the module's events");
	nl_socket_set_buffer_size(module->sock, EVENTS_BUFFER, 0);
	nl_socket_disable_seq_check(module->sock);
	nl_socket_set_nonblocking(module->sock);
	return 0;
}

int module_fd(const struct module *module)
{
	return nl_socket_get_fd(module->sock);
}

struct listener {
	int family;
	void (*happened)(const struct module_event *event, void *context);
	void *context;
};

static void take_family_event(struct nl_msg *message,
			      const struct listener *listener)
{
	static const struct module_event unloaded = { .kind = MODULE_UNLOADED };
	struct genlmsghdr *header = nlmsg_data(nlmsg_hdr(message));
	struct nlattr *id = nla_find(genlmsg_attrdata(header, 0),
				     genlmsg_attrlen(header, 0),
				     CTRL_ATTR_FAMILY_ID);

	if (header->cmd == CTRL_CMD_DELFAMILY && id &&
	    nla_get_u16(id) == listener->family)
		listener->happened(&unloaded, listener->context);
}

static int take_event(struct nl_msg *message, void *context)
{
	const struct genlmsghdr *header = nlmsg_data(nlmsg_hdr(message));
	struct nlattr *attributes[FASTIPC_A_MAX + 1];
	const struct listener *listener = context;
	struct module_event event;

	if (nlmsg_hdr(message)->nlmsg_type != listener->family) {
		take_family_event(message, listener);
		return NL_OK;
	}
	if (parse_attributes(message, attributes) < 0)
		return NL_SKIP;
	switch (header->cmd) {
	case FASTIPC_CMD_EVENT_CREATED:
		event.kind = MODULE_CREATED;
		break;
	case FASTIPC_CMD_EVENT_HANGUP:
		event.kind = MODULE_HANGUP;
		break;
	case FASTIPC_CMD_EVENT_LIMIT:
		event.kind = MODULE_LIMIT;
		break;
	default:
		return NL_SKIP; /* a later module's */
	}
	parse_channel(message, attributes, &event.channel);
	event.limit = get_u32(attributes, FASTIPC_A_LIMIT);
	listener->happened(&event, listener->context);
	return NL_OK;
}

int module_events(struct module *module,
		  void (*happened)(const struct module_event *event,
				   void *context),
		  void *context)
{
	static const struct module_event lost = { .kind = MODULE_LOST };
	struct listener listener = { module->family, happened, context };
	int error;

	nl_socket_modify_cb(module->sock, NL_CB_VALID, NL_CB_CUSTOM, take_event,
			    &listener);
	do {
		error = nl_recvmsgs_default(module->sock);
		/* ENOBUFS, that is: the socket has overflown. */
		if (error == -NLE_NOMEM)
			happened(&lost, context);
	} while (error >= 0);
	if (error == -NLE_AGAIN || error == -NLE_NOMEM)
		return 0;
	return fail(error, "cannot read the module's events");
}
