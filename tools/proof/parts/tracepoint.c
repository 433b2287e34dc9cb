// SPDX-License-Identifier: MIT
/*
 * The tracepoint raw_syscalls:sys_enter, by perf_event_open(2).
 */
#include "tracepoint.h"

#include <dirent.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Its number; -1: tracefs is not mounted, or not for this user. */
static long tracepoint_id(void)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
		"/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id",
	};
	long id = -1;

	for (size_t i = 0; id < 0 && i < sizeof(paths) / sizeof(*paths); i++) {
		FILE *file = fopen(paths[i], "re");

		if (file && fscanf(file, "%ld", &id) != 1)
			id = -1;
		if (file)
			fclose(file);
	}
	return id;
}

static int open_thread(long id, pid_t thread)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = (unsigned long long)id,
	};

	return (int)syscall(SYS_perf_event_open, &attr, thread, -1, -1,
			    PERF_FLAG_FD_CLOEXEC);
}

void tracepoint_open(struct tracepoint *tracepoint, pid_t pid)
{
	long id = tracepoint_id();
	char path[32];
	DIR *threads;

	tracepoint->count = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = id < 0 ? NULL : opendir(path);
	if (!threads)
		return;
	for (struct dirent *entry; (entry = readdir(threads));) {
		int thread = atoi(entry->d_name);
		int fd = thread ? open_thread(id, thread) : -1;

		if (!thread)
			continue;
		if (fd < 0 || tracepoint->count == TRACEPOINT_THREADS) {
			/* Some are not all. */
			tracepoint_close(tracepoint);
			break;
		}
		tracepoint->threads[tracepoint->count++] = fd;
	}
	closedir(threads);
}

uint64_t tracepoint_read(const struct tracepoint *tracepoint)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < tracepoint->count; i++) {
		uint64_t value;

		if (read(tracepoint->threads[i], &value, sizeof(value)) ==
		    sizeof(value))
			sum += value;
	}
	return sum;
}

void tracepoint_close(struct tracepoint *tracepoint)
{
	for (unsigned int i = 0; i < tracepoint->count; i++)
		close(tracepoint->threads[i]);
	tracepoint->count = 0;
}
