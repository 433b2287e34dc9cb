/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Requests to the generic-netlink family, and what comes back.
 */
#ifndef SELFTESTS_KMOD_GENL_H
#define SELFTESTS_KMOD_GENL_H

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "device.h"

#define BIT(n) (1ull << (n))

/* What each channel has, whatever has become of it. */
#define CHANNEL_HAS \
	(BIT(FASTIPC_A_ID) | BIT(FASTIPC_A_UID) | BIT(FASTIPC_A_AGE) | \
	 BIT(FASTIPC_A_END))

struct end_seen {
	uint32_t pid;
	uint32_t uid;
	char comm[16];
	uint32_t ring_size;
	uint32_t state;
	uint64_t tx_tail;
	uint64_t rx_head;
	uint64_t tx_records;
	uint64_t rx_records;
	uint64_t waits;
	uint64_t wakes;
};

/* A message: what it has of all that the family may say. */
struct seen {
	uint8_t cmd;
	uint64_t has; /* 1 << FASTIPC_A_* */
	uint64_t id;
	uint32_t uid;
	uint64_t age;
	uint32_t limit;
	uint64_t channels;
	uint64_t bytes;
	uint64_t created;
	uint64_t hangups;
	uint64_t limit_hits;
	uint64_t waits;
	uint64_t wakes;
	int ends;
	struct end_seen end[2];
	bool malformed;
};

struct genl {
	struct nl_sock *socket;
	int family;
	int error; /* of the last request, -errno */
	bool done;
	/* What is called for each message. */
	void (*each)(const struct seen *seen, void *argument);
	void *argument;
};

static inline uint64_t genl_u64(struct nlattr *a)
{
	return nla_len(a) == 8 ? nla_get_u64(a) : ~0ull;
}

static inline uint32_t genl_u32(struct nlattr *a)
{
	return nla_len(a) == 4 ? nla_get_u32(a) : ~0u;
}

static inline void genl_parse_end(struct nlattr *nest, struct seen *s)
{
	struct nlattr *a;
	struct end_seen end = { 0 };
	uint32_t index = 2;
	uint64_t has = 0;
	int rest;

	nla_for_each_nested(a, nest, rest)
	{
		has |= 1ull << nla_type(a);
		switch (nla_type(a)) {
		case FASTIPC_END_INDEX:
			index = genl_u32(a);
			break;
		case FASTIPC_END_PID:
			end.pid = genl_u32(a);
			break;
		case FASTIPC_END_UID:
			end.uid = genl_u32(a);
			break;
		case FASTIPC_END_COMM:
			snprintf(end.comm, sizeof(end.comm), "%s",
				 nla_get_string(a));
			break;
		case FASTIPC_END_RING_SIZE:
			end.ring_size = genl_u32(a);
			break;
		case FASTIPC_END_STATE:
			end.state = genl_u32(a);
			break;
		case FASTIPC_END_TX_TAIL:
			end.tx_tail = genl_u64(a);
			break;
		case FASTIPC_END_RX_HEAD:
			end.rx_head = genl_u64(a);
			break;
		case FASTIPC_END_TX_RECORDS:
			end.tx_records = genl_u64(a);
			break;
		case FASTIPC_END_RX_RECORDS:
			end.rx_records = genl_u64(a);
			break;
		case FASTIPC_END_WAITS:
			end.waits = genl_u64(a);
			break;
		case FASTIPC_END_WAKES:
			end.wakes = genl_u64(a);
			break;
		default:
			has &= ~(1ull << nla_type(a));
			break;
		}
	}
	s->ends++;
	/* All of them, once for each end. */
	has &= ~(1ull << FASTIPC_END_PAD);
	if (index > 1 || has != ((1ull << __FASTIPC_END_MAX) - 1) -
					 (1ull << FASTIPC_END_UNSPEC) -
					 (1ull << FASTIPC_END_PAD))
		s->malformed = true;
	else
		s->end[index] = end;
}

static inline void genl_parse(struct nlmsghdr *h, struct seen *s)
{
	struct genlmsghdr *g = nlmsg_data(h);
	struct nlattr *a;
	int rest;

	*s = (struct seen){ .cmd = g->cmd,
			    .malformed = g->version != FASTIPC_GENL_VERSION };
	nlmsg_for_each_attr(a, h, GENL_HDRLEN, rest)
	{
		if (nla_type(a) > FASTIPC_A_MAX) {
			s->malformed = true;
			continue;
		}
		s->has |= 1ull << nla_type(a);
		switch (nla_type(a)) {
		case FASTIPC_A_ID:
			s->id = genl_u64(a);
			break;
		case FASTIPC_A_UID:
			s->uid = genl_u32(a);
			break;
		case FASTIPC_A_AGE:
			s->age = genl_u64(a);
			break;
		case FASTIPC_A_END:
			genl_parse_end(a, s);
			break;
		case FASTIPC_A_CHANNELS:
			s->channels = genl_u64(a);
			break;
		case FASTIPC_A_BYTES:
			s->bytes = genl_u64(a);
			break;
		case FASTIPC_A_CREATED:
			s->created = genl_u64(a);
			break;
		case FASTIPC_A_HANGUPS:
			s->hangups = genl_u64(a);
			break;
		case FASTIPC_A_LIMIT_HITS:
			s->limit_hits = genl_u64(a);
			break;
		case FASTIPC_A_WAITS:
			s->waits = genl_u64(a);
			break;
		case FASTIPC_A_WAKES:
			s->wakes = genl_u64(a);
			break;
		case FASTIPC_A_LIMIT:
			s->limit = genl_u32(a);
			break;
		default:
			break;
		}
	}
}

static inline int genl_on_message(struct nl_msg *message, void *argument)
{
	struct genl *g = argument;
	struct seen s;

	genl_parse(nlmsg_hdr(message), &s);
	if (g->each)
		g->each(&s, g->argument);
	return NL_OK;
}

static inline int genl_on_end(struct nl_msg *message, void *argument)
{
	struct genl *g = argument;

	(void)message;
	g->done = true;
	return NL_STOP;
}

static inline int genl_on_error(struct sockaddr_nl *from, struct nlmsgerr *e,
				void *argument)
{
	struct genl *g = argument;

	(void)from;
	g->error = e->error;
	g->done = true;
	return NL_STOP;
}

static inline int genl_open(struct genl *g)
{
	*g = (struct genl){ .socket = nl_socket_alloc() };
	if (!g->socket || genl_connect(g->socket))
		return -EPROTO;
	g->family = genl_ctrl_resolve(g->socket, FASTIPC_GENL_NAME);
	if (g->family < 0)
		return -ENOENT;
	nl_socket_modify_cb(g->socket, NL_CB_VALID, NL_CB_CUSTOM,
			    genl_on_message, g);
	nl_socket_modify_cb(g->socket, NL_CB_FINISH, NL_CB_CUSTOM, genl_on_end,
			    g);
	nl_socket_modify_cb(g->socket, NL_CB_ACK, NL_CB_CUSTOM, genl_on_end, g);
	nl_socket_modify_err_cb(g->socket, NL_CB_CUSTOM, genl_on_error, g);
	return 0;
}

static inline void genl_close(struct genl *g)
{
	if (g->socket)
		nl_socket_free(g->socket);
	g->socket = NULL;
}

static inline struct nl_msg *genl_message(struct genl *g, uint8_t cmd,
					  int flags)
{
	struct nl_msg *message = nlmsg_alloc();

	if (message)
		genlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, g->family, 0,
			    flags, cmd, FASTIPC_GENL_VERSION);
	return message;
}

/* Take all that is answered: 0 or -errno. */
static inline int genl_receive(struct genl *g)
{
	int error = 0;

	g->error = 0;
	g->done = false;
	while (error >= 0 && !g->done)
		error = nl_recvmsgs_default(g->socket);
	return g->error ? g->error : error < 0 ? -EPROTO : 0;
}

static inline int genl_send(struct genl *g, struct nl_msg *message)
{
	int error = nl_send_auto(g->socket, message);

	nlmsg_free(message);
	return error < 0 ? -EPROTO : genl_receive(g);
}

/* @id 0: none. */
static inline int genl_request(struct genl *g, uint8_t cmd, int flags,
			       uint64_t id,
			       void (*each)(const struct seen *, void *),
			       void *argument)
{
	struct nl_msg *message = genl_message(g, cmd, flags);

	if (!message)
		return -ENOMEM;
	if (id)
		nla_put_u64(message, FASTIPC_A_ID, id);
	g->each = each;
	g->argument = argument;
	return genl_send(g, message);
}

static inline void genl_keep(const struct seen *seen, void *argument)
{
	*(struct seen *)argument = *seen;
}

static inline int genl_channel(struct genl *g, uint64_t id, struct seen *seen)
{
	return genl_request(g, FASTIPC_CMD_GET_CHANNEL, 0, id, genl_keep, seen);
}

static inline int genl_totals(struct genl *g, struct seen *seen)
{
	return genl_request(g, FASTIPC_CMD_GET_TOTALS, 0, 0, genl_keep, seen);
}

static inline int genl_disconnect(struct genl *g, uint64_t id)
{
	return genl_request(g, FASTIPC_CMD_DISCONNECT, 0, id, NULL, NULL);
}

static inline int genl_dump(struct genl *g,
			    void (*each)(const struct seen *, void *),
			    void *argument)
{
	return genl_request(g, FASTIPC_CMD_GET_CHANNEL, NLM_F_DUMP, 0, each,
			    argument);
}

/* ---- what its tests need besides ---- */

/* What a dump tells. */
#define LISTED_MAX 2000u

struct list {
	size_t count;
	uint64_t id[LISTED_MAX];
	bool malformed;
	/* What to do after the first message. */
	void (*first)(void);
};

static inline void list_it(const struct seen *seen, void *argument)
{
	struct list *l = argument;

	l->malformed |= seen->malformed || seen->ends != 2;
	if (l->count < LISTED_MAX)
		l->id[l->count] = seen->id;
	l->count++;
	if (l->first)
		l->first();
	l->first = NULL;
}

static inline size_t times(const struct list *l, uint64_t id)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count && i < LISTED_MAX; i++)
		n += l->id[i] == id;
	return n;
}

static inline uint64_t id_of(int fd)
{
	struct fastipc_ioc_info i;

	return info(fd, &i) ? 0 : i.id;
}

static inline void become(uid_t uid)
{
	CHECK(!setresgid(uid, uid, uid) && !setresuid(uid, uid, uid));
}

#endif
