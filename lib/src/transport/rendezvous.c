// SPDX-License-Identifier: MIT
/*
 * Rendezvous: the socket that a server listens on, clients connecting to it,
 * and how the two agree who owns the file when servers come, go and die.
 *
 * Whoever binds, replaces or removes a socket file holds an flock on its
 * directory meanwhile: no file to leave behind, and the lock of a process that
 * dies is gone.  So a socket that exists while we hold the lock and refuses
 * connections belongs to nobody: its server is dead.
 */
#include "transport/kmod.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/address.h"
#include "transport/hello.h"

#define SOCKET_TYPE (SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC)
#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

/* The lock is held for microseconds; in a shared directory, anyone can. */
#define LOCK_TRIES 2000
#define LOCK_INTERVAL_NS 1000000

#define BIND_TRIES 8

static int make_socket(void)
{
	int sock = socket(AF_UNIX, SOCKET_TYPE, 0);

	if (sock < 0)
		return fastipc_fail(-errno,
				    "cannot make a socket (%s): raise "
				    "RLIMIT_NOFILE",
				    strerrordesc_np(errno));
	return sock;
}

static struct sockaddr_un socket_name(const struct fastipc_address *address)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	_Static_assert(sizeof(name.sun_path) == sizeof(address->path),
		       "paths fit a socket address");
	memcpy(name.sun_path, address->path, sizeof(name.sun_path));
	return name;
}

static int lock_directory(int directory, const char *path)
{
	const struct timespec interval = { .tv_nsec = LOCK_INTERVAL_NS };

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(directory, LOCK_EX | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fastipc_fail(-errno,
					    "cannot lock the directory of %s: "
					    "%s",
					    path, strerrordesc_np(errno));
		nanosleep(&interval, NULL);
	}
	return fastipc_fail(-EBUSY,
			    "another process keeps the directory of %s locked: "
			    "use a directory that is yours",
			    path);
}

/* Explicitly, since a child forked meanwhile may hold the descriptor too. */
static void unlock_directory(int directory)
{
	flock(directory, LOCK_UN);
	close(directory);
}

/* 0: nobody listens there; -EADDRINUSE: somebody does, or may. */
static int probe(const struct fastipc_address *address)
{
	struct sockaddr_un name = socket_name(address);
	int sock = make_socket();
	int error;

	if (sock < 0)
		return sock;
	error = connect(sock, (struct sockaddr *)&name, sizeof(name)) ? errno
								      : 0;
	close(sock);
	if (error == ECONNREFUSED || error == ENOENT)
		return 0;
	if (error == EACCES)
		return fastipc_fail(-EACCES,
				    "%s belongs to another user: choose "
				    "another name",
				    address->path);
	return fastipc_fail(-EADDRINUSE,
			    "a live server listens on %s: stop it or choose "
			    "another name",
			    address->path);
}

/* Remove what is in the way of bind(), if it is a dead server's socket. */
static int remove_stale(int directory, const struct fastipc_address *address)
{
	const char *base = fastipc_address_base(address);
	struct stat st;
	int ret;

	if (fstatat(directory, base, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT
			       ? 0
			       : fastipc_fail(-errno, "cannot stat %s: %s",
					      address->path,
					      strerrordesc_np(errno));
	if (!S_ISSOCK(st.st_mode))
		return fastipc_fail(-ENOTSOCK,
				    "%s exists and is not a socket: choose "
				    "another name, or remove it if it is of no "
				    "use",
				    address->path);
	ret = probe(address);
	if (ret)
		return ret;
	if (unlinkat(directory, base, 0) && errno != ENOENT)
		return fastipc_fail(-EACCES,
				    "cannot remove the stale socket %s: %s",
				    address->path, strerrordesc_np(errno));
	return 0;
}

static int bind_path(int sock, int directory,
		     const struct fastipc_address *address)
{
	struct sockaddr_un name = socket_name(address);

	for (int i = 0; i < BIND_TRIES; i++) {
		int ret;

		if (!bind(sock, (struct sockaddr *)&name, sizeof(name)))
			return 0;
		if (errno != EADDRINUSE)
			return fastipc_fail(-errno,
					    "cannot make the socket %s: %s",
					    address->path,
					    strerrordesc_np(errno));
		ret = remove_stale(directory, address);
		if (ret)
			return ret;
	}
	/* Only somebody who does not take the lock can win that often. */
	return fastipc_fail(-EADDRINUSE,
			    "another process makes %s over and over: choose "
			    "another name",
			    address->path);
}

/*
 * The file gets @mode without ever being open to more: bind() gives it the
 * mode of the socket's own inode less the umask (unix_bind() in Linux does
 * so since 2.6), and what the umask took is given back afterwards.  Setting
 * the umask instead would change it for all threads of the process.
 */
static int set_mode(const struct fastipc_rendezvous *rendezvous, int directory,
		    const char *base, mode_t mode, const struct stat *st)
{
	if ((st->st_mode & 07777) == mode)
		return 0;
	if (fchmodat(directory, base, mode, AT_SYMLINK_NOFOLLOW))
		return fastipc_fail(-errno, "cannot set the mode of %s: %s",
				    rendezvous->path, strerrordesc_np(errno));
	return 0;
}

static int publish(struct fastipc_rendezvous *rendezvous, int directory,
		   const struct fastipc_address *address, mode_t mode)
{
	const char *base = fastipc_address_base(address);
	struct stat st;
	int ret;

	if (fchmod(rendezvous->fd, mode))
		return fastipc_fail(-errno, "cannot set a socket's mode: %s",
				    strerrordesc_np(errno));
	ret = bind_path(rendezvous->fd, directory, address);
	if (ret)
		return ret;
	if (fstatat(directory, base, &st, AT_SYMLINK_NOFOLLOW))
		return fastipc_fail(-errno, "cannot stat %s: %s", address->path,
				    strerrordesc_np(errno));
	memcpy(rendezvous->path, address->path, sizeof(rendezvous->path));
	rendezvous->dev = st.st_dev;
	rendezvous->ino = st.st_ino;
	ret = set_mode(rendezvous, directory, base, mode, &st);
	if (!ret && listen(rendezvous->fd, BACKLOG))
		ret = fastipc_fail(-errno, "cannot listen on %s: %s",
				   address->path, strerrordesc_np(errno));
	if (ret)
		unlinkat(directory, base, 0);
	return ret;
}

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int fastipc_rendezvous_listen(struct fastipc_rendezvous *rendezvous,
			      const char *address, mode_t mode)
{
	struct fastipc_address parsed;
	int directory, ret;

	*rendezvous = (struct fastipc_rendezvous){ .fd = -1, .reserve_fd = -1 };
	if (mode & ~(mode_t)0777)
		return fastipc_fail(-EINVAL,
				    "mode %#o is not one of a socket file: use "
				    "permission bits only",
				    (unsigned int)mode);
	ret = fastipc_address_parse(address, &parsed);
	rendezvous->transport = parsed.transport;
	if (!ret && rendezvous->transport == FASTIPC_TRANSPORT_KMOD)
		ret = fastipc_kmod_probe();
	if (ret)
		return ret;
	directory = fastipc_address_open_directory(&parsed, true);
	if (directory < 0)
		return directory;
	ret = rendezvous->fd = make_socket();
	if (ret >= 0)
		ret = lock_directory(directory, parsed.path);
	if (!ret)
		ret = publish(rendezvous, directory, &parsed, mode);
	unlock_directory(directory);
	if (ret && rendezvous->fd >= 0)
		close(rendezvous->fd);
	if (ret)
		rendezvous->fd = -1;
	else
		rendezvous->reserve_fd = open_reserve();
	return ret;
}

/*
 * Remove the file before the descriptor is closed: while we listen nobody
 * takes it for stale, so device and inode can only be ours, not those of a
 * successor that happens to have got the same inode number.
 */
void fastipc_rendezvous_close(struct fastipc_rendezvous *rendezvous)
{
	struct fastipc_address parsed;
	int directory = -1;
	struct stat st;

	if (rendezvous->fd < 0)
		return;
	if (fastipc_address_parse(rendezvous->path, &parsed))
		goto out;
	if (rendezvous->reserve_fd >= 0) /* so that there is room for one */
		close(rendezvous->reserve_fd);
	rendezvous->reserve_fd = -1;
	directory = fastipc_address_open_directory(&parsed, false);
	if (directory < 0)
		goto out;
	if (!lock_directory(directory, parsed.path) &&
	    !fstatat(directory, fastipc_address_base(&parsed), &st,
		     AT_SYMLINK_NOFOLLOW) &&
	    st.st_dev == rendezvous->dev && st.st_ino == rendezvous->ino)
		unlinkat(directory, fastipc_address_base(&parsed), 0);
	unlock_directory(directory);
out:
	if (rendezvous->reserve_fd >= 0)
		close(rendezvous->reserve_fd);
	close(rendezvous->fd);
	rendezvous->fd = rendezvous->reserve_fd = -1;
}

static int accept_one(int fd)
{
	int sock;

	do {
		sock = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (sock < 0 && (errno == EINTR || errno == ECONNABORTED));
	return sock < 0 ? -errno : sock;
}

/*
 * Out of descriptors, a waiting client would keep the listener readable and
 * learn nothing.  The reserve descriptor makes room to tell it.
 */
static int refuse_one(struct fastipc_rendezvous *rendezvous)
{
	int sock;

	if (rendezvous->reserve_fd >= 0)
		close(rendezvous->reserve_fd);
	sock = accept_one(rendezvous->fd);
	if (sock >= 0) {
		fastipc_rendezvous_refuse(sock, -EUSERS);
		close(sock);
	}
	rendezvous->reserve_fd = open_reserve();
	if (sock == -EAGAIN)
		return -EAGAIN;
	return fastipc_fail(-EUSERS, "no descriptor is free for another "
				     "connection: raise RLIMIT_NOFILE");
}

int fastipc_rendezvous_accept(struct fastipc_rendezvous *rendezvous)
{
	int sock = accept_one(rendezvous->fd);

	if (sock >= 0 || sock == -EAGAIN)
		return sock;
	if (sock == -EMFILE || sock == -ENFILE)
		return refuse_one(rendezvous);
	return fastipc_fail(sock, "cannot accept a connection: %s",
			    strerrordesc_np(-sock));
}

void fastipc_rendezvous_refuse(int sock, int error)
{
	struct fastipc_hello hello;

	fastipc_hello_init(&hello, FASTIPC_HELLO_REFUSE);
	hello.error = error;
	fastipc_hello_send(sock, &hello, NULL, 0);
}

/*
 * The backlog is full: the server is alive and slow.  An AF_UNIX connect()
 * cannot be polled; but it waits as long as SO_SNDTIMEO says when it may.
 */
static int connect_slowly(int sock, const struct sockaddr_un *address,
			  uint64_t deadline)
{
	int flags = fcntl(sock, F_GETFL);
	int ret = EAGAIN;

	fcntl(sock, F_SETFL, flags & ~O_NONBLOCK);
	for (;;) {
		uint64_t now = fastipc_now_ns();
		uint64_t left = deadline > now ? deadline - now : 0;
		struct timeval timeout = {
			.tv_sec = (time_t)(left / 1000000000u),
			.tv_usec = (suseconds_t)(left % 1000000000u / 1000),
		};

		/* A timeout of 0 would mean for ever. */
		if (!timeout.tv_sec && !timeout.tv_usec)
			break;
		setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &timeout,
			   sizeof(timeout));
		ret = connect(sock, (const struct sockaddr *)address,
			      sizeof(*address))
			      ? errno
			      : 0;
		if (ret != EINTR && ret != EAGAIN)
			break;
	}
	fcntl(sock, F_SETFL, flags);
	return ret;
}

static bool is_no_socket(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISSOCK(st.st_mode);
}

static int connect_failed(int error, const char *path)
{
	/* connect(2) does not tell a file, or a directory, from a server that
	 * is gone, or that may not be asked. */
	if ((error == ECONNREFUSED || error == EACCES) && is_no_socket(path))
		return fastipc_fail(-ENOTSOCK,
				    "%s is not a server's socket: check the "
				    "name",
				    path);
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return fastipc_fail(-ENOENT,
				    "there is no server at %s: start it, or "
				    "check the name",
				    path);
	case ECONNREFUSED:
		return fastipc_fail(-ECONNREFUSED,
				    "nobody listens on %s: its server is gone; "
				    "start it again",
				    path);
	case EACCES:
	case EPERM:
		return fastipc_fail(-EACCES,
				    "you may not connect to %s: its server "
				    "must set another mode, or its directory "
				    "another owner",
				    path);
	case EPROTOTYPE:
		return fastipc_fail(-EPROTOTYPE,
				    "%s is a socket of another kind, not a "
				    "fastipc server's",
				    path);
	case EINTR:
	case EAGAIN:
		return fastipc_fail(-ETIMEDOUT,
				    "the server at %s did not accept in time: "
				    "is it stopped or overloaded?",
				    path);
	default:
		return fastipc_fail(-error, "cannot connect to %s: %s", path,
				    strerrordesc_np(error));
	}
}

/* For a NAME, only a directory that nobody else can write to will do. */
static int check_directory(const struct fastipc_address *address)
{
	int fd;

	if (!address->named)
		return 0;
	fd = fastipc_address_open_directory(address, false);
	if (fd < 0)
		return fd == -ENOENT ? connect_failed(ENOENT, address->path)
				     : fd;
	close(fd);
	return 0;
}

int fastipc_rendezvous_connect(const char *address, uint64_t deadline)
{
	struct fastipc_address parsed;
	struct sockaddr_un name;
	int sock, ret;

	ret = fastipc_address_parse(address, &parsed);
	if (!ret)
		ret = check_directory(&parsed);
	if (ret)
		return ret;
	sock = make_socket();
	if (sock < 0)
		return sock;
	name = socket_name(&parsed);
	ret = connect(sock, (struct sockaddr *)&name, sizeof(name)) ? errno : 0;
	if (ret == EAGAIN)
		ret = connect_slowly(sock, &name, deadline);
	if (!ret)
		return sock;
	close(sock);
	return connect_failed(ret, parsed.path);
}
