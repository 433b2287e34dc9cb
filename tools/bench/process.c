// SPDX-License-Identifier: MIT
/*
 * Reads /proc/PID for the memory of a process, and its CPU-time clock.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "process.h"

/* The number after "@key:" in /proc/@pid/@file. */
static double read_field(pid_t pid, const char *file, const char *key)
{
	size_t length = strlen(key);
	double value = NAN;
	char path[64];
	char line[256];
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	stream = fopen(path, "re");
	if (!stream)
		return NAN;
	while (fgets(line, sizeof(line), stream)) {
		if (!strncmp(line, key, length) && line[length] == ':' &&
		    sscanf(line + length + 1, "%lf", &value) == 1)
			break;
	}
	fclose(stream);
	return value;
}

static double count_descriptors(pid_t pid)
{
	char path[64];
	double count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	if (!directory)
		return NAN;
	for (struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

void process_memory_read(pid_t pid, struct process_memory *memory)
{
	memory->rss = read_field(pid, "status", "VmRSS");
	memory->pss = read_field(pid, "smaps_rollup", "Pss");
	memory->page_tables = read_field(pid, "status", "VmPTE");
	memory->descriptors = count_descriptors(pid);
}

double process_cpu_ns(clockid_t clock)
{
	struct timespec time;

	if (clock_gettime(clock, &time))
		return NAN;
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}
