/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The kernel's harness, with more time for each test than its 30 s: a kernel
 * with KASAN and lockdep in an emulated machine on a busy host takes it.  With
 * what tests of namespaces (see device.h) expect in common.
 */
#ifndef SELFTESTS_KMOD_HARNESS_H
#define SELFTESTS_KMOD_HARNESS_H

#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

/* That the child has ended well; it skips the test if that got no namespaces. */
#define EXPECT_REAPED(pid) \
	do { \
		int status_ = reap(pid); \
\
		if (status_ == NO_NAMESPACE) \
			SKIP(return, "no new namespaces"); \
		EXPECT_EQ(0, status_); \
	} while (0)

#endif
