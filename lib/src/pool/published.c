// SPDX-License-Identifier: MIT
/*
 * The pools of other processes, found in /proc/PID/fd.  What they say is
 * somebody else's: it is read once, into memory of our own, and bounded.
 */
#include "pool/published.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fastipc/codec.h>
#include <fastipc/discover.h>

#include "base/error.h"

/* A process that is stopped while it writes is passed over. */
#define READ_ATTEMPTS 20
#define READ_AGAIN_US 100

struct search {
	char path[108]; /* of a server; "": any */
	int (*found)(const struct fastipc_pool_page *page, pid_t pid, uid_t uid,
		     void *context);
	void *context;
	struct fastipc_pool_page *page; /* the one that was read */
};

/* Whether the file at @fd is the memory of a memfd; what else it may be is not
 * opened, for that alone may have an effect. */
static bool is_memory(int fd)
{
	struct statfs system;
	struct stat file;

	return !fstat(fd, &file) && S_ISREG(file.st_mode) &&
	       file.st_size >= (off_t)sizeof(struct fastipc_pool_page) &&
	       !fstatfs(fd, &system) && system.f_type == TMPFS_MAGIC;
}

/* The file that /proc/PID/fd has under @name, for reading; or -1. */
static int open_page(int directory, const char *name)
{
	char link[sizeof(FASTIPC_POOL_LINK) + 1], path[40];
	ssize_t length = readlinkat(directory, name, link, sizeof(link));
	int place, fd = -1;

	if (length != sizeof(FASTIPC_POOL_LINK) - 1 ||
	    memcmp(link, FASTIPC_POOL_LINK, (size_t)length) != 0)
		return -1;
	place = openat(directory, name, O_PATH | O_CLOEXEC);
	if (place < 0)
		return -1;
	if (is_memory(place)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	close(place);
	return fd;
}

/* An even number: nobody was writing. */
static bool read_sequence(int fd, uint64_t *sequence)
{
	return pread(fd, sequence, sizeof(*sequence),
		     offsetof(struct fastipc_pool_page, sequence)) ==
		       sizeof(*sequence) &&
	       !(*sequence & 1);
}

static bool read_page(int fd, struct fastipc_pool_page *page)
{
	for (int i = 0; i < READ_ATTEMPTS; i++) {
		uint64_t before, after;

		/* Pairs with fastipc_pool_write_down(). */
		if (read_sequence(fd, &before) &&
		    pread(fd, page, sizeof(*page), 0) == sizeof(*page) &&
		    read_sequence(fd, &after) && before == after)
			return true;
		usleep(READ_AGAIN_US);
	}
	return false;
}

/*
 * UTF-8, for a label must be, without control characters, for a terminal may do
 * as they say: what is none has '?' for its bytes.
 */
static void make_text(char *text, size_t room)
{
	unsigned char before = 0;
	bool valid;

	text[room - 1] = '\0';
	valid = fastipc_utf8_valid(text, strlen(text));
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < ' ' || byte == 0x7f || (!valid && byte > 0x7f))
			*text = '?';
		/* U+0080 to U+009F. */
		if (valid && before == 0xc2 && byte < 0xa0)
			text[-1] = *text = '?';
		before = byte;
	}
}

/* What is written is believed, but not what is read by it. */
static bool check_page(struct fastipc_pool_page *page)
{
	if (page->magic != FASTIPC_POOL_MAGIC || page->size != sizeof(*page) ||
	    page->figures.stats.endpoints > FASTIPC_POOL_ENDPOINTS_MAX)
		return false;
	page->figures.stats.size = sizeof(page->figures.stats);
	make_text(page->name, sizeof(page->name));
	for (uint32_t i = 0; i < page->figures.stats.endpoints; i++)
		make_text(page->figures.endpoints[i].address,
			  FASTIPC_POOL_ADDRESS_SIZE);
	return true;
}

static bool has_server(const struct fastipc_pool_page *page, const char *path)
{
	char other[108];

	for (uint32_t i = 0; i < page->figures.stats.endpoints; i++)
		if (!fastipc_address_path(page->figures.endpoints[i].address,
					  other) &&
		    !strcmp(other, path))
			return true;
	return false;
}

/* As the process knows itself: its children have its descriptors, too. */
static uint64_t own_pid(int process)
{
	char line[256];
	uint64_t pid = 0;
	int fd = openat(process, "status", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file && fd >= 0)
		close(fd);
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "NSpid:", 6)) {
			const char *last = strrchr(line, '\t');

			pid = strtoull(last ? last + 1 : line + 6, NULL, 10);
			break;
		}
	if (file)
		fclose(file);
	return pid;
}

static int look_at(struct search *search, int process, pid_t pid, uid_t uid,
		   int fd)
{
	struct fastipc_pool_page *page = search->page;

	if (!read_page(fd, page) || !check_page(page) ||
	    page->pid != own_pid(process))
		return 0;
	if (*search->path && !has_server(page, search->path))
		return 0;
	return search->found(page, pid, uid, search->context);
}

static int search_process(struct search *search, int process, pid_t pid)
{
	int directory =
		openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = directory < 0 ? NULL : fdopendir(directory);
	struct dirent *entry;
	struct stat owner;
	int ret = 0;

	if (!entries || fstat(process, &owner)) {
		if (entries)
			closedir(entries);
		else if (directory >= 0)
			close(directory);
		return 0; /* it is gone, or somebody else's */
	}
	while (!ret && (entry = readdir(entries))) {
		int fd = open_page(directory, entry->d_name);

		if (fd < 0)
			continue;
		ret = look_at(search, process, pid, owner.st_uid, fd);
		close(fd);
	}
	closedir(entries);
	return ret;
}

static int search_all(struct search *search)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	int ret = 0;

	if (!processes)
		return fastipc_fail(-errno, "cannot read /proc: %s",
				    strerrordesc_np(errno));
	while (!ret && (entry = readdir(processes))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		int process;

		if (pid <= 0 || *end)
			continue;
		process = openat(dirfd(processes), entry->d_name,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		ret = search_process(search, process, (pid_t)pid);
		close(process);
	}
	closedir(processes);
	return ret;
}

static int search_for(const char *address, struct search *search)
{
	int ret = address ? fastipc_address_path(address, search->path) : 0;

	if (ret)
		return ret;
	search->page = malloc(sizeof(*search->page));
	if (!search->page)
		return fastipc_fail(-ENOMEM, "no memory to look at pools");
	ret = search_all(search);
	free(search->page);
	return ret;
}

/* ---- in numbers ---- */

struct listing {
	int (*found)(const struct fastipc_pool_info *info, void *context);
	void *context;
};

static uint64_t since(uint64_t then)
{
	uint64_t now = fastipc_now_ns();

	return now > then ? now - then : 0;
}

static int list(const struct fastipc_pool_page *page, pid_t pid, uid_t uid,
		void *context)
{
	const struct listing *listing = context;
	struct fastipc_pool_info info = {
		.pid = pid,
		.uid = uid,
		.id = page->id,
		.age_ns = since(page->began_ns),
		.written_ns = since(page->written_ns),
		.stats = page->figures.stats,
		.endpoints = page->figures.endpoints,
	};

	memcpy(info.name, page->name, sizeof(info.name));
	return listing->found(&info, listing->context);
}

int fastipc_list_pools(const char *address,
		       int (*found)(const struct fastipc_pool_info *info,
				    void *context),
		       void *context)
{
	struct listing listing = { .found = found, .context = context };
	struct search search = { .found = list, .context = &listing };

	if (!found)
		return fastipc_fail(-EINVAL, "found is NULL");
	return search_for(address, &search);
}

/* ---- as text ---- */

struct gathering {
	struct fastipc_pool_source **sources;
	size_t count;
};

static int gather(const struct fastipc_pool_page *page, pid_t pid, uid_t uid,
		  void *context)
{
	struct gathering *gathering = context;
	struct fastipc_pool_source **sources = realloc(
		gathering->sources,
		(gathering->count + 1) * sizeof(struct fastipc_pool_source *));
	struct fastipc_pool_source *source = malloc(sizeof(*source));

	(void)uid;
	if (sources)
		gathering->sources = sources;
	if (!sources || !source) {
		free(source);
		return fastipc_fail(-ENOMEM, "no memory for the text");
	}
	fastipc_pool_label(source, page->name, (uint64_t)pid, page->id);
	source->figures = page->figures;
	sources[gathering->count++] = source;
	return 0;
}

int fastipc_pools_prometheus(const char *address, struct fastipc_buffer *text)
{
	struct gathering gathering = { 0 };
	struct search search = { .found = gather, .context = &gathering };
	int ret;

	if (!text)
		return fastipc_fail(-EINVAL, "text is needed");
	ret = search_for(address, &search);
	if (!ret)
		ret = fastipc_pool_write_text(gathering.sources,
					      gathering.count, text);
	for (size_t i = 0; i < gathering.count; i++)
		free(gathering.sources[i]);
	free(gathering.sources);
	return ret;
}
