// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The multicast group of the generic-netlink family: what it tells, and whom.
 */
#include "genl.h"

#include "harness.h"

#define RING (4 * PAGE)

FIXTURE(event)
{
	struct pair p;
	struct genl g;
	uint64_t id; /* of the pair */
};

FIXTURE_SETUP(event)
{
	struct fastipc_ioc_info i;

	ASSERT_EQ(0, pair_create(&self->p, RING));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	self->id = i.id;
	ASSERT_EQ(0, genl_open(&self->g));
}

FIXTURE_TEARDOWN(event)
{
	genl_close(&self->g);
	pair_close(&self->p);
}

#define KEPT 64

struct heard {
	int count;
	struct seen seen[KEPT];
};

static void hear(const struct seen *seen, void *argument)
{
	struct heard *h = argument;

	if (h->count < KEPT)
		h->seen[h->count] = *seen;
	h->count++;
}

/* Take what has come on @g, which listens. */
static void listen_for(struct genl *g, struct heard *h, int count)
{
	uint64_t give_up = in_ns(60 * SECOND);

	g->each = hear;
	g->argument = h;
	while (h->count < count && now_ns() < give_up) {
		nl_recvmsgs_default(g->socket);
		sleep_ns(MS);
	}
	/* And what should not come. */
	sleep_ns(20 * MS);
	nl_recvmsgs_default(g->socket);
}

static int subscribe(struct genl *g)
{
	int error = genl_open(g);
	int group;

	if (error)
		return error;
	group = genl_ctrl_resolve_grp(g->socket, FASTIPC_GENL_NAME,
				      FASTIPC_GENL_EVENTS);
	if (group < 0)
		return -ENOENT;
	nl_socket_disable_seq_check(g->socket);
	nl_socket_set_nonblocking(g->socket);
	return setsockopt(nl_socket_get_fd(g->socket), 270 /* SOL_NETLINK */,
			  NETLINK_ADD_MEMBERSHIP, &group, sizeof(group))
		       ? -errno
		       : 0;
}

static struct heard heard;

/* Of the channel @id, the only one with @cmd; NULL: none or several. */
static const struct seen *the_one(uint8_t cmd, uint64_t id)
{
	const struct seen *found = NULL;

	for (int n = 0; n < heard.count && n < KEPT; n++) {
		if (heard.seen[n].cmd != cmd || heard.seen[n].id != id)
			continue;
		if (found)
			return NULL;
		found = &heard.seen[n];
	}
	return found;
}

TEST_F(event, of_a_channel)
{
	const struct seen *s;
	struct genl g;
	uint64_t id;
	int fd[2];

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, subscribe(&g));
	ASSERT_EQ(0, create(self->p.control, PAGE, RING, fd));
	id = id_of(fd[0]);
	ASSERT_NE(MAP_FAILED, map_own(fd[0], PAGE));
	close(fd[1]);
	close(fd[0]);
	listen_for(&g, &heard, 2);
	s = the_one(FASTIPC_CMD_EVENT_CREATED, id);
	ASSERT_NE(NULL, s);
	EXPECT_FALSE(s->malformed);
	EXPECT_EQ(CHANNEL_HAS, s->has & ~BIT(FASTIPC_A_PAD));
	EXPECT_EQ(getuid(), s->uid);
	EXPECT_EQ(PAGE, s->end[0].ring_size);
	EXPECT_EQ(RING, s->end[1].ring_size);
	EXPECT_EQ(0, s->end[0].pid);
	s = the_one(FASTIPC_CMD_EVENT_HANGUP, id);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(getpid(), s->end[0].pid);
	EXPECT_EQ(FASTIPC_STATE_DEAD, s->end[1].state);
	genl_close(&g);
}

TEST_F(event, of_an_abort_is_one_hangup)
{
	const struct seen *s;
	struct genl g;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, subscribe(&g));
	ASSERT_EQ(0, shut_down(self->p.fd[0], 0));
	ASSERT_EQ(0, shut_down(self->p.fd[1], FASTIPC_ABORT));
	ASSERT_EQ(0, shut_down(self->p.fd[0], FASTIPC_ABORT));
	pair_close(&self->p);
	listen_for(&g, &heard, 1);
	s = the_one(FASTIPC_CMD_EVENT_HANGUP, self->id);
	ASSERT_NE(NULL, s);
	EXPECT_TRUE(s->has & BIT(FASTIPC_A_ABORTED));
	EXPECT_EQ(FASTIPC_STATE_SHUTDOWN, s->end[0].state);
	EXPECT_EQ(FASTIPC_STATE_DEAD, s->end[1].state);
	genl_close(&g);
}

TEST_F(event, of_limits)
{
	static const struct {
		const char *parameter;
		uint32_t limit;
		int error;
	} limits[] = {
		{ "max_uid_channels", FASTIPC_LIMIT_UID_CHANNELS, -EDQUOT },
		{ "max_uid_bytes", FASTIPC_LIMIT_UID_BYTES, -EDQUOT },
		{ "max_bytes", FASTIPC_LIMIT_BYTES, -ENOSPC },
	};
	struct seen before, after;
	struct genl g;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, subscribe(&g));
	ASSERT_EQ(0, genl_totals(&self->g, &before));
	for (size_t n = 0; n < ARRAY_SIZE(limits); n++) {
		char path[128], saved[64];
		const struct seen *s;
		int fd[2];
		int error;

		snprintf(path, sizeof(path),
			 "/sys/module/fastipc/parameters/%s",
			 limits[n].parameter);
		ASSERT_EQ(0, read_file(path, saved, sizeof(saved)));
		/* 1 is too few of each, with the pair that is there. */
		ASSERT_EQ(0, write_number(path, 1));
		error = create(self->p.control, PAGE, PAGE, fd);
		ASSERT_EQ(0, write_file(path, saved));
		EXPECT_EQ(limits[n].error, error);
		heard.count = 0;
		listen_for(&g, &heard, 1);
		s = the_one(FASTIPC_CMD_EVENT_LIMIT, 0);
		ASSERT_NE(NULL, s);
		EXPECT_EQ(BIT(FASTIPC_A_UID) | BIT(FASTIPC_A_LIMIT), s->has);
		EXPECT_EQ(getuid(), s->uid);
		EXPECT_EQ(limits[n].limit, s->limit);
	}
	ASSERT_EQ(0, genl_totals(&self->g, &after));
	EXPECT_EQ(before.limit_hits + ARRAY_SIZE(limits), after.limit_hits);
	EXPECT_EQ(before.created, after.created);
	genl_close(&g);
}

TEST_F(event, is_not_for_everyone)
{
	pid_t pid;

	if (geteuid())
		SKIP(return, "needs root");
	pid = spawn();
	if (!pid) {
		struct genl g;

		become(ORDINARY_UID);
		CHECK(subscribe(&g) == -EPERM);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_F(event, nor_for_root_of_a_namespace)
{
	pid_t pid;

	if (geteuid())
		SKIP(return, "needs root");
	pid = spawn();
	if (!pid) {
		struct genl g;
		int fd[2];

		become(ORDINARY_UID);
		new_namespaces(CLONE_NEWUSER | CLONE_NEWNET);
		if (subscribe(&g) == 0) {
			CHECK(!create(self->p.control, PAGE, PAGE, fd));
			sleep_ns(SECOND);
			listen_for(&g, &heard, 0);
			CHECK(heard.count == 0);
		}
		_exit(0);
	}
	EXPECT_REAPED(pid);
}

TEST_HARNESS_MAIN
