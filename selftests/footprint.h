/* SPDX-License-Identifier: MIT */
/*
 * What a process holds: descriptors and mapped regions, to see what a test
 * left behind.
 */
#ifndef SELFTESTS_FOOTPRINT_H
#define SELFTESTS_FOOTPRINT_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* Open descriptors, less the one that counts. */
static inline int count_descriptors(void)
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

/* Mappings whose line in /proc/self/maps has @word ("": all of them). */
static inline int count_mappings(const char *word)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	int count = 0;

	if (!maps)
		return -1;
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, word) != NULL;
	fclose(maps);
	return count;
}

/* Bytes of address space in use. */
static inline unsigned long address_space(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!statm)
		return 0;
	if (fscanf(statm, "%lu", &pages) != 1)
		pages = 0;
	fclose(statm);
	return pages * 4096;
}

struct footprint {
	int descriptors;
	int regions;
};

/* Of either transport. */
static inline struct footprint footprint_now(void)
{
	return (struct footprint){
		.descriptors = count_descriptors(),
		.regions = count_mappings("memfd:fastipc") +
			   count_mappings("anon_inode:[fastipc]"),
	};
}

#define assert_footprint(before) \
	do { \
		struct footprint now_ = footprint_now(); \
\
		assert_int_equal(now_.descriptors, (before).descriptors); \
		assert_int_equal(now_.regions, (before).regions); \
	} while (0)

/* ---- tests after which the process holds what it held before ---- */

static struct footprint footprint_noted;

static inline int footprint_note(void **state)
{
	(void)state;
	footprint_noted = footprint_now();
	return 0;
}

static inline int footprint_check(void **state)
{
	struct footprint now = footprint_now();

	(void)state;
	return now.descriptors != footprint_noted.descriptors ||
	       now.regions != footprint_noted.regions;
}

#define footprint_test(name) \
	cmocka_unit_test_setup_teardown(name, footprint_note, footprint_check)

#endif
