/* SPDX-License-Identifier: MIT */
/* The memory this process uses: /proc/self/smaps_rollup and status. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

/* No stdio: its buffers would be part of what is measured. */
static void read_text(const char *path, char *text, size_t capacity)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, capacity - 1);

	text[size > 0 ? size : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static uint64_t field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

void memory_use_read(struct memory_use *use)
{
	char text[2048];

	read_text("/proc/self/smaps_rollup", text, sizeof(text));
	use->rss_kib = field(text, "\nRss:");
	use->pss_kib = field(text, "\nPss:");
	read_text("/proc/self/status", text, sizeof(text));
	use->peak_kib = field(text, "\nVmHWM:");
	if (!use->rss_kib)
		use->rss_kib = field(text, "\nVmRSS:");
}
