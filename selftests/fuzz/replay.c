// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target without libFuzzer: on all files of its corpus, as a test
 * that prints TAP; on the files that are named; or, built by AFL++'s compiler
 * and without a name, on what that gives.
 */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

#define CORPUS "selftests/fuzz/corpus"

#ifdef __AFL_FUZZ_TESTCASE_LEN
#include <unistd.h>

__AFL_FUZZ_INIT();

static void run_afl(void)
{
	const unsigned char *data;

	__AFL_INIT();
	data = __AFL_FUZZ_TESTCASE_BUF;
	while (__AFL_LOOP(10000)) {
		size_t size = (size_t)__AFL_FUZZ_TESTCASE_LEN;
		uint8_t *copy = fuzz_copy(data, size);

		LLVMFuzzerTestOneInput(copy, size);
		free(copy);
	}
}
#endif

static int run_file(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *data = NULL, *copy;
	size_t size = 0, count;

	if (!file) {
		printf("# cannot read %s: %s\n", path, strerror(errno));
		return -errno;
	}
	do {
		data = realloc(data, size + 65536);
		EXPECT(data);
		count = fread(data + size, 1, 65536, file);
		size += count;
	} while (count);
	fclose(file);
	copy = fuzz_copy(data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	free(data);
	return 0;
}

/* How many files there were, or -1. */
static int run_corpus(const char *target)
{
	char directory[512], path[1024];
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	snprintf(directory, sizeof(directory), CORPUS "/%s", target);
	dir = opendir(directory);
	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		/* So that the log tells of which one it died. */
		printf("# %s\n", path);
		fflush(stdout);
		if (run_file(path)) {
			count = -1;
			break;
		}
		count++;
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *target = slash ? slash + 1 : argv[0];
	int count, failed = 0;

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			failed |= run_file(argv[i]);
		return failed ? 1 : 0;
	}
#ifdef __AFL_FUZZ_TESTCASE_LEN
	run_afl();
	return 0;
#endif
	count = run_corpus(target);
	printf("%sok 1 - %s: %d inputs\n1..1\n", count > 0 ? "" : "not ",
	       target, count);
	return count > 0 ? 0 : 1;
}
