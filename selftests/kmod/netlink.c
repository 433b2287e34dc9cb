// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The generic-netlink family: what it shows, to whom, and what it takes.
 */
#include "genl.h"

#include "harness.h"

#define RING (4 * PAGE)

FIXTURE(genl)
{
	struct pair p;
	struct genl g;
	uint64_t id; /* of the pair */
};

FIXTURE_SETUP(genl)
{
	struct fastipc_ioc_info i;

	ASSERT_EQ(0, pair_create(&self->p, RING));
	ASSERT_EQ(0, info(self->p.fd[0], &i));
	self->id = i.id;
	ASSERT_EQ(0, genl_open(&self->g));
}

FIXTURE_TEARDOWN(genl)
{
	genl_close(&self->g);
	pair_close(&self->p);
}

#define TOTALS_HAS \
	(BIT(FASTIPC_A_CHANNELS) | BIT(FASTIPC_A_BYTES) | \
	 BIT(FASTIPC_A_CREATED) | BIT(FASTIPC_A_HANGUPS) | \
	 BIT(FASTIPC_A_LIMIT_HITS) | BIT(FASTIPC_A_WAITS) | \
	 BIT(FASTIPC_A_WAKES))

/* ---- one channel ---- */

TEST_F(genl, a_channel_that_nobody_has_mapped)
{
	struct seen s;

	ASSERT_EQ(0, genl_channel(&self->g, self->id, &s));
	EXPECT_FALSE(s.malformed);
	EXPECT_EQ(FASTIPC_CMD_GET_CHANNEL, s.cmd);
	EXPECT_EQ(CHANNEL_HAS, s.has & ~BIT(FASTIPC_A_PAD));
	EXPECT_EQ(self->id, s.id);
	EXPECT_EQ(getuid(), s.uid);
	EXPECT_GT(s.age, 0);
	EXPECT_LT(s.age, 60 * SECOND);
	EXPECT_EQ(2, s.ends);
	for (int end = 0; end < 2; end++) {
		EXPECT_EQ(0, s.end[end].pid);
		EXPECT_EQ(OVERFLOW_ID, s.end[end].uid);
		EXPECT_STREQ("", s.end[end].comm);
		EXPECT_EQ(RING, s.end[end].ring_size);
		EXPECT_EQ(FASTIPC_STATE_OPEN, s.end[end].state);
		EXPECT_EQ(0, s.end[end].tx_tail);
		EXPECT_EQ(0, s.end[end].waits);
	}
}

TEST_F(genl, a_channel_at_work)
{
	struct seen s;
	struct fastipc_control *own;

	ASSERT_EQ(0, prctl(PR_SET_NAME, "a-good-name"));
	ASSERT_EQ(0, pair_map_end(&self->p, 1));
	own = self->p.own[1];
	own->tx_tail = 100;
	own->rx_head = 200;
	own->tx_records = 3;
	own->rx_records = 4;
	ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_PEER));
	ASSERT_EQ(0, wake(self->p.fd[1], FASTIPC_SIDE_PEER));
	ASSERT_EQ(-ETIMEDOUT, wait_peer(self->p.fd[1], 0, in_ns(MS)));
	ASSERT_EQ(0, shut_down(self->p.fd[1], 0));
	ASSERT_EQ(0, genl_channel(&self->g, self->id, &s));
	EXPECT_FALSE(s.malformed);
	EXPECT_EQ(getpid(), s.end[1].pid);
	EXPECT_EQ(getuid(), s.end[1].uid);
	EXPECT_STREQ("a-good-name", s.end[1].comm);
	EXPECT_EQ(FASTIPC_STATE_SHUTDOWN, s.end[1].state);
	EXPECT_EQ(100, s.end[1].tx_tail);
	EXPECT_EQ(200, s.end[1].rx_head);
	EXPECT_EQ(3, s.end[1].tx_records);
	EXPECT_EQ(4, s.end[1].rx_records);
	EXPECT_EQ(2, s.end[1].wakes);
	EXPECT_EQ(1, s.end[1].waits);
	EXPECT_EQ(FASTIPC_STATE_OPEN, s.end[0].state);
	EXPECT_EQ(0, s.end[0].pid);
	/* What it says of its state is not what the module knows. */
	own->state = 77;
	ASSERT_EQ(0, genl_channel(&self->g, self->id, &s));
	EXPECT_EQ(FASTIPC_STATE_SHUTDOWN, s.end[1].state);
}

TEST_F(genl, an_aborted_channel)
{
	struct seen s;

	ASSERT_EQ(0, shut_down(self->p.fd[0], FASTIPC_ABORT));
	ASSERT_EQ(0, genl_channel(&self->g, self->id, &s));
	EXPECT_EQ(CHANNEL_HAS | BIT(FASTIPC_A_ABORTED),
		  s.has & ~BIT(FASTIPC_A_PAD));
	EXPECT_EQ(FASTIPC_STATE_DEAD, s.end[0].state);
	EXPECT_EQ(FASTIPC_STATE_DEAD, s.end[1].state);
}

TEST_F(genl, one_that_is_not_there)
{
	struct seen s;

	EXPECT_EQ(-ENOENT, genl_channel(&self->g, UINT64_MAX, &s));
	EXPECT_EQ(-ENOENT, genl_channel(&self->g, self->id + 100000, &s));
	EXPECT_EQ(-ENOENT, genl_disconnect(&self->g, UINT64_MAX));
	pair_close(&self->p);
	EXPECT_EQ(-ENOENT, genl_channel(&self->g, self->id, &s));
	EXPECT_EQ(-ENOENT, genl_disconnect(&self->g, self->id));
}

TEST_F(genl, a_pid_is_of_the_reader_s_namespace)
{
	pid_t pid;

	ASSERT_EQ(0, pair_map_end(&self->p, 0));
	pid = spawn();
	if (!pid) {
		pid_t inner;

		new_namespaces(CLONE_NEWPID);
		inner = fork();
		if (!inner) {
			struct genl g;
			struct seen s;

			CHECK(map_own(self->p.fd[1], RING) != MAP_FAILED);
			CHECK(!genl_open(&g));
			CHECK(!genl_channel(&g, self->id, &s));
			CHECK(s.end[0].pid == 0 && s.end[1].pid == 1);
			_exit(0);
		}
		_exit(reap(inner));
	}
	EXPECT_REAPED(pid);
}

/* ---- dumps ---- */

#define MANY 400

static struct list list;
static int many[2 * MANY][2];

static int make_many(int control, int from, int to)
{
	struct rlimit limit = { .rlim_cur = 4 * MANY + 64,
				.rlim_max = 4 * MANY + 64 };

	setrlimit(RLIMIT_NOFILE, &limit);
	for (int n = from; n < to; n++)
		if (create(control, PAGE, PAGE, many[n]))
			return -errno;
	return 0;
}

TEST_F(genl, a_dump_has_each_once)
{
	ASSERT_EQ(0, make_many(self->p.control, 0, MANY));
	list = (struct list){ .count = 0 };
	ASSERT_EQ(0, genl_dump(&self->g, list_it, &list));
	EXPECT_FALSE(list.malformed);
	EXPECT_GE(list.count, MANY + 1);
	EXPECT_EQ(1, times(&list, self->id));
	for (int n = 0; n < MANY; n++) {
		ASSERT_EQ(1, times(&list, id_of(many[n][0])));
	}
	for (size_t n = 1; n < list.count; n++) {
		ASSERT_GT(list.id[n], list.id[n - 1]);
	}
}

static int control_of_all;

/* Each second one goes, and as many come. */
static void turn_over(void)
{
	for (int n = 1; n < MANY; n += 2) {
		close(many[n][0]);
		close(many[n][1]);
	}
	for (int n = 1; n < MANY; n += 2)
		if (create(control_of_all, PAGE, PAGE, many[MANY + n]))
			break;
}

TEST_F(genl, a_dump_while_channels_come_and_go)
{
	ASSERT_EQ(0, make_many(self->p.control, 0, MANY));
	control_of_all = self->p.control;
	list = (struct list){ .first = turn_over };
	ASSERT_EQ(0, genl_dump(&self->g, list_it, &list));
	/* Who was there all the time is told of, and nobody twice. */
	for (int n = 0; n < MANY; n += 2) {
		ASSERT_EQ(1, times(&list, id_of(many[n][0])));
	}
	for (size_t n = 1; n < list.count; n++) {
		ASSERT_GT(list.id[n], list.id[n - 1]);
	}
	/* And who went before it was reached is not. */
	EXPECT_LT(list.count, MANY + MANY / 2 + 10);
}

/* ---- totals ---- */

TEST_F(genl, totals_count)
{
	struct seen a, b;
	int fd[2];

	ASSERT_EQ(0, genl_totals(&self->g, &a));
	EXPECT_FALSE(a.malformed);
	EXPECT_EQ(TOTALS_HAS, a.has & ~BIT(FASTIPC_A_PAD));
	EXPECT_GE(a.channels, 1);
	EXPECT_GE(a.created, a.channels);
	ASSERT_EQ(0, create(self->p.control, PAGE, 2 * PAGE, fd));
	ASSERT_EQ(0, wake(fd[0], FASTIPC_SIDE_PEER));
	ASSERT_EQ(-ETIMEDOUT, wait_peer(fd[1], 0, in_ns(MS)));
	ASSERT_EQ(0, genl_totals(&self->g, &b));
	EXPECT_EQ(a.channels + 1, b.channels);
	EXPECT_EQ(a.bytes + 5 * PAGE, b.bytes);
	EXPECT_EQ(a.created + 1, b.created);
	EXPECT_EQ(a.hangups, b.hangups);
	EXPECT_EQ(a.waits + 1, b.waits);
	EXPECT_EQ(a.wakes + 1, b.wakes);
	close(fd[0]);
	ASSERT_EQ(0, genl_totals(&self->g, &b));
	EXPECT_EQ(a.channels + 1, b.channels);
	EXPECT_EQ(a.hangups + 1, b.hangups);
	close(fd[1]);
	/* What the dead did is not forgotten. */
	ASSERT_EQ(0, genl_totals(&self->g, &b));
	EXPECT_EQ(a.channels, b.channels);
	EXPECT_EQ(a.bytes, b.bytes);
	EXPECT_EQ(a.hangups + 1, b.hangups);
	EXPECT_EQ(a.waits + 1, b.waits);
	EXPECT_EQ(a.wakes + 1, b.wakes);
	EXPECT_EQ(a.limit_hits, b.limit_hits);
	/* What came to nothing was no channel. */
	EXPECT_EQ(-EINVAL, create(self->p.control, 1, PAGE, fd));
	ASSERT_EQ(0, genl_totals(&self->g, &b));
	EXPECT_EQ(a.created + 1, b.created);
}

/* ---- disconnect ---- */

TEST_F(genl, disconnect_is_an_abort)
{
	ASSERT_EQ(0, pair_map_end(&self->p, 0));
	ASSERT_EQ(0, genl_disconnect(&self->g, self->id));
	for (int end = 0; end < 2; end++) {
		EXPECT_TRUE(info_flags(self->p.fd[end]) & FASTIPC_INFO_ABORTED);
		EXPECT_EQ(-EPIPE, wait_peer(self->p.fd[end], 0, 0));
	}
	EXPECT_EQ(FASTIPC_STATE_DEAD, self->p.own[0]->state);
	EXPECT_EQ(0, genl_disconnect(&self->g, self->id));
}

/* ---- what is refused ---- */

TEST_F(genl, unknown_attributes)
{
	int flags[] = { 0, NLM_F_DUMP };

	for (size_t n = 0; n < ARRAY_SIZE(flags); n++) {
		for (int type = 1; type < 300; type++) {
			struct nl_msg *m = genl_message(
				&self->g, FASTIPC_CMD_GET_CHANNEL, flags[n]);

			ASSERT_NE(NULL, m);
			if (type == FASTIPC_A_ID)
				type++;
			nla_put_u64(m, FASTIPC_A_ID, self->id);
			nla_put_u64(m, type, 1);
			ASSERT_EQ(-EINVAL, genl_send(&self->g, m))
			{
				TH_LOG("attribute %d", type);
			}
		}
	}
}

/* It must not seem to choose one of what is told of all. */
TEST_F(genl, an_id_where_none_is_looked_at)
{
	EXPECT_EQ(-EINVAL, genl_request(&self->g, FASTIPC_CMD_GET_CHANNEL,
					NLM_F_DUMP, self->id, NULL, NULL));
	EXPECT_EQ(-EINVAL, genl_request(&self->g, FASTIPC_CMD_GET_TOTALS, 0,
					self->id, NULL, NULL));
}

TEST_F(genl, malformed_ids)
{
	uint64_t id[2] = { self->id, self->id };
	uint8_t commands[] = { FASTIPC_CMD_GET_CHANNEL,
			       FASTIPC_CMD_DISCONNECT };

	for (size_t c = 0; c < ARRAY_SIZE(commands); c++) {
		struct nl_msg *m;
		int error;

		for (int length = 0; length <= 16; length++) {
			if (length == 8)
				continue;
			m = genl_message(&self->g, commands[c], 0);
			nla_put(m, FASTIPC_A_ID, length, id);
			error = genl_send(&self->g, m);
			EXPECT_TRUE(error == -EINVAL || error == -ERANGE)
			{
				TH_LOG("length %d: %d", length, error);
			}
		}
		EXPECT_EQ(-EINVAL, genl_request(&self->g, commands[c], 0, 0,
						NULL, NULL));
		m = genl_message(&self->g, commands[c], 0);
		nla_put_u64(m, FASTIPC_A_ID | NLA_F_NESTED, self->id);
		EXPECT_EQ(-EINVAL, genl_send(&self->g, m));
	}
	EXPECT_EQ(0, info_flags(self->p.fd[0]));
}

TEST_F(genl, unknown_commands)
{
	for (int cmd = 0; cmd < 256; cmd++) {
		if (cmd >= FASTIPC_CMD_GET_CHANNEL &&
		    cmd <= FASTIPC_CMD_DISCONNECT)
			continue;
		ASSERT_EQ(-EOPNOTSUPP, genl_request(&self->g, (uint8_t)cmd, 0,
						    self->id, NULL, NULL));
	}
	EXPECT_EQ(-EOPNOTSUPP, genl_request(&self->g, FASTIPC_CMD_DISCONNECT,
					    NLM_F_DUMP, self->id, NULL, NULL));
}

TEST_F(genl, reserved_bits_of_the_header)
{
	struct nl_msg *m = genl_message(&self->g, FASTIPC_CMD_GET_TOTALS, 0);
	struct genlmsghdr *h;

	ASSERT_NE(NULL, m);
	h = nlmsg_data(nlmsg_hdr(m));
	h->reserved = 1;
	EXPECT_EQ(-EINVAL, genl_send(&self->g, m));
}

TEST_HARNESS_MAIN
