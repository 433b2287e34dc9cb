// SPDX-License-Identifier: MIT
/*
 * `fastipc bench codec`: a program beside this one, as it needs libraries that
 * nothing else of fastipc needs; tools/bench/codec/ has it.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "fastipc/commands.h"

#define PROGRAM "fastipc-bench-codec"

int bench_codec(char **argv)
{
	char path[PATH_MAX + sizeof(PROGRAM)];
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;

	if (size < 0) {
		complain("bench", "cannot tell where I am: %s",
			 strerror(errno));
		return EXIT_FAILED;
	}
	path[size] = '\0';
	slash = strrchr(path, '/');
	memcpy(slash ? slash + 1 : path, PROGRAM, sizeof(PROGRAM));
	argv[0] = path;
	execv(path, argv);
	if (errno == ENOENT)
		complain("bench",
			 "there is no %s: `make bench-codec` in the source "
			 "tree builds it and runs it there",
			 path);
	else
		complain("bench", "cannot run %s: %s", path, strerror(errno));
	return EXIT_FAILED;
}
