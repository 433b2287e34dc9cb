/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the tests of /dev/fastipc share: its calls as functions that return
 * 0 or -errno, channels with all four mappings, and processes to play with.
 */
#ifndef SELFTESTS_KMOD_DEVICE_H
#define SELFTESTS_KMOD_DEVICE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/fastipc.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define MS 1000000ull
#define SECOND 1000000000ull
#define PAGE 4096u
#define ORDINARY_UID 1000u
#define OVERFLOW_ID 65534u

/* The size in front, the rest as given. */
#define IOC_STRUCT(type, ...) \
	((struct fastipc_ioc_##type){ \
		.size = sizeof(struct fastipc_ioc_##type), ##__VA_ARGS__ })

/* ---- time ---- */

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline uint64_t in_ns(uint64_t ns)
{
	return now_ns() + ns;
}

static inline void sleep_ns(uint64_t ns)
{
	struct timespec time = { .tv_sec = (time_t)(ns / SECOND),
				 .tv_nsec = (long)(ns % SECOND) };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

/* Until @condition, at most a minute; whether it came. */
#define EVENTUALLY(condition) \
	({ \
		uint64_t give_up_ = in_ns(60 * SECOND); \
		bool met_; \
		while (!(met_ = (condition)) && now_ns() < give_up_) \
			sleep_ns(MS / 2); \
		met_; \
	})

/* ---- the calls ---- */

static inline int call(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

static inline int device_open(void)
{
	return open(FASTIPC_DEVICE, O_RDWR | O_CLOEXEC);
}

static inline int query(int fd, struct fastipc_ioc_query *q)
{
	*q = IOC_STRUCT(query);
	return call(fd, FASTIPC_IOC_QUERY, q);
}

static inline int create(int control, uint32_t ring0, uint32_t ring1, int fd[2])
{
	struct fastipc_ioc_create c = IOC_STRUCT(
		create, .ring_size = { ring0, ring1 }, .fd = { -1, -1 });
	int error = call(control, FASTIPC_IOC_CREATE, &c);

	fd[0] = c.fd[0];
	fd[1] = c.fd[1];
	return error;
}

static inline int info(int fd, struct fastipc_ioc_info *i)
{
	*i = IOC_STRUCT(info);
	return call(fd, FASTIPC_IOC_INFO, i);
}

static inline uint32_t info_flags(int fd)
{
	struct fastipc_ioc_info i;

	return info(fd, &i) ? ~0u : i.flags;
}

/* Wait for the peer's doorbell to be other than @seen. */
static inline int wait_peer(int fd, uint32_t seen, uint64_t deadline)
{
	struct fastipc_ioc_wait w =
		IOC_STRUCT(wait, .side = FASTIPC_SIDE_PEER, .seen = seen,
			   .clock = CLOCK_MONOTONIC, .deadline = deadline);

	return call(fd, FASTIPC_IOC_WAIT, &w);
}

static inline int swap_peer(int fd, uint32_t seen, uint64_t deadline)
{
	struct fastipc_ioc_wait w =
		IOC_STRUCT(wait, .side = FASTIPC_SIDE_PEER, .seen = seen,
			   .clock = CLOCK_MONOTONIC, .deadline = deadline);

	return call(fd, FASTIPC_IOC_SWAP, &w);
}

static inline int wake(int fd, uint32_t side)
{
	struct fastipc_ioc_wake w = IOC_STRUCT(wake, .side = side);

	return call(fd, FASTIPC_IOC_WAKE, &w);
}

static inline int shut_down(int fd, uint32_t flags)
{
	struct fastipc_ioc_shutdown s = IOC_STRUCT(shutdown, .flags = flags);

	return call(fd, FASTIPC_IOC_SHUTDOWN, &s);
}

static inline uint32_t uid_channels(int fd)
{
	struct fastipc_ioc_query q;

	return query(fd, &q) ? ~0u : q.uid_channels;
}

static inline uint64_t uid_bytes(int fd)
{
	struct fastipc_ioc_query q;

	return query(fd, &q) ? ~0ull : q.uid_bytes;
}

/* ---- mappings ---- */

static inline void *map_own(int fd, uint32_t ring)
{
	return mmap(NULL, FASTIPC_MAP_SIZE(ring), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, (off_t)FASTIPC_MAP_OWN);
}

static inline void *map_peer(int fd, uint32_t ring)
{
	return mmap(NULL, FASTIPC_MAP_SIZE(ring), PROT_READ, MAP_SHARED, fd,
		    (off_t)FASTIPC_MAP_PEER);
}

static inline unsigned char *data_of(struct fastipc_control *control)
{
	return (unsigned char *)control + FASTIPC_CONTROL_SIZE;
}

/* A channel of which this process has both ends, and all mapped. */
struct pair {
	int control;
	int fd[2];
	uint32_t ring;
	struct fastipc_control *own[2];
	struct fastipc_control *peer[2];
};

static inline int pair_map_end(struct pair *p, int end)
{
	p->own[end] = map_own(p->fd[end], p->ring);
	p->peer[end] = map_peer(p->fd[end], p->ring);
	return p->own[end] == MAP_FAILED || p->peer[end] == MAP_FAILED ? -errno
								       : 0;
}

static inline int pair_create(struct pair *p, uint32_t ring)
{
	*p = (struct pair){ .control = device_open(),
			    .fd = { -1, -1 },
			    .ring = ring };
	if (p->control < 0)
		return -errno;
	return create(p->control, ring, ring, p->fd);
}

static inline int pair_open(struct pair *p, uint32_t ring)
{
	int error = pair_create(p, ring);

	error = error ? error : pair_map_end(p, 0);
	return error ? error : pair_map_end(p, 1);
}

static inline void unmap(void *region, uint32_t ring)
{
	if (region && region != MAP_FAILED)
		munmap(region, FASTIPC_MAP_SIZE(ring));
}

static inline void pair_drop_end(struct pair *p, int end)
{
	unmap(p->own[end], p->ring);
	unmap(p->peer[end], p->ring);
	p->own[end] = p->peer[end] = NULL;
	if (p->fd[end] >= 0)
		close(p->fd[end]);
	p->fd[end] = -1;
}

static inline void pair_close(struct pair *p)
{
	pair_drop_end(p, 0);
	pair_drop_end(p, 1);
	if (p->control >= 0)
		close(p->control);
	p->control = -1;
}

/* Bump the doorbell of @end and wake the other one. */
static inline int ring_bell(struct pair *p, int end)
{
	__atomic_fetch_add(&p->own[end]->doorbell, 1, __ATOMIC_SEQ_CST);
	return wake(p->fd[end], FASTIPC_SIDE_PEER);
}

/* ---- processes ---- */

/* In children, where the harness's assertions would report to nobody. */
#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "# %s:%d: %s (%s)\n", __FILE__, \
				__LINE__, #condition, strerror(errno)); \
			_exit(1); \
		} \
	} while (0)

/* fork(), but the child dies with its parent. */
static inline pid_t spawn(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* The exit status, or 128 + the signal that ended it. */
static inline int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In a child, whose end tells EXPECT_REAPED() if there are none. */
#define NO_NAMESPACE 2

static inline void new_namespaces(int flags)
{
	if (unshare(flags))
		_exit(NO_NAMESPACE);
}

static inline int kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	return reap(pid);
}

static inline pid_t thread_id(void)
{
	return (pid_t)syscall(SYS_gettid);
}

/*
 * Whether the thread @tid sleeps in the system call @number: in the kernel,
 * interruptible, off the CPU.
 */
static inline bool sleeps_in(pid_t tid, long number)
{
	char path[64];
	char line[512];
	char *state = NULL;
	long in = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%ld", &in) != 1)
			in = -1;
		fclose(file);
		if (in != number)
			return false;
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(line, sizeof(line), file))
		state = strrchr(line, ')');
	fclose(file);
	return state && state[1] == ' ' && state[2] == 'S';
}

#define ASLEEP(tid, number) EVENTUALLY(sleeps_in(tid, number))

/* A thread, whose id is known, and whose start is waited for. */
struct thread {
	pthread_t thread;
	pid_t tid;
	int (*run)(void *argument);
	void *argument;
	int result;
};

static inline void *thread_main(void *argument)
{
	struct thread *t = argument;

	__atomic_store_n(&t->tid, thread_id(), __ATOMIC_RELEASE);
	t->result = t->run(t->argument);
	return NULL;
}

static inline int thread_start(struct thread *t, int (*run)(void *),
			       void *argument)
{
	*t = (struct thread){ .run = run, .argument = argument };
	if (pthread_create(&t->thread, NULL, thread_main, t))
		return -EAGAIN;
	while (!__atomic_load_n(&t->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	return 0;
}

static inline int thread_join(struct thread *t)
{
	pthread_join(t->thread, NULL);
	return t->result;
}

/* ---- what is held ---- */

static inline int count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	if (!directory)
		return -1;
	for (struct dirent *e = readdir(directory); e; e = readdir(directory))
		count += e->d_name[0] != '.';
	closedir(directory);
	return count - 1;
}

/* ---- small files ---- */

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

static inline int read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? -EIO : 0;
}

static inline long long read_number(const char *path)
{
	char text[64];

	return read_file(path, text, sizeof(text)) ? -1
						   : strtoll(text, NULL, 0);
}

static inline int write_number(const char *path, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	return write_file(path, text);
}

/* ---- fds over a socket ---- */

static inline int send_fd(int socket, int fd)
{
	char byte = 'f';
	struct iovec io = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} u = { 0 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = u.space,
				  .msg_controllen = sizeof(u.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static inline int receive_fd(int socket)
{
	char byte;
	struct iovec io = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} u = { 0 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = u.space,
				  .msg_controllen = sizeof(u.space) };
	struct cmsghdr *c;
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
		return -EPIPE;
	c = CMSG_FIRSTHDR(&message);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -ENOMSG;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

#endif
