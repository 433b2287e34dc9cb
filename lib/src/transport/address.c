// SPDX-License-Identifier: MIT
/*
 * Addresses: from NAME, "memfd:NAME", "kmod:NAME" or a path to the path of a socket, and
 * the checks of the directory that it is in.
 */
#include "transport/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define NAME_CHARACTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

int fastipc_name_check(const char *name)
{
	if (strnlen(name, FASTIPC_NAME_MAX + 1) > FASTIPC_NAME_MAX)
		return fastipc_fail(-ENAMETOOLONG,
				    "the name is longer than %d bytes: choose "
				    "a shorter one",
				    FASTIPC_NAME_MAX);
	if (!*name || *name == '.' || name[strspn(name, NAME_CHARACTERS)])
		return fastipc_fail(-EINVAL,
				    "\"%s\" is no server name: use letters, "
				    "digits, '.', '_' and '-', and do not "
				    "start with '.'",
				    name);
	return 0;
}

static int path_too_long(void)
{
	return fastipc_fail(-ENAMETOOLONG,
			    "the socket's path is longer than %d bytes, which "
			    "is all that a socket address holds: choose a "
			    "shorter one",
			    FASTIPC_PATH_SIZE - 1);
}

/*
 * secure_getenv(): in a set-uid program the environment is somebody else's.
 * A relative XDG_RUNTIME_DIR is not valid and is to be ignored.
 */
int fastipc_runtime_directory(char path[FASTIPC_PATH_SIZE])
{
	const char *base = secure_getenv("XDG_RUNTIME_DIR");
	int length;

	if (base && *base == '/')
		length = snprintf(path, FASTIPC_PATH_SIZE, "%s/fastipc", base);
	else if (geteuid() == 0)
		length = snprintf(path, FASTIPC_PATH_SIZE, "/run/fastipc");
	else
		length = snprintf(path, FASTIPC_PATH_SIZE, "/tmp/fastipc-%u",
				  (unsigned int)geteuid());
	return length < FASTIPC_PATH_SIZE ? 0 : path_too_long();
}

static int parse_path(const char *path, struct fastipc_address *parsed)
{
	size_t length = strnlen(path, FASTIPC_PATH_SIZE);
	const char *base;

	if (length == FASTIPC_PATH_SIZE)
		return path_too_long();
	base = strrchr(path, '/') + 1;
	if (!*base || !strcmp(base, ".") || !strcmp(base, ".."))
		return fastipc_fail(-EINVAL,
				    "\"%s\" is a directory: add the socket's "
				    "file name",
				    path);
	memcpy(parsed->path, path, length + 1);
	parsed->directory = (unsigned int)(base - 1 - path);
	parsed->named = false;
	return 0;
}

static int parse_name(const char *name, struct fastipc_address *parsed)
{
	int ret = fastipc_name_check(name);
	size_t directory, length;

	if (!ret)
		ret = fastipc_runtime_directory(parsed->path);
	if (ret)
		return ret;
	directory = strlen(parsed->path);
	length = strlen(name);
	if (directory + 1 + length >= FASTIPC_PATH_SIZE)
		return path_too_long();
	parsed->path[directory] = '/';
	memcpy(parsed->path + directory + 1, name, length + 1);
	parsed->directory = (unsigned int)directory;
	parsed->named = true;
	return 0;
}

int fastipc_address_transport(const struct fastipc_address *address,
			      enum fastipc_transport *transport)
{
	/* Not of a set-uid program's environment: its caller wrote that. */
	const char *word = secure_getenv("FASTIPC_TRANSPORT");

	*transport = address->transport;
	if (address->transport != FASTIPC_TRANSPORT_AUTO)
		return 0;
	if (!word || !*word || !strcmp(word, "auto"))
		return 0;
	if (!strcmp(word, "memfd"))
		*transport = FASTIPC_TRANSPORT_MEMFD;
	else if (!strcmp(word, "kmod"))
		*transport = FASTIPC_TRANSPORT_KMOD;
	else
		return fastipc_fail(-EINVAL,
				    "FASTIPC_TRANSPORT is \"%s\": it may be "
				    "auto, memfd or kmod",
				    word);
	return 0;
}

int fastipc_address_parse(const char *address, struct fastipc_address *parsed)
{
	memset(parsed, 0, sizeof(*parsed));
	if (!address)
		return fastipc_fail(-EINVAL, "no address was given");
	if (!strncmp(address, "kmod:", 5)) {
		parsed->transport = FASTIPC_TRANSPORT_KMOD;
		address += 5;
	} else if (!strncmp(address, "memfd:", 6)) {
		parsed->transport = FASTIPC_TRANSPORT_MEMFD;
		address += 6;
	}
	if (strchr(address, '/'))
		return parse_path(address, parsed);
	return parse_name(address, parsed);
}

int fastipc_address_path(const char *address, char path[108])
{
	struct fastipc_address parsed;
	int ret = fastipc_address_parse(address, &parsed);

	if (!ret)
		memcpy(path, parsed.path, sizeof(parsed.path));
	return ret;
}

const char *fastipc_address_base(const struct fastipc_address *address)
{
	return address->path + address->directory + 1;
}

static int check_safe(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		return fastipc_fail(-errno, "cannot fstat %s: %s", path,
				    strerrordesc_np(errno));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fastipc_fail(-EACCES,
				    "%s belongs to uid %u, who could pose as "
				    "any server: remove it or set "
				    "XDG_RUNTIME_DIR",
				    path, (unsigned int)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return fastipc_fail(-EACCES,
				    "%s is writable by others, who could pose "
				    "as any server: chmod go-w it",
				    path);
	return 0;
}

static int open_failed(const char *path, bool named)
{
	int error = errno;

	if (error == ENOENT)
		return fastipc_fail(-ENOENT, "there is no directory %s", path);
	/* O_NOFOLLOW on a symlink; or a file is in the directory's place. */
	if (error == ELOOP || error == ENOTDIR)
		return fastipc_fail(named ? -EACCES : -ENOTDIR,
				    named ? "%s is not a directory: remove it"
					  : "%s is not a directory: choose "
					    "another path",
				    path);
	return fastipc_fail(-error, "cannot open the directory %s: %s", path,
			    fastipc_system_error(error));
}

int fastipc_address_open_directory(const struct fastipc_address *address,
				   bool create)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	char path[FASTIPC_PATH_SIZE] = "/";
	int fd, ret;

	if (address->directory) {
		memcpy(path, address->path, address->directory);
		path[address->directory] = '\0';
	}
	if (address->named && create && mkdir(path, 0700) && errno != EEXIST)
		return fastipc_fail(-errno,
				    "cannot make the directory %s (%s): set "
				    "XDG_RUNTIME_DIR to one that is yours",
				    path, strerrordesc_np(errno));
	fd = open(path, address->named ? flags | O_NOFOLLOW : flags);
	if (fd < 0)
		return open_failed(path, address->named);
	ret = address->named ? check_safe(fd, path) : 0;
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}
