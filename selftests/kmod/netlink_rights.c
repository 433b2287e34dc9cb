// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The generic-netlink family: who sees which channels, and may end them.
 */
#include "genl.h"

#include "harness.h"

#define RING (4 * PAGE)

static struct list list;

FIXTURE(rights)
{
	struct pair p; /* root's */
	uint64_t id;
};

FIXTURE_SETUP(rights)
{
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, pair_create(&self->p, RING));
	self->id = id_of(self->p.fd[0]);
}

FIXTURE_TEARDOWN(rights)
{
	pair_close(&self->p);
}

static void open_as_ordinary_user(struct genl *g)
{
	become(ORDINARY_UID);
	CHECK(!genl_open(g));
}

static void list_all(struct genl *g)
{
	list = (struct list){ .count = 0 };
	CHECK(!genl_dump(g, list_it, &list));
}

TEST_F(rights, disconnect_is_for_the_creator_or_an_administrator)
{
	pid_t pid;

	pid = spawn();
	if (!pid) {
		struct genl g;
		struct seen s;
		int fd[2];

		open_as_ordinary_user(&g);
		CHECK(genl_disconnect(&g, self->id) == -EPERM);
		/* To own an end, and so to see it, is not enough. */
		CHECK(map_own(self->p.fd[1], RING) != MAP_FAILED);
		CHECK(!genl_channel(&g, self->id, &s));
		CHECK(genl_disconnect(&g, self->id) == -EPERM);
		CHECK(!(info_flags(self->p.fd[0]) & FASTIPC_INFO_ABORTED));
		/* The own one. */
		CHECK(!create(self->p.control, PAGE, PAGE, fd));
		CHECK(!genl_disconnect(&g, id_of(fd[0])));
		CHECK(info_flags(fd[1]) & FASTIPC_INFO_ABORTED);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_F(rights, an_ordinary_user_sees_its_own)
{
	pid_t pid;

	pid = spawn();
	if (!pid) {
		struct genl g;
		struct seen s;
		int fd[2];

		open_as_ordinary_user(&g);
		list_all(&g);
		CHECK(list.count == 0);
		CHECK(genl_channel(&g, self->id, &s) == -ENOENT);
		CHECK(!genl_totals(&g, &s));
		CHECK(!create(self->p.control, PAGE, PAGE, fd));
		list_all(&g);
		CHECK(list.count == 1 && list.id[0] == id_of(fd[0]));
		CHECK(!genl_channel(&g, id_of(fd[0]), &s));
		/* One more that it has an end of. */
		CHECK(map_own(self->p.fd[0], RING) != MAP_FAILED);
		list_all(&g);
		CHECK(list.count == 2 && times(&list, self->id) == 1);
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

/* Root in a user namespace of its own is no administrator of the machine. */
TEST_F(rights, nor_does_root_of_a_namespace_see_more)
{
	pid_t pid;

	pid = spawn();
	if (!pid) {
		struct genl g;
		struct seen s;

		become(ORDINARY_UID);
		new_namespaces(CLONE_NEWUSER | CLONE_NEWNET);
		/* Or else the files of /proc/self would be root's. */
		prctl(PR_SET_DUMPABLE, 1);
		CHECK(!write_file("/proc/self/setgroups", "deny"));
		CHECK(!write_file("/proc/self/uid_map", "0 1000 1"));
		CHECK(!write_file("/proc/self/gid_map", "0 1000 1"));
		CHECK(geteuid() == 0);
		CHECK(!genl_open(&g));
		list_all(&g);
		CHECK(list.count == 0);
		CHECK(genl_channel(&g, self->id, &s) == -ENOENT);
		CHECK(genl_disconnect(&g, self->id) == -EPERM);
		_exit(0);
	}
	EXPECT_REAPED(pid);
}

/* As write() does it, by somebody who does not know what the descriptor is. */
static int write_request(struct genl *g, uint8_t cmd, int flags, uint64_t id)
{
	struct nl_msg *m = genl_message(g, cmd, flags);
	struct nlmsghdr *h;
	int error;

	if (!m || (id && nla_put_u64(m, FASTIPC_A_ID, id)))
		return -ENOMEM;
	nl_complete_msg(g->socket, m);
	h = nlmsg_hdr(m);
	error = write(nl_socket_get_fd(g->socket), h, h->nlmsg_len) < 0;
	nlmsg_free(m);
	if (error)
		return -errno;
	return genl_receive(g);
}

/*
 * Who opened a socket and gets another to write to it, as the standard output
 * of a program with the set-user-ID bit, say, has no more rights by that; nor
 * has the other one the rights of who opened it.
 */
TEST_F(rights, who_opened_the_socket_counts_as_well)
{
	pid_t pid = spawn();

	if (!pid) {
		struct genl g[2]; /* root's, and an ordinary user's */

		CHECK(!genl_open(&g[0]));
		CHECK(!setresuid(ORDINARY_UID, ORDINARY_UID, 0));
		CHECK(!genl_open(&g[1]));
		CHECK(!setresuid(0, 0, 0));
		/* Written by root, to the own one. */
		list = (struct list){ .count = 0 };
		g[0].each = g[1].each = list_it;
		g[0].argument = g[1].argument = &list;
		CHECK(!write_request(&g[0], FASTIPC_CMD_GET_CHANNEL, NLM_F_DUMP,
				     0));
		CHECK(times(&list, self->id) == 1);
		list = (struct list){ .count = 0 };
		for (int turn = 0; turn < 2; turn++) {
			/* And to the user's, then by the user to both. */
			for (int n = !turn; n < 2; n++) {
				CHECK(write_request(&g[n],
						    FASTIPC_CMD_GET_CHANNEL, 0,
						    self->id) == -ENOENT);
				CHECK(!write_request(&g[n],
						     FASTIPC_CMD_GET_CHANNEL,
						     NLM_F_DUMP, 0));
				CHECK(!times(&list, self->id));
				CHECK(write_request(&g[n],
						    FASTIPC_CMD_DISCONNECT, 0,
						    self->id) == -EPERM);
			}
			if (!turn)
				become(ORDINARY_UID);
		}
		CHECK(!(info_flags(self->p.fd[0]) & FASTIPC_INFO_ABORTED));
		_exit(0);
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_HARNESS_MAIN
