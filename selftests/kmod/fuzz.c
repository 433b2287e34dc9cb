// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Processes that do to the device, and to each other's channels, whatever a
 * random number says: FUZZ_SECONDS (10) long, from FUZZ_SEED.
 *
 * They live in one net of sockets, by which they pass ends on; now and then one
 * is killed and replaced.  It is passed when the device works afterwards, and
 * nothing is left; the kernel's log is for others to look at.
 */
#include <poll.h>
#include <setjmp.h>
#include <sys/epoll.h>

#include "genl.h"

#include "harness.h"

#define WORKERS 6
#define FILES 24 /* that a worker has at most */
#define MAPS 16
#define LONGEST 3600

/* ---- randomness ---- */

static uint64_t state;

static uint64_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

static uint64_t below(uint64_t limit)
{
	return (any() >> 16) % limit;
}

/* True one time in @n. */
static bool once_in(uint64_t n)
{
	return below(n) == 0;
}

/* Values that make a difference, more often than others. */
static uint64_t odd_value(void)
{
	static const uint64_t values[] = { 0,
					   1,
					   2,
					   3,
					   4,
					   7,
					   8,
					   PAGE - 1,
					   PAGE,
					   PAGE + 1,
					   1ull << 31,
					   UINT32_MAX,
					   1ull << 32,
					   1ull << 40,
					   1ull << 62,
					   1ull << 63,
					   UINT64_MAX - 7,
					   UINT64_MAX };

	return once_in(3) ? any() : values[below(ARRAY_SIZE(values))];
}

/* ---- what a worker has ---- */

struct mapping {
	unsigned char *at;
	size_t size;
	bool own;
};

static int control;
static int files[FILES];
static int nr_files;
static struct mapping maps[MAPS];
static int nr_maps;
static int net[2]; /* what is sent into 0 comes out of 1, at whoever's */
static int epoll;
static unsigned char *arena; /* for arguments; a hole follows */
static uint64_t *done;	     /* operations of all, shared */
static struct genl genl;

static sigjmp_buf fault;

static void on_fault(int number)
{
	siglongjmp(fault, number);
}

static int some_file(void)
{
	if (!nr_files || once_in(50))
		return once_in(2) ? control : (int)below(40);
	return files[below((uint64_t)nr_files)];
}

static void keep(int fd)
{
	if (fd < 0)
		return;
	if (nr_files < FILES) {
		files[nr_files++] = fd;
		return;
	}
	close(fd);
}

static void close_some(void)
{
	int n;

	if (!nr_files)
		return;
	n = (int)below((uint64_t)nr_files);
	close(files[n]);
	files[n] = files[--nr_files];
}

/* Where an argument of @size may be: mostly in the arena. */
static void *some_place(size_t size)
{
	switch (below(12)) {
	case 0:
		return arena + PAGE - below(size + 8);
	case 1:
		if (nr_maps)
			return maps[below((uint64_t)nr_maps)].at + below(64);
		return NULL;
	case 2:
		return (void *)odd_value();
	default:
		return arena + below(PAGE / 2) / 8 * 8;
	}
}

/* ---- operations ---- */

static void op_create(void)
{
	struct fastipc_ioc_create c = IOC_STRUCT(create);

	for (int end = 0; end < 2; end++)
		c.ring_size[end] = once_in(20) ? (uint32_t)odd_value()
					       : PAGE << below(5);
	if (!call(control, FASTIPC_IOC_CREATE, &c)) {
		keep(c.fd[0]);
		keep(c.fd[1]);
	}
}

static void op_map(void)
{
	struct fastipc_ioc_info i;
	int fd = some_file();
	bool own = once_in(2);
	int protection = own ? PROT_READ | PROT_WRITE : PROT_READ;
	int flags = MAP_SHARED;
	size_t size;
	uint64_t offset = own ? FASTIPC_MAP_OWN : FASTIPC_MAP_PEER;
	void *at;

	if (nr_maps == MAPS || info(fd, &i))
		return;
	size = FASTIPC_MAP_SIZE(own ? i.own_ring_size : i.peer_ring_size);
	if (once_in(8))
		protection = (int)below(8);
	if (once_in(16))
		flags = once_in(2) ? MAP_PRIVATE : MAP_SHARED | MAP_POPULATE;
	if (once_in(16))
		size += PAGE * (1 + below(3));
	if (once_in(16))
		offset = odd_value() & ~(uint64_t)(PAGE - 1);
	at = mmap(NULL, size, protection, flags, fd, (off_t)offset);
	if (at != MAP_FAILED)
		maps[nr_maps++] = (struct mapping){ at, size, own };
}

static void op_unmap(void)
{
	struct mapping *m;
	size_t from, size;

	if (!nr_maps)
		return;
	m = &maps[below((uint64_t)nr_maps)];
	from = below(m->size / PAGE) * PAGE;
	size = (1 + below((m->size - from) / PAGE)) * PAGE;
	switch (below(8)) {
	case 0:
		munmap(m->at + from, size);
		break;
	case 1:
		mprotect(m->at + from, size, (int)below(8));
		break;
	case 2:
		mprotect(m->at, m->size, (int)below(8));
		break;
	case 3:
		/* It may move nowhere, so nothing gets lost of it. */
		mremap(m->at, m->size, size, once_in(2) ? MREMAP_MAYMOVE : 0);
		break;
	case 4:
		/* Neither poison pages nor write to the disk. */
		madvise(m->at + from, size, (int)below(26));
		break;
	case 5:
		mlock(m->at + from, size);
		break;
	default:
		munmap(m->at, m->size);
		*m = maps[--nr_maps];
		break;
	}
}

static void op_scribble(void)
{
	struct mapping *m;
	uint64_t *words;

	if (!nr_maps)
		return;
	m = &maps[below((uint64_t)nr_maps)];
	words = (uint64_t *)m->at;
	for (uint64_t n = below(64); n; n--) {
		uint64_t at = once_in(2) ? below(sizeof(struct fastipc_control))
					 : below(m->size);

		if (m->own || once_in(100))
			__atomic_store_n(&words[at / 8], odd_value(),
					 __ATOMIC_RELAXED);
		else
			(void)__atomic_load_n(&words[at / 8], __ATOMIC_RELAXED);
	}
}

static void op_wait(void)
{
	struct fastipc_ioc_wait w =
		IOC_STRUCT(wait, .side = (uint32_t)below(2),
			   .clock = (uint32_t)(once_in(4) ? below(12) : 1),
			   .deadline = in_ns(below(5 * MS)));
	int fd = some_file();

	if (nr_maps && once_in(2)) {
		struct fastipc_control *c =
			(void *)maps[below((uint64_t)nr_maps)].at;

		w.seen = __atomic_load_n(&c->doorbell, __ATOMIC_RELAXED);
	}
	if (once_in(3)) {
		w.local = (uint64_t)some_place(4);
		w.local_seen = (uint32_t)odd_value();
	}
	if (once_in(20))
		w.deadline = odd_value();
	if (once_in(50))
		w.reserved = 1;
	/* None at all only rarely: others have to wake it, or kill it. */
	if (!w.deadline && !once_in(20))
		w.deadline = 1;
	call(fd, once_in(2) ? FASTIPC_IOC_WAIT : FASTIPC_IOC_SWAP, &w);
}

static void op_wake(void)
{
	wake(some_file(), (uint32_t)(once_in(20) ? any() : below(2)));
}

static void op_shutdown(void)
{
	if (once_in(8))
		shut_down(some_file(), once_in(3) ? FASTIPC_ABORT : 0);
}

static void op_ioctl(void)
{
	uint32_t *argument = some_place(sizeof(struct fastipc_ioc_info));
	uint32_t number = (uint32_t)(0x10 + below(7));
	unsigned long request = _IOWR(FASTIPC_IOC_TYPE, 0, uint64_t) | number;

	for (int n = 0; n < 20; n++)
		((uint32_t *)arena)[n] = (uint32_t)odd_value();
	/* A deadline that comes, if this is a WAIT. */
	((uint64_t *)arena)[2] = in_ns(below(MS));
	*(uint32_t *)arena =
		(uint32_t)(once_in(3) ? odd_value() : 8 + 8 * below(9));
	if (once_in(4))
		request = odd_value();
	if (number == 0x13 || number == 0x15 || once_in(2))
		argument = (uint32_t *)arena;
	call(some_file(), request, argument);
}

static void op_poll(void)
{
	struct pollfd p[4];
	struct epoll_event e = { .events = (uint32_t)any() };
	static const int ops[] = { EPOLL_CTL_ADD, EPOLL_CTL_DEL,
				   EPOLL_CTL_MOD };

	switch (below(3)) {
	case 0:
		for (int n = 0; n < 4; n++)
			p[n] = (struct pollfd){ .fd = some_file(),
						.events = (short)any() };
		poll(p, 4, (int)below(4));
		break;
	case 1:
		if (once_in(2))
			e.events = EPOLLIN | EPOLLOUT |
				   (once_in(2) ? EPOLLET : 0) |
				   (once_in(3) ? EPOLLONESHOT : 0);
		else if (once_in(2))
			e.events = EPOLLIN | 1u << 28; /* EPOLLEXCLUSIVE */
		e.events &= ~(uint32_t)EPOLLWAKEUP;
		epoll_ctl(epoll, ops[below(3)], some_file(), &e);
		break;
	default:
		epoll_wait(epoll, &e, 1, (int)below(4));
		break;
	}
}

static void op_pass(void)
{
	if (once_in(2)) {
		int fd = some_file();

		/* Not the sockets themselves. */
		if (fd > net[1])
			send_fd(net[0], fd);
		if (once_in(2))
			close_some();
	} else {
		keep(receive_fd(net[1]));
	}
}

static void op_files(void)
{
	if (once_in(3))
		keep(dup(some_file()));
	else
		close_some();
}

static void op_info(void)
{
	struct fastipc_ioc_info i;
	struct fastipc_ioc_query q;

	info(some_file(), &i);
	query(some_file(), &q);
}

static void op_genl(void)
{
	struct fastipc_ioc_info i;
	struct seen s;

	if (!genl.socket)
		return;
	/* A channel that is there, or one of its neighbours. */
	if (info(some_file(), &i))
		i.id = 1;
	i.id += below(3);
	switch (below(8)) {
	case 0:
		if (once_in(4))
			genl_disconnect(&genl, i.id);
		break;
	case 1:
		genl_totals(&genl, &s);
		break;
	case 2:
		genl_dump(&genl, NULL, NULL);
		break;
	default:
		genl_channel(&genl, i.id, &s);
		break;
	}
}

static void work(uint64_t operations);

static void op_fork(void)
{
	pid_t pid;

	if (!once_in(20))
		return;
	pid = spawn();
	if (!pid) {
		/* Mappings are not inherited. */
		nr_maps = 0;
		genl.socket = NULL;
		any();
		work(below(100));
		_exit(0);
	}
	if (pid > 0 && once_in(2))
		kill(pid, SIGKILL);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void (*const operations[])(void) = {
	op_create,   op_map,   op_map,	op_unmap, op_scribble,
	op_scribble, op_wait,  op_wait, op_wake,  op_wake,
	op_shutdown, op_ioctl, op_poll, op_poll,  op_pass,
	op_pass,     op_files, op_info, op_genl,  op_fork,
};

static void work(uint64_t count)
{
	static volatile uint64_t left;

	left = count;
	/* A place that is not there, or not ours to write to. */
	sigsetjmp(fault, 1);
	while (left) {
		left--;
		__atomic_fetch_add(done, 1, __ATOMIC_RELAXED);
		operations[below(ARRAY_SIZE(operations))]();
	}
}

static pid_t spawn_worker(uint64_t seed)
{
	struct sigaction action = { .sa_handler = on_fault,
				    .sa_flags = SA_NODEFER };
	pid_t pid = spawn();

	if (pid)
		return pid;
	state = seed | 1;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (genl_open(&genl))
		genl.socket = NULL;
	arena = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(arena + PAGE, PAGE);
	work(UINT64_MAX);
	_exit(0);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Two fresh ends work as ever. */
static int try_a_pair(void)
{
	struct pair p;
	int error = pair_open(&p, PAGE);

	if (error)
		return error;
	for (int end = 0; end < 2; end++) {
		ring_bell(&p, end);
		if (wait_peer(p.fd[!end], 0, in_ns(SECOND)))
			error = -EIO;
		if (wait_peer(p.fd[!end], 1, in_ns(MS)) != -ETIMEDOUT)
			error = -EIO;
	}
	pair_close(&p);
	return error;
}

FIXTURE(fuzz)
{
	uint32_t channels;
	uint64_t bytes;
	int fds;
};

FIXTURE_SETUP(fuzz)
{
	control = device_open();
	ASSERT_GE(control, 0);
	self->channels = uid_channels(control);
	self->bytes = uid_bytes(control);
	self->fds = count_fds();
}

FIXTURE_TEARDOWN(fuzz)
{
	EXPECT_TRUE(EVENTUALLY(uid_channels(control) == self->channels));
	EXPECT_EQ(self->bytes, uid_bytes(control));
	EXPECT_EQ(self->fds, count_fds());
	EXPECT_EQ(0, try_a_pair());
	close(control);
}

TEST_F_TIMEOUT(fuzz, everything, LONGEST)
{
	uint64_t seconds = number_from("FUZZ_SECONDS", 10);
	uint64_t seed = number_from("FUZZ_SEED", now_ns());
	uint64_t end = in_ns(seconds * SECOND);
	uint64_t started = 0;
	pid_t pid[WORKERS];

	TH_LOG("FUZZ_SEED=%llu", (unsigned long long)seed);
	state = seed | 1;
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, net));
	done = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, done);
	*done = 1;
	for (int n = 0; n < WORKERS; n++)
		pid[n] = spawn_worker(seed + ++started);
	while (now_ns() < end) {
		int n = (int)below(WORKERS);

		sleep_ns(below(100 * MS));
		if (once_in(4)) {
			kill(pid[n], SIGSTOP);
			sleep_ns(below(20 * MS));
			kill(pid[n], SIGCONT);
			continue;
		}
		EXPECT_EQ(128 + SIGKILL, kill_and_reap(pid[n]));
		pid[n] = spawn_worker(seed + ++started);
	}
	for (int n = 0; n < WORKERS; n++) {
		EXPECT_EQ(128 + SIGKILL, kill_and_reap(pid[n]));
	}
	TH_LOG("%llu operations of %llu processes", (unsigned long long)*done,
	       (unsigned long long)started);
	EXPECT_GT(*done, 100 * started);
	close(net[0]);
	close(net[1]);
	munmap(done, PAGE);
}

TEST_HARNESS_MAIN
